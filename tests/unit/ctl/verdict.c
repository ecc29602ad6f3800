/* SPDX-License-Identifier: MIT */
/* How `concordctl doctor --nginx` judges what came through a web server, and
 * what came back: no network here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "proxy.h"

static const struct doctor_finding *
last(const struct doctor_report *r, const char *check, enum doctor_level level)
{
    assert_true(r->n > 0);
    assert_string_equal(r->list[r->n - 1].check, check);
    assert_int_equal(r->list[r->n - 1].level, level);
    return &r->list[r->n - 1];
}

/* -- answers -------------------------------------------------------------- */

static int
answer(struct doctor_answer *a, const char *text, bool ended)
{
    return doctor_answer_read(a, text, strlen(text), ended);
}

static void
answers_are_read_by_length_chunks_and_end(void **state)
{
    struct doctor_answer a = {0};
    char value[256];

    assert_int_equal(answer(&a, "HTTP/1.1 200 OK\r\nConte", false), 0);
    assert_int_equal(
        answer(&a, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", false),
        0);
    assert_int_equal(
        answer(&a, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", false),
        1);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body.data, "hello");
    assert_string_equal(doctor_header(&a, "Content-Length", value), "5");
    assert_string_equal(doctor_header(&a, "Content", value), "");
    assert_int_equal(answer(&a,
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                            "\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n",
                            false),
                     0);
    assert_int_equal(answer(&a,
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                            "\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
                            false),
                     1);
    assert_string_equal(a.body.data, "abc0123456789");
    assert_int_equal(answer(&a, "HTTP/1.0 404 No\r\n\r\nwhat", false), 0);
    assert_int_equal(answer(&a, "HTTP/1.0 404 No\r\n\r\nwhat", true), 1);
    assert_int_equal(a.status, 404);
    assert_int_equal(answer(&a, "HTTP/1.1 304 Known\r\n\r\n", false), 1);
    doctor_answer_fini(&a);
}

static void
answers_before_the_answer_are_passed_over(void **state)
{
    struct doctor_answer a = {0};

    assert_int_equal(answer(&a, "HTTP/1.1 100 Continue\r\n\r\n", false), 0);
    assert_int_equal(a.status, 0);
    assert_int_equal(answer(&a,
                            "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
                            "HTTP/1.1 204 None\r\nETag: \"y\"\r\n\r\n",
                            false),
                     1);
    assert_int_equal(a.status, 204);
    assert_null(strstr(a.head.data, "Link"));
    assert_int_equal(answer(&a, "HTTP/1.1 101 Go\r\n\r\n\x81", false), 1);
    doctor_answer_fini(&a);
}

static void
what_is_no_http_is_told(void **state)
{
    static const char all[][40] = {"",
                                   "220 mail.example ESMTP\r\n\r\n",
                                   "HTTP/1.1\r\n\r\n",
                                   "HTTP/1.1 2x0 OK\r\n\r\n",
                                   "HTTP/1.1 20\r\n\r\n",
                                   "HTTP/2 200 OK\r\n\r\n",
                                   "\r\n\r\n"};
    struct doctor_answer a = {0};

    for (size_t i = 0; i < CNC_N(all); i++) {
        assert_int_equal(answer(&a, all[i], true), CNC_EPROTO);
    }
    doctor_answer_fini(&a);
}

static void
no_bytes_of_an_answer_do_harm(void **state)
{
    static const char good[] =
        "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
        "chunked\r\nETag: x\r\n\r\nffffffff\r\nabc\r\n10\r\n0123456789012345"
        "\r\n0\r\n\r\n";
    uint32_t seed = 1;

    for (int round = 0; round < 3000; round++) {
        struct doctor_answer a = {0};
        size_t len = sizeof(good) - 1;
        char *bytes = cnc__strndup(good, len), value[256];

        for (int k = 0; k < 4; k++) {
            seed = seed * 1664525u + 1013904223u;
            bytes[(seed >> 8) % len] = (char)(seed >> 24);
        }
        len -= (seed >> 4) % 8;
        bytes = cnc__realloc(bytes, len, 1);
        doctor_answer_read(&a, bytes, len, round % 2 == 0);
        doctor_header(&a, "ETag", value);
        assert_true(a.body.len <= len);
        doctor_answer_fini(&a);
        cnc__free(bytes);
    }
}

/* -- verdicts ------------------------------------------------------------- */

static struct doctor_answer
said(int status, const char *body)
{
    struct doctor_answer a = {.status = status, .from = "192.0.2.1"};

    cnc__str_puts(&a.head, "HTTP/1.1 000 X\r\nServer: nginx/1.22.1\r\n"
                           "Location: https://elsewhere.example/\r\n");
    cnc__str_puts(&a.body, body);
    return a;
}

static void
who_answers_instead_is_told(void **state)
{
    static const struct {
        const char *url, *prefix, *body, *check, *text, *fix;
        int status;
    } all[] = {
        {"https://www.books.example", "", "there is no such site here",
         "proxy.host", "changes Host", "proxy_set_header Host $http_host;",
         421},
        {"https://books.example", "", "there is no such site here",
         "proxy.host", "changes Host", "Host $http_host;", 421},
        {"https://other.example", "", "there is no such site here",
         "proxy.host", "is no name of the service",
         "url = https://other.example", 421},
        {"https://www.books.example", "", "", "proxy.reach",
         "another one answers (421, nginx/1.22.1)", "proxy_pass", 421},
        {"https://www.books.example", "/books", "all addresses of x",
         "proxy.path", "without /books", "no path after it", 404},
        {"https://www.books.example", "", "", "proxy.reach", "answers 502",
         "proxy_pass http://127.0.0.1:8080;", 502},
        {"https://www.books.example", "", "", "proxy.reach",
         "redirects to https://elsewhere.example/ (301)", NULL, 301},
        {"https://www.books.example", "", "", "proxy.reach",
         "lets nobody in (401)", NULL, 401},
        {"https://www.books.example", "", "<h1>Welcome to nginx!</h1>",
         "proxy.reach", "another one answers (200, nginx/1.22.1)", NULL, 200},
    };

    for (size_t i = 0; i < CNC_N(all); i++) {
        struct doctor_site s = site(DOCTOR_NGINX, all[i].url, all[i].prefix);
        struct doctor_report r = {0};
        struct doctor_seen seen = {0};
        struct doctor_answer a = said(all[i].status, all[i].body);
        const struct doctor_finding *f;

        assert_false(doctor_judge_reach(&r, &s, &seen, &a));
        f = last(&r, all[i].check, DOCTOR_FAIL);
        has(f->text, all[i].text);
        has(f->fix, all[i].fix == NULL ? "/etc/nginx" : all[i].fix);
        doctor_answer_fini(&a);
        doctor_report_fini(&r);
        doctor_site_fini(&s);
    }
}

static void
what_of_the_head_is_missing_is_told(void **state)
{
    struct doctor_site s =
        site(DOCTOR_APACHE, "https://www.books.example", "");
    struct doctor_seen seen = {.came = true,
                               .secure = true,
                               .forwarded = true,
                               .addr = "192.0.2.1",
                               .host = "WWW.books.example"};
    struct doctor_answer a = said(200, "Here.\n");
    struct doctor_report r = {0};

    assert_true(doctor_judge_reach(&r, &s, &seen, &a));
    doctor_judge_head(&r, &s, &seen, &a);
    assert_int_equal(doctor_worst(&r), DOCTOR_OK);
    seen.secure = false;
    doctor_judge_head(&r, &s, &seen, &a);
    has(last(&r, "proxy.scheme", DOCTOR_FAIL)->fix,
        "RequestHeader set X-Forwarded-Proto \"expr=%{REQUEST_SCHEME}\"");
    has(r.list[r.n - 1].fix, "/etc/apache2/sites-available/books.example");
    seen.secure = true;
    snprintf(seen.addr, sizeof(seen.addr), "198.51.100.7");
    snprintf(seen.host, sizeof(seen.host), "127.0.0.1:8080");
    doctor_judge_head(&r, &s, &seen, &a);
    assert_string_equal(r.list[r.n - 2].check, "proxy.client");
    assert_int_equal(r.list[r.n - 2].level, DOCTOR_WARN);
    has(r.list[r.n - 3].fix, "ProxyPreserveHost On");
    seen.forwarded = false;
    doctor_judge_head(&r, &s, &seen, &a);
    assert_int_equal(r.list[r.n - 2].level, DOCTOR_FAIL);
    has(r.list[r.n - 2].fix, "take out: ProxyAddHeaders Off");
    doctor_answer_fini(&a);
    doctor_report_fini(&r);
    doctor_site_fini(&s);
}

static void
each_answer_to_a_websocket_has_its_line(void **state)
{
    static const struct {
        int status;
        const char *body, *text, *fix;
        bool flipped;
    } all[] = {
        {404, "", "(404): it does not lead to the service",
         "location = /xmpp {}:", false},
        {200, "<html/>", "(200): it does not lead", "proxy_pass", false},
        {421, "there is no such site here.", "(421): the web server changes",
         "Host $http_host;", false},
        {421, "", "itself refuses it (421)", "proxy_pass", false},
        {403, "may not connect here.", "X-Forwarded-Proto does not come",
         "X-Forwarded-Proto $scheme;", true},
        {403, "may not connect here.", "the web server changes Host",
         "Host $http_host;", false},
        {403, "Forbidden", "itself refuses it (403)", "proxy_pass", false},
        {426, "this address is for WebSocket connections, version 13.",
         "the headers Upgrade and Connection", "Upgrade $http_upgrade;",
         false},
        {400, "the subprotocol xmpp is not offered.",
         "Sec-WebSocket-Protocol does", "Upgrade", false},
        {404, "all addresses of x begin with", "takes", "proxy_pass", false},
        {502, "", "answers 502, it does not reach", "proxy_pass", false},
        {301, "", "redirects it to https://elsewhere.example/ (301)",
         "proxy_pass", false},
        {101, "", "without its subprotocol", "Upgrade", false},
    };
    struct doctor_site s = site(DOCTOR_NGINX, "https://www.books.example", "");
    struct doctor_report r = {0};

    for (size_t i = 0; i < CNC_N(all); i++) {
        struct doctor_answer a = said(all[i].status, all[i].body);
        const struct doctor_finding *f;

        assert_false(doctor_judge_upgrade(&r, &s, &a, all[i].flipped));
        f = last(&r, "proxy.websocket", DOCTOR_FAIL);
        has(f->text, all[i].text);
        has(f->fix, all[i].fix);
        doctor_answer_fini(&a);
    }
    struct doctor_answer good = {.status = 101};

    cnc__str_puts(&good.head,
                  "HTTP/1.1 101 X\r\nSec-WebSocket-Protocol: xmpp\r\n");
    assert_true(doctor_judge_upgrade(&r, &s, &good, false));
    doctor_answer_fini(&good);
    doctor_report_fini(&r);
    doctor_site_fini(&s);
}

static void
a_body_that_is_refused_or_cut_is_told(void **state)
{
    struct doctor_site s =
        site(DOCTOR_CADDY, "https://www.books.example", "/books");
    struct doctor_seen seen = {.came = true, .body = 2000000};
    struct doctor_answer a = said(200, "Here.\n");
    struct cnc_error err = {.text = "it closed the connection"};
    struct doctor_report r = {0};

    doctor_judge_body(&r, &s, &seen, &a, 2000000, 0, &err);
    last(&r, "proxy.body", DOCTOR_OK);
    seen.body = 1;
    doctor_judge_body(&r, &s, &seen, &a, 2000000, 0, &err);
    has(last(&r, "proxy.body", DOCTOR_FAIL)->fix, "max_size 4MB");
    a.status = 413;
    doctor_judge_body(&r, &s, &seen, &a, 2000000, 0, &err);
    has(last(&r, "proxy.body", DOCTOR_FAIL)->text, "with 413");
    doctor_judge_body(&r, &s, &seen, &a, 2000000, CNC_ECLOSED, &err);
    has(last(&r, "proxy.body", DOCTOR_FAIL)->text, "it closed the connection");
    doctor_answer_fini(&a);
    doctor_report_fini(&r);
    doctor_site_fini(&s);
}

static void
a_form_that_is_refused_has_the_header_that_is_wrong(void **state)
{
    struct doctor_site s = site(DOCTOR_NGINX, "https://www.books.example", "");
    struct doctor_seen head = {.came = true, .secure = true}, none = {0};
    struct doctor_answer a =
        said(403, "this site does not take requests from there.\n");
    struct cnc_error err = {0};
    struct doctor_report r = {0};

    doctor_judge_form(&r, &s, &head, &none, &a, 0, &err);
    has(last(&r, "proxy.form", DOCTOR_FAIL)->fix, "Host $http_host");
    head.secure = false;
    doctor_judge_form(&r, &s, &head, &none, &a, 0, &err);
    has(last(&r, "proxy.form", DOCTOR_FAIL)->fix, "X-Forwarded-Proto");
    a.status = 405;
    cnc__str_clear(&a.body);
    doctor_judge_form(&r, &s, &head, &none, &a, 0, &err);
    has(last(&r, "proxy.form", DOCTOR_FAIL)->text, "with 405");
    doctor_answer_fini(&a);
    doctor_report_fini(&r);
    doctor_site_fini(&s);
}

static void
certificates_are_judged_as_browsers_do(void **state)
{
    struct doctor_site s = site(DOCTOR_NGINX, "https://www.books.example", "");
    struct doctor_cert c = {
        .covers = true, .not_before = 1000, .not_after = 100 * 86400};
    struct doctor_report r = {0};

    doctor_judge_site_cert(&r, &s, &c, 86400);
    last(&r, "proxy.certificate", DOCTOR_OK);
    doctor_judge_site_cert(&r, &s, &c, 90 * 86400);
    has(last(&r, "proxy.certificate", DOCTOR_WARN)->text, "10 days");
    doctor_judge_site_cert(&r, &s, &c, 100 * 86400);
    has(last(&r, "proxy.certificate", DOCTOR_FAIL)->text, "has expired");
    doctor_judge_site_cert(&r, &s, &c, 999);
    has(last(&r, "proxy.certificate", DOCTOR_FAIL)->text, "not valid yet");
    snprintf(c.verify, sizeof(c.verify), "self-signed certificate");
    doctor_judge_site_cert(&r, &s, &c, 86400);
    has(last(&r, "proxy.certificate", DOCTOR_FAIL)->text, "--ca FILE");
    has(r.list[r.n - 1].fix, "ssl_certificate /c.pem;");
    c.covers = false;
    snprintf(c.names, sizeof(c.names), "other.example");
    doctor_judge_site_cert(&r, &s, &c, 86400);
    has(last(&r, "proxy.certificate", DOCTOR_FAIL)->text,
        "it is of other.example, not www.books.example");
    doctor_report_fini(&r);
    doctor_site_fini(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_read_by_length_chunks_and_end),
        cmocka_unit_test(answers_before_the_answer_are_passed_over),
        cmocka_unit_test(what_is_no_http_is_told),
        cmocka_unit_test(no_bytes_of_an_answer_do_harm),
        cmocka_unit_test(who_answers_instead_is_told),
        cmocka_unit_test(what_of_the_head_is_missing_is_told),
        cmocka_unit_test(each_answer_to_a_websocket_has_its_line),
        cmocka_unit_test(a_body_that_is_refused_or_cut_is_told),
        cmocka_unit_test(a_form_that_is_refused_has_the_header_that_is_wrong),
        cmocka_unit_test(certificates_are_judged_as_browsers_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
