/* SPDX-License-Identifier: MIT */
/* The bookcase as its users use it. */
#include <string.h>

#include <concordance.h>
#include <concordance/testing.h>

#define BOOK(title)                                                           \
    "<book xmlns='http://concordance-xmpp.org/apps/mybookcase'><title>" title \
    "</title><author>Jane Austen</author></book>"

static void
a_posted_book_is_on_the_page_and_told_to_followers(struct cnc_test *t)
{
    const struct cnc_test_event *event;
    const struct cnc_test_page *page =
        cnc_test_post(t, "/?form=library", "title=Emma & <co>",
                      "author=Jane Austen", "isbn=9780141439587");

    CNC_TEST(page->status == 200);
    CNC_TEST_SAME(page->path, "/");
    CNC_TEST(strstr(page->body, "Emma &amp; &lt;co&gt;") != NULL);
    event = cnc_test_event(t);
    CNC_TEST_SAME(event->node, "library");
    CNC_TEST_SAME(cnc_test_text(event, "title"), "Emma & <co>");
    CNC_TEST_SAME(cnc_test_text(event, "price"), "");
}

static void
a_wrong_isbn_is_told_at_its_field_and_what_was_typed_stays(struct cnc_test *t)
{
    const struct cnc_test_page *page =
        cnc_test_post(t, "/?form=library", "title=Persuasion",
                      "author=Jane Austen", "isbn=123");
    const struct cnc_test_answer *answer =
        cnc_test_submit(t, "library", "title=Persuasion", "isbn=123");

    CNC_TEST(page->status == 422);
    CNC_TEST(strstr(page->body, "978 or 979 and ten digits, please."));
    CNC_TEST(strstr(page->body, "value=\"Persuasion\""));
    CNC_TEST(answer->code == CNC_EINVAL);
    CNC_TEST_SAME(cnc_test_error(answer, "author"), "Author is needed.");
    CNC_TEST_SAME(cnc_test_error(answer, "isbn"),
                  "978 or 979 and ten digits, please.");
    CNC_TEST_SAME(cnc_test_error(answer, "title"), NULL);
    CNC_TEST_SAME(cnc_test_error(answer, NULL), NULL);
}

static void
a_published_book_comes_and_goes(struct cnc_test *t)
{
    const struct cnc_test_event *event;

    CNC_TEST(cnc_test_publish(t, "library", "susan", "<book/>")->code != 0);
    CNC_TEST(
        cnc_test_publish(t, "library", "susan", BOOK("Lady Susan"))->code ==
        0);
    CNC_TEST_SAME(cnc_test_event(t)->id, "susan");
    CNC_TEST_SAME(cnc_text(cnc_test_item(t, "library", "susan"), "title"),
                  "Lady Susan");
    cnc_test_get_until(t, "/", "Lady Susan");
    CNC_TEST(cnc_test_retract(t, "library", "susan")->code == 0);
    event = cnc_test_event(t);
    CNC_TEST(event->retracted && event->payload == NULL);
    CNC_TEST(cnc_test_item(t, "library", "susan") == NULL);
    CNC_TEST(cnc_test_retract(t, "nowhere", "susan")->code == CNC_ENOENT);
}

static void
the_operator_runs_commands(struct cnc_test *t)
{
    const struct cnc_test_answer *answer =
        cnc_test_do(t, "roles/set", "jid=anna@localhost", "role=staff");

    CNC_TEST_SAME(answer->note, "It is done.");
    answer = cnc_test_do(t, "roles");
    CNC_TEST(answer->n_rows == 2);
    CNC_TEST_SAME(cnc_test_cell(answer, 1, "jid"), "anna@localhost");
    CNC_TEST_SAME(cnc_test_cell(answer, 1, "nothing"), NULL);
    CNC_TEST_SAME(cnc_test_cell(answer, 2, "jid"), NULL);
    CNC_TEST(cnc_test_do(t, "nothing")->code == CNC_ENOENT);
}

int
main(int argc, char **argv)
{
    struct cnc_test *t = cnc_test_start("--files", argv[2], argv[1]);

    CNC_TEST(cnc_test_get(t, "/nowhere")->status == 404);
    cnc_test_subscribe(t, "library");
    a_posted_book_is_on_the_page_and_told_to_followers(t);
    a_wrong_isbn_is_told_at_its_field_and_what_was_typed_stays(t);
    a_published_book_comes_and_goes(t);
    the_operator_runs_commands(t);
    cnc_test_stop(&t);
    /* Another one, in the same process. */
    t = cnc_test_start("--files", argv[2], argv[1]);
    CNC_TEST(strstr(cnc_test_get(t, "/")->body, "Emma") == NULL);
    cnc_test_stop(&t);
    return 0;
}
