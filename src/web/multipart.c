/* SPDX-License-Identifier: MIT */
/*
 * multipart.c -- multipart/form-data (RFC 7578), as browsers write it and no
 * more: no preamble, no nesting, no transfer encodings, no folded headers.
 * What two readers could take for two things is refused.
 *
 *   --B CRLF (header CRLF)+ CRLF data CRLF --B CRLF ... CRLF --B-- [CRLF]
 */
#include <strings.h>

#include "../base/text.h"
#include "web.h"

#define MAX_BOUNDARY 70   /* RFC 2046 5.1.1 */
#define MAX_HEAD     4096 /* bytes of one part's headers */
#define MAX_LINES    8
#define MULTIPART    "multipart/form-data"

bool
cnc__multipart_is(const char *type)
{
    size_t n = sizeof(MULTIPART) - 1;
    return type != NULL && strncasecmp(type, MULTIPART, n) == 0 &&
           (type[n] == '\0' || type[n] == ';' || type[n] == ' ');
}

static bool
is_boundary(const char *s, size_t len)
{
    static const char chars[] = "0123456789abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ'()+_,-./:=?";
    return len > 0 && len <= MAX_BOUNDARY && strspn(s, chars) >= len;
}

/* CRLF, two hyphens and the boundary; false: there is none, or two. */
static bool
read_boundary(struct cnc__str *out, const char *type)
{
    const char *s = type + sizeof(MULTIPART) - 1, *value = NULL;
    size_t len = 0;
    while (*s != '\0') {
        s += strspn(s, " \t;");
        size_t name = strcspn(s, "=; \t");
        const char *v = s + name + (s[name] == '=');
        size_t n = *v == '"' ? strcspn(v + 1, "\"") : strcspn(v, "; \t");
        bool quoted = *v == '"';
        if (quoted && v[n + 1] != '"') {
            return false;
        }
        if (name == 8 && strncasecmp(s, "boundary", 8) == 0) {
            if (value != NULL) {
                return false;
            }
            value = v + quoted;
            len = n;
        }
        s = v + n + 2 * quoted;
    }
    if (value == NULL || !is_boundary(value, len)) {
        return false;
    }
    cnc__str_puts(out, "\r\n--");
    cnc__str_add(out, value, len);
    return true;
}

/* -- a part's headers ------------------------------------------------------
 */

struct head {
    struct cnc__str name, filename, type;
    bool has_name, has_filename, has_type;
};

/* A quoted value: browsers write a quote, CR and LF as %22, %0D, %0A (HTML
 * 4.10.22.8), and a backslash as it is.  The end, or NULL. */
static const char *
quoted(struct cnc__str *out, const char *s, const char *end)
{
    if (s == end || *s++ != '"') {
        return NULL;
    }
    cnc__str_puts(out, "");
    for (; s < end && *s != '"'; s++) {
        int c = *s == '%' && end - s > 2 ? cnc__unhex(s + 1) : -1;
        bool escaped = c == '"' || c == '\r' || c == '\n';
        cnc__str_putc(out, escaped ? (char)c : *s);
        s += escaped ? 2 : 0;
    }
    return s < end && cnc__utf8_valid(out->data, out->len) ? s + 1 : NULL;
}

static bool
read_disposition(struct head *h, const char *s, const char *end)
{
    size_t n = sizeof("form-data") - 1;
    if (h->has_name || (size_t)(end - s) < n ||
        strncasecmp(s, "form-data", n) != 0) {
        return false;
    }
    for (s += n; s < end;) {
        struct cnc__str other = CNC__STR, *to = &other;
        if (*s++ != ';') {
            return false;
        }
        while (s < end && *s == ' ') {
            s++;
        }
        const char *eq = memchr(s, '=', (size_t)(end - s));
        n = eq == NULL ? 0 : (size_t)(eq - s);
        if (n == 4 && strncasecmp(s, "name", 4) == 0 && !h->has_name) {
            to = &h->name;
            h->has_name = true;
        } else if (n == 8 && strncasecmp(s, "filename", 8) == 0 &&
                   !h->has_filename) {
            to = &h->filename;
            h->has_filename = true;
        }
        /* Whatever else is said is one thing more that could differ. */
        s = n == 0 || to == &other ? NULL : quoted(to, eq + 1, end);
        cnc__str_fini(&other);
        if (s == NULL) {
            return false;
        }
    }
    return h->has_name && h->name.len > 0;
}

static bool
line_is(const char *s, const char *colon, const char *name)
{
    return (size_t)(colon - s) == strlen(name) &&
           strncasecmp(s, name, strlen(name)) == 0;
}

static bool
read_line(struct head *h, const char *s, const char *end)
{
    const char *colon = memchr(s, ':', (size_t)(end - s));
    if (colon == NULL || colon == s) {
        return false;
    }
    for (const char *c = s; c < end; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F) {
            return false;
        }
    }
    const char *v = colon + 1;
    while (v < end && *v == ' ') {
        v++;
    }
    if (line_is(s, colon, "content-disposition")) {
        return read_disposition(h, v, end);
    }
    if (line_is(s, colon, "content-type")) {
        if (h->has_type ||
            (end - v >= 10 && strncasecmp(v, "multipart/", 10) == 0)) {
            return false;
        }
        h->has_type = true;
        cnc__str_add(&h->type, v, (size_t)(end - v));
        return cnc__utf8_valid(h->type.data, h->type.len);
    }
    return !line_is(s, colon, "content-transfer-encoding");
}

/* Where the data begins, or NULL. */
static const char *
read_head(struct head *h, const char *s, const char *end)
{
    size_t room = (size_t)(end - s) < MAX_HEAD ? (size_t)(end - s) : MAX_HEAD;
    const char *stop = s + room;
    for (size_t n = 0; n <= MAX_LINES; n++) {
        const char *eol = memmem(s, (size_t)(stop - s), "\r\n", 2);
        if (eol == NULL) {
            return NULL;
        }
        if (eol == s) {
            return h->has_name ? s + 2 : NULL;
        }
        if (!read_line(h, s, eol)) {
            return NULL;
        }
        s = eol + 2;
    }
    return NULL;
}

/* -- the body --------------------------------------------------------------
 */

/* One part; *sp is behind its data then. */
static int
read_part(const char **sp, const char *end, const struct cnc__str *delimiter,
          cnc__multipart_f *f, void *priv)
{
    struct head h = {CNC__STR, CNC__STR, CNC__STR, false, false, false};
    const char *data = read_head(&h, *sp, end), *stop = NULL;
    int rc = CNC_ESYNTAX;
    if (data != NULL) {
        stop = memmem(data, (size_t)(end - data), delimiter->data,
                      delimiter->len);
    }
    if (stop != NULL) {
        struct cnc__multipart part = {
            h.name.data, h.has_filename ? cnc__str_c(&h.filename) : NULL,
            cnc__str_c(&h.type), data, (size_t)(stop - data)};
        *sp = stop;
        rc = f(&part, priv);
    }
    cnc__str_fini(&h.name);
    cnc__str_fini(&h.filename);
    cnc__str_fini(&h.type);
    return rc;
}

int
cnc__multipart_parse(const char *type, const char *body, size_t len,
                     size_t max, cnc__multipart_f *f, void *priv)
{
    struct cnc__str d = CNC__STR;
    const char *s = body, *end = body + len;
    int rc = CNC_ESYNTAX;
    if (!cnc__multipart_is(type) || !read_boundary(&d, type) ||
        len < d.len - 2 || memcmp(s, d.data + 2, d.len - 2) != 0) {
        cnc__str_fini(&d);
        return CNC_ESYNTAX;
    }
    s += d.len - 2;
    for (size_t n = 0;; n++) {
        size_t left = (size_t)(end - s);
        if (left >= 2 && memcmp(s, "--", 2) == 0) {
            rc = left == 2 || (left == 4 && memcmp(s + 2, "\r\n", 2) == 0)
                     ? 0
                     : CNC_ESYNTAX;
            break;
        }
        if (left < 2 || memcmp(s, "\r\n", 2) != 0) {
            break;
        }
        s += 2;
        rc = n == max ? CNC_ELIMIT : read_part(&s, end, &d, f, priv);
        if (rc != 0) {
            break;
        }
        rc = CNC_ESYNTAX;
        s += d.len;
    }
    cnc__str_fini(&d);
    return rc;
}
