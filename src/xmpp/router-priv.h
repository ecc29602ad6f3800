/* SPDX-License-Identifier: MIT */
/*
 * router-priv.h -- what router.c, sessions.c, route.c, ask.c, request.c,
 * disco.c and stock.c share.
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

struct cnc__inliner {
    cnc__bind2_f *f;
    void *priv;
    const char *feature;
    struct cnc__inliner *next;
};

struct cnc__carrier {
    cnc__carrier_f *f;
    void *priv;
    struct cnc__carrier *next;
};

struct cnc__gone {
    cnc__gone_f *f;
    void *priv;
    struct cnc__gone *next;
};

struct cnc__router {
    unsigned magic;
    char *domain;
    struct cnc__table *handlers; /* "kind ns}name" -> struct cnc__handler */
    struct cnc__table *features; /* in the order they were advertised */
    struct cnc__table *by_jid;   /* full JID -> struct cnc__session */
    struct cnc__table *by_bare;  /* account -> its first session */
    struct cnc__table *far_;     /* JID -> far struct cnc__session */
    struct cnc__sms *sms;        /* stream management: sm.h */
    struct cnc__table *asked;    /* id -> what we asked: ask.c */
    /* id = serial << 24 | slot: found without hashing, never used again. */
    struct cnc__session **slots;
    uint32_t *free_slots;
    size_t n_slots, n_free, n_sessions;
    uint64_t serial;
    struct cnc__identity *identities;
    struct cnc__provider *providers;
    struct cnc__ender *enders;
    struct cnc__starter *starters;
    struct cnc__inliner *inliners;
    struct cnc__carrier *carriers;
    struct cnc__gone *gone;
    struct cnc__accounts_hooks accounts;
    cnc__message_f *on_message;
    void *message_priv;
    cnc__router_tr_f *tr; /* or NULL */
    void *tr_priv;
    cnc__trace_f *trace;
    void *trace_priv;
    uint32_t max_resources;
    uint64_t now_ms; /* as told last */
};

/* request.c: a *new* request, of session s when it is not NULL; from and to
 * are copied. */
struct cnc__request *cnc__request_new(struct cnc__router *r,
                                      struct cnc__session *s,
                                      enum cnc__stanza kind, const char *from,
                                      const char *to,
                                      struct cnc_element *stanza);

/* router.c: who answers it, at the domain or at an account; or NULL. */
const struct cnc__handler *cnc__router_find(const struct cnc__router *r,
                                            bool account,
                                            enum cnc__stanza kind,
                                            const struct cnc_element *payload);

/* route.c: to whoever looks on, if anybody does; tail may be NULL. */
void cnc__router_show(struct cnc__router *r, struct cnc__session *s, bool in,
                      const char *from, const char *to, const char *head,
                      size_t head_len, const struct cnc_buf *tail);

/* route.c: to a carrier; 0 or why not. */
int cnc__router_carry(struct cnc__router *r, const char *from, const char *to,
                      const char *head, size_t head_len,
                      const struct cnc_buf *tail, struct cnc_error *err);

/* ask.c: true when it was an answer that somebody waits for. */
bool cnc__ask_answered(struct cnc__router *r, const char *from,
                       const struct cnc_element *iq);
void cnc__ask_tick(struct cnc__router *r);
void cnc__ask_end(struct cnc__router *r); /* nobody answers any more */

/* disco.c: a feature because a handler has it; no handler has it any more. */
void cnc__router_handled(struct cnc__router *r, const char *feature);
void cnc__router_unfeature(struct cnc__router *r, const char *feature);

/* disco.c, stock.c: put the handlers every domain has into r. */
void cnc__disco_register(struct cnc__router *r);
void cnc__stock_register(struct cnc__router *r);

#endif /* CNC_XMPP_ROUTER_PRIV_H */
