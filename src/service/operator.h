/* SPDX-License-Identifier: MIT */
/*
 * operator.h -- what the operator's commands share: operator-lists.c shows
 * sessions, servers and users, operator.c acts on them.
 */
#ifndef CNC_SERVICE_OPERATOR_H
#define CNC_SERVICE_OPERATOR_H

#include "../xmpp/jid.h"
#include "private.h"

#define CNC__ADMIN "http://jabber.org/protocol/admin#"

struct cnc__operator_command {
    const char *node, *name;
    const struct cnc_record *record;
    void (*run)(struct cnc__command_reply *, const struct cnc__caller *,
                struct cnc__values *, void *priv);
    bool safe;
    const char *help;
};

/* The administrators' commands of a table. */
int cnc__operator_add(struct cnc_service *s,
                      const struct cnc__operator_command *table, size_t n,
                      void *priv, struct cnc_error *err);
/* Does s belong to the target, a full or bare JID or a domain?  Everybody
 * does to "". */
bool cnc__operator_means(const struct cnc__session *s, const char *target);
/* What was typed in field, prepared; false after a refusal. */
bool cnc__operator_target(char out[CNC__JID_MAX + 1],
                          struct cnc__command_reply *reply,
                          struct cnc__values *v, const char *field,
                          bool needed);
int cnc__operator_lists(struct cnc_service *s, struct cnc_error *err);

#endif /* CNC_SERVICE_OPERATOR_H */
