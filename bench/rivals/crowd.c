/* SPDX-License-Identifier: MIT */
/*
 * crowd.c -- N anonymous clients of one XMPP server, by TCP or WebSocket;
 * prints one line of JSON.  Knows nothing that is one server's own, so that
 * all are measured by the same hand.
 *
 *   crowd fanout PID tcp|ws PORT PATH DOMAIN SERVICE N SIZE ITEMS PUBLISHER
 *   crowd grow   PID tcp|ws PORT PATH DOMAIN SERVICE N SECONDS
 *
 * PATH: of the WebSocket.  SERVICE: the PubSub service with the open node
 * "bench".  PUBLISHER: "link:FILE", our own socket, or
 * "plain:DOMAIN:PORT:BASE64", a TCP port and what SASL PLAIN says there.
 *
 * fanout: all open a stream (rss_stream, bytes each), all log in and bind
 * (rss_bound, in all), all subscribe; then ITEMS of SIZE bytes, the next one
 * when the last has reached everybody.
 * grow: logs in N, as fast as 64 at once can (logins_s), then subscribes them
 * and says how fast it was over the last hundreds up to 1,000, 5,000 and N;
 * gives up after SECONDS and says how many there were.
 *
 * CPU is the server's, all threads.  While items are delivered it asks for
 * events without sleeping: see bench/fanout/load.c.
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

#define AT_ONCE 64

enum step {
    UPGRADE,
    OPENING, /* waits for the first features */
    OPENED,
    AUTH,
    REOPENING,
    BINDING,
    BOUND,
    SUBSCRIBING,
    READY
};

struct client {
    int fd;
    enum step step;
    unsigned matched; /* bytes of "</message>" seen, TCP */
    struct cnc__ws ws;
    struct cnc__str in; /* until it is READY */
    char *jid;
};

static struct client *clients;
static int n_clients, n_at_goal, loop;
static enum step goal;
static bool websocket;
static const char *port, *path, *domain, *service;
static uint64_t deliveries;

static void
die(const char *what)
{
    fprintf(stderr, "crowd: %s\n", what);
    exit(1);
}

static void
say(struct client *c, const char *text)
{
    struct cnc__str out = CNC__STR;

    if (websocket) {
        cnc__ws_add_masked(&out, CNC__WS_TEXT, text, strlen(text));
    } else {
        cnc__str_puts(&out, text);
    }
    CNC_CHECK(send(c->fd, out.data, out.len, MSG_NOSIGNAL) ==
              (ssize_t)out.len);
    cnc__str_fini(&out);
}

static void
open_stream(struct client *c)
{
    char text[512];

    snprintf(text, sizeof(text),
             websocket ? "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' "
                         "to='%s' version='1.0'/>"
                       : "<?xml version='1.0'?><stream:stream "
                         "xmlns='jabber:client' xmlns:stream='"
                         "http://etherx.jabber.org/streams' to='%s' "
                         "version='1.0'>",
             domain);
    say(c, text);
}

static void
subscribe(struct client *c)
{
    char text[1024];

    snprintf(text, sizeof(text),
             "<iq xmlns='jabber:client' type='set' id='s' to='%s'>"
             "<pubsub xmlns='http://jabber.org/protocol/pubsub'>"
             "<subscribe node='bench' jid='%s'/></pubsub></iq>",
             service, c->jid);
    c->step = SUBSCRIBING;
    say(c, text);
}

/* On towards the goal from a place where one may stay. */
static void
go_on(struct client *c)
{
    if (c->step == goal) {
        n_at_goal++;
    } else if (c->step == OPENED) {
        c->step = AUTH;
        say(c, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
               "mechanism='ANONYMOUS'/>");
    } else if (c->step == BOUND) {
        subscribe(c);
    }
}

static bool
has(struct client *c, const char *word)
{
    return c->in.len > 0 &&
           memmem(c->in.data, c->in.len, word, strlen(word)) != NULL;
}

static void
take_jid(struct client *c)
{
    char *jid = strstr(c->in.data, "<jid>"), *end;

    CNC_CHECK(jid != NULL);
    end = strstr(jid, "</jid>");
    CNC_CHECK(end != NULL);
    c->jid = strndup(jid + 5, (size_t)(end - jid - 5));
}

/* c->in has grown: is what this step waits for there? */
static void
step(struct client *c)
{
    if (has(c, "<failure") || has(c, "type='error'") ||
        has(c, "type=\"error\"") || has(c, "<stream:error")) {
        die(cnc__str_c(&c->in));
    }
    switch (c->step) {
    case OPENING:
        if (has(c, "features>")) {
            cnc__str_fini(&c->in);
            c->step = OPENED;
            go_on(c);
        }
        break;
    case AUTH:
        if (has(c, "<success")) {
            cnc__str_clear(&c->in);
            c->step = REOPENING;
            open_stream(c);
        }
        break;
    case REOPENING:
        if (has(c, "features>")) {
            cnc__str_clear(&c->in);
            c->step = BINDING;
            say(c, "<iq xmlns='jabber:client' type='set' id='b'>"
                   "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
        }
        break;
    case BINDING:
        if (has(c, "</iq>")) {
            take_jid(c);
            cnc__str_fini(&c->in);
            c->step = BOUND;
            go_on(c);
        }
        break;
    case SUBSCRIBING:
        /* Not the last item, which some send first. */
        if (has(c, "type='result'") || has(c, "type=\"result\"")) {
            cnc__str_fini(&c->in);
            c->step = READY;
            go_on(c);
        }
        break;
    default:
        cnc__str_fini(&c->in);
        break;
    }
}

static int
on_text(const char *data, size_t len, void *priv)
{
    struct client *c = priv;

    if (c->step == READY) {
        deliveries += memmem(data, len, "<message", 8) != NULL;
        return 0;
    }
    cnc__str_add(&c->in, data, len);
    step(c);
    return 0;
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
    die("the server closed a WebSocket");
    return 0;
}

static const struct cnc__ws_events events = {on_text, on_ping, on_pong,
                                             on_close};

/* '<' is nowhere but at the start of the word: no need to look back. */
static void
count_messages(struct client *c, const char *data, size_t len)
{
    static const char word[] = "</message>";

    for (size_t i = 0; i < len; i++) {
        if (data[i] == word[c->matched]) {
            c->matched++;
            if (c->matched == sizeof(word) - 1) {
                deliveries++;
                c->matched = 0;
            }
        } else {
            c->matched = data[i] == '<';
        }
    }
}

static void
upgraded(struct client *c, char *data, size_t len)
{
    const char *end;

    cnc__str_add(&c->in, data, len);
    end = memmem(c->in.data, c->in.len, "\r\n\r\n", 4);
    if (end == NULL) {
        return;
    }
    if (!has(c, " 101 ")) {
        die(cnc__str_c(&c->in));
    }
    /* We speak first: nothing follows the head. */
    cnc__str_fini(&c->in);
    c->step = OPENING;
    open_stream(c);
}

static void
readable(struct client *c)
{
    static char buf[1 << 18];
    ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);
    unsigned code;

    if (n < 0 && errno == EAGAIN) {
        return;
    }
    if (n <= 0) {
        die("a connection ended");
    }
    if (c->step == UPGRADE) {
        upgraded(c, buf, (size_t)n);
    } else if (websocket) {
        CNC_CHECK(cnc__ws_feed(&c->ws, buf, (size_t)n, &events, c, &code) ==
                  0);
    } else if (c->step == READY) {
        count_messages(c, buf, (size_t)n);
    } else {
        cnc__str_add(&c->in, buf, (size_t)n);
        step(c);
    }
}

static void
turn(bool awake)
{
    struct epoll_event e[1024];
    double end = now() + 60;
    int n;

    do {
        n = epoll_wait(loop, e, 1024, awake ? 0 : 60000);
    } while (n == 0 && now() < end);
    if (n == 0) {
        die("nothing came for a minute");
    }
    for (int i = 0; i < n; i++) {
        readable(e[i].data.ptr);
    }
}

/* Ports of one address are searched one by one once half of them are taken:
 * far beyond 8,000 clients a log-in would measure the kernel's search. */
static void
leave_from(int fd)
{
    static unsigned n;
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr =
                                htonl(INADDR_LOOPBACK + n++ / 8000)};
    int on = 1;

    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    CNC_CHECK(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
}

static int
connect_tcp(const char *number)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port =
                                htons((uint16_t)strtoul(number, NULL, 10))};

    CNC_CHECK(fd >= 0);
    leave_from(fd);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
        perror("crowd: connect");
        exit(1);
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static void
start(struct client *c)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    char request[512];

    c->fd = connect_tcp(port);
    CNC_CHECK(epoll_ctl(loop, EPOLL_CTL_ADD, c->fd, &e) == 0);
    if (!websocket) {
        c->step = OPENING;
        open_stream(c);
        return;
    }
    cnc__ws_init(&c->ws, false, 1 << 20);
    snprintf(request, sizeof(request),
             "GET %s HTTP/1.1\r\nHost: %s:%s\r\n"
             "Upgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
             "Sec-WebSocket-Protocol: xmpp\r\n\r\n",
             path, domain, port);
    CNC_CHECK(send(c->fd, request, strlen(request), MSG_NOSIGNAL) > 0);
}

/* All clients to the goal, AT_ONCE under way; stops at `end`. */
static int
all_to(enum step to, double end)
{
    enum step from = goal;

    goal = to;
    n_at_goal = 0;
    for (int i = 0; i < n_clients && now() < end; i++) {
        if (from == UPGRADE) {
            start(&clients[i]);
        } else {
            go_on(&clients[i]);
        }
        while (n_at_goal <= i - AT_ONCE) {
            turn(false);
        }
    }
    while (n_at_goal < n_clients && now() < end) {
        turn(false);
    }
    return n_at_goal;
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

    while (in.len == 0 ||
           memmem(in.data, in.len, word, strlen(word)) == NULL) {
        ssize_t n = recv(publisher, buf, sizeof(buf), 0);

        if (n <= 0) {
            fprintf(stderr, "crowd: the publisher got no %s: %s\n", word,
                    cnc__str_c(&in));
            exit(1);
        }
        cnc__str_add(&in, buf, (size_t)n);
    }
    cnc__str_fini(&in);
}

static void
log_in(char *how)
{
    char *kind = strsep(&how, ":"), *to = NULL, *number, stream[512],
         auth[512];

    if (strcmp(kind, "link") == 0) {
        struct sockaddr_un a = {.sun_family = AF_UNIX};

        publisher = socket(AF_UNIX, SOCK_STREAM, 0);
        snprintf(a.sun_path, sizeof(a.sun_path), "%s", how);
        if (connect(publisher, (struct sockaddr *)&a, sizeof(a)) != 0) {
            perror("crowd: link");
            exit(1);
        }
        snprintf(auth, sizeof(auth),
                 "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
                 "mechanism='EXTERNAL'>=</auth>");
    } else {
        to = strsep(&how, ":");
        number = strsep(&how, ":");
        CNC_CHECK(how != NULL);
        publisher = connect_tcp(number);
        snprintf(auth, sizeof(auth),
                 "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
                 "mechanism='PLAIN'>%s</auth>",
                 how);
    }
    snprintf(stream, sizeof(stream),
             "<stream:stream xmlns='jabber:client' "
             "xmlns:stream='http://etherx.jabber.org/streams' to='%s' "
             "version='1.0'>",
             to == NULL ? domain : to);
    tell(stream, strlen(stream));
    await("features>");
    tell(auth, strlen(auth));
    await("<success");
    tell(stream, strlen(stream));
    await("features>");
    snprintf(auth, sizeof(auth),
             "<iq type='set' id='b'><bind "
             "xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    tell(auth, strlen(auth));
    await("</jid>");
}

static void
publish(unsigned i, size_t size)
{
    struct cnc__str out = CNC__STR;

    cnc__str_printf(&out,
                    "<iq type='set' id='p%u' to='%s'>"
                    "<pubsub xmlns='http://jabber.org/protocol/pubsub'>"
                    "<publish node='bench'><item id='i%u'>"
                    "<text xmlns='urn:x-bench'>",
                    i, service, i % 10);
    cnc__str_reserve(&out, size + 128);
    memset(out.data + out.len, 'x', size);
    out.len += size;
    cnc__str_puts(&out, "</text></item></publish></pubsub></iq>");
    tell(out.data, out.len);
    cnc__str_fini(&out);
}

static void
drain_publisher(void)
{
    char buf[65536];
    ssize_t n = recv(publisher, buf, sizeof(buf) - 1, MSG_DONTWAIT);

    if (n > 0) {
        buf[n] = '\0';
        if (strstr(buf, "error") != NULL) {
            die(buf);
        }
    }
}

static void
fanout(char **argv, const char *pid)
{
    size_t size = strtoul(argv[0], NULL, 10);
    unsigned items = (unsigned)strtoul(argv[1], NULL, 10);
    long rss0 = server_rss(pid), rss_stream, rss_bound;
    double cpu, wall;

    all_to(OPENED, 1e18);
    rss_stream = server_rss(pid);
    all_to(BOUND, 1e18);
    rss_bound = server_rss(pid);
    all_to(READY, 1e18);
    log_in(argv[2]);
    /* One to warm up, and what came with the subscription. */
    deliveries = 0;
    publish(0, size);
    while (deliveries < (uint64_t)n_clients) {
        turn(false);
    }
    deliveries = 0;
    cpu = server_cpu(pid);
    wall = now();
    for (unsigned i = 1; i <= items; i++) {
        publish(i, size);
        while (deliveries < (uint64_t)i * (unsigned)n_clients) {
            turn(true);
        }
        drain_publisher();
    }
    wall = now() - wall;
    cpu = server_cpu(pid) - cpu;
    printf("{\"n\":%d,\"size\":%zu,\"items\":%u,\"deliveries_s\":%.0f,"
           "\"cpu_us\":%.3f,\"rss_stream\":%ld,\"rss_bound\":%ld,"
           "\"rss_used\":%ld}\n",
           n_clients, size, items, (double)deliveries / wall,
           cpu * 1e6 / (double)deliveries, (rss_stream - rss0) / n_clients,
           (rss_bound - rss0) / n_clients,
           (server_rss(pid) - rss0) / n_clients);
}

static void
grow(char **argv, const char *pid)
{
    double seconds = strtod(argv[0], NULL), cpu = server_cpu(pid), t0 = now(),
           end, last = 0, rate[3] = {0, 0, 0};
    const int marks[3] = {1000, 5000, n_clients};
    int done = 0, mark = 0, at_last = 0;

    done = all_to(BOUND, now() + seconds);
    printf("{\"n\":%d,\"logged_in\":%d,\"logins_s\":%.0f,"
           "\"login_cpu_us\":%.1f",
           n_clients, done, done / (now() - t0),
           (server_cpu(pid) - cpu) * 1e6 / done);
    goal = READY;
    n_at_goal = 0;
    n_clients = done;
    cpu = server_cpu(pid);
    t0 = now();
    end = t0 + seconds;
    for (int i = 0; i < n_clients && now() < end; i++) {
        subscribe(&clients[i]);
        while (n_at_goal <= i - AT_ONCE) {
            turn(false);
        }
        if (mark < 3 && n_at_goal >= marks[mark] * 4 / 5 && last == 0) {
            last = now();
            at_last = n_at_goal;
        }
        if (mark < 3 && last != 0 &&
            (n_at_goal >= marks[mark] || i == n_clients - 1)) {
            rate[mark++] = (n_at_goal - at_last) / (now() - last);
            last = 0;
        }
    }
    while (n_at_goal < n_clients && now() < end) {
        turn(false);
    }
    printf(",\"subscribed\":%d,\"subscribes_s\":%.0f,\"at_1k\":%.0f,"
           "\"at_5k\":%.0f,\"at_n\":%.0f,\"subscribe_cpu_us\":%.1f}\n",
           n_at_goal, n_at_goal / (now() - t0), rate[0], rate[1], rate[2],
           (server_cpu(pid) - cpu) * 1e6 / (n_at_goal ? n_at_goal : 1));
}

int
main(int argc, char **argv)
{
    bool fan = argc > 1 && strcmp(argv[1], "fanout") == 0;

    if (argc != (fan ? 12 : 10)) {
        fprintf(stderr, "usage: crowd fanout|grow PID tcp|ws PORT PATH DOMAIN "
                        "SERVICE N (SIZE ITEMS PUBLISHER | SECONDS)\n");
        return 2;
    }
    websocket = strcmp(argv[3], "ws") == 0;
    port = argv[4];
    path = argv[5];
    domain = argv[6];
    service = argv[7];
    n_clients = (int)strtol(argv[8], NULL, 10);
    clients = cnc__zalloc((size_t)n_clients * sizeof(*clients));
    loop = epoll_create1(0);
    if (fan) {
        fanout(argv + 9, argv[2]);
    } else {
        grow(argv + 9, argv[2]);
    }
    return 0;
}
