/* SPDX-License-Identifier: MIT */
/* The life of a publish: held, kept, repeated, failed, fanned out. */
#include "world.h"

#include <stdio.h>

#include "../../../src/base/text.h"
#include "../../../src/xml/write.h"

#define NS "http://jabber.org/protocol/pubsub"

struct done { /* what a verb's done() said */
    int n, code;
    char id[64];
};

static void
on_done(const struct cnc_error *err, const char *id, void *priv)
{
    struct done *d = priv;
    d->n++;
    d->code = err == NULL ? 0 : err->code;
    snprintf(d->id, sizeof(d->id), "%s", id == NULL ? "" : id);
}

static void
publish_as(struct world *w, const char *jid, struct cnc__node *n,
           const char *id, const char *isbn, bool if_new, struct done *d)
{
    struct cnc__actor who = {.jid = jid, .operator_ = true};
    struct cnc_element *e = world_xml(
        "<book xmlns='urn:example:books'><isbn>%s</isbn></book>", isbn);
    cnc__pubsub_publish(w->ps, &who, n, id, e, if_new, on_done, d);
    cnc_element_unref(&e);
    if (!w->hold) {
        world_flush(w);
    }
}

static void
an_id_is_chosen_when_there_is_none(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    struct done d = {0}, e = {0};
    publish_as(w, "a@x", n, NULL, "1", true, &d);
    publish_as(w, "a@x", n, NULL, "1", true, &e);
    assert_int_equal(d.n, 1);
    assert_int_equal(d.code, 0);
    assert_true(strlen(d.id) >= 16);
    assert_string_not_equal(d.id, e.id);
    assert_int_equal(cnc__node_n_items(n), 2);
    world_free(&w);
}

static void
nothing_is_visible_before_it_is_kept(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    struct done d = {0};
    char before[40], after[40];
    w->hold = true;
    cnc__node_position(n, before);
    publish_as(w, "a@x", n, "1", "978", false, &d);
    cnc__node_position(n, after);
    assert_string_equal(before, after);
    assert_int_equal(d.n, 0);
    assert_int_equal(cnc__node_n_items(n), 0);
    assert_null(cnc__node_item(n, "1"));
    struct cnc__item *item = cnc__node_item_or_pending(n, "1");
    assert_non_null(item);
    cnc__item_unref(&item);
    assert_true(cnc__node_find(n, "isbn", "978"));
    world_flush(w);
    assert_int_equal(d.n, 1);
    assert_int_equal(cnc__node_n_items(n), 1);
    assert_true(cnc__node_find(n, "isbn", "978"));
    assert_false(cnc__node_find(n, "isbn", "979"));
    world_free(&w);
}

static void
a_failed_publish_leaves_no_trace(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    struct cnc__session *s = world_session(w, "bob@x", "r", false, false);
    struct done d = {0};
    world_say(w, s,
              "<iq type='set' id='s'><pubsub xmlns='" NS "'>"
              "<subscribe node='library' jid='bob@x/r'/></pubsub></iq>");
    world_deaf(w);
    assert_false(cnc__node_find(n, "isbn", "978"));
    w->after[0] = '\0';
    w->fail = true;
    publish_as(w, "a@x", n, "1", "978", false, &d);
    assert_int_equal(d.n, 1);
    assert_int_equal(d.code, CNC_ESTORE);
    assert_null(cnc__node_item_or_pending(n, "1"));
    assert_false(cnc__node_find(n, "isbn", "978"));
    assert_string_equal(w->after, "");
    world_silence(w);
    w->fail = false;
    publish_as(w, "a@x", n, "1", "978", true, &d);
    assert_int_equal(d.code, 0);
    world_expect(w, s, "<item id='1'>");
    assert_string_equal(w->after, "publish library 1");
    world_free(&w);
}

static void
a_repeated_submit_is_the_same_item(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    struct done a = {0}, b = {0}, c = {0};
    char first[40], last[40];
    publish_as(w, "a@x/r1", n, "1", "978", true, &a);
    cnc__node_position(n, first);
    publish_as(w, "a@x/r2", n, "1", "978", true, &b);
    assert_int_equal(b.code, 0);
    assert_string_equal(b.id, "1");
    publish_as(w, "b@x", n, "1", "978", true, &c);
    assert_int_equal(c.code, CNC_EEXIST);
    cnc__node_position(n, last);
    assert_string_equal(first, last);
    /* without if_new it is a new version */
    publish_as(w, "b@x", n, "1", "979", false, &c);
    assert_int_equal(c.code, 0);
    assert_int_equal(cnc__node_n_items(n), 1);
    assert_string_equal(cnc__node_item(n, "1")->publisher, "b@x");
    assert_int_equal(cnc__node_item(n, "1")->created, 1);
    assert_int_equal(cnc__node_item(n, "1")->seq, 2);
    world_free(&w);
}

static void
a_repeat_on_its_way_waits_for_the_first(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    struct done a = {0}, b = {0}, c = {0};
    w->hold = true;
    publish_as(w, "a@x", n, "1", "978", true, &a);
    publish_as(w, "a@x", n, "1", "978", true, &b);
    publish_as(w, "b@x", n, "1", "978", true, &c);
    assert_int_equal(a.n + b.n, 0);
    assert_int_equal(c.code, CNC_EEXIST);
    assert_int_equal(w->n_waiting, 1);
    world_flush(w);
    assert_int_equal(a.n, 1);
    assert_int_equal(b.n, 1);
    assert_string_equal(b.id, "1");
    assert_int_equal(cnc__node_n_items(n), 1);
    /* and fails with it */
    w->fail = true;
    publish_as(w, "a@x", n, "2", "978", true, &a);
    publish_as(w, "a@x", n, "2", "978", true, &b);
    world_flush(w);
    assert_int_equal(a.code, CNC_ESTORE);
    assert_int_equal(b.code, CNC_ESTORE);
    world_free(&w);
}

static void
a_held_publish_is_not_overtaken(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    struct done a = {0}, b = {0}, c = {0};
    w->judge = HOLD;
    publish_as(w, "a@x", n, "1", "978", true, &a);
    w->judge = ACCEPT;
    publish_as(w, "a@x", n, "2", "979", true, &b);
    publish_as(w, "a@x", n, "1", "978", true, &c);
    assert_int_equal(a.n + b.n + c.n, 0);
    assert_int_equal(w->n_commits, 1); /* the node's own */
    cnc__pubsub_resume(w->held, NULL);
    world_flush(w);
    assert_int_equal(a.n, 1);
    assert_int_equal(b.n, 1);
    assert_int_equal(c.n, 1);
    assert_int_equal(cnc__node_n_items(n), 2);
    assert_string_equal(cnc__node_item_at(n, 0)->id, "1");
    /* refused in the end: the next one goes on */
    w->judge = HOLD;
    publish_as(w, "a@x", n, "3", "978", true, &a);
    w->judge = ACCEPT;
    publish_as(w, "a@x", n, "4", "978", true, &b);
    struct cnc_error err = {0};
    cnc_error_set(&err, CNC_EREFUSED, NULL, "line 3: no such template");
    cnc__pubsub_resume(w->held, &err);
    world_flush(w);
    assert_int_equal(a.code, CNC_EREFUSED);
    assert_int_equal(b.code, 0);
    assert_null(cnc__node_item(n, "3"));
    world_free(&w);
}

static void
what_is_held_outlives_its_node(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    struct cnc__session *op = world_session(w, "op@x", "r", false, true);
    struct done a = {0}, b = {0};
    w->judge = HOLD;
    publish_as(w, "a@x", n, "1", "978", true, &a);
    publish_as(w, "a@x", n, "2", "978", true, &b);
    struct cnc__publish *held = w->held;
    world_say(w, op,
              "<iq type='set' id='d'><pubsub xmlns='" NS "#owner'>"
              "<delete node='library'/></pubsub></iq>");
    assert_int_equal(a.code, CNC_ENOENT);
    assert_int_equal(b.code, CNC_ENOENT);
    cnc__pubsub_resume(held, NULL);
    assert_int_equal(a.n, 1);
    assert_int_equal(w->n_waiting, 0);
    /* and a service that ends takes it along */
    n = world_node(w, "library");
    publish_as(w, "a@x", n, "3", "978", true, &a);
    world_free(&w);
    assert_int_equal(a.n, 2);
}

static void
a_delete_on_its_way_lets_nothing_in(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    struct cnc__session *op = world_session(w, "op@x", "r", false, true);
    struct done a = {0};
    w->hold = true;
    world_say(w, op,
              "<iq type='set' id='d'><pubsub xmlns='" NS "#owner'>"
              "<delete node='library'/></pubsub></iq>");
    publish_as(w, "a@x", n, "1", "978", true, &a);
    assert_int_equal(a.code, CNC_ENOENT);
    world_flush(w);
    world_expect(w, op, "type='result' id='d'");
    char *rows = world_dump_store(w);
    assert_string_equal(rows, "");
    cnc__free(rows);
    world_free(&w);
}

static void
what_is_held_through_a_delete_is_not_seen(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    struct cnc__session *op = world_session(w, "op@x", "r", false, true);
    struct done first = {0}, held = {0}, repeat = {0};
    w->hold = true;
    publish_as(w, "a@x", n, "1", "978", false, &first);
    w->judge = HOLD;
    publish_as(w, "a@x", n, "1", "979", false, &held);
    publish_as(w, "a@x", n, "1", "978", true, &repeat);
    world_say(w, op,
              "<iq type='set' id='d'><pubsub xmlns='" NS "#owner'>"
              "<delete node='library'/></pubsub></iq>");
    w->judge = ACCEPT;
    cnc__pubsub_resume(w->held, NULL);
    assert_int_equal(held.code, CNC_ENOENT);
    assert_int_equal(repeat.n, 0); /* it waits for the first */
    world_flush(w);
    assert_int_equal(first.code, 0);
    assert_int_equal(repeat.n, 1);
    assert_int_equal(repeat.code, 0);
    world_expect(w, op, "type='result' id='d'");
    world_free(&w);
}

static void
a_hook_may_refuse(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    struct done a = {0};
    w->judge = REFUSE;
    publish_as(w, "a@x", n, "1", "978", true, &a);
    assert_int_equal(a.code, CNC_EREFUSED);
    assert_int_equal(cnc__node_n_items(n), 0);
    assert_int_equal(w->n_commits, 1);
    world_free(&w);
}

static void
the_oldest_go_when_a_node_is_full(void **state)
{
    struct world *w = world_new();
    struct cnc__node_config cfg;
    struct done d = {0};
    cnc__node_config_default(&cfg);
    cfg.max_items = 2;
    struct cnc__node *n = cnc__pubsub_declare(w->ps, "small", &cfg);
    world_flush(w);
    w->after[0] = '\0';
    w->hold = true;
    /* b leaves memory while its new version is on its way to the store. */
    publish_as(w, "a@x", n, "a", "1", false, &d);
    publish_as(w, "a@x", n, "b", "2", false, &d);
    world_flush(w);
    publish_as(w, "a@x", n, "c", "3", false, &d);
    publish_as(w, "a@x", n, "d", "4", false, &d);
    publish_as(w, "a@x", n, "b", "5", false, &d);
    world_flush(w);
    publish_as(w, "a@x", n, "b", "6", false, &d);
    world_flush(w);
    assert_int_equal(cnc__node_n_items(n), 2);
    assert_string_equal(cnc__node_item_at(n, 0)->id, "d");
    assert_string_equal(cnc__node_item_at(n, 1)->id, "b");
    assert_false(cnc__node_find(n, "isbn", "1"));
    assert_false(cnc__node_find(n, "isbn", "5"));
    assert_true(cnc__node_find(n, "isbn", "6"));
    assert_string_equal(w->after,
                        "publish small a | publish small b | publish small c"
                        " | retract small a | publish small d | "
                        "retract small b | publish small b | retract small c"
                        " | publish small b");
    char *before = world_dump(w);
    world_restart(w);
    char *after = world_dump(w);
    assert_string_equal(before, after);
    cnc__free(before);
    cnc__free(after);
    world_free(&w);
}

static void
finding_follows_every_change(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    struct cnc__actor op = world_operator();
    struct done d = {0};
    publish_as(w, "a@x", n, "1", "978", false, &d);
    publish_as(w, "a@x", n, "2", "978", false, &d);
    assert_true(cnc__node_find(n, "isbn", "978"));
    publish_as(w, "a@x", n, "1", "979", false, &d);
    assert_true(cnc__node_find(n, "isbn", "978"));
    assert_true(cnc__node_find(n, "isbn", "979"));
    cnc__pubsub_retract(w->ps, &op, n, "2", on_done, &d);
    world_flush(w);
    assert_int_equal(d.code, 0);
    assert_false(cnc__node_find(n, "isbn", "978"));
    assert_false(cnc__node_find(n, "title", "978"));
    /* an index made while one is on its way */
    w->hold = true;
    struct cnc_element *e =
        world_xml("<book xmlns='urn:b'><author>B</author></book>");
    cnc__pubsub_publish(w->ps, &op, n, "3", e, false, NULL, NULL);
    cnc_element_unref(&e);
    assert_true(cnc__node_find(n, "author", "B"));
    w->fail = true;
    world_flush(w);
    assert_false(cnc__node_find(n, "author", "B"));
    world_free(&w);
}

static void
publishers_take_away_their_own(void **state)
{
    struct world *w = world_new();
    struct cnc__node_config cfg;
    struct done d = {0};
    cnc__node_config_default(&cfg);
    cfg.publish = CNC__BY_ANYBODY;
    struct cnc__node *n = cnc__pubsub_declare(w->ps, "library", &cfg);
    world_flush(w);
    publish_as(w, "a@x", n, "1", "978", false, &d);
    struct cnc__actor b = {.jid = "b@x"}, a = {.jid = "a@x/any"};
    cnc__pubsub_retract(w->ps, &b, n, "1", on_done, &d);
    assert_int_equal(d.code, CNC_EACCES);
    cnc__pubsub_retract(w->ps, &a, n, "2", on_done, &d);
    assert_int_equal(d.code, CNC_ENOENT);
    cnc__pubsub_retract(w->ps, &a, n, "1", on_done, &d);
    world_flush(w);
    assert_int_equal(d.code, 0);
    /* on its way counts as there, on its way out as gone */
    w->hold = true;
    publish_as(w, "a@x", n, "3", "978", false, &d);
    cnc__pubsub_retract(w->ps, &a, n, "3", on_done, &d);
    cnc__pubsub_retract(w->ps, &a, n, "3", on_done, &d);
    assert_int_equal(d.code, CNC_ENOENT);
    world_flush(w);
    assert_int_equal(cnc__node_n_items(n), 0);
    world_free(&w);
}

static int
add_version(const struct cnc_store_entry *e, void *priv)
{
    struct cnc__str *out = priv;
    cnc__str_printf(out, "%s:%llu%s ", e->id, (unsigned long long)e->seq,
                    e->len == 0 ? "-" : "");
    return 0;
}

static void
versions_come_newest_first(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    struct cnc__actor op = world_operator();
    struct done d = {0};
    publish_as(w, "a@x", n, "1", "a", false, &d);
    publish_as(w, "a@x", n, "2", "b", false, &d);
    publish_as(w, "a@x", n, "1", "c", false, &d);
    cnc__pubsub_retract(w->ps, &op, n, "1", NULL, NULL);
    world_flush(w);
    struct cnc__str out = CNC__STR;
    assert_int_equal(cnc__node_history(n, "1", add_version, &out), 0);
    assert_string_equal(out.data, "1:4- 1:3 1:1 ");
    cnc__str_clear(&out);
    cnc__node_history(n, NULL, add_version, &out);
    assert_string_equal(out.data, "1:4- 1:3 2:2 1:1 ");
    cnc__str_fini(&out);
    world_free(&w);
}

/* -- fan-out -------------------------------------------------------------- */

#define MANY 10000

static void
ten_thousand_subscribers_hear_it_once(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    struct cnc__session **all = cnc__zalloc(MANY * sizeof(*all));
    char bare[32];
    for (int i = 0; i < MANY; i++) {
        snprintf(bare, sizeof(bare), "u%d@x", i);
        all[i] = world_session(w, bare, "a&b", false, false);
        world_say(w, all[i],
                  "<iq type='set' id='s'><pubsub xmlns='" NS "'>"
                  "<subscribe node='library' jid='%s/a&amp;b'/>"
                  "</pubsub></iq>",
                  bare);
    }
    assert_int_equal(cnc__node_n_subscribers(n), MANY);
    world_deaf(w);
    world_publish(w, n, "1", "Hamlet");
    assert_int_equal(w->n_heard, MANY);
    const char *tail = strstr(w->heard[0].xml, "<event");
    for (int i = 0; i < MANY; i++) {
        struct cnc__str head = CNC__STR;
        char position[40];
        cnc__node_position(n, position);
        assert_string_equal(w->heard[i].who, all[i]->jid);
        cnc__xml_printf(&head,
                        "<message from='" DOMAIN "' type='headline'"
                        " id='%s' to='%s'>%pR",
                        position, all[i]->jid, tail);
        assert_string_equal(w->heard[i].xml, head.data);
        cnc__str_fini(&head);
    }
    world_deaf(w);
    /* Every third leaves, in one way or another. */
    for (int i = 0; i < MANY; i += 3) {
        if (i % 2 == 0) {
            world_end(w, all[i]);
        } else {
            world_say(w, all[i],
                      "<iq type='set' id='u'><pubsub xmlns='" NS
                      "'><unsubscribe node='library' jid='u%d@x/"
                      "a&amp;b'/></pubsub></iq>",
                      i);
        }
        all[i] = NULL;
    }
    world_deaf(w);
    world_publish(w, n, "2", "Macbeth");
    size_t left = MANY - (MANY + 2) / 3;
    assert_int_equal(w->n_heard, left);
    assert_int_equal(cnc__node_n_subscribers(n), left);
    struct cnc__table *heard = cnc__table_new();
    for (size_t i = 0; i < w->n_heard; i++) {
        assert_null(cnc__table_put(heard, w->heard[i].who, w));
    }
    for (int i = 0; i < MANY; i++) {
        if (all[i] != NULL) {
            assert_non_null(cnc__table_get(heard, all[i]->jid));
        }
    }
    cnc__table_free(&heard, NULL);
    struct cnc__pubsub_stats stats;
    cnc__pubsub_stats(w->ps, &stats);
    assert_int_equal(stats.deliveries, MANY + left);
    assert_int_equal(stats.subscriptions, left);
    assert_int_equal(stats.published, 2);
    assert_int_equal(stats.items, 2);
    cnc__free(all);
    world_free(&w);
}

static void
an_account_is_notified_wherever_it_is(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    struct cnc__session *home =
        world_session(w, "bob@x", "home", false, false);
    struct cnc__session *work =
        world_session(w, "bob@x", "work", false, false);
    world_say(w, home,
              "<iq type='set' id='s'><pubsub xmlns='" NS "'>"
              "<subscribe node='library' jid='bob@x'/></pubsub>"
              "</iq>");
    world_deaf(w);
    struct cnc__session *late =
        world_session(w, "bob@x", "late", false, false);
    world_session(w, "alice@x", "home", false, false);
    world_publish(w, n, "1", "Hamlet");
    assert_int_equal(w->n_heard, 3);
    world_end(w, home);
    world_deaf(w);
    world_publish(w, n, "2", "Macbeth");
    assert_int_equal(w->n_heard, 2);
    world_deaf(w);
    world_say(w, late,
              "<iq type='set' id='u'><pubsub xmlns='" NS "'>"
              "<unsubscribe node='library' jid='bob@x'/></pubsub>"
              "</iq>");
    world_deaf(w);
    world_publish(w, n, "3", "Othello");
    world_silence(w);
    assert_int_equal(cnc__node_n_subscribers(n), 0);
    assert_non_null(work);
    world_free(&w);
}

static void
a_session_has_a_limit_of_subscriptions(void **state)
{
    struct world *w = world_new();
    struct cnc__session *s = world_session(w, "bob@x", "r", false, false);
    char name[32];
    w->quiet = true;
    for (int i = 0; i <= 1000; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        world_node(w, name);
        w->quiet = i < 1000;
        world_say(w, s,
                  "<iq type='set' id='s'><pubsub xmlns='" NS "'>"
                  "<subscribe node='%s' jid='bob@x/r'/></pubsub></iq>",
                  name);
    }
    world_expect(w, s, "<too-many-subscriptions ");
    world_free(&w);
}

static void
a_view_is_fanned_out_at_once(void **state)
{
    struct world *w = world_new();
    struct cnc__node_config cfg;
    cnc__node_config_default(&cfg);
    cfg.derived = true;
    cfg.durable = cfg.persist_items = false;
    struct cnc__node *n = cnc__pubsub_declare(w->ps, "view:/", &cfg);
    struct cnc__session *s = world_session(w, "g@x", "r", true, false);
    world_say(w, s,
              "<iq type='set' id='s'><pubsub xmlns='" NS "'>"
              "<subscribe node='view:/' jid='g@x'/></pubsub></iq>");
    world_deaf(w);
    struct cnc_buf *patch = cnc_buf_new("<patch xmlns='urn:p'/>", 22);
    cnc__pubsub_emit(w->ps, n, patch);
    cnc_buf_unref(&patch);
    char position[40];
    struct cnc__str want = CNC__STR;
    cnc__node_position(n, position);
    cnc__str_printf(&want,
                    "<message from='" DOMAIN "' type='headline' id='%s"
                    "' to='g@x'><event xmlns='" NS "#event'><items "
                    "node='view:/'><item id='%s'><patch xmlns='urn:p'"
                    "/></item></items></event>",
                    position, position);
    world_expect(w, s, want.data);
    cnc__str_fini(&want);
    assert_int_equal(w->n_waiting + w->n_commits, 0);
    /* nobody else writes it or sees it listed */
    struct cnc__session *op = world_session(w, "op@x", "r", false, true);
    world_say(w, op,
              "<iq type='set' id='p'><pubsub xmlns='" NS "'><publish "
              "node='view:/'><item><a xmlns='urn:a'/></item></publish>"
              "</pubsub></iq>");
    world_expect(w, op, "<not-allowed ");
    world_say(w, op,
              "<iq type='get' id='i'><query xmlns='http://jabber.org/"
              "protocol/disco#items'/></iq>");
    assert_null(strstr(world_hear(w, op), "view:/"));
    world_free(&w);
}

static void
the_last_item_comes_with_its_age(void **state)
{
    struct world *w = world_new();
    struct cnc__node_config cfg;
    cnc__node_config_default(&cfg);
    cfg.send_last_item = true;
    struct cnc__node *n = cnc__pubsub_declare(w->ps, "library", &cfg);
    struct cnc__session *s = world_session(w, "bob@x", "r", false, false);
    world_flush(w);
    world_publish(w, n, "1", "Hamlet");
    world_publish(w, n, "2", "Macbeth");
    w->now_ms += 60000;
    world_say(w, s,
              "<iq type='set' id='s'><pubsub xmlns='" NS "'>"
              "<subscribe node='library' jid='bob@x/r'/></pubsub></iq>");
    world_expect(w, s, "subscription='subscribed'");
    world_expect(w, s,
                 "<title>Macbeth</title></book></item></items></event>"
                 "<delay xmlns='urn:xmpp:delay' "
                 "stamp='2026-11-22T21:40:00Z'/>");
    world_say(w, s,
              "<iq type='set' id='s'><pubsub xmlns='" NS "'>"
              "<subscribe node='library' jid='bob@x'/></pubsub></iq>");
    world_expect(w, s, "subscription='subscribed'");
    world_expect(w, s, "to='bob@x'>");
    world_silence(w);
    world_free(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_chosen_when_there_is_none),
        cmocka_unit_test(nothing_is_visible_before_it_is_kept),
        cmocka_unit_test(a_failed_publish_leaves_no_trace),
        cmocka_unit_test(a_repeated_submit_is_the_same_item),
        cmocka_unit_test(a_repeat_on_its_way_waits_for_the_first),
        cmocka_unit_test(a_held_publish_is_not_overtaken),
        cmocka_unit_test(what_is_held_outlives_its_node),
        cmocka_unit_test(a_delete_on_its_way_lets_nothing_in),
        cmocka_unit_test(what_is_held_through_a_delete_is_not_seen),
        cmocka_unit_test(a_hook_may_refuse),
        cmocka_unit_test(the_oldest_go_when_a_node_is_full),
        cmocka_unit_test(finding_follows_every_change),
        cmocka_unit_test(publishers_take_away_their_own),
        cmocka_unit_test(versions_come_newest_first),
        cmocka_unit_test(ten_thousand_subscribers_hear_it_once),
        cmocka_unit_test(an_account_is_notified_wherever_it_is),
        cmocka_unit_test(a_session_has_a_limit_of_subscriptions),
        cmocka_unit_test(a_view_is_fanned_out_at_once),
        cmocka_unit_test(the_last_item_comes_with_its_age),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
