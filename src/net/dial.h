/* SPDX-License-Identifier: MIT */
/*
 * dial.h -- a connection to an XMPP server: where it is (RFC 6120 3.2,
 * XEP-0368), to which of its addresses (RFC 8305), and TLS from the first byte
 * where that is offered.
 *
 *   SRV -> a target: addresses, TLSA -> TCP -> [TLS] -> on_connected
 *                 ^------ failed, or cnc__dial_next() ------'
 *   no target left -> on_failed
 *
 * _xmpps-server and _xmpp-server are one list, by priority and weight.  Where
 * neither exists the domain itself is tried at port 5269.  TLSA records
 * (RFC 7673) count where DNSSEC has validated everything that led to them.
 * Callbacks come from the loop.
 */
#ifndef CNC_NET_DIAL_H
#define CNC_NET_DIAL_H

#include "net.h"

struct cnc__dial_options { /* strings are copied */
    const char *domain;    /* as in a JID */
    const char *route;     /* "host:port", "[2001:db8::1]:5269": go there, ask
                              no SRV; or NULL */
    bool direct_tls;       /* the route's */
    struct cnc__tls_ctx *tls; /* the certificate to show, counted; NULL: none,
                                 and the system's authorities */
    bool no_tls;              /* STARTTLS is not to be had; of a route */
    uint32_t target_ms;       /* for each target [15000] */
    uint32_t total_ms;        /* for all, from the beginning or the last
                                 cnc__dial_next() [60000] */
};

struct cnc__dial;
struct cnc__dial_events {
    /* TCP is up, and for direct TLS the handshake is done.  Return a *new*
     * stream made with peer, events and events_priv, which the connection
     * owns, or NULL: it is not wanted any more, and closed. */
    struct cnc__stream *(*on_connected)(
        struct cnc__dial *d, const struct cnc__stream_peer *peer,
        const struct cnc__stream_events *events, void *events_priv,
        uint64_t now_ms, void *priv);
    /* No target is left.  condition: "remote-server-not-found" (there is no
     * such server) or "remote-server-timeout" (it is not reached now); text
     * for a person. */
    void (*on_failed)(struct cnc__dial *d, const char *condition,
                      const char *text, void *priv);
};

/* *new*; events outlive it. */
CNC_API struct cnc__dial *cnc__net_dial(struct cnc__net *n,
                                        const struct cnc__dial_options *o,
                                        const struct cnc__dial_events *events,
                                        void *priv);
/* The stream that on_connected made turned out useless: go on with the next
 * target.  Not before on_connected. */
CNC_API void cnc__dial_next(struct cnc__dial *d);
/* The target under way or connected, "host:port". */
CNC_API const char *cnc__dial_target(const struct cnc__dial *d);
/* At any time, also in its callbacks; a connected stream goes on.  Must come
 * before cnc__net_free(). */
CNC_API void cnc__dial_free(struct cnc__dial **dp);

#endif /* CNC_NET_DIAL_H */
