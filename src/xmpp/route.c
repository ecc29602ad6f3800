/* SPDX-License-Identifier: MIT */
/*
 * route.c -- where a stanza goes (RFC 6120 section 10).
 */
#include "../xml/write.h"
#include "errors.h"
#include "jid.h"
#include "router-priv.h"
#include "stream.h"

enum cnc__where
cnc__router_where(const struct cnc__router *r, const char *to)
{
    size_t n_domain;
    const char *domain = cnc__jid_domain(to, &n_domain);

    if (!cnc__jid_is_at(to, r->domain)) {
        return CNC__TO_ELSEWHERE;
    }
    if (domain == to) {
        return to[n_domain] == '\0' ? CNC__TO_DOMAIN : CNC__TO_RESOURCE;
    }
    if (cnc__jid_resource(to) == NULL) {
        return CNC__TO_ACCOUNT;
    }
    return cnc__table_get(r->by_jid, to) != NULL ? CNC__TO_SESSION
                                                 : CNC__TO_RESOURCE;
}

/* -- one stanza on its way ------------------------------------------------ */

struct way {
    struct cnc__router *router;
    struct cnc__session *session; /* NULL: not of one */
    enum cnc__stanza kind;
    enum cnc__where where;
    const char *from, *to, *type; /* type may be NULL */
    struct cnc_element *stanza;
};

static enum cnc__stanza
kind_of(const struct cnc_element *stanza, const char *type)
{
    const char *name = cnc_element_name(stanza);

    return strcmp(name, "message") == 0               ? CNC__MESSAGE
           : strcmp(name, "presence") == 0            ? CNC__PRESENCE
           : type != NULL && strcmp(type, "set") == 0 ? CNC__IQ_SET
                                                      : CNC__IQ_GET;
}

static bool
is_iq(const struct way *w)
{
    return (w->kind & (CNC__IQ_GET | CNC__IQ_SET)) != 0;
}

static bool
is_answer(const struct way *w)
{
    return w->type != NULL && (strcmp(w->type, "error") == 0 ||
                               (is_iq(w) && strcmp(w->type, "result") == 0));
}

static void
refuse(const struct way *w, int code, const char *condition, const char *fmt,
       const char *what)
{
    struct cnc__request *q = cnc__request_new(w->router, w->session, w->kind,
                                              w->from, w->to, w->stanza);
    struct cnc_error err = {0};

    cnc_error_set(&err, code, condition, fmt, what);
    cnc__request_error(&q, &err);
}

/* What nobody takes: requests and messages are answered, presence is dropped
 * (RFC 6121 8.5.1), and so is what is an answer itself. */
static bool
is_worth_an_answer(const struct way *w)
{
    return !is_answer(w) && w->kind != CNC__PRESENCE &&
           (w->kind != CNC__MESSAGE || w->type == NULL ||
            strcmp(w->type, "headline") != 0);
}

/* RFC 6120 8.2.3; NULL: nothing wrong. */
static const char *
iq_fault(const struct way *w)
{
    size_t i = 0;

    if (cnc_element_attr(w->stanza, NULL, "id") == NULL) {
        return "an iq needs an id";
    }
    if (w->type == NULL ||
        (strcmp(w->type, "get") != 0 && strcmp(w->type, "set") != 0)) {
        return "an iq's type is get, set, result or error";
    }
    if (cnc_element_next(w->stanza, &i, NULL, NULL) == NULL ||
        cnc_element_next(w->stanza, &i, NULL, NULL) != NULL) {
        return "a request has exactly one child element";
    }
    return NULL;
}

/* -- writing it anew ------------------------------------------------------ */

/* `from` as we know it, whatever it said, and no default namespace of its
 * own: the framing declares that one. */
struct cnc_element *
cnc__router_stamp(const struct cnc_element *stanza, const char *from,
                  const char *to)
{
    struct cnc_element *copy;
    const char *prefix, *ns;

    CNC_CHECK(cnc_element_new(&copy, CNC__NS_CLIENT, cnc_element_name(stanza),
                              NULL) == 0);
    for (size_t i = 0; i < cnc_element_n_decls(stanza); i++) {
        cnc_element_decl_at(stanza, i, &prefix, &ns);
        /* What the stream's header declared for itself came along. */
        if (prefix[0] != '\0' && strcmp(ns, CNC__NS_STREAMS) != 0 &&
            strcmp(ns, CNC__NS_DIALBACK) != 0) {
            cnc_element_declare(copy, prefix, ns, NULL);
        }
    }
    for (size_t i = 0; i < cnc_element_n_attrs(stanza); i++) {
        struct cnc_attr a = cnc_element_attr_at(stanza, i);

        cnc_element_set_attr(copy, a.ns, a.name, a.value, NULL);
    }
    cnc_element_set_attr(copy, NULL, "from", from, NULL);
    if (to != NULL) {
        cnc_element_set_attr(copy, NULL, "to", to, NULL);
    }
    for (size_t i = 0; i < cnc_element_n_children(stanza); i++) {
        struct cnc_child c = cnc_element_child_at(stanza, i);

        if (c.kind == CNC_TEXT) {
            cnc_element_insert_text(copy, i, c.text, c.len, NULL);
        } else {
            cnc_element_insert(copy, i, c.element, NULL);
        }
    }
    return copy;
}

void
cnc__session_deliver(struct cnc__session *s, const struct cnc_element *stanza)
{
    struct cnc__str out = CNC__STR;

    cnc__xml_write(&out, stanza, CNC__NS_CLIENT, 0);
    cnc__session_send(s, out.data, out.len);
    cnc__str_fini(&out);
}

/* To another session: written anew from the tree, never the bytes that came
 * in, because two parsers that disagree are how stanzas get smuggled. */
static void
relay(const struct way *w)
{
    struct cnc__session *s = cnc__table_get(w->router->by_jid, w->to);
    struct cnc_element *copy = cnc__router_stamp(w->stanza, w->from, NULL);

    cnc__session_deliver(s, copy);
    cnc_element_unref(&copy);
}

/* -- other domains -------------------------------------------------------- */

void
cnc__router_show(struct cnc__router *r, struct cnc__session *s, bool in,
                 const char *from, const char *to, const char *head,
                 size_t head_len, const struct cnc_buf *tail)
{
    struct cnc__str xml = CNC__STR;

    if (r->trace == NULL) {
        return;
    }
    cnc__str_add(&xml, head, head_len);
    if (tail != NULL) {
        cnc__str_add(&xml, cnc_buf_data(tail), cnc_buf_len(tail));
    }
    r->trace(s, in, from, to, xml.data, xml.len, r->trace_priv);
    cnc__str_fini(&xml);
}

int
cnc__router_carry(struct cnc__router *r, const char *from, const char *to,
                  const char *head, size_t head_len,
                  const struct cnc_buf *tail, struct cnc_error *err)
{
    for (const struct cnc__carrier *c = r->carriers; c != NULL; c = c->next) {
        int rc = c->f(from, to, head, head_len, tail, err, c->priv);

        if (rc == 0) {
            cnc__router_show(r, NULL, false, from, to, head, head_len, tail);
        }
        if (rc != CNC_ENOENT) {
            return rc;
        }
    }
    return cnc_error_set(err, CNC_ENOENT, "remote-server-not-found",
                         "this service serves %s alone", r->domain);
}

static void
carry(const struct way *w)
{
    struct cnc_element *copy = cnc__router_stamp(w->stanza, w->from, w->to);
    struct cnc__str out = CNC__STR;
    struct cnc_error err = {0};

    cnc__xml_write(&out, copy, CNC__NS_CLIENT, 0);
    cnc_element_unref(&copy);
    if (cnc__router_carry(w->router, w->from, w->to, out.data, out.len, NULL,
                          &err) != 0 &&
        is_worth_an_answer(w)) {
        struct cnc__request *q = cnc__request_new(
            w->router, w->session, w->kind, w->from, w->to, w->stanza);

        cnc__request_error(&q, &err);
    }
    cnc__str_fini(&out);
}

/* A visitor without a name speaks for nobody: no other server hears it. */
static void
go_elsewhere(const struct way *w)
{
    if (w->session == NULL || !w->session->anonymous) {
        carry(w);
    } else if (is_worth_an_answer(w)) {
        refuse(w, CNC_EACCES, "forbidden", "%s",
               "guests talk to this service alone");
    }
}

struct cnc_element *
cnc__router_parse(const char *xml, size_t len)
{
    /* What we wrote is longer and deeper than what came in: quotes are
     * escaped, stanzas are forwarded inside others. */
    static const struct cnc_xml_limits limits = {
        .size = sizeof(struct cnc_xml_limits),
        .max_depth = 200,
        .max_attrs = 1024,
        .max_token = CNC_BUF_MAX,
        .max_stanza = CNC_BUF_MAX};
    struct cnc__str whole = CNC__STR;
    struct cnc_element *wrap = NULL, *stanza = NULL;

    cnc__str_puts(&whole, "<s xmlns='" CNC__NS_CLIENT "'>");
    cnc__str_add(&whole, xml, len);
    cnc__str_puts(&whole, "</s>");
    if (cnc_xml_parse(&wrap, whole.data, whole.len, 0, &limits, NULL) == 0 &&
        (stanza = cnc_element_child(wrap, NULL, NULL)) != NULL) {
        stanza = cnc_element_freeze(stanza); /* of its own, unwrapped */
    }
    cnc_element_unref(&wrap);
    cnc__str_fini(&whole);
    return stanza;
}

/* As if the other domain had answered: a session gets it, an account, or who
 * asked in the service's own name. */
static void
bounce(const struct way *w, const struct cnc_error *err)
{
    const char *name = cnc_element_name(w->stanza);
    const char *id = cnc_element_attr(w->stanza, NULL, "id");
    struct cnc__str xml = CNC__STR;
    struct cnc_element *answer;

    cnc__xml_printf(&xml, "<%s type='error' from='%s' to='%s'", name, w->to,
                    w->from);
    if (id != NULL) {
        cnc__xml_printf(&xml, " id='%s'", id);
    }
    cnc__str_putc(&xml, '>');
    cnc__stanza_error_add(&xml, err);
    cnc__xml_printf(&xml, "</%s>", name);
    answer = cnc__router_parse(xml.data, xml.len);
    CNC_CHECK(answer != NULL);
    cnc__router_from_peer(w->router, answer);
    cnc_element_unref(&answer);
    cnc__str_fini(&xml);
}

void
cnc__router_bounce(struct cnc__router *r, const char *xml, size_t len,
                   const struct cnc_error *err)
{
    struct cnc_element *stanza = cnc__router_parse(xml, len);
    const char *from, *to;

    CNC_CHECK(stanza != NULL);
    from = cnc_element_attr(stanza, NULL, "from");
    to = cnc_element_attr(stanza, NULL, "to");
    if (from != NULL && to != NULL) {
        struct way w = {.router = r, .from = from, .to = to, .stanza = stanza};

        w.type = cnc_element_attr(stanza, NULL, "type");
        w.kind = kind_of(stanza, w.type);
        /* 8.3.1: and a presence that asks for something is answered too. */
        if (is_worth_an_answer(&w) ||
            (w.kind == CNC__PRESENCE && w.type != NULL &&
             (strcmp(w.type, "subscribe") == 0 ||
              strcmp(w.type, "probe") == 0)) ||
            (w.kind == CNC__PRESENCE && w.type == NULL)) {
            bounce(&w, err);
        }
    }
    cnc_element_unref(&stanza);
}

/* -- here ----------------------------------------------------------------- */

/* Who answers it, among the handlers; NULL: nobody. */
static const struct cnc__handler *
handler_for(const struct way *w)
{
    bool account = w->where == CNC__TO_ACCOUNT;
    const struct cnc__handler *h =
        account || w->where == CNC__TO_DOMAIN
            ? cnc__router_find(w->router, account, w->kind,
                               cnc_element_child(w->stanza, NULL, NULL))
            : NULL;
    bool own = cnc__jid_is_bare_of(w->to, w->from);

    if (h == NULL || !account) {
        return h;
    }
    return (own && (h->account || h->only_account)) || h->anyone ? h : NULL;
}

/* Anonymous visitors talk to the service, not to each other. */
static bool
may_meet(const struct way *w)
{
    return w->session == NULL || !w->session->anonymous;
}

static void
go_here(const struct way *w)
{
    const struct cnc__accounts_hooks *a = &w->router->accounts;
    const struct cnc__handler *h;

    if (cnc__jid_has_local(w->to) && a->inbound != NULL && may_meet(w) &&
        a->inbound(w->router, w->where, w->kind, w->from, w->to, w->stanza,
                   a->priv)) {
        return;
    }
    if (w->where == CNC__TO_SESSION && may_meet(w)) {
        relay(w);
        return;
    }
    if (w->where == CNC__TO_DOMAIN && w->kind == CNC__MESSAGE &&
        w->router->on_message != NULL &&
        w->router->on_message(w->from, w->stanza, w->router->message_priv)) {
        return;
    }
    h = is_answer(w) ? NULL : handler_for(w);
    if (h != NULL) {
        struct cnc__request *q = cnc__request_new(
            w->router, w->session, w->kind, w->from, w->to, w->stanza);

        h->f(q, h->priv);
    } else if (is_worth_an_answer(w)) {
        refuse(w, CNC_ENOENT, "service-unavailable", "%s",
               "nobody here answers that");
    }
}

void
cnc__router_route(struct cnc__router *r, struct cnc__session *s,
                  const char *from, const char *to, struct cnc_element *stanza)
{
    struct way w = {.router = r,
                    .session = s,
                    .where = cnc__router_where(r, to),
                    .from = from,
                    .to = to,
                    .type = cnc_element_attr(stanza, NULL, "type"),
                    .stanza = stanza};
    const char *fault;

    w.kind = kind_of(stanza, w.type);
    /* Answers that nobody waits for end here; they are never answered (RFC
     * 6120 8.3.1). */
    if (is_iq(&w) && is_answer(&w) &&
        (w.where == CNC__TO_DOMAIN || w.where == CNC__TO_ACCOUNT)) {
        cnc__ask_answered(r, from, stanza);
        return;
    }
    fault = is_iq(&w) && !is_answer(&w) ? iq_fault(&w) : NULL;
    if (fault != NULL) {
        refuse(&w, CNC_EPROTO, "bad-request", "%s", fault);
    } else if (w.where == CNC__TO_ELSEWHERE) {
        go_elsewhere(&w);
    } else {
        go_here(&w);
    }
}

/* -- from a session, from a peer, from ourselves -------------------------- */

/* One that came in; s NULL: from a peer. */
static void
show_in(struct cnc__router *r, struct cnc__session *s, const char *from,
        const char *to, const struct cnc_element *stanza)
{
    struct cnc__str xml = CNC__STR;

    if (r->trace != NULL) {
        cnc__xml_write(&xml, stanza, CNC__NS_CLIENT, 0);
        cnc__router_show(r, s, true, from, to, xml.data, xml.len, NULL);
        cnc__str_fini(&xml);
    }
}

void
cnc__router_stanza(struct cnc__session *s, struct cnc_element *stanza)
{
    struct cnc__router *r = s->router;
    const struct cnc__accounts_hooks *a = &r->accounts;
    const char *type = cnc_element_attr(stanza, NULL, "type");
    const char *to = cnc_element_attr(stanza, NULL, "to");
    enum cnc__stanza kind = kind_of(stanza, type);
    char prepared[CNC__JID_MAX + 1];

    if (s->traced) {
        show_in(r, s, s->jid, to, stanza);
    }
    if (to != NULL && cnc__jid_prepare(prepared, to, strlen(to), NULL) != 0) {
        struct way w = {.router = r,
                        .session = s,
                        .kind = kind,
                        .from = s->jid,
                        .to = r->domain,
                        .type = type,
                        .stanza = stanza};

        if (!is_answer(&w)) {
            refuse(&w, CNC_EPROTO, "jid-malformed", "%s",
                   "the address in 'to' is malformed");
        }
        return;
    }
    if (a->outbound != NULL && !s->anonymous &&
        a->outbound(s, kind, to == NULL ? NULL : prepared, stanza, a->priv)) {
        return;
    }
    if (to == NULL) {
        /* 10.3: no address means the sender's own account. */
        memcpy(prepared, s->jid, s->bare_len);
        prepared[s->bare_len] = '\0';
    }
    cnc__router_route(r, s, s->jid, prepared, stanza);
}

static void
tell_gone(struct cnc__router *r, const char *from,
          const struct cnc_element *stanza)
{
    const char *type = cnc_element_attr(stanza, NULL, "type");

    if (type == NULL ||
        (strcmp(type, "error") != 0 &&
         (strcmp(type, "unavailable") != 0 ||
          strcmp(cnc_element_name(stanza), "presence") != 0))) {
        return;
    }
    for (const struct cnc__gone *g = r->gone; g != NULL; g = g->next) {
        g->f(from, stanza, g->priv);
    }
}

bool
cnc__router_from_peer(struct cnc__router *r, struct cnc_element *stanza)
{
    const char *from = cnc_element_attr(stanza, NULL, "from");
    const char *to = cnc_element_attr(stanza, NULL, "to");
    char who[CNC__JID_MAX + 1], whom[CNC__JID_MAX + 1];

    if (from == NULL || to == NULL ||
        cnc__jid_prepare(who, from, strlen(from), NULL) != 0 ||
        cnc__jid_prepare(whom, to, strlen(to), NULL) != 0) {
        return false;
    }
    show_in(r, NULL, who, whom, stanza);
    tell_gone(r, who, stanza);
    cnc__router_route(r, NULL, who, whom, stanza);
    return true;
}

int
cnc__router_send(struct cnc__router *r, const char *from, const char *to,
                 const char *xml, size_t len, struct cnc_error *err)
{
    struct cnc__session *s = cnc__table_get(r->by_jid, to);

    if (s != NULL) {
        cnc__session_send(s, xml, len);
        return 0;
    }
    if (cnc__router_where(r, to) == CNC__TO_ELSEWHERE) {
        return cnc__router_carry(r, from, to, xml, len, NULL, err);
    }
    return cnc_error_set(err, CNC_ENOENT, NULL, "%s is not here", to);
}
