/* SPDX-License-Identifier: MIT */
/*
 * proxy.h -- the PROXY protocol, version 2: what a proxy says of the client
 * whose connection it carries, before the client's first byte.
 *
 *   signature (12) | 2, command | family, transport | length (2)
 *   source and destination (12 or 36; Unix: 216) | TLVs: type, length (2) ...
 *
 * Strict: what the specification does not allow is refused, and so is version
 * 1, whose text says nothing about TLS.  No socket.
 */
#ifndef CNC_NET_PROXY_H
#define CNC_NET_PROXY_H

#include "../base/check.h"

#define CNC__PROXY_MAX                                                        \
    2048 /* bytes of a header; TLVs may have names in them */

struct cnc__proxy {
    bool local;    /* the proxy itself, such as a check that we are there */
    bool known;    /* addr is the client's; else it is not said */
    bool loopback; /* of addr */
    bool tls;      /* the client came by TLS */
    char addr[64];
};

/* How many bytes the header takes; 0: it is not complete; CNC_EINVAL with
 * *why, one line.  data has the connection's bytes from its first on. */
CNC_API int cnc__proxy_read(struct cnc__proxy *out, const void *data,
                            size_t len, const char **why);

#endif /* CNC_NET_PROXY_H */
