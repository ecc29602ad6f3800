/* SPDX-License-Identifier: MIT */
/* Browsers' log-ins, their tokens and apps' one-use tokens, by a clock that
 * the test holds and on a store that it reads: cnc__unix_s() and
 * cnc__keep_key() are the ones below. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "../../../src/service/weblogin.h"

#define DAY   86400
#define ANNA  "anna@books.example"
#define START 1795384800

/* -- the clock and the store -----------------------------------------------
 */

static int64_t now;
static uint64_t ticks; /* ms */
static bool full;      /* the store keeps nothing more */

struct kept {
    char *node, *id, *value;
};
static struct kept kept[256];
static size_t n_kept;

struct pending { /* told by flush() */
    void (*done)(void *arg, bool kept);
    void *arg;
};
static struct pending pending[256];
static size_t n_pending;

int64_t __wrap_cnc__unix_s(void);
void __wrap_cnc__keep_key(struct cnc_service *s, const char *node,
                          const char *id, const char *value, size_t len,
                          void (*done)(void *arg, bool kept), void *arg);

int64_t
__wrap_cnc__unix_s(void)
{
    return now;
}

static struct kept *
find(const char *node, const char *id)
{
    for (size_t i = 0; i < n_kept; i++) {
        if (strcmp(kept[i].node, node) == 0 &&
            (id == NULL || strcmp(kept[i].id, id) == 0)) {
            return &kept[i];
        }
    }
    return NULL;
}

static void
forget(struct kept *k)
{
    cnc__free(k->node);
    cnc__free(k->id);
    cnc__free(k->value);
    *k = kept[--n_kept];
}

void
__wrap_cnc__keep_key(struct cnc_service *s, const char *node, const char *id,
                     const char *value, size_t len,
                     void (*done)(void *arg, bool kept), void *arg)
{
    struct kept *old = find(node, id);

    if (!full) {
        if (old != NULL) {
            forget(old);
        }
        if (len > 0) {
            assert_true(n_kept < CNC_N(kept));
            kept[n_kept++] = (struct kept){cnc__strdup(node), cnc__strdup(id),
                                           cnc__strndup(value, len)};
        }
    }
    if (done != NULL) {
        assert_true(n_pending < CNC_N(pending));
        pending[n_pending++] = (struct pending){done, arg};
    }
}

static void
flush(void)
{
    struct pending all[CNC_N(pending)];
    size_t n = n_pending;

    memcpy(all, pending, sizeof(all));
    n_pending = 0;
    for (size_t i = 0; i < n; i++) {
        all[i].done(all[i].arg, !full);
    }
}

static size_t
count(const char *node)
{
    size_t n = 0;

    for (size_t i = 0; i < n_kept; i++) {
        n += strcmp(kept[i].node, node) == 0;
    }
    return n;
}

/* -- a service that has log-ins and no more --------------------------------
 */

static struct cnc_service *s;

static void
begin(void)
{
    s = cnc__zalloc(sizeof(*s));
    s->router = cnc__router_new("books.example");
    s->weblogins = cnc__weblogins_new(s);
    s->onetime = cnc__onetime_new(s);
    s->accounts = cnc__logins_new(s);
    for (size_t i = 0; i < n_kept; i++) {
        const struct cnc_store_entry e = {.kind = CNC_STORE_KEY,
                                          .node = kept[i].node,
                                          .id = kept[i].id,
                                          .value = kept[i].value,
                                          .len = strlen(kept[i].value)};

        if (strcmp(e.node, "weblogin") == 0) {
            cnc__weblogins_load(s->weblogins, &e);
        } else if (strcmp(e.node, "onetime") == 0) {
            cnc__onetime_load(s->onetime, &e);
        }
    }
}

static void
end(void)
{
    flush();
    cnc__weblogins_free(&s->weblogins);
    cnc__onetime_free(&s->onetime);
    cnc__logins_free(&s->accounts);
    cnc__router_free(&s->router);
    cnc__free(s);
}

static void
restart(void)
{
    end();
    begin();
}

static int
set_up(void **state)
{
    now = START;
    full = false;
    begin();
    return 0;
}

static int
tear_down(void **state)
{
    end();
    while (n_kept > 0) {
        forget(&kept[0]);
    }
    return 0;
}

static void
sweep(void)
{
    ticks += 100000;
    cnc__weblogins_tick(s->weblogins, ticks);
    cnc__onetime_tick(s->onetime, ticks);
}

/* -- one-use tokens ---------------------------------------------------------
 */

static int
take(const char *token, const char *purpose, bool look)
{
    char text[64] = "";
    int code = cnc__onetime_take(s->onetime, token, purpose, look, text,
                                 sizeof(text), NULL, NULL);

    if (code == 0) {
        assert_string_equal(text, "for you");
    }
    return code;
}

static void
make(char token[CNC_TOKEN_SIZE], uint32_t seconds)
{
    assert_int_equal(cnc__onetime_make(s->onetime, token, "link", "for you",
                                       seconds, NULL, NULL),
                     0);
}

static void
a_token_is_good_to_its_last_second(void **state)
{
    char token[CNC_TOKEN_SIZE];

    make(token, 900);
    now += 899;
    assert_int_equal(take(token, "link", true), 0);
    now += 1;
    assert_int_equal(take(token, "link", true), CNC_EAUTH);
    assert_int_equal(take(token, "link", false), CNC_EAUTH);
    now -= 1; /* somebody set the clock back: it is the clock's word */
    assert_int_equal(take(token, "link", false), 0);
}

static void
a_token_is_taken_once_and_for_its_purpose(void **state)
{
    char token[CNC_TOKEN_SIZE];

    make(token, 900);
    assert_int_equal(take(token, "invitation", false), CNC_EAUTH);
    assert_int_equal(take(token, "", false), CNC_EAUTH);
    assert_int_equal(take(token, "link", false), 0);
    assert_int_equal(take(token, "link", false), CNC_EAUTH);
    assert_int_equal(count("onetime"), 0);
}

static void
no_time_at_all_is_a_day_and_the_longest_a_year(void **state)
{
    char day[CNC_TOKEN_SIZE], year[CNC_TOKEN_SIZE];

    make(day, 0);
    make(year, UINT32_MAX);
    now += DAY - 1;
    assert_int_equal(take(day, "link", true), 0);
    now += 1;
    assert_int_equal(take(day, "link", true), CNC_EAUTH);
    now = START + 366 * DAY - 1;
    assert_int_equal(take(year, "link", true), 0);
    now += 1;
    assert_int_equal(take(year, "link", true), CNC_EAUTH);
}

static void
a_token_outlives_a_restart_and_not_its_time(void **state)
{
    char a[CNC_TOKEN_SIZE], b[CNC_TOKEN_SIZE];

    make(a, 900);
    make(b, 60);
    assert_int_equal(count("onetime"), 2);
    for (size_t i = 0; i < n_kept; i++) { /* a hash, and never the token */
        assert_null(strstr(kept[i].id, a));
        assert_null(strstr(kept[i].value, a));
    }
    now += 100;
    restart();
    assert_int_equal(take(b, "link", true), CNC_EAUTH);
    sweep();
    assert_int_equal(count("onetime"), 1);
    assert_int_equal(take(a, "link", false), 0);
    restart();
    assert_int_equal(take(a, "link", false), CNC_EAUTH);
}

static void
what_is_kept_wrong_is_no_token(void **state)
{
    static const char *const bad[] = {"",
                                      "link",
                                      "link\n",
                                      "link\nsoon\nx",
                                      "link\n-5\nx",
                                      "link\n99999999999999999999\nx"};
    char token[CNC_TOKEN_SIZE], hash[65];

    cnc__secret_new(token);
    cnc__secret_hash(hash, token, strlen(token));
    for (size_t i = 0; i < CNC_N(bad); i++) {
        const struct cnc_store_entry e = {.node = "onetime",
                                          .id = hash,
                                          .value = bad[i],
                                          .len = strlen(bad[i])};

        cnc__onetime_load(s->onetime, &e);
        assert_int_equal(take(token, "link", true), CNC_EAUTH);
    }
}

/* -- log-ins ----------------------------------------------------------------
 */

static int told; /* 1: not yet */

static void
on_told(int code, void *arg)
{
    told = code;
}

/* Log anna in; what her cookie is. */
static void
log_in(char secret[CNC__WEBLOGIN_SECRET + 1], uint32_t seconds)
{
    struct cnc__gather *g = cnc__gather_new(on_told, NULL);

    told = 1;
    cnc__weblogin_new(s->weblogins, ANNA, seconds, "A browser", "192.0.2.1",
                      secret, g);
    cnc__gather_end(g);
}

static bool
is_in(const char *secret)
{
    return cnc__weblogin_by_secret(s->weblogins, secret, strlen(secret)) !=
           NULL;
}

static void
a_log_in_ends_when_it_was_said_also_when_it_is_used(void **state)
{
    char cookie[CNC__WEBLOGIN_SECRET + 1];

    log_in(cookie, 30 * DAY);
    for (now = START; now < START + 30 * DAY; now += DAY) {
        assert_true(is_in(cookie));
    }
    now = START + 30 * DAY - 1;
    assert_true(is_in(cookie));
    now += 1;
    assert_false(is_in(cookie)); /* before anything was swept */
    assert_int_equal(cnc__weblogins_count(s->weblogins), 1);
    sweep();
    assert_int_equal(cnc__weblogins_count(s->weblogins), 0);
    assert_int_equal(count("weblogin"), 0);
}

static void
a_week_without_use_ends_it(void **state)
{
    char cookie[CNC__WEBLOGIN_SECRET + 1];

    log_in(cookie, 30 * DAY);
    now += 7 * DAY - 1;
    assert_true(is_in(cookie)); /* and that is a use */
    now += 7 * DAY - 1;
    assert_true(is_in(cookie));
    now += 7 * DAY;
    assert_false(is_in(cookie));
}

static void
a_restart_prolongs_nothing(void **state)
{
    char cookie[CNC__WEBLOGIN_SECRET + 1];

    log_in(cookie, 2 * DAY);
    flush();
    now += DAY;
    restart();
    assert_true(is_in(cookie));
    now += DAY;
    restart();
    assert_false(is_in(cookie));
}

static void
nobody_chooses_how_long_beyond_what_browsers_keep(void **state)
{
    char cookie[CNC__WEBLOGIN_SECRET + 1];

    log_in(cookie, UINT32_MAX);
    for (now = START; now < START + 400LL * DAY; now += 6 * DAY) {
        assert_true(is_in(cookie));
    }
    now = START + 400LL * DAY;
    assert_false(is_in(cookie));
}

static void
a_log_in_is_told_when_it_is_kept(void **state)
{
    char cookie[CNC__WEBLOGIN_SECRET + 1];

    log_in(cookie, DAY);
    assert_int_equal(told, 1);
    flush();
    assert_int_equal(told, 0);
    assert_true(is_in(cookie));
}

static void
one_that_cannot_be_kept_is_none(void **state)
{
    char cookie[CNC__WEBLOGIN_SECRET + 1];

    full = true;
    log_in(cookie, DAY);
    flush();
    assert_int_equal(told, CNC_ESTORE);
    assert_false(is_in(cookie));
}

static void
logging_out_everywhere_is_told_when_all_of_it_is_kept(void **state)
{
    char a[CNC__WEBLOGIN_SECRET + 1], b[CNC__WEBLOGIN_SECRET + 1];

    log_in(a, DAY);
    log_in(b, DAY);
    flush();
    told = 1;
    assert_int_equal(cnc__weblogins_end(s, ANNA, NULL, on_told, NULL), 0);
    assert_false(is_in(a));
    assert_false(is_in(b));
    assert_int_equal(told, 1);
    flush();
    assert_int_equal(told, 0);
    assert_int_equal(count("weblogin"), 0);
    told = 1;
    assert_int_equal(cnc__weblogins_end(s, ANNA, NULL, on_told, NULL),
                     CNC_ENOENT);
    assert_int_equal(told, 0);
    log_in(a, DAY);
    flush();
    full = true;
    told = 1;
    assert_int_equal(cnc__weblogins_end(s, ANNA, NULL, on_told, NULL), 0);
    assert_false(is_in(a)); /* nobody is let in because a disk is full */
    flush();
    assert_int_equal(told, CNC_ESTORE);
}

/* -- cookies -----------------------------------------------------------------
 */

static int status;
static char answer[512];

static void
respond(struct cnc__http_responder *self, const struct cnc__http_response *a)
{
    status = a->status;
    snprintf(answer, sizeof(answer), "%.*s", (int)cnc_buf_len(a->body),
             cnc_buf_data(a->body));
}

static struct cnc__http_responder responder = {.respond = respond};

/* A request of a browser on this machine that has this cookie. */
static struct cnc__http_request
request(struct cnc__http_header header[1], char line[200], const char *cookie)
{
    struct cnc__http_request r = {.method = CNC__HTTP_POST,
                                  .path = "/_token",
                                  .query = "",
                                  .headers = header,
                                  .n_headers = cookie == NULL ? 0 : 1,
                                  .addr = "127.0.0.1",
                                  .responder = &responder};

    snprintf(line, 200, "theme=dark; concordance=%s",
             cookie == NULL ? "" : cookie);
    header[0] = (struct cnc__http_header){.name = "cookie", .value = line};
    return r;
}

/* The cookie that the answer sets; "" for none. */
static void
set_cookie(char out[CNC__WEBLOGIN_SECRET + 1], const struct cnc__web_call *web)
{
    const char *at = strstr(cnc__str_c(&web->headers), "concordance=");

    snprintf(out, CNC__WEBLOGIN_SECRET + 1, "%.43s",
             at == NULL || at[12] == ';' ? "" : at + 12);
}

static int
enter(char secret[CNC__WEBLOGIN_SECRET + 1], const char *cookie)
{
    struct cnc__http_header header[1];
    char line[200];
    const struct cnc__http_request r = request(header, line, cookie);
    struct cnc__web_call web = {.request = &r};
    int code = cnc__weblogin_begin(s, &web, ANNA, DAY, on_told, NULL, NULL);

    set_cookie(secret, &web);
    cnc__str_fini(&web.headers);
    return code;
}

static void
a_cookie_that_was_there_before_is_never_made_good(void **state)
{
    char planted[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    char first[CNC__WEBLOGIN_SECRET + 1], second[CNC__WEBLOGIN_SECRET + 1];

    assert_int_equal(enter(first, planted), 0);
    assert_string_not_equal(first, planted);
    assert_true(is_in(first));
    assert_false(is_in(planted));
    assert_int_equal(enter(second, first), 0);
    assert_string_not_equal(second, first);
    assert_true(is_in(second));
    assert_false(is_in(first)); /* who had it has nothing now */
    assert_int_equal(cnc__weblogins_count(s->weblogins), 1);
}

static void
a_cookie_of_a_log_in_that_ended_opens_nothing(void **state)
{
    char cookie[CNC__WEBLOGIN_SECRET + 1];
    struct cnc__http_header header[1];
    char line[200];
    struct cnc__http_request r;

    assert_int_equal(enter(cookie, NULL), 0);
    r = request(header, line, cookie);
    assert_true(cnc__weblogin_http(s, &r));
    assert_int_equal(status, 403); /* it does not say from which page */
    r.path = "/";
    r.method = CNC__HTTP_GET;
    assert_false(cnc__weblogin_http(s, &r));
    now += DAY;
    r.path = "/_token";
    assert_true(cnc__weblogin_http(s, &r));
    assert_int_equal(status, 405);
}

/* -- tokens for streams ------------------------------------------------------
 */

/* A token of the log-in behind this cookie. */
static void
stream_token(char token[CNC__WEBLOGIN_SECRET + 1], const char *cookie)
{
    struct cnc__http_header header[2];
    char line[200];
    struct cnc__http_request r = request(header, line, cookie);
    const char *at;

    header[1] = (struct cnc__http_header){.name = "origin",
                                          .value = "http://127.0.0.1:8090"};
    r.n_headers = 2;
    status = 0;
    assert_true(cnc__weblogin_http(s, &r));
    assert_int_equal(status, 200);
    at = strstr(answer, "\"token\":\"");
    assert_non_null(at);
    snprintf(token, CNC__WEBLOGIN_SECRET + 1, "%.43s", at + 9);
}

static bool
opens(const char *token)
{
    char *account = NULL, *login = NULL;
    bool ok = cnc__weblogin_bearer(&account, &login, token, strlen(token),
                                   s->accounts);

    if (ok) {
        assert_string_equal(account, ANNA);
    }
    cnc__free(account);
    cnc__free(login);
    return ok;
}

static void
a_stream_token_is_good_for_a_minute_and_once(void **state)
{
    char cookie[CNC__WEBLOGIN_SECRET + 1], token[CNC__WEBLOGIN_SECRET + 1];

    log_in(cookie, DAY);
    stream_token(token, cookie);
    now += 59;
    assert_true(opens(token));
    assert_false(opens(token));
    stream_token(token, cookie);
    now += 60;
    assert_false(opens(token));
    now -= 60; /* and who tried it late has used it up */
    assert_false(opens(token));
}

static void
a_stream_token_ends_with_its_log_in(void **state)
{
    char cookie[CNC__WEBLOGIN_SECRET + 1], token[CNC__WEBLOGIN_SECRET + 1];

    log_in(cookie, 30);
    stream_token(token, cookie);
    now += 30;
    assert_false(opens(token));
    log_in(cookie, DAY);
    stream_token(token, cookie);
    cnc__weblogins_end(s, ANNA, NULL, NULL, NULL);
    assert_false(opens(token));
}

static void
tokens_that_nobody_uses_make_room(void **state)
{
    char cookie[CNC__WEBLOGIN_SECRET + 1], token[CNC__WEBLOGIN_SECRET + 1];
    struct cnc__http_header header[2];
    char line[200];
    struct cnc__http_request r;

    log_in(cookie, DAY);
    for (unsigned i = 0; i < 16; i++) {
        stream_token(token, cookie);
    }
    r = request(header, line, cookie);
    header[1] = (struct cnc__http_header){.name = "origin",
                                          .value = "http://127.0.0.1:8090"};
    r.n_headers = 2;
    assert_true(cnc__weblogin_http(s, &r));
    assert_int_equal(status, 429);
    now += 60;
    sweep();
    stream_token(token, cookie);
    assert_true(opens(token));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_token_is_good_to_its_last_second),
        T(a_token_is_taken_once_and_for_its_purpose),
        T(no_time_at_all_is_a_day_and_the_longest_a_year),
        T(a_token_outlives_a_restart_and_not_its_time),
        T(what_is_kept_wrong_is_no_token),
        T(a_log_in_ends_when_it_was_said_also_when_it_is_used),
        T(a_week_without_use_ends_it),
        T(a_restart_prolongs_nothing),
        T(nobody_chooses_how_long_beyond_what_browsers_keep),
        T(a_log_in_is_told_when_it_is_kept),
        T(one_that_cannot_be_kept_is_none),
        T(logging_out_everywhere_is_told_when_all_of_it_is_kept),
        T(a_cookie_that_was_there_before_is_never_made_good),
        T(a_cookie_of_a_log_in_that_ended_opens_nothing),
        T(a_stream_token_is_good_for_a_minute_and_once),
        T(a_stream_token_ends_with_its_log_in),
        T(tokens_that_nobody_uses_make_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
