/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../../src/net/dns.h"
#include "../../../src/net/srv.h"
#include "dns-server.h"

#define LIMIT 20000

struct bench {
    uv_loop_t loop;
    uv_timer_t limit; /* fails the test */
    struct dns_server *server;
    struct cnc__dns *dns;
    char dir[64], hosts[96], anchor[96];
    bool closing, closed;
};

struct seen { /* an answer, kept */
    enum cnc__dns_type type;
    unsigned n_calls;
    enum cnc__dns_status status;
    bool secure;
    size_t n;
    struct cnc__dns_srv srv[4];
    uint8_t addr[4][16];
    struct cnc__dns_tlsa tlsa;
    uint8_t data[32];
    struct cnc__dns_query **to_cancel;
    struct bench *to_close;
};

static void
on_limit(uv_timer_t *timer)
{
    fail_msg("no answer in %d ms", LIMIT);
}

static void
write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static struct bench *
make_bench(bool sign, struct cnc__dns_config config)
{
    struct bench *b = cnc__zalloc(sizeof(*b));

    assert_int_equal(uv_loop_init(&b->loop), 0);
    snprintf(b->dir, sizeof(b->dir), "/tmp/cnc-dns-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->hosts, sizeof(b->hosts), "%s/hosts", b->dir);
    snprintf(b->anchor, sizeof(b->anchor), "%s/root.key", b->dir);
    write_file(b->hosts, "192.0.2.7 static.test other.test\n");
    b->server = dns_server_new(sign ? b->anchor : NULL);
    dns_server_attach(b->server, &b->loop);
    config.forwarder = dns_server_addr(b->server);
    config.hosts = b->hosts;
    config.trust_anchor = sign ? b->anchor : "";
    b->dns = cnc__dns_new(&b->loop, &config);
    uv_timer_init(&b->loop, &b->limit);
    uv_timer_start(&b->limit, on_limit, LIMIT, 0);
    return b;
}

/* UV_RUN_ONCE would wait for one event more after a timer's. */
static void
turn(struct bench *b)
{
    struct pollfd fd = {uv_backend_fd(&b->loop), POLLIN, 0};

    uv_run(&b->loop, UV_RUN_NOWAIT);
    poll(&fd, 1, 5);
}

static void
on_closed(void *priv)
{
    *(bool *)priv = true;
}

static void
end_bench(struct bench *b)
{
    uv_close((uv_handle_t *)&b->limit, NULL);
    dns_server_close(b->server);
    if (!b->closing) {
        cnc__dns_close(b->dns, on_closed, &b->closed);
    }
    while (!b->closed) {
        turn(b);
    }
    uv_run(&b->loop, UV_RUN_DEFAULT);
    cnc__dns_free(&b->dns);
    assert_null(b->dns);
    assert_int_equal(uv_loop_close(&b->loop), 0);
    dns_server_free(&b->server);
    unlink(b->hosts);
    unlink(b->anchor);
    assert_int_equal(rmdir(b->dir), 0);
    cnc__free(b);
}

static void
on_answer(const struct cnc__dns_answer *a, void *priv)
{
    struct seen *s = priv;

    s->n_calls++;
    s->status = a->status;
    s->secure = a->secure;
    s->n = a->n;
    assert_true(a->n <= CNC_N(s->srv));
    assert_int_equal(a->why == NULL, a->status == CNC__DNS_OK);
    if (a->n > 0 && s->type == CNC__DNS_SRV) {
        memcpy(s->srv, a->srv, a->n * sizeof(a->srv[0]));
    } else if (a->n > 0 && s->type == CNC__DNS_TLSA) {
        s->tlsa = a->tlsa[0];
        assert_true(s->tlsa.len <= sizeof(s->data));
        memcpy(s->data, s->tlsa.data, s->tlsa.len);
    } else if (a->n > 0) {
        memcpy(s->addr, a->addr, a->n * sizeof(a->addr[0]));
    }
    if (s->to_cancel != NULL) {
        cnc__dns_cancel(s->to_cancel);
    }
    if (s->to_close != NULL) {
        s->to_close->closing = true;
        cnc__dns_close(s->to_close->dns, on_closed, &s->to_close->closed);
    }
}

static struct seen
ask(struct bench *b, const char *name, enum cnc__dns_type type)
{
    struct seen s = {.type = type};

    cnc__dns_ask(b->dns, name, type, on_answer, &s);
    assert_int_equal(s.n_calls, 0);
    while (s.n_calls == 0) {
        turn(b);
    }
    assert_int_equal(s.n_calls, 1);
    return s;
}

/* -- answers ------------------------------------------------------------- */

static void
records_come_with_all_their_parts(void **state)
{
    struct bench *b = make_bench(false, (struct cnc__dns_config){0});
    struct seen s;

    dns_add_srv(b->server, "_xmpp-server._tcp.a.test", 10, 20, 5270,
                "XMPP.a.test");
    dns_add_srv(b->server, "_xmpp-server._tcp.none.test", 0, 0, 0, "");
    dns_add_addr(b->server, "xmpp.a.test", "192.0.2.1");
    dns_add_addr(b->server, "xmpp.a.test", "2001:db8::1");
    dns_add_tlsa(b->server, "_5270._tcp.xmpp.a.test", 3, 1, 1, "12345", 5);
    s = ask(b, "_xmpp-server._tcp.a.test", CNC__DNS_SRV);
    assert_int_equal(s.status, CNC__DNS_OK);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.srv[0].priority, 10);
    assert_int_equal(s.srv[0].weight, 20);
    assert_int_equal(s.srv[0].port, 5270);
    assert_string_equal(s.srv[0].target, "xmpp.a.test");
    s = ask(b, "_xmpp-server._tcp.none.test", CNC__DNS_SRV);
    assert_int_equal(s.status, CNC__DNS_OK);
    assert_string_equal(s.srv[0].target, "");
    s = ask(b, "xmpp.a.test", CNC__DNS_A);
    assert_int_equal(s.n, 1);
    assert_memory_equal(s.addr[0], "\xc0\0\2\1", 4);
    s = ask(b, "xmpp.a.test", CNC__DNS_AAAA);
    assert_int_equal(s.n, 1);
    assert_memory_equal(s.addr[0], "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1",
                        16);
    s = ask(b, "_5270._tcp.xmpp.a.test", CNC__DNS_TLSA);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.tlsa.usage, 3);
    assert_int_equal(s.tlsa.selector, 1);
    assert_int_equal(s.tlsa.matching, 1);
    assert_int_equal(s.tlsa.len, 5);
    assert_memory_equal(s.data, "12345", 5);
    assert_false(s.secure);
    end_bench(b);
}

static void
what_is_not_there_is_none(void **state)
{
    struct bench *b = make_bench(false, (struct cnc__dns_config){0});

    dns_add_addr(b->server, "a.test", "192.0.2.1");
    assert_int_equal(ask(b, "a.test", CNC__DNS_SRV).status, CNC__DNS_NONE);
    assert_int_equal(ask(b, "b.test", CNC__DNS_A).status, CNC__DNS_NONE);
    end_bench(b);
}

static void
what_is_no_name_is_not_asked(void **state)
{
    static const char *const names[] = {"", "a b.test", "a\\046b.test",
                                        "\xc3\xa4.test", "a..test"};
    struct bench *b = make_bench(false, (struct cnc__dns_config){0});

    for (size_t i = 0; i < CNC_N(names); i++) {
        assert_int_not_equal(ask(b, names[i], CNC__DNS_A).status, CNC__DNS_OK);
    }
    assert_int_equal(dns_server_asked(b->server), 0);
    end_bench(b);
}

static void
servers_failure_is_failed(void **state)
{
    struct bench *b = make_bench(false, (struct cnc__dns_config){0});

    dns_add_fault(b->server, "a.test", CNC__DNS_A, DNS_SERVFAIL);
    assert_int_equal(ask(b, "a.test", CNC__DNS_A).status, CNC__DNS_FAILED);
    end_bench(b);
}

/* -- DNSSEC -------------------------------------------------------------- */

static void
signed_records_are_secure(void **state)
{
    struct bench *b = make_bench(true, (struct cnc__dns_config){0});
    struct seen s;

    dns_add_srv(b->server, "_xmpp-server._tcp.a.test", 1, 1, 5270, "b.test");
    dns_add_addr(b->server, "b.test", "192.0.2.1");
    dns_add_addr(b->server, "b.test", "192.0.2.2");
    s = ask(b, "_xmpp-server._tcp.a.test", CNC__DNS_SRV);
    assert_int_equal(s.status, CNC__DNS_OK);
    assert_true(s.secure);
    s = ask(b, "b.test", CNC__DNS_A);
    assert_int_equal(s.n, 2);
    assert_true(s.secure);
    end_bench(b);
}

static void
signed_lack_of_records_is_proven(void **state)
{
    struct bench *b = make_bench(true, (struct cnc__dns_config){0});
    struct seen s;

    dns_add_addr(b->server, "b.test", "192.0.2.1");
    s = ask(b, "b.test", CNC__DNS_TLSA);
    assert_int_equal(s.status, CNC__DNS_NONE);
    assert_true(s.secure);
    end_bench(b);
}

static void
forged_records_are_bogus(void **state)
{
    struct bench *b = make_bench(true, (struct cnc__dns_config){0});
    struct seen s;

    dns_add_addr(b->server, "b.test", "192.0.2.1");
    dns_add_fault(b->server, "b.test", CNC__DNS_A, DNS_FORGED);
    s = ask(b, "b.test", CNC__DNS_A);
    assert_int_equal(s.status, CNC__DNS_BOGUS);
    assert_false(s.secure);
    assert_int_equal(s.n, 0);
    end_bench(b);
}

static void
missing_anchor_means_that_nothing_is_secure(void **state)
{
    struct bench *b = make_bench(true, (struct cnc__dns_config){0});

    assert_int_equal(unlink(b->anchor), 0);
    dns_add_addr(b->server, "b.test", "192.0.2.1");
    assert_int_equal(ask(b, "b.test", CNC__DNS_A).status, CNC__DNS_OK);
    assert_false(ask(b, "b.test", CNC__DNS_A).secure);
    end_bench(b);
}

static void
signatures_that_are_dropped_fail_or_turn_dnssec_off(void **state)
{
    for (int optional = 0; optional < 2; optional++) {
        struct bench *b = make_bench(
            true, (struct cnc__dns_config){.anchor_optional = optional});
        struct seen s;

        dns_add_addr(b->server, "b.test", "192.0.2.1");
        dns_add_fault(b->server, "", 48, DNS_FORGED);
        s = ask(b, "b.test", CNC__DNS_A);
        assert_int_equal(s.status, optional ? CNC__DNS_OK : CNC__DNS_BOGUS);
        assert_false(s.secure);
        end_bench(b);
    }
}

static void
optional_anchor_is_used_where_signatures_come(void **state)
{
    struct bench *b =
        make_bench(true, (struct cnc__dns_config){.anchor_optional = true});

    dns_add_addr(b->server, "b.test", "192.0.2.1");
    dns_add_addr(b->server, "c.test", "192.0.2.1");
    dns_add_fault(b->server, "c.test", CNC__DNS_A, DNS_FORGED);
    assert_true(ask(b, "b.test", CNC__DNS_A).secure);
    assert_int_equal(ask(b, "c.test", CNC__DNS_A).status, CNC__DNS_BOGUS);
    end_bench(b);
}

static void
questions_that_wait_for_the_first_answer_may_be_let_go(void **state)
{
    struct bench *b =
        make_bench(true, (struct cnc__dns_config){.anchor_optional = true,
                                                  .timeout_ms = 50});
    struct seen gone = {0}, s = {0};
    struct cnc__dns_query *q;

    dns_add_fault(b->server, "", 48, DNS_SILENT);
    q = cnc__dns_ask(b->dns, "b.test", CNC__DNS_A, on_answer, &gone);
    cnc__dns_ask(b->dns, "b.test", CNC__DNS_A, on_answer, &s);
    cnc__dns_cancel(&q);
    while (s.n_calls == 0) {
        turn(b);
    }
    assert_int_equal(s.status, CNC__DNS_TIMEOUT);
    cnc__dns_ask(b->dns, "b.test", CNC__DNS_A, on_answer, &gone);
    end_bench(b);
    assert_int_equal(gone.n_calls, 0);
}

static void
anchor_that_is_none_fails_every_question(void **state)
{
    struct bench *b = make_bench(true, (struct cnc__dns_config){0});

    write_file(b->anchor, "this is no key\n");
    assert_int_equal(ask(b, "b.test", CNC__DNS_A).status, CNC__DNS_FAILED);
    end_bench(b);
}

/* -- files --------------------------------------------------------------- */

static void
hosts_file_goes_before_the_name_server(void **state)
{
    struct bench *b = make_bench(true, (struct cnc__dns_config){0});
    struct seen s;

    dns_add_addr(b->server, "static.test", "192.0.2.1");
    s = ask(b, "static.test", CNC__DNS_A);
    assert_int_equal(s.n, 1);
    assert_memory_equal(s.addr[0], "\xc0\0\2\7", 4);
    assert_false(s.secure);
    s = ask(b, "other.test", CNC__DNS_A);
    assert_int_equal(s.n, 1);
    assert_int_equal(dns_server_asked(b->server), 0);
    end_bench(b);
}

static void
hosts_file_is_read_again_when_it_changes(void **state)
{
    struct bench *b = make_bench(false, (struct cnc__dns_config){0});
    struct seen s = ask(b, "static.test", CNC__DNS_A);

    assert_memory_equal(s.addr[0], "\xc0\0\2\7", 4);
    write_file(b->hosts, "# later\n192.0.2.9 static.test\n");
    s = ask(b, "static.test", CNC__DNS_A);
    assert_memory_equal(s.addr[0], "\xc0\0\2\x09", 4);
    end_bench(b);
}

/* -- limits -------------------------------------------------------------- */

static void
silence_ends_with_the_time_limit(void **state)
{
    struct bench *b =
        make_bench(false, (struct cnc__dns_config){.timeout_ms = 50});
    uint64_t began = uv_hrtime();

    dns_add_fault(b->server, "a.test", CNC__DNS_A, DNS_SILENT);
    assert_int_equal(ask(b, "a.test", CNC__DNS_A).status, CNC__DNS_TIMEOUT);
    assert_true(uv_hrtime() - began < UINT64_C(3000) * 1000000);
    end_bench(b);
}

static void
questions_past_the_limit_fail(void **state)
{
    struct bench *b = make_bench(
        false, (struct cnc__dns_config){.max_queries = 2, .timeout_ms = 100});
    struct seen s[3] = {{0}};

    dns_add_fault(b->server, "a.test", CNC__DNS_SRV, DNS_SILENT);
    for (int i = 0; i < 3; i++) {
        cnc__dns_ask(b->dns, "a.test", CNC__DNS_SRV, on_answer, &s[i]);
    }
    while (s[0].n_calls + s[1].n_calls + s[2].n_calls < 3) {
        turn(b);
    }
    assert_int_equal(s[0].status, CNC__DNS_TIMEOUT);
    assert_int_equal(s[1].status, CNC__DNS_TIMEOUT);
    assert_int_equal(s[2].status, CNC__DNS_FAILED);
    end_bench(b);
}

static void
cancelled_question_is_never_answered(void **state)
{
    struct bench *b = make_bench(false, (struct cnc__dns_config){0});
    struct seen gone = {0}, first = {0}, last = {0};
    struct cnc__dns_query *q, *bad;

    dns_add_addr(b->server, "a.test", "192.0.2.1");
    dns_add_addr(b->server, "b.test", "192.0.2.1");
    q = cnc__dns_ask(b->dns, "a.test", CNC__DNS_A, on_answer, &gone);
    cnc__dns_cancel(&q);
    assert_null(q);
    cnc__dns_cancel(&q);
    /* One that waits for its callback already. */
    first.to_cancel = &bad;
    cnc__dns_ask(b->dns, "a b", CNC__DNS_A, on_answer, &first);
    bad = cnc__dns_ask(b->dns, "b a", CNC__DNS_A, on_answer, &gone);
    cnc__dns_ask(b->dns, "b.test", CNC__DNS_A, on_answer, &last);
    while (last.n_calls == 0) {
        turn(b);
    }
    assert_int_equal(first.n_calls, 1);
    assert_int_equal(gone.n_calls, 0);
    end_bench(b);
}

static void
closing_forgets_what_is_under_way(void **state)
{
    struct bench *b = make_bench(false, (struct cnc__dns_config){0});
    struct seen s[20] = {{0}};

    dns_add_fault(b->server, "a.test", CNC__DNS_A, DNS_SILENT);
    for (int i = 0; i < 20; i++) {
        cnc__dns_ask(b->dns, i % 2 == 0 ? "a.test" : "b.test", CNC__DNS_A,
                     on_answer, &s[i]);
    }
    end_bench(b);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(s[i].n_calls, 0);
    }
}

static void
callback_may_close_it_all(void **state)
{
    struct bench *b = make_bench(false, (struct cnc__dns_config){0});
    struct seen s = {.to_close = b}, other = {0};

    cnc__dns_ask(b->dns, "a.test", CNC__DNS_A, on_answer, &s);
    cnc__dns_ask(b->dns, "a.test", CNC__DNS_AAAA, on_answer, &s);
    while (s.n_calls == 0) {
        turn(b);
    }
    end_bench(b);
    assert_int_equal(s.n_calls, 1);
    assert_int_equal(other.n_calls, 0);
}

/* -- RFC 2782 ------------------------------------------------------------ */

static uint32_t said[8];
static size_t n_said;

static uint32_t
say(uint32_t most)
{
    assert_true(said[n_said] <= most);
    return said[n_said++];
}

static void
targets_go_by_priority_then_weight(void **state)
{
    struct cnc__srv_target t[] = {{20, 5, 1, false, "e"},
                                  {10, 60, 1, false, "a"},
                                  {10, 0, 1, true, "b"},
                                  {10, 40, 1, true, "c"},
                                  {5, 0, 1, false, "d"}};

    /* One alone; then of 0+60+40: 61 is in the last; of 0+60: 0 is the one
     * without a weight; what is left needs no choice. */
    n_said = 0;
    memcpy(said, (uint32_t[]){0, 61, 0, 60, 5}, 5 * sizeof(said[0]));
    cnc__srv_order(t, CNC_N(t), say);
    assert_string_equal(t[0].host, "d");
    assert_string_equal(t[1].host, "c");
    assert_string_equal(t[2].host, "b");
    assert_string_equal(t[3].host, "a");
    assert_string_equal(t[4].host, "e");
    assert_true(t[1].direct_tls && t[2].direct_tls && !t[3].direct_tls);
}

static void
targets_come_first_as_often_as_their_weight_says(void **state)
{
    unsigned first[3] = {0};

    for (int i = 0; i < 6000; i++) {
        struct cnc__srv_target t[] = {{0, 10, 0, false, ""},
                                      {0, 20, 1, false, ""},
                                      {0, 30, 2, false, ""}};

        cnc__srv_order(t, 3, NULL);
        first[t[0].port]++;
    }
    assert_in_range(first[0], 800, 1250);
    assert_in_range(first[1], 1750, 2250);
    assert_in_range(first[2], 2700, 3300);
}

#define T(f) cmocka_unit_test(f)

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        T(records_come_with_all_their_parts),
        T(what_is_not_there_is_none),
        T(what_is_no_name_is_not_asked),
        T(servers_failure_is_failed),
        T(signed_records_are_secure),
        T(signed_lack_of_records_is_proven),
        T(forged_records_are_bogus),
        T(missing_anchor_means_that_nothing_is_secure),
        T(signatures_that_are_dropped_fail_or_turn_dnssec_off),
        T(optional_anchor_is_used_where_signatures_come),
        T(questions_that_wait_for_the_first_answer_may_be_let_go),
        T(anchor_that_is_none_fails_every_question),
        T(hosts_file_goes_before_the_name_server),
        T(hosts_file_is_read_again_when_it_changes),
        T(silence_ends_with_the_time_limit),
        T(questions_past_the_limit_fail),
        T(cancelled_question_is_never_answered),
        T(closing_forgets_what_is_under_way),
        T(callback_may_close_it_all),
        T(targets_go_by_priority_then_weight),
        T(targets_come_first_as_often_as_their_weight_says),
    };

    return cmocka_run_group_tests_name("dns", tests, NULL, NULL);
}
