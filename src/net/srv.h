/* SPDX-License-Identifier: MIT */
/*
 * srv.h -- the order in which servers are tried (RFC 2782, XEP-0368).
 */
#ifndef CNC_NET_SRV_H
#define CNC_NET_SRV_H

#include "dns.h"

struct cnc__srv_target {
    uint16_t priority, weight, port;
    bool direct_tls;
    char host[CNC__DNS_NAME];
};

/* Sort by priority and, within one, at random by weight: each is first as
 * often as its share of the weights.  random gives a number from 0 to its
 * argument, both included; NULL: cnc__random(). */
CNC_API void cnc__srv_order(struct cnc__srv_target *targets, size_t n,
                            uint32_t (*random)(uint32_t most));

#endif /* CNC_NET_SRV_H */
