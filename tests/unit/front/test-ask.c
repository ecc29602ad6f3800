/* SPDX-License-Identifier: MIT */
/*
 * test-ask.c -- requests and answers over the link.
 */
#include "fake.h"

struct world {
    struct fake fake;
    struct cnc__front *front;
    char *said; /* the last request's body */
    const char *answer;
};

static void
on_request(struct fake *f, struct fake_conn *c, const struct cnc_element *iq,
           void *priv)
{
    struct world *w = priv;

    cnc__free(w->said);
    w->said = sent_body(iq);
    fake_page(c, iq, "/books", "e1", w->answer);
}

static int
set_up(void **state)
{
    struct world *w = cnc__zalloc(sizeof(*w));
    struct cnc__front_config config = {.owner = -1};

    fake_init(&w->fake);
    w->fake.on_request = on_request;
    w->fake.priv = w;
    w->answer = "<html>";
    fake_start(&w->fake);
    config.link = w->fake.path;
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
    cnc__free(w->said);
    cnc__free(w);
    return 0;
}

static void
a_page_comes_as_the_service_says_it(void **state)
{
    struct world *w = *state;
    struct cnc__front_answer a = ask(w->front, "GET", "/books", NULL, NULL);

    assert_string_equal(header_of(&a, "etag"), "\"e1\"");
    expect(&a, 200, "<html>");
}

static void
what_is_posted_goes_to_the_service(void **state)
{
    struct world *w = *state;
    struct cnc__front_answer a =
        ask(w->front, "POST", "/books?form=library",
            "Content-Type: application/x-www-form-urlencoded\n", "title=Emma");

    assert_non_null(header_of(&a, "set-cookie"));
    expect(&a, 200, "<html>");
    assert_string_equal(w->said, "title=Emma");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_page_comes_as_the_service_says_it,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_posted_goes_to_the_service,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
