/* SPDX-License-Identifier: MIT */
/*
 * recordlist.c -- an administrator's commands about the records of any node
 * that an app names in .admin: find some, change one field of some, take some
 * away.
 */
#include "../base/text.h"
#include "../pubsub/changes.h"
#include "../pubsub/result.h"
#include "../xml/write.h"
#include "records.h"

#define PAGE     50
#define MAX_ROWS 1000

static size_t
number_of(struct cnc__values *v, const char *field, size_t usual, int64_t max)
{
    int64_t n;

    return cnc__parse_int(&n, cnc__values_text(v, field), 0, max) ? (size_t)n
                                                                  : usual;
}

/* Or NULL after a refusal, and v is gone with it. */
static struct cnc__node *
node_of(struct cnc__apps *a, struct cnc__command_reply *reply,
        struct cnc__values *v)
{
    struct cnc__node *node = cnc__records_node(a, cnc__values_text(v, "node"));

    if (node == NULL) {
        cnc__command_refuse(reply, v, "node",
                            "No app has a node of this name to administer.");
    }
    return node;
}

/* -- the list
 * -----------------------------------------------------------------
 */

static const struct cnc_record nodes_record = {
    "records",
    CNC_FIELDS(
        {"node", "Node", .max_len = 1023},
        {"q", "Some field has", .max_len = 200},
        {"where", "Where", .max_len = 4000,
         .help = "FIELD=VALUE, also != < <= > >= ~, several with "
                 "blanks between"},
        {"sort", "Sort by", .max_len = 200,
         .help = "Fields; with - the greatest first"},
        {"offset", "From", CNC_FIELD_INTEGER, .min = "0"},
        {"limit", "At most", CNC_FIELD_INTEGER, .min = "1", .max = "1000"})};

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

static bool
is_column(const struct cnc_field *f)
{
    return f->kind != CNC_FIELD_FIXED && f->kind != CNC_FIELD_SECRET;
}

static void
write_columns(struct cnc__str *out, const struct cnc_record *r)
{
    cnc__str_puts(out, "<reported><field var='c:id' label='Id'/>");
    for (const struct cnc_field *f = r->fields; f->name != NULL; f++) {
        if (!is_column(f)) {
            continue;
        }
        cnc__xml_printf(out, "<field var='%s' label='%s' type='%s'>", f->name,
                        f->label == NULL ? f->name : f->label,
                        type_name(f->kind));
        if (datatype(f->kind) != NULL) {
            cnc__xml_printf(out,
                            "<validate xmlns='http://jabber.org/protocol/"
                            "xdata-validate' datatype='%s'/>",
                            datatype(f->kind));
        }
        for (const struct cnc_option *o = f->options;
             o != NULL && o->value != NULL; o++) {
            cnc__xml_printf(out,
                            "<option label='%s'><value>%s</value></option>",
                            o->label == NULL ? o->value : o->label, o->value);
        }
        cnc__str_puts(out, "</field>");
    }
    cnc__str_puts(out, "</reported>");
}

static void
write_row(struct cnc__str *out, const struct cnc_record *r,
          const struct cnc__item *item)
{
    struct cnc_element *e = NULL, *child;
    size_t i;

    cnc__xml_printf(out, "<item><field var='c:id'><value>%s</value></field>",
                    item->id);
    if (item->payload != NULL) {
        cnc_xml_parse(&e, cnc_buf_data(item->payload),
                      cnc_buf_len(item->payload), 0, NULL, NULL);
    }
    for (const struct cnc_field *f = r->fields; f->name != NULL; f++) {
        if (!is_column(f) || e == NULL) {
            continue;
        }
        cnc__xml_printf(out, "<field var='%s'>", f->name);
        for (i = 0;
             (child = cnc_element_next(e, &i, NULL, f->name)) != NULL;) {
            cnc__xml_printf(out, "<value>%s</value>", cnc_element_text(child));
        }
        cnc__str_puts(out, "</field>");
    }
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
write_found(struct cnc__str *x, struct cnc__node *node,
            const struct cnc__query *q, struct cnc__values *v)
{
    const struct cnc_record *r = cnc__records_record(node);
    const struct cnc__app_node *own = cnc__node_priv(node);
    size_t offset = number_of(v, "offset", 0, INT64_MAX / 4), n = 0, total = 0;
    size_t limit = number_of(v, "limit", PAGE, MAX_ROWS);
    const char *search = cnc__values_text(v, "q");
    struct cnc__item **items = NULL;

    limit = limit == 0 ? PAGE : limit;
    cnc__query_run(q, node, NULL, search[0] == '\0' ? NULL : search, offset,
                   limit, &items, &n, &total);
    cnc__xml_printf(
        x, "<x xmlns='jabber:x:data' type='result'><title>%s</title>",
        own->decl->title == NULL ? own->decl->name : own->decl->title);
    cnc__result_count(x, "offset", offset);
    cnc__result_count(x, "limit", limit);
    cnc__result_count(x, "total", total);
    write_columns(x, r);
    for (size_t i = 0; i < n; i++) {
        write_row(x, r, items[i]);
    }
    cnc__str_puts(x, "</x>");
    cnc__free(items);
}

static void
run_list(struct cnc__command_reply *reply, const struct cnc__caller *who,
         struct cnc__values *v, void *priv)
{
    struct cnc__query *q = NULL;
    struct cnc_error err = {0};
    struct cnc__str x = CNC__STR;
    struct cnc__node *node;

    if (cnc__values_text(v, "node")[0] == '\0') {
        list_nodes(priv, reply);
        return;
    }
    node = node_of(priv, reply, v);
    if (node == NULL) {
        return;
    }
    if (cnc__query_new(&q, cnc__records_record(node),
                       cnc__values_text(v, "where"),
                       cnc__values_text(v, "sort"), &err) != 0) {
        cnc__command_refuse(
            reply, v, strncmp(err.text, "sort", 4) == 0 ? "sort" : "where",
            err.text);
    } else if (cnc__query_param(q, 0) != NULL) {
        cnc__command_refuse(reply, v, "where",
                            "There are no parameters here: a text with braces "
                            "stands in quotes.");
    } else {
        write_found(&x, node, q, v);
        cnc__command_done(reply, NULL, NULL, x.data);
    }
    cnc__query_free(&q);
    cnc__str_fini(&x);
}

/* -- several at once
 * ----------------------------------------------------------
 */

static void
fail_one(struct cnc__changes *c, int code, const char *id, const char *text)
{
    struct cnc_error err = {0};

    cnc_error_set(&err, code, NULL, "%.100s: %s", id, text);
    cnc__changes_one(&err, NULL, c);
}

static const struct cnc_record delete_record = {
    "delete", CNC_FIELDS({"node", "Node", .required = true, .max_len = 1023},
                         {"ids", "Records, one a line", CNC_FIELD_LINES,
                          .required = true, .max_len = 100000})};

static const struct cnc_record set_record = {
    "set",
    CNC_FIELDS({"node", "Node", .required = true, .max_len = 1023},
               {"ids", "Records, one a line", CNC_FIELD_LINES,
                .required = true, .max_len = 100000},
               {"field", "Field", .required = true, .max_len = 200},
               {"value", "Its new value", CNC_FIELD_LINES, .max_len = 10000,
                .help = "Empty: it has none any more."})};

static void
set_one(struct cnc__node *node, const struct cnc__caller *who, const char *id,
        struct cnc__values *typed, struct cnc__changes *c)
{
    const struct cnc_record *r = cnc__records_record(node);
    const char *field = cnc__values_text(typed, "field"), *text;
    struct cnc__item *item = cnc__node_item_or_pending(node, id);
    struct cnc__values *v = cnc__values_new();

    if (item == NULL) {
        cnc__values_free(&v);
        fail_one(c, CNC_ENOENT, id, "there is no such record");
        return;
    }
    cnc__records_read(v, r, item->payload);
    cnc__values_set(v, field, NULL);
    for (size_t i = 0; (text = cnc__values_get(typed, "value", i)) != NULL;
         i++) {
        if (text[0] != '\0') {
            cnc__values_add(v, field, text, NULL);
        }
    }
    if (cnc__records_publish(node, who, id, v, false, cnc__changes_one, c) !=
        0) {
        const char *wrong = cnc__values_error(v, field);

        fail_one(c, CNC_EREFUSED, id,
                 wrong == NULL ? "some of its fields need another look"
                               : wrong);
    }
    cnc__item_unref(&item);
    cnc__values_free(&v);
}

static void
delete_one(struct cnc__node *node, const struct cnc__caller *who,
           const char *id, struct cnc__values *typed, struct cnc__changes *c)
{
    const struct cnc__app_node *own = cnc__node_priv(node);
    struct cnc__actor self = cnc__caller_as_operator(who);

    cnc__pubsub_retract(own->app->apps->env.pubsub, &self, node, id,
                        cnc__changes_one, c);
}

static void
for_ids(struct cnc__node *node, struct cnc__command_reply *reply,
        const struct cnc__caller *who, struct cnc__values *v, const char *what,
        void (*f)(struct cnc__node *, const struct cnc__caller *, const char *,
                  struct cnc__values *, struct cnc__changes *))
{
    struct cnc__values *copy = cnc__values_copy(v);
    struct cnc__changes *c = cnc__changes_new(reply, what);
    const char *id;

    for (size_t i = 0; (id = cnc__values_get(copy, "ids", i)) != NULL; i++) {
        if (id[0] != '\0') {
            cnc__changes_add(c);
            f(node, who, id, copy, c);
        }
    }
    cnc__values_free(&copy);
    cnc__changes_begun(c);
}

static void
run_delete(struct cnc__command_reply *reply, const struct cnc__caller *who,
           struct cnc__values *v, void *priv)
{
    struct cnc__node *node = node_of(priv, reply, v);

    if (node != NULL && cnc__values_text(v, "ids")[0] == '\0') {
        cnc__command_refuse(reply, v, "ids", "Please choose some.");
    } else if (node != NULL) {
        for_ids(node, reply, who, v, "Deleted", delete_one);
    }
}

static bool
may_set(const struct cnc_record *r, const char *name)
{
    for (const struct cnc_field *f = r->fields; f->name != NULL; f++) {
        if (strcmp(f->name, name) == 0) {
            return f->compute == NULL && is_column(f);
        }
    }
    return false;
}

static void
run_set(struct cnc__command_reply *reply, const struct cnc__caller *who,
        struct cnc__values *v, void *priv)
{
    struct cnc__node *node = node_of(priv, reply, v);

    if (node == NULL) {
        return;
    }
    if (cnc__values_text(v, "ids")[0] == '\0') {
        cnc__command_refuse(reply, v, "ids", "Please choose some.");
    } else if (!may_set(cnc__records_record(node),
                        cnc__values_text(v, "field"))) {
        cnc__command_refuse(reply, v, "field",
                            "The records have no such field to be typed.");
    } else {
        for_ids(node, reply, who, v, "Changed", set_one);
    }
}

int
cnc__records_common(struct cnc__apps *a, struct cnc_error *err)
{
    const struct cnc__command all[] = {
        {.node = (char *)"records",
         .name = (char *)"Records",
         .help = (char *)"Find records of a node; without one, which nodes "
                         "have any.",
         .record = &nodes_record,
         .safe = true,
         .run = run_list,
         .priv = a},
        {.node = (char *)"records/set",
         .name = (char *)"Change a field of records",
         .help = (char *)"The same value for all of them.",
         .record = &set_record,
         .run = run_set,
         .priv = a},
        {.node = (char *)"records/delete",
         .name = (char *)"Delete records",
         .help = (char *)"Take records away.",
         .record = &delete_record,
         .run = run_delete,
         .priv = a}};
    int code = 0;

    for (size_t i = 0; code == 0 && !a->has_records && i < CNC_N(all); i++) {
        code = cnc__commands_add(a->env.commands, &all[i], err);
    }
    a->has_records = a->has_records || code == 0;
    return code;
}
