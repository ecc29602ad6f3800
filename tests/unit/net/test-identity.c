/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/x509v3.h>

#include "../../../src/net/identity.h"
#include "certs.h"

#define ADDR "otherName:1.3.6.1.5.5.7.8.5;"
#define SRV  "otherName:1.3.6.1.5.5.7.8.7;"

struct row {
    const char *san, *domain;
    bool client, matches;
};

static const struct row rows[] = {
    /* id-on-xmppAddr, as a domain */
    {ADDR "UTF8:example.org", "example.org", false, true},
    {ADDR "UTF8:Example.ORG", "example.org", false, true},
    {ADDR "UTF8:example.org", "example.org", true, true},
    {ADDR "UTF8:example.org", "a.example.org", false, false},
    {ADDR "UTF8:romeo@example.org", "example.org", false, false},
    {ADDR "UTF8:example.org/x", "example.org", false, false},
    {ADDR "UTF8:*.example.org", "a.example.org", false, false},
    {ADDR "IA5:example.org", "example.org", false, false},
    {"otherName:1.3.6.1.5.5.7.8.9;UTF8:example.org", "example.org", false,
     false},
    /* id-on-dnsSRV */
    {SRV "IA5:_xmpp-server.example.org", "example.org", false, true},
    {SRV "IA5:_XMPP-Server.Example.Org", "example.org", false, true},
    {SRV "IA5:_xmpp-server.example.org", "example.org", true, false},
    {SRV "IA5:_xmpp-client.example.org", "example.org", true, true},
    {SRV "IA5:_xmpp-client.example.org", "example.org", false, false},
    {SRV "IA5:_imap.example.org", "example.org", false, false},
    {SRV "IA5:example.org", "example.org", false, false},
    {SRV "UTF8:_xmpp-server.example.org", "example.org", false, false},
    {SRV "IA5:_xmpp-server.*.example.org", "a.example.org", false, true},
    /* dNSName */
    {"DNS:example.org", "example.org", false, true},
    {"DNS:EXAMPLE.org", "example.org", false, true},
    {"DNS:other.org, DNS:example.org", "example.org", false, true},
    {"DNS:example.org.", "example.org", false, false},
    {"DNS:example.org.evil.net", "example.org", false, false},
    {"DNS:xn--bcher-kva.example",
     "b\xc3\xbc"
     "cher.example",
     false, true},
    {"DNS:*.example.org", "a.example.org", false, true},
    {"DNS:*.example.org", "example.org", false, false},
    {"DNS:*.example.org", "a.b.example.org", false, false},
    {"DNS:*.org", "example.org", false, false},
    {"DNS:*", "example.org", false, false},
    {"DNS:a*.example.org", "ab.example.org", false, false},
    {"DNS:a.*.org", "a.example.org", false, false},
    {"DNS:*.*.org", "a.example.org", false, false},
    /* addresses */
    {"IP:192.0.2.1", "192.0.2.1", false, true},
    {"IP:192.0.2.2", "192.0.2.1", false, false},
    {"IP:2001:db8::1", "[2001:db8::1]", false, true},
    {"DNS:192.0.2.1", "192.0.2.1", false, false},
    /* neither an e-mail address, a URI nor a common name is a domain's */
    {"email:romeo@example.org", "example.org", false, false},
    {"URI:xmpp:example.org", "example.org", false, false},
    {NULL, "example.org", false, false},
};

static void
names_match_as_the_standard_says(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        struct pair p =
            make_pair((struct pair_options){.san = r->san, .cn = r->domain});

        if (cnc__cert_names_domain(p.cert, r->domain, r->client) !=
            r->matches) {
            fail_msg("%s should %sbe %s%s", r->san == NULL ? "-" : r->san,
                     r->matches ? "" : "not ", r->domain,
                     r->client ? " for clients" : "");
        }
        free_pair(&p);
    }
}

static void
hosts_match_by_dns_name_alone(void **state)
{
    struct pair p = make_pair((struct pair_options){
        .san = "DNS:a.example.org, " ADDR "UTF8:b.example.org"});

    assert_true(cnc__cert_names_host(p.cert, "a.example.org"));
    assert_false(cnc__cert_names_host(p.cert, "b.example.org"));
    free_pair(&p);
}

static void
name_with_a_nul_inside_is_no_name(void **state)
{
    struct pair p = make_pair((struct pair_options){0});
    GENERAL_NAMES *all = GENERAL_NAMES_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();

    ASN1_STRING_set(text, "example.org\0.evil.net", 21);
    GENERAL_NAME_set0_value(name, GEN_DNS, text);
    sk_GENERAL_NAME_push(all, name);
    X509_add1_ext_i2d(p.cert, NID_subject_alt_name, all, 0, 0);
    assert_false(cnc__cert_names_domain(p.cert, "example.org", false));
    GENERAL_NAMES_free(all);
    free_pair(&p);
}

static void
jids_are_listed_as_they_are_written(void **state)
{
    struct pair p = make_pair((struct pair_options){
        .san = ADDR "UTF8:Romeo@example.org, " ADDR "UTF8:@@, "
                    "DNS:example.org, " ADDR "UTF8:juliet@example.org"});
    struct cnc__str jids = CNC__STR;

    cnc__cert_jids(p.cert, &jids);
    assert_string_equal(cnc__str_c(&jids),
                        "Romeo@example.org\njuliet@example.org\n");
    cnc__str_fini(&jids);
    free_pair(&p);
}

#define T(f) cmocka_unit_test(f)

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        T(names_match_as_the_standard_says),
        T(hosts_match_by_dns_name_alone),
        T(name_with_a_nul_inside_is_no_name),
        T(jids_are_listed_as_they_are_written),
    };

    return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
