/* SPDX-License-Identifier: MIT */
/*
 * recordfind.c -- which records of a node an administrator means: what was
 * typed into the list's search and filters, as one query.
 */
#include "recordfind.h"

#include "../base/text.h"

#define MAX_DAY 64 /* bytes of a moment */

struct cnc__node *
cnc__find_node(struct cnc__apps *a, struct cnc__command_reply *reply,
               struct cnc__values *v)
{
    struct cnc__node *node = cnc__records_node(a, cnc__values_text(v, "node"));

    if (node == NULL) {
        cnc__command_refuse(reply, v, "node",
                            "No app has a node of this name to administer.");
    }
    return node;
}

/* -- filters -----------------------------------------------------------------
 */

/* FIELD, OP and the rest of the text; false: there is no OP. */
static bool
add_filter(struct cnc__find *f, const char *text)
{
    size_t name = strcspn(text, "=!<>~"), op;
    struct cnc__filter *one;

    op = strspn(text + name, "=!<>~");
    op = op > 2 ? 2 : op;
    if (op == 2 && text[name + 1] != '=') {
        op = 1;
    }
    if (name == 0 || op == 0 || f->n == CNC__FIND_FILTERS) {
        return false;
    }
    one = &f->all[f->n++];
    one->text = cnc__strdup(text);
    one->field = cnc__strndup(text, name);
    one->op = cnc__strndup(text + name, op);
    one->value = one->text + name + op;
    return true;
}

static const struct cnc_field *
field_of(const struct cnc_record *r, const char *name)
{
    static const struct cnc_field published = {.name = "c:published",
                                               .kind = CNC_FIELD_DATETIME};

    for (const struct cnc_field *f = r->fields; f->name != NULL; f++) {
        if (strcmp(f->name, name) == 0) {
            return f;
        }
    }
    return strcmp(name, published.name) == 0 ? &published : NULL;
}

/* From a day, up to and with a day.  NULL, or what is wrong with .on. */
static const char *
add_days(struct cnc__find *f, const struct cnc_record *r,
         struct cnc__values *v)
{
    static const struct {
        const char *name, *op, *time;
    } ends[] = {{"since", ">=", "T00:00:00Z"}, {"until", "<=", "T23:59:59Z"}};
    const char *on = cnc__values_text(v, "on");
    const struct cnc_field *field = field_of(r, on);
    bool moment = field != NULL && field->kind == CNC_FIELD_DATETIME;

    for (size_t i = 0; i < CNC_N(ends); i++) {
        const char *day = cnc__values_text(v, ends[i].name);
        struct cnc__str text = CNC__STR;
        bool ok;

        if (day[0] == '\0') {
            continue;
        }
        if (!moment && (field == NULL || field->kind != CNC_FIELD_DATE)) {
            return "The records have no such field of days or times.";
        }
        cnc__str_printf(&text, "%s%s%.10s%s", on, ends[i].op, day,
                        moment ? ends[i].time : "");
        ok = add_filter(f, text.data);
        cnc__str_fini(&text);
        if (!ok) {
            return "These are too many filters.";
        }
    }
    return NULL;
}

/* As a text in quotes: whatever is in it is no part of the query. */
static void
write_term(struct cnc__str *out, const struct cnc__filter *one)
{
    cnc__str_printf(out, "%s%s%s\"", out->len > 0 ? " " : "", one->field,
                    one->op);
    for (const char *s = one->value; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\') {
            cnc__str_putc(out, '\\');
        }
        cnc__str_putc(out, *s);
    }
    cnc__str_putc(out, '"');
}

/* -- all of it ---------------------------------------------------------------
 */

static int
refuse(struct cnc__command_reply *reply, struct cnc__values *v,
       const char *field, const char *text)
{
    cnc__command_refuse(reply, v, field, text);
    return CNC_EREFUSED;
}

/* Which of the fields an error of the query is about. */
static const char *
blamed(const struct cnc__find *f, const struct cnc_error *err)
{
    return strncmp(err->text, "sort", 4) == 0 ? "sort"
           : f->n > 0                         ? "filter"
                                              : "where";
}

int
cnc__find_init(struct cnc__find *f, const struct cnc_record *record,
               struct cnc__command_reply *reply, struct cnc__values *v)
{
    const char *text, *wrong;
    struct cnc__str where = CNC__STR;
    struct cnc_error err = {0};
    int code;

    *f = (struct cnc__find){.n = 0};
    for (size_t i = 0; (text = cnc__values_get(v, "filter", i)) != NULL; i++) {
        if (text[0] != '\0' && !add_filter(f, text)) {
            return refuse(reply, v, "filter",
                          "A filter is FIELD=VALUE, and there are at most "
                          "16.");
        }
    }
    wrong = add_days(f, record, v);
    if (wrong != NULL) {
        return refuse(reply, v, "on", wrong);
    }
    cnc__str_puts(&where, cnc__values_text(v, "where"));
    for (size_t i = 0; i < f->n; i++) {
        write_term(&where, &f->all[i]);
    }
    code = cnc__query_new(&f->query, record, cnc__str_c(&where),
                          cnc__values_text(v, "sort"), &err);
    cnc__str_fini(&where);
    if (code != 0) {
        return refuse(reply, v, blamed(f, &err), err.text);
    }
    if (cnc__query_param(f->query, 0) != NULL) {
        return refuse(reply, v, "where",
                      "There are no parameters here: a text with braces "
                      "stands in quotes.");
    }
    text = cnc__values_text(v, "q");
    f->search = text[0] == '\0' ? NULL : cnc__strdup(text);
    return 0;
}

void
cnc__find_run(const struct cnc__find *f, struct cnc__node *node, size_t offset,
              size_t limit, struct cnc__item ***items, size_t *n,
              size_t *total)
{
    cnc__query_run(f->query, node, NULL, f->search, offset, limit, items, n,
                   total);
}

void
cnc__find_fini(struct cnc__find *f)
{
    for (size_t i = 0; i < f->n; i++) {
        cnc__free(f->all[i].text);
        cnc__free(f->all[i].field);
        cnc__free(f->all[i].op);
    }
    cnc__free(f->search);
    cnc__query_free(&f->query);
}
