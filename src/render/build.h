/* SPDX-License-Identifier: MIT */
/*
 * build.h -- from a stream of elements and texts to the safe tree.
 *
 * Two things are enforced here and nowhere else: the allow-list (allow.h),
 * and that the browser's HTML parser, reading what html.c writes, gives back
 * exactly this tree, so that the indexes of a patch hold.  For the second:
 * texts are joined and never empty; what the parser would move, close or
 * insert by itself is moved, renamed or inserted here (nest.c).
 *
 *   open(ul) open(li) text(a) close() close()
 *
 * Every open() is answered by a close(), also one that made nothing.
 */
#ifndef CNC_RENDER_BUILD_H
#define CNC_RENDER_BUILD_H

#include "allow.h"
#include "tree.h"

/* Browsers flatten what is nested deeper than 512. */
#define CNC__RBUILD_MAX_DEPTH 200

struct cnc__attr_in {
    const char *name, *value; /* NUL-terminated, any case, any content */
};

enum cnc__rbuild_open {
    CNC__RBUILD_PUSH,   /* an element is open */
    CNC__RBUILD_UNWRAP, /* its children take its place */
    CNC__RBUILD_SKIP    /* leave its children out */
};

/* Where in the input document we are. */
enum cnc__rbuild_level {
    CNC__LEVEL_TOP,
    CNC__LEVEL_HTML,
    CNC__LEVEL_HEAD,
    CNC__LEVEL_BODY
};

struct cnc__rbuild_entry { /* an open element of the result */
    uint8_t tag;
    bool implied; /* inserted by us: tbody, tr, td, colgroup */
    bool head;    /* goes to the head when it is closed */
    uint16_t n_attrs;
    const struct cnc__rattr *attrs;
    const char *id;
    size_t kids_from;
};

struct cnc__rbuild_input { /* an open element of the input */
    uint8_t answer;        /* enum cnc__rbuild_open */
    uint8_t level;         /* before it */
};

struct cnc__rbuild {
    struct cnc__rtree *tree;
    struct cnc__arena *arena; /* the tree's, or a fragment's */
    size_t max_bytes;
    const char *prefix; /* of addresses; NULL: none.  Set it after init() */
    bool too_big;
    bool bail; /* a fragment cannot be kept: render without fragments */

    struct cnc__rbuild_entry *stack; /* [0] is the body */
    size_t n_stack, cap_stack;
    struct cnc__rbuild_input *input;
    size_t n_input, cap_input;
    const struct cnc__rnode **kids; /* of all open elements */
    size_t n_kids, cap_kids;
    const struct cnc__rnode **head;
    size_t n_head, cap_head;
    struct cnc__str text;    /* not yet a node */
    struct cnc__str scratch; /* what is hashed */
    struct cnc__rid *ids;    /* open addressing, cap_ids slots */
    size_t n_ids, cap_ids;
    uint8_t level;
    bool seen_body, seen_title;
    const struct cnc__rattr *html_attrs, *body_attrs;
    uint16_t n_html_attrs, n_body_attrs;
    const char *html_id, *body_id;

    struct cnc__frag *frag; /* under way, or NULL */
    bool frag_landed;       /* its first element is open, or was */
    size_t frag_parent;     /* then: the entry that gets its elements */
    size_t frag_kids;       /* then: n_kids before it */
    size_t frag_bytes;
    struct cnc__rid *frag_ids;
    size_t n_frag_ids, cap_frag_ids;

    int part_in;      /* the tag that the part under way stands in, or 0: it
                         has an element of its own */
    size_t part_from; /* then: n_kids before it */
};

/* Fill a new tree. */
CNC_API void cnc__rbuild_init(struct cnc__rbuild *b, struct cnc__rtree *tree,
                              size_t max_bytes);
CNC_API void cnc__rbuild_fini(struct cnc__rbuild *b);
CNC_API enum cnc__rbuild_open
cnc__rbuild_open(struct cnc__rbuild *b, const char *name,
                 const struct cnc__attr_in *attrs, size_t n_attrs);
/* An element of a namespace that is not ours: its own name counts only if it
 * is one that is dropped whole. */
CNC_API enum cnc__rbuild_open cnc__rbuild_open_foreign(struct cnc__rbuild *b,
                                                       const char *name);
CNC_API void cnc__rbuild_text(struct cnc__rbuild *b, const char *s,
                              size_t len);
CNC_API void cnc__rbuild_close(struct cnc__rbuild *b);
/* What stands between them is a part (tree.h).  False: there can be none here,
 * its children are left out and end is not called. */
CNC_API bool cnc__rbuild_part_begin(struct cnc__rbuild *b);
/* at: where the sheet says it.  What cannot stand there is tree->bad_part. */
CNC_API void cnc__rbuild_part_end(struct cnc__rbuild *b, const char *for_,
                                  const char *at);
/* The tree is complete. */
CNC_API void cnc__rbuild_done(struct cnc__rbuild *b);

/*
 * Fragments.  begin, the record's output, end: *new*, or NULL with b->bail
 * set when the output is not a row of elements of one parent whose shape
 * depends on nothing outside.  put: the same at the place we are at; b->bail
 * when it was made for another kind of place or an id is taken.
 */
CNC_API void cnc__rbuild_frag_begin(struct cnc__rbuild *b);
CNC_API struct cnc__frag *cnc__rbuild_frag_end(struct cnc__rbuild *b);
CNC_API void cnc__rbuild_frag_put(struct cnc__rbuild *b, struct cnc__frag *f);

/* nest.c.  Prepare the stack for an element or (tag CNC__TAG_N) a text that
 * is not all blank: what is implied is opened or closed.  *tag may be renamed.
 */
enum cnc__rbuild_open cnc__rbuild_nest(struct cnc__rbuild *b, int *tag);
/* Blank text is meaningless here, the parser may drop or move it. */
bool cnc__rbuild_blank_dropped(const struct cnc__rbuild *b);
/* All that the place we are at means to what is put there; 0: no place for
 * fragments. */
uint64_t cnc__rbuild_place(const struct cnc__rbuild *b);
bool cnc__rbuild_void(int tag);

/* build.c, for nest.c and part.c. */
void cnc__rbuild_push(struct cnc__rbuild *b, int tag, bool implied);
void cnc__rbuild_pop(struct cnc__rbuild *b);
void cnc__rbuild_flush_text(struct cnc__rbuild *b);
const struct cnc__rnode *
cnc__rbuild_element(struct cnc__rbuild *b, const struct cnc__rbuild_entry *e,
                    const struct cnc__rnode *const *kids, size_t n_kids);
void cnc__rbuild_kid(struct cnc__rbuild *b, const struct cnc__rnode *n);

#endif /* CNC_RENDER_BUILD_H */
