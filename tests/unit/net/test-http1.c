/* SPDX-License-Identifier: MIT */
/* The request table: what is understood, what is refused, and that it does
 * not matter how the bytes were cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../../src/net/http1.h"

#define H "Host: example.org\r\n"

struct result {
    enum cnc__http1_step step;
    int status;
    bool saw_head;
    size_t used;
};

/* Feed pieces of `piece` bytes until something is decided. */
static struct result
feed(struct cnc__http1 *h, const char *s, size_t len, size_t piece)
{
    struct result r = {CNC__HTTP1_MORE, 0, false, 0};

    while (r.used < len &&
           (r.step == CNC__HTTP1_MORE || r.step == CNC__HTTP1_HEAD)) {
        size_t n = len - r.used < piece ? len - r.used : piece, used = 0;
        /* An allocation of the exact size lets ASan see an over-read. */
        char *copy = cnc__strndup(s + r.used, n);

        r.step = cnc__http1_feed(h, copy, n, &used);
        cnc__free(copy);
        assert_true(used <= n);
        assert_true(used == n || r.step != CNC__HTTP1_MORE);
        r.used += used;
        r.saw_head |= r.step == CNC__HTTP1_HEAD;
    }
    r.status = h->status;
    return r;
}

struct refused {
    const char *what, *bytes;
    int status;
};

static const struct refused refusals[] = {
    /* request line */
    {"unknown method", "FROB / HTTP/1.1\r\n" H "\r\n", 501},
    {"lower-case method", "get / HTTP/1.1\r\n" H "\r\n", 501},
    {"trace", "TRACE / HTTP/1.1\r\n" H "\r\n", 405},
    {"connect", "CONNECT a.example:443 HTTP/1.1\r\n" H "\r\n", 405},
    {"version 2", "GET / HTTP/2.0\r\n" H "\r\n", 505},
    {"version 1.2", "GET / HTTP/1.2\r\n" H "\r\n", 505},
    {"version 0.9", "GET /\r\n\r\n", 505},
    {"no version digits", "GET / HTTP/x\r\n" H "\r\n", 505},
    {"not HTTP", "GET / FTP/1.1\r\n" H "\r\n", 400},
    {"control character", "GET /\x01 HTTP/1.1\r\n" H "\r\n", 400},
    {"tab between", "GET\t/\tHTTP/1.1\r\n" H "\r\n", 400},
    {"text behind", "GET / HTTP/1.1 x\r\n" H "\r\n", 505},
    {"bytes of TLS", "\x16\x03\x01\x02", 400},
    {"blank lines before", "\r\n\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", 400},
    /* line ends */
    {"bare LF in the request line", "GET / HTTP/1.1\n" H "\r\n", 400},
    {"bare LF in a header", "GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
    {"bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
    {"bare CR in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
     400},
    {"CR CR LF", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400},
    /* headers */
    {"space before colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
    {"tab before colon", "GET / HTTP/1.1\r\n" H "X\t: a\r\n\r\n", 400},
    {"folded header", "GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", 400},
    {"folded with tab", "GET / HTTP/1.1\r\n" H "X: a\r\n\tb\r\n\r\n", 400},
    {"space before the first", "GET / HTTP/1.1\r\n X: a\r\n" H "\r\n", 400},
    {"no colon", "GET / HTTP/1.1\r\n" H "nonsense\r\n\r\n", 400},
    {"empty name", "GET / HTTP/1.1\r\n" H ": a\r\n\r\n", 400},
    {"name with a slash", "GET / HTTP/1.1\r\n" H "a/b: a\r\n\r\n", 400},
    {"value with DEL", "GET / HTTP/1.1\r\n" H "a: \x7f\r\n\r\n", 400},
    {"value not UTF-8", "GET / HTTP/1.1\r\n" H "a: \xff\xfe\r\n\r\n", 400},
    /* Host */
    {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
    {"two hosts", "GET / HTTP/1.1\r\n" H "host: b\r\n\r\n", 400},
    {"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
    {"host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"host with user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
    {"host with space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"host with wrong port", "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", 400},
    {"host with empty port", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", 400},
    {"host with open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
    {"host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400},
    /* framing: the ways requests are smuggled */
    {"CL and TE",
     "POST / HTTP/1.1\r\n" H "Content-Length: 4\r\n"
     "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400},
    {"TE and CL",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n"
     "Content-Length: 4\r\n\r\n0\r\n\r\n",
     400},
    {"two lengths",
     "POST / HTTP/1.1\r\n" H "Content-Length: 4\r\nContent-Length: 4\r\n"
     "\r\nabcd",
     400},
    {"two different lengths",
     "POST / HTTP/1.1\r\n" H "Content-Length: 4\r\nContent-Length: 5\r\n"
     "\r\nabcd",
     400},
    {"list of lengths",
     "POST / HTTP/1.1\r\n" H "Content-Length: 4, 4\r\n\r\nabcd", 400},
    {"signed length", "POST / HTTP/1.1\r\n" H "Content-Length: +4\r\n\r\n",
     400},
    {"negative length", "POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n",
     400},
    {"hexadecimal length",
     "POST / HTTP/1.1\r\n" H "Content-Length: 0x4\r\n\r\n", 400},
    {"empty length", "POST / HTTP/1.1\r\n" H "Content-Length: \r\n\r\n", 400},
    {"length past 64 bits",
     "POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n",
     400},
    {"large length", "POST / HTTP/1.1\r\n" H "Content-Length: 1001\r\n\r\n",
     413},
    {"TE identity",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", 501},
    {"TE gzip, chunked",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n"
     "0\r\n\r\n",
     501},
    {"TE chunked twice",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n"
     "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400},
    {"TE with a vertical tab",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b"
     "chunked\r\n\r\n"
     "0\r\n\r\n",
     400},
    {"TE in HTTP/1.0",
     "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400},
    {"chunk size with sign",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
     "+1\r\na\r\n0\r\n\r\n",
     400},
    {"chunk size with 0x",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
     "0x1\r\na\r\n0\r\n\r\n",
     400},
    {"chunk size past 64 bits",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
     "11111111111111111\r\na\r\n0\r\n\r\n",
     400},
    {"chunk ended by LF",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
     "1\na\r\n0\r\n\r\n",
     400},
    {"chunk longer than said",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
     "1\r\nab\r\n0\r\n\r\n",
     400},
    {"large chunk",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
     "fffffff\r\n",
     0},
    {"other expectation",
     "POST / HTTP/1.1\r\n" H "Expect: 42\r\nContent-Length: 1\r\n\r\n", 417},
    /* targets */
    {"bad escape", "GET /%zz HTTP/1.1\r\n" H "\r\n", 400},
    {"cut escape", "GET /%4 HTTP/1.1\r\n" H "\r\n", 400},
    {"escaped NUL", "GET /a%00b HTTP/1.1\r\n" H "\r\n", 400},
    {"escaped LF", "GET /a%0Ab HTTP/1.1\r\n" H "\r\n", 400},
    {"escaped slash", "GET /a%2fb HTTP/1.1\r\n" H "\r\n", 400},
    {"backslash", "GET /a\\b HTTP/1.1\r\n" H "\r\n", 400},
    {"escaped backslash", "GET /a%5Cb HTTP/1.1\r\n" H "\r\n", 400},
    {"not UTF-8", "GET /%ff HTTP/1.1\r\n" H "\r\n", 400},
    {"overlong UTF-8", "GET /%c0%af HTTP/1.1\r\n" H "\r\n", 400},
    {"surrogate", "GET /%ed%a0%80 HTTP/1.1\r\n" H "\r\n", 400},
    {"raw high bytes", "GET /\xc3\xbc HTTP/1.1\r\n" H "\r\n", 400},
    {"raw bytes not UTF-8", "GET /\xff HTTP/1.1\r\n" H "\r\n", 400},
    {"dot dot", "GET /a/../b HTTP/1.1\r\n" H "\r\n", 400},
    {"dot dot at the end", "GET /a/.. HTTP/1.1\r\n" H "\r\n", 400},
    {"escaped dot dot", "GET /a/%2e%2E/b HTTP/1.1\r\n" H "\r\n", 400},
    {"dot", "GET /./a HTTP/1.1\r\n" H "\r\n", 400},
    {"double slash", "GET //a.example/ HTTP/1.1\r\n" H "\r\n", 400},
    {"double slash within", "GET /a//b HTTP/1.1\r\n" H "\r\n", 400},
    {"fragment", "GET /#a HTTP/1.1\r\n" H "\r\n", 400},
    {"no slash", "GET a HTTP/1.1\r\n" H "\r\n", 400},
    {"asterisk", "OPTIONS * HTTP/1.1\r\n" H "\r\n", 400},
    {"other host", "GET http://other.example/ HTTP/1.1\r\n" H "\r\n", 400},
    {"user in the address", "GET http://u@example.org/ HTTP/1.1\r\n" H "\r\n",
     400},
    {"other scheme", "GET ftp://example.org/ HTTP/1.1\r\n" H "\r\n", 400},
};

static void
malformed_requests_are_refused_however_they_are_cut(void **state)
{
    for (size_t i = 0; i < CNC_N(refusals); i++) {
        const struct refused *t = &refusals[i];
        static const size_t pieces[] = {100000, 1, 7};
        size_t len = strlen(t->bytes);

        for (size_t k = 0; k < CNC_N(pieces); k++) {
            struct cnc__http1 h = {0};
            struct result r;

            cnc__http1_init(&h, 1000);
            r = feed(&h, t->bytes, len, pieces[k]);
            if (r.status != t->status ||
                (r.step == CNC__HTTP1_BAD) != (t->status != 0)) {
                fail_msg("%s, in pieces of %zu: step %d status %d (%s), not "
                         "%d",
                         t->what, pieces[k], r.step, r.status, h.why,
                         t->status);
            }
            cnc__http1_fini(&h);
        }
    }
}

struct accepted {
    const char *bytes;
    enum cnc__http_method method;
    const char *path, *query, *host, *body;
    bool keep_alive;
};

static const struct accepted accepted[] = {
    {"GET / HTTP/1.1\r\n" H "\r\n", CNC__HTTP_GET, "/", "", "example.org", "",
     true},
    {"\r\nGET / HTTP/1.1\r\n" H "\r\n", CNC__HTTP_GET, "/", "", "example.org",
     "", true},
    {"HEAD /a/b/ HTTP/1.1\r\nHost: [::1]:8080\r\nConnection: close\r\n\r\n",
     CNC__HTTP_HEAD, "/a/b/", "", "[::1]:8080", "", false},
    {"GET /b%C3%BCcher/%41?q=%41&r HTTP/1.1\r\nhOST:a:80\r\n\r\n",
     CNC__HTTP_GET,
     "/b\xc3\xbc"
     "cher/A",
     "q=%41&r", "a:80", "", true},
    {"GET /a|b^c`{d} HTTP/1.1\r\n" H "\r\n", CNC__HTTP_GET, "/a|b^c`{d}", "",
     "example.org", "", true},
    {"GET /..a/.b/c.. HTTP/1.1\r\n" H "\r\n", CNC__HTTP_GET, "/..a/.b/c..", "",
     "example.org", "", true},
    {"GET http://EXAMPLE.org HTTP/1.1\r\n" H "\r\n", CNC__HTTP_GET, "/", "",
     "example.org", "", true},
    {"GET http://example.org/x?y HTTP/1.1\r\n" H "\r\n", CNC__HTTP_GET, "/x",
     "y", "example.org", "", true},
    {"GET http://example.org?y HTTP/1.1\r\n" H "\r\n", CNC__HTTP_GET, "/", "y",
     "example.org", "", true},
    {"GET / HTTP/1.0\r\n\r\n", CNC__HTTP_GET, "/", "", "", "", false},
    {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", CNC__HTTP_GET, "/",
     "", "", "", true},
    {"GET / HTTP/1.1\r\n" H "Connection: Upgrade, HTTP2-Settings\r\n"
     "Upgrade: h2c\r\n\r\n",
     CNC__HTTP_GET, "/", "", "example.org", "", true},
    {"POST /f HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", CNC__HTTP_POST,
     "/f", "", "example.org", "hello", true},
    {"POST /f HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", CNC__HTTP_POST,
     "/f", "", "example.org", "", true},
    {"POST /f HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n"
     "3;x=y\r\nhel\r\n02\r\nlo\r\n0\r\nTrailer: t\r\n\r\n",
     CNC__HTTP_POST, "/f", "", "example.org", "hello", true},
    {"PUT /f HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nhi", CNC__HTTP_PUT,
     "/f", "", "example.org", "hi", true},
    {"DELETE /f HTTP/1.1\r\n" H "\r\n", CNC__HTTP_OTHER, "/f", "",
     "example.org", "", true},
};

/* What follows a request on the wire is not touched. */
static void
well_formed_requests_are_understood_however_they_are_cut(void **state)
{
    static const size_t pieces[] = {100000, 1, 2, 7, 31};
    static const char next[] = "GET /next HTTP/1.1\r\n";

    for (size_t i = 0; i < CNC_N(accepted); i++) {
        const struct accepted *t = &accepted[i];
        struct cnc__str wire = CNC__STR;

        cnc__str_puts(&wire, t->bytes);
        cnc__str_puts(&wire, next);
        for (size_t k = 0; k < CNC_N(pieces); k++) {
            struct cnc__http1 h = {0};
            struct result r;

            cnc__http1_init(&h, 1000);
            r = feed(&h, wire.data, wire.len, pieces[k]);
            if (r.step != CNC__HTTP1_DONE) {
                fail_msg("%s in pieces of %zu: step %d, %d %s", t->bytes,
                         pieces[k], r.step, r.status, h.why);
            }
            assert_int_equal(r.used, strlen(t->bytes));
            assert_int_equal(h.request.method, t->method);
            assert_string_equal(h.request.path, t->path);
            assert_string_equal(h.request.query, t->query);
            assert_string_equal(h.host, t->host);
            assert_int_equal(h.request.body_len, strlen(t->body));
            assert_string_equal(h.request.body, t->body);
            assert_int_equal(h.keep_alive, t->keep_alive);
            cnc__http1_fini(&h);
        }
        cnc__str_fini(&wire);
    }
}

static void
header_names_are_lowered_and_values_trimmed(void **state)
{
    static const char wire[] =
        "GET / HTTP/1.1\r\n" H "X-Mixed-Case:\t a  b \t\r\nEmpty:\r\n"
        "Utf: \xc3\xbc\r\n\r\n";
    struct cnc__http1 h = {0};

    cnc__http1_init(&h, 10);
    assert_int_equal(feed(&h, wire, sizeof(wire) - 1, 5).step,
                     CNC__HTTP1_DONE);
    assert_int_equal(h.request.n_headers, 4);
    assert_string_equal(cnc__http_header(&h.request, "x-mixed-case"), "a  b");
    assert_string_equal(cnc__http_header(&h.request, "empty"), "");
    assert_string_equal(cnc__http_header(&h.request, "utf"), "\xc3\xbc");
    assert_null(cnc__http_header(&h.request, "x-mixed"));
    cnc__http1_fini(&h);
}

static void
expect_continue_is_told_with_the_head(void **state)
{
    static const char wire[] =
        "POST / HTTP/1.1\r\n" H "Expect: 100-Continue\r\n"
        "Content-Length: 2\r\n\r\nab";
    struct cnc__http1 h = {0};
    struct result r;

    cnc__http1_init(&h, 10);
    r = feed(&h, wire, sizeof(wire) - 1, 3);
    assert_true(r.saw_head && h.expect);
    assert_int_equal(r.step, CNC__HTTP1_DONE);
    cnc__http1_fini(&h);
}

static int
status_of(const char *wire, size_t len, size_t piece)
{
    struct cnc__http1 h = {0};
    int status;

    cnc__http1_init(&h, 1000);
    status = feed(&h, wire, len, piece).status;
    cnc__http1_fini(&h);
    return status;
}

static void
heads_past_the_limits_are_refused(void **state)
{
    static const size_t pieces[] = {100000, 100, 1};

    for (size_t k = 0; k < CNC_N(pieces); k++) {
        struct cnc__str s = CNC__STR;

        cnc__str_puts(&s, "GET / HTTP/1.1\r\n" H);
        for (int i = 0; i < 63; i++) {
            cnc__str_puts(&s, "X: y\r\n");
        }
        cnc__str_puts(&s, "\r\n");
        assert_int_equal(status_of(s.data, s.len, pieces[k]), 0);
        s.len -= 2;
        cnc__str_puts(&s, "X: y\r\n\r\n");
        assert_int_equal(status_of(s.data, s.len, pieces[k]), 431);

        cnc__str_clear(&s);
        cnc__str_puts(&s, "GET / HTTP/1.1\r\n" H "X: ");
        for (int i = 0; i < 17000; i++) {
            cnc__str_putc(&s, 'a');
        }
        assert_int_equal(status_of(s.data, s.len, pieces[k]), 431);
        cnc__str_puts(&s, "\r\n\r\n");
        assert_int_equal(status_of(s.data, s.len, pieces[k]), 431);

        cnc__str_clear(&s);
        cnc__str_puts(&s, "GET /");
        for (int i = 0; i < 9000; i++) {
            cnc__str_putc(&s, 'a');
        }
        cnc__str_puts(&s, " HTTP/1.1\r\n" H "\r\n");
        assert_int_equal(status_of(s.data, s.len, pieces[k]), 414);
        cnc__str_clear(&s);
        for (int i = 0; i < 17000; i++) {
            cnc__str_putc(&s, 'a');
        }
        assert_int_equal(status_of(s.data, s.len, pieces[k]), 414);
        cnc__str_fini(&s);
    }
}

static void
chunked_bodies_past_the_limit_are_refused(void **state)
{
    struct cnc__str s = CNC__STR;

    cnc__str_puts(&s, "POST / HTTP/1.1\r\n" H
                      "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 10; i++) {
        cnc__str_puts(&s, "64\r\n");
        for (int k = 0; k < 100; k++) {
            cnc__str_putc(&s, 'a');
        }
        cnc__str_puts(&s, "\r\n");
    }
    assert_int_equal(status_of(s.data, s.len, 50), 0);
    cnc__str_puts(&s, "1\r\na\r\n");
    assert_int_equal(status_of(s.data, s.len, 50), 413);

    /* A body of nothing but chunk extensions. */
    cnc__str_clear(&s);
    cnc__str_puts(&s, "POST / HTTP/1.1\r\n" H
                      "Transfer-Encoding: chunked\r\n\r\n1;");
    for (int i = 0; i < 80000; i++) {
        cnc__str_putc(&s, 'a');
    }
    assert_int_equal(status_of(s.data, s.len, 4096), 413);
    cnc__str_fini(&s);
}

static void
one_object_reads_request_after_request(void **state)
{
    static const char wire[] =
        "POST /1 HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"
        "GET /2 HTTP/1.1\r\n" H "\r\n"
        "POST /3 HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
        "1\r\nx\r\n0\r\n\r\n"
        "GET /4 HTTP/1.1\r\n" H "\r\n";
    struct cnc__http1 h = {0};
    size_t at = 0;

    for (char n = '1'; n <= '4'; n++) {
        struct result r;

        cnc__http1_init(&h, 10);
        r = feed(&h, wire + at, sizeof(wire) - 1 - at, 1000);
        assert_int_equal(r.step, CNC__HTTP1_DONE);
        assert_int_equal(h.request.path[1], n);
        at += r.used;
    }
    assert_int_equal(at, sizeof(wire) - 1);
    cnc__http1_fini(&h);
}

/* -- who may -------------------------------------------------------------- */

static void
origin_must_be_our_own_or_on_the_list(void **state)
{
    static const char *const list[] = {"https://other.example", "null", NULL};

    assert_true(
        cnc__origin_allowed("http://a.example", "a.example", false, NULL));
    assert_true(cnc__origin_allowed("http://A.example:81", "a.example:81",
                                    false, list));
    assert_true(cnc__origin_allowed("https://other.example", "a.example",
                                    false, list));
    assert_false(
        cnc__origin_allowed("https://a.example", "a.example", false, list));
    assert_false(
        cnc__origin_allowed("http://a.example", "a.example", true, list));
    assert_false(
        cnc__origin_allowed("http://a.example:81", "a.example", false, list));
    assert_false(cnc__origin_allowed("http://a.example.evil", "a.example",
                                     false, list));
    assert_false(cnc__origin_allowed("http://evil-a.example", "a.example",
                                     false, list));
    assert_false(cnc__origin_allowed("https://other.example.evil", "a.example",
                                     false, list));
    assert_false(cnc__origin_allowed("null", "a.example", false, list));
    assert_false(cnc__origin_allowed("", "a.example", false, list));
    assert_false(cnc__origin_allowed("http://", "", false, list));
}

static bool
may_post(const char *origin, const char *site, const char *referer)
{
    struct cnc__http_header headers[3];
    struct cnc__http_request r = {.headers = headers};

    if (origin != NULL) {
        headers[r.n_headers++] = (struct cnc__http_header){"origin", origin};
    }
    if (site != NULL) {
        headers[r.n_headers++] =
            (struct cnc__http_header){"sec-fetch-site", site};
    }
    if (referer != NULL) {
        headers[r.n_headers++] = (struct cnc__http_header){"referer", referer};
    }
    return cnc__origin_may_post(&r, "a.example", false, NULL);
}

static void
posts_from_other_sites_are_refused_by_what_the_browser_tells(void **state)
{
    assert_true(may_post("http://a.example", "cross-site", NULL));
    assert_true(may_post(NULL, NULL, NULL));
    assert_true(may_post(NULL, "same-origin", "http://a.example/x"));
    assert_true(may_post(NULL, "none", NULL));
    assert_true(may_post(NULL, NULL, "http://a.example"));
    assert_false(may_post("http://evil.example", NULL, NULL));
    assert_false(may_post("null", "same-origin", NULL));
    assert_false(may_post(NULL, "cross-site", NULL));
    assert_false(may_post(NULL, "same-site", NULL));
    assert_false(may_post(NULL, NULL, "http://evil.example/"));
    assert_false(may_post(NULL, NULL, "http://a.example.evil/"));
    assert_false(may_post(NULL, NULL, "http://evil.example/http://a.example"));
    assert_false(may_post(NULL, NULL, "a.example"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_requests_are_refused_however_they_are_cut),
        cmocka_unit_test(
            well_formed_requests_are_understood_however_they_are_cut),
        cmocka_unit_test(header_names_are_lowered_and_values_trimmed),
        cmocka_unit_test(expect_continue_is_told_with_the_head),
        cmocka_unit_test(heads_past_the_limits_are_refused),
        cmocka_unit_test(chunked_bodies_past_the_limit_are_refused),
        cmocka_unit_test(one_object_reads_request_after_request),
        cmocka_unit_test(origin_must_be_our_own_or_on_the_list),
        cmocka_unit_test(
            posts_from_other_sites_are_refused_by_what_the_browser_tells),
    };

    return cmocka_run_group_tests_name("http1", tests, NULL, NULL);
}
