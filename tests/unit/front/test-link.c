/* SPDX-License-Identifier: MIT */
/*
 * test-link.c -- the connection itself: whose socket it may be, a service
 * that is dead, many threads, fork().
 */
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../src/base/log.h"
#include "fake.h"

#define THREADS 8
#define EACH    150

struct world {
    struct fake fake;
    struct cnc__front *front;
    pthread_mutex_t lock;
    char said[600]; /* the last front.down */
    unsigned n_said;
    atomic_uint n, good;
};

static void
on_log(enum cnc_log_level level, const char *event, const char *text,
       void *priv)
{
    struct world *w = priv;

    pthread_mutex_lock(&w->lock);
    if (strcmp(event, "front.down") == 0) {
        snprintf(w->said, sizeof(w->said), "%s", text);
        w->n_said++;
    }
    pthread_mutex_unlock(&w->lock);
}

/* Every 40th request ends in a break; an answer is the request's address. */
static void
on_request(struct fake *f, struct fake_conn *c, const struct cnc_element *iq,
           void *priv)
{
    struct world *w = priv;
    struct cnc__str more = CNC__STR;

    if (atomic_fetch_add(&w->n, 1) % 40 == 39) {
        fake_break(f);
        return;
    }
    cnc__xml_printf(&more, "<data><text>%s</text></data>",
                    cnc_element_attr(req_of(iq), NULL, "resource"));
    fake_answer(c, iq, 200, "", more.data);
    cnc__str_fini(&more);
}

static void
make_front(struct world *w, int64_t owner, uint32_t ping_ms)
{
    struct cnc__front_config config = {.link = w->fake.path,
                                       .owner = owner,
                                       .retry_ms = 5000,
                                       .ping_ms = ping_ms};

    assert_int_equal(cnc__front_new(&w->front, &config, NULL), 0);
}

static int
set_up(void **state)
{
    struct world *w = cnc__zalloc(sizeof(*w));

    pthread_mutex_init(&w->lock, NULL);
    cnc__log_to(on_log, w);
    fake_init(&w->fake);
    w->fake.on_request = on_request;
    w->fake.priv = w;
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *w = *state;

    cnc__front_free(&w->front);
    fake_fini(&w->fake);
    cnc__log_to(NULL, NULL);
    pthread_mutex_destroy(&w->lock);
    cnc__free(w);
    return 0;
}

static int
iq_error(struct world *w, const char *text)
{
    struct cnc_error err = {0};
    int rc = cnc__front_iq(w->front, "get", "<ping xmlns='urn:xmpp:ping'/>",
                           NULL, &err);

    assert_non_null(strstr(err.text, text));
    pthread_mutex_lock(&w->lock);
    assert_non_null(strstr(w->said, text));
    pthread_mutex_unlock(&w->lock);
    return rc;
}

/* -- tests ----------------------------------------------------------------
 */

static void
no_socket_is_said_once(void **state)
{
    struct world *w = *state;
    struct cnc__front_config config = {
        .link = w->fake.path, .owner = -1, .retry_ms = 400};

    assert_int_equal(cnc__front_new(&w->front, &config, NULL), 0);
    iq_error(w, "no service at /tmp/front-");
    iq_error(w, "no service at /tmp/front-");
    assert_int_equal(w->n_said, 1);
}

static void
a_socket_of_somebody_else_gets_no_word(void **state)
{
    struct world *w = *state;
    struct cnc__front_config config = {
        .link = w->fake.path, .owner = 4242, .retry_ms = 10};
    char bytes[10];

    if (geteuid() != 0) {
        skip();
    }
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    memcpy(addr.sun_path, w->fake.path, sizeof(w->fake.path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(seteuid(65534), 0); /* SO_PEERCRED: who listened */
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(cnc__front_new(&w->front, &config, NULL), 0);
    iq_error(w, "belongs to a process of the user nobody (uid 65534)");
    int peer = accept(fd, NULL, NULL);
    assert_int_equal(recv(peer, bytes, sizeof(bytes), 0), 0);
    close(peer);
    close(fd);
    unlink(w->fake.path);
}

static void
the_owner_that_is_named_is_believed(void **state)
{
    struct world *w = *state;

    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(seteuid(65534), 0);
    assert_int_equal(seteuid(0), 0);
    fake_start(&w->fake);
    make_front(w, 65534, 0);
    struct cnc__front_answer a = ask(w->front, "GET", "/a", NULL, NULL);
    expect(&a, 200, "/a");
}

static void
a_dead_service_is_noticed(void **state)
{
    struct world *w = *state;
    struct cnc__front_answer a;

    fake_start(&w->fake);
    make_front(w, -1, 100);
    a = ask(w->front, "GET", "/a", NULL, NULL);
    expect(&a, 200, "/a");
    fake_wait(&w->fake, &w->fake.n_pings, 2); /* alive, and asked for it */
    pthread_mutex_lock(&w->fake.lock);
    w->fake.mute = true;
    pthread_mutex_unlock(&w->fake.lock);
    for (int64_t until = cnc__flink_now() + 20000;;) {
        struct cnc__front_stats s;

        cnc__front_stats(w->front, &s);
        if (!s.up) {
            break;
        }
        assert_true(cnc__flink_now() < until);
        usleep(1000);
    }
    pthread_mutex_lock(&w->lock);
    assert_non_null(strstr(w->said, "it is taken for dead"));
    pthread_mutex_unlock(&w->lock);
    pthread_mutex_lock(&w->fake.lock);
    w->fake.mute = false;
    pthread_mutex_unlock(&w->fake.lock);
    fake_break(&w->fake);
    a = ask(w->front, "GET", "/b", NULL, NULL);
    expect(&a, 200, "/b");
}

static void *
ask_many(void *arg)
{
    struct world *w = arg;

    for (int i = 0; i < EACH; i++) {
        char path[64];

        snprintf(path, sizeof(path), "/%lx/%d", (unsigned long)pthread_self(),
                 i);
        struct cnc__front_answer a = ask(w->front, "GET", path, NULL, NULL);
        if (a.status == 200 && a.body != NULL &&
            strcmp(cnc_buf_data(a.body), path) == 0) {
            atomic_fetch_add(&w->good, 1);
        }
        cnc__front_answer_fini(&a);
    }
    return NULL;
}

static void
many_threads_get_their_own_answers_through_breaks(void **state)
{
    struct world *w = *state;
    pthread_t threads[THREADS];
    struct cnc__front_stats s;

    fake_start(&w->fake);
    make_front(w, -1, 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ask_many, w), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    /* One may have been caught by three breaks in a row. */
    assert_true(atomic_load(&w->good) >= THREADS * EACH - 20);
    cnc__front_stats(w->front, &s);
    assert_int_equal(s.asked, THREADS * EACH);
    assert_true(s.connects > 2);
}

static void
a_child_has_a_connection_of_its_own(void **state)
{
    struct world *w = *state;
    struct cnc__front_answer a;
    int status;

    fake_start(&w->fake);
    make_front(w, -1, 0);
    a = ask(w->front, "GET", "/parent", NULL, NULL);
    expect(&a, 200, "/parent");
    pid_t pid = fork();
    if (pid == 0) {
        a = ask(w->front, "GET", "/child", NULL, NULL);
        int ok = a.status == 200 && a.body != NULL &&
                 strcmp(cnc_buf_data(a.body), "/child") == 0;
        cnc__front_answer_fini(&a);
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    a = ask(w->front, "GET", "/again", NULL, NULL);
    expect(&a, 200, "/again");
    assert_int_equal(w->fake.n_logins, 2); /* the parent's stayed */
}

static atomic_uint n_signals;

static void
on_signal(int sig)
{
    atomic_fetch_add(&n_signals, 1);
}

/* A web server waits for them on threads of its own. */
static void
signals_are_not_the_links(void **state)
{
    struct world *w = *state;
    struct sigaction act = {.sa_handler = on_signal}, old;
    struct timespec limit = {.tv_sec = 5};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaction(SIGUSR1, &act, &old);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    fake_start(&w->fake); /* its thread blocks it, too */
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    make_front(w, -1, 0);
    struct cnc__front_answer a = ask(w->front, "GET", "/a", NULL, NULL);
    expect(&a, 200, "/a");
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_int_equal(sigtimedwait(&set, NULL, &limit), SIGUSR1);
    assert_int_equal(atomic_load(&n_signals), 0);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    sigaction(SIGUSR1, &old, NULL);
}

/* Such as a daemon's, which closes what it does not know. */
static void
a_child_that_has_not_asked_holds_no_descriptor(void **state)
{
    struct world *w = *state;
    int status, next = dup(0);

    close(next);
    make_front(w, -1, 0);
    assert_int_equal(dup(0), next); /* nor does who has made it */
    close(next);
    fake_start(&w->fake);
    struct cnc__front_answer a = ask(w->front, "GET", "/a", NULL, NULL);
    expect(&a, 200, "/a");
    pid_t pid = fork();
    if (pid == 0) {
        for (int fd = 3; fd < 100; fd++) {
            close(fd);
        }
        int mine = dup(2);
        pid_t grandchild = fork(); /* closes what its own link had */
        if (grandchild == 0) {
            _exit(fcntl(mine, F_GETFD) < 0);
        }
        waitpid(grandchild, &status, 0);
        cnc__front_free(&w->front);
        _exit(status != 0 || fcntl(mine, F_GETFD) < 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_socket_is_said_once),
        TEST(a_socket_of_somebody_else_gets_no_word),
        TEST(the_owner_that_is_named_is_believed),
        TEST(a_dead_service_is_noticed),
        TEST(many_threads_get_their_own_answers_through_breaks),
        TEST(signals_are_not_the_links),
        TEST(a_child_that_has_not_asked_holds_no_descriptor),
        TEST(a_child_has_a_connection_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
