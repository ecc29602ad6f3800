/* SPDX-License-Identifier: MIT */
/*
 * locale.c -- catalogues: PO files, also hostile ones, and all of a domain.
 */
#include "bench.h"

static struct cnc__catalogue *
parse(const char *text)
{
    struct cnc__catalogue *c = NULL;
    struct cnc_error err = {0};
    if (cnc__catalogue_parse(&c, "x.po", text, strlen(text), &err) != 0) {
        fail_msg("%s", err.text);
    }
    return c;
}

static void
assert_refused(const char *text, size_t len, int code, const char *why)
{
    struct cnc__catalogue *c = NULL;
    struct cnc_error err = {0};
    assert_int_equal(cnc__catalogue_parse(&c, "x.po", text, len, &err), code);
    assert_null(c);
    assert_has(err.text, why);
}

static void
a_catalogue_has_texts_of_many_lines_and_escapes(void **state)
{
    struct cnc__catalogue *c = parse(
        "\xef\xbb\xbf# a comment\r\nmsgid \"\"\r\n"
        "msgstr \"Content-Type: text/plain; charset=UTF-8\\n\"\r\n\r\n"
        "#: file.c:1\nmsgid \"One \"\n  \"two\"\nmsgstr \"\"\n\"Eins\\n\"\n"
        "\"\\\"zwei\\\"\\t\\\\\"\nmsgid \"Old\"\nmsgstr \"\"\n"
        "#~ msgid \"gone\"\n#~ msgstr \"weg\"\n");
    assert_int_equal(cnc__catalogue_len(c), 1);
    assert_string_equal(cnc__catalogue_text(c, "One two"),
                        "Eins\n\"zwei\"\t\\");
    assert_null(cnc__catalogue_text(c, "Old"));
    assert_null(cnc__catalogue_text(c, ""));
    cnc__catalogue_free(&c);
}

static void
fuzzy_entries_contexts_and_plurals_are_skipped(void **state)
{
    struct cnc__catalogue *c = parse(
        "#, fuzzy, c-format\nmsgid \"A\"\nmsgstr \"1\"\n"
        "msgctxt \"menu\"\nmsgid \"B\"\nmsgstr \"2\"\n"
        "msgid \"C\"\nmsgid_plural \"Cs\"\nmsgstr[0] \"3\"\nmsgstr[1] \"4\"\n"
        "#, c-format\nmsgid \"D\"\nmsgstr \"5\"\n");
    assert_int_equal(cnc__catalogue_len(c), 1);
    assert_string_equal(cnc__catalogue_text(c, "D"), "5");
    cnc__catalogue_free(&c);
}

static void
what_is_no_catalogue_is_refused_by_file_and_line(void **state)
{
    static const struct {
        const char *text, *why;
    } all[] = {
        {"msgid \"a\"\n", "x.po, line 1: a msgid without a msgstr"},
        {"\nmsgstr \"a\"\n", "x.po, line 2: a msgid comes first"},
        {"\"a\"\n", "x.po, line 1: a text of no entry"},
        {"msgid \"a\nmsgstr \"b\"\n", "line 1: a text without its closing"},
        {"msgid \"a\\", "line 1: a backslash"},
        {"msgid \"a\\x41\"\n", "line 1: a backslash"},
        {"msgid \"a\" b\n", "line 1: more after a text"},
        {"msgid a\n", "line 1: neither"},
        {"<html>\n", "line 1: neither"},
        {"msgid \"a\"\nmsgstr \"b\"\nmsgstr \"c\"\n", "line 3: a second"},
        {"msgid \"a\"\nmsgstr \"b\"\nmsgid \"a\"\nmsgstr \"c\"\n",
         "line 3: the same text"},
        {"msgid \"a\"\nmsgstr \"%s\"\n",
         "line 1: the translation has a value"},
        {"msgid \"%s a\"\nmsgstr \"%2$s\"\n", "line 1: the translation has a"},
        {"msgid \"\"\nmsgstr \"charset=ISO-8859-1\\n\"\n", "another charset"},
    };
    for (size_t i = 0; i < CNC_N(all); i++) {
        assert_refused(all[i].text, strlen(all[i].text), CNC_ESYNTAX,
                       all[i].why);
    }
    assert_refused("msgid \"\xff\"\n", 9, CNC_ESYNTAX, "not UTF-8");
    assert_refused("msgid \"a\0b\"\n", 12, CNC_ESYNTAX, "not UTF-8");
}

static void
what_is_too_large_is_refused(void **state)
{
    struct cnc__str s = CNC__STR;
    cnc__str_puts(&s, "msgid \"");
    for (size_t i = 0; i < 9000; i++) {
        cnc__str_putc(&s, 'a');
    }
    cnc__str_puts(&s, "\"\nmsgstr \"b\"\n");
    assert_refused(s.data, s.len, CNC_ELIMIT, "line 1: a text of more than");
    cnc__str_clear(&s);
    for (unsigned i = 0; i <= 10000; i++) {
        cnc__str_printf(&s, "msgid \"%u\"\nmsgstr \"b\"\n", i);
    }
    assert_refused(s.data, s.len, CNC_ELIMIT, "line 20001: more than");
    while (s.len <= 1 << 20) {
        cnc__str_puts(&s, "# a comment\n");
    }
    assert_refused(s.data, s.len, CNC_ELIMIT, "x.po has more than 1024 kB");
    cnc__str_fini(&s);
}

static void
a_sentence_is_found_by_its_pattern(void **state)
{
    struct cnc__catalogue *c =
        parse("msgid \"%s must be %s.\"\nmsgstr \"%2$s: %1$s\"\n"
              "msgid \"%s must be at most %s.\"\nmsgstr \"%s <= %s\"\n"
              "msgid \"%zu books, %d%% new\"\nmsgstr \"%zu/%d\"\n"
              "msgid \"%s\"\nmsgstr \"alles: %s\"\n");
    static const struct {
        const char *from, *to;
    } all[] = {{"Year must be one line.", "one line: Year"},
               {"Year must be at most 5.", "Year <= 5"},
               {"12 books, -3%% new", "12/-3"},
               {"x books, 3%% new", NULL},
               {" must be .", NULL},
               {"Year must be one line", NULL},
               {"Anything", NULL},
               {"", NULL}};
    for (size_t i = 0; i < CNC_N(all); i++) {
        char *to = cnc__catalogue_match(c, all[i].from, NULL);
        if (all[i].to == NULL) {
            assert_null(to);
        } else {
            assert_string_equal(to, all[i].to);
        }
        cnc__free(to);
    }
    cnc__catalogue_free(&c);
}

static void
catalogues_of_all_apps_are_asked_the_last_one_first(void **state)
{
    struct cnc__locale *l = cnc__locale_new();
    const char *langs[CNC__LOCALE_MAX_LANGS];
    const struct cnc__tr *tr;
    assert_int_equal(cnc__locale_langs(l, langs), 1);
    assert_null(cnc__locale_tr(l, "de"));
    cnc__locale_put(l, "a", "pt_BR", parse("msgid \"x\"\nmsgstr \"pt\"\n"));
    cnc__locale_put(l, "a", "de",
                    parse("msgid \"x\"\nmsgstr \"a\"\n"
                          "msgid \"Title\"\nmsgstr \"Titel\"\n"));
    cnc__locale_put(l, "b/base", "de", parse("msgid \"x\"\nmsgstr \"b\"\n"));
    assert_int_equal(cnc__locale_langs(l, langs), 3);
    assert_string_equal(langs[0], "en");
    assert_string_equal(langs[1], "de");
    assert_string_equal(langs[2], "pt-BR");
    tr = cnc__locale_tr(l, "de-AT");
    assert_string_equal(cnc__tr(tr, "x"), "b");
    assert_string_equal(cnc__tr(tr, "Older"), "\xc3\x84ltere");
    assert_string_equal(cnc__tr(tr, "unknown"), "unknown");
    char *said = cnc__tr_sentence(tr, "Title is needed.");
    assert_string_equal(said, "Titel wird gebraucht.");
    cnc__free(said);
    assert_true(cnc__locale_has(l, "b"));
    cnc__locale_put(l, "b/base", "de", NULL);
    assert_false(cnc__locale_has(l, "b"));
    assert_string_equal(cnc__tr(tr, "x"), "a");
    assert_null(cnc__locale_tr(l, "en"));
    assert_null(cnc__locale_tr(l, "fr"));
    cnc__locale_free(&l);
}

static void
accept_language_chooses_by_quality(void **state)
{
    static const struct {
        const char *accept, *lang;
    } all[] = {{"de", "de"},
               {"DE-at, en;q=0.9", "de"},
               {"en;q=0.3, de;q=0.7", "de"},
               {"fr, en;q=0.8, de;q=0.8", "en"},
               {"de;q=0, en", "en"},
               {"de;q=0", NULL},
               {"deu", NULL},
               {"", NULL},
               {",,;;q=,-,", NULL},
               {"de;q=99999999999999999999", "de"}};
    struct cnc__locale *l = cnc__locale_new();
    cnc__locale_put(l, "a", "de", parse("msgid \"x\"\nmsgstr \"a\"\n"));
    for (size_t i = 0; i < CNC_N(all); i++) {
        const char *lang = cnc__locale_accept(l, all[i].accept);
        if (all[i].lang == NULL) {
            assert_null(lang);
        } else {
            assert_string_equal(lang, all[i].lang);
        }
    }
    cnc__locale_free(&l);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_catalogue_has_texts_of_many_lines_and_escapes),
        cmocka_unit_test(fuzzy_entries_contexts_and_plurals_are_skipped),
        cmocka_unit_test(what_is_no_catalogue_is_refused_by_file_and_line),
        cmocka_unit_test(what_is_too_large_is_refused),
        cmocka_unit_test(a_sentence_is_found_by_its_pattern),
        cmocka_unit_test(catalogues_of_all_apps_are_asked_the_last_one_first),
        cmocka_unit_test(accept_language_chooses_by_quality),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
