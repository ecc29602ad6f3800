/* SPDX-License-Identifier: MIT */
/* What only some see comes beside the page, and in no patch. */
#include "../../../src/render/engine.h"
#include "../../../src/render/proto.h"
#include "test.h"

#define SHEET(body)                                                           \
    "<xsl:stylesheet version='1.0'"                                           \
    " xmlns:xsl='http://www.w3.org/1999/XSL/Transform'"                       \
    " xmlns:c='http://concordance-xmpp.org/ns/page'"                          \
    " exclude-result-prefixes='c'>" body "</xsl:stylesheet>"
#define PAGE(body)                                                            \
    SHEET("<xsl:template match='/r'><html><body>" body                        \
          "</body></html></xsl:template>")
#define SPAN(n) "<span data-cnc-part=\"" n "\"></span>"

struct page {
    struct cnc__page_doc *doc;
    struct cnc__str html, parts, patch;
};

static void
show(struct page *p)
{
    struct cnc_error err = {0};
    cnc__str_clear(&p->html);
    cnc__str_clear(&p->parts);
    cnc__str_clear(&p->patch);
    if (cnc__page_doc_render(p->doc, &p->patch, &err) != 0) {
        fail_msg("%s", err.text);
    }
    cnc__page_doc_html_parts(p->doc, NULL, &p->html, &p->parts);
}

static void
sheet(struct page *p, const char *text)
{
    struct cnc_error err = {0};
    if (cnc__page_doc_sheet(p->doc, text, strlen(text), &err) != 0) {
        fail_msg("%s", err.text);
    }
}

static void
source(struct page *p, const char *text)
{
    assert_int_equal(cnc__page_doc_source(p->doc, text, strlen(text), NULL),
                     0);
}

static void
open_page(struct page *p, const char *sheet_text)
{
    memset(p, 0, sizeof(*p));
    p->doc = cnc__page_doc_new(NULL);
    sheet(p, sheet_text);
    source(p, "<r/>");
    show(p);
}

static void
close_page(struct page *p)
{
    cnc__page_doc_free(&p->doc);
    cnc__str_fini(&p->html);
    cnc__str_fini(&p->parts);
    cnc__str_fini(&p->patch);
}

static void
has(const struct page *p, const char *text)
{
    if (strstr(p->html.data, text) == NULL) {
        fail_msg("%s is not in %s", text, p->html.data);
    }
}

enum { PLACE, CUT, FOR, HTML, FIELDS };

static void
field_of(const struct page *p, size_t i, int field, struct cnc__str *out)
{
    const char *at = cnc__str_c(&p->parts), *end = at + p->parts.len, *data;
    size_t len;
    for (size_t k = 0; k <= i * FIELDS + (size_t)field; k++) {
        assert_true(cnc__render_unpack(&data, &len, &at, end));
    }
    cnc__str_clear(out);
    cnc__str_add(out, data, len);
}

static size_t
number_of(const struct page *p, size_t i, int field)
{
    struct cnc__str s = CNC__STR;
    field_of(p, i, field, &s);
    size_t n = strtoul(cnc__str_c(&s), NULL, 10);
    cnc__str_fini(&s);
    return n;
}

/* Part i: its place is right after its element; for whom; its HTML. */
static void
part_is(const struct page *p, size_t i, const char *for_, const char *html)
{
    struct cnc__str s = CNC__STR;
    size_t n = number_of(p, i, PLACE);
    assert_true(n <= p->html.len);
    assert_int_equal(strncmp(p->html.data + n, "</span>", 7), 0);
    assert_int_equal(p->html.data[n - 1], '>');
    assert_int_equal(number_of(p, i, CUT), 0);
    field_of(p, i, FOR, &s);
    assert_string_equal(cnc__str_c(&s), for_);
    field_of(p, i, HTML, &s);
    assert_string_equal(cnc__str_c(&s), html);
    cnc__str_fini(&s);
}

/* The page as whoever sees all parts gets it has this. */
static void
whole_has(const struct page *p, size_t n_parts, const char *text)
{
    struct cnc__str out = CNC__STR, s = CNC__STR;
    size_t from = 0;
    for (size_t i = 0; i < n_parts; i++) {
        size_t at = number_of(p, i, PLACE), cut = number_of(p, i, CUT);
        assert_true(from <= at && at + cut <= p->html.len);
        cnc__str_add(&out, p->html.data + from, at - from);
        field_of(p, i, HTML, &s);
        cnc__str_puts(&out, cnc__str_c(&s));
        from = at + cut;
    }
    cnc__str_puts(&out, p->html.data + from);
    if (strstr(out.data, text) == NULL) {
        fail_msg("%s is not in %s", text, out.data);
    }
    cnc__str_fini(&out);
    cnc__str_fini(&s);
}

static void
a_part_stands_beside_the_page(void **state)
{
    struct page p;
    open_page(&p, PAGE("<p>a<c:part for='users'>Hi <b><c:viewer/></b> &lt;"
                       "</c:part>b</p><c:part for='admin staff'>"
                       "<ul><li>1</li></ul></c:part><c:viewer/>"));
    has(&p, "<p>a" SPAN("1") "b</p>" SPAN("2") "</body>");
    assert_null(strstr(p.html.data, "Hi"));
    part_is(&p, 0, "users", "Hi <b>\x01</b> &lt;");
    part_is(&p, 1, "admin staff", "<ul><li>1</li></ul>");
    close_page(&p);
}

/* What would leave its element in a browser must not leave it here: the
 * shared page would have it. */
static void
nothing_of_a_part_gets_out_of_it(void **state)
{
    static const char *const bodies[] = {
        "<p><c:part for='x'><p>SECRET</p><div>SECRET</div></c:part></p>",
        "<table><c:part for='x'><tr><td>SECRET</td></tr></c:part></table>",
        "<table><tr><c:part for='x'><td>SECRET</td></c:part></tr></table>",
        "<ul><c:part for='x'><li>SECRET</li></c:part><li>a</li></ul>",
        "<select><c:part for='x'><option>SECRET</option></c:part></select>",
        "<textarea><c:part for='x'>SECRET</c:part></textarea>",
        "<a href='/'><c:part for='x'><a href='/SECRET'>SECRET</a></c:part>"
        "</a>",
        "<c:part for='x'><c:part for='y'>SECRET</c:part>SECRET</c:part>",
        "<svg><c:part for='x'>SECRET</c:part></svg>",
        "<c:part for='x'><title>SECRET</title><body title='SECRET'/>"
        "<unknown>SECRET</unknown></c:part>",
        "<p title='a'><c:part for='x'><xsl:attribute name='title'>SECRET"
        "</xsl:attribute></c:part></p>",
        "<c:part><xsl:text>SECRET</xsl:text></c:part>"};
    for (size_t i = 0; i < CNC_N(bodies); i++) {
        struct cnc__str text = CNC__STR;
        struct page p;
        cnc__str_printf(&text,
                        SHEET("<xsl:template match='/r'><html><head>"
                              "<c:part for='x'><title>SECRET</title>"
                              "<meta name='a' content='SECRET'/></c:part>"
                              "</head><body>%s</body></html></xsl:template>"),
                        bodies[i]);
        open_page(&p, text.data);
        if (strstr(p.html.data, "SECRET") != NULL) {
            fail_msg("%s\n%s", bodies[i], p.html.data);
        }
        close_page(&p);
        cnc__str_fini(&text);
    }
}

#define MARK(n) " data-cnc-part=\"" n "\""

/* Lists, tables and choices have elements of their own alone. */
static void
in_a_list_a_part_is_an_element_of_it(void **state)
{
    static const struct {
        const char *body, *shared, *whole;
    } all[] = {
        {"<ul>\n<li>a</li>\n<c:part for='x'>\n<li class='k' id='i'>b<b>c</b>"
         "</li>\n</c:part>\n</ul>",
         "<ul><li>a</li><li" MARK("1") " hidden=\"\"></li></ul>",
         "<ul><li>a</li><li" MARK("1") " class=\"k\" id=\"i\">b<b>c</b></li>"
                                       "</ul>"},
        {"<table><tr><td>a</td></tr><c:part for='x'><tr><td>b</td></tr>"
         "<tr><td>c</td></tr></c:part><tr><td>d</td></tr></table>",
         "</tbody><tbody" MARK("1") " hidden=\"\"></tbody><tbody><tr><td>d",
         "<td>a</td></tr></tbody><tbody" MARK(
             "1") "><tr><td>b</td></tr><tr>"
                  "<td>c</td></tr></tbody><tbody><tr><td>d</td></tr></tbody>"},
        {"<table><tbody><c:part for='x'><tr><td>b</td></tr></c:part></tbody>"
         "</table>",
         "<tbody><tr" MARK("1") " hidden=\"\"></tr></tbody>",
         "<tbody><tr" MARK("1") "><td>b</td></tr></tbody>"},
        {"<table><tr><td>a</td><c:part for='x'><td colspan='2'>b</td>"
         "</c:part></tr></table>",
         "<td>a</td><td" MARK("1") " hidden=\"\"></td></tr>",
         "<td>a</td><td" MARK("1") " colspan=\"2\">b</td></tr>"},
        {"<select name='s'><option>a</option><c:part for='x'><option"
         " value='1'>b</option></c:part></select>",
         "</option><option" MARK("1") " disabled=\"\" hidden=\"\"></option>",
         "</option><option" MARK("1") " value=\"1\">b</option></select>"},
        {"<dl><c:part for='x'><div><dt>a</dt><dd>b</dd></div></c:part></dl>",
         "<dl><div" MARK("1") " hidden=\"\"></div></dl>",
         "<dl><div" MARK("1") "><dt>a</dt><dd>b</dd></div></dl>"},
        {"<ol><c:part for='x'> <xsl:if test='no'><li>b</li></xsl:if></c:part>"
         "<li>c</li></ol>",
         "<ol><li" MARK("1") " hidden=\"\"></li><li>c</li></ol>",
         "<ol><li" MARK("1") " hidden=\"\"></li><li>c</li></ol>"},
        {"<ul><c:part for='x'><li>a</li></c:part><c:part for='y'><li>b</li>"
         "</c:part></ul>",
         "<ul><li" MARK("1") " hidden=\"\"></li><li" MARK("2"),
         "<ul><li" MARK("1") ">a</li><li" MARK("2") ">b</li></ul>"},
    };
    for (size_t i = 0; i < CNC_N(all); i++) {
        struct cnc__str text = CNC__STR;
        struct page p;
        cnc__str_printf(&text,
                        SHEET("<xsl:template match='/r'><html><body>%s</body>"
                              "</html></xsl:template>"),
                        all[i].body);
        open_page(&p, text.data);
        has(&p, all[i].shared);
        whole_has(&p, strstr(all[i].body, "'y'") != NULL ? 2 : 1,
                  all[i].whole);
        close_page(&p);
        cnc__str_fini(&text);
    }
}

static void
what_cannot_stand_in_a_list_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *body, *why;
    } all[] = {
        {"<ul>\n\n<c:part for='x'><li>a</li><li>b</li></c:part></ul>",
         "a <c:part> that stands in <ul> is one <li>, not several; each"},
        {"\n\n<ul><c:part for='x'><p>a</p></c:part></ul>",
         "a <c:part> that stands in <ul> is one <li>, not <p>; each"},
        {"\n<ul>\n<c:part for='x'>a</c:part></ul>",
         "a <c:part> that stands in <ul> is one <li>, not text; each"},
        {"\n\n<dl><c:part for='x'><dt>a</dt><dd>b</dd></c:part></dl>",
         "a <c:part> that stands in <dl> is one <div>, not several; each"},
        {"\n<table><tbody>\n<c:part for='x'><tr><td>a</td></tr><tr><td>b</td>"
         "</tr></c:part></tbody></table>",
         "a <c:part> that stands in <tbody> is one <tr>, not several; each"},
    };
    for (size_t i = 0; i < CNC_N(all); i++) {
        struct cnc__str text = CNC__STR, patch = CNC__STR;
        struct cnc_error err = {0};
        struct page p = {.doc = cnc__page_doc_new(NULL)};
        cnc__str_printf(&text,
                        SHEET("<xsl:template match='/r'><html><body>%s</body>"
                              "</html></xsl:template>"),
                        all[i].body);
        sheet(&p, text.data);
        source(&p, "<r/>");
        assert_int_equal(cnc__page_doc_render(p.doc, &patch, &err),
                         CNC_ERENDER);
        if (strncmp(err.text, all[i].why, strlen(all[i].why)) != 0) {
            fail_msg("%s", err.text);
        }
        assert_int_equal(err.line, 3);
        cnc__page_doc_free(&p.doc);
        cnc__str_fini(&text);
        cnc__str_fini(&patch);
    }
}

static void
a_part_that_becomes_another_kind_of_element_is_fetched(void **state)
{
    struct page p;
    open_page(&p, PAGE("<table><tr><c:part for='x'><xsl:choose><xsl:when"
                       " test='a'><th>SECRET</th></xsl:when><xsl:otherwise>"
                       "<td>SECRET</td></xsl:otherwise></xsl:choose></c:part>"
                       "</tr></table>"));
    source(&p, "<r><a/></r>");
    show(&p);
    assert_non_null(strstr(p.patch.data, "<resync/>"));
    assert_null(strstr(p.patch.data, "SECRET"));
    close_page(&p);
}

static void
a_part_of_a_record_is_no_fragment(void **state)
{
    struct page p;
    open_page(&p, PAGE("<ul><xsl:for-each select='a'><li id='{@i}'><c:part"
                       " for='admin'>SECRET <xsl:value-of select='@i'/>"
                       "</c:part></li></xsl:for-each></ul>"));
    source(&p, "<r xmlns:c='http://concordance-xmpp.org/ns/page'"
               " c:node='r'><a c:id='1' i='1'/><a c:id='2' i='2'/></r>");
    show(&p);
    has(&p, "<li id=\"1\">" SPAN("1") "</li><li id=\"2\">" SPAN("2"));
    assert_null(strstr(p.html.data, "SECRET"));
    part_is(&p, 1, "admin", "SECRET 2");
    close_page(&p);
}

static void
too_many_parts_are_an_error(void **state)
{
    struct cnc__str text = CNC__STR, patch = CNC__STR;
    struct cnc_error err = {0};
    struct page p;
    open_page(&p, PAGE("<xsl:for-each select='a'><c:part for='users'>x"
                       "</c:part></xsl:for-each>"));
    for (size_t n = CNC__PARTS_MAX; n <= CNC__PARTS_MAX + 1; n++) {
        cnc__str_clear(&text);
        cnc__str_puts(&text, "<r>");
        for (size_t i = 0; i < n; i++) {
            cnc__str_puts(&text, "<a/>");
        }
        cnc__str_puts(&text, "</r>");
        source(&p, text.data);
        if (n == CNC__PARTS_MAX) {
            show(&p);
        }
    }
    assert_int_equal(cnc__page_doc_render(p.doc, &patch, &err), CNC_ERENDER);
    assert_non_null(strstr(err.text, "more than 32 parts"));
    close_page(&p);
    cnc__str_fini(&text);
    cnc__str_fini(&patch);
}

static void
a_patch_never_has_a_part(void **state)
{
    struct page p;
    open_page(&p, PAGE("<p id='n'><xsl:value-of select='count(a)'/></p>"
                       "<c:part for='users'>SECRET <xsl:value-of"
                       " select='count(a)'/></c:part>"
                       "<xsl:if test='b'><div><c:part for='admin'>OTHER"
                       "</c:part></div></xsl:if>"));
    /* Other words in a part: the page is another, the patch does not say. */
    source(&p, "<r><a/></r>");
    show(&p);
    assert_non_null(strstr(p.patch.data, "<text"));
    assert_null(strstr(p.patch.data, "SECRET"));
    assert_null(strstr(p.patch.data, "resync"));
    assert_true(cnc__page_doc_parts_moved(p.doc));
    part_is(&p, 0, "users", "SECRET 1");
    /* The same again. */
    source(&p, "<r><a/></r>");
    show(&p);
    assert_int_equal(p.patch.len, 0);
    assert_false(cnc__page_doc_parts_moved(p.doc));
    /* One more part: whoever it is for has to fetch it. */
    source(&p, "<r><a/><b/></r>");
    show(&p);
    assert_non_null(strstr(p.patch.data, "<resync/>"));
    assert_null(strstr(p.patch.data, "OTHER"));
    assert_true(cnc__page_doc_parts_moved(p.doc));
    /* And one less. */
    source(&p, "<r><a/></r>");
    show(&p);
    assert_non_null(strstr(p.patch.data, "<resync/>"));
    /* A new sheet that says something else to some. */
    sheet(&p, PAGE("<p id='n'><xsl:value-of select='count(a)'/></p>"
                   "<c:part for='users'>NEW</c:part>"));
    show(&p);
    assert_non_null(strstr(p.patch.data, "<resync/>"));
    close_page(&p);
}

static void
what_moves_with_a_part_is_fetched_when_that_is_another(void **state)
{
    struct page p;
    open_page(&p, PAGE("<xsl:for-each select='a'><div id='{@i}'><xsl:value-of"
                       " select='@i'/><c:part for='users'>for <xsl:value-of"
                       " select='@i'/></c:part></div></xsl:for-each>"));
    source(&p, "<r><a i='x'/><a i='y'/></r>");
    show(&p);
    source(&p, "<r><a i='y'/><a i='x'/></r>");
    show(&p);
    assert_non_null(strstr(p.patch.data, "<resync/>"));
    close_page(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_stands_beside_the_page),
        cmocka_unit_test(nothing_of_a_part_gets_out_of_it),
        cmocka_unit_test(in_a_list_a_part_is_an_element_of_it),
        cmocka_unit_test(what_cannot_stand_in_a_list_is_refused_with_its_line),
        cmocka_unit_test(
            a_part_that_becomes_another_kind_of_element_is_fetched),
        cmocka_unit_test(a_part_of_a_record_is_no_fragment),
        cmocka_unit_test(too_many_parts_are_an_error),
        cmocka_unit_test(a_patch_never_has_a_part),
        cmocka_unit_test(
            what_moves_with_a_part_is_fetched_when_that_is_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
