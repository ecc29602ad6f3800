/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

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
get_is_answered_and_the_connection_kept(void **state)
{
    struct world *w = web_world();
    struct cnc__str got = CNC__STR;
    int fd = dial(w);

    say(w, fd, "GET /a%20b?x=1 HTTP/1.1\r\n" H "\r\n");
    expect(w, fd, &got, "GET /a b?x=1 plain 127.0.0.1 0:");
    assert_int_equal(strncmp(got.data, "HTTP/1.1 200 OK\r\nDate: ", 23), 0);
    assert_non_null(strstr(got.data, "\r\nContent-Type: text/plain\r\n"));
    assert_non_null(strstr(got.data, "\r\nX-Test: yes\r\n"));
    assert_non_null(strstr(got.data, "\r\nContent-Length: 31\r\n"));
    assert_null(strstr(got.data, "Connection"));
    cnc__str_clear(&got);
    say(w, fd, "GET /again HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    expect_end(w, fd, &got);
    assert_non_null(strstr(got.data, "GET /again? plain"));
    assert_non_null(strstr(got.data, "\r\nConnection: close\r\n"));
    assert_int_equal(stats(w).requests, 2);
    assert_int_equal(stats(w).accepted, 1);
    close(fd);
    cnc__str_fini(&got);
    end_world(w);
}

static void
http_1_0_is_closed_unless_it_asks(void **state)
{
    struct world *w = web_world();
    struct cnc__str got = CNC__STR;
    int fd = dial(w);

    ask(w, "GET /old HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK");
    say(w, fd, "GET /1 HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    expect(w, fd, &got, "GET /1?");
    assert_non_null(strstr(got.data, "\r\nConnection: keep-alive\r\n"));
    say(w, fd, "GET /2 HTTP/1.0\r\n\r\n");
    expect(w, fd, &got, "GET /2?");
    expect_end(w, fd, &got);
    close(fd);
    cnc__str_fini(&got);
    end_world(w);
}

static void
head_and_304_have_no_body(void **state)
{
    struct world *w = web_world();
    struct cnc__str got = CNC__STR;
    int fd = dial(w);

    say(w, fd,
        "HEAD /h HTTP/1.1\r\n" H "\r\n"
        "HEAD /whole HTTP/1.1\r\n" H "\r\n"
        "GET /none HTTP/1.1\r\n" H "\r\n"
        "HEAD /big HTTP/1.1\r\n" H "\r\n"
        "GET /whole HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    expect_end(w, fd, &got);
    assert_null(strstr(got.data, "plain 127"));
    assert_non_null(strstr(got.data, "Content-Length: 27\r\n\r\nHTTP/1.1"));
    assert_non_null(strstr(got.data, "Content-Length: 4\r\n\r\nHTTP/1.1 304"));
    assert_non_null(
        strstr(got.data, "Content-Length: 3145728\r\n\r\nHTTP/1.1"));
    assert_string_equal(got.data + got.len - 8, "\r\n\r\nbody");
    close(fd);
    cnc__str_fini(&got);
    end_world(w);
}

/* Small, large and late answers leave in the order of their requests. */
static void
pipelined_requests_are_answered_in_order(void **state)
{
    struct world *w = web_world();
    struct cnc__str got = CNC__STR, wire = CNC__STR;
    int fd = dial(w);
    const char *p;

    for (int i = 0; i < 6; i++) {
        cnc__str_printf(&wire,
                        "GET /s%d HTTP/1.1\r\n" H "\r\n"
                        "GET /big?%d HTTP/1.1\r\n" H "\r\n"
                        "POST /p%d HTTP/1.1\r\n" H
                        "Transfer-Encoding: chunked\r\n\r\n"
                        "3\r\nabc\r\n0\r\n\r\n",
                        i, i, i);
    }
    cnc__str_puts(&wire, "GET /end HTTP/1.1\r\n" H "\r\n");
    say_bytes(w, fd, wire.data, wire.len);
    expect(w, fd, &got, "GET /end?");
    p = got.data;
    for (int i = 0; i < 6; i++) {
        char text[32];

        snprintf(text, sizeof(text), "GET /s%d?", i);
        p = strstr(p, text);
        assert_non_null(p);
        p = strstr(p, "\r\n\r\n");
        p = strstr(p, "\r\n\r\n") + 4;
        for (int k = 0; k < 3 << 20; k++) {
            if (p[k] != '0' + i) {
                fail_msg("byte %d of answer %d is %d", k, i, p[k]);
            }
        }
        p += 3 << 20;
        snprintf(text, sizeof(text), "POST /p%d?", i);
        assert_in_range((size_t)(strstr(p, text) - p), 50, 300);
        assert_non_null(strstr(p, "3:abc"));
    }
    assert_int_equal(w->n_calls, 19);
    close(fd);
    cnc__str_fini(&got);
    cnc__str_fini(&wire);
    end_world(w);
}

static void
wait_for_call(struct world *w)
{
    UNTIL(w, w->later != NULL);
}

static void
answer_later(struct world *w)
{
    struct cnc__http_response response = {.status = 202};
    struct cnc__http_responder *responder = w->later;

    response.body = cnc_buf_new("late", 4);
    w->later = NULL;
    responder->respond(responder, &response);
    cnc_buf_unref(&response.body);
}

static void
late_answer_holds_back_the_next_request(void **state)
{
    struct world *w = web_world();
    struct cnc__str got = CNC__STR;
    int fd = dial(w);

    say(w, fd,
        "GET /later HTTP/1.1\r\n" H "\r\nGET /next HTTP/1.1\r\n" H "\r\n");
    wait_for_call(w);
    say(w, fd, "GET /third HTTP/1.1\r\n" H "\r\n");
    for (int i = 0; i < 3; i++) {
        uv_run(&w->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(w->n_calls, 1);
    answer_later(w);
    expect(w, fd, &got, "GET /third?");
    assert_true(strstr(got.data, "late") < strstr(got.data, "GET /next?"));
    assert_int_equal(w->n_calls, 3);
    close(fd);
    cnc__str_fini(&got);
    end_world(w);
}

static void
client_that_left_before_the_answer_is_let_go(void **state)
{
    struct world *w = web_world();
    int fd = dial(w);

    say(w, fd, "GET /later HTTP/1.1\r\n" H "\r\n");
    wait_for_call(w);
    /* A reset, so that the answer meets a dead socket. */
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER,
                                &(struct linger){1, 0}, sizeof(struct linger)),
                     0);
    close(fd);
    answer_later(w);
    UNTIL(w, stats(w).connections == 0);
    end_world(w);
}

static void
answer_after_the_service_closed_is_let_fall(void **state)
{
    struct world *w = web_world();
    int fd = dial(w);
    struct cnc__http_responder *later;
    struct cnc__http_response response = {.status = 200};

    say(w, fd, "GET /later HTTP/1.1\r\n" H "\r\n");
    wait_for_call(w);
    later = w->later;
    close_world(w);
    later->respond(later, &response);
    end_world(w);
    close(fd);
}

static void
request_nobody_answers_ends_with_the_service(void **state)
{
    struct world *w = web_world();
    int fd = dial(w);

    say(w, fd, "GET /later HTTP/1.1\r\n" H "\r\n");
    wait_for_call(w);
    end_world(w); /* the leak checker knows whether it went */
    close(fd);
}

static void
half_closed_client_still_gets_its_answers(void **state)
{
    struct world *w = web_world();
    struct cnc__str got = CNC__STR;
    int fd = dial(w);

    say(w, fd,
        "GET /big HTTP/1.1\r\n" H "\r\nGET /last HTTP/1.1\r\n" H "\r\n");
    shutdown(fd, SHUT_WR);
    expect_end(w, fd, &got);
    assert_non_null(strstr(got.data, "GET /last?"));
    close(fd);
    cnc__str_fini(&got);
    end_world(w);
}

static void
expecting_client_is_told_to_go_on(void **state)
{
    struct world *w = web_world();
    struct cnc__str got = CNC__STR;
    int fd = dial(w);

    say(w, fd,
        "POST /e HTTP/1.1\r\n" H
        "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    expect(w, fd, &got, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_int_equal(w->n_calls, 0);
    say(w, fd, "hello");
    expect(w, fd, &got, "POST /e? plain 127.0.0.1 5:hello");
    close(fd);
    cnc__str_fini(&got);
    end_world(w);
}

static void
posts_of_other_sites_are_refused_before_their_body(void **state)
{
    static const char *const list[] = {"https://friend.example", NULL};
    struct world *w;

    wanted.origins = list;
    w = web_world();
    ask(w,
        "POST / HTTP/1.1\r\n" H "Origin: http://evil.example\r\n"
        "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\n");
    ask(w, "POST / HTTP/1.1\r\n" H "Origin: null\r\n\r\n", "HTTP/1.1 403 ");
    ask(w, "POST / HTTP/1.1\r\n" H "Referer: http://evil.example/\r\n\r\n",
        "HTTP/1.1 403 ");
    ask(w, "POST / HTTP/1.1\r\n" H "Sec-Fetch-Site: cross-site\r\n\r\n",
        "HTTP/1.1 403 ");
    ask(w, "DELETE / HTTP/1.1\r\n" H "Origin: http://evil.example\r\n\r\n",
        "HTTP/1.1 403 ");
    assert_int_equal(w->n_calls, 0);
    ask(w,
        "POST / HTTP/1.1\r\n" H "Origin: https://friend.example\r\n"
        "Connection: close\r\n\r\n",
        "HTTP/1.1 200 ");
    ask(w,
        "POST / HTTP/1.1\r\n" H "Origin: http://example.org\r\n"
        "Connection: close\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 ");
    ask(w,
        "GET / HTTP/1.1\r\n" H "Origin: http://evil.example\r\n"
        "Connection: close\r\n\r\n",
        "HTTP/1.1 200 ");
    end_world(w);
}

static bool
is_site(const char *host, const char *const **origins, void *priv)
{
    *origins = priv;
    return strcmp(host, "example.org") == 0;
}

static void
hosts_that_are_not_ours_are_misdirected(void **state)
{
    static const char *const list[] = {"https://friend.example", NULL};
    struct world *w;

    wanted.site = is_site;
    wanted.site_priv = (void *)list;
    w = web_world();
    ask(w, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "HTTP/1.1 421 Misdirected Request\r\n");
    ask(w,
        "POST / HTTP/1.1\r\nHost: evil.example\r\n"
        "Origin: http://evil.example\r\nExpect: 100-continue\r\n"
        "Content-Length: 5\r\n\r\n",
        "HTTP/1.1 421 ");
    ask(w,
        "GET /xmpp HTTP/1.1\r\nHost: evil.example\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\n\r\n",
        "HTTP/1.1 421 ");
    assert_int_equal(w->n_calls, 0);
    ask(w,
        "POST / HTTP/1.1\r\n" H "Origin: https://friend.example\r\n"
        "Connection: close\r\n\r\n",
        "HTTP/1.1 200 ");
    end_world(w);
}

static void
malformed_requests_get_their_status_and_are_closed(void **state)
{
    struct world *w = web_world();
    struct cnc__str got = CNC__STR;
    int fd = dial(w);

    ask(w, "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "HTTP/1.1 400 ");
    ask(w, "GET /%ff HTTP/1.1\r\n" H "\r\n", "HTTP/1.1 400 ");
    ask(w, "FROB / HTTP/1.1\r\n" H "\r\n", "HTTP/1.1 501 ");
    ask(w, "GET / HTTP/3.0\r\n" H "\r\n", "HTTP/1.1 505 ");
    ask(w, "TRACE / HTTP/1.1\r\n" H "\r\n",
        "HTTP/1.1 405 Method Not Allowed\r\n");
    /* Nothing of what follows a refused request is taken for another. */
    say(w, fd,
        "GET /1 HTTP/1.1\r\n" H "\r\n"
        "POST /2 HTTP/1.1\r\n" H "Content-Length: 3\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        "GET /3 HTTP/1.1\r\n" H "\r\n");
    expect_end(w, fd, &got);
    assert_non_null(strstr(got.data, "GET /1?"));
    assert_non_null(strstr(got.data, "HTTP/1.1 400 Bad Request"));
    assert_null(strstr(got.data, "/3"));
    assert_int_equal(w->n_calls, 1);
    close(fd);
    cnc__str_fini(&got);
    end_world(w);
}

static void
port_that_is_taken_is_refused_with_what_to_do(void **state)
{
    struct world *w = web_world();
    struct cnc_error err = {0};
    char addr[32];

    snprintf(addr, sizeof(addr), "127.0.0.1:%u", w->port);
    assert_int_equal(cnc__net_listen(w->net, addr, NULL, NULL, NULL, &err),
                     CNC_ESYS);
    assert_non_null(strstr(err.text, addr));
    assert_non_null(strstr(err.text, "choose another port"));
    end_world(w);
}

static void
address_that_is_none_is_refused_with_examples(void **state)
{
    static const char *const bad[] = {
        "8080",    "",       "127.0.0.1:", "127.0.0.1:70000", "nowhere:80",
        "[::1:80", "::1:80", ":80",        "1.2.3.4.5:80",    "127.0.0.1:-1"};
    struct world *w = make_world();

    for (size_t i = 0; i < CNC_N(bad); i++) {
        struct cnc_error err = {0};

        assert_int_equal(
            cnc__net_listen(w->net, bad[i], NULL, NULL, NULL, &err), CNC_ESYS);
        assert_non_null(strstr(err.text, "127.0.0.1:8080"));
    }
    end_world(w);
}

static void
every_form_of_address_can_be_listened_on(void **state)
{
    struct world *w = make_world();

    listen_on(w, "localhost:0");
    ask(w, "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ");
    listen_on(w, "*:0");
    ask(w, "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ");
    end_world(w);
}

const struct CMUnitTest http_tests[] = {
    TEST(get_is_answered_and_the_connection_kept),
    TEST(http_1_0_is_closed_unless_it_asks),
    TEST(head_and_304_have_no_body),
    TEST(pipelined_requests_are_answered_in_order),
    TEST(late_answer_holds_back_the_next_request),
    TEST(client_that_left_before_the_answer_is_let_go),
    TEST(answer_after_the_service_closed_is_let_fall),
    TEST(request_nobody_answers_ends_with_the_service),
    TEST(half_closed_client_still_gets_its_answers),
    TEST(expecting_client_is_told_to_go_on),
    TEST(posts_of_other_sites_are_refused_before_their_body),
    TEST(hosts_that_are_not_ours_are_misdirected),
    TEST(malformed_requests_get_their_status_and_are_closed),
    TEST(port_that_is_taken_is_refused_with_what_to_do),
    TEST(address_that_is_none_is_refused_with_examples),
    TEST(every_form_of_address_can_be_listened_on),
};
const size_t n_http_tests = CNC_N(http_tests);
