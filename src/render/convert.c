/* SPDX-License-Identifier: MIT */
/*
 * convert.c -- libxslt's result into the builder.
 */
#include "convert.h"
#include "engine.h"

#define NS_XHTML  "http://www.w3.org/1999/xhtml"
#define NS_XML    "http://www.w3.org/XML/1998/namespace"
#define MAX_ATTRS 64

struct convert {
    struct cnc__rbuild *b;
    const struct cnc__item *items;
    size_t n_items;
    cnc__form_f *form;
    void *priv;
    const xmlNode *part; /* the one we are in, or NULL */
};

static bool
in_ns(const xmlNs *ns, const char *uri)
{
    return ns != NULL && strcmp((const char *)ns->href, uri) == 0;
}

/* The text of an attribute: borrowed when it is one node, as it nearly
 * always is, else *new* in *own. */
static const char *
attr_value(const xmlAttr *a, xmlChar **own)
{
    const xmlNode *c = a->children;
    *own = NULL;
    if (c == NULL) {
        return "";
    }
    if (c->next == NULL && c->type == XML_TEXT_NODE) {
        return c->content == NULL ? "" : (const char *)c->content;
    }
    *own = xmlNodeListGetString(a->doc, a->children, 1);
    return *own == NULL ? "" : (const char *)*own;
}

static bool
open_html(struct convert *c, const xmlNode *n)
{
    struct cnc__attr_in attrs[MAX_ATTRS];
    attrs[0] = (struct cnc__attr_in){NULL, NULL};
    xmlChar *own[MAX_ATTRS];
    size_t n_attrs = 0;
    for (const xmlAttr *a = n->properties; a != NULL && n_attrs < MAX_ATTRS;
         a = a->next) {
        bool lang =
            in_ns(a->ns, NS_XML) && strcmp((const char *)a->name, "lang") == 0;
        if (a->ns != NULL && !lang) {
            continue;
        }
        attrs[n_attrs].name = (const char *)a->name;
        attrs[n_attrs].value = attr_value(a, &own[n_attrs]);
        n_attrs++;
    }
    enum cnc__rbuild_open answer =
        cnc__rbuild_open(c->b, (const char *)n->name, attrs, n_attrs);
    for (size_t i = 0; i < n_attrs; i++) {
        xmlFree(own[i]);
    }
    return answer != CNC__RBUILD_SKIP;
}

static const struct cnc__item *
item_of(const struct convert *c, const xmlNode *n)
{
    uintptr_t number = (uintptr_t)n->_private;
    return number == 0 || number > c->n_items ? NULL : &c->items[number - 1];
}

static bool
is_page(const xmlNode *n, const char *name)
{
    return in_ns(n->ns, CNC__NS_PAGE) &&
           strcmp((const char *)n->name, name) == 0;
}

/* What is for some is never in what everybody gets: where there can be no
 * part, nothing of it is. */
static bool
enter_part(struct convert *c, const xmlNode *n)
{
    if (c->part != NULL || !cnc__rbuild_part_begin(c->b)) {
        return false;
    }
    c->part = n;
    return true;
}

static void
leave_part(struct convert *c)
{
    xmlChar *for_ =
        xmlGetNoNsProp((xmlNodePtr)c->part, (const xmlChar *)"for");
    xmlChar *at =
        xmlGetNoNsProp((xmlNodePtr)c->part, (const xmlChar *)CNC__PART_AT);
    cnc__rbuild_part_end(c->b, for_ == NULL ? "" : (const char *)for_,
                         at == NULL ? "" : (const char *)at);
    xmlFree(at);
    xmlFree(for_);
    c->part = NULL;
}

/* True: go on with its children, and leave() after them. */
static bool
enter(struct convert *c, const xmlNode *n)
{
    const struct cnc__item *item = item_of(c, n);
    if (item != NULL) {
        if (item->frag != NULL) {
            cnc__rbuild_frag_put(c->b, item->frag);
            return false;
        }
        cnc__rbuild_frag_begin(c->b);
        return true;
    }
    if (is_page(n, "form")) {
        xmlChar *node = xmlGetNoNsProp((xmlNodePtr)n, (const xmlChar *)"node");
        if (node != NULL) {
            c->form(c->b, (const char *)node, c->priv);
        }
        xmlFree(node);
        return false;
    }
    if (is_page(n, "part")) {
        return enter_part(c, n);
    }
    if (is_page(n, "viewer")) {
        if (c->part != NULL) {
            cnc__rbuild_text(c->b, CNC__PART_NAME, strlen(CNC__PART_NAME));
        }
        return false;
    }
    /* One with words in it was copied from a source that has it. */
    if (is_page(n, "flash") && c->part != NULL && n->children == NULL) {
        cnc__rbuild_text(c->b, CNC__PART_NOTE, strlen(CNC__PART_NOTE));
        return false;
    }
    bool html = n->ns == NULL || in_ns(n->ns, NS_XHTML);
    bool in = html ? open_html(c, n)
                   : cnc__rbuild_open_foreign(c->b, (const char *)n->name) !=
                         CNC__RBUILD_SKIP;
    if (!in) {
        cnc__rbuild_close(c->b);
    }
    return in;
}

static void
leave(struct convert *c, const xmlNode *n)
{
    const struct cnc__item *item = item_of(c, n);
    if (n == c->part) {
        leave_part(c);
        return;
    }
    if (item == NULL) {
        cnc__rbuild_close(c->b);
        return;
    }
    struct cnc__frag *f = cnc__rbuild_frag_end(c->b);
    if (f != NULL) {
        cnc__record_memo_put(item->record, item->inst, f);
    }
}

void
cnc__convert(struct cnc__rbuild *b, xmlDocPtr result,
             const struct cnc__item *items, size_t n_items, cnc__form_f *form,
             void *priv)
{
    struct convert c = {b, items, n_items, form, priv, NULL};
    const xmlNode *top = (const xmlNode *)result;
    const xmlNode *n = result->children;
    while (n != NULL && !b->bail && !b->too_big) {
        if (n->type == XML_ELEMENT_NODE) {
            if (enter(&c, n)) {
                if (n->children != NULL) {
                    n = n->children;
                    continue;
                }
                leave(&c, n);
            }
        } else if ((n->type == XML_TEXT_NODE ||
                    n->type == XML_CDATA_SECTION_NODE) &&
                   n->content != NULL) {
            cnc__rbuild_text(b, (const char *)n->content,
                             strlen((const char *)n->content));
        }
        while (n->next == NULL && n->parent != top && !b->bail) {
            n = n->parent;
            leave(&c, n);
        }
        n = n->next;
    }
    if (!b->bail && !b->too_big) {
        cnc__rbuild_done(b);
    }
}
