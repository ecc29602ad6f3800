/* SPDX-License-Identifier: MIT */
/* Two servers and more, and what they tell one another. */
#include <stdio.h>

#include "world.h"

#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

static struct server *a, *b;

/* a.example and b.example; the tests change what they are about. */
static void
two(struct world *w)
{
    a = server_add(w, "a.example");
    b = server_add(w, "b.example");
}

static int
hello(struct server *from, struct server *to)
{
    char who[64], whom[64];

    (void)snprintf(who, sizeof(who), "juliet@%s", from->domain);
    (void)snprintf(whom, sizeof(whom), "romeo@%s", to->domain);
    return tell(from, who, whom, "hello");
}

static struct cnc__s2s_entry last;
static size_t n_entries;

static void
keep_ready(const struct cnc__s2s_entry *e, void *priv)
{
    if (strcmp(e->direction, priv) == 0 && strcmp(e->state, "ready") == 0) {
        last = *e;
        last.domain = last.host = last.addr = last.error = NULL;
        n_entries++;
    }
}

static size_t
n_ready(struct server *sv, const char *direction)
{
    n_entries = 0;
    cnc__s2s_each(sv->s2s, keep_ready, (void *)direction);
    return n_entries;
}

static const char *
auth(struct server *sv, const char *direction)
{
    return n_ready(sv, direction) > 0 ? last.auth : "";
}

/* -- to be believed ------------------------------------------------------- */

static void
a_stanza_reaches_another_server_by_dialback(void **state)
{
    struct world *w = *state;

    two(w);
    a->trusted = b->trusted = false;
    a->options.no_bidi = true;
    start(w);
    assert_int_equal(hello(a, b), 0);
    assert_string_equal(b->got.data,
                        "normal juliet@a.example > romeo@b.example: hello\n");
    assert_true(has(&w->wire, "<proceed"));
    assert_true(has(&w->wire, "<db:verify"));
    assert_false(has(&w->wire, "<auth"));
    assert_string_equal(auth(a, "out"), "dialback");
    assert_string_equal(auth(b, "in"), "dialback");
    assert_string_equal(last.tls, "TLSv1.3");
}

static void
a_trusted_certificate_needs_no_dialback(void **state)
{
    struct world *w = *state;

    two(w);
    a->options.no_bidi = true;
    start(w);
    hello(a, b);
    assert_true(has(&b->got, "hello"));
    assert_false(has(&w->wire, "<db:"));
    assert_string_equal(auth(a, "out"), "external");
    assert_string_equal(auth(b, "in"), "external");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_stanza_reaches_another_server_by_dialback),
        TEST(a_trusted_certificate_needs_no_dialback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
