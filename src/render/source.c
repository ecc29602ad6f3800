/* SPDX-License-Identifier: MIT */
/*
 * source.c -- a page's source document, changed record by record.
 */
#include "source.h"
#include "sheet.h"

#define RECORD_MAGIC 0x2EC02D01u

static const xmlChar *const ns_page = (const xmlChar *)CNC__NS_PAGE;

static void
forget(struct cnc__record *r)
{
    while (r->memos != NULL) {
        struct cnc__memo *m = r->memos;
        r->memos = m->next;
        cnc__frag_unref(&m->frag);
        cnc__free(m);
    }
}

static void
free_record(void *value)
{
    struct cnc__record *r = value;
    CNC_OBJ_CHECK(r, RECORD_MAGIC);
    forget(r);
    r->node->_private = NULL;
    CNC_OBJ_FREE(r);
}

struct cnc__record *
cnc__source_record(const struct cnc__source *s, const xmlNode *n)
{
    if (n->type != XML_ELEMENT_NODE || n->doc != s->doc ||
        n->_private == NULL) {
        return NULL;
    }
    struct cnc__record *r = n->_private;
    CNC_OBJ_CHECK(r, RECORD_MAGIC);
    return r;
}

struct cnc__frag *
cnc__record_memo(const struct cnc__record *r, const void *inst)
{
    for (struct cnc__memo *m = r->memos; m != NULL; m = m->next) {
        if (m->inst == inst) {
            return m->frag;
        }
    }
    return NULL;
}

void
cnc__record_memo_put(struct cnc__record *r, const void *inst,
                     struct cnc__frag *frag)
{
    /* A region may be run twice for a record before the first is kept. */
    if (cnc__record_memo(r, inst) != NULL) {
        cnc__frag_unref(&frag);
        return;
    }
    struct cnc__memo *m = cnc__zalloc(sizeof(*m));
    m->inst = inst;
    m->frag = frag;
    m->next = r->memos;
    r->memos = m;
}

void
cnc__source_forget(struct cnc__source *s)
{
    for (size_t i = 0; i < s->n_wrappers; i++) {
        for (struct cnc__table_iter it = {0};
             cnc__table_next(s->wrappers[i].records, &it);) {
            forget(it.value);
        }
    }
}

static void
add_record(struct cnc__wrapper *w, const char *id, xmlNodePtr node)
{
    struct cnc__record *r = cnc__zalloc(sizeof(*r));
    r->magic = RECORD_MAGIC;
    r->node = node;
    node->_private = r;
    struct cnc__record *old = cnc__table_put(w->records, id, r);
    if (old != NULL) { /* an id twice: the first is no record any more */
        free_record(old);
    }
}

static void
add_wrapper(struct cnc__source *s, xmlNodePtr node)
{
    s->wrappers =
        cnc__realloc(s->wrappers, s->n_wrappers + 1, sizeof(*s->wrappers));
    struct cnc__wrapper *w = &s->wrappers[s->n_wrappers++];
    xmlChar *name = xmlGetNsProp(node, (const xmlChar *)"node", ns_page);
    w->name = cnc__strdup((const char *)(name == NULL ? node->name : name));
    xmlFree(name);
    w->node = node;
    w->records = cnc__table_new();
    for (xmlNodePtr n = node->children; n != NULL; n = n->next) {
        if (n->type != XML_ELEMENT_NODE) {
            continue;
        }
        xmlChar *id = xmlGetNsProp(n, (const xmlChar *)"id", ns_page);
        if (id != NULL) {
            add_record(w, (const char *)id, n);
            xmlFree(id);
        }
    }
}

static bool
is_page(const xmlNode *n)
{
    return n->ns != NULL && xmlStrEqual(n->ns->href, ns_page) &&
           xmlStrEqual(n->name, (const xmlChar *)"page");
}

int
cnc__source_read(struct cnc__source *out, const char *xml, size_t len,
                 struct cnc_error *err)
{
    struct cnc__source s = {0};
    s.doc = cnc__xml_read(xml, len, CNC_ESYNTAX, err);
    if (s.doc == NULL) {
        return CNC_ESYNTAX;
    }
    xmlNodePtr root = xmlDocGetRootElement(s.doc);
    if (!is_page(root)) {
        add_wrapper(&s, root);
    } else {
        for (xmlNodePtr n = root->children; n != NULL; n = n->next) {
            if (n->type == XML_ELEMENT_NODE) {
                add_wrapper(&s, n);
            }
        }
    }
    *out = s;
    return 0;
}

void
cnc__source_fini(struct cnc__source *s)
{
    for (size_t i = 0; i < s->n_wrappers; i++) {
        cnc__table_free(&s->wrappers[i].records, free_record);
        cnc__free(s->wrappers[i].name);
    }
    cnc__free(s->wrappers);
    if (s->doc != NULL) {
        xmlFreeDoc(s->doc);
    }
    memset(s, 0, sizeof(*s));
}

static struct cnc__wrapper *
find_wrapper(struct cnc__source *s, const char *node, struct cnc_error *err)
{
    for (size_t i = 0; i < s->n_wrappers; i++) {
        if (strcmp(s->wrappers[i].name, node) == 0) {
            return &s->wrappers[i];
        }
    }
    cnc_error_set(err, CNC_ENOENT, NULL, "the page does not show node %s",
                  node);
    return NULL;
}

static void
set_attr(xmlNodePtr n, const char *name, const char *value)
{
    xmlNsPtr ns = xmlSearchNsByHref(n->doc, n, ns_page);
    /* A default namespace is none for an attribute. */
    if (ns == NULL || ns->prefix == NULL) {
        ns = xmlNewNs(n, ns_page, (const xmlChar *)"c");
    }
    if (ns == NULL) { /* c means something else here */
        ns = xmlNewNs(n, ns_page, (const xmlChar *)"cnc-page");
    }
    xmlSetNsProp(n, ns, (const xmlChar *)name, (const xmlChar *)value);
}

int
cnc__source_upsert(struct cnc__source *s, const char *node, const char *id,
                   const char *xml, size_t len, struct cnc_error *err)
{
    struct cnc__wrapper *w = find_wrapper(s, node, err);
    if (w == NULL) {
        return CNC_ENOENT;
    }
    xmlDocPtr doc = cnc__xml_read(xml, len, CNC_ESYNTAX, err);
    if (doc == NULL) {
        return CNC_ESYNTAX;
    }
    /* Copied, never moved: a moved node keeps names of the dictionary of the
     * document it came from. */
    xmlNodePtr n = xmlDocCopyNode(xmlDocGetRootElement(doc), s->doc, 1);
    xmlFreeDoc(doc);
    CNC_CHECK(n != NULL);
    set_attr(n, "id", id);
    struct cnc__record *r = cnc__table_get(w->records, id);
    if (r == NULL) {
        xmlAddChild(w->node, n);
        add_record(w, id, n);
        return 0;
    }
    forget(r);
    r->node->_private = NULL;
    xmlReplaceNode(r->node, n);
    xmlFreeNode(r->node);
    r->node = n;
    n->_private = r;
    return 0;
}

int
cnc__source_remove(struct cnc__source *s, const char *node, const char *id,
                   bool *changed, struct cnc_error *err)
{
    struct cnc__wrapper *w = find_wrapper(s, node, err);
    if (w == NULL) {
        return CNC_ENOENT;
    }
    struct cnc__record *r = cnc__table_del(w->records, id);
    *changed = r != NULL;
    if (r != NULL) {
        xmlNodePtr n = r->node;
        free_record(r);
        xmlUnlinkNode(n);
        xmlFreeNode(n);
    }
    return 0;
}

bool
cnc__source_meta(struct cnc__source *s, const char *node, const char *name,
                 const char *value)
{
    xmlNodePtr n = xmlDocGetRootElement(s->doc);
    if (node != NULL && *node != '\0') {
        struct cnc__wrapper *w = find_wrapper(s, node, NULL);
        if (w == NULL) {
            return false;
        }
        n = w->node;
    }
    xmlAttrPtr a = xmlHasNsProp(n, (const xmlChar *)name, ns_page);
    if (value == NULL) {
        return a != NULL && xmlRemoveProp(a) == 0;
    }
    if (a != NULL) {
        xmlChar *old = xmlNodeListGetString(n->doc, a->children, 1);
        bool same = xmlStrEqual(old == NULL ? (const xmlChar *)"" : old,
                                (const xmlChar *)value);
        xmlFree(old);
        if (same) {
            return false;
        }
    }
    set_attr(n, name, value);
    return true;
}
