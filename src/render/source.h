/* SPDX-License-Identifier: MIT */
/*
 * source.h -- the source document of a page (engine.h), kept and changed
 * record by record.
 */
#ifndef CNC_RENDER_SOURCE_H
#define CNC_RENDER_SOURCE_H

#include <libxml/tree.h>

#include "../base/table.h"
#include "engine.h"
#include "tree.h"

struct cnc__memo { /* what a region made of a record */
    struct cnc__memo *next;
    const void *inst; /* the region's element in the sheet */
    struct cnc__frag *frag;
};

struct cnc__record { /* node->_private points here */
    unsigned magic;
    xmlNodePtr node;
    struct cnc__memo *memos;
};

struct cnc__wrapper {
    char *name; /* of the PubSub node */
    xmlNodePtr node;
    struct cnc__table *records; /* item id -> struct cnc__record */
};

struct cnc__source {
    xmlDocPtr doc;
    struct cnc__wrapper *wrappers;
    size_t n_wrappers;
};

/* The record that n is, or NULL. */
struct cnc__record *cnc__source_record(const struct cnc__source *s,
                                       const xmlNode *n);
struct cnc__frag *cnc__record_memo(const struct cnc__record *r,
                                   const void *inst); /* borrowed, or NULL */
/* Steals frag. */
void cnc__record_memo_put(struct cnc__record *r, const void *inst,
                          struct cnc__frag *frag);
/* All records forget what was made of them. */
void cnc__source_forget(struct cnc__source *s);

int cnc__source_read(struct cnc__source *out, const char *xml, size_t len,
                     struct cnc_error *err);
void cnc__source_fini(struct cnc__source *s);
int cnc__source_upsert(struct cnc__source *s, const char *node, const char *id,
                       const char *xml, size_t len, struct cnc_error *err);
/* *changed: something was there. */
int cnc__source_remove(struct cnc__source *s, const char *node, const char *id,
                       bool *changed, struct cnc_error *err);
/* False: nothing changed. */
bool cnc__source_meta(struct cnc__source *s, const char *node,
                      const char *name, const char *value);

#endif /* CNC_RENDER_SOURCE_H */
