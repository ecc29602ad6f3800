/* SPDX-License-Identifier: MIT */
/*
 * load.c -- N WebSocket subscribers and one publisher against one server;
 * prints one line of JSON.
 *
 *   load xmpp  PID PORT LINK N SIZE ITEMS WINDOW
 *   load bcast PID PORT TRIGGER-PORT N FRAME ITEMS WINDOW
 *
 * xmpp: each subscriber logs in with ANONYMOUS, binds and subscribes to the
 * node "bench"; the publisher uses the link.  bcast: see bcast.c; FRAME is the
 * frame's length, as the xmpp run reported it.
 * WINDOW: publishes under way; the next is sent when the oldest has reached
 * every subscriber.  CPU is the server's, all threads, by
 * /proc/PID/task/.../schedstat.  rss_session is the server's memory for a
 * session before anything is sent, rss_used after the last item.
 *
 * While it measures it asks for events without sleeping: a subscriber of this
 * machine that sleeps is woken by the server's own send(), for 3 to 5 us, and
 * only the server that is slower than the reader would pay for that.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../src/xmpp/ws.h"
#include "../measure.h"

enum step {
    UPGRADE,
    OPEN,
    FEATURES,
    AUTH,
    REOPEN,
    BIND_FEATURES,
    BIND,
    SUB,
    READY
};

struct client {
    int fd;
    enum step step;
    struct cnc__ws ws;
    size_t skip; /* bytes of the HTTP answer's end matched */
    char jid[128];
    unsigned received;
};

static struct client *clients;
static int n_clients, n_ready, loop;
static bool xmpp;
static size_t last_frame;
static uint64_t deliveries;
static double *latency; /* of each delivery, in seconds */
static size_t n_latency, cap_latency;
static double *sent_at;   /* of each item */
static unsigned *arrived; /* how many have item i */
static unsigned n_items;

static void
say(struct client *c, const char *text)
{
    struct cnc__str out = CNC__STR;

    cnc__ws_add_masked(&out, CNC__WS_TEXT, text, strlen(text));
    CNC_CHECK(send(c->fd, out.data, out.len, MSG_NOSIGNAL) ==
              (ssize_t)out.len);
    cnc__str_fini(&out);
}

#define OPEN_STREAM                                                           \
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' "       \
    "version='1.0'/>"

static bool
has(const char *data, size_t len, const char *word)
{
    return memmem(data, len, word, strlen(word)) != NULL;
}

static void
subscribe(struct client *c, const char *data, size_t len)
{
    const char *jid = memmem(data, len, "<jid>", 5);
    char text[512];
    size_t n;

    CNC_CHECK(jid != NULL);
    jid += 5;
    n = (size_t)((const char *)memchr(jid, '<', 200) - jid);
    CNC_CHECK(n < sizeof(c->jid));
    memcpy(c->jid, jid, n);
    snprintf(text, sizeof(text),
             "<iq xmlns='jabber:client' type='set' id='s' to='localhost'>"
             "<pubsub xmlns='http://jabber.org/protocol/pubsub'>"
             "<subscribe node='bench' jid='%s'/></pubsub></iq>",
             c->jid);
    say(c, text);
}

static void
delivered(struct client *c)
{
    unsigned item = c->received++;

    deliveries++;
    if (item >= n_items) {
        return;
    }
    arrived[item]++;
    if (n_latency < cap_latency) {
        latency[n_latency++] = now() - sent_at[item];
    }
}

static int
on_text(const char *data, size_t len, void *priv)
{
    struct client *c = priv;

    last_frame = len;
    switch (c->step) {
    case READY:
        delivered(c);
        return 0;
    case OPEN:
    case REOPEN:
        CNC_CHECK(has(data, len, "<open"));
        c->step++;
        return 0;
    case FEATURES:
        say(c, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
               "mechanism='ANONYMOUS'/>");
        c->step = AUTH;
        return 0;
    case AUTH:
        CNC_CHECK(has(data, len, "<success"));
        say(c, OPEN_STREAM);
        c->step = REOPEN;
        return 0;
    case BIND_FEATURES:
        say(c, "<iq xmlns='jabber:client' type='set' id='b'>"
               "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
        c->step = BIND;
        return 0;
    case BIND:
        subscribe(c, data, len);
        c->step = SUB;
        return 0;
    case SUB:
        if (has(data, len, "<event")) {
            return 0; /* the last item, sent on subscribe */
        }
        CNC_CHECK(has(data, len, "type=\"result\"") ||
                  has(data, len, "type='result'"));
        c->step = READY;
        n_ready++;
        return 0;
    default:
        CNC_CHECK(!"text before the upgrade");
        return 0;
    }
}

static int
on_ping(const char *data, size_t len, void *priv)
{
    struct client *c = priv;
    struct cnc__str out = CNC__STR;

    cnc__ws_add_masked(&out, CNC__WS_PONG, data, len);
    CNC_CHECK(send(c->fd, out.data, out.len, MSG_NOSIGNAL) > 0);
    cnc__str_fini(&out);
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
    fprintf(stderr, "load: the server closed a stream (%u)\n", code);
    exit(1);
}

static const struct cnc__ws_events events = {on_text, on_ping, on_pong,
                                             on_close};

static void
readable(struct client *c)
{
    static char buf[1 << 20];
    ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);
    size_t at = 0;
    unsigned code;

    if (n < 0 && errno == EAGAIN) {
        return;
    }
    if (n <= 0) {
        fprintf(stderr, "load: a connection ended\n");
        exit(1);
    }
    if (c->step == UPGRADE) {
        static const char end[] = "\r\n\r\n";

        while (at < (size_t)n && c->skip < 4) {
            c->skip = buf[at] == end[c->skip] ? c->skip + 1
                      : buf[at] == '\r'       ? 1
                                              : 0;
            at++;
        }
        if (c->skip < 4) {
            return;
        }
        if (!has(buf, at, " 101 ")) {
            fprintf(stderr, "load: no upgrade: %.*s\n", (int)at, buf);
            exit(1);
        }
        if (xmpp) {
            say(c, OPEN_STREAM);
            c->step = OPEN;
        } else {
            c->step = READY;
            n_ready++;
        }
    }
    CNC_CHECK(cnc__ws_feed(&c->ws, buf + at, (size_t)n - at, &events, c,
                           &code) == 0);
}

static void
turn(int timeout_ms, bool awake)
{
    struct epoll_event e[1024];
    double end = now() + timeout_ms / 1e3;
    int n;

    do {
        n = epoll_wait(loop, e, 1024, awake ? 0 : timeout_ms);
    } while (n == 0 && awake && now() < end);

    if (n == 0 && timeout_ms > 1000) {
        fprintf(stderr, "load: nothing came for %d ms\n", timeout_ms);
        exit(1);
    }
    for (int i = 0; i < n; i++) {
        readable(e[i].data.ptr);
    }
}

static int
connect_tcp(const char *port)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port =
                                htons((uint16_t)strtoul(port, NULL, 10))};

    CNC_CHECK(fd >= 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
        perror("load: connect");
        exit(1);
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static void
connect_all(const char *port)
{
    char request[512];

    snprintf(request, sizeof(request),
             "GET /xmpp HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n"
             "Upgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
             "Sec-WebSocket-Protocol: xmpp\r\n\r\n",
             port);
    for (int i = 0; i < n_clients; i++) {
        struct client *c = &clients[i];
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

        c->fd = connect_tcp(port);
        cnc__ws_init(&c->ws, false, 1 << 20);
        CNC_CHECK(epoll_ctl(loop, EPOLL_CTL_ADD, c->fd, &e) == 0);
        CNC_CHECK(send(c->fd, request, strlen(request), MSG_NOSIGNAL) > 0);
        while (n_ready < i - 64) {
            turn(20000, false);
        }
    }
    while (n_ready < n_clients) {
        turn(20000, false);
    }
}

/* -- the publisher -------------------------------------------------------- */

static int publisher;

static void
tell(const char *data, size_t len)
{
    CNC_CHECK(send(publisher, data, len, MSG_NOSIGNAL) == (ssize_t)len);
}

static void
await(const char *word)
{
    struct cnc__str in = CNC__STR;
    char buf[65536];

    while (in.len == 0 || !has(in.data, in.len, word)) {
        ssize_t n = recv(publisher, buf, sizeof(buf), 0);

        if (n <= 0) {
            fprintf(stderr, "load: the link ended before %s: %s\n", word,
                    cnc__str_c(&in));
            exit(1);
        }
        cnc__str_add(&in, buf, (size_t)n);
    }
    cnc__str_fini(&in);
}

static void
log_in(const char *link)
{
    static const char stream[] =
        "<stream:stream xmlns='jabber:client' "
        "xmlns:stream='http://etherx.jabber.org/streams' to='localhost' "
        "version='1.0'>";
    static const char auth[] =
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
        "mechanism='EXTERNAL'>=</auth>";
    static const char bind_[] =
        "<iq type='set' id='b'><bind "
        "xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    publisher = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(a.sun_path, sizeof(a.sun_path), "%s", link);
    if (connect(publisher, (struct sockaddr *)&a, sizeof(a)) != 0) {
        perror("load: link");
        exit(1);
    }
    tell(stream, sizeof(stream) - 1);
    await("</stream:features>");
    tell(auth, sizeof(auth) - 1);
    await("<success");
    tell(stream, sizeof(stream) - 1);
    await("</stream:features>");
    tell(bind_, sizeof(bind_) - 1);
    await("<jid>");
}

static void
add_item(struct cnc__str *out, unsigned i, size_t size)
{
    sent_at[i] = now();
    if (!xmpp) {
        uint32_t len = (uint32_t)size;

        cnc__str_add(out, &len, 4);
        return;
    }
    cnc__str_printf(out,
                    "<iq type='set' id='p%u' to='localhost'>"
                    "<pubsub xmlns='http://jabber.org/protocol/pubsub'>"
                    "<publish node='bench'><item id='i%u'>"
                    "<text xmlns='urn:x-bench'>",
                    i, i % 50);
    cnc__str_reserve(out, size + 128);
    memset(out->data + out->len, 'x', size);
    out->len += size;
    cnc__str_puts(out, "</text></item></publish></pubsub></iq>");
}

static void
drain_publisher(void)
{
    char buf[65536];

    while (recv(publisher, buf, sizeof(buf), MSG_DONTWAIT) > 0) {
    }
}

static int
by_value(const void *a, const void *b)
{
    double d = *(const double *)a - *(const double *)b;

    return d < 0 ? -1 : d > 0;
}

int
main(int argc, char **argv)
{
    struct cnc__str out = CNC__STR;
    unsigned window, next = 0, done = 0;
    double start, wall, cpu;
    long rss0, rss1;
    size_t size;

    if (argc != 9) {
        fprintf(stderr, "usage: load xmpp|bcast PID PORT LINK|TRIGGER N SIZE "
                        "ITEMS WINDOW\n");
        return 2;
    }
    xmpp = strcmp(argv[1], "xmpp") == 0;
    n_clients = (int)strtol(argv[5], NULL, 10);
    size = strtoul(argv[6], NULL, 10);
    n_items = (unsigned)strtoul(argv[7], NULL, 10);
    window = (unsigned)strtoul(argv[8], NULL, 10);
    clients = cnc__zalloc((size_t)n_clients * sizeof(*clients));
    arrived = cnc__zalloc(n_items * sizeof(*arrived));
    sent_at = cnc__zalloc(n_items * sizeof(*sent_at));
    cap_latency = (size_t)n_clients * n_items;
    latency = cnc__zalloc(cap_latency * sizeof(*latency));
    loop = epoll_create1(0);

    rss0 = server_rss(argv[2]);
    start = now();
    connect_all(argv[3]);
    wall = now() - start;
    rss1 = server_rss(argv[2]);
    fprintf(stderr, "%s: %d subscribed in %.2f s\n", argv[1], n_clients, wall);
    if (xmpp) {
        log_in(argv[4]);
    } else {
        publisher = connect_tcp(argv[4]);
    }

    cpu = server_cpu(argv[2]);
    start = now();
    while (done < n_items) {
        while (next < n_items && next - done < window) {
            add_item(&out, next++, size);
        }
        if (out.len > 0) {
            tell(out.data, out.len);
            cnc__str_clear(&out);
        }
        turn(20000, true);
        while (done < n_items && arrived[done] == (unsigned)n_clients) {
            done++;
        }
        drain_publisher();
    }
    wall = now() - start;
    cpu = server_cpu(argv[2]) - cpu;
    qsort(latency, n_latency, sizeof(*latency), by_value);
    printf("{\"bench\":\"fanout\",\"server\":\"%s\",\"n\":%d,\"size\":%zu,"
           "\"items\":%u,\"window\":%u,\"frame\":%zu,\"deliveries_s\":%.0f,"
           "\"cpu_us\":%.3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
           "\"rss_session\":%ld,\"rss_used\":%ld}\n",
           argv[1], n_clients, size, n_items, window, last_frame,
           (double)deliveries / wall, cpu * 1e6 / (double)deliveries,
           latency[n_latency / 2] * 1e3,
           latency[n_latency - 1 - n_latency / 100] * 1e3,
           (rss1 - rss0) / n_clients,
           (server_rss(argv[2]) - rss0) / n_clients);
    return 0;
}
