/* SPDX-License-Identifier: MIT */
/*
 * disco.c -- service discovery of nodes (XEP-0060 5.2 - 5.5).  A node one may
 * not see is not there.
 */
#include "../xml/write.h"
#include "impl.h"

#define PAGE 1000 /* items of an answer */

static bool
may_see(struct cnc__node *n, const struct cnc__request *r)
{
    struct cnc__actor who = cnc__request_actor(r);
    return cnc__pubsub_may(n->ps, &who, CNC__MAY_SEE, n, NULL) == 0;
}

static void
add_node(struct cnc__str *out, const struct cnc__node *n)
{
    cnc__xml_printf(out, "<item jid='%s' node='%s'", n->ps->jid, n->name);
    if (n->cfg.title != NULL) {
        cnc__xml_printf(out, " name='%s'", n->cfg.title);
    }
    cnc__str_puts(out, "/>");
}

/* Which of n nodes are asked for. */
static void
page(size_t *from, size_t *to, const struct cnc__rsm *rsm,
     struct cnc__node *const *all, size_t n)
{
    size_t first = 0, end = n;
    size_t max = rsm->max >= 0 && rsm->max < PAGE ? (size_t)rsm->max : PAGE;
    for (size_t i = 0; i < n; i++) {
        if (rsm->after != NULL && strcmp(all[i]->name, rsm->after) == 0) {
            first = i + 1;
        }
        if (rsm->before != NULL && strcmp(all[i]->name, rsm->before) == 0) {
            end = i;
        }
    }
    if (rsm->index >= 0) {
        first = (size_t)rsm->index < n ? (size_t)rsm->index : n;
    }
    first = first > end ? end : first;
    bool cut = end - first > max;
    *from = cut && rsm->backwards ? end - max : first;
    *to = cut && !rsm->backwards ? first + max : end;
}

size_t
cnc__disco_nodes(struct cnc__str *out, struct cnc__pubsub *ps,
                 const struct cnc__request *r)
{
    struct cnc__node **all = NULL;
    size_t n = 0, cap = 0, from, to;
    struct cnc__rsm rsm;
    for (struct cnc__table_iter i = {0}; cnc__table_next(ps->nodes, &i);) {
        struct cnc__node *node = i.value;
        if (!node->cfg.derived && !node->creating && !node->deleting &&
            !node->fresh && may_see(node, r)) {
            all = cnc__grow(all, n, &cap, sizeof(struct cnc__node *));
            all[n++] = node;
        }
    }
    if (cnc__rsm_read(&rsm, r->payload, NULL) != 0) {
        rsm = (struct cnc__rsm){.max = -1, .index = -1};
    }
    page(&from, &to, &rsm, all, n);
    for (size_t i = from; i < to; i++) {
        add_node(out, all[i]);
    }
    if (rsm.asked || to - from < n) {
        cnc__rsm_write(out, from < to ? all[from]->name : NULL, from,
                       from < to ? all[to - 1]->name : NULL, n);
    }
    cnc__free(all);
    return n;
}

static int
list_items(struct cnc__str *out, const struct cnc__node *n,
           const struct cnc__request *r)
{
    struct cnc__rsm rsm;
    size_t from, to;
    if (cnc__rsm_read(&rsm, r->payload, NULL) != 0) {
        return CNC_ENOENT;
    }
    size_t max = rsm.max >= 0 && rsm.max < PAGE ? (size_t)rsm.max : PAGE;
    if (cnc__rsm_items(&from, &to, &rsm, n, max, false, NULL) != 0) {
        return CNC_ENOENT;
    }
    const char *first = NULL, *last = NULL;
    for (size_t i = from; i < to; i++) {
        const struct cnc__item *item = cnc__order_at(&n->items, i);
        cnc__xml_printf(out, "<item jid='%s' name='%s'/>", n->ps->jid,
                        item->id);
        first = first == NULL ? item->id : first;
        last = item->id;
    }
    if (rsm.asked || to - from < n->items.live) {
        cnc__rsm_write(out, first, from, last, n->items.live);
    }
    return 0;
}

static void
describe(struct cnc__str *out, const struct cnc__node *n)
{
    cnc__xml_printf(out, "<identity category='pubsub' type='leaf'");
    if (n->cfg.title != NULL) {
        cnc__xml_printf(out, " name='%s'", n->cfg.title);
    }
    cnc__str_puts(out, "/><feature var='" CNC__NS_PUBSUB "'/>");
    if (!n->ps->pep) {
        cnc__str_puts(out, "<feature var='" CNC__NS_MAM "'/>");
    }
    cnc__config_meta(out, n);
}

int
cnc__disco_of_node(struct cnc__str *out, const struct cnc__node *n, bool items,
                   const struct cnc__request *r)
{
    if (items) {
        return list_items(out, n, r);
    }
    describe(out, n);
    return 0;
}

static int
on_disco(struct cnc__str *out, bool items, const char *node,
         const struct cnc__request *r, void *priv)
{
    struct cnc__pubsub *ps = priv;
    if (strcmp(r->to, ps->jid) != 0) {
        return cnc__pep_disco(ps, out, items, node, r);
    }
    if (node == NULL) {
        if (items) {
            cnc__disco_nodes(out, ps, r);
        }
        return 0;
    }
    struct cnc__node *n = cnc__pubsub_node(ps, node);
    if (n == NULL || !may_see(n, r)) {
        return CNC_ENOENT;
    }
    return cnc__disco_of_node(out, n, items, r);
}

void
cnc__disco_init(struct cnc__pubsub *ps)
{
    cnc__router_disco(ps->env.router, on_disco, ps);
}
