/* SPDX-License-Identifier: MIT */
/* Ports for XMPP over TCP: clients, servers, components. */
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "../../../src/net/conn.h"
#include "certs.h"
#include "peers.h"
#include "tls-client.h"

#define STREAMS "http://etherx.jabber.org/streams"
#define HEADER                                                                \
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "              \
    "xmlns:stream='" STREAMS "' version='1.0' to='example.org'>"
#define STARTTLS "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
#define AUTH                                                                  \
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>"
#define BIND                                                                  \
    "<iq xmlns='jabber:client' type='set' id='b1'>"                           \
    "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"

struct ports {
    struct world *w;
    struct peer peer; /* of servers and components, and of clients on ask */
    bool peers_only;
    struct cnc__tls_ctx *tls;
    struct pair ca;
};

static struct cnc__stream *
make_stream(enum cnc__net_kind kind, const struct cnc__stream_peer *peer,
            const struct cnc__stream_events *events, void *events_priv,
            uint64_t now_ms, void *priv)
{
    struct ports *p = priv;

    return kind == CNC__NET_C2S && !p->peers_only
               ? cnc__stream_new(&p->w->web, peer, events, events_priv, now_ms)
               : peer_accept(kind, peer, events, events_priv, now_ms,
                             &p->peer);
}

static void
path_to(const struct ports *p, char out[160], const char *name)
{
    snprintf(out, 160, "%s/%s", p->w->dir, name);
}

static void
write_cert(struct ports *p, const char *name, struct pair_options o)
{
    struct pair pair = make_pair(o);
    char cert[160], key[160], file[64];

    snprintf(file, sizeof(file), "%s-key.pem", name);
    path_to(p, key, file);
    snprintf(file, sizeof(file), "%s.pem", name);
    path_to(p, cert, file);
    write_pair_files(&pair, cert, key);
    free_pair(&pair);
}

static struct ports *
make_ports(void)
{
    struct ports *p = cnc__zalloc(sizeof(*p));
    char cert[160], key[160], ca[160];

    wanted.stream = make_stream;
    wanted.stream_priv = p;
    p->w = make_world();
    p->w->web.tls_required = true;
    p->peer.domain = "example.org";
    peer_env = p->w->web;
    p->ca = make_pair((struct pair_options){.cn = "test CA", .ca = true});
    path_to(p, ca, "ca.pem");
    write_pair_files(&p->ca, ca, NULL);
    write_cert(p, "cert", (struct pair_options){.san = "DNS:example.org"});
    path_to(p, cert, "cert.pem");
    path_to(p, key, "cert-key.pem");
    assert_int_equal(cnc__tls_ctx_new(&p->tls,
                                      &(struct cnc__tls_files){cert, key, ca},
                                      NULL),
                     0);
    return p;
}

static void
end_ports(struct ports *p)
{
    end_world(p->w);
    cnc__tls_ctx_unref(&p->tls);
    free_pair(&p->ca);
    peer_fini(&p->peer);
    cnc__free(p);
}

static void
open_port(struct ports *p, enum cnc__net_kind kind, bool direct)
{
    struct cnc__net_port o = {.kind = kind,
                              .addr = "127.0.0.1:0",
                              .tls =
                                  kind == CNC__NET_COMPONENT ? NULL : p->tls,
                              .direct_tls = direct};
    struct cnc_error err = {0};

    if (cnc__net_listen_port(p->w->net, &o, &p->w->port, &err) != 0) {
        fail_msg("%s", err.text);
    }
}

static const struct tls_options tls13 = {.max_version = TLS1_3_VERSION};

/* Up to <proceed/>; extra goes out in the same breath. */
static int
ask_for_tls(struct ports *p, const char *extra)
{
    struct cnc__str got = CNC__STR, wire = CNC__STR;
    int fd = dial(p->w);

    say(p->w, fd, HEADER);
    expect(p->w, fd, &got, "</stream:features>");
    assert_non_null(strstr(got.data, "<starttls"));
    cnc__str_printf(&wire, "%s%s", STARTTLS, extra);
    say(p->w, fd, wire.data);
    expect(p->w, fd, &got, "<proceed");
    cnc__str_fini(&wire);
    cnc__str_fini(&got);
    return fd;
}

static void
say_tls(struct ports *p, struct tls_client *c, const char *text)
{
    assert_true(tls_say(p->w, c, text, strlen(text)));
}

static void
login(struct ports *p, struct tls_client *c)
{
    struct cnc__str got = CNC__STR;

    say_tls(p, c, HEADER);
    assert_true(tls_expect(p->w, c, &got, "</stream:features>"));
    assert_null(strstr(got.data, "<starttls"));
    say_tls(p, c, AUTH);
    assert_true(tls_expect(p->w, c, &got, "<success"));
    cnc__str_clear(&got);
    say_tls(p, c, HEADER);
    assert_true(tls_expect(p->w, c, &got, "</stream:features>"));
    say_tls(p, c, BIND);
    assert_true(tls_expect(p->w, c, &got, "<jid>"));
    cnc__str_fini(&got);
}

/* -- ways in ------------------------------------------------------------- */

static void
clients_log_in_after_starttls(void **state)
{
    struct ports *p = make_ports();
    struct tls_client c;

    open_port(p, CNC__NET_C2S, false);
    tls_wrap(&c, ask_for_tls(p, ""), tls13);
    login(p, &c);
    assert_int_equal(stats(p->w).c2s, 1);
    assert_int_equal(stats(p->w).connections, 1);
    tls_hang_up(&c);
    UNTIL(p->w, stats(p->w).c2s == 0);
    end_ports(p);
}

static void
clients_log_in_over_direct_tls(void **state)
{
    struct ports *p = make_ports();
    struct tls_client c;

    open_port(p, CNC__NET_C2S, true);
    tls_wrap(&c, dial(p->w), tls13);
    login(p, &c);
    tls_hang_up(&c);
    end_ports(p);
}

/* The class of CVE-2011-0411: said in the clear, by whoever is in the way,
 * and heard as if it had come through TLS. */
static void
what_was_said_before_tls_is_not_heard(void **state)
{
    static const char *const extras[] = {HEADER AUTH, AUTH, " ", "<x",
                                         HEADER AUTH HEADER BIND};

    for (size_t i = 0; i < CNC_N(extras); i++) {
        struct ports *p = make_ports();
        struct cnc__str got = CNC__STR;
        struct tls_client c;

        open_port(p, CNC__NET_C2S, false);
        tls_wrap(&c, ask_for_tls(p, extras[i]), tls13);
        assert_true(tls_handshake(p->w, &c));
        say_tls(p, &c, HEADER);
        assert_true(tls_expect(p->w, &c, &got, "</stream:features>"));
        assert_null(strstr(got.data, "<success"));
        assert_non_null(strstr(got.data, "<mechanism>ANONYMOUS"));
        assert_ptr_equal(strstr(got.data, "<?xml"), got.data);
        tls_hang_up(&c);
        cnc__str_fini(&got);
        end_ports(p);
    }
}

static void
what_is_not_tls_after_proceed_ends_it(void **state)
{
    struct ports *p = make_ports();
    struct cnc__str got = CNC__STR;
    int fd;

    open_port(p, CNC__NET_C2S, false);
    fd = ask_for_tls(p, "");
    say(p->w, fd, HEADER AUTH);
    expect_end(p->w, fd, &got);
    assert_true(got.len == 0 || strstr(got.data, "<success") == NULL);
    close(fd);
    cnc__str_fini(&got);
    end_ports(p);
}

static void
alpn_says_what_a_direct_connection_is(void **state)
{
    static const struct {
        const char *alpn;
        bool refused, no_servers;
        enum cnc__net_kind kind;
    } rows[] = {{"\x0bxmpp-client", false, false, CNC__NET_C2S},
                {"\x0bxmpp-server", false, false, CNC__NET_S2S},
                {"\x02h2\x0bxmpp-server", false, false, CNC__NET_S2S},
                {NULL, false, false, CNC__NET_C2S},
                {"\x02h2\x08http/1.1", true, false, CNC__NET_C2S},
                {"\x0bxmpp-client", false, true, CNC__NET_C2S},
                {"\x0bxmpp-server", true, true, CNC__NET_C2S}};

    for (size_t i = 0; i < CNC_N(rows); i++) {
        struct ports *p = make_ports();
        struct tls_client c;

        p->peers_only = true;
        if (!rows[i].no_servers) {
            open_port(p, CNC__NET_S2S, false);
        }
        open_port(p, CNC__NET_C2S, true);
        tls_wrap(&c, dial(p->w),
                 (struct tls_options){.max_version = TLS1_3_VERSION,
                                      .alpn = rows[i].alpn});
        assert_int_equal(tls_handshake(p->w, &c), !rows[i].refused);
        if (rows[i].refused) {
            UNTIL(p->w, stats(p->w).connections == 0);
            assert_int_equal(p->peer.n_streams, 0);
        } else {
            UNTIL(p->w, p->peer.n_streams == 1);
            assert_int_equal(p->peer.kind, rows[i].kind);
            assert_true(p->peer.secure);
            assert_int_equal(rows[i].kind == CNC__NET_C2S ? stats(p->w).c2s
                                                          : stats(p->w).s2s,
                             1);
        }
        tls_hang_up(&c);
        end_ports(p);
    }
}

static void
components_connect_in_the_clear(void **state)
{
    struct ports *p = make_ports();
    struct cnc__str got = CNC__STR;
    int fd;

    open_port(p, CNC__NET_COMPONENT, false);
    fd = dial(p->w);
    say(p->w, fd, HEADER);
    expect(p->w, fd, &got, "</stream:features>");
    assert_null(strstr(got.data, "starttls"));
    assert_int_equal(p->peer.kind, CNC__NET_COMPONENT);
    assert_int_equal(stats(p->w).components, 1);
    close(fd);
    cnc__str_fini(&got);
    end_ports(p);
}

/* -- TLS ----------------------------------------------------------------- */

static void
old_tls_and_weak_ciphers_are_refused(void **state)
{
    static const struct tls_options rows[] = {
        {.max_version = TLS1_1_VERSION},
        {.max_version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA"},
        {.max_version = TLS1_2_VERSION, .ciphers = "aNULL"},
    };
    struct ports *p = make_ports();

    open_port(p, CNC__NET_S2S, true);
    for (size_t i = 0; i < CNC_N(rows); i++) {
        struct tls_client c;

        tls_wrap(&c, dial(p->w), rows[i]);
        assert_false(tls_handshake(p->w, &c));
        tls_hang_up(&c);
    }
    UNTIL(p->w, stats(p->w).s2s == 0);
    end_ports(p);
}

static void
clients_certificate_is_asked_for_and_optional(void **state)
{
    for (int with = 0; with < 2; with++) {
        struct ports *p = make_ports();
        struct tls_options o = tls13;
        struct tls_client c;
        char cert[160], key[160];

        write_cert(
            p, "client",
            (struct pair_options){
                .san = "otherName:1.3.6.1.5.5.7.8.5;UTF8:romeo@example.org",
                .issuer = &p->ca});
        path_to(p, cert, "client.pem");
        path_to(p, key, "client-key.pem");
        o.cert = with ? cert : NULL;
        o.key = key;
        p->peers_only = true;
        open_port(p, CNC__NET_C2S, false);
        tls_wrap(&c, ask_for_tls(p, ""), o);
        assert_true(tls_handshake(p->w, &c));
        UNTIL(p->w, p->peer.n_secured == 1);
        assert_int_equal(p->peer.info.peer_cert, with);
        assert_int_equal(p->peer.info.trusted, with);
        if (with) {
            assert_string_equal(p->peer.jids, "romeo@example.org\n");
        } else {
            assert_null(p->peer.jids);
            assert_string_equal(p->peer.info.reason, "no certificate");
        }
        tls_hang_up(&c);
        end_ports(p);
    }
}

static void
channel_is_bound_to_what_both_sides_see(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    for (size_t i = 0; i < CNC_N(versions); i++) {
        struct ports *p = make_ports();
        uint8_t exporter[32], end_point[64];
        unsigned n = sizeof(end_point);
        struct tls_client c;

        p->peers_only = true;
        open_port(p, CNC__NET_C2S, false);
        tls_wrap(&c, ask_for_tls(p, ""),
                 (struct tls_options){.max_version = versions[i]});
        assert_int_equal(p->peer.n_exporter, 0);
        assert_true(tls_handshake(p->w, &c));
        UNTIL(p->w, p->peer.n_secured == 1);
        assert_int_equal(SSL_export_keying_material(
                             c.ssl, exporter, 32, "EXPORTER-Channel-Binding",
                             24, (const uint8_t *)"", 0, 1),
                         1);
        X509_digest(SSL_get0_peer_certificate(c.ssl), EVP_sha256(), end_point,
                    &n);
        assert_int_equal(p->peer.n_exporter, 32);
        assert_memory_equal(p->peer.exporter, exporter, 32);
        assert_int_equal(p->peer.n_end_point, n);
        assert_memory_equal(p->peer.end_point, end_point, n);
        assert_string_equal(p->peer.info.version,
                            i == 0 ? "TLSv1.2" : "TLSv1.3");
        tls_hang_up(&c);
        end_ports(p);
    }
}

static void
certificates_are_read_again(void **state)
{
    struct ports *p = make_ports();
    struct cnc_error err = {0};
    struct tls_client c[3];
    char cert[160];

    open_port(p, CNC__NET_C2S, true);
    for (int i = 0; i < 3; i++) {
        tls_wrap(&c[i], dial(p->w), tls13);
        assert_true(tls_handshake(p->w, &c[i]));
        if (i == 0) {
            write_cert(p, "cert", (struct pair_options){.cn = "the second"});
            assert_int_equal(cnc__net_reload_tls(p->w->net, &err), 0);
        } else if (i == 1) {
            path_to(p, cert, "cert.pem");
            assert_int_equal(truncate(cert, 10), 0);
            assert_int_equal(cnc__net_reload_tls(p->w->net, &err), CNC_ESYS);
            assert_non_null(strstr(err.text, "cert.pem"));
        }
    }
    assert_int_not_equal(X509_cmp(SSL_get0_peer_certificate(c[0].ssl),
                                  SSL_get0_peer_certificate(c[1].ssl)),
                         0);
    /* What cannot be read changes nothing. */
    assert_int_equal(X509_cmp(SSL_get0_peer_certificate(c[1].ssl),
                              SSL_get0_peer_certificate(c[2].ssl)),
                     0);
    login(p, &c[0]);
    for (int i = 0; i < 3; i++) {
        tls_hang_up(&c[i]);
    }
    end_ports(p);
}

/* -- limits -------------------------------------------------------------- */

static void
silent_handshakes_are_ended_by_their_deadline(void **state)
{
    static const char *const hellos[] = {"", "\x16\x03\x01"};

    for (int direct = 0; direct < 2; direct++) {
        for (size_t i = 0; i < CNC_N(hellos); i++) {
            struct cnc__str got = CNC__STR;
            struct ports *p;
            int fd;

            wanted.head_ms = 50;
            p = make_ports();
            open_port(p, CNC__NET_S2S, direct);
            fd = direct ? dial(p->w) : ask_for_tls(p, "");
            say(p->w, fd, hellos[i]);
            expect_end(p->w, fd, &got);
            close(fd);
            UNTIL(p->w, stats(p->w).s2s == 0);
            cnc__str_fini(&got);
            end_ports(p);
        }
    }
}

/* A client's first flight, to be sent any number of times. */
static struct cnc__str
make_hello(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    struct cnc__str hello = CNC__STR;
    char buf[4096];
    int n;

    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_connect(ssl);
    n = BIO_read(SSL_get_wbio(ssl), buf, sizeof(buf));
    assert_true(n > 0);
    cnc__str_add(&hello, buf, (size_t)n);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return hello;
}

#define MANY 100

static void
unfinished_handshakes_count_as_memory(void **state)
{
    struct cnc__str hello = make_hello(), got = CNC__STR;
    struct tls_client early;
    struct ports *p;
    int fds[MANY];

    wanted.max_held = 20 * CNC__TLS_SHAKING;
    p = make_ports();
    open_port(p, CNC__NET_C2S, true);
    tls_wrap(&early, dial(p->w), tls13);
    login(p, &early);
    for (int i = 0; i < MANY; i++) {
        fds[i] = dial(p->w);
        say_bytes(p->w, fds[i], hello.data, hello.len);
    }
    UNTIL(p->w, stats(p->w).refused >= MANY - 20);
    assert_in_range(stats(p->w).connections, 10, 21);
    /* Who has shaken hands before is not disturbed. */
    say_tls(p, &early,
            "<iq type='get' id='p1'><ping xmlns='urn:xmpp:ping'/></iq>");
    assert_true(tls_expect(p->w, &early, &got, "p1"));
    for (int i = 0; i < MANY; i++) {
        close(fds[i]);
    }
    UNTIL(p->w, stats(p->w).connections == 1);
    tls_hang_up(&early);
    cnc__str_fini(&hello);
    cnc__str_fini(&got);
    end_ports(p);
}

/* What an unfinished handshake is counted as covers what it takes. */
static void
unfinished_handshake_takes_no_more_than_it_counts(void **state)
{
    struct cnc__str hello = make_hello();
    struct ports *p = make_ports();
    size_t before = 0, took;
    int fds[MANY];

    open_port(p, CNC__NET_C2S, true);
    for (int i = 0; i < MANY; i++) {
        struct cnc__str got = CNC__STR;

        if (i == 1) {
            before = mallinfo2().uordblks;
        }
        fds[i] = dial(p->w);
        say_bytes(p->w, fds[i], hello.data, hello.len);
        expect(p->w, fds[i], &got, "\x16\x03\x03"); /* a server's hello */
        cnc__str_fini(&got);
    }
    took = (mallinfo2().uordblks - before) / (MANY - 1);
    print_message("an unfinished handshake takes %zu bytes\n", took);
    assert_true(took <= CNC__TLS_SHAKING);
    for (int i = 0; i < MANY; i++) {
        close(fds[i]);
    }
    cnc__str_fini(&hello);
    end_ports(p);
}

static void
session_over_tcp_is_small(void **state)
{
    struct ports *p = make_ports();
    size_t before = 0, took;
    int fds[MANY];

    p->w->web.loopback_plain = true;
    open_port(p, CNC__NET_C2S, false);
    for (int i = 0; i < MANY; i++) {
        struct cnc__str got = CNC__STR;

        if (i == 1) {
            before = mallinfo2().uordblks;
        }
        fds[i] = dial(p->w);
        say(p->w, fds[i], HEADER);
        expect(p->w, fds[i], &got, "</stream:features>");
        say(p->w, fds[i], AUTH);
        expect(p->w, fds[i], &got, "<success");
        cnc__str_clear(&got);
        say(p->w, fds[i], HEADER);
        expect(p->w, fds[i], &got, "</stream:features>");
        say(p->w, fds[i], BIND);
        expect(p->w, fds[i], &got, "<jid>");
        cnc__str_fini(&got);
    }
    took = (mallinfo2().uordblks - before) / (MANY - 1);
    print_message("a session over TCP takes %zu bytes\n", took);
    assert_true(took < 4096);
    for (int i = 0; i < MANY; i++) {
        close(fds[i]);
    }
    end_ports(p);
}

static void
refused_connections_are_closed_without_a_word(void **state)
{
    struct cnc__str got = CNC__STR;
    struct ports *p;
    int first, second;

    wanted.max_connections = 1;
    p = make_ports();
    open_port(p, CNC__NET_S2S, false);
    first = dial(p->w);
    UNTIL(p->w, stats(p->w).s2s == 1);
    second = dial(p->w);
    expect_end(p->w, second, &got);
    assert_int_equal(got.len, 0);
    assert_int_equal(stats(p->w).refused, 1);
    close(first);
    close(second);
    end_ports(p);
}

static void
one_address_gets_so_many_connections(void **state)
{
    struct cnc__str got = CNC__STR;
    char address[64], addr[80];
    struct ports *p;
    int fds[4];

    if (!own_address(address)) {
        skip();
    }
    wanted.max_per_addr = 2;
    p = make_ports();
    snprintf(addr, sizeof(addr), "%s:0", address);
    assert_int_equal(
        cnc__net_listen_port(
            p->w->net,
            &(struct cnc__net_port){CNC__NET_S2S, addr, p->tls, false},
            &p->w->port, NULL),
        0);
    for (int i = 0; i < 2; i++) {
        fds[i] = dial_to(p->w, address);
        UNTIL(p->w, stats(p->w).s2s == (unsigned)i + 1);
    }
    fds[2] = dial_to(p->w, address);
    expect_end(p->w, fds[2], &got);
    assert_int_equal(got.len, 0);
    close(fds[0]);
    UNTIL(p->w, stats(p->w).s2s == 1);
    fds[3] = dial_to(p->w, address);
    say(p->w, fds[3], HEADER);
    expect(p->w, fds[3], &got, "features>");
    for (int i = 1; i < 4; i++) {
        close(fds[i]);
    }
    cnc__str_fini(&got);
    end_ports(p);
}

const struct CMUnitTest xmpp_tests[] = {
    TEST(clients_log_in_after_starttls),
    TEST(clients_log_in_over_direct_tls),
    TEST(what_was_said_before_tls_is_not_heard),
    TEST(what_is_not_tls_after_proceed_ends_it),
    TEST(alpn_says_what_a_direct_connection_is),
    TEST(components_connect_in_the_clear),
    TEST(old_tls_and_weak_ciphers_are_refused),
    TEST(clients_certificate_is_asked_for_and_optional),
    TEST(channel_is_bound_to_what_both_sides_see),
    TEST(certificates_are_read_again),
    TEST(silent_handshakes_are_ended_by_their_deadline),
    TEST(unfinished_handshakes_count_as_memory),
    TEST(unfinished_handshake_takes_no_more_than_it_counts),
    TEST(session_over_tcp_is_small),
    TEST(refused_connections_are_closed_without_a_word),
    TEST(one_address_gets_so_many_connections),
};
const size_t n_xmpp_tests = CNC_N(xmpp_tests);
