/* SPDX-License-Identifier: MIT */
/*
 * ctl.h -- concordctl: one file a group of commands, one table for all.
 */
#ifndef CNC_CTL_CTL_H
#define CNC_CTL_CTL_H

#include <stdio.h>

#include "../base/str.h"
#include "../client/client.h"

#define NS_PUBSUB   "http://jabber.org/protocol/pubsub"
#define NS_EVENT    NS_PUBSUB "#event"
#define NS_COMMANDS "http://jabber.org/protocol/commands"
#define NS_DATA     "jabber:x:data"
#define NS_MAM      "urn:xmpp:mam:2"
#define NS_RSM      "http://jabber.org/protocol/rsm"
#define NS_FORWARD  "urn:xmpp:forward:0"
#define NS_DELAY    "urn:xmpp:delay"
#define NS_TEMPLATE "http://concordance-xmpp.org/ns/template"

struct ctl {
    const char *link;
    const char *domain; /* of several that the service has; NULL: the first */
    bool indent;
    struct cnc__client *client; /* opened by ctl_connect() */
};

/* What a command's function returns is the exit status: 0, 1 failed,
 * 2 wrong usage. */
typedef int ctl_f(struct ctl *ctl, int argc, char **argv);

struct ctl_command {
    const char *name;
    const char *args; /* "NODE [ID...]" */
    const char *what; /* one line */
    const char *more; /* the rest of `concordctl help NAME` */
    int min, max;     /* words after the name; max -1: any number */
    bool offline;     /* needs no service */
    ctl_f *run;
};

/* Print "concordctl: text." and return 1. */
int ctl_fail(const struct cnc_error *err);
int ctl_say(int status, const char *fmt, ...) CNC_PRINTF(2, 3);
/* Send an IQ; a failure is printed.  Returns 0 or 1. */
int ctl_iq(struct ctl *ctl, const char *type, const char *payload,
           struct cnc_element **reply);
/* What a command said of itself (XEP-0050): 0 when it is completed, else the
 * reason is printed. */
int ctl_outcome(const struct cnc_element *reply);
/* Text as a JSON string (RFC 8259 7); what is no UTF-8, byte by byte. */
void ctl_json_string(struct cnc__str *out, const char *s);
/* Bytes of the control character at s: C0, DEL, and C1, which terminals obey
 * too; 0 for any other. */
size_t ctl_control(const char *s);
/* What a stranger wrote (an id), with control characters as \xNN: it must not
 * speak to the terminal nor begin a line of its own. */
void ctl_print_text(const char *s);
void ctl_print_text_to(FILE *out, const char *s);
/* An element on one line (or indented with --indent); control characters in
 * it as references. */
void ctl_print(struct ctl *ctl, const struct cnc_element *e);
/* What a command answered, x (XEP-0004): the value of a field of one row; the
 * rows in aligned columns, or as a JSON array; the single values. */
const char *ctl_value_of(const struct cnc_element *item, const char *var);
void ctl_print_table(const struct cnc_element *x);
void ctl_json_table(struct cnc__str *out, const struct cnc_element *x);
void ctl_print_values(const struct cnc_element *x);
void ctl_json_values(struct cnc__str *out, const struct cnc_element *x);
/* Every item of a node, in pages (XEP-0059). */
typedef void ctl_item_f(struct ctl *ctl, const struct cnc_element *item,
                        void *priv);
int ctl_items(struct ctl *ctl, const char *node, ctl_item_f *f, void *priv);
/* A whole file, or standard input for "-"; NULL after saying why. */
char *ctl_read(const char *path, size_t *len);

/* A line of standard input, without echo on a terminal, which is afterwards as
 * before whatever signal comes; *new*, to be wiped; NULL at its end. */
char *ctl_secret(const char *prompt);

extern const struct ctl_command ctl_pubsub[], ctl_template[], ctl_admin[],
    ctl_new[], ctl_doctor[], ctl_console[], ctl_operator[], ctl_do[],
    ctl_backup[], ctl_app[], ctl_agent[];

#endif /* CNC_CTL_CTL_H */
