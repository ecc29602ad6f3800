/* SPDX-License-Identifier: MIT */
/*
 * commits.c -- group commit: one thread takes everything that waits, gives it
 * to the store as one transaction, and posts the outcomes back in order.
 *
 * While a transaction is being synced the next one gathers, so the group grows
 * with the load and a single publisher waits for one sync only.
 */
#include <pthread.h>

#include "private.h"

struct waiting {
    struct cnc__commits *owner;
    struct cnc__commit *commit;
    struct cnc_error err;
    struct waiting *next;
};

struct job { /* something else for the store, between two groups */
    struct cnc__commits *owner;
    void (*run)(const struct cnc_store_driver *driver, struct cnc_store *store,
                void *priv);
    void (*done)(void *priv);
    void *priv;
    struct job *next;
};

struct cnc__commits {
    const struct cnc_store_driver *driver;
    struct cnc_store *store;
    struct cnc__posts *posts;
    const char *domain; /* the log's */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct waiting *first, **last;
    struct job *jobs;
    bool stop, joined;
    size_t pending;                  /* the core's own: no lock */
    struct cnc__commits_stats stats; /* under lock */
};

/* One post for a whole group: a post each would be a lock each. */
struct outcome {
    struct waiting *list;
};

static void
deliver(void *arg)
{
    struct outcome *o = arg;
    struct waiting *w = o->list;

    cnc__free(o);
    while (w != NULL) {
        struct waiting *next = w->next;
        const char *was = cnc__log_about(w->owner->domain);

        w->owner->pending--;
        w->commit->done(w->commit, w->err.code == 0 ? NULL : &w->err);
        cnc__log_about(was);
        cnc__free(w);
        w = next;
    }
}

static int
commit_list(struct cnc__commits *c, struct waiting *list, bool one,
            struct cnc_error *err)
{
    struct cnc_store_op *ops;
    size_t n = 0;
    int code;

    for (struct waiting *w = list; w != NULL; w = one ? NULL : w->next) {
        n += w->commit->n_ops;
    }
    ops = cnc__realloc(NULL, n + 1, sizeof(*ops));
    n = 0;
    for (struct waiting *w = list; w != NULL; w = one ? NULL : w->next) {
        for (size_t i = 0; i < w->commit->n_ops; i++) {
            ops[n++] = w->commit->ops[i];
        }
    }
    code = c->driver->commit(c->store, ops, n, err);
    cnc__free(ops);
    if (code != 0 && err->code == 0) {
        /* A plug-in that fails and does not say why: never an ack. */
        cnc_error_set(err, code, "internal-server-error",
                      "the store failed without a reason");
    }
    pthread_mutex_lock(&c->lock);
    c->stats.batches++;
    c->stats.ops += n;
    if (code != 0) {
        c->stats.failures++;
    }
    pthread_mutex_unlock(&c->lock);
    return code;
}

static void
write_group(struct cnc__commits *c, struct waiting *list)
{
    struct cnc_error err = {0};
    struct outcome *o = cnc__zalloc(sizeof(*o));

    if (commit_list(c, list, false, &err) != 0) {
        /* What one batch did wrong is not the others' fault. */
        for (struct waiting *w = list; w != NULL; w = w->next) {
            struct cnc_error own = {0};

            if (list->next == NULL) {
                w->err = err;
            } else if (commit_list(c, w, true, &own) != 0) {
                w->err = own;
            }
            if (w->err.code != 0) {
                cnc__log(CNC_LOG_ERROR, "store.commit", "error=%s",
                         w->err.text);
            }
        }
    }
    o->list = list;
    cnc__post(c->posts, deliver, o);
}

static void
job_done(void *arg)
{
    struct job *j = arg;
    const char *was = cnc__log_about(j->owner->domain);

    j->owner->pending--;
    j->done(j->priv);
    cnc__log_about(was);
    cnc__free(j);
}

/* Under the lock, which is given up while the job runs. */
static void
run_job(struct cnc__commits *c)
{
    struct job *j = c->jobs;

    c->jobs = j->next;
    pthread_mutex_unlock(&c->lock);
    j->run(c->driver, c->store, j->priv);
    cnc__post(c->posts, job_done, j);
    pthread_mutex_lock(&c->lock);
}

static void *
writer(void *arg)
{
    struct cnc__commits *c = arg;

    pthread_mutex_lock(&c->lock);
    for (;;) {
        struct waiting *list;

        while (c->first == NULL && c->jobs == NULL && !c->stop) {
            pthread_cond_wait(&c->wake, &c->lock);
        }
        if (c->jobs != NULL) {
            run_job(c);
            continue;
        }
        if (c->first == NULL) {
            break;
        }
        list = c->first;
        c->first = NULL;
        c->last = &c->first;
        c->stats.waiting = 0;
        cnc__log_about(c->domain);
        pthread_mutex_unlock(&c->lock);
        write_group(c, list);
        pthread_mutex_lock(&c->lock);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

struct cnc__commits *
cnc__commits_new(const struct cnc_store_driver *driver,
                 struct cnc_store *store, struct cnc__posts *posts)
{
    struct cnc__commits *c = cnc__zalloc(sizeof(*c));

    c->driver = driver;
    c->store = store;
    c->posts = posts;
    c->last = &c->first;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->wake, NULL);
    CNC_CHECK(pthread_create(&c->thread, NULL, writer, c) == 0);
    return c;
}

void
cnc__commits_about(struct cnc__commits *c, const char *domain)
{
    pthread_mutex_lock(&c->lock);
    c->domain = domain;
    pthread_mutex_unlock(&c->lock);
}

void
cnc__commits_add(struct cnc__commits *c, struct cnc__commit *commit)
{
    struct waiting *w = cnc__zalloc(sizeof(*w));

    w->owner = c;
    w->commit = commit;
    c->pending++;
    pthread_mutex_lock(&c->lock);
    *c->last = w;
    c->last = &w->next;
    c->stats.commits++;
    c->stats.waiting++;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
}

void
cnc__commits_run(struct cnc__commits *c,
                 void (*run)(const struct cnc_store_driver *driver,
                             struct cnc_store *store, void *priv),
                 void (*done)(void *priv), void *priv)
{
    struct job *j = cnc__zalloc(sizeof(*j));

    *j = (struct job){.owner = c, .run = run, .done = done, .priv = priv};
    c->pending++;
    pthread_mutex_lock(&c->lock);
    j->next = c->jobs;
    c->jobs = j;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
}

size_t
cnc__commits_pending(const struct cnc__commits *c)
{
    return c->pending;
}

void
cnc__commits_stop(struct cnc__commits *c)
{
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    if (!c->joined) {
        pthread_join(c->thread, NULL);
        c->joined = true;
    }
}

static void
refuse_late(struct cnc__commits *c)
{
    while (c->first != NULL) {
        struct waiting *w = c->first;

        c->first = w->next;
        cnc_error_set(&w->err, CNC_ECLOSED, "service-unavailable",
                      "the service is stopping");
        w->commit->done(w->commit, &w->err);
        cnc__free(w);
    }
}

void
cnc__commits_free(struct cnc__commits **cp)
{
    struct cnc__commits *c = *cp;

    if (c == NULL) {
        return;
    }
    *cp = NULL;
    cnc__commits_stop(c);
    refuse_late(c);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    cnc__free(c);
}

void
cnc__commits_stats(struct cnc__commits *c, struct cnc__commits_stats *out)
{
    pthread_mutex_lock(&c->lock);
    *out = c->stats;
    pthread_mutex_unlock(&c->lock);
}
