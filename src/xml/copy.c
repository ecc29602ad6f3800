/* SPDX-License-Identifier: MIT */
/*
 * copy.c -- freezing, the string-value and comparison.
 */
#include "../base/str.h"
#include "build.h"

static void
freeze_one(struct cnc__build *b, const struct cnc_element *e)
{
    size_t n_attrs = cnc_element_n_attrs(e), n_decls = cnc_element_n_decls(e);
    const char *name = cnc_element_name(e), *ns = cnc_element_ns(e);
    const char *prefix = cnc_element_prefix(e), *decl_prefix, *decl_ns;
    size_t room = sizeof(struct cnc__frozen) + strlen(name) + strlen(ns) +
                  strlen(prefix) + 3;
    CNC_CHECK(n_attrs < CNC__TREE_MAX && n_decls < CNC__TREE_MAX);
    for (size_t i = 0; i < n_attrs; i++) {
        struct cnc_attr a = cnc_element_attr_at(e, i);
        room += sizeof(struct cnc__fattr) + strlen(a.ns) + strlen(a.prefix) +
                strlen(a.name) + strlen(a.value) + 4;
    }
    for (size_t i = 0; i < n_decls; i++) {
        cnc_element_decl_at(e, i, &decl_prefix, &decl_ns);
        room += sizeof(struct cnc__fdecl) + strlen(decl_prefix) +
                strlen(decl_ns) + 2;
    }
    bool content = cnc_element_kind(e) != CNC_ELEMENT;
    size_t len = content ? strlen(cnc_element_text(e)) : 0;
    cnc__build_text_end(b);
    cnc__build_room(b, room + (content ? len + 8 : 0));
    uint32_t at = cnc__build_element(b, cnc_element_kind(e), e->line,
                                     (uint32_t)n_attrs, (uint32_t)n_decls);
    struct cnc__frozen *f = cnc__build_at(b, at);
    f->name = cnc__build_string(b, name, strlen(name));
    f->ns = cnc__build_ns(b, ns, strlen(ns));
    f->prefix = cnc__build_string(b, prefix, strlen(prefix));
    for (size_t i = 0; i < n_attrs; i++) {
        struct cnc_attr a = cnc_element_attr_at(e, i);
        struct cnc__fattr *to = cnc__fattrs(f) + i;
        to->ns = cnc__build_ns(b, a.ns, strlen(a.ns));
        to->prefix = cnc__build_string(b, a.prefix, strlen(a.prefix));
        to->name = cnc__build_string(b, a.name, strlen(a.name));
        to->value = cnc__build_string(b, a.value, strlen(a.value));
    }
    for (size_t i = 0; i < n_decls; i++) {
        struct cnc__fdecl *to = cnc__fdecls(f) + i;
        cnc_element_decl_at(e, i, &decl_prefix, &decl_ns);
        to->prefix = cnc__build_string(b, decl_prefix, strlen(decl_prefix));
        to->ns = cnc__build_ns(b, decl_ns, strlen(decl_ns));
    }
    if (content) {
        cnc__build_align(b);
        f->children = b->len;
        ((struct cnc__ftext *)(b->base + b->len))->len = (uint32_t)len;
        b->len += sizeof(struct cnc__ftext);
        cnc__build_string(b, cnc_element_text(e), len);
    }
    cnc__build_push(b, at);
}

struct cnc_element *
cnc_element_freeze(const struct cnc_element *e)
{
    struct cnc__build b = {0};
    struct cnc__walk w;
    cnc__build_begin(&b);
    cnc__walk_init(&w, e);
    for (enum cnc__step s; (s = cnc__walk_next(&w)) != CNC__DONE;) {
        if (s == CNC__ENTER) {
            freeze_one(&b, w.e);
        } else if (s == CNC__TEXT) {
            cnc__build_text(&b, w.text, w.len);
        } else {
            cnc__build_pop(&b);
        }
        CNC_CHECK(b.len <= CNC__TREE_MAX);
    }
    cnc__walk_fini(&w);
    struct cnc_element *copy = cnc__build_finish(&b);
    cnc__build_fini(&b);
    return copy;
}

struct cnc_buf *
cnc_element_string(const struct cnc_element *e)
{
    struct cnc__str s = CNC__STR;
    struct cnc__walk w;
    if (cnc_element_kind(e) != CNC_ELEMENT) {
        cnc__str_puts(&s, cnc_element_text(e));
    }
    cnc__walk_init(&w, e);
    for (enum cnc__step step; (step = cnc__walk_next(&w)) != CNC__DONE;) {
        if (step == CNC__TEXT) {
            cnc__str_add(&s, w.text, w.len);
        }
    }
    cnc__walk_fini(&w);
    struct cnc_buf *buf = cnc_buf_new(s.data, s.len);
    cnc__str_fini(&s);
    return buf;
}

static bool
same_tag(const struct cnc_element *a, const struct cnc_element *b)
{
    if (cnc_element_kind(a) != cnc_element_kind(b) ||
        strcmp(cnc_element_name(a), cnc_element_name(b)) != 0 ||
        strcmp(cnc_element_ns(a), cnc_element_ns(b)) != 0) {
        return false;
    }
    if (cnc_element_kind(a) != CNC_ELEMENT) {
        return strcmp(cnc_element_text(a), cnc_element_text(b)) == 0;
    }
    size_t n = cnc_element_n_attrs(a);
    if (n != cnc_element_n_attrs(b)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        struct cnc_attr x = cnc_element_attr_at(a, i);
        const char *value = cnc_element_attr(b, x.ns, x.name);
        if (value == NULL || strcmp(x.value, value) != 0) {
            return false;
        }
    }
    return true;
}

/* The next step that is not an empty text; a text half compared goes on,
 * so that texts cut differently compare equal. */
static enum cnc__step
next_step(struct cnc__walk *w, enum cnc__step now)
{
    if (now == CNC__TEXT && w->len > 0) {
        return now;
    }
    do {
        now = cnc__walk_next(w);
    } while (now == CNC__TEXT && w->len == 0);
    return now;
}

bool
cnc_element_equal(const struct cnc_element *a, const struct cnc_element *b)
{
    struct cnc__walk x, y;
    cnc__walk_init(&x, a);
    cnc__walk_init(&y, b);
    enum cnc__step s = CNC__LEAVE, t = CNC__LEAVE;
    bool same = true;
    while (same) {
        s = next_step(&x, s);
        t = next_step(&y, t);
        if (s != t) {
            same = false;
        } else if (s == CNC__DONE) {
            break;
        } else if (s == CNC__ENTER) {
            same = same_tag(x.e, y.e);
        } else if (s == CNC__TEXT) {
            size_t n = x.len < y.len ? x.len : y.len;
            same = memcmp(x.text, y.text, n) == 0;
            x.text += n;
            y.text += n;
            x.len -= n;
            y.len -= n;
        }
    }
    cnc__walk_fini(&x);
    cnc__walk_fini(&y);
    return same;
}
