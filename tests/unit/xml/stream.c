/* SPDX-License-Identifier: MIT */
/* Streams: what callbacks may do, what a stanza carries, what is kept. */
#include <malloc.h>
#include <pthread.h>

#include "help.h"

static void
assert_told(const char *text, const char *expected)
{
    struct told t;
    feed(&t, CNC_PARSE_STREAM, 0, NULL, text, strlen(text), 0);
    assert_int_equal(t.rc, 0);
    assert_string_equal(cnc__str_c(&t.text), expected);
    told_fini(&t);
}

#define XMLNS_STREAM "xmlns:stream=\"http://etherx.jabber.org/streams\""

static void
a_stanza_is_self_contained(void **state)
{
    assert_told(STREAM "\n<iq/><stream:features/>"
                       "<message xmlns:stream='u'><stream:x/></message>",
                "open(1) <stream:stream xmlns=\"jabber:client\" " XMLNS_STREAM
                " to=\"a\"/>\n"
                "stanza(2) <iq xmlns=\"jabber:client\" " XMLNS_STREAM "/>\n"
                "stanza(2) <stream:features " XMLNS_STREAM "/>\n"
                "stanza(2) <message xmlns=\"jabber:client\" "
                "xmlns:stream=\"u\"><stream:x/></message>\n");
}

static void
unknown_namespaces_of_the_root_reach_the_stanza(void **state)
{
    assert_told("<s xmlns='urn:mine' xmlns:p='urn:p'><a p:b='c'/><p:d/></s>",
                "open(1) <s xmlns=\"urn:mine\" xmlns:p=\"urn:p\"/>\n"
                "stanza(1) <a xmlns=\"urn:mine\" xmlns:p=\"urn:p\" "
                "p:b=\"c\"/>\n"
                "stanza(1) <p:d xmlns:p=\"urn:p\"/>\n"
                "close\n");
}

static void
an_empty_root_opens_and_closes(void **state)
{
    assert_told("<s/>", "open(1) <s/>\nclose\n");
    assert_told("<s></s> \n", "open(1) <s/>\nclose\n");
}

static void
assert_refused(const char *text, int rc, const char *condition)
{
    struct told t;
    feed(&t, CNC_PARSE_STREAM, 0, NULL, text, strlen(text), 0);
    assert_int_equal(t.rc, rc);
    assert_string_equal(t.err.condition, condition);
    told_fini(&t);
}

static void
streams_are_restricted(void **state)
{
    assert_refused(STREAM "hello", CNC_EPROTO, "bad-format");
    assert_refused(STREAM "<![CDATA[ ]]>", CNC_EPROTO, "bad-format");
    assert_refused(STREAM "<!-- -->", CNC_EPROTO, "restricted-xml");
    assert_refused(STREAM "<?x?>", CNC_EPROTO, "restricted-xml");
    assert_refused(STREAM "<?xml version='1.0'?>", CNC_EPROTO,
                   "restricted-xml");
    assert_refused("<!DOCTYPE a>", CNC_EPROTO, "restricted-xml");
    assert_refused(STREAM "<a>&b;</a>", CNC_EPROTO, "restricted-xml");
    assert_refused("\xEF\xBB\xBF" STREAM, CNC_ESYNTAX, "not-well-formed");
    assert_refused(STREAM "</stream>", CNC_ESYNTAX, "not-well-formed");
    assert_refused(STREAM "</stream:strea>", CNC_ESYNTAX, "not-well-formed");
    assert_refused(STREAM "</stream:stream><iq/>", CNC_ESYNTAX,
                   "not-well-formed");
    assert_refused(STREAM "</stream:stream>x", CNC_ESYNTAX, "not-well-formed");
    assert_refused("GET / HTTP/1.1\r\n", CNC_ESYNTAX, "not-well-formed");
}

static void
after_an_error_only_reset_helps(void **state)
{
    struct told t = {0};
    struct cnc_error err;
    struct cnc_parser *p =
        cnc_parser_new(CNC_PARSE_STREAM, 0, NULL, &telling, &t);
    assert_int_equal(cnc_parser_feed(p, "<s><a></b>", 10, &err), CNC_ESYNTAX);
    assert_int_equal(cnc_parser_feed(p, "<s>", 3, &err), CNC_EINVAL);
    cnc_parser_reset(p);
    assert_int_equal(cnc_parser_feed(p, "<s>\n<a", 6, &err), 0);
    cnc_parser_reset(p); /* in the midst of a tag */
    assert_int_equal(
        cnc_parser_feed(p, "<?xml version='1.0'?><s><b/>", 28, &err), 0);
    assert_string_equal(t.text.data, "open(1) <s/>\nopen(1) <s/>\n"
                                     "open(1) <s/>\nstanza(1) <b/>\n");
    cnc_parser_free(&p);
    told_fini(&t);
}

struct session {
    struct cnc_parser *p;
    struct told told;
    struct cnc_element *kept[3];
    int n_kept, rc;
    bool reset, raise;
};

static int
session_stanza(struct cnc_element *e, void *priv)
{
    struct session *s = priv;
    telling.on_stanza(e, &s->told);
    if (s->n_kept < 3) {
        s->kept[s->n_kept++] = cnc_element_ref(e);
    }
    if (s->reset) {
        s->reset = false;
        cnc_parser_reset(s->p);
    }
    if (s->raise) {
        const struct cnc_xml_limits higher = {.max_stanza = 1000};
        cnc_parser_limit(s->p, &higher);
    }
    return s->rc;
}

static int
session_open(struct cnc_element *root, void *priv)
{
    struct session *s = priv;
    return telling.on_open(root, &s->told);
}

static const struct cnc_parser_events session_events = {
    .on_open = session_open, .on_stanza = session_stanza};

static void
session_fini(struct session *s)
{
    cnc_parser_free(&s->p);
    told_fini(&s->told);
    for (int i = 0; i < s->n_kept; i++) {
        cnc_element_unref(&s->kept[i]);
    }
}

static void
a_callback_may_restart_the_stream(void **state)
{
    const char *text = "<?xml version='1.0'?><s>\n<auth/><?xml version='1.0'?>"
                       "<t><b/>";
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        struct session s = {.reset = true};
        s.p = cnc_parser_new(CNC_PARSE_STREAM, 0, NULL, &session_events, &s);
        for (size_t at = 0; at < strlen(text); at += piece) {
            size_t n = strlen(text) - at;
            assert_int_equal(
                cnc_parser_feed(s.p, text + at, n < piece ? n : piece, NULL),
                0);
        }
        assert_string_equal(s.told.text.data,
                            "open(1) <s/>\nstanza(2) <auth/>\n"
                            "open(1) <t/>\nstanza(1) <b/>\n");
        session_fini(&s);
    }
}

static void
a_callback_may_raise_the_limits(void **state)
{
    const struct cnc_xml_limits low = {.max_stanza = 20};
    const char *text = "<s><auth/><b>01234567890123456789</b>";
    struct session s = {.raise = true};
    s.p = cnc_parser_new(CNC_PARSE_STREAM, 0, &low, &session_events, &s);
    assert_int_equal(cnc_parser_feed(s.p, text, strlen(text), NULL), 0);
    session_fini(&s);
    s = (struct session){0};
    s.p = cnc_parser_new(CNC_PARSE_STREAM, 0, &low, &session_events, &s);
    assert_int_equal(cnc_parser_feed(s.p, text, strlen(text), NULL),
                     CNC_ELIMIT);
    session_fini(&s);
}

static void
what_a_callback_returns_ends_the_feed(void **state)
{
    struct session s = {.rc = CNC_EACCES};
    struct cnc_error err;
    s.p = cnc_parser_new(CNC_PARSE_STREAM, 0, NULL, &session_events, &s);
    assert_int_equal(cnc_parser_feed(s.p, "<s><a/><b/>", 11, &err),
                     CNC_EACCES);
    assert_int_equal(err.code, CNC_EACCES);
    assert_string_equal(s.told.text.data, "open(1) <s/>\nstanza(1) <a/>\n");
    session_fini(&s);
}

static void
a_kept_stanza_outlives_its_parser(void **state)
{
    struct session s = {0};
    const char *text = "<s xmlns='u'><a b='c'>d</a><e><f>g</f></e>";
    s.p = cnc_parser_new(CNC_PARSE_STREAM, 0, NULL, &session_events, &s);
    assert_int_equal(cnc_parser_feed(s.p, text, strlen(text), NULL), 0);
    cnc_parser_free(&s.p);
    /* A reference to an inner element keeps the whole. */
    struct cnc_element *f =
        cnc_element_ref(cnc_element_child(s.kept[1], "u", "f"));
    cnc_element_unref(&s.kept[1]);
    assert_written(f, "<f xmlns=\"u\">g</f>");
    assert_written(s.kept[0], "<a xmlns=\"u\" b=\"c\">d</a>");
    cnc_element_unref(&f);
    session_fini(&s);
}

static void *
share(void *arg)
{
    for (int i = 0; i < 2000; i++) {
        struct cnc_element *e = cnc_element_ref(arg);
        struct cnc_element *copy = cnc_element_freeze(e);
        CNC_CHECK(cnc_element_equal(e, copy));
        cnc_element_unref(&copy);
        cnc_element_unref(&e);
        CNC_CHECK(cnc_xml_parse(&e, BOOK, strlen(BOOK), 0, NULL, NULL) == 0);
        cnc_element_unref(&e);
    }
    return NULL;
}

static void
threads_may_share_a_stanza(void **state)
{
    struct cnc_element *e = parse(BOOK, 0);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, share, e), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    cnc_element_unref(&e);
}

struct pausing {
    struct cnc_parser *parser;
    unsigned n;
};

static int
count_and_pause(struct cnc_element *e, void *priv)
{
    struct pausing *w = priv;

    w->n++;
    cnc_parser_pause(w->parser);
    return 0;
}

static void
a_callback_may_pause(void **state)
{
    static const struct cnc_parser_events events = {.on_stanza =
                                                        count_and_pause};
    static const char text[] = "<a/><b>x</b>\n <c><d/></c><e/> ";
    const size_t len = sizeof(text) - 1;

    /* However it was cut before the rest came in one piece. */
    for (size_t cut = 0; cut <= len; cut++) {
        struct pausing w = {0};
        const char *at = text + cut;
        unsigned n = 0;

        w.parser = cnc_parser_new(CNC_PARSE_STREAM, 0, NULL, &events, &w);
        assert_int_equal(
            cnc_parser_feed(w.parser, STREAM, strlen(STREAM), NULL), 0);
        for (size_t i = 0; i < cut; i++) {
            assert_int_equal(cnc_parser_feed(w.parser, text + i, 1, NULL), 0);
            assert_int_equal(cnc_parser_left(w.parser), 0);
        }
        for (n = w.n; at < text + len; n = w.n) {
            size_t given = (size_t)(text + len - at);

            assert_int_equal(cnc_parser_feed(w.parser, at, given, NULL), 0);
            at += given - cnc_parser_left(w.parser);
            assert_true(w.n == n + 1 || at == text + len);
        }
        assert_int_equal(w.n, 4);
        cnc_parser_free(&w.parser);
    }
}

#ifndef __SANITIZE_ADDRESS__
static void
an_idle_parser_holds_less_than_1_kb(void **state)
{
    enum { N = 1000 };
    static struct cnc_parser *parsers[N];
    static const struct cnc_parser_events none;
    const char *text = STREAM "<message to='x'><body>hello</body></message> ";
    struct mallinfo2 before = mallinfo2();
    for (int i = 0; i < N; i++) {
        parsers[i] = cnc_parser_new(CNC_PARSE_STREAM, 0, NULL, &none, NULL);
        assert_int_equal(cnc_parser_feed(parsers[i], text, strlen(text), NULL),
                         0);
    }
    struct mallinfo2 after = mallinfo2();
    size_t each = (after.uordblks - before.uordblks) / N;
    print_message("%zu bytes an idle parser\n", each);
    assert_true(each < 1024);
    for (int i = 0; i < N; i++) {
        cnc_parser_free(&parsers[i]);
    }
}

static void
a_stream_of_ever_new_names_does_not_grow(void **state)
{
    static const struct cnc_parser_events none;
    struct cnc_parser *p =
        cnc_parser_new(CNC_PARSE_STREAM, 0, NULL, &none, NULL);
    size_t first = 0;
    assert_int_equal(cnc_parser_feed(p, STREAM, strlen(STREAM), NULL), 0);
    for (int i = 0; i < 20000; i++) {
        char text[128];
        int n = snprintf(text, sizeof(text),
                         "<n%d xmlns:p%d='u%d' p%d:a%d=''/>", i, i, i, i, i);
        assert_int_equal(cnc_parser_feed(p, text, (size_t)n, NULL), 0);
        if (i == 10) {
            first = mallinfo2().uordblks;
        }
    }
    assert_true(mallinfo2().uordblks <= first + 1024);
    cnc_parser_free(&p);
}
#endif

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stanza_is_self_contained),
        cmocka_unit_test(unknown_namespaces_of_the_root_reach_the_stanza),
        cmocka_unit_test(an_empty_root_opens_and_closes),
        cmocka_unit_test(streams_are_restricted),
        cmocka_unit_test(after_an_error_only_reset_helps),
        cmocka_unit_test(a_callback_may_restart_the_stream),
        cmocka_unit_test(a_callback_may_raise_the_limits),
        cmocka_unit_test(a_callback_may_pause),
        cmocka_unit_test(what_a_callback_returns_ends_the_feed),
        cmocka_unit_test(a_kept_stanza_outlives_its_parser),
        cmocka_unit_test(threads_may_share_a_stanza),
#ifndef __SANITIZE_ADDRESS__
        cmocka_unit_test(an_idle_parser_holds_less_than_1_kb),
        cmocka_unit_test(a_stream_of_ever_new_names_does_not_grow),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
