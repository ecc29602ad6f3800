/* SPDX-License-Identifier: MIT */
/*
 * bodies.c -- who waits for a body, or for who takes one, has a thread.  Of
 * all but a quarter no more wait for bodies: whoever sends slowly, or says
 * that he will and does not, stops nobody who only reads.  When so many wait,
 * those that have waited for long are given up.
 */
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "fcgi.h"

#define LONG_MS 5000 /* for up to 16 kB in, 32 kB out */

static int64_t
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
fcgi_bodies_init(struct fcgi_bodies *b, size_t n_threads)
{
    memset(b, 0, sizeof(*b));
    pthread_mutex_init(&b->lock, NULL);
    b->max = n_threads - (n_threads + 3) / 4;
    b->max = b->max > 0 ? b->max : 1;
}

bool
fcgi_body_begin(struct fcgi_bodies *b, struct fcgi_body *w, int fd, bool out)
{
    bool may;

    pthread_mutex_lock(&b->lock);
    may = out || b->n < b->max;
    if (may) {
        b->n++;
        *w = (struct fcgi_body){NULL, b->first, fd, out, now_ms()};
        if (w->next != NULL) {
            w->next->prev = w;
        }
        b->first = w;
    }
    pthread_mutex_unlock(&b->lock);
    return may;
}

void
fcgi_body_end(struct fcgi_bodies *b, struct fcgi_body *w)
{
    pthread_mutex_lock(&b->lock);
    b->n--;
    *(w->prev != NULL ? &w->prev->next : &b->first) = w->next;
    if (w->next != NULL) {
        w->next->prev = w->prev;
    }
    pthread_mutex_unlock(&b->lock);
}

void
fcgi_bodies_tick(struct fcgi_bodies *b)
{
    int64_t before = now_ms() - LONG_MS;

    pthread_mutex_lock(&b->lock);
    for (struct fcgi_body *w = b->n < b->max ? NULL : b->first; w != NULL;
         w = w->next) {
        if (w->since_ms < before) {
            shutdown(w->fd, w->out ? SHUT_RDWR : SHUT_RD);
        }
    }
    pthread_mutex_unlock(&b->lock);
}
