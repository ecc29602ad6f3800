/* SPDX-License-Identifier: MIT */
/*
 * validate.c -- the rules of one field.  Sentences are for the person who
 * typed: they name the field by its label and say what would be right.
 */
#include <strings.h>

#include "../base/text.h"
#include "../xmpp/jid.h"
#include "formimpl.h"

#define MAX_DECIMAL 64 /* characters */

#define REFUSE(err, ...)                                                      \
    cnc_error_set(err, CNC_EREFUSED, "not-acceptable", __VA_ARGS__)

const char *
cnc__field_label(const struct cnc_field *f)
{
    return f->label != NULL ? f->label : f->name;
}

bool
cnc__value_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

int
cnc__field_needed(const struct cnc_field *f, struct cnc_error *err)
{
    return REFUSE(err, "%s is needed.", cnc__field_label(f));
}

/* -- numbers ------------------------------------------------------------- */

/* xs:decimal: a sign, digits, a point, digits; a digit somewhere. */
bool
cnc__decimal_parse(struct cnc__decimal *d, const char *s)
{
    if (strlen(s) > MAX_DECIMAL) {
        return false;
    }
    *d = (struct cnc__decimal){.minus = *s == '-'};
    s += *s == '-' || *s == '+';
    d->whole = s;
    d->n_whole = strspn(s, "0123456789");
    s += d->n_whole;
    if (*s == '.') {
        s++;
    }
    d->fraction = s;
    d->n_fraction = strspn(s, "0123456789");
    if (s[d->n_fraction] != '\0' || d->n_whole + d->n_fraction == 0) {
        return false;
    }
    for (; d->n_whole > 0 && *d->whole == '0'; d->n_whole--) {
        d->whole++;
    }
    while (d->n_fraction > 0 && d->fraction[d->n_fraction - 1] == '0') {
        d->n_fraction--;
    }
    if (d->n_whole + d->n_fraction == 0) {
        d->minus = false;
    }
    return true;
}

/* Digit by digit, so that money is not rounded. */
static int
compare_decimals(const struct cnc__decimal *a, const struct cnc__decimal *b)
{
    if (a->minus != b->minus) {
        return a->minus ? -1 : 1;
    }
    int sign = a->minus ? -1 : 1;
    if (a->n_whole != b->n_whole) {
        return a->n_whole < b->n_whole ? -sign : sign;
    }
    int c = memcmp(a->whole, b->whole, a->n_whole);
    if (c == 0) {
        size_t n =
            a->n_fraction < b->n_fraction ? a->n_fraction : b->n_fraction;
        c = memcmp(a->fraction, b->fraction, n);
        if (c == 0) {
            c = (a->n_fraction > b->n_fraction) -
                (a->n_fraction < b->n_fraction);
        }
    }
    return c < 0 ? -sign : c > 0 ? sign : 0;
}

/* -- addresses ----------------------------------------------------------- */

static bool
starts_with(const char *s, const char *prefix)
{
    return strncasecmp(s, prefix, strlen(prefix)) == 0;
}

/* An IRI whose scheme cannot run code, without what no IRI holds (RFC 3987
 * 2.2) and what would end an attribute. */
static bool
url_valid(const char *s)
{
    const char *rest;
    if (starts_with(s, "https://") || starts_with(s, "http://")) {
        rest = strstr(s, "//") + 2;
        if (strcspn(rest, "/?#") == 0) {
            return false;
        }
    } else if (starts_with(s, "xmpp:") || starts_with(s, "mailto:")) {
        rest = strchr(s, ':') + 1;
    } else {
        return false;
    }
    if (*rest == '\0') {
        return false;
    }
    for (; *rest != '\0'; rest++) {
        if ((unsigned char)*rest <= ' ' || strchr("<>\"{}|\\^`", *rest) ||
            *rest == 0x7F) {
            return false;
        }
    }
    return true;
}

static bool
jid_valid(const char *s)
{
    char jid[CNC__JID_MAX + 1];
    return cnc__jid_prepare(jid, s, strlen(s), NULL) == 0;
}

/* -- kinds --------------------------------------------------------------- */

static bool
is_boolean(const char *s)
{
    return strcmp(s, "true") == 0 || strcmp(s, "false") == 0 ||
           strcmp(s, "1") == 0 || strcmp(s, "0") == 0;
}

static bool
is_option(const struct cnc_field *f, const char *s)
{
    for (const struct cnc_option *o = f->options;
         o != NULL && o->value != NULL; o++) {
        if (strcmp(o->value, s) == 0) {
            return true;
        }
    }
    return false;
}

bool
cnc__field_lexical(const struct cnc_field *f, const char *s)
{
    int64_t n;
    struct cnc__decimal d;
    switch (f->kind) {
    case CNC_FIELD_TEXT:
    case CNC_FIELD_SECRET:
    case CNC_FIELD_REF:
        return strpbrk(s, "\r\n") == NULL;
    case CNC_FIELD_INTEGER:
        return cnc__parse_int(&n, s, INT64_MIN, INT64_MAX);
    case CNC_FIELD_DECIMAL:
        return cnc__decimal_parse(&d, s);
    case CNC_FIELD_BOOLEAN:
        return is_boolean(s);
    case CNC_FIELD_DATE:
        return cnc__parse_date(s) == 0;
    case CNC_FIELD_DATETIME:
        return cnc__parse_datetime(&n, s) == 0;
    case CNC_FIELD_URL:
    case CNC_FIELD_FILE:
        return url_valid(s);
    case CNC_FIELD_JID:
        return jid_valid(s);
    case CNC_FIELD_LIST:
    case CNC_FIELD_MULTI:
        return is_option(f, s);
    case CNC_FIELD_LINES:
    case CNC_FIELD_HIDDEN:
    case CNC_FIELD_FIXED:
        break;
    }
    return true;
}

const char *
cnc__kind_text(enum cnc_field_kind kind)
{
    static const char *const must_be[] = {
        [CNC_FIELD_TEXT] = "one line",
        [CNC_FIELD_INTEGER] = "a whole number such as 42",
        [CNC_FIELD_DECIMAL] = "a number such as 12.50",
        [CNC_FIELD_BOOLEAN] = "yes or no (true or false)",
        [CNC_FIELD_DATE] = "a date such as 2026-11-22",
        [CNC_FIELD_DATETIME] = "a date and time such as "
                               "2026-11-22T21:40:00Z",
        [CNC_FIELD_URL] = "an address such as https://example.org/",
        [CNC_FIELD_JID] = "an XMPP address such as name@example.org",
        [CNC_FIELD_LIST] = "one of the choices",
        [CNC_FIELD_MULTI] = "some of the choices",
        [CNC_FIELD_SECRET] = "one line",
        [CNC_FIELD_REF] = "one of the choices",
        [CNC_FIELD_FILE] = "a file, or the address of one",
    };
    return (unsigned)kind < CNC_N(must_be) && must_be[kind] != NULL
               ? must_be[kind]
               : CNC__TEXT("text");
}

static int
say_kind(const struct cnc_field *f, struct cnc_error *err)
{
    return REFUSE(err, "%s must be %s.", cnc__field_label(f),
                  cnc__kind_text(f->kind));
}

/* a and b are lexically right. */
static int
compare(enum cnc_field_kind kind, const char *a, const char *b)
{
    int64_t x = 0, y = 0;
    struct cnc__decimal d, e;
    switch (kind) {
    case CNC_FIELD_INTEGER:
        cnc__parse_int(&x, a, INT64_MIN, INT64_MAX);
        cnc__parse_int(&y, b, INT64_MIN, INT64_MAX);
        break;
    case CNC_FIELD_DECIMAL:
        cnc__decimal_parse(&d, a);
        cnc__decimal_parse(&e, b);
        return compare_decimals(&d, &e);
    case CNC_FIELD_DATE:
        /* A zone does not move a day on the shelf. */
        return strncmp(a, b, 10);
    case CNC_FIELD_DATETIME:
        cnc__parse_datetime(&x, a);
        cnc__parse_datetime(&y, b);
        break;
    default:
        break;
    }
    return (x > y) - (x < y);
}

static int
check_range(const struct cnc_field *f, const char *s, struct cnc_error *err)
{
    bool day = f->kind == CNC_FIELD_DATE || f->kind == CNC_FIELD_DATETIME;
    if (f->min != NULL && compare(f->kind, s, f->min) < 0) {
        return REFUSE(
            err, day ? "%s must not be before %s." : "%s must be at least %s.",
            cnc__field_label(f), f->min);
    }
    if (f->max != NULL && compare(f->kind, s, f->max) > 0) {
        return REFUSE(
            err, day ? "%s must not be after %s." : "%s must be at most %s.",
            cnc__field_label(f), f->max);
    }
    return 0;
}

static int
check_length(const struct cnc_field *f, const char *s, struct cnc_error *err)
{
    size_t n = cnc__utf8_count(s, strlen(s));
    size_t max = f->max_len != 0 ? f->max_len : CNC__DEFAULT_MAX_LEN;
    if (f->kind == CNC_FIELD_FILE) {
        max = CNC__DEFAULT_MAX_LEN; /* its own is in bytes of the file */
    }
    if (n > max) {
        return REFUSE(err, "%s must have at most %zu characters, not %zu.",
                      cnc__field_label(f), max, n);
    }
    if (n < f->min_len) {
        return REFUSE(err, "%s must have at least %u characters.",
                      cnc__field_label(f), f->min_len);
    }
    return 0;
}

int
cnc__field_check(const struct cnc_field *f, const char *s,
                 struct cnc_error *err)
{
    if (!cnc__xml_chars_valid(s, strlen(s))) {
        return REFUSE(err, "%s has a character that cannot be kept.",
                      cnc__field_label(f));
    }
    int rc = check_length(f, s, err);
    if (rc != 0) {
        return rc;
    }
    if (!cnc__field_lexical(f, s)) {
        return say_kind(f, err);
    }
    rc = check_range(f, s, err);
    if (rc != 0) {
        return rc;
    }
    if (f->match != NULL && f->kind != CNC_FIELD_FILE &&
        !cnc__pattern_matches(f->match, s)) {
        if (f->error != NULL) {
            return REFUSE(err, "%s", f->error);
        }
        return REFUSE(err, "%s does not have the form asked for (%s).",
                      cnc__field_label(f), f->match);
    }
    return 0;
}
