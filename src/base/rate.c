/* SPDX-License-Identifier: MIT */
/*
 * rate.c -- a bucket a key, which leaks.
 */
#include "rate.h"

#include "table.h"

#define RATE_MAGIC 0x52617465u

struct bucket {
    uint64_t empty_us; /* when it will be */
};

struct cnc__rate {
    unsigned magic;
    struct cnc__table *buckets;
};

struct cnc__rate *
cnc__rate_new(void)
{
    struct cnc__rate *r = cnc__zalloc(sizeof(*r));

    r->magic = RATE_MAGIC;
    r->buckets = cnc__table_new();
    return r;
}

void
cnc__rate_free(struct cnc__rate **rp)
{
    struct cnc__rate *r = *rp;

    if (r != NULL) {
        CNC_OBJ_CHECK(r, RATE_MAGIC);
        *rp = NULL;
        cnc__table_free(&r->buckets, cnc__free);
        CNC_OBJ_FREE(r);
    }
}

static void
make_room(struct cnc__table *t)
{
    struct cnc__table_iter i = {0};

    while (cnc__table_len(t) >= CNC__RATE_MAX && cnc__table_next(t, &i)) {
        cnc__free(cnc__table_del(t, i.key));
    }
}

bool
cnc__rate_take(struct cnc__rate *r, const char *key, unsigned n,
               unsigned seconds, uint64_t now_ms)
{
    uint64_t whole_us = (uint64_t)seconds * 1000000, now_us = now_ms * 1000;
    uint64_t one_us = whole_us / n;
    struct bucket *b = cnc__table_get(r->buckets, key);

    CNC_OBJ_CHECK(r, RATE_MAGIC);
    if (b == NULL) {
        make_room(r->buckets);
        b = cnc__zalloc(sizeof(*b));
        cnc__table_put(r->buckets, key, b);
    }
    if (b->empty_us < now_us) {
        b->empty_us = now_us;
    }
    if (b->empty_us - now_us + one_us > whole_us) {
        return false;
    }
    b->empty_us += one_us;
    return true;
}
