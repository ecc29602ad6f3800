/* SPDX-License-Identifier: MIT */
/*
 * race.h -- one TCP connection to a host of many addresses (RFC 8305, "happy
 * eyeballs"): IPv6 and IPv4 in turn, each attempt 250 ms after the one before
 * or as soon as that has failed; the first that connects wins.
 */
#ifndef CNC_NET_RACE_H
#define CNC_NET_RACE_H

#include <netinet/in.h>

#include <uv.h>

#include "../base/check.h"

#define CNC__RACE_DELAY_MS   250 /* RFC 8305 5: connection attempt delay */
#define CNC__RACE_RESOLVE_MS 50  /* RFC 8305 3: resolution delay, for AAAA */
#define CNC__RACE_MAX        16  /* addresses of a family */

struct cnc__race_events {
    /* fd is the receiver's; text is the address as a person writes it. */
    void (*on_won)(int fd, const char *text, bool loopback, void *priv);
    /* No address is left; why is one line for a person. */
    void (*on_lost)(const char *why, void *priv);
};

struct cnc__race;
/* on_handle (NULL: none) is told of each handle of libuv's that it opens (1)
 * and that is closed (-1): the loop may end when they are. */
CNC_API struct cnc__race *cnc__race_new(uv_loop_t *loop, uint16_t port,
                                        const struct cnc__race_events *events,
                                        void *priv,
                                        void (*on_handle)(int, void *),
                                        void *on_handle_priv);
/* The addresses of a family (AF_INET, AF_INET6) are known; n may be 0.  To be
 * called once for each; may call back, and be the end of the race. */
CNC_API void cnc__race_feed(struct cnc__race *r, int family,
                            const uint8_t (*addrs)[16], size_t n);
/* Also in a callback; closes what is not connected.  Accepts NULL. */
CNC_API void cnc__race_free(struct cnc__race **rp);
/* Has an address been tried? */
CNC_API bool cnc__race_tried(const struct cnc__race *r);

/* "127.0.0.1" or "2001:db8::1" into addr (network order); the family, or 0. */
CNC_API int cnc__parse_ip(uint8_t addr[16], const char *text);

#endif /* CNC_NET_RACE_H */
