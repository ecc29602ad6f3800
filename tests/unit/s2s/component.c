/* SPDX-License-Identifier: MIT */
/* XEP-0114, both roles. */
#include <stdio.h>

#include "../../../src/xmpp/errors.h"
#include "world.h"

#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

#define HEADER(to)                                                            \
    "<stream:stream xmlns='jabber:component:accept'"                          \
    " xmlns:stream='http://etherx.jabber.org/streams' to='" to "'>"
#define MESSAGE(from, to)                                                     \
    "<message from='" from "' to='" to "'><body>hello</body></message>"

static struct server *a, *raw;

/* a.example has the component app.a.example; raw speaks as one. */
static void
one(struct world *w)
{
    a = server_add(w, "a.example");
    a->names[0] = (struct cnc__component_name){"app.a.example", "s3cret"};
    raw = server_add(w, "app.a.example");
    raw->raw = raw->as_component = true;
}

/* The id in what was heard last. */
static void
shake(struct end *e, const char *secret)
{
    const char *at = strstr(cnc__str_c(&e->heard), " id='");
    char id[33], key[41];
    struct cnc__str xml = CNC__STR;

    assert_non_null(at);
    memcpy(id, at + 5, 32);
    id[32] = '\0';
    cnc__component_key(key, id, secret);
    cnc__str_printf(&xml, "<handshake>%s</handshake>", key);
    say(e, xml.data);
    cnc__str_fini(&xml);
}

static struct end *
join(struct world *w, const char *secret)
{
    struct end *e = connect_raw(w, raw, a);

    say(e, HEADER("app.a.example"));
    assert_true(has(&e->heard, " from='app.a.example' id='"));
    assert_false(has(&e->heard, "version='1.0' "));
    shake(e, secret);
    return e;
}

static void
the_key_is_sha1_of_id_and_secret(void **state)
{
    char key[41];

    cnc__component_key(key, "3BF96D32", "secret");
    /* printf 3BF96D32secret | sha1sum */
    assert_string_equal(key, "b09ea9b3b7f586be8a08d0a3dd7466f110aeb136");
}

static void
a_component_is_reached_and_reaches(void **state)
{
    struct world *w = *state;
    struct end *e;

    one(w);
    start(w);
    e = join(w, "s3cret");
    assert_true(has(&e->heard, "<handshake/>"));
    say(e, MESSAGE("x@app.a.example", "juliet@a.example"));
    assert_string_equal(a->got.data,
                        "normal x@app.a.example > juliet@a.example: hello\n");
    assert_int_equal(tell(a, "juliet@a.example", "x@app.a.example/r", "back"),
                     0);
    assert_true(has(&e->heard, "to='x@app.a.example/r'"));
}

static void
a_component_reaches_other_servers_and_they_reach_it(void **state)
{
    struct world *w = *state;
    struct server *b;
    struct end *e;

    one(w);
    b = server_add(w, "b.example");
    a->hosts[0] = "app.a.example"; /* the DNS knows it */
    raw->domain = "component";
    start(w);
    e = join(w, "s3cret");
    say(e, MESSAGE("x@app.a.example", "romeo@b.example"));
    assert_string_equal(b->got.data,
                        "normal x@app.a.example > romeo@b.example: hello\n");
    tell(b, "romeo@b.example", "x@app.a.example", "back");
    assert_true(has(&e->heard, "back"));
}

static void
a_component_is_among_the_items_while_it_is_there(void **state)
{
    static const char ask[] =
        "<iq type='get' id='1' from='x@app.a.example' to='a.example'>"
        "<query xmlns='http://jabber.org/protocol/disco#items'/></iq>";
    struct world *w = *state;
    struct end *e;

    one(w);
    start(w);
    e = join(w, "s3cret");
    say(e, ask);
    assert_true(has(&e->heard, "jid='app.a.example'"));
}

struct row {
    const char *name, *said, *answer;
};

static void
what_a_component_may_not_say_ends_it(void **state)
{
    static const struct row early[] = {
        {"another name", HEADER("b.a.example"), "<host-unknown "},
        {"no name",
         "<stream:stream xmlns='jabber:component:accept'"
         " xmlns:stream='http://etherx.jabber.org/streams'>",
         "<host-unknown "},
        {"a server's namespace",
         "<stream:stream xmlns='jabber:server' to='app.a.example'"
         " xmlns:stream='http://etherx.jabber.org/streams'>",
         "<invalid-namespace "},
        {"no secret", HEADER("app.a.example") "<handshake/>",
         "<not-authorized "},
        {"a wrong secret",
         HEADER("app.a.example") "<handshake>"
                                 "da39a3ee5e6b4b0d3255bfef95601890afd80709"
                                 "</handshake>",
         "<not-authorized "},
        {"a stanza first",
         HEADER("app.a.example") MESSAGE("x@app.a.example", "y@a.example"),
         "<not-authorized "},
    };
    static const struct row late[] = {
        {"another's stanza", MESSAGE("x@b.example", "juliet@a.example"),
         "<invalid-from "},
        {"our stanza", MESSAGE("x@a.example", "juliet@a.example"),
         "<invalid-from "},
        {"a name below", MESSAGE("x@y.app.a.example", "juliet@a.example"),
         "<invalid-from "},
        {"a stanza from nobody", "<message to='juliet@a.example'/>",
         "<improper-addressing "},
        {"a stanza to nobody", "<message from='app.a.example'/>",
         "<improper-addressing "},
        {"a malformed address", MESSAGE("x@app.a.example", "@"),
         "<improper-addressing "},
        {"an unknown element", "<x xmlns='urn:x'/>",
         "<unsupported-stanza-type "},
        {"a handshake again", "<handshake/>", "<unsupported-stanza-type "},
    };
    struct world *w = *state;

    one(w);
    start(w);
    for (size_t i = 0; i < CNC_N(early) + CNC_N(late); i++) {
        const struct row *r =
            i < CNC_N(early) ? &early[i] : &late[i - CNC_N(early)];
        struct end *e =
            i < CNC_N(early) ? connect_raw(w, raw, a) : join(w, "s3cret");

        say(e, r->said);
        if (!has(&e->heard, r->answer) || is_open(e)) {
            fail_msg("%s: %s", r->name, cnc__str_c(&e->heard));
        }
    }
    assert_int_equal(a->got.len, 0);
}

static void
a_second_one_is_a_conflict(void **state)
{
    struct world *w = *state;
    struct end *first, *second;

    one(w);
    start(w);
    first = join(w, "s3cret");
    second = connect_raw(w, raw, a);
    say(second, HEADER("app.a.example"));
    assert_true(has(&second->heard, "<conflict "));
    assert_true(is_open(first));
    say(first, "</stream:stream>");
    join(w, "s3cret");
}

static void
one_that_may_speaks_for_names_below(void **state)
{
    struct world *w = *state;
    struct end *e;

    one(w);
    a->names[0].below = true;
    a->names[1] = (struct cnc__component_name){"own.app.a.example", "other"};
    start(w);
    e = join(w, "s3cret");
    say(e, MESSAGE("x@y.app.a.example", "juliet@a.example"));
    assert_true(has(&a->got, "x@y.app.a.example > juliet"));
    assert_int_equal(tell(a, "j@a.example", "y.app.a.example", "to below"), 0);
    assert_true(has(&e->heard, "to below"));
    /* That name is another component's. */
    say(e, MESSAGE("x@own.app.a.example", "juliet@a.example"));
    assert_true(has(&e->heard, "<invalid-from "));
}

static void
one_that_is_away_is_told_and_not_sought_elsewhere(void **state)
{
    struct world *w = *state;

    one(w);
    start(w);
    assert_int_equal(tell(a, "j@a.example", "app.a.example", "hello"),
                     CNC_EAGAIN);
    assert_int_equal(raw->n_dialled, 0);
}

static void
names_are_checked(void **state)
{
    static const struct cnc__component_name bad[][2] = {
        {{"x@y", "s"}, {"b.example", "s"}},
        {{"a.example", "s"}, {"b.example", "s"}},
        {{"b.example", "s"}, {"B.example", "s"}},
        {{"b.example", ""}, {"c.example", "s"}},
    };
    struct cnc__router *r = cnc__router_new("a.example");
    struct cnc__components *c = NULL;

    for (size_t i = 0; i < CNC_N(bad); i++) {
        struct cnc_error err = {0};

        assert_int_equal(cnc__components_new(&c, r, bad[i], 2, 0, &err),
                         CNC_EINVAL);
        assert_true(err.text[0] != '\0');
    }
    assert_null(c);
    cnc__router_free(&r);
}

/* -- we are one ----------------------------------------------------------- */

static struct server *app;

static void
attached(struct world *w)
{
    a = server_add(w, "a.example");
    a->names[0] = (struct cnc__component_name){"app.a.example", "s3cret"};
    app = server_add(w, "app.a.example");
    app->attached_to = "a.example";
    app->secret = "s3cret";
}

static void
a_whole_service_is_a_component(void **state)
{
    struct world *w = *state;

    attached(w);
    start(w);
    assert_true(cnc__attach_is_ready(app->attach));
    tell(app, "x@app.a.example", "juliet@a.example", "hello");
    assert_string_equal(a->got.data,
                        "normal x@app.a.example > juliet@a.example: hello\n");
    tell(a, "juliet@a.example", "x@app.a.example", "back");
    assert_string_equal(app->got.data,
                        "normal juliet@a.example > x@app.a.example: back\n");
}

static void
what_was_said_while_the_server_was_away_is_said_later(void **state)
{
    struct world *w = *state;

    attached(w);
    a->unreachable = true;
    start(w);
    assert_int_equal(tell(app, "x@app.a.example", "juliet@a.example", "hello"),
                     0);
    pass(w, 5000);
    a->unreachable = false;
    pass(w, 40000);
    assert_true(has(&a->got, "hello"));
    cut_all(w);
    assert_false(cnc__attach_is_ready(app->attach));
    pass(w, 5000);
    assert_true(cnc__attach_is_ready(app->attach));
}

static void
what_waits_for_the_server_too_long_comes_back(void **state)
{
    struct world *w = *state;

    attached(w);
    a->unreachable = true;
    start(w);
    tell(app, "x@app.a.example", "juliet@a.example", "hello");
    pass(w, 61000);
    assert_true(has(&app->got, ": remote-server-timeout"));
    assert_in_range(a->n_dialled, 3, 9);
}

static void
a_wrong_secret_is_not_tried_in_a_loop(void **state)
{
    struct world *w = *state;

    attached(w);
    app->secret = "wrong";
    start(w);
    assert_false(cnc__attach_is_ready(app->attach));
    pass(w, 60000);
    assert_in_range(a->n_dialled, 3, 9);
    assert_false(cnc__attach_is_ready(app->attach));
}

static void
nobody_there_speaks_as_one_of_ours(void **state)
{
    struct world *w = *state;
    struct end *e;

    attached(w);
    a->raw = true;
    start(w);
    e = raw_end(w, a);
    say(e, "<stream:stream xmlns='jabber:component:accept' id='1'"
           " xmlns:stream='http://etherx.jabber.org/streams'>");
    assert_true(has(&e->heard, "<handshake>"));
    say(e, "<handshake/>");
    assert_true(cnc__attach_is_ready(app->attach));
    say(e, MESSAGE("x@app.a.example", "y@app.a.example"));
    say(e, MESSAGE("x@b.example", "y@c.example"));
    assert_int_equal(app->got.len, 0);
    assert_int_equal(n_of(&e->heard, "<message"), 0);
    say(e, MESSAGE("x@b.example", "y@app.a.example"));
    assert_true(has(&app->got, "x@b.example > y@app.a.example"));
}

static void
a_handshake_before_ours_is_none(void **state)
{
    struct world *w = *state;
    struct end *e;

    attached(w);
    a->raw = true;
    start(w);
    e = raw_end(w, a);
    say(e, "<stream:stream xmlns='jabber:component:accept'"
           " xmlns:stream='http://etherx.jabber.org/streams'>"
           "<handshake/>");
    assert_true(has(&e->heard, "<bad-format "));
    assert_false(cnc__attach_is_ready(app->attach));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_key_is_sha1_of_id_and_secret),
        TEST(a_component_is_reached_and_reaches),
        TEST(a_component_reaches_other_servers_and_they_reach_it),
        TEST(a_component_is_among_the_items_while_it_is_there),
        TEST(what_a_component_may_not_say_ends_it),
        TEST(a_second_one_is_a_conflict),
        TEST(one_that_may_speaks_for_names_below),
        TEST(one_that_is_away_is_told_and_not_sought_elsewhere),
        TEST(names_are_checked),
        TEST(a_whole_service_is_a_component),
        TEST(what_was_said_while_the_server_was_away_is_said_later),
        TEST(what_waits_for_the_server_too_long_comes_back),
        TEST(a_wrong_secret_is_not_tried_in_a_loop),
        TEST(nobody_there_speaks_as_one_of_ours),
        TEST(a_handshake_before_ours_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
