/* SPDX-License-Identifier: MIT */
/*
 * tree.c -- the safe tree's elements, texts and fragments.
 */
#include "tree.h"

#include "../base/table.h"

#define FRAG_MAGIC 0xF2A6E001u
#define TREE_MAGIC 0x72EE0001u

/* The engine runs on one thread, in a process of its own. */
uint64_t
cnc__rhash(const void *data, size_t len)
{
    static uint64_t key[2];
    if (key[0] == 0) {
        cnc__random(key, sizeof(key));
        key[0] |= 1;
    }
    return cnc__siphash13(key, data, len);
}

struct cnc__frag *
cnc__frag_new(void)
{
    struct cnc__frag *f = cnc__zalloc(sizeof(*f));
    f->magic = FRAG_MAGIC;
    f->refs = 1;
    cnc__arena_init(&f->arena);
    return f;
}

struct cnc__frag *
cnc__frag_ref(struct cnc__frag *f)
{
    CNC_OBJ_CHECK(f, FRAG_MAGIC);
    f->refs++;
    return f;
}

void
cnc__frag_unref(struct cnc__frag **fp)
{
    struct cnc__frag *f = *fp;
    if (f == NULL) {
        return;
    }
    *fp = NULL;
    CNC_OBJ_CHECK(f, FRAG_MAGIC);
    if (--f->refs == 0) {
        cnc__arena_fini(&f->arena);
        CNC_OBJ_FREE(f);
    }
}

struct cnc__rtree *
cnc__rtree_new(void)
{
    struct cnc__rtree *t = cnc__zalloc(sizeof(*t));
    t->magic = TREE_MAGIC;
    cnc__arena_init(&t->arena);
    return t;
}

void
cnc__rtree_free(struct cnc__rtree **tp)
{
    struct cnc__rtree *t = *tp;
    if (t == NULL) {
        return;
    }
    *tp = NULL;
    CNC_OBJ_CHECK(t, TREE_MAGIC);
    for (size_t i = 0; i < t->n_frags; i++) {
        cnc__frag_unref(&t->frags[i]);
    }
    cnc__free(t->frags);
    cnc__arena_fini(&t->arena);
    CNC_OBJ_FREE(t);
}

void
cnc__rtree_add_frag(struct cnc__rtree *t, struct cnc__frag *f)
{
    CNC_OBJ_CHECK(t, TREE_MAGIC);
    t->frags =
        cnc__grow(t->frags, t->n_frags, &t->cap_frags, sizeof(*t->frags));
    t->frags[t->n_frags++] = cnc__frag_ref(f);
}
