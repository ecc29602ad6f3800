/* SPDX-License-Identifier: MIT */
/*
 * private.h -- what the files of this room share.
 */
#ifndef CNC_APP_PRIVATE_H
#define CNC_APP_PRIVATE_H

#include <pthread.h>

#include "../base/arena.h"
#include "../base/check.h"
#include "../base/heap.h"
#include "../base/log.h"
#include "../base/rate.h"
#include "../base/str.h"
#include "../base/table.h"
#include "apps.h"
#include "reply.h"

struct cnc__app; /* one app in the registry */

#define CNC__APP_NAME 1024 /* bytes of a mounted name */

/* What an app has declared to the rooms below.  These live as long as the app:
 * a call that is under way may look at one whose entry is gone, or at one that
 * has got the declaration of a newer version. */
struct cnc__app_node { /* the pubsub node's priv points here */
    struct cnc__app *app;
    const struct cnc_node *decl;
    bool here, form; /* declared; and its form is a command */
    struct cnc__app_node *next;
};

struct cnc__app_handler {
    struct cnc__app *app;
    const struct cnc_handler *decl;
    bool here;
    struct cnc__app_handler *next;
};

struct cnc__app_task {
    const struct cnc_task *decl;
    uint64_t due_ms;
    bool here, running;
    struct cnc__app *app;
    struct cnc__app_task *next;
};

struct cnc__app_command; /* commands.c */

struct cnc__app_counts { /* since it was started */
    uint64_t submits, refused, faults, published;
};

#define CNC__APP_SAMPLES 60
#define CNC__APP_MINUTE  19 /* one more within a minute is too many */

struct cnc__app {
    struct cnc__apps *apps;
    const struct cnc_app *own;  /* as it was given */
    const struct cnc_app *decl; /* in effect: with what it extends, mounted;
                                   its lists are never NULL */
    struct cnc__arena arena;    /* what decl is made of; older ones as well */
    struct cnc__app *base;      /* the app that it extends, or NULL */
    struct cnc__app *by;        /* the app that extends it: runs as this one */
    char *mount;                /* "/wiki", or NULL */
    char *file, *files;         /* its module; the folder of its templates */
    uint64_t stamp;             /* of those: see cnc__app_stamp() */
    cnc_app_again_f *again;     /* makes it anew; NULL: its module does */
    void *again_priv;
    enum cnc__app_state state;
    char *error;    /* why it is refused or paused, its last fault; or NULL */
    bool reloading; /* its nodes stay in sight meanwhile */
    bool held;      /* the operator stopped it, or too many faults */
    char *harm;     /* why it is about to be paused, or NULL */
    unsigned streak, n_faults;          /* in a row; all */
    uint64_t fault_ms[CNC__APP_MINUTE]; /* when the last ones were */
    uint64_t samples[CNC__APP_SAMPLES]; /* counts.published, each second */
    unsigned n_samples, n_sampled;
    bool settled;      /* it fits among the others: see cnc__apps_settle() */
    bool fresh;        /* came with what is being added */
    char *word;        /* by which the operator added it; NULL: he did not */
    bool forget;       /* removed, and that is not kept yet */
    bool removed;      /* what is left of it is for calls under way */
    bool declared;     /* its nodes, commands and so on are there */
    bool has_settings; /* the commands; they stay when the app is stopped */
    bool has_pages;    /* its pages and assets as well */
    char *assets;      /* the folder of those that are served */
    size_t n_pages;    /* so many of them */
    int mark;          /* needs.c: its way through the graph */
    struct cnc__app_counts counts;
    struct cnc__heap *heap; /* what its code has allocated */
    int64_t heap_before;    /* when it was started */
    struct cnc__app_node *nodes;
    struct cnc__app_handler *handlers;
    struct cnc__app_task *tasks;
    struct cnc__app_command *commands;
    struct cnc_request *waiting; /* for cnc_finish() */
    /* Complete: an element each, also for no value; NULL: nothing is kept. */
    struct cnc_element *settings;
    struct cnc__values *misfits; /* kept ones that fit no more, why; or NULL */
    struct cnc_record settings_form; /* with the version, as it is asked */
    const char *settings_version;    /* the field that has it */
    struct cnc__app_thread *thread;  /* CNC_APP_THREADED, else NULL */
    bool started;                    /* start() said yes: stop() is due */
    bool left; /* a handler was left behind, and all it may look at with it */
    struct cnc__app *next;
};

struct cnc__apps {
    unsigned magic;
#define CNC__APPS_MAGIC 0xa9950001u
    struct cnc__apps_env env;
    struct cnc__agent *agent; /* NULL: no pages */
    struct cnc__app *first;
    bool leaving;                 /* the service ends */
    bool busy;                    /* an app is being started or stopped */
    struct cnc__app *gone;        /* removed */
    struct cnc__app_thread *lost; /* threads whose handler was given up */
    uint64_t now_ms;              /* of the last tick */
    struct cnc__table *kept;      /* app -> struct cnc__settings */
    struct cnc__table *states;    /* app -> what kept.c keeps of it, XML */
    struct cnc__rate *rate;       /* cnc_rate() */
    bool has_records;             /* the commands "records", ... are there */
    struct cnc__table *errands;   /* errand.c's, by their call */
    char *guest; /* "guest@DOMAIN": who publishes for people not logged in */
    struct cnc__apps_stats stats;
};

/* Which entry of an app runs: for cnc_super(). */
enum cnc__entry {
    CNC__ENTRY_NONE,
    CNC__ENTRY_SUBMIT,
    CNC__ENTRY_HANDLER,
    CNC__ENTRY_TASK,
    CNC__ENTRY_COMMAND,
    CNC__ENTRY_HOOK,
    CNC__ENTRY_START
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
    /* The entry that runs: whose it is (the app's, or one's that it extends),
     * its key there ("articles"; a handler's is in handler), its argument. */
    struct cnc__app *layer;
    enum cnc__entry entry;
    const char *key;
    const struct cnc_handler *handler;
    struct cnc_element *in;
    const char *user; /* bare JID */
    bool guest, operator_;
    bool reads; /* it may change nothing */
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
    char fault[256];              /* cnc_fault()'s text */
    struct cnc_element *replaced; /* cnc_replace() */
    struct cnc__str reply;        /* cnc_reply() */
    /* What to run on the handler's thread, and on the core's after it. */
    int (*run)(struct cnc_request *r);
    void (*after)(struct cnc_request *r, int code);
    /* Instead of after(), when the handler does not return: tell whoever asked
     * why (may be NULL: nobody did).  On the core's thread, while the handler
     * runs: it touches nothing that the handler may touch. */
    void (*give_up)(struct cnc_request *r, const char *why);
    /* Free it, after give_up() and after the handler.  On the core's. */
    void (*drop)(struct cnc_request *r);
    void (*on_lost)(void *priv); /* under the thread's lock */
    void *on_lost_priv;
    bool lost;            /* given up */
    const char *app_name; /* the core may change app->decl meanwhile */
    int code;
    bool question; /* of a hook: also while the app's thread waits */
    /* CNC_EAGAIN is no failure: cnc_finish() comes.  All of the handler's
     * thread. */
    bool may_wait, waits, finished;
    struct cnc_request *wait_prev, *wait_next; /* app->waiting; the core's */
    struct cnc__app_text *settings;
    struct cnc__slow *slow; /* slow.c's: what is under way for it */
    /* So many things are not on disk yet that were done for it; one could not
     * be kept; it is over but for them.  The core's. */
    unsigned n_keeping;
    bool not_kept, ended;
    struct cnc_request *next;
};

/* Run r->run() where the app wants it, then r->after() on the core's thread;
 * r is the caller's to free in after(). */
void cnc__app_call(struct cnc_request *r);
void cnc__request_call_fini(struct cnc_request *r);
/* The handler returned code: true when r->code is what came of it, false when
 * cnc_finish() is still to come.  On the handler's thread. */
bool cnc__request_ran(struct cnc_request *r, int code);
/* r->after(), when all is kept that was done for it.  On the core's thread. */
void cnc__request_end(struct cnc_request *r);

/* thread.c: the app's thread. */
struct cnc__app_thread *cnc__app_thread_new(struct cnc__app *app);
void cnc__app_thread_push(struct cnc__app_thread *t, struct cnc_request *r);
/* On the app's thread: wait until *done, and run meanwhile the questions that
 * it is asked: what is waited for may be their answer. */
void cnc__app_thread_wait(struct cnc__app_thread *t, const bool *done);
/* On the core's thread. */
void cnc__app_thread_done(struct cnc__app_thread *t, bool *done);
/* No more calls are taken; true when none is under way. */
bool cnc__app_thread_stop(struct cnc__app_thread *t);
/* The service ends: join the thread when it is idle, else leave it behind and
 * return true. */
bool cnc__app_thread_leave(struct cnc__app_thread *t);
/* On the core's thread, each tick: has a handler run for so long without
 * asking the service to do something slow? */
bool cnc__app_thread_stuck(struct cnc__app_thread *t, uint64_t now_ms,
                           uint64_t limit_ms);
/* Give up all that the thread has to do, and the thread: it stays app->thread,
 * and refuses what comes, until cnc__app_thread_part(). */
void cnc__app_thread_lose(struct cnc__app_thread *t, const char *why);
/* The app has no thread any more when that was lost: true. */
bool cnc__app_thread_part(struct cnc__app *app);
/* Lost threads: those that have ended are freed; and when the service ends,
 * apps whose threads did not end are left behind. */
void cnc__app_threads_reap(struct cnc__apps *a);
void cnc__app_threads_leave(struct cnc__apps *a);
void cnc__app_threads_free(struct cnc__apps *a);
/* The thread that calls; NULL: it is no app's. */
struct cnc__app_thread *cnc__app_thread_here(void);
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

/* errand.c: the handler of r, a command's that only reads, runs in the web
 * server's process that asks for its page, if that is so; r->after() comes, or
 * r->give_up() and r->drop().  Else false. */
bool cnc__app_errand(struct cnc_request *r);
/* Once a second. */
void cnc__app_errands_tick(struct cnc__apps *a);
void cnc__app_errands_free(struct cnc__apps *a);
/* webread.c: what such a handler reads meanwhile. */
int cnc__app_webread_handle(struct cnc__apps *a, struct cnc_error *err);

/* query.c: cnc_query() on the core's thread, for whoever may read as the app:
 * f sees each record's id and its XML. */
typedef int cnc__app_row_f(const char *id, const struct cnc_buf *payload,
                           void *priv);
int cnc__app_query(struct cnc__app *app, const char *node,
                   const struct cnc_query *q, cnc__app_row_f *f, void *priv,
                   size_t *total, struct cnc_error *err);
/* handler_api.c: cnc_setting() on the core's thread: *new*, or NULL. */
char *cnc__app_setting(const struct cnc__app *app, const char *name);

/* What r refused, at the fields of record and as a whole, to where it is
 * shown.
 */
void cnc__request_refusals(const struct cnc_request *r,
                           const struct cnc_record *record,
                           struct cnc__values *to);

/* handler_api.c: 0; or CNC_EACCES, said in err and in the log, in the handler
 * of a command that only reads.  call: of which function, "cnc_publish". */
int cnc__request_may_change(const struct cnc_request *r, const char *call,
                            struct cnc_error *err);

/* handler_api.c: the node that a handler calls so, or NULL; core's thread. */
struct cnc__node *cnc__request_node(const struct cnc_request *r,
                                    const char *name);

/* slow.c: r is over; what is under way for it ends unheard. */
void cnc__login_forget(struct cnc_request *r);

/* settings.c: the commands, or none when it declares no settings; and what is
 * kept for it is taken.  Again when it has another declaration. */
int cnc__app_settings_command(struct cnc__app *app, struct cnc_error *err);
void cnc__app_settings_remove(struct cnc__app *app);
/* settings-fit.c: take what is kept for it, or nothing. */
void cnc__app_settings_take(struct cnc__app *app);

/* apps.c: what can be said of a declaration by itself. */
int cnc__app_check(const struct cnc_app *d, struct cnc_error *err);

/* merge.c: CNC_EINVAL says what a mount is. */
int cnc__app_mount_check(const char *path, struct cnc_error *err);
/* Make app->decl anew from own, base and mount. */
int cnc__app_merge(struct cnc__app *app, struct cnc_error *err);
/* A name of the app's own as others see it: "wiki/articles" of "articles";
 * other names as they are.  In the app's arena, or name itself. */
const char *cnc__app_outer(const struct cnc__app *app, const char *name,
                           char out[CNC__APP_NAME]);
/* And back. */
const char *cnc__app_inner(const struct cnc__app *app, const char *name);

/* needs.c: <0, 0, >0; "1.2" is "1.2.0". */
int cnc__version_compare(const char *a, const char *b);
bool cnc__version_valid(const char *s);
/* Joins what extends with what is extended, merges, and puts the apps
 * into the order in which they start. */
int cnc__apps_order(struct cnc__apps *a, struct cnc_error *err);
struct cnc__app *cnc__app_find(const struct cnc__apps *a, const char *name);
/* The one that runs as the app of this name. */
struct cnc__app *cnc__app_running_as(const struct cnc__apps *a,
                                     const char *name);
/* Does app need other (which runs)? */
bool cnc__app_needs(const struct cnc__app *app, const struct cnc__app *other);

/* life.c: put what was added in order with the others; when that cannot be,
 * and when it is not wanted after all, unsettle forgets it. */
int cnc__apps_settle(struct cnc__apps *a, struct cnc_error *err);
void cnc__apps_unsettle(struct cnc__apps *a);
#define CNC__APP_BUSY                                                         \
    CNC__TEXT("another app is being started or stopped; try again")

void cnc__app_set_state(struct cnc__app *app, enum cnc__app_state state,
                        const char *error);

/* run.c: the app's own start() or stop() runs where its handlers run; done
 * comes once, with what is wrong, or NULL.  what: static, before the app's
 * name in that: "the new version of ". */
typedef void cnc__app_ran_f(const struct cnc_error *err, void *priv);
void cnc__app_run_start(struct cnc__app *app, const char *what,
                        cnc__app_ran_f *done, void *priv);
void cnc__app_run_stop(struct cnc__app *app, cnc__app_ran_f *done, void *priv);
/* Take the templates of its folders; what is wrong with them is logged.  done
 * comes once, now or later. */
void cnc__app_take_templates(struct cnc__app *app, void (*done)(void *priv),
                             void *priv);

/* life.c: nothing of it runs any more; its thread can go. */
void cnc__app_end_thread(struct cnc__app *app);

/* kept.c: keep what the operator made of the apps, as far as it changed; done
 * (may be NULL) comes once, now or later, when it is durable. */
void cnc__apps_keep(struct cnc__apps *a,
                    void (*done)(const struct cnc_error *err, void *priv),
                    void *priv);
void cnc__apps_kept_load(struct cnc__apps *a, const struct cnc_store_entry *e);
/* After the nodes of those that are known are declared. */
void cnc__apps_hide_removed(struct cnc__apps *a);

/* declare.c: all an app brings, to the rooms below; and away again. */
int cnc__app_declare(struct cnc__app *app, struct cnc_error *err);
/* All but the pages: reload.c puts others in their place. */
void cnc__app_withdraw(struct cnc__app *app);
void cnc__app_undeclare(struct cnc__app *app);
int cnc__app_pages_add(struct cnc__app *app, struct cnc_error *err);
void cnc__app_pages_remove(struct cnc__app *app);

/* changed.c: what its module and files are now, as one number. */
uint64_t cnc__app_stamp(const struct cnc__app *app);
/* reload-command.c: its module and templates are read again.  done comes
 * later. */
void cnc__app_reload(struct cnc__apps *a, const char *name,
                     cnc__app_done_f *done, void *priv);
/* ... by the command "apps/reload". */
int cnc__apps_reload_command(struct cnc__apps *a, struct cnc_error *err);
/* several.c: the command "apps/set". */
int cnc__apps_several_command(struct cnc__apps *a, struct cnc_error *err);

/* Its nodes are seen; or, of an app that does not run, are not. */
void cnc__app_show(struct cnc__app *app);
void cnc__app_hide(struct cnc__app *app);
/* The folder of its assets, *new*; NULL: there is none. */
char *cnc__app_assets(const struct cnc__app *app);
/* The folders of its templates, one a line: those of what it extends first.
 * *New*; "" for none. */
char *cnc__app_folders(const struct cnc__app *app);

/* faults.c: why a handler said no, for the operator; borrowed. */
const char *cnc__request_why(const struct cnc_request *r, int code);
/* A handler has returned. */
void cnc__app_judge(const struct cnc_request *r, int code);
/* Once a second. */
void cnc__app_sample(struct cnc__app *app);
/* What it published a second, over so many seconds. */
double cnc__app_rate(const struct cnc__app *app, unsigned seconds);
/* It did something that it may not. */
void cnc__app_fault(struct cnc__app *app, const char *text);

/* hooks.c: whose entry it is that runs; fills r->layer. */
void cnc__request_entry(struct cnc_request *r, enum cnc__entry entry,
                        const char *key, struct cnc_element *in);

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
