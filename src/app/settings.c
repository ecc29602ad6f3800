/* SPDX-License-Identifier: MIT */
/*
 * settings.c -- the commands about an app's settings: "settings/APP", the
 * form; "settings/APP/history"; "settings/APP/revert".
 *
 * The form carries the version that it was filled in from, and which fields it
 * had: "7:color,size".  When somebody has changed them meanwhile, or the app
 * is a version with other fields, it is refused with what it is now, keeps
 * what was typed, and is accepted when it is sent again.  A form without that
 * is taken as it is.
 */
#include <inttypes.h>
#include <stdio.h>

#include "../base/text.h"
#include "../pubsub/result.h"
#include "../xml/write.h"
#include "settings.h"

#define ANOTHER "Some fields need another look."

static void
refuse_all(struct cnc__setting_change *c, const char *text)
{
    struct cnc_error err = {0};

    cnc_error_set(&err, CNC_EREFUSED, NULL, "%s", text);
    cnc__command_done(c->reply, &err, NULL, NULL);
    cnc__settings_end(c);
}

/* -- what the form is filled with -------------------------------------------
 */

/* What is set now; secrets are not shown again. */
static void
fill(struct cnc__values *v, const struct cnc__caller *who, void *priv)
{
    const struct cnc__app *app = priv;
    struct cnc__str token = CNC__STR;

    for (const struct cnc_field *f = app->decl->settings->fields;
         f->name != NULL; f++) {
        const char *text = cnc__values_get(v, f->name, 0);
        const char *why = app->misfits == NULL
                              ? NULL
                              : cnc__values_error(app->misfits, f->name);

        /* A default gives way; what the address says does not. */
        if (app->settings != NULL && cnc__settings_typed(f) &&
            f->kind != CNC_FIELD_SECRET &&
            (text == NULL ||
             (f->value != NULL && strcmp(text, f->value) == 0))) {
            cnc__settings_fill(v, f, app->settings);
        }
        if (why != NULL) {
            cnc__values_refuse(v, f->name, why);
        }
    }
    cnc__settings_token(&token, app);
    cnc__values_set(v, app->settings_version, token.data);
    cnc__str_fini(&token);
}

/* -- a change ---------------------------------------------------------------
 */

/* An empty one leaves it as it is. */
static const char *
secret_of(const struct cnc_field *f, const struct cnc__values *v,
          const struct cnc_element *now)
{
    const char *text = v == NULL ? "" : cnc__values_text(v, f->name);

    return text[0] != '\0' ? text : cnc_element_child_text(now, NULL, f->name);
}

/* All fields of record, and the secrets: a *new* complete record.  v: what was
 * typed, for the secrets; NULL: those of now. */
static struct cnc_element *
complete(const struct cnc__app *app, const struct cnc_element *record,
         const struct cnc__values *v, const struct cnc_element *now)
{
    const struct cnc_record *r = app->decl->settings;
    struct cnc__str xml = CNC__STR;
    struct cnc_element *out = NULL, *e;

    cnc__xml_printf(&xml, "<%s xmlns='%s'>", r->name, app->decl->xmlns);
    for (const struct cnc_field *f = r->fields; f->name != NULL; f++) {
        size_t n = 0;

        if (f->kind == CNC_FIELD_FIXED) {
            continue;
        }
        if (f->kind == CNC_FIELD_SECRET) {
            cnc__xml_printf(&xml, "<%s>%s</%s>", f->name, secret_of(f, v, now),
                            f->name);
            continue;
        }
        for (size_t i = 0;
             (e = cnc_element_next(record, &i, NULL, f->name)) != NULL; n++) {
            cnc__xml_printf(&xml, "<%s>%s</%s>", f->name, cnc_element_text(e),
                            f->name);
        }
        if (n == 0) {
            cnc__xml_printf(&xml, "<%s/>", f->name);
        }
    }
    cnc__xml_printf(&xml, "</%s>", r->name);
    CNC_CHECK(cnc__settings_parse(&out, xml.data, xml.len, NULL) == 0);
    explicit_bzero(xml.data, xml.len);
    cnc__str_fini(&xml);
    return out;
}

/* The form itself needs none of them: an empty one stays as it is. */
static void
ask_secrets(const struct cnc__app *app, struct cnc__values *v,
            const struct cnc_element *now)
{
    for (const struct cnc_field *f = app->decl->settings->fields;
         f->name != NULL; f++) {
        struct cnc__str text = CNC__STR;

        if (f->kind == CNC_FIELD_SECRET && f->required &&
            secret_of(f, v, now)[0] == '\0') {
            cnc__str_printf(&text, "%s is needed.",
                            f->label == NULL ? f->name : f->label);
            cnc__values_refuse(v, f->name, text.data);
            cnc__str_fini(&text);
        }
    }
}

static void
set(struct cnc__setting_change *c)
{
    const struct cnc__app *app = c->app;
    const struct cnc_record *r = &app->settings_form;
    struct cnc_element *now, *record = NULL, *whole;

    if (app->decl->settings == NULL) {
        refuse_all(c, "The app has no settings any more.");
        return;
    }
    if (cnc__settings_stale(app, c->v)) {
        refuse_all(c, CNC__SETTINGS_CHANGED);
        return;
    }
    now = cnc__settings_now(app);
    ask_secrets(app, c->v, now);
    if (cnc__record_build(&record, r, app->decl->xmlns, c->v) != 0 ||
        cnc__record_refs(app->apps->env.pubsub, r, record, c->v, NULL) != 0) {
        refuse_all(c, ANOTHER);
    } else {
        whole = complete(app, record, c->v, now);
        cnc__settings_keep(c, whole, NULL, "The settings are kept.");
        cnc_element_unref(&whole);
    }
    cnc_element_unref(&record);
    cnc_element_unref(&now);
}

static void
run(struct cnc__command_reply *reply, const struct cnc__caller *who,
    struct cnc__values *v, void *priv)
{
    cnc__settings_change(priv, reply, who, v, set);
}

/* -- an old one again -------------------------------------------------------
 */

static const struct cnc_record revert_record = {
    "revert",
    CNC_FIELDS({"version", "Version", CNC_FIELD_INTEGER, .required = true,
                .min = "0",
                .help = "Of the history; 0: what the app has by default."})};

static void
revert_to(struct cnc__setting_change *c, uint64_t n,
          const struct cnc__setting_version *old)
{
    const struct cnc__app *app = c->app;
    struct cnc_element *now = cnc__settings_now(app), *record, *whole;
    struct cnc__values *misfits = cnc__values_new();
    struct cnc__str prefix = CNC__STR, note = CNC__STR;

    record = old == NULL ? cnc__settings_fit(app, NULL, NULL)
                         : cnc__settings_fit_xml(app, old->xml, misfits);
    whole = old == NULL ? cnc_element_ref(record)
                        : complete(app, record, NULL, now);
    if (n == 0) {
        cnc__str_puts(&prefix, "the defaults again: ");
    } else {
        cnc__str_printf(&prefix, "version %" PRIu64 " again: ", n);
    }
    cnc__str_puts(&note, n == 0 ? "The settings are the app's defaults again."
                                : "The settings are as they were; secrets "
                                  "stay as they are.");
    if (cnc__values_n_errors(misfits) > 0) {
        cnc__str_puts(&note, " What did not fit the app any more has its "
                             "default.");
    }
    cnc__settings_keep(c, whole, prefix.data, note.data);
    cnc__values_free(&misfits);
    cnc__str_fini(&prefix);
    cnc__str_fini(&note);
    cnc_element_unref(&record);
    cnc_element_unref(&whole);
    cnc_element_unref(&now);
}

static void
revert(struct cnc__setting_change *c)
{
    const struct cnc__app *app = c->app;
    const struct cnc__setting_version *old;
    struct cnc_element *record = NULL;
    struct cnc__str text = CNC__STR;
    int64_t n = 0;

    if (app->decl->settings == NULL) {
        refuse_all(c, "The app has no settings any more.");
        return;
    }
    if (cnc__record_build(&record, &revert_record, "", c->v) != 0 ||
        !cnc__parse_int(&n, cnc__values_text(c->v, "version"), 0, INT64_MAX)) {
        cnc_element_unref(&record);
        refuse_all(c, ANOTHER);
        return;
    }
    cnc_element_unref(&record);
    old = cnc__settings_find(cnc__settings_of(app->apps, app->decl->name),
                             (uint64_t)n);
    if (n != 0 && old == NULL) {
        cnc__str_printf(&text,
                        "There is no version %" PRIi64
                        "; settings/%s/history lists them.",
                        n, app->decl->name);
        cnc__values_refuse(c->v, "version", text.data);
        refuse_all(c, text.data);
        cnc__str_fini(&text);
        return;
    }
    revert_to(c, (uint64_t)n, old);
}

static void
run_revert(struct cnc__command_reply *reply, const struct cnc__caller *who,
           struct cnc__values *v, void *priv)
{
    cnc__settings_change(priv, reply, who, v, revert);
}

/* -- the commands -----------------------------------------------------------
 */

static size_t
n_fields(const struct cnc_record *r)
{
    size_t n = 0;

    while (r->fields[n].name != NULL) {
        n++;
    }
    return n;
}

/* The record with the version that it was filled in from.  Forms that are open
 * go on with it: what the app had before stays in its arena. */
static void
make_form(struct cnc__app *app)
{
    const struct cnc_record *r = app->decl->settings;
    size_t n = n_fields(r);
    struct cnc_field *fields =
        cnc__arena_alloc(&app->arena, (n + 2) * sizeof(*fields));

    app->settings_version = "version";
    for (size_t i = 0; i < n; i++) {
        fields[i] = r->fields[i];
        if (strcmp(fields[i].name, "version") == 0) {
            app->settings_version = "settings-version";
        }
        if (fields[i].kind == CNC_FIELD_SECRET) {
            fields[i].required = false;
            if (fields[i].help == NULL) {
                fields[i].help = "Empty: it stays as it is.";
            }
        }
    }
    fields[n] = (struct cnc_field){.name = app->settings_version,
                                   .kind = CNC_FIELD_HIDDEN};
    fields[n + 1] = (struct cnc_field){.name = NULL};
    app->settings_form = (struct cnc_record){r->name, fields};
}

static int
add_command(struct cnc__app *app, const char *what, const char *title,
            struct cnc__command cmd, struct cnc_error *err)
{
    const struct cnc_app *d = app->decl;
    struct cnc__str node = CNC__STR, name = CNC__STR;
    int code;

    cnc__str_printf(&node, "settings/%s%s", d->name, what);
    cnc__str_printf(&name, "%s of %s", title,
                    d->title == NULL ? d->name : d->title);
    cmd.node = node.data;
    cmd.name = name.data;
    cmd.who = CNC_ADMINS;
    cmd.priv = app;
    code = cnc__commands_add(app->apps->env.commands, &cmd, err);
    cnc__str_fini(&node);
    cnc__str_fini(&name);
    return code;
}

static int
add_commands(struct cnc__app *app, struct cnc_error *err)
{
    const struct cnc__command form = {
        .record = &app->settings_form,
        .help = (char *)"What is set here is kept, and each change is a "
                        "version.",
        .refs = app->apps->env.pubsub,
        .fill = fill,
        .run = run};
    const struct cnc__command history = {
        .help = (char *)"Who changed what and when, the newest first.",
        .safe = true,
        .run = cnc__settings_history};
    const struct cnc__command back = {
        .record = &revert_record,
        .help = (char *)"An older version becomes the newest one; secrets "
                        "stay as they are.",
        .run = run_revert};
    int code = add_command(app, "", "Settings", form, err);

    if (code == 0) {
        app->has_settings = true;
        code = add_command(app, "/history", "Versions of the settings",
                           history, err);
    }
    if (code == 0) {
        code = add_command(app, "/revert", "Older settings", back, err);
    }
    return code;
}

void
cnc__app_settings_remove(struct cnc__app *app)
{
    static const char *const all[] = {"", "/history", "/revert"};

    for (size_t i = 0; app->has_settings && i < CNC_N(all); i++) {
        struct cnc__str node = CNC__STR;

        cnc__str_printf(&node, "settings/%s%s", app->decl->name, all[i]);
        cnc__commands_remove(app->apps->env.commands, node.data);
        cnc__str_fini(&node);
    }
    app->has_settings = false;
}

int
cnc__app_settings_command(struct cnc__app *app, struct cnc_error *err)
{
    int code;

    if (app->decl->settings == NULL) {
        cnc__app_settings_remove(app);
        cnc__app_settings_take(app);
        return 0;
    }
    code = cnc__record_check(app->decl->settings, err);
    if (code != 0) {
        return code;
    }
    make_form(app);
    if (!app->has_settings) {
        code = add_commands(app, err);
    }
    cnc__app_settings_take(app);
    return code;
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
    cnc__settings_load(a, e);
    app = cnc__app_find(a, e->id);
    if (app != NULL) {
        cnc__app_settings_take(app);
    }
}
