/* SPDX-License-Identifier: MIT */
/*
 * s2s-priv.h -- what the files of this room share.
 *
 *   s2s.c       the room: life, time, looking on
 *   policy.c    who may, and how
 *   queue.c     stanzas that wait; when to try again
 *   pair.c      what is on its way to a domain
 *   out.c       streams that we dialled
 *   in.c        streams that came
 *   dialback.c  keys, and <db:result/> and <db:verify/> both ways
 *   stanza.c    stanzas that come in, and what all streams have in common
 */
#ifndef CNC_S2S_S2S_PRIV_H
#define CNC_S2S_S2S_PRIV_H

#include "../base/log.h"
#include "../base/text.h"
#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "../xmpp/role.h"
#include "queue.h"
#include "s2s.h"

#define CNC__S2S_NS_BIDI         "urn:xmpp:bidi"
#define CNC__S2S_NS_BIDI_FEATURE "urn:xmpp:features:bidi"
#define CNC__S2S_NS_DB_FEATURE   "urn:xmpp:features:dialback"
#define CNC__S2S_NS_LIMITS       "urn:xmpp:stream-limits:0"
#define CNC__S2S_KEY_MAX         256u /* bytes of a dialback key we look at */
#define CNC__S2S_ID_MAX          256u /* bytes of a stream's id we take */

struct cnc__s2s_domain;
struct cnc__s2s_late;
struct cnc__s2s_stream;

/* A key that came in on a stream of theirs; we ask the domain's server. */
struct cnc__s2s_verify {
    struct cnc__s2s_verify *next; /* of its pair */
    struct cnc__s2s_pair *pair;
    struct cnc__s2s_stream *from; /* where the key came */
    struct cnc__s2s_stream *via;  /* where the question went; NULL: not yet */
    uint64_t until_ms;
    char *id, *key;
};

/* Stanzas from a host of ours to a domain of theirs. */
struct cnc__s2s_pair {
    struct cnc__s2s_pair *next; /* of the domain */
    struct cnc__s2s *s2s;
    struct cnc__s2s_domain *domain;
    char *host;
    struct cnc__s2s_queue queue;
    struct cnc__s2s_verify *verifies;
    void *dial;
    struct cnc__s2s_stream *out;    /* that we dialled, or share */
    struct cnc__s2s_stream *stream; /* where stanzas go: out, or one of theirs
                                       with bidi; NULL: not ready */
    bool asked;                     /* <db:result/> or <auth/> is out */
    bool own;         /* needs a stream of its own: sharing was refused */
    bool no_external; /* <auth/> was refused */
    uint64_t asked_ms, since_ms, used_ms;
};

struct cnc__s2s_domain {
    char *name;
    struct cnc__s2s_pair *pairs;
    unsigned fails;        /* in a row */
    bool definite;         /* the last one: no use in waiting */
    uint64_t retry_ms;     /* not before; 0: any time */
    uint64_t seen_ms;      /* something was wanted */
    const char *condition; /* of the last failure; static */
    char *error;           /* and its text; NULL: none */
};

/* What the peer has proved, or wants to: a domain of theirs may send to a
 * host of ours.  Found by "DOMAIN HOST". */
struct cnc__s2s_grant {
    struct cnc__s2s_verify *verify; /* under way; NULL: it may */
    uint64_t since_ms;
};

struct cnc__s2s_stream {
    unsigned magic;
    struct cnc__s2s *s2s;
    struct cnc__stream *s;
    struct cnc__s2s_stream *next, *prev;
    bool out;      /* we dialled */
    bool open;     /* out: features are in, dialback may be spoken */
    bool external; /* proved by certificate */
    bool bidi;
    bool challenged; /* in: an empty <challenge/> is out */
    bool tls_said;   /* out: <starttls/> is out */
    bool auth_said;  /* out: <auth/> is out */
    bool offers_external, offers_dialback, offers_bidi, declares_dialback;
    bool cert;     /* the peer's certificate names domain */
    uint8_t tries; /* in: refused <auth/> */
    char *domain;  /* theirs: dialled, or the header's from; may be NULL */
    char *host;    /* ours */
    char *peer_id; /* out: the id of their header */
    char *error;   /* why it ends; NULL: none */
    const char *definite; /* out: and no trying again mends it: the condition
                             for all who wait */
    char *counted;        /* in: the domain among whose streams it counts */
    char tls[16];
    uint32_t peer_max;         /* bytes of a stanza that they take; 0: any */
    struct cnc__table *grants; /* may be NULL */
    size_t n_grants;           /* proved ones */
    size_t n_asked;            /* under way */
    size_t n_pairs;            /* pairs whose out or stream this is */
    struct cnc__s2s_pair *dialled_for; /* out; NULL: gone */
    uint64_t since_ms, used_ms, pinged_ms;
};

struct cnc__s2s {
    unsigned magic;
    struct cnc__s2s_env env;
    struct cnc__s2s_options o;
    struct cnc__stream_env stream_env;
    struct cnc__table *domains; /* name -> struct cnc__s2s_domain */
    struct cnc__table *n_in;    /* name -> streams of theirs, as a number */
    struct cnc__s2s_stream *streams;
    uint64_t now_ms;
    size_t waiting; /* bytes in all queues */
    size_t n_asked;
    bool closed;
    unsigned carrying;          /* depth of the carrier: give nothing back */
    struct cnc__s2s_late *late; /* what goes back at the next tick */
    char secret[65];
    struct cnc__s2s_stats stats;
};

extern const struct cnc__stream_role cnc__role_s2s_in, cnc__role_s2s_out;

#define CNC__S2S_MAGIC        0x53325352u
#define CNC__S2S_STREAM_MAGIC 0x53325353u

/* -- s2s.c --------------------------------------------------------------- */

/* A *new* entry among the streams. */
struct cnc__s2s_stream *cnc__s2s_stream_add(struct cnc__s2s *s, bool out);
bool cnc__s2s_is_host(const struct cnc__s2s *s, const char *domain);
/* A host of ours or a neighbour's: no peer is that. */
bool cnc__s2s_is_ours(const struct cnc__s2s *s, const char *domain);
/* A stream of theirs that is for host goes to host's room. */
void cnc__s2s_stream_move(struct cnc__s2s_stream *st, const char *host);

/* -- policy.c ------------------------------------------------------------ */

bool cnc__s2s_may(const struct cnc__s2s *s, const char *domain);
bool cnc__s2s_needs_tls(const struct cnc__s2s *s, const char *domain);
bool cnc__s2s_needs_cert(const struct cnc__s2s *s, const char *domain);
/* text, which is len bytes, as a prepared domain alone. */
bool cnc__s2s_domain_of(char out[CNC__JID_MAX + 1], const char *text);
/* Does the peer's certificate prove that it is domain? */
bool cnc__s2s_cert_names(const struct cnc__s2s_stream *st, const char *domain);

/* -- pair.c -------------------------------------------------------------- */

/* The carrier (router.h). */
cnc__carrier_f cnc__s2s_carry;
/* Found, or *new*; NULL: too many domains. */
struct cnc__s2s_pair *cnc__s2s_pair_get(struct cnc__s2s *s, const char *host,
                                        const char *domain);
struct cnc__s2s_pair *cnc__s2s_pair_find(struct cnc__s2s *s, const char *host,
                                         const char *domain);
/* Something is wanted of it: connect, share, or ask to be believed. */
void cnc__s2s_pair_go(struct cnc__s2s *s, struct cnc__s2s_pair *p);
/* Stanzas can go over st. */
void cnc__s2s_pair_ready(struct cnc__s2s *s, struct cnc__s2s_pair *p,
                         struct cnc__s2s_stream *st);
/* Send what waits, as far as the stream takes it. */
void cnc__s2s_pair_flush(struct cnc__s2s *s, struct cnc__s2s_pair *p);
/* Not any more over st. */
void cnc__s2s_pair_detach(struct cnc__s2s_pair *p, struct cnc__s2s_stream *st);
/* st has ended. */
void cnc__s2s_pair_lost(struct cnc__s2s *s, struct cnc__s2s_pair *p,
                        struct cnc__s2s_stream *st);
/* It came to nothing: try again later, or, definite, tell all who wait. */
void cnc__s2s_pair_failed(struct cnc__s2s *s, struct cnc__s2s_pair *p,
                          bool definite, const char *condition,
                          const char *text);
/* Give back what waits, and end its questions. */
void cnc__s2s_pair_bounce(struct cnc__s2s *s, struct cnc__s2s_pair *p,
                          const char *condition, const char *text);
void cnc__s2s_pairs_tick(struct cnc__s2s *s);
void cnc__s2s_late_free(struct cnc__s2s *s);
void cnc__s2s_domain_free(struct cnc__s2s *s, struct cnc__s2s_domain **dp);

/* -- out.c --------------------------------------------------------------- */

extern const struct cnc__s2s_dial_events cnc__s2s_dial_events;
/* Ask over st, which is open, to be believed as p's host. */
void cnc__s2s_out_ask(struct cnc__s2s *s, struct cnc__s2s_pair *p,
                      struct cnc__s2s_stream *st);

/* -- dialback.c ---------------------------------------------------------- */

void cnc__s2s_dialback(struct cnc__s2s_stream *st, struct cnc_element *e);
/* Send the questions of p that wait for st. */
void cnc__s2s_verify_send(struct cnc__s2s_pair *p, struct cnc__s2s_stream *st);
/* How one ended: type is "valid", "invalid" or "error" with a condition.
 * Frees it. */
void cnc__s2s_verify_end(struct cnc__s2s *s, struct cnc__s2s_verify *v,
                         const char *type, const char *condition);
/* The stream that it came from has gone. */
void cnc__s2s_verify_drop(struct cnc__s2s *s, struct cnc__s2s_verify *v);

/* -- stanza.c ------------------------------------------------------------ */

/* A stanza, or what else may come on an open stream. */
void cnc__s2s_element(struct cnc__s2s_stream *st, struct cnc_element *e);
/* May from's domain send to host on it? */
bool cnc__s2s_granted(const struct cnc__s2s_stream *st, const char *domain,
                      const char *host);
/* The peer is believed (domain: as this one), or believes us (NULL): the
 * limits of before are gone.  False: it was one stream too many, and ended. */
bool cnc__s2s_bound(struct cnc__s2s_stream *st, const char *domain);
/* End it with a stream error (NULL: without), and keep why. */
void cnc__s2s_end(struct cnc__s2s_stream *st, const char *condition,
                  const char *text);
/* Close a stream of ours that no pair needs. */
void cnc__s2s_end_unused(struct cnc__s2s_stream *st, const char *why);
/* One element, bounded like a stanza; frees xml. */
void cnc__s2s_say(struct cnc__s2s_stream *st, struct cnc__str *xml);
void cnc__s2s_add_limits(struct cnc__str *out, const struct cnc__s2s *s);
/* XEP-0478, from features or <bidi/>. */
void cnc__s2s_note_limits(struct cnc__s2s_stream *st,
                          const struct cnc_element *e);
void cnc__s2s_note_tls(struct cnc__s2s_stream *st);
void cnc__s2s_closed(struct cnc__stream *s); /* both roles' on_closed */
void cnc__s2s_tick_stream(struct cnc__stream *s);
void cnc__s2s_fini_stream(struct cnc__stream *s);

#endif /* CNC_S2S_S2S_PRIV_H */
