/* SPDX-License-Identifier: MIT */
/*
 * slow.h -- how a handler's question of concordance/login.h gets to the core's
 * thread, where the service answers it: what the files of that API share.
 *
 *   quick   the core answers at once, and the handler waits for it
 *   slow    the answer comes later: CNC_EAGAIN, then then() on the handler's
 *           thread; a thread may wait for it instead
 *   kept    what the core answered at once is not on disk yet: the handler
 *           goes on, and what it says is told when it is (r->n_keeping)
 */
#ifndef CNC_APP_SLOW_H
#define CNC_APP_SLOW_H

#include "private.h"

struct cnc__slow {
    struct cnc_request *r; /* NULL: it is over */
    cnc_then_f *then;
    struct cnc__slow *next; /* of the same request */
    /* Ask the service, on the core's thread; it tells cnc__slow_finished().
     * Not 0: that does not come. */
    int (*ask)(struct cnc__slow *s);
    char *a, *b, *c; /* what it is about; wiped */
    bool flag;
    char *text; /* of a token, where its caller wants it */
    size_t size;
    uint32_t seconds;
    int code;
    bool done;
    struct cnc__app_thread *waits; /* this one does, and frees it; or NULL */
    struct cnc_request call;       /* then(), on the app's thread */
};

/* a, b, c: copied; may be NULL. */
struct cnc__slow *cnc__slow_new(struct cnc_request *r, cnc_then_f *then,
                                int (*ask)(struct cnc__slow *s), const char *a,
                                const char *b, const char *c);
/* s: steals.  CNC_EAGAIN, or the code when a thread waited; CNC_EINVAL: this
 * handler cannot wait. */
int cnc__slow_run(struct cnc__slow *s);
/* On a thread of the app's: wait for it.  s: steals. */
int cnc__slow_wait(struct cnc__slow *s);
/* The service's done; arg: the struct. */
void cnc__slow_finished(int code, void *arg);

struct cnc__quick {
    struct cnc_request *r;
    const char *a, *b;
    uint32_t seconds;
    unsigned n;
    cnc_login_f *on_login;
    cnc_role_f *on_role;
    void *priv;
    bool found;
    int code;
    char *text;
    size_t size;
};

/* Run f(q) on the core's thread; q->code. */
int cnc__quick_ask(struct cnc__quick *q, void (*f)(void *arg));

/* What the service is to call with r, once, when what it did is durable: r is
 * not answered before.  Or NULL.  When it failed at once: call it.  On the
 * core's thread. */
cnc__code_f *cnc__request_keeps(struct cnc_request *r);

static inline const struct cnc__login_ops *
cnc__ops_of(const struct cnc_request *r)
{
    return r->app->apps->env.logins;
}

static inline void *
cnc__ops_priv(const struct cnc_request *r)
{
    return r->app->apps->env.priv;
}

#endif /* CNC_APP_SLOW_H */
