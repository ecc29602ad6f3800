/* SPDX-License-Identifier: MIT */
/*
 * stanza.c -- an app's raw stanza handlers and its periodic tasks.
 */
#include <stdio.h>

#include "../xmpp/jid.h"
#include "private.h"
#include "stanza.h"

struct stanza_call {
    struct cnc_request call;
    struct cnc__app_handler *handler;
    struct cnc__request *stanza; /* the core's */
    struct cnc_element *payload;
    char *user;
};

static int
run_stanza(struct cnc_request *r)
{
    struct stanza_call *c = CNC_CONTAINER(r, struct stanza_call, call);

    return r->handler->handle(r, c->payload);
}

static bool
is_iq(const struct cnc__request *r)
{
    return r->kind == CNC__IQ_GET || r->kind == CNC__IQ_SET;
}

static void
drop_stanza(struct cnc_request *r)
{
    struct stanza_call *c = CNC_CONTAINER(r, struct stanza_call, call);

    cnc__request_call_fini(r);
    cnc_element_unref(&c->payload);
    cnc__free(c->user);
    cnc__free(c);
}

static void
after_stanza(struct cnc_request *r, int code)
{
    struct stanza_call *c = CNC_CONTAINER(r, struct stanza_call, call);
    const struct cnc__app *app = c->handler->app;

    cnc__app_judge(r, code);
    if (code != 0 && !r->refused && code != CNC_EREFUSED) {
        cnc__log(CNC_LOG_ERROR, "app.handler",
                 "app=%s handler={%s}%s error=%s", app->decl->name,
                 r->handler->ns, r->handler->name, cnc_err_name(code));
    }
    if (!is_iq(c->stanza)) {
        cnc__request_free(&c->stanza);
    } else if (r->refused || code == CNC_EREFUSED) {
        cnc__request_refuse(&c->stanza, CNC_EREFUSED, "not-acceptable", "%s",
                            r->refused ? r->refusal : "It was refused.");
    } else if (code != 0) {
        cnc__request_refuse(&c->stanza, CNC_ESYS, "internal-server-error",
                            "Something went wrong on our side.");
    } else {
        cnc__request_result(&c->stanza,
                            r->reply.len == 0 ? NULL : r->reply.data,
                            r->reply.len);
    }
    drop_stanza(r);
}

static void
give_up_stanza(struct cnc_request *r, const char *why)
{
    struct stanza_call *c = CNC_CONTAINER(r, struct stanza_call, call);

    if (is_iq(c->stanza)) {
        cnc__request_refuse(&c->stanza, CNC_ESYS, "internal-server-error",
                            "%s", why);
    } else {
        cnc__request_free(&c->stanza);
    }
}

static void
on_stanza(struct cnc__request *stanza, void *priv)
{
    struct cnc__app_handler *h = priv;
    struct stanza_call *c = cnc__zalloc(sizeof(*c));

    c->handler = h;
    c->stanza = stanza;
    if (stanza->payload != NULL) {
        c->payload = cnc_element_ref(stanza->payload);
    }
    c->user = cnc__strndup(stanza->from, cnc__jid_bare_len(stanza->from));
    c->call.app = h->app;
    c->call.user = c->user;
    c->call.guest = stanza->anonymous;
    c->call.operator_ = stanza->operator_;
    c->call.priv = h->decl->priv;
    c->call.handler = h->decl;
    cnc__request_entry(&c->call, CNC__ENTRY_HANDLER, NULL, c->payload);
    c->call.run = run_stanza;
    c->call.after = after_stanza;
    c->call.give_up = give_up_stanza;
    c->call.drop = drop_stanza;
    cnc__app_call(&c->call);
}

static struct cnc__handler
router_handler(const struct cnc_handler *d)
{
    return (struct cnc__handler){.kinds = d->kinds,
                                 .ns = d->ns,
                                 .name = d->name,
                                 .feature = d->ns,
                                 .f = on_stanza};
}

/* One that is free, or a new one. */
static struct cnc__app_handler *
handler_hold(struct cnc__app *app)
{
    struct cnc__app_handler *h = app->handlers;

    while (h != NULL && h->here) {
        h = h->next;
    }
    if (h == NULL) {
        h = cnc__zalloc(sizeof(*h));
        h->app = app;
        h->next = app->handlers;
        app->handlers = h;
    }
    return h;
}

int
cnc__app_handlers_add(struct cnc__app *app, struct cnc_error *err)
{
    const struct cnc_handler *d = app->decl->handlers;

    for (; d->kinds != 0; d++) {
        struct cnc__app_handler *h;
        struct cnc__handler handler = router_handler(d);
        int code;

        if (d->ns == NULL || d->name == NULL || d->handle == NULL) {
            return cnc_error_set(
                err, CNC_EINVAL, NULL,
                "app \"%s\": a stanza handler needs .ns, .name and .handle",
                app->decl->name);
        }
        h = handler_hold(app);
        h->decl = d;
        handler.priv = h;
        code = cnc__router_handle(app->apps->env.router, &handler, err);
        if (code != 0) {
            return code;
        }
        h->here = true;
    }
    return 0;
}

void
cnc__app_handlers_remove(struct cnc__app *app)
{
    for (struct cnc__app_handler *h = app->handlers; h != NULL; h = h->next) {
        if (h->here) {
            struct cnc__handler handler = router_handler(h->decl);

            h->here = false;
            cnc__router_unhandle(app->apps->env.router, &handler);
        }
    }
}

/* -- tasks and start ----------------------------------------------------- */

struct task_call {
    struct cnc_request call;
    struct cnc__app_task *task;
    const struct cnc_task *decl; /* as it was when the call began */
};

static int
run_task(struct cnc_request *r)
{
    struct task_call *c = CNC_CONTAINER(r, struct task_call, call);

    return c->decl->run(r);
}

static void
drop_task(struct cnc_request *r)
{
    cnc__request_call_fini(r);
    cnc__free(CNC_CONTAINER(r, struct task_call, call));
}

static void
after_task(struct cnc_request *r, int code)
{
    struct task_call *c = CNC_CONTAINER(r, struct task_call, call);

    c->task->running = false;
    cnc__app_judge(r, code);
    if (code != 0) {
        cnc__log(CNC_LOG_ERROR, "app.task", "app=%s task=%s error=%s %s",
                 r->app->decl->name, c->decl->name, cnc_err_name(code),
                 r->refused ? r->refusal : "");
    }
    drop_task(r);
}

static void
give_up_task(struct cnc_request *r, const char *why)
{
    CNC_CONTAINER(r, struct task_call, call)->task->running = false;
}

int
cnc__app_tasks_add(struct cnc__app *app, struct cnc_error *err)
{
    const struct cnc_task *d = app->decl->tasks;

    for (; d->name != NULL; d++) {
        struct cnc__app_task *t = app->tasks;

        if (d->run == NULL || d->every_s == 0) {
            return cnc_error_set(
                err, CNC_EINVAL, NULL,
                "app \"%s\": task \"%s\" needs .every_s and .run",
                app->decl->name, d->name);
        }
        while (t != NULL && (t->here || t->running)) {
            t = t->next;
        }
        if (t == NULL) {
            t = cnc__zalloc(sizeof(*t));
            t->app = app;
            t->next = app->tasks;
            app->tasks = t;
        }
        t->decl = d;
        t->due_ms = 0;
        t->here = true;
    }
    return 0;
}

void
cnc__app_tasks_remove(struct cnc__app *app)
{
    for (struct cnc__app_task *t = app->tasks; t != NULL; t = t->next) {
        t->here = false;
    }
}

void
cnc__app_tasks_tick(struct cnc__app *app, uint64_t now_ms)
{
    for (struct cnc__app_task *t = app->tasks; t != NULL; t = t->next) {
        struct task_call *c;

        if (!t->here) {
            continue;
        }
        if (t->due_ms == 0) {
            t->due_ms = now_ms + (uint64_t)t->decl->every_s * 1000;
        }
        /* A run that takes longer than its period is not doubled. */
        if (now_ms < t->due_ms || t->running) {
            continue;
        }
        t->due_ms = now_ms + (uint64_t)t->decl->every_s * 1000;
        t->running = true;
        c = cnc__zalloc(sizeof(*c));
        c->task = t;
        c->call.app = app;
        c->call.user = cnc__router_domain(app->apps->env.router);
        c->call.priv = t->decl->priv;
        c->decl = t->decl;
        cnc__request_entry(&c->call, CNC__ENTRY_TASK, t->decl->name, NULL);
        c->call.run = run_task;
        c->call.after = after_task;
        c->call.give_up = give_up_task;
        c->call.drop = drop_task;
        cnc__app_call(&c->call);
    }
}
