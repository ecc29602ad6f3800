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

#include "../pubsub/command.h"
#include "../pubsub/pubsub.h"
#include "../web/agent.h"

struct cnc__apps;

struct cnc__apps_env {
    struct cnc__router *router;
    struct cnc__pubsub *pubsub;
    struct cnc__commands *commands;
    void (*commit)(struct cnc__commit *c, void *priv); /* as pubsub's */
    /* Run f(arg) on the core's thread soon; from any thread. */
    void (*post)(void (*f)(void *arg), void *arg, void *priv);
    void *priv;
};

CNC_API struct cnc__apps *cnc__apps_new(const struct cnc__apps_env *env);
/* After cnc__apps_leave(). */
CNC_API void cnc__apps_free(struct cnc__apps **ap);

/* Check the declarations, declare the nodes, add forms and handlers.  app
 * outlives the registry.  CNC_EINVAL, CNC_EEXIST name the app and the entry.
 */
CNC_API int cnc__apps_add(struct cnc__apps *a, const struct cnc_app *app,
                          struct cnc_error *err);
/* KEY entries of node "setting", at start-up, before cnc__apps_start(). */
CNC_API void cnc__apps_load(struct cnc__apps *a,
                            const struct cnc_store_entry *e);
/* Run each app's start().  CNC_EREFUSED with the app's reason. */
CNC_API int cnc__apps_start(struct cnc__apps *a, struct cnc_error *err);
/* Periodic tasks that are due; call about once a second. */
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

struct cnc__apps_stats {
    uint64_t submits, refused, failures; /* failures: a handler's own fault */
};
CNC_API void cnc__apps_stats(const struct cnc__apps *a,
                             struct cnc__apps_stats *out);

#endif /* CNC_APP_APPS_H */
