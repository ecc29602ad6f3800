/* SPDX-License-Identifier: MIT */
/*
 * stream-priv.h -- the stream's inside, shared by stream.c, hear.c, open.c,
 * lazy.c and the roles.
 */
#ifndef CNC_XMPP_STREAM_PRIV_H
#define CNC_XMPP_STREAM_PRIV_H

#include "errors.h"
#include "stream.h"
#include "ws.h"

struct cnc__sasl;

enum cnc__stream_state {
    CNC__STREAM_OPENING, /* wants <stream:stream> or <open/> */
    CNC__STREAM_SASL,    /* features are out, not authenticated */
    CNC__STREAM_BINDING, /* features are out, authenticated */
    CNC__STREAM_BOUND,
    CNC__STREAM_CLOSING, /* our close is out, the peer's is not in */
    CNC__STREAM_CLOSED
};

struct cnc__stream {
    unsigned magic;
    uint8_t state;
    uint8_t framing;
    uint8_t tries;        /* failed authentications */
    bool header_sent : 1; /* on this opening */
    bool authenticated : 1;
    bool anonymous : 1;
    bool operator_ : 1;
    bool feeding : 1;
    bool restart : 1; /* TCP: give the parser a new stream after feed */
    bool pinged : 1;
    bool secure : 1;
    bool loopback : 1;
    bool told : 1; /* the role knows that it is closed */
    bool lost : 1; /* it ended without a word of ours or the peer's */
    const struct cnc__stream_role *role;
    void *role_priv;
    char *host; /* our name on it; NULL: the router's domain */
    char *id;   /* of our header, when the role keeps it */
    const struct cnc__stream_env *env;
    const struct cnc__stream_events *events;
    void *priv;
    struct cnc__session *session;
    char *account;          /* bare JID; NULL before SASL and after bind */
    char *from;             /* bare JID that the header says; until bind */
    char *login;            /* as of its session; until bind */
    struct cnc__sasl *sasl; /* the exchange under way */
    struct cnc__enrolment *enrolment; /* the one under way */
    struct cnc_parser *parser;        /* TCP alone */
    struct cnc__ws ws;
    struct cnc__str out;
    struct cnc__lazy *lazy; /* large tails that belong into out: lazy.c */
    uint32_t n_lazy, cap_lazy;
    size_t lazy_bytes;
    uint64_t began_ms; /* when this state's deadline began */
    uint64_t last_in_ms;
    uint64_t now_ms;
    int64_t uid;
    char *addr;
    const char *mechanism; /* that authenticated; static; NULL: none yet */
    uint64_t bound_ms;
};

/* -- lazy.c: tails that many streams share, copied when they are sent ----- */

struct cnc__lazy {
    struct cnc_buf *tail;
    size_t at; /* its place in out */
};

void cnc__stream_lazy_add(struct cnc__stream *s, const struct cnc_buf *tail);
void cnc__stream_lazy_fini(struct cnc__stream *s);

/* -- stream.c ------------------------------------------------------------ */

/* One top-level element in the framing; xml declares its own namespace. */
void cnc__stream_say(struct cnc__stream *s, const struct cnc__str *xml);
/* SASL is done: a new header must come; ours first when we initiate. */
void cnc__stream_restart(struct cnc__stream *s);
/* SASL is done and the stream goes on as it is (XEP-0388). */
void cnc__stream_authenticated(struct cnc__stream *s);
/* <proceed/> is said or was heard: TLS, then a new stream. */
void cnc__stream_go_secure(struct cnc__stream *s);
/* The session is there. */
void cnc__stream_bound(struct cnc__stream *s, struct cnc__session *session);
/* After adding to out, which had this many bytes: tell the owner. */
void cnc__stream_touch(struct cnc__stream *s, size_t had);
/* End with a stream error, and this code in the WebSocket's close. */
void cnc__stream_fail(struct cnc__stream *s, const char *condition,
                      const char *text, unsigned ws_code);
/* The same with an application's own condition, as XML, beside it. */
void cnc__stream_fail_with(struct cnc__stream *s, const char *condition,
                           const char *text, const char *specific,
                           unsigned ws_code);
/* The peer's </stream:stream> or <close/>: answer it, be closed. */
void cnc__stream_peer_closed(struct cnc__stream *s);
/* A close frame; nothing in TCP framing. */
void cnc__stream_say_ws_close(struct cnc__stream *s, unsigned code);
/* Everything is said. */
void cnc__stream_become_closed(struct cnc__stream *s);
/* What the parser may take in this state. */
struct cnc_xml_limits cnc__stream_limits(const struct cnc__stream *s);

/* -- hear.c -------------------------------------------------------------- */

extern const struct cnc_parser_events cnc__hear_events; /* priv: the stream */
size_t cnc__hear_tcp(struct cnc__stream *s, const char *data, size_t len);
/* How much of it was heard: the rest waits until answers have left. */
size_t cnc__hear_ws(struct cnc__stream *s, char *data, size_t len);

/* -- open.c: stream headers ---------------------------------------------- */

/* Our header, if it is not out yet on this opening. */
void cnc__stream_say_header(struct cnc__stream *s, const char *to);
/* The peer's header: to the role, or answered with an error. */
void cnc__stream_on_header(struct cnc__stream *s, struct cnc_element *root);
/* <stream:features> around xml; it takes what is in xml. */
void cnc__stream_say_features(struct cnc__stream *s, struct cnc__str *xml);
bool cnc__is_stanza_name(const struct cnc_element *e);

/* -- c2s.c ---------------------------------------------------------------- */

/* What a client may do now. */
void cnc__c2s_say_features(struct cnc__stream *s);

/* -- bind.c -------------------------------------------------------------- */

/* An element after SASL and before a resource is bound. */
void cnc__bind_element(struct cnc__stream *s, struct cnc_element *e);
/* Append XEP-0386's feature: <bind/> and what may be asked for in it. */
void cnc__bind2_add_feature(struct cnc__str *out, const struct cnc__stream *s);
/* XEP-0386: bind what <bind/> asks for and append <bound/>, which is to be
 * said before the session hears anything; then call cnc__router_started().
 * agent: the client's id, NULL: unknown.  False: there are too many
 * resources. */
bool cnc__bind2(struct cnc__stream *s, const struct cnc_element *bind,
                const char *agent, struct cnc__str *out);

#endif /* CNC_XMPP_STREAM_PRIV_H */
