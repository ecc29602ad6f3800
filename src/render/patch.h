/* SPDX-License-Identifier: MIT */
/*
 * patch.h -- the operations of docs/protocol.md as XML.
 */
#ifndef CNC_RENDER_PATCH_H
#define CNC_RENDER_PATCH_H

#include "build.h"

struct cnc__patch {
    struct cnc__str *out;
    size_t from, max;
    bool too_big; /* nothing is written any more: the page is fetched */
    bool some;
};

/* <op at="..." path="...": what is left open for more attributes.  path: n
 * child indexes, the outermost first. */
bool cnc__patch_op(struct cnc__patch *p, const char *op, const char *at,
                   const uint32_t *path, size_t n);
void cnc__patch_index(struct cnc__patch *p, const char *name, uint32_t i);
void cnc__patch_attr(struct cnc__patch *p, const char *name, const char *value,
                     size_t len);
/* "/>" */
void cnc__patch_end_empty(struct cnc__patch *p);
/* ">" content "</op>" */
void cnc__patch_end_text(struct cnc__patch *p, const char *op,
                         const char *data, size_t len);
void cnc__patch_end_nodes(struct cnc__patch *p, const char *op,
                          const struct cnc__rnode *const *nodes, size_t n);

/* <patch><resync/></patch>: the page is to be fetched. */
void cnc__patch_resync(struct cnc__str *out);
void cnc__patch_begin(struct cnc__patch *p, struct cnc__str *out, size_t max);
void cnc__patch_done(struct cnc__patch *p);

#endif /* CNC_RENDER_PATCH_H */
