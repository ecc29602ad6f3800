/* SPDX-License-Identifier: MIT */
/*
 * Subscribers of other domains: kept by exactly their JID, notified like
 * anybody, and ended by what says that they are gone, not by what says that
 * nobody could ask.
 */
#include "../../../src/pubsub/impl.h"
#include "world.h"

#include <stdio.h>

#define NS         "http://jabber.org/protocol/pubsub"
#define NS_STANZAS "urn:ietf:params:xml:ns:xmpp-stanzas"
#define BARE       "romeo@montague.lit"
#define FULL       "romeo@montague.lit/orchard"

static void
subscribe(struct world *w, const char *from, const char *jid)
{
    world_far(w, from,
              "<iq type='set' id='s'><pubsub xmlns='" NS "'><subscribe"
              " node='library' jid='%s'/></pubsub></iq>",
              jid);
}

static void
subscribed(struct world *w, const char *from, const char *jid)
{
    subscribe(w, from, jid);
    world_expect_jid(w, from, "subscription='subscribed'");
    world_silence(w);
}

static void
unsubscribe(struct world *w, const char *from, const char *jid)
{
    world_far(w, from,
              "<iq type='set' id='u'><pubsub xmlns='" NS "'><unsubscribe"
              " node='library' jid='%s'/></pubsub></iq>",
              jid);
}

/* -- kept ----------------------------------------------------------------- */

static void
a_stranger_is_notified_by_the_jid_it_gave(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    subscribed(w, FULL, BARE);
    subscribed(w, FULL, FULL);
    subscribed(w, "books.montague.lit", "books.montague.lit");
    world_publish(w, n, "1", "First");
    world_expect_jid(w, BARE, "to='" BARE "'");
    world_expect_jid(w, FULL, "to='" FULL "'");
    world_expect_jid(w, "books.montague.lit", "<title>First</title>");
    world_silence(w);
    assert_int_equal(cnc__node_n_subscribers(n), 3);
    world_free(&w);
}

static void
a_stranger_asked_twice_is_notified_once(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    subscribed(w, FULL, BARE);
    subscribed(w, FULL, BARE);
    world_publish(w, n, "1", "First");
    world_expect_jid(w, BARE, "First");
    world_silence(w);
    world_free(&w);
}

static void
strangers_are_kept_over_a_restart_and_leave(void **state)
{
    struct world *w = world_new();
    world_node(w, "library");
    subscribed(w, FULL, BARE);
    subscribed(w, FULL, FULL);
    world_crash(w);
    struct cnc__node *n = world_node(w, "library");
    world_publish(w, n, "1", "First");
    world_expect_jid(w, BARE, "First");
    world_expect_jid(w, FULL, "First");
    unsubscribe(w, FULL, FULL);
    world_expect_jid(w, FULL, "type='result'");
    unsubscribe(w, FULL, FULL);
    world_expect_jid(w, FULL, "not-subscribed");
    world_publish(w, n, "2", "Second");
    world_expect_jid(w, BARE, "Second");
    world_silence(w);
    /* Any of the account's resources may end what is the account's, and what
     * a resource that is no more has left behind. */
    subscribed(w, FULL, FULL);
    unsubscribe(w, BARE "/balcony", BARE);
    world_expect_jid(w, BARE "/balcony", "type='result'");
    unsubscribe(w, BARE "/balcony", FULL);
    world_expect_jid(w, BARE "/balcony", "type='result'");
    world_crash(w);
    n = world_node(w, "library");
    world_publish(w, n, "3", "Third");
    world_silence(w);
    assert_int_equal(cnc__node_n_subscribers(n), 0);
    world_free(&w);
}

static void
who_reads_gets_the_event_in_words_and_programs_do_not(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    subscribed(w, FULL, BARE);
    subscribed(w, "books.montague.lit", "books.montague.lit");
    world_publish(w, n, "1", "Emma & <Sons>");
    const char *heard = world_hear_jid(w, BARE);
    assert_non_null(strstr(heard, "Emma &amp; &lt;Sons&gt;</body>"));
    assert_non_null(strstr(heard, "<event "));
    heard = world_hear_jid(w, "books.montague.lit");
    assert_null(strstr(heard, "<body>"));
    assert_non_null(strstr(heard, "<event "));
    world_free(&w);
}

static bool
store_has(struct world *w, const char *part)
{
    char *store = world_dump_store(w);
    bool found = strstr(store, part) != NULL;
    cnc__free(store);
    return found;
}

#define ENTRY "\x1elibrary " BARE " "

static void
a_subscription_is_an_entry_of_its_own(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    subscribed(w, FULL, BARE);
    assert_true(store_has(w, ENTRY));
    unsubscribe(w, FULL, BARE);
    world_expect_jid(w, FULL, "type='result'");
    assert_false(store_has(w, ENTRY));
    subscribed(w, FULL, BARE);
    subscribed(w, FULL, FULL);
    cnc__node_delete(n);
    world_flush(w);
    assert_false(store_has(w, "\x1elibrary"));
    world_free(&w);
}

static void
subscriptions_of_an_older_store_become_entries(void **state)
{
    static const char old[] =
        "<node xmlns=\"http://concordance-xmpp.org/ns/store\""
        " epoch=\"0123abcd\" seq=\"0\"><config/><subscription jid=\"" BARE
        "\" is=\"subscribed\"/></node>";
    struct world *w = world_new();
    world_put(w, &(struct cnc_store_entry){.kind = CNC_STORE_NODE,
                                           .node = "library",
                                           .id = "",
                                           .publisher = "",
                                           .value = old,
                                           .len = sizeof(old) - 1});
    world_crash(w);
    subscribed(w, "tybalt@capulet.lit/x", "tybalt@capulet.lit");
    assert_true(store_has(w, ENTRY));
    assert_true(store_has(w, "\x1elibrary tybalt@capulet.lit "));
    world_crash(w);
    struct cnc__node *n = world_node(w, "library");
    world_publish(w, n, "1", "First");
    world_expect_jid(w, "tybalt@capulet.lit", "First");
    world_expect_jid(w, BARE, "First");
    world_free(&w);
}

static void
a_stranger_subscribes_itself_alone(void **state)
{
    static const char *const others[] = {"juliet@capulet.lit", "montague.lit",
                                         BARE "/balcony",
                                         "tybalt@montague.lit", "bob@" DOMAIN};
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    for (size_t i = 0; i < CNC_N(others); i++) {
        subscribe(w, FULL, others[i]);
        world_expect_jid(w, FULL, "<invalid-jid");
        unsubscribe(w, FULL, others[i]);
        world_expect_jid(w, FULL, "type='error'");
    }
    world_silence(w);
    assert_int_equal(cnc__node_n_subscribers(n), 0);
    world_free(&w);
}

static void
a_stranger_asks_what_it_follows(void **state)
{
    struct world *w = world_new();
    world_node(w, "library");
    subscribed(w, FULL, FULL);
    subscribed(w, FULL, BARE);
    world_far(w, FULL,
              "<iq type='get' id='l'><pubsub xmlns='" NS "'><subscriptions/>"
              "</pubsub></iq>");
    world_expect_jid(
        w, FULL,
        "<subscriptions><subscription node='library' jid='" BARE
        "' subscription='subscribed'/><subscription node='library' jid='" FULL
        "' subscription='subscribed'/></subscriptions>");
    world_free(&w);
}

static void
the_last_item_goes_to_the_jid_that_subscribed(void **state)
{
    struct world *w = world_new();
    struct cnc__node_config cfg;
    cnc__node_config_default(&cfg);
    cfg.send_last_item = true;
    struct cnc__node *n = cnc__pubsub_declare(w->ps, "library", &cfg);
    world_flush(w);
    world_publish(w, n, "1", "First");
    subscribe(w, FULL, BARE);
    world_expect_jid(w, FULL, "subscription='subscribed'");
    world_expect_jid(w, BARE, "First");
    world_silence(w);
    world_free(&w);
}

static void
a_failed_store_subscribes_no_stranger(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    w->fail = true;
    subscribe(w, FULL, BARE);
    world_expect_jid(w, FULL, "type='error'");
    w->fail = false;
    world_publish(w, n, "1", "First");
    world_silence(w);
    world_free(&w);
}

static void
a_deleted_node_lets_strangers_go(void **state)
{
    struct world *w = world_new();
    struct cnc__session *op = world_session(w, "op@" DOMAIN, "r", false, true);
    world_node(w, "library");
    subscribed(w, FULL, FULL);
    world_say(w, op,
              "<iq type='set' id='d'><pubsub xmlns='" NS "#owner'><delete"
              " node='library'/></pubsub></iq>");
    world_expect(w, op, "type='result'");
    world_expect_jid(w, FULL, "<delete node='library'>");
    struct cnc__node *n = world_node(w, "library");
    world_publish(w, n, "1", "First");
    world_silence(w);
    world_free(&w);
}

static void
a_strangers_history_is_sent_before_the_answer(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    world_publish(w, n, "1", "First");
    world_publish(w, n, "2", "Second");
    world_far(w, FULL,
              "<iq type='set' id='h'><query xmlns='urn:xmpp:mam:2'"
              " node='library' queryid='q'/></iq>");
    world_expect_jid(w, FULL, "First");
    world_expect_jid(w, FULL, "Second");
    world_expect_jid(w, FULL, "complete='true'");
    world_silence(w);
    world_free(&w);
}

/* -- gone ----------------------------------------------------------------- */

/* Does FULL, or BARE, still follow after it has sent this? */
static bool
stays_after(const char *jid, int times, int64_t ms, const char *fmt,
            const char *arg)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    subscribed(w, FULL, jid);
    for (int i = 0; i < times; i++) {
        world_far(w, jid, fmt, arg);
        w->now_ms += ms;
    }
    world_deaf(w);
    world_crash(w);
    n = world_node(w, "library");
    world_publish(w, n, "1", "First");
    bool stays = w->n_heard == 1;
    world_free(&w);
    return stays;
}

#define BOUNCED                                                               \
    "<message type='error' id='x'><event xmlns='" NS "#event'/>%s</message>"
#define CANCEL(condition)                                                     \
    "<error type='cancel'><" condition " xmlns='" NS_STANZAS "'/></error>"
#define WAIT(condition)                                                       \
    "<error type='wait'><" condition " xmlns='" NS_STANZAS "'/></error>"

static void
what_says_that_somebody_has_gone_ends_it(void **state)
{
    static const char *const both[] = {CANCEL("gone"),
                                       CANCEL("item-not-found")};
    for (size_t i = 0; i < CNC_N(both); i++) {
        assert_false(stays_after(BARE, 1, 0, BOUNCED, both[i]));
        assert_false(stays_after(FULL, 1, 0, BOUNCED, both[i]));
    }
    assert_false(
        stays_after(FULL, 1, 0, BOUNCED, CANCEL("service-unavailable")));
    assert_false(
        stays_after(FULL, 1, 0, "<presence type='%s'/>", "unavailable"));
    assert_false(stays_after(FULL, 1, 0,
                             "<presence type='error'>%s"
                             "</presence>",
                             CANCEL("gone")));
}

static void
what_says_that_somebody_is_away_does_not(void **state)
{
    static const char *const errors[] = {CANCEL("remote-server-not-found"),
                                         WAIT("remote-server-timeout"),
                                         CANCEL("remote-server-timeout"),
                                         WAIT("recipient-unavailable"),
                                         CANCEL("internal-server-error"),
                                         WAIT("resource-constraint"),
                                         WAIT("item-not-found"),
                                         WAIT("policy-violation"),
                                         "<error/>",
                                         ""};
    for (size_t i = 0; i < CNC_N(errors); i++) {
        /* For a week, every hour. */
        assert_true(stays_after(BARE, 168, 3600000, BOUNCED, errors[i]));
        assert_true(stays_after(FULL, 168, 3600000, BOUNCED, errors[i]));
    }
    assert_true(
        stays_after(BARE, 1, 0, "<presence type='%s'/>", "unavailable"));
    assert_true(stays_after(BARE, 1, 0, "<iq type='error' id='x'>%s</iq>",
                            CANCEL("item-not-found")));
}

static void
an_account_that_refuses_for_days_is_let_go(void **state)
{
    const char *no = CANCEL("service-unavailable");
    assert_true(stays_after(BARE, 100, 60000, BOUNCED, no));
    assert_true(stays_after(BARE, 4, 86400000, BOUNCED, no));
    assert_false(stays_after(BARE, 6, 86400000, BOUNCED, no));
}

static void
one_that_goes_takes_its_own_alone(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    struct cnc__node *authors = world_node(w, "authors");
    subscribed(w, FULL, FULL);
    subscribed(w, FULL, BARE);
    subscribed(w, BARE "/balcony", BARE "/balcony");
    world_far(w, FULL,
              "<iq type='set' id='s'><pubsub xmlns='" NS "'><subscribe"
              " node='authors' jid='" FULL "'/></pubsub></iq>");
    world_deaf(w);
    world_far(w, FULL, "<presence type='unavailable'/>");
    /* Nobody can say it for somebody else. */
    world_far(w, "tybalt@capulet.lit", "<presence type='unavailable'/>");
    world_publish(w, n, "1", "First");
    world_expect_jid(w, BARE "/balcony", "First");
    world_expect_jid(w, BARE, "First");
    world_publish(w, authors, "1", "First");
    world_silence(w);
    world_free(&w);
}

/* -- limits --------------------------------------------------------------- */

static void
fill(struct world *w, const char *fmt, int from, int to)
{
    char jid[100];
    for (int i = from; i < to; i++) {
        snprintf(jid, sizeof(jid), fmt, i);
        subscribe(w, jid, jid);
    }
}

static void
one_domain_takes_no_more_than_its_share(void **state)
{
    struct world *w = world_new();
    struct cnc__node_config cfg;
    cnc__node_config_default(&cfg);
    cfg.durable = false; /* what is kept is not what is measured */
    struct cnc__node *n = cnc__pubsub_declare(w->ps, "library", &cfg);
    w->quiet = true;
    fill(w, "u%d@montague.lit", 0, 10100);
    assert_int_equal(cnc__node_n_subscribers(n), 10000);
    w->quiet = false;
    subscribe(w, "late@montague.lit", "late@montague.lit");
    world_expect_jid(w, "late@montague.lit", "<too-many-subscriptions");
    /* Others have theirs. */
    subscribed(w, "juliet@capulet.lit", "juliet@capulet.lit");
    unsubscribe(w, "u7@montague.lit", "u7@montague.lit");
    world_deaf(w);
    subscribed(w, "late@montague.lit", "late@montague.lit");
    w->quiet = true;
    fill(w, "u@d%d.example", 0, 50000);
    w->quiet = false;
    assert_int_equal(cnc__node_n_subscribers(n), 50000);
    /* And our own have room. */
    struct cnc__session *bob =
        world_session(w, "bob@" DOMAIN, "r", false, false);
    world_say(w, bob,
              "<iq type='set' id='s'><pubsub xmlns='" NS "'><subscribe"
              " node='library' jid='bob@" DOMAIN "'/></pubsub></iq>");
    world_expect(w, bob, "subscription='subscribed'");
    world_free(&w);
}

static void
one_account_has_so_many_resources(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    w->quiet = true;
    fill(w, BARE "/%d", 0, 30);
    w->quiet = false;
    assert_int_equal(cnc__node_n_subscribers(n), 20);
    subscribed(w, FULL, BARE);
    world_free(&w);
}

static void
owners_set_strangers_too(void **state)
{
    struct world *w = world_new();
    struct cnc__session *op = world_session(w, "op@" DOMAIN, "r", false, true);
    struct cnc__node *n = world_node(w, "library");
    const char set[] =
        "<iq type='set' id='o'><pubsub xmlns='" NS "#owner'><subscriptions"
        " node='library'><subscription jid='%s' subscription='%s'/>"
        "</subscriptions></pubsub></iq>";
    world_say(w, op, set, FULL, "subscribed");
    world_expect(w, op, "type='result'");
    world_expect_jid(w, FULL, "subscription='subscribed'");
    world_publish(w, n, "1", "First");
    world_expect_jid(w, FULL, "First");
    world_say(w, op, set, FULL, "none");
    world_expect(w, op, "type='result'");
    world_publish(w, n, "2", "Second");
    world_silence(w);
    world_say(w, op, set, "bob@" DOMAIN "/r", "subscribed");
    world_expect(w, op, "<invalid-jid");
    world_free(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stranger_is_notified_by_the_jid_it_gave),
        cmocka_unit_test(a_stranger_asked_twice_is_notified_once),
        cmocka_unit_test(strangers_are_kept_over_a_restart_and_leave),
        cmocka_unit_test(a_subscription_is_an_entry_of_its_own),
        cmocka_unit_test(
            who_reads_gets_the_event_in_words_and_programs_do_not),
        cmocka_unit_test(subscriptions_of_an_older_store_become_entries),
        cmocka_unit_test(a_stranger_subscribes_itself_alone),
        cmocka_unit_test(a_stranger_asks_what_it_follows),
        cmocka_unit_test(the_last_item_goes_to_the_jid_that_subscribed),
        cmocka_unit_test(a_failed_store_subscribes_no_stranger),
        cmocka_unit_test(a_deleted_node_lets_strangers_go),
        cmocka_unit_test(a_strangers_history_is_sent_before_the_answer),
        cmocka_unit_test(what_says_that_somebody_has_gone_ends_it),
        cmocka_unit_test(what_says_that_somebody_is_away_does_not),
        cmocka_unit_test(an_account_that_refuses_for_days_is_let_go),
        cmocka_unit_test(one_that_goes_takes_its_own_alone),
        cmocka_unit_test(one_domain_takes_no_more_than_its_share),
        cmocka_unit_test(one_account_has_so_many_resources),
        cmocka_unit_test(owners_set_strangers_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
