/* SPDX-License-Identifier: MIT */
/* What the store's contract promises when nothing goes wrong. */
#include <stdio.h>
#include <string.h>

#include "../../../src/base/check.h"
#include "store-tests.h"

static void
assert_dump(struct cnc_store *s, const char *expected)
{
    char *text = dump(s);

    assert_string_equal(text == NULL ? "" : text, expected);
    free_dump(text);
}

static void
driver_names_itself_and_its_abi(void **state)
{
    assert_int_equal(driver->abi, CNC_STORE_ABI);
    assert_int_equal(driver->size, sizeof(*driver));
    assert_string_equal(driver->name, "sqlite");
}

static const struct cnc_store_op one_of_each[] = {
    {CNC_STORE_PUT,
     {CNC_STORE_HISTORY, "library", "b1", 1, 1, 1001, "ann@example.org",
      "<book/>", 7}},
    {CNC_STORE_PUT,
     {CNC_STORE_ITEM, "library", "b1", 1, 1, 1001, "ann@example.org",
      "<book/>", 7}},
    {CNC_STORE_PUT, {CNC_STORE_KEY, "account", "ann", 0, 0, 0, "", "a\0b", 3}},
    {CNC_STORE_PUT,
     {CNC_STORE_NODE, "library", "", 1, 0, 0, "", "<node/>", 7}},
};

static void
every_kind_of_entry_survives_a_reopen(void **state)
{
    static const char expected[] = "NODE library  1 0 0  <node/>\n"
                                   "KEY account ann 0 0 0  a";
    struct cnc_store *s = must_open();
    char *text;

    must_commit(s, one_of_each, CNC_N(one_of_each));
    driver->close(&s);
    assert_null(s);
    s = must_open();
    text = dump(s);
    assert_memory_equal(text, expected, sizeof(expected)); /* and the NUL */
    assert_string_equal(text + sizeof(expected),
                        "b\nITEM library b1 1 1 1001 ann@example.org "
                        "<book/>\nHISTORY library b1 1 1 1001 "
                        "ann@example.org <book/>\n");
    free_dump(text);
    driver->close(&s);
}

static void
put_replaces_the_entry_with_the_same_key(void **state)
{
    struct cnc_store *s = must_open();
    struct cnc_store_op op = put_item("n", "a", 1, "old");

    must_commit(s, &op, 1);
    op = put_item("n", "a", 5, "new");
    op.entry.created = 1;
    op.entry.publisher = "bob@example.org";
    must_commit(s, &op, 1);
    assert_dump(s, "ITEM n a 5 1 1005 bob@example.org new\n");
    driver->close(&s);
}

static void
delete_removes_one_entry_and_an_absent_one_is_fine(void **state)
{
    static const struct cnc_store_op dels[] = {
        {CNC_STORE_DEL, {CNC_STORE_ITEM, "library", "b1"}},
        {CNC_STORE_DEL, {CNC_STORE_ITEM, "library", "b1"}},
        {CNC_STORE_DEL, {CNC_STORE_KEY, "account", "ann"}},
        {CNC_STORE_DEL, {CNC_STORE_HISTORY, "library", "", 1}},
        {CNC_STORE_DEL, {CNC_STORE_HISTORY, "library", "", 99}},
    };
    struct cnc_store *s = must_open();

    must_commit(s, one_of_each, CNC_N(one_of_each));
    must_commit(s, dels, CNC_N(dels));
    assert_dump(s, "NODE library  1 0 0  <node/>\n");
    must_commit(
        s, &(struct cnc_store_op){CNC_STORE_DEL, {CNC_STORE_NODE, "library"}},
        1);
    assert_dump(s, "");
    driver->close(&s);
}

static void
purge_removes_the_items_of_one_node_alone(void **state)
{
    struct cnc_store *s = must_open();
    struct cnc_store_op ops[] = {put_item("n", "a", 1, "x"),
                                 put_item("n", "b", 2, "x"),
                                 put_item("m", "a", 1, "x"),
                                 {CNC_STORE_PURGE, {.node = "n"}}};

    must_commit(s, ops, CNC_N(ops));
    assert_dump(s, "ITEM m a 1 1 1001 ann@example.org x\n");
    driver->close(&s);
}

static void
drop_removes_node_items_and_history(void **state)
{
    struct cnc_store *s = must_open();

    must_commit(s, one_of_each, CNC_N(one_of_each));
    must_commit(s, &(struct cnc_store_op){CNC_STORE_DROP, {.node = "library"}},
                1);
    must_commit(s,
                &(struct cnc_store_op){CNC_STORE_DEL,
                                       {CNC_STORE_KEY, "account", "ann"}},
                1);
    assert_dump(s, "");
    driver->close(&s);
}

static void
trim_removes_history_older_than_a_seq(void **state)
{
    struct cnc_store *s = must_open();

    for (uint64_t i = 1; i <= 4; i++) {
        struct cnc_store_op op = put_item("n", "a", i, "x");

        op.entry.kind = CNC_STORE_HISTORY;
        must_commit(s, &op, 1);
    }
    must_commit(
        s, &(struct cnc_store_op){CNC_STORE_TRIM, {.node = "n", .seq = 3}}, 1);
    assert_dump(s, "HISTORY n a 3 3 1003 ann@example.org x\n"
                   "HISTORY n a 4 4 1004 ann@example.org x\n");
    driver->close(&s);
}

static void
each_gives_items_and_history_merged_by_node_and_seq(void **state)
{
    struct cnc_store *s = must_open();
    struct cnc_store_op ops[] = {
        put_item("b", "x", 2, "1"), put_item("a", "z", 7, "2"),
        put_item("a", "y", 9, "3"), put_item("a", "h", 8, "4"),
        put_item("b", "h", 1, "5"), put_item("c", "h", 1, "6")};

    for (size_t i = 3; i < CNC_N(ops); i++) {
        ops[i].entry.kind = CNC_STORE_HISTORY;
    }
    must_commit(s, ops, CNC_N(ops));
    assert_dump(s, "ITEM a z 7 7 1007 ann@example.org 2\n"
                   "HISTORY a h 8 8 1008 ann@example.org 4\n"
                   "ITEM a y 9 9 1009 ann@example.org 3\n"
                   "HISTORY b h 1 1 1001 ann@example.org 5\n"
                   "ITEM b x 2 2 1002 ann@example.org 1\n"
                   "HISTORY c h 1 1 1001 ann@example.org 6\n");
    driver->close(&s);
}

static int
stop_at_second(const struct cnc_store_entry *e, void *priv)
{
    return ++*(int *)priv == 2 ? 42 : 0;
}

static void
each_stops_with_the_callbacks_code(void **state)
{
    struct cnc_store *s = must_open();
    int n = 0;

    must_commit(s, one_of_each, CNC_N(one_of_each));
    assert_int_equal(driver->each(s, stop_at_second, &n, NULL), 42);
    assert_int_equal(n, 2);
    assert_int_equal(driver->each(s, stop_at_second, &n, NULL), 0);
    assert_int_equal(n, 6); /* the whole walk, from the start */
    driver->close(&s);
}

static int
check_value(const struct cnc_store_entry *e, void *priv)
{
    assert_int_equal(e->len, strlen(priv));
    assert_memory_equal(e->value, priv, e->len);
    return 7;
}

static void
get_gives_one_entry_or_says_there_is_none(void **state)
{
    struct cnc_store *s = must_open();
    struct cnc_store_op op = put_item("library", "b1", 2, "<book n='2'/>");
    struct cnc_error err = {0};

    must_commit(s, one_of_each, CNC_N(one_of_each));
    op.entry.kind = CNC_STORE_HISTORY;
    must_commit(s, &op, 1);
    assert_int_equal(driver->get(s, CNC_STORE_ITEM, "library", "b1",
                                 check_value, "<book/>", &err),
                     7);
    assert_int_equal(driver->get(s, CNC_STORE_NODE, "library", "", check_value,
                                 "<node/>", &err),
                     7);
    assert_int_equal(driver->get(s, CNC_STORE_HISTORY, "library", "b1",
                                 check_value, "<book n='2'/>", &err),
                     7);
    assert_int_equal(
        driver->get(s, CNC_STORE_KEY, "account", "bob", check_value, "", &err),
        CNC_ENOENT);
    driver->close(&s);
}

static void
commit_of_an_ill_formed_op_keeps_nothing(void **state)
{
    struct cnc_store *s = must_open();
    struct cnc_error err = {0};
    struct cnc_store_op ops[] = {put_item("n", "a", 1, "x"),
                                 put_item("n", "b", UINT64_MAX, "x")};

    assert_int_equal(driver->commit(s, ops, 2, &err), CNC_EINVAL);
    ops[1] = put_item("n", "b", 1, "x");
    ops[1].entry.kind = 9;
    assert_int_equal(driver->commit(s, ops, 2, &err), CNC_EINVAL);
    assert_dump(s, "");
    assert_int_equal(driver->commit(s, NULL, 0, &err), 0);
    driver->close(&s);
}

static void
text_outside_ascii_and_large_values_come_back_whole(void **state)
{
    struct cnc_store *s = must_open();
    size_t len = 300000;
    char *value = cnc__zalloc(len + 1);
    struct cnc_store_op op;

    memset(value, 'v', len);
    op = put_item("b\xc3\xbc"
                  "cher",
                  "\xe2\x80\x93'\"; DROP TABLE item", 1, value);
    must_commit(s, &op, 1);
    assert_int_equal(driver->get(s, CNC_STORE_ITEM, op.entry.node, op.entry.id,
                                 check_value, value, NULL),
                     7);
    cnc__free(value);
    driver->close(&s);
}

struct meanwhile {
    struct cnc_store *store;
    uint64_t n;
};

/* Commits go on while somebody reads. */
static int
commit_meanwhile(const struct cnc_store_entry *e, void *priv)
{
    struct meanwhile *m = priv;
    struct cnc_store_op op =
        put_item("library", m->n == 0 ? "emma" : "later", 100 + m->n, "new");

    assert_string_equal(e->value, "old");
    m->n++;
    must_commit(m->store, &op, 1);
    return 0;
}

static void
each_beside_sees_one_moment_while_commits_go_on(void **state)
{
    struct meanwhile m = {.store = must_open()};
    const struct cnc_store_op ops[] = {put_item("library", "ada", 1, "old"),
                                       put_item("library", "emma", 2, "old"),
                                       put_item("library", "zeno", 3, "old")};
    struct cnc_error err = {0};
    char *text;

    must_commit(m.store, ops, 3);
    assert_int_equal(driver->each_beside(m.store, commit_meanwhile, &m, &err),
                     0);
    assert_int_equal(m.n, 3);
    text = dump(m.store);
    assert_non_null(strstr(text, "emma 100"));
    assert_non_null(strstr(text, "later 102"));
    free_dump(text);
    driver->close(&m.store);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_dir, teardown_dir)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(driver_names_itself_and_its_abi),
        TEST(each_beside_sees_one_moment_while_commits_go_on),
        TEST(every_kind_of_entry_survives_a_reopen),
        TEST(put_replaces_the_entry_with_the_same_key),
        TEST(delete_removes_one_entry_and_an_absent_one_is_fine),
        TEST(purge_removes_the_items_of_one_node_alone),
        TEST(drop_removes_node_items_and_history),
        TEST(trim_removes_history_older_than_a_seq),
        TEST(each_gives_items_and_history_merged_by_node_and_seq),
        TEST(each_stops_with_the_callbacks_code),
        TEST(get_gives_one_entry_or_says_there_is_none),
        TEST(commit_of_an_ill_formed_op_keeps_nothing),
        TEST(text_outside_ascii_and_large_values_come_back_whole),
    };
    int failed;

    load_driver();
    failed = cmocka_run_group_tests_name("store-sqlite", tests, NULL, NULL);
    failed += _cmocka_run_group_tests("store-faults", fault_tests,
                                      n_fault_tests, NULL, NULL);
    return failed == 0 ? 0 : 1;
}
