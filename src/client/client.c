/* SPDX-License-Identifier: MIT */
/*
 * client.c -- the link's other end: log in, ask, hear.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../base/str.h"
#include "../xml/write.h"
#include "../xmpp/errors.h"
#include "client.h"

#define CLIENT_MAGIC 0x434c4e54u
#define NS_PROGRESS  "http://concordance-xmpp.org/ns/progress"

struct waiting {
    struct cnc_element *stanza;
    struct waiting *next;
};

struct cnc__client {
    unsigned magic;
    int fd;
    struct cnc_parser *parser;
    char *domain; /* as the service's header says */
    char *jid;
    struct waiting *first, **end; /* what came and was not asked for yet */
    uint64_t n_iq;
    uint32_t wait_ms;
    int stop_fd;                                       /* or -1 */
    void (*on_progress)(const char *text, void *priv); /* or NULL */
    void *progress_priv;
    bool said;    /* our header: there is a stream to be ended */
    bool closed;  /* the service ended the stream */
    bool restart; /* a new header comes: the parser starts anew */
};

static int64_t
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* -- bytes --------------------------------------------------------------- */

static int
wait_for(struct cnc__client *c, short events, int64_t until_ms,
         struct cnc_error *err)
{
    struct pollfd p[2] = {{.fd = c->fd, .events = events},
                          {.fd = c->stop_fd, .events = POLLIN}};

    for (;;) {
        int64_t left = until_ms < 0 ? -1 : until_ms - now_ms();
        int n = poll(p, 2, until_ms < 0 ? -1 : left < 0 ? 0 : (int)left);

        if (n > 0 && p[1].revents != 0) {
            return cnc_error_set(err, CNC_ECLOSED, NULL, "it was stopped");
        }
        if (n > 0) {
            return 0;
        }
        if (n == 0) {
            return cnc_error_set(err, CNC_EAGAIN, NULL,
                                 "the service did not answer in time");
        }
        if (errno != EINTR) {
            return cnc_error_set(err, CNC_ESYS, NULL, "poll: %s",
                                 strerror(errno));
        }
    }
}

static int
send_all(struct cnc__client *c, const char *data, size_t len,
         struct cnc_error *err)
{
    int64_t until_ms = now_ms() + c->wait_ms;
    int rc;

    while (len > 0) {
        ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n >= 0) {
            data += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if ((rc = wait_for(c, POLLOUT, until_ms, err)) != 0) {
                return rc;
            }
        } else if (errno != EINTR) {
            return cnc_error_set(err, CNC_ECLOSED, NULL,
                                 "the service closed the connection: %s",
                                 strerror(errno));
        }
    }
    return 0;
}

static int
send_str(struct cnc__client *c, struct cnc__str *xml, struct cnc_error *err)
{
    int rc = send_all(c, xml->data, xml->len, err);

    cnc__str_fini(xml);
    return rc;
}

/* -- what comes in ------------------------------------------------------- */

static int
on_open(struct cnc_element *root, void *priv)
{
    struct cnc__client *c = priv;
    const char *from = cnc_element_attr(root, NULL, "from");

    cnc__free(c->domain);
    c->domain = cnc__strdup(from == NULL ? "" : from);
    return 0;
}

static int
on_stanza(struct cnc_element *e, void *priv)
{
    struct cnc__client *c = priv;
    struct waiting *w = cnc__zalloc(sizeof(*w));

    w->stanza = cnc_element_ref(e);
    *c->end = w;
    c->end = &w->next;
    /* After <success/> a new stream begins; the service waits for our header,
     * so nothing of it can stand behind in the same bytes. */
    c->restart = cnc_element_is(e, CNC__NS_SASL, "success");
    return c->restart ? CNC_ECLOSED : 0;
}

static int
on_close(void *priv)
{
    struct cnc__client *c = priv;

    c->closed = true;
    return CNC_ECLOSED;
}

/* One read's worth. */
static int
hear(struct cnc__client *c, int64_t until_ms, struct cnc_error *err)
{
    char bytes[16384];
    ssize_t n;
    int rc;

    if (c->closed) {
        return cnc_error_set(err, CNC_ECLOSED, NULL,
                             "the service closed the stream");
    }
    if ((rc = wait_for(c, POLLIN, until_ms, err)) != 0) {
        return rc;
    }
    n = recv(c->fd, bytes, sizeof(bytes), 0);
    if (n < 0 && errno == EINTR) {
        return 0;
    }
    if (n <= 0) {
        c->closed = true;
        return 0;
    }
    rc = cnc_parser_feed(c->parser, bytes, (size_t)n, err);
    if (c->restart) {
        c->restart = false;
        cnc_parser_reset(c->parser);
        return 0;
    }
    return c->closed ? 0 : rc;
}

static struct cnc_element *
take(struct cnc__client *c, struct waiting **at)
{
    struct waiting *w = *at;
    struct cnc_element *e = w->stanza;

    *at = w->next;
    if (c->end == &w->next) {
        c->end = at;
    }
    cnc__free(w);
    return e;
}

/* A stream error ends everything; its text is the reason. */
static int
stream_error(struct cnc__client *c, struct cnc_element *e,
             struct cnc_error *err)
{
    const struct cnc_element *condition =
        cnc_element_child(e, CNC__NS_STREAM_ERROR, NULL);
    const char *text = cnc_element_child_text(e, CNC__NS_STREAM_ERROR, "text");

    c->closed = true;
    if (cnc_element_is(condition, CNC__NS_STREAM_ERROR, "host-unknown")) {
        cnc_error_set(err, CNC_ECLOSED, NULL,
                      "the service does not have the domain that was asked "
                      "for: name one of its own (host-unknown)");
    } else {
        cnc_error_set(err, CNC_ECLOSED, NULL,
                      "the service ended the stream: %s%s%s",
                      condition == NULL ? "" : cnc_element_name(condition),
                      text[0] == '\0' ? "" : ": ", text);
    }
    cnc_element_unref(&e);
    return CNC_ECLOSED;
}

/* RFC 6120 8.2.3: a request must be answered. */
static void
write_answer(struct cnc__str *xml, const struct cnc__client *c,
             const struct cnc_element *iq)
{
    const char *from = cnc_element_attr(iq, NULL, "from");
    const char *id = cnc_element_attr(iq, NULL, "id");
    bool ping = cnc_element_child(iq, CNC__NS_PING, "ping") != NULL;

    cnc__xml_printf(xml, "<iq type='%s' id='%s' to='%s'",
                    ping ? "result" : "error", id == NULL ? "" : id,
                    from == NULL ? c->domain : from);
    if (ping) {
        cnc__str_puts(xml, "/>");
    } else {
        struct cnc_error none;

        cnc_error_set(&none, CNC_ENOENT, "service-unavailable",
                      "this client answers nothing but pings");
        cnc__str_putc(xml, '>');
        cnc__stanza_error_add(xml, &none);
        cnc__str_puts(xml, "</iq>");
    }
}

static int
answer(struct cnc__client *c, const struct cnc_element *iq,
       struct cnc_error *err)
{
    struct cnc__str xml = CNC__STR;

    write_answer(&xml, c, iq);
    return send_str(c, &xml, err);
}

static bool
is_request(const struct cnc_element *e)
{
    const char *type = cnc_element_attr(e, NULL, "type");

    return cnc_element_is(e, CNC__NS_CLIENT, "iq") && type != NULL &&
           (strcmp(type, "get") == 0 || strcmp(type, "set") == 0);
}

typedef bool want_f(const struct cnc_element *e, const char *id);

static bool
want_any(const struct cnc_element *e, const char *id)
{
    return true;
}

static bool want_answer(const struct cnc_element *e, const char *id);

static bool
is_progress(const struct cnc_element *e)
{
    return cnc_element_is(e, CNC__NS_CLIENT, "message") &&
           cnc_element_child(e, NS_PROGRESS, "progress") != NULL;
}

static void
tell_progress(struct cnc__client *c, const struct cnc_element *e)
{
    if (c->on_progress != NULL) {
        c->on_progress(cnc_element_child_text(e, NS_PROGRESS, "progress"),
                       c->progress_priv);
    }
}

/* The first element that is wanted, *new*; the others wait. */
static int
find(struct cnc__client *c, struct cnc_element **out, want_f *want,
     const char *id, int64_t until_ms, struct cnc_error *err)
{
    struct waiting **at = &c->first;
    int rc;

    for (;;) {
        while (*at != NULL) {
            struct cnc_element *e = (*at)->stanza;

            if (cnc_element_is(e, CNC__NS_STREAMS, "error")) {
                return stream_error(c, take(c, at), err);
            }
            if (want != want_any && is_request(e)) {
                e = take(c, at);
                rc = answer(c, e, err);
                cnc_element_unref(&e);
                if (rc != 0) {
                    return rc;
                }
            } else if (want(e, id)) {
                *out = take(c, at);
                return 0;
            } else if (want == want_answer && is_progress(e)) {
                e = take(c, at);
                tell_progress(c, e);
                until_ms = now_ms() + c->wait_ms;
                cnc_element_unref(&e);
            } else {
                at = &(*at)->next;
            }
        }
        if ((rc = hear(c, until_ms, err)) != 0) {
            return rc;
        }
    }
}

static bool
want_features(const struct cnc_element *e, const char *id)
{
    return cnc_element_is(e, CNC__NS_STREAMS, "features");
}

static bool
want_sasl(const struct cnc_element *e, const char *id)
{
    return cnc_element_is(e, CNC__NS_SASL, NULL);
}

static bool
want_answer(const struct cnc_element *e, const char *id)
{
    const char *got = cnc_element_attr(e, NULL, "id");

    return cnc_element_is(e, CNC__NS_CLIENT, "iq") && got != NULL &&
           strcmp(got, id) == 0;
}

static bool
want_event(const struct cnc_element *e, const char *id)
{
    return cnc_element_is(e, CNC__NS_CLIENT, "message") ||
           cnc_element_is(e, CNC__NS_CLIENT, "presence");
}

/* -- the beginning ------------------------------------------------------- */

static int
connect_to(struct cnc__client *c, const char *path, uint32_t wait_ms,
           struct cnc_error *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    /* A service that stands still takes no connections. */
    struct timeval wait = {.tv_sec = wait_ms / 1000,
                           .tv_usec = wait_ms % 1000 * 1000};

    if (strlen(path) >= sizeof(addr.sun_path)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "%s: a socket's path has at most %zu bytes", path,
                             sizeof(addr.sun_path) - 1);
    }
    memcpy(addr.sun_path, path, strlen(path) + 1);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        return cnc_error_set(err, CNC_ESYS, NULL, "socket: %s",
                             strerror(errno));
    }
    (void)!setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    if (connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)) == 0) {
        return 0;
    }
    switch (errno) {
    case EAGAIN:
        return cnc_error_set(err, CNC_EAGAIN, NULL,
                             "the service at %s takes no connection: it "
                             "stands still",
                             path);
    case ENOENT:
        return cnc_error_set(err, CNC_ESYS, NULL,
                             "no service at %s: start it, or say where its "
                             "socket is (--link, CONCORDANCE_LINK)",
                             path);
    case ECONNREFUSED:
        return cnc_error_set(err, CNC_ESYS, NULL,
                             "the service at %s has stopped: start it again",
                             path);
    case EACCES:
    case EPERM:
        return cnc_error_set(err, CNC_ESYS, NULL,
                             "no permission to open %s: become the "
                             "service's user, or one of the group of its "
                             "--socket-group",
                             path);
    default:
        return cnc_error_set(err, CNC_ESYS, NULL, "%s: %s", path,
                             strerror(errno));
    }
}

static int
say_header(struct cnc__client *c, int64_t until_ms, struct cnc_error *err)
{
    struct cnc__str xml = CNC__STR;
    struct cnc_element *features;
    int rc;

    c->said = true;
    cnc__str_puts(&xml, "<?xml version='1.0'?><stream:stream"
                        " xmlns='" CNC__NS_CLIENT
                        "' xmlns:stream='" CNC__NS_STREAMS "' version='1.0'");
    if (c->domain != NULL) {
        cnc__xml_printf(&xml, " to='%s'", c->domain);
    }
    cnc__str_putc(&xml, '>');
    if ((rc = send_str(c, &xml, err)) == 0 &&
        (rc = find(c, &features, want_features, NULL, until_ms, err)) == 0) {
        cnc_element_unref(&features);
    }
    return rc;
}

static int
authenticate(struct cnc__client *c, int64_t until_ms, struct cnc_error *err)
{
    static const char auth[] =
        "<auth xmlns='" CNC__NS_SASL "' mechanism='EXTERNAL'>=</auth>";
    struct cnc_element *e;
    int rc = send_all(c, auth, sizeof(auth) - 1, err);

    if (rc != 0 || (rc = find(c, &e, want_sasl, NULL, until_ms, err)) != 0) {
        return rc;
    }
    if (!cnc_element_is(e, CNC__NS_SASL, "success")) {
        const struct cnc_element *why = cnc_element_child(e, NULL, NULL);

        rc = cnc_error_set(err, CNC_EAUTH, "not-authorized",
                           "the service refused this user: %s",
                           why == NULL ? "" : cnc_element_name(why));
    }
    cnc_element_unref(&e);
    return rc;
}

static int
bind_resource(struct cnc__client *c, struct cnc_error *err)
{
    struct cnc_element *reply = NULL;
    const struct cnc_element *bind;
    int rc = cnc__client_iq(c, "set", "", "<bind xmlns='" CNC__NS_BIND "'/>",
                            &reply, err);

    if (rc != 0) {
        cnc_element_unref(&reply);
        return rc;
    }
    bind = cnc_element_child(reply, CNC__NS_BIND, "bind");
    c->jid = cnc__strdup(cnc_element_child_text(bind, CNC__NS_BIND, "jid"));
    cnc_element_unref(&reply);
    return 0;
}

int
cnc__client_open(struct cnc__client **out, const char *link_path,
                 const char *domain, struct cnc_error *err)
{
    static const struct cnc__client_how how = {.stop_fd = -1};

    return cnc__client_open_how(out, link_path, domain, &how, err);
}

int
cnc__client_open_how(struct cnc__client **out, const char *link_path,
                     const char *domain, const struct cnc__client_how *how,
                     struct cnc_error *err)
{
    static const struct cnc_parser_events events = {on_open, on_stanza,
                                                    on_close};
    struct cnc_xml_limits limits = {.size = sizeof(limits),
                                    .max_token = 64u << 20,
                                    .max_stanza = 256u << 20};
    struct cnc__client *c = cnc__zalloc(sizeof(*c));
    uint32_t wait_ms = how->wait_ms > 0 ? how->wait_ms : CNC__CLIENT_WAIT_MS;
    int64_t until_ms = now_ms() + wait_ms;
    int rc;

    c->magic = CLIENT_MAGIC;
    c->fd = -1;
    c->wait_ms = wait_ms;
    c->stop_fd = how->stop_fd;
    c->domain = domain == NULL ? NULL : cnc__strdup(domain);
    c->end = &c->first;
    c->parser = cnc_parser_new(CNC_PARSE_STREAM, 0, &limits, &events, c);
    if ((rc = connect_to(c, link_path, wait_ms, err)) != 0 ||
        (how->check != NULL &&
         (rc = how->check(c->fd, link_path, how->priv, err)) != 0) ||
        (rc = say_header(c, until_ms, err)) != 0 ||
        (rc = authenticate(c, until_ms, err)) != 0 ||
        (rc = say_header(c, until_ms, err)) != 0 ||
        (rc = bind_resource(c, err)) != 0) {
        cnc__client_close(&c);
        return rc;
    }
    c->stop_fd = -1;
    *out = c;
    return 0;
}

/* -- use ----------------------------------------------------------------- */

void
cnc__client_progress(struct cnc__client *c,
                     void (*f)(const char *text, void *priv), void *priv)
{
    CNC_OBJ_CHECK(c, CLIENT_MAGIC);
    c->on_progress = f;
    c->progress_priv = priv;
}

int
cnc__client_iq(struct cnc__client *c, const char *type, const char *to,
               const char *payload_xml, struct cnc_element **reply,
               struct cnc_error *err)
{
    struct cnc__str xml = CNC__STR;
    struct cnc_element *e;
    const char *got;
    char id[24];
    int rc;

    CNC_OBJ_CHECK(c, CLIENT_MAGIC);
    snprintf(id, sizeof(id), "c%llu", (unsigned long long)++c->n_iq);
    cnc__xml_printf(&xml, "<iq type='%s' id='%s'", type, id);
    to = to == NULL ? c->domain : to;
    if (to[0] != '\0') { /* "": none, for bind alone */
        cnc__xml_printf(&xml, " to='%s'", to);
    }
    cnc__xml_printf(&xml, ">%pR</iq>", payload_xml);
    if ((rc = send_str(c, &xml, err)) != 0 ||
        (rc = find(c, &e, want_answer, id, now_ms() + c->wait_ms, err)) != 0) {
        return rc;
    }
    got = cnc_element_attr(e, NULL, "type");
    if (got == NULL || strcmp(got, "result") != 0) {
        rc = cnc__stanza_error_read(err, e);
    }
    if (reply != NULL) {
        *reply = cnc_element_ref(e);
    }
    cnc_element_unref(&e);
    return rc;
}

int
cnc__client_next(struct cnc__client *c, struct cnc_element **out,
                 int timeout_ms, struct cnc_error *err)
{
    CNC_OBJ_CHECK(c, CLIENT_MAGIC);
    return find(c, out, want_event, NULL,
                timeout_ms < 0 ? -1 : now_ms() + timeout_ms, err);
}

int
cnc__client_any(struct cnc__client *c, struct cnc_element **out,
                int timeout_ms, struct cnc_error *err)
{
    CNC_OBJ_CHECK(c, CLIENT_MAGIC);
    return find(c, out, want_any, NULL,
                timeout_ms < 0 ? -1 : now_ms() + timeout_ms, err);
}

int
cnc__client_send(struct cnc__client *c, const char *xml, size_t len,
                 struct cnc_error *err)
{
    CNC_OBJ_CHECK(c, CLIENT_MAGIC);
    return send_all(c, xml, len, err);
}

bool
cnc__client_answer(struct cnc__client *c, const struct cnc_element *iq,
                   struct cnc__str *said, struct cnc_error *err)
{
    struct cnc__str xml = CNC__STR;

    if (!cnc__client_write_answer(c, iq, &xml)) {
        return false;
    }
    cnc__str_add(said, xml.data, xml.len);
    return send_str(c, &xml, err) == 0;
}

bool
cnc__client_write_answer(const struct cnc__client *c,
                         const struct cnc_element *iq, struct cnc__str *said)
{
    CNC_OBJ_CHECK(c, CLIENT_MAGIC);
    if (!is_request(iq)) {
        return false;
    }
    write_answer(said, c, iq);
    return true;
}

int
cnc__client_fd(const struct cnc__client *c)
{
    return c->fd;
}

const char *
cnc__client_domain(const struct cnc__client *c)
{
    return c->domain;
}

const char *
cnc__client_jid(const struct cnc__client *c)
{
    return c->jid;
}

void
cnc__client_forsake(struct cnc__client *c)
{
    close(c->fd);
}

void
cnc__client_close(struct cnc__client **cp)
{
    static const char end[] = "</stream:stream>";
    struct cnc__client *c = *cp;

    if (c == NULL) {
        return;
    }
    CNC_OBJ_CHECK(c, CLIENT_MAGIC);
    *cp = NULL;
    if (c->fd >= 0) {
        if (c->said && !c->closed) {
            /* A courtesy; if it does not fit, the close says it too. */
            (void)!send(c->fd, end, sizeof(end) - 1,
                        MSG_NOSIGNAL | MSG_DONTWAIT);
        }
        close(c->fd);
    }
    while (c->first != NULL) {
        struct cnc_element *e = take(c, &c->first);

        cnc_element_unref(&e);
    }
    cnc_parser_free(&c->parser);
    cnc__free(c->domain);
    cnc__free(c->jid);
    CNC_OBJ_FREE(c);
}
