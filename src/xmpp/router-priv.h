/* SPDX-License-Identifier: MIT */
/*
 * router-priv.h -- what router.c, request.c, disco.c and stock.c share.
 */
#ifndef CNC_XMPP_ROUTER_PRIV_H
#define CNC_XMPP_ROUTER_PRIV_H

#include "router.h"

struct cnc__identity {
    char *category, *type, *name;
    struct cnc__identity *next;
};

struct cnc__provider {
    cnc__disco_f *f;
    void *priv;
    struct cnc__provider *next;
};

struct cnc__ender {
    cnc__session_end_f *f;
    void *priv;
    struct cnc__ender *next;
};

struct cnc__starter {
    cnc__session_start_f *f;
    void *priv;
    struct cnc__starter *next;
};

struct cnc__router {
    unsigned magic;
    char *domain;
    struct cnc__table *handlers; /* "kind ns}name" -> struct cnc__handler */
    struct cnc__table *features; /* in the order they were advertised */
    struct cnc__table *by_jid;   /* full JID -> struct cnc__session */
    /* id = serial << 24 | slot: found without hashing, never used again. */
    struct cnc__session **slots;
    uint32_t *free_slots;
    size_t n_slots, n_free, n_sessions;
    uint64_t serial;
    struct cnc__identity *identities;
    struct cnc__provider *providers;
    struct cnc__ender *enders;
    struct cnc__starter *starters;
};

/* request.c: a *new* request of session s; to is copied. */
struct cnc__request *cnc__request_new(struct cnc__session *s,
                                      enum cnc__stanza kind, const char *to,
                                      struct cnc_element *stanza);

/* disco.c, stock.c: put the handlers every domain has into r. */
void cnc__disco_register(struct cnc__router *r);
void cnc__stock_register(struct cnc__router *r);

#endif /* CNC_XMPP_ROUTER_PRIV_H */
