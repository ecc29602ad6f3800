/* SPDX-License-Identifier: MIT */
/*
 * changes.h -- several changes behind one command's answer: each ends by
 * itself, now or later, and the last one answers for all.
 *
 *   c = cnc__changes_new(reply, "Retracted");
 *   for each: cnc__changes_add(c); begin it with cnc__changes_one as its done
 *   cnc__changes_begun(c);
 */
#ifndef CNC_PUBSUB_CHANGES_H
#define CNC_PUBSUB_CHANGES_H

#include "command.h"

struct cnc__changes;

/* what: static, "Retracted". */
CNC_API struct cnc__changes *cnc__changes_new(struct cnc__command_reply *reply,
                                              const char *what);
CNC_API void cnc__changes_add(struct cnc__changes *c);
/* A cnc__done_f whose priv is the changes: one that was added has ended. */
CNC_API void cnc__changes_one(const struct cnc_error *err, const char *id,
                              void *changes);
/* All were added; c is gone once the last one has ended. */
CNC_API void cnc__changes_begun(struct cnc__changes *c);

#endif /* CNC_PUBSUB_CHANGES_H */
