/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <ifaddrs.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net-tests.h"

struct cnc__net_config wanted;
struct cnc__stream_env wanted_web;

static void
answer_text(struct cnc__http_request *r, int status, const char *text)
{
    struct cnc__http_response response = {
        .status = status,
        .content_type = "text/plain",
        .headers = "X-Test: yes\r\n",
        .body = text == NULL ? NULL : cnc_buf_new(text, strlen(text))};

    r->responder->respond(r->responder, &response);
    cnc_buf_unref(&response.body);
}

static void
answer_big(struct cnc__http_request *r, size_t len, char c)
{
    struct cnc__str text = CNC__STR;
    struct cnc__http_response response = {.status = 200};

    cnc__str_reserve(&text, len);
    for (size_t i = 0; i < len; i++) {
        cnc__str_putc(&text, c);
    }
    response.body = cnc_buf_new(text.data, len);
    cnc__str_fini(&text);
    r->responder->respond(r->responder, &response);
    cnc_buf_unref(&response.body);
}

static void
handle(struct cnc__http_request *r, void *priv)
{
    struct world *w = priv;

    w->n_calls++;
    if (strcmp(r->path, "/later") == 0) {
        w->later = r->responder;
    } else if (strcmp(r->path, "/big") == 0) {
        answer_big(r, 3 << 20, r->query[0] == '\0' ? 'b' : r->query[0]);
    } else if (strcmp(r->path, "/none") == 0) {
        answer_text(r, 304, NULL);
    } else if (strcmp(r->path, "/whole") == 0) {
        static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n"
                                   "\r\nbody";
        struct cnc__http_response response = {
            .whole = cnc_buf_new(text, sizeof(text) - 1),
            .head_len = sizeof(text) - 1 - 4};

        r->responder->respond(r->responder, &response);
        cnc_buf_unref(&response.whole);
    } else {
        static const char *const methods[] = {"GET", "HEAD", "POST", "OTHER"};
        struct cnc__str text = CNC__STR;

        cnc__str_printf(&text, "%s %s?%s %s %s %zu:%s", methods[r->method],
                        r->path, r->query, r->secure ? "secure" : "plain",
                        r->addr, r->body_len,
                        r->body_len < 100 ? r->body : "...");
        answer_text(r, 200, text.data);
        cnc__str_fini(&text);
    }
}

struct world *
make_world(void)
{
    struct world *w = cnc__zalloc(sizeof(*w));

    assert_int_equal(uv_loop_init(&w->loop), 0);
    w->router = cnc__router_new("example.org");
    w->web = wanted_web;
    w->web.router = w->router;
    w->web.mechanisms = CNC__SASL_ANONYMOUS;
#define OR(field, value) w->web.field = w->web.field ? w->web.field : (value)
    OR(max_before_auth, 10000);
    OR(max_stanza, 262144);
    OR(max_queue, 1 << 20);
    OR(auth_ms, 30000);
    OR(idle_ms, 60000);
#undef OR
    w->link = w->web;
    w->link.mechanisms = CNC__SASL_EXTERNAL;
    w->config = wanted;
    w->config.web = &w->web;
    w->config.link = &w->link;
    w->config.http = wanted.http == NULL ? handle : wanted.http;
    w->config.http_priv = w;
    w->net = cnc__net_new(&w->loop, &w->config);
    snprintf(w->dir, sizeof(w->dir), "/tmp/cnc-net-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    return w;
}

void
listen_on(struct world *w, const char *addr)
{
    struct cnc_error err = {0};

    if (cnc__net_listen(w->net, addr, NULL, NULL, &w->port, &err) != 0) {
        fail_msg("%s", err.text);
    }
    assert_int_not_equal(w->port, 0);
}

static void
on_closed(void *priv)
{
    *(bool *)priv = true;
}

static int
remove_one(const char *path, const struct stat *st, int flag,
           struct FTW *where)
{
    return remove(path);
}

void
close_world(struct world *w)
{
    uint64_t deadline = in_ms(LIMIT);

    cnc__net_close(w->net, on_closed, &w->closed);
    while (!w->closed) {
        assert_true(turn(w, -1, deadline));
    }
}

void
end_world(struct world *w)
{
    if (!w->closed) {
        close_world(w);
    }
    cnc__net_free(&w->net);
    assert_null(w->net);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    cnc__router_free(&w->router);
    assert_int_equal(nftw(w->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    cnc__free(w);
}

int
teardown(void **state)
{
    memset(&wanted, 0, sizeof(wanted));
    memset(&wanted_web, 0, sizeof(wanted_web));
    return 0;
}

struct cnc__net_stats
stats(struct world *w)
{
    struct cnc__net_stats s;

    cnc__net_stats(w->net, &s);
    return s;
}

const char *
in_dir(struct world *w, const char *name)
{
    static char path[128];

    snprintf(path, sizeof(path), "%s/%s", w->dir, name);
    return path;
}

/* -- waiting ------------------------------------------------------------- */

static uint64_t
now_ms(void)
{
    return uv_hrtime() / 1000000;
}

uint64_t
in_ms(unsigned ms)
{
    return now_ms() + ms;
}

bool
turn(struct world *w, int fd, uint64_t deadline_ms)
{
    struct pollfd fds[2] = {{uv_backend_fd(&w->loop), POLLIN, 0},
                            {fd, POLLIN, 0}};
    uint64_t now;
    int wait;

    uv_run(&w->loop, UV_RUN_NOWAIT);
    now = now_ms();
    wait = uv_backend_timeout(&w->loop);
    if (now >= deadline_ms) {
        return false;
    }
    if (wait < 0 || (uint64_t)wait > deadline_ms - now) {
        wait = (int)(deadline_ms - now);
    }
    if (uv_loop_alive(&w->loop)) {
        poll(fds, fd >= 0 ? 2 : 1, wait);
    }
    return true;
}

/* -- clients ------------------------------------------------------------- */

int
dial_to(struct world *w, const char *host)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)w->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(inet_pton(AF_INET, host, &to.sin_addr), 1);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

int
dial(struct world *w)
{
    return dial_to(w, "127.0.0.1");
}

void
say_bytes(struct world *w, int fd, const void *data, size_t len)
{
    uint64_t deadline = in_ms(LIMIT);
    const char *p = data;

    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

        if (n > 0) {
            p += n;
            len -= (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            assert_true(turn(w, -1, deadline));
        } else {
            return; /* the service has closed: the answer will tell */
        }
    }
}

void
say(struct world *w, int fd, const char *text)
{
    say_bytes(w, fd, text, strlen(text));
}

/* True at the end of the stream. */
static bool
read_some(int fd, struct cnc__str *got)
{
    char buf[65536];
    ssize_t n;

    while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
        cnc__str_add(got, buf, (size_t)n);
    }
    return n == 0 || errno != EAGAIN;
}

void
expect(struct world *w, int fd, struct cnc__str *got, const char *text)
{
    uint64_t deadline = in_ms(LIMIT);
    bool end = false;

    for (;;) {
        if (text != NULL && got->len > 0 &&
            memmem(got->data, got->len, text, strlen(text)) != NULL) {
            return;
        }
        if (end) {
            break;
        }
        if (!turn(w, fd, deadline)) {
            fail_msg("\"%s\" did not come; this did: %.500s",
                     text == NULL ? "the end" : text, cnc__str_c(got));
        }
        end = read_some(fd, got);
    }
    if (text != NULL) {
        fail_msg("\"%s\" did not come before the end: %.500s", text,
                 cnc__str_c(got));
    }
}

void
expect_end(struct world *w, int fd, struct cnc__str *got)
{
    expect(w, fd, got, NULL);
}

void
ask(struct world *w, const char *text, const char *start)
{
    struct cnc__str got = CNC__STR;
    int fd = dial(w);

    say(w, fd, text);
    expect_end(w, fd, &got);
    if (strncmp(cnc__str_c(&got), start, strlen(start)) != 0) {
        fail_msg("asked %.200s\ngot %.300s", text, cnc__str_c(&got));
    }
    cnc__str_fini(&got);
    close(fd);
}

bool
own_address(char out[64])
{
    struct ifaddrs *list, *i;
    bool found = false;

    if (getifaddrs(&list) != 0) {
        return false;
    }
    for (i = list; i != NULL && !found; i = i->ifa_next) {
        const struct sockaddr_in *in = (const void *)i->ifa_addr;

        found = in != NULL && in->sin_family == AF_INET &&
                ntohl(in->sin_addr.s_addr) >> 24 != 127 &&
                inet_ntop(AF_INET, &in->sin_addr, out, 64) != NULL;
    }
    freeifaddrs(list);
    return found;
}

/* -- WebSocket ----------------------------------------------------------- */

const char ws_request[] = "GET /xmpp HTTP/1.1\r\n"
                          "Host: example.org\r\n"
                          "Origin: http://example.org\r\n"
                          "Connection: keep-alive, Upgrade\r\n"
                          "Upgrade: websocket\r\n"
                          "Sec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                          "Sec-WebSocket-Protocol: chat, xmpp\r\n\r\n";

void
ws_say(struct world *w, int fd, const char *xml)
{
    struct cnc__str frame = CNC__STR;

    cnc__ws_add_masked(&frame, CNC__WS_TEXT, xml, strlen(xml));
    say_bytes(w, fd, frame.data, frame.len);
    cnc__str_fini(&frame);
}

#define OPEN                                                                  \
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' version='1.0' "        \
    "to='example.org'/>"

int
ws_dial(struct world *w, struct cnc__str *got)
{
    int fd = dial(w);

    say(w, fd, ws_request);
    ws_say(w, fd, OPEN); /* at once: nothing says it must wait */
    expect(w, fd, got, "features>");
    return fd;
}

int
ws_login(struct world *w)
{
    struct cnc__str got = CNC__STR;
    int fd = ws_dial(w, &got);

    cnc__str_clear(&got);
    ws_say(w, fd,
           "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
           "mechanism='ANONYMOUS'/>");
    expect(w, fd, &got, "<success");
    cnc__str_clear(&got);
    ws_say(w, fd, OPEN);
    expect(w, fd, &got, "features>");
    ws_say(w, fd,
           "<iq xmlns='jabber:client' type='set' id='b1'>"
           "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    expect(w, fd, &got, "<jid>");
    cnc__str_fini(&got);
    return fd;
}
