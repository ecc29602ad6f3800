/* SPDX-License-Identifier: MIT */
/*
 * handoff.c -- a client's own socket is given to a service on this machine
 * (src/net/handoff.h): Apache has no more work with it, and no descriptor.
 *
 *   worker: the packet is sent, with the descriptor -> pump: BACK_HANDING
 *     0                     it is the service's: let go of it
 *     1 and why, or closed  still ours, and nothing was said to the client:
 *     without being read    it is served here, or told 503
 *     closed, or silent     whose it is nobody knows: it ends, and comes back
 *
 * Each client has a connection of its own to the receiver, so that none waits
 * for another's answer and an answer is always to this packet.
 */
#include "mod_xmpp.h"

#include <apr_strings.h>
#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../src/net/handoff.h"

#define ANSWER_MS 5000u /* at most, for a process on this machine */
#define PAUSE_MS  5000u /* before it is asked again when there was none */

static uint64_t silent_ms; /* atomic: when it did not answer; 0: it does */
static int down;           /* atomic: it was told that it does not work */

/* -- what is told ----------------------------------------------------------
 */

/* Why this one is not given away.  What is wrong with the service is told
 * once as an error, what it says of one client each time. */
enum whose { CLIENT, ANSWER, SERVICE };

static void
tell(const struct sock *s, const char *why, enum whose whose, const char *then)
{
    int level = whose == ANSWER ? APLOG_WARNING : APLOG_INFO;

    if (whose == SERVICE &&
        __atomic_exchange_n(&down, 1, __ATOMIC_RELAXED) == 0) {
        level = APLOG_ERR;
    }
    ap_log_rerror(APLOG_MARK, level, 0, s->r,
                  "xmpp: not given to the service at %s: %s; %s",
                  s->conf->handoff->name, why, then);
}

static const char *
otherwise(const struct sock *s)
{
    return s->conf->backend != NULL ? "it is served here"
                                    : "there is no XMPPServer for it";
}

static void
tell_that_it_works(const struct sock *s)
{
    if (__atomic_exchange_n(&down, 0, __ATOMIC_RELAXED) != 0) {
        ap_log_rerror(APLOG_MARK, APLOG_NOTICE, 0, s->r,
                      "xmpp: the service at %s takes WebSockets again",
                      s->conf->handoff->name);
    }
}

/* -- what cannot be given --------------------------------------------------
 */

/* Whoever else sits between the socket and us changes bytes, or keeps them:
 * these do neither. */
static const char *
other_filter(const ap_filter_t *f)
{
    static const char *const known[] = {
        "core",          "core_in",          "logio_in",
        "logio_out",     "log_input_output", "reqtimeout",
        "remoteip_input"};

    for (; f != NULL; f = f->next) {
        bool is_known = false;

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
            is_known = is_known || strcasecmp(f->frec->name, known[i]) == 0;
        }
        if (!is_known) {
            return f->frec->name;
        }
    }
    return NULL;
}

static const char *
obstacle(const struct sock *s)
{
    const char *host = apr_table_get(s->r->headers_in, "Host");
    const char *filter = other_filter(s->c->output_filters);

    if (ap_ssl_conn_is_ssl(s->c)) {
        return "its TLS ends in Apache";
    }
    if (filter == NULL) {
        filter = other_filter(s->c->input_filters);
    }
    if (filter != NULL) {
        return apr_psprintf(s->c->pool, "Apache's filter %s has its bytes",
                            filter);
    }
    if (s->c->data_in_output_filters) {
        return "the answer before it is not sent yet";
    }
    if (host != NULL && strlen(host) > CNC__HANDOFF_MAX_HOST) {
        return "its Host is too long";
    }
    return NULL;
}

static bool
is_silent(void)
{
    uint64_t since = __atomic_load_n(&silent_ms, __ATOMIC_RELAXED);

    return since != 0 && pump_now_ms() - since < PAUSE_MS;
}

/* -- the packet ------------------------------------------------------------
 */

static size_t
pack(const struct sock *s, uint8_t *packet)
{
    const char *host = apr_table_get(s->r->headers_in, "Host");
    struct cnc__handoff h = {.secure = handshake_is_secure(s->r),
                             .read = s->early,
                             .n_read = s->n_early};

    apr_cpystrn(h.addr, s->r->useragent_ip, sizeof(h.addr));
    h.addr[strcspn(h.addr, "%")] = '\0'; /* fe80::1%eth0 */
    apr_cpystrn(h.host, host == NULL ? "" : host, sizeof(h.host));
    memcpy(h.accept, s->accept, sizeof(h.accept));
    return cnc__handoff_pack(packet, &h);
}

/* 0, or an error.  Nothing of it waits. */
static int
dial(struct sock *s)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    const char *path = s->conf->handoff->path;

    memcpy(un.sun_path, path, strlen(path) + 1);
    s->back_fd =
        socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->back_fd < 0 ||
        connect(s->back_fd, (struct sockaddr *)&un, sizeof(un)) != 0) {
        return errno;
    }
    return 0;
}

static int
send_packet(const struct sock *s, int fd)
{
    uint8_t packet[CNC__HANDOFF_MAX];
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec iov = {packet, pack(s, packet)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *c = &control.align;
    ssize_t n;

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    do {
        n = sendmsg(s->back_fd, &msg, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? errno : 0;
}

static const char not_wanted[] =
    "it closed the connection: is Apache's user one of --link-user?";

static const char *
offer(struct sock *s)
{
    const char *why = NULL;
    int error = dial(s), fd;

    if (error == 0 && !backend_is_owners(s, s->conf->handoff, &why)) {
        return why;
    }
    if (error == 0) {
        CNC_CHECK(apr_os_sock_get(&fd, ap_get_conn_socket(s->c)) ==
                  APR_SUCCESS);
        error = send_packet(s, fd);
    }
    return error == 0                              ? NULL
           : error == EPIPE || error == ECONNRESET ? not_wanted
           : error == EAGAIN ? "it is too busy to take one"
                             : backend_reason(s, s->conf->handoff, error);
}

bool
handoff_begin(struct sock *s, const char **why)
{
    char room[CNC__HANDOFF_MAX_READ];
    enum whose whose = CLIENT;

    *why = obstacle(s);
    if (*why == NULL && !client_read_early(s, room, sizeof(room))) {
        *why = "too much came with its request";
    }
    if (*why == NULL) {
        whose = SERVICE;
        *why = is_silent() ? "it did not answer lately" : offer(s);
    }
    if (*why == NULL) {
        s->back_state = BACK_HANDING;
        return true;
    }
    tell(s, *why, whose, otherwise(s));
    backend_close(s);
    return false;
}

/* -- the answer ------------------------------------------------------------
 */

/* Descriptors of the client are the service's alone from here on: under the
 * number that APR has is something that nobody reads, so that no shutdown and
 * no last word of Apache's reaches the client. */
static void
let_go(struct sock *s)
{
    int rc;

    do {
        rc = dup3(s->back_fd, s->client_fd, O_CLOEXEC);
    } while (rc < 0 && (errno == EINTR || errno == EBUSY));
    CNC_CHECK(rc == s->client_fd);
    shutdown(s->client_fd, SHUT_RDWR);
    backend_close(s);
    s->c->aborted = s->alone;
    s->given = true;
    __atomic_add_fetch(&status_own->given, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&silent_ms, 0, __ATOMIC_RELAXED);
    tell_that_it_works(s);
    sock_lost(s, "given to the service");
}

static void
fall_back(struct sock *s, const char *why, enum whose whose)
{
    backend_close(s);
    tell(s, why, whose, otherwise(s));
    s->began_ms = pump_now_ms();
    if (s->conf->backend == NULL) {
        sock_refuse(s, why);
    } else if (!backend_connect(s, &why)) {
        status_back(s, why);
        sock_refuse(s, why);
    } else {
        sock_accept(s);
    }
}

/* It may have said something to the client, or be about to. */
static void
give_up(struct sock *s, const char *why)
{
    backend_close(s);
    tell(s, why, SERVICE, "it may have heard something: it ends");
    shutdown(s->client_fd, SHUT_RDWR);
    sock_lost(s, why);
}

/* "1 and why": what is not plain text is not for our log. */
static const char *
refusal(const struct sock *s, char *text, size_t len)
{
    for (size_t i = 1; i < len; i++) {
        if (text[i] < ' ' || text[i] > '~') {
            text[i] = '?';
        }
    }
    return apr_psprintf(s->c->pool, "it is refused: %.*s", (int)len - 1,
                        text + 1);
}

void
handoff_read(struct sock *s)
{
    char text[CNC__HANDOFF_MAX_ANSWER];
    ssize_t n = recv(s->back_fd, text, sizeof(text), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n == 1 && text[0] == 0) {
        let_go(s);
    } else if (n > 1 && text[0] == 1) {
        tell_that_it_works(s);
        fall_back(s, refusal(s, text, (size_t)n), ANSWER);
    } else if (n < 0 && errno == ECONNRESET) { /* the packet was not read */
        fall_back(s, not_wanted, SERVICE);
    } else {
        give_up(s, "it went without an answer");
    }
}

void
handoff_tick(struct sock *s, uint64_t now_ms)
{
    uint64_t wait_ms = sock_wait_ms(s);
    int unread = 0;

    wait_ms = wait_ms < ANSWER_MS ? wait_ms : ANSWER_MS;
    if (now_ms < s->began_ms + wait_ms) {
        return;
    }
    __atomic_store_n(&silent_ms, now_ms, __ATOMIC_RELAXED);
    ioctl(s->back_fd, SIOCOUTQ, &unread);
    if (unread == 0) {
        give_up(s, "it took the socket and does not answer");
        return;
    }
    /* It has not looked at it, and will find its client gone. */
    backend_close(s);
    tell(s, "it does not answer", SERVICE, "refused");
    sock_refuse(s, "the service does not answer");
}
