/* SPDX-License-Identifier: MIT */
/* attrs.c -- the attributes of one element, through the allow-list. */
#include <strings.h>

#include "attrs.h"

#define MAX_ATTRS 64

/* Only what cannot run anything; what is fetched comes from here. */
static bool
allowed_link(const char *rel, const char *href)
{
    static const char blank[] = " \t\n\r\f";
    bool some = false;
    if (rel == NULL || href == NULL) {
        return false;
    }
    while (*(rel += strspn(rel, blank)) != '\0') {
        char word[32];
        size_t len = strcspn(rel, blank);
        if (len >= sizeof(word)) {
            return false;
        }
        memcpy(word, rel, len);
        word[len] = '\0';
        if (!cnc__allow_rel(word)) {
            return false;
        }
        if ((strcasecmp(word, "stylesheet") == 0 ||
             strcasecmp(word, "icon") == 0) &&
            !cnc__allow_relative(href)) {
            return false;
        }
        some = true;
        rel += len;
    }
    return some;
}

const char *
cnc__attrs_get(const struct cnc__rattr *attrs, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(attrs[i].name, name) == 0) {
            return attrs[i].value;
        }
    }
    return NULL;
}

/* Rules about several attributes of one element. */
bool
cnc__attrs_element(int tag, const struct cnc__rattr *attrs, size_t n)
{
    switch (tag) {
    case CNC__TAG_LINK:
        return allowed_link(cnc__attrs_get(attrs, n, "rel"),
                            cnc__attrs_get(attrs, n, "href"));
    case CNC__TAG_META: {
        const char *name = cnc__attrs_get(attrs, n, "name");
        return name != NULL && strcasecmp(name, "concordance") != 0 &&
               cnc__attrs_get(attrs, n, "content") != NULL;
    }
    case CNC__TAG_INPUT: {
        const char *type = cnc__attrs_get(attrs, n, "type");
        return type == NULL || strcasecmp(type, "image") != 0;
    }
    default:
        return true;
    }
}

/* \r\n and \r are \n, as in every HTML document. */
static uint32_t
line_ends(char *s, size_t len)
{
    char *to = memchr(s, '\r', len);
    if (to == NULL) {
        return (uint32_t)len;
    }
    for (const char *from = to, *end = s + len; from < end; from++) {
        if (*from != '\r') {
            *to++ = *from;
        } else if (from + 1 == end || from[1] != '\n') {
            *to++ = '\n';
        }
    }
    *to = '\0';
    return (uint32_t)(to - s);
}

size_t
cnc__attrs_filter(struct cnc__arena *arena, const struct cnc__rattr **out,
                  int tag, const struct cnc__attr_in *in, size_t n_in,
                  const char *prefix)
{
    struct cnc__rattr keep[MAX_ATTRS];
    struct cnc__str below = CNC__STR;
    size_t n = 0;
    for (size_t i = 0; i < n_in && n < MAX_ATTRS; i++) {
        char buf[64];
        const char *name;
        int attr = cnc__allow_attr(in[i].name, &name, buf);
        if (attr < 0 || cnc__attrs_get(keep, n, name) != NULL ||
            !cnc__allow_value(tag, attr, in[i].value) ||
            (attr == CNC__ATTR_CHARSET && tag == CNC__TAG_META) ||
            (attr == CNC__ATTR_ID && in[i].value[0] == '\0')) {
            continue;
        }
        const char *from = in[i].value;
        if (prefix != NULL && cnc__allow_prefix(&below, attr, from, prefix)) {
            from = cnc__str_c(&below);
        }
        size_t len = strlen(from);
        if (len > UINT32_MAX / 2) {
            continue;
        }
        keep[n].name =
            name == buf ? cnc__arena_strndup(arena, name, strlen(name)) : name;
        char *value = cnc__arena_strndup(arena, from, len);
        keep[n].len = line_ends(value, len);
        keep[n].value = value;
        n++;
    }
    cnc__str_fini(&below);
    *out = NULL;
    if (n > 0) {
        struct cnc__rattr *a = cnc__arena_alloc(arena, n * sizeof(*a));
        memcpy(a, keep, n * sizeof(*a));
        *out = a;
    }
    return n;
}
