/* SPDX-License-Identifier: MIT */
/* Ad-hoc commands (XEP-0050). */
#include "world.h"

#include <stdio.h>

#define NS "http://jabber.org/protocol/commands"

static const struct cnc_record book = {
    "book", CNC_FIELDS({"title", "Title", .required = true})};

struct shop { /* what the command's function sees and does */
    struct cnc__command_reply *open;
    bool later;
    int n;
    char title[64], id[64];
};

static void
settle(struct cnc__command_reply *reply, struct cnc__values *v,
       struct shop *shop)
{
    const char *title = cnc__values_get(v, "title", 0);
    const char *id = cnc__values_get(v, CNC__FORM_ID, 0);
    struct cnc_error err = {0};
    shop->n++;
    snprintf(shop->title, sizeof(shop->title), "%s",
             title == NULL ? "" : title);
    snprintf(shop->id, sizeof(shop->id), "%s", id == NULL ? "" : id);
    if (title != NULL && strcmp(title, "forbidden") == 0) {
        cnc_error_set(&err, CNC_EACCES, "forbidden", "not that one");
        cnc__command_done(reply, &err, NULL, NULL);
    } else if (title == NULL || *title == '\0') {
        cnc__values_refuse(v, "title", "Title is needed.");
        cnc_error_set(&err, CNC_EREFUSED, NULL, "Please look again.");
        cnc__command_done(reply, &err, NULL, NULL);
    } else {
        cnc__command_done(reply, NULL, "Kept.", "<kept xmlns='urn:k'/>");
    }
}

static void
on_add(struct cnc__command_reply *reply, const struct cnc__caller *c,
       struct cnc__values *v, void *priv)
{
    struct shop *shop = priv;
    if (shop->later) {
        shop->open = reply;
    } else {
        settle(reply, v, shop);
    }
}

/* A field that is wrong, and then another look at what was typed. */
static void
on_look_again(struct cnc__command_reply *reply, const struct cnc__caller *c,
              struct cnc__values *v, void *priv)
{
    struct shop *shop = priv;

    cnc__command_refuse(reply, v, "title", "Another one.");
    assert_false(cnc__command_is_open(reply));
    snprintf(shop->title, sizeof(shop->title), "%s",
             cnc__values_text(v, "title"));
}

static struct world *
open_shop(struct shop *shop)
{
    struct world *w = world_new();
    *shop = (struct shop){.open = NULL};
    const struct cnc__command add = {.node = (char *)"library",
                                     .name = (char *)"Add a book",
                                     .record = &book,
                                     .who = CNC_ANYBODY_RUNS,
                                     .item_id = true,
                                     .run = on_add,
                                     .priv = shop};
    const struct cnc__command stop = {.node = (char *)"stop",
                                      .name = (char *)"Stop",
                                      .who = CNC_ADMINS,
                                      .run = on_add,
                                      .priv = shop};
    assert_int_equal(cnc__commands_add(w->commands, &add, NULL), 0);
    assert_int_equal(cnc__commands_add(w->commands, &stop, NULL), 0);
    assert_int_equal(cnc__commands_add(w->commands, &add, NULL), CNC_EEXIST);
    return w;
}

/* The attribute's or value's text after mark, up to a quote or "<". */
static void
cut(char out[64], const char *xml, const char *mark)
{
    const char *from = strstr(xml, mark);
    if (from == NULL) {
        fail_msg("%s is not in %s", mark, xml);
    }
    from += strlen(mark);
    snprintf(out, 64, "%.*s", (int)strcspn(from, "'\"<"), from);
}

static void
ask(struct world *w, struct cnc__session *s, const char *attrs,
    const char *inner)
{
    world_say(w, s,
              "<iq type='set' id='c'><command xmlns='" NS "' %s>%s"
              "</command></iq>",
              attrs, inner);
}

static void
begin(struct world *w, struct cnc__session *s, char id[64])
{
    ask(w, s, "node='library' action='execute'", "");
    cut(id, world_hear(w, s), "sessionid='");
}

static void
go_on(struct world *w, struct cnc__session *s, const char *id,
      const char *action, const char *inner)
{
    char attrs[200];
    snprintf(attrs, sizeof(attrs), "node='library' sessionid='%s' %s", id,
             action);
    ask(w, s, attrs, inner);
}

#define FORM(title)                                                           \
    "<x xmlns='jabber:x:data' type='submit'><field var='title'><value>" title \
    "</value></field></x>"

static void
execute_gives_the_form_and_complete_runs_it(void **state)
{
    struct shop shop;
    struct world *w = open_shop(&shop);
    struct cnc__session *s = world_session(w, "bob@x", "r", true, false);
    char id[64], item[64];
    ask(w, s, "node='library' action='execute'", "");
    const char *xml = world_hear(w, s);
    assert_non_null(strstr(xml, "status='executing'><actions"
                                " execute='complete'><complete/></actions>"
                                "<x xmlns=\"jabber:x:data\" type=\"form\">"
                                "<title>Add a book</title>"));
    cut(id, xml, "sessionid='");
    cut(item, xml, "var=\"concordance#id\" type=\"hidden\"><value>");
    assert_true(strlen(item) >= 16);
    assert_int_equal(shop.n, 0);
    struct cnc__str form = CNC__STR;
    cnc__str_printf(&form,
                    "<x xmlns='jabber:x:data' type='submit'><field "
                    "var='concordance#id'><value>%s</value></field>"
                    "<field var='title'><value>Hamlet</value></field>"
                    "</x>",
                    item);
    go_on(w, s, id, "action='complete'", form.data);
    world_expect(w, s,
                 "status='completed'><kept xmlns='urn:k'/>"
                 "<note type='info'>Kept.</note></command>");
    assert_string_equal(shop.title, "Hamlet");
    assert_string_equal(shop.id, item);
    /* it is over */
    go_on(w, s, id, "action='complete'", form.data);
    world_expect(w, s,
                 "<not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-"
                 "stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-"
                 "stanzas' xml:lang='en'>this call is over; execute "
                 "begins a new one</text><session-expired xmlns='" NS "'/>");
    assert_int_equal(shop.n, 1);
    cnc__str_fini(&form);
    world_free(&w);
}

static void
a_refused_form_comes_back_to_be_mended(void **state)
{
    struct shop shop;
    struct world *w = open_shop(&shop);
    struct cnc__session *s = world_session(w, "bob@x", "r", false, false);
    char id[64], again[64], item[64];
    begin(w, s, id);
    go_on(w, s, id, "action='complete'",
          "<x xmlns='jabber:x:data' type='submit'><field "
          "var='concordance#id'><value>mine</value></field></x>");
    const char *xml = world_hear(w, s);
    assert_non_null(strstr(xml, "status='executing'"));
    assert_non_null(strstr(xml, "<error xmlns=\"http://concordance-xmpp.org/"
                                "ns/form\">Title is needed.</error>"));
    assert_non_null(
        strstr(xml, "<note type='error'>Please look again. Title: Title is "
                    "needed.</note>"));
    cut(again, xml, "sessionid='");
    cut(item, xml, "var=\"concordance#id\" type=\"hidden\"><value>");
    assert_string_equal(id, again);
    assert_string_equal(item, "mine");
    /* without an action it is the default one */
    go_on(w, s, id, "", FORM("Hamlet"));
    world_expect(w, s, "status='completed'");
    world_free(&w);
}

static void
a_form_at_hand_may_be_sent_at_once(void **state)
{
    struct shop shop;
    struct world *w = open_shop(&shop);
    struct cnc__session *s = world_session(w, "bob@x", "r", false, false);
    ask(w, s, "node='library'", FORM("Hamlet"));
    world_expect(w, s, "status='completed'");
    ask(w, s, "node='library' action='complete'", FORM("Hamlet"));
    world_expect(w, s, "status='completed'");
    ask(w, s, "node='library'", FORM(""));
    char id[64];
    cut(id, world_hear(w, s), "sessionid='");
    go_on(w, s, id, "", FORM("Hamlet"));
    world_expect(w, s, "status='completed'");
    assert_int_equal(shop.n, 4);
    world_free(&w);
}

/* -- by other domains ----------------------------------------------------- */

#define ROMEO "romeo@montague.lit/orchard"

static const char *
ask_far(struct world *w, const char *jid, const char *attrs, const char *inner)
{
    world_far(w, jid,
              "<iq type='set' id='c'><command xmlns='" NS "' %s>%s</command>"
              "</iq>",
              attrs, inner);
    return world_hear_jid(w, jid);
}

static const char *
go_on_far(struct world *w, const char *jid, const char *id, const char *action,
          const char *inner)
{
    char attrs[200];
    snprintf(attrs, sizeof(attrs), "node='library' sessionid='%s' %s", id,
             action);
    return ask_far(w, jid, attrs, inner);
}

static void
strangers_fill_in_forms_too(void **state)
{
    struct shop shop;
    struct world *w = open_shop(&shop);
    char id[64], other[64];
    /* Two at once, whose calls are their own, with and without an action. */
    cut(id, ask_far(w, ROMEO, "node='library'", ""), "sessionid='");
    cut(other, ask_far(w, "tybalt@capulet.lit/sword", "node='library'", ""),
        "sessionid='");
    assert_non_null(strstr(go_on_far(w, ROMEO, other, "", FORM("Hamlet")),
                           "<bad-sessionid "));
    assert_non_null(strstr(
        go_on_far(w, "romeo@montague.lit/balcony", id, "", FORM("Hamlet")),
        "<bad-sessionid "));
    assert_non_null(
        strstr(go_on_far(w, ROMEO, id, "action='prev'", ""), "<bad-action "));
    const char *xml = go_on_far(w, ROMEO, id, "action='complete'", FORM(""));
    assert_non_null(strstr(xml, "status='executing'"));
    assert_non_null(strstr(xml, "Title is needed."));
    assert_non_null(
        strstr(go_on_far(w, ROMEO, id, "action='execute'", FORM("Hamlet")),
               "status='completed'"));
    assert_string_equal(shop.title, "Hamlet");
    assert_non_null(strstr(
        go_on_far(w, "tybalt@capulet.lit/sword", other, "action='cancel'", ""),
        "status='canceled'"));
    assert_non_null(
        strstr(go_on_far(w, ROMEO, id, "", FORM("x")), "<session-expired "));
    assert_non_null(
        strstr(ask_far(w, ROMEO, "node='stop'", ""), "<forbidden "));
    world_free(&w);
}

static void
one_domain_cannot_keep_others_from_their_forms(void **state)
{
    struct shop shop;
    struct world *w = open_shop(&shop);
    char id[64], jid[100], last[64];
    cut(id, ask_far(w, ROMEO, "node='library'", ""), "sessionid='");
    for (int i = 0; i < 2000; i++) {
        snprintf(jid, sizeof(jid), "u%d@capulet.lit/r", i);
        cut(last, ask_far(w, jid, "node='library'", ""), "sessionid='");
        world_deaf(w);
    }
    /* Its own oldest went. */
    assert_non_null(strstr(go_on_far(w, jid, last, "", FORM("Macbeth")),
                           "status='completed'"));
    assert_non_null(strstr(go_on_far(w, "u0@capulet.lit/r", id, "", FORM("x")),
                           "<bad-sessionid "));
    assert_non_null(strstr(go_on_far(w, ROMEO, id, "", FORM("Hamlet")),
                           "status='completed'"));
    assert_string_equal(shop.title, "Hamlet");
    world_free(&w);
}

static void
every_fault_has_its_condition(void **state)
{
    struct shop shop;
    struct world *w = open_shop(&shop);
    struct cnc__session *s = world_session(w, "bob@x", "r", false, false);
    struct cnc__session *t = world_session(w, "eve@x", "r", false, false);
    char id[64];
    ask(w, s, "node='nothing'", "");
    world_expect(w, s, "<item-not-found ");
    ask(w, s, "", "");
    world_expect(w, s, "<item-not-found ");
    ask(w, s, "node='stop'", "");
    world_expect(w, s, "<forbidden ");
    ask(w, s, "node='library' action='explode'", "");
    world_expect(w, s, "<malformed-action xmlns='" NS "'/>");
    ask(w, s, "node='library' action='complete'", "");
    world_expect(w, s, "<bad-sessionid xmlns='" NS "'/>");
    ask(w, s, "node='library' sessionid='none'", FORM("x"));
    world_expect(w, s, "<bad-sessionid xmlns='" NS "'/>");
    begin(w, s, id);
    /* it is bound to who began it */
    go_on(w, t, id, "action='complete'", FORM("x"));
    world_expect(w, t, "<bad-sessionid xmlns='" NS "'/>");
    go_on(w, s, id, "action='prev'", "");
    world_expect(w, s, "<bad-action xmlns='" NS "'/>");
    go_on(w, s, id, "action='next'", FORM("x"));
    world_expect(w, s, "<bad-action xmlns='" NS "'/>");
    go_on(w, s, id, "action='complete'", "");
    world_expect(w, s, "<bad-payload xmlns='" NS "'/>");
    go_on(w, s, id, "action='complete'",
          "<x xmlns='jabber:x:data' type='submit'><field/></x>");
    world_expect(w, s, "<bad-payload xmlns='" NS "'/>");
    go_on(w, s, id, "action='complete'", FORM("forbidden"));
    world_expect(w, s, "<error type='auth'><forbidden ");
    begin(w, s, id);
    go_on(w, s, id, "action='cancel'", "");
    world_expect(w, s, "status='canceled'");
    go_on(w, s, id, "action='complete'", FORM("x"));
    world_expect(w, s, "<session-expired xmlns='" NS "'/>");
    begin(w, s, id);
    go_on(w, s, id, "action='complete'",
          "<x xmlns='jabber:x:data' type='cancel'/>");
    world_expect(w, s, "status='canceled'");
    assert_int_equal(shop.n, 1);
    world_free(&w);
}

static void
an_answer_may_come_later_or_too_late(void **state)
{
    struct shop shop;
    struct world *w = open_shop(&shop);
    struct cnc__session *s = world_session(w, "bob@x", "r", false, false);
    char id[64];
    shop.later = true;
    begin(w, s, id);
    go_on(w, s, id, "", FORM("Hamlet"));
    world_silence(w);
    go_on(w, s, id, "", FORM("Hamlet"));
    world_expect(w, s, "<bad-action xmlns='" NS "'/>");
    cnc__command_done(shop.open, NULL, "Kept.", NULL);
    world_expect(w, s, "status='completed'");
    /* the session goes first */
    begin(w, s, id);
    go_on(w, s, id, "", FORM("Hamlet"));
    world_end(w, s);
    cnc__command_done(shop.open, NULL, "Kept.", NULL);
    world_silence(w);
    /* the service goes first */
    s = world_session(w, "bob@x", "r", false, false);
    begin(w, s, id);
    go_on(w, s, id, "", FORM("Hamlet"));
    world_free(&w);
    cnc__command_done(shop.open, NULL, "Kept.", NULL);
}

static void
a_session_keeps_its_last_calls_alone(void **state)
{
    struct shop shop;
    struct world *w = open_shop(&shop);
    struct cnc__session *s = world_session(w, "bob@x", "r", false, false);
    char first[64], id[64];
    begin(w, s, first);
    for (int i = 0; i < 16; i++) {
        begin(w, s, id);
    }
    go_on(w, s, first, "", FORM("x"));
    world_expect(w, s, "<bad-sessionid xmlns='" NS "'/>");
    go_on(w, s, id, "", FORM("x"));
    world_expect(w, s, "status='completed'");
    /* as many at work as there is room for, and no more */
    shop.later = true;
    struct cnc__command_reply *open[16];
    for (int i = 0; i < 16; i++) {
        ask(w, s, "node='library'", FORM("x"));
        open[i] = shop.open;
    }
    world_silence(w);
    ask(w, s, "node='library'", FORM("x"));
    world_expect(w, s, "<resource-constraint ");
    for (int i = 0; i < 16; i++) {
        cnc__command_done(open[i], NULL, NULL, NULL);
    }
    world_free(&w);
}

static void
commands_are_found(void **state)
{
    struct shop shop;
    struct world *w = open_shop(&shop);
    struct cnc__session *s = world_session(w, "bob@x", "r", false, false);
    struct cnc__session *op = world_session(w, "op@x", "r", false, true);
    world_say(w, s,
              "<iq type='get' id='d'><query xmlns='http://jabber.org/"
              "protocol/disco#items' node='" NS "'/></iq>");
    const char *xml = world_hear(w, s);
    assert_non_null(strstr(xml, "<item jid='" DOMAIN "' node='library'"
                                " name='Add a book'/>"));
    assert_null(strstr(xml, "node='stop'"));
    world_say(w, op,
              "<iq type='get' id='d'><query xmlns='http://jabber.org/"
              "protocol/disco#items' node='" NS "'/></iq>");
    world_expect(w, op, "node='stop'");
    world_say(w, op,
              "<iq type='get' id='d'><query xmlns='http://jabber.org/"
              "protocol/disco#info' node='stop'/></iq>");
    world_expect(w, op,
                 "<identity category='automation'"
                 " type='command-node' name='Stop'/>");
    world_say(w, s,
              "<iq type='get' id='d'><query xmlns='http://jabber.org/"
              "protocol/disco#info' node='stop'/></iq>");
    world_expect(w, s, "<item-not-found ");
    world_say(w, s,
              "<iq type='get' id='d'><query xmlns='http://jabber.org/"
              "protocol/disco#info' node='" NS "'/></iq>");
    world_expect(w, s, "type='command-list'");
    /* one without a form runs at once */
    shop.later = true;
    ask(w, op, "node='stop'", "");
    cnc__command_done(shop.open, NULL, "Stopped.", NULL);
    world_expect(w, op,
                 "status='completed'><note type='info'>Stopped."
                 "</note></command>");
    world_free(&w);
}

static void
count_answers(const struct cnc__command_answer *a, struct cnc__values *v,
              void *n)
{
    assert_int_equal(a->code, CNC_EREFUSED);
    assert_string_equal(cnc__values_error(v, "title"), "Another one.");
    ++*(int *)n;
}

static void
what_was_typed_stays_until_the_function_has_returned(void **state)
{
    struct shop shop;
    struct world *w = open_shop(&shop);
    struct cnc__session *s = world_session(w, "bob@x", "r", false, false);
    const struct cnc__command look = {.node = (char *)"look",
                                      .record = &book,
                                      .who = CNC_ANYBODY_RUNS,
                                      .run = on_look_again,
                                      .priv = &shop};
    const struct cnc__caller who = {.who = {.jid = "bob@x"}, .lang = "en"};
    struct cnc__values *v = cnc__values_new();
    int n = 0;

    assert_int_equal(cnc__commands_add(w->commands, &look, NULL), 0);
    ask(w, s, "node='look' action='execute'",
        "<x xmlns='jabber:x:data' type='submit'><field var='title'>"
        "<value>Emma</value></field></x>");
    world_expect(w, s, "Another one.");
    assert_string_equal(shop.title, "Emma");

    cnc__values_add(v, "title", "Persuasion", NULL);
    cnc__commands_call(w->commands, "look", &who, v, count_answers, &n);
    assert_int_equal(n, 1);
    assert_string_equal(shop.title, "Persuasion");
    world_free(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(execute_gives_the_form_and_complete_runs_it),
        cmocka_unit_test(a_refused_form_comes_back_to_be_mended),
        cmocka_unit_test(a_form_at_hand_may_be_sent_at_once),
        cmocka_unit_test(strangers_fill_in_forms_too),
        cmocka_unit_test(one_domain_cannot_keep_others_from_their_forms),
        cmocka_unit_test(every_fault_has_its_condition),
        cmocka_unit_test(an_answer_may_come_later_or_too_late),
        cmocka_unit_test(a_session_keeps_its_last_calls_alone),
        cmocka_unit_test(commands_are_found),
        cmocka_unit_test(what_was_typed_stays_until_the_function_has_returned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
