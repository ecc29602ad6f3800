/* SPDX-License-Identifier: MIT */
/* Sockets of WebSockets that a web server gives away (handoff.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../../src/net/handoff.h"
#include "net-tests.h"

#define OPEN                                                                  \
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' version='1.0' "        \
    "to='example.org'/>"

static bool
is_ours(const char *host, const char *const **origins, void *priv)
{
    return strcmp(host, "example.org") == 0;
}

static struct world *
handoff_world(void)
{
    struct cnc_error err = {0};
    struct cnc__net_port port = {.kind = CNC__NET_HANDOFF};
    struct world *w;

    wanted.site = is_ours;
    w = make_world();
    port.addr = in_dir(w, "handoff");
    if (cnc__net_listen_port(w->net, &port, NULL, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return w;
}

static int
dial_handoff(struct world *w)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    snprintf(un.sun_path, sizeof(un.sun_path), "%s", in_dir(w, "handoff"));
    assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

/* A packet with n descriptors. */
static void
give_bytes(int to, const void *data, size_t len, const int *fds, size_t n)
{
    union {
        char bytes[CMSG_SPACE(4 * sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec iov = {(void *)data, len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    if (n > 0) {
        struct cmsghdr *c = &control.align;

        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(c), fds, n * sizeof(int));
    }
    assert_int_equal(sendmsg(to, &msg, MSG_NOSIGNAL), (ssize_t)len);
}

static void
give(int to, const char *addr, const char *host, int secure, const char *read,
     size_t n_read, int fd)
{
    static uint8_t packet[CNC__HANDOFF_MAX];
    struct cnc__handoff h = {.secure = secure, .read = read, .n_read = n_read};
    size_t len;

    snprintf(h.addr, sizeof(h.addr), "%s", addr);
    snprintf(h.host, sizeof(h.host), "%s", host);
    len = cnc__handoff_pack(packet, &h);
    assert_true(len > 0);
    give_bytes(to, packet, len, &fd, 1);
    close(fd);
}

/* The next answer; "" : it was taken; NULL: the service has closed. */
static const char *
answer(struct world *w, int from)
{
    static char text[CNC__HANDOFF_MAX_ANSWER + 1];
    uint64_t deadline = in_ms(LIMIT);
    ssize_t n;

    while ((n = recv(from, text, sizeof(text) - 1, 0)) < 0) {
        assert_true(errno == EAGAIN);
        assert_true(turn(w, from, deadline));
    }
    if (n == 0) {
        return NULL;
    }
    text[n] = '\0';
    assert_true(text[0] == 0 || text[0] == 1);
    assert_true((text[0] == 1) == (n > 1));
    return text + 1;
}

static void
assert_refused(struct world *w, int from, const char *needle)
{
    const char *text = answer(w, from);

    assert_non_null(text);
    if (strstr(text, needle) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", text, needle);
    }
}

static void
client_of(int pair[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair),
                     0);
    assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
}

static void
a_websocket_goes_on_where_the_web_server_left_it(void **state)
{
    struct world *w = handoff_world();
    struct cnc__str got = CNC__STR, frame = CNC__STR;
    int web = dial_handoff(w), pair[2];
    struct stat st;

    assert_int_equal(stat(in_dir(w, "handoff"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    /* Half of the first frame was read with the request. */
    cnc__ws_add_masked(&frame, CNC__WS_TEXT, OPEN, strlen(OPEN));
    client_of(pair);
    give(web, "192.0.2.7", "example.org", 1, frame.data, 20, pair[1]);
    assert_string_equal(answer(w, web), "");
    say_bytes(w, pair[0], frame.data + 20, frame.len - 20);
    expect(w, pair[0], &got, "features>");
    assert_int_equal(stats(w).websockets, 1);
    close(pair[0]);
    UNTIL(w, stats(w).websockets == 0);
    /* Another one by the same connection, which ends before the client. */
    client_of(pair);
    give(web, "", "example.org", 0, frame.data, frame.len, pair[1]);
    assert_string_equal(answer(w, web), "");
    close(web);
    cnc__str_clear(&got);
    expect(w, pair[0], &got, "features>");
    ws_say(w, pair[0],
           "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
           "mechanism='ANONYMOUS'/>");
    expect(w, pair[0], &got, "<success");
    close(pair[0]);
    cnc__str_fini(&got);
    cnc__str_fini(&frame);
    end_world(w);
}

/* Then there is still nothing that the client was told when it is not. */
static void
a_handshake_is_answered_by_who_takes_the_socket(void **state)
{
    static uint8_t packet[CNC__HANDOFF_MAX];
    struct cnc__handoff h = {.host = "example.org",
                             .accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="};
    struct cnc__str got = CNC__STR, frame = CNC__STR;
    struct world *w = handoff_world();
    int web = dial_handoff(w), pair[2];
    size_t len;

    cnc__ws_add_masked(&frame, CNC__WS_TEXT, OPEN, strlen(OPEN));
    h.read = frame.data;
    h.n_read = frame.len;
    len = cnc__handoff_pack(packet, &h);
    client_of(pair);
    give_bytes(web, packet, len, &pair[1], 1);
    close(pair[1]);
    assert_string_equal(answer(w, web), "");
    expect(w, pair[0], &got, "features>");
    assert_int_equal(strncmp(got.data, "HTTP/1.1 101 ", 13), 0);
    assert_non_null(strstr(got.data, "\r\nSec-WebSocket-Accept: "
                                     "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    close(pair[0]);
    snprintf(h.host, sizeof(h.host), "evil.example");
    len = cnc__handoff_pack(packet, &h);
    client_of(pair);
    give_bytes(web, packet, len, &pair[1], 1);
    close(pair[1]);
    assert_refused(w, web, "no such site");
    UNTIL(w, recv(pair[0], &(char){0}, 1, 0) == 0);
    close(pair[0]);
    close(web);
    cnc__str_fini(&got);
    cnc__str_fini(&frame);
    end_world(w);
}

static void
what_cannot_be_served_is_given_back(void **state)
{
    struct world *w;
    int web, pair[2];

    wanted.max_per_addr = 1;
    w = handoff_world();
    web = dial_handoff(w);
    client_of(pair);
    give(web, "192.0.2.7", "evil.example", 0, "", 0, pair[1]);
    assert_refused(w, web, "no such site");
    close(pair[0]);
    client_of(pair);
    give(web, "nobody", "example.org", 0, "", 0, pair[1]);
    assert_refused(w, web, "address is none");
    close(pair[0]);
    give(web, "192.0.2.7", "example.org", 0, "", 0,
         socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_refused(w, web, "no connected socket");
    give(web, "192.0.2.7", "example.org", 0, "", 0,
         open("/dev/null", O_RDONLY | O_CLOEXEC));
    assert_refused(w, web, "no connected socket");
    client_of(pair);
    give(web, "192.0.2.7", "example.org", 0, "", 0, pair[1]);
    assert_string_equal(answer(w, web), "");
    client_of(pair);
    give(web, "192.0.2.7", "example.org", 0, "", 0, pair[1]);
    assert_refused(w, web, "connections of this address");
    close(web);
    end_world(w);
}

static void
who_sends_something_else_is_closed(void **state)
{
    static const char long_one[CNC__HANDOFF_MAX + 1] = "CNCH\1";
    struct world *w = handoff_world();
    int pair[2], web = dial_handoff(w);

    client_of(pair);
    give_bytes(web, "", 0, &pair[1], 1);
    assert_null(answer(w, web));
    close(web);
    close(pair[1]);
    UNTIL(w, recv(pair[0], &(char){0}, 1, 0) == 0);
    close(pair[0]);
    web = dial_handoff(w);
    client_of(pair);
    client_of(pair);
    give_bytes(web, "hello", 5, &pair[1], 1);
    assert_refused(w, web, "no handoff");
    assert_null(answer(w, web));
    close(web);
    /* The descriptor went with it: its other end sees that. */
    close(pair[1]);
    UNTIL(w, recv(pair[0], &(char){0}, 1, 0) == 0);
    web = dial_handoff(w);
    give_bytes(web, "CNCH\1\0\0\0\0\0\0\0", 12, NULL, 0);
    assert_refused(w, web, "not one descriptor");
    assert_null(answer(w, web));
    close(web);
    web = dial_handoff(w);
    client_of(pair);
    give_bytes(web, "CNCH\1\0\0\0\0\0\0\0", 12, pair, 2);
    assert_refused(w, web, "not one descriptor");
    close(web);
    web = dial_handoff(w);
    give_bytes(web, long_one, sizeof(long_one), NULL, 0);
    assert_refused(w, web, "not as long as it is");
    close(web);
    end_world(w);
}

static void
a_packet_means_what_it_says_or_nothing(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *why;
    } bad[] = {
#define P(bytes, why) {bytes, sizeof(bytes) - 1, why}
        P("", "no handoff"),
        P("CNCH\1\0\0\0\0\0\0", "no handoff"),
        P("CNCX\1\0\0\0\0\0\0\0", "no handoff"),
        P("CNCH\2\0\0\0\0\0\0\0", "version"),
        P("CNCH\1\2\0\0\0\0\0\0", "flags"),
        P("CNCH\1\0\0\1\0\0\0\0a", "Accept"),
        P("CNCH\1\0\0\x1d\0\0\0\0s3pPLMBiTxaQ9kYGzzhZRbK+xOo==", "Accept"),
        P("CNCH\1\0\0\x1c\0\0\0\0s3pPLMBiTxaQ9kYGzzhZRbK+xO\r\n", "Accept"),
        P("CNCH\1\0\0\x1c\0\0\0\0s3pPLMBiTxaQ9kYGzzhZRbK+xO=\0", "Accept"),
        P("CNCH\1\0\0\x1c\0\0\0\0s3pPLMBiTxaQ9kYGzzhZRbK+xOo", "as long as"),
        P("CNCH\1\0\x40\0\0\0\0\0", "too long"),
        P("CNCH\1\0\0\0\1\0\0\0", "too long"),
        P("CNCH\1\0\0\0\0\0\x40\1", "too long"),
        P("CNCH\1\0\1\0\0\0\0\0", "as long as"),
        P("CNCH\1\0\0\0\0\0\0\0x", "as long as"),
        P("CNCH\1\0\2\0\0\0\0\0a\0", "NUL"),
#undef P
    };
    struct cnc__handoff h;

    for (size_t i = 0; i < CNC_N(bad); i++) {
        const char *why =
            cnc__handoff_unpack(&h, (const uint8_t *)bad[i].bytes, bad[i].len);

        if (why == NULL || strstr(why, bad[i].why) == NULL) {
            fail_msg("packet %zu: %s", i, why == NULL ? "taken" : why);
        }
    }
}

const struct CMUnitTest handed_tests[] = {
    TEST(a_websocket_goes_on_where_the_web_server_left_it),
    TEST(a_handshake_is_answered_by_who_takes_the_socket),
    TEST(what_cannot_be_served_is_given_back),
    TEST(who_sends_something_else_is_closed),
    TEST(a_packet_means_what_it_says_or_nothing),
};
const size_t n_handed_tests = CNC_N(handed_tests);
