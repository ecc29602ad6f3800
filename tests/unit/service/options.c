/* SPDX-License-Identifier: MIT */
/* The command line that every front end shares, the modules it names, and
 * the kept form of accounts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../src/base/text.h"
#include "../../../src/service/options.h"

#define MAX_WORDS 6

struct line {
    const char *words[MAX_WORDS];
    const char *said; /* NULL: it is right */
    int used;
};

static const struct line lines[] = {
    {{NULL}, NULL, 0},
    {{"app.so"}, NULL, 0},
    {{"--http", "*:1", "app.so", "--data", "x"}, NULL, 2},
    {{"--http=*:1", "--data=x=y", "app.so"}, NULL, 2},
    {{"--allow-plain", "app.so"}, NULL, 1},
    {{"--renders", "64"}, NULL, 2},
    {{"--help", "--nonsense"}, NULL, 0},
    {{"--version"}, NULL, 0},
    {{"--", "app.so"}, NULL, 0},
    {{"-x"}, NULL, 0}, /* no option of ours: the front end's */
    {{"--nonsense"}, "there is no option --nonsense", 0},
    {{"--htt", "x"}, "there is no option --htt", 0},
    {{"--http"}, "--http needs a value", 0},
    {{"--allow-plain=yes"}, "--allow-plain takes no value", 0},
    {{"--renders", "0"}, "--renders needs a number from 1 to 64", 0},
    {{"--renders", "65"}, "\"65\" is none", 0},
    {{"--renders", "2x"}, "\"2x\" is none", 0},
    {{"--renders="}, "\"\" is none", 0},
    {{"--max-stanza", "99999999999999999999"}, "--max-stanza needs", 0},
};

static void
each_line_is_taken_or_refused_with_its_word(void **state)
{
    for (size_t i = 0; i < CNC_N(lines); i++) {
        struct cnc_service_options o = {.size = sizeof(o)};
        struct cnc_error err = {0};
        int n = 0, used = -1, code;

        while (n < MAX_WORDS && lines[i].words[n] != NULL) {
            n++;
        }
        code = cnc_service_options_parse(&o, n, (char *const *)lines[i].words,
                                         &used, &err);
        if (lines[i].said == NULL) {
            assert_int_equal(code, 0);
            assert_int_equal(used, lines[i].used);
        } else {
            assert_int_equal(code, CNC_EINVAL);
            if (strstr(err.text, lines[i].said) == NULL) {
                fail_msg("line %zu: %s", i, err.text);
            }
        }
        cnc_service_options_fini(&o);
    }
}

static void
values_reach_their_members(void **state)
{
    static const char *const words[] = {
        "--domain=d",         "--http=h",          "--data=a",
        "--store=s",          "--www=w",           "--link=l",
        "--files=f",          "--tls-cert=c",      "--tls-key=k",
        "--origin=o1",        "--origin=o2",       "--log-level=warn",
        "--max-stanza=20000", "--max-queue=70000", "--renders=3",
        "--allow-plain"};
    struct cnc_service_options o = {.size = sizeof(o)};
    int used = 0;

    assert_int_equal(cnc_service_options_parse(
                         &o, CNC_N(words), (char *const *)words, &used, NULL),
                     0);
    assert_int_equal(used, CNC_N(words));
    assert_null(o.domain);
    assert_string_equal(o.domains[0].domain, "d");
    assert_string_equal(o.http, "h");
    assert_string_equal(o.domains[0].data, "a");
    assert_string_equal(o.store, "s");
    assert_string_equal(o.domains[0].www, "w");
    assert_string_equal(o.link, "l");
    assert_string_equal(o.domains[0].files, "f");
    assert_string_equal(o.domains[0].tls_cert, "c");
    assert_string_equal(o.domains[0].tls_key, "k");
    assert_string_equal(o.domains[0].origins[0], "o1");
    assert_string_equal(o.domains[0].origins[1], "o2");
    assert_null(o.domains[0].origins[2]);
    assert_string_equal(o.log_level, "warn");
    assert_int_equal(o.max_stanza, 20000);
    assert_int_equal(o.max_queue, 70000);
    assert_int_equal(o.renders, 3);
    assert_true(o.allow_plain);
    cnc_service_options_fini(&o);
    assert_null(o.origins);
    assert_null(o.domains);
}

/* Before the first --domain an option is for all, after it for that one. */
static void
each_domain_has_its_own_words(void **state)
{
    static const char *const words[] = {"--registration",
                                        "--contact=mailto:all@x",
                                        "--domain",
                                        "a.example",
                                        "--contact=mailto:a@x",
                                        "--http=h",
                                        "a.so",
                                        "b.so",
                                        "--domain=b.example",
                                        "--without=pep",
                                        "--data",
                                        "B",
                                        "c.so"};
    static const struct cnc_service_app first[1], second[1];
    struct cnc_service_options o = {.size = sizeof(o)}, of;
    const int n = (int)CNC_N(words);
    char *const *argv = (char *const *)words;
    int used = 0;

    assert_int_equal(cnc_service_options_parse(&o, n, argv, &used, NULL), 0);
    assert_int_equal(used, 6);
    cnc_service_options_apps(&o, first);
    assert_int_equal(
        cnc_service_options_parse(&o, n - 8, argv + 8, &used, NULL), 0);
    assert_int_equal(used, 4);
    cnc_service_options_apps(&o, second);
    assert_null(o.domains[2].domain);
    assert_string_equal(o.http, "h");
    assert_null(o.data);
    cnc__options_of(&of, &o, &o.domains[0]);
    assert_string_equal(of.domain, "a.example");
    assert_ptr_equal(of.apps, first);
    assert_string_equal(of.contact[0], "mailto:all@x");
    assert_string_equal(of.contact[1], "mailto:a@x");
    assert_null(of.contact[2]);
    assert_true(of.registration);
    assert_null(of.without);
    assert_null(of.data);
    cnc_service_options_fini(&of);
    cnc__options_of(&of, &o, &o.domains[1]);
    assert_ptr_equal(of.apps, second);
    assert_string_equal(of.contact[0], "mailto:all@x");
    assert_null(of.contact[1]);
    assert_string_equal(of.without[0], "pep");
    assert_string_equal(of.data, "B");
    cnc_service_options_fini(&of);
    cnc_service_options_fini(&o);
}

static void
a_domain_named_after_its_app_is_refused(void **state)
{
    static const char *const words[] = {"--domain", "late.example"};
    static const struct cnc_service_app apps[1];
    struct cnc_service_options o = {.size = sizeof(o)};
    struct cnc_error err = {0};
    int used = 0;

    cnc_service_options_apps(&o, apps);
    assert_int_equal(
        cnc_service_options_parse(&o, 2, (char *const *)words, &used, &err),
        CNC_EINVAL);
    assert_non_null(strstr(err.text, "--domain late.example comes after"));
    cnc_service_options_fini(&o);
}

static void
every_option_is_in_the_help(void **state)
{
    for (size_t i = 0; i < cnc__n_options; i++) {
        const struct cnc__option *opt = &cnc__options[i];
        struct cnc__str want = CNC__STR;

        cnc__str_printf(&want, "\n  --%s%s%s", opt->name,
                        opt->value == NULL ? "" : " ",
                        opt->value == NULL ? "" : opt->value);
        assert_non_null(strstr(cnc_service_options_help(), want.data));
        cnc__str_fini(&want);
    }
}

/* -- modules ----------------------------------------------------------------
 */

static void
expect_app(const char *path, const char *said)
{
    const struct cnc_app *app = NULL;
    struct cnc_error err = {0};

    assert_int_equal(cnc_app_load(&app, path, &err), CNC_EINVAL);
    assert_null(app);
    if (strstr(err.text, said) == NULL) {
        fail_msg("%s: %s", path, err.text);
    }
}

static void
a_module_that_is_no_app_says_so(void **state)
{
    const struct cnc_app *app = NULL;

    expect_app("/nowhere/app.so", "cannot load the app: /nowhere/app.so");
    expect_app("app.so", "./app.so"); /* not one of the system's */
    expect_app(__FILE__, "cannot load the app");
    expect_app(MODULES "/store-strict.so", "does not say CNC_APP(name, ...)");
    expect_app(MODULES "/old-app.so", "app ABI 99");
    assert_int_equal(cnc_app_load(&app, MODULES "/app.so", NULL), 0);
    assert_string_equal(app->name, "app");
}

static void
expect_store(const char *name, const char *said)
{
    const struct cnc_store_driver *driver = NULL;
    struct cnc_error err = {0};

    assert_int_equal(cnc__store_find(&driver, name, &err), CNC_EINVAL);
    assert_null(driver);
    if (strstr(err.text, said) == NULL) {
        fail_msg("%s: %s", name, err.text);
    }
}

static void
a_store_is_found_or_the_text_says_which_there_are(void **state)
{
    const struct cnc_store_driver *driver = NULL;

    assert_int_equal(setenv("CONCORDANCE_PLUGINS", MODULES, 1), 0);
    expect_store("", "there is no store \"\"");
    expect_store("tape", "there is no store \"tape\"");
    expect_store("../x", "try memory or sqlite");
    expect_store("old", "is no store plug-in for this version");
    expect_store("none", "is no store plug-in for this version");
    assert_int_equal(cnc__store_find(&driver, "memory", NULL), 0);
    assert_string_equal(driver->name, "memory");
    assert_int_equal(cnc__store_find(&driver, "strict", NULL), 0);
    assert_string_equal(driver->name, "strict");
}

/* -- accounts ----------------------------------------------------------------
 */

static void
load_account(struct cnc__logins *a, const char *user, const char *text)
{
    struct cnc_store_entry e = {.kind = CNC_STORE_KEY,
                                .node = "account",
                                .id = user,
                                .publisher = "",
                                .value = text,
                                .len = strlen(text)};

    cnc__logins_load(a, &e);
}

static void
add_line(struct cnc__str *out, const char *name,
         const struct cnc__scram_keys *k, size_t n_key)
{
    cnc__str_printf(out, "%s %u ", name, k->iterations);
    cnc__base64_encode(out, k->salt, k->n_salt);
    cnc__str_putc(out, ' ');
    cnc__base64_encode(out, k->stored_key, n_key);
    cnc__str_putc(out, ' ');
    cnc__base64_encode(out, k->server_key, n_key);
    cnc__str_putc(out, '\n');
}

static unsigned n_logged;

static void
count_lines(enum cnc_log_level level, const char *event, const char *text,
            void *priv)
{
    assert_string_equal(event, "account.load");
    assert_null(strstr(text, "SCRAM")); /* keys are nobody's to read */
    n_logged++;
}

static void
kept_keys_are_read_whole_or_not_at_all(void **state)
{
    struct cnc_service service = {.magic = CNC__SERVICE_MAGIC};
    struct cnc__logins *a = cnc__logins_new(&service);
    struct cnc__scram_keys k1, k256, got;
    struct cnc__str good = CNC__STR, shorter = CNC__STR;

    cnc__log_to(count_lines, NULL);
    cnc__scram_derive(&k256, "secret", true, 4096);
    cnc__scram_derive(&k1, "secret", false, 4096);
    add_line(&good, "SCRAM-SHA-256", &k256, 32);
    add_line(&good, "SCRAM-SHA-1", &k1, 20);
    load_account(a, "juliet", good.data);
    assert_int_equal(cnc__logins_keys(&got, "juliet", true, a), 0);
    assert_int_equal(got.iterations, 4096);
    assert_int_equal(got.n_key, 32);
    assert_memory_equal(got.salt, k256.salt, k256.n_salt);
    assert_memory_equal(got.stored_key, k256.stored_key, 32);
    assert_memory_equal(got.server_key, k256.server_key, 32);
    assert_int_equal(cnc__logins_keys(&got, "juliet", false, a), 0);
    assert_memory_equal(got.stored_key, k1.stored_key, 20);
    assert_int_equal(cnc__logins_keys(&got, "romeo", true, a), CNC_ENOENT);
    for (size_t len = 0; len < good.len; len++) {
        char *cut = cnc__strndup(good.data, len);

        load_account(a, "romeo", cut);
        assert_int_equal(cnc__logins_keys(&got, "romeo", true, a), CNC_ENOENT);
        cnc__free(cut);
    }
    /* A key of no bytes would let everybody in. */
    add_line(&shorter, "SCRAM-SHA-256", &k256, 0);
    add_line(&shorter, "SCRAM-SHA-1", &k1, 0);
    load_account(a, "romeo", shorter.data);
    assert_int_equal(cnc__logins_keys(&got, "romeo", true, a), CNC_ENOENT);
    assert_int_equal(n_logged, good.len + 1);
    cnc__log_to(NULL, NULL);
    cnc__str_fini(&good);
    cnc__str_fini(&shorter);
    cnc__logins_free(&a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_taken_or_refused_with_its_word),
        cmocka_unit_test(values_reach_their_members),
        cmocka_unit_test(each_domain_has_its_own_words),
        cmocka_unit_test(a_domain_named_after_its_app_is_refused),
        cmocka_unit_test(every_option_is_in_the_help),
        cmocka_unit_test(a_module_that_is_no_app_says_so),
        cmocka_unit_test(a_store_is_found_or_the_text_says_which_there_are),
        cmocka_unit_test(kept_keys_are_read_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
