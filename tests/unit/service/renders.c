/* SPDX-License-Identifier: MIT */
/* Render processes that answer, die, hang, and say nonsense; the clock of a
 * hang is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../src/service/private.h"

struct world {
    uv_loop_t loop;
    struct cnc__renders *renders;
    char script[64];
    unsigned n_answers, n_nulls, n_restarts, last_worker;
    char order[64];
};

struct one {
    struct world *w;
    char name;
};

static void
on_restarted(unsigned worker, void *priv)
{
    struct world *w = priv;

    w->n_restarts++;
    w->last_worker = worker;
}

static void
on_reply(const struct cnc__render_message *reply, void *priv)
{
    struct one *one = priv;
    struct world *w = one->w;

    w->order[w->n_answers + w->n_nulls] = one->name;
    if (reply == NULL) {
        w->n_nulls++;
    } else {
        assert_int_equal(reply->type, CNC__R_OK);
        w->n_answers++;
    }
    cnc__free(one);
}

/* script NULL: the real program; else what a shell is to do in its place. */
static struct world *
world_new(const char *script, unsigned n)
{
    struct world *w = cnc__zalloc(sizeof(*w));
    const char *program = RENDER;

    assert_int_equal(uv_loop_init(&w->loop), 0);
    if (script != NULL) {
        int fd;

        snprintf(w->script, sizeof(w->script), "/tmp/cnc-render-XXXXXX");
        fd = mkstemp(w->script);
        assert_true(fd >= 0);
        assert_true(dprintf(fd, "#!/bin/sh\n%s\n", script) > 0);
        assert_int_equal(fchmod(fd, 0700), 0);
        close(fd);
        program = w->script;
    }
    w->renders = cnc__renders_new(&w->loop, program, n, on_restarted, w);
    return w;
}

static void
world_free(struct world *w)
{
    cnc__renders_close(w->renders);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    cnc__renders_free(&w->renders);
    if (w->script[0] != '\0') {
        unlink(w->script);
    }
    cnc__free(w);
}

/* Forget a page that is none: the smallest call. */
static void
call(struct world *w, unsigned worker, char name)
{
    struct cnc__render_message m = {
        .type = CNC__R_CLOSE, .n_fields = 1, .fields = {{"p", 1}}};
    struct one *one = cnc__zalloc(sizeof(*one));

    one->w = w;
    one->name = name;
    cnc__renders_call(w->renders, worker, &m, on_reply, one);
}

static void
wait_replies(struct world *w, unsigned n)
{
    while (w->n_answers + w->n_nulls < n &&
           uv_run(&w->loop, UV_RUN_ONCE) != 0) {
    }
    assert_int_equal(w->n_answers + w->n_nulls, n);
}

static void
calls_are_answered_in_order(void **state)
{
    struct world *w = world_new(NULL, 2);

    for (char c = 'a'; c <= 'h'; c++) {
        call(w, 0, c);
    }
    wait_replies(w, 8);
    assert_string_equal(w->order, "abcdefgh");
    call(w, 1, 'i');
    call(w, 7, 'j'); /* worker 7 of 2 is 1 */
    wait_replies(w, 10);
    assert_int_equal(w->n_answers, 10);
    assert_int_equal(cnc__renders_deaths(w->renders), 0);
    world_free(w);
}

static void
what_waits_at_a_death_is_answered_with_nothing(void **state)
{
    struct world *w =
        world_new("/bin/dd bs=1 count=1 <&3 >/dev/null 2>&1; exit 1", 1);

    call(w, 0, 'a');
    call(w, 0, 'b');
    wait_replies(w, 2);
    assert_int_equal(w->n_nulls, 2);
    assert_string_equal(w->order, "ab");
    while (w->n_restarts == 0) {
        uv_run(&w->loop, UV_RUN_ONCE);
    }
    assert_int_equal(cnc__renders_deaths(w->renders), 1);
    world_free(w);
}

static void
one_that_hangs_is_killed_and_started_again(void **state)
{
    struct world *w = world_new("exec /bin/sleep 1000", 1);
    uint64_t now = uv_now(&w->loop);

    call(w, 0, 'a');
    cnc__renders_tick(w->renders, now + 14000);
    uv_run(&w->loop, UV_RUN_NOWAIT);
    assert_int_equal(w->n_nulls, 0);
    cnc__renders_tick(w->renders, now + 16000);
    wait_replies(w, 1);
    assert_int_equal(w->n_nulls, 1);
    assert_int_equal(w->n_restarts, 1);
    assert_int_equal(cnc__renders_deaths(w->renders), 1);
    world_free(w);
}

static void
one_that_says_nonsense_is_not_believed(void **state)
{
    /* Too long a message; then an answer to a call that was never made. */
    static const char *const scripts[] = {
        "printf '\\377\\377\\377\\377xxxx' >&3; exec /bin/sleep 1000",
        "printf '\\005\\000\\000\\000\\100\\143\\000\\000\\000' >&3; "
        "exec /bin/sleep 1000"};

    for (size_t i = 0; i < CNC_N(scripts); i++) {
        struct world *w = world_new(scripts[i], 1);

        call(w, 0, 'a');
        wait_replies(w, 1);
        assert_int_equal(w->n_nulls, 1);
        assert_true(cnc__renders_deaths(w->renders) >= 1);
        world_free(w);
    }
}

static void
one_that_dies_at_once_is_not_started_in_a_circle(void **state)
{
    struct world *w = world_new("exit 3", 1);
    uint64_t deaths;

    while (uv_run(&w->loop, UV_RUN_ONCE) != 0) {
    }
    deaths = cnc__renders_deaths(w->renders);
    assert_int_equal(deaths, 4);
    call(w, 0, 'a'); /* waits for the next one */
    cnc__renders_tick(w->renders, uv_now(&w->loop) + 1000);
    assert_int_equal(w->n_nulls, 0);
    cnc__renders_tick(w->renders, uv_now(&w->loop) + 6000);
    assert_int_equal(w->n_nulls, 1);
    while (uv_run(&w->loop, UV_RUN_ONCE) != 0) {
    }
    assert_int_equal(cnc__renders_deaths(w->renders), deaths + 1);
    world_free(w);
}

static void
a_program_that_is_missing_answers_nothing(void **state)
{
    struct world *w = cnc__zalloc(sizeof(*w));

    assert_int_equal(uv_loop_init(&w->loop), 0);
    w->renders =
        cnc__renders_new(&w->loop, "/nowhere/render", 2, on_restarted, w);
    call(w, 0, 'a');
    call(w, 1, 'b');
    wait_replies(w, 2);
    assert_int_equal(w->n_nulls, 2);
    assert_int_equal(w->n_restarts, 0);
    world_free(w);
}

static void
closing_with_calls_under_way_lets_them_go(void **state)
{
    struct world *w = world_new("exec /bin/sleep 1000", 2);

    /* No answer comes any more, so this one must not need to be freed. */
    cnc__renders_call(w->renders, 0,
                      &(struct cnc__render_message){.type = CNC__R_CLOSE,
                                                    .n_fields = 1,
                                                    .fields = {{"p", 1}}},
                      NULL, NULL);
    world_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_answered_in_order),
        cmocka_unit_test(what_waits_at_a_death_is_answered_with_nothing),
        cmocka_unit_test(one_that_hangs_is_killed_and_started_again),
        cmocka_unit_test(one_that_says_nonsense_is_not_believed),
        cmocka_unit_test(one_that_dies_at_once_is_not_started_in_a_circle),
        cmocka_unit_test(a_program_that_is_missing_answers_nothing),
        cmocka_unit_test(closing_with_calls_under_way_lets_them_go),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
