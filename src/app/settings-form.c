/* SPDX-License-Identifier: MIT */
/*
 * settings-form.c -- which version a form of settings was filled in from, and
 * what became different since: others changed them, or the app is a version
 * with other fields.
 */
#include <inttypes.h>

#include "settings.h"

#define CHANGED CNC__SETTINGS_CHANGED

/* Nobody types these, and none of them is shown with what is kept. */
bool
cnc__settings_typed(const struct cnc_field *f)
{
    return f->kind != CNC_FIELD_FIXED && f->kind != CNC_FIELD_HIDDEN &&
           f->compute == NULL;
}

/* -- the version of a form --------------------------------------------------
 */

static bool
has_name(const char *names, const char *name)
{
    size_t len = strlen(name);

    for (; *names != '\0'; names += strcspn(names, ",")) {
        names += *names == ',';
        if (strncmp(names, name, len) == 0 &&
            (names[len] == ',' || names[len] == '\0')) {
            return true;
        }
    }
    return false;
}

void
cnc__settings_token(struct cnc__str *out, const struct cnc__app *app)
{
    const struct cnc__settings *s =
        cnc__settings_of(app->apps, app->decl->name);
    char sign = ':';

    cnc__str_printf(out, "%" PRIu64, cnc__settings_version(s));
    for (const struct cnc_field *f = app->decl->settings->fields;
         f->name != NULL; f++) {
        if (cnc__settings_typed(f)) {
            cnc__str_printf(out, "%c%s", sign, f->name);
            sign = ',';
        }
    }
}

/* -- one field
 * --------------------------------------------------------------------------
 */

static void
set_lines(struct cnc__values *v, const char *name, const char *text)
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

void
cnc__settings_fill(struct cnc__values *v, const struct cnc_field *f,
                   const struct cnc_element *record)
{
    struct cnc_element *e;

    cnc__values_set(v, f->name, NULL);
    for (size_t i = 0;
         (e = cnc_element_next(record, &i, NULL, f->name)) != NULL;) {
        const char *text = cnc_element_text(e);

        if (f->kind == CNC_FIELD_LINES && text[0] != '\0') {
            set_lines(v, f->name, text);
        } else if (text[0] != '\0') {
            cnc__values_add(v, f->name, text, NULL);
        }
    }
}

/* -- a form of an older version ---------------------------------------------
 */

static void
join(struct cnc__str *out, const struct cnc__values *v,
     const struct cnc_field *f)
{
    const char *text;

    for (size_t i = 0; (text = cnc__values_get(v, f->name, i)) != NULL; i++) {
        cnc__str_printf(out, "%s%s", i > 0 ? "\n" : "", text);
    }
    if (f->kind == CNC_FIELD_BOOLEAN) { /* as it is kept */
        bool yes = strcmp(cnc__str_c(out), "true") == 0 ||
                   strcmp(cnc__str_c(out), "1") == 0;

        cnc__str_clear(out);
        cnc__str_puts(out, yes ? "true" : "false");
    }
}

static void
join_record(struct cnc__str *out, const struct cnc_element *record,
            const struct cnc_field *f)
{
    cnc__settings_text(out, record, f);
    if (f->kind == CNC_FIELD_BOOLEAN && strcmp(cnc__str_c(out), "true") != 0) {
        cnc__str_clear(out);
        cnc__str_puts(out, "false");
    }
}

/* What he typed into a field that has another name now goes there. */
static bool
rename_field(const struct cnc_record *r, struct cnc__values *v,
             const char *old)
{
    const char *text;

    for (const struct cnc_field *f = r->fields; f->name != NULL; f++) {
        if (f->was == NULL || strcmp(f->was, old) != 0) {
            continue;
        }
        if (cnc__values_get(v, f->name, 0) == NULL) {
            for (size_t i = 0; (text = cnc__values_get(v, old, i)) != NULL;
                 i++) {
                cnc__values_add(v, f->name, text, NULL);
            }
        }
        return true;
    }
    return false;
}

/* Fields of the form that the app has no more are taken out of it. */
static void
drop_fields(const struct cnc_record *r, const char *names,
            struct cnc__values *v, struct cnc__str *gone)
{
    for (; *names != '\0'; names += strcspn(names, ",")) {
        const struct cnc_field *f = r->fields;
        char *name;

        names += *names == ',';
        name = cnc__strndup(names, strcspn(names, ","));
        while (f->name != NULL && strcmp(f->name, name) != 0) {
            f++;
        }
        if (f->name == NULL) {
            if (!rename_field(r, v, name) && gone->len < 400) {
                cnc__str_printf(gone, "%s%s", gone->len > 0 ? ", " : "", name);
            }
            cnc__values_set(v, name, NULL);
        }
        cnc__free(name);
    }
}

static bool
add_fields(const struct cnc_record *r, const char *names,
           struct cnc__values *v, const struct cnc_element *now)
{
    bool some = false;

    for (const struct cnc_field *f = r->fields; f->name != NULL; f++) {
        if (!cnc__settings_typed(f) || has_name(names, f->name) ||
            (f->was != NULL && has_name(names, f->was))) {
            continue;
        }
        if (cnc__values_get(v, f->name, 0) == NULL &&
            f->kind != CNC_FIELD_SECRET) {
            cnc__settings_fill(v, f, now);
        }
        cnc__values_refuse(v, f->name, "This is new in the app.");
        some = true;
    }
    return some;
}

/* A secret that somebody has changed since version n. */
static bool
secret_changed(const struct cnc__settings *s, uint64_t n, const char *name)
{
    for (size_t i = s->n; i-- > 0 && s->all[i].n > n;) {
        const char *at = s->all[i].secrets;

        for (; *at != '\0'; at += strcspn(at, " ")) {
            at += *at == ' ';
            if (strncmp(at, name, strlen(name)) == 0 &&
                strchr(" ", at[strlen(name)]) != NULL) {
                return true;
            }
        }
    }
    return false;
}

/* One field: it was changed since, and not to what he typed. */
static bool
tell_field(const struct cnc_field *f, struct cnc__values *v,
           const struct cnc_element *base, const struct cnc_element *now)
{
    struct cnc__str typed = CNC__STR, is = CNC__STR, was = CNC__STR;
    struct cnc__str text = CNC__STR;
    bool differs;

    join(&typed, v, f);
    join_record(&is, now, f);
    if (base != NULL) {
        join_record(&was, base, f);
    }
    differs = strcmp(cnc__str_c(&typed), cnc__str_c(&is)) != 0 &&
              (base == NULL || strcmp(cnc__str_c(&was), cnc__str_c(&is)) != 0);
    if (differs) {
        cnc__str_printf(
            &text,
            CNC__TEXT("Somebody has changed it meanwhile. It is now: %s"),
            cnc__str_c(&is));
        cnc__values_refuse(v, f->name, text.data);
    }
    cnc__str_fini(&typed);
    cnc__str_fini(&is);
    cnc__str_fini(&was);
    cnc__str_fini(&text);
    return differs;
}

/* n: the version that he saw. */
static bool
tell_changes(const struct cnc__app *app, struct cnc__values *v, uint64_t n,
             const struct cnc_element *now)
{
    const struct cnc__settings *s =
        cnc__settings_of(app->apps, app->decl->name);
    const struct cnc__setting_version *old = cnc__settings_find(s, n);
    struct cnc_element *base = old != NULL
                                   ? cnc__settings_fit_xml(app, old->xml, NULL)
                               : n == 0 ? cnc__settings_fit(app, NULL, NULL)
                                        : NULL;
    bool differs = false;

    for (const struct cnc_field *f = app->decl->settings->fields;
         f->name != NULL; f++) {
        if (!cnc__settings_typed(f)) {
            continue;
        }
        if (f->kind != CNC_FIELD_SECRET) {
            differs = tell_field(f, v, base, now) || differs;
        } else if (cnc__values_text(v, f->name)[0] != '\0' &&
                   secret_changed(s, n, f->name)) {
            cnc__values_refuse(v, f->name, CHANGED);
            differs = true;
        }
    }
    cnc_element_unref(&base);
    return differs;
}

static void
tell_all(struct cnc__values *v, const struct cnc__str *gone, bool new,
         bool changed)
{
    struct cnc__str text = CNC__STR;

    if (changed) {
        cnc__str_puts(&text, CHANGED " What it is now stands below each "
                                     "field. ");
    }
    if (new || gone->len > 0) {
        cnc__str_puts(&text, "The form is of another version of the app. ");
    }
    if (gone->len > 0) {
        cnc__str_printf(&text, "No settings any more: %s. ", gone->data);
    }
    cnc__str_puts(&text, "Send the form again to keep what is in it.");
    cnc__values_refuse(v, NULL, text.data);
    cnc__str_fini(&text);
}

/* His version is old: he sees both, and what he sends next is kept. */
bool
cnc__settings_stale(const struct cnc__app *app, struct cnc__values *v)
{
    const struct cnc_record *r = app->decl->settings;
    char *token = cnc__strdup(cnc__values_text(v, app->settings_version));
    const char *names = strchr(token, ':');
    struct cnc_element *now = cnc__settings_now(app);
    struct cnc__str current = CNC__STR, gone = CNC__STR;
    bool stale = false, new = false, changed;

    cnc__settings_token(&current, app);
    if (token[0] != '\0' && strcmp(token, current.data) != 0) {
        if (names != NULL) {
            drop_fields(r, names + 1, v, &gone);
            new = add_fields(r, names + 1, v, now);
        }
        changed = tell_changes(app, v, strtoull(token, NULL, 10), now);
        stale = new || changed || gone.len > 0;
    }
    if (stale) {
        cnc__values_set(v, app->settings_version, current.data);
        tell_all(v, &gone, new, changed);
    }
    cnc__free(token);
    cnc_element_unref(&now);
    cnc__str_fini(&current);
    cnc__str_fini(&gone);
    return stale;
}
