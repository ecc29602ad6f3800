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
 * (XEP-0440) that the server offers are taken out when TLS ends here.
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
    uint32_t max_stanza; /* bytes, either way [262144] */
};

struct cnc__frames_events {
    void (*to_server)(const char *data, size_t len, void *priv);
    /* One WebSocket text message. */
    void (*to_client)(const char *data, size_t len, void *priv);
    /* Do the TLS handshake with the server now (as a client, for this domain),
     * then cnc__frames_secured().  What the server sent before is void. */
    void (*start_tls)(const char *domain, void *priv);
};

CNC_API struct cnc__frames *
cnc__frames_new(const struct cnc__frames_config *config,
                const struct cnc__frames_events *events, void *priv);
CNC_API void cnc__frames_free(struct cnc__frames **fp);
/* A whole message of the client's.  CNC_EPROTO, CNC_ESYNTAX, CNC_ELIMIT: a
 * stream error and <close/> were said; see cnc__frames_is_closed(). */
CNC_API int cnc__frames_client(struct cnc__frames *f, const char *message,
                               size_t len);
/* Bytes of the server's stream.  The same, but its faults are told the client
 * as <remote-connection-failed/>. */
CNC_API int cnc__frames_server(struct cnc__frames *f, const char *data,
                               size_t len);
CNC_API void cnc__frames_secured(struct cnc__frames *f);
/* The connection to the server ended, or could not be made: the client is told
 * by a stream error of that condition (RFC 6120 4.9.3), NULL: just closed. */
CNC_API void cnc__frames_server_gone(struct cnc__frames *f,
                                     const char *condition, const char *text);
/* The client has gone without a word: the server's stream is ended. */
CNC_API void cnc__frames_client_gone(struct cnc__frames *f);
/* Both sides have said all: close the WebSocket (1000) and the socket. */
CNC_API bool cnc__frames_is_closed(const struct cnc__frames *f);
/* The domain that the client named; NULL: none yet. */
CNC_API const char *cnc__frames_domain(const struct cnc__frames *f);

#endif /* CNC_FRONT_FRAMES_H */
