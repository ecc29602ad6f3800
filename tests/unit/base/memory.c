/* SPDX-License-Identifier: MIT */
/* Memory, arenas, strings, errors. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../src/base/arena.h"
#include "../../../src/base/str.h"
#include "test.h"

/* Does f end the process by abort()?  Its message goes nowhere. */
static bool
aborts(void (*f)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        close(STDERR_FILENO);
        f();
        _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void
ask_for_too_much(void)
{
    cnc__realloc(NULL, SIZE_MAX / 2, 4);
}

static void
use_after_free(void)
{
    static struct {
        unsigned magic;
    } thing = {0};
    CNC_OBJ_CHECK(&thing, 0x1234u);
}

static void
a_bug_ends_the_process(void **state)
{
    assert_true(aborts(ask_for_too_much));
    assert_true(aborts(use_after_free));
}

static void
memory_is_zeroed(void **state)
{
    unsigned char *p = cnc__zalloc(1000);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(p[i], 0);
    }
    cnc__free(p);
    p = cnc__zalloc(0);
    assert_non_null(p);
    cnc__free(p);
}

static void
strndup_ends_with_a_nul(void **state)
{
    char *s = cnc__strndup("abcdef", 3);
    assert_string_equal(s, "abc");
    cnc__free(s);
    assert_null(cnc__strdup(NULL));
}

static void
secrets_compare_by_all_bytes(void **state)
{
    assert_true(cnc__equal_secret("abc", "abc", 3));
    assert_false(cnc__equal_secret("abc", "abd", 3));
    assert_false(cnc__equal_secret("xbc", "abc", 3));
    assert_true(cnc__equal_secret("x", "y", 0));
    char secret[] = "secret";
    cnc__wipe(secret, sizeof(secret));
    assert_memory_equal(secret, "\0\0\0\0\0\0\0", 7);
}

static void
random_hex_has_the_length_asked_for(void **state)
{
    char a[33], b[33], none[1];
    cnc__random_hex(a, 16);
    cnc__random_hex(b, 16);
    cnc__random_hex(none, 0);
    assert_int_equal(strspn(a, "0123456789abcdef"), 32);
    assert_int_equal(strlen(a), 32);
    assert_string_not_equal(a, b);
    assert_string_equal(none, "");
}

static void
a_string_grows_and_stays_terminated(void **state)
{
    struct cnc__str s = CNC__STR;
    assert_string_equal(cnc__str_c(&s), "");
    for (int i = 0; i < 1000; i++) {
        cnc__str_putc(&s, (char)('a' + i % 26));
        assert_int_equal(s.data[s.len], 0);
    }
    assert_int_equal(s.len, 1000);
    cnc__str_drop(&s, 998);
    assert_string_equal(s.data, "kl");
    cnc__str_drop(&s, 2);
    assert_string_equal(s.data, "");
    cnc__str_fini(&s);
    assert_string_equal(cnc__str_c(&s), "");
}

static void
printf_makes_the_room_it_needs(void **state)
{
    struct cnc__str s = CNC__STR;
    cnc__str_printf(&s, "%s-%d", "x", 7);
    cnc__str_printf(&s, "%0500d", 1);
    assert_int_equal(s.len, 503);
    assert_memory_equal(s.data, "x-70000", 7);
    assert_int_equal(s.data[502], '1');
    cnc__str_clear(&s);
    assert_string_equal(s.data, "");
    cnc__str_fini(&s);
}

static void
a_stolen_string_is_the_callers(void **state)
{
    struct cnc__str s = CNC__STR;
    char *empty = cnc__str_steal(&s);
    assert_string_equal(empty, "");
    cnc__free(empty);
    cnc__str_puts(&s, "abc");
    char *text = cnc__str_steal(&s);
    assert_null(s.data);
    assert_string_equal(text, "abc");
    cnc__free(text);
}

static void
an_arena_gives_aligned_zeroed_memory(void **state)
{
    struct cnc__arena a;
    cnc__arena_init(&a);
    for (size_t i = 0; i < 3000; i++) {
        size_t size = i % 97 == 0 ? 70000 : i % 50;
        unsigned char *p = cnc__arena_alloc(&a, size);
        assert_int_equal((uintptr_t)p % 8, 0);
        for (size_t k = 0; k < size; k++) {
            assert_int_equal(p[k], 0);
        }
        memset(p, 0xFF, size);
    }
    assert_string_equal(cnc__arena_strndup(&a, "abc", 2), "ab");
    assert_string_equal(cnc__arena_printf(&a, "%d/%s", 5, "x"), "5/x");
    cnc__arena_fini(&a);
    assert_null(a.blocks);
}

static void
every_code_has_a_name_and_a_text(void **state)
{
    assert_string_equal(cnc_err_name(CNC_EAGAIN), "CNC_EAGAIN");
    assert_string_equal(cnc_err_name(CNC_EAUTH), "CNC_EAUTH");
    assert_string_equal(cnc_err_text(CNC_ESYNTAX), "not well-formed");
    for (int i = 0; i >= -15; i--) {
        assert_string_not_equal(cnc_err_name(i), "CNC_E?");
        assert_string_not_equal(cnc_err_text(i), "unknown error");
    }
    assert_string_equal(cnc_err_name(-99), "CNC_E?");
    assert_string_equal(cnc_err_text(7), "unknown error");
}

static void
an_error_is_one_line_and_is_cut_between_characters(void **state)
{
    struct cnc_error err;
    memset(&err, 0x55, sizeof(err));
    assert_int_equal(
        cnc_error_set(&err, CNC_ELIMIT, "policy-violation", "a\nb\x7F%d", 1),
        CNC_ELIMIT);
    assert_string_equal(err.text, "a b 1");
    assert_string_equal(err.condition, "policy-violation");
    assert_null(err.specific);
    assert_int_equal(err.line, 0);
    cnc_error_set(&err, CNC_EPROTO, NULL, "again: %s", err.text);
    assert_string_equal(err.text, "again: a b 1");
    assert_int_equal(cnc_error_set(NULL, CNC_EPROTO, NULL, "x"), CNC_EPROTO);
    /* Characters of 2, 3, 4 bytes over the edge, at each place. */
    static const char *const chars[] = {"\xC3\xA4", "\xE2\x82\xAC",
                                        "\xF0\x9F\x98\x80"};
    for (size_t c = 0; c < CNC_N(chars); c++) {
        for (int lead = 500; lead <= 512; lead++) {
            size_t n = strlen(chars[c]);
            cnc_error_set(&err, CNC_EPROTO, NULL, "%0*d%s%s%s", lead, 0,
                          chars[c], chars[c], chars[c]);
            size_t len = strlen(err.text);
            size_t fit = lead >= 511 ? 511 : (size_t)lead;
            while (lead < 511 && fit + n <= 511 &&
                   fit < (size_t)lead + 3 * n) {
                fit += n;
            }
            assert_int_equal(len, fit);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bug_ends_the_process),
        cmocka_unit_test(memory_is_zeroed),
        cmocka_unit_test(strndup_ends_with_a_nul),
        cmocka_unit_test(secrets_compare_by_all_bytes),
        cmocka_unit_test(random_hex_has_the_length_asked_for),
        cmocka_unit_test(a_string_grows_and_stays_terminated),
        cmocka_unit_test(printf_makes_the_room_it_needs),
        cmocka_unit_test(a_stolen_string_is_the_callers),
        cmocka_unit_test(an_arena_gives_aligned_zeroed_memory),
        cmocka_unit_test(every_code_has_a_name_and_a_text),
        cmocka_unit_test(an_error_is_one_line_and_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
