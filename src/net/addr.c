/* SPDX-License-Identifier: MIT */
/*
 * addr.c -- addresses of clients.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "../base/table.h"
#include "conn.h"

void
cnc__addr_text(char out[64], bool *loopback, const union cnc__sockaddr *a)
{
    if (a->sa.sa_family == AF_INET6) {
        const struct in6_addr *in6 = &a->in6.sin6_addr;

        if (IN6_IS_ADDR_V4MAPPED(in6)) {
            inet_ntop(AF_INET, &in6->s6_addr[12], out, 64);
            *loopback = in6->s6_addr[12] == 127;
        } else {
            inet_ntop(AF_INET6, in6, out, 64);
            *loopback = IN6_IS_ADDR_LOOPBACK(in6);
        }
    } else if (a->sa.sa_family == AF_INET) {
        inet_ntop(AF_INET, &a->in.sin_addr, out, 64);
        *loopback = ntohl(a->in.sin_addr.s_addr) >> 24 == 127;
    } else {
        snprintf(out, 64, CNC__ADDR_UNIX);
        *loopback = true;
    }
}

bool
cnc__addr_read(char out[64], bool *loopback, const char *text)
{
    union cnc__sockaddr a = {.storage = {0}};

    if (inet_pton(AF_INET, text, &a.in.sin_addr) == 1) {
        a.sa.sa_family = AF_INET;
    } else if (inet_pton(AF_INET6, text, &a.in6.sin6_addr) == 1) {
        a.sa.sa_family = AF_INET6;
    } else {
        return false;
    }
    cnc__addr_text(out, loopback, &a);
    return true;
}

struct cnc__net_addr *
cnc__addr_get(struct cnc__net *n, const char *text, bool loopback)
{
    struct cnc__net_addr *a = cnc__table_get(n->addrs, text);

    if (a == NULL) {
        a = cnc__zalloc(sizeof(*a));
        snprintf(a->text, sizeof(a->text), "%s", text);
        a->loopback = loopback;
        cnc__table_put(n->addrs, text, a);
    }
    return a;
}

void
cnc__addr_drop(struct cnc__net *n, struct cnc__net_addr *a)
{
    if (a->n_conns == 0) {
        cnc__table_del(n->addrs, a->text);
        cnc__free(a);
    }
}

bool
cnc__addr_has_room(const struct cnc__net *n, const struct cnc__net_addr *a)
{
    return a->loopback || a->n_unbound < n->config.max_per_addr;
}
