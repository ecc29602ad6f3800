/* SPDX-License-Identifier: MIT */
/*
 * config-file.c -- a configuration file, line by line.
 */
#include "config-file.h"
#include "../base/text.h"

#define MAX_LINE 4096

struct reading {
    struct cnc__config_file *out;
    const char *name;
    unsigned line, section;
    struct cnc_error *err;
};

static int refuse(const struct reading *r, const char *fmt, ...)
    CNC_PRINTF(2, 3);

static int
refuse(const struct reading *r, const char *fmt, ...)
{
    struct cnc__str text = CNC__STR;
    va_list ap;

    va_start(ap, fmt);
    cnc__str_vprintf(&text, fmt, ap);
    va_end(ap);
    cnc_error_set(r->err, CNC_EINVAL, NULL, "%s:%u: %s", r->name, r->line,
                  text.data);
    cnc__str_fini(&text);
    return CNC_EINVAL;
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* s[0..*len) without blanks around it. */
static const char *
trim(const char *s, size_t *len)
{
    while (*len > 0 && is_blank(*s)) {
        s++;
        --*len;
    }
    while (*len > 0 && is_blank(s[*len - 1])) {
        --*len;
    }
    return s;
}

static void
add(struct reading *r, const struct cnc__option *opt, const char *value,
    size_t len)
{
    struct cnc__config_file *c = r->out;

    if (c->n == c->cap) {
        c->cap = c->cap == 0 ? 32 : c->cap * 2;
        c->lines = cnc__realloc(c->lines, c->cap, sizeof(*c->lines));
    }
    c->lines[c->n++] =
        (struct cnc__config_file_line){.opt = opt,
                                       .value = cnc__strndup(value, len),
                                       .section = r->section,
                                       .line = r->line};
}

/* -- names and values ----------------------------------------------------- */

/* Where it was given before in this section; NULL: nowhere.  section 0 is
 * for all. */
static const struct cnc__config_file_line *
given(const struct reading *r, const struct cnc__option *opt, unsigned section)
{
    for (size_t i = r->out->n; i-- > 0;) {
        const struct cnc__config_file_line *l = &r->out->lines[i];

        if (l->opt == opt && l->section == section) {
            return l;
        }
    }
    return NULL;
}

static int
begin_domain(struct reading *r, const char *value, size_t len)
{
    static const char option[] = "domain";
    const struct cnc__option *opt =
        cnc__option_find(option, sizeof(option) - 1);
    char *name = cnc__strndup(value, len);
    struct cnc_error why = {0};
    int code = cnc__option_check(opt, "", name, &why);

    for (size_t i = 0; code == 0 && i < r->out->n; i++) {
        const struct cnc__config_file_line *l = &r->out->lines[i];

        if (l->opt == NULL && l->section == 0) {
            code = cnc_error_set(&why, CNC_EINVAL, NULL,
                                 "the app of line %u stands before the first "
                                 "domain and is nobody's; move it below its "
                                 "own",
                                 l->line);
        } else if (l->opt == opt && cnc__is_same_domain(l->value, name)) {
            code = cnc_error_set(&why, CNC_EINVAL, NULL,
                                 "the domain %s began in line %u already; "
                                 "move these lines there",
                                 name, l->line);
        }
    }
    cnc__free(name);
    if (code != 0) {
        return refuse(r, "%s", why.text);
    }
    r->section = ++r->out->n_sections;
    add(r, opt, value, len);
    return 0;
}

static int
take_flag(struct reading *r, const struct cnc__option *opt, const char *value)
{
    const struct cnc__config_file_line *all = given(r, opt, 0);

    if (strcmp(value, "yes") == 0) {
        add(r, opt, "", 0);
        return 0;
    }
    if (strcmp(value, "no") != 0) {
        return refuse(r, "%s is yes or no, not \"%s\"", opt->name, value);
    }
    if (r->section != 0 && all != NULL) {
        return refuse(r,
                      "line %u says %s = yes for all domains; say it in the "
                      "section of each that has it instead",
                      all->line, opt->name);
    }
    return 0;
}

static int
take_value(struct reading *r, const struct cnc__option *opt, const char *value)
{
    const struct cnc__config_file_line *before = given(r, opt, r->section);
    struct cnc_error why = {0};

    if (r->section != 0 && opt->own == 0) {
        return refuse(r,
                      "%s is for the whole process, not for a domain; move "
                      "this line above the first domain",
                      opt->name);
    }
    if (before != NULL && opt->kind != CNC__OPTION_LIST) {
        return refuse(r, "%s stands in line %u already; keep one of them",
                      opt->name, before->line);
    }
    if (opt->kind == CNC__OPTION_FLAG) {
        return take_flag(r, opt, value);
    }
    /* An empty name turns DNSSEC off. */
    if (value[0] == '\0' && strcmp(opt->name, "trust-anchor") != 0) {
        return refuse(r,
                      "%s needs a value; without one, take the line out or "
                      "put # before it",
                      opt->name);
    }
    if (cnc__option_check(opt, "", value, &why) != 0) {
        return refuse(r, "%s", why.text);
    }
    add(r, opt, value, strlen(value));
    return 0;
}

static int
take_app(struct reading *r, const char *value)
{
    if (value[0] == '\0' || value[0] == '-') {
        return refuse(r,
                      "\"%s\" is no app; name a module such as ./wiki.so, an "
                      "installed one such as auth, or module:Class",
                      value);
    }
    add(r, NULL, value, strlen(value));
    return 0;
}

static int
take_pair(struct reading *r, const char *name, size_t n_name,
          const char *value)
{
    static const char domain[] = "domain", app[] = "app";
    const struct cnc__option *opt = cnc__option_find(name, n_name);

    if (n_name == sizeof(app) - 1 && memcmp(name, app, n_name) == 0) {
        return take_app(r, value);
    }
    if (opt == NULL) {
        return refuse(r,
                      "there is no option \"%.*s\"; `concordanced "
                      "--config-help` lists them",
                      (int)n_name, name);
    }
    if (opt->kind == CNC__OPTION_FRONT) {
        return refuse(r, "%s is for the command line; take it out", opt->name);
    }
    return strcmp(opt->name, domain) == 0
               ? begin_domain(r, value, strlen(value))
               : take_value(r, opt, value);
}

/* -- lines ---------------------------------------------------------------- */

/* "[domain NAME]" */
static int
take_section(struct reading *r, const char *s, size_t len)
{
    static const char word[] = "domain";
    const size_t n = sizeof(word) - 1;

    if (s[len - 1] != ']') {
        return refuse(r, "the ] is missing; a section begins with [domain "
                         "NAME]");
    }
    s++;
    len -= 2;
    s = trim(s, &len);
    if (len <= n || memcmp(s, word, n) != 0 || !is_blank(s[n])) {
        return refuse(r, "there are no such sections; [domain NAME] is the "
                         "only kind");
    }
    s += n;
    len -= n;
    s = trim(s, &len);
    return begin_domain(r, s, len);
}

/* The value, without its quotes; *new*, NULL when it is none. */
static char *
unquote(const struct reading *r, const char *s, size_t len)
{
    if (len > 0 && s[0] == '"') {
        if (len == 1 || memchr(s + 1, '"', len - 1) != s + len - 1) {
            refuse(r, "a value in quotes ends with one, and has none inside");
            return NULL;
        }
        return cnc__strndup(s + 1, len - 2);
    }
    for (size_t i = 1; i < len; i++) {
        if (s[i] == '#' && is_blank(s[i - 1])) {
            refuse(r, "a comment has a line of its own; when # is a part of "
                      "the value, put that in quotes");
            return NULL;
        }
    }
    return cnc__strndup(s, len);
}

static int
take_line(struct reading *r, const char *s, size_t len)
{
    const char *equals, *rest;
    size_t n_name, n_rest;
    char *value;
    int code;

    if (len > 0 && s[len - 1] == '\r') {
        len--;
    }
    s = trim(s, &len);
    if (len == 0 || s[0] == '#') {
        return 0;
    }
    if (len > MAX_LINE) {
        return refuse(r, "the line is longer than %d bytes", MAX_LINE);
    }
    for (size_t i = 0; i < len; i++) {
        if (((unsigned char)s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7F) {
            return refuse(r, "the line has a byte that is no text (0x%02x)",
                          (unsigned char)s[i]);
        }
    }
    if (!cnc__utf8_valid(s, len)) {
        return refuse(r, "the line is not UTF-8; save the file as UTF-8");
    }
    if (s[0] == '[') {
        return take_section(r, s, len);
    }
    equals = memchr(s, '=', len);
    if (equals == NULL) {
        return refuse(r, "a line is NAME = VALUE, [domain NAME] or # and a "
                         "comment; this is none");
    }
    n_name = (size_t)(equals - s);
    n_rest = len - n_name - 1;
    rest = trim(equals + 1, &n_rest);
    s = trim(s, &n_name);
    value = unquote(r, rest, n_rest);
    code = value == NULL ? CNC_EINVAL : take_pair(r, s, n_name, value);
    cnc__free(value);
    return code;
}

int
cnc__config_file_read(struct cnc__config_file *out, const char *name,
                      const char *text, size_t len, struct cnc_error *err)
{
    struct reading r = {.out = out, .name = name, .err = err};
    int code = 0;

    *out = (struct cnc__config_file){0};
    if (len > CNC__CONFIG_FILE_MAX) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "%s has more than %d bytes; is it the "
                             "configuration file?",
                             name, CNC__CONFIG_FILE_MAX);
    }
    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3; /* some editors' mark of UTF-8 */
        len -= 3;
    }
    while (code == 0 && len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t n = end == NULL ? len : (size_t)(end - text);

        r.line++;
        code = take_line(&r, text, n);
        n += end != NULL;
        text += n;
        len -= n;
    }
    return code;
}

void
cnc__config_file_fini(struct cnc__config_file *c)
{
    for (size_t i = 0; i < c->n; i++) {
        cnc__free(c->lines[i].value);
    }
    cnc__free(c->lines);
    *c = (struct cnc__config_file){0};
}
