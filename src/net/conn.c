/* SPDX-License-Identifier: MIT */
/*
 * conn.c -- the life of a connection.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/log.h"
#include "../base/table.h"
#include "conn.h"

static void
on_dirty(void *priv)
{
    cnc__net_dirty(priv);
}

static const struct cnc__stream_events stream_events = {on_dirty};

void
cnc__conn_start_stream(struct cnc__conn *c)
{
    struct cnc__stream_peer peer = {.framing = c->link ? CNC__FRAMING_TCP
                                                       : CNC__FRAMING_WS,
                                    .secure = c->secure || c->link,
                                    .loopback = c->link || c->addr->loopback,
                                    .uid = c->uid};
    const struct cnc__net_config *config = &c->net->config;

    snprintf(peer.addr, sizeof(peer.addr), "%s",
             c->addr == NULL ? "link" : c->addr->text);
    c->state = CNC__CONN_STREAM;
    c->deadline_ms = 0; /* the stream has its own */
    c->websocket = !c->link;
    c->net->n_websockets += c->websocket;
    c->stream = cnc__stream_new(c->link ? config->link : config->web, &peer,
                                &stream_events, c, cnc__net_now(c->net));
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

    if (a != NULL && --a->n_conns == 0) {
        cnc__table_del(c->net->addrs, a->text);
        cnc__free(a);
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
    forget_addr(c);
    cnc__tls_free(&c->tls);
    cnc__str_fini(&c->in);
    cnc__str_fini(&c->out);
    cnc_buf_unref(&c->ref);
    n->n_conns--;
    n->n_links -= c->link;
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
    bool paused =
        c->in.len > 0 || (c->state == CNC__CONN_HTTP &&
                          ((c->call != NULL && c->call->with_handler) ||
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

static size_t
count_held(const struct cnc__conn *c)
{
    const struct cnc__http1 *h = c->call == NULL ? NULL : &c->call->h1;

    return c->in.cap + c->out.cap +
           (c->tls == NULL ? 0 : cnc__tls_out(c->tls)->cap) +
           (c->stream == NULL ? 0 : cnc__stream_held(c->stream)) +
           (h == NULL ? 0 : h->head.cap + h->text.cap + h->body.cap);
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
    if (n->held <= n->config.max_held || held <= CNC__NET_HELD) {
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
    }
}

void
cnc__conn_bytes(struct cnc__conn *c, char *data, size_t len)
{
    switch (c->state) {
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
    if (c->state == CNC__CONN_DRAIN) {
        c->broken = true;
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
        } else {
            c->broken = true;
        }
    }
    cnc__conn_settle(c);
}

/* -- begin --------------------------------------------------------------- */

void
cnc__conn_open(struct cnc__net *n, int fd, struct cnc__net_addr *addr,
               struct cnc__tls *tls, bool link, int64_t uid)
{
    struct cnc__conn *c = cnc__zalloc(sizeof(*c));

    c->magic = CNC__CONN_MAGIC;
    c->net = n;
    c->fd = fd;
    c->tls = tls;
    c->secure = tls != NULL;
    c->link = link;
    c->uid = uid;
    c->addr = addr;
    CNC_CHECK(uv_poll_init(n->loop, &c->poll, fd) == 0);
    c->poll.data = c;
    cnc__net_handle_opened(n);
    cnc__link_add(&n->conns, &c->all);
    n->n_conns++;
    n->n_links += link;
    n->stats.accepted++;
    if (addr != NULL) {
        addr->n_conns++;
        addr->n_unbound++;
        c->unbound = true;
    }
    if (link) {
        cnc__conn_start_stream(c);
    } else {
        c->deadline_ms = cnc__net_now(n) + n->config.head_ms;
    }
    ask_for_events(c);
}
