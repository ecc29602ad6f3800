/* SPDX-License-Identifier: MIT */
/*
 * multipart.c -- multipart/form-data (RFC 7578), as browsers write it and no
 * more: no preamble, no nesting, no transfer encodings, no folded headers.
 * What two readers could take for two things is refused.
 *
 *   --B CRLF (header CRLF)+ CRLF data CRLF --B CRLF ... CRLF --B-- [CRLF]
 *
 * Bytes go in as they come; nothing is held but a part's headers, and what
 * could be the beginning of a delimiter.
 *
 *   FIRST -> NEXT -> HEAD -> DATA -> NEXT ... -> END     any -> m->rc
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

/* All the lines of a part's headers, the empty one too. */
static bool
read_head(struct head *h, const char *s, size_t len)
{
    const char *end = s + len;
    for (size_t n = 0; n <= MAX_LINES; n++) {
        const char *eol = memmem(s, (size_t)(end - s), "\r\n", 2);
        if (eol == s) {
            return h->has_name;
        }
        if (eol == NULL || !read_line(h, s, eol)) {
            return false;
        }
        s = eol + 2;
    }
    return false;
}

/* -- the body --------------------------------------------------------------
 */

enum state { FIRST, NEXT, HEAD, DATA, END };

struct cnc__multipart {
    const struct cnc__multipart_events *events;
    void *priv;
    struct cnc__str delimiter, held;
    enum state state;
    size_t n_parts, max;
    int rc; /* not 0: nothing more is read */
};

struct cnc__multipart *
cnc__multipart_new(const char *type, size_t max,
                   const struct cnc__multipart_events *events, void *priv)
{
    struct cnc__str delimiter = CNC__STR;
    if (!cnc__multipart_is(type) || !read_boundary(&delimiter, type)) {
        cnc__str_fini(&delimiter);
        return NULL;
    }
    struct cnc__multipart *m = cnc__zalloc(sizeof(*m));
    *m = (struct cnc__multipart){events, priv, delimiter, CNC__STR,
                                 FIRST,  0,    max,       0};
    return m;
}

void
cnc__multipart_free(struct cnc__multipart **mp)
{
    struct cnc__multipart *m = *mp;
    if (m != NULL) {
        *mp = NULL;
        cnc__str_fini(&m->delimiter);
        cnc__wipe(m->held.data, m->held.cap);
        cnc__str_fini(&m->held);
        cnc__free(m);
    }
}

/* Each step takes what it can of the bytes, sets *used, and says whether the
 * next one may be tried. */

static bool
step_first(struct cnc__multipart *m, const char *s, size_t len, size_t *used)
{
    size_t n = m->delimiter.len - 2;
    size_t there = len < n ? len : n;
    if (memcmp(s, m->delimiter.data + 2, there) != 0) {
        m->rc = CNC_ESYNTAX;
    }
    if (m->rc != 0 || len < n) {
        return false;
    }
    *used = n;
    m->state = NEXT;
    return true;
}

static bool
step_next(struct cnc__multipart *m, const char *s, size_t len, size_t *used)
{
    if (len < 2) {
        return false;
    }
    *used = 2;
    if (memcmp(s, "--", 2) == 0) {
        m->state = END;
    } else if (memcmp(s, "\r\n", 2) != 0) {
        m->rc = CNC_ESYNTAX;
    } else if (m->n_parts++ == m->max) {
        m->rc = CNC_ELIMIT;
    } else {
        m->state = HEAD;
    }
    return m->rc == 0;
}

static bool
step_head(struct cnc__multipart *m, const char *s, size_t len, size_t *used)
{
    size_t room = len < MAX_HEAD ? len : MAX_HEAD;
    const char *end = memmem(s, room, "\r\n\r\n", 4);
    struct head h = {CNC__STR, CNC__STR, CNC__STR, false, false, false};
    if (end == NULL) {
        bool none = len >= 2 && memcmp(s, "\r\n", 2) == 0;
        m->rc = none || len >= MAX_HEAD ? CNC_ESYNTAX : 0;
        return false;
    }
    *used = (size_t)(end - s) + 4;
    if (read_head(&h, s, *used)) {
        struct cnc__multipart_part part = {
            h.name.data, h.has_filename ? cnc__str_c(&h.filename) : NULL,
            cnc__str_c(&h.type)};
        m->state = DATA;
        m->rc = m->events->begin(&part, m->priv);
    } else {
        m->rc = CNC_ESYNTAX;
    }
    cnc__str_fini(&h.name);
    cnc__str_fini(&h.filename);
    cnc__str_fini(&h.type);
    return m->rc == 0;
}

/* The last bytes may be the beginning of a delimiter. */
static size_t
surely_data(const struct cnc__multipart *m, const char *s, size_t len)
{
    size_t most = m->delimiter.len - 1 < len ? m->delimiter.len - 1 : len;
    for (size_t n = most; n > 0; n--) {
        if (memcmp(s + len - n, m->delimiter.data, n) == 0) {
            return len - n;
        }
    }
    return len;
}

static bool
step_data(struct cnc__multipart *m, const char *s, size_t len, size_t *used)
{
    const char *stop = memmem(s, len, m->delimiter.data, m->delimiter.len);
    size_t n = stop == NULL ? surely_data(m, s, len) : (size_t)(stop - s);
    *used = n;
    if (n > 0) {
        m->rc = m->events->data(s, n, m->priv);
    }
    if (m->rc != 0 || stop == NULL) {
        return false;
    }
    *used += m->delimiter.len;
    m->state = NEXT;
    m->rc = m->events->end(m->priv);
    return m->rc == 0;
}

/* Behind the last delimiter there may be an end of line, and nothing else. */
static bool
step_end(struct cnc__multipart *m, const char *s, size_t len)
{
    if (len > 2 || memcmp(s, "\r\n", len) != 0) {
        m->rc = CNC_ESYNTAX;
    }
    return false;
}

static bool
step(struct cnc__multipart *m, const char *s, size_t len, size_t *used)
{
    *used = 0;
    switch (m->state) {
    case FIRST:
        return step_first(m, s, len, used);
    case NEXT:
        return step_next(m, s, len, used);
    case HEAD:
        return step_head(m, s, len, used);
    case DATA:
        return step_data(m, s, len, used);
    case END:
        break;
    }
    return step_end(m, s, len);
}

int
cnc__multipart_feed(struct cnc__multipart *m, const char *data, size_t len)
{
    const char *s = data;
    size_t left = len, used;
    bool again = m->rc == 0 && len > 0;
    if (again && m->held.len > 0) {
        cnc__str_add(&m->held, data, len);
        s = m->held.data;
        left = m->held.len;
    }
    while (again) {
        again = step(m, s, left, &used);
        s += used;
        left -= used;
    }
    if (m->rc != 0) {
        cnc__str_clear(&m->held);
    } else if (m->held.len > 0) {
        cnc__str_drop(&m->held, m->held.len - left);
    } else if (left > 0) {
        cnc__str_add(&m->held, s, left);
    }
    return m->rc;
}

int
cnc__multipart_finish(struct cnc__multipart *m)
{
    if (m->rc == 0 &&
        (m->state != END || (m->held.len != 0 && m->held.len != 2))) {
        m->rc = CNC_ESYNTAX;
    }
    return m->rc;
}
