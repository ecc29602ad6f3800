/* SPDX-License-Identifier: MIT */
/*
 * queue.c -- stanzas that wait; when to try again.
 */
#include "queue.h"

#define MAX_SHIFT 16u

void
cnc__queue_add(struct cnc__s2s_queue *q, uint64_t until_ms, const char *head,
               size_t len, const struct cnc_buf *tail)
{
    struct cnc__s2s_wait *w = cnc__zalloc(sizeof(*w) + len);

    w->until_ms = until_ms;
    w->len = len;
    memcpy(w->head, head, len);
    w->tail = tail == NULL ? NULL : cnc_buf_ref((struct cnc_buf *)tail);
    *(q->first == NULL ? &q->first : q->end) = w;
    q->end = &w->next;
    q->n++;
    q->bytes += cnc__wait_size(w);
}

struct cnc__s2s_wait *
cnc__queue_take(struct cnc__s2s_queue *q)
{
    struct cnc__s2s_wait *w = q->first;

    q->first = w->next;
    q->n--;
    q->bytes -= cnc__wait_size(w);
    w->next = NULL;
    return w;
}

size_t
cnc__wait_size(const struct cnc__s2s_wait *w)
{
    return w->len + (w->tail == NULL ? 0 : cnc_buf_len(w->tail));
}

void
cnc__wait_free(struct cnc__s2s_wait *w)
{
    cnc_buf_unref(&w->tail);
    cnc__free(w);
}

size_t
cnc__waits_bounce(struct cnc__router *r, struct cnc__s2s_wait *first, int code,
                  const char *condition, const char *text)
{
    struct cnc_error err = {0};
    size_t n = 0;

    cnc_error_set(&err, code, condition, "%s", text);
    for (struct cnc__s2s_wait *w = first, *next; w != NULL; w = next, n++) {
        struct cnc__str xml = CNC__STR;

        next = w->next;
        cnc__str_add(&xml, w->head, w->len);
        if (w->tail != NULL) {
            cnc__str_add(&xml, cnc_buf_data(w->tail), cnc_buf_len(w->tail));
        }
        cnc__wait_free(w);
        cnc__router_bounce(r, xml.data, xml.len, &err);
        cnc__str_fini(&xml);
    }
    return n;
}

uint64_t
cnc__back_off(uint32_t first_ms, uint32_t max_ms, unsigned fails)
{
    unsigned shift = fails - 1 < MAX_SHIFT ? fails - 1 : MAX_SHIFT;
    uint64_t delay = (uint64_t)first_ms << shift;
    uint32_t random;

    delay = delay < max_ms ? delay : max_ms;
    cnc__random(&random, sizeof(random));
    return delay / 2 + random % (delay + 1);
}
