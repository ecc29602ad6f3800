/* SPDX-License-Identifier: MIT */
/*
 * convert.h -- a result of libxslt, and a XEP-0004 form, to the safe tree.
 */
#ifndef CNC_RENDER_CONVERT_H
#define CNC_RENDER_CONVERT_H

#include <libxml/tree.h>

#include "build.h"
#include "source.h"

/* A region that was run for a record.  In the result stands an element
 * CNC__ITEM whose _private is the item's number + 1: what the region made is
 * in it, or there was a fragment already. */
struct cnc__item {
    struct cnc__record *record;
    const void *inst;
    struct cnc__frag *frag; /* borrowed from the record, or NULL: in result */
};
#define CNC__ITEM "cnc-item"

/* <c:form node="..."/> was met. */
typedef void cnc__form_f(struct cnc__rbuild *b, const char *node, void *priv);

/* items: new fragments are kept with their records. */
void cnc__convert(struct cnc__rbuild *b, xmlDocPtr result,
                  const struct cnc__item *items, size_t n_items,
                  cnc__form_f *form, void *priv);

/* Write the form of docs/protocol.md.  x: a document whose root is <x
 * xmlns="jabber:x:data">. */
void cnc__form_build(struct cnc__rbuild *b, xmlDocPtr x, const char *node,
                     const char *action);

#endif /* CNC_RENDER_CONVERT_H */
