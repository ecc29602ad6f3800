/* SPDX-License-Identifier: MIT */
/*
 * token_api.c -- concordance/login.h for handlers: one-use tokens, the
 * question whether it is really him, messages, and how often something may be
 * done.
 */
#include <time.h>

#include "slow.h"

/* -- tokens ----------------------------------------------------------------
 */

/* A thread waits until it is durable.  On the core's thread nobody may: the
 * handler goes on, and its answer waits.  What it keeps because of a token is
 * kept after it, in this order. */

static int
ask_new(struct cnc__slow *s)
{
    return cnc__ops_of(s->r)->token_new(s->text, s->b, s->c, s->seconds,
                                        cnc__slow_finished, s,
                                        cnc__ops_priv(s->r));
}

static int
ask_take(struct cnc__slow *s)
{
    return cnc__ops_of(s->r)->token_take(s->a, s->b, s->text, s->size,
                                         cnc__slow_finished, s,
                                         cnc__ops_priv(s->r));
}

/* It failed at once: there is nothing to keep. */
static int
judged(struct cnc_request *r, cnc__code_f *done, int code)
{
    if (code != 0 && done != NULL) {
        done(0, r);
    }
    return code;
}

int
cnc_token_new(struct cnc_request *r, char token[CNC_TOKEN_SIZE],
              const char *purpose, const char *text, uint32_t seconds)
{
    struct cnc__slow *s;
    int code;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    code = cnc__request_may_change(r, "cnc_token_new", NULL);
    if (code != 0) {
        return code;
    }
    if (cnc__app_thread_here() == NULL) {
        cnc__code_f *done = cnc__request_keeps(r);

        return judged(r, done,
                      cnc__ops_of(r)->token_new(token, purpose, text, seconds,
                                                done, r, cnc__ops_priv(r)));
    }
    s = cnc__slow_new(r, NULL, ask_new, NULL, purpose, text);
    s->text = token;
    s->seconds = seconds;
    return cnc__slow_wait(s);
}

int
cnc_token_take(struct cnc_request *r, const char *token, const char *purpose,
               char *text, size_t size)
{
    struct cnc__slow *s;
    int code;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    code = cnc__request_may_change(r, "cnc_token_take", NULL);
    if (code != 0) {
        return code;
    }
    if (cnc__app_thread_here() == NULL) {
        cnc__code_f *done = cnc__request_keeps(r);

        return judged(r, done,
                      cnc__ops_of(r)->token_take(token, purpose, text, size,
                                                 done, r, cnc__ops_priv(r)));
    }
    s = cnc__slow_new(r, NULL, ask_take, token, purpose, NULL);
    s->text = text;
    s->size = size;
    return cnc__slow_wait(s);
}

static void
look_on_core(void *arg)
{
    struct cnc__quick *q = arg;

    q->code = cnc__ops_of(q->r)->token_look(q->a, q->b, q->text, q->size,
                                            cnc__ops_priv(q->r));
}

int
cnc_token_look(struct cnc_request *r, const char *token, const char *purpose,
               char *text, size_t size)
{
    struct cnc__quick q = {
        .r = r, .a = token, .b = purpose, .text = text, .size = size};

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return cnc__quick_ask(&q, look_on_core);
}

/* -- is it he? -------------------------------------------------------------
 */

static int
ask_confirm(struct cnc__slow *s)
{
    cnc__ops_of(s->r)->confirm(s->a, s->b, s->c, cnc__slow_finished, s,
                               cnc__ops_priv(s->r));
    return 0;
}

int
cnc_confirm(struct cnc_request *r, const char *jid, const char *id,
            const char *url, cnc_then_f *then)
{
    int code;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    code = cnc__request_may_change(r, "cnc_confirm", NULL);
    return code != 0 ? code
                     : cnc__slow_run(
                           cnc__slow_new(r, then, ask_confirm, jid, id, url));
}

static void
message_on_core(void *arg)
{
    struct cnc__quick *q = arg;

    q->code = cnc__ops_of(q->r)->message(q->a, q->b, cnc__ops_priv(q->r));
}

int
cnc_message(struct cnc_request *r, const char *to, const char *body)
{
    struct cnc__quick q = {.r = r, .a = to, .b = body};
    int code;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    code = cnc__request_may_change(r, "cnc_message", NULL);
    return code != 0 ? code : cnc__quick_ask(&q, message_on_core);
}

/* -- how often -------------------------------------------------------------
 */

static void
rate_on_core(void *arg)
{
    struct cnc__quick *q = arg;
    struct cnc__str key = CNC__STR;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    cnc__str_printf(&key, "%s %.500s", q->r->app->decl->name, q->a);
    q->code = cnc__rate_take(q->r->app->apps->rate, key.data, q->n, q->seconds,
                             (uint64_t)now.tv_sec * 1000 +
                                 (uint64_t)now.tv_nsec / 1000000)
                  ? 0
                  : CNC_ELIMIT;
    cnc__str_fini(&key);
}

int
cnc_rate(struct cnc_request *r, const char *key, unsigned n, unsigned seconds)
{
    struct cnc__quick q = {.r = r,
                           .a = key,
                           .n = n == 0 ? 1 : n,
                           .seconds = seconds == 0 ? 1 : seconds};

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return cnc__quick_ask(&q, rate_on_core);
}

const char *
cnc_addr(const struct cnc_request *r)
{
    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return r->caller == NULL || r->caller->addr == NULL ? "" : r->caller->addr;
}
