/* SPDX-License-Identifier: MIT */
/* What an app is when it extends another, and is moved to a mount; in which
 * order apps start, and which circles and versions are refused. */
#include "world.h"

#define APP(name_, ...)                                                       \
    {                                                                         \
        .abi = CNC_APP_ABI, .size = sizeof(struct cnc_app), .name = name_,    \
        __VA_ARGS__                                                           \
    }

static const struct cnc_record page = {
    "page", CNC_FIELDS({"text", "Text"},
                       {"topic", "Topic", CNC_FIELD_REF, .node = "topics"})};
static const struct cnc_record options = {
    "options", CNC_FIELDS({"colour", .value = "red"}, {"size", .value = "3"})};
static const struct cnc_record more_options = {
    "options", CNC_FIELDS({"size", .value = "5"}, {"shape", .value = "oval"})};

static int
run(struct cnc_request *r, struct cnc_element *form)
{
    return 0;
}

static int
start(struct cnc_request *r)
{
    return 0;
}

static const struct cnc_app wiki =
    APP("wiki", .title = "Wiki", .xmlns = NS, .version = "1.2",
        .nodes = CNC_NODES({"pages", &page, .form = "Write"}, {"topics"}),
        .pages = CNC_PAGES({"/", .node = "pages"}, {"/by/{topic}", "topics"},
                           {"/find", .command = "find status"}),
        .commands = CNC_COMMANDS(
            {"find", .run = run, .see = "/by/x?q=1"},
            {"purge", .run = run, .title = "Purge", .see = "/login"}),
        .settings = &options, .admin = CNC_NAMES("pages"), .start = start);

static const struct cnc_app better =
    APP("better", .title = "Better", .extends = "wiki",
        .nodes = CNC_NODES({"topics", .title = "All topics"}, {"notes"}),
        .commands = CNC_COMMANDS({"purge", .run = run, .title = "Clean"}),
        .settings = &more_options);

static const struct cnc_node *
node(const struct cnc_app *d, const char *name)
{
    for (const struct cnc_node *n = d->nodes; n->name != NULL; n++) {
        if (strcmp(n->name, name) == 0) {
            return n;
        }
    }
    fail_msg("there is no node %s", name);
    return NULL;
}

static const struct cnc_app *
declare(struct world *w, const struct cnc_app *const *apps, const char *mount)
{
    struct cnc_error err = {0};
    const char *name = NULL;

    for (; *apps != NULL; apps++) {
        assert_int_equal(cnc__apps_add(world_apps(w), *apps, &err), 0);
        name = (*apps)->name;
    }
    assert_int_equal(
        cnc__apps_place(world_apps(w), name, mount, NULL, NULL, &err), 0);
    if (cnc__apps_declare(world_apps(w), &err) != 0) {
        fail_msg("%s", err.text);
    }
    world_flush(w, NULL);
    return cnc__app_decl(world_apps(w), name);
}

static void
an_extension_has_everything_and_its_own_wins(void **state)
{
    struct world *w = world_new();
    const struct cnc_app *d = declare(
        w, (const struct cnc_app *const[]){&wiki, &better, NULL}, NULL);

    assert_string_equal(d->name, "better");
    assert_string_equal(d->title, "Better");
    assert_string_equal(d->version, "1.2");
    assert_string_equal(d->xmlns, NS);
    assert_ptr_equal(d->start, start);
    assert_string_equal(node(d, "topics")->title, "All topics");
    assert_string_equal(d->nodes[0].name, "pages");
    assert_string_equal(d->nodes[2].name, "notes");
    assert_null(d->nodes[3].name);
    assert_string_equal(d->commands[1].title, "Clean");
    assert_null(d->commands[2].node);
    assert_string_equal(d->settings->fields[0].name, "colour");
    assert_string_equal(d->settings->fields[1].value, "5");
    assert_string_equal(d->settings->fields[2].name, "shape");
    /* It runs as the other, too. */
    assert_ptr_equal(cnc__app_decl(world_apps(w), "wiki"), d);
    world_free(&w);
}

static void
a_mount_moves_what_is_the_apps_own(void **state)
{
    struct world *w = world_new();
    const struct cnc_app *d = declare(
        w, (const struct cnc_app *const[]){&wiki, &better, NULL}, "/w/k");

    assert_string_equal(d->nodes[0].name, "w/k/pages");
    assert_string_equal(d->nodes[0].record->fields[1].node, "w/k/topics");
    assert_string_equal(d->pages[0].path, "/w/k");
    assert_string_equal(d->pages[0].node, "w/k/pages");
    assert_string_equal(d->pages[1].path, "/w/k/by/{topic}");
    assert_string_equal(d->pages[2].command, "w/k/find status");
    assert_string_equal(d->commands[0].node, "w/k/find");
    assert_string_equal(d->commands[0].see, "/w/k/by/x?q=1");
    assert_null(d->commands[1].see);
    assert_string_equal(d->admin[0], "w/k/pages");
    assert_non_null(cnc__pubsub_node(world_pubsub(w), "w/k/notes"));
    assert_null(cnc__pubsub_node(world_pubsub(w), "notes"));
    world_free(&w);
}

static void
a_mount_is_a_plain_path(void **state)
{
    static const char *const bad[] = {"wiki", "/",    "/a/",  "//a",
                                      "/A",   "/a b", "/../a"};
    struct world *w = world_new();
    struct cnc_error err = {0};

    assert_int_equal(cnc__apps_add(world_apps(w), &wiki, &err), 0);
    for (size_t i = 0; i < CNC_N(bad); i++) {
        assert_int_equal(
            cnc__apps_place(world_apps(w), "wiki", bad[i], NULL, NULL, &err),
            CNC_EINVAL);
        assert_non_null(strstr(err.text, "is no place for an app"));
    }
    world_free(&w);
}

/* -- needs -----------------------------------------------------------------
 */

struct graph {
    struct cnc_app apps[4];
    const char *said; /* NULL: these start, in this order */
    const char *order;
};

static const struct graph graphs[] = {
    {{APP("c", .xmlns = NS, .needs = CNC_NAMES("b>=1.2", "a")),
      APP("b", .xmlns = NS, .version = "1.10", .needs = CNC_NAMES("a")),
      APP("a", .xmlns = NS)},
     NULL,
     "a b c "},
    {{APP("all", .needs = CNC_NAMES("a")), APP("a", .xmlns = NS)},
     NULL,
     "a all "},
    {{APP("user", .xmlns = NS, .needs = CNC_NAMES("a")),
      APP("more", .extends = "a"), APP("a", .xmlns = NS)},
     NULL,
     "more user "},
    {{APP("a", .xmlns = NS, .needs = CNC_NAMES("nobody"))},
     "app \"a\" needs \"nobody\", which is nowhere",
     NULL},
    {{APP("a", .extends = "nobody")},
     "app \"a\" extends \"nobody\", which is nowhere",
     NULL},
    {{APP("a", .xmlns = NS, .needs = CNC_NAMES("b>=1.2")),
      APP("b", .xmlns = NS, .version = "1.1.9")},
     "app \"a\" needs \"b>=1.2\", but there is \"b\" 1.1.9",
     NULL},
    {{APP("a", .xmlns = NS, .needs = CNC_NAMES("b<2"))},
     "which is no app: write",
     NULL},
    {{APP("x", .xmlns = NS, .needs = CNC_NAMES("a")),
      APP("a", .xmlns = NS, .needs = CNC_NAMES("b")),
      APP("b", .xmlns = NS, .needs = CNC_NAMES("a"))},
     "the apps need each other: a -> b -> a",
     NULL},
    {{APP("a", .extends = "b"), APP("b", .extends = "a")},
     "extend each other",
     NULL},
    {{APP("a", .xmlns = NS), APP("b", .extends = "a"),
      APP("c", .extends = "a")},
     "apps \"b\" and \"c\" both extend \"a\"",
     NULL},
    {{APP("a", .xmlns = NS), APP("b", .xmlns = "urn:b", .extends = "a")},
     "leave out .xmlns",
     NULL},
};

static void
collect(const struct cnc__app_info *info, void *priv)
{
    cnc__str_printf(priv, "%s ", info->name);
}

static void
needs_come_first_and_what_cannot_be_is_named(void **state)
{
    for (size_t i = 0; i < CNC_N(graphs); i++) {
        const struct graph *g = &graphs[i];
        struct world *w = world_new();
        struct cnc__str order = CNC__STR;
        struct cnc_error err = {0};
        int code;

        for (const struct cnc_app *a = g->apps; a->name != NULL; a++) {
            assert_int_equal(cnc__apps_add(world_apps(w), a, &err), 0);
        }
        code = cnc__apps_declare(world_apps(w), &err);
        cnc__apps_each(world_apps(w), collect, &order);
        if (g->said == NULL) {
            assert_string_equal(err.text, "");
            assert_string_equal(order.data, g->order);
        } else if (code == 0 || strstr(err.text, g->said) == NULL) {
            fail_msg("graph %zu: \"%s\" is not in \"%s\"", i, g->said,
                     err.text);
        }
        cnc__str_fini(&order);
        world_flush(w, NULL);
        world_free(&w);
    }
}

static void
what_is_missing_is_asked_for(void **state)
{
    struct world *w = world_new();
    struct cnc_error err = {0};
    char *name;

    assert_int_equal(cnc__apps_add(world_apps(w), &better, &err), 0);
    name = cnc__apps_missing(world_apps(w));
    assert_string_equal(name, "wiki");
    cnc__free(name);
    assert_int_equal(cnc__apps_add(world_apps(w), &wiki, &err), 0);
    assert_null(cnc__apps_missing(world_apps(w)));
    world_free(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_extension_has_everything_and_its_own_wins),
        cmocka_unit_test(a_mount_moves_what_is_the_apps_own),
        cmocka_unit_test(a_mount_is_a_plain_path),
        cmocka_unit_test(needs_come_first_and_what_cannot_be_is_named),
        cmocka_unit_test(what_is_missing_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
