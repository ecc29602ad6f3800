/* SPDX-License-Identifier: MIT */
/*
 * values.c -- what was typed into a form, and what is wrong with it.
 */
#include <concordance/xml.h>

#include "../base/text.h"
#include "formimpl.h"

#define VALUES_MAGIC 0x7A10E501u
#define MAX_VALUES   4096
#define MAX_VALUE    ((size_t)64 << 10)
#define MAX_TOTAL    ((size_t)256 << 10)

struct cnc__values {
    unsigned magic;
    size_t n, cap, total; /* total: bytes of names and values */
    struct cnc__value *all;
    size_t n_errors, cap_errors;
    struct cnc__value *errors; /* name NULL: the form's */
    /* The last that was asked for: the i-th of its name is all[k].  Lines of a
     * long text are asked for one after the other. */
    size_t last_i, last_k;
};

struct cnc__values *
cnc__values_new(void)
{
    struct cnc__values *v = cnc__zalloc(sizeof(*v));
    v->magic = VALUES_MAGIC;
    return v;
}

/* Any of them may be a password. */
static void
free_all(struct cnc__value *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        explicit_bzero(all[i].text, strlen(all[i].text));
        cnc__free(all[i].name);
        cnc__free(all[i].text);
    }
    cnc__free(all);
}

void
cnc__values_free(struct cnc__values **vp)
{
    struct cnc__values *v = *vp;
    if (v == NULL) {
        return;
    }
    *vp = NULL;
    CNC_OBJ_CHECK(v, VALUES_MAGIC);
    free_all(v->all, v->n);
    free_all(v->errors, v->n_errors);
    CNC_OBJ_FREE(v);
}

struct cnc__values *
cnc__values_copy(const struct cnc__values *v)
{
    CNC_OBJ_CHECK(v, VALUES_MAGIC);
    struct cnc__values *copy = cnc__values_new();
    for (size_t i = 0; i < v->n; i++) {
        cnc__values_add(copy, v->all[i].name, v->all[i].text, NULL);
    }
    return copy;
}

static void
push(struct cnc__value **all, size_t *n, size_t *cap, const char *name,
     const char *text)
{
    *all = cnc__grow(*all, *n, cap, sizeof(**all));
    (*all)[(*n)++] = (struct cnc__value){cnc__strdup(name), cnc__strdup(text)};
}

int
cnc__values_add(struct cnc__values *v, const char *name, const char *value,
                struct cnc_error *err)
{
    CNC_OBJ_CHECK(v, VALUES_MAGIC);
    size_t len = strlen(value), all = strlen(name) + len;
    if (v->n == MAX_VALUES) {
        return cnc_error_set(err, CNC_ELIMIT, "not-acceptable",
                             "the form has more than %d values", MAX_VALUES);
    }
    if (len > MAX_VALUE || all > MAX_TOTAL - v->total) {
        return cnc_error_set(err, CNC_ELIMIT, "not-acceptable",
                             "the form is larger than %zu kB",
                             (len > MAX_VALUE ? MAX_VALUE : MAX_TOTAL) >> 10);
    }
    push(&v->all, &v->n, &v->cap, name, value);
    v->total += all;
    return 0;
}

void
cnc__values_set(struct cnc__values *v, const char *name, const char *value)
{
    size_t n = 0;
    CNC_OBJ_CHECK(v, VALUES_MAGIC);
    for (size_t i = 0; i < v->n; i++) {
        struct cnc__value one = v->all[i];
        if (strcmp(one.name, name) == 0) {
            v->total -= strlen(one.name) + strlen(one.text);
            explicit_bzero(one.text, strlen(one.text));
            cnc__free(one.name);
            cnc__free(one.text);
        } else {
            v->all[n++] = one;
        }
    }
    v->n = n;
    v->last_i = v->last_k = 0;
    if (value != NULL) {
        cnc__values_add(v, name, value, NULL);
    }
}

const struct cnc__value *
cnc__values_at(const struct cnc__values *v, size_t i)
{
    CNC_OBJ_CHECK(v, VALUES_MAGIC);
    return i < v->n ? &v->all[i] : NULL;
}

const char *
cnc__values_get(const struct cnc__values *v, const char *name, size_t i)
{
    struct cnc__values *memo = (struct cnc__values *)v;
    size_t k = 0, left = i;
    CNC_OBJ_CHECK(v, VALUES_MAGIC);
    if (i > 0 && i == v->last_i + 1 && v->last_k < v->n &&
        strcmp(v->all[v->last_k].name, name) == 0) {
        k = v->last_k + 1;
        left = 0;
    }
    for (; k < v->n; k++) {
        if (strcmp(v->all[k].name, name) == 0 && left-- == 0) {
            memo->last_i = i;
            memo->last_k = k;
            return v->all[k].text;
        }
    }
    return NULL;
}

const char *
cnc__values_text(const struct cnc__values *v, const char *name)
{
    const char *text = cnc__values_get(v, name, 0);
    return text == NULL ? "" : text;
}

void
cnc__values_lines(struct cnc__str *out, const struct cnc__values *v,
                  const char *name)
{
    const char *line;
    for (size_t i = 0; (line = cnc__values_get(v, name, i)) != NULL; i++) {
        if (i > 0) {
            cnc__str_putc(out, '\n');
        }
        cnc__str_puts(out, line);
    }
}

void
cnc__values_refuse(struct cnc__values *v, const char *field, const char *text)
{
    if (cnc__values_error(v, field) == NULL) {
        push(&v->errors, &v->n_errors, &v->cap_errors, field, text);
    }
}

const char *
cnc__values_error(const struct cnc__values *v, const char *field)
{
    CNC_OBJ_CHECK(v, VALUES_MAGIC);
    for (size_t i = 0; i < v->n_errors; i++) {
        const char *name = v->errors[i].name;
        if (name == field ||
            (name != NULL && field != NULL && strcmp(name, field) == 0)) {
            return v->errors[i].text;
        }
    }
    return NULL;
}

size_t
cnc__values_n_errors(const struct cnc__values *v)
{
    CNC_OBJ_CHECK(v, VALUES_MAGIC);
    return v->n_errors;
}

int
cnc__values_from_form(struct cnc__values *v, const struct cnc_element *x,
                      struct cnc_error *err)
{
    if (!cnc_element_is(x, CNC__NS_DATA, "x")) {
        return cnc_error_set(err, CNC_ESYNTAX, "bad-request",
                             "a data form (jabber:x:data) is needed");
    }
    const char *type = cnc_element_attr(x, NULL, "type");
    if (type == NULL || strcmp(type, "submit") != 0) {
        return cnc_error_set(err, CNC_ESYNTAX, "bad-request",
                             "the form's type must be \"submit\"");
    }
    const struct cnc_element *field;
    for (size_t i = 0;
         (field = cnc_element_next(x, &i, CNC__NS_DATA, "field")) != NULL;) {
        const char *var = cnc_element_attr(field, NULL, "var");
        if (var == NULL || var[0] == '\0') {
            /* XEP-0004 3.2: only "fixed" fields may be without a name. */
            const char *kind = cnc_element_attr(field, NULL, "type");
            if (kind != NULL && strcmp(kind, "fixed") == 0) {
                continue;
            }
            return cnc_error_set(err, CNC_ESYNTAX, "bad-request",
                                 "a field of the form has no name (var)");
        }
        const struct cnc_element *value;
        for (size_t k = 0; (value = cnc_element_next(field, &k, CNC__NS_DATA,
                                                     "value")) != NULL;) {
            if (cnc_element_child(value, NULL, NULL) != NULL) {
                return cnc_error_set(err, CNC_ESYNTAX, "bad-request",
                                     "a value of the form holds an element");
            }
            int rc = cnc__values_add(v, var, cnc_element_text(value), err);
            if (rc != 0) {
                return rc;
            }
        }
    }
    return 0;
}
