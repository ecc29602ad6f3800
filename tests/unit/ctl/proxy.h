/* SPDX-License-Identifier: MIT */
/*
 * proxy.h -- a site for tests of the doctor of web servers: books.example
 * behind 127.0.0.1:8080.
 */
#ifndef CNC_TESTS_CTL_PROXY_H
#define CNC_TESTS_CTL_PROXY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../src/ctl/doctor-proxy.h"

static inline struct doctor_site
site(enum doctor_server server, const char *url, const char *prefix)
{
    struct doctor_site s = {.server = server, .max_upload = 2000000};
    struct cnc__str path = CNC__STR;

    assert_true(doctor_take_url(&s, url));
    cnc__str_printf(&path, "%s/xmpp", prefix);
    s.domain = cnc__strdup("books.example");
    s.prefix = cnc__strdup(prefix);
    s.socket = cnc__str_steal(&path);
    s.http = cnc__strdup("127.0.0.1:8080");
    s.said = cnc__strdup("https://www.books.example");
    s.cert = cnc__strdup("/c.pem");
    s.key = cnc__strdup("/k.pem");
    s.https = true;
    return s;
}

static inline void
has(const char *text, const char *words)
{
    if (strstr(text, words) == NULL) {
        fail_msg("%s\n-- has no --\n%s", text, words);
    }
}

#endif /* CNC_TESTS_CTL_PROXY_H */
