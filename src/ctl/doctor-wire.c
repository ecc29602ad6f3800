/* SPDX-License-Identifier: MIT */
/*
 * doctor-wire.c -- one connection with an end to each of its waits; TLS that
 * goes on with a bad certificate, to say what is bad.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "doctor.h"

struct doctor_wire {
    int fd, timeout_ms;
    const char *ca;
    SSL_CTX *ctx;
    SSL *ssl;
    char alpn[32];
};

static int64_t
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int
wait_for(struct doctor_wire *w, short events, int64_t until_ms,
         struct cnc_error *err)
{
    struct pollfd p = {.fd = w->fd, .events = events};

    for (;;) {
        int64_t left = until_ms - now_ms();
        int n = left <= 0 ? 0 : poll(&p, 1, (int)left);

        if (n > 0) {
            return 0;
        }
        if (n == 0) {
            return cnc_error_set(err, CNC_EAGAIN, NULL,
                                 "no answer within %d s",
                                 w->timeout_ms / 1000);
        }
        if (errno != EINTR) {
            return cnc_error_set(err, CNC_ESYS, NULL, "poll: %s",
                                 strerror(errno));
        }
    }
}

static int
connect_to(struct doctor_wire *w, const struct doctor_addr *a, uint16_t port,
           struct cnc_error *err)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                               .sin6_port = htons(port)};
    bool six = a->family == AF_INET6;
    int failure = 0, rc;
    socklen_t len = sizeof(failure);

    memcpy(&in.sin_addr, a->bytes, 4);
    memcpy(&in6.sin6_addr, a->bytes, 16);
    w->fd = socket(a->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (w->fd < 0) {
        return cnc_error_set(err, CNC_ESYS, NULL, "%s", strerror(errno));
    }
    if (connect(w->fd, six ? (struct sockaddr *)&in6 : (struct sockaddr *)&in,
                six ? sizeof(in6) : sizeof(in)) != 0 &&
        errno != EINPROGRESS) {
        return cnc_error_set(err, CNC_ESYS, NULL, "%s", strerror(errno));
    }
    if ((rc = wait_for(w, POLLOUT, now_ms() + w->timeout_ms, err)) != 0) {
        return rc;
    }
    getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &failure, &len);
    return failure == 0
               ? 0
               : cnc_error_set(err, CNC_ESYS, NULL, "%s", strerror(failure));
}

int
doctor_wire_open(struct doctor_wire **out, const struct doctor_addr *a,
                 uint16_t port, const struct doctor_wire_options *o,
                 struct cnc_error *err)
{
    struct doctor_wire *w = cnc__zalloc(sizeof(*w));
    int rc;

    w->timeout_ms = o->timeout_ms;
    w->ca = o->ca;
    rc = connect_to(w, a, port, err);
    if (rc != 0) {
        doctor_wire_close(&w);
        return rc;
    }
    *out = w;
    return 0;
}

void
doctor_wire_patience(struct doctor_wire *w, int timeout_ms)
{
    w->timeout_ms = timeout_ms;
}

void
doctor_wire_from(const struct doctor_wire *w, char out[64])
{
    struct sockaddr_storage at = {0};
    socklen_t len = sizeof(at);
    const void *bytes = &((struct sockaddr_in *)&at)->sin_addr;

    out[0] = '\0';
    if (getsockname(w->fd, (struct sockaddr *)&at, &len) == 0) {
        if (at.ss_family == AF_INET6) {
            bytes = &((struct sockaddr_in6 *)&at)->sin6_addr;
        }
        inet_ntop(at.ss_family, bytes, out, 64);
    }
}

void
doctor_wire_close(struct doctor_wire **wp)
{
    struct doctor_wire *w = *wp;

    if (w == NULL) {
        return;
    }
    *wp = NULL;
    SSL_free(w->ssl);
    SSL_CTX_free(w->ctx);
    if (w->fd >= 0) {
        close(w->fd);
    }
    cnc__free(w);
}

/* -- TLS -------------------------------------------------------------------
 */

/* What a call of OpenSSL waits for, or why it failed. */
static int
tls_wait(struct doctor_wire *w, int rc, int64_t until_ms,
         struct cnc_error *err)
{
    unsigned long why;

    switch (SSL_get_error(w->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        return wait_for(w, POLLIN, until_ms, err);
    case SSL_ERROR_WANT_WRITE:
        return wait_for(w, POLLOUT, until_ms, err);
    case SSL_ERROR_ZERO_RETURN:
        return cnc_error_set(err, CNC_ECLOSED, NULL,
                             "it closed the connection");
    default:
        why = ERR_get_error();
        return cnc_error_set(err, CNC_ECLOSED, NULL, "%s",
                             why == 0 ? "it closed the connection"
                                      : ERR_reason_error_string(why));
    }
}

static void
set_alpn(struct doctor_wire *w, const char *alpn)
{
    unsigned char list[64];
    size_t len = strlen(alpn);

    CNC_CHECK(len < sizeof(list));
    list[0] = (unsigned char)len;
    memcpy(list + 1, alpn, len);
    SSL_set_alpn_protos(w->ssl, list, (unsigned)len + 1);
}

int
doctor_wire_tls(struct doctor_wire *w, const char *name, const char *alpn,
                struct cnc_error *err)
{
    int64_t until_ms = now_ms() + w->timeout_ms;
    const unsigned char *chosen;
    unsigned len;
    int rc, n;

    ERR_clear_error();
    w->ctx = SSL_CTX_new(TLS_client_method());
    CNC_CHECK(w->ctx != NULL);
    if (w->ca == NULL) {
        SSL_CTX_set_default_verify_paths(w->ctx);
    } else if (SSL_CTX_load_verify_file(w->ctx, w->ca) != 1) {
        return cnc_error_set(err, CNC_ESYS, NULL,
                             "%s holds no certificate in PEM", w->ca);
    }
    w->ssl = SSL_new(w->ctx);
    CNC_CHECK(w->ssl != NULL);
    SSL_set_verify(w->ssl, SSL_VERIFY_NONE, NULL);
    SSL_set_tlsext_host_name(w->ssl, name);
    if (alpn != NULL) {
        set_alpn(w, alpn);
    }
    SSL_set_fd(w->ssl, w->fd);
    while ((n = SSL_connect(w->ssl)) != 1) {
        if ((rc = tls_wait(w, n, until_ms, err)) != 0) {
            return rc;
        }
    }
    SSL_get0_alpn_selected(w->ssl, &chosen, &len);
    if (len > 0 && len < sizeof(w->alpn)) {
        memcpy(w->alpn, chosen, len);
    }
    return 0;
}

const char *
doctor_wire_version(const struct doctor_wire *w)
{
    return w->ssl == NULL ? NULL : SSL_get_version(w->ssl);
}

const char *
doctor_wire_alpn(const struct doctor_wire *w)
{
    return w->alpn;
}

bool
doctor_wire_cert(const struct doctor_wire *w, struct doctor_cert *out,
                 const char *domain, bool server)
{
    X509 *leaf = w->ssl == NULL ? NULL : SSL_get0_peer_certificate(w->ssl);
    long verdict;

    if (leaf == NULL) {
        return false;
    }
    doctor_cert_read(out, leaf, domain, server);
    verdict = SSL_get_verify_result(w->ssl);
    /* The days have a finding of their own. */
    if (verdict != X509_V_OK && verdict != X509_V_ERR_CERT_HAS_EXPIRED &&
        verdict != X509_V_ERR_CERT_NOT_YET_VALID) {
        snprintf(out->verify, sizeof(out->verify), "%s",
                 X509_verify_cert_error_string(verdict));
    }
    return true;
}

bool
doctor_wire_tlsa(const struct doctor_wire *w, const struct doctor_tlsas *t)
{
    for (size_t i = 0; i < t->n; i++) {
        if (doctor_tlsa_matches(&t->list[i], SSL_get0_peer_certificate(w->ssl),
                                SSL_get_peer_cert_chain(w->ssl))) {
            return true;
        }
    }
    return false;
}

/* -- bytes -------------------------------------------------------------------
 */

int
doctor_wire_send(struct doctor_wire *w, const char *data, size_t len,
                 struct cnc_error *err)
{
    int64_t until_ms = now_ms() + w->timeout_ms;
    int rc = 0;

    while (len > 0 && rc == 0) {
        ssize_t n;

        if (w->ssl != NULL) {
            n = SSL_write(w->ssl, data, (int)len);
            if (n <= 0) {
                rc = tls_wait(w, (int)n, until_ms, err);
                continue;
            }
        } else {
            n = send(w->fd, data, len, MSG_NOSIGNAL);
            if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
                rc = wait_for(w, POLLOUT, until_ms, err);
                continue;
            }
            if (n < 0) {
                return cnc_error_set(err, CNC_ECLOSED, NULL, "%s",
                                     strerror(errno));
            }
        }
        data += n;
        len -= (size_t)n;
    }
    return rc;
}

int
doctor_wire_read(struct doctor_wire *w, char *out, size_t room, size_t *len,
                 struct cnc_error *err)
{
    int64_t until_ms = now_ms() + w->timeout_ms;
    int rc = 0;

    while (rc == 0) {
        ssize_t n;

        if (w->ssl != NULL) {
            n = SSL_read(w->ssl, out, (int)room);
            if (n <= 0) {
                rc = tls_wait(w, (int)n, until_ms, err);
                continue;
            }
        } else {
            n = recv(w->fd, out, room, 0);
            if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
                rc = wait_for(w, POLLIN, until_ms, err);
                continue;
            }
            if (n <= 0) {
                return cnc_error_set(err, CNC_ECLOSED, NULL, "%s",
                                     n == 0 ? "it closed the connection"
                                            : strerror(errno));
            }
        }
        *len = (size_t)n;
        return 0;
    }
    return rc;
}

bool
doctor_wire_has(struct doctor_wire *w)
{
    char byte;

    return w->ssl != NULL ? SSL_peek(w->ssl, &byte, 1) > 0
                          : recv(w->fd, &byte, 1, MSG_PEEK) > 0;
}
