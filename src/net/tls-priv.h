/* SPDX-License-Identifier: MIT */
/*
 * tls-priv.h -- a connection's TLS, both sides of it.
 *
 * A peer's certificate is checked as far as it goes, and the result is kept:
 * the handshake never fails for it, because the stream decides what is enough
 * (server dialback may be).
 */
#ifndef CNC_NET_TLS_PRIV_H
#define CNC_NET_TLS_PRIV_H

#include <openssl/ssl.h>

#include "../base/str.h"
#include "../xmpp/stream.h"
#include "dns.h"
#include "identity.h"
#include "tls.h"

/* What OpenSSL takes while hands are shaken, measured: bytes. */
#define CNC__TLS_SHAKING 50000

struct cnc__conn;
struct cnc__tls;

struct cnc__remote { /* whom we have dialled */
    char *domain;    /* as in a JID */
    char ascii[CNC__ASCII_DOMAIN];
    char host[CNC__DNS_NAME]; /* the target of SRV, or the domain */
    char addr[64];
    bool loopback;
    /* RFC 7673: validated by DNSSEC like all that led to them. */
    struct cnc__dns_tlsa *tlsa;
    size_t n_tlsa;
};

/* data of each is copied; freed with the rest by cnc__remote_free(). */
void cnc__remote_add_tlsa(struct cnc__remote *r,
                          const struct cnc__dns_tlsa *tlsa);
void cnc__remote_free(struct cnc__remote **rp);

enum cnc__tls_use {
    CNC__TLS_HTTP,
    CNC__TLS_C2S, /* direct or not: asks for a client's certificate */
    CNC__TLS_S2S
};

#define CNC__ALPN_HTTP   "\x08http/1.1"
#define CNC__ALPN_CLIENT "\x0bxmpp-client"
#define CNC__ALPN_SERVER "\x0bxmpp-server"

/* alpn: what is taken, static; NULL: whatever it says, for STARTTLS. */
struct cnc__tls *cnc__tls_accept(struct cnc__tls_ctx *ctx,
                                 enum cnc__tls_use use, const char *alpn);
/* direct: TLS from the first byte, so that ALPN means something. */
struct cnc__tls *cnc__tls_connect(struct cnc__tls_ctx *ctx,
                                  const struct cnc__remote *remote,
                                  bool direct);
void cnc__tls_free(struct cnc__tls **tp);
/* Send the client's hello. */
void cnc__tls_start(struct cnc__conn *c);
/* Bytes from the socket: decrypts and calls cnc__conn_bytes(), after
 * cnc__conn_secured() once hands are shaken. */
void cnc__tls_feed(struct cnc__conn *c, const char *data, size_t len);
/* Encrypt; false: the connection is broken. */
bool cnc__tls_write(struct cnc__tls *t, const char *data, size_t len);
/* Add close_notify to the output. */
void cnc__tls_end(struct cnc__tls *t);
struct cnc__str *cnc__tls_out(struct cnc__tls *t);
/* Hands are still being shaken. */
bool cnc__tls_is_shaking(const struct cnc__tls *t);
const char *cnc__tls_failure(const struct cnc__tls *t); /* or NULL */

/* -- after the handshake -------------------------------------------------- */

/* "xmpp-client" and the like; "" when none was agreed. */
const char *cnc__tls_alpn(const struct cnc__tls *t);
/* Is it good, and the domain's? */
bool cnc__tls_peer_is(const struct cnc__tls *t, const char *domain,
                      enum cnc__cert_use use);
/* The JIDs of a good one, as cnc__cert_jids(). */
void cnc__tls_peer_jids(const struct cnc__tls *t, struct cnc__str *out);
void cnc__tls_describe(const struct cnc__tls *t, struct cnc__tls_info *out);
/* How many bytes of out, 0: there is none. */
size_t cnc__tls_binding(const struct cnc__tls *t, enum cnc__binding type,
                        uint8_t out[64]);

/* -- tls-ctx.c ------------------------------------------------------------ */

/* Takes what cnc__tls_accept() was told. */
int cnc__tls_select_alpn(SSL *ssl, const unsigned char **out,
                         unsigned char *out_len, const unsigned char *in,
                         unsigned in_len, void *arg);
SSL *cnc__tls_ctx_ssl(struct cnc__tls_ctx *t); /* *new* */

#endif /* CNC_NET_TLS_PRIV_H */
