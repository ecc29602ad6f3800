/* SPDX-License-Identifier: MIT */
/* A sheet is compiled once for all who come with the same text. */
#include <stdio.h>

#include "../../../src/render/engine.h"
#include "../../../src/render/proto.h"
#include "../../../src/render/sheet.h"
#include "test.h"

#define HEAD                                                                  \
    "<xsl:stylesheet version='1.0'"                                           \
    " xmlns:xsl='http://www.w3.org/1999/XSL/Transform'>"
#define TAIL     "</xsl:stylesheet>"
#define MAX_KEPT 64

static void
says(struct cnc__page_doc *d, const char *want)
{
    struct cnc__str patch = CNC__STR, html = CNC__STR;
    struct cnc_error err = {0};
    if (cnc__page_doc_render(d, &patch, &err) != 0) {
        fail_msg("%s", err.text);
    }
    cnc__page_doc_html(d, NULL, &html);
    if (strstr(html.data, want) == NULL) {
        fail_msg("no %s in %s", want, html.data);
    }
    cnc__str_fini(&patch);
    cnc__str_fini(&html);
}

static void
write_sheet(struct cnc__str *out, const char *word)
{
    cnc__str_clear(out);
    cnc__str_printf(
        out, HEAD "<xsl:template match='/'><p>%s</p></xsl:template>" TAIL,
        word);
}

static struct cnc__sheet *
get(const struct cnc__engine_sheet *in)
{
    struct cnc__sheet *s = NULL;
    struct cnc_error err = {0};
    if (cnc__sheet_get(&s, in, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return s;
}

static void
the_same_text_is_compiled_once(void **state)
{
    static const char main_sheet[] = HEAD "<xsl:import href='a.xsl'/>" TAIL;
    struct cnc__str imports[2] = {CNC__STR, CNC__STR}, text = CNC__STR;
    struct cnc__engine_sheet in = {.text = main_sheet,
                                   .len = sizeof(main_sheet) - 1};
    struct cnc__sheet *a, *b;
    for (size_t i = 0; i < 2; i++) {
        write_sheet(&text, i == 0 ? "one" : "two");
        cnc__render_pack(&imports[i], "a.xsl", 5);
        cnc__render_pack(&imports[i], text.data, text.len);
    }
    in.imports = imports[0].data;
    in.imports_len = imports[0].len;
    a = get(&in);
    b = get(&in);
    assert_ptr_equal(a, b);
    cnc__sheet_unref(&b);
    /* Another import makes it another sheet. */
    in.imports = imports[1].data;
    in.imports_len = imports[1].len;
    b = get(&in);
    assert_ptr_not_equal(a, b);
    cnc__sheet_unref(&a);
    cnc__sheet_unref(&b);
    /* And each says what its own import does. */
    for (size_t i = 0; i < 4; i++) {
        struct cnc__page_doc *d = cnc__page_doc_new(NULL);
        in.imports = imports[i % 2].data;
        in.imports_len = imports[i % 2].len;
        assert_int_equal(cnc__page_doc_sheets(d, &in, NULL), 0);
        says(d, i % 2 == 0 ? "<p>one</p>" : "<p>two</p>");
        cnc__page_doc_free(&d);
    }
    cnc__str_fini(&imports[0]);
    cnc__str_fini(&imports[1]);
    cnc__str_fini(&text);
}

static void
only_so_many_are_kept_and_a_page_keeps_its_own(void **state)
{
    struct cnc__page_doc *first = cnc__page_doc_new(NULL);
    struct cnc__str text = CNC__STR;
    char word[16];
    write_sheet(&text, "first");
    assert_int_equal(cnc__page_doc_sheet(first, text.data, text.len, NULL), 0);
    for (unsigned i = 0; i < 3 * MAX_KEPT; i++) {
        struct cnc__page_doc *d = cnc__page_doc_new(NULL);
        snprintf(word, sizeof(word), "w%u", i);
        write_sheet(&text, word);
        assert_int_equal(cnc__page_doc_sheet(d, text.data, text.len, NULL), 0);
        says(d, word);
        assert_true(cnc__sheet_n_kept() <= MAX_KEPT);
        cnc__page_doc_free(&d);
    }
    assert_int_equal(cnc__sheet_n_kept(), MAX_KEPT);
    says(first, "<p>first</p>");
    cnc__page_doc_free(&first);
    cnc__str_fini(&text);
}

static void
large_sheets_push_the_others_out(void **state)
{
    struct cnc__str words = CNC__STR, text = CNC__STR;
    for (unsigned i = 0; i < 90000; i++) {
        cnc__str_puts(&words, "<b>x</b>");
    }
    for (unsigned i = 0; i < 4; i++) {
        cnc__str_puts(&words, "<i/>");
        write_sheet(&text, words.data);
        struct cnc__engine_sheet in = {.text = text.data, .len = text.len};
        struct cnc__sheet *s = get(&in);
        cnc__sheet_unref(&s);
    }
    assert_true(cnc__sheet_n_kept() < 4);
    assert_true(cnc__sheet_n_kept() > 0);
    cnc__str_fini(&words);
    cnc__str_fini(&text);
}

static void
names_that_runs_make_do_not_stay_with_the_sheet(void **state)
{
    static const char sheet[] =
        HEAD "<xsl:template match='/r'><p><xsl:for-each select='*'>"
             "<xsl:element name='{@n}'>x</xsl:element></xsl:for-each></p>"
             "</xsl:template>" TAIL;
    struct cnc__engine_sheet in = {.text = sheet, .len = sizeof(sheet) - 1};
    struct cnc__sheet *a = get(&in);
    struct cnc__str source = CNC__STR;
    unsigned n = 0;
    int words = 0;
    for (unsigned i = 0; i < 20; i++) {
        struct cnc__page_doc *d = cnc__page_doc_new(NULL);
        cnc__str_clear(&source);
        cnc__str_puts(&source, "<r>");
        for (unsigned k = 0; k < 1000; k++) {
            cnc__str_printf(&source, "<a n='n%u'/>", n++);
        }
        cnc__str_puts(&source, "</r>");
        assert_int_equal(cnc__page_doc_sheets(d, &in, NULL), 0);
        assert_int_equal(
            cnc__page_doc_source(d, source.data, source.len, NULL), 0);
        says(d, "<p>");
        cnc__page_doc_free(&d);
        struct cnc__sheet *s = get(&in);
        if (xmlDictSize(s->style->dict) > words) {
            words = xmlDictSize(s->style->dict);
        }
        cnc__sheet_unref(&s);
    }
    assert_true(words < 1000);
    cnc__sheet_unref(&a);
    cnc__str_fini(&source);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_text_is_compiled_once),
        cmocka_unit_test(only_so_many_are_kept_and_a_page_keeps_its_own),
        cmocka_unit_test(large_sheets_push_the_others_out),
        cmocka_unit_test(names_that_runs_make_do_not_stay_with_the_sheet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
