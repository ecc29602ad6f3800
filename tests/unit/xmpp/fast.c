/* SPDX-License-Identifier: MIT */
/* Tokens apart from streams: what is kept, how many, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "../../../src/base/check.h"
#include "../../../src/base/table.h"
#include "../../../src/xmpp/fast.h"

#define AGENT "d4565fa7-4d72-4749-b3d3-740edbf87770"
#define DAY   INT64_C(86400000)

static struct cnc__fast *f;
static struct cnc__table *kept;
static int64_t now;

static int64_t
now_ms(void *priv)
{
    return now;
}

static void
keep(const char *id, const char *value, size_t len,
     void (*done)(void *arg, bool kept), void *arg, void *priv)
{
    cnc__free(len == 0 ? cnc__table_del(kept, id)
                       : cnc__table_put(kept, id, cnc__strndup(value, len)));
    if (done != NULL) {
        done(arg, true);
    }
}

static int
set_up(void **state)
{
    struct cnc__fast_env env = {now_ms, keep, NULL};

    now = INT64_C(1795000000000);
    kept = cnc__table_new();
    f = cnc__fast_new(&env);
    return 0;
}

static int
tear_down(void **state)
{
    cnc__fast_free(&f);
    cnc__table_free(&kept, cnc__free);
    return 0;
}

static void
issue(char token[CNC__FAST_TOKEN], const char *agent)
{
    int64_t expiry;

    cnc__fast_issue(f, "juliet", agent, CNC__FAST_NONE, token, &expiry);
    assert_int_equal(expiry, now + CNC__FAST_TTL_MS);
    cnc__fast_keep(f, "juliet", agent, NULL, NULL);
}

static int
try_it(const char *token, const char *agent, struct cnc__fast_answer *out)
{
    struct cnc__fast_try t = {.user = "juliet",
                              .agent = agent,
                              .binding = CNC__FAST_NONE,
                              .channel = "",
                              .count = -1};

    HMAC(EVP_sha256(), token, (int)strlen(token), (uint8_t *)"Initiator", 9,
         t.hash, NULL);
    return cnc__fast_check(f, &t, out);
}

static void
an_account_has_so_many_clients(void **state)
{
    char agent[40], first[CNC__FAST_TOKEN], token[CNC__FAST_TOKEN];
    struct cnc__fast_answer a;

    issue(first, AGENT);
    for (int i = 0; i < CNC__FAST_CLIENTS; i++) {
        now++;
        snprintf(agent, sizeof(agent), "agent-%d", i);
        issue(token, agent);
    }
    assert_int_equal(cnc__fast_n_clients(f, "juliet"), CNC__FAST_CLIENTS);
    assert_int_equal(cnc__table_len(kept), CNC__FAST_CLIENTS);
    assert_int_equal(try_it(first, AGENT, &a), CNC_EAUTH);
    assert_int_equal(try_it(token, agent, &a), 0);
    cnc__fast_forget_user(f, "juliet");
    assert_int_equal(cnc__table_len(kept), 0);
    assert_int_equal(try_it(token, agent, &a), CNC_EAUTH);
}

static void
a_token_is_due_after_a_day_and_dead_after_three_weeks(void **state)
{
    char token[CNC__FAST_TOKEN];
    struct cnc__fast_answer a;

    issue(token, AGENT);
    assert_int_equal(try_it(token, AGENT, &a), 0);
    assert_false(a.rotate);
    assert_true(a.changed);
    now += DAY;
    assert_int_equal(try_it(token, AGENT, &a), 0);
    assert_true(a.rotate);
    assert_false(a.changed);
    now += 20 * DAY;
    assert_int_equal(try_it(token, AGENT, &a), CNC_ECLOSED);
}

static void
what_is_kept_is_all_there_again(void **state)
{
    struct cnc__fast_env env = {now_ms, keep, NULL};
    char old[CNC__FAST_TOKEN], fresh[CNC__FAST_TOKEN];
    struct cnc__fast_answer a;

    issue(old, AGENT);
    assert_int_equal(try_it(old, AGENT, &a), 0);
    issue(fresh, AGENT);
    cnc__fast_free(&f);
    f = cnc__fast_new(&env);
    for (struct cnc__table_iter i = {0}; cnc__table_next(kept, &i);) {
        assert_true(cnc__fast_load(f, i.key, i.value, strlen(i.value)));
    }
    assert_int_equal(try_it(old, AGENT, &a), 0);
    assert_int_equal(try_it(fresh, AGENT, &a), 0);
    assert_int_equal(try_it(old, AGENT, &a), CNC_EAUTH);
}

static void
what_is_damaged_is_not_taken(void **state)
{
    static const char *const bad[] = {
        "",
        "0 1 2 3 abc\n",
        "0 1 2 3 abc\n0 1 2 3\n",
        "7 1 2 3 abc\n0 1 2 3 -\n",
        "0 -1 2 3 abc\n0 1 2 3 -\n",
        "0 1 2 3 abc\n0 1 2 3 -",
        "0 1 99999999999999999999999 3 abc\n0 1 2 3 -\n",
    };

    for (size_t i = 0; i < CNC_N(bad); i++) {
        assert_false(
            cnc__fast_load(f, "juliet/" AGENT, bad[i], strlen(bad[i])));
    }
    assert_false(cnc__fast_load(f, "juliet", "0 1 2 3 a\n0 1 2 3 -\n", 20));
    assert_int_equal(cnc__fast_n_clients(f, "juliet"), 0);
}

static void
no_two_tokens_are_equal(void **state)
{
    char a[CNC__FAST_TOKEN], b[CNC__FAST_TOKEN];

    issue(a, AGENT);
    issue(b, AGENT);
    assert_int_equal(strlen(a), 44); /* 32 random bytes */
    assert_string_not_equal(a, b);
}

int
main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(an_account_has_so_many_clients),
        T(a_token_is_due_after_a_day_and_dead_after_three_weeks),
        T(what_is_kept_is_all_there_again),
        T(what_is_damaged_is_not_taken),
        T(no_two_tokens_are_equal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
