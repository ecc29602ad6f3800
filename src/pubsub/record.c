/* SPDX-License-Identifier: MIT */
/*
 * record.c -- what was typed becomes a record; a record is judged.
 */
#include <concordance/xml.h>

#include "../base/text.h"
#include "../xml/write.h"
#include "formimpl.h"

#define MAX_FIELDS   128
#define MAX_COMPUTED 4096 /* bytes of a computed field */

/* -- the declaration ------------------------------------------------------ */

const struct cnc_field *
cnc__record_field(const struct cnc_record *r, const char *name)
{
    for (const struct cnc_field *f = r->fields; f->name != NULL; f++) {
        if (strcmp(f->name, name) == 0) {
            return f;
        }
    }
    return NULL;
}

/* The tree knows what an NCName is. */
static bool
is_name(const char *name)
{
    struct cnc_element *e = NULL;
    bool right = name != NULL && cnc_element_new(&e, NULL, name, NULL) == 0;
    cnc_element_unref(&e);
    return right;
}

static int
wrong(struct cnc_error *err, const struct cnc_record *r,
      const struct cnc_field *f, const char *what)
{
    return cnc_error_set(err, CNC_EINVAL, NULL,
                         "record \"%s\", field \"%s\""
                         ": %s",
                         r->name, f->name, what);
}

static bool
has_range(enum cnc_field_kind kind)
{
    return kind == CNC_FIELD_INTEGER || kind == CNC_FIELD_DECIMAL ||
           kind == CNC_FIELD_DATE || kind == CNC_FIELD_DATETIME;
}

static int
check_options(const struct cnc_record *r, const struct cnc_field *f,
              struct cnc_error *err)
{
    bool list = f->kind == CNC_FIELD_LIST || f->kind == CNC_FIELD_MULTI;
    if (f->kind == CNC_FIELD_FILE) {
        for (const struct cnc_option *o = f->options;
             o != NULL && o->value != NULL; o++) {
            if (!cnc__file_place_valid(o->value)) {
                return wrong(err, r, f,
                             "an option of a file is no place such as "
                             "https://pictures.example/");
            }
        }
        return 0;
    }
    if (!list) {
        return f->options == NULL
                   ? 0
                   : wrong(err, r, f, "only lists have options");
    }
    if (f->options == NULL || f->options->value == NULL) {
        return wrong(err, r, f, "a list needs options");
    }
    for (const struct cnc_option *o = f->options; o->value != NULL; o++) {
        if (cnc__value_blank(o->value)) {
            return wrong(err, r, f, "an option's value is empty");
        }
        for (const struct cnc_option *p = f->options; p != o; p++) {
            if (strcmp(p->value, o->value) == 0) {
                return wrong(err, r, f, "two options have the same value");
            }
        }
    }
    return 0;
}

static int
check_field(const struct cnc_record *r, const struct cnc_field *f,
            struct cnc_error *err)
{
    if (!is_name(f->name)) {
        return wrong(err, r, f, "the name must be an XML name without colon");
    }
    if (cnc__record_field(r, f->name) != f) {
        return wrong(err, r, f, "another field has the same name");
    }
    if (f->was != NULL &&
        (!is_name(f->was) || cnc__record_field(r, f->was) != NULL)) {
        return wrong(err, r, f,
                     "was is the name that it had, which no field has now");
    }
    if ((unsigned)f->kind > CNC_FIELD_FILE) {
        return wrong(err, r, f, "there is no such kind");
    }
    if (f->max_len != 0 && f->min_len > f->max_len) {
        return wrong(err, r, f, "min_len is more than max_len");
    }
    if ((f->min != NULL || f->max != NULL) && !has_range(f->kind)) {
        return wrong(err, r, f, "this kind has no min and max");
    }
    if (f->min != NULL && !cnc__field_lexical(f, f->min)) {
        return wrong(err, r, f, "min is not of the field's kind");
    }
    if (f->max != NULL && !cnc__field_lexical(f, f->max)) {
        return wrong(err, r, f, "max is not of the field's kind");
    }
    if (f->kind == CNC_FIELD_SECRET && f->value != NULL) {
        return wrong(err, r, f, "a secret has no default");
    }
    if (f->kind == CNC_FIELD_FIXED && f->required) {
        return wrong(err, r, f, "fixed text cannot be required");
    }
    if ((f->kind == CNC_FIELD_REF) != (f->node != NULL)) {
        return wrong(err, r, f,
                     f->node == NULL ? "a reference names its node"
                                     : "only a reference names a node");
    }
    if (f->compute != NULL &&
        (f->kind == CNC_FIELD_FIXED || f->kind == CNC_FIELD_MULTI ||
         f->kind == CNC_FIELD_SECRET || f->value != NULL)) {
        return wrong(err, r, f, "a field of this kind is not computed");
    }
    int rc = check_options(r, f, err);
    if (rc != 0) {
        return rc;
    }
    struct cnc_error why;
    if (f->match != NULL && cnc__pattern_check(f->match, &why) != 0) {
        return wrong(err, r, f, why.text);
    }
    if (f->value != NULL && f->kind != CNC_FIELD_FIXED &&
        cnc__field_check(f, f->value, &why) != 0) {
        return wrong(err, r, f, "the default breaks the field's own rules");
    }
    return 0;
}

int
cnc__record_check(const struct cnc_record *r, struct cnc_error *err)
{
    if (!is_name(r->name)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "record \"%s\": the name must be an XML name "
                             "without colon",
                             r->name == NULL ? "" : r->name);
    }
    if (r->fields == NULL || r->fields->name == NULL) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "record \"%s\" has no fields", r->name);
    }
    size_t n = 0;
    for (const struct cnc_field *f = r->fields; f->name != NULL; f++) {
        int rc = check_field(r, f, err);
        if (rc != 0) {
            return rc;
        }
        if (++n > MAX_FIELDS) {
            return cnc_error_set(err, CNC_EINVAL, NULL,
                                 "record \"%s\" has more than %d fields",
                                 r->name, MAX_FIELDS);
        }
    }
    return 0;
}

/* -- values -> record ----------------------------------------------------- */

/* What was typed, brought to the form that is kept: blanks around a line go,
 * line ends are \n, a boolean is a word, a time has seconds and a zone. */
static void
normalize(struct cnc__str *out, enum cnc_field_kind kind, const char *s)
{
    size_t len = strlen(s);
    if (kind != CNC_FIELD_LINES && kind != CNC_FIELD_HIDDEN &&
        kind != CNC_FIELD_SECRET) {
        while (len > 0 && (*s == ' ' || *s == '\t')) {
            s++;
            len--;
        }
        while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\t')) {
            len--;
        }
    }
    size_t from = out->len;
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '\r' && kind == CNC_FIELD_LINES) {
            if (s[i + 1] != '\n') {
                cnc__str_putc(out, '\n');
            }
        } else {
            cnc__str_putc(out, s[i]);
        }
    }
    const char *text = cnc__str_c(out) + from;
    if (kind == CNC_FIELD_BOOLEAN && len == 1 &&
        (*text == '0' || *text == '1')) {
        const char *word = *text == '1' ? "true" : "false";
        out->len = from;
        cnc__str_puts(out, word);
    } else if (kind == CNC_FIELD_DATETIME && len >= 16 && text[10] == 'T') {
        /* A browser's datetime-local says neither seconds nor zone. */
        if (len == 16) {
            cnc__str_puts(out, ":00");
        }
        if (strpbrk(out->data + from + 11, "Z+-") == NULL) {
            cnc__str_putc(out, 'Z');
        }
    }
}

/* Check one value and write its element. */
static void
add_value(struct cnc__str *xml, const struct cnc_field *f,
          struct cnc__values *v, const char *text)
{
    struct cnc_error err;
    if (cnc__field_check(f, text, &err) != 0) {
        cnc__values_refuse(v, f->name, err.text);
        return;
    }
    cnc__xml_printf(xml, "<%s>%s</%s>", f->name, text, f->name);
}

/* All values of a list-multi, each once. */
static void
build_multi(struct cnc__str *xml, const struct cnc_field *f,
            struct cnc__values *v)
{
    size_t n = 0;
    const struct cnc__value *one, *other;
    for (size_t i = 0; (one = cnc__values_at(v, i)) != NULL; i++) {
        if (strcmp(one->name, f->name) != 0 || cnc__value_blank(one->text)) {
            continue;
        }
        bool again = false;
        for (size_t k = 0; k < i && !again; k++) {
            other = cnc__values_at(v, k);
            again = strcmp(other->name, f->name) == 0 &&
                    strcmp(other->text, one->text) == 0;
        }
        if (!again) {
            add_value(xml, f, v, one->text);
            n++;
        }
    }
    struct cnc_error err;
    if (n == 0 && f->required) {
        cnc__field_needed(f, &err);
        cnc__values_refuse(v, f->name, err.text);
    }
}

static void
build_field(struct cnc__str *xml, const struct cnc_field *f,
            struct cnc__values *v)
{
    if (f->kind == CNC_FIELD_FIXED || f->compute != NULL) {
        return;
    }
    if (f->kind == CNC_FIELD_MULTI) {
        build_multi(xml, f, v);
        return;
    }
    struct cnc__str text = CNC__STR;
    const char *one;
    for (size_t i = 0; (one = cnc__values_get(v, f->name, i)) != NULL; i++) {
        if (i > 0 && f->kind != CNC_FIELD_LINES) {
            struct cnc_error err;
            cnc_error_set(&err, CNC_EREFUSED, NULL, "%s takes one value.",
                          cnc__field_label(f));
            cnc__values_refuse(v, f->name, err.text);
            break;
        }
        if (i > 0) {
            cnc__str_putc(&text, '\n');
        }
        normalize(&text, f->kind, one);
    }
    if (text.len == 0 && f->kind == CNC_FIELD_HIDDEN && f->value != NULL) {
        cnc__str_puts(&text, f->value);
    }
    if (!cnc__value_blank(cnc__str_c(&text))) {
        add_value(xml, f, v, text.data);
    } else if (f->required) {
        struct cnc_error err;
        cnc__field_needed(f, &err);
        cnc__values_refuse(v, f->name, err.text);
    }
    if (text.data != NULL) {
        explicit_bzero(text.data, text.len);
    }
    cnc__str_fini(&text);
}

static void
refuse_unknown(const struct cnc_record *r, struct cnc__values *v)
{
    const struct cnc__value *one;
    for (size_t i = 0; (one = cnc__values_at(v, i)) != NULL; i++) {
        const struct cnc_field *f = cnc__record_field(r, one->name);
        if (strcmp(one->name, CNC__FORM_ID) != 0 &&
            strcmp(one->name, "FORM_TYPE") != 0 &&
            (f == NULL || f->compute != NULL)) {
            struct cnc_error err;
            cnc_error_set(&err, CNC_EREFUSED, NULL,
                          "The form has no field \"%.64s\".", one->name);
            cnc__values_refuse(v, NULL, err.text);
        }
    }
}

/* -- computed fields ------------------------------------------------------ */

static bool
has_computed(const struct cnc_record *r)
{
    const struct cnc_field *f = r->fields;
    while (f->name != NULL && f->compute == NULL) {
        f++;
    }
    return f->name != NULL;
}

/* The record without them, open for more, into xml; and as an element. */
static int
strip(struct cnc_element **out, struct cnc__str *xml,
      const struct cnc_record *r, const char *xmlns,
      const struct cnc_element *e, struct cnc_error *err)
{
    const struct cnc_element *c;
    cnc__xml_printf(xml, "<%s xmlns=\"%s\">", r->name, xmlns);
    for (size_t i = 0; (c = cnc_element_next(e, &i, xmlns, NULL)) != NULL;) {
        const char *name = cnc_element_name(c);
        const struct cnc_field *f = cnc__record_field(r, name);
        if (f == NULL || f->compute == NULL) {
            cnc__xml_printf(xml, "<%s>%s</%s>", name, cnc_element_text(c),
                            name);
        }
    }
    size_t len = xml->len;
    cnc__xml_printf(xml, "</%s>", r->name);
    int rc = cnc_xml_parse(out, xml->data, xml->len, 0, NULL, err);
    xml->len = len;
    return rc;
}

/* What f is, of a record without computed fields. */
static int
compute(char text[MAX_COMPUTED], const struct cnc_field *f,
        const struct cnc_element *stripped, struct cnc_error *err)
{
    text[0] = '\0';
    int rc = f->compute(stripped, text, MAX_COMPUTED, f->priv);
    text[MAX_COMPUTED - 1] = '\0';
    if (rc != 0) {
        return cnc_error_set(err, CNC_EREFUSED, "not-acceptable",
                             "%s cannot be made of this.",
                             cnc__field_label(f));
    }
    return cnc__value_blank(text) ? 0 : cnc__field_check(f, text, err);
}

int
cnc__record_compute(struct cnc_element **out, const struct cnc_record *r,
                    const char *xmlns, const struct cnc_element *e,
                    struct cnc_error *err)
{
    if (!has_computed(r) || !cnc_element_is(e, xmlns, r->name)) {
        *out = cnc_element_is_frozen(e) ? cnc_element_ref(e)
                                        : cnc_element_freeze(e);
        return 0;
    }
    struct cnc__str xml = CNC__STR;
    struct cnc_element *stripped = NULL;
    char text[MAX_COMPUTED];
    int rc = strip(&stripped, &xml, r, xmlns, e, err);
    for (const struct cnc_field *f = r->fields; rc == 0 && f->name != NULL;
         f++) {
        rc = f->compute == NULL ? 0 : compute(text, f, stripped, err);
        if (rc == 0 && f->compute != NULL && !cnc__value_blank(text)) {
            cnc__xml_printf(&xml, "<%s>%s</%s>", f->name, text, f->name);
        }
    }
    cnc__xml_printf(&xml, "</%s>", r->name);
    if (rc == 0) {
        rc = cnc_xml_parse(out, xml.data, xml.len, 0, NULL, err);
    }
    cnc_element_unref(&stripped);
    cnc__str_fini(&xml);
    return rc;
}

/* A record from elsewhere has them right. */
static int
check_computed(const struct cnc_record *r, const char *xmlns,
               const struct cnc_element *e, struct cnc_error *err)
{
    if (!has_computed(r)) {
        return 0;
    }
    struct cnc_element *whole = NULL;
    int rc = cnc__record_compute(&whole, r, xmlns, e, err);
    for (const struct cnc_field *f = r->fields; rc == 0 && f->name != NULL;
         f++) {
        const char *text = f->compute == NULL
                               ? NULL
                               : cnc_element_child_text(whole, xmlns, f->name);
        if (text != NULL &&
            strcmp(cnc_element_child_text(e, xmlns, f->name), text) != 0) {
            rc = cnc_error_set(err, CNC_EREFUSED, "not-acceptable",
                               "%s is made from the rest of the record: "
                               "\"%.100s\".",
                               cnc__field_label(f), text);
        }
    }
    cnc_element_unref(&whole);
    return rc;
}

/* The record that was built, with them. */
static int
add_computed(struct cnc_element **out, const struct cnc_record *r,
             const char *xmlns, struct cnc__values *v)
{
    struct cnc_element *whole = NULL;
    struct cnc_error err;
    if (!has_computed(r)) {
        return 0;
    }
    int rc = cnc__record_compute(&whole, r, xmlns, *out, &err);
    cnc_element_unref(out);
    *out = whole;
    if (rc != 0) {
        cnc__values_refuse(v, NULL, err.text);
        rc = CNC_EREFUSED;
    }
    return rc;
}

int
cnc__record_build(struct cnc_element **out, const struct cnc_record *r,
                  const char *xmlns, struct cnc__values *v)
{
    struct cnc__str xml = CNC__STR;
    cnc__xml_printf(&xml, "<%s xmlns=\"%s\">", r->name, xmlns);
    for (const struct cnc_field *f = r->fields; f->name != NULL; f++) {
        build_field(&xml, f, v);
    }
    cnc__xml_printf(&xml, "</%s>", r->name);
    refuse_unknown(r, v);
    int rc = CNC_EREFUSED;
    if (cnc__values_n_errors(v) == 0) {
        struct cnc_error err;
        rc = cnc_xml_parse(out, xml.data, xml.len, 0, NULL, &err);
        if (rc != 0) { /* a limit of the tree, never a shape of ours */
            cnc__values_refuse(v, NULL, "The form holds too much.");
            rc = CNC_EREFUSED;
        } else {
            rc = add_computed(out, r, xmlns, v);
        }
    }
    explicit_bzero(xml.data, xml.len);
    cnc__str_fini(&xml);
    return rc;
}

/* -- a record from elsewhere ---------------------------------------------- */

static int
refuse(struct cnc_error *err, const char *fmt, const char *name)
{
    return cnc_error_set(err, CNC_EREFUSED, "not-acceptable", fmt, name);
}

static int
accept_child(const struct cnc_record *r, const char *xmlns,
             const struct cnc_element *e, const struct cnc_element *c,
             struct cnc_error *err)
{
    const char *name = cnc_element_name(c);
    const struct cnc_field *f =
        cnc_element_is(c, xmlns, NULL) ? cnc__record_field(r, name) : NULL;
    if (f == NULL || f->kind == CNC_FIELD_FIXED) {
        return refuse(err, "The record has no field \"%.64s\".", name);
    }
    if (cnc_element_n_attrs(c) > 0) {
        return refuse(err, "%s must have no attributes.", cnc__field_label(f));
    }
    if (cnc_element_child(c, NULL, NULL) != NULL) {
        return refuse(err, "%s must be text alone.", cnc__field_label(f));
    }
    struct cnc_element *other;
    for (size_t i = 0;
         (other = cnc_element_next(e, &i, xmlns, name)) != NULL &&
         other != c;) {
        if (f->kind != CNC_FIELD_MULTI) {
            return refuse(err, "%s takes one value.", cnc__field_label(f));
        }
        if (strcmp(cnc_element_text(other), cnc_element_text(c)) == 0) {
            return refuse(err, "%s has the same choice twice.",
                          cnc__field_label(f));
        }
    }
    const char *text = cnc_element_text(c);
    return cnc__value_blank(text) ? 0 : cnc__field_check(f, text, err);
}

int
cnc__record_accepts(const struct cnc_record *r, const char *xmlns,
                    const struct cnc_element *e, struct cnc_error *err)
{
    if (!cnc_element_is(e, xmlns, r->name)) {
        return cnc_error_set(err, CNC_EREFUSED, "not-acceptable",
                             "The record must be <%s xmlns=\"%s\">.", r->name,
                             xmlns);
    }
    if (cnc_element_n_attrs(e) > 0) {
        return refuse(err, "The record <%s> must have no attributes.",
                      r->name);
    }
    for (size_t i = 0; i < cnc_element_n_children(e); i++) {
        struct cnc_child c = cnc_element_child_at(e, i);
        int rc = 0;
        if (c.kind == CNC_TEXT) {
            if (!cnc__value_blank(c.text)) {
                rc = refuse(err,
                            "The record <%s> must have no text of its "
                            "own.",
                            r->name);
            }
        } else if (c.kind == CNC_ELEMENT) {
            rc = accept_child(r, xmlns, e, c.element, err);
        } else {
            rc = refuse(err, "The record <%s> must hold elements alone.",
                        r->name);
        }
        if (rc != 0) {
            return rc;
        }
    }
    for (const struct cnc_field *f = r->fields; f->name != NULL; f++) {
        if (f->required &&
            cnc__value_blank(cnc_element_child_text(e, xmlns, f->name))) {
            return cnc__field_needed(f, err);
        }
    }
    return check_computed(r, xmlns, e, err);
}
