/* SPDX-License-Identifier: MIT */
/*
 * im.h -- instant messaging for the accounts of one domain: RFC 6121's roster,
 * subscriptions, presence and delivery, and what clients expect beside it.
 *
 * It hangs on the router's accounts hooks and sees every stanza from a session
 * and to an account.  What is durable lives in memory, with limits, and is
 * kept as KEY entries through env.commit: a change is visible, acknowledged
 * and told only after it is durable.  One thread (the core).
 *
 * Each part is an extension: one const struct in a file of its own, listed in
 * extensions.c.  A domain may leave some out by name; then nothing of it is
 * advertised or answered, and an app may answer its payload instead:
 *
 *   roster        RFC 6121 2 and 3: contacts and subscriptions; without it
 *                 presence reaches the account's own resources alone
 *   offline       XEP-0160: messages wait for who is away
 *   carbons       XEP-0280: the account's other resources see them too
 *   archive       XEP-0313: what was said, and XEP-0359: its ids
 *   blocking      XEP-0191
 *   vcard         XEP-0054
 *   private       XEP-0049
 *   registration  XEP-0077: a new password, and the account's end
 *
 * WHAT THE SERVICE DOES
 *   cnc__im_new() after the router and before the first session; every KEY
 *   entry to cnc__im_load(), which says whether it was its own; load_done();
 *   tick() once a second.  A stream that is authenticated offers what
 *   cnc__im_stream_features() has.  cnc__im_account_deleted() after an account
 *   is gone from the store, before its sessions are closed.
 *
 * WHAT NOBODY LEARNS
 *   Whether there is an account: a stranger hears the same of one that is not
 *   there and of one that does not let him see its presence.
 */
#ifndef CNC_IM_IM_H
#define CNC_IM_IM_H

#include "../pubsub/pubsub.h"

struct cnc__im;

/* Zero: the default in brackets. */
struct cnc__im_limits {
    uint32_t roster_items;   /* of one roster [2000] */
    uint32_t roster_bytes;   /* names, groups, addresses of one [512 kB] */
    uint32_t roster_groups;  /* of one item [32] */
    uint32_t requests;       /* unanswered requests to subscribe [200] */
    uint32_t queue;          /* changes of one roster under way [500] */
    uint32_t presence_bytes; /* of a presence that is kept [16 kB] */
    uint32_t directed;       /* whom one session told it is there [500] */
    uint32_t far_resources;  /* of other domains, all accounts [200000] */
    uint32_t caps;           /* hashes that are known [10000] */
    uint32_t offline;        /* messages that wait for an account [200] */
    uint32_t offline_bytes;  /* of them [2 MB] */
    uint64_t offline_all;    /* bytes of all accounts' [256 MB] */
    uint32_t offline_s;      /* how long they wait, seconds [30 days] */
    uint32_t blocked;        /* JIDs an account has blocked [1000] */
    uint32_t archive;        /* messages of an account's archive [5000] */
    uint32_t archive_bytes;  /* of them [4 MB] */
    uint32_t archive_page;   /* messages of one answer [100] */
    uint64_t archive_all;    /* bytes of all archives [512 MB] */
    uint32_t vcard_bytes;    /* [64 kB] */
    uint32_t private_bytes;  /* all of an account's private data [128 kB] */
    uint32_t private_items;  /* [64] */
};

/* What became of a registration: err NULL: done. */
typedef void cnc__im_done_f(const struct cnc_error *err, void *priv);

struct cnc__im_env {
    struct cnc__router *router;
    void (*commit)(struct cnc__commit *c, void *priv);
    int64_t (*now_ms)(void *priv); /* Unix time */
    /* Is there an account of this local part? */
    bool (*account_exists)(const char *user, void *priv);
    /* XEP-0077; NULL: not offered.  Each calls done later, or now.  set: make
     * the account (must_be_new) or change its password.  del: it ends;
     * cnc__im_account_deleted() follows. */
    void (*account_set)(const char *user, const char *password,
                        bool must_be_new, cnc__im_done_f *done,
                        void *done_priv, void *priv);
    void (*account_del)(const char *user, cnc__im_done_f *done,
                        void *done_priv, void *priv);
    bool register_open; /* strangers may make accounts */
    /* Is that name one that means something (an operator's), which no
     * stranger may have?  NULL: none but the usual ones. */
    bool (*is_reserved)(const char *user, void *priv);
    const char *const *without; /* extensions left out; NULL-terminated */
    struct cnc__im_limits limits;
    void *priv;
};

/* Takes the router's accounts hooks, registers handlers. */
CNC_API struct cnc__im *cnc__im_new(const struct cnc__im_env *env);
/* The router's sessions have ended before. */
CNC_API void cnc__im_free(struct cnc__im **ip);

/* Start-up: true when the entry is one of ours.  One that cannot be read is
 * logged and left alone. */
CNC_API bool cnc__im_load(struct cnc__im *im, const struct cnc_store_entry *e);
CNC_API void cnc__im_load_done(struct cnc__im *im);
CNC_API void cnc__im_tick(struct cnc__im *im);
/* An account is no more: its contacts are told, its data is forgotten.  Also
 * before one is made anew: the service may have died between the end of the
 * account and that of its data, and a new owner must not get the old one's. */
CNC_API void cnc__im_account_deleted(struct cnc__im *im, const char *user);
/* Is the extension there? */
CNC_API bool cnc__im_has(const struct cnc__im *im, const char *name);
/* Children of <stream:features/> once a stream is authenticated: roster
 * versioning (RFC 6121 2.6.1), pre-approval (3.4.1). */
CNC_API void cnc__im_stream_features(const struct cnc__im *im,
                                     struct cnc__str *out);

struct cnc__im_stats {
    uint64_t accounts;  /* that have anything here */
    uint64_t available; /* resources */
    uint64_t contacts, offline, archived, archived_bytes, far_resources;
    uint64_t messages; /* to accounts, since the start */
};
CNC_API void cnc__im_stats(const struct cnc__im *im,
                           struct cnc__im_stats *out);

/* -- for pubsub: who may see what (XEP-0163) ------------------------------ */

/* bare JIDs, prepared.  May contact see owner's presence (subscription from or
 * both), or is he the owner himself? */
CNC_API bool cnc__im_contact_subscribed(const struct cnc__im *im,
                                        const char *owner,
                                        const char *contact);
/* Is contact in that group of owner's roster? */
CNC_API bool cnc__im_in_group(const struct cnc__im *im, const char *owner,
                              const char *contact, const char *group);
/* Does owner refuse to hear from jid (XEP-0191)? */
CNC_API bool cnc__im_blocks(const struct cnc__im *im, const char *owner,
                            const char *jid);
/* Did the client at this full JID, of this domain or another, say in its
 * capabilities (XEP-0115) that it has this feature?  Only features that end in
 * "+notify" are remembered.  False while nothing is known. */
CNC_API bool cnc__im_wants(const struct cnc__im *im, const char *full,
                           const char *feature);
/* Every resource that is available now and may see owner's presence: owner's
 * own, and those of contacts, of this domain and of others.  contact: of that
 * bare JID alone; NULL: all.  f must not change rosters or presence. */
typedef void cnc__im_resource_f(const char *full, void *priv);
CNC_API void cnc__im_each_available(const struct cnc__im *im,
                                    const char *owner, const char *contact,
                                    cnc__im_resource_f *f, void *priv);

/*
 * A resource that may see owner's presence is there, and what it wants is
 * known: called when it has become available (first), and again when its
 * capabilities change.  For an own resource owner is its account; for one of a
 * contact it is called for each owner it may see.  With first set, this is the
 * moment of last items (XEP-0163 4.3.4).
 */
typedef void cnc__im_available_f(const char *owner, const char *full,
                                 bool first, void *priv);
CNC_API void cnc__im_on_available(struct cnc__im *im, cnc__im_available_f *f,
                                  void *priv);
/* The resource is gone, for everybody (owner NULL) or may not see owner's
 * presence any more. */
typedef void cnc__im_unavailable_f(const char *owner, const char *full,
                                   void *priv);
CNC_API void cnc__im_on_unavailable(struct cnc__im *im,
                                    cnc__im_unavailable_f *f, void *priv);
/* Also name this feature in disco#info of every account (bare JIDs), and
 * identities or forms: f writes children of <query/>. */
CNC_API void cnc__im_account_feature(struct cnc__im *im, const char *feature);
typedef void cnc__im_disco_f(struct cnc__str *out, const char *owner,
                             const struct cnc__request *q, void *priv);
CNC_API void cnc__im_account_disco(struct cnc__im *im, cnc__im_disco_f *f,
                                   void *priv);

/* -- for streams ---------------------------------------------------------- */

/* XEP-0077 by somebody who has no account, on a stream that is not
 * authenticated (but encrypted): an IQ with {jabber:iq:register}query.  from:
 * the address it comes from, which may make a few accounts an hour.  reply is
 * called once, now or later, with the answer; also when it is not allowed
 * (env.register_open).  Where it is, such a stream offers
 * <register xmlns='http://jabber.org/features/iq-register'/>. */
typedef void cnc__im_reply_f(const char *xml, size_t len, void *priv);
CNC_API void cnc__im_register(struct cnc__im *im, const char *from,
                              const struct cnc_element *iq,
                              cnc__im_reply_f *reply, void *priv);
/* XEP-0280 as if the session had asked for it (inline in Bind 2). */
CNC_API void cnc__im_enable_carbons(struct cnc__im *im,
                                    struct cnc__session *s);
/*
 * What a session was given and never had, after it is lost for good (XEP-0198
 * 5): one serialised stanza, "jabber:client" in scope.  Call after the
 * session was unbound.  Not cnc__router_route(): the archive has it already,
 * copies were made, and it must say when it was sent.  A message goes, with
 * the delay since sent_ms (Unix time), to the account's other resources that
 * did not get a copy, or waits; a request is answered with an error; presence
 * is dropped, for its end was told.
 */
CNC_API void cnc__im_undelivered(struct cnc__im *im, const char *full,
                                 const char *xml, size_t len, int64_t sent_ms);

#endif /* CNC_IM_IM_H */
