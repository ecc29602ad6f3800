/* SPDX-License-Identifier: MIT */
/* Files of pages: their names, and how one takes another's place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../../src/web/disk.h"

static char root[64];

static char *
path_of(const char *name)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", root, name);
    return path;
}

static bool
is_there(const char *name)
{
    return access(path_of(name), F_OK) == 0;
}

static struct stat
look(const char *name)
{
    struct stat st;

    assert_int_equal(lstat(path_of(name), &st), 0);
    return st;
}

static bool
put(const char *name, const char *text)
{
    const struct cnc__disk_file f[2] = {{"", text, strlen(text)},
                                        {".gz", NULL, 0}};
    struct cnc_error err = {0};
    bool changed = false;

    assert_int_equal(cnc__disk_put(root, name, f, 2, &changed, &err), 0);
    return changed;
}

static void
a_key_is_a_name_or_none(void **state)
{
    static const char *const cases[][2] = {
        {"/", "index.html"},
        {"/books", "books/index.html"},
        {"/by/Jane Austen", "by/Jane Austen/index.html"},
        {"de:/", "index.de.html"},
        {"pt-br:/by/x", "by/x/index.pt-br.html"},
        {"/..", NULL},
        {"/a/../b", NULL},
        {"/.htaccess", NULL},
        {"/a//b", NULL},
        {"books", NULL},
    };
    struct cnc__str name = CNC__STR;
    char longer[400] = "/";

    for (size_t i = 0; i < CNC_N(cases); i++) {
        int rc = cnc__disk_name(&name, cases[i][0], NULL);

        assert_int_equal(rc, cases[i][1] == NULL ? CNC_EINVAL : 0);
        if (rc == 0) {
            assert_string_equal(name.data, cases[i][1]);
        }
    }
    memset(longer + 1, 'x', sizeof(longer) - 2);
    assert_int_equal(cnc__disk_name(&name, longer, NULL), CNC_EINVAL);
    cnc__str_fini(&name);
}

static void
a_file_that_is_the_same_keeps_its_time(void **state)
{
    struct stat a, b, c;

    assert_true(put("p/index.html", "one"));
    a = look("p/index.html");
    assert_false(put("p/index.html", "one"));
    b = look("p/index.html");
    assert_int_equal(a.st_ino, b.st_ino);
    assert_true(put("p/index.html", "two"));
    c = look("p/index.html");
    assert_true(c.st_mtim.tv_sec > a.st_mtim.tv_sec); /* of the same size */
    assert_true(put("p/index.html", "three"));
}

static void
what_went_takes_its_empty_folders_along(void **state)
{
    struct cnc_error err = {0};

    put("by/a/index.html", "a");
    put("by/b/index.html", "b");
    assert_int_equal(cnc__disk_remove(root, "by/a/index.html", &err), 0);
    assert_false(is_there("by/a"));
    assert_true(is_there("by/b/index.html"));
    assert_int_equal(cnc__disk_remove(root, "by/b/index.html", &err), 0);
    assert_false(is_there("by"));
    assert_int_equal(cnc__disk_remove(root, "by/b/index.html", &err), 0);
}

static void
no_link_is_followed(void **state)
{
    const struct cnc__disk_file f = {"", "x", 1};
    struct cnc_error err = {0};

    assert_int_equal(mkdir(path_of("real"), 0755), 0);
    assert_int_equal(symlink("real", path_of("link")), 0);
    assert_int_equal(cnc__disk_put(root, "link/index.html", &f, 1, NULL, &err),
                     CNC_ESYS);
    assert_non_null(strstr(err.text, "link/index.html"));
    assert_false(is_there("real/index.html"));
    /* A link in a file's place is replaced, not written through. */
    assert_int_equal(symlink("other", path_of("real/index.html")), 0);
    assert_int_equal(cnc__disk_put(root, "real/index.html", &f, 1, NULL, &err),
                     0);
    assert_true(S_ISREG(look("real/index.html").st_mode));
    assert_false(is_there("real/other"));
}

static int
begin(void **state)
{
    snprintf(root, sizeof(root), "/tmp/test-disk-XXXXXX");
    return mkdtemp(root) == NULL ? -1 : 0;
}

static int
end(void **state)
{
    static const char *const names[] = {"p/index.html", "real/index.html",
                                        "link"};

    for (size_t i = 0; i < CNC_N(names); i++) {
        unlink(path_of(names[i]));
    }
    rmdir(path_of("p"));
    rmdir(path_of("real"));
    return rmdir(root);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_a_name_or_none),
        cmocka_unit_test(a_file_that_is_the_same_keeps_its_time),
        cmocka_unit_test(what_went_takes_its_empty_folders_along),
        cmocka_unit_test(no_link_is_followed),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
