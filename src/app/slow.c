/* SPDX-License-Identifier: MIT */
/*
 * slow.c -- questions of concordance/login.h on their way to the core's thread
 * and back.
 *
 * Slow work with a then(): CNC_EAGAIN, and then() later on the handler's
 * thread.  Without one the thread of a threaded app waits, and with it the
 * app's other handlers.
 */
#include "slow.h"

static void
slow_free(struct cnc__slow *s)
{
    char *const texts[] = {s->a, s->b, s->c};

    for (size_t i = 0; i < CNC_N(texts); i++) {
        if (texts[i] != NULL) {
            cnc__wipe(texts[i], strlen(texts[i]));
            cnc__free(texts[i]);
        }
    }
    cnc__free(s);
}

void
cnc__login_forget(struct cnc_request *r)
{
    while (r->slow != NULL) {
        struct cnc__slow *s = r->slow;

        r->slow = s->next;
        s->r = NULL;
    }
}

/* -- on the core's thread --------------------------------------------------
 */

/* r is told: it has one less under way. */
static void
unlink_slow(struct cnc__slow *s)
{
    struct cnc__slow **at = &s->r->slow;

    while (*at != s) {
        at = &(*at)->next;
    }
    *at = s->next;
}

static int
run_then(struct cnc_request *call)
{
    struct cnc__slow *s = call->priv;

    s->then(s->r, s->code);
    return 0;
}

static void
drop_then(struct cnc_request *call)
{
    struct cnc__slow *s = call->priv;

    cnc__request_call_fini(call);
    slow_free(s);
}

static void
after_then(struct cnc_request *call, int code)
{
    drop_then(call);
}

/* Some turns later, on the core's thread. */
static void
tell(void *arg)
{
    struct cnc__slow *s = arg;

    if (s->r == NULL) {
        slow_free(s);
        return;
    }
    unlink_slow(s);
    s->call = (struct cnc_request){.app = s->r->app,
                                   .priv = s,
                                   .run = run_then,
                                   .after = after_then,
                                   .drop = drop_then};
    cnc__app_call(&s->call);
}

void
cnc__slow_finished(int code, void *arg)
{
    struct cnc__slow *s = arg;

    s->code = code;
    if (s->waits != NULL) { /* s is the thread's from here on */
        cnc__app_thread_done(s->waits, &s->done);
    } else if (s->r != NULL) {
        /* Not within the call that asked. */
        s->r->app->apps->env.post(tell, s, cnc__ops_priv(s->r));
    } else {
        slow_free(s);
    }
}

static void
begin(void *arg)
{
    struct cnc__slow *s = arg;
    int code = s->ask(s);

    if (code != 0) {
        cnc__slow_finished(code, s);
    }
}

/* -- on the handler's thread -----------------------------------------------
 */

struct cnc__slow *
cnc__slow_new(struct cnc_request *r, cnc_then_f *then,
              int (*ask)(struct cnc__slow *s), const char *a, const char *b,
              const char *c)
{
    struct cnc__slow *s = cnc__zalloc(sizeof(*s));

    s->r = r;
    s->then = then;
    s->ask = ask;
    s->a = cnc__strdup(a);
    s->b = cnc__strdup(b);
    s->c = cnc__strdup(c);
    return s;
}

int
cnc__slow_wait(struct cnc__slow *s)
{
    int code = CNC_ECLOSED;

    s->waits = cnc__app_thread_here();
    if (cnc__app_on_core(s->r, begin, s)) {
        cnc__app_thread_wait(s->waits, &s->done);
        code = s->code;
    }
    slow_free(s);
    return code;
}

static void
begin_linked(void *arg)
{
    struct cnc__slow *s = arg;

    s->next = s->r->slow;
    s->r->slow = s;
    begin(s);
}

int
cnc__slow_run(struct cnc__slow *s)
{
    const struct cnc_request *r = s->r;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    if (s->then == NULL && cnc__app_thread_here() != NULL) {
        return cnc__slow_wait(s);
    }
    if (s->then == NULL || !r->may_wait) {
        cnc__log(CNC_LOG_WARN, "app.misuse",
                 "app=%s this handler cannot wait: it needs then, and to be a "
                 "command's",
                 r->app_name);
        slow_free(s);
        return CNC_EINVAL;
    }
    if (!cnc__app_on_core(s->r, begin_linked, s)) {
        slow_free(s);
        return CNC_ECLOSED;
    }
    return CNC_EAGAIN;
}

/* -- answered at once ------------------------------------------------------
 */

int
cnc__quick_ask(struct cnc__quick *q, void (*f)(void *arg))
{
    return cnc__app_on_core(q->r, f, q) ? q->code : CNC_ECLOSED;
}

/* -- kept meanwhile --------------------------------------------------------
 */

static void
on_kept(int code, void *arg)
{
    struct cnc_request *r = arg;

    r->n_keeping--;
    r->not_kept = r->not_kept || code != 0;
    if (r->ended) {
        cnc__request_end(r);
    }
}

cnc__code_f *
cnc__request_keeps(struct cnc_request *r)
{
    if (r->after == NULL || r->entry == CNC__ENTRY_START) {
        return NULL; /* nobody waits for what it says */
    }
    r->n_keeping++;
    return on_kept;
}

void
cnc__request_end(struct cnc_request *r)
{
    r->ended = true;
    if (r->n_keeping == 0) {
        r->after(r, r->code == 0 && r->not_kept ? CNC_ESTORE : r->code);
    }
}
