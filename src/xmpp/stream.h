/* SPDX-License-Identifier: MIT */
/*
 * stream.h -- our half of an XMPP stream (RFC 6120) as a machine without
 * sockets and without a clock: bytes in, bytes out, time as an argument.  Two
 * framings: <stream:stream> over TCP or a Unix socket, and RFC 7395 inside
 * RFC 6455 (the bytes after the HTTP upgrade).  What a stream is for is its
 * role (role.h): a client's, a server's, a component's.
 *
 *   opening -> features -> [TLS -> opening -> features ->] SASL
 *           -> opening -> features -> bind -> bound
 *   any state -> closing (our </stream:stream> or <close/> is out) -> closed
 *
 * Idle cost of a bound WebSocket stream: under 1 kB with its session.
 */
#ifndef CNC_XMPP_STREAM_H
#define CNC_XMPP_STREAM_H

#include "guard.h"
#include "router.h"

enum cnc__framing { CNC__FRAMING_TCP, CNC__FRAMING_WS };

/* SASL mechanisms to offer: PLAIN over TLS or on loopback alone, EXTERNAL by
 * the peer's uid or certificate, SCRAM also with -PLUS where the channel can
 * be bound. */
#define CNC__SASL_ANONYMOUS    (1u << 0)
#define CNC__SASL_SCRAM_SHA1   (1u << 1)
#define CNC__SASL_SCRAM_SHA256 (1u << 2)
#define CNC__SASL_PLAIN        (1u << 3)
#define CNC__SASL_EXTERNAL     (1u << 4)
#define CNC__SASL_OAUTHBEARER  (1u << 5) /* on WebSocket alone */

/* Stored keys of an account: never the password (RFC 5802 section 3). */
struct cnc__scram_keys {
    unsigned iterations;
    size_t n_salt, n_key; /* bytes; key 20 (SHA-1) or 32 (SHA-256) */
    uint8_t salt[64], stored_key[32], server_key[32];
};

/* What the stream needs from above.  One for many streams. */
struct cnc__stream_env {
    struct cnc__router *router;
    struct cnc__fast *fast;   /* tokens (XEP-0484); NULL: none are given */
    struct cnc__guard *guard; /* against guessing; NULL: none */
    const uint8_t *secret;    /* 32 bytes, the same after a restart: what is
                                 made of names stays the same too (salts of
                                 accounts that do not exist, resources);
                                 NULL: of this process alone */
    unsigned mechanisms;      /* CNC__SASL_... bits */
    uint32_t max_before_auth; /* bytes of a stanza before authentication */
    uint32_t max_stanza;      /* bytes after */
    uint32_t max_queue;       /* bytes waiting for the socket; past it the
                                 stream ends with <policy-violation/> */
    uint32_t auth_ms;         /* time to authenticate and bind; 0: any */
    bool tls_required;        /* on TCP: no SASL before TLS, except on
                                 loopback with loopback_plain */
    bool loopback_plain;      /* a loopback peer may do without TLS, and use
                                 PLAIN so */
    uint32_t idle_ms;         /* silence after which we ping (a WebSocket
                                 ping, or XEP-0199 over TCP, since white
                                 space needs no answer); twice that ends
                                 it.  0: never */
    /* Keys of user for sha256 or SHA-1; CNC_ENOENT (the exchange then goes on
     * with made-up keys, so nobody learns which accounts exist). */
    int (*keys)(struct cnc__scram_keys *out, const char *user, bool sha256,
                void *priv);
    /* Take a one-use token (RFC 7628) of a browser's log-in: its bare JID and
     * the log-in's id, *new*; false: it is wrong, used or too old.  NULL: such
     * tokens are not taken. */
    bool (*bearer)(char **account, char **login, const char *token, size_t len,
                   void *priv);
    /* Append further stream features of a client that has authenticated;
     * NULL: none. */
    void (*features)(struct cnc__str *out, void *priv);
    /* Is this account (bare JID) the service's operator?  NULL: none is. */
    bool (*is_operator)(const char *account, void *priv);
    /* Somebody without an account asks for one (XEP-0077), on a stream that is
     * encrypted and not authenticated: an IQ with {jabber:iq:register}query.
     * reply is called once, now or later.  NULL: it is not offered. */
    void (*enrol)(const char *addr, const struct cnc_element *iq,
                  void (*reply)(const char *xml, size_t len, void *priv),
                  void *reply_priv, void *priv);
    /* Run work on another thread, then done on the core's thread.  For
     * PBKDF2.  NULL: run both at once. */
    void (*offload)(void (*work)(void *), void (*done)(void *), void *arg,
                    void *priv);
    /* Is this the password?  answer comes once: 0, CNC_EAUTH, or CNC_ENOENT
     * when the keys are to say; any other code: it cannot be told now.  NULL:
     * the keys always say. */
    void (*ask_password)(const char *user, const char *password,
                         void (*answer)(int code, const char *text, void *arg),
                         void *arg, void *priv);
    /* Users of this machine whose processes are inside a web server, beside
     * root and our own; of the link. */
    const int64_t *web_uids;
    size_t n_web_uids;
    void *priv;
    /* A ring of the envs of all domains that clients may mean when they
     * connect where this one is served: the header's `to` chooses.  They
     * differ in nothing that counts before it.  NULL: this one alone. */
    const struct cnc__stream_env *next;
};

struct cnc__stream_peer {
    enum cnc__framing framing;
    bool secure; /* TLS, or a Unix socket */
    bool loopback;
    int64_t uid;   /* of the peer on a Unix socket; -1 else */
    char addr[64]; /* for the log */
};

enum cnc__binding { /* of a channel; RFC 5929, RFC 9266 */
                    CNC__BINDING_EXPORTER,         /* tls-exporter, 32 bytes */
                    CNC__BINDING_SERVER_END_POINT, /* tls-server-end-point, 32
                                                      to 64 bytes */
                    CNC__BINDING_UNIQUE /* tls-unique, 12 to 64 bytes; of TLS
                                           1.3 too, as OpenSSL has it */
};

/* A certificate's name for a domain (RFC 6120 13.7.1.2): the SAN types. */
enum cnc__cert_use { CNC__CERT_SERVER, CNC__CERT_CLIENT };

struct cnc__tls_info {
    char version[16], cipher[64];
    bool peer_cert;  /* the peer showed a certificate */
    bool trusted;    /* and its chain ends at an anchor of ours, or DANE says
                        so; now is in its time */
    char reason[96]; /* why not */
};

struct cnc__stream_events {
    /* Output went from empty to not empty: flush it some time this turn.
     * Also called once when the stream becomes closed, so that its owner
     * looks at cnc__stream_is_closed() even while a write is waiting. */
    void (*on_dirty)(void *priv);
    /* The rest is about TLS, which is the owner's; NULL where there is none.
     *
     * What is in out now goes as it is; what the peer sent before this is
     * thrown away; then the handshake, as the server unless the stream's role
     * initiates, then cnc__stream_secured().  NULL: STARTTLS is not offered.
     */
    void (*on_starttls)(void *priv);
    /* Bytes written, 0: this connection has no such binding. */
    size_t (*channel_binding)(uint8_t out[64], enum cnc__binding type,
                              void *priv);
    void (*tls_info)(struct cnc__tls_info *out, void *priv);
    /* Does the peer's certificate, trusted, name this domain?  SAN alone
     * (RFC 9525): xmppAddr, SRVName, dNSName. */
    bool (*cert_matches)(const char *domain, enum cnc__cert_use use,
                         void *priv);
    /* The xmppAddr names of the peer's trusted certificate as given, each
     * ended by '\n' (XEP-0178 section 2); a *new* string, NULL: none. */
    char *(*cert_jids)(void *priv);
};

struct cnc__stream;
struct cnc__stream_role;
/* A client's stream.  env and events outlive it. */
CNC_API struct cnc__stream *cnc__stream_new(
    const struct cnc__stream_env *env, const struct cnc__stream_peer *peer,
    const struct cnc__stream_events *events, void *priv, uint64_t now_ms);
/* A stream of any role; role and role_priv outlive it.  One that initiates
 * speaks at once. */
CNC_API struct cnc__stream *cnc__stream_new_role(
    const struct cnc__stream_role *role, void *role_priv,
    const struct cnc__stream_env *env, const struct cnc__stream_peer *peer,
    const struct cnc__stream_events *events, void *priv, uint64_t now_ms);
/* The handshake that on_starttls asked for is done. */
CNC_API void cnc__stream_secured(struct cnc__stream *s, uint64_t now_ms);
CNC_API void cnc__stream_free(struct cnc__stream **sp); /* unbinds */
/* Feed bytes from the socket (changed in place by unmasking).  Errors of the
 * peer's are answered inside; look at cnc__stream_is_closed() after.  Returns
 * how many were taken: fewer than len once the stream is full.  The rest is
 * to be fed again, best when it is full no more; at least one message is
 * taken each time.  len 0: the peer was heard, that is all. */
CNC_API size_t cnc__stream_feed(struct cnc__stream *s, char *data, size_t len,
                                uint64_t now_ms);
/* So much waits for the socket that nothing more should be asked: a quarter
 * of max_queue, which leaves room for the largest answer and for events. */
CNC_API bool cnc__stream_is_full(const struct cnc__stream *s);
/* Bytes of memory in what waits: output not yet sent, a message that is not
 * whole yet.  What is shared with other streams is not counted. */
CNC_API size_t cnc__stream_held(const struct cnc__stream *s);
/* The peer's end closed without a word. */
CNC_API void cnc__stream_eof(struct cnc__stream *s);
/* Deadlines; call about once a second.  No memory of its own. */
CNC_API void cnc__stream_tick(struct cnc__stream *s, uint64_t now_ms);
/* Bytes to write; the owner sends from the start and cnc__str_drop()s what
 * the socket took, and gives the room back when it is empty. */
CNC_API struct cnc__str *cnc__stream_out(struct cnc__stream *s);
CNC_API bool cnc__stream_waits(const struct cnc__stream *s); /* any? */
/* The same for one send() right now: where large shared tails wait, all is
 * gathered in warm (cleared first; one for many streams) and nothing waits in
 * the stream any more; put back what was not sent. */
CNC_API struct cnc__str *cnc__stream_gather(struct cnc__stream *s,
                                            struct cnc__str *warm);
CNC_API void cnc__stream_put_back(struct cnc__stream *s, const char *data,
                                  size_t len);
/* End with a stream error (RFC 6120 4.9.3 condition), or NULL: just close. */
CNC_API void cnc__stream_close(struct cnc__stream *s, const char *condition,
                               const char *text);
/* True when everything is said: flush and close the socket. */
CNC_API bool cnc__stream_is_closed(const struct cnc__stream *s);
CNC_API struct cnc__session *cnc__stream_session(struct cnc__stream *s);
/* Our name on this stream: once the peer's header is in, whom it meant. */
CNC_API const char *cnc__stream_host(const struct cnc__stream *s);

/* What an operator may know of it; borrowed strings. */
struct cnc__stream_about {
    const char *role, *addr;
    const char *mechanism; /* that authenticated, or NULL */
    enum cnc__framing framing;
    bool secure;              /* TLS, or a Unix socket */
    struct cnc__tls_info tls; /* version "" where there is none */
    uint64_t bound_ms;        /* by the clock of feed and tick */
    uint64_t waiting;         /* bytes for the socket */
};
CNC_API void cnc__stream_about(struct cnc__stream_about *out,
                               const struct cnc__stream *s);

/* Add one stanza to the output in the stream's framing. */
CNC_API void cnc__stream_send(struct cnc__stream *s, const char *head,
                              size_t head_len, const char *tail,
                              size_t tail_len);

/* What new accounts get; made-up keys look the same. */
#define CNC__SCRAM_ITERATIONS 10000u

/* Tails of at least this many bytes are kept by reference until they leave. */
#define CNC__STREAM_LAZY 128
/* The same with a tail that many streams share. */
CNC_API void cnc__stream_send_shared(struct cnc__stream *s, const char *head,
                                     size_t head_len,
                                     const struct cnc_buf *tail);

/* SCRAM keys from a password (RFC 5802 section 3), for adduser. */
CNC_API void cnc__scram_derive(struct cnc__scram_keys *out,
                               const char *password, bool sha256,
                               unsigned iterations);
/* Do these keys come from this password?  Slow on purpose; any thread. */
CNC_API bool cnc__scram_check(const struct cnc__scram_keys *keys,
                              const char *password, bool sha256);

#endif /* CNC_XMPP_STREAM_H */
