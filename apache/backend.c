/* SPDX-License-Identifier: MIT */
/*
 * backend.c -- the server's side of a socket: a connection that nobody waits
 * for, TLS on it, and who the client is (the PROXY protocol, version 2).
 */
#include "mod_xmpp.h"

#include <apr_strings.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../src/base/text.h"
#include "../src/net/identity.h"
#include "../src/xmpp/jid.h"

/* -- configuration ----------------------------------------------------------
 */

static bool
is_loopback(const apr_sockaddr_t *a)
{
    if (a->family == APR_INET6) {
        return IN6_IS_ADDR_LOOPBACK(&a->sa.sin6.sin6_addr);
    }
    return (ntohl(a->sa.sin.sin_addr.s_addr) >> 24) == 127;
}

static const char *
parse_tcp(struct backend_conf *b, apr_pool_t *p, const char *where)
{
    char *host, *scope;
    apr_port_t port;
    apr_status_t rv = apr_parse_addr_port(&host, &scope, &port, where, p);

    if (rv != APR_SUCCESS || host == NULL || scope != NULL ||
        (where[0] != '[' && strchr(where, ':') != strrchr(where, ':'))) {
        return apr_psprintf(p, "XMPPServer tcp://%s: this is not HOST:PORT",
                            where);
    }
    port = port == 0 ? 5222 : port;
    rv = apr_sockaddr_info_get(&b->addr, host, APR_UNSPEC, port, 0, p);
    if (rv != APR_SUCCESS) {
        return apr_psprintf(p, "XMPPServer tcp://%s: %s has no address", where,
                            host);
    }
    b->kind = BACKEND_TCP;
    b->near = is_loopback(b->addr);
    return NULL;
}

const char *
backend_parse(struct backend_conf **out, apr_pool_t *p, const char *directive,
              const char *text)
{
    struct backend_conf *b = apr_pcalloc(p, sizeof(*b));
    struct sockaddr_un *un = NULL;
    bool tcp_too = strcmp(directive, "XMPPServer") == 0;

    *out = b;
    b->directive = directive;
    b->name = text;
    b->owner = -1;
    if (tcp_too && strncmp(text, "tcp://", 6) == 0) {
        return parse_tcp(b, p, text + 6);
    }
    if (strncmp(text, "unix:", 5) != 0 || text[5] != '/') {
        return apr_psprintf(p, "%s %s: it is unix:/PATH%s", directive, text,
                            tcp_too ? " or tcp://HOST:PORT" : "");
    }
    if (strlen(text + 5) >= sizeof(un->sun_path)) {
        return apr_psprintf(p, "%s: a socket's path has at most %zu bytes",
                            directive, sizeof(un->sun_path) - 1);
    }
    b->kind = BACKEND_UNIX;
    b->path = text + 5;
    b->near = true;
    return NULL;
}

static apr_status_t
free_ctx(void *ctx)
{
    SSL_CTX_free(ctx);
    return APR_SUCCESS;
}

SSL_CTX *
backend_ctx(apr_pool_t *p, const char *ca_file, const char **why)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    int ok;

    if (ctx == NULL) {
        *why = "there is no TLS";
        return NULL;
    }
    ok = ca_file == NULL ? SSL_CTX_set_default_verify_paths(ctx)
                         : SSL_CTX_load_verify_locations(ctx, ca_file, NULL);
    if (ok != 1) {
        const char *text = ERR_reason_error_string(ERR_peek_last_error());

        *why = text == NULL ? "no certificates could be read" : text;
        ERR_clear_error();
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
                              SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    apr_pool_cleanup_register(p, ctx, free_ctx, apr_pool_cleanup_null);
    return ctx;
}

/* -- connecting
 * --------------------------------------------------------------- */

const char *
backend_reason(const struct sock *s, const struct backend_conf *b, int error)
{
    switch (error) {
    case ENOENT:
        return apr_psprintf(s->c->pool, "no XMPP server is at %s", b->name);
    case ECONNREFUSED:
        return apr_psprintf(s->c->pool, "the XMPP server at %s has stopped",
                            b->name);
    case EACCES:
    case EPERM:
        return apr_psprintf(s->c->pool,
                            "Apache's user may not open %s, where the XMPP "
                            "server is",
                            b->name);
    default:
        return apr_psprintf(s->c->pool,
                            "the XMPP server at %s cannot be reached: %s",
                            b->name, strerror(error));
    }
}

bool
backend_is_owners(const struct sock *s, const struct backend_conf *b,
                  const char **why)
{
    struct ucred who;
    socklen_t len = sizeof(who);

    if (b->owner < 0) {
        return true;
    }
    if (getsockopt(s->back_fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
        (int64_t)who.uid == b->owner) {
        return true;
    }
    *why = apr_psprintf(s->c->pool,
                        "the socket at %s is not of the user that %s names",
                        b->name, b->directive);
    return false;
}

static int
dial(struct sock *s)
{
    const struct backend_conf *b = s->conf->backend;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    const struct sockaddr *to;
    socklen_t len;
    int one = 1;

    if (b->kind == BACKEND_UNIX) {
        memcpy(un.sun_path, b->path, strlen(b->path) + 1);
        to = (const struct sockaddr *)&un;
        len = sizeof(un);
    } else {
        to = (const struct sockaddr *)&b->addr->sa;
        len = b->addr->salen;
    }
    if (s->back_fd < 0) {
        s->back_fd = socket(to->sa_family,
                            SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (s->back_fd < 0) {
            return errno;
        }
        if (b->kind == BACKEND_TCP) {
            setsockopt(s->back_fd, IPPROTO_TCP, TCP_NODELAY, &one,
                       sizeof(one));
        }
    }
    return connect(s->back_fd, to, len) == 0 ? 0 : errno;
}

/* On this machine it is known at once, but told only to who asks. */
static int
outcome(const struct sock *s)
{
    struct pollfd p = {.fd = s->back_fd, .events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof(error);

    if (poll(&p, 1, 0) != 1) {
        return EINPROGRESS;
    }
    if (getsockopt(s->back_fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
        return errno;
    }
    return error;
}

bool
backend_connect(struct sock *s, const char **why)
{
    int error = dial(s);

    if (error == EINPROGRESS) {
        error = outcome(s);
    }
    if (error == 0) {
        s->back_state = BACK_PLAIN;
        if (backend_is_owners(s, s->conf->backend, why)) {
            return true;
        }
    } else if (error == EINPROGRESS) {
        s->back_state = BACK_CONNECTING;
        return true;
    } else if (error == EAGAIN) { /* a Unix socket's queue is full */
        s->back_state = BACK_RETRY;
        return true;
    } else {
        *why = backend_reason(s, s->conf->backend, error);
    }
    backend_close(s);
    return false;
}

int
backend_connected(struct sock *s, const char **why)
{
    int error = outcome(s);

    if (error == EINPROGRESS) {
        return 0;
    }
    if (error != 0) {
        *why = backend_reason(s, s->conf->backend, error);
        return -1;
    }
    s->back_state = BACK_PLAIN;
    return 1;
}

void
backend_close(struct sock *s)
{
    if (s->back_fd >= 0) {
        pump_forget_back(s);
        if (s->tls != NULL) {
            SSL_free(s->tls);
            s->tls = NULL;
        }
        close(s->back_fd);
        s->back_fd = -1;
    }
    s->back_state = BACK_GONE;
    cnc__str_fini(&s->up);
    s->up_at = 0;
}

/* -- PROXY v2
 * -------------------------------------------------------------------- */

static void
put16(struct cnc__str *out, size_t n)
{
    cnc__str_putc(out, (char)(n >> 8));
    cnc__str_putc(out, (char)(n & 0xff));
}

static void
add_tlv(struct cnc__str *out, char type, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        cnc__str_putc(out, type);
        put16(out, strlen(text));
        cnc__str_puts(out, text);
    }
}

static bool
is_ip4(const apr_sockaddr_t *a)
{
    return a->family == APR_INET ||
           IN6_IS_ADDR_V4MAPPED(&a->sa.sin6.sin6_addr);
}

static void
add_addr(struct cnc__str *out, const apr_sockaddr_t *a, bool ip6)
{
    static const char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1};

    if (a->family == APR_INET6) {
        const char *bytes = (const char *)&a->sa.sin6.sin6_addr;

        cnc__str_add(out, ip6 ? bytes : bytes + 12, ip6 ? 16 : 4);
        return;
    }
    if (ip6) {
        cnc__str_add(out, mapped, sizeof(mapped));
    }
    cnc__str_add(out, &a->sa.sin.sin_addr, 4);
}

static void
add_ssl(struct cnc__str *out, struct sock *s)
{
    conn_rec *c = s->c;
    struct cnc__str tlv = CNC__STR;

    if (!ap_ssl_conn_is_ssl(c)) {
        return;
    }
    cnc__str_putc(&tlv, 1);            /* PP2_CLIENT_SSL */
    cnc__str_add(&tlv, "\0\0\0\1", 4); /* no certificate was verified */
    add_tlv(&tlv, 0x21,
            ap_ssl_var_lookup(c->pool, s->r->server, c, NULL, "SSL_PROTOCOL"));
    add_tlv(&tlv, 0x23,
            ap_ssl_var_lookup(c->pool, s->r->server, c, NULL, "SSL_CIPHER"));
    cnc__str_putc(out, 0x20);
    put16(out, tlv.len);
    cnc__str_add(out, tlv.data, tlv.len);
    cnc__str_fini(&tlv);
}

/* https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt, 2.2 */
void
backend_say_proxy(struct sock *s)
{
    static const char signature[12] = "\r\n\r\n\0\r\nQUIT\n";
    const apr_sockaddr_t *from = s->r->useragent_addr;
    const apr_sockaddr_t *to = s->c->local_addr;
    struct cnc__str rest = CNC__STR;
    bool ip6 = !is_ip4(from) || !is_ip4(to);

    if (s->conf->proxy != 1) {
        return;
    }
    add_addr(&rest, from, ip6);
    add_addr(&rest, to, ip6);
    put16(&rest, from->port);
    put16(&rest, to->port);
    add_ssl(&rest, s);
    cnc__str_add(&s->up, signature, sizeof(signature));
    cnc__str_putc(&s->up, 0x21);
    cnc__str_putc(&s->up, ip6 ? 0x21 : 0x11);
    put16(&s->up, rest.len);
    cnc__str_add(&s->up, rest.data, rest.len);
    cnc__str_fini(&rest);
}

/* -- bytes
 * --------------------------------------------------------------------------
 */

static void
gone(struct sock *s, const char *why)
{
    bool expected = cnc__frames_is_closing(s->frames);

    backend_close(s);
    if (expected || s->phase != SOCK_OPEN) {
        cnc__frames_server_gone(s->frames, NULL, NULL);
        return;
    }
    status_back(s, why);
    cnc__frames_server_gone(s->frames, "remote-connection-failed",
                            "The XMPP server has gone");
}

/* What TLS waits for; false: it is over. */
static bool
tls_waits(struct sock *s, int rc)
{
    int error = SSL_get_error(s->tls, rc);

    s->tls_wants_write = error == SSL_ERROR_WANT_WRITE;
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static ssize_t
receive(struct sock *s, char *room)
{
    ssize_t n;

    if (s->tls != NULL) {
        ERR_clear_error();
        n = SSL_read(s->tls, room, PUMP_ROOM);
        if (n > 0) {
            return n;
        }
        return tls_waits(s, (int)n) ? -1 : 0;
    }
    do {
        n = recv(s->back_fd, room, PUMP_ROOM, 0);
    } while (n < 0 && errno == EINTR);
    return n < 0 && errno != EAGAIN ? 0 : n;
}

static ssize_t
transmit(struct sock *s, const char *data, size_t len)
{
    ssize_t n;

    if (s->tls != NULL) {
        ERR_clear_error();
        n = SSL_write(s->tls, data, (int)(len < PUMP_ROOM ? len : PUMP_ROOM));
        if (n > 0) {
            s->tls_wants_write = false;
            return n;
        }
        return tls_waits(s, (int)n) ? -1 : 0;
    }
    do {
        n = send(s->back_fd, data, len, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n < 0 && errno != EAGAIN ? 0 : n;
}

void
backend_read(struct sock *s)
{
    char *room = pump_room(s);
    ssize_t n = receive(s, room);

    if (n < 0) {
        return;
    }
    if (n == 0) {
        gone(s, "it closed the connection");
        return;
    }
    if (cnc__frames_is_closed(s->frames)) {
        return;
    }
    cnc__frames_server(s->frames, room, (size_t)n);
    if (!s->told_up && cnc__frames_is_open(s->frames)) {
        s->told_up = true;
        status_back(s, NULL);
    }
    if (s->tls_asked) {
        s->tls_asked = false;
        backend_start_tls(s, cnc__frames_domain(s->frames));
    }
}

void
backend_write(struct sock *s)
{
    while (s->up.len > s->up_at &&
           (s->back_state == BACK_PLAIN || s->back_state == BACK_TLS)) {
        ssize_t n = transmit(s, s->up.data + s->up_at, s->up.len - s->up_at);

        if (n < 0) {
            break;
        }
        if (n == 0) {
            gone(s, "it closed the connection");
            return;
        }
        s->up_at += (size_t)n;
        s->up_ms = pump_now_ms();
    }
    if (s->up_at == s->up.len) {
        cnc__str_fini(&s->up);
        s->up_at = 0;
    } else if (s->up_at >= HIGH_WATER) {
        cnc__str_drop(&s->up, s->up_at);
        s->up_at = 0;
    }
}

/* -- TLS
 * -------------------------------------------------------------------------------
 */

static bool
make_tls(struct sock *s, const char *domain)
{
    SSL_CTX *ctx = s->conf->ctx != NULL ? s->conf->ctx : xmpp_global.ctx;
    char name[CNC__ASCII_DOMAIN];

    if (cnc__domain_to_ascii(name, domain) != 0) {
        return false;
    }
    s->tls = SSL_new(ctx);
    CNC_CHECK(s->tls != NULL && SSL_set_fd(s->tls, s->back_fd) == 1);
    SSL_set_tlsext_host_name(s->tls, name);
    return true;
}

/* RFC 6120 13.7.2: trusted (OpenSSL has seen to that), and of the domain. */
static bool
names_domain(struct sock *s)
{
    const char *domain = cnc__frames_domain(s->frames);
    X509 *cert = SSL_get1_peer_certificate(s->tls);
    char prepared[CNC__JID_MAX + 1];
    bool ok = cert != NULL &&
              cnc__jid_prepare(prepared, domain, strlen(domain), NULL) == 0 &&
              cnc__cert_names_domain(cert, prepared, true);

    X509_free(cert);
    return ok;
}

static void
tls_failed(struct sock *s, const char *why)
{
    status_back(s, why);
    backend_close(s);
    cnc__frames_server_gone(s->frames, "remote-connection-failed",
                            "There is no safe connection to the XMPP server");
}

static const char *
tls_reason(struct sock *s)
{
    long verified = SSL_get_verify_result(s->tls);
    const char *text = ERR_reason_error_string(ERR_peek_last_error());

    if (verified != X509_V_OK) {
        text = X509_verify_cert_error_string(verified);
    }
    return apr_psprintf(s->c->pool, "no TLS: %s",
                        text == NULL ? "it closed the connection" : text);
}

/* domain: begin; NULL: go on. */
void
backend_start_tls(struct sock *s, const char *domain)
{
    int rc;

    if (domain != NULL) {
        if (!make_tls(s, domain)) {
            tls_failed(s, "no TLS: the domain is no name of a host");
            return;
        }
        s->back_state = BACK_HANDSHAKE;
    }
    ERR_clear_error();
    rc = SSL_connect(s->tls);
    if (rc != 1) {
        if (!tls_waits(s, rc)) {
            tls_failed(s, tls_reason(s));
        }
        return;
    }
    s->tls_wants_write = false;
    if (!names_domain(s)) {
        tls_failed(s, apr_psprintf(s->c->pool,
                                   "no TLS: its certificate is not for %s",
                                   cnc__frames_domain(s->frames)));
        return;
    }
    s->back_state = BACK_TLS;
    cnc__frames_secured(s->frames);
}
