/* SPDX-License-Identifier: MIT */
/*
 * attrs.h -- the attributes of one element, through the allow-list.
 */
#ifndef CNC_RENDER_ATTRS_H
#define CNC_RENDER_ATTRS_H

#include "build.h"

/* What is allowed of in[], in its order, in *out (of arena); how many.
 * Addresses are below prefix; NULL: as they are. */
size_t cnc__attrs_filter(struct cnc__arena *arena,
                         const struct cnc__rattr **out, int tag,
                         const struct cnc__attr_in *in, size_t n_in,
                         const char *prefix);
/* May an element with these attributes be there at all? */
bool cnc__attrs_element(int tag, const struct cnc__rattr *attrs, size_t n);
const char *cnc__attrs_get(const struct cnc__rattr *attrs, size_t n,
                           const char *name); /* or NULL */

#endif /* CNC_RENDER_ATTRS_H */
