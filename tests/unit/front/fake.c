/* SPDX-License-Identifier: MIT */
/*
 * fake.c -- a service without pages, apps or a store.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../../src/base/text.h"
#include "../../../src/xmpp/errors.h"
#include "fake.h"

#define NS_PUBSUB "http://jabber.org/protocol/pubsub"

/* -- saying ---------------------------------------------------------------
 */

/* A front that does not read is not waited for longer than this. */
static void
put(struct fake_conn *c, const char *data, size_t len)
{
    while (c->fd >= 0 && len > 0) {
        ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);

        if (n <= 0) {
            break;
        }
        data += n;
        len -= (size_t)n;
    }
}

void
fake_say(struct fake_conn *c, const char *fmt, ...)
{
    struct cnc__str s = CNC__STR;
    va_list ap;

    va_start(ap, fmt);
    cnc__xml_vprintf(&s, fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&c->fake->lock);
    put(c, s.data, s.len);
    pthread_mutex_unlock(&c->fake->lock);
    cnc__str_fini(&s);
}

static void
answer_iq(struct fake_conn *c, const struct cnc_element *iq,
          const char *payload)
{
    fake_say(c, "<iq type='result' id='%s' from='" FAKE_DOMAIN "'>%pR</iq>",
             cnc_element_attr(iq, NULL, "id"), payload);
}

void
fake_answer(struct fake_conn *c, const struct cnc_element *iq, int status,
            const char *headers, const char *more)
{
    struct cnc__str s = CNC__STR;

    cnc__xml_printf(&s,
                    "<resp xmlns='" CNC__NS_HTTP "' version='1.1' "
                    "statusCode='%d'><headers xmlns='" CNC__NS_SHIM "'>",
                    status);
    for (const char *h = headers; *h != '\0'; h += strcspn(h, "\n") + 1) {
        size_t n = strcspn(h, ":"), len = strcspn(h, "\n");

        char *name = cnc__strndup(h, n);
        char *value = cnc__strndup(h + n + 2, len - n - 2);

        cnc__xml_printf(&s, "<header name='%s'>%s</header>", name, value);
        cnc__free(name);
        cnc__free(value);
    }
    cnc__xml_printf(&s, "</headers>%pR</resp>", more);
    answer_iq(c, iq, s.data);
    cnc__str_fini(&s);
}

void
fake_page(struct fake_conn *c, const struct cnc_element *iq, const char *key,
          const char *etag, const char *html)
{
    struct cnc__str more = CNC__STR, headers = CNC__STR;

    cnc__str_printf(&headers,
                    "Content-Type: text/html; charset=utf-8\nETag: \"%s\"\n"
                    "Cache-Control: no-cache\nContent-Length: %zu\n"
                    "Vary: Accept-Encoding%s\n",
                    etag, strlen(html),
                    c->fake->varies ? ", Accept-Language, Cookie" : "");
    cnc__str_puts(&more, "<data><base64>");
    cnc__base64_encode(&more, html, strlen(html));
    cnc__xml_printf(&more,
                    "</base64></data><kept xmlns='" CNC__NS_WEB
                    "' key='%s' etag='%s' personal='false'/>",
                    key, etag);
    fake_answer(c, iq, 200, headers.data, more.data);
    cnc__str_fini(&more);
    cnc__str_fini(&headers);
}

static void
write_item(struct cnc__str *out, const char *key, const char *etag)
{
    cnc__xml_printf(out,
                    "<item id='%s'><page xmlns='" CNC__NS_WEB
                    "' path='%s' lang='en' etag='%s' position='a.1'/></item>",
                    key, key, etag);
}

void
fake_publish(struct fake *f, const char *key, const char *etag)
{
    struct cnc__str s = CNC__STR;

    if (etag != NULL) {
        write_item(&s, key, etag);
    } else {
        cnc__xml_printf(&s, "<retract id='%s'/>", key);
    }
    pthread_mutex_lock(&f->lock);
    cnc__free(etag != NULL ? cnc__table_put(f->pages, key, cnc__strdup(etag))
                           : cnc__table_del(f->pages, key));
    pthread_mutex_unlock(&f->lock);
    for (size_t i = 0; i < FAKE_CONNS; i++) {
        if (f->conns[i].subscribed) {
            fake_say(&f->conns[i],
                     "<message from='" FAKE_DOMAIN "' type='headline'>"
                     "<event xmlns='" NS_PUBSUB "#event'>"
                     "<items node='service/pages'>%pR</items></event>"
                     "</message>",
                     s.data);
        }
    }
    cnc__str_fini(&s);
}

/* -- hearing --------------------------------------------------------------
 */

static void
count(struct fake *f, unsigned *n)
{
    pthread_mutex_lock(&f->lock);
    (*n)++;
    pthread_cond_broadcast(&f->happened);
    pthread_mutex_unlock(&f->lock);
}

void
fake_wait(struct fake *f, const unsigned *n, unsigned many)
{
    struct timespec t;
    int rc = 0;

    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += 20;
    pthread_mutex_lock(&f->lock);
    while (*n < many && rc == 0) {
        rc = pthread_cond_timedwait(&f->happened, &f->lock, &t);
    }
    pthread_mutex_unlock(&f->lock);
    assert_int_equal(rc, 0);
}

static void
refuse(struct fake_conn *c, const struct cnc_element *iq,
       const char *condition)
{
    fake_say(c,
             "<iq type='error' id='%s' from='" FAKE_DOMAIN "'><error "
             "type='cancel'><%pR xmlns='" CNC__NS_STANZA_ERROR "'/></error>"
             "</iq>",
             cnc_element_attr(iq, NULL, "id"), condition);
}

static void
on_pubsub(struct fake_conn *c, const struct cnc_element *iq,
          const struct cnc_element *pubsub)
{
    struct fake *f = c->fake;
    struct cnc__str s = CNC__STR;

    if (f->no_pages) {
        refuse(c, iq, "forbidden");
        return;
    }
    if (cnc_element_child(pubsub, NULL, "subscribe") != NULL) {
        c->subscribed = true;
        answer_iq(c, iq, "");
        return;
    }
    cnc__str_puts(&s, "<pubsub xmlns='" NS_PUBSUB
                      "'><items node='service/pages'>");
    pthread_mutex_lock(&f->lock);
    for (struct cnc__table_iter i = {0}; cnc__table_next(f->pages, &i);) {
        write_item(&s, i.key, i.value);
    }
    pthread_mutex_unlock(&f->lock);
    cnc__str_puts(&s, "</items></pubsub>");
    answer_iq(c, iq, s.data);
    cnc__str_fini(&s);
}

static void
on_iq(struct fake_conn *c, struct cnc_element *e)
{
    struct fake *f = c->fake;
    const char *type = cnc_element_attr(e, NULL, "type");
    const struct cnc_element *child = cnc_element_child(e, NULL, NULL);

    if (cnc_element_is(child, CNC__NS_BIND, "bind")) {
        answer_iq(c, e,
                  "<bind xmlns='" CNC__NS_BIND "'><jid>web@" FAKE_DOMAIN
                  "/1</jid></bind>");
        count(f, &f->n_logins);
    } else if (cnc_element_is(child, CNC__NS_PING, "ping")) {
        answer_iq(c, e, "");
        count(f, &f->n_pings);
    } else if (cnc_element_is(child, NS_PUBSUB, "pubsub")) {
        on_pubsub(c, e, child);
    } else if (cnc_element_is(child, CNC__NS_HTTP, "req")) {
        f->on_request(f, c, e, f->priv);
        count(f, &f->n_requests);
    } else if ((f->on_iq == NULL || !f->on_iq(f, c, e, f->priv)) &&
               (strcmp(type, "get") == 0 || strcmp(type, "set") == 0)) {
        refuse(c, e, "service-unavailable");
    }
}

static int
on_open(struct cnc_element *root, void *priv)
{
    struct fake_conn *c = priv;

    fake_say(c,
             "<?xml version='1.0'?><stream:stream xmlns='" CNC__NS_CLIENT
             "' xmlns:stream='" CNC__NS_STREAMS "' from='" FAKE_DOMAIN
             "' id='x' version='1.0'><stream:features>%pR</stream:features>",
             c->authenticated
                 ? "<bind xmlns='" CNC__NS_BIND "'/>"
                 : "<mechanisms xmlns='" CNC__NS_SASL
                   "'><mechanism>EXTERNAL</mechanism></mechanisms>");
    return 0;
}

static int
on_stanza(struct cnc_element *e, void *priv)
{
    struct fake_conn *c = priv;
    bool mute;

    pthread_mutex_lock(&c->fake->lock);
    mute = c->fake->mute;
    pthread_mutex_unlock(&c->fake->lock);
    if (mute) {
        return 0;
    }
    if (cnc_element_is(e, CNC__NS_SASL, "auth")) {
        fake_say(c, "<success xmlns='" CNC__NS_SASL "'/>");
        c->authenticated = c->restart = true;
        return CNC_ECLOSED;
    }
    if (cnc_element_is(e, CNC__NS_CLIENT, "iq")) {
        on_iq(c, e);
    }
    return 0;
}

static int
on_close(void *priv)
{
    return CNC_ECLOSED;
}

/* -- the thread -----------------------------------------------------------
 */

static void
end_conn(struct fake_conn *c)
{
    pthread_mutex_lock(&c->fake->lock);
    close(c->fd);
    c->fd = -1;
    c->authenticated = c->subscribed = false;
    pthread_mutex_unlock(&c->fake->lock);
    cnc_parser_free(&c->parser);
}

static void
take_conn(struct fake *f)
{
    static const struct cnc_parser_events events = {on_open, on_stanza,
                                                    on_close};
    int fd = accept(f->listener, NULL, NULL);

    for (size_t i = 0; i < FAKE_CONNS && fd >= 0; i++) {
        struct fake_conn *c = &f->conns[i];

        if (c->fd < 0) {
            c->fake = f;
            c->parser = cnc_parser_new(CNC_PARSE_STREAM, 0, NULL, &events, c);
            pthread_mutex_lock(&f->lock);
            c->fd = fd;
            pthread_mutex_unlock(&f->lock);
            return;
        }
    }
    close(fd);
}

static void
hear(struct fake_conn *c)
{
    char bytes[65536];
    ssize_t n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    struct cnc_error err;

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0 || (cnc_parser_feed(c->parser, bytes, (size_t)n, &err) != 0 &&
                   !c->restart)) {
        end_conn(c);
    } else if (c->restart) {
        c->restart = false;
        cnc_parser_reset(c->parser);
    }
}

static void *
run(void *arg)
{
    struct fake *f = arg;

    for (;;) {
        struct pollfd p[FAKE_CONNS + 2] = {
            {.fd = f->wake, .events = POLLIN},
            {.fd = f->listener, .events = POLLIN}};
        uint64_t n;
        bool stop;

        for (size_t i = 0; i < FAKE_CONNS; i++) {
            p[i + 2] = (struct pollfd){.fd = f->conns[i].fd, .events = POLLIN};
        }
        poll(p, FAKE_CONNS + 2, -1);
        (void)!read(f->wake, &n, sizeof(n));
        pthread_mutex_lock(&f->lock);
        stop = f->stop;
        pthread_mutex_unlock(&f->lock);
        if (stop) {
            return NULL;
        }
        if (p[1].revents != 0) {
            take_conn(f);
        }
        for (size_t i = 0; i < FAKE_CONNS; i++) {
            if (p[i + 2].fd >= 0 && p[i + 2].revents != 0) {
                hear(&f->conns[i]);
            }
        }
    }
}

/* -- life -----------------------------------------------------------------
 */

void
fake_init(struct fake *f)
{
    char dir[] = "/tmp/front-XXXXXX";

    memset(f, 0, sizeof(*f));
    assert_non_null(mkdtemp(dir));
    snprintf(f->path, sizeof(f->path), "%s/link", dir);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->happened, NULL);
    f->pages = cnc__table_new();
    f->listener = -1;
    for (size_t i = 0; i < FAKE_CONNS; i++) {
        f->conns[i].fd = -1;
    }
}

void
fake_start(struct fake *f)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    memcpy(addr.sun_path, f->path, sizeof(f->path));
    f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&addr, sizeof(addr)),
                     0);
    assert_int_equal(listen(f->listener, 16), 0);
    f->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    f->stop = false;
    f->running = true;
    assert_int_equal(pthread_create(&f->thread, NULL, run, f), 0);
}

void
fake_stop(struct fake *f)
{
    uint64_t one = 1;

    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_mutex_unlock(&f->lock);
    assert_int_equal(write(f->wake, &one, sizeof(one)), sizeof(one));
    pthread_join(f->thread, NULL);
    f->running = false;
    unlink(f->path);
    close(f->listener);
    close(f->wake);
    for (size_t i = 0; i < FAKE_CONNS; i++) {
        if (f->conns[i].fd >= 0) {
            end_conn(&f->conns[i]);
        }
    }
}

void
fake_break(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < FAKE_CONNS; i++) {
        if (f->conns[i].fd >= 0) {
            shutdown(f->conns[i].fd, SHUT_RDWR);
        }
    }
    pthread_mutex_unlock(&f->lock);
}

void
fake_fini(struct fake *f)
{
    if (f->running) {
        fake_stop(f);
    }
    cnc__table_free(&f->pages, cnc__free);
    *strrchr(f->path, '/') = '\0';
    rmdir(f->path);
    pthread_cond_destroy(&f->happened);
    pthread_mutex_destroy(&f->lock);
}
