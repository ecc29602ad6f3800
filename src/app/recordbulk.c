/* SPDX-License-Identifier: MIT */
/*
 * recordbulk.c -- an administrator's commands about several records at once:
 * one field of them gets a value, or they are taken away.  They are named, or
 * they are all that a query finds.
 */
#include "../base/text.h"
#include "../pubsub/changes.h"
#include "recordfind.h"

static void
fail_one(struct cnc__changes *c, int code, const char *id, const char *text)
{
    struct cnc_error err = {0};

    cnc_error_set(&err, code, NULL, "%.100s: %s", id, text);
    cnc__changes_one(&err, NULL, c);
}

#define NODE                                                                  \
    {                                                                         \
        "node", "Node", .required = true, .max_len = 1023                     \
    }
#define IDS                                                                   \
    {                                                                         \
        "ids", "Records, one a line", CNC_FIELD_LINES, .max_len = 100000      \
    }
/* Instead of ids: all that are found, and how many whoever asked says they
 * are. */
#define ALL                                                                   \
    {"all", "All that match", CNC_FIELD_BOOLEAN,                              \
     .help = "Instead of some: all that the rest of the form finds."},        \
        {"total", "How many they are", CNC_FIELD_INTEGER, .min = "0",         \
         .help = "To say that you mean all of them."},                        \
        CNC__FIND_FIELDS
#define VALUE                                                                 \
    {                                                                         \
        "value", "Its new value", CNC_FIELD_LINES,                            \
            .max_len = 10000, .help = "Empty: it has none any more."          \
    }

static const struct cnc_record delete_record = {"delete",
                                                CNC_FIELDS(NODE, IDS, ALL)};
static const struct cnc_record set_record = {
    "set",
    CNC_FIELDS(NODE, IDS, {"field", "Field", .required = true, .max_len = 200},
               VALUE, ALL)};
static const struct cnc_record change_record = {
    "change", CNC_FIELDS(NODE, IDS,
                         {"what", "What", CNC_FIELD_LIST, .required = true,
                          .options = CNC_OPTIONS(
                              {"set", "Change a field"}, {"delete", "Delete"},
                              {"set-all", "Change a field of all that match"},
                              {"delete-all", "Delete all that match"})},
                         {"field", "Field", .max_len = 200}, VALUE, ALL)};

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

typedef void one_f(struct cnc__node *, const struct cnc__caller *,
                   const char *, struct cnc__values *, struct cnc__changes *);

struct ids { /* copied: a change may take the item, or what was typed */
    char **all;
    size_t n, cap;
};

static void
add_id(struct ids *ids, const char *id)
{
    ids->all = cnc__grow(ids->all, ids->n, &ids->cap, sizeof(*ids->all));
    ids->all[ids->n++] = cnc__strdup(id);
}

static void
ids_fini(struct ids *ids)
{
    for (size_t i = 0; i < ids->n; i++) {
        cnc__free(ids->all[i]);
    }
    cnc__free(ids->all);
}

/* All that are found, if they are as many as whoever asked says; false after
 * a refusal. */
static bool
find_all(struct ids *ids, struct cnc__node *node,
         struct cnc__command_reply *reply, struct cnc__values *v)
{
    struct cnc__find f;
    struct cnc__item **items = NULL;
    struct cnc__str text = CNC__STR;
    size_t n = 0, total = 0;
    int64_t said = -1;
    bool ok = cnc__find_init(&f, cnc__records_record(node), reply, v) == 0;

    if (ok) {
        cnc__find_run(&f, node, 0, 0, &items, &n, &total);
        cnc__parse_int(&said, cnc__values_text(v, "total"), 0, INT64_MAX);
        ok = said >= 0 && (uint64_t)said == n;
        if (!ok) {
            cnc__str_printf(&text,
                            "%zu match. Type that number to say that you mean "
                            "all of them.",
                            n);
            cnc__command_refuse(reply, v, "total", text.data);
        }
    }
    for (size_t i = 0; ok && i < n; i++) {
        add_id(ids, items[i]->id);
    }
    cnc__str_fini(&text);
    cnc__free(items);
    cnc__find_fini(&f);
    return ok;
}

static bool
find_some(struct ids *ids, struct cnc__command_reply *reply,
          struct cnc__values *v)
{
    const char *id;

    for (size_t i = 0; (id = cnc__values_get(v, "ids", i)) != NULL; i++) {
        if (id[0] != '\0') {
            add_id(ids, id);
        }
    }
    if (ids->n == 0) {
        cnc__command_refuse(reply, v, "ids", "Please choose some.");
    }
    return ids->n > 0;
}

static void
for_ids(struct cnc__node *node, struct cnc__command_reply *reply,
        const struct cnc__caller *who, struct cnc__values *v, bool all,
        const char *what, one_f *f)
{
    struct ids ids = {.n = 0};
    struct cnc__values *copy;
    struct cnc__changes *c;

    if (all ? find_all(&ids, node, reply, v) : find_some(&ids, reply, v)) {
        copy = cnc__values_copy(v);
        c = cnc__changes_new(reply, what);
        for (size_t i = 0; i < ids.n; i++) {
            cnc__changes_add(c);
            f(node, who, ids.all[i], copy, c);
        }
        cnc__values_free(&copy);
        cnc__changes_begun(c);
    }
    ids_fini(&ids);
}

static bool
may_set(const struct cnc_record *r, const char *name)
{
    for (const struct cnc_field *f = r->fields; f->name != NULL; f++) {
        if (strcmp(f->name, name) == 0) {
            return f->compute == NULL && cnc__records_is_column(f);
        }
    }
    return false;
}

static bool
is_all(struct cnc__values *v)
{
    const char *all = cnc__values_text(v, "all");

    return strcmp(all, "true") == 0 || strcmp(all, "1") == 0;
}

static void delete (struct cnc__node *node, struct cnc__command_reply *reply,
                    const struct cnc__caller *who, struct cnc__values *v,
                    bool all)
{
    for_ids(node, reply, who, v, all, "Deleted", delete_one);
}

static void
set(struct cnc__node *node, struct cnc__command_reply *reply,
    const struct cnc__caller *who, struct cnc__values *v, bool all)
{
    if (!may_set(cnc__records_record(node), cnc__values_text(v, "field"))) {
        cnc__command_refuse(reply, v, "field",
                            "The records have no such field to be typed.");
    } else {
        for_ids(node, reply, who, v, all, "Changed", set_one);
    }
}

static void
run_delete(struct cnc__command_reply *reply, const struct cnc__caller *who,
           struct cnc__values *v, void *priv)
{
    struct cnc__node *node = cnc__find_node(priv, reply, v);

    if (node != NULL) {
        delete (node, reply, who, v, is_all(v));
    }
}

static void
run_set(struct cnc__command_reply *reply, const struct cnc__caller *who,
        struct cnc__values *v, void *priv)
{
    struct cnc__node *node = cnc__find_node(priv, reply, v);

    if (node != NULL) {
        set(node, reply, who, v, is_all(v));
    }
}

/* The buttons of one form. */
static void
run_change(struct cnc__command_reply *reply, const struct cnc__caller *who,
           struct cnc__values *v, void *priv)
{
    const char *what = cnc__values_text(v, "what");
    struct cnc__node *node = cnc__find_node(priv, reply, v);
    bool all = strstr(what, "-all") != NULL || is_all(v);

    if (node == NULL) {
        return;
    }
    if (strncmp(what, "set", 3) == 0) {
        set(node, reply, who, v, all);
    } else if (strncmp(what, "delete", 6) == 0) {
        delete (node, reply, who, v, all);
    } else {
        cnc__command_refuse(reply, v, "what", "Please choose one.");
    }
}

int
cnc__records_bulk(struct cnc__apps *a, struct cnc_error *err)
{
    const struct cnc__command all[] = {
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
         .priv = a},
        {.node = (char *)"records/change",
         .name = (char *)"Change or delete records",
         .help = (char *)"Some of them, or all that match.",
         .record = &change_record,
         .run = run_change,
         .priv = a}};
    int code = 0;

    for (size_t i = 0; code == 0 && i < CNC_N(all); i++) {
        code = cnc__commands_add(a->env.commands, &all[i], err);
    }
    return code;
}
