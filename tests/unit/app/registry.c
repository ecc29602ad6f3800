/* SPDX-License-Identifier: MIT */
/* What an app may declare; every fault names the app and the entry. */
#include "world.h"

#define APP(name_, ...)                                                       \
    {                                                                         \
        .abi = CNC_APP_ABI, .size = sizeof(struct cnc_app), .name = name_,    \
        .xmlns = NS, __VA_ARGS__                                              \
    }

static const struct cnc_record book = {
    "book", CNC_FIELDS({"title", "Title", .required = true})};
static const struct cnc_record bad_record = {
    "book", CNC_FIELDS({"title", "Title", .match = "("})};

static int
answer(struct cnc_request *r, struct cnc_element *e)
{
    return 0;
}

static int
run(struct cnc_request *r)
{
    return 0;
}

static const struct cnc_app good =
    APP("good", .nodes = CNC_NODES({"books", &book, .form = "Add"}),
        .handlers = CNC_HANDLERS({CNC_IQ_GET, "urn:x:echo", "echo", answer}));

struct fault {
    struct cnc_app app;
    int code;
    const char *said;
};

static const struct fault faults[] = {
    {{.abi = 99, .size = sizeof(struct cnc_app), .name = "a", .xmlns = NS},
     CNC_EINVAL,
     "build it again"},
    {{.abi = CNC_APP_ABI, .size = 8, .name = "a", .xmlns = NS},
     CNC_EINVAL,
     "build it again"},
    {APP("Upper"), CNC_EINVAL, "\"Upper\" is not one"},
    {APP(NULL), CNC_EINVAL, "starts with a letter"},
    {APP("a b"), CNC_EINVAL, "\"a b\" is not one"},
    {{.abi = CNC_APP_ABI, .size = sizeof(struct cnc_app), .name = "a"},
     CNC_EINVAL,
     "app \"a\" has no .xmlns"},
    {APP("good"), CNC_EEXIST, "two apps called \"good\""},
    {APP("a", .nodes = CNC_NODES({"books"})), CNC_EEXIST,
     "the node \"books\" belongs to app \"good\""},
    {APP("a", .nodes = CNC_NODES({"view:/"})), CNC_EINVAL,
     "\"view:/\" is the service's own"},
    {APP("a", .nodes = CNC_NODES({"templates"})), CNC_EINVAL,
     "\"templates\" is the service's own"},
    {APP("a", .nodes = CNC_NODES({"n", .form = "Add"})), CNC_EINVAL,
     "node \"n\" has a form but no record"},
    {APP("a", .nodes = CNC_NODES({"n", &bad_record})), CNC_EINVAL, "title"},
    {APP("a", .nodes = CNC_NODES({"n", &book, .form = "A"},
                                 {"n", &book, .form = "B"})),
     CNC_EEXIST, "\"n\""},
    {APP("a",
         .handlers = CNC_HANDLERS({CNC_IQ_GET, "urn:x:echo", "echo", answer})),
     CNC_EEXIST, "echo"},
    {APP("a", .handlers = CNC_HANDLERS({CNC_IQ_GET, "urn:x", NULL, answer})),
     CNC_EINVAL, "needs .ns, .name and .handle"},
    {APP("a", .tasks = CNC_TASKS({"t", 0, run})), CNC_EINVAL,
     "task \"t\" needs .every_s and .run"},
    {APP("a", .settings = &bad_record), CNC_EINVAL, "title"},
};

static void
each_fault_of_a_declaration_is_named(void **state)
{
    for (size_t i = 0; i < CNC_N(faults); i++) {
        struct world *w = world_new();
        struct cnc_error err = {0};

        world_add(w, &good);
        assert_int_equal(world_try(w, &faults[i].app, &err), faults[i].code);
        if (strstr(err.text, faults[i].said) == NULL) {
            fail_msg("fault %zu: \"%s\" is not in \"%s\"", i, faults[i].said,
                     err.text);
        }
        world_flush(w, NULL);
        world_free(&w);
    }
}

static void
what_a_node_leaves_out_has_its_default(void **state)
{
    struct world *w = world_new();
    const struct cnc__node_config *c;

    world_add(w, &good);
    c = cnc__node_config(cnc__pubsub_node(world_pubsub(w), "books"));
    assert_string_equal(c->title, "books");
    assert_string_equal(c->payload_ns, NS);
    assert_int_equal(c->access, CNC__ACCESS_OPEN);
    assert_int_equal(c->publish, CNC__BY_PUBLISHERS);
    assert_int_equal(c->max_items, 1000000);
    assert_int_equal(c->history, 1000);
    assert_true(c->durable && c->persist_items);
    world_free(&w);
}

static unsigned n_stopped;

static int
says_no(struct cnc_request *r)
{
    assert_string_equal(cnc_user(r), "example.com");
    return cnc_refuse(r, NULL, "The moon is %s.", "wrong");
}

static void
on_stop(void *priv)
{
    n_stopped++;
}

static void
start_may_refuse_and_stop_follows_only_a_start(void **state)
{
    static const struct cnc_app yes = APP("yes", .stop = on_stop);
    static const struct cnc_app no =
        APP("no", .start = says_no, .stop = on_stop);
    static const struct cnc_app later = APP("later", .stop = on_stop);
    struct world *w = world_new();
    struct cnc_error err = {0};

    world_add(w, &yes);
    world_add(w, &no);
    world_add(w, &later);
    assert_int_equal(cnc__apps_start(world_apps(w), &err), CNC_EREFUSED);
    assert_non_null(strstr(err.text, "app \"no\" refused to start: The moon "
                                     "is wrong."));
    n_stopped = 0;
    world_free(&w);
    assert_int_equal(n_stopped, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_of_a_declaration_is_named),
        cmocka_unit_test(what_a_node_leaves_out_has_its_default),
        cmocka_unit_test(start_may_refuse_and_stop_follows_only_a_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
