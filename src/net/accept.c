/* SPDX-License-Identifier: MIT */
/*
 * accept.c -- taking what comes to a port, or turning it away.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "handed.h"
#include "listen.h"

#define ACCEPT_BATCH 64 /* connections an event, so that others get a turn */

static void
refuse_connection(struct cnc__listener *l, int fd, const char *why)
{
    static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\n"
                               "Retry-After: 10\r\nContent-Length: 0\r\n"
                               "Connection: close\r\n\r\n";

    l->net->stats.refused++;
    if (l->kind == CNC__CONN_WEB && l->tls == NULL) {
        send(fd, busy, sizeof(busy) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        shutdown(fd, SHUT_WR);
    }
    close(fd);
    cnc__net_warn(l->net, "net.refused", why);
}

static enum cnc__tls_use
tls_use(const struct cnc__listener *l)
{
    return l->kind == CNC__CONN_WEB   ? CNC__TLS_HTTP
           : l->kind == CNC__CONN_C2S ? CNC__TLS_C2S
                                      : CNC__TLS_S2S;
}

/* Clients and servers may meet on one port, where there are ports for both:
 * a stream of a kind that nobody has asked for must not come of it. */
static const char *
alpn_of(const struct cnc__listener *l)
{
    const struct cnc__net *n = l->net;

    return l->kind == CNC__CONN_WEB    ? CNC__ALPN_HTTP
           : !n->serves[CNC__CONN_S2S] ? CNC__ALPN_CLIENT
           : !n->serves[CNC__CONN_C2S] ? CNC__ALPN_SERVER
                                       : CNC__ALPN_CLIENT CNC__ALPN_SERVER;
}

/* Why there is no room for one more; NULL: there is. */
static const char *
is_full(const struct cnc__listener *l, const struct cnc__net_addr *addr)
{
    const struct cnc__net *n = l->net;

    if (cnc__net_is_full(n)) {
        return "reason=max_connections";
    }
    if (!l->proxy && !cnc__addr_has_room(n, addr)) {
        return "reason=max_per_addr"; /* else it is not the client's */
    }
    /* What hands take to shake is the dearest that a stranger can ask. */
    return l->direct && n->held + CNC__TLS_SHAKING > n->config.max_held
               ? "reason=max_held"
               : NULL;
}

static void
take_client(struct cnc__listener *l, int fd, const union cnc__sockaddr *from)
{
    struct cnc__net *n = l->net;
    struct cnc__conn_start start = {
        .fd = fd, .kind = l->kind, .uid = -1, .proxy = l->proxy};
    const char *why;
    char text[64];
    bool loopback;

    cnc__addr_text(text, &loopback, from);
    start.addr = cnc__addr_get(n, text, loopback);
    why = is_full(l, start.addr);
    if (why != NULL) {
        cnc__addr_drop(n, start.addr);
        refuse_connection(l, fd, why);
        return;
    }
    /* The web server's user is not the client's: no uid.  What it says is
     * heard by nobody else, as in TLS. */
    start.secure = l->bound.local && l->kind == CNC__CONN_C2S && !l->proxy;
    if (l->direct) {
        start.tls = cnc__tls_accept(l->tls, tls_use(l), alpn_of(l));
    } else if (!start.secure) {
        start.tls_ctx = l->tls;
    }
    cnc__conn_open(n, &start);
}

static void
take_link(struct cnc__listener *l, int fd)
{
    struct cnc__conn_start start = {.fd = fd, .kind = CNC__CONN_LINK};
    struct ucred cred;
    socklen_t len = sizeof(cred);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0) {
        refuse_connection(l, fd, "reason=no_peer_credentials");
        return;
    }
    start.uid = (int64_t)cred.uid;
    cnc__conn_open(l->net, &start);
}

/* No descriptors left: the connection would wait and wake us for ever.  Give
 * up the spare one to take it and turn it away. */
static void
shed(struct cnc__listener *l)
{
    struct cnc__net *n = l->net;
    int fd;

    if (n->spare_fd >= 0) {
        close(n->spare_fd);
    }
    fd = accept4(l->bound.fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        refuse_connection(l, fd,
                          "reason=descriptors raise the limit of open files");
    }
    n->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void
cnc__on_acceptable(uv_poll_t *poll, int status, int events)
{
    struct cnc__listener *l = poll->data;

    CNC_OBJ_CHECK(l, CNC__LISTENER_MAGIC);
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        union cnc__sockaddr from = {.storage = {0}};
        socklen_t len = sizeof(from);
        int fd =
            accept4(l->bound.fd, &from.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0 && l->handoff) {
            cnc__handed_accept(l->net, fd);
        } else if (fd >= 0 && l->kind == CNC__CONN_LINK) {
            take_link(l, fd);
        } else if (fd >= 0) {
            take_client(l, fd, &from);
        } else if (errno == EMFILE || errno == ENFILE) {
            shed(l);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}
