/* SPDX-License-Identifier: MIT */
/*
 * commandimpl.h -- what the files behind command.h share: command.c speaks
 * XEP-0050, command-list.c keeps the commands and runs them without a stream.
 */
#ifndef CNC_PUBSUB_COMMANDIMPL_H
#define CNC_PUBSUB_COMMANDIMPL_H

#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "command.h"
#include "formimpl.h"

#define CNC__NS_COMMANDS    "http://jabber.org/protocol/commands"
#define CNC__COMMANDS_MAGIC 0xC033A2D5u
#define CNC__COMMAND_CALLS                                                    \
    16 /* open at once in one session; the oldest goes */

enum cnc__call_state { CNC__CALL_OPEN, CNC__CALL_BUSY, CNC__CALL_DONE };

struct cnc__call { /* one that was begun over a stream */
    char id[33];
    enum cnc__call_state state;
    const struct cnc__command *command;
    char *item_id;
    int64_t since_s;
    uint64_t serial;
};

struct cnc__seat { /* what one session has open, or one JID of another domain
                    */
    struct cnc__call *calls[CNC__COMMAND_CALLS];
    int64_t since_s; /* of its newest call */
    bool far_;
};

struct cnc__commands {
    unsigned magic;
    struct cnc__router *router;
    bool (*has_role)(const char *bare, const char *roles, void *priv);
    void *role_priv;
    const struct cnc__tr *(*tr)(const char *lang, void *priv);
    void *tr_priv;
    cnc__commands_audit_f *audit;
    void *audit_priv;
    struct cnc__table *by_node; /* struct cnc__command */
    struct cnc__table *seats;   /* struct cnc__seat */
    size_t n_far;
    struct cnc__command_reply *replies;
    uint64_t serial;
};

struct cnc__command_reply {
    struct cnc__commands
        *commands; /* NULL: they are gone, or the command is */
    struct cnc__command_reply *prev, *next;
    struct cnc__request *request;      /* over a stream, or NULL */
    cnc__command_answered_f *answered; /* else */
    void *priv;
    const struct cnc__command *command;
    struct cnc__values *values;
    char *see, *who;
    char *detail; /* for the audit, instead of what was typed; or NULL */
    char call_id[33];
    bool inside, over; /* run() is on the stack; it was answered */
    bool again;
};

/* -- command.c ------------------------------------------------------------ */

/* Handlers and discovery. */
void cnc__command_streams(struct cnc__commands *c);
void cnc__call_free(struct cnc__call **cp);
void cnc__seat_free(void *seat);
/* The answer to a stanza. */
void cnc__command_send(struct cnc__command_reply *reply,
                       const struct cnc_error *err, const char *note,
                       const char *result_xml);

/* -- command-list.c ---------------------------------------------------------
 */

/* Among those under way.  v: steals. */
struct cnc__command_reply *cnc__command_begin(struct cnc__commands *c,
                                              const struct cnc__command *cmd,
                                              struct cnc__values *v);
/* Runs it.  reply and its values stay until run() has returned, answered or
 * not, and are the answerer's to end after that. */
void cnc__command_run(struct cnc__command_reply *reply,
                      const struct cnc__caller *who);

#endif /* CNC_PUBSUB_COMMANDIMPL_H */
