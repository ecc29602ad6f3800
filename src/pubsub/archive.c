/* SPDX-License-Identifier: MIT */
/*
 * archive.c -- the last events of a node, for XEP-0313.
 */
#include "impl.h"

static void
entry_fini(struct cnc__entry *e)
{
    cnc__item_unref(&e->item);
    cnc_buf_unref(&e->shared);
}

void
cnc__archive_fini(struct cnc__archive *a)
{
    for (size_t i = 0; i < a->n; i++) {
        entry_fini(&a->all[a->first + i]);
    }
    cnc__free(a->all);
    *a = (struct cnc__archive){NULL};
}

void
cnc__archive_trim(struct cnc__archive *a, size_t max)
{
    while (a->n > max) {
        struct cnc__entry *e = &a->all[a->first];
        a->lost = e->item->seq;
        entry_fini(e);
        a->first++;
        a->n--;
    }
}

void
cnc__archive_push(struct cnc__archive *a, enum cnc__what what,
                  struct cnc__item *item, size_t max)
{
    if (a->first + a->n == a->cap) {
        /* Move down when at least half is free, else grow. */
        if (a->first >= a->n && a->first > 0) {
            memcpy(a->all, a->all + a->first, a->n * sizeof(*a->all));
            a->first = 0;
        } else {
            a->cap = a->cap == 0 ? 8 : a->cap * 2;
            a->all = cnc__realloc(a->all, a->cap, sizeof(*a->all));
        }
    }
    a->all[a->first + a->n++] =
        (struct cnc__entry){what, cnc__item_ref(item), NULL};
    cnc__archive_trim(a, max);
}

size_t
cnc__archive_after(const struct cnc__archive *a, uint64_t after)
{
    size_t from = 0, to = a->n;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (a->all[a->first + mid].item->seq <= after) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    return from;
}

struct cnc__entry *
cnc__archive_at(const struct cnc__archive *a, size_t i)
{
    CNC_CHECK(i < a->n);
    return &a->all[a->first + i];
}
