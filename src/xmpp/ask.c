/* SPDX-License-Identifier: MIT */
/*
 * ask.c -- requests that the service itself makes, and their answers.
 */
#include "../xml/write.h"
#include "errors.h"
#include "jid.h"
#include "router-priv.h"

#define ASK_MS 30000u

struct asked {
    char *to; /* who must answer */
    uint64_t until_ms;
    cnc__answer_f *f;
    void *priv;
};

static void
finish(struct asked *a, const struct cnc_element *iq)
{
    a->f(iq, a->priv);
    cnc__free(a->to);
    cnc__free(a);
}

void
cnc__router_ask(struct cnc__router *r, const char *from, const char *to,
                const char *type, const char *payload, size_t len,
                uint32_t timeout_ms, cnc__answer_f *f, void *priv)
{
    struct asked *a = cnc__zalloc(sizeof(*a));
    struct cnc__str xml = CNC__STR;
    char id[33];

    cnc__random_hex(id, 16);
    from = from == NULL ? r->domain : from;
    a->to = cnc__strdup(to);
    a->until_ms = r->now_ms + (timeout_ms == 0 ? ASK_MS : timeout_ms);
    a->f = f;
    a->priv = priv;
    cnc__table_put(r->asked, id, a);
    cnc__xml_printf(&xml, "<iq type='%s' id='%s' from='%s' to='%s'>", type, id,
                    from, to);
    cnc__str_add(&xml, payload, len);
    cnc__str_puts(&xml, "</iq>");
    if (cnc__router_send(r, from, to, xml.data, xml.len, NULL) != 0) {
        /* Not from inside the call that asks. */
        a->until_ms = 0;
    }
    cnc__str_fini(&xml);
}

/* RFC 6120 8.1.2.1: an answer comes from whom we asked; an account's server
 * may leave its `from` out, which the caller has filled in. */
bool
cnc__ask_answered(struct cnc__router *r, const char *from,
                  const struct cnc_element *iq)
{
    const char *id = cnc_element_attr(iq, NULL, "id");
    struct asked *a = id == NULL ? NULL : cnc__table_get(r->asked, id);

    if (a == NULL || strcmp(a->to, from) != 0) {
        return false;
    }
    cnc__table_del(r->asked, id);
    finish(a, iq);
    return true;
}

void
cnc__ask_tick(struct cnc__router *r)
{
    struct cnc__table *late = NULL;

    /* An answer's function may ask again: it must not change the table while
     * we go through it. */
    for (struct cnc__table_iter i = {0}; cnc__table_next(r->asked, &i);) {
        struct asked *a = i.value;

        if (a->until_ms <= r->now_ms) {
            late = late == NULL ? cnc__table_new() : late;
            cnc__table_put(late, i.key, a);
            cnc__table_del(r->asked, i.key);
        }
    }
    for (struct cnc__table_iter i = {0};
         late != NULL && cnc__table_next(late, &i);) {
        finish(i.value, NULL);
    }
    cnc__table_free(&late, NULL);
}

void
cnc__ask_end(struct cnc__router *r)
{
    for (struct cnc__table_iter i = {0}; cnc__table_next(r->asked, &i);) {
        finish(i.value, NULL);
    }
}
