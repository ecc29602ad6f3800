/* SPDX-License-Identifier: MIT */
/* What is kept is what was acknowledged; what is damaged is said. */
#include "world.h"

#include <stdio.h>

#define NS "http://jabber.org/protocol/pubsub"

static void
same_after_restart(struct world *w)
{
    char *before = world_dump(w);
    world_restart(w);
    char *after = world_dump(w);
    assert_string_equal(before, after);
    cnc__free(before);
    cnc__free(after);
}

struct acked {
    struct cnc__table *kept; /* id -> title that was acknowledged last */
    char id[16], title[16];
};

static void
on_acked(const struct cnc_error *err, const char *id, void *priv)
{
    struct acked *a = priv;
    (void)id;
    if (err == NULL) {
        cnc__free(cnc__table_put(a->kept, a->id, cnc__strdup(a->title)));
    }
}

/* Random publishes, retractions and purges, failures and restarts between
 * them: the state after a restart is the state before. */
static void
a_restart_changes_nothing(void **state)
{
    struct world *w = world_new();
    struct cnc__actor op = world_operator();
    struct cnc__session *s;
    uint32_t dice = 7;
    struct cnc__node_config cfg;
    cnc__node_config_default(&cfg);
    cfg.max_items = 20;
    cfg.history = 30;
    struct cnc__node *n = cnc__pubsub_declare(w->ps, "library", &cfg);
    world_flush(w);
    char highest[40] = "", position[40], id[16], title[16];
    for (int step = 0; step < 3000; step++) {
        dice = dice * 1664525u + 1013904223u;
        unsigned roll = dice >> 16;
        snprintf(id, sizeof(id), "%u", roll % 31);
        snprintf(title, sizeof(title), "%d", step);
        w->fail = roll % 13 == 0;
        w->hold = roll % 3 == 0;
        if (roll % 101 == 0) {
            s = world_session(w, "op@x", "r", false, true);
            world_say(w, s,
                      "<iq type='set' id='p'><pubsub xmlns='" NS
                      "#owner'><purge node='library'/></pubsub></iq>");
            world_end(w, s);
        } else if (roll % 7 == 1) {
            cnc__pubsub_retract(w->ps, &op, n, id, NULL, NULL);
        } else {
            world_publish(w, n, id, title);
        }
        if (roll % 5 == 0) {
            world_flush(w);
        }
        world_deaf(w);
        if (step % 97 == 0) {
            w->fail = w->hold = false;
            world_flush(w);
            assert_true(cnc__node_n_items(n) <= 20);
            same_after_restart(w);
            n = cnc__pubsub_node(w->ps, "library");
            cnc__node_position(n, position);
            /* same epoch, and never back */
            if (*highest != '\0') {
                assert_memory_equal(position, highest, 9);
                assert_true(strtoull(position + 9, NULL, 10) >=
                            strtoull(highest + 9, NULL, 10));
            }
            memcpy(highest, position, sizeof(highest));
        }
    }
    world_free(&w);
}

static void
what_was_acknowledged_survives_a_crash(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    struct cnc__actor op = world_operator();
    struct acked acked = {.kept = cnc__table_new()};
    uint32_t dice = 3;
    for (int step = 0; step < 400; step++) {
        dice = dice * 1664525u + 1013904223u;
        snprintf(acked.id, sizeof(acked.id), "%u", (dice >> 16) % 40);
        snprintf(acked.title, sizeof(acked.title), "%d", step);
        struct cnc_element *e = world_xml(
            "<book xmlns='urn:example:books'><title>%s</title></book>",
            acked.title);
        w->hold = true;
        cnc__pubsub_publish(w->ps, &op, n, acked.id, e, false, on_acked,
                            &acked);
        cnc_element_unref(&e);
        if ((dice >> 20) % 9 == 0) {
            world_crash(w); /* this one was on its way */
            n = cnc__pubsub_node(w->ps, "library");
            assert_non_null(n);
            struct cnc__table_iter i = {0};
            while (cnc__table_next(acked.kept, &i)) {
                struct cnc__str want = CNC__STR;
                const struct cnc__item *item = cnc__node_item(n, i.key);
                assert_non_null(item);
                cnc__str_printf(&want, "<title>%s</title>",
                                (const char *)i.value);
                assert_non_null(
                    strstr(cnc_buf_data(item->payload), want.data));
                cnc__str_fini(&want);
            }
            assert_int_equal(cnc__node_n_items(n), cnc__table_len(acked.kept));
        } else {
            world_flush(w);
        }
    }
    cnc__table_free(&acked.kept, cnc__free);
    world_free(&w);
}

static void
people_and_configuration_are_kept(void **state)
{
    struct world *w = world_new();
    struct cnc__session *op = world_session(w, "op@x", "r", false, true);
    struct cnc__session *bob = world_session(w, "bob@x", "r", false, false);
    world_say(w, op,
              "<iq type='set' id='c'><pubsub xmlns='" NS "'><create "
              "node='library'/><configure><x xmlns='jabber:x:data'"
              " type='submit'><field var='FORM_TYPE'><value>" NS
              "#node_config</value></field><field var='pubsub#title'>"
              "<value>&lt;My&gt; &quot;shelf&quot;</value></field>"
              "<field var='pubsub#max_items'><value>7</value></field>"
              "<field var='pubsub#send_last_published_item'><value>"
              "on_sub</value></field></x></configure></pubsub></iq>");
    world_say(w, op,
              "<iq type='set' id='a'><pubsub xmlns='" NS "#owner'>"
              "<affiliations node='library'><affiliation jid='eve@x'"
              " affiliation='outcast'/><affiliation jid='pat@x'"
              " affiliation='publish-only'/></affiliations></pubsub>"
              "</iq>");
    world_say(w, bob,
              "<iq type='set' id='s'><pubsub xmlns='" NS "'>"
              "<subscribe node='library' jid='bob@x'/></pubsub></iq>");
    world_restart(w);
    const struct cnc__node *n = cnc__pubsub_node(w->ps, "library");
    assert_non_null(n);
    const struct cnc__node_config *c = cnc__node_config(n);
    assert_string_equal(c->title, "<My> \"shelf\"");
    assert_int_equal(c->max_items, 7);
    assert_true(c->send_last_item);
    assert_true(c->durable);
    op = world_session(w, "op@x", "r", false, true);
    world_say(w, op,
              "<iq type='get' id='a'><pubsub xmlns='" NS "#owner'>"
              "<affiliations node='library'/></pubsub></iq>");
    world_expect(w, op,
                 "<affiliation jid='op@x' affiliation='owner'/>"
                 "<affiliation jid='eve@x' affiliation='outcast'/>"
                 "<affiliation jid='pat@x'"
                 " affiliation='publish-only'/>");
    world_say(w, op,
              "<iq type='get' id='a'><pubsub xmlns='" NS "#owner'>"
              "<subscriptions node='library'/></pubsub></iq>");
    world_expect(w, op,
                 "<subscription jid='bob@x'"
                 " subscription='subscribed'/>");
    world_free(&w);
}

static void
an_app_may_change_its_declaration(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    for (int i = 0; i < 10; i++) {
        world_publish(w, n, NULL, "T");
    }
    world_restart(w);
    struct cnc__node_config cfg;
    cnc__node_config_default(&cfg);
    cfg.max_items = 3;
    cfg.title = (char *)"Shelf";
    size_t before = w->n_commits;
    n = cnc__pubsub_declare(w->ps, "library", &cfg);
    world_flush(w);
    assert_int_equal(w->n_commits, before + 1);
    assert_int_equal(cnc__node_n_items(n), 3);
    assert_ptr_equal(cnc__pubsub_declare(w->ps, "library", &cfg), n);
    assert_int_equal(w->n_commits, before + 1);
    world_publish(w, n, NULL, "T");
    same_after_restart(w);
    n = cnc__pubsub_node(w->ps, "library");
    assert_string_equal(cnc__node_config(n)->title, "Shelf");
    world_free(&w);
}

/* A full disk while an app starts: what is published once there is room must
 * not be kept without its node, or the next start finds a damaged store. */
static void
a_node_that_was_not_kept_is_kept_with_its_first_item(void **state)
{
    struct world *w = world_new();
    w->fail = true;
    struct cnc__node *n = world_node(w, "library");
    assert_int_equal(cnc__table_len(w->rows), 0);
    world_publish(w, n, "1", "Lost");
    assert_int_equal(cnc__table_len(w->rows), 0);
    w->fail = false;
    world_publish(w, n, "2", "Kept");
    same_after_restart(w);
    assert_int_equal(cnc__node_n_items(cnc__pubsub_node(w->ps, "library")), 1);
    world_free(&w);
}

static void
an_item_without_payload_is_no_retraction(void **state)
{
    struct world *w = world_new();
    struct cnc__node_config cfg;
    cnc__node_config_default(&cfg);
    cfg.deliver_payloads = false;
    struct cnc__node *n = cnc__pubsub_declare(w->ps, "library", &cfg);
    struct cnc__actor op = world_operator();
    cnc__pubsub_publish(w->ps, &op, n, "1", NULL, false, NULL, NULL);
    world_flush(w);
    same_after_restart(w);
    struct cnc__session *s = world_session(w, "bob@x", "r", false, false);
    world_say(w, s,
              "<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'"
              " node='library'/></iq>");
    world_expect(w, s, "<item id='1'/>");
    world_free(&w);
}

static void
the_store_does_not_grow_for_ever(void **state)
{
    struct world *w = world_new();
    struct cnc__node_config cfg;
    cnc__node_config_default(&cfg);
    cfg.max_items = 10;
    cfg.history = 20;
    struct cnc__node *n = cnc__pubsub_declare(w->ps, "library", &cfg);
    world_flush(w);
    for (int i = 0; i < 2000; i++) {
        world_publish(w, n, NULL, "T");
    }
    /* NODE, items and one on its way out, history and what is not yet
     * trimmed */
    assert_true(cnc__table_len(w->rows) <= 1 + 11 + 20 + 65);
    world_free(&w);
}

/* -- damage --------------------------------------------------------------- */

static void
damaged(const struct cnc_store_entry *entries, size_t n, const char *part)
{
    struct world *w = world_new();
    struct cnc_error err = {0};
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = cnc__pubsub_load(w->ps, &entries[i], &err);
    }
    assert_int_equal(rc, CNC_ESTORE);
    if (strstr(err.text, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, err.text);
    }
    world_free(&w);
}

#define NODE(xml)                                                             \
    {                                                                         \
        CNC_STORE_NODE, "n", "", 0, 0, 0, "", xml, strlen(xml)                \
    }
#define GOOD                                                                  \
    "<node xmlns=\"http://concordance-xmpp.org/ns/store\" "                   \
    "epoch=\"0123abcd\" seq=\"0\"><config/></node>"
#define ITEM(kind, node, id, seq, xml)                                        \
    {                                                                         \
        kind, node, id, seq, seq, 1, "a@x", xml, strlen(xml)                  \
    }

static void
a_damaged_store_is_said(void **state)
{
    const struct cnc_store_entry none[] = {NODE("")};
    const struct cnc_store_entry other[] = {NODE("<node/>")};
    const struct cnc_store_entry odd[] = {
        NODE("<node xmlns=\"http://concordance-xmpp.org/ns/store\" "
             "epoch=\"0123abcd\" seq=\"1\"><config access=\"magic\"/>"
             "</node>")};
    const struct cnc_store_entry orphan[] = {
        ITEM(CNC_STORE_ITEM, "gone", "1", 1, "<a xmlns='urn:a'/>")};
    const struct cnc_store_entry twice[] = {
        NODE(GOOD), ITEM(CNC_STORE_ITEM, "n", "1", 1, "<a xmlns='urn:a'/>"),
        ITEM(CNC_STORE_ITEM, "n", "1", 2, "<a xmlns='urn:a'/>")};
    const struct cnc_store_entry back[] = {
        NODE(GOOD), ITEM(CNC_STORE_HISTORY, "n", "1", 5, "<a xmlns='urn:a'/>"),
        ITEM(CNC_STORE_HISTORY, "n", "2", 4, "<a xmlns='urn:a'/>")};
    const struct cnc_store_entry broken[] = {
        NODE(GOOD),
        ITEM(CNC_STORE_ITEM, "n", "1", 1, "<a xmlns='urn:a'></item>")};
    damaged(none, 1, "no such node can be");
    damaged(other, 1, "its configuration is not ours");
    damaged(odd, 1, "its configuration is not ours");
    damaged(orphan, 1, "there is no such node");
    damaged(twice, 3, "out of order");
    damaged(back, 3, "out of order");
    damaged(broken, 2, "its payload is no XML");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restart_changes_nothing),
        cmocka_unit_test(what_was_acknowledged_survives_a_crash),
        cmocka_unit_test(people_and_configuration_are_kept),
        cmocka_unit_test(an_app_may_change_its_declaration),
        cmocka_unit_test(a_node_that_was_not_kept_is_kept_with_its_first_item),
        cmocka_unit_test(an_item_without_payload_is_no_retraction),
        cmocka_unit_test(the_store_does_not_grow_for_ever),
        cmocka_unit_test(a_damaged_store_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
