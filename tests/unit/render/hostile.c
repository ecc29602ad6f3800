/* SPDX-License-Identifier: MIT */
/* Templates and records of somebody who means harm. */
#include <stdio.h>

#include "../../../src/render/engine.h"
#include "dom.h"
#include "test.h"

#define HEAD                                                                  \
    "<xsl:stylesheet version='1.0'"                                           \
    " xmlns:xsl='http://www.w3.org/1999/XSL/Transform' xmlns:l='urn:l'"       \
    " xmlns:exsl='http://exslt.org/common'"                                   \
    " xmlns:str='http://exslt.org/strings'"                                   \
    " xmlns:c='http://concordance-xmpp.org/ns/page'>\n"
#define TAIL       "</xsl:stylesheet>"
#define ROOT(body) HEAD "<xsl:template match='/'>" body "</xsl:template>" TAIL
#define SOURCE(xml)                                                           \
    "<library xmlns='urn:l' xmlns:c='http://concordance-xmpp.org/ns/page'"    \
    " c:node='library'>" xml "</library>"

/* The page, or NULL with err. */
static char *
render(const char *sheet, const char *source, struct cnc_error *err)
{
    struct cnc__str html = CNC__STR, patch = CNC__STR;
    struct cnc__engine_limits limits = {.max_output = 1 << 20,
                                        .max_ops = 1000000};
    struct cnc__page_doc *d = cnc__page_doc_new(&limits);
    int rc = cnc__page_doc_sheet(d, sheet, strlen(sheet), err);
    if (rc == 0) {
        rc = cnc__page_doc_source(d, source, strlen(source), err);
    }
    if (rc == 0) {
        rc = cnc__page_doc_render(d, &patch, err);
    }
    if (rc == 0) {
        cnc__page_doc_html(d, NULL, &html);
    }
    cnc__page_doc_free(&d);
    cnc__str_fini(&patch);
    return rc == 0 ? cnc__str_steal(&html) : NULL;
}

static void
refused(const char *sheet, const char *source, const char *why)
{
    struct cnc_error err = {0};
    char *html = render(sheet, source, &err);
    if (html != NULL || strstr(err.text, why) == NULL) {
        print_error("got: %s %s\n", html == NULL ? "" : html, err.text);
    }
    assert_null(html);
    assert_non_null(strstr(err.text, why));
}

static void
an_endless_recursion_is_stopped(void **state)
{
    refused(HEAD "<xsl:template match='/' name='x'>"
                 "<xsl:call-template name='x'/></xsl:template>" TAIL,
            SOURCE(""), "recursion");
    refused(HEAD "<xsl:template match='/'>"
                 "<xsl:apply-templates select='/'/></xsl:template>" TAIL,
            SOURCE(""), "recursion");
}

static void
output_without_end_is_stopped(void **state)
{
    struct cnc__str s = CNC__STR;
    cnc__str_puts(&s, HEAD "<xsl:template match='/'><p>");
    for (int i = 0; i < 12; i++) {
        cnc__str_puts(&s, "<xsl:for-each select='//*'>");
    }
    cnc__str_puts(&s, "<b>xxxxxxxxxxxxxxxxxxxx</b>");
    for (int i = 0; i < 12; i++) {
        cnc__str_puts(&s, "</xsl:for-each>");
    }
    cnc__str_puts(&s, "</p></xsl:template>" TAIL);
    refused(s.data,
            SOURCE("<a/><a/><a/><a/><a/><a/><a/><a/><a/><a/><a/><a/><a/>"),
            "too ");
    cnc__str_fini(&s);
}

static void
strings_that_double_are_stopped(void **state)
{
    struct cnc__str s = CNC__STR;
    cnc__str_puts(&s, HEAD "<xsl:template match='/'>"
                           "<xsl:variable name='v0' select=\"'abcdefgh'\"/>");
    for (int i = 0; i < 24; i++) {
        cnc__str_printf(&s,
                        "<xsl:variable name='v%d' select='concat($v%d, $v%d)'"
                        "/>",
                        i + 1, i, i);
    }
    cnc__str_puts(&s,
                  "<p><xsl:value-of select='$v24'/></p></xsl:template>" TAIL);
    refused(s.data, SOURCE(""), "too much");
    cnc__str_fini(&s);
}

static void
a_page_larger_than_the_limit_is_refused(void **state)
{
    struct cnc__str s = CNC__STR;
    cnc__str_puts(&s, HEAD "<xsl:template match='/'><p>");
    for (int i = 0; i < 30; i++) {
        cnc__str_puts(&s, "<xsl:value-of select=\"str:padding(50000, 'x')\""
                          "/>");
    }
    cnc__str_puts(&s, "</p></xsl:template>" TAIL);
    refused(s.data, SOURCE(""), "larger than");
    cnc__str_fini(&s);
}

static void
an_expression_that_takes_for_ever_is_stopped(void **state)
{
    struct cnc__str s = CNC__STR;
    cnc__str_puts(&s, "<library xmlns='urn:l'>");
    for (int i = 0; i < 400; i++) {
        cnc__str_puts(&s, "<a/>");
    }
    cnc__str_puts(&s, "</library>");
    refused(ROOT("<p><xsl:value-of select='count(//*[count(//*[count(//*)"
                 " > 1]) > 1])'/></p>"),
            s.data, "too long");
    cnc__str_fini(&s);
}

static void
no_file_and_no_network_is_read(void **state)
{
    static const char *const uris[] = {"/etc/passwd", "file:///etc/passwd",
                                       "http://127.0.0.1:1/x", ""};
    for (size_t i = 0; i < CNC_N(uris); i++) {
        struct cnc__str s = CNC__STR;
        struct cnc_error err = {0};
        cnc__str_printf(&s,
                        ROOT("<p><xsl:copy-of select=\"document('%s')\"/>"
                             "</p>"),
                        uris[i]);
        char *html = render(s.data, SOURCE("<a>x</a>"), &err);
        assert_true(html == NULL || strstr(html, "<p></p>") != NULL);
        cnc__free(html);
        cnc__str_fini(&s);
    }
    refused(HEAD "<xsl:import href='/etc/passwd'/>" TAIL, SOURCE(""),
            "there is no template \"/etc/passwd\"");
    refused(HEAD "<xsl:include href='http://127.0.0.1:1/'/>" TAIL, SOURCE(""),
            "there is no template \"http://127");
}

static void
no_file_is_written(void **state)
{
    struct cnc_error err = {0};
    remove("hostile-written");
    char *html = render(
        "<xsl:stylesheet version='1.1' extension-element-prefixes='exsl'"
        " xmlns:xsl='http://www.w3.org/1999/XSL/Transform'"
        " xmlns:exsl='http://exslt.org/common'><xsl:template match='/'>"
        "<exsl:document href='hostile-written'><a/></exsl:document>"
        "<xsl:document href='hostile-written'><a/></xsl:document>"
        "</xsl:template></xsl:stylesheet>",
        SOURCE(""), &err);
    cnc__free(html);
    assert_null(fopen("hostile-written", "r"));
}

static void
a_doctype_is_refused(void **state)
{
    static const char bomb[] =
        "<!DOCTYPE l [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;'>"
        "<!ENTITY x SYSTEM '/etc/passwd'>]><library xmlns='urn:l'>&b;&x;"
        "</library>";
    refused(ROOT("<p/>"), bomb, "document type declaration");
    refused("<!DOCTYPE x><x/>", SOURCE(""), "document type declaration");
    refused(ROOT("<p/>"), "<library>&nbsp;</library>", "not well-formed");
}

static void
deep_records_are_refused(void **state)
{
    struct cnc__str s = CNC__STR;
    for (int i = 0; i < 100000; i++) {
        cnc__str_puts(&s, "<a>");
    }
    refused(ROOT("<p/>"), s.data, "not well-formed");
    cnc__str_fini(&s);
}

static void
a_broken_sheet_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *sheet, *why;
        unsigned line;
    } cases[] = {
        {HEAD "<xsl:template match='/'>\n<xsl:value-of select='//['/>"
              "</xsl:template>" TAIL,
         "//[", 3},
        {HEAD "\n<xsl:template match='/'>\n<p>\n</xsl:template>" TAIL,
         "not well-formed", 5},
        {HEAD "<xsl:template match='/'>\n\n<xsl:call-template name='none'/>"
              "</xsl:template>" TAIL,
         "none", 4},
        {HEAD "<xsl:template match='/'>\n<xsl:value-of select='none()'/>"
              "</xsl:template>" TAIL,
         "none", 3},
        {HEAD "<xsl:template match='/'>\n<xsl:value-of select='$none'/>"
              "</xsl:template>" TAIL,
         "none", 3},
        {HEAD "<xsl:template match='/'><xsl:message terminate='yes'>enough"
              "</xsl:message></xsl:template>" TAIL,
         "enough", 2},
        {"<p>hello</p>", "not a stylesheet", 1},
        {"", "empty", 1},
    };
    for (size_t i = 0; i < CNC_N(cases); i++) {
        struct cnc_error err = {0};
        int rc = cnc__engine_check(cases[i].sheet, strlen(cases[i].sheet),
                                   NULL, 0, NULL, &err);
        assert_int_equal(rc, CNC_ERENDER);
        if (strstr(err.text, cases[i].why) == NULL ||
            err.line != cases[i].line) {
            print_error("case %d: line %u: %s\n", (int)i, err.line, err.text);
        }
        assert_non_null(strstr(err.text, cases[i].why));
        assert_int_equal(err.line, cases[i].line);
        assert_null(strchr(err.text, '\n'));
    }
}

static void
an_error_keeps_the_page_that_was(void **state)
{
    struct cnc__page_doc *d = cnc__page_doc_new(NULL);
    struct cnc__str patch = CNC__STR, a = CNC__STR, b = CNC__STR;
    static const char good[] = ROOT("<p><xsl:value-of select='.'/></p>");
    static const char bad[] = ROOT("<xsl:value-of select='none()'/>");
    static const char source[] = SOURCE("<a>1</a>");
    cnc__page_doc_sheet(d, good, sizeof(good) - 1, NULL);
    cnc__page_doc_source(d, source, sizeof(source) - 1, NULL);
    assert_int_equal(cnc__page_doc_render(d, &patch, NULL), 0);
    cnc__page_doc_html(d, NULL, &a);
    assert_int_equal(cnc__page_doc_sheet(d, "<x", 2, NULL), CNC_ERENDER);
    assert_int_equal(cnc__page_doc_source(d, "<x", 2, NULL), CNC_ESYNTAX);
    assert_int_equal(cnc__page_doc_sheet(d, bad, sizeof(bad) - 1, NULL), 0);
    assert_int_equal(cnc__page_doc_render(d, &patch, NULL), CNC_ERENDER);
    assert_int_equal(patch.len, 0);
    cnc__page_doc_html(d, NULL, &b);
    assert_string_equal(a.data, b.data);
    cnc__str_fini(&patch);
    cnc__str_fini(&a);
    cnc__str_fini(&b);
    cnc__page_doc_free(&d);
}

/* -- script -------------------------------------------------------------- */

/* Sheets that put a record's text wherever one can. */
static const char *const places[] = {
    ROOT("<p><xsl:value-of select='//l:t'/></p>"),
    ROOT("<p><xsl:value-of select='//l:t' disable-output-escaping='yes'/>"
         "</p>"),
    ROOT("<a href='{//l:t}' title='{//l:t}' onclick='{//l:t}'"
         " style='{//l:t}'>x</a>"),
    ROOT("<img src='{//l:t}' srcset='{//l:t}' onerror='{//l:t}'/>"),
    ROOT("<form action='{//l:t}'><button formaction='{//l:t}'/>"
         "<input type='{//l:t}' name='{//l:t}' value='{//l:t}'/></form>"),
    ROOT("<div><xsl:copy-of select='//l:t/node()'/></div>"),
    ROOT("<iframe src='{//l:t}' srcdoc='{//l:t}'/><object data='{//l:t}'/>"
         "<embed src='{//l:t}'/><base href='{//l:t}'/>"),
    ROOT("<script><xsl:value-of select='//l:t'/></script><style>"
         "<xsl:value-of select='//l:t'/></style><title><xsl:value-of"
         " select='//l:t'/></title><textarea><xsl:value-of select='//l:t'/>"
         "</textarea>"),
    ROOT("<html><head><meta http-equiv='refresh' content='0;{//l:t}'/>"
         "<meta name='concordance' content='{//l:t}'/><link rel='stylesheet'"
         " href='{//l:t}'/><link rel='import' href='{//l:t}'/><link"
         " rel='icon' href='//evil.example/x'/></head><body/></html>"),
    ROOT("<xsl:element name='{substring-before(concat(//l:n, \" \"), \" \")}'"
         "><xsl:attribute name='{//l:a}'><xsl:value-of select='//l:t'/>"
         "</xsl:attribute>x</xsl:element>"),
    ROOT("<svg xmlns='http://www.w3.org/2000/svg' onload='{//l:t}'><script>"
         "<xsl:value-of select='//l:t'/></script><a href='{//l:t}'/></svg>"
         "<math xmlns='http://www.w3.org/1998/Math/MathML' href='{//l:t}'/>"
         "<x:script xmlns:x='urn:other'>alert(1)</x:script>"),
    ROOT("<xsl:comment>--&gt;<xsl:value-of select='//l:t'/></xsl:comment>"
         "<xsl:processing-instruction name='x'>&gt;<xsl:value-of"
         " select='//l:t'/></xsl:processing-instruction>"),
};

static const char *const payloads[] = {
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "java&#10;script:alert(1)",
    "java&#9;script&#13;:alert(1)",
    "&#x85;javascript:alert(1)",
    "vbscript:x",
    "data:text/html,&lt;script>alert(1)&lt;/script>",
    "data:image/svg+xml,&lt;svg onload='alert(1)'/>",
    "blob:x",
    "file:///etc/passwd",
    "view-source:javascript:alert(1)",
    "x 1x, javascript:alert(1) 2x",
    "&lt;script>alert(1)&lt;/script>",
    "&lt;img src=x onerror=alert(1)>",
    "\"'>&lt;/textarea>&lt;/title>&lt;script>alert(1)&lt;/script>",
    "--!>&lt;script>alert(1)&lt;/script>",
    "image",
    "<script xmlns=''>alert(1)</script>",
    "<b xmlns='' onclick='alert(1)' STYLE='x'>x</b>",
    "<SCRIPT xmlns='http://www.w3.org/1999/xhtml'>alert(1)</SCRIPT>",
    "<iframe xmlns='' srcdoc='x'/>",
    "<a xmlns='' xmlns:x='http://www.w3.org/1999/xlink' x:href="
    "'javascript:alert(1)' href='jav&#9;ascript:alert(1)'>x</a>",
    "<form xmlns='' action='https://evil.example/'><input name='attributes'"
    "/><input type='image' src='x'/></form>",
    "<template xmlns=''><b>x</b></template>",
};

static const char *const names[] = {"script", "IFRAME", "b",      "a",
                                    "input",  "object", "style",  "link",
                                    "meta",   "base",   "button", "x-y"};
static const char *const attrs[] = {
    "onclick",    "style",  "href",       "src",     "ONLOAD",     "srcdoc",
    "formaction", "action", "http-equiv", "xmlns:x", "background", "data-x"};

static bool
one_of(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *s = list; (s = strstr(s, word)) != NULL; s += n) {
        if (s[-1] == ' ' && s[n] == ' ') {
            return true;
        }
    }
    return false;
}

/* No scheme but these before the first of "/?#", blanks left out. */
static bool
safe_address(const char *s, bool image)
{
    char buf[32];
    size_t n = 0;
    for (; *s != '\0' && strchr("/?#\\", *s) == NULL; s++) {
        if (*s == ':') {
            buf[n] = '\0';
            for (char *c = buf; *c != '\0'; c++) {
                *c |= *c >= 'A' && *c <= 'Z' ? 0x20 : 0;
            }
            return one_of(" http https mailto tel xmpp urn geo sms ", buf) ||
                   (image && strcmp(buf, "data") == 0);
        }
        if ((unsigned char)*s > ' ' && n < sizeof(buf) - 1) {
            buf[n++] = *s;
        }
    }
    return true;
}

/* What docs/protocol.md and the allow-list promise, checked anew. */
static void
assert_harmless(const struct dom *d)
{
    static const char bad[] =
        " script style iframe object embed frame base svg math template"
        " applet frameset noscript portal slot canvas ";
    if (d->name == NULL) {
        return;
    }
    assert_false(one_of(bad, d->name));
    for (size_t i = 0; i < d->n_attrs; i++) {
        const char *name = d->attrs[i].name, *value = d->attrs[i].value;
        assert_false(strncmp(name, "on", 2) == 0);
        assert_false(one_of(" style srcdoc formaction http-equiv ping"
                            " background xlink:href is nonce ",
                            name));
        assert_null(strchr(name, ':'));
        if (one_of(" href src action cite poster ", name)) {
            assert_true(safe_address(value, strcmp(d->name, "img") == 0));
            assert_null(strstr(value, "svg"));
        }
        if (strcmp(name, "srcset") == 0) {
            assert_null(strstr(value, "script:"));
            assert_null(strstr(value, "data:"));
        }
        if (strcmp(name, "action") == 0 || strcmp(d->name, "link") == 0) {
            assert_null(strstr(value, "evil"));
        }
        if (strcmp(d->name, "input") == 0 && strcmp(name, "type") == 0) {
            assert_string_not_equal(value, "image");
        }
        if (strcmp(d->name, "meta") == 0 && strcmp(name, "name") == 0) {
            assert_string_not_equal(value, "concordance");
        }
    }
    for (size_t i = 0; i < d->n_kids; i++) {
        assert_harmless(d->kids[i]);
    }
}

static void
try_attack(const char *sheet, const char *payload, const char *name,
           const char *attr)
{
    struct cnc__str source = CNC__STR;
    struct cnc_error err = {0};
    cnc__str_printf(&source, SOURCE("<b><t>%s</t><n>%s</n><a>%s</a></b>"),
                    payload, name, attr);
    char *html = render(sheet, source.data, &err);
    if (html != NULL) { /* else the sheet itself was an error */
        struct dom *d = dom_read(html);
        if (d == NULL) {
            print_error("%s\n", html);
        }
        assert_non_null(d);
        assert_harmless(d);
        dom_free(d);
        cnc__free(html);
    }
    cnc__str_fini(&source);
}

static void
no_script_gets_into_a_page(void **state)
{
    for (size_t i = 0; i < CNC_N(places); i++) {
        for (size_t k = 0; k < CNC_N(payloads); k++) {
            try_attack(places[i], payloads[k], "b", "title");
        }
    }
    for (size_t n = 0; n < CNC_N(names); n++) {
        for (size_t a = 0; a < CNC_N(attrs); a++) {
            try_attack(places[9], payloads[(n + a) % 12], names[n], attrs[a]);
        }
    }
}

static void
what_is_allowed_stays(void **state)
{
    static const char sheet[] =
        ROOT("<html lang='de'><head><title>T</title><link rel='stylesheet'"
             " href='assets/x.css'/></head><body class='b'><a"
             " href='HTTPS://example.org/?a=1&amp;b' xml:lang='en'>x</a><img"
             " src='data:image/png;base64,AA==' alt=''/><a"
             " href='xmpp:a@b?message'>y</a><a href='//x/y'>z</a><video"
             " src='v.webm' controls=''/></body></html>");
    struct cnc_error err = {0};
    char *html = render(sheet, SOURCE(""), &err);
    assert_string_equal(
        html, "<!DOCTYPE html>\n<html lang=\"de\"><head><meta "
              "charset=\"utf-8\"><title>T</title><link rel=\"stylesheet\" "
              "href=\"assets/x.css\"></head><body class=\"b\"><a "
              "href=\"HTTPS://example.org/?a=1&amp;b\" lang=\"en\">x</a><img "
              "src=\"data:image/png;base64,AA==\" alt=\"\"><a "
              "href=\"xmpp:a@b?message\">y</a><a href=\"//x/y\">z</a><video "
              "src=\"v.webm\" controls=\"\"></video></body></html>");
    cnc__free(html);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_endless_recursion_is_stopped),
        cmocka_unit_test(output_without_end_is_stopped),
        cmocka_unit_test(strings_that_double_are_stopped),
        cmocka_unit_test(a_page_larger_than_the_limit_is_refused),
        cmocka_unit_test(an_expression_that_takes_for_ever_is_stopped),
        cmocka_unit_test(no_file_and_no_network_is_read),
        cmocka_unit_test(no_file_is_written),
        cmocka_unit_test(a_doctype_is_refused),
        cmocka_unit_test(deep_records_are_refused),
        cmocka_unit_test(a_broken_sheet_is_refused_with_its_line),
        cmocka_unit_test(an_error_keeps_the_page_that_was),
        cmocka_unit_test(no_script_gets_into_a_page),
        cmocka_unit_test(what_is_allowed_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
