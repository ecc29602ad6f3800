/* SPDX-License-Identifier: MIT */
/* Apps start and stop while the service runs; hooks, and what they stand
 * for. */
#include <stdio.h>

#include "world.h"

#define APP(name_, ...)                                                       \
    {                                                                         \
        .abi = CNC_APP_ABI, .size = sizeof(struct cnc_app), .name = name_,    \
        __VA_ARGS__                                                           \
    }

static const struct cnc_record book = {
    "book", CNC_FIELDS({"title", "Title", .required = true})};

static char trail[256]; /* what was called, in order */

static void
note(const char *what)
{
    strncat(trail, what, sizeof(trail) - strlen(trail) - 1);
}

static int
first_check(struct cnc_request *r, struct cnc_element *in)
{
    note("first ");
    return strcmp(cnc_text(in, "user"), "anna") == 0 ? 0 : CNC_EAUTH;
}

static int
second_check(struct cnc_request *r, struct cnc_element *in)
{
    note("second ");
    if (strcmp(cnc_text(in, "user"), "nobody") == 0) {
        return CNC_ENOENT;
    }
    return strcmp(cnc_text(in, "user"), "root") == 0
               ? cnc_refuse(r, NULL, "Not him.")
               : cnc_super(r);
}

static int
judge(struct cnc_request *r, struct cnc_element *record)
{
    note("judge ");
    return cnc_hook(r, "may-add", record) == CNC_EACCES
               ? cnc_refuse(r, "title", "No.")
               : 0;
}

static int
judge_more(struct cnc_request *r, struct cnc_element *record)
{
    note("more ");
    assert_string_equal(cnc_node_name(r), "books");
    return cnc_super(r);
}

static int
may_add(struct cnc_request *r, struct cnc_element *record)
{
    return strcmp(cnc_text(record, "title"), "Bad") == 0 ? CNC_EACCES : 0;
}

static int
on_start(struct cnc_request *r)
{
    struct cnc_element *e = NULL;
    struct cnc_error err = {0};
    static const char xml[] = "<book xmlns='" NS "'><title>One</title></book>";

    note("start ");
    assert_int_equal(cnc_xml_parse(&e, xml, sizeof(xml) - 1, 0, NULL, &err),
                     0);
    assert_int_equal(cnc_publish(r, "books", "one", e, &err), 0);
    cnc_element_unref(&e);
    return 0;
}

static int
on_start_more(struct cnc_request *r)
{
    note("start-more ");
    return cnc_super(r);
}

static void
on_stop(void *priv)
{
    note("stop ");
}

static const struct cnc_app shelf =
    APP("shelf", .xmlns = NS,
        .nodes = CNC_NODES({"books", &book, .form = "Add", .submit = judge}),
        .hooks = CNC_HOOKS({"check-password", first_check}), .start = on_start,
        .stop = on_stop);
static const struct cnc_app better = APP(
    "better", .extends = "shelf",
    .nodes = CNC_NODES({"books", &book, .form = "Add", .submit = judge_more}),
    .hooks = CNC_HOOKS({"check-password", second_check}, {"may-add", may_add}),
    .start = on_start_more);
static const struct cnc_app reader =
    APP("reader", .xmlns = NS, .needs = CNC_NAMES("shelf"), .stop = on_stop);
static const struct cnc_app threaded = APP(
    "better", .extends = "shelf", .flags = CNC_APP_THREADED,
    .nodes = CNC_NODES({"books", &book, .form = "Add", .submit = judge_more}),
    .start = on_start_more);

struct outcome {
    unsigned n;
    int code;
    char text[512];
};

static void
asked(int code, const char *text, void *priv)
{
    struct outcome *o = priv;

    o->n++;
    o->code = code;
    snprintf(o->text, sizeof(o->text), "%s", text == NULL ? "" : text);
}

static void
ask(struct world *w, struct outcome *o, const char *user)
{
    struct cnc_element *e = NULL;
    struct cnc__str xml = CNC__STR;

    *o = (struct outcome){0};
    cnc__str_printf(&xml, "<check-password><user>%s</user></check-password>",
                    user);
    assert_int_equal(cnc_xml_parse(&e, xml.data, xml.len, 0, NULL, NULL), 0);
    cnc__apps_hook(world_apps(w), "check-password", e, asked, o);
    cnc_element_unref(&e);
    cnc__str_fini(&xml);
    assert_int_equal(o->n, 1);
}

static struct world *
begin(const struct cnc_app *const *apps, const char *mount)
{
    struct world *w = world_new();
    struct cnc_error err = {0};

    trail[0] = '\0';
    for (; *apps != NULL; apps++) {
        assert_int_equal(cnc__apps_add(world_apps(w), *apps, &err), 0);
        assert_int_equal(cnc__apps_place(world_apps(w), (*apps)->name, mount,
                                         NULL, NULL, &err),
                         0);
    }
    if (cnc__apps_declare(world_apps(w), &err) != 0 ||
        cnc__apps_start(world_apps(w), &err) != 0) {
        fail_msg("%s", err.text);
    }
    world_flush(w, NULL);
    return w;
}

static void
the_extension_answers_a_hook_first(void **state)
{
    struct world *w =
        begin((const struct cnc_app *const[]){&shelf, &better, NULL}, NULL);
    struct outcome o;

    assert_string_equal(trail, "start-more start ");
    trail[0] = '\0';
    ask(w, &o, "anna");
    assert_int_equal(o.code, 0);
    assert_string_equal(trail, "second first ");
    ask(w, &o, "bert");
    assert_int_equal(o.code, CNC_EAUTH);
    ask(w, &o, "root");
    assert_int_equal(o.code, CNC_EREFUSED);
    assert_string_equal(o.text, "Not him.");
    ask(w, &o, "nobody");
    assert_int_equal(o.code, CNC_ENOENT);
    world_free(&w);
}

static void
a_handler_asks_its_own_hook_and_the_one_before(void **state)
{
    static const struct cnc__actor anna = {.jid = "anna@example.com/r"};
    struct world *w =
        begin((const struct cnc_app *const[]){&shelf, &better, NULL}, "/lib");
    struct answer a;

    trail[0] = '\0';
    world_submit(w, &a, "lib/books", &anna, "good", "title", "Good", NULL);
    world_flush(w, NULL);
    assert_int_equal(a.code, 0);
    assert_string_equal(trail, "more judge ");
    world_submit(w, &a, "lib/books", &anna, "bad", "title", "Bad", NULL);
    assert_int_equal(a.code, CNC_EREFUSED);
    assert_string_equal(a.title, "No.");
    assert_int_equal(world_n_items(w, "lib/books"), 2);
    world_free(&w);
}

/* -- stop and start --------------------------------------------------------
 */

static void
changed(const struct cnc_error *err, const char *text, void *priv)
{
    struct outcome *o = priv;

    o->n++;
    o->code = err == NULL ? 0 : err->code;
    snprintf(o->text, sizeof(o->text), "%s",
             err != NULL    ? err->text
             : text == NULL ? ""
                            : text);
}

static bool
is_done(void *arg)
{
    const struct outcome *o = arg;

    return o->n > 0;
}

static bool
may_see(struct world *w, const char *node)
{
    static const struct cnc__actor anna = {.jid = "anna@example.com/r"};

    return cnc__pubsub_may(world_pubsub(w), &anna, CNC__MAY_SEE,
                           cnc__pubsub_node(world_pubsub(w), node), NULL) == 0;
}

static void
a_stopped_app_is_seen_by_nobody_and_keeps_its_items(void **state)
{
    struct world *w =
        begin((const struct cnc_app *const[]){&shelf, &reader, NULL}, NULL);
    struct outcome o = {0};
    struct answer a;
    static const struct cnc__actor anna = {.jid = "anna@example.com/r"};

    trail[0] = '\0';
    assert_true(may_see(w, "books"));
    cnc__app_stop(world_apps(w), "shelf", changed, &o);
    assert_int_equal(o.n, 1);
    assert_int_equal(o.code, 0);
    assert_string_equal(o.text, "reader");
    assert_string_equal(trail, "stop stop ");
    assert_false(may_see(w, "books"));
    assert_int_equal(world_n_items(w, "books"), 1);
    world_submit(w, &a, "books", &anna, NULL, "title", "Good", NULL);
    assert_int_equal(a.code, CNC_ENOENT);
    /* It needs the other, which starts first. */
    o = (struct outcome){0};
    trail[0] = '\0';
    cnc__app_start(world_apps(w), "reader", changed, &o);
    assert_int_equal(o.code, 0);
    assert_string_equal(o.text, "shelf");
    assert_string_equal(trail, "start ");
    assert_true(may_see(w, "books"));
    world_flush(w, NULL);
    world_submit(w, &a, "books", &anna, NULL, "title", "Good", NULL);
    world_flush(w, NULL);
    assert_int_equal(a.code, 0);
    assert_int_equal(world_n_items(w, "books"), 2);
    world_free(&w);
}

static void
an_app_with_a_thread_stops_after_its_handlers(void **state)
{
    struct world *w =
        begin((const struct cnc_app *const[]){&shelf, &threaded, NULL}, NULL);
    struct outcome o = {0};

    for (unsigned i = 0; i < 3; i++) {
        o = (struct outcome){0};
        trail[0] = '\0';
        cnc__app_stop(world_apps(w), "shelf", changed, &o);
        world_pump(w, is_done, &o);
        assert_int_equal(o.code, 0);
        assert_string_equal(trail, "stop ");
        o = (struct outcome){0};
        cnc__app_start(world_apps(w), "better", changed, &o);
        world_pump(w, is_done, &o);
        assert_int_equal(o.code, 0);
        assert_string_equal(trail, "stop start-more start ");
        world_flush(w, NULL);
    }
    world_free(&w);
}

static void
what_is_removed_is_known_no_more(void **state)
{
    struct world *w =
        begin((const struct cnc_app *const[]){&shelf, NULL}, NULL);
    struct outcome o = {0};

    cnc__app_remove(world_apps(w), "shelf", changed, &o);
    assert_int_equal(o.code, 0);
    assert_null(cnc__app_decl(world_apps(w), "shelf"));
    assert_false(may_see(w, "books"));
    cnc__app_start(world_apps(w), "shelf", changed, &o);
    assert_int_equal(o.code, CNC_ENOENT);
    assert_string_equal(o.text, "there is no app \"shelf\"");
    world_free(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_extension_answers_a_hook_first),
        cmocka_unit_test(a_handler_asks_its_own_hook_and_the_one_before),
        cmocka_unit_test(a_stopped_app_is_seen_by_nobody_and_keeps_its_items),
        cmocka_unit_test(an_app_with_a_thread_stops_after_its_handlers),
        cmocka_unit_test(what_is_removed_is_known_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
