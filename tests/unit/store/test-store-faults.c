/* SPDX-License-Identifier: MIT */
/* What it promises when something does: nothing acknowledged is lost, and
 * the text says what to do. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "../../../src/base/check.h"
#include "store-tests.h"

static void
assert_refused(const char *needle)
{
    struct cnc_store *s = NULL;
    struct cnc_error err = {0};

    assert_int_equal(driver->open(&s, dir, &err), CNC_ESTORE);
    assert_null(s);
    if (strstr(err.text, needle) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.text, needle);
    }
}

static void
file_is_readable_by_its_owner_alone(void **state)
{
    struct cnc_store *s = must_open();
    struct stat st;

    assert_int_equal(stat(in_dir("concordance.db"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    driver->close(&s);
}

static void
second_opener_is_told_which_process_holds_the_folder(void **state)
{
    struct cnc_store *s = must_open();
    char needle[64];

    snprintf(needle, sizeof(needle), "held by process %ld:", (long)getpid());
    assert_refused(needle);
    assert_refused("concordance.lock");
    driver->close(&s);
    s = must_open();
    driver->close(&s);
}

/* -- kill -9 ------------------------------------------------------------- */

/* Commits groups of 3 for ever; writes the number of groups acknowledged. */
static void
commit_until_killed(int fd, uint32_t from)
{
    struct cnc_store *s = NULL;

    if (driver->open(&s, dir, NULL) != 0) {
        _exit(1);
    }
    for (uint32_t i = from;; i++) {
        char ids[3][24];
        struct cnc_store_op ops[3];

        for (int k = 0; k < 3; k++) {
            snprintf(ids[k], sizeof(ids[k]), "%u-%d", i, k);
            ops[k] = put_item("n", ids[k], i, "<book/>");
        }
        if (driver->commit(s, ops, 3, NULL) != 0 ||
            write(fd, &i, sizeof(i)) != sizeof(i)) {
            _exit(1);
        }
    }
}

static int
count_seq(const struct cnc_store_entry *e, void *priv)
{
    uint8_t *n = priv;

    assert_in_range(e->seq, 1, 9999);
    n[e->seq]++;
    return 0;
}

/* Every acknowledged group is there whole; of the group under way all or
 * nothing. */
static void
check_groups(uint32_t acked)
{
    static uint8_t n[10000];
    struct cnc_store *s = must_open();

    memset(n, 0, sizeof(n));
    assert_int_equal(driver->each(s, count_seq, n, NULL), 0);
    for (uint32_t i = 1; i <= acked; i++) {
        assert_int_equal(n[i], 3);
    }
    assert_true(n[acked + 1] == 0 || n[acked + 1] == 3);
    driver->close(&s);
}

static uint32_t
run_and_kill(uint32_t from, uint32_t n_acks)
{
    uint32_t acked = 0, got;
    int fds[2], status;
    pid_t pid;

    assert_int_equal(pipe(fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        commit_until_killed(fds[1], from);
    }
    close(fds[1]);
    while (acked < from + n_acks &&
           read(fds[0], &got, sizeof(got)) == sizeof(got)) {
        acked = got;
    }
    assert_int_equal(acked, from + n_acks);
    kill(pid, SIGKILL);
    while (read(fds[0], &got, sizeof(got)) == sizeof(got)) {
        acked = got; /* said before it died */
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    close(fds[0]);
    return acked;
}

static void
what_was_acknowledged_survives_kill_9(void **state)
{
    uint32_t acked = 0;

    for (uint32_t round = 0; round < 8; round++) {
        /* From the group under way on: it replaces itself if it is there. */
        acked = run_and_kill(acked + 1, 5 + round * 7);
        check_groups(acked);
    }
}

/* -- damaged, foreign and newer files ------------------------------------ */

static void
fill(int n_items)
{
    struct cnc_store *s = must_open();

    for (int i = 0; i < n_items; i++) {
        char id[16];
        struct cnc_store_op op;

        snprintf(id, sizeof(id), "i%d", i);
        op = put_item("n", id, (uint64_t)i + 1, "<book>some text</book>");
        must_commit(s, &op, 1);
    }
    driver->close(&s);
}

static void
overwrite(off_t at, size_t len)
{
    int fd = open(in_dir("concordance.db"), O_WRONLY);

    assert_true(fd >= 0);
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(pwrite(fd, "\xa5", 1, at + (off_t)i), 1);
    }
    close(fd);
}

static void
file_with_overwritten_pages_is_refused_as_damaged(void **state)
{
    struct stat st;

    fill(300);
    assert_int_equal(stat(in_dir("concordance.db"), &st), 0);
    assert_true(st.st_size > 8 * 4096);
    overwrite(st.st_size / 2, 8192);
    assert_refused("damaged");
    assert_refused(".recover");
}

static void
file_with_an_overwritten_header_is_refused_as_damaged(void **state)
{
    fill(3);
    overwrite(0, 100);
    assert_refused("damaged");
}

static void
truncated_file_is_refused_as_damaged(void **state)
{
    struct stat st;

    fill(300);
    assert_int_equal(stat(in_dir("concordance.db"), &st), 0);
    assert_int_equal(truncate(in_dir("concordance.db"), st.st_size / 2), 0);
    assert_refused("damaged");
}

static void
sql(const char *text)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(in_dir("concordance.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
newer_schema_is_refused_with_its_number(void **state)
{
    fill(1);
    sql("PRAGMA user_version = 99");
    assert_refused("newer version (schema 99");
}

static void
another_programs_database_is_left_alone(void **state)
{
    sql("CREATE TABLE recipes (name TEXT)");
    assert_refused("another program's database");
    sql("INSERT INTO recipes VALUES ('bread')");
}

static void
missing_table_is_refused(void **state)
{
    fill(1);
    sql("DROP TABLE history");
    assert_refused("does not have the tables it should");
}

static void
missing_folder_is_refused_with_its_name(void **state)
{
    char saved[sizeof(dir)];

    memcpy(saved, dir, sizeof(dir));
    strncat(dir, "/no", sizeof(dir) - strlen(dir) - 1);
    assert_refused("/no/concordance.lock");
    memcpy(dir, saved, sizeof(dir));
}

/* -- a disk of our own --------------------------------------------------- */

/* A tmpfs of some pages in a mount name space of this child's own; false
 * where that is not allowed. */
static bool
mount_small_disk(const char *options)
{
    return unshare(CLONE_NEWNS) == 0 &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", dir, "tmpfs", 0, options) == 0;
}

/* Without mounts the file size is limited instead. */
static void
limit_file_size(void)
{
    struct rlimit limit = {400 * 1024, 400 * 1024};

    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
}

static int
count(const struct cnc_store_entry *e, void *priv)
{
    ++*(int *)priv;
    return 0;
}

/* In a child, whose exit code is the number of the check that failed. */
static int
fill_the_disk(void)
{
    struct cnc_store *s = NULL;
    struct cnc_error err = {0};
    char value[8000], id[16];
    int n_acked = 0, n = 0, rc = 0;

    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    if (driver->open(&s, dir, &err) != 0) {
        return 1;
    }
    for (int i = 1; i < 1000 && rc == 0; i++) {
        struct cnc_store_op op;

        snprintf(id, sizeof(id), "i%d", i);
        op = put_item("n", id, (uint64_t)i, value);
        rc = driver->commit(s, &op, 1, &err);
        n_acked += rc == 0;
    }
    if (rc != CNC_ESTORE || strstr(err.text, "the disk is full") == NULL) {
        fprintf(stderr, "rc %d: %s\n", rc, err.text);
        return 2;
    }
    if (driver->each(s, count, &n, &err) != 0 || n != n_acked) {
        return 3;
    }
    driver->close(&s);
    n = 0;
    if (n_acked < 5 || driver->open(&s, dir, &err) != 0) {
        return 4;
    }
    if (driver->each(s, count, &n, &err) != 0 || n != n_acked) {
        return 5;
    }
    driver->close(&s);
    return 0;
}

static void
full_disk_keeps_what_was_acknowledged_and_says_so(void **state)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (!mount_small_disk("size=600k")) {
            limit_file_size();
        }
        _exit(fill_the_disk());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int
open_read_only(void)
{
    struct cnc_store *s = NULL;
    struct cnc_error err = {0};

    if (driver->open(&s, dir, &err) != CNC_ESTORE || s != NULL) {
        return 2;
    }
    return strstr(err.text, "concordance.") != NULL &&
                   strstr(err.text, "check") != NULL
               ? 0
               : 3;
}

static void
read_only_disk_is_refused_with_what_to_check(void **state)
{
    int status;
    pid_t pid;

    fill(1);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (!mount_small_disk("size=600k")) {
            _exit(chmod(dir, 0555) == 0 && geteuid() != 0 ? open_read_only()
                                                          : 77);
        }
        if (mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0) {
            _exit(77);
        }
        _exit(open_read_only());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(chmod(dir, 0700), 0);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void
nothing_is_acknowledged_when_the_file_is_gone_from_its_folder(void **state)
{
    struct cnc_store *s = must_open();
    struct cnc_store_op op = put_item("n", "a", 1, "<book/>");
    struct cnc_error err = {0};
    char aside[4096];

    assert_int_equal(driver->commit(s, &op, 1, &err), 0);
    snprintf(aside, sizeof(aside), "%s", in_dir("aside.db"));
    assert_int_equal(rename(in_dir("concordance.db"), aside), 0);
    op.entry.id = "b";
    assert_int_equal(driver->commit(s, &op, 1, &err), CNC_ESTORE);
    assert_non_null(strstr(err.text, "concordance.db was moved or deleted"));
    assert_int_equal(rename(aside, in_dir("concordance.db")), 0);
    assert_int_equal(driver->commit(s, &op, 1, &err), 0);
    driver->close(&s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_dir, teardown_dir)

const struct CMUnitTest fault_tests[] = {
    TEST(file_is_readable_by_its_owner_alone),
    TEST(nothing_is_acknowledged_when_the_file_is_gone_from_its_folder),
    TEST(second_opener_is_told_which_process_holds_the_folder),
    TEST(what_was_acknowledged_survives_kill_9),
    TEST(file_with_overwritten_pages_is_refused_as_damaged),
    TEST(file_with_an_overwritten_header_is_refused_as_damaged),
    TEST(truncated_file_is_refused_as_damaged),
    TEST(newer_schema_is_refused_with_its_number),
    TEST(another_programs_database_is_left_alone),
    TEST(missing_table_is_refused),
    TEST(missing_folder_is_refused_with_its_name),
    TEST(full_disk_keeps_what_was_acknowledged_and_says_so),
    TEST(read_only_disk_is_refused_with_what_to_check),
};
const size_t n_fault_tests = CNC_N(fault_tests);
