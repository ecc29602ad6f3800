/* SPDX-License-Identifier: MIT */
/*
 * addr.h -- addresses of clients as text, and how many connections each has.
 *
 * A client of a Unix socket has the address "unix": its web server has not
 * said yet who it is.
 */
#ifndef CNC_NET_ADDR_H
#define CNC_NET_ADDR_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../base/check.h"

struct cnc__net;

#define CNC__ADDR_UNIX "unix"

union cnc__sockaddr {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
    struct sockaddr_storage storage;
};

struct cnc__net_addr { /* an address with connections; key of net->addrs */
    uint32_t n_unbound, n_conns;
    bool loopback;
    char text[64];
};

/* As text, an IPv4 address inside an IPv6 one as itself.  *loopback: this
 * machine, a Unix socket too. */
void cnc__addr_text(char out[64], bool *loopback,
                    const union cnc__sockaddr *a);
/* The same for an address that somebody wrote; false: it is none. */
bool cnc__addr_read(char out[64], bool *loopback, const char *text);

/* The one with this text; made when there is none. */
struct cnc__net_addr *cnc__addr_get(struct cnc__net *n, const char *text,
                                    bool loopback);
/* Forget it, unless it has connections. */
void cnc__addr_drop(struct cnc__net *n, struct cnc__net_addr *a);
/* May it have one more that nobody is logged in on? */
bool cnc__addr_has_room(const struct cnc__net *n,
                        const struct cnc__net_addr *a);

#endif /* CNC_NET_ADDR_H */
