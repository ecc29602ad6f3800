/* SPDX-License-Identifier: MIT */
/*
 * misc.c -- what only documents have: comments, processing instructions, and
 * the declaration that a stream's start may have too.
 */
#include "parser.h"
#include "scan.h"

/* The first `what` (two bytes) in [s, end); every character up to there is
 * one that XML allows. */
static const char *
find(struct cnc_parser *p, const char *s, const char *end, const char *what,
     enum cnc__tok *tok)
{
    while (s < end) {
        s = cnc__scan(s, end, what[0], what[0], what[0]);
        if (s == end) {
            break;
        }
        unsigned char c = (unsigned char)*s;
        if (c == (unsigned char)what[0]) {
            if (s + 1 < end && s[1] == what[1]) {
                return s;
            }
            s++;
            continue;
        }
        uint32_t cp;
        int n = cnc__scan_char(&cp, s, end);
        if (n < 0) {
            break;
        }
        if (n == 0 || !cnc__xml_char(cp)) {
            *tok = CNC__MALFORMED(p, s,
                                  "not UTF-8, or a character XML "
                                  "forbids");
            return NULL;
        }
        p->wide = p->wide || c >= 0x80;
        s += n;
    }
    *tok = CNC__TOK_MORE;
    return NULL;
}

/* CR LF and CR become LF.  Returns the end of what was written. */
static char *
copy_lines(char *to, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] != '\r') {
            *to++ = s[i];
        } else if (i + 1 == len || s[i + 1] != '\n') {
            *to++ = '\n';
        }
    }
    return to;
}

/* Before or after the root it belongs to no tree. */
static enum cnc__tok
give_misc(struct cnc_parser *p, enum cnc_kind kind, const char *at,
          const char *name, size_t name_len, const char *s, size_t len)
{
    if (p->events.on_misc == NULL) {
        return CNC__TOK_OK;
    }
    char *target = cnc__strndup(name, name_len);
    char *text = cnc__strndup(s, len);
    *copy_lines(text, s, len) = '\0';
    struct cnc_element *e = NULL;
    int rc = kind == CNC_COMMENT ? cnc_comment_new(&e, text, NULL)
                                 : cnc_pi_new(&e, target, text, NULL);
    if (rc == 0) {
        e->line = p->line;
        rc = p->events.on_misc(e, p->priv);
    }
    cnc_element_unref(&e);
    cnc__free(target);
    cnc__free(text);
    return rc < 0 ? cnc__parser_fail(p, at, rc, NULL, "%s", cnc_err_text(rc))
                  : CNC__TOK_OK;
}

/* Keep it in the tree, if it is inside the root. */
static enum cnc__tok
add_misc(struct cnc_parser *p, enum cnc_kind kind, const char *at,
         const char *name, size_t name_len, const char *s, size_t len)
{
    struct cnc__build *b = &p->s->build;
    if (b->n_open == 0) {
        return give_misc(p, kind, at, name, name_len, s, len);
    }
    if (b->n_kids - b->open[b->n_open - 1].kids >= p->limits.max_children) {
        return CNC__OVER(p, at, "more than %u children of an element",
                         (unsigned)p->limits.max_children);
    }
    cnc__build_text_end(b);
    cnc__build_room(b, sizeof(struct cnc__frozen) + name_len + len + 16);
    uint32_t e = cnc__build_element(b, kind, p->line, 0, 0);
    struct cnc__frozen *f = cnc__build_at(b, e);
    f->ns = CNC__EMPTY;
    f->prefix = CNC__EMPTY;
    f->name = cnc__build_string(b, name, name_len);
    cnc__build_align(b);
    f->children = b->len;
    struct cnc__ftext *t = (struct cnc__ftext *)(b->base + b->len);
    char *to = copy_lines(t->text, s, len);
    *to = '\0';
    t->len = (uint32_t)(to - t->text);
    b->len = (uint32_t)(to + 1 - b->base);
    return CNC__TOK_OK;
}

static enum cnc__tok
parse_comment(struct cnc_parser *p, const char **at, const char *end)
{
    enum cnc__tok tok;
    const char *start = *at, *s = start + 4;
    const char *q = find(p, s, end, "--", &tok);
    if (q == NULL) {
        return tok;
    }
    if (q + 2 == end) {
        return CNC__TOK_MORE;
    }
    if (q[2] != '>') {
        return CNC__MALFORMED(p, q, "\"--\" in a comment");
    }
    tok = add_misc(p, CNC_COMMENT, start, "", 0, s, (size_t)(q - s));
    if (tok == CNC__TOK_OK) {
        cnc__parser_lines(p, start, q);
        *at = q + 3;
    }
    return tok;
}

static enum cnc__tok
parse_pi(struct cnc_parser *p, const char **at, const char *end)
{
    enum cnc__tok tok;
    const char *start = *at, *name = start + 2;
    const char *s = cnc__parse_ncname(p, name, end, "a target", &tok);
    if (s == NULL) {
        return tok;
    }
    size_t len = (size_t)(s - name);
    if (len == 3 && strncasecmp(name, "xml", 3) == 0) {
        return CNC__MALFORMED(p, start,
                              "an XML declaration that is not at "
                              "the start");
    }
    const char *q = find(p, s, end, "?>", &tok);
    if (q == NULL) {
        return tok;
    }
    if (q != s && !(cnc__xml_class[(unsigned char)*s] & CNC__SPACE)) {
        return CNC__MALFORMED(p, s, "white space expected after a target");
    }
    while (s < q && (cnc__xml_class[(unsigned char)*s] & CNC__SPACE)) {
        s++;
    }
    tok = add_misc(p, CNC_PI, start, name, len, s, (size_t)(q - s));
    if (tok == CNC__TOK_OK) {
        cnc__parser_lines(p, start, q);
        *at = q + 2;
    }
    return tok;
}

enum cnc__tok
cnc__parse_misc(struct cnc_parser *p, const char **at, const char *end)
{
    const char *limit = end;
    if ((size_t)(end - *at) > p->limits.max_token) {
        limit = *at + p->limits.max_token;
    }
    enum cnc__tok tok =
        (*at)[1] == '?' ? parse_pi(p, at, limit) : parse_comment(p, at, limit);
    if (tok == CNC__TOK_MORE && limit < end) {
        tok = CNC__OVER(p, *at,
                        "a comment or processing instruction of "
                        "more than %u bytes",
                        (unsigned)p->limits.max_token);
    }
    return tok;
}

/* name = "value" after white space; the value's length, or -1. */
static int
pseudo_attr(const char **at, const char *end, const char *name,
            const char **value)
{
    const char *s = *at;
    size_t len = strlen(name);
    while (s < end && (cnc__xml_class[(unsigned char)*s] & CNC__SPACE)) {
        s++;
    }
    if (s == *at || (size_t)(end - s) < len || memcmp(s, name, len) != 0) {
        return -1;
    }
    s += len;
    while (s < end && (cnc__xml_class[(unsigned char)*s] & CNC__SPACE)) {
        s++;
    }
    if (s == end || *s++ != '=') {
        return -1;
    }
    while (s < end && (cnc__xml_class[(unsigned char)*s] & CNC__SPACE)) {
        s++;
    }
    if (s == end || (*s != '"' && *s != '\'')) {
        return -1;
    }
    *value = s + 1;
    const char *close = memchr(s + 1, *s, (size_t)(end - s - 1));
    if (close == NULL) {
        return -1;
    }
    *at = close + 1;
    return (int)(close - *value);
}

enum cnc__tok
cnc__parse_xmldecl(struct cnc_parser *p, const char **at, const char *end)
{
    enum cnc__tok tok;
    const char *start = *at, *s = start + 5, *value, *limit = end;
    /* A declaration is short; nothing that is longer is one. */
    if (end - start > 256) {
        limit = start + 256;
    }
    const char *close = find(p, s, limit, "?>", &tok);
    if (close == NULL) {
        return tok == CNC__TOK_MORE && limit < end
                   ? CNC__MALFORMED(p, start,
                                    "an XML declaration of more "
                                    "than 256 bytes")
                   : tok;
    }
    int n = pseudo_attr(&s, close, "version", &value);
    if (n != 3 || memcmp(value, "1.0", 3) != 0) {
        return CNC__MALFORMED(p, start,
                              "the XML declaration does not say "
                              "version 1.0");
    }
    n = pseudo_attr(&s, close, "encoding", &value);
    if (n >= 0 && (n != 5 || strncasecmp(value, "UTF-8", 5) != 0)) {
        return cnc__parser_fail(p, start, CNC_EPROTO, "unsupported-encoding",
                                "the encoding %.*s", n > 40 ? 40 : n, value);
    }
    n = pseudo_attr(&s, close, "standalone", &value);
    if (n >= 0 && !(n == 3 && memcmp(value, "yes", 3) == 0) &&
        !(n == 2 && memcmp(value, "no", 2) == 0)) {
        return CNC__MALFORMED(p, start, "standalone is neither yes nor no");
    }
    while (s < close && (cnc__xml_class[(unsigned char)*s] & CNC__SPACE)) {
        s++;
    }
    if (s != close) {
        return CNC__MALFORMED(p, start, "a malformed XML declaration");
    }
    cnc__parser_lines(p, start, close);
    *at = close + 2;
    return CNC__TOK_OK;
}
