/* SPDX-License-Identifier: MIT */
/*
 * addr.c -- addresses of clients as text.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "addr.h"

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
