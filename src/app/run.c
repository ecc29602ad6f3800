/* SPDX-License-Identifier: MIT */
/*
 * run.c -- what starting, stopping and reloading an app have in common: its
 * own start() and stop(), run where its handlers run, and its templates.
 */
#include "private.h"

struct running {
    struct cnc_request call;
    const char *what; /* static */
    cnc__app_ran_f *done;
    void *priv;
};

static void
drop(struct cnc_request *r)
{
    cnc__request_call_fini(r);
    cnc__free(CNC_CONTAINER(r, struct running, call));
}

static void
call(struct cnc__app *app, const struct running *how)
{
    struct running *n = cnc__zalloc(sizeof(*n));

    *n = *how;
    n->call.app = app;
    n->call.user = cnc__router_domain(app->apps->env.router);
    n->call.priv = app->decl->priv;
    n->call.drop = drop;
    cnc__app_call(&n->call);
}

/* -- start() ----------------------------------------------------------------
 */

static int
run_start(struct cnc_request *r)
{
    if (r->app->decl->start == NULL) {
        return 0;
    }
    cnc__request_entry(r, CNC__ENTRY_START, NULL, NULL);
    return r->app->decl->start(r);
}

static void
after_start(struct cnc_request *r, int code)
{
    const struct running *n = CNC_CONTAINER(r, struct running, call);
    cnc__app_ran_f *done = n->done;
    void *priv = n->priv;
    struct cnc__app *app = r->app;
    struct cnc_error err = {0};

    if (code != 0) {
        cnc_error_set(&err, CNC_EREFUSED, "not-acceptable",
                      "%sapp \"%s\" refused to start: %s", n->what,
                      app->own->name, cnc__request_why(r, code));
    } else {
        app->started = true;
        memset(&app->counts, 0, sizeof(app->counts));
        app->streak = app->n_faults = app->n_samples = 0;
    }
    drop(r);
    done(code == 0 ? NULL : &err, priv);
}

/* Its thread is lost. */
static void
give_up_start(struct cnc_request *r, const char *why)
{
    const struct running *n = CNC_CONTAINER(r, struct running, call);
    struct cnc_error err = {0};

    cnc_error_set(&err, CNC_EREFUSED, "not-acceptable",
                  "%sapp \"%s\" could not be started: its start() did not "
                  "return within %u seconds",
                  n->what, r->app->own->name,
                  r->app->apps->env.limits.handler_s);
    cnc__app_thread_part(r->app);
    n->done(&err, n->priv);
}

void
cnc__app_run_start(struct cnc__app *app, const char *what,
                   cnc__app_ran_f *done, void *priv)
{
    const struct running how = {.call = {.run = run_start,
                                         .after = after_start,
                                         .give_up = give_up_start},
                                .what = what,
                                .done = done,
                                .priv = priv};

    app->heap_before = cnc__heap_bytes(app->heap);
    call(app, &how);
}

/* -- stop() -----------------------------------------------------------------
 */

static int
run_stop(struct cnc_request *r)
{
    if (r->app->decl->stop != NULL) {
        r->app->decl->stop(r->priv);
    }
    return 0;
}

static void
after_stop(struct cnc_request *r, int code)
{
    const struct running *n = CNC_CONTAINER(r, struct running, call);
    cnc__app_ran_f *done = n->done;
    void *priv = n->priv;

    drop(r);
    done(NULL, priv);
}

/* It, or what it waits for, does not return. */
static void
give_up_stop(struct cnc_request *r, const char *why)
{
    const struct running *n = CNC_CONTAINER(r, struct running, call);
    struct cnc_error err = {0};

    cnc_error_set(&err, CNC_EREFUSED, "not-acceptable", "%s", why);
    n->done(&err, n->priv);
}

void
cnc__app_run_stop(struct cnc__app *app, cnc__app_ran_f *done, void *priv)
{
    const struct running how = {.call = {.run = run_stop,
                                         .after = after_stop,
                                         .give_up = give_up_stop},
                                .done = done,
                                .priv = priv};

    call(app, &how);
}

/* -- templates --------------------------------------------------------------
 */

struct taking {
    struct cnc__app *app;
    void (*done)(void *priv);
    void *priv;
};

static void
taken(struct cnc_error *err, void *priv)
{
    struct taking *t = priv;

    if (err != NULL && !t->app->apps->leaving) {
        /* The page shows the last good one. */
        cnc__log(CNC_LOG_ERROR, "template.file", "app=%s error=%s",
                 t->app->own->name, err->text);
    }
    t->done(t->priv);
    cnc__free(t);
}

void
cnc__app_take_templates(struct cnc__app *app, void (*done)(void *priv),
                        void *priv)
{
    struct taking *t;
    char *folders;

    if (app->apps->agent == NULL) {
        done(priv);
        return;
    }
    t = cnc__zalloc(sizeof(*t));
    *t = (struct taking){app, done, priv};
    folders = cnc__app_folders(app);
    cnc__agent_template_files(app->apps->agent, folders, taken, t);
    cnc__free(folders);
}
