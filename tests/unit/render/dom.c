/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include <libxml/parser.h>

#include "../../../src/base/text.h"
#include "dom.h"

struct dom *
dom_new(const char *name, const char *text)
{
    struct dom *d = cnc__zalloc(sizeof(*d));
    d->name = cnc__strdup(name);
    d->text = cnc__strdup(text);
    return d;
}

void
dom_free(struct dom *d)
{
    for (size_t i = 0; i < d->n_kids; i++) {
        dom_free(d->kids[i]);
    }
    for (size_t i = 0; i < d->n_attrs; i++) {
        cnc__free(d->attrs[i].name);
        cnc__free(d->attrs[i].value);
    }
    cnc__free(d->attrs);
    cnc__free(d->kids);
    cnc__free(d->name);
    cnc__free(d->text);
    cnc__free(d);
}

struct dom *
dom_copy(const struct dom *d)
{
    struct dom *c = dom_new(d->name, d->text);
    for (size_t i = 0; i < d->n_attrs; i++) {
        dom_set(c, d->attrs[i].name, d->attrs[i].value);
    }
    for (size_t i = 0; i < d->n_kids; i++) {
        dom_insert(c, i, dom_copy(d->kids[i]));
    }
    return c;
}

const char *
dom_get(const struct dom *d, const char *name)
{
    for (size_t i = 0; i < d->n_attrs; i++) {
        if (strcmp(d->attrs[i].name, name) == 0) {
            return d->attrs[i].value;
        }
    }
    return NULL;
}

void
dom_unset(struct dom *d, const char *name)
{
    for (size_t i = 0; i < d->n_attrs; i++) {
        if (strcmp(d->attrs[i].name, name) == 0) {
            cnc__free(d->attrs[i].name);
            cnc__free(d->attrs[i].value);
            d->attrs[i] = d->attrs[--d->n_attrs];
            return;
        }
    }
}

void
dom_set(struct dom *d, const char *name, const char *value)
{
    dom_unset(d, name);
    d->attrs = cnc__realloc(d->attrs, d->n_attrs + 1, sizeof(*d->attrs));
    d->attrs[d->n_attrs++] =
        (struct dom_attr){cnc__strdup(name), cnc__strdup(value)};
}

void
dom_insert(struct dom *d, size_t at, struct dom *kid)
{
    CNC_CHECK(at <= d->n_kids);
    d->kids = cnc__realloc(d->kids, d->n_kids + 1, sizeof(*d->kids));
    memmove(d->kids + at + 1, d->kids + at,
            (d->n_kids - at) * sizeof(*d->kids));
    d->kids[at] = kid;
    d->n_kids++;
}

struct dom *
dom_take(struct dom *d, size_t at)
{
    struct dom *kid = d->kids[at];
    d->n_kids--;
    memmove(d->kids + at, d->kids + at + 1,
            (d->n_kids - at) * sizeof(*d->kids));
    return kid;
}

/* -- reading HTML -------------------------------------------------------- */

static bool
is_void(const char *name)
{
    static const char *const names[] = {"br",    "hr",  "img",  "input",
                                        "link",  "col", "meta", "source",
                                        "track", "wbr"};
    for (size_t i = 0; i < CNC_N(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Text up to one of stop; NULL when a reference is none of ours. */
static char *
read_text(const char **s, const char *stop)
{
    static const struct {
        const char *name;
        char c;
    } refs[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}};
    struct cnc__str out = CNC__STR;
    while (**s != '\0' && strchr(stop, **s) == NULL) {
        size_t i = 0;
        if (**s == '&') {
            while (i < CNC_N(refs) &&
                   strncmp(*s, refs[i].name, strlen(refs[i].name)) != 0) {
                i++;
            }
            if (i == CNC_N(refs)) {
                cnc__str_fini(&out);
                return NULL;
            }
            cnc__str_putc(&out, refs[i].c);
            *s += strlen(refs[i].name);
        } else {
            cnc__str_putc(&out, *(*s)++);
        }
    }
    return cnc__str_steal(&out);
}

static bool
read_attrs(struct dom *d, const char **s)
{
    while (**s == ' ') {
        size_t n = strcspn(++*s, "=");
        char *name = cnc__strndup(*s, n);
        *s += n;
        char *value = NULL;
        if (strncmp(*s, "=\"", 2) == 0) {
            *s += 2;
            value = read_text(s, "\"");
        }
        if (value == NULL || dom_get(d, name) != NULL) {
            cnc__free(name);
            cnc__free(value);
            return false;
        }
        dom_set(d, name, value);
        cnc__free(name);
        cnc__free(value);
        *s += **s == '"';
    }
    return *(*s)++ == '>';
}

static bool
read_kids(struct dom *d, const char **s)
{
    while (strncmp(*s, "</", 2) != 0) {
        struct dom *kid;
        if (**s == '\0') {
            return false;
        }
        if (**s != '<') {
            char *text = read_text(s, "<");
            if (text == NULL) {
                return false;
            }
            kid = dom_new(NULL, text);
            cnc__free(text);
            dom_insert(d, d->n_kids, kid);
            continue;
        }
        size_t n = strcspn(++*s, " >");
        char *name = cnc__strndup(*s, n);
        kid = dom_new(name, NULL);
        cnc__free(name);
        *s += n;
        dom_insert(d, d->n_kids, kid);
        if (!read_attrs(kid, s)) {
            return false;
        }
        if (is_void(kid->name)) {
            continue;
        }
        if ((strcmp(kid->name, "pre") == 0 ||
             strcmp(kid->name, "textarea") == 0) &&
            **s == '\n') {
            (*s)++;
        }
        if (!read_kids(kid, s) || strncmp(*s, "</", 2) != 0 ||
            strncmp(*s + 2, kid->name, strlen(kid->name)) != 0) {
            return false;
        }
        *s += 2 + strlen(kid->name);
        if (*(*s)++ != '>') {
            return false;
        }
    }
    return true;
}

struct dom *
dom_read(const char *html)
{
    static const char doctype[] = "<!DOCTYPE html>\n";
    if (strncmp(html, doctype, sizeof(doctype) - 1) != 0) {
        return NULL;
    }
    /* The end tag ends the outermost list. */
    struct cnc__str s = CNC__STR;
    cnc__str_puts(&s, html + sizeof(doctype) - 1);
    cnc__str_puts(&s, "</");
    const char *p = s.data;
    struct dom *top = dom_new("top", NULL), *d = NULL;
    if (read_kids(top, &p) && strcmp(p, "</") == 0 && top->n_kids == 1) {
        d = dom_take(top, 0);
    }
    dom_free(top);
    cnc__str_fini(&s);
    return d;
}

/* -- applying ------------------------------------------------------------ */

static struct dom *
find_id(struct dom *d, const char *id)
{
    const char *have = d->name == NULL ? NULL : dom_get(d, "id");
    if (have != NULL && strcmp(have, id) == 0) {
        return d;
    }
    for (size_t i = 0; i < d->n_kids; i++) {
        struct dom *f = find_id(d->kids[i], id);
        if (f != NULL) {
            return f;
        }
    }
    return NULL;
}

static struct dom *
from_xml(const xmlNode *n)
{
    if (n->type == XML_TEXT_NODE) {
        return dom_new(NULL, (const char *)n->content);
    }
    CNC_CHECK(n->type == XML_ELEMENT_NODE && n->ns != NULL);
    struct dom *d = dom_new((const char *)n->name, NULL);
    for (const xmlAttr *a = n->properties; a != NULL; a = a->next) {
        xmlChar *v = xmlNodeListGetString(n->doc, a->children, 1);
        dom_set(d, (const char *)a->name, v == NULL ? "" : (char *)v);
        xmlFree(v);
    }
    for (const xmlNode *c = n->children; c != NULL; c = c->next) {
        dom_insert(d, d->n_kids, from_xml(c));
    }
    return d;
}

static char *
arg(const xmlNode *op, const char *name)
{
    return (char *)xmlGetNoNsProp((xmlNodePtr)op, (const xmlChar *)name);
}

static size_t
number(const xmlNode *op, const char *name, size_t otherwise)
{
    char *s = arg(op, name);
    int64_t n = -1;
    if (s == NULL) {
        return otherwise;
    }
    bool good = cnc__parse_int(&n, s, 0, INT32_MAX);
    xmlFree(s);
    return good ? (size_t)n : SIZE_MAX;
}

static struct dom *
target(struct dom *html, const xmlNode *op)
{
    struct dom *d = html;
    char *at = arg(op, "at"), *path = arg(op, "path");
    if (at != NULL) {
        d = find_id(html, at);
    }
    for (char *p = path; p != NULL && d != NULL; p = strchr(p, '/')) {
        p += *p == '/';
        size_t i = strtoul(p, NULL, 10);
        d = i < d->n_kids ? d->kids[i] : NULL;
    }
    xmlFree(at);
    xmlFree(path);
    return d;
}

static const char *
apply_attr(struct dom *d, const xmlNode *op, bool set)
{
    char *name = arg(op, "name"), *value = arg(op, "value");
    const char *wrong = NULL;
    if (name == NULL || (set && value == NULL)) {
        wrong = "no name or value";
    } else if (set) {
        dom_set(d, name, value);
    } else {
        dom_unset(d, name);
    }
    xmlFree(name);
    xmlFree(value);
    return wrong;
}

static const char *
apply_op(struct dom *html, const xmlNode *op)
{
    const char *name = (const char *)op->name;
    struct dom *d = target(html, op);
    if (d == NULL || d->name == NULL) {
        return "no such element";
    }
    if (strcmp(name, "set") == 0 || strcmp(name, "unset") == 0) {
        return apply_attr(d, op, name[0] == 's');
    }
    if (strcmp(name, "move") == 0) {
        size_t from = number(op, "from", SIZE_MAX);
        size_t to = number(op, "to", SIZE_MAX);
        if (from >= d->n_kids || to >= d->n_kids) {
            return "move: no such child";
        }
        struct dom *kid = dom_take(d, from);
        dom_insert(d, to, kid);
        return NULL;
    }
    size_t index = number(op, "index", SIZE_MAX);
    if (strcmp(name, "insert") == 0 && index <= d->n_kids) {
        for (const xmlNode *c = op->children; c != NULL; c = c->next) {
            dom_insert(d, index++, from_xml(c));
        }
        return NULL;
    }
    if (index >= d->n_kids) {
        return "no such child";
    }
    if (strcmp(name, "text") == 0) {
        if (d->kids[index]->name != NULL || op->children == NULL) {
            return "text: not a text";
        }
        xmlChar *text = xmlNodeGetContent((xmlNodePtr)op);
        cnc__free(d->kids[index]->text);
        d->kids[index]->text = cnc__strdup((char *)text);
        xmlFree(text);
        return NULL;
    }
    size_t n = number(op, "n", 1);
    if (strcmp(name, "insert") == 0 || n > d->n_kids - index) {
        return "no so many children";
    }
    if (strcmp(name, "remove") == 0 || strcmp(name, "replace") == 0) {
        while (n-- > 0) {
            dom_free(dom_take(d, index));
        }
        for (const xmlNode *c = op->children; c != NULL; c = c->next) {
            dom_insert(d, index++, from_xml(c));
        }
        return NULL;
    }
    return "no such operation";
}

const char *
dom_apply(struct dom *html, const char *patch, size_t len)
{
    xmlDocPtr doc = xmlReadMemory(patch, (int)len, NULL, NULL,
                                  XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (doc == NULL) {
        return "not well-formed";
    }
    const char *wrong = NULL;
    const xmlNode *root = xmlDocGetRootElement(doc);
    if (root->ns == NULL ||
        strcmp((const char *)root->ns->href,
               "http://concordance-xmpp.org/ns/view") != 0) {
        wrong = "not a patch";
    }
    for (const xmlNode *op = root->children; op != NULL && wrong == NULL;
         op = op->next) {
        wrong = apply_op(html, op);
    }
    xmlFreeDoc(doc);
    return wrong;
}

/* -- comparing ----------------------------------------------------------- */

static int
by_name(const void *a, const void *b)
{
    return strcmp(((const struct dom_attr *)a)->name,
                  ((const struct dom_attr *)b)->name);
}

static void
dump(const struct dom *d, struct cnc__str *out, int depth)
{
    cnc__str_printf(out, "%*s", depth, "");
    if (d->name == NULL) {
        cnc__str_printf(out, "\"%s\"\n", d->text);
        return;
    }
    cnc__str_puts(out, d->name);
    if (d->n_attrs > 0) {
        qsort(d->attrs, d->n_attrs, sizeof(*d->attrs), by_name);
    }
    for (size_t i = 0; i < d->n_attrs; i++) {
        cnc__str_printf(out, " %s=\"%s\"", d->attrs[i].name,
                        d->attrs[i].value);
    }
    cnc__str_putc(out, '\n');
    for (size_t i = 0; i < d->n_kids; i++) {
        dump(d->kids[i], out, depth + 1);
    }
}

void
dom_dump(const struct dom *d, struct cnc__str *out)
{
    dump(d, out, 0);
}
