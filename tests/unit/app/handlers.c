/* SPDX-License-Identifier: MIT */
/* Submits, raw stanzas, tasks and settings, handled on the core's thread and,
 * the same app again, on a thread of its own. */
#include "world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static const struct cnc__actor bob = {.jid = "bob@example.com/r"};
static const struct cnc__actor guest = {.jid = "anon-1@example.com/x",
                                        .anonymous = true};

static pthread_t core;
static bool threaded;
static char seen[256]; /* what a handler saw */
static atomic_bool entered, may_end;

static bool
on_right_thread(void)
{
    return (pthread_equal(pthread_self(), core) != 0) != threaded;
}

static int
note_item(const char *id, struct cnc_element *record, void *priv)
{
    size_t len = strlen(seen);

    snprintf(seen + len, sizeof(seen) - len, "%s=%s;", id,
             cnc_text(record, "title"));
    return strcmp(id, priv) == 0 ? 7 : 0;
}

static int
replace(struct cnc_request *r, const char *xml)
{
    struct cnc_element *e = NULL;
    int code = cnc_xml_parse(&e, xml, strlen(xml), 0, NULL, NULL);

    assert_int_equal(code, 0);
    code = cnc_replace(r, e);
    cnc_element_unref(&e);
    return code;
}

static int
publish_more(struct cnc_request *r)
{
    const char *bad = "<book xmlns='" NS "'/>";
    struct cnc_element *e = NULL;
    struct cnc_error err = {0};

    assert_int_equal(cnc_xml_parse(&e, bad, strlen(bad), 0, NULL, NULL), 0);
    assert_int_equal(cnc_publish(r, "library", "x", e, &err), CNC_EREFUSED);
    assert_int_equal(cnc_publish(r, "nowhere", "x", e, &err), CNC_ENOENT);
    assert_int_equal(cnc_publish(r, "log", "l1", e, &err), 0);
    cnc_element_unref(&e);
    assert_int_equal(cnc_retract(r, "library", "none", &err), CNC_ENOENT);
    return 0;
}

static int
on_book(struct cnc_request *r, struct cnc_element *book)
{
    const char *title = cnc_text(book, "title");
    struct cnc_element *kept = NULL;
    const char *a, *b;

    assert_true(on_right_thread());
    assert_string_equal(cnc_node_name(r), "library");
    if (strcmp(title, "who") == 0) {
        snprintf(seen, sizeof(seen), "%s %d %s", cnc_user(r), cnc_is_guest(r),
                 cnc_item_id(r));
    } else if (strcmp(title, "field") == 0) {
        cnc_refuse(r, "title", "Not %s.", title);
        return cnc_refuse(r, NULL, "No.");
    } else if (strcmp(title, "code") == 0) {
        return CNC_EREFUSED;
    } else if (strcmp(title, "fault") == 0) {
        return CNC_ELIMIT;
    } else if (strcmp(title, "long") == 0) {
        return cnc_refuse(r, NULL, "%0250d\xc3\xa4\xc3\xa4\xc3\xa4", 0);
    } else if (strcmp(title, "other") == 0) {
        return replace(r, "<book xmlns='" NS "'><title>Mine</title></book>");
    } else if (strcmp(title, "wrong") == 0) {
        return replace(r, "<book xmlns='" NS "'/>");
    } else if (strcmp(title, "each") == 0) {
        seen[0] = '\0';
        assert_int_equal(cnc_each(r, "library", note_item, (void *)"2"), 7);
        assert_int_equal(cnc_each(r, "nowhere", note_item, (void *)""),
                         CNC_ENOENT);
    } else if (strcmp(title, "get") == 0) {
        assert_int_equal(cnc_get(r, &kept, "library", "none"), CNC_ENOENT);
        assert_null(kept);
        assert_int_equal(cnc_get(r, &kept, "library", "1"), 0);
        snprintf(seen, sizeof(seen), "%s", cnc_text(kept, "title"));
        cnc_element_unref(&kept);
        assert_true(cnc_find(r, "library", "title", seen));
        assert_false(cnc_find(r, "library", "title", "none such"));
    } else if (strcmp(title, "more") == 0) {
        return publish_more(r);
    } else if (strcmp(title, "settings") == 0) {
        a = cnc_setting(r, "color"); /* both live until we return */
        b = cnc_setting(r, "size");
        snprintf(seen, sizeof(seen), "%s %s %s.", a, b,
                 cnc_setting(r, "none"));
    } else if (strcmp(title, "slow") == 0) {
        atomic_store(&entered, true);
        while (!atomic_load(&may_end)) {
            sched_yield();
        }
    }
    return 0;
}

static int
on_echo(struct cnc_request *r, struct cnc_element *payload)
{
    const char *what = cnc_text(payload, "say");

    assert_true(on_right_thread());
    if (strcmp(what, "refuse") == 0) {
        return cnc_refuse(r, NULL, "I do not <want> to");
    }
    if (strcmp(what, "fault") == 0) {
        return CNC_ESYS;
    }
    if (what[0] == '\0') {
        return 0;
    }
    return cnc_reply(r, "<echo xmlns='urn:x:echo' by='%s'>%s</echo>",
                     cnc_user(r), what);
}

static atomic_uint n_ran;
static int task_code;

static int
on_task(struct cnc_request *r)
{
    assert_true(on_right_thread());
    n_ran++;
    cnc_log(r, "ran %u", n_ran);
    return task_code;
}

static const struct cnc_record book = {
    "book", CNC_FIELDS({"title", "Title", .required = true, .max_len = 50})};
static const struct cnc_record settings = {
    "settings", CNC_FIELDS({"color", "Color", .value = "red"},
                           {"size", "Size", .value = "10"})};

#define SHELF(flags_)                                                         \
    {                                                                         \
        .abi = CNC_APP_ABI, .size = sizeof(struct cnc_app), .name = "shelf",  \
        .xmlns = NS, .flags = flags_,                                         \
        .nodes =                                                              \
            CNC_NODES({"library", &book, .form = "Add", .submit = on_book},   \
                      {"plain", &book, .form = "Add"}, {"log"},               \
                      {"closed", &book, .form = "Add",                        \
                       .access = CNC_ACCESS_WHITELIST}),                      \
        .handlers = CNC_HANDLERS(                                             \
            {CNC_IQ_GET | CNC_IQ_SET, "urn:x:echo", "echo", on_echo}),        \
        .tasks = CNC_TASKS({"tick", 10, on_task}), .settings = &settings      \
    }

static const struct cnc_app direct_app = SHELF(0);
static const struct cnc_app threaded_app = SHELF(CNC_APP_THREADED);

static int
set_up_direct(void **state)
{
    core = pthread_self();
    threaded = false;
    *state = world_new();
    world_add(*state, &direct_app);
    return 0;
}

static int
set_up_threaded(void **state)
{
    core = pthread_self();
    threaded = true;
    *state = world_new();
    world_add(*state, &threaded_app);
    return 0;
}

static int
tear_down(void **state)
{
    struct world *w = *state;

    world_free(&w);
    return 0;
}

struct waiting {
    struct world *w;
    struct answer *a;
};

static bool
is_answered(void *arg)
{
    struct waiting *x = arg;

    world_flush(x->w, NULL);
    return x->a->n > 0;
}

static void
add(struct world *w, struct answer *a, const char *id, const char *title)
{
    struct waiting x = {w, a};

    world_submit(w, a, "library", &bob, id, "title", title, NULL);
    world_pump(w, is_answered, &x);
    assert_int_equal(a->n, 1);
}

/* -- submits ------------------------------------------------------------- */

static void
a_handler_knows_who_asks_and_for_what(void **state)
{
    struct world *w = *state;
    struct answer a;
    struct waiting x = {w, &a};

    add(w, &a, "7", "who");
    assert_int_equal(a.code, 0);
    assert_string_equal(a.id, "7");
    assert_string_equal(seen, "bob@example.com 0 7");
    world_submit(w, &a, "library", &guest, NULL, "title", "who", NULL);
    world_pump(w, is_answered, &x);
    assert_int_equal(strncmp(seen, "guest@example.com 1 ", 20), 0);
    assert_int_equal(strlen(a.id), 32);
    assert_int_equal(world_n_items(w, "library"), 2);
}

static void
a_refusal_reaches_its_fields(void **state)
{
    struct world *w = *state;
    struct answer a;

    add(w, &a, "1", "field");
    assert_int_equal(a.code, CNC_EREFUSED);
    assert_string_equal(a.text, "Not field.");
    assert_string_equal(a.title, "Not field.");
    assert_string_equal(a.form, "No.");
    add(w, &a, "1", "code");
    assert_int_equal(a.code, CNC_EREFUSED);
    assert_string_equal(a.form, "It was refused.");
    add(w, &a, "1", "long");
    assert_int_equal(a.code, CNC_EREFUSED);
    assert_true(cnc__utf8_valid(a.form, strlen(a.form)));
    assert_int_equal(world_n_items(w, "library"), 0);
}

static void
a_handlers_own_fault_is_told_plainly(void **state)
{
    struct world *w = *state;
    struct cnc__apps_stats stats;
    struct answer a;

    add(w, &a, "1", "fault");
    assert_int_equal(a.code, CNC_ESYS);
    assert_non_null(strstr(a.text, "nothing was published"));
    add(w, &a, "1", "wrong"); /* it replaced the record by none */
    assert_int_equal(a.code, CNC_ESYS);
    cnc__apps_stats(world_apps(w), &stats);
    assert_int_equal(stats.failures, 2);
    assert_int_equal(stats.submits, 2);
    assert_int_equal(world_n_items(w, "library"), 0);
}

static void
a_handler_may_publish_something_else(void **state)
{
    struct world *w = *state;
    struct answer a;

    add(w, &a, "1", "other");
    assert_int_equal(a.code, 0);
    assert_string_equal(world_item(w, "library", "1"),
                        "<book xmlns=\"" NS "\"><title>Mine</title></book>");
}

static void
a_handler_reads_and_writes_nodes(void **state)
{
    struct world *w = *state;
    struct answer a;

    add(w, &a, "1", "First");
    add(w, &a, "2", "Second");
    add(w, &a, "3", "Third");
    add(w, &a, "4", "each");
    assert_string_equal(seen, "1=First;2=Second;");
    add(w, &a, "5", "get");
    assert_string_equal(seen, "First");
    add(w, &a, "6", "more");
    assert_int_equal(a.code, 0);
    assert_int_equal(world_n_items(w, "log"), 1);
}

/* -- stanzas, tasks, settings -------------------------------------------- */

static bool
is_heard(void *arg)
{
    return world_heard()[0] != '\0';
}

static const char *
ask(struct world *w, struct cnc__session *s, const char *inside)
{
    struct cnc__str iq = CNC__STR;

    cnc__str_printf(&iq,
                    "<iq xmlns='jabber:client' type='get' id='1' "
                    "to='example.com'><echo xmlns='urn:x:echo'>%s</echo></iq>",
                    inside);
    world_say(s, iq.data);
    cnc__str_fini(&iq);
    world_pump(w, is_heard, NULL);
    return world_heard();
}

static void
a_stanza_is_answered_by_its_handler(void **state)
{
    struct world *w = *state;
    struct cnc__session *s = world_session(w, "bob@example.com", false);

    assert_non_null(strstr(ask(w, s, "<say>a&lt;b</say>"),
                           "by='bob@example.com'>a&lt;b</echo>"));
    assert_non_null(strstr(ask(w, s, ""), "type='result'"));
    ask(w, s, "<say>refuse</say>");
    assert_non_null(strstr(world_heard(), "not-acceptable"));
    assert_non_null(strstr(world_heard(), "I do not &lt;want"));
    assert_non_null(
        strstr(ask(w, s, "<say>fault</say>"), "internal-server-error"));
}

static bool
has_run(void *arg)
{
    return n_ran == *(unsigned *)arg;
}

static void
a_task_runs_once_a_period(void **state)
{
    struct world *w = *state;
    struct cnc__apps_stats stats;
    unsigned want = 1;

    n_ran = 0;
    task_code = 0;
    cnc__apps_tick(world_apps(w), 1000);
    cnc__apps_tick(world_apps(w), 10999);
    assert_int_equal(n_ran, 0); /* first after one period */
    cnc__apps_tick(world_apps(w), 11000);
    cnc__apps_tick(world_apps(w), 11001);
    world_pump(w, has_run, &want);
    world_leave(w);
    assert_int_equal(n_ran, 1);
    cnc__apps_stats(world_apps(w), &stats);
    assert_int_equal(stats.failures, 0);
}

static const char kept[] = "<settings xmlns='" NS "'><color>blue</color>"
                           "<size>12</size></settings>";
static const char stale[] = "<settings xmlns='" NS "'><gone/></settings>";

static void
load(struct world *w, const char *xml)
{
    struct cnc_store_entry e = {.kind = CNC_STORE_KEY,
                                .node = "setting",
                                .id = "shelf",
                                .publisher = "",
                                .value = xml,
                                .len = strlen(xml)};

    cnc__apps_load(world_apps(w), &e);
}

static void
settings_are_the_kept_ones_or_the_defaults(void **state)
{
    struct world *w = *state;
    struct answer a;

    load(w, stale);
    add(w, &a, "1", "settings");
    assert_string_equal(seen, "red 10 .");
    load(w, kept);
    add(w, &a, "2", "settings");
    assert_string_equal(seen, "blue 12 .");
}

static void
the_operator_changes_settings_once_they_are_kept(void **state)
{
    static const char change[] =
        "<iq xmlns='jabber:client' type='set' id='1' to='example.com'>"
        "<command xmlns='http://jabber.org/protocol/commands' "
        "node='settings/shelf' action='complete'>"
        "<x xmlns='jabber:x:data' type='submit'>"
        "<field var='color'><value>green</value></field></x></command></iq>";
    struct world *w = *state;
    struct cnc__session *s = world_session(w, "bob@example.com", false);
    struct answer a;

    world_say(s, change);
    assert_non_null(strstr(world_heard(), "forbidden"));
    s->operator_ = true;
    world_say(s, change);
    assert_string_equal(world_heard(), ""); /* not before it is kept */
    world_flush(w, "the disk is full");
    assert_non_null(strstr(world_heard(), "the disk is full"));
    add(w, &a, "1", "settings");
    assert_string_equal(seen, "red 10 .");
    world_say(s, change);
    world_flush(w, NULL);
    assert_non_null(strstr(world_heard(), "completed"));
    add(w, &a, "2", "settings");
    assert_string_equal(seen, "green  ."); /* size was left empty */
    /* The form shows what is set now. */
    world_say(s, "<iq xmlns='jabber:client' type='set' id='2' "
                 "to='example.com'><command "
                 "xmlns='http://jabber.org/protocol/commands' "
                 "node='settings/shelf'/></iq>");
    assert_non_null(strstr(world_heard(), "<value>green</value>"));
}

static void
say_settings(struct cnc__session *s, const char *node, const char *fields)
{
    struct cnc__str xml = CNC__STR;

    cnc__str_printf(&xml,
                    "<iq xmlns='jabber:client' type='set' id='1' "
                    "to='example.com'><command "
                    "xmlns='http://jabber.org/protocol/commands' node='%s' "
                    "action='complete'><x xmlns='jabber:x:data' "
                    "type='submit'>%s</x></command></iq>",
                    node, fields);
    world_say(s, xml.data);
    cnc__str_fini(&xml);
}

#define FIELD(var, value)                                                     \
    "<field var='" var "'><value>" value "</value></field>"

static void
settings_have_versions_and_go_back(void **state)
{
    struct world *w = *state;
    struct cnc__session *s = world_session(w, "bob@example.com", true);
    struct answer a;

    load(w, kept); /* from before there were versions: that is the first */
    say_settings(s, "settings/shelf",
                 FIELD("color", "green") FIELD("size", "12"));
    world_flush(w, NULL);
    say_settings(s, "settings/shelf",
                 FIELD("color", "green") FIELD("size", "13"));
    /* Another one meanwhile waits, and is one more. */
    say_settings(s, "settings/shelf",
                 FIELD("color", "grey") FIELD("size", "13"));
    world_flush(w, NULL);
    world_flush(w, NULL);
    add(w, &a, "1", "settings");
    assert_string_equal(seen, "grey 13 .");
    say_settings(s, "settings/shelf/history", "");
    assert_non_null(strstr(world_heard(), "color: blue -&gt; green"));
    assert_non_null(strstr(world_heard(), "size: 12 -&gt; 13"));
    assert_non_null(strstr(world_heard(), "color: green -&gt; grey"));
    assert_non_null(strstr(world_heard(), "bob@example.com"));
    assert_null(strstr(world_heard(), "<value>5</value>"));
    say_settings(s, "settings/shelf/revert", FIELD("version", "1"));
    world_flush(w, NULL);
    add(w, &a, "2", "settings");
    assert_string_equal(seen, "blue 12 .");
    say_settings(s, "settings/shelf/revert", FIELD("version", "77"));
    assert_non_null(strstr(world_heard(), "There is no version 77"));
    say_settings(s, "settings/shelf/revert", FIELD("version", "0"));
    world_flush(w, NULL);
    add(w, &a, "3", "settings");
    assert_string_equal(seen, "red 10 .");
}

static void
a_form_of_settings_that_is_overtaken_is_told(void **state)
{
    struct world *w = *state;
    struct cnc__session *s = world_session(w, "bob@example.com", true);
    struct answer a;

    load(w, kept);
    say_settings(s, "settings/shelf",
                 FIELD("color", "green") FIELD("size", "12"));
    world_flush(w, NULL);
    say_settings(s, "settings/shelf",
                 FIELD("color", "red") FIELD("size", "12")
                     FIELD("version", "1:color,size"));
    assert_non_null(strstr(world_heard(), "It is now: green"));
    /* Of an app that called its fields otherwise. */
    say_settings(s, "settings/shelf",
                 FIELD("color", "green") FIELD("shape", "round")
                     FIELD("version", "2:color,shape"));
    assert_non_null(strstr(world_heard(), "No settings any more: shape."));
    assert_non_null(strstr(world_heard(), "This is new in the app."));
    /* Hostile ones are a version that nobody has. */
    say_settings(s, "settings/shelf",
                 FIELD("color", "red") FIELD("size", "12")
                     FIELD("version", "99999999999999999999:,,:,"));
    assert_non_null(strstr(world_heard(), "executing"));
    say_settings(s, "settings/shelf",
                 FIELD("color", "red") FIELD("size", "12")
                     FIELD("version", "x"));
    world_flush(w, NULL);
    add(w, &a, "1", "settings");
    assert_string_equal(seen, "green 12 .");
}

/* -- without a handler -----------------------------------------------------
 */

static void
a_form_without_a_handler_just_publishes(void **state)
{
    struct world *w = *state;
    struct answer a;

    world_submit(w, &a, "plain", &bob, "1", "title", "T", NULL);
    assert_int_equal(a.n, 0); /* acknowledged after the store */
    world_flush(w, NULL);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.code, 0);
    world_submit(w, &a, "plain", &bob, "2", "title", "T", NULL);
    world_flush(w, "the disk is full");
    assert_int_equal(a.code, CNC_ESTORE);
    assert_int_equal(world_n_items(w, "plain"), 1);
}

static void
what_cannot_be_submitted_says_why(void **state)
{
    struct world *w = *state;
    struct answer a;

    world_submit(w, &a, "nowhere", &bob, "1", "title", "T", NULL);
    assert_int_equal(a.code, CNC_ENOENT);
    world_submit(w, &a, "log", &bob, "1", "title", "T", NULL);
    assert_int_equal(a.code, CNC_ENOENT);
    world_submit(w, &a, "closed", &bob, "1", "title", "T", NULL);
    assert_int_equal(a.code, CNC_EACCES);
    world_submit(w, &a, "plain", &bob, "1", "title", "", NULL);
    assert_int_equal(a.code, CNC_EREFUSED);
    assert_true(a.title[0] != '\0');
    world_submit(w, &a, "plain", &bob, "1", "colour", "red", NULL);
    assert_int_equal(a.code, CNC_EREFUSED);
    world_submit(w, &a, "plain", &bob, "1", "title", "T", NULL);
    world_flush(w, NULL);
    world_submit(w, &a, "plain", &guest, "1", "title", "T", NULL);
    assert_int_equal(a.code, CNC_EREFUSED);
    assert_string_equal(a.form, "An item with this id is there already.");
}

static void
a_record_that_is_none_is_not_published_directly(void **state)
{
    struct world *w = *state;
    struct cnc__pubsub *ps = world_pubsub(w);
    const char *xml = "<book xmlns='" NS "'/>";
    struct cnc_element *e = NULL;
    struct cnc_error err = {0};

    assert_int_equal(cnc_xml_parse(&e, xml, strlen(xml), 0, NULL, NULL), 0);
    assert_int_equal(cnc__apps_before_publish(world_apps(w),
                                              cnc__pubsub_node(ps, "library"),
                                              e, &err),
                     CNC_EREFUSED);
    assert_int_equal(cnc__apps_before_publish(
                         world_apps(w), cnc__pubsub_node(ps, "log"), e, &err),
                     0);
    cnc_element_unref(&e);
}

/* -- the thread ------------------------------------------------------------
 */

static bool
is_inside(void *arg)
{
    return atomic_load(&entered);
}

static void
the_core_goes_on_while_a_handler_thinks(void **state)
{
    struct world *w = *state;
    struct answer slow, quick, after;
    struct waiting x = {w, &after};

    atomic_store(&entered, false);
    atomic_store(&may_end, false);
    world_submit(w, &slow, "library", &bob, "1", "title", "slow", NULL);
    world_submit(w, &after, "library", &bob, "2", "title", "After", NULL);
    while (!is_inside(NULL)) {
        sched_yield();
    }
    assert_false(cnc__apps_stopping(world_apps(w)));
    world_submit(w, &quick, "plain", &bob, "1", "title", "Quick", NULL);
    world_flush(w, NULL);
    assert_int_equal(quick.n, 1);
    assert_int_equal(slow.n, 0);
    atomic_store(&may_end, true);
    world_pump(w, is_answered, &x);
    assert_int_equal(slow.n, 1); /* one at a time, in order */
    assert_int_equal(world_n_items(w, "library"), 2);
    world_leave(w);
    assert_true(cnc__apps_stopping(world_apps(w)));
}

static bool
is_gone(void *arg)
{
    struct waiting *x = arg;
    struct cnc__node *node = cnc__pubsub_node(world_pubsub(x->w), "library");

    world_flush(x->w, NULL);
    return node == NULL;
}

static void
a_node_that_was_deleted_meanwhile_is_not_published_to(void **state)
{
    static const char delete[] =
        "<iq xmlns='jabber:client' type='set' id='1' to='example.com'>"
        "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>"
        "<delete node='library'/></pubsub></iq>";
    struct world *w = *state;
    struct cnc__session *s = world_session(w, "op@example.com", true);
    struct answer a;
    struct waiting x = {w, &a};

    atomic_store(&entered, false);
    atomic_store(&may_end, false);
    world_submit(w, &a, "library", &bob, "1", "title", "slow", NULL);
    while (!is_inside(NULL)) {
        sched_yield();
    }
    world_say(s, delete);
    world_pump(w, is_gone, &x);
    atomic_store(&may_end, true);
    world_pump(w, is_answered, &x);
    assert_int_equal(a.code, CNC_ENOENT);
}

#define DIRECT(f) cmocka_unit_test_setup_teardown(f, set_up_direct, tear_down)
#define THREADED(f)                                                           \
    {                                                                         \
#f " on its thread", f, set_up_threaded, tear_down, NULL              \
    }
#define BOTH(f) DIRECT(f), THREADED(f)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_handler_knows_who_asks_and_for_what),
        BOTH(a_refusal_reaches_its_fields),
        BOTH(a_handlers_own_fault_is_told_plainly),
        BOTH(a_handler_may_publish_something_else),
        BOTH(a_handler_reads_and_writes_nodes),
        BOTH(a_stanza_is_answered_by_its_handler),
        BOTH(a_task_runs_once_a_period),
        BOTH(settings_are_the_kept_ones_or_the_defaults),
        BOTH(the_operator_changes_settings_once_they_are_kept),
        BOTH(settings_have_versions_and_go_back),
        BOTH(a_form_of_settings_that_is_overtaken_is_told),
        DIRECT(a_form_without_a_handler_just_publishes),
        DIRECT(what_cannot_be_submitted_says_why),
        DIRECT(a_record_that_is_none_is_not_published_directly),
        THREADED(the_core_goes_on_while_a_handler_thinks),
        THREADED(a_node_that_was_deleted_meanwhile_is_not_published_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
