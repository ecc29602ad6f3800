/* SPDX-License-Identifier: MIT */
/*
 * recordlist.c -- an administrator's command that lists the records of any
 * node that an app names in .admin; without a node, which nodes there are.
 */
#include "../base/table.h"
#include "../base/text.h"
#include "../pubsub/result.h"
#include "../xml/write.h"
#include "recordfind.h"

#define PAGE        50
#define MAX_ROWS    1000
#define MAX_OFFERED 200 /* records to filter by, in one column */

static size_t
number_of(struct cnc__values *v, const char *field, size_t usual, int64_t max)
{
    int64_t n;

    return cnc__parse_int(&n, cnc__values_text(v, field), 0, max) ? (size_t)n
                                                                  : usual;
}

/* -- the list
 * -----------------------------------------------------------------
 */

static const struct cnc_record nodes_record = {
    "records", CNC_FIELDS({"node", "Node", .max_len = 1023}, CNC__FIND_FIELDS,
                          {"sort", "Sort by", .max_len = 200,
                           .help = "Fields; with - the greatest first"},
                          {"offset", "From", CNC_FIELD_INTEGER, .min = "0"},
                          {"limit", "At most", CNC_FIELD_INTEGER, .min = "1",
                           .max = "1000"})};

static const char *
datatype(enum cnc_field_kind kind)
{
    switch (kind) {
    case CNC_FIELD_INTEGER:
        return "xs:integer";
    case CNC_FIELD_DECIMAL:
        return "xs:decimal";
    case CNC_FIELD_DATE:
        return "xs:date";
    case CNC_FIELD_DATETIME:
        return "xs:dateTime";
    case CNC_FIELD_URL:
        return "xs:anyURI";
    default:
        return NULL;
    }
}

static const char *
type_name(enum cnc_field_kind kind)
{
    switch (kind) {
    case CNC_FIELD_BOOLEAN:
        return "boolean";
    case CNC_FIELD_LIST:
    case CNC_FIELD_REF:
        return "list-single";
    case CNC_FIELD_MULTI:
        return "list-multi";
    case CNC_FIELD_LINES:
        return "text-multi";
    case CNC_FIELD_JID:
        return "jid-single";
    default:
        return "text-single";
    }
}

bool
cnc__records_is_column(const struct cnc_field *f)
{
    return f->kind != CNC_FIELD_FIXED && f->kind != CNC_FIELD_SECRET;
}

/* What is on this page of the list. */
struct found {
    struct cnc__item **items;
    size_t n;
    struct cnc__values *named; /* by fields that name others: their ids */
};

/* Is every record that the field may name among its options? */
static bool
offers_all(struct cnc__apps *a, const struct cnc_field *f)
{
    struct cnc__node *n = cnc__pubsub_node(a->env.pubsub, f->node);

    return n != NULL && cnc__node_n_items(n) <= MAX_OFFERED;
}

/* What the records that are named on this page are called. */
static void
write_named(struct cnc__str *out, struct cnc__apps *a,
            const struct cnc_field *f, const struct found *found)
{
    struct cnc__table *seen = cnc__table_new();
    const char *id;

    for (size_t i = 0;
         (id = cnc__values_get(found->named, f->name, i)) != NULL; i++) {
        if (cnc__table_get(seen, id) == NULL) {
            cnc__table_put(seen, id, a);
            cnc__ref_option(out, a->env.pubsub, f, id);
        }
    }
    cnc__table_free(&seen, NULL);
}

/* Where what it names is, whether that is administered, whether its options
 * are all that there are. */
static void
write_ref(struct cnc__str *out, struct cnc__apps *a, const struct cnc_field *f,
          const struct found *found)
{
    bool all = offers_all(a, f);

    cnc__xml_printf(
        out, "<ref xmlns='" CNC__NS_FORM "' node='%s' records='%s' all='%s'/>",
        f->node, cnc__records_node(a, f->node) != NULL ? "true" : "false",
        all ? "true" : "false");
    if (!all || !cnc__ref_options(out, a->env.pubsub, f)) {
        write_named(out, a, f, found);
    }
}

static void
write_column(struct cnc__str *out, struct cnc__apps *a,
             const struct cnc_field *f, const struct found *found)
{
    cnc__xml_printf(out, "<field var='%s' label='%s' type='%s'>", f->name,
                    f->label == NULL ? f->name : f->label, type_name(f->kind));
    if (datatype(f->kind) != NULL) {
        cnc__xml_printf(out,
                        "<validate xmlns='http://jabber.org/protocol/"
                        "xdata-validate' datatype='%s'/>",
                        datatype(f->kind));
    }
    for (const struct cnc_option *o = f->options;
         o != NULL && o->value != NULL; o++) {
        cnc__xml_printf(out, "<option label='%s'><value>%s</value></option>",
                        o->label == NULL ? o->value : o->label, o->value);
    }
    if (f->kind == CNC_FIELD_REF) {
        write_ref(out, a, f, found);
    }
    cnc__str_puts(out, "</field>");
}

static void
write_columns(struct cnc__str *out, struct cnc__apps *a,
              const struct cnc_record *r, const struct found *found)
{
    cnc__str_puts(out, "<reported><field var='c:id' label='Id'/>");
    for (const struct cnc_field *f = r->fields; f->name != NULL; f++) {
        if (cnc__records_is_column(f)) {
            write_column(out, a, f, found);
        }
    }
    cnc__str_puts(out, "<field var='c:published' label='Changed'>"
                       "<validate xmlns='http://jabber.org/protocol/"
                       "xdata-validate' datatype='xs:dateTime'/></field>"
                       "</reported>");
}

static void
write_row(struct cnc__str *out, const struct cnc_record *r,
          const struct cnc__item *item, struct cnc__values *named)
{
    struct cnc_element *e = NULL, *child;
    const char *name;
    char when[32];
    size_t i;

    cnc__xml_printf(out, "<item><field var='c:id'><value>%s</value></field>",
                    item->id);
    if (item->payload != NULL) {
        cnc_xml_parse(&e, cnc_buf_data(item->payload),
                      cnc_buf_len(item->payload), 0, NULL, NULL);
    }
    for (const struct cnc_field *f = r->fields; f->name != NULL; f++) {
        if (!cnc__records_is_column(f)) {
            continue;
        }
        cnc__xml_printf(out, "<field var='%s'>", f->name);
        name = cnc__records_name(e, f);
        for (i = 0; e != NULL &&
                    (child = cnc_element_next(e, &i, NULL, name)) != NULL;) {
            cnc__xml_printf(out, "<value>%s</value>", cnc_element_text(child));
            if (f->kind == CNC_FIELD_REF) {
                cnc__values_add(named, f->name, cnc_element_text(child), NULL);
            }
        }
        cnc__str_puts(out, "</field>");
    }
    cnc__datetime(when, item->published_ms);
    cnc__result_cell(out, "c:published", when);
    cnc__str_puts(out, "</item>");
    cnc_element_unref(&e);
}

/* Which nodes there are. */
static void
list_nodes(struct cnc__apps *a, struct cnc__command_reply *reply)
{
    struct cnc__str x = CNC__STR;

    cnc__str_puts(&x, "<x xmlns='jabber:x:data' type='result'><title>Records"
                      "</title><reported><field var='node' label='Node'/>"
                      "<field var='title' label='Title'/>"
                      "<field var='records' label='Records'/></reported>");
    for (struct cnc__app *app = a->first; app != NULL; app = app->next) {
        for (const char *const *n = app->declared ? app->decl->admin : NULL;
             n != NULL && *n != NULL; n++) {
            struct cnc__node *node = cnc__records_node(a, *n);
            const struct cnc__app_node *own =
                node == NULL ? NULL : cnc__node_priv(node);

            if (own == NULL) {
                continue;
            }
            cnc__xml_printf(&x,
                            "<item><field var='node'><value>%s</value></field>"
                            "<field var='title'><value>%s</value></field>"
                            "<field var='records'><value>%zu</value></field>"
                            "</item>",
                            *n,
                            own->decl->title == NULL ? *n : own->decl->title,
                            cnc__node_n_items(node));
        }
    }
    cnc__str_puts(&x, "</x>");
    cnc__command_done(reply, NULL, NULL, x.data);
    cnc__str_fini(&x);
}

static void
write_filters(struct cnc__str *x, const struct cnc__find *f)
{
    if (f->n > 0) {
        cnc__str_puts(x, "<field var='filter' type='text-multi'>");
        for (size_t i = 0; i < f->n; i++) {
            cnc__xml_printf(x, "<value>%s</value>", f->all[i].text);
        }
        cnc__str_puts(x, "</field>");
    }
    for (size_t i = 0; i < f->n; i++) {
        cnc__xml_printf(x,
                        "<filter xmlns='" CNC__NS_FORM
                        "' field='%s' op='%s' value='%s' text='%s'/>",
                        f->all[i].field, f->all[i].op, f->all[i].value,
                        f->all[i].text);
    }
}

static void
write_found(struct cnc__str *x, struct cnc__apps *a, struct cnc__node *node,
            const struct cnc__find *f, struct cnc__values *v)
{
    const struct cnc_record *r = cnc__records_record(node);
    const struct cnc__app_node *own = cnc__node_priv(node);
    size_t offset = number_of(v, "offset", 0, INT64_MAX / 4), total = 0;
    size_t limit = number_of(v, "limit", PAGE, MAX_ROWS);
    struct found found = {.named = cnc__values_new()};
    struct cnc__str rows = CNC__STR;

    limit = limit == 0 ? PAGE : limit;
    cnc__find_run(f, node, offset, limit, &found.items, &found.n, &total);
    cnc__result_begin(x, own->decl->title == NULL ? own->decl->name
                                                  : own->decl->title);
    cnc__result_count(x, "offset", offset);
    cnc__result_count(x, "limit", limit);
    cnc__result_count(x, "total", total);
    cnc__result_count(x, "all", cnc__node_n_items(node));
    write_filters(x, f);
    for (size_t i = 0; i < found.n; i++) {
        write_row(&rows, r, found.items[i], found.named);
    }
    for (size_t i = 0; i < f->n; i++) {
        cnc__values_add(found.named, f->all[i].field, f->all[i].value, NULL);
    }
    write_columns(x, a, r, &found);
    cnc__str_puts(x, cnc__str_c(&rows));
    cnc__str_fini(&rows);
    cnc__values_free(&found.named);
    cnc__free(found.items);
}

static void
run_list(struct cnc__command_reply *reply, const struct cnc__caller *who,
         struct cnc__values *v, void *priv)
{
    struct cnc__str x = CNC__STR;
    struct cnc__find f;
    struct cnc__node *node;

    if (cnc__values_text(v, "node")[0] == '\0') {
        list_nodes(priv, reply);
        return;
    }
    node = cnc__find_node(priv, reply, v);
    if (node == NULL) {
        return;
    }
    if (cnc__find_init(&f, cnc__records_record(node), reply, v) == 0) {
        write_found(&x, priv, node, &f, v);
        cnc__result_done(reply, &x, NULL);
    }
    cnc__find_fini(&f);
}

int
cnc__records_common(struct cnc__apps *a, struct cnc_error *err)
{
    const struct cnc__command list = {
        .node = (char *)"records",
        .name = (char *)"Records",
        .help = (char *)"Find records of a node; without one, which nodes "
                        "have any.",
        .record = &nodes_record,
        .safe = true,
        .run = run_list,
        .priv = a};
    int code = 0;

    if (!a->has_records) {
        code = cnc__commands_add(a->env.commands, &list, err);
        code = code == 0 ? cnc__records_bulk(a, err) : code;
    }
    a->has_records = a->has_records || code == 0;
    return code;
}
