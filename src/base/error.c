/* SPDX-License-Identifier: MIT */
/*
 * error.c -- codes, their names, and an error's text.
 */
#include <stdio.h>
#include <string.h>

#include <concordance/types.h>

const char *
cnc_err_name(int err)
{
    switch (err) {
    case CNC_OK:
        return "CNC_OK";
#define X(name, num, text)                                                    \
    case num:                                                                 \
        return #name;
        CNC_ERR_MAP(X)
#undef X
    default:
        return "CNC_E?";
    }
}

const char *
cnc_err_text(int err)
{
    switch (err) {
    case CNC_OK:
        return "no error";
#define X(name, num, text)                                                    \
    case num:                                                                 \
        return text;
        CNC_ERR_MAP(X)
#undef X
    default:
        return "unknown error";
    }
}

/* The bytes of s[0..len) without a character that the cut left incomplete. */
static size_t
whole_chars(const char *s, size_t len)
{
    size_t start = len;
    while (start > 0 && len - start < 4) {
        unsigned char c = (unsigned char)s[--start];
        if (c < 0x80) {
            return len;
        }
        if (c >= 0xC0) {
            size_t need = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
            return len - start < need ? start : len;
        }
    }
    return len;
}

int
cnc_error_set(struct cnc_error *err, int code, const char *condition,
              const char *fmt, ...)
{
    if (err == NULL) {
        return code;
    }
    /* By way of a copy: an argument may be err->text itself. */
    char text[sizeof(err->text)];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : (size_t)n;
    if (len >= sizeof(text)) {
        len = whole_chars(text, sizeof(text) - 1);
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F) {
            text[i] = ' ';
        }
    }
    err->code = code;
    err->condition = condition;
    err->specific = NULL;
    err->specific_ns = NULL;
    err->line = 0;
    err->column = 0;
    memcpy(err->text, text, len);
    err->text[len] = '\0';
    return code;
}
