/* SPDX-License-Identifier: MIT */
/*
 * apps.h -- the apps of one domain: their nodes, forms, handlers, tasks and
 * settings, joined to pubsub, commands and the router.
 *
 *   submit (XEP-0050 or HTTP) -> values -> record -> submit handler
 *     -> cnc__pubsub_publish() -> done
 *
 * A handler of a CNC_APP_THREADED app runs on that app's own thread, one at a
 * time; what it calls is carried to the core's thread and back.  All other
 * handlers, and every function here, run on the core's thread.
 */
#ifndef CNC_APP_APPS_H
#define CNC_APP_APPS_H

#include <concordance/app.h>
#include <concordance/login.h>
#include <concordance/service.h>

#include "../pubsub/command.h"
#include "../pubsub/pubsub.h"
#include "../web/agent.h"

struct cnc__apps;

/* What log-ins are made of: see concordance/login.h, which is the manual.  All
 * on the core's thread; priv is the env's.  A done comes once, also within the
 * call. */
typedef void cnc__code_f(int code, void *arg);
struct cnc__login_ops {
    bool (*exists)(const char *user, void *priv);
    void (*find)(const char *user, cnc__code_f *done, void *arg, void *priv);
    void (*check)(const char *user, const char *password, const char *addr,
                  cnc__code_f *done, void *arg, void *priv);
    void (*set)(const char *user, const char *password, bool must_be_new,
                cnc__code_f *done, void *arg, void *priv);
    void (*remove)(const char *user, cnc__code_f *done, void *arg, void *priv);
    void (*role)(const char *jid, const char *role, bool has,
                 cnc__code_f *done, void *arg, void *priv);
    int (*roles)(cnc_role_f *f, void *f_priv, void *priv);
    /* These hold at once; done (may be NULL) comes when they are durable. */
    int (*login)(struct cnc__web_call *web, const char *jid, uint32_t seconds,
                 cnc__code_f *done, void *arg, void *priv);
    void (*logout)(struct cnc__web_call *web, cnc__code_f *done, void *arg,
                   void *priv);
    int (*each)(const char *jid, const struct cnc__caller *who, cnc_login_f *f,
                void *f_priv, void *priv);
    int (*end)(const char *jid, const char *id, cnc__code_f *done, void *arg,
               void *priv);
    /* Not 0: it failed, and done (which may be NULL) does not come; 0: token
     * or text is there, and done comes when that is durable. */
    int (*token_new)(char token[CNC_TOKEN_SIZE], const char *purpose,
                     const char *text, uint32_t seconds, cnc__code_f *done,
                     void *arg, void *priv);
    int (*token_take)(const char *token, const char *purpose, char *text,
                      size_t size, cnc__code_f *done, void *arg, void *priv);
    int (*token_look)(const char *token, const char *purpose, char *text,
                      size_t size, void *priv);
    void (*confirm)(const char *jid, const char *id, const char *url,
                    cnc__code_f *done, void *arg, void *priv);
    int (*message)(const char *to, const char *body, void *priv);
};

/* What an app may do before it is paused; 0: what stands in brackets. */
struct cnc__apps_limits {
    uint32_t handler_s;  /* a call of a threaded app's handler [30] */
    uint32_t flood_rate; /* items a second that it publishes ... [2000] */
    uint32_t flood_s;    /* ... for so long, at most 50 [10] */
    uint64_t memory;     /* bytes more than when it started [no limit] */
};

struct cnc__apps_env {
    struct cnc__router *router;
    struct cnc__pubsub *pubsub;
    struct cnc__commands *commands;
    void (*commit)(struct cnc__commit *c, void *priv); /* as pubsub's */
    /* Run f(arg) on the core's thread soon; from any thread. */
    void (*post)(void (*f)(void *arg), void *arg, void *priv);
    /* Has this bare JID one of these roles ("staff editors")?  NULL: nobody
     * has any. */
    bool (*has_role)(const char *bare, const char *roles, void *priv);
    const struct cnc__login_ops *logins; /* NULL: there are none */
    /* Where people find the pages, "https://books.example"; a *new* text. */
    char *(*url)(void *priv);
    /* Add the app that this word of the command line means, mounted there
     * (NULL: where it says), and what it needs; name is its name, *new*.  What
     * was added before it failed stays added.  NULL: none can be. */
    int (*load)(char **name, const char *word, const char *mount,
                struct cnc_error *err, void *priv);
    /* Load the module in this file as it is now, beside what was loaded of it
     * before.  NULL: nothing can be loaded again. */
    int (*load_again)(const struct cnc_app **out, const char *file,
                      struct cnc_error *err);
    /* The names of installed apps, in no order; one may come twice.  NULL:
     * nobody knows. */
    void (*installed)(void (*f)(const char *name, void *priv), void *f_priv);
    /* Somebody changed something; for those who look later.  NULL: nobody. */
    void (*audit)(const char *who, const char *what, const char *detail,
                  void *priv);
    struct cnc__apps_limits limits;
    void *priv;
};

/* Was it built for the structs of this version?  what: the app or its file,
 * for the text.  Nothing but abi and size of it is looked at.  CNC_EINVAL. */
CNC_API int cnc__app_abi_check(const struct cnc_app *app, const char *what,
                               struct cnc_error *err);

CNC_API struct cnc__apps *cnc__apps_new(const struct cnc__apps_env *env);
/* After cnc__apps_leave(). */
CNC_API void cnc__apps_free(struct cnc__apps **ap);

/* Before cnc__apps_declare(); without it apps have no pages. */
CNC_API void cnc__apps_agent(struct cnc__apps *a, struct cnc__agent *agent);
/* The app is known, and stopped.  It outlives the registry.  CNC_EINVAL,
 * CNC_EEXIST. */
CNC_API int cnc__apps_add(struct cnc__apps *a, const struct cnc_app *app,
                          struct cnc_error *err);
/* Where its pages, nodes and commands are ("/wiki"), its module, the folder of
 * its templates and assets; each may be NULL. */
CNC_API int cnc__apps_place(struct cnc__apps *a, const char *name,
                            const char *mount, const char *file,
                            const char *files, struct cnc_error *err);
/* What makes the app of this name anew, for "apps/reload". */
CNC_API void cnc__apps_again(struct cnc__apps *a, const char *name,
                             cnc_app_again_f *again, void *priv);
/* Reload those whose module or files were changed since they were read.  said:
 * a line for each, "" when there is none. */
typedef void cnc__apps_changed_f(bool failed, const char *said, void *priv);
CNC_API void cnc__apps_reload_changed(struct cnc__apps *a,
                                      cnc__apps_changed_f *done, void *priv);
/* From now on. */
CNC_API void cnc__apps_set_limits(struct cnc__apps *a,
                                  const struct cnc__apps_limits *limits);
/* An app that one of those known needs or extends and that is not known: its
 * name, *new*; NULL when there is none. */
CNC_API char *cnc__apps_missing(struct cnc__apps *a);
/* Put them in order, with what they extend; declare nodes, forms, commands,
 * handlers and pages of those that are not held.  CNC_EINVAL, CNC_EEXIST,
 * CNC_ENOENT name the app and the entry, the need, the circle. */
CNC_API int cnc__apps_declare(struct cnc__apps *a, struct cnc_error *err);
/* KEY entries of nodes "setting", "setting-version" and "app", at start-up,
 * before cnc__apps_restore(). */
CNC_API void cnc__apps_load(struct cnc__apps *a,
                            const struct cnc_store_entry *e);
/* Those of the command line are added: bring back what the operator added to
 * them, and hold what he stopped.  As cnc__apps_declare(), which is next. */
CNC_API int cnc__apps_restore(struct cnc__apps *a, struct cnc_error *err);
/* Before cnc__apps_declare(): the app is paused, and why.  False: there is
 * none of that name. */
CNC_API bool cnc__apps_hold(struct cnc__apps *a, const char *name,
                            const char *why);
/* Run each app's start().  CNC_EREFUSED with the app's reason. */
CNC_API int cnc__apps_start(struct cnc__apps *a, struct cnc_error *err);
/* Take the templates of the apps' folders; a bad one is logged, and the page
 * shows the last good one.  done comes once, now or later. */
CNC_API void cnc__apps_templates(struct cnc__apps *a, void (*done)(void *priv),
                                 void *priv);
/* Periodic tasks that are due, and a look at what each app does; call about
 * once a second.  This is the clock of all limits. */
CNC_API void cnc__apps_tick(struct cnc__apps *a, uint64_t now_ms);

/* pubsub's before_publish for app nodes: 0, or CNC_EREFUSED. */
CNC_API int cnc__apps_before_publish(struct cnc__apps *a,
                                     struct cnc__node *node,
                                     struct cnc_element *payload,
                                     struct cnc_error *err);
/* A form was filled in; the agent's env.submit.  Steals v. */
CNC_API void cnc__apps_submit(struct cnc__apps *a, const char *node,
                              const struct cnc__actor *who,
                              struct cnc__values *v, const char *id,
                              cnc__submitted_f *done, void *done_priv);

/* Stop asking the apps' threads for anything more, and say whether they are
 * all idle; the service runs posts until they are. */
CNC_API bool cnc__apps_stopping(struct cnc__apps *a);
/* Join the apps' threads; one whose handler still runs is left behind: it
 * reaches the core no more.  Posts made before are still to be run. */
CNC_API void cnc__apps_leave(struct cnc__apps *a);

/* -- life of one app --------------------------------------------------------
 */

/*
 *   add -> STOPPED -start-> RUNNING -stop-> STOPPED -remove-> (gone)
 *             |  ^            |  |
 *             |  +--disable---+  +--too many faults--> PAUSED -start-> RUNNING
 *             +--start() refused, a need is missing--> REFUSED
 * Stopping an app stops those that need it first; starting starts its needs.
 * A stopped app's nodes keep their items and are seen by nobody; its pages and
 * commands are not there.
 */
enum cnc__app_state {
    CNC__APP_STOPPED,
    CNC__APP_RUNNING,
    CNC__APP_PAUSED,
    CNC__APP_REFUSED
};

struct cnc__app_info { /* borrowed until the registry changes */
    const char *name, *title, *version, *extends, *mount;
    const char *file; /* the module; NULL: built into the program */
    bool reloads;     /* apps/reload can */
    const char *const *needs;
    const char *needed_by; /* "desk shelf", or "" */
    enum cnc__app_state state;
    const char
        *error; /* why it is paused or refused, its last fault; or NULL */
    uint64_t submits, refused, faults, published; /* since it was started */
    double published_s;  /* a second, over the last minute */
    size_t items, bytes; /* in its nodes */
    size_t memory;       /* what its code holds: see base/heap.h */
    size_t threads;
};
typedef void cnc__app_info_f(const struct cnc__app_info *info, void *priv);
/* In the order in which they start. */
CNC_API void cnc__apps_each(struct cnc__apps *a, cnc__app_info_f *f,
                            void *priv);
/* An app's own start() and stop() may be slow and run on its thread: done
 * comes once, now or later, with err NULL or what was in the way (a need that
 * is missing, a circle of needs by name, a start() that refused); text says
 * which others were started or stopped with it, or is NULL.  When a start is
 * refused, those that were started for it are stopped again. */
typedef void cnc__app_done_f(const struct cnc_error *err, const char *text,
                             void *priv);
CNC_API void cnc__app_start(struct cnc__apps *a, const char *name,
                            cnc__app_done_f *done, void *priv);
CNC_API void cnc__app_stop(struct cnc__apps *a, const char *name,
                           cnc__app_done_f *done, void *priv);
CNC_API void cnc__app_remove(struct cnc__apps *a, const char *name,
                             cnc__app_done_f *done, void *priv);
/* Put decl in the place of the app of its name, which may run: entries that
 * are the same stay as they are, sessions and subscriptions too.  When the new
 * one cannot start, the old one goes on and err says why. */
CNC_API void cnc__app_replace(struct cnc__apps *a, const struct cnc_app *decl,
                              cnc__app_done_f *done, void *priv);
/* The operator's commands: apps, apps/start, apps/stop, apps/add,
 * apps/remove. */
CNC_API int cnc__apps_commands(struct cnc__apps *a, struct cnc_error *err);
/* Handlers of pages may run in a web server's process that asks for one: take
 * what it sends meanwhile (<ran/>, <query/>, <setting/>). */
CNC_API int cnc__apps_web(struct cnc__apps *a, struct cnc_error *err);
/* "running" */
CNC_API const char *cnc__app_state_name(enum cnc__app_state state);
/* The effective declaration (extends merged, mount applied), or NULL. */
CNC_API const struct cnc_app *cnc__app_decl(const struct cnc__apps *a,
                                            const char *name);
/* Ask the hook of this name of whichever running app has one; done comes once,
 * with CNC_ENOENT when there is none. */
typedef void cnc__hook_done_f(int code, const char *text, void *priv);
CNC_API void cnc__apps_hook(struct cnc__apps *a, const char *name,
                            struct cnc_element *in, cnc__hook_done_f *done,
                            void *priv);

/* For whoever runs handlers in another language.  f(priv) is called once, on
 * the core's thread, when this call of a handler is given up: it runs still.
 * By the handler itself; f NULL: it has returned.  False: nothing is set, for
 * something was already, or f has been called. */
CNC_API bool cnc__request_on_lost(struct cnc_request *r, void (*f)(void *priv),
                                  void *priv);

struct cnc__apps_stats {
    uint64_t submits, refused, failures; /* failures: a handler's own fault */
};
CNC_API void cnc__apps_stats(const struct cnc__apps *a,
                             struct cnc__apps_stats *out);

#endif /* CNC_APP_APPS_H */
