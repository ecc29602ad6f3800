/* SPDX-License-Identifier: MIT */
/* From a change to a patch and a snapshot. */
#include "bench.h"

#include <stdio.h>

static struct cnc__agent_stats
stats(struct bench *b)
{
    struct cnc__agent_stats s;
    cnc__agent_stats(b->agent, &s);
    return s;
}

/* The snapshot says the position of the view as it is now. */
static void
assert_current(struct bench *b)
{
    char position[40];
    struct cnc__str want = CNC__STR;
    cnc__node_position(cnc__pubsub_node(b->pubsub, "view:/"), position);
    cnc__str_printf(&want, "data-position=\"%s\"", position);
    assert_has(bench_page_html(b), want.data);
    cnc__str_fini(&want);
}

static void
assert_order(const char *html, const char *first, const char *second)
{
    const char *x = strstr(html, first), *y = strstr(html, second);
    assert_non_null(x);
    assert_non_null(y);
    assert_true(x < y);
}

static void
a_publish_makes_a_patch_and_a_snapshot_of_its_position(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    assert_lacks(bench_page_html(b), "Dive Into Python 3");
    assert_current(b);
    bench_publish(b, "b1", "Dive Into Python 3");
    bench_run(b);
    assert_int_equal(bench_n_patches(b), 1);
    char *patch = bench_patch(b, 0, NULL);
    assert_has(patch, "<patch xmlns=\"" CNC__NS_VIEW "\"");
    assert_has(patch, "Dive Into Python 3");
    assert_has(bench_page_html(b), "<li id=\"b1\">Dive Into Python 3</li>");
    assert_has(b->answer->body, "<title>My &lt;bookcase&gt;</title>");
    assert_has(b->answer->body,
               "<meta name=\"concordance\" content=\"view:/\"");
    assert_has(b->answer->body,
               "data-service=\"books.example\" data-socket=\"/xmpp\"");
    assert_has(b->answer->body, "action=\"/?form=library\"");
    assert_current(b);
    cnc__free(patch);
    bench_free(b);
}

static void
patches_have_contiguous_positions(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    for (int i = 0; i < 5; i++) {
        char id[16];
        snprintf(id, sizeof(id), "b%d", i);
        bench_publish(b, id, id);
        bench_run(b);
    }
    assert_int_equal(bench_n_patches(b), 5);
    for (size_t i = 0; i < 5; i++) {
        uint64_t seq;
        cnc__free(bench_patch(b, i, &seq));
        assert_int_equal(seq, i + 1);
    }
    assert_current(b);
    bench_free(b);
}

static void
changes_during_a_render_are_rendered_together(void **state)
{
    struct cnc_page page = bench_page;
    page.window = 0;
    struct bench *b = bench_new(&page, 0);
    uint64_t before = stats(b).renders;
    b->hold_render = true;
    for (int i = 0; i <= 10; i++) {
        char id[16];
        snprintf(id, sizeof(id), "b%d", i);
        bench_publish(b, id, id);
        bench_run(b); /* the first one's render is under way */
    }
    b->hold_render = false;
    bench_run(b);
    assert_int_equal(stats(b).renders - before, 2);
    assert_int_equal(stats(b).patches, 2);
    assert_has(bench_page_html(b), "<li id=\"b10\">b10</li></ul>");
    assert_current(b);
    bench_free(b);
}

static void
ten_versions_of_a_record_are_sent_once(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    bench_publish(b, "b1", "first");
    bench_run(b);
    unsigned before = b->counts[CNC__R_UPSERT];
    b->hold_render = true;
    bench_publish(b, "x", "makes a render begin");
    bench_run(b);
    for (int i = 0; i < 10; i++) {
        bench_publish(b, "b1", i < 9 ? "between" : "last");
        bench_run(b);
    }
    b->hold_render = false;
    bench_run(b);
    assert_int_equal(b->counts[CNC__R_UPSERT] - before, 2);
    assert_has(bench_page_html(b), "<li id=\"b1\">last</li>");
    bench_free(b);
}

static void
a_changed_record_keeps_its_place(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    bench_publish(b, "b1", "one");
    bench_publish(b, "b2", "two");
    bench_run(b);
    bench_publish(b, "b1", "uno");
    bench_run(b);
    assert_has(bench_page_html(b),
               "<li id=\"b1\">uno</li><li id=\"b2\">two</li>");
    bench_free(b);
}

static void
a_page_shows_the_newest_and_links_the_older(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    for (int i = 1; i <= 5; i++) {
        char id[16];
        snprintf(id, sizeof(id), "b%d", i);
        bench_publish(b, id, id);
        bench_run(b);
    }
    const char *html = bench_page_html(b);
    assert_lacks(html, "<li id=\"b2\"");
    assert_has(html, "<ul id=\"shelf\"><li id=\"b3\">b3</li>"
                     "<li id=\"b4\">b4</li><li id=\"b5\">b5</li></ul>");
    assert_has(html, "href=\"?before=b3\"");
    assert_int_equal(b->counts[CNC__R_SOURCE], 1);

    /* One goes: the next older one comes in, in front. */
    bench_retract(b, "b4");
    bench_run(b);
    html = bench_page_html(b);
    assert_has(html, "<ul id=\"shelf\"><li id=\"b2\">b2</li>"
                     "<li id=\"b3\">b3</li><li id=\"b5\">b5</li></ul>");
    assert_has(html, "href=\"?before=b2\"");

    /* The last older one goes: there is nothing to link. */
    bench_retract(b, "b1");
    bench_run(b);
    assert_lacks(bench_page_html(b), "?before=");
    assert_current(b);
    bench_free(b);
}

static void
a_burst_larger_than_the_window_ends_with_the_newest(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    bench_publish(b, "old", "old");
    bench_run(b);
    for (int i = 0; i < 40; i++) {
        char id[16];
        snprintf(id, sizeof(id), "b%d", i);
        bench_publish(b, id, id);
    }
    bench_run(b);
    assert_has(bench_page_html(b),
               "<ul id=\"shelf\"><li id=\"b37\">b37</li>"
               "<li id=\"b38\">b38</li><li id=\"b39\">b39</li></ul>");
    assert_int_equal(stats(b).render_errors, 0);
    assert_current(b);
    bench_free(b);
}

static void
a_record_taken_away_and_published_anew_is_the_newest(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    bench_publish(b, "b1", "one");
    bench_publish(b, "b2", "two");
    bench_run(b);
    b->hold_render = true;
    bench_retract(b, "b1");
    bench_run(b);
    bench_publish(b, "b1", "again");
    bench_run(b);
    b->hold_render = false;
    bench_run(b);
    assert_order(bench_page_html(b), "id=\"b2\"", "id=\"b1\"");
    assert_has(b->answer->body, "again");
    assert_int_equal(stats(b).render_errors, 0);
    bench_free(b);
}

static void
a_record_cannot_pose_as_another(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    struct cnc__actor who = {.jid = "o@books.example", .operator_ = true};
    struct cnc_element *e = NULL;
    static const char xml[] =
        "<book xmlns='" BOOK_NS "' xmlns:q='" CNC__NS_PAGE
        "' q:id='b1' q:publisher='ceo@example.org'><title>false</title>"
        "</book>";
    bench_publish(b, "b1", "true");
    assert_int_equal(cnc_xml_parse(&e, xml, sizeof(xml) - 1, 0, NULL, NULL),
                     0);
    cnc__pubsub_publish(b->pubsub, &who, b->library, "b2", e, false, NULL,
                        NULL);
    cnc_element_unref(&e);
    bench_run(b);
    assert_has(bench_page_html(b),
               "<li id=\"b1\">true</li><li id=\"b2\">false</li>");
    bench_free(b);
}

static void
a_new_template_changes_the_page_at_once(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    bench_publish(b, "b1", "one");
    bench_run(b);
    char *sheet = bench_sheet("Shelf", "");
    assert_int_equal(bench_template(b, "t.xsl", sheet, NULL), 0);
    assert_has(bench_page_html(b), "<h1>Shelf</h1>");
    assert_has(b->answer->body, "<li id=\"b1\">one</li>");
    assert_int_equal(bench_n_patches(b), 2);
    char *patch = bench_patch(b, 1, NULL);
    assert_has(patch, "Shelf");
    assert_current(b);
    cnc__free(patch);

    /* The same text again renders nothing. */
    uint64_t renders = stats(b).renders;
    assert_int_equal(bench_template(b, "t.xsl", sheet, NULL), 0);
    assert_int_equal(stats(b).renders, renders);
    cnc__free(sheet);
    bench_free(b);
}

static const char stops_at_bad[] =
    "<xsl:if test=\"/*/l:book[l:title='bad']\">"
    "<xsl:message terminate='yes'>I stop</xsl:message></xsl:if>";

static void
a_render_that_fails_leaves_the_last_snapshot(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    char *sheet = bench_sheet("Books", stops_at_bad);
    assert_int_equal(bench_template(b, "t.xsl", sheet, NULL), 0);
    bench_publish(b, "b1", "good");
    bench_run(b);
    size_t patches = bench_n_patches(b);
    bench_publish(b, "b2", "bad");
    bench_run(b);
    assert_true(stats(b).render_errors > 0);
    assert_has(bench_page_html(b), "good");
    assert_lacks(b->answer->body, "id=\"b2\"");
    assert_int_equal(bench_n_patches(b), patches);
    assert_current(b);
    bench_retract(b, "b2");
    bench_publish(b, "b3", "better");
    bench_run(b);
    assert_has(bench_page_html(b),
               "<li id=\"b1\">good</li><li id=\"b3\">better</li>");
    assert_current(b);
    cnc__free(sheet);
    bench_free(b);
}

static void
on_started(void *priv)
{
    *(bool *)priv = true;
}

static void
a_page_that_never_rendered_says_so(void **state)
{
    struct bench *b = bench_new(&bench_page, BENCH_NO_START);
    char *sheet = bench_sheet("Books", stops_at_bad);
    bool started = false;
    assert_int_equal(bench_template(b, "t.xsl", sheet, NULL), 0);
    bench_publish(b, "b1", "bad");
    bench_run(b);
    cnc__agent_start(b->agent, on_started, &started);
    bench_run(b);
    assert_true(started);
    bench_get(b, "/", NULL);
    assert_int_equal(b->answer->status, 503);
    assert_string_equal(bench_header(b, "Retry-After"), "5");
    assert_lacks(b->answer->body, "I stop"); /* for the log alone */
    bench_retract(b, "b1");
    bench_run(b);
    bench_page_html(b);
    cnc__free(sheet);
    bench_free(b);
}

static void
an_idle_page_outlives_its_render_process(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    bench_publish(b, "b1", "one");
    bench_run(b);
    bench_kill_render(b);
    bench_run(b);
    assert_int_equal(bench_n_patches(b), 1); /* nobody missed anything */
    assert_int_equal(stats(b).resyncs, 0);
    bench_publish(b, "b2", "two");
    bench_run(b);
    assert_int_equal(bench_n_patches(b), 2);
    char *patch = bench_patch(b, 1, NULL);
    assert_has(patch, "two");
    assert_has(bench_page_html(b),
               "<li id=\"b1\">one</li><li id=\"b2\">two</li>");
    assert_current(b);
    cnc__free(patch);
    bench_free(b);
}

static void
a_change_lost_with_the_render_process_is_a_resync(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    b->hold_render = true;
    bench_publish(b, "b1", "one");
    bench_run(b);
    bench_kill_render(b);
    b->hold_render = false;
    bench_run(b);
    assert_int_equal(stats(b).resyncs, 1);
    assert_int_equal(bench_n_patches(b), 1);
    char *patch = bench_patch(b, 0, NULL);
    assert_string_equal(patch,
                        "<patch xmlns=\"" CNC__NS_VIEW "\"><resync/></patch>");
    assert_has(bench_page_html(b), "<li id=\"b1\">one</li>");
    assert_current(b);
    cnc__free(patch);
    bench_free(b);
}

static void
a_page_that_kills_its_process_rests_until_it_changes(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    b->hold_render = true;
    bench_publish(b, "b1", "one");
    bench_run(b);
    for (int i = 0; i < 3; i++) {
        assert_true(b->n_calls > 0);
        bench_kill_render(b);
    }
    assert_int_equal(b->n_calls, 0);
    assert_lacks(bench_page_html(b), "id=\"b1\"");
    bench_publish(b, "b2", "two");
    bench_run(b);
    assert_true(b->n_calls > 0);
    b->hold_render = false;
    bench_run(b);
    assert_has(bench_page_html(b),
               "<li id=\"b1\">one</li><li id=\"b2\">two</li>");
    assert_current(b);
    bench_free(b);
}

static void
count(void *priv)
{
    ++*(unsigned *)priv;
}

static void
fresh_means_that_the_snapshot_has_it(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    unsigned n = 0;
    cnc__agent_when_fresh(b->agent, "/", count, &n);
    assert_int_equal(n, 1);
    b->hold_render = true;
    bench_publish(b, "b1", "one");
    bench_run(b);
    cnc__agent_when_fresh(b->agent, "/", count, &n);
    assert_int_equal(n, 1);
    b->hold_render = false;
    bench_run(b);
    assert_int_equal(n, 2);
    bench_free(b);
}

static void
snapshots_are_made_while_changes_keep_coming(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    uint64_t before = stats(b).snapshots;
    for (int i = 0; i < 12; i++) {
        char id[16];
        snprintf(id, sizeof(id), "b%d", i);
        bench_publish(b, id, id);
        b->hold_render = true;
        bench_run(b);
        b->hold_render = false;
        bench_publish(b, "x", id); /* dirty again before each answer */
    }
    bench_run(b);
    assert_true(stats(b).snapshots > before);
    assert_current(b);
    bench_free(b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_publish_makes_a_patch_and_a_snapshot_of_its_position),
        cmocka_unit_test(patches_have_contiguous_positions),
        cmocka_unit_test(changes_during_a_render_are_rendered_together),
        cmocka_unit_test(ten_versions_of_a_record_are_sent_once),
        cmocka_unit_test(a_changed_record_keeps_its_place),
        cmocka_unit_test(a_page_shows_the_newest_and_links_the_older),
        cmocka_unit_test(a_burst_larger_than_the_window_ends_with_the_newest),
        cmocka_unit_test(a_record_taken_away_and_published_anew_is_the_newest),
        cmocka_unit_test(a_record_cannot_pose_as_another),
        cmocka_unit_test(a_new_template_changes_the_page_at_once),
        cmocka_unit_test(a_render_that_fails_leaves_the_last_snapshot),
        cmocka_unit_test(a_page_that_never_rendered_says_so),
        cmocka_unit_test(an_idle_page_outlives_its_render_process),
        cmocka_unit_test(a_change_lost_with_the_render_process_is_a_resync),
        cmocka_unit_test(a_page_that_kills_its_process_rests_until_it_changes),
        cmocka_unit_test(fresh_means_that_the_snapshot_has_it),
        cmocka_unit_test(snapshots_are_made_while_changes_keep_coming),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
