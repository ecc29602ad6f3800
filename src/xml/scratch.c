/* SPDX-License-Identifier: MIT */
/*
 * scratch.c -- what a stanza needs while it is parsed; each thread keeps one
 * for the next.
 */
#include <pthread.h>

#include "parser.h"

/* More than this is not worth keeping for the next stanza. */
#define KEEP_BYTES 65536

static __thread struct cnc__scratch *kept;
static pthread_key_t kept_key;
static pthread_once_t kept_once = PTHREAD_ONCE_INIT;

static void
scratch_free(struct cnc__scratch *s)
{
    cnc__build_fini(&s->build);
    cnc__free(s->binds);
    cnc__free(s->attrs);
    cnc__free(s->pend);
    cnc__free(s);
}

static void
thread_over(void *arg)
{
    if (kept != NULL) {
        scratch_free(kept);
        kept = NULL;
    }
}

static void
make_key(void)
{
    CNC_CHECK(pthread_key_create(&kept_key, thread_over) == 0);
}

void
cnc__scratch_get(struct cnc_parser *p)
{
    p->s = kept;
    kept = NULL;
    if (p->s == NULL) {
        /* Any value but NULL makes the thread's end call thread_over(). */
        pthread_once(&kept_once, make_key);
        CNC_CHECK(pthread_setspecific(kept_key, &kept_key) == 0);
        p->s = cnc__zalloc(sizeof(*p->s));
    }
}

void
cnc__scratch_put(struct cnc_parser *p)
{
    struct cnc__scratch *s = p->s;
    if (s == NULL) {
        return;
    }
    p->s = NULL;
    size_t bytes = s->build.cap + s->build.cap_kids * sizeof(uint32_t) +
                   s->build.cap_open * sizeof(struct cnc__open) + s->pend_cap;
    if (kept != NULL || bytes > KEEP_BYTES) {
        scratch_free(s);
        return;
    }
    s->build.n_open = 0;
    s->n_binds = 0;
    s->pend_len = 0;
    s->pend_scanned = 0;
    s->pend_quote = 0;
    kept = s;
}
