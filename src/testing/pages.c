/* SPDX-License-Identifier: MIT */
/*
 * pages.c -- the test as a browser without JavaScript: requests one by one,
 * cookies, redirects.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "private.h"

#define MAX_REDIRECTS 10

/* -- the connection --------------------------------------------------------
 */

/* "127.0.0.1:8080" of the address: what stands between // and /. */
static char *
authority(const struct cnc_test *t)
{
    const char *from = strstr(t->url, "//");

    from = from == NULL ? t->url : from + 2;
    return cnc__strndup(from, strcspn(from, "/"));
}

static int
connect_to(struct cnc_test *t, const char *host)
{
    struct timeval limit = {.tv_sec = cnc__test_limit_ms() / 1000 + 1};
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    const char *colon = strrchr(host, ':');
    char *name = cnc__strndup(host, colon == NULL ? strlen(host)
                                                  : (size_t)(colon - host));
    int fd = -1, rc;

    rc = getaddrinfo(name, colon == NULL ? "80" : colon + 1, &hints, &found);
    cnc__free(name);
    if (rc == 0) {
        fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
        rc = connect(fd, found->ai_addr, found->ai_addrlen);
        freeaddrinfo(found);
    }
    if (rc != 0) {
        cnc__test_die(t, "cannot connect to %s: %s", host,
                      fd < 0 ? gai_strerror(rc) : strerror(errno));
    }
    return fd;
}

/* Everything up to the end of the answer. */
static void
talk(struct cnc_test *t, const char *host, const struct cnc__str *request,
     struct cnc__str *answer)
{
    int fd = connect_to(t, host);
    ssize_t n;

    for (size_t at = 0; at < request->len; at += (size_t)n) {
        n = send(fd, request->data + at, request->len - at, MSG_NOSIGNAL);
        if (n <= 0) {
            cnc__test_die(t, "sending %.60s: %s", request->data,
                          strerror(errno));
        }
    }
    do {
        cnc__str_reserve(answer, 16384);
        n = recv(fd, answer->data + answer->len, 16384, 0);
        answer->len += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    cnc__str_putc(answer, '\0');
    answer->len--;
    if (n < 0 || strncmp(answer->data, "HTTP/1.1 ", 9) != 0) {
        cnc__test_die(t, "no answer to %.60s: %s", request->data,
                      n < 0 ? strerror(errno) : "it is no HTTP");
    }
    close(fd);
}

/* -- cookies (RFC 6265), all for all paths ---------------------------------
 */

static void
set_cookie(struct cnc_test *t, const char *line, size_t len)
{
    size_t end = strcspn(line, ";\r\n");
    const char *eq = memchr(line, '=', end);
    struct cookie **at = &t->cookies, *c;
    char *text;
    bool gone;

    if (eq == NULL) {
        return;
    }
    text = cnc__strndup(line, len);
    gone = strcasestr(text, "; Max-Age=0") != NULL;
    cnc__free(text);
    while (*at != NULL && (strncmp((*at)->name, line, (size_t)(eq - line)) ||
                           strlen((*at)->name) != (size_t)(eq - line))) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        c = *at;
        *at = c->next;
        cnc__free(c->name);
        cnc__free(c->value);
        cnc__free(c);
    }
    if (!gone) {
        c = cnc__zalloc(sizeof(*c));
        c->name = cnc__strndup(line, (size_t)(eq - line));
        c->value = cnc__strndup(eq + 1, end - (size_t)(eq - line) - 1);
        c->next = t->cookies;
        t->cookies = c;
    }
}

static void
write_cookies(const struct cnc_test *t, struct cnc__str *out)
{
    for (const struct cookie *c = t->cookies; c != NULL; c = c->next) {
        cnc__str_printf(out, "%s%s=%s%s", c == t->cookies ? "Cookie: " : "; ",
                        c->name, c->value, c->next == NULL ? "\r\n" : "");
    }
}

/* -- one request -----------------------------------------------------------
 */

/* The value of the next header of that name at or after *at, to the end of
 * its line; or NULL. */
static const char *
header(const char **at, const char *name)
{
    size_t len = strlen(name);

    while ((*at = strstr(*at, "\r\n")) != NULL) {
        *at += 2;
        if (strncasecmp(*at, name, len) == 0 && (*at)[len] == ':') {
            const char *value = *at + len + 1;

            return value + strspn(value, " \t");
        }
    }
    return NULL;
}

static struct cnc_test_page *
request(struct cnc_test *t, const char *path, const struct cnc__str *body)
{
    struct cnc_test_page *page = cnc__arena_alloc(&t->arena, sizeof(*page));
    struct cnc__str out = CNC__STR, in = CNC__STR;
    char *host = authority(t);
    const char *at, *value, *end;

    cnc__str_printf(&out,
                    "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n",
                    body == NULL ? "GET" : "POST", path, host);
    write_cookies(t, &out);
    if (body != NULL) {
        cnc__str_printf(&out,
                        "Origin: http://%s\r\nContent-Type: "
                        "application/x-www-form-urlencoded\r\n"
                        "Content-Length: %zu\r\n",
                        host, body->len);
    }
    cnc__str_puts(&out, "\r\n");
    if (body != NULL) {
        cnc__str_add(&out, cnc__str_c(body), body->len);
    }
    talk(t, host, &out, &in);
    page->status = (int)strtol(in.data + 9, NULL, 10);
    end = strstr(in.data, "\r\n\r\n");
    end = end == NULL ? in.data + in.len : end + 4;
    page->head = cnc__test_keep(t, in.data, (size_t)(end - in.data));
    page->len = in.len - (size_t)(end - in.data);
    page->body = cnc__test_keep(t, end, page->len);
    page->path = cnc__test_keep(t, path, strlen(path));
    for (at = page->head; (value = header(&at, "Set-Cookie")) != NULL;) {
        set_cookie(t, value, strcspn(value, "\r\n"));
    }
    cnc__str_fini(&out);
    cnc__str_fini(&in);
    cnc__free(host);
    return page;
}

/* What comes after redirects, which are all to be got. */
static const struct cnc_test_page *
follow(struct cnc_test *t, struct cnc_test_page *page)
{
    for (int n = 0; page->status >= 301 && page->status <= 303; n++) {
        const char *at = page->head, *to = header(&at, "Location");

        if (to == NULL || n == MAX_REDIRECTS) {
            cnc__test_die(t, "%s leads nowhere", page->path);
        }
        if (strncmp(to, t->url, strlen(t->url)) == 0) {
            to += strlen(t->url) - 1;
        }
        if (to[0] != '/' || to[1] == '/') {
            return page; /* another site's */
        }
        page = request(t, cnc__test_keep(t, to, strcspn(to, "\r\n#")), NULL);
    }
    return page;
}

const struct cnc_test_page *
cnc_test_get(struct cnc_test *t, const char *path)
{
    return follow(t, request(t, path, NULL));
}

static void
put_encoded(struct cnc__str *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            (c >= '0' && c <= '9') || strchr("-._", c) != NULL) {
            cnc__str_putc(out, (char)c);
        } else {
            cnc__str_printf(out, "%%%02X", c);
        }
    }
}

const struct cnc_test_page *
cnc_test_post_fields(struct cnc_test *t, const char *path,
                     const char *const *fields)
{
    struct cnc__str body = CNC__STR;
    const struct cnc_test_page *page;

    for (size_t i = 0; fields[i] != NULL; i++) {
        const char *eq = strchr(fields[i], '=');

        if (eq == NULL) {
            cnc__test_die(t, "\"%s\" is no name=value", fields[i]);
        }
        cnc__str_puts(&body, i == 0 ? "" : "&");
        put_encoded(&body, fields[i], (size_t)(eq - fields[i]));
        cnc__str_putc(&body, '=');
        put_encoded(&body, eq + 1, strlen(eq + 1));
    }
    page = follow(t, request(t, path, &body));
    cnc__str_fini(&body);
    return page;
}

/* -- what comes later ------------------------------------------------------
 */

const struct cnc_test_page *
cnc_test_get_until(struct cnc_test *t, const char *path, const char *text)
{
    struct timespec now, start;
    const struct cnc_test_page *page;

    clock_gettime(CLOCK_MONOTONIC, &start);
    for (;;) {
        page = cnc_test_get(t, path);
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (strstr(page->body, text) != NULL) {
            return page;
        }
        if (now.tv_sec - start.tv_sec > cnc__test_limit_ms() / 1000) {
            cnc__test_die(t, "\"%s\" is not on %s, which is\n%s", text, path,
                          page->body);
        }
        /* Each look asks the service, which has its own work in between. */
        (void)usleep(2000);
    }
}
