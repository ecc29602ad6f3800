/* SPDX-License-Identifier: MIT */
/*
 * browseimpl.h -- what the files share that have an administrator's commands
 * about nodes.
 */
#ifndef CNC_PUBSUB_BROWSEIMPL_H
#define CNC_PUBSUB_BROWSEIMPL_H

#include "command.h"
#include "pubsub.h"

struct cnc__browse_env { /* a run's priv */
    struct cnc__pubsub *ps;
    struct cnc__commands *commands;
};

/* The command's form is judged before it runs. */
struct cnc__browse_entry {
    const char *node, *name, *help;
    const struct cnc_record *record;
    bool safe;
    void (*run)(struct cnc__command_reply *, const struct cnc__caller *,
                struct cnc__values *, void *);
};

/* browse-change.c; ended by one without a node. */
extern const struct cnc__browse_entry cnc__browse_changes[];

/* The node that was named, or NULL after a refusal, and v is gone with it. */
struct cnc__node *cnc__browse_node(struct cnc__browse_env *b,
                                   struct cnc__command_reply *reply,
                                   struct cnc__values *v);

#endif /* CNC_PUBSUB_BROWSEIMPL_H */
