/* SPDX-License-Identifier: MIT */
/*
 * stuck.c -- a handler of a threaded app that does not return is given up.
 *
 *   stuck() --yes--> lose(): who asked is told --> the app is paused
 *                       |                            part(): started again,
 *                       |                            it has another thread
 *   its thread:  .......+.......... the handler returns --> drop(), it ends
 *                                                             --> reap()
 *
 * A thread cannot be ended from outside, so it goes on with what is its own:
 * the request, the values that cnc_refuse() writes, the record, the answer.
 * What is the core's (the reply, what was typed, the stanza) is taken out by
 * give_up() and answered.  Whatever the handler asks of the core from then on
 * is refused (CNC_ECLOSED), and what it returns is thrown away.
 */
#include "thread.h"

bool
cnc__app_thread_stuck(struct cnc__app_thread *t, uint64_t now_ms,
                      uint64_t limit_ms)
{
    bool runs;
    uint64_t stretch;

    pthread_mutex_lock(&t->lock);
    runs = t->frame != NULL && !t->frame->waits && !t->left;
    stretch = t->stretch;
    pthread_mutex_unlock(&t->lock);
    if (!runs || stretch != t->seen) {
        t->seen = stretch;
        t->since_ms = now_ms;
        return false;
    }
    return now_ms - t->since_ms >= limit_ms;
}

/* The thread takes no more; what was under way is running, what was not begun
 * yet queued, both linked by next. */
static void
cut_off(struct cnc__app_thread *t, struct cnc_request **running,
        struct cnc_request **queued)
{
    struct cnc_request **last = running;

    pthread_mutex_lock(&t->lock);
    t->left = t->lost = t->losing = t->stop = true;
    for (struct frame *f = t->frame; f != NULL; f = f->outer) {
        f->r->lost = true;
        *last = f->r;
        last = &f->r->next;
    }
    *last = NULL;
    *queued = t->first;
    t->first = NULL;
    t->last = &t->first;
    pthread_cond_broadcast(&t->wake);
    pthread_mutex_unlock(&t->lock);
}

void
cnc__app_thread_lose(struct cnc__app_thread *t, const char *why)
{
    struct cnc_request *running, *queued, *r, *kept = NULL;

    cut_off(t, &running, &queued);
    t->next = t->apps->lost;
    t->apps->lost = t;
    while ((r = t->app->waiting) != NULL) {
        cnc__request_waits_no_more(r);
        r->lost = true;
        cnc__request_give_up(r, why);
        r->next = kept;
        kept = r;
    }
    while ((r = running) != NULL) {
        running = r->next;
        if (r->on_lost != NULL) { /* it is set no more: r is lost */
            r->on_lost(r->on_lost_priv);
        }
        cnc__request_give_up(r, why);
    }
    while ((r = queued) != NULL) {
        queued = r->next;
        cnc__request_give_up(r, why);
        r->drop(r);
    }
    pthread_mutex_lock(&t->lock);
    t->kept = kept;
    t->losing = false;
    pthread_cond_broadcast(&t->wake);
    pthread_mutex_unlock(&t->lock);
}

bool
cnc__request_on_lost(struct cnc_request *r, void (*f)(void *priv), void *priv)
{
    struct cnc__app_thread *t = cnc__app_thread_here();
    bool set;

    if (t == NULL) {
        return false;
    }
    pthread_mutex_lock(&t->lock);
    set = !r->lost && (f == NULL || r->on_lost == NULL);
    if (set) {
        r->on_lost = f;
        r->on_lost_priv = priv;
    }
    pthread_mutex_unlock(&t->lock);
    return set;
}

bool
cnc__app_thread_part(struct cnc__app *app)
{
    if (app->thread == NULL || !app->thread->lost) {
        return false;
    }
    app->thread = NULL; /* apps->lost has it */
    return true;
}

/* Those that nobody names any more: neither the store, which has not kept yet
 * what was done for it, nor the app, which may call cnc_finish(). */
static void
drop_kept(struct cnc__app_thread *t)
{
    struct cnc_request **at = &t->kept;

    while (*at != NULL) {
        struct cnc_request *r = *at;

        if (r->n_keeping > 0 || r->waits) {
            at = &r->next;
        } else {
            *at = r->next;
            r->drop(r);
        }
    }
}

void
cnc__app_threads_reap(struct cnc__apps *a)
{
    struct cnc__app_thread **at = &a->lost;

    while (*at != NULL) {
        struct cnc__app_thread *t = *at;
        bool ended;

        pthread_mutex_lock(&t->lock);
        ended = t->ended;
        pthread_mutex_unlock(&t->lock);
        if (ended) {
            drop_kept(t);
        }
        if (ended && t->kept == NULL && t->app->thread != t) {
            *at = t->next;
            pthread_join(t->thread, NULL);
            cnc__app_thread_free(&t);
        } else {
            at = &t->next;
        }
    }
}

void
cnc__app_threads_leave(struct cnc__apps *a)
{
    for (struct cnc__app_thread *t = a->lost; t != NULL; t = t->next) {
        t->app->left = cnc__app_thread_leave(t) || t->app->left;
        if (t->app->thread == t) {
            t->app->thread = NULL;
        }
    }
}

void
cnc__app_threads_free(struct cnc__apps *a)
{
    while (a->lost != NULL) {
        struct cnc__app_thread *t = a->lost;

        a->lost = t->next;
        if (!t->left) { /* else it may still run */
            for (struct cnc_request *r = t->kept, *next; r != NULL; r = next) {
                next = r->next;
                if (r->n_keeping == 0) {
                    r->drop(r);
                }
            }
            cnc__app_thread_free(&t);
        }
    }
}
