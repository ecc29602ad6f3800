/* SPDX-License-Identifier: MIT */
/* Each limit holds at its value and ends the input one above it. */
#include "help.h"

/* Text made of `n` times `piece` between head and tail. */
static struct cnc__str
repeat(const char *head, const char *piece, size_t n, const char *tail)
{
    struct cnc__str s = CNC__STR;
    cnc__str_puts(&s, head);
    for (size_t i = 0; i < n; i++) {
        cnc__str_puts(&s, piece);
    }
    cnc__str_puts(&s, tail);
    return s;
}

/* The document is accepted, or refused by a limit at line 1, column. */
static void
assert_limit(struct cnc__str s, const struct cnc_xml_limits *limits,
             unsigned column)
{
    for (size_t piece = 0; piece <= 64; piece += piece < 4 ? 1 : 20) {
        struct told t;
        feed(&t, CNC_PARSE_DOCUMENT, CNC_PARSE_MISC, limits, s.data, s.len,
             piece);
        assert_int_equal(t.rc, column == 0 ? 0 : CNC_ELIMIT);
        if (column > 0) {
            assert_string_equal(t.err.condition, "policy-violation");
            assert_int_equal(t.err.line, 1);
            assert_int_equal(t.err.column, column);
        }
        told_fini(&t);
    }
    cnc__str_fini(&s);
}

static struct cnc__str
nested(size_t depth)
{
    struct cnc__str s = repeat("", "<a>", depth, "");
    for (size_t i = 0; i < depth; i++) {
        cnc__str_puts(&s, "</a>");
    }
    return s;
}

static void
depth_is_limited(void **state)
{
    const struct cnc_xml_limits limits = {.max_depth = 5};
    assert_limit(nested(5), &limits, 0);
    assert_limit(nested(6), &limits, 16);
    assert_limit(repeat("<a><a><a><a><a>", "<b/>", 1, "</a></a>"), &limits,
                 16);
    assert_limit(nested(128), NULL, 0);
    assert_limit(nested(129), NULL, 128 * 3 + 1);
    assert_limit(nested(20000), NULL, 128 * 3 + 1);
}

static void
attributes_and_declarations_are_limited(void **state)
{
    const struct cnc_xml_limits limits = {.max_attrs = 3};
    assert_limit(repeat("<a b='' xmlns:c='u' c:d=''", "", 0, "/>"), &limits,
                 0);
    assert_limit(repeat("<a b='' xmlns:c='u' c:d='' xmlns=''", "", 0, "/>"),
                 &limits, 28);
    struct cnc__str s = CNC__STR;
    cnc__str_puts(&s, "<a");
    for (int i = 0; i < 64; i++) {
        cnc__str_printf(&s, " a%02d=''", i);
    }
    struct cnc__str more = CNC__STR;
    cnc__str_add(&more, s.data, s.len);
    cnc__str_puts(&s, "/>");
    assert_limit(s, NULL, 0);
    cnc__str_puts(&more, " b=''/>");
    assert_limit(more, NULL, 2 + 64 * 7 + 2);
}

static void
the_bytes_of_a_tag_are_limited(void **state)
{
    const struct cnc_xml_limits limits = {.max_token = 30};
    /* <a><b c='...'/></a>: the tag has 9 bytes beside the value. */
    assert_limit(repeat("<a><b c='", "x", 21, "'/></a>"), &limits, 0);
    assert_limit(repeat("<a><b c='", "x", 22, "'/></a>"), &limits, 4);
    assert_limit(repeat("<a><b c='", "x", 20000, "'/></a>"), &limits, 4);
    assert_limit(repeat("<a>x</a", " ", 27, "></a>"), &limits, 5);
    assert_limit(repeat("<a><!--", "x", 23, "--></a>"), &limits, 0);
    assert_limit(repeat("<a><!--", "x", 24, "--></a>"), &limits, 4);
    assert_limit(repeat("<a><?x ", "x", 24, "?></a>"), &limits, 0);
    assert_limit(repeat("<a><?x ", "x", 25, "?></a>"), &limits, 4);
}

static void
the_bytes_of_a_text_are_limited(void **state)
{
    const struct cnc_xml_limits limits = {.max_token = 30};
    assert_limit(repeat("<a>", "x", 30, "</a>"), &limits, 0);
    assert_limit(repeat("<a>", "x", 31, "</a>"), &limits, 34);
    assert_limit(repeat("<a>", "&amp;", 30, "</a>"), &limits, 0);
    assert_limit(repeat("<a>", "&amp;", 31, "</a>"), &limits, 4 + 150);
    assert_limit(repeat("<a><![CDATA[", "x", 31, "]]></a>"), &limits, 43);
    assert_limit(repeat("<a>xxxxxxxxxxxxxxx<![CDATA[", "x", 16, "]]></a>"),
                 &limits, 28 + 15);
    assert_limit(repeat("<a>", "\xC3\xA4", 16, "</a>"), &limits, 4 + 15);
    /* A child between them makes two texts. */
    assert_limit(
        repeat("<a>", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx<b/>", 4, "</a>"),
        &limits, 0);
}

static void
the_bytes_of_a_document_are_limited(void **state)
{
    const struct cnc_xml_limits limits = {.max_stanza = 40};
    assert_limit(repeat("<a>", "<b/>", 8, "x</a>"), &limits, 0);
    assert_limit(repeat("<a>", "<b/>", 8, "xy</a>"), &limits, 41);
    assert_limit(repeat("<a>", "<b/>", 800, "xy</a>"), &limits, 41);
    assert_limit(repeat("<a/>", " ", 37, ""), &limits, 41);
}

static void
the_bytes_of_a_stanza_are_limited(void **state)
{
    const struct cnc_xml_limits limits = {.max_stanza = 80};
    const char *stanza = "<m><b>0123456789</b></m>";
    struct told t;
    /* Many stanzas and much white space, but none too large by itself. */
    struct cnc__str s = repeat("<s>", stanza, 50, "");
    for (int i = 0; i < 1000; i++) {
        cnc__str_putc(&s, ' ');
    }
    cnc__str_puts(&s, stanza);
    for (size_t piece = 0; piece < 100; piece++) {
        feed(&t, CNC_PARSE_STREAM, 0, &limits, s.data, s.len, piece);
        assert_int_equal(t.rc, 0);
        told_fini(&t);
    }
    cnc__str_fini(&s);
    s = repeat("<s> <m>", "<b/>", 18, "12345"); /* 80 bytes, and goes on */
    for (size_t piece = 0; piece < 100; piece++) {
        feed(&t, CNC_PARSE_STREAM, 0, &limits, s.data, s.len, piece);
        assert_int_equal(t.rc, 0);
        told_fini(&t);
    }
    cnc__str_puts(&s, "6");
    for (size_t piece = 0; piece < 100; piece++) {
        feed(&t, CNC_PARSE_STREAM, 0, &limits, s.data, s.len, piece);
        assert_int_equal(t.rc, CNC_ELIMIT);
        assert_int_equal(t.err.column, 4 + 80 + 1);
        told_fini(&t);
    }
    cnc__str_fini(&s);
}

static void
children_are_limited(void **state)
{
    const struct cnc_xml_limits limits = {.max_children = 4};
    assert_limit(repeat("<a>", "<b/>", 4, "</a>"), &limits, 0);
    assert_limit(repeat("<a>", "<b/>", 5, "</a>"), &limits, 20);
    assert_limit(repeat("<a>", "<b/>x", 2, "</a>"), &limits, 0);
    assert_limit(repeat("<a>", "<b/>x", 2, "<b/></a>"), &limits, 14);
    assert_limit(repeat("<a>", "x<b/>", 2, "x</a>"), &limits, 14);
    assert_limit(repeat("<a>", "<b/>", 4, "<!----></a>"), &limits, 20);
    assert_limit(repeat("<a>", "<?b?>", 5, "</a>"), &limits, 24);
}

static void
prefixes_in_scope_are_limited(void **state)
{
    struct cnc__str s = CNC__STR;
    for (int level = 0; level < 5; level++) {
        cnc__str_puts(&s, "<a");
        for (int i = 0; i < 60; i++) {
            cnc__str_printf(&s, " xmlns:p%d='u'", level * 60 + i);
        }
        cnc__str_puts(&s, ">");
    }
    struct told t;
    feed(&t, CNC_PARSE_DOCUMENT, 0, NULL, s.data, s.len, 0);
    assert_int_equal(t.rc, CNC_ELIMIT);
    told_fini(&t);
    cnc__str_fini(&s);
}

/* A limit's size says which of its fields the caller knows. */
static void
fields_beyond_size_are_the_defaults(void **state)
{
    struct cnc_xml_limits limits = {
        .size = offsetof(struct cnc_xml_limits, max_attrs),
        .max_depth = 2,
        .max_attrs = 1,
    };
    assert_limit(repeat("<a b='' c=''><d/>", "", 0, "</a>"), &limits, 0);
    assert_limit(repeat("<a><b><c/></b>", "", 0, "</a>"), &limits, 7);
}

/* One byte at a time, a long tag costs no more than its length squared would
 * show: 200 kB in well under the test's time. */
static void
a_long_tag_fed_byte_by_byte_is_read_once(void **state)
{
    struct cnc__str s = repeat("<a b='", ">", 200000, "'/>");
    struct told t;
    feed(&t, CNC_PARSE_DOCUMENT, 0, NULL, s.data, s.len, 1);
    assert_int_equal(t.rc, 0);
    told_fini(&t);
    cnc__str_fini(&s);
    s = repeat("<a><!--", ">", 200000, "--></a>");
    feed(&t, CNC_PARSE_DOCUMENT, CNC_PARSE_MISC, NULL, s.data, s.len, 1);
    assert_int_equal(t.rc, 0);
    told_fini(&t);
    cnc__str_fini(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(attributes_and_declarations_are_limited),
        cmocka_unit_test(the_bytes_of_a_tag_are_limited),
        cmocka_unit_test(the_bytes_of_a_text_are_limited),
        cmocka_unit_test(the_bytes_of_a_document_are_limited),
        cmocka_unit_test(the_bytes_of_a_stanza_are_limited),
        cmocka_unit_test(children_are_limited),
        cmocka_unit_test(prefixes_in_scope_are_limited),
        cmocka_unit_test(fields_beyond_size_are_the_defaults),
        cmocka_unit_test(a_long_tag_fed_byte_by_byte_is_read_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
