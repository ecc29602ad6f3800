/* SPDX-License-Identifier: MIT */
/*
 * console-show.c -- a stanza as a person reads it.
 *
 * The canonical form is coloured as it passes by: it has no comment, no PI and
 * no CDATA, and ">" stands in no attribute's way, since values are quoted.
 */
#include <stdio.h>

#include "console.h"
#include "ctl.h"

enum place { TEXT, NAME, INSIDE, VALUE };

static const char *const colours[] = {
    [TEXT] = "\033[0m",
    [NAME] = "\033[34m",
    [INSIDE] = "\033[36m",
    [VALUE] = "\033[32m",
};

static enum place
after(enum place was, char c)
{
    switch (was) {
    case TEXT:
        return c == '<' ? NAME : TEXT;
    case NAME:
        return c == '>' ? TEXT : c == ' ' ? INSIDE : NAME;
    case INSIDE:
        return c == '"' ? VALUE : c == '>' ? TEXT : INSIDE;
    case VALUE:
        return c == '"' ? INSIDE : VALUE;
    }
    return TEXT;
}

void
console_write(struct cnc__str *out, const struct cnc_element *e, bool colour)
{
    struct cnc_buf *text = cnc_element_write(e, CNC_WRITE_INDENT);
    const char *s = cnc_buf_data(text), *end = s + cnc_buf_len(text);
    enum place place = TEXT, next;

    while (s < end) {
        size_t n = *s == '\n' ? 0 : ctl_control(s);

        next = after(place, *s);
        /* "<" and the quotes are of what they open; ">" is of its name. */
        if (colour && next != place && next > place) {
            cnc__str_puts(out, colours[next]);
        }
        if (n > 0) {
            cnc__str_printf(out, "&#%u;", (unsigned char)s[n - 1]);
        } else {
            cnc__str_putc(out, *s);
            n = 1;
        }
        if (colour && next < place) {
            cnc__str_puts(out, colours[next]);
        }
        place = next;
        s += n;
    }
    cnc__str_putc(out, '\n');
    cnc_buf_unref(&text);
}
