/* SPDX-License-Identifier: MIT */
/*
 * order.c -- items in publish order.
 *
 *   slots  [ 3:a | 5:- | 8:b | 9:c ]     5 was taken away, its slot stays
 *   tree   counts of slots in use, as a binary indexed tree (Fenwick 1994)
 *
 * A slot is found by its seq in O(log n), its rank and the i-th item by the
 * tree in O(log n).  Half-empty arrays are packed when they are full.
 */
#include "impl.h"

#define FIRST_CAP 8

void
cnc__order_init(struct cnc__order *o)
{
    *o = (struct cnc__order){.by_id = cnc__table_new()};
}

void
cnc__order_fini(struct cnc__order *o)
{
    for (size_t i = 0; i < o->used; i++) {
        cnc__item_unref(&o->slots[i].item);
    }
    cnc__free(o->slots);
    cnc__free(o->tree);
    cnc__table_free(&o->by_id, NULL);
    *o = (struct cnc__order){NULL};
}

/* at: 0-based slot; delta: 1, or -1 as unsigned. */
static void
count(struct cnc__order *o, size_t at, uint32_t delta)
{
    for (size_t i = at + 1; i <= o->cap; i += i & (~i + 1)) {
        o->tree[i] += delta;
    }
}

/* Drop the holes; grow when there were few. */
static void
repack(struct cnc__order *o)
{
    size_t cap = FIRST_CAP;
    while (cap / 2 < o->live || cap <= o->live) {
        cap *= 2;
    }
    struct cnc__slot *slots = cnc__realloc(NULL, cap, sizeof(*slots));
    size_t n = 0;
    for (size_t i = 0; i < o->used; i++) {
        if (o->slots[i].item != NULL) {
            slots[n++] = o->slots[i];
        }
    }
    cnc__free(o->slots);
    cnc__free(o->tree);
    o->slots = slots;
    o->tree = cnc__zalloc((cap + 1) * sizeof(*o->tree));
    o->cap = cap;
    o->used = n;
    for (size_t i = 1; i <= cap; i++) {
        o->tree[i] += i <= n;
        size_t up = i + (i & (~i + 1));
        if (up <= cap) {
            o->tree[up] += o->tree[i];
        }
    }
}

/* The slot of this seq. */
static size_t
locate(const struct cnc__order *o, uint64_t seq)
{
    size_t from = 0, to = o->used;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (o->slots[mid].seq < seq) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    CNC_CHECK(from < o->used && o->slots[from].seq == seq);
    return from;
}

static size_t
weight(const struct cnc__item *item)
{
    return strlen(item->id) +
           (item->payload == NULL ? 0 : cnc_buf_len(item->payload));
}

void
cnc__order_append(struct cnc__order *o, struct cnc__item *item)
{
    if (o->used == o->cap) {
        repack(o);
    }
    CNC_CHECK(o->used == 0 || o->slots[o->used - 1].seq < item->seq);
    void *before = cnc__table_put(o->by_id, item->id, item);
    CNC_CHECK(before == NULL);
    o->slots[o->used] = (struct cnc__slot){item->seq, cnc__item_ref(item)};
    count(o, o->used, 1);
    o->used++;
    o->live++;
    o->bytes += weight(item);
}

struct cnc__item *
cnc__order_take(struct cnc__order *o, const char *id)
{
    struct cnc__item *item = cnc__table_del(o->by_id, id);
    if (item == NULL) {
        return NULL;
    }
    size_t at = locate(o, item->seq);
    o->slots[at].item = NULL;
    count(o, at, (uint32_t)-1);
    o->live--;
    o->bytes -= weight(item);
    return item;
}

struct cnc__item *
cnc__order_get(const struct cnc__order *o, const char *id)
{
    return cnc__table_get(o->by_id, id);
}

struct cnc__item *
cnc__order_at(const struct cnc__order *o, size_t i)
{
    if (i >= o->live) {
        return NULL;
    }
    /* Descend to the last slot before which at most i are in use. */
    size_t at = 0, left = i + 1;
    for (size_t step = o->cap; step > 0; step /= 2) {
        if (at + step <= o->cap && o->tree[at + step] < left) {
            at += step;
            left -= o->tree[at];
        }
    }
    CNC_CHECK(at < o->used && o->slots[at].item != NULL);
    return o->slots[at].item;
}

size_t
cnc__order_rank(const struct cnc__order *o, const struct cnc__item *item)
{
    size_t rank = 0;
    for (size_t i = locate(o, item->seq); i > 0; i -= i & (~i + 1)) {
        rank += o->tree[i];
    }
    return rank;
}
