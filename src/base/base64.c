/* SPDX-License-Identifier: MIT */
/*
 * base64.c -- base64, canonical both ways (RFC 4648 section 4).
 */
#include "text.h"

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
cnc__base64_encode(struct cnc__str *out, const void *data, size_t len)
{
    const unsigned char *p = data;
    CNC_CHECK(len < SIZE_MAX / 4);
    cnc__str_reserve(out, (len + 2) / 3 * 4);
    for (; len > 0;) {
        size_t n = len < 3 ? len : 3;
        uint32_t v = (uint32_t)p[0] << 16;
        if (n > 1) {
            v |= (uint32_t)p[1] << 8;
        }
        if (n > 2) {
            v |= p[2];
        }
        char quad[4] = {
            digits[v >> 18],
            digits[v >> 12 & 63],
            digits[v >> 6 & 63],
            digits[v & 63],
        };
        memset(quad + 1 + n, '=', 3 - n);
        cnc__str_add(out, quad, 4);
        p += n;
        len -= n;
    }
}

static int
value_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int
cnc__base64_decode(struct cnc__str *out, const char *s, size_t len)
{
    if (len % 4 != 0) {
        return CNC_ESYNTAX;
    }
    size_t before = out->len;
    cnc__str_reserve(out, len / 4 * 3);
    for (size_t i = 0; i < len; i += 4) {
        size_t pad = 0;
        if (i + 4 == len && s[i + 3] == '=') {
            pad = s[i + 2] == '=' ? 2 : 1;
        }
        uint32_t v = 0;
        for (size_t k = 0; k < 4; k++) {
            int d = k < 4 - pad ? value_of(s[i + k]) : 0;
            if (d < 0) {
                goto fail;
            }
            v = v << 6 | (uint32_t)d;
        }
        /* Bits under the padding must be zero: one text a value. */
        if ((pad == 1 && (v & 0xFF) != 0) || (pad == 2 && (v & 0xFFFF) != 0)) {
            goto fail;
        }
        char bytes[3] = {(char)(v >> 16), (char)(v >> 8), (char)v};
        cnc__str_add(out, bytes, 3 - pad);
    }
    return 0;
fail:
    out->len = before;
    out->data[before] = '\0';
    return CNC_ESYNTAX;
}
