/* SPDX-License-Identifier: MIT */
/* What modules are built for: each struct of an app as CNC_APP_ABI means it.
 * A module has arrays of these structs in it, so that even a member at the end
 * of one moves all that follows.  When this test fails, raise CNC_APP_ABI and
 * pin the new layout here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <concordance/app.h>
#include <concordance/login.h>

#define PINNED_ABI 5u

#define SIZE(type, bytes)                                                     \
    {                                                                         \
        "sizeof " #type, sizeof(struct type), bytes                           \
    }
#define AT(type, member, bytes)                                               \
    {                                                                         \
#type "." #member, offsetof(struct type, member), bytes               \
    }

static const struct pin {
    const char *what;
    size_t is, pinned;
} pins[] = {
    SIZE(cnc_option, 16),
    AT(cnc_option, value, 0),
    AT(cnc_option, label, 8),
    SIZE(cnc_field, 136),
    AT(cnc_field, name, 0),
    AT(cnc_field, label, 8),
    AT(cnc_field, kind, 16),
    AT(cnc_field, required, 20),
    AT(cnc_field, match, 24),
    AT(cnc_field, value, 32),
    AT(cnc_field, help, 40),
    AT(cnc_field, min_len, 48),
    AT(cnc_field, max_len, 52),
    AT(cnc_field, min, 56),
    AT(cnc_field, max, 64),
    AT(cnc_field, options, 72),
    AT(cnc_field, error, 80),
    AT(cnc_field, index, 88),
    AT(cnc_field, node, 96),
    AT(cnc_field, show, 104),
    AT(cnc_field, compute, 112),
    AT(cnc_field, priv, 120),
    AT(cnc_field, was, 128),
    SIZE(cnc_record, 16),
    AT(cnc_record, name, 0),
    AT(cnc_record, fields, 8),
    SIZE(cnc_node, 104),
    AT(cnc_node, name, 0),
    AT(cnc_node, record, 8),
    AT(cnc_node, form, 16),
    AT(cnc_node, submit, 24),
    AT(cnc_node, title, 32),
    AT(cnc_node, access, 40),
    AT(cnc_node, publish, 44),
    AT(cnc_node, max_items, 48),
    AT(cnc_node, history, 52),
    AT(cnc_node, priv, 56),
    AT(cnc_node, source, 64),
    AT(cnc_node, source_node, 72),
    AT(cnc_node, readers, 80),
    AT(cnc_node, writers, 88),
    AT(cnc_node, owners, 96),
    SIZE(cnc_page, 72),
    AT(cnc_page, path, 0),
    AT(cnc_page, node, 8),
    AT(cnc_page, template_, 16),
    AT(cnc_page, title, 24),
    AT(cnc_page, window, 32),
    AT(cnc_page, where, 40),
    AT(cnc_page, sort, 48),
    AT(cnc_page, command, 56),
    AT(cnc_page, readers, 64),
    SIZE(cnc_handler, 40),
    AT(cnc_handler, kinds, 0),
    AT(cnc_handler, ns, 8),
    AT(cnc_handler, name, 16),
    AT(cnc_handler, handle, 24),
    AT(cnc_handler, priv, 32),
    SIZE(cnc_task, 32),
    AT(cnc_task, name, 0),
    AT(cnc_task, every_s, 8),
    AT(cnc_task, run, 16),
    AT(cnc_task, priv, 24),
    SIZE(cnc_command, 88),
    AT(cnc_command, node, 0),
    AT(cnc_command, title, 8),
    AT(cnc_command, record, 16),
    AT(cnc_command, run, 24),
    AT(cnc_command, who, 32),
    AT(cnc_command, roles, 40),
    AT(cnc_command, safe, 48),
    AT(cnc_command, see, 56),
    AT(cnc_command, help, 64),
    AT(cnc_command, priv, 72),
    AT(cnc_command, reads, 80),
    SIZE(cnc_hook, 24),
    AT(cnc_hook, name, 0),
    AT(cnc_hook, f, 8),
    AT(cnc_hook, priv, 16),
    SIZE(cnc_role, 16),
    AT(cnc_role, name, 0),
    AT(cnc_role, title, 8),
    SIZE(cnc_app, 160),
    AT(cnc_app, abi, 0),
    AT(cnc_app, size, 4),
    AT(cnc_app, name, 8),
    AT(cnc_app, title, 16),
    AT(cnc_app, xmlns, 24),
    AT(cnc_app, flags, 32),
    AT(cnc_app, nodes, 40),
    AT(cnc_app, pages, 48),
    AT(cnc_app, handlers, 56),
    AT(cnc_app, tasks, 64),
    AT(cnc_app, settings, 72),
    AT(cnc_app, start, 80),
    AT(cnc_app, stop, 88),
    AT(cnc_app, priv, 96),
    AT(cnc_app, version, 104),
    AT(cnc_app, needs, 112),
    AT(cnc_app, extends, 120),
    AT(cnc_app, commands, 128),
    AT(cnc_app, hooks, 136),
    AT(cnc_app, roles, 144),
    AT(cnc_app, admin, 152),
    SIZE(cnc_query, 48),
    AT(cnc_query, where, 0),
    AT(cnc_query, sort, 8),
    AT(cnc_query, search, 16),
    AT(cnc_query, offset, 24),
    AT(cnc_query, limit, 32),
    AT(cnc_query, params, 40),
    SIZE(cnc_login_info, 64),
    AT(cnc_login_info, id, 0),
    AT(cnc_login_info, jid, 8),
    AT(cnc_login_info, kind, 16),
    AT(cnc_login_info, agent, 24),
    AT(cnc_login_info, addr, 32),
    AT(cnc_login_info, since, 40),
    AT(cnc_login_info, seen, 48),
    AT(cnc_login_info, current, 56),
};

static void
the_layout_is_that_of_the_abi_number(void **state)
{
    unsigned n_moved = 0;

    if (sizeof(void *) != 8) {
        skip(); /* the pins are of 64-bit machines */
    }
    for (size_t i = 0; i < sizeof(pins) / sizeof(pins[0]); i++) {
        if (pins[i].is != pins[i].pinned) {
            print_error("%s is %zu, was %zu\n", pins[i].what, pins[i].is,
                        pins[i].pinned);
            n_moved++;
        }
    }
    if (n_moved > 0) {
        fail_msg("%u of the structs of apps moved: raise CNC_APP_ABI above "
                 "%u, and pin the new layout here",
                 n_moved, PINNED_ABI);
    }
    assert_int_equal(CNC_APP_ABI, PINNED_ABI);
}

static void
the_numbers_in_modules_are_those_of_the_abi_number(void **state)
{
    assert_int_equal(CNC_FIELD_FILE, 15);
    assert_int_equal(CNC_ACCESS_WHITELIST, 1);
    assert_int_equal(CNC_ANYBODY, 2);
    assert_int_equal(CNC_PRESENCE, 8);
    assert_int_equal(CNC_ANYBODY_RUNS, 2);
    assert_int_equal(CNC_APP_THREADED, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_layout_is_that_of_the_abi_number),
        cmocka_unit_test(the_numbers_in_modules_are_those_of_the_abi_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
