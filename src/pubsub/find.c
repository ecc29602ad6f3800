/* SPDX-License-Identifier: MIT */
/*
 * find.c -- finding an item by the text of a child element.  The first
 * question about a field reads every item once and makes an index, value ->
 * how many items; from then on publishes and retractions keep it.  Items on
 * their way to the store count.
 */
#include "impl.h"

#define MAX_INDEXES 32

struct cnc__index {
    char *field;
    struct cnc__table *counts; /* text -> uintptr_t */
    struct cnc__index *next;
};

static struct cnc_element *
payload_of(const struct cnc__item *item)
{
    struct cnc_element *e = NULL;
    if (item->payload != NULL) {
        cnc_xml_parse(&e, cnc_buf_data(item->payload),
                      cnc_buf_len(item->payload), 0, NULL, NULL);
    }
    return e;
}

/* Every child called field counts, list-multi's too. */
static void
count(struct cnc__index *x, const struct cnc_element *e, int delta)
{
    const struct cnc_element *c;
    for (size_t i = 0;
         (c = cnc_element_next(e, &i, NULL, x->field)) != NULL;) {
        const char *text = cnc_element_text(c);
        uintptr_t n = (uintptr_t)cnc__table_get(x->counts, text);
        CNC_CHECK(delta > 0 || n > 0);
        n += (uintptr_t)delta;
        if (n == 0) {
            cnc__table_del(x->counts, text);
        } else {
            cnc__table_put(x->counts, text, (void *)n);
        }
    }
}

static void
count_all(struct cnc__node *n, const struct cnc__item *item, int delta)
{
    struct cnc_element *e = n->indexes == NULL ? NULL : payload_of(item);
    if (e == NULL) {
        return;
    }
    for (struct cnc__index *x = n->indexes; x != NULL; x = x->next) {
        count(x, e, delta);
    }
    cnc_element_unref(&e);
}

void
cnc__index_add(struct cnc__node *n, const struct cnc__item *item)
{
    count_all(n, item, 1);
}

void
cnc__index_del(struct cnc__node *n, const struct cnc__item *item)
{
    count_all(n, item, -1);
}

void
cnc__index_free(struct cnc__node *n)
{
    for (struct cnc__index *x = n->indexes, *next; x != NULL; x = next) {
        next = x->next;
        cnc__table_free(&x->counts, NULL);
        cnc__free(x->field);
        cnc__free(x);
    }
    n->indexes = NULL;
}

static void
count_item(struct cnc__index *x, const struct cnc__item *item)
{
    struct cnc_element *e = payload_of(item);
    if (e != NULL) {
        count(x, e, 1);
        cnc_element_unref(&e);
    }
}

static struct cnc__index *
make(struct cnc__node *n, const char *field)
{
    struct cnc__index *x = cnc__zalloc(sizeof(*x));
    x->field = cnc__strdup(field);
    x->counts = cnc__table_new();
    for (size_t i = 0; i < n->items.used; i++) {
        if (n->items.slots[i].item != NULL) {
            count_item(x, n->items.slots[i].item);
        }
    }
    /* What is on its way, every version of it: the transactions take out
     * again exactly what they put in. */
    for (struct cnc__txn *t = n->ps->txns; t != NULL; t = t->next) {
        if (t->node != n || !t->publish) {
            continue;
        }
        const struct cnc__publish *p =
            CNC_CONTAINER(t, struct cnc__publish, txn);
        for (size_t i = 0; i < p->n; i++) {
            count_item(x, p->items[i].item);
        }
    }
    x->next = n->indexes;
    n->indexes = x;
    return x;
}

bool
cnc__node_find(struct cnc__node *n, const char *field, const char *value)
{
    cnc__node_check(n);
    struct cnc__index *x = n->indexes;
    size_t n_indexes = 0;
    for (; x != NULL && strcmp(x->field, field) != 0; x = x->next) {
        n_indexes++;
    }
    if (x == NULL) {
        /* Names come from the app's code; more than this is a bug there. */
        if (n_indexes >= MAX_INDEXES) {
            cnc__index_free(n);
        }
        x = make(n, field);
    }
    return cnc__table_get(x->counts, value) != NULL;
}
