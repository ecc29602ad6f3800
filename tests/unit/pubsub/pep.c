/* SPDX-License-Identifier: MIT */
/*
 * Accounts' own services (XEP-0163): what publishing makes, who is told, and
 * what leaks to whom.  Rosters and presence are a few lines here.
 */
#include "world.h"

#include <stdio.h>

#include "../../../src/xmpp/jid.h"

#define NS     "http://jabber.org/protocol/pubsub"
#define JULIET "juliet@" DOMAIN
#define TUNE   "http://jabber.org/protocol/tune"
#define NICK   "http://jabber.org/protocol/nick"

/* -- rosters and presence ------------------------------------------------- */

static struct {
    const char *contacts[8], *friends[8], *blocked[2];
    const char *there[16]; /* full JIDs that want everything */
    const char *deaf;      /* and one that wants nothing */
} life;

static bool
is_in(const char *const *list, size_t n, const char *jid, bool bare)
{
    for (size_t i = 0; i < n && list[i] != NULL; i++) {
        if (bare ? cnc__jid_same_bare(list[i], jid)
                 : strcmp(list[i], jid) == 0) {
            return true;
        }
    }
    return false;
}

static bool
subscribed(const char *owner, const char *contact, void *priv)
{
    return strcmp(owner, contact) == 0 ||
           (strcmp(owner, JULIET) == 0 &&
            is_in(life.contacts, 8, contact, false));
}

static bool
in_group(const char *owner, const char *contact, const char *group, void *priv)
{
    return strcmp(group, "Friends & more") == 0 &&
           is_in(life.friends, 8, contact, false);
}

static bool
blocks(const char *owner, const char *jid, void *priv)
{
    return is_in(life.blocked, 2, jid, true);
}

static bool
wants(const char *full, const char *feature, void *priv)
{
    return is_in(life.there, 16, full, false) &&
           (strcmp(feature, TUNE "+notify") == 0 ||
            strcmp(feature, NICK "+notify") == 0);
}

static void
each_available(const char *owner, cnc__pep_each_f *f, void *f_priv, void *priv)
{
    for (size_t i = 0; i < 16 && life.there[i] != NULL; i++) {
        char bare[200];
        snprintf(bare, sizeof(bare), "%.*s",
                 (int)cnc__jid_bare_len(life.there[i]), life.there[i]);
        if (subscribed(owner, bare, NULL)) {
            f(life.there[i], f_priv);
        }
    }
    if (life.deaf != NULL) {
        f(life.deaf, f_priv);
    }
}

static void
begin(struct world *w)
{
    static const struct cnc__pep_env env = {.subscribed = subscribed,
                                            .in_group = in_group,
                                            .blocks = blocks,
                                            .wants = wants,
                                            .each_available = each_available};
    cnc__pep_start(w->ps, &env);
}

static struct world *
new_world(void)
{
    struct world *w = world_new();
    memset(&life, 0, sizeof(life));
    begin(w);
    return w;
}

static void
crash(struct world *w)
{
    world_crash(w);
    begin(w);
}

/* -- what is said --------------------------------------------------------- */

#define FIELD(var, value)                                                     \
    "<field var='pubsub#" var "'><value>" value "</value></field>"
#define FORM(type, fields)                                                    \
    "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'"           \
    " type='hidden'><value>" NS type "</value></field>" fields "</x>"
#define OPTIONS(fields)                                                       \
    "<publish-options>" FORM("#publish-options", fields) "</publish-options>"

static void
publish(struct world *w, struct cnc__session *s, const char *node,
        const char *id, const char *title, const char *options)
{
    world_say(w, s,
              "<iq type='set' id='p' to='%.*s'><pubsub xmlns='" NS
              "'><publish node='%s'><item id='%s'><tune xmlns='" TUNE
              "'><title>%s</title></tune></item></publish>%s</pubsub></iq>",
              (int)s->bare_len, s->jid, node, id, title, options);
}

static void
published(struct world *w, struct cnc__session *s, const char *node,
          const char *id, const char *title, const char *options)
{
    publish(w, s, node, id, title, options);
    world_expect(w, s, "type='result'");
}

static struct cnc__session *
juliet(struct world *w)
{
    return world_session(w, JULIET, "balcony", false, false);
}

static void
items(struct world *w, struct cnc__session *s, const char *to,
      const char *node)
{
    world_say(w, s,
              "<iq type='get' id='i' to='%s'><pubsub xmlns='" NS
              "'><items node='%s'/></pubsub></iq>",
              to, node);
}

/* -- nodes ---------------------------------------------------------------- */

static void
publishing_makes_the_node_as_the_options_say(void **state)
{
    struct world *w = new_world();
    struct cnc__session *s = juliet(w);
    published(w, s, TUNE, "1", "Romance",
              OPTIONS(FIELD("access_model", "open") FIELD("max_items", "2")));
    world_silence(w);
    crash(w);
    s = juliet(w);
    items(w, s, JULIET, TUNE);
    world_expect(w, s, "Romance");
    world_say(w, s,
              "<iq type='get' id='c' to='" JULIET "'><pubsub xmlns='" NS
              "#owner'><configure node='" TUNE "'/></pubsub></iq>");
    const char *xml = world_hear(w, s);
    assert_non_null(strstr(xml, "label='Who may subscribe and retrieve "
                                "items'><value>open</value>"));
    assert_non_null(strstr(xml, "<value>on_sub_and_presence</value>"));
    /* From now on they are what must hold. */
    publish(w, s, TUNE, "2", "Nocturne",
            OPTIONS(FIELD("access_model", "whitelist")));
    world_expect(w, s, "<precondition-not-met ");
    published(w, s, TUNE, "2", "Nocturne",
              OPTIONS(FIELD("access_model", "open")));
    published(w, s, TUNE, "3", "Ballade", "");
    items(w, s, JULIET, TUNE);
    xml = world_hear(w, s);
    assert_null(strstr(xml, "Romance"));
    assert_non_null(strstr(xml, "Nocturne"));
    assert_non_null(strstr(xml, "Ballade"));
    world_free(&w);
}

static void
the_usual_node_keeps_one_item_for_contacts(void **state)
{
    struct world *w = new_world();
    struct cnc__session *s = juliet(w);
    published(w, s, NICK, "1", "Ju", "");
    published(w, s, NICK, "2", "Jule", "");
    items(w, s, JULIET, NICK);
    const char *xml = world_hear(w, s);
    assert_null(strstr(xml, ">Ju<"));
    assert_non_null(strstr(xml, ">Jule<"));
    world_say(w, s,
              "<iq type='get' id='d' to='" JULIET "'><pubsub xmlns='" NS
              "#owner'><default/></pubsub></iq>");
    xml = world_hear(w, s);
    assert_non_null(strstr(xml, "<value>presence</value>"));
    assert_non_null(
        strstr(xml, "label='How many items are kept'><value>1</value>"));
    world_free(&w);
}

static void
what_is_refused_makes_no_node(void **state)
{
    struct world *w = new_world();
    struct cnc__session *s = juliet(w);
    static const char *const wrong[] = {
        "<iq type='set' id='p' to='" JULIET "'><pubsub xmlns='" NS
        "'><publish node='n'><item><a/></item></publish></pubsub></iq>",
        "<iq type='set' id='p' to='" JULIET "'><pubsub xmlns='" NS
        "'><publish node='n'><item><a xmlns='a'/><b xmlns='b'/></item>"
        "</publish></pubsub></iq>",
        "<iq type='set' id='p' to='" JULIET "'><pubsub xmlns='" NS
        "'><publish node='n'/></pubsub></iq>",
        "<iq type='set' id='p' to='" JULIET "'><pubsub xmlns='" NS
        "'><publish node='n'><item><a xmlns='a'/></item></publish>" OPTIONS(
            FIELD("access_model", "secret")) "</pubsub></iq>",
    };
    for (size_t i = 0; i < CNC_N(wrong); i++) {
        world_say(w, s, "%s", wrong[i]);
        world_expect(w, s, "type='error'");
        items(w, s, JULIET, "n");
        world_expect(w, s, "<item-not-found ");
    }
    w->fail = true;
    publish(w, s, "n", "1", "Romance", "");
    world_expect(w, s, "type='error'");
    w->fail = false;
    items(w, s, JULIET, "n");
    world_expect(w, s, "<item-not-found ");
    /* Two at once, before the store has either. */
    w->hold = true;
    publish(w, s, "n", "1", "Romance", "");
    publish(w, s, "n", "2", "Nocturne", "");
    w->hold = false;
    world_flush(w);
    world_expect(w, s, "type='result'");
    world_expect(w, s, "type='result'");
    world_silence(w);
    crash(w);
    s = juliet(w);
    items(w, s, JULIET, "n");
    world_expect(w, s, "Nocturne");
    world_free(&w);
}

static void
two_accounts_have_nodes_of_one_name(void **state)
{
    struct world *w = new_world();
    struct cnc__session *s = juliet(w);
    struct cnc__session *r =
        world_session(w, "romeo@" DOMAIN, "orchard", false, false);
    world_node(w, TUNE); /* and so has the domain */
    published(w, s, TUNE, "1", "Hers", "");
    published(w, r, TUNE, "1", "His", "");
    crash(w);
    s = juliet(w);
    r = world_session(w, "romeo@" DOMAIN, "orchard", false, false);
    items(w, s, JULIET, TUNE);
    world_expect(w, s, "Hers");
    items(w, r, "romeo@" DOMAIN, TUNE);
    world_expect(w, r, "His");
    items(w, r, DOMAIN, TUNE);
    world_expect(w, r, "<items node='" TUNE "'></items>");
    /* Nobody makes nodes for somebody else. */
    world_say(w, r,
              "<iq type='set' id='p' to='" JULIET "'><pubsub xmlns='" NS
              "'><publish node='new'><item><a xmlns='a'/></item></publish>"
              "</pubsub></iq>");
    world_expect(w, r, "type='error'");
    world_say(w, r,
              "<iq type='set' id='p' to='" JULIET "'><pubsub xmlns='" NS
              "'><create node='new'/></pubsub></iq>");
    world_expect(w, r, "type='error'");
    /* One that ends takes its own alone. */
    cnc__pep_account_deleted(w->ps, JULIET);
    world_flush(w);
    char *rows = world_dump_store(w);
    assert_null(strstr(rows, "juliet"));
    assert_non_null(strstr(rows, "His"));
    cnc__free(rows);
    items(w, s, JULIET, TUNE);
    world_expect(w, s, "<item-not-found ");
    world_free(&w);
}

/* -- telling -------------------------------------------------------------- */

static void
those_who_want_it_are_told(void **state)
{
    struct world *w = new_world();
    struct cnc__session *s = juliet(w);
    struct cnc__session *other =
        world_session(w, JULIET, "chamber", false, false);
    struct cnc__session *nurse =
        world_session(w, "nurse@" DOMAIN, "r", false, false);
    struct cnc__session *deaf =
        world_session(w, "nurse@" DOMAIN, "deaf", false, false);
    life.contacts[0] = "romeo@montague.lit";
    life.contacts[1] = "nurse@" DOMAIN;
    life.there[0] = JULIET "/balcony";
    life.there[1] = JULIET "/chamber";
    life.there[2] = "romeo@montague.lit/orchard";
    life.there[3] = "nurse@" DOMAIN "/r";
    life.there[4] = "paris@verona.lit/r"; /* no contact */
    life.deaf = "nurse@" DOMAIN "/deaf";
    published(w, s, TUNE, "1", "Romance", "");
    world_expect(w, s, "<message from='" JULIET "' type='headline'");
    world_expect(w, other, "to='" JULIET "/chamber'");
    const char *xml = world_hear_jid(w, "romeo@montague.lit/orchard");
    assert_non_null(strstr(xml, "from='" JULIET "'"));
    assert_non_null(strstr(xml, "to='romeo@montague.lit/orchard'"));
    assert_non_null(strstr(xml, "Romance"));
    assert_null(strstr(xml, "stanza-id")); /* the account's archive's word */
    world_expect(w, nurse, "Romance");
    world_silence(w);
    (void)deaf;
    /* Of what it does not want it hears nothing. */
    published(w, s, "urn:other", "1", "x", "");
    world_silence(w);
    /* Retracting is told too, to whom publishing is. */
    world_say(w, s,
              "<iq type='set' id='r'><pubsub xmlns='" NS
              "'><retract node='" TUNE
              "' notify='1'><item id='1'/></retract></pubsub></iq>");
    world_deaf(w);
    world_say(w, s,
              "<iq type='set' id='r' to='" JULIET "'><pubsub xmlns='" NS
              "'><retract node='" TUNE "' notify='1'><item id='1'/></retract>"
              "</pubsub></iq>");
    world_expect(w, s, "type='result'");
    world_expect(w, s, "<retract id='1'/>");
    world_expect(w, other, "<retract id='1'/>");
    world_expect_jid(w, "romeo@montague.lit/orchard", "<retract id='1'/>");
    world_expect(w, nurse, "<retract id='1'/>");
    world_silence(w);
    world_free(&w);
}

static void
who_subscribed_is_told_once(void **state)
{
    struct world *w = new_world();
    struct cnc__session *s = juliet(w);
    struct cnc__session *nurse =
        world_session(w, "nurse@" DOMAIN, "r", false, false);
    life.contacts[0] = "romeo@montague.lit";
    life.contacts[1] = "nurse@" DOMAIN;
    life.there[0] = "romeo@montague.lit/orchard";
    life.there[1] = "nurse@" DOMAIN "/r";
    published(w, s, TUNE, "1", "Romance", "");
    world_deaf(w);
    world_far(w, "romeo@montague.lit/orchard",
              "<iq type='set' id='s' to='" JULIET "'><pubsub xmlns='" NS
              "'><subscribe node='" TUNE "' jid='romeo@montague.lit'/>"
              "</pubsub></iq>");
    world_expect_jid(w, "romeo@montague.lit/orchard",
                     "subscription='subscribed'");
    const char *last = world_hear_jid(w, "romeo@montague.lit");
    assert_non_null(strstr(last, "from='" JULIET "'"));
    assert_non_null(strstr(last, "<delay "));
    world_say(w, nurse,
              "<iq type='set' id='s' to='" JULIET "'><pubsub xmlns='" NS
              "'><subscribe node='" TUNE "' jid='nurse@" DOMAIN "'/>"
              "</pubsub></iq>");
    world_deaf(w);
    published(w, s, TUNE, "2", "Nocturne", "");
    world_expect_jid(w, "romeo@montague.lit", "Nocturne");
    world_expect(w, nurse, "Nocturne");
    world_silence(w);
    /* Over a restart, and until the roster says otherwise. */
    crash(w);
    s = juliet(w);
    published(w, s, TUNE, "3", "Ballade", "");
    world_expect_jid(w, "romeo@montague.lit", "Ballade");
    world_deaf(w);
    life.contacts[0] = "nurse@" DOMAIN;
    life.contacts[1] = NULL;
    published(w, s, TUNE, "4", "Elegy", ""); /* nobody has told us yet */
    world_silence(w);
    cnc__pep_roster_changed(w->ps, JULIET);
    world_expect_jid(w, "romeo@montague.lit", "subscription='none'");
    world_silence(w);
    world_free(&w);
}

static void
who_becomes_available_hears_the_last_item(void **state)
{
    struct world *w = new_world();
    struct cnc__session *s = juliet(w);
    published(w, s, TUNE, "1", "Romance", "");
    published(w, s, NICK, "1", "Jule",
              OPTIONS(FIELD("send_last_published_item", "never")));
    published(w, s, "urn:other", "1", "x", "");
    life.contacts[0] = "romeo@montague.lit";
    life.there[0] = "romeo@montague.lit/orchard";
    life.there[1] = "paris@verona.lit/r";
    cnc__pep_available(w->ps, JULIET, "romeo@montague.lit/orchard");
    const char *xml = world_hear_jid(w, "romeo@montague.lit/orchard");
    assert_non_null(strstr(xml, "Romance"));
    assert_non_null(strstr(xml, "<delay xmlns='urn:xmpp:delay'"));
    assert_non_null(strstr(xml, "from='" JULIET "'"));
    cnc__pep_available(w->ps, JULIET, "romeo@montague.lit/other");
    cnc__pep_available(w->ps, JULIET, "paris@verona.lit/r");
    cnc__pep_available(w->ps, "nobody@" DOMAIN, "romeo@montague.lit/orchard");
    world_silence(w);
    world_free(&w);
}

/* -- what leaks ----------------------------------------------------------- */

enum who {
    OWNER,
    CONTACT,
    FRIEND,
    MEMBER,
    OUTCAST,
    REMOVED,
    BLOCKED,
    PARIS,
    N_WHO
};
static const char *const names[N_WHO] = {"juliet",  "contact", "friend",
                                         "member",  "outcast", "removed",
                                         "blocked", "paris"};
static const char *const models[] = {"open", "whitelist", "authorize",
                                     "presence", "roster"};
static const bool sees[5][N_WHO] = {
    {true, true, true, true, false, true, false, true},
    {true, false, false, true, false, false, false, false},
    {true, false, false, true, false, false, false, false},
    {true, true, true, true, false, false, false, false},
    {true, false, true, true, false, false, false, false},
};

struct stage {
    struct world *w;
    struct cnc__session *owner, *at[N_WHO];
    bool far_;
    char bare[N_WHO][64], full[N_WHO][64];
};

static void
set_stage(struct stage *s, int model, bool far_)
{
    char options[1000];
    *s = (struct stage){.w = new_world(), .far_ = far_};
    s->owner = juliet(s->w);
    for (int i = 0; i < N_WHO; i++) {
        snprintf(s->bare[i], 64, "%s@%s", names[i],
                 far_ && i != OWNER ? "far.lit" : DOMAIN);
        snprintf(s->full[i], 64, "%s/r", s->bare[i]);
        if (!far_ || i == OWNER) {
            s->at[i] = world_session(s->w, s->bare[i], "r", false, false);
        }
        life.there[i] = s->full[i];
    }
    for (int i = CONTACT; i <= BLOCKED; i++) {
        life.contacts[i - CONTACT] = s->bare[i];
    }
    life.friends[0] = s->bare[FRIEND];
    life.blocked[0] = s->bare[BLOCKED];
    snprintf(options, sizeof(options),
             OPTIONS(FIELD("access_model", "%s")
                         FIELD("roster_groups_allowed", "Friends &amp; more")),
             models[model]);
    published(s->w, s->owner, TUNE, "1", "Secret", options);
    world_deaf(s->w);
    world_say(s->w, s->owner,
              "<iq type='set' id='a' to='" JULIET "'><pubsub xmlns='" NS
              "#owner'><affiliations node='" TUNE "'><affiliation jid='%s'"
              " affiliation='member'/><affiliation jid='%s'"
              " affiliation='outcast'/></affiliations></pubsub></iq>",
              s->bare[MEMBER], s->bare[OUTCAST]);
    world_expect(s->w, s->owner, "type='result'");
    /* A moment ago he was both a contact and a friend. */
    life.contacts[REMOVED - CONTACT] = "x@y";
    world_deaf(s->w);
}

static void
say(struct stage *s, int who, const char *what)
{
    struct cnc__str out = CNC__STR;
    for (const char *c = what; *c != '\0'; c++) {
        if (*c == '$') {
            cnc__str_puts(&out, s->bare[who]);
        } else {
            cnc__str_putc(&out, *c);
        }
    }
    if (s->at[who] != NULL) {
        world_say(s->w, s->at[who], "%s", out.data);
    } else {
        world_far(s->w, s->full[who], "%s", out.data);
    }
    cnc__str_fini(&out);
}

static void
check(struct stage *s, int model, int who, const char *yes)
{
    bool told = false, secret = false;
    for (size_t k = 0; k < s->w->n_heard; k++) {
        if (strncmp(s->w->heard[k].who, s->bare[who], strlen(s->bare[who])) ==
            0) {
            told |= strstr(s->w->heard[k].xml, yes) != NULL;
            secret |= strstr(s->w->heard[k].xml, "Secret") != NULL;
        }
    }
    bool may = sees[model][who];
    if (told != may || (secret && !may)) {
        fail_msg("%s, %s%s, %s: %s", models[model], names[who],
                 s->far_ ? " (far)" : "", yes,
                 s->w->n_heard == 0 ? "nothing" : s->w->heard[0].xml);
    }
}

static void
ask_all(struct stage *s, int model, const char *what, const char *yes)
{
    for (int i = 0; i < N_WHO; i++) {
        world_deaf(s->w);
        say(s, i, what);
        check(s, model, i, yes);
    }
    world_deaf(s->w);
}

static void
disco_all(struct stage *s, int model, bool list, const char *node,
          const char *yes)
{
    for (int i = 0; i < N_WHO; i++) {
        struct cnc__str out = CNC__STR;
        struct cnc_element *query = world_xml(
            "<query xmlns='http://jabber.org/protocol/disco#items'/>");
        char to[] = JULIET;
        const struct cnc__request q = {.router = s->w->router,
                                       .from = s->full[i],
                                       .to = to,
                                       .own = i == OWNER,
                                       .payload = query};
        int rc = cnc__pep_disco(s->w->ps, &out, list, node, &q);
        bool told = strstr(cnc__str_c(&out), yes) != NULL;
        assert_int_equal(told, sees[model][i]);
        /* Contacts know that there is an account, others what they see. */
        bool knows = subscribed(JULIET, s->bare[i], NULL);
        assert_int_equal(rc == 0, told || (knows && node == NULL));
        cnc__str_fini(&out);
        cnc_element_unref(&query);
    }
}

static void
leaks(int model, bool far_)
{
    struct stage s;
    set_stage(&s, model, far_);
    ask_all(&s, model,
            "<iq type='get' id='i' to='" JULIET "'><pubsub xmlns='" NS
            "'><items node='" TUNE "'/></pubsub></iq>",
            "Secret");
    ask_all(&s, model,
            "<iq type='get' id='i' to='" JULIET "'><pubsub xmlns='" NS
            "'><items node='" TUNE "'><item id='1'/></items></pubsub></iq>",
            "Secret");
    disco_all(&s, model, true, NULL, "node='" TUNE "'");
    disco_all(&s, model, true, TUNE, "name='1'");
    disco_all(&s, model, false, TUNE, "#meta-data");
    for (int i = 0; i < N_WHO; i++) {
        world_deaf(s.w);
        cnc__pep_available(s.w->ps, JULIET, s.full[i]);
        check(&s, model, i, "Secret");
    }
    /* Who did not subscribe; strangers to her presence are not looked at. */
    world_deaf(s.w);
    publish(s.w, s.owner, TUNE, "1", "Secret", "");
    for (int i = 0; i < N_WHO; i++) {
        bool told = false;
        for (size_t k = 0; k < s.w->n_heard; k++) {
            told |= strcmp(s.w->heard[k].who, s.full[i]) == 0;
        }
        assert_int_equal(told, sees[model][i] && i != PARIS && i != REMOVED);
    }
    /* Who did; and with it comes the last item. */
    ask_all(&s, model,
            "<iq type='set' id='s' to='" JULIET "'><pubsub xmlns='" NS
            "'><subscribe node='" TUNE "' jid='$'/></pubsub></iq>",
            "Secret");
    world_deaf(s.w);
    publish(s.w, s.owner, TUNE, "1", "Secret", "");
    for (int i = 0; i < N_WHO; i++) {
        check(&s, model, i, "Secret");
    }
    world_free(&s.w);
}

static void
nobody_sees_more_than_the_node_says(void **state)
{
    for (int model = 0; model < 5; model++) {
        leaks(model, false);
        leaks(model, true);
    }
}

static void
a_stranger_cannot_tell_whether_there_is_an_account(void **state)
{
    static const char *const asks[] = {
        "<iq type='get' id='i' to='%s@" DOMAIN "'><pubsub xmlns='" NS
        "'><items node='" TUNE "'/></pubsub></iq>",
        "<iq type='get' id='i' to='%s@" DOMAIN "'><pubsub xmlns='" NS
        "'><items node='no such'/></pubsub></iq>",
        "<iq type='set' id='i' to='%s@" DOMAIN "'><pubsub xmlns='" NS
        "'><subscribe node='" TUNE "' jid='paris@far.lit'/></pubsub></iq>",
        "<iq type='get' id='i' to='%s@" DOMAIN "'><pubsub xmlns='" NS
        "'><subscriptions/></pubsub></iq>",
        "<iq type='get' id='i' to='%s@" DOMAIN "'><pubsub xmlns='" NS
        "#owner'><configure node='" TUNE "'/></pubsub></iq>",
        "<iq type='get' id='i' to='%s@" DOMAIN "'><pubsub xmlns='" NS
        "#owner'><default/></pubsub></iq>",
        "<iq type='set' id='i' to='%s@" DOMAIN "'><pubsub xmlns='" NS
        "'><publish node='" TUNE "'><item><a xmlns='a'/></item></publish>"
        "</pubsub></iq>",
        "<iq type='set' id='i' to='%s@" DOMAIN "'><pubsub xmlns='" NS
        "'><create/></pubsub></iq>",
        "<iq type='set' id='i' to='%s@" DOMAIN "'><pubsub xmlns='" NS
        "'><create node='" TUNE "'/></pubsub></iq>",
    };
    struct world *w = new_world();
    struct cnc__session *s = juliet(w);
    published(w, s, TUNE, "1", "Secret", "");
    for (size_t i = 0; i < CNC_N(asks); i++) {
        world_far(w, "paris@far.lit/r", asks[i], "juliet");
        world_far(w, "paris@far.lit/r", asks[i], "nobody");
        char *is = cnc__strdup(world_hear(w, NULL));
        char *is_not = cnc__strdup(world_hear(w, NULL));
        char *at = strstr(is, "juliet");
        memcpy(at, "nobody", 6);
        assert_string_equal(is, is_not);
        assert_non_null(strstr(is, "type='error'"));
        cnc__free(is);
        cnc__free(is_not);
    }
    world_silence(w);
    world_free(&w);
}

/* -- plain uses ----------------------------------------------------------- */

static void
bookmarks_are_kept_and_private(void **state)
{
    /* XEP-0402 3.1 */
    static const char options[] =
        OPTIONS(FIELD("persist_items", "true") FIELD("max_items", "max")
                    FIELD("send_last_published_item", "never")
                        FIELD("access_model", "whitelist"));
    struct world *w = new_world();
    struct cnc__session *s = juliet(w);
    life.contacts[0] = "romeo@montague.lit";
    for (int i = 0; i < 3; i++) {
        world_say(w, s,
                  "<iq type='set' id='b' to='" JULIET "'><pubsub xmlns='" NS
                  "'><publish node='urn:xmpp:bookmarks:1'><item"
                  " id='room%d@chat.lit'><conference"
                  " xmlns='urn:xmpp:bookmarks:1' name='Room'"
                  " autojoin='true'><nick>J</nick></conference></item>"
                  "</publish>%s</pubsub></iq>",
                  i, options);
        world_expect(w, s, "type='result'");
    }
    crash(w);
    s = juliet(w);
    items(w, s, JULIET, "urn:xmpp:bookmarks:1");
    const char *xml = world_hear(w, s);
    assert_non_null(strstr(xml, "room0@chat.lit"));
    assert_non_null(strstr(xml, "room2@chat.lit"));
    world_far(w, "romeo@montague.lit/r",
              "<iq type='get' id='i' to='" JULIET "'><pubsub xmlns='" NS
              "'><items node='urn:xmpp:bookmarks:1'/></pubsub></iq>");
    world_expect(w, NULL, "<closed-node ");
    world_free(&w);
}

static void
an_avatar_is_data_and_its_description(void **state)
{
    /* XEP-0084 3.1, 3.2 */
    struct world *w = new_world();
    struct cnc__session *s = juliet(w);
    life.contacts[0] = "romeo@montague.lit";
    world_say(w, s,
              "<iq type='set' id='a' to='" JULIET "'><pubsub xmlns='" NS
              "'><publish node='urn:xmpp:avatar:data'><item id='111f4b3c'>"
              "<data xmlns='urn:xmpp:avatar:data'>cUE=</data></item>"
              "</publish></pubsub></iq>");
    world_expect(w, s, "<item id='111f4b3c'/>");
    world_far(w, "romeo@montague.lit/r",
              "<iq type='get' id='i' to='" JULIET "'><pubsub xmlns='" NS
              "'><items node='urn:xmpp:avatar:data'><item id='111f4b3c'/>"
              "</items></pubsub></iq>");
    world_expect(w, NULL, "cUE=");
    world_free(&w);
}

static void
an_account_keeps_so_much(void **state)
{
    struct world *w = new_world();
    struct cnc__session *s = juliet(w);
    char node[30];
    w->quiet = true;
    for (int i = 0; i < 500; i++) {
        snprintf(node, sizeof(node), "n%d", i);
        publish(w, s, node, "1", "x", "");
    }
    w->quiet = false;
    publish(w, s, "n500", "1", "x", "");
    world_expect(w, s, "<max-nodes-exceeded ");
    world_say(w, s,
              "<iq type='set' id='c' to='" JULIET "'><pubsub xmlns='" NS
              "'><create/></pubsub></iq>");
    world_expect(w, s, "<max-nodes-exceeded ");
    char *big = cnc__zalloc(200001);
    memset(big, 'x', 200000);
    w->quiet = true;
    for (int i = 0; i < 100; i++) {
        snprintf(node, sizeof(node), "n%d", i);
        publish(w, s, node, "1", big, "");
    }
    w->quiet = false;
    publish(w, s, "n200", "1", big, "");
    world_expect(w, s, "<max-items-exceeded ");
    /* A small one in the place of a large one makes room again... */
    world_say(w, s,
              "<iq type='set' id='r' to='" JULIET "'><pubsub xmlns='" NS
              "'><retract node='n7'><item id='1'/></retract></pubsub></iq>");
    world_deaf(w);
    published(w, s, "n200", "1", "x", "");
    cnc__free(big);
    world_free(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publishing_makes_the_node_as_the_options_say),
        cmocka_unit_test(the_usual_node_keeps_one_item_for_contacts),
        cmocka_unit_test(what_is_refused_makes_no_node),
        cmocka_unit_test(two_accounts_have_nodes_of_one_name),
        cmocka_unit_test(those_who_want_it_are_told),
        cmocka_unit_test(who_subscribed_is_told_once),
        cmocka_unit_test(who_becomes_available_hears_the_last_item),
        cmocka_unit_test(nobody_sees_more_than_the_node_says),
        cmocka_unit_test(a_stranger_cannot_tell_whether_there_is_an_account),
        cmocka_unit_test(bookmarks_are_kept_and_private),
        cmocka_unit_test(an_avatar_is_data_and_its_description),
        cmocka_unit_test(an_account_keeps_so_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
