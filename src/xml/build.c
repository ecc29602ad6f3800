/* SPDX-License-Identifier: MIT */
/*
 * build.c -- a stanza in one block of memory, while it is parsed.
 */
#include "build.h"

/* Left free after every room(): for alignment and a text's NUL. */
#define SPARE 16

void
cnc__build_fini(struct cnc__build *b)
{
    cnc__free(b->base);
    cnc__free(b->kids);
    cnc__free(b->open);
    memset(b, 0, sizeof(*b));
}

void
cnc__build_begin(struct cnc__build *b)
{
    b->len = 0;
    b->n_kids = 0;
    b->n_open = 0;
    b->text = 0;
    cnc__build_room(b, sizeof(struct cnc__tree));
    memset(b->base, 0, sizeof(struct cnc__tree));
    b->len = sizeof(struct cnc__tree);
}

void
cnc__build_grow(struct cnc__build *b, size_t room)
{
    /* cap is what room() may use: SPARE bytes lie behind it. */
    size_t need = b->len + room;
    CNC_CHECK(room < CNC__KNOWN_BIT && need < CNC__KNOWN_BIT);
    size_t cap = b->cap < 2048 ? 2048 : b->cap;
    while (cap < need) {
        cap *= 2;
    }
    b->base = cnc__realloc(b->base, cap + SPARE, 1);
    b->cap = (uint32_t)cap;
}

void
cnc__build_grow_kids(struct cnc__build *b)
{
    b->cap_kids = b->cap_kids == 0 ? 64 : b->cap_kids * 2;
    b->kids = cnc__realloc(b->kids, b->cap_kids, sizeof(*b->kids));
}

void
cnc__build_grow_open(struct cnc__build *b)
{
    b->cap_open = b->cap_open == 0 ? 16 : b->cap_open * 2;
    b->open = cnc__realloc(b->open, b->cap_open, sizeof(*b->open));
}

void
cnc__build_pop(struct cnc__build *b)
{
    cnc__build_text_end(b);
    struct cnc__open *o = &b->open[--b->n_open];
    uint32_t n = b->n_kids - o->kids;
    if (n > 0) {
        cnc__build_room(b, n * sizeof(uint32_t));
        cnc__build_align(b);
        memcpy(b->base + b->len, b->kids + o->kids, n * sizeof(uint32_t));
        struct cnc__frozen *f = cnc__build_at(b, o->element);
        f->n_children = n;
        f->children = b->len;
        b->len += n * (uint32_t)sizeof(uint32_t);
        b->n_kids = o->kids;
    }
}

struct cnc_element *
cnc__build_finish(struct cnc__build *b)
{
    CNC_CHECK(b->n_open == 0 && b->text == 0);
    struct cnc__tree *t = cnc__realloc(NULL, b->len, 1);
    memcpy(t, b->base, b->len);
    t->magic = CNC__TREE_MAGIC;
    t->size = b->len;
    t->first = b->first;
    t->owner = cnc__heap_now();
    if (t->owner != NULL) {
        cnc__heap_add(t->owner, t->size);
    }
    atomic_init(&t->refs, 1);
    return (struct cnc_element *)((char *)t + b->first);
}
