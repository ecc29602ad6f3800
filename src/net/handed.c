/* SPDX-License-Identifier: MIT */
/*
 * handed.c -- sockets of clients that web servers give us (handoff.h).
 *
 *   accept -> sender -- packet, descriptor --> take -> a stream's connection
 *                    <- 0, or 1 and why ------
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

#include "handed.h"
#include "handoff.h"

#define MAX_SENDERS 1024 /* processes of web servers */
#define BATCH       16   /* packets an event, so that others get a turn */

struct cnc__sender {
    unsigned magic;
    struct cnc__net *net;
    struct cnc__net_link all;
    int fd;
    uv_poll_t poll;
};
#define SENDER_MAGIC 0x53656e64u

static void
on_sender_closed(uv_handle_t *handle)
{
    struct cnc__sender *s = handle->data;
    struct cnc__net *n = s->net;

    CNC_OBJ_FREE(s);
    cnc__net_handle_closed(n);
}

static void
end_sender(struct cnc__sender *s)
{
    cnc__link_del(&s->all);
    s->net->n_senders--;
    uv_close((uv_handle_t *)&s->poll, on_sender_closed);
    close(s->fd);
}

void
cnc__senders_close(struct cnc__net *n)
{
    while (!cnc__link_empty(&n->senders)) {
        end_sender(CNC_CONTAINER(n->senders.next, struct cnc__sender, all));
    }
}

/* -- a client ------------------------------------------------------------- */

static int
int_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t len = sizeof(value);

    return getsockopt(fd, level, option, &value, &len) == 0 ? value : -1;
}

/* Something that is connected, whose bytes are the client's. */
static bool
is_clients(int fd)
{
    union cnc__sockaddr a;
    socklen_t len = sizeof(a);

    return int_of(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM &&
           int_of(fd, SOL_SOCKET, SO_ACCEPTCONN) == 0 &&
           getpeername(fd, &a.sa, &len) == 0;
}

static void
prepare(int fd)
{
    int one = 1;

    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void
begin(struct cnc__net *n, int fd, const struct cnc__handoff *h,
      struct cnc__net_addr *addr)
{
    struct cnc__conn *c =
        cnc__conn_open(n, &(struct cnc__conn_start){.fd = fd,
                                                    .kind = CNC__CONN_WEB,
                                                    .addr = addr,
                                                    .uid = -1,
                                                    .secure = h->secure != 0,
                                                    .upgraded = true});
    struct cnc__str read = CNC__STR;

    if (c->closed) {
        return;
    }
    if (h->accept[0] != '\0') {
        cnc__http_switch(c, h->accept);
        cnc__net_dirty(c);
    }
    if (h->n_read > 0) {
        cnc__str_add(&read, h->read, h->n_read);
        cnc__conn_bytes(c, read.data, read.len);
        cnc__str_fini(&read);
        cnc__net_dirty(c);
    }
}

/* steals fd.  Why it cannot be; NULL: it is ours. */
static const char *
take(struct cnc__net *n, int fd, const struct cnc__handoff *h)
{
    const char *const *origins, *why = NULL;
    struct cnc__net_addr *addr;
    char text[64] = CNC__ADDR_UNIX;
    bool loopback = true;

    if (!is_clients(fd)) {
        why = "it is no connected socket";
    } else if (h->addr[0] != '\0' &&
               !cnc__addr_read(text, &loopback, h->addr)) {
        why = "the client's address is none";
    } else if (!cnc__http_site(n, h->host, &origins)) {
        why = "there is no such site here";
    } else if (cnc__net_is_full(n)) {
        why = "there are too many connections";
    }
    if (why != NULL) {
        close(fd);
        return why;
    }
    addr = cnc__addr_get(n, text, loopback);
    if (!cnc__addr_has_room(n, addr)) {
        cnc__addr_drop(n, addr);
        close(fd);
        return "there are too many connections of this address";
    }
    prepare(fd);
    begin(n, fd, h, addr);
    return NULL;
}

/* -- packets -------------------------------------------------------------- */

/* False: it does not read what we answer. */
static bool
answer(struct cnc__sender *s, const char *why)
{
    char text[CNC__HANDOFF_MAX_ANSWER];
    size_t len = 1;

    text[0] = why != NULL;
    if (why != NULL) {
        len += (size_t)snprintf(text + 1, sizeof(text) - 1, "%s", why);
        s->net->stats.refused++;
        cnc__net_warn(s->net, "handoff.refused", why);
    }
    return send(s->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len;
}

/* The one descriptor beside a packet; -1: none, or several. */
static int
take_fd(struct msghdr *msg)
{
    int first = -1;
    size_t n = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
         c = CMSG_NXTHDR(msg, c)) {
        size_t here = c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS
                          ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int)
                          : 0;

        for (size_t i = 0; i < here; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            if (n++ == 0) {
                first = fd;
            } else {
                close(fd);
            }
        }
    }
    if (n > 1 || (first >= 0 && (msg->msg_flags & MSG_CTRUNC) != 0)) {
        close(first);
        first = -1;
    }
    return first;
}

/* One packet.  False: there is none now, or the sender has ended. */
static bool
receive(struct cnc__sender *s)
{
    union {
        char bytes[CMSG_SPACE(4 * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct cnc__net *n = s->net;
    struct iovec iov = {n->read_buf, sizeof(n->read_buf)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    ssize_t len = recvmsg(s->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    struct cnc__handoff h;
    const char *why;
    int fd;

    if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    /* An empty packet is its end as well, and may have one, too. */
    fd = len < 0 ? -1 : take_fd(&msg);
    if (len <= 0) {
        if (fd >= 0) {
            close(fd);
        }
        end_sender(s);
        return false;
    }
    why = (msg.msg_flags & MSG_TRUNC) != 0
              ? "it is too long"
              : cnc__handoff_unpack(&h, (uint8_t *)n->read_buf, (size_t)len);
    if (why == NULL && fd < 0) {
        why = "there is not one descriptor beside it";
    }
    if (why != NULL) {
        if (fd >= 0) {
            close(fd);
        }
        answer(s, why);
        end_sender(s);
        return false;
    }
    if (!answer(s, take(n, fd, &h))) {
        end_sender(s);
        return false;
    }
    return true;
}

static void
on_packet(uv_poll_t *poll, int status, int events)
{
    struct cnc__sender *s = poll->data;

    CNC_OBJ_CHECK(s, SENDER_MAGIC);
    if (status < 0) {
        end_sender(s);
        return;
    }
    for (int i = 0; i < BATCH && receive(s); i++) {
    }
}

/* -- senders -------------------------------------------------------------- */

void
cnc__handed_accept(struct cnc__net *n, int fd)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);
    struct cnc__sender *s;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0 ||
        (cred.uid != 0 && cred.uid != geteuid() &&
         (n->config.may_hand == NULL ||
          !n->config.may_hand((int64_t)cred.uid, n->config.site_priv)))) {
        n->stats.refused++;
        cnc__net_warn(n, "handoff.refused",
                      "reason=user it is none of --link-user");
        close(fd);
        return;
    }
    if (n->n_senders >= MAX_SENDERS) {
        n->stats.refused++;
        cnc__net_warn(n, "handoff.refused", "reason=max_senders");
        close(fd);
        return;
    }
    s = cnc__zalloc(sizeof(*s));
    s->magic = SENDER_MAGIC;
    s->net = n;
    s->fd = fd;
    cnc__link_add(&n->senders, &s->all);
    n->n_senders++;
    CNC_CHECK(uv_poll_init(n->loop, &s->poll, fd) == 0);
    s->poll.data = s;
    cnc__net_handle_opened(n);
    CNC_CHECK(uv_poll_start(&s->poll, UV_READABLE, on_packet) == 0);
}
