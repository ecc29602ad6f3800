/* SPDX-License-Identifier: MIT */
/*
 * text.c -- text, CDATA sections, references.
 */
#include "parser.h"
#include "scan.h"

/* Text to the tree; from: the input that stands for it, which is the text
 * itself but for references and ends of lines. */
static enum cnc__tok
add_text_for(struct cnc_parser *p, const char *from, const char *s, size_t len)
{
    struct cnc__build *b = &p->s->build;
    if (len == 0) {
        return CNC__TOK_OK;
    }
    size_t before = 0;
    if (b->text != 0) {
        before = b->len - b->text - sizeof(struct cnc__ftext);
    } else if (b->n_kids - b->open[b->n_open - 1].kids >=
               p->limits.max_children) {
        return CNC__OVER(p, from, "more than %u children of an element",
                         (unsigned)p->limits.max_children);
    }
    if (len > p->limits.max_token - before) {
        size_t fits = from == s ? p->limits.max_token - before : 0;
        return CNC__OVER(p, from + fits, "a text of more than %u bytes",
                         (unsigned)p->limits.max_token);
    }
    cnc__build_text(b, s, len);
    return CNC__TOK_OK;
}

static enum cnc__tok
add_text(struct cnc_parser *p, const char *s, size_t len)
{
    return add_text_for(p, s, s, len);
}

/* A code point as UTF-8; the number of bytes. */
static size_t
put_utf8(char out[4], uint32_t cp)
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (cp & 0x3F));
        cp >>= 6;
    }
    out[0] = (char)((0xF00u >> n) | cp);
    return n;
}

/* The code point of "#38" or "#x26", or UINT32_MAX. */
static uint32_t
char_ref(const char *s, size_t len)
{
    bool hex = len > 1 && s[1] == 'x';
    uint32_t cp = 0;
    size_t i = hex ? 2 : 1;
    if (i == len) {
        return UINT32_MAX;
    }
    for (; i < len; i++) {
        char c = s[i];
        uint32_t digit = c >= '0' && c <= '9'          ? (uint32_t)(c - '0')
                         : hex && c >= 'a' && c <= 'f' ? (uint32_t)(c - 'W')
                         : hex && c >= 'A' && c <= 'F' ? (uint32_t)(c - '7')
                                                       : UINT32_MAX;
        if (digit == UINT32_MAX) {
            return UINT32_MAX;
        }
        cp = cp * (hex ? 16 : 10) + digit;
        if (cp > 0x10FFFF) {
            return UINT32_MAX;
        }
    }
    return cnc__xml_char(cp) ? cp : UINT32_MAX;
}

enum cnc__tok
cnc__parse_ref(struct cnc_parser *p, const char **at, const char *end,
               char out[4], size_t *n)
{
    static const struct {
        const char *name;
        uint8_t len;
        char c;
    } five[] = {{"amp", 3, '&'},
                {"lt", 2, '<'},
                {"gt", 2, '>'},
                {"quot", 4, '"'},
                {"apos", 4, '\''}};
    const char *s = *at + 1, *limit = end;
    if (limit - s > CNC__REF_MAX) {
        limit = s + CNC__REF_MAX;
    }
    const char *q = s;
    while (q < limit && *q != ';' && *q != '&' && *q != '<' &&
           (unsigned char)*q > 0x20) {
        q++;
    }
    if (q == limit && limit == end) {
        return CNC__TOK_MORE;
    }
    size_t len = (size_t)(q - s);
    if (q == limit || *q != ';' || len == 0) {
        return CNC__MALFORMED(p, *at, "\"&\" without a reference");
    }
    if (*s == '#') {
        uint32_t cp = char_ref(s, len);
        if (cp == UINT32_MAX) {
            return CNC__MALFORMED(p, *at, "&%.*s; stands for no character",
                                  (int)len, s);
        }
        *n = put_utf8(out, cp);
        *at = q + 1;
        return CNC__TOK_OK;
    }
    for (size_t i = 0; i < CNC_N(five); i++) {
        if (five[i].len == len && memcmp(five[i].name, s, len) == 0) {
            out[0] = five[i].c;
            *n = 1;
            *at = q + 1;
            return CNC__TOK_OK;
        }
    }
    if (!cnc__ncname_valid(s, len)) {
        return CNC__MALFORMED(p, *at, "\"&\" without a reference");
    }
    return CNC__RESTRICTED(p, *at, "the entity &%.*s;", (int)len, s);
}

/* Past the characters from 0x80 at s, or as far as they are in order. */
static const char *
skip_wide(struct cnc_parser *p, const char *s, const char *end,
          enum cnc__tok *tok)
{
    p->wide = true;
    while (s < end && (unsigned char)*s >= 0x80) {
        uint32_t cp;
        int n = cnc__scan_char(&cp, s, end);
        if (n < 0) {
            *tok = CNC__TOK_MORE;
            break;
        }
        if (n == 0 || !cnc__xml_char(cp)) {
            *tok =
                CNC__MALFORMED(p, s, "not UTF-8, or a character XML forbids");
            break;
        }
        s += n;
    }
    return s;
}

/* "]" at s: 0 when "]]>" begins there, 1 when not, -1 when it may. */
static int
brackets(const char *s, const char *end)
{
    size_t left = (size_t)(end - s), n = left < 3 ? left : 3;
    if (memcmp(s, "]]>", n) != 0) {
        return 1;
    }
    return n == 3 ? 0 : -1;
}

/* What stopped the scan at *at, when it is not '<' or '&' that count: past
 * it.  *start: of what is not in the tree yet. */
static enum cnc__tok
special(struct cnc_parser *p, const char **at, const char **start,
        const char *end)
{
    const char *s = *at;
    enum cnc__tok tok = CNC__TOK_OK;
    if ((unsigned char)*s >= 0x80) {
        *at = skip_wide(p, s, end, &tok);
        return tok;
    }
    switch (*s) {
    case '\n':
        /* Kept now: the place of a limit is told in lines that are not yet
         * counted. */
        tok = add_text(p, *start, (size_t)(s + 1 - *start));
        if (tok != CNC__TOK_OK) {
            return tok;
        }
        *start = s + 1;
        *at = s + 1;
        p->line++;
        p->line_start = s + 1;
        p->column0 = 0;
        return CNC__TOK_OK;
    case '\r': /* CR LF and CR alone become LF (XML 1.0 2.11) */
        if (s + 1 == end) {
            return CNC__TOK_MORE;
        }
        tok = add_text(p, *start, (size_t)(s - *start));
        *start = s + (s[1] == '\n' ? 1 : 0);
        if (s[1] != '\n' && tok == CNC__TOK_OK) {
            tok = add_text_for(p, s, "\n", 1);
            *start = s + 1;
        }
        *at = s + 1;
        return tok;
    case '\t':
    case '<':
    case '&':
        *at = s + 1;
        return CNC__TOK_OK;
    case ']': {
        int rc = brackets(s, end);
        if (rc < 0) {
            return CNC__TOK_MORE;
        }
        if (rc == 0) {
            return CNC__MALFORMED(p, s, "\"]]>\" in text");
        }
        *at = s + 1;
        return CNC__TOK_OK;
    }
    default:
        return CNC__MALFORMED(p, s, "a control character");
    }
}

enum cnc__tok
cnc__parse_text(struct cnc_parser *p, const char **at, const char *end)
{
    const char *s = *at, *start = s;
    enum cnc__tok tok = CNC__TOK_OK;
    while (tok == CNC__TOK_OK) {
        s = cnc__scan(s, end, '<', '&', ']');
        if (s == end || (*s == '<' && !p->in_cdata)) {
            break;
        }
        if (*s == '&' && !p->in_cdata) {
            char out[4];
            size_t n = 0;
            const char *ref = s;
            tok = cnc__parse_ref(p, &s, end, out, &n);
            if (tok == CNC__TOK_OK) {
                tok = add_text(p, start, (size_t)(ref - start));
                start = s;
            }
            if (tok == CNC__TOK_OK) {
                tok = add_text_for(p, ref, out, n);
            }
        } else if (*s == ']' && p->in_cdata && brackets(s, end) == 0) {
            p->in_cdata = false;
            tok = add_text(p, start, (size_t)(s - start));
            s += 3;
            start = s;
        } else {
            tok = special(p, &s, &start, end);
        }
    }
    /* Also before a mistake: a limit met earlier in the text comes first,
     * wherever the input was cut. */
    if (tok == CNC__TOK_FAIL && p->err->code == CNC_ELIMIT) {
        return tok;
    }
    if (add_text(p, start, (size_t)(s - start)) != CNC__TOK_OK) {
        return CNC__TOK_FAIL;
    }
    *at = s;
    return tok;
}
