/* SPDX-License-Identifier: MIT */
/* A whole service inside the test: made, run, stopped, on a store that ends
 * the process when it is used by two threads at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <concordance.h>

#include "../../../src/base/check.h"

static char dir[64], data[96];
static unsigned n_ready;
static char url[128], size_seen[16];

static int
on_start(struct cnc_request *r)
{
    snprintf(size_seen, sizeof(size_seen), "%s", cnc_setting(r, "size"));
    return 0;
}

static const struct cnc_record note = {"note", CNC_FIELDS({"text"})};
static const struct cnc_record settings = {"settings",
                                           CNC_FIELDS({"size", .value = "1"})};
static const struct cnc_app notes = {
    .abi = CNC_APP_ABI,
    .size = sizeof(notes),
    .name = "notes",
    .xmlns = "urn:example:notes",
    .nodes = CNC_NODES({"notes", &note, .form = "Add"}),
    .pages = CNC_PAGES({"/", "notes", "notes.xsl"}),
    .settings = &settings,
    .start = on_start};

static void
on_ready(struct cnc_service *s, const char *where, void *priv)
{
    n_ready++;
    snprintf(url, sizeof(url), "%s", where);
    cnc_service_stop(s);
}

static const struct cnc_service_app apps[] = {{&notes, NULL}, {NULL, NULL}};

static struct cnc_service_options
options(void)
{
    return (struct cnc_service_options){.size =
                                            sizeof(struct cnc_service_options),
                                        .http = "127.0.0.1:0",
                                        .data = data,
                                        .store = "strict",
                                        .log_level = "error",
                                        .apps = apps,
                                        .on_ready = on_ready};
}

static int
remove_one(const char *path, const struct stat *st, int flag,
           struct FTW *where)
{
    return remove(path);
}

static int
set_up(void **state)
{
    n_ready = 0;
    snprintf(dir, sizeof(dir), "/tmp/cnc-service-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(data, sizeof(data), "%s/data", dir);
    return 0;
}

static int
tear_down(void **state)
{
    return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void
the_store_has_one_user_at_a_time(void **state)
{
    struct cnc_service_options o = options();

    for (int i = 0; i < 5; i++) {
        struct cnc_service *s = NULL;
        struct cnc_error err = {0};

        if (cnc_service_new(&s, &o, &err) != 0 ||
            cnc_service_run(s, &err) != 0) {
            fail_msg("%s", err.text);
        }
        cnc_service_free(&s);
        assert_null(s);
    }
    assert_int_equal(n_ready, 5);
    assert_int_equal(strncmp(url, "http://127.0.0.1:", 17), 0);
    assert_string_equal(size_seen, "42"); /* the store kept it */
}

static void
a_stop_before_run_ends_it_at_once(void **state)
{
    struct cnc_service_options o = options();
    struct cnc_service *s = NULL;

    assert_int_equal(cnc_service_new(&s, &o, NULL), 0);
    cnc_service_stop(s);
    assert_int_equal(cnc_service_run(s, NULL), 0);
    cnc_service_free(&s);
    assert_int_equal(n_ready, 0);
}

static void
one_that_never_ran_is_freed_whole(void **state)
{
    struct cnc_service_options o = options();
    struct cnc_service *s = NULL;

    assert_int_equal(cnc_service_new(&s, &o, NULL), 0);
    cnc_service_free(&s);
    cnc_service_free(&s); /* NULL is fine */
}

static int
says_no(struct cnc_request *r)
{
    return cnc_refuse(r, NULL, "not today");
}

static void
expect_fault(const struct cnc_service_options *o, const char *said)
{
    struct cnc_service *s = NULL;
    struct cnc_error err = {0};

    assert_true(cnc_service_new(&s, o, &err) < 0);
    assert_null(s);
    if (strstr(err.text, said) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", said, err.text);
    }
}

static const struct cnc_app refuses = {.abi = CNC_APP_ABI,
                                       .size = sizeof(refuses),
                                       .name = "no",
                                       .xmlns = "urn:x",
                                       .flags = CNC_APP_THREADED,
                                       .start = says_no};
static const struct cnc_app lost_page = {
    .abi = CNC_APP_ABI,
    .size = sizeof(lost_page),
    .name = "lost",
    .xmlns = "urn:x",
    .pages = CNC_PAGES({"/", "nowhere", "x.xsl"})};

static void
a_start_that_fails_at_any_step_leaves_nothing(void **state)
{
    const struct cnc_service_app twice[] = {
        {&notes, NULL}, {&notes, NULL}, {NULL, NULL}};
    const struct cnc_service_app no[] = {
        {&notes, NULL}, {&refuses, NULL}, {NULL, NULL}};
    const struct cnc_service_app lost[] = {{&lost_page, NULL}, {NULL, NULL}};
    struct cnc_service_options o = options();

    o.size = 4;
    expect_fault(&o, "another version of Concordance");
    o = options();
    o.domain = "";
    expect_fault(&o, "--domain");
    o = options();
    o.log_level = "loud";
    expect_fault(&o, "not \"loud\"");
    o = options();
    o.tls_key = "key";
    expect_fault(&o, "go together");
    o = options();
    o.data = "/dev/null/data";
    expect_fault(&o, "choose another with --data");
    o = options();
    o.store = "tape";
    expect_fault(&o, "there is no store \"tape\"");
    o = options();
    o.store = "broken";
    expect_fault(&o, "the store is broken");
    o = options();
    o.store = "garbage";
    expect_fault(&o, "the store is damaged: node notes");
    o = options();
    o.apps = twice;
    expect_fault(&o, "two apps called \"notes\"");
    o.apps = no;
    expect_fault(&o, "app \"no\" refused to start: not today");
    o.apps = lost;
    expect_fault(&o, "nowhere");
    o = options();
    o.http = "nonsense";
    expect_fault(&o, "is not an address");
    o = options();
    o.link = "/nowhere/link";
    expect_fault(&o, "/nowhere/link");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_store_has_one_user_at_a_time),
        TEST(a_stop_before_run_ends_it_at_once),
        TEST(one_that_never_ran_is_freed_whole),
        TEST(a_start_that_fails_at_any_step_leaves_nothing),
    };
    setenv("CONCORDANCE_PLUGINS", MODULES, 1);
    setenv("CONCORDANCE_RENDER", RENDER, 1);
    setenv("CONCORDANCE_RUNTIME", RUNTIME, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
