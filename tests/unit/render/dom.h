/* SPDX-License-Identifier: MIT */
/*
 * dom.h -- a client in small: reads the HTML of a page, applies patches as
 * docs/protocol.md has them, and is compared with the next page.  Shares no
 * code with the engine.
 */
#ifndef TEST_RENDER_DOM_H
#define TEST_RENDER_DOM_H

#include "../../../src/base/str.h"

struct dom_attr {
    char *name, *value;
};

struct dom {
    char *name; /* NULL: a text */
    char *text;
    struct dom_attr *attrs;
    size_t n_attrs;
    struct dom **kids;
    size_t n_kids;
};

struct dom *dom_new(const char *name, const char *text);
void dom_free(struct dom *d);
struct dom *dom_copy(const struct dom *d);
const char *dom_get(const struct dom *d, const char *name); /* or NULL */
void dom_set(struct dom *d, const char *name, const char *value);
void dom_unset(struct dom *d, const char *name);
/* Put kid (stolen) before child at. */
void dom_insert(struct dom *d, size_t at, struct dom *kid);
struct dom *dom_take(struct dom *d, size_t at);

/* Read what the engine writes: every element closed, nothing implied.  NULL:
 * not that. */
struct dom *dom_read(const char *html);
/* NULL: applied; else what did not fit. */
const char *dom_apply(struct dom *html, const char *patch, size_t len);
/* One line an element, attributes sorted: for comparing. */
void dom_dump(const struct dom *d, struct cnc__str *out);

#endif /* TEST_RENDER_DOM_H */
