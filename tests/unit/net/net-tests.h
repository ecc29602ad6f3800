/* SPDX-License-Identifier: MIT */
/*
 * net-tests.h -- a service on a free port of loopback and clients that drive
 * its loop while they wait: no threads, no sleeps, a deadline on each wait.
 */
#ifndef CNC_TESTS_NET_H
#define CNC_TESTS_NET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../src/base/text.h"
#include "../../../src/net/net.h"
#include "../../../src/xmpp/ws.h"

struct world {
    uv_loop_t loop;
    struct cnc__net *net;
    struct cnc__net_config config;
    struct cnc__stream_env web, link;
    struct cnc__router *router;
    unsigned port;
    char dir[64];
    struct cnc__http_responder *later; /* of the last request for /later */
    unsigned n_calls;                  /* of the handler */
    bool closed;
};

/* Tests may set these before the world is made; make_world() clears them. */
extern struct cnc__net_config wanted;
extern struct cnc__stream_env wanted_web;

struct world *make_world(void);
void listen_on(struct world *w, const char *addr);
void close_world(struct world *w); /* sockets; what waits may answer yet */
void end_world(struct world *w);
struct cnc__net_stats stats(struct world *w);
const char *in_dir(struct world *w, const char *name); /* static storage */

/* One turn of the service's loop: waits for an event of it or of fd (-1:
 * none), up to the deadline; false past that. */
bool turn(struct world *w, int fd, uint64_t deadline_ms);
uint64_t in_ms(unsigned ms); /* a deadline */
#define LIMIT 20000          /* ms that nothing here should ever take */

#define UNTIL(w, condition)                                                   \
    for (uint64_t deadline_ = in_ms(LIMIT);                                   \
         uv_run(&(w)->loop, UV_RUN_NOWAIT), !(condition);) {                  \
        assert_true(turn(w, -1, deadline_));                                  \
    }

int dial(struct world *w);
int dial_to(struct world *w, const char *host);
/* One of this machine's that is not loopback; false: it has none. */
bool own_address(char out[64]);
void say(struct world *w, int fd, const char *text);
void say_bytes(struct world *w, int fd, const void *data, size_t len);
/* Read until text appears (or, NULL, the end); *got has all that came. */
void expect(struct world *w, int fd, struct cnc__str *got, const char *text);
void expect_end(struct world *w, int fd, struct cnc__str *got);
/* Send text, read to the end, check how the answer starts; closes fd. */
void ask(struct world *w, const char *text, const char *start);

/* A browser's stream: upgrade, open, ANONYMOUS, open, bind. */
int ws_dial(struct world *w, struct cnc__str *got);
void ws_say(struct world *w, int fd, const char *xml);
int ws_login(struct world *w);

extern const char ws_request[];

extern const struct CMUnitTest http_tests[], ws_tests[], tls_tests[],
    link_tests[], limit_tests[], dial_tests[], xmpp_tests[], body_tests[],
    near_tests[], handed_tests[];
extern const size_t n_http_tests, n_ws_tests, n_tls_tests, n_link_tests,
    n_limit_tests, n_dial_tests, n_xmpp_tests, n_body_tests, n_near_tests,
    n_handed_tests;

int teardown(void **state); /* after each test: back to the defaults */
#define TEST(f) cmocka_unit_test_teardown(f, teardown)

#endif /* CNC_TESTS_NET_H */
