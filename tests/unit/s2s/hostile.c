/* SPDX-License-Identifier: MIT */
/*
 * Servers that do not do as they should: what RFC 6120, XEP-0220, XEP-0178 and
 * XEP-0288 have us answer, and that nothing else happens.
 */
#include "world.h"

#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

#define HEADER(more)                                                          \
    "<?xml version='1.0'?><stream:stream xmlns='jabber:server'"               \
    " xmlns:db='jabber:server:dialback'"                                      \
    " xmlns:stream='http://etherx.jabber.org/streams' version='1.0' " more    \
    ">"
#define OPEN     HEADER("from='evil.example' to='b.example'")
#define STARTTLS "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
#define AUTH(text)                                                            \
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "                         \
    "mechanism='EXTERNAL'>" text "</auth>"
#define MESSAGE(from, to)                                                     \
    "<message from='" from "' to='" to "'><body>smuggled</body></message>"

static struct server *evil, *b;

/* evil.example is raw; b.example is ours. */
static void
two(struct world *w)
{
    evil = server_add(w, "evil.example");
    b = server_add(w, "b.example");
    evil->raw = true;
    b->hosts[0] = "rooms.b.example";
}

/* -- they dial us --------------------------------------------------------- */

enum how { CLEAR, TLS, EXTERNAL }; /* before the script begins */

struct row {
    const char *name;
    enum how how;
    const char *script;
    const char *answer; /* must be heard */
    bool open;          /* it goes on */
};

static const struct row rows[] = {
    {"no such host", CLEAR, HEADER("from='evil.example' to='c.example'"),
     "<host-unknown ", false},
    {"no host", CLEAR, HEADER("from='evil.example'"), "<host-unknown ", false},
    {"our own name", CLEAR, HEADER("from='b.example' to='b.example'"),
     "<invalid-from ", false},
    {"no domain", CLEAR, HEADER("from='a@evil.example' to='b.example'"),
     "<improper-addressing ", false},
    {"a client's namespace", CLEAR,
     "<stream:stream xmlns='jabber:client' to='b.example' version='1.0'"
     " xmlns:stream='http://etherx.jabber.org/streams'>",
     "<invalid-namespace ", false},
    {"no version", CLEAR,
     "<stream:stream xmlns='jabber:server' to='b.example'"
     " xmlns:stream='http://etherx.jabber.org/streams'>",
     "<unsupported-version ", false},
    {"a doctype", CLEAR, "<!DOCTYPE x><x/>", "<restricted-xml ", false},
    {"a comment", CLEAR, OPEN "<!-- x -->", "<restricted-xml ", false},
    {"a stanza in the clear", CLEAR,
     OPEN MESSAGE("x@evil.example", "y@b.example"), "<not-authorized ", false},
    {"EXTERNAL in the clear", CLEAR, OPEN AUTH("="), "<policy-violation ",
     false},
    {"bidi in the clear", CLEAR, OPEN "<bidi xmlns='urn:xmpp:bidi'/>",
     "<policy-violation ", false},
    {"a key in the clear", CLEAR,
     OPEN "<db:result from='evil.example' to='b.example'>k</db:result>",
     "<policy-violation ", true},
    {"a question in the clear", CLEAR,
     OPEN "<db:verify from='evil.example' to='b.example' id='1'>k"
          "</db:verify>",
     "<policy-violation ", true},
    {"an unknown element", TLS, "<x xmlns='urn:x'/>", "<not-authorized ",
     false},
    {"a stanza before anything is proved", TLS,
     MESSAGE("x@evil.example", "y@b.example"), "<not-authorized ", false},
    {"a second STARTTLS", TLS, STARTTLS, "<failure ", false},
    {"ten thousand bytes and more", TLS, NULL, "<policy-violation ", false},
    {"a key from nobody", TLS, "<db:result to='b.example'>k</db:result>",
     "<improper-addressing ", false},
    {"a key from an account", TLS,
     "<db:result from='x@evil.example' to='b.example'>k</db:result>",
     "<improper-addressing ", false},
    {"a key for another host", TLS,
     "<db:result from='evil.example' to='c.example'>k</db:result>",
     "<item-not-found ", true},
    {"a key of our own name", TLS,
     "<db:result from='rooms.b.example' to='b.example'>k</db:result>",
     "<not-allowed ", true},
    {"an unknown element of dialback", TLS,
     "<db:x from='evil.example' to='b.example'/>", "<unsupported-stanza-type ",
     false},
    {"a wrong key", TLS,
     "<db:verify from='evil.example' to='b.example' id='1'>k</db:verify>",
     " type='invalid'/>", true},
    {"a question without an id", TLS,
     "<db:verify from='evil.example' to='b.example'>k</db:verify>",
     "<bad-format ", false},
    {"a question about another host", TLS,
     "<db:verify from='evil.example' to='c.example' id='1'>k</db:verify>",
     "<item-not-found ", true},
    /* CVE-2012-3525 */
    {"an answer that nobody asked for", TLS,
     "<db:verify from='a.example' to='b.example' id='1' type='valid'/>"
     "<db:result from='a.example' to='b.example' type='valid'/>"
     "<db:result from='evil.example' to='b.example' type='valid'/>" MESSAGE(
         "x@evil.example", "y@b.example"),
     "<not-authorized ", false},
    {"an answer to its own key", TLS,
     "<bidi xmlns='urn:xmpp:bidi'/>"
     "<db:result from='bank.example' to='b.example'>k</db:result>"
     "<db:verify from='bank.example' to='b.example' id='1' "
     "type='valid'/>" MESSAGE("x@bank.example", "y@b.example"),
     "<not-authorized ", false},
    {"another mechanism", TLS,
     "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AA=="
     "</auth>",
     "<invalid-mechanism/>", true},
    {"bad base64", TLS, AUTH("!"), "<incorrect-encoding/>", true},
    {"another identity", TLS, AUTH("YmFuay5leGFtcGxl"), "<invalid-authzid/>",
     true},
    {"a response to nothing", TLS,
     "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>=</response>",
     "<malformed-request/>", true},
    {"three refusals", TLS, AUTH("!") AUTH("!") AUTH("!"),
     "<policy-violation ", false},
    {"nothing at first", TLS, AUTH(""), "<challenge ", true},
    {"nothing at first, then nothing", TLS,
     AUTH("") "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
     "<success ", true},
    {"abort", TLS,
     AUTH("") "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
     "<aborted/>", true},
    {"its identity", TLS, AUTH("ZXZpbC5leGFtcGxl"), "<success ", true},
    {"another name after EXTERNAL", EXTERNAL,
     HEADER("from='bank.example' to='b.example'"), "<invalid-from ", false},
    {"no name after EXTERNAL", EXTERNAL, HEADER("to='b.example'"),
     "<invalid-from ", false},
    {"EXTERNAL again", EXTERNAL, OPEN AUTH("="), "<policy-violation ", false},
    {"STARTTLS after EXTERNAL", EXTERNAL, OPEN STARTTLS, "<failure ", false},
    {"another's stanza", EXTERNAL,
     OPEN MESSAGE("x@bank.example", "y@b.example"), "<invalid-from ", false},
    {"a stanza of ours", EXTERNAL, OPEN MESSAGE("x@b.example", "y@b.example"),
     "<invalid-from ", false},
    {"a stanza of a name below", EXTERNAL,
     OPEN MESSAGE("x@sub.evil.example", "y@b.example"), "<invalid-from ",
     false},
    {"a stanza for another", EXTERNAL,
     OPEN MESSAGE("x@evil.example", "y@c.example"), "<host-unknown ", false},
    {"a stanza from nobody", EXTERNAL, OPEN "<message to='y@b.example'/>",
     "<improper-addressing ", false},
    {"a stanza to nobody", EXTERNAL, OPEN "<message from='x@evil.example'/>",
     "<improper-addressing ", false},
    {"a malformed address", EXTERNAL,
     OPEN MESSAGE("x@evil.example", "@b.example"), "<improper-addressing ",
     false},
    {"an unknown element after EXTERNAL", EXTERNAL, OPEN "<x xmlns='urn:x'/>",
     "<unsupported-stanza-type ", false},
    {"a client's stanza", EXTERNAL,
     OPEN "<message xmlns='jabber:component:accept' from='x@evil.example'"
          " to='y@b.example'/>",
     "<unsupported-stanza-type ", false},
    {"its end", EXTERNAL, OPEN "</stream:stream>", "</stream:stream>", false},
};

static void
begin(struct world *w, struct end *e, enum how how)
{
    if (how == CLEAR) {
        return;
    }
    say(e, OPEN);
    say(e, STARTTLS);
    assert_true(has(&e->heard, "<proceed "));
    go_secure(e);
    say(e, OPEN);
    if (how == EXTERNAL) {
        say(e, AUTH("="));
        assert_true(has(&e->heard, "<success "));
    }
    forget(&e->heard);
}

static void
what_a_stranger_says_is_answered_as_the_standards_say(void **state)
{
    struct world *w = *state;

    two(w);
    start(w);
    for (size_t i = 0; i < CNC_N(rows); i++) {
        const struct row *r = &rows[i];
        struct end *e = connect_raw(w, evil, b);
        struct cnc__str big = CNC__STR;

        begin(w, e, r->how);
        if (r->script != NULL) {
            say(e, r->script);
        } else {
            cnc__str_puts(&big, "<db:result from='evil.example'>");
            for (int k = 0; k < 12000; k++) {
                cnc__str_putc(&big, 'x');
            }
            say(e, big.data);
        }
        cnc__str_fini(&big);
        if (!has(&e->heard, r->answer) || is_open(e) != r->open) {
            fail_msg("%s: %s\n%s", r->name, cnc__str_c(&e->heard),
                     is_open(e) ? "open" : "closed");
        }
    }
    assert_false(has(&b->got, "smuggled"));
}

static void
a_key_that_its_server_does_not_know_ends_the_stream(void **state)
{
    struct world *w = *state;
    struct server *bank;
    struct end *e;

    two(w);
    bank = server_add(w, "bank.example");
    start(w);
    e = connect_raw(w, evil, b);
    begin(w, e, TLS);
    say(e, "<db:result from='bank.example' to='b.example'>deadbeef"
           "</db:result>");
    assert_true(has(&e->heard, "<db:result from='b.example'"
                               " to='bank.example' type='invalid'/>"));
    assert_false(is_open(e));
    assert_int_equal(bank->n_dialled, 1);
}

static void
a_wrong_key_leaves_what_else_is_proved(void **state)
{
    struct world *w = *state;
    struct end *e;

    two(w);
    server_add(w, "bank.example");
    start(w);
    e = connect_raw(w, evil, b);
    begin(w, e, EXTERNAL);
    say(e, OPEN "<db:result from='bank.example' to='b.example'>deadbeef"
                "</db:result>");
    assert_true(has(&e->heard, "<forbidden "));
    assert_true(is_open(e));
    say(e, MESSAGE("x@evil.example", "y@b.example"));
    assert_true(has(&b->got, "x@evil.example > y@b.example"));
    say(e, MESSAGE("x@bank.example", "y@b.example"));
    assert_false(has(&b->got, "x@bank.example"));
}

static void
a_certificate_that_is_not_trusted_is_no_identity(void **state)
{
    struct world *w = *state;
    struct end *e;

    two(w);
    evil->trusted = false;
    start(w);
    e = connect_raw(w, evil, b);
    begin(w, e, TLS);
    say(e, AUTH("="));
    assert_true(has(&e->heard, "<not-authorized/>"));
    assert_false(has(&w->wire, "<mechanism>EXTERNAL"));
    assert_true(is_open(e));
}

static void
keys_under_way_are_counted(void **state)
{
    struct world *w = *state;
    struct cnc__s2s_stats stats;
    struct end *e;

    two(w);
    b->options.max_asked = 4;
    server_add(w, "slow.example")->raw = true;
    w->servers[2].hosts[0] = "1.slow.example";
    w->servers[2].hosts[1] = "2.slow.example";
    w->servers[2].hosts[2] = "3.slow.example";
    w->servers[2].hosts[3] = "4.slow.example";
    start(w);
    e = connect_raw(w, evil, b);
    begin(w, e, TLS);
    for (int i = 0; i < 5; i++) {
        struct cnc__str xml = CNC__STR;

        cnc__str_printf(&xml,
                        "<db:result from='%d.slow.example' to='b.example'>k"
                        "</db:result>",
                        i);
        say(e, xml.data);
        cnc__str_fini(&xml);
    }
    /* There is no 0.slow.example: that one has its answer. */
    assert_true(has(&e->heard, "<remote-server-not-found "));
    assert_false(has(&e->heard, "<resource-constraint "));
    say(e, "<db:result from='slow.example' to='b.example'>k</db:result>");
    assert_true(has(&e->heard, "<resource-constraint "));
    cnc__s2s_stats(b->s2s, &stats);
    assert_int_equal(stats.n_asked, 4);
    say(e, "</stream:stream>");
    cnc__s2s_stats(b->s2s, &stats);
    assert_int_equal(stats.n_asked, 0);
}

static void
a_key_whose_server_is_silent_is_an_error_in_time(void **state)
{
    struct world *w = *state;
    struct end *e;

    two(w);
    server_add(w, "slow.example")->raw = true;
    start(w);
    e = connect_raw(w, evil, b);
    begin(w, e, TLS);
    say(e, "<db:result from='slow.example' to='b.example'>k</db:result>");
    pass(w, 19000);
    assert_false(has(&e->heard, "<remote-server-"));
    pass(w, 2000);
    assert_true(has(&e->heard, "<remote-server-timeout "));
    assert_true(is_open(e));
}

static void
streams_of_one_domain_are_counted(void **state)
{
    struct world *w = *state;
    struct end *e;

    two(w);
    b->options.max_in = 2;
    start(w);
    for (int i = 0; i < 3; i++) {
        e = connect_raw(w, evil, b);
        begin(w, e, EXTERNAL);
        say(e, OPEN);
        assert_int_equal(is_open(e), i < 2);
    }
    assert_true(has(&e->heard, "<resource-constraint "));
    cut_all(w);
    e = connect_raw(w, evil, b);
    begin(w, e, EXTERNAL);
    say(e, OPEN);
    assert_true(is_open(e));
}

static void
a_stream_that_proves_nothing_ends_in_time(void **state)
{
    struct world *w = *state;
    struct end *e;

    two(w);
    start(w);
    e = connect_raw(w, evil, b);
    begin(w, e, TLS);
    pass(w, 31000);
    assert_true(has(&e->heard, "<connection-timeout "));
    assert_false(is_open(e));
}

static void
limits_are_announced(void **state)
{
    struct world *w = *state;
    struct end *e;

    two(w);
    start(w);
    e = connect_raw(w, evil, b);
    say(e, OPEN);
    assert_true(has(&e->heard, "<limits xmlns='urn:xmpp:stream-limits:0'>"
                               "<max-bytes>524288</max-bytes>"
                               "<idle-seconds>1800</idle-seconds>"));
    assert_true(has(&e->heard, "<required/>"));
    assert_false(has(&e->heard, "EXTERNAL"));
}

/* -- we dial them --------------------------------------------------------- */

#define REPLY            HEADER("from='evil.example' to='b.example' id='an-id'")
#define FEATURES(inside) "<stream:features>" inside "</stream:features>"
#define F_TLS            STARTTLS
#define F_DIALBACK                                                            \
    "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>"
#define F_BIDI "<bidi xmlns='urn:xmpp:features:bidi'/>"
#define F_EXTERNAL                                                            \
    "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"                   \
    "<mechanism>EXTERNAL</mechanism></mechanisms>"

static const struct row answers[] = {
    {"no id", CLEAR, HEADER("from='evil.example'"), "<bad-format ", false},
    {"no version", CLEAR,
     "<stream:stream xmlns='jabber:server' id='1'"
     " xmlns:stream='http://etherx.jabber.org/streams'>",
     "<unsupported-version ", false},
    {"TLS that we did not ask for", CLEAR,
     REPLY "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
     "<policy-violation ", false},
    {"a refusal of STARTTLS", CLEAR,
     REPLY FEATURES(
         F_TLS) "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
     "</stream:stream>", false},
    {"features twice", TLS, FEATURES(F_DIALBACK) FEATURES(F_DIALBACK),
     "<policy-violation ", false},
    {"success that we did not ask for", TLS,
     FEATURES(
         F_DIALBACK) "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
     "<policy-violation ", false},
    {"a stanza on a stream of ours", TLS,
     FEATURES(F_DIALBACK) MESSAGE("x@evil.example", "y@b.example"),
     "<not-authorized ", false},
    {"a stanza before the key is believed", TLS,
     FEATURES(F_DIALBACK F_BIDI) MESSAGE("x@evil.example", "y@b.example"),
     "<not-authorized ", false},
    {"another's stanza on a stream of ours", TLS,
     FEATURES(F_DIALBACK F_BIDI) "<db:result from='evil.example' "
                                 "to='b.example' type='valid'/>" MESSAGE(
                                     "x@bank.example", "y@b.example"),
     "<invalid-from ", false},
    {"an answer for another pair", TLS,
     FEATURES(
         F_DIALBACK) "<db:result from='bank.example' to='b.example' "
                     "type='valid'/>"
                     "<db:result from='evil.example' to='rooms.b.example' "
                     "type='valid'/>"
                     "<db:verify from='evil.example' to='b.example' id='1'"
                     " type='valid'/>",
     "<db:result from='b.example' to='evil.example'>", true},
    {"EXTERNAL in the clear", CLEAR, REPLY FEATURES(F_EXTERNAL),
     "</stream:stream>", false},
};

static struct end *
dialled(struct world *w, enum how how)
{
    struct end *e;

    forget(&b->got);
    assert_int_equal(
        tell(b, "romeo@b.example", "x@evil.example", "confidential"), 0);
    e = raw_end(w, evil);
    assert_non_null(e);
    assert_true(has(&e->heard, " to='evil.example'"));
    if (how == TLS) {
        say(e, REPLY FEATURES(F_TLS));
        assert_true(has(&e->heard, "<starttls "));
        say(e, "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        go_secure(e);
        say(e, REPLY);
    }
    return e;
}

static void
what_a_server_answers_is_judged_as_the_standards_say(void **state)
{
    struct world *w = *state;

    two(w);
    start(w);
    for (size_t i = 0; i < CNC_N(answers); i++) {
        const struct row *r = &answers[i];
        struct end *e = dialled(w, r->how);

        say(e, r->script);
        if (!has(&e->heard, r->answer) || is_open(e) != r->open) {
            fail_msg("%s: %s\n%s", r->name, cnc__str_c(&e->heard),
                     is_open(e) ? "open" : "closed");
        }
        if (strstr(r->script, "another's") == NULL &&
            strstr(r->script, "to='b.example' type='valid'") == NULL) {
            assert_false(has(&e->heard, "confidential"));
        }
        cut_all(w);
        pass(w, 700000); /* all back-off is over */
    }
    assert_false(has(&b->got, "smuggled"));
}

static void
tls_is_not_begun_while_a_key_is_asked_about(void **state)
{
    static const char *const plain[] = {"evil.example", NULL};
    struct world *w = *state;
    struct end *e;

    two(w);
    b->options.plain = plain;
    start(w);
    e = connect_raw(w, evil, b);
    say(e, OPEN);
    say(e, "<db:result from='evil.example' to='b.example'>key</db:result>");
    assert_int_equal(evil->n_dialled, 1);
    say(e, STARTTLS);
    assert_true(has(&e->heard, "<failure "));
    assert_false(has(&e->heard, "<proceed "));
    assert_false(is_open(e));
}

/* Whoever sends to many may not find them changed when one of the sends
 * returns. */
static void
nothing_comes_back_from_within_the_call_that_sends(void **state)
{
    struct world *w = *state;
    struct end *e;

    two(w);
    evil->trusted = false;
    start(w);
    e = connect_raw(w, evil, b);
    begin(w, e, TLS);
    say(e, "<db:result from='evil.example' to='b.example'>key</db:result>");
    /* We dial to ask about it; and there is no way to be believed there. */
    e = raw_end(w, evil);
    say(e, REPLY FEATURES(F_TLS));
    say(e, "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    go_secure(e);
    say(e, "<?xml version='1.0'?><stream:stream xmlns='jabber:server'"
           " xmlns:stream='http://etherx.jabber.org/streams' version='1.0'"
           " from='evil.example' to='b.example' id='an-id'>");
    say(e, FEATURES(""));
    assert_true(has(&e->heard, "<db:verify "));
    assert_int_equal(tell(b, "romeo@b.example", "x@evil.example", "hi"), 0);
    assert_false(is_open(e));
    assert_int_equal(b->got.len, 0);
    pass(w, 1000);
    assert_true(has(&b->got, ": remote-server-timeout"));
}

static void
a_key_that_is_invalid_brings_everything_back(void **state)
{
    struct world *w = *state;
    struct end *e;

    two(w);
    start(w);
    e = dialled(w, TLS);
    say(e, FEATURES(F_DIALBACK));
    say(e, "<db:result from='evil.example' to='b.example'"
           " type='invalid'/>");
    assert_true(has(&b->got, ": internal-server-error"));
    assert_false(has(&e->heard, "confidential"));
}

static void
a_dialback_error_brings_everything_back(void **state)
{
    struct world *w = *state;
    struct end *e;

    two(w);
    start(w);
    e = dialled(w, TLS);
    say(e, FEATURES(F_DIALBACK));
    say(e, "<db:result from='evil.example' to='b.example' type='error'>"
           "<error type='cancel'><item-not-found"
           " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
           "</db:result>");
    assert_true(has(&b->got, ": remote-server-timeout"));
}

static void
a_host_that_may_not_share_gets_a_stream_of_its_own(void **state)
{
    struct world *w = *state;
    struct end *e, *own;

    two(w);
    start(w);
    e = dialled(w, TLS);
    say(e, FEATURES(F_DIALBACK));
    say(e, "<db:result from='evil.example' to='b.example' type='valid'/>");
    assert_true(has(&e->heard, "confidential"));
    tell(b, "x@rooms.b.example", "y@evil.example", "from the rooms");
    assert_true(has(&e->heard, "<db:result from='rooms.b.example'"));
    assert_int_equal(evil->n_dialled, 1);
    say(e, "<db:result from='evil.example' to='rooms.b.example'"
           " type='error'><error type='wait'><resource-constraint"
           " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
           "</db:result>");
    assert_int_equal(evil->n_dialled, 2);
    own = raw_end(w, evil);
    assert_true(own != e && is_open(e));
    assert_true(has(&own->heard, " from='rooms.b.example'"));
    assert_false(has(&b->got, "error"));
}

static void
a_server_that_knows_not_its_own_name_is_not_there(void **state)
{
    struct world *w = *state;
    struct end *e;

    two(w);
    start(w);
    e = dialled(w, CLEAR);
    say(e, REPLY "<stream:error><host-unknown"
                 " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
                 "</stream:error>");
    assert_true(has(&b->got, ": remote-server-not-found"));
}

static void
a_refused_certificate_leaves_dialback(void **state)
{
    struct world *w = *state;
    struct end *e;

    two(w);
    start(w);
    e = dialled(w, TLS);
    say(e, FEATURES(F_EXTERNAL F_DIALBACK));
    assert_true(has(&e->heard, "mechanism='EXTERNAL'>Yi5leGFtcGxl</auth>"));
    say(e, "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
           "<not-authorized/></failure>");
    assert_true(has(&e->heard, "<db:result from='b.example'"));
    say(e, "<db:result from='evil.example' to='b.example' type='valid'/>");
    assert_true(has(&e->heard, "confidential"));
}

static void
a_server_that_offers_no_way_to_be_believed_is_refused(void **state)
{
    struct world *w = *state;
    struct end *e;

    two(w);
    start(w);
    e = dialled(w, CLEAR);
    say(e, REPLY FEATURES(F_TLS));
    say(e, "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    go_secure(e);
    say(e, "<stream:stream xmlns='jabber:server' id='2' version='1.0'"
           " xmlns:stream='http://etherx.jabber.org/streams'>" FEATURES(""));
    assert_true(has(&b->got, ": remote-server-timeout"));
}

static void
a_server_that_never_answers_is_left_in_time(void **state)
{
    struct world *w = *state;
    struct end *e;

    two(w);
    start(w);
    e = dialled(w, CLEAR);
    pass(w, 31000);
    assert_false(is_open(e));
    pass(w, 31000);
    assert_true(has(&b->got, ": remote-server-timeout"));
}

static void
a_server_that_never_says_valid_is_left_in_time(void **state)
{
    struct world *w = *state;
    struct end *e;

    two(w);
    start(w);
    e = dialled(w, TLS);
    say(e, FEATURES(F_DIALBACK));
    pass(w, 62000);
    assert_false(is_open(e));
    assert_true(has(&b->got, ": remote-server-timeout"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_a_stranger_says_is_answered_as_the_standards_say),
        TEST(a_key_that_its_server_does_not_know_ends_the_stream),
        TEST(a_wrong_key_leaves_what_else_is_proved),
        TEST(a_certificate_that_is_not_trusted_is_no_identity),
        TEST(keys_under_way_are_counted),
        TEST(a_key_whose_server_is_silent_is_an_error_in_time),
        TEST(streams_of_one_domain_are_counted),
        TEST(a_stream_that_proves_nothing_ends_in_time),
        TEST(limits_are_announced),
        TEST(what_a_server_answers_is_judged_as_the_standards_say),
        TEST(a_key_that_is_invalid_brings_everything_back),
        TEST(tls_is_not_begun_while_a_key_is_asked_about),
        TEST(nothing_comes_back_from_within_the_call_that_sends),
        TEST(a_dialback_error_brings_everything_back),
        TEST(a_host_that_may_not_share_gets_a_stream_of_its_own),
        TEST(a_server_that_knows_not_its_own_name_is_not_there),
        TEST(a_refused_certificate_leaves_dialback),
        TEST(a_server_that_offers_no_way_to_be_believed_is_refused),
        TEST(a_server_that_never_answers_is_left_in_time),
        TEST(a_server_that_never_says_valid_is_left_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
