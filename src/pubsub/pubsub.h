/* SPDX-License-Identifier: MIT */
/*
 * pubsub.h -- the PubSub service of one domain (XEP-0060), its history
 * (XEP-0313) and fan-out; and those of its accounts (XEP-0163).
 *
 * Nodes and items live in memory; what is durable goes through env.commit and
 * becomes visible, acknowledged and notified only after it is kept.  One
 * thread (the core).
 *
 *   publish -> checks -> before_publish hook -> commit -> (durable)
 *     -> item visible -> publisher's done() -> notifications -> after hook
 *
 * POSITIONS.  Each node counts its events: seq 1, 2, 3...  A position is
 * "EPOCH.SEQ"; the epoch (8 hex digits) is made with the node and kept with
 * it when the node is durable.  The archive id (XEP-0313) of an event is its
 * position.
 */
#ifndef CNC_PUBSUB_PUBSUB_H
#define CNC_PUBSUB_PUBSUB_H

#include <concordance/app.h>
#include <concordance/store.h>
#include <concordance/xml.h>

#include "../xmpp/router.h"

struct cnc__pubsub;
struct cnc__node;

/* Who asks. */
struct cnc__actor {
    const char *jid; /* prepared, bare or full */
    bool anonymous;  /* a guest */
    bool operator_;  /* the service's operator, or the app itself */
};

enum cnc__action {
    CNC__MAY_SEE, /* discover, subscribe, be notified, retrieve */
    CNC__MAY_PUBLISH,
    CNC__MAY_RETRACT,
    CNC__MAY_CONFIGURE, /* configure, delete, purge, affiliations */
    CNC__MAY_CREATE     /* node is NULL */
};

enum cnc__affiliation {
    CNC__NONE,
    CNC__OWNER,
    CNC__PUBLISHER,
    CNC__PUBLISH_ONLY,
    CNC__MEMBER,
    CNC__OUTCAST
};

enum cnc__access_model {
    CNC__ACCESS_OPEN,
    CNC__ACCESS_WHITELIST,
    CNC__ACCESS_AUTHORIZE,
    CNC__ACCESS_PRESENCE, /* these two by an account's roster: without one, as
                             in the domain's own service, nobody passes */
    CNC__ACCESS_ROSTER
};

enum cnc__send_last {
    CNC__LAST_NEVER,
    CNC__LAST_ON_SUB,
    CNC__LAST_ON_PRESENCE /* on_sub_and_presence */
};

struct cnc__node_config { /* pubsub#node_config fields */
    char *title;          /* pubsub#title */
    enum cnc__access_model access;
    enum { CNC__BY_PUBLISHERS, CNC__BY_SUBSCRIBERS, CNC__BY_ANYBODY } publish;
    bool persist_items; /* false: no items, events only */
    bool deliver_payloads, deliver_notifications, notify_retract,
        notify_delete, notify_config;
    enum cnc__send_last send_last_item;
    bool durable;         /* ours: goes to the store */
    bool derived;         /* ours: a view; only the service publishes,
                             not listed, cannot be configured */
    uint32_t max_items;   /* pubsub#max_items, "max" is 1,000,000 */
    uint32_t max_payload; /* bytes, pubsub#max_payload_size */
    uint32_t history;     /* ours: events kept for XEP-0313 */
    char *payload_ns;     /* pubsub#type */
    char *groups;         /* pubsub#roster_groups_allowed, one a line */
    char *readers, *writers, *owners; /* ours: roles, with blanks between; as
                                         declared, the store has none */
};

struct cnc__item { /* one item at rest; counted, never changes */
    unsigned refs;
    uint8_t shape;        /* what query-key.c found out of its payload; or 0 */
    char *id, *publisher; /* publisher: bare JID or "" */
    uint64_t seq, created;
    int64_t published_ms;
    struct cnc_buf *payload; /* canonical XML, self-contained; NULL for
                                an item without payload */
};
CNC_API struct cnc__item *cnc__item_ref(struct cnc__item *i);
CNC_API void cnc__item_unref(struct cnc__item **ip);

/* A batch of changes on its way to the store.  The service gathers batches;
 * done() comes later on the core's thread, in the order of commit(), never
 * from inside commit(). */
struct cnc__commit {
    struct cnc_store_op *ops; /* owned by the batch, strings too */
    size_t n_ops;
    void (*done)(struct cnc__commit *c, const struct cnc_error *err);
    void *priv;
};

enum cnc__event {
    CNC__EV_PUBLISH,
    CNC__EV_RETRACT,
    CNC__EV_PURGE,
    CNC__EV_DELETE,
    CNC__EV_CONFIGURE,
    CNC__EV_CREATE
};

struct cnc__publish; /* a publish under way, see below */

struct cnc__file_info {
    char type[128]; /* its media type, in lower case */
    uint64_t len;
};

struct cnc__pubsub_env {
    struct cnc__router *router;
    void (*commit)(struct cnc__commit *c, void *priv);
    int64_t (*now_ms)(void *priv); /* Unix time */
    /* Judge an item before it is kept (the app's record, a template).  payload
     * is the item's payload element, or NULL.  0: go on; a negative code with
     * err: refused; CNC_EAGAIN: cnc__pubsub_resume(p, ...) is called later,
     * and later publishes to this node wait for it.  May be NULL. */
    int (*before_publish)(struct cnc__publish *p, struct cnc__node *node,
                          const struct cnc__actor *actor, const char *id,
                          struct cnc_element *payload, struct cnc_error *err,
                          void *priv);
    /* After it is kept and the notifications are queued.  item: the new one
     * (PUBLISH), the one taken away (RETRACT), or NULL.  May be NULL. */
    void (*after)(enum cnc__event ev, struct cnc__node *node,
                  struct cnc__item *item, void *priv);
    /* Has this bare JID one of these roles ("staff editors")?  NULL: nobody
     * has any. */
    bool (*has_role)(const char *bare, const char *roles, void *priv);
    /* What the service keeps at this address.  CNC_ENOENT: it is one of ours,
     * and nothing is there; CNC_EACCES: it is somebody else's.  NULL: any
     * address will do. */
    int (*file)(const char *url, struct cnc__file_info *out, void *priv);
    void *priv;
};

/* Registers its handlers and disco with the router. */
CNC_API struct cnc__pubsub *cnc__pubsub_new(const struct cnc__pubsub_env *env);
/* The router's sessions have ended before.  Who still waits is refused;
 * commits on their way may be answered after. */
CNC_API void cnc__pubsub_free(struct cnc__pubsub **pp);

/* Start-up: give every entry of the store (order of cnc_store_driver.each),
 * then finish, which trims what is past the limits. CNC_ESTORE on nonsense. */
CNC_API int cnc__pubsub_load(struct cnc__pubsub *ps,
                             const struct cnc_store_entry *e,
                             struct cnc_error *err);
CNC_API void cnc__pubsub_load_done(struct cnc__pubsub *ps);

/* The one gate: asked on subscribe, notify, last item and retrieve alike.
 * 0, or CNC_EACCES with the condition XEP-0060 names for it. */
CNC_API int cnc__pubsub_may(struct cnc__pubsub *ps,
                            const struct cnc__actor *who,
                            enum cnc__action what, struct cnc__node *node,
                            struct cnc_error *err);

/* The roles of this bare JID have changed: subscriptions to what it may not
 * see any more end now, with the notification of XEP-0060 8.9.4. */
CNC_API void cnc__pubsub_roles_changed(struct cnc__pubsub *ps,
                                       const char *bare);

/* -- accounts' own services (XEP-0163) ------------------------------------ */

typedef void cnc__pep_each_f(const char *full, void *priv);

/* What rosters and presence know; src/im is above this room.  JIDs are
 * prepared; owner is an account's bare one. */
struct cnc__pep_env {
    /* May contact (bare) see owner's presence? */
    bool (*subscribed)(const char *owner, const char *contact, void *priv);
    bool (*in_group)(const char *owner, const char *contact, const char *group,
                     void *priv);
    /* Does owner refuse to hear from jid?  May be NULL. */
    bool (*blocks)(const char *owner, const char *jid, void *priv);
    /* Does that resource say that it has the feature, NODE+notify? */
    bool (*wants)(const char *full, const char *feature, void *priv);
    /* Every available resource of owner and of who may see his presence. */
    void (*each_available)(const char *owner, cnc__pep_each_f *f, void *f_priv,
                           void *priv);
    void *priv;
};
/* From now on accounts have one.  Call once, when the store is loaded (rosters
 * too) and before the first session. */
CNC_API void cnc__pep_start(struct cnc__pubsub *ps,
                            const struct cnc__pep_env *env);
/* A resource that may see owner's presence has become available: the last
 * items that it wants (4.3.4). */
CNC_API void cnc__pep_available(struct cnc__pubsub *ps, const char *owner,
                                const char *full);
/* Who may see owner's presence, or a group of the roster, has changed: who
 * may not any more is cut. */
CNC_API void cnc__pep_roster_changed(struct cnc__pubsub *ps,
                                     const char *owner);
/* The account is no more. */
CNC_API void cnc__pep_account_deleted(struct cnc__pubsub *ps,
                                      const char *owner);
/* The children of disco's <query/> of an account, or of a node of it, that the
 * asker may see.  CNC_ENOENT: there is nothing for him. */
CNC_API int cnc__pep_disco(struct cnc__pubsub *ps, struct cnc__str *out,
                           bool items, const char *node,
                           const struct cnc__request *q);

/* -- nodes --------------------------------------------------------------- */

CNC_API void cnc__node_config_default(struct cnc__node_config *c);
CNC_API struct cnc__node *cnc__pubsub_node(struct cnc__pubsub *ps,
                                           const char *name); /* or NULL */
CNC_API const char *cnc__node_name(const struct cnc__node *n);
CNC_API const struct cnc__node_config *
cnc__node_config(const struct cnc__node *n);
/* The app's own hold on its node; NULL at first. */
CNC_API void cnc__node_set_priv(struct cnc__node *n, void *priv);
CNC_API void *cnc__node_priv(const struct cnc__node *n);
/* Who may see a derived node, asked of whoever made it: a page's view is for
 * those who may see all that the page shows.  f NULL: by its access model. */
typedef bool cnc__node_gate_f(const struct cnc__actor *who, void *priv);
CNC_API void cnc__node_set_gate(struct cnc__node *n, cnc__node_gate_f *f,
                                void *priv);
/* The gate answers otherwise now: who may not see it any more is cut. */
CNC_API void cnc__node_gate_changed(struct cnc__node *n);
/* End a derived node: its subscribers are told, then it is gone. */
CNC_API void cnc__node_end(struct cnc__node *n);
/* Nobody but operators sees a hidden node, and nobody is told of what happens
 * in it; its items and subscriptions stay.  A node is not hidden at first. */
CNC_API void cnc__node_hide(struct cnc__node *n, bool hidden);
CNC_API bool cnc__node_hidden(const struct cnc__node *n);
/* Make the node, or change its configuration to c when it differs (title,
 * access, publish model, limits).  Called by the app's start; durable nodes
 * are committed.  CNC_EEXIST never. */
CNC_API struct cnc__node *
cnc__pubsub_declare(struct cnc__pubsub *ps, const char *name,
                    const struct cnc__node_config *c);
/* "EPOCH.SEQ" of the newest event. */
CNC_API void cnc__node_position(const struct cnc__node *n, char out[40]);
CNC_API size_t cnc__node_n_items(const struct cnc__node *n);
CNC_API size_t cnc__node_n_subscribers(const struct cnc__node *n);
/* Items in publish order, oldest (i == 0) first; borrowed. */
CNC_API struct cnc__item *cnc__node_item_at(const struct cnc__node *n,
                                            size_t i);
CNC_API struct cnc__item *cnc__node_item(const struct cnc__node *n,
                                         const char *id);
/* Versions of one item (or of all: id NULL) in the node's archive, newest
 * first; f as for cnc_store_driver.each. */
CNC_API int cnc__node_history(struct cnc__node *n, const char *id,
                              cnc_store_each_f *f, void *priv);
/* An item (kept or being kept) whose payload has a child element field with
 * this text. */
CNC_API bool cnc__node_find(struct cnc__node *n, const char *field,
                            const char *value);
/* An item that is published but not yet kept, or kept: a *new* reference. */
CNC_API struct cnc__item *cnc__node_item_or_pending(struct cnc__node *n,
                                                    const char *id);

/* -- queries -------------------------------------------------------------- */

/*
 * A query over the records of a node: see struct cnc_query.  Parsed once, run
 * often; `{name}` in where is a parameter.
 *   where: FIELD OP VALUE ...   OP is = != < <= > >= ~
 *   sort:  FIELD or -FIELD ...  "c:published" and "c:publisher" too
 * Values compare as the field's kind does (numbers, dates), texts by code
 * points without case.  CNC_EINVAL names the word.
 */
struct cnc__query;
CNC_API int cnc__query_new(struct cnc__query **out,
                           const struct cnc_record *record, const char *where,
                           const char *sort, struct cnc_error *err);
CNC_API void cnc__query_free(struct cnc__query **qp);
/* The names of its parameters, in order; NULL past the last. */
CNC_API const char *cnc__query_param(const struct cnc__query *q, size_t i);
/* One record alone: does it match?  values: of the parameters, in order. */
CNC_API bool cnc__query_matches(const struct cnc__query *q,
                                const char *const *values, const char *search,
                                const struct cnc__item *item);
/* <0, 0, >0: the order of two records. */
CNC_API int cnc__query_compare(const struct cnc__query *q,
                               const struct cnc__item *a,
                               const struct cnc__item *b);
/* *items: a *new* array of borrowed items, at most limit (0: all) from offset
 * on; *n of them, *total match (may be NULL).  Uses the node's indexes. */
CNC_API void cnc__query_run(const struct cnc__query *q, struct cnc__node *node,
                            const char *const *values, const char *search,
                            size_t offset, size_t limit,
                            struct cnc__item ***items, size_t *n,
                            size_t *total);
/* Keep the record's fields marked .index as tables; call after declare. */
CNC_API void cnc__node_index(struct cnc__node *node,
                             const struct cnc_record *record);

/* -- verbs for the app, the agent and HTTP ------------------------------- */

typedef void cnc__done_f(const struct cnc_error *err, const char *id,
                         void *priv);

/* Publish one item.  id NULL: chosen.  payload may be NULL.  if_new: an item
 * with this id and the same publisher that is there or on its way is a repeat:
 * done() as if it had been kept now, nothing is published twice.
 * done (may be NULL) is called once, later or now for nodes that are not
 * durable. */
CNC_API void cnc__pubsub_publish(struct cnc__pubsub *ps,
                                 const struct cnc__actor *actor,
                                 struct cnc__node *node, const char *id,
                                 const struct cnc_element *payload,
                                 bool if_new, cnc__done_f *done, void *priv);
/* The agent's fast path for derived nodes: payload already serialised, id is
 * the new position, kept in the history ring, fanned out at once. */
CNC_API void cnc__pubsub_emit(struct cnc__pubsub *ps, struct cnc__node *node,
                              struct cnc_buf *payload);
CNC_API void cnc__pubsub_retract(struct cnc__pubsub *ps,
                                 const struct cnc__actor *actor,
                                 struct cnc__node *node, const char *id,
                                 cnc__done_f *done, void *priv);
/* Go on with a publish that before_publish held; err NULL: accepted. */
CNC_API void cnc__pubsub_resume(struct cnc__publish *p,
                                const struct cnc_error *err);

/* -- nodes of other services ---------------------------------------------- */

/*
 * Keep a node of another service here as well: node follows source_node (NULL:
 * of the same name) at source (a JID, prepared or not), durably, live, and
 * catches up after whatever was missed.  From now on nobody else writes it.
 * Call after the store is loaded.  CNC_ESYNTAX: source is no JID.
 */
CNC_API int cnc__pubsub_mirror(struct cnc__pubsub *ps, struct cnc__node *node,
                               const char *source, const char *source_node,
                               struct cnc_error *err);
/* Call about once a second. */
CNC_API void cnc__pubsub_tick(struct cnc__pubsub *ps, uint64_t now_ms);

struct cnc__pubsub_stats {
    uint64_t nodes, items, subscriptions, published, deliveries, refused;
};
CNC_API void cnc__pubsub_stats(const struct cnc__pubsub *ps,
                               struct cnc__pubsub_stats *out);

#endif /* CNC_PUBSUB_PUBSUB_H */
