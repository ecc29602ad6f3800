/* SPDX-License-Identifier: MIT */
/* Pages with parameters, chosen and sorted records; pages for some; the end
 * of a page. */
#include "bench.h"

#include <stdio.h>
#include <sys/stat.h>

static const struct cnc_page by_author = {.path = "/by/{author}",
                                          .node = "library",
                                          .template_ = "t.xsl",
                                          .title = "Books by {author}",
                                          .where = "author={author}"};

static void
page_add(struct bench *b, const struct cnc_page *page)
{
    struct cnc_error err = {0};
    if (cnc__agent_page(b->agent, &bench_app, page, &err) != 0) {
        fail_msg("%s", err.text);
    }
    bench_run(b);
}

static struct bench *
shelf(void)
{
    struct bench *b = bench_new(&bench_page, 0);
    page_add(b, &by_author);
    bench_publish_by(b, "e", "Emma", "Austen");
    bench_publish_by(b, "h", "Hamlet", "Shakespeare");
    bench_run(b);
    return b;
}

static void
an_address_shows_the_records_that_match(void **state)
{
    struct bench *b = shelf();
    bench_get(b, "/by/Austen", NULL);
    assert_int_equal(b->answer->status, 200);
    assert_has(b->answer->body, "Emma");
    assert_lacks(b->answer->body, "Hamlet");
    assert_has(b->answer->body, "<title>Books by Austen</title>");
    assert_has(b->answer->body, "content=\"view:/by/Austen\"");
    bench_get(b, "/by/Nobody", NULL);
    assert_int_equal(b->answer->status, 200);
    assert_lacks(b->answer->body, "Emma");
    bench_get(b, "/by/", NULL);
    assert_int_equal(b->answer->status, 404);
    bench_get(b, "/by/Austen/more", NULL);
    assert_int_equal(b->answer->status, 404);
    bench_get(b, "/by/Austen/", NULL);
    assert_int_equal(b->answer->status, 308);
    bench_free(b);
}

static void
a_text_of_any_kind_is_a_parameter(void **state)
{
    struct bench *b = shelf();
    bench_publish_by(b, "x", "Odd", "O'B\"<&> Łęć? 100%");
    bench_run(b);
    bench_get(b, "/by/O'B\"<&> Łęć", NULL);
    assert_int_equal(b->answer->status, 200);
    assert_lacks(b->answer->body, "Odd");
    bench_get(b, "/by/author=Austen", NULL);
    assert_lacks(b->answer->body, "Emma");
    char path[400] = "/by/";
    memset(path + 4, 'a', CNC__WEB_MAX_VALUE + 1);
    bench_get(b, path, NULL);
    assert_int_equal(b->answer->status, 404);
    bench_get(b, "/by/\xef\xbf\xbe", NULL); /* U+FFFE: not in XML */
    assert_int_equal(b->answer->status, 404);
    bench_free(b);
}

static void
a_record_appears_and_leaves_live(void **state)
{
    struct bench *b = shelf();
    bench_get(b, "/by/Austen", NULL);
    assert_int_equal(bench_n_patches_of(b, "view:/by/Austen"), 0);
    bench_publish_by(b, "p", "Persuasion", "Austen");
    bench_run(b);
    bench_publish_by(b, "m", "Macbeth", "Shakespeare");
    bench_run(b);
    assert_int_equal(bench_n_patches_of(b, "view:/by/Austen"), 1);
    char *patch = bench_patch_of(b, "view:/by/Austen", 0);
    assert_has(patch, "Persuasion");
    cnc__free(patch);
    bench_publish_by(b, "e", "Emma", "Somebody else");
    bench_run(b);
    patch = bench_patch_of(b, "view:/by/Austen", 1);
    assert_has(patch, "remove");
    cnc__free(patch);
    bench_publish_by(b, "h", "Hamlet", "Austen"); /* older than the last one */
    bench_run(b);
    bench_get(b, "/by/Austen", NULL);
    assert_lacks(b->answer->body, "Emma");
    assert_true(strstr(b->answer->body, "Hamlet") <
                strstr(b->answer->body, "Persuasion"));
    bench_retract(b, "p");
    bench_run(b);
    assert_int_equal(bench_n_patches_of(b, "view:/by/Austen"), 4);
    bench_get(b, "/by/Austen", NULL);
    assert_lacks(b->answer->body, "Persuasion");
    bench_free(b);
}

static void
assert_order(struct bench *b, const char *path, const char *a, const char *c)
{
    bench_get(b, path, NULL);
    assert_has(b->answer->body, a);
    assert_has(b->answer->body, c);
    assert_true(strstr(b->answer->body, a) < strstr(b->answer->body, c));
}

static void
an_order_is_kept_live(void **state)
{
    static const struct cnc_page sorted = {.path = "/titles",
                                           .node = "library",
                                           .template_ = "t.xsl",
                                           .sort = "title",
                                           .window = 3};
    struct bench *b = shelf();
    page_add(b, &sorted);
    assert_order(b, "/titles", "Emma", "Hamlet");
    bench_publish(b, "a", "Antigone");
    bench_run(b);
    assert_order(b, "/titles", "Antigone", "Emma");
    bench_publish(b, "z", "Zadig");
    bench_run(b);
    bench_get(b, "/titles", NULL);
    assert_lacks(b->answer->body, "Zadig");
    assert_has(b->answer->body, "?before=h");
    bench_get(b, "/titles?before=h", NULL);
    assert_has(b->answer->body, "Zadig");
    assert_lacks(b->answer->body, "Hamlet");
    bench_publish(b, "a", "Yvain"); /* moves behind what is shown */
    bench_run(b);
    bench_get(b, "/titles", NULL);
    assert_has(b->answer->body, "Yvain");
    assert_order(b, "/titles", "Hamlet", "Yvain");
    bench_publish(b, "e", "Emma, again"); /* in its place */
    bench_run(b);
    assert_order(b, "/titles", "Emma, again", "Hamlet");
    bench_retract(b, "h");
    bench_run(b);
    assert_order(b, "/titles", "Yvain", "Zadig");
    assert_lacks(b->answer->body, "?before=");
    bench_free(b);
}

static void
text_wins_over_a_parameter(void **state)
{
    static const struct cnc_page exact = {.path = "/by/Austen",
                                          .node = "library",
                                          .template_ = "t.xsl",
                                          .title = "Exactly"};
    static const struct cnc_page half = {.path = "/{what}/Shakespeare",
                                         .node = "library",
                                         .template_ = "t.xsl",
                                         .title = "Half"};
    static const struct cnc_page same = {
        .path = "/by/{anybody}", .node = "library", .template_ = "t.xsl"};
    struct bench *b = shelf();
    struct cnc_error err = {0};
    bench_get(b, "/by/Austen", NULL);
    page_add(b, &exact);
    page_add(b, &half);
    bench_get(b, "/by/Austen", NULL);
    assert_has(b->answer->body, "<title>Exactly</title>");
    bench_get(b, "/by/Shakespeare", NULL);
    assert_has(b->answer->body, "<title>Books by Shakespeare</title>");
    bench_get(b, "/of/Shakespeare", NULL);
    assert_has(b->answer->body, "<title>Half</title>");
    assert_int_equal(cnc__agent_page(b->agent, &bench_app, &same, &err),
                     CNC_EEXIST);
    assert_has(err.text, "/by/{author}");
    bench_free(b);
}

static void
a_wrong_path_or_query_is_refused_by_name(void **state)
{
    static const struct {
        struct cnc_page page;
        const char *says;
    } t[] = {
        {{.path = "/x-{a}", .node = "library"}, "x-{a}"},
        {{.path = "/{a}/{a}", .node = "library"}, "twice"},
        {{.path = "/{}", .node = "library"}, "no parameter"},
        {{.path = "/{a}", .node = "library", .where = "author={b}"}, "{b}"},
        {{.path = "/{a}", .node = "library", .where = "color={a}"}, "color"},
        {{.path = "/{a}", .node = "shelf"}, "shelf"},
        {{.path = "/x"}, "no node"},
        {{.path = "/x", .node = "library", .command = "apps"}, "not both"},
    };
    struct bench *b = bench_new(&bench_page, 0);
    for (size_t i = 0; i < CNC_N(t); i++) {
        struct cnc_error err = {0};
        assert_int_equal(
            cnc__agent_page(b->agent, &bench_app, &t[i].page, &err),
            CNC_EINVAL);
        assert_has(err.text, t[i].says);
    }
    bench_free(b);
}

static size_t
n_pages(struct bench *b)
{
    struct cnc__agent_stats s;
    cnc__agent_stats(b->agent, &s);
    return s.pages;
}

static void
a_page_that_nobody_looks_at_goes(void **state)
{
    struct bench *b = shelf();
    bench_get(b, "/by/Austen", NULL);
    assert_int_equal(n_pages(b), 2);
    for (unsigned i = 0; i < CNC__WEB_IDLE - 1; i++) {
        cnc__agent_tick(b->agent);
    }
    assert_int_equal(n_pages(b), 2);
    cnc__agent_tick(b->agent);
    assert_int_equal(n_pages(b), 1);
    assert_null(cnc__pubsub_node(b->pubsub, "view:/by/Austen"));
    bench_run(b);
    assert_null(cnc__table_get(b->docs, "/by/Austen"));
    bench_get(b, "/by/Austen", NULL);
    assert_has(b->answer->body, "Emma");
    bench_free(b);
}

static void
hostile_addresses_have_little_room(void **state)
{
    struct bench *b = shelf();
    char path[32];
    bench_get(b, "/by/Austen", NULL);
    for (int i = 0; i < 600; i++) {
        snprintf(path, sizeof(path), "/by/%d", i);
        bench_get(b, path, NULL);
        assert_int_equal(b->answer->status, 200);
        if (i % 100 == 0) {
            bench_get(b, "/by/Austen", NULL); /* this one is wanted */
        }
    }
    assert_int_equal(n_pages(b), 1 + CNC__WEB_INSTANCES);
    assert_non_null(cnc__pubsub_node(b->pubsub, "view:/by/Austen"));
    assert_null(cnc__pubsub_node(b->pubsub, "view:/by/0"));
    assert_true(cnc__table_len(b->docs) <= 2 + CNC__WEB_INSTANCES);
    /* While many are being made the next is made for its request alone. */
    b->hold_render = true;
    for (int i = 0; i < 17; i++) {
        snprintf(path, sizeof(path), "/by/more%d", i);
        bench_get(b, path, NULL);
    }
    assert_int_equal(b->answer->n, 0);
    b->hold_render = false;
    bench_run(b);
    assert_int_equal(b->answer->status, 200);
    assert_lacks(b->answer->body, "view:");
    bench_free(b);
}

static void
a_page_with_readers_is_for_them(void **state)
{
    static const struct cnc_page staff = {.path = "/staff",
                                          .node = "library",
                                          .template_ = "t.xsl",
                                          .readers = "staff editors"};
    struct bench *b = bench_new(&bench_page, BENCH_FILES);
    char file[100];
    struct stat st;
    page_add(b, &staff);
    bench_publish(b, "e", "Emma");
    bench_run(b);
    bench_get(b, "/staff", NULL);
    assert_int_equal(b->answer->status, 403);
    assert_lacks(b->answer->body, "Emma");
    b->jid = "anna@books.example";
    bench_get(b, "/staff", NULL);
    assert_int_equal(b->answer->status, 403);
    b->role = "editors";
    bench_get(b, "/staff", NULL);
    assert_int_equal(b->answer->status, 200);
    assert_has(b->answer->body, "Emma");
    assert_string_equal(bench_header(b, "Cache-Control"), "private, no-store");
    snprintf(file, sizeof(file), "%s/staff/index.html", b->www);
    assert_int_not_equal(stat(file, &st), 0);
    struct cnc__node *view = cnc__pubsub_node(b->pubsub, "view:/staff");
    struct cnc__actor who = {.jid = "anna@books.example"};
    assert_int_equal(
        cnc__pubsub_may(b->pubsub, &who, CNC__MAY_SEE, view, NULL), 0);
    who.jid = "bob@books.example";
    assert_int_equal(
        cnc__pubsub_may(b->pubsub, &who, CNC__MAY_SEE, view, NULL),
        CNC_EACCES);
    bench_free(b);
}

static void
a_closed_page_sends_guests_to_the_login_page(void **state)
{
    static const struct cnc_page staff = {.path = "/staff",
                                          .node = "library",
                                          .template_ = "t.xsl",
                                          .readers = "staff"};
    static const struct cnc_page login = {.path = "/enter",
                                          .command = "login"};
    struct bench *b = bench_new(&bench_page, 0);
    page_add(b, &staff);
    page_add(b, &login);
    bench_get(b, "/staff?a=b&c", NULL);
    assert_int_equal(b->answer->status, 303);
    assert_string_equal(bench_header(b, "Location"),
                        "/enter?next=%2Fstaff%3Fa%3Db%26c");
    b->jid = "anna@books.example";
    bench_get(b, "/staff", NULL);
    assert_int_equal(b->answer->status, 403);
    bench_free(b);
}

static void
a_form_is_posted_as_who_posts_it(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    b->jid = "anna@books.example";
    bench_post(b, "/?form=library", NULL, "title=Emma");
    assert_int_equal(b->answer->status, 303);
    assert_string_equal(b->submitter, "anna@books.example");
    bench_free(b);
}

static void
a_page_that_is_removed_is_gone(void **state)
{
    struct bench *b = bench_new(&bench_page, BENCH_FILES);
    char file[100];
    struct stat st;
    page_add(b, &by_author);
    bench_publish_by(b, "e", "Emma", "Austen");
    bench_run(b);
    bench_get(b, "/by/Austen", NULL);
    snprintf(file, sizeof(file), "%s/index.html", b->www);
    assert_int_equal(stat(file, &st), 0);
    b->hold_render = b->hold_jobs = true; /* in the middle of things */
    bench_publish_by(b, "p", "Persuasion", "Austen");
    bench_get(b, "/by/Shakespeare", NULL);
    assert_int_equal(b->answer->n, 0);
    cnc__agent_page_remove(b->agent, "/");
    cnc__agent_page_remove(b->agent, "/by/{author}");
    cnc__agent_page_remove(b->agent, "/no/such");
    assert_int_equal(b->answer->status, 404);
    b->hold_render = b->hold_jobs = false;
    bench_run(b);
    assert_int_not_equal(stat(file, &st), 0);
    bench_get(b, "/", NULL);
    assert_int_equal(b->answer->status, 404);
    bench_get(b, "/by/Austen", NULL);
    assert_int_equal(b->answer->status, 404);
    assert_null(cnc__pubsub_node(b->pubsub, "view:/"));
    assert_int_equal(n_pages(b), 0);
    page_add(b, &bench_page);
    bench_get(b, "/", NULL);
    assert_has(b->answer->body, "Persuasion");
    assert_int_equal(stat(file, &st), 0);
    bench_free(b);
}

static void
an_app_that_is_loaded_again_keeps_its_pages(void **state)
{
    static const struct cnc_page renamed = {.path = "/",
                                            .node = "library",
                                            .template_ = "t.xsl",
                                            .window = 3,
                                            .title = "New name"};
    struct bench *b = shelf();
    struct cnc_app again = bench_app;
    struct cnc_app other = bench_app;
    struct cnc_error err = {0};
    struct cnc__node *view = cnc__pubsub_node(b->pubsub, "view:/");
    size_t n = bench_n_patches(b);
    other.name = "other";
    assert_int_equal(cnc__agent_page(b->agent, &other, &renamed, &err),
                     CNC_EEXIST);
    assert_int_equal(cnc__agent_page(b->agent, &again, &renamed, &err), 0);
    bench_run(b);
    assert_ptr_equal(cnc__pubsub_node(b->pubsub, "view:/"), view);
    assert_int_equal(bench_n_patches(b), n + 1);
    assert_has(bench_page_html(b), "<title>New name</title>");
    bench_free(b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_shows_the_records_that_match),
        cmocka_unit_test(a_text_of_any_kind_is_a_parameter),
        cmocka_unit_test(a_record_appears_and_leaves_live),
        cmocka_unit_test(an_order_is_kept_live),
        cmocka_unit_test(text_wins_over_a_parameter),
        cmocka_unit_test(a_wrong_path_or_query_is_refused_by_name),
        cmocka_unit_test(a_page_that_nobody_looks_at_goes),
        cmocka_unit_test(hostile_addresses_have_little_room),
        cmocka_unit_test(a_page_with_readers_is_for_them),
        cmocka_unit_test(a_closed_page_sends_guests_to_the_login_page),
        cmocka_unit_test(a_form_is_posted_as_who_posts_it),
        cmocka_unit_test(a_page_that_is_removed_is_gone),
        cmocka_unit_test(an_app_that_is_loaded_again_keeps_its_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
