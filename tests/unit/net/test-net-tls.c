/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <unistd.h>

#include <openssl/x509v3.h>

#include "certs.h"
#include "tls-client.h"

static void
write_pair(struct world *w, const char *cert, const char *key)
{
    struct pair p = make_pair((struct pair_options){.san = "DNS:example.org"});
    char cert_path[128], key_path[128];

    snprintf(cert_path, sizeof(cert_path), "%s/%s", w->dir, cert);
    snprintf(key_path, sizeof(key_path), "%s/%s", w->dir, key);
    write_pair_files(&p, cert_path, key_path);
    free_pair(&p);
}

static struct world *
tls_world(void)
{
    struct world *w = make_world();
    struct cnc_error err = {0};
    char cert[128];

    write_pair(w, "cert.pem", "key.pem");
    snprintf(cert, sizeof(cert), "%s", in_dir(w, "cert.pem"));
    if (cnc__net_listen(w->net, "127.0.0.1:0", cert, in_dir(w, "key.pem"),
                        &w->port, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return w;
}

static void
tls_dial(struct world *w, struct tls_client *c, int max_version)
{
    tls_wrap(c, dial(w),
             (struct tls_options){.max_version = max_version,
                                  .alpn = "\x02h2\x08http/1.1"});
}

#define H "Host: example.org\r\n"

static void
requests_over_tls_are_secure(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct world *w = tls_world();

    for (size_t i = 0; i < CNC_N(versions); i++) {
        static const char wire[] = "GET /t HTTP/1.1\r\n" H "\r\n";
        struct cnc__str got = CNC__STR;
        struct tls_client c;
        const unsigned char *alpn;
        unsigned len;

        tls_dial(w, &c, versions[i]);
        assert_true(tls_say(w, &c, wire, sizeof(wire) - 1));
        assert_true(tls_expect(w, &c, &got, "GET /t? secure 127.0.0.1"));
        assert_int_equal(SSL_version(c.ssl), versions[i]);
        SSL_get0_alpn_selected(c.ssl, &alpn, &len);
        assert_int_equal(len, 8);
        assert_memory_equal(alpn, "http/1.1", 8);
        tls_hang_up(&c);
        cnc__str_fini(&got);
    }
    end_world(w);
}

static void
large_answers_over_tls_come_whole_and_in_order(void **state)
{
    static const char wire[] =
        "GET /big?1 HTTP/1.1\r\n" H "\r\nGET /mid HTTP/1.1\r\n" H "\r\n"
        "GET /big?2 HTTP/1.1\r\n" H "Connection: close\r\n\r\n";
    struct world *w = tls_world();
    struct cnc__str got = CNC__STR;
    struct tls_client c;
    size_t n[256] = {0};
    char *mid;

    tls_dial(w, &c, TLS1_3_VERSION);
    assert_true(tls_say(w, &c, wire, sizeof(wire) - 1));
    assert_false(tls_expect(w, &c, &got, NULL));
    /* Ended by close_notify: nothing was cut. */
    assert_int_equal(SSL_get_shutdown(c.ssl) & SSL_RECEIVED_SHUTDOWN,
                     SSL_RECEIVED_SHUTDOWN);
    mid = strstr(got.data, "GET /mid?");
    assert_non_null(mid);
    for (char *p = strstr(got.data, "\r\n\r\n") + 4; p < mid; p++) {
        n[(unsigned char)*p] += *p == '1';
    }
    for (char *p = mid; *p != '\0'; p++) {
        n[(unsigned char)*p] += *p == '2';
    }
    assert_true(n['1'] >= 3 << 20 && n['1'] < (3 << 20) + 50);
    assert_true(n['2'] >= 3 << 20 && n['2'] < (3 << 20) + 50);
    tls_hang_up(&c);
    cnc__str_fini(&got);
    end_world(w);
}

static void
large_bodies_over_tls_are_read(void **state)
{
    struct world *w = tls_world();
    struct cnc__str wire = CNC__STR, got = CNC__STR;
    struct tls_client c;

    cnc__str_puts(&wire,
                  "POST /p HTTP/1.1\r\n" H "Content-Length: 500000\r\n\r\n");
    for (int i = 0; i < 500000; i++) {
        cnc__str_putc(&wire, 'a');
    }
    tls_dial(w, &c, TLS1_3_VERSION);
    assert_true(tls_say(w, &c, wire.data, wire.len));
    assert_true(tls_expect(w, &c, &got, "secure 127.0.0.1 500000:"));
    tls_hang_up(&c);
    cnc__str_fini(&got);
    cnc__str_fini(&wire);
    end_world(w);
}

static void
streams_over_tls_open_from_the_https_origin_alone(void **state)
{
    struct world *w = tls_world();

    for (int good = 0; good < 2; good++) {
        struct cnc__str wire = CNC__STR, got = CNC__STR;
        const char *origin = strstr(ws_request, "http://");
        static const char open[] =
            "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' "
            "version='1.0' to='example.org'/>";
        struct tls_client c;

        cnc__str_add(&wire, ws_request, (size_t)(origin - ws_request));
        cnc__str_puts(&wire, good ? "https" : "http");
        cnc__str_puts(&wire, origin + 4);
        cnc__ws_add_masked(&wire, CNC__WS_TEXT, open, strlen(open));
        tls_dial(w, &c, TLS1_3_VERSION);
        assert_true(tls_say(w, &c, wire.data, wire.len));
        assert_true(
            tls_expect(w, &c, &got, good ? "features>" : "HTTP/1.1 403 "));
        tls_hang_up(&c);
        cnc__str_fini(&got);
        cnc__str_fini(&wire);
    }
    end_world(w);
}

static void
tls_1_1_is_refused(void **state)
{
    struct world *w = tls_world();
    struct tls_client c;

    tls_dial(w, &c, TLS1_1_VERSION);
    assert_false(tls_say(w, &c, "x", 1));
    tls_hang_up(&c);
    UNTIL(w, stats(w).connections == 0);
    end_world(w);
}

static void
plain_http_on_the_tls_port_is_closed(void **state)
{
    struct world *w = tls_world();
    struct cnc__str got = CNC__STR;
    int fd = dial(w);

    say(w, fd, "GET / HTTP/1.1\r\n" H "\r\n");
    expect_end(w, fd, &got);
    assert_int_equal(w->n_calls, 0);
    close(fd);
    cnc__str_fini(&got);
    end_world(w);
}

static void
silent_handshake_is_ended_by_its_deadline(void **state)
{
    struct cnc__str got = CNC__STR;
    struct world *w;
    int fd;

    wanted.head_ms = 50;
    w = tls_world();
    fd = dial(w);
    say(w, fd, "\x16\x03\x01"); /* the start of a hello */
    expect_end(w, fd, &got);
    assert_int_equal(got.len, 0);
    close(fd);
    cnc__str_fini(&got);
    end_world(w);
}

static void
files_that_do_not_fit_are_refused_with_their_names(void **state)
{
    struct world *w = make_world();
    struct cnc_error err = {0};
    char cert[128], key[128], other[128];

    write_pair(w, "cert.pem", "key.pem");
    write_pair(w, "other.pem", "other-key.pem");
    snprintf(cert, sizeof(cert), "%s", in_dir(w, "cert.pem"));
    snprintf(key, sizeof(key), "%s", in_dir(w, "key.pem"));
    snprintf(other, sizeof(other), "%s", in_dir(w, "other-key.pem"));
    assert_int_equal(
        cnc__net_listen(w->net, "127.0.0.1:0", cert, other, NULL, &err),
        CNC_ESYS);
    assert_non_null(strstr(err.text, "other-key.pem"));
    assert_int_equal(cnc__net_listen(w->net, "127.0.0.1:0", "/no/such.pem",
                                     key, NULL, &err),
                     CNC_ESYS);
    assert_non_null(strstr(err.text, "/no/such.pem"));
    assert_int_equal(
        cnc__net_listen(w->net, "127.0.0.1:0", key, key, NULL, &err),
        CNC_ESYS);
    assert_non_null(strstr(err.text, "certificate"));
    assert_int_equal(
        cnc__net_listen(w->net, "127.0.0.1:0", cert, NULL, NULL, &err),
        CNC_ESYS);
    assert_non_null(strstr(err.text, "the key is missing"));
    end_world(w);
}

static struct cnc__tls_ctx *
ctx_for(struct world *w, const char *san)
{
    struct pair p = make_pair((struct pair_options){.san = san});
    struct cnc__tls_ctx *ctx = NULL;
    char cert[128];

    snprintf(cert, sizeof(cert), "%s", in_dir(w, "cert.pem"));
    write_pair_files(&p, cert, in_dir(w, "key.pem"));
    assert_int_equal(
        cnc__tls_ctx_new(&ctx,
                         &(struct cnc__tls_files){.cert = cert,
                                                  .key = in_dir(w, "key.pem")},
                         NULL),
        0);
    free_pair(&p);
    return ctx;
}

/* SNI: by the domain, else by the names in the certificates, else the first;
 * and ALPN goes on. */
static void
the_name_that_is_asked_for_chooses_the_certificate(void **state)
{
    static const struct {
        const char *asked, *shown;
    } cases[] = {
        {"a.example", "a.example"},     {"B.Example", "b.example"},
        {"www.b.example", "b.example"}, {"www.a.example", "a.example"},
        {"c.example", "a.example"},     {NULL, "a.example"}};
    static const char wire[] = "GET /t HTTP/1.1\r\n" H "\r\n";
    struct world *w = make_world();
    struct cnc__tls_ctx *a = ctx_for(w, "DNS:a.example");
    struct cnc__tls_ctx *b = ctx_for(w, "DNS:b.example,DNS:www.b.example");

    cnc__tls_ctx_join(a, a, "a.example");
    cnc__tls_ctx_join(a, b, "b.example");
    assert_ptr_equal(cnc__tls_ctx_of(a, "b.example"), b);
    assert_ptr_equal(cnc__tls_ctx_of(a, "c.example"), a);
    assert_int_equal(
        cnc__net_listen_web(w->net, "127.0.0.1:0", a, &w->port, NULL), 0);
    for (size_t i = 0; i < CNC_N(cases); i++) {
        struct cnc__str got = CNC__STR;
        struct tls_client c;
        const unsigned char *alpn;
        unsigned len;
        X509 *cert;

        tls_dial(w, &c, 0);
        SSL_set_tlsext_host_name(c.ssl, cases[i].asked);
        assert_true(tls_say(w, &c, wire, sizeof(wire) - 1));
        assert_true(tls_expect(w, &c, &got, "GET /t? secure 127.0.0.1"));
        cert = SSL_get1_peer_certificate(c.ssl);
        assert_int_equal(X509_check_host(cert, cases[i].shown, 0, 0, NULL), 1);
        SSL_get0_alpn_selected(c.ssl, &alpn, &len);
        assert_int_equal(len, 8);
        X509_free(cert);
        tls_hang_up(&c);
        cnc__str_fini(&got);
    }
    end_world(w);
    cnc__tls_ctx_unref(&a);
    cnc__tls_ctx_unref(&b);
}

const struct CMUnitTest tls_tests[] = {
    TEST(requests_over_tls_are_secure),
    TEST(large_answers_over_tls_come_whole_and_in_order),
    TEST(large_bodies_over_tls_are_read),
    TEST(streams_over_tls_open_from_the_https_origin_alone),
    TEST(tls_1_1_is_refused),
    TEST(plain_http_on_the_tls_port_is_closed),
    TEST(silent_handshake_is_ended_by_its_deadline),
    TEST(files_that_do_not_fit_are_refused_with_their_names),
    TEST(the_name_that_is_asked_for_chooses_the_certificate),
};
const size_t n_tls_tests = CNC_N(tls_tests);
