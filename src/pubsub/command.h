/* SPDX-License-Identifier: MIT */
/*
 * command.h -- ad-hoc commands (XEP-0050) of a domain.  A command is a form
 * and a function; execute gives the form, complete runs it.  The list is in
 * disco#items of node "http://jabber.org/protocol/commands".
 */
#ifndef CNC_PUBSUB_COMMAND_H
#define CNC_PUBSUB_COMMAND_H

#include "../xmpp/router.h"
#include "form.h"

struct cnc__commands;

struct cnc__command_reply; /* one call under way */

struct cnc__command {
    char *node, *name;               /* copied by add */
    const struct cnc_record *record; /* its form; NULL: none, runs at once */
    bool operator_only;
    bool item_id; /* the form carries CNC__FORM_ID */
    /* v: what was typed (borrowed until answered).  Answer with
     * cnc__command_done(), now or later. */
    void (*run)(struct cnc__command_reply *c, const struct cnc__request *r,
                struct cnc__values *v, void *priv);
    void *priv;
};

CNC_API struct cnc__commands *cnc__commands_new(struct cnc__router *router);
/* The router's sessions have ended before. */
CNC_API void cnc__commands_free(struct cnc__commands **cp);
/* CNC_EEXIST when the node is taken. */
CNC_API int cnc__commands_add(struct cnc__commands *c,
                              const struct cnc__command *cmd,
                              struct cnc_error *err);
/*
 * Answer.  err NULL: status='completed' with a note and, when result_xml is
 * not NULL, that payload (a form of type "result", say).  CNC_EREFUSED:
 * status='executing' with the form again, what was typed, errors at their
 * fields and a note of type 'error'.  Another code: an IQ error.
 */
CNC_API void cnc__command_done(struct cnc__command_reply *c,
                               const struct cnc_error *err, const char *note,
                               const char *result_xml);
/* Answer that this field is wrong, and why. */
CNC_API void cnc__command_refuse(struct cnc__command_reply *reply,
                                 struct cnc__values *v, const char *field,
                                 const char *text);

#endif /* CNC_PUBSUB_COMMAND_H */
