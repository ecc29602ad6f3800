/* SPDX-License-Identifier: MIT */
/*
 * tls.c -- TLS between the socket and the rest.  OpenSSL is given a BIO of
 * ours instead of its memory BIO: it reads straight from the bytes just
 * received and writes straight to the string the send path sends, so an idle
 * connection holds no buffers (with SSL_MODE_RELEASE_BUFFERS).
 */
#include <pthread.h>
#include <stdio.h>

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "../base/log.h"
#include "conn.h"
#include "race.h"

/* RFC 7218: certificate usages of TLSA. */
#define DANE_TA 2
#define DANE_EE 3

struct cnc__tls {
    SSL *ssl;
    enum cnc__tls_use use;
    bool shaken, failed;
    const char *ours; /* ALPN that we take, as a server; NULL: any */
    int error;        /* the first of the certificate's */
    const char *host; /* of TLSA records in use, borrowed; or NULL */
    const char *rx;   /* received, borrowed during cnc__tls_feed() */
    size_t rx_len;
    struct cnc__str tx;
    char alpn[16], why[96];
};

/* -- the BIO ------------------------------------------------------------- */

static int
bio_read(BIO *bio, char *out, int room)
{
    struct cnc__tls *t = BIO_get_data(bio);
    size_t n = room < 0 ? 0 : (size_t)room;

    BIO_clear_retry_flags(bio);
    if (t->rx_len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    n = n < t->rx_len ? n : t->rx_len;
    memcpy(out, t->rx, n);
    t->rx += n;
    t->rx_len -= n;
    return (int)n;
}

static int
bio_write(BIO *bio, const char *data, int len)
{
    struct cnc__tls *t = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    cnc__str_add(&t->tx, data, len < 0 ? 0 : (size_t)len);
    return len;
}

static long
bio_ctrl(BIO *bio, int cmd, long larg, void *parg)
{
    return cmd == BIO_CTRL_FLUSH || cmd == BIO_CTRL_DUP;
}

static BIO_METHOD *method; /* one for the process, kept to its end */

static void
make_method(void)
{
    method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | 127, "concordance");
    CNC_CHECK(method != NULL);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_ctrl);
}

/* -- ALPN ---------------------------------------------------------------- */

/* RFC 7301.  A browser that offers only others may still find that out by
 * itself; who asks an XMPP port for another protocol is in the wrong place,
 * perhaps not by his own will, and is turned away (3.2). */
int
cnc__tls_select_alpn(SSL *ssl, const unsigned char **out,
                     unsigned char *out_len, const unsigned char *in,
                     unsigned in_len, void *arg)
{
    const struct cnc__tls *t = SSL_get_app_data(ssl);
    unsigned char *found;

    if (t->ours == NULL) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    if (SSL_select_next_proto(&found, out_len, (const unsigned char *)t->ours,
                              (unsigned)strlen(t->ours), in,
                              in_len) != OPENSSL_NPN_NEGOTIATED) {
        return t->use == CNC__TLS_HTTP ? SSL_TLSEXT_ERR_NOACK
                                       : SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = found;
    return SSL_TLSEXT_ERR_OK;
}

/* -- the peer's certificate ---------------------------------------------- */

/* Go on whatever is wrong: OpenSSL keeps the last error.  Authorities stop
 * issuing certificates for clients, so a server that calls us shows the one it
 * has for serving; a few have it the other way round. */
static int
on_verify(int ok, X509_STORE_CTX *store)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(
        store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct cnc__tls *t = SSL_get_app_data(ssl);
    int error = X509_STORE_CTX_get_error(store);

    if (ok) {
        return 1;
    }
    if (error == X509_V_ERR_INVALID_PURPOSE &&
        (X509_get_extended_key_usage(X509_STORE_CTX_get_current_cert(store)) &
         (XKU_SSL_SERVER | XKU_SSL_CLIENT)) != 0) {
        X509_STORE_CTX_set_error(store, t->error);
    } else if (t->error == X509_V_OK) {
        t->error = error;
    }
    return 1;
}

static X509 *
peer_cert(const struct cnc__tls *t)
{
    return SSL_get0_peer_certificate(t->ssl);
}

/* Why the peer's certificate proves nothing; NULL: it is good. */
static const char *
problem(const struct cnc__tls *t)
{
    long result = SSL_get_verify_result(t->ssl);

    if (!t->shaken || peer_cert(t) == NULL) {
        return "no certificate";
    }
    return result == X509_V_OK ? NULL : X509_verify_cert_error_string(result);
}

bool
cnc__tls_peer_is(const struct cnc__tls *t, const char *domain,
                 enum cnc__cert_use use)
{
    uint8_t usage = 0;

    if (problem(t) != NULL) {
        return false;
    }
    if (t->host != NULL && SSL_get0_dane_authority(t->ssl, NULL, NULL) >= 0) {
        /* RFC 7673 4: TLSA with usage 3 names the key itself. */
        SSL_get0_dane_tlsa(t->ssl, &usage, NULL, NULL, NULL, NULL);
        if (usage == DANE_EE || cnc__cert_names_host(peer_cert(t), t->host)) {
            return true;
        }
    }
    return cnc__cert_names_domain(peer_cert(t), domain,
                                  use == CNC__CERT_CLIENT);
}

void
cnc__tls_peer_jids(const struct cnc__tls *t, struct cnc__str *out)
{
    if (problem(t) == NULL) {
        cnc__cert_jids(peer_cert(t), out);
    }
}

void
cnc__tls_describe(const struct cnc__tls *t, struct cnc__tls_info *out)
{
    const char *why = problem(t);

    snprintf(out->version, sizeof(out->version), "%s",
             SSL_get_version(t->ssl));
    snprintf(out->cipher, sizeof(out->cipher), "%s",
             SSL_get_cipher_name(t->ssl));
    out->peer_cert = t->shaken && peer_cert(t) != NULL;
    out->trusted = why == NULL;
    snprintf(out->reason, sizeof(out->reason), "%s", why == NULL ? "" : why);
}

/* -- begin and end ------------------------------------------------------- */

static struct cnc__tls *
make(struct cnc__tls_ctx *ctx, enum cnc__tls_use use)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct cnc__tls *t = cnc__zalloc(sizeof(*t));
    BIO *bio;

    pthread_once(&once, make_method);
    bio = BIO_new(method);
    t->ssl = cnc__tls_ctx_ssl(ctx);
    t->use = use;
    CNC_CHECK(bio != NULL);
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    SSL_set_app_data(t->ssl, t);
    if (use != CNC__TLS_HTTP) {
        SSL_set_verify(t->ssl, SSL_VERIFY_PEER, on_verify);
    }
    if (use == CNC__TLS_S2S) {
        X509_VERIFY_PARAM_set_purpose(SSL_get0_param(t->ssl),
                                      X509_PURPOSE_SSL_SERVER);
    }
    return t;
}

struct cnc__tls *
cnc__tls_accept(struct cnc__tls_ctx *ctx, enum cnc__tls_use use,
                const char *alpn)
{
    struct cnc__tls *t = make(ctx, use);

    t->ours = alpn;
    SSL_set_accept_state(t->ssl);
    return t;
}

/* TLSA records of the end and of its authority; those of usage 0 and 1 add
 * nothing to what is checked anyway. */
static void
use_tlsa(struct cnc__tls *t, const struct cnc__remote *r)
{
    bool any = false;

    if (r->n_tlsa == 0) {
        return;
    }
    CNC_CHECK(SSL_dane_enable(t->ssl, r->host) > 0);
    for (size_t i = 0; i < r->n_tlsa; i++) {
        const struct cnc__dns_tlsa *a = &r->tlsa[i];

        any = ((a->usage == DANE_EE || a->usage == DANE_TA) &&
               SSL_dane_tlsa_add(t->ssl, a->usage, a->selector, a->matching,
                                 a->data, a->len) > 0) ||
              any;
    }
    ERR_clear_error();
    /* Names are compared by cnc__tls_peer_is(). */
    X509_VERIFY_PARAM_set1_host(SSL_get0_param(t->ssl), NULL, 0);
    t->host = any ? r->host : NULL;
}

struct cnc__tls *
cnc__tls_connect(struct cnc__tls_ctx *ctx, const struct cnc__remote *remote,
                 bool direct)
{
    static const unsigned char alpn[] = CNC__ALPN_SERVER;
    struct cnc__tls *t = make(ctx, CNC__TLS_S2S);
    uint8_t ip[16];

    SSL_set_connect_state(t->ssl);
    if (remote->ascii[0] != '[' && cnc__parse_ip(ip, remote->ascii) == 0) {
        SSL_set_tlsext_host_name(t->ssl, remote->ascii); /* XEP-0368 3 */
    }
    if (direct) {
        SSL_set_alpn_protos(t->ssl, alpn, sizeof(alpn) - 1);
    }
    use_tlsa(t, remote);
    return t;
}

void
cnc__tls_free(struct cnc__tls **tp)
{
    struct cnc__tls *t = *tp;

    if (t != NULL) {
        SSL_free(t->ssl); /* and the BIO */
        cnc__str_fini(&t->tx);
        cnc__free(t);
        *tp = NULL;
    }
}

void
cnc__remote_add_tlsa(struct cnc__remote *r, const struct cnc__dns_tlsa *tlsa)
{
    struct cnc__dns_tlsa copy = *tlsa;
    uint8_t *data = cnc__zalloc(tlsa->len);

    memcpy(data, tlsa->data, tlsa->len);
    copy.data = data;
    r->tlsa = cnc__realloc(r->tlsa, r->n_tlsa + 1, sizeof(copy));
    r->tlsa[r->n_tlsa++] = copy;
}

void
cnc__remote_free(struct cnc__remote **rp)
{
    struct cnc__remote *r = *rp;

    if (r != NULL) {
        for (size_t i = 0; i < r->n_tlsa; i++) {
            cnc__free((void *)r->tlsa[i].data);
        }
        cnc__free(r->tlsa);
        cnc__free(r->domain);
        cnc__free(r);
        *rp = NULL;
    }
}

/* -- bytes --------------------------------------------------------------- */

struct cnc__str *
cnc__tls_out(struct cnc__tls *t)
{
    return &t->tx;
}

bool
cnc__tls_is_shaking(const struct cnc__tls *t)
{
    return !t->shaken;
}

const char *
cnc__tls_failure(const struct cnc__tls *t)
{
    return t->failed ? t->why : NULL;
}

static void
fail(struct cnc__conn *c)
{
    struct cnc__tls *t = c->tls;
    unsigned long e = ERR_peek_error();
    const char *reason = e == 0 ? NULL : ERR_reason_error_string(e);

    t->failed = true;
    snprintf(t->why, sizeof(t->why), "TLS: %s",
             reason == NULL ? "the connection was cut" : reason);
    cnc__log(CNC_LOG_DEBUG, "tls.error", "peer=%s reason=%s",
             cnc__conn_addr(c), t->why);
    cnc__conn_flush(c); /* perhaps an alert that says why */
    c->broken = true;
}

static void
note_shaken(struct cnc__conn *c)
{
    struct cnc__tls *t = c->tls;
    const unsigned char *alpn;
    unsigned len;

    if (t->shaken || !SSL_is_init_finished(t->ssl)) {
        return;
    }
    t->shaken = true;
    SSL_get0_alpn_selected(t->ssl, &alpn, &len);
    if (len > 0 && len < sizeof(t->alpn)) {
        memcpy(t->alpn, alpn, len);
    }
    cnc__conn_secured(c);
}

void
cnc__tls_start(struct cnc__conn *c)
{
    ERR_clear_error();
    SSL_do_handshake(c->tls->ssl); /* nothing has come, so it wants more */
    ERR_clear_error();
    cnc__net_dirty(c);
}

void
cnc__tls_feed(struct cnc__conn *c, const char *data, size_t len)
{
    struct cnc__tls *t = c->tls;
    char *plain = c->net->plain_buf;
    int n;

    t->rx = data;
    t->rx_len = len;
    ERR_clear_error();
    do {
        n = SSL_read(t->ssl, plain, CNC__NET_READ);
        note_shaken(c);
        if (n > 0) {
            cnc__conn_bytes(c, plain, (size_t)n);
            ERR_clear_error();
        }
    } while (n > 0);
    switch (SSL_get_error(t->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        break;
    case SSL_ERROR_ZERO_RETURN:
        c->eof = true;
        if (c->stream != NULL) {
            cnc__stream_eof(c->stream);
        }
        break;
    default:
        fail(c);
        break;
    }
    ERR_clear_error();
    t->rx = NULL;
    t->rx_len = 0;
    if (t->tx.len > 0) {
        cnc__net_dirty(c);
    }
}

bool
cnc__tls_write(struct cnc__tls *t, const char *data, size_t len)
{
    ERR_clear_error();
    while (len > 0) {
        int n = SSL_write(t->ssl, data, len < 16384 ? (int)len : 16384);

        if (n <= 0) {
            ERR_clear_error();
            return false; /* our BIO is never full: a protocol error */
        }
        data += n;
        len -= (size_t)n;
    }
    return true;
}

void
cnc__tls_end(struct cnc__tls *t)
{
    if (SSL_is_init_finished(t->ssl)) {
        SSL_shutdown(t->ssl);
        ERR_clear_error();
    }
}

/* -- after the handshake ------------------------------------------------- */

const char *
cnc__tls_alpn(const struct cnc__tls *t)
{
    return t->alpn;
}

/* RFC 5929 4.1: the hash of the server's certificate that its signature uses;
 * SHA-256 where that is weaker. */
static size_t
end_point(X509 *cert, uint8_t out[64])
{
    unsigned n = 64;
    const EVP_MD *md;
    int nid;

    if (cert == NULL ||
        X509_get_signature_info(cert, &nid, NULL, NULL, NULL) != 1 ||
        nid == NID_undef) {
        return 0;
    }
    md = nid == NID_md5 || nid == NID_sha1 ? EVP_sha256()
                                           : EVP_get_digestbynid(nid);
    return md != NULL && EVP_MD_get_size(md) <= 64 &&
                   X509_digest(cert, md, out, &n) == 1
               ? n
               : 0;
}

/* RFC 5929 3: the client's Finished, or the server's where the session was
 * resumed: whichever came first in TLS 1.2, which is what everybody who uses
 * OpenSSL's functions still takes in 1.3. */
static size_t
first_finished(SSL *ssl, uint8_t out[64])
{
    bool ours = !SSL_is_server(ssl) != (SSL_session_reused(ssl) == 1);
    size_t n;

    if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1) {
        return 0; /* two handshakes may agree: RFC 7627 */
    }
    n = ours ? SSL_get_finished(ssl, out, 64)
             : SSL_get_peer_finished(ssl, out, 64);
    return n <= 64 ? n : 0;
}

size_t
cnc__tls_binding(const struct cnc__tls *t, enum cnc__binding type,
                 uint8_t out[64])
{
    static const char label[] = "EXPORTER-Channel-Binding";

    if (!t->shaken) {
        return 0;
    }
    if (type == CNC__BINDING_SERVER_END_POINT) {
        return end_point(SSL_is_server(t->ssl) ? SSL_get_certificate(t->ssl)
                                               : peer_cert(t),
                         out);
    }
    if (type == CNC__BINDING_UNIQUE) {
        return first_finished(t->ssl, out);
    }
    /* RFC 9266 3: of TLS 1.2 only with the extended master secret. */
    if (SSL_version(t->ssl) < TLS1_3_VERSION &&
        SSL_get_extms_support(t->ssl) != 1) {
        return 0;
    }
    return SSL_export_keying_material(t->ssl, out, 32, label,
                                      sizeof(label) - 1, (const uint8_t *)"",
                                      0, 1) == 1
               ? 32
               : 0;
}
