/* SPDX-License-Identifier: MIT */
/* What `concordctl doctor --nginx` writes: the configuration, and the lines of
 * it that mend a finding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "proxy.h"

/* -- URLs ----------------------------------------------------------------- */

static void
a_url_is_taken_as_browsers_send_it(void **state)
{
    static const struct {
        const char *url, *as, *host;
        uint16_t port;
    } all[] = {
        {"https://books.example", "https://books.example", "books.example",
         443},
        {"https://Books.Example:443/x", "https://books.example",
         "books.example", 443},
        {"http://books.example:80", "http://books.example", "books.example",
         80},
        {"https://books.example:8443/", "https://books.example:8443",
         "books.example", 8443},
        {"https://b\xc3\xbc"
         "cher.example",
         "https://xn--bcher-kva.example", "xn--bcher-kva.example", 443},
        {"http://[::1]:8080?x", "http://[::1]:8080", "[::1]", 8080},
        {"http://127.0.0.1", "http://127.0.0.1", "127.0.0.1", 80},
    };

    for (size_t i = 0; i < CNC_N(all); i++) {
        struct doctor_site s = {0};

        assert_true(doctor_take_url(&s, all[i].url));
        assert_string_equal(s.url, all[i].as);
        assert_string_equal(s.host, all[i].host);
        assert_int_equal(s.port, all[i].port);
        assert_int_equal(s.secure, all[i].as[4] == 's');
        doctor_site_fini(&s);
    }
}

static void
what_is_no_url_is_refused_and_changes_nothing(void **state)
{
    static const char all[][24] = {"",
                                   "books.example",
                                   "ftp://books.example",
                                   "https://",
                                   "https:///x",
                                   "https://a;b",
                                   "https://a b",
                                   "https://a{b",
                                   "https://a\"b",
                                   "https://a^b",
                                   "https://a\nb",
                                   "https://a:0",
                                   "https://a:65536",
                                   "https://a:8443x",
                                   "https://a:00000443",
                                   "https://a:",
                                   "https://[::1"};
    struct doctor_site s = {0};

    assert_true(doctor_take_url(&s, "https://books.example"));
    for (size_t i = 0; i < CNC_N(all); i++) {
        if (doctor_take_url(&s, all[i])) {
            fail_msg("\"%s\" is taken", all[i]);
        }
    }
    assert_string_equal(s.url, "https://books.example");
    assert_string_equal(s.host, "books.example");
    doctor_site_fini(&s);
}

/* -- configurations ------------------------------------------------------- */

static const char *const urls[] = {"https://www.books.example",
                                   "https://www.books.example:8443",
                                   "http://127.0.0.1:8000"};
static const char *const prefixes[] = {"", "/books"};

static void
each_configuration_names_the_site_and_the_service(void **state)
{
    for (size_t i = 0; i < 36; i++) {
        struct doctor_site s = site((enum doctor_server)(i % 3),
                                    urls[i / 3 % 3], prefixes[i / 9 % 2]);
        struct cnc__str out = CNC__STR;

        if (i >= 18) {
            cnc__free(s.http);
            s.http = cnc__strdup("unix:/run/http");
        }
        doctor_conf(&out, &s);
        has(out.data, i < 18 ? "127.0.0.1:8080" : "/run/http");
        has(out.data, "for books.example, by concordctl doctor --");
        if (s.prefix[0] != '\0') {
            has(out.data, "/books");
        } else if (s.secure) {
            has(out.data, "/c.pem");
            has(out.data, "/k.pem");
        }
        for (const char *c = "DUHTEKPSFMNAWC"; *c != '\0'; c++) {
            char left[3] = {'^', *c};

            assert_null(strstr(out.data, left));
        }
        cnc__str_fini(&out);
        doctor_site_fini(&s);
    }
}

/* The lines of a fix, but those that say what to take out or to type. */
static void
are_in(const char *fix, const char *conf)
{
    const char *line = strchr(fix, '\n');

    assert_non_null(line);
    assert_int_equal(line[-1], ':'); /* the place */
    for (line++; *line != '\0';) {
        size_t len = strcspn(line, "\n"), blank = strspn(line, " ");
        char *text = cnc__strndup(line + blank, len - blank);

        text[strcspn(text, "#")] = '\0';
        while (text[0] != '\0' && text[strlen(text) - 1] == ' ') {
            text[strlen(text) - 1] = '\0';
        }
        if (strncmp(text, "take out: ", 10) != 0 &&
            strncmp(text, "a2enmod", 7) != 0) {
            has(conf, strncmp(text, "above ", 6) == 0 ? text + 6 : text);
        }
        cnc__free(text);
        line += len + (line[len] == '\n');
    }
}

static void
what_mends_is_what_is_printed(void **state)
{
    for (size_t i = 0; i < 18; i++) {
        struct doctor_site s = site((enum doctor_server)(i % 3),
                                    urls[i / 3 % 3], prefixes[i / 9 % 2]);
        struct cnc__str conf = CNC__STR;

        doctor_conf(&conf, &s);
        for (int need = 0; need < DOCTOR_N_NEEDS; need++) {
            bool whole = s.prefix[0] == '\0';
            struct cnc__str fix = CNC__STR;

            doctor_mend(&fix, &s, (enum doctor_need)need);
            assert_true(fix.len > 0);
            /* Part of a site has no listener; a whole one passes host-meta on
             * with all the rest; the service's line is not here. */
            if (need == DOCTOR_NEED_URL) {
                has(fix.data, "concordance.conf, [domain books.example]:");
                has(fix.data, "url = ");
            } else if (need == DOCTOR_NEED_META     ? !whole
                       : need == DOCTOR_NEED_CERT   ? whole && s.secure
                       : need == DOCTOR_NEED_LISTEN ? whole
                       : need == DOCTOR_NEED_PATH   ? !whole
                                                    : true) {
                are_in(fix.data, conf.data);
            }
            cnc__str_fini(&fix);
        }
        cnc__str_fini(&conf);
        doctor_site_fini(&s);
    }
}

static void
limits_have_room_for_a_form(void **state)
{
    struct doctor_site s = site(DOCTOR_NGINX, "https://books.example", "");
    struct cnc__str out = CNC__STR;

    s.max_upload = 10485760;
    doctor_mend(&out, &s, DOCTOR_NEED_BODY);
    has(out.data, "client_max_body_size 12m;\n");
    s.server = DOCTOR_CADDY;
    doctor_mend(&out, &s, DOCTOR_NEED_BODY);
    has(out.data, "max_size 12MB\n");
    cnc__str_fini(&out);
    doctor_site_fini(&s);
}

static void
a_service_that_speaks_tls_is_asked_so(void **state)
{
    static const char *const want[] = {"proxy_pass https://127.0.0.1:8080;",
                                       "SSLProxyEngine On",
                                       "tls_insecure_skip_verify"};

    for (int i = 0; i < DOCTOR_N_SERVERS; i++) {
        struct doctor_site s =
            site((enum doctor_server)i, "https://books.example", "");
        struct cnc__str out = CNC__STR;

        s.tls = true;
        doctor_conf(&out, &s);
        has(out.data, want[i]);
        has(out.data, "--http-plain");
        if (i == DOCTOR_APACHE) {
            has(out.data, "\"wss://127.0.0.1:8080/xmpp\"");
        }
        cnc__str_fini(&out);
        doctor_site_fini(&s);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_is_taken_as_browsers_send_it),
        cmocka_unit_test(what_is_no_url_is_refused_and_changes_nothing),
        cmocka_unit_test(each_configuration_names_the_site_and_the_service),
        cmocka_unit_test(what_mends_is_what_is_printed),
        cmocka_unit_test(limits_have_room_for_a_form),
        cmocka_unit_test(a_service_that_speaks_tls_is_asked_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
