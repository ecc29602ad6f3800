/* SPDX-License-Identifier: MIT */
/*
 * frames.h -- a client's XMPP over WebSocket (RFC 7395) on one side, any XMPP
 * server's TCP stream (RFC 6120) on the other: messages in, bytes out, and
 * back.  No sockets, no clock.  mod_xmpp and the ASGI endpoint use it, over
 * src/xmpp/ws.c, which makes messages of a WebSocket's bytes.
 *
 *   client                                       server
 *   <open to=/>                          ->      <stream:stream to=>
 *   <open id=/>                          <-      <stream:stream id=>
 *   <stream:features/> without starttls  <-      <stream:features>
 *   <iq xmlns="jabber:client"/>         <->      <iq/>
 *   <close/>                            <->      </stream:stream>
 *
 * Every stanza is parsed and written anew from its tree, in both directions:
 * nothing is ever passed on that was not understood here, and nothing said
 * before STARTTLS outlives it.  While TLS to the server is wanted, the client
 * hears nothing until it is up.  -PLUS mechanisms and the channel bindings
 * (XEP-0440) that the server offers are taken out: TLS ends here, so a client
 * has nothing to bind to.  Compression (XEP-0138) is taken out too, and a
 * larger stanza than may pass here is not announced (XEP-0478).
 *
 * A client that goes without <close/> has lost its line, not its session
 * (RFC 7395 3.6): the server is told nothing, so that it may be resumed
 * (XEP-0198).  So it is when this end stops: cnc__frames_server_gone().
 */
#ifndef CNC_FRONT_FRAMES_H
#define CNC_FRONT_FRAMES_H

#include <concordance/xml.h>

#include "../base/str.h"

struct cnc__frames;

enum cnc__frames_tls {
    CNC__FRAMES_TLS_NEVER,   /* the server is near: not even when offered */
    CNC__FRAMES_TLS_OFFERED, /* when the server offers it */
    CNC__FRAMES_TLS_REQUIRED /* else <remote-connection-failed/> */
};

struct cnc__frames_config {
    enum cnc__frames_tls tls;
    uint32_t max_stanza; /* bytes of a client's [262144] */
    uint32_t max_answer; /* bytes of one of the server's [16 MB] */
};

/* None of them may call back into the frames that it is called for, but for
 * cnc__frames_is_closed() and cnc__frames_domain(). */
struct cnc__frames_events {
    void (*to_server)(const char *data, size_t len, void *priv);
    /* One WebSocket text message. */
    void (*to_client)(const char *data, size_t len, void *priv);
    /* Do the TLS handshake with the server soon (as a client, for this
     * domain), then call cnc__frames_secured().  What the server sent before
     * is void.  NULL: as if tls were CNC__FRAMES_TLS_NEVER. */
    void (*start_tls)(const char *domain, void *priv);
};

/* config and events are copied; config may be NULL. */
CNC_API struct cnc__frames *
cnc__frames_new(const struct cnc__frames_config *config,
                const struct cnc__frames_events *events, void *priv);
CNC_API void cnc__frames_free(struct cnc__frames **fp);
/* A whole message of the client's.  CNC_EPROTO, CNC_ESYNTAX, CNC_ELIMIT: a
 * stream error and <close/> were said; see cnc__frames_is_closed().
 * CNC_ECLOSED: all was said before. */
CNC_API int cnc__frames_client(struct cnc__frames *f, const char *message,
                               size_t len);
/* Bytes of the server's stream.  The same, but its faults are told the client
 * as <remote-connection-failed/>, and CNC_ECLOSED comes with a proper end. */
CNC_API int cnc__frames_server(struct cnc__frames *f, const char *data,
                               size_t len);
CNC_API void cnc__frames_secured(struct cnc__frames *f);
/* The connection to the server ended, or could not be made, or this end stops:
 * the client is told by a stream error of that condition (RFC 6120 4.9.3; a
 * static string), NULL: just closed.  The server is told nothing. */
CNC_API void cnc__frames_server_gone(struct cnc__frames *f,
                                     const char *condition, const char *text);
/* The client breaks a rule that is not of these frames (too much, too fast):
 * it is told so, and the server's stream is ended. */
CNC_API void cnc__frames_fail(struct cnc__frames *f, const char *condition,
                              const char *text);
/* The client has gone without a word: neither side is told anything. */
CNC_API void cnc__frames_client_gone(struct cnc__frames *f);
/* Both sides have said all: close the WebSocket (1000) and the socket.  Also
 * do so a few seconds after cnc__frames_is_closing(): the other side need not
 * answer. */
CNC_API bool cnc__frames_is_closed(const struct cnc__frames *f);
/* One side has said its end, or both. */
CNC_API bool cnc__frames_is_closing(const struct cnc__frames *f);
/* The server's features were passed on: it is there and speaks XMPP. */
CNC_API bool cnc__frames_is_open(const struct cnc__frames *f);
/* Why it ended with an error, for a log: "policy-violation: too large"; NULL:
 * it did not. */
CNC_API const char *cnc__frames_fault(const struct cnc__frames *f);
/* The domain that the client named; NULL: none yet. */
CNC_API const char *cnc__frames_domain(const struct cnc__frames *f);

#endif /* CNC_FRONT_FRAMES_H */
