/* SPDX-License-Identifier: MIT */
/*
 * life.c -- apps start and stop, at the service's start and while it runs.
 *
 *   start: needs first -> declare, hidden -> start() -> templates -> pages
 *          -> seen
 *   stop:  those that need it first -> undeclare -> what its thread still has
 *          to do -> stop()
 *
 * While the service starts nobody is served, so that start() runs at once on
 * the core's thread; later it runs where the app's handlers run.  An app's
 * thread takes its calls in order: stop() comes after the handlers that were
 * under way, a start() after that.
 */
#include "mark.h"
#include "private.h"

void
cnc__app_set_state(struct cnc__app *app, enum cnc__app_state state,
                   const char *error)
{
    char *copy = cnc__strdup(error); /* may be a part of the old one */

    app->state = state;
    cnc__free(app->error);
    app->error = copy;
}

/* -- which there are ---------------------------------------------------------
 */

static void
unlink_app(struct cnc__app *app)
{
    struct cnc__app **at = &app->apps->first;

    while (*at != app) {
        at = &(*at)->next;
    }
    *at = app->next;
    app->removed = true;
    app->next = app->apps->gone;
    app->apps->gone = app;
}

int
cnc__apps_settle(struct cnc__apps *a, struct cnc_error *err)
{
    int code = cnc__apps_order(a, err);

    for (struct cnc__app *app = a->first; code == 0 && app != NULL;
         app = app->next) {
        if (!app->settled && app->base != NULL && app->base->declared) {
            code = cnc_error_set(err, CNC_EEXIST, "conflict",
                                 "app \"%s\" extends \"%s\", which runs: "
                                 "stop that first",
                                 app->own->name, app->base->own->name);
        }
    }
    for (struct cnc__app *app = a->first; code == 0 && app != NULL;
         app = app->next) {
        app->settled = true;
    }
    return code;
}

void
cnc__apps_unsettle(struct cnc__apps *a)
{
    for (struct cnc__app *app = a->first, *next; app != NULL; app = next) {
        next = app->next;
        if (!app->settled) {
            unlink_app(app);
        }
    }
    /* Those that are left stood in order before. */
    CNC_CHECK(cnc__apps_order(a, NULL) == 0);
}

/* -- a change of several apps, one after the other --------------------------
 */

struct change;

struct life_call { /* of start() or stop() of the one at hand */
    struct cnc_request call;
    struct change *change; /* the core's */
};

struct change {
    struct cnc__apps *apps;
    struct cnc__app **list; /* what is to be done, in order */
    size_t n, at;
    struct cnc__app *named; /* the one that was asked for */
    bool gone;              /* and it is to be removed */
    struct cnc__str text;   /* which others */
    cnc__app_done_f *done;
    void *priv;
};

static struct change *
change_new(struct cnc__apps *a, struct cnc__app *named, cnc__app_done_f *done,
           void *priv)
{
    struct change *c = cnc__zalloc(sizeof(*c));

    c->apps = a;
    c->named = named;
    c->done = done;
    c->priv = priv;
    a->busy = true;
    return c;
}

static void
change_end(struct change *c, const struct cnc_error *err)
{
    c->apps->busy = false;
    c->done(err, c->text.data, c->priv);
    cnc__str_fini(&c->text);
    cnc__free(c->list);
    cnc__free(c);
}

static void
change_add(struct change *c, struct cnc__app *app)
{
    c->list = cnc__realloc(c->list, c->n + 1, sizeof(*c->list));
    c->list[c->n++] = app;
    if (app != c->named) {
        cnc__str_printf(&c->text, "%s%s", c->text.len == 0 ? "" : ", ",
                        app->own->name);
    }
}

/* The app that is meant, or NULL after done() said why not. */
static struct cnc__app *
meant(struct cnc__apps *a, const char *name, cnc__app_done_f *done, void *priv)
{
    struct cnc__app *app = cnc__app_running_as(a, name);
    struct cnc_error err = {0};

    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    if (app == NULL) {
        cnc_error_set(&err, CNC_ENOENT, "item-not-found",
                      "there is no app \"%s\"", name);
    } else if (a->busy) {
        cnc_error_set(&err, CNC_EEXIST, "conflict", CNC__APP_BUSY);
        app = NULL;
    }
    if (app == NULL) {
        done(&err, NULL, priv);
    }
    return app;
}

static struct change *
change_of(struct cnc_request *r)
{
    return CNC_CONTAINER(r, struct life_call, call)->change;
}

static void
call_drop(struct cnc_request *r)
{
    cnc__request_call_fini(r);
    cnc__free(CNC_CONTAINER(r, struct life_call, call));
}

static void
call_app(struct change *c, struct cnc__app *app,
         int (*run)(struct cnc_request *r),
         void (*after)(struct cnc_request *r, int code),
         void (*give_up)(struct cnc_request *r, const char *why))
{
    struct life_call *l = cnc__zalloc(sizeof(*l));

    l->change = c;
    l->call = (struct cnc_request){
        .app = app,
        .user = cnc__router_domain(c->apps->env.router),
        .priv = app->decl->priv,
        .run = run,
        .after = after,
        .give_up = give_up,
        .drop = call_drop,
    };
    cnc__app_call(&l->call);
}

/* -- start -------------------------------------------------------------------
 */

static void start_next(struct change *c);

static int
run_start(struct cnc_request *r)
{
    if (r->app->decl->start == NULL) {
        return 0;
    }
    cnc__request_entry(r, CNC__ENTRY_START, NULL, NULL);
    return r->app->decl->start(r);
}

static int
run_stop(struct cnc_request *r)
{
    if (r->app->decl->stop != NULL) {
        r->app->decl->stop(r->priv);
    }
    return 0;
}

static void
start_failed(struct change *c, const struct cnc_error *err)
{
    struct cnc__app *app = c->list[c->at];

    cnc__app_undeclare(app);
    cnc__app_set_state(app, CNC__APP_REFUSED, err->text);
    cnc__log(CNC_LOG_WARN, "app.refused", "app=%s error=%s", app->own->name,
             err->text);
    change_end(c, err);
}

static void
templates_taken(struct cnc_error *err, void *priv)
{
    struct change *c = priv;
    struct cnc__app *app = c->list[c->at];
    struct cnc_error why = {0};

    if (app->apps->leaving) {
        change_end(c, &(struct cnc_error){.code = CNC_ECLOSED});
        return;
    }
    cnc__app_log_template(app, err);
    cnc__app_show(app); /* a page of hidden nodes would be a closed one */
    if (cnc__app_pages_add(app, &why) != 0) {
        start_failed(c, &why);
        return;
    }
    app->held = false;
    cnc__app_set_state(app, CNC__APP_RUNNING, NULL);
    cnc__log(CNC_LOG_INFO, "app.started", "app=%s version=%s", app->own->name,
             app->decl->version == NULL ? "0" : app->decl->version);
    c->at++;
    start_next(c);
}

static void
after_start(struct cnc_request *r, int code)
{
    struct change *c = change_of(r);
    struct cnc__app *app = r->app;
    struct cnc_error err = {0};

    if (code != 0) {
        cnc_error_set(&err, CNC_EREFUSED, "not-acceptable",
                      "app \"%s\" refused to start: %s", app->own->name,
                      cnc__request_why(r, code));
    }
    call_drop(r);
    if (code != 0) {
        start_failed(c, &err);
        return;
    }
    app->started = true;
    memset(&app->counts, 0, sizeof(app->counts));
    app->streak = app->n_faults = app->n_samples = 0;
    if (app->apps->agent != NULL) {
        char *folders = cnc__app_folders(app);

        cnc__agent_template_files(app->apps->agent, folders, templates_taken,
                                  c);
        cnc__free(folders);
    } else {
        templates_taken(NULL, c);
    }
}

static void
give_up_start(struct cnc_request *r, const char *why)
{
    struct cnc_error err = {0};

    cnc_error_set(&err, CNC_EREFUSED, "not-acceptable",
                  "app \"%s\" could not be started: its start() did not "
                  "return within %u seconds",
                  r->app->own->name, r->app->apps->env.limits.handler_s);
    cnc__app_thread_part(r->app);
    start_failed(change_of(r), &err);
}

static void
start_next(struct change *c)
{
    struct cnc__app *app;
    struct cnc_error err = {0};

    if (c->at == c->n) {
        change_end(c, NULL);
        return;
    }
    app = c->list[c->at];
    if (cnc__app_declare(app, &err) != 0) {
        start_failed(c, &err);
        return;
    }
    call_app(c, app, run_start, after_start, give_up_start);
}

static void
mark_needs(struct cnc__app *app)
{
    app->mark = -1;
    for (struct cnc__app *o = app->apps->first; o != NULL; o = o->next) {
        if (o->by == NULL && o->mark != -1 && cnc__app_needs(app, o)) {
            mark_needs(o);
        }
    }
}

void
cnc__app_start(struct cnc__apps *a, const char *name, cnc__app_done_f *done,
               void *priv)
{
    struct cnc__app *app = meant(a, name, done, priv);
    struct cnc_error err = {0};
    struct change *c;

    if (app == NULL) {
        return;
    }
    c = change_new(a, app, done, priv);
    if (cnc__apps_order(a, &err) != 0) {
        if (app->state != CNC__APP_RUNNING) {
            cnc__app_set_state(app, CNC__APP_REFUSED, err.text);
        }
        change_end(c, &err);
        return;
    }
    mark_needs(app);
    for (struct cnc__app *o = a->first; o != NULL; o = o->next) {
        if (o->mark == -1 && o->state != CNC__APP_RUNNING) {
            change_add(c, o);
        }
    }
    start_next(c);
}

/* -- stop --------------------------------------------------------------------
 */

static void stop_next(struct change *c);

/* Nothing of it runs any more: its thread can go. */
static void
end_thread(struct cnc__app *app)
{
    if (app->thread != NULL && !cnc__app_thread_part(app)) {
        if (cnc__app_thread_leave(app->thread)) {
            app->left = true;
            app->thread = NULL;
        } else {
            cnc__app_thread_free(&app->thread);
        }
    }
}

static void
stopped(struct change *c, struct cnc__app *app)
{
    end_thread(app);
    cnc__log(CNC_LOG_INFO, "app.stopped", "app=%s", app->own->name);
    c->at++;
    stop_next(c);
}

static void
after_stop(struct cnc_request *r, int code)
{
    struct change *c = change_of(r);
    struct cnc__app *app = r->app;

    call_drop(r);
    stopped(c, app);
}

/* It, or what it waits for, does not return. */
static void
give_up_stop(struct cnc_request *r, const char *why)
{
    stopped(change_of(r), r->app);
}

static void
stop_next(struct change *c)
{
    struct cnc__app *app;

    if (c->at == c->n) {
        if (c->gone) {
            unlink_app(c->named);
            c->named->forget = true;
            /* What it extended runs as itself again. */
            CNC_CHECK(cnc__apps_order(c->apps, NULL) == 0);
        }
        change_end(c, NULL);
        return;
    }
    app = c->list[c->at];
    cnc__app_undeclare(app);
    app->held = true;
    cnc__app_set_state(app, CNC__APP_STOPPED, NULL);
    if (!app->started) {
        c->at++;
        stop_next(c);
        return;
    }
    app->started = false;
    call_app(c, app, run_stop, after_stop, give_up_stop);
}

/* Those that need it first. */
static void
add_users(struct change *c, struct cnc__app *app)
{
    app->mark = -1;
    for (struct cnc__app *o = c->apps->first; o != NULL; o = o->next) {
        if (o->by == NULL && o->mark != -1 && o->state == CNC__APP_RUNNING &&
            cnc__app_needs(o, app)) {
            add_users(c, o);
        }
    }
    change_add(c, app);
}

static void
stop(struct cnc__apps *a, const char *name, bool gone, cnc__app_done_f *done,
     void *priv)
{
    struct cnc__app *app = meant(a, name, done, priv);
    struct change *c;

    if (app == NULL) {
        return;
    }
    c = change_new(a, app, done, priv);
    c->gone = gone;
    for (struct cnc__app *o = a->first; o != NULL; o = o->next) {
        o->mark = 0;
    }
    add_users(c, app);
    stop_next(c);
}

void
cnc__app_stop(struct cnc__apps *a, const char *name, cnc__app_done_f *done,
              void *priv)
{
    stop(a, name, false, done, priv);
}

/* Without it they could not be put in order. */
static const struct cnc__app *
user_of(const struct cnc__app *app)
{
    for (const struct cnc__app *o = app->apps->first; o != NULL; o = o->next) {
        if (o != app && o->by == NULL && cnc__app_needs(o, app)) {
            return o;
        }
    }
    return NULL;
}

void
cnc__app_remove(struct cnc__apps *a, const char *name, cnc__app_done_f *done,
                void *priv)
{
    const struct cnc__app *app = cnc__app_find(a, name);
    struct cnc_error err = {0};

    if (app != NULL && app->by != NULL) {
        cnc_error_set(&err, CNC_EEXIST, "conflict",
                      "app \"%s\" extends \"%s\": remove that first",
                      app->by->own->name, name);
    } else if (app != NULL && user_of(app) != NULL) {
        cnc_error_set(&err, CNC_EEXIST, "conflict",
                      "app \"%s\" needs \"%s\": remove that first",
                      user_of(app)->own->name, name);
    }
    if (err.code != 0) {
        done(&err, NULL, priv);
        return;
    }
    stop(a, name, true, done, priv);
}
