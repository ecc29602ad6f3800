/* SPDX-License-Identifier: MIT */
/*
 * net.h -- sockets: the only room that owns descriptors of strangers.  libuv
 * loop, listeners, TLS (OpenSSL, memory BIO), HTTP/1.1 (llhttp), WebSocket
 * upgrade, and the Unix-socket link.  Used by src/service alone.
 *
 * Writing: a connection whose output became non-empty is put on the dirty
 * list; at the end of the loop's turn each gets one send(), however much was
 * queued for it.  What does not fit waits for writability; empty buffers are
 * freed.
 */
#ifndef CNC_NET_NET_H
#define CNC_NET_NET_H

#include <uv.h>

#include "../web/http.h"
#include "../xmpp/stream.h"
#include "dns.h"
#include "tls.h"

struct cnc__net;

enum cnc__net_kind {
    CNC__NET_C2S,
    CNC__NET_S2S,
    CNC__NET_COMPONENT,
    CNC__NET_WEB, /* HTTP and WebSocket */
    CNC__NET_LINK,
    CNC__NET_HANDOFF /* of clients' sockets, by web servers (handoff.h) */
};

/* A peer has connected: a *new* stream for it, made with peer, events and
 * events_priv; NULL closes the connection. */
typedef struct cnc__stream *
cnc__net_stream_f(enum cnc__net_kind kind, const struct cnc__stream_peer *peer,
                  const struct cnc__stream_events *events, void *events_priv,
                  uint64_t now_ms, void *priv);

struct cnc__net_config {
    const struct cnc__stream_env *web;  /* streams of browsers */
    const struct cnc__stream_env *link; /* streams of the Unix socket */
    cnc__http_handler_f *http;
    void *http_priv;
    const char *ws_path;       /* "/xmpp" */
    cnc__net_stream_f *stream; /* of XMPP listeners: the first three kinds */
    void *stream_priv;
    struct cnc__dns_config dns;
    /* Allowed Origins: exact "scheme://host[:port]"; NULL-terminated.  An
     * Origin equal to the request's own scheme and Host is always allowed;
     * "null" and a wrong one are answered 403.  Also asked for POST. */
    const char *const *origins;
    /* Is this Host header ("" in HTTP/1.0) one of ours?  False: 421.  If so,
     * *origins are those allowed at it, instead of the ones above.  NULL: any
     * is. */
    bool (*site)(const char *host, const char *const **origins, void *priv);
    void *site_priv;
    /* With the head, before all else: fills place and site, and takes a
     * prefix off the path.  NULL: there are none. */
    void (*place)(struct cnc__http_request *r, void *site_priv);
    /* Processes of which users may hand us clients, beside root and our own;
     * priv is the site's.  NULL: of none. */
    bool (*may_hand)(int64_t uid, void *priv);
    uint32_t max_connections; /* [20000]; past it: 503 and close */
    uint32_t max_per_addr;    /* connections of one address that are not yet
                                 bound [1000]; loopback is exempt */
    uint32_t max_body;        /* bytes of a POST [1 MB]; past it: 413 */
    /* How large the body of this request may be, that is larger; 0: not.
     * Asked with its head, whatever its Host.  NULL: none may. */
    uint32_t (*larger)(const struct cnc__http_request *r, void *http_priv);
    /* A body comes, of so many bytes (UINT64_MAX: not said): where it goes, or
     * NULL, to have it with the request.  It may answer at once, with NULL:
     * then the connection ends with that.  NULL: all are gathered. */
    struct cnc__http_sink *(*sink)(struct cnc__http_request *r,
                                   uint64_t length, void *http_priv);
    /* Requests below this path may come from pages of any origin: what they
     * may do is in their address.  NULL: none. */
    const char *open_path;
    uint64_t max_held;        /* bytes that all clients' unfinished requests
                                 and unread answers may take together
                                 [512 MB]; past it, who holds more than 64 kB
                                 is cut off */
    const char *socket_group; /* of Unix sockets' files [the process's] */
    uint32_t head_ms;         /* time for a request's head and body [10000] */
    uint32_t keepalive_ms;    /* silence between requests [75000] */
};

CNC_API struct cnc__net *cnc__net_new(uv_loop_t *loop,
                                      const struct cnc__net_config *config);
/* Stop listening and close every connection; on_closed when all are gone. */
CNC_API void cnc__net_close(struct cnc__net *n, void (*on_closed)(void *),
                            void *priv);
/* After the last answer: requests that nobody has answered go with it. */
CNC_API void cnc__net_free(struct cnc__net **np);

/* Listen for HTTP and WebSocket on "127.0.0.1:8080", "[::1]:8080",
 * "*:8080" (port 0: any).  cert and key: PEM files for TLS, or NULL.
 * *port is the port in the end.  CNC_ESYS with a text that says what to do
 * (address in use, no permission, bad certificate). */
CNC_API int cnc__net_listen(struct cnc__net *n, const char *addr,
                            const char *cert, const char *key, unsigned *port,
                            struct cnc_error *err);
/* The same with a certificate that is there already, or NULL; counted. */
CNC_API int cnc__net_listen_web(struct cnc__net *n, const char *addr,
                                struct cnc__tls_ctx *tls, unsigned *port,
                                struct cnc_error *err);
struct cnc__given { /* by who started us */
    char *name;     /* of what it is for */
    int fd;         /* -1: it is used */
};

/* A port of any kind.  On direct TLS (XEP-0368) ALPN xmpp-client and
 * xmpp-server are both understood, whatever the port is for, when there are
 * ports for both.
 *
 * Who comes by a Unix socket has the address "unix", and is near: by HTTP it
 * is believed what it says of others (X-Forwarded-For, -Proto); XMPP on it
 * counts as secure, but its uid says nothing, since it is a web server's.
 * Behind a proxy (PROXY protocol 2) each connection begins with a header that
 * says whose it is, within 5 s, or is closed. */
struct cnc__net_port {
    enum cnc__net_kind kind;
    const char *addr;         /* as for cnc__net_listen(), or "unix:PATH"; of
                                 the link and the handoff a path alone */
    struct cnc__tls_ctx *tls; /* counted; NULL: STARTTLS is not offered */
    bool direct_tls;          /* TLS from the first byte; of the web always */
    bool proxy;               /* the PROXY protocol */
    /* Instead of addr: a socket that listens already, steals given->fd. */
    struct cnc__given *given;
    bool later; /* who comes waits until cnc__net_begin() */
};
CNC_API int cnc__net_listen_port(struct cnc__net *n,
                                 const struct cnc__net_port *p, unsigned *port,
                                 struct cnc_error *err);
CNC_API void cnc__net_begin(struct cnc__net *n);
/* Read the certificates of all listeners again (cnc__tls_ctx_reload()). */
CNC_API int cnc__net_reload_tls(struct cnc__net *n, struct cnc_error *err);
/* Listen on a Unix socket (mode 0660) for streams with TCP framing.  A stale
 * file is replaced; a live one is CNC_ESYS ("already running"). */
CNC_API int cnc__net_listen_link(struct cnc__net *n, const char *path,
                                 struct cnc_error *err);

struct cnc__net_stats {
    uint64_t connections, websockets, links; /* open now; the first of all
                                                 those accepted over TCP */
    uint64_t c2s, s2s, components, dialled;  /* the same */
    uint64_t accepted, requests, bytes_in, bytes_out, overflows, refused;
};
CNC_API void cnc__net_stats(const struct cnc__net *n,
                            struct cnc__net_stats *out);

#endif /* CNC_NET_NET_H */
