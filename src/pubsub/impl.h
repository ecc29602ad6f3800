/* SPDX-License-Identifier: MIT */
/*
 * impl.h -- what the files behind pubsub.h share.
 *
 * A verb that changes something is a transaction (struct cnc__txn): checks
 * first, then the store's operations, then, once they are durable, the change
 * in memory, the answer, and the notifications, in this order.
 *
 *   node
 *    +- items     kept items by publish order and by id      (order.c)
 *    +- archive   the last events, for XEP-0313              (archive.c)
 *    +- pending   items on their way to the store, by id     (pending.c)
 *    +- affs      affiliations by bare JID                   (access.c)
 *    +- psubs     accounts' subscriptions, kept              (subscribe.c)
 *    |            and those of other domains                 (far.c)
 *    +- subs      sessions to notify: an array, no look-ups  (subscribe.c)
 */
#ifndef CNC_PUBSUB_IMPL_H
#define CNC_PUBSUB_IMPL_H

#include "../base/arena.h"
#include "../base/table.h"
#include "pubsub.h"

#define CNC__NS_PUBSUB  "http://jabber.org/protocol/pubsub"
#define CNC__NS_OWNER   CNC__NS_PUBSUB "#owner"
#define CNC__NS_EVENT   CNC__NS_PUBSUB "#event"
#define CNC__NS_PSERR   CNC__NS_PUBSUB "#errors"
#define CNC__NS_NODECFG CNC__NS_PUBSUB "#node_config"
#define CNC__NS_RSM     "http://jabber.org/protocol/rsm"
#define CNC__NS_MAM     "urn:xmpp:mam:2"
#define CNC__NS_STORE   "http://concordance-xmpp.org/ns/store"

#define CNC__MAX_ITEMS    1000000u /* pubsub#max_items "max" */
#define CNC__MAX_NODE     1023     /* bytes of a node's name */
#define CNC__MAX_ID       1023     /* bytes of an item's id */
#define CNC__MAX_SUBS     1000     /* subscriptions of one session */
#define CNC__MAX_JIDS     100000   /* affiliations, subscriptions kept */
#define CNC__POSITION_LEN 40
/* Bytes of an answer: a third of what a stream lets wait. */
#define CNC__PAGE_BYTES 393216u

/* -- items at rest ------------------------------------------------------- */

struct cnc__item *cnc__item_new(const char *id, const char *publisher,
                                size_t n_publisher);

struct cnc__slot {
    uint64_t seq;
    struct cnc__item *item; /* NULL: it was taken away */
};

/* Items by seq.  A binary indexed tree counts the slots that are in use, so
 * the i-th item and an item's place are found in O(log n) with holes. */
struct cnc__order {
    struct cnc__slot *slots;
    uint32_t *tree; /* 1-based, cap entries */
    size_t used, cap, live;
    size_t bytes; /* of what is live */
    struct cnc__table *by_id;
};
void cnc__order_init(struct cnc__order *o);
void cnc__order_fini(struct cnc__order *o);
/* Refs item; its seq is the highest and its id is free. */
void cnc__order_append(struct cnc__order *o, struct cnc__item *item);
/* Returns the reference that was held, or NULL. */
struct cnc__item *cnc__order_take(struct cnc__order *o, const char *id);
struct cnc__item *cnc__order_get(const struct cnc__order *o, const char *id);
struct cnc__item *cnc__order_at(const struct cnc__order *o, size_t i);
/* How many items stand before this one. */
size_t cnc__order_rank(const struct cnc__order *o,
                       const struct cnc__item *item);

enum cnc__what { CNC__PUBLISHED, CNC__RETRACTED, CNC__PURGED };

struct cnc__entry {
    enum cnc__what what;
    struct cnc__item *item; /* ref; without payload when taken away */
    struct cnc_buf *shared; /* what a query is answered with, once made */
};

/* The last events, oldest first. */
struct cnc__archive {
    struct cnc__entry *all; /* all[first .. first + n) */
    size_t first, n, cap;
    uint64_t lost; /* seq of the newest event that is gone */
};
void cnc__archive_fini(struct cnc__archive *a);
/* Refs item; drops the oldest past max. */
void cnc__archive_push(struct cnc__archive *a, enum cnc__what what,
                       struct cnc__item *item, size_t max);
void cnc__archive_trim(struct cnc__archive *a, size_t max);
/* Index of the first event with a seq > after; n when there is none. */
size_t cnc__archive_after(const struct cnc__archive *a, uint64_t after);
struct cnc__entry *cnc__archive_at(const struct cnc__archive *a, size_t i);

/* -- nodes --------------------------------------------------------------- */

enum cnc__sub_state { CNC__SUBSCRIBED = 1, CNC__PENDING };

struct cnc__sub { /* a session that is notified */
    struct cnc__node *node;
    struct cnc__session *session; /* a far one is held */
    struct cnc__sub *prev, *next; /* of the session */
    size_t at;                    /* in node->subs */
    bool account;                 /* by its account's kept subscription */
    bool bare;                    /* asked for by the bare JID */
    bool reads;                   /* cnc__sub_wants_body() */
    size_t to_len;
    char to[]; /* the JID, escaped, and what ends the start tag */
};

/* body.c: an event in words, for people.  Does the subscriber read? */
bool cnc__sub_wants_body(const struct cnc__sub *sub);
/* Append <body/>; false: nothing can be said. */
bool cnc__body_write(struct cnc__str *out, const struct cnc__node *n,
                     const struct cnc__item *item);

struct cnc__index;  /* find.c */
struct cnc__sorted; /* index.c */

struct cnc__node {
    unsigned magic, refs;
    struct cnc__pubsub *ps;
    char *name, *escaped;
    char *stored; /* the name it has in the store */
    char *people; /* and that of its subscriptions there, once it has any */
    struct cnc__node_config cfg;
    void *priv;
    cnc__node_gate_f *gate; /* of a derived node, or NULL */
    void *gate_priv;
    char epoch[9];
    int64_t created_ms; /* Unix time; 0: by a version that did not say */
    uint64_t last_seq;  /* given out */
    uint64_t seq;       /* of the newest event that is kept */
    bool creating, deleting, dead;
    bool hidden;                /* its app does not run */
    bool fresh;                 /* made by a publish that is not kept yet */
    struct cnc__mirror *mirror; /* of another service's node, or NULL */
    char *mark; /* the next transaction keeps it: the mirror's position */
    struct cnc__order items;
    struct cnc__archive archive;
    struct cnc__table *pending; /* id -> struct cnc__pending */
    struct cnc__table *affs;    /* bare JID -> enum cnc__affiliation */
    struct cnc__table *psubs;   /* bare JID -> enum cnc__sub_state; of other
                                   domains also full */
    struct cnc__table *far_domains, *far_full; /* how many: far.c */
    size_t n_far;
    struct cnc__sub **subs;
    size_t n_subs, cap_subs;
    size_t n_reading; /* of them, those that get a body */
    struct cnc__publish *queue, **queue_end;
    bool running;
    struct cnc__index *indexes;
    struct cnc__sorted *sorted;
    char **gone; /* ids that left memory and are still in the store */
    size_t n_gone, cap_gone;
    uint64_t trimmed; /* the store's history starts here or later */
    bool changing;    /* a NODE entry is on its way */
    bool inline_subs; /* the store has subscriptions in the NODE entry, as
                         it once was */
    bool unsaved;     /* durable, and its NODE entry is not in the store */
    struct cnc__txn *changes, **changes_end; /* those that wait for it */
};

struct cnc__node *cnc__node_new(struct cnc__pubsub *ps, const char *name,
                                const struct cnc__node_config *cfg);
/* Made by a publish that came to nothing: it goes. */
void cnc__node_drop_fresh(struct cnc__node *n);
/* Delete it with nobody waiting. */
void cnc__node_delete(struct cnc__node *n);
/* Take all items away; done as for cnc__pubsub_retract(). */
void cnc__node_purge(struct cnc__node *n, const struct cnc__actor *who,
                     cnc__done_f *done, void *priv);
struct cnc__node *cnc__node_ref(struct cnc__node *n);
void cnc__node_unref(struct cnc__node **np);
void cnc__node_check(const struct cnc__node *n);
/* Take it out of the table, cut its subscriptions, drop the table's ref. */
void cnc__node_remove(struct cnc__node *n);
/* It is deleted, or being deleted, and takes no change any more: what reached
 * the store after the node has left it would come back as an orphan. */
bool cnc__node_is_going(const struct cnc__node *n, struct cnc_error *err);
int cnc__node_name_valid(const char *name, struct cnc_error *err);
/* The events the archive keeps. */
size_t cnc__node_history_max(const struct cnc__node *n);
/* Room for one event of seq; "EPOCH.SEQ". */
void cnc__position(char out[CNC__POSITION_LEN], const struct cnc__node *n,
                   uint64_t seq);
/* CNC_ENOENT: not of this node's epoch, or never given out. */
int cnc__position_parse(uint64_t *seq, const struct cnc__node *n,
                        const char *text);
/* An item leaves memory for good: drop the oldest past max_items. */
void cnc__node_evict(struct cnc__node *n);
void cnc__node_forget(struct cnc__node *n, const char *id);

/* -- the service --------------------------------------------------------- */

/*
 * There is one for the domain (root) and, made when it is first needed, one
 * for each account that publishes (XEP-0163): the same code, another JID,
 * other answers to who may.  In the store their nodes are told apart by a name
 * that XML cannot hold: "\x1f" USER "\x1f" NODE.
 */
struct cnc__pubsub {
    unsigned magic;
    struct cnc__pubsub_env env;
    struct cnc__pubsub *root;
    char *jid;                /* the domain, or the owner's bare JID */
    struct cnc__table *nodes; /* name -> struct cnc__node */
    struct cnc__txn *txns;    /* on their way to the store */
    bool pep, loading, closing;
    /* the root's alone */
    struct cnc__table *peps; /* bare JID -> struct cnc__pubsub */
    struct cnc__pep_env people;
    struct cnc__table *accounts;    /* JID -> struct cnc__account */
    struct cnc__table *far_domains; /* domain -> kept subscriptions */
    struct cnc__table *bounces;     /* JID -> what came back: far.c */
    struct cnc__table *marks;       /* node -> position, as loaded */
    struct cnc__mirror *mirrors;
    struct cnc__pubsub_stats stats;
    struct cnc__str head; /* of the notification being sent */
};
void cnc__pubsub_check(const struct cnc__pubsub *ps);
/* An account's: *new*; ended by cnc__pubsub_end(). */
struct cnc__pubsub *cnc__pubsub_begin(struct cnc__pubsub *root,
                                      const char *jid);
void cnc__pubsub_end(struct cnc__pubsub *ps);
int64_t cnc__pubsub_now(struct cnc__pubsub *ps);

/* -- errors -------------------------------------------------------------- */

int cnc__ps_error(struct cnc_error *err, int code, const char *condition,
                  const char *specific, const char *fmt, ...) CNC_PRINTF(5, 6);
/* XEP-0060 10: what is not done here, with the feature it would be. */
#define CNC__UNSUPPORTED(feature) "unsupported feature='" feature "'"
int cnc__ps_unsupported(struct cnc_error *err, const char *specific);

/* -- who asks ------------------------------------------------------------ */

/* A copy that outlives the request. */
struct cnc__who {
    char *jid;
    size_t bare_len;
    bool anonymous, operator_;
};
void cnc__who_init(struct cnc__who *w, const struct cnc__actor *a);
void cnc__who_fini(struct cnc__who *w);
struct cnc__actor cnc__who_actor(const struct cnc__who *w);
struct cnc__actor cnc__request_actor(const struct cnc__request *r);
struct cnc__actor cnc__session_actor(const struct cnc__session *s);

/* With what its roles give; without. */
enum cnc__affiliation cnc__node_affiliation(const struct cnc__node *n,
                                            const char *jid);
enum cnc__affiliation cnc__node_kept_affiliation(const struct cnc__node *n,
                                                 const char *jid);
bool cnc__node_has_roles(const struct cnc__node *n);
/* After affiliations, access or approvals changed: cut who may not see. */
void cnc__access_changed(struct cnc__node *n);
/* people.c: as its owner; jid and affiliation as they stand in XML. */
void cnc__node_affiliate(struct cnc__node *n, const char *jid,
                         const char *affiliation, cnc__done_f *done,
                         void *priv);
const char *cnc__affiliation_name(enum cnc__affiliation a);
int cnc__affiliation_parse(enum cnc__affiliation *out, const char *s);

/* -- transactions -------------------------------------------------------- */

struct cnc__txn { /* the first member of what a verb remembers */
    unsigned magic;
    struct cnc__commit commit;
    size_t cap_ops;
    struct cnc__pubsub *ps;
    struct cnc__node *node; /* ref */
    struct cnc__txn *prev, *next;
    /* It is durable (err NULL), or it failed: change memory, answer, notify.
     */
    void (*finish)(struct cnc__txn *t, const struct cnc_error *err);
    /* Free what the verb remembers, t included. */
    void (*release)(struct cnc__txn *t);
    /* A change of the node itself, see cnc__txn_change(). */
    int (*apply)(struct cnc__txn *t, struct cnc_error *err);
    /* The operations of a change that the NODE entry does not hold; NULL: it
     * does. */
    void (*write)(struct cnc__txn *t, struct cnc__txn *to);
    struct cnc__txn *next_change;
    struct cnc__str value; /* of the NODE entry */
    char **ids;            /* of the entries deleted by the way */
    size_t n_ids;
    char **jids; /* of the subscriptions written by the way */
    size_t n_jids, cap_jids;
    char *mark; /* a mirror's position, kept with the change */
    bool flying;
    bool publish; /* it is the first member of a struct cnc__publish */
    /* Who is answered: an IQ, or a function. */
    struct cnc__request *request;
    cnc__done_f *done;
    void *done_priv;
};
void cnc__txn_init(struct cnc__txn *t, struct cnc__node *n,
                   void (*finish)(struct cnc__txn *, const struct cnc_error *),
                   void (*release)(struct cnc__txn *));
/* A zeroed operation on n's entries; valid until the next one. */
struct cnc_store_op *cnc__txn_op(struct cnc__txn *t, enum cnc_store_verb verb,
                                 enum cnc_store_kind kind);
/* The NODE entry as memory has it now. */
void cnc__txn_op_node(struct cnc__txn *t);
/* Delete the entries of what left memory before.  Every transaction that
 * writes does so, and gives them back when it fails. */
void cnc__txn_op_gone(struct cnc__txn *t);
/* To the store, or straight to finish() when the node is not durable. */
void cnc__txn_submit(struct cnc__txn *t);
/*
 * Submit a change of what the NODE entry holds.  The entry holds all of it, so
 * changes go one batch after the other: apply() changes memory (or refuses)
 * when it is t's turn, then the entry is written once for all that waited,
 * then finish() of each; with an error, the last one first, finish() takes
 * back what apply() did.
 */
void cnc__txn_change(struct cnc__txn *t,
                     int (*apply)(struct cnc__txn *t, struct cnc_error *err));
/* Never submitted: free it; who asked has been answered. */
void cnc__txn_drop(struct cnc__txn *t);
/* Now and then, let the store forget what the archive has dropped. */
void cnc__txn_op_trim(struct cnc__txn *t);
/* Answer the one who asked; xml NULL: an empty result. */
void cnc__txn_fail(struct cnc__txn *t, const struct cnc_error *err);
void cnc__txn_answer(struct cnc__txn *t, const char *id, const char *xml,
                     size_t len);
/* The service ends before its transactions. */
void cnc__txn_close_all(struct cnc__pubsub *ps);
/* Write NODE again with nobody waiting. */
void cnc__node_save(struct cnc__node *n);

/* NODE's value: written, and read into a new node. */
void cnc__node_write(struct cnc__str *out, const struct cnc__node *n);
int cnc__node_read(struct cnc__node *n, const struct cnc_element *e,
                   struct cnc_error *err);

/* -- configuration ------------------------------------------------------- */

void cnc__node_config_copy(struct cnc__node_config *to,
                           const struct cnc__node_config *from);
void cnc__node_config_fini(struct cnc__node_config *c);
bool cnc__node_config_equal(const struct cnc__node_config *a,
                            const struct cnc__node_config *b);
/* <x/> of type "form", "result" or "submit". */
void cnc__config_form(struct cnc__str *out, const struct cnc__node_config *c,
                      const char *type);
/* disco#info's pubsub#meta-data. */
void cnc__config_meta(struct cnc__str *out, const struct cnc__node *n);
/* Change c by the submitted form. */
int cnc__config_submit(struct cnc__node_config *c, const struct cnc_element *x,
                       struct cnc_error *err);
/* The same by publish-options' form. */
int cnc__config_options(struct cnc__node_config *c,
                        const struct cnc_element *x, struct cnc_error *err);
/* XEP-0060 7.1.5: every field holds, or CNC_EEXIST. */
int cnc__config_holds(const struct cnc__node_config *c,
                      const struct cnc_element *x, struct cnc_error *err);
void cnc__config_attrs(struct cnc__str *out, const struct cnc__node_config *c);
int cnc__config_read(struct cnc__node_config *c, const struct cnc_element *e);

/* -- publish ------------------------------------------------------------- */

struct cnc__pub_item { /* one item of a publish under way */
    struct cnc__publish *publish;
    char *id;
    struct cnc_element *payload; /* ref or NULL */
    struct cnc__item *item;      /* once it passed the rules */
};

struct cnc__publish {
    struct cnc__txn txn;
    unsigned magic;
    struct cnc__publish *next; /* in the node's queue, or of the waiters */
    struct cnc__who who;
    struct cnc__pub_item *items;
    size_t n, at; /* at: the hook has passed those before */
    bool if_new, checked, held;
    bool answered;                /* and still held by the hook */
    struct cnc_element *options;  /* publish-options' form; ref or NULL */
    struct cnc__publish *waiters; /* repeats, answered as this one is */
};

struct cnc__pending {           /* what an id will be when the store has it */
    struct cnc__pub_item *item; /* NULL: it is being taken away */
    unsigned n;                 /* transactions that touch the id */
};
struct cnc__pending *cnc__pending_get(const struct cnc__node *n,
                                      const char *id);
void cnc__pending_enter(struct cnc__node *n, const char *id,
                        struct cnc__pub_item *item);
void cnc__pending_leave(struct cnc__node *n, const char *id);
/* The item of this id as it will be, kept or not; borrowed, or NULL. */
struct cnc__item *cnc__node_there(const struct cnc__node *n, const char *id);

struct cnc__publish *cnc__publish_new(struct cnc__node *n,
                                      const struct cnc__actor *actor,
                                      size_t n_items);
/* Steals p; it is answered in the end. */
void cnc__publish_start(struct cnc__publish *p);
/* The node is gone: fail what waits. */
void cnc__publish_drain(struct cnc__node *n);

/* -- find.c -------------------------------------------------------------- */

void cnc__index_add(struct cnc__node *n, const struct cnc__item *item);
void cnc__index_del(struct cnc__node *n, const struct cnc__item *item);
void cnc__index_free(struct cnc__node *n);

/* -- index.c: kept items alone -------------------------------------------- */

void cnc__sorted_add(struct cnc__node *n, struct cnc__item *item);
/* Before it may go. */
void cnc__sorted_del(struct cnc__node *n, struct cnc__item *item);
void cnc__sorted_free(struct cnc__node *n);

/* -- notifications ------------------------------------------------------- */

/* <items/> of one entry. */
void cnc__event_write(struct cnc__str *out, const struct cnc__node *n,
                      enum cnc__what what, const struct cnc__item *item,
                      bool with_payload);
void cnc__notify_entry(struct cnc__node *n, enum cnc__what what,
                       struct cnc__item *item);
/* xml: children of <event/>. */
void cnc__notify_all(struct cnc__node *n, const char *xml, size_t len);
void cnc__notify_one(struct cnc__sub *sub, const char *xml, size_t len);
/* head up to the address, and the rest, to one. */
void cnc__notify_sub(struct cnc__sub *sub, size_t n_head,
                     const struct cnc_buf *tail);
/* The newest item, to a new subscriber. */
void cnc__notify_last(struct cnc__sub *sub);
/* The same to any JID, whatever it is subscribed to. */
void cnc__notify_last_to(struct cnc__node *n, const char *jid);
/* A message to a JID that may be anywhere: head and tail are one stanza. */
void cnc__send_to(struct cnc__pubsub *ps, const char *jid, const char *head,
                  size_t head_len, const struct cnc_buf *tail);

/* -- subscriptions ------------------------------------------------------- */

struct cnc__sub *cnc__sub_find(const struct cnc__session *s,
                               const struct cnc__node *n, bool bare);
struct cnc__sub *cnc__sub_add(struct cnc__node *n, struct cnc__session *s,
                              bool bare, bool account);
void cnc__sub_del(struct cnc__sub *sub);
void cnc__session_began(struct cnc__session *s, void *priv);
void cnc__session_ended(struct cnc__session *s, void *priv);
/* Notify the sessions of the node's kept subscriptions: of one JID, or of
 * all (NULL), where they may see the node. */
void cnc__account_attach(struct cnc__node *n, const char *jid);
void cnc__account_detach(struct cnc__node *n, const char *jid);
/* Is this one by the kept subscription of jid? */
bool cnc__sub_is_of(const struct cnc__sub *sub, const char *jid);
/* End every subscription of the account's sessions to the node. */
void cnc__cut_sessions(struct cnc__node *n, const char *jid);
/* Which nodes a JID is subscribed to. */
void cnc__account_add(struct cnc__pubsub *ps, const char *jid,
                      struct cnc__node *n);
void cnc__account_del(struct cnc__pubsub *ps, const char *jid,
                      struct cnc__node *n);
void cnc__accounts_free(struct cnc__pubsub *ps);
/* The i-th node that an account is subscribed to, or NULL. */
struct cnc__node *cnc__account_node(struct cnc__pubsub *ps, const char *bare,
                                    size_t len, size_t i);
/* Set or (state 0) remove a kept subscription in memory.  Sessions are cut
 * at once, but attached only by cnc__account_attach(). */
/* Keep a subscription as it is now: an entry of its own, since a node may have
 * as many as it likes.  jid lives as long as to. */
void cnc__psub_write(struct cnc__txn *to, const char *jid);
/* All of them. */
void cnc__psubs_write(struct cnc__txn *to);
/* Where the store has them; borrowed. */
const char *cnc__node_people(struct cnc__node *n);
/* The store's node names of subscriptions begin with it; none of XML does. */
#define CNC__SUBS_PREFIX '\x1e'
void cnc__psub_set(struct cnc__node *n, const char *jid,
                   enum cnc__sub_state state);
/* End what the node keeps for a JID, with nobody waiting. */
void cnc__psub_end(struct cnc__node *n, const char *jid);
/* End all that is kept for a JID, with nobody waiting. */
void cnc__subs_end(struct cnc__pubsub *ps, const char *jid);
const char *cnc__sub_state_name(enum cnc__sub_state s);

/* -- accounts' own services: pep.c ---------------------------------------- */

/* The one that answers for this address: the root, an account's, made now when
 * make is set, or NULL. */
struct cnc__pubsub *cnc__pubsub_at(struct cnc__pubsub *root, const char *to,
                                   bool make);
/* By the name a node has in the store, which is cut to its own. */
struct cnc__pubsub *cnc__pubsub_stored(struct cnc__pubsub *root,
                                       const char **name);
/* Is this the account whose service it is? */
bool cnc__is_owner(const struct cnc__pubsub *ps, const char *jid);
/* May a contact see a node with access presence or roster? */
int cnc__pep_may_see(const struct cnc__node *n, const char *jid,
                     struct cnc_error *err);
/* What everybody hears who may not know whether there is such an account. */
int cnc__pep_stranger(struct cnc_error *err);
/* May this one learn what there is and what is not? */
bool cnc__pep_knows(const struct cnc__pubsub *ps, const char *jid);
/* XEP-0060 7.1.5: publishing to a node that is not there makes it. */
int cnc__pep_create(struct cnc__node **out, struct cnc__pubsub *ps,
                    const char *name, const struct cnc_element *options,
                    struct cnc_error *err);
/* Room for one more node, or for so many bytes more. */
int cnc__pep_room(const struct cnc__pubsub *ps, size_t nodes, size_t bytes,
                  struct cnc_error *err);
/* Notify who subscribed, if he still may see it, and who wants it: head up to
 * the address. */
void cnc__pep_fan_out(struct cnc__node *n, size_t n_head,
                      const struct cnc_buf *tail);
void cnc__pep_config_default(struct cnc__node_config *c);
bool cnc__pep_blocks(const struct cnc__pubsub *ps, const char *jid);
void cnc__pep_init(struct cnc__pubsub *root);
void cnc__pep_fini(struct cnc__pubsub *root);

/* -- nodes of other services: mirror.c ------------------------------------ */

#define CNC__MIRROR_MARKS "mirror" /* name space of KEY entries */
void cnc__mirrors_init(struct cnc__pubsub *root);
void cnc__mirrors_fini(struct cnc__pubsub *root);
/* A position that was kept. */
void cnc__mirror_load(struct cnc__pubsub *root,
                      const struct cnc_store_entry *e);
/* Is this the mirror itself, who alone writes? */
bool cnc__mirror_writes(const struct cnc__node *n,
                        const struct cnc__actor *who);
int cnc__mirror_refuse(const struct cnc__node *n, struct cnc_error *err);
/* Where it comes from: fields of the meta-data form. */
void cnc__mirror_meta(struct cnc__str *out, const struct cnc__node *n);

/* -- other domains: far.c ------------------------------------------------- */

bool cnc__is_far(const struct cnc__pubsub *ps, const char *jid);
/* One more or one less is kept; nothing when the JID is not far. */
void cnc__far_count(struct cnc__node *n, const char *jid, int delta);
/* Is there room for one more of this JID's domain? */
int cnc__far_room(const struct cnc__node *n, const char *jid,
                  struct cnc_error *err);
/* Notify a far subscriber, if it may see the node. */
void cnc__far_attach(struct cnc__node *n, const char *jid);
void cnc__far_attach_all(struct cnc__node *n);
struct cnc__sub *cnc__far_sub(struct cnc__node *n, const char *jid);
cnc__gone_f cnc__far_gone;
/* It is there again: what bounced before is forgotten. */
void cnc__far_forgive(struct cnc__pubsub *ps, const char *jid);

/* -- result set management (XEP-0059) ------------------------------------- */

struct cnc__rsm {               /* strings borrowed */
    bool asked, backwards;      /* backwards: <before/> */
    int64_t max, index;         /* -1: not said */
    const char *after, *before; /* NULL when not said; before may be "" */
};
/* <set/> in e, if there is one. */
int cnc__rsm_read(struct cnc__rsm *r, const struct cnc_element *e,
                  struct cnc_error *err);
/* first NULL: nothing was found.  index: of first; SIZE_MAX: not known. */
void cnc__rsm_write(struct cnc__str *out, const char *first, size_t index,
                    const char *last, size_t count);
/* Which items [*from, *to) of n to answer with, at most max and (but for the
 * first) CNC__PAGE_BYTES; item-not-found. */
int cnc__rsm_items(size_t *from, size_t *to, const struct cnc__rsm *r,
                   const struct cnc__node *n, size_t max, bool payloads,
                   struct cnc_error *err);

/* -- verbs: an IQ's handlers; each answers *rp ---------------------------- */

struct cnc__verb {
    struct cnc__pubsub *ps;
    struct cnc__request *request;
    struct cnc_element *pubsub, *verb; /* <pubsub/> and its first child */
    struct cnc__node *node;            /* named by the verb; may be NULL */
    const char *node_name;             /* NULL when none was named */
    struct cnc__actor actor;
};
typedef int cnc__verb_f(struct cnc__verb *v, struct cnc_error *err);
/* Each returns 0 when it has answered or will, or an error to answer with. */
int cnc__verb_publish(struct cnc__verb *v, struct cnc_error *err);
int cnc__verb_retract(struct cnc__verb *v, struct cnc_error *err);
int cnc__verb_purge(struct cnc__verb *v, struct cnc_error *err);
int cnc__verb_delete(struct cnc__verb *v, struct cnc_error *err);
int cnc__verb_create(struct cnc__verb *v, struct cnc_error *err);
int cnc__verb_default(struct cnc__verb *v, struct cnc_error *err);
int cnc__verb_get_config(struct cnc__verb *v, struct cnc_error *err);
int cnc__verb_set_config(struct cnc__verb *v, struct cnc_error *err);
int cnc__verb_items(struct cnc__verb *v, struct cnc_error *err);
int cnc__verb_subscribe(struct cnc__verb *v, struct cnc_error *err);
int cnc__verb_unsubscribe(struct cnc__verb *v, struct cnc_error *err);
int cnc__verb_subscriptions(struct cnc__verb *v, struct cnc_error *err);
int cnc__verb_affiliations(struct cnc__verb *v, struct cnc_error *err);
int cnc__verb_get_affiliations(struct cnc__verb *v, struct cnc_error *err);
int cnc__verb_set_affiliations(struct cnc__verb *v, struct cnc_error *err);
int cnc__verb_get_subscriptions(struct cnc__verb *v, struct cnc_error *err);
int cnc__verb_set_subscriptions(struct cnc__verb *v, struct cnc_error *err);

/* v's request is taken over by the transaction. */
void cnc__verb_hand_over(struct cnc__verb *v, struct cnc__txn *t);
void cnc__verb_result(struct cnc__verb *v, struct cnc__str *xml);

void cnc__verbs_register(struct cnc__pubsub *ps);
void cnc__disco_init(struct cnc__pubsub *ps);
/* <item/> of each node that this one may see, or a page of them (XEP-0059);
 * how many there are. */
size_t cnc__disco_nodes(struct cnc__str *out, struct cnc__pubsub *ps,
                        const struct cnc__request *r);
/* What is said of a node, or its items. */
int cnc__disco_of_node(struct cnc__str *out, const struct cnc__node *n,
                       bool items, const struct cnc__request *r);
void cnc__history_init(struct cnc__pubsub *ps);

#endif /* CNC_PUBSUB_IMPL_H */
