/* SPDX-License-Identifier: MIT */
/*
 * queue.h -- stanzas that wait for a stream, and how long to wait before
 * trying again.
 */
#ifndef CNC_S2S_QUEUE_H
#define CNC_S2S_QUEUE_H

#include "../xmpp/router.h"

/* A stanza that waits. */
struct cnc__s2s_wait {
    struct cnc__s2s_wait *next;
    uint64_t until_ms;
    struct cnc_buf *tail; /* NULL: none; counted, shared with other queues */
    size_t len;           /* bytes of head */
    char head[];
};

struct cnc__s2s_queue {
    struct cnc__s2s_wait *first, **end;
    size_t n, bytes;
};

void cnc__queue_add(struct cnc__s2s_queue *q, uint64_t until_ms,
                    const char *head, size_t len, const struct cnc_buf *tail);
/* The first; q is not empty. */
struct cnc__s2s_wait *cnc__queue_take(struct cnc__s2s_queue *q);
size_t cnc__wait_size(const struct cnc__s2s_wait *w);
void cnc__wait_free(struct cnc__s2s_wait *w);
/* To the senders, as an error; frees the chain.  It was taken from its queue
 * before, because what a sender does about it may queue again.  Returns how
 * many there were. */
size_t cnc__waits_bounce(struct cnc__router *r, struct cnc__s2s_wait *first,
                         int code, const char *condition, const char *text);
/* Doubles with each failure in a row (1, 2...), and never the same for all. */
uint64_t cnc__back_off(uint32_t first_ms, uint32_t max_ms, unsigned fails);

#endif /* CNC_S2S_QUEUE_H */
