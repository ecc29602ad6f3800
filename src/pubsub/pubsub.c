/* SPDX-License-Identifier: MIT */
/*
 * pubsub.c -- the service's life, its errors and its clock.
 */
#include <stdio.h>

#include "impl.h"

#define PUBSUB_MAGIC 0x90B50B01u

struct cnc__pubsub *
cnc__pubsub_begin(struct cnc__pubsub *root, const char *jid)
{
    struct cnc__pubsub *ps = cnc__zalloc(sizeof(*ps));
    ps->magic = PUBSUB_MAGIC;
    ps->env = root->env;
    /* The app is asked about its own nodes alone. */
    ps->env.before_publish = NULL;
    ps->env.after = NULL;
    ps->root = root;
    ps->pep = true;
    ps->jid = cnc__strdup(jid);
    ps->nodes = cnc__table_new();
    return ps;
}

static void
drain(struct cnc__pubsub *ps)
{
    ps->closing = true;
    cnc__txn_close_all(ps);
    struct cnc__table_iter i = {0};
    while (cnc__table_next(ps->nodes, &i)) {
        cnc__node_remove(i.value);
    }
    cnc__table_free(&ps->nodes, NULL);
    cnc__free(ps->jid);
}

void
cnc__pubsub_end(struct cnc__pubsub *ps)
{
    CNC_OBJ_CHECK(ps, PUBSUB_MAGIC);
    drain(ps);
    CNC_OBJ_FREE(ps);
}

struct cnc__pubsub *
cnc__pubsub_new(const struct cnc__pubsub_env *env)
{
    struct cnc__pubsub *ps = cnc__zalloc(sizeof(*ps));
    ps->magic = PUBSUB_MAGIC;
    ps->env = *env;
    ps->root = ps;
    ps->jid = cnc__strdup(cnc__router_domain(env->router));
    ps->nodes = cnc__table_new();
    ps->accounts = cnc__table_new();
    ps->bounces = cnc__table_new();
    cnc__pep_init(ps);
    cnc__mirrors_init(ps);
    cnc__verbs_register(ps);
    cnc__history_init(ps);
    cnc__disco_init(ps);
    cnc__router_on_session_start(env->router, cnc__session_began, ps);
    cnc__router_on_session_end(env->router, cnc__session_ended, ps);
    cnc__router_on_gone(env->router, cnc__far_gone, ps);
    return ps;
}

void
cnc__pubsub_free(struct cnc__pubsub **pp)
{
    struct cnc__pubsub *ps = *pp;
    if (ps == NULL) {
        return;
    }
    *pp = NULL;
    CNC_OBJ_CHECK(ps, PUBSUB_MAGIC);
    cnc__mirrors_fini(ps);
    cnc__pep_fini(ps);
    drain(ps);
    cnc__accounts_free(ps);
    cnc__table_free(&ps->far_domains, NULL);
    cnc__table_free(&ps->bounces, cnc__free);
    cnc__str_fini(&ps->head);
    CNC_OBJ_FREE(ps);
}

void
cnc__pubsub_check(const struct cnc__pubsub *ps)
{
    CNC_OBJ_CHECK(ps, PUBSUB_MAGIC);
}

int64_t
cnc__pubsub_now(struct cnc__pubsub *ps)
{
    return ps->env.now_ms(ps->env.priv);
}

void
cnc__pubsub_stats(const struct cnc__pubsub *ps, struct cnc__pubsub_stats *out)
{
    CNC_OBJ_CHECK(ps, PUBSUB_MAGIC);
    *out = ps->root->stats;
}

/* -- errors -------------------------------------------------------------- */

int
cnc__ps_error(struct cnc_error *err, int code, const char *condition,
              const char *specific, const char *fmt, ...)
{
    if (err == NULL) {
        return code;
    }
    va_list ap;
    char text[sizeof(err->text)];
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    cnc_error_set(err, code, condition, "%s", text);
    err->specific = specific;
    err->specific_ns = specific == NULL ? NULL : CNC__NS_PSERR;
    return code;
}

int
cnc__ps_unsupported(struct cnc_error *err, const char *specific)
{
    return cnc__ps_error(err, CNC_EINVAL, "feature-not-implemented", specific,
                         "this is not supported here");
}
