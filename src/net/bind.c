/* SPDX-License-Identifier: MIT */
/*
 * bind.c -- sockets that listen.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/text.h"
#include "bind.h"

#define BACKLOG 4096

static int
refuse(struct cnc_error *err, const char *addr)
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

/* -- TCP ------------------------------------------------------------------ */

static int
refuse_addr(struct cnc_error *err, const char *addr)
{
    return cnc_error_set(err, CNC_ESYS, NULL,
                         "\"%s\" is not an address to listen on; write "
                         "127.0.0.1:8080, [::1]:8080, *:8080 for every "
                         "address of this machine, or unix:PATH",
                         addr);
}

/* "*" is any IPv6 address, which takes IPv4 as well, where there is IPv6. */
static int
parse_addr(union cnc__sockaddr *out, const char *addr, struct cnc_error *err)
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
listen_tcp(union cnc__sockaddr *a, bool any)
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
        listen(fd, BACKLOG) != 0) {
        int saved = errno;

        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static int
bind_tcp(struct cnc__bound *out, const char *addr, struct cnc_error *err)
{
    union cnc__sockaddr a;
    socklen_t len = sizeof(a);
    int fd;

    if (parse_addr(&a, addr, err) != 0) {
        return CNC_ESYS;
    }
    fd = listen_tcp(&a, addr[0] == '*');
    if (fd < 0) {
        return refuse(err, addr);
    }
    *out = (struct cnc__bound){.fd = fd};
    if (getsockname(fd, &a.sa, &len) == 0) {
        out->port = ntohs(a.sa.sa_family == AF_INET6 ? a.in6.sin6_port
                                                     : a.in.sin_port);
    }
    return 0;
}

/* -- Unix sockets --------------------------------------------------------- */

/* Is somebody listening behind the file? */
static bool
is_live(const struct sockaddr_un *un, int type)
{
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
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
bind_file(int fd, const struct sockaddr_un *un, int type,
          struct cnc_error *err)
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
        if (is_live(un, type)) {
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

static int
give_to_group(const char *path, const char *name, struct cnc_error *err)
{
    struct group group, *found = NULL;
    char text[16384];

    if (getgrnam_r(name, &group, text, sizeof(text), &found) != 0 ||
        found == NULL) {
        return cnc_error_set(err, CNC_ESYS, NULL,
                             "there is no group \"%s\" for %s; --socket-group "
                             "names one of this machine",
                             name, path);
    }
    if (chown(path, (uid_t)-1, group.gr_gid) != 0) {
        return cnc_error_set(err, CNC_ESYS, NULL,
                             "cannot give %s to the group %s: %s; the user "
                             "of this process must be in it",
                             path, name, strerror(errno));
    }
    return 0;
}

/* Nobody can connect before listen(), so there is no moment of a mode that is
 * too wide. */
static int
open_file(int fd, const char *path, const char *group, struct cnc_error *err)
{
    if (group != NULL && give_to_group(path, group, err) != 0) {
        return CNC_ESYS;
    }
    return chmod(path, 0660) == 0 && listen(fd, BACKLOG) == 0
               ? 0
               : refuse(err, path);
}

int
cnc__bind_unix(struct cnc__bound *out, const char *path, int type,
               const char *group, struct cnc_error *err)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct stat st = {0};
    int fd;

    if (path[0] == '\0') {
        return cnc_error_set(err, CNC_ESYS, NULL,
                             "the socket has no path; write unix:PATH");
    }
    if (strlen(path) >= sizeof(un.sun_path)) {
        return cnc_error_set(err, CNC_ESYS, NULL,
                             "the socket's path is longer than %zu bytes: "
                             "%.120s; choose another",
                             sizeof(un.sun_path) - 1, path);
    }
    memcpy(un.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return refuse(err, path);
    }
    if (bind_file(fd, &un, type, err) != 0) {
        close(fd);
        return CNC_ESYS;
    }
    if (open_file(fd, path, group, err) != 0) {
        close(fd);
        unlink(path);
        return CNC_ESYS;
    }
    *out = (struct cnc__bound){
        .fd = fd, .local = true, .path = cnc__strdup(path)};
    if (lstat(path, &st) == 0) {
        out->dev = st.st_dev;
        out->ino = st.st_ino;
    }
    return 0;
}

/* -- given by somebody else ------------------------------------------------
 */

void
cnc__bind_text(char out[160], int fd)
{
    union cnc__sockaddr a = {.storage = {0}};
    socklen_t len = sizeof(a);
    char host[64];

    if (getsockname(fd, &a.sa, &len) != 0) {
        snprintf(out, 160, "descriptor %d", fd);
    } else if (a.sa.sa_family == AF_UNIX) {
        snprintf(out, 160, "unix:%.*s", (int)sizeof(a.un.sun_path),
                 a.un.sun_path);
    } else if (a.sa.sa_family == AF_INET6) {
        bool any = IN6_IS_ADDR_UNSPECIFIED(&a.in6.sin6_addr);

        inet_ntop(AF_INET6, &a.in6.sin6_addr, host, sizeof(host));
        snprintf(out, 160, "%s%s%s:%u", any ? "" : "[", any ? "*" : host,
                 any ? "" : "]", ntohs(a.in6.sin6_port));
    } else {
        bool any = a.in.sin_addr.s_addr == htonl(INADDR_ANY);

        inet_ntop(AF_INET, &a.in.sin_addr, host, sizeof(host));
        snprintf(out, 160, "%s:%u", any ? "*" : host, ntohs(a.in.sin_port));
    }
}

static int
int_of(int fd, int option)
{
    int value = -1;
    socklen_t len = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 ? value : -1;
}

/* What it is instead of what it has to be; NULL: it is right. */
static const char *
what_is_wrong(int fd, int type, bool local)
{
    int family = int_of(fd, SO_DOMAIN);

    if (family < 0) {
        return "is no socket";
    }
    if (family != AF_UNIX && (local || type != SOCK_STREAM)) {
        return "is no Unix socket";
    }
    if (family != AF_UNIX && family != AF_INET && family != AF_INET6) {
        return "is neither of TCP nor a Unix socket";
    }
    if (int_of(fd, SO_TYPE) != type) {
        return type == SOCK_STREAM
                   ? "is of a wrong type: ListenStream= makes the right one"
                   : "is of a wrong type: ListenSequentialPacket= makes the "
                     "right one";
    }
    return int_of(fd, SO_ACCEPTCONN) != 1
               ? "does not listen: Accept=no and ListenStream= make one that "
                 "does"
               : NULL;
}

int
cnc__bind_given(struct cnc__bound *out, int fd, const char *name, int type,
                bool local, struct cnc_error *err)
{
    const char *wrong = what_is_wrong(fd, type, local);
    union cnc__sockaddr a = {.storage = {0}};
    socklen_t len = sizeof(a);
    int one = 1;

    if (wrong != NULL) {
        cnc_error_set(err, CNC_ESYS, NULL,
                      "the inherited socket %d, \"%s\", %s", fd, name, wrong);
        close(fd);
        return CNC_ESYS;
    }
    *out = (struct cnc__bound){.fd = fd,
                               .local = int_of(fd, SO_DOMAIN) == AF_UNIX};
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (!out->local) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        getsockname(fd, &a.sa, &len);
        out->port = ntohs(a.sa.sa_family == AF_INET6 ? a.in6.sin6_port
                                                     : a.in.sin_port);
    }
    return 0;
}

/* -- both ----------------------------------------------------------------- */

int
cnc__bind(struct cnc__bound *out, const char *addr, const char *group,
          struct cnc_error *err)
{
    const char *path = cnc__bind_path(addr);

    return path == NULL ? bind_tcp(out, addr, err)
                        : cnc__bind_unix(out, path, SOCK_STREAM, group, err);
}

void
cnc__unbind(struct cnc__bound *b)
{
    struct stat st;

    /* Only our own socket: another service may have put its there. */
    if (b->path != NULL && lstat(b->path, &st) == 0 && st.st_dev == b->dev &&
        st.st_ino == b->ino) {
        unlink(b->path);
    }
    cnc__free(b->path);
    b->path = NULL;
    if (b->fd >= 0) {
        close(b->fd);
        b->fd = -1;
    }
}
