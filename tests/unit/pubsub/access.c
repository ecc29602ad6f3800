/* SPDX-License-Identifier: MIT */
/*
 * What leaks to whom.  Every way to learn of a node's items is tried by
 * everybody, of this domain and of another one, with every access model.
 */
#include "world.h"

#include <stdio.h>

#define NS "http://jabber.org/protocol/pubsub"

enum who { OWNER, MEMBER, PUBLISH_ONLY, NONE, OUTCAST, REMOVED, GUEST, N_WHO };

static const char *const people[N_WHO] = {
    "owner", "member", "only", "nobody", "outcast", "removed", "guest"};

/* May they see it?  [closed][who]; nobody has asked to be approved, and there
 * are no rosters. */
static const bool sees[2][N_WHO] = {
    {true, true, false, true, false, true, true},
    {true, true, false, false, false, false, false},
};

struct stage {
    struct world *w;
    struct cnc__session *op, *at[N_WHO];
    struct cnc__node *node;
    const char *domain;
    bool closed, far_;
};

static size_t
n_who(const struct stage *s)
{
    return s->far_ ? N_WHO - 1 : N_WHO; /* no guests come from elsewhere */
}

/* Somebody says something; $ is the bare JID. */
static void
say(struct stage *s, int who, const char *what)
{
    struct cnc__str out = CNC__STR, jid = CNC__STR;
    for (const char *c = what; *c != '\0'; c++) {
        if (*c == '$') {
            cnc__str_printf(&out, "%s@%s", people[who], s->domain);
        } else {
            cnc__str_putc(&out, *c);
        }
    }
    cnc__str_printf(&jid, "%s@%s/r", people[who], s->domain);
    if (s->far_) {
        world_far(s->w, jid.data, "%s", out.data);
    } else {
        world_say(s->w, s->at[who], "%s", out.data);
    }
    cnc__str_fini(&out);
    cnc__str_fini(&jid);
}

/* Did this person hear it, by any JID? */
static bool
is_of(const struct stage *s, const struct heard *h, int who)
{
    char bare[64];
    int len = snprintf(bare, sizeof(bare), "%s@%s", people[who], s->domain);
    return strncmp(h->who, bare, (size_t)len) == 0 &&
           (h->who[len] == '\0' || h->who[len] == '/');
}

static void
affiliate(struct stage *s, const char *who, const char *affiliation)
{
    world_say(s->w, s->op,
              "<iq type='set' id='a'><pubsub xmlns='" NS "#owner'>"
              "<affiliations node='library'><affiliation jid='%s@%s'"
              " affiliation='%s'/></affiliations></pubsub></iq>",
              who, s->domain, affiliation);
    if (strstr(s->w->heard[s->w->n_heard - 1].xml, "type='result'") == NULL) {
        fail_msg("%s", s->w->heard[s->w->n_heard - 1].xml);
    }
    world_deaf(s->w);
}

static void
configure(struct stage *s, const char *var, const char *value)
{
    world_say(s->w, s->op,
              "<iq type='set' id='c'><pubsub xmlns='" NS "#owner'>"
              "<configure node='library'><x xmlns='jabber:x:data'"
              " type='submit'><field var='FORM_TYPE'><value>" NS
              "#node_config</value></field><field var='%s'><value>%s</value>"
              "</field></x></configure></pubsub></iq>",
              var, value);
    world_deaf(s->w);
}

static void
set_far_stage(struct stage *s, enum cnc__access_model access, bool far_)
{
    *s = (struct stage){.w = world_new(),
                        .closed = access != CNC__ACCESS_OPEN,
                        .far_ = far_,
                        .domain = far_ ? "far.lit" : DOMAIN};
    struct cnc__node_config cfg;
    cnc__node_config_default(&cfg);
    cfg.access = access;
    s->node = cnc__pubsub_declare(s->w->ps, "library", &cfg);
    s->op = world_session(s->w, "op@x", "r", false, true);
    world_flush(s->w);
    world_publish(s->w, s->node, "1", "Secret");
    for (int i = 0; i < N_WHO && !far_; i++) {
        char bare[32];
        snprintf(bare, sizeof(bare), "%s@x", people[i]);
        s->at[i] = world_session(s->w, bare, "r", i == GUEST, false);
    }
    affiliate(s, "owner", "owner");
    affiliate(s, "member", "member");
    affiliate(s, "only", "publish-only");
    affiliate(s, "outcast", "outcast");
    affiliate(s, "removed", "member");
}

static void
set_stage(struct stage *s, bool closed)
{
    set_far_stage(s, closed ? CNC__ACCESS_WHITELIST : CNC__ACCESS_OPEN, false);
}

/* Ask as each; those who may see are told something with yes in it, the
 * others an error and never the secret. */
static void
ask_all(struct stage *s, const char *what, const char *yes)
{
    for (int i = 0; i < (int)n_who(s); i++) {
        world_deaf(s->w);
        say(s, i, what);
        bool told = false, secret = false;
        for (size_t k = 0; k < s->w->n_heard; k++) {
            assert_true(is_of(s, &s->w->heard[k], i));
            told |= strstr(s->w->heard[k].xml, yes) != NULL;
            secret |= strstr(s->w->heard[k].xml, "Secret") != NULL;
        }
        bool may = sees[s->closed][i];
        if (told != may || (secret && !may)) {
            fail_msg("%s on %s node: %s", people[i],
                     s->closed ? "a closed" : "an open",
                     s->w->n_heard == 0 ? "nothing" : s->w->heard[0].xml);
        }
    }
    world_deaf(s->w);
}

static void
leaks(enum cnc__access_model access, bool far_)
{
    struct stage s;
    set_far_stage(&s, access, far_);
    affiliate(&s, "removed", "none"); /* a moment ago */
    /* retrieve: all, by id, by pages */
    ask_all(&s,
            "<iq type='get' id='i'><pubsub xmlns='" NS "'><items"
            " node='library'/></pubsub></iq>",
            "Secret");
    ask_all(&s,
            "<iq type='get' id='i'><pubsub xmlns='" NS "'><items"
            " node='library'><item id='1'/></items></pubsub></iq>",
            "Secret");
    /* history */
    ask_all(&s,
            "<iq type='set' id='h'><query xmlns='urn:xmpp:mam:2'"
            " node='library'/></iq>",
            "Secret");
    /* disco: the node's description, its items, its being there */
    ask_all(&s,
            "<iq type='get' id='d'><query xmlns='http://jabber.org/protocol/"
            "disco#info' node='library'/></iq>",
            "#meta-data");
    ask_all(&s,
            "<iq type='get' id='d'><query xmlns='http://jabber.org/protocol/"
            "disco#items' node='library'/></iq>",
            "name='1'");
    ask_all(&s,
            "<iq type='get' id='d'><query xmlns='http://jabber.org/protocol/"
            "disco#items'/></iq>",
            "node='library'");
    /* the last item, sent on subscribing */
    configure(&s, "pubsub#send_last_published_item", "on_sub");
    ask_all(&s,
            "<iq type='set' id='s'><pubsub xmlns='" NS "'><subscribe"
            " node='library' jid='$/r'/></pubsub></iq>",
            "Secret");
    ask_all(&s,
            "<iq type='set' id='s'><pubsub xmlns='" NS "'><subscribe"
            " node='library' jid='$'/></pubsub></iq>",
            "subscription='subscribed'");
    /* notifications: twice each, by the full and by the bare JID */
    world_publish(s.w, s.node, "2", "News");
    size_t n = 0;
    for (int i = 0; i < (int)n_who(&s); i++) {
        for (size_t k = 0; k < s.w->n_heard; k++) {
            n += is_of(&s, &s.w->heard[k], i);
        }
        assert_int_equal(n, sees[s.closed][i] ? 2 : 0);
        n = 0;
    }
    world_free(&s.w);
}

static void
an_open_node_is_read_by_all_but_outcasts(void **state)
{
    leaks(CNC__ACCESS_OPEN, false);
    leaks(CNC__ACCESS_OPEN, true);
}

static void
a_closed_node_is_read_by_its_people_alone(void **state)
{
    static const enum cnc__access_model closed[] = {
        CNC__ACCESS_WHITELIST, CNC__ACCESS_AUTHORIZE, CNC__ACCESS_PRESENCE,
        CNC__ACCESS_ROSTER};
    for (size_t i = 0; i < CNC_N(closed); i++) {
        leaks(closed[i], false);
        leaks(closed[i], true);
    }
}

static void
a_stranger_is_cut_at_once_too(void **state)
{
    struct stage s;
    set_far_stage(&s, CNC__ACCESS_WHITELIST, true);
    for (int who = MEMBER; who <= REMOVED; who += REMOVED - MEMBER) {
        say(&s, who,
            "<iq type='set' id='s'><pubsub xmlns='" NS "'><subscribe"
            " node='library' jid='$/r'/></pubsub></iq>");
        say(&s, who,
            "<iq type='set' id='s'><pubsub xmlns='" NS "'><subscribe"
            " node='library' jid='$'/></pubsub></iq>");
    }
    assert_int_equal(cnc__node_n_subscribers(s.node), 4);
    affiliate(&s, "removed", "none");
    assert_int_equal(cnc__node_n_subscribers(s.node), 2);
    world_publish(s.w, s.node, "2", "News");
    world_expect_jid(s.w, "member@far.lit/r", "News");
    world_expect_jid(s.w, "member@far.lit", "News");
    world_silence(s.w);
    /* A restart does not bring it back; being let in again does. */
    world_restart(s.w);
    s.node = cnc__pubsub_node(s.w->ps, "library");
    s.op = world_session(s.w, "op@x", "r", false, true);
    assert_int_equal(cnc__node_n_subscribers(s.node), 2);
    affiliate(&s, "removed", "member");
    assert_int_equal(cnc__node_n_subscribers(s.node), 4);
    configure(&s, "pubsub#access_model", "open");
    affiliate(&s, "removed", "outcast");
    assert_int_equal(cnc__node_n_subscribers(s.node), 2);
    world_free(&s.w);
}

static void
an_owner_approves_strangers(void **state)
{
    struct stage s;
    set_far_stage(&s, CNC__ACCESS_AUTHORIZE, true);
    say(&s, NONE,
        "<iq type='set' id='s'><pubsub xmlns='" NS "'><subscribe"
        " node='library' jid='$/r'/></pubsub></iq>");
    world_expect_jid(s.w, "nobody@far.lit/r", "subscription='pending'");
    world_publish(s.w, s.node, "2", "News");
    world_silence(s.w);
    say(&s, OWNER,
        "<iq type='set' id='a'><pubsub xmlns='" NS "#owner'><subscriptions"
        " node='library'><subscription jid='nobody@far.lit/r'"
        " subscription='subscribed'/></subscriptions></pubsub></iq>");
    world_expect_jid(s.w, "owner@far.lit/r", "type='result'");
    world_expect_jid(s.w, "nobody@far.lit/r", "subscription='subscribed'");
    world_publish(s.w, s.node, "3", "News");
    world_expect_jid(s.w, "nobody@far.lit/r", "News");
    /* That resource was approved, and no other one. */
    say(&s, NONE,
        "<iq type='get' id='i'><pubsub xmlns='" NS
        "'><items node='library'/></pubsub></iq>");
    world_expect_jid(s.w, "nobody@far.lit/r", "Secret");
    world_far(s.w, "nobody@far.lit/other",
              "<iq type='get' id='i'><pubsub xmlns='" NS
              "'><items node='library'/></pubsub></iq>");
    world_expect_jid(s.w, "nobody@far.lit/other", "not-subscribed");
    world_free(&s.w);
}

/* How many notifications this session hears of the next publish. */
static size_t
notified(struct stage *s, enum who who)
{
    size_t n = 0;
    world_deaf(s->w);
    world_publish(s->w, s->node, NULL, "News");
    for (size_t k = 0; k < s->w->n_heard; k++) {
        n += strcmp(s->w->heard[k].who, s->at[who]->jid) == 0;
    }
    world_deaf(s->w);
    return n;
}

static void
subscribe(struct stage *s, enum who who)
{
    world_say(s->w, s->at[who],
              "<iq type='set' id='s'><pubsub xmlns='" NS
              "'><subscribe node='library' jid='%s@x/r'/>"
              "</pubsub></iq>",
              people[who]);
    world_expect(s->w, s->at[who], "subscribed");
    world_say(s->w, s->at[who],
              "<iq type='set' id='s'><pubsub xmlns='" NS
              "'><subscribe node='library' jid='%s@x'/>"
              "</pubsub></iq>",
              people[who]);
    world_expect(s->w, s->at[who], "subscribed");
    world_deaf(s->w);
}

static void
who_is_removed_is_cut_at_once(void **state)
{
    struct stage s;
    set_stage(&s, true);
    subscribe(&s, REMOVED);
    subscribe(&s, MEMBER);
    assert_int_equal(notified(&s, REMOVED), 2);
    /* before the store has it, even */
    s.w->hold = true;
    world_say(s.w, s.op,
              "<iq type='set' id='a'><pubsub xmlns='" NS "#owner'>"
              "<affiliations node='library'><affiliation"
              " jid='removed@x' affiliation='none'/>"
              "</affiliations></pubsub></iq>");
    world_flush(s.w);
    s.w->hold = false;
    assert_int_equal(notified(&s, REMOVED), 0);
    assert_int_equal(notified(&s, MEMBER), 2);
    /* a new session of theirs does not come back in */
    s.at[REMOVED] = world_session(s.w, "removed@x", "again", false, false);
    assert_int_equal(notified(&s, REMOVED), 0);
    /* who is let in again is: the kept subscription was only asleep */
    affiliate(&s, "removed", "member");
    assert_int_equal(notified(&s, REMOVED), 1);
    world_free(&s.w);
}

static void
closing_a_node_cuts_strangers_at_once(void **state)
{
    struct stage s;
    set_stage(&s, false);
    subscribe(&s, NONE);
    subscribe(&s, GUEST);
    subscribe(&s, MEMBER);
    assert_int_equal(notified(&s, GUEST), 2);
    configure(&s, "pubsub#access_model", "whitelist");
    assert_int_equal(notified(&s, NONE), 0);
    assert_int_equal(notified(&s, GUEST), 0);
    assert_int_equal(notified(&s, MEMBER), 2);
    world_free(&s.w);
}

static void
a_failed_change_of_access_is_taken_back(void **state)
{
    struct stage s;
    set_stage(&s, true);
    subscribe(&s, MEMBER);
    s.w->fail = true;
    /* Two that wait for one write, undone the last one first. */
    s.w->hold = true;
    world_say(s.w, s.op,
              "<iq type='set' id='x'><pubsub xmlns='" NS "#owner'>"
              "<affiliations node='library'><affiliation"
              " jid='member@x' affiliation='publisher'/>"
              "</affiliations></pubsub></iq>");
    world_say(s.w, s.op,
              "<iq type='set' id='y'><pubsub xmlns='" NS "#owner'>"
              "<affiliations node='library'><affiliation"
              " jid='member@x' affiliation='outcast'/>"
              "</affiliations></pubsub></iq>");
    world_say(s.w, s.op,
              "<iq type='set' id='z'><pubsub xmlns='" NS "#owner'>"
              "<affiliations node='library'><affiliation"
              " jid='member@x' affiliation='owner'/>"
              "</affiliations></pubsub></iq>");
    world_flush(s.w);
    s.w->hold = s.w->fail = false;
    world_deaf(s.w);
    world_say(s.w, s.op,
              "<iq type='get' id='q'><pubsub xmlns='" NS "#owner'>"
              "<affiliations node='library'/></pubsub></iq>");
    world_expect(s.w, s.op,
                 "<affiliation jid='member@x'"
                 " affiliation='member'/>");
    assert_int_equal(notified(&s, MEMBER), 1); /* the kept one */
    char *before = world_dump(s.w);
    world_restart(s.w);
    char *after = world_dump(s.w);
    assert_string_equal(before, after);
    cnc__free(before);
    cnc__free(after);
    world_free(&s.w);
}

static void
changes_that_wait_are_written_together(void **state)
{
    struct stage s;
    set_stage(&s, false);
    s.w->hold = true;
    size_t before = s.w->n_commits;
    for (int i = 0; i < N_WHO - 1; i++) {
        world_say(s.w, s.at[i],
                  "<iq type='set' id='s'><pubsub xmlns='" NS
                  "'><subscribe node='library' jid='%s@x'/>"
                  "</pubsub></iq>",
                  people[i]);
    }
    assert_int_equal(s.w->n_commits, before + 1);
    world_flush(s.w);
    assert_int_equal(s.w->n_commits, before + 2);
    /* all but publish-only and outcast */
    assert_int_equal(cnc__node_n_subscribers(s.node), N_WHO - 3);
    world_free(&s.w);
}

/* -- who publishes -------------------------------------------------------- */

static bool
publishes(struct stage *s, enum who who)
{
    world_deaf(s->w);
    say(s, (int)who,
        "<iq type='set' id='p'><pubsub xmlns='" NS "'><publish"
        " node='library'><item><a xmlns='urn:a'/></item></publish>"
        "</pubsub></iq>");
    const char *xml = NULL;
    while (xml == NULL || strncmp(xml, "<iq", 3) != 0) {
        xml = world_hear(s->w, NULL);
    }
    bool done = strstr(xml, "type='result'") != NULL;
    if (!done) {
        assert_non_null(strstr(xml, "<forbidden "));
    }
    world_deaf(s->w);
    return done;
}

static void
the_publish_model_is_kept(void **state)
{
    struct stage s;
    set_stage(&s, false);
    static const bool publishers[N_WHO] = {true,  false, true, false,
                                           false, false, false};
    static const bool anybody[N_WHO] = {true,  true, true, true,
                                        false, true, true};
    for (int i = 0; i < N_WHO; i++) {
        assert_int_equal(publishes(&s, (enum who)i), publishers[i]);
    }
    configure(&s, "pubsub#publish_model", "open");
    for (int i = 0; i < N_WHO; i++) {
        assert_int_equal(publishes(&s, (enum who)i), anybody[i]);
    }
    configure(&s, "pubsub#publish_model", "subscribers");
    assert_false(publishes(&s, NONE));
    assert_false(publishes(&s, MEMBER));
    subscribe(&s, MEMBER);
    world_say(s.w, s.at[GUEST],
              "<iq type='set' id='s'><pubsub xmlns='" NS
              "'><subscribe node='library' jid='guest@x/r'"
              "/></pubsub></iq>");
    assert_true(publishes(&s, MEMBER));
    assert_true(publishes(&s, GUEST));
    assert_false(publishes(&s, NONE));
    world_free(&s.w);
}

static void
strangers_publish_as_anybody_does(void **state)
{
    struct stage s;
    set_far_stage(&s, CNC__ACCESS_OPEN, true);
    static const bool publishers[N_WHO] = {true, false, true};
    static const bool anybody[N_WHO] = {true, true, true, true, false, true};
    for (int i = 0; i < (int)n_who(&s); i++) {
        assert_int_equal(publishes(&s, (enum who)i), publishers[i]);
    }
    configure(&s, "pubsub#publish_model", "open");
    for (int i = 0; i < (int)n_who(&s); i++) {
        assert_int_equal(publishes(&s, (enum who)i), anybody[i]);
    }
    configure(&s, "pubsub#publish_model", "subscribers");
    assert_false(publishes(&s, NONE));
    say(&s, NONE,
        "<iq type='set' id='s'><pubsub xmlns='" NS
        "'><subscribe node='library' jid='$/r'/></pubsub></iq>");
    assert_true(publishes(&s, NONE));
    /* Only the owner's verbs are the owner's. */
    configure(&s, "pubsub#publish_model", "open");
    for (int i = 0; i < (int)n_who(&s); i++) {
        world_deaf(s.w);
        say(&s, i,
            "<iq type='set' id='p'><pubsub xmlns='" NS
            "#owner'><purge node='library'/></pubsub></iq>");
        world_expect(s.w, NULL, i == OWNER ? "type='result'" : "<forbidden ");
        world_deaf(s.w);
        say(&s, i,
            "<iq type='set' id='c'><pubsub xmlns='" NS
            "'><create node='mine'/></pubsub></iq>");
        world_expect(s.w, NULL, "<forbidden ");
    }
    world_free(&s.w);
}

static void
access_models_without_rosters_let_nobody_in(void **state)
{
    struct stage s;
    set_stage(&s, false);
    configure(&s, "pubsub#access_model", "presence");
    world_say(s.w, s.at[NONE],
              "<iq type='set' id='s'><pubsub xmlns='" NS
              "'><subscribe node='library' jid='nobody@x'/>"
              "</pubsub></iq>");
    const char *xml = world_hear(s.w, s.at[NONE]);
    assert_non_null(strstr(xml, "<error type='auth'><not-authorized "));
    assert_non_null(strstr(xml, "<presence-subscription-required xmlns='" NS
                                "#errors'/>"));
    configure(&s, "pubsub#access_model", "roster");
    world_say(s.w, s.at[NONE],
              "<iq type='get' id='s'><pubsub xmlns='" NS
              "'><items node='library'/></pubsub></iq>");
    world_expect(s.w, s.at[NONE],
                 "<not-in-roster-group xmlns='" NS "#errors'/>");
    configure(&s, "pubsub#access_model", "whitelist");
    world_say(s.w, s.at[NONE],
              "<iq type='get' id='s'><pubsub xmlns='" NS
              "'><items node='library'/></pubsub></iq>");
    xml = world_hear(s.w, s.at[NONE]);
    assert_non_null(strstr(xml, "<error type='cancel'><not-allowed "));
    assert_non_null(strstr(xml, "<closed-node xmlns='" NS "#errors'/>"));
    world_free(&s.w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_node_is_read_by_all_but_outcasts),
        cmocka_unit_test(a_closed_node_is_read_by_its_people_alone),
        cmocka_unit_test(a_stranger_is_cut_at_once_too),
        cmocka_unit_test(an_owner_approves_strangers),
        cmocka_unit_test(who_is_removed_is_cut_at_once),
        cmocka_unit_test(closing_a_node_cuts_strangers_at_once),
        cmocka_unit_test(a_failed_change_of_access_is_taken_back),
        cmocka_unit_test(changes_that_wait_are_written_together),
        cmocka_unit_test(the_publish_model_is_kept),
        cmocka_unit_test(strangers_publish_as_anybody_does),
        cmocka_unit_test(access_models_without_rosters_let_nobody_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
