/* SPDX-License-Identifier: MIT */
/*
 * conn.h -- a connection, and what the files of this room share.
 *
 *   accept -> HTTP -> (upgrade) STREAM -> DRAIN -> closed
 *   accept on the link ------> STREAM
 *
 * Who may do what when: stream and handler code may run in the middle of a
 * loop over sessions, so whatever is called from there (on_dirty, respond)
 * only queues, sends and takes notes.  Connections are closed, and input that
 * waited is read on, in cnc__conn_settle(), which runs from the connection's
 * own event, from the once-a-second timer and at the end of the loop's turn.
 */
#ifndef CNC_NET_CONN_H
#define CNC_NET_CONN_H

#include "http1.h"
#include "net.h"

#define CNC__NET_READ     65536 /* bytes a read */
#define CNC__NET_BY_REF   8192  /* bodies past it are not copied */
#define CNC__NET_BACKLOG  65536 /* answers waiting; past it: read no more */
#define CNC__NET_HELD     65536 /* a client may hold it whatever others do */
#define CNC__NET_DRAIN_MS 2000  /* for the peer to read our last words */

struct cnc__net_link { /* of a ring */
    struct cnc__net_link *prev, *next;
};

enum cnc__conn_state { CNC__CONN_HTTP, CNC__CONN_STREAM, CNC__CONN_DRAIN };

struct cnc__net_addr { /* an address with connections; key of net->addrs */
    uint32_t n_unbound, n_conns;
    bool loopback;
    char text[64];
};

struct cnc__http_call; /* a request and its responder */
struct cnc__tls;
struct cnc__listener;

struct cnc__conn {
    unsigned magic;
    uint8_t state; /* enum cnc__conn_state */
    bool link, secure, websocket;
    bool unbound;     /* counts for its address */
    bool dirty;       /* on net->dirty */
    bool want_write;  /* the socket was full */
    bool eof;         /* the peer has ended */
    bool broken;      /* close at once */
    bool close_after; /* close when the answer is out */
    bool closed;      /* waiting for libuv */
    bool settling;
    int events, fd;
    int64_t uid;
    struct cnc__net *net;
    struct cnc__net_link all, turn;
    struct cnc__net_addr *addr;
    struct cnc__stream *stream;
    struct cnc__http_call *call; /* the request being read or answered */
    struct cnc__tls *tls;
    struct cnc__str in;  /* input that waits for an answer to be out */
    struct cnc__str out; /* HTTP output; goes before ref, then the stream's */
    struct cnc_buf *ref;
    size_t ref_off;
    size_t held;          /* bytes of memory, as counted last */
    uint64_t deadline_ms; /* 0: none */
    uv_poll_t poll;
};
#define CNC__CONN_MAGIC 0x436f6e6eu

struct cnc__http_call {
    struct cnc__http_responder responder; /* first */
    unsigned magic;
    struct cnc__conn *conn; /* NULL: the client has gone */
    bool with_handler;      /* the handler has it, or had it */
    bool in_handler, answered;
    struct cnc__http_call *next; /* in the pool */
    struct cnc__net_link orphan; /* in net->orphans when conn has gone */
    struct cnc__http1 h1;
};
#define CNC__CALL_MAGIC 0x48747470u

struct cnc__net {
    unsigned magic;
    uv_loop_t *loop;
    struct cnc__net_config config;
    struct cnc__net_link conns, dirty, orphans;
    struct cnc__listener *listeners;
    uint32_t n_conns, n_websockets, n_links;
    struct cnc__table *addrs;
    struct cnc__http_call *pool;
    unsigned n_pool;
    struct cnc__str warm; /* what one send() gathers; stays in the cache */
    size_t n_handles;     /* libuv's, not yet closed */
    int spare_fd;         /* given up when descriptors run out */
    uint64_t held;        /* bytes, by all connections */
    uint64_t held_most;   /* since memory was given back */
    uint64_t trimmed_ms;
    uint32_t n_ended; /* connections, since then */
    uint64_t last_refusal_ms;
    struct cnc__net_stats stats;
    uv_timer_t timer;
    uv_prepare_t prepare;
    uv_check_t check;
    bool closing;
    void (*on_closed)(void *);
    void *on_closed_priv;
    int64_t date_s; /* of date[] */
    char date[40];  /* "Date: ...\r\n" */
    char read_buf[CNC__NET_READ], plain_buf[CNC__NET_READ];
};
#define CNC__NET_MAGIC 0x4e657420u

static inline uint64_t
cnc__net_now(const struct cnc__net *n)
{
    return uv_now(n->loop);
}

/* -- net.c --------------------------------------------------------------- */

void cnc__link_add(struct cnc__net_link *ring, struct cnc__net_link *l);
void cnc__link_del(struct cnc__net_link *l); /* also when it is on none */
/* One more or one less handle of libuv's. */
void cnc__net_handle_opened(struct cnc__net *n);
void cnc__net_handle_closed(struct cnc__net *n);
/* The connection has output or something to settle this turn. */
void cnc__net_dirty(struct cnc__conn *c);
/* One warning a second for what may come in floods. */
void cnc__net_warn(struct cnc__net *n, const char *event, const char *text);

/* -- listen.c ------------------------------------------------------------ */

void cnc__listeners_close(struct cnc__net *n);
void cnc__listeners_free(struct cnc__net *n);

/* -- conn.c -------------------------------------------------------------- */

/* Takes fd; closes it when it fails.  tls is NULL or steals. */
void cnc__conn_open(struct cnc__net *n, int fd, struct cnc__net_addr *addr,
                    struct cnc__tls *tls, bool link, int64_t uid);
/* The input's bytes, after TLS. */
void cnc__conn_bytes(struct cnc__conn *c, char *data, size_t len);
void cnc__conn_settle(struct cnc__conn *c);
void cnc__conn_close(struct cnc__conn *c);
void cnc__conn_tick(struct cnc__conn *c);
void cnc__conn_start_stream(struct cnc__conn *c);

/* -- send.c -------------------------------------------------------------- */

/* Send what waits; sets want_write, broken. */
void cnc__conn_flush(struct cnc__conn *c);
bool cnc__conn_drained(struct cnc__conn *c);

/* -- serve.c ------------------------------------------------------------- */

void cnc__http_feed(struct cnc__conn *c, const char *data, size_t len);
/* Can more requests be read, or must answers leave first? */
bool cnc__http_is_backed_up(struct cnc__conn *c);
/* Answer for ourselves and close; why is one line for a person. */
void cnc__http_refuse(struct cnc__conn *c, int status, const char *headers,
                      const char *why);
void cnc__http_call_free(struct cnc__http_call **cp);
/* The client goes: an answer that is still to come is let fall. */
void cnc__http_abandon(struct cnc__conn *c);

/* -- upgrade.c ----------------------------------------------------------- */

/* True: it was for ws_path and is answered; the connection is a stream or
 * will close. */
bool cnc__http_upgrade(struct cnc__conn *c, struct cnc__http1 *h);

/* -- tls.c --------------------------------------------------------------- */

struct cnc__tls_ctx;
int cnc__tls_ctx_new(struct cnc__tls_ctx **out, const char *cert,
                     const char *key, struct cnc_error *err);
void cnc__tls_ctx_free(struct cnc__tls_ctx **cp);
struct cnc__tls *cnc__tls_new(struct cnc__tls_ctx *ctx);
void cnc__tls_free(struct cnc__tls **tp);
/* Bytes from the socket: decrypts and calls cnc__conn_bytes(). */
void cnc__tls_feed(struct cnc__conn *c, const char *data, size_t len);
/* Encrypt; false: the connection is broken. */
bool cnc__tls_write(struct cnc__tls *t, const char *data, size_t len);
/* Add close_notify to the output. */
void cnc__tls_end(struct cnc__tls *t);
struct cnc__str *cnc__tls_out(struct cnc__tls *t);

#endif /* CNC_NET_CONN_H */
