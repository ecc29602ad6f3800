/* SPDX-License-Identifier: MIT */
/*
 * pure.c -- which templates depend on their record alone.
 */
#include "pure.h"
#include "engine.h"

#define NS_XSLT       "http://www.w3.org/1999/XSL/Transform"
#define MAX_TEMPLATES 512
#define MAX_REGIONS   64

/* How a template is reached: with the set of records as its context, or with
 * a set from inside one record. */
enum { AS_RECORD = 1, AS_LOCAL = 2 };

struct template
{
    xmlNodePtr node;
    uint8_t seen; /* AS_..., for the region at hand */
    uint8_t todo;
};

struct check {
    xmlDocPtr *sheets; /* some may be NULL */
    size_t n_sheets;
    struct template templates[MAX_TEMPLATES];
    size_t n_templates;
    xmlNodePtr top; /* of what is being walked: region's parent, template */
};

static bool
is_element(const xmlNode *n)
{
    return n != NULL && n->type == XML_ELEMENT_NODE;
}

static bool
is_xslt(const xmlNode *n)
{
    return is_element(n) && n->ns != NULL &&
           strcmp((const char *)n->ns->href, NS_XSLT) == 0;
}

bool
cnc__xsl_is(const xmlNode *n, const char *name)
{
    return is_xslt(n) && strcmp((const char *)n->name, name) == 0;
}

/* The value of an attribute without a namespace; *new* or NULL. */
static char *
attr(const xmlNode *n, const char *name)
{
    return (char *)xmlGetNoNsProp(n, (const xmlChar *)name);
}

static bool
attr_is(const xmlNode *n, const char *name, const char *value)
{
    char *s = attr(n, name);
    bool same =
        s == NULL ? value == NULL : value != NULL && strcmp(s, value) == 0;
    xmlFree(s);
    return same;
}

static bool
has_attr(const xmlNode *n, const char *name)
{
    return xmlHasNsProp(n, (const xmlChar *)name, NULL) != NULL;
}

/* -- variables ----------------------------------------------------------- */

static bool
declares(const xmlNode *n, const char *name)
{
    return (cnc__xsl_is(n, "variable") || cnc__xsl_is(n, "param")) &&
           attr_is(n, "name", name);
}

/* A literal, a number, or text. */
static bool
is_constant(const xmlNode *n)
{
    char *s = attr(n, "select");
    if (s != NULL) {
        const char *p = s + strspn(s, " \t\r\n");
        size_t len = 0;
        if (*p == '"' || *p == '\'') {
            const char *end = strchr(p + 1, *p);
            len = end == NULL ? 0 : (size_t)(end + 1 - p);
        } else {
            len = strspn(p, "0123456789.");
        }
        bool constant = len > 0 && p[len + strspn(p + len, " \t\r\n")] == '\0';
        xmlFree(s);
        return constant;
    }
    for (const xmlNode *c = n->children; c != NULL; c = c->next) {
        if (c->type != XML_TEXT_NODE && c->type != XML_CDATA_SECTION_NODE &&
            c->type != XML_COMMENT_NODE) {
            return false;
        }
    }
    return true;
}

/* A global of one sheet may be that of another by precedence: a constant in
 * each. */
static bool
is_constant_of_sheets(const struct check *c, const char *name)
{
    bool found = false;
    for (size_t i = 0; i < c->n_sheets; i++) {
        const xmlNode *n = c->sheets[i] == NULL
                               ? NULL
                               : xmlDocGetRootElement(c->sheets[i])->children;
        for (; n != NULL; n = n->next) {
            if (declares(n, name)) {
                found = true;
                if (!is_constant(n)) {
                    return false;
                }
            }
        }
    }
    return found;
}

/* Declared inside of what is being walked, or a constant of the sheet. */
static bool
variable_pure(const char *name, const xmlNode *at, void *priv)
{
    const struct check *c = priv;
    for (const xmlNode *n = at; n != NULL && n != c->top; n = n->parent) {
        for (const xmlNode *s = n->prev; s != NULL; s = s->prev) {
            if (declares(s, name)) {
                return true;
            }
        }
    }
    const xmlNode *root = xmlDocGetRootElement(at->doc);
    /* Something between the region and the sheet may hide the global. */
    for (const xmlNode *n = c->top; n != NULL && n->parent != root;
         n = n->parent) {
        for (const xmlNode *s = n->prev; s != NULL; s = s->prev) {
            if (declares(s, name)) {
                return false;
            }
        }
    }
    return is_constant_of_sheets(c, name);
}

/* -- instructions -------------------------------------------------------- */

/* The set that position() is of was made inside of what is walked. */
static bool
is_local(const struct check *c, const xmlNode *n, bool local)
{
    for (n = n->parent; n != NULL && n != c->top && !local; n = n->parent) {
        local = cnc__xsl_is(n, "for-each");
    }
    return local;
}

/* Each {expression} of an attribute value template. */
static bool
avt_pure(struct check *c, const xmlNode *n, const char *value, bool local)
{
    for (const char *s = strchr(value, '{'); s != NULL; s = strchr(s, '{')) {
        if (s[1] == '{') {
            s += 2;
            continue;
        }
        const char *end = ++s;
        for (; *end != '\0' && *end != '}'; end++) {
            if (*end == '"' || *end == '\'') {
                const char *q = strchr(end + 1, *end);
                if (q == NULL) {
                    return false;
                }
                end = q;
            }
        }
        char *expr = cnc__strndup(s, (size_t)(end - s));
        bool pure = cnc__xpath_pure(expr, n, local, variable_pure, c);
        cnc__free(expr);
        if (!pure) {
            return false;
        }
        s = end;
    }
    return true;
}

static bool
attrs_pure(struct check *c, const xmlNode *n, bool local)
{
    for (const xmlAttr *a = n->properties; a != NULL; a = a->next) {
        const char *name = (const char *)a->name;
        if (strcmp(name, "use-attribute-sets") == 0 ||
            strcmp(name, "extension-element-prefixes") == 0) {
            return false;
        }
        char *value = (char *)xmlNodeListGetString(n->doc, a->children, 1);
        bool expr = is_xslt(n) &&
                    (strcmp(name, "select") == 0 || strcmp(name, "test") == 0);
        bool pure = value == NULL ||
                    (expr ? cnc__xpath_pure(value, n, local, variable_pure, c)
                          : avt_pure(c, n, value, local));
        xmlFree(value);
        if (!pure) {
            return false;
        }
    }
    return true;
}

static void
reach(struct template *t, uint8_t how)
{
    t->todo |= how & (uint8_t)~t->seen;
}

/* False: not a name that is the same wherever it stands. */
static bool
reach_named(struct check *c, const xmlNode *call, bool local)
{
    char *name = attr(call, "name");
    bool pure = name != NULL && strchr(name, ':') == NULL;
    for (size_t i = 0; name != NULL && i < c->n_templates; i++) {
        if (attr_is(c->templates[i].node, "name", name)) {
            reach(&c->templates[i], local ? AS_LOCAL : AS_RECORD);
        }
    }
    xmlFree(name);
    return pure;
}

/* Names of elements and kinds of nodes alone, no predicate, no key(). */
static bool
pattern_pure(const char *match)
{
    for (const char *s = match; *s != '\0'; s++) {
        if (*s == '[' || (*s == '(' && s[1] != ')')) {
            return false;
        }
    }
    return true;
}

/* Every matched template of the mode, but for that of the root, which no
 * step down can reach.  False: a pattern may look around. */
static bool
reach_matched(struct check *c, const xmlNode *apply)
{
    char *mode = attr(apply, "mode");
    bool pure = mode == NULL || strchr(mode, ':') == NULL;
    for (size_t i = 0; pure && i < c->n_templates; i++) {
        char *match = attr(c->templates[i].node, "match");
        if (match != NULL && strcmp(match, "/") != 0 &&
            attr_is(c->templates[i].node, "mode", mode)) {
            pure = pattern_pure(match);
            reach(&c->templates[i], AS_LOCAL);
        }
        xmlFree(match);
    }
    xmlFree(mode);
    return pure;
}

static bool
instruction_pure(struct check *c, const xmlNode *n, bool local)
{
    static const char *const known[] = {"attribute",
                                        "choose",
                                        "comment",
                                        "copy",
                                        "copy-of",
                                        "element",
                                        "fallback",
                                        "for-each",
                                        "if",
                                        "message",
                                        "otherwise",
                                        "param",
                                        "processing-instruction",
                                        "sort",
                                        "text",
                                        "value-of",
                                        "variable",
                                        "when",
                                        "with-param"};
    if (cnc__xsl_is(n, "apply-templates")) {
        return reach_matched(c, n);
    }
    if (cnc__xsl_is(n, "call-template")) {
        return reach_named(c, n, local);
    }
    for (size_t i = 0; i < CNC_N(known); i++) {
        if (strcmp((const char *)n->name, known[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool
element_pure(struct check *c, const xmlNode *n, bool local)
{
    local = is_local(c, n, local);
    if (is_xslt(n)) {
        return instruction_pure(c, n, local) && attrs_pure(c, n, local);
    }
    /* A form changes without the record. */
    if (n->ns != NULL &&
        strcmp((const char *)n->ns->href, CNC__NS_PAGE) == 0) {
        return false;
    }
    return attrs_pure(c, n, local);
}

/* Everything from first to the end of its parent. */
static bool
walk(struct check *c, xmlNodePtr first, bool local)
{
    if (first == NULL) {
        return true;
    }
    c->top = first->parent;
    for (const xmlNode *n = first; n != NULL && n != c->top;) {
        if (is_element(n) && !element_pure(c, n, local)) {
            return false;
        }
        if (is_element(n) && n->children != NULL) {
            n = n->children;
            continue;
        }
        while (n != c->top && n->next == NULL) {
            n = n->parent;
        }
        n = n == c->top ? NULL : n->next;
    }
    return true;
}

static bool
region_pure(struct check *c, xmlNodePtr first)
{
    for (size_t i = 0; i < c->n_templates; i++) {
        c->templates[i].seen = c->templates[i].todo = 0;
    }
    if (!walk(c, first, false)) {
        return false;
    }
    for (size_t i = 0; i < c->n_templates;) {
        struct template *t = &c->templates[i];
        uint8_t todo = t->todo;
        if (todo == 0) {
            i++;
            continue;
        }
        t->seen |= todo;
        t->todo = 0;
        if (((todo & AS_RECORD) != 0 && !walk(c, t->node->children, false)) ||
            ((todo & AS_LOCAL) != 0 && !walk(c, t->node->children, true))) {
            return false;
        }
        i = 0; /* it may reach any */
    }
    return true;
}

/* -- regions ------------------------------------------------------------- */

/* Where the body starts; NULL: there is none. */
static xmlNodePtr
body_of(xmlNodePtr n)
{
    xmlNodePtr c = n->children;
    if (cnc__xsl_is(n, "template")) {
        if (!has_attr(n, "match")) {
            return NULL;
        }
        for (xmlNodePtr p = c; p != NULL; p = p->next) {
            if (cnc__xsl_is(p, "param")) {
                return NULL; /* depends on what is passed */
            }
        }
    } else if (!cnc__xsl_is(n, "for-each")) {
        return NULL;
    }
    for (xmlNodePtr p = c; p != NULL; p = p->next) {
        if (cnc__xsl_is(p, "sort")) {
            c = p->next;
        }
    }
    return c;
}

/* Put what is from first on into an element of ours. */
static void
wrap(xmlNodePtr parent, xmlNodePtr first, xmlNsPtr ns)
{
    xmlNodePtr r =
        xmlNewDocNode(parent->doc, ns, (const xmlChar *)CNC__REGION, NULL);
    r->parent = parent;
    r->prev = first->prev;
    r->children = first;
    r->last = parent->last;
    r->line = parent->line;
    if (first->prev == NULL) {
        parent->children = r;
    } else {
        first->prev->next = r;
    }
    parent->last = r;
    first->prev = NULL;
    for (xmlNodePtr n = first; n != NULL; n = n->next) {
        n->parent = r;
    }
}

/* A sheet with extension elements, or one that knows of ours, is none of
 * those whose parts we can know. */
static bool
is_plain(xmlDocPtr sheet)
{
    const xmlNode *root = xmlDocGetRootElement(sheet);
    if (!cnc__xsl_is(root, "stylesheet") && !cnc__xsl_is(root, "transform")) {
        return false;
    }
    if (has_attr(root, "extension-element-prefixes")) {
        return false;
    }
    for (const xmlNode *n = root; n != NULL;) {
        for (const xmlNs *ns = is_element(n) ? n->nsDef : NULL; ns != NULL;
             ns = ns->next) {
            if (strcmp((const char *)ns->href, CNC__NS_REGION) == 0) {
                return false;
            }
        }
        if (is_element(n) && n->children != NULL) {
            n = n->children;
            continue;
        }
        while (n != root && n->next == NULL) {
            n = n->parent;
        }
        n = n == root ? NULL : n->next;
    }
    return true;
}

static size_t
find_regions(struct check *c, xmlDocPtr sheet, xmlNodePtr found[MAX_REGIONS],
             size_t n_found)
{
    xmlNodePtr root = xmlDocGetRootElement(sheet);
    for (xmlNodePtr n = root; n != NULL && n_found < MAX_REGIONS;) {
        xmlNodePtr body = is_element(n) ? body_of(n) : NULL;
        if (body != NULL && region_pure(c, body)) {
            found[n_found++] = body;
        }
        if (is_element(n) && n->children != NULL) {
            n = n->children;
            continue;
        }
        while (n != root && n->next == NULL) {
            n = n->parent;
        }
        n = n == root ? NULL : n->next;
    }
    return n_found;
}

/* False: too many, or a sheet whose parts we cannot know. */
static bool
find_templates(struct check *c, const char *prefix)
{
    for (size_t i = 0; i < c->n_sheets; i++) {
        xmlDocPtr sheet = c->sheets[i];
        if (sheet == NULL) {
            continue;
        }
        xmlNodePtr root = xmlDocGetRootElement(sheet);
        if (!is_plain(sheet) ||
            xmlSearchNs(sheet, root, (const xmlChar *)prefix) != NULL) {
            return false;
        }
        for (xmlNodePtr n = root->children; n != NULL; n = n->next) {
            if (cnc__xsl_is(n, "template")) {
                if (c->n_templates == MAX_TEMPLATES) {
                    return false;
                }
                c->templates[c->n_templates++].node = n;
            }
        }
    }
    return true;
}

static xmlNsPtr
declare(xmlNodePtr root, const char *prefix)
{
    xmlNsPtr ns =
        xmlSearchNsByHref(root->doc, root, (const xmlChar *)CNC__NS_REGION);
    if (ns == NULL) {
        ns = xmlNewNs(root, (const xmlChar *)CNC__NS_REGION,
                      (const xmlChar *)prefix);
        xmlNewProp(root, (const xmlChar *)"extension-element-prefixes",
                   (const xmlChar *)prefix);
    }
    return ns;
}

bool
cnc__pure_mark(xmlDocPtr *sheets, size_t n)
{
    static const char prefix[] = "cnc-region";
    xmlNodePtr found[MAX_REGIONS];
    size_t n_found = 0;
    struct check *c = cnc__zalloc(sizeof(*c));
    c->sheets = sheets;
    c->n_sheets = n;
    if (find_templates(c, prefix)) {
        for (size_t i = 0; i < n; i++) {
            if (sheets[i] != NULL) {
                n_found = find_regions(c, sheets[i], found, n_found);
            }
        }
    }
    cnc__free(c);
    for (size_t i = 0; i < n_found; i++) {
        xmlNodePtr root = xmlDocGetRootElement(found[i]->doc);
        wrap(found[i]->parent, found[i], declare(root, prefix));
    }
    return n_found > 0;
}
