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
#include "pubsub.h"

/* <progress node="" sessionid="">words</progress> in a headline: a command
 * that this session runs is at work. */
#define CNC__NS_PROGRESS "http://concordance-xmpp.org/ns/progress"

struct cnc__commands;

struct cnc__command_reply; /* one call under way */
struct cnc__web_call;      /* src/web: the HTTP request behind a call */

/* Who runs a command, by whichever face; borrowed for the call. */
struct cnc__caller {
    struct cnc__actor who;
    uint64_t session_id;       /* the XMPP session, or 0 */
    const char *lang;          /* RFC 5646; "en" when nothing is known */
    const char *addr;          /* the client's address, or "" */
    const char *login;         /* id of the browser's log-in, or NULL */
    struct cnc__web_call *web; /* NULL: not by HTTP */
};

/* Whoever may run a command acts as the service does, in his own name. */
static inline struct cnc__actor
cnc__caller_as_operator(const struct cnc__caller *c)
{
    struct cnc__actor self = c->who;

    self.operator_ = true;
    return self;
}

struct cnc__command {
    char *node, *name;               /* copied by add */
    const struct cnc_record *record; /* its form; NULL: none, runs at once */
    char *help;                      /* copied; or NULL */
    /* Who may: enum cnc_who; roles (copied, or NULL) as well. */
    enum cnc_who who;
    char *roles;
    /* And only whom this lets, operators too; NULL: all of those. */
    bool (*may)(const struct cnc__actor *who, void *priv);
    bool safe;                /* changes nothing: HTTP GET may run it */
    bool item_id;             /* the form carries CNC__FORM_ID */
    struct cnc__pubsub *refs; /* where its REF fields' nodes are; NULL: ids are
                                 typed */
    char *see; /* copied; where the web goes after it, or NULL */
    /* v: what was typed, borrowed until it is answered and run() has returned;
     * who: until it is answered.  Answer with cnc__command_done(), now or
     * later. */
    void (*run)(struct cnc__command_reply *c, const struct cnc__caller *who,
                struct cnc__values *v, void *priv);
    void *priv;
    /* Before its form is shown to somebody who may run it: v is what is known
     * of it already.  NULL: that is all. */
    void (*fill)(struct cnc__values *v, const struct cnc__caller *who,
                 void *priv);
};

CNC_API struct cnc__commands *cnc__commands_new(struct cnc__router *router);
/* The router's sessions have ended before. */
CNC_API void cnc__commands_free(struct cnc__commands **cp);
/* CNC_EEXIST when the node is taken. */
CNC_API int cnc__commands_add(struct cnc__commands *c,
                              const struct cnc__command *cmd,
                              struct cnc_error *err);
/* Who has which role; without it nobody has any. */
CNC_API void cnc__commands_roles(struct cnc__commands *c,
                                 bool (*has_role)(const char *bare,
                                                  const char *roles,
                                                  void *priv),
                                 void *priv);
/* Texts in the language that a request names (RFC 5646); without it all are
 * English. */
CNC_API void cnc__commands_languages(
    struct cnc__commands *c,
    const struct cnc__tr *(*tr)(const char *lang, void *priv), void *priv);
/* *borrowed*; NULL: English. */
CNC_API const struct cnc__tr *cnc__commands_tr(const struct cnc__commands *c,
                                               const char *lang);
/* Tell f of each command of the administrator that changed something, once it
 * is done: who (a JID), which, and what was typed, without secrets and texts
 * of many lines. */
typedef void cnc__commands_audit_f(const char *who, const char *node,
                                   const char *detail, void *priv);
CNC_API void cnc__commands_audit(struct cnc__commands *c,
                                 cnc__commands_audit_f *f, void *priv);
/* Forget it; calls under way end with item-not-found. */
CNC_API void cnc__commands_remove(struct cnc__commands *c, const char *node);
/* *borrowed*, or NULL. */
CNC_API const struct cnc__command *
cnc__commands_get(const struct cnc__commands *c, const char *node);
/* The one place that says who may run what. */
CNC_API bool cnc__commands_may(const struct cnc__commands *c,
                               const struct cnc__command *cmd,
                               const struct cnc__actor *who);
/* In the order of their names. */
typedef void cnc__commands_each_f(const struct cnc__command *cmd, void *priv);
CNC_API void cnc__commands_each(const struct cnc__commands *c,
                                const struct cnc__actor *who,
                                cnc__commands_each_f *f, void *priv);

struct cnc__command_answer { /* borrowed for the call */
    int code;                /* 0; CNC_EREFUSED: errors in the values; other */
    const char *text;        /* the note, or what is wrong; or NULL */
    const char *result_xml;  /* or NULL */
    const char *see;         /* a path to go to, or NULL */
    bool chose;              /* that is what this run said, not .see */
    bool again;              /* the form stays, with what was typed */
};
typedef void cnc__command_answered_f(const struct cnc__command_answer *a,
                                     struct cnc__values *v, void *priv);
/* Run it without a stream: for the web's face and pages.  v: steals; NULL for
 * a command without a form.  done comes once, now or later, with v. */
CNC_API void cnc__commands_call(struct cnc__commands *c, const char *node,
                                const struct cnc__caller *who,
                                struct cnc__values *v,
                                cnc__command_answered_f *done, void *priv);
/* Whoever asked still waits; false once the command is removed, or all are. */
CNC_API bool cnc__command_is_open(const struct cnc__command_reply *c);
/* It is still at work, and how far: told to whoever asked over a stream of
 * this domain, in words. */
CNC_API void cnc__command_progress(struct cnc__command_reply *c,
                                   const char *text);
/* Before cnc__command_done(): where the web goes after it. */
CNC_API void cnc__command_see(struct cnc__command_reply *c, const char *path);
/* ... on a page the form stands below the answer, as it was typed. */
CNC_API void cnc__command_again(struct cnc__command_reply *c);
/* Before cnc__command_done(): what was done, for the audit, when what was
 * typed does not say it. */
CNC_API void cnc__command_detail(struct cnc__command_reply *c,
                                 const char *text);

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
