/* SPDX-License-Identifier: MIT */
/*
 * print.c -- what goes to the terminal: nothing in it speaks to it.
 */
#include <stdio.h>

#include "../base/text.h"
#include "ctl.h"

int
ctl_fail(const struct cnc_error *err)
{
    size_t len = strlen(err->text);
    /* What the service says to people is a sentence already. */
    bool ended = len > 0 && strchr(".!?", err->text[len - 1]) != NULL;

    fprintf(stderr, "concordctl: %s%s\n", err->text, ended ? "" : ".");
    return 1;
}

int
ctl_say(int status, const char *fmt, ...)
{
    va_list ap;

    fputs("concordctl: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputs("\n", stderr);
    return status;
}

size_t
ctl_control(const char *s)
{
    unsigned char c = (unsigned char)s[0];

    if (c == 0xc2 && (unsigned char)s[1] >= 0x80 &&
        (unsigned char)s[1] < 0xa0) {
        return 2;
    }
    return c < 0x20 || c == 0x7f ? 1 : 0;
}

void
ctl_print_text_to(FILE *out, const char *s)
{
    for (size_t n; *s != '\0'; s += n) {
        n = ctl_control(s);
        if (n == 0) {
            fputc(*s, out);
            n = 1;
        } else {
            for (size_t i = 0; i < n; i++) {
                fprintf(out, "\\x%02x", (unsigned char)s[i]);
            }
        }
    }
}

void
ctl_print_text(const char *s)
{
    ctl_print_text_to(stdout, s);
}

void
ctl_print(struct ctl *ctl, const struct cnc_element *e)
{
    struct cnc_buf *text =
        cnc_element_write(e, ctl->indent ? CNC_WRITE_INDENT : 0);
    const char *s = cnc_buf_data(text), *end = s + cnc_buf_len(text);

    /* The same XML, and never more than its line: names hold no controls, so
     * each stands where a reference may. */
    while (s < end) {
        size_t n = ctl->indent && *s == '\n' ? 0 : ctl_control(s);

        if (n == 0) {
            fputc(*s++, stdout);
        } else {
            printf("&#%u;", (unsigned char)s[n - 1]);
            s += n;
        }
    }
    fputc('\n', stdout);
    cnc_buf_unref(&text);
}

void
ctl_json_string(struct cnc__str *out, const char *s)
{
    bool utf8 = cnc__utf8_valid(s, strlen(s));

    cnc__str_putc(out, '"');
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;

        if (c == '"' || c == '\\') {
            cnc__str_printf(out, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8)) {
            cnc__str_printf(out, "\\u%04x", c);
        } else {
            cnc__str_putc(out, (char)c);
        }
    }
    cnc__str_putc(out, '"');
}
