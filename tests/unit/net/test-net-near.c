/* SPDX-License-Identifier: MIT */
/* Web servers and proxies in front: Unix sockets, what they say of clients,
 * the PROXY protocol. */
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net-tests.h"

#define H "Host: example.org\r\n"
#define STREAM                                                                \
    "<stream:stream xmlns='jabber:client' version='1.0' to='example.org' "    \
    "xmlns:stream='http://etherx.jabber.org/streams'>"

static struct cnc__stream_env c2s;
static struct cnc__stream_peer came; /* the last one */
static unsigned n_came;

static struct cnc__stream *
take(enum cnc__net_kind kind, const struct cnc__stream_peer *peer,
     const struct cnc__stream_events *events, void *events_priv,
     uint64_t now_ms, void *priv)
{
    assert_int_equal(kind, CNC__NET_C2S);
    came = *peer;
    n_came++;
    return cnc__stream_new(&c2s, peer, events, events_priv, now_ms);
}

/* A world with one port; "unix:" is completed. */
static struct world *
world_with(enum cnc__net_kind kind, const char *addr, bool proxy)
{
    struct cnc__net_port port = {.kind = kind, .proxy = proxy};
    struct cnc_error err = {0};
    struct world *w;
    char full[160];

    wanted.stream = take;
    w = make_world();
    c2s = w->web;
    c2s.mechanisms |= CNC__SASL_EXTERNAL;
    n_came = 0;
    if (strcmp(addr, "unix:") == 0) {
        snprintf(full, sizeof(full), "unix:%s", in_dir(w, "socket"));
        addr = full;
    }
    port.addr = addr;
    if (cnc__net_listen_port(w->net, &port, &w->port, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return w;
}

static int
dial_socket(struct world *w)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(un.sun_path, sizeof(un.sun_path), "%s", in_dir(w, "socket"));
    assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

/* -- Unix sockets --------------------------------------------------------- */

static void
ask_socket(struct world *w, const char *request, const char *part)
{
    struct cnc__str got = CNC__STR;
    int fd = dial_socket(w);

    say(w, fd, request);
    expect(w, fd, &got, part);
    close(fd);
    cnc__str_fini(&got);
}

static void
a_web_server_on_a_unix_socket_says_for_whom_it_asks(void **state)
{
    struct world *w = world_with(CNC__NET_WEB, "unix:", false);
    struct stat st;

    assert_int_equal(stat(in_dir(w, "socket"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    ask_socket(w, "GET / HTTP/1.1\r\n" H "\r\n", "plain unix 0:");
    ask_socket(w,
               "GET / HTTP/1.1\r\n" H "X-Forwarded-For: 10.1.1.1, 192.0.2.7"
               "\r\nX-Forwarded-Proto: https\r\n\r\n",
               "secure 192.0.2.7 0:");
    ask_socket(
        w, "GET / HTTP/1.1\r\n" H "X-Forwarded-For: ::ffff:192.0.2.7\r\n\r\n",
        "plain 192.0.2.7 0:");
    ask_socket(w, "GET / HTTP/1.1\r\n" H "X-Forwarded-For: unix:\r\n\r\n",
               "plain unix 0:");
    end_world(w);
}

static void
the_file_of_a_socket_goes_with_the_service(void **state)
{
    struct world *w = world_with(CNC__NET_WEB, "unix:", false);
    struct cnc_error err = {0};
    char addr[160];

    snprintf(addr, sizeof(addr), "unix:%s", in_dir(w, "socket"));
    assert_int_equal(cnc__net_listen(w->net, addr, NULL, NULL, NULL, &err),
                     CNC_ESYS);
    assert_non_null(strstr(err.text, "already running"));
    assert_int_equal(cnc__net_listen(w->net, "unix:", NULL, NULL, NULL, &err),
                     CNC_ESYS);
    assert_non_null(strstr(err.text, "no path"));
    close_world(w);
    assert_int_not_equal(access(in_dir(w, "socket"), F_OK), 0);
    end_world(w);
}

static void
a_group_may_use_the_sockets(void **state)
{
    struct cnc_error err = {0};
    struct stat st;
    struct world *w;
    struct group *g = getgrgid(getegid());

    assert_non_null(g);
    wanted.socket_group = g->gr_name;
    w = world_with(CNC__NET_WEB, "unix:", false);
    assert_int_equal(stat(in_dir(w, "socket"), &st), 0);
    assert_int_equal(st.st_gid, getegid());
    end_world(w);
    wanted.socket_group = "nobody-has-this-group";
    w = make_world();
    assert_int_equal(cnc__net_listen_link(w->net, in_dir(w, "socket"), &err),
                     CNC_ESYS);
    assert_non_null(strstr(err.text, "nobody-has-this-group"));
    assert_int_not_equal(access(in_dir(w, "socket"), F_OK), 0);
    end_world(w);
}

/* The peer is a web server: what its uid may do is not for its clients. */
static void
a_client_on_a_unix_socket_is_secure_and_nobody(void **state)
{
    struct world *w = world_with(CNC__NET_C2S, "unix:", false);
    struct cnc__str got = CNC__STR;
    int fd = dial_socket(w);

    say(w, fd, STREAM);
    expect(w, fd, &got, "</stream:features>");
    assert_int_equal(n_came, 1);
    assert_true(came.secure);
    assert_true(came.loopback);
    assert_int_equal(came.uid, -1);
    assert_string_equal(came.addr, "unix");
    assert_non_null(strstr(got.data, "ANONYMOUS"));
    assert_null(strstr(got.data, "EXTERNAL"));
    say(w, fd,
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
        "mechanism='EXTERNAL'>=</auth>");
    expect(w, fd, &got, "<invalid-mechanism");
    assert_int_equal(stats(w).links, 0);
    assert_int_equal(stats(w).c2s, 1);
    close(fd);
    cnc__str_fini(&got);
    end_world(w);
}

/* -- behind a proxy ------------------------------------------------------- */

#define ORIGIN(scheme) "Origin: " scheme "://example.org\r\n"
#define HTTPS          "X-Forwarded-Proto: https\r\n"

static void
the_own_origin_is_the_browsers_own(void **state)
{
    struct world *w = world_with(CNC__NET_WEB, "unix:", false);

#define POST(more) "POST / HTTP/1.1\r\n" H more "Content-Length: 2\r\n\r\nhi"
    ask_socket(w, POST(ORIGIN("https") HTTPS), "POST /? secure");
    ask_socket(w, POST(ORIGIN("http")), "POST /? plain");
    ask_socket(w, POST(ORIGIN("https")), "HTTP/1.1 403 ");
    ask_socket(w, POST(ORIGIN("http") HTTPS), "HTTP/1.1 403 ");
    ask_socket(w, POST("Referer: https://example.org/a\r\n" HTTPS),
               "POST /? secure");
    /* Without a body the question comes elsewhere. */
    ask_socket(w,
               "POST / HTTP/1.1\r\n" H ORIGIN("https") HTTPS
               "Content-Length: 0\r\n\r\n",
               "POST /? secure");
    ask_socket(w,
               "POST / HTTP/1.1\r\n" H "X-Forwarded-Host: evil.example\r\n"
               "Origin: http://evil.example\r\nContent-Length: 0\r\n\r\n",
               "HTTP/1.1 403 ");
    end_world(w);
}

#define UPGRADE(more)                                                         \
    "GET /xmpp HTTP/1.1\r\n" H more "Connection: Upgrade\r\n"                 \
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"                     \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"                         \
    "Sec-WebSocket-Protocol: xmpp\r\n\r\n"

static void
a_websocket_through_a_proxy_is_its_clients(void **state)
{
    struct world *w;
    int fd, fd2;

    wanted.max_per_addr = 1;
    w = world_with(CNC__NET_WEB, "unix:", false);
    ask_socket(w, UPGRADE(ORIGIN("https") HTTPS), "HTTP/1.1 101 ");
    ask_socket(w, UPGRADE(ORIGIN("http") HTTPS), "HTTP/1.1 403 ");
    ask_socket(w, UPGRADE(ORIGIN("https")), "HTTP/1.1 403 ");
    fd = dial_socket(w);
    fd2 = dial_socket(w);
#define FOR "X-Forwarded-For: 192.0.2.7\r\n"
    for (int i = 0; i < 2; i++) {
        struct cnc__str got = CNC__STR;

        say(w, i == 0 ? fd : fd2, UPGRADE(FOR));
        /* The second one of that address is one too many. */
        expect(w, i == 0 ? fd : fd2, &got,
               i == 0 ? "HTTP/1.1 101 " : "HTTP/1.1 503 ");
        cnc__str_fini(&got);
    }
    close(fd2);
    ask_socket(w, UPGRADE("X-Forwarded-For: 192.0.2.8\r\n"), "HTTP/1.1 101 ");
    close(fd);
    UNTIL(w, stats(w).connections == 0);
    ask_socket(w, UPGRADE(FOR), "HTTP/1.1 101 ");
    end_world(w);
}

/* -- the PROXY protocol --------------------------------------------------- */

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define FROM_LEN  28
static const char from[] = SIGNATURE "\x21\x11\0\x0c\xc0\x00\x02\x07\x05\x06"
                                     "\x07\x08\x00\x50\x01\xbb";
#define TLS_LEN 36
static const char by_tls[] =
    SIGNATURE "\x21\x11\0\x14\xc0\x00\x02\x07\x05\x06\x07\x08\x00\x50\x01\xbb"
              "\x20\x00\x05\x01\x00\x00\x00\x00";
#define LOCAL_LEN 16
static const char local[] = SIGNATURE "\x20\x00\0\0";

static void
a_proxy_says_whose_a_stream_is(void **state)
{
    struct world *w = world_with(CNC__NET_C2S, "unix:", true);
    struct cnc__str got = CNC__STR;
    int fd = dial_socket(w);

    /* Byte by byte. */
    for (size_t i = 0; i < FROM_LEN; i++) {
        assert_int_equal(n_came, 0);
        say_bytes(w, fd, from + i, 1);
    }
    say(w, fd, STREAM);
    expect(w, fd, &got, "</stream:features>");
    assert_string_equal(came.addr, "192.0.2.7");
    assert_false(came.secure);
    assert_false(came.loopback);
    assert_int_equal(came.uid, -1);
    close(fd);
    cnc__str_clear(&got);
    cnc__str_add(&got, by_tls, TLS_LEN); /* in one breath */
    cnc__str_puts(&got, STREAM);
    fd = dial_socket(w);
    say_bytes(w, fd, got.data, got.len);
    cnc__str_clear(&got);
    expect(w, fd, &got, "</stream:features>");
    assert_string_equal(came.addr, "192.0.2.7");
    assert_true(came.secure);
    assert_null(strstr(got.data, "EXTERNAL"));
    close(fd);
    cnc__str_clear(&got);
    fd = dial_socket(w);
    say_bytes(w, fd, local, LOCAL_LEN);
    say(w, fd, STREAM);
    expect(w, fd, &got, "</stream:features>");
    assert_string_equal(came.addr, "unix");
    assert_false(came.secure);
    close(fd);
    cnc__str_fini(&got);
    end_world(w);
}

static void
a_proxy_says_whose_a_request_is(void **state)
{
    struct world *w = world_with(CNC__NET_WEB, "127.0.0.1:0", true);
    struct cnc__str got = CNC__STR;
    int fd = dial(w);

    say_bytes(w, fd, by_tls, TLS_LEN);
    /* Whoever it is, is not near and not believed. */
    say(w, fd, "GET / HTTP/1.1\r\n" H "X-Forwarded-For: 10.1.1.1\r\n\r\n");
    expect(w, fd, &got, "secure 192.0.2.7 0:");
    close(fd);
    cnc__str_fini(&got);
    end_world(w);
}

static void
no_header_no_connection(void **state)
{
    static const char here[] = SIGNATURE "\x21\x11\0\x0c\x7f\x00\x00\x01\x05"
                                         "\x06\x07\x08\x00\x50\x01\xbb";
    struct world *w = world_with(CNC__NET_C2S, "127.0.0.1:0", true);
    struct cnc__str got = CNC__STR;
    char addr[64];
    int fd = dial(w);

    say(w, fd, STREAM);
    expect_end(w, fd, &got);
    assert_int_equal(got.len, 0);
    close(fd);
    fd = dial(w);
    say(w, fd, "PROXY TCP4 192.0.2.7 5.6.7.8 80 443\r\n" STREAM);
    expect_end(w, fd, &got);
    close(fd);
    fd = dial(w);
    say_bytes(w, fd, from, 20);
    shutdown(fd, SHUT_WR);
    expect_end(w, fd, &got);
    close(fd);
    assert_int_equal(n_came, 0);
    assert_int_equal(stats(w).refused, 3);
    end_world(w);
    if (!own_address(addr)) {
        return;
    }
    /* From elsewhere nobody is of this machine. */
    w = world_with(CNC__NET_C2S, "*:0", true);
    fd = dial_to(w, addr);
    say_bytes(w, fd, here, FROM_LEN);
    expect_end(w, fd, &got);
    close(fd);
    assert_int_equal(n_came, 0);
    assert_int_equal(stats(w).refused, 1);
    end_world(w);
    cnc__str_fini(&got);
}

static void
a_header_that_does_not_come_is_not_waited_for(void **state)
{
    struct world *w = world_with(CNC__NET_C2S, "127.0.0.1:0", true);
    struct cnc__str got = CNC__STR;
    uint64_t begun = uv_hrtime();
    int fd = dial(w);

    say_bytes(w, fd, from, FROM_LEN - 1);
    expect_end(w, fd, &got);
    assert_int_equal(got.len, 0);
    assert_true(uv_hrtime() - begun >= UINT64_C(4900000000));
    assert_int_equal(stats(w).refused, 1);
    close(fd);
    end_world(w);
}

static void
limits_are_for_the_client_behind_the_proxy(void **state)
{
    struct cnc__str got = CNC__STR;
    struct world *w;
    int first, second;

    wanted.max_per_addr = 1;
    w = world_with(CNC__NET_C2S, "127.0.0.1:0", true);
    first = dial(w);
    say_bytes(w, first, from, FROM_LEN);
    say(w, first, STREAM);
    expect(w, first, &got, "</stream:features>");
    cnc__str_clear(&got);
    second = dial(w);
    say_bytes(w, second, by_tls, TLS_LEN);
    expect_end(w, second, &got);
    assert_int_equal(got.len, 0);
    close(first);
    close(second);
    end_world(w);
    cnc__str_fini(&got);
}

const struct CMUnitTest near_tests[] = {
    TEST(a_web_server_on_a_unix_socket_says_for_whom_it_asks),
    TEST(the_file_of_a_socket_goes_with_the_service),
    TEST(a_group_may_use_the_sockets),
    TEST(a_client_on_a_unix_socket_is_secure_and_nobody),
    TEST(the_own_origin_is_the_browsers_own),
    TEST(a_websocket_through_a_proxy_is_its_clients),
    TEST(a_proxy_says_whose_a_stream_is),
    TEST(a_proxy_says_whose_a_request_is),
    TEST(no_header_no_connection),
    TEST(a_header_that_does_not_come_is_not_waited_for),
    TEST(limits_are_for_the_client_behind_the_proxy),
};
const size_t n_near_tests = CNC_N(near_tests);
