/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../src/web/http.h"

static int
add_pair(const char *name, const char *value, void *priv)
{
    cnc__str_printf(priv, "[%s=%s]", name, value);
    return strcmp(name, "stop") == 0 ? 7 : 0;
}

static int
parse(struct cnc__str *out, const char *s, size_t max)
{
    /* The exact size, so that ASan sees an over-read. */
    size_t len = strlen(s);
    char *copy = len == 0 ? NULL : memcpy(cnc__zalloc(len), s, len);
    int rc;

    cnc__str_clear(out);
    cnc__str_puts(out, "");
    rc = cnc__http_form_parse(copy, len, max, add_pair, out);
    cnc__free(copy);
    return rc;
}

static void
form_pairs_are_decoded(void **state)
{
    static const struct {
        const char *in, *out;
    } t[] = {
        {"", ""},
        {"a=1", "[a=1]"},
        {"a=1&b=2", "[a=1][b=2]"},
        {"a=b=c", "[a=b=c]"},
        {"a", "[a=]"},
        {"a=&=b", "[a=][=b]"},
        {"&&a=1&&", "[a=1]"},
        {"title=Dive+Into+Python%203", "[title=Dive Into Python 3]"},
        {"%61%26%3D=%2B%25", "[a&==+%]"},
        {"t=%E2%80%93%c3%BC", "[t=\xe2\x80\x93\xc3\xbc]"},
        {"t=a%0D%0Ab", "[t=a\r\nb]"},
    };
    struct cnc__str out = CNC__STR;

    for (size_t i = 0; i < CNC_N(t); i++) {
        assert_int_equal(parse(&out, t[i].in, 10), 0);
        assert_string_equal(out.data, t[i].out);
    }
    cnc__str_fini(&out);
}

static void
form_with_broken_escapes_or_bytes_is_refused(void **state)
{
    static const char *const bad[] = {
        "a=%",      "a=%4",        "a=%zz",          "a=%4g",  "%=a",
        "a=%00",    "a%00=b",      "a=\xff",         "\xc3=a", "a=%c0%af",
        "a=1&b=%f", "a=%ed%a0%80", "a=%f4%90%80%80",
    };
    struct cnc__str out = CNC__STR;

    for (size_t i = 0; i < CNC_N(bad); i++) {
        assert_int_equal(parse(&out, bad[i], 10), CNC_ESYNTAX);
    }
    cnc__str_fini(&out);
}

static void
form_with_too_many_pairs_is_refused(void **state)
{
    struct cnc__str out = CNC__STR;

    assert_int_equal(parse(&out, "a=1&b=2&c=3", 3), 0);
    assert_int_equal(parse(&out, "a=1&b=2&c=3&d=4", 3), CNC_ELIMIT);
    assert_string_equal(out.data, "[a=1][b=2][c=3]");
    cnc__str_fini(&out);
}

static void
form_parser_stops_with_the_callbacks_code(void **state)
{
    struct cnc__str out = CNC__STR;

    assert_int_equal(parse(&out, "a=1&stop=2&c=3", 10), 7);
    assert_string_equal(out.data, "[a=1][stop=2]");
    cnc__str_fini(&out);
}

static void
header_is_found_by_its_whole_name(void **state)
{
    static const struct cnc__http_header headers[] = {
        {"accept", "a"}, {"accept-encoding", "gzip"}, {"accept", "b"}};
    const struct cnc__http_request r = {.headers = headers, .n_headers = 3};

    assert_string_equal(cnc__http_header(&r, "accept-encoding"), "gzip");
    assert_string_equal(cnc__http_header(&r, "accept"), "a");
    assert_null(cnc__http_header(&r, "accept-enc"));
}

static void
status_text_starts_with_the_number(void **state)
{
    assert_string_equal(cnc__http_status_text(200), "200 OK");
    assert_string_equal(cnc__http_status_text(303), "303 See Other");
    assert_string_equal(cnc__http_status_text(304), "304 Not Modified");
    assert_string_equal(cnc__http_status_text(799),
                        "500 Internal Server Error");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(form_pairs_are_decoded),
        cmocka_unit_test(form_with_broken_escapes_or_bytes_is_refused),
        cmocka_unit_test(form_with_too_many_pairs_is_refused),
        cmocka_unit_test(form_parser_stops_with_the_callbacks_code),
        cmocka_unit_test(header_is_found_by_its_whole_name),
        cmocka_unit_test(status_text_starts_with_the_number),
    };

    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
