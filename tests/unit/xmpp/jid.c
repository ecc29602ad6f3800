/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../../src/base/text.h"
#include "../../../src/xmpp/jid.h"
#include "../../../src/xmpp/precis.h"

static void
becomes(const char *from, const char *to)
{
    char out[CNC__JID_MAX + 1] = "refused", again[CNC__JID_MAX + 1];

    cnc__jid_prepare(out, from, strlen(from), NULL);
    if (strcmp(out, to) != 0) {
        print_error("%s became %s, not %s\n", from, out, to);
        fail();
    }
    assert_int_equal(cnc__jid_prepare(again, out, strlen(out), NULL), 0);
    assert_string_equal(again, out);
}

static void
is_refused(const char *from)
{
    char out[CNC__JID_MAX + 1] = "untouched";
    struct cnc_error err = {0};

    if (cnc__jid_prepare(out, from, strlen(from), &err) != CNC_ESYNTAX) {
        print_error("%s became %s\n", from, out);
        fail();
    }
    assert_string_equal(err.condition, "jid-malformed");
    assert_string_equal(out, "untouched");
}

/* RFC 7622 3.5, table 1 */
static void
the_rfcs_addresses_are_taken(void **state)
{
    becomes("juliet@example.com", "juliet@example.com");
    becomes("juliet@example.com/foo", "juliet@example.com/foo");
    becomes("juliet@example.com/foo bar", "juliet@example.com/foo bar");
    becomes("juliet@example.com/foo@bar", "juliet@example.com/foo@bar");
    becomes("foo\\20bar@example.com", "foo\\20bar@example.com");
    becomes("fussball@example.com", "fussball@example.com");
    becomes("fu\xc3\x9f"
            "ball@example.com",
            "fu\xc3\x9f"
            "ball@example.com");
    becomes("\xcf\x80@example.com", "\xcf\x80@example.com");
    becomes("\xce\xa3@example.com/foo", "\xcf\x83@example.com/foo");
    becomes("\xcf\x83@example.com/foo", "\xcf\x83@example.com/foo");
    becomes("\xcf\x82@example.com/foo", "\xcf\x82@example.com/foo");
    becomes("king@example.com/\xe2\x99\x9a", "king@example.com/\xe2\x99\x9a");
    becomes("example.com", "example.com");
    becomes("example.com/foobar", "example.com/foobar");
    becomes("a.example.com/b@example.net", "a.example.com/b@example.net");
}

/* table 2 */
static void
the_rfcs_wrong_addresses_are_refused(void **state)
{
    is_refused("\"juliet\"@example.com");
    is_refused("foo bar@example.com");
    is_refused("<@example.com");
    is_refused("henry\xe2\x85\xa3@example.com");
    is_refused("\xe2\x99\x9a@example.com");
    is_refused("juliet@");
    is_refused("@example.com");
    is_refused("juliet@example.com/");
    is_refused("/foobar");
    is_refused("");
}

static void
case_width_and_form_are_mapped(void **state)
{
    becomes("JULIET@Example.COM/Balcony", "juliet@example.com/Balcony");
    becomes("\xef\xbc\xaauliet@example.com", "juliet@example.com");
    becomes("e\xcc\x81@example.com", "\xc3\xa9@example.com");
    becomes("\xc3\x89@example.com/E\xcc\x81", "\xc3\xa9@example.com/\xc3\x89");
    /* A space of another alphabet is a space. */
    becomes("a@b/x\xe3\x80\x80y", "a@b/x y");
}

static void
domains_are_idna2008(void **state)
{
    becomes("a@example.com.", "a@example.com");
    becomes("a@B\xc3\xbc"
            "cher.example",
            "a@b\xc3\xbc"
            "cher.example");
    becomes("a@xn--bcher-kva.example", "a@b\xc3\xbc"
                                       "cher.example");
    becomes("a@127.0.0.1", "a@127.0.0.1");
    becomes("a@[::1]/x", "a@[::1]/x");
    becomes("a@[0:0:0:0:0:0:0:1]", "a@[::1]");
    is_refused("a@[::1");
    is_refused("a@[nonsense]");
    is_refused("a@-b");
    is_refused("a@b-");
    is_refused("a@b..c");
    is_refused("a@.b");
    is_refused("a@b_c");
    is_refused("a@b@c");
    is_refused("a@xn--a");
    is_refused("a@.");
    is_refused("a@\xe2\x99\x9a.example");
    is_refused("a@"
               "0123456789012345678901234567890123456789012345678901234567890"
               "123.example");
}

static void
what_a_local_part_forbids_stays_forbidden_in_disguise(void **state)
{
    is_refused("a\xef\xbc\xa0"
               "b@example.com"); /* fullwidth @ */
    is_refused("a\xef\xbc\x8f"
               "b@example.com"); /* fullwidth / */
    is_refused("a\xef\xbc\x9c"
               "b@example.com"); /* fullwidth < */
    is_refused("a\xe2\x80\x8b"
               "b@example.com"); /* zero width space */
    is_refused("a\xc2\xad"
               "b@example.com"); /* soft hyphen */
    is_refused("a\xe2\x80\xae"
               "b@example.com"); /* override */
    is_refused("a\xff"
               "b@example.com"); /* not UTF-8 */
    is_refused("\xd7\x90"
               "a@example.com"); /* bidi rule 2 */
    is_refused("a\x01@example.com");
    is_refused("a@b/\x01");
    is_refused("a@b/\xe2\x80\x8b");
}

static void
right_to_left_and_joiners_follow_their_rules(void **state)
{
    becomes("\xd7\x90\xd7\x91@example.com", "\xd7\x90\xd7\x91@example.com");
    becomes("\xd7\x90"
            "1@example.com",
            "\xd7\x90"
            "1@example.com");
    /* a middle dot between two l's alone (RFC 5892 A.3) */
    becomes("l\xc2\xb7l@example.com", "l\xc2\xb7l@example.com");
    is_refused("a\xc2\xb7"
               "b@example.com");
    /* a joiner after a virama (A.2) */
    becomes("\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d@example.com",
            "\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d@example.com");
    is_refused("a\xe2\x80\x8d@example.com");
    /* two kinds of Arabic digits (A.8) */
    is_refused("\xd8\xa7\xd9\xa0\xdb\xb0@example.com");
}

static void
parts_have_1023_bytes(void **state)
{
    char jid[2200], out[CNC__JID_MAX + 1];

    memset(jid, 'a', 1024);
    memcpy(jid + 1023, "@b", 3);
    assert_int_equal(cnc__jid_prepare(out, jid, 1025, NULL), 0);
    memset(jid, 'a', 1024);
    memcpy(jid + 1024, "@b", 3);
    assert_int_equal(cnc__jid_prepare(out, jid, 1026, NULL), CNC_ESYNTAX);
    memcpy(jid, "b/", 2);
    memset(jid + 2, 'a', 1024);
    assert_int_equal(cnc__jid_prepare(out, jid, 1025, NULL), 0);
    assert_int_equal(cnc__jid_prepare(out, jid, 1026, NULL), CNC_ESYNTAX);
}

static void
a_nul_is_no_character(void **state)
{
    char out[CNC__JID_MAX + 1];

    assert_int_equal(cnc__jid_prepare(out, "a\0b@c", 5, NULL), CNC_ESYNTAX);
    assert_int_equal(cnc__jid_prepare(out, "a@b\0c", 5, NULL), CNC_ESYNTAX);
    assert_int_equal(cnc__jid_prepare(out, "a@b/\0", 5, NULL), CNC_ESYNTAX);
}

static void
parts_are_found(void **state)
{
    size_t len;

    assert_int_equal(cnc__jid_bare_len("a@b/c/d@e"), 3);
    assert_string_equal(cnc__jid_resource("a@b/c/d@e"), "c/d@e");
    assert_null(cnc__jid_resource("a@b"));
    assert_memory_equal(cnc__jid_domain("a@b/c/d@e", &len), "b", 1);
    assert_int_equal(len, 1);
    assert_memory_equal(cnc__jid_domain("b/c@e", &len), "b", 1);
    assert_int_equal(len, 1);
    assert_true(cnc__jid_has_local("a@b/c"));
    assert_false(cnc__jid_has_local("b/c@e"));
    assert_true(cnc__jid_same_bare("a@b/c", "a@b"));
    assert_false(cnc__jid_same_bare("a@b/c", "a@bc"));
}

static size_t
encode(char out[5], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 63));
        out[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 63));
    out[2] = (char)(0x80 | (c >> 6 & 63));
    out[3] = (char)(0x80 | (c & 63));
    return 4;
}

typedef int precis_f(struct cnc__str *out, const char *s, size_t len);

/* Every code point, alone and between letters: what is prepared once stays as
 * it is, and is XML. */
static void
preparing_twice_changes_nothing(void **state)
{
    static precis_f *const profiles[] = {cnc__precis_username,
                                         cnc__precis_opaque};
    struct cnc__str once = CNC__STR, twice = CNC__STR;
    size_t n_taken = 0;
    char text[8];

    for (uint32_t c = 1; c < 0x20000; c++) {
        size_t len = encode(text + 1, c) + 2;

        text[0] = 'a';
        text[len - 1] = 'b';
        for (size_t i = 0; i < 4; i++) {
            size_t edge = i / 2;

            cnc__str_clear(&once);
            cnc__str_clear(&twice);
            if (profiles[i % 2](&once, text + edge, len - 2 * edge) != 0) {
                continue;
            }
            n_taken++;
            assert_true(cnc__xml_chars_valid(once.data, once.len));
            assert_int_equal(profiles[i % 2](&twice, once.data, once.len), 0);
            assert_string_equal(once.data, twice.data);
        }
    }
    assert_in_range(n_taken, 200000, 0x20000 * 4);
    cnc__str_fini(&once);
    cnc__str_fini(&twice);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfcs_addresses_are_taken),
        cmocka_unit_test(the_rfcs_wrong_addresses_are_refused),
        cmocka_unit_test(case_width_and_form_are_mapped),
        cmocka_unit_test(domains_are_idna2008),
        cmocka_unit_test(
            what_a_local_part_forbids_stays_forbidden_in_disguise),
        cmocka_unit_test(right_to_left_and_joiners_follow_their_rules),
        cmocka_unit_test(parts_have_1023_bytes),
        cmocka_unit_test(a_nul_is_no_character),
        cmocka_unit_test(parts_are_found),
        cmocka_unit_test(preparing_twice_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
