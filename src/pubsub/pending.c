/* SPDX-License-Identifier: MIT */
/*
 * pending.c -- what a node's items will be when the store has all that is on
 * its way: an overlay over the kept ones, by id.
 */
#include "impl.h"

struct cnc__pending *
cnc__pending_get(const struct cnc__node *n, const char *id)
{
    return cnc__table_get(n->pending, id);
}

void
cnc__pending_enter(struct cnc__node *n, const char *id,
                   struct cnc__pub_item *item)
{
    struct cnc__pending *p = cnc__table_get(n->pending, id);
    if (p == NULL) {
        p = cnc__zalloc(sizeof(*p));
        cnc__table_put(n->pending, id, p);
    }
    p->item = item;
    p->n++;
}

void
cnc__pending_leave(struct cnc__node *n, const char *id)
{
    /* Transactions end in the order they began, so the last one to enter is
     * the last to leave. */
    struct cnc__pending *p = cnc__table_get(n->pending, id);
    CNC_CHECK(p != NULL && p->n > 0);
    if (--p->n == 0) {
        cnc__table_del(n->pending, id);
        cnc__free(p);
    }
}

struct cnc__item *
cnc__node_there(const struct cnc__node *n, const char *id)
{
    const struct cnc__pending *p = cnc__pending_get(n, id);
    if (p != NULL) {
        return p->item == NULL ? NULL : p->item->item;
    }
    return cnc__order_get(&n->items, id);
}

struct cnc__item *
cnc__node_item_or_pending(struct cnc__node *n, const char *id)
{
    cnc__node_check(n);
    struct cnc__item *item = cnc__node_there(n, id);
    return item == NULL ? NULL : cnc__item_ref(item);
}
