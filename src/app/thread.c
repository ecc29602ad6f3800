/* SPDX-License-Identifier: MIT */
/*
 * thread.c -- the thread of an app whose handlers may be slow, and the way
 * from it to the core's thread and back.
 *
 *   core: cnc__app_thread_push() --queue--> app's thread: run()
 *                                             |  cnc_find() ... on_core()
 *   core: f(arg) <------------- post ---------+  (waits)
 *   core: after() <------------ post ---------+
 *
 * The core never waits for an app's thread, so the two cannot lock up.  When
 * the service ends, a handler that does not return is left behind: it may go
 * on, but it reaches the core no more, and what it may look at is never freed.
 *
 * A handler that is stuck while the service runs is given up: see stuck.c.
 */
#include "thread.h"
#include "mark.h"

static __thread struct cnc__app_thread *here;

/* Not r->app->thread alone: that may be a newer one. */
static struct cnc__app_thread *
thread_of(const struct cnc_request *r)
{
    return here != NULL ? here : r->app->thread;
}

struct cnc__app_thread *
cnc__app_thread_here(void)
{
    return here;
}

/* False when the thread was left behind: there is no core any more. */
static bool
post(struct cnc__app_thread *t, void (*f)(void *arg), void *arg)
{
    bool there;

    pthread_mutex_lock(&t->lock);
    there = !t->left;
    if (there) {
        t->apps->env.post(f, arg, t->apps->env.priv);
    }
    pthread_mutex_unlock(&t->lock);
    return there;
}

static void
after_on_core(void *arg)
{
    struct cnc_request *r = arg;

    cnc__request_end(r);
}

void
cnc__request_give_up(struct cnc_request *r, const char *why)
{
    cnc__login_forget(r);
    if (r->give_up != NULL) {
        r->give_up(r, why);
    }
}

/* -- answers that come later: CNC_EAGAIN ... cnc_finish() ------------------
 */

static void
wait_on_core(void *arg)
{
    struct cnc_request *r = arg;
    struct cnc__app *app = r->app;

    r->wait_prev = NULL;
    r->wait_next = app->waiting;
    if (r->wait_next != NULL) {
        r->wait_next->wait_prev = r;
    }
    app->waiting = r;
}

void
cnc__request_waits_no_more(struct cnc_request *r)
{
    if (r->wait_prev != NULL) {
        r->wait_prev->wait_next = r->wait_next;
    } else {
        r->app->waiting = r->wait_next;
    }
    if (r->wait_next != NULL) {
        r->wait_next->wait_prev = r->wait_prev;
    }
}

static void
finish_on_core(void *arg)
{
    struct cnc_request *r = arg;

    if (!r->lost) {
        cnc__request_waits_no_more(r);
        cnc__request_end(r);
    }
}

void
cnc__app_waiting_end(struct cnc__app *app)
{
    while (app->waiting != NULL) {
        app->waiting->code = CNC_ECLOSED;
        finish_on_core(app->waiting);
    }
}

bool
cnc__request_ran(struct cnc_request *r, int code)
{
    if (!r->may_wait || code != CNC_EAGAIN) {
        r->finished = true;
        r->code = code;
        return true;
    }
    r->waits = true;
    return r->finished; /* by what it called */
}

/* A handler of a threaded app finishes on the app's thread: what it asks for
 * is on its way to the core before this is, so the order holds. */
void
cnc_finish(struct cnc_request *r, int code)
{
    struct cnc__app_thread *t;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    CNC_CHECK(r->may_wait && !r->finished);
    r->finished = true;
    r->code = code;
    if (!r->waits) {
        return; /* the handler has not returned yet */
    }
    t = thread_of(r);
    if (t == NULL) {
        finish_on_core(r);
    } else {
        post(t, finish_on_core, r);
    }
}

static int
run(struct cnc_request *r, bool core)
{
    struct cnc__app_mark mark;
    int code;

    cnc__app_mark(&mark, r->app_name, r->app->heap, core);
    code = r->run(r);
    cnc__app_unmark(&mark);
    return code;
}

static void
enter(struct cnc__app_thread *t, struct frame *f, struct cnc_request *r)
{
    *f = (struct frame){.r = r, .outer = t->frame};
    t->frame = f;
    t->stretch++;
}

static void
leave(struct cnc__app_thread *t, struct frame *f)
{
    t->frame = f->outer;
    t->stretch++;
}

/* A handler of a thread that was left behind has returned; with the lock. */
static void
throw_away(struct cnc__app_thread *t, struct cnc_request *r)
{
    while (t->losing) {
        pthread_cond_wait(&t->wake, &t->lock);
    }
    if (r->lost) { /* else the service ends, and all stays as it is */
        r->next = t->kept;
        t->kept = r;
    }
}

/* With the lock, which is not held meanwhile; false: the thread was left. */
static bool
run_one(struct cnc__app_thread *t, struct cnc_request *r, bool *ran)
{
    struct frame f;

    enter(t, &f, r);
    pthread_mutex_unlock(&t->lock);
    *ran = cnc__request_ran(r, run(r, false));
    pthread_mutex_lock(&t->lock);
    leave(t, &f);
    if (t->left) {
        throw_away(t, r);
        return false;
    }
    return true;
}

static void *
thread_main(void *arg)
{
    struct cnc__app_thread *t = here = arg;

    pthread_mutex_lock(&t->lock);
    for (;;) {
        struct cnc_request *r;
        bool ran;

        while (t->first == NULL && !t->stop) {
            pthread_cond_wait(&t->wake, &t->lock);
        }
        if (t->first == NULL || t->left) {
            break;
        }
        r = t->first;
        t->first = r->next;
        if (t->first == NULL) {
            t->last = &t->first;
        }
        t->busy = true;
        if (!run_one(t, r, &ran)) {
            break;
        }
        /* Both at once: who has seen the outcome sees an idle thread. */
        t->busy = false;
        t->apps->env.post(ran ? after_on_core : wait_on_core, r,
                          t->apps->env.priv);
    }
    t->ended = true;
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

struct cnc__app_thread *
cnc__app_thread_new(struct cnc__app *app)
{
    struct cnc__app_thread *t = cnc__zalloc(sizeof(*t));

    t->apps = app->apps;
    t->app = app;
    t->last = &t->first;
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->wake, NULL);
    CNC_CHECK(pthread_create(&t->thread, NULL, thread_main, t) == 0);
    return t;
}

/* It came when the thread was lost already. */
static void
refuse_on_core(void *arg)
{
    struct cnc_request *r = arg;

    cnc__request_give_up(r,
                         "This app is being paused. Please try again later.");
    r->drop(r);
}

void
cnc__app_thread_push(struct cnc__app_thread *t, struct cnc_request *r)
{
    pthread_mutex_lock(&t->lock);
    if (t->lost) {
        /* Not within the call that asked. */
        t->apps->env.post(refuse_on_core, r, t->apps->env.priv);
    } else {
        r->next = NULL;
        *t->last = r;
        t->last = &r->next;
        pthread_cond_signal(&t->wake);
    }
    pthread_mutex_unlock(&t->lock);
}

/* The first question in the queue, taken out; NULL: there is none. */
static struct cnc_request *
take_question(struct cnc__app_thread *t)
{
    struct cnc_request **at = &t->first, *r;

    while (*at != NULL && !(*at)->question) {
        at = &(*at)->next;
    }
    r = *at;
    if (r != NULL) {
        *at = r->next;
        if (r->next == NULL) {
            t->last = at;
        }
    }
    return r;
}

void
cnc__app_thread_wait(struct cnc__app_thread *t, const bool *done)
{
    struct frame *f;

    pthread_mutex_lock(&t->lock);
    f = t->frame;
    f->waits = true;
    while (!*done) {
        struct cnc_request *r = t->left ? NULL : take_question(t);
        bool ran;

        if (r == NULL) {
            pthread_cond_wait(&t->wake, &t->lock);
        } else if (run_one(t, r, &ran)) {
            t->apps->env.post(after_on_core, r, t->apps->env.priv);
        }
    }
    f->waits = false;
    t->stretch++;
    pthread_mutex_unlock(&t->lock);
}

void
cnc__app_thread_done(struct cnc__app_thread *t, bool *done)
{
    pthread_mutex_lock(&t->lock);
    *done = true;
    pthread_cond_broadcast(&t->wake);
    pthread_mutex_unlock(&t->lock);
}

bool
cnc__app_thread_stop(struct cnc__app_thread *t)
{
    bool idle;

    pthread_mutex_lock(&t->lock);
    t->stop = true;
    idle = t->lost || (!t->busy && t->first == NULL);
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    return idle;
}

bool
cnc__app_thread_leave(struct cnc__app_thread *t)
{
    bool left;

    pthread_mutex_lock(&t->lock);
    t->stop = true;
    t->left = t->lost ? !t->ended : t->busy || t->first != NULL;
    left = t->left;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    if (left) {
        pthread_detach(t->thread);
    } else {
        pthread_join(t->thread, NULL);
    }
    return left;
}

void
cnc__app_thread_free(struct cnc__app_thread **tp)
{
    struct cnc__app_thread *t = *tp;

    if (t == NULL) {
        return;
    }
    *tp = NULL;
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
    cnc__free(t);
}

struct core_call {
    void (*f)(void *arg);
    void *arg;
    struct cnc_request *r;
    bool done, refused;
    pthread_mutex_t lock;
    pthread_cond_t wake;
};

static void
core_call_run(void *arg)
{
    struct core_call *c = arg;

    if (c->r->lost) {
        c->refused = true; /* it was given up on the way here */
    } else {
        c->f(c->arg);
    }
    pthread_mutex_lock(&c->lock);
    c->done = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
}

bool
cnc__app_on_core(struct cnc_request *r, void (*f)(void *arg), void *arg)
{
    struct core_call c = {.f = f, .arg = arg, .r = r};
    struct cnc__app_thread *t = thread_of(r);
    bool there;

    if (t == NULL) {
        struct cnc__heap *heap = cnc__heap_set(NULL); /* it is the core's */

        f(arg);
        cnc__heap_set(heap);
        return true;
    }
    pthread_mutex_init(&c.lock, NULL);
    pthread_cond_init(&c.wake, NULL);
    there = post(t, core_call_run, &c);
    pthread_mutex_lock(&c.lock);
    while (there && !c.done) {
        pthread_cond_wait(&c.wake, &c.lock);
    }
    pthread_mutex_unlock(&c.lock);
    pthread_cond_destroy(&c.wake);
    pthread_mutex_destroy(&c.lock);
    return there && !c.refused;
}

void
cnc__app_call(struct cnc_request *r)
{
    r->magic = CNC__CALL_MAGIC;
    r->app_name = r->app->decl->name;
    if (r->app->thread != NULL) {
        cnc__app_thread_push(r->app->thread, r);
        return;
    }
    if (cnc__request_ran(r, run(r, true))) {
        cnc__request_end(r);
    } else {
        wait_on_core(r);
    }
}

void
cnc__request_call_fini(struct cnc_request *r)
{
    cnc__login_forget(r);
    cnc_element_unref(&r->replaced);
    cnc__str_fini(&r->reply);
    while (r->settings != NULL) {
        struct cnc__app_text *t = r->settings;

        r->settings = t->next;
        cnc__free(t->text);
        cnc__free(t);
    }
    r->magic = 0;
}
