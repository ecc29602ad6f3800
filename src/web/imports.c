/* SPDX-License-Identifier: MIT */
/*
 * imports.c -- which templates a template imports or includes, and all that
 * go to the render process with one.
 *
 * A template is no stanza: it may have comments and entities, so it is not
 * parsed here but scanned for <PREFIX:import href="..."> below its root.
 * What is found too much is harmless; the render process, which parses it,
 * says what is missing, where a circle is and on which line.
 */
#include "../render/engine.h"
#include "web.h"

#define MAX_NAMES 64
#define MAX_NAME  200

/* -- the scan ------------------------------------------------------------ */

static const char *
after(const char *s, const char *end, const char *what)
{
    const char *at = memmem(s, (size_t)(end - s), what, strlen(what));
    return at == NULL ? end : at + strlen(what);
}

/* The '>' that ends a tag; those in attribute values do not. */
static const char *
tag_end(const char *s, const char *end)
{
    char quote = '\0';
    for (; s < end; s++) {
        if (quote != '\0') {
            quote = *s == quote ? '\0' : quote;
        } else if (*s == '"' || *s == '\'') {
            quote = *s;
        } else if (*s == '>') {
            break;
        }
    }
    return s;
}

static bool
is_import(const char *tag, size_t len)
{
    size_t n = 0;
    while (n < len && strchr(" \t\r\n/", tag[n]) == NULL) {
        n++;
    }
    const char *colon = memchr(tag, ':', n);
    const char *local = colon == NULL ? tag : colon + 1;
    size_t local_len = n - (size_t)(local - tag);
    return (local_len == 6 && memcmp(local, "import", 6) == 0) ||
           (local_len == 7 && memcmp(local, "include", 7) == 0);
}

static void
put_char(struct cnc__str *out, unsigned long c)
{
    if (c < 0x80) {
        cnc__str_putc(out, (char)c);
    } else if (c < 0x800) {
        cnc__str_putc(out, (char)(0xc0 | c >> 6));
        cnc__str_putc(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        cnc__str_putc(out, (char)(0xe0 | c >> 12));
        cnc__str_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
        cnc__str_putc(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x110000) {
        cnc__str_putc(out, (char)(0xf0 | c >> 18));
        cnc__str_putc(out, (char)(0x80 | (c >> 12 & 0x3f)));
        cnc__str_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
        cnc__str_putc(out, (char)(0x80 | (c & 0x3f)));
    }
}

size_t
cnc__imports_entity(struct cnc__str *out, const char *s, size_t len)
{
    static const struct {
        const char *name;
        char c;
    } all[] = {{"&lt;", '<'},
               {"&gt;", '>'},
               {"&amp;", '&'},
               {"&apos;", '\''},
               {"&quot;", '"'}};
    const char *end = memchr(s, ';', len < 12 ? len : 12);
    if (end == NULL) {
        return 0;
    }
    for (size_t i = 0; i < CNC_N(all); i++) {
        size_t n = strlen(all[i].name);
        if (n <= len && memcmp(s, all[i].name, n) == 0) {
            cnc__str_putc(out, all[i].c);
            return n;
        }
    }
    if (s[1] != '#') {
        return 0;
    }
    put_char(out, s[2] == 'x' ? strtoul(s + 3, NULL, 16)
                              : strtoul(s + 2, NULL, 10));
    return (size_t)(end - s) + 1;
}

/* An attribute's value as a parser has it; *new*. */
static char *
unescape(const char *s, size_t len)
{
    struct cnc__str out = CNC__STR;
    size_t used;
    for (size_t i = 0; i < len; i += used) {
        used = s[i] == '&' ? cnc__imports_entity(&out, s + i, len - i) : 0;
        if (used == 0) {
            cnc__str_putc(&out, s[i]);
            used = 1;
        }
    }
    return cnc__str_steal(&out);
}

/* The value of href among a tag's attributes; *new* or NULL. */
static char *
href_of(const char *s, const char *end)
{
    while (s < end) {
        const char *at = memmem(s, (size_t)(end - s), "href", 4);
        if (at == NULL) {
            return NULL;
        }
        s = at + 4;
        if (strchr(" \t\r\n", at[-1]) == NULL) {
            continue;
        }
        while (s < end && strchr(" \t\r\n=", *s) != NULL) {
            s++;
        }
        const char *close =
            s < end ? memchr(s + 1, *s, (size_t)(end - s - 1)) : NULL;
        if (close == NULL || (*s != '"' && *s != '\'') ||
            close - s > MAX_NAME + 1) {
            return NULL;
        }
        return unescape(s + 1, (size_t)(close - s - 1));
    }
    return NULL;
}

static void
add_import(struct cnc__sheet *s, const char *tag, const char *end)
{
    char *name = href_of(tag, end);
    for (size_t i = 0; name != NULL && i < s->n_imports; i++) {
        if (strcmp(s->imports[i], name) == 0) {
            cnc__free(name);
            name = NULL;
        }
    }
    if (name != NULL) {
        s->imports =
            cnc__realloc(s->imports, s->n_imports + 1, sizeof(*s->imports));
        s->imports[s->n_imports++] = name;
    }
}

void
cnc__imports_scan(struct cnc__sheet *s)
{
    const char *at = s->text, *end = s->text + s->len;
    size_t depth = 0;
    while (at < end && s->n_imports < MAX_NAMES &&
           (at = memchr(at, '<', (size_t)(end - at))) != NULL) {
        if (strncmp(at, "<!--", 4) == 0) {
            at = after(at, end, "-->");
        } else if (strncmp(at, "<![CDATA[", 9) == 0) {
            at = after(at, end, "]]>");
        } else if (at[1] == '?' || at[1] == '!') {
            at = after(at, end, ">");
        } else if (at[1] == '/') {
            depth -= depth > 0;
            at = after(at, end, ">");
        } else {
            const char *close = tag_end(at, end);
            if (depth == 1 && is_import(at + 1, (size_t)(close - at - 1))) {
                add_import(s, at + 1, close);
            }
            depth += close < end && close[-1] != '/';
            at = close;
        }
    }
}

/* -- all of them --------------------------------------------------------- */

struct closure {
    struct cnc__agent *agent;
    const char *id; /* stands for this template, or NULL */
    struct cnc__sheet *sheet;
    const char *names[CNC__ENGINE_MAX_IMPORTS];
    struct cnc__sheet *sheets[CNC__ENGINE_MAX_IMPORTS];
    size_t n;
};

static void
collect(struct closure *c, const struct cnc__sheet *from)
{
    for (size_t i = 0; i < from->n_imports; i++) {
        const char *name = from->imports[i];
        bool known = false;
        for (size_t j = 0; j < c->n; j++) {
            known = known || strcmp(c->names[j], name) == 0;
        }
        struct cnc__sheet *s = c->id != NULL && strcmp(c->id, name) == 0
                                   ? c->sheet
                                   : cnc__sheet_find(c->agent, name);
        if (!known && s != NULL && c->n < CNC_N(c->names)) {
            c->names[c->n] = name;
            c->sheets[c->n++] = s;
        }
    }
}

static void
close_over(struct closure *c, const struct cnc__sheet *main)
{
    collect(c, main);
    for (size_t i = 0; i < c->n; i++) {
        collect(c, c->sheets[i]);
    }
}

void
cnc__imports_pack(struct cnc__str *out, struct cnc__agent *a,
                  const struct cnc__sheet *main, const char *id,
                  struct cnc__sheet *sheet)
{
    struct closure c = {.agent = a, .id = id, .sheet = sheet};
    close_over(&c, main);
    for (size_t i = 0; i < c.n; i++) {
        cnc__render_pack(out, c.names[i], strlen(c.names[i]));
        cnc__render_pack(out, c.sheets[i]->text, c.sheets[i]->len);
    }
}

size_t
cnc__imports_all(struct cnc__sheet *out[CNC__ENGINE_MAX_IMPORTS + 1],
                 struct cnc__agent *a, struct cnc__sheet *main, const char *id,
                 struct cnc__sheet *sheet)
{
    struct closure c = {.agent = a, .id = id, .sheet = sheet};
    close_over(&c, main);
    out[0] = main;
    memcpy(out + 1, c.sheets, c.n * sizeof(*out));
    return c.n + 1;
}

bool
cnc__imports_use(struct cnc__agent *a, const struct cnc__sheet *main,
                 const char *id)
{
    struct closure c = {.agent = a};
    close_over(&c, main);
    for (size_t i = 0; i < main->n_imports; i++) {
        if (strcmp(main->imports[i], id) == 0) {
            return true; /* also what is not there yet */
        }
    }
    for (size_t k = 0; k < c.n; k++) {
        for (size_t i = 0; i < c.sheets[k]->n_imports; i++) {
            if (strcmp(c.sheets[k]->imports[i], id) == 0) {
                return true;
            }
        }
    }
    return false;
}

void
cnc__imports_sum(unsigned char out[32], const struct cnc__sheet *main,
                 const struct cnc__str *imports)
{
    struct cnc__str all = CNC__STR;
    cnc__render_pack(&all, main->text, main->len);
    cnc__str_add(&all, cnc__str_c(imports), imports->len);
    cnc__pack_sha256(out, all.data, all.len);
    cnc__str_fini(&all);
}
