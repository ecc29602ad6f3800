/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net-tests.h"

static int
dial_link(struct world *w)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(un.sun_path, sizeof(un.sun_path), "%s", in_dir(w, "link"));
    assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static void
assert_refused(struct world *w, const char *needle)
{
    struct cnc_error err = {0};

    assert_int_equal(cnc__net_listen_link(w->net, in_dir(w, "link"), &err),
                     CNC_ESYS);
    if (strstr(err.text, needle) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.text, needle);
    }
}

#define STREAM                                                                \
    "<stream:stream xmlns='jabber:client' version='1.0' to='example.org' "    \
    "xmlns:stream='http://etherx.jabber.org/streams'>"

static void
peer_is_known_by_its_uid(void **state)
{
    struct world *w = make_world();
    struct cnc__str got = CNC__STR;
    struct stat st;
    int fd;

    assert_int_equal(cnc__net_listen_link(w->net, in_dir(w, "link"), NULL), 0);
    assert_int_equal(stat(in_dir(w, "link"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    fd = dial_link(w);
    say(w, fd, STREAM);
    expect(w, fd, &got, "</stream:features>");
    assert_non_null(strstr(got.data, "<mechanism>EXTERNAL</mechanism>"));
    assert_int_equal(stats(w).links, 1);
    assert_int_equal(stats(w).connections, 0);
    say(w, fd,
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
        "mechanism='EXTERNAL'>=</auth>");
    expect(w, fd, &got, "<success");
    cnc__str_clear(&got);
    say(w, fd, STREAM);
    expect(w, fd, &got, "</stream:features>");
    say(w, fd, "</stream:stream>");
    expect(w, fd, &got, "</stream:stream>");
    expect_end(w, fd, &got);
    close(fd);
    cnc__str_fini(&got);
    end_world(w);
}

static void
stale_socket_is_replaced_and_a_live_one_is_not(void **state)
{
    struct world *w = make_world();
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(un.sun_path, sizeof(un.sun_path), "%s", in_dir(w, "link"));
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_refused(w, "already running");
    close(fd); /* as a killed service leaves it */
    assert_int_equal(cnc__net_listen_link(w->net, in_dir(w, "link"), NULL), 0);
    assert_refused(w, "already running");
    end_world(w);
}

static void
what_is_not_a_socket_is_left_alone(void **state)
{
    struct world *w = make_world();
    int fd = open(in_dir(w, "link"), O_CREAT | O_WRONLY, 0600);

    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
    assert_refused(w, "not a socket");
    assert_int_equal(access(in_dir(w, "link"), F_OK), 0);
    end_world(w);
}

static void
path_that_is_too_long_is_refused(void **state)
{
    struct world *w = make_world();
    struct cnc_error err = {0};
    char path[200];

    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(cnc__net_listen_link(w->net, path, &err), CNC_ESYS);
    assert_non_null(strstr(err.text, "longer than"));
    end_world(w);
}

static void
socket_is_taken_away_at_the_end(void **state)
{
    struct world *w = make_world();
    uint64_t deadline = in_ms(LIMIT);
    char path[128];

    snprintf(path, sizeof(path), "%s", in_dir(w, "link"));
    assert_int_equal(cnc__net_listen_link(w->net, path, NULL), 0);
    assert_int_equal(access(path, F_OK), 0);
    assert_true(turn(w, -1, deadline));
    end_world(w);
    assert_int_not_equal(access(path, F_OK), 0);
}

const struct CMUnitTest link_tests[] = {
    TEST(peer_is_known_by_its_uid),
    TEST(stale_socket_is_replaced_and_a_live_one_is_not),
    TEST(what_is_not_a_socket_is_left_alone),
    TEST(path_that_is_too_long_is_refused),
    TEST(socket_is_taken_away_at_the_end),
};
const size_t n_link_tests = CNC_N(link_tests);
