/* SPDX-License-Identifier: MIT */
/*
 * bcast.c -- the limit: a bare epoll broadcaster that sends the same bytes as
 * the service would, and does nothing else.
 *
 *   bcast             prints "SUBSCRIBERS-PORT TRIGGER-PORT"
 *
 * Subscribers get a 101 for their HTTP request.  Each 4-byte number on the
 * trigger's connection is the length of a WebSocket text frame to send to
 * every subscriber.  Numbers that arrive together leave in one send() each
 * subscriber.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/base/check.h"
#include "../../src/xmpp/ws.h"

#define MAX_FDS 65536

struct sub {
    int fd;
    size_t head; /* bytes of the request seen that matter: 0..4 of CRLFCRLF */
    bool open;
    struct cnc__str rest; /* what the socket did not take */
};

static struct sub *by_fd[MAX_FDS];
static int n_open, open_fds[MAX_FDS];
static int loop;

static int
listen_any(unsigned *port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    CNC_CHECK(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
    CNC_CHECK(listen(fd, 4096) == 0);
    CNC_CHECK(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static void
watch(int fd, uint32_t events, int op)
{
    struct epoll_event e = {.events = events, .data.fd = fd};

    CNC_CHECK(epoll_ctl(loop, op, fd, &e) == 0);
}

static void
flush(struct sub *s, const char *data, size_t len)
{
    ssize_t n = 0;

    if (s->rest.len == 0) {
        n = send(s->fd, data, len, MSG_NOSIGNAL);
        if (n < 0) {
            n = 0;
        }
    }
    if ((size_t)n < len) {
        if (s->rest.len == 0) {
            watch(s->fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
        }
        cnc__str_add(&s->rest, data + n, len - (size_t)n);
    }
}

static void
broadcast(const uint32_t *lens, size_t n)
{
    static char body[65536];
    struct cnc__str all = CNC__STR;

    memset(body, 'x', sizeof(body));
    for (size_t i = 0; i < n; i++) {
        uint8_t head[10];
        size_t h = cnc__ws_head(head, CNC__WS_TEXT, lens[i]);

        CNC_CHECK(lens[i] <= sizeof(body));
        cnc__str_add(&all, head, h);
        cnc__str_add(&all, body, lens[i]);
    }
    for (int i = 0; i < n_open; i++) {
        flush(by_fd[open_fds[i]], all.data, all.len);
    }
    cnc__str_fini(&all);
}

static void
readable(struct sub *s)
{
    static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    char buf[4096];
    ssize_t n = recv(s->fd, buf, sizeof(buf), 0);

    if (n <= 0) {
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        for (int i = 0; i < n_open; i++) {
            if (open_fds[i] == s->fd) {
                open_fds[i] = open_fds[--n_open];
                break;
            }
        }
        by_fd[s->fd] = NULL;
        close(s->fd);
        cnc__str_fini(&s->rest);
        cnc__free(s);
        return;
    }
    if (!s->open && n >= 4 && memcmp(buf + n - 4, "\r\n\r\n", 4) == 0) {
        s->open = true;
        open_fds[n_open++] = s->fd;
        flush(s, answer, sizeof(answer) - 1);
    }
}

static void
writable(struct sub *s)
{
    ssize_t n = send(s->fd, s->rest.data, s->rest.len, MSG_NOSIGNAL);

    if (n > 0) {
        cnc__str_drop(&s->rest, (size_t)n);
        if (s->rest.len == 0) {
            cnc__str_fini(&s->rest);
            watch(s->fd, EPOLLIN, EPOLL_CTL_MOD);
        }
    }
}

static void
accept_all(int from)
{
    int fd, on = 1;

    while ((fd = accept4(from, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        CNC_CHECK(fd < MAX_FDS);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        by_fd[fd] = cnc__zalloc(sizeof(struct sub));
        by_fd[fd]->fd = fd;
        watch(fd, EPOLLIN, EPOLL_CTL_ADD);
    }
}

int
main(void)
{
    unsigned subs_port, trigger_port;
    int subs = listen_any(&subs_port), trigger = listen_any(&trigger_port);
    int publisher = -1;
    struct epoll_event events[512];

    loop = epoll_create1(0);
    watch(subs, EPOLLIN, EPOLL_CTL_ADD);
    watch(trigger, EPOLLIN, EPOLL_CTL_ADD);
    printf("%u %u\n", subs_port, trigger_port);
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(loop, events, 512, -1);

        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;

            if (fd == subs) {
                accept_all(subs);
            } else if (fd == trigger) {
                publisher = accept4(trigger, NULL, NULL, 0);
                watch(publisher, EPOLLIN, EPOLL_CTL_ADD);
            } else if (fd == publisher) {
                uint32_t lens[256];
                ssize_t got = read(publisher, lens, sizeof(lens));

                if (got <= 0) {
                    return 0;
                }
                CNC_CHECK(got % 4 == 0);
                broadcast(lens, (size_t)got / 4);
            } else {
                if ((events[i].events & EPOLLOUT) != 0) {
                    writable(by_fd[fd]);
                }
                if (by_fd[fd] != NULL &&
                    (events[i].events & (EPOLLIN | EPOLLHUP)) != 0) {
                    readable(by_fd[fd]);
                }
            }
        }
    }
}
