/* SPDX-License-Identifier: MIT */
/*
 * Nodes whose readers, writers and owners are whoever has a role: who may do
 * what, and that a role that is taken away ends at once what it allowed.
 */
#include "world.h"

#include <stdio.h>

#define NS "http://jabber.org/protocol/pubsub"

enum who {
    READER,   /* has the role of readers */
    WRITER,   /* of writers alone */
    BOSS,     /* of owners alone */
    BOTH,     /* readers and writers */
    OTHER,    /* a role that nobody asks for */
    NOBODY,   /* none */
    MEMBER,   /* none; a member of the node by its owner's word */
    ONLY,     /* reader; publish-only by the owner's word */
    OUTCAST,  /* every role, and an outcast */
    OPERATOR, /* none */
    GUEST,    /* a guest whose name has every role */
    N_WHO
};

static const struct {
    const char *name, *roles, *affiliation;
} people[N_WHO] = {
    [READER] = {"reader", "staff", NULL},
    [WRITER] = {"writer", "editors", NULL},
    [BOSS] = {"boss", "bosses", NULL},
    [BOTH] = {"both", "staff editors", NULL},
    [OTHER] = {"other", "sta staffed editor", NULL},
    [NOBODY] = {"nobody", NULL, NULL},
    [MEMBER] = {"member", NULL, "member"},
    [ONLY] = {"only", "staff", "publish-only"},
    [OUTCAST] = {"outcast", "staff editors bosses", "outcast"},
    [OPERATOR] = {"op", NULL, NULL},
    [GUEST] = {"guest", "staff editors bosses", NULL},
};

static const struct node {
    const char *readers, *writers, *owners;
    enum cnc__access_model access;
} nodes[] = {
    {NULL, NULL, NULL, CNC__ACCESS_OPEN},
    {NULL, NULL, NULL, CNC__ACCESS_WHITELIST},
    {"staff", NULL, NULL, CNC__ACCESS_WHITELIST},
    {NULL, "editors other", NULL, CNC__ACCESS_WHITELIST},
    {"users  staff", "editors", "bosses", CNC__ACCESS_WHITELIST},
    {NULL, "editors", NULL, CNC__ACCESS_OPEN},
};

static const enum cnc__action actions[] = {CNC__MAY_SEE, CNC__MAY_PUBLISH,
                                           CNC__MAY_CONFIGURE};

/* [node][who]: s may see, p publish, c configure. */
static const char *const may[CNC_N(nodes)][N_WHO] = {
    /*      reader writer boss both  other nobody member only outcast op guest
     */
    [0] = {"s", "s", "s", "s", "s", "s", "s", "p", "", "spc", "s"},
    [1] = {"", "", "", "", "", "", "s", "p", "", "spc", ""},
    [2] = {"s", "", "", "s", "", "", "s", "sp", "", "spc", ""},
    [3] = {"", "sp", "", "sp", "", "", "s", "p", "", "spc", ""},
    [4] = {"s", "sp", "spc", "sp", "", "", "s", "sp", "", "spc", ""},
    [5] = {"s", "sp", "s", "sp", "s", "s", "s", "p", "", "spc", "s"},
};

static struct cnc__node *
declare(struct world *w, const char *name, const struct node *d)
{
    struct cnc__node_config cfg;
    cnc__node_config_default(&cfg);
    cfg.access = d->access;
    cfg.readers = (char *)d->readers;
    cfg.writers = (char *)d->writers;
    cfg.owners = (char *)d->owners;
    cfg.max_items = 10;
    cfg.history = 10;
    struct cnc__node *n = cnc__pubsub_declare(w->ps, name, &cfg);
    world_flush(w);
    return n;
}

static void
affiliate(struct world *w, struct cnc__session *op, const char *node,
          const char *who, const char *affiliation)
{
    world_say(w, op,
              "<iq type='set' id='a'><pubsub xmlns='" NS "#owner'>"
              "<affiliations node='%s'><affiliation jid='%s@x'"
              " affiliation='%s'/></affiliations></pubsub></iq>",
              node, who, affiliation);
    world_expect(w, op, "type='result'");
}

static void
who_may_do_what_to_which_node(void **state)
{
    struct world *w = world_new();
    struct cnc__session *op = world_session(w, "op@x", "r", false, true);
    for (int i = 0; i < N_WHO; i++) {
        char jid[64];
        snprintf(jid, sizeof(jid), "%s@x", people[i].name);
        world_roles(w, jid, people[i].roles);
    }
    for (size_t k = 0; k < CNC_N(nodes); k++) {
        struct cnc__node *n = declare(w, "library", &nodes[k]);
        for (int i = 0; i < N_WHO; i++) {
            char jid[64];
            snprintf(jid, sizeof(jid), "%s@x/r", people[i].name);
            if (people[i].affiliation != NULL) {
                affiliate(w, op, "library", people[i].name,
                          people[i].affiliation);
            }
            struct cnc__actor who = {.jid = jid,
                                     .anonymous = i == GUEST,
                                     .operator_ = i == OPERATOR};
            for (size_t a = 0; a < CNC_N(actions); a++) {
                bool want = strchr(may[k][i], "spc"[a]) != NULL;
                int rc = cnc__pubsub_may(w->ps, &who, actions[a], n, NULL);
                if ((rc == 0) != want) {
                    fail_msg("node %zu: %s %c", k, people[i].name, "spc"[a]);
                }
            }
        }
    }
    world_free(&w);
}

/* What an owner set stays as it is while roles come and go, and roles are not
 * written down as if the owner had set them. */
static void
a_role_is_no_affiliation_of_the_owners_list(void **state)
{
    struct world *w = world_new();
    struct cnc__session *op = world_session(w, "op@x", "r", false, true);
    struct cnc__session *a = world_session(w, "anna@x", "r", false, false);
    declare(w, "library", &nodes[4]);
    world_roles(w, "anna@x", "bosses");
    world_say(w, a,
              "<iq type='get' id='1'><pubsub xmlns='" NS "'>"
              "<affiliations/></pubsub></iq>");
    world_expect(w, a, "<affiliation node='library' affiliation='owner'/>");
    world_say(w, a,
              "<iq type='get' id='2'><pubsub xmlns='" NS "#owner'>"
              "<affiliations node='library'/></pubsub></iq>");
    world_expect(w, a, "<affiliations node='library'></affiliations>");
    /* An outcast by the owner's word, then nothing again. */
    affiliate(w, op, "library", "anna", "outcast");
    world_say(w, a,
              "<iq type='get' id='3'><pubsub xmlns='" NS "'>"
              "<items node='library'/></pubsub></iq>");
    world_expect(w, a, "forbidden");
    affiliate(w, op, "library", "anna", "none");
    world_say(w, a,
              "<iq type='get' id='4'><pubsub xmlns='" NS "'>"
              "<items node='library'/></pubsub></iq>");
    world_expect(w, a, "type='result'");
    world_free(&w);
}

static void
subscribe(struct world *w, struct cnc__session *s, const char *jid)
{
    world_say(w, s,
              "<iq type='set' id='s'><pubsub xmlns='" NS "'>"
              "<subscribe node='library' jid='%s'/></pubsub></iq>",
              jid);
    world_expect(w, s, "subscription='subscribed'");
}

static void
a_role_that_goes_cuts_every_subscription_at_once(void **state)
{
    struct world *w = world_new();
    struct cnc__session *a = world_session(w, "anna@x", "r", false, false);
    struct cnc__session *b = world_session(w, "bert@x", "r", false, false);
    struct cnc__node *n = declare(w, "library", &nodes[4]);
    world_roles(w, "anna@x", "staff");
    world_roles(w, "bert@x", "staff");
    subscribe(w, a, "anna@x/r");
    subscribe(w, a, "anna@x");
    subscribe(w, b, "bert@x");
    world_publish(w, n, "1", "One");
    world_expect(w, NULL, "One");
    world_expect(w, NULL, "One");
    world_expect(w, NULL, "One");
    world_silence(w);
    /* Now, before the store has it. */
    w->hold = true;
    world_roles(w, "anna@x", NULL);
    world_expect(w, a,
                 "<subscription node='library' jid='anna@x'"
                 " subscription='none'/>");
    world_expect(w, a,
                 "<subscription node='library' jid='anna@x/r'"
                 " subscription='none'/>");
    world_silence(w);
    world_publish(w, n, "2", "Two");
    world_flush(w);
    w->hold = false;
    world_expect(w, b, "Two");
    world_silence(w);
    assert_int_equal(cnc__node_n_subscribers(n), 1);
    /* Nothing is left that a later role would bring back. */
    world_roles(w, "anna@x", "staff");
    world_publish(w, n, "3", "Three");
    world_expect(w, b, "Three");
    world_silence(w);
    world_say(w, a,
              "<iq type='get' id='1'><pubsub xmlns='" NS "'>"
              "<subscriptions/></pubsub></iq>");
    world_expect(w, a, "<subscriptions></subscriptions>");
    world_restart(w);
    n = declare(w, "library", &nodes[4]);
    a = world_session(w, "anna@x", "r", false, false);
    b = world_session(w, "bert@x", "r", false, false);
    world_publish(w, n, "4", "Four");
    world_expect(w, b, "Four");
    world_silence(w);
    world_free(&w);
}

static void
one_of_two_roles_is_enough(void **state)
{
    struct world *w = world_new();
    struct cnc__session *a = world_session(w, "anna@x", "r", false, false);
    struct cnc__node *n = declare(w, "library", &nodes[4]);
    world_roles(w, "anna@x", "staff editors");
    subscribe(w, a, "anna@x");
    world_roles(w, "anna@x", "editors");
    world_silence(w);
    world_publish(w, n, "1", "One");
    world_expect(w, a, "One");
    world_free(&w);
}

static void
strangers_lose_what_their_role_gave(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = declare(w, "library", &nodes[4]);
    world_roles(w, "anna@far", "staff");
    static const char *const jids[] = {"anna@far/one", "anna@far/two"};
    for (size_t i = 0; i < CNC_N(jids); i++) {
        world_far(w, jids[i],
                  "<iq type='set' id='s'><pubsub xmlns='" NS "'>"
                  "<subscribe node='library' jid='%s'/></pubsub></iq>",
                  jids[i]);
        world_expect_jid(w, jids[i], "subscription='subscribed'");
    }
    world_far(w, jids[0],
              "<iq type='set' id='s'><pubsub xmlns='" NS "'>"
              "<subscribe node='library' jid='anna@far'/></pubsub></iq>");
    world_expect_jid(w, jids[0], "subscription='subscribed'");
    assert_int_equal(cnc__node_n_subscribers(n), 3);
    world_roles(w, "anna@far", NULL);
    assert_int_equal(cnc__node_n_subscribers(n), 0);
    for (int i = 0; i < 3; i++) {
        const char *xml = world_hear(w, NULL);
        assert_non_null(strstr(xml, "subscription='none'"));
    }
    world_silence(w);
    world_publish(w, n, "1", "One");
    world_silence(w);
    world_roles(w, "anna@far", "staff");
    world_publish(w, n, "2", "Two");
    world_silence(w);
    world_free(&w);
}

static void
what_was_open_is_closed_at_once(void **state)
{
    static const char *const asks[] = {
        "<iq type='get' id='1'><pubsub xmlns='" NS "'>"
        "<items node='library'/></pubsub></iq>",
        "<iq type='set' id='2'><query xmlns='urn:xmpp:mam:2'"
        " node='library'/></iq>",
        "<iq type='set' id='3'><pubsub xmlns='" NS "'>"
        "<subscribe node='library' jid='anna@x/r'/></pubsub></iq>",
        "<iq type='set' id='4'><pubsub xmlns='" NS "'>"
        "<publish node='library'><item id='9'><b xmlns='urn:example:b'/>"
        "</item></publish></pubsub></iq>",
    };
    struct world *w = world_new();
    struct cnc__session *a = world_session(w, "anna@x", "r", false, false);
    struct cnc__node *n = declare(w, "library", &nodes[4]);
    world_publish(w, n, "1", "One");
    world_roles(w, "anna@x", "staff editors");
    for (size_t i = 0; i < CNC_N(asks); i++) {
        world_say(w, a, "%s", asks[i]);
        bool ok = false;
        while (w->at < w->n_heard) {
            ok |= strstr(world_hear(w, a), "type='result'") != NULL;
        }
        assert_true(ok);
    }
    world_roles(w, "anna@x", NULL);
    world_expect(w, a, "subscription='none'");
    for (size_t i = 0; i < CNC_N(asks); i++) {
        world_say(w, a, "%s", asks[i]);
        const char *xml = world_hear(w, a);
        if (strstr(xml, "type='error'") == NULL) {
            fail_msg("%s", xml);
        }
        assert_null(strstr(xml, "One"));
        world_silence(w);
    }
    world_free(&w);
}

static void
a_publish_that_is_held_ends_with_the_role(void **state)
{
    struct world *w = world_new();
    struct cnc__session *a = world_session(w, "anna@x", "r", false, false);
    struct cnc__node *n = declare(w, "library", &nodes[4]);
    world_roles(w, "anna@x", "editors");
    for (int taken = 0; taken < 2; taken++) {
        w->judge = HOLD;
        world_say(w, a,
                  "<iq type='set' id='p'><pubsub xmlns='" NS "'>"
                  "<publish node='library'><item id='i%d'>"
                  "<b xmlns='urn:example:b'/></item></publish></pubsub></iq>",
                  taken);
        world_silence(w);
        if (taken == 1) {
            world_roles(w, "anna@x", "staff");
        }
        w->judge = ACCEPT;
        cnc__pubsub_resume(w->held, NULL);
        world_flush(w);
        world_expect(w, a, taken == 1 ? "<forbidden" : "type='result'");
    }
    assert_non_null(cnc__node_item(n, "i0"));
    assert_null(cnc__node_item(n, "i1"));
    world_free(&w);
}

static void
roles_of_a_node_may_be_declared_anew(void **state)
{
    struct world *w = world_new();
    struct cnc__session *a = world_session(w, "anna@x", "r", false, false);
    struct cnc__node *n = declare(w, "library", &nodes[4]);
    world_roles(w, "anna@x", "staff");
    subscribe(w, a, "anna@x/r");
    size_t commits = w->n_commits;
    declare(w, "library", &nodes[4]);
    assert_int_equal(w->n_commits, commits);
    world_silence(w);
    declare(w, "library", &nodes[3]);
    assert_int_equal(w->n_commits, commits); /* the store has no roles */
    world_expect(w, a, "subscription='none'");
    assert_int_equal(cnc__node_n_subscribers(n), 0);
    /* Until an app says again who, a node that was loaded is its owner's. */
    world_restart(w);
    struct cnc__actor who = {.jid = "anna@x/r"};
    n = cnc__pubsub_node(w->ps, "library");
    assert_int_equal(cnc__pubsub_may(w->ps, &who, CNC__MAY_SEE, n, NULL),
                     CNC_EACCES);
    declare(w, "library", &nodes[4]);
    assert_int_equal(cnc__pubsub_may(w->ps, &who, CNC__MAY_SEE, n, NULL), 0);
    world_free(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_may_do_what_to_which_node),
        cmocka_unit_test(a_role_is_no_affiliation_of_the_owners_list),
        cmocka_unit_test(a_role_that_goes_cuts_every_subscription_at_once),
        cmocka_unit_test(one_of_two_roles_is_enough),
        cmocka_unit_test(strangers_lose_what_their_role_gave),
        cmocka_unit_test(what_was_open_is_closed_at_once),
        cmocka_unit_test(a_publish_that_is_held_ends_with_the_role),
        cmocka_unit_test(roles_of_a_node_may_be_declared_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
