/* SPDX-License-Identifier: MIT */
/*
 * reload-command.c -- the command "apps/reload": where a new version comes
 * from.
 *
 *   a module of C: loaded beside the old one, on the core's thread
 *   an app of another language: its front end makes it anew, on the app's own
 *     thread, which may take as long as a handler may
 */
#include "private.h"

struct op {
    struct cnc__apps *apps;
    char *name;
    uint64_t stamp; /* before it is read */
    cnc__app_done_f *done;
    void *priv;
};

static void
op_done(const struct cnc_error *err, const char *text, void *priv)
{
    struct op *op = priv;
    struct cnc__app *app = cnc__app_find(op->apps, op->name);

    if (err == NULL && app != NULL) {
        app->stamp = op->stamp;
    }
    op->done(err, text, op->priv);
    cnc__free(op->name);
    cnc__free(op);
}

/* A new version is there, or err says why not. */
static void
take(struct op *op, const struct cnc_app *decl, struct cnc_error *err)
{
    if (err->code == 0 && strcmp(decl->name, op->name) != 0) {
        cnc_error_set(err, CNC_EINVAL, "not-acceptable",
                      "it is the app \"%s\" now, not \"%s\"", decl->name,
                      op->name);
    }
    if (err->code != 0) {
        op_done(err, NULL, op);
    } else {
        cnc__app_replace(op->apps, decl, op_done, op);
    }
}

/* -- made by its front end --------------------------------------------------
 */

struct making { /* on the app's thread */
    struct cnc_request call;
    struct op *op; /* the core's */
    cnc_app_again_f *again;
    void *priv;
    const struct cnc_app *decl;
    struct cnc_error err;
};

static int
run_making(struct cnc_request *r)
{
    struct making *m = CNC_CONTAINER(r, struct making, call);

    return m->again(&m->decl, m->priv, &m->err);
}

static void
drop_making(struct cnc_request *r)
{
    cnc__request_call_fini(r);
    cnc__free(CNC_CONTAINER(r, struct making, call));
}

static void
after_making(struct cnc_request *r, int code)
{
    struct making *m = CNC_CONTAINER(r, struct making, call);
    struct cnc__app *app = r->app;
    struct op *op = m->op;
    const struct cnc_app *decl = m->decl;
    struct cnc_error err = m->err;

    drop_making(r);
    app->apps->busy = false;
    if (!app->declared) {
        cnc__app_end_thread(app); /* it was made for this */
    }
    take(op, decl, &err);
}

static void
give_up_making(struct cnc_request *r, const char *why)
{
    struct making *m = CNC_CONTAINER(r, struct making, call);
    struct cnc_error err = {0};

    r->app->apps->busy = false;
    cnc_error_set(&err, CNC_EREFUSED, "not-acceptable",
                  "the new version of app \"%s\" could not be made within %u "
                  "seconds",
                  m->op->name, r->app->apps->env.limits.handler_s);
    if (!r->app->declared) {
        cnc__app_end_thread(r->app);
    }
    op_done(&err, NULL, m->op);
}

static void
make_again(struct op *op, const struct cnc__app *layer)
{
    struct cnc__app *app = cnc__app_running_as(op->apps, op->name);
    struct making *m = cnc__zalloc(sizeof(*m));

    if (app->thread == NULL && (app->decl->flags & CNC_APP_THREADED) != 0) {
        app->thread = cnc__app_thread_new(app);
    }
    m->op = op;
    m->again = layer->again;
    m->priv = layer->again_priv;
    m->call = (struct cnc_request){
        .app = app,
        .user = cnc__router_domain(op->apps->env.router),
        .run = run_making,
        .after = after_making,
        .give_up = give_up_making,
        .drop = drop_making,
    };
    op->apps->busy = true;
    cnc__app_call(&m->call);
}

/* -- for one app ------------------------------------------------------------
 */

void
cnc__app_reload(struct cnc__apps *a, const char *name, cnc__app_done_f *done,
                void *priv)
{
    struct op *op = cnc__zalloc(sizeof(*op));
    struct cnc__app *app = cnc__app_find(a, name);
    const struct cnc_app *decl = NULL;
    struct cnc_error err = {0};

    op->apps = a;
    op->name = cnc__strdup(name);
    op->stamp = app == NULL ? 0 : cnc__app_stamp(app);
    op->done = done;
    op->priv = priv;
    if (a->leaving) {
        cnc_error_set(&err, CNC_ECLOSED, "service-unavailable",
                      "the service is stopping");
    } else if (app == NULL) {
        cnc_error_set(&err, CNC_ENOENT, "item-not-found",
                      "there is no app \"%s\"", op->name);
    } else if (a->busy) {
        cnc_error_set(&err, CNC_EEXIST, "conflict", CNC__APP_BUSY);
    } else if (app->again != NULL) {
        make_again(op, app);
        return;
    } else if (app->file == NULL || a->env.load_again == NULL) {
        cnc_error_set(&err, CNC_EINVAL, "not-acceptable",
                      "app \"%s\" has no module of its own; start the "
                      "service again",
                      op->name);
    } else {
        a->env.load_again(&decl, app->file, &err);
    }
    take(op, decl, &err);
}

/* -- the command ------------------------------------------------------------
 */

struct asked {
    struct cnc__apps *apps;
    struct cnc__command_reply *reply;
    char *name;
};

static void
answer(const struct cnc_error *err, const char *text, void *priv)
{
    struct asked *k = priv;
    const struct cnc__app *app = cnc__app_running_as(k->apps, k->name);
    struct cnc__str note = CNC__STR;

    if (app != NULL && app->state == CNC__APP_RUNNING) {
        cnc__str_printf(&note, "%s runs in its new version.", k->name);
    } else {
        cnc__str_printf(&note,
                        "%s has its new version, and does not run: "
                        "apps/start starts it.",
                        k->name);
    }
    cnc__command_done(k->reply, err, note.data, NULL);
    cnc__str_fini(&note);
    cnc__free(k->name);
    cnc__free(k);
}

static void
run_asked(void *arg)
{
    struct asked *k = arg;

    cnc__app_reload(k->apps, k->name, answer, k);
}

static void
run_reload(struct cnc__command_reply *reply, const struct cnc__caller *who,
           struct cnc__values *v, void *priv)
{
    const char *name = cnc__values_get(v, "name", 0);
    struct cnc__apps *a = priv;
    struct asked *k;

    if (name == NULL || cnc__app_find(a, name) == NULL) {
        cnc__command_refuse(reply, v, "name", "There is no such app.");
        return;
    }
    k = cnc__zalloc(sizeof(*k));
    k->apps = a;
    k->reply = reply;
    k->name = cnc__strdup(name);
    a->env.post(run_asked, k, a->env.priv);
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
