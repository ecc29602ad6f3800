/* SPDX-License-Identifier: MIT */
/* What the HTML parser would change is changed before it is written. */
#include "../../../src/render/engine.h"
#include "test.h"

static const char identity[] =
    "<xsl:stylesheet version='1.0'"
    " xmlns:xsl='http://www.w3.org/1999/XSL/Transform'>"
    "<xsl:template match='/x'><xsl:copy-of select='node()'/></xsl:template>"
    "</xsl:stylesheet>";

static char *
page_of(const char *xml)
{
    struct cnc__str html = CNC__STR, patch = CNC__STR, source = CNC__STR;
    struct cnc__page_doc *d = cnc__page_doc_new(NULL);
    struct cnc_error err = {0};
    cnc__str_printf(&source, "<x>%s</x>", xml);
    int rc = cnc__page_doc_sheet(d, identity, sizeof(identity) - 1, &err);
    rc = rc != 0 ? rc : cnc__page_doc_source(d, source.data, source.len, &err);
    rc = rc != 0 ? rc : cnc__page_doc_render(d, &patch, &err);
    if (rc != 0) {
        print_error("%s\n%s\n", xml, err.text);
    }
    assert_int_equal(rc, 0);
    cnc__page_doc_html(d, NULL, &html);
    cnc__page_doc_free(&d);
    cnc__str_fini(&patch);
    cnc__str_fini(&source);
    return cnc__str_steal(&html);
}

/* The content of the body alone. */
static char *
body_of(const char *xml)
{
    static const char before[] =
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head><body>";
    char *html = page_of(xml);
    size_t n = strlen(html), m = strlen("</body></html>");
    assert_int_equal(strncmp(html, before, sizeof(before) - 1), 0);
    char *body =
        cnc__strndup(html + sizeof(before) - 1, n - m - (sizeof(before) - 1));
    cnc__free(html);
    return body;
}

static void
bodies(const char *const cases[][2], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *got = body_of(cases[i][0]);
        assert_string_equal(got, cases[i][1]);
        cnc__free(got);
    }
}

static void
a_block_in_a_paragraph_makes_it_a_div(void **state)
{
    static const char *const cases[][2] = {
        {"<p>a<div>b</div></p>", "<div>a<div>b</div></div>"},
        {"<p><b><ul><li>x</li></ul></b></p>",
         "<div><b><ul><li>x</li></ul></b></div>"},
        {"<p>a<p>b</p></p>", "<div>a<p>b</p></div>"},
        {"<p>a<b>c</b></p>", "<p>a<b>c</b></p>"},
        {"<p><button><div>x</div></button></p>",
         "<p><button><div>x</div></button></p>"},
        {"<p class='c'><table><tr><td><p>x</p></td></tr></table></p>",
         "<div class=\"c\"><table><tbody><tr><td><p>x</p></td></tr></tbody>"
         "</table></div>"},
    };
    bodies(cases, CNC_N(cases));
}

static void
a_table_has_all_its_parts(void **state)
{
    static const char *const cases[][2] = {
        {"<table> <tr> <td>1</td></tr> <tr><td>2</td></tr> </table>",
         "<table><tbody><tr><td>1</td></tr><tr><td>2</td></tr></tbody>"
         "</table>"},
        {"<table><td>1</td><td>2</td></table>",
         "<table><tbody><tr><td>1</td><td>2</td></tr></tbody></table>"},
        {"<table><col/><col/><tr/></table>",
         "<table><colgroup><col><col></colgroup><tbody><tr></tr></tbody>"
         "</table>"},
        {"<table>text<b>b</b><tr><td/></tr></table>",
         "<table><tbody><tr><td>text<b>b</b></td></tr><tr><td></td></tr>"
         "</tbody></table>"},
        {"<table><tr/><caption>c</caption><thead><td/></thead></table>",
         "<table><tbody><tr></tr></tbody><caption>c</caption><thead><tr>"
         "<td></td></tr></thead></table>"},
        {"<div><tr><td>x</td></tr></div>", "<div>x</div>"},
        {"<table><tr><td><tr><td>x</td></tr></td></tr></table>",
         "<table><tbody><tr><td>x</td></tr></tbody></table>"},
        {"<table><table><tr/></table></table>",
         "<table><tbody><tr><td><table><tbody><tr></tr></tbody></table></td>"
         "</tr></tbody></table>"},
    };
    bodies(cases, CNC_N(cases));
}

static void
what_may_not_nest_is_unwrapped_or_renamed(void **state)
{
    static const char *const cases[][2] = {
        {"<a href='x'>1<b><a href='y'>2</a></b></a>",
         "<a href=\"x\">1<b>2</b></a>"},
        {"<form><div><form><input/></form></div></form>",
         "<form><div><input></div></form>"},
        {"<button>a<button>b</button></button>", "<button>ab</button>"},
        {"<h1>a<h2>b</h2></h1>", "<h1>ab</h1>"},
        {"<ul><li>a<li>b</li></li></ul>", "<ul><li>a<div>b</div></li></ul>"},
        {"<ul><li>a<ul><li>b</li></ul></li></ul>",
         "<ul><li>a<ul><li>b</li></ul></li></ul>"},
        {"<dl><dt>a<span><dd>b</dd></span></dt></dl>",
         "<dl><dt>a<span><div>b</div></span></dt></dl>"},
        {"<ruby>a<rt>b<rt>c</rt></rt></ruby><rt>d</rt>",
         "<ruby>a<rt>bc</rt></ruby>d"},
        {"<select>x<b><option>a<b>b</b></option></b><optgroup><option/>"
         "</optgroup></select>",
         "<select><option>ab</option><optgroup><option></option></optgroup>"
         "</select>"},
        {"<textarea>a<b>b</b></textarea>", "<textarea>ab</textarea>"},
    };
    bodies(cases, CNC_N(cases));
}

static void
texts_are_joined_and_lines_are_kept(void **state)
{
    static const char *const cases[][2] = {
        {"a<x-y>b</x-y><?p i?><!-- c -->c", "abc"},
        {"<pre>\n\nx</pre>", "<pre>\n\n\nx</pre>"},
        {"<pre>x\n</pre>", "<pre>x\n</pre>"},
        {"<textarea>\nx</textarea>", "<textarea>\n\nx</textarea>"},
        {"<p title='a&#13;&#10;b&#9;c'>a&#13;b</p>",
         "<p title=\"a\nb\tc\">a\nb</p>"},
        {"<b>&lt;&amp;&gt;\"</b>", "<b>&lt;&amp;&gt;\"</b>"},
        {"<br>x</br>", "<br>"},
        {"<DIV CLASS='A'>x</DIV>", "<div class=\"A\">x</div>"},
    };
    bodies(cases, CNC_N(cases));
}

static void
an_id_stands_once(void **state)
{
    static const char *const cases[][2] = {
        {"<b id='a'/><i id='a' class='c'/><u id=''/><s id='b'/>",
         "<b id=\"a\"></b><i class=\"c\"></i><u></u><s id=\"b\"></s>"},
    };
    bodies(cases, CNC_N(cases));
}

static void
a_page_always_has_a_head_and_a_body(void **state)
{
    static const char *const cases[][2] = {
        {"", "<html><head><meta charset=\"utf-8\"></head><body></body>"
             "</html>"},
        {"text", "<html><head><meta charset=\"utf-8\"></head><body>text"
                 "</body></html>"},
        {"<html lang='de' class='x'> <head> <title>a<b>b</b></title><title/>"
         "<meta name='viewport' content='v'/><p>lost</p></head> <body"
         " class='y'> <p/><title>no</title><meta name='a' content='b'/>"
         "</body></html>",
         "<html lang=\"de\" class=\"x\"><head><meta charset=\"utf-8\">"
         "<title>ab</title><meta name=\"viewport\" content=\"v\"></head>"
         "<body class=\"y\"><p>lost</p> <p></p></body></html>"},
        {"a<title>t</title>b",
         "<html><head><meta charset=\"utf-8\"><title>t</title></head>"
         "<body>ab</body></html>"},
        {"<head><title>t</title></head><div/>",
         "<html><head><meta charset=\"utf-8\"><title>t</title></head><body>"
         "<div></div></body></html>"},
        {"<body><html lang='x'/><body class='z'>b</body><head/></body>",
         "<html><head><meta charset=\"utf-8\"></head><body>b</body></html>"},
    };
    for (size_t i = 0; i < CNC_N(cases); i++) {
        char *got = page_of(cases[i][0]);
        assert_string_equal(got + strlen("<!DOCTYPE html>\n"), cases[i][1]);
        cnc__free(got);
    }
}

static void
elements_nested_too_deep_are_flattened(void **state)
{
    struct cnc__str s = CNC__STR;
    for (int i = 0; i < 250; i++) {
        cnc__str_puts(&s, "<div>");
    }
    cnc__str_puts(&s, "x<br/>");
    for (int i = 0; i < 250; i++) {
        cnc__str_puts(&s, "</div>");
    }
    char *got = body_of(s.data);
    size_t n = 0;
    for (const char *p = got; (p = strstr(p, "<div>")) != NULL; p++) {
        n++;
    }
    assert_int_equal(n, 199);
    assert_non_null(strstr(got, "<div>x</div>"));
    cnc__free(got);
    cnc__str_fini(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_in_a_paragraph_makes_it_a_div),
        cmocka_unit_test(a_table_has_all_its_parts),
        cmocka_unit_test(what_may_not_nest_is_unwrapped_or_renamed),
        cmocka_unit_test(texts_are_joined_and_lines_are_kept),
        cmocka_unit_test(an_id_stands_once),
        cmocka_unit_test(a_page_always_has_a_head_and_a_body),
        cmocka_unit_test(elements_nested_too_deep_are_flattened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
