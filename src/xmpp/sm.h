/* SPDX-License-Identifier: MIT */
/*
 * sm.h -- stream management (XEP-0198) of clients' streams, and what a client
 * that nobody looks at need not hear at once (XEP-0352).
 *
 *   session_send -> csi.c: may it wait? -> sm.c: kept -> stream
 *                                            |   ^
 *                              <a h='N'/> frees  resumed: sent again
 *
 *   stream lost -> the session waits without a stream; what is sent to it is
 *     -> resumed: all that was not acknowledged is sent again, in order
 *     -> too late, too much: it ends; messages go back to the router
 *
 * What ends a session at once: the client's </stream:stream> or <close/>, and
 * whatever we end with a stream error, but for a peer that has gone silent.
 * What makes it wait: an end without a word (also a bare close frame: RFC 7395
 * 3.6), and silence.
 *
 * Shared tails stay by reference here as they do in lazy.c.  What a slow
 * client has not acknowledged is not all given to its stream: the rest comes
 * with its acks, so no socket's buffer grows past a quarter of max_queue.
 *
 * Who may resume: the account itself, authenticated again.  An anonymous
 * visitor has no account: the id that <enabled/> told is all it has to show,
 * 128 random bits that went through the visitor's own TLS and open no more
 * than its own session did (what is public, and forms).  It must have logged
 * in as ANONYMOUS again, so the id is worth nothing on an account's stream,
 * and an account's id nothing on an anonymous one.
 */
#ifndef CNC_XMPP_SM_H
#define CNC_XMPP_SM_H

#include "stream.h"

#define CNC__NS_SM  "urn:xmpp:sm:3"
#define CNC__NS_CSI "urn:xmpp:csi:0"

/* Zero: the default in brackets. */
struct cnc__sm_config {
    uint32_t timeout_ms;     /* without a stream [300 s]; a client may ask for
                                less */
    bool no_resumption;      /* acks alone */
    uint32_t max_stanzas;    /* not acknowledged, of one session [10000] */
    uint32_t max_bytes;      /* the same in bytes, shared ones too [2 MB] */
    uint64_t max_all;        /* bytes, of all sessions, without what is shared
                                [256 MB] */
    uint32_t max_waiting;    /* sessions without a stream [10000]; anonymous
                                ones: a quarter of it */
    uint32_t max_waiting_of; /* of one account [10]; then its oldest ends */
    uint32_t ask_stanzas;    /* an <r/> after so many [10] ... */
    uint32_t ask_bytes;      /* ... or so much [32 kB] */
    uint32_t first; /* where both counts begin; not 0 in a test of what
                       happens at 2^32 */
};
CNC_API void cnc__sm_configure(struct cnc__router *r,
                               const struct cnc__sm_config *config);

struct cnc__sm_stats {
    uint64_t waiting;  /* sessions without a stream */
    uint64_t bytes;    /* kept until acknowledged, without what is shared */
    uint64_t resumed;  /* ever */
    uint64_t expired;  /* ended without a stream: time, or too much */
    uint64_t returned; /* stanzas that went back to the router */
};
CNC_API void cnc__sm_stats(const struct cnc__router *r,
                           struct cnc__sm_stats *out);

/*
 * What an account's session, ended by now, was sent and did not acknowledge:
 * one serialised stanza, "jabber:client" in scope, and when it was sent, Unix
 * time.  Presence and headlines to many are not told.  f takes care of it
 * (src/im knows what others had of it).
 *
 * Without f, and for anonymous visitors: a message is routed again with a
 * <delay/>, unless it is an error, a headline, a carbon or out of an archive,
 * or was for the bare JID of an account that has another session, which had
 * its copy.  A request is answered with <recipient-unavailable/>.
 */
typedef void cnc__sm_return_f(const char *full, const char *xml, size_t len,
                              int64_t sent_ms, void *priv);
CNC_API void cnc__sm_on_return(struct cnc__router *r, cnc__sm_return_f *f,
                               void *priv);

/* Is XEP-0198 on?  (s->sm is also there for XEP-0352 alone.) */
CNC_API bool cnc__sm_is_on(const struct cnc__session *s);
/* Has the client said that nobody looks at it (XEP-0352)? */
CNC_API bool cnc__sm_is_inactive(const struct cnc__session *s);
/* Can it be resumed, now or when its stream is lost? */
CNC_API bool cnc__sm_is_resumable(const struct cnc__session *s);

/* -- for SASL2 and Bind 2 ------------------------------------------------ */

/* <enable/> on a bound stream: add <enabled/>, or <failed/>, to out, which is
 * said before anything is sent to the session.  False: failed. */
CNC_API bool cnc__sm_enable(struct cnc__stream *s,
                            const struct cnc_element *enable,
                            struct cnc__str *out);
/*
 * <resume/> on a stream that has authenticated and has no session: add
 * <resumed/> or <failed/> to out.  True: the stream is bound to the session,
 * and no features follow; say out, then call cnc__sm_resumed(), which sends
 * what was not acknowledged.  False: go on, a resource may be bound; or the
 * stream has ended with <handled-count-too-high/>.
 */
CNC_API bool cnc__sm_resume(struct cnc__stream *s,
                            const struct cnc_element *resume,
                            struct cnc__str *out);
CNC_API void cnc__sm_resumed(struct cnc__stream *s);

/* -- for the c2s role ---------------------------------------------------- */

/* Append the stream features of a client that has authenticated. */
void cnc__sm_add_features(struct cnc__str *out);
/* An element of either namespace, in any state; true: it was one. */
bool cnc__sm_element(struct cnc__stream *s, const struct cnc_element *e);
/* A stanza came in. */
void cnc__sm_count_in(struct cnc__session *s);
/* About once a second. */
void cnc__sm_stream_tick(struct cnc__stream *s);
/* Ask for an ack, instead of a ping.  False: it is not on. */
bool cnc__sm_ping(struct cnc__stream *s);
/* The stream is closed; lost: without a word.  It may lose its session. */
void cnc__sm_closed(struct cnc__stream *s, bool lost);

/* -- for the router ------------------------------------------------------ */

struct cnc__sms; /* the sessions' management in one router */
struct cnc__sms *cnc__sms_new(void);
void cnc__sms_free(struct cnc__sms **sp);
/* The waiting whose time is over end. */
void cnc__sms_tick(struct cnc__router *r);
/* All that wait end now; before a service stops. */
CNC_API void cnc__sms_end_all(struct cnc__router *r);

/* Not even a quarter of what may be kept is kept. */
bool cnc__sm_has_room(const struct cnc__sm *m);
/* One stanza to a session that has s->sm; tail may be NULL. */
void cnc__sm_send(struct cnc__session *s, const char *head, size_t head_len,
                  const struct cnc_buf *tail);
/* End a session that waits: it cannot be resumed any more, and is gone with
 * the next tick, since this may be the middle of a loop over sessions. */
void cnc__sm_end(struct cnc__session *s);
/* The session has ended and nobody finds it any more: give back what it did
 * not acknowledge, free. */
void cnc__sm_return(struct cnc__session *s);

#endif /* CNC_XMPP_SM_H */
