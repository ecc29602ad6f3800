/* SPDX-License-Identifier: MIT */
/*
 * edit.c -- mutable elements: making and changing them.
 */
#include "../base/text.h"
#include "tree.h"

static struct cnc__mutable *
new_mutable(enum cnc_kind kind, const char *ns, const char *name)
{
    struct cnc__mutable *m = cnc__zalloc(sizeof(*m));
    m->head.magic = CNC__MUTABLE_MAGIC;
    m->head.kind = kind;
    m->refs = 1;
    m->owner = cnc__heap_now();
    if (m->owner != NULL) {
        cnc__heap_add(m->owner, sizeof(*m));
    }
    m->name = cnc__strdup(name);
    m->prefix = cnc__strdup("");
    m->ns = cnc__ns_hold(ns);
    m->content = cnc__strdup(kind == CNC_ELEMENT ? NULL : "");
    return m;
}

static int
bad(struct cnc_error *err, const char *what, const char *value)
{
    return cnc_error_set(err, CNC_ESYNTAX, "bad-request", "%s: \"%.100s\"",
                         what, value);
}

static int
check_name(const char *name, struct cnc_error *err)
{
    return name != NULL && cnc__ncname_valid(name, strlen(name))
               ? 0
               : bad(err, "not an XML name without a colon",
                     name == NULL ? "" : name);
}

static int
check_chars(const char *s, size_t len, struct cnc_error *err)
{
    return cnc__xml_chars_valid(s, len)
               ? 0
               : cnc_error_set(err, CNC_ESYNTAX, "bad-request",
                               "not UTF-8, or a character XML forbids");
}

/* A namespace name for an element or attribute. */
static int
check_ns(const char *ns, struct cnc_error *err)
{
    if (ns == NULL) {
        return 0;
    }
    if (strcmp(ns, CNC__NS_XMLNS) == 0) {
        return bad(err, "a namespace that only declarations have", ns);
    }
    return check_chars(ns, strlen(ns), err);
}

static int
check_content(enum cnc_kind kind, const char *text, struct cnc_error *err)
{
    size_t len = strlen(text);
    if (kind == CNC_COMMENT &&
        (strstr(text, "--") != NULL || (len > 0 && text[len - 1] == '-'))) {
        return bad(err, "a comment holds \"--\" or ends with \"-\"", text);
    }
    if (kind == CNC_PI && strstr(text, "?>") != NULL) {
        return bad(err, "a processing instruction holds \"?>\"", text);
    }
    return check_chars(text, len, err);
}

static int
check_target(const char *target, struct cnc_error *err)
{
    int rc = check_name(target, err);
    if (rc == 0 && strcasecmp(target, "xml") == 0) {
        rc = bad(err, "a reserved target", target);
    }
    return rc;
}

static int
not_mutable(struct cnc_error *err)
{
    return cnc_error_set(err, CNC_EFROZEN, NULL,
                         "the element is frozen and cannot be changed");
}

static int
not_element(struct cnc_error *err)
{
    return cnc_error_set(err, CNC_EINVAL, NULL,
                         "only an element has that, not a comment or a "
                         "processing instruction");
}

/* The mutable element behind e; NULL and *rc else. */
static struct cnc__mutable *
changeable(struct cnc_element *e, int *rc, struct cnc_error *err)
{
    if (cnc__is_frozen(e)) {
        *rc = not_mutable(err);
        return NULL;
    }
    if (e->kind != CNC_ELEMENT) {
        *rc = not_element(err);
        return NULL;
    }
    return cnc__mutable(e);
}

int
cnc_element_new(struct cnc_element **out, const char *ns, const char *name,
                struct cnc_error *err)
{
    int rc = check_name(name, err);
    if (rc == 0) {
        rc = check_ns(ns, err);
    }
    if (rc == 0) {
        *out = &new_mutable(CNC_ELEMENT, ns, name)->head;
    }
    return rc;
}

int
cnc_comment_new(struct cnc_element **out, const char *text,
                struct cnc_error *err)
{
    int rc = check_content(CNC_COMMENT, text, err);
    if (rc == 0) {
        struct cnc__mutable *m = new_mutable(CNC_COMMENT, NULL, "");
        cnc__free(m->content);
        m->content = cnc__strdup(text);
        *out = &m->head;
    }
    return rc;
}

int
cnc_pi_new(struct cnc_element **out, const char *target, const char *content,
           struct cnc_error *err)
{
    content = content == NULL ? "" : content;
    int rc = check_target(target, err);
    if (rc == 0) {
        rc = check_content(CNC_PI, content, err);
    }
    if (rc == 0) {
        struct cnc__mutable *m = new_mutable(CNC_PI, NULL, target);
        cnc__free(m->content);
        m->content = cnc__strdup(content);
        *out = &m->head;
    }
    return rc;
}

int
cnc_element_set_name(struct cnc_element *e, const char *ns, const char *name,
                     struct cnc_error *err)
{
    if (cnc__is_frozen(e)) {
        return not_mutable(err);
    }
    struct cnc__mutable *m = cnc__mutable(e);
    int rc = 0;
    if (e->kind == CNC_COMMENT || (e->kind == CNC_PI && ns != NULL && *ns)) {
        return not_element(err);
    }
    rc = e->kind == CNC_PI ? check_target(name, err) : check_name(name, err);
    if (rc == 0) {
        rc = check_ns(ns, err);
    }
    if (rc < 0) {
        return rc;
    }
    /* Hold before dropping: the arguments may be the element's own. */
    char *new_name = cnc__strdup(name);
    const char *new_ns = cnc__ns_hold(ns);
    cnc__free(m->name);
    cnc__ns_drop(m->ns);
    m->name = new_name;
    m->ns = new_ns;
    return 0;
}

int
cnc_element_set_prefix(struct cnc_element *e, const char *prefix,
                       struct cnc_error *err)
{
    int rc = 0;
    struct cnc__mutable *m = changeable(e, &rc, err);
    if (m == NULL) {
        return rc;
    }
    if (*prefix != '\0') {
        rc = check_name(prefix, err);
        if (rc < 0) {
            return rc;
        }
    }
    char *copy = cnc__strdup(prefix);
    cnc__free(m->prefix);
    m->prefix = copy;
    return 0;
}

static int
remove_attr(struct cnc__mutable *m, size_t i, struct cnc_error *err)
{
    if (i == m->n_attrs) {
        return cnc_error_set(err, CNC_ENOENT, NULL, "no such attribute");
    }
    cnc__ns_drop(m->attrs[i].ns);
    cnc__free(m->attrs[i].prefix);
    cnc__free(m->attrs[i].name);
    cnc__free(m->attrs[i].value);
    m->n_attrs--;
    memmove(&m->attrs[i], &m->attrs[i + 1],
            (m->n_attrs - i) * sizeof(*m->attrs));
    return 0;
}

/* Room for one more; the arrays grow by powers of two without a field that
 * says so. */
static void *
grown(void *array, size_t n, size_t size)
{
    return (n & (n - 1)) == 0 ? cnc__realloc(array, n == 0 ? 1 : 2 * n, size)
                              : array;
}

static void
add_attr(struct cnc__mutable *m, const char *ns, const char *prefix,
         const char *name, const char *value)
{
    m->attrs = grown(m->attrs, m->n_attrs, sizeof(*m->attrs));
    m->attrs[m->n_attrs++] = (struct cnc__mattr){
        .ns = cnc__ns_hold(ns),
        .prefix = cnc__strdup(prefix),
        .name = cnc__strdup(name),
        .value = cnc__strdup(value),
    };
}

int
cnc_element_set_attr(struct cnc_element *e, const char *ns, const char *name,
                     const char *value, struct cnc_error *err)
{
    int rc = 0;
    struct cnc__mutable *m = changeable(e, &rc, err);
    if (m == NULL || (rc = check_name(name, err)) < 0 ||
        (rc = check_ns(ns, err)) < 0) {
        return rc;
    }
    ns = ns == NULL ? "" : ns;
    if (*ns == '\0' && strcmp(name, "xmlns") == 0) {
        return bad(err, "a declaration is no attribute", name);
    }
    size_t i = 0;
    while (i < m->n_attrs && (strcmp(m->attrs[i].name, name) != 0 ||
                              strcmp(m->attrs[i].ns, ns) != 0)) {
        i++;
    }
    if (value == NULL) {
        return remove_attr(m, i, err);
    }
    rc = check_chars(value, strlen(value), err);
    if (rc < 0) {
        return rc;
    }
    if (i < m->n_attrs) {
        char *copy = cnc__strdup(value);
        cnc__free(m->attrs[i].value);
        m->attrs[i].value = copy;
    } else {
        add_attr(m, ns, strcmp(ns, CNC__NS_XML) == 0 ? "xml" : "", name,
                 value);
    }
    return 0;
}

static void
add_decl(struct cnc__mutable *m, const char *prefix, const char *ns)
{
    m->decls = grown(m->decls, m->n_decls, sizeof(*m->decls));
    m->decls[m->n_decls++] = (struct cnc__mdecl){.prefix = cnc__strdup(prefix),
                                                 .ns = cnc__ns_hold(ns)};
}

int
cnc_element_declare(struct cnc_element *e, const char *prefix, const char *ns,
                    struct cnc_error *err)
{
    int rc = 0;
    struct cnc__mutable *m = changeable(e, &rc, err);
    if (m == NULL || (rc = check_ns(ns, err)) < 0 ||
        (*prefix != '\0' && (rc = check_name(prefix, err)) < 0)) {
        return rc;
    }
    ns = ns == NULL ? "" : ns;
    if (strcmp(prefix, "xml") == 0 || strcmp(prefix, "xmlns") == 0) {
        return bad(err, "a reserved prefix", prefix);
    }
    if (strcmp(ns, CNC__NS_XML) == 0 || (*prefix != '\0' && *ns == '\0')) {
        return bad(err, "a namespace that prefix cannot stand for", prefix);
    }
    for (size_t i = 0; i < m->n_decls; i++) {
        if (strcmp(m->decls[i].prefix, prefix) == 0) {
            const char *copy = cnc__ns_hold(ns);
            cnc__ns_drop(m->decls[i].ns);
            m->decls[i].ns = copy;
            return 0;
        }
    }
    add_decl(m, prefix, ns);
    return 0;
}

/* Is target c, or below it?  Most children are new or have no children that
 * could hold anything, and most parents sit in no other element: those cost
 * nothing.  Else walk down from c, each element once however many hold it. */
static bool
reaches(struct cnc__mutable *c, struct cnc__mutable *target)
{
    static atomic_uint_fast64_t last_walk;
    if (c == target) {
        return true;
    }
    if (c->n_mutable == 0 || target->n_parents == 0) {
        return false;
    }
    uint64_t walk = atomic_fetch_add(&last_walk, 1) + 1;
    struct cnc__mutable *todo = c;
    c->next = NULL;
    c->seen = walk;
    bool found = false;
    while (todo != NULL && !found) {
        struct cnc__mutable *m = todo;
        todo = m->next;
        for (size_t i = 0, left = m->n_mutable; left > 0; i++) {
            struct cnc_element *child = m->children[i].element;
            if (child == NULL || child->magic != CNC__MUTABLE_MAGIC) {
                continue;
            }
            left--;
            struct cnc__mutable *k = cnc__mutable(child);
            found = found || k == target;
            if (k->n_mutable > 0 && k->seen != walk) {
                k->seen = walk;
                k->next = todo;
                todo = k;
            }
        }
    }
    return found;
}

static struct cnc__mchild *
make_room(struct cnc__mutable *m, size_t i)
{
    m->children = cnc__grow(m->children, m->n_children, &m->cap_children,
                            sizeof(*m->children));
    memmove(&m->children[i + 1], &m->children[i],
            (m->n_children - i) * sizeof(*m->children));
    m->n_children++;
    m->children[i] = (struct cnc__mchild){0};
    return &m->children[i];
}

static void
adopt(struct cnc__mutable *m, size_t i, struct cnc_element *child)
{
    make_room(m, i)->element = cnc_element_ref(child);
    if (!cnc__is_frozen(child)) {
        cnc__mutable(child)->n_parents++;
        m->n_mutable++;
    }
}

static int
check_index(const struct cnc__mutable *m, size_t i, struct cnc_error *err)
{
    return i <= m->n_children
               ? 0
               : cnc_error_set(err, CNC_EINVAL, NULL,
                               "child %zu of an element with %zu children", i,
                               m->n_children);
}

int
cnc_element_insert(struct cnc_element *e, size_t i, struct cnc_element *child,
                   struct cnc_error *err)
{
    int rc = 0;
    struct cnc__mutable *m = changeable(e, &rc, err);
    if (m == NULL || (rc = check_index(m, i, err)) < 0) {
        return rc;
    }
    if (!cnc__is_frozen(child) && reaches(cnc__mutable(child), m)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "an element cannot hold itself");
    }
    adopt(m, i, child);
    return 0;
}

int
cnc_element_insert_text(struct cnc_element *e, size_t i, const char *text,
                        size_t len, struct cnc_error *err)
{
    int rc = 0;
    struct cnc__mutable *m = changeable(e, &rc, err);
    if (m == NULL || (rc = check_index(m, i, err)) < 0 ||
        (rc = check_chars(text, len, err)) < 0) {
        return rc;
    }
    char *copy = cnc__strndup(text, len);
    struct cnc__mchild *c = make_room(m, i);
    c->text = copy;
    c->len = len;
    return 0;
}

int
cnc_element_remove(struct cnc_element *e, size_t i, size_t n,
                   struct cnc_error *err)
{
    int rc = 0;
    struct cnc__mutable *m = changeable(e, &rc, err);
    if (m == NULL || (rc = check_index(m, i, err)) < 0) {
        return rc;
    }
    if (n > m->n_children - i) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "children %zu to %zu of %zu", i, i + n,
                             m->n_children);
    }
    for (size_t k = i; k < i + n; k++) {
        struct cnc_element *child = m->children[k].element;
        cnc__free(m->children[k].text);
        if (child != NULL && !cnc__is_frozen(child)) {
            cnc__mutable(child)->n_parents--;
            m->n_mutable--;
        }
        cnc_element_unref(&child);
    }
    memmove(&m->children[i], &m->children[i + n],
            (m->n_children - i - n) * sizeof(*m->children));
    m->n_children -= n;
    return 0;
}

int
cnc_element_set_content(struct cnc_element *e, const char *text,
                        struct cnc_error *err)
{
    if (cnc__is_frozen(e)) {
        return not_mutable(err);
    }
    if (e->kind == CNC_ELEMENT) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "an element has children, not content");
    }
    int rc = check_content((enum cnc_kind)e->kind, text, err);
    if (rc < 0) {
        return rc;
    }
    struct cnc__mutable *m = cnc__mutable(e);
    char *copy = cnc__strdup(text);
    cnc__free(m->content);
    m->content = copy;
    return 0;
}

static struct cnc__mutable *
thaw_one(const struct cnc_element *e)
{
    enum cnc_kind kind = cnc_element_kind(e);
    struct cnc__mutable *m =
        new_mutable(kind, cnc_element_ns(e), cnc_element_name(e));
    m->head.line = e->line;
    cnc__free(m->prefix);
    m->prefix = cnc__strdup(cnc_element_prefix(e));
    if (kind != CNC_ELEMENT) {
        cnc__free(m->content);
        m->content = cnc__strdup(cnc_element_text(e));
        return m;
    }
    for (size_t i = 0; i < cnc_element_n_attrs(e); i++) {
        struct cnc_attr a = cnc_element_attr_at(e, i);
        add_attr(m, a.ns, a.prefix, a.name, a.value);
    }
    for (size_t i = 0; i < cnc_element_n_decls(e); i++) {
        const char *prefix, *ns;
        cnc_element_decl_at(e, i, &prefix, &ns);
        add_decl(m, prefix, ns);
    }
    return m;
}

struct cnc_element *
cnc_element_thaw(const struct cnc_element *e)
{
    struct cnc__walk w;
    struct cnc_element *root = NULL;
    struct cnc__mutable *open = NULL; /* `next` leads to its parent */
    cnc__walk_init(&w, e);
    for (enum cnc__step s; (s = cnc__walk_next(&w)) != CNC__DONE;) {
        if (s == CNC__ENTER) {
            struct cnc__mutable *m = thaw_one(w.e);
            if (open == NULL) {
                root = &m->head;
            } else {
                struct cnc_element *own = &m->head;
                adopt(open, open->n_children, own);
                cnc_element_unref(&own);
            }
            m->next = open;
            open = m;
            continue;
        }
        CNC_CHECK(open != NULL); /* the walk begins with an element */
        if (s == CNC__TEXT) {
            struct cnc__mchild *c = make_room(open, open->n_children);
            c->text = cnc__strndup(w.text, w.len);
            c->len = w.len;
        } else {
            open = open->next;
        }
    }
    cnc__walk_fini(&w);
    return root;
}
