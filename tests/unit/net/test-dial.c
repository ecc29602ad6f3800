/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/sha.h>

#include "certs.h"
#include "dns-server.h"
#include "peers.h"

/* A name server, a service that answers calls, and one that makes them; both
 * are the same room. */
struct scene {
    struct world *w;
    struct dns_server *dns;
    struct peer caller, callee;
    struct cnc__dial *dial;
    struct pair ca;
    struct cnc__tls_ctx *tls, *client_tls;
    unsigned n_connected, n_failed;
    bool refuse, free_in_callback;
    char condition[64], text[512], targets[512];
    char anchor[96];
};

static struct scene *
make_scene(bool sign)
{
    struct scene *s = cnc__zalloc(sizeof(*s));

    snprintf(s->anchor, sizeof(s->anchor), "/tmp/cnc-dial-key-%d", getpid());
    s->dns = dns_server_new(sign ? s->anchor : NULL);
    wanted.dns =
        (struct cnc__dns_config){.forwarder = dns_server_addr(s->dns),
                                 .trust_anchor = sign ? s->anchor : "",
                                 .hosts = "/dev/null"};
    wanted.stream = peer_accept;
    wanted.stream_priv = &s->callee;
    s->caller.domain = s->callee.domain = "a.test";
    s->w = make_world();
    dns_server_attach(s->dns, &s->w->loop);
    peer_env = s->w->web;
    s->ca = make_pair((struct pair_options){.cn = "test CA", .ca = true});
    write_pair_files(&s->ca, in_dir(s->w, "ca.pem"), NULL);
    return s;
}

static void
end_scene(struct scene *s)
{
    cnc__dial_free(&s->dial);
    assert_null(s->dial);
    dns_server_close(s->dns);
    end_world(s->w);
    cnc__tls_ctx_unref(&s->tls);
    cnc__tls_ctx_unref(&s->client_tls);
    dns_server_free(&s->dns);
    free_pair(&s->ca);
    peer_fini(&s->caller);
    peer_fini(&s->callee);
    unlink(s->anchor);
    cnc__free(s);
}

/* The certificate that callees show (also as clients). */
static struct cnc__tls_ctx *
make_tls(struct scene *s, const char *name, struct pair_options o)
{
    char cert[160], key[160], ca[160];
    struct pair p = make_pair(o);
    struct cnc__tls_ctx *tls = NULL;
    struct cnc_error err = {0};

    snprintf(cert, sizeof(cert), "%s/%s.pem", s->w->dir, name);
    snprintf(key, sizeof(key), "%s/%s-key.pem", s->w->dir, name);
    snprintf(ca, sizeof(ca), "%s/ca.pem", s->w->dir);
    write_pair_files(&p, cert, key);
    free_pair(&p);
    if (cnc__tls_ctx_new(&tls, &(struct cnc__tls_files){cert, key, ca},
                         &err) != 0) {
        fail_msg("%s", err.text);
    }
    return tls;
}

static unsigned
listen_as(struct scene *s, enum cnc__net_kind kind, const char *addr,
          bool direct)
{
    struct cnc_error err = {0};
    unsigned port = 0;

    if (cnc__net_listen_port(
            s->w->net, &(struct cnc__net_port){kind, addr, s->tls, direct},
            &port, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return port;
}

static struct cnc__stream *
on_connected(struct cnc__dial *d, const struct cnc__stream_peer *peer,
             const struct cnc__stream_events *events, void *events_priv,
             uint64_t now_ms, void *priv)
{
    struct scene *s = priv;

    s->n_connected++;
    strncat(s->targets, cnc__dial_target(d),
            sizeof(s->targets) - strlen(s->targets) - 2);
    strncat(s->targets, " ", 2);
    if (s->free_in_callback) {
        cnc__dial_free(&s->dial);
    }
    return s->refuse
               ? NULL
               : peer_call(&s->caller, peer, events, events_priv, now_ms);
}

static void
on_failed(struct cnc__dial *d, const char *condition, const char *text,
          void *priv)
{
    struct scene *s = priv;

    s->n_failed++;
    snprintf(s->condition, sizeof(s->condition), "%s", condition);
    snprintf(s->text, sizeof(s->text), "%s", text);
    if (s->free_in_callback) {
        cnc__dial_free(&s->dial);
    }
}

static const struct cnc__dial_events dial_events = {on_connected, on_failed};

static void
start_dial(struct scene *s, struct cnc__dial_options o)
{
    o.domain = o.domain == NULL ? "a.test" : o.domain;
    o.tls = o.tls == NULL ? s->client_tls : o.tls;
    s->dial = cnc__net_dial(s->w->net, &o, &dial_events, s);
    assert_int_equal(s->n_connected + s->n_failed, 0);
}

static void
connects(struct scene *s, struct cnc__dial_options o)
{
    start_dial(s, o);
    UNTIL(s->w, s->n_connected + s->n_failed > 0);
    if (s->n_failed > 0) {
        fail_msg("%s: %s", s->condition, s->text);
    }
}

static void
fails(struct scene *s, struct cnc__dial_options o, const char *condition,
      const char *text)
{
    start_dial(s, o);
    UNTIL(s->w, s->n_connected + s->n_failed > 0);
    assert_int_equal(s->n_connected, 0);
    assert_string_equal(s->condition, condition);
    if (strstr(s->text, text) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", s->text, text);
    }
}

static const struct cnc__dial_options plain = {0};

/* -- where the server is ------------------------------------------------- */

static void
srv_leads_to_the_server(void **state)
{
    struct scene *s = make_scene(false);
    unsigned port = listen_as(s, CNC__NET_S2S, "127.0.0.1:0", false);

    dns_add_srv(s->dns, "_xmpp-server._tcp.a.test", 1, 1, port, "x.a.test");
    dns_add_addr(s->dns, "x.a.test", "127.0.0.1");
    connects(s, plain);
    UNTIL(s->w, s->caller.heard.len > 0);
    assert_int_equal(s->callee.n_headers, 1);
    assert_int_equal(s->callee.kind, CNC__NET_S2S);
    assert_string_equal(s->caller.addr, "127.0.0.1");
    assert_false(s->caller.secure);
    assert_string_equal(s->caller.heard.data, "features ");
    assert_int_equal(stats(s->w).dialled, 1);
    assert_int_equal(stats(s->w).s2s, 1);
    assert_int_equal(stats(s->w).connections, 1);
    end_scene(s);
}

/* Both kinds are one list; what does not answer is passed over. */
static void
targets_are_tried_in_their_order(void **state)
{
    struct scene *s = make_scene(false);
    unsigned port = listen_as(s, CNC__NET_S2S, "127.0.0.1:0", false);
    char wanted_targets[200];

    dns_add_srv(s->dns, "_xmpps-server._tcp.a.test", 2, 1, port, "tls.test");
    dns_add_srv(s->dns, "_xmpp-server._tcp.a.test", 4, 1, port, "d.test");
    dns_add_srv(s->dns, "_xmpp-server._tcp.a.test", 1, 1, port, "b.test");
    dns_add_srv(s->dns, "_xmpp-server._tcp.a.test", 3, 1, port, "c.test");
    dns_add_addr(s->dns, "tls.test", "127.0.0.1"); /* it speaks no TLS */
    dns_add_addr(s->dns, "c.test", "127.0.0.1");
    dns_add_addr(s->dns, "d.test", "127.0.0.1");
    connects(s, plain); /* b has no address */
    snprintf(wanted_targets, sizeof(wanted_targets), "c.test:%u ", port);
    assert_string_equal(s->targets, wanted_targets);
    cnc__dial_next(s->dial);
    UNTIL(s->w, s->n_connected == 2);
    snprintf(wanted_targets, sizeof(wanted_targets), "c.test:%u d.test:%u ",
             port, port);
    assert_string_equal(s->targets, wanted_targets);
    cnc__dial_next(s->dial);
    UNTIL(s->w, s->n_failed == 1);
    assert_string_equal(s->condition, "remote-server-timeout");
    end_scene(s);
}

static void
without_srv_the_domain_itself_is_tried(void **state)
{
    struct scene *s = make_scene(false);

    dns_add_addr(s->dns, "a.test", "127.0.0.1");
    /* Whether or not somebody listens there: that is where it goes. */
    start_dial(s, plain);
    UNTIL(s->w, s->n_connected + s->n_failed > 0);
    assert_string_equal(cnc__dial_target(s->dial), "a.test:5269");
    end_scene(s);
}

static void
domain_that_is_an_address_needs_no_dns(void **state)
{
    static const char *const domains[][2] = {{"127.0.0.1", "127.0.0.1:5269"},
                                             {"[::1]", "[::1]:5269"}};

    for (size_t i = 0; i < CNC_N(domains); i++) {
        struct scene *s = make_scene(false);

        start_dial(s, (struct cnc__dial_options){.domain = domains[i][0]});
        UNTIL(s->w, s->n_connected + s->n_failed > 0);
        assert_string_equal(cnc__dial_target(s->dial), domains[i][1]);
        assert_int_equal(dns_server_asked(s->dns), 0);
        end_scene(s);
    }
}

static void
what_is_not_offered_is_not_tried(void **state)
{
    struct scene *s = make_scene(false);

    dns_add_srv(s->dns, "_xmpp-server._tcp.a.test", 0, 0, 0, "");
    dns_add_addr(s->dns, "a.test", "127.0.0.1");
    fails(s, plain, "remote-server-not-found", "offers no XMPP");
    end_scene(s);
}

static void
direct_tls_not_offered_leaves_the_other(void **state)
{
    struct scene *s = make_scene(false);
    unsigned port = listen_as(s, CNC__NET_S2S, "127.0.0.1:0", false);

    dns_add_srv(s->dns, "_xmpps-server._tcp.a.test", 0, 0, 0, "");
    dns_add_srv(s->dns, "_xmpp-server._tcp.a.test", 1, 1, port, "x.a.test");
    dns_add_addr(s->dns, "x.a.test", "127.0.0.1");
    connects(s, plain);
    end_scene(s);
}

static void
domain_that_does_not_exist_is_not_found(void **state)
{
    struct scene *s = make_scene(false);

    fails(s, plain, "remote-server-not-found", "no address");
    end_scene(s);
}

static void
forged_srv_ends_it(void **state)
{
    struct scene *s = make_scene(true);

    dns_add_srv(s->dns, "_xmpp-server._tcp.a.test", 1, 1, 9, "x.a.test");
    dns_add_fault(s->dns, "_xmpp-server._tcp.a.test", CNC__DNS_SRV,
                  DNS_FORGED);
    dns_add_addr(s->dns, "a.test", "127.0.0.1");
    fails(s, plain, "remote-server-not-found", "cannot be looked up");
    end_scene(s);
}

static void
name_server_that_fails_is_worth_another_try(void **state)
{
    struct scene *s = make_scene(false);

    dns_add_srv(s->dns, "_xmpp-server._tcp.a.test", 1, 1, 9, "x.a.test");
    dns_add_fault(s->dns, "x.a.test", CNC__DNS_A, DNS_SERVFAIL);
    dns_add_fault(s->dns, "x.a.test", CNC__DNS_AAAA, DNS_SERVFAIL);
    fails(s, plain, "remote-server-timeout", "x.a.test:9");
    end_scene(s);
}

static void
refused_connection_is_a_timeout_with_its_reason(void **state)
{
    struct scene *s = make_scene(false);

    dns_add_srv(s->dns, "_xmpp-server._tcp.a.test", 1, 1, 1, "x.a.test");
    dns_add_addr(s->dns, "x.a.test", "127.0.0.1");
    fails(s, plain, "remote-server-timeout", "Connection refused");
    end_scene(s);
}

static void
route_goes_where_it_says(void **state)
{
    struct scene *s = make_scene(false);
    unsigned port = listen_as(s, CNC__NET_COMPONENT, "[::1]:0", false);
    char route[64];

    snprintf(route, sizeof(route), "[::1]:%u", port);
    connects(s, (struct cnc__dial_options){.route = route, .no_tls = true});
    UNTIL(s->w, s->callee.n_headers == 1);
    assert_int_equal(s->callee.kind, CNC__NET_COMPONENT);
    assert_int_equal(dns_server_asked(s->dns), 0);
    assert_string_equal(cnc__dial_target(s->dial), route);
    end_scene(s);
}

static void
route_that_is_none_fails(void **state)
{
    static const char *const routes[] = {
        "", "x", "x:", "x:0", ":5269", "x:99999"};

    for (size_t i = 0; i < CNC_N(routes); i++) {
        struct scene *s = make_scene(false);

        fails(s, (struct cnc__dial_options){.route = routes[i]},
              "remote-server-not-found", "is not host:port");
        end_scene(s);
    }
}

/* -- time ---------------------------------------------------------------- */

/* A listener whose queue is full: the kernel drops what comes. */
struct hole {
    int fds[8];
    unsigned port;
};

static struct hole
make_hole(int family, unsigned port)
{
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6,
                              .sin6_addr = IN6ADDR_LOOPBACK_INIT,
                              .sin6_port = htons((uint16_t)port)};
    struct sockaddr_in a4 = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)port)};
    struct sockaddr *a =
        family == AF_INET6 ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4;
    socklen_t len = family == AF_INET6 ? sizeof(a6) : sizeof(a4);
    struct hole h = {{0}, port};

    h.fds[0] = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(h.fds[0], a, len), 0);
    assert_int_equal(listen(h.fds[0], 0), 0);
    assert_int_equal(getsockname(h.fds[0], a, &len), 0);
    h.port = ntohs(family == AF_INET6 ? a6.sin6_port : a4.sin_port);
    for (size_t i = 1; i < CNC_N(h.fds); i++) {
        h.fds[i] =
            socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(h.fds[i], a, len);
    }
    return h;
}

static void
close_hole(struct hole *h)
{
    for (size_t i = 0; i < CNC_N(h->fds); i++) {
        close(h->fds[i]);
    }
}

static void
dead_ipv6_does_not_hold_ipv4_up(void **state)
{
    struct scene *s = make_scene(false);
    unsigned port = listen_as(s, CNC__NET_S2S, "127.0.0.1:0", false);
    struct hole h = make_hole(AF_INET6, port);
    uint64_t began = uv_hrtime(), took;

    dns_add_srv(s->dns, "_xmpp-server._tcp.a.test", 1, 1, port, "x.a.test");
    dns_add_addr(s->dns, "x.a.test", "::1");
    dns_add_addr(s->dns, "x.a.test", "127.0.0.1");
    connects(s, plain);
    took = (uv_hrtime() - began) / 1000000;
    assert_string_equal(s->caller.addr, "127.0.0.1");
    assert_in_range(took, 240, 5000);
    close_hole(&h);
    end_scene(s);
}

static void
ipv6_goes_first(void **state)
{
    struct scene *s = make_scene(false);
    unsigned port = listen_as(s, CNC__NET_S2S, "*:0", false);

    dns_add_srv(s->dns, "_xmpp-server._tcp.a.test", 1, 1, port, "x.a.test");
    dns_add_addr(s->dns, "x.a.test", "127.0.0.1");
    dns_add_addr(s->dns, "x.a.test", "::1");
    connects(s, plain);
    assert_string_equal(s->caller.addr, "::1");
    end_scene(s);
}

static void
silent_target_is_passed_over_in_time(void **state)
{
    struct scene *s = make_scene(false);
    struct hole h = make_hole(AF_INET, 0);
    unsigned port = listen_as(s, CNC__NET_S2S, "127.0.0.1:0", false);

    dns_add_srv(s->dns, "_xmpp-server._tcp.a.test", 1, 1, h.port, "x.a.test");
    dns_add_srv(s->dns, "_xmpp-server._tcp.a.test", 2, 1, port, "x.a.test");
    dns_add_addr(s->dns, "x.a.test", "127.0.0.1");
    connects(s, (struct cnc__dial_options){.target_ms = 100});
    close_hole(&h);
    end_scene(s);
}

/* TCP comes up and then nobody shakes hands. */
static void
silent_handshake_is_passed_over_in_time(void **state)
{
    struct scene *s = make_scene(false);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unsigned port = listen_as(s, CNC__NET_S2S, "127.0.0.1:0", false);

    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    dns_add_srv(s->dns, "_xmpps-server._tcp.a.test", 1, 1, ntohs(a.sin_port),
                "x.a.test");
    dns_add_srv(s->dns, "_xmpp-server._tcp.a.test", 2, 1, port, "x.a.test");
    dns_add_addr(s->dns, "x.a.test", "127.0.0.1");
    connects(s, (struct cnc__dial_options){.target_ms = 100});
    assert_int_equal(s->caller.n_streams, 1);
    close(fd);
    end_scene(s);
}

static void
whole_call_has_its_limit(void **state)
{
    struct scene *s = make_scene(false);
    struct hole h = make_hole(AF_INET, 0);

    dns_add_srv(s->dns, "_xmpp-server._tcp.a.test", 1, 1, h.port, "x.a.test");
    dns_add_addr(s->dns, "x.a.test", "127.0.0.1");
    fails(s, (struct cnc__dial_options){.total_ms = 100},
          "remote-server-timeout", "in time");
    close_hole(&h);
    end_scene(s);
}

/* -- ends ---------------------------------------------------------------- */

static void
dial_may_be_freed_at_any_time(void **state)
{
    struct scene *s = make_scene(false);
    unsigned port = listen_as(s, CNC__NET_S2S, "127.0.0.1:0", false);

    dns_add_srv(s->dns, "_xmpp-server._tcp.a.test", 1, 1, port, "x.a.test");
    dns_add_addr(s->dns, "x.a.test", "127.0.0.1");
    start_dial(s, plain);
    cnc__dial_free(&s->dial);
    for (int turns = 1; turns < 12; turns++) {
        start_dial(s, plain);
        for (int i = 0; i < turns && s->dial != NULL; i++) {
            turn(s->w, -1, in_ms(5));
        }
        cnc__dial_free(&s->dial);
        s->n_connected = s->n_failed = 0;
    }
    /* In its callbacks, and the stream goes on. */
    UNTIL(s->w, stats(s->w).dialled == 0 || s->caller.stream != NULL);
    s->free_in_callback = true;
    cnc__str_clear(&s->caller.heard);
    s->n_connected = s->n_failed = 0;
    connects(s, plain);
    assert_null(s->dial);
    UNTIL(s->w, s->caller.heard.len > 0);
    s->n_connected = 0;
    fails(s, (struct cnc__dial_options){.domain = "no.test"},
          "remote-server-not-found", "");
    assert_null(s->dial);
    end_scene(s);
}

static void
stream_that_nobody_wants_is_closed(void **state)
{
    struct scene *s = make_scene(false);
    unsigned port = listen_as(s, CNC__NET_S2S, "127.0.0.1:0", false);

    dns_add_srv(s->dns, "_xmpp-server._tcp.a.test", 1, 1, port, "x.a.test");
    dns_add_addr(s->dns, "x.a.test", "127.0.0.1");
    s->refuse = true;
    connects(s, plain);
    UNTIL(s->w, stats(s->w).dialled == 0 && stats(s->w).s2s == 0);
    assert_int_equal(s->n_failed, 0);
    end_scene(s);
}

static void
room_closes_while_dialling(void **state)
{
    struct scene *s = make_scene(false);
    struct cnc__dial *others[3];

    dns_add_fault(s->dns, "_xmpp-server._tcp.a.test", CNC__DNS_SRV,
                  DNS_SILENT);
    start_dial(s, plain);
    for (size_t i = 0; i < CNC_N(others); i++) {
        others[i] = cnc__net_dial(
            s->w->net, &(struct cnc__dial_options){.domain = "b.test"},
            &dial_events, s);
    }
    turn(s->w, -1, in_ms(20));
    dns_server_close(s->dns);
    close_world(s->w);
    assert_int_equal(s->n_connected + s->n_failed, 0);
    for (size_t i = 0; i < CNC_N(others); i++) {
        cnc__dial_free(&others[i]);
    }
    cnc__dial_free(&s->dial);
    dns_server_free(&s->dns);
    end_world(s->w);
    cnc__tls_ctx_unref(&s->tls);
    free_pair(&s->ca);
    unlink(s->anchor);
    cnc__free(s);
}

/* -- TLS ----------------------------------------------------------------- */

#define OTHER "otherName:1.3.6.1.5.5.7.8.5;UTF8:"

/* Connect by STARTTLS and by direct TLS with these certificates. */
static void
shake_hands(struct scene *s, struct pair_options server,
            const struct pair_options *client, bool direct)
{
    unsigned port;

    s->tls = make_tls(s, "server", server);
    s->client_tls = client == NULL ? NULL : make_tls(s, "client", *client);
    if (s->client_tls == NULL) {
        struct pair_options none = {.san = NULL};

        s->client_tls = make_tls(s, "none", none);
    }
    port = listen_as(s, CNC__NET_S2S, "127.0.0.1:0", direct);
    dns_add_srv(s->dns,
                direct ? "_xmpps-server._tcp.a.test"
                       : "_xmpp-server._tcp.a.test",
                1, 1, port, "x.a.test");
    dns_add_addr(s->dns, "x.a.test", "127.0.0.1");
    s->caller.starttls = !direct;
    connects(s, plain);
    if (direct) {
        UNTIL(s->w, s->caller.heard.len > 0);
        assert_true(s->caller.secure && s->callee.secure);
    } else {
        UNTIL(s->w, s->caller.n_headers == 2);
        assert_int_equal(s->caller.n_secured, 1);
        assert_int_equal(s->callee.n_secured, 1);
        assert_string_equal(s->callee.heard.data, "starttls ");
    }
    assert_true(s->caller.info.peer_cert);
}

static void
trusted_peers_know_each_other(void **state)
{
    for (int direct = 0; direct < 2; direct++) {
        struct scene *s = make_scene(false);
        struct pair_options o = {.san = OTHER "a.test, " OTHER "u@a.test",
                                 .issuer = &s->ca};

        shake_hands(s, o, &o, direct);
        assert_true(s->caller.info.trusted);
        assert_true(s->caller.matches);
        assert_string_equal(s->caller.info.version, "TLSv1.3");
        assert_string_equal(s->caller.info.reason, "");
        assert_true(s->callee.info.trusted);
        assert_true(s->callee.matches);
        assert_string_equal(s->callee.jids, "a.test\nu@a.test\n");
        assert_int_equal(s->caller.n_exporter, 32);
        assert_int_equal(s->callee.n_exporter, 32);
        assert_memory_equal(s->caller.exporter, s->callee.exporter, 32);
        assert_int_equal(s->caller.n_end_point, 32);
        assert_int_equal(s->callee.n_end_point, 32);
        assert_memory_equal(s->caller.end_point, s->callee.end_point, 32);
        end_scene(s);
    }
}

struct fault_row {
    const char *what, *reason; /* "": trusted, for another domain */
    const char *cn, *san;
    bool self_signed, expired;
};

/* The handshake succeeds, the certificate proves nothing. */
static void
certificates_that_prove_nothing_do_not_break_tls(void **state)
{
    static const struct fault_row rows[] = {
        {"another name", "", NULL, "DNS:b.test", false, false},
        {"the common name alone", "", "a.test", NULL, false, false},
        {"expired", "certificate has expired", NULL, "DNS:a.test", false,
         true},
        {"self-signed", "self-signed certificate", NULL, "DNS:a.test", true,
         false},
    };

    for (size_t i = 0; i < CNC_N(rows); i++) {
        struct scene *s = make_scene(false);

        shake_hands(s,
                    (struct pair_options){
                        .cn = rows[i].cn,
                        .san = rows[i].san,
                        .expired = rows[i].expired,
                        .issuer = rows[i].self_signed ? NULL : &s->ca},
                    NULL, i % 2 == 0);
        assert_string_equal(s->caller.info.reason, rows[i].reason);
        assert_int_equal(s->caller.info.trusted, rows[i].reason[0] == '\0');
        assert_false(s->caller.matches);
        end_scene(s);
    }
}

/* Authorities do not issue certificates for clients any more. */
static void
servers_certificate_serves_to_call_with(void **state)
{
    static const struct {
        const char *usage;
        bool trusted;
    } rows[] = {
        {"serverAuth", true}, {"clientAuth", true}, {"codeSigning", false}};

    for (size_t i = 0; i < CNC_N(rows); i++) {
        struct scene *s = make_scene(false);
        struct pair_options o = {
            .san = "DNS:a.test", .usage = rows[i].usage, .issuer = &s->ca};

        shake_hands(s, o, &o, false);
        assert_int_equal(s->callee.info.trusted, rows[i].trusted);
        assert_int_equal(s->caller.info.trusted, rows[i].trusted);
        end_scene(s);
    }
}

/* -- DANE ---------------------------------------------------------------- */

static void
dane(struct scene *s, const struct pair *p, unsigned usage, bool right_key,
     enum dns_fault fault)
{
    char cert[160], key[160], name[64];
    uint8_t hash[32], *der = NULL;
    const struct pair *end = usage == 2 ? &s->ca : p;
    int len = i2d_X509(end->cert, &der);
    unsigned port;

    snprintf(cert, sizeof(cert), "%s/s.pem", s->w->dir);
    snprintf(key, sizeof(key), "%s/s-key.pem", s->w->dir);
    write_pair_files(p, cert, key);
    if (usage == 2) { /* the authority goes along */
        FILE *f = fopen(cert, "a");

        PEM_write_X509(f, s->ca.cert);
        fclose(f);
    }
    assert_int_equal(
        cnc__tls_ctx_new(&s->tls, &(struct cnc__tls_files){cert, key, NULL},
                         NULL),
        0);
    port = listen_as(s, CNC__NET_S2S, "127.0.0.1:0", true);
    snprintf(name, sizeof(name), "_%u._tcp.x.a.test", port);
    SHA256(der, (size_t)len, hash);
    OPENSSL_free(der);
    hash[0] ^= !right_key;
    dns_add_srv(s->dns, "_xmpps-server._tcp.a.test", 1, 1, port, "x.a.test");
    dns_add_addr(s->dns, "x.a.test", "127.0.0.1");
    dns_add_tlsa(s->dns, name, usage, 0, 1, hash, 32);
    if (fault != (enum dns_fault) - 1) {
        dns_add_fault(s->dns, name, CNC__DNS_TLSA, fault);
    }
}

#define NO_FAULT ((enum dns_fault) - 1)

static void
tlsa_of_the_key_is_enough(void **state)
{
    struct scene *s = make_scene(true);
    struct pair p = make_pair((struct pair_options){.cn = "anything"});

    dane(s, &p, 3, true, NO_FAULT);
    connects(s, plain);
    assert_true(s->caller.info.trusted);
    assert_true(s->caller.matches);
    free_pair(&p);
    end_scene(s);
}

static void
tlsa_of_the_authority_wants_the_name(void **state)
{
    static const struct {
        const char *san;
        bool matches;
    } rows[] = {{"DNS:a.test", true},
                {"DNS:x.a.test", true}, /* the target: RFC 7673 4 */
                {"DNS:b.test", false}};

    for (size_t i = 0; i < CNC_N(rows); i++) {
        struct scene *s = make_scene(true);
        struct pair p = make_pair(
            (struct pair_options){.san = rows[i].san, .issuer = &s->ca});

        dane(s, &p, 2, true, NO_FAULT);
        connects(s, plain);
        assert_true(s->caller.info.trusted);
        assert_int_equal(s->caller.matches, rows[i].matches);
        free_pair(&p);
        end_scene(s);
    }
}

static void
tlsa_of_another_key_is_not_trusted(void **state)
{
    struct scene *s = make_scene(true);
    struct pair p = make_pair((struct pair_options){.san = "DNS:a.test"});

    dane(s, &p, 3, false, NO_FAULT);
    connects(s, plain);
    assert_false(s->caller.info.trusted);
    assert_false(s->caller.matches);
    free_pair(&p);
    end_scene(s);
}

static void
tlsa_without_dnssec_says_nothing(void **state)
{
    struct scene *s = make_scene(false);
    struct pair p = make_pair((struct pair_options){.san = "DNS:a.test"});

    dane(s, &p, 3, true, NO_FAULT);
    connects(s, plain);
    assert_false(s->caller.info.trusted);
    free_pair(&p);
    end_scene(s);
}

static void
target_whose_tlsa_is_withheld_is_not_used(void **state)
{
    struct scene *s = make_scene(true);
    struct pair p = make_pair((struct pair_options){.san = "DNS:a.test"});

    dane(s, &p, 3, true, DNS_FORGED);
    fails(s, plain, "remote-server-timeout", "TLSA");
    free_pair(&p);
    end_scene(s);
}

const struct CMUnitTest dial_tests[] = {
    TEST(srv_leads_to_the_server),
    TEST(targets_are_tried_in_their_order),
    TEST(without_srv_the_domain_itself_is_tried),
    TEST(domain_that_is_an_address_needs_no_dns),
    TEST(what_is_not_offered_is_not_tried),
    TEST(direct_tls_not_offered_leaves_the_other),
    TEST(domain_that_does_not_exist_is_not_found),
    TEST(forged_srv_ends_it),
    TEST(name_server_that_fails_is_worth_another_try),
    TEST(refused_connection_is_a_timeout_with_its_reason),
    TEST(route_goes_where_it_says),
    TEST(route_that_is_none_fails),
    TEST(dead_ipv6_does_not_hold_ipv4_up),
    TEST(ipv6_goes_first),
    TEST(silent_target_is_passed_over_in_time),
    TEST(silent_handshake_is_passed_over_in_time),
    TEST(whole_call_has_its_limit),
    TEST(dial_may_be_freed_at_any_time),
    TEST(stream_that_nobody_wants_is_closed),
    TEST(room_closes_while_dialling),
    TEST(trusted_peers_know_each_other),
    TEST(certificates_that_prove_nothing_do_not_break_tls),
    TEST(servers_certificate_serves_to_call_with),
    TEST(tlsa_of_the_key_is_enough),
    TEST(tlsa_of_the_authority_wants_the_name),
    TEST(tlsa_of_another_key_is_not_trusted),
    TEST(tlsa_without_dnssec_says_nothing),
    TEST(target_whose_tlsa_is_withheld_is_not_used),
};
const size_t n_dial_tests = CNC_N(dial_tests);
