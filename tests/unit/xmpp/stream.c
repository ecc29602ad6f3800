/* SPDX-License-Identifier: MIT */
/* What scripts cannot show: memory, the dirty mark, fan-out, the ends of
 * sessions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <malloc.h>

#include "../../../src/base/log.h"
#include "../../../src/xmpp/stream.h"
#include "../../../src/xmpp/ws.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

struct world {
    struct cnc__router *router;
    struct cnc__stream_env env;
    unsigned n_dirty, n_ended;
};

static void
on_dirty(void *priv)
{
    struct world *w = priv;

    w->n_dirty++;
}

static const struct cnc__stream_events events = {on_dirty};

static void
on_end(struct cnc__session *s, void *priv)
{
    struct world *w = priv;

    assert_non_null(s->jid);
    w->n_ended++;
}

static int
set_up(void **state)
{
    struct world *w = cnc__zalloc(sizeof(*w));

    w->router = cnc__router_new("im.example.com");
    cnc__router_on_session_end(w->router, on_end, w);
    w->env = (struct cnc__stream_env){.router = w->router,
                                      .mechanisms = CNC__SASL_ANONYMOUS,
                                      .max_before_auth = 10000,
                                      .max_stanza = 100000,
                                      .max_queue = 100000};
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *w = *state;

    cnc__router_free(&w->router);
    cnc__free(w);
    return 0;
}

static void
say(struct cnc__stream *s, const char *text)
{
    struct cnc__str wire = CNC__STR;

    cnc__ws_add_masked(&wire, CNC__WS_TEXT, text, strlen(text));
    cnc__stream_feed(s, wire.data, wire.len, 0);
    cnc__str_fini(&wire);
}

/* A stream that has just bound, its answers not yet sent. */
static struct cnc__stream *
binding(struct world *w)
{
    static const char open[] =
        "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'"
        " to='im.example.com' version='1.0'/>";
    static const struct cnc__stream_peer peer = {
        .framing = CNC__FRAMING_WS, .uid = -1, .addr = "203.0.113.7"};
    struct cnc__stream *s = cnc__stream_new(&w->env, &peer, &events, w, 0);

    say(s, open);
    say(s, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
           " mechanism='ANONYMOUS'/>");
    say(s, open);
    say(s, "<iq xmlns='jabber:client' type='set' id='b'>"
           "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    assert_non_null(cnc__stream_session(s));
    return s;
}

static struct cnc__stream *
bound(struct world *w)
{
    struct cnc__stream *s = binding(w);

    cnc__str_fini(cnc__stream_out(s)); /* as its owner does when it is sent */
    return s;
}

static void
an_idle_bound_websocket_stream_costs_under_a_kilobyte(void **state)
{
    enum { N = 2000 };
    static struct cnc__stream *streams[N];
    struct world *w = *state;
    struct mallinfo2 before, after;
    size_t each;

    if (SANITIZED) {
        skip(); /* the sanitizer's malloc does not count */
    }
    before = mallinfo2();
    for (size_t i = 0; i < N; i++) {
        streams[i] = bound(w);
    }
    after = mallinfo2();
    each = (after.uordblks - before.uordblks) / N;
    print_message("%zu bytes each\n", each);
    assert_in_range(each, 100, 1000);
    for (size_t i = 0; i < N; i++) {
        cnc__stream_free(&streams[i]);
    }
}

static void
the_owner_is_told_once_until_it_has_sent(void **state)
{
    struct world *w = *state;
    struct cnc__stream *s = bound(w);
    struct cnc__session *session = cnc__stream_session(s);

    w->n_dirty = 0;
    cnc__session_send(session, "<message/>", 10);
    cnc__session_send(session, "<message/>", 10);
    assert_int_equal(w->n_dirty, 1);
    cnc__str_drop(cnc__stream_out(s), cnc__stream_out(s)->len);
    cnc__session_send(session, "<message/>", 10);
    assert_int_equal(w->n_dirty, 2);
    cnc__stream_free(&s);
}

static void
a_shared_tail_becomes_one_frame_with_its_namespace(void **state)
{
    static const char
        head[] = "<message to='a@b/c'>",
        want[] =
            "<message xmlns='jabber:client' to='a@b/c'><event/></message>";
    struct world *w = *state;
    struct cnc__stream *s = bound(w);
    struct cnc_buf *tail = cnc_buf_new("<event/></message>", 18);
    struct cnc__str *out = cnc__stream_out(s);

    cnc__session_send_shared(cnc__stream_session(s), head, sizeof(head) - 1,
                             tail);
    assert_int_equal(out->len, 2 + sizeof(want) - 1);
    assert_int_equal((uint8_t)out->data[0], 0x81);
    assert_int_equal(out->data[1], sizeof(want) - 1);
    assert_memory_equal(out->data + 2, want, sizeof(want) - 1);
    cnc_buf_unref(&tail);
    cnc__stream_free(&s);
}

static void
a_slow_reader_is_ended_and_costs_no_more(void **state)
{
    struct world *w = *state;
    struct cnc__stream *s = bound(w);
    struct cnc__session *session = cnc__stream_session(s);
    char item[1000];

    memset(item, 'x', sizeof(item));
    memcpy(item, "<message>", 9);
    w->n_dirty = 0;
    for (int i = 0; i < 200; i++) {
        cnc__session_send(session, item, sizeof(item));
    }
    assert_true(cnc__stream_is_closed(s));
    assert_in_range(cnc__stream_out(s)->len, 90000, 101000);
    assert_non_null(memmem(cnc__stream_out(s)->data, cnc__stream_out(s)->len,
                           "policy-violation", 16));
    /* Told a second time, so that it looks although a write is waiting. */
    assert_int_equal(w->n_dirty, 2);
    /* The session stays until its owner lets it go. */
    assert_int_equal(w->n_ended, 0);
    assert_ptr_equal(cnc__stream_session(s), session);
    cnc__stream_free(&s);
    assert_int_equal(w->n_ended, 1);
}

static void
pings_without_end_do_not_fill_memory(void **state)
{
    struct world *w = *state;
    struct cnc__stream *s = bound(w);
    struct cnc__str ping = CNC__STR;
    char bytes[125] = {0};

    for (int i = 0; i < 5000; i++) {
        cnc__str_clear(&ping);
        cnc__ws_add_masked(&ping, CNC__WS_PING, bytes, sizeof(bytes));
        cnc__stream_feed(s, ping.data, ping.len, 0);
    }
    assert_true(cnc__stream_is_closed(s));
    assert_in_range(cnc__stream_out(s)->len, 90000, 102000);
    cnc__str_fini(&ping);
    cnc__stream_free(&s);
}

static void
a_session_id_is_never_used_again(void **state)
{
    struct world *w = *state;
    uint64_t seen[50];

    for (size_t i = 0; i < CNC_N(seen); i++) {
        struct cnc__stream *s = bound(w);

        seen[i] = cnc__stream_session(s)->id;
        assert_ptr_equal(cnc__router_session(w->router, seen[i]),
                         cnc__stream_session(s));
        cnc__stream_free(&s);
        assert_null(cnc__router_session(w->router, seen[i]));
        for (size_t k = 0; k < i; k++) {
            assert_true(seen[k] != seen[i]);
        }
    }
    assert_int_equal(w->n_ended, CNC_N(seen));
    assert_int_equal(cnc__router_n_sessions(w->router), 0);
}

static void
greet(struct cnc__session *s, void *priv)
{
    cnc__session_send(s, "<message><hello/></message>", 27);
}

static void
a_new_session_hears_its_address_first(void **state)
{
    struct world *w = *state;
    struct cnc__stream *s;
    const char *result, *hello;

    cnc__router_on_session_start(w->router, greet, NULL);
    s = binding(w);
    result =
        memmem(cnc__stream_out(s)->data, cnc__stream_out(s)->len, "<jid>", 5);
    hello = memmem(cnc__stream_out(s)->data, cnc__stream_out(s)->len,
                   "<hello/>", 8);
    assert_non_null(result);
    assert_true(hello > result);
    cnc__stream_free(&s);
}

static struct cnc__request *kept;

static void
keep(struct cnc__request *r, void *priv)
{
    kept = r;
}

static void
an_answer_may_come_late_or_to_nobody(void **state)
{
    static const struct cnc__handler later = {
        .kinds = CNC__IQ_GET, .ns = "urn:later", .f = keep};
    static const char ask[] =
        "<iq xmlns='jabber:client' type='get' id='1' to='im.example.com'>"
        "<any xmlns='urn:later'/></iq>";
    struct world *w = *state;
    struct cnc__stream *s = bound(w);

    assert_int_equal(cnc__router_handle(w->router, &later, NULL), 0);
    say(s, ask);
    assert_int_equal(cnc__stream_out(s)->len, 0);
    cnc__request_result(&kept, NULL, 0);
    assert_null(kept);
    assert_int_not_equal(cnc__stream_out(s)->len, 0);
    say(s, ask);
    cnc__stream_free(&s);
    cnc__request_result(&kept, NULL, 0);
    assert_null(kept);
}

static void
two_handlers_for_one_key_are_refused(void **state)
{
    static const struct cnc__handler a = {.kinds = CNC__IQ_GET | CNC__IQ_SET,
                                          .ns = "urn:a",
                                          .name = "a",
                                          .f = keep};
    static const struct cnc__handler b = {.kinds = CNC__IQ_SET | CNC__MESSAGE,
                                          .ns = "urn:a",
                                          .name = "a",
                                          .f = keep};
    struct world *w = *state;
    struct cnc_error err = {0};

    assert_int_equal(cnc__router_handle(w->router, &a, &err), 0);
    assert_int_equal(cnc__router_handle(w->router, &b, &err), CNC_EEXIST);
    assert_string_equal(err.text, "a handler for {urn:a}a exists already");
}

static void
no_log(enum cnc_log_level level, const char *event, const char *text,
       void *priv)
{
}

struct pool { /* a job that was given away and not done yet */
    void (*work)(void *), (*done)(void *);
    void *job;
};

static int
no_account(struct cnc__scram_keys *out, const char *user, bool sha256,
           void *priv)
{
    return CNC_ENOENT;
}

static void
give_away(void (*work)(void *), void (*done)(void *), void *job, void *priv)
{
    *(struct pool *)priv = (struct pool){work, done, job};
}

static void
a_log_in_that_ends_late_does_not_open_a_closing_stream(void **state)
{
    static const struct cnc__stream_peer peer = {.framing = CNC__FRAMING_WS,
                                                 .uid = -1,
                                                 .loopback = true,
                                                 .addr = "127.0.0.1"};
    struct world *w = *state;
    struct pool pool = {NULL, NULL, NULL};
    struct cnc__stream *s;

    w->env.mechanisms = CNC__SASL_PLAIN;
    w->env.loopback_plain = true;
    w->env.keys = no_account;
    w->env.offload = give_away;
    w->env.priv = &pool;
    s = cnc__stream_new(&w->env, &peer, &events, w, 0);
    say(s, "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'"
           " to='im.example.com' version='1.0'/>");
    say(s, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
           " mechanism='PLAIN'>AGp1bGlldAB4</auth>");
    assert_non_null(pool.job);
    cnc__stream_close(s, NULL, NULL);
    cnc__str_fini(cnc__stream_out(s));
    pool.work(pool.job);
    pool.done(pool.job);
    assert_int_equal(cnc__stream_out(s)->len, 0);
    cnc__stream_free(&s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/* Small and large events mixed: what leaves is the same bytes in the same
 * order, however it is taken. */
static void
large_shared_tails_leave_in_their_places(void **state)
{
    struct world *w = *state;
    struct cnc__stream *plain = bound(w), *gathered = bound(w);
    struct cnc__str warm = CNC__STR, *out;
    static char large[3000];
    struct cnc_buf *tails[2];
    size_t half;

    memset(large, 'x', sizeof(large));
    memcpy(large + sizeof(large) - 10, "</message>", 10);
    tails[0] = cnc_buf_new(large, sizeof(large));
    tails[1] = cnc_buf_new("<s/></message>", 14);
    for (int i = 0; i < 8; i++) {
        const struct cnc_buf *tail = tails[i % 3 == 2];

        cnc__session_send_shared(cnc__stream_session(plain),
                                 "<message id='1'>", 16, tail);
        cnc__session_send_shared(cnc__stream_session(gathered),
                                 "<message id='1'>", 16, tail);
    }
    assert_true(cnc__stream_waits(gathered));
    out = cnc__stream_gather(gathered, &warm);
    assert_ptr_equal(out, &warm);
    assert_false(cnc__stream_waits(gathered));
    assert_int_equal(out->len, cnc__stream_out(plain)->len);
    assert_memory_equal(out->data, cnc__stream_out(plain)->data, out->len);
    assert_true(out->len > 6 * sizeof(large));

    /* Half went; the rest waits before what comes after it. */
    half = out->len / 2;
    cnc__stream_put_back(gathered, out->data + half, out->len - half);
    cnc__str_drop(cnc__stream_out(plain), half);
    cnc__session_send_shared(cnc__stream_session(plain), "<message>", 9,
                             tails[0]);
    cnc__session_send_shared(cnc__stream_session(gathered), "<message>", 9,
                             tails[0]);
    out = cnc__stream_gather(gathered, &warm);
    assert_int_equal(out->len, cnc__stream_out(plain)->len);
    assert_memory_equal(out->data, cnc__stream_out(plain)->data, out->len);

    cnc__str_fini(&warm);
    cnc__stream_free(&plain);
    cnc__stream_free(&gathered);
    cnc_buf_unref(&tails[0]);
    cnc_buf_unref(&tails[1]);
}

/* What waits by reference counts as much as what is copied. */
static void
large_shared_tails_count_for_the_queue_limit(void **state)
{
    struct world *w = *state;
    struct cnc__stream *s = bound(w);
    char *large = cnc__zalloc(30000);
    struct cnc_buf *tail = cnc_buf_new(large, 30000);

    for (int i = 0; i < 3; i++) {
        cnc__session_send_shared(cnc__stream_session(s), "<message>", 9, tail);
        assert_false(cnc__stream_is_closed(s));
    }
    cnc__session_send_shared(cnc__stream_session(s), "<message>", 9, tail);
    assert_non_null(memmem(cnc__stream_out(s)->data, cnc__stream_out(s)->len,
                           "policy-violation", 16));
    cnc__stream_free(&s);
    cnc_buf_unref(&tail);
    cnc__free(large);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(large_shared_tails_leave_in_their_places),
        TEST(large_shared_tails_count_for_the_queue_limit),
        TEST(an_idle_bound_websocket_stream_costs_under_a_kilobyte),
        TEST(the_owner_is_told_once_until_it_has_sent),
        TEST(a_shared_tail_becomes_one_frame_with_its_namespace),
        TEST(a_slow_reader_is_ended_and_costs_no_more),
        TEST(pings_without_end_do_not_fill_memory),
        TEST(a_new_session_hears_its_address_first),
        TEST(a_session_id_is_never_used_again),
        TEST(an_answer_may_come_late_or_to_nobody),
        TEST(two_handlers_for_one_key_are_refused),
        TEST(a_log_in_that_ends_late_does_not_open_a_closing_stream),
    };

    cnc__log_to(no_log, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
