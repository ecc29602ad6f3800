/* SPDX-License-Identifier: MIT */
/*
 * write.c -- the canonical writer.  For each element it first decides which
 * prefixes stand for what (the tree's wish, unless that would change the
 * meaning of something else), then writes.
 */
#include "write.h"

#include <stdio.h>

#include "../base/arena.h"
#include "escape.h"
#include "tree.h"

struct scope {
    const char *prefix, *ns;
};

struct level {
    const char *prefix; /* the element is written with it */
    size_t n_scopes;    /* in scope outside the element */
    bool indent;        /* its children stand on lines of their own */
};

struct writer {
    struct cnc__str *out;
    struct scope *scopes;
    struct level *levels;
    const char **used; /* prefixes of the attributes at hand */
    size_t n_scopes, cap_scopes, n_levels, cap_levels, cap_used;
    size_t outer;           /* scopes that are not the element's own */
    struct cnc__arena made; /* prefixes made up */
    bool indent;
};

static inline void
put(struct writer *w, const char *s)
{
    cnc__str_add(w->out, s, strlen(s));
}

/* -- prefixes ------------------------------------------------------------- */

static const char *
lookup(const struct writer *w, const char *prefix)
{
    for (size_t i = w->n_scopes; i-- > 0;) {
        if (strcmp(w->scopes[i].prefix, prefix) == 0) {
            return w->scopes[i].ns;
        }
    }
    return *prefix == '\0' ? "" : NULL;
}

static bool
is_own(const struct writer *w, const char *prefix)
{
    for (size_t i = w->outer; i < w->n_scopes; i++) {
        if (strcmp(w->scopes[i].prefix, prefix) == 0) {
            return true;
        }
    }
    return false;
}

static void
declare(struct writer *w, const char *prefix, const char *ns)
{
    w->scopes =
        cnc__grow(w->scopes, w->n_scopes, &w->cap_scopes, sizeof(*w->scopes));
    w->scopes[w->n_scopes++] = (struct scope){prefix, ns};
}

static bool
reserved(const char *prefix)
{
    return strcmp(prefix, "xml") == 0 || strcmp(prefix, "xmlns") == 0;
}

/* Any prefix that stands for ns here, or NULL. */
static const char *
any_prefix(const struct writer *w, const char *ns, bool attr)
{
    for (size_t i = w->n_scopes; i-- > 0;) {
        const char *prefix = w->scopes[i].prefix, *now = w->scopes[i].ns;
        CNC_CHECK(prefix != NULL && now != NULL);
        if (!(attr && *prefix == '\0') && strcmp(now, ns) == 0 &&
            lookup(w, prefix) == now) {
            return prefix;
        }
    }
    return NULL;
}

static const char *
new_prefix(struct writer *w)
{
    for (unsigned i = 1;; i++) {
        char name[16];
        int n = snprintf(name, sizeof(name), "ns%u", i);
        if (lookup(w, name) == NULL) {
            return cnc__arena_strndup(&w->made, name, (size_t)n);
        }
    }
}

/* May the element at hand declare prefix anew?  Not if it declares it
 * already, nor if it or one of its first n attributes uses it from outside. */
static bool
is_free(const struct writer *w, const char *prefix, const char *element,
        size_t n)
{
    if (reserved(prefix) || is_own(w, prefix) ||
        (element != NULL && strcmp(element, prefix) == 0)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (w->used[i] != NULL && strcmp(w->used[i], prefix) == 0) {
            return false;
        }
    }
    return true;
}

/* The prefix to write a name of namespace ns with; declares it when needed.
 * element: the element's own prefix, for its attribute number n; NULL for the
 * element itself. */
static const char *
prefix_for(struct writer *w, const char *ns, const char *wish,
           const char *element, size_t n)
{
    bool attr = element != NULL;
    if (strcmp(ns, CNC__NS_XML) == 0) {
        return "xml";
    }
    bool wishable = !(attr && *wish == '\0');
    if (wishable) {
        const char *now = lookup(w, wish);
        if (now != NULL && strcmp(now, ns) == 0 && !reserved(wish)) {
            return wish;
        }
        wishable = is_free(w, wish, element, n);
    }
    const char *prefix = wishable ? wish : any_prefix(w, ns, attr);
    if (prefix == NULL || wishable) {
        prefix = prefix == NULL ? new_prefix(w) : prefix;
        declare(w, prefix, ns);
    }
    return prefix;
}

/* The declarations that the element keeps.  An element in no namespace
 * cannot keep a default one. */
static void
keep_decls(struct writer *w, const struct cnc_element *e)
{
    size_t n = cnc_element_n_decls(e);
    for (size_t i = 0; i < n; i++) {
        const char *prefix, *ns;
        cnc_element_decl_at(e, i, &prefix, &ns);
        if (reserved(prefix) ||
            (*prefix == '\0' && *ns != '\0' && *cnc_element_ns(e) == '\0')) {
            continue;
        }
        /* Where the bytes go, the root's default is in scope already. */
        if (*prefix == '\0' && w->n_levels == 0 && w->outer > 0 &&
            strcmp(lookup(w, ""), ns) == 0) {
            continue;
        }
        declare(w, prefix, ns);
    }
}

static void
use_prefixes(struct writer *w, const struct cnc_element *e,
             const char *element)
{
    size_t n = cnc_element_n_attrs(e);
    if (n > w->cap_used) {
        w->cap_used = n + 16;
        w->used = cnc__realloc(w->used, w->cap_used, sizeof(*w->used));
    }
    for (size_t i = 0; i < n; i++) {
        struct cnc_attr a = cnc_element_attr_at(e, i);
        w->used[i] = NULL;
        if (*a.ns != '\0') {
            w->used[i] = prefix_for(w, a.ns, a.prefix, element, i);
        }
    }
}

/* -- tags ----------------------------------------------------------------- */

static void
write_decl(struct writer *w, const struct scope *s)
{
    put(w, *s->prefix == '\0' ? " xmlns" : " xmlns:");
    put(w, s->prefix);
    cnc__str_add(w->out, "=\"", 2);
    cnc__escape_attr(w->out, s->ns);
    cnc__str_putc(w->out, '"');
}

static void
write_name(struct writer *w, const char *prefix, const char *name)
{
    if (prefix != NULL && *prefix != '\0') {
        put(w, prefix);
        cnc__str_putc(w->out, ':');
    }
    put(w, name);
}

static void
write_attrs(struct writer *w, const struct cnc_element *e)
{
    size_t n = cnc_element_n_attrs(e);
    for (size_t i = 0; i < n; i++) {
        struct cnc_attr a = cnc_element_attr_at(e, i);
        cnc__str_putc(w->out, ' ');
        write_name(w, w->used[i], a.name);
        cnc__str_add(w->out, "=\"", 2);
        cnc__escape_attr(w->out, a.value);
        cnc__str_putc(w->out, '"');
    }
}

static void
push(struct writer *w, const struct level *level)
{
    w->levels =
        cnc__grow(w->levels, w->n_levels, &w->cap_levels, sizeof(*w->levels));
    w->levels[w->n_levels++] = *level;
}

static void
new_line(struct writer *w)
{
    if (w->out->len > 0) {
        cnc__str_putc(w->out, '\n');
        for (size_t i = 0; i < w->n_levels; i++) {
            cnc__str_add(w->out, "  ", 2);
        }
    }
}

static bool
has_text(const struct cnc_element *e)
{
    size_t n = cnc_element_n_children(e);
    for (size_t i = 0; i < n; i++) {
        if (cnc_element_child_at(e, i).kind == CNC_TEXT) {
            return true;
        }
    }
    return false;
}

static void
write_misc(struct writer *w, const struct cnc_element *e)
{
    bool comment = cnc_element_kind(e) == CNC_COMMENT;
    const char *content = cnc_element_text(e);
    put(w, comment ? "<!--" : "<?");
    put(w, cnc_element_name(e));
    put(w, !comment && *content != '\0' ? " " : "");
    put(w, content);
    put(w, comment ? "-->" : "?>");
}

static void
enter(struct writer *w, const struct cnc_element *e)
{
    bool indent =
        w->n_levels == 0 ? w->indent : w->levels[w->n_levels - 1].indent;
    struct level level = {.n_scopes = w->n_scopes};
    if (indent && w->n_levels > 0) {
        new_line(w);
    }
    if (cnc_element_kind(e) != CNC_ELEMENT) {
        write_misc(w, e);
        push(w, &level);
        return;
    }
    const char *ns = cnc_element_ns(e);
    w->outer = w->n_scopes;
    keep_decls(w, e);
    size_t kept = w->n_scopes;
    if (*ns != '\0') {
        level.prefix = prefix_for(w, ns, cnc_element_prefix(e), NULL, 0);
    } else {
        level.prefix = "";
        if (*lookup(w, "") != '\0') {
            declare(w, "", "");
        }
    }
    size_t named = w->n_scopes;
    use_prefixes(w, e, level.prefix);
    cnc__str_putc(w->out, '<');
    write_name(w, level.prefix, cnc_element_name(e));
    for (size_t i = kept; i < named; i++) {
        write_decl(w, &w->scopes[i]); /* the element's own first */
    }
    for (size_t i = w->outer; i < w->n_scopes; i++) {
        if (i < kept || i >= named) {
            write_decl(w, &w->scopes[i]);
        }
    }
    write_attrs(w, e);
    size_t n = cnc_element_n_children(e);
    put(w, n == 0 ? "/>" : ">");
    level.indent = indent && n > 0 && !has_text(e);
    push(w, &level);
}

static void
leave(struct writer *w, const struct cnc_element *e)
{
    struct level *level = &w->levels[--w->n_levels];
    if (cnc_element_n_children(e) > 0) {
        if (level->indent) {
            new_line(w);
        }
        cnc__str_add(w->out, "</", 2);
        write_name(w, level->prefix, cnc_element_name(e));
        cnc__str_putc(w->out, '>');
    }
    w->n_scopes = level->n_scopes;
}

void
cnc__xml_write(struct cnc__str *out, const struct cnc_element *e,
               const char *default_ns, unsigned flags)
{
    struct writer w = {.out = out, .indent = (flags & CNC_WRITE_INDENT) != 0};
    struct cnc__walk walk;
    cnc__arena_init(&w.made);
    if ((flags & CNC_WRITE_DECL) != 0) {
        put(&w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    }
    if (default_ns != NULL && *default_ns != '\0') {
        declare(&w, "", default_ns);
    }
    cnc__walk_init(&walk, e);
    for (enum cnc__step s; (s = cnc__walk_next(&walk)) != CNC__DONE;) {
        if (s == CNC__ENTER) {
            enter(&w, walk.e);
        } else if (s == CNC__TEXT) {
            cnc__escape_text(out, walk.text, walk.len);
        } else {
            leave(&w, walk.e);
        }
    }
    cnc__walk_fini(&walk);
    cnc__arena_fini(&w.made);
    cnc__free(w.scopes);
    cnc__free(w.levels);
    cnc__free(w.used);
}

struct cnc_buf *
cnc_element_write(const struct cnc_element *e, unsigned flags)
{
    struct cnc__str s = CNC__STR;
    cnc__xml_write(&s, e, "", flags);
    struct cnc_buf *buf = cnc_buf_new(s.data, s.len);
    cnc__str_fini(&s);
    return buf;
}
