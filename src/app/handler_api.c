/* SPDX-License-Identifier: MIT */
/*
 * handler_api.c -- what a handler may call: see concordance/app.h.
 */
#include <stdio.h>

#include "../base/text.h"
#include "../xml/write.h"
#include "slow.h"

const char *
cnc_user(const struct cnc_request *r)
{
    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return r->user;
}

bool
cnc_is_guest(const struct cnc_request *r)
{
    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return r->guest;
}

void *
cnc_priv(const struct cnc_request *r)
{
    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return r->priv;
}

const char *
cnc_node_name(const struct cnc_request *r)
{
    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return r->node;
}

const char *
cnc_item_id(const struct cnc_request *r)
{
    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return r->item_id;
}

const char *
cnc_text(const struct cnc_element *record, const char *name)
{
    return cnc_element_child_text(record, NULL, name);
}

/* One line, cut between characters. */
static void
print_line(char *out, size_t size, const char *fmt, va_list ap)
{
    size_t len;

    CNC_CHECK(fmt != NULL);
    vsnprintf(out, size, fmt, ap);
    len = strlen(out);
    while (len > 0 && !cnc__utf8_valid(out, len)) {
        len--;
    }
    out[len] = '\0';
    for (; *out != '\0'; out++) {
        *out = (unsigned char)*out < ' ' ? ' ' : *out;
    }
}

int
cnc_refuse(struct cnc_request *r, const char *field, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    va_start(ap, fmt);
    print_line(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (!r->refused) {
        snprintf(r->refusal, sizeof(r->refusal), "%s", text);
    }
    r->refused = true;
    if (r->values != NULL) {
        cnc__values_refuse(r->values, field, text);
    }
    return CNC_EREFUSED;
}

int
cnc_fault(struct cnc_request *r, const char *fmt, ...)
{
    va_list ap;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    va_start(ap, fmt);
    print_line(r->fault, sizeof(r->fault), fmt, ap);
    va_end(ap);
    return CNC_ESYS;
}

void
cnc__request_refusals(const struct cnc_request *r,
                      const struct cnc_record *record, struct cnc__values *to)
{
    const char *text;

    for (const struct cnc_field *f = record == NULL ? NULL : record->fields;
         f != NULL && f->name != NULL; f++) {
        text = cnc__values_error(r->values, f->name);
        if (text != NULL) {
            cnc__values_refuse(to, f->name, text);
        }
    }
    text = cnc__values_error(r->values, NULL);
    if (text != NULL) {
        cnc__values_refuse(to, NULL, text);
    }
}

int
cnc_replace(struct cnc_request *r, struct cnc_element *record)
{
    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    cnc_element_unref(&r->replaced);
    /* Its thread may go on editing it: keep a frozen copy. */
    r->replaced = cnc_element_is_frozen(record) ? cnc_element_ref(record)
                                                : cnc_element_freeze(record);
    return 0;
}

int
cnc_reply(struct cnc_request *r, const char *fmt, ...)
{
    va_list ap;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    cnc__str_clear(&r->reply);
    va_start(ap, fmt);
    cnc__xml_vprintf(&r->reply, fmt, ap);
    va_end(ap);
    return 0;
}

void
cnc_log(struct cnc_request *r, const char *fmt, ...)
{
    struct cnc__str text = CNC__STR;
    va_list ap;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    va_start(ap, fmt);
    cnc__str_vprintf(&text, fmt, ap);
    va_end(ap);
    cnc__log(CNC_LOG_INFO, "app.log", "app=%s %s", r->app_name,
             cnc__str_c(&text));
    cnc__str_fini(&text);
}

int
cnc__request_may_change(const struct cnc_request *r, const char *call,
                        struct cnc_error *err)
{
    if (!r->reads) {
        return 0;
    }
    cnc__log(CNC_LOG_WARN, "app.misuse",
             "app=%s %s() in a command that only reads", r->app_name, call);
    return cnc_error_set(err, CNC_EACCES, "not-allowed",
                         "a page only reads; use a command");
}

const char *
cnc_lang(const struct cnc_request *r)
{
    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return r->caller == NULL ? "en" : r->caller->lang;
}

/* -- what needs the core's thread ---------------------------------------- */

/* An item's id and payload; the item itself is the core's own, for its count
 * is not for two threads. */
struct copy {
    char *id;
    struct cnc_buf *payload;
};

struct node_call {
    struct cnc_request *r;
    const char *node, *id, *field, *value;
    const struct cnc_element *record;
    bool found;
    struct copy *items;
    size_t n_items;
    int code;
    struct cnc_error *err;
    char *text;
};

/* Handlers call their own nodes as they declared them. */
struct cnc__node *
cnc__request_node(const struct cnc_request *r, const char *name)
{
    char outer[CNC__APP_NAME];

    return cnc__pubsub_node(r->app->apps->env.pubsub,
                            cnc__app_outer(r->app, name, outer));
}

static struct cnc__node *
call_node(struct node_call *c)
{
    return cnc__request_node(c->r, c->node);
}

/* As on_core(), with a code for a service that is gone. */
static int
ask(struct node_call *c, void (*f)(void *arg))
{
    if (!cnc__app_on_core(c->r, f, c)) {
        return cnc_error_set(c->err, CNC_ECLOSED, "service-unavailable",
                             "the service has stopped");
    }
    return c->code;
}

static void
find_on_core(void *arg)
{
    struct node_call *c = arg;
    struct cnc__node *node = call_node(c);
    const struct cnc__app_node *own =
        node == NULL ? NULL : cnc__node_priv(node);
    const struct cnc_record *r = own == NULL ? NULL : own->decl->record;

    c->found = node != NULL && cnc__node_find(node, c->field, c->value);
    /* Older items may call the field otherwise. */
    for (const struct cnc_field *f = r == NULL ? NULL : r->fields;
         !c->found && f != NULL && f->name != NULL; f++) {
        c->found = f->was != NULL && strcmp(f->name, c->field) == 0 &&
                   cnc__node_find(node, f->was, c->value);
    }
}

bool
cnc_find(struct cnc_request *r, const char *node, const char *field,
         const char *value)
{
    struct node_call c = {
        .r = r, .node = node, .field = field, .value = value};

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return ask(&c, find_on_core) == 0 && c.found;
}

static void
copy_item(struct node_call *c, const struct cnc__item *item)
{
    if (item->payload != NULL) {
        struct copy *copy = &c->items[c->n_items++];

        copy->id = cnc__strdup(item->id);
        copy->payload = cnc_buf_ref(item->payload);
    }
}

/* The next copy as an element; it is given back. */
static int
take_copy(struct cnc_element **out, struct copy *copy)
{
    int code = cnc_xml_parse(out, cnc_buf_data(copy->payload),
                             cnc_buf_len(copy->payload), 0, NULL, NULL);

    cnc_buf_unref(&copy->payload);
    return code;
}

static void
get_on_core(void *arg)
{
    struct node_call *c = arg;
    struct cnc__node *node = call_node(c);
    struct cnc__item *item =
        node == NULL ? NULL : cnc__node_item_or_pending(node, c->id);

    if (item != NULL) {
        c->items = cnc__zalloc(sizeof(*c->items));
        copy_item(c, item);
        cnc__item_unref(&item);
    }
}

int
cnc_get(struct cnc_request *r, struct cnc_element **out, const char *node,
        const char *id)
{
    struct node_call c = {.r = r, .node = node, .id = id};
    int code;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    code = ask(&c, get_on_core);
    if (code == 0) {
        code = c.n_items == 0 ? CNC_ENOENT : take_copy(out, c.items);
    }
    if (c.n_items > 0) {
        cnc__free(c.items->id);
    }
    cnc__free(c.items);
    return code;
}

static void
each_on_core(void *arg)
{
    struct node_call *c = arg;
    struct cnc__node *node = call_node(c);
    size_t n;

    if (node == NULL) {
        c->code = CNC_ENOENT;
        return;
    }
    n = cnc__node_n_items(node);
    c->items = cnc__realloc(NULL, n + 1, sizeof(*c->items));
    for (size_t i = 0; i < n; i++) {
        copy_item(c, cnc__node_item_at(node, i));
    }
}

int
cnc_each(struct cnc_request *r, const char *node, cnc_each_f *f, void *priv)
{
    struct node_call c = {.r = r, .node = node};
    int stop;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    stop = ask(&c, each_on_core);
    for (size_t i = 0; i < c.n_items; i++) {
        struct cnc_element *e = NULL;

        if (take_copy(&e, &c.items[i]) == 0) {
            if (stop == 0) {
                stop = f(c.items[i].id, e, priv);
            }
            cnc_element_unref(&e);
        }
        cnc__free(c.items[i].id);
    }
    cnc__free(c.items);
    return stop;
}

/* What is on its way to the store because of a request: it is not answered
 * before. */
struct on_its_way {
    struct cnc_request *r;
    cnc__code_f *done; /* NULL: nobody waits, and r may be over */
    const char *app;
};

static struct on_its_way *
on_its_way(struct cnc_request *r)
{
    struct on_its_way *w = cnc__zalloc(sizeof(*w));

    *w = (struct on_its_way){r, cnc__request_keeps(r), r->app->decl->name};
    return w;
}

static void
logged(const struct cnc_error *err, const char *id, void *priv)
{
    struct on_its_way *w = priv;

    if (err != NULL) {
        cnc__log(CNC_LOG_ERROR, "app.publish", "app=%s id=%s error=%s", w->app,
                 id == NULL ? "" : id, err->text);
    }
    if (w->done != NULL) {
        w->done(err == NULL ? 0 : CNC_ESTORE, w->r);
    }
    cnc__free(w);
}

static struct cnc__actor
app_actor(const struct cnc_request *r)
{
    return (struct cnc__actor){
        .jid = cnc__router_domain(r->app->apps->env.router),
        .operator_ = true};
}

static void
publish_on_core(void *arg)
{
    struct node_call *c = arg;
    struct cnc__node *node = call_node(c);
    struct cnc__actor actor = app_actor(c->r);
    struct cnc_element *record = NULL;
    struct cnc__app_node *own;

    if (node == NULL) {
        c->code = cnc_error_set(c->err, CNC_ENOENT, "item-not-found",
                                "there is no node \"%s\"", c->node);
        return;
    }
    own = cnc__node_priv(node);
    if (own != NULL && own->decl->record != NULL) {
        c->code = cnc__app_record(&record, own, c->record, c->err);
    }
    if (c->code == 0) {
        c->r->app->counts.published++;
        cnc__pubsub_publish(c->r->app->apps->env.pubsub, &actor, node, c->id,
                            record != NULL ? record : c->record, false, logged,
                            on_its_way(c->r));
    }
    cnc_element_unref(&record);
}

int
cnc_publish(struct cnc_request *r, const char *node, const char *id,
            const struct cnc_element *record, struct cnc_error *err)
{
    struct node_call c = {
        .r = r, .node = node, .id = id, .record = record, .err = err};
    int code;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    code = cnc__request_may_change(r, "cnc_publish", err);
    return code != 0 ? code : ask(&c, publish_on_core);
}

static void
retract_on_core(void *arg)
{
    struct node_call *c = arg;
    struct cnc__node *node = call_node(c);
    struct cnc__actor actor = app_actor(c->r);

    if (node == NULL || cnc__node_item(node, c->id) == NULL) {
        c->code =
            cnc_error_set(c->err, CNC_ENOENT, "item-not-found",
                          "there is no item \"%s\" in \"%s\"", c->id, c->node);
        return;
    }
    cnc__pubsub_retract(c->r->app->apps->env.pubsub, &actor, node, c->id,
                        logged, on_its_way(c->r));
}

int
cnc_retract(struct cnc_request *r, const char *node, const char *id,
            struct cnc_error *err)
{
    struct node_call c = {.r = r, .node = node, .id = id, .err = err};
    int code;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    code = cnc__request_may_change(r, "cnc_retract", err);
    return code != 0 ? code : ask(&c, retract_on_core);
}

char *
cnc__app_setting(const struct cnc__app *app, const char *name)
{
    const struct cnc_record *rec = app->decl->settings;

    for (const struct cnc_field *f = rec == NULL ? NULL : rec->fields;
         f != NULL && f->name != NULL; f++) {
        if (strcmp(f->name, name) == 0) {
            return cnc__strdup(app->settings != NULL &&
                                       f->kind != CNC_FIELD_FIXED
                                   ? cnc_text(app->settings, f->name)
                                   : f->value);
        }
    }
    return NULL;
}

static void
setting_on_core(void *arg)
{
    struct node_call *c = arg;

    c->text = cnc__app_setting(c->r->app, c->field);
}

static void
setting_lost_on_core(void *arg)
{
    struct node_call *c = arg;
    const struct cnc__values *misfits = c->r->app->misfits;

    c->text = misfits == NULL
                  ? NULL
                  : cnc__strdup(cnc__values_get(misfits, c->field, 0));
}

/* It lives until the handler returns. */
static const char *
keep_text(struct cnc_request *r, char *text)
{
    struct cnc__app_text *kept = cnc__zalloc(sizeof(*kept));

    kept->text = text;
    kept->next = r->settings;
    r->settings = kept;
    return text;
}

const char *
cnc_setting(struct cnc_request *r, const char *name)
{
    struct node_call c = {.r = r, .field = name};

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return ask(&c, setting_on_core) != 0 || c.text == NULL
               ? ""
               : keep_text(r, c.text);
}

const char *
cnc_setting_lost(struct cnc_request *r, const char *name)
{
    struct node_call c = {.r = r, .field = name};

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return ask(&c, setting_lost_on_core) != 0 || c.text == NULL
               ? NULL
               : keep_text(r, c.text);
}

static void
url_on_core(void *arg)
{
    struct node_call *c = arg;
    const struct cnc__apps_env *env = &c->r->app->apps->env;

    c->text = env->url == NULL ? NULL : env->url(env->priv);
}

int
cnc_url(struct cnc_request *r, char *out, size_t size, const char *path)
{
    struct node_call c = {.r = r};
    int code, n = 0;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    code = ask(&c, url_on_core);
    if (code == 0) {
        n = snprintf(out, size, "%s%s", c.text == NULL ? "" : c.text, path);
    }
    cnc__free(c.text);
    return code == 0 && (size_t)n >= size ? CNC_ELIMIT : code;
}

static void
role_on_core(void *arg)
{
    struct node_call *c = arg;
    const struct cnc__apps_env *env = &c->r->app->apps->env;

    c->found = env->has_role != NULL &&
               env->has_role(c->r->user, c->field, env->priv);
}

bool
cnc_has_role(const struct cnc_request *r, const char *role)
{
    struct node_call c = {.r = (struct cnc_request *)r, .field = role};

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    if (r->operator_) {
        return true; /* operators may everything */
    }
    return !r->guest && ask(&c, role_on_core) == 0 && c.found;
}
