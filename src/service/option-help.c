/* SPDX-License-Identifier: MIT */
/*
 * option-help.c -- the text of --help, made of the table.
 */
#include <string.h>

#include "options.h"

#define COLUMN 21 /* where what an option does begins */
#define WIDTH  79

/* text, whose every line has a margin; at: the column we are in. */
static void
wrap(struct cnc__str *out, size_t at, size_t margin, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, " ");

        if (at > margin && at + 1 + len > WIDTH) {
            cnc__str_putc(out, '\n');
            at = 0;
        }
        if (at < margin) {
            cnc__str_printf(out, "%*s", (int)(margin - at), "");
            at = margin;
        } else if (at > margin) {
            cnc__str_putc(out, ' ');
            at++;
        }
        cnc__str_add(out, text, len);
        at += len;
        text += len + (text[len] == ' ');
    }
    cnc__str_putc(out, '\n');
}

static void
add_option(struct cnc__str *out, const struct cnc__option *opt)
{
    struct cnc__str text = CNC__STR;
    size_t before = out->len, at;

    cnc__str_printf(out, "  --%s%s%s", opt->name,
                    opt->value == NULL ? "" : " ",
                    opt->value == NULL ? "" : opt->value);
    at = out->len - before;
    if (at >= COLUMN) {
        cnc__str_putc(out, '\n');
        at = 0;
    }
    cnc__str_printf(&text, "%s%s",
                    opt->kind == CNC__OPTION_LIST ? "LIST " : "", opt->help);
    if (opt->standard != NULL) {
        cnc__str_printf(&text, " [%s]", opt->standard);
    }
    wrap(out, at, COLUMN, text.data);
    cnc__str_fini(&text);
}

/* Which a domain may have of its own. */
static void
add_own(struct cnc__str *out)
{
    struct cnc__str text = CNC__STR;

    cnc__str_puts(&text,
                  "Several domains: each --domain begins one, and its apps "
                  "come after it. Options before the first are for all of "
                  "them. After it, these are that domain's own:");
    for (size_t i = 0; i < cnc__n_options; i++) {
        const struct cnc__option *opt = &cnc__options[i];

        if (opt->own != 0 && strcmp(opt->name, "domain") != 0) {
            cnc__str_printf(&text, " %s,", opt->name);
        }
    }
    text.data[text.len - 1] = '.';
    wrap(out, 0, 0, text.data);
    cnc__str_fini(&text);
}

const char *
cnc_service_options_help(void)
{
    static char *made;
    struct cnc__str out = CNC__STR;

    if (made != NULL) {
        return made;
    }
    for (int group = 0; group < CNC__N_GROUPS; group++) {
        cnc__str_printf(&out, "%s%s%s:\n", group == 0 ? "" : "\n",
                        cnc__option_groups[group],
                        group == 0 ? " (LIST: may be given again)" : "");
        for (size_t i = 0; i < cnc__n_options; i++) {
            if ((int)cnc__options[i].group == group) {
                add_option(&out, &cnc__options[i]);
            }
        }
    }
    cnc__str_putc(&out, '\n');
    add_own(&out);
    made = cnc__str_steal(&out);
    return made;
}
