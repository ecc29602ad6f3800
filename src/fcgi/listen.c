/* SPDX-License-Identifier: MIT */
/*
 * listen.c -- the socket that the web server connects to.
 */
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../base/text.h"
#include "fcgi.h"

#define BACKLOG 511

static int
is_listening(int fd)
{
    int yes = 0;
    socklen_t len = sizeof(yes);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len) == 0 && yes;
}

static int
inherited(struct cnc_error *err)
{
    const char *n = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
    int64_t fds, who;

    if (n != NULL && pid != NULL && cnc__parse_int(&fds, n, 1, 16) &&
        cnc__parse_int(&who, pid, 1, INT32_MAX) && who == getpid() &&
        is_listening(3)) {
        return 3;
    }
    if (is_listening(0)) {
        return 0;
    }
    return cnc_error_set(err, CNC_EINVAL, NULL,
                         "say where the web server finds this: --listen "
                         "unix:PATH or --listen HOST:PORT (nobody gave a "
                         "socket to listen on)");
}

/* -- Unix -----------------------------------------------------------------
 */

/* What stands there is a socket that nobody listens on any more. */
static void
remove_old(const struct sockaddr_un *addr)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct stat st;

    if (lstat(addr->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
        connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) != 0 &&
        errno == ECONNREFUSED) {
        unlink(addr->sun_path);
    }
    close(fd);
}

static int
give_to(const char *path, const char *group, struct cnc_error *err)
{
    const struct group *g = group == NULL ? NULL : getgrnam(group);

    if (group != NULL && g == NULL) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "--group: there is no group %s", group);
    }
    if (g != NULL && chown(path, (uid_t)-1, g->gr_gid) != 0) {
        return cnc_error_set(err, CNC_ESYS, NULL,
                             "%s cannot be given to the group %s: %s", path,
                             group, strerror(errno));
    }
    return 0;
}

static int
listen_unix(const char *path, const char *group, struct cnc_error *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    mode_t mask;
    int fd, rc;

    if (path[0] == '\0' || strlen(path) >= sizeof(addr.sun_path)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "--listen unix:PATH: a path of 1 to %zu bytes",
                             sizeof(addr.sun_path) - 1);
    }
    memcpy(addr.sun_path, path, strlen(path) + 1);
    remove_old(&addr);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mask = umask(0117);
    rc = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
    umask(mask);
    if (rc != 0) {
        rc =
            cnc_error_set(err, CNC_ESYS, NULL, "--listen unix:%s: %s", path,
                          errno == EADDRINUSE ? "another program listens there"
                                              : strerror(errno));
    } else if ((rc = give_to(path, group, err)) != 0) {
        unlink(path);
    } else if (listen(fd, BACKLOG) != 0) {
        rc = cnc_error_set(err, CNC_ESYS, NULL, "--listen unix:%s: %s", path,
                           strerror(errno));
    }
    if (rc != 0) {
        close(fd);
        return rc;
    }
    return fd;
}

/* -- TCP ------------------------------------------------------------------
 */

static int
listen_on(const struct addrinfo *a)
{
    int on = 1;
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -1;
    }
    (void)!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int why = errno;

        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

static int
listen_tcp(const char *where, struct cnc_error *err)
{
    const char *colon = strrchr(where, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    size_t n = colon == NULL ? 0 : (size_t)(colon - where);
    bool brackets = n > 2 && where[0] == '[' && where[n - 1] == ']';
    char *host;
    int rc, fd;

    if (n == 0) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "--listen %s: it is unix:PATH or HOST:PORT, as "
                             "in 127.0.0.1:9000",
                             where);
    }
    host = cnc__strndup(where + brackets, n - 2 * brackets);
    rc = getaddrinfo(host, colon + 1, &hints, &found);
    cnc__free(host);
    if (rc != 0) {
        return cnc_error_set(err, CNC_EINVAL, NULL, "--listen %s: %s", where,
                             gai_strerror(rc));
    }
    fd = listen_on(found);
    freeaddrinfo(found);
    return fd >= 0 ? fd
                   : cnc_error_set(err, CNC_ESYS, NULL, "--listen %s: %s",
                                   where, strerror(errno));
}

/* -- */

int
fcgi_listen(const char *where, const char *group, struct cnc_error *err)
{
    if (where == NULL) {
        return inherited(err);
    }
    if (strncmp(where, "unix:", 5) == 0) {
        return listen_unix(where + 5, group, err);
    }
    return listen_tcp(where, err);
}

void
fcgi_unlisten(const char *where, int fd)
{
    if (where != NULL && strncmp(where, "unix:", 5) == 0) {
        unlink(where + 5);
    }
    close(fd);
}
