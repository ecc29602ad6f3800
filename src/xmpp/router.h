/* SPDX-License-Identifier: MIT */
/*
 * router.h -- sessions, and who answers which stanza.
 *
 * A handler is keyed by (stanza and type, namespace, payload's local name);
 * its feature is advertised in disco#info because the handler exists.  A
 * second handler for a key is an error (CNC_EEXIST).  One thread (the core).
 *
 *   stream -stanza-> router -request-> handler -reply-> router -> stream
 *                      |
 *                      +-- to another session of this service
 */
#ifndef CNC_XMPP_ROUTER_H
#define CNC_XMPP_ROUTER_H

#include <concordance/xml.h>

#include "../base/str.h"
#include "../base/table.h"

struct cnc__router;
struct cnc__stream;

/* A bound resource.  Owned by its stream; ends with it. */
struct cnc__session {
    unsigned magic;
    char *jid; /* full, prepared */
    size_t bare_len;
    uint64_t id;    /* never used again in this process */
    bool anonymous; /* SASL ANONYMOUS: reads what is open, submits forms */
    bool operator_; /* EXTERNAL on the link by the service's own uid or
                       root: may do everything */
    struct cnc__router *router;
    struct cnc__stream *stream;
    void *subs; /* pubsub's list of this session's subscriptions */
};

/* Bits, so that a handler may take several. */
enum cnc__stanza {
    CNC__IQ_GET = 1,
    CNC__IQ_SET = 2,
    CNC__MESSAGE = 4,
    CNC__PRESENCE = 8
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
    char *from;                  /* full JID */
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
};

CNC_API struct cnc__router *cnc__router_new(const char *domain);
CNC_API void cnc__router_free(struct cnc__router **rp);
CNC_API const char *cnc__router_domain(const struct cnc__router *r);

CNC_API int cnc__router_handle(struct cnc__router *r,
                               const struct cnc__handler *h,
                               struct cnc_error *err);
/* Also advertise a feature that has no handler of its own (XEP-0060's
 * "http://jabber.org/protocol/pubsub#publish"). */
CNC_API void cnc__router_feature(struct cnc__router *r, const char *feature);
/* disco#info identity of the domain (category, type, name). */
CNC_API void cnc__router_identity(struct cnc__router *r, const char *category,
                                  const char *type, const char *name);

/* disco of a node (the query's node attribute, NULL for the domain itself).
 * Add to out the children of <query/>; return 0, or CNC_ENOENT when the node
 * is not this provider's.  For the domain's own query every provider is asked
 * and adds what it has (info: features, forms; items: nodes). */
typedef int cnc__disco_f(struct cnc__str *out, bool items, const char *node,
                         const struct cnc__request *r, void *priv);
CNC_API void cnc__router_disco(struct cnc__router *r, cnc__disco_f *f,
                               void *priv);

/* Called when a session begins, with all that is known about it. */
typedef void cnc__session_start_f(struct cnc__session *s, void *priv);
CNC_API void cnc__router_on_session_start(struct cnc__router *r,
                                          cnc__session_start_f *f, void *priv);
/* Called when a session ends, before it is freed. */
typedef void cnc__session_end_f(struct cnc__session *s, void *priv);
CNC_API void cnc__router_on_session_end(struct cnc__router *r,
                                        cnc__session_end_f *f, void *priv);

/* -- replies; each frees the request and sets *rp to NULL ---------------- */

/* payload_xml: serialised children of the result, or NULL for none. */
CNC_API void cnc__request_result(struct cnc__request **rp,
                                 const char *payload_xml, size_t len);
/* RFC 6120 8.3: err->condition (derived from err->code when NULL), type by
 * the condition, text, application-specific condition. */
CNC_API void cnc__request_error(struct cnc__request **rp,
                                const struct cnc_error *err);
/* cnc__request_error() in one line. */
CNC_API void cnc__request_refuse(struct cnc__request **rp, int code,
                                 const char *condition, const char *fmt, ...)
    CNC_PRINTF(4, 5);
CNC_API void cnc__request_free(struct cnc__request **rp);

/* -- used by the stream -------------------------------------------------- */

/* Bind: makes the session; resource NULL: the service chooses.  An equal
 * full JID of the same account replaces the older one (it is closed with
 * <conflict/>, RFC 6120 7.7.2.2). */
CNC_API struct cnc__session *cnc__router_bind(struct cnc__router *r,
                                              struct cnc__stream *stream,
                                              const char *bare_jid,
                                              const char *resource);
/* The stream has filled in what it knows: tell those who asked. */
CNC_API void cnc__router_started(struct cnc__session *s);
CNC_API void cnc__router_unbind(struct cnc__session **sp);
/* A stanza from a session; `from` is set by us, whatever it said. */
CNC_API void cnc__router_stanza(struct cnc__session *s,
                                struct cnc_element *stanza);
CNC_API struct cnc__session *cnc__router_session(struct cnc__router *r,
                                                 uint64_t id);
CNC_API struct cnc__session *cnc__router_session_by_jid(struct cnc__router *r,
                                                        const char *full);
CNC_API size_t cnc__router_n_sessions(const struct cnc__router *r);
/* for (size_t i = 0; (s = cnc__router_next_session(r, &i)) != NULL;) */
CNC_API struct cnc__session *cnc__router_next_session(struct cnc__router *r,
                                                      size_t *i);

/* -- sending to a session ------------------------------------------------ */

/* One serialised stanza (default namespace jabber:client in scope). */
CNC_API void cnc__session_send(struct cnc__session *s, const char *xml,
                               size_t len);
/* The fan-out path: one frame of head + shared tail, copied into the
 * session's output; no allocation when there is room.  Marks it dirty. */
CNC_API void cnc__session_send_shared(struct cnc__session *s, const char *head,
                                      size_t head_len,
                                      const struct cnc_buf *tail);

#endif /* CNC_XMPP_ROUTER_H */
