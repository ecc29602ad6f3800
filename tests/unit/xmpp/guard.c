/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../../src/xmpp/guard.h"

#define JULIET "juliet@im.example.com"

static struct cnc__guard *g;
static uint32_t delay_ms;

static int
set_up(void **state)
{
    g = cnc__guard_new();
    return 0;
}

static int
tear_down(void **state)
{
    cnc__guard_free(&g);
    return 0;
}

static void
fail_times(unsigned n, const char *addr, const char *account)
{
    for (unsigned i = 0; i < n; i++) {
        cnc__guard_failed(g, addr, account, 1000);
    }
}

static bool
may(const char *addr, const char *account, uint64_t now_ms)
{
    return cnc__guard_may_try(g, addr, false, account, now_ms, &delay_ms);
}

static void
an_address_has_its_tries_and_gets_more(void **state)
{
    fail_times(CNC__GUARD_ADDR_TRIES - 1, "192.0.2.1", "x@d");
    assert_true(may("192.0.2.1", JULIET, 1000));
    fail_times(1, "192.0.2.1", "x@d");
    assert_false(may("192.0.2.1", JULIET, 1000));
    assert_true(may("192.0.2.2", JULIET, 1000));
    assert_true(may("192.0.2.1", JULIET, 1000 + CNC__GUARD_ADDR_LEAK_MS));
}

static void
an_account_is_late_and_never_refused(void **state)
{
    for (int i = 0; i < 1000; i++) {
        char addr[32];

        snprintf(addr, sizeof(addr), "192.0.2.%d", i % 250);
        cnc__guard_failed(g, addr, JULIET, 1000);
    }
    assert_true(may("198.51.100.1", JULIET, 1000));
    assert_int_equal(delay_ms, CNC__GUARD_DELAY_MS);
    assert_true(may("198.51.100.1", "romeo@im.example.com", 1000));
    assert_int_equal(delay_ms, 0);
}

static void
who_was_there_before_is_left_alone(void **state)
{
    cnc__guard_succeeded(g, "192.0.2.1", JULIET);
    fail_times(100, "192.0.2.1", JULIET);
    assert_true(may("192.0.2.1", JULIET, 1000));
    assert_int_equal(delay_ms, 0);
    assert_false(may("192.0.2.1", "romeo@im.example.com", 1000));
}

static void
a_proxy_is_not_refused(void **state)
{
    fail_times(100, "127.0.0.1", "x@d");
    assert_true(
        cnc__guard_may_try(g, "127.0.0.1", true, JULIET, 1000, &delay_ms));
}

static void
an_ipv6_network_is_one(void **state)
{
    fail_times(100, "2001:db8::1", "x@d");
    assert_false(may("2001:db8::ffff", JULIET, 1000));
    assert_true(may("2001:db8:0:1::1", JULIET, 1000));
}

static void
what_is_remembered_has_an_end(void **state)
{
    cnc__guard_succeeded(g, "192.0.2.1", JULIET);
    fail_times(CNC__GUARD_ADDR_TRIES, "192.0.2.1", JULIET);
    for (unsigned i = 0; i <= CNC__GUARD_MAX; i++) {
        char name[32];

        snprintf(name, sizeof(name), "u%u", i);
        cnc__guard_failed(g, name, name, 1000);
        cnc__guard_succeeded(g, name, name);
    }
    /* The oldest were forgotten. */
    assert_true(may("192.0.2.1", JULIET, 1000));
    assert_int_equal(delay_ms, 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(an_address_has_its_tries_and_gets_more),
        T(an_account_is_late_and_never_refused),
        T(who_was_there_before_is_left_alone),
        T(a_proxy_is_not_refused),
        T(an_ipv6_network_is_one),
        T(what_is_remembered_has_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
