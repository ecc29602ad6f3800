/* SPDX-License-Identifier: MIT */
/*
 * peers.h -- both ends of a server's stream for tests: roles that do no more
 * than open, change to TLS where wanted, and keep what they hear and see.
 */
#ifndef CNC_TESTS_PEERS_H
#define CNC_TESTS_PEERS_H

#include "../../../src/net/dial.h"
#include "../../../src/xmpp/role.h"
#include "net-tests.h"

struct peer {      /* role_priv */
    bool starttls; /* an initiating one asks for it */
    const char *domain;
    struct cnc__stream *stream; /* NULL: none, or it is gone */
    enum cnc__net_kind kind;
    unsigned n_streams, n_headers, n_secured, n_closed;
    bool secure;           /* from the start */
    struct cnc__str heard; /* names of elements, each with a space */
    char addr[64];
    /* As it was when TLS came up. */
    struct cnc__tls_info info;
    bool matches;
    char *jids;
    uint8_t exporter[64], end_point[64];
    size_t n_exporter, n_end_point;
};

extern const struct cnc__stream_role peer_calls, peer_answers;

/* For cnc__net_config.stream; priv: a struct peer. */
struct cnc__stream *peer_accept(enum cnc__net_kind kind,
                                const struct cnc__stream_peer *peer,
                                const struct cnc__stream_events *events,
                                void *events_priv, uint64_t now_ms,
                                void *priv);
struct cnc__stream *peer_call(struct peer *p,
                              const struct cnc__stream_peer *peer,
                              const struct cnc__stream_events *events,
                              void *events_priv, uint64_t now_ms);
void peer_fini(struct peer *p);
/* What streams of peers need from above; one for all. */
extern struct cnc__stream_env peer_env;

#endif /* CNC_TESTS_PEERS_H */
