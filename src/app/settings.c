/* SPDX-License-Identifier: MIT */
/*
 * settings.c -- an app's settings: a record, kept as the KEY ("setting", app
 * name), edited by the operator with the command "settings/APP".
 */
#include "private.h"

struct change {
    struct cnc__commit commit;
    struct cnc_store_op op;
    struct cnc__app *app;
    struct cnc_element *record;
    struct cnc_buf *xml;
    struct cnc__command_reply *reply;
};

static void
keep(struct cnc__apps *a, const char *app, const void *xml, size_t len)
{
    struct cnc_buf *old = cnc__table_put(a->kept, app, cnc_buf_new(xml, len));

    cnc_buf_unref(&old);
}

static void
changed(struct cnc__commit *commit, const struct cnc_error *err)
{
    struct change *c = commit->priv;

    if (err == NULL) {
        cnc_element_unref(&c->app->settings);
        c->app->settings = cnc_element_ref(c->record);
        keep(c->app->apps, c->app->decl->name, cnc_buf_data(c->xml),
             cnc_buf_len(c->xml));
        cnc__log(CNC_LOG_INFO, "app.settings", "app=%s", c->app->decl->name);
    }
    cnc__command_done(c->reply, err, "The settings are kept.", NULL);
    cnc_element_unref(&c->record);
    cnc_buf_unref(&c->xml);
    cnc__free(c);
}

static void
run(struct cnc__command_reply *reply, const struct cnc__caller *who,
    struct cnc__values *v, void *priv)
{
    struct cnc__app *app = priv;
    struct cnc_element *record = NULL;
    struct cnc_error err = {0};
    struct change *c;
    int code =
        cnc__record_build(&record, app->decl->settings, app->decl->xmlns, v);

    if (code != 0) {
        cnc_error_set(&err, code, NULL, "Some fields need another look.");
        cnc__command_done(reply, &err, NULL, NULL);
        return;
    }
    c = cnc__zalloc(sizeof(*c));
    c->app = app;
    c->record = record;
    c->xml = cnc_element_write(record, 0);
    c->reply = reply;
    c->op.verb = CNC_STORE_PUT;
    c->op.entry = (struct cnc_store_entry){.kind = CNC_STORE_KEY,
                                           .node = "setting",
                                           .id = app->decl->name,
                                           .publisher = "",
                                           .value = cnc_buf_data(c->xml),
                                           .len = cnc_buf_len(c->xml)};
    c->commit.ops = &c->op;
    c->commit.n_ops = 1;
    c->commit.done = changed;
    c->commit.priv = c;
    app->apps->env.commit(&c->commit, app->apps->env.priv);
}

static void
fill_lines(struct cnc__values *v, const char *name, const char *text)
{
    for (;;) {
        size_t len = strcspn(text, "\n");
        char *line = cnc__strndup(text, len);

        cnc__values_add(v, name, line, NULL);
        cnc__free(line);
        if (text[len] == '\0') {
            return;
        }
        text += len + 1;
    }
}

static void
fill_field(struct cnc__values *v, const struct cnc_field *f,
           const struct cnc_element *record)
{
    struct cnc_element *e;

    for (size_t i = 0;
         (e = cnc_element_next(record, &i, NULL, f->name)) != NULL;) {
        if (f->kind == CNC_FIELD_LINES) {
            fill_lines(v, f->name, cnc_element_text(e));
        } else {
            cnc__values_add(v, f->name, cnc_element_text(e), NULL);
        }
    }
}

/* What is set now; secrets are not shown again. */
static void
fill(struct cnc__values *v, const struct cnc__caller *who, void *priv)
{
    const struct cnc__app *app = priv;

    for (const struct cnc_field *f = app->decl->settings->fields;
         app->settings != NULL && f->name != NULL; f++) {
        const char *text = cnc__values_get(v, f->name, 0);

        if (f->kind == CNC_FIELD_SECRET || f->kind == CNC_FIELD_FIXED ||
            f->kind == CNC_FIELD_HIDDEN) {
            continue;
        }
        /* A default gives way; what the address says does not. */
        if (text == NULL ||
            (f->value != NULL && strcmp(text, f->value) == 0)) {
            cnc__values_set(v, f->name, NULL);
            fill_field(v, f, app->settings);
        }
    }
}

int
cnc__app_settings_command(struct cnc__app *app, struct cnc_error *err)
{
    struct cnc__str node = CNC__STR, title = CNC__STR;
    struct cnc__command cmd = {.record = app->decl->settings,
                               .help = (char *)"What is set here is kept.",
                               .who = CNC_ADMINS,
                               .fill = fill,
                               .run = run,
                               .priv = app};
    int code = cnc__record_check(app->decl->settings, err);

    if (code != 0 || app->has_settings) {
        return code;
    }
    cnc__str_printf(&node, "settings/%s", app->decl->name);
    cnc__str_printf(&title, "Settings of %s",
                    app->decl->title == NULL ? app->decl->name
                                             : app->decl->title);
    cmd.node = node.data;
    cmd.name = title.data;
    code = cnc__commands_add(app->apps->env.commands, &cmd, err);
    app->has_settings = code == 0;
    cnc__str_fini(&node);
    cnc__str_fini(&title);
    return code;
}

void
cnc__app_settings_take(struct cnc__app *app)
{
    struct cnc_buf *kept = cnc__table_get(app->apps->kept, app->decl->name);
    struct cnc_element *record = NULL;
    struct cnc_error err = {0};
    int code;

    cnc_element_unref(&app->settings);
    if (kept == NULL || app->decl->settings == NULL) {
        return;
    }
    code = cnc_xml_parse(&record, cnc_buf_data(kept), cnc_buf_len(kept), 0,
                         NULL, &err);
    if (code == 0) {
        code = cnc__record_accepts(app->decl->settings, app->decl->xmlns,
                                   record, &err);
    }
    if (code != 0) {
        cnc__log(CNC_LOG_WARN, "app.settings",
                 "app=%s kept settings do not fit the app any more, "
                 "the defaults are used: %s",
                 app->decl->name, err.text);
        cnc_element_unref(&record);
        return;
    }
    app->settings = record;
}

void
cnc__apps_load(struct cnc__apps *a, const struct cnc_store_entry *e)
{
    struct cnc__app *app;

    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    if (strcmp(e->node, "app") == 0) {
        cnc__apps_kept_load(a, e);
        return;
    }
    keep(a, e->id, e->value, e->len);
    app = cnc__app_find(a, e->id);
    if (app != NULL) {
        cnc__app_settings_take(app);
    }
}
