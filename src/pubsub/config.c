/* SPDX-License-Identifier: MIT */
/*
 * config.c -- a node's configuration: one table of fields makes the form,
 * reads it, and compares it for publish-options.
 */
#include <stdio.h>

#include "../base/text.h"
#include "../xml/write.h"
#include "form.h"
#include "impl.h"

#define MAX_PAYLOAD 16777216 /* bytes; the stream's own limit is lower */
#define MAX_TITLE   1000     /* bytes of a title or a type */
#define MAX_GROUPS  10000    /* bytes of the names of roster groups */
#define MAX_PEOPLE  100      /* JIDs of one kind in the meta-data */

void
cnc__node_config_default(struct cnc__node_config *c)
{
    *c = (struct cnc__node_config){
        .access = CNC__ACCESS_OPEN,
        .publish = CNC__BY_PUBLISHERS,
        .persist_items = true,
        .deliver_payloads = true,
        .deliver_notifications = true,
        .notify_retract = true,
        .notify_delete = true,
        .durable = true,
        .max_items = CNC__MAX_ITEMS,
        .max_payload = 262144,
        .history = 1000,
    };
}

void
cnc__node_config_copy(struct cnc__node_config *to,
                      const struct cnc__node_config *from)
{
    *to = *from;
    to->title = cnc__strdup(from->title);
    to->payload_ns = cnc__strdup(from->payload_ns);
    to->groups = cnc__strdup(from->groups);
    to->readers = cnc__strdup(from->readers);
    to->writers = cnc__strdup(from->writers);
    to->owners = cnc__strdup(from->owners);
}

void
cnc__node_config_fini(struct cnc__node_config *c)
{
    cnc__free(c->title);
    cnc__free(c->payload_ns);
    cnc__free(c->groups);
    cnc__free(c->readers);
    cnc__free(c->writers);
    cnc__free(c->owners);
    c->title = c->payload_ns = c->groups = NULL;
    c->readers = c->writers = c->owners = NULL;
}

static const char *
text_or_empty(const char *s)
{
    return s == NULL ? "" : s;
}

bool
cnc__node_config_equal(const struct cnc__node_config *a,
                       const struct cnc__node_config *b)
{
    struct cnc__node_config x = *a, y = *b;
    x.title = y.title = x.payload_ns = y.payload_ns = NULL;
    x.groups = y.groups = NULL;
    struct cnc__str s = CNC__STR, t = CNC__STR;
    cnc__config_attrs(&s, &x);
    cnc__config_attrs(&t, &y);
    bool equal =
        strcmp(s.data, t.data) == 0 && x.durable == y.durable &&
        x.derived == y.derived &&
        strcmp(text_or_empty(a->title), text_or_empty(b->title)) == 0 &&
        strcmp(text_or_empty(a->payload_ns), text_or_empty(b->payload_ns)) ==
            0 &&
        strcmp(text_or_empty(a->groups), text_or_empty(b->groups)) == 0;
    cnc__str_fini(&s);
    cnc__str_fini(&t);
    return equal;
}

/* -- the fields ----------------------------------------------------------- */

enum kind { TEXT, BOOLEAN, CHOICE, NUMBER };

struct field {        /* where: offset in struct cnc__node_config */
    const char *var;  /* pubsub#... */
    const char *attr; /* in the store */
    const char *label;
    enum kind kind;
    size_t where;
    const char *const *choices; /* NULL-ended, by enum value */
    uint32_t min, max;
};

#define AT(member) offsetof(struct cnc__node_config, member)

static const char *const access_models[] = {
    "open", "whitelist", "authorize", "presence", "roster", NULL};
static const char *const publish_models[] = {"publishers", "subscribers",
                                             "open", NULL};

static const struct field fields[] = {
    {"pubsub#title", "title", "A short name for the node", TEXT, AT(title)},
    {"pubsub#access_model", "access", "Who may subscribe and retrieve items",
     CHOICE, AT(access), access_models},
    {"pubsub#publish_model", "publish", "Who may publish items", CHOICE,
     AT(publish), publish_models},
    {"pubsub#persist_items", "persist", "Keep items", BOOLEAN,
     AT(persist_items)},
    {"pubsub#max_items", "max_items", "How many items are kept", NUMBER,
     AT(max_items), NULL, 1, CNC__MAX_ITEMS},
    {"pubsub#max_payload_size", "max_payload", "Bytes of an item", NUMBER,
     AT(max_payload), NULL, 1, MAX_PAYLOAD},
    {"pubsub#type", "type", "XML namespace of the items", TEXT,
     AT(payload_ns)},
    {"pubsub#deliver_payloads", "payloads", "Notify with the payload", BOOLEAN,
     AT(deliver_payloads)},
    {"pubsub#deliver_notifications", "notify", "Notify subscribers", BOOLEAN,
     AT(deliver_notifications)},
    {"pubsub#notify_retract", "notify_retract",
     "Notify when items are taken away", BOOLEAN, AT(notify_retract)},
    {"pubsub#notify_delete", "notify_delete",
     "Notify when the node is deleted", BOOLEAN, AT(notify_delete)},
    {"pubsub#notify_config", "notify_config",
     "Notify when the configuration changes", BOOLEAN, AT(notify_config)},
};

/* These two are not like the others: older stores have the first one as a
 * boolean, the second one has many values. */
#define LAST_ITEM "pubsub#send_last_published_item"
#define GROUPS    "pubsub#roster_groups_allowed"

static const char *const when[] = {"never", "on_sub", "on_sub_and_presence",
                                   NULL};

static void
get(struct cnc__str *out, const struct field *f,
    const struct cnc__node_config *c)
{
    const char *at = (const char *)c + f->where;
    uint32_t number;
    unsigned choice;
    switch (f->kind) {
    case TEXT:
        cnc__str_puts(out, text_or_empty(*(char *const *)at));
        break;
    case BOOLEAN:
        cnc__str_putc(out, *(const bool *)at ? '1' : '0');
        break;
    case CHOICE:
        memcpy(&choice, at, sizeof(choice));
        cnc__str_puts(out, f->choices[choice]);
        break;
    case NUMBER:
        memcpy(&number, at, sizeof(number));
        cnc__str_printf(out, "%u", number);
        break;
    }
}

static bool
parse_bool(bool *out, const char *s)
{
    bool yes = strcmp(s, "1") == 0 || strcmp(s, "true") == 0;
    if (!yes && strcmp(s, "0") != 0 && strcmp(s, "false") != 0) {
        return false;
    }
    *out = yes;
    return true;
}

static bool
set(struct cnc__node_config *c, const struct field *f, const char *s)
{
    char *at = (char *)c + f->where;
    int64_t number;
    uint32_t n32;
    switch (f->kind) {
    case TEXT:
        if (strlen(s) > MAX_TITLE || !cnc__xml_chars_valid(s, strlen(s))) {
            return false;
        }
        cnc__free(*(char **)at);
        *(char **)at = *s == '\0' ? NULL : cnc__strdup(s);
        return true;
    case BOOLEAN:
        return parse_bool((bool *)at, s);
    case CHOICE:
        for (unsigned i = 0; f->choices[i] != NULL; i++) {
            if (strcmp(f->choices[i], s) == 0) {
                memcpy(at, &i, sizeof(i));
                return true;
            }
        }
        return false;
    case NUMBER:
        if (strcmp(s, "max") == 0) {
            number = f->max;
        } else if (!cnc__parse_int(&number, s, f->min, f->max)) {
            return false;
        }
        n32 = (uint32_t)number;
        memcpy(at, &n32, sizeof(n32));
        return true;
    }
    return false;
}

_Static_assert(sizeof(enum cnc__access_model) == sizeof(unsigned),
               "choices are copied as unsigned");

/* -- as a form ------------------------------------------------------------ */

static void
write_field(struct cnc__str *out, const char *var, const char *type,
            const char *label, const char *value, const char *const *choices,
            bool form)
{
    cnc__xml_printf(out, "<field var='%s'", var);
    if (form) {
        cnc__xml_printf(out, " type='%s' label='%s'", type, label);
    }
    cnc__xml_printf(out, "><value>%s</value>", value);
    for (; form && choices != NULL && *choices != NULL; choices++) {
        cnc__xml_printf(out, "<option><value>%s</value></option>", *choices);
    }
    cnc__str_puts(out, "</field>");
}

static void
write_groups(struct cnc__str *out, const char *groups, bool form)
{
    cnc__str_puts(out, "<field var='" GROUPS "'");
    if (form) {
        cnc__str_puts(out, " type='text-multi'"
                           " label='Roster groups that may see it'");
    }
    cnc__str_putc(out, '>');
    for (const char *g = text_or_empty(groups); *g != '\0';) {
        size_t len = strcspn(g, "\n");
        cnc__xml_printf(out, "<value>%.*s</value>", (int)len, g);
        g += len + (g[len] == '\n');
    }
    cnc__str_puts(out, "</field>");
}

void
cnc__config_form(struct cnc__str *out, const struct cnc__node_config *c,
                 const char *type)
{
    static const char *const types[] = {"text-single", "boolean",
                                        "list-single", "text-single"};
    bool form = strcmp(type, "form") == 0;
    cnc__xml_printf(out,
                    "<x xmlns='jabber:x:data' type='%s'>"
                    "<field var='FORM_TYPE' type='hidden'><value>%s"
                    "</value></field>",
                    type, CNC__NS_NODECFG);
    struct cnc__str value = CNC__STR;
    for (size_t i = 0; i < CNC_N(fields); i++) {
        const struct field *f = &fields[i];
        cnc__str_clear(&value);
        get(&value, f, c);
        write_field(out, f->var, types[f->kind], f->label, cnc__str_c(&value),
                    f->choices, form);
    }
    write_field(out, LAST_ITEM, "list-single", "When the last item is sent",
                when[c->send_last_item], when, form);
    write_groups(out, c->groups, form);
    cnc__str_puts(out, "</x>");
    cnc__str_fini(&value);
}

/* Whoever follows it, there or not. */
static size_t
count_subscribers(const struct cnc__node *n)
{
    size_t all = 0;
    for (struct cnc__table_iter i = {0}; cnc__table_next(n->psubs, &i);) {
        all += (uintptr_t)i.value == CNC__SUBSCRIBED;
    }
    for (size_t i = 0; i < n->n_subs; i++) {
        all += !n->subs[i]->account;
    }
    return all;
}

static void
meta(struct cnc__str *out, const char *var, const char *type,
     const char *label, const char *value)
{
    cnc__xml_printf(out,
                    "<field var='pubsub#%s' type='%s' label='%s'>"
                    "<value>%s</value></field>",
                    var, type, label, value);
}

static void
meta_people(struct cnc__str *out, const struct cnc__node *n, const char *var,
            const char *label, enum cnc__affiliation is)
{
    size_t many = 0;
    cnc__xml_printf(out, "<field var='pubsub#%s' type='jid-multi' label='%s'>",
                    var, label);
    if (n->ps->pep && is == CNC__OWNER) {
        cnc__xml_printf(out, "<value>%s</value>", n->ps->jid);
    }
    for (struct cnc__table_iter i = {0};
         many < MAX_PEOPLE && cnc__table_next(n->affs, &i);) {
        if ((uintptr_t)i.value == is) {
            cnc__xml_printf(out, "<value>%s</value>", i.key);
            many++;
        }
    }
    cnc__str_puts(out, "</field>");
}

void
cnc__config_meta(struct cnc__str *out, const struct cnc__node *n)
{
    const struct cnc__node_config *c = &n->cfg;
    char number[24], date[32];
    cnc__str_puts(out,
                  "<x xmlns='jabber:x:data' type='result'>"
                  "<field var='FORM_TYPE' type='hidden'><value>" CNC__NS_PUBSUB
                  "#meta-data</value></field>");
    meta(out, "title", "text-single", "A short name for the node",
         c->title != NULL ? c->title : n->name);
    if (c->payload_ns != NULL) {
        meta(out, "type", "text-single", "Payload semantic type information",
             c->payload_ns);
    }
    if (n->created_ms != 0) {
        cnc__datetime(date, n->created_ms);
        meta(out, "creation_date", "text-single", "Creation date", date);
    }
    meta(out, "access_model", "list-single", "Access model",
         access_models[c->access]);
    meta(out, "publish_model", "list-single", "Publish model",
         publish_models[c->publish]);
    snprintf(number, sizeof(number), "%u", c->max_items);
    meta(out, "max_items", "text-single", "Max # of items to persist", number);
    snprintf(number, sizeof(number), "%zu", count_subscribers(n));
    meta(out, "num_subscribers", "text-single",
         "Number of subscribers to this node", number);
    meta_people(out, n, "owner", "Node owners", CNC__OWNER);
    meta_people(out, n, "publisher", "Publishers to this node",
                CNC__PUBLISHER);
    cnc__mirror_meta(out, n);
    cnc__str_puts(out, "</x>");
}

static const struct field *
find(const char *var)
{
    for (size_t i = 0; i < CNC_N(fields); i++) {
        if (strcmp(fields[i].var, var) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

static int
set_one(struct cnc__node_config *c, const char *var, const char *value,
        struct cnc_error *err)
{
    bool right;
    const struct field *f = find(var);
    if (strcmp(var, LAST_ITEM) == 0) {
        unsigned i = 0;
        while (when[i] != NULL && strcmp(when[i], value) != 0) {
            i++;
        }
        right = when[i] != NULL;
        c->send_last_item = right ? (enum cnc__send_last)i : CNC__LAST_NEVER;
    } else if (strcmp(var, GROUPS) == 0) {
        right = strlen(value) <= MAX_GROUPS;
        cnc__free(c->groups);
        c->groups = *value == '\0' ? NULL : cnc__strdup(value);
    } else if (f != NULL) {
        right = set(c, f, value);
    } else {
        return cnc__ps_error(err, CNC_EINVAL, "not-acceptable", NULL,
                             "there is no option %s", var);
    }
    if (!right) {
        bool model = f != NULL && f->choices == access_models;
        return cnc__ps_error(err, CNC_EINVAL, "not-acceptable",
                             model ? "unsupported-access-model" : NULL,
                             "%s cannot be \"%.100s\"", var, value);
    }
    return 0;
}

/* Every field of a submitted form with its first value, FORM_TYPE apart. */
static int
each_field(const struct cnc_element *x, const char *form_type,
           int (*f)(void *priv, const char *var, const char *value,
                    struct cnc_error *err),
           void *priv, struct cnc_error *err)
{
    struct cnc__values *v = cnc__values_new();
    int rc = cnc__values_from_form(v, x, err);
    const char *type = cnc__values_get(v, "FORM_TYPE", 0);
    if (rc == 0 && (type == NULL || strcmp(type, form_type) != 0)) {
        rc = cnc__ps_error(err, CNC_EPROTO, "bad-request", "invalid-options",
                           "FORM_TYPE must be %s", form_type);
    }
    const struct cnc_element *field;
    for (size_t i = 0; rc == 0 && (field = cnc_element_next(
                                       x, &i, NULL, "field")) != NULL;) {
        const char *var = cnc_element_attr(field, NULL, "var");
        if (var != NULL && strcmp(var, "FORM_TYPE") != 0) {
            struct cnc__str value = CNC__STR;
            const char *one;
            bool many = strcmp(var, GROUPS) == 0;
            for (size_t k = 0; (one = cnc__values_get(v, var, k)) != NULL &&
                               (k == 0 || (many && value.len <= MAX_GROUPS));
                 k++) {
                cnc__str_puts(&value, k == 0 ? "" : "\n");
                cnc__str_puts(&value, one);
            }
            rc = f(priv, var, cnc__str_c(&value), err);
            cnc__str_fini(&value);
        }
    }
    cnc__values_free(&v);
    return rc;
}

static int
submit_one(void *priv, const char *var, const char *value,
           struct cnc_error *err)
{
    return set_one(priv, var, value, err);
}

int
cnc__config_submit(struct cnc__node_config *c, const struct cnc_element *x,
                   struct cnc_error *err)
{
    return each_field(x, CNC__NS_NODECFG, submit_one, c, err);
}

static int
holds_one(void *priv, const char *var, const char *value,
          struct cnc_error *err)
{
    const struct cnc__node_config *c = priv;
    struct cnc__node_config wish;
    cnc__node_config_copy(&wish, c);
    int rc = set_one(&wish, var, value, err);
    bool same = rc == 0 && wish.send_last_item == c->send_last_item &&
                cnc__node_config_equal(&wish, c);
    cnc__node_config_fini(&wish);
    return same ? 0
                : cnc__ps_error(err, CNC_EEXIST, "conflict",
                                "precondition-not-met",
                                "the node's %s is not \"%.100s\"", var, value);
}

int
cnc__config_options(struct cnc__node_config *c, const struct cnc_element *x,
                    struct cnc_error *err)
{
    return each_field(x, CNC__NS_PUBSUB "#publish-options", submit_one, c,
                      err);
}

int
cnc__config_holds(const struct cnc__node_config *c,
                  const struct cnc_element *x, struct cnc_error *err)
{
    return each_field(x, CNC__NS_PUBSUB "#publish-options", holds_one,
                      (void *)(uintptr_t)c, err);
}

/* -- in the store --------------------------------------------------------- */

void
cnc__config_attrs(struct cnc__str *out, const struct cnc__node_config *c)
{
    struct cnc__str value = CNC__STR;
    for (size_t i = 0; i < CNC_N(fields); i++) {
        cnc__str_clear(&value);
        get(&value, &fields[i], c);
        cnc__xml_printf(out, " %s=\"%s\"", fields[i].attr, cnc__str_c(&value));
    }
    cnc__str_fini(&value);
    cnc__str_printf(out, " last=\"%d\" history=\"%u\"", (int)c->send_last_item,
                    c->history);
    if (c->groups != NULL) {
        cnc__xml_printf(out, " groups=\"%s\"", c->groups);
    }
}

int
cnc__config_read(struct cnc__node_config *c, const struct cnc_element *e)
{
    /* A field an older version did not know keeps its default. */
    for (size_t i = 0; i < CNC_N(fields); i++) {
        const char *value = cnc_element_attr(e, NULL, fields[i].attr);
        if (value != NULL && !set(c, &fields[i], value)) {
            return CNC_ESTORE;
        }
    }
    const char *last = cnc_element_attr(e, NULL, "last");
    const char *history = cnc_element_attr(e, NULL, "history");
    const char *groups = cnc_element_attr(e, NULL, "groups");
    int64_t n = c->history, how = c->send_last_item;
    cnc__free(c->groups);
    c->groups = cnc__strdup(groups);
    if ((last != NULL &&
         !cnc__parse_int(&how, last, 0, CNC__LAST_ON_PRESENCE)) ||
        (history != NULL && !cnc__parse_int(&n, history, 0, UINT32_MAX))) {
        return CNC_ESTORE;
    }
    c->history = (uint32_t)n;
    c->send_last_item = (enum cnc__send_last)how;
    return 0;
}
