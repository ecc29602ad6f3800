/* SPDX-License-Identifier: MIT */
/*
 * mark.c -- see mark.h.
 */
#include "mark.h"

#include <stdatomic.h>

static __thread const char *volatile running;
static _Atomic(const char *) on_core;
static _Atomic uint64_t calls;

const char *
cnc__app_running(void)
{
    return running;
}

const char *
cnc__app_running_core(uint64_t *call)
{
    *call = atomic_load(&calls);
    return atomic_load(&on_core);
}

void
cnc__app_mark(struct cnc__app_mark *m, const char *app, struct cnc__heap *heap,
              bool core)
{
    m->before = running;
    m->core = core;
    m->heap = cnc__heap_set(heap);
    running = app;
    if (core) {
        atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
        atomic_store_explicit(&on_core, app, memory_order_release);
    }
}

void
cnc__app_unmark(const struct cnc__app_mark *m)
{
    cnc__heap_set(m->heap);
    running = m->before;
    if (m->core) {
        atomic_store_explicit(&on_core, m->before, memory_order_release);
    }
}
