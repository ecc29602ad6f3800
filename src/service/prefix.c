/* SPDX-License-Identifier: MIT */
/*
 * prefix.c -- a domain below a path of its site (--prefix /books): beside an
 * application that is there already, behind a location of a web server, or as
 * a script of it.
 *
 *   request   /books/by/Austen -> /by/Austen      here, before anybody looks
 *   answer    /by/Austen -> /books/by/Austen      where it leaves: attributes
 *             of pages (src/render/allow.c), the <head> of a page, Location,
 *             Path of cookies (src/web), links in messages and addresses of
 *             files (cnc__service_url)
 *
 * All between, templates and apps and names of nodes, knows no prefix, so that
 * it may change, or go, without any of them.  /.well-known is the site's own:
 * what is asked for there is answered where a web server passes it on.
 */
#include "private.h"

#define MAX_PREFIX 200u
#define LOG_MS     60000u

bool
cnc__is_prefix(const char *s)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789-._~";
    size_t len = strlen(s);

    if (len > MAX_PREFIX || s[0] != '/') {
        return false;
    }
    while (*s == '/') {
        size_t n = strspn(++s, good);

        if (n == 0 || s[0] == '.') {
            return false; /* nothing, "..", ".well-known" */
        }
        s += n;
    }
    return *s == '\0';
}

const char *
cnc__prefix(const struct cnc_service *s)
{
    return s->o.prefix == NULL ? "" : s->o.prefix;
}

bool
cnc__prefix_has(const struct cnc_service *s, const char *path)
{
    const char *prefix = cnc__prefix(s);
    size_t n = strlen(prefix);

    return strncmp(path, prefix, n) == 0 &&
           (path[n] == '/' || path[n] == '\0');
}

const char *
cnc__prefix_skip(const struct cnc_service *s, const char *path)
{
    size_t n = strlen(cnc__prefix(s));

    return cnc__prefix_has(s, path) && path[n] == '/' ? path + n : path;
}

void
cnc__prefix_place(struct cnc_service *s, struct cnc__http_request *r)
{
    size_t n = strlen(cnc__prefix(s));

    if (r->place != CNC__HTTP_UNPLACED) {
        return;
    }
    r->site = s;
    if (cnc__prefix_has(s, r->path) && r->path[n] == '/') {
        r->place = CNC__HTTP_PLACED;
        r->path += n;
    } else {
        r->place = CNC__HTTP_OUTSIDE;
    }
}

/* "/books" is "/books/". */
static void
send_below(struct cnc_service *s, struct cnc__http_request *r)
{
    struct cnc__http_response out = {.status = 308};
    struct cnc__str lines = CNC__STR;

    cnc__str_printf(&lines, "Location: %s/%s%s\r\n", cnc__prefix(s),
                    r->query[0] == '\0' ? "" : "?", r->query);
    out.headers = lines.data;
    r->responder->respond(r->responder, &out);
    cnc__str_fini(&lines);
}

static void
say_where(struct cnc_service *s, struct cnc__http_request *r)
{
    struct cnc__http_response out = {
        .status = 404, .content_type = "text/plain; charset=utf-8"};
    struct cnc__str text = CNC__STR;
    struct cnc_buf *body;

    cnc__str_printf(&text,
                    "404 Not Found: all addresses of %s begin with %s/ here, "
                    "and this one does not.  A web server in front must pass "
                    "the whole path on.\n",
                    cnc__router_domain(s->router), cnc__prefix(s));
    body = out.body = cnc_buf_new(text.data, text.len);
    r->responder->respond(r->responder, &out);
    cnc_buf_unref(&body);
    cnc__str_fini(&text);
}

void
cnc__prefix_refuse(struct cnc_service *s, struct cnc__http_request *r)
{
    uint64_t now = uv_now(&s->process->loop);

    if (strcmp(r->path, cnc__prefix(s)) == 0 &&
        (r->method == CNC__HTTP_GET || r->method == CNC__HTTP_HEAD)) {
        send_below(s, r);
        return;
    }
    /* A proxy that takes the prefix off does so with each request; of those
     * who look for holes there are many, too. */
    if (s->outside_ms == 0 || now - s->outside_ms >= LOG_MS) {
        s->outside_ms = now;
        cnc__log(CNC_LOG_WARN, "http.outside", "peer=%s path=%s prefix=%s",
                 r->addr, r->path, cnc__prefix(s));
    }
    say_where(s, r);
}
