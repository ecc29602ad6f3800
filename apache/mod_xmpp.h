/* SPDX-License-Identifier: MIT */
/*
 * mod_xmpp.h -- XMPP over WebSocket (RFC 7395) in Apache, in front of any
 * XMPP server: what the module's files share.
 *
 *   mod_xmpp.c   directives, hooks, the request: handshake or refusal
 *   handshake.c  the rules of the handshake (RFC 6455 4.2)
 *   hostmeta.c   where the WebSocket is (XEP-0156)
 *   pump.c       the one thread of a child that all its sockets have
 *   sock.c       a socket's life: what each turn of the pump does for it
 *   client.c     its client's side: WebSocket through Apache's filters
 *   backend.c    its server's side: connect, TLS, PROXY, bytes
 *   handoff.c    or the socket itself is given to the service
 *   status.c     counters of all children, the lines of mod_status
 *
 *   worker thread                        pump
 *     handler: handshake, connect()
 *     returns SUSPENDED
 *     suspend_connection -- pump_add --> 101, then epoll over both sockets
 *     serves other requests              ... until one side ends it
 *                                        destroys the connection's pool
 *
 * With XMPPHandoff the handler offers the socket to the service first, and the
 * pump waits for the answer: then the end is at once, or all is as above.
 *
 * From pump_add() on nobody but the pump touches the connection.  The MPM
 * does, for two more stores: see pump.c, sock_may_end().
 */
#ifndef MOD_XMPP_H
#define MOD_XMPP_H

#include <httpd.h>

#include <http_config.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <http_ssl.h>

#include <apr_buckets.h>
#include <openssl/ssl.h>

#include "../src/front/frames.h"
#include "../src/xmpp/ws.h"

extern module AP_MODULE_DECLARE_DATA xmpp_module;
APLOG_USE_MODULE(xmpp);

/* -- configuration -------------------------------------------------------- */

enum backend_kind { BACKEND_NONE, BACKEND_UNIX, BACKEND_TCP };

struct backend_conf {
    enum backend_kind kind;
    const char *directive; /* that names it */
    const char *name;      /* as it was written */
    const char *path;      /* of a Unix socket */
    apr_sockaddr_t *addr;  /* of a host, looked up when Apache starts */
    int64_t owner;         /* uid that must be at its other end; -1: any */
    bool near;             /* a Unix socket, or loopback */
};

struct dir_conf {
    const char *path;                   /* of the <Location> */
    const struct backend_conf *backend; /* of the two one may be NULL */
    const struct backend_conf *handoff;
    apr_array_header_t *origins; /* of char *; NULL: our own alone */
    SSL_CTX *ctx;                /* of XMPPCAFile; NULL: the system's CAs */
    /* -1: not said */
    int tls; /* enum cnc__frames_tls */
    int proxy;
    int64_t max_frame, max_answer, rate;
    int ping_s, timeout_s;
};

struct server_conf {
    int host_meta;       /* -1: not said */
    const char *ws_path; /* where a WebSocket of this server is */
    const char *ws_url;  /* or its whole URL, as XMPPHostMeta has it */
};

#define DEFAULT_FRAME  262144
#define DEFAULT_ANSWER (16 << 20)
#define DEFAULT_PING_S 60
#define DEFAULT_WAIT_S 30
#define DEFAULT_MAX    20000 /* sockets of a child */

/* The module's own, one for the process. */
struct xmpp_global {
    int max_connections; /* of a child */
    bool async;          /* the MPM lets a request be suspended */
    SSL_CTX *ctx;        /* for back ends: the system's CAs */
};
extern struct xmpp_global xmpp_global;

/* -- handshake.c -----------------------------------------------------------
 */

/* 0, or the status of the refusal and why.  accept: of the answer. */
int handshake_check(request_rec *r, const struct dir_conf *conf,
                    char accept[29], const char **why);
/* The browser's end of it is TLS: here, or at a balancer in front for which
 * the configuration says so, by the variable HTTPS. */
bool handshake_is_secure(request_rec *r);

/* -- hostmeta.c ------------------------------------------------------------
 */

int hostmeta_translate(request_rec *r);
int hostmeta_map(request_rec *r);
int hostmeta_handler(request_rec *r);

/* -- pump.c ----------------------------------------------------------------
 */

struct pump;
struct sock;

/* The child's pump begins; it ends with the pool. */
void pump_start(apr_pool_t *pchild, server_rec *s);
/* *steals* s. */
void pump_add(struct sock *s);
/* Not a thread of ours where requests cannot be suspended: this one runs s
 * until it is over. */
void pump_run_alone(struct sock *s);
/* Sockets are told to go elsewhere, and this child ends. */
void pump_stopping(void);
bool pump_is_stopping(void);

/* Watch its descriptors for these events of epoll; 0: not at all. */
void pump_watch(struct sock *s, uint32_t client, uint32_t back);
/* A descriptor of its is about to be closed. */
void pump_forget_back(struct sock *s);
/* It is dead: let it be destroyed after this turn. */
void pump_bury(struct sock *s);
uint64_t pump_now_ms(void);
/* Room for one read; the pump's thread alone. */
char *pump_room(struct sock *s);
#define PUMP_ROOM 16384u

/* -- sock.c ----------------------------------------------------------------
 */

enum back_state {
    BACK_HANDING, /* it is no server yet: the client itself is offered it */
    BACK_RETRY,   /* a Unix socket's queue was full */
    BACK_CONNECTING,
    BACK_PLAIN,
    BACK_HANDSHAKE, /* TLS */
    BACK_TLS,
    BACK_GONE
};

enum sock_phase {
    SOCK_OPEN,
    SOCK_LAST,   /* our close frame is queued: send it, hear no more */
    SOCK_LINGER, /* all is sent, shut down: wait for the peer's end */
    SOCK_DEAD
};

/* One descriptor in the epoll set. */
struct watch {
    struct sock *sock;
    uint32_t events; /* asked for now; 0: not in the set */
};

struct sock {
    struct sock *next, *prev; /* in the pump */
    struct sock *next_new;
    struct pump *pump;
    conn_rec *c;
    request_rec *r;
    const struct dir_conf *conf;
    struct watch client, back;
    int client_fd, back_fd;
    uint8_t phase;      /* enum sock_phase */
    uint8_t back_state; /* enum back_state */
    bool listed;        /* it is in the pump's list */
    bool buried;        /* it is among the pump's dead */
    bool alone;         /* it has a thread of its own */
    bool tls_asked;
    bool pinged;
    bool more; /* a filter may hold bytes that epoll does not see */
    bool tls_wants_write;
    bool told_up;    /* the back end has spoken XMPP */
    bool stopped;    /* it was told that this child stops */
    bool given;      /* the client's socket is the service's */
    char accept[29]; /* of the answer to the handshake */
    unsigned close_code;
    const char *why; /* it ended; static or of c->pool */
    uint64_t began_ms, heard_ms, moved_ms, phase_ms, closing_ms, up_ms;
    uint64_t tokens_ms, handed_ms;
    int64_t tokens; /* bytes that the client may say now */
    SSL *tls;
    struct cnc__ws ws;
    struct cnc__frames *frames;
    struct cnc__str out; /* for the client, framed */
    size_t out_at;       /* of it is given to Apache */
    struct cnc__str up;  /* for the server */
    size_t up_at;
    apr_bucket_brigade *bb;
    char *early; /* what was read before it was ours */
    size_t n_early;
    uint64_t n_in, n_out; /* bytes of the client's, both ways */
};

/* *new*, with its back end begun to connect: NULL, and the reason. */
struct sock *sock_new(request_rec *r, const struct dir_conf *conf,
                      const char *accept, const char **why);
/* For the server's answer, as XMPPTimeout has it. */
uint64_t sock_wait_ms(const struct sock *s);
/* Its descriptors may be read or written. */
void sock_client_event(struct sock *s, uint32_t events);
void sock_back_event(struct sock *s, uint32_t events);
/* Once in a while: deadlines, pings, what was put off.  Returns whether it is
 * to be looked at again soon. */
bool sock_tick(struct sock *s, uint64_t now_ms);
/* After anything: what is to be written is, what has ended ends. */
void sock_settle(struct sock *s);
/* This child stops. */
void sock_stop(struct sock *s);
/* The answer to the handshake: 101, or that it cannot be. */
void sock_accept(struct sock *s);
void sock_refuse(struct sock *s, const char *why);
/* Its connection may be destroyed, and with it all that is its own. */
bool sock_may_end(const struct sock *s, uint64_t now_ms);
/* Written down: the access log, the error log. */
void sock_log_end(struct sock *s);

/* The stream is over: the close frame with this code, then the end.  why is
 * logged. */
void sock_end(struct sock *s, unsigned code, const char *why);
/* The client is not there any more. */
void sock_lost(struct sock *s, const char *why);

#define HIGH_WATER 65536u /* bytes waiting: the other side is read no more */
#define LINGER_MS  2000u
#define CLOSING_MS 5000u /* for the other side's end */

/* -- client.c --------------------------------------------------------------
 */

/* Both set what is to be watched next by changing s alone. */
void client_read(struct sock *s);
void client_write(struct sock *s);
bool client_has_waiting(const struct sock *s);
void client_shutdown(struct sock *s);
/* What came behind the request, into s->early.  False: it may be more than
 * max. */
bool client_read_early(struct sock *s, char *room, size_t max);

/* -- backend.c -------------------------------------------------------------
 */

/* A host and port, or a path, as XMPPServer and XMPPHandoff have it; NULL or
 * what is wrong. */
const char *backend_parse(struct backend_conf **out, apr_pool_t *p,
                          const char *directive, const char *text);
/* Why there is no connection to b. */
const char *backend_reason(const struct sock *s, const struct backend_conf *b,
                           int error);
/* Is the other end of s->back_fd of the user that b asks for? */
bool backend_is_owners(const struct sock *s, const struct backend_conf *b,
                       const char **why);
SSL_CTX *backend_ctx(apr_pool_t *p, const char *ca_file, const char **why);
/* Begin to connect: false with the reason when that is known at once. */
bool backend_connect(struct sock *s, const char **why);
/* The connection is there, or the reason why not.  0: not yet. */
int backend_connected(struct sock *s, const char **why);
/* What is told it before all else. */
void backend_say_proxy(struct sock *s);
void backend_start_tls(struct sock *s, const char *domain);
void backend_read(struct sock *s);
void backend_write(struct sock *s);
void backend_close(struct sock *s);

/* -- handoff.c -------------------------------------------------------------
 */

/* The client's socket is offered: BACK_HANDING.  False with the reason when it
 * cannot be; nothing was said to the client. */
bool handoff_begin(struct sock *s, const char **why);
/* The service answers. */
void handoff_read(struct sock *s);
/* It does not, at this time. */
void handoff_tick(struct sock *s, uint64_t now_ms);

/* -- status.c --------------------------------------------------------------
 */

/* One child's, in memory that all children share. */
struct status {
    pid_t pid; /* 0: free */
    uint64_t open, total, given, refused, failed, bytes_in, bytes_out;
    uint64_t back_up_s, back_down_s; /* when it was last so; Unix time */
    char back_down[120];             /* which, and why */
};
extern struct status *status_own; /* never NULL */

int status_open(apr_pool_t *process_pool, server_rec *s);
void status_child(void);
int status_hook(request_rec *r, int flags);
void status_back(struct sock *s, const char *why); /* NULL: it is up */

#endif /* MOD_XMPP_H */
