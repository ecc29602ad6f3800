/* SPDX-License-Identifier: MIT */
/* Elements of both states. */
#include "help.h"

static void
a_new_element_is_empty(void **state)
{
    struct cnc_element *e = element("u", "a");
    assert_int_equal(cnc_element_kind(e), CNC_ELEMENT);
    assert_false(cnc_element_is_frozen(e));
    assert_string_equal(cnc_element_name(e), "a");
    assert_string_equal(cnc_element_ns(e), "u");
    assert_string_equal(cnc_element_prefix(e), "");
    assert_int_equal(cnc_element_n_attrs(e) + cnc_element_n_decls(e) +
                         cnc_element_n_children(e) + cnc_element_line(e),
                     0);
    assert_string_equal(cnc_element_text(e), "");
    cnc_element_unref(&e);
    assert_null(e);
    cnc_element_unref(&e);
    e = element(NULL, "a");
    assert_string_equal(cnc_element_ns(e), "");
    cnc_element_unref(&e);
}

static void
nothing_is_not_an_element(void **state)
{
    assert_false(cnc_element_is(NULL, NULL, NULL));
    assert_null(cnc_element_child(NULL, NULL, "a"));
    assert_string_equal(cnc_element_text(NULL), "");
    assert_string_equal(cnc_element_child_text(NULL, NULL, "a"), "");
}

static void
attributes_are_set_replaced_and_removed(void **state)
{
    struct cnc_element *e = element(NULL, "a");
    char name[16], value[16];
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        snprintf(value, sizeof(value), "%d", i);
        assert_int_equal(cnc_element_set_attr(e, NULL, name, value, NULL), 0);
    }
    assert_int_equal(cnc_element_set_attr(e, "u", "n3", "x", NULL), 0);
    assert_int_equal(cnc_element_set_attr(e, NULL, "n3", "y", NULL), 0);
    assert_int_equal(cnc_element_n_attrs(e), 21);
    assert_string_equal(cnc_element_attr(e, NULL, "n3"), "y");
    assert_string_equal(cnc_element_attr(e, "u", "n3"), "x");
    assert_string_equal(cnc_element_attr(e, "", "n19"), "19");
    assert_null(cnc_element_attr(e, "v", "n3"));
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        assert_int_equal(cnc_element_set_attr(e, NULL, name, NULL, NULL), 0);
        assert_int_equal(cnc_element_set_attr(e, NULL, name, NULL, NULL),
                         CNC_ENOENT);
        snprintf(name, sizeof(name), "m%d", i);
        assert_int_equal(cnc_element_set_attr(e, NULL, name, "z", NULL), 0);
    }
    assert_int_equal(cnc_element_n_attrs(e), 21);
    assert_string_equal(cnc_element_attr_at(e, 0).ns, "u");
    cnc_element_unref(&e);
}

static void
children_are_inserted_and_removed_anywhere(void **state)
{
    struct cnc_element *e = element(NULL, "a");
    append_new(e, NULL, "b");
    append_text(e, "x");
    append_new(e, "u", "c");
    assert_int_equal(cnc_element_insert_text(e, 0, "first", 5, NULL), 0);
    struct cnc_element *d = element("u", "d");
    assert_int_equal(cnc_element_insert(e, 2, d, NULL), 0);
    cnc_element_unref(&d);
    assert_written(e, "<a>first<b/><d xmlns=\"u\"/>x<c xmlns=\"u\"/></a>");
    assert_string_equal(cnc_element_text(e), "first");
    size_t i = 0;
    assert_string_equal(cnc_element_name(cnc_element_next(e, &i, "u", NULL)),
                        "d");
    assert_string_equal(cnc_element_name(cnc_element_next(e, &i, "u", NULL)),
                        "c");
    assert_null(cnc_element_next(e, &i, "u", NULL));
    assert_int_equal(cnc_element_remove(e, 1, 3, NULL), 0);
    assert_written(e, "<a>first<c xmlns=\"u\"/></a>");
    assert_int_equal(cnc_element_remove(e, 0, 0, NULL), 0);
    assert_int_equal(cnc_element_remove(e, 1, 2, NULL), CNC_EINVAL);
    assert_int_equal(cnc_element_remove(e, 3, 0, NULL), CNC_EINVAL);
    assert_int_equal(cnc_element_remove(e, 1, SIZE_MAX, NULL), CNC_EINVAL);
    assert_int_equal(cnc_element_insert_text(e, 3, "x", 1, NULL), CNC_EINVAL);
    cnc_element_unref(&e);
}

static void
one_element_sits_in_several_parents(void **state)
{
    struct cnc_element *shared = element(NULL, "s");
    struct cnc_element *a = element(NULL, "a"), *b = element(NULL, "b");
    append(a, shared);
    append(b, shared);
    append(b, shared);
    append_text(shared, "1");
    assert_written(a, "<a><s>1</s></a>");
    assert_written(b, "<b><s>1</s><s>1</s></b>");
    assert_int_equal(cnc_element_set_attr(shared, NULL, "x", "y", NULL), 0);
    cnc_element_unref(&shared);
    assert_int_equal(cnc_element_remove(b, 0, 1, NULL), 0);
    cnc_element_unref(&a);
    assert_written(b, "<b><s x=\"y\">1</s></b>");
    /* A frozen child may be shared just so. */
    struct cnc_element *book = parse(BOOK, 0);
    a = element(NULL, "a");
    append(a, book);
    append(b, book);
    append(a, cnc_element_child(book, NULL, "title"));
    cnc_element_unref(&book);
    cnc_element_unref(&b);
    assert_written(a, "<a>" BOOK "<title xmlns=\"" BOOK_NS
                      "\">Dive Into Python 3</title></a>");
    cnc_element_unref(&a);
}

static void
a_cycle_is_refused(void **state)
{
    struct cnc_element *a = element(NULL, "a");
    struct cnc_element *b = append_new(a, NULL, "b");
    struct cnc_element *c = append_new(b, NULL, "c");
    struct cnc_error err;
    assert_int_equal(cnc_element_insert(a, 0, a, &err), CNC_EINVAL);
    assert_int_equal(cnc_element_insert(b, 0, a, &err), CNC_EINVAL);
    assert_int_equal(cnc_element_insert(c, 0, a, &err), CNC_EINVAL);
    assert_int_equal(cnc_element_insert(c, 0, b, &err), CNC_EINVAL);
    assert_int_equal(cnc_element_insert(c, 0, c, &err), CNC_EINVAL);
    assert_int_equal(cnc_element_insert(a, 0, c, &err), 0);
    /* What was taken out may come back the other way round. */
    struct cnc_element *kept = cnc_element_ref(b);
    assert_int_equal(cnc_element_remove(a, 1, 1, NULL), 0);
    assert_int_equal(cnc_element_insert(kept, 0, a, &err), CNC_OK);
    assert_int_equal(cnc_element_insert(a, 0, kept, &err), CNC_EINVAL);
    assert_int_equal(cnc_element_remove(kept, 0, 1, NULL), 0);
    cnc_element_unref(&kept);
    cnc_element_unref(&a);
}

/* A ladder in which each rung holds the next twice has 2^60 ways down. */
static void
the_search_for_a_cycle_visits_an_element_once(void **state)
{
    struct cnc_element *top = element(NULL, "a"), *at = top;
    for (int i = 0; i < 60; i++) {
        struct cnc_element *next = append_new(at, NULL, "a");
        append(at, next);
        at = next;
    }
    struct cnc_element *other = element(NULL, "o");
    struct cnc_element *inner = append_new(other, NULL, "i");
    assert_int_equal(cnc_element_insert(inner, 0, top, NULL), 0);
    assert_int_equal(cnc_element_insert(at, 0, inner, NULL), CNC_EINVAL);
    cnc_element_unref(&top);
    cnc_element_unref(&other);
}

static void
frozen_elements_do_not_change(void **state)
{
    struct cnc_element *e = parse(BOOK, 0);
    struct cnc_element *x = element(NULL, "x");
    assert_true(cnc_element_is_frozen(e));
    assert_int_equal(cnc_element_set_name(e, NULL, "b", NULL), CNC_EFROZEN);
    assert_int_equal(cnc_element_set_prefix(e, "p", NULL), CNC_EFROZEN);
    assert_int_equal(cnc_element_set_attr(e, NULL, "a", "b", NULL),
                     CNC_EFROZEN);
    assert_int_equal(cnc_element_declare(e, "p", "u", NULL), CNC_EFROZEN);
    assert_int_equal(cnc_element_insert(e, 0, x, NULL), CNC_EFROZEN);
    assert_int_equal(cnc_element_insert_text(e, 0, "x", 1, NULL), CNC_EFROZEN);
    assert_int_equal(cnc_element_remove(e, 0, 1, NULL), CNC_EFROZEN);
    assert_int_equal(cnc_element_set_content(e, "x", NULL), CNC_EFROZEN);
    assert_written(e, BOOK);
    cnc_element_unref(&e);
    cnc_element_unref(&x);
}

static void
bad_names_and_characters_are_refused(void **state)
{
    struct cnc_element *e = element(NULL, "a"), *none = NULL;
    struct cnc_error err;
    assert_int_equal(cnc_element_new(&none, NULL, "", &err), CNC_ESYNTAX);
    assert_int_equal(cnc_element_new(&none, NULL, "a:b", &err), CNC_ESYNTAX);
    assert_int_equal(cnc_element_new(&none, "\xFF", "a", &err), CNC_ESYNTAX);
    assert_int_equal(
        cnc_element_new(&none, "http://www.w3.org/2000/xmlns/", "a", &err),
        CNC_ESYNTAX);
    assert_int_equal(cnc_element_set_name(e, NULL, "<", &err), CNC_ESYNTAX);
    assert_int_equal(cnc_element_set_prefix(e, "a b", &err), CNC_ESYNTAX);
    assert_int_equal(cnc_element_set_attr(e, NULL, "1", "b", &err),
                     CNC_ESYNTAX);
    assert_int_equal(cnc_element_set_attr(e, NULL, "xmlns", "b", &err),
                     CNC_ESYNTAX);
    assert_int_equal(cnc_element_set_attr(e, NULL, "a", "\x01", &err),
                     CNC_ESYNTAX);
    assert_int_equal(cnc_element_insert_text(e, 0, "\xC0\x80", 2, &err),
                     CNC_ESYNTAX);
    assert_int_equal(cnc_element_insert_text(e, 0, "a\0b", 3, &err),
                     CNC_ESYNTAX);
    assert_int_equal(cnc_element_declare(e, "p", "", &err), CNC_ESYNTAX);
    assert_int_equal(cnc_element_declare(e, "xml", "u", &err), CNC_ESYNTAX);
    assert_int_equal(cnc_element_declare(e, "xmlns", "u", &err), CNC_ESYNTAX);
    assert_int_equal(cnc_element_declare(
                         e, "p", "http://www.w3.org/XML/1998/namespace", &err),
                     CNC_ESYNTAX);
    assert_null(none);
    assert_written(e, "<a/>");
    cnc_element_unref(&e);
}

static void
comments_and_instructions_have_content(void **state)
{
    struct cnc_element *c = NULL, *p = NULL, *e = element(NULL, "a");
    assert_int_equal(cnc_comment_new(&c, "a--b", NULL), CNC_ESYNTAX);
    assert_int_equal(cnc_comment_new(&c, "a-", NULL), CNC_ESYNTAX);
    assert_int_equal(cnc_comment_new(&c, "a-b", NULL), 0);
    assert_int_equal(cnc_pi_new(&p, "xMl", "x", NULL), CNC_ESYNTAX);
    assert_int_equal(cnc_pi_new(&p, "x y", "x", NULL), CNC_ESYNTAX);
    assert_int_equal(cnc_pi_new(&p, "x", "?>", NULL), CNC_ESYNTAX);
    assert_int_equal(cnc_pi_new(&p, "x", NULL, NULL), 0);
    assert_int_equal(cnc_element_kind(c), CNC_COMMENT);
    assert_int_equal(cnc_element_kind(p), CNC_PI);
    assert_false(cnc_element_is(c, NULL, NULL));
    append(e, c);
    append(e, p);
    assert_written(e, "<a><!--a-b--><?x?></a>");
    assert_int_equal(cnc_element_set_content(c, "--", NULL), CNC_ESYNTAX);
    assert_int_equal(cnc_element_set_content(c, "c", NULL), 0);
    assert_int_equal(cnc_element_set_content(p, "d", NULL), 0);
    assert_int_equal(cnc_element_set_content(e, "d", NULL), CNC_EINVAL);
    assert_int_equal(cnc_element_set_name(p, NULL, "y", NULL), 0);
    assert_int_equal(cnc_element_set_name(c, NULL, "y", NULL), CNC_EINVAL);
    assert_int_equal(cnc_element_insert(c, 0, p, NULL), CNC_EINVAL);
    assert_int_equal(cnc_element_set_attr(p, NULL, "y", "z", NULL),
                     CNC_EINVAL);
    struct cnc_element *frozen = cnc_element_freeze(e);
    assert_written(frozen, "<a><!--c--><?y d?></a>");
    assert_true(cnc_element_equal(frozen, e));
    cnc_element_unref(&frozen);
    cnc_element_unref(&c);
    cnc_element_unref(&p);
    cnc_element_unref(&e);
}

static void
freezing_and_thawing_copy_all(void **state)
{
    struct cnc_element *e =
        parse("<p:a xmlns:p='u' xmlns='v' b='1' p:c='2'>\n<d/>x"
              "<p:e xml:lang='de'/></p:a>",
              0);
    struct cnc_element *thawed = cnc_element_thaw(e);
    struct cnc_element *frozen = cnc_element_freeze(thawed);
    struct cnc_element *again = cnc_element_freeze(e);
    const char *text = "<p:a xmlns:p=\"u\" xmlns=\"v\" b=\"1\" p:c=\"2\">\n"
                       "<d/>x<p:e xml:lang=\"de\"/></p:a>";
    cnc_element_unref(&e);
    assert_written(thawed, text);
    assert_written(frozen, text);
    assert_written(again, text);
    assert_int_equal(cnc_element_line(cnc_element_child(frozen, "v", "d")), 2);
    assert_true(cnc_element_equal(thawed, frozen));
    append_text(thawed, "y");
    assert_false(cnc_element_equal(thawed, frozen));
    cnc_element_unref(&thawed);
    cnc_element_unref(&frozen);
    cnc_element_unref(&again);
}

static void
equality_looks_at_names_values_and_texts(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"<a b='1' c='2'/>", "<a c='2' b='1'></a>", true},
        {"<p:a xmlns:p='u'/>", "<a xmlns='u'/>", true},
        {"<a xmlns:p='u' p:b=''/>", "<a xmlns:q='u' q:b=''/>", true},
        {"<a>x<![CDATA[y]]></a>", "<a>xy</a>", true},
        {"<a/>", "<b/>", false},
        {"<a/>", "<a xmlns='u'/>", false},
        {"<a b='1'/>", "<a b='2'/>", false},
        {"<a b='1'/>", "<a b='1' c='2'/>", false},
        {"<a b='1'/>", "<a xmlns:p='u' p:b='1'/>", false},
        {"<a>x</a>", "<a>xy</a>", false},
        {"<a>x</a>", "<a/>", false},
        {"<a><b/><c/></a>", "<a><c/><b/></a>", false},
        {"<a><b/></a>", "<a><b/><b/></a>", false},
        {"<a><b/></a>", "<a>x</a>", false},
        {"<a><b>x</b></a>", "<a><b/>x</a>", false},
    };
    for (size_t i = 0; i < CNC_N(cases); i++) {
        struct cnc_element *a = parse(cases[i].a, 0);
        struct cnc_element *b = parse(cases[i].b, 0);
        assert_int_equal(cnc_element_equal(a, b), cases[i].same);
        assert_int_equal(cnc_element_equal(b, a), cases[i].same);
        cnc_element_unref(&a);
        cnc_element_unref(&b);
    }
    /* However a text is cut into children. */
    struct cnc_element *a = parse("<a>xyz<b/></a>", 0);
    struct cnc_element *b = element(NULL, "a");
    append_text(b, "x");
    append_text(b, "");
    append_text(b, "yz");
    append_new(b, NULL, "b");
    append_text(b, "");
    assert_true(cnc_element_equal(a, b));
    assert_true(cnc_element_equal(b, a));
    cnc_element_unref(&a);
    cnc_element_unref(&b);
}

static void
the_string_value_is_all_text(void **state)
{
    struct cnc_element *e =
        parse("<a>1<b>2<c>3</c></b><!-- no -->4</a>", CNC_PARSE_MISC);
    struct cnc_buf *buf = cnc_element_string(e);
    assert_string_equal(cnc_buf_data(buf), "1234");
    cnc_buf_unref(&buf);
    cnc_element_unref(&e);
}

/* A million elements, one in the other, do not fit any stack. */
static void
no_walk_recurses(void **state)
{
    struct cnc_element *top = element(NULL, "a"), *at = top;
    for (int i = 1; i < 1000000; i++) {
        at = append_new(at, NULL, "a");
    }
    append_text(at, "x");
    assert_int_equal(cnc_element_insert(at, 0, top, NULL), CNC_EINVAL);
    struct cnc_element *frozen = cnc_element_freeze(top);
    struct cnc_element *thawed = cnc_element_thaw(frozen);
    assert_true(cnc_element_equal(frozen, thawed));
    struct cnc_buf *buf = cnc_element_write(frozen, 0);
    assert_int_equal(cnc_buf_len(buf), 999999 * 7 + 3 + 1 + 4);
    struct cnc_element *parsed = NULL;
    const struct cnc_xml_limits limits = {.max_depth = 1000000,
                                          .max_stanza = 8 << 20};
    assert_int_equal(cnc_xml_parse(&parsed, cnc_buf_data(buf),
                                   cnc_buf_len(buf), 0, &limits, NULL),
                     0);
    assert_true(cnc_element_equal(parsed, top));
    cnc_buf_unref(&buf);
    buf = cnc_element_string(parsed);
    assert_string_equal(cnc_buf_data(buf), "x");
    cnc_buf_unref(&buf);
    cnc_element_unref(&parsed);
    cnc_element_unref(&frozen);
    cnc_element_unref(&thawed);
    cnc_element_unref(&top);
}

static void
a_million_children_are_freed(void **state)
{
    struct cnc_element *top = element(NULL, "a");
    for (int i = 0; i < 1000000; i++) {
        append_new(top, NULL, "b");
    }
    assert_int_equal(cnc_element_n_children(top), 1000000);
    cnc_element_unref(&top);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_element_is_empty),
        cmocka_unit_test(nothing_is_not_an_element),
        cmocka_unit_test(attributes_are_set_replaced_and_removed),
        cmocka_unit_test(children_are_inserted_and_removed_anywhere),
        cmocka_unit_test(one_element_sits_in_several_parents),
        cmocka_unit_test(a_cycle_is_refused),
        cmocka_unit_test(the_search_for_a_cycle_visits_an_element_once),
        cmocka_unit_test(frozen_elements_do_not_change),
        cmocka_unit_test(bad_names_and_characters_are_refused),
        cmocka_unit_test(comments_and_instructions_have_content),
        cmocka_unit_test(freezing_and_thawing_copy_all),
        cmocka_unit_test(equality_looks_at_names_values_and_texts),
        cmocka_unit_test(the_string_value_is_all_text),
        cmocka_unit_test(no_walk_recurses),
        cmocka_unit_test(a_million_children_are_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
