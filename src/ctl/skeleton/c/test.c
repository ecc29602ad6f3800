/* The app as its users use it: concordance/testing.h says what there is. */
#include <string.h>

#include <concordance/testing.h>

static void
a_posted_item_is_on_the_page_and_told_to_followers(struct cnc_test *t)
{
    const struct cnc_test_page *page;

    cnc_test_subscribe(t, "@name@");
    page = cnc_test_post(t, "/?form=@name@", "title=First");
    CNC_TEST(page->status == 200 && strstr(page->body, "First") != NULL);
    CNC_TEST_SAME(cnc_test_text(cnc_test_event(t), "title"), "First");
}

static void
an_item_without_a_title_is_refused(struct cnc_test *t)
{
    const struct cnc_test_answer *answer =
        cnc_test_submit(t, "@name@", "note=No title");

    CNC_TEST_SAME(cnc_test_error(answer, "title"), "Title is needed.");
    CNC_TEST(cnc_test_post(t, "/?form=@name@", "title=")->status == 422);
}

int
main(void)
{
    struct cnc_test *t = cnc_test_start("./@name@.so");

    a_posted_item_is_on_the_page_and_told_to_followers(t);
    an_item_without_a_title_is_refused(t);
    cnc_test_stop(&t);
    return 0;
}
