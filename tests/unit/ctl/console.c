/* SPDX-License-Identifier: MIT */
/* Stanza templates, the check of what was typed, and how it is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../src/ctl/console.h"

static void
fills(const char *name, size_t n, char **words, const char *want)
{
    struct cnc__str out = CNC__STR;

    console_fill(&out, console_template(name), n, words, "example.org",
                 "me@example.org/x", "i1");
    assert_string_equal(out.data, want);
    cnc__str_fini(&out);
}

static void
templates_are_filled_with_words_or_defaults(void **state)
{
    char *two[] = {(char *)"a&b'.example", (char *)"n"};
    char *none[] = {(char *)"", (char *)"away"};

    fills("ping", 0, NULL,
          "<iq type='get' to='example.org' id='i1'><ping "
          "xmlns='urn:xmpp:ping'/></iq>");
    fills("disco-info", 1, two,
          "<iq type='get' to='a&amp;b&#39;.example' id='i1'><query "
          "xmlns='http://jabber.org/protocol/disco#info'/></iq>");
    fills("disco-info", 2, two,
          "<iq type='get' to='a&amp;b&#39;.example' id='i1'><query "
          "xmlns='http://jabber.org/protocol/disco#info' node='n'/></iq>");
    fills("presence", 0, NULL, "<presence></presence>");
    fills("presence", 2, none, "<presence><show>away</show></presence>");
    assert_null(console_template("nonsense"));
}

static void
every_template_is_a_stanza_that_passes_the_check(void **state)
{
    for (const struct console_template *t = console_templates; t->name != NULL;
         t++) {
        struct cnc__str out = CNC__STR, sent = CNC__STR;
        struct cnc_error err;

        console_fill(&out, t, 0, NULL, "example.org", "me@example.org/x", "i");
        assert_int_equal(console_check(&sent, out.data, out.len, "i2", &err),
                         CONSOLE_GOOD);
        assert_string_equal(sent.data, out.data);
        cnc__str_fini(&out);
        cnc__str_fini(&sent);
    }
}

static void
what_was_typed_is_judged_before_it_is_sent(void **state)
{
    static const struct {
        const char *text;
        enum console_typed typed;
        unsigned line, column;
    } all[] = {
        {"<message/>", CONSOLE_GOOD, 0, 0},
        {"<message><body>a</body>", CONSOLE_MORE, 0, 0},
        {"<mess", CONSOLE_MORE, 0, 0},
        {"<message>\n  <a></b></message>", CONSOLE_BAD, 2, 0},
        {"<message/> <message/>", CONSOLE_BAD, 1, 0},
        {"<!DOCTYPE x><message/>", CONSOLE_BAD, 1, 0},
        {"<!-- x --><message/>", CONSOLE_BAD, 1, 0},
        {"<message>\xff</message>", CONSOLE_BAD, 0, 0},
        {"hello", CONSOLE_BAD, 1, 0},
        {"<book/>", CONSOLE_BAD, 0, 0},
        {"<book xmlns='jabber:client'/>", CONSOLE_BAD, 0, 0},
        {"<r xmlns='urn:xmpp:sm:3'/>", CONSOLE_GOOD, 0, 0},
    };

    for (size_t i = 0; i < CNC_N(all); i++) {
        struct cnc__str out = CNC__STR;
        struct cnc_error err = {0};

        assert_int_equal(
            console_check(&out, all[i].text, strlen(all[i].text), "i", &err),
            all[i].typed);
        if (all[i].typed == CONSOLE_BAD) {
            assert_true(err.text[0] != '\0');
            assert_int_equal(out.len, 0);
            if (all[i].line > 0) {
                assert_int_equal(err.line, all[i].line);
                assert_true(err.column > 0);
            }
        }
        cnc__str_fini(&out);
    }
}

static void
an_iq_without_an_id_gets_one(void **state)
{
    struct cnc__str out = CNC__STR;

    assert_int_equal(console_check(&out, " <iq type='get'/>", 17, "i7", NULL),
                     CONSOLE_GOOD);
    assert_string_equal(out.data, " <iq id='i7' type='get'/>");
    cnc__str_clear(&out);
    assert_int_equal(console_check(&out, "<iq id='mine'/>", 15, "i7", NULL),
                     CONSOLE_GOOD);
    assert_string_equal(out.data, "<iq id='mine'/>");
    cnc__str_fini(&out);
}

static void
a_stanza_is_shown_without_what_speaks_to_a_terminal(void **state)
{
    static const char xml[] =
        "<message a='b &gt; c'><body>x\xc2\x9b\xc2\x80\x7f</body></message>";
    struct cnc_element *e = NULL;
    struct cnc__str out = CNC__STR;

    assert_int_equal(cnc_xml_parse(&e, xml, sizeof(xml) - 1, 0, NULL, NULL),
                     0);
    console_write(&out, e, false);
    assert_string_equal(out.data, "<message a=\"b > c\">\n"
                                  "  <body>x&#155;&#128;&#127;</body>\n"
                                  "</message>\n");
    cnc__str_clear(&out);
    console_write(&out, e, true);
    assert_string_equal(
        out.data,
        "\033[34m<message\033[36m a=\033[32m\"b > c\"\033[36m>\033[0m\n"
        "  \033[34m<body>\033[0mx&#155;&#128;&#127;\033[34m</body>\033[0m\n"
        "\033[34m</message>\033[0m\n");
    cnc__str_fini(&out);
    cnc_element_unref(&e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_are_filled_with_words_or_defaults),
        cmocka_unit_test(every_template_is_a_stanza_that_passes_the_check),
        cmocka_unit_test(what_was_typed_is_judged_before_it_is_sent),
        cmocka_unit_test(an_iq_without_an_id_gets_one),
        cmocka_unit_test(a_stanza_is_shown_without_what_speaks_to_a_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
