/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../src/pubsub/form.h"
#include "../../../src/xml/write.h"

#define BOOKCASE "http://concordance-xmpp.org/apps/mybookcase"

static const struct cnc_record book = {
    "book", CNC_FIELDS({"title", "Title", .required = true},
                       {"author", "Author", .required = true},
                       {"isbn", "ISBN", .match = "97[89][0-9]{10}",
                        .error = "ISBN: 978 or 979 followed by ten digits"})};

/* One field of every kind. */
static const struct cnc_record all = {
    "all",
    CNC_FIELDS(
        {"text", "Text", .min_len = 2, .max_len = 5},
        {"lines", "Lines", CNC_FIELD_LINES},
        {"integer", "Integer", CNC_FIELD_INTEGER, .min = "-3", .max = "42"},
        {"decimal", "Decimal", CNC_FIELD_DECIMAL, .min = "0.5", .max = "100"},
        {"boolean", "Boolean", CNC_FIELD_BOOLEAN},
        {"date", "Published", CNC_FIELD_DATE, .min = "2000-01-01",
         .max = "2026-12-31"},
        {"datetime", "Seen", CNC_FIELD_DATETIME,
         .max = "2026-11-22T21:40:00Z"},
        {"url", "Page", CNC_FIELD_URL}, {"jid", "Address", CNC_FIELD_JID},
        {"list", "Shelf", CNC_FIELD_LIST,
         .options = CNC_OPTIONS({"a", "Shelf A"}, {"b", NULL})},
        {"multi", "Tags", CNC_FIELD_MULTI,
         .options = CNC_OPTIONS({"red"}, {"blue"}, {"green"})},
        {"hidden", "Hidden", CNC_FIELD_HIDDEN, .value = "h"},
        {"fixed", "Fixed", CNC_FIELD_FIXED, .value = "Read me."})};

static struct cnc__values *
typed(const char *first, ...)
{
    struct cnc__values *v = cnc__values_new();
    va_list ap;
    va_start(ap, first);
    for (const char *name = first; name != NULL;
         name = va_arg(ap, const char *)) {
        assert_int_equal(
            cnc__values_add(v, name, va_arg(ap, const char *), NULL), 0);
    }
    va_end(ap);
    return v;
}

/* What the record is, as text, or NULL when it was refused. */
static char *
build(const struct cnc_record *r, struct cnc__values *v)
{
    struct cnc_element *e = NULL;
    int rc = cnc__record_build(&e, r, BOOKCASE, v);
    if (rc != 0) {
        assert_int_equal(rc, CNC_EREFUSED);
        assert_null(e);
        return NULL;
    }
    struct cnc_buf *b = cnc_element_write(e, 0);
    char *text = cnc__strdup(cnc_buf_data(b));
    /* What we build, we accept. */
    assert_int_equal(cnc__record_accepts(r, BOOKCASE, e, NULL), 0);
    assert_true(cnc_element_is_frozen(e));
    cnc_buf_unref(&b);
    cnc_element_unref(&e);
    return text;
}

/* The field alone, with this value: what becomes of it. */
static void
becomes(const char *field, const char *value, const char *want)
{
    struct cnc__values *v = typed(field, value, NULL);
    char *is = build(&all, v);
    struct cnc__str whole = CNC__STR;
    if (is == NULL) {
        fail_msg("%s=%s: %s", field, value, cnc__values_error(v, field));
    }
    cnc__str_printf(&whole, "<all xmlns=\"" BOOKCASE "\">%s%s</all>", want,
                    strcmp(field, "hidden") == 0 ? "" : "<hidden>h</hidden>");
    assert_string_equal(is, whole.data);
    cnc__str_fini(&whole);
    cnc__free(is);
    cnc__values_free(&v);
}

static void
refused(const char *field, const char *value, const char *error)
{
    struct cnc__values *v = typed(field, value, NULL);
    char *is = build(&all, v);
    if (is != NULL) {
        fail_msg("%s=%s was accepted: %s", field, value, is);
    }
    assert_non_null(cnc__values_error(v, field));
    assert_string_equal(cnc__values_error(v, field), error);
    assert_int_equal(cnc__values_n_errors(v), 1);
    cnc__values_free(&v);
}

static void
the_founding_pages_record_to_the_byte(void **state)
{
    struct cnc__values *v =
        typed("title", "Dive Into Python 3", "author", "Mark Pilgrim", "isbn",
              "9781430224150", CNC__FORM_ID, "x1", NULL);
    char *is = build(&book, v);
    assert_string_equal(
        is, "<book xmlns=\"http://concordance-xmpp.org/apps/mybookcase\">"
            "<title>Dive Into Python 3</title><author>Mark Pilgrim</author>"
            "<isbn>9781430224150</isbn></book>");
    cnc__free(is);
    cnc__values_free(&v);
}

static void
an_optional_field_left_empty_makes_no_element(void **state)
{
    struct cnc__values *v =
        typed("title", "T", "author", "A", "isbn", "  ", NULL);
    char *is = build(&book, v);
    assert_string_equal(is, "<book xmlns=\"" BOOKCASE "\"><title>T</title>"
                            "<author>A</author></book>");
    cnc__free(is);
    cnc__values_free(&v);
}

static void
every_fault_stands_at_its_field(void **state)
{
    struct cnc__values *v =
        typed("title", " \t", "isbn", "12", "pages", "3", NULL);
    assert_null(build(&book, v));
    assert_string_equal(cnc__values_error(v, "title"), "Title is needed.");
    assert_string_equal(cnc__values_error(v, "author"), "Author is needed.");
    assert_string_equal(cnc__values_error(v, "isbn"),
                        "ISBN: 978 or 979 followed by ten digits");
    assert_string_equal(cnc__values_error(v, NULL),
                        "The form has no field \"pages\".");
    assert_int_equal(cnc__values_n_errors(v), 4);
    cnc__values_refuse(v, "isbn", "That book is on the shelf.");
    assert_string_equal(cnc__values_error(v, "isbn"),
                        "ISBN: 978 or 979 followed by ten digits");
    cnc__values_free(&v);
}

static void
markup_is_text(void **state)
{
    struct cnc__values *v =
        typed("title", "<script>alert(1)</script> & \"so\" ]]>", "author",
              "O'Neil", NULL);
    char *is = build(&book, v);
    assert_string_equal(is, "<book xmlns=\"" BOOKCASE
                            "\"><title>&lt;script&gt;alert(1)"
                            "&lt;/script&gt; &amp; \"so\" ]]&gt;</title>"
                            "<author>O'Neil</author></book>");
    cnc__free(is);
    cnc__values_free(&v);
}

static void
every_kind_keeps_what_is_right(void **state)
{
    becomes("text", "ab", "<text>ab</text>");
    becomes("text", "  ab ", "<text>ab</text>");
    becomes("text", "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xe2\x82\xac",
            "<text>\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xe2\x82\xac</text>");
    becomes("lines", "one\r\ntwo\rthree", "<lines>one\ntwo\nthree</lines>");
    becomes("integer", "-3", "<integer>-3</integer>");
    becomes("integer", " 42", "<integer>42</integer>");
    becomes("decimal", "0.50", "<decimal>0.50</decimal>");
    becomes("decimal", "+99.999", "<decimal>+99.999</decimal>");
    becomes("decimal", "100.000", "<decimal>100.000</decimal>");
    becomes("boolean", "1", "<boolean>true</boolean>");
    becomes("boolean", "false", "<boolean>false</boolean>");
    becomes("date", "2024-02-29", "<date>2024-02-29</date>");
    becomes("date", "2026-12-31", "<date>2026-12-31</date>");
    becomes("datetime", "2026-11-22T21:40:00Z",
            "<datetime>2026-11-22T21:40:00Z</datetime>");
    becomes("datetime", "2026-11-22T23:40:00+02:00",
            "<datetime>2026-11-22T23:40:00+02:00</datetime>");
    becomes("datetime", "2026-11-22T21:40",
            "<datetime>2026-11-22T21:40:00Z</datetime>");
    becomes("url", "https://example.org/a?b=c&d#e",
            "<url>https://example.org/a?b=c&amp;d#e</url>");
    becomes("url", "mailto:a@b", "<url>mailto:a@b</url>");
    becomes("url", "xmpp:a@b?join", "<url>xmpp:a@b?join</url>");
    becomes("jid", "romeo@montague.lit", "<jid>romeo@montague.lit</jid>");
    becomes("list", "b", "<list>b</list>");
    becomes("multi", "blue", "<multi>blue</multi>");
    becomes("hidden", "sent", "<hidden>sent</hidden>");
    becomes("fixed", "whatever", "");
}

static void
every_kind_says_what_would_be_right(void **state)
{
    refused("text", "a\nb", "Text must be one line.");
    refused("text", "a", "Text must have at least 2 characters.");
    refused("text", "abcdef", "Text must have at most 5 characters, not 6.");
    refused("lines",
            "a\x01"
            "b",
            "Lines has a character that cannot be kept.");
    refused("lines", "a\xff", "Lines has a character that cannot be kept.");
    refused("integer", "4x", "Integer must be a whole number such as 42.");
    refused("integer", "99999999999999999999",
            "Integer must be a whole number such as 42.");
    refused("integer", "43", "Integer must be at most 42.");
    refused("integer", "-4", "Integer must be at least -3.");
    refused("decimal", ".", "Decimal must be a number such as 12.50.");
    refused("decimal", "1e3", "Decimal must be a number such as 12.50.");
    refused("decimal", "0.49999", "Decimal must be at least 0.5.");
    refused("decimal", "-7", "Decimal must be at least 0.5.");
    refused("decimal", "100.0001", "Decimal must be at most 100.");
    refused("boolean", "on", "Boolean must be yes or no (true or false).");
    refused("date", "22.11.2026",
            "Published must be a date such as 2026-11-22.");
    refused("date", "2025-02-29",
            "Published must be a date such as 2026-11-22.");
    refused("date", "1999-12-31", "Published must not be before 2000-01-01.");
    refused("date", "2027-01-01", "Published must not be after 2026-12-31.");
    refused("datetime", "tomorrow",
            "Seen must be a date and time such as 2026-11-22T21:40:00Z.");
    refused("datetime", "2026-11-22T21:40:00-01:00",
            "Seen must not be after 2026-11-22T21:40:00Z.");
    refused("url", "javascript:alert(1)",
            "Page must be an address such as https://example.org/.");
    refused("url", "https://",
            "Page must be an address such as https://example.org/.");
    refused("url", "https:///path",
            "Page must be an address such as https://example.org/.");
    refused("url", "https://a b",
            "Page must be an address such as https://example.org/.");
    refused("url", "data:text/html,x",
            "Page must be an address such as https://example.org/.");
    refused("jid", "@nowhere",
            "Address must be an XMPP address such as name@example.org.");
    refused("list", "c", "Shelf must be one of the choices.");
    refused("multi", "pink", "Tags must be some of the choices.");
}

static void
a_list_multi_keeps_each_choice_once(void **state)
{
    struct cnc__values *v = typed("multi", "red", "multi", "green", "multi",
                                  "red", "multi", "", NULL);
    char *is = build(&all, v);
    assert_string_equal(is, "<all xmlns=\"" BOOKCASE "\"><multi>red</multi>"
                            "<multi>green</multi><hidden>h</hidden></all>");
    cnc__free(is);
    cnc__values_free(&v);
}

static void
lines_come_as_values_too(void **state)
{
    struct cnc__values *v =
        typed("lines", "one", "lines", "", "lines", "three", NULL);
    char *is = build(&all, v);
    assert_string_equal(is, "<all xmlns=\"" BOOKCASE "\"><lines>one\n\nthree"
                            "</lines><hidden>h</hidden></all>");
    cnc__free(is);
    cnc__values_free(&v);
    v = typed("text", "ab", "text", "cd", NULL);
    assert_null(build(&all, v));
    assert_string_equal(cnc__values_error(v, "text"), "Text takes one value.");
    cnc__values_free(&v);
}

static void
a_match_is_of_the_whole_text(void **state)
{
    const struct cnc_record r = {"r",
                                 CNC_FIELDS({"x", "X", .match = "a|ab"},
                                            {"y", "Y", .match = "[0-9]+"})};
    const char *right[] = {"a", "ab"}, *wrong[] = {"abc", "b", "xa"};
    for (size_t i = 0; i < 2; i++) {
        struct cnc__values *v = typed("x", right[i], NULL);
        char *is = build(&r, v);
        assert_non_null(is);
        cnc__free(is);
        cnc__values_free(&v);
    }
    for (size_t i = 0; i < 3; i++) {
        struct cnc__values *v = typed("x", wrong[i], NULL);
        assert_null(build(&r, v));
        assert_string_equal(cnc__values_error(v, "x"),
                            "X does not have the form asked for (a|ab).");
        cnc__values_free(&v);
    }
}

static void
values_are_limited(void **state)
{
    struct cnc__values *v = cnc__values_new();
    char *big = cnc__zalloc(65538);
    memset(big, 'x', 65537);
    assert_int_equal(cnc__values_add(v, "a", big, NULL), CNC_ELIMIT);
    big[65536] = '\0';
    assert_int_equal(cnc__values_add(v, "a", big, NULL), 0);
    assert_int_equal(cnc__values_add(v, "a", big, NULL), 0);
    assert_int_equal(cnc__values_add(v, "a", big, NULL), 0);
    assert_int_equal(cnc__values_add(v, "a", big, NULL), CNC_ELIMIT);
    cnc__values_free(&v);
    cnc__free(big);
    v = cnc__values_new();
    for (int i = 0; i < 4096; i++) {
        assert_int_equal(cnc__values_add(v, i % 2 == 0 ? "a" : "b",
                                         i < 8 ? "early" : "late", NULL),
                         0);
    }
    assert_int_equal(cnc__values_add(v, "a", "", NULL), CNC_ELIMIT);
    /* one after the other, and from the start again */
    for (size_t i = 0; i < 2048; i++) {
        assert_string_equal(cnc__values_get(v, "b", i),
                            i < 4 ? "early" : "late");
    }
    assert_null(cnc__values_get(v, "b", 2048));
    assert_string_equal(cnc__values_get(v, "b", 1), "early");
    assert_string_equal(cnc__values_get(v, "a", 2), "early");
    assert_string_equal(cnc__values_get(v, "b", 3), "early");
    cnc__values_free(&v);
}

static void
a_copy_has_the_values_without_the_errors(void **state)
{
    struct cnc__values *v = typed("a", "1", "a", "2", "b", "3", NULL);
    cnc__values_refuse(v, "a", "No.");
    struct cnc__values *copy = cnc__values_copy(v);
    cnc__values_free(&v);
    assert_string_equal(cnc__values_get(copy, "a", 1), "2");
    assert_string_equal(cnc__values_get(copy, "b", 0), "3");
    assert_null(cnc__values_get(copy, "a", 2));
    assert_int_equal(cnc__values_n_errors(copy), 0);
    cnc__values_free(&copy);
}

/* -- XEP-0004 ------------------------------------------------------------- */

static int
from_form(struct cnc__values *v, const char *xml)
{
    struct cnc_element *e = NULL;
    struct cnc_error err = {0};
    assert_int_equal(cnc_xml_parse(&e, xml, strlen(xml), 0, NULL, NULL), 0);
    int rc = cnc__values_from_form(v, e, &err);
    assert_int_equal(rc, err.code);
    cnc_element_unref(&e);
    return rc;
}

static void
a_submitted_form_is_read(void **state)
{
    struct cnc__values *v = cnc__values_new();
    assert_int_equal(
        from_form(v, "<x xmlns='jabber:x:data' type='submit'>"
                     "<field var='a'><value>1 &lt; 2</value></field>"
                     "<field var='b'><value>x</value><value/></field>"
                     "<field type='fixed'><value>text</value></field>"
                     "<field var='c'/></x>"),
        0);
    assert_string_equal(cnc__values_get(v, "a", 0), "1 < 2");
    assert_string_equal(cnc__values_get(v, "b", 1), "");
    assert_null(cnc__values_get(v, "c", 0));
    assert_int_equal(from_form(v, "<x xmlns='jabber:x:data' type='form'/>"),
                     CNC_ESYNTAX);
    assert_int_equal(from_form(v, "<x type='submit'/>"), CNC_ESYNTAX);
    assert_int_equal(from_form(v,
                               "<x xmlns='jabber:x:data' type='submit'><field>"
                               "<value>1</value></field></x>"),
                     CNC_ESYNTAX);
    assert_int_equal(
        from_form(v, "<x xmlns='jabber:x:data' type='submit'><field var='a'>"
                     "<value><b/></value></field></x>"),
        CNC_ESYNTAX);
    cnc__values_free(&v);
}

static void
form_is(const struct cnc_record *r, const char *id,
        const struct cnc__values *v, const char *want)
{
    struct cnc__str out = CNC__STR;
    cnc__form_write(&out, r, "Add a book", id, v);
    assert_string_equal(out.data, want);
    struct cnc_element *e = NULL;
    assert_int_equal(cnc_xml_parse(&e, out.data, out.len, 0, NULL, NULL), 0);
    cnc_element_unref(&e);
    cnc__str_fini(&out);
}

static void
the_form_of_the_bookcase(void **state)
{
    form_is(&book, "i1", NULL,
            "<x xmlns=\"jabber:x:data\" type=\"form\"><title>Add a book"
            "</title><field var=\"concordance#id\" type=\"hidden\"><value>i1"
            "</value></field><field var=\"title\" type=\"text-single\""
            " label=\"Title\"><required/><validate xmlns=\"http://jabber.org/"
            "protocol/xdata-validate\" datatype=\"xs:string\"><basic/>"
            "</validate></field><field var=\"author\" type=\"text-single\""
            " label=\"Author\"><required/><validate xmlns=\"http://jabber.org"
            "/protocol/xdata-validate\" datatype=\"xs:string\"><basic/>"
            "</validate></field><field var=\"isbn\" type=\"text-single\""
            " label=\"ISBN\"><validate xmlns=\"http://jabber.org/protocol/"
            "xdata-validate\" datatype=\"xs:string\"><regex>97[89][0-9]{10}"
            "</regex></validate></field></x>");
}

static void
a_refused_form_holds_what_was_typed_and_what_is_wrong(void **state)
{
    struct cnc__values *v = typed("lines", "a\nb", "integer", "50", "multi",
                                  "red", "multi", "pink", NULL);
    cnc__values_refuse(v, NULL, "Not <now>.");
    assert_null(build(&all, v));
    struct cnc__str out = CNC__STR;
    cnc__form_write(&out, &all, NULL, NULL, v);
    const char *parts[] = {
        "<field var=\"lines\" type=\"text-multi\" label=\"Lines\">"
        "<value>a</value><value>b</value></field>",
        "<value>50</value><validate xmlns=\"http://jabber.org/protocol/"
        "xdata-validate\" datatype=\"xs:integer\"><range min=\"-3\""
        " max=\"42\"/></validate><error xmlns=\"http://concordance-xmpp.org/"
        "ns/form\">Integer must be at most 42.</error></field>",
        "<field var=\"multi\" type=\"list-multi\" label=\"Tags\">"
        "<value>red</value><value>pink</value><option label=\"red\"><value>"
        "red</value></option>",
        "<field var=\"fixed\" type=\"fixed\" label=\"Fixed\"><value>Read me."
        "</value></field>",
        "<field var=\"hidden\" type=\"hidden\"><value>h</value></field>",
        "<option label=\"Shelf A\"><value>a</value></option>",
        "<error xmlns=\"http://concordance-xmpp.org/ns/form\">"
        "Not &lt;now&gt;.</error></x>"};
    for (size_t i = 0; i < CNC_N(parts); i++) {
        if (strstr(out.data, parts[i]) == NULL) {
            fail_msg("%s\nis not in\n%s", parts[i], out.data);
        }
    }
    cnc__str_fini(&out);
    cnc__values_free(&v);
}

/* -- records from elsewhere ----------------------------------------------- */

static void
accepts(const char *xml, const char *error)
{
    struct cnc_element *e = NULL;
    struct cnc_error err = {0};
    assert_int_equal(cnc_xml_parse(&e, xml, strlen(xml), 0, NULL, NULL), 0);
    int rc = cnc__record_accepts(&book, BOOKCASE, e, &err);
    if (error == NULL) {
        assert_int_equal(rc, 0);
    } else {
        assert_int_equal(rc, CNC_EREFUSED);
        assert_string_equal(err.text, error);
    }
    cnc_element_unref(&e);
}

#define BOOK(inner) "<book xmlns='" BOOKCASE "'>" inner "</book>"

static void
a_published_element_must_be_the_record(void **state)
{
    accepts(BOOK("<title>T</title><author>A</author>"), NULL);
    accepts(BOOK("\n <author>A</author>\n <title>T</title>\n"), NULL);
    accepts("<book xmlns='urn:x'/>",
            "The record must be <book xmlns=\"" BOOKCASE "\">.");
    accepts(BOOK("<title>T</title>"), "Author is needed.");
    accepts(BOOK("<title>T</title><author/>"), "Author is needed.");
    accepts(BOOK("<title>T</title><author>A</author><isbn>1</isbn>"),
            "ISBN: 978 or 979 followed by ten digits");
    accepts(BOOK("<title>T</title><title>U</title><author>A</author>"),
            "Title takes one value.");
    accepts(BOOK("<title><b>T</b></title><author>A</author>"),
            "Title must be text alone.");
    accepts(BOOK("<title x='1'>T</title><author>A</author>"),
            "Title must have no attributes.");
    accepts(BOOK("<title>T</title><author>A</author><price>1</price>"),
            "The record has no field \"price\".");
    accepts(BOOK("<title>T</title><author>A</author>loose"),
            "The record <book> must have no text of its own.");
    accepts(BOOK("<title>T</title><x:author xmlns:x='urn:x'>A</x:author>"),
            "The record has no field \"author\".");
    accepts("<book xmlns='" BOOKCASE "' on='1'><title>T</title></book>",
            "The record <book> must have no attributes.");
}

static void
declared(const struct cnc_record *r, const char *part)
{
    struct cnc_error err = {0};
    assert_int_equal(cnc__record_check(r, &err), CNC_EINVAL);
    if (strstr(err.text, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, err.text);
    }
}

static void
a_declaration_that_makes_no_sense_is_refused(void **state)
{
    assert_int_equal(cnc__record_check(&book, NULL), 0);
    assert_int_equal(cnc__record_check(&all, NULL), 0);
    struct cnc_error err;
#define DECLARED(part, ...)                                                   \
    do {                                                                      \
        const struct cnc_record r = {"r", CNC_FIELDS(__VA_ARGS__)};           \
        declared(&r, part);                                                   \
    } while (0)
    DECLARED("record \"r\", field \"a b\"", {"a b"});
    DECLARED("XML name", {"x:y"});
    DECLARED("another field has the same name", {"a"}, {"a"});
    DECLARED("a list needs options", {"a", .kind = CNC_FIELD_LIST});
    DECLARED("only lists have options", {"a", .options = CNC_OPTIONS({"x"})});
    DECLARED(
        "two options have the same value",
        {"a", .kind = CNC_FIELD_MULTI, .options = CNC_OPTIONS({"x"}, {"x"})});
    DECLARED("min is not of the field's kind",
             {"a", .kind = CNC_FIELD_DATE, .min = "soon"});
    DECLARED("this kind has no min and max", {"a", .max = "3"});
    DECLARED("min_len is more than max_len",
             {"a", .min_len = 3, .max_len = 2});
    DECLARED("the expression", {"a", .match = "(["});
    DECLARED("the expression", {"a", .match = "a)(b"});
    DECLARED("back-reference", {"a", .match = "(a*)*\\1"});
    DECLARED("the default breaks the field's own rules",
             {"a", .kind = CNC_FIELD_INTEGER, .value = "x"});
    const struct cnc_record none = {"r", CNC_FIELDS({NULL})};
    assert_int_equal(cnc__record_check(&none, &err), CNC_EINVAL);
    const struct cnc_record odd = {"1r", CNC_FIELDS({"a"})};
    assert_int_equal(cnc__record_check(&odd, &err), CNC_EINVAL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_founding_pages_record_to_the_byte),
        cmocka_unit_test(an_optional_field_left_empty_makes_no_element),
        cmocka_unit_test(every_fault_stands_at_its_field),
        cmocka_unit_test(markup_is_text),
        cmocka_unit_test(every_kind_keeps_what_is_right),
        cmocka_unit_test(every_kind_says_what_would_be_right),
        cmocka_unit_test(a_list_multi_keeps_each_choice_once),
        cmocka_unit_test(lines_come_as_values_too),
        cmocka_unit_test(a_match_is_of_the_whole_text),
        cmocka_unit_test(values_are_limited),
        cmocka_unit_test(a_copy_has_the_values_without_the_errors),
        cmocka_unit_test(a_submitted_form_is_read),
        cmocka_unit_test(the_form_of_the_bookcase),
        cmocka_unit_test(
            a_refused_form_holds_what_was_typed_and_what_is_wrong),
        cmocka_unit_test(a_published_element_must_be_the_record),
        cmocka_unit_test(a_declaration_that_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
