/* SPDX-License-Identifier: MIT */
/*
 * sm-return.c -- what a session that has ended did not acknowledge: messages
 * go on to where they would have gone without it, requests are answered
 * (XEP-0198 section 4).
 */
#include "sm-priv.h"

#include "../base/text.h"
#include "../xml/write.h"

#define NS_DELAY   "urn:xmpp:delay"
#define NS_CARBONS "urn:xmpp:carbons:2"
#define NS_MAM     "urn:xmpp:mam:2"

struct late {
    struct cnc__router *router;
    const char *jid; /* whose it was */
    size_t bare_len;
    bool anonymous;
    int64_t sent_ms;
    const char *from, *to;
};

static void
add_delay(const struct late *l, struct cnc_element *stanza)
{
    struct cnc_element *delay;
    char stamp[32];

    if (cnc_element_child(stanza, NS_DELAY, "delay") != NULL) {
        return; /* it was late before */
    }
    cnc__datetime(stamp, l->sent_ms);
    CNC_CHECK(cnc_element_new(&delay, NS_DELAY, "delay", NULL) == 0);
    cnc_element_set_attr(delay, NULL, "from", l->router->domain, NULL);
    cnc_element_set_attr(delay, NULL, "stamp", stamp, NULL);
    cnc_element_insert(stanza, cnc_element_n_children(stanza), delay, NULL);
    cnc_element_unref(&delay);
}

static bool
is_of(const struct cnc_element *message, const char *type)
{
    const char *is = cnc_element_attr(message, NULL, "type");

    return is != NULL && strcmp(is, type) == 0;
}

/* *New*.  RFC 6121 lets a message of type normal to a resource that is gone
 * fall; here it means the account, when that can take it. */
static char *
address(const struct late *l, const struct cnc_element *message)
{
    bool account = !l->anonymous && !is_of(message, "groupchat") &&
                   l->router->accounts.inbound != NULL &&
                   cnc__table_get(l->router->by_jid, l->jid) == NULL;

    return account ? cnc__strndup(l->jid, l->bare_len) : cnc__strdup(l->to);
}

static void
return_message(const struct late *l, const struct cnc_element *stanza)
{
    struct cnc_element *copy;
    char *to;

    if (is_of(stanza, "error") || is_of(stanza, "headline") ||
        (strlen(l->to) == l->bare_len &&
         cnc__router_sessions_of(l->router, l->jid, l->bare_len) != NULL) ||
        cnc_element_child(stanza, NS_CARBONS, NULL) != NULL ||
        cnc_element_child(stanza, NS_MAM, NULL) != NULL) {
        return;
    }
    to = address(l, stanza);
    copy = cnc__router_stamp(stanza, l->from, to);
    add_delay(l, copy);
    cnc__router_route(l->router, NULL, l->from, to, copy);
    cnc_element_unref(&copy);
    cnc__free(to);
}

static void
answer_request(const struct late *l, const struct cnc_element *iq)
{
    struct cnc_error err = {0};
    struct cnc__str xml = CNC__STR;
    struct cnc_element *answer;

    cnc_error_set(&err, CNC_ENOENT, "recipient-unavailable", "%s",
                  "it was not received");
    cnc__xml_printf(&xml, "<iq type='error' id='%s' from='%s' to='%s'>",
                    cnc_element_attr(iq, NULL, "id"), l->to, l->from);
    cnc__stanza_error_add(&xml, &err);
    cnc__str_puts(&xml, "</iq>");
    answer = cnc__router_parse(xml.data, xml.len);
    CNC_CHECK(answer != NULL);
    cnc__str_fini(&xml);
    cnc__router_route(l->router, NULL, l->to, l->from, answer);
    cnc_element_unref(&answer);
}

/* Fan-out, of which thousands of sessions may have kept thousands: told by
 * its head, unparsed.  And presence. */
static bool
is_nobodys(const struct cnc__kept *e, const char *head)
{
    static const char headline[] = " type='headline'";

    return (e->len > 9 && memcmp(head, "<presence", 9) == 0) ||
           (e->shared &&
            memmem(head, e->len, headline, sizeof(headline) - 1) != NULL);
}

static void
route_back(struct late *l, const struct cnc__str *xml)
{
    struct cnc_element *stanza = cnc__router_parse(xml->data, xml->len);

    CNC_CHECK(stanza != NULL);
    l->from = cnc_element_attr(stanza, NULL, "from");
    l->to = cnc_element_attr(stanza, NULL, "to");
    l->from = l->from == NULL ? l->router->domain : l->from;
    l->to = l->to == NULL ? l->jid : l->to;
    if (strcmp(cnc_element_name(stanza), "message") == 0) {
        return_message(l, stanza);
    } else if (strcmp(cnc_element_name(stanza), "iq") == 0 &&
               (is_of(stanza, "get") || is_of(stanza, "set"))) {
        answer_request(l, stanza);
    }
    cnc_element_unref(&stanza);
}

static void
give_back(struct late *l, const struct cnc__kept *e, const char *head)
{
    struct cnc__sms *sms = l->router->sms;
    struct cnc__str xml = CNC__STR;

    if (is_nobodys(e, head)) {
        return;
    }
    cnc__str_add(&xml, head, e->len);
    if (e->tail != NULL) {
        cnc__str_add(&xml, cnc_buf_data(e->tail), cnc_buf_len(e->tail));
    }
    l->sent_ms = (int64_t)e->sent_s * 1000;
    sms->stats.returned++;
    if (sms->on_return != NULL && !l->anonymous) {
        sms->on_return(l->jid, xml.data, xml.len, l->sent_ms,
                       sms->on_return_priv);
    } else {
        route_back(l, &xml);
    }
    cnc__str_fini(&xml);
}

void
cnc__sm_return(struct cnc__session *s)
{
    struct cnc__sm *m = s->sm;
    struct late l = {.router = s->router,
                     .jid = s->jid,
                     .bare_len = s->bare_len,
                     .anonymous = s->anonymous};
    size_t at = m->keep.heads_at;

    s->sm = NULL;
    if (m->waits) {
        cnc__sm_unwait(m);
    }
    cnc__sm_forget(m);
    for (size_t i = m->keep.first; i < m->keep.end; i++) {
        const struct cnc__kept *e = &m->keep.kept[i];

        give_back(&l, e, m->keep.heads.data + at);
        at += e->len;
    }
    cnc__sm_free(&m);
}
