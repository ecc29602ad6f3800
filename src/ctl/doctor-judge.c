/* SPDX-License-Identifier: MIT */
/*
 * doctor-judge.c -- what connections and clocks showed, judged.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "doctor.h"

#define CLOCK_WARN_MS 10000
#define CLOCK_FAIL_MS 300000 /* signatures and tokens begin to fail */

/* -- ports -------------------------------------------------------------------
 */

static bool
judge_tls(struct doctor_report *r, const struct doctor_dial *d,
          const char *check)
{
    const struct doctor_service *s = &doctor_services[d->kind];
    bool good = true;

    if (d->plain) {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_PORTS, check, NULL,
                   "%s %s takes passwords before TLS", s->name, d->where);
        good = false;
    } else if (!s->direct && !d->required) {
        doctor_add(r, DOCTOR_WARN, DOCTOR_PORTS, check, NULL,
                   "%s %s offers STARTTLS and does not require it", s->name,
                   d->where);
        good = false;
    }
    if (s->direct && d->alpn[0] == '\0') {
        doctor_add(r, DOCTOR_WARN, DOCTOR_PORTS, check, NULL,
                   "%s %s does not answer ALPN \"%s\" (XEP-0368): a proxy "
                   "in front could not tell XMPP from HTTPS",
                   s->name, d->where,
                   s->server ? "xmpp-server" : "xmpp-client");
        good = false;
    }
    if (strcmp(d->version, "TLSv1.2") != 0 &&
        strcmp(d->version, "TLSv1.3") != 0) {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_PORTS, check, NULL,
                   "%s %s speaks %s: 1.2 is the least (RFC 9325)", s->name,
                   d->where, d->version);
        good = false;
    }
    return good;
}

static void
judge_dial(struct doctor_report *r, const struct doctor_dial *d)
{
    const struct doctor_service *s = &doctor_services[d->kind];
    char check[64];

    snprintf(check, sizeof(check), "ports.%s", s->name);
    if (!d->connected) {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_PORTS, check, NULL,
                   "%s %s (%s) cannot be reached: %s; does the service "
                   "listen there, and does the firewall let it in?",
                   s->name, d->where, d->host, d->why);
    } else if (d->why[0] != '\0') {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_PORTS, check, NULL, "%s %s: %s",
                   s->name, d->where, d->why);
    } else if (!s->server && !d->mechanisms) {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_PORTS, check, NULL,
                   "%s %s offers no way to log in", s->name, d->where);
    } else if (judge_tls(r, d, check)) {
        doctor_add(r, DOCTOR_OK, DOCTOR_PORTS, check, NULL, "%s %s: %s, %s",
                   s->name, d->where,
                   s->direct ? "TLS from the first byte" : "STARTTLS required",
                   d->version);
    }
}

void
doctor_judge_ports(struct doctor_report *r, enum doctor_kind kind,
                   const struct doctor_dial *d, size_t n)
{
    char check[64];

    for (size_t i = 0; i < n; i++) {
        judge_dial(r, &d[i]);
    }
    if (n == 0 && !doctor_services[kind].direct) {
        snprintf(check, sizeof(check), "ports.%s", doctor_services[kind].name);
        doctor_add(r, DOCTOR_FAIL, DOCTOR_PORTS, check, NULL,
                   "DNS leads to no address for %s",
                   doctor_services[kind].name);
    }
}

/* -- DANE (RFC 7673)
 * ------------------------------------------------------------ */

static const struct doctor_srv *
srv_of(const struct doctor_zone *z, const struct doctor_dial *d)
{
    for (size_t i = 0; i < z->srv[d->kind].n; i++) {
        const struct doctor_srv *srv = &z->srv[d->kind].list[i];

        if (strcmp(srv->target, d->host) == 0) {
            return srv;
        }
    }
    return NULL;
}

void
doctor_judge_tlsa(struct doctor_report *r, const struct doctor_zone *z,
                  const struct doctor_dial *d, size_t n)
{
    struct cnc__str fix = CNC__STR;

    for (size_t i = 0; i < n; i++) {
        const struct doctor_srv *srv = srv_of(z, &d[i]);

        /* Without DNSSEC a TLSA record means nothing. */
        if (!d[i].has_cert || srv == NULL ||
            z->dnssec != DOCTOR_DNSSEC_SECURE) {
            continue;
        }
        cnc__str_clear(&fix);
        cnc__str_printf(&fix, "_%u._tcp.%s. 3600 IN TLSA 3 1 1 %s\n",
                        srv->port, srv->target, d[i].cert.spki);
        if (d[i].n_tlsa == 0) {
            doctor_add(r, DOCTOR_OK, DOCTOR_CERTS, "certs.tlsa", fix.data,
                       "%s: no TLSA; as the zone is signed, this would let "
                       "peers check the certificate by DNS",
                       d[i].where);
        } else if (d[i].tlsa_matches) {
            doctor_add(r, DOCTOR_OK, DOCTOR_CERTS, "certs.tlsa", NULL,
                       "%s: TLSA names this certificate", d[i].where);
        } else {
            doctor_add(r, DOCTOR_FAIL, DOCTOR_CERTS, "certs.tlsa", fix.data,
                       "%s: TLSA names another certificate: peers that "
                       "check it refuse this one",
                       d[i].where);
        }
    }
    cnc__str_fini(&fix);
}

/* -- servers
 * ----------------------------------------------------------------------- */

void
doctor_judge_dialback(struct doctor_report *r, const struct doctor_dial *d,
                      size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!d[i].tls || d[i].why[0] != '\0') {
            continue; /* ports.* said it */
        }
        if (!d[i].dialback && !d[i].external) {
            doctor_add(r, DOCTOR_WARN, DOCTOR_S2S, "s2s.dialback", NULL,
                       "%s offers a server without a certificate no way in: "
                       "neither dialback nor EXTERNAL",
                       d[i].where);
        } else if (!d[i].dialback) {
            doctor_add(r, DOCTOR_OK, DOCTOR_S2S, "s2s.dialback", NULL,
                       "%s offers EXTERNAL and no dialback", d[i].where);
        } else if (strcmp(d[i].answer, "valid") == 0) {
            doctor_add(r, DOCTOR_FAIL, DOCTOR_S2S, "s2s.dialback", NULL,
                       "%s believed a dialback key that was made up: anybody "
                       "can speak in the name of any domain",
                       d[i].where);
        } else if (strcmp(d[i].answer, "silence") == 0 ||
                   strcmp(d[i].answer, "unexpected") == 0) {
            doctor_add(r, DOCTOR_WARN, DOCTOR_S2S, "s2s.dialback", NULL,
                       "%s offers dialback and did not answer a key that was "
                       "made up: does its resolver answer?",
                       d[i].where);
        } else {
            doctor_add(r, DOCTOR_OK, DOCTOR_S2S, "s2s.dialback", NULL,
                       "%s offers dialback, and refuses a key that was made "
                       "up%s%s",
                       d[i].where, d[i].answer[0] == '\0' ? "" : ": ",
                       d[i].answer);
        }
    }
}

/* -- the clock
 * ------------------------------------------------------------------------ */

void
doctor_judge_clock(struct doctor_report *r, bool has_offset, int64_t offset_ms,
                   int synced)
{
    int64_t away = offset_ms < 0 ? -offset_ms : offset_ms;

    if (has_offset) {
        doctor_add(r,
                   away >= CLOCK_FAIL_MS   ? DOCTOR_FAIL
                   : away >= CLOCK_WARN_MS ? DOCTOR_WARN
                                           : DOCTOR_OK,
                   DOCTOR_CLOCK, "clock.offset",
                   away >= CLOCK_WARN_MS ? "timedatectl set-ntp true\n" : NULL,
                   "the service's clock and this machine's are %lld s apart",
                   (long long)(away / 1000));
    } else {
        doctor_add(r, DOCTOR_WARN, DOCTOR_CLOCK, "clock.offset", NULL,
                   "the service's clock was not seen: HTTPS gave no Date");
    }
    if (synced == 0) {
        doctor_add(r, DOCTOR_WARN, DOCTOR_CLOCK, "clock.synced",
                   "apt-get install systemd-timesyncd && timedatectl set-ntp "
                   "true\n",
                   "nothing keeps this machine's clock right");
    } else if (synced == 1) {
        doctor_add(r, DOCTOR_OK, DOCTOR_CLOCK, "clock.synced", NULL,
                   "this machine's clock is kept right");
    }
}
