/* SPDX-License-Identifier: MIT */
/*
 * role.h -- what an XMPP stream is for.
 *
 * stream.c, hear.c, open.c and lazy.c know how bytes become elements and how
 * a stream begins, restarts and ends; a role knows what the elements mean:
 * c2s.c (a client's), and in src/s2s servers and components.  A role that
 * initiates speaks first.
 *
 *   new -> [on_start ->] peer's header -> on_header -> on_element...
 *   cnc__stream_go_secure() -> (TLS at the owner's) -> on_secured -> again
 *   cnc__stream_restart()   -> (after SASL)                       -> again
 *   -> on_closed (once, whatever ended it) -> fini
 */
#ifndef CNC_XMPP_ROLE_H
#define CNC_XMPP_ROLE_H

#include "stream-priv.h"

struct cnc__stream_role {
    const char *name;       /* "c2s", for the log */
    const char *content_ns; /* what the header declares */
    const char *header_ns;  /* further declarations in our header, or NULL */
    bool initiates;
    bool keeps_id;   /* s->id is our stream's id */
    bool no_version; /* headers have none (XEP-0114) */
    /* Initiating: the connection is there (also after TLS and after SASL).
     * NULL: just say the header. */
    void (*on_start)(struct cnc__stream *s);
    /* The peer's header; its namespaces and version are right.  It stands at
     * CNC__STREAM_OPENING: answer and set the next state, or close. */
    void (*on_header)(struct cnc__stream *s, struct cnc_element *root);
    /* A whole element; not while opening or closing. */
    void (*on_element)(struct cnc__stream *s, struct cnc_element *e);
    /* TLS is up; a new stream begins in it.  May be NULL. */
    void (*on_secured)(struct cnc__stream *s);
    /* About once a second, not while closing; may be NULL. */
    void (*on_tick)(struct cnc__stream *s);
    /* The stream is closed; the connection may still be writing.  May be
     * called from inside on_element.  Do not free the stream.  May be NULL. */
    void (*on_closed)(struct cnc__stream *s);
    /* It is being freed; may be NULL. */
    void (*fini)(struct cnc__stream *s);
};

extern const struct cnc__stream_role cnc__role_c2s;

/* enrol.c: an element before authentication; true: it was about an account
 * that is to be made.  The stream's end. */
bool cnc__enrol_element(struct cnc__stream *s, struct cnc_element *iq);
void cnc__enrol_abandon(struct cnc__stream *s);

/* Is there TLS that this stream may still change to? */
bool cnc__stream_can_secure(const struct cnc__stream *s);

#endif /* CNC_XMPP_ROLE_H */
