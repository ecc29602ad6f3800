/* SPDX-License-Identifier: MIT */
/*
 * What a peer can make large has a limit: each of them, one below and one
 * above.
 */
#include "world.h"

#include <stdio.h>

#define JULIET  "juliet@capulet.lit"
#define BALCONY JULIET "/balcony"

static struct cnc__session *
set_stage(struct world **out, const struct cnc__im_limits *limits)
{
    struct world *w = world_new();

    w->limits = *limits;
    world_account(w, "juliet");
    world_restart(w);
    *out = w;
    return world_session(w, BALCONY);
}

/* Say fmt with %d. */
static void
say(struct world *w, struct cnc__session *s, const char *from, const char *fmt,
    int n)
{
    struct cnc__str xml = CNC__STR;

    cnc__str_printf(&xml, fmt, n, n, n);
    world_say(w, s, from, xml.data);
    cnc__str_fini(&xml);
}

/* How many of n are taken before the first is refused with that condition. */
static int
taken(struct world *w, struct cnc__session *s, const char *fmt, int n,
      const char *condition)
{
    for (int i = 0; i < n; i++) {
        bool refused = false;
        char *xml;

        say(w, s, NULL, fmt, i);
        while ((xml = world_hear(w, s->jid)) != NULL) {
            refused = refused || strstr(xml, "type='error'") != NULL;
            if (strstr(xml, "type='error'") != NULL &&
                strstr(xml, condition) == NULL) {
                fail_msg("%s", xml);
            }
            cnc__free(xml);
        }
        world_deaf(w);
        if (refused) {
            return i;
        }
    }
    return n;
}

#define ROSTER_SET                                                            \
    "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item "            \
    "jid='c%d@x.lit' name='n'/></query></iq>"

static void
a_roster_has_so_many_contacts(void **state)
{
    struct world *w;
    struct cnc__session *s =
        set_stage(&w, &(struct cnc__im_limits){.roster_items = 5});

    assert_int_equal(taken(w, s, ROSTER_SET, 10, "resource-constraint"), 5);
    /* Those that are there may change; asking for presence adds none. */
    say(w, s, NULL, ROSTER_SET, 2);
    world_expect(w, BALCONY, "type='result'");
    say(w, s, NULL, "<presence to='new%d@x.lit' type='subscribe'/>", 1);
    world_expect(w, BALCONY, "resource-constraint");
    world_silence(w);
    /* One less, one more. */
    world_say(w, s, NULL,
              "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item "
              "jid='c0@x.lit' subscription='remove'/></query></iq>");
    world_expect(w, BALCONY, "type='result'");
    assert_int_equal(taken(w, s, ROSTER_SET, 10, "resource-constraint"), 5);
    world_free(&w);
}

static void
a_roster_has_so_many_bytes(void **state)
{
    struct world *w;
    struct cnc__session *s =
        set_stage(&w, &(struct cnc__im_limits){.roster_bytes = 760});

    assert_int_equal(taken(w, s, ROSTER_SET, 20, "resource-constraint"), 10);
    world_free(&w);
}

static void
an_item_has_so_many_groups(void **state)
{
    struct world *w;
    struct cnc__session *s =
        set_stage(&w, &(struct cnc__im_limits){.roster_groups = 2});

    world_say(w, s, NULL,
              "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item "
              "jid='a@x'><group>1</group><group>2</group></item></query>"
              "</iq>");
    world_expect(w, BALCONY, "type='result'");
    world_say(w, s, NULL,
              "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item "
              "jid='a@x'><group>1</group><group>2</group><group>3</group>"
              "</item></query></iq>");
    world_expect(w, BALCONY, "not-acceptable");
    world_free(&w);
}

static size_t
n_requests(struct world *w)
{
    return cnc__im_user(w->im, JULIET, strlen(JULIET))->roster->n_requests;
}

static void
so_many_strangers_may_ask_and_wait(void **state)
{
    struct world *w;
    struct cnc__session *s =
        set_stage(&w, &(struct cnc__im_limits){.requests = 3});

    for (int i = 0; i < 6; i++) {
        char from[32];

        snprintf(from, sizeof(from), "s%d@x.lit", i);
        world_say(w, NULL, from,
                  "<presence to='" JULIET "' type='subscribe'/>");
    }
    assert_int_equal(n_requests(w), 3);
    /* Those who are denied make room; the roster stays empty. */
    world_say(w, s, NULL, "<presence to='s0@x.lit' type='unsubscribed'/>");
    assert_int_equal(n_requests(w), 2);
    world_deaf(w);
    world_restart(w);
    assert_int_equal(n_requests(w), 2);
    world_free(&w);
}

static void
so_many_changes_are_under_way(void **state)
{
    struct world *w;
    struct cnc__session *s =
        set_stage(&w, &(struct cnc__im_limits){.queue = 3});

    w->hold = true;
    assert_int_equal(taken(w, s, ROSTER_SET, 10, "resource-constraint"), 3);
    world_flush(w);
    assert_int_equal(taken(w, s, ROSTER_SET, 10, "resource-constraint"), 3);
    world_free(&w);
}

static void
a_presence_has_so_many_bytes(void **state)
{
    struct world *w;
    struct cnc__session *s =
        set_stage(&w, &(struct cnc__im_limits){.presence_bytes = 100});

    world_say(w, s, NULL, "<presence><status>short</status></presence>");
    world_expect(w, BALCONY, "short");
    world_say(
        w, s, NULL,
        "<presence><status>"
        "longer, longer, longer, longer, longer, longer, longer, longer, "
        "longer, longer, longer, longer, longer"
        "</status></presence>");
    world_expect(w, BALCONY, "policy-violation");
    world_silence(w);
    world_free(&w);
}

static void
presence_goes_to_so_many_in_person(void **state)
{
    struct world *w;
    struct cnc__session *s =
        set_stage(&w, &(struct cnc__im_limits){.directed = 4});

    assert_int_equal(
        taken(w, s, "<presence to='d%d@x.lit'/>", 9, "policy-violation"), 4);
    say(w, s, NULL, "<presence to='d%d@x.lit' type='unavailable'/>", 0);
    say(w, s, NULL, "<presence to='d%d@x.lit'/>", 8);
    world_expect(w, "d0@x.lit", "unavailable");
    world_expect(w, "d8@x.lit", "<presence");
    world_silence(w);
    world_end(w, s);
    world_expect(w, "d1@x.lit", "unavailable");
    world_expect(w, "d2@x.lit", "unavailable");
    world_expect(w, "d3@x.lit", "unavailable");
    world_expect(w, "d8@x.lit", "unavailable");
    world_silence(w);
    world_free(&w);
}

/* A contact is told; a stranger learns nothing. */
static void
so_many_messages_wait(void **state)
{
    struct world *w;
    struct cnc__session *s =
        set_stage(&w, &(struct cnc__im_limits){.offline = 3});
    struct cnc__im_stats stats;

    world_say(w, s, NULL, "<presence to='romeo@x.lit' type='subscribed'/>");
    world_say(w, NULL, "romeo@x.lit",
              "<presence to='" JULIET "' type='subscribe'/>");
    world_deaf(w);
    for (int i = 0; i < 5; i++) {
        say(w, NULL, "stranger@x.lit",
            "<message to='" JULIET "' id='%d'><body>x</body></message>", i);
    }
    world_silence(w);
    cnc__im_stats(w->im, &stats);
    assert_int_equal(stats.offline, 3);
    say(w, NULL, "romeo@x.lit/r",
        "<message to='" JULIET "' id='%d'><body>x</body></message>", 9);
    world_expect(w, "romeo@x.lit/r", "service-unavailable");
    world_free(&w);
}

static void
so_many_bytes_wait(void **state)
{
    struct world *w;
    struct cnc__im_stats stats;

    set_stage(&w, &(struct cnc__im_limits){.offline_bytes = 500});
    for (int i = 0; i < 20; i++) {
        say(w, NULL, "stranger@x.lit",
            "<message to='" JULIET "' id='%d'><body>x</body></message>", i);
    }
    cnc__im_stats(w->im, &stats);
    assert_in_range(stats.offline, 2, 5);
    world_free(&w);
}

static void
so_many_bytes_wait_for_all_accounts(void **state)
{
    struct world *w;
    struct cnc__session *s;
    struct cnc__im_stats stats;

    s = set_stage(&w, &(struct cnc__im_limits){.offline_all = 500});
    for (int i = 0; i < 20; i++) {
        char user[16], xml[128];

        snprintf(user, sizeof(user), "user%d", i);
        world_account(w, user);
        snprintf(xml, sizeof(xml),
                 "<message to='%s@" DOMAIN "'><body>x</body></message>", user);
        world_say(w, NULL, "stranger@x.lit", xml);
    }
    say(w, NULL, "stranger@x.lit",
        "<message to='" JULIET "' id='%d'><body>x</body></message>", 0);
    cnc__im_stats(w->im, &stats);
    assert_in_range(stats.offline, 2, 5);
    /* What is given makes room; what was kept is counted again. */
    world_restart(w);
    for (int i = 0; i < 5; i++) {
        char full[32];

        snprintf(full, sizeof(full), "user%d@" DOMAIN "/r", i);
        s = world_session(w, full);
        world_say(w, s, NULL, "<presence/>");
        world_end(w, s);
    }
    cnc__im_stats(w->im, &stats);
    assert_int_equal(stats.offline, 0);
    say(w, NULL, "stranger@x.lit",
        "<message to='" JULIET "' id='%d'><body>x</body></message>", 0);
    cnc__im_stats(w->im, &stats);
    assert_int_equal(stats.offline, 1);
    world_deaf(w);
    world_free(&w);
}

static void
so_many_are_blocked(void **state)
{
    struct world *w;
    struct cnc__session *s =
        set_stage(&w, &(struct cnc__im_limits){.blocked = 4});
    const char *fmt = "<iq type='set' id='b'><block "
                      "xmlns='urn:xmpp:blocking'><item jid='b%d@x.lit'/>"
                      "</block></iq>";

    assert_int_equal(taken(w, s, fmt, 9, "resource-constraint"), 4);
    /* One that is blocked already is none more. */
    say(w, s, NULL, fmt, 1);
    world_expect(w, BALCONY, "type='result'");
    world_free(&w);
}

static void
so_many_are_blocked_however_fast_they_are_named(void **state)
{
    struct world *w;
    struct cnc__session *s =
        set_stage(&w, &(struct cnc__im_limits){.blocked = 4});
    const char *fmt = "<iq type='set' id='b'><block "
                      "xmlns='urn:xmpp:blocking'><item jid='b%d@x.lit'/>"
                      "</block></iq>";

    w->hold = true;
    assert_int_equal(taken(w, s, fmt, 9, "resource-constraint"), 4);
    w->hold = false;
    world_flush(w);
    world_deaf(w);
    assert_int_equal(taken(w, s, fmt, 9, "resource-constraint"), 4);
    world_free(&w);
}

static void
all_are_unblocked_though_they_are_more_than_may_be_now(void **state)
{
    struct world *w;
    struct cnc__session *s = set_stage(&w, &(struct cnc__im_limits){0});

    for (int i = 0; i < 100; i++) {
        say(w, s, NULL,
            "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'>"
            "<item jid='b%d@x.lit'/></block></iq>",
            i);
    }
    w->limits.blocked = 4;
    world_restart(w);
    s = world_session(w, BALCONY);
    world_say(w, s, NULL,
              "<iq type='set' id='u'><unblock xmlns='urn:xmpp:blocking'/>"
              "</iq>");
    world_expect(w, BALCONY, "type='result'");
    world_say(w, s, NULL,
              "<iq type='get' id='l'><blocklist xmlns='urn:xmpp:blocking'/>"
              "</iq>");
    world_expect(w, BALCONY,
                 "<blocklist xmlns='urn:xmpp:blocking'></blocklist>");
    world_free(&w);
}

static void
an_archive_forgets_its_oldest(void **state)
{
    static const struct cnc__im_limits limits[] = {
        {.archive = 3}, {.archive_bytes = 450}, {.archive_all = 450}};

    for (size_t k = 0; k < CNC_N(limits); k++) {
        struct world *w;
        struct cnc__im_stats stats;
        struct cnc__session *s = set_stage(&w, &limits[k]);
        size_t n;

        for (int i = 0; i < 9; i++) {
            say(w, NULL, "romeo@x.lit/r",
                "<message to='" JULIET "/balcony' type='chat'>"
                "<body>message %d</body></message>",
                i);
        }
        world_deaf(w);
        cnc__im_stats(w->im, &stats);
        assert_in_range(stats.archived, 2, 4);
        n = stats.archived;
        /* The store forgets them too. */
        world_restart(w);
        cnc__im_stats(w->im, &stats);
        assert_int_equal(stats.archived, n);
        s = world_session(w, BALCONY);
        world_say(w, s, NULL,
                  "<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'><set "
                  "xmlns='http://jabber.org/protocol/rsm'><before/>"
                  "<max>1</max></set></query></iq>");
        world_expect(w, BALCONY, "message 8");
        world_deaf(w);
        world_free(&w);
    }
}

static void
an_answer_has_so_many_messages(void **state)
{
    struct world *w;
    struct cnc__session *s =
        set_stage(&w, &(struct cnc__im_limits){.archive_page = 2});

    for (int i = 0; i < 3; i++) {
        say(w, NULL, "romeo@x.lit/r",
            "<message to='" JULIET "/balcony' type='chat'>"
            "<body>message %d</body></message>",
            i);
    }
    world_deaf(w);
    world_say(w, s, NULL,
              "<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'><set "
              "xmlns='http://jabber.org/protocol/rsm'><max>50</max></set>"
              "</query></iq>");
    world_expect(w, BALCONY, "message 0");
    world_expect(w, BALCONY, "message 1");
    world_expect(w, BALCONY, "<fin xmlns='urn:xmpp:mam:2'><set");
    world_silence(w);
    world_free(&w);
}

static void
a_vcard_has_so_many_bytes(void **state)
{
    struct world *w;
    struct cnc__session *s =
        set_stage(&w, &(struct cnc__im_limits){.vcard_bytes = 60});

    world_say(w, s, NULL,
              "<iq type='set' id='v'><vCard xmlns='vcard-temp'><FN>J</FN>"
              "</vCard></iq>");
    world_expect(w, BALCONY, "type='result'");
    world_say(w, s, NULL,
              "<iq type='set' id='v'><vCard xmlns='vcard-temp'>"
              "<FN>Juliet of the house of Capulet, Verona</FN></vCard></iq>");
    world_expect(w, BALCONY, "not-acceptable");
    world_free(&w);
}

static void
private_data_has_so_many_bytes_and_elements(void **state)
{
    const char *fmt = "<iq type='set' id='p'><query "
                      "xmlns='jabber:iq:private'><x%d xmlns='urn:x'>y</x%d>"
                      "</query></iq>";
    struct world *w;
    struct cnc__session *s =
        set_stage(&w, &(struct cnc__im_limits){.private_items = 3});

    assert_int_equal(taken(w, s, fmt, 9, "resource-constraint"), 3);
    world_free(&w);
    s = set_stage(&w, &(struct cnc__im_limits){.private_bytes = 140});
    assert_int_equal(taken(w, s, fmt, 9, "resource-constraint"), 4);
    /* What replaces itself needs no more room. */
    say(w, s, NULL, fmt, 0);
    world_expect(w, BALCONY, "type='result'");
    world_free(&w);
    /* What is on its way counts. */
    s = set_stage(&w, &(struct cnc__im_limits){.private_items = 3});
    w->hold = true;
    assert_int_equal(taken(w, s, fmt, 9, "resource-constraint"), 3);
    w->hold = false;
    world_flush(w);
    world_deaf(w);
    assert_int_equal(taken(w, s, fmt, 9, "resource-constraint"), 3);
    world_free(&w);
    s = set_stage(&w, &(struct cnc__im_limits){.private_bytes = 140});
    w->hold = true;
    assert_int_equal(taken(w, s, fmt, 9, "resource-constraint"), 4);
    world_free(&w);
}

static void
so_many_resources_of_others_are_remembered(void **state)
{
    struct world *w;
    struct cnc__session *s =
        set_stage(&w, &(struct cnc__im_limits){.far_resources = 2});
    struct cnc__im_stats stats;

    world_say(w, s, NULL, "<presence to='romeo@x.lit' type='subscribe'/>");
    world_say(w, NULL, "romeo@x.lit",
              "<presence to='" JULIET "' type='subscribed'/>");
    for (int i = 0; i < 5; i++) {
        char from[32];

        snprintf(from, sizeof(from), "romeo@x.lit/%d", i);
        world_say(w, NULL, from, "<presence to='" JULIET "'/>");
    }
    cnc__im_stats(w->im, &stats);
    assert_int_equal(stats.far_resources, 2);
    world_say(w, NULL, "romeo@x.lit",
              "<presence to='" JULIET "' type='unsubscribed'/>");
    cnc__im_stats(w->im, &stats);
    assert_int_equal(stats.far_resources, 0);
    world_deaf(w);
    world_free(&w);
}

static void
so_many_resources_of_one_contact_are_remembered(void **state)
{
    struct world *w;
    struct cnc__session *s = set_stage(&w, &(struct cnc__im_limits){0});
    struct cnc__im_stats stats;

    for (int i = 0; i < 2; i++) {
        say(w, s, NULL, "<presence to='romeo%d@x.lit' type='subscribe'/>", i);
        say(w, NULL, i == 0 ? "romeo0@x.lit" : "romeo1@x.lit",
            "<presence to='" JULIET "' type='subscribed'/>", 0);
    }
    for (int i = 0; i < 150; i++) {
        char from[32];

        snprintf(from, sizeof(from), "romeo0@x.lit/%d", i);
        world_say(w, NULL, from, "<presence to='" JULIET "'/>");
    }
    cnc__im_stats(w->im, &stats);
    assert_int_equal(stats.far_resources, 100);
    world_say(w, NULL, "romeo1@x.lit/a", "<presence to='" JULIET "'/>");
    world_say(w, NULL, "romeo0@x.lit/7",
              "<presence type='unavailable' to='" JULIET "'/>");
    world_say(w, NULL, "romeo0@x.lit/new", "<presence to='" JULIET "'/>");
    cnc__im_stats(w->im, &stats);
    assert_int_equal(stats.far_resources, 101);
    world_deaf(w);
    world_free(&w);
}

static void
so_many_hashes_are_known(void **state)
{
    struct world *w;
    struct cnc__session *s =
        set_stage(&w, &(struct cnc__im_limits){.caps = 2});

    for (int i = 0; i < 6; i++) {
        say(w, s, NULL,
            "<presence><c xmlns='http://jabber.org/protocol/caps' "
            "hash='sha-1' node='n' ver='v%d'/></presence>",
            i);
    }
    assert_int_equal(cnc__table_len(w->im->caps), 2);
    world_deaf(w);
    world_wait(w, 40000);
    assert_int_equal(cnc__table_len(w->im->caps), 0);
    world_free(&w);
}

/* -- registration --------------------------------------------------------- */

static void
on_reply(const char *xml, size_t len, void *priv)
{
    snprintf(priv, 1024, "%.*s", (int)len, xml);
}

static void
registers(struct world *w, const char *from, const char *user,
          const char *part)
{
    struct cnc__str xml = CNC__STR;
    struct cnc_element *iq;
    char heard[1024] = "";

    cnc__str_printf(&xml,
                    "<iq type='set' id='r1'><query "
                    "xmlns='jabber:iq:register'><username>%s</username>"
                    "<password>secret</password></query></iq>",
                    user);
    iq = cnc__router_parse(xml.data, xml.len);
    cnc__im_register(w->im, from, iq, on_reply, heard);
    if (strstr(heard, part) == NULL) {
        fail_msg("%s is not in %s", part, heard);
    }
    cnc_element_unref(&iq);
    cnc__str_fini(&xml);
}

static void
an_address_registers_so_many_accounts_an_hour(void **state)
{
    static const char *const refused[] = {"operator", "uid-1000", "anon-x",
                                          "Postmaster", "Nurse"};
    struct world *w;

    set_stage(&w, &(struct cnc__im_limits){0});
    registers(w, "192.0.2.1", "bill", "not-allowed");
    w->register_open = true;
    world_restart(w);
    registers(w, "192.0.2.1", "Bill", "type='result'");
    assert_string_equal(w->registered, "bill secret");
    registers(w, "192.0.2.1", "juliet", "conflict");
    registers(w, "192.0.2.1", "a@b", "not-acceptable");
    registers(w, "192.0.2.1", "", "not-acceptable");
    for (size_t i = 0; i < CNC_N(refused); i++) {
        registers(w, "192.0.2.1", refused[i], "conflict");
    }
    registers(w, "192.0.2.1", "c", "type='result'");
    registers(w, "192.0.2.1", "d", "type='result'");
    registers(w, "192.0.2.1", "e", "type='result'");
    registers(w, "192.0.2.1", "f", "resource-constraint");
    registers(w, "192.0.2.2", "f", "type='result'");
    for (char name[] = "k"; name[0] < 'p'; name[0]++) {
        char from[] = "2001:db8::?";

        from[10] = name[0] - 'k' + '1';
        registers(w, from, name, "type='result'");
    }
    registers(w, "2001:db8::7:8:9", "p", "resource-constraint");
    registers(w, "2001:db8:1::1", "p", "type='result'");
    world_wait(w, 3700000);
    registers(w, "192.0.2.1", "g", "type='result'");
    world_free(&w);
}

/* Killed between the end of an account and that of its data. */
static void
a_new_account_gets_nothing_of_the_old_one(void **state)
{
    struct world *w;
    struct cnc__session *s = set_stage(&w, &(struct cnc__im_limits){0});

    say(w, s, NULL, ROSTER_SET, 1);
    world_deaf(w);
    cnc__table_del(w->accounts, "juliet");
    w->register_open = true;
    world_restart(w);
    registers(w, "192.0.2.1", "juliet", "type='result'");
    world_flush(w);
    s = world_session(w, BALCONY);
    world_say(w, s, NULL,
              "<iq type='get' id='g'><query xmlns='jabber:iq:roster'/></iq>");
    world_expect(w, BALCONY, "ver='0-0'></query>");
    world_restart(w);
    assert_int_equal(cnc__table_len(w->rows), 0);
    world_free(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_roster_has_so_many_contacts),
        cmocka_unit_test(a_roster_has_so_many_bytes),
        cmocka_unit_test(an_item_has_so_many_groups),
        cmocka_unit_test(so_many_strangers_may_ask_and_wait),
        cmocka_unit_test(so_many_changes_are_under_way),
        cmocka_unit_test(a_presence_has_so_many_bytes),
        cmocka_unit_test(presence_goes_to_so_many_in_person),
        cmocka_unit_test(so_many_messages_wait),
        cmocka_unit_test(so_many_bytes_wait),
        cmocka_unit_test(so_many_bytes_wait_for_all_accounts),
        cmocka_unit_test(so_many_are_blocked),
        cmocka_unit_test(so_many_are_blocked_however_fast_they_are_named),
        cmocka_unit_test(
            all_are_unblocked_though_they_are_more_than_may_be_now),
        cmocka_unit_test(an_archive_forgets_its_oldest),
        cmocka_unit_test(an_answer_has_so_many_messages),
        cmocka_unit_test(a_vcard_has_so_many_bytes),
        cmocka_unit_test(private_data_has_so_many_bytes_and_elements),
        cmocka_unit_test(so_many_resources_of_others_are_remembered),
        cmocka_unit_test(so_many_resources_of_one_contact_are_remembered),
        cmocka_unit_test(so_many_hashes_are_known),
        cmocka_unit_test(an_address_registers_so_many_accounts_an_hour),
        cmocka_unit_test(a_new_account_gets_nothing_of_the_old_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
