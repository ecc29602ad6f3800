/* SPDX-License-Identifier: MIT */
/*
 * sock.c -- a socket's life.
 *
 *   OPEN --stream over, or a rule broken--> LAST   (close frame is queued)
 *     |                                       | all is sent
 *     | the client has gone                 LINGER (shut down, FIN awaited)
 *     v                                       |
 *   DEAD <------------------------------------+
 */
#include "mod_xmpp.h"

#include <ap_mpm.h>
#include <apr_strings.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define GRACE_MS 200u /* see sock_may_end() */

static int
ping_ms(const struct sock *s)
{
    return (s->conf->ping_s < 0 ? DEFAULT_PING_S : s->conf->ping_s) * 1000;
}

/* then may be later: within a turn the time goes on. */
static uint64_t
since(uint64_t now_ms, uint64_t then_ms)
{
    return now_ms > then_ms ? now_ms - then_ms : 0;
}

uint64_t
sock_wait_ms(const struct sock *s)
{
    int wait_s = s->conf->timeout_s < 0 ? DEFAULT_WAIT_S : s->conf->timeout_s;

    return (uint64_t)wait_s * 1000;
}

static size_t
waiting_up(const struct sock *s)
{
    return s->up.len - s->up_at;
}

static size_t
waiting_out(const struct sock *s)
{
    return s->out.len - s->out_at;
}

/* -- what the frames say -----------------------------------------------------
 */

static void
to_server(const char *data, size_t len, void *priv)
{
    struct sock *s = priv;

    if (s->back_state != BACK_GONE) {
        if (waiting_up(s) == 0) {
            s->up_ms = pump_now_ms();
        }
        cnc__str_add(&s->up, data, len);
    }
}

static void
to_client(const char *data, size_t len, void *priv)
{
    struct sock *s = priv;

    if (s->phase == SOCK_OPEN) {
        if (!client_has_waiting(s)) {
            s->moved_ms = pump_now_ms();
        }
        cnc__ws_add_frame(&s->out, CNC__WS_TEXT, data, len);
    }
}

static void
start_tls(const char *domain, void *priv)
{
    struct sock *s = priv;

    s->tls_asked = true;
}

/* -- the beginning
 * ------------------------------------------------------------ */

static apr_status_t
cleanup(void *priv)
{
    struct sock *s = priv;

    backend_close(s);
    cnc__frames_free(&s->frames);
    cnc__ws_fini(&s->ws);
    cnc__str_fini(&s->out);
    cnc__str_fini(&s->up);
    __atomic_sub_fetch(&status_own->open, 1, __ATOMIC_RELAXED);
    return APR_SUCCESS;
}

static enum cnc__frames_tls
tls_of(const struct dir_conf *d)
{
    if (d->tls >= 0) {
        return (enum cnc__frames_tls)d->tls;
    }
    return d->backend == NULL || d->backend->near ? CNC__FRAMES_TLS_NEVER
                                                  : CNC__FRAMES_TLS_REQUIRED;
}

static void
make_halves(struct sock *s)
{
    static const struct cnc__frames_events events = {to_server, to_client,
                                                     start_tls};
    uint32_t max =
        s->conf->max_frame < 0 ? DEFAULT_FRAME : (uint32_t)s->conf->max_frame;
    struct cnc__frames_config config = {.tls = tls_of(s->conf),
                                        .max_stanza = max,
                                        .max_answer = DEFAULT_ANSWER};

    s->frames = cnc__frames_new(&config, &events, s);
    cnc__ws_init(&s->ws, true, max);
}

static void
take_connection(struct sock *s)
{
    apr_socket_t *socket = ap_get_conn_socket(s->c);

    CNC_CHECK(apr_os_sock_get(&s->client_fd, socket) == APR_SUCCESS);
    /* Whatever a filter does, it does not wait. */
    apr_socket_timeout_set(socket, 0);
    s->c->keepalive = AP_CONN_CLOSE;
    /* Its deadlines are for requests. */
    ap_remove_input_filter_byhandle(s->c->input_filters, "reqtimeout");
    s->r->output_filters = s->r->proto_output_filters = s->c->output_filters;
    s->r->input_filters = s->r->proto_input_filters = s->c->input_filters;
    s->bb = apr_brigade_create(s->c->pool, s->c->bucket_alloc);
}

/* Whoever is to serve the client is asked to. */
static bool
begin_back(struct sock *s, const char **why)
{
    if (s->conf->handoff != NULL && handoff_begin(s, why)) {
        return true;
    }
    if (s->conf->backend == NULL) {
        return false;
    }
    if (!backend_connect(s, why)) {
        status_back(s, *why);
        return false;
    }
    return true;
}

void
sock_accept(struct sock *s)
{
    backend_say_proxy(s);
    cnc__str_printf(&s->out,
                    "HTTP/1.1 101 Switching Protocols\r\n"
                    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Accept: %s\r\n"
                    "Sec-WebSocket-Protocol: xmpp\r\n\r\n",
                    s->accept);
}

struct sock *
sock_new(request_rec *r, const struct dir_conf *conf, const char *accept,
         const char **why)
{
    struct sock *s = apr_pcalloc(r->connection->pool, sizeof(*s));

    s->c = r->connection;
    s->r = r;
    s->conf = conf;
    s->client.sock = s->back.sock = s;
    s->client_fd = s->back_fd = -1;
    s->began_ms = s->heard_ms = s->moved_ms = s->tokens_ms = pump_now_ms();
    s->tokens = conf->rate;
    s->more = true; /* what came behind the request */
    memcpy(s->accept, accept, sizeof(s->accept));
    if (!begin_back(s, why)) {
        return NULL;
    }
    make_halves(s);
    take_connection(s);
    if (s->back_state != BACK_HANDING) {
        sock_accept(s);
    }
    r->status = HTTP_SWITCHING_PROTOCOLS;
    r->status_line = NULL;
    __atomic_add_fetch(&status_own->open, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&status_own->total, 1, __ATOMIC_RELAXED);
    apr_pool_cleanup_register(s->c->pool, s, cleanup, apr_pool_cleanup_null);
    return s;
}

/* -- the end
 * ------------------------------------------------------------------ */

static void
set_phase(struct sock *s, enum sock_phase phase)
{
    s->phase = phase;
    s->phase_ms = pump_now_ms();
    if (phase == SOCK_DEAD) {
        pump_bury(s);
    }
}

void
sock_end(struct sock *s, unsigned code, const char *why)
{
    if (s->phase != SOCK_OPEN) {
        return;
    }
    s->why = why;
    s->close_code = code;
    cnc__ws_add_close(&s->out, code, NULL);
    cnc__frames_client_gone(s->frames);
    set_phase(s, SOCK_LAST);
}

void
sock_lost(struct sock *s, const char *why)
{
    if (s->phase == SOCK_DEAD) {
        return;
    }
    if (s->why == NULL) {
        s->why = why;
    }
    cnc__frames_client_gone(s->frames);
    backend_write(s); /* what it has said counts */
    set_phase(s, SOCK_DEAD);
}

/* The handshake's answer was put off until it was known that it is this. */
void
sock_refuse(struct sock *s, const char *why)
{
    __atomic_add_fetch(&status_own->refused, 1, __ATOMIC_RELAXED);
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, s->r, "xmpp: refused with %d: %s",
                  HTTP_SERVICE_UNAVAILABLE, why);
    s->r->status = HTTP_SERVICE_UNAVAILABLE;
    s->why = why;
    cnc__str_printf(&s->out,
                    "HTTP/1.1 503 Service Unavailable\r\n"
                    "Retry-After: 5\r\nCache-Control: no-store\r\n"
                    "Content-Type: text/plain; charset=utf-8\r\n"
                    "Content-Length: %zu\r\nConnection: close\r\n\r\n%s\n",
                    strlen(why) + 1, why);
    cnc__frames_client_gone(s->frames);
    set_phase(s, SOCK_LAST);
}

/* The client is to come back, and may resume: the server is told nothing.  One
 * that may be the service's already is neither ours nor open. */
void
sock_stop(struct sock *s)
{
    if (s->back_state == BACK_HANDING) {
        return;
    }
    s->stopped = true;
    if (s->phase == SOCK_OPEN) {
        cnc__frames_server_gone(s->frames, "system-shutdown",
                                "This server is restarted: connect again");
    }
}

/*
 * After the suspend hook has given it to the pump, the MPM stores twice more:
 * sbh into the connection, then a flag of its own into the same pool.  Seen
 * the first one, and then long enough for the next instruction, nobody but
 * the pump holds the connection.
 */
bool
sock_may_end(const struct sock *s, uint64_t now_ms)
{
    const ap_sb_handle_t *const volatile *sbh =
        (const ap_sb_handle_t *const volatile *)&s->c->sbh;

    return s->alone ||
           (*sbh == NULL && since(now_ms, s->handed_ms) >= GRACE_MS);
}

void
sock_log_end(struct sock *s)
{
    const char *domain = cnc__frames_domain(s->frames);
    const char *fault = cnc__frames_fault(s->frames);

    s->r->bytes_sent = (apr_off_t)s->n_out;
    s->r->sent_bodyct = s->n_out > 0; /* else %b is "-" */
    if (s->given) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, s->r,
                      "xmpp: WebSocket given to the service at %s",
                      s->conf->handoff->name);
    } else {
        ap_log_rerror(
            APLOG_MARK, APLOG_INFO, 0, s->r,
            "xmpp: WebSocket for %s ended: %s%s%s; %" APR_UINT64_T_FMT
            " bytes in, %" APR_UINT64_T_FMT " out",
            domain == NULL ? "no domain yet" : domain,
            s->why == NULL ? "closed" : s->why, fault == NULL ? "" : "; ",
            fault == NULL ? "" : fault, (apr_uint64_t)s->n_in,
            (apr_uint64_t)s->n_out);
    }
    if (!s->alone) {
        ap_run_log_transaction(s->r);
    }
}

/* -- turns
 * --------------------------------------------------------------------- */

static bool
may_hear_client(const struct sock *s)
{
    return s->phase == SOCK_OPEN && s->back_state != BACK_HANDING &&
           waiting_up(s) < HIGH_WATER && waiting_out(s) < HIGH_WATER &&
           (s->conf->rate <= 0 || s->tokens > 0);
}

static bool
may_hear_server(const struct sock *s)
{
    return s->phase == SOCK_OPEN && waiting_out(s) < HIGH_WATER;
}

static uint32_t
client_events(const struct sock *s)
{
    uint32_t events = 0;

    if (s->phase == SOCK_LINGER || may_hear_client(s)) {
        events |= EPOLLIN;
    }
    if (client_has_waiting(s)) {
        events |= EPOLLOUT;
    }
    return events;
}

static uint32_t
back_events(const struct sock *s)
{
    uint32_t events = 0;

    switch ((enum back_state)s->back_state) {
    case BACK_HANDING:
        return EPOLLIN;
    case BACK_RETRY:
    case BACK_GONE:
        return 0;
    case BACK_CONNECTING:
        return EPOLLOUT;
    case BACK_HANDSHAKE:
        return EPOLLIN | (s->tls_wants_write ? EPOLLOUT : 0u);
    case BACK_PLAIN:
    case BACK_TLS:
        break;
    }
    events |= may_hear_server(s) ? EPOLLIN : 0u;
    events |= waiting_up(s) > 0 || s->tls_wants_write ? EPOLLOUT : 0u;
    return events;
}

/* Discard what comes; the end, or too much of it, is the end. */
static void
linger(struct sock *s)
{
    char *room = pump_room(s);
    ssize_t n = recv(s->client_fd, room, PUMP_ROOM, MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        set_phase(s, SOCK_DEAD);
    }
}

void
sock_client_event(struct sock *s, uint32_t events)
{
    if (s->phase == SOCK_LINGER) {
        linger(s);
    } else if (s->phase == SOCK_OPEN) {
        if ((events & (EPOLLERR | EPOLLHUP)) != 0 && !may_hear_client(s)) {
            sock_lost(s, "the client has gone");
        } else if ((events & ~(uint32_t)EPOLLOUT) != 0) {
            client_read(s);
        }
    } else if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        sock_lost(s, "the client has gone");
    }
}

static void
connected(struct sock *s)
{
    const char *why = NULL;
    int rc = backend_connected(s, &why);

    if (rc < 0) {
        status_back(s, why);
        backend_close(s);
        cnc__frames_server_gone(s->frames, "remote-connection-failed",
                                "The XMPP server cannot be reached");
    }
}

void
sock_back_event(struct sock *s, uint32_t events)
{
    if (s->back_state == BACK_HANDING) {
        handoff_read(s);
    } else if (s->back_state == BACK_CONNECTING) {
        connected(s);
    } else if (s->back_state == BACK_HANDSHAKE) {
        backend_start_tls(s, NULL);
    } else if ((events & ~(uint32_t)EPOLLOUT) != 0) {
        if (may_hear_server(s)) {
            backend_read(s);
        } else if ((events & (EPOLLERR | EPOLLHUP)) != 0 &&
                   s->phase != SOCK_OPEN) {
            backend_close(s);
        }
    }
}

/* Hear on from what filters and TLS hold, that epoll does not tell of. */
static void
hear_on(struct sock *s)
{
    if (s->more && may_hear_client(s)) {
        client_read(s);
    }
    if (s->tls != NULL && s->back_state == BACK_TLS && may_hear_server(s) &&
        SSL_pending(s->tls) > 0) {
        backend_read(s);
    }
}

static void
end_if_over(struct sock *s)
{
    if (s->phase == SOCK_OPEN && cnc__frames_is_closed(s->frames)) {
        sock_end(s, s->close_code != 0 ? s->close_code : 1000,
                 s->stopped                             ? "this child stops"
                 : cnc__frames_fault(s->frames) != NULL ? "stream error"
                                                        : "closed");
    }
    if (s->phase == SOCK_OPEN && cnc__frames_is_closing(s->frames) &&
        s->closing_ms == 0) {
        s->closing_ms = pump_now_ms();
    }
}

void
sock_settle(struct sock *s)
{
    if (s->phase == SOCK_DEAD) {
        return;
    }
    hear_on(s);
    end_if_over(s);
    backend_write(s);
    client_write(s);
    end_if_over(s);
    if (s->phase == SOCK_LAST && !client_has_waiting(s)) {
        client_shutdown(s);
        set_phase(s, SOCK_LINGER);
    }
    if (s->phase != SOCK_OPEN && s->back_state != BACK_GONE &&
        (waiting_up(s) == 0 || s->back_state < BACK_PLAIN)) {
        backend_close(s);
    }
    if (s->phase != SOCK_DEAD) {
        pump_watch(s, client_events(s), back_events(s));
    }
}

/* -- time
 * ------------------------------------------------------------------------ */

static void
refill(struct sock *s, uint64_t now_ms)
{
    int64_t rate = s->conf->rate;

    if (rate > 0) {
        s->tokens += (int64_t)since(now_ms, s->tokens_ms) * rate / 1000;
        s->tokens = s->tokens > rate ? rate : s->tokens;
    }
    s->tokens_ms = now_ms;
}

/* The server's deadlines. */
static void
look_at_server(struct sock *s, uint64_t now_ms)
{
    const char *why = NULL;

    if (s->back_state == BACK_HANDING) {
        handoff_tick(s, now_ms);
    } else if (s->back_state == BACK_RETRY && !backend_connect(s, &why)) {
        status_back(s, why);
        cnc__frames_server_gone(s->frames, "remote-connection-failed",
                                "The XMPP server cannot be reached");
    } else if (cnc__frames_is_closing(s->frames)) {
        if (s->closing_ms > 0 && since(now_ms, s->closing_ms) > CLOSING_MS) {
            cnc__frames_server_gone(s->frames, NULL, NULL);
        }
    } else if (!cnc__frames_is_open(s->frames) &&
               since(now_ms, s->began_ms) > sock_wait_ms(s)) {
        if (cnc__frames_domain(s->frames) == NULL) {
            cnc__frames_fail(s->frames, "connection-timeout",
                             "The stream was not opened in time");
        } else {
            status_back(s, "it did not answer in time");
            cnc__frames_server_gone(s->frames, "remote-connection-failed",
                                    "The XMPP server did not answer in time");
        }
    } else if (waiting_up(s) > 0 && s->back_state >= BACK_PLAIN &&
               since(now_ms, s->up_ms) > sock_wait_ms(s)) {
        status_back(s, "it takes nothing any more");
        cnc__frames_server_gone(s->frames, "remote-connection-failed",
                                "The XMPP server takes nothing any more");
    }
}

static void
look_at_client(struct sock *s, uint64_t now_ms)
{
    uint64_t limit = (uint64_t)ping_ms(s);

    if (limit == 0) {
        return;
    }
    if (client_has_waiting(s)) {
        if (since(now_ms, s->moved_ms) > 2 * limit) {
            sock_lost(s, "the client takes nothing any more");
        }
        return;
    }
    if (!may_hear_client(s)) {
        s->heard_ms = now_ms; /* it is we who do not listen */
    } else if (since(now_ms, s->heard_ms) > 2 * limit) {
        sock_lost(s, "the client did not answer a ping");
    } else if (since(now_ms, s->heard_ms) > limit && !s->pinged) {
        s->pinged = true;
        s->moved_ms = now_ms;
        cnc__ws_add_frame(&s->out, CNC__WS_PING, "", 0);
    }
}

bool
sock_tick(struct sock *s, uint64_t now_ms)
{
    bool dry;

    refill(s, now_ms);
    dry = s->conf->rate > 0 && s->tokens <= 0;
    if (s->phase == SOCK_OPEN) {
        look_at_server(s, now_ms);
        look_at_client(s, now_ms);
    } else if (s->phase == SOCK_LAST &&
               since(now_ms, s->phase_ms) > CLOSING_MS) {
        sock_lost(s, "the client takes nothing any more");
    } else if (s->phase == SOCK_LINGER &&
               since(now_ms, s->phase_ms) > LINGER_MS) {
        set_phase(s, SOCK_DEAD);
    }
    sock_settle(s);
    return s->phase != SOCK_DEAD &&
           (s->more || dry || s->back_state == BACK_RETRY ||
            s->phase != SOCK_OPEN);
}
