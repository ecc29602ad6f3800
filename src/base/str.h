/* SPDX-License-Identifier: MIT */
/*
 * str.h -- a growable byte string, always NUL-terminated once it holds
 * anything.  Also the output buffer of a connection.
 *
 * Caller's storage: `struct cnc__str s = CNC__STR;` ... `cnc__str_fini(&s)`.
 */
#ifndef CNC_BASE_STR_H
#define CNC_BASE_STR_H

#include "check.h"

struct cnc__str {
    char *data; /* NULL while nothing was ever added */
    size_t len, cap;
};
#define CNC__STR                                                              \
    {                                                                         \
        NULL, 0, 0                                                            \
    }

CNC_API void cnc__str_fini(struct cnc__str *s);  /* frees; reusable after */
CNC_API void cnc__str_clear(struct cnc__str *s); /* len 0, keeps the room */
CNC_API void cnc__str_reserve(struct cnc__str *s, size_t extra);
CNC_API void cnc__str_add(struct cnc__str *s, const void *data, size_t len);
CNC_API void cnc__str_puts(struct cnc__str *s, const char *text);
CNC_API void cnc__str_putc(struct cnc__str *s, char c);
CNC_API void cnc__str_printf(struct cnc__str *s, const char *fmt, ...)
    CNC_PRINTF(2, 3);
CNC_API void cnc__str_vprintf(struct cnc__str *s, const char *fmt, va_list ap);
/* Drop the first n bytes (memmove). */
CNC_API void cnc__str_drop(struct cnc__str *s, size_t n);
/* The bytes as a *new* malloc'd string for cnc__free; s is empty after. */
CNC_API char *cnc__str_steal(struct cnc__str *s);
/* data, or "" while empty. */
static inline const char *
cnc__str_c(const struct cnc__str *s)
{
    return s->data == NULL ? "" : s->data;
}

#endif /* CNC_BASE_STR_H */
