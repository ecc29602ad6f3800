/* SPDX-License-Identifier: MIT */
/*
 * page.c -- one page: sheet, source, forms, and the tree last rendered.
 *
 * Every render runs the whole sheet, but a region (pure.h) that was run for
 * a record before is not run again: an item that stands for the fragment it
 * made is put in its place.  So what is around the records (counts, the order
 * of a sort, the message of an empty list) is always computed anew, and only
 * new and changed records cost something.  When a fragment turns out not to
 * be one, everything is rendered again without any.
 */
#include <libxslt/transform.h>

#include "convert.h"
#include "patch.h"
#include "sheet.h"

#define PAGE_MAGIC 0xFA6E0001u
#define MAX_OUTPUT ((size_t)16 << 20)
#define MAX_PATCH  ((size_t)256 << 10)
#define MAX_BAILS  3
#define MAX_FORMS  32

struct form {
    char *action;
    xmlDocPtr doc;
};

struct cnc__page_doc {
    unsigned magic;
    struct cnc__engine_limits limits;
    struct cnc__sheet *sheet; /* or NULL */
    char *prefix;             /* or NULL */
    struct cnc__source source;
    struct cnc__table *forms; /* node -> struct form */
    struct cnc__rtree *tree;  /* last rendered, or NULL */
    bool dirty;
    bool new_sheet;   /* since the last render */
    bool parts_moved; /* by the last render */
    unsigned bails;   /* since the sheet or the source was set */
    uint64_t n_incremental, n_full;

    /* While a sheet runs. */
    struct cnc__item *items;
    size_t n_items, cap_items, n_kept;
    bool inside; /* of a region */
    bool bail;
};

static void
free_form(void *value)
{
    struct form *f = value;
    if (f->doc != NULL) {
        xmlFreeDoc(f->doc);
    }
    cnc__free(f->action);
    cnc__free(f);
}

struct cnc__page_doc *
cnc__page_doc_new(const struct cnc__engine_limits *limits)
{
    cnc__xslt_init();
    struct cnc__page_doc *d = cnc__zalloc(sizeof(*d));
    d->magic = PAGE_MAGIC;
    if (limits != NULL) {
        d->limits = *limits;
    }
    if (d->limits.max_output == 0) {
        d->limits.max_output = MAX_OUTPUT;
    }
    if (d->limits.max_patch == 0) {
        d->limits.max_patch = MAX_PATCH;
    }
    d->forms = cnc__table_new();
    return d;
}

void
cnc__page_doc_free(struct cnc__page_doc **pp)
{
    struct cnc__page_doc *d = *pp;
    if (d == NULL) {
        return;
    }
    *pp = NULL;
    CNC_OBJ_CHECK(d, PAGE_MAGIC);
    cnc__rtree_free(&d->tree);
    cnc__source_fini(&d->source);
    cnc__sheet_unref(&d->sheet);
    cnc__table_free(&d->forms, free_form);
    cnc__free(d->items);
    cnc__free(d->prefix);
    CNC_OBJ_FREE(d);
}

int
cnc__page_doc_sheet(struct cnc__page_doc *d, const char *sheet, size_t len,
                    struct cnc_error *err)
{
    struct cnc__engine_sheet s = {.text = sheet, .len = len};
    return cnc__page_doc_sheets(d, &s, err);
}

int
cnc__page_doc_sheets(struct cnc__page_doc *d,
                     const struct cnc__engine_sheet *sheet,
                     struct cnc_error *err)
{
    CNC_OBJ_CHECK(d, PAGE_MAGIC);
    struct cnc__sheet *s;
    int rc = cnc__sheet_get(&s, sheet, err);
    if (rc != 0) {
        return rc;
    }
    cnc__source_forget(&d->source);
    cnc__sheet_unref(&d->sheet);
    d->sheet = s;
    cnc__free(d->prefix);
    d->prefix = sheet->prefix == NULL || sheet->prefix[0] == '\0'
                    ? NULL
                    : cnc__strdup(sheet->prefix);
    d->bails = 0;
    d->dirty = true;
    d->new_sheet = true;
    return 0;
}

int
cnc__page_doc_source(struct cnc__page_doc *d, const char *xml, size_t len,
                     struct cnc_error *err)
{
    CNC_OBJ_CHECK(d, PAGE_MAGIC);
    struct cnc__source s;
    int rc = cnc__source_read(&s, xml, len, err);
    if (rc != 0) {
        return rc;
    }
    cnc__source_fini(&d->source);
    d->source = s;
    d->bails = 0;
    d->dirty = true;
    return 0;
}

int
cnc__page_doc_upsert(struct cnc__page_doc *d, const char *node, const char *id,
                     const char *xml, size_t len, struct cnc_error *err)
{
    CNC_OBJ_CHECK(d, PAGE_MAGIC);
    bool changed = true;
    int rc = xml == NULL
                 ? cnc__source_remove(&d->source, node, id, &changed, err)
                 : cnc__source_upsert(&d->source, node, id, xml, len, err);
    d->dirty = d->dirty || (rc == 0 && changed);
    return rc;
}

void
cnc__page_doc_meta(struct cnc__page_doc *d, const char *node, const char *name,
                   const char *value)
{
    CNC_OBJ_CHECK(d, PAGE_MAGIC);
    if (d->source.doc != NULL &&
        cnc__source_meta(&d->source, node, name, value)) {
        d->dirty = true;
    }
}

int
cnc__page_doc_form(struct cnc__page_doc *d, const char *node,
                   const char *x_data, size_t len, const char *action,
                   struct cnc_error *err)
{
    CNC_OBJ_CHECK(d, PAGE_MAGIC);
    struct form *old;
    if (x_data == NULL) {
        old = cnc__table_del(d->forms, node);
    } else {
        if (cnc__table_len(d->forms) >= MAX_FORMS &&
            cnc__table_get(d->forms, node) == NULL) {
            return cnc_error_set(err, CNC_ELIMIT, NULL,
                                 "a page has at most %d forms", MAX_FORMS);
        }
        xmlDocPtr doc = cnc__xml_read(x_data, len, CNC_ESYNTAX, err);
        if (doc == NULL) {
            return CNC_ESYNTAX;
        }
        struct form *f = cnc__zalloc(sizeof(*f));
        f->doc = doc;
        f->action = cnc__strdup(action);
        old = cnc__table_put(d->forms, node, f);
    }
    if (old != NULL) {
        free_form(old);
    }
    d->dirty = true;
    return 0;
}

void
cnc__page_doc_counts(const struct cnc__page_doc *d, uint64_t *incremental,
                     uint64_t *full)
{
    CNC_OBJ_CHECK(d, PAGE_MAGIC);
    *incremental = d->n_incremental;
    *full = d->n_full;
}

/* -- rendering ----------------------------------------------------------- */

static void
on_form(struct cnc__rbuild *b, const char *node, void *priv)
{
    struct cnc__page_doc *d = priv;
    const struct form *f = cnc__table_get(d->forms, node);
    if (f != NULL) {
        cnc__form_build(b, f->doc, node, f->action);
    }
}

/* What is made goes into the page itself, not into a variable or an
 * attribute, where an item would be lost. */
static bool
in_result(const xmlNode *insert)
{
    while (insert->parent != NULL) {
        insert = insert->parent;
    }
    return (insert->type == XML_DOCUMENT_NODE ||
            insert->type == XML_HTML_DOCUMENT_NODE) &&
           !XSLT_IS_RES_TREE_FRAG((xmlDocPtr)insert);
}

static xmlNodePtr
add_item(struct cnc__page_doc *d, xsltTransformContextPtr ctxt,
         struct cnc__record *r, xmlNodePtr inst, struct cnc__frag *frag)
{
    d->items =
        cnc__grow(d->items, d->n_items, &d->cap_items, sizeof(*d->items));
    d->items[d->n_items++] = (struct cnc__item){r, inst, frag};
    xmlNodePtr n =
        xmlNewDocNode(ctxt->output, NULL, (const xmlChar *)CNC__ITEM, NULL);
    CNC_CHECK(n != NULL);
    n->_private = (void *)(uintptr_t)d->n_items; /* its number + 1 */
    xmlAddChild(ctxt->insert, n);
    return n;
}

static void
on_region(xsltTransformContextPtr ctxt, xmlNodePtr node, xmlNodePtr inst,
          void *priv)
{
    struct cnc__page_doc *d = priv;
    struct cnc__record *r = cnc__source_record(&d->source, node);
    if (r == NULL || d->inside || !in_result(ctxt->insert)) {
        xsltApplyOneTemplate(ctxt, node, inst->children, NULL, NULL);
        return;
    }
    struct cnc__frag *frag = cnc__record_memo(r, inst);
    if (frag != NULL) {
        d->n_kept++;
        if (frag->n_tops > 0) {
            add_item(d, ctxt, r, inst, frag);
        }
        return;
    }
    xmlNodePtr insert = ctxt->insert;
    xmlNodePtr n = add_item(d, ctxt, r, inst, NULL);
    d->inside = true;
    ctxt->insert = n;
    xsltApplyOneTemplate(ctxt, node, inst->children, NULL, NULL);
    ctxt->insert = insert;
    d->inside = false;
    if (n->properties != NULL) {
        d->bail = true; /* meant for the element around the record */
        d->bails = MAX_BAILS;
    }
}

/* A part that cannot stand where it does: the sheet says where it is. */
static int
bad_part(const struct cnc__page_doc *d, const struct cnc__rtree *tree,
         struct cnc_error *err)
{
    char *end;
    const char *at = tree->bad_part_at;
    cnc_error_set(err, CNC_ERENDER, "not-acceptable", "%s", tree->bad_part);
    unsigned long sheet = strtoul(at, &end, 10);
    if (*end == ':') {
        cnc__sheet_names_place(&d->sheet->names, sheet,
                               (unsigned)strtoul(end + 1, NULL, 10), err);
    }
    return CNC_ERENDER;
}

static int
render_tree(struct cnc__page_doc *d, bool regions, struct cnc__rtree **out,
            bool *bail, struct cnc_error *err)
{
    xmlDocPtr result;
    d->n_items = 0;
    d->n_kept = 0;
    d->inside = false;
    d->bail = false;
    int rc = cnc__sheet_run(d->sheet, d->source.doc, &d->limits,
                            regions ? on_region : NULL, d, &result, err);
    if (rc != 0) {
        return rc;
    }
    struct cnc__rtree *tree = cnc__rtree_new();
    struct cnc__rbuild b;
    cnc__rbuild_init(&b, tree, d->limits.max_output);
    b.bail = d->bail;
    b.prefix = d->prefix;
    cnc__convert(&b, result, d->items, d->n_items, on_form, d);
    *bail = b.bail;
    bool too_big = b.too_big, too_many = tree->too_many_parts;
    cnc__rbuild_fini(&b);
    xmlFreeDoc(result);
    if (!*bail && !too_big && tree->bad_part != NULL) {
        rc = bad_part(d, tree, err);
        cnc__rtree_free(&tree);
        return rc;
    }
    if (*bail || too_big || too_many) {
        cnc__rtree_free(&tree);
    }
    if (too_many && !*bail) {
        return cnc_error_set(err, CNC_ERENDER, "not-acceptable",
                             "the page has more than %d parts for some (one "
                             "for each record, perhaps)",
                             CNC__PARTS_MAX);
    }
    if (too_big && !*bail) {
        return cnc_error_set(err, CNC_ERENDER, "not-acceptable",
                             "the page is larger than %u bytes",
                             d->limits.max_output);
    }
    *out = tree;
    return 0;
}

static int
render_any(struct cnc__page_doc *d, struct cnc__rtree **out,
           struct cnc_error *err)
{
    bool regions =
        d->sheet->regions && !d->sheet->strips && d->bails < MAX_BAILS;
    bool bail;
    int rc = render_tree(d, regions, out, &bail, err);
    if (rc == 0 && bail) {
        cnc__source_forget(&d->source);
        d->bails++;
        regions = false;
        rc = render_tree(d, false, out, &bail, err);
        CNC_CHECK(rc != 0 || !bail);
    }
    if (rc == 0) {
        if (regions && d->n_kept > 0) {
            for (size_t i = 0; i < d->n_items; i++) {
                d->n_incremental += d->items[i].frag == NULL;
            }
        } else {
            d->n_full++;
        }
    }
    return rc;
}

/* Are there other parts, or for others?  words: or do they say other things?
 */
static bool
parts_differ(const struct cnc__rtree *a, const struct cnc__rtree *b,
             bool words)
{
    for (size_t i = 0; i < a->n_parts && i < b->n_parts; i++) {
        const struct cnc__rpart *x = &a->parts[i], *y = &b->parts[i];
        if (strcmp(x->for_, y->for_) != 0 || x->node->tag != y->node->tag ||
            (words && x->hash != y->hash)) {
            return true;
        }
    }
    return a->n_parts != b->n_parts;
}

/* What is in a part is in no patch.  Parts do not change live, but when they
 * are others, or a new sheet makes them, the page is fetched. */
static void
compare(struct cnc__page_doc *d, const struct cnc__rtree *tree,
        struct cnc__str *patch)
{
    d->parts_moved = parts_differ(d->tree, tree, true);
    if (parts_differ(d->tree, tree, d->new_sheet)) {
        cnc__patch_resync(patch);
    } else {
        cnc__rtree_diff(d->tree, tree, d->limits.max_patch, patch);
    }
}

bool
cnc__page_doc_parts_moved(const struct cnc__page_doc *d)
{
    CNC_OBJ_CHECK(d, PAGE_MAGIC);
    return d->parts_moved;
}

int
cnc__page_doc_render(struct cnc__page_doc *d, struct cnc__str *patch,
                     struct cnc_error *err)
{
    static const char empty[] = "<page xmlns=\"" CNC__NS_PAGE "\"/>";
    CNC_OBJ_CHECK(d, PAGE_MAGIC);
    if (d->sheet == NULL) {
        return cnc_error_set(err, CNC_EINVAL, NULL, "the page has no sheet");
    }
    if (d->source.doc == NULL) {
        int rc = cnc__page_doc_source(d, empty, sizeof(empty) - 1, err);
        CNC_CHECK(rc == 0);
    }
    d->parts_moved = false;
    if (!d->dirty && d->tree != NULL) {
        return 0;
    }
    struct cnc__rtree *tree;
    int rc = render_any(d, &tree, err);
    if (rc != 0) {
        return rc;
    }
    d->dirty = false;
    if (d->tree != NULL) {
        compare(d, tree, patch);
    }
    d->new_sheet = false;
    cnc__rtree_free(&d->tree);
    d->tree = tree;
    return 0;
}

void
cnc__page_doc_html(const struct cnc__page_doc *d, const char *head_html,
                   struct cnc__str *out)
{
    cnc__page_doc_html_parts(d, head_html, out, NULL);
}

void
cnc__page_doc_html_parts(const struct cnc__page_doc *d, const char *head_html,
                         struct cnc__str *out, struct cnc__str *parts)
{
    CNC_OBJ_CHECK(d, PAGE_MAGIC);
    if (d->tree != NULL) {
        cnc__rtree_html(d->tree, head_html, out, parts);
    }
}

int
cnc__engine_check(const char *sheet, size_t len, const char *source,
                  size_t source_len, const struct cnc__engine_limits *limits,
                  struct cnc_error *err)
{
    struct cnc__engine_sheet s = {.text = sheet, .len = len};
    return cnc__engine_try(&s, source, source_len, limits, err);
}

int
cnc__engine_try(const struct cnc__engine_sheet *sheet, const char *source,
                size_t source_len, const struct cnc__engine_limits *limits,
                struct cnc_error *err)
{
    struct cnc__str none = CNC__STR;
    struct cnc__page_doc *d = cnc__page_doc_new(limits);
    int rc = cnc__page_doc_sheets(d, sheet, err);
    if (rc == 0 && source != NULL) {
        rc = cnc__page_doc_source(d, source, source_len, err);
    }
    if (rc == 0) {
        rc = cnc__page_doc_render(d, &none, err);
    }
    cnc__str_fini(&none);
    cnc__page_doc_free(&d);
    return rc;
}
