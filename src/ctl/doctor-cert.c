/* SPDX-License-Identifier: MIT */
/*
 * doctor-cert.c -- certificates read and judged.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

#include <sys/stat.h>

#include "../base/text.h"
#include "doctor.h"

#define DAY          86400
#define DAYS_TO_WARN 14

/* -- read --------------------------------------------------------------------
 */

static void
add_name(struct doctor_cert *c, const char *what, const void *data, size_t len)
{
    size_t at = strlen(c->names);

    if (at + len + strlen(what) + 3 < sizeof(c->names)) {
        snprintf(c->names + at, sizeof(c->names) - at, "%s%s%.*s",
                 at > 0 ? ", " : "", what, (int)len, (const char *)data);
    }
}

/* otherName: SRVName "_xmpp-client.example.org" (RFC 4985) and xmppAddr (RFC
 * 6120 13.7.1.4). */
static bool
other_name(struct doctor_cert *c, const OTHERNAME *o, const char *domain,
           bool server)
{
    const ASN1_STRING *s;
    const char *text, *prefix = server ? "_xmpp-server." : "_xmpp-client.";
    size_t len;
    char oid[32];
    bool srv, addr;

    OBJ_obj2txt(oid, sizeof(oid), o->type_id, 1);
    srv = strcmp(oid, "1.3.6.1.5.5.7.8.7") == 0;
    addr = strcmp(oid, "1.3.6.1.5.5.7.8.5") == 0;
    if ((!srv && !addr) || (o->value->type != V_ASN1_IA5STRING &&
                            o->value->type != V_ASN1_UTF8STRING)) {
        return false;
    }
    s = o->value->value.asn1_string;
    text = (const char *)ASN1_STRING_get0_data(s);
    len = (size_t)ASN1_STRING_length(s);
    add_name(c, addr ? "xmppAddr " : "SRVName ", text, len);
    if (srv) {
        size_t skip = strlen(prefix);

        if (len < skip || strncasecmp(text, prefix, skip) != 0) {
            return false;
        }
        text += skip;
        len -= skip;
    }
    return len == strlen(domain) && strncasecmp(text, domain, len) == 0;
}

static void
read_names(struct doctor_cert *c, X509 *leaf, const char *domain, bool server)
{
    GENERAL_NAMES *names =
        X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);

    c->names_only = names == NULL;
    /* The CN never counts (RFC 9525 2). */
    c->covers = X509_check_host(leaf, domain, 0,
                                X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
                                NULL) == 1;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);

        if (n->type == GEN_DNS) {
            add_name(c, "", ASN1_STRING_get0_data(n->d.dNSName),
                     (size_t)ASN1_STRING_length(n->d.dNSName));
        } else if (n->type == GEN_OTHERNAME &&
                   other_name(c, n->d.otherName, domain, server)) {
            c->covers = true;
        }
    }
    GENERAL_NAMES_free(names);
}

static int64_t
seconds(const ASN1_TIME *t)
{
    struct tm tm;

    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static size_t
spki(unsigned char **out, X509 *x)
{
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), out);

    return len < 0 ? 0 : (size_t)len;
}

void
doctor_cert_read(struct doctor_cert *out, X509 *leaf, const char *domain,
                 bool server)
{
    unsigned char digest[EVP_MAX_MD_SIZE], *der = NULL;
    EVP_PKEY *key = X509_get0_pubkey(leaf);
    unsigned n = 0;
    int nid = 0;
    size_t len;

    memset(out, 0, sizeof(*out));
    read_names(out, leaf, domain, server);
    out->not_before = seconds(X509_get0_notBefore(leaf));
    out->not_after = seconds(X509_get0_notAfter(leaf));
    if (key != NULL) {
        out->bits = EVP_PKEY_get_bits(key);
        out->rsa = EVP_PKEY_base_id(key) == EVP_PKEY_RSA;
    }
    OBJ_find_sigid_algs(X509_get_signature_nid(leaf), &nid, NULL);
    out->sha1 = nid == NID_sha1 || nid == NID_md5;
    if (X509_digest(leaf, EVP_sha256(), digest, &n) == 1) {
        cnc__hex(out->print, digest, n);
    }
    len = spki(&der, leaf);
    if (len > 0 && EVP_Digest(der, len, digest, &n, EVP_sha256(), NULL) == 1) {
        cnc__hex(out->spki, digest, n);
    }
    OPENSSL_free(der);
}

static bool
tlsa_is(const struct doctor_tlsa *t, X509 *x)
{
    unsigned char digest[EVP_MAX_MD_SIZE], *der = NULL;
    const EVP_MD *md = t->matching == 1   ? EVP_sha256()
                       : t->matching == 2 ? EVP_sha512()
                                          : NULL;
    unsigned n = 0;
    bool same = false;
    int len = t->selector == 1 ? (int)spki(&der, x) : i2d_X509(x, &der);

    /* Matching 0, the whole certificate, is longer than what is kept. */
    if (len > 0 && md != NULL && t->selector <= 1 &&
        EVP_Digest(der, (size_t)len, digest, &n, md, NULL) == 1) {
        same = n == t->len && memcmp(digest, t->data, n) == 0;
    }
    OPENSSL_free(der);
    return same;
}

bool
doctor_tlsa_matches(const struct doctor_tlsa *t, X509 *leaf,
                    STACK_OF(X509) * chain)
{
    if (t->usage == 1 || t->usage == 3) {
        return tlsa_is(t, leaf);
    }
    for (int i = 1; i < sk_X509_num(chain); i++) {
        if (tlsa_is(t, sk_X509_value(chain, i))) {
            return true;
        }
    }
    return false;
}

/* -- judged
 * -------------------------------------------------------------------- */

static void
judge_name(struct doctor_report *r, const struct doctor_cert *c,
           const char *domain, const char *where)
{
    struct cnc__str fix = CNC__STR;

    cnc__str_printf(&fix, "certbot certonly -d %s\n", domain);
    if (c->covers) {
        doctor_add(r, DOCTOR_OK, DOCTOR_CERTS, "certs.name", NULL,
                   "%s: the certificate names %s", where, domain);
    } else if (c->names_only) {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_CERTS, "certs.name", fix.data,
                   "%s: the certificate has no subjectAltName; a name in its "
                   "CN does not count",
                   where);
    } else {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_CERTS, "certs.name", fix.data,
                   "%s: the certificate is for %s, not for %s", where,
                   c->names[0] == '\0' ? "no domain" : c->names, domain);
    }
    cnc__str_fini(&fix);
}

static void
judge_days(struct doctor_report *r, const struct doctor_cert *c,
           const char *where, int64_t now)
{
    int64_t left = c->not_after - now;
    char date[32];

    cnc__datetime(date, c->not_after * 1000);
    if (c->not_before > now) {
        cnc__datetime(date, c->not_before * 1000);
        doctor_add(r, DOCTOR_FAIL, DOCTOR_CERTS, "certs.days", NULL,
                   "%s: the certificate begins on %.10s; is this machine's "
                   "clock right?",
                   where, date);
    } else if (left < 0) {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_CERTS, "certs.days",
                   "certbot renew\n", "%s: the certificate ended on %.10s",
                   where, date);
    } else if (left < (int64_t)DAYS_TO_WARN * DAY) {
        doctor_add(r, DOCTOR_WARN, DOCTOR_CERTS, "certs.days",
                   "certbot renew\n",
                   "%s: the certificate ends in %lld days, on %.10s", where,
                   (long long)(left / DAY), date);
    } else {
        doctor_add(r, DOCTOR_OK, DOCTOR_CERTS, "certs.days", NULL,
                   "%s: the certificate is good for %lld days", where,
                   (long long)(left / DAY));
    }
}

void
doctor_judge_cert(struct doctor_report *r, const struct doctor_cert *c,
                  const char *domain, const char *where, int64_t now)
{
    judge_name(r, c, domain, where);
    judge_days(r, c, where, now);
    if (c->verify[0] == '\0') {
        doctor_add(r, DOCTOR_OK, DOCTOR_CERTS, "certs.chain", NULL,
                   "%s: the chain leads to a root this machine trusts", where);
    } else {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_CERTS, "certs.chain",
                   strstr(c->verify, "self-signed") != NULL
                       ? "certbot certonly   # signed by an authority that "
                         "others trust\n"
                       : "--tls-cert fullchain.pem   # the certificate and, "
                         "after it, its issuers\n",
                   "%s: the chain is not valid: %s", where, c->verify);
    }
    if (c->sha1 || (c->rsa && c->bits < 2048)) {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_CERTS, "certs.strength", NULL,
                   "%s: %s is too weak for today's TLS libraries", where,
                   c->sha1 ? "the signature's hash" : "the RSA key");
    }
}

/* -- files
 * ----------------------------------------------------------------------- */

/* The leaf, and the rest as a chain; NULL after a finding. */
static X509 *
read_chain(struct doctor_report *r, STACK_OF(X509) * rest, const char *path)
{
    FILE *f = fopen(path, "rb");
    X509 *leaf = NULL, *x;

    if (f == NULL) {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_CERTS, "certs.files", NULL,
                   "cannot read %s: %s", path, strerror(errno));
        return NULL;
    }
    leaf = PEM_read_X509(f, NULL, NULL, NULL);
    while (leaf != NULL && sk_X509_num(rest) < DOCTOR_MAX_RECORDS &&
           (x = PEM_read_X509(f, NULL, NULL, NULL)) != NULL) {
        sk_X509_push(rest, x);
    }
    fclose(f);
    if (leaf == NULL) {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_CERTS, "certs.files", NULL,
                   "%s holds no certificate in PEM", path);
    }
    return leaf;
}

static void
verify_files(struct doctor_cert *c, X509 *leaf, STACK_OF(X509) * rest,
             const char *ca)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();

    CNC_CHECK(store != NULL && ctx != NULL);
    if (ca == NULL) {
        X509_STORE_set_default_paths(store);
    } else {
        X509_STORE_load_file(store, ca);
    }
    CNC_CHECK(X509_STORE_CTX_init(ctx, store, leaf, rest) == 1);
    X509_STORE_CTX_set_default(ctx, "ssl_server");
    if (X509_verify_cert(ctx) != 1) {
        snprintf(c->verify, sizeof(c->verify), "%s",
                 X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
}

/* A prompt on the terminal would hang a script; the service takes no password
 * either. */
static int
no_password(char *buf, int size, int rwflag, void *priv)
{
    return -1;
}

static void
check_key(struct doctor_report *r, X509 *leaf, const char *cert,
          const char *path)
{
    struct stat st;
    FILE *f = fopen(path, "rb");
    EVP_PKEY *key;

    if (f == NULL || fstat(fileno(f), &st) != 0) {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_CERTS, "certs.files", NULL,
                   "cannot read %s: %s", path, strerror(errno));
        if (f != NULL) {
            fclose(f);
        }
        return;
    }
    key = PEM_read_PrivateKey(f, NULL, no_password, NULL);
    fclose(f);
    if (key == NULL) {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_CERTS, "certs.files", NULL,
                   "%s holds no key in PEM without a password", path);
    } else if (X509_check_private_key(leaf, key) != 1) {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_CERTS, "certs.files", NULL,
                   "%s is not the key of %s", path, cert);
    } else {
        doctor_add(r, DOCTOR_OK, DOCTOR_CERTS, "certs.files", NULL,
                   "%s is the key of %s", path, cert);
    }
    EVP_PKEY_free(key);
    if ((st.st_mode & S_IROTH) != 0) {
        struct cnc__str fix = CNC__STR;

        cnc__str_printf(&fix, "chmod o= %s\n", path);
        doctor_add(r, DOCTOR_FAIL, DOCTOR_CERTS, "certs.files", fix.data,
                   "everybody on this machine may read %s", path);
        cnc__str_fini(&fix);
    }
}

void
doctor_files(struct doctor_report *r, const char *cert, const char *key,
             const char *ca, const char *domain, int64_t now)
{
    STACK_OF(X509) *rest = sk_X509_new_null();
    X509 *leaf = read_chain(r, rest, cert);
    struct doctor_cert c;

    if (leaf != NULL) {
        doctor_cert_read(&c, leaf, domain, true);
        verify_files(&c, leaf, rest, ca);
        doctor_judge_cert(r, &c, domain, cert, now);
        if (key != NULL) {
            check_key(r, leaf, cert, key);
        }
    }
    X509_free(leaf);
    sk_X509_pop_free(rest, X509_free);
}
