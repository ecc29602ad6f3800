/* SPDX-License-Identifier: MIT */
/*
 * http1.h -- one HTTP/1.1 request out of bytes, strictly; no socket, no clock.
 *
 * The head is first cut into lines here (RFC 9112 with every "MAY accept"
 * refused: bare LF, obs-fold, space before the colon, a second Host or
 * length), then llhttp reads the same bytes and decides where the body ends.
 * What the two do not agree on is refused, so nothing can be smuggled past.
 *
 *   MORE* -> HEAD? -> MORE* -> DONE        any -> BAD (h->status, then close)
 */
#ifndef CNC_NET_HTTP1_H
#define CNC_NET_HTTP1_H

#include <llhttp.h>

#include "../web/head.h"

#define CNC__HTTP1_NO_LENGTH UINT64_MAX

enum cnc__http1_step {
    CNC__HTTP1_MORE, /* everything was taken, more is needed */
    CNC__HTTP1_HEAD, /* the head is complete, a body follows: feed on, or
                        answer now and close */
    CNC__HTTP1_DONE, /* the request is complete; *used bytes were its own */
    CNC__HTTP1_BAD   /* answer h->status with h->why, then close */
};

struct cnc__http1 {
    llhttp_t llhttp;
    struct cnc__http_request request; /* from HEAD or DONE on */
    const char *host;                 /* of the Host header; "" in 1.0 */
    int status;                       /* of BAD */
    const char *why;                  /* of BAD: one line, static */
    uint32_t max_body;
    uint64_t length; /* of the body, from HEAD on; NO_LENGTH: not said */
    /* Set after init: how large the body of this request may be that is larger
     * than max_body.  NULL: no larger. */
    uint32_t (*larger)(struct cnc__http1 *h);
    /* Set at HEAD: the body goes there and is not gathered; NULL: it is. */
    void (*on_body)(const char *data, size_t len, void *priv);
    void *on_body_priv;
    bool keep_alive, http10, expect; /* expect: wants 100 Continue */
    /* private */
    bool in_body, complete, chunked;
    uint8_t n_blank;
    size_t scanned, line, start; /* offsets in the head */
    size_t raw_body, n_body;
    const char *target;
    size_t target_len;
    struct cnc__str head; /* while it is incomplete */
    struct cnc__str text; /* path, query, names, values */
    struct cnc__str body;
    struct cnc__http_header headers[CNC__HTTP_MAX_HEADERS];
};

/* Caller's zeroed storage; also ready for the next request.  The object must
 * not move while it is fed. */
void cnc__http1_init(struct cnc__http1 *h, uint32_t max_body);
void cnc__http1_fini(struct cnc__http1 *h);
/* data is borrowed for the call. */
enum cnc__http1_step cnc__http1_feed(struct cnc__http1 *h, const char *data,
                                     size_t len, size_t *used);

#endif /* CNC_NET_HTTP1_H */
