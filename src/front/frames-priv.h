/* SPDX-License-Identifier: MIT */
/*
 * frames-priv.h -- what the files of frames.h share.
 *
 *   frames.c           what either side is told; life
 *   frames-client.c    what the client says
 *   frames-server.c    what the server says
 *   frames-features.c  what of the server's offer a client can use
 *
 *   NEW --<open/>--> HEADER --<stream:stream>--> FEATURES   (TLS is wanted)
 *                      ^                            | <starttls/>
 *                      |                         PROCEED -> SECURING -> HEADER
 *                      v
 *                    OPEN  --<success/>--> RESTART --<open/>--> HEADER
 *   any --> CLOSING (one side has said its end) --> CLOSED
 */
#ifndef CNC_FRONT_FRAMES_PRIV_H
#define CNC_FRONT_FRAMES_PRIV_H

#include "frames.h"

#define CNC__FRAMES_MAGIC       0x4652414du
#define CNC__FRAMES_NS_COMPRESS "http://jabber.org/protocol/compress"

enum cnc__frames_state {
    CNC__FRAMES_NEW,      /* the client has said nothing */
    CNC__FRAMES_HEADER,   /* our header is out, the server's is not in */
    CNC__FRAMES_FEATURES, /* the client hears nothing until TLS is settled */
    CNC__FRAMES_PROCEED,  /* <starttls/> is out */
    CNC__FRAMES_SECURING, /* the owner does the handshake */
    CNC__FRAMES_OPEN,     /* stanzas pass */
    CNC__FRAMES_RESTART,  /* SASL is done: the client opens anew */
    CNC__FRAMES_CLOSING,  /* one side has said its end */
    CNC__FRAMES_CLOSED
};

struct cnc__frames {
    unsigned magic;
    uint8_t state;
    bool settled : 1;       /* no TLS will be started any more */
    bool told_open : 1;     /* the client has our <open/> of this stream */
    bool client_closed : 1; /* it said <close/> */
    bool server_closed : 1; /* it said </stream:stream> */
    bool failed : 1;        /* a stream error was passed on */
    bool was_open : 1;
    struct cnc__frames_config config;
    struct cnc__frames_events events;
    void *priv;
    struct cnc_parser *parser; /* of the server's stream */
    char *domain;
    char *header; /* ours to the server, said again after TLS */
    char *open;   /* the server's header, as <open/> */
    char *fault;
    struct cnc__str early; /* stanzas of a client that did not wait */
};

/* -- frames.c ------------------------------------------------------------ */

void cnc__frames_tell_client(struct cnc__frames *f, const char *text);
void cnc__frames_tell_server(struct cnc__frames *f, const char *text);
/* Once a stream: as the server said it, or our own for want of it. */
void cnc__frames_say_open(struct cnc__frames *f);
void cnc__frames_say_close(struct cnc__frames *f);
/* Is there a stream to the server that words can be said on? */
bool cnc__frames_server_hears(const struct cnc__frames *f);
void cnc__frames_become_closed(struct cnc__frames *f);
/* A new stream to the server: the first, after TLS, after SASL. */
void cnc__frames_open_stream(struct cnc__frames *f);
/* version may be NULL, which is none of ours (RFC 6120 4.7.5). */
bool cnc__frames_is_version(const char *version);

/* -- frames-server.c: the parser's events; priv is the frames --------------
 */

int cnc__frames_on_server_open(struct cnc_element *root, void *priv);
int cnc__frames_on_server_element(struct cnc_element *e, void *priv);
int cnc__frames_on_server_close(void *priv);

/* -- frames-features.c --------------------------------------------------- */

/* The features of a server as a client of ours may see them: a *new*, mutable
 * copy.  max_stanza: bytes that a client may say at once. */
struct cnc_element *cnc__frames_features(const struct cnc_element *features,
                                         uint32_t max_stanza);

#endif /* CNC_FRONT_FRAMES_PRIV_H */
