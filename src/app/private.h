/* SPDX-License-Identifier: MIT */
/*
 * private.h -- what the files of this room share.
 */
#ifndef CNC_APP_PRIVATE_H
#define CNC_APP_PRIVATE_H

#include <pthread.h>

#include "../base/check.h"
#include "../base/log.h"
#include "../base/rate.h"
#include "../base/str.h"
#include "apps.h"
#include "reply.h"

struct cnc__app; /* one app in the registry */

/* A node of an app; the pubsub node's priv points here. */
struct cnc__app_node {
    struct cnc__app *app;
    const struct cnc_node *decl;
    struct cnc__app_node *next;
};

struct cnc__app_handler {
    struct cnc__app *app;
    const struct cnc_handler *decl;
    struct cnc__app_handler *next;
};

struct cnc__app_task {
    const struct cnc_task *decl;
    uint64_t due_ms;
    bool running;
    struct cnc__app *app;
    struct cnc__app_task *next;
};

struct cnc__app_command; /* commands.c */

struct cnc__app {
    struct cnc__apps *apps;
    const struct cnc_app *decl;
    struct cnc__app_node *nodes;
    struct cnc__app_handler *handlers;
    struct cnc__app_task *tasks;
    struct cnc__app_command *commands;
    struct cnc_request *waiting;    /* for cnc_finish() */
    struct cnc_element *settings;   /* the record, or NULL: defaults */
    struct cnc__app_thread *thread; /* CNC_APP_THREADED, else NULL */
    bool started;                   /* start() said yes: stop() is due */
    bool left; /* a handler was left behind, and all it may look at with it */
    struct cnc__app *next;
};

struct cnc__apps {
    unsigned magic;
#define CNC__APPS_MAGIC 0xa9950001u
    struct cnc__apps_env env;
    struct cnc__app *first;
    struct cnc__rate *rate; /* cnc_rate() */
    char *guest; /* "guest@DOMAIN": who publishes for people not logged in */
    struct cnc__apps_stats stats;
};

/* What cnc_setting() returned lives until the handler returns. */
struct cnc__app_text {
    char *text;
    struct cnc__app_text *next;
};

/* One call of one handler. */
struct cnc_request {
    unsigned magic;
#define CNC__CALL_MAGIC 0xa9950002u
    struct cnc__app *app;
    const char *user; /* bare JID */
    bool guest, operator_;
    /* Of a command: who asks, a copy whose texts live as long; NULL else. */
    const struct cnc__caller *caller;
    struct cnc__command_reply *command; /* what waits for the answer */
    struct cnc_element *form;           /* what was typed; or NULL */
    struct cnc__answer *answer;         /* what the handler says */
    void *priv;
    const char *node;
    const char *item_id;
    struct cnc__values *values; /* of a submit: takes the refusals */
    bool refused;
    char refusal[256];            /* the first one's text */
    struct cnc_element *replaced; /* cnc_replace() */
    struct cnc__str reply;        /* cnc_reply() */
    /* What to run on the handler's thread, and on the core's after it. */
    int (*run)(struct cnc_request *r);
    void (*after)(struct cnc_request *r, int code);
    int code;
    /* CNC_EAGAIN is no failure: cnc_finish() comes.  All of the handler's
     * thread. */
    bool may_wait, waits, finished;
    struct cnc_request *wait_prev, *wait_next; /* app->waiting; the core's */
    struct cnc__app_text *settings;
    struct cnc__slow *slow; /* login_api.c's: what is under way for it */
    struct cnc_request *next;
};

/* Run r->run() where the app wants it, then r->after() on the core's thread;
 * r is the caller's to free in after(). */
void cnc__app_call(struct cnc_request *r);
void cnc__request_call_fini(struct cnc_request *r);
/* The handler returned code: true when r->code is what came of it, false when
 * cnc_finish() is still to come.  On the handler's thread. */
bool cnc__request_ran(struct cnc_request *r, int code);

/* thread.c: the app's thread. */
struct cnc__app_thread *cnc__app_thread_new(struct cnc__app *app);
void cnc__app_thread_push(struct cnc__app_thread *t, struct cnc_request *r);
/* No more calls are taken; true when none is under way. */
bool cnc__app_thread_stop(struct cnc__app_thread *t);
/* The service ends: join the thread when it is idle, else leave it behind and
 * return true. */
bool cnc__app_thread_leave(struct cnc__app_thread *t);
/* Of a thread that was joined. */
void cnc__app_thread_free(struct cnc__app_thread **tp);
/* Run f(arg) on the core's thread and wait for it.  False, and f is not run,
 * when the service has left this thread behind. */
bool cnc__app_on_core(struct cnc_request *r, void (*f)(void *arg), void *arg);
/* Requests that still wait for cnc_finish() end with CNC_ECLOSED: the app does
 * nothing any more. */
void cnc__app_waiting_end(struct cnc__app *app);

/* commands.c */
int cnc__app_commands_add(struct cnc__app *app, struct cnc_error *err);
/* They are not there any more; those under way are answered to nobody. */
void cnc__app_commands_remove(struct cnc__app *app);
/* The app goes, and its commands went with the registry of commands. */
void cnc__app_commands_free(struct cnc__app *app);
/* The HTTP request behind a command's call; NULL when there is none, or when
 * nobody waits for its answer any more.  On the core's thread. */
struct cnc__web_call *cnc__request_web(const struct cnc_request *r);

/* handler_api.c: the node that a handler calls so, or NULL; core's thread. */
struct cnc__node *cnc__request_node(const struct cnc_request *r,
                                    const char *name);

/* login_api.c: r is over; what is under way for it ends unheard. */
void cnc__login_forget(struct cnc_request *r);

/* settings.c */
int cnc__app_settings_command(struct cnc__app *app, struct cnc_error *err);

/* submit.c: what the app itself publishes to n: a *new* element, with its
 * computed fields, once it is a valid record.  CNC_EREFUSED. */
int cnc__app_record(struct cnc_element **out, struct cnc__app_node *n,
                    const struct cnc_element *e, struct cnc_error *err);

/* submit.c: may he use the node's form?  Whoever may publish to a node with
 * writers; whoever may see another one. */
int cnc__app_form_may(struct cnc__app_node *n, const struct cnc__actor *who,
                      struct cnc_error *err);

/* submit.c: the app node of that name, or NULL. */
struct cnc__app_node *cnc__app_node_find(struct cnc__apps *a,
                                         const char *name);

#endif /* CNC_APP_PRIVATE_H */
