/* SPDX-License-Identifier: MIT */
/*
 * gate-body.c -- the body of a request that comes in blocks (XEP-0047).  A
 * block is answered when there is room for the next one, and whoever sends it
 * waits for that: so a slow disk slows its own sender alone.
 */
#include "../base/text.h"
#include "gate.h"

static struct cnc__gate_call *
find(struct cnc__gate *g, const struct cnc__request *q)
{
    struct cnc__gate_link *link = cnc__gate_link_of(g, q->session_id);
    const char *sid = cnc_element_attr(q->payload, NULL, "sid");
    struct cnc__gate_call *c =
        link == NULL || sid == NULL ? NULL : link->calls;

    while (c != NULL &&
           (c->sid == NULL || c->with_handler || strcmp(c->sid, sid) != 0)) {
        c = c->next;
    }
    return c;
}

static void
unknown(struct cnc__request **q)
{
    cnc__request_refuse(q, CNC_ENOENT, "item-not-found",
                        "no body of this name is waited for");
}

static void
wait(struct cnc__gate_call *c)
{
    c->deadline_ms = cnc__gate_now(c->gate) + c->gate->stall_ms;
}

static void
on_open(struct cnc__request *q, void *priv)
{
    struct cnc__gate_call *c = find(priv, q);
    const char *stanza = cnc_element_attr(q->payload, NULL, "stanza");
    const char *size = cnc_element_attr(q->payload, NULL, "block-size");
    int64_t n = 0;

    if (c == NULL) {
        cnc__request_refuse(&q, CNC_EACCES, "not-acceptable",
                            "no body of this name is waited for");
    } else if (c->opened) {
        cnc__request_refuse(&q, CNC_EPROTO, "bad-request",
                            "it is open already");
    } else if (stanza != NULL && strcmp(stanza, "iq") != 0) {
        cnc__request_refuse(&q, CNC_EACCES, "not-acceptable",
                            "blocks come in IQs here");
    } else if (size == NULL || !cnc__parse_int(&n, size, 1, INT64_MAX)) {
        cnc__request_refuse(&q, CNC_EPROTO, "bad-request",
                            "block-size is a number of bytes");
    } else if (n > CNC__GATE_BLOCK_IN) {
        cnc__request_refuse(&q, CNC_ELIMIT, "resource-constraint",
                            "blocks are of at most %u bytes",
                            CNC__GATE_BLOCK_IN);
    } else {
        c->opened = true;
        c->block = (uint32_t)n;
        wait(c);
        cnc__request_result(&q, NULL, 0);
    }
}

/* The block is wrong: the request is over. */
static void
fail(struct cnc__gate_call *c, struct cnc__request **q, const char *condition,
     const char *why)
{
    cnc__gate_warn(c->gate, "gate.bad", c->link->jid, why);
    cnc__request_refuse(q, CNC_EPROTO, condition, "%s", why);
    cnc__gate_refuse(c, CNC_EPROTO, "bad-request", why);
}

/* It is too much: the request is answered, and the rest is not wanted. */
static void
too_large(struct cnc__gate_call *c, struct cnc__request **q)
{
    cnc__request_refuse(q, CNC_ELIMIT, "resource-constraint",
                        "the body is too large");
    if (c->sink != NULL) {
        struct cnc__http_sink *sink = c->sink;

        c->sink = NULL;
        sink->gone(sink);
    }
    cnc__gate_say(c, 413, NULL, "the body is too large");
}

static void
gather(struct cnc__gate_call *c, struct cnc__request **q,
       const struct cnc__str *block)
{
    if (!cnc__gate_hold(c->link, &c->held, block->len)) {
        cnc__gate_warn(c->gate, "gate.busy", c->link->jid,
                       "too many bytes of bodies");
        cnc__request_refuse(q, CNC_ELIMIT, "resource-constraint",
                            "too many bodies come at once");
        cnc__gate_refuse(c, CNC_ELIMIT, "resource-constraint",
                         "too many bodies come at once");
        return;
    }
    cnc__str_add(&c->body, block->data, block->len);
    wait(c);
    cnc__request_result(q, NULL, 0);
}

static void
take(struct cnc__gate_call *c, struct cnc__request **q,
     const struct cnc__str *block)
{
    c->n_body += block->len;
    c->gate->stats.bytes_in += block->len;
    if (c->n_body > c->length) {
        fail(c, q, "bad-request", "the body is longer than Content-Length");
    } else if (c->n_body > c->max_body) {
        too_large(c, q);
    } else if (c->sink == NULL) {
        gather(c, q, block);
    } else {
        c->block_iq = *q;
        *q = NULL;
        c->sink->data(c->sink, cnc__str_c(block), block->len);
        c->deadline_ms = 0; /* ours to keep, while the sink is full */
        cnc__gate_body_resume(c);
    }
}

void
cnc__gate_body_resume(struct cnc__gate_call *c)
{
    if (c->block_iq != NULL && c->sink != NULL && !c->sink->full) {
        wait(c);
        cnc__request_result(&c->block_iq, NULL, 0);
    }
}

static void
on_data(struct cnc__request *q, void *priv)
{
    struct cnc__gate_call *c = find(priv, q);
    const char *seq = cnc_element_attr(q->payload, NULL, "seq");
    const char *s = cnc_element_text(q->payload);
    struct cnc__str block = CNC__STR;
    int64_t n = -1;

    if (c == NULL || !c->opened) {
        unknown(&q);
    } else if (seq == NULL || !cnc__parse_int(&n, seq, 0, 65535) ||
               (uint16_t)n != c->seq) {
        fail(c, &q, "unexpected-request", "a block is out of its order");
    } else if (c->block_iq != NULL) {
        fail(c, &q, "bad-request", "the block before was not answered yet");
    } else if (strlen(s) > (size_t)2 * CNC__GATE_BLOCK_IN ||
               cnc__base64_decode(&block, s, strlen(s)) != 0) {
        fail(c, &q, "bad-request", "a block is not base64");
    } else if (block.len > c->block) {
        fail(c, &q, "bad-request", "a block is larger than block-size");
    } else {
        c->seq++;
        take(c, &q, &block);
    }
    cnc__str_fini(&block);
}

static void
on_close(struct cnc__request *q, void *priv)
{
    struct cnc__gate_call *c = find(priv, q);
    const char *broken = cnc_element_attr(q->payload, CNC__NS_WEB, "broken");

    if (c == NULL || !c->opened) {
        unknown(&q);
    } else if (c->block_iq != NULL) {
        fail(c, &q, "bad-request", "the block before was not answered yet");
    } else if (broken != NULL && strcmp(broken, "true") == 0) {
        cnc__request_result(&q, NULL, 0);
        cnc__gate_refuse(c, CNC_ECLOSED, "recipient-unavailable",
                         "the body was cut");
    } else if (c->length != UINT64_MAX && c->n_body != c->length) {
        fail(c, &q, "bad-request", "the body is shorter than Content-Length");
    } else {
        cnc__request_result(&q, NULL, 0);
        cnc__gate_dispatch(c);
    }
}

int
cnc__gate_body_handlers(struct cnc__gate *g, struct cnc_error *err)
{
    static const struct {
        const char *name;
        cnc__handler_f *f;
    } all[] = {{"open", on_open}, {"data", on_data}, {"close", on_close}};
    int code = 0;

    for (size_t i = 0; code == 0 && i < CNC_N(all); i++) {
        code =
            cnc__router_handle(g->service->router,
                               &(struct cnc__handler){.kinds = CNC__IQ_SET,
                                                      .ns = CNC__NS_IBB,
                                                      .name = all[i].name,
                                                      .feature = CNC__NS_IBB,
                                                      .f = all[i].f,
                                                      .priv = g},
                               err);
    }
    return code;
}
