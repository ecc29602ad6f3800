/* SPDX-License-Identifier: MIT */
/*
 * dns.h -- questions to the DNS, answered on the loop: addresses, SRV (RFC
 * 2782) and TLSA (RFC 6698), validated with DNSSEC where there is a trust
 * anchor.
 *
 * libunbound asks, checks and caches.  It does so on one thread of its own,
 * begun with the first question; the other way it knows, a forked process,
 * would keep our descriptors and all our memory alive.  Answers come back
 * through a pipe that the loop watches, and callbacks run on the loop alone.
 *
 * The name servers are those of resolv.conf.  The hosts file goes before them.
 * Both are read again when they have changed and nothing is being asked.
 */
#ifndef CNC_NET_DNS_H
#define CNC_NET_DNS_H

#include <uv.h>

#include "../base/check.h"

struct cnc__dns_config {
    const char *resolv_conf; /* ["/etc/resolv.conf"] */
    const char *hosts;       /* ["/etc/hosts"] */
    /* The root's key, DS or DNSKEY records; "": none, and nothing is ever
     * secure.  NULL: where Debian and others keep it; then a name server that
     * drops signatures, as many routers' do, turns DNSSEC off for a while,
     * where otherwise every name would be bogus. */
    const char *trust_anchor;
    bool anchor_optional;  /* so it is with a given trust_anchor too */
    const char *forwarder; /* "ADDR@PORT" instead of resolv.conf, or NULL */
    uint32_t max_queries;  /* under way at once [256] */
    uint32_t timeout_ms;   /* for an answer [10000] */
};

struct cnc__dns;

/* Strings are copied.  Nothing is read or started before the first
 * question. */
CNC_API struct cnc__dns *cnc__dns_new(uv_loop_t *loop,
                                      const struct cnc__dns_config *config);
/* Questions under way are forgotten: their callbacks never run.  on_closed
 * comes from the loop; then cnc__dns_free(). */
CNC_API void cnc__dns_close(struct cnc__dns *d, void (*on_closed)(void *),
                            void *priv);
CNC_API void cnc__dns_free(struct cnc__dns **dp);

/* The numbers are the DNS's own. */
enum cnc__dns_type {
    CNC__DNS_A = 1,
    CNC__DNS_AAAA = 28,
    CNC__DNS_SRV = 33,
    CNC__DNS_TLSA = 52
};

enum cnc__dns_status {
    CNC__DNS_OK,
    CNC__DNS_NONE,    /* no such name, or nothing of that type */
    CNC__DNS_BOGUS,   /* DNSSEC says that it was tampered with */
    CNC__DNS_TIMEOUT, /* nobody answered in time */
    CNC__DNS_FAILED   /* a server's failure, or a question of ours that could
                         not be asked */
};

#define CNC__DNS_MAX  32  /* records of an answer; more are dropped */
#define CNC__DNS_NAME 254 /* room for a name without its last dot */

struct cnc__dns_srv {
    uint16_t priority, weight, port;
    char target[CNC__DNS_NAME]; /* lower case; "": the root, "not offered" */
};

struct cnc__dns_tlsa {
    uint8_t usage, selector, matching;
    const uint8_t *data; /* borrowed for the callback */
    size_t len;
};

struct cnc__dns_answer {
    enum cnc__dns_status status;
    bool secure;     /* validated; with NONE: proven not to be there */
    const char *why; /* one line for a person; NULL when OK */
    size_t n;        /* records */
    union {
        const struct cnc__dns_srv *srv;
        const struct cnc__dns_tlsa *tlsa;
        const uint8_t (*addr)[16]; /* network order; of A the first four */
    };
};

typedef void cnc__dns_f(const struct cnc__dns_answer *answer, void *priv);

/* Ask; name is ASCII without a last dot.  The callback comes from the loop,
 * once, unless cnc__dns_cancel() was called before; the query is gone after
 * it.  *borrowed*. */
struct cnc__dns_query;
CNC_API struct cnc__dns_query *cnc__dns_ask(struct cnc__dns *d,
                                            const char *name,
                                            enum cnc__dns_type type,
                                            cnc__dns_f *on_answer, void *priv);
/* Sets NULL; accepts NULL. */
CNC_API void cnc__dns_cancel(struct cnc__dns_query **qp);

#endif /* CNC_NET_DNS_H */
