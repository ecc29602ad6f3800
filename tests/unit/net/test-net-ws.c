/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net-tests.h"

static struct world *
web_world(void)
{
    struct world *w = make_world();

    listen_on(w, "127.0.0.1:0");
    return w;
}

/* The good request with one line put in another's place ("" takes it away)
 * is answered with status. */
static void
ask_with(struct world *w, const char *line, const char *instead,
         const char *status)
{
    const char *at = strstr(ws_request, line);
    const char *rest = strstr(at, "\r\n") + 2;
    struct cnc__str wire = CNC__STR;

    cnc__str_add(&wire, ws_request, (size_t)(at - ws_request));
    cnc__str_puts(&wire, instead);
    cnc__str_puts(&wire, rest);
    ask(w, wire.data, status);
    cnc__str_fini(&wire);
}

static void
handshakes_that_are_not_ours_are_refused(void **state)
{
    static const struct {
        const char *line, *instead, *status;
    } t[] = {
        {"GET", "POST /xmpp HTTP/1.1\r\n", "HTTP/1.1 405 "},
        {"GET", "HEAD /xmpp HTTP/1.1\r\n", "HTTP/1.1 405 "},
        {"GET", "GET /xmpp HTTP/1.0\r\n", "HTTP/1.1 426 "},
        {"Upgrade:", "", "HTTP/1.1 426 "},
        {"Upgrade:", "Upgrade: h2c\r\n", "HTTP/1.1 426 "},
        {"Connection:", "Connection: close\r\n", "HTTP/1.1 426 "},
        {"Sec-WebSocket-Version", "", "HTTP/1.1 426 "},
        {"Sec-WebSocket-Version", "Sec-WebSocket-Version: 8\r\n",
         "HTTP/1.1 426 "},
        {"Sec-WebSocket-Key", "", "HTTP/1.1 400 "},
        {"Sec-WebSocket-Key", "Sec-WebSocket-Key: c2hvcnQ=\r\n",
         "HTTP/1.1 400 "},
        {"Sec-WebSocket-Key", "Sec-WebSocket-Key: !!!\r\n", "HTTP/1.1 400 "},
        {"Sec-WebSocket-Protocol", "", "HTTP/1.1 400 "},
        {"Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: chat\r\n",
         "HTTP/1.1 400 "},
        {"Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: xmppx\r\n",
         "HTTP/1.1 400 "},
        {"Origin", "Origin: http://evil.example\r\n", "HTTP/1.1 403 "},
        {"Origin", "Origin: https://example.org\r\n", "HTTP/1.1 403 "},
        {"Origin", "Origin: null\r\n", "HTTP/1.1 403 "},
        {"Host", "Host: a b\r\n", "HTTP/1.1 400 "},
    };
    struct world *w = web_world();

    for (size_t i = 0; i < CNC_N(t); i++) {
        ask_with(w, t[i].line, t[i].instead, t[i].status);
    }
    assert_int_equal(stats(w).websockets, 0);
    assert_int_equal(w->n_calls, 0);
    end_world(w);
}

static void
upgrade_is_accepted_and_the_stream_opens(void **state)
{
    struct world *w = web_world();
    struct cnc__str got = CNC__STR;
    int fd = ws_dial(w, &got);

    assert_int_equal(
        strncmp(got.data, "HTTP/1.1 101 Switching Protocols\r\n", 34), 0);
    assert_non_null(strstr(got.data, "\r\nSec-WebSocket-Accept: "
                                     "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_non_null(strstr(got.data, "\r\nSec-WebSocket-Protocol: xmpp\r\n"));
    assert_non_null(memmem(got.data, got.len, "ANONYMOUS", 9));
    assert_int_equal(stats(w).websockets, 1);
    close(fd);
    UNTIL(w, stats(w).websockets == 0);
    cnc__str_fini(&got);
    end_world(w);
}

static void
client_that_is_no_browser_needs_no_origin(void **state)
{
    struct world *w = web_world();
    struct cnc__str got = CNC__STR, wire = CNC__STR;
    const char *origin = strstr(ws_request, "Origin");
    int fd = dial(w);

    cnc__str_add(&wire, ws_request, (size_t)(origin - ws_request));
    cnc__str_puts(&wire, strstr(origin, "\r\n") + 2);
    say(w, fd, wire.data);
    expect(w, fd, &got, "HTTP/1.1 101 ");
    close(fd);
    cnc__str_fini(&got);
    cnc__str_fini(&wire);
    end_world(w);
}

static void
silent_stream_is_ended_by_its_deadline(void **state)
{
    struct cnc__str got = CNC__STR;
    struct world *w;
    int fd;

    wanted_web.auth_ms = 50;
    w = web_world();
    fd = dial(w);
    say(w, fd, ws_request); /* and nothing after */
    expect_end(w, fd, &got);
    close(fd);
    UNTIL(w, stats(w).websockets == 0);
    cnc__str_fini(&got);
    end_world(w);
}

static void
bound_streams_get_what_is_sent_to_their_sessions(void **state)
{
    struct world *w = web_world();
    struct cnc__str got = CNC__STR;
    int fds[5];

    for (int i = 0; i < 5; i++) {
        fds[i] = ws_login(w);
    }
    assert_int_equal(cnc__router_n_sessions(w->router), 5);
    for (int i = 0; i < 5; i++) {
        ws_say(w, fds[i],
               "<iq xmlns='jabber:client' type='get' id='p1' "
               "to='example.org'><ping xmlns='urn:xmpp:ping'/></iq>");
    }
    for (int i = 0; i < 5; i++) {
        cnc__str_clear(&got);
        expect(w, fds[i], &got, "p1");
        close(fds[i]);
    }
    UNTIL(w, cnc__router_n_sessions(w->router) == 0);
    cnc__str_fini(&got);
    end_world(w);
}

/* Sends to one session whose browser has stopped reading. */
static void
slow_reader_is_cut_off_and_others_are_not(void **state)
{
    uint64_t deadline = in_ms(LIMIT);
    char text[20001];
    struct world *w;
    int slow;
    uint64_t id = 0;

    memset(text, 'x', sizeof(text) - 1);
    memcpy(text, "<message><body>", 15);
    memcpy(text + sizeof(text) - 18, "</body></message>", 18);
    wanted_web.max_queue = 300000;
    w = web_world();
    slow = ws_login(w);
    for (uint64_t i = 0; i < 1 << 26 && id == 0; i++) {
        id = cnc__router_session(w->router, i) != NULL ? i : 0;
    }
    if (id == 0) {
        skip();
    }
    while (stats(w).websockets > 0) {
        struct cnc__session *s = cnc__router_session(w->router, id);

        for (int i = 0; s != NULL && i < 10; i++) {
            cnc__session_send(s, text, sizeof(text) - 1);
        }
        if (stats(w).overflows == 0) {
            uv_run(&w->loop, UV_RUN_NOWAIT); /* until its buffers are full */
        } else {
            assert_true(turn(w, -1, deadline));
        }
    }
    assert_int_equal(stats(w).overflows, 1);
    close(slow);
    close(ws_login(w));
    end_world(w);
}

static void
closing_the_service_tells_the_streams(void **state)
{
    struct world *w = web_world();
    struct cnc__str got = CNC__STR;
    char buf[4096];
    int fd = ws_login(w);
    ssize_t n;

    end_world(w);
    n = recv(fd, buf, sizeof(buf) - 1, 0);
    assert_true(n > 0);
    assert_non_null(memmem(buf, (size_t)n, "system-shutdown", 15));
    close(fd);
    cnc__str_fini(&got);
}

const struct CMUnitTest ws_tests[] = {
    TEST(handshakes_that_are_not_ours_are_refused),
    TEST(upgrade_is_accepted_and_the_stream_opens),
    TEST(client_that_is_no_browser_needs_no_origin),
    TEST(silent_stream_is_ended_by_its_deadline),
    TEST(bound_streams_get_what_is_sent_to_their_sessions),
    TEST(slow_reader_is_cut_off_and_others_are_not),
    TEST(closing_the_service_tells_the_streams),
};
const size_t n_ws_tests = CNC_N(ws_tests);
