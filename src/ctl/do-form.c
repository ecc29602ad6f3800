/* SPDX-License-Identifier: MIT */
/*
 * do-form.c -- a command's form (XEP-0004) in a terminal.
 */
#include <stdio.h>
#include <unistd.h>

#include "../xml/write.h"
#include "do.h"

#define NS_VALIDATE "http://jabber.org/protocol/xdata-validate"

/* -- values --------------------------------------------------------------- */

static void
forget(struct do_field *f)
{
    for (size_t i = 0; i < f->n_values; i++) {
        explicit_bzero(f->values[i], strlen(f->values[i]));
        cnc__free(f->values[i]);
    }
    f->n_values = 0;
}

static void
add_value(struct do_field *f, const char *text, size_t len)
{
    f->values =
        cnc__grow(f->values, f->n_values, &f->cap_values, sizeof(*f->values));
    f->values[f->n_values++] = cnc__strndup(text, len);
}

static bool
is(const struct do_field *f, const char *type)
{
    return strcmp(f->type, type) == 0;
}

static bool
takes_many(const struct do_field *f)
{
    return is(f, "text-multi") || is(f, "list-multi") || is(f, "jid-multi");
}

/* A value each line, where many are taken. */
static void
add_text(struct do_field *f, const char *text, size_t len)
{
    const char *end = text + len, *line;

    while (takes_many(f) && (line = memchr(text, '\n', len)) != NULL) {
        add_value(f, text, (size_t)(line - text));
        text = line + 1;
        len = (size_t)(end - text);
    }
    add_value(f, text, len);
}

/* -- reading it ----------------------------------------------------------- */

static const char *
attr_of(const struct cnc_element *e, const char *name, const char *none)
{
    const char *s = cnc_element_attr(e, NULL, name);

    return s == NULL ? none : s;
}

static void
read_field(struct do_field *f, const struct cnc_element *e)
{
    struct cnc_element *value;

    f->field = e;
    f->var = attr_of(e, "var", "");
    f->label = attr_of(e, "label", f->var);
    f->type = attr_of(e, "type", "text-single");
    f->help = cnc_element_child_text(e, NS_DATA, "desc");
    f->required = cnc_element_child(e, NS_DATA, "required") != NULL;
    for (size_t i = 0;
         (value = cnc_element_next(e, &i, NS_DATA, "value")) != NULL;) {
        const char *text = cnc_element_text(value);

        add_value(f, text, strlen(text));
    }
}

void
do_form_read(struct do_form *f, struct cnc_element *reply,
             const struct cnc_element *x)
{
    struct cnc_element *e;
    size_t cap = 0;

    f->reply = reply;
    f->title = cnc_element_child_text(x, NS_DATA, "title");
    f->help = cnc_element_child_text(x, NS_DATA, "instructions");
    for (size_t i = 0;
         (e = cnc_element_next(x, &i, NS_DATA, "field")) != NULL;) {
        f->fields =
            cnc__grow(f->fields, f->n_fields, &cap, sizeof(*f->fields));
        f->fields[f->n_fields] = (struct do_field){0};
        read_field(&f->fields[f->n_fields++], e);
    }
}

void
do_form_fini(struct do_form *f)
{
    for (size_t i = 0; i < f->n_fields; i++) {
        forget(&f->fields[i]);
        cnc__free(f->fields[i].values);
    }
    cnc__free(f->fields);
    cnc_element_unref(&f->reply);
    *f = (struct do_form){0};
}

/* -- showing it ----------------------------------------------------------- */

static const char *
kind_of(const struct do_field *f)
{
    static const struct {
        const char *datatype, *words;
    } kinds[] = {{"xs:integer", "a whole number"},
                 {"xs:decimal", "a number"},
                 {"xs:date", "a day, 2026-01-31"},
                 {"xs:dateTime", "a moment, 2026-01-31T12:00:00Z"},
                 {"xs:anyURI", "an address"}};
    const struct cnc_element *v =
        cnc_element_child(f->field, NS_VALIDATE, "validate");
    const char *datatype = v == NULL ? "" : attr_of(v, "datatype", "");

    for (size_t i = 0; i < CNC_N(kinds); i++) {
        if (strcmp(datatype, kinds[i].datatype) == 0) {
            return kinds[i].words;
        }
    }
    return is(f, "boolean")        ? "true or false"
           : is(f, "text-multi")   ? "a text of many lines"
           : is(f, "text-private") ? "a secret"
           : is(f, "jid-single")   ? "a Jabber ID"
           : is(f, "jid-multi")    ? "Jabber IDs"
           : is(f, "list-single")  ? "one of"
           : is(f, "list-multi")   ? "some of"
                                   : "a text";
}

static void
show_options(const struct do_field *f, FILE *out)
{
    struct cnc_element *option;
    size_t n = 0;

    for (size_t i = 0;
         (option = cnc_element_next(f->field, &i, NS_DATA, "option"));) {
        fprintf(out, "%s%s", n++ == 0 ? " " : ", ",
                cnc_element_child_text(option, NS_DATA, "value"));
    }
}

static void
show_range(const struct do_field *f, FILE *out)
{
    const struct cnc_element *range =
        cnc_element_child(cnc_element_child(f->field, NS_VALIDATE, "validate"),
                          NS_VALIDATE, "range");

    if (range != NULL) {
        fprintf(out, ", %s to %s", attr_of(range, "min", "anything"),
                attr_of(range, "max", "anything"));
    }
}

static bool
is_shown(const struct do_field *f)
{
    return !is(f, "hidden") && !is(f, "fixed");
}

void
do_form_show(const struct do_form *form)
{
    for (size_t i = 0; i < form->n_fields; i++) {
        const struct do_field *f = &form->fields[i];

        if (is(f, "fixed") && f->n_values > 0) {
            printf("  %s\n", f->values[0]);
        }
        if (!is_shown(f)) {
            continue;
        }
        printf("  %-18s %s: %s", f->var, f->label, kind_of(f));
        show_options(f, stdout);
        show_range(f, stdout);
        if (f->n_values > 0 && f->values[0][0] != '\0') {
            printf(" [%s]", f->values[0]);
        }
        printf("%s\n", f->required ? " (needed)" : "");
        if (f->help[0] != '\0') {
            printf("  %-18s %s\n", "", f->help);
        }
    }
}

/* -- what the command line says ------------------------------------------- */

static struct do_field *
find(struct do_form *form, const char *name, size_t len)
{
    for (size_t i = 0; i < form->n_fields; i++) {
        struct do_field *f = &form->fields[i];

        if (!is(f, "fixed") && strlen(f->var) == len &&
            memcmp(f->var, name, len) == 0) {
            return f;
        }
    }
    return NULL;
}

static int
unknown(const struct do_form *form, const char *name)
{
    const char **names = cnc__zalloc((form->n_fields + 1) * sizeof(*names));
    struct cnc__str near = CNC__STR;
    size_t n = 0;
    int status;

    for (size_t i = 0; i < form->n_fields; i++) {
        if (is_shown(&form->fields[i])) {
            names[n++] = form->fields[i].var;
        }
    }
    do_near(&near, name, names, n);
    if (near.len == 0) {
        for (size_t i = 0; i < n; i++) {
            cnc__str_printf(&near, "%s%s", i == 0 ? " There are " : ", ",
                            names[i]);
        }
        cnc__str_puts(&near, n == 0 ? " It has none." : ".");
    }
    status = ctl_say(2, "there is no field %s.%s", name, near.data);
    cnc__str_fini(&near);
    cnc__free(names);
    return status;
}

/* A file ends with a line end that is not meant. */
static int
add_file(struct do_field *f, const char *path)
{
    size_t len;
    char *text = ctl_read(path, &len);

    if (text == NULL) {
        return 1;
    }
    if (strlen(text) != len) {
        explicit_bzero(text, len);
        cnc__free(text);
        return ctl_say(1, "%s is no text.", path);
    }
    if (len > 0 && text[len - 1] == '\n') {
        len--;
    }
    if (len > 0 && text[len - 1] == '\r') {
        len--;
    }
    add_text(f, text, len);
    explicit_bzero(text, strlen(text));
    cnc__free(text);
    return 0;
}

int
do_form_set(struct do_form *form, const char *word)
{
    const char *eq = strchr(word, '=');
    bool as_is = eq != NULL && eq > word && eq[-1] == ':';
    size_t len = eq == NULL ? 0 : (size_t)(eq - word) - as_is;
    struct do_field *f;
    char *name;
    int status;

    if (eq == NULL || len == 0) {
        return ctl_say(2, "%s is no FIELD=VALUE.", word);
    }
    f = find(form, word, len);
    if (f == NULL) {
        name = cnc__strndup(word, len);
        status = unknown(form, name);
        cnc__free(name);
        return status;
    }
    if (!f->given) {
        forget(f); /* the default */
    } else if (!takes_many(f)) {
        return ctl_say(2, "%s takes one value.", f->var);
    }
    f->given = true;
    if (!as_is && strcmp(eq + 1, "-") == 0) {
        return add_file(f, "-");
    }
    if (!as_is && eq[1] == '@') {
        return add_file(f, eq + 2);
    }
    add_text(f, eq + 1, strlen(eq + 1));
    return 0;
}

/* -- what the person says ------------------------------------------------- */

struct do_field *
do_form_missing(struct do_form *form)
{
    for (size_t i = 0; i < form->n_fields; i++) {
        struct do_field *f = &form->fields[i];

        if (f->required && is_shown(f) &&
            (f->n_values == 0 || f->values[0][0] == '\0')) {
            return f;
        }
    }
    return NULL;
}

/* *new*, without its end; NULL at the end of input. */
static char *
read_line(void)
{
    struct cnc__str s = CNC__STR;
    int c;

    while ((c = fgetc(stdin)) != EOF && c != '\n') {
        cnc__str_putc(&s, (char)c);
    }
    if (c == EOF && s.len == 0) {
        return NULL;
    }
    return s.data == NULL ? cnc__strdup("") : cnc__str_steal(&s);
}

/* Lines up to an empty one. */
static int
ask_lines(struct do_field *f)
{
    char *line = NULL;

    fprintf(stderr, "%s, each on a line, then an empty one:\n", f->label);
    while ((line = read_line()) != NULL && line[0] != '\0') {
        add_value(f, line, strlen(line));
        cnc__free(line);
    }
    cnc__free(line);
    return f->n_values == 0 ? 1 : 0;
}

int
do_form_ask(struct do_field *f)
{
    char *line, prompt[300];

    forget(f);
    f->given = true;
    if (f->help[0] != '\0') {
        fprintf(stderr, "%s\n", f->help);
    }
    if (takes_many(f)) {
        return ask_lines(f);
    }
    if (is(f, "text-private")) {
        snprintf(prompt, sizeof(prompt), "%s: ", f->label);
        line = ctl_secret(prompt);
    } else {
        fprintf(stderr, "%s (%s", f->label, kind_of(f));
        show_options(f, stderr);
        show_range(f, stderr);
        fputs("): ", stderr);
        line = read_line();
    }
    if (line == NULL) {
        return ctl_say(1, "%s was not given.", f->var);
    }
    add_value(f, line, strlen(line));
    explicit_bzero(line, strlen(line));
    cnc__free(line);
    return 0;
}

void
do_form_write(struct cnc__str *out, const struct do_form *form)
{
    cnc__str_puts(out, "<x xmlns='" NS_DATA "' type='submit'>");
    for (size_t i = 0; i < form->n_fields; i++) {
        const struct do_field *f = &form->fields[i];

        if (is(f, "fixed") || f->n_values == 0) {
            continue;
        }
        cnc__xml_printf(out, "<field var='%s' type='%s'>", f->var, f->type);
        for (size_t k = 0; k < f->n_values; k++) {
            cnc__xml_printf(out, "<value>%s</value>", f->values[k]);
        }
        cnc__str_puts(out, "</field>");
    }
    cnc__str_puts(out, "</x>");
}
