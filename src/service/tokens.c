/* SPDX-License-Identifier: MIT */
/*
 * tokens.c -- what logins need besides passwords: the tokens of clients
 * (XEP-0484), kept as KEY ("token", "user/agent"); a secret that outlives
 * restarts, kept as KEY ("secret", "logins"); and the count of failures.
 */
#include <time.h>

#include "private.h"

struct keeping {
    struct cnc__commit commit;
    struct cnc_store_op op;
    char *id;
    struct cnc_buf *value;
    void (*done)(void *arg, bool kept);
    void *arg;
};

static void
on_kept(struct cnc__commit *commit, const struct cnc_error *err)
{
    struct keeping *k = commit->priv;

    if (err != NULL) {
        cnc__log(CNC_LOG_ERROR, "login.keep", "what=%s error=%s",
                 k->op.entry.node, err->text);
    }
    if (k->done != NULL) {
        k->done(k->arg, err == NULL);
    }
    explicit_bzero((char *)cnc_buf_data(k->value), cnc_buf_len(k->value));
    cnc_buf_unref(&k->value);
    cnc__free(k->id);
    cnc__free(k);
}

void
cnc__keep_key(struct cnc_service *s, const char *node, const char *id,
              const char *value, size_t len, void (*done)(void *, bool),
              void *arg)
{
    struct keeping *k = cnc__zalloc(sizeof(*k));

    k->id = cnc__strdup(id);
    k->value = cnc_buf_new(value, len);
    k->done = done;
    k->arg = arg;
    k->op.verb = len == 0 ? CNC_STORE_DEL : CNC_STORE_PUT;
    k->op.entry = (struct cnc_store_entry){.kind = CNC_STORE_KEY,
                                           .node = node,
                                           .id = k->id,
                                           .publisher = "",
                                           .value = cnc_buf_data(k->value),
                                           .len = len};
    k->commit = (struct cnc__commit){
        .ops = &k->op, .n_ops = 1, .done = on_kept, .priv = k};
    cnc__commits_add(s->commits, &k->commit);
}

/* -- several as one --------------------------------------------------------
 */

struct cnc__gather {
    unsigned n;
    bool failed;
    void (*done)(int code, void *arg);
    void *arg;
};

struct cnc__gather *
cnc__gather_new(void (*done)(int code, void *arg), void *arg)
{
    struct cnc__gather *g =
        done == NULL ? NULL : cnc__zalloc(sizeof(struct cnc__gather));

    if (g != NULL) {
        *g = (struct cnc__gather){.n = 1, .done = done, .arg = arg};
    }
    return g;
}

static void
one_kept(void *arg, bool kept)
{
    struct cnc__gather *g = arg;

    g->failed = g->failed || !kept;
    if (--g->n == 0) {
        g->done(g->failed ? CNC_ESTORE : 0, g->arg);
        cnc__free(g);
    }
}

void (*cnc__gather_add(struct cnc__gather *g))(void *arg, bool kept)
{
    if (g == NULL) {
        return NULL;
    }
    g->n++;
    return one_kept;
}

void
cnc__gather_end(struct cnc__gather *g)
{
    if (g != NULL) {
        one_kept(g, true);
    }
}

/* -- tokens ----------------------------------------------------------------
 */

static void
keep_token(const char *id, const char *value, size_t len,
           void (*done)(void *arg, bool kept), void *arg, void *priv)
{
    cnc__keep_key(priv, "token", id, value, len, done, arg);
}

static int64_t
now_ms(void *priv)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
cnc__tokens_new(struct cnc_service *s)
{
    struct cnc__fast_env env = {now_ms, keep_token, s};

    s->fast = cnc__fast_new(&env);
    s->guard = cnc__guard_new();
}

void
cnc__tokens_free(struct cnc_service *s)
{
    cnc__fast_free(&s->fast);
    cnc__guard_free(&s->guard);
    cnc__wipe(s->secret, sizeof(s->secret));
}

bool
cnc__tokens_load(struct cnc_service *s, const struct cnc_store_entry *e)
{
    if (strcmp(e->node, "token") == 0) {
        if (!cnc__fast_load(s->fast, e->id, e->value, e->len)) {
            cnc__log(CNC_LOG_ERROR, "token.load",
                     "client=%s the kept tokens cannot be read; it will log "
                     "in with its password",
                     e->id);
        }
        return true;
    }
    if (strcmp(e->node, "secret") == 0) {
        if (e->len == sizeof(s->secret)) {
            memcpy(s->secret, e->value, e->len);
            s->has_secret = true;
        }
        return true;
    }
    return false;
}

void
cnc__tokens_load_done(struct cnc_service *s)
{
    if (!s->has_secret) {
        cnc__random(s->secret, sizeof(s->secret));
        s->has_secret = true;
        cnc__keep_key(s, "secret", "logins", (const char *)s->secret,
                      sizeof(s->secret), NULL, NULL);
    }
}
