/* SPDX-License-Identifier: MIT */
/*
 * refers.c -- which pages have a form that offers the items of a node (a field
 * of kind REF): when one comes or goes, these forms offer others.
 */
#include "web.h"

struct referred { /* a node */
    struct cnc__web_page **pages;
    size_t n;
};

static void
free_referred(void *referred)
{
    struct referred *r = referred;
    cnc__free(r->pages);
    cnc__free(r);
}

static void
add(struct cnc__web_page *p, const char *node)
{
    struct cnc__table *all = p->agent->referred;
    struct referred *r = cnc__table_get(all, node);
    if (r == NULL) {
        r = cnc__zalloc(sizeof(*r));
        cnc__table_put(all, node, r);
    }
    for (size_t i = 0; i < r->n; i++) {
        if (r->pages[i] == p) {
            return;
        }
    }
    r->pages = cnc__realloc(r->pages, r->n + 1, sizeof(*r->pages));
    r->pages[r->n++] = p;
}

void
cnc__refers_add(struct cnc__web_page *p)
{
    for (size_t i = 0; i < p->n_shown; i++) {
        const struct cnc_node *d = p->shown[i].decl;
        bool form = d->form != NULL && d->record != NULL;
        for (const struct cnc_field *f = form ? d->record->fields : NULL;
             f != NULL && f->name != NULL; f++) {
            if (f->kind == CNC_FIELD_REF) {
                add(p, f->node);
            }
        }
    }
}

void
cnc__refers_del(struct cnc__web_page *p)
{
    struct cnc__table *all = p->agent->referred;
    for (struct cnc__table_iter i = {0}; cnc__table_next(all, &i);) {
        struct referred *r = i.value;
        size_t n = 0;
        for (size_t k = 0; k < r->n; k++) {
            if (r->pages[k] != p) {
                r->pages[n++] = r->pages[k];
            }
        }
        r->n = n; /* one that nobody refers to any more is of no weight */
    }
}

void
cnc__refers_event(struct cnc__agent *a, const char *node)
{
    struct referred *r = cnc__table_get(a->referred, node);
    for (size_t i = 0; r != NULL && i < r->n; i++) {
        r->pages[i]->forms_changed = true;
        cnc__page_touch(r->pages[i]);
        cnc__live_flush(r->pages[i]);
    }
}

void
cnc__refers_free(struct cnc__agent *a)
{
    cnc__table_free(&a->referred, free_referred);
}
