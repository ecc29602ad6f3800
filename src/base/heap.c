/* SPDX-License-Identifier: MIT */
/*
 * heap.c -- whose memory it is.
 */
#include "heap.h"

#include <pthread.h>
#include <stdatomic.h>

#include "check.h"

struct cnc__heap {
    atomic_int_least64_t bytes;
    struct cnc__heap *next; /* so that none is lost */
};

static struct cnc__heap *all;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Read within malloc(): no access to it may allocate. */
static __thread struct cnc__heap *here
    __attribute__((tls_model("initial-exec")));

struct cnc__heap *
cnc__heap_new(void)
{
    struct cnc__heap *h = cnc__zalloc(sizeof(*h));

    pthread_mutex_lock(&lock);
    h->next = all;
    all = h;
    pthread_mutex_unlock(&lock);
    return h;
}

int64_t
cnc__heap_bytes(const struct cnc__heap *h)
{
    return atomic_load_explicit(&h->bytes, memory_order_relaxed);
}

void
cnc__heap_add(struct cnc__heap *h, int64_t bytes)
{
    atomic_fetch_add_explicit(&h->bytes, bytes, memory_order_relaxed);
}

struct cnc__heap *
cnc__heap_now(void)
{
    return here;
}

struct cnc__heap *
cnc__heap_set(struct cnc__heap *h)
{
    struct cnc__heap *before = here;

    here = h;
    return before;
}
