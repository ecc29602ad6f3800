/* SPDX-License-Identifier: MIT */
/*
 * origin.c -- cross-site use of a WebSocket or a form is what the same-origin
 * policy does not stop (RFC 6455 10.2), so the server asks where a request is
 * from.
 */
#include <stdio.h>
#include <strings.h>

#include "head.h"

/* Length of the service's own origin at the start of url, 0 if it differs. */
static size_t
own_origin(const char *url, const char *host, bool secure)
{
    const char *scheme = secure ? "https://" : "http://";
    size_t n = strlen(scheme), host_len = strlen(host);

    if (host_len == 0 || strncasecmp(url, scheme, n) != 0 ||
        strncasecmp(url + n, host, host_len) != 0) {
        return 0;
    }
    return n + host_len;
}

bool
cnc__origin_allowed(const char *origin, const char *host, bool secure,
                    const char *const *list)
{
    size_t n = own_origin(origin, host, secure);

    if (n > 0 && origin[n] == '\0') {
        return true;
    }
    for (; list != NULL && *list != NULL; list++) {
        if (strcmp(origin, *list) == 0 && strcmp(origin, "null") != 0) {
            return true;
        }
    }
    return false;
}

/* Is the page at this URL of an allowed origin? */
static bool
url_allowed(const char *url, const char *host, bool secure,
            const char *const *list)
{
    const char *p = strstr(url, "://");
    char origin[300];
    int n;

    if (p == NULL) {
        return false;
    }
    p += 3 + strcspn(p + 3, "/?#");
    n = snprintf(origin, sizeof(origin), "%.*s", (int)(p - url), url);
    return n > 0 && (size_t)n < sizeof(origin) &&
           cnc__origin_allowed(origin, host, secure, list);
}

bool
cnc__origin_may_post(const struct cnc__http_request *r, const char *host,
                     bool secure, const char *const *list)
{
    const char *origin = cnc__http_header(r, "origin");
    const char *site = cnc__http_header(r, "sec-fetch-site");
    const char *referer = cnc__http_header(r, "referer");

    if (origin != NULL) {
        return cnc__origin_allowed(origin, host, secure, list);
    }
    if (site != NULL && strcmp(site, "same-origin") != 0 &&
        strcmp(site, "none") != 0) {
        return false;
    }
    return referer == NULL || url_allowed(referer, host, secure, list);
}

void
cnc__origin_tell(struct cnc__str *out, const struct cnc__http_request *r,
                 const char *host)
{
    const char *origin = cnc__http_header(r, "origin");

    if (origin == NULL) {
        origin = cnc__http_header(r, "referer");
    }
    cnc__str_printf(out,
                    "peer=%s path=%.100s origin=%.200s own=%s://%.200s it is "
                    "another site's, or a web server in front changes Host, "
                    "leaves its port out, or does not say X-Forwarded-Proto",
                    r->addr, r->path, origin == NULL ? "-" : origin,
                    r->secure ? "https" : "http", host);
}

int
cnc__origin_check(const struct cnc__http_request *r, const char *host,
                  const char *open, const char *const *list, const char **why)
{
    bool is_open = open != NULL && r->place != CNC__HTTP_OUTSIDE &&
                   strncmp(r->path, open, strlen(open)) == 0;

    if (r->method == CNC__HTTP_GET || r->method == CNC__HTTP_HEAD || is_open ||
        cnc__origin_may_post(r, host, r->secure, list)) {
        return 0;
    }
    *why = "this site does not take requests from there";
    return 403;
}
