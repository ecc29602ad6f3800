/* SPDX-License-Identifier: MIT */
/*
 * item.c -- an item at rest.
 */
#include "impl.h"

struct cnc__item *
cnc__item_new(const char *id, const char *publisher, size_t n_publisher)
{
    struct cnc__item *i = cnc__zalloc(sizeof(*i));
    i->refs = 1;
    i->id = cnc__strdup(id);
    i->publisher = cnc__strndup(publisher, n_publisher);
    return i;
}

struct cnc__item *
cnc__item_ref(struct cnc__item *i)
{
    i->refs++;
    return i;
}

void
cnc__item_unref(struct cnc__item **ip)
{
    struct cnc__item *i = *ip;
    if (i == NULL) {
        return;
    }
    *ip = NULL;
    CNC_CHECK(i->refs > 0);
    if (--i->refs == 0) {
        cnc__free(i->id);
        cnc__free(i->publisher);
        cnc_buf_unref(&i->payload);
        cnc__free(i);
    }
}
