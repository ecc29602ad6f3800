/* SPDX-License-Identifier: MIT */
/*
 * query-parse.c -- the words of a query.
 *
 *   where = *( FIELD OP VALUE )          sort = *( [ "-" ] FIELD )
 *   OP    = "=" / "!=" / "<" / "<=" / ">" / ">=" / "~"
 *   VALUE = WORD / "{" NAME "}" / '"' text '"' / "'" text "'"
 *
 * with blanks between them, which may also stand around OP; in a quoted text
 * a backslash takes the next character as it is.
 */
#include "formimpl.h"
#include "queryimpl.h"

struct source { /* what is read, and its name in errors */
    const char *what, *at, *record;
    struct cnc_error *err;
};

/* As much of a word as an error shows. */
#define SHOWN 64

static int
wrong(struct source *s, const char *fmt, const char *word, size_t len)
{
    struct cnc__str text = CNC__STR;
    size_t n = len < SHOWN ? len : SHOWN;
    while (n > 0 && n < len && ((unsigned char)word[n] & 0xC0) == 0x80) {
        n--; /* whole characters */
    }
    cnc__str_printf(&text, fmt, (int)n, word);
    cnc_error_set(s->err, CNC_EINVAL, "bad-request", "%s: %s", s->what,
                  text.data);
    cnc__str_fini(&text);
    return CNC_EINVAL;
}

static void
skip_blanks(struct source *s)
{
    s->at += strspn(s->at, " \t\r\n");
}

static int
find_field(size_t *out, struct source *s, const struct cnc__query *q,
           const char *name, size_t len)
{
    for (size_t i = 0; i < q->n_fields; i++) {
        if (q->fields[i].n_name == len &&
            memcmp(q->fields[i].name, name, len) == 0) {
            *out = i;
            return 0;
        }
    }
    struct cnc__str fmt = CNC__STR;
    cnc__str_printf(&fmt, "%s%s%s has no field \"%%.*s\"",
                    s->record == NULL ? "the node" : "the record \"",
                    s->record == NULL ? "" : s->record,
                    s->record == NULL ? "" : "\"");
    int rc = wrong(s, fmt.data, name, len);
    cnc__str_fini(&fmt);
    return rc;
}

static bool
read_op(enum cnc__qop *out, const char **at)
{
    static const struct {
        const char *text;
        enum cnc__qop op;
    } all[] = {{"!=", CNC__Q_NE}, {"<=", CNC__Q_LE}, {">=", CNC__Q_GE},
               {"=", CNC__Q_EQ},  {"<", CNC__Q_LT},  {">", CNC__Q_GT},
               {"~", CNC__Q_HAS}};
    for (size_t i = 0; i < CNC_N(all); i++) {
        size_t len = strlen(all[i].text);
        if (strncmp(*at, all[i].text, len) == 0) {
            *out = all[i].op;
            *at += len;
            return true;
        }
    }
    return false;
}

/* -- values --------------------------------------------------------------- */

static int
read_quoted(struct cnc__str *out, struct source *s)
{
    const char *start = s->at;
    char quote = *s->at++;
    for (; *s->at != quote; s->at++) {
        if (*s->at == '\\' && s->at[1] != '\0') {
            s->at++;
        }
        if (*s->at == '\0') {
            return wrong(s, "the quote is not closed: %.*s", start,
                         strlen(start));
        }
        cnc__str_putc(out, *s->at);
    }
    s->at++;
    if (*s->at != '\0' && strchr(" \t\r\n", *s->at) == NULL) {
        return wrong(s, "a blank is missing before \"%.*s\"", s->at,
                     strcspn(s->at, " \t\r\n"));
    }
    return 0;
}

static int
add_param(size_t *out, struct source *s, struct cnc__query *q,
          const char *name, size_t len)
{
    if (len == 0) {
        return wrong(s, "a parameter needs a name%.*s", "", 0);
    }
    for (size_t i = 0; i < q->n_params; i++) {
        if (strlen(q->params[i]) == len &&
            memcmp(q->params[i], name, len) == 0) {
            *out = i;
            return 0;
        }
    }
    q->params[q->n_params] = cnc__strndup(name, len); /* one a term at most */
    *out = q->n_params++;
    return 0;
}

/* What is not quoted: a word, or all of it a parameter. */
static int
read_word(struct cnc__str *out, struct source *s, struct cnc__query *q,
          struct cnc__qterm *t)
{
    size_t len = strcspn(s->at, " \t\r\n");
    const char *word = s->at;
    s->at += len;
    if (len >= 2 && word[0] == '{' && word[len - 1] == '}' &&
        strcspn(word + 1, "{}") == len - 2) {
        return add_param(&t->param, s, q, word + 1, len - 2);
    }
    if (strcspn(word, "{}\"") < len) {
        return wrong(s, "quote the value \"%.*s\"", word, len);
    }
    cnc__str_add(out, word, len);
    return 0;
}

static int
read_value(struct source *s, struct cnc__query *q, struct cnc__qterm *t)
{
    const struct cnc__qfield *f = &q->fields[t->field];
    struct cnc__str text = CNC__STR;
    if (*s->at == '\0') {
        return wrong(s, "\"%.*s\" needs a value; \"\" is none", f->name,
                     f->n_name);
    }
    int rc = *s->at == '"' || *s->at == '\'' ? read_quoted(&text, s)
                                             : read_word(&text, s, q, t);
    if (rc == 0 && t->param == SIZE_MAX) {
        cnc__qvalue_set(&t->value, f->kind, t->op, cnc__str_c(&text));
        if (t->value.is == CNC__Q_WRONG) {
            struct cnc__str fmt = CNC__STR;
            cnc__str_printf(&fmt, "\"%%.*s\": %s must be %s", f->name,
                            text.len == 0 ? "something"
                                          : cnc__kind_text(f->kind));
            rc = wrong(s, fmt.data, cnc__str_c(&text), text.len);
            cnc__str_fini(&fmt);
        }
    }
    cnc__str_fini(&text);
    return rc;
}

/* -- where and sort ------------------------------------------------------- */

static int
read_term(struct source *s, struct cnc__query *q)
{
    if (q->n_terms == CNC__QUERY_TERMS) {
        return wrong(s, "there are too many conditions, from \"%.*s\" on",
                     s->at, strlen(s->at));
    }
    struct cnc__qterm *t = &q->terms[q->n_terms];
    t->param = SIZE_MAX;
    const char *name = s->at;
    size_t len = strcspn(name, " \t\r\n=!<>~");
    s->at += len;
    skip_blanks(s);
    if (len == 0) {
        return wrong(s, "a field is missing before \"%.*s\"", name,
                     strcspn(name, " \t\r\n"));
    }
    int rc = find_field(&t->field, s, q, name, len);
    if (rc != 0) {
        return rc;
    }
    if (!read_op(&t->op, &s->at)) {
        return wrong(s, "after \"%.*s\" goes one of = != < <= > >= ~", name,
                     len);
    }
    skip_blanks(s);
    q->n_terms++;
    return read_value(s, q, t);
}

static int
read_sort(struct source *s, struct cnc__query *q)
{
    const char *word = s->at;
    size_t len = strcspn(word, " \t\r\n");
    s->at += len;
    if (q->n_sorts == CNC__QUERY_SORTS) {
        return wrong(s, "there are too many fields, from \"%.*s\" on", word,
                     strlen(word));
    }
    struct cnc__qsort *o = &q->sorts[q->n_sorts++];
    o->down = *word == '-';
    return find_field(&o->field, s, q, word + (o->down ? 1 : 0),
                      len - (o->down ? 1 : 0));
}

static int
read_all(struct source *s, struct cnc__query *q,
         int (*one)(struct source *s, struct cnc__query *q))
{
    if (s->at == NULL) {
        return 0;
    }
    if (strlen(s->at) > CNC__QUERY_BYTES) {
        return wrong(s, "it is too long, from \"%.*s\" on",
                     s->at + CNC__QUERY_BYTES,
                     strlen(s->at + CNC__QUERY_BYTES));
    }
    int rc = 0;
    for (skip_blanks(s); rc == 0 && *s->at != '\0'; skip_blanks(s)) {
        rc = one(s, q);
    }
    return rc;
}

int
cnc__query_parse(struct cnc__query *q, const char *record, const char *where,
                 const char *sort, struct cnc_error *err)
{
    struct source s = {"where", where, record, err};
    int rc = read_all(&s, q, read_term);
    if (rc == 0) {
        s.what = "sort";
        s.at = sort;
        rc = read_all(&s, q, read_sort);
    }
    return rc;
}
