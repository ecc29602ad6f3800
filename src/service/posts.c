/* SPDX-License-Identifier: MIT */
/*
 * posts.c -- functions posted to the core's thread, run in order.
 */
#include <pthread.h>

#include "private.h"

struct post {
    void (*f)(void *arg);
    void *arg;
    struct post *next;
};

struct cnc__posts {
    uv_async_t async;
    pthread_mutex_t lock;
    struct post *first, **last;
};

void
cnc__posts_run(struct cnc__posts *p)
{
    struct post *list;

    pthread_mutex_lock(&p->lock);
    list = p->first;
    p->first = NULL;
    p->last = &p->first;
    pthread_mutex_unlock(&p->lock);
    while (list != NULL) {
        struct post *next = list->next;

        list->f(list->arg);
        cnc__free(list);
        list = next;
    }
}

static void
on_async(uv_async_t *async)
{
    cnc__posts_run(async->data);
}

struct cnc__posts *
cnc__posts_new(uv_loop_t *loop)
{
    struct cnc__posts *p = cnc__zalloc(sizeof(*p));

    p->last = &p->first;
    pthread_mutex_init(&p->lock, NULL);
    CNC_CHECK(uv_async_init(loop, &p->async, on_async) == 0);
    p->async.data = p;
    return p;
}

void
cnc__post(struct cnc__posts *p, void (*f)(void *arg), void *arg)
{
    struct post *post = cnc__zalloc(sizeof(*post));
    bool wake;

    post->f = f;
    post->arg = arg;
    pthread_mutex_lock(&p->lock);
    wake = p->first == NULL;
    *p->last = post;
    p->last = &post->next;
    pthread_mutex_unlock(&p->lock);
    if (wake) {
        uv_async_send(&p->async);
    }
}

void
cnc__posts_close(struct cnc__posts *p)
{
    uv_close((uv_handle_t *)&p->async, NULL);
}

void
cnc__posts_free(struct cnc__posts **pp)
{
    struct cnc__posts *p = *pp;

    if (p == NULL) {
        return;
    }
    *pp = NULL;
    cnc__posts_run(p);
    pthread_mutex_destroy(&p->lock);
    cnc__free(p);
}
