/* SPDX-License-Identifier: MIT */
/*
 * test-down.c -- what is answered while there is no service.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../src/base/text.h"
#include "../../../src/web/web.h"
#include "fake.h"

#define FORM "Content-Type: application/x-www-form-urlencoded\n"

struct world {
    struct fake fake;
    struct cnc__front *front;
    char www[64];
    bool gzip;
};

static void
on_request(struct fake *f, struct fake_conn *c, const struct cnc_element *iq,
           void *priv)
{
    static const char html[] = "<!DOCTYPE html><html><body class='a>b' id=x>"
                               "<h1>Books</h1>"
                               "<p>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                               "</body></html>";
    struct world *w = priv;
    struct cnc_buf *b = w->gzip ? cnc__pack_gzip(html, sizeof(html) - 1, true)
                                : cnc_buf_new(html, sizeof(html) - 1);
    struct cnc__str more = CNC__STR;

    assert_non_null(b);
    cnc__str_puts(&more, "<data><base64>");
    cnc__base64_encode(&more, cnc_buf_data(b), cnc_buf_len(b));
    cnc__str_puts(&more, "</base64></data><kept xmlns='" CNC__NS_WEB
                         "' key='/books' etag='e1' personal='false'/>");
    fake_answer(c, iq, 200,
                w->gzip ? "ETag: \"e1-gz\"\nX-Own: 1\nContent-Encoding: gzip\n"
                        : "ETag: \"e1\"\nX-Own: 1\n",
                more.data);
    cnc__str_fini(&more);
    cnc_buf_unref(&b);
}

/* -- files below www ------------------------------------------------------
 */

static const char *const folders[] = {"/sub", "/sub/deep"};
static const char *const files[][2] = {
    {"/index.html", "<body>start</body>"},
    {"/index.de.html", "<body>Anfang</body>"},
    {"/sub/deep/index.html", "<body>deep</body>"},
    {"/.index.html", "<body>hidden</body>"}};

static void
write_files(struct world *w)
{
    char path[200];

    memcpy(w->www, "/tmp/front-www-XXXXXX", 22);
    assert_non_null(mkdtemp(w->www));
    for (size_t i = 0; i < CNC_N(folders); i++) {
        snprintf(path, sizeof(path), "%s%s", w->www, folders[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    for (size_t i = 0; i < CNC_N(files); i++) {
        snprintf(path, sizeof(path), "%s%s", w->www, files[i][0]);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(files[i][1], f);
        fclose(f);
    }
    snprintf(path, sizeof(path), "%s/link", w->www);
    assert_int_equal(symlink("sub", path), 0);
}

static void
remove_files(struct world *w)
{
    char path[200];

    snprintf(path, sizeof(path), "%s/link", w->www);
    unlink(path);
    for (size_t i = 0; i < CNC_N(files); i++) {
        snprintf(path, sizeof(path), "%s%s", w->www, files[i][0]);
        unlink(path);
    }
    for (size_t i = CNC_N(folders); i-- > 0;) {
        snprintf(path, sizeof(path), "%s%s", w->www, folders[i]);
        rmdir(path);
    }
    rmdir(w->www);
}

static int
set_up(void **state)
{
    struct world *w = cnc__zalloc(sizeof(*w));
    struct cnc__front_config config = {.owner = -1, .retry_ms = 50};

    fake_init(&w->fake);
    w->fake.on_request = on_request;
    w->fake.priv = w;
    fake_publish(&w->fake, "/books", "e1");
    write_files(w);
    config.link = w->fake.path;
    config.www = w->www;
    assert_int_equal(cnc__front_new(&w->front, &config, NULL), 0);
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *w = *state;

    cnc__front_free(&w->front);
    fake_fini(&w->fake);
    remove_files(w);
    cnc__free(w);
    return 0;
}

/* -- */

static void
expect_has(struct cnc__front_answer *a, int status, const char *const *words,
           size_t n)
{
    char *body = body_of(a);

    assert_int_equal(a->status, status);
    for (size_t i = 0; i < n; i++) {
        if (words[i][0] == '!' && words[i][1] != 'D') {
            assert_null(strstr(body, words[i] + 1));
        } else if (strstr(body, words[i]) == NULL) {
            fail_msg("%s is not in %s", words[i], body);
        }
    }
    cnc__free(body);
    cnc__front_answer_fini(a);
}
#define HAS(a, status, ...)                                                   \
    expect_has(a, status, (const char *const[]){__VA_ARGS__},                 \
               CNC_N(((const char *const[]){__VA_ARGS__})))

/* Kept, and then the service is away. */
static void
keep_and_stop(struct world *w, const char *headers)
{
    struct cnc__front_stats s;
    int64_t until = cnc__flink_now() + 20000;

    fake_start(&w->fake);
    do {
        struct cnc__front_answer a =
            ask(w->front, "GET", "/books", headers, NULL);

        cnc__front_answer_fini(&a);
        cnc__front_stats(w->front, &s);
        assert_true(cnc__flink_now() < until);
    } while (s.kept == 0);
    fake_stop(&w->fake);
    while (s.up) {
        usleep(1000);
        cnc__front_stats(w->front, &s);
        assert_true(cnc__flink_now() < until);
    }
}

/* -- tests ----------------------------------------------------------------
 */

static void
without_any_page_it_is_503(void **state)
{
    struct world *w = *state;
    struct cnc__front_answer a = ask(w->front, "GET", "/none", NULL, NULL);

    assert_string_equal(header_of(&a, "retry-after"), "5");
    assert_string_equal(header_of(&a, "cache-control"), "no-store");
    HAS(&a, 503, "<html lang=\"en\">", "The service is away");
    a = ask(w->front, "GET", "/none", "Accept-Language: fr, de-AT;q=0.8\n",
            NULL);
    HAS(&a, 503, "<html lang=\"de\">", "Der Dienst ist gerade nicht da");
    a = ask(w->front, "HEAD", "/none", NULL, NULL);
    expect(&a, 503, "");
}

static void
a_kept_page_has_a_notice(void **state)
{
    struct world *w = *state;
    struct cnc__front_answer a;
    struct cnc__front_stats s;

    keep_and_stop(w, NULL);
    a = ask(w->front, "GET", "/books", "If-None-Match: \"e1\"\n", NULL);
    assert_string_equal(header_of(&a, "cache-control"), "no-store");
    assert_string_equal(header_of(&a, "x-own"), "1");
    assert_string_equal(header_of(&a, "concordance-old"), "true");
    assert_non_null(header_of(&a, "age"));
    assert_non_null(header_of(&a, "warning"));
    assert_null(header_of(&a, "etag"));
    HAS(&a, 200,
        "<body class='a>b' id=x><p class=\"cnc-note\" role=\"status\"",
        "The service is away just now", "<h1>Books</h1>");
    a = ask(w->front, "GET", "/books", "Accept-Language: de\n", NULL);
    HAS(&a, 200, "Diese Seite zeigt den Stand");
    a = ask(w->front, "GET", "/books?q=1", NULL, NULL);
    expect(&a, 503, NULL);
    cnc__front_stats(w->front, &s);
    assert_int_equal(s.stale, 2);
    assert_false(s.up);
}

static void
a_page_that_was_packed_has_it_too(void **state)
{
    struct world *w = *state;
    struct cnc__front_answer a;

    w->gzip = true;
    keep_and_stop(w, "Accept-Encoding: gzip\n");
    a = ask(w->front, "GET", "/books", "Accept-Encoding: gzip\n", NULL);
    assert_null(header_of(&a, "content-encoding"));
    HAS(&a, 200, "The service is away just now", "<h1>Books</h1>");
}

static void
it_is_good_again_when_the_service_is_back(void **state)
{
    struct world *w = *state;
    struct cnc__front_answer a;

    keep_and_stop(w, NULL);
    a = ask(w->front, "GET", "/books", NULL, NULL);
    HAS(&a, 200, "The service is away");
    fake_start(&w->fake);
    fake_wait(&w->fake, &w->fake.n_logins, 2);
    a = ask(w->front, "POST", "/books?form=x", FORM, "a=b");
    HAS(&a, 200, "<h1>Books</h1>", "!The service is away");
    a = ask(w->front, "GET", "/books", NULL, NULL);
    HAS(&a, 200, "<h1>Books</h1>", "!The service is away");
}

static void
a_page_of_the_folder_is_shown(void **state)
{
    static const char *const none[] = {
        "/sub",           "/link/deep",  "/sub/../sub/deep", "/%2e%2e/etc",
        "/sub//deep",     "/./sub/deep", "/sub/deep%00x",    "//etc",
        "/sub%5cdeep",    "/sub/deep%2", "/.index",          "/index.html",
        "/sub/%2e./deep", "/sub/deep%ff"};
    struct world *w = *state;
    struct cnc__front_answer a = ask(w->front, "GET", "/", NULL, NULL);

    HAS(&a, 200, "<body><p class=\"cnc-note\" role=\"status\"", "start");
    a = ask(w->front, "GET", "/", "Accept-Language: de\n", NULL);
    HAS(&a, 200, "Anfang");
    a = ask(w->front, "GET", "/%73ub/deep", "Accept-Language: de\n", NULL);
    HAS(&a, 200, "deep", "Der Dienst ist");
    for (size_t i = 0; i < CNC_N(none); i++) {
        a = ask(w->front, "GET", none[i], NULL, NULL);
        expect(&a, 503, NULL);
    }
}

static void
what_was_typed_is_kept(void **state)
{
    struct world *w = *state;
    struct cnc__front_answer a =
        ask(w->front, "POST", "/books?form=library&x=%22", FORM,
            "title=Emma+%22%3Cb%3E&text=one%0D%0Atwo&concordance%23id=");

    assert_string_equal(header_of(&a, "retry-after"), "5");
    assert_non_null(strstr(header_of(&a, "content-security-policy"),
                           "form-action 'self'"));
    HAS(&a, 503, "action=\"/books?form=library&amp;x=%22\"",
        "name=\"title\" value=\"Emma &quot;&lt;b&gt;\"", "<textarea",
        "type=\"hidden\" name=\"concordance#id\" value=\"", "Send again",
        "!<b>");
    a = ask(w->front, "POST", "/books?form=library",
            FORM "Accept-Language: de\n", "concordance%23id=mine&title=x");
    HAS(&a, 503, "name=\"concordance#id\" value=\"mine\"",
        "Noch einmal senden");
}

static void
what_may_be_a_password_is_not_shown(void **state)
{
    static const char *const all[] = {"/_do/login", "/_do?node=x",
                                      "/books?do=login",
                                      "/prefix/_do/login?form=x"};
    struct world *w = *state;

    for (size_t i = 0; i < CNC_N(all); i++) {
        struct cnc__front_answer a =
            ask(w->front, "POST", all[i], FORM, "password=secret7");

        HAS(&a, 503, "!secret7", "it may be a password");
    }
}

static void
files_have_to_be_chosen_again(void **state)
{
    struct world *w = *state;
    struct cnc__str body = CNC__STR;
    struct cnc__front_answer a;

    cnc__str_puts(&body, "--x\r\nContent-Disposition: form-data; "
                         "name=\"title\"\r\n\r\nEmma\r\n--x\r\n"
                         "Content-Disposition: form-data; name=\"cover\"; "
                         "filename=\"a.png\"\r\nContent-Type: image/png\r\n"
                         "\r\n");
    for (int i = 0; i < 50000; i++) {
        cnc__str_putc(&body, '#');
    }
    cnc__str_puts(&body, "\r\n--x--\r\n");
    a = ask(w->front, "POST", "/books?form=library",
            "Content-Type: multipart/form-data; boundary=x\n", body.data);
    HAS(&a, 503, "enctype=\"multipart/form-data\"",
        "name=\"title\" value=\"Emma\"", "type=\"file\" name=\"cover\"",
        "please choose them again", "!####");
    cnc__str_fini(&body);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_any_page_it_is_503),
        TEST(a_kept_page_has_a_notice),
        TEST(a_page_that_was_packed_has_it_too),
        TEST(it_is_good_again_when_the_service_is_back),
        TEST(a_page_of_the_folder_is_shown),
        TEST(what_was_typed_is_kept),
        TEST(what_may_be_a_password_is_not_shown),
        TEST(files_have_to_be_chosen_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
