/* SPDX-License-Identifier: MIT */
/*
 * ws.h -- WebSocket (RFC 6455): handshake key, frames in, frames out.  Bytes
 * in, bytes out; the service and the web server's module use this one file.
 */
#ifndef CNC_XMPP_WS_H
#define CNC_XMPP_WS_H

#include "../base/str.h"

enum cnc__ws_opcode {
    CNC__WS_CONT = 0,
    CNC__WS_TEXT = 1,
    CNC__WS_BINARY = 2,
    CNC__WS_CLOSE = 8,
    CNC__WS_PING = 9,
    CNC__WS_PONG = 10
};

/* base64(SHA-1(key + GUID)) of 4.2.2; key must decode to 16 bytes, else
 * CNC_ESYNTAX. */
CNC_API int cnc__ws_accept(char out[29], const char *key);

/* Receiving half.  Small when idle: room for a message is taken only while
 * one is incomplete. */
struct cnc__ws {
    struct cnc__str message; /* a message under way */
    uint32_t max_message;    /* bytes; a longer one ends with 1009 */
    bool server;             /* we are the server: frames must be masked */
    uint8_t state_bytes[40]; /* the parser's own (see ws.c) */
};

struct cnc__ws_events {
    /* A complete text message, valid UTF-8, borrowed for the call. */
    int (*on_text)(const char *data, size_t len, void *priv);
    /* Ping: answer with a pong of the same bytes. */
    int (*on_ping)(const char *data, size_t len, void *priv);
    int (*on_pong)(void *priv);
    /* code 1005 when the frame had none. */
    int (*on_close)(unsigned code, void *priv);
};

CNC_API void cnc__ws_init(struct cnc__ws *ws, bool server,
                          uint32_t max_message);
CNC_API void cnc__ws_fini(struct cnc__ws *ws);
/*
 * Feed bytes; data is unmasked in place.  A whole message inside one call is
 * given without a copy.  Returns 0, a callback's code, or
 *   CNC_EPROTO   close with *close_code 1002 (protocol) or 1003 (binary)
 *   CNC_ESYNTAX  1007 (not UTF-8)
 *   CNC_ELIMIT   1009
 */
CNC_API int cnc__ws_feed(struct cnc__ws *ws, char *data, size_t len,
                         const struct cnc__ws_events *events, void *priv,
                         unsigned *close_code);
/* The same, but a callback may return CNC_EAGAIN: enough for now.  Then this
 * is returned, and what follows the first *used bytes is fed later, as it is
 * (still masked). */
CNC_API int cnc__ws_feed_some(struct cnc__ws *ws, char *data, size_t len,
                              size_t *used,
                              const struct cnc__ws_events *events, void *priv,
                              unsigned *close_code);

/* An unmasked frame's head for a payload of len bytes; returns its size
 * (2, 4 or 10). */
CNC_API size_t cnc__ws_head(uint8_t out[10], enum cnc__ws_opcode op,
                            size_t len);
CNC_API void cnc__ws_add_frame(struct cnc__str *out, enum cnc__ws_opcode op,
                               const void *data, size_t len);
/* A client's frame: masked with a fresh random key. */
CNC_API void cnc__ws_add_masked(struct cnc__str *out, enum cnc__ws_opcode op,
                                const void *data, size_t len);
CNC_API void cnc__ws_add_close(struct cnc__str *out, unsigned code,
                               const char *reason);

#endif /* CNC_XMPP_WS_H */
