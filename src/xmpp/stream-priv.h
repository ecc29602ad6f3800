/* SPDX-License-Identifier: MIT */
/*
 * stream-priv.h -- the stream's inside, shared by stream.c, open.c, sasl.c
 * and bind.c.
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
    uint8_t tries;          /* failed authentications */
    bool header_sent : 1;   /* on this opening */
    bool authenticated : 1;
    bool anonymous : 1;
    bool operator_ : 1;
    bool feeding : 1;
    bool restart : 1; /* TCP: give the parser a new stream after feed */
    bool pinged : 1;
    bool secure : 1;
    bool loopback : 1;
    const struct cnc__stream_env *env;
    const struct cnc__stream_events *events;
    void *priv;
    struct cnc__session *session;
    char *account;            /* bare JID; NULL before SASL and after bind */
    struct cnc__sasl *sasl;   /* the exchange under way */
    struct cnc_parser *parser; /* TCP alone */
    struct cnc__ws ws;
    struct cnc__str out;
    uint64_t began_ms;  /* when this state's deadline began */
    uint64_t last_in_ms;
    uint64_t now_ms;
    int64_t uid;
    char *addr;
};

/* -- stream.c ------------------------------------------------------------ */

/* One top-level element in the framing; xml declares its own namespace. */
void cnc__stream_say(struct cnc__stream *s, const struct cnc__str *xml);
/* SASL is done: a new header must come. */
void cnc__stream_restart(struct cnc__stream *s);
/* The session is there. */
void cnc__stream_bound(struct cnc__stream *s, struct cnc__session *session);
void cnc__stream_touch(struct cnc__stream *s, size_t had);

/* -- open.c: stream headers and features --------------------------------- */

/* Our header, if it is not out yet on this opening. */
void cnc__stream_say_header(struct cnc__stream *s, const char *to);
/* The peer's header: answers it with features or an error. */
void cnc__stream_on_header(struct cnc__stream *s, struct cnc_element *root);

/* -- bind.c -------------------------------------------------------------- */

/* An element after SASL and before a resource is bound. */
void cnc__bind_element(struct cnc__stream *s, struct cnc_element *e);

#endif /* CNC_XMPP_STREAM_PRIV_H */
