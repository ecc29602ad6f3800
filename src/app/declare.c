/* SPDX-License-Identifier: MIT */
/*
 * declare.c -- what an app brings, given to the rooms below when it starts and
 * taken away when it stops: nodes and their forms, stanza handlers, tasks,
 * pages, assets.  A node that is taken away keeps all that is in it; nobody
 * sees it.
 */
#include "private.h"
#include "records.h"
#include "stanza.h"

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
check_node(const struct cnc__app *app, const struct cnc_node *d,
           struct cnc_error *err)
{
    struct cnc__node *node = cnc__pubsub_node(app->apps->env.pubsub, d->name);

    if (strncmp(d->name, "view:", 5) == 0 ||
        strncmp(d->name, "service/", 8) == 0 ||
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
    if (has_secret(d->record)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "app \"%s\": the record of node \"%s\" has a "
                             "secret; those are for the forms of commands",
                             app->decl->name, d->name);
    }
    return d->record == NULL ? 0 : cnc__record_check(d->record, err);
}

static struct cnc__node *
declare_node(const struct cnc__app *app, const struct cnc_node *d)
{
    struct cnc__node_config config;

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
    return cnc__pubsub_declare(app->apps->env.pubsub, d->name, &config);
}

/* The app's hold on a node, as it was when the app ran before, or a new one.
 */
static struct cnc__app_node *
hold_of(struct cnc__app *app, const char *name)
{
    struct cnc__app_node *n = app->nodes;

    while (n != NULL && (n->here || strcmp(n->decl->name, name) != 0)) {
        n = n->next;
    }
    if (n == NULL) {
        n = cnc__zalloc(sizeof(*n));
        n->app = app;
        n->next = app->nodes;
        app->nodes = n;
    }
    return n;
}

static int
add_node(struct cnc__app *app, const struct cnc_node *d, struct cnc_error *err)
{
    struct cnc__node *node;
    struct cnc__app_node *n;
    int code = check_node(app, d, err);

    if (code != 0) {
        return code;
    }
    node = declare_node(app, d);
    n = hold_of(app, d->name);
    n->decl = d;
    n->here = true;
    cnc__node_set_priv(node, n);
    if (!app->reloading) {
        cnc__node_hide(node, true); /* until the app's start() said yes */
    }
    cnc__node_index(node, d->record);
    if (d->source != NULL) {
        return cnc__pubsub_mirror(app->apps->env.pubsub, node, d->source,
                                  d->source_node, err);
    }
    code = d->form == NULL ? 0 : add_form(n, err);
    n->form = d->form != NULL && code == 0;
    return code;
}

static void
remove_node(struct cnc__app_node *n)
{
    struct cnc__apps *a = n->app->apps;
    struct cnc__node *node = cnc__pubsub_node(a->env.pubsub, n->decl->name);

    n->here = false;
    if (n->form) {
        n->form = false;
        cnc__commands_remove(a->env.commands, n->decl->name);
    }
    if (node != NULL && cnc__node_priv(node) == n) {
        cnc__node_set_priv(node, NULL);
        if (!n->app->reloading) {
            cnc__node_hide(node, true);
        }
    }
}

void
cnc__app_show(struct cnc__app *app)
{
    for (struct cnc__app_node *n = app->nodes; n != NULL; n = n->next) {
        struct cnc__node *node =
            n->here ? cnc__pubsub_node(app->apps->env.pubsub, n->decl->name)
                    : NULL;

        if (node != NULL && cnc__node_priv(node) == n) {
            cnc__node_hide(node, false);
        }
    }
}

void
cnc__app_hide(struct cnc__app *app)
{
    for (const struct cnc_node *d = app->decl->nodes; d->name != NULL; d++) {
        struct cnc__node *node =
            cnc__pubsub_node(app->apps->env.pubsub, d->name);

        if (node != NULL && cnc__node_priv(node) == NULL) {
            cnc__node_hide(node, true);
        }
    }
}

/* -- all of it --------------------------------------------------------------
 */

int
cnc__app_declare(struct cnc__app *app, struct cnc_error *err)
{
    int code = 0;

    app->declared = true;
    for (const struct cnc_node *d = app->decl->nodes;
         code == 0 && d->name != NULL; d++) {
        code = add_node(app, d, err);
    }
    if (code == 0) {
        code = cnc__app_handlers_add(app, err);
    }
    if (code == 0) {
        code = cnc__app_tasks_add(app, err);
    }
    if (code == 0) {
        code = cnc__app_commands_add(app, err);
    }
    if (code == 0) {
        code = cnc__app_records_add(app, err);
    }
    if (code == 0) {
        code = cnc__app_settings_command(app, err);
    }
    if (code != 0) {
        cnc__app_undeclare(app);
        return code;
    }
    if ((app->decl->flags & CNC_APP_THREADED) != 0 && app->thread == NULL) {
        app->thread = cnc__app_thread_new(app);
    }
    return 0;
}

void
cnc__app_undeclare(struct cnc__app *app)
{
    cnc__app_pages_remove(app);
    cnc__app_withdraw(app);
}

void
cnc__app_withdraw(struct cnc__app *app)
{
    cnc__app_tasks_remove(app);
    cnc__app_handlers_remove(app);
    cnc__app_records_remove(app);
    cnc__app_commands_remove(app);
    for (struct cnc__app_node *n = app->nodes; n != NULL; n = n->next) {
        if (n->here) {
            remove_node(n);
        }
    }
    app->declared = false;
}

/* Its catalogues, after those of what it extends: it is asked first. */
static void
set_texts(struct cnc__app *app, const struct cnc__app *from, bool there)
{
    struct cnc__str owner = CNC__STR, dir = CNC__STR;

    if (from->base != NULL) {
        set_texts(app, from->base, there);
    }
    cnc__str_puts(&owner, app->decl->name);
    if (from != app) {
        cnc__str_printf(&owner, "/%s", from->own->name);
    }
    cnc__str_printf(&dir, "%s/locale", from->files == NULL ? "" : from->files);
    cnc__agent_locale(app->apps->agent, owner.data,
                      there && from->files != NULL ? dir.data : NULL);
    cnc__str_fini(&owner);
    cnc__str_fini(&dir);
}

int
cnc__app_pages_add(struct cnc__app *app, struct cnc_error *err)
{
    struct cnc__agent *agent = app->apps->agent;
    int code = 0;

    if (agent == NULL) {
        return 0;
    }
    app->has_pages = true;
    for (const struct cnc_page *p = app->decl->pages;
         code == 0 && p->path != NULL; p++) {
        code = cnc__agent_page(agent, app->decl, p, err);
        app->n_pages += code == 0;
    }
    /* What it extends brings its own. */
    for (struct cnc__app *b = app; code == 0 && b != NULL; b = b->base) {
        b->assets = b->files == NULL ? NULL : cnc__app_assets(b);
        code =
            b->assets == NULL ? 0 : cnc__agent_assets(agent, b->assets, err);
    }
    if (code != 0) {
        cnc__app_pages_remove(app);
    } else { /* its pages have its new declarations now */
        set_texts(app, app, true);
    }
    return code;
}

void
cnc__app_pages_remove(struct cnc__app *app)
{
    struct cnc__agent *agent = app->apps->agent;

    if (!app->has_pages) {
        return;
    }
    app->has_pages = false;
    for (struct cnc__app *b = app; b != NULL; b = b->base) {
        if (b->assets != NULL) {
            cnc__agent_assets_remove(agent, b->assets);
        }
        cnc__free(b->assets);
        b->assets = NULL;
    }
    for (const struct cnc_page *p = app->decl->pages;
         app->n_pages > 0 && p->path != NULL; p++, app->n_pages--) {
        cnc__agent_page_remove(agent, p->path);
    }
    app->n_pages = 0;
    set_texts(app, app, false);
}
