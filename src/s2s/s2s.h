/* SPDX-License-Identifier: MIT */
/*
 * s2s.h -- other servers: streams to and from them (RFC 6120), who they are
 * (SASL EXTERNAL with certificates, XEP-0178; dialback, XEP-0220 and 0185),
 * both directions in one stream (XEP-0288), and stanzas that wait for them.
 *
 * No sockets and no clock: dialling is the owner's, by functions; a connection
 * that is there becomes a stream by cnc__s2s_stream_in() or on_connected.
 * Core thread alone.
 *
 *   router -carrier-> pair (host of ours, domain of theirs): queue
 *                       -> stream we dialled, or one of theirs with bidi
 *   stream of theirs -stanza, from and to checked-> router
 *
 * Nothing is sent before the other side has said that it believes us; nothing
 * is taken that the stream has not proved.
 */
#ifndef CNC_S2S_S2S_H
#define CNC_S2S_S2S_H

#include "../xmpp/stream.h"

struct cnc__s2s;

/* -- what the owner does ------------------------------------------------- */

/* What a dialling tells us; from the loop, never from inside the call that
 * dials. */
struct cnc__s2s_dial_events {
    /* A connection is there (TLS too, where the DNS says so).  Returns the
     * stream, which belongs to whoever owns the connection: it feeds, ticks
     * and frees it.  NULL: not wanted any more, close it. */
    struct cnc__stream *(*on_connected)(const struct cnc__stream_peer *peer,
                                        const struct cnc__stream_events *ev,
                                        void *ev_priv, uint64_t now_ms,
                                        void *priv);
    /* Nothing (more) to try.  condition: "remote-server-not-found" (the DNS
     * has no such server) or another of RFC 6120 8.3.3; static.  text: one
     * line for the log and the sender. */
    void (*on_failed)(const char *condition, const char *text, void *priv);
};

struct cnc__s2s_env {
    struct cnc__router *router;
    /* Is this domain ours: the router's own, or a component's?  NULL: the
     * router's alone. */
    bool (*is_host)(const char *domain, void *priv);
    /* Where a process serves several domains, each has a room: is this domain
     * one of another room's, so that no other server may say that it is that?
     * And the room that a stream for host belongs to, which may be this one;
     * NULL: none.  NULL: there is this room alone. */
    bool (*is_neighbour)(const char *domain, void *priv);
    struct cnc__s2s *(*room)(const char *host, void *priv);
    /* Find and connect to domain's server; events and dial_priv live until
     * dial_free().  Returns a handle.  NULL: we cannot dial. */
    void *(*dial)(const char *domain,
                  const struct cnc__s2s_dial_events *events, void *dial_priv,
                  void *priv);
    /* The connection that on_connected gave was no good: the next address;
     * on_connected or on_failed comes again. */
    void (*dial_next)(void *handle, void *priv);
    /* Forget it, whatever it does; a stream that it gave lives on. */
    void (*dial_free)(void *handle, void *priv);
    void *priv;
};

/* -- options ------------------------------------------------------------- */

/* Lists end with NULL; "*.example.com" is any domain below example.com. */
struct cnc__s2s_options {
    const char *const *allow; /* talk to these alone; NULL: to all */
    const char *const *deny;  /* not to these */
    const char *const *certs; /* these need a trusted certificate */
    const char *const *plain; /* these may do without TLS */
    bool cert_required;       /* all need one: dialback is not enough */
    bool no_bidi;
    uint32_t max_before_auth; /* bytes of a stanza [10000] */
    uint32_t max_stanza;      /* bytes after authentication [524288] */
    uint32_t max_queue;       /* bytes that one stream may have waiting for
                                 its socket [8 MB] */
    uint32_t wait_ms;         /* a stanza waits for its server [60000] */
    uint32_t auth_ms;         /* to get a stream ready [30000] */
    uint32_t idle_ms;         /* a stream of ours that nobody uses closes
                                 [600000] */
    uint32_t silent_ms;      /* one of theirs that is silent: closed [1800000];
                                announced (XEP-0478) */
    uint32_t ping_ms;        /* XEP-0199, or white space where the other
                                side cannot answer [120000] */
    uint32_t backoff_ms;     /* after the first failure; doubles [2000] */
    uint32_t backoff_max_ms; /* [600000] */
    uint32_t pair_bytes;     /* waiting for one domain [1 MB] */
    uint32_t pair_stanzas;   /* [1000] */
    uint32_t max_waiting;    /* bytes waiting for all domains [64 MB] */
    uint32_t max_in;         /* streams of one domain [20] */
    uint32_t max_asked;      /* dialbacks of one stream under way [16] */
    uint32_t max_asked_all;  /* of all [1000] */
    uint32_t max_pairs;      /* domain pairs on one stream [200] */
    uint32_t max_domains;    /* that we remember something about [20000] */
};

/* Registers itself with the router as a carrier; both are copied, what they
 * point to outlives it.  options NULL, and a zero in them: the default in
 * brackets. */
CNC_API struct cnc__s2s *cnc__s2s_new(const struct cnc__s2s_env *env,
                                      const struct cnc__s2s_options *options,
                                      uint64_t now_ms);
/* End all streams with system-shutdown, stop dialling, drop what waits;
 * nothing is taken any more.  Streams are freed by who owns them. */
CNC_API void cnc__s2s_close(struct cnc__s2s *s);
/* After the last of its streams, before the router. */
CNC_API void cnc__s2s_free(struct cnc__s2s **sp);
/* Ages, back-off, deadlines: call about once a second. */
CNC_API void cnc__s2s_tick(struct cnc__s2s *s, uint64_t now_ms);
/* A server has connected: its stream, which the owner frees; NULL: the room is
 * closed. */
CNC_API struct cnc__stream *
cnc__s2s_stream_in(struct cnc__s2s *s, const struct cnc__stream_peer *peer,
                   const struct cnc__stream_events *events, void *priv,
                   uint64_t now_ms);

/* Other lists of whom to talk to, from now on; they outlive s.  Streams that
 * are there stay. */
CNC_API void cnc__s2s_set_lists(struct cnc__s2s *s, const char *const *allow,
                                const char *const *deny,
                                const char *const *plain);

/* Do these lists of options (allow NULL: all) let domain in? */
CNC_API bool cnc__s2s_listed(const char *const *allow, const char *const *deny,
                             const char *domain);

/* -- looking on ---------------------------------------------------------- */

struct cnc__s2s_entry {    /* all borrowed for the call */
    const char *domain;    /* theirs; "" while unknown */
    const char *host;      /* ours */
    const char *direction; /* "in", "out", "bidi" */
    const char *state;     /* "idle", "waiting" (back-off), "connecting",
                              "negotiating", "ready" */
    const char *auth;      /* "none", "dialback", "external" */
    const char *tls;       /* "TLSv1.3"; "" without */
    bool cert;             /* its certificate is trusted and names it */
    const char *addr;      /* "" while not connected */
    size_t queue_bytes, n_queued; /* waiting for the stream to be ready */
    size_t out_bytes;             /* waiting for the socket */
    uint64_t since_ms;            /* the state's begin; clock of the ticks */
    const char *error;            /* the last one; "" none */
};
typedef void cnc__s2s_each_f(const struct cnc__s2s_entry *e, void *priv);
CNC_API void cnc__s2s_each(struct cnc__s2s *s, cnc__s2s_each_f *f, void *priv);

struct cnc__s2s_stats {
    size_t n_in, n_out;       /* streams */
    size_t n_ready;           /* domain pairs that stanzas can go to */
    size_t n_queued, n_asked; /* stanzas; dialbacks under way */
    size_t queue_bytes;
    uint64_t sent, received, bounced, refused, failed; /* since the start */
};
CNC_API void cnc__s2s_stats(const struct cnc__s2s *s,
                            struct cnc__s2s_stats *out);

/* XEP-0185: the key for a stream's id, as 64 hex digits and a NUL; secret is
 * any text. */
CNC_API void cnc__dialback_key(char out[65], const char *secret,
                               const char *receiving, const char *originating,
                               const char *id);

#endif /* CNC_S2S_S2S_H */
