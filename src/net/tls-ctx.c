/* SPDX-License-Identifier: MIT */
/*
 * tls-ctx.c -- a certificate of ours and what every connection that uses it
 * has in common.
 */
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <strings.h>

#include <openssl/x509v3.h>

#include "../base/check.h"
#include "tls-priv.h"

/* A chain of certificates needs a quarter of it; OpenSSL would take 100 kB
 * from anybody. */
#define MAX_CHAIN 32768

struct site {
    char *domain;
    char ascii[CNC__ASCII_DOMAIN];
    struct cnc__tls_ctx *with; /* borrowed: perhaps the one it is in */
};

struct cnc__tls_ctx {
    unsigned magic;
    unsigned n_refs;
    char *cert, *key, *ca;
    SSL_CTX *ctx;
    struct site *sites;
    size_t n_sites;
    bool renewed; /* by the last reload */
};
#define TLS_CTX_MAGIC 0x546c7343u

static int
refuse(struct cnc_error *err, const char *what, const char *file,
       const char *wanted)
{
    unsigned long e = ERR_peek_last_error();
    const char *reason = e == 0 ? NULL : ERR_reason_error_string(e);
    FILE *f = fopen(file, "re");

    ERR_clear_error();
    if (f == NULL) { /* of which OpenSSL says "system lib" */
        return cnc_error_set(err, CNC_ESYS, NULL, "cannot read the %s %s: %s",
                             what, file, strerror(errno));
    }
    fclose(f);
    return cnc_error_set(err, CNC_ESYS, NULL,
                         "cannot use the %s %s: %s; give %s", what, file,
                         reason == NULL ? "unreadable" : reason, wanted);
}

static int
load_files(SSL_CTX *ctx, const struct cnc__tls_ctx *t, struct cnc_error *err)
{
    static const char pair[] = "PEM files of a certificate chain and its key";

    if (t->cert != NULL) {
        if (SSL_CTX_use_certificate_chain_file(ctx, t->cert) != 1) {
            return refuse(err, "certificate", t->cert, pair);
        }
        if (SSL_CTX_use_PrivateKey_file(ctx, t->key, SSL_FILETYPE_PEM) != 1 ||
            SSL_CTX_check_private_key(ctx) != 1) {
            return refuse(err, "key", t->key, pair);
        }
    }
    /* The folder of the system's is looked into when a name is asked for. */
    SSL_CTX_set_default_verify_paths(ctx);
    if (t->ca != NULL && SSL_CTX_load_verify_file(ctx, t->ca) != 1) {
        return refuse(err, "authorities", t->ca,
                      "a PEM file of their certificates");
    }
    ERR_clear_error();
    return 0;
}

static SSL_CTX *
make_ctx(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());

    CNC_CHECK(ctx != NULL);
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
                              SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_PRIORITIZE_CHACHA);
    /* Of TLS 1.2, forward secrecy and authenticated encryption alone. */
    CNC_CHECK(SSL_CTX_set_cipher_list(ctx,
                                      "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:"
                                      "DHE+CHACHA20:!aNULL:!PSK:!SRP") == 1);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"cnc", 3);
    /* Tickets resume; a table of sessions would be memory that peers fill. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_max_cert_list(ctx, MAX_CHAIN);
    SSL_CTX_set_dh_auto(ctx, 1);
    SSL_CTX_set_alpn_select_cb(ctx, cnc__tls_select_alpn, NULL);
    CNC_CHECK(SSL_CTX_dane_enable(ctx) > 0);
    SSL_CTX_dane_set_flags(ctx, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    return ctx;
}

/* -- several certificates ------------------------------------------------- */

static bool
is_for(const struct cnc__tls_ctx *t, const char *name)
{
    X509 *cert = SSL_CTX_get0_certificate(t->ctx);

    return cert != NULL && X509_check_host(cert, name, 0, 0, NULL) == 1;
}

static struct cnc__tls_ctx *
choose(struct cnc__tls_ctx *t, const char *name)
{
    for (size_t i = 0; i < t->n_sites; i++) {
        if (strcasecmp(t->sites[i].ascii, name) == 0) {
            return t->sites[i].with;
        }
    }
    for (size_t i = 0; i < t->n_sites && !is_for(t, name); i++) {
        if (is_for(t->sites[i].with, name)) {
            return t->sites[i].with;
        }
    }
    return t;
}

static int
on_servername(SSL *ssl, int *alert, void *ctx)
{
    struct cnc__tls_ctx *t = ctx, *with;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    CNC_OBJ_CHECK(t, TLS_CTX_MAGIC);
    with = name == NULL ? t : choose(t, name);
    if (with == t) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    SSL_set_SSL_CTX(ssl, with->ctx);
    return SSL_TLSEXT_ERR_OK;
}

static void
watch_names(struct cnc__tls_ctx *t, SSL_CTX *ctx)
{
    if (t->n_sites > 0) {
        SSL_CTX_set_tlsext_servername_callback(ctx, on_servername);
        SSL_CTX_set_tlsext_servername_arg(ctx, t);
    }
}

void
cnc__tls_ctx_join(struct cnc__tls_ctx *t, struct cnc__tls_ctx *other,
                  const char *domain)
{
    struct site *site;

    CNC_OBJ_CHECK(t, TLS_CTX_MAGIC);
    t->sites = cnc__realloc(t->sites, t->n_sites + 1, sizeof(*t->sites));
    site = &t->sites[t->n_sites++];
    *site = (struct site){.domain = cnc__strdup(domain), .with = other};
    if (cnc__domain_to_ascii(site->ascii, domain) != 0) {
        site->ascii[0] = '\0'; /* an address: SNI has none */
    }
    watch_names(t, t->ctx);
}

struct cnc__tls_ctx *
cnc__tls_ctx_of(struct cnc__tls_ctx *t, const char *domain)
{
    for (size_t i = 0; i < t->n_sites; i++) {
        if (strcmp(t->sites[i].domain, domain) == 0) {
            return t->sites[i].with;
        }
    }
    return t;
}

/* -- life ----------------------------------------------------------------- */

static bool
is_other(const SSL_CTX *was, const SSL_CTX *is)
{
    const X509 *a = was == NULL ? NULL : SSL_CTX_get0_certificate(was);
    const X509 *b = SSL_CTX_get0_certificate(is);

    return a != NULL && b != NULL && X509_cmp(a, b) != 0;
}

bool
cnc__tls_ctx_renewed(const struct cnc__tls_ctx *t)
{
    CNC_OBJ_CHECK(t, TLS_CTX_MAGIC);
    return t->renewed;
}

int
cnc__tls_ctx_reload(struct cnc__tls_ctx *t, struct cnc_error *err)
{
    SSL_CTX *ctx = make_ctx();

    CNC_OBJ_CHECK(t, TLS_CTX_MAGIC);
    ERR_clear_error();
    t->renewed = false;
    if (load_files(ctx, t, err) != 0) {
        SSL_CTX_free(ctx);
        return CNC_ESYS;
    }
    watch_names(t, ctx);
    t->renewed = is_other(t->ctx, ctx);
    SSL_CTX_free(t->ctx); /* connections hold it as long as they need it */
    t->ctx = ctx;
    return 0;
}

int
cnc__tls_ctx_new(struct cnc__tls_ctx **out, const struct cnc__tls_files *files,
                 struct cnc_error *err)
{
    struct cnc__tls_ctx *t;

    if ((files->cert == NULL) != (files->key == NULL)) {
        return cnc_error_set(err, CNC_ESYS, NULL,
                             "TLS needs both a certificate and its key: the "
                             "%s is missing",
                             files->cert == NULL ? "certificate" : "key");
    }
    t = cnc__zalloc(sizeof(*t));
    t->magic = TLS_CTX_MAGIC;
    t->n_refs = 1;
    t->cert = cnc__strdup(files->cert);
    t->key = cnc__strdup(files->key);
    t->ca = cnc__strdup(files->ca);
    if (cnc__tls_ctx_reload(t, err) != 0) {
        cnc__tls_ctx_unref(&t);
        return CNC_ESYS;
    }
    *out = t;
    return 0;
}

struct cnc__tls_ctx *
cnc__tls_ctx_ref(struct cnc__tls_ctx *t)
{
    CNC_OBJ_CHECK(t, TLS_CTX_MAGIC);
    t->n_refs++;
    return t;
}

void
cnc__tls_ctx_unref(struct cnc__tls_ctx **tp)
{
    struct cnc__tls_ctx *t = *tp;

    *tp = NULL;
    if (t == NULL) {
        return;
    }
    CNC_OBJ_CHECK(t, TLS_CTX_MAGIC);
    if (--t->n_refs == 0) {
        for (size_t i = 0; i < t->n_sites; i++) {
            cnc__free(t->sites[i].domain);
        }
        cnc__free(t->sites);
        SSL_CTX_free(t->ctx);
        cnc__free(t->cert);
        cnc__free(t->key);
        cnc__free(t->ca);
        CNC_OBJ_FREE(t);
    }
}

SSL *
cnc__tls_ctx_ssl(struct cnc__tls_ctx *t)
{
    SSL *ssl;

    CNC_OBJ_CHECK(t, TLS_CTX_MAGIC);
    ssl = SSL_new(t->ctx);
    CNC_CHECK(ssl != NULL);
    return ssl;
}
