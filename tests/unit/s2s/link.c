/* SPDX-License-Identifier: MIT */
/* Two servers and more, and what they tell one another. */
#include <stdio.h>

#include "world.h"

#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

static struct server *a, *b;

/* a.example and b.example; the tests change what they are about. */
static void
two(struct world *w)
{
    a = server_add(w, "a.example");
    b = server_add(w, "b.example");
}

/* juliet lives at a.example, romeo at b.example. */
static int
hello(struct server *from, struct server *to)
{
    return from == a ? tell(a, "juliet@a.example", "romeo@b.example", "hello")
                     : tell(b, "romeo@b.example", "juliet@a.example", "hello");
}

static struct cnc__s2s_entry last;
static size_t n_entries;

static void
keep_ready(const struct cnc__s2s_entry *e, void *priv)
{
    if (strcmp(e->direction, priv) == 0 && strcmp(e->state, "ready") == 0) {
        last = *e;
        last.domain = last.host = last.addr = last.error = NULL;
        n_entries++;
    }
}

static size_t
n_ready(struct server *sv, const char *direction)
{
    n_entries = 0;
    cnc__s2s_each(sv->s2s, keep_ready, (void *)direction);
    return n_entries;
}

static const char *
auth(struct server *sv, const char *direction)
{
    return n_ready(sv, direction) > 0 ? last.auth : "";
}

/* -- to be believed ------------------------------------------------------- */

static void
a_stanza_reaches_another_server_by_dialback(void **state)
{
    struct world *w = *state;

    two(w);
    a->trusted = b->trusted = false;
    a->options.no_bidi = true;
    start(w);
    assert_int_equal(hello(a, b), 0);
    assert_string_equal(b->got.data,
                        "normal juliet@a.example > romeo@b.example: hello\n");
    assert_true(has(&w->wire, "<proceed"));
    assert_true(has(&w->wire, "<db:verify"));
    assert_false(has(&w->wire, "<auth"));
    assert_string_equal(auth(a, "out"), "dialback");
    assert_string_equal(auth(b, "in"), "dialback");
    assert_string_equal(last.tls, "TLSv1.3");
}

static void
a_trusted_certificate_needs_no_dialback(void **state)
{
    struct world *w = *state;

    two(w);
    a->options.no_bidi = true;
    start(w);
    hello(a, b);
    assert_true(has(&b->got, "hello"));
    assert_false(has(&w->wire, "<db:"));
    assert_string_equal(auth(a, "out"), "external");
    assert_string_equal(auth(b, "in"), "external");
}

static void
a_dialled_tls_connection_needs_no_starttls(void **state)
{
    struct world *w = *state;

    two(w);
    b->direct_tls = true;
    start(w);
    hello(a, b);
    assert_true(has(&b->got, "hello"));
    assert_false(has(&w->wire, "starttls"));
}

static void
the_answer_comes_back_in_the_same_stream(void **state)
{
    struct world *w = *state;

    two(w);
    start(w);
    hello(a, b);
    hello(b, a);
    assert_string_equal(a->got.data,
                        "normal romeo@b.example > juliet@a.example: hello\n");
    assert_int_equal(b->n_dialled, 1);
    assert_int_equal(a->n_dialled, 0);
    assert_int_equal(n_ready(a, "bidi"), 1);
    /* Once as theirs, once as the way back. */
    assert_int_equal(n_ready(b, "bidi"), 1);
}

static void
the_answer_comes_back_in_the_same_stream_after_dialback_too(void **state)
{
    struct world *w = *state;

    two(w);
    a->trusted = b->trusted = false;
    start(w);
    hello(a, b);
    hello(b, a);
    assert_true(has(&a->got, "hello"));
    assert_int_equal(a->n_dialled, 1); /* for the key alone */
    assert_int_equal(b->n_dialled, 1);
    pass(w, 15000);
    assert_int_equal(n_of(&w->wire, "</stream:stream>"), 2);
    hello(b, a);
    assert_int_equal(n_of(&a->got, "hello"), 2);
    assert_int_equal(a->n_dialled, 1);
}

static void
without_bidi_the_answer_takes_a_stream_of_its_own(void **state)
{
    struct world *w = *state;

    two(w);
    b->options.no_bidi = true;
    start(w);
    hello(a, b);
    hello(b, a);
    assert_true(has(&a->got, "hello"));
    assert_int_equal(a->n_dialled, 1);
}

static void
a_stream_that_asked_for_a_key_may_carry_stanzas_later(void **state)
{
    struct world *w = *state;

    two(w);
    a->trusted = b->trusted = false;
    a->options.no_bidi = b->options.no_bidi = true;
    start(w);
    hello(a, b);
    hello(b, a);
    assert_true(has(&a->got, "hello"));
    assert_int_equal(a->n_dialled, 1);
    assert_int_equal(b->n_dialled, 1);
}

static void
hosts_of_ours_share_a_stream(void **state)
{
    struct world *w = *state;

    two(w);
    a->hosts[0] = "rooms.a.example";
    b->hosts[0] = "rooms.b.example";
    a->trusted = false;
    a->options.no_bidi = b->options.no_bidi = true;
    start(w);
    hello(a, b);
    tell(a, "x@rooms.a.example", "romeo@b.example", "from the rooms");
    assert_true(has(&b->got, "x@rooms.a.example > romeo@b.example"));
    assert_int_equal(b->n_dialled, 1);
    assert_int_equal(n_ready(a, "out"), 2);
    assert_int_equal(n_ready(b, "in"), 2);
}

static void
a_host_shares_a_stream_that_is_proved_by_certificate(void **state)
{
    struct world *w = *state;

    two(w);
    a->hosts[0] = "rooms.a.example";
    start(w);
    hello(a, b);
    tell(a, "x@rooms.a.example", "romeo@b.example", "from the rooms");
    assert_true(has(&b->got, "from the rooms"));
    assert_int_equal(b->n_dialled, 1);
    assert_true(has(&w->wire, "<db:result from='rooms.a.example'"));
}

static void
a_certificate_of_the_host_spares_asking_about_its_key(void **state)
{
    struct world *w = *state;

    two(w);
    a->hosts[0] = a->cert[1] = "rooms.a.example";
    start(w);
    hello(a, b);
    tell(a, "x@rooms.a.example", "romeo@b.example", "from the rooms");
    assert_true(has(&b->got, "from the rooms"));
    assert_false(has(&w->wire, "<db:verify"));
}

/* -- policy --------------------------------------------------------------- */

static const char *const only_a[] = {"a.example", NULL};
static const char *const only_b[] = {"b.example", NULL};
static const char *const below_example[] = {"*.example", NULL};
static const char *const below_com[] = {"*.com", NULL};

static void
a_server_without_tls_is_refused(void **state)
{
    struct world *w = *state;

    two(w);
    b->no_tls = true;
    start(w);
    assert_int_equal(hello(a, b), 0);
    assert_string_equal(a->got.data, "error romeo@b.example > "
                                     "juliet@a.example: "
                                     "remote-server-timeout\n");
    assert_false(has(&w->wire, "hello"));
}

static void
a_listed_domain_may_do_without_tls(void **state)
{
    struct world *w = *state;

    two(w);
    a->no_tls = b->no_tls = true;
    a->options.plain = only_b;
    b->options.plain = only_a;
    start(w);
    hello(a, b);
    assert_true(has(&b->got, "hello"));
    assert_string_equal(auth(b, "bidi"), "dialback");
}

static void
a_certificate_that_has_expired_leaves_dialback(void **state)
{
    struct world *w = *state;

    two(w);
    a->trusted = false;
    start(w);
    hello(a, b);
    assert_true(has(&b->got, "hello"));
    assert_string_equal(auth(b, "bidi"), "dialback");
}

static void
where_certificates_are_required_dialback_is_not_enough(void **state)
{
    struct world *w = *state;

    two(w);
    a->trusted = false;
    b->options.certs = below_example;
    start(w);
    hello(a, b);
    assert_false(has(&b->got, "hello"));
    assert_true(has(&w->wire, "<not-authorized "));
    assert_false(has(&w->wire, "<db:verify"));
    assert_true(has(&a->got, "remote-server-timeout"));
}

static void
a_receiver_without_a_good_certificate_is_told_nothing(void **state)
{
    struct world *w = *state;

    two(w);
    b->trusted = false;
    a->options.cert_required = true;
    start(w);
    hello(a, b);
    assert_false(has(&w->wire, "hello"));
    assert_true(has(&a->got, ": remote-server-timeout"));
}

static void
another_name_in_the_certificate_is_no_proof(void **state)
{
    struct world *w = *state;

    two(w);
    b->cert[0] = "c.example";
    a->options.cert_required = true;
    start(w);
    hello(a, b);
    assert_false(has(&w->wire, "hello"));
    assert_true(has(&a->got, ": remote-server-timeout"));
}

static void
a_denied_domain_is_neither_called_nor_heard(void **state)
{
    struct world *w = *state;

    two(w);
    a->options.deny = below_example;
    start(w);
    assert_int_equal(hello(a, b), CNC_EACCES);
    assert_int_equal(b->n_dialled, 0);
    hello(b, a);
    assert_false(has(&a->got, "romeo@b.example > juliet"));
    assert_true(has(&w->wire, "<policy-violation "));
}

static void
only_allowed_domains_are_called(void **state)
{
    struct world *w = *state;

    two(w);
    a->options.allow = below_com;
    start(w);
    assert_int_equal(hello(a, b), CNC_EACCES);
    assert_int_equal(tell(a, "j@a.example", "x@y.com", "hello"), 0);
}

/* -- waiting -------------------------------------------------------------- */

static void
a_name_that_does_not_exist_is_told_at_once_and_remembered(void **state)
{
    struct world *w = *state;

    two(w);
    start(w);
    assert_int_equal(tell(a, "juliet@a.example", "x@nowhere.example", "hi"),
                     0);
    assert_string_equal(a->got.data,
                        "error x@nowhere.example > juliet@a.example: "
                        "remote-server-not-found\n");
    assert_int_equal(tell(a, "juliet@a.example", "x@nowhere.example", "hi"),
                     CNC_ECLOSED);
    pass(w, 60000);
    assert_int_equal(tell(a, "juliet@a.example", "x@nowhere.example", "hi"),
                     0);
}

static void
a_stanza_for_a_server_that_is_away_waits_and_comes_back(void **state)
{
    struct world *w = *state;

    two(w);
    b->unreachable = true;
    start(w);
    assert_int_equal(hello(a, b), 0);
    pass(w, 59000);
    assert_int_equal(a->got.len, 0);
    pass(w, 2000);
    assert_string_equal(a->got.data, "error romeo@b.example > "
                                     "juliet@a.example: "
                                     "remote-server-timeout\n");
    /* 1-3, 2-6, 4-12, 8-24, 16-48 seconds between them. */
    assert_in_range(b->n_dialled, 4, 7);
}

static void
a_server_that_comes_back_gets_what_waited_in_order(void **state)
{
    struct world *w = *state;

    two(w);
    b->unreachable = true;
    start(w);
    for (int i = 0; i < 5; i++) {
        char text[16];

        (void)snprintf(text, sizeof(text), "no. %d", i);
        tell(a, "juliet@a.example", "romeo@b.example", text);
    }
    pass(w, 10000);
    b->unreachable = false;
    pass(w, 40000);
    assert_string_equal(b->got.data,
                        "normal juliet@a.example > romeo@b.example: no. 0\n"
                        "normal juliet@a.example > romeo@b.example: no. 1\n"
                        "normal juliet@a.example > romeo@b.example: no. 2\n"
                        "normal juliet@a.example > romeo@b.example: no. 3\n"
                        "normal juliet@a.example > romeo@b.example: no. 4\n");
    assert_int_equal(a->got.len, 0);
}

static void
what_waits_goes_by_the_stream_that_the_other_server_opens(void **state)
{
    struct world *w = *state;

    two(w);
    b->unreachable = true;
    start(w);
    hello(a, b);
    pass(w, 5000);
    hello(b, a);
    assert_true(has(&a->got, "hello"));
    assert_true(has(&b->got, "hello"));
    assert_int_equal(n_ready(a, "bidi"), 1);
}

static void
who_asks_to_be_verified_does_not_wait_for_back_off(void **state)
{
    struct world *w = *state;

    /* b could not be reached, and is not to be tried for a while; but a key
     * of b's has just come in. */
    two(w);
    b->trusted = false;
    b->unreachable = true;
    a->options.backoff_ms = 600000;
    start(w);
    hello(a, b);
    b->unreachable = false;
    hello(b, a);
    assert_true(has(&a->got, "hello"));
}

static void
the_queue_for_a_domain_has_an_end(void **state)
{
    struct world *w = *state;

    two(w);
    b->unreachable = true;
    a->options.pair_stanzas = 3;
    start(w);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hello(a, b), 0);
    }
    assert_int_equal(hello(a, b), CNC_ESTORE);
}

static void
the_bytes_for_all_domains_have_an_end(void **state)
{
    struct world *w = *state;
    struct cnc__s2s_stats stats;

    two(w);
    b->unreachable = true;
    a->options.max_waiting = 150;
    start(w);
    assert_int_equal(hello(a, b), 0);
    assert_int_equal(tell(a, "juliet@a.example", "x@c.example", "hello"),
                     CNC_ESTORE);
    cnc__s2s_stats(a->s2s, &stats);
    assert_int_equal(stats.n_queued, 1);
    assert_in_range(stats.queue_bytes, 1, 150);
}

static void
a_stanza_too_large_for_the_other_server_is_not_sent(void **state)
{
    struct world *w = *state;

    two(w);
    b->options.max_stanza = 20000;
    start(w);
    hello(a, b);
    tell(a, "juliet@a.example", "romeo@b.example", "small");
    for (int i = 0; i < 2; i++) {
        struct cnc__str big = CNC__STR;

        for (int k = 0; k < 3000; k++) {
            cnc__str_puts(&big, "12345678");
        }
        assert_int_equal(
            tell(a, "juliet@a.example", "romeo@b.example", big.data),
            CNC_ELIMIT);
        cnc__str_fini(&big);
    }
    assert_int_equal(n_ready(a, "bidi"), 1);
}

static void
a_stream_that_breaks_is_dialled_again(void **state)
{
    struct world *w = *state;

    two(w);
    start(w);
    hello(a, b);
    cut_all(w);
    assert_int_equal(n_ready(a, "bidi"), 0);
    hello(a, b);
    assert_int_equal(n_of(&b->got, "hello"), 2);
    assert_int_equal(b->n_dialled, 2);
}

static void
an_idle_stream_closes_and_comes_back(void **state)
{
    struct world *w = *state;
    struct cnc__s2s_stats stats;

    two(w);
    start(w);
    hello(a, b);
    pass(w, 590000);
    assert_int_equal(n_ready(a, "bidi"), 1);
    assert_true(has(&w->wire, "<ping "));
    pass(w, 20000);
    assert_int_equal(n_ready(a, "bidi"), 0);
    assert_false(has(&w->wire, "stream:error"));
    cnc__s2s_stats(a->s2s, &stats);
    assert_int_equal(stats.n_out, 0);
    hello(a, b);
    assert_int_equal(n_of(&b->got, "hello"), 2);
}

static void
a_silent_one_way_stream_is_kept_with_white_space(void **state)
{
    struct world *w = *state;

    two(w);
    a->options.no_bidi = true;
    start(w);
    hello(a, b);
    forget(&w->wire);
    pass(w, 300000);
    assert_true(has(&w->wire, "a.example:  \n"));
    assert_false(has(&w->wire, "<ping"));
    assert_int_equal(n_ready(a, "out"), 1);
}

static void
a_domain_of_which_nothing_is_wanted_is_forgotten(void **state)
{
    struct world *w = *state;

    two(w);
    b->unreachable = true;
    a->options.max_domains = 1;
    start(w);
    hello(a, b);
    assert_int_equal(tell(a, "juliet@a.example", "x@c.example", "hello"),
                     CNC_ESTORE);
    pass(w, 1500000);
    assert_int_equal(tell(a, "juliet@a.example", "x@c.example", "hello"), 0);
}

/* Anybody may ask us to call any name. */
static void
many_domains_that_are_not_there_keep_nobody_out(void **state)
{
    struct world *w = *state;

    two(w);
    a->options.max_domains = 10;
    start(w);
    for (int i = 0; i < 100; i++) {
        char jid[32];

        (void)snprintf(jid, sizeof(jid), "x@no%d.example", i);
        tell(a, "juliet@a.example", jid, "hi");
        if (i % 5 == 0) {
            pass(w, 1000);
        }
    }
    pass(w, 1000);
    hello(a, b);
    assert_true(has(&b->got, "hello"));
}

/* -- many ----------------------------------------------------------------- */

static void
what_many_get_is_kept_once(void **state)
{
    struct world *w = *state;
    struct cnc__s2s_stats stats;
    struct cnc__session *far_[20];
    struct cnc__str text = CNC__STR;
    struct cnc_buf *tail;
    char jid[64];

    two(w);
    start(w);
    for (int i = 0; i < 2000; i++) {
        cnc__str_puts(&text, "12345678");
    }
    cnc__str_puts(&text, "</body></message>");
    tail = cnc_buf_new(text.data, text.len);
    for (size_t i = 0; i < CNC_N(far_); i++) {
        struct cnc__str head = CNC__STR;

        (void)snprintf(jid, sizeof(jid), "n%zu@b.example", i);
        far_[i] = cnc__router_far(a->router, jid);
        cnc__str_printf(&head, "<message from='a.example' to='%s'><body>",
                        jid);
        cnc__session_send_shared(far_[i], head.data, head.len, tail);
        cnc__str_fini(&head);
    }
    cnc__s2s_stats(a->s2s, &stats);
    assert_int_equal(stats.n_queued, CNC_N(far_));
    settle(w);
    assert_int_equal(n_of(&b->got, "normal a.example > n"), CNC_N(far_));
    for (size_t i = 0; i < CNC_N(far_); i++) {
        cnc__router_far_unref(&far_[i]);
    }
    cnc_buf_unref(&tail);
    cnc__str_fini(&text);
}

static void
more_than_the_socket_takes_waits_and_ends_nothing(void **state)
{
    struct world *w = *state;

    two(w);
    a->options.max_queue = 3000;
    a->options.no_bidi = true;
    start(w);
    hello(a, b);
    for (int i = 0; i < 100; i++) {
        struct cnc__str xml = CNC__STR;

        cnc__str_printf(&xml,
                        "<message from='j@a.example' to='r@b.example'>"
                        "<body>%d</body></message>",
                        i);
        assert_int_equal(cnc__router_send(a->router, "j@a.example",
                                          "r@b.example", xml.data, xml.len,
                                          NULL),
                         0);
        cnc__str_fini(&xml);
    }
    pass(w, 10000);
    assert_int_equal(n_of(&b->got, "normal j@a.example"), 100);
    assert_int_equal(b->n_dialled, 1);
}

static void
a_key_is_made_as_the_standard_says(void **state)
{
    char key[65];

    cnc__dialback_key(key, "s3cr3tf0rd14lb4ck", "xmpp.example.com",
                      "example.org", "D60000229F");
    assert_string_equal(key, "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a26864"
                             "82ba5b89323075643");
    cnc__dialback_key(key, "d14lb4ck43v3r", "capulet.example",
                      "montague.example", "417GAF25");
    assert_string_equal(key, "225cc5aa6a071133249d25fef42ae516fc7a86c523aa1c6"
                             "980a7f73e784c972d");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_stanza_reaches_another_server_by_dialback),
        TEST(a_trusted_certificate_needs_no_dialback),
        TEST(a_dialled_tls_connection_needs_no_starttls),
        TEST(the_answer_comes_back_in_the_same_stream),
        TEST(the_answer_comes_back_in_the_same_stream_after_dialback_too),
        TEST(without_bidi_the_answer_takes_a_stream_of_its_own),
        TEST(a_stream_that_asked_for_a_key_may_carry_stanzas_later),
        TEST(hosts_of_ours_share_a_stream),
        TEST(a_host_shares_a_stream_that_is_proved_by_certificate),
        TEST(a_certificate_of_the_host_spares_asking_about_its_key),
        TEST(a_server_without_tls_is_refused),
        TEST(a_listed_domain_may_do_without_tls),
        TEST(a_certificate_that_has_expired_leaves_dialback),
        TEST(where_certificates_are_required_dialback_is_not_enough),
        TEST(a_receiver_without_a_good_certificate_is_told_nothing),
        TEST(another_name_in_the_certificate_is_no_proof),
        TEST(a_denied_domain_is_neither_called_nor_heard),
        TEST(only_allowed_domains_are_called),
        TEST(a_name_that_does_not_exist_is_told_at_once_and_remembered),
        TEST(a_stanza_for_a_server_that_is_away_waits_and_comes_back),
        TEST(a_server_that_comes_back_gets_what_waited_in_order),
        TEST(what_waits_goes_by_the_stream_that_the_other_server_opens),
        TEST(who_asks_to_be_verified_does_not_wait_for_back_off),
        TEST(the_queue_for_a_domain_has_an_end),
        TEST(the_bytes_for_all_domains_have_an_end),
        TEST(a_stanza_too_large_for_the_other_server_is_not_sent),
        TEST(a_stream_that_breaks_is_dialled_again),
        TEST(an_idle_stream_closes_and_comes_back),
        TEST(a_silent_one_way_stream_is_kept_with_white_space),
        TEST(a_domain_of_which_nothing_is_wanted_is_forgotten),
        TEST(many_domains_that_are_not_there_keep_nobody_out),
        TEST(what_many_get_is_kept_once),
        TEST(more_than_the_socket_takes_waits_and_ends_nothing),
        TEST(a_key_is_made_as_the_standard_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
