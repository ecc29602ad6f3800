/* SPDX-License-Identifier: MIT */
/* HTTP over the link: <req/> as a request, an answer as <resp/>, errands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../src/base/text.h"
#include "../../../src/service/gate.h"
#include "../../../src/xmpp/router-priv.h"

#define REQ(attrs, headers, more)                                             \
    "<req xmlns='urn:xmpp:http' version='1.1' " attrs                         \
    "><headers xmlns='http://jabber.org/protocol/shim'>" headers              \
    "</headers>" more "</req>"
#define HOST    "<header name='Host'>a.example</header>"
#define GET(at) REQ("method='GET' resource='" at "'", HOST, "")

struct world {
    struct cnc__process process;
    struct cnc_service service;
    struct cnc__gate gate;
    struct cnc__gate_link link;
    struct cnc__gate_call *call;
};

static int
set_up(void **state)
{
    struct world *w = *state = cnc__zalloc(sizeof(*w));

    assert_int_equal(uv_loop_init(&w->process.loop), 0);
    w->service.process = &w->process;
    w->service.router = cnc__router_new("a.example");
    w->gate.service = &w->service;
    w->gate.stall_ms = 1000;
    w->link.session = 7;
    w->call = cnc__gate_call_new(&w->gate, &w->link, NULL);
    return 0;
}

static int
tear_down(void **state)
{
    struct world *w = *state;

    if (w->call != NULL) {
        cnc__gate_call_free(&w->call);
    }
    assert_int_equal(w->link.n, 0);
    assert_int_equal(w->link.held, 0);
    assert_int_equal(w->gate.stats.under_way, 0);
    cnc__router_free(&w->service.router);
    assert_int_equal(uv_loop_close(&w->process.loop), 0);
    cnc__free(w);
    return 0;
}

static int
read_xml(struct cnc__gate_call *c, const char *xml, struct cnc_error *err)
{
    struct cnc_element *e = NULL;
    int code;

    assert_int_equal(cnc_xml_parse(&e, xml, strlen(xml), 0, NULL, NULL), 0);
    code = cnc__gate_read(c, e, err);
    cnc_element_unref(&e);
    return code;
}

/* -- requests --------------------------------------------------------------
 */

static void
what_is_read_outlives_the_stanza(void **state)
{
    struct world *w = *state;
    const struct cnc__http_request *r = &w->call->request;

    assert_int_equal(read_xml(w->call,
                              REQ("method='POST' resource='/b%20k?x=%20y'",
                                  HOST "<header name='X-One'> v </header>"
                                       "<header name='x-ONE'/>",
                                  "<data><base64>aGk=</base64></data><client "
                                  "xmlns='http://concordance-xmpp.org/ns/web' "
                                  "addr='2001:db8::1' secure='true' item='i' "
                                  "apps='shelf news'/>"),
                              NULL),
                     0);
    assert_int_equal(r->method, CNC__HTTP_POST);
    assert_string_equal(r->path, "/b k");
    assert_string_equal(r->query, "x=%20y");
    assert_int_equal(r->n_headers, 3);
    assert_string_equal(r->headers[1].name, "x-one");
    assert_string_equal(r->headers[1].value, "v");
    assert_string_equal(r->headers[2].value, "");
    assert_string_equal(w->call->host, "a.example");
    assert_string_equal(r->addr, "2001:db8::1");
    assert_true(r->secure);
    assert_ptr_equal(r->asker, &w->call->asker);
    assert_string_equal(r->asker->item, "i");
    assert_string_equal(r->asker->apps, "shelf news");
    assert_int_equal(r->asker->session, 7);
    assert_int_equal(w->call->body.len, 2);
    assert_memory_equal(w->call->body.data, "hi", 2);
}

static void
headers_of_one_connection_and_those_of_proxies_are_dropped(void **state)
{
    struct world *w = *state;
    const struct cnc__http_request *r = &w->call->request;

    assert_int_equal(
        read_xml(w->call,
                 REQ("method='GET' resource='/'",
                     "<header name='Connection'>close, X-Own, Host</header>"
                     "<header name='X-Own'>1</header>" HOST
                     "<header name='Transfer-Encoding'>chunked</header>"
                     "<header name='X-Forwarded-For'>1.2.3.4</header>"
                     "<header name='X-Forwarded-Proto'>https</header>"
                     "<header name='Forwarded'>for=1.2.3.4</header>"
                     "<header name='Proxy-Authorization'>x</header>"
                     "<header name='Expect'>100-continue</header>"
                     "<header name='Cookie'>a=b</header>",
                     ""),
                 NULL),
        0);
    assert_int_equal(r->n_headers, 2);
    assert_string_equal(cnc__http_header(r, "host"), "a.example");
    assert_string_equal(cnc__http_header(r, "cookie"), "a=b");
    assert_false(r->secure);
    assert_string_equal(r->addr, "");
}

static const struct {
    const char *xml;
    const char *condition, *text;
} bad[] = {
    {"<req xmlns='urn:xmpp:http'/>", "bad-request", "method"},
    {"<req xmlns='urn:xmpp:http' method='GET' resource='/'/>", "bad-request",
     "Host"},
    {REQ("method='GET'", HOST, ""), "bad-request", "path"},
    {GET("*"), "bad-request", "path"},
    {GET("/a/./b"), "bad-request", "segments"},
    {GET("/%C3"), "bad-request", "UTF-8"},
    {GET("https://a.example/"), "bad-request", "path"},
    {REQ("method='GET' resource='/'", HOST "<header name='A'>x&#10;y</header>",
         ""),
     "bad-request", "control"},
    {REQ("method='GET' resource='/'", HOST "<header>x</header>", ""),
     "bad-request", "malformed"},
    {REQ("method='GET' resource='/'", HOST HOST, ""), "bad-request", "twice"},
    {REQ("method='GET' resource='/'", HOST,
         "<client xmlns='http://concordance-xmpp.org/ns/web' addr='x'/>"),
     "bad-request", "addr"},
    {REQ("method='GET' resource='/'", HOST,
         "<client xmlns='http://concordance-xmpp.org/ns/web' item=''/>"),
     "bad-request", "item"},
    {REQ("method='POST' resource='/'",
         HOST "<header name='Content-Length'>3</header>",
         "<data><base64>aGk=</base64></data>"),
     "bad-request", "Content-Length"},
    {REQ("method='POST' resource='/'", HOST, "<data><sipub/></data>"),
     "bad-request", "body"},
};

static void
what_is_no_request_is_said_to_be_none(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < CNC_N(bad); i++) {
        struct cnc__gate_call *c =
            cnc__gate_call_new(&w->gate, &w->link, NULL);
        struct cnc_error err = {0};

        assert_int_not_equal(read_xml(c, bad[i].xml, &err), 0);
        assert_string_equal(err.condition, bad[i].condition);
        if (strstr(err.text, bad[i].text) == NULL) {
            fail_msg("%s: %s", bad[i].xml, err.text);
        }
        cnc__gate_call_free(&c);
    }
}

static void
a_head_has_limits(void **state)
{
    struct world *w = *state;
    struct cnc__str xml = CNC__STR;
    struct cnc_error err = {0};
    struct cnc__gate_call *c;

    /* 64 headers are read, 65 are not. */
    for (int n = 63; n <= 64; n++) {
        c = cnc__gate_call_new(&w->gate, &w->link, NULL);
        cnc__str_clear(&xml);
        cnc__str_puts(&xml, "<req xmlns='urn:xmpp:http' method='GET' "
                            "resource='/'><headers xmlns='http://jabber.org/"
                            "protocol/shim'>" HOST);
        for (int i = 0; i < n; i++) {
            cnc__str_printf(&xml, "<header name='x%d'/>", i);
        }
        cnc__str_puts(&xml, "</headers></req>");
        assert_int_equal(read_xml(c, xml.data, &err),
                         n == 63 ? 0 : CNC_ELIMIT);
        cnc__gate_call_free(&c);
    }
    assert_string_equal(err.condition, "policy-violation");
    cnc__str_fini(&xml);
}

/* -- answers ---------------------------------------------------------------
 */

static void
a_whole_answer_is_taken_apart(void **state)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
                               "Connection: close\r\n"
                               "ETag: \"<&>\"\r\n\r\nhello";
    struct cnc__http_request q = {.method = CNC__HTTP_GET};
    struct cnc__http_kept kept = {"/a", "e", true};
    struct cnc__http_response r = {.whole =
                                       cnc_buf_new(text, sizeof(text) - 1),
                                   .head_len = sizeof(text) - 6,
                                   .kept = &kept};
    struct cnc__str xml = CNC__STR;
    struct cnc_element *e = NULL, *h;
    struct cnc_buf *whole = r.whole;

    assert_int_equal(cnc__gate_body_len(&q, &r), 5);
    cnc__gate_write(&xml, &q, &r, NULL);
    assert_int_equal(cnc_xml_parse(&e, xml.data, xml.len, 0, NULL, NULL), 0);
    assert_string_equal(cnc_element_attr(e, NULL, "statusCode"), "200");
    assert_string_equal(cnc_element_attr(e, NULL, "statusMessage"), "OK");
    h = cnc_element_child(e, CNC__NS_SHIM, "headers");
    assert_int_equal(cnc_element_n_children(h), 2);
    assert_string_equal(cnc_element_text(cnc_element_child_at(h, 1).element),
                        "\"<&>\"");
    assert_string_equal(
        cnc_element_child_text(cnc_element_child(e, CNC__NS_HTTP, "data"),
                               CNC__NS_HTTP, "base64"),
        "aGVsbG8=");
    assert_string_equal(
        cnc_element_attr(cnc_element_child(e, CNC__NS_WEB, "kept"), NULL,
                         "personal"),
        "true");
    cnc_element_unref(&e);
    /* Of HEAD the head alone. */
    q.method = CNC__HTTP_HEAD;
    cnc__str_clear(&xml);
    cnc__gate_write(&xml, &q, &r, NULL);
    assert_null(strstr(xml.data, "<data"));
    cnc__str_fini(&xml);
    cnc_buf_unref(&whole);
}

static void
an_answer_without_a_body_has_no_length(void **state)
{
    static const int none[] = {204, 304};
    struct cnc__http_request q = {.method = CNC__HTTP_GET, .unknown = true};
    struct cnc__str xml = CNC__STR;

    for (size_t i = 0; i < CNC_N(none); i++) {
        struct cnc__http_response r = {.status = none[i],
                                       .headers = "ETag: \"x\"\r\n"};

        cnc__str_clear(&xml);
        cnc__gate_write(&xml, &q, &r, NULL);
        assert_null(strstr(xml.data, "Content-Length"));
        assert_null(strstr(xml.data, "<data"));
        assert_non_null(strstr(xml.data, "w:unknown='true'"));
    }
    cnc__str_fini(&xml);
}

/* -- errands ---------------------------------------------------------------
 */

struct errand {
    struct cnc__http_errand base;
    unsigned n_gone;
};

static void
on_gone(struct cnc__http_errand *e)
{
    CNC_CONTAINER(e, struct errand, base)->n_gone++;
}

static struct cnc__request *
an_iq(struct world *w, uint64_t session)
{
    static const char xml[] = "<iq type='set' id='1'><x/></iq>";
    struct cnc_element *e = cnc__router_parse(xml, sizeof(xml) - 1);
    struct cnc__request *q = cnc__request_new(
        w->service.router, NULL, CNC__IQ_SET, "b@a.example/c", "a.example", e);

    q->session_id = session;
    cnc_element_unref(&e);
    return q;
}

static void
errands_are_said_one_after_another(void **state)
{
    struct world *w = *state;
    struct cnc__gate_call *c = w->call;
    struct cnc__http_asker *a = &c->asker;
    struct errand one = {{on_gone}, 0}, two = {{on_gone}, 0};
    struct cnc__request *q;

    c->iq = an_iq(w, 7);
    a->say(a, &one.base, "<run/>", 6);
    assert_null(c->iq); /* that was its answer */
    a->say(a, &two.base, "<run/>", 6);
    /* Not another's, and not the one that was not said. */
    q = an_iq(w, 8);
    assert_false(a->go_on(a, &one.base, &q));
    assert_non_null(q);
    q->session_id = 7;
    assert_false(a->go_on(a, &two.base, &q));
    assert_true(a->go_on(a, &one.base, &q));
    assert_null(q);
    assert_null(c->iq); /* the second one was said with it */
    q = an_iq(w, 7);
    assert_true(a->go_on(a, &two.base, &q));
    assert_non_null(c->iq); /* it waits for the answer */
    assert_int_equal(one.n_gone + two.n_gone, 0);
    assert_int_equal(w->gate.stats.errands, 2);
}

static void
an_errand_that_is_dropped_is_not_heard_of(void **state)
{
    struct world *w = *state;
    struct cnc__http_asker *a = &w->call->asker;
    struct errand one = {{on_gone}, 0}, two = {{on_gone}, 0};

    w->call->iq = an_iq(w, 7);
    a->say(a, &one.base, "<run/>", 6);
    a->say(a, &two.base, "<run/>", 6);
    a->drop(a, &one.base);
    cnc__gate_call_free(&w->call);
    assert_int_equal(one.n_gone, 0);
    assert_int_equal(two.n_gone, 1);
    assert_null(two.base.xml);
}

/* By HTTP/2 a browser's cookies may come in several headers. */
static void
a_cookie_is_found_in_whichever_header(void **state)
{
    const struct cnc__http_header headers[] = {
        {"cookie", "; a=1;x-concordance-lang=no; concordance-langs=no"},
        {"accept", "concordance-lang=no"},
        {"cookie", "b; concordance-lang=de"},
        {"cookie", "concordance-lang=fr"}};
    const struct cnc__http_request r = {.headers = headers,
                                        .n_headers = CNC_N(headers)};
    size_t len = 0;
    const char *value = cnc__http_cookie(&r, CNC__COOKIE_LANG, &len);

    assert_non_null(value);
    assert_int_equal(len, 2);
    assert_memory_equal(value, "de", 2);
    assert_string_equal(cnc__cookie_find("a=;b=2", "a", &len), ";b=2");
    assert_int_equal(len, 0);
    assert_null(cnc__http_cookie(&r, "b", &len));
    assert_null(cnc__http_cookie(&r, "c", &len));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_read_outlives_the_stanza),
        TEST(headers_of_one_connection_and_those_of_proxies_are_dropped),
        TEST(what_is_no_request_is_said_to_be_none),
        TEST(a_head_has_limits),
        TEST(a_whole_answer_is_taken_apart),
        TEST(an_answer_without_a_body_has_no_length),
        TEST(errands_are_said_one_after_another),
        TEST(a_cookie_is_found_in_whichever_header),
        TEST(an_errand_that_is_dropped_is_not_heard_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
