/* SPDX-License-Identifier: MIT */
/*
 * browse.h -- the administrator's commands about the nodes of a domain:
 * "nodes", "nodes/items", "nodes/item", "nodes/history", "nodes/subscribers",
 * "nodes/affiliations", "nodes/affiliate", "nodes/publish", "nodes/again",
 * "nodes/retract", "nodes/purge".
 */
#ifndef CNC_PUBSUB_BROWSE_H
#define CNC_PUBSUB_BROWSE_H

#include "command.h"

struct cnc__browse;

/* CNC_EEXIST: a command of that name is there. *out is to be freed also
 * then, after the commands. */
CNC_API int cnc__browse_new(struct cnc__browse **out, struct cnc__pubsub *ps,
                            struct cnc__commands *commands,
                            struct cnc_error *err);
CNC_API void cnc__browse_free(struct cnc__browse **bp);

#endif /* CNC_PUBSUB_BROWSE_H */
