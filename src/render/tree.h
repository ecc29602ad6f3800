/* SPDX-License-Identifier: MIT */
/*
 * tree.h -- the safe tree: what a page is after the allow-list.
 *
 * Nodes never change once made and have no parent pointer, so that the output
 * of a record (a fragment) may stand in the old tree and in the new one.
 * Each node carries a keyed hash of its whole subtree: equal hashes are taken
 * as equal subtrees.
 *
 *   tree --owns--> arena: html, head, body, ...
 *        --refs--> fragment --owns--> arena: <li id="b1">...</li>
 */
#ifndef CNC_RENDER_TREE_H
#define CNC_RENDER_TREE_H

#include "../base/arena.h"
#include "../base/str.h"
#include "proto.h"

struct cnc__rattr {
    const char *name, *value;
    uint32_t len; /* of value */
};

struct cnc__rnode {
    bool text;
    uint8_t tag;      /* CNC__TAG_...; elements alone */
    uint16_t n_attrs; /* elements alone */
    uint32_t n_kids;  /* of a text: bytes of data */
    uint64_t hash;    /* of the subtree */
    const char *id;   /* value of the attribute id, or NULL */
    union {
        const struct cnc__rattr *attrs;
        const char *data;
    };
    const struct cnc__rnode **kids;
};

struct cnc__rid { /* an id and its hash */
    uint64_t hash;
    const char *id;
};

struct cnc__frag { /* what one record became */
    unsigned magic;
    unsigned refs;
    struct cnc__arena arena;
    const struct cnc__rnode **tops; /* elements alone */
    uint32_t n_tops, n_ids;
    struct cnc__rid *ids; /* every id below, in document order */
    size_t bytes;         /* of HTML */
    uint64_t place;       /* cnc__rbuild_place() when it was made */
};

/* What only some see: in the tree stands an empty element, and what belongs
 * into it beside the tree, so that no patch can have it.  In a list, a table
 * or a choice, where that element must be of the right kind, the part is one
 * element: the empty one is of its kind, hidden, and becomes it. */
#define CNC__PART_ATTR "data-cnc-part"
/* Of <c:part> in a sheet that was read: "SHEET:LINE" (sheets.h). */
#define CNC__PART_AT "cnc-at"

struct cnc__rpart {
    const struct cnc__rnode *node; /* the empty element */
    const char *for_;              /* "users", "guests", roles */
    const struct cnc__rnode **kids;
    uint32_t n_kids;
    bool becomes;  /* node is hidden, and is kids[0] for whoever sees it */
    uint64_t hash; /* of all that */
};

struct cnc__rtree {
    unsigned magic;
    struct cnc__arena arena;
    const struct cnc__rnode *root; /* html */
    struct cnc__frag **frags;      /* a reference each */
    size_t n_frags, cap_frags;
    size_t bytes;                            /* of HTML, about */
    struct cnc__rpart parts[CNC__PARTS_MAX]; /* in document order */
    size_t n_parts;
    bool too_many_parts;
    const char *bad_part; /* what is wrong with the first that is, or NULL */
    const char *bad_part_at; /* as its attribute CNC__PART_AT says, or "" */
};

CNC_API struct cnc__frag *cnc__frag_new(void);
CNC_API struct cnc__frag *cnc__frag_ref(struct cnc__frag *f);
CNC_API void cnc__frag_unref(struct cnc__frag **fp);

CNC_API struct cnc__rtree *cnc__rtree_new(void);
CNC_API void cnc__rtree_free(struct cnc__rtree **tp);
/* The tree holds a reference of its own from now on. */
CNC_API void cnc__rtree_add_frag(struct cnc__rtree *t, struct cnc__frag *f);

/* SipHash-1-3 under this process's key. */
CNC_API uint64_t cnc__rhash(const void *data, size_t len);

/* html.c: the tree as an HTML document.  parts, unless NULL, gets the list of
 * docs/protocol.md: where each part belongs, for whom it is, its HTML. */
CNC_API void cnc__rtree_html(const struct cnc__rtree *t, const char *head_html,
                             struct cnc__str *out, struct cnc__str *parts);

/* diff.c: append <patch> from a to b; nothing when they are equal; a patch
 * larger than max bytes becomes <resync/>. */
CNC_API void cnc__rtree_diff(const struct cnc__rtree *a,
                             const struct cnc__rtree *b, size_t max,
                             struct cnc__str *out);

#endif /* CNC_RENDER_TREE_H */
