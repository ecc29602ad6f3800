/* SPDX-License-Identifier: MIT */
/* A command's form in a terminal: the words of the command line, and the names
 * that somebody may have meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../src/ctl/do.h"

static const char form_xml[] =
    "<x xmlns='jabber:x:data' type='form'><title>T</title>"
    "<field var='id' type='hidden'><value>7</value></field>"
    "<field type='fixed'><value>Words.</value></field>"
    "<field var='name' type='text-single' label='Name'><required/></field>"
    "<field var='mood' type='list-single'><value>warm</value></field>"
    "<field var='tags' type='list-multi'><value>a</value></field>"
    "<field var='text' type='text-multi'/></x>";

static int
set_up(void **state)
{
    struct do_form *f = cnc__zalloc(sizeof(*f));
    struct cnc_element *x = NULL;

    assert_int_equal(
        cnc_xml_parse(&x, form_xml, sizeof(form_xml) - 1, 0, NULL, NULL), 0);
    do_form_read(f, x, x);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    do_form_fini(*state);
    cnc__free(*state);
    return 0;
}

static void
written(const struct do_form *f, const char *fields)
{
    struct cnc__str out = CNC__STR, want = CNC__STR;

    do_form_write(&out, f);
    cnc__str_printf(&want, "<x xmlns='jabber:x:data' type='submit'>%s</x>",
                    fields);
    assert_string_equal(out.data, want.data);
    cnc__str_fini(&out);
    cnc__str_fini(&want);
}

static void
what_is_not_said_has_its_default(void **state)
{
    struct do_form *f = *state;

    assert_string_equal(do_form_missing(f)->var, "name");
    assert_int_equal(do_form_set(f, "name=<Ann>"), 0);
    assert_null(do_form_missing(f));
    written(f, "<field var='id' type='hidden'><value>7</value></field>"
               "<field var='name' type='text-single'><value>&lt;Ann&gt;"
               "</value></field>"
               "<field var='mood' type='list-single'><value>warm</value>"
               "</field>"
               "<field var='tags' type='list-multi'><value>a</value></field>");
}

static void
a_word_takes_the_place_of_the_default(void **state)
{
    struct do_form *f = *state;

    assert_int_equal(do_form_set(f, "mood="), 0);
    assert_int_equal(do_form_set(f, "tags=b"), 0);
    assert_int_equal(do_form_set(f, "tags=c=d"), 0);
    assert_int_equal(do_form_set(f, "text=one\n\ntwo"), 0);
    assert_int_equal(do_form_set(f, "name:=@-"), 0);
    written(f, "<field var='id' type='hidden'><value>7</value></field>"
               "<field var='name' type='text-single'><value>@-</value></field>"
               "<field var='mood' type='list-single'><value></value></field>"
               "<field var='tags' type='list-multi'><value>b</value>"
               "<value>c=d</value></field>"
               "<field var='text' type='text-multi'><value>one</value>"
               "<value></value><value>two</value></field>");
}

static void
a_wrong_word_is_refused(void **state)
{
    struct do_form *f = *state;

    assert_int_equal(do_form_set(f, "name"), 2);
    assert_int_equal(do_form_set(f, "=x"), 2);
    assert_int_equal(do_form_set(f, ":=x"), 2);
    assert_int_equal(do_form_set(f, "nmae=x"), 2);
    assert_int_equal(do_form_set(f, "name=a"), 0);
    assert_int_equal(do_form_set(f, "name=b"), 2);
    assert_int_equal(do_form_set(f, "text=@/nowhere/at/all"), 1);
}

static void
near(const char *typed, const char *says)
{
    static const char *const names[] = {
        "apps", "apps/enable", "apps/disable", "sessions",
        "http://jabber.org/protocol/admin#add-user"};
    struct cnc__str out = CNC__STR;

    do_near(&out, typed, names, CNC_N(names));
    assert_string_equal(cnc__str_c(&out), says);
    cnc__str_fini(&out);
}

static void
the_nearest_names_are_said(void **state)
{
    near("app", " Did you mean apps, apps/enable, apps/disable?");
    near("aps/enabel", " Did you mean apps/enable?");
    near("enable", " Did you mean apps/enable?");
    near("session", " Did you mean sessions?");
    near("adduser",
         " Did you mean http://jabber.org/protocol/admin#add-user?");
    near("xyzzy", "");
    near("", "");
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_is_not_said_has_its_default),
        T(a_word_takes_the_place_of_the_default), T(a_wrong_word_is_refused),
        cmocka_unit_test(the_nearest_names_are_said)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
