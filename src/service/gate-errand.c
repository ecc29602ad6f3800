/* SPDX-License-Identifier: MIT */
/*
 * gate-errand.c -- what an asker is sent away with before it is answered: each
 * is the answer to an IQ, and what came of it is another one, which waits
 * from then on.
 */
#include "gate.h"

/* The first of them is said by the IQ that waits. */
static void
pump(struct cnc__gate_call *c)
{
    struct cnc__http_errand *e = c->errands;

    if (e != NULL && !c->said && c->iq != NULL) {
        cnc__request_result(&c->iq, e->xml, strlen(e->xml));
        c->said = true;
        c->deadline_ms = cnc__gate_now(c->gate) + c->gate->stall_ms;
    }
}

static void
say(struct cnc__http_asker *self, struct cnc__http_errand *e, const char *xml,
    size_t len)
{
    struct cnc__gate_call *c =
        CNC_CONTAINER(self, struct cnc__gate_call, asker);
    struct cnc__http_errand **at = &c->errands;

    CNC_OBJ_CHECK(c, CNC__GATE_CALL_MAGIC);
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = e;
    e->next = NULL;
    e->xml = cnc__strndup(xml, len);
    c->gate->stats.errands++;
    if (c->link == NULL) {
        /* Not from inside the call that asks: the tick says that it is gone.
         */
        c->deadline_ms = 1;
        return;
    }
    pump(c);
}

static void
remove_errand(struct cnc__gate_call *c, struct cnc__http_errand *e)
{
    struct cnc__http_errand **at = &c->errands;

    while (*at != NULL && *at != e) {
        at = &(*at)->next;
    }
    CNC_CHECK(*at == e);
    if (c->errands == e) {
        c->said = false;
        c->deadline_ms = 0;
    }
    *at = e->next;
    cnc__free(e->xml);
    e->xml = NULL;
    e->next = NULL;
}

static bool
go_on(struct cnc__http_asker *self, struct cnc__http_errand *e,
      struct cnc__request **iq)
{
    struct cnc__gate_call *c =
        CNC_CONTAINER(self, struct cnc__gate_call, asker);

    CNC_OBJ_CHECK(c, CNC__GATE_CALL_MAGIC);
    if (c->link == NULL || (*iq)->session_id != self->session ||
        c->errands != e || !c->said || c->iq != NULL) {
        return false;
    }
    c->iq = *iq;
    *iq = NULL;
    remove_errand(c, e);
    pump(c);
    return true;
}

static void
drop(struct cnc__http_asker *self, struct cnc__http_errand *e)
{
    struct cnc__gate_call *c =
        CNC_CONTAINER(self, struct cnc__gate_call, asker);

    CNC_OBJ_CHECK(c, CNC__GATE_CALL_MAGIC);
    remove_errand(c, e);
    pump(c);
}

void
cnc__gate_errands_init(struct cnc__gate_call *c)
{
    c->asker.say = say;
    c->asker.go_on = go_on;
    c->asker.drop = drop;
}

void
cnc__gate_errands_end(struct cnc__gate_call *c)
{
    bool in_handler = c->in_handler;

    c->in_handler = true; /* who hears of it may answer: it stays till then */
    while (c->errands != NULL) {
        struct cnc__http_errand *e = c->errands;

        c->errands = e->next;
        c->said = false;
        cnc__free(e->xml);
        e->xml = NULL;
        e->next = NULL;
        e->gone(e);
    }
    c->in_handler = in_handler;
}
