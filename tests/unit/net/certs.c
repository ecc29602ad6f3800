/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdio.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "../../../src/base/check.h"
#include "certs.h"

static void
add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *ext;
    X509V3_CTX ctx;

    if (value == NULL) {
        return;
    }
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    CNC_CHECK(ext != NULL && X509_add_ext(cert, ext, -1) == 1);
    X509_EXTENSION_free(ext);
}

struct pair
make_pair(struct pair_options o)
{
    static long serial = 1;
    struct pair p = {X509_new(), EVP_EC_gen("P-256")};
    const char *cn = o.cn == NULL ? "concordance test" : o.cn;

    X509_set_version(p.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(p.cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(p.cert), o.expired ? -7200 : -3600);
    X509_gmtime_adj(X509_getm_notAfter(p.cert), o.expired ? -3600 : 3600);
    X509_set_pubkey(p.cert, p.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(p.cert), "CN",
                               MBSTRING_UTF8, (const unsigned char *)cn, -1,
                               -1, 0);
    X509_set_issuer_name(
        p.cert,
        X509_get_subject_name(o.issuer == NULL ? p.cert : o.issuer->cert));
    add_extension(p.cert, NID_basic_constraints,
                  o.ca ? "critical,CA:TRUE" : "CA:FALSE");
    add_extension(p.cert, NID_subject_alt_name, o.san);
    add_extension(p.cert, NID_ext_key_usage, o.usage);
    CNC_CHECK(X509_sign(p.cert, o.issuer == NULL ? p.key : o.issuer->key,
                        EVP_sha256()) > 0);
    return p;
}

void
free_pair(struct pair *p)
{
    X509_free(p->cert);
    EVP_PKEY_free(p->key);
}

void
write_pair_files(const struct pair *p, const char *cert, const char *key)
{
    FILE *f = fopen(cert, "w");

    CNC_CHECK(f != NULL && PEM_write_X509(f, p->cert) == 1);
    fclose(f);
    if (key != NULL) {
        f = fopen(key, "w");
        CNC_CHECK(f != NULL && PEM_write_PrivateKey(f, p->key, NULL, NULL, 0,
                                                    NULL, NULL) == 1);
        fclose(f);
    }
}
