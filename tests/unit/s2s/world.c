/* SPDX-License-Identifier: MIT */
#include "world.h"

#include "../../../src/xmpp/errors.h"

struct dialling {
    struct dialling *next;
    struct world *world;
    struct server *by;
    char *domain;
    const struct cnc__s2s_dial_events *events;
    void *priv;
    bool due, freed;
    unsigned tries;
};

/* -- text ----------------------------------------------------------------- */

bool
has(const struct cnc__str *text, const char *part)
{
    return strstr(cnc__str_c(text), part) != NULL;
}

size_t
n_of(const struct cnc__str *text, const char *part)
{
    size_t n = 0;

    for (const char *at = cnc__str_c(text); (at = strstr(at, part)) != NULL;
         at++) {
        n++;
    }
    return n;
}

void
forget(struct cnc__str *text)
{
    cnc__str_fini(text);
}

/* -- TLS, as far as we believe it ----------------------------------------- */

static struct server *
other_of(void *priv)
{
    struct end *e = priv;

    return e->other->server;
}

static void
on_dirty(void *priv)
{
}

static void
on_starttls(void *priv)
{
    struct end *e = priv;

    e->starttls = true;
}

static void
tls_info(struct cnc__tls_info *out, void *priv)
{
    const struct server *peer = other_of(priv);

    memset(out, 0, sizeof(*out));
    memcpy(out->version, "TLSv1.3", sizeof("TLSv1.3"));
    out->peer_cert = peer->cert[0] != NULL;
    out->trusted = peer->trusted;
    if (!peer->trusted) {
        memcpy(out->reason, "it has expired", sizeof("it has expired"));
    }
}

static bool
cert_matches(const char *domain, enum cnc__cert_use use, void *priv)
{
    const struct server *peer = other_of(priv);

    for (size_t i = 0; peer->trusted && i < CNC_N(peer->cert); i++) {
        if (peer->cert[i] != NULL && strcmp(peer->cert[i], domain) == 0) {
            return true;
        }
    }
    return false;
}

static const struct cnc__stream_events with_tls = {
    .on_dirty = on_dirty,
    .on_starttls = on_starttls,
    .tls_info = tls_info,
    .cert_matches = cert_matches,
};
static const struct cnc__stream_events without_tls = {
    .on_dirty = on_dirty,
    .cert_matches = cert_matches,
};

/* -- pipes ---------------------------------------------------------------- */

static struct pipe *
pipe_new(struct world *w, struct server *from, struct server *to)
{
    struct pipe *p = cnc__zalloc(sizeof(*p));

    p->from = (struct end){.pipe = p, .server = from, .other = &p->to};
    p->to = (struct end){.pipe = p, .server = to, .other = &p->from};
    p->next = w->pipes;
    w->pipes = p;
    return p;
}

static struct cnc__stream_peer
peer_of(const struct server *other, bool secure)
{
    struct cnc__stream_peer peer = {
        .framing = CNC__FRAMING_TCP, .secure = secure, .uid = -1};

    memcpy(peer.addr, other->domain, strlen(other->domain) + 1);
    return peer;
}

static void
accept_pipe(struct world *w, struct pipe *p)
{
    struct server *to = p->to.server;
    struct cnc__stream_peer peer = peer_of(p->from.server, to->direct_tls);

    if (!to->raw && to->components != NULL &&
        (p->from.server->as_component ||
         p->from.server->attached_to != NULL)) {
        p->to.stream = cnc__components_stream_in(
            to->components, &peer, &without_tls, &p->to, w->now_ms);
    } else if (!to->raw) {
        p->to.stream = cnc__s2s_stream_in(
            to->s2s, &peer, to->no_tls ? &without_tls : &with_tls, &p->to,
            w->now_ms);
    }
}

struct end *
connect_raw(struct world *w, struct server *raw, struct server *to)
{
    struct pipe *p = pipe_new(w, raw, to);

    accept_pipe(w, p);
    return &p->from;
}

struct end *
raw_end(struct world *w, const struct server *raw)
{
    for (struct pipe *p = w->pipes; p != NULL; p = p->next) {
        if (p->to.server == raw || p->from.server == raw) {
            return p->to.server == raw ? &p->to : &p->from;
        }
    }
    return NULL;
}

static void
end_close(struct end *e)
{
    if (e->stream != NULL) {
        cnc__stream_eof(e->stream);
        cnc__stream_free(&e->stream);
    }
}

bool
is_open(const struct end *e)
{
    return !e->pipe->cut && !has(&e->heard, "</stream:stream>");
}

void
say(struct end *e, const char *text)
{
    struct world *w = e->server->world;
    struct end *o = e->other;
    char *copy = cnc__strdup(text);

    if (o->stream != NULL) {
        cnc__stream_feed(o->stream, copy, strlen(copy), w->now_ms);
    }
    cnc__free(copy);
    settle(w);
}

void
go_secure(struct end *e)
{
    assert_true(e->other->starttls);
    e->starttls = true;
    settle(e->server->world);
}

void
cut_all(struct world *w)
{
    for (struct pipe *p = w->pipes; p != NULL; p = p->next) {
        p->cut = true;
        end_close(&p->from);
        end_close(&p->to);
    }
    settle(w);
}

/* Move what waits; true: something moved. */
static bool
move(struct world *w, struct end *e)
{
    struct cnc__str warm = CNC__STR, copy = CNC__STR;
    struct cnc__str *out;
    bool moved;

    if (e->stream == NULL || !cnc__stream_waits(e->stream)) {
        return false;
    }
    out = cnc__stream_gather(e->stream, &warm);
    cnc__str_add(&copy, out->data, out->len);
    if (out != &warm) {
        cnc__str_fini(out);
    }
    cnc__str_fini(&warm);
    cnc__str_printf(&w->wire, "%s: %s\n", e->server->domain, copy.data);
    moved = copy.len > 0;
    if (e->other->server->raw) {
        cnc__str_add(&e->other->heard, copy.data, copy.len);
    } else if (e->other->stream != NULL) {
        cnc__stream_feed(e->other->stream, copy.data, copy.len, w->now_ms);
    }
    cnc__str_fini(&copy);
    return moved;
}

static bool
shake_hands(struct world *w, struct pipe *p)
{
    if (!p->from.starttls || !p->to.starttls) {
        return false;
    }
    p->from.starttls = p->to.starttls = false;
    if (p->to.stream != NULL) {
        cnc__stream_secured(p->to.stream, w->now_ms);
    }
    if (p->from.stream != NULL) {
        cnc__stream_secured(p->from.stream, w->now_ms);
    }
    return true;
}

static bool
maybe_cut(struct pipe *p)
{
    struct end *ends[] = {&p->from, &p->to};

    for (size_t i = 0; i < 2 && !p->cut; i++) {
        if (ends[i]->stream != NULL &&
            cnc__stream_is_closed(ends[i]->stream) &&
            !cnc__stream_waits(ends[i]->stream)) {
            p->cut = true;
            end_close(&p->from);
            end_close(&p->to);
            return true;
        }
    }
    return false;
}

/* -- dialling ------------------------------------------------------------- */

static void *
dial(const char *domain, const struct cnc__s2s_dial_events *events,
     void *dial_priv, void *priv)
{
    struct server *by = priv;
    struct dialling *d = cnc__zalloc(sizeof(*d));

    d->world = by->world;
    d->by = by;
    d->domain = cnc__strdup(domain);
    d->events = events;
    d->priv = dial_priv;
    d->due = true;
    d->next = by->world->diallings;
    by->world->diallings = d;
    return d;
}

static void
dial_next(void *handle, void *priv)
{
    struct dialling *d = handle;

    assert_false(d->freed);
    d->due = true;
    d->tries++;
}

static void
dial_free(void *handle, void *priv)
{
    struct dialling *d = handle;

    assert_false(d->freed);
    d->freed = true;
}

static struct server *
server_of(struct world *w, const char *domain)
{
    for (size_t i = 0; i < w->n_servers; i++) {
        struct server *sv = &w->servers[i];

        if (strcmp(sv->domain, domain) == 0) {
            return sv;
        }
        for (size_t k = 0; k < CNC_N(sv->hosts); k++) {
            if (sv->hosts[k] != NULL && strcmp(sv->hosts[k], domain) == 0) {
                return sv;
            }
        }
    }
    return NULL;
}

static void
dial_now(struct world *w, struct dialling *d)
{
    struct server *to = server_of(
        w, d->by->attached_to != NULL ? d->by->attached_to : d->domain);
    struct cnc__stream_peer peer;
    struct pipe *p;

    d->due = false;
    if (to == NULL) {
        d->events->on_failed("remote-server-not-found", "no such name",
                             d->priv);
        return;
    }
    to->n_dialled++;
    if (to->unreachable || d->tries > 0) {
        d->events->on_failed("remote-server-timeout", "nobody answers",
                             d->priv);
        return;
    }
    p = pipe_new(w, d->by, to);
    peer = peer_of(to, to->direct_tls);
    p->from.stream =
        d->events->on_connected(&peer, to->no_tls ? &without_tls : &with_tls,
                                &p->from, w->now_ms, d->priv);
    assert_non_null(p->from.stream);
    accept_pipe(w, p);
}

static bool
dial_some(struct world *w)
{
    for (struct dialling *d = w->diallings; d != NULL; d = d->next) {
        if (d->due && !d->freed) {
            dial_now(w, d);
            return true;
        }
    }
    return false;
}

static void
sweep(struct world *w)
{
    for (struct dialling **at = &w->diallings, *d; (d = *at) != NULL;) {
        if (d->freed) {
            *at = d->next;
            cnc__free(d->domain);
            cnc__free(d);
        } else {
            at = &d->next;
        }
    }
}

/* -- time ----------------------------------------------------------------- */

void
settle(struct world *w)
{
    bool more = true;

    for (int turns = 0; more; turns++) {
        assert_true(turns < 10000);
        more = dial_some(w);
        for (struct pipe *p = w->pipes; p != NULL; p = p->next) {
            if (!p->cut) {
                more = move(w, &p->from) || more;
                more = move(w, &p->to) || more;
                more = shake_hands(w, p) || more;
                more = maybe_cut(p) || more;
            }
        }
    }
    sweep(w);
}

void
pass(struct world *w, uint64_t ms)
{
    for (uint64_t end = w->now_ms + ms; w->now_ms < end;) {
        w->now_ms += 1000;
        for (struct pipe *p = w->pipes; p != NULL; p = p->next) {
            if (p->from.stream != NULL) {
                cnc__stream_tick(p->from.stream, w->now_ms);
            }
            if (p->to.stream != NULL) {
                cnc__stream_tick(p->to.stream, w->now_ms);
            }
        }
        for (size_t i = 0; i < w->n_servers; i++) {
            struct server *sv = &w->servers[i];

            if (sv->s2s != NULL) {
                cnc__s2s_tick(sv->s2s, w->now_ms);
            }
            if (sv->attach != NULL) {
                cnc__attach_tick(sv->attach, w->now_ms);
            }
            if (sv->router != NULL) {
                cnc__router_tick(sv->router, w->now_ms);
            }
        }
        settle(w);
    }
}

/* -- servers -------------------------------------------------------------- */

static bool
inbound(struct cnc__router *r, enum cnc__where where, enum cnc__stanza kind,
        const char *from, const char *to, struct cnc_element *stanza,
        void *priv)
{
    struct server *sv = priv;
    const struct cnc_element *error =
        cnc_element_child(stanza, CNC__NS_CLIENT, "error");
    const char *type = cnc_element_attr(stanza, NULL, "type");

    cnc__str_printf(&sv->got, "%s %s > %s: %s%s\n",
                    type == NULL ? "normal" : type, from, to,
                    cnc_element_child_text(stanza, CNC__NS_CLIENT, "body"),
                    error == NULL ? ""
                                  : cnc_element_name(cnc_element_child(
                                        error, CNC__NS_STANZA_ERROR, NULL)));
    return true;
}

static bool
is_host(const char *domain, void *priv)
{
    const struct server *sv = priv;

    if (sv->components != NULL &&
        cnc__components_is_host(sv->components, domain)) {
        return true;
    }
    for (size_t i = 0; i < CNC_N(sv->hosts); i++) {
        if (sv->hosts[i] != NULL && strcmp(sv->hosts[i], domain) == 0) {
            return true;
        }
    }
    return false;
}

struct server *
server_add(struct world *w, const char *domain)
{
    struct server *sv = &w->servers[w->n_servers++];

    assert_true(w->n_servers <= MAX_SERVERS);
    sv->world = w;
    sv->domain = sv->cert[0] = domain;
    sv->trusted = true;
    return sv;
}

static void
start_carriers(struct server *sv, const struct cnc__s2s_env *env)
{
    size_t n = sv->names[0].name == NULL   ? 0
               : sv->names[1].name == NULL ? 1
                                           : 2;

    if (sv->attached_to != NULL) {
        sv->attach = cnc__attach_new(
            env, &(struct cnc__attach_options){.secret = sv->secret},
            sv->world->now_ms);
        cnc__attach_tick(sv->attach, sv->world->now_ms);
        return;
    }
    sv->s2s = cnc__s2s_new(env, &sv->options, sv->world->now_ms);
    if (n > 0) {
        assert_int_equal(cnc__components_new(&sv->components, sv->router,
                                             sv->names, n, 0, NULL),
                         0);
    }
}

void
start(struct world *w)
{
    for (size_t i = 0; i < w->n_servers; i++) {
        struct server *sv = &w->servers[i];
        struct cnc__accounts_hooks hooks = {.inbound = inbound, .priv = sv};
        struct cnc__s2s_env env = {.is_host = is_host,
                                   .dial = dial,
                                   .dial_next = dial_next,
                                   .dial_free = dial_free,
                                   .priv = sv};

        if (!sv->raw) {
            sv->router = env.router = cnc__router_new(sv->domain);
            cnc__router_accounts(sv->router, &hooks);
            start_carriers(sv, &env);
        }
    }
    settle(w);
}

int
tell(struct server *from, const char *from_jid, const char *to_jid,
     const char *body)
{
    struct cnc__str xml = CNC__STR;
    int rc;

    cnc__str_printf(&xml,
                    "<message from='%s' to='%s' id='m'><body>%s</body>"
                    "</message>",
                    from_jid, to_jid, body);
    rc = cnc__router_send(from->router, from_jid, to_jid, xml.data, xml.len,
                          NULL);
    cnc__str_fini(&xml);
    settle(from->world);
    return rc;
}

static void
no_log(enum cnc_log_level level, const char *event, const char *text,
       void *priv)
{
}

int
world_set_up(void **state)
{
    struct world *w = cnc__zalloc(sizeof(*w));

    if (getenv("S2S_LOG") == NULL) {
        cnc__log_to(no_log, NULL);
    }
    w->now_ms = 1000000;
    *state = w;
    return 0;
}

int
world_tear_down(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < w->n_servers; i++) {
        if (w->servers[i].s2s != NULL) {
            cnc__s2s_close(w->servers[i].s2s);
        }
        if (w->servers[i].components != NULL) {
            cnc__components_close(w->servers[i].components);
        }
        if (w->servers[i].attach != NULL) {
            cnc__attach_close(w->servers[i].attach);
        }
    }
    settle(w);
    for (struct pipe *p = w->pipes, *next; p != NULL; p = next) {
        next = p->next;
        end_close(&p->from);
        end_close(&p->to);
        cnc__str_fini(&p->from.heard);
        cnc__str_fini(&p->to.heard);
        cnc__free(p);
    }
    sweep(w);
    assert_null(w->diallings);
    for (size_t i = 0; i < w->n_servers; i++) {
        cnc__s2s_free(&w->servers[i].s2s);
        cnc__components_free(&w->servers[i].components);
        cnc__attach_free(&w->servers[i].attach);
        cnc__router_free(&w->servers[i].router);
        cnc__str_fini(&w->servers[i].got);
    }
    cnc__str_fini(&w->wire);
    cnc__free(w);
    return 0;
}
