/* SPDX-License-Identifier: MIT */
/* Commands that an app declares, handled on the core's thread and, the same
 * app again, on a thread of its own. */
#include "world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static pthread_t core;
static bool threaded;
static struct cnc_request *_Atomic waiting;
static struct cnc_element *kept;

static bool
on_right_thread(void)
{
    return (pthread_equal(pthread_self(), core) != 0) != threaded;
}

static int
later(struct cnc_request *r)
{
    atomic_store(&waiting, r);
    return CNC_EAGAIN;
}

static int
on_ask(struct cnc_request *r, struct cnc_element *form)
{
    const char *what = cnc_text(form, "what");

    assert_true(on_right_thread());
    assert_ptr_equal(cnc_form(r), form);
    if (strcmp(what, "who") == 0) {
        cnc_note(r, "%s %d %s %d %d", cnc_user(r), cnc_is_guest(r),
                 cnc_lang(r), cnc_has_role(r, "staff"),
                 cnc_has_role(r, "other"));
    } else if (strcmp(what, "table") == 0) {
        cnc_column(r, "a", "A & B");
        cnc_cell(r, "b", "%s", "<2>"); /* a column that was not named */
        cnc_row(r);
        cnc_column(r, "late", NULL);
        cnc_cell(r, "a", "%d", 3);
        cnc_row(r);
    } else if (strcmp(what, "values") == 0) {
        cnc_value(r, "n", "N", "%d", 7);
        cnc_value(r, "lines", NULL, "one\ntwo");
    } else if (strcmp(what, "field") == 0) {
        cnc_refuse(r, "what", "Not %s.", what);
        return cnc_refuse(r, NULL, "No.");
    } else if (strcmp(what, "gone") == 0) {
        return CNC_ENOENT;
    } else if (strcmp(what, "said") == 0) {
        cnc_note(r, "Nine are enough.");
        return CNC_ELIMIT;
    } else if (strcmp(what, "fault") == 0) {
        return CNC_EFROZEN;
    } else if (strcmp(what, "see") == 0) {
        cnc_see(r, "/there");
    } else if (strcmp(what, "later") == 0) {
        return later(r);
    } else if (strcmp(what, "now") == 0) {
        cnc_note(r, "At once.");
        cnc_finish(r, 0);
        return CNC_EAGAIN;
    }
    return 0;
}

static int
on_door(struct cnc_request *r, struct cnc_element *form)
{
    kept = cnc_element_ref(form);
    if (strcmp(cnc_text(form, "word"), " a b ") != 0) {
        return cnc_refuse(r, "word", "Wrong.");
    }
    return 0;
}

static void
ignore(struct cnc_request *r, int code)
{
}

/* Whatever changes something: how much of it is refused. */
static int
on_look(struct cnc_request *r, struct cnc_element *form)
{
    struct cnc_error err = {0};
    char token[CNC_TOKEN_SIZE], text[8];
    const int codes[] = {
        cnc_publish(r, "things", "i", form, &err),
        cnc_retract(r, "things", "i", NULL),
        cnc_login(r, "a@example.com", 0),
        cnc_logout(r),
        cnc_logins_end(r, "a@example.com", NULL),
        cnc_account_add(r, "a", "word", ignore),
        cnc_account_password(r, "a", "word", ignore),
        cnc_account_delete(r, "a", ignore),
        cnc_role_set(r, "a@example.com", "staff", true, ignore),
        cnc_token_new(r, token, "p", "t", 9),
        cnc_token_take(r, "x", "p", text, sizeof(text)),
        cnc_confirm(r, "a@example.com", "1", "/", ignore),
        cnc_message(r, "a@example.com", "Hello."),
    };
    unsigned n = 0;

    for (size_t i = 0; i < CNC_N(codes); i++) {
        n += codes[i] == CNC_EACCES;
    }
    cnc_note(r, "%u of %zu: %s. %s", n, CNC_N(codes), err.text,
             cnc_find(r, "things", "what", "x") ? "found" : "not found");
    return 0;
}

static int
on_tick(struct cnc_request *r)
{
    struct cnc_request *w = atomic_exchange(&waiting, NULL);

    if (w != NULL) {
        cnc_note(w, "After %s.", cnc_text(cnc_form(w), "what"));
        cnc_finish(w, 0);
    }
    return 0;
}

static const struct cnc_record ask = {
    "ask", CNC_FIELDS({"what", "What", .required = true, .max_len = 10})};
static const struct cnc_record door = {
    "door",
    CNC_FIELDS({"word", "Word", .kind = CNC_FIELD_SECRET, .required = true})};

#define APP(flags_)                                                           \
    {                                                                         \
        .abi = CNC_APP_ABI, .size = sizeof(struct cnc_app), .name = "desk",   \
        .xmlns = NS, .flags = flags_, .nodes = CNC_NODES({"things", &ask}),   \
        .tasks = CNC_TASKS({"tick", 10, on_tick}),                            \
        .commands = CNC_COMMANDS(                                             \
            {"ask", "Ask", &ask, on_ask, .who = CNC_ANYBODY_RUNS},            \
            {"door", "Door", &door, on_door, .who = CNC_ANYBODY_RUNS},        \
            {"see", NULL, &ask, on_ask, .who = CNC_ANYBODY_RUNS,              \
             .see = "/shelf", .help = "Sees.", .safe = true},                 \
            {"look", NULL, NULL, on_look, .who = CNC_USERS, .reads = true},   \
            {"users", NULL, &ask, on_ask, .who = CNC_USERS},                  \
            {"admins", NULL, &ask, on_ask},                                   \
            {"staff", NULL, &ask, on_ask, .roles = "staff other"})            \
    }

static const struct cnc_app direct_app = APP(0);
static const struct cnc_app threaded_app = APP(CNC_APP_THREADED);

static int
set_up(void **state, const struct cnc_app *app)
{
    core = pthread_self();
    threaded = (app->flags & CNC_APP_THREADED) != 0;
    atomic_store(&waiting, NULL);
    *state = world_new();
    world_add(*state, app);
    return 0;
}

static int
set_up_direct(void **state)
{
    return set_up(state, &direct_app);
}

static int
set_up_threaded(void **state)
{
    return set_up(state, &threaded_app);
}

static int
tear_down(void **state)
{
    struct world *w = *state;

    world_free(&w);
    return 0;
}

/* -- asking --------------------------------------------------------------- */

struct heard {
    unsigned n;
    int code;
    char text[256], xml[1024], see[64], field[128], form[128];
};

static void
keep(char *out, size_t size, const char *s)
{
    snprintf(out, size, "%s", s == NULL ? "" : s);
}

static void
answered(const struct cnc__command_answer *a, struct cnc__values *v,
         void *priv)
{
    struct heard *h = priv;

    h->n++;
    h->code = a->code;
    keep(h->text, sizeof(h->text), a->text);
    keep(h->xml, sizeof(h->xml), a->result_xml);
    keep(h->see, sizeof(h->see), a->see);
    keep(h->form, sizeof(h->form), cnc__values_error(v, NULL));
    keep(h->field, sizeof(h->field), cnc__values_error(v, "what"));
}

static bool
is_heard(void *arg)
{
    return ((struct heard *)arg)->n > 0;
}

static const struct cnc__caller anna = {
    .who = {.jid = "anna@example.com/r"}, .lang = "de", .addr = "::1"};
static const struct cnc__caller guest = {
    .who = {.jid = "x@example.com", .anonymous = true},
    .lang = "en",
    .addr = ""};
static const struct cnc__caller operator_ = {
    .who = {.jid = "op@example.com", .operator_ = true},
    .lang = "en",
    .addr = ""};

static void
begin(struct world *w, struct heard *h, const char *node,
      const struct cnc__caller *who, const char *field, const char *value)
{
    struct cnc__values *v = cnc__values_new();

    *h = (struct heard){0};
    cnc__values_add(v, field, value, NULL);
    cnc__commands_call(world_commands(w), node, who, v, answered, h);
}

static void
call(struct world *w, struct heard *h, const char *what)
{
    begin(w, h, "ask", &anna, "what", what);
    world_pump(w, is_heard, h);
    assert_int_equal(h->n, 1);
}

/* -- tests ---------------------------------------------------------------- */

static void
a_handler_knows_who_asks(void **state)
{
    struct world *w = *state;
    struct heard h;

    call(w, &h, "who");
    assert_string_equal(h.text, "anna@example.com 0 de 1 0");
    begin(w, &h, "ask", &guest, "what", "who");
    world_pump(w, is_heard, &h);
    assert_string_equal(h.text, "guest@example.com 1 en 0 0");
    begin(w, &h, "ask", &operator_, "what", "who");
    world_pump(w, is_heard, &h);
    assert_string_equal(h.text, "op@example.com 0 en 1 1");
}

static void
a_table_has_every_cell_in_every_row(void **state)
{
    struct heard h;

    call(*state, &h, "table");
    assert_int_equal(h.code, 0);
    assert_string_equal(
        h.xml, "<x xmlns='jabber:x:data' type='result'><title>Ask</title>"
               "<reported><field var='a' label='A &amp; B'/>"
               "<field var='b' label='b'/></reported>"
               "<item><field var='a'><value></value></field>"
               "<field var='b'><value>&lt;2&gt;</value></field></item>"
               "<item><field var='a'><value>3</value></field>"
               "<field var='b'><value></value></field></item></x>");
}

static void
values_have_labels_and_lines(void **state)
{
    struct heard h;

    call(*state, &h, "values");
    assert_non_null(strstr(h.xml, "<field var='n' label='N' "
                                  "type='text-single'><value>7</value>"));
    assert_non_null(strstr(h.xml, "type='text-multi'><value>one</value>"
                                  "<value>two</value></field>"));
}

static void
a_refusal_reaches_its_fields(void **state)
{
    struct world *w = *state;
    struct heard h;

    call(w, &h, "field");
    assert_int_equal(h.code, CNC_EREFUSED);
    assert_string_equal(h.text, "Not field.");
    assert_string_equal(h.field, "Not field.");
    assert_string_equal(h.form, "No.");
    call(w, &h, "much too long a text");
    assert_int_equal(h.code, CNC_EREFUSED);
    assert_non_null(strstr(h.field, "10 characters"));
    call(w, &h, "");
    assert_string_equal(h.field, "What is needed.");
}

static void
a_code_is_said_in_words_and_a_fault_plainly(void **state)
{
    struct world *w = *state;
    struct cnc__apps_stats stats;
    struct heard h;

    call(w, &h, "gone");
    assert_int_equal(h.code, CNC_ENOENT);
    assert_string_equal(h.text, "That is not there.");
    call(w, &h, "said");
    assert_int_equal(h.code, CNC_ELIMIT);
    assert_string_equal(h.text, "Nine are enough.");
    cnc__apps_stats(world_apps(w), &stats);
    assert_int_equal(stats.failures, 0);
    call(w, &h, "fault");
    assert_int_equal(h.code, CNC_ESYS);
    assert_non_null(strstr(h.text, "on our side"));
    cnc__apps_stats(world_apps(w), &stats);
    assert_int_equal(stats.failures, 1);
}

static void
a_command_says_where_to_go(void **state)
{
    struct world *w = *state;
    struct heard h;

    begin(w, &h, "see", &anna, "what", "nothing");
    world_pump(w, is_heard, &h);
    assert_string_equal(h.see, "/shelf");
    assert_string_equal(h.text, "It is done.");
    begin(w, &h, "see", &anna, "what", "see");
    world_pump(w, is_heard, &h);
    assert_string_equal(h.see, "/there");
}

static bool
is_waiting(void *arg)
{
    return atomic_load(&waiting) != NULL;
}

/* The answer waits for the next tick of the app's task. */
static void
an_answer_may_come_later(void **state)
{
    struct world *w = *state;
    struct heard h;

    call(w, &h, "now");
    assert_string_equal(h.text, "At once.");
    begin(w, &h, "ask", &anna, "what", "later");
    world_pump(w, is_waiting, NULL);
    assert_int_equal(h.n, 0);
    cnc__apps_tick(world_apps(w), 1000);
    cnc__apps_tick(world_apps(w), 11000);
    world_pump(w, is_heard, &h);
    assert_int_equal(h.n, 1);
    assert_string_equal(h.text, "After later.");
}

static bool
is_idle(void *arg)
{
    return cnc__apps_stopping(world_apps(arg));
}

static void
who_asked_may_be_gone_when_the_answer_comes(void **state)
{
    struct world *w = *state;
    struct heard h;

    begin(w, &h, "ask", &anna, "what", "later");
    world_pump(w, is_waiting, NULL);
    cnc__commands_remove(world_commands(w), "ask");
    assert_int_equal(h.n, 1);
    assert_int_equal(h.code, CNC_ENOENT);
    cnc__apps_tick(world_apps(w), 1000);
    cnc__apps_tick(world_apps(w), 11000);
    world_pump(w, is_idle, w);
    world_leave(w); /* what is on its way is done */
    assert_null(atomic_load(&waiting));
    assert_int_equal(h.n, 1);
}

static void
what_still_waits_at_the_end_is_let_go(void **state)
{
    struct world *w = *state;
    struct heard *h = cnc__zalloc(sizeof(*h));

    begin(w, h, "ask", &anna, "what", "later");
    world_pump(w, is_waiting, NULL);
    world_free(&w);
    assert_int_equal(h->n, 1);
    assert_int_equal(h->code, CNC_ECLOSED);
    cnc__free(h);
    *state = world_new();
}

static void
a_secret_is_kept_as_typed_and_gone_when_the_handler_is_done(void **state)
{
    struct world *w = *state;
    struct heard h;

    begin(w, &h, "door", &anna, "word", " a b ");
    world_pump(w, is_heard, &h);
    assert_int_equal(h.code, 0);
    assert_string_equal(cnc_text(kept, "word"), "");
    cnc_element_unref(&kept);
    begin(w, &h, "door", &anna, "word", "no");
    world_pump(w, is_heard, &h);
    assert_int_equal(h.code, CNC_EREFUSED);
    cnc_element_unref(&kept);
}

static void
each_may_run_what_is_for_him(void **state)
{
    static const struct {
        const char *node;
        bool guest, anna, operator_;
    } table[] = {{"ask", true, true, true},
                 {"users", false, true, true},
                 {"admins", false, false, true},
                 {"staff", false, true, true}}; /* anna has the role */
    struct world *w = *state;
    struct heard h;

    for (size_t i = 0; i < CNC_N(table); i++) {
        begin(w, &h, table[i].node, &guest, "what", "x");
        world_pump(w, is_heard, &h);
        assert_int_equal(h.code, table[i].guest ? 0 : CNC_EACCES);
        begin(w, &h, table[i].node, &anna, "what", "x");
        world_pump(w, is_heard, &h);
        assert_int_equal(h.code, table[i].anna ? 0 : CNC_EACCES);
        begin(w, &h, table[i].node, &operator_, "what", "x");
        world_pump(w, is_heard, &h);
        assert_int_equal(h.code, table[i].operator_ ? 0 : CNC_EACCES);
    }
}

/* -- declarations --------------------------------------------------------- */

static void
refused(struct world *w, const struct cnc_command *c, int code,
        const char *says)
{
    struct cnc_command commands[2] = {*c, {.node = NULL}};
    struct cnc_app app = {.abi = CNC_APP_ABI,
                          .size = sizeof(app),
                          .name = "bad",
                          .xmlns = NS,
                          .commands = commands};
    struct cnc__apps *a = cnc__apps_new(world_env(w));
    struct cnc_error err = {0};

    assert_int_equal(cnc__apps_add(a, &app, &err), 0);
    assert_int_equal(cnc__apps_declare(a, &err), code);
    assert_non_null(strstr(err.text, says));
    cnc__apps_free(&a);
}

static void
a_command_that_only_reads_changes_nothing(void **state)
{
    struct world *w = *state;
    struct heard h;

    assert_true(cnc__commands_get(world_commands(w), "look")->safe);
    begin(w, &h, "look", &anna, "x", "");
    world_pump(w, is_heard, &h);
    assert_int_equal(h.code, 0);
    assert_string_equal(h.text, "13 of 13: a page only reads; use a command. "
                                "not found");
    assert_int_equal(world_n_items(w, "things"), 0);
}

static const struct cnc_record bad = {
    "bad", CNC_FIELDS({"word", .kind = CNC_FIELD_SECRET, .value = "x"})};

static void
a_wrong_declaration_is_refused_by_name(void **state)
{
    struct world *w = *state;

    refused(w, &(struct cnc_command){"x", .run = NULL}, CNC_EINVAL,
            "command \"x\" has no .run");
    refused(w, &(struct cnc_command){"a b", .run = on_ask}, CNC_EINVAL,
            "without blanks");
    refused(w, &(struct cnc_command){"x", .run = on_ask, .see = "there"},
            CNC_EINVAL, "no path");
    refused(w, &(struct cnc_command){"ask", .run = on_ask}, CNC_EEXIST,
            "command \"ask\" already");
    refused(w, &(struct cnc_command){"x", .run = on_ask, .record = &bad},
            CNC_EINVAL, "a secret has no default");
    /* Nothing of it stays. */
    assert_null(cnc__commands_get(world_commands(w), "x"));
    assert_non_null(cnc__commands_get(world_commands(w), "ask"));
}

static const struct cnc_app secret_app = {.abi = CNC_APP_ABI,
                                          .size = sizeof(secret_app),
                                          .name = "bad",
                                          .xmlns = NS,
                                          .nodes =
                                              CNC_NODES({"doors", &door})};

static void
a_nodes_record_has_no_secret(void **state)
{
    struct world *w = *state;
    struct cnc__apps *a = cnc__apps_new(world_env(w));
    struct cnc_error err = {0};

    assert_int_equal(cnc__apps_add(a, &secret_app, &err), 0);
    assert_int_equal(cnc__apps_declare(a, &err), CNC_EINVAL);
    assert_non_null(strstr(err.text, "node \"doors\" has a secret"));
    cnc__apps_free(&a);
}

#define BOTH(f)                                                               \
    cmocka_unit_test_setup_teardown(f, set_up_direct, tear_down),             \
    {                                                                         \
#f "_on_its_thread", f, set_up_threaded, tear_down, NULL              \
    }

int
main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_handler_knows_who_asks),
        BOTH(a_table_has_every_cell_in_every_row),
        BOTH(values_have_labels_and_lines),
        BOTH(a_refusal_reaches_its_fields),
        BOTH(a_code_is_said_in_words_and_a_fault_plainly),
        BOTH(a_command_says_where_to_go),
        BOTH(an_answer_may_come_later),
        BOTH(who_asked_may_be_gone_when_the_answer_comes),
        BOTH(what_still_waits_at_the_end_is_let_go),
        BOTH(a_secret_is_kept_as_typed_and_gone_when_the_handler_is_done),
        BOTH(each_may_run_what_is_for_him),
        BOTH(a_command_that_only_reads_changes_nothing),
        cmocka_unit_test_setup_teardown(a_wrong_declaration_is_refused_by_name,
                                        set_up_direct, tear_down),
        cmocka_unit_test_setup_teardown(a_nodes_record_has_no_secret,
                                        set_up_direct, tear_down)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
