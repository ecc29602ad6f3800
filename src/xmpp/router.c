/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "../xml/write.h"
#include "errors.h"
#include "jid.h"
#include "router-priv.h"
#include "stream.h"

#define ROUTER_MAGIC  0x524f5554u
#define SESSION_MAGIC 0x53455353u
#define SLOT_BITS     24
#define SLOT_MASK     (((uint64_t)1 << SLOT_BITS) - 1)
#define KEY_MAX       512 /* bytes of a handler's key */

/* -- life ---------------------------------------------------------------- */

struct cnc__router *
cnc__router_new(const char *domain)
{
    struct cnc__router *r = cnc__zalloc(sizeof(*r));
    char prepared[CNC__JID_MAX + 1];

    CNC_CHECK(cnc__jid_prepare(prepared, domain, strlen(domain), NULL) == 0);
    r->magic = ROUTER_MAGIC;
    r->domain = cnc__strdup(prepared);
    r->handlers = cnc__table_new();
    r->features = cnc__table_new();
    r->by_jid = cnc__table_new();
    r->serial = 1;
    cnc__disco_register(r);
    cnc__stock_register(r);
    return r;
}

void
cnc__router_free(struct cnc__router **rp)
{
    struct cnc__router *r = *rp;

    if (r == NULL) {
        return;
    }
    CNC_OBJ_CHECK(r, ROUTER_MAGIC);
    *rp = NULL;
    CNC_CHECK(r->n_sessions == 0); /* streams end before their router */
    cnc__table_free(&r->handlers, cnc__free);
    cnc__table_free(&r->features, NULL);
    cnc__table_free(&r->by_jid, NULL);
    for (struct cnc__identity *i = r->identities, *next; i; i = next) {
        next = i->next;
        cnc__free(i->category);
        cnc__free(i->type);
        cnc__free(i->name);
        cnc__free(i);
    }
    for (struct cnc__provider *p = r->providers, *next; p; p = next) {
        next = p->next;
        cnc__free(p);
    }
    for (struct cnc__ender *e = r->enders, *next; e; e = next) {
        next = e->next;
        cnc__free(e);
    }
    for (struct cnc__starter *i = r->starters, *next; i; i = next) {
        next = i->next;
        cnc__free(i);
    }
    cnc__free(r->slots);
    cnc__free(r->free_slots);
    cnc__free(r->domain);
    CNC_OBJ_FREE(r);
}

const char *
cnc__router_domain(const struct cnc__router *r)
{
    return r->domain;
}

/* -- handlers ------------------------------------------------------------ */

/* "2urn:x}name"; false when it is longer than any handler's can be. */
static bool
make_key(char key[KEY_MAX], enum cnc__stanza kind, const char *ns,
         const char *name)
{
    int len = snprintf(key, KEY_MAX, "%d%s}%s", (int)kind, ns, name);

    return len > 0 && len < KEY_MAX;
}

int
cnc__router_handle(struct cnc__router *r, const struct cnc__handler *h,
                   struct cnc_error *err)
{
    static const enum cnc__stanza all[] = {CNC__IQ_GET, CNC__IQ_SET,
                                           CNC__MESSAGE, CNC__PRESENCE};
    const char *name = h->name == NULL ? "*" : h->name;
    char key[KEY_MAX];

    CNC_OBJ_CHECK(r, ROUTER_MAGIC);
    for (size_t i = 0; i < CNC_N(all); i++) {
        CNC_CHECK(make_key(key, all[i], h->ns, name));
        if ((h->kinds & all[i]) != 0 &&
            cnc__table_get(r->handlers, key) != NULL) {
            return cnc_error_set(err, CNC_EEXIST, NULL,
                                 "a handler for {%s}%s exists already", h->ns,
                                 name);
        }
    }
    for (size_t i = 0; i < CNC_N(all); i++) {
        if ((h->kinds & all[i]) != 0) {
            struct cnc__handler *copy = cnc__zalloc(sizeof(*copy));

            *copy = *h;
            make_key(key, all[i], h->ns, name);
            cnc__table_put(r->handlers, key, copy);
        }
    }
    if (h->feature != NULL) {
        cnc__router_feature(r, h->feature);
    }
    return 0;
}

static const struct cnc__handler *
find_handler(const struct cnc__router *r, enum cnc__stanza kind,
             const struct cnc_element *payload)
{
    const struct cnc__handler *h = NULL;
    char key[KEY_MAX];

    if (payload == NULL) {
        return NULL;
    }
    if (make_key(key, kind, cnc_element_ns(payload),
                 cnc_element_name(payload))) {
        h = cnc__table_get(r->handlers, key);
    }
    if (h == NULL && make_key(key, kind, cnc_element_ns(payload), "*")) {
        h = cnc__table_get(r->handlers, key);
    }
    return h;
}

void
cnc__router_on_session_end(struct cnc__router *r, cnc__session_end_f *f,
                           void *priv)
{
    struct cnc__ender *e = cnc__zalloc(sizeof(*e));

    *e = (struct cnc__ender){f, priv, r->enders};
    r->enders = e;
}

void
cnc__router_on_session_start(struct cnc__router *r, cnc__session_start_f *f,
                             void *priv)
{
    struct cnc__starter *i = cnc__zalloc(sizeof(*i));

    *i = (struct cnc__starter){f, priv, r->starters};
    r->starters = i;
}

void
cnc__router_started(struct cnc__session *s)
{
    CNC_OBJ_CHECK(s, SESSION_MAGIC);
    for (struct cnc__starter *i = s->router->starters; i != NULL;
         i = i->next) {
        i->f(s, i->priv);
    }
}

/* -- sessions ------------------------------------------------------------ */

static uint32_t
take_slot(struct cnc__router *r)
{
    if (r->n_free == 0) {
        size_t cap = r->n_slots == 0 ? 16 : r->n_slots * 2;

        CNC_CHECK(cap <= SLOT_MASK);
        r->slots = cnc__realloc(r->slots, cap, sizeof(void *));
        r->free_slots =
            cnc__realloc(r->free_slots, cap, sizeof(r->free_slots[0]));
        for (size_t i = cap; i-- > r->n_slots;) {
            r->slots[i] = NULL;
            r->free_slots[r->n_free++] = (uint32_t)i;
        }
        r->n_slots = cap;
    }
    return r->free_slots[--r->n_free];
}

struct cnc__session *
cnc__router_bind(struct cnc__router *r, struct cnc__stream *stream,
                 const char *bare_jid, const char *resource)
{
    struct cnc__session *s = cnc__zalloc(sizeof(*s)), *old;
    struct cnc__str jid = CNC__STR;
    char chosen[33];
    uint32_t slot = take_slot(r);

    CNC_OBJ_CHECK(r, ROUTER_MAGIC);
    if (resource == NULL) {
        cnc__random_hex(chosen, 8);
        resource = chosen;
    }
    cnc__str_printf(&jid, "%s/%s", bare_jid, resource);
    s->magic = SESSION_MAGIC;
    s->jid = cnc__strdup(jid.data);
    cnc__str_fini(&jid);
    s->bare_len = strlen(bare_jid);
    s->id = r->serial++ << SLOT_BITS | slot;
    s->router = r;
    s->stream = stream;
    r->slots[slot] = s;
    r->n_sessions++;
    old = cnc__table_put(r->by_jid, s->jid, s);
    if (old != NULL && old->stream != NULL) {
        cnc__stream_close(old->stream, "conflict",
                          "Replaced by a new connection");
    }
    return s;
}

void
cnc__router_unbind(struct cnc__session **sp)
{
    struct cnc__session *s = *sp;
    struct cnc__router *r;
    uint32_t slot;

    if (s == NULL) {
        return;
    }
    CNC_OBJ_CHECK(s, SESSION_MAGIC);
    r = s->router;
    *sp = NULL;
    for (struct cnc__ender *e = r->enders; e != NULL; e = e->next) {
        e->f(s, e->priv);
    }
    /* A session that replaced this one owns the JID now. */
    if (cnc__table_get(r->by_jid, s->jid) == s) {
        cnc__table_del(r->by_jid, s->jid);
    }
    slot = (uint32_t)(s->id & SLOT_MASK);
    r->slots[slot] = NULL;
    r->free_slots[r->n_free++] = slot;
    r->n_sessions--;
    cnc__free(s->jid);
    CNC_OBJ_FREE(s);
}

struct cnc__session *
cnc__router_session(struct cnc__router *r, uint64_t id)
{
    size_t slot = (size_t)(id & SLOT_MASK);
    struct cnc__session *s = slot < r->n_slots ? r->slots[slot] : NULL;

    return s != NULL && s->id == id ? s : NULL;
}

struct cnc__session *
cnc__router_session_by_jid(struct cnc__router *r, const char *full)
{
    return cnc__table_get(r->by_jid, full);
}

struct cnc__session *
cnc__router_next_session(struct cnc__router *r, size_t *i)
{
    while (*i < r->n_slots) {
        struct cnc__session *s = r->slots[(*i)++];

        if (s != NULL) {
            return s;
        }
    }
    return NULL;
}

size_t
cnc__router_n_sessions(const struct cnc__router *r)
{
    return r->n_sessions;
}

void
cnc__session_send(struct cnc__session *s, const char *xml, size_t len)
{
    CNC_OBJ_CHECK(s, SESSION_MAGIC);
    if (s->stream != NULL) {
        cnc__stream_send(s->stream, xml, len, "", 0);
    }
}

void
cnc__session_send_shared(struct cnc__session *s, const char *head,
                         size_t head_len, const struct cnc_buf *tail)
{
    CNC_OBJ_CHECK(s, SESSION_MAGIC);
    if (s->stream != NULL) {
        cnc__stream_send_shared(s->stream, head, head_len, tail);
    }
}

/* -- routing ------------------------------------------------------------- */

enum where { TO_DOMAIN, TO_ACCOUNT, TO_SESSION, TO_NOBODY, TO_ELSEWHERE };

/* Whom a prepared address means, seen from session s. */
static enum where
where_is(const struct cnc__session *s, const char *to)
{
    const struct cnc__router *r = s->router;
    size_t n_domain;
    const char *domain = cnc__jid_domain(to, &n_domain);

    if (n_domain != strlen(r->domain) ||
        memcmp(domain, r->domain, n_domain) != 0) {
        return TO_ELSEWHERE;
    }
    if (domain == to && to[n_domain] == '\0') {
        return TO_DOMAIN;
    }
    if (strlen(to) == s->bare_len && memcmp(to, s->jid, s->bare_len) == 0) {
        return TO_ACCOUNT;
    }
    return cnc__table_get(r->by_jid, to) != NULL ? TO_SESSION : TO_NOBODY;
}

/* A *new* copy of a stanza with `from` as we know it, whatever it said, and
 * no default namespace of its own: the framing declares that one. */
static struct cnc_element *
stamp(const struct cnc_element *stanza, const char *from)
{
    struct cnc_element *copy;
    const char *prefix, *ns;

    CNC_CHECK(cnc_element_new(&copy, CNC__NS_CLIENT, cnc_element_name(stanza),
                              NULL) == 0);
    for (size_t i = 0; i < cnc_element_n_decls(stanza); i++) {
        cnc_element_decl_at(stanza, i, &prefix, &ns);
        if (prefix[0] != '\0') {
            cnc_element_declare(copy, prefix, ns, NULL);
        }
    }
    for (size_t i = 0; i < cnc_element_n_attrs(stanza); i++) {
        struct cnc_attr a = cnc_element_attr_at(stanza, i);

        cnc_element_set_attr(copy, a.ns, a.name, a.value, NULL);
    }
    cnc_element_set_attr(copy, NULL, "from", from, NULL);
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

/* To another session: written anew from the tree, never the bytes that came
 * in, because two parsers that disagree are how stanzas get smuggled. */
static void
relay(struct cnc__session *from, const char *to, struct cnc_element *stanza)
{
    struct cnc__session *s = cnc__table_get(from->router->by_jid, to);
    struct cnc_element *copy = stamp(stanza, from->jid);
    struct cnc__str out = CNC__STR;

    cnc__xml_write(&out, copy, CNC__NS_CLIENT, 0);
    cnc__session_send(s, out.data, out.len);
    cnc__str_fini(&out);
    cnc_element_unref(&copy);
}

/* What cannot be delivered: IQ requests and messages are answered, presence
 * is dropped (RFC 6121 8.5.1). */
static void
undeliverable(struct cnc__request *q, enum where where)
{
    const char *type = cnc_element_attr(q->stanza, NULL, "type");

    if (q->kind == CNC__PRESENCE || (q->kind == CNC__MESSAGE && type != NULL &&
                                     strcmp(type, "headline") == 0)) {
        cnc__request_free(&q);
    } else if (where == TO_ELSEWHERE) {
        cnc__request_refuse(&q, CNC_ENOENT, "remote-server-not-found",
                            "this service serves %s alone", q->router->domain);
    } else {
        cnc__request_refuse(&q, CNC_ENOENT, "service-unavailable",
                            "nobody here answers that");
    }
}

static void
dispatch(struct cnc__session *s, enum cnc__stanza kind, const char *to,
         struct cnc_element *stanza)
{
    enum where where = where_is(s, to);
    struct cnc__request *q;
    const struct cnc__handler *h;

    /* Anonymous visitors talk to the service, not to each other. */
    if (where == TO_SESSION && !s->anonymous) {
        relay(s, to, stanza);
        return;
    }
    q = cnc__request_new(s, kind, to, stanza);
    h = where == TO_DOMAIN || where == TO_ACCOUNT
            ? find_handler(s->router, kind, q->payload)
            : NULL;
    if (h != NULL && (where == TO_DOMAIN || h->account)) {
        h->f(q, h->priv);
    } else {
        undeliverable(q, where);
    }
}

/* Answers nobody asked us for, and errors, end here or go on; they are never
 * answered (RFC 6120 8.3.1). */
static void
pass_answer(struct cnc__session *s, const char *to, struct cnc_element *stanza)
{
    if (!s->anonymous && where_is(s, to) == TO_SESSION) {
        relay(s, to, stanza);
    }
}

/* RFC 6120 8.2.3; NULL: nothing wrong. */
static const char *
iq_fault(const struct cnc_element *stanza, const char *type)
{
    size_t i = 0;

    if (cnc_element_attr(stanza, NULL, "id") == NULL) {
        return "an iq needs an id";
    }
    if (type == NULL ||
        (strcmp(type, "get") != 0 && strcmp(type, "set") != 0)) {
        return "an iq's type is get, set, result or error";
    }
    if (cnc_element_next(stanza, &i, NULL, NULL) == NULL ||
        cnc_element_next(stanza, &i, NULL, NULL) != NULL) {
        return "a request has exactly one child element";
    }
    return NULL;
}

static void
refuse(struct cnc__session *s, enum cnc__stanza kind, const char *from,
       struct cnc_element *stanza, const char *condition, const char *text)
{
    struct cnc__request *q = cnc__request_new(s, kind, from, stanza);

    cnc__request_refuse(&q, CNC_EPROTO, condition, "%s", text);
}

static bool
is_answer(enum cnc__stanza kind, const char *type)
{
    return type != NULL && (strcmp(type, "error") == 0 ||
                            (strcmp(type, "result") == 0 &&
                             (kind & (CNC__IQ_GET | CNC__IQ_SET)) != 0));
}

void
cnc__router_stanza(struct cnc__session *s, struct cnc_element *stanza)
{
    const char *name = cnc_element_name(stanza);
    const char *type = cnc_element_attr(stanza, NULL, "type");
    const char *to = cnc_element_attr(stanza, NULL, "to");
    const char *fault;
    enum cnc__stanza kind = strcmp(name, "message") == 0    ? CNC__MESSAGE
                            : strcmp(name, "presence") == 0 ? CNC__PRESENCE
                            : type != NULL && strcmp(type, "set") == 0
                                ? CNC__IQ_SET
                                : CNC__IQ_GET;
    char prepared[CNC__JID_MAX + 1];

    CNC_OBJ_CHECK(s, SESSION_MAGIC);
    if (to == NULL) {
        /* 10.3: no address means the sender's own account. */
        memcpy(prepared, s->jid, s->bare_len);
        prepared[s->bare_len] = '\0';
    } else if (cnc__jid_prepare(prepared, to, strlen(to), NULL) != 0) {
        if (!is_answer(kind, type)) {
            refuse(s, kind, s->router->domain, stanza, "jid-malformed",
                   "the address in 'to' is malformed");
        }
        return;
    }
    if (is_answer(kind, type)) {
        pass_answer(s, prepared, stanza);
        return;
    }
    fault = kind == CNC__IQ_GET || kind == CNC__IQ_SET ? iq_fault(stanza, type)
                                                       : NULL;
    if (fault != NULL) {
        refuse(s, kind, prepared, stanza, "bad-request", fault);
        return;
    }
    dispatch(s, kind, prepared, stanza);
}
