/* SPDX-License-Identifier: MIT */
/*
 * upload-name.c -- names and media types, as strangers say them.
 */
#include <strings.h>

#include "../base/text.h"
#include "uploads.h"

/* What shows nothing, or makes the rest look like something else
 * (UTR 36 2.10: "gpj.exe" written backwards). */
static bool
is_trick(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7F && cp < 0xA0) || cp == 0xAD ||
           cp == 0x61C || cp == 0x180E || (cp >= 0x200B && cp <= 0x200F) ||
           (cp >= 0x2028 && cp <= 0x202E) || (cp >= 0x2060 && cp <= 0x206F) ||
           cp == 0xFEFF || (cp >= 0xFFF9 && cp <= 0xFFFB) ||
           (cp >= 0xE0000 && cp <= 0xE0FFF);
}

/* Not more than max bytes of whole characters. */
static size_t
fitting(const char *s, size_t len, size_t max)
{
    size_t at = 0, n;
    uint32_t cp;

    while (at < len && (n = cnc__utf8_next(&cp, s + at, len - at)) > 0 &&
           at + n <= max) {
        at += n;
    }
    return at;
}

static char *
cut(const char *name, size_t len)
{
    struct cnc__str out = CNC__STR;
    const char *dot = memrchr(name, '.', len);
    size_t ending = dot == NULL ? 0 : (size_t)(name + len - dot);

    if (len <= CNC__UPLOAD_NAME) {
        return cnc__strndup(name, len);
    }
    ending = ending > 16 ? 0 : ending;
    cnc__str_add(&out, name, fitting(name, len, CNC__UPLOAD_NAME - ending));
    cnc__str_add(&out, name + len - ending, ending);
    return cnc__str_steal(&out);
}

char *
cnc__upload_name(const char *name)
{
    struct cnc__str out = CNC__STR;
    size_t len = strlen(name), n, start = 0;
    uint32_t cp;
    char *whole;

    for (size_t at = 0; at < len; at += n) {
        n = cnc__utf8_next(&cp, name + at, len - at);
        if (n == 0) {
            n = 1; /* bytes that are no text */
        } else if (cp == '/' || cp == '\\') {
            cnc__str_clear(&out); /* a folder */
        } else if (!is_trick(cp) && cnc__xml_char(cp)) {
            cnc__str_add(&out, name + at, n);
        }
    }
    while (start < out.len && strchr(". ", out.data[start]) != NULL) {
        start++;
    }
    while (out.len > start && strchr(". ", out.data[out.len - 1]) != NULL) {
        out.len--;
    }
    whole = out.len == start ? cnc__strdup("file")
                             : cut(out.data + start, out.len - start);
    cnc__str_fini(&out);
    return whole;
}

char *
cnc__upload_type(const char *type)
{
    static const char token[] = "abcdefghijklmnopqrstuvwxyz0123456789"
                                "!#$&-^_.+";
    size_t len = strcspn(type, ";"), main;
    char *out;

    while (len > 0 && (type[len - 1] == ' ' || type[len - 1] == '\t')) {
        len--;
    }
    if (len == 0) {
        return cnc__strdup("application/octet-stream");
    }
    out = cnc__strndup(type, len);
    for (char *c = out; *c != '\0'; c++) {
        if (*c >= 'A' && *c <= 'Z') {
            *c = (char)(*c - 'A' + 'a');
        }
    }
    main = strspn(out, token);
    if (len > CNC__UPLOAD_TYPE || main == 0 || out[main] != '/' ||
        out[main + 1] == '\0' ||
        out[main + 1 + strspn(out + main + 1, token)] != '\0') {
        cnc__free(out);
        return NULL;
    }
    return out;
}

bool
cnc__upload_is_inline(const char *type)
{
    /* Nothing that has scripts in it: neither text/html nor image/svg+xml. */
    static const char *const whole[] = {
        "image/png",  "image/jpeg", "image/gif",       "image/webp",
        "image/avif", "image/bmp",  "application/pdf", "text/plain"};

    for (size_t i = 0; i < CNC_N(whole); i++) {
        if (strcmp(type, whole[i]) == 0) {
            return true;
        }
    }
    return (strncmp(type, "audio/", 6) == 0 ||
            strncmp(type, "video/", 6) == 0) &&
           strstr(type, "xml") == NULL;
}

void
cnc__upload_percent(struct cnc__str *out, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789-._~";

    for (; *text != '\0'; text++) {
        if (strchr(plain, *text) != NULL) {
            cnc__str_putc(out, *text);
        } else {
            cnc__str_printf(out, "%%%02X", (unsigned char)*text);
        }
    }
}
