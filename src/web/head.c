/* SPDX-License-Identifier: MIT */
/*
 * head.c -- headers of a request, one by one.
 */
#include <strings.h>

#include "../base/text.h"
#include "head.h"

/* tchar of RFC 9110 5.6.2: 0 for what no name may hold, else the byte in
 * lower case. */
static const char tchar[256] = {
    ['!'] = '!',   ['#'] = '#', ['$'] = '$', ['%'] = '%', ['&'] = '&',
    ['\''] = '\'', ['*'] = '*', ['+'] = '+', ['-'] = '-', ['.'] = '.',
    ['^'] = '^',   ['_'] = '_', ['`'] = '`', ['|'] = '|', ['~'] = '~',
    ['0'] = '0',   ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4',
    ['5'] = '5',   ['6'] = '6', ['7'] = '7', ['8'] = '8', ['9'] = '9',
    ['a'] = 'a',   ['b'] = 'b', ['c'] = 'c', ['d'] = 'd', ['e'] = 'e',
    ['f'] = 'f',   ['g'] = 'g', ['h'] = 'h', ['i'] = 'i', ['j'] = 'j',
    ['k'] = 'k',   ['l'] = 'l', ['m'] = 'm', ['n'] = 'n', ['o'] = 'o',
    ['p'] = 'p',   ['q'] = 'q', ['r'] = 'r', ['s'] = 's', ['t'] = 't',
    ['u'] = 'u',   ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y',
    ['z'] = 'z',   ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd',
    ['E'] = 'e',   ['F'] = 'f', ['G'] = 'g', ['H'] = 'h', ['I'] = 'i',
    ['J'] = 'j',   ['K'] = 'k', ['L'] = 'l', ['M'] = 'm', ['N'] = 'n',
    ['O'] = 'o',   ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r', ['S'] = 's',
    ['T'] = 't',   ['U'] = 'u', ['V'] = 'v', ['W'] = 'w', ['X'] = 'x',
    ['Y'] = 'y',   ['Z'] = 'z',
};

char
cnc__http_tchar(char c)
{
    return tchar[(unsigned char)c];
}

static int
refuse(const char **why, int status, const char *text)
{
    *why = text;
    return status;
}

int
cnc__http_add_header(struct cnc__http_request *r,
                     struct cnc__http_header headers[CNC__HTTP_MAX_HEADERS],
                     struct cnc__str *text, const char *name, size_t name_len,
                     const char *value, size_t value_len, const char **why)
{
    struct cnc__http_header *to = &headers[r->n_headers];
    char *out = text->data + text->len;
    bool high = false;
    char c;

    if (r->n_headers == CNC__HTTP_MAX_HEADERS) {
        return refuse(why, 431, "too many header lines");
    }
    to->name = out;
    for (size_t i = 0; i < name_len; i++) {
        if ((c = cnc__http_tchar(name[i])) == 0) {
            return refuse(why, 400, "a header line is malformed");
        }
        *out++ = c;
    }
    *out++ = '\0';
    if (name_len == 0) {
        return refuse(why, 400, "a header line is malformed");
    }
    while (value_len > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        value_len--;
    }
    while (value_len > 0 &&
           (value[value_len - 1] == ' ' || value[value_len - 1] == '\t')) {
        value_len--;
    }
    to->value = out;
    for (size_t i = 0; i < value_len; i++) {
        unsigned char u = (unsigned char)value[i];

        if ((u < 0x20 && u != '\t') || u == 0x7f) {
            return refuse(why, 400, "a header holds a control character");
        }
        high |= u >= 0x80;
        *out++ = (char)u;
    }
    *out = '\0';
    if (high && !cnc__utf8_valid(to->value, (size_t)(out - to->value))) {
        return refuse(why, 400, "a header is not UTF-8");
    }
    text->len = (size_t)(out + 1 - text->data);
    r->n_headers++;
    return 0;
}

/* Two readers could take different ones. */
static const char *const singles[] = {
    "host",   "content-length",    "transfer-encoding",
    "origin", "sec-websocket-key", "sec-websocket-version",
    "expect", "content-type",      "sec-fetch-site"};

int
cnc__http_check_singles(const struct cnc__http_request *r, const char **why)
{
    unsigned seen = 0;

    for (size_t i = 0; i < r->n_headers; i++) {
        for (size_t k = 0; k < CNC_N(singles); k++) {
            if (strcmp(r->headers[i].name, singles[k]) != 0) {
                continue;
            }
            if (seen & 1u << k) {
                return refuse(why, 400, "a header came twice");
            }
            seen |= 1u << k;
        }
    }
    return 0;
}

bool
cnc__http_has_token(const struct cnc__http_request *r, const char *name,
                    const char *token)
{
    size_t len = strlen(token);

    for (size_t i = 0; i < r->n_headers; i++) {
        const char *p = r->headers[i].value;

        if (strcmp(r->headers[i].name, name) != 0) {
            continue;
        }
        for (;;) {
            size_t n;

            p += strspn(p, " \t,");
            if (*p == '\0') {
                break;
            }
            n = strcspn(p, " \t,");
            if (n == len && strncasecmp(p, token, n) == 0) {
                return true;
            }
            p += n;
        }
    }
    return false;
}

const char *
cnc__cookie_find(const char *cookies, const char *name, size_t *len)
{
    size_t n = strlen(name);

    for (const char *s = cookies + strspn(cookies, "; "); *s != '\0';
         s += strspn(s, "; ")) {
        size_t all = strcspn(s, "; ");

        if (all > n && strncmp(s, name, n) == 0 && s[n] == '=') {
            *len = all - n - 1;
            return s + n + 1;
        }
        s += all;
    }
    return NULL;
}

const char *
cnc__http_cookie(const struct cnc__http_request *r, const char *name,
                 size_t *len)
{
    const char *found = NULL;

    for (size_t i = 0; i < r->n_headers && found == NULL; i++) {
        if (strcmp(r->headers[i].name, "cookie") == 0) {
            found = cnc__cookie_find(r->headers[i].value, name, len);
        }
    }
    return found;
}
