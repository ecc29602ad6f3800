/* SPDX-License-Identifier: MIT */
/* The doctor judges data: no network here.  Each finding is looked up by its
 * name and level, and by what it tells to paste. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "../../../src/ctl/doctor.h"

static const struct doctor_finding *
find(const struct doctor_report *r, enum doctor_level level, const char *check)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->list[i].level == level &&
            strcmp(r->list[i].check, check) == 0) {
            return &r->list[i];
        }
    }
    return NULL;
}

static void
expect(const struct doctor_report *r, enum doctor_level level,
       const char *check, const char *text, const char *fix)
{
    const struct doctor_finding *f = find(r, level, check);

    assert_non_null(f);
    assert_non_null(strstr(f->text, text));
    if (fix != NULL) {
        assert_non_null(f->fix);
        assert_non_null(strstr(f->fix, fix));
    }
}

static void
add_addr(struct doctor_addrs *a, const char *text)
{
    struct doctor_addr *x = &a->list[a->n++];

    x->family = strchr(text, ':') == NULL ? AF_INET : AF_INET6;
    assert_int_equal(inet_pton(x->family, text, x->bytes), 1);
    a->found = DOCTOR_FOUND;
}

static struct doctor_srv *
add_srv(struct doctor_zone *z, enum doctor_kind kind, const char *target,
        uint16_t port)
{
    struct doctor_srvs *srvs = &z->srv[kind];
    struct doctor_srv *s = &srvs->list[srvs->n++];

    srvs->found = DOCTOR_FOUND;
    s->port = port;
    snprintf(s->target, sizeof(s->target), "%s", target);
    return s;
}

/* example.org, with all four services on xmpp.example.org. */
static struct doctor_zone *
whole(void)
{
    struct doctor_zone *z = cnc__zalloc(sizeof(*z));

    snprintf(z->domain, sizeof(z->domain), "example.org");
    add_addr(&z->own, "203.0.113.5");
    add_addr(&z->own, "2001:db8::5");
    for (int k = 0; k < DOCTOR_N_KINDS; k++) {
        struct doctor_srv *s =
            add_srv(z, k, "xmpp.example.org", doctor_services[k].port);

        add_addr(&s->addrs, "203.0.113.6");
    }
    z->dnssec = DOCTOR_DNSSEC_SECURE;
    return z;
}

static void
judge(struct doctor_report *r, struct doctor_zone **z)
{
    memset(r, 0, sizeof(*r));
    doctor_judge_zone(r, *z);
    cnc__free(*z);
    *z = NULL;
}

static void
a_whole_zone_is_well(void **state)
{
    struct doctor_zone *z = whole();
    struct doctor_report r;

    judge(&r, &z);
    assert_int_equal(doctor_worst(&r), DOCTOR_OK);
    expect(&r, DOCTOR_OK, "dns.srv.xmpp-client", "xmpp.example.org:5222",
           NULL);
    expect(&r, DOCTOR_OK, "dns.address", "203.0.113.5, 2001:db8::5", NULL);
    doctor_report_fini(&r);
}

static void
an_empty_zone_says_each_line_it_lacks(void **state)
{
    struct doctor_zone *z = cnc__zalloc(sizeof(*z));
    struct doctor_report r;

    snprintf(z->domain, sizeof(z->domain), "example.org");
    judge(&r, &z);
    expect(&r, DOCTOR_FAIL, "dns.address", "no address",
           "example.org. 3600 IN A ");
    expect(&r, DOCTOR_FAIL, "dns.srv.xmpp-client", "port 5222",
           "_xmpp-client._tcp.example.org. 3600 IN SRV 0 5 5222 example.org.");
    expect(&r, DOCTOR_WARN, "dns.srv.xmpps-server", "no SRV",
           "_xmpps-server._tcp.example.org. 3600 IN SRV 0 5 5270 "
           "example.org.");
    expect(&r, DOCTOR_WARN, "dns.dnssec", "no trust anchor", NULL);
    doctor_report_fini(&r);
}

static void
direct_tls_is_proposed_where_starttls_is(void **state)
{
    struct doctor_zone *z = whole();
    struct doctor_report r;

    z->srv[DOCTOR_CLIENTS].n = 0;
    z->srv[DOCTOR_CLIENTS].found = DOCTOR_NONE;
    judge(&r, &z);
    expect(&r, DOCTOR_WARN, "dns.srv.xmpps-client", "first byte",
           "SRV 0 5 5223 xmpp.example.org.");
    doctor_report_fini(&r);
}

static void
bad_targets_fail_each_with_its_reason(void **state)
{
    struct doctor_zone *z = whole();
    struct doctor_report r;

    snprintf(z->srv[DOCTOR_CLIENT].list[0].addrs.alias, DOCTOR_NAME,
             "real.example.org");
    z->srv[DOCTOR_CLIENTS].list[0].addrs.n = 0;
    z->srv[DOCTOR_SERVER].list[0].port = 0;
    snprintf(z->srv[DOCTOR_SERVERS].list[0].target, DOCTOR_NAME, "192.0.2.7");
    judge(&r, &z);
    expect(&r, DOCTOR_FAIL, "dns.srv.xmpp-client", "is a CNAME",
           "SRV 0 5 5222 real.example.org.");
    expect(&r, DOCTOR_FAIL, "dns.srv.xmpps-client", "has no address",
           "xmpp.example.org. 3600 IN A");
    expect(&r, DOCTOR_FAIL, "dns.srv.xmpp-server", "port 0", "5269");
    expect(&r, DOCTOR_FAIL, "dns.srv.xmpps-server", "a target is a name",
           NULL);
    doctor_report_fini(&r);
}

static void
a_dot_means_there_is_no_such_service(void **state)
{
    struct doctor_zone *z = whole();
    struct doctor_report r;

    /* Direct TLS alone for clients; servers are sent away. */
    z->srv[DOCTOR_CLIENT].n = z->srv[DOCTOR_SERVER].n = 0;
    z->srv[DOCTOR_SERVERS].n = 0;
    add_srv(z, DOCTOR_CLIENT, ".", 0);
    add_srv(z, DOCTOR_SERVER, ".", 0);
    add_srv(z, DOCTOR_SERVERS, ".", 0);
    add_srv(z, DOCTOR_SERVERS, "xmpp.example.org", 5270);
    judge(&r, &z);
    expect(&r, DOCTOR_OK, "dns.srv.xmpp-client", "not offered here", NULL);
    expect(&r, DOCTOR_WARN, "dns.srv.xmpp-server", "told that there is no",
           NULL);
    expect(&r, DOCTOR_FAIL, "dns.srv.xmpps-server", "beside other records",
           NULL);
    doctor_report_fini(&r);
}

static void
addresses_that_are_not_routed_are_told(void **state)
{
    static const struct {
        const char *text;
        bool private;
    } all[] = {
        {"10.1.2.3", true},     {"172.31.0.1", true},  {"172.32.0.1", false},
        {"192.168.1.1", true},  {"100.64.0.1", true},  {"127.0.0.1", true},
        {"203.0.113.1", false}, {"::1", true},         {"fd00::1", true},
        {"fe80::1", true},      {"2001:db8::1", false}};

    for (size_t i = 0; i < CNC_N(all); i++) {
        struct doctor_addrs a = {0};

        add_addr(&a, all[i].text);
        assert_int_equal(doctor_addr_private(&a.list[0]), all[i].private);
    }
}

static void
records_are_read_and_broken_ones_refused(void **state)
{
    static const unsigned char good[] = "\0\1\0\2\x14\x66\4xmpp\7example";
    static const unsigned char caa[] = "\0\5issueletsencrypt.org";
    struct doctor_srv srv;
    struct doctor_tlsa tlsa;
    struct cnc__str text = CNC__STR;
    unsigned char bytes[sizeof(good)];

    memcpy(bytes, good, sizeof(good)); /* the last NUL is the root */
    assert_int_equal(doctor_read_srv(&srv, bytes, sizeof(bytes)), 0);
    assert_int_equal(srv.priority, 1);
    assert_int_equal(srv.weight, 2);
    assert_int_equal(srv.port, 5222);
    assert_string_equal(srv.target, "xmpp.example");
    for (size_t len = 0; len < sizeof(bytes); len++) {
        assert_int_equal(doctor_read_srv(&srv, bytes, len), CNC_ESYNTAX);
    }
    bytes[6] = 0xc0; /* compressed */
    assert_int_equal(doctor_read_srv(&srv, bytes, sizeof(bytes)), CNC_ESYNTAX);
    assert_int_equal(doctor_read_tlsa(&tlsa, good, 3), CNC_ESYNTAX);
    assert_int_equal(doctor_read_tlsa(&tlsa, good, 8), 0);
    assert_int_equal(tlsa.len, 5);
    assert_int_equal(doctor_read_caa(&text, caa, sizeof(caa) - 1), 0);
    assert_string_equal(text.data, "issue \"letsencrypt.org\"");
    assert_int_equal(doctor_read_caa(&text, caa, 4), CNC_ESYNTAX);
    cnc__str_fini(&text);
}

/* -- ports -------------------------------------------------------------------
 */

static struct doctor_dial
good_dial(enum doctor_kind kind)
{
    struct doctor_dial d = {.kind = kind,
                            .connected = true,
                            .stream = true,
                            .tls = true,
                            .starttls = true,
                            .required = true,
                            .mechanisms = true,
                            .dialback = true};

    snprintf(d.where, sizeof(d.where), "203.0.113.6:5222");
    snprintf(d.version, sizeof(d.version), "TLSv1.3");
    snprintf(d.alpn, sizeof(d.alpn), "xmpp-client");
    return d;
}

static void
ports_are_judged_by_what_they_offer(void **state)
{
    struct doctor_dial d = good_dial(DOCTOR_CLIENT);
    struct doctor_report r = {0};

    doctor_judge_ports(&r, DOCTOR_CLIENT, &d, 1);
    assert_int_equal(doctor_worst(&r), DOCTOR_OK);
    doctor_report_fini(&r);

    d.required = false;
    doctor_judge_ports(&r, DOCTOR_CLIENT, &d, 1);
    expect(&r, DOCTOR_WARN, "ports.xmpp-client", "does not require", NULL);
    doctor_report_fini(&r);

    d.plain = true;
    doctor_judge_ports(&r, DOCTOR_CLIENT, &d, 1);
    expect(&r, DOCTOR_FAIL, "ports.xmpp-client", "passwords before TLS", NULL);
    doctor_report_fini(&r);

    d = good_dial(DOCTOR_CLIENTS);
    d.alpn[0] = '\0';
    doctor_judge_ports(&r, DOCTOR_CLIENTS, &d, 1);
    expect(&r, DOCTOR_WARN, "ports.xmpps-client", "ALPN", NULL);
    doctor_report_fini(&r);

    d = good_dial(DOCTOR_CLIENT);
    snprintf(d.version, sizeof(d.version), "TLSv1.1");
    doctor_judge_ports(&r, DOCTOR_CLIENT, &d, 1);
    expect(&r, DOCTOR_FAIL, "ports.xmpp-client", "TLSv1.1", NULL);
    doctor_report_fini(&r);

    d.connected = false;
    snprintf(d.why, sizeof(d.why), "Connection refused");
    doctor_judge_ports(&r, DOCTOR_CLIENT, &d, 1);
    expect(&r, DOCTOR_FAIL, "ports.xmpp-client", "Connection refused", NULL);
    doctor_report_fini(&r);

    doctor_judge_ports(&r, DOCTOR_CLIENT, NULL, 0);
    expect(&r, DOCTOR_FAIL, "ports.xmpp-client", "no address", NULL);
    doctor_report_fini(&r);
}

static void
a_believed_key_is_the_worst_answer(void **state)
{
    static const struct {
        const char *answer;
        enum doctor_level level;
    } all[] = {{"invalid", DOCTOR_OK},
               {"error", DOCTOR_OK},
               {"stream-error", DOCTOR_OK},
               {"silence", DOCTOR_WARN},
               {"valid", DOCTOR_FAIL}};

    for (size_t i = 0; i < CNC_N(all); i++) {
        struct doctor_dial d = good_dial(DOCTOR_SERVER);
        struct doctor_report r = {0};

        snprintf(d.answer, sizeof(d.answer), "%s", all[i].answer);
        doctor_judge_dialback(&r, &d, 1);
        assert_non_null(find(&r, all[i].level, "s2s.dialback"));
        doctor_report_fini(&r);
    }
}

static void
a_tlsa_of_another_certificate_fails(void **state)
{
    struct doctor_zone *z = whole();
    struct doctor_dial d = good_dial(DOCTOR_SERVER);
    struct doctor_report r = {0};

    snprintf(d.host, sizeof(d.host), "xmpp.example.org");
    snprintf(d.cert.spki, sizeof(d.cert.spki), "abcd");
    d.has_cert = true;
    d.n_tlsa = 1;
    doctor_judge_tlsa(&r, z, &d, 1);
    expect(&r, DOCTOR_FAIL, "certs.tlsa", "another certificate",
           "_5269._tcp.xmpp.example.org. 3600 IN TLSA 3 1 1 abcd");
    doctor_report_fini(&r);
    z->dnssec = DOCTOR_DNSSEC_INSECURE; /* then nobody looks */
    doctor_judge_tlsa(&r, z, &d, 1);
    assert_int_equal(r.n, 0);
    cnc__free(z);
}

/* -- certificates and clocks
 * --------------------------------------------------- */

static void
certificates_are_judged_by_name_days_and_chain(void **state)
{
    const int64_t now = 1800000000, day = 86400;
    struct doctor_cert c = {.covers = true,
                            .not_before = now - day,
                            .not_after = now + 30 * day,
                            .bits = 2048,
                            .rsa = true};
    struct doctor_report r = {0};

    doctor_judge_cert(&r, &c, "example.org", "here", now);
    assert_int_equal(doctor_worst(&r), DOCTOR_OK);
    doctor_report_fini(&r);

    c.not_after = now + 13 * day;
    doctor_judge_cert(&r, &c, "example.org", "here", now);
    expect(&r, DOCTOR_WARN, "certs.days", "in 13 days", "certbot");
    doctor_report_fini(&r);

    c.not_after = now - 1;
    c.covers = false;
    c.names_only = true;
    c.bits = 1024;
    snprintf(c.verify, sizeof(c.verify), "self-signed certificate");
    doctor_judge_cert(&r, &c, "example.org", "here", now);
    expect(&r, DOCTOR_FAIL, "certs.days", "ended on 2027-01-15", NULL);
    expect(&r, DOCTOR_FAIL, "certs.name", "CN does not count", NULL);
    expect(&r, DOCTOR_FAIL, "certs.chain", "self-signed", "certbot");
    expect(&r, DOCTOR_FAIL, "certs.strength", "RSA", NULL);
    doctor_report_fini(&r);

    c.not_before = now + day;
    doctor_judge_cert(&r, &c, "example.org", "here", now);
    expect(&r, DOCTOR_FAIL, "certs.days", "begins on", NULL);
    doctor_report_fini(&r);
}

static void
clocks_are_judged_by_their_distance(void **state)
{
    struct doctor_report r = {0};

    doctor_judge_clock(&r, true, -9999, 1);
    assert_int_equal(doctor_worst(&r), DOCTOR_OK);
    doctor_report_fini(&r);
    doctor_judge_clock(&r, true, -10000, 0);
    expect(&r, DOCTOR_WARN, "clock.offset", "10 s apart", "timedatectl");
    expect(&r, DOCTOR_WARN, "clock.synced", "nothing keeps", NULL);
    doctor_report_fini(&r);
    doctor_judge_clock(&r, true, 300000, -1);
    expect(&r, DOCTOR_FAIL, "clock.offset", "300 s apart", NULL);
    doctor_report_fini(&r);
    doctor_judge_clock(&r, false, 0, -1);
    assert_int_equal(doctor_worst(&r), DOCTOR_WARN);
    doctor_report_fini(&r);
}

/* -- the web
 * --------------------------------------------------------------------- */

#define REL "urn:xmpp:alt-connections:websocket"

static void
host_meta_is_read_as_xml_and_json(void **state)
{
    static const char xml[] =
        "<?xml version='1.0' encoding='utf-8'?><!-- a comment -->"
        "<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>"
        "<Link rel='other' href='x'/>"
        "<Link rel='" REL "' href='wss://a/xmpp'/></XRD>";
    static const char *const good[] = {
        "{\"links\":[{\"rel\":\"" REL "\",\"href\":\"wss://a/xmpp\"}]}",
        " { \"x\" : [ 1 , -2.5e7, true, null, [], {} ], \"links\" : [ "
        "{\"rel\":\"other\",\"href\":\"no\"}, { \"href\" : "
        "\"wss:\\/\\/a\\u002fxmpp\" , \"rel\" : \"" REL "\" } ] } "};
    static const char *const bad[] = {"",
                                      "[]",
                                      "{",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{\"a\":\"b",
                                      "{} x",
                                      "{\"a\":\"\\q\"}",
                                      "{\"a\":[1,]}",
                                      "{\"a\":[1}}",
                                      "{\"a\" 1}"};
    struct doctor_meta m = {0};

    doctor_meta_xml(&m, xml, sizeof(xml) - 1);
    assert_false(m.broken);
    assert_string_equal(m.websocket, "wss://a/xmpp");
    for (size_t i = 0; i < CNC_N(good); i++) {
        memset(&m, 0, sizeof(m));
        doctor_meta_json(&m, good[i], strlen(good[i]));
        assert_false(m.broken);
        assert_string_equal(m.websocket, "wss://a/xmpp");
    }
    for (size_t i = 0; i < CNC_N(bad); i++) {
        memset(&m, 0, sizeof(m));
        doctor_meta_json(&m, bad[i], strlen(bad[i]));
        assert_true(m.broken);
    }
    memset(&m, 0, sizeof(m));
    doctor_meta_xml(&m, xml, sizeof(xml) - 3);
    assert_true(m.broken);
}

static void
host_meta_is_judged(void **state)
{
    struct doctor_meta xml = {.asked = true, .status = 404},
                       json = {.asked = true, .status = 200, .cors = true};
    struct doctor_report r = {0};

    doctor_judge_meta(&r, "example.org", &xml, &json);
    expect(&r, DOCTOR_WARN, "web.host-meta", "HTTP 404",
           "href='wss://example.org/xmpp'");
    expect(&r, DOCTOR_WARN, "web.host-meta.json", "names no WebSocket",
           "\"href\": \"wss://example.org/xmpp\"");
    doctor_report_fini(&r);
    xml.status = 200;
    snprintf(xml.websocket, sizeof(xml.websocket), "ws://example.org/");
    snprintf(json.websocket, sizeof(json.websocket), "wss://example.org/");
    doctor_judge_meta(&r, "example.org", &xml, &json);
    expect(&r, DOCTOR_FAIL, "web.host-meta", "only wss://", NULL);
    expect(&r, DOCTOR_OK, "web.host-meta.json", "wss://example.org/", NULL);
    expect(&r, DOCTOR_WARN, "web.host-meta.same", "two WebSockets", NULL);
    doctor_report_fini(&r);
}

static void
a_head_gives_status_date_and_origin(void **state)
{
    static const char head[] =
        "HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 00:00:10 GMT\r\n"
        "access-control-allow-origin: *\r\n\r\nbody";
    struct doctor_meta m = {0};
    size_t body =
        doctor_meta_head(&m, head, sizeof(head) - 1, INT64_C(1795392000000));

    assert_string_equal(head + body, "body");
    assert_int_equal(m.status, 200);
    assert_true(m.cors);
    assert_true(m.has_date);
    assert_int_equal(m.offset_ms, 10000);
    assert_int_equal(doctor_meta_head(&m, head, 40, 0), 0);
}

/* -- strangers' bytes
 * --------------------------------------------------------------- */

static uint64_t seed = 88172645463325252u;

static uint64_t
next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void
no_bytes_do_harm(void **state)
{
    static const char *const texts[] = {
        "{\"links\":[{\"rel\":\"" REL "\",\"href\":\"wss://a/xmpp\"}]}",
        "HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 00:00:10 GMT\r\n\r\n",
        "\1\1\1\1\24\146\4xmpp\7example\3org"};

    for (int n = 0; n < 60000; n++) {
        const char *from = texts[n % 3];
        size_t len = strlen(from) + (n % 3 == 2 ? 1 : 0);
        char *bytes = cnc__strndup(from, len); /* its end is guarded */
        struct doctor_meta m = {0};
        struct doctor_srv srv;
        struct doctor_tlsa tlsa;
        struct cnc__str text = CNC__STR;

        for (uint64_t k = next_random() % 5; k > 0; k--) {
            bytes[next_random() % len] =
                next_random() % 2 ? (char)next_random()
                                  : "{}[]\":,\\u\r\n"[next_random() % 11];
        }
        len -= next_random() % 3;
        bytes = cnc__realloc(bytes, len, 1);
        doctor_meta_json(&m, bytes, len);
        doctor_meta_head(&m, bytes, len, 0);
        doctor_meta_xml(&m, bytes, len);
        doctor_read_srv(&srv, (unsigned char *)bytes, len);
        doctor_read_tlsa(&tlsa, (unsigned char *)bytes, len);
        doctor_read_caa(&text, (unsigned char *)bytes, len);
        cnc__str_fini(&text);
        cnc__free(bytes);
    }
}

static void
json_is_whole_whatever_the_network_says(void **state)
{
    struct doctor_report r = {.only = 1u << DOCTOR_DNS};
    struct cnc__str out = CNC__STR;

    doctor_add(&r, DOCTOR_WARN, DOCTOR_DNS, "dns.x", "a\nb", "q\"\\\033\xff");
    doctor_add(&r, DOCTOR_FAIL, DOCTOR_WEB, "web.x", NULL, "not wanted");
    doctor_json(&out, &r, "example.org");
    assert_string_equal(
        out.data,
        "{\"domain\": \"example.org\", \"result\": \"WARN\", \"findings\": [\n"
        "  {\"check\": \"dns.x\", \"level\": \"WARN\", \"group\": \"dns\", "
        "\"text\": \"q\\\"\\\\\\u001b\\u00ff\", \"fix\": \"a\\u000ab\"}]}\n");
    cnc__str_fini(&out);
    doctor_report_fini(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_zone_is_well),
        cmocka_unit_test(an_empty_zone_says_each_line_it_lacks),
        cmocka_unit_test(direct_tls_is_proposed_where_starttls_is),
        cmocka_unit_test(bad_targets_fail_each_with_its_reason),
        cmocka_unit_test(a_dot_means_there_is_no_such_service),
        cmocka_unit_test(addresses_that_are_not_routed_are_told),
        cmocka_unit_test(records_are_read_and_broken_ones_refused),
        cmocka_unit_test(ports_are_judged_by_what_they_offer),
        cmocka_unit_test(a_believed_key_is_the_worst_answer),
        cmocka_unit_test(a_tlsa_of_another_certificate_fails),
        cmocka_unit_test(certificates_are_judged_by_name_days_and_chain),
        cmocka_unit_test(clocks_are_judged_by_their_distance),
        cmocka_unit_test(host_meta_is_read_as_xml_and_json),
        cmocka_unit_test(host_meta_is_judged),
        cmocka_unit_test(a_head_gives_status_date_and_origin),
        cmocka_unit_test(no_bytes_do_harm),
        cmocka_unit_test(json_is_whole_whatever_the_network_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
