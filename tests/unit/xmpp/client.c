/* SPDX-License-Identifier: MIT */
/* The client half against a real stream and router behind a Unix socket,
 * which a thread serves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../../../src/base/log.h"
#include "../../../src/client/client.h"
#include "../../../src/xmpp/stream.h"

struct server {
    char dir[64], path[96];
    int fd;
    int64_t uid;
    uint32_t max_stanza;
    pthread_t thread;
};

static void
on_dirty(void *priv)
{
}

static void
on_echo(struct cnc__request *r, void *priv)
{
    static const char event[] =
        "<message from='im.example.com'><event/></message>";
    static const char ping[] = "<iq type='get' id='ping' from='im.example.com"
                               "'><ping xmlns='urn:xmpp:ping'/></iq>";
    struct cnc__session *s = cnc__router_session(r->router, r->session_id);

    if (r->kind == CNC__IQ_SET) {
        cnc__request_refuse(&r, CNC_EREFUSED, NULL, "that book is there");
        return;
    }
    /* An event and a request before the answer, an event after it. */
    cnc__session_send(s, event, sizeof(event) - 1);
    cnc__session_send(s, ping, sizeof(ping) - 1);
    cnc__request_result(&r, "<echo xmlns='urn:e'/>", 21);
    cnc__session_send(s, event, sizeof(event) - 1);
}

static void *
serve(void *arg)
{
    static const struct cnc__handler echo = {CNC__IQ_GET | CNC__IQ_SET,
                                             "urn:e",
                                             "echo",
                                             NULL,
                                             on_echo,
                                             NULL,
                                             false};
    static const struct cnc__stream_events events = {on_dirty};
    struct server *v = arg;
    struct cnc__stream_env env = {.mechanisms = CNC__SASL_EXTERNAL,
                                  .max_before_auth = 10000,
                                  .max_stanza = v->max_stanza,
                                  .max_queue = 1u << 20};
    struct cnc__stream_peer peer = {.framing = CNC__FRAMING_TCP,
                                    .secure = true,
                                    .uid = v->uid,
                                    .addr = "test"};
    struct cnc__stream *s;
    int fd = accept(v->fd, NULL, NULL);
    char bytes[4096];
    ssize_t n = 1;

    env.router = cnc__router_new("im.example.com");
    cnc__router_handle(env.router, &echo, NULL);
    s = cnc__stream_new(&env, &peer, &events, NULL, 0);
    while (fd >= 0 && n > 0 && !cnc__stream_is_closed(s)) {
        struct cnc__str *out;

        n = recv(fd, bytes, sizeof(bytes), 0);
        if (n > 0) {
            cnc__stream_feed(s, bytes, (size_t)n, 0);
        }
        out = cnc__stream_out(s);
        /* A client that said good-bye does not wait for ours. */
        if (out->len > 0 && n > 0) {
            n = send(fd, out->data, out->len, MSG_NOSIGNAL);
        }
        cnc__str_fini(out);
    }
    close(fd);
    cnc__stream_free(&s);
    cnc__router_free(&env.router);
    return NULL;
}

static void
start(struct server *v, int64_t uid, uint32_t max_stanza)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    snprintf(v->dir, sizeof(v->dir), "/tmp/cnc-client-XXXXXX");
    assert_non_null(mkdtemp(v->dir));
    snprintf(v->path, sizeof(v->path), "%s/link", v->dir);
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", v->path);
    v->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(v->fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(v->fd, 4), 0);
    v->uid = uid;
    v->max_stanza = max_stanza;
    assert_int_equal(pthread_create(&v->thread, NULL, serve, v), 0);
}

static void
stop(struct server *v)
{
    pthread_join(v->thread, NULL);
    close(v->fd);
    unlink(v->path);
    rmdir(v->dir);
}

static void
a_tool_logs_in_asks_and_follows(void **state)
{
    struct server v;
    struct cnc__client *c = NULL;
    struct cnc_element *e = NULL;
    struct cnc_error err = {0};

    start(&v, (int64_t)geteuid(), 10000);
    assert_int_equal(cnc__client_open(&c, v.path, NULL, &err), 0);
    assert_string_equal(cnc__client_domain(c), "im.example.com");
    assert_ptr_equal(strstr(cnc__client_jid(c), "operator@im.example.com/"),
                     cnc__client_jid(c));
    assert_int_equal(
        cnc__client_iq(c, "get", NULL, "<echo xmlns='urn:e'/>", &e, &err), 0);
    assert_non_null(cnc_element_child(e, "urn:e", "echo"));
    cnc_element_unref(&e);
    /* Both events, in order; the request between them was answered. */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(cnc__client_next(c, &e, 10000, &err), 0);
        assert_true(cnc_element_is(e, "jabber:client", "message"));
        cnc_element_unref(&e);
    }
    assert_int_equal(cnc__client_next(c, &e, 0, &err), CNC_EAGAIN);
    cnc__client_close(&c);
    assert_null(c);
    stop(&v);
}

static void
a_refusal_carries_its_text(void **state)
{
    struct server v;
    struct cnc__client *c = NULL;
    struct cnc_element *e = NULL;
    struct cnc_error err = {0};

    start(&v, 0, 10000);
    assert_int_equal(cnc__client_open(&c, v.path, NULL, &err), 0);
    assert_int_equal(
        cnc__client_iq(c, "set", NULL, "<echo xmlns='urn:e'/>", &e, &err),
        CNC_EREFUSED);
    assert_string_equal(err.text, "that book is there");
    assert_true(cnc_element_is(e, "jabber:client", "iq"));
    cnc_element_unref(&e);
    assert_string_equal(err.condition, "not-acceptable");
    assert_int_equal(
        cnc__client_iq(c, "get", NULL, "<none xmlns='urn:e'/>", NULL, &err),
        CNC_ENOENT);
    assert_string_equal(err.condition, "service-unavailable");
    cnc__client_close(&c);
    stop(&v);
}

static void
the_reason_a_stream_ended_is_told(void **state)
{
    struct server v;
    struct cnc__client *c = NULL;
    struct cnc_error err = {0};
    char big[3001];

    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    start(&v, 0, 2000);
    assert_int_equal(cnc__client_open(&c, v.path, NULL, &err), 0);
    assert_int_equal(cnc__client_iq(c, "set", NULL, big, NULL, &err),
                     CNC_ECLOSED);
    assert_non_null(strstr(err.text, "policy-violation"));
    assert_int_equal(cnc__client_iq(c, "get", NULL, "<a/>", NULL, &err),
                     CNC_ECLOSED);
    cnc__client_close(&c);
    stop(&v);
}

static void
no_service_is_said_plainly(void **state)
{
    struct cnc__client *c = NULL;
    struct cnc_error err = {0};

    assert_int_equal(cnc__client_open(&c, "/nonexistent/link", NULL, &err),
                     CNC_ESYS);
    assert_non_null(strstr(err.text, "start it"));
    assert_null(c);
}

static void
no_log(enum cnc_log_level level, const char *event, const char *text,
       void *priv)
{
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tool_logs_in_asks_and_follows),
        cmocka_unit_test(a_refusal_carries_its_text),
        cmocka_unit_test(the_reason_a_stream_ended_is_told),
        cmocka_unit_test(no_service_is_said_plainly),
    };

    cnc__log_to(no_log, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
