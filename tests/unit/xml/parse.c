/* SPDX-License-Identifier: MIT */
/* What is accepted means what it should; what is not is told with its place.
 */
#include "help.h"

static void
the_founding_record_round_trips_to_the_byte(void **state)
{
    struct cnc_element *book = parse(BOOK, 0);
    assert_true(cnc_element_is(book, BOOK_NS, "book"));
    assert_string_equal(cnc_element_child_text(book, BOOK_NS, "title"),
                        "Dive Into Python 3");
    assert_string_equal(cnc_element_child_text(book, NULL, "isbn"),
                        "9781430224150");
    assert_int_equal(cnc_element_n_children(book), 3);
    assert_written(book, BOOK);
    struct cnc_element *thawed = cnc_element_thaw(book);
    assert_written(thawed, BOOK);
    cnc_element_unref(&thawed);
    cnc_element_unref(&book);
}

static void
references_and_cdata_become_text(void **state)
{
    struct cnc_element *e =
        parse("<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#x1F600;"
              "<![CDATA[<&]]]]><![CDATA[>]]>]]]&gt;</a>",
              0);
    assert_int_equal(cnc_element_n_children(e), 1);
    assert_string_equal(cnc_element_text(e),
                        "<>&\"'AB\xF0\x9F\x98\x80<&]]>]]]>");
    cnc_element_unref(&e);
    e = parse("<a>&#x0000000000000000000000000041;</a>", 0);
    assert_string_equal(cnc_element_text(e), "A");
    cnc_element_unref(&e);
    e = parse("<a><![CDATA[]]></a>", 0);
    assert_int_equal(cnc_element_n_children(e), 0);
    cnc_element_unref(&e);
}

static void
ends_of_lines_and_blanks_in_attributes_are_normalized(void **state)
{
    struct cnc_element *e =
        parse("<a b='1\r\n2\r3\n4\t5&#13;&#10;&#9;6'>x\r\ny\rz\r\r\n\n&#13;"
              "<![CDATA[\r\n]]></a>",
              0);
    assert_string_equal(cnc_element_attr(e, NULL, "b"), "1 2 3 4 5\r\n\t6");
    assert_string_equal(cnc_element_text(e), "x\ny\nz\n\n\n\r\n");
    cnc_element_unref(&e);
}

static void
namespaces_are_resolved(void **state)
{
    struct cnc_element *e =
        parse("<a xmlns='u1' xmlns:p='u1' p:x='1' x='2' xml:lang='de'>"
              "<p:b xmlns:p='u2' p:x='3'/><c xmlns=''><d/></c><p:e/></a>",
              0);
    assert_true(cnc_element_is(e, "u1", "a"));
    assert_string_equal(cnc_element_attr(e, "u1", "x"), "1");
    assert_string_equal(cnc_element_attr(e, NULL, "x"), "2");
    assert_string_equal(
        cnc_element_attr(e, "http://www.w3.org/XML/1998/namespace", "lang"),
        "de");
    assert_int_equal(cnc_element_n_attrs(e), 3);
    assert_int_equal(cnc_element_n_decls(e), 2);
    struct cnc_element *b = cnc_element_child(e, "u2", "b");
    assert_non_null(b);
    assert_string_equal(cnc_element_prefix(b), "p");
    assert_string_equal(cnc_element_attr(b, "u2", "x"), "3");
    struct cnc_element *c = cnc_element_child(e, "", "c");
    assert_non_null(cnc_element_child(c, "", "d"));
    assert_non_null(cnc_element_child(e, "u1", "e"));
    cnc_element_unref(&e);
}

static void
names_are_those_of_the_fifth_edition(void **state)
{
    static const char *const good[] = {
        "a",
        "_a-.9",
        "\xC3\xA4",
        "a\xC2\xB7",
        "a\xCC\x80",
        "\xE2\x82\xB0z",
        "\xE2\x81\xB0",
        "\xE3\x80\x81",
        "\xEF\xB7\xB0",
        "\xF0\x90\x80\x80",
        "\xF3\xAF\xBF\xBF",
    };
    static const char *const bad[] = {
        "9a",
        "-a",
        ".a",
        "\xC2\xB7",
        "\xCC\x80",
        "\xC3\x97",
        "\xC3\xB7",
        "a\xE2\x80\x80",
        "\xCD\xBE",
        "\xE2\x82\xAC\xE3\x80\x80",
        "a\xF3\xB0\x80\x80",
        "a\xEF\xB7\x90",
    };
    for (size_t i = 0; i < CNC_N(good); i++) {
        char text[64];
        snprintf(text, sizeof(text), "<%s/>", good[i]);
        struct cnc_element *e = parse(text, 0);
        assert_string_equal(cnc_element_name(e), good[i]);
        cnc_element_unref(&e);
        e = element(NULL, good[i]);
        cnc_element_unref(&e);
    }
    for (size_t i = 0; i < CNC_N(bad); i++) {
        char text[64];
        struct cnc_element *e = NULL;
        snprintf(text, sizeof(text), "<%s/>", bad[i]);
        assert_int_equal(cnc_xml_parse(&e, text, strlen(text), 0, NULL, NULL),
                         CNC_ESYNTAX);
        assert_int_equal(cnc_element_new(&e, NULL, bad[i], NULL), CNC_ESYNTAX);
        assert_null(e);
    }
}

static void
documents_may_keep_comments_and_instructions(void **state)
{
    struct cnc_element *e =
        parse("<?xml version=\"1.0\"?><!-- out --><a>x<!-- in\r\n -->y"
              "<?t  some data?><?u?></a><?v?>",
              CNC_PARSE_MISC);
    assert_int_equal(cnc_element_n_children(e), 5);
    struct cnc_child c = cnc_element_child_at(e, 1);
    assert_int_equal(c.kind, CNC_COMMENT);
    assert_string_equal(cnc_element_text(c.element), " in\n ");
    c = cnc_element_child_at(e, 3);
    assert_int_equal(c.kind, CNC_PI);
    assert_string_equal(cnc_element_name(c.element), "t");
    assert_string_equal(cnc_element_text(c.element), "some data");
    assert_written(e, "<a>x<!-- in\n -->y<?t some data?><?u?></a>");
    cnc_element_unref(&e);
}

static void
a_document_may_be_thawed(void **state)
{
    struct cnc_element *e = parse("<a>\n<b/></a>", CNC_PARSE_THAW);
    assert_false(cnc_element_is_frozen(e));
    assert_int_equal(cnc_element_line(cnc_element_child(e, NULL, "b")), 2);
    append_text(e, "more");
    assert_written(e, "<a>\n<b/>more</a>");
    cnc_element_unref(&e);
}

static void
a_declaration_and_a_byte_order_mark_may_come_first(void **state)
{
    static const char *const good[] = {
        "<?xml version='1.0'?><a/>",
        "<?xml version = \"1.0\" encoding=\"utf-8\" standalone='no' ?>\n<a/>",
        "<?xml version='1.0' encoding='UTF-8'?><a/>",
        "\xEF\xBB\xBF<a/>",
        "\xEF\xBB\xBF<?xml version='1.0'?><a/>",
        " \r\n\t<a/> \n",
    };
    for (size_t i = 0; i < CNC_N(good); i++) {
        struct cnc_element *e = parse(good[i], 0);
        assert_written(e, "<a/>");
        cnc_element_unref(&e);
    }
}

struct bad {
    const char *text;
    int rc;
    const char *condition;
    unsigned line, column;
};

#define MALFORMED  CNC_ESYNTAX, "not-well-formed"
#define RESTRICTED CNC_EPROTO, "restricted-xml"

static const struct bad bad_input[] = {
    {"", MALFORMED, 1, 1},
    {"  ", MALFORMED, 1, 3},
    {"x", MALFORMED, 1, 1},
    {"<a>", MALFORMED, 1, 4},
    {"<a>\n\nxy", MALFORMED, 3, 3},
    {"<a", MALFORMED, 1, 1},
    {"<a>&am", MALFORMED, 1, 4},
    {"<a>\xE2\x82", MALFORMED, 1, 4},
    {"<a/><b/>", MALFORMED, 1, 5},
    {"<a/>x", MALFORMED, 1, 5},
    {"<a/></a>", MALFORMED, 1, 5},
    {"</a>", MALFORMED, 1, 1},
    {"<a>\n<b>\n</a></b>", MALFORMED, 3, 1},
    {"<a></ab>", MALFORMED, 1, 4},
    {"<ab></a>", MALFORMED, 1, 5},
    {"<a></a b='c'>", MALFORMED, 1, 8},
    {"<a></p:a>", MALFORMED, 1, 4},
    {"< a/>", MALFORMED, 1, 2},
    {"<9/>", MALFORMED, 1, 2},
    {"<a/ >", MALFORMED, 1, 3},
    {"<a b/>", MALFORMED, 1, 5},
    {"<a b=c/>", MALFORMED, 1, 6},
    {"<a b='1'c='2'/>", MALFORMED, 1, 9},
    {"<a b='<'/>", MALFORMED, 1, 7},
    {"<a\n b='1'\n b='2'/>", MALFORMED, 3, 2},
    {"<a b='&'/>", MALFORMED, 1, 7},
    {"<a b='&lt'/>", MALFORMED, 1, 7},
    {"<a b='\x01'/>", MALFORMED, 1, 7},
    {"<a b='\xFF'/>", MALFORMED, 1, 7},
    {"<a b='\xEF\xBF\xBF'/>", MALFORMED, 1, 7},
    {"<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>", MALFORMED, 1, 36},
    {"<a xmlns='u' xmlns='u'/>", MALFORMED, 1, 14},
    {"<a xmlns:p='u' xmlns:p='v'/>", MALFORMED, 1, 16},
    {"<p:a/>", MALFORMED, 1, 2},
    {"<a p:b='1'/>", MALFORMED, 1, 4},
    {"<a><b xmlns:p='u'/><p:c/></a>", MALFORMED, 1, 21},
    {"<:a/>", MALFORMED, 1, 2},
    {"<a:/>", MALFORMED, 1, 4},
    {"<a xmlns:a='u' a:b:c='1'/>", MALFORMED, 1, 19},
    {"<a xmlns:p=''/>", MALFORMED, 1, 4},
    {"<a xmlns:xml='u'/>", MALFORMED, 1, 4},
    {"<a xmlns:xmlns='u'/>", MALFORMED, 1, 4},
    {"<a xmlns:p='http://www.w3.org/2000/xmlns/'/>", MALFORMED, 1, 4},
    {"<a xmlns='http://www.w3.org/XML/1998/namespace'/>", MALFORMED, 1, 4},
    {"<xmlns:a/>", MALFORMED, 1, 2},
    {"<a>]]></a>", MALFORMED, 1, 4},
    {"<a>x\n]]]></a>", MALFORMED, 2, 2},
    {"<a>\x01</a>", MALFORMED, 1, 4},
    {"<a>\xC3\xA4\xC3\xA4\x08</a>", MALFORMED, 1, 6},
    {"<a>\xC0\x80</a>", MALFORMED, 1, 4},
    {"<a>\xED\xA0\x80</a>", MALFORMED, 1, 4},
    {"<a>\xF4\x90\x80\x80</a>", MALFORMED, 1, 4},
    {"<a>\xEF\xBF\xBE</a>", MALFORMED, 1, 4},
    {"<a>&#0;</a>", MALFORMED, 1, 4},
    {"<a>&#xD800;</a>", MALFORMED, 1, 4},
    {"<a>&#xFFFE;</a>", MALFORMED, 1, 4},
    {"<a>&#x110000;</a>", MALFORMED, 1, 4},
    {"<a>&#99999999999999999999;</a>", MALFORMED, 1, 4},
    {"<a>&#;</a>", MALFORMED, 1, 4},
    {"<a>&#x;</a>", MALFORMED, 1, 4},
    {"<a>&#X41;</a>", MALFORMED, 1, 4},
    {"<a>&;</a>", MALFORMED, 1, 4},
    {"<a>& </a>", MALFORMED, 1, 4},
    {"<a>&amp</a>", MALFORMED, 1, 4},
    {"<a>&nbsp;</a>", RESTRICTED, 1, 4},
    {"<a b='&nbsp;'/>", RESTRICTED, 1, 7},
    {"<!DOCTYPE a><a/>", RESTRICTED, 1, 1},
    {"<a><!-- x --></a>", RESTRICTED, 1, 4},
    {"<a><?x y?></a>", RESTRICTED, 1, 4},
    {"<!-- x --><a/>", RESTRICTED, 1, 1},
    {"<?x?><a/>", RESTRICTED, 1, 1},
    {" <?xml version='1.0'?><a/>", RESTRICTED, 1, 2},
    {"<a><!ELEMENT b></a>", MALFORMED, 1, 4},
    {"<![CDATA[x]]><a/>", MALFORMED, 1, 1},
    {"<a><![CDATA[x</a>", MALFORMED, 1, 18},
    {"<?xml version='1.1'?><a/>", MALFORMED, 1, 1},
    {"<?xml encoding='UTF-8'?><a/>", MALFORMED, 1, 1},
    {"<?xml version='1.0' standalone='maybe'?><a/>", MALFORMED, 1, 1},
    {"<?xml version='1.0' x='y'?><a/>", MALFORMED, 1, 1},
    {"<?xml version='1.0' encoding='UTF-16'?><a/>", CNC_EPROTO,
     "unsupported-encoding", 1, 1},
    {"\xEF\xBB\xBF\xEF\xBB\xBF<a/>", MALFORMED, 1, 1},
};

static void
assert_bad(const struct bad *b, size_t piece)
{
    struct told t;
    feed(&t, CNC_PARSE_DOCUMENT, 0, NULL, b->text, strlen(b->text), piece);
    if (t.rc != b->rc || t.err.condition == NULL ||
        strcmp(t.err.condition, b->condition) != 0 || t.err.line != b->line ||
        t.err.column != b->column || t.err.code != b->rc ||
        t.err.text[0] == '\0') {
        fail_msg("%s (pieces of %zu): %d %s %u:%u %s", b->text, piece, t.rc,
                 t.err.condition, t.err.line, t.err.column, t.err.text);
    }
    told_fini(&t);
}

static void
bad_input_is_told_with_code_line_and_column(void **state)
{
    for (size_t i = 0; i < CNC_N(bad_input); i++) {
        for (size_t piece = 0; piece < 8; piece++) {
            assert_bad(&bad_input[i], piece);
        }
    }
    /* A NUL cannot stand in the table. */
    struct told t;
    feed(&t, CNC_PARSE_DOCUMENT, 0, NULL, "<a>\0</a>", 8, 0);
    assert_int_equal(t.rc, CNC_ESYNTAX);
    assert_int_equal(t.err.column, 4);
    told_fini(&t);
    feed(&t, CNC_PARSE_DOCUMENT, 0, NULL, "<a b='\0'/>", 10, 0);
    assert_int_equal(t.rc, CNC_ESYNTAX);
    assert_int_equal(t.err.column, 7);
    told_fini(&t);
}

static void
comments_and_instructions_are_checked(void **state)
{
    static const char *const bad[] = {
        "<a><!-- x -- y --></a>",
        "<a><!-- x ---></a>",
        "<a><!-- \x01 --></a>",
        "<a><?xml?></a>",
        "<a><?XmL x?></a>",
        "<a><? x?></a>",
        "<a><?x:y?></a>",
        "<a><?x\x01?></a>",
        "<a><!-- x",
        "<a><!-->",
        "<a><?x",
        "<a><!- x --></a>",
    };
    for (size_t i = 0; i < CNC_N(bad); i++) {
        for (size_t piece = 0; piece < 4; piece++) {
            struct told t;
            feed(&t, CNC_PARSE_DOCUMENT, CNC_PARSE_MISC, NULL, bad[i],
                 strlen(bad[i]), piece);
            assert_int_equal(t.rc, CNC_ESYNTAX);
            told_fini(&t);
        }
    }
}

static const char whole[] =
    "<?xml version='1.0' encoding='UTF-8'?>\r\n" STREAM
    "\n <message from='h&amp;m' to=\"o'p\" xml:lang='\xC3\xA4'\r\n"
    " \t id = '\xF0\x9F\x98\x80'><body>a ]] b &lt; c &#x20AC; \xE2\x82\xAC\r\n"
    "<![CDATA[ <x> ]] ]]>z\r</body><x:y xmlns:x='u' x:z='1'><x:y /></x:y >"
    "<e/></message>\r\n<iq/>  <presence xmlns:stream='other'>]</presence>"
    "</stream:stream >\n";

static void
any_two_cuts_give_the_same(void **state)
{
    size_t len = sizeof(whole) - 1;
    struct told expected;
    feed(&expected, CNC_PARSE_STREAM, 0, NULL, whole, len, 0);
    assert_int_equal(expected.rc, 0);
    assert_non_null(strstr(expected.text.data, "close\n"));
    for (size_t piece = 1; piece < len; piece++) {
        struct told t;
        feed(&t, CNC_PARSE_STREAM, 0, NULL, whole, len, piece);
        assert_int_equal(t.rc, 0);
        assert_string_equal(t.text.data, expected.text.data);
        told_fini(&t);
    }
    for (size_t a = 0; a < len; a++) {
        for (size_t b = a; b < len; b += 3) {
            struct told t = {0};
            struct cnc_parser *p =
                cnc_parser_new(CNC_PARSE_STREAM, 0, NULL, &telling, &t);
            assert_int_equal(cnc_parser_feed(p, whole, a, NULL), 0);
            assert_int_equal(cnc_parser_feed(p, whole + a, b - a, NULL), 0);
            assert_int_equal(cnc_parser_feed(p, whole + b, len - b, NULL), 0);
            assert_string_equal(t.text.data, expected.text.data);
            cnc_parser_free(&p);
            told_fini(&t);
        }
    }
    told_fini(&expected);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_founding_record_round_trips_to_the_byte),
        cmocka_unit_test(references_and_cdata_become_text),
        cmocka_unit_test(
            ends_of_lines_and_blanks_in_attributes_are_normalized),
        cmocka_unit_test(namespaces_are_resolved),
        cmocka_unit_test(names_are_those_of_the_fifth_edition),
        cmocka_unit_test(documents_may_keep_comments_and_instructions),
        cmocka_unit_test(a_document_may_be_thawed),
        cmocka_unit_test(a_declaration_and_a_byte_order_mark_may_come_first),
        cmocka_unit_test(bad_input_is_told_with_code_line_and_column),
        cmocka_unit_test(comments_and_instructions_are_checked),
        cmocka_unit_test(any_two_cuts_give_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
