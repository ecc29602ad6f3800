/* SPDX-License-Identifier: MIT */
/* identity.c -- subjectAltName, name by name. */
#include <stdio.h>
#include <strings.h>

#include <idn2.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "../xmpp/jid.h"
#include "identity.h"
#include "race.h"

#define MAX_JIDS 16

int
cnc__domain_to_ascii(char out[CNC__ASCII_DOMAIN], const char *domain)
{
    uint8_t *ascii = NULL;
    int code = CNC_ESYNTAX;

    if (idn2_lookup_u8((const uint8_t *)domain, &ascii,
                       IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK &&
        strlen((char *)ascii) < CNC__ASCII_DOMAIN) {
        snprintf(out, CNC__ASCII_DOMAIN, "%s", (char *)ascii);
        for (char *p = out; *p != '\0'; p++) {
            *p = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
        }
        code = 0;
    }
    idn2_free(ascii);
    return code;
}

/* -- strings of ASN.1 ---------------------------------------------------- */

/* Text of a string type, or NULL: another type, a NUL inside, or endless. */
static const char *
text_of(char out[CNC__JID_MAX + 1], const ASN1_STRING *s, int type)
{
    int len = ASN1_STRING_length(s);

    if (ASN1_STRING_type(s) != type || len <= 0 || len > CNC__JID_MAX ||
        memchr(ASN1_STRING_get0_data(s), 0, (size_t)len) != NULL) {
        return NULL;
    }
    memcpy(out, ASN1_STRING_get0_data(s), (size_t)len);
    out[len] = '\0';
    return out;
}

/* Of an otherName of this kind. */
static const char *
other_text(char out[CNC__JID_MAX + 1], const GENERAL_NAME *name, int nid,
           int type)
{
    const OTHERNAME *other;

    if (name->type != GEN_OTHERNAME) {
        return NULL;
    }
    other = name->d.otherName;
    /* Strings of every type are in the same place of the union. */
    return OBJ_obj2nid(other->type_id) == nid && other->value->type == type
               ? text_of(out, other->value->value.asn1_string, type)
               : NULL;
}

/* -- matching ------------------------------------------------------------ */

/* RFC 9525 6.3: a wildcard is a label of its own, the left-most, and stands
 * for one label.  "*.org" would be too much. */
static bool
dns_matches(const char *presented, const char *wanted)
{
    size_t len = strlen(presented);
    const char *dot = strchr(wanted, '.');

    if (len > 0 && presented[len - 1] == '.') {
        return false;
    }
    if (strncmp(presented, "*.", 2) != 0) {
        return strcasecmp(presented, wanted) == 0;
    }
    return strchr(presented + 2, '*') == NULL &&
           strchr(presented + 2, '.') != NULL && dot != NULL &&
           dot != wanted && strcasecmp(presented + 1, dot) == 0;
}

struct wanted {
    const char *domain; /* Unicode, or NULL: a host of the DNS */
    const char *service;
    char ascii[CNC__ASCII_DOMAIN];
    uint8_t ip[16];
    int ip_family; /* 0: a name */
};

static bool
is_the_domain(const char *jid, const char *domain)
{
    char prepared[CNC__JID_MAX + 1];

    return cnc__jid_prepare(prepared, jid, strlen(jid), NULL) == 0 &&
           strcmp(prepared, domain) == 0;
}

static bool
name_matches(const GENERAL_NAME *name, const struct wanted *w)
{
    char buf[CNC__JID_MAX + 1];
    const char *text;

    if (w->ip_family != 0 && name->type == GEN_IPADD) {
        int len = w->ip_family == AF_INET ? 4 : 16;

        return ASN1_STRING_length(name->d.iPAddress) == len &&
               memcmp(ASN1_STRING_get0_data(name->d.iPAddress), w->ip,
                      (size_t)len) == 0;
    }
    if (w->domain != NULL) {
        text = other_text(buf, name, NID_XmppAddr, V_ASN1_UTF8STRING);
        if (text != NULL) {
            return is_the_domain(text, w->domain);
        }
    }
    if (w->ip_family != 0) {
        return false;
    }
    if (w->domain != NULL) {
        text = other_text(buf, name, NID_SRVName, V_ASN1_IA5STRING);
        if (text != NULL) {
            size_t n = strlen(w->service);

            return strncasecmp(text, w->service, n) == 0 &&
                   dns_matches(text + n, w->ascii);
        }
    }
    text = name->type == GEN_DNS
               ? text_of(buf, name->d.dNSName, V_ASN1_IA5STRING)
               : NULL;
    return text != NULL && dns_matches(text, w->ascii);
}

static bool
names(X509 *cert, const struct wanted *w)
{
    GENERAL_NAMES *all =
        X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool found = false;

    for (int i = 0; all != NULL && i < sk_GENERAL_NAME_num(all) && !found;
         i++) {
        found = name_matches(sk_GENERAL_NAME_value(all, i), w);
    }
    GENERAL_NAMES_free(all);
    return found;
}

bool
cnc__cert_names_domain(X509 *cert, const char *domain, bool client)
{
    struct wanted w = {.domain = domain,
                       .service = client ? "_xmpp-client." : "_xmpp-server."};
    size_t len = strlen(domain);
    char host[64];

    if (domain[0] == '[' && len > 2 && len < sizeof(host)) {
        memcpy(host, domain + 1, len - 2);
        host[len - 2] = '\0';
        w.ip_family = cnc__parse_ip(w.ip, host);
    } else {
        w.ip_family = cnc__parse_ip(w.ip, domain);
    }
    if (w.ip_family == 0 && cnc__domain_to_ascii(w.ascii, domain) != 0) {
        return false;
    }
    return names(cert, &w);
}

bool
cnc__cert_names_host(X509 *cert, const char *host)
{
    struct wanted w = {0};

    snprintf(w.ascii, sizeof(w.ascii), "%s", host);
    return names(cert, &w);
}

void
cnc__cert_jids(X509 *cert, struct cnc__str *out)
{
    GENERAL_NAMES *all =
        X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    char buf[CNC__JID_MAX + 1], jid[CNC__JID_MAX + 1];
    size_t n = 0;

    for (int i = 0;
         all != NULL && i < sk_GENERAL_NAME_num(all) && n < MAX_JIDS; i++) {
        const char *text = other_text(buf, sk_GENERAL_NAME_value(all, i),
                                      NID_XmppAddr, V_ASN1_UTF8STRING);

        if (text != NULL &&
            cnc__jid_prepare(jid, text, strlen(text), NULL) == 0) {
            cnc__str_puts(out, text);
            cnc__str_putc(out, '\n');
            n++;
        }
    }
    GENERAL_NAMES_free(all);
}
