/* SPDX-License-Identifier: MIT */
/*
 * apps.c -- the registry: checks an app's declarations and joins them to the
 * rooms below.
 */
#include <stdio.h>

#include "private.h"
#include "stanza.h"

struct cnc__apps *
cnc__apps_new(const struct cnc__apps_env *env)
{
    struct cnc__apps *a = cnc__zalloc(sizeof(*a));
    struct cnc__str guest = CNC__STR;

    a->magic = CNC__APPS_MAGIC;
    a->env = *env;
    cnc__str_printf(&guest, "guest@%s", cnc__router_domain(env->router));
    a->guest = cnc__str_steal(&guest);
    a->rate = cnc__rate_new();
    return a;
}

static void
app_free(struct cnc__app *app)
{
    if (app->left) {
        return; /* its handler still runs: nothing of it may go */
    }
    cnc__app_thread_free(&app->thread);
    if (app->started && app->decl->stop != NULL) {
        app->decl->stop(app->decl->priv);
    }
    cnc__app_waiting_end(app);
    cnc__app_commands_free(app);
    while (app->nodes != NULL) {
        struct cnc__app_node *n = app->nodes;

        app->nodes = n->next;
        cnc__free(n);
    }
    while (app->handlers != NULL) {
        struct cnc__app_handler *h = app->handlers;

        app->handlers = h->next;
        cnc__free(h);
    }
    while (app->tasks != NULL) {
        struct cnc__app_task *t = app->tasks;

        app->tasks = t->next;
        cnc__free(t);
    }
    cnc_element_unref(&app->settings);
    cnc__free(app);
}

void
cnc__apps_free(struct cnc__apps **ap)
{
    struct cnc__apps *a = *ap;
    bool left = false;

    if (a == NULL) {
        return;
    }
    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    *ap = NULL;
    while (a->first != NULL) {
        struct cnc__app *app = a->first;

        a->first = app->next;
        left = left || app->left;
        app_free(app);
    }
    if (!left) {
        cnc__free(a->guest);
        cnc__rate_free(&a->rate);
        CNC_OBJ_FREE(a);
    }
}

void
cnc__apps_leave(struct cnc__apps *a)
{
    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    for (struct cnc__app *app = a->first; app != NULL; app = app->next) {
        if (app->thread != NULL && cnc__app_thread_leave(app->thread)) {
            app->left = true;
            cnc__log(CNC_LOG_WARN, "app.stuck",
                     "app=%s a handler did not return in time; left behind",
                     app->decl->name);
        }
    }
}

bool
cnc__apps_stopping(struct cnc__apps *a)
{
    bool idle = true;

    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    for (struct cnc__app *app = a->first; app != NULL; app = app->next) {
        if (app->thread != NULL && !cnc__app_thread_stop(app->thread)) {
            idle = false;
        }
    }
    return idle;
}

/* A form answered over XEP-0050. */

static void
command_submitted(const struct cnc__submit_result *result,
                  struct cnc__values *v, void *priv)
{
    struct cnc__command_reply *reply = priv;
    struct cnc_error err = {0};

    if (result->code == 0) {
        struct cnc__str note = CNC__STR;

        cnc__str_printf(&note, "Published as %s.", result->id);
        cnc__command_done(reply, NULL, note.data, NULL);
        cnc__str_fini(&note);
        return;
    }
    cnc_error_set(&err, result->code, NULL, "%s",
                  result->text == NULL ? cnc_err_text(result->code)
                                       : result->text);
    cnc__command_done(reply, &err, NULL, NULL);
}

/* The command keeps its own values for the answer, and submit steals: give
 * it a copy and carry the errors back. */
struct form_run {
    struct cnc__command_reply *reply;
    struct cnc__values *shown;
    const struct cnc_record *record;
};

static void
form_submitted(const struct cnc__submit_result *result, struct cnc__values *v,
               void *priv)
{
    struct form_run *f = priv;

    for (const struct cnc_field *fd = f->record->fields; fd->name != NULL;
         fd++) {
        const char *text = cnc__values_error(v, fd->name);

        if (text != NULL) {
            cnc__values_refuse(f->shown, fd->name, text);
        }
    }
    if (cnc__values_error(v, NULL) != NULL) {
        cnc__values_refuse(f->shown, NULL, cnc__values_error(v, NULL));
    }
    command_submitted(result, v, f->reply);
    cnc__free(f);
}

static void
form_run(struct cnc__command_reply *reply, const struct cnc__caller *c,
         struct cnc__values *v, void *priv)
{
    struct cnc__app_node *n = priv;
    struct form_run *f = cnc__zalloc(sizeof(*f));
    const char *id = cnc__values_get(v, CNC__FORM_ID, 0);

    f->reply = reply;
    f->shown = v;
    f->record = n->decl->record;
    cnc__apps_submit(n->app->apps, n->decl->name, &c->who, cnc__values_copy(v),
                     id, form_submitted, f);
}

static bool
form_may(const struct cnc__actor *who, void *priv)
{
    return cnc__app_form_may(priv, who, NULL) == 0;
}

static int
add_form(struct cnc__app_node *n, struct cnc_error *err)
{
    struct cnc__command cmd = {.node = (char *)n->decl->name,
                               .name = (char *)n->decl->form,
                               .record = n->decl->record,
                               .who = CNC_ANYBODY_RUNS, /* the node decides */
                               .may = form_may,
                               .refs = n->app->apps->env.pubsub,
                               .item_id = true,
                               .run = form_run,
                               .priv = n};

    return cnc__commands_add(n->app->apps->env.commands, &cmd, err);
}

static bool
has_secret(const struct cnc_record *r)
{
    for (const struct cnc_field *f = r == NULL ? NULL : r->fields;
         f != NULL && f->name != NULL; f++) {
        if (f->kind == CNC_FIELD_SECRET) {
            return true;
        }
    }
    return false;
}

static int
add_node(struct cnc__app *app, const struct cnc_node *d, struct cnc_error *err)
{
    struct cnc__apps *a = app->apps;
    struct cnc__node *node = cnc__pubsub_node(a->env.pubsub, d->name);
    struct cnc__node_config config;
    struct cnc__app_node *n;
    int code;

    if (strncmp(d->name, "view:", 5) == 0 ||
        strcmp(d->name, CNC__TEMPLATES) == 0 || d->name[0] == '\0') {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "app \"%s\": the node name \"%s\" is the "
                             "service's own; choose another",
                             app->decl->name, d->name);
    }
    if (node != NULL && cnc__node_priv(node) != NULL) {
        struct cnc__app_node *other = cnc__node_priv(node);

        return cnc_error_set(err, CNC_EEXIST, NULL,
                             "app \"%s\": the node \"%s\" belongs to app "
                             "\"%s\"",
                             app->decl->name, d->name, other->app->decl->name);
    }
    if (d->record == NULL && (d->form != NULL || d->submit != NULL)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "app \"%s\": node \"%s\" has a form but no "
                             "record",
                             app->decl->name, d->name);
    }
    if (d->source != NULL && (d->form != NULL || d->submit != NULL)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "app \"%s\": node \"%s\" is kept by %s and "
                             "has no form here",
                             app->decl->name, d->name, d->source);
    }
    if (d->record != NULL && (code = cnc__record_check(d->record, err)) != 0) {
        return code;
    }
    if (has_secret(d->record)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "app \"%s\": the record of node \"%s\" has a "
                             "secret; those are for the forms of commands",
                             app->decl->name, d->name);
    }
    cnc__node_config_default(&config);
    config.title = (char *)(d->title == NULL ? d->name : d->title);
    config.access = d->access == CNC_ACCESS_OPEN && d->readers == NULL &&
                            d->writers == NULL
                        ? CNC__ACCESS_OPEN
                        : CNC__ACCESS_WHITELIST;
    config.readers = (char *)d->readers;
    config.writers = (char *)d->writers;
    config.owners = (char *)d->owners;
    config.publish = d->publish == CNC_ANYBODY       ? CNC__BY_ANYBODY
                     : d->publish == CNC_SUBSCRIBERS ? CNC__BY_SUBSCRIBERS
                                                     : CNC__BY_PUBLISHERS;
    config.persist_items = true;
    config.durable = true;
    config.max_items = d->max_items == 0 ? 1000000 : d->max_items;
    config.history = d->history == 0 ? 1000 : d->history;
    config.payload_ns = (char *)app->decl->xmlns;
    node = cnc__pubsub_declare(a->env.pubsub, d->name, &config);
    n = cnc__zalloc(sizeof(*n));
    n->app = app;
    n->decl = d;
    n->next = app->nodes;
    app->nodes = n;
    cnc__node_set_priv(node, n);
    cnc__node_index(node, d->record);
    if (d->source != NULL) {
        return cnc__pubsub_mirror(a->env.pubsub, node, d->source,
                                  d->source_node, err);
    }
    return d->form == NULL ? 0 : add_form(n, err);
}

static bool
valid_name(const char *s)
{
    if (s == NULL || s[0] < 'a' || s[0] > 'z') {
        return false;
    }
    return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(s);
}

static int
check(struct cnc__apps *a, const struct cnc_app *d, struct cnc_error *err)
{
    if (d->abi != CNC_APP_ABI || d->size < sizeof(struct cnc_app)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "the app was built for another version of "
                             "Concordance (app ABI %u, ours %u); build it "
                             "again",
                             d->abi, CNC_APP_ABI);
    }
    if (!valid_name(d->name)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "an app's name is lower-case letters, digits, "
                             "_ and -, and starts with a letter; \"%s\" is "
                             "not one",
                             d->name == NULL ? "" : d->name);
    }
    if (d->xmlns == NULL || d->xmlns[0] == '\0') {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "app \"%s\" has no .xmlns: name the namespace "
                             "of its records",
                             d->name);
    }
    for (struct cnc__app *o = a->first; o != NULL; o = o->next) {
        if (strcmp(o->decl->name, d->name) == 0) {
            return cnc_error_set(err, CNC_EEXIST, NULL,
                                 "there are two apps called \"%s\"", d->name);
        }
    }
    return 0;
}

int
cnc__apps_add(struct cnc__apps *a, const struct cnc_app *decl,
              struct cnc_error *err)
{
    struct cnc__app *app, **last = &a->first;
    int code;

    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    code = check(a, decl, err);
    if (code != 0) {
        return code;
    }
    app = cnc__zalloc(sizeof(*app));
    app->apps = a;
    app->decl = decl;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = app;
    for (const struct cnc_node *d = decl->nodes; d != NULL && d->name != NULL;
         d++) {
        if ((code = add_node(app, d, err)) != 0) {
            return code;
        }
    }
    if ((code = cnc__app_handlers_add(app, err)) != 0 ||
        (code = cnc__app_tasks_add(app, err)) != 0) {
        return code;
    }
    if ((code = cnc__app_commands_add(app, err)) != 0) {
        return code;
    }
    if (decl->settings != NULL &&
        (code = cnc__app_settings_command(app, err)) != 0) {
        return code;
    }
    if ((decl->flags & CNC_APP_THREADED) != 0) {
        app->thread = cnc__app_thread_new(app);
    }
    return 0;
}

int
cnc__apps_start(struct cnc__apps *a, struct cnc_error *err)
{
    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    for (struct cnc__app *app = a->first; app != NULL; app = app->next) {
        struct cnc_request r = {.magic = CNC__CALL_MAGIC, .app = app};
        /* Nobody is served yet, so a slow start may run right here; its
         * calls then must not wait for this same thread. */
        struct cnc__app_thread *thread = app->thread;
        int code;

        if (app->decl->start == NULL) {
            app->started = true;
            continue;
        }
        r.user = cnc__router_domain(a->env.router);
        r.priv = app->decl->priv;
        app->thread = NULL;
        code = app->decl->start(&r);
        app->thread = thread;
        if (code != 0) {
            cnc_error_set(err, CNC_EREFUSED, NULL,
                          "app \"%s\" refused to start: %s", app->decl->name,
                          r.refused ? r.refusal : cnc_err_text(code));
            cnc__request_call_fini(&r);
            return CNC_EREFUSED;
        }
        app->started = true;
        cnc__request_call_fini(&r);
    }
    return 0;
}

void
cnc__apps_tick(struct cnc__apps *a, uint64_t now_ms)
{
    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    for (struct cnc__app *app = a->first; app != NULL; app = app->next) {
        cnc__app_tasks_tick(app, now_ms);
    }
}

void
cnc__apps_stats(const struct cnc__apps *a, struct cnc__apps_stats *out)
{
    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    *out = a->stats;
}
