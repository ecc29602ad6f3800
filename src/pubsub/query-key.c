/* SPDX-License-Identifier: MIT */
/*
 * query-key.c -- from an item's bytes to keys that memcmp() orders.
 */
#include <unicase.h>
#include <unistr.h>

#include "../base/text.h"
#include "formimpl.h"
#include "queryimpl.h"

#define MAX_NUMBER 64 /* characters of a number or date */

bool
cnc__kind_is_text(enum cnc_field_kind kind)
{
    switch (kind) {
    case CNC_FIELD_INTEGER:
    case CNC_FIELD_DECIMAL:
    case CNC_FIELD_BOOLEAN:
    case CNC_FIELD_DATE:
    case CNC_FIELD_DATETIME:
        return false;
    default:
        return true;
    }
}

/* -- texts ---------------------------------------------------------------- */

/* CaseFolding.txt C and S, by way of both mappings: what they bring together
 * is the same there.  The two i's of Turkish stay apart, as there. */
static ucs4_t
fold_one(ucs4_t c)
{
    return c == 0x130 || c == 0x131 ? c : uc_tolower(uc_toupper(c));
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Eight characters at a time, up to the first one that is not ASCII: a bit is
 * carried into the top of each byte that is 'A' or more, and of each that is
 * more than 'Z'. */
static size_t
fold_run(char *to, const char *s, size_t len)
{
    size_t n = 0;
    for (; len - n >= 8; n += 8) {
        uint64_t x;
        memcpy(&x, s + n, 8);
        if ((x & EACH(0x80)) != 0) {
            break;
        }
        uint64_t upper = (x + EACH(0x80 - 'A')) & ~(x + EACH(0x7f - 'Z'));
        x |= (upper & EACH(0x80)) >> 2;
        memcpy(to + n, &x, 8);
    }
    for (; n < len && (unsigned char)s[n] < 0x80; n++) {
        to[n] = s[n] >= 'A' && s[n] <= 'Z' ? (char)(s[n] | 0x20) : s[n];
    }
    return n;
}

bool
cnc__fold_ascii(struct cnc__str *out, const char *s, size_t len)
{
    cnc__str_reserve(out, len + 1);
    size_t n = fold_run(out->data + out->len, s, len);
    out->len += n;
    out->data[out->len] = '\0';
    return n == len;
}

void
cnc__fold(struct cnc__str *out, const char *s, size_t len)
{
    cnc__str_reserve(out, len + 1);
    while (len > 0) {
        size_t n = fold_run(out->data + out->len, s, len);
        out->len += n;
        s += n;
        len -= n;
        while (len > 0 && (unsigned char)*s >= 0x80) {
            uint32_t c;
            uint8_t folded[6];
            size_t size = cnc__utf8_next(&c, s, len);
            int room = size == 0 ? 0
                                 : u8_uctomb(folded, fold_one(c),
                                             (int)sizeof(folded));
            size = size == 0 ? 1 : size;
            cnc__str_add(out, room > 0 ? (const char *)folded : s,
                         room > 0 ? (size_t)room : size);
            s += size;
            len -= size;
        }
        cnc__str_reserve(out, len + 1);
    }
    out->data[out->len] = '\0';
}

/* -- numbers -------------------------------------------------------------- */

static void
add_int(struct cnc__str *out, int64_t n)
{
    uint64_t u = (uint64_t)n ^ ((uint64_t)1 << 63);
    char bytes[8];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)(u >> (56 - 8 * i));
    }
    cnc__str_add(out, bytes, sizeof(bytes));
}

/* Sign, how many digits before the point, all digits, an end that is less
 * than a digit; of a negative number everything but the sign turned. */
static void
add_decimal(struct cnc__str *out, const struct cnc__decimal *d)
{
    if (d->n_whole + d->n_fraction == 0) {
        cnc__str_putc(out, 1);
        return;
    }
    cnc__str_putc(out, d->minus ? 0 : 2);
    size_t from = out->len;
    cnc__str_putc(out, (char)d->n_whole);
    cnc__str_add(out, d->whole, d->n_whole);
    cnc__str_add(out, d->fraction, d->n_fraction);
    cnc__str_putc(out, 0);
    for (size_t i = from; d->minus && i < out->len; i++) {
        out->data[i] = (char)~out->data[i];
    }
}

/* A day is the beginning of it where a time is asked for. */
static bool
add_time(struct cnc__str *out, const char *text)
{
    int64_t ms;
    char day[MAX_NUMBER];
    if (strlen(text) == 10 && cnc__parse_date(text) == 0) {
        memcpy(day, text, 10);
        memcpy(day + 10, "T00:00:00Z", 11);
        text = day;
    }
    if (cnc__parse_datetime(&ms, text) != 0) {
        return false;
    }
    add_int(out, ms);
    return true;
}

bool
cnc__key_add(struct cnc__str *out, enum cnc_field_kind kind, const char *text,
             size_t len)
{
    if (cnc__kind_is_text(kind)) {
        cnc__fold(out, text, len);
        return true;
    }
    char s[MAX_NUMBER + 1];
    struct cnc_field f = {.kind = kind};
    struct cnc__decimal d;
    int64_t n;
    if (len > MAX_NUMBER) {
        return false;
    }
    memcpy(s, text, len);
    s[len] = '\0';
    switch (kind) {
    case CNC_FIELD_INTEGER:
        if (!cnc__parse_int(&n, s, INT64_MIN, INT64_MAX)) {
            return false;
        }
        add_int(out, n);
        return true;
    case CNC_FIELD_DECIMAL:
        if (!cnc__decimal_parse(&d, s)) {
            return false;
        }
        add_decimal(out, &d);
        return true;
    case CNC_FIELD_DATETIME:
        return add_time(out, s);
    case CNC_FIELD_BOOLEAN:
        if (!cnc__field_lexical(&f, s)) {
            return false;
        }
        cnc__str_putc(out, s[0] == 't' || s[0] == '1');
        return true;
    default: /* a zone does not move a day on the shelf */
        if (cnc__parse_date(s) != 0) {
            return false;
        }
        cnc__str_add(out, s, 10);
        return true;
    }
}

int
cnc__key_compare(const struct cnc__str *a, const struct cnc__str *b)
{
    size_t n = a->len < b->len ? a->len : b->len;
    int c = n == 0 ? 0 : memcmp(a->data, b->data, n);
    return c != 0 ? c : (a->len > b->len) - (a->len < b->len);
}

void
cnc__qvalue_set(struct cnc__qvalue *v, enum cnc_field_kind kind,
                enum cnc__qop op, const char *text)
{
    if (cnc__value_blank(text)) {
        bool order = op != CNC__Q_EQ && op != CNC__Q_NE && op != CNC__Q_HAS;
        v->is = order ? CNC__Q_WRONG : CNC__Q_NONE;
        return;
    }
    if (op == CNC__Q_HAS) {
        kind = CNC_FIELD_TEXT;
    }
    v->is = cnc__key_add(&v->key, kind, text, strlen(text)) ? CNC__Q_SOME
                                                            : CNC__Q_WRONG;
}

void
cnc__order_key_add(struct cnc__str *out, enum cnc_field_kind kind, bool some,
                   const char *key, size_t len)
{
    if (!some) {
        cnc__str_putc(out, 0);
    } else if (cnc__kind_is_text(kind)) {
        cnc__str_add(out, key, len < CNC__KEY_BYTES ? len : CNC__KEY_BYTES);
        cnc__str_putc(out, 0); /* less than any character of XML */
    } else {
        cnc__str_putc(out, 1);
        cnc__str_add(out, key, len);
    }
}

/* -- an item's payload ---------------------------------------------------- */

enum { UNKNOWN, PLAIN, ANY }; /* shapes */

/* Past the tag that starts at s, or NULL: it has a prefix, so that only the
 * tree knows what it is. */
static const char *
skip_root(const char *s, const char *end)
{
    if (s == end || *s++ != '<') {
        return NULL;
    }
    for (; s < end && *s != ' ' && *s != '>' && *s != '/'; s++) {
        if (*s == ':' || *s == '!' || *s == '?') {
            return NULL;
        }
    }
    char quote = '\0';
    for (; s < end; s++) {
        if (quote != '\0') {
            quote = *s == quote ? '\0' : quote;
        } else if (*s == '"' || *s == '\'') {
            quote = *s;
        } else if (*s == '>') {
            return s[-1] == '/' ? end : s + 1;
        }
    }
    return NULL;
}

static void
use_tree(struct cnc__reader *r, const struct cnc__item *item)
{
    r->at = NULL;
    if (cnc_xml_parse(&r->tree, cnc_buf_data(item->payload),
                      cnc_buf_len(item->payload), 0, NULL, NULL) == 0) {
        r->ns = cnc_element_ns(r->tree);
    }
}

/*
 * Is every child <name>text</name> or <name/>, without attributes?  Then what
 * is between two tags is text, and nothing has to be looked up.
 */
static bool
is_plain(const char *s, const char *end)
{
    while (s < end) {
        const char *open = memchr(s, '<', (size_t)(end - s));
        if (open == NULL || open + 1 == end) {
            return false;
        }
        if (open[1] == '/') {
            return true; /* the root's end */
        }
        const char *close = memchr(open, '>', (size_t)(end - open));
        if (close == NULL) {
            return false;
        }
        size_t n = (size_t)(close - open) - 1;
        bool empty = close[-1] == '/';
        if (open[1] == '!' || open[1] == '?' ||
            memchr(open + 1, ' ', n) != NULL ||
            memchr(open + 1, ':', n) != NULL) {
            return false;
        }
        s = close + 1;
        if (!empty) {
            const char *tail = memchr(s, '<', (size_t)(end - s));
            if (tail == NULL || (size_t)(end - tail) < n + 3 ||
                tail[1] != '/') {
                return false;
            }
            s = tail + n + 3;
        }
    }
    return true;
}

void
cnc__reader_open(struct cnc__reader *r, const struct cnc__item *item)
{
    *r = (struct cnc__reader){.at = NULL};
    if (item->payload == NULL) {
        return;
    }
    const char *s = cnc_buf_data(item->payload);
    r->end = s + cnc_buf_len(item->payload);
    r->at = skip_root(s, r->end);
    if (item->shape == UNKNOWN) { /* on the core's thread alone */
        ((struct cnc__item *)(uintptr_t)item)->shape =
            r->at != NULL && is_plain(r->at, r->end) ? PLAIN : ANY;
    }
    if (item->shape == ANY) {
        use_tree(r, item);
    }
}

static void
add_reference(struct cnc__str *out, const char *name, size_t len)
{
    static const struct {
        const char *name;
        char c;
    } known[] = {
        {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    for (size_t i = 0; i < CNC_N(known); i++) {
        if (strlen(known[i].name) == len &&
            memcmp(known[i].name, name, len) == 0) {
            cnc__str_putc(out, known[i].c);
            return;
        }
    }
    bool hex = len > 2 && name[1] == 'x';
    uint32_t c = 0;
    for (size_t i = hex ? 2 : 1; i < len; i++) {
        uint32_t digit =
            (uint32_t)(name[i] <= '9' ? name[i] - '0'
                                      : (name[i] | 0x20) - 'a' + 10);
        c = c * (hex ? 16 : 10) + digit;
    }
    uint8_t bytes[6];
    int n = u8_uctomb(bytes, c, (int)sizeof(bytes));
    cnc__str_add(out, bytes, n > 0 ? (size_t)n : 0);
}

/* The text of the child at hand, without escapes. */
static void
unescape(struct cnc__reader *r, struct cnc__child *c)
{
    const char *s = c->text, *end = s + c->len, *amp;
    if (memchr(s, '&', c->len) == NULL) {
        return;
    }
    cnc__str_clear(&r->text);
    while ((amp = memchr(s, '&', (size_t)(end - s))) != NULL) {
        cnc__str_add(&r->text, s, (size_t)(amp - s));
        const char *stop = memchr(amp, ';', (size_t)(end - amp));
        if (stop == NULL) {
            break;
        }
        add_reference(&r->text, amp + 1, (size_t)(stop - amp) - 1);
        s = stop + 1;
    }
    cnc__str_add(&r->text, s, (size_t)(end - s));
    c->text = cnc__str_c(&r->text);
    c->len = r->text.len;
}

static bool
next_plain(struct cnc__reader *r, struct cnc__child *c)
{
    const char *open = memchr(r->at, '<', (size_t)(r->end - r->at));
    if (open == NULL || open[1] == '/') {
        return false;
    }
    const char *close = memchr(open, '>', (size_t)(r->end - open));
    bool empty = close[-1] == '/';
    c->name = open + 1;
    c->n_name = (size_t)(close - open) - 1 - (empty ? 1 : 0);
    c->text = r->at = close + 1;
    c->len = 0;
    if (!empty) {
        const char *tail = memchr(r->at, '<', (size_t)(r->end - r->at));
        c->len = (size_t)(tail - r->at);
        r->at = tail + c->n_name + 3;
        unescape(r, c);
    }
    return true;
}

static bool
next_of_tree(struct cnc__reader *r, struct cnc__child *c)
{
    const struct cnc_element *e =
        r->tree == NULL ? NULL
                        : cnc_element_next(r->tree, &r->next, r->ns, NULL);
    if (e == NULL) {
        return false;
    }
    c->name = cnc_element_name(e);
    c->n_name = strlen(c->name);
    c->text = cnc_element_text(e);
    c->len = strlen(c->text);
    return true;
}

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool
cnc__reader_next(struct cnc__reader *r, struct cnc__child *c)
{
    if (r->at != NULL ? !next_plain(r, c) : !next_of_tree(r, c)) {
        return false;
    }
    size_t i = 0;
    while (i < c->len && is_space(c->text[i])) {
        i++;
    }
    c->blank = i == c->len;
    return true;
}

void
cnc__reader_close(struct cnc__reader *r)
{
    cnc_element_unref(&r->tree);
    cnc__str_fini(&r->text);
}

static bool
is_called(const struct cnc__child *c, const char *name)
{
    return strlen(name) == c->n_name && memcmp(name, c->name, c->n_name) == 0;
}

bool
cnc__child_is(const struct cnc__child *c, const char *name, const char *was)
{
    return is_called(c, name) || (was != NULL && is_called(c, was));
}
