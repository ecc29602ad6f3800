/* SPDX-License-Identifier: MIT */
/*
 * router.h -- sessions, and who answers which stanza.
 *
 * A handler is keyed by (stanza and type, namespace, payload's local name);
 * its feature is advertised in disco#info because the handler exists.  A
 * second handler for a key is an error (CNC_EEXIST).  One thread (the core).
 *
 *   stream -stanza-> router -request-> handler -reply-> router -> stream
 *     (of a client)    |
 *   peer   -stanza->   +-- accounts: what RFC 6121 does with it (src/im)
 *     (S2S, component) +-- another session of this service
 *                      +-- carriers: S2S, components
 *
 * Wherever a stanza comes from, cnc__router_route() decides where it goes, by
 * its prepared addresses; whoever calls it vouches for `from`.
 */
#ifndef CNC_XMPP_ROUTER_H
#define CNC_XMPP_ROUTER_H

#include <concordance/xml.h>

#include "../base/str.h"
#include "../base/table.h"

struct cnc__router;
struct cnc__stream;
struct cnc__sm;

/*
 * Who may be sent to: a bound resource, or a JID of another domain that
 * follows something here (far).
 *
 * A bound resource belongs to its stream and ends with it, unless stream
 * management (XEP-0198) is on: then it belongs to that, outlives a lost
 * stream for a while, and its stream is NULL meanwhile.
 */
struct cnc__session {
    unsigned magic;
    char *jid; /* full, prepared; of a far one also bare or a domain */
    size_t bare_len;
    uint64_t id;    /* never used again in this process; 0: far */
    bool anonymous; /* SASL ANONYMOUS: reads what is open, submits forms */
    bool operator_; /* EXTERNAL on the link by the service's own uid or
                       root, or an account that is named as one: may do
                       everything */
    bool web;       /* on the link, of a user whose processes may ask for
                       browsers: cnc__stream_env.web_uids */
    bool far_;      /* of another domain: no stream, a carrier takes it */
    bool traced;    /* an operator looks on: cnc__router_trace() */
    uint32_t refs;  /* of a far one */
    struct cnc__router *router;
    struct cnc__stream *stream;
    struct cnc__sm *sm;                         /* NULL: off */
    struct cnc__session *next_same, *prev_same; /* of the account */
    void *subs;  /* pubsub's list of this session's subscriptions */
    void *im;    /* src/im's: presence, priority, what it asked for */
    char *login; /* the browser's log-in whose token opened it, or NULL */
};

/* Bits, so that a handler may take several. */
enum cnc__stanza {
    CNC__IQ_GET = 1,
    CNC__IQ_SET = 2,
    CNC__MESSAGE = 4,
    CNC__PRESENCE = 8
};

/* RFC 6120 10.3: any value of `to` as its parts say. */
enum cnc__where {
    CNC__TO_DOMAIN,   /* the domain itself */
    CNC__TO_ACCOUNT,  /* somebody's bare JID */
    CNC__TO_SESSION,  /* a full JID that is bound now */
    CNC__TO_RESOURCE, /* a full JID that is not, or a domain's resource */
    CNC__TO_ELSEWHERE /* another domain */
};

/* One stanza under way.  For an IQ exactly one of cnc__request_result(),
 * _error() must be called in the end, now or later; it frees the request.
 * For a message or presence call cnc__request_free(). */
struct cnc__request {
    unsigned magic;
    struct cnc__router *router;
    enum cnc__stanza kind;
    uint64_t session_id; /* 0 when it did not come from a session */
    bool anonymous, operator_;
    bool own;                    /* to the asker's own account */
    char *from;                  /* prepared; of a session: full JID */
    char *to;                    /* as addressed, prepared; never NULL */
    char *id;                    /* the IQ's id */
    struct cnc_element *stanza;  /* the whole stanza; holds the arena */
    struct cnc_element *payload; /* its first child element; borrowed */
};

typedef void cnc__handler_f(struct cnc__request *r, void *priv);

struct cnc__handler {
    unsigned kinds;      /* enum cnc__stanza bits */
    const char *ns;      /* payload's namespace; static or outliving */
    const char *name;    /* payload's local name, or NULL: any */
    const char *feature; /* advertised; NULL: none */
    cnc__handler_f *f;
    void *priv;
    bool account; /* also for requests to the sender's own account (no `to`,
                     or its bare JID: RFC 6120 10.3.3), not the domain alone */
    bool anyone;  /* also for requests to an account by somebody else; the
                     handler decides who may (q->own tells) */
    bool only_account; /* for requests to accounts alone: another handler may
                          answer the same at the domain */
};

CNC_API struct cnc__router *cnc__router_new(const char *domain);
CNC_API void cnc__router_free(struct cnc__router **rp);
CNC_API const char *cnc__router_domain(const struct cnc__router *r);

CNC_API int cnc__router_handle(struct cnc__router *r,
                               const struct cnc__handler *h,
                               struct cnc_error *err);
/* Take it back, by its kinds, ns and name; not from inside it.  Its feature
 * goes with the last handler that has it, unless it is advertised anyway. */
CNC_API void cnc__router_unhandle(struct cnc__router *r,
                                  const struct cnc__handler *h);
/* Also advertise a feature that has no handler of its own (XEP-0060's
 * "http://jabber.org/protocol/pubsub#publish"). */
CNC_API void cnc__router_feature(struct cnc__router *r, const char *feature);
/* disco#info identity of the domain (category, type, name). */
CNC_API void cnc__router_identity(struct cnc__router *r, const char *category,
                                  const char *type, const char *name);

/* disco of a node (the query's node attribute, NULL for the domain itself, or
 * the account r->to).  Add to out the children of <query/>; return 0, or
 * CNC_ENOENT when the node is not this provider's, or the account has nothing
 * that this asker may see.  For the domain's own query every provider is asked
 * and adds what it has (info: features, forms; items: nodes). */
typedef int cnc__disco_f(struct cnc__str *out, bool items, const char *node,
                         const struct cnc__request *r, void *priv);
CNC_API void cnc__router_disco(struct cnc__router *r, cnc__disco_f *f,
                               void *priv);

/* Called when a session begins, with all that is known about it. */
typedef void cnc__session_start_f(struct cnc__session *s, void *priv);
CNC_API void cnc__router_on_session_start(struct cnc__router *r,
                                          cnc__session_start_f *f, void *priv);
/* Called when a session begins by Bind 2 (XEP-0386), before it is told so and
 * before those who asked for its start: do what <bind/> asks for and append
 * what <bound/> shall say about it; send nothing.  feature: advertised in
 * <bind/>'s <inline/>; static, NULL: none. */
typedef void cnc__bind2_f(struct cnc__session *s,
                          const struct cnc_element *bind,
                          struct cnc__str *bound, void *priv);
CNC_API void cnc__router_on_bind2(struct cnc__router *r, const char *feature,
                                  cnc__bind2_f *f, void *priv);
/* Called when a session ends, before it is freed. */
typedef void cnc__session_end_f(struct cnc__session *s, void *priv);
CNC_API void cnc__router_on_session_end(struct cnc__router *r,
                                        cnc__session_end_f *f, void *priv);

/* -- accounts ------------------------------------------------------------ */

/*
 * What RFC 6121 does, when the domain has it; else messages and presence to
 * accounts reach full JIDs alone.  Each function returns true when it took
 * care of the stanza (delivered, answered or dropped it); false: the router
 * goes on as if there were no accounts.
 */
struct cnc__accounts_hooks {
    /* From session s, before it is routed; to is prepared, NULL: had none.
     * Blocking, copies for the sender's other resources, its archive, its
     * presence (one without `to` comes here alone). */
    bool (*outbound)(struct cnc__session *s, enum cnc__stanza kind,
                     const char *to, struct cnc_element *stanza, void *priv);
    /* To an account of this domain, from anybody, prepared; where is
     * CNC__TO_ACCOUNT, _SESSION or _RESOURCE. */
    bool (*inbound)(struct cnc__router *r, enum cnc__where where,
                    enum cnc__stanza kind, const char *from, const char *to,
                    struct cnc_element *stanza, void *priv);
    void *priv;
};
CNC_API void cnc__router_accounts(struct cnc__router *r,
                                  const struct cnc__accounts_hooks *hooks);

/* Messages to the domain itself, errors too: true when f took it; else a
 * handler may.  from: prepared, vouched for.  One for a router. */
typedef bool cnc__message_f(const char *from,
                            const struct cnc_element *message, void *priv);
CNC_API void cnc__router_on_message(struct cnc__router *r, cnc__message_f *f,
                                    void *priv);

/* -- other domains ------------------------------------------------------- */

/*
 * Who carries stanzas to other domains: components first, then S2S.  head and
 * tail (NULL: none) are one stanza, serialised with "jabber:client" in scope
 * and not declared on it, with from and to.  0: it is taken (and answered with
 * an error by the carrier, with cnc__router_bounce(), when it cannot be
 * brought after all); CNC_ENOENT: not mine, ask the next; another code with
 * err: it is refused.
 */
typedef int cnc__carrier_f(const char *from, const char *to, const char *head,
                           size_t head_len, const struct cnc_buf *tail,
                           struct cnc_error *err, void *priv);
/* first: asked before those that are there. */
CNC_API void cnc__router_carrier(struct cnc__router *r, bool first,
                                 cnc__carrier_f *f, void *priv);
/* A stanza of ours that could not be brought: its sender gets it back as an
 * error (RFC 6120 8.3), unless it is one itself, or a presence that asks
 * nothing.  xml: as a carrier was given it. */
CNC_API void cnc__router_bounce(struct cnc__router *r, const char *xml,
                                size_t len, const struct cnc_error *err);
/*
 * A stanza of a peer (S2S, component) that vouches for its `from`; in
 * "jabber:client", whatever the stream's namespace is.  False: `from` or `to`
 * is missing or malformed, which ends an S2S stream (improper-addressing).
 * The caller has checked from's domain.
 */
CNC_API bool cnc__router_from_peer(struct cnc__router *r,
                                   struct cnc_element *stanza);

/* A JID of another domain that follows something here, for pubsub: sends to
 * it go to a carrier.  A *new* reference; ends with the last one. */
CNC_API struct cnc__session *cnc__router_far(struct cnc__router *r,
                                             const char *jid);
CNC_API void cnc__router_far_unref(struct cnc__session **sp);
/* A presence of type unavailable, or an error, came from a JID of another
 * domain: whoever keeps something for it may look. */
typedef void cnc__gone_f(const char *jid, const struct cnc_element *stanza,
                         void *priv);
CNC_API void cnc__router_on_gone(struct cnc__router *r, cnc__gone_f *f,
                                 void *priv);

/* -- the service's own stanzas ------------------------------------------- */

/* Where a prepared address leads. */
CNC_API enum cnc__where cnc__router_where(const struct cnc__router *r,
                                          const char *to);
/* Route a stanza; whoever calls vouches for from (prepared).  s: the session
 * it came from, or NULL. */
CNC_API void cnc__router_route(struct cnc__router *r, struct cnc__session *s,
                               const char *from, const char *to,
                               struct cnc_element *stanza);
/* Send serialised XML with from and to in it, to a prepared address: a
 * session's, or one of another domain.  CNC_ENOENT: nobody there. */
CNC_API int cnc__router_send(struct cnc__router *r, const char *from,
                             const char *to, const char *xml, size_t len,
                             struct cnc_error *err);
/* A *new* mutable copy of a stanza's top (children shared), with from, and to
 * when that is not NULL. */
CNC_API struct cnc_element *cnc__router_stamp(const struct cnc_element *stanza,
                                              const char *from,
                                              const char *to);
/* A stanza as we write it, "jabber:client" in scope and not declared, whatever
 * its size: *new*, frozen; NULL: it is none. */
CNC_API struct cnc_element *cnc__router_parse(const char *xml, size_t len);
/* Give a stanza to a session as it is. */
CNC_API void cnc__session_deliver(struct cnc__session *s,
                                  const struct cnc_element *stanza);
/* Ask somebody, in the name of from (NULL: the domain): an IQ with this
 * payload.  f is called once: with the answer (result or error; borrowed), or
 * with NULL when none came in timeout_ms (0: 30 s) or the router ends. */
typedef void cnc__answer_f(const struct cnc_element *iq, void *priv);
CNC_API void cnc__router_ask(struct cnc__router *r, const char *from,
                             const char *to, const char *type,
                             const char *payload, size_t len,
                             uint32_t timeout_ms, cnc__answer_f *f,
                             void *priv);
/* Call about once a second. */
CNC_API void cnc__router_tick(struct cnc__router *r, uint64_t now_ms);

/* -- looking on ---------------------------------------------------------- */

/* Every stanza from (in) and to a session whose `traced` is set, and, for
 * carriers and peers, every stanza that crosses to or from another domain
 * while anything is traced (s NULL).  xml: one stanza. */
typedef void cnc__trace_f(struct cnc__session *s, bool in, const char *from,
                          const char *to, const char *xml, size_t len,
                          void *priv);
CNC_API void cnc__router_trace(struct cnc__router *r, cnc__trace_f *f,
                               void *priv);

/* -- replies; each frees the request and sets *rp to NULL ---------------- */

/* payload_xml: serialised children of the result, or NULL for none. */
CNC_API void cnc__request_result(struct cnc__request **rp,
                                 const char *payload_xml, size_t len);
/* RFC 6120 8.3: err->condition (derived from err->code when NULL), type by
 * the condition, text, application-specific condition. */
CNC_API void cnc__request_error(struct cnc__request **rp,
                                const struct cnc_error *err);
/* The texts of errors in the language of the stanza that they answer: lang is
 * what it says (RFC 6120 8.1.5); NULL: English. */
typedef const struct cnc__tr *cnc__router_tr_f(const char *lang, void *priv);
CNC_API void cnc__router_set_tr(struct cnc__router *r, cnc__router_tr_f *f,
                                void *priv);
/* <error/> for that stanza. */
CNC_API void cnc__router_error(const struct cnc__router *r,
                               const struct cnc_element *stanza,
                               struct cnc__str *out,
                               const struct cnc_error *err);
/* cnc__request_error() in one line. */
CNC_API void cnc__request_refuse(struct cnc__request **rp, int code,
                                 const char *condition, const char *fmt, ...)
    CNC_PRINTF(4, 5);
CNC_API void cnc__request_free(struct cnc__request **rp);

/* -- used by the stream -------------------------------------------------- */

/* Bind: makes the session; resource NULL: the service chooses.  An equal
 * full JID of the same account replaces the older one (it is closed with
 * <conflict/>, RFC 6120 7.7.2.2).  NULL: the account has its most resources
 * (7.6.2.1, resource-constraint).  flags: CNC__BIND_... */
#define CNC__BIND_ANONYMOUS (1u << 0)
#define CNC__BIND_UNLIMITED                                                   \
    (1u << 1) /* a user of this machine, by the link                          \
               */
CNC_API struct cnc__session *
cnc__router_bind(struct cnc__router *r, struct cnc__stream *stream,
                 const char *bare_jid, const char *resource, unsigned flags);
/* The stream has filled in what it knows: tell those who asked. */
CNC_API void cnc__router_started(struct cnc__session *s);
CNC_API void cnc__router_unbind(struct cnc__session **sp);
/* End a session, with a stream error or (condition NULL) without: also one
 * that waits to be resumed.  It is gone later, not within this call. */
CNC_API void cnc__session_end(struct cnc__session *s, const char *condition,
                              const char *text);
/* A stanza from a session; `from` is set by us, whatever it said. */
CNC_API void cnc__router_stanza(struct cnc__session *s,
                                struct cnc_element *stanza);
CNC_API struct cnc__session *cnc__router_session(struct cnc__router *r,
                                                 uint64_t id);
CNC_API struct cnc__session *cnc__router_session_by_jid(struct cnc__router *r,
                                                        const char *full);
/* The first session of an account; the others follow by next_same.  Those of
 * anonymous visitors are not listed. */
CNC_API struct cnc__session *
cnc__router_sessions_of(const struct cnc__router *r, const char *bare,
                        size_t len);
/* Resources of one account at most [50]. */
CNC_API void cnc__router_max_resources(struct cnc__router *r, uint32_t n);
CNC_API size_t cnc__router_n_sessions(const struct cnc__router *r);
/* for (size_t i = 0; (s = cnc__router_next_session(r, &i)) != NULL;) */
CNC_API struct cnc__session *cnc__router_next_session(struct cnc__router *r,
                                                      size_t *i);

/* -- sending to a session ------------------------------------------------ */

/* One serialised stanza (default namespace jabber:client in scope). */
CNC_API void cnc__session_send(struct cnc__session *s, const char *xml,
                               size_t len);
/* May much more be said to it at once?  Else what can wait should. */
CNC_API bool cnc__session_has_room(const struct cnc__session *s);
/* The fan-out path: one frame of head + shared tail, copied into the
 * session's output; no allocation when there is room.  Marks it dirty. */
CNC_API void cnc__session_send_shared(struct cnc__session *s, const char *head,
                                      size_t head_len,
                                      const struct cnc_buf *tail);

#endif /* CNC_XMPP_ROUTER_H */
