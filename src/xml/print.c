/* SPDX-License-Identifier: MIT */
/*
 * print.c -- the printf that escapes.
 */
#include "../base/check.h"
#include "write.h"

/* %s, and %.*s when precision is not negative: as printf, a shorter string
 * ends earlier. */
static void
print_string(struct cnc__str *out, const char *s, int precision)
{
    if (s == NULL) {
        return;
    }
    cnc__xml_escape(out, s,
                    precision < 0 ? strlen(s) : strnlen(s, (size_t)precision));
}

static void
print_pointer(struct cnc__str *out, char kind, const void *p)
{
    CNC_CHECK(kind == 'E' || kind == 'B' || kind == 'R');
    if (p == NULL) {
        return;
    }
    if (kind == 'E') {
        cnc__xml_write(out, p, "", 0);
    } else if (kind == 'B') {
        cnc__str_add(out, cnc_buf_data(p), cnc_buf_len(p));
    } else {
        cnc__str_puts(out, p);
    }
}

void
cnc__xml_vprintf(struct cnc__str *out, const char *fmt, va_list ap)
{
    while (*fmt != '\0') {
        size_t plain = strcspn(fmt, "%");
        cnc__str_add(out, fmt, plain);
        fmt += plain;
        if (*fmt == '\0') {
            break;
        }
        fmt++;
        char c = *fmt++;
        int precision = -1;
        if (c == '.') {
            CNC_CHECK(fmt[0] == '*' && fmt[1] == 's');
            fmt += 2;
            c = 's';
            precision = va_arg(ap, int);
        }
        if (c == 's') {
            print_string(out, va_arg(ap, const char *), precision);
        } else if (c == 'c') {
            char one = (char)va_arg(ap, int);
            cnc__xml_escape(out, &one, 1);
        } else if (c == 'd') {
            cnc__str_printf(out, "%d", va_arg(ap, int));
        } else if (c == 'u') {
            cnc__str_printf(out, "%u", va_arg(ap, unsigned));
        } else if (c == '%') {
            cnc__str_putc(out, '%');
        } else if (c == 'p') {
            char kind = *fmt++;
            print_pointer(out, kind, va_arg(ap, const void *));
        } else if (c == 'z' && *fmt == 'u') {
            fmt++;
            cnc__str_printf(out, "%zu", va_arg(ap, size_t));
        } else if (c == 'l') {
            int n_l = *fmt == 'l' ? 2 : 1;
            fmt += n_l - 1;
            c = *fmt++;
            CNC_CHECK(c == 'd' || c == 'u');
            if (c == 'd') {
                cnc__str_printf(out, "%lld",
                                n_l == 2 ? va_arg(ap, long long)
                                         : va_arg(ap, long));
            } else {
                cnc__str_printf(out, "%llu",
                                n_l == 2 ? va_arg(ap, unsigned long long)
                                         : va_arg(ap, unsigned long));
            }
        } else {
            CNC_CHECK(!"a conversion this printf does not have");
        }
    }
}

void
cnc__xml_printf(struct cnc__str *out, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cnc__xml_vprintf(out, fmt, ap);
    va_end(ap);
}
