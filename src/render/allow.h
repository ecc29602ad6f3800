/* SPDX-License-Identifier: MIT */
/*
 * allow.h -- which elements, attributes and addresses a page may hold: the
 * list of web/allow.json, which the browser's runtime uses as well.
 */
#ifndef CNC_RENDER_ALLOW_H
#define CNC_RENDER_ALLOW_H

#include "../base/str.h"

#define CNC__ALLOW_ENUMS
#include "allow_table.h"
#undef CNC__ALLOW_ENUMS

#define CNC__TAG_UNKNOWN (-1) /* replaced with its children */
#define CNC__TAG_DROPPED (-2) /* dropped with its children */

/* Names are compared without regard to ASCII case. */
CNC_API int cnc__allow_tag(const char *name);
CNC_API const char *cnc__allow_tag_name(int tag);
/* CNC__ATTR_..., CNC__ATTR_N for one with an allowed prefix (data-, aria-),
 * or -1.  *lower: the name in lower case, static or in buf[64]. */
CNC_API int cnc__allow_attr(const char *name, const char **lower,
                            char buf[64]);
/* May attribute attr of an element tag have this value?  Knows the addresses
 * alone; anything that is no address is allowed. */
CNC_API bool cnc__allow_value(int tag, int attr, const char *value);
/* One word of a link's rel. */
CNC_API bool cnc__allow_rel(const char *word);
/* An address of the same origin: no scheme, no host. */
CNC_API bool cnc__allow_relative(const char *url);
/* The value of attribute attr where the domain is below prefix ("/books") of
 * its site: addresses that begin at the root do so there.  False: it stays as
 * it is, and out has nothing of use. */
CNC_API bool cnc__allow_prefix(struct cnc__str *out, int attr,
                               const char *value, const char *prefix);

#endif /* CNC_RENDER_ALLOW_H */
