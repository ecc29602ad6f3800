/* SPDX-License-Identifier: MIT */
/*
 * listen.h -- a port: shared by listen.c, which opens it, and accept.c, which
 * takes what comes.
 */
#ifndef CNC_NET_LISTEN_H
#define CNC_NET_LISTEN_H

#include "bind.h"
#include "conn.h"

struct cnc__listener {
    unsigned magic;
    struct cnc__bound bound;
    enum cnc__conn_kind kind;
    bool direct;  /* TLS from the first byte */
    bool proxy;   /* a PROXY header comes first */
    bool handoff; /* of sockets of others; no kind */
    struct cnc__net *net;
    struct cnc__tls_ctx *tls;
    struct cnc__listener *next;
    uv_poll_t poll;
};
#define CNC__LISTENER_MAGIC 0x4c697374u

/* Of its poll handle. */
void cnc__on_acceptable(uv_poll_t *poll, int status, int events);

#endif /* CNC_NET_LISTEN_H */
