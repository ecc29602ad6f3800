/* SPDX-License-Identifier: MIT */
/* Rendering a record alone gives what rendering everything gives. */
#include <stdio.h>

#include "../../../src/render/engine.h"
#include "dom.h"
#include "test.h"

#define SHEET(body)                                                           \
    "<xsl:stylesheet version='1.0'"                                           \
    " xmlns:xsl='http://www.w3.org/1999/XSL/Transform' xmlns:l='urn:l'"       \
    " xmlns:c='http://concordance-xmpp.org/ns/page'"                          \
    " xmlns:str='http://exslt.org/strings'>" body "</xsl:stylesheet>"
#define PAGE(body)                                                            \
    SHEET("<xsl:variable name='by' select=\"' by '\"/>"                       \
          "<xsl:variable name='n' select='count(//l:book)'/>"                 \
          "<xsl:template match='/l:library'><html><body>"                     \
          "<p><xsl:value-of select='count(l:book)'/></p>"                     \
          "<xsl:if test='not(l:book)'><p>No books</p></xsl:if>" body          \
          "</body></html></xsl:template>")
#define EACH "<xsl:for-each select='l:book'>"
#define END  "</xsl:for-each>"
#define LI                                                                    \
    "<li id='{@c:id}'><b><xsl:value-of select='l:title'/></b>"                \
    "<i><xsl:value-of select='concat($by, l:author)'/></i></li>"

static const struct {
    const char *name, *sheet;
    bool incremental;
} sheets[] = {
    {"for-each", PAGE("<ul>" EACH LI END "</ul><c:form node='library'/>"),
     true},
    {"sorted",
     PAGE("<ul>" EACH "<xsl:sort select='l:title'/>"
          "<xsl:sort select='@c:id' order='descending'/>" LI END "</ul>"),
     true},
    {"apply",
     SHEET("<xsl:template match='/l:library'><div><h1><xsl:value-of"
           " select='@c:title'/></h1><xsl:apply-templates/></div>"
           "</xsl:template><xsl:template match='l:book'><div id='{@c:id}'>"
           "<xsl:apply-templates select='l:title'/><xsl:apply-templates"
           " select='l:author' mode='a'/></div></xsl:template>"
           "<xsl:template match='l:title'><h2><xsl:apply-templates/></h2>"
           "</xsl:template><xsl:template match='l:author' mode='a'><p>"
           "<xsl:if test='position() != last()'>x</xsl:if><xsl:value-of"
           " select='.'/></p></xsl:template>"),
     true},
    {"table without tbody",
     PAGE("<table><caption>T</caption>" EACH
          "<tr id='{@c:id}'><td><xsl:value-of select='l:title'/></td></tr>"
          "<tr><td>two</td></tr>" END "</table>"),
     true},
    {"filtered twice",
     PAGE("<ul><xsl:for-each select=\"l:book[contains(l:title, '1')]\">"
          "<li><xsl:value-of select='l:title'/></li>" END "</ul><ol>"
          "<xsl:for-each select='l:book[position() &lt; 4]'><li"
          " class='{l:author}'><xsl:value-of select='l:title'/>"
          "</li>" END "</ol>"),
     true},
    {"words in a loop of their own",
     PAGE("<ul>" EACH "<li id='{@c:id}'><xsl:for-each select='l:author|"
          "l:title'><xsl:if test='position() > 1'>, </xsl:if>"
          "<xsl:value-of select='.'/>" END "<xsl:for-each"
          " select=\"str:tokenize(l:title, ' ')\"><em><xsl:value-of"
          " select='.'/></em>" END "</li>" END "</ul>"),
     true},
    {"a variable of the record",
     PAGE("<div>" EACH "<xsl:variable name='t' select='l:title'/>"
          "<p title='{$t}'><xsl:call-template name='x'><xsl:with-param"
          " name='q' select='$t'/></xsl:call-template></p>" END "</div>")
     /* the template is added below */,
     false},
    {"position",
     PAGE("<ul>" EACH "<li><xsl:value-of select='position()'/>"
          "<xsl:value-of select='l:title'/></li>" END "</ul>"),
     false},
    {"sibling",
     PAGE("<ul>" EACH "<li><xsl:value-of select='"
          "preceding-sibling::l:book[1]/l:title'/></li>" END "</ul>"),
     false},
    {"parent",
     PAGE("<ul>" EACH "<li><xsl:value-of select='count(../*)'/>"
          "</li>" END "</ul>"),
     false},
    {"outside",
     PAGE("<ul>" EACH "<li><xsl:value-of select='$n'/></li>" END "</ul>"),
     false},
    {"text between",
     PAGE("<p>" EACH "<xsl:value-of select='l:title'/>, "
          "<b>x</b>" END "</p>"),
     false},
    {"a block in a p",
     PAGE("<p>" EACH "<div><xsl:value-of select='l:title'"
          "/></div>" END "</p>"),
     true},
    {"a block deep in a p",
     PAGE("<p>" EACH "<span><div><xsl:value-of select='l:title'/></div>"
          "</span>" END "</p>"),
     false},
    {"ids twice",
     PAGE("<ul>" EACH "<li id='same'><xsl:value-of"
          " select='l:title'/></li>" END "</ul>"),
     false},
    {"in a variable",
     PAGE("<xsl:variable name='v'>" EACH "<b><xsl:value-of select='l:title'"
          "/></b>" END "</xsl:variable><p title='{$v}'><xsl:copy-of"
          " select='$v'/></p>"),
     false},
    {"attributes of the list",
     PAGE("<ul>" EACH "<xsl:attribute name='title'><xsl:value-of"
          " select='l:title'/></xsl:attribute>" END "</ul>"),
     false},
    {"stripped",
     SHEET("<xsl:strip-space elements='*'/><xsl:template"
           " match='/l:library'><ul>" EACH
           "<li><xsl:copy-of select='l:title'/></li>" END
           "</ul></xsl:template>"),
     false},
    {"a key",
     SHEET("<xsl:key name='k' match='l:book' use='l:author'/>"
           "<xsl:template match='/l:library'><ul>" EACH
           "<li><xsl:value-of select=\"count(key('k', l:author))\"/>"
           "</li>" END "</ul></xsl:template>"),
     false},
    {"a pattern that looks around",
     SHEET("<xsl:template match='/l:library'><ul>" EACH
           "<li><xsl:apply-templates select='l:title'/></li>" END
           "</ul></xsl:template><xsl:template match='l:book[3]/l:title'>"
           "<b>third</b></xsl:template>"),
     false},
};

static uint64_t seed;

static uint32_t
roll(uint32_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

/* -- the model: what the source should be -------------------------------- */

#define MAX_RECORDS 40

struct model {
    struct {
        unsigned id, version;
    } records[MAX_RECORDS];
    size_t n;
    unsigned title, error, next;
};

static void
write_record(struct cnc__str *out, unsigned id, unsigned version)
{
    cnc__str_printf(out,
                    "<book xmlns='urn:l' xmlns:c='http://concordance-xmpp.org"
                    "/ns/page' c:id='b%u'><title>T%u &amp; %u</title>"
                    "<author>A%u</author></book>",
                    id, version * 7 % 13, id, version % 3);
}

static void
write_source(struct cnc__str *out, const struct model *m)
{
    cnc__str_printf(out,
                    "<library xmlns='urn:l' xmlns:c='http://concordance-xmpp."
                    "org/ns/page' c:node='library' c:title='t%u'>",
                    m->title);
    for (size_t i = 0; i < m->n; i++) {
        write_record(out, m->records[i].id, m->records[i].version);
    }
    cnc__str_puts(out, "</library>");
}

static void
set_form(struct cnc__page_doc *d, const struct model *m)
{
    struct cnc__str x = CNC__STR;
    cnc__str_printf(&x,
                    "<x xmlns='jabber:x:data' type='form'><title>Add</title>"
                    "<field var='t' label='T'><value>v%u</value></field></x>",
                    m->error);
    assert_int_equal(
        cnc__page_doc_form(d, "library", x.data, x.len, "/?f", NULL), 0);
    cnc__str_fini(&x);
}

static void
change(struct cnc__page_doc *d, struct model *m)
{
    struct cnc__str xml = CNC__STR;
    char id[16], title[16];
    uint32_t what = roll(10);
    if (what < 4 && m->n < MAX_RECORDS) {
        m->records[m->n].id = m->next++;
        m->records[m->n].version = roll(100);
        snprintf(id, sizeof(id), "b%u", m->records[m->n].id);
        write_record(&xml, m->records[m->n].id, m->records[m->n].version);
        m->n++;
        assert_int_equal(
            cnc__page_doc_upsert(d, "library", id, xml.data, xml.len, NULL),
            0);
    } else if (what < 6 && m->n > 0) {
        size_t i = roll((uint32_t)m->n);
        m->records[i].version = roll(100);
        snprintf(id, sizeof(id), "b%u", m->records[i].id);
        write_record(&xml, m->records[i].id, m->records[i].version);
        assert_int_equal(
            cnc__page_doc_upsert(d, "library", id, xml.data, xml.len, NULL),
            0);
    } else if (what < 8 && m->n > 0) {
        size_t i = roll((uint32_t)m->n);
        snprintf(id, sizeof(id), "b%u", m->records[i].id);
        m->n--;
        memmove(&m->records[i], &m->records[i + 1],
                (m->n - i) * sizeof(m->records[0]));
        assert_int_equal(cnc__page_doc_upsert(d, "library", id, NULL, 0, NULL),
                         0);
    } else if (what == 8) {
        m->title = roll(5);
        snprintf(title, sizeof(title), "t%u", m->title);
        cnc__page_doc_meta(d, "library", "title", title);
    } else {
        m->error = roll(5);
        set_form(d, m);
    }
    cnc__str_fini(&xml);
}

static void
fresh_html(struct cnc__str *out, const char *sheet, const struct model *m)
{
    struct cnc__page_doc *d = cnc__page_doc_new(NULL);
    struct cnc__str xml = CNC__STR, none = CNC__STR;
    struct cnc__str plain = CNC__STR;
    write_source(&xml, m);
    /* A sheet with extension elements is never rendered in parts. */
    cnc__str_puts(&plain, "<xsl:stylesheet extension-element-prefixes='str'");
    cnc__str_puts(&plain, sheet + strlen("<xsl:stylesheet"));
    assert_int_equal(cnc__page_doc_sheet(d, plain.data, plain.len, NULL), 0);
    cnc__str_fini(&plain);
    assert_int_equal(cnc__page_doc_source(d, xml.data, xml.len, NULL), 0);
    set_form(d, m);
    assert_int_equal(cnc__page_doc_render(d, &none, NULL), 0);
    cnc__page_doc_html(d, NULL, out);
    cnc__page_doc_free(&d);
    cnc__str_fini(&xml);
    cnc__str_fini(&none);
}

static void
step(struct cnc__page_doc *d, struct dom **dom, const char *sheet,
     const struct model *m)
{
    struct cnc__str html = CNC__STR, want = CNC__STR, patch = CNC__STR,
                    x = CNC__STR, y = CNC__STR;
    struct cnc_error err = {0};
    int rc = cnc__page_doc_render(d, &patch, &err);
    if (rc != 0) {
        print_error("%s\n", err.text);
    }
    assert_int_equal(rc, 0);
    cnc__page_doc_html(d, NULL, &html);
    fresh_html(&want, sheet, m);
    assert_string_equal(html.data, want.data);
    struct dom *new = dom_read(html.data);
    assert_non_null(new);
    if (*dom != NULL) {
        if (patch.len > 0) {
            assert_null(dom_apply(*dom, patch.data, patch.len));
        }
        dom_dump(*dom, &x);
        dom_dump(new, &y);
        assert_string_equal(x.data, y.data);
        dom_free(*dom);
    }
    *dom = new;
    cnc__str_fini(&html);
    cnc__str_fini(&want);
    cnc__str_fini(&patch);
    cnc__str_fini(&x);
    cnc__str_fini(&y);
}

static void
incremental_and_full_pages_are_the_same(void **state)
{
    for (size_t i = 0; i < CNC_N(sheets); i++) {
        struct model m = {.next = 1};
        struct dom *dom = NULL;
        struct cnc__str xml = CNC__STR;
        struct cnc_error err = {0};
        struct cnc__str sheet = CNC__STR;
        cnc__str_puts(&sheet, sheets[i].sheet);
        if (strstr(sheet.data, "call-template") != NULL) {
            sheet.len -= strlen("</xsl:stylesheet>");
            cnc__str_puts(&sheet,
                          "<xsl:template name='x'><xsl:param name='q'/>"
                          "<b><xsl:value-of select='$q'/></b></xsl:template>"
                          "</xsl:stylesheet>");
        }
        bool incremental = sheets[i].incremental ||
                           strstr(sheet.data, "call-template") != NULL;
        struct cnc__page_doc *d = cnc__page_doc_new(NULL);
        int rc = cnc__page_doc_sheet(d, sheet.data, sheet.len, &err);
        if (rc != 0) {
            print_error("%s: %s\n", sheets[i].name, err.text);
        }
        assert_int_equal(rc, 0);
        write_source(&xml, &m);
        assert_int_equal(cnc__page_doc_source(d, xml.data, xml.len, NULL), 0);
        set_form(d, &m);
        seed = i + 1;
        for (int n = 0; n < 150; n++) {
            step(d, &dom, sheet.data, &m);
            for (uint32_t k = roll(3) + 1; k > 0; k--) {
                change(d, &m);
            }
        }
        uint64_t alone, full;
        cnc__page_doc_counts(d, &alone, &full);
        if (incremental != (alone > 0)) {
            print_error("%s: %d alone, %d full\n", sheets[i].name, (int)alone,
                        (int)full);
        }
        assert_int_equal(alone > 0, incremental);
        assert_true(!incremental || full < 60);
        cnc__page_doc_free(&d);
        dom_free(dom);
        cnc__str_fini(&xml);
        cnc__str_fini(&sheet);
    }
}

static void
a_new_sheet_renders_everything_anew(void **state)
{
    struct cnc__page_doc *d = cnc__page_doc_new(NULL);
    struct model m = {.next = 1, .n = 0};
    struct cnc__str xml = CNC__STR, patch = CNC__STR;
    uint64_t alone, full;
    write_source(&xml, &m);
    cnc__page_doc_source(d, xml.data, xml.len, NULL);
    cnc__page_doc_sheet(d, sheets[0].sheet, strlen(sheets[0].sheet), NULL);
    change(d, &m);
    assert_int_equal(cnc__page_doc_render(d, &patch, NULL), 0);
    assert_int_equal(patch.len, 0);
    assert_int_equal(cnc__page_doc_render(d, &patch, NULL), 0);
    assert_int_equal(patch.len, 0); /* nothing changed */
    cnc__page_doc_sheet(d, sheets[1].sheet, strlen(sheets[1].sheet), NULL);
    assert_int_equal(cnc__page_doc_render(d, &patch, NULL), 0);
    cnc__page_doc_counts(d, &alone, &full);
    assert_int_equal(full, 2);
    assert_int_equal(alone, 0);
    cnc__str_fini(&xml);
    cnc__str_fini(&patch);
    cnc__page_doc_free(&d);
}

static void
several_nodes_on_a_page_are_changed_by_name(void **state)
{
    static const char sheet[] = SHEET(
        "<xsl:template match='/c:page'><body><ul><xsl:for-each"
        " select='l:library/l:book'><li><xsl:value-of select='.'/></li>" END
        "</ul><ol><xsl:for-each select='l:authors/l:author'><li>"
        "<xsl:value-of select='.'/></li>" END "</ol></body></xsl:template>");
    static const char source[] =
        "<page xmlns='http://concordance-xmpp.org/ns/page'"
        " xmlns:c='http://concordance-xmpp.org/ns/page'>"
        "<library xmlns='urn:l' c:node='library'><book c:id='1'>x</book>"
        "</library><authors xmlns='urn:l' c:node='mount/authors'/></page>";
    static const char author[] = "<author xmlns='urn:l'>Ann</author>";
    struct cnc__page_doc *d = cnc__page_doc_new(NULL);
    struct cnc__str patch = CNC__STR, html = CNC__STR;
    struct cnc_error err = {0};
    cnc__page_doc_sheet(d, sheet, sizeof(sheet) - 1, NULL);
    cnc__page_doc_source(d, source, sizeof(source) - 1, NULL);
    assert_int_equal(cnc__page_doc_render(d, &patch, NULL), 0);
    assert_int_equal(cnc__page_doc_upsert(d, "mount/authors", "1", author,
                                          sizeof(author) - 1, NULL),
                     0);
    assert_int_equal(cnc__page_doc_upsert(d, "authors", "1", author,
                                          sizeof(author) - 1, &err),
                     CNC_ENOENT);
    assert_int_equal(cnc__page_doc_render(d, &patch, NULL), 0);
    cnc__page_doc_html(d, "<!--h-->", &html);
    assert_string_equal(
        html.data,
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><!--h--></head>"
        "<body><ul><li>x</li></ul><ol><li>Ann</li></ol></body></html>");
    cnc__str_fini(&patch);
    cnc__str_fini(&html);
    cnc__page_doc_free(&d);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(incremental_and_full_pages_are_the_same),
        cmocka_unit_test(a_new_sheet_renders_everything_anew),
        cmocka_unit_test(several_nodes_on_a_page_are_changed_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
