/* SPDX-License-Identifier: MIT */
/*
 * build.h -- a frozen tree under construction: one buffer that grows, and the
 * children that wait for their parent's end.  Kept and used again for the
 * next tree.  Pointers into the buffer die with the next call: keep offsets.
 */
#ifndef CNC_XML_BUILD_H
#define CNC_XML_BUILD_H

#include "tree.h"

struct cnc__open {
    uint32_t element;
    uint32_t kids;       /* where its children begin in kids[] */
    uint32_t n_binds;    /* the parser's: bindings in scope outside it */
    uint32_t default_ns; /* the parser's: in scope outside it */
    uint32_t name_len;
    uint32_t prefix_len : 31;
    uint32_t wide : 1; /* the name may have characters from 0x80 */
};

struct cnc__build {
    char *base;
    uint32_t *kids;
    struct cnc__open *open;
    uint32_t len, cap;
    uint32_t n_kids, cap_kids;
    uint32_t n_open, cap_open;
    uint32_t first;
    uint32_t text; /* offset of the text that is growing at the end, or 0 */
};

void cnc__build_fini(struct cnc__build *b);
/* Start a tree. */
void cnc__build_begin(struct cnc__build *b);
void cnc__build_grow(struct cnc__build *b, size_t room);
void cnc__build_grow_kids(struct cnc__build *b);
void cnc__build_grow_open(struct cnc__build *b);
/* The finished tree's first element, copied to a block of its own: a *new*
 * reference.  b is between trees after. */
struct cnc_element *cnc__build_finish(struct cnc__build *b);

static inline void
cnc__build_room(struct cnc__build *b, size_t room)
{
    if ((size_t)b->len + room > b->cap) {
        cnc__build_grow(b, room);
    }
}

static inline void
cnc__build_align(struct cnc__build *b)
{
    b->len = (b->len + 3) & ~3u; /* room() leaves three bytes more */
}

/* The calls below need room made before. */

static inline uint32_t
cnc__build_string(struct cnc__build *b, const char *s, size_t len)
{
    uint32_t at = b->len;
    memcpy(b->base + at, s, len);
    b->base[at + len] = '\0';
    b->len = at + (uint32_t)len + 1;
    return at;
}

/* A namespace name: known, or copied. */
static inline uint32_t
cnc__build_ns(struct cnc__build *b, const char *s, size_t len)
{
    uint32_t known = cnc__known_find(s, len);
    return known != 0 ? known : cnc__build_string(b, s, len);
}

static inline void
cnc__build_kid(struct cnc__build *b, uint32_t kid)
{
    if (b->n_kids == b->cap_kids) {
        cnc__build_grow_kids(b);
    }
    b->kids[b->n_kids++] = kid;
}

/* A record for an element (or comment, PI) with its arrays still unset, as
 * the next child of the open one. */
static inline uint32_t
cnc__build_element(struct cnc__build *b, enum cnc_kind kind, unsigned line,
                   uint32_t n_attrs, uint32_t n_decls)
{
    cnc__build_align(b);
    uint32_t at = b->len;
    struct cnc__frozen *f = (struct cnc__frozen *)(b->base + at);
    f->head.magic = CNC__FROZEN_MAGIC;
    f->head.kind = kind;
    f->head.line = line;
    f->self = at;
    f->n_attrs = n_attrs;
    f->n_decls = n_decls;
    f->n_children = 0;
    f->children = 0;
    b->len = at + (uint32_t)(sizeof(*f) + n_attrs * sizeof(struct cnc__fattr) +
                             n_decls * sizeof(struct cnc__fdecl));
    if (b->n_open > 0) {
        cnc__build_kid(b, at);
    } else {
        b->first = at;
    }
    return at;
}

static inline struct cnc__frozen *
cnc__build_at(const struct cnc__build *b, uint32_t at)
{
    return (struct cnc__frozen *)(b->base + at);
}

static inline struct cnc__open *
cnc__build_push(struct cnc__build *b, uint32_t element)
{
    if (b->n_open == b->cap_open) {
        cnc__build_grow_open(b);
    }
    struct cnc__open *o = &b->open[b->n_open++];
    o->element = element;
    o->kids = b->n_kids;
    return o;
}

/* Makes its own room.  Texts that follow one another become one. */
static inline void
cnc__build_text(struct cnc__build *b, const char *s, size_t len)
{
    cnc__build_room(b, len + sizeof(struct cnc__ftext));
    if (b->text == 0) {
        cnc__build_align(b);
        b->text = b->len;
        b->len += sizeof(struct cnc__ftext);
        cnc__build_kid(b, b->text | 1);
    }
    memcpy(b->base + b->len, s, len);
    b->len += (uint32_t)len;
}

/* No more of this text. */
static inline void
cnc__build_text_end(struct cnc__build *b)
{
    if (b->text != 0) {
        struct cnc__ftext *t = (struct cnc__ftext *)(b->base + b->text);
        t->len = b->len - b->text - (uint32_t)sizeof(*t);
        b->base[b->len++] = '\0'; /* room() leaves bytes for it */
        b->text = 0;
    }
}

/* The open element is complete. */
void cnc__build_pop(struct cnc__build *b);

#endif /* CNC_XML_BUILD_H */
