/* SPDX-License-Identifier: MIT */
/*
 * form.c -- a record's form as XML (XEP-0004, XEP-0122).
 */
#include <concordance/xml.h>

#include "../xml/write.h"
#include "formimpl.h"

static const struct kind {       /* XEP-0004 3.3, XEP-0122 3 */
    const char *type, *datatype; /* datatype NULL: nothing to validate */
} kinds[] = {
    [CNC_FIELD_TEXT] = {"text-single", "xs:string"},
    [CNC_FIELD_LINES] = {"text-multi", NULL},
    [CNC_FIELD_INTEGER] = {"text-single", "xs:integer"},
    [CNC_FIELD_DECIMAL] = {"text-single", "xs:decimal"},
    [CNC_FIELD_BOOLEAN] = {"boolean", NULL},
    [CNC_FIELD_DATE] = {"text-single", "xs:date"},
    [CNC_FIELD_DATETIME] = {"text-single", "xs:dateTime"},
    [CNC_FIELD_URL] = {"text-single", "xs:anyURI"},
    [CNC_FIELD_JID] = {"jid-single", NULL},
    [CNC_FIELD_LIST] = {"list-single", "xs:string"},
    [CNC_FIELD_MULTI] = {"list-multi", "xs:string"},
    [CNC_FIELD_HIDDEN] = {"hidden", NULL},
    [CNC_FIELD_FIXED] = {"fixed", NULL},
    [CNC_FIELD_SECRET] = {"text-private", NULL},
    [CNC_FIELD_REF] = {"text-single", "xs:string"},
    [CNC_FIELD_FILE] = {"text-single", "xs:anyURI"},
};

/* For browsers: what may be chosen, if it can be said their way ("image/.*" is
 * "image/" and a star). */
static void
write_file(struct cnc__str *out, const struct cnc_field *f)
{
    struct cnc__str accept = CNC__STR;
    const char *s = f->match == NULL ? "" : f->match;
    bool plain = true;
    for (; plain && *s != '\0'; s++) {
        if (strncmp(s, ".*", 2) == 0) {
            cnc__str_putc(&accept, '*');
            s++;
        } else if (strncmp(s, "\\.", 2) == 0) {
            cnc__str_putc(&accept, '.');
            s++;
        } else if (*s == '|') {
            cnc__str_putc(&accept, ',');
        } else {
            plain = strchr("^$.[]()*+?{}\\", *s) == NULL;
            cnc__str_putc(&accept, *s);
        }
    }
    cnc__str_puts(out, "<file xmlns=\"" CNC__NS_FORM "\"");
    if (plain && accept.len > 0) {
        cnc__xml_printf(out, " accept=\"%s\"", accept.data);
    }
    cnc__str_puts(out, "/>");
    cnc__str_fini(&accept);
}

/* XEP-0122 3.2: one method only, so an expression goes before a range. */
static void
write_validate(struct cnc__str *out, const struct cnc_field *f)
{
    const char *datatype = kinds[f->kind].datatype;
    if (f->kind == CNC_FIELD_FILE) {
        write_file(out, f); /* its expression is about the media type */
        return;
    }
    if (datatype == NULL && f->match != NULL && f->kind != CNC_FIELD_HIDDEN) {
        datatype = "xs:string";
    }
    if (datatype == NULL) {
        return;
    }
    cnc__xml_printf(out,
                    "<validate xmlns=\"" CNC__NS_VALIDATE "\""
                    " datatype=\"%s\">",
                    datatype);
    if (f->match != NULL) {
        cnc__xml_printf(out, "<regex>%s</regex>", f->match);
    } else if (f->min != NULL || f->max != NULL) {
        cnc__str_puts(out, "<range");
        if (f->min != NULL) {
            cnc__xml_printf(out, " min=\"%s\"", f->min);
        }
        if (f->max != NULL) {
            cnc__xml_printf(out, " max=\"%s\"", f->max);
        }
        cnc__str_puts(out, "/>");
    } else {
        cnc__str_puts(out, "<basic/>");
    }
    cnc__str_puts(out, "</validate>");
}

/* XEP-0004 3.3: the lines of a text-multi are a value each. */
static void
write_value(struct cnc__str *out, const struct cnc_field *f, const char *text)
{
    while (f->kind == CNC_FIELD_LINES && strchr(text, '\n') != NULL) {
        size_t len = strcspn(text, "\n");
        size_t shown = len > 0 && text[len - 1] == '\r' ? len - 1 : len;
        cnc__xml_printf(out, "<value>%.*s</value>", (int)shown, text);
        text += len + 1;
    }
    cnc__xml_printf(out, "<value>%s</value>", text);
}

static void
write_values(struct cnc__str *out, const struct cnc__tr *tr,
             const struct cnc_field *f, const struct cnc__values *v)
{
    const char *text = v == NULL ? NULL : cnc__values_get(v, f->name, 0);
    if (f->kind == CNC_FIELD_SECRET) {
        return; /* nobody is shown it again, not even who typed it */
    }
    if (f->kind == CNC_FIELD_FILE && v != NULL &&
        cnc__values_n_errors(v) > 0) {
        return; /* it is not kept: it has to be chosen again */
    }
    bool ours = v == NULL || f->kind == CNC_FIELD_FIXED ||
                (f->kind == CNC_FIELD_HIDDEN && text == NULL);
    if (ours) {
        if (f->value != NULL) {
            write_value(out, f,
                        f->kind == CNC_FIELD_FIXED ? cnc__tr(tr, f->value)
                                                   : f->value);
        }
        return;
    }
    for (size_t i = 0; (text = cnc__values_get(v, f->name, i)) != NULL; i++) {
        write_value(out, f, text);
    }
}

static void
write_error(struct cnc__str *out, const struct cnc__tr *tr, const char *error)
{
    if (error != NULL) {
        char *said = cnc__tr_sentence(tr, error);
        cnc__xml_printf(out, "<error xmlns=\"" CNC__NS_FORM "\">%s</error>",
                        said);
        cnc__free(said);
    }
}

static void
write_field(struct cnc__str *out, const struct cnc__tr *tr,
            struct cnc__pubsub *ps, const struct cnc_field *f,
            const struct cnc__values *v)
{
    struct cnc__str items = CNC__STR;
    bool listed = f->kind == CNC_FIELD_REF && ps != NULL &&
                  cnc__ref_options(&items, ps, f);
    cnc__xml_printf(out, "<field var=\"%s\" type=\"%s\"", f->name,
                    listed ? "list-single" : kinds[f->kind].type);
    if (f->kind != CNC_FIELD_HIDDEN) {
        cnc__xml_printf(out, " label=\"%s\"",
                        cnc__tr(tr, cnc__field_label(f)));
    }
    cnc__str_putc(out, '>');
    if (f->help != NULL) {
        cnc__xml_printf(out, "<desc>%s</desc>", cnc__tr(tr, f->help));
    }
    if (f->required) {
        cnc__str_puts(out, "<required/>");
    }
    write_values(out, tr, f, v);
    /* Those of a file are no choices. */
    for (const struct cnc_option *o = f->kind == CNC_FIELD_FILE ? NULL
                                                                : f->options;
         o != NULL && o->value != NULL; o++) {
        cnc__xml_printf(out,
                        "<option label=\"%s\"><value>%s</value>"
                        "</option>",
                        cnc__tr(tr, o->label != NULL ? o->label : o->value),
                        o->value);
    }
    cnc__str_add(out, items.data, items.len);
    cnc__str_fini(&items);
    write_validate(out, f);
    write_error(out, tr, v == NULL ? NULL : cnc__values_error(v, f->name));
    cnc__str_puts(out, "</field>");
}

void
cnc__form_write(struct cnc__str *out, const struct cnc_record *r,
                const char *title, const char *item_id,
                const struct cnc__values *v)
{
    cnc__form_write_in(out, NULL, r, title, NULL, item_id, v);
}

void
cnc__form_write_in(struct cnc__str *out, struct cnc__pubsub *ps,
                   const struct cnc_record *r, const char *title,
                   const char *help, const char *item_id,
                   const struct cnc__values *v)
{
    cnc__form_write_tr(out, NULL, ps, r, title, help, item_id, v);
}

void
cnc__form_write_tr(struct cnc__str *out, const struct cnc__tr *tr,
                   struct cnc__pubsub *ps, const struct cnc_record *r,
                   const char *title, const char *help, const char *item_id,
                   const struct cnc__values *v)
{
    cnc__str_puts(out, "<x xmlns=\"" CNC__NS_DATA "\" type=\"form\">");
    if (title != NULL) {
        cnc__xml_printf(out, "<title>%s</title>", cnc__tr(tr, title));
    }
    if (help != NULL) {
        cnc__xml_printf(out, "<instructions>%s</instructions>",
                        cnc__tr(tr, help));
    }
    if (item_id != NULL) {
        cnc__xml_printf(out,
                        "<field var=\"" CNC__FORM_ID "\" type=\"hidden\">"
                        "<value>%s</value></field>",
                        item_id);
    }
    for (const struct cnc_field *f = r->fields; f->name != NULL; f++) {
        if (f->compute == NULL) {
            write_field(out, tr, ps, f, v);
        }
    }
    write_error(out, tr, v == NULL ? NULL : cnc__values_error(v, NULL));
    cnc__str_puts(out, "</x>");
}
