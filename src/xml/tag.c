/* SPDX-License-Identifier: MIT */
/*
 * tag.c -- tags, in two passes: the first finds the pieces of the tag in the
 * input and keeps nothing, so that an incomplete tag leaves no trace; the
 * second resolves the namespaces and adds the element to the tree.
 */
#include "parser.h"
#include "scan.h"

struct tag {
    const char *start;             /* '<' */
    const char *name;              /* prefix:local */
    uint32_t name_len, prefix_len; /* 0 for no prefix */
    uint32_t n_attrs, n_decls;     /* n_attrs counts the declarations too */
    bool empty, newlines;
};

static inline bool
is(const char *s, int class)
{
    return (cnc__xml_class[(unsigned char)*s] & class) != 0;
}

const char *
cnc__parse_ncname(struct cnc_parser *p, const char *s, const char *end,
                  const char *what, enum cnc__tok *tok)
{
    const char *start = s;
    *tok = CNC__TOK_MORE;
    while (s < end) {
        if (is(s, s == start ? CNC__NAME_START : CNC__NAME_CHAR)) {
            s++;
            continue;
        }
        uint32_t cp = 0;
        int n = 0;
        if ((unsigned char)*s >= 0x80) {
            n = cnc__scan_char(&cp, s, end);
            if (n < 0) {
                return NULL;
            }
            if (n == 0) {
                *tok = CNC__MALFORMED(p, s, "not UTF-8");
                return NULL;
            }
            p->wide = true;
        }
        if (n == 0 ||
            !(s == start ? cnc__name_start(cp) : cnc__name_char(cp))) {
            break;
        }
        s += n;
    }
    if (s == end) {
        return NULL;
    }
    if (s == start) {
        *tok = CNC__MALFORMED(p, start, "%s expected", what);
        return NULL;
    }
    return s;
}

/* prefix:local or local; the end, or NULL with *tok set. */
static inline const char *
parse_qname(struct cnc_parser *p, const char *s, const char *end,
            const char *what, uint32_t *prefix_len, enum cnc__tok *tok)
{
    const char *q = s;
    *prefix_len = 0;
    if (q < end && is(q, CNC__NAME_START)) {
        do {
            q++;
        } while (q < end && is(q, CNC__NAME_CHAR));
        if (q == end) {
            *tok = CNC__TOK_MORE;
            return NULL;
        }
    }
    if (q == s || (unsigned char)*q >= 0x80) {
        q = cnc__parse_ncname(p, s, end, what, tok);
        if (q == NULL) {
            return NULL;
        }
    }
    if (*q == ':') {
        *prefix_len = (uint32_t)(q - s);
        q = cnc__parse_ncname(p, q + 1, end, "a name after the colon", tok);
        if (q != NULL && *q == ':') {
            *tok = CNC__MALFORMED(p, q, "a second colon in a name");
            return NULL;
        }
    }
    return q;
}

/* The closing quote of the value that starts at s, or NULL with *tok set. */
static inline const char *
parse_value(struct cnc_parser *p, struct tag *t, const char *s,
            const char *end, struct cnc__rawattr *a, enum cnc__tok *tok)
{
    char quote = s[-1];
    for (;;) {
        s = cnc__scan(s, end, quote, '<', '&');
        if (s == end) {
            *tok = CNC__TOK_MORE;
            return NULL;
        }
        unsigned char c = (unsigned char)*s;
        if (c == (unsigned char)quote) {
            return s;
        }
        if (c == '<') {
            *tok = CNC__MALFORMED(p, s, "\"<\" in an attribute's value");
            return NULL;
        }
        if (c >= 0x80) {
            uint32_t cp;
            int n = cnc__scan_char(&cp, s, end);
            if (n < 0) {
                *tok = CNC__TOK_MORE;
                return NULL;
            }
            if (n == 0 || !cnc__xml_char(cp)) {
                *tok = CNC__MALFORMED(p, s,
                                      "not UTF-8, or a character XML "
                                      "forbids");
                return NULL;
            }
            p->wide = true;
            s += n;
            continue;
        }
        if (c != '&' && !is(s, CNC__SPACE)) {
            *tok = CNC__MALFORMED(p, s, "a control character");
            return NULL;
        }
        a->dirty = 1;
        t->newlines = t->newlines || c == '\n';
        s++;
    }
}

static inline const char *
skip_space(struct tag *t, const char *s, const char *end)
{
    while (s < end && is(s, CNC__SPACE)) {
        t->newlines = t->newlines || *s == '\n';
        s++;
    }
    return s;
}

/* The place for the next attribute. */
static struct cnc__rawattr *
next_attr(struct cnc_parser *p, uint32_t n)
{
    struct cnc__scratch *s = p->s;
    if (n == s->cap_attrs) {
        s->cap_attrs = n == 0 ? 16 : 2 * n;
        s->attrs = cnc__realloc(s->attrs, s->cap_attrs, sizeof(*s->attrs));
    }
    return &s->attrs[n];
}

static inline bool
is_decl(const struct cnc__rawattr *a)
{
    return a->prefix_len == 0
               ? a->name_len == 5 && memcmp(a->name, "xmlns", 5) == 0
               : a->prefix_len == 5 && memcmp(a->name, "xmlns", 5) == 0;
}

/* One attribute; the byte behind it, or NULL with *tok set. */
static inline const char *
parse_attr(struct cnc_parser *p, struct tag *t, const char *s, const char *end,
           enum cnc__tok *tok)
{
    if (t->n_attrs >= p->limits.max_attrs) {
        *tok = CNC__OVER(p, s, "more than %u attributes",
                         (unsigned)p->limits.max_attrs);
        return NULL;
    }
    struct cnc__rawattr *a = next_attr(p, t->n_attrs);
    a->name = s;
    a->dirty = 0;
    s = parse_qname(p, s, end, "an attribute's name", &a->prefix_len, tok);
    if (s == NULL) {
        return NULL;
    }
    a->name_len = (uint32_t)(s - a->name);
    s = skip_space(t, s, end);
    if (s < end && *s != '=') {
        *tok = CNC__MALFORMED(p, s,
                              "\"=\" expected after an attribute's "
                              "name");
        return NULL;
    }
    s = s < end ? skip_space(t, s + 1, end) : s;
    if (s == end) {
        *tok = CNC__TOK_MORE;
        return NULL;
    }
    if (*s != '"' && *s != '\'') {
        *tok = CNC__MALFORMED(p, s, "a quoted value expected");
        return NULL;
    }
    a->value = s + 1;
    s = parse_value(p, t, s + 1, end, a, tok);
    if (s == NULL) {
        return NULL;
    }
    a->value_len = (uint32_t)(s - a->value);
    t->n_attrs++;
    t->n_decls += is_decl(a);
    return s + 1;
}

/* The first pass: the byte behind '>', or NULL with *tok set. */
static inline const char *
parse_pieces(struct cnc_parser *p, struct tag *t, const char *end,
             enum cnc__tok *tok)
{
    t->name = t->start + 1;
    const char *s =
        parse_qname(p, t->name, end, "a name", &t->prefix_len, tok);
    if (s == NULL) {
        return NULL;
    }
    t->name_len = (uint32_t)(s - t->name);
    for (;;) {
        const char *before = s;
        s = skip_space(t, s, end);
        if (s == end) {
            *tok = CNC__TOK_MORE;
            return NULL;
        }
        if (*s == '>') {
            return s + 1;
        }
        if (*s == '/') {
            if (s + 1 == end) {
                *tok = CNC__TOK_MORE;
                return NULL;
            }
            if (s[1] != '>') {
                *tok = CNC__MALFORMED(p, s, "\"/>\" expected");
                return NULL;
            }
            t->empty = true;
            return s + 2;
        }
        if (s == before) {
            *tok = CNC__MALFORMED(p, s,
                                  "white space, \">\" or \"/>\" "
                                  "expected");
            return NULL;
        }
        s = parse_attr(p, t, s, end, tok);
        if (s == NULL) {
            return NULL;
        }
    }
}

/* The value with references replaced and blanks normalized (XML 1.0 3.3.3,
 * after the ends of lines of 2.11), as a string of the tree. */
static bool
clean_value(struct cnc_parser *p, const struct cnc__rawattr *a, uint32_t *at)
{
    struct cnc__build *b = &p->s->build;
    const char *s = a->value, *end = s + a->value_len;
    char *to = b->base + b->len;
    *at = b->len;
    while (s < end) {
        if (*s == '&') {
            size_t n;
            enum cnc__tok tok = cnc__parse_ref(p, &s, end, to, &n);
            if (tok == CNC__TOK_MORE) {
                CNC__MALFORMED(p, s, "\"&\" without a reference");
            }
            if (tok != CNC__TOK_OK) {
                return false;
            }
            to += n;
        } else if (is(s, CNC__SPACE)) {
            s += *s == '\r' && s + 1 < end && s[1] == '\n' ? 2 : 1;
            *to++ = ' ';
        } else {
            *to++ = *s++;
        }
    }
    *to++ = '\0';
    b->len = (uint32_t)(to - b->base);
    return true;
}

static inline bool
add_value(struct cnc_parser *p, const struct cnc__rawattr *a, uint32_t *at)
{
    if (a->dirty) {
        return clean_value(p, a, at);
    }
    *at = cnc__build_string(&p->s->build, a->value, a->value_len);
    return true;
}

/* XML Names 1.0, 3: what may not be declared. */
static const char *
decl_error(const char *prefix, uint32_t len, const char *ns)
{
    bool xml = strcmp(ns, CNC__NS_XML) == 0;
    if (len == 3 && memcmp(prefix, "xml", 3) == 0) {
        return xml ? NULL : "the prefix xml is bound to another namespace";
    }
    if (len == 5 && memcmp(prefix, "xmlns", 5) == 0) {
        return "the prefix xmlns is declared";
    }
    if (xml || strcmp(ns, CNC__NS_XMLNS) == 0) {
        return "a reserved namespace is bound to another prefix";
    }
    return len > 0 && *ns == '\0' ? "a prefix is bound to no namespace" : NULL;
}

/* What a namespace that a stanza declares stands for. */
static inline uint32_t
aliased(const struct cnc_parser *p, uint32_t ns)
{
    return ns == p->alias && ns != 0 ? p->alias_as : ns;
}

static enum cnc__tok
add_decl(struct cnc_parser *p, const struct cnc__rawattr *a,
         struct cnc__fdecl *decls, uint32_t *n, uint32_t *default_ns)
{
    struct cnc__build *b = &p->s->build;
    const char *prefix = a->prefix_len > 0 ? a->name + 6 : a->name;
    uint32_t len = a->prefix_len > 0 ? a->name_len - 6 : 0, ns;
    uint32_t before = b->len;
    if (!add_value(p, a, &ns)) {
        return CNC__TOK_FAIL;
    }
    const char *why = decl_error(prefix, len, b->base + ns);
    if (why != NULL) {
        return CNC__MALFORMED(p, a->name, "%s", why);
    }
    uint32_t known = cnc__known_find(b->base + ns, b->len - ns - 1);
    if (known != 0) {
        b->len = before;
        ns = p->root == NULL ? known : aliased(p, known);
    }
    for (uint32_t i = 0; i < *n; i++) {
        const char *other = b->base + decls[i].prefix;
        if (strncmp(other, prefix, len) == 0 && other[len] == '\0') {
            return CNC__MALFORMED(p, a->name, "a prefix is declared twice");
        }
    }
    if (len == 0) {
        *default_ns = ns;
        decls[(*n)++] = (struct cnc__fdecl){CNC__EMPTY, ns};
        return CNC__TOK_OK;
    }
    uint32_t at = cnc__build_string(b, prefix, len);
    decls[(*n)++] = (struct cnc__fdecl){at, ns};
    if (!cnc__parser_bind(p, at, len, ns)) {
        return CNC__OVER(p, a->name, "more than %d prefixes in scope",
                         CNC__BINDS_CAP);
    }
    return CNC__TOK_OK;
}

static inline bool
same_string(const struct cnc__build *b, uint32_t x, uint32_t y)
{
    if (x == y) {
        return true;
    }
    if (x >= CNC__KNOWN_BIT || y >= CNC__KNOWN_BIT) {
        return false; /* a known one is never copied */
    }
    return strcmp(b->base + x, b->base + y) == 0;
}

/* No two attributes with one name (XML 1.0 3.1, XML Names 6.3). */
static enum cnc__tok
check_unique(struct cnc_parser *p, const struct cnc__fattr *attrs, uint32_t n)
{
    const struct cnc__build *b = &p->s->build;
    for (uint32_t i = 1; i < n; i++) {
        const char *name = b->base + attrs[i].name;
        for (uint32_t k = 0; k < i; k++) {
            const char *other = b->base + attrs[k].name;
            if (*name == *other && strcmp(name, other) == 0 &&
                same_string(b, attrs[i].ns, attrs[k].ns)) {
                /* Which piece it was: declarations are no attributes. */
                const struct cnc__rawattr *a = p->s->attrs;
                for (uint32_t left = i;; a++) {
                    if (!is_decl(a) && left-- == 0) {
                        break;
                    }
                }
                return CNC__MALFORMED(p, a->name,
                                      "an attribute stands "
                                      "twice");
            }
        }
    }
    return CNC__TOK_OK;
}

static inline enum cnc__tok
add_attr(struct cnc_parser *p, const struct cnc__rawattr *a,
         struct cnc__fattr *to)
{
    struct cnc__build *b = &p->s->build;
    to->ns = CNC__EMPTY;
    to->prefix = CNC__EMPTY;
    uint32_t skip = 0;
    if (a->prefix_len > 0) {
        if (!cnc__parser_resolve(p, a->name, a->prefix_len, &to->prefix,
                                 &to->ns)) {
            return CNC__MALFORMED(p, a->name, "an undeclared prefix");
        }
        skip = a->prefix_len + 1;
    }
    to->name = cnc__build_string(b, a->name + skip, a->name_len - skip);
    return add_value(p, a, &to->value) ? CNC__TOK_OK : CNC__TOK_FAIL;
}

/* The root's prefixed declarations that the stanza does not make itself. */
static uint32_t
add_root_decls(struct cnc_parser *p, struct cnc__fdecl *decls, uint32_t n,
               uint32_t n_root)
{
    const struct cnc__build *b = &p->s->build;
    for (uint32_t i = 0; i < n_root; i++) {
        const struct cnc__bind *bind = &p->s->binds[i];
        bool own = false;
        for (uint32_t k = 0; k < n && !own; k++) {
            own =
                strcmp(b->base + decls[k].prefix, b->base + bind->prefix) == 0;
        }
        if (!own) {
            decls[n++] = (struct cnc__fdecl){bind->prefix, bind->ns};
        }
    }
    return n;
}

/* A stanza starts: the root's declarations are in scope. */
static void
bind_root(struct cnc_parser *p, uint32_t *default_ns)
{
    struct cnc__build *b = &p->s->build;
    const struct cnc__frozen *root = cnc__frozen(p->root);
    for (uint32_t i = 0; i < root->n_decls; i++) {
        const char *prefix = cnc__fstr(root, cnc__fdecls(root)[i].prefix);
        uint32_t ns = cnc__fdecls(root)[i].ns;
        if (ns < CNC__KNOWN_BIT) {
            const char *text = cnc__fstr(root, ns);
            size_t len = strlen(text);
            cnc__build_room(b, len + 1);
            ns = cnc__build_string(b, text, len);
        }
        ns = aliased(p, ns);
        if (*prefix == '\0') {
            *default_ns = ns;
        } else {
            size_t len = strlen(prefix);
            cnc__build_room(b, len + 1);
            uint32_t at = cnc__build_string(b, prefix, len);
            cnc__parser_bind(p, at, (uint32_t)len, ns);
        }
    }
}

/* The second pass. */
static inline enum cnc__tok
add_element(struct cnc_parser *p, const struct tag *t, const char *end)
{
    struct cnc__build *b = &p->s->build;
    uint32_t ns = CNC__EMPTY, prefix = CNC__EMPTY, n_root = 0;
    if (b->n_open > 0) {
        ns = b->open[b->n_open - 1].default_ns;
        cnc__build_text_end(b);
    } else {
        cnc__build_begin(b);
        p->s->n_binds = 0;
        if (p->root != NULL) {
            bind_root(p, &ns);
            n_root = p->s->n_binds;
        }
    }
    uint32_t n_binds = p->s->n_binds, n_attrs = t->n_attrs - t->n_decls;
    cnc__build_room(b, (size_t)(end - t->start) + (size_t)t->n_attrs * 28 +
                           n_root * sizeof(struct cnc__fdecl) +
                           sizeof(struct cnc__frozen) + 8);
    uint32_t at = cnc__build_element(b, CNC_ELEMENT, p->line, n_attrs,
                                     t->n_decls + n_root);
    struct cnc__frozen *f = cnc__build_at(b, at);
    struct cnc__fattr *attrs = cnc__fattrs(f);
    const struct cnc__rawattr *raw = p->s->attrs;
    if (t->n_decls + n_root > 0) {
        uint32_t n = 0;
        struct cnc__fdecl *decls = cnc__fdecls(f);
        for (uint32_t i = 0; i < t->n_attrs; i++) {
            if (is_decl(&raw[i]) &&
                add_decl(p, &raw[i], decls, &n, &ns) != CNC__TOK_OK) {
                return CNC__TOK_FAIL;
            }
        }
        f->n_decls = add_root_decls(p, decls, n, n_root);
    }
    uint32_t skip = 0;
    f->ns = ns;
    if (t->prefix_len > 0) {
        if (!cnc__parser_resolve(p, t->name, t->prefix_len, &prefix, &f->ns)) {
            return CNC__MALFORMED(p, t->name, "an undeclared prefix");
        }
        skip = t->prefix_len + 1;
    }
    f->prefix = prefix;
    f->name = cnc__build_string(b, t->name + skip, t->name_len - skip);
    if (n_attrs > 0) {
        for (uint32_t i = 0, k = 0; k < n_attrs; i++) {
            if (t->n_decls > 0 && is_decl(&raw[i])) {
                continue;
            }
            if (add_attr(p, &raw[i], &attrs[k++]) != CNC__TOK_OK) {
                return CNC__TOK_FAIL;
            }
        }
        if (n_attrs > 1 && check_unique(p, attrs, n_attrs) != CNC__TOK_OK) {
            return CNC__TOK_FAIL;
        }
    }
    struct cnc__open *o = cnc__build_push(b, at);
    o->n_binds = n_binds;
    o->default_ns = ns;
    o->name_len = t->name_len - skip;
    o->prefix_len = t->prefix_len & INT32_MAX;
    o->wide = p->wide;
    return CNC__TOK_OK;
}

/* Limits that a new element may meet. */
static inline enum cnc__tok
check_limits(struct cnc_parser *p, const char *at)
{
    const struct cnc__build *b = &p->s->build;
    if (b->n_open + (p->root != NULL) >= p->limits.max_depth) {
        return CNC__OVER(p, at, "elements more than %u deep",
                         (unsigned)p->limits.max_depth);
    }
    if (b->n_open > 0 &&
        b->n_kids - b->open[b->n_open - 1].kids >= p->limits.max_children) {
        return CNC__OVER(p, at, "more than %u children of an element",
                         (unsigned)p->limits.max_children);
    }
    if (b->len > CNC__TREE_MAX / 2) {
        return CNC__OVER(p, at, "a tree of more than %u bytes",
                         CNC__TREE_MAX / 2);
    }
    return CNC__TOK_OK;
}

enum cnc__tok
cnc__parse_start(struct cnc_parser *p, const char **at, const char *end,
                 bool *empty)
{
    struct tag t = {.start = *at};
    enum cnc__tok tok;
    const char *limit = end;
    if ((size_t)(end - t.start) > p->limits.max_token) {
        limit = t.start + p->limits.max_token;
    }
    const char *s = parse_pieces(p, &t, limit, &tok);
    if (s == NULL) {
        if (tok == CNC__TOK_MORE && limit < end) {
            tok = CNC__OVER(p, t.start, "a tag of more than %u bytes",
                            (unsigned)p->limits.max_token);
        }
        return tok;
    }
    tok = check_limits(p, t.start);
    if (tok == CNC__TOK_OK) {
        tok = add_element(p, &t, s);
    }
    if (tok == CNC__TOK_OK) {
        if (t.newlines) {
            cnc__parser_lines(p, t.start, s);
        }
        *empty = t.empty;
        *at = s;
    }
    return tok;
}

/* The byte behind the open element's name when it stands at s, whole and not
 * last; NULL else. */
static const char *
match_name(const struct cnc_parser *p, const struct cnc__open *o,
           const char *s, const char *end)
{
    const struct cnc__build *b = &p->s->build;
    const struct cnc__frozen *f = cnc__build_at(b, o->element);
    if (o->prefix_len > 0) {
        if ((size_t)(end - s) <= o->prefix_len ||
            memcmp(s, b->base + f->prefix, o->prefix_len) != 0 ||
            s[o->prefix_len] != ':') {
            return NULL;
        }
        s += o->prefix_len + 1;
    }
    if ((size_t)(end - s) <= o->name_len ||
        memcmp(s, b->base + f->name, o->name_len) != 0) {
        return NULL;
    }
    return s + o->name_len;
}

enum cnc__tok
cnc__parse_end(struct cnc_parser *p, const char **at, const char *end)
{
    struct cnc__build *b = &p->s->build;
    struct cnc__open *o = &b->open[b->n_open - 1];
    const char *start = *at, *limit = end;
    if ((size_t)(end - start) > p->limits.max_token) {
        limit = start + p->limits.max_token;
    }
    const char *s = match_name(p, o, start + 2, limit);
    if (s == NULL || *s != '>') {
        struct tag t = {.start = start};
        enum cnc__tok tok = CNC__TOK_MORE;
        uint32_t prefix_len;
        const char *q =
            parse_qname(p, start + 2, limit, "a name", &prefix_len, &tok);
        if (q != NULL && q != s) {
            const struct cnc__frozen *f = cnc__build_at(b, o->element);
            return CNC__MALFORMED(
                p, start, "</%.*s> does not close <%.*s%s%.*s> of line %u",
                (int)(q - start - 2 > 60 ? 60 : q - start - 2), start + 2,
                (int)o->prefix_len, b->base + f->prefix,
                o->prefix_len > 0 ? ":" : "",
                (int)(o->name_len > 60 ? 60 : o->name_len), b->base + f->name,
                f->head.line);
        }
        s = q == NULL ? NULL : skip_space(&t, q, limit);
        if (s == NULL || s == limit) {
            if (tok == CNC__TOK_FAIL || limit == end) {
                return s == NULL ? tok : CNC__TOK_MORE;
            }
            return CNC__OVER(p, start, "a tag of more than %u bytes",
                             (unsigned)p->limits.max_token);
        }
        if (*s != '>') {
            return CNC__MALFORMED(p, s, "\">\" expected");
        }
        if (t.newlines) {
            cnc__parser_lines(p, start, s);
        }
    }
    p->wide = p->wide || o->wide;
    p->s->n_binds = o->n_binds;
    cnc__build_pop(b);
    *at = s + 1;
    return CNC__TOK_OK;
}
