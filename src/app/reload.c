/* SPDX-License-Identifier: MIT */
/*
 * reload.c -- a new version of an app in the place of the one that runs.
 *
 *   old stop() -> everything it declared is taken back -> the new one is
 *     declared -> new start() -> templates, pages
 *                     |
 *                     +-- no: the old one is declared and started again
 *
 * Nodes keep their items and subscriptions, pages that both have keep their
 * views, sessions are nobody's concern.  What was called before goes on in the
 * old module, which is therefore never unloaded.
 */
#include "private.h"

struct reload {
    struct cnc__app *layer; /* whose module it is */
    struct cnc__app *app;   /* that runs as it: the same, or what extends it */
    const struct cnc_app *old, *new;
    const struct cnc_app *shown; /* the declaration that pages are of */
    bool back;                   /* the old one is being put back */
    struct cnc_error why;        /* why the new one could not be */
    cnc__app_done_f *done;
    void *priv;
};

static void
reload_end(struct reload *l, const struct cnc_error *err)
{
    struct cnc__app *app = l->app;

    /* Nodes that are the app's no more. */
    app->reloading = false;
    for (struct cnc__app_node *n = app->nodes; n != NULL; n = n->next) {
        struct cnc__node *node =
            n->here ? NULL
                    : cnc__pubsub_node(app->apps->env.pubsub, n->decl->name);

        if (node != NULL && cnc__node_priv(node) == NULL) {
            cnc__node_hide(node, true);
        }
    }
    app->apps->busy = false;
    l->done(err, NULL, l->priv);
    cnc__free(l);
}

static void declare(struct reload *l);

/* The new one cannot be: the old one again.  When that cannot be either, the
 * app is refused, and both reasons are said. */
static void
put_back(struct reload *l, const struct cnc_error *err)
{
    struct cnc__app *app = l->app;

    if (l->back) {
        struct cnc_error both = {0};

        cnc_error_set(&both, err->code, NULL,
                      "%.240s; and the old one cannot go on: %.200s",
                      l->why.text, err->text);
        app->reloading = false;
        cnc__app_undeclare(app);
        cnc__app_set_state(app, CNC__APP_REFUSED, both.text);
        reload_end(l, &both);
        return;
    }
    cnc__log(CNC_LOG_WARN, "app.refused", "app=%s the old one goes on: %s",
             l->layer->own->name, err->text);
    l->why = *err;
    l->back = true;
    if (app->declared) {
        cnc__app_withdraw(app);
    }
    l->layer->own = l->old;
    declare(l);
}

static bool
has_page(const struct cnc_app *d, const char *path)
{
    for (const struct cnc_page *p = d->pages; p->path != NULL; p++) {
        if (strcmp(p->path, path) == 0) {
            return true;
        }
    }
    return false;
}

static void
show(struct reload *l)
{
    struct cnc__app *app = l->app;
    struct cnc__agent *agent = app->apps->agent;
    struct cnc_error err = {0};

    cnc__app_show(app);
    if (agent != NULL) {
        for (const struct cnc_page *p = l->shown->pages; p->path != NULL;
             p++) {
            if (!has_page(app->decl, p->path)) {
                cnc__agent_page_remove(agent, p->path);
            }
        }
        if (app->assets != NULL) {
            cnc__agent_assets_remove(agent, app->assets);
            cnc__free(app->assets);
            app->assets = NULL;
        }
        l->shown = app->decl;
        app->n_pages = 0;
        if (cnc__app_pages_add(app, &err) != 0) {
            put_back(l, &err);
            return;
        }
    }
    cnc__app_set_state(app, CNC__APP_RUNNING, NULL);
    if (l->back) {
        reload_end(l, &l->why);
        return;
    }
    cnc__log(CNC_LOG_INFO, "app.reloaded", "app=%s version=%s",
             l->layer->own->name,
             app->decl->version == NULL ? "0" : app->decl->version);
    reload_end(l, NULL);
}

static void
templates_taken(void *priv)
{
    struct reload *l = priv;

    if (l->app->apps->leaving) {
        reload_end(l, &(struct cnc_error){.code = CNC_ECLOSED});
    } else {
        show(l);
    }
}

static void
started(const struct cnc_error *err, void *priv)
{
    struct reload *l = priv;

    if (err != NULL) {
        put_back(l, err);
    } else {
        cnc__app_take_templates(l->app, templates_taken, l);
    }
}

/* A new version may need more than the old one. */
static int
check_needs(const struct cnc__app *app, struct cnc_error *err)
{
    for (const struct cnc__app *o = app->apps->first; o != NULL; o = o->next) {
        if (o->by == NULL && o->state != CNC__APP_RUNNING &&
            cnc__app_needs(app, o)) {
            return cnc_error_set(err, CNC_EINVAL, "conflict",
                                 "app \"%s\" needs \"%s\", which does not "
                                 "run: start that first",
                                 app->own->name, o->own->name);
        }
    }
    return 0;
}

static void
declare(struct reload *l)
{
    struct cnc_error err = {0};

    if (cnc__apps_order(l->app->apps, &err) != 0 ||
        check_needs(l->app, &err) != 0 ||
        cnc__app_declare(l->app, &err) != 0) {
        put_back(l, &err);
    } else {
        cnc__app_run_start(l->app, l->back ? "" : "the new version of ",
                           started, l);
    }
}

static void
stopped(const struct cnc_error *err, void *priv)
{
    struct reload *l = priv;

    if (err != NULL) { /* the old one is stuck, and about to be paused */
        reload_end(l, err);
        return;
    }
    l->app->started = false;
    l->app->reloading = true;
    cnc__app_withdraw(l->app);
    l->layer->own = l->new;
    declare(l);
}

void
cnc__app_replace(struct cnc__apps *a, const struct cnc_app *decl,
                 cnc__app_done_f *done, void *priv)
{
    struct cnc__app *layer = cnc__app_find(a, decl->name);
    struct cnc__app *app = cnc__app_running_as(a, decl->name);
    struct cnc_error err = {0};
    struct reload *l;

    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    if (layer == NULL || app == NULL) {
        cnc_error_set(&err, CNC_ENOENT, "item-not-found",
                      "there is no app \"%s\"", decl->name);
    } else if (a->busy) {
        cnc_error_set(&err, CNC_EEXIST, "conflict", CNC__APP_BUSY);
    } else if (app->state != CNC__APP_RUNNING) {
        cnc_error_set(&err, CNC_EEXIST, "conflict",
                      "app \"%s\" does not run: start it, and the new "
                      "version is taken",
                      decl->name);
    } else if ((decl->flags & CNC_APP_THREADED) !=
               (layer->own->flags & CNC_APP_THREADED)) {
        cnc_error_set(&err, CNC_EINVAL, NULL,
                      "app \"%s\" has handlers of another kind of thread now: "
                      "start the service again",
                      decl->name);
    } else {
        cnc__app_check(decl, &err);
    }
    if (err.code != 0) {
        done(&err, NULL, priv);
        return;
    }
    l = cnc__zalloc(sizeof(*l));
    l->layer = layer;
    l->app = app;
    l->old = layer->own;
    l->new = decl;
    l->shown = app->decl;
    l->done = done;
    l->priv = priv;
    a->busy = true;
    cnc__app_run_stop(app, stopped, l);
}

/* -- the command -------------------------------------------------------------
 */

struct op {
    struct cnc__apps *apps;
    struct cnc__command_reply *reply;
    char *name, *who;
};

static void
op_done(const struct cnc_error *err, const char *text, void *priv)
{
    struct op *op = priv;
    struct cnc__str note = CNC__STR;

    cnc__str_printf(&note, "%s runs in its new version.", op->name);
    cnc__command_done(op->reply, err, note.data, NULL);
    cnc__str_fini(&note);
    cnc__free(op->name);
    cnc__free(op->who);
    cnc__free(op);
}

static void
op_run(void *arg)
{
    struct op *op = arg;
    struct cnc__apps *a = op->apps;
    struct cnc__app *app = cnc__app_find(a, op->name);
    const struct cnc_app *decl = NULL;
    struct cnc_error err = {0};

    if (a->leaving) {
        cnc_error_set(&err, CNC_ECLOSED, "service-unavailable",
                      "the service is stopping");
    } else if (app == NULL) {
        cnc_error_set(&err, CNC_ENOENT, "item-not-found",
                      "there is no app \"%s\"", op->name);
    } else if (app->file == NULL || a->env.load_again == NULL) {
        cnc_error_set(&err, CNC_EINVAL, "not-acceptable",
                      "app \"%s\" has no module of its own; start the "
                      "service again",
                      op->name);
    } else if (a->env.load_again(&decl, app->file, &err) == 0 &&
               strcmp(decl->name, op->name) != 0) {
        cnc_error_set(&err, CNC_EINVAL, "not-acceptable",
                      "%s is the app \"%s\" now, not \"%s\"", app->file,
                      decl->name, op->name);
    }
    if (err.code != 0) {
        op_done(&err, NULL, op);
        return;
    }
    cnc__app_replace(a, decl, op_done, op);
}

static void
run_reload(struct cnc__command_reply *reply, const struct cnc__caller *who,
           struct cnc__values *v, void *priv)
{
    const char *name = cnc__values_get(v, "name", 0);
    struct cnc__apps *a = priv;
    struct op *op;

    if (name == NULL || cnc__app_find(a, name) == NULL) {
        cnc__command_refuse(reply, v, "name", "There is no such app.");
        return;
    }
    op = cnc__zalloc(sizeof(*op));
    op->apps = a;
    op->reply = reply;
    op->name = cnc__strdup(name);
    op->who = cnc__strdup(who->who.jid);
    a->env.post(op_run, op, a->env.priv);
}

static const struct cnc_record name_record = {
    "app", CNC_FIELDS({"name", "The app", .required = true, .max_len = 64})};

int
cnc__apps_reload_command(struct cnc__apps *a, struct cnc_error *err)
{
    const struct cnc__command c = {
        .node = (char *)"apps/reload",
        .name = (char *)"Reload an app",
        .help = (char *)"Its module and templates are read again; sessions, "
                        "subscriptions and open pages stay.  If the new "
                        "version cannot start, the old one goes on.",
        .record = &name_record,
        .see = (char *)"/_do/apps",
        .who = CNC_ADMINS,
        .run = run_reload,
        .priv = a};

    return cnc__commands_add(a->env.commands, &c, err);
}
