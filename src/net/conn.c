/* SPDX-License-Identifier: MIT */
/*
 * conn.c -- the life of a connection.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/log.h"
#include "conn.h"

static void
on_dirty(void *priv)
{
    cnc__net_dirty(priv);
}

/* -- what streams ask about TLS ------------------------------------------ */

static void
on_starttls(void *priv)
{
    struct cnc__conn *c = priv;

    CNC_OBJ_CHECK(c, CNC__CONN_MAGIC);
    CNC_CHECK(c->tls == NULL && c->tls_ctx != NULL);
    c->starttls = true;
    cnc__net_dirty(c);
}

static size_t
channel_binding(uint8_t out[64], enum cnc__binding type, void *priv)
{
    const struct cnc__conn *c = priv;

    return c->tls == NULL ? 0 : cnc__tls_binding(c->tls, type, out);
}

static void
tls_info(struct cnc__tls_info *out, void *priv)
{
    const struct cnc__conn *c = priv;

    memset(out, 0, sizeof(*out));
    if (c->tls != NULL) {
        cnc__tls_describe(c->tls, out);
    }
}

static bool
cert_matches(const char *domain, enum cnc__cert_use use, void *priv)
{
    const struct cnc__conn *c = priv;

    return c->tls != NULL && cnc__tls_peer_is(c->tls, domain, use);
}

static char *
cert_jids(void *priv)
{
    const struct cnc__conn *c = priv;
    struct cnc__str jids = CNC__STR;

    if (c->tls != NULL) {
        cnc__tls_peer_jids(c->tls, &jids);
    }
    return jids.len == 0 ? NULL : cnc__str_steal(&jids);
}

#define ABOUT_TLS                                                             \
    .channel_binding = channel_binding, .tls_info = tls_info,                 \
    .cert_matches = cert_matches, .cert_jids = cert_jids

static const struct cnc__stream_events stream_events = {on_dirty, ABOUT_TLS};
static const struct cnc__stream_events starttls_events = {
    on_dirty, .on_starttls = on_starttls, ABOUT_TLS};

/* -- streams ------------------------------------------------------------- */

const char *
cnc__conn_addr(const struct cnc__conn *c)
{
    return c->addr != NULL     ? c->addr->text
           : c->remote != NULL ? c->remote->addr
                               : "link";
}

static bool
is_loopback(const struct cnc__conn *c)
{
    return c->addr != NULL     ? c->addr->loopback
           : c->remote != NULL ? c->remote->loopback
                               : true;
}

static struct cnc__stream *
make_stream(struct cnc__conn *c, const struct cnc__stream_peer *peer)
{
    static const enum cnc__net_kind kinds[CNC__CONN_KINDS] = {
        [CNC__CONN_C2S] = CNC__NET_C2S,
        [CNC__CONN_S2S] = CNC__NET_S2S,
        [CNC__CONN_COMPONENT] = CNC__NET_COMPONENT};
    const struct cnc__stream_events *events =
        c->tls == NULL && c->tls_ctx != NULL ? &starttls_events
                                             : &stream_events;
    const struct cnc__net_config *config = &c->net->config;
    uint64_t now = cnc__net_now(c->net);

    switch ((enum cnc__conn_kind)c->kind) {
    case CNC__CONN_WEB:
        return cnc__stream_new(config->web, peer, events, c, now);
    case CNC__CONN_LINK:
        return cnc__stream_new(config->link, peer, events, c, now);
    case CNC__CONN_DIALLED:
        return cnc__dial_stream(c->dial, peer, events, c);
    default:
        return config->stream(kinds[c->kind], peer, events, c, now,
                              config->stream_priv);
    }
}

void
cnc__conn_start_stream(struct cnc__conn *c)
{
    struct cnc__stream_peer peer = {
        .framing =
            c->kind == CNC__CONN_WEB ? CNC__FRAMING_WS : CNC__FRAMING_TCP,
        .secure = c->secure || c->kind == CNC__CONN_LINK,
        .loopback = is_loopback(c),
        .uid = c->uid};

    snprintf(peer.addr, sizeof(peer.addr), "%s", cnc__conn_addr(c));
    c->state = CNC__CONN_STREAM;
    c->deadline_ms = 0; /* the stream has its own */
    c->websocket = c->kind == CNC__CONN_WEB;
    c->net->n_websockets += c->websocket;
    c->stream = make_stream(c, &peer);
    if (c->stream == NULL) {
        c->broken = true; /* nobody wants it */
    }
}

/* What a port was opened for is what is meant, unless ALPN says otherwise. */
static void
choose_kind(struct cnc__conn *c)
{
    const char *alpn = cnc__tls_alpn(c->tls);
    enum cnc__conn_kind kind = strcmp(alpn, "xmpp-client") == 0 ? CNC__CONN_C2S
                               : strcmp(alpn, "xmpp-server") == 0
                                   ? CNC__CONN_S2S
                                   : (enum cnc__conn_kind)c->kind;

    if (c->kind == CNC__CONN_C2S || c->kind == CNC__CONN_S2S) {
        c->net->n_kind[c->kind]--;
        c->net->n_kind[kind]++;
        c->kind = (uint8_t)kind;
    }
}

void
cnc__conn_secured(struct cnc__conn *c)
{
    c->secure = true;
    if (c->state == CNC__CONN_HELLO) {
        choose_kind(c);
        cnc__conn_start_stream(c);
    } else if (c->state == CNC__CONN_STREAM) {
        c->deadline_ms = 0;
        cnc__stream_secured(c->stream, cnc__net_now(c->net));
    }
}

/* RFC 6120 5.4.2.3: everything before it is sent, so this is the moment. */
static void
shake_hands(struct cnc__conn *c)
{
    bool ours = c->kind == CNC__CONN_DIALLED;

    c->starttls = false;
    c->tls =
        ours ? cnc__tls_connect(c->tls_ctx, c->remote, false)
             : cnc__tls_accept(
                   cnc__tls_ctx_of(c->tls_ctx, cnc__stream_host(c->stream)),
                   c->kind == CNC__CONN_C2S ? CNC__TLS_C2S : CNC__TLS_S2S,
                   NULL);
    c->deadline_ms = cnc__net_now(c->net) + c->net->config.head_ms;
    if (ours) {
        cnc__tls_start(c);
    }
}

/* -- end ----------------------------------------------------------------- */

static void
count_as_bound(struct cnc__conn *c)
{
    if (c->unbound) {
        c->unbound = false;
        c->addr->n_unbound--;
    }
}

static void
on_poll_closed(uv_handle_t *handle)
{
    struct cnc__conn *c = handle->data;
    struct cnc__net *n = c->net;

    CNC_OBJ_CHECK(c, CNC__CONN_MAGIC);
    CNC_OBJ_FREE(c);
    cnc__net_handle_closed(n);
}

static void
forget_addr(struct cnc__conn *c)
{
    struct cnc__net_addr *a = c->addr;

    if (a != NULL) {
        a->n_conns--;
        cnc__addr_drop(c->net, a);
    }
    c->addr = NULL;
}

void
cnc__conn_close(struct cnc__conn *c)
{
    struct cnc__net *n = c->net;

    CNC_OBJ_CHECK(c, CNC__CONN_MAGIC);
    if (c->closed) {
        return;
    }
    c->closed = true;
    c->dirty = false;
    cnc__link_del(&c->turn);
    cnc__link_del(&c->all);
    n->held -= c->held;
    n->n_ended++;
    cnc__http_abandon(c);
    cnc__stream_free(&c->stream);
    count_as_bound(c);
    if (c->dial != NULL) {
        const char *why = c->tls == NULL ? NULL : cnc__tls_failure(c->tls);

        cnc__dial_lost(c->dial, why == NULL ? "it hung up" : why);
    }
    forget_addr(c);
    cnc__tls_free(&c->tls);
    cnc__tls_ctx_unref(&c->tls_ctx);
    cnc__remote_free(&c->remote);
    cnc__str_fini(&c->in);
    cnc__str_fini(&c->out);
    cnc_buf_unref(&c->ref);
    cnc__conn_drop_file(c);
    n->n_conns--;
    n->n_kind[c->kind]--;
    n->n_websockets -= c->websocket;
    uv_close((uv_handle_t *)&c->poll, on_poll_closed);
    close(c->fd); /* libuv has stopped looking at it */
}

/* Everything is said.  Close our side, and let the peer read it: a close()
 * with input unread would be a reset that throws away our last words. */
static void
start_drain(struct cnc__conn *c)
{
    if (c->tls != NULL && c->state != CNC__CONN_DRAIN) {
        cnc__tls_end(c->tls);
        cnc__conn_flush(c);
    }
    c->state = CNC__CONN_DRAIN;
    if (c->eof || c->broken) {
        cnc__conn_close(c);
        return;
    }
    shutdown(c->fd, SHUT_WR);
    cnc__str_fini(&c->in);
    cnc__stream_free(&c->stream);
    cnc__http_abandon(c);
    count_as_bound(c);
    c->deadline_ms = cnc__net_now(c->net) + CNC__NET_DRAIN_MS;
}

/* -- events -------------------------------------------------------------- */

static void on_poll(uv_poll_t *poll, int status, int events);

static void
ask_for_events(struct cnc__conn *c)
{
    /* An answer is awaited, or must leave first: read on after it. */
    bool paused = (c->in.len > 0 && c->state != CNC__CONN_PROXY) ||
                  c->starttls ||
                  (c->state == CNC__CONN_HTTP &&
                   ((c->call != NULL &&
                     (c->call->with_handler ||
                      (c->call->sink != NULL && c->call->sink->full))) ||
                    c->close_after || cnc__http_is_backed_up(c)));
    int events = (paused || c->eof ? 0 : UV_READABLE) |
                 (c->want_write ? UV_WRITABLE : 0);

    if (events == c->events) {
        return;
    }
    c->events = events;
    if (events == 0) {
        uv_poll_stop(&c->poll);
    } else {
        CNC_CHECK(uv_poll_start(&c->poll, events, on_poll) == 0);
    }
}

static void
feed_what_waits(struct cnc__conn *c)
{
    struct cnc__str in = c->in;

    c->in = (struct cnc__str)CNC__STR;
    cnc__conn_bytes(c, in.data, in.len);
    cnc__str_fini(&in);
    cnc__conn_flush(c);
}

static void
settle_stream(struct cnc__conn *c)
{
    if (c->starttls && cnc__conn_drained(c)) {
        shake_hands(c);
        cnc__conn_flush(c);
    }
    if (c->in.len > 0 && !cnc__stream_is_full(c->stream)) {
        feed_what_waits(c);
    }
    if (c->unbound && cnc__stream_session(c->stream) != NULL) {
        count_as_bound(c);
    }
    if (!cnc__stream_is_closed(c->stream)) {
        return;
    }
    if (cnc__conn_drained(c)) {
        start_drain(c);
    } else if (c->deadline_ms == 0) {
        /* A peer that does not read does not get more time than this. */
        c->deadline_ms = cnc__net_now(c->net) + CNC__NET_DRAIN_MS;
        c->net->stats.overflows += c->want_write;
    }
}

static void
settle_http(struct cnc__conn *c)
{
    bool waiting = c->call != NULL && c->call->with_handler;

    if (c->close_after || (c->eof && c->in.len == 0 && !waiting)) {
        if (cnc__conn_drained(c)) {
            start_drain(c);
        }
        return;
    }
    if (c->in.len > 0 && !waiting && !cnc__http_is_backed_up(c)) {
        feed_what_waits(c);
    }
}

/* -- memory -------------------------------------------------------------- */

static bool
is_shaking(const struct cnc__conn *c)
{
    return c->tls != NULL && cnc__tls_is_shaking(c->tls);
}

static size_t
count_held(const struct cnc__conn *c)
{
    const struct cnc__http1 *h = c->call == NULL ? NULL : &c->call->h1;

    return c->in.cap + c->out.cap +
           (c->tls == NULL ? 0 : cnc__tls_out(c->tls)->cap) +
           (is_shaking(c) ? CNC__TLS_SHAKING : 0) +
           (c->stream == NULL ? 0 : cnc__stream_held(c->stream)) +
           (h == NULL ? 0 : h->head.cap + h->text.cap + h->body.cap) +
           (h == NULL || c->call->sink == NULL ? 0 : c->call->sink->held);
}

/* Each client may hold little; that there are many of them must not add up to
 * all the memory there is. */
static void
settle_memory(struct cnc__conn *c)
{
    struct cnc__net *n = c->net;
    size_t held = count_held(c);

    n->held += held;
    n->held -= c->held;
    c->held = held;
    n->held_most = n->held > n->held_most ? n->held : n->held_most;
    if (n->held <= n->config.max_held ||
        (held <= CNC__NET_HELD && !is_shaking(c))) {
        return;
    }
    cnc__net_warn(n, "net.refused", "reason=max_held");
    if (c->state == CNC__CONN_HTTP && c->call != NULL &&
        !c->call->with_handler && !c->close_after && cnc__conn_drained(c)) {
        cnc__http_refuse(c, 503, "Retry-After: 10\r\n",
                         "too much is being sent just now");
    } else {
        n->stats.overflows++;
        c->broken = true;
    }
}

void
cnc__conn_settle(struct cnc__conn *c)
{
    CNC_OBJ_CHECK(c, CNC__CONN_MAGIC);
    if (c->closed) {
        return;
    }
    if (!c->broken && c->state == CNC__CONN_HTTP) {
        settle_http(c);
    }
    if (!c->broken && c->state == CNC__CONN_STREAM) {
        settle_stream(c);
    }
    if (!c->broken && !c->closed) {
        settle_memory(c);
    }
    if (c->broken) {
        cnc__conn_close(c);
    }
    if (!c->closed) {
        ask_for_events(c);
    }
}

/* A peer may ask much in one breath: what it asks on waits until answers have
 * left, and its socket is read no more meanwhile. */
static void
feed_stream(struct cnc__conn *c, char *data, size_t len)
{
    uint64_t now = cnc__net_now(c->net);

    while (len > 0 && !c->broken && !cnc__stream_is_closed(c->stream)) {
        size_t used;

        if (c->in.len == 0 && cnc__stream_is_full(c->stream)) {
            cnc__conn_flush(c);
        }
        if (c->in.len > 0 || cnc__stream_is_full(c->stream)) {
            cnc__str_add(&c->in, data, len);
            cnc__stream_feed(c->stream, NULL, 0, now);
            return;
        }
        used = cnc__stream_feed(c->stream, data, len, now);
        data += used;
        len -= used;
        if (c->starttls) {
            return; /* what was sent in the clear before TLS is not heard */
        }
    }
}

void
cnc__conn_bytes(struct cnc__conn *c, char *data, size_t len)
{
    switch (c->state) {
    case CNC__CONN_PROXY:
        cnc__conn_introduced(c, data, len);
        break;
    case CNC__CONN_HTTP:
        cnc__http_feed(c, data, len);
        break;
    case CNC__CONN_STREAM:
        feed_stream(c, data, len);
        break;
    default:
        break; /* the rest of what was refused */
    }
}

static void
on_eof(struct cnc__conn *c)
{
    c->eof = true;
    if (c->state == CNC__CONN_PROXY && c->in.len > 0) {
        cnc__conn_not_introduced(c, "it ended within the PROXY header");
    } else if (c->state == CNC__CONN_DRAIN || c->state == CNC__CONN_HELLO ||
               c->state == CNC__CONN_PROXY) {
        c->broken = true; /* nobody is there to shake hands with, either */
    } else if (c->stream != NULL) {
        cnc__stream_eof(c->stream);
        cnc__conn_flush(c);
    }
}

static void
on_readable(struct cnc__conn *c)
{
    struct cnc__net *n = c->net;
    ssize_t got;

    do {
        got = recv(c->fd, n->read_buf, sizeof(n->read_buf), 0);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            c->broken = true;
        }
    } else if (got == 0) {
        on_eof(c);
    } else {
        n->stats.bytes_in += (uint64_t)got;
        if (c->tls != NULL) {
            cnc__tls_feed(c, n->read_buf, (size_t)got);
        } else {
            cnc__conn_bytes(c, n->read_buf, (size_t)got);
        }
    }
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
    struct cnc__conn *c = poll->data;

    CNC_OBJ_CHECK(c, CNC__CONN_MAGIC);
    if (status < 0) {
        c->broken = true;
    }
    if (!c->broken && (events & UV_WRITABLE) != 0) {
        cnc__conn_flush(c);
        if (c->state == CNC__CONN_HTTP && c->call == NULL) {
            /* It reads, slowly. */
            c->deadline_ms =
                cnc__net_now(c->net) + c->net->config.keepalive_ms;
        }
    }
    if (!c->broken && (events & UV_READABLE) != 0) {
        on_readable(c);
    }
    if (!c->dirty) { /* else at the end of the turn */
        cnc__conn_settle(c);
    }
}

/* -- time ---------------------------------------------------------------- */

void
cnc__conn_tick(struct cnc__conn *c)
{
    uint64_t now = cnc__net_now(c->net);

    CNC_OBJ_CHECK(c, CNC__CONN_MAGIC);
    if (c->stream != NULL && !cnc__stream_is_closed(c->stream)) {
        cnc__stream_tick(c->stream, now);
    }
    if (c->deadline_ms != 0 && now >= c->deadline_ms) {
        if (c->state == CNC__CONN_HTTP && c->call != NULL &&
            !c->call->with_handler && !c->close_after &&
            cnc__conn_drained(c)) {
            cnc__http_refuse(c, 408, NULL, "the request took too long");
            cnc__conn_flush(c);
            c->deadline_ms = now + CNC__NET_DRAIN_MS;
        } else if (c->state == CNC__CONN_PROXY) {
            cnc__conn_not_introduced(c, "no PROXY header came in time");
        } else {
            c->broken = true;
        }
    }
    cnc__conn_settle(c);
}

/* -- begin --------------------------------------------------------------- */

static void
begin(struct cnc__conn *c, bool upgraded)
{
    struct cnc__net *n = c->net;

    if (c->state == CNC__CONN_PROXY) {
        c->deadline_ms = cnc__net_now(n) + CNC__NET_PROXY_MS;
    } else if (c->kind == CNC__CONN_WEB && !upgraded) {
        c->state = CNC__CONN_HTTP;
        c->deadline_ms = cnc__net_now(n) + n->config.head_ms;
    } else if (c->tls == NULL) {
        cnc__conn_start_stream(c);
    } else {
        c->state = CNC__CONN_HELLO;
        c->deadline_ms = cnc__net_now(n) + n->config.head_ms;
        if (c->kind == CNC__CONN_DIALLED) {
            cnc__tls_start(c);
        }
    }
}

struct cnc__conn *
cnc__conn_open(struct cnc__net *n, const struct cnc__conn_start *start)
{
    struct cnc__conn *c = cnc__zalloc(sizeof(*c));

    c->magic = CNC__CONN_MAGIC;
    c->net = n;
    c->fd = start->fd;
    c->kind = (uint8_t)start->kind;
    c->tls = start->tls;
    c->tls_ctx =
        start->tls_ctx == NULL ? NULL : cnc__tls_ctx_ref(start->tls_ctx);
    c->secure = start->secure || (c->kind == CNC__CONN_WEB && c->tls != NULL);
    c->state = start->proxy ? CNC__CONN_PROXY : CNC__CONN_HTTP;
    c->uid = start->uid;
    c->addr = start->addr;
    c->remote = start->remote;
    c->dial = start->dial;
    CNC_CHECK(uv_poll_init(n->loop, &c->poll, c->fd) == 0);
    c->poll.data = c;
    cnc__net_handle_opened(n);
    cnc__link_add(&n->conns, &c->all);
    n->n_conns++;
    n->n_kind[c->kind]++;
    n->stats.accepted += c->kind != CNC__CONN_DIALLED;
    if (c->addr != NULL) {
        c->addr->n_conns++;
        c->addr->n_unbound++;
        c->unbound = true;
    }
    begin(c, start->upgraded);
    /* Its memory counts at once: many may come in one turn. */
    cnc__conn_settle(c);
    return c;
}
