/* SPDX-License-Identifier: MIT */
/*
 * table.h -- hash table from a byte string to a pointer; keyed SipHash-class
 * hashing with a random seed per process, so that a peer cannot choose
 * collisions.  Insertion order is kept by iteration.  Not thread-safe.
 */
#ifndef CNC_BASE_TABLE_H
#define CNC_BASE_TABLE_H

#include "check.h"

struct cnc__table;

CNC_API struct cnc__table *cnc__table_new(void);
/* free_value may be NULL; *t set to NULL; accepts NULL. */
CNC_API void cnc__table_free(struct cnc__table **t,
                             void (*free_value)(void *value));
/* *borrowed* or NULL. */
CNC_API void *cnc__table_get(const struct cnc__table *t, const char *key);
CNC_API void *cnc__table_getn(const struct cnc__table *t, const char *key,
                              size_t len);
/* Copies key.  Returns the value that was there, or NULL. */
CNC_API void *cnc__table_put(struct cnc__table *t, const char *key,
                             void *value);
/* Returns the value that was there, or NULL. */
CNC_API void *cnc__table_del(struct cnc__table *t, const char *key);
CNC_API size_t cnc__table_len(const struct cnc__table *t);

/* for (struct cnc__table_iter i = {0}; cnc__table_next(t, &i);) use i.key,
 * i.value.  Deleting the entry at hand is allowed, adding is not. */
struct cnc__table_iter {
    size_t at;
    const char *key;
    void *value;
};
CNC_API bool cnc__table_next(const struct cnc__table *t,
                             struct cnc__table_iter *i);

/* SipHash-1-3 of data, for those who need a keyed hash of their own. */
CNC_API uint64_t cnc__siphash13(const uint64_t key[2], const void *data,
                                size_t len);

#endif /* CNC_BASE_TABLE_H */
