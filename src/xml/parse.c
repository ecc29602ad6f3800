/* SPDX-License-Identifier: MIT */
/*
 * parse.c -- the parser's states, over bytes that lie in one piece.
 */
#include <stdio.h>

#include "../base/text.h"
#include "parser.h"

/* -- places and errors ---------------------------------------------------- */

void
cnc__parser_lines(struct cnc_parser *p, const char *from, const char *to)
{
    while ((from = memchr(from, '\n', (size_t)(to - from))) != NULL) {
        from++;
        p->line++;
        p->line_start = from;
        p->column0 = 0;
    }
}

enum cnc__tok
cnc__parser_fail(struct cnc_parser *p, const char *at, int code,
                 const char *condition, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    /* Of a tag that failed the lines were not counted yet. */
    cnc__parser_lines(p, p->line_start, at);
    cnc_error_set(p->err, code, condition, "%s", text);
    p->err->line = p->line;
    p->err->column = (unsigned)(p->column0 +
                                cnc__utf8_count(p->line_start,
                                                (size_t)(at - p->line_start)) +
                                1);
    return CNC__TOK_FAIL;
}

/* -- namespaces ----------------------------------------------------------- */

bool
cnc__parser_resolve(const struct cnc_parser *p, const char *prefix,
                    uint32_t len, uint32_t *prefix_at, uint32_t *ns)
{
    const char *base = p->s->build.base;
    if (len == 3 && memcmp(prefix, "xml", 3) == 0) {
        *prefix_at = CNC__KNOWN_XML_PREFIX;
        *ns = CNC__KNOWN_XML_NS;
        return true;
    }
    for (uint32_t i = p->s->n_binds; i-- > 0;) {
        const struct cnc__bind *b = &p->s->binds[i];
        if (b->len == len && memcmp(base + b->prefix, prefix, len) == 0) {
            *prefix_at = b->prefix;
            *ns = b->ns;
            return true;
        }
    }
    return false;
}

bool
cnc__parser_bind(struct cnc_parser *p, uint32_t prefix, uint32_t len,
                 uint32_t ns)
{
    struct cnc__scratch *s = p->s;
    if (s->n_binds == CNC__BINDS_CAP) {
        return false;
    }
    if (s->n_binds == s->cap_binds) {
        s->cap_binds = s->cap_binds == 0 ? 8 : s->cap_binds * 2;
        s->binds = cnc__realloc(s->binds, s->cap_binds, sizeof(*s->binds));
    }
    s->binds[s->n_binds++] = (struct cnc__bind){prefix, len, ns};
    return true;
}

/* -- tokens --------------------------------------------------------------- */

static enum cnc__tok
from_callback(struct cnc_parser *p, int rc)
{
    if (rc >= 0) {
        return CNC__TOK_OK;
    }
    /* The callback may have filled the caller's err itself. */
    if (p->err->code != rc) {
        cnc_error_set(p->err, rc, NULL, "%s", cnc_err_text(rc));
    }
    return CNC__TOK_FAIL;
}

static enum cnc__tok
root_closed(struct cnc_parser *p)
{
    p->state = CNC__EPILOG;
    return p->events.on_close == NULL
               ? CNC__TOK_OK
               : from_callback(p, p->events.on_close(p->priv));
}

/* The root of a stream was opened. */
static enum cnc__tok
opened(struct cnc_parser *p, bool empty)
{
    cnc__build_pop(&p->s->build);
    p->root = cnc__build_finish(&p->s->build);
    p->state = CNC__IDLE;
    p->used = 0;
    enum cnc__tok tok = CNC__TOK_OK;
    if (p->events.on_open != NULL) {
        tok = from_callback(p, p->events.on_open(p->root, p->priv));
    }
    return tok == CNC__TOK_OK && empty && !p->reset_asked ? root_closed(p)
                                                          : tok;
}

/* A stanza or document is complete. */
static enum cnc__tok
completed(struct cnc_parser *p)
{
    struct cnc_element *e = cnc__build_finish(&p->s->build);
    p->state = p->root != NULL ? CNC__IDLE : CNC__EPILOG;
    p->used = p->root != NULL ? 0 : p->used;
    if ((p->flags & CNC_PARSE_THAW) != 0) {
        struct cnc_element *frozen = e;
        e = cnc_element_thaw(frozen);
        cnc_element_unref(&frozen);
    }
    int rc = 0;
    if (p->events.on_stanza != NULL) {
        rc = p->events.on_stanza(e, p->priv);
    }
    cnc_element_unref(&e);
    return from_callback(p, rc);
}

static enum cnc__tok
start_tag(struct cnc_parser *p, const char **at, const char *end)
{
    bool empty = false;
    if (p->state == CNC__EPILOG) {
        return CNC__MALFORMED(p, *at, "an element after the end of the root");
    }
    enum cnc__tok tok = cnc__parse_start(p, at, end, &empty);
    if (tok != CNC__TOK_OK) {
        return tok;
    }
    if (p->mode == CNC_PARSE_STREAM && p->root == NULL) {
        return opened(p, empty);
    }
    p->state = CNC__CONTENT;
    if (empty) {
        struct cnc__build *b = &p->s->build;
        p->s->n_binds = b->open[b->n_open - 1].n_binds;
        cnc__build_pop(b);
        if (b->n_open == 0) {
            return completed(p);
        }
    }
    return CNC__TOK_OK;
}

/* Not complete at limit: too long, or only not all there. */
static enum cnc__tok
too_long(struct cnc_parser *p, const char *start, const char *limit,
         const char *end)
{
    return limit == end ? CNC__TOK_MORE
                        : CNC__OVER(p, start, "a tag of more than %u bytes",
                                    (unsigned)p->limits.max_token);
}

/* The stream's own end tag. */
static enum cnc__tok
close_root(struct cnc_parser *p, const char **at, const char *end)
{
    const char *start = *at, *s = start + 2, *prefix, *name;
    enum cnc__tok tok;
    const char *limit = end;
    if ((size_t)(end - start) > p->limits.max_token) {
        limit = start + p->limits.max_token;
    }
    prefix = cnc_element_prefix(p->root);
    name = cnc_element_name(p->root);
    const char *q = cnc__parse_ncname(p, s, limit, "a name", &tok);
    if (q != NULL && *q == ':') {
        q = cnc__parse_ncname(p, q + 1, limit, "a name after the colon", &tok);
    }
    if (q == NULL) {
        return tok == CNC__TOK_MORE ? too_long(p, start, limit, end) : tok;
    }
    size_t len = strlen(prefix), skip = len > 0 ? len + 1 : 0;
    size_t name_len = strlen(name);
    if ((size_t)(q - s) != skip + name_len || memcmp(s, prefix, len) != 0 ||
        (skip > 0 && s[len] != ':') || memcmp(s + skip, name, name_len) != 0) {
        return CNC__MALFORMED(p, start, "</%.*s> does not close the stream",
                              (int)(q - s > 60 ? 60 : q - s), s);
    }
    while (q < limit && (cnc__xml_class[(unsigned char)*q] & CNC__SPACE)) {
        q++;
    }
    if (q == limit) {
        return too_long(p, start, limit, end);
    }
    if (*q != '>') {
        return CNC__MALFORMED(p, q, "\">\" expected");
    }
    cnc__parser_lines(p, start, q);
    *at = q + 1;
    return root_closed(p);
}

static enum cnc__tok
end_tag(struct cnc_parser *p, const char **at, const char *end)
{
    if (p->state == CNC__IDLE) {
        return close_root(p, at, end);
    }
    if (p->state != CNC__CONTENT) {
        return CNC__MALFORMED(p, *at, "an end tag without a start tag");
    }
    enum cnc__tok tok = cnc__parse_end(p, at, end);
    if (tok == CNC__TOK_OK && p->s->build.n_open == 0) {
        return completed(p);
    }
    return tok;
}

static int
begins(const char *s, const char *end, const char *with)
{
    size_t len = strlen(with), left = (size_t)(end - s);
    if (memcmp(s, with, len < left ? len : left) != 0) {
        return 0;
    }
    return len <= left ? 1 : -1;
}

/* "<!" or "<?" at *at. */
static enum cnc__tok
declaration(struct cnc_parser *p, const char **at, const char *end)
{
    const char *s = *at;
    bool misc = (p->flags & CNC_PARSE_MISC) != 0;
    int rc;
    if (p->state == CNC__START && (rc = begins(s, end, "<?xml")) != 0) {
        if (rc < 0 || end - s == 5) {
            return CNC__TOK_MORE;
        }
        if (cnc__xml_class[(unsigned char)s[5]] & CNC__SPACE) {
            return cnc__parse_xmldecl(p, at, end);
        }
    }
    if (s[1] == '?') {
        return misc ? cnc__parse_misc(p, at, end)
                    : CNC__RESTRICTED(p, s, "a processing instruction");
    }
    if ((rc = begins(s, end, "<!--")) != 0) {
        if (rc < 0) {
            return CNC__TOK_MORE;
        }
        return misc ? cnc__parse_misc(p, at, end)
                    : CNC__RESTRICTED(p, s, "a comment");
    }
    if ((rc = begins(s, end, "<![CDATA[")) != 0) {
        if (rc < 0) {
            return CNC__TOK_MORE;
        }
        if (p->state == CNC__CONTENT) {
            p->in_cdata = true;
            *at = s + 9;
            return CNC__TOK_OK;
        }
        return p->state == CNC__IDLE
                   ? cnc__parser_fail(p, s, CNC_EPROTO, "bad-format",
                                      "text between stanzas")
                   : CNC__MALFORMED(p, s, "text outside the root");
    }
    if ((rc = begins(s, end, "<!DOCTYPE")) != 0) {
        return rc < 0 ? CNC__TOK_MORE
                      : CNC__RESTRICTED(p, s, "a document type");
    }
    return CNC__MALFORMED(p, s, "\"<!\" without a meaning");
}

static enum cnc__tok
markup(struct cnc_parser *p, const char **at, const char *end)
{
    if (p->s == NULL) {
        cnc__scratch_get(p);
    }
    if (end - *at < 2) {
        return CNC__TOK_MORE;
    }
    switch ((*at)[1]) {
    case '/':
        return end_tag(p, at, end);
    case '!':
    case '?':
        return declaration(p, at, end);
    default:
        return start_tag(p, at, end);
    }
}

/* White space where no text may be; *at leads to what is not. */
static void
skip_space(struct cnc_parser *p, const char **at, const char *end)
{
    const char *s = *at;
    while (s < end && (cnc__xml_class[(unsigned char)*s] & CNC__SPACE)) {
        if (*s++ == '\n') {
            p->line++;
            p->line_start = s;
            p->column0 = 0;
        }
    }
    *at = s;
}

/* A byte order mark: allowed to documents, in streams it is text. */
static enum cnc__tok
byte_order_mark(struct cnc_parser *p, const char **at, const char *end)
{
    int rc = begins(*at, end, "\xEF\xBB\xBF");
    if (rc < 0) {
        if (p->s == NULL) {
            cnc__scratch_get(p);
        }
        return CNC__TOK_MORE;
    }
    p->marked = true;
    if (rc > 0) {
        *at += 3;
        p->line_start = *at;
    }
    return CNC__TOK_OK;
}

static enum cnc__tok
outside(struct cnc_parser *p, const char **at, const char *end)
{
    if (p->state == CNC__START && p->mode == CNC_PARSE_DOCUMENT &&
        !p->marked && (*at)[0] == '\xEF') {
        enum cnc__tok tok = byte_order_mark(p, at, end);
        if (tok != CNC__TOK_OK || *at == end) {
            return tok;
        }
    }
    if (**at == '<') {
        enum cnc__tok tok = markup(p, at, end);
        if (tok == CNC__TOK_OK && p->state == CNC__START) {
            p->state = CNC__PROLOG;
        }
        return tok;
    }
    const char *before = *at;
    skip_space(p, at, end);
    if (*at == before) {
        return p->state == CNC__IDLE
                   ? cnc__parser_fail(p, *at, CNC_EPROTO, "bad-format",
                                      "text between stanzas")
                   : CNC__MALFORMED(p, *at, "text outside the root");
    }
    if (p->state == CNC__START) {
        p->state = CNC__PROLOG; /* a declaration would come too late */
    }
    return CNC__TOK_OK;
}

enum cnc__tok
cnc__parser_run(struct cnc_parser *p, const char *buf, const char *end,
                const char **rest)
{
    const char *at = buf, *since = buf;
    enum cnc__tok tok = CNC__TOK_OK;
    p->line_start = buf;
    p->wide = false;
    while (at < end && tok == CNC__TOK_OK && !p->reset_asked &&
           !p->pause_asked) {
        bool counted =
            p->state == CNC__CONTENT || p->mode == CNC_PARSE_DOCUMENT;
        if (!counted) {
            since = at;
            p->used = 0;
        }
        size_t left = p->limits.max_stanza > p->used
                          ? p->limits.max_stanza - p->used
                          : 0;
        const char *limit = (size_t)(end - since) > left ? since + left : end;
        if (limit <= at) {
            tok = CNC__OVER(p, limit, "more than %u bytes",
                            (unsigned)p->limits.max_stanza);
            break;
        }
        if (p->state != CNC__CONTENT) {
            tok = outside(p, &at, counted || *at == '<' ? limit : end);
        } else if (*at == '<' && !p->in_cdata) {
            tok = markup(p, &at, limit);
        } else {
            tok = cnc__parse_text(p, &at, limit);
        }
        if (tok == CNC__TOK_MORE && limit < end) {
            tok = CNC__OVER(p, limit, "more than %u bytes",
                            (unsigned)p->limits.max_stanza);
        }
    }
    *rest = at;
    if (tok == CNC__TOK_FAIL) {
        return tok; /* and line_start is where the mistake is */
    }
    if (p->state == CNC__CONTENT || p->mode == CNC_PARSE_DOCUMENT) {
        p->used += (size_t)(at - since);
    }
    size_t n = (size_t)(at - p->line_start);
    p->column0 += p->wide ? cnc__utf8_count(p->line_start, n) : n;
    return tok;
}
