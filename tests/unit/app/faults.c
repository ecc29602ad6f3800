/* SPDX-License-Identifier: MIT */
/* An app that fails, floods or is stuck is paused, and the rest goes on.  The
 * clock is the tick, so that a minute takes no time. */
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "world.h"

#define APP(name_, ...)                                                       \
    {                                                                         \
        .abi = CNC_APP_ABI, .size = sizeof(struct cnc_app), .name = name_,    \
        .xmlns = NS, __VA_ARGS__                                              \
    }

static const struct cnc_record book = {
    "book", CNC_FIELDS({"title", "Title", .required = true})};
static const struct cnc__actor anna = {.jid = "anna@example.com/r"};

/* -- a world with a clock ---------------------------------------------------
 */

static uint64_t clock_ms;

static struct world *
begin(const struct cnc_app *const *apps)
{
    struct world *w = world_new();
    struct cnc_error err = {0};

    clock_ms = 1000;
    for (; *apps != NULL; apps++) {
        assert_int_equal(cnc__apps_add(world_apps(w), *apps, &err), 0);
    }
    if (cnc__apps_declare(world_apps(w), &err) != 0 ||
        cnc__apps_start(world_apps(w), &err) != 0) {
        fail_msg("%s", err.text);
    }
    world_flush(w, NULL);
    return w;
}

static void
tick(struct world *w, unsigned seconds)
{
    for (; seconds > 0; seconds--) {
        clock_ms += 1000;
        cnc__apps_tick(world_apps(w), clock_ms);
        world_flush(w, NULL);
    }
}

struct look {
    struct world *w;
    const char *name;
    enum cnc__app_state state;
    char error[300];
};

static void
look_at(const struct cnc__app_info *info, void *priv)
{
    struct look *l = priv;

    if (strcmp(info->name, l->name) == 0) {
        l->state = info->state;
        snprintf(l->error, sizeof(l->error), "%s",
                 info->error == NULL ? "" : info->error);
    }
}

static bool
is_paused(void *arg)
{
    struct look *l = arg;

    cnc__apps_each(world_apps(l->w), look_at, l);
    return l->state == CNC__APP_PAUSED;
}

static bool
is_answered(void *arg)
{
    struct answer *a = arg;

    return a->n > 0;
}

struct outcome {
    unsigned n;
    int code;
    char text[512];
};

static void
changed(const struct cnc_error *err, const char *text, void *priv)
{
    struct outcome *o = priv;

    o->n++;
    o->code = err == NULL ? 0 : err->code;
    snprintf(o->text, sizeof(o->text), "%s", err == NULL ? "" : err->text);
}

static bool
is_changed(void *arg)
{
    struct outcome *o = arg;

    return o->n > 0;
}

static void
start_again(struct world *w, const char *name)
{
    struct outcome o = {0};

    cnc__app_start(world_apps(w), name, changed, &o);
    world_pump(w, is_changed, &o);
    assert_string_equal(o.text, "");
    world_flush(w, NULL);
}

/* -- faults -----------------------------------------------------------------
 */

static unsigned n_runs, fault_every;

static int
sometimes(struct cnc_request *r)
{
    return ++n_runs % fault_every == 0 ? CNC_ESYS : 0;
}

static const struct cnc_app clumsy =
    APP("clumsy", .nodes = CNC_NODES({"clumsy", &book, .form = "Add"}),
        .tasks = CNC_TASKS({"sometimes", 1, sometimes}));

static void
five_faults_in_a_row_pause_an_app(void **state)
{
    struct world *w = begin((const struct cnc_app *const[]){&clumsy, NULL});
    struct look l = {.w = w, .name = "clumsy"};

    n_runs = 0;
    fault_every = 1;
    tick(w, 5); /* the first one is due after a period */
    assert_false(is_paused(&l));
    tick(w, 1);
    world_pump(w, is_paused, &l);
    assert_non_null(strstr(l.error, "5 faults in a row, the last: "));
    world_flush(w, NULL);
    world_free(&w);
}

static void
twenty_faults_in_a_minute_pause_an_app(void **state)
{
    struct world *w = begin((const struct cnc_app *const[]){&clumsy, NULL});
    struct look l = {.w = w, .name = "clumsy"};

    n_runs = 0;
    fault_every = 3; /* twenty in a minute */
    tick(w, 58);
    assert_false(is_paused(&l));
    tick(w, 3);
    world_pump(w, is_paused, &l);
    assert_non_null(strstr(l.error, "20 faults in a minute, the last: "));
    world_flush(w, NULL);
    /* Started again, it begins anew. */
    start_again(w, "clumsy");
    tick(w, 50);
    assert_false(is_paused(&l));
    world_free(&w);
}

static void
fewer_faults_in_a_minute_pause_nobody(void **state)
{
    struct world *w = begin((const struct cnc_app *const[]){&clumsy, NULL});
    struct look l = {.w = w, .name = "clumsy"};

    n_runs = 0;
    fault_every = 4;
    tick(w, 600);
    assert_int_equal(n_runs, 599);
    assert_false(is_paused(&l));
    world_free(&w);
}

/* -- floods -----------------------------------------------------------------
 */

static unsigned per_second;

static int
pour(struct cnc_request *r)
{
    static const char xml[] = "<book xmlns='" NS "'><title>One</title></book>";
    struct cnc_element *e = NULL;

    assert_int_equal(cnc_xml_parse(&e, xml, sizeof(xml) - 1, 0, NULL, NULL),
                     0);
    for (unsigned i = 0; i < per_second; i++) {
        assert_int_equal(cnc_publish(r, "drops", "one", e, NULL), 0);
    }
    cnc_element_unref(&e);
    return 0;
}

static const struct cnc_app fountain =
    APP("fountain",
        .nodes = CNC_NODES({"drops", &book, .max_items = 1, .history = 1}),
        .tasks = CNC_TASKS({"pour", 1, pour}));
static const struct cnc_app shelf =
    APP("shelf", .nodes = CNC_NODES({"books", &book, .form = "Add"}));

static void
a_flood_of_ten_seconds_pauses_an_app_and_the_rest_goes_on(void **state)
{
    struct world *w =
        begin((const struct cnc_app *const[]){&fountain, &shelf, NULL});
    struct look l = {.w = w, .name = "fountain"};
    struct answer a;

    per_second = 2001;
    tick(w, 10);
    assert_false(is_paused(&l));
    tick(w, 1);
    world_pump(w, is_paused, &l);
    assert_string_equal(l.error,
                        "it published 2001 items a second for 10 seconds");
    world_flush(w, NULL);
    world_submit(w, &a, "books", &anna, NULL, "title", "Good", NULL);
    world_flush(w, NULL);
    assert_int_equal(a.code, 0);
    world_free(&w);
}

static void
what_stays_below_or_is_short_is_no_flood(void **state)
{
    struct world *w = begin((const struct cnc_app *const[]){&fountain, NULL});
    struct look l = {.w = w, .name = "fountain"};

    per_second = 2000;
    tick(w, 13);
    assert_false(is_paused(&l));
    per_second = 0;
    tick(w, 60);
    per_second = 9000;
    tick(w, 2);
    assert_false(is_paused(&l));
    per_second = 0;
    tick(w, 60);
    assert_false(is_paused(&l));
    world_free(&w);
}

/* -- stuck ------------------------------------------------------------------
 */

static sem_t gate, entered, out;
static atomic_uint n_stopped;
static atomic_int late; /* what the core said to one that came back */
static struct cnc_request *later;

/* Stuck until the gate opens; then it does all that it may. */
static int
wade(struct cnc_request *r, struct cnc_element *record)
{
    struct cnc_error err = {0};
    int code;

    if (strcmp(cnc_text(record, "title"), "Stuck") != 0) {
        return strcmp(cnc_text(record, "title"), "Bad") == 0
                   ? cnc_refuse(r, "title", "No.")
                   : 0;
    }
    sem_post(&entered);
    sem_wait(&gate);
    assert_string_equal(cnc_user(r), "anna@example.com");
    cnc_refuse(r, "title", "Too late: %s.", cnc_text(record, "title"));
    cnc_refuse(r, NULL, "Much too late.");
    cnc_replace(r, record);
    cnc_setting(r, "none");
    cnc_log(r, "back");
    assert_false(cnc_find(r, "mud", "title", "Stuck"));
    code = cnc_publish(r, "mud", NULL, record, &err);
    atomic_store(&late, code);
    sem_post(&out);
    return CNC_EREFUSED;
}

/* Answers later; or is stuck and never does. */
static int
walk(struct cnc_request *r, struct cnc_element *form)
{
    if (later == NULL) {
        later = r;
        return CNC_EAGAIN;
    }
    sem_post(&entered);
    sem_wait(&gate);
    cnc_note(r, "There.");
    cnc_finish(later, 0);
    sem_post(&out); /* the next test begins */
    return 0;
}

static int
tread(struct cnc_request *r, struct cnc_element *payload)
{
    sem_post(&entered);
    sem_wait(&gate);
    assert_string_equal(cnc_element_name(payload), "tread");
    sem_post(&out);
    return cnc_reply(r, "<tread xmlns='urn:x:tread'/>");
}

static atomic_bool start_sticks;

static int
on_start(struct cnc_request *r)
{
    if (atomic_load(&start_sticks)) {
        sem_post(&entered);
        sem_wait(&gate);
        sem_post(&out);
    }
    return 0;
}

static void
on_stop(void *priv)
{
    atomic_fetch_add(&n_stopped, 1);
}

static const struct cnc_app marsh =
    APP("marsh", .flags = CNC_APP_THREADED,
        .nodes = CNC_NODES({"mud", &book, .form = "Add", .submit = wade}),
        .commands = CNC_COMMANDS(
            {"walk", "Walk", .run = walk, .who = CNC_ANYBODY_RUNS}),
        .handlers = CNC_HANDLERS({CNC_IQ_GET, "urn:x:tread", "tread", tread}),
        .start = on_start, .stop = on_stop);

/* The handler's thread says nothing to the core while it is stuck. */
static void
wait_for(sem_t *what)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    assert_int_equal(sem_timedwait(what, &until), 0);
}

static int
set_up(void **state)
{
    sem_init(&gate, 0, 0);
    sem_init(&entered, 0, 0);
    sem_init(&out, 0, 0);
    atomic_store(&n_stopped, 0);
    atomic_store(&late, 0);
    atomic_store(&start_sticks, false);
    later = NULL;
    *state = begin((const struct cnc_app *const[]){&marsh, &shelf, NULL});
    return 0;
}

/* Let out the one that is inside. */
static void
open_gate(struct world *w)
{
    sem_post(&gate);
    wait_for(&out);
    tick(w, 1);
}

static int
tear_down(void **state)
{
    struct world *w = *state;

    world_free(&w);
    sem_destroy(&gate);
    sem_destroy(&entered);
    sem_destroy(&out);
    return 0;
}

static void
works_again(struct world *w)
{
    struct answer a = {0};

    world_submit(w, &a, "mud", &anna, NULL, "title", "Bad", NULL);
    world_pump(w, is_answered, &a);
    assert_int_equal(a.code, CNC_EREFUSED);
    assert_string_equal(a.title, "No.");
}

static void
a_handler_that_is_stuck_is_given_up_and_the_rest_goes_on(void **state)
{
    struct world *w = *state;
    struct look l = {.w = w, .name = "marsh"};
    struct answer first = {0}, second = {0}, third = {0}, other = {0};

    world_submit(w, &first, "mud", &anna, "a", "title", "Stuck", NULL);
    world_submit(w, &second, "mud", &anna, "b", "title", "Good", NULL);
    wait_for(&entered);
    tick(w, 30);
    assert_int_equal(first.n, 0);
    assert_false(is_paused(&l));
    tick(w, 1);
    assert_int_equal(first.n, 1);
    assert_int_equal(first.code, CNC_ESYS);
    assert_string_equal(first.text,
                        "The app \"marsh\" did not answer within 30 seconds "
                        "and is paused. Please try again later.");
    assert_int_equal(second.n, 1);
    assert_int_equal(second.code, CNC_ESYS);
    world_pump(w, is_paused, &l);
    assert_string_equal(l.error, "a handler did not return within 30 seconds");
    assert_int_equal(atomic_load(&n_stopped), 0); /* it is not idle */
    world_flush(w, NULL);
    world_submit(w, &other, "books", &anna, NULL, "title", "Good", NULL);
    world_flush(w, NULL);
    assert_int_equal(other.code, 0);
    /* Started again it works, beside the handler that is still stuck. */
    start_again(w, "marsh");
    works_again(w);
    open_gate(w);
    assert_int_equal(atomic_load(&late), CNC_ECLOSED);
    assert_int_equal(first.n, 1);
    assert_int_equal(world_n_items(w, "mud"), 0);
    world_submit(w, &third, "mud", &anna, NULL, "title", "Good", NULL);
    works_again(w); /* so that one has been judged */
    world_flush(w, NULL);
    assert_int_equal(third.code, 0);
    assert_int_equal(world_n_items(w, "mud"), 1);
}

struct kept {
    struct world *w;
    struct answer *a;
};

/* What it published is kept before it is answered. */
static bool
is_kept_and_answered(void *arg)
{
    struct kept *k = arg;

    world_flush(k->w, NULL);
    return k->a->n > 0;
}

static void
a_handler_that_is_slow_is_not_stuck(void **state)
{
    struct world *w = *state;
    struct look l = {.w = w, .name = "marsh"};
    struct answer a = {0};

    world_submit(w, &a, "mud", &anna, NULL, "title", "Stuck", NULL);
    wait_for(&entered);
    tick(w, 29);
    sem_post(&gate);
    world_pump(w, is_kept_and_answered, &(struct kept){w, &a});
    assert_int_equal(a.code, CNC_EREFUSED);
    assert_string_equal(a.title, "Too late: Stuck.");
    tick(w, 29);
    assert_false(is_paused(&l));
}

static void
those_who_wait_for_a_stuck_app_are_answered(void **state)
{
    struct world *w = *state;
    struct cnc__session *s = world_session(w, "anna@example.com", false);
    struct look l = {.w = w, .name = "marsh"};

    world_say(s, "<iq xmlns='jabber:client' to='example.com' type='set' "
                 "id='1'><command "
                 "xmlns='http://jabber.org/protocol/commands' "
                 "node='walk'/></iq>"); /* waits for cnc_finish() */
    works_again(w);                     /* so that it waits by now */
    world_say(s, "<iq xmlns='jabber:client' to='example.com' type='set' "
                 "id='2'><command "
                 "xmlns='http://jabber.org/protocol/commands' "
                 "node='walk'/></iq>"); /* is stuck */
    world_say(
        s,
        "<iq xmlns='jabber:client' to='example.com' type='get' id='3'><tread "
        "xmlns='urn:x:tread'/></iq>");
    wait_for(&entered);
    tick(w, 31);
    assert_non_null(strstr(world_heard(), "id='3'"));
    assert_non_null(strstr(world_heard(), "did not answer within 30 seconds"));
    world_pump(w, is_paused, &l);
    world_flush(w, NULL);
    open_gate(w);
    start_again(w, "marsh");
    works_again(w);
}

static void
a_stanza_handler_may_be_stuck_as_well(void **state)
{
    struct world *w = *state;
    struct cnc__session *s = world_session(w, "anna@example.com", false);
    struct look l = {.w = w, .name = "marsh"};

    world_say(
        s,
        "<iq xmlns='jabber:client' to='example.com' type='get' id='3'><tread "
        "xmlns='urn:x:tread'/></iq>");
    wait_for(&entered);
    tick(w, 31);
    assert_non_null(strstr(world_heard(), "internal-server-error"));
    assert_non_null(strstr(world_heard(), "did not answer within 30 seconds"));
    world_pump(w, is_paused, &l);
    world_flush(w, NULL);
    open_gate(w);
}

static void
a_start_that_is_stuck_is_refused(void **state)
{
    struct world *w = *state;
    struct outcome o = {0};

    cnc__app_stop(world_apps(w), "marsh", changed, &o);
    world_pump(w, is_changed, &o);
    atomic_store(&start_sticks, true);
    o = (struct outcome){0};
    cnc__app_start(world_apps(w), "marsh", changed, &o);
    wait_for(&entered);
    tick(w, 31);
    assert_int_equal(o.n, 1);
    assert_non_null(strstr(o.text, "\"marsh\" could not be started: "));
    assert_non_null(strstr(o.text, "within 30 seconds"));
    /* Nothing is locked by it. */
    atomic_store(&start_sticks, false);
    start_again(w, "marsh");
    works_again(w);
    open_gate(w);
}

static void
a_handler_that_never_returns_does_not_hold_the_end(void **state)
{
    struct world *w = *state;
    struct look l = {.w = w, .name = "marsh"};
    struct answer a = {0};

    world_submit(w, &a, "mud", &anna, NULL, "title", "Stuck", NULL);
    wait_for(&entered);
    tick(w, 31);
    world_pump(w, is_paused, &l);
    world_flush(w, NULL);
    assert_true(cnc__apps_stopping(world_apps(w)));
}

#define STUCK(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_faults_in_a_row_pause_an_app),
        cmocka_unit_test(twenty_faults_in_a_minute_pause_an_app),
        cmocka_unit_test(fewer_faults_in_a_minute_pause_nobody),
        cmocka_unit_test(
            a_flood_of_ten_seconds_pauses_an_app_and_the_rest_goes_on),
        cmocka_unit_test(what_stays_below_or_is_short_is_no_flood),
        STUCK(a_handler_that_is_stuck_is_given_up_and_the_rest_goes_on),
        STUCK(a_handler_that_is_slow_is_not_stuck),
        STUCK(those_who_wait_for_a_stuck_app_are_answered),
        STUCK(a_stanza_handler_may_be_stuck_as_well),
        STUCK(a_start_that_is_stuck_is_refused),
        STUCK(a_handler_that_never_returns_does_not_hold_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
