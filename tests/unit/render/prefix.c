/* SPDX-License-Identifier: MIT */
/* Where a domain is below a prefix of its site, so are its addresses: in the
 * page, in what was rendered alone, in patches and forms. */
#include "../../../src/render/allow.h"
#include "../../../src/render/engine.h"
#include "test.h"

#define SHEET                                                                 \
    "<xsl:stylesheet version='1.0'"                                           \
    " xmlns:xsl='http://www.w3.org/1999/XSL/Transform' xmlns:l='urn:l'"       \
    " xmlns:c='http://concordance-xmpp.org/ns/page'>"                         \
    "<xsl:template match='/l:library'><html><body>"                           \
    "<c:form node='library'/><ul id='u'><xsl:for-each select='l:book'>"       \
    "<li id='{@c:id}'><a href='/by/{l:author}'>x</a></li>"                    \
    "</xsl:for-each></ul></body></html></xsl:template></xsl:stylesheet>"
#define BOOK(id, author)                                                      \
    "<book xmlns='urn:l' xmlns:c='http://concordance-xmpp.org/ns/page'"       \
    " c:id='" id "'><author>" author "</author></book>"

static void
values_that_begin_at_the_root_are_moved(void **state)
{
    static const struct {
        int attr;
        const char *value, *then; /* NULL: as it was */
    } cases[] = {
        {CNC__ATTR_HREF, "/", "/p/"},
        {CNC__ATTR_HREF, "/a?b=/c#/d", "/p/a?b=/c#/d"},
        {CNC__ATTR_HREF, " \t/a", "/p/a"},
        {CNC__ATTR_HREF, "\\a", "/p\\a"},
        {CNC__ATTR_ACTION, "/a", "/p/a"},
        {CNC__ATTR_POSTER, "/a", "/p/a"},
        {CNC__ATTR_CITE, "/a", "/p/a"},
        {CNC__ATTR_SRC, "/a", "/p/a"},
        {CNC__ATTR_SRCSET, "/a 1x,/b 2x", "/p/a 1x,/p/b 2x"},
        {CNC__ATTR_SRCSET, "a 1x, https://x/ 2x", NULL},
        {CNC__ATTR_SRCSET, " , ", NULL},
        {CNC__ATTR_HREF, "//host/a", NULL},
        {CNC__ATTR_HREF, "/\\host/a", NULL},
        {CNC__ATTR_HREF, "/\t/host/a", NULL},
        {CNC__ATTR_HREF, "https://host/a", NULL},
        {CNC__ATTR_HREF, "a/b", NULL},
        {CNC__ATTR_HREF, "?a", NULL},
        {CNC__ATTR_HREF, "#a", NULL},
        {CNC__ATTR_HREF, "", NULL},
        {CNC__ATTR_TITLE, "/a", NULL},
        {CNC__ATTR_VALUE, "/a", NULL},
        {CNC__ATTR_N, "/a", NULL}, /* data-... */
    };
    struct cnc__str out = CNC__STR;
    for (size_t i = 0; i < CNC_N(cases); i++) {
        bool moved =
            cnc__allow_prefix(&out, cases[i].attr, cases[i].value, "/p");
        assert_int_equal(moved, cases[i].then != NULL);
        if (moved) {
            assert_string_equal(cnc__str_c(&out), cases[i].then);
        }
    }
    cnc__str_fini(&out);
}

static void
a_page_its_patches_and_its_form_agree(void **state)
{
    static const char form[] = "<x xmlns='jabber:x:data' type='form'/>";
    static const char source[] =
        "<library xmlns='urn:l'>" BOOK("a", "Austen") "</library>";
    struct cnc__engine_sheet sheet = {
        .text = SHEET, .len = sizeof(SHEET) - 1, .prefix = "/p"};
    struct cnc__str html = CNC__STR, patch = CNC__STR;
    struct cnc__page_doc *d = cnc__page_doc_new(NULL);
    struct cnc_error err = {0};
    assert_int_equal(cnc__page_doc_sheets(d, &sheet, &err), 0);
    assert_int_equal(cnc__page_doc_source(d, source, sizeof(source) - 1, &err),
                     0);
    assert_int_equal(cnc__page_doc_form(d, "library", form, sizeof(form) - 1,
                                        "/?form=library", &err),
                     0);
    assert_int_equal(cnc__page_doc_render(d, &patch, &err), 0);
    const char next[] = BOOK("b", "Lear");
    assert_int_equal(
        cnc__page_doc_upsert(d, "library", "b", next, sizeof(next) - 1, &err),
        0);
    assert_int_equal(cnc__page_doc_render(d, &patch, &err), 0);
    assert_non_null(strstr(cnc__str_c(&patch), "href=\"/p/by/Lear\""));
    assert_null(strstr(cnc__str_c(&patch), "Austen")); /* rendered alone */
    cnc__page_doc_html(d, NULL, &html);
    assert_non_null(strstr(html.data, "action=\"/p/?form=library\""));
    assert_non_null(strstr(html.data, "href=\"/p/by/Austen\""));
    assert_non_null(strstr(html.data, "href=\"/p/by/Lear\""));
    cnc__page_doc_free(&d);
    cnc__str_fini(&html);
    cnc__str_fini(&patch);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_that_begin_at_the_root_are_moved),
        cmocka_unit_test(a_page_its_patches_and_its_form_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
