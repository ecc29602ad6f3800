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

/* Nothing of it is there: the next start takes the new version. */
static void
swap_stopped(struct cnc__app *layer, const struct cnc_app *decl,
             struct cnc_error *err)
{
    const struct cnc_app *old = layer->own;

    layer->own = decl;
    if (cnc__apps_order(layer->apps, err) != 0) {
        layer->own = old;
        CNC_CHECK(cnc__apps_order(layer->apps, NULL) == 0);
    }
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
    } else if ((decl->flags & CNC_APP_THREADED) !=
               (layer->own->flags & CNC_APP_THREADED)) {
        cnc_error_set(&err, CNC_EINVAL, NULL,
                      "app \"%s\" has handlers of another kind of thread now: "
                      "start the service again",
                      decl->name);
    } else {
        cnc__app_check(decl, &err);
    }
    if (err.code == 0 && !app->declared) {
        swap_stopped(layer, decl, &err);
        done(err.code == 0 ? NULL : &err, NULL, priv);
        return;
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
