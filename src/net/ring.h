/* SPDX-License-Identifier: MIT */
/*
 * ring.h -- doubly linked rings whose links live inside what they link.
 */
#ifndef CNC_NET_RING_H
#define CNC_NET_RING_H

#include "../base/check.h"

struct cnc__net_link { /* of a ring, or the ring itself */
    struct cnc__net_link *prev, *next;
};

void cnc__link_init(struct cnc__net_link *ring); /* empty */
void cnc__link_add(struct cnc__net_link *ring, struct cnc__net_link *l);
void cnc__link_del(struct cnc__net_link *l); /* also when it is on none */
static inline bool
cnc__link_empty(const struct cnc__net_link *ring)
{
    return ring->next == ring;
}

#endif /* CNC_NET_RING_H */
