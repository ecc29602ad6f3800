/* SPDX-License-Identifier: MIT */
/* ring.c -- links in and out. */
#include "ring.h"

void
cnc__link_init(struct cnc__net_link *ring)
{
    ring->prev = ring->next = ring;
}

void
cnc__link_add(struct cnc__net_link *ring, struct cnc__net_link *l)
{
    l->prev = ring->prev;
    l->next = ring;
    ring->prev->next = l;
    ring->prev = l;
}

void
cnc__link_del(struct cnc__net_link *l)
{
    if (l->next == NULL) {
        return;
    }
    l->prev->next = l->next;
    l->next->prev = l->prev;
    l->prev = l->next = NULL;
}
