/* SPDX-License-Identifier: MIT */
/*
 * tests/golden/NAME: source.xml and sheet.xsl, perhaps form.xml (of the node
 * that the source's root names), make expected.html; then update.xml, records
 * to be put and <retract id=""/>, makes expected.patch.
 *
 *   test-render-golden DIR [--write]
 */
#include <dirent.h>
#include <stdio.h>

#include <libxml/parser.h>

#include "../../../src/render/engine.h"
#include "dom.h"
#include "test.h"

static const char *dir;
static bool rewrite;

/* False: there is none. */
static bool
read_file(struct cnc__str *out, const char *name, const char *file)
{
    char path[512], buf[4096];
    size_t n;
    cnc__str_clear(out);
    snprintf(path, sizeof(path), "%s/%s/%s", dir, name, file);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return false;
    }
    while ((n = fread(buf, 1, sizeof(buf), f)) > 0) {
        cnc__str_add(out, buf, n);
    }
    fclose(f);
    return true;
}

static void
expect(const struct cnc__str *got, const char *name, const char *file)
{
    struct cnc__str want = CNC__STR;
    if (rewrite) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s/%s", dir, name, file);
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        fprintf(f, "%s\n", cnc__str_c(got));
        fclose(f);
    }
    if (!read_file(&want, name, file)) {
        print_error("%s/%s is missing\n", name, file);
        fail();
    }
    if (want.len > 0 && want.data[want.len - 1] == '\n') {
        want.data[--want.len] = '\0';
    }
    if (strcmp(cnc__str_c(&want), cnc__str_c(got)) != 0) {
        print_error("%s/%s differs\n", name, file);
    }
    assert_string_equal(cnc__str_c(got), cnc__str_c(&want));
    cnc__str_fini(&want);
}

static void
update(struct cnc__page_doc *d, const struct cnc__str *xml)
{
    struct cnc_error err = {0};
    xmlDocPtr doc = xmlReadMemory(xml->data, (int)xml->len, NULL, NULL, 0);
    assert_non_null(doc);
    xmlNodePtr root = xmlDocGetRootElement(doc);
    char *node = (char *)xmlGetNoNsProp(root, (const xmlChar *)"node");
    for (xmlNodePtr n = root->children; n != NULL; n = n->next) {
        if (n->type != XML_ELEMENT_NODE) {
            continue;
        }
        char *id = (char *)xmlGetNsProp(n, (const xmlChar *)"id",
                                        (const xmlChar *)CNC__NS_PAGE);
        if (strcmp((const char *)n->name, "retract") == 0) {
            assert_int_equal(cnc__page_doc_upsert(d, node, id, NULL, 0, &err),
                             0);
        } else {
            xmlDocPtr one = xmlNewDoc((const xmlChar *)"1.0");
            xmlDocSetRootElement(one, xmlDocCopyNode(n, one, 1));
            xmlReconciliateNs(one, xmlDocGetRootElement(one));
            xmlChar *text;
            int len;
            xmlDocDumpMemory(one, &text, &len);
            assert_int_equal(cnc__page_doc_upsert(d, node, id, (char *)text,
                                                  (size_t)len, &err),
                             0);
            xmlFree(text);
            xmlFreeDoc(one);
        }
        xmlFree(id);
    }
    xmlFree(node);
    xmlFreeDoc(doc);
}

static void
check_patch(struct cnc__page_doc *d, const struct cnc__str *before,
            const struct cnc__str *patch)
{
    struct cnc__str after = CNC__STR, x = CNC__STR, y = CNC__STR;
    cnc__page_doc_html(d, NULL, &after);
    struct dom *old = dom_read(before->data), *new = dom_read(after.data);
    assert_non_null(old);
    assert_non_null(new);
    assert_null(dom_apply(old, patch->data, patch->len));
    dom_dump(old, &x);
    dom_dump(new, &y);
    assert_string_equal(x.data, y.data);
    dom_free(old);
    dom_free(new);
    cnc__str_fini(&after);
    cnc__str_fini(&x);
    cnc__str_fini(&y);
}

static void
one(const char *name)
{
    struct cnc__str file = CNC__STR, html = CNC__STR, patch = CNC__STR;
    struct cnc_error err = {0};
    struct cnc__page_doc *d = cnc__page_doc_new(NULL);
    assert_true(read_file(&file, name, "sheet.xsl"));
    int rc = cnc__page_doc_sheet(d, file.data, file.len, &err);
    assert_true(read_file(&file, name, "source.xml"));
    if (rc == 0) {
        rc = cnc__page_doc_source(d, file.data, file.len, &err);
    }
    if (rc == 0 && read_file(&file, name, "form.xml")) {
        rc = cnc__page_doc_form(d, "library", file.data, file.len,
                                "/?form=library", &err);
    }
    if (rc == 0) {
        rc = cnc__page_doc_render(d, &patch, &err);
    }
    if (rc != 0) {
        print_error("%s: line %u: %s\n", name, err.line, err.text);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(patch.len, 0);
    cnc__page_doc_html(d, NULL, &html);
    expect(&html, name, "expected.html");
    if (read_file(&file, name, "update.xml")) {
        update(d, &file);
        assert_int_equal(cnc__page_doc_render(d, &patch, &err), 0);
        check_patch(d, &html, &patch);
        expect(&patch, name, "expected.patch");
    }
    cnc__page_doc_free(&d);
    cnc__str_fini(&file);
    cnc__str_fini(&html);
    cnc__str_fini(&patch);
}

static void
every_golden_page_is_as_it_was(void **state)
{
    unsigned n = 0;
    DIR *all = opendir(dir);
    assert_non_null(all);
    for (struct dirent *e; (e = readdir(all)) != NULL;) {
        if (e->d_name[0] != '.') {
            one(e->d_name);
            n++;
        }
    }
    closedir(all);
    assert_true(n >= 5);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_golden_page_is_as_it_was),
    };
    if (argc < 2) {
        fprintf(stderr, "usage: %s DIR [--write]\n", argv[0]);
        return 2;
    }
    dir = argv[1];
    rewrite = argc > 2 && strcmp(argv[2], "--write") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
