/* SPDX-License-Identifier: MIT */
/*
 * Any XHTML through a sheet that copies it: nothing outside the allow-list
 * comes out, the page can be read back, and the patch from the page of the
 * first half of the input to that of the second makes the second.
 */
#include "../../../src/render/allow.h"
#include "../../../src/render/engine.h"
#include "../../unit/render/dom.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char sheet[] =
    "<xsl:stylesheet version='1.0'"
    " xmlns:xsl='http://www.w3.org/1999/XSL/Transform'>"
    "<xsl:template match='/x'><xsl:copy-of select='node()'/></xsl:template>"
    "</xsl:stylesheet>";

static void
check(const struct dom *d)
{
    if (d->name == NULL) {
        return;
    }
    int tag = cnc__allow_tag(d->name);
    CNC_CHECK(tag >= 0 && strcmp(cnc__allow_tag_name(tag), d->name) == 0);
    for (size_t i = 0; i < d->n_attrs; i++) {
        char buf[64];
        const char *low, *name = d->attrs[i].name, *value = d->attrs[i].value;
        int attr = cnc__allow_attr(name, &low, buf);
        CNC_CHECK(attr >= 0 && strcmp(low, name) == 0);
        CNC_CHECK(strncmp(name, "on", 2) != 0 && strcmp(name, "style") != 0);
        CNC_CHECK(cnc__allow_value(tag, attr, value));
        CNC_CHECK(strchr(value, '\r') == NULL);
    }
    for (size_t i = 0; i < d->n_kids; i++) {
        const struct dom *kid = d->kids[i];
        CNC_CHECK(kid->name != NULL ||
                  (kid->text[0] != '\0' &&
                   (i == 0 || d->kids[i - 1]->name != NULL)));
        check(kid);
    }
}

static bool
show(struct cnc__page_doc *d, struct cnc__str *html, struct cnc__str *patch,
     const uint8_t *data, size_t size)
{
    struct cnc__str xml = CNC__STR;
    cnc__str_puts(&xml, "<x>");
    cnc__str_add(&xml, data, size);
    cnc__str_puts(&xml, "</x>");
    bool good = cnc__page_doc_source(d, xml.data, xml.len, NULL) == 0 &&
                cnc__page_doc_render(d, patch, NULL) == 0;
    if (good) {
        cnc__page_doc_html(d, NULL, html);
    }
    cnc__str_fini(&xml);
    return good;
}

static void
check_patch(const struct cnc__str *a, const struct cnc__str *b,
            const struct cnc__str *patch)
{
    struct cnc__str x = CNC__STR, y = CNC__STR;
    struct dom *old = dom_read(a->data), *new = dom_read(b->data);
    CNC_CHECK(old != NULL && new != NULL);
    check(old);
    check(new);
    if (patch->len > 0) {
        CNC_CHECK(dom_apply(old, patch->data, patch->len) == NULL);
    }
    dom_dump(old, &x);
    dom_dump(new, &y);
    CNC_CHECK(strcmp(x.data, y.data) == 0);
    dom_free(old);
    dom_free(new);
    cnc__str_fini(&x);
    cnc__str_fini(&y);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cnc__str a = CNC__STR, b = CNC__STR, patch = CNC__STR;
    struct cnc__engine_limits limits = {.max_patch = 1u << 30};
    /* A NUL parts the two pages. */
    const uint8_t *nul = size == 0 ? NULL : memchr(data, 0, size);
    size_t first = nul == NULL ? size : (size_t)(nul - data);
    struct cnc__page_doc *d = cnc__page_doc_new(&limits);
    CNC_CHECK(cnc__page_doc_sheet(d, sheet, sizeof(sheet) - 1, NULL) == 0);
    if (show(d, &a, &patch, data, first)) {
        CNC_CHECK(patch.len == 0);
        if (nul != NULL && show(d, &b, &patch, nul + 1, size - first - 1)) {
            check_patch(&a, &b, &patch);
        } else {
            check_patch(&a, &a, &b);
        }
    }
    cnc__page_doc_free(&d);
    cnc__str_fini(&a);
    cnc__str_fini(&b);
    cnc__str_fini(&patch);
    return 0;
}
