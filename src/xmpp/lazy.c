/* SPDX-License-Identifier: MIT */
/*
 * lazy.c -- large tails of fan-out frames.
 *
 * Copying a 2 kB event into the buffers of 5,000 streams first, and sending
 * them after, reads and writes memory that no cache holds any more: it cost as
 * much as half a send().  So a stream keeps what is its own (frame and stanza
 * head) and a reference; the owner of the socket gathers both into one buffer
 * that stays warm, right before it sends.
 *
 *   out:    head1 head2 small-frame head3
 *   lazy:       ^tail1 ^tail2            ^tail3
 */
#include "stream-priv.h"

#define KEEP_OUT   256 /* bytes */
#define KEEP_TAILS 2

void
cnc__stream_lazy_add(struct cnc__stream *s, const struct cnc_buf *tail)
{
    if (s->n_lazy == s->cap_lazy) {
        s->cap_lazy = s->cap_lazy == 0 ? 1 : s->cap_lazy * 2;
        s->lazy = cnc__realloc(s->lazy, s->cap_lazy, sizeof(*s->lazy));
    }
    s->lazy[s->n_lazy++] = (struct cnc__lazy){
        .tail = cnc_buf_ref((struct cnc_buf *)tail), .at = s->out.len};
    s->lazy_bytes += cnc_buf_len(tail);
}

static void
drop_tails(struct cnc__stream *s)
{
    for (uint32_t i = 0; i < s->n_lazy; i++) {
        cnc_buf_unref(&s->lazy[i].tail);
    }
    s->n_lazy = 0;
    s->lazy_bytes = 0;
}

void
cnc__stream_lazy_fini(struct cnc__stream *s)
{
    drop_tails(s);
    cnc__free(s->lazy);
    s->lazy = NULL;
    s->cap_lazy = 0;
}

/* All has been gathered.  Room for an event's head is kept for the next one:
 * to get and free it each time costs a tenth of a delivery. */
static void
empty(struct cnc__stream *s)
{
    drop_tails(s);
    if (s->cap_lazy > KEEP_TAILS) {
        cnc__stream_lazy_fini(s);
    }
    if (s->out.cap > KEEP_OUT) {
        cnc__str_fini(&s->out);
    } else {
        cnc__str_clear(&s->out);
    }
}

/* out with its tails in their places, added to to. */
static void
splice(const struct cnc__stream *s, struct cnc__str *to)
{
    size_t at = 0;

    cnc__str_reserve(to, s->out.len + s->lazy_bytes);
    for (uint32_t i = 0; i < s->n_lazy; i++) {
        const struct cnc__lazy *l = &s->lazy[i];

        cnc__str_add(to, s->out.data + at, l->at - at);
        cnc__str_add(to, cnc_buf_data(l->tail), cnc_buf_len(l->tail));
        at = l->at;
    }
    cnc__str_add(to, s->out.data + at, s->out.len - at);
}

bool
cnc__stream_waits(const struct cnc__stream *s)
{
    return s->out.len > 0;
}

struct cnc__str *
cnc__stream_out(struct cnc__stream *s)
{
    struct cnc__str all = CNC__STR;

    if (s->n_lazy > 0) {
        splice(s, &all);
        cnc__stream_lazy_fini(s);
        cnc__str_fini(&s->out);
        s->out = all;
    }
    return &s->out;
}

struct cnc__str *
cnc__stream_gather(struct cnc__stream *s, struct cnc__str *warm)
{
    if (s->n_lazy == 0) {
        return &s->out;
    }
    cnc__str_clear(warm);
    splice(s, warm);
    empty(s);
    return warm;
}

void
cnc__stream_put_back(struct cnc__stream *s, const char *data, size_t len)
{
    CNC_CHECK(s->out.len == 0);
    cnc__str_add(&s->out, data, len);
}
