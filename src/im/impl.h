/* SPDX-License-Identifier: MIT */
/*
 * impl.h -- what the files behind im.h share.
 *
 *   session --outbound--> extensions -> presence.c -> (router)
 *   (router) --inbound--> extensions -> presence.c | message.c -> sessions
 *                                              nobody there -> extensions
 *
 * An extension is asked in the order of extensions.c.  An account has a
 * struct cnc__im_user once anything is kept for it or it has sent presence; a
 * session has a struct cnc__im_session from its first presence or roster.
 */
#ifndef CNC_IM_IMPL_H
#define CNC_IM_IMPL_H

#include "../base/log.h"
#include "../base/table.h"
#include "../base/text.h"
#include "../xml/write.h"
#include "../xmpp/errors.h"
#include "../xmpp/jid.h"
#include "im.h"

#define CNC__NS_ROSTER   "jabber:iq:roster"
#define CNC__NS_BLOCKING "urn:xmpp:blocking"
#define CNC__NS_CARBONS  "urn:xmpp:carbons:2"
#define CNC__NS_DELAY    "urn:xmpp:delay"
#define CNC__NS_FORWARD  "urn:xmpp:forward:0"
#define CNC__NS_HINTS    "urn:xmpp:hints"
#define CNC__NS_SID      "urn:xmpp:sid:0"
#define CNC__NS_CAPS     "http://jabber.org/protocol/caps"
#define CNC__NS_INFO     "http://jabber.org/protocol/disco#info"
#define CNC__NS_ITEMS    "http://jabber.org/protocol/disco#items"
#define CNC__NS_MUC_USER "http://jabber.org/protocol/muc#user"

/* -- accounts and sessions ------------------------------------------------ */

struct cnc__im_user {
    struct cnc__im *im;
    char *name; /* local part */
    char *bare;
    struct cnc__roster *roster; /* each NULL until there is something */
    struct cnc__offline *offline;
    struct cnc__table *blocked; /* JIDs */
    size_t n_blocking;          /* JIDs on their way there */
    struct cnc__mam *mam;
    struct cnc_buf *vcard;
    struct cnc__table *private_; /* "NAME NS" -> cnc_buf */
    size_t private_bytes;
    size_t private_coming,
        n_private_coming; /* bytes, elements: on their way */
};

struct cnc__caps;

struct cnc__im_session {
    struct cnc__session *session;
    bool interested;  /* has asked for the roster: gets pushes */
    bool available;   /* has sent presence */
    bool blocklist;   /* has asked for the blocked */
    bool carbons;     /* wants copies */
    bool announced;   /* on_available was called with first */
    int8_t priority;  /* RFC 6121 4.7.2.3 */
    uint64_t reached; /* the last message that was given to it itself */
    struct cnc_element *presence; /* the last one without `to`; with from */
    struct cnc__table *directed;  /* who else heard that it is there */
    struct cnc__caps *caps;       /* counted; NULL: said none */
};

/* A stanza from a session, before it is routed. */
struct cnc__im_out {
    struct cnc__im *im;
    struct cnc__im_user *user;
    struct cnc__session *session;
    enum cnc__stanza kind;
    const char *to;   /* prepared; NULL: had none */
    const char *type; /* NULL: had none */
    struct cnc_element *stanza;
    char archive_id[64]; /* "": it is not in the sender's archive */
};

/* A stanza to an account. */
struct cnc__im_in {
    struct cnc__im *im;
    struct cnc__im_user *user; /* NULL: no such account */
    enum cnc__where where;
    enum cnc__stanza kind;
    const char *from, *to; /* prepared */
    const char *type;      /* NULL: had none */
    /* As it came.  An extension may put another in its place; the one who
     * called unrefs whatever is there in the end. */
    struct cnc_element *stanza;
    uint64_t serial;  /* of this delivery: marks sessions it reached */
    bool again;       /* was delivered once before: no copies */
    int64_t stamp_ms; /* when it came; 0: now */
};

/* -- extensions ----------------------------------------------------------- */

struct cnc__im_change;
struct cnc__im_ext {
    const char *name;
    const char *features[6];         /* of the domain; up to NULL */
    const char *account_features[6]; /* of each account */
    const char *spaces[4];           /* KEY entries: their nodes */
    void (*init)(struct cnc__im *im);
    /* id is "USER/KEY"; key is what follows the '/'.  False: nonsense. */
    bool (*load)(struct cnc__im_user *u, const struct cnc_store_entry *e,
                 const char *key);
    /* The account ends: write what takes its entries away (c), and tell whom
     * it concerns.  Memory is freed by free_user. */
    void (*forget)(struct cnc__im_user *u, struct cnc__im_change *c);
    void (*free_user)(struct cnc__im_user *u);
    /* True: it took care of it. */
    bool (*outbound)(struct cnc__im_out *o);
    bool (*inbound)(struct cnc__im_in *in);
    /* A message was given to those sessions whose `reached` is in->serial. */
    void (*delivered)(struct cnc__im_in *in);
    /* A message found nobody.  True: it is kept. */
    bool (*undelivered)(struct cnc__im_in *in);
    /* A session may have messages now (its priority is not negative any more);
     * or is available for the first time: first. */
    void (*available)(struct cnc__im_user *u, struct cnc__im_session *s,
                      bool first);
    void (*tick)(struct cnc__im *im, int64_t now_ms);
    void (*fini)(struct cnc__im *im);
};
extern const struct cnc__im_ext cnc__im_roster, cnc__im_blocking,
    cnc__im_archive, cnc__im_carbons, cnc__im_offline, cnc__im_vcard,
    cnc__im_private, cnc__im_registration;
extern const struct cnc__im_ext *const cnc__im_all[]; /* up to NULL */
#define CNC__IM_EXTS 8

/* -- the room ------------------------------------------------------------- */

struct cnc__im_listener {
    cnc__im_available_f *available;
    cnc__im_unavailable_f *unavailable;
    cnc__im_disco_f *disco;
    void *priv;
    struct cnc__im_listener *next;
};

struct cnc__im {
    unsigned magic;
    struct cnc__im_env env; /* without: not kept */
    struct cnc__im_limits limits;
    struct cnc__router *router;
    const char *domain;                               /* the router's */
    const struct cnc__im_ext *exts[CNC__IM_EXTS + 1]; /* those there are */
    struct cnc__table *users;            /* bare -> struct cnc__im_user */
    struct cnc__table *account_features; /* in the order of naming */
    struct cnc__im_change *changes;      /* on their way to the store */
    struct cnc__im_listener *listeners;
    struct cnc__im_far *far_;     /* resources of other domains: far.c */
    struct cnc__table *caps;      /* hash -> struct cnc__caps: caps.c */
    uint64_t serial;              /* of deliveries */
    bool offline_more;            /* somebody waits for the rest */
    int64_t offline_next_ms;      /* when to look for what is too old */
    struct cnc__table *addresses; /* of those who register: registration.c */
    uint64_t n_available, n_contacts, n_offline, n_messages;
    uint64_t n_archived, archived_bytes, offline_bytes;
};

/* The account of a bare JID (of the first len bytes of a JID), or NULL when
 * there is none or nothing is kept for it. */
struct cnc__im_user *cnc__im_user(const struct cnc__im *im, const char *bare,
                                  size_t len);
/* The same, made when the account exists; NULL: it does not. */
struct cnc__im_user *cnc__im_user_make(struct cnc__im *im, const char *bare,
                                       size_t len);
/* The account a session is of; NULL when it is of none (by the link). */
struct cnc__im_user *cnc__im_user_of(struct cnc__im *im,
                                     const struct cnc__session *s);
struct cnc__session *cnc__im_sessions(const struct cnc__im_user *u);
/* NULL: has none yet. */
static inline struct cnc__im_session *
cnc__im_state(const struct cnc__session *s)
{
    return s->im;
}
struct cnc__im_session *cnc__im_state_make(struct cnc__session *s);
int64_t cnc__im_now(const struct cnc__im *im);

/* -- changes: change.c ---------------------------------------------------- */

/* Operations that are kept together.  done is called once, when they are (or
 * err), also when the room ends before; then the change is freed. */
struct cnc__im_change {
    struct cnc__commit commit;
    struct cnc__im *im;
    size_t cap;
    bool over; /* done was called, the commit was not answered */
    void (*done)(struct cnc__im_change *c, const struct cnc_error *err);
    void *priv;
    struct cnc__im_change *next, **prev;
};
typedef void cnc__im_kept_f(struct cnc__im_change *c,
                            const struct cnc_error *err);
/* done may be NULL: a failure is logged. */
struct cnc__im_change *cnc__im_change_new(struct cnc__im *im,
                                          cnc__im_kept_f *done, void *priv);
/* Entry (space, "USER/key"). */
void cnc__im_put(struct cnc__im_change *c, const char *space,
                 const struct cnc__im_user *u, const char *key,
                 const char *value, size_t len);
void cnc__im_del(struct cnc__im_change *c, const char *space,
                 const struct cnc__im_user *u, const char *key);
/* *steals* c.  Without operations done comes now. */
void cnc__im_commit(struct cnc__im_change *c);
/* *steals* c, which is not to be: done comes now, with err. */
void cnc__im_change_drop(struct cnc__im_change *c,
                         const struct cnc_error *err);
void cnc__im_changes_end(struct cnc__im *im);

/* -- sending: send.c ------------------------------------------------------ */

/* Route to a prepared address, as from says. */
void cnc__im_route(struct cnc__im *im, const char *from, const char *to,
                   const struct cnc_element *stanza);
/* <presence type=... from=... to=.../>; type NULL: available. */
void cnc__im_presence(struct cnc__im *im, const char *type, const char *from,
                      const char *to);
/* Give serialised XML to a session. */
void cnc__im_give(struct cnc__session *s, struct cnc__str *xml);
/* Answer an IQ or refuse a stanza that came to an account, without a request.
 * payload: serialised children. */
void cnc__im_result(struct cnc__im_in *in, const char *payload, size_t len);
void cnc__im_refuse(struct cnc__im_in *in, int code, const char *condition,
                    const char *text);
/* A *new* mutable copy of a message with <delay/> of its account added. */
struct cnc_element *cnc__im_delayed(const struct cnc_element *stanza,
                                    const char *by, int64_t stamp_ms);
/* Append <forwarded/> (XEP-0297); stamp_ms 0: without delay. */
void cnc__im_forward(struct cnc__str *out, const struct cnc_element *stanza,
                     int64_t stamp_ms);
/* The child of that hint (XEP-0334). */
bool cnc__im_hint(const struct cnc_element *stanza, const char *name);
/* Its type, as RFC 6121 5.2.2 reads it: what is unknown is normal. */
const char *cnc__im_message_type(const char *type);

/* -- roster --------------------------------------------------------------- */

enum {
    CNC__SUB_TO = 1,
    CNC__SUB_FROM = 2,
    CNC__SUB_PENDING_OUT = 4,
    CNC__SUB_PENDING_IN = 8,
    CNC__SUB_APPROVED = 16
};

struct cnc__contact {
    char *jid;
    char *name;    /* NULL: none */
    char **groups; /* n_groups */
    char *request; /* of a pending request: the stanza's XML, or NULL */
    uint64_t ver;
    uint32_t n_groups;
    uint8_t bits; /* CNC__SUB_... */
    bool listed;  /* false: only a request that waits */
    bool removed; /* kept for those who know an older version */
};

struct cnc__roster_job;
struct cnc__roster {
    struct cnc__table *contacts; /* JID -> struct cnc__contact */
    char epoch[9];
    uint64_t ver, floor; /* changes up to floor are not known one by one */
    size_t n_listed, n_requests, n_removed, bytes;
    /* Changes are made one after the other, each when the one before it is
     * kept. */
    struct cnc__roster_job *first, **last;
    size_t n_jobs;
    bool busy;
};

/* The item of a contact, listed or not; NULL: none. */
const struct cnc__contact *cnc__im_contact(const struct cnc__im_user *u,
                                           const char *bare);
/* subscribe.c: a subscription stanza (RFC 6121 3); out: by the user. */
enum cnc__sub_verb {
    CNC__SAY_SUBSCRIBE,
    CNC__SAY_SUBSCRIBED,
    CNC__SAY_UNSUBSCRIBE,
    CNC__SAY_UNSUBSCRIBED,
    CNC__SUB_NONE /* no such stanza */
};
enum cnc__sub_verb cnc__sub_verb(const char *type);
/* Appendix A: the state after it; *pass: routed (out) or delivered (in). */
CNC_API uint8_t cnc__sub_next(uint8_t bits, enum cnc__sub_verb v, bool out,
                              bool *pass);

#endif /* CNC_IM_IMPL_H */
