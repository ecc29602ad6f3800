/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../src/base/log.h"
#include "../../../src/base/str.h"
#include "../../../src/base/text.h"
#include "test.h"

static char last[16384];
static int n_lines;

static void
take(enum cnc_log_level level, const char *event, const char *text, void *priv)
{
    snprintf(last, sizeof(last), "%d %s %s", (int)level, event, text);
    n_lines++;
    assert_ptr_equal(priv, last);
}

static void
a_peer_cannot_forge_a_line(void **state)
{
    cnc__log_to(take, last);
    cnc__log(CNC_LOG_WARN, "stream.bad", "name=%s",
             "a\nb\r\x1B[0m\x7F\xC3\xA4\xC2\x9B\xFF\xE2\x82");
    assert_string_equal(last, "2 stream.bad name=a\\x0ab\\x0d\\x1b[0m\\x7f"
                              "\xC3\xA4\\xc2\\x9b\\xff\\xe2\\x82");
    cnc__log_to(NULL, NULL);
}

static void
what_is_below_the_level_is_not_told(void **state)
{
    cnc__log_to(take, last);
    n_lines = 0;
    cnc__log(CNC_LOG_DEBUG, "x", "y");
    assert_int_equal(n_lines, 0);
    cnc__log_level(CNC_LOG_DEBUG);
    cnc__log(CNC_LOG_DEBUG, "x", "y");
    assert_int_equal(n_lines, 1);
    cnc__log_level(CNC_LOG_ERROR);
    cnc__log(CNC_LOG_WARN, "x", "y");
    assert_int_equal(n_lines, 1);
    cnc__log_level(CNC_LOG_INFO);
    cnc__log_to(NULL, NULL);
}

static void
a_long_line_is_cut(void **state)
{
    cnc__log_to(take, last);
    cnc__log(CNC_LOG_INFO, "x", "%08000d", 1);
    assert_int_equal(strlen(last), 4 + 4095 + 3);
    cnc__log_to(NULL, NULL);
}

static void
a_line_on_stderr_has_date_level_event_and_text(void **state)
{
    int fds[2], before = dup(STDERR_FILENO);
    assert_int_equal(pipe(fds), 0);
    dup2(fds[1], STDERR_FILENO);
    cnc__log(CNC_LOG_INFO, "stream.open", "peer=%s", "[::1]:5222");
    cnc__log(CNC_LOG_ERROR, "stop", "%s", "");
    dup2(before, STDERR_FILENO);
    close(before);
    close(fds[1]);
    char text[256];
    ssize_t n = read(fds[0], text, sizeof(text) - 1);
    close(fds[0]);
    assert_true(n > 25);
    text[n] = '\0';
    char *rest = text + 24;
    assert_int_equal(*rest, ' ');
    assert_string_equal(strchr(rest, '\n') + 25, " error stop\n");
    *rest = '\0';
    int64_t ms;
    assert_int_equal(cnc__parse_datetime(&ms, text), 0);
    *strchr(rest + 1, '\n') = '\0';
    assert_string_equal(rest + 1, "info stream.open peer=[::1]:5222");
}

static size_t
read_all(const char *path, char *out, size_t cap)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(out, 1, cap - 1, f);
    fclose(f);
    out[n] = '\0';
    return n;
}

static void
a_file_is_added_to_and_opened_again(void **state)
{
    char dir[] = "/tmp/cnc-log-XXXXXX", path[64], moved[64], text[512];
    struct cnc_error err = {0};
    struct stat st;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/log", dir);
    snprintf(moved, sizeof(moved), "%s/log.1", dir);
    umask(0);
    assert_int_equal(cnc__log_file(path, NULL), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    cnc__log(CNC_LOG_INFO, "one", "x=1");
    assert_int_equal(rename(path, moved), 0);
    cnc__log(CNC_LOG_INFO, "two", "x=2");
    assert_int_equal(cnc__log_file("/nowhere/log", &err), CNC_ESYS);
    assert_string_equal(err.text,
                        "cannot write the log /nowhere/log: No such file or "
                        "directory");
    cnc__log(CNC_LOG_INFO, "three", "x=3");
    assert_int_equal(cnc__log_file(path, NULL), 0);
    cnc__log(CNC_LOG_INFO, "four", "x=4");
    assert_int_equal(cnc__log_file(NULL, NULL), 0);
    read_all(moved, text, sizeof(text));
    assert_non_null(strstr(text, "Z info one x=1\n"));
    assert_non_null(strstr(text, "Z info two x=2\n"));
    assert_non_null(strstr(text, "Z info three x=3\n"));
    assert_null(strstr(text, "four"));
    read_all(path, text, sizeof(text));
    assert_string_equal(text + 24, " info four x=4\n");
    unlink(path);
    unlink(moved);
    rmdir(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_cannot_forge_a_line),
        cmocka_unit_test(what_is_below_the_level_is_not_told),
        cmocka_unit_test(a_long_line_is_cut),
        cmocka_unit_test(a_file_is_added_to_and_opened_again),
        cmocka_unit_test(a_line_on_stderr_has_date_level_event_and_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
