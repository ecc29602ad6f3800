/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "../../../src/base/text.h"
#include "test.h"

/* By the definition of Unicode's table 3-7, for all one- to three-byte
 * strings and the edges of those of four. */
static bool
well_formed(const unsigned char *s, size_t n)
{
    if (n == 1) {
        return s[0] < 0x80;
    }
    for (size_t i = 2; i < n; i++) {
        if (s[i] < 0x80 || s[i] > 0xBF) {
            return false;
        }
    }
    unsigned char lo = s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char hi = s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : 0xBF;
    unsigned char from = n == 2 ? 0xC2 : n == 3 ? 0xE0 : 0xF0;
    unsigned char to = n == 2 ? 0xDF : n == 3 ? 0xEF : 0xF4;
    return s[0] >= from && s[0] <= to && s[1] >= lo && s[1] <= hi;
}

static void
utf8_is_strict(void **state)
{
    uint32_t cp;
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            static const unsigned char last[] = {0x00, 0x7F, 0x80,
                                                 0xBF, 0xC0, 0xFF};
            for (size_t c = 0; c < sizeof(last); c++) {
                for (size_t n = 1; n <= 4; n++) {
                    unsigned char s[4] = {(unsigned char)a, (unsigned char)b,
                                          last[c], last[c]};
                    bool one = cnc__utf8_next(&cp, (char *)s, n) == n;
                    assert_int_equal(one, well_formed(s, n));
                }
            }
        }
    }
    assert_true(cnc__utf8_valid("", 0));
    assert_true(cnc__utf8_valid("abcdefghijklmnop\xE2\x82\xAC", 19));
    assert_false(cnc__utf8_valid("abcdefghijklmnop\xE2\x82\xAC", 18));
    assert_false(cnc__utf8_valid("abcdefgh\xC0\x80", 10));
    assert_false(cnc__utf8_valid("\xED\xA0\x80", 3));
    assert_false(cnc__utf8_valid("\xF4\x90\x80\x80", 4));
}

static void
xml_chars_are_those_of_production_2(void **state)
{
    assert_true(cnc__xml_chars_valid("a\t\n\r\x7F\xEF\xBF\xBD", 8));
    for (unsigned c = 1; c < 0x20; c++) {
        char s[20];
        memset(s, 'x', sizeof(s));
        for (size_t at = 0; at < sizeof(s); at++) {
            s[at] = (char)c;
            assert_int_equal(cnc__xml_chars_valid(s, sizeof(s)),
                             c == 9 || c == 10 || c == 13);
            s[at] = 'x';
        }
    }
    assert_false(cnc__xml_chars_valid("\0", 1));
    assert_false(cnc__xml_chars_valid("\xEF\xBF\xBE", 3)); /* U+FFFE */
    assert_false(cnc__xml_chars_valid("\xEF\xBF\xBF", 3));
    assert_true(cnc__xml_chars_valid("\xF4\x8F\xBF\xBF", 4));
}

static void
characters_are_counted(void **state)
{
    assert_int_equal(cnc__utf8_count("a\xE2\x82\xAC\xF0\x9F\x98\x80z", 9), 4);
    assert_int_equal(cnc__utf8_count("", 0), 0);
}

static void
numbers_are_whole_and_in_range(void **state)
{
    static const struct {
        const char *text;
        int64_t min, max;
        bool ok;
        int64_t value;
    } cases[] = {
        {"0", 0, 10, true, 0},
        {"10", 0, 10, true, 10},
        {"007", 0, 10, true, 7},
        {"-5", -5, 10, true, -5},
        {"9223372036854775807", INT64_MIN, INT64_MAX, true, INT64_MAX},
        {"-9223372036854775808", INT64_MIN, INT64_MAX, true, INT64_MIN},
        {"9223372036854775808", INT64_MIN, INT64_MAX, false, 0},
        {"-9223372036854775809", INT64_MIN, INT64_MAX, false, 0},
        {"99999999999999999999999", INT64_MIN, INT64_MAX, false, 0},
        {"11", 0, 10, false, 0},
        {"-1", 0, 10, false, 0},
        {"", 0, 10, false, 0},
        {"-", -5, 10, false, 0},
        {"+1", 0, 10, false, 0},
        {"-0", -5, 10, false, 0},
        {" 1", 0, 10, false, 0},
        {"1 ", 0, 10, false, 0},
        {"1x", 0, 10, false, 0},
        {"0x1", 0, 10, false, 0},
        {"--1", -5, 10, false, 0},
    };
    for (size_t i = 0; i < CNC_N(cases); i++) {
        int64_t v = 77;
        bool ok =
            cnc__parse_int(&v, cases[i].text, cases[i].min, cases[i].max);
        assert_int_equal(ok, cases[i].ok);
        assert_true(v == (ok ? cases[i].value : 77));
    }
}

static void
base64_is_canonical_both_ways(void **state)
{
    static const char *const pairs[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    struct cnc__str s = CNC__STR;
    for (size_t i = 0; i < CNC_N(pairs); i++) {
        cnc__str_clear(&s);
        cnc__base64_encode(&s, pairs[i][0], strlen(pairs[i][0]));
        assert_string_equal(cnc__str_c(&s), pairs[i][1]);
        cnc__str_clear(&s);
        assert_int_equal(
            cnc__base64_decode(&s, pairs[i][1], strlen(pairs[i][1])), 0);
        assert_string_equal(cnc__str_c(&s), pairs[i][0]);
    }
    static const char *const bad[] = {
        "Z",    "Zg",   "Zg=",      "Zh==", "Zm9=", "Zm9v\n", "Zm9v Zm9v",
        "====", "Z===", "Zg==Zg==", "Zm-_", "=Zg=", "Zg=x",   "\xC3\xA4zz",
    };
    for (size_t i = 0; i < CNC_N(bad); i++) {
        cnc__str_clear(&s);
        cnc__str_puts(&s, "kept");
        assert_int_equal(cnc__base64_decode(&s, bad[i], strlen(bad[i])),
                         CNC_ESYNTAX);
        assert_string_equal(s.data, "kept");
    }
    char hex[7];
    cnc__hex(hex, "\x00\xAB\x7F", 3);
    assert_string_equal(hex, "00ab7f");
    assert_int_equal(cnc__unhex("aB"), 0xab);
    assert_int_equal(cnc__unhex("00"), 0);
    assert_int_equal(cnc__unhex("0g"), -1);
    assert_int_equal(cnc__unhex("/0"), -1);
    cnc__str_fini(&s);
}

static void
dates_are_written_as_xep_0082(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {INT64_C(951782400000), "2000-02-29T00:00:00Z"},
        {INT64_C(1795383600123), "2026-11-22T21:40:00.123Z"},
        {INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
        {INT64_C(-62135596800000), "0001-01-01T00:00:00Z"},
    };
    for (size_t i = 0; i < CNC_N(cases); i++) {
        char text[32];
        int64_t ms;
        cnc__datetime(text, cases[i].ms);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(cnc__parse_datetime(&ms, text), 0);
        assert_true(ms == cases[i].ms);
    }
    char text[32];
    cnc__datetime(text, INT64_MAX);
    cnc__datetime(text, INT64_MIN);
    for (int64_t day = -719162; day <= 2932896; day += 5) {
        int64_t ms;
        cnc__datetime(text, day * 86400000);
        assert_int_equal(cnc__parse_datetime(&ms, text), 0);
        assert_true(ms == day * 86400000);
    }
}

static void
dates_are_read_with_zones_and_fractions(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T10:00:00-14:00", 0},
        {"1970-01-01T00:00:00", 0},
        {"1970-01-01T00:00:00.5Z", 500},
        {"1970-01-01T00:00:00.1239999Z", 123},
        {"1970-01-01T24:00:00Z", 86400000},
        {"1970-01-01T24:00:00.000Z", 86400000},
    };
    for (size_t i = 0; i < CNC_N(good); i++) {
        int64_t ms = 1;
        assert_int_equal(cnc__parse_datetime(&ms, good[i].text), 0);
        assert_true(ms == good[i].ms);
    }
    static const char *const bad[] = {
        "",
        "1970-01-01",
        "1970-01-01T00:00Z",
        "1970-1-01T00:00:00Z",
        "1970-13-01T00:00:00Z",
        "1970-00-01T00:00:00Z",
        "1970-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "1970-04-31T00:00:00Z",
        "1970-01-00T00:00:00Z",
        "1970-01-01t00:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:60Z",
        "1970-01-01T24:00:01Z",
        "1970-01-01T24:00:00.0001Z",
        "1970-01-01T25:00:00Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00ZZ",
        "1970-01-01T00:00:00+14:01",
        "1970-01-01T00:00:00+1:00",
        "1970-01-01T00:00:00+01:60",
        "1970-01-01T00:00:00 ",
        "0000-01-01T00:00:00Z",
        "+970-01-01T00:00:00Z",
    };
    for (size_t i = 0; i < CNC_N(bad); i++) {
        int64_t ms = 1;
        assert_int_equal(cnc__parse_datetime(&ms, bad[i]), CNC_ESYNTAX);
        assert_true(ms == 1);
    }
    assert_int_equal(cnc__parse_date("2024-02-29"), 0);
    assert_int_equal(cnc__parse_date("2024-02-29Z"), 0);
    assert_int_equal(cnc__parse_date("2024-02-29-05:00"), 0);
    assert_int_equal(cnc__parse_date("2023-02-29"), CNC_ESYNTAX);
    assert_int_equal(cnc__parse_date("2024-02-29T00:00:00Z"), CNC_ESYNTAX);
    assert_int_equal(cnc__parse_date(""), CNC_ESYNTAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_strict),
        cmocka_unit_test(xml_chars_are_those_of_production_2),
        cmocka_unit_test(characters_are_counted),
        cmocka_unit_test(numbers_are_whole_and_in_range),
        cmocka_unit_test(base64_is_canonical_both_ways),
        cmocka_unit_test(dates_are_written_as_xep_0082),
        cmocka_unit_test(dates_are_read_with_zones_and_fractions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
