/* SPDX-License-Identifier: MIT */
/*
 * settings-fit.c -- what is kept of an app's settings, as the app declares
 * them now: new fields have their default, those that are no more are left
 * out, one that has another name now is found by its old one (.was), and for a
 * value that does not fit any more the default stands.
 */
#include "settings.h"

#include "../xml/write.h"

/* What was typed is 256 kB at most; escaped, it may be several times that. */
int
cnc__settings_parse(struct cnc_element **out, const void *xml, size_t len,
                    struct cnc_error *err)
{
    static const struct cnc_xml_limits limits = {
        .size = sizeof(limits), .max_token = 4 << 20, .max_stanza = 8 << 20};

    return cnc_xml_parse(out, xml, len, 0, &limits, err);
}

/* -- one field -------------------------------------------------------------
 */

/* The name by which it is kept, or NULL: it was not there then. */
static const char *
kept_name(const struct cnc_element *kept, const struct cnc_field *f)
{
    if (kept == NULL) {
        return NULL;
    }
    if (cnc_element_child(kept, NULL, f->name) != NULL) {
        return f->name;
    }
    return f->was != NULL && cnc_element_child(kept, NULL, f->was) != NULL
               ? f->was
               : NULL;
}

static void
add_default(struct cnc__str *xml, const struct cnc_field *f)
{
    cnc__xml_printf(xml, "<%s>%s</%s>", f->name,
                    f->value == NULL ? "" : f->value, f->name);
}

static void
add_values(struct cnc__str *xml, const struct cnc_element *kept,
           const char *name, const struct cnc_field *f)
{
    struct cnc_element *e;

    for (size_t i = 0; (e = cnc_element_next(kept, &i, NULL, name)) != NULL;) {
        cnc__xml_printf(xml, "<%s>%s</%s>", f->name, cnc_element_text(e),
                        f->name);
    }
}

/* Judged as a record of this one field.  A secret that is missing is asked
 * for by the form, which knows that there is none. */
static int
judge(const struct cnc__app *app, const struct cnc_field *f,
      const struct cnc__str *values, struct cnc_error *err)
{
    struct cnc_field fields[2] = {*f, {.name = NULL}};
    const struct cnc_record one = {"one", fields};
    struct cnc_element *e = NULL;
    struct cnc__str xml = CNC__STR;
    int code;

    fields[0].required = f->required && f->kind != CNC_FIELD_SECRET;
    cnc__xml_printf(&xml, "<one xmlns='%s'>%pR</one>", app->decl->xmlns,
                    values->data);
    code = cnc__settings_parse(&e, xml.data, xml.len, err);
    if (code == 0) {
        code = cnc__record_accepts(&one, app->decl->xmlns, e, err);
    }
    cnc_element_unref(&e);
    explicit_bzero(xml.data, xml.len);
    cnc__str_fini(&xml);
    return code;
}

static void
say_misfit(struct cnc__values *misfits, const struct cnc_element *kept,
           const char *name, const struct cnc_field *f, const char *why)
{
    struct cnc__str text = CNC__STR;
    const char *was = cnc_element_child_text(kept, NULL, name);

    if (misfits == NULL) {
        return;
    }
    cnc__values_add(misfits, f->name, was, NULL);
    if (was[0] == '\0') {
        cnc__str_printf(&text, "A value is needed now.");
    } else if (f->kind == CNC_FIELD_SECRET) {
        cnc__str_printf(&text, "What was kept does not fit any more: %s", why);
    } else {
        cnc__str_printf(&text,
                        "Kept was \"%.200s\", which does not fit any more: "
                        "%s The default is used.",
                        was, why);
    }
    cnc__values_refuse(misfits, f->name, text.data);
    cnc__str_fini(&text);
}

static void
fit_field(struct cnc__str *xml, const struct cnc__app *app,
          const struct cnc_element *kept, const struct cnc_field *f,
          struct cnc__values *misfits)
{
    const char *name = kept_name(kept, f);
    struct cnc__str values = CNC__STR;
    struct cnc_error err = {0};

    if (name == NULL) {
        add_default(xml, f);
        return;
    }
    add_values(&values, kept, name, f);
    if (judge(app, f, &values, &err) == 0) {
        cnc__str_add(xml, values.data, values.len);
    } else {
        say_misfit(misfits, kept, name, f, err.text);
        add_default(xml, f);
    }
    explicit_bzero(values.data, values.len);
    cnc__str_fini(&values);
}

/* -- all of them -----------------------------------------------------------
 */

struct cnc_element *
cnc__settings_fit(const struct cnc__app *app, const struct cnc_element *kept,
                  struct cnc__values *misfits)
{
    const struct cnc_record *r = app->decl->settings;
    struct cnc_element *out = NULL;
    struct cnc__str xml = CNC__STR;

    cnc__xml_printf(&xml, "<%s xmlns='%s'>", r->name, app->decl->xmlns);
    for (const struct cnc_field *f = r->fields; f->name != NULL; f++) {
        if (f->kind != CNC_FIELD_FIXED && f->compute == NULL) {
            fit_field(&xml, app, kept, f, misfits);
        }
    }
    cnc__xml_printf(&xml, "</%s>", r->name);
    CNC_CHECK(cnc__settings_parse(&out, xml.data, xml.len, NULL) == 0);
    explicit_bzero(xml.data, xml.len);
    cnc__str_fini(&xml);
    return out;
}

struct cnc_element *
cnc__settings_fit_xml(const struct cnc__app *app, const struct cnc_buf *xml,
                      struct cnc__values *misfits)
{
    struct cnc_element *kept = NULL, *out;
    struct cnc_error err = {0};

    if (xml != NULL && cnc__settings_parse(&kept, cnc_buf_data(xml),
                                           cnc_buf_len(xml), &err) != 0) {
        cnc__log(CNC_LOG_WARN, "app.settings",
                 "app=%s what was kept cannot be read, the defaults are "
                 "used: %s",
                 app->decl->name, err.text);
    }
    out = cnc__settings_fit(app, kept, misfits);
    cnc_element_unref(&kept);
    return out;
}

struct cnc_element *
cnc__settings_now(const struct cnc__app *app)
{
    return app->settings != NULL ? cnc_element_ref(app->settings)
                                 : cnc__settings_fit(app, NULL, NULL);
}

void
cnc__settings_text(struct cnc__str *out, const struct cnc_element *record,
                   const struct cnc_field *f)
{
    struct cnc_element *e;
    size_t n = 0;

    for (size_t i = 0;
         (e = cnc_element_next(record, &i, NULL, f->name)) != NULL;) {
        cnc__str_printf(out, "%s%s", n++ > 0 ? "\n" : "", cnc_element_text(e));
    }
}

/* Kept fields that the app has no more; said once, lost never. */
static void
log_unknown(const struct cnc__app *app, const struct cnc_buf *xml)
{
    struct cnc_element *kept = NULL, *e;

    if (cnc__settings_parse(&kept, cnc_buf_data(xml), cnc_buf_len(xml),
                            NULL) != 0) {
        return;
    }
    for (size_t i = 0; (e = cnc_element_next(kept, &i, NULL, NULL)) != NULL;) {
        const struct cnc_field *f = app->decl->settings->fields;

        while (f->name != NULL && strcmp(f->name, cnc_element_name(e)) != 0 &&
               (f->was == NULL || strcmp(f->was, cnc_element_name(e)) != 0)) {
            f++;
        }
        if (f->name == NULL) {
            cnc__log(CNC_LOG_INFO, "app.settings",
                     "app=%s setting=%s is kept, and no setting any more",
                     app->decl->name, cnc_element_name(e));
        }
    }
    cnc_element_unref(&kept);
}

void
cnc__app_settings_take(struct cnc__app *app)
{
    const struct cnc__settings *s =
        cnc__settings_of(app->apps, app->decl->name);
    struct cnc__values *misfits;

    cnc_element_unref(&app->settings);
    cnc__values_free(&app->misfits);
    if (s->now == NULL || app->decl->settings == NULL) {
        return;
    }
    misfits = cnc__values_new();
    app->settings = cnc__settings_fit_xml(app, s->now, misfits);
    log_unknown(app, s->now);
    for (const struct cnc_field *f = app->decl->settings->fields;
         f->name != NULL; f++) {
        const char *why = cnc__values_error(misfits, f->name);

        if (why != NULL) {
            cnc__log(CNC_LOG_WARN, "app.settings", "app=%s setting=%s %s",
                     app->decl->name, f->name, why);
        }
    }
    if (cnc__values_n_errors(misfits) == 0) {
        cnc__values_free(&misfits);
    }
    app->misfits = misfits;
}
