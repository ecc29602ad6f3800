/* SPDX-License-Identifier: MIT */
/*
 * tls.c -- TLS between the socket and the rest.  OpenSSL is given a BIO of
 * ours instead of its memory BIO: it reads straight from the bytes just
 * received and writes straight to the string the send path sends, so an idle
 * connection holds no buffers (with SSL_MODE_RELEASE_BUFFERS).
 */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "../base/log.h"
#include "conn.h"

struct cnc__tls_ctx {
    SSL_CTX *ctx;
    BIO_METHOD *bio;
};

struct cnc__tls {
    SSL *ssl;
    const char *rx; /* received, borrowed during cnc__tls_feed() */
    size_t rx_len;
    struct cnc__str tx;
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

/* -- the listener's half ------------------------------------------------- */

static int
refuse(struct cnc_error *err, const char *what, const char *file)
{
    unsigned long e = ERR_peek_last_error();
    const char *reason = e == 0 ? NULL : ERR_reason_error_string(e);

    ERR_clear_error();
    return cnc_error_set(err, CNC_ESYS, NULL,
                         "cannot use the %s %s: %s; give PEM files of a "
                         "certificate chain and its key",
                         what, file, reason == NULL ? "unreadable" : reason);
}

/* RFC 7301: we speak http/1.1 alone; a client that offers only others may
 * still find that out by itself. */
static int
select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
            const unsigned char *in, unsigned in_len, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *found;

    if (SSL_select_next_proto(&found, out_len, ours, sizeof(ours) - 1, in,
                              in_len) != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    *out = found;
    return SSL_TLSEXT_ERR_OK;
}

static int
load_files(SSL_CTX *ctx, const char *cert, const char *key,
           struct cnc_error *err)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1) {
        return refuse(err, "certificate", cert);
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
        return refuse(err, "key", key);
    }
    if (SSL_CTX_check_private_key(ctx) != 1) {
        return refuse(err, "key", key);
    }
    return 0;
}

int
cnc__tls_ctx_new(struct cnc__tls_ctx **out, const char *cert, const char *key,
                 struct cnc_error *err)
{
    struct cnc__tls_ctx *t = cnc__zalloc(sizeof(*t));

    t->ctx = SSL_CTX_new(TLS_server_method());
    t->bio = BIO_meth_new(BIO_TYPE_SOURCE_SINK | 127, "concordance");
    CNC_CHECK(t->ctx != NULL && t->bio != NULL);
    BIO_meth_set_read(t->bio, bio_read);
    BIO_meth_set_write(t->bio, bio_write);
    BIO_meth_set_ctrl(t->bio, bio_ctrl);
    SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(t->ctx, SSL_MODE_RELEASE_BUFFERS |
                                 SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(t->ctx, SSL_OP_NO_RENEGOTIATION |
                                    SSL_OP_NO_COMPRESSION |
                                    SSL_OP_CIPHER_SERVER_PREFERENCE |
                                    SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_alpn_select_cb(t->ctx, select_alpn, NULL);
    SSL_CTX_set_session_id_context(t->ctx, (const unsigned char *)"cnc", 3);
    ERR_clear_error();
    if (load_files(t->ctx, cert, key, err) != 0) {
        cnc__tls_ctx_free(&t);
        return CNC_ESYS;
    }
    *out = t;
    return 0;
}

void
cnc__tls_ctx_free(struct cnc__tls_ctx **cp)
{
    struct cnc__tls_ctx *t = *cp;

    if (t != NULL) {
        SSL_CTX_free(t->ctx);
        BIO_meth_free(t->bio);
        cnc__free(t);
        *cp = NULL;
    }
}

/* -- the connection's half ----------------------------------------------- */

struct cnc__tls *
cnc__tls_new(struct cnc__tls_ctx *ctx)
{
    struct cnc__tls *t = cnc__zalloc(sizeof(*t));
    BIO *bio = BIO_new(ctx->bio);

    t->ssl = SSL_new(ctx->ctx);
    CNC_CHECK(t->ssl != NULL && bio != NULL);
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    SSL_set_accept_state(t->ssl);
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

struct cnc__str *
cnc__tls_out(struct cnc__tls *t)
{
    return &t->tx;
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
    while ((n = SSL_read(t->ssl, plain, CNC__NET_READ)) > 0) {
        cnc__conn_bytes(c, plain, (size_t)n);
        ERR_clear_error();
    }
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
        /* Perhaps an alert that says why is in the output. */
        cnc__log(
            CNC_LOG_DEBUG, "tls.error", "peer=%s reason=%s", c->addr->text,
            ERR_peek_error() == 0 ? "-"
                                  : ERR_reason_error_string(ERR_peek_error()));
        cnc__conn_flush(c);
        c->broken = true;
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
