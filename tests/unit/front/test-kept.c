/* SPDX-License-Identifier: MIT */
/*
 * test-kept.c -- pages that are kept: from here as long as they are good, and
 * not a moment longer.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "../../../src/front/impl.h"
#include "fake.h"

struct world {
    struct fake fake;
    struct cnc__front *front;
    atomic_uint n; /* requests */
    const char *personal;
    size_t size;             /* of a page */
    bool breaks;             /* an answer is followed by the end */
    atomic_bool conditional; /* the last request had If-None-Match */
};

static bool
is_conditional(const struct cnc_element *iq)
{
    const struct cnc_element *h,
        *list = cnc_element_child(req_of(iq), CNC__NS_SHIM, "headers");

    for (size_t i = 0;
         (h = cnc_element_next(list, &i, CNC__NS_SHIM, "header")) != NULL;) {
        if (strcasecmp(cnc_element_attr(h, NULL, "name"), "if-none-match") ==
            0) {
            return true;
        }
    }
    return false;
}

/* A page's text is its address and its etag. */
static void
on_request(struct fake *f, struct fake_conn *c, const struct cnc_element *iq,
           void *priv)
{
    struct world *w = priv;
    const char *path = cnc_element_attr(req_of(iq), NULL, "resource");
    char key[200], *etag, *text;

    atomic_store(&w->conditional, is_conditional(iq));
    path += strncmp(path, "/below/", 7) == 0 ? 6 : 0;
    if (strncmp(path, "/assets/", 8) == 0) {
        atomic_fetch_add(&w->n, 1);
        fake_answer(c, iq, 200,
                    "ETag: \"s1\"\nCache-Control: public, max-age=31536000, "
                    "immutable\n",
                    "<data><text>style</text></data>");
        return;
    }
    snprintf(key, sizeof(key), "%.*s", (int)strcspn(path, "?"), path);
    pthread_mutex_lock(&f->lock);
    etag = cnc__strdup(cnc__table_get(f->pages, key));
    pthread_mutex_unlock(&f->lock);
    text = cnc__zalloc(w->size + 200);
    snprintf(text, w->size + 200, "<body>%s %s", key,
             etag == NULL ? "-" : etag);
    for (size_t n = strlen(text); n < w->size; n++) {
        text[n] = '.';
    }
    atomic_fetch_add(&w->n, 1);
    fake_page(c, iq, key, etag == NULL ? "none" : etag, text);
    if (w->breaks) {
        fake_break(f);
    }
    cnc__free(text);
    cnc__free(etag);
}

static int
set_up(void **state)
{
    struct world *w = cnc__zalloc(sizeof(*w));
    struct cnc__front_config config = {.owner = -1, .max_kept = 100000};

    fake_init(&w->fake);
    w->fake.on_request = on_request;
    w->fake.priv = w;
    fake_start(&w->fake);
    fake_publish(&w->fake, "/books", "e1");
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
    cnc__free(w);
    return 0;
}

static void
get(struct world *w, const char *target, const char *headers, const char *text)
{
    struct cnc__front_answer a = ask(w->front, "GET", target, headers, NULL);

    expect(&a, 200, text);
}

static unsigned
asked(struct world *w)
{
    return atomic_load(&w->n);
}

/* Until a page is answered from here. */
static void
keep(struct world *w, const char *target, const char *text)
{
    struct cnc__front_stats before, after;
    int64_t until = cnc__flink_now() + 20000;

    do {
        assert_true(cnc__flink_now() < until);
        cnc__front_stats(w->front, &before);
        get(w, target, NULL, text);
        cnc__front_stats(w->front, &after);
    } while (after.kept == before.kept);
}

/* What the service said last has been heard by the front. */
static void
settle(struct world *w)
{
    struct cnc_error err;

    assert_int_equal(cnc__front_iq(w->front, "get",
                                   "<ping xmlns='urn:xmpp:ping'/>", NULL,
                                   &err),
                     0);
}

/* -- tests ----------------------------------------------------------------
 */

static void
a_page_is_asked_for_once(void **state)
{
    struct world *w = *state;
    struct cnc__front_answer a;
    unsigned n;

    keep(w, "/books", "<body>/books e1");
    n = asked(w);
    get(w, "/books", NULL, "<body>/books e1");
    a = ask(w->front, "HEAD", "/books", NULL, NULL);
    assert_string_equal(header_of(&a, "content-length"), "15");
    expect(&a, 200, "");
    a = ask(w->front, "GET", "/books", "If-None-Match: \"e1-gz\"\n", NULL);
    assert_string_equal(header_of(&a, "etag"), "\"e1\"");
    assert_null(header_of(&a, "content-length"));
    expect(&a, 304, "");
    a = ask(w->front, "GET", "/books", "If-None-Match: \"e11\"\n", NULL);
    expect(&a, 200, "<body>/books e1");
    assert_int_equal(asked(w), n);
}

static void
one_that_has_changed_is_asked_for_again(void **state)
{
    struct world *w = *state;

    keep(w, "/books", "<body>/books e1");
    fake_publish(&w->fake, "/books", "e2");
    settle(w);
    get(w, "/books", NULL, "<body>/books e2");
    keep(w, "/books", "<body>/books e2");
}

static void
one_that_is_gone_is_forgotten(void **state)
{
    struct world *w = *state;
    struct cnc__front_stats s;

    keep(w, "/books", "<body>/books e1");
    fake_publish(&w->fake, "/books", NULL);
    settle(w);
    cnc__front_stats(w->front, &s);
    assert_int_equal(s.n_pages, 0);
    assert_int_equal(s.n_bytes, 0);
    fake_stop(&w->fake);
    struct cnc__front_answer a = ask(w->front, "GET", "/books", NULL, NULL);
    expect(&a, 503, NULL);
}

static void
who_asks_for_more_than_the_page_asks_the_service(void **state)
{
    static const char *const all[][2] = {
        {"/books", "Cookie: concordance-new=1\n"},
        {"/books", "Cookie: a=b; cnc-flash=abc\n"},
        {"/books", "Range: bytes=0-1\n"},
        {"/books?before=7", ""}};
    struct world *w = *state;

    keep(w, "/books", "<body>/books e1");
    for (size_t i = 0; i < CNC_N(all); i++) {
        unsigned n = asked(w);

        get(w, all[i][0], all[i][1], NULL);
        assert_int_equal(asked(w), n + 1);
    }
}

static void
another_language_or_encoding_is_another_page(void **state)
{
    static const char *const all[] = {
        "Accept-Language: de\n", "Cookie: concordance-lang=de\n",
        "Accept-Encoding: GZIP\n", "Accept-Encoding: br;q=0.5\n"};
    struct world *w = *state;

    w->fake.varies = true;
    keep(w, "/books", "<body>/books e1");
    for (size_t i = 0; i < CNC_N(all); i++) {
        unsigned n = asked(w);

        get(w, "/books", all[i], NULL);
        get(w, "/books", all[i], NULL);
        assert_int_equal(asked(w), n + 1);
    }
}

/* Who cannot unpack it would get what somebody else asked for. */
static void
an_encoding_is_read_as_the_service_reads_it(void **state)
{
    static const char *const packed[] = {
        "Accept-Encoding: GZip\n", "Accept-Encoding: gzip;q=0.5\n",
        "Accept-Encoding: gzip\nAccept-Encoding: identity\n"};
    static const char *const plain[] = {
        NULL, "Accept-Encoding: identity\n", "Accept-Encoding: gzip;q=0\n",
        "Accept-Encoding: identity\nAccept-Encoding: gzip\n"};
    struct world *w = *state;
    unsigned n;

    keep(w, "/books", "<body>/books e1");
    n = asked(w);
    for (size_t i = 0; i < CNC_N(packed); i++) {
        get(w, "/books", packed[i], NULL);
        assert_int_equal(asked(w), n + 1);
    }
    for (size_t i = 0; i < CNC_N(plain); i++) {
        get(w, "/books", plain[i], NULL);
        assert_int_equal(asked(w), n + 1);
    }
}

static void
of_two_languages_at_once_the_first_holds(void **state)
{
    static const char two[] =
        "Cookie: concordance-lang=xx; concordance-lang=de\n";
    struct world *w = *state;
    unsigned n;

    w->fake.varies = true;
    keep(w, "/books", "<body>/books e1");
    n = asked(w);
    get(w, "/books", two, NULL);
    get(w, "/books", two, NULL);
    get(w, "/books", "Cookie: concordance-lang=xx\n", NULL);
    assert_int_equal(asked(w), n + 1);
    get(w, "/books", "Cookie: concordance-lang=de\n", NULL);
    assert_int_equal(asked(w), n + 2);
}

static void
one_that_is_the_same_in_all_languages_is_kept_once(void **state)
{
    struct world *w = *state;
    unsigned n;

    keep(w, "/books", "<body>/books e1");
    n = asked(w);
    get(w, "/books", "Accept-Language: de\n", "<body>/books e1");
    get(w, "/books", "Cookie: concordance-lang=de\n", "<body>/books e1");
    assert_int_equal(asked(w), n);
}

/* What a browser has of it is compared here: the answer is to be kept. */
static void
a_page_below_a_prefix_is_asked_for_whole(void **state)
{
    struct world *w = *state;
    struct cnc__front_config config = {.link = w->fake.path,
                                       .owner = -1,
                                       .max_kept = 1000,
                                       .prefix = "/below"};
    int64_t until = cnc__flink_now() + 20000;

    w->size = 1000; /* too large for that: each is asked for */
    cnc__front_free(&w->front);
    assert_int_equal(cnc__front_new(&w->front, &config, NULL), 0);
    do {
        assert_true(cnc__flink_now() < until);
        get(w, "/below/books", "If-None-Match: \"x\"\n", NULL);
    } while (atomic_load(&w->conditional));
    get(w, "/below/other", "If-None-Match: \"x\"\n", NULL);
    assert_true(atomic_load(&w->conditional));
    get(w, "/elsewhere", "If-None-Match: \"x\"\n", NULL);
    assert_true(atomic_load(&w->conditional));
}

static void
an_asset_is_there_also_without_the_service(void **state)
{
    struct world *w = *state;

    get(w, "/assets/1/a.css", NULL, "style");
    fake_stop(&w->fake);
    get(w, "/assets/1/a.css", "Cookie: concordance-new=1\n", "style");
    assert_int_equal(asked(w), 1);
    struct cnc__front_answer a = ask(w->front, "GET", "/assets/1/a.css",
                                     "If-None-Match: \"s1-gz\"\n", NULL);
    expect(&a, 304, "");
}

static void
after_a_break_what_is_the_same_is_still_good(void **state)
{
    struct world *w = *state;
    unsigned n;

    fake_publish(&w->fake, "/other", "o1");
    keep(w, "/books", "<body>/books e1");
    keep(w, "/other", "<body>/other o1");
    n = asked(w);
    fake_break(&w->fake);
    fake_publish(&w->fake, "/other", "o2");
    fake_wait(&w->fake, &w->fake.n_logins, 2);
    settle(w); /* the items were asked for before that */
    settle(w);
    get(w, "/books", NULL, "<body>/books e1");
    assert_int_equal(asked(w), n);
    get(w, "/other", NULL, "<body>/other o2");
    assert_int_equal(asked(w), n + 1);
}

static void
an_answer_before_a_break_is_not_kept(void **state)
{
    struct world *w = *state;
    struct cnc__front_stats s;

    settle(w);
    w->breaks = true;
    get(w, "/books", NULL, NULL);
    fake_wait(&w->fake, &w->fake.n_logins, 2);
    w->breaks = false;
    settle(w);
    cnc__front_stats(w->front, &s);
    assert_true(s.n_pages <= 1);
    keep(w, "/books", "<body>/books e1");
}

static void
the_pages_not_asked_for_longest_make_room(void **state)
{
    struct world *w = *state;
    struct cnc__front_stats s;
    char key[20];

    w->size = 9000;
    for (int i = 0; i < 30; i++) {
        snprintf(key, sizeof(key), "/p%d", i);
        fake_publish(&w->fake, key, "e");
        settle(w);
        keep(w, key, NULL);
        cnc__front_stats(w->front, &s);
        assert_true(s.n_bytes <= 100000);
    }
    assert_in_range(s.n_pages, 8, 11);
    unsigned n = asked(w);
    get(w, "/p29", NULL, NULL);
    assert_int_equal(asked(w), n);
    get(w, "/p0", NULL, NULL);
    assert_int_equal(asked(w), n + 1);
}

static void
without_the_node_nothing_is_kept(void **state)
{
    struct world *w = *state;

    w->fake.no_pages = true;
    get(w, "/books", NULL, "<body>/books e1");
    settle(w);
    get(w, "/books", NULL, "<body>/books e1");
    get(w, "/books", NULL, "<body>/books e1");
    assert_int_equal(asked(w), 3);
}

static void
somebody_else_cannot_say_what_is_good(void **state)
{
    struct world *w = *state;
    unsigned n;

    keep(w, "/books", "<body>/books e1");
    n = asked(w);
    fake_say(&w->fake.conns[0],
             "<message from='eve@" FAKE_DOMAIN
             "'><event xmlns='http://jabber.org/protocol/pubsub#event'>"
             "<items node='service/pages'><retract id='/books'/></items>"
             "</event></message>");
    settle(w);
    get(w, "/books", NULL, "<body>/books e1");
    assert_int_equal(asked(w), n);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_page_is_asked_for_once),
        TEST(one_that_has_changed_is_asked_for_again),
        TEST(one_that_is_gone_is_forgotten),
        TEST(who_asks_for_more_than_the_page_asks_the_service),
        TEST(another_language_or_encoding_is_another_page),
        TEST(an_encoding_is_read_as_the_service_reads_it),
        TEST(of_two_languages_at_once_the_first_holds),
        TEST(one_that_is_the_same_in_all_languages_is_kept_once),
        TEST(a_page_below_a_prefix_is_asked_for_whole),
        TEST(an_asset_is_there_also_without_the_service),
        TEST(after_a_break_what_is_the_same_is_still_good),
        TEST(an_answer_before_a_break_is_not_kept),
        TEST(the_pages_not_asked_for_longest_make_room),
        TEST(without_the_node_nothing_is_kept),
        TEST(somebody_else_cannot_say_what_is_good),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
