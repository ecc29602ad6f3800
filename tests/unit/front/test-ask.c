/* SPDX-License-Identifier: MIT */
/*
 * test-ask.c -- requests and answers over the link: bodies both ways, what
 * the service refuses, what breaks off.
 */
#include <stdatomic.h>

#include "../../../src/base/text.h"
#include "../../../src/xmpp/errors.h"
#include "fake.h"

#define LARGE 200000u

struct world {
    struct fake fake;
    struct cnc__front *front;
    char *said;                /* the last request's body */
    char *items[4];            /* of requests */
    atomic_uint n;             /* requests */
    struct cnc__str blocks;    /* a body that came so */
    struct cnc_element *large; /* its request, until it is answered */
    char *text;                /* LARGE bytes */
    size_t at;                 /* sent of it */
    unsigned seq, unanswered;
    atomic_uint most;
    unsigned breaks; /* so many requests are not answered: it breaks */
};

static const char *
item_of(const struct cnc_element *iq)
{
    return cnc_element_attr(
        cnc_element_child(req_of(iq), CNC__NS_WEB, "client"), NULL, "item");
}

/* -- a body in blocks, to us ----------------------------------------------
 */

static bool
on_ibb(struct fake_conn *c, const struct cnc_element *iq, struct world *w)
{
    const struct cnc_element *e = cnc_element_child(iq, CNC__NS_IBB, NULL);
    const char *text = cnc_element_text(e);

    if (e == NULL) {
        return false;
    }
    if (cnc_element_is(e, NULL, "data")) {
        assert_true(strlen(text) <= CNC__IBB_BLOCK / 3 * 4 + 4);
        cnc__base64_decode(&w->blocks, text, strlen(text));
    }
    fake_say(c, "<iq type='result' id='%s'/>",
             cnc_element_attr(iq, NULL, "id"));
    if (cnc_element_is(e, NULL, "close") && w->large != NULL) {
        bool broken = cnc_element_attr(e, CNC__NS_WEB, "broken") != NULL;

        fake_answer(c, w->large, broken ? 400 : 200, "X-Way: blocks\n", "");
        cnc_element_unref(&w->large);
    }
    return true;
}

/* -- a body in blocks, from us --------------------------------------------
 */

static void
send_block(struct fake_conn *c, struct world *w)
{
    struct cnc__str s = CNC__STR;
    size_t n = LARGE - w->at < 30000 ? LARGE - w->at : 30000;

    w->unanswered++;
    w->most = w->unanswered > w->most ? w->unanswered : w->most;
    if (n == 0) {
        fake_say(c, "<iq type='set' id='b' from='" FAKE_DOMAIN
                    "'><close xmlns='" CNC__NS_IBB "' sid='big'/></iq>");
        return;
    }
    cnc__base64_encode(&s, w->text + w->at, n);
    fake_say(c,
             "<iq type='set' id='b' from='" FAKE_DOMAIN
             "'><data xmlns='" CNC__NS_IBB
             "' sid='big' seq='%u'>%s</data></iq>",
             w->seq++, s.data);
    w->at += n;
    cnc__str_fini(&s);
}

static bool
on_iq(struct fake *f, struct fake_conn *c, const struct cnc_element *iq,
      void *priv)
{
    struct world *w = priv;
    const char *id = cnc_element_attr(iq, NULL, "id");
    const char *type = cnc_element_attr(iq, NULL, "type");

    if (id != NULL && strcmp(id, "b") == 0 && strcmp(type, "result") == 0) {
        w->unanswered--;
        send_block(c, w);
        return true;
    }
    if (cnc_element_child(iq, CNC__NS_WEB, "ran") != NULL) {
        const struct cnc_element *ran =
            cnc_element_child(iq, CNC__NS_WEB, "ran");

        fake_answer(c, iq, 200, "X-Call: 1\n",
                    cnc_element_child_text(ran, CNC__NS_WEB, "note")[0] != '\0'
                        ? "<data><text>noted</text></data>"
                        : "");
        return true;
    }
    return on_ibb(c, iq, w);
}

static void
begin_large(struct fake_conn *c, const struct cnc_element *iq, struct world *w)
{
    w->at = w->seq = w->unanswered = w->most = 0;
    fake_answer(c, iq, 200, "Content-Type: text/plain\n",
                "<data><ibb sid='big'/></data>");
    w->unanswered++;
    fake_say(c, "<iq type='set' id='b' from='" FAKE_DOMAIN
                "'><open xmlns='" CNC__NS_IBB
                "' sid='big' block-size='30000' stanza='iq'/></iq>");
}

static void
refuse(struct fake_conn *c, const struct cnc_element *iq,
       const char *condition)
{
    fake_say(c,
             "<iq type='error' id='%s'><error type='cancel'><%pR "
             "xmlns='" CNC__NS_STANZA_ERROR "'/></error></iq>",
             cnc_element_attr(iq, NULL, "id"), condition);
}

static void
on_request(struct fake *f, struct fake_conn *c, const struct cnc_element *iq,
           void *priv)
{
    struct world *w = priv;
    const char *path = cnc_element_attr(req_of(iq), NULL, "resource");

    w->items[w->n++ % CNC_N(w->items)] = cnc__strdup(item_of(iq));
    if (cnc_element_child(cnc_element_child(req_of(iq), CNC__NS_HTTP, "data"),
                          CNC__NS_HTTP, "ibb") != NULL) {
        w->large = cnc_element_ref(iq);
        return;
    }
    cnc__free(w->said);
    w->said = sent_body(iq);
    if (w->n <= w->breaks) {
        fake_break(f);
    } else if (strcmp(path, "/large") == 0) {
        begin_large(c, iq, w);
    } else if (strncmp(path, "/refused/", 9) == 0) {
        refuse(c, iq, path + 9);
    } else if (strcmp(path, "/run") == 0) {
        fake_say(c,
                 "<iq type='result' id='%s'><run xmlns='" CNC__NS_WEB
                 "' call='7' app='a'/></iq>",
                 cnc_element_attr(iq, NULL, "id"));
    } else if (strcmp(path, "/never") != 0) {
        fake_page(c, iq, "/books", "e1", "<html>");
    }
}

/* -- */

static void
run(struct cnc__str *answer, const struct cnc_element *e, void *priv)
{
    assert_string_equal(cnc_element_attr(e, NULL, "app"), "a");
    cnc__str_puts(answer, "<note>run</note>");
}

static int
set_up(void **state)
{
    struct world *w = cnc__zalloc(sizeof(*w));
    struct cnc__front_config config = {
        .owner = -1, .wait_ms = 5000, .run = run, .apps = "a"};

    fake_init(&w->fake);
    w->fake.on_request = on_request;
    w->fake.on_iq = on_iq;
    w->fake.priv = w;
    w->text = cnc__zalloc(LARGE + 1);
    for (size_t i = 0; i < LARGE; i++) {
        w->text[i] = (char)('a' + i * 7 % 26);
    }
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
    cnc_element_unref(&w->large);
    cnc__str_fini(&w->blocks);
    for (size_t i = 0; i < CNC_N(w->items); i++) {
        cnc__free(w->items[i]);
    }
    cnc__free(w->said);
    cnc__free(w->text);
    cnc__free(w);
    return 0;
}

static struct cnc__front_answer
post(struct world *w, const char *target, const char *body)
{
    return ask(w->front, "POST", target,
               "Content-Type: application/x-www-form-urlencoded\n", body);
}

/* -- tests ----------------------------------------------------------------
 */

static void
a_page_comes_as_the_service_says_it(void **state)
{
    struct world *w = *state;
    struct cnc__front_answer a = ask(w->front, "GET", "/books", NULL, NULL);

    assert_string_equal(header_of(&a, "etag"), "\"e1\"");
    assert_null(header_of(&a, "set-cookie"));
    expect(&a, 200, "<html>");
}

static void
what_is_posted_goes_to_the_service(void **state)
{
    struct world *w = *state;
    struct cnc__front_answer a = post(w, "/books?form=library", "title=Emma");

    assert_string_equal(
        header_of(&a, "set-cookie"),
        "concordance-new=1; Path=/; Max-Age=10; HttpOnly; SameSite=Lax");
    expect(&a, 200, "<html>");
    assert_string_equal(w->said, "title=Emma");
    assert_int_equal(strlen(w->items[0]), 36);
}

static void
a_large_body_goes_in_blocks(void **state)
{
    struct world *w = *state;
    struct cnc__front_answer a =
        ask(w->front, "POST", "/books?form=library",
            "Content-Type: multipart/form-data; boundary=x\n", w->text);

    assert_string_equal(header_of(&a, "x-way"), "blocks");
    expect(&a, 200, "");
    assert_string_equal(w->blocks.data, w->text);
}

static void
a_large_answer_comes_in_blocks_one_at_a_time(void **state)
{
    struct world *w = *state;
    struct cnc__front_answer a = ask(w->front, "GET", "/large", NULL, NULL);

    assert_null(a.body);
    expect(&a, 200, w->text);
    assert_int_equal(w->most, 1);
    /* One that nobody reads to its end is no hindrance to the next. */
    a = ask(w->front, "GET", "/large", NULL, NULL);
    cnc__front_answer_fini(&a);
    a = ask(w->front, "GET", "/books", NULL, NULL);
    expect(&a, 200, "<html>");
}

static void
a_body_that_breaks_off_says_so(void **state)
{
    struct world *w = *state;
    struct cnc__front_answer a = ask(w->front, "GET", "/large", NULL, NULL);
    char bytes[100];

    assert_int_equal(cnc__front_read(&a, bytes, sizeof(bytes)), 100);
    fake_break(&w->fake);
    ssize_t n;
    while ((n = cnc__front_read(&a, bytes, sizeof(bytes))) > 0) {
    }
    assert_int_equal(n, CNC_ECLOSED);
    cnc__front_answer_fini(&a);
}

static void
what_the_service_refuses_is_told(void **state)
{
    static const struct {
        const char *path;
        int status;
    } all[] = {{"/refused/bad-request", 400},
               {"/refused/policy-violation", 431},
               {"/refused/resource-constraint", 503},
               {"/refused/forbidden", 502}};
    struct world *w = *state;

    for (size_t i = 0; i < CNC_N(all); i++) {
        struct cnc__front_answer a =
            ask(w->front, "GET", all[i].path, NULL, NULL);

        expect(&a, all[i].status, NULL);
    }
}

static void
no_answer_in_time_is_504(void **state)
{
    struct world *w = *state;
    struct cnc__front_config config = {
        .link = w->fake.path, .owner = -1, .wait_ms = 150};
    struct cnc__front *f;
    struct cnc__front_answer a;

    assert_int_equal(cnc__front_new(&f, &config, NULL), 0);
    a = ask(f, "GET", "/never", NULL, NULL);
    expect(&a, 504, NULL);
    cnc__front_free(&f);
}

static void
a_handler_runs_here(void **state)
{
    struct world *w = *state;
    struct cnc__front_answer a = ask(w->front, "GET", "/run", NULL, NULL);

    assert_string_equal(header_of(&a, "x-call"), "1");
    expect(&a, 200, "noted");
}

static void
an_iq_is_answered(void **state)
{
    struct world *w = *state;
    struct cnc_element *reply = NULL;
    struct cnc_error err = {0};

    assert_int_equal(cnc__front_iq(w->front, "get",
                                   "<ping xmlns='urn:xmpp:ping'/>", &reply,
                                   &err),
                     0);
    assert_non_null(reply);
    cnc_element_unref(&reply);
    assert_int_equal(
        cnc__front_iq(w->front, "get", "<x xmlns='urn:x'/>", &reply, &err),
        CNC_ENOENT);
    cnc_element_unref(&reply);
}

static void
a_form_is_sent_again_as_the_same_item(void **state)
{
    struct world *w = *state;
    struct cnc__front_answer a;

    w->breaks = 1;
    a = post(w, "/books?form=library", "title=Emma");
    expect(&a, 200, "<html>");
    assert_int_equal(w->n, 2);
    assert_string_equal(w->items[0], w->items[1]);
}

static void
a_page_is_asked_for_again(void **state)
{
    struct world *w = *state;
    struct cnc__front_answer a;

    w->breaks = 1;
    a = ask(w->front, "GET", "/books", NULL, NULL);
    expect(&a, 200, "<html>");
    assert_int_equal(w->n, 2);
}

static void
a_command_is_not_sent_twice(void **state)
{
    struct world *w = *state;
    struct cnc__front_answer a;
    char *body;

    w->breaks = 1;
    a = post(w, "/_do/login", "password=secret");
    assert_int_equal(a.status, 503);
    body = body_of(&a);
    assert_null(strstr(body, "secret"));
    assert_non_null(strstr(body, "it may have been done, or not"));
    cnc__free(body);
    cnc__front_answer_fini(&a);
    assert_int_equal(w->n, 1);
}

/* "form" in its query makes no form of a page of it, where it is mounted. */
static void
a_command_below_a_prefix_is_not_sent_twice(void **state)
{
    struct world *w = *state;
    struct cnc__front_answer a;

    w->breaks = 1;
    a = post(w, "/below/_do/clear?form=library", "really=1");
    expect(&a, 503, NULL);
    assert_int_equal(w->n, 1);
}

static ssize_t
read_half(void *data, size_t size, void *priv)
{
    bool *done = priv;
    size_t n = *done ? 0 : 5;

    memcpy(data, "title", n);
    *done = true;
    return (ssize_t)n;
}

static void
a_form_that_was_cut_is_not_sent(void **state)
{
    struct world *w = *state;
    struct cnc__front_header type = {"Content-Type",
                                     "application/x-www-form-urlencoded"};
    struct cnc__front_answer a;
    bool done = false;

    cnc__front_ask(
        w->front, &a,
        &(struct cnc__front_request){.method = "POST",
                                     .target = "/books?form=library",
                                     .headers = &type,
                                     .n_headers = 1,
                                     .addr = "",
                                     .length = 10,
                                     .read = read_half,
                                     .priv = &done});
    expect(&a, 400, NULL);
    assert_int_equal(w->n, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_page_comes_as_the_service_says_it),
        TEST(what_is_posted_goes_to_the_service),
        TEST(a_large_body_goes_in_blocks),
        TEST(a_large_answer_comes_in_blocks_one_at_a_time),
        TEST(a_body_that_breaks_off_says_so),
        TEST(what_the_service_refuses_is_told),
        TEST(no_answer_in_time_is_504),
        TEST(a_handler_runs_here),
        TEST(an_iq_is_answered),
        TEST(a_form_is_sent_again_as_the_same_item),
        TEST(a_page_is_asked_for_again),
        TEST(a_command_below_a_prefix_is_not_sent_twice),
        TEST(a_form_that_was_cut_is_not_sent),
        TEST(a_command_is_not_sent_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
