/* SPDX-License-Identifier: MIT */
/*
 * race.c -- attempts side by side.  The race and each attempt own a handle of
 * libuv's, and live until that is closed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "race.h"

union addr {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

struct attempt {
    struct cnc__race *race; /* NULL: given up */
    struct attempt *next;
    int fd;
    union addr to;
    uv_poll_t poll;
    void (*on_handle)(int, void *);
    void *on_handle_priv;
};

enum family { V6, V4, N_FAMILIES };

struct cnc__race {
    unsigned magic;
    uv_loop_t *loop;
    const struct cnc__race_events *events;
    void *priv;
    void (*on_handle)(int, void *);
    void *on_handle_priv;
    uint16_t port;
    bool known[N_FAMILIES], started, tried, over;
    uint8_t addrs[N_FAMILIES][CNC__RACE_MAX][16];
    size_t n[N_FAMILIES], at[N_FAMILIES];
    enum family turn; /* of which the next attempt is */
    struct attempt *attempts;
    char why[160];
    uv_timer_t timer;
};
#define RACE_MAGIC 0x52616365u

static void run(struct cnc__race *r);

/* -- addresses ----------------------------------------------------------- */

int
cnc__parse_ip(uint8_t addr[16], const char *text)
{
    memset(addr, 0, 16);
    if (inet_pton(AF_INET, text, addr) == 1) {
        return AF_INET;
    }
    return inet_pton(AF_INET6, text, addr) == 1 ? AF_INET6 : 0;
}

static union addr
make_addr(enum family family, const uint8_t bytes[16], uint16_t port)
{
    union addr a;

    memset(&a, 0, sizeof(a));
    if (family == V6) {
        a.in6.sin6_family = AF_INET6;
        a.in6.sin6_port = htons(port);
        memcpy(&a.in6.sin6_addr, bytes, 16);
    } else {
        a.in.sin_family = AF_INET;
        a.in.sin_port = htons(port);
        memcpy(&a.in.sin_addr, bytes, 4);
    }
    return a;
}

static void
addr_text(char out[INET6_ADDRSTRLEN], const union addr *a)
{
    if (a->sa.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &a->in6.sin6_addr, out, INET6_ADDRSTRLEN);
    } else {
        inet_ntop(AF_INET, &a->in.sin_addr, out, INET6_ADDRSTRLEN);
    }
}

static bool
is_loopback(const union addr *a)
{
    return a->sa.sa_family == AF_INET6
               ? IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr)
               : ntohl(a->in.sin_addr.s_addr) >> 24 == 127;
}

/* -- attempts ------------------------------------------------------------ */

static void
on_attempt_closed(uv_handle_t *handle)
{
    struct attempt *a = handle->data;

    if (a->on_handle != NULL) {
        a->on_handle(-1, a->on_handle_priv);
    }
    cnc__free(a);
}

/* Take it off the race; the descriptor stays open. */
static void
leave(struct attempt *a)
{
    struct attempt **p = &a->race->attempts;

    while (*p != a) {
        p = &(*p)->next;
    }
    *p = a->next;
    a->race = NULL;
    uv_close((uv_handle_t *)&a->poll, on_attempt_closed);
}

static void
note_failure(struct cnc__race *r, const union addr *to, int error)
{
    char text[INET6_ADDRSTRLEN];

    addr_text(text, to);
    snprintf(r->why, sizeof(r->why), "%s port %u: %s", text, r->port,
             strerror(error));
}

static void
on_connectable(uv_poll_t *poll, int status, int events)
{
    struct attempt *a = poll->data;
    struct cnc__race *r = a->race;
    char text[INET6_ADDRSTRLEN];
    union addr to = a->to;
    int error = 0, fd = a->fd;
    socklen_t len = sizeof(error);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
        error = errno;
    }
    leave(a);
    if (error == 0 && status == 0) {
        addr_text(text, &to);
        r->over = true;
        r->events->on_won(fd, text, is_loopback(&to), r->priv);
        return;
    }
    close(fd);
    note_failure(r, &to, error == 0 ? ECONNABORTED : error);
    run(r);
}

/* False: it has failed at once. */
static bool
attempt(struct cnc__race *r, enum family family, const uint8_t bytes[16])
{
    union addr to = make_addr(family, bytes, r->port);
    socklen_t len = family == V6 ? sizeof(to.in6) : sizeof(to.in);
    int one = 1;
    int fd =
        socket(to.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct attempt *a;

    r->tried = true;
    if (fd < 0 || (connect(fd, &to.sa, len) != 0 && errno != EINPROGRESS)) {
        note_failure(r, &to, errno);
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    a = cnc__zalloc(sizeof(*a));
    a->race = r;
    a->fd = fd;
    a->to = to;
    a->on_handle = r->on_handle;
    a->on_handle_priv = r->on_handle_priv;
    a->next = r->attempts;
    r->attempts = a;
    CNC_CHECK(uv_poll_init(r->loop, &a->poll, fd) == 0);
    a->poll.data = a;
    if (a->on_handle != NULL) {
        a->on_handle(1, a->on_handle_priv);
    }
    CNC_CHECK(uv_poll_start(&a->poll, UV_WRITABLE, on_connectable) == 0);
    return true;
}

/* -- the race ------------------------------------------------------------ */

static void
on_timer(uv_timer_t *timer)
{
    struct cnc__race *r = timer->data;

    CNC_OBJ_CHECK(r, RACE_MAGIC);
    r->started = true;
    run(r);
}

static bool
take_next(struct cnc__race *r, enum family *family, const uint8_t **bytes)
{
    for (int i = 0; i < N_FAMILIES; i++) {
        enum family f = i == 0 ? r->turn : r->turn == V6 ? V4 : V6;

        if (r->at[f] < r->n[f]) {
            *family = f;
            *bytes = r->addrs[f][r->at[f]++];
            r->turn = f == V6 ? V4 : V6;
            return true;
        }
    }
    return false;
}

/* Begin the next attempt; no address left and none under way: lost. */
static void
run(struct cnc__race *r)
{
    enum family family;
    const uint8_t *bytes;

    while (take_next(r, &family, &bytes)) {
        if (attempt(r, family, bytes)) {
            uv_timer_start(&r->timer, on_timer, CNC__RACE_DELAY_MS, 0);
            return;
        }
    }
    if (r->attempts == NULL && r->known[V4] && r->known[V6] && !r->over) {
        r->over = true;
        r->events->on_lost(r->why, r->priv);
    }
}

void
cnc__race_feed(struct cnc__race *r, int family, const uint8_t (*addrs)[16],
               size_t n)
{
    enum family f = family == AF_INET6 ? V6 : V4;

    CNC_OBJ_CHECK(r, RACE_MAGIC);
    CNC_CHECK(!r->known[f]);
    r->known[f] = true;
    r->n[f] = n < CNC__RACE_MAX ? n : CNC__RACE_MAX;
    if (n > 0) {
        memcpy(r->addrs[f], addrs, r->n[f] * sizeof(addrs[0]));
    }
    if (r->over) {
        return;
    }
    if (r->started && uv_is_active((uv_handle_t *)&r->timer)) {
        return; /* their turn comes with it */
    }
    if (f == V4 && !r->known[V6] && n > 0) {
        uv_timer_start(&r->timer, on_timer, CNC__RACE_RESOLVE_MS, 0);
        return;
    }
    r->started = n > 0 || (r->known[V4] && r->known[V6]);
    if (r->started) {
        run(r);
    }
}

bool
cnc__race_tried(const struct cnc__race *r)
{
    CNC_OBJ_CHECK(r, RACE_MAGIC);
    return r->tried;
}

struct cnc__race *
cnc__race_new(uv_loop_t *loop, uint16_t port,
              const struct cnc__race_events *events, void *priv,
              void (*on_handle)(int, void *), void *on_handle_priv)
{
    struct cnc__race *r = cnc__zalloc(sizeof(*r));

    r->magic = RACE_MAGIC;
    r->loop = loop;
    r->port = port;
    r->events = events;
    r->priv = priv;
    r->on_handle = on_handle;
    r->on_handle_priv = on_handle_priv;
    snprintf(r->why, sizeof(r->why), "it has no address");
    CNC_CHECK(uv_timer_init(loop, &r->timer) == 0);
    r->timer.data = r;
    if (on_handle != NULL) {
        on_handle(1, on_handle_priv);
    }
    return r;
}

static void
on_race_closed(uv_handle_t *handle)
{
    struct cnc__race *r = handle->data;

    if (r->on_handle != NULL) {
        r->on_handle(-1, r->on_handle_priv);
    }
    CNC_OBJ_FREE(r);
}

void
cnc__race_free(struct cnc__race **rp)
{
    struct cnc__race *r = *rp;

    if (r == NULL) {
        return;
    }
    CNC_OBJ_CHECK(r, RACE_MAGIC);
    *rp = NULL;
    r->over = true;
    while (r->attempts != NULL) {
        struct attempt *a = r->attempts;

        leave(a);
        close(a->fd);
    }
    uv_close((uv_handle_t *)&r->timer, on_race_closed);
}
