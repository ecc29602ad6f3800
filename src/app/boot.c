/* SPDX-License-Identifier: MIT */
/*
 * boot.c -- the apps when the service starts: nobody is served yet, so that
 * start() runs at once on the core's thread.
 */
#include "mark.h"
#include "private.h"

/* -- when the service starts ------------------------------------------------
 */

bool
cnc__apps_hold(struct cnc__apps *a, const char *name, const char *why)
{
    struct cnc__app *app;

    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    app = cnc__app_find(a, name);
    if (app == NULL || app->declared) {
        return false;
    }
    app->held = true;
    cnc__app_set_state(app, CNC__APP_PAUSED, why);
    return true;
}

/* One of the command line ends the start with its refusal; one that was added
 * later does not: the operator could not reach the panel to take it away. */
static int
refused(struct cnc__app *app, int code, const struct cnc_error *err)
{
    const char *why = err == NULL ? cnc_err_text(code) : err->text;

    if (app->word == NULL) {
        cnc__app_set_state(app, CNC__APP_REFUSED, why);
        return code;
    }
    cnc__log(CNC_LOG_WARN, "app.refused", "app=%s error=%s", app->own->name,
             why);
    if (app->declared) {
        cnc__app_undeclare(app);
    }
    cnc__app_set_state(app, CNC__APP_REFUSED, why);
    return 0;
}

/* Those it needs come before it, and may be stopped. */
static bool
has_needs(struct cnc__app *app)
{
    struct cnc__str why = CNC__STR;

    for (struct cnc__app *o = app->apps->first; o != NULL; o = o->next) {
        if (o->by == NULL && !o->declared && cnc__app_needs(app, o)) {
            cnc__str_printf(&why, "it needs \"%s\", which does not run",
                            o->own->name);
            cnc__log(CNC_LOG_WARN, "app.refused", "app=%s error=%s",
                     app->own->name, why.data);
            cnc__app_set_state(app, CNC__APP_REFUSED, why.data);
            cnc__str_fini(&why);
            return false;
        }
    }
    return true;
}

int
cnc__apps_declare(struct cnc__apps *a, struct cnc_error *err)
{
    int code;

    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    code = cnc__apps_settle(a, err);
    for (struct cnc__app *app = a->first; code == 0 && app != NULL;
         app = app->next) {
        if (app->by != NULL || app->declared) {
            continue;
        }
        if (app->held || !has_needs(app)) {
            cnc__app_hide(app);
            code = cnc__app_settings_command(app, err);
            continue;
        }
        code = cnc__app_declare(app, err);
        if (code == 0) {
            cnc__app_show(app); /* nobody is there yet */
            code = cnc__app_pages_add(app, err);
        }
        if (code != 0) {
            code = refused(app, code, err);
        }
    }
    cnc__apps_hide_removed(a);
    return code;
}

static int
start_now(struct cnc__app *app, struct cnc_error *err)
{
    struct cnc_request r = {
        .magic = CNC__CALL_MAGIC, .app = app, .app_name = app->decl->name};
    /* Its calls must not wait for this same thread. */
    struct cnc__app_thread *thread = app->thread;
    int code = 0;

    r.user = cnc__router_domain(app->apps->env.router);
    r.priv = app->decl->priv;
    app->thread = NULL;
    if (app->decl->start != NULL) {
        struct cnc__app_mark mark;

        cnc__request_entry(&r, CNC__ENTRY_START, NULL, NULL);
        app->heap_before = cnc__heap_bytes(app->heap);
        cnc__app_mark(&mark, app->decl->name, app->heap, true);
        code = app->decl->start(&r);
        cnc__app_unmark(&mark);
    }
    app->thread = thread;
    if (code != 0) {
        code = cnc_error_set(err, CNC_EREFUSED, NULL,
                             "app \"%s\" refused to start: %s",
                             app->decl->name, cnc__request_why(&r, code));
    }
    cnc__request_call_fini(&r);
    return code;
}

int
cnc__apps_start(struct cnc__apps *a, struct cnc_error *err)
{
    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    for (struct cnc__app *app = a->first; app != NULL; app = app->next) {
        int code;

        if (!app->declared || app->started) {
            continue;
        }
        if (!has_needs(app)) {
            cnc__app_undeclare(app);
            continue;
        }
        code = start_now(app, err);
        if (code != 0) {
            code = refused(app, code, err);
            if (code != 0) {
                return code;
            }
            continue;
        }
        app->started = true;
        cnc__app_set_state(app, CNC__APP_RUNNING, NULL);
    }
    return 0;
}

struct templates {
    struct cnc__app *app; /* its folder is being read */
    void (*done)(void *priv);
    void *priv;
};

static void next_templates(struct templates *t);

static void
templates_taken(void *priv)
{
    struct templates *t = priv;

    t->app = t->app->next;
    next_templates(t);
}

static void
next_templates(struct templates *t)
{
    while (t->app != NULL && (t->app->apps->leaving || !t->app->declared)) {
        t->app = t->app->next;
    }
    if (t->app != NULL) {
        cnc__app_take_templates(t->app, templates_taken, t);
        return;
    }
    t->done(t->priv);
    cnc__free(t);
}

void
cnc__apps_templates(struct cnc__apps *a, void (*done)(void *priv), void *priv)
{
    struct templates *t = cnc__zalloc(sizeof(*t));

    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    t->app = a->first;
    t->done = done;
    t->priv = priv;
    next_templates(t);
}
