/* SPDX-License-Identifier: MIT */
/*
 * thread.h -- an app's thread, for thread.c and stuck.c alone.
 */
#ifndef CNC_APP_THREAD_H
#define CNC_APP_THREAD_H

#include "private.h"

struct frame { /* a call on the thread, on its stack */
    struct cnc_request *r;
    bool waits; /* for the service: that is not the app's own time */
    struct frame *outer;
};

struct cnc__app_thread {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct cnc_request *first, **last;
    struct frame *frame; /* the innermost call */
    uint64_t stretch;    /* another number: it got on meanwhile */
    bool busy, stop, left;
    bool lost;   /* left, while the service goes on */
    bool losing; /* the core has not yet told all who asked */
    bool ended;
    struct cnc__apps *apps;
    struct cnc__app *app;
    /* The core's own: the stretch that it saw last, and since when. */
    uint64_t seen, since_ms;
    /* Lost requests whose handler has returned. */
    struct cnc_request *kept;
    struct cnc__app_thread *next; /* apps->lost */
};

/* Tell whoever asked that the handler does not return. */
void cnc__request_give_up(struct cnc_request *r, const char *why);
/* It is not in app->waiting any more. */
void cnc__request_waits_no_more(struct cnc_request *r);

#endif /* CNC_APP_THREAD_H */
