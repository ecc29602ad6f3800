/* SPDX-License-Identifier: MIT */
/*
 * client.c -- the client's side of a socket: frames of WebSocket, through the
 * connection's filters, so that it is the same with TLS and without.
 *
 * Nothing here waits.  Bytes are given to the filters in pieces that they may
 * keep without a blocking write (FlushMaxThreshold), and no more until the
 * socket has taken them.
 */
#include "mod_xmpp.h"

#include <apr_strings.h>
#include <sys/socket.h>

#define PIECE 16384u

/* -- out
 * ------------------------------------------------------------------------ */

/*
 * A bucket that is nothing but a reason to pass on what was kept: mod_ssl
 * gathers small writes until something else comes.  A FLUSH bucket would do
 * it too, and wait for the client.
 */
static apr_status_t
push_read(apr_bucket *b, const char **data, apr_size_t *len,
          apr_read_type_e block)
{
    *data = NULL;
    *len = 0;
    return APR_SUCCESS;
}

static const apr_bucket_type_t push_type = {
    "XMPP-PUSH",
    5,
    APR_BUCKET_METADATA,
    apr_bucket_destroy_noop,
    push_read,
    apr_bucket_setaside_noop,
    apr_bucket_split_notimpl,
    apr_bucket_simple_copy,
};

static apr_bucket *
new_push(apr_bucket_alloc_t *list)
{
    apr_bucket *b = apr_bucket_alloc(sizeof(*b), list);

    APR_BUCKET_INIT(b);
    b->free = apr_bucket_free;
    b->list = list;
    b->length = 0;
    b->start = 0;
    b->data = NULL;
    b->type = &push_type;
    return b;
}

bool
client_has_waiting(const struct sock *s)
{
    return s->out.len > s->out_at || s->c->data_in_output_filters;
}

/* The last filter, which has the socket, tries to send what it has. */
static apr_status_t
drain(struct sock *s)
{
    ap_filter_t *f = s->c->output_filters;

    while (f->next != NULL) {
        f = f->next;
    }
    return f->frec->filter_func.out_func(f, NULL);
}

static apr_status_t
pass(struct sock *s, const char *data, size_t len)
{
    apr_status_t rv;

    APR_BRIGADE_INSERT_TAIL(
        s->bb, apr_bucket_transient_create(data, len, s->c->bucket_alloc));
    APR_BRIGADE_INSERT_TAIL(s->bb, new_push(s->c->bucket_alloc));
    rv = ap_pass_brigade(s->c->output_filters, s->bb);
    apr_brigade_cleanup(s->bb);
    return rv;
}

/* One more piece.  False: no more now. */
static bool
write_piece(struct sock *s)
{
    size_t n = s->out.len - s->out_at;
    apr_status_t rv = APR_SUCCESS;

    if (!s->c->data_in_output_filters && n > 0) {
        n = n < PIECE ? n : PIECE;
        rv = pass(s, s->out.data + s->out_at, n);
        s->out_at += n;
        s->n_out += n;
        __atomic_add_fetch(&status_own->bytes_out, n, __ATOMIC_RELAXED);
        s->moved_ms = pump_now_ms();
    }
    if (rv == APR_SUCCESS) {
        rv = drain(s);
    }
    if (rv != APR_SUCCESS || s->c->aborted) {
        sock_lost(s, "the client has gone");
        return false;
    }
    return !s->c->data_in_output_filters && s->out.len > s->out_at;
}

void
client_write(struct sock *s)
{
    if (s->phase > SOCK_LAST || !client_has_waiting(s)) {
        return;
    }
    while (write_piece(s)) {
        continue;
    }
    if (s->out_at == s->out.len) {
        cnc__str_fini(&s->out);
        s->out_at = 0;
    } else if (s->out_at >= HIGH_WATER) {
        cnc__str_drop(&s->out, s->out_at);
        s->out_at = 0;
    }
}

/* All is sent: TLS says its end, then TCP. */
void
client_shutdown(struct sock *s)
{
    if (ap_ssl_conn_is_ssl(s->c)) {
        APR_BRIGADE_INSERT_TAIL(s->bb,
                                ap_bucket_eoc_create(s->c->bucket_alloc));
        ap_pass_brigade(s->c->output_filters, s->bb);
        apr_brigade_cleanup(s->bb);
        drain(s);
    }
    shutdown(s->client_fd, SHUT_WR);
}

/* -- in
 * ------------------------------------------------------------------------- */

static int
on_text(const char *data, size_t len, void *priv)
{
    struct sock *s = priv;

    cnc__frames_client(s->frames, data, len);
    return cnc__frames_is_closed(s->frames) ? CNC_ECLOSED : 0;
}

static int
on_ping(const char *data, size_t len, void *priv)
{
    struct sock *s = priv;

    cnc__ws_add_frame(&s->out, CNC__WS_PONG, data, len);
    return 0;
}

static int
on_pong(void *priv)
{
    return 0;
}

/* RFC 7395 3.6: the WebSocket has ended, not the stream. */
static int
on_close(unsigned code, void *priv)
{
    sock_end(priv, code == 1005 ? 1000 : code, "the client closed");
    return CNC_ECLOSED;
}

static void
feed(struct sock *s, char *data, size_t len)
{
    static const struct cnc__ws_events events = {on_text, on_ping, on_pong,
                                                 on_close};
    unsigned code = 0;
    int rc;

    s->n_in += len;
    s->tokens -= (int64_t)len;
    s->heard_ms = pump_now_ms();
    s->pinged = false;
    __atomic_add_fetch(&status_own->bytes_in, len, __ATOMIC_RELAXED);
    rc = cnc__ws_feed(&s->ws, data, len, &events, s, &code);
    if (rc == 0 || rc == CNC_ECLOSED || code == 0) {
        return;
    }
    if (rc == CNC_ELIMIT) {
        s->close_code = code;
        cnc__frames_fail(s->frames, "policy-violation",
                         "The message is too large");
        return;
    }
    /* The framing itself is broken: there is nobody to talk XMPP to. */
    sock_end(s, code,
             code == 1003   ? "a binary frame"
             : code == 1007 ? "a message that is not UTF-8"
                            : "a broken frame");
}

/* What one bucket has, through the pump's room: it is unmasked in place. */
static bool
feed_bucket(struct sock *s, apr_bucket *b)
{
    char *room = pump_room(s);
    const char *data;
    apr_size_t len;

    if (APR_BUCKET_IS_EOS(b) ||
        apr_bucket_read(b, &data, &len, APR_NONBLOCK_READ) != APR_SUCCESS) {
        sock_lost(s, "the client has gone");
        return false;
    }
    while (len > 0 && s->phase == SOCK_OPEN) {
        size_t n = len < PUMP_ROOM ? len : PUMP_ROOM;

        memcpy(room, data, n);
        feed(s, room, n);
        data += n;
        len -= n;
    }
    return s->phase == SOCK_OPEN;
}

/* False: there is no more, or the end came. */
static bool
read_piece(struct sock *s, size_t n)
{
    apr_status_t rv =
        ap_get_brigade(s->c->input_filters, s->bb, AP_MODE_READBYTES,
                       APR_NONBLOCK_READ, (apr_off_t)n);
    bool some = false;

    if (APR_STATUS_IS_EAGAIN(rv)) {
        apr_brigade_cleanup(s->bb);
        return false;
    }
    if (rv != APR_SUCCESS) {
        apr_brigade_cleanup(s->bb);
        sock_lost(s, "the client has gone");
        return false;
    }
    for (apr_bucket *b = APR_BRIGADE_FIRST(s->bb);
         b != APR_BRIGADE_SENTINEL(s->bb); b = APR_BUCKET_NEXT(b)) {
        some = some || b->length > 0;
        if (!feed_bucket(s, b)) {
            some = false;
            break;
        }
    }
    apr_brigade_cleanup(s->bb);
    return some;
}

/* Empty: nothing is there now. */
static apr_status_t
read_early_piece(struct sock *s, apr_bucket_brigade *bb, char *room,
                 size_t *len, size_t max)
{
    apr_status_t rv =
        ap_get_brigade(s->c->input_filters, bb, AP_MODE_READBYTES,
                       APR_NONBLOCK_READ, (apr_off_t)(max - *len));

    for (apr_bucket *b = APR_BRIGADE_FIRST(bb);
         rv == APR_SUCCESS && b != APR_BRIGADE_SENTINEL(bb);
         b = APR_BUCKET_NEXT(b)) {
        const char *data;
        apr_size_t n;

        rv = apr_bucket_read(b, &data, &n, APR_NONBLOCK_READ);
        if (rv == APR_SUCCESS && n <= max - *len) {
            memcpy(room + *len, data, n);
            *len += n;
        }
    }
    apr_brigade_cleanup(bb);
    return rv;
}

bool
client_read_early(struct sock *s, char *room, size_t max)
{
    apr_bucket_brigade *bb =
        apr_brigade_create(s->c->pool, s->c->bucket_alloc);
    size_t len = 0, before;

    do {
        before = len;
    } while (read_early_piece(s, bb, room, &len, max) == APR_SUCCESS &&
             len > before && len < max);
    apr_brigade_destroy(bb);
    s->early = len > 0 ? apr_pmemdup(s->c->pool, room, len) : NULL;
    s->n_early = len;
    return len < max;
}

void
client_read(struct sock *s)
{
    size_t early = s->n_early;

    s->n_early = 0;
    if (early > 0) {
        feed(s, s->early, early);
    }
    /* A turn's share; the rest waits for its next one. */
    for (unsigned i = 0; i < 4; i++) {
        size_t n = PUMP_ROOM;

        if (s->conf->rate > 0 && s->tokens < (int64_t)n) {
            n = s->tokens > 0 ? (size_t)s->tokens : 0;
        }
        if (n == 0 || s->up.len - s->up_at >= HIGH_WATER ||
            s->out.len - s->out_at >= HIGH_WATER) {
            break;
        }
        if (!read_piece(s, n)) {
            s->more = false;
            return;
        }
    }
    s->more = true;
}
