/* SPDX-License-Identifier: MIT */
/*
 * Entity capabilities (XEP-0115), and who is told that whom is there.
 */
#include "world.h"

#define JULIET "juliet@capulet.lit"
#define ROMEO  "romeo@montague.lit"
#define MOOD   "urn:example:mood+notify"
#define VER    "yaLGOXGL6frDuN8J4QPjqNQUckU="
#define VER256 "p1VOS4iBj+ciwIYpsFB6mAZYD0w2fqAfTZm9FfpbwYQ="

/* In no order, as a client may say it. */
static const char info[] =
    "<query xmlns='http://jabber.org/protocol/disco#info'>"
    "<feature var='urn:example:mood+notify'/>"
    "<feature var='http://jabber.org/protocol/muc#user'/>"
    "<feature var='http://jabber.org/protocol/muc'/>"
    "<feature var='http://jabber.org/protocol/disco#info'/>"
    "<identity category='client' type='pc' name='Test 1'/>"
    "<x xmlns='jabber:x:data' type='result'>"
    "<field var='os'><value>Mac</value></field>"
    "<field var='FORM_TYPE' type='hidden'>"
    "<value>urn:xmpp:dataforms:softwareinfo</value></field>"
    "<field var='ip_version'><value>ipv6</value><value>ipv4</value></field>"
    "</x></query>";

static struct cnc__session *
set_stage(struct world **out)
{
    struct world *w = world_new();
    struct cnc__session *s;

    world_account(w, "juliet");
    world_account(w, "nurse");
    s = world_session(w, JULIET "/balcony");
    *out = w;
    return s;
}

/* Both see each other. */
static void
befriend(struct world *w, struct cnc__session *s)
{
    world_say(w, s, NULL, "<presence to='" ROMEO "' type='subscribe'/>");
    world_say(w, NULL, ROMEO, "<presence to='" JULIET "' type='subscribed'/>");
    world_say(w, NULL, ROMEO, "<presence to='" JULIET "' type='subscribe'/>");
    world_say(w, s, NULL, "<presence to='" ROMEO "' type='subscribed'/>");
    world_deaf(w);
}

static void
say_caps(struct world *w, struct cnc__session *s, const char *from,
         const char *hash, const char *ver)
{
    struct cnc__str xml = CNC__STR;

    cnc__str_printf(&xml,
                    "<presence%s><c xmlns='http://jabber.org/protocol/caps' "
                    "hash='%s' node='http://client.example' ver='%s'/>"
                    "</presence>",
                    s == NULL ? " to='" JULIET "'" : "", hash, ver);
    world_say(w, s, from, xml.data);
    cnc__str_fini(&xml);
}

/* The next request for disco#info that who hears: its id, *new*; NULL. */
static char *
asked(struct world *w, const char *who)
{
    char *xml, *id = NULL;

    while (id == NULL && (xml = world_hear(w, who)) != NULL) {
        const char *at =
            strstr(xml, "disco#info") == NULL ? NULL : strstr(xml, "id='");

        if (at != NULL) {
            assert_non_null(strstr(xml, "node='http://client.example#"));
            id = cnc__strndup(at + 4, strcspn(at + 4, "'"));
        }
        cnc__free(xml);
    }
    return id;
}

static void
answer(struct world *w, struct cnc__session *s, const char *from,
       const char *payload)
{
    char *id = asked(w, s == NULL ? from : s->jid);
    struct cnc__str xml = CNC__STR;

    assert_non_null(id);
    cnc__str_printf(&xml, "<iq type='result' id='%s' to='" JULIET "'>%s</iq>",
                    id, payload);
    world_say(w, s, from, xml.data);
    cnc__str_fini(&xml);
    cnc__free(id);
}

static void
expect_events(struct world *w, const char *events)
{
    assert_string_equal(w->events, events);
    w->events[0] = '\0';
}

static void
what_hashes_to_its_name_is_believed(void **state)
{
    static const char *const hashes[][2] = {{"sha-1", VER},
                                            {"sha-256", VER256}};

    for (size_t i = 0; i < CNC_N(hashes); i++) {
        struct world *w;
        struct cnc__session *s = set_stage(&w);

        say_caps(w, s, NULL, hashes[i][0], hashes[i][1]);
        assert_false(cnc__im_wants(w->im, s->jid, MOOD));
        expect_events(w, "");
        answer(w, s, NULL, info);
        assert_true(cnc__im_wants(w->im, s->jid, MOOD));
        assert_false(cnc__im_wants(w->im, s->jid, "urn:other+notify"));
        assert_false(
            cnc__im_wants(w->im, s->jid, "http://jabber.org/protocol/muc"));
        expect_events(w, "+" JULIET " " JULIET "/balcony first; ");
        world_free(&w);
    }
}

static void
one_that_is_known_is_not_asked_for_again(void **state)
{
    struct world *w;
    struct cnc__session *s = set_stage(&w), *other;

    say_caps(w, s, NULL, "sha-1", VER);
    answer(w, s, NULL, info);
    other = world_session(w, JULIET "/chamber");
    say_caps(w, other, NULL, "sha-1", VER);
    assert_null(asked(w, other->jid));
    assert_true(cnc__im_wants(w->im, other->jid, MOOD));
    world_end(w, s);
    world_deaf(w);
    assert_false(cnc__im_wants(w->im, JULIET "/balcony", MOOD));
    world_free(&w);
}

static void
a_wrong_answer_is_nobodys_and_another_is_asked(void **state)
{
    struct world *w;
    struct cnc__session *s = set_stage(&w);
    struct cnc__session *mallory = world_session(w, "nurse@capulet.lit/evil");
    char *id;

    say_caps(w, mallory, NULL, "sha-1", VER);
    say_caps(w, s, NULL, "sha-1", VER);
    id = asked(w, s->jid);
    assert_null(id);
    id = asked(w, mallory->jid);
    assert_non_null(id);
    {
        struct cnc__str xml = CNC__STR;

        cnc__str_printf(&xml,
                        "<iq type='result' id='%s' to='nurse@capulet.lit'>"
                        "<query xmlns='http://jabber.org/protocol/disco#info'>"
                        "<feature var='urn:evil+notify'/></query></iq>",
                        id);
        world_say(w, mallory, NULL, xml.data);
        cnc__str_fini(&xml);
        cnc__free(id);
    }
    assert_false(cnc__im_wants(w->im, s->jid, "urn:evil+notify"));
    answer(w, s, NULL, info);
    assert_true(cnc__im_wants(w->im, s->jid, MOOD));
    assert_false(cnc__im_wants(w->im, mallory->jid, "urn:evil+notify"));
    world_free(&w);
}

static void
ill_formed_answers_are_not_believed(void **state)
{
    static const char *const wrong[] = {
        "", "<query xmlns='http://jabber.org/protocol/disco#info'/>",
        "<query xmlns='http://jabber.org/protocol/disco#info'>"
        "<feature var='a'/><feature var='a'/></query>",
        "<x xmlns='urn:x'/>"};

    for (size_t i = 0; i < CNC_N(wrong); i++) {
        struct world *w;
        struct cnc__session *s = set_stage(&w);

        say_caps(w, s, NULL, "sha-1", VER);
        answer(w, s, NULL, wrong[i]);
        assert_false(cnc__im_wants(w->im, s->jid, MOOD));
        /* It is there all the same. */
        expect_events(w, "+" JULIET " " JULIET "/balcony first; ");
        /* And may say it again. */
        say_caps(w, s, NULL, "sha-1", VER);
        answer(w, s, NULL, info);
        assert_true(cnc__im_wants(w->im, s->jid, MOOD));
        world_free(&w);
    }
}

static void
who_does_not_answer_is_there_without_wishes(void **state)
{
    struct world *w;
    struct cnc__session *s = set_stage(&w);

    say_caps(w, s, NULL, "sha-1", VER);
    world_wait(w, 31000);
    expect_events(w, "+" JULIET " " JULIET "/balcony first; ");
    assert_false(cnc__im_wants(w->im, s->jid, MOOD));
    world_deaf(w);
    world_free(&w);
}

static void
a_question_may_outlive_the_room(void **state)
{
    struct world *w;
    struct cnc__session *s = set_stage(&w);

    say_caps(w, s, NULL, "sha-1", VER);
    world_free(&w);
}

static void
resources_of_other_domains_are_known_to_whom_they_tell(void **state)
{
    struct world *w;
    struct cnc__session *s = set_stage(&w);

    befriend(w, s);
    say_caps(w, NULL, ROMEO "/orchard", "sha-1", VER);
    answer(w, NULL, ROMEO "/orchard", info);
    assert_true(cnc__im_wants(w->im, ROMEO "/orchard", MOOD));
    expect_events(w, "+" JULIET " " ROMEO "/orchard first; ");
    /* The same again says nothing new. */
    say_caps(w, NULL, ROMEO "/orchard", "sha-1", VER);
    expect_events(w, "");
    /* Another hash: it was there before. */
    say_caps(w, NULL, ROMEO "/orchard", "sha-256", VER256);
    answer(w, NULL, ROMEO "/orchard", info);
    expect_events(w, "+" JULIET " " ROMEO "/orchard; ");
    /* A stranger, and a room's occupant, are not remembered. */
    say_caps(w, NULL, "coven@chat.lit/witch", "sha-1", VER);
    assert_false(cnc__im_wants(w->im, "coven@chat.lit/witch", MOOD));
    expect_events(w, "");
    world_say(w, NULL, ROMEO "/orchard",
              "<presence to='" JULIET "' type='unavailable'/>");
    expect_events(w, "-" JULIET " " ROMEO "/orchard; ");
    assert_false(cnc__im_wants(w->im, ROMEO "/orchard", MOOD));
    world_deaf(w);
    world_free(&w);
}

static void
collect(const char *full, void *priv)
{
    struct cnc__str *s = priv;

    cnc__str_printf(s, "%s ", full);
}

static void
expect_available(struct world *w, const char *contact, const char *want)
{
    struct cnc__str all = CNC__STR;

    cnc__im_each_available(w->im, JULIET, contact, collect, &all);
    assert_string_equal(cnc__str_c(&all), want);
    cnc__str_fini(&all);
}

static void
who_may_see_an_account_and_is_there(void **state)
{
    struct world *w;
    struct cnc__session *s = set_stage(&w), *nurse;

    befriend(w, s);
    nurse = world_session(w, "nurse@capulet.lit/kitchen");
    world_say(w, nurse, NULL, "<presence to='" JULIET "' type='subscribe'/>");
    world_say(w, s, NULL,
              "<presence to='nurse@capulet.lit' type='subscribed'/>");
    expect_available(w, NULL, "");
    world_say(w, s, NULL, "<presence/>");
    world_say(w, NULL, ROMEO "/orchard", "<presence to='" JULIET "'/>");
    world_say(w, nurse, NULL, "<presence/>");
    expect_events(w, "+" JULIET " " JULIET "/balcony first; "
                     "+" JULIET " " ROMEO "/orchard first; "
                     "+nurse@capulet.lit nurse@capulet.lit/kitchen first; "
                     "+" JULIET " nurse@capulet.lit/kitchen first; ");
    expect_available(w, NULL,
                     JULIET "/balcony " ROMEO "/orchard "
                            "nurse@capulet.lit/kitchen ");
    expect_available(w, ROMEO, ROMEO "/orchard ");
    expect_available(w, "stranger@x.lit", "");
    assert_true(cnc__im_contact_subscribed(w->im, JULIET, ROMEO));
    assert_true(cnc__im_contact_subscribed(w->im, JULIET, JULIET));
    assert_false(
        cnc__im_contact_subscribed(w->im, "nurse@capulet.lit", JULIET));
    world_say(w, s, NULL,
              "<iq type='set' id='g'><query xmlns='jabber:iq:roster'><item "
              "jid='" ROMEO "'><group>Friends</group></item></query></iq>");
    assert_true(cnc__im_in_group(w->im, JULIET, ROMEO, "Friends"));
    assert_false(cnc__im_in_group(w->im, JULIET, ROMEO, "Foes"));
    assert_false(cnc__im_in_group(w->im, "nobody@capulet.lit", ROMEO, "x"));
    /* One who is blocked is not there for her. */
    world_say(w, s, NULL,
              "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item "
              "jid='montague.lit'/></block></iq>");
    assert_true(cnc__im_blocks(w->im, JULIET, ROMEO "/orchard"));
    expect_available(w, NULL, JULIET "/balcony nurse@capulet.lit/kitchen ");
    w->events[0] = '\0';
    /* Taken back. */
    world_say(w, s, NULL,
              "<presence to='nurse@capulet.lit' type='unsubscribed'/>");
    expect_events(w, "-" JULIET " nurse@capulet.lit; ");
    expect_available(w, NULL, JULIET "/balcony ");
    world_end(w, s);
    expect_events(w, "-* " JULIET "/balcony; ");
    world_deaf(w);
    world_free(&w);
}

/* XEP-0198: what a lost session never had. */
static void
undelivered_messages_find_another_or_wait(void **state)
{
    static const char chat[] =
        "<message from='" ROMEO "/orchard' to='" JULIET
        "/balcony' type='chat'><body>1</body></message>";
    static const char get[] =
        "<iq from='" ROMEO "/orchard' to='" JULIET
        "/balcony' type='get' id='7'><x xmlns='u'/></iq>";
    static const char copy[] =
        "<message from='" JULIET "' to='" JULIET "/balcony' type='chat'>"
        "<sent xmlns='urn:xmpp:carbons:2'/></message>";
    const char *lost = JULIET "/balcony";
    struct world *w;
    struct cnc__session *s = set_stage(&w), *other;

    world_end(w, s);
    cnc__im_undelivered(w->im, lost, chat, sizeof(chat) - 1, w->now_ms - 5000);
    cnc__im_undelivered(w->im, lost, copy, sizeof(copy) - 1, w->now_ms);
    cnc__im_undelivered(w->im, lost, get, sizeof(get) - 1, w->now_ms);
    world_flush(w);
    world_expect(w, ROMEO "/orchard", "recipient-unavailable");
    world_silence(w);
    other = world_session(w, JULIET "/chamber");
    world_say(w, other, NULL, "<presence/>");
    world_expect(w, other->jid, "<presence");
    world_expect(w, other->jid, "stamp=\"2026-11-22T21:39:55Z\"");
    world_silence(w);
    /* Somebody is there: at once; but not twice to one that has a copy. */
    cnc__im_undelivered(w->im, lost, chat, sizeof(chat) - 1, w->now_ms);
    world_expect(w, other->jid, "<body>1</body>");
    cnc__im_enable_carbons(w->im, other);
    cnc__im_undelivered(w->im, lost, chat, sizeof(chat) - 1, w->now_ms);
    world_silence(w);
    world_free(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_hashes_to_its_name_is_believed),
        cmocka_unit_test(one_that_is_known_is_not_asked_for_again),
        cmocka_unit_test(a_wrong_answer_is_nobodys_and_another_is_asked),
        cmocka_unit_test(ill_formed_answers_are_not_believed),
        cmocka_unit_test(who_does_not_answer_is_there_without_wishes),
        cmocka_unit_test(a_question_may_outlive_the_room),
        cmocka_unit_test(
            resources_of_other_domains_are_known_to_whom_they_tell),
        cmocka_unit_test(who_may_see_an_account_and_is_there),
        cmocka_unit_test(undelivered_messages_find_another_or_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
