/* SPDX-License-Identifier: MIT */
/*
 * logins.c -- browsers that log in to streams by token, again and again;
 * prints one line of JSON.
 *
 *   logins PID PORT AT_ONCE SECONDS COOKIE...
 *
 * Each of AT_ONCE does what a page does: POST /_token with its cookie, a new
 * WebSocket, SASL OAUTHBEARER (RFC 7628) with the token, and a resource.  When
 * it is bound the WebSocket is closed and it begins anew.  The POST goes over
 * a connection that stays, as a browser's does.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/base/text.h"
#include "../../src/xmpp/ws.h"
#include "../measure.h"

enum step { TOKEN, UPGRADE, OPENING, AUTH, REOPENING, BINDING };

struct browser {
    const char *cookie;
    int http, fd; /* fd: of the WebSocket, or -1 */
    enum step step;
    struct cnc__ws ws;
    struct cnc__str in, token, jid;
    double since;
};

static const char *port;
static int loop;
static bool over; /* nobody begins anew */
static int n_busy;
static double *times;
static size_t n_times, cap_times;

static void
die(const char *what)
{
    fprintf(stderr, "logins: %s\n", what);
    exit(1);
}

static void
send_all(int fd, const char *data, size_t len)
{
    if (send(fd, data, len, MSG_NOSIGNAL) != (ssize_t)len) {
        die("the service does not read");
    }
}

static int
connect_tcp(struct browser *b)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = b};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct linger rst = {.l_onoff = 1}; /* no port waits in TIME_WAIT */
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port =
                                htons((uint16_t)strtoul(port, NULL, 10))};

    CNC_CHECK(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &rst, sizeof(rst));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
        die("cannot connect");
    }
    CNC_CHECK(epoll_ctl(loop, EPOLL_CTL_ADD, fd, &e) == 0);
    return fd;
}

/* -- one log-in, step by step ----------------------------------------------
 */

static void
begin(struct browser *b)
{
    struct cnc__str out = CNC__STR;

    b->step = TOKEN;
    b->since = now();
    cnc__str_clear(&b->in);
    cnc__str_printf(&out,
                    "POST /_token HTTP/1.1\r\nHost: localhost:%s\r\n"
                    "Origin: http://localhost:%s\r\nCookie: %s\r\n"
                    "Content-Length: 0\r\n\r\n",
                    port, port, b->cookie);
    send_all(b->http, out.data, out.len);
    cnc__str_fini(&out);
}

static void
say(struct browser *b, const char *text)
{
    struct cnc__str out = CNC__STR;

    cnc__str_clear(&b->in);
    cnc__ws_add_masked(&out, CNC__WS_TEXT, text, strlen(text));
    send_all(b->fd, out.data, out.len);
    cnc__str_fini(&out);
}

static void
open_stream(struct browser *b, enum step step)
{
    b->step = step;
    say(b, "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' "
           "version='1.0'/>");
}

static void
show_token(struct browser *b)
{
    struct cnc__str plain = CNC__STR, out = CNC__STR;

    cnc__str_printf(&plain,
                    "n,a=%s,\x01"
                    "auth=Bearer %s\x01\x01",
                    b->jid.data, b->token.data);
    cnc__str_puts(&out, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
                        "mechanism='OAUTHBEARER'>");
    cnc__base64_encode(&out, plain.data, plain.len);
    cnc__str_puts(&out, "</auth>");
    b->step = AUTH;
    say(b, out.data);
    cnc__str_fini(&plain);
    cnc__str_fini(&out);
}

static void
bound(struct browser *b)
{
    times = cnc__grow(times, n_times, &cap_times, sizeof(*times));
    times[n_times++] = now() - b->since;
    close(b->fd);
    b->fd = -1;
    if (over) {
        n_busy--;
    } else {
        begin(b);
    }
}

static bool
has(const struct browser *b, const char *word)
{
    return b->in.len > 0 && strstr(b->in.data, word) != NULL;
}

static int
on_text(const char *data, size_t len, void *priv)
{
    struct browser *b = priv;

    cnc__str_add(&b->in, data, len);
    if (has(b, "<failure") || has(b, "type='error'") ||
        has(b, "<stream:error")) {
        die(b->in.data);
    }
    if (b->step == OPENING && has(b, "features>")) {
        show_token(b);
    } else if (b->step == AUTH && has(b, "<success")) {
        open_stream(b, REOPENING);
    } else if (b->step == REOPENING && has(b, "features>")) {
        b->step = BINDING;
        say(b, "<iq xmlns='jabber:client' type='set' id='b'>"
               "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    } else if (b->step == BINDING && has(b, "</iq>")) {
        return 1; /* it is closed when the feeding is over */
    }
    return 0;
}

static int
on_other(const char *data, size_t len, void *priv)
{
    return 0;
}

static int
on_pong(void *priv)
{
    return 0;
}

static int
on_close(unsigned code, void *priv)
{
    die("the service closed a WebSocket");
    return 0;
}

static const struct cnc__ws_events events = {on_text, on_other, on_pong,
                                             on_close};

/* What stands behind "name":" up to the next quote. */
static void
take(struct cnc__str *out, const struct browser *b, const char *name)
{
    const char *at = strstr(b->in.data, name);

    if (at == NULL) {
        die(b->in.data);
    }
    at += strlen(name);
    cnc__str_clear(out);
    cnc__str_add(out, at, strcspn(at, "\""));
}

static void
take_token(struct browser *b)
{
    static const char upgrade[] =
        "GET /xmpp HTTP/1.1\r\nHost: localhost:%s\r\n"
        "Origin: http://localhost:%s\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: xmpp\r\n\r\n";
    struct cnc__str out = CNC__STR;

    take(&b->jid, b, "\"jid\":\"");
    take(&b->token, b, "\"token\":\"");
    cnc__str_clear(&b->in);
    b->fd = connect_tcp(b);
    b->step = UPGRADE;
    cnc__ws_init(&b->ws, false, 1 << 20);
    cnc__str_printf(&out, upgrade, port, port);
    send_all(b->fd, out.data, out.len);
    cnc__str_fini(&out);
}

static void
readable(struct browser *b)
{
    char buf[16384];
    ssize_t n =
        recv(b->fd >= 0 ? b->fd : b->http, buf, sizeof(buf), MSG_DONTWAIT);
    unsigned code;

    if (n < 0) {
        return; /* of the other one of its two sockets */
    }
    if (n == 0) {
        die("the service closed a connection");
    }
    if (b->step > UPGRADE) {
        if (cnc__ws_feed(&b->ws, buf, (size_t)n, &events, b, &code) != 0) {
            bound(b);
        }
        return;
    }
    cnc__str_add(&b->in, buf, (size_t)n);
    if (b->step == TOKEN && has(b, "}")) {
        take_token(b);
    } else if (b->step == UPGRADE && has(b, "\r\n\r\n")) {
        if (!has(b, " 101 ")) {
            die(b->in.data);
        }
        open_stream(b, OPENING);
    }
}

static void
turn(void)
{
    struct epoll_event e[256];
    int n = epoll_wait(loop, e, 256, 30000);

    if (n <= 0) {
        die("nothing came for half a minute");
    }
    for (int i = 0; i < n; i++) {
        readable(e[i].data.ptr);
    }
}

static int
by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

int
main(int argc, char **argv)
{
    int n = argc < 6 ? 0 : (int)strtol(argv[3], NULL, 10);
    double seconds = argc < 6 ? 0 : strtod(argv[4], NULL), start, cpu;
    struct browser *all;

    if (n <= 0) {
        die("PID PORT AT_ONCE SECONDS COOKIE...");
    }
    port = argv[2];
    loop = epoll_create1(0);
    all = cnc__zalloc((size_t)n * sizeof(*all));
    for (int i = 0; i < n; i++) {
        all[i].cookie = argv[5 + i % (argc - 5)];
        all[i].fd = -1;
        all[i].http = connect_tcp(&all[i]);
        begin(&all[i]);
    }
    n_busy = n;
    for (start = now(); now() < start + 0.5;) { /* warm */
        turn();
    }
    n_times = 0;
    start = now();
    cpu = server_cpu(argv[1]);
    while (now() < start + seconds) {
        turn();
    }
    seconds = now() - start;
    cpu = server_cpu(argv[1]) - cpu;
    over = true;
    if (n_times == 0) {
        die("nobody was logged in");
    }
    qsort(times, n_times, sizeof(*times), by_size);
    printf("{\"logins_s\": %.0f, \"cpu_us\": %.1f, \"p50_ms\": %.2f, "
           "\"p99_ms\": %.2f}\n",
           (double)n_times / seconds, cpu / (double)n_times * 1e6,
           times[n_times / 2] * 1e3, times[n_times * 99 / 100] * 1e3);
    return 0;
}
