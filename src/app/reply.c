/* SPDX-License-Identifier: MIT */
/*
 * reply.c -- what a command's handler says: see concordance/app.h.
 */
#include <stdio.h>

#include "../xml/write.h"
#include "private.h"

/* NULL, and a line in the log, in a handler that is no command's. */
static struct cnc__answer *
answer_of(struct cnc_request *r, const char *call)
{
    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    if (r->answer == NULL) {
        cnc__log(CNC_LOG_WARN, "app.misuse",
                 "app=%s %s() is for the handlers of commands", r->app_name,
                 call);
    }
    return r->answer;
}

struct cnc_element *
cnc_form(const struct cnc_request *r)
{
    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return r->form;
}

static void
print_text(struct cnc__str *out, const char *fmt, va_list ap)
{
    cnc__str_clear(out);
    cnc__str_vprintf(out, fmt, ap);
}

void
cnc_note(struct cnc_request *r, const char *fmt, ...)
{
    struct cnc__answer *a = answer_of(r, "cnc_note");
    va_list ap;

    va_start(ap, fmt);
    if (a != NULL) {
        print_text(&a->note, fmt, ap);
    }
    va_end(ap);
}

void
cnc_see(struct cnc_request *r, const char *path)
{
    struct cnc__answer *a = answer_of(r, "cnc_see");

    if (a != NULL) {
        cnc__free(a->see);
        a->see = cnc__strdup(path);
    }
}

/* -- a table -------------------------------------------------------------- */

static struct cnc__answer_column *
find_column(struct cnc__answer *a, const char *name)
{
    for (size_t i = 0; i < a->n_columns; i++) {
        if (strcmp(a->columns[i].name, name) == 0) {
            return &a->columns[i];
        }
    }
    return NULL;
}

/* The rows that are written have as many cells as there were columns. */
static struct cnc__answer_column *
add_column(struct cnc_request *r, const char *name, const char *label)
{
    struct cnc__answer *a = r->answer;
    struct cnc__answer_column *c;

    if (a->n_columns == CNC__ANSWER_COLUMNS || a->n_rows > 0) {
        cnc__log(CNC_LOG_WARN, "app.misuse",
                 "app=%s column=%s is left out: columns come before rows, "
                 "at most %d",
                 r->app_name, name, CNC__ANSWER_COLUMNS);
        return NULL;
    }
    c = &a->columns[a->n_columns++];
    c->name = cnc__strdup(name);
    c->label = cnc__strdup(label == NULL ? name : label);
    return c;
}

void
cnc_column(struct cnc_request *r, const char *name, const char *label)
{
    struct cnc__answer *a = answer_of(r, "cnc_column");

    if (a != NULL && find_column(a, name) == NULL) {
        add_column(r, name, label);
    }
}

void
cnc_cell(struct cnc_request *r, const char *name, const char *fmt, ...)
{
    struct cnc__answer *a = answer_of(r, "cnc_cell");
    struct cnc__answer_column *c = NULL;
    va_list ap;

    if (a != NULL && (c = find_column(a, name)) == NULL) {
        c = add_column(r, name, NULL);
    }
    va_start(ap, fmt);
    if (c != NULL) {
        print_text(&c->cell, fmt, ap);
    }
    va_end(ap);
}

static void
write_field(struct cnc__str *out, const char *name, const char *text)
{
    cnc__xml_printf(out, "<field var='%s'><value>%s</value></field>", name,
                    text);
}

void
cnc_row(struct cnc_request *r)
{
    struct cnc__answer *a = answer_of(r, "cnc_row");

    if (a == NULL || a->n_columns == 0) {
        return;
    }
    a->n_rows++;
    if (a->rows.len > CNC__ANSWER_BYTES) {
        a->n_left_out++;
    } else {
        cnc__str_puts(&a->rows, "<item>");
        for (size_t i = 0; i < a->n_columns; i++) {
            write_field(&a->rows, a->columns[i].name,
                        cnc__str_c(&a->columns[i].cell));
        }
        cnc__str_puts(&a->rows, "</item>");
    }
    for (size_t i = 0; i < a->n_columns; i++) {
        cnc__str_clear(&a->columns[i].cell);
    }
}

/* -- values --------------------------------------------------------------- */

/* XEP-0004 3.3: a text of many lines is a text-multi, a value each. */
static void
write_lines(struct cnc__str *out, const char *text)
{
    for (;;) {
        size_t len = strcspn(text, "\n");

        cnc__xml_printf(out, "<value>%.*s</value>", (int)len, text);
        if (text[len] == '\0') {
            return;
        }
        text += len + 1;
    }
}

void
cnc_value(struct cnc_request *r, const char *name, const char *label,
          const char *fmt, ...)
{
    struct cnc__answer *a = answer_of(r, "cnc_value");
    struct cnc__str text = CNC__STR;
    va_list ap;

    va_start(ap, fmt);
    cnc__str_vprintf(&text, fmt, ap);
    va_end(ap);
    if (a != NULL && a->values.len > CNC__ANSWER_BYTES) {
        a->n_left_out++;
    } else if (a != NULL) {
        bool lines = strchr(cnc__str_c(&text), '\n') != NULL;

        cnc__xml_printf(&a->values, "<field var='%s' label='%s' type='%s'>",
                        name, label == NULL ? name : label,
                        lines ? "text-multi" : "text-single");
        write_lines(&a->values, cnc__str_c(&text));
        cnc__str_puts(&a->values, "</field>");
    }
    cnc__str_fini(&text);
}

/* -- all of it ------------------------------------------------------------ */

void
cnc__answer_write(struct cnc__str *out, const struct cnc__answer *a,
                  const struct cnc__tr *tr, const char *title)
{
    if (a->n_columns == 0 && a->values.len == 0) {
        return;
    }
    cnc__xml_printf(
        out, "<x xmlns='jabber:x:data' type='result'><title>%s</title>%pR",
        cnc__tr(tr, title), cnc__str_c(&a->values));
    if (a->n_columns > 0) {
        cnc__str_puts(out, "<reported>");
        for (size_t i = 0; i < a->n_columns; i++) {
            cnc__xml_printf(out, "<field var='%s' label='%s'/>",
                            a->columns[i].name,
                            cnc__tr(tr, a->columns[i].label));
        }
        cnc__str_puts(out, "</reported>");
        cnc__str_add(out, cnc__str_c(&a->rows), a->rows.len);
    }
    cnc__str_puts(out, "</x>");
}

void
cnc__answer_note(struct cnc__str *out, const struct cnc__answer *a)
{
    cnc__str_add(out, cnc__str_c(&a->note), a->note.len);
    if (a->n_left_out > 0) {
        cnc__str_printf(out, "%s%zu more do not fit in an answer.",
                        out->len > 0 ? " " : "", a->n_left_out);
    }
}

void
cnc__answer_fini(struct cnc__answer *a)
{
    for (size_t i = 0; i < a->n_columns; i++) {
        cnc__free(a->columns[i].name);
        cnc__free(a->columns[i].label);
        cnc__str_fini(&a->columns[i].cell);
    }
    cnc__str_fini(&a->note);
    cnc__str_fini(&a->values);
    cnc__str_fini(&a->rows);
    cnc__free(a->see);
}
