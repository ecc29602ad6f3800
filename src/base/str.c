/* SPDX-License-Identifier: MIT */
/*
 * str.c -- a string that grows.
 */
#include <stdio.h>

#include "str.h"

#define STR_FIRST 64

void
cnc__str_fini(struct cnc__str *s)
{
    cnc__free(s->data);
    s->data = NULL;
    s->len = 0;
    s->cap = 0;
}

void
cnc__str_clear(struct cnc__str *s)
{
    s->len = 0;
    if (s->data != NULL) {
        s->data[0] = '\0';
    }
}

void
cnc__str_reserve(struct cnc__str *s, size_t extra)
{
    size_t need;
    CNC_CHECK(!__builtin_add_overflow(s->len, extra, &need) &&
              need < SIZE_MAX / 2);
    need++; /* the NUL */
    if (need <= s->cap) {
        return;
    }
    size_t cap = s->cap < STR_FIRST ? STR_FIRST : s->cap;
    while (cap < need) {
        cap *= 2;
    }
    s->data = cnc__realloc(s->data, cap, 1);
    s->cap = cap;
    s->data[s->len] = '\0';
}

void
cnc__str_add(struct cnc__str *s, const void *data, size_t len)
{
    cnc__str_reserve(s, len);
    if (len > 0) {
        memcpy(s->data + s->len, data, len);
    }
    s->len += len;
    s->data[s->len] = '\0';
}

void
cnc__str_puts(struct cnc__str *s, const char *text)
{
    cnc__str_add(s, text, strlen(text));
}

void
cnc__str_putc(struct cnc__str *s, char c)
{
    cnc__str_add(s, &c, 1);
}

void
cnc__str_vprintf(struct cnc__str *s, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    cnc__str_reserve(s, 32);
    size_t room = s->cap - s->len;
    int n = vsnprintf(s->data + s->len, room, fmt, ap);
    CNC_CHECK(n >= 0);
    if ((size_t)n >= room) {
        cnc__str_reserve(s, (size_t)n);
        n = vsnprintf(s->data + s->len, (size_t)n + 1, fmt, again);
        CNC_CHECK(n >= 0);
    }
    va_end(again);
    s->len += (size_t)n;
}

void
cnc__str_printf(struct cnc__str *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cnc__str_vprintf(s, fmt, ap);
    va_end(ap);
}

void
cnc__str_drop(struct cnc__str *s, size_t n)
{
    CNC_CHECK(n <= s->len);
    if (n == 0) {
        return;
    }
    s->len -= n;
    memmove(s->data, s->data + n, s->len);
    s->data[s->len] = '\0';
}

char *
cnc__str_steal(struct cnc__str *s)
{
    char *data = s->data == NULL ? cnc__strdup("") : s->data;
    s->data = NULL;
    s->len = 0;
    s->cap = 0;
    return data;
}
