/* SPDX-License-Identifier: MIT */
/* Forms posted without JavaScript. */
#include "bench.h"

static void
an_accepted_form_is_303_to_a_page_that_shows_it(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    b->hold_render = true;
    bench_post(b, "/?form=library", NULL,
               "concordance%23id=my-id&title=Dive+Into+Python%203&author=&"
               "isbn=9781430224150");
    struct answer *a = b->answer;
    assert_int_equal(cnc__node_n_items(b->library), 1); /* it is kept */
    assert_int_equal(a->n, 0); /* but the snapshot is not there yet */
    b->hold_render = false;
    bench_run(b);
    assert_int_equal(a->n, 1);
    assert_int_equal(a->status, 303);
    assert_string_equal(bench_header(b, "Location"), "/");
    assert_has(bench_page_html(b), "<li id=\"my-id\">Dive Into Python 3</li>");
    struct cnc__item *item = cnc__node_item(b->library, "my-id");
    assert_string_equal(cnc_buf_data(item->payload),
                        "<book xmlns=\"" BOOK_NS "\">"
                        "<title>Dive Into Python 3</title>"
                        "<isbn>9781430224150</isbn></book>");
    bench_free(b);
}

static void
a_form_waits_for_the_store_first(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    b->hold_commits = true;
    bench_post(b, "/?form=library", NULL, "title=A");
    struct answer *a = b->answer;
    cnc__agent_tick(b->agent);
    cnc__agent_tick(b->agent);
    cnc__agent_tick(b->agent);
    cnc__agent_tick(b->agent);
    assert_int_equal(a->n, 0); /* nothing is promised before it is kept */
    b->hold_commits = false;
    bench_run(b);
    assert_int_equal(a->status, 303);
    bench_free(b);
}

static void
a_slow_snapshot_does_not_hold_the_answer_for_ever(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    b->hold_render = true;
    bench_post(b, "/?form=library", NULL, "title=A");
    struct answer *a = b->answer;
    cnc__agent_tick(b->agent);
    cnc__agent_tick(b->agent);
    assert_int_equal(a->n, 0);
    cnc__agent_tick(b->agent);
    assert_int_equal(a->n, 1);
    assert_int_equal(a->status, 303);
    b->hold_render = false;
    bench_run(b);
    assert_int_equal(a->n, 1);
    bench_free(b);
}

static void
a_repeated_submit_is_one_item(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    static const char body[] = "concordance%23id=same&title=Once";
    b->hold_commits = true;
    bench_post(b, "/?form=library", NULL, body);
    bench_post(b, "/?form=library", NULL, body);
    b->hold_commits = false;
    bench_run(b);
    assert_int_equal(b->answer->status, 303);
    assert_int_equal(b->answer->next->status, 303);
    bench_post(b, "/?form=library", NULL, body);
    assert_int_equal(b->answer->status, 303);
    assert_int_equal(cnc__node_n_items(b->library), 1);
    assert_int_equal(bench_n_patches(b), 1);
    bench_free(b);
}

static void
an_id_is_made_when_none_was_sent(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    bench_post(b, "/?form=library", NULL, "concordance%23id=&title=A");
    bench_post(b, "/?form=library", NULL, "title=A");
    assert_int_equal(cnc__node_n_items(b->library), 2);
    const char *id = cnc__node_item_at(b->library, 0)->id;
    assert_int_equal(strlen(id), 36);
    assert_int_equal(id[14], '4');
    assert_string_not_equal(id, cnc__node_item_at(b->library, 1)->id);
    bench_free(b);
}

static void
a_refused_form_comes_back_with_what_was_typed(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    bench_publish(b, "b1", "Already here");
    bench_run(b);
    bench_post(b, "/?form=library", NULL,
               "concordance%23id=mine&title=&author=A+%3Cb%3E+%26+%22C%22&"
               "isbn=123&note=one%0D%0Atwo");
    assert_int_equal(b->answer->status, 422);
    const char *html = b->answer->body;
    assert_has(html, "<li id=\"b1\">Already here</li>");
    assert_has(html, "value=\"A &lt;b&gt; &amp; &quot;C&quot;\"");
    assert_has(html, "value=\"123\"");
    assert_has(html, "value=\"mine\""); /* a repeat stays a repeat */
    assert_has(html, "one\ntwo</textarea>");
    assert_has(html, "aria-invalid=\"true\"");
    assert_lacks(html, "data-position");
    assert_non_null(bench_header(b, "Content-Security-Policy"));
    assert_int_equal(cnc__node_n_items(b->library), 1);
    assert_int_equal(cnc__table_len(b->docs), 1);
    assert_lacks(bench_page_html(b), "mine");
    bench_free(b);
}

static void
the_app_may_refuse_a_field(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    b->refuse_isbn = cnc__strdup("9781430224150");
    bench_post(b, "/?form=library", NULL, "title=A&isbn=9781430224150");
    assert_int_equal(b->answer->status, 422);
    assert_has(b->answer->body, "That book is on the shelf.");
    bench_free(b);
}

static void
unknown_fields_are_refused(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    bench_post(b, "/?form=library", NULL, "title=A&colour=red");
    assert_int_equal(b->answer->status, 422);
    assert_int_equal(cnc__node_n_items(b->library), 0);
    bench_free(b);
}

static void
what_is_no_form_is_refused(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    bench_post(b, "/?form=nosuch", NULL, "title=A");
    assert_int_equal(b->answer->status, 404);
    bench_post(b, "/?form=library", "multipart/form-data; boundary=x",
               "title=A");
    assert_int_equal(b->answer->status, 400);
    bench_post(b, "/?form=library", "application/x-www-form-urlencodedx",
               "title=A");
    assert_int_equal(b->answer->status, 415);
    bench_post(b, "/?form=library",
               "application/x-www-form-urlencoded; charset=UTF-8",
               "title=%ff%fe");
    assert_int_equal(b->answer->status, 400);
    bench_post(b, "/?form=library", NULL, "title=%zz");
    assert_int_equal(b->answer->status, 400);
    assert_int_equal(b->submits, 0);
    bench_free(b);
}

static void
a_form_has_limits(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    struct cnc__str body = CNC__STR;
    for (int i = 0; i < 257; i++) {
        cnc__str_printf(&body, "title=%d&", i);
    }
    bench_post(b, "/?form=library", NULL, body.data);
    assert_int_equal(b->answer->status, 413);
    cnc__str_clear(&body);
    cnc__str_puts(&body, "title=");
    for (size_t i = 0; i < CNC__WEB_MAX_FORM; i++) {
        cnc__str_putc(&body, 'x');
    }
    bench_post(b, "/?form=library", NULL, body.data);
    assert_int_equal(b->answer->status, 413);
    cnc__str_clear(&body);
    cnc__str_puts(&body, "title=A&concordance%23id=");
    for (size_t i = 0; i <= CNC__WEB_MAX_ID; i++) {
        cnc__str_putc(&body, 'x');
    }
    bench_post(b, "/?form=library", NULL, body.data);
    assert_int_equal(b->answer->status, 413);
    assert_int_equal(b->submits, 0);
    cnc__str_fini(&body);
    bench_free(b);
}

static void
a_refused_form_is_answered_when_the_render_process_dies(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    b->hold_render = true;
    bench_post(b, "/?form=library", NULL, "title=");
    assert_int_equal(b->answer->n, 0);
    bench_kill_render(b);
    assert_int_equal(b->answer->status, 422);
    assert_has(b->answer->body, "Please check the form");
    b->hold_render = false;
    bench_free(b);
}

static void
an_agent_may_end_while_answers_wait(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    b->hold_render = true;
    bench_post(b, "/?form=library", NULL, "title=");
    bench_post(b, "/?form=library", NULL, "title=A");
    bench_get(b, "/?before=b1", NULL);
    cnc__agent_free(&b->agent);
    assert_int_equal(b->answer->next->n, 0);
    bench_drop_calls(b);
    bench_free(b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_accepted_form_is_303_to_a_page_that_shows_it),
        cmocka_unit_test(a_form_waits_for_the_store_first),
        cmocka_unit_test(a_slow_snapshot_does_not_hold_the_answer_for_ever),
        cmocka_unit_test(a_repeated_submit_is_one_item),
        cmocka_unit_test(an_id_is_made_when_none_was_sent),
        cmocka_unit_test(a_refused_form_comes_back_with_what_was_typed),
        cmocka_unit_test(the_app_may_refuse_a_field),
        cmocka_unit_test(unknown_fields_are_refused),
        cmocka_unit_test(what_is_no_form_is_refused),
        cmocka_unit_test(a_form_has_limits),
        cmocka_unit_test(
            a_refused_form_is_answered_when_the_render_process_dies),
        cmocka_unit_test(an_agent_may_end_while_answers_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
