/* SPDX-License-Identifier: MIT */
/*
 * listen.c -- listening and accepting: TCP with or without TLS, and the Unix
 * socket.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../base/log.h"
#include "../base/table.h"
#include "../base/text.h"
#include "conn.h"

#define ACCEPT_BATCH 64 /* connections an event, so that others get a turn */

struct cnc__listener {
    unsigned magic;
    int fd;
    enum cnc__conn_kind kind;
    bool direct; /* TLS from the first byte */
    struct cnc__net *net;
    struct cnc__tls_ctx *tls;
    char *path; /* of the link's socket */
    dev_t dev;
    ino_t ino;
    struct cnc__listener *next;
    uv_poll_t poll;
};
#define LISTENER_MAGIC 0x4c697374u

union any_addr {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_storage storage;
};

/* -- accepting ----------------------------------------------------------- */

static void
addr_text(char out[64], bool *loopback, const union any_addr *a)
{
    if (a->sa.sa_family == AF_INET6) {
        const struct in6_addr *in6 = &a->in6.sin6_addr;

        if (IN6_IS_ADDR_V4MAPPED(in6)) {
            inet_ntop(AF_INET, &in6->s6_addr[12], out, 64);
            *loopback = in6->s6_addr[12] == 127;
        } else {
            inet_ntop(AF_INET6, in6, out, 64);
            *loopback = IN6_IS_ADDR_LOOPBACK(in6);
        }
    } else {
        inet_ntop(AF_INET, &a->in.sin_addr, out, 64);
        *loopback = ntohl(a->in.sin_addr.s_addr) >> 24 == 127;
    }
}

static struct cnc__net_addr *
find_addr(struct cnc__net *n, const union any_addr *from)
{
    struct cnc__net_addr *a;
    char text[64] = "";
    bool loopback = false;

    addr_text(text, &loopback, from);
    a = cnc__table_get(n->addrs, text);
    if (a == NULL) {
        a = cnc__zalloc(sizeof(*a));
        memcpy(a->text, text, sizeof(text));
        a->loopback = loopback;
        cnc__table_put(n->addrs, text, a);
    }
    return a;
}

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

/* Of one that did not become a connection. */
static void
forget_addr(struct cnc__net *n, struct cnc__net_addr *addr)
{
    if (addr->n_conns == 0) {
        cnc__table_del(n->addrs, addr->text);
        cnc__free(addr);
    }
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

static void
take_tcp(struct cnc__listener *l, int fd, const union any_addr *from)
{
    struct cnc__net *n = l->net;
    struct cnc__conn_start start = {.fd = fd, .kind = l->kind, .uid = -1};
    struct cnc__net_addr *addr;

    if (n->n_conns - n->n_kind[CNC__CONN_LINK] -
            n->n_kind[CNC__CONN_DIALLED] >=
        n->config.max_connections) {
        refuse_connection(l, fd, "reason=max_connections");
        return;
    }
    addr = find_addr(n, from);
    if (!addr->loopback && addr->n_unbound >= n->config.max_per_addr) {
        refuse_connection(l, fd, "reason=max_per_addr");
        return;
    }
    /* What hands take to shake is the dearest that a stranger can ask. */
    if (l->direct && n->held + CNC__TLS_SHAKING > n->config.max_held) {
        forget_addr(n, addr);
        refuse_connection(l, fd, "reason=max_held");
        return;
    }
    start.addr = addr;
    if (l->direct) {
        start.tls = cnc__tls_accept(l->tls, tls_use(l), alpn_of(l));
    } else {
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
    fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        refuse_connection(l, fd,
                          "reason=descriptors raise the limit of open files");
    }
    n->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
on_acceptable(uv_poll_t *poll, int status, int events)
{
    struct cnc__listener *l = poll->data;

    CNC_OBJ_CHECK(l, LISTENER_MAGIC);
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        union any_addr from = {.storage = {0}};
        socklen_t len = sizeof(from);
        int fd = accept4(l->fd, &from.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0 && l->kind == CNC__CONN_LINK) {
            take_link(l, fd);
        } else if (fd >= 0) {
            take_tcp(l, fd, &from);
        } else if (errno == EMFILE || errno == ENFILE) {
            shed(l);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

/* -- listening ----------------------------------------------------------- */

static struct cnc__listener *
listener_new(struct cnc__net *n, int fd, enum cnc__conn_kind kind)
{
    struct cnc__listener *l = cnc__zalloc(sizeof(*l));

    l->magic = LISTENER_MAGIC;
    l->net = n;
    l->fd = fd;
    l->kind = kind;
    CNC_CHECK(uv_poll_init(n->loop, &l->poll, fd) == 0);
    l->poll.data = l;
    CNC_CHECK(uv_poll_start(&l->poll, UV_READABLE, on_acceptable) == 0);
    cnc__net_handle_opened(n);
    l->next = n->listeners;
    n->listeners = l;
    return l;
}

static int
refuse_listen(struct cnc_error *err, const char *addr)
{
    switch (errno) {
    case EADDRINUSE:
        return cnc_error_set(err, CNC_ESYS, NULL,
                             "cannot listen on %s: another program does; "
                             "stop it or choose another port",
                             addr);
    case EACCES:
        return cnc_error_set(err, CNC_ESYS, NULL,
                             "cannot listen on %s: no permission; choose a "
                             "port above 1023 or grant "
                             "CAP_NET_BIND_SERVICE",
                             addr);
    case EADDRNOTAVAIL:
        return cnc_error_set(err, CNC_ESYS, NULL,
                             "cannot listen on %s: this machine does not "
                             "have that address",
                             addr);
    default:
        return cnc_error_set(err, CNC_ESYS, NULL, "cannot listen on %s: %s",
                             addr, strerror(errno));
    }
}

static int
refuse_addr(struct cnc_error *err, const char *addr)
{
    return cnc_error_set(err, CNC_ESYS, NULL,
                         "\"%s\" is not an address to listen on; write "
                         "127.0.0.1:8080, [::1]:8080, or *:8080 for every "
                         "address of this machine",
                         addr);
}

/* "*" is any IPv6 address, which takes IPv4 as well, where there is IPv6. */
static int
parse_addr(union any_addr *out, const char *addr, struct cnc_error *err)
{
    const char *colon = strrchr(addr, ':');
    char host[64];
    int64_t port;
    size_t len;

    if (colon == NULL || !cnc__parse_int(&port, colon + 1, 0, 65535)) {
        return refuse_addr(err, addr);
    }
    len = (size_t)(colon - addr);
    if (len >= sizeof(host)) {
        return refuse_addr(err, addr);
    }
    memcpy(host, addr, len);
    host[len] = '\0';
    memset(out, 0, sizeof(*out));
    if (strcmp(host, "*") == 0) {
        out->in6.sin6_family = AF_INET6;
        out->in6.sin6_port = htons((uint16_t)port);
        return 0;
    }
    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        out->in6.sin6_family = AF_INET6;
        out->in6.sin6_port = htons((uint16_t)port);
        return inet_pton(AF_INET6, host + 1, &out->in6.sin6_addr) == 1
                   ? 0
                   : refuse_addr(err, addr);
    }
    out->in.sin_family = AF_INET;
    out->in.sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET,
                     strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
                     &out->in.sin_addr) == 1
               ? 0
               : refuse_addr(err, addr);
}

static int
bind_tcp(union any_addr *a, bool any)
{
    int one = 1, zero = 0;
    int fd =
        socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 && any && errno == EAFNOSUPPORT) {
        in_port_t port = a->in6.sin6_port;

        memset(a, 0, sizeof(*a));
        a->in.sin_family = AF_INET;
        a->in.sin_port = port;
        fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    }
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    /* Linux hands this on to accepted sockets: one call instead of many. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (any && a->sa.sa_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
    }
    if (bind(fd, &a->sa,
             a->sa.sa_family == AF_INET6 ? sizeof(a->in6) : sizeof(a->in)) !=
            0 ||
        listen(fd, 4096) != 0) {
        int saved = errno;

        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

/* tls: counted, or NULL. */
static int
listen_tcp(struct cnc__net *n, enum cnc__conn_kind kind, const char *addr,
           struct cnc__tls_ctx *tls, bool direct, unsigned *port,
           struct cnc_error *err)
{
    struct cnc__listener *l;
    union any_addr a;
    socklen_t len = sizeof(a);
    int fd;

    CNC_OBJ_CHECK(n, CNC__NET_MAGIC);
    CNC_CHECK(!n->closing);
    if (parse_addr(&a, addr, err) != 0) {
        return CNC_ESYS;
    }
    fd = bind_tcp(&a, addr[0] == '*');
    if (fd < 0) {
        return refuse_listen(err, addr);
    }
    l = listener_new(n, fd, kind);
    l->tls = tls == NULL ? NULL : cnc__tls_ctx_ref(tls);
    l->direct = direct;
    n->serves[kind] = true;
    if (port != NULL && getsockname(fd, &a.sa, &len) == 0) {
        *port = ntohs(a.sa.sa_family == AF_INET6 ? a.in6.sin6_port
                                                 : a.in.sin_port);
    }
    return 0;
}

int
cnc__net_listen(struct cnc__net *n, const char *addr, const char *cert,
                const char *key, unsigned *port, struct cnc_error *err)
{
    struct cnc__tls_files files = {.cert = cert, .key = key};
    struct cnc__tls_ctx *tls = NULL;
    int code;

    if ((cert != NULL || key != NULL) &&
        cnc__tls_ctx_new(&tls, &files, err) != 0) {
        return CNC_ESYS;
    }
    code = cnc__net_listen_web(n, addr, tls, port, err);
    cnc__tls_ctx_unref(&tls);
    return code;
}

int
cnc__net_listen_web(struct cnc__net *n, const char *addr,
                    struct cnc__tls_ctx *tls, unsigned *port,
                    struct cnc_error *err)
{
    return listen_tcp(n, CNC__CONN_WEB, addr, tls, tls != NULL, port, err);
}

int
cnc__net_listen_xmpp(struct cnc__net *n, const struct cnc__net_port *p,
                     unsigned *port, struct cnc_error *err)
{
    static const enum cnc__conn_kind kinds[] = {[CNC__NET_C2S] = CNC__CONN_C2S,
                                                [CNC__NET_S2S] = CNC__CONN_S2S,
                                                [CNC__NET_COMPONENT] =
                                                    CNC__CONN_COMPONENT};

    CNC_CHECK(n->config.stream != NULL && (!p->direct_tls || p->tls != NULL));
    return listen_tcp(n, kinds[p->kind], p->addr, p->tls, p->direct_tls, port,
                      err);
}

int
cnc__net_reload_tls(struct cnc__net *n, struct cnc_error *err)
{
    int code = 0;

    CNC_OBJ_CHECK(n, CNC__NET_MAGIC);
    for (struct cnc__listener *l = n->listeners; l != NULL && code == 0;
         l = l->next) {
        code = l->tls == NULL ? 0 : cnc__tls_ctx_reload(l->tls, err);
    }
    return code;
}

/* -- the link ------------------------------------------------------------ */

/* Is somebody listening behind the file? */
static bool
is_live(const struct sockaddr_un *un)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool live;

    if (fd < 0) {
        return true; /* cannot tell: leave it alone */
    }
    live = connect(fd, (const struct sockaddr *)un, sizeof(*un)) == 0 ||
           (errno != ECONNREFUSED && errno != ENOENT);
    close(fd);
    return live;
}

static int
bind_link(int fd, const struct sockaddr_un *un, struct cnc_error *err)
{
    const struct sockaddr *sa = (const struct sockaddr *)un;
    struct stat st;

    if (bind(fd, sa, sizeof(*un)) == 0) {
        return 0;
    }
    if (errno == EADDRINUSE && lstat(un->sun_path, &st) == 0) {
        if (!S_ISSOCK(st.st_mode)) {
            return cnc_error_set(err, CNC_ESYS, NULL,
                                 "%s is in the way: it is not a socket; "
                                 "move it or choose another path",
                                 un->sun_path);
        }
        if (is_live(un)) {
            return cnc_error_set(err, CNC_ESYS, NULL,
                                 "a service is already running on %s; stop "
                                 "it or choose another path",
                                 un->sun_path);
        }
        if (unlink(un->sun_path) == 0 && bind(fd, sa, sizeof(*un)) == 0) {
            return 0;
        }
    }
    return cnc_error_set(err, CNC_ESYS, NULL, "cannot listen on %s: %s",
                         un->sun_path, strerror(errno));
}

int
cnc__net_listen_link(struct cnc__net *n, const char *path,
                     struct cnc_error *err)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct cnc__listener *l;
    struct stat st = {0};
    int fd;

    CNC_OBJ_CHECK(n, CNC__NET_MAGIC);
    CNC_CHECK(!n->closing && n->config.link != NULL);
    if (strlen(path) >= sizeof(un.sun_path)) {
        return cnc_error_set(err, CNC_ESYS, NULL,
                             "the socket's path is longer than %zu bytes: "
                             "%.120s; choose another with --link",
                             sizeof(un.sun_path) - 1, path);
    }
    memcpy(un.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return refuse_listen(err, path);
    }
    if (bind_link(fd, &un, err) != 0) {
        close(fd);
        return CNC_ESYS;
    }
    /* Nobody can connect before listen(), so there is no moment of a mode
     * that is too wide. */
    if (chmod(path, 0660) != 0 || listen(fd, 128) != 0) {
        refuse_listen(err, path);
        close(fd);
        unlink(path);
        return CNC_ESYS;
    }
    l = listener_new(n, fd, CNC__CONN_LINK);
    l->path = cnc__strdup(path);
    if (lstat(path, &st) == 0) {
        l->dev = st.st_dev;
        l->ino = st.st_ino;
    }
    return 0;
}

/* -- end ----------------------------------------------------------------- */

static void
on_listener_closed(uv_handle_t *handle)
{
    struct cnc__listener *l = handle->data;

    cnc__net_handle_closed(l->net);
}

void
cnc__listeners_close(struct cnc__net *n)
{
    for (struct cnc__listener *l = n->listeners; l != NULL; l = l->next) {
        struct stat st;

        /* Only our own socket: another service may have put its there. */
        if (l->path != NULL && lstat(l->path, &st) == 0 &&
            st.st_dev == l->dev && st.st_ino == l->ino) {
            unlink(l->path);
        }
        uv_close((uv_handle_t *)&l->poll, on_listener_closed);
        close(l->fd);
    }
}

void
cnc__listeners_free(struct cnc__net *n)
{
    while (n->listeners != NULL) {
        struct cnc__listener *l = n->listeners;

        n->listeners = l->next;
        cnc__tls_ctx_unref(&l->tls);
        cnc__free(l->path);
        CNC_OBJ_FREE(l);
    }
}
