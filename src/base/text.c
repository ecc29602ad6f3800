/* SPDX-License-Identifier: MIT */
/*
 * text.c -- UTF-8, numbers and hex of strangers' text.
 */
#include "text.h"

size_t
cnc__utf8_next(uint32_t *cp, const char *str, size_t len)
{
    const unsigned char *s = (const unsigned char *)str;
    if (len == 0) {
        return 0;
    }
    unsigned char c = s[0];
    if (c < 0x80) {
        *cp = c;
        return 1;
    }
    size_t n = c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
    if (n == 0 || n > len) {
        return 0;
    }
    uint32_t v = c & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80) {
            return 0;
        }
        v = v << 6 | (s[i] & 0x3F);
    }
    if ((n == 3 && (v < 0x800 || (v >= 0xD800 && v < 0xE000))) ||
        (n == 4 && (v < 0x10000 || v > 0x10FFFF))) {
        return 0;
    }
    *cp = v;
    return n;
}

/* The run of ASCII from 0x20 at s, eight bytes a step. */
static size_t
plain_run(const char *s, size_t len)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        uint64_t w;
        memcpy(&w, s + i, 8);
        /* The high bit of a byte is set when it is >= 0x80 or < 0x20; a
         * borrow can only raise a false alarm, which the slow path sorts. */
        if (((w | (w - 0x20 * ones)) & (0x80 * ones)) != 0) {
            break;
        }
    }
    return i;
}

bool
cnc__utf8_valid(const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        i += plain_run(s + i, len - i);
        if (i < len) {
            uint32_t cp;
            size_t n = cnc__utf8_next(&cp, s + i, len - i);
            if (n == 0) {
                return false;
            }
            i += n;
        }
    }
    return true;
}

bool
cnc__xml_char(uint32_t cp)
{
    return cp >= 0x20 ? (cp < 0xD800 || cp > 0xDFFF) && cp != 0xFFFE &&
                            cp != 0xFFFF && cp <= 0x10FFFF
                      : cp == '\t' || cp == '\n' || cp == '\r';
}

bool
cnc__xml_chars_valid(const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        i += plain_run(s + i, len - i);
        if (i < len) {
            uint32_t cp;
            size_t n = cnc__utf8_next(&cp, s + i, len - i);
            if (n == 0 || !cnc__xml_char(cp)) {
                return false;
            }
            i += n;
        }
    }
    return true;
}

size_t
cnc__utf8_count(const char *s, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        n += ((unsigned char)s[i] & 0xC0) != 0x80;
    }
    return n;
}

bool
cnc__parse_int(int64_t *out, const char *s, int64_t min, int64_t max)
{
    bool minus = *s == '-';
    s += minus;
    if (*s == '\0') {
        return false;
    }
    int64_t v = 0;
    for (; *s != '\0'; s++) {
        if (*s < '0' || *s > '9') {
            return false;
        }
        /* Counted below zero, where there is room for INT64_MIN. */
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_sub_overflow(v, *s - '0', &v)) {
            return false;
        }
    }
    if (minus && v == 0) {
        return false;
    }
    if (!minus) {
        if (v == INT64_MIN) {
            return false;
        }
        v = -v;
    }
    if (v < min || v > max) {
        return false;
    }
    *out = v;
    return true;
}

void
cnc__hex(char *out, const void *data, size_t len)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = "0123456789abcdef"[p[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[p[i] & 15];
    }
    out[2 * len] = '\0';
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
cnc__unhex(const char digits[2])
{
    int hi = hex_value(digits[0]), lo = hex_value(digits[1]);
    return hi < 0 || lo < 0 ? -1 : hi << 4 | lo;
}
