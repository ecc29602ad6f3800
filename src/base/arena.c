/* SPDX-License-Identifier: MIT */
/*
 * arena.c -- memory that is freed all at once.
 */
#include "arena.h"

#include "str.h"

#define BLOCK_FIRST 1024
#define BLOCK_LAST  65536
#define ALIGN       8

struct cnc__arena_block {
    struct cnc__arena_block *older;
    size_t size; /* with this head */
};

void
cnc__arena_init(struct cnc__arena *a)
{
    memset(a, 0, sizeof(*a));
}

void
cnc__arena_fini(struct cnc__arena *a)
{
    struct cnc__arena_block *b = a->blocks;
    while (b != NULL) {
        struct cnc__arena_block *older = b->older;
        cnc__free(b);
        b = older;
    }
    memset(a, 0, sizeof(*a));
}

/* A request too big to share a block gets its own, linked behind the newest,
 * so that the room left in the newest is not lost. */
static void *
own_block(struct cnc__arena *a, size_t size)
{
    struct cnc__arena_block *b = cnc__zalloc(sizeof(*b) + size);
    b->size = sizeof(*b) + size;
    if (a->blocks == NULL) {
        a->blocks = b;
    } else {
        b->older = a->blocks->older;
        a->blocks->older = b;
    }
    return b + 1;
}

void *
cnc__arena_alloc(struct cnc__arena *a, size_t size)
{
    CNC_CHECK(size < SIZE_MAX / 2);
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (size == 0) {
        size = ALIGN;
    }
    a->total += size;
    if ((size_t)(a->end - a->next) < size) {
        size_t block = BLOCK_FIRST;
        while (block < BLOCK_LAST && block <= a->total) {
            block *= 2;
        }
        if (size > block / 4) {
            return own_block(a, size);
        }
        struct cnc__arena_block *b = cnc__zalloc(block);
        b->size = block;
        b->older = a->blocks;
        a->blocks = b;
        a->next = (char *)(b + 1);
        a->end = (char *)b + block;
    }
    void *p = a->next;
    a->next += size;
    return p;
}

char *
cnc__arena_strndup(struct cnc__arena *a, const char *s, size_t len)
{
    CNC_CHECK(len < SIZE_MAX / 2);
    char *copy = cnc__arena_alloc(a, len + 1);
    if (len > 0) {
        memcpy(copy, s, len);
    }
    return copy;
}

char *
cnc__arena_printf(struct cnc__arena *a, const char *fmt, ...)
{
    struct cnc__str s = CNC__STR;
    va_list ap;
    va_start(ap, fmt);
    cnc__str_vprintf(&s, fmt, ap);
    va_end(ap);
    char *copy = cnc__arena_strndup(a, s.data, s.len);
    cnc__str_fini(&s);
    return copy;
}
