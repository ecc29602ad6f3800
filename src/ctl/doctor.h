/* SPDX-License-Identifier: MIT */
/*
 * doctor.h -- `concordctl doctor DOMAIN`: what a domain shows to the network,
 * and what to change.
 *
 *   ask    doctor-dns.c, doctor-wire.c, doctor-dial.c, doctor-web.c: questions
 *          to the network, the answers kept as plain data
 *   judge  doctor-zone.c, doctor-cert.c, doctor-meta.c, doctor-judge.c: data
 *          in, findings out; no network, no clock
 *   tell   doctor-report.c
 *
 * Every answer comes from strangers: each list here has an end, and texts are
 * printed with their control characters as \xNN.
 */
#ifndef CNC_CTL_DOCTOR_H
#define CNC_CTL_DOCTOR_H

#include <stdio.h>

#include <openssl/x509.h>

#include "../base/str.h"

/* -- findings (doctor-report.c) ------------------------------------------- */

enum doctor_level { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

enum doctor_group {
    DOCTOR_DNS,
    DOCTOR_WEB,
    DOCTOR_PORTS,
    DOCTOR_CERTS,
    DOCTOR_S2S,
    DOCTOR_CLOCK,
    DOCTOR_PROXY, /* of doctor-proxy.h alone */
    DOCTOR_N_GROUPS
};
/* "dns", "web", ...: the words of --only. */
extern const char *const doctor_groups[DOCTOR_N_GROUPS];

struct doctor_finding {
    enum doctor_level level;
    enum doctor_group group;
    char *check; /* stable: "dns.srv.xmpp-client" */
    char *text;  /* one line */
    char *fix;   /* lines to paste, or NULL */
};

struct doctor_report {
    unsigned only; /* bits of the groups that are kept; 0: all */
    struct doctor_finding *list;
    size_t n, cap;
};

/* fix (may be NULL) is copied. */
void doctor_add(struct doctor_report *r, enum doctor_level level,
                enum doctor_group group, const char *check, const char *fix,
                const char *fmt, ...) CNC_PRINTF(6, 7);
bool doctor_wants(const struct doctor_report *r, enum doctor_group group);
enum doctor_level doctor_worst(const struct doctor_report *r);
void doctor_print(const struct doctor_report *r, bool colour);
void doctor_print_to(FILE *out, const struct doctor_report *r, bool colour);
void doctor_json(struct cnc__str *out, const struct doctor_report *r,
                 const char *domain);
void doctor_report_fini(struct doctor_report *r);

/* -- DNS: what was found ---------------------------------------------------
 */

#define DOCTOR_MAX_RECORDS 16
#define DOCTOR_NAME        256 /* a domain name as text */

enum doctor_found {
    DOCTOR_NOT_ASKED,
    DOCTOR_NO_ANSWER, /* the resolver did not say */
    DOCTOR_NONE,      /* there is no such record */
    DOCTOR_FOUND
};

struct doctor_addr {
    int family; /* AF_INET, AF_INET6 */
    unsigned char bytes[16];
};

struct doctor_addrs {
    enum doctor_found found;
    char alias[DOCTOR_NAME]; /* the name is a CNAME of this; "" */
    size_t n;
    struct doctor_addr list[DOCTOR_MAX_RECORDS];
};

/* RFC 6698. */
struct doctor_tlsa {
    unsigned char usage, selector, matching;
    size_t len;
    unsigned char data[64];
};

struct doctor_tlsas {
    enum doctor_found found; /* only what DNSSEC proves counts */
    size_t n;
    struct doctor_tlsa list[DOCTOR_MAX_RECORDS];
};

struct doctor_srv {
    uint16_t priority, weight, port;
    char target[DOCTOR_NAME]; /* without the last dot; "." stays */
    struct doctor_addrs addrs;
    struct doctor_tlsas tlsa;
};

struct doctor_srvs {
    enum doctor_found found;
    size_t n;
    struct doctor_srv list[DOCTOR_MAX_RECORDS];
};

enum doctor_kind {
    DOCTOR_CLIENT,
    DOCTOR_CLIENTS,
    DOCTOR_SERVER,
    DOCTOR_SERVERS,
    DOCTOR_N_KINDS
};

/* RFC 6120 3.2.1, XEP-0368. */
struct doctor_service {
    const char *name; /* "xmpp-client" */
    uint16_t port;    /* where it is by custom */
    bool direct;      /* TLS from the first byte */
    bool server;
};
extern const struct doctor_service doctor_services[DOCTOR_N_KINDS];

enum doctor_dnssec {
    DOCTOR_DNSSEC_UNKNOWN,  /* no trust anchor on this machine */
    DOCTOR_DNSSEC_STRIPPED, /* the resolver lets no signatures through */
    DOCTOR_DNSSEC_INSECURE,
    DOCTOR_DNSSEC_SECURE,
    DOCTOR_DNSSEC_BOGUS
};

struct doctor_zone {
    char domain[DOCTOR_NAME]; /* A-labels */
    struct doctor_addrs own;
    struct doctor_srvs srv[DOCTOR_N_KINDS];
    enum doctor_found caa;
    char caa_text[512];
    enum doctor_dnssec dnssec;
    char bogus[256]; /* why */
};

/* Names and records in wire form (RFC 1035 3.1, RFC 2782, RFC 6698, RFC 8659);
 * CNC_ESYNTAX. */
int doctor_read_name(char out[DOCTOR_NAME], const unsigned char *data,
                     size_t len, size_t *used);
int doctor_read_srv(struct doctor_srv *out, const unsigned char *data,
                    size_t len);
int doctor_read_tlsa(struct doctor_tlsa *out, const unsigned char *data,
                     size_t len);
int doctor_read_caa(struct cnc__str *out, const unsigned char *data,
                    size_t len);
/* "192.0.2.1" of an address; "[2001:db8::1]:5222" of an address and port. */
void doctor_addr_text(char out[64], const struct doctor_addr *a);
void doctor_addr_port(char out[80], const struct doctor_addr *a,
                      uint16_t port);
/* Is it of a net that the Internet does not route? */
bool doctor_addr_private(const struct doctor_addr *a);

void doctor_judge_zone(struct doctor_report *r, const struct doctor_zone *z);

/* -- DNS: asking ------------------------------------------------------------
 */

struct doctor_dns;
/* server: "ADDR[:PORT]" or NULL for the machine's resolver; anchor: a file of
 * trust anchors or NULL for the machine's. */
int doctor_dns_open(struct doctor_dns **out, const char *server,
                    const char *anchor, struct cnc_error *err);
void doctor_dns_close(struct doctor_dns **dp);
/* Fill what DNS says of z->domain. */
void doctor_dns_zone(struct doctor_dns *d, struct doctor_zone *z);
void doctor_dns_addrs(struct doctor_dns *d, struct doctor_addrs *out,
                      const char *name);

/* -- certificates ------------------------------------------------------------
 */

struct doctor_cert {
    bool covers;      /* a name of subjectAltName is the domain */
    bool names_only;  /* no subjectAltName at all: the name is in the CN */
    char names[512];  /* of subjectAltName, for a person */
    char verify[160]; /* why the chain is not valid; "" when it is */
    int64_t not_before, not_after; /* seconds since 1970 */
    int bits;                      /* of the key */
    bool rsa, sha1;                /* a kind of key; a weak signature */
    char spki[65];                 /* SHA-256 of the key, hex */
    char print[65];                /* SHA-256 of the certificate, hex */
};

/* kind chooses the SRVName (RFC 4985) and xmppAddr that count too. */
void doctor_cert_read(struct doctor_cert *out, X509 *leaf, const char *domain,
                      bool server);
/* Does the record name one of the chain (RFC 7671)?  chain may be NULL. */
bool doctor_tlsa_matches(const struct doctor_tlsa *t, X509 *leaf,
                         STACK_OF(X509) * chain);
/* where: what presented it.  now: seconds. */
void doctor_judge_cert(struct doctor_report *r, const struct doctor_cert *c,
                       const char *domain, const char *where, int64_t now);
/* --cert FILE --key FILE, as the service would read them. */
void doctor_files(struct doctor_report *r, const char *cert, const char *key,
                  const char *ca, const char *domain, int64_t now);

/* -- a connection (doctor-wire.c) --------------------------------------------
 */

struct doctor_wire;
struct doctor_wire_options {
    const char *ca; /* a file of roots, or NULL for the machine's */
    int timeout_ms; /* of each step */
};
/* *new*; CNC_ESYS with why. */
int doctor_wire_open(struct doctor_wire **out, const struct doctor_addr *a,
                     uint16_t port, const struct doctor_wire_options *o,
                     struct cnc_error *err);
/* TLS with this server name and protocol (ALPN, may be NULL).  A certificate
 * that is not valid does not end it: ask doctor_wire_cert(). */
int doctor_wire_tls(struct doctor_wire *w, const char *name, const char *alpn,
                    struct cnc_error *err);
/* This machine's address on it. */
void doctor_wire_from(const struct doctor_wire *w, char out[64]);
/* Wait so long from now on. */
void doctor_wire_patience(struct doctor_wire *w, int timeout_ms);
int doctor_wire_send(struct doctor_wire *w, const char *data, size_t len,
                     struct cnc_error *err);
/* At least one byte, or CNC_ECLOSED, CNC_EAGAIN (too late), CNC_ESYS. */
int doctor_wire_read(struct doctor_wire *w, char *out, size_t room,
                     size_t *len, struct cnc_error *err);
/* Is there something to read now? */
bool doctor_wire_has(struct doctor_wire *w);
/* Borrowed; NULL before TLS. */
const char *doctor_wire_version(const struct doctor_wire *w);
const char *doctor_wire_alpn(const struct doctor_wire *w); /* "" for none */
/* False when no certificate came. */
bool doctor_wire_cert(const struct doctor_wire *w, struct doctor_cert *out,
                      const char *domain, bool server);
bool doctor_wire_tlsa(const struct doctor_wire *w,
                      const struct doctor_tlsas *t);
void doctor_wire_close(struct doctor_wire **wp);

/* -- streams
 * ------------------------------------------------------------------ */

struct doctor_dial {
    enum doctor_kind kind;
    char host[DOCTOR_NAME];
    char where[80]; /* address and port */
    int family;
    bool connected, stream, tls;
    bool starttls, required; /* offered before TLS */
    bool plain;              /* PLAIN or LOGIN offered before TLS */
    bool mechanisms;         /* any offered after TLS */
    bool dialback, external; /* offered after TLS */
    char alpn[32], version[16];
    char why[256]; /* what ended it early; "" */
    bool has_cert;
    struct doctor_cert cert;
    size_t n_tlsa;
    bool tlsa_matches;
    char answer[64]; /* to a dialback key that was made up: "invalid",
                        "error", "stream-error", "silence"; "" not asked */
};

void doctor_dial(struct doctor_dial *d, const struct doctor_addr *a,
                 const struct doctor_srv *srv, const char *domain,
                 const char *xmpp_domain, bool ask_dialback,
                 const struct doctor_wire_options *o);
/* All dials of a kind; n may be 0. */
void doctor_judge_ports(struct doctor_report *r, enum doctor_kind kind,
                        const struct doctor_dial *d, size_t n);
void doctor_judge_tlsa(struct doctor_report *r, const struct doctor_zone *z,
                       const struct doctor_dial *d, size_t n);
void doctor_judge_dialback(struct doctor_report *r,
                           const struct doctor_dial *d, size_t n);

/* -- the web (XEP-0156)
 * -------------------------------------------------------- */

struct doctor_meta {
    bool asked;
    int status; /* of HTTP; 0: none */
    char why[256];
    bool cors;            /* Access-Control-Allow-Origin: * */
    bool broken;          /* not XML, or not JSON, of the right kind */
    char broken_why[200]; /* and where */
    char websocket[512];  /* the first link's address; "" */
    char location[256];   /* of a redirect */
    bool has_date;
    int64_t offset_ms; /* the Date header minus this machine's clock */
};

/* What a body says; fills broken and websocket. */
void doctor_meta_xml(struct doctor_meta *m, const char *data, size_t len);
void doctor_meta_json(struct doctor_meta *m, const char *data, size_t len);
/* Header lines and status of an answer; returns where the body starts, 0 when
 * the head is not whole.  now_ms: this machine's clock when it came. */
size_t doctor_meta_head(struct doctor_meta *m, const char *data, size_t len,
                        int64_t now_ms);
void doctor_judge_meta(struct doctor_report *r, const char *domain,
                       const struct doctor_meta *xml,
                       const struct doctor_meta *json);
/* GET https://DOMAIN:port/.well-known/NAME from one of the addresses. */
void doctor_web_get(struct doctor_meta *m, const char *domain,
                    const struct doctor_addrs *addrs, uint16_t port,
                    const char *name, const struct doctor_wire_options *o);
/* Does the WebSocket open (RFC 7395 3.1)?  Findings are added. */
void doctor_web_socket(struct doctor_report *r, struct doctor_dns *d,
                       const char *url, const struct doctor_wire_options *o);

/* -- the clock
 * ----------------------------------------------------------------- */

/* synced: 1 yes, 0 no, -1 this machine does not say. */
void doctor_judge_clock(struct doctor_report *r, bool has_offset,
                        int64_t offset_ms, int synced);

#endif /* CNC_CTL_DOCTOR_H */
