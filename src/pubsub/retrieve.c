/* SPDX-License-Identifier: MIT */
/*
 * retrieve.c -- retrieving items (XEP-0060 6.5): by id, the newest N, or page
 * by page; the oldest of a page comes first.
 */
#include "../base/text.h"
#include "../xml/write.h"
#include "impl.h"

#define PAGE 1000 /* items of an answer */

static void
write_item(struct cnc__str *out, const struct cnc__item *item)
{
    if (item->payload == NULL) {
        cnc__xml_printf(out, "<item id='%s'/>", item->id);
    } else {
        cnc__xml_printf(out, "<item id='%s'>%pB</item>", item->id,
                        (const void *)item->payload);
    }
}

static void
open_items(struct cnc__str *out, const struct cnc__node *n)
{
    cnc__str_printf(out,
                    "<pubsub xmlns='" CNC__NS_PUBSUB "'>"
                    "<items node='%s'>",
                    n->escaped);
}

static int
by_id(struct cnc__verb *v, struct cnc_error *err)
{
    struct cnc__str xml = CNC__STR;
    open_items(&xml, v->node);
    size_t found = 0;
    const struct cnc_element *e;
    for (size_t i = 0; (e = cnc_element_next(v->verb, &i, CNC__NS_PUBSUB,
                                             "item")) != NULL;) {
        const char *id = cnc_element_attr(e, NULL, "id");
        const struct cnc__item *item =
            id == NULL ? NULL : cnc__order_get(&v->node->items, id);
        if (item == NULL || (found > 0 && xml.len > CNC__PAGE_BYTES)) {
            continue;
        }
        write_item(&xml, item);
        found++;
    }
    if (found == 0) {
        cnc__str_fini(&xml);
        return cnc__ps_error(err, CNC_ENOENT, "item-not-found", NULL,
                             "there is no such item");
    }
    cnc__str_puts(&xml, "</items></pubsub>");
    cnc__verb_result(v, &xml);
    return 0;
}

static int
by_page(struct cnc__verb *v, struct cnc__rsm *r, struct cnc_error *err)
{
    struct cnc__node *n = v->node;
    size_t from, to, total = n->items.live;
    size_t max = r->max >= 0 && r->max < PAGE ? (size_t)r->max : PAGE;
    int rc = cnc__rsm_items(&from, &to, r, n, max, true, err);
    if (rc != 0) {
        return rc;
    }
    struct cnc__str xml = CNC__STR;
    open_items(&xml, n);
    const char *first = NULL, *last = NULL;
    for (size_t i = from; i < to; i++) {
        const struct cnc__item *item = cnc__order_at(&n->items, i);
        write_item(&xml, item);
        first = first == NULL ? item->id : first;
        last = item->id;
    }
    cnc__str_puts(&xml, "</items>");
    /* Who did not ask for pages is told when this is not all. */
    if (r->asked || to - from < total) {
        cnc__rsm_write(&xml, first, from, last, total);
    }
    cnc__str_puts(&xml, "</pubsub>");
    cnc__verb_result(v, &xml);
    return 0;
}

int
cnc__verb_items(struct cnc__verb *v, struct cnc_error *err)
{
    struct cnc__rsm r;
    int rc = cnc__pubsub_may(v->ps, &v->actor, CNC__MAY_SEE, v->node, err);
    if (rc != 0) {
        return rc;
    }
    if (cnc_element_attr(v->verb, NULL, "subid") != NULL) {
        return cnc__ps_error(err, CNC_EINVAL, "not-acceptable",
                             "invalid-subid", "subscriptions have no ids");
    }
    if (!v->node->cfg.persist_items) {
        return cnc__ps_unsupported(err, CNC__UNSUPPORTED("persistent-items"));
    }
    if (cnc_element_child(v->verb, CNC__NS_PUBSUB, "item") != NULL) {
        return by_id(v, err);
    }
    rc = cnc__rsm_read(&r, v->pubsub, err);
    if (rc != 0) {
        return rc;
    }
    const char *newest = cnc_element_attr(v->verb, NULL, "max_items");
    if (newest != NULL && !r.asked) {
        if (!cnc__parse_int(&r.max, newest, 1, INT32_MAX)) {
            return cnc_error_set(err, CNC_EINVAL, "bad-request",
                                 "max_items must be a number");
        }
        r.backwards = true;
    }
    return by_page(v, &r, err);
}
