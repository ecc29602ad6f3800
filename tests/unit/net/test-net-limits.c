/* SPDX-License-Identifier: MIT */
/* What strangers can make large, slow or many. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../src/net/conn.h"
#include "net-tests.h"

#define H "Host: example.org\r\n"

static struct world *
web_world(void)
{
    struct world *w = make_world();

    listen_on(w, "127.0.0.1:0");
    return w;
}

static void
idle_connection_is_small(void **state)
{
    assert_true(sizeof(struct cnc__conn) < 1024);
}

static void
body_past_the_limit_is_refused_and_the_answer_can_be_read(void **state)
{
    struct cnc__str wire = CNC__STR;
    struct world *w;

    wanted.max_body = 1000;
    w = web_world();
    cnc__str_puts(&wire,
                  "POST / HTTP/1.1\r\n" H "Content-Length: 300000\r\n\r\n");
    for (int i = 0; i < 300000; i++) {
        cnc__str_putc(&wire, 'a');
    }
    /* It sends all of it before it reads: no reset may eat the answer. */
    ask(w, wire.data, "HTTP/1.1 413 Content Too Large\r\n");
    assert_int_equal(w->n_calls, 0);
    cnc__str_clear(&wire);
    cnc__str_puts(&wire, "POST / HTTP/1.1\r\n" H
                         "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 11; i++) {
        cnc__str_puts(&wire, "64\r\n");
        for (int k = 0; k < 100; k++) {
            cnc__str_putc(&wire, 'a');
        }
        cnc__str_puts(&wire, "\r\n");
    }
    ask(w, wire.data, "HTTP/1.1 413 ");
    cnc__str_fini(&wire);
    end_world(w);
}

static void
dripping_client_is_told_and_closed(void **state)
{
    static const char drip[] = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    struct cnc__str got = CNC__STR;
    uint64_t deadline = in_ms(LIMIT);
    struct world *w;
    int fd;

    wanted.head_ms = 50;
    w = web_world();
    fd = dial(w);
    for (size_t i = 0; got.len == 0; i++) {
        char c = i < sizeof(drip) - 1 ? drip[i] : 'x', buf[4096];
        ssize_t n;

        send(fd, &c, 1, MSG_NOSIGNAL);
        assert_true(turn(w, fd, deadline));
        n = recv(fd, buf, sizeof(buf), 0);
        if (n > 0) {
            cnc__str_add(&got, buf, (size_t)n);
        }
    }
    expect_end(w, fd, &got);
    assert_int_equal(strncmp(got.data, "HTTP/1.1 408 ", 13), 0);
    close(fd);
    cnc__str_fini(&got);
    end_world(w);
}

static void
silent_clients_are_closed(void **state)
{
    static const char *const starts[] = {
        "",                            /* says nothing at all */
        "GET / HTTP/1.1\r\n" H "\r\n", /* stays after an answer */
        "POST / HTTP/1.1\r\n" H "Content-Length: 9\r\n\r\nabc",
        "GET /xmpp HTTP/1.1\r\n" H "Upgrade: websocket\r\n"};

    for (size_t i = 0; i < CNC_N(starts); i++) {
        struct cnc__str got = CNC__STR;
        struct world *w;
        int fd;

        wanted.head_ms = 50;
        wanted.keepalive_ms = 50;
        w = web_world();
        fd = dial(w);
        say(w, fd, starts[i]);
        expect_end(w, fd, &got);
        close(fd);
        UNTIL(w, stats(w).connections == 0);
        cnc__str_fini(&got);
        end_world(w);
    }
}

static void
client_that_does_not_read_its_answer_is_closed(void **state)
{
    uint64_t deadline = in_ms(LIMIT);
    struct world *w;
    int fd, small = 4096;

    wanted.keepalive_ms = 50;
    w = web_world();
    fd = dial(w);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    for (int i = 0; i < 20; i++) {
        say(w, fd, "GET /big HTTP/1.1\r\n" H "\r\n");
    }
    do {
        assert_true(turn(w, -1, deadline));
    } while (stats(w).accepted == 0 || stats(w).connections > 0);
    assert_in_range(w->n_calls, 1, 19); /* and not all were even made */
    close(fd);
    end_world(w);
}

static void
connection_past_the_limit_is_told_to_come_back(void **state)
{
    struct cnc__str got = CNC__STR;
    struct world *w;
    int a, b;

    wanted.max_connections = 1;
    w = web_world();
    a = dial(w);
    say(w, a, "GET /1 HTTP/1.1\r\n" H "\r\n");
    expect(w, a, &got, "GET /1?");
    cnc__str_clear(&got);
    b = dial(w);
    expect_end(w, b, &got);
    assert_int_equal(strncmp(got.data, "HTTP/1.1 503 ", 13), 0);
    assert_int_equal(stats(w).refused, 1);
    close(b);
    close(a);
    UNTIL(w, stats(w).connections == 0);
    ask(w, "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ");
    cnc__str_fini(&got);
    end_world(w);
}

static void
one_address_gets_so_many_connections_that_are_not_bound(void **state)
{
    struct cnc__str got = CNC__STR;
    char address[64];
    struct world *w;
    int fds[4];

    if (!own_address(address)) {
        skip();
    }
    wanted.max_per_addr = 2;
    w = make_world();
    listen_on(w, "*:0");
    for (int i = 0; i < 2; i++) {
        fds[i] = dial_to(w, address);
        say(w, fds[i], "GET /1 HTTP/1.1\r\n" H "\r\n");
        cnc__str_clear(&got);
        expect(w, fds[i], &got, address);
    }
    fds[2] = dial_to(w, address);
    cnc__str_clear(&got);
    expect_end(w, fds[2], &got);
    assert_int_equal(strncmp(got.data, "HTTP/1.1 503 ", 13), 0);
    close(fds[2]);
    /* Others are not kept out by it. */
    ask(w, "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ");
    close(fds[0]);
    UNTIL(w, stats(w).connections <= 1);
    fds[3] = dial_to(w, address);
    say(w, fds[3], "GET /1 HTTP/1.1\r\n" H "\r\n");
    cnc__str_clear(&got);
    expect(w, fds[3], &got, "HTTP/1.1 200");
    close(fds[1]);
    close(fds[3]);
    cnc__str_fini(&got);
    end_world(w);
}

static void
running_out_of_descriptors_turns_clients_away(void **state)
{
    struct world *w = web_world();
    struct cnc__str got = CNC__STR;
    struct rlimit old, limit;
    int a, b, top;

    a = dial(w);
    say(w, a, "GET /1 HTTP/1.1\r\n" H "\r\n");
    expect(w, a, &got, "GET /1?");
    b = dial(w);
    top = open("/dev/null", O_RDONLY); /* the lowest that is free */
    close(top);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    limit = old;
    limit.rlim_cur = (rlim_t)top;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cnc__str_clear(&got);
    expect_end(w, b, &got);
    say(w, a, "GET /2 HTTP/1.1\r\n" H "\r\n");
    cnc__str_clear(&got);
    expect(w, a, &got, "GET /2?"); /* who is in stays in */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(stats(w).refused, 1);
    ask(w, "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ");
    close(a);
    close(b);
    cnc__str_fini(&got);
    end_world(w);
}

static void
many_that_hold_much_do_not_add_up(void **state)
{
    struct cnc__str wire = CNC__STR, got = CNC__STR;
    struct world *w;
    unsigned n_refused = 0;
    int fds[40];

    wanted.max_held = 1 << 20;
    w = web_world();
    cnc__str_puts(&wire,
                  "POST / HTTP/1.1\r\n" H "Content-Length: 200001\r\n\r\n");
    for (int i = 0; i < 200000; i++) {
        cnc__str_putc(&wire, 'a');
    }
    for (size_t i = 0; i < CNC_N(fds); i++) {
        fds[i] = dial(w);
        say_bytes(w, fds[i], wire.data, wire.len);
        UNTIL(w, stats(w).bytes_in >= (i + 1) * wire.len ||
                     stats(w).refused > n_refused);
        n_refused = (unsigned)stats(w).refused;
    }
    assert_in_range(n_refused, 30, 37);
    expect(w, fds[39], &got, "HTTP/1.1 503 ");
    /* Who holds little is served; who was in may finish. */
    ask(w, "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ");
    say(w, fds[0], "a");
    cnc__str_clear(&got);
    expect(w, fds[0], &got, "HTTP/1.1 200 ");
    for (size_t i = 0; i < CNC_N(fds); i++) {
        close(fds[i]);
    }
    UNTIL(w, stats(w).connections == 0);
    cnc__str_fini(&wire);
    cnc__str_fini(&got);
    end_world(w);
}

/* Several times what may wait, asked in one breath by one who reads. */
static void
much_asked_at_once_is_answered_as_it_is_read(void **state)
{
    struct cnc__str wire = CNC__STR, xml = CNC__STR, got = CNC__STR;
    struct world *w;
    int fd;

    wanted_web.max_queue = 65536;
    w = web_world();
    fd = ws_login(w);
    for (int i = 0; i < 1000; i++) {
        cnc__str_clear(&xml);
        cnc__str_printf(
            &xml,
            "<iq xmlns='jabber:client' type='get' to='example.org' "
            "id='n%03d'>"
            "<query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
            i);
        cnc__ws_add_masked(&wire, CNC__WS_TEXT, xml.data, xml.len);
    }
    say_bytes(w, fd, wire.data, wire.len);
    expect(w, fd, &got, "id='n999'");
    assert_true(got.len > 4 * (size_t)w->web.max_queue);
    assert_int_equal(stats(w).websockets, 1);
    for (int i = 0; i < 1000; i++) {
        char id[16];

        snprintf(id, sizeof(id), "id='n%03d'", i);
        assert_non_null(memmem(got.data, got.len, id, 9));
    }
    close(fd);
    cnc__str_fini(&wire);
    cnc__str_fini(&xml);
    cnc__str_fini(&got);
    end_world(w);
}

const struct CMUnitTest limit_tests[] = {
    TEST(idle_connection_is_small),
    TEST(body_past_the_limit_is_refused_and_the_answer_can_be_read),
    TEST(dripping_client_is_told_and_closed),
    TEST(silent_clients_are_closed),
    TEST(client_that_does_not_read_its_answer_is_closed),
    TEST(connection_past_the_limit_is_told_to_come_back),
    TEST(one_address_gets_so_many_connections_that_are_not_bound),
    TEST(many_that_hold_much_do_not_add_up),
    TEST(much_asked_at_once_is_answered_as_it_is_read),
    TEST(running_out_of_descriptors_turns_clients_away),
};
const size_t n_limit_tests = CNC_N(limit_tests);
