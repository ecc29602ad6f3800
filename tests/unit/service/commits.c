/* SPDX-License-Identifier: MIT */
/* Posts to the core, and the writer thread's group commit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

#include "../../../src/service/private.h"

/* -- a store whose transactions wait for the test ------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned n_begun, n_allowed;
static char written[1024]; /* "a b|c " : ids, a bar after a transaction */

static int
gate_commit(struct cnc_store *s, const struct cnc_store_op *ops, size_t n,
            struct cnc_error *err)
{
    int code = 0;

    pthread_mutex_lock(&lock);
    n_begun++;
    pthread_cond_broadcast(&changed);
    while (n_allowed < n_begun) {
        pthread_cond_wait(&changed, &lock);
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(ops[i].entry.id, "bad") == 0) {
            code = cnc_error_set(err, CNC_ESTORE, NULL, "it is bad");
        }
    }
    for (size_t i = 0; code == 0 && i < n; i++) {
        size_t len = strlen(written);

        snprintf(written + len, sizeof(written) - len, "%s%s", ops[i].entry.id,
                 i + 1 == n ? "|" : " ");
    }
    pthread_mutex_unlock(&lock);
    return code;
}

static void
allow(unsigned n)
{
    pthread_mutex_lock(&lock);
    n_allowed = n;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void
wait_begun(unsigned n)
{
    pthread_mutex_lock(&lock);
    while (n_begun < n) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
}

static const struct cnc_store_driver gate = {.abi = CNC_STORE_ABI,
                                             .size = sizeof(gate),
                                             .name = "gate",
                                             .commit = gate_commit};

/* -- the world -------------------------------------------------------------
 */

struct world {
    uv_loop_t loop;
    struct cnc__posts *posts;
    struct cnc__commits *commits;
    struct entry {
        struct cnc__commit commit;
        struct cnc_store_op ops[2];
        struct world *world;
    } entries[16];
    size_t n;
    char done[1024]; /* "a:ok bad:it is bad " */
};

static int
set_up(void **state)
{
    struct world *w = cnc__zalloc(sizeof(*w));

    n_begun = n_allowed = 0;
    written[0] = '\0';
    assert_int_equal(uv_loop_init(&w->loop), 0);
    w->posts = cnc__posts_new(&w->loop);
    w->commits = cnc__commits_new(&gate, NULL, w->posts);
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *w = *state;

    allow(UINT32_MAX);
    cnc__commits_stop(w->commits);
    cnc__posts_run(w->posts);
    cnc__posts_close(w->posts);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    cnc__commits_free(&w->commits);
    cnc__posts_free(&w->posts);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    cnc__free(w);
    return 0;
}

static void
on_done(struct cnc__commit *c, const struct cnc_error *err)
{
    struct entry *e = c->priv;
    struct world *w = e->world;
    size_t len = strlen(w->done);

    snprintf(w->done + len, sizeof(w->done) - len, "%s:%s ",
             e->ops[0].entry.id, err == NULL ? "ok" : err->text);
}

/* A commit of one operation, or of two. */
static void
add(struct world *w, const char *id, const char *second)
{
    struct entry *e = &w->entries[w->n++];

    e->world = w;
    e->ops[0].verb = e->ops[1].verb = CNC_STORE_PUT;
    e->ops[0].entry.id = id;
    e->ops[1].entry.id = second;
    e->commit = (struct cnc__commit){.ops = e->ops,
                                     .n_ops = second == NULL ? 1 : 2,
                                     .done = on_done,
                                     .priv = e};
    cnc__commits_add(w->commits, &e->commit);
}

static void
wait_done(struct world *w)
{
    while (cnc__commits_pending(w->commits) > 0) {
        uv_run(&w->loop, UV_RUN_ONCE);
    }
}

/* -- tests ------------------------------------------------------------------
 */

static void
what_waits_is_written_as_one_transaction(void **state)
{
    struct world *w = *state;
    struct cnc__commits_stats stats;

    add(w, "a", NULL);
    wait_begun(1);
    add(w, "b", "b2"); /* these gather while the first is under way */
    add(w, "c", NULL);
    add(w, "d", NULL);
    cnc__commits_stats(w->commits, &stats);
    assert_int_equal(stats.waiting, 3);
    assert_int_equal(cnc__commits_pending(w->commits), 4);
    assert_string_equal(w->done, "");
    allow(2);
    wait_done(w);
    assert_string_equal(written, "a|b b2 c d|");
    assert_string_equal(w->done, "a:ok b:ok c:ok d:ok ");
    cnc__commits_stats(w->commits, &stats);
    assert_int_equal(stats.batches, 2);
    assert_int_equal(stats.commits, 4);
    assert_int_equal(stats.ops, 5);
    assert_int_equal(stats.failures, 0);
    assert_int_equal(stats.waiting, 0);
}

static void
one_bad_commit_is_not_the_others_fault(void **state)
{
    struct world *w = *state;

    allow(UINT32_MAX - 1);
    pthread_mutex_lock(&lock); /* so that the three gather */
    n_allowed = 0;
    pthread_mutex_unlock(&lock);
    add(w, "a", NULL);
    wait_begun(1);
    add(w, "b", NULL);
    add(w, "bad", NULL);
    add(w, "c", "bad"); /* all of a commit, or none of it */
    add(w, "d", NULL);
    allow(UINT32_MAX);
    wait_done(w);
    assert_string_equal(written, "a|b|d|");
    assert_string_equal(w->done, "a:ok b:ok bad:it is bad c:it is bad d:ok ");
}

static void
stopping_writes_what_waits_and_refuses_what_comes_late(void **state)
{
    struct world *w = *state;

    add(w, "a", NULL);
    wait_begun(1);
    add(w, "b", NULL);
    allow(UINT32_MAX);
    cnc__commits_stop(w->commits);
    assert_string_equal(written, "a|b|");
    assert_string_equal(w->done, "");
    cnc__posts_run(w->posts);
    assert_string_equal(w->done, "a:ok b:ok ");
    add(w, "late", NULL);
    cnc__commits_free(&w->commits);
    assert_string_equal(w->done, "a:ok b:ok late:the service is stopping ");
    assert_string_equal(written, "a|b|");
    w->commits = cnc__commits_new(&gate, NULL, w->posts);
}

#define N_THREADS 4
#define N_POSTS   1000

struct poster {
    struct cnc__posts *posts;
    unsigned next; /* what the core expects of this thread */
    struct number {
        struct poster *poster;
        unsigned n;
    } numbers[N_POSTS];
};

static void
on_post(void *arg)
{
    const struct number *n = arg;

    assert_int_equal(n->n, n->poster->next);
    n->poster->next++;
}

static void *
post_all(void *arg)
{
    struct poster *p = arg;

    for (unsigned i = 0; i < N_POSTS; i++) {
        p->numbers[i] = (struct number){p, i};
        cnc__post(p->posts, on_post, &p->numbers[i]);
    }
    return NULL;
}

static bool
all_came(const struct poster *p)
{
    for (size_t i = 0; i < N_THREADS; i++) {
        if (p[i].next != N_POSTS) {
            return false;
        }
    }
    return true;
}

static void
posts_of_each_thread_come_in_order(void **state)
{
    struct world *w = *state;
    struct poster *p = cnc__zalloc(N_THREADS * sizeof(*p));
    pthread_t threads[N_THREADS];

    for (size_t i = 0; i < N_THREADS; i++) {
        p[i].posts = w->posts;
        assert_int_equal(pthread_create(&threads[i], NULL, post_all, &p[i]),
                         0);
    }
    while (!all_came(p)) {
        uv_run(&w->loop, UV_RUN_ONCE);
    }
    for (size_t i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    cnc__free(p);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_waits_is_written_as_one_transaction),
        TEST(one_bad_commit_is_not_the_others_fault),
        TEST(stopping_writes_what_waits_and_refuses_what_comes_late),
        TEST(posts_of_each_thread_come_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
