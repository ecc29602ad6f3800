/* SPDX-License-Identifier: MIT */
/* Golden cases of the writers. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "help.h"

static void
what_is_read_is_written_canonically(void **state)
{
    static const char *const cases[][2] = {
        {"<a></a>", "<a/>"},
        {"<a b='1'  c = \"2\" />", "<a b=\"1\" c=\"2\"/>"},
        {"<a>&lt;&gt;&amp;\"'\t\n&#13;</a>",
         "<a>&lt;&gt;&amp;\"'\t\n&#13;</a>"},
        {"<a b='&lt;>&amp;&quot;&apos;&#9;&#10;&#13;'/>",
         "<a b=\"&lt;>&amp;&quot;'&#9;&#10;&#13;\"/>"},
        {"<a><![CDATA[<x>]]></a>", "<a>&lt;x&gt;</a>"},
        {"<p:a xmlns:p='u'><p:b/></p:a>", "<p:a xmlns:p=\"u\"><p:b/></p:a>"},
        {"<a b='1' xmlns='u' xmlns:q='v'><b xmlns=''/><q:c/></a>",
         "<a xmlns=\"u\" xmlns:q=\"v\" b=\"1\"><b xmlns=\"\"/><q:c/></a>"},
        {"<a xmlns='u'><b xmlns='u'/></a>",
         "<a xmlns=\"u\"><b xmlns=\"u\"/></a>"},
        {"<a xmlns='&lt;&quot;&amp;'/>", "<a xmlns=\"&lt;&quot;&amp;\"/>"},
        {"<a xml:lang='x' xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
         "<a xml:lang=\"x\"/>"},
        {"<a>0123456789abcdef&lt;0123456789abcdef</a>",
         "<a>0123456789abcdef&lt;0123456789abcdef</a>"},
        {"<\xC3\xA4 \xC3\xB6='\xC3\xBC'/>",
         "<\xC3\xA4 \xC3\xB6=\"\xC3\xBC\"/>"},
    };
    for (size_t i = 0; i < CNC_N(cases); i++) {
        struct cnc_element *e = parse(cases[i][0], 0);
        assert_written(e, cases[i][1]);
        cnc_element_unref(&e);
    }
}

static void
namespaces_are_declared_where_they_change(void **state)
{
    struct cnc_element *e = element("u", "a");
    append_new(e, "u", "b");
    append_new(append_new(e, "v", "c"), "u", "d");
    append_new(e, NULL, "f");
    assert_written(e, "<a xmlns=\"u\"><b/><c xmlns=\"v\"><d xmlns=\"u\"/></c>"
                      "<f xmlns=\"\"/></a>");
    cnc_element_unref(&e);
}

static void
a_wished_prefix_is_kept_unless_it_would_lie(void **state)
{
    struct cnc_element *e = element("u", "a");
    assert_int_equal(cnc_element_set_prefix(e, "p", NULL), 0);
    struct cnc_element *b = append_new(e, "v", "b");
    assert_int_equal(cnc_element_set_prefix(b, "p", NULL), 0);
    assert_written(e, "<p:a xmlns:p=\"u\"><p:b xmlns:p=\"v\"/></p:a>");
    /* The element declares the prefix for something else itself. */
    assert_int_equal(cnc_element_declare(b, "p", "w", NULL), 0);
    assert_written(e, "<p:a xmlns:p=\"u\"><ns1:b xmlns:ns1=\"v\" "
                      "xmlns:p=\"w\"/></p:a>");
    assert_int_equal(cnc_element_declare(b, "q", "v", NULL), 0);
    assert_written(e, "<p:a xmlns:p=\"u\"><q:b xmlns:p=\"w\" "
                      "xmlns:q=\"v\"/></p:a>");
    cnc_element_unref(&e);
    /* A kept default namespace, and an element outside it. */
    e = element("u", "a");
    assert_int_equal(cnc_element_declare(e, "", "v", NULL), 0);
    assert_written(e, "<ns1:a xmlns:ns1=\"u\" xmlns=\"v\"/>");
    assert_int_equal(cnc_element_set_name(e, NULL, "a", NULL), 0);
    assert_written(e, "<a/>");
    assert_int_equal(cnc_element_declare(e, "", "", NULL), 0);
    assert_written(e, "<a xmlns=\"\"/>");
    cnc_element_unref(&e);
    e = element("u", "a");
    assert_int_equal(cnc_element_set_prefix(e, "xmlns", NULL), 0);
    assert_written(e, "<ns1:a xmlns:ns1=\"u\"/>");
    cnc_element_unref(&e);
    e = element("http://www.w3.org/XML/1998/namespace", "a");
    assert_written(e, "<xml:a/>");
    cnc_element_unref(&e);
}

static void
attributes_in_a_namespace_get_a_prefix(void **state)
{
    struct cnc_element *e = element("u", "a");
    cnc_element_set_attr(e, NULL, "x", "1", NULL);
    cnc_element_set_attr(e, "u", "x", "2", NULL);
    cnc_element_set_attr(e, "v", "x", "3", NULL);
    cnc_element_set_attr(e, "v", "y", "4", NULL);
    cnc_element_set_attr(e, "http://www.w3.org/XML/1998/namespace", "lang",
                         "de", NULL);
    assert_written(e, "<a xmlns=\"u\" xmlns:ns1=\"u\" xmlns:ns2=\"v\" x=\"1\" "
                      "ns1:x=\"2\" ns2:x=\"3\" ns2:y=\"4\" xml:lang=\"de\"/>");
    cnc_element_declare(e, "p", "v", NULL);
    assert_written(e, "<a xmlns=\"u\" xmlns:p=\"v\" xmlns:ns1=\"u\" x=\"1\" "
                      "ns1:x=\"2\" p:x=\"3\" p:y=\"4\" xml:lang=\"de\"/>");
    cnc_element_unref(&e);
}

/* The prefix p stands for u outside; the inner element and its attributes
 * were thawed from places where it stood for other things. */
static void
prefixes_in_use_are_not_declared_anew(void **state)
{
    struct cnc_element *from =
        parse("<p:a xmlns:p='v' p:x='1'/>", CNC_PARSE_THAW);
    struct cnc_element *e = element("u", "e");
    cnc_element_set_prefix(e, "p", NULL);
    struct cnc_element *to =
        parse("<p:a xmlns:p='u' p:x='1'/>", CNC_PARSE_THAW);
    cnc_element_set_name(from, "u", "a", NULL);
    append(e, from);
    append(e, to);
    struct cnc_buf *buf = cnc_element_write(e, 0);
    struct cnc_element *again = parse(cnc_buf_data(buf), 0);
    assert_true(cnc_element_equal(e, again));
    assert_string_equal(
        cnc_buf_data(buf),
        "<p:e xmlns:p=\"u\"><ns1:a xmlns:ns1=\"u\" xmlns:p=\"v\" p:x=\"1\"/>"
        "<p:a xmlns:p=\"u\" p:x=\"1\"/></p:e>");
    cnc_buf_unref(&buf);
    cnc_element_unref(&again);
    cnc_element_unref(&from);
    cnc_element_unref(&to);
    cnc_element_unref(&e);
}

static void
the_default_in_scope_is_not_declared_again(void **state)
{
    struct cnc__str s = CNC__STR;
    struct cnc_element *e =
        parse("<iq xmlns='jabber:client'><q xmlns='u'/></iq>", 0);
    cnc__xml_write(&s, e, "jabber:client", 0);
    assert_string_equal(s.data, "<iq><q xmlns=\"u\"/></iq>");
    cnc__str_clear(&s);
    cnc__xml_write(&s, e, "other", 0);
    assert_string_equal(s.data, "<iq xmlns=\"jabber:client\"><q xmlns=\"u\"/>"
                                "</iq>");
    cnc__str_clear(&s);
    cnc_element_unref(&e);
    e = element(NULL, "a");
    cnc__xml_write(&s, e, "jabber:client", 0);
    assert_string_equal(s.data, "<a xmlns=\"\"/>");
    cnc_element_unref(&e);
    cnc__str_fini(&s);
}

static void
indenting_leaves_texts_alone(void **state)
{
    struct cnc_element *e =
        parse("<a><b/><c><d>x</d><e>y<f/><g><h/></g></e></c><!--i--></a>",
              CNC_PARSE_MISC);
    struct cnc_buf *buf =
        cnc_element_write(e, CNC_WRITE_INDENT | CNC_WRITE_DECL);
    assert_string_equal(cnc_buf_data(buf),
                        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                        "<a>\n"
                        "  <b/>\n"
                        "  <c>\n"
                        "    <d>x</d>\n"
                        "    <e>y<f/><g><h/></g></e>\n"
                        "  </c>\n"
                        "  <!--i-->\n"
                        "</a>");
    cnc_buf_unref(&buf);
    cnc_element_unref(&e);
}

static void
printf_escapes_every_argument(void **state)
{
    struct cnc__str s = CNC__STR;
    cnc__xml_printf(&s, "<a b='%s' c=\"%s\">%s%c%%</a>", "'\"<", "&\t\n\r",
                    "<script>", '<');
    assert_string_equal(s.data, "<a b='&#39;&quot;&lt;' c=\"&amp;&#9;&#10;"
                                "&#13;\">&lt;script&gt;&lt;%</a>");
    cnc__str_clear(&s);
    const char *volatile none = NULL; /* unknown to the compiler */
    cnc__xml_printf(&s, "%d %u %zu %ld %lu %lld %llu %.*s|%s|", -1, 2u,
                    (size_t)3, -4l, 5ul, -6ll, 7ull, 2, "<<<", none);
    assert_string_equal(s.data, "-1 2 3 -4 5 -6 7 &lt;&lt;||");
    cnc__str_clear(&s);
    cnc__xml_printf(&s, "%s", "a\x01\xFF\xC3\xA4\xED\xA0\x80<\xEF\xBF\xBF");
    assert_string_equal(s.data, "a\xEF\xBF\xBD\xEF\xBF\xBD\xC3\xA4\xEF\xBF\xBD"
                                "\xEF\xBF\xBD\xEF\xBF\xBD&lt;\xEF\xBF\xBD");
    cnc__str_fini(&s);
}

static void
printf_takes_elements_and_serialized_xml(void **state)
{
    struct cnc__str s = CNC__STR;
    struct cnc_element *e = parse(BOOK, 0);
    struct cnc_buf *buf = cnc_element_write(e, 0);
    const void *none = NULL;
    cnc__xml_printf(&s, "<x>%pE%pE</x>", (const void *)e, none);
    assert_string_equal(s.data, "<x>" BOOK "</x>");
    cnc__str_clear(&s);
    cnc__xml_printf(&s, "%pB%pB|%pR%pR", (const void *)buf, none,
                    (const void *)"<raw/>", none);
    assert_string_equal(s.data, BOOK "|<raw/>");
    cnc_buf_unref(&buf);
    cnc_element_unref(&e);
    cnc__str_fini(&s);
}

static void
an_unknown_conversion_is_a_bug(void **state)
{
    static const char *const bad[] = {"%x", "%5d", "%lx", "%pX", "%.3s", "%"};
    for (size_t i = 0; i < CNC_N(bad); i++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct cnc__str s = CNC__STR;
            close(STDERR_FILENO);
            cnc__xml_printf(&s, bad[i], (void *)NULL);
            _exit(0);
        }
        int status = 0;
        waitpid(pid, &status, 0);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_written_canonically),
        cmocka_unit_test(namespaces_are_declared_where_they_change),
        cmocka_unit_test(a_wished_prefix_is_kept_unless_it_would_lie),
        cmocka_unit_test(attributes_in_a_namespace_get_a_prefix),
        cmocka_unit_test(prefixes_in_use_are_not_declared_anew),
        cmocka_unit_test(the_default_in_scope_is_not_declared_again),
        cmocka_unit_test(indenting_leaves_texts_alone),
        cmocka_unit_test(printf_escapes_every_argument),
        cmocka_unit_test(printf_takes_elements_and_serialized_xml),
        cmocka_unit_test(an_unknown_conversion_is_a_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
