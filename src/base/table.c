/* SPDX-License-Identifier: MIT */
/*
 * table.c -- a hash table that remembers the order.
 *
 * Entries stand in insertion order in one array; an index of twice as many
 * slots, probed linearly, holds entry numbers.
 *
 *   slots    [ . 2 . 1 . . 3 . ]      0: free, n: entries[n - 1]
 *   entries  [ a | b | c |   ]
 *
 * A deleted entry keeps its place with key NULL, so that probes and
 * iterations go over it; the next rebuild drops it.
 */
#include <pthread.h>

#include "table.h"

#define TABLE_MAGIC 0x7AB1E001u
#define FIRST_CAP   8

struct entry {
    uint64_t hash;
    char *key; /* NULL: deleted */
    size_t len;
    void *value;
};

struct cnc__table {
    unsigned magic;
    uint32_t cap;  /* of entries: a power of two, or 0 */
    uint32_t used; /* entries, deleted ones counted */
    uint32_t live;
    struct entry *entries;
    uint32_t *slots; /* 2 * cap */
};

static uint64_t seed[2];
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void
make_seed(void)
{
    cnc__random(seed, sizeof(seed));
}

static inline uint64_t
rotl(uint64_t x, int n)
{
    return x << n | x >> (64 - n);
}

static inline void
sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] = rotl(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] = rotl(v[2], 32);
}

/* SipHash-1-3 (Aumasson, Bernstein 2012). */
uint64_t
cnc__siphash13(const uint64_t key[2], const void *data, size_t len)
{
    uint64_t v[4] = {
        key[0] ^ UINT64_C(0x736f6d6570736575),
        key[1] ^ UINT64_C(0x646f72616e646f6d),
        key[0] ^ UINT64_C(0x6c7967656e657261),
        key[1] ^ UINT64_C(0x7465646279746573),
    };
    const unsigned char *p = data;
    size_t left = len;
    for (; left >= 8; left -= 8, p += 8) {
        uint64_t m = 0;
        for (int i = 7; i >= 0; i--) {
            m = m << 8 | p[i];
        }
        v[3] ^= m;
        sip_round(v);
        v[0] ^= m;
    }
    uint64_t last = (uint64_t)len << 56;
    for (size_t i = 0; i < left; i++) {
        last |= (uint64_t)p[i] << (8 * i);
    }
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xFF;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct cnc__table *
cnc__table_new(void)
{
    pthread_once(&seed_once, make_seed);
    struct cnc__table *t = cnc__zalloc(sizeof(*t));
    t->magic = TABLE_MAGIC;
    return t;
}

void
cnc__table_free(struct cnc__table **tp, void (*free_value)(void *value))
{
    struct cnc__table *t = *tp;
    if (t == NULL) {
        return;
    }
    *tp = NULL;
    CNC_OBJ_CHECK(t, TABLE_MAGIC);
    for (uint32_t i = 0; i < t->used; i++) {
        if (t->entries[i].key != NULL) {
            cnc__free(t->entries[i].key);
            if (free_value != NULL) {
                free_value(t->entries[i].value);
            }
        }
    }
    cnc__free(t->entries);
    cnc__free(t->slots);
    CNC_OBJ_FREE(t);
}

static struct entry *
find(const struct cnc__table *t, uint64_t hash, const char *key, size_t len)
{
    if (t->live == 0) {
        return NULL;
    }
    uint32_t mask = 2 * t->cap - 1;
    for (uint32_t at = (uint32_t)hash & mask; t->slots[at] != 0;
         at = (at + 1) & mask) {
        struct entry *e = &t->entries[t->slots[at] - 1];
        if (e->hash == hash && e->key != NULL && e->len == len &&
            memcmp(e->key, key, len) == 0) {
            return e;
        }
    }
    return NULL;
}

static void
put_slot(struct cnc__table *t, uint32_t number)
{
    uint32_t mask = 2 * t->cap - 1;
    uint32_t at = (uint32_t)t->entries[number].hash & mask;
    while (t->slots[at] != 0) {
        at = (at + 1) & mask;
    }
    t->slots[at] = number + 1;
}

/* Drop deleted entries and leave room for as many again as are live. */
static void
rebuild(struct cnc__table *t)
{
    uint32_t cap = FIRST_CAP;
    while (cap / 2 < t->live || cap <= t->live) {
        CNC_CHECK(cap < UINT32_MAX / 4);
        cap *= 2;
    }
    struct entry *entries = cnc__realloc(NULL, cap, sizeof(*entries));
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->used; i++) {
        if (t->entries[i].key != NULL) {
            entries[n++] = t->entries[i];
        }
    }
    cnc__free(t->entries);
    cnc__free(t->slots);
    t->entries = entries;
    t->slots = cnc__zalloc(2 * (size_t)cap * sizeof(*t->slots));
    t->cap = cap;
    t->used = n;
    for (uint32_t i = 0; i < n; i++) {
        put_slot(t, i);
    }
}

void *
cnc__table_get(const struct cnc__table *t, const char *key)
{
    return cnc__table_getn(t, key, strlen(key));
}

void *
cnc__table_getn(const struct cnc__table *t, const char *key, size_t len)
{
    CNC_OBJ_CHECK(t, TABLE_MAGIC);
    if (t->live == 0) {
        return NULL;
    }
    struct entry *e = find(t, cnc__siphash13(seed, key, len), key, len);
    return e == NULL ? NULL : e->value;
}

void *
cnc__table_put(struct cnc__table *t, const char *key, void *value)
{
    CNC_OBJ_CHECK(t, TABLE_MAGIC);
    size_t len = strlen(key);
    uint64_t hash = cnc__siphash13(seed, key, len);
    struct entry *e = find(t, hash, key, len);
    if (e != NULL) {
        void *before = e->value;
        e->value = value;
        return before;
    }
    if (t->used == t->cap) {
        rebuild(t);
    }
    t->entries[t->used] = (struct entry){
        .hash = hash,
        .key = cnc__strndup(key, len),
        .len = len,
        .value = value,
    };
    put_slot(t, t->used);
    t->used++;
    t->live++;
    return NULL;
}

void *
cnc__table_del(struct cnc__table *t, const char *key)
{
    CNC_OBJ_CHECK(t, TABLE_MAGIC);
    size_t len = strlen(key);
    struct entry *e = find(t, cnc__siphash13(seed, key, len), key, len);
    if (e == NULL) {
        return NULL;
    }
    void *before = e->value;
    cnc__free(e->key);
    e->key = NULL;
    e->value = NULL;
    t->live--;
    return before;
}

size_t
cnc__table_len(const struct cnc__table *t)
{
    CNC_OBJ_CHECK(t, TABLE_MAGIC);
    return t->live;
}

bool
cnc__table_next(const struct cnc__table *t, struct cnc__table_iter *i)
{
    CNC_OBJ_CHECK(t, TABLE_MAGIC);
    while (i->at < t->used) {
        const struct entry *e = &t->entries[i->at++];
        if (e->key != NULL) {
            i->key = e->key;
            i->value = e->value;
            return true;
        }
    }
    i->key = NULL;
    i->value = NULL;
    return false;
}
