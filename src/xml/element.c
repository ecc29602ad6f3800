/* SPDX-License-Identifier: MIT */
/*
 * element.c -- reading elements of both states, and their life.
 */
#include "tree.h"

struct cnc_element *
cnc_element_ref(const struct cnc_element *e)
{
    if (cnc__is_frozen(e)) {
        struct cnc__tree *t = cnc__tree_of(cnc__frozen(e));
        CNC_CHECK(t->magic == CNC__TREE_MAGIC);
        unsigned before =
            atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
        CNC_CHECK(before != 0 && before != UINT32_MAX);
    } else {
        struct cnc__mutable *m = cnc__mutable(e);
        CNC_CHECK(m->refs != 0 && m->refs != UINT32_MAX);
        m->refs++;
    }
    return (struct cnc_element *)e;
}

static void
tree_unref(struct cnc__tree *t)
{
    CNC_CHECK(t->magic == CNC__TREE_MAGIC);
    unsigned before =
        atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel);
    CNC_CHECK(before != 0);
    if (before == 1) {
        if (t->owner != NULL) {
            cnc__heap_add(t->owner, -(int64_t)t->size);
        }
        /* The first element's magic too: most holders point at it. */
        ((struct cnc_element *)((char *)t + t->first))->magic = 0;
        CNC_OBJ_FREE(t);
    }
}

/* Everything the element owns but its children. */
static void
free_parts(struct cnc__mutable *m)
{
    cnc__free(m->name);
    cnc__free(m->prefix);
    cnc__free(m->content);
    cnc__ns_drop(m->ns);
    for (size_t i = 0; i < m->n_attrs; i++) {
        cnc__ns_drop(m->attrs[i].ns);
        cnc__free(m->attrs[i].prefix);
        cnc__free(m->attrs[i].name);
        cnc__free(m->attrs[i].value);
    }
    for (size_t i = 0; i < m->n_decls; i++) {
        cnc__free(m->decls[i].prefix);
        cnc__ns_drop(m->decls[i].ns);
    }
    cnc__free(m->attrs);
    cnc__free(m->decls);
    cnc__free(m->children);
}

void
cnc_element_unref(struct cnc_element **ep)
{
    struct cnc_element *e = *ep;
    if (e == NULL) {
        return;
    }
    *ep = NULL;
    if (cnc__is_frozen(e)) {
        tree_unref(cnc__tree_of(cnc__frozen(e)));
        return;
    }
    struct cnc__mutable *dead = cnc__mutable(e);
    CNC_CHECK(dead->refs != 0);
    if (--dead->refs > 0) {
        return;
    }
    dead->next = NULL;
    while (dead != NULL) {
        struct cnc__mutable *m = dead;
        dead = m->next;
        for (size_t i = 0; i < m->n_children; i++) {
            struct cnc_element *child = m->children[i].element;
            cnc__free(m->children[i].text);
            if (child == NULL) {
                continue;
            }
            if (cnc__is_frozen(child)) {
                tree_unref(cnc__tree_of(cnc__frozen(child)));
                continue;
            }
            struct cnc__mutable *c = cnc__mutable(child);
            CNC_CHECK(c->refs != 0 && c->n_parents != 0);
            c->n_parents--;
            if (--c->refs == 0) {
                c->next = dead;
                dead = c;
            }
        }
        free_parts(m);
        if (m->owner != NULL) {
            cnc__heap_add(m->owner, -(int64_t)sizeof(*m));
        }
        m->head.magic = 0;
        cnc__free(m);
    }
}

bool
cnc_element_is_frozen(const struct cnc_element *e)
{
    return cnc__is_frozen(e);
}

enum cnc_kind
cnc_element_kind(const struct cnc_element *e)
{
    cnc__is_frozen(e);
    return (enum cnc_kind)e->kind;
}

const char *
cnc_element_name(const struct cnc_element *e)
{
    return cnc__is_frozen(e) ? cnc__fstr(cnc__frozen(e), cnc__frozen(e)->name)
                             : cnc__mutable(e)->name;
}

const char *
cnc_element_ns(const struct cnc_element *e)
{
    return cnc__is_frozen(e) ? cnc__fstr(cnc__frozen(e), cnc__frozen(e)->ns)
                             : cnc__mutable(e)->ns;
}

const char *
cnc_element_prefix(const struct cnc_element *e)
{
    return cnc__is_frozen(e)
               ? cnc__fstr(cnc__frozen(e), cnc__frozen(e)->prefix)
               : cnc__mutable(e)->prefix;
}

bool
cnc_element_is(const struct cnc_element *e, const char *ns, const char *name)
{
    if (e == NULL || cnc_element_kind(e) != CNC_ELEMENT) {
        return false;
    }
    return (name == NULL || strcmp(cnc_element_name(e), name) == 0) &&
           (ns == NULL || strcmp(cnc_element_ns(e), ns) == 0);
}

unsigned
cnc_element_line(const struct cnc_element *e)
{
    cnc__is_frozen(e);
    return e->line;
}

size_t
cnc_element_n_attrs(const struct cnc_element *e)
{
    return cnc__is_frozen(e) ? cnc__frozen(e)->n_attrs
                             : cnc__mutable(e)->n_attrs;
}

struct cnc_attr
cnc_element_attr_at(const struct cnc_element *e, size_t i)
{
    if (cnc__is_frozen(e)) {
        const struct cnc__frozen *f = cnc__frozen(e);
        CNC_CHECK(i < f->n_attrs);
        const struct cnc__fattr *a = cnc__fattrs(f) + i;
        return (struct cnc_attr){
            .ns = cnc__fstr(f, a->ns),
            .prefix = cnc__fstr(f, a->prefix),
            .name = cnc__fstr(f, a->name),
            .value = cnc__fstr(f, a->value),
        };
    }
    const struct cnc__mutable *m = cnc__mutable(e);
    CNC_CHECK(i < m->n_attrs);
    const struct cnc__mattr *a = &m->attrs[i];
    return (struct cnc_attr){
        .ns = a->ns,
        .prefix = a->prefix,
        .name = a->name,
        .value = a->value,
    };
}

const char *
cnc_element_attr(const struct cnc_element *e, const char *ns, const char *name)
{
    size_t n = cnc_element_n_attrs(e);
    for (size_t i = 0; i < n; i++) {
        struct cnc_attr a = cnc_element_attr_at(e, i);
        if (strcmp(a.name, name) == 0 &&
            strcmp(a.ns, ns == NULL ? "" : ns) == 0) {
            return a.value;
        }
    }
    return NULL;
}

size_t
cnc_element_n_decls(const struct cnc_element *e)
{
    return cnc__is_frozen(e) ? cnc__frozen(e)->n_decls
                             : cnc__mutable(e)->n_decls;
}

void
cnc_element_decl_at(const struct cnc_element *e, size_t i, const char **prefix,
                    const char **ns)
{
    CNC_CHECK(i < cnc_element_n_decls(e));
    if (cnc__is_frozen(e)) {
        const struct cnc__frozen *f = cnc__frozen(e);
        *prefix = cnc__fstr(f, cnc__fdecls(f)[i].prefix);
        *ns = cnc__fstr(f, cnc__fdecls(f)[i].ns);
    } else {
        *prefix = cnc__mutable(e)->decls[i].prefix;
        *ns = cnc__mutable(e)->decls[i].ns;
    }
}

size_t
cnc_element_n_children(const struct cnc_element *e)
{
    return cnc__is_frozen(e) ? cnc__frozen(e)->n_children
                             : cnc__mutable(e)->n_children;
}

struct cnc_child
cnc_element_child_at(const struct cnc_element *e, size_t i)
{
    if (cnc__is_frozen(e)) {
        const struct cnc__frozen *f = cnc__frozen(e);
        CNC_CHECK(i < f->n_children);
        char *base = (char *)cnc__tree_of(f);
        uint32_t at = ((const uint32_t *)(base + f->children))[i];
        if ((at & 1) != 0) {
            struct cnc__ftext *t = (struct cnc__ftext *)(base + (at & ~1u));
            return (struct cnc_child){
                .kind = CNC_TEXT, .text = t->text, .len = t->len};
        }
        struct cnc_element *child = (struct cnc_element *)(base + at);
        return (struct cnc_child){.kind = (enum cnc_kind)child->kind,
                                  .element = child};
    }
    const struct cnc__mutable *m = cnc__mutable(e);
    CNC_CHECK(i < m->n_children);
    const struct cnc__mchild *c = &m->children[i];
    return (struct cnc_child){
        .kind =
            c->element == NULL ? CNC_TEXT : (enum cnc_kind)c->element->kind,
        .element = c->element,
        .text = c->text,
        .len = c->len,
    };
}

struct cnc_element *
cnc_element_next(const struct cnc_element *e, size_t *i, const char *ns,
                 const char *name)
{
    size_t n = e == NULL ? 0 : cnc_element_n_children(e);
    while (*i < n) {
        struct cnc_child c = cnc_element_child_at(e, (*i)++);
        if (cnc_element_is(c.element, ns, name)) {
            return c.element;
        }
    }
    return NULL;
}

struct cnc_element *
cnc_element_child(const struct cnc_element *e, const char *ns,
                  const char *name)
{
    size_t i = 0;
    return cnc_element_next(e, &i, ns, name);
}

const char *
cnc_element_text(const struct cnc_element *e)
{
    if (e == NULL) {
        return "";
    }
    bool frozen = cnc__is_frozen(e);
    if (e->kind != CNC_ELEMENT) {
        if (!frozen) {
            return cnc__mutable(e)->content;
        }
        const char *base = (const char *)cnc__tree_of(cnc__frozen(e));
        return ((const struct cnc__ftext *)(base + cnc__frozen(e)->children))
            ->text;
    }
    size_t n = cnc_element_n_children(e);
    for (size_t i = 0; i < n; i++) {
        struct cnc_child c = cnc_element_child_at(e, i);
        if (c.kind == CNC_TEXT) {
            return c.text;
        }
    }
    return "";
}

const char *
cnc_element_child_text(const struct cnc_element *e, const char *ns,
                       const char *name)
{
    return cnc_element_text(cnc_element_child(e, ns, name));
}
