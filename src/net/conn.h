/* SPDX-License-Identifier: MIT */
/*
 * conn.h -- a connection, and what the files of this room share.
 *
 *   accept -> HTTP --- upgrade ---> STREAM -> DRAIN -> closed
 *   accept or dial --- link, TCP -> STREAM
 *   accept or dial -> HELLO (TLS) -> STREAM
 *   accept -> PROXY (its header) -> HTTP, STREAM
 *
 * A stream may ask for TLS later (STARTTLS): when what it has said is sent,
 * the handshake takes place inside STREAM.
 * Who may do what when: stream and handler code may run in the middle of a
 * loop over sessions, so whatever is called from there (on_dirty, respond)
 * only queues, sends and takes notes.  Connections are closed, and input that
 * waited is read on, in cnc__conn_settle(), which runs from the connection's
 * own event, from the once-a-second timer and at the end of the loop's turn.
 */
#ifndef CNC_NET_CONN_H
#define CNC_NET_CONN_H

#include "addr.h"
#include "http1.h"
#include "net.h"
#include "ring.h"
#include "tls-priv.h"

#define CNC__NET_READ     65536 /* bytes a read */
#define CNC__NET_BY_REF   8192  /* bodies past it are not copied */
#define CNC__NET_BACKLOG  65536 /* answers waiting; past it: read no more */
#define CNC__NET_HELD     65536 /* a client may hold it whatever others do */
#define CNC__NET_DRAIN_MS 2000  /* for the peer to read our last words */
#define CNC__NET_PROXY_MS 5000  /* for a proxy to say whom it brings */

enum cnc__conn_kind {
    CNC__CONN_WEB, /* HTTP, perhaps WebSocket later */
    CNC__CONN_LINK,
    CNC__CONN_C2S,
    CNC__CONN_S2S,
    CNC__CONN_COMPONENT,
    CNC__CONN_DIALLED,
    CNC__CONN_KINDS
};

enum cnc__conn_state {
    CNC__CONN_PROXY, /* its header, then HTTP or the stream */
    CNC__CONN_HTTP,
    CNC__CONN_HELLO, /* TLS; the stream comes after it */
    CNC__CONN_STREAM,
    CNC__CONN_DRAIN
};

struct cnc__http_call; /* a request and its responder */
struct cnc__dial;
struct cnc__listener;

struct cnc__conn {
    unsigned magic;
    uint8_t state; /* enum cnc__conn_state */
    uint8_t kind;  /* enum cnc__conn_kind */
    bool secure, websocket;
    bool starttls;    /* asked for; what is said must leave first */
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
    struct cnc__tls_ctx *tls_ctx; /* for STARTTLS; NULL: not offered */
    struct cnc__remote *remote;   /* of a dialled one */
    struct cnc__dial *dial;       /* until its stream is there */
    struct cnc__str in;  /* input that waits for an answer to be out */
    struct cnc__str out; /* HTTP output; goes before ref, then the stream's */
    struct cnc_buf *ref;
    size_t ref_off;
    int file; /* while file_left > 0: what goes after out */
    uint64_t file_off, file_left;
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
    struct cnc__http_sink
        *sink; /* where the body goes; NULL: it is gathered */
    struct cnc__http1 h1;
};
#define CNC__CALL_MAGIC 0x48747470u

struct cnc__net {
    unsigned magic;
    uv_loop_t *loop;
    struct cnc__net_config config;
    struct cnc__net_link conns, dirty, orphans, senders;
    unsigned n_senders;
    struct cnc__listener *listeners;
    uint32_t n_conns, n_websockets;
    uint32_t n_kind[CNC__CONN_KINDS];
    bool serves[CNC__CONN_KINDS]; /* there is a listener */
    struct cnc__dns *dns;
    struct cnc__tls_ctx *no_cert; /* for dialling; made when needed */
    struct cnc__net_link dials;
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

/* One more or one less handle of libuv's. */
void cnc__net_handle_opened(struct cnc__net *n);
void cnc__net_handle_closed(struct cnc__net *n);
/* The connection has output or something to settle this turn. */
void cnc__net_dirty(struct cnc__conn *c);
/* Is there no room for one more client? */
bool cnc__net_is_full(const struct cnc__net *n);
/* One warning a second for what may come in floods. */
void cnc__net_warn(struct cnc__net *n, const char *event, const char *text);

/* -- introduce.c --------------------------------------------------------- */

/* More of a PROXY header, and perhaps of what comes after it. */
void cnc__conn_introduced(struct cnc__conn *c, char *data, size_t len);
/* It did not come. */
void cnc__conn_not_introduced(struct cnc__conn *c, const char *why);
/* Who asks, as far as the request's head tells. */
void cnc__http_introduce(const struct cnc__conn *c,
                         struct cnc__http_request *r);

/* -- listen.c ------------------------------------------------------------ */

void cnc__listeners_close(struct cnc__net *n);
void cnc__listeners_free(struct cnc__net *n);

/* -- conn.c -------------------------------------------------------------- */

struct cnc__conn_start {
    int fd; /* steals */
    enum cnc__conn_kind kind;
    struct cnc__net_addr *addr; /* accepted over TCP */
    struct cnc__tls *tls;       /* steals; TLS from the first byte, or NULL */
    struct cnc__tls_ctx *tls_ctx; /* for STARTTLS, or NULL */
    int64_t uid;                  /* on the link; -1 else */
    bool secure;                  /* nobody else hears it, without TLS */
    bool proxy;                   /* a PROXY header comes first */
    bool upgraded;                /* it is a WebSocket already */
    struct cnc__remote *remote;   /* steals; dialled */
    struct cnc__dial *dial;
};
/* It may be at its end already when this returns. */
struct cnc__conn *cnc__conn_open(struct cnc__net *n,
                                 const struct cnc__conn_start *start);
/* The input's bytes, after TLS. */
void cnc__conn_bytes(struct cnc__conn *c, char *data, size_t len);
void cnc__conn_settle(struct cnc__conn *c);
void cnc__conn_close(struct cnc__conn *c);
void cnc__conn_tick(struct cnc__conn *c);
void cnc__conn_start_stream(struct cnc__conn *c);
/* TLS is up. */
void cnc__conn_secured(struct cnc__conn *c);
/* Who connected speaks for somebody at this address, whose connection it is
 * from here on.  False: that one has too many. */
bool cnc__conn_is_of(struct cnc__conn *c, const char *addr, bool loopback);
/* The peer's address, for the log. */
const char *cnc__conn_addr(const struct cnc__conn *c);

/* -- send.c -------------------------------------------------------------- */

/* Send what waits; sets want_write, broken. */
void cnc__conn_flush(struct cnc__conn *c);
/* The rest of the file is not sent. */
void cnc__conn_drop_file(struct cnc__conn *c);
bool cnc__conn_drained(struct cnc__conn *c);

/* -- dial.c -------------------------------------------------------------- */

/* The connection is there: the stream on it, or NULL. */
struct cnc__stream *cnc__dial_stream(struct cnc__dial *d,
                                     const struct cnc__stream_peer *peer,
                                     const struct cnc__stream_events *events,
                                     struct cnc__conn *c);
/* It has ended before that. */
void cnc__dial_lost(struct cnc__dial *d, const char *why);
void cnc__dials_close(struct cnc__net *n);

/* -- serve.c ------------------------------------------------------------- */

/* Is a request with this Host ours to answer?  *origins: who may use it. */
bool cnc__http_site(const struct cnc__net *n, const char *host,
                    const char *const **origins);
void cnc__http_feed(struct cnc__conn *c, const char *data, size_t len);
/* Can more requests be read, or must answers leave first? */
bool cnc__http_is_backed_up(struct cnc__conn *c);
/* Answer for ourselves and close; why is one line for a person. */
void cnc__http_refuse(struct cnc__conn *c, int status, const char *headers,
                      const char *why);
/* A page of another origin is refused: the log hears of it. */
void cnc__http_stranger(struct cnc__conn *c, const struct cnc__http1 *h);
void cnc__http_call_free(struct cnc__http_call **cp);
/* The client goes: an answer that is still to come is let fall. */
void cnc__http_abandon(struct cnc__conn *c);

/* -- upgrade.c ----------------------------------------------------------- */

/* True: it was for ws_path and is answered; the connection is a stream or
 * will close. */
bool cnc__http_upgrade(struct cnc__conn *c, struct cnc__http1 *h);
/* The answer to a handshake that is good. */
void cnc__http_switch(struct cnc__conn *c, const char *accept);

#endif /* CNC_NET_CONN_H */
