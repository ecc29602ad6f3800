/* SPDX-License-Identifier: MIT */
/*
 * repeat.c -- a form that is sent twice, because its answer was lost or was
 * slow, is one item: acknowledged when it is kept, never refused by itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../src/app/apps.h"
#include "../../../src/base/text.h"

#define MAX_WAITING 16

struct world {
    struct cnc__router *router;
    struct cnc__pubsub *ps;
    struct cnc__commands *commands;
    struct cnc__apps *apps;
    struct cnc__commit *waiting[MAX_WAITING];
    size_t n_waiting;
};

struct answer {
    unsigned n;
    int code;
};

static void
commit(struct cnc__commit *c, void *priv)
{
    struct world *w = priv;

    assert_true(w->n_waiting < MAX_WAITING);
    w->waiting[w->n_waiting++] = c;
}

static void
flush(struct world *w)
{
    for (size_t i = 0; i < w->n_waiting; i++) {
        w->waiting[i]->done(w->waiting[i], NULL);
    }
    w->n_waiting = 0;
}

static int64_t
now_ms(void *priv)
{
    return 1795384800000;
}

static void
answered(const struct cnc__submit_result *r, struct cnc__values *v, void *priv)
{
    struct answer *a = priv;

    a->n++;
    a->code = r->code;
}

/* Before it answers, the world may do to it what a slow handler meets. */
static struct world *the_world;
static bool again;
static struct answer inner;

static void
submit(struct world *w, const char *id, struct answer *a)
{
    const struct cnc__actor bob = {.jid = "bob@example.com/r"};
    struct cnc__values *v = cnc__values_new();

    assert_int_equal(cnc__values_add(v, "title", "Hamlet", NULL), 0);
    cnc__apps_submit(w->apps, "library", &bob, v, id, answered, a);
}

static int
on_shelf(struct cnc_request *r, struct cnc_element *e)
{
    if (again) {
        again = false;
        submit(the_world, cnc_item_id(r), &inner);
    }
    return cnc_find(r, "library", "title", cnc_text(e, "title"))
               ? cnc_refuse(r, "title", "That book is on the shelf.")
               : 0;
}

static const struct cnc_record book = {
    "book", CNC_FIELDS({"title", "Title", .required = true})};
static const struct cnc_app shelf = {
    .abi = CNC_APP_ABI,
    .size = sizeof(shelf),
    .name = "shelf",
    .xmlns = "urn:example:shelf",
    .nodes = CNC_NODES({"library", &book, .form = "Add", .submit = on_shelf}),
};

static int
set_up(void **state)
{
    struct world *w = cnc__zalloc(sizeof(*w));
    struct cnc__pubsub_env ps = {
        .commit = commit, .now_ms = now_ms, .priv = w};
    struct cnc__apps_env apps = {.commit = commit, .priv = w};

    ps.router = apps.router = w->router = cnc__router_new("example.com");
    apps.pubsub = w->ps = cnc__pubsub_new(&ps);
    apps.commands = w->commands = cnc__commands_new(w->router);
    w->apps = cnc__apps_new(&apps);
    assert_int_equal(cnc__apps_add(w->apps, &shelf, NULL), 0);
    assert_int_equal(cnc__apps_declare(w->apps, NULL), 0);
    flush(w);
    inner = (struct answer){0};
    the_world = *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *w = *state;

    cnc__apps_leave(w->apps);
    cnc__apps_free(&w->apps);
    cnc__commands_free(&w->commands);
    cnc__pubsub_free(&w->ps);
    flush(w);
    cnc__router_free(&w->router);
    cnc__free(w);
    return 0;
}

static size_t
n_items(struct world *w)
{
    return cnc__node_n_items(cnc__pubsub_node(w->ps, "library"));
}

static void
a_repeat_is_acknowledged_when_the_first_is_kept(void **state)
{
    struct world *w = *state;
    struct answer first = {0}, second = {0}, third = {0};

    submit(w, "1", &first);
    submit(w, "1", &second);
    assert_int_equal(first.n, 0);
    assert_int_equal(second.n, 0); /* it is not kept yet */
    flush(w);
    assert_int_equal(first.n, 1);
    assert_int_equal(first.code, 0);
    assert_int_equal(second.n, 1);
    assert_int_equal(second.code, 0);
    submit(w, "1", &third);
    assert_int_equal(third.n, 1);
    assert_int_equal(third.code, 0);
    assert_int_equal(n_items(w), 1);
}

static void
a_repeat_is_not_refused_for_being_on_the_shelf(void **state)
{
    struct world *w = *state;
    struct answer outer = {0}, other = {0};

    again = true; /* the same form once more, while the handler thinks */
    submit(w, "1", &outer);
    flush(w);
    assert_int_equal(inner.n, 1);
    assert_int_equal(inner.code, 0);
    assert_int_equal(outer.n, 1);
    assert_int_equal(outer.code, 0);
    submit(w, "2", &other);
    assert_int_equal(other.code, CNC_EREFUSED);
    assert_int_equal(n_items(w), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_repeat_is_acknowledged_when_the_first_is_kept, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            a_repeat_is_not_refused_for_being_on_the_shelf, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
