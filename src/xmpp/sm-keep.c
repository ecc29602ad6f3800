/* SPDX-License-Identifier: MIT */
/*
 * sm-keep.c -- stanzas that were sent and not acknowledged: a queue whose
 * heads lie in one string and whose large tails are shared with whoever else
 * they went to.
 */
#include <time.h>

#include "sm-priv.h"

#define KEEP_KEPT  8   /* room that an empty queue keeps, as lazy.c does */
#define KEEP_HEADS 512 /* bytes */

static uint32_t
now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return (uint32_t)now.tv_sec;
}

/* What was acknowledged gives its room back when it is half of it, so that
 * moving costs as much as adding did, no more. */
static void
close_ranks(struct cnc__keep *k)
{
    size_t n = cnc__keep_n(k);

    if (n == 0) {
        k->first = k->end = 0;
        k->heads_at = 0;
        if (k->cap > KEEP_KEPT) {
            cnc__free(k->kept);
            k->kept = NULL;
            k->cap = 0;
        }
        if (k->heads.cap > KEEP_HEADS) {
            cnc__str_fini(&k->heads);
        } else {
            cnc__str_clear(&k->heads);
        }
        return;
    }
    if (k->first >= n) {
        memmove(k->kept, k->kept + k->first, n * sizeof(*k->kept));
        k->first = 0;
        k->end = n;
    }
    if (k->heads_at >= k->heads.len - k->heads_at) {
        cnc__str_drop(&k->heads, k->heads_at);
        k->heads_at = 0;
    }
}

static size_t
tail_len(const struct cnc__kept *e)
{
    return e->tail == NULL ? 0 : cnc_buf_len(e->tail);
}

static size_t
own_len(const struct cnc__kept *e)
{
    return sizeof(*e) + e->len + (e->shared ? 0 : tail_len(e));
}

void
cnc__keep_add(struct cnc__keep *k, const char *head, size_t head_len,
              const struct cnc_buf *tail, bool shared)
{
    struct cnc__kept *e;

    CNC_CHECK(head_len <= INT32_MAX);
    k->kept = cnc__grow(k->kept, k->end, &k->cap, sizeof(*k->kept));
    e = &k->kept[k->end++];
    *e = (struct cnc__kept){.len = (uint32_t)head_len,
                            .shared = tail != NULL && shared,
                            .sent_s = now_s()};
    if (tail != NULL) {
        e->tail = cnc_buf_ref((struct cnc_buf *)tail);
    }
    cnc__str_add(&k->heads, head, head_len);
    k->bytes += e->len + tail_len(e);
    k->own += own_len(e);
}

void
cnc__keep_drop(struct cnc__keep *k, size_t n)
{
    CNC_CHECK(n <= cnc__keep_n(k));
    for (; n > 0; n--) {
        struct cnc__kept *e = &k->kept[k->first++];

        k->bytes -= e->len + tail_len(e);
        k->own -= own_len(e);
        k->heads_at += e->len;
        if (k->n_sent > 0) {
            k->n_sent--;
            k->heads_sent -= e->len;
        }
        cnc_buf_unref(&e->tail);
    }
    close_ranks(k);
}

const struct cnc__kept *
cnc__keep_unsent(const struct cnc__keep *k, const char **head)
{
    size_t at = k->first + k->n_sent;

    if (at == k->end) {
        return NULL;
    }
    *head = k->heads.data + k->heads_at + k->heads_sent;
    return &k->kept[at];
}

void
cnc__keep_sent(struct cnc__keep *k)
{
    k->heads_sent += k->kept[k->first + k->n_sent++].len;
}

void
cnc__keep_fini(struct cnc__keep *k)
{
    cnc__keep_drop(k, cnc__keep_n(k));
    cnc__free(k->kept);
    cnc__str_fini(&k->heads);
}
