/* SPDX-License-Identifier: MIT */
/* What a sheet imports: found, refused, and as incremental as one sheet. */
#include "../../../src/render/engine.h"
#include "../../../src/render/proto.h"
#include "test.h"

#define XSL "http://www.w3.org/1999/XSL/Transform"
#define SHEET(body)                                                           \
    "<xsl:stylesheet version='1.0' xmlns:xsl='" XSL "'"                       \
    " xmlns:c='" CNC__NS_PAGE "' xmlns:l='urn:l'"                             \
    " exclude-result-prefixes='c l'>\n" body "\n</xsl:stylesheet>"
#define IMPORT(name) "<xsl:import href='" name "'/>\n"
#define SOURCE(records)                                                       \
    "<library xmlns='urn:l' xmlns:c='" CNC__NS_PAGE                           \
    "' c:node='library'>" records "</library>"

struct with {
    const char *name, *text;
};

static struct cnc__engine_sheet
sheet_with(struct cnc__str *pack, const char *text, const struct with *with)
{
    for (; with != NULL && with->name != NULL; with++) {
        cnc__render_pack(pack, with->name, strlen(with->name));
        cnc__render_pack(pack, with->text, strlen(with->text));
    }
    return (struct cnc__engine_sheet){.text = text,
                                      .len = strlen(text),
                                      .imports = cnc__str_c(pack),
                                      .imports_len = pack->len};
}

static char *
render(const char *text, const struct with *with, struct cnc_error *err)
{
    static const char source[] = SOURCE("<book c:id='b1'>One</book>");
    struct cnc__str pack = CNC__STR, html = CNC__STR, patch = CNC__STR;
    struct cnc__engine_sheet s = sheet_with(&pack, text, with);
    struct cnc__page_doc *d = cnc__page_doc_new(NULL);
    int rc = cnc__page_doc_sheets(d, &s, err);
    if (rc == 0) {
        rc = cnc__page_doc_source(d, source, sizeof(source) - 1, err);
    }
    if (rc == 0) {
        rc = cnc__page_doc_render(d, &patch, err);
    }
    if (rc == 0) {
        cnc__page_doc_html(d, NULL, &html);
    }
    cnc__page_doc_free(&d);
    cnc__str_fini(&pack);
    cnc__str_fini(&patch);
    return rc == 0 ? cnc__str_steal(&html) : NULL;
}

static void
assert_refused(const char *text, const struct with *with, const char *why,
               unsigned line)
{
    struct cnc_error err = {0};
    char *html = render(text, with, &err);
    if (html != NULL || strstr(err.text, why) == NULL) {
        print_error("got: %s %s\n", html == NULL ? "" : html, err.text);
    }
    assert_null(html);
    assert_non_null(strstr(err.text, why));
    assert_int_equal(err.line, line);
}

static void
assert_html(const char *text, const struct with *with, const char *want)
{
    struct cnc_error err = {0};
    char *html = render(text, with, &err);
    if (html == NULL || strstr(html, want) == NULL) {
        print_error("got: %s %s\n", html == NULL ? "" : html, err.text);
    }
    assert_non_null(html);
    assert_non_null(strstr(html, want));
    cnc__free(html);
}

static void
the_sheet_says_more_than_what_it_imports(void **state)
{
    static const struct with with[] = {
        {"a name with / and \xc3\xa4",
         SHEET("<xsl:template match='/'><h1 class='a-long-enough-class'>"
               "<xsl:call-template name='t'/></h1>"
               "<h2 class='a-long-enough-class'>x</h2></xsl:template>"
               "<xsl:template name='t'>old</xsl:template>")},
        {NULL, NULL}};
    assert_html(
        SHEET(IMPORT(
            "a name with / and \xc3\xa4") "<xsl:template "
                                          "name='t'>new</xsl:template>"),
        with, "<h1 class=\"a-long-enough-class\">new</h1>");
}

static void
what_is_imported_by_two_is_read_twice(void **state)
{
    static const struct with with[] = {
        {"a", SHEET(IMPORT("c"))},
        {"b", SHEET("<xsl:include href='c'/>")},
        {"c", SHEET("<xsl:template match='/'><p>c</p></xsl:template>")},
        {NULL, NULL}};
    assert_html(SHEET(IMPORT("a") IMPORT("b")), with, "<p>c</p>");
}

static void
a_circle_is_refused_by_name(void **state)
{
    static const struct with with[] = {{"a.xsl", SHEET(IMPORT("b.xsl"))},
                                       {"b.xsl", SHEET(IMPORT("a.xsl"))},
                                       {NULL, NULL}};
    assert_refused(SHEET(IMPORT("a.xsl")), with,
                   "b.xsl, line 2: a circle of imports: a.xsl imports b.xsl "
                   "imports a.xsl",
                   0);
}

static void
what_is_not_there_is_refused_with_its_line(void **state)
{
    static const struct with with[] = {{"a", SHEET("\n" IMPORT("gone"))},
                                       {NULL, NULL}};
    assert_refused(SHEET("\n" IMPORT("/etc/passwd")), NULL,
                   "there is no template \"/etc/passwd\"", 3);
    assert_refused(SHEET(IMPORT("a")), with,
                   "a, line 3: xsl:import: there is no template \"gone\"", 0);
}

static void
an_error_of_an_imported_sheet_has_its_name(void **state)
{
    static const struct with syntax[] = {{"a", SHEET("<p>")}, {NULL, NULL}};
    static const struct with xpath[] = {
        {"a", SHEET("<xsl:template match='/'>\n<xsl:value-of select='1 +'/>"
                    "</xsl:template>")},
        {NULL, NULL}};
    static const struct with running[] = {
        {"a", SHEET("<xsl:template match='/'>\n"
                    "<xsl:call-template name='none'/></xsl:template>")},
        {NULL, NULL}};
    assert_refused(SHEET(IMPORT("a")), syntax, "a, line 3: not well-formed",
                   0);
    assert_refused(SHEET(IMPORT("a")), xpath, "a, line 3: ", 0);
    assert_refused(SHEET(IMPORT("a")), running, "a, line 3: ", 0);
}

static void
imports_have_limits(void **state)
{
    static const struct with deep[] = {
        {"1", SHEET(IMPORT("2"))}, {"2", SHEET(IMPORT("3"))},
        {"3", SHEET(IMPORT("4"))}, {"4", SHEET(IMPORT("5"))},
        {"5", SHEET(IMPORT("6"))}, {"6", SHEET(IMPORT("7"))},
        {"7", SHEET(IMPORT("8"))}, {"8", SHEET(IMPORT("9"))},
        {"9", SHEET("")},          {NULL, NULL}};
#define FOUR(n) IMPORT(n) IMPORT(n) IMPORT(n) IMPORT(n)
    static const struct with wide[] = {{"1", SHEET(FOUR("2"))},
                                       {"2", SHEET(FOUR("3"))},
                                       {"3", SHEET(FOUR("4"))},
                                       {"4", SHEET("")},
                                       {NULL, NULL}};
    assert_refused(SHEET(IMPORT("1")), deep, "8, line 2: ", 0);
    assert_refused(SHEET(FOUR("1")), wide, "more than 64 imports", 0);
}

static void
a_text_is_text_also_in_an_attribute(void **state)
{
    assert_html(SHEET("<xsl:template match='/'><p><xsl:attribute name='title'>"
                      "<c:text>a\n  b</c:text></xsl:attribute>"
                      "<c:text> one &amp; two </c:text></p></xsl:template>"),
                NULL, "<p title=\"a b\">one &amp; two</p>");
}

static void
a_part_for_some_is_not_in_what_everybody_gets(void **state)
{
    static const char sheet[] =
        SHEET("<xsl:template match='/'><p>a<c:part for='admin'>secret"
              "</c:part>b</p></xsl:template>");
    struct cnc_error err = {0};
    char *html = render(sheet, NULL, &err);
    assert_non_null(
        strstr(html, "<p>a<span data-cnc-part=\"1\"></span>b</p>"));
    assert_null(strstr(html, "secret"));
    cnc__free(html);
}

/* A record whose template is imported is still rendered alone. */
static void
an_imported_region_is_kept(void **state)
{
    static const struct with with[] = {
        {"base", SHEET("<xsl:template match='/'><ul>"
                       "<xsl:apply-templates select='/*/*' mode='m'/></ul>"
                       "</xsl:template>"
                       "<xsl:template match='*' mode='m'><li id='{@c:id}'>"
                       "<xsl:call-template name='say'/></li></xsl:template>"
                       "<xsl:template name='say'/>")},
        {NULL, NULL}};
    struct cnc__str pack = CNC__STR, patch = CNC__STR;
    struct cnc__engine_sheet s = sheet_with(
        &pack,
        SHEET(IMPORT("base") "<xsl:template name='say'><b>"
                             "<xsl:value-of select='.'/></b></xsl:template>"),
        with);
    static const char source[] =
        SOURCE("<book c:id='1'>a</book><book c:id='2'>b</book>");
    static const char changed[] =
        "<book xmlns='urn:l' xmlns:c='" CNC__NS_PAGE "' c:id='2'>new</book>";
    struct cnc__page_doc *d = cnc__page_doc_new(NULL);
    uint64_t alone, full;
    assert_int_equal(cnc__page_doc_sheets(d, &s, NULL), 0);
    assert_int_equal(cnc__page_doc_source(d, source, sizeof(source) - 1, NULL),
                     0);
    assert_int_equal(cnc__page_doc_render(d, &patch, NULL), 0);
    assert_int_equal(cnc__page_doc_upsert(d, "library", "2", changed,
                                          sizeof(changed) - 1, NULL),
                     0);
    assert_int_equal(cnc__page_doc_render(d, &patch, NULL), 0);
    assert_non_null(strstr(cnc__str_c(&patch), "new"));
    assert_null(strstr(cnc__str_c(&patch), ">a<"));
    cnc__page_doc_counts(d, &alone, &full);
    assert_int_equal(alone, 1);
    assert_int_equal(full, 1);
    cnc__page_doc_free(&d);
    cnc__str_fini(&pack);
    cnc__str_fini(&patch);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sheet_says_more_than_what_it_imports),
        cmocka_unit_test(what_is_imported_by_two_is_read_twice),
        cmocka_unit_test(a_circle_is_refused_by_name),
        cmocka_unit_test(what_is_not_there_is_refused_with_its_line),
        cmocka_unit_test(an_error_of_an_imported_sheet_has_its_name),
        cmocka_unit_test(imports_have_limits),
        cmocka_unit_test(a_text_is_text_also_in_an_attribute),
        cmocka_unit_test(a_part_for_some_is_not_in_what_everybody_gets),
        cmocka_unit_test(an_imported_region_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
