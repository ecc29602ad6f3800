/* SPDX-License-Identifier: MIT */
/* handed.h -- who hands over sockets of clients: see handoff.h. */
#ifndef CNC_NET_HANDED_H
#define CNC_NET_HANDED_H

#include "conn.h"

/* A web server has connected: steals fd. */
void cnc__handed_accept(struct cnc__net *n, int fd);
void cnc__senders_close(struct cnc__net *n);

#endif /* CNC_NET_HANDED_H */
