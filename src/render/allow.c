/* SPDX-License-Identifier: MIT */
/*
 * allow.c -- look-ups in the allow-list's tables.
 */
#include "allow.h"

#define CNC__ALLOW_TABLES
#include "allow_table.h"
#undef CNC__ALLOW_TABLES

#define NAME_MAX_LEN 63

static int
find(const char *const *names, size_t n, const char *name)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int c = strcmp(name, names[mid]);
        if (c == 0) {
            return (int)mid;
        }
        if (c < 0) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    return -1;
}

/* ASCII lower case, as the HTML parser does it; NULL when too long to be any
 * name of ours. */
static const char *
lower_case(char buf[64], const char *name)
{
    size_t i = 0;
    for (; name[i] != '\0'; i++) {
        if (i == NAME_MAX_LEN) {
            return NULL;
        }
        char c = name[i];
        buf[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    buf[i] = '\0';
    return buf;
}

int
cnc__allow_tag(const char *name)
{
    char buf[64];
    const char *low = lower_case(buf, name);
    if (low == NULL) {
        return CNC__TAG_UNKNOWN;
    }
    int tag = find(tag_names, CNC_N(tag_names), low);
    if (tag >= 0) {
        return tag;
    }
    return find(dropped_names, CNC_N(dropped_names), low) >= 0
               ? CNC__TAG_DROPPED
               : CNC__TAG_UNKNOWN;
}

const char *
cnc__allow_tag_name(int tag)
{
    CNC_CHECK(tag >= 0 && tag < CNC__TAG_N);
    return tag_names[tag];
}

int
cnc__allow_attr(const char *name, const char **lower, char buf[64])
{
    const char *low = lower_case(buf, name);
    if (low == NULL) {
        return -1;
    }
    int attr = find(attr_names, CNC_N(attr_names), low);
    if (attr >= 0) {
        *lower = attr_names[attr];
        return attr;
    }
    for (size_t i = 0; i < CNC_N(attr_prefixes); i++) {
        size_t len = strlen(attr_prefixes[i]);
        if (strncmp(low, attr_prefixes[i], len) != 0) {
            continue;
        }
        /* What every parser and setAttribute() take alike. */
        size_t good = strspn(low, "abcdefghijklmnopqrstuvwxyz0123456789-_.");
        if (low[len] != '\0' && low[good] == '\0') {
            *lower = low;
            return CNC__ATTR_N;
        }
    }
    return -1;
}

/* -- addresses ----------------------------------------------------------- */

/* The next character as a browser's URL parser sees it: it drops tabs and
 * line ends anywhere. */
static const char *
skip_dropped(const char *s)
{
    while (*s == '\t' || *s == '\n' || *s == '\r') {
        s++;
    }
    return s;
}

/* It also drops controls and blanks before the address. */
static const char *
skip_leading(const char *s)
{
    while (*s != '\0' && (unsigned char)*s <= ' ') {
        s++;
    }
    return s;
}

static bool
is_slash(char c)
{
    return c == '/' || c == '\\';
}

/* The scheme in lower case in buf, "" when there is none, NULL when what
 * stands before the colon can be no scheme of ours. */
static const char *
scheme(char buf[64], const char *s)
{
    size_t n = 0;
    for (s = skip_leading(s); *s != '\0'; s = skip_dropped(s + 1)) {
        char c = *s;
        if (c == ':') {
            buf[n] = '\0';
            return n == 0 ? NULL : buf;
        }
        if (is_slash(c) || c == '?' || c == '#') {
            break;
        }
        if (n < NAME_MAX_LEN) {
            buf[n++] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
        }
    }
    buf[0] = '\0';
    return buf;
}

static bool
allowed_scheme(const char *url)
{
    char buf[64];
    const char *s = scheme(buf, url);
    return s != NULL &&
           (*s == '\0' || find(url_schemes, CNC_N(url_schemes), s) >= 0);
}

bool
cnc__allow_relative(const char *url)
{
    char buf[64];
    const char *s = scheme(buf, url);
    if (s == NULL || *s != '\0') {
        return false;
    }
    url = skip_leading(url);
    return !(is_slash(*url) && is_slash(*skip_dropped(url + 1)));
}

/* Only raster images: an SVG may hold script. */
static bool
raster_data(const char *url)
{
    static const char *const types[] = {"data:image/png", "data:image/jpeg",
                                        "data:image/gif", "data:image/webp"};
    for (size_t i = 0; i < CNC_N(types); i++) {
        size_t len = strlen(types[i]);
        if (strncmp(url, types[i], len) == 0 &&
            (url[len] == ';' || url[len] == ',')) {
            return true;
        }
    }
    return false;
}

/* Every word of a srcset; the words that are widths have no colon. */
static bool
allowed_set(const char *s)
{
    static const char blank[] = " \t\n\r\f,";
    char word[2049];
    while (*(s += strspn(s, blank)) != '\0') {
        size_t len = strcspn(s, blank);
        if (len >= sizeof(word)) {
            return false;
        }
        memcpy(word, s, len);
        word[len] = '\0';
        if (!allowed_scheme(word)) {
            return false;
        }
        s += len;
    }
    return true;
}

bool
cnc__allow_value(int tag, int attr, const char *value)
{
    if (attr == CNC__ATTR_TARGET) {
        return strcmp(value, "_blank") == 0;
    }
    if (attr < 0 || attr >= CNC__ATTR_N ||
        find(url_attrs, CNC_N(url_attrs), attr_names[attr]) < 0) {
        return true;
    }
    switch (attr) {
    case CNC__ATTR_ACTION:
        return cnc__allow_relative(value);
    case CNC__ATTR_SRCSET:
        return allowed_set(value);
    case CNC__ATTR_SRC:
        if (tag == CNC__TAG_IMG && raster_data(value)) {
            return true;
        }
        break;
    default:
        break;
    }
    return allowed_scheme(value);
}

/* -- a domain below a prefix of its site ---------------------------------- */

/* Does it begin at the site's root?  Its slash, or NULL. */
static const char *
rooted(const char *url)
{
    url = skip_leading(url);
    return is_slash(*url) && !is_slash(*skip_dropped(url + 1)) ? url : NULL;
}

static bool
prefix_one(struct cnc__str *out, const char *url, const char *prefix)
{
    const char *at = rooted(url);
    if (at == NULL) {
        return false;
    }
    cnc__str_puts(out, prefix);
    cnc__str_puts(out, at);
    return true;
}

static bool
prefix_set(struct cnc__str *out, const char *s, const char *prefix)
{
    static const char blank[] = " \t\n\r\f,";
    bool some = false;
    while (*s != '\0') {
        size_t gap = strspn(s, blank), len = strcspn(s + gap, blank);
        char *word = cnc__strndup(s + gap, len);
        cnc__str_add(out, s, gap);
        if (prefix_one(out, word, prefix)) {
            some = true;
        } else {
            cnc__str_puts(out, word);
        }
        cnc__free(word);
        s += gap + len;
    }
    return some;
}

bool
cnc__allow_prefix(struct cnc__str *out, int attr, const char *value,
                  const char *prefix)
{
    if (attr < 0 || attr >= CNC__ATTR_N ||
        find(url_attrs, CNC_N(url_attrs), attr_names[attr]) < 0) {
        return false;
    }
    cnc__str_clear(out);
    return attr == CNC__ATTR_SRCSET ? prefix_set(out, value, prefix)
                                    : prefix_one(out, value, prefix);
}

bool
cnc__allow_rel(const char *word)
{
    char buf[64];
    const char *low = lower_case(buf, word);
    return low != NULL && find(link_rels, CNC_N(link_rels), low) >= 0;
}
