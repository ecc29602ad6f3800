/* SPDX-License-Identifier: MIT */
/*
 * table.c -- what a command answers (XEP-0004 result) as aligned columns and
 * as JSON.
 */
#include <stdio.h>

#include "../base/text.h"
#include "ctl.h"

#define MAX_COLUMNS 64

struct column {
    const char *var, *label;
    size_t width;
};

const char *
ctl_value_of(const struct cnc_element *item, const char *var)
{
    struct cnc_element *f;

    for (size_t i = 0;
         (f = cnc_element_next(item, &i, NS_DATA, "field")) != NULL;) {
        const char *name = cnc_element_attr(f, NULL, "var");

        if (name != NULL && strcmp(name, var) == 0) {
            return cnc_element_child_text(f, NS_DATA, "value");
        }
    }
    return "";
}

static size_t
read_columns(struct column *columns, const struct cnc_element *x)
{
    const struct cnc_element *reported =
        cnc_element_child(x, NS_DATA, "reported");
    struct cnc_element *f;
    size_t n = 0;

    for (size_t i = 0; n < MAX_COLUMNS &&
                       (f = cnc_element_next(reported, &i, NS_DATA, "field"));
         n++) {
        const char *var = cnc_element_attr(f, NULL, "var");
        const char *label = cnc_element_attr(f, NULL, "label");

        columns[n].var = var == NULL ? "" : var;
        columns[n].label = label == NULL ? columns[n].var : label;
        columns[n].width =
            cnc__utf8_count(columns[n].label, strlen(columns[n].label));
    }
    return n;
}

static void
print_cell(const char *text, size_t width, bool last)
{
    size_t len = cnc__utf8_count(text, strlen(text));

    ctl_print_text(text);
    if (!last) {
        printf("%*s", (int)(width - (len < width ? len : width)) + 2, "");
    } else {
        fputc('\n', stdout);
    }
}

void
ctl_print_table(const struct cnc_element *x)
{
    struct column columns[MAX_COLUMNS];
    size_t n = read_columns(columns, x);
    struct cnc_element *item;

    for (size_t i = 0; (item = cnc_element_next(x, &i, NS_DATA, "item"));) {
        for (size_t k = 0; k < n; k++) {
            const char *text = ctl_value_of(item, columns[k].var);
            size_t len = cnc__utf8_count(text, strlen(text));

            columns[k].width = len > columns[k].width ? len : columns[k].width;
        }
    }
    for (size_t k = 0; k < n; k++) {
        print_cell(columns[k].label, columns[k].width, k + 1 == n);
    }
    for (size_t i = 0; (item = cnc_element_next(x, &i, NS_DATA, "item"));) {
        for (size_t k = 0; k < n; k++) {
            print_cell(ctl_value_of(item, columns[k].var), columns[k].width,
                       k + 1 == n);
        }
    }
}

void
ctl_json_table(struct cnc__str *out, const struct cnc_element *x)
{
    struct column columns[MAX_COLUMNS];
    size_t n = read_columns(columns, x), rows = 0;
    struct cnc_element *item;

    cnc__str_putc(out, '[');
    for (size_t i = 0; (item = cnc_element_next(x, &i, NS_DATA, "item"));) {
        cnc__str_puts(out, rows++ == 0 ? "\n  {" : ",\n  {");
        for (size_t k = 0; k < n; k++) {
            cnc__str_puts(out, k == 0 ? "" : ", ");
            ctl_json_string(out, columns[k].var);
            cnc__str_puts(out, ": ");
            ctl_json_string(out, ctl_value_of(item, columns[k].var));
        }
        cnc__str_putc(out, '}');
    }
    cnc__str_puts(out, "\n]");
}

/* -- single values -------------------------------------------------------- */

static struct cnc_element *
next_value(const struct cnc_element *x, size_t *i, const char **var,
           const char **label)
{
    struct cnc_element *f;

    while ((f = cnc_element_next(x, i, NS_DATA, "field")) != NULL) {
        const char *type = cnc_element_attr(f, NULL, "type");

        if (type != NULL && strcmp(type, "hidden") == 0) {
            continue;
        }
        *var = cnc_element_attr(f, NULL, "var");
        *var = *var == NULL ? "" : *var;
        *label = cnc_element_attr(f, NULL, "label");
        *label = *label == NULL ? *var : *label;
        return f;
    }
    return NULL;
}

void
ctl_print_values(const struct cnc_element *x)
{
    const char *var, *label;
    struct cnc_element *f, *value;
    size_t width = 0;

    for (size_t i = 0; (f = next_value(x, &i, &var, &label)) != NULL;) {
        size_t len = cnc__utf8_count(label, strlen(label));

        width = len > width ? len : width;
    }
    for (size_t i = 0; (f = next_value(x, &i, &var, &label)) != NULL;) {
        size_t n = 0;

        for (size_t k = 0;
             (value = cnc_element_next(f, &k, NS_DATA, "value")) != NULL;
             n++) {
            print_cell(n == 0 ? label : "", width, false);
            print_cell(cnc_element_text(value), 0, true);
        }
        if (n == 0) {
            print_cell(label, width, true);
        }
    }
}

/* A text of many lines is one string; an empty value is "". */
void
ctl_json_values(struct cnc__str *out, const struct cnc_element *x)
{
    const char *var, *label;
    struct cnc_element *f, *value;
    size_t n = 0;

    cnc__str_putc(out, '{');
    for (size_t i = 0; (f = next_value(x, &i, &var, &label)) != NULL;) {
        struct cnc__str text = CNC__STR;
        size_t lines = 0;

        for (size_t k = 0;
             (value = cnc_element_next(f, &k, NS_DATA, "value")) != NULL;) {
            cnc__str_puts(&text, lines++ == 0 ? "" : "\n");
            cnc__str_puts(&text, cnc_element_text(value));
        }
        cnc__str_puts(out, n++ == 0 ? "" : ", ");
        ctl_json_string(out, var);
        cnc__str_puts(out, ": ");
        ctl_json_string(out, cnc__str_c(&text));
        cnc__str_fini(&text);
    }
    cnc__str_putc(out, '}');
}
