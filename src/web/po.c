/* SPDX-License-Identifier: MIT */
/*
 * po.c -- one catalogue: a PO file read, and a text looked up in it.
 *
 *   between -msgid-> id -msgstr-> translation -(any but a string)-> between
 *
 * A sentence with values in it is found by its pattern: what stands between
 * the directives has to be there, in order, and what is left are the values.
 */
#include "../base/log.h"
#include "../base/table.h"
#include "../base/text.h"
#include "locale.h"

#define MAX_FILE    ((size_t)1 << 20)
#define MAX_ENTRIES 10000u
#define MAX_TEXT    ((size_t)8 << 10)
#define MAX_VALUES  8u

struct pattern {
    char *from;
    const char *to; /* the table's */
    size_t n_own;   /* bytes that are no directive */
};

struct cnc__catalogue {
    struct cnc__table *texts; /* msgid -> msgstr */
    struct pattern *patterns;
    size_t n_patterns;
};

void
cnc__catalogue_free(struct cnc__catalogue **cp)
{
    struct cnc__catalogue *c = *cp;
    *cp = NULL;
    if (c != NULL) {
        for (size_t i = 0; i < c->n_patterns; i++) {
            cnc__free(c->patterns[i].from);
        }
        cnc__free(c->patterns);
        cnc__table_free(&c->texts, cnc__free);
        cnc__free(c);
    }
}

size_t
cnc__catalogue_len(const struct cnc__catalogue *c)
{
    return cnc__table_len(c->texts);
}

const char *
cnc__catalogue_text(const struct cnc__catalogue *c, const char *text)
{
    return cnc__table_get(c->texts, text);
}

/* -- directives ----------------------------------------------------------- */

struct directive {
    size_t len;   /* of it; 0: there is none here */
    size_t place; /* of %2$s, from 1; 0: the next one */
    bool number;
};

/* At a '%': what printf would take, without flags that need thought. */
static struct directive
directive(const char *s)
{
    struct directive d = {0, 0, false};
    size_t n = 1, digits = strspn(s + 1, "0123456789");
    if (digits == 1 && s[2] == '$') {
        d.place = (size_t)(s[1] - '0');
        n = 3;
        digits = strspn(s + n, "0123456789");
    }
    n += digits;
    if (s[n] == '.') {
        n += 1 + strspn(s + n + 1, "0123456789");
    }
    n += strspn(s + n, "hlzjt");
    if (s[n] != '\0' && strchr("sdiuc", s[n]) != NULL) {
        d.number = strchr("diu", s[n]) != NULL;
        d.len = n + 1;
    }
    return d;
}

/* Up to the next directive. */
static size_t
plain(const char *s)
{
    size_t n = 0;
    while (s[n] != '\0' && (s[n] != '%' || directive(s + n).len == 0)) {
        n++;
    }
    return n;
}

static size_t
count(const char *s, size_t *own)
{
    size_t values = 0;
    *own = 0;
    for (;;) {
        size_t n = plain(s);
        *own += n;
        s += n;
        if (*s == '\0') {
            return values;
        }
        s += directive(s).len;
        values++;
    }
}

struct value {
    const char *at;
    size_t len;
};

static bool
is_number(const char *s, size_t len)
{
    size_t n = len > 0 && *s == '-' ? 1 : 0;
    size_t first = n;
    while (n < len && s[n] >= '0' && s[n] <= '9') {
        n++;
    }
    return n == len && n > first;
}

/* The values that make s of the pattern.  Each is as short as what follows it
 * allows; the last words of the pattern are the last of s. */
static bool
match(const char *pattern, const char *s, struct value values[MAX_VALUES],
      size_t *n_values)
{
    size_t n = plain(pattern), k = 0;
    if (strncmp(pattern, s, n) != 0) {
        return false;
    }
    pattern += n;
    s += n;
    while (*pattern != '\0') {
        struct directive d = directive(pattern);
        pattern += d.len;
        n = plain(pattern);
        const char *end = s + strlen(s), *next = NULL;
        if (pattern[n] == '\0') {
            next = (size_t)(end - s) >= n ? end - n : NULL;
            if (next != NULL && memcmp(next, pattern, n) != 0) {
                next = NULL;
            }
        } else if (n > 0 && *s != '\0') {
            next = memmem(s + 1, (size_t)(end - s - 1), pattern, n);
        }
        if (next == NULL || next == s || k == MAX_VALUES ||
            (d.number && !is_number(s, (size_t)(next - s)))) {
            return false;
        }
        values[k++] = (struct value){s, (size_t)(next - s)};
        s = next + n;
        pattern += n;
    }
    *n_values = k;
    return *s == '\0';
}

static char *
fill(const char *to, const struct value *values, size_t n_values,
     const struct cnc__tr *tr)
{
    struct cnc__str out = CNC__STR;
    for (size_t next = 0;;) {
        size_t n = plain(to);
        cnc__str_add(&out, to, n);
        to += n;
        if (*to == '\0') {
            break;
        }
        struct directive d = directive(to);
        size_t i = d.place > 0 ? d.place - 1 : next++;
        if (i < n_values) {
            char *value = cnc__strndup(values[i].at, values[i].len);
            cnc__str_puts(&out, cnc__tr(tr, value));
            cnc__free(value);
        }
        to += d.len;
    }
    return out.data == NULL ? cnc__strdup("") : cnc__str_steal(&out);
}

char *
cnc__catalogue_match(const struct cnc__catalogue *c, const char *text,
                     const struct cnc__tr *tr)
{
    struct value values[MAX_VALUES], best[MAX_VALUES];
    const struct pattern *found = NULL;
    size_t n, n_best = 0;
    for (size_t i = 0; i < c->n_patterns; i++) {
        const struct pattern *p = &c->patterns[i];
        if ((found == NULL || p->n_own > found->n_own) &&
            match(p->from, text, values, &n)) {
            found = p;
            memcpy(best, values, sizeof(best));
            n_best = n;
        }
    }
    return found == NULL ? NULL : fill(found->to, best, n_best, tr);
}

/* -- reading -------------------------------------------------------------- */

enum part { NONE, CONTEXT, ID, PLURAL, TRANSLATION };

struct reader {
    struct cnc__catalogue *out;
    const char *file;
    unsigned line, at; /* this line; the one the entry began on */
    enum part part;    /* what a string goes on with */
    bool fuzzy, skip, has_id, has_translation;
    size_t n_skipped;
    struct cnc__str id, translation;
    struct cnc_error *err;
};

static int
wrong(struct reader *r, unsigned line, int code, const char *what)
{
    return cnc_error_set(r->err, code, NULL, "%s, line %u: %s", r->file, line,
                         what);
}

/* The directives of the translation are values that the text has. */
static bool
same_values(const char *from, const char *to)
{
    size_t own, n = count(from, &own), next = 0;
    for (;;) {
        to += plain(to);
        if (*to == '\0') {
            return true;
        }
        struct directive d = directive(to);
        if ((d.place > 0 ? d.place : ++next) > n) {
            return false;
        }
        to += d.len;
    }
}

static void
add_pattern(struct cnc__catalogue *c, const char *from, const char *to)
{
    size_t own, n = count(from, &own);
    /* "%s" alone would be everything. */
    if (n > 0 && n <= MAX_VALUES && own > 0) {
        c->patterns =
            cnc__realloc(c->patterns, c->n_patterns + 1, sizeof(*c->patterns));
        c->patterns[c->n_patterns++] =
            (struct pattern){cnc__strdup(from), to, own};
    }
}

static int
header(struct reader *r)
{
    const char *set = strstr(cnc__str_c(&r->translation), "charset=");
    if (set == NULL || strncasecmp(set + 8, "UTF-8", 5) == 0) {
        return 0;
    }
    return wrong(r, r->at, CNC_ESYNTAX,
                 "the header says another charset than UTF-8");
}

static int
keep(struct reader *r)
{
    struct cnc__catalogue *c = r->out;
    const char *id = cnc__str_c(&r->id), *to = cnc__str_c(&r->translation);
    if (r->skip) {
        r->n_skipped++;
        return 0;
    }
    if (!r->has_translation) {
        return wrong(r, r->at, CNC_ESYNTAX, "a msgid without a msgstr");
    }
    if (*id == '\0') {
        return header(r);
    }
    if (r->fuzzy || *to == '\0') {
        return 0;
    }
    if (!same_values(id, to)) {
        return wrong(r, r->at, CNC_ESYNTAX,
                     "the translation has a value (%) that the text does "
                     "not have");
    }
    if (cnc__table_get(c->texts, id) != NULL) {
        return wrong(r, r->at, CNC_ESYNTAX,
                     "the same text stands in the file before");
    }
    if (cnc__table_len(c->texts) == MAX_ENTRIES) {
        return wrong(r, r->at, CNC_ELIMIT, "more than 10,000 texts");
    }
    char *mine = cnc__strdup(to);
    cnc__table_put(c->texts, id, mine);
    add_pattern(c, id, mine);
    return 0;
}

/* The entry ends; another may begin. */
static int
end_entry(struct reader *r)
{
    int rc = r->has_id ? keep(r) : 0;
    cnc__str_clear(&r->id);
    cnc__str_clear(&r->translation);
    r->part = NONE;
    r->has_id = r->has_translation = r->skip = r->fuzzy = false;
    return rc;
}

static int
escape(struct reader *r, struct cnc__str *out, char c)
{
    static const char from[] = "nt\"\\", to[] = "\n\t\"\\";
    const char *at = c == '\0' ? NULL : strchr(from, c);
    if (at == NULL) {
        return wrong(r, r->line, CNC_ESYNTAX,
                     "a backslash before something else than n, t, \" or "
                     "a backslash");
    }
    cnc__str_putc(out, to[at - from]);
    return 0;
}

/* s: at the quote; the line ends with another one. */
static int
string(struct reader *r, const char *s)
{
    struct cnc__str rest = CNC__STR, *out = r->part == ID ? &r->id
                                            : r->part == TRANSLATION
                                                ? &r->translation
                                                : &rest;
    int rc = r->part == NONE
                 ? wrong(r, r->line, CNC_ESYNTAX, "a text of no entry")
                 : 0;
    for (s++; rc == 0 && *s != '"' && *s != '\0'; s++) {
        if (*s == '\\') {
            rc = escape(r, out, *++s);
        } else {
            cnc__str_putc(out, *s);
        }
    }
    if (rc == 0 && (*s == '\0' || s[1 + strspn(s + 1, " \t\r")] != '\0')) {
        rc = wrong(r, r->line, CNC_ESYNTAX,
                   *s == '\0' ? "a text without its closing quote"
                              : "more after a text");
    }
    if (rc == 0 && out->len > MAX_TEXT) {
        rc = wrong(r, r->line, CNC_ELIMIT, "a text of more than 8 kB");
    }
    cnc__str_fini(&rest);
    return rc;
}

static int
begin(struct reader *r, enum part part)
{
    int rc = 0;
    bool first = part == CONTEXT || (part == ID && r->part != CONTEXT);
    if (first) {
        bool fuzzy = r->fuzzy && !r->has_id; /* said above it */
        rc = end_entry(r);
        r->fuzzy = fuzzy;
        r->at = r->line;
    }
    if (rc == 0 && part > ID && !r->has_id) {
        rc = wrong(r, r->line, CNC_ESYNTAX, "a msgid comes first");
    } else if (rc == 0 && part == TRANSLATION && r->has_translation &&
               !r->skip) {
        rc = wrong(r, r->line, CNC_ESYNTAX, "a second msgstr");
    }
    r->part = part;
    r->has_id = r->has_id || part == ID;
    r->has_translation = r->has_translation || part == TRANSLATION;
    r->skip = r->skip || part == CONTEXT || part == PLURAL;
    return rc;
}

static int
keyword(struct reader *r, const char *s)
{
    static const struct {
        const char *word;
        enum part part;
    } words[] = {{"msgctxt", CONTEXT},
                 {"msgid_plural", PLURAL},
                 {"msgid", ID},
                 {"msgstr", TRANSLATION}};
    for (size_t i = 0; i < CNC_N(words); i++) {
        size_t n = strlen(words[i].word);
        if (strncmp(s, words[i].word, n) != 0) {
            continue;
        }
        const char *rest = s + n;
        if (words[i].part == TRANSLATION && *rest == '[' && r->skip) {
            rest += 1 + strspn(rest + 1, "0123456789");
            rest += *rest == ']';
        }
        size_t blanks = strspn(rest, " \t");
        if (rest[blanks] != '"') {
            break;
        }
        int rc = begin(r, words[i].part);
        return rc != 0 ? rc : string(r, rest + blanks);
    }
    return wrong(r, r->line, CNC_ESYNTAX,
                 "neither a comment, msgid, msgstr nor a text in quotes");
}

static int
comment(struct reader *r, const char *s)
{
    int rc = 0;
    if (r->has_translation) {
        rc = end_entry(r);
    }
    if (s[1] == ',' && strstr(s, "fuzzy") != NULL) {
        r->fuzzy = true;
    }
    return rc;
}

static int
read_line(struct reader *r, const char *s)
{
    s += strspn(s, " \t");
    switch (*s) {
    case '\0':
    case '\r':
        return 0;
    case '#':
        return comment(r, s);
    case '"':
        return string(r, s);
    default:
        return keyword(r, s);
    }
}

static int
read_lines(struct reader *r, const char *text, size_t len)
{
    const char *end = text + len;
    int rc = 0;
    while (rc == 0 && text < end) {
        const char *nl = memchr(text, '\n', (size_t)(end - text));
        size_t n = (size_t)((nl == NULL ? end : nl) - text);
        char *line = cnc__strndup(text, n);
        r->line++;
        rc = read_line(r, line);
        cnc__free(line);
        text += n + 1;
    }
    return rc == 0 ? end_entry(r) : rc;
}

int
cnc__catalogue_parse(struct cnc__catalogue **out, const char *file,
                     const char *text, size_t len, struct cnc_error *err)
{
    struct reader r = {.file = file, .err = err};
    if (len > MAX_FILE) {
        return cnc_error_set(err, CNC_ELIMIT, NULL, "%s has more than %zu kB",
                             file, MAX_FILE >> 10);
    }
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        len -= 3;
    }
    if (!cnc__xml_chars_valid(text, len)) {
        return cnc_error_set(err, CNC_ESYNTAX, NULL,
                             "%s is not UTF-8 text that XML allows", file);
    }
    r.out = cnc__zalloc(sizeof(*r.out));
    r.out->texts = cnc__table_new();
    int rc = read_lines(&r, text, len);
    if (rc != 0) {
        cnc__catalogue_free(&r.out);
    } else {
        *out = r.out;
    }
    if (rc == 0 && r.n_skipped > 0) {
        cnc__log(CNC_LOG_WARN, "locale.skipped",
                 "file=%s entries=%zu a context or a plural is not known here",
                 file, r.n_skipped);
    }
    cnc__str_fini(&r.id);
    cnc__str_fini(&r.translation);
    return rc;
}
