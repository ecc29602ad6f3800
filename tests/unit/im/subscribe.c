/* SPDX-License-Identifier: MIT */
/*
 * RFC 6121, appendix A: every state, every stanza, both ways, as the tables
 * of the standard have them.
 */
#include "world.h"

#include <stdio.h>

enum { T = CNC__SUB_TO, F = CNC__SUB_FROM };
enum { O = CNC__SUB_PENDING_OUT, I = CNC__SUB_PENDING_IN };

/* A.1: None, None+PO, None+PI, None+PO+PI, To, To+PI, From, From+PO, Both */
static const uint8_t states[9] = {0, O, I, O | I, T, T | I, F, F | O, T | F};

struct table {
    enum cnc__sub_verb verb;
    bool out;
    struct {
        uint8_t next;
        bool pass;
    } row[9]; /* in the order of states */
};

static const struct table tables[] = {
    {CNC__SAY_SUBSCRIBE,
     true, /* A.2.1 */
     {{O, true},
      {O, true},
      {O | I, true},
      {O | I, true},
      {T, true},
      {T | I, true},
      {F | O, true},
      {F | O, true},
      {T | F, true}}},
    {CNC__SAY_UNSUBSCRIBE,
     true, /* A.2.2 */
     {{0, true},
      {0, true},
      {I, true},
      {I, true},
      {0, true},
      {I, true},
      {F, true},
      {F, true},
      {F, true}}},
    {CNC__SAY_SUBSCRIBED,
     true, /* A.2.3, where it changes anything */
     {{CNC__SUB_APPROVED, false},
      {O | CNC__SUB_APPROVED, false},
      {F, true},
      {F | O, true},
      {T | CNC__SUB_APPROVED, false},
      {T | F, true},
      {F, false},
      {F | O, false},
      {T | F, false}}},
    {CNC__SAY_UNSUBSCRIBED,
     true, /* A.2.4 */
     {{0, false},
      {O, false},
      {0, true},
      {O, true},
      {T, false},
      {T, true},
      {0, true},
      {O, true},
      {T, true}}},
    {CNC__SAY_SUBSCRIBE,
     false, /* A.3.1 */
     {{I, true},
      {O | I, true},
      {I, false},
      {O | I, false},
      {T | I, true},
      {T | I, false},
      {F, false},
      {F | O, false},
      {T | F, false}}},
    {CNC__SAY_UNSUBSCRIBE,
     false, /* A.3.2 */
     {{0, false},
      {O, false},
      {0, true},
      {O, true},
      {T, false},
      {T, true},
      {0, true},
      {O, true},
      {T, true}}},
    {CNC__SAY_SUBSCRIBED,
     false, /* A.3.3 */
     {{0, false},
      {T, true},
      {I, false},
      {T | I, true},
      {T, false},
      {T | I, false},
      {F, false},
      {T | F, true},
      {T | F, false}}},
    {CNC__SAY_UNSUBSCRIBED,
     false, /* A.3.4 */
     {{0, false},
      {0, true},
      {I, false},
      {I, true},
      {0, true},
      {I, true},
      {F, false},
      {F, true},
      {F, true}}},
};

static void
every_state_follows_the_standards_tables(void **state)
{
    for (size_t t = 0; t < CNC_N(tables); t++) {
        for (size_t i = 0; i < CNC_N(states); i++) {
            bool pass = !tables[t].row[i].pass;
            uint8_t next =
                cnc__sub_next(states[i], tables[t].verb, tables[t].out, &pass);

            if (next != tables[t].row[i].next ||
                pass != tables[t].row[i].pass) {
                fail_msg("table %zu, state %zu: %u, %d", t, i, next, pass);
            }
        }
    }
}

static void
an_approval_in_advance_is_used_once(void **state)
{
    bool pass;
    uint8_t bits = cnc__sub_next(O, CNC__SAY_SUBSCRIBED, true, &pass);

    assert_int_equal(bits, O | CNC__SUB_APPROVED);
    bits = cnc__sub_next(bits, CNC__SAY_SUBSCRIBE, false, &pass);
    assert_int_equal(bits, O | F);
    assert_false(pass);
    bits = cnc__sub_next(bits, CNC__SAY_UNSUBSCRIBED, true, &pass);
    assert_int_equal(bits, O);
    bits = cnc__sub_next(bits, CNC__SAY_SUBSCRIBE, false, &pass);
    assert_int_equal(bits, O | I);
    assert_true(pass);
}

static void
an_approval_in_advance_can_be_taken_back(void **state)
{
    bool pass;

    assert_int_equal(cnc__sub_next(T | CNC__SUB_APPROVED,
                                   CNC__SAY_UNSUBSCRIBED, true, &pass),
                     T);
    assert_false(pass);
}

/* -- the same through stanzas --------------------------------------------- */

static const char *const verbs[] = {"subscribe", "subscribed", "unsubscribe",
                                    "unsubscribed"};

/* Lead juliet's item of romeo to a state by what both may say. */
static void
lead_to(struct world *w, struct cnc__session *s, uint8_t bits)
{
    const char *romeo = "romeo@montague.lit";

    if ((bits & (T | O)) != 0) {
        world_say(w, s, NULL,
                  "<presence to='romeo@montague.lit' type='subscribe'/>");
    }
    if ((bits & T) != 0) {
        world_say(w, NULL, romeo,
                  "<presence to='juliet@capulet.lit' type='subscribed'/>");
    }
    if ((bits & (F | I)) != 0) {
        world_say(w, NULL, romeo,
                  "<presence to='juliet@capulet.lit' type='subscribe'/>");
    }
    if ((bits & F) != 0) {
        world_say(w, s, NULL,
                  "<presence to='romeo@montague.lit' type='subscribed'/>");
    }
}

static uint8_t
bits_now(struct world *w)
{
    const struct cnc__contact *c = cnc__im_contact(
        cnc__im_user(w->im, "juliet@capulet.lit", 18), "romeo@montague.lit");

    return c == NULL ? 0 : c->bits;
}

static bool
was_passed(struct world *w, const char *who, const char *verb)
{
    struct cnc__str type = CNC__STR;
    bool found = false;
    char *xml;

    cnc__str_printf(&type, "type=\"%s\"", verb);
    while ((xml = world_hear(w, who)) != NULL) {
        found = found || strstr(xml, type.data) != NULL;
        cnc__free(xml);
    }
    cnc__str_fini(&type);
    return found;
}

/* And what the store has is the same after a restart. */
static void
stanzas_do_what_the_tables_say_and_it_is_kept(void **state)
{
    for (size_t t = 0; t < CNC_N(tables); t++) {
        for (size_t i = 0; i < CNC_N(states); i++) {
            struct world *w = world_new();
            struct cnc__session *s;
            struct cnc__str xml = CNC__STR;
            bool out = tables[t].out;

            world_account(w, "juliet");
            s = world_session(w, "juliet@capulet.lit/balcony");
            world_say(w, s, NULL, "<presence/>");
            lead_to(w, s, states[i]);
            assert_int_equal(bits_now(w), states[i]);
            world_deaf(w);
            cnc__str_printf(&xml, "<presence to='%s' type='%s'/>",
                            out ? "romeo@montague.lit" : "juliet@capulet.lit",
                            verbs[tables[t].verb]);
            world_say(w, out ? s : NULL, "romeo@montague.lit", xml.data);
            assert_int_equal(bits_now(w), tables[t].row[i].next);
            assert_int_equal(was_passed(w,
                                        out ? "romeo@montague.lit"
                                            : "juliet@capulet.lit/balcony",
                                        verbs[tables[t].verb]),
                             tables[t].row[i].pass);
            world_restart(w);
            assert_int_equal(bits_now(w), tables[t].row[i].next);
            cnc__str_fini(&xml);
            world_free(&w);
        }
    }
}

/* Two changes from one state would lose one of them. */
static void
changes_wait_for_the_one_before_them(void **state)
{
    struct world *w = world_new();
    struct cnc__session *s;

    world_account(w, "juliet");
    s = world_session(w, "juliet@capulet.lit/balcony");
    w->hold = true;
    lead_to(w, s, T | F);
    assert_int_equal(w->n_commits, 1);
    assert_int_equal(bits_now(w), 0);
    world_flush(w);
    assert_int_equal(bits_now(w), T | F);
    assert_int_equal(w->n_commits, 4);
    world_free(&w);
}

static void
what_the_store_refuses_has_not_happened(void **state)
{
    struct world *w = world_new();
    struct cnc__session *s;

    world_account(w, "juliet");
    s = world_session(w, "juliet@capulet.lit/balcony");
    w->fail = true;
    world_say(w, s, NULL,
              "<presence to='romeo@montague.lit' type='subscribe'/>");
    assert_int_equal(bits_now(w), 0);
    world_expect(w, "juliet@capulet.lit/balcony", "type='error'");
    world_silence(w);
    w->fail = false;
    lead_to(w, s, T);
    assert_int_equal(bits_now(w), T);
    world_free(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_follows_the_standards_tables),
        cmocka_unit_test(an_approval_in_advance_is_used_once),
        cmocka_unit_test(an_approval_in_advance_can_be_taken_back),
        cmocka_unit_test(stanzas_do_what_the_tables_say_and_it_is_kept),
        cmocka_unit_test(changes_wait_for_the_one_before_them),
        cmocka_unit_test(what_the_store_refuses_has_not_happened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
