/* SPDX-License-Identifier: MIT */
/*
 * target.c -- request targets and Host: whoever answers must never have to
 * wonder what a path means, so everything that could mean two things is
 * refused.
 */
#include <strings.h>

#include "../base/text.h"
#include "head.h"

static int
refuse(const char **why, const char *text)
{
    *why = text;
    return 400;
}

/* What a browser may leave unescaped in a path or query (the URL standard's
 * path percent-encode set, negated); a fragment is never sent. */
static bool
is_url_char(char c)
{
    return c > 0x20 && c < 0x7f && c != '#' && c != '"' && c != '<' &&
           c != '>';
}

/* Percent-decode a path; NULL when it is not one. */
static char *
decode_path(char *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = s[i];

        if (!is_url_char(c) || c == '\\') {
            return NULL;
        }
        if (c == '%') {
            int byte = len - i > 2 ? cnc__unhex(s + i + 1) : -1;

            if (byte < 0) {
                return NULL;
            }
            c = (char)byte;
            /* An escaped slash is a slash for some and text for others. */
            if ((unsigned char)c < 0x20 || c == 0x7f || c == '/' ||
                c == '\\') {
                return NULL;
            }
            i += 2;
        }
        *out++ = c;
    }
    return out;
}

/* No empty segment but the last, no "." and no "..". */
static bool
segments_are_plain(const char *path)
{
    for (const char *p = path; *p == '/';) {
        size_t n;

        p++;
        n = strcspn(p, "/");
        if ((n == 0 && *p == '/') || (n == 1 && p[0] == '.') ||
            (n == 2 && p[0] == '.' && p[1] == '.')) {
            return false;
        }
        p += n;
    }
    return true;
}

/* RFC 9112 3.2.2: "GET http://host/path" must be understood; a host other
 * than the header's is how two servers come to answer different questions. */
static int
skip_authority(const char **s, size_t *len, const char *host, const char **why)
{
    static const char *const schemes[] = {"http://", "https://"};
    const char *authority = NULL, *end = *s + *len;
    size_t n = 0;

    for (size_t i = 0; i < CNC_N(schemes); i++) {
        n = strlen(schemes[i]);
        if (*len > n && strncasecmp(*s, schemes[i], n) == 0) {
            authority = *s + n;
            break;
        }
    }
    if (authority == NULL) {
        return refuse(why, "the address is not a path");
    }
    for (n = 0;
         authority + n < end && authority[n] != '/' && authority[n] != '?';
         n++) {
    }
    if (n != strlen(host) || strncasecmp(authority, host, n) != 0) {
        return refuse(why, "the address and the Host header differ");
    }
    *s = authority + n;
    *len = (size_t)(end - *s);
    return 0;
}

int
cnc__http_target(struct cnc__http_request *r, struct cnc__str *text,
                 const char *host, const char *s, size_t len, const char **why)
{
    char *path = text->data + text->len, *end;
    const char *mark;

    if (len == 0) {
        return refuse(why, "the address is missing");
    }
    if (s[0] != '/' && skip_authority(&s, &len, host, why) != 0) {
        return 400;
    }
    mark = memchr(s, '?', len);
    if (mark == s || len == 0) { /* "http://host?query", "http://host" */
        path[0] = '/';
        end = path + 1;
    } else {
        end = decode_path(path, s, mark == NULL ? len : (size_t)(mark - s));
    }
    if (end == NULL) {
        return refuse(why, "the path is malformed");
    }
    *end = '\0';
    if (!cnc__utf8_valid(path, (size_t)(end - path))) {
        return refuse(why, "the path is not UTF-8");
    }
    if (!segments_are_plain(path)) {
        return refuse(why, "the path has empty or dot segments");
    }
    r->path = path;
    r->query = end; /* "" */
    if (mark != NULL) {
        size_t n = len - (size_t)(mark + 1 - s);

        for (size_t i = 0; i < n; i++) {
            if (!is_url_char(mark[1 + i])) {
                return refuse(why, "the query is malformed");
            }
        }
        r->query = end + 1;
        memcpy(end + 1, mark + 1, n);
        end += 1 + n;
        *end = '\0';
    }
    text->len = (size_t)(end + 1 - text->data);
    return 0;
}

bool
cnc__http_host_valid(const char *host)
{
    static const char name[] = "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const char *p = host;
    int64_t port;

    if (*p == '[') {
        size_t n = strspn(p + 1, "0123456789abcdefABCDEF:.");

        if (n < 2 || p[1 + n] != ']') {
            return false;
        }
        p += n + 2;
    } else {
        size_t n = strspn(p, name);

        if (n == 0 || n > 255) {
            return false;
        }
        p += n;
    }
    return *p == '\0' || (*p == ':' && cnc__parse_int(&port, p + 1, 0, 65535));
}
