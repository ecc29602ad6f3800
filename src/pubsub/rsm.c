/* SPDX-License-Identifier: MIT */
/*
 * rsm.c -- result set management (XEP-0059).
 */
#include "../base/text.h"
#include "../xml/write.h"
#include "impl.h"

static int
number(int64_t *out, const struct cnc_element *set, const char *name,
       struct cnc_error *err)
{
    const struct cnc_element *e = cnc_element_child(set, CNC__NS_RSM, name);
    *out = -1;
    if (e != NULL && !cnc__parse_int(out, cnc_element_text(e), 0, INT32_MAX)) {
        return cnc_error_set(err, CNC_EINVAL, "bad-request",
                             "<%s/> must be a number", name);
    }
    return 0;
}

int
cnc__rsm_read(struct cnc__rsm *r, const struct cnc_element *e,
              struct cnc_error *err)
{
    *r = (struct cnc__rsm){.max = -1, .index = -1};
    const struct cnc_element *set = cnc_element_child(e, CNC__NS_RSM, "set");
    if (set == NULL) {
        return 0;
    }
    r->asked = true;
    const struct cnc_element *c;
    if ((c = cnc_element_child(set, CNC__NS_RSM, "after")) != NULL) {
        r->after = cnc_element_text(c);
    }
    if ((c = cnc_element_child(set, CNC__NS_RSM, "before")) != NULL) {
        r->before = cnc_element_text(c);
        r->backwards = true;
    }
    int rc = number(&r->max, set, "max", err);
    return rc != 0 ? rc : number(&r->index, set, "index", err);
}

void
cnc__rsm_write(struct cnc__str *out, const char *first, size_t index,
               const char *last, size_t count)
{
    cnc__str_puts(out, "<set xmlns='" CNC__NS_RSM "'>");
    if (first != NULL && index != SIZE_MAX) {
        cnc__xml_printf(out, "<first index='%zu'>%s</first><last>%s</last>",
                        index, first, last);
    } else if (first != NULL) {
        cnc__xml_printf(out, "<first>%s</first><last>%s</last>", first, last);
    }
    if (count != SIZE_MAX) {
        cnc__str_printf(out, "<count>%zu</count>", count);
    }
    cnc__str_puts(out, "</set>");
}

static size_t
weight(const struct cnc__item *item, bool payloads)
{
    size_t payload =
        payloads && item->payload != NULL ? cnc_buf_len(item->payload) : 0;
    return payload + strlen(item->id) + 32;
}

static int
rank_of(size_t *out, const struct cnc__node *n, const char *id,
        struct cnc_error *err)
{
    const struct cnc__item *item = cnc__order_get(&n->items, id);
    if (item == NULL) {
        return cnc_error_set(err, CNC_ENOENT, "item-not-found",
                             "there is no item %s", id);
    }
    *out = cnc__order_rank(&n->items, item);
    return 0;
}

int
cnc__rsm_items(size_t *from, size_t *to, const struct cnc__rsm *r,
               const struct cnc__node *n, size_t max, bool payloads,
               struct cnc_error *err)
{
    size_t first = 0, end = n->items.live;
    int rc = 0;
    if (r->after != NULL) {
        rc = rank_of(&first, n, r->after, err);
        first++;
    } else if (r->index >= 0) {
        first = (size_t)r->index < end ? (size_t)r->index : end;
    }
    if (rc == 0 && r->before != NULL && *r->before != '\0') {
        rc = rank_of(&end, n, r->before, err);
    }
    if (rc != 0) {
        return rc;
    }
    if (first > end) {
        first = end;
    }
    /* Walk from the end the page hangs on until it is full. */
    size_t bytes = 0, taken = 0;
    while (taken < max && taken < end - first) {
        size_t at = r->backwards ? end - 1 - taken : first + taken;
        bytes += weight(cnc__order_at(&n->items, at), payloads);
        if (taken > 0 && bytes > CNC__PAGE_BYTES) {
            break;
        }
        taken++;
    }
    *from = r->backwards ? end - taken : first;
    *to = *from + taken;
    return 0;
}
