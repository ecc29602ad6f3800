/* SPDX-License-Identifier: MIT */
/*
 * tls-client.h -- the other end of TLS, on a socket, while the world's loop
 * turns.
 */
#ifndef CNC_TESTS_TLS_CLIENT_H
#define CNC_TESTS_TLS_CLIENT_H

#include <openssl/ssl.h>

#include "net-tests.h"

struct tls_options {
    int max_version;        /* [TLS 1.3] */
    const char *alpn;       /* as on the wire; NULL: none */
    const char *ciphers;    /* of TLS 1.2; NULL: OpenSSL's */
    const char *cert, *key; /* PEM files; NULL: none */
};

struct tls_client {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
};

/* Takes fd; the handshake comes with the first tls_say(). */
void tls_wrap(struct tls_client *c, int fd, struct tls_options o);
void tls_hang_up(struct tls_client *c);
/* False: the peer has ended or failed. */
bool tls_handshake(struct world *w, struct tls_client *c);
bool tls_say(struct world *w, struct tls_client *c, const void *data,
             size_t len);
/* Read until text appears (NULL: never); false at the end of the stream. */
bool tls_expect(struct world *w, struct tls_client *c, struct cnc__str *got,
                const char *text);

#endif /* CNC_TESTS_TLS_CLIENT_H */
