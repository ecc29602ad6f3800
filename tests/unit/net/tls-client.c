/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include <openssl/err.h>

#include "tls-client.h"

void
tls_wrap(struct tls_client *c, int fd, struct tls_options o)
{
    c->ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(c->ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(c->ctx, o.max_version);
    SSL_CTX_set_security_level(c->ctx, 0);
    SSL_CTX_set_mode(c->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE);
    if (o.ciphers != NULL) {
        assert_int_equal(SSL_CTX_set_cipher_list(c->ctx, o.ciphers), 1);
    }
    if (o.cert != NULL) {
        assert_int_equal(
            SSL_CTX_use_certificate_file(c->ctx, o.cert, SSL_FILETYPE_PEM), 1);
        assert_int_equal(
            SSL_CTX_use_PrivateKey_file(c->ctx, o.key, SSL_FILETYPE_PEM), 1);
    }
    c->ssl = SSL_new(c->ctx);
    if (o.alpn != NULL) {
        SSL_set_alpn_protos(c->ssl, (const unsigned char *)o.alpn,
                            (unsigned)strlen(o.alpn));
    }
    c->fd = fd;
    SSL_set_fd(c->ssl, c->fd);
    SSL_set_connect_state(c->ssl);
}

void
tls_hang_up(struct tls_client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    close(c->fd);
}

/* One SSL call driven to its end; false: the peer ended or failed. */
static bool
again(struct world *w, struct tls_client *c, int rc, uint64_t deadline)
{
    int e = SSL_get_error(c->ssl, rc);

    if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE) {
        ERR_clear_error();
        return false;
    }
    assert_true(turn(w, c->fd, deadline));
    return true;
}

bool
tls_handshake(struct world *w, struct tls_client *c)
{
    uint64_t deadline = in_ms(LIMIT);
    int rc;

    while ((rc = SSL_do_handshake(c->ssl)) != 1) {
        if (!again(w, c, rc, deadline)) {
            return false;
        }
    }
    return true;
}

bool
tls_say(struct world *w, struct tls_client *c, const void *data, size_t len)
{
    uint64_t deadline = in_ms(LIMIT);
    const char *p = data;

    while (len > 0) {
        int n = SSL_write(c->ssl, p, (int)len);

        if (n > 0) {
            p += n;
            len -= (size_t)n;
        } else if (!again(w, c, n, deadline)) {
            return false;
        }
    }
    return true;
}

bool
tls_expect(struct world *w, struct tls_client *c, struct cnc__str *got,
           const char *text)
{
    uint64_t deadline = in_ms(LIMIT);
    char buf[16384];

    while (got->len == 0 || text == NULL ||
           memmem(got->data, got->len, text, strlen(text)) == NULL) {
        int n = SSL_read(c->ssl, buf, sizeof(buf));

        if (n > 0) {
            cnc__str_add(got, buf, (size_t)n);
        } else if (!again(w, c, n, deadline)) {
            return false;
        }
    }
    return true;
}
