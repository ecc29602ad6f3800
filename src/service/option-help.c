/* SPDX-License-Identifier: MIT */
/*
 * option-help.c -- the texts of --help and --config-help, made of the table.
 */
#include <string.h>

#include "options.h"

#define COLUMN 21 /* where what an option does begins */
#define WIDTH  79

/* text, whose every line has a margin and width; at: the column we are in. */
static void
wrap(struct cnc__str *out, size_t at, size_t margin, size_t width,
     const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, " ");

        if (at > margin && at + 1 + len > width) {
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
    wrap(out, at, COLUMN, WIDTH, text.data);
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
    wrap(out, 0, 0, WIDTH, text.data);
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
        cnc__str_printf(
            &out, "%s%s%s:\n", group == 0 ? "" : "\n",
            cnc__option_groups[group],
            group == CNC__GROUP_PLACES ? " (LIST: may be given again)" : "");
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

/* -- --config-help -------------------------------------------------------- */

/* Text as comments. */
static void
comment(struct cnc__str *out, const char *text)
{
    struct cnc__str lines = CNC__STR;

    wrap(&lines, 0, 0, WIDTH - 2, text);
    for (const char *s = lines.data; *s != '\0';) {
        size_t len = strcspn(s, "\n");

        cnc__str_puts(out, "# ");
        cnc__str_add(out, s, len + 1);
        s += len + 1;
    }
    cnc__str_fini(&lines);
}

static const char *
example_of(const struct cnc__option *opt)
{
    return opt->example != NULL            ? opt->example
           : opt->kind == CNC__OPTION_FLAG ? "yes"
                                           : opt->standard;
}

/* What it does, its default, what may be done with it; then the line. */
static void
add_lines(struct cnc__str *out, const struct cnc__option *opt)
{
    bool named = strcmp(opt->name, "domain") == 0;
    struct cnc__str text = CNC__STR;

    cnc__str_puts(&text, opt->help);
    if (text.data[0] >= 'a' && text.data[0] <= 'z' &&
        !(text.data[1] >= 'A' && text.data[1] <= 'Z')) {
        text.data[0] = (char)(text.data[0] - 'a' + 'A');
    }
    cnc__str_putc(&text, '.');
    if (opt->standard != NULL) {
        cnc__str_printf(&text, " Default: %s.", opt->standard);
    }
    if (opt->kind == CNC__OPTION_NUMBER) {
        cnc__str_printf(&text, " From %lld to %lld.", (long long)opt->min,
                        (long long)opt->max);
    }
    cnc__str_printf(
        &text, "%s%s%s",
        opt->kind == CNC__OPTION_LIST ? " May be given again." : "",
        opt->own != 0 && !named ? " A domain may have its own." : "",
        opt->live ? "" : " A change needs a restart.");
    comment(out, text.data);
    cnc__str_printf(out, "#%s = %s\n\n", opt->name, example_of(opt));
    cnc__str_fini(&text);
}

static void
add_group(struct cnc__str *out, enum cnc__option_group group)
{
    const char *title = cnc__option_groups[group];
    int rest = WIDTH - 7 - (int)strlen(title);

    cnc__str_printf(out, "# -- %s ", title);
    while (rest-- > 0) {
        cnc__str_putc(out, '-');
    }
    cnc__str_puts(out, "\n\n");
    for (size_t i = 0; i < cnc__n_options; i++) {
        if (cnc__options[i].group == group &&
            strcmp(cnc__options[i].name, "domain") != 0) {
            add_lines(out, &cnc__options[i]);
        }
    }
}

static const char head[] =
    "# Concordance's configuration.  Each option of `concordanced --help` "
    "may\n"
    "# stand here, as NAME = VALUE; a line that begins with # is a comment.\n"
    "# A value may be in \"quotes\".  An option that stands on the command\n"
    "# line, too, is taken from there.  Paths without a leading / are below\n"
    "# the folder that the service is started in.\n"
    "#\n"
    "# Judge it:      concordanced --config FILE --check\n"
    "# Read it again: concordctl reload, or SIGHUP\n\n";

static const char domains[] =
    "# -- Domains and their apps ---------------------------------------------"
    "-\n\n"
    "# What follows is of this domain alone; each other domain has a section\n"
    "# like it.  One domain without a name, which is localhost, needs none.\n"
    "#[domain books.example]\n\n"
    "# An app: a module's path, the name of an installed one, or, with\n"
    "# `python3 -m concordance run`, MODULE:CLASS.  =/wiki puts it there. "
    "May\n"
    "# be given again.\n"
    "#app = auth\n"
    "#app = ./wiki.so=/wiki\n"
    "#app = mybookcase:MyBookcase\n";

const char *
cnc_service_options_file(void)
{
    static char *made;
    struct cnc__str out = CNC__STR;

    if (made == NULL) {
        cnc__str_puts(&out, head);
        for (int group = CNC__GROUP_FILE + 1; group < CNC__N_GROUPS; group++) {
            add_group(&out, (enum cnc__option_group)group);
        }
        cnc__str_puts(&out, domains);
        made = cnc__str_steal(&out);
    }
    return made;
}
