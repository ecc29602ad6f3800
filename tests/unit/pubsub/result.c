/* SPDX-License-Identifier: MIT */
/* What commands answer, in somebody's language. */
#include "world.h"

#include "../../../src/pubsub/result.h"

static const char *
german(const char *text, void *priv)
{
    return strcmp(text, "Name") == 0       ? "Bezeichnung"
           : strcmp(text, "A & B") == 0    ? "A <und> 'B'"
           : strcmp(text, "\"x\" is") == 0 ? "„x“ ist"
           : strcmp(text, "Apps") == 0     ? "Anwendungen"
                                           : text;
}

static const struct cnc__tr tr = {.text = german};

static void
assert_said(const char *xml, const char *want)
{
    struct cnc__str out = CNC__STR;

    cnc__result_tr(&out, &tr, xml);
    assert_string_equal(cnc__str_c(&out), want);
    cnc__str_fini(&out);
}

static void
labels_and_titles_are_translated_and_values_are_not(void **state)
{
    struct cnc__str x = CNC__STR;
    static const struct cnc__column columns[] = {
        {"n", "Name"}, {"b", "A & B"}, {"q", "\"x\" is"}, {"o", "Other's"}};

    cnc__result_begin(&x, "Apps");
    cnc__result_reported(&x, columns, CNC_N(columns));
    cnc__str_puts(&x, "<item>");
    cnc__result_cell(&x, "n", "Name");
    cnc__result_cell(&x, "b", " label='Name' <title>Apps</title>");
    cnc__str_puts(&x, "</item></x>");
    assert_said(
        x.data,
        "<x xmlns='jabber:x:data' type='result'><title>Anwendungen</title>"
        "<reported><field var='n' label='Bezeichnung'/>"
        "<field var='b' label='A &lt;und&gt; &#39;B&#39;'/>"
        "<field var='q' label='„x“ ist'/>"
        "<field var='o' label='Other&#39;s'/></reported>"
        "<item><field var='n'><value>Name</value></field>"
        "<field var='b'><value> label=&#39;Name&#39; "
        "&lt;title&gt;Apps&lt;/title&gt;</value></field></item></x>");
    cnc__str_fini(&x);
}

static void
a_form_beside_it_stays_as_it_was_written(void **state)
{
    assert_said("<x xmlns='jabber:x:data' type='form'><title>Apps</title>"
                "<field label='Name'/></x><x xmlns='jabber:x:data' "
                "type='result'><field label=\"Name\"/></x>",
                "<x xmlns='jabber:x:data' type='form'><title>Apps</title>"
                "<field label='Name'/></x><x xmlns='jabber:x:data' "
                "type='result'><field label=\"Bezeichnung\"/></x>");
}

static void
without_a_language_or_an_answer_nothing_changes(void **state)
{
    struct cnc__str out = CNC__STR;

    cnc__result_tr(&out, NULL, "<field label='Name'/>");
    cnc__result_tr(&out, &tr, NULL);
    cnc__result_tr(&out, &tr, "");
    assert_string_equal(out.data, "<field label='Name'/>");
    cnc__str_fini(&out);
    assert_said("<a", "<a");
    assert_said("<a label='Name", "<a label='Bezeichnung");
    assert_said("text alone", "text alone");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_and_titles_are_translated_and_values_are_not),
        cmocka_unit_test(a_form_beside_it_stays_as_it_was_written),
        cmocka_unit_test(without_a_language_or_an_answer_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
