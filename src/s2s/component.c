/* SPDX-License-Identifier: MIT */
/*
 * component.c -- components that connect to us (XEP-0114, "accept").
 *
 *   their header -> ours with an id -> <handshake/> -> <handshake/> -> stanzas
 */
#include <openssl/evp.h>

#include "../base/log.h"
#include "../base/text.h"
#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "../xmpp/role.h"
#include "component.h"

#define COMPONENTS_MAGIC 0x434f4d50u
#define AUTH_MS          10000u
#define PING_MS          120000u
#define MAX_QUEUE        (8u << 20)

struct guest;

struct component {
    char *name, *secret;
    bool below;
    struct guest *guest; /* connected; NULL: not */
};

/* One stream. */
struct guest {
    struct cnc__components *all;
    struct component *as; /* who it is, or says it is; NULL: not yet */
    struct cnc__stream *s;
    struct guest *next, *prev;
    uint64_t since_ms, said_ms, sent, received;
};

struct cnc__components {
    unsigned magic;
    struct cnc__router *router;
    struct cnc__stream_env env;
    struct component *list;
    size_t n;
    struct guest *guests;
    struct cnc__components *next; /* a ring */
    bool closed;
};

/* -- who is who ----------------------------------------------------------- */

void
cnc__component_key(char out[41], const char *id, const char *secret)
{
    struct cnc__str text = CNC__STR;
    uint8_t digest[20];

    cnc__str_printf(&text, "%s%s", id, secret);
    CNC_CHECK(
        EVP_Digest(text.data, text.len, digest, NULL, EVP_sha1(), NULL) == 1);
    cnc__hex(out, digest, sizeof(digest));
    cnc__wipe(text.data, text.len);
    cnc__str_fini(&text);
}

static bool
is_of(const struct component *c, const char *domain, size_t len)
{
    size_t own = strlen(c->name);

    if (len == own) {
        return memcmp(domain, c->name, len) == 0;
    }
    return c->below && len > own + 1 && domain[len - own - 1] == '.' &&
           memcmp(domain + len - own, c->name, own) == 0;
}

/* The longest name wins: one may be below another. */
static struct component *
find(const struct cnc__components *c, const char *domain, size_t len)
{
    struct component *best = NULL;

    for (size_t i = 0; i < c->n; i++) {
        if (is_of(&c->list[i], domain, len) &&
            (best == NULL || strlen(c->list[i].name) > strlen(best->name))) {
            best = &c->list[i];
        }
    }
    return best;
}

bool
cnc__components_is_host(const struct cnc__components *c, const char *domain)
{
    return find(c, domain, strlen(domain)) != NULL;
}

/* -- stanzas to them ------------------------------------------------------ */

static int
carry(const char *from, const char *to, const char *head, size_t head_len,
      const struct cnc_buf *tail, struct cnc_error *err, void *priv)
{
    struct cnc__components *c = priv;
    size_t size = head_len + (tail == NULL ? 0 : cnc_buf_len(tail)), len;
    const char *domain = cnc__jid_domain(to, &len);
    const struct component *as;
    struct guest *g;

    CNC_OBJ_CHECK(c, COMPONENTS_MAGIC);
    as = c->closed ? NULL : find(c, domain, len);
    if (as == NULL) {
        return CNC_ENOENT;
    }
    g = as->guest;
    if (g == NULL) {
        return cnc_error_set(err, CNC_EAGAIN, "remote-server-timeout",
                             "the component %s is not connected", as->name);
    }
    if (g->s->out.len + g->s->lazy_bytes + size > MAX_QUEUE) {
        return cnc_error_set(err, CNC_ESTORE, "resource-constraint",
                             "too much waits for %s already", as->name);
    }
    g->sent++;
    g->said_ms = g->s->now_ms;
    if (tail == NULL) {
        cnc__stream_send(g->s, head, head_len, "", 0);
    } else {
        cnc__stream_send_shared(g->s, head, head_len, tail);
    }
    return 0;
}

/* -- a stream ------------------------------------------------------------- */

static void
refuse(struct guest *g, const char *condition, const char *text)
{
    cnc__log(CNC_LOG_WARN, "component.refused", "name=%s condition=%s peer=%s",
             g->as == NULL ? "" : g->as->name, condition, g->s->addr);
    cnc__stream_close(g->s, condition, text);
}

static void
link_in(struct guest *g, struct cnc__components *all)
{
    g->all = all;
    g->prev = NULL;
    g->next = all->guests;
    if (all->guests != NULL) {
        all->guests->prev = g;
    }
    all->guests = g;
}

static void
link_out(struct guest *g)
{
    *(g->prev == NULL ? &g->all->guests : &g->prev->next) = g->next;
    if (g->next != NULL) {
        g->next->prev = g->prev;
    }
}

/* Whom the header means, of any domain's. */
static void
identify(struct guest *g, const char *name)
{
    struct cnc__components *c = g->all;

    do {
        for (size_t i = 0; i < c->n; i++) {
            if (strcmp(c->list[i].name, name) == 0) {
                g->as = &c->list[i];
                link_out(g);
                link_in(g, c);
                g->s->env = &c->env;
                return;
            }
        }
        c = c->next;
    } while (c != g->all);
}

static void
on_header(struct cnc__stream *s, struct cnc_element *root)
{
    struct guest *g = s->role_priv;
    const char *to = cnc_element_attr(root, NULL, "to");
    char name[CNC__JID_MAX + 1];

    if (to != NULL && g->as == NULL &&
        cnc__jid_prepare(name, to, strlen(to), NULL) == 0) {
        identify(g, name);
    }
    if (g->as == NULL) {
        refuse(g, "host-unknown", NULL);
        return;
    }
    cnc__free(s->host);
    s->host = cnc__strdup(g->as->name);
    if (g->as->guest != NULL) {
        refuse(g, "conflict", "This component is connected already");
        return;
    }
    cnc__stream_say_header(s, NULL);
    s->state = CNC__STREAM_SASL;
}

static void
on_handshake(struct guest *g, const struct cnc_element *e)
{
    const char *given = cnc_element_text(e);
    struct cnc_xml_limits l;
    char key[41];
    bool right;

    cnc__component_key(key, g->s->id, g->as->secret);
    right = strlen(given) == 40 && cnc__equal_secret(given, key, 40);
    cnc__wipe(key, sizeof(key));
    if (!right) {
        refuse(g, "not-authorized", NULL);
        return;
    }
    if (g->as->guest != NULL) {
        refuse(g, "conflict", "This component is connected already");
        return;
    }
    g->as->guest = g;
    g->since_ms = g->said_ms = g->s->now_ms;
    g->s->state = CNC__STREAM_BOUND;
    g->s->authenticated = true;
    l = cnc__stream_limits(g->s);
    cnc_parser_limit(g->s->parser, &l);
    cnc__stream_send(g->s, "<handshake/>", 12, "", 0);
    cnc__log(CNC_LOG_INFO, "component.ready", "name=%s peer=%s", g->as->name,
             g->s->addr);
}

/* XEP-0114 section 3: it speaks for its own domain, and nobody else's. */
static void
on_stanza(struct guest *g, struct cnc_element *e)
{
    const char *from = cnc_element_attr(e, NULL, "from");
    char who[CNC__JID_MAX + 1];
    const char *domain;
    size_t len;

    if (from == NULL || cnc_element_attr(e, NULL, "to") == NULL ||
        cnc__jid_prepare(who, from, strlen(from), NULL) != 0) {
        refuse(g, "improper-addressing", NULL);
        return;
    }
    domain = cnc__jid_domain(who, &len);
    if (find(g->all, domain, len) != g->as) {
        refuse(g, "invalid-from", NULL);
        return;
    }
    g->received++;
    if (!cnc__router_from_peer(g->all->router, e)) {
        refuse(g, "improper-addressing", NULL);
    }
}

static void
on_element(struct cnc__stream *s, struct cnc_element *e)
{
    struct guest *g = s->role_priv;
    bool own = cnc_element_is(e, CNC__NS_CLIENT, NULL);

    if (cnc_element_is(e, CNC__NS_STREAMS, "error")) {
        cnc__stream_close(s, NULL, NULL);
    } else if (s->state != CNC__STREAM_BOUND) {
        if (own && cnc_element_is(e, NULL, "handshake")) {
            on_handshake(g, e);
        } else {
            refuse(g, "not-authorized", NULL);
        }
    } else if (own && cnc__is_stanza_name(e)) {
        on_stanza(g, e);
    } else {
        refuse(g, "unsupported-stanza-type", NULL);
    }
}

/* A dead connection is found by writing to it. */
static void
on_tick(struct cnc__stream *s)
{
    struct guest *g = s->role_priv;

    if (s->state == CNC__STREAM_BOUND && s->now_ms - g->said_ms >= PING_MS &&
        s->now_ms - s->last_in_ms >= PING_MS) {
        g->said_ms = s->now_ms;
        cnc__stream_send(s, " ", 1, "", 0);
    }
}

static void
on_closed(struct cnc__stream *s)
{
    struct guest *g = s->role_priv;

    if (g->as != NULL && g->as->guest == g) {
        g->as->guest = NULL;
        cnc__log(CNC_LOG_INFO, "component.gone", "name=%s peer=%s",
                 g->as->name, s->addr);
    }
}

static void
fini(struct cnc__stream *s)
{
    struct guest *g = s->role_priv;

    link_out(g);
    cnc__free(g);
}

static const struct cnc__stream_role role = {
    .name = "component",
    .content_ns = CNC__NS_COMPONENT,
    .keeps_id = true,
    .no_version = true,
    .on_header = on_header,
    .on_element = on_element,
    .on_tick = on_tick,
    .on_closed = on_closed,
    .fini = fini,
};

struct cnc__stream *
cnc__components_stream_in(struct cnc__components *c,
                          const struct cnc__stream_peer *peer,
                          const struct cnc__stream_events *events, void *priv,
                          uint64_t now_ms)
{
    struct guest *g;

    CNC_OBJ_CHECK(c, COMPONENTS_MAGIC);
    if (c->closed) {
        return NULL;
    }
    g = cnc__zalloc(sizeof(*g));
    link_in(g, c);
    g->s = cnc__stream_new_role(&role, g, &c->env, peer, events, priv, now_ms);
    return g->s;
}

/* -- all of them ---------------------------------------------------------- */

static int
disco(struct cnc__str *out, bool items, const char *node,
      const struct cnc__request *q, void *priv)
{
    const struct cnc__components *c = priv;

    if (node != NULL || strcmp(q->to, cnc__router_domain(q->router)) != 0) {
        return CNC_ENOENT;
    }
    for (size_t i = 0; items && i < c->n; i++) {
        if (c->list[i].guest != NULL) {
            cnc__xml_printf(out, "<item jid='%s'/>", c->list[i].name);
        }
    }
    return 0;
}

static int
add(struct cnc__components *c, const struct cnc__component_name *n,
    struct cnc_error *err)
{
    char name[CNC__JID_MAX + 1];
    struct component *to = &c->list[c->n];

    if (cnc__jid_prepare(name, n->name, strlen(n->name), NULL) != 0 ||
        cnc__jid_has_local(name) || cnc__jid_resource(name) != NULL) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "%s is no name for a component", n->name);
    }
    if (strcmp(name, cnc__router_domain(c->router)) == 0) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "%s is the service's own name", name);
    }
    for (size_t i = 0; i < c->n; i++) {
        if (strcmp(c->list[i].name, name) == 0) {
            return cnc_error_set(err, CNC_EINVAL, NULL,
                                 "the component %s is named twice", name);
        }
    }
    if (n->secret == NULL || n->secret[0] == '\0') {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "the component %s has no secret", name);
    }
    to->name = cnc__strdup(name);
    to->secret = cnc__strdup(n->secret);
    to->below = n->below;
    c->n++;
    return 0;
}

static void
components_free(struct cnc__components *c)
{
    for (size_t i = 0; i < c->n; i++) {
        cnc__wipe(c->list[i].secret, strlen(c->list[i].secret));
        cnc__free(c->list[i].secret);
        cnc__free(c->list[i].name);
    }
    cnc__free(c->list);
    CNC_OBJ_FREE(c);
}

int
cnc__components_new(struct cnc__components **out, struct cnc__router *router,
                    const struct cnc__component_name *names, size_t n_names,
                    uint32_t max_stanza, struct cnc_error *err)
{
    struct cnc__components *c = cnc__zalloc(sizeof(*c));

    c->magic = COMPONENTS_MAGIC;
    c->next = c;
    c->router = router;
    c->env = (struct cnc__stream_env){
        .router = router,
        .max_before_auth = 10000,
        .max_stanza = max_stanza == 0 ? 1u << 20 : max_stanza,
        .max_queue = MAX_QUEUE + 4096, /* we refuse before the stream does */
        .auth_ms = AUTH_MS};
    c->list = cnc__zalloc((n_names + 1) * sizeof(*c->list));
    for (size_t i = 0; i < n_names; i++) {
        int code = add(c, &names[i], err);

        if (code != 0) {
            components_free(c);
            return code;
        }
    }
    cnc__router_carrier(router, true, carry, c);
    cnc__router_disco(router, disco, c);
    *out = c;
    return 0;
}

void
cnc__components_join(struct cnc__components *c, struct cnc__components *other)
{
    struct cnc__components *next = c->next;

    CNC_OBJ_CHECK(c, COMPONENTS_MAGIC);
    CNC_OBJ_CHECK(other, COMPONENTS_MAGIC);
    c->next = other->next;
    other->next = next;
}

void
cnc__components_close(struct cnc__components *c)
{
    CNC_OBJ_CHECK(c, COMPONENTS_MAGIC);
    c->closed = true;
    for (struct guest *g = c->guests; g != NULL; g = g->next) {
        cnc__stream_close(g->s, "system-shutdown", NULL);
    }
}

void
cnc__components_free(struct cnc__components **cp)
{
    struct cnc__components *c = *cp;

    if (c == NULL) {
        return;
    }
    CNC_OBJ_CHECK(c, COMPONENTS_MAGIC);
    CNC_CHECK(c->guests == NULL); /* streams end before */
    *cp = NULL;
    components_free(c);
}

void
cnc__components_each(const struct cnc__components *c, cnc__component_each_f *f,
                     void *priv)
{
    CNC_OBJ_CHECK(c, COMPONENTS_MAGIC);
    for (size_t i = 0; i < c->n; i++) {
        const struct guest *g = c->list[i].guest;
        struct cnc__component_entry e = {.name = c->list[i].name, .addr = ""};

        if (g != NULL) {
            e.connected = true;
            e.addr = g->s->addr;
            e.out_bytes = g->s->out.len + g->s->lazy_bytes;
            e.since_ms = g->since_ms;
            e.sent = g->sent;
            e.received = g->received;
        }
        f(&e, priv);
    }
}
