/* SPDX-License-Identifier: MIT */
/*
 * doctor-zone.c -- DNS records read and judged.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>

#include "doctor.h"

const struct doctor_service doctor_services[DOCTOR_N_KINDS] = {
    [DOCTOR_CLIENT] = {"xmpp-client", 5222, false, false},
    [DOCTOR_CLIENTS] = {"xmpps-client", 5223, true, false},
    [DOCTOR_SERVER] = {"xmpp-server", 5269, false, true},
    [DOCTOR_SERVERS] = {"xmpps-server", 5270, true, true},
};

/* -- records in wire form --------------------------------------------------
 */

int
doctor_read_name(char out[DOCTOR_NAME], const unsigned char *data, size_t len,
                 size_t *used)
{
    size_t at = 0, n = 0;

    for (;;) {
        size_t label;

        if (at >= len) {
            return CNC_ESYNTAX;
        }
        label = data[at++];
        if (label == 0) {
            break;
        }
        /* No compression inside what a resolver hands on. */
        if (label > 63 || at + label > len || n + label + 2 > DOCTOR_NAME) {
            return CNC_ESYNTAX;
        }
        if (n > 0) {
            out[n++] = '.';
        }
        for (size_t i = 0; i < label; i++) {
            unsigned char c = data[at + i];

            /* A name of a host; also keeps a zone's bytes off a terminal. */
            out[n++] = c > 0x20 && c < 0x7f && c != '.' ? (char)c : '?';
        }
        at += label;
    }
    if (n == 0) {
        out[n++] = '.';
    }
    out[n] = '\0';
    if (used != NULL) {
        *used = at;
    }
    return 0;
}

static uint16_t
u16(const unsigned char *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

int
doctor_read_srv(struct doctor_srv *out, const unsigned char *data, size_t len)
{
    char target[DOCTOR_NAME];
    size_t used;

    if (len < 7 || doctor_read_name(target, data + 6, len - 6, &used) != 0 ||
        used != len - 6) {
        return CNC_ESYNTAX;
    }
    out->priority = u16(data);
    out->weight = u16(data + 2);
    out->port = u16(data + 4);
    memcpy(out->target, target, sizeof(target));
    return 0;
}

int
doctor_read_tlsa(struct doctor_tlsa *out, const unsigned char *data,
                 size_t len)
{
    if (len < 4 || len - 3 > sizeof(out->data)) {
        return CNC_ESYNTAX;
    }
    out->usage = data[0];
    out->selector = data[1];
    out->matching = data[2];
    out->len = len - 3;
    memcpy(out->data, data + 3, out->len);
    return 0;
}

int
doctor_read_caa(struct cnc__str *out, const unsigned char *data, size_t len)
{
    size_t tag = len < 2 ? 0 : data[1];

    if (tag == 0 || 2 + tag > len) {
        return CNC_ESYNTAX;
    }
    cnc__str_printf(out, "%s%.*s \"%.*s\"", out->len > 0 ? ", " : "", (int)tag,
                    (const char *)data + 2, (int)(len - 2 - tag),
                    (const char *)data + 2 + tag);
    return 0;
}

void
doctor_addr_text(char out[64], const struct doctor_addr *a)
{
    if (inet_ntop(a->family, a->bytes, out, 64) == NULL) {
        out[0] = '\0';
    }
}

void
doctor_addr_port(char out[80], const struct doctor_addr *a, uint16_t port)
{
    char text[64];

    doctor_addr_text(text, a);
    snprintf(out, 80, a->family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, port);
}

bool
doctor_addr_private(const struct doctor_addr *a)
{
    const unsigned char *b = a->bytes;

    if (a->family == AF_INET6) {
        static const unsigned char zero[15];

        return (b[0] & 0xfe) == 0xfc ||
               (b[0] == 0xfe && (b[1] & 0xc0) == 0x80) ||
               (memcmp(b, zero, 15) == 0 && b[15] <= 1);
    }
    return b[0] == 0 || b[0] == 10 || b[0] == 127 ||
           (b[0] == 172 && (b[1] & 0xf0) == 16) ||
           (b[0] == 192 && b[1] == 168) || (b[0] == 169 && b[1] == 254) ||
           (b[0] == 100 && (b[1] & 0xc0) == 64); /* RFC 6598 */
}

/* -- judged ------------------------------------------------------------------
 */

static bool
has_family(const struct doctor_addrs *a, int family)
{
    for (size_t i = 0; i < a->n; i++) {
        if (a->list[i].family == family) {
            return true;
        }
    }
    return false;
}

static void
list_addrs(struct cnc__str *out, const struct doctor_addrs *a)
{
    for (size_t i = 0; i < a->n; i++) {
        char text[64];

        doctor_addr_text(text, &a->list[i]);
        cnc__str_printf(out, "%s%s", i == 0 ? "" : ", ", text);
    }
}

static void
judge_own(struct doctor_report *r, const struct doctor_zone *z)
{
    struct cnc__str fix = CNC__STR, list = CNC__STR;
    bool v4 = has_family(&z->own, AF_INET), v6 = has_family(&z->own, AF_INET6);

    list_addrs(&list, &z->own);
    if (z->own.found == DOCTOR_NO_ANSWER) {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_DNS, "dns.address", NULL,
                   "the resolver did not answer for %s", z->domain);
    } else if (!v4 && !v6) {
        cnc__str_printf(&fix,
                        "%s. 3600 IN A 192.0.2.1        ; your address\n"
                        "%s. 3600 IN AAAA 2001:db8::1   ; your address\n",
                        z->domain, z->domain);
        doctor_add(r,
                   z->srv[DOCTOR_CLIENT].found == DOCTOR_FOUND ? DOCTOR_WARN
                                                               : DOCTOR_FAIL,
                   DOCTOR_DNS, "dns.address", fix.data,
                   "%s has no address: no browser finds its pages", z->domain);
    } else if (!v4 || !v6) {
        cnc__str_printf(&fix, "%s. 3600 IN %s   ; your address\n", z->domain,
                        v4 ? "AAAA 2001:db8::1" : "A 192.0.2.1");
        doctor_add(r, DOCTOR_WARN, DOCTOR_DNS, "dns.address", fix.data,
                   "%s has %s alone (%s): who has only IPv%c cannot reach it",
                   z->domain, v4 ? "A" : "AAAA", cnc__str_c(&list),
                   v4 ? '6' : '4');
    } else {
        doctor_add(r, DOCTOR_OK, DOCTOR_DNS, "dns.address", NULL, "%s is %s",
                   z->domain, cnc__str_c(&list));
    }
    for (size_t i = 0; i < z->own.n; i++) {
        if (doctor_addr_private(&z->own.list[i])) {
            char text[64];

            doctor_addr_text(text, &z->own.list[i]);
            doctor_add(r, DOCTOR_WARN, DOCTOR_DNS, "dns.address.private", NULL,
                       "%s: the Internet does not route %s", z->domain, text);
        }
    }
    cnc__str_fini(&fix);
    cnc__str_fini(&list);
}

/* "dns.srv.xmpp-client" */
static void
check_name(char out[64], enum doctor_kind kind)
{
    snprintf(out, 64, "dns.srv.%s", doctor_services[kind].name);
}

/* The line that ought to stand in the zone. */
static void
srv_line(struct cnc__str *out, const struct doctor_zone *z,
         enum doctor_kind kind, const char *target, unsigned port)
{
    cnc__str_printf(out, "_%s._tcp.%s. 3600 IN SRV 0 5 %u %s%s\n",
                    doctor_services[kind].name, z->domain, port, target,
                    strcmp(target, ".") == 0 ? "" : ".");
}

static void
judge_missing(struct doctor_report *r, const struct doctor_zone *z,
              enum doctor_kind kind, const char *check)
{
    const struct doctor_service *s = &doctor_services[kind];
    /* What is named for STARTTLS serves direct TLS as well. */
    const struct doctor_srvs *other = &z->srv[kind & ~1u];
    const char *target = z->domain;
    struct cnc__str fix = CNC__STR;

    if (s->direct && other->n > 0 && strcmp(other->list[0].target, ".") != 0) {
        target = other->list[0].target;
    }
    srv_line(&fix, z, kind, target, s->port);
    if (s->direct) {
        doctor_add(r, DOCTOR_WARN, DOCTOR_DNS, check, fix.data,
                   "no SRV for _%s: %s cannot use TLS from the first byte",
                   s->name, s->server ? "servers" : "clients");
    } else {
        doctor_add(r, z->own.n > 0 ? DOCTOR_WARN : DOCTOR_FAIL, DOCTOR_DNS,
                   check, fix.data,
                   "no SRV for _%s: %s try port %u of %s itself%s", s->name,
                   s->server ? "servers" : "clients", s->port, z->domain,
                   z->own.n > 0 ? "" : ", which has no address");
    }
    cnc__str_fini(&fix);
}

static bool
is_address(const char *name)
{
    unsigned char bytes[16];

    return inet_pton(AF_INET, name, bytes) == 1;
}

/* One record; true when nothing is wrong with it. */
static bool
judge_record(struct doctor_report *r, const struct doctor_zone *z,
             enum doctor_kind kind, const struct doctor_srv *srv,
             const char *check)
{
    const char *name = doctor_services[kind].name;
    struct cnc__str fix = CNC__STR;
    bool good = false;

    if (srv->port == 0) {
        srv_line(&fix, z, kind, srv->target, doctor_services[kind].port);
        doctor_add(r, DOCTOR_FAIL, DOCTOR_DNS, check, fix.data,
                   "_%s names port 0 of %s", name, srv->target);
    } else if (is_address(srv->target)) {
        srv_line(&fix, z, kind, z->domain, srv->port);
        doctor_add(r, DOCTOR_FAIL, DOCTOR_DNS, check, fix.data,
                   "_%s names the address %s: a target is a name", name,
                   srv->target);
    } else if (srv->addrs.alias[0] != '\0') {
        srv_line(&fix, z, kind, srv->addrs.alias, srv->port);
        doctor_add(r, DOCTOR_FAIL, DOCTOR_DNS, check, fix.data,
                   "_%s names %s, which is a CNAME: a target must not be "
                   "(RFC 2782)",
                   name, srv->target);
    } else if (srv->addrs.found == DOCTOR_NO_ANSWER) {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_DNS, check, NULL,
                   "_%s names %s: the resolver does not answer for it", name,
                   srv->target);
    } else if (srv->addrs.n == 0) {
        cnc__str_printf(&fix, "%s. 3600 IN A 192.0.2.1   ; your address\n",
                        srv->target);
        doctor_add(r, DOCTOR_FAIL, DOCTOR_DNS, check, fix.data,
                   "_%s names %s, which has no address", name, srv->target);
    } else {
        good = true;
    }
    cnc__str_fini(&fix);
    return good;
}

/* RFC 2782: a single "." says: there is no such service here. */
static void
judge_refusal(struct doctor_report *r, const struct doctor_zone *z,
              enum doctor_kind kind, const char *check)
{
    const struct doctor_srvs *srvs = &z->srv[kind];
    const struct doctor_srvs *other = &z->srv[kind ^ 1u];
    const struct doctor_service *s = &doctor_services[kind];
    bool elsewhere = other->n > 0 && strcmp(other->list[0].target, ".") != 0;
    struct cnc__str fix = CNC__STR;

    srv_line(&fix, z, kind, z->domain, s->port);
    if (srvs->n > 1) {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_DNS, check, fix.data,
                   "_%s is \".\" (no such service) beside other records",
                   s->name);
    } else if (elsewhere || s->direct) {
        doctor_add(r, DOCTOR_OK, DOCTOR_DNS, check, NULL,
                   "_%s is \".\": not offered here", s->name);
    } else {
        doctor_add(r, DOCTOR_WARN, DOCTOR_DNS, check, fix.data,
                   "_%s is \".\": %s are told that there is no service",
                   s->name, s->server ? "servers" : "clients");
    }
    cnc__str_fini(&fix);
}

static void
judge_srv(struct doctor_report *r, const struct doctor_zone *z,
          enum doctor_kind kind)
{
    const struct doctor_srvs *srvs = &z->srv[kind];
    struct cnc__str list = CNC__STR;
    char check[64];
    bool good = true;

    check_name(check, kind);
    if (srvs->found == DOCTOR_NO_ANSWER) {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_DNS, check, NULL,
                   "the resolver did not answer for _%s._tcp.%s",
                   doctor_services[kind].name, z->domain);
        return;
    }
    if (srvs->n == 0) {
        judge_missing(r, z, kind, check);
        return;
    }
    for (size_t i = 0; i < srvs->n; i++) {
        if (strcmp(srvs->list[i].target, ".") == 0) {
            judge_refusal(r, z, kind, check);
            return;
        }
    }
    for (size_t i = 0; i < srvs->n; i++) {
        const struct doctor_srv *srv = &srvs->list[i];

        good = judge_record(r, z, kind, srv, check) && good;
        cnc__str_printf(&list, "%s%s:%u", i == 0 ? "" : ", ", srv->target,
                        srv->port);
    }
    if (good) {
        doctor_add(r, DOCTOR_OK, DOCTOR_DNS, check, NULL, "_%s is %s",
                   doctor_services[kind].name, list.data);
    }
    cnc__str_fini(&list);
}

static void
judge_dnssec(struct doctor_report *r, const struct doctor_zone *z)
{
    switch (z->dnssec) {
    case DOCTOR_DNSSEC_UNKNOWN:
        doctor_add(r, DOCTOR_WARN, DOCTOR_DNS, "dns.dnssec",
                   "apt-get install dns-root-data\n",
                   "DNSSEC was not checked: this machine has no trust anchor");
        break;
    case DOCTOR_DNSSEC_STRIPPED:
        doctor_add(r, DOCTOR_WARN, DOCTOR_DNS, "dns.dnssec", NULL,
                   "DNSSEC was not checked: the resolver lets no signatures "
                   "through; name another with --dns");
        break;
    case DOCTOR_DNSSEC_INSECURE:
        doctor_add(r, DOCTOR_WARN, DOCTOR_DNS, "dns.dnssec", NULL,
                   "%s is not signed: its records can be forged, and DANE "
                   "(TLSA) cannot be used; sign it at your registrar",
                   z->domain);
        break;
    case DOCTOR_DNSSEC_SECURE:
        doctor_add(r, DOCTOR_OK, DOCTOR_DNS, "dns.dnssec", NULL,
                   "%s is signed", z->domain);
        break;
    case DOCTOR_DNSSEC_BOGUS:
        doctor_add(r, DOCTOR_FAIL, DOCTOR_DNS, "dns.dnssec", NULL,
                   "the signatures of %s do not hold, so validating "
                   "resolvers refuse it: %s",
                   z->domain, z->bogus);
        break;
    }
}

void
doctor_judge_zone(struct doctor_report *r, const struct doctor_zone *z)
{
    judge_own(r, z);
    for (int kind = 0; kind < DOCTOR_N_KINDS; kind++) {
        judge_srv(r, z, (enum doctor_kind)kind);
    }
    if (z->caa == DOCTOR_FOUND) {
        doctor_add(r, DOCTOR_OK, DOCTOR_DNS, "dns.caa", NULL,
                   "CAA says who may issue certificates: %s", z->caa_text);
    }
    judge_dnssec(r, z);
}
