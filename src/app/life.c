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

void
cnc__app_end_thread(struct cnc__app *app)
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
unlink_app(struct cnc__app *app)
{
    struct cnc__app **at = &app->apps->first;

    cnc__app_end_thread(app);
    while (*at != app) {
        at = &(*at)->next;
    }
    *at = app->next;
    cnc__app_settings_remove(app);
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

struct was {
    enum cnc__app_state state;
    bool held;
    char *error;
};

struct change {
    struct cnc__apps *apps;
    struct cnc__app **list; /* what is to be done, in order */
    size_t n, at;
    struct was *was;        /* how they were before */
    struct cnc__app *named; /* the one that was asked for */
    bool gone;              /* and it is to be removed */
    struct cnc_error why;   /* what was started is stopped again */
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
    for (size_t i = 0; i < c->n; i++) {
        cnc__free(c->was[i].error);
    }
    cnc__free(c->was);
    cnc__free(c->list);
    cnc__free(c);
}

static void
change_add(struct change *c, struct cnc__app *app)
{
    c->list = cnc__realloc(c->list, c->n + 1, sizeof(*c->list));
    c->was = cnc__realloc(c->was, c->n + 1, sizeof(*c->was));
    c->was[c->n] =
        (struct was){app->state, app->held, cnc__strdup(app->error)};
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

/* -- start -------------------------------------------------------------------
 */

static void start_next(struct change *c);
static void undo_next(struct change *c);

/* What was started for the one that is refused is as it was before. */
static void
undone(const struct cnc_error *err, void *priv)
{
    struct change *c = priv;
    struct cnc__app *app = c->list[c->at];

    cnc__app_end_thread(app);
    cnc__log(CNC_LOG_INFO, "app.stopped", "app=%s", app->own->name);
    undo_next(c);
}

static void
undo_next(struct change *c)
{
    struct cnc__app *app;
    const struct was *was;

    if (c->at == 0) {
        change_end(c, &c->why);
        return;
    }
    app = c->list[--c->at];
    was = &c->was[c->at];
    cnc__app_undeclare(app);
    app->held = was->held;
    app->started = false;
    cnc__app_set_state(app, was->state, was->error);
    cnc__app_run_stop(app, undone, c);
}

static void
start_failed(struct change *c, const struct cnc_error *err)
{
    struct cnc__app *app = c->list[c->at];

    cnc__app_undeclare(app);
    cnc__app_set_state(app, CNC__APP_REFUSED, err->text);
    cnc__log(CNC_LOG_WARN, "app.refused", "app=%s error=%s", app->own->name,
             err->text);
    c->why = *err;
    if (app->started) { /* its pages could not be */
        cnc__free(c->was[c->at].error);
        c->was[c->at++] =
            (struct was){CNC__APP_REFUSED, app->held, cnc__strdup(err->text)};
    }
    undo_next(c);
}

static void
templates_taken(void *priv)
{
    struct change *c = priv;
    struct cnc__app *app = c->list[c->at];
    struct cnc_error why = {0};

    if (app->apps->leaving) {
        change_end(c, &(struct cnc_error){.code = CNC_ECLOSED});
        return;
    }
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
started(const struct cnc_error *err, void *priv)
{
    struct change *c = priv;

    if (err != NULL) {
        start_failed(c, err);
    } else {
        cnc__app_take_templates(c->list[c->at], templates_taken, c);
    }
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
    } else {
        cnc__app_run_start(app, "", started, c);
    }
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

/* err: its stop(), or what that waits for, does not return. */
static void
stopped(const struct cnc_error *err, void *priv)
{
    struct change *c = priv;
    struct cnc__app *app = c->list[c->at];

    cnc__app_end_thread(app);
    cnc__log(CNC_LOG_INFO, "app.stopped", "app=%s", app->own->name);
    c->at++;
    stop_next(c);
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
    cnc__app_run_stop(app, stopped, c);
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
