/* SPDX-License-Identifier: MIT */
/*
 * hooks.c -- whose entry it is that runs, what it stands for, and the
 * questions that apps are asked.
 *
 *   the app's own  --cnc_super()-->  its base's  --cnc_super()--> ...
 *
 * An entry is looked for in the app itself and then in what it extends; the
 * layer it was found in is where cnc_super() goes on from.
 */
#include "private.h"

/* -- entries ----------------------------------------------------------------
 */

struct found { /* an entry of one layer */
    int (*with)(struct cnc_request *r, struct cnc_element *in);
    int (*alone)(struct cnc_request *r);
    void *priv;
};

static bool
same(const char *a, const char *b)
{
    return b != NULL && strcmp(a, b) == 0;
}

static bool
find_handler(struct found *out, const struct cnc_app *d,
             const struct cnc_handler *key)
{
    for (const struct cnc_handler *h = d->handlers; h != NULL && h->kinds != 0;
         h++) {
        if ((h->kinds & key->kinds) != 0 && same(h->ns, key->ns) &&
            same(h->name, key->name)) {
            out->with = h->handle;
            out->priv = h->priv;
            return true;
        }
    }
    return false;
}

/* One list of the declaration: its entries' first member is the key. */
#define FIND(list, member, set)                                               \
    for (const __typeof__(*d->list) *e = d->list;                             \
         e != NULL && e->member != NULL; e++) {                               \
        if (same(e->member, key)) {                                           \
            out->set;                                                         \
            out->priv = e->priv;                                              \
            return out->with != NULL || out->alone != NULL;                   \
        }                                                                     \
    }                                                                         \
    return false

static bool
find_submit(struct found *out, const struct cnc_app *d, const char *key)
{
    FIND(nodes, name, with = e->submit);
}

static bool
find_task(struct found *out, const struct cnc_app *d, const char *key)
{
    FIND(tasks, name, alone = e->run);
}

static bool
find_command(struct found *out, const struct cnc_app *d, const char *key)
{
    FIND(commands, node, with = e->run);
}

static bool
find_hook(struct found *out, const struct cnc_app *d, const char *key)
{
    FIND(hooks, name, with = e->f);
}

static bool
find(struct found *out, const struct cnc_app *d, const struct cnc_request *r)
{
    *out = (struct found){0};
    switch (r->entry) {
    case CNC__ENTRY_SUBMIT:
        return find_submit(out, d, r->key);
    case CNC__ENTRY_HANDLER:
        return find_handler(out, d, r->handler);
    case CNC__ENTRY_TASK:
        return find_task(out, d, r->key);
    case CNC__ENTRY_COMMAND:
        return find_command(out, d, r->key);
    case CNC__ENTRY_HOOK:
        return find_hook(out, d, r->key);
    case CNC__ENTRY_START:
        out->alone = d->start;
        out->priv = d->priv;
        return d->start != NULL;
    case CNC__ENTRY_NONE:
        break;
    }
    return false;
}

void
cnc__request_entry(struct cnc_request *r, enum cnc__entry entry,
                   const char *key, struct cnc_element *in)
{
    struct found f;

    r->entry = entry;
    r->key = cnc__app_inner(r->app, key);
    r->in = in;
    r->layer = r->app;
    while (r->layer != NULL && !find(&f, r->layer->own, r)) {
        r->layer = r->layer->base;
    }
}

/* Run f as this request, which is the caller's again after it. */
static int
run(struct cnc_request *r, struct cnc__app *layer, const struct found *f,
    struct cnc_element *in)
{
    struct cnc__app *old_layer = r->layer;
    void *old_priv = r->priv;
    int code;

    r->layer = layer;
    r->priv = f->priv;
    code = f->with != NULL ? f->with(r, in) : f->alone(r);
    r->layer = old_layer;
    r->priv = old_priv;
    return code;
}

int
cnc_super(struct cnc_request *r)
{
    struct cnc__app *layer;
    struct found f;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    layer = r->layer == NULL ? NULL : r->layer->base;
    while (layer != NULL && !find(&f, layer->own, r)) {
        layer = layer->base;
    }
    return layer == NULL ? CNC_ENOENT : run(r, layer, &f, r->in);
}

/* -- asked by an app --------------------------------------------------------
 */

static int
run_hook(struct cnc_request *r, const char *name, struct cnc_element *in)
{
    enum cnc__entry old_entry = r->entry;
    const char *old_key = r->key;
    struct cnc__app *old_layer = r->layer;
    struct cnc_element *old_in = r->in;
    int code = CNC_ENOENT;
    struct found f;

    cnc__request_entry(r, CNC__ENTRY_HOOK, name, in);
    if (r->layer != NULL) {
        find(&f, r->layer->own, r);
        code = run(r, r->layer, &f, in);
    }
    r->entry = old_entry;
    r->key = old_key;
    r->layer = old_layer;
    r->in = old_in;
    return code;
}

int
cnc_hook(struct cnc_request *r, const char *name, struct cnc_element *in)
{
    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return run_hook(r, name, in);
}

/* -- asked by the service ---------------------------------------------------
 */

struct question {
    struct cnc_request call;
    struct cnc__apps *apps;
    char *name;
    struct cnc_element *in;
    cnc__hook_done_f *done;
    void *priv;
    struct cnc__app *asked; /* the last one */
};

static bool
has_hook(const struct cnc__app *app, const char *name)
{
    struct found f = {0};

    return find_hook(&f, app->decl, name);
}

static void
drop(struct cnc_request *r)
{
    struct question *q = CNC_CONTAINER(r, struct question, call);

    cnc__request_call_fini(r);
    cnc_element_unref(&q->in);
    cnc__free(q->name);
    cnc__free(q);
}

static void
answer(struct question *q, int code, const char *text)
{
    q->done(code, text, q->priv);
    drop(&q->call);
}

static void
give_up(struct cnc_request *r, const char *why)
{
    struct question *q = CNC_CONTAINER(r, struct question, call);

    q->done(CNC_ESYS, why, q->priv);
}

static void ask_next(struct question *q);

static int
run_question(struct cnc_request *r)
{
    struct question *q = CNC_CONTAINER(r, struct question, call);

    return run_hook(r, q->name, q->in);
}

static void
after_question(struct cnc_request *r, int code)
{
    struct question *q = CNC_CONTAINER(r, struct question, call);
    char text[sizeof(r->refusal)];

    if (code == CNC_ENOENT && !r->refused) {
        cnc__request_call_fini(r);
        ask_next(q); /* it does not know; perhaps another one does */
        return;
    }
    memcpy(text, r->refusal, sizeof(text));
    code = r->refused ? CNC_EREFUSED : code;
    cnc__app_judge(r, code);
    answer(q, code, text[0] == '\0' ? NULL : text);
}

static void
ask_next(struct question *q)
{
    struct cnc__app *app = q->asked == NULL ? q->apps->first : q->asked->next;

    while (app != NULL &&
           (app->state != CNC__APP_RUNNING || !has_hook(app, q->name))) {
        app = app->next;
    }
    if (app == NULL) {
        answer(q, CNC_ENOENT, NULL);
        return;
    }
    q->asked = app;
    q->call = (struct cnc_request){
        .app = app,
        .user = cnc__router_domain(q->apps->env.router),
        .question = true,
        .run = run_question,
        .after = after_question,
        .give_up = give_up,
        .drop = drop,
    };
    cnc__app_call(&q->call);
}

void
cnc__apps_hook(struct cnc__apps *a, const char *name, struct cnc_element *in,
               cnc__hook_done_f *done, void *priv)
{
    struct question *q = cnc__zalloc(sizeof(*q));

    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    q->apps = a;
    q->name = cnc__strdup(name);
    q->in = cnc_element_ref(in);
    q->done = done;
    q->priv = priv;
    ask_next(q);
}
