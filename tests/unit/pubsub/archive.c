/* SPDX-License-Identifier: MIT */
/* Large nodes, pages, and who missed something. */
#include "world.h"

#include <stdio.h>

#include "../../../src/pubsub/impl.h"

#define NS "http://jabber.org/protocol/pubsub"

/* -- pages ---------------------------------------------------------------- */

#define MANY 100000

static size_t
count(const char *xml, const char *part)
{
    size_t n = 0;
    for (; (xml = strstr(xml, part)) != NULL; xml++) {
        n++;
    }
    return n;
}

/* The text of the first <last>...</last> in xml. */
static void
get_last(char out[64], const char *xml)
{
    const char *from = strstr(xml, "<last>");
    assert_non_null(from);
    from += 6;
    snprintf(out, 64, "%.*s", (int)strcspn(from, "<"), from);
}

static void
a_hundred_thousand_items_are_paged_in_order(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    struct cnc__session *s = world_session(w, "bob@x", "r", false, false);
    struct cnc__actor op = world_operator();
    char id[64], last[64] = "";
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof(id), "i%06d", i);
        world_publish(w, n, id, "T");
    }
    /* Every seventh is taken away, every eleventh is published again. */
    for (int i = 0; i < MANY; i += 7) {
        snprintf(id, sizeof(id), "i%06d", i);
        cnc__pubsub_retract(w->ps, &op, n, id, NULL, NULL);
    }
    world_flush(w);
    for (int i = 1; i < MANY; i += 11) {
        snprintf(id, sizeof(id), "i%06d", i);
        world_publish(w, n, id, "U");
    }
    size_t total = cnc__node_n_items(n), seen = 0;
    uint64_t before = 0;
    for (size_t i = 0; i < total; i++) {
        const struct cnc__item *item = cnc__node_item_at(n, i);
        assert_true(item->seq > before);
        before = item->seq;
        assert_ptr_equal(cnc__node_item(n, item->id), item);
        assert_int_equal(cnc__order_rank(&n->items, item), i);
    }
    assert_null(cnc__node_item_at(n, total));
    do {
        world_deaf(w);
        world_say(w, s,
                  "<iq type='get' id='i'><pubsub xmlns='" NS "'><items "
                  "node='library'/><set xmlns='" CNC__NS_RSM "'>"
                  "<max>700</max>%s%s%s</set></pubsub></iq>",
                  *last == '\0' ? "" : "<after>", last,
                  *last == '\0' ? "" : "</after>");
        const char *xml = world_hear(w, s);
        char index[64];
        snprintf(index, sizeof(index), "<first index='%zu'>%s<", seen,
                 cnc__node_item_at(n, seen)->id);
        assert_non_null(strstr(xml, index));
        seen += count(xml, "<item id='");
        get_last(last, xml);
        assert_string_equal(last, cnc__node_item_at(n, seen - 1)->id);
    } while (seen < total);
    assert_int_equal(seen, total);
    world_free(&w);
}

static void
a_page_is_limited_in_bytes(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    struct cnc__session *s = world_session(w, "bob@x", "r", false, false);
    char *big = cnc__zalloc(100001);
    memset(big, 'x', 100000);
    for (int i = 0; i < 10; i++) {
        world_publish(w, n, NULL, big);
    }
    cnc__free(big);
    world_say(w, s,
              "<iq type='get' id='i'><pubsub xmlns='" NS "'><items "
              "node='library'/></pubsub></iq>");
    const char *xml = world_hear(w, s);
    assert_true(strlen(xml) < 500000);
    assert_int_equal(count(xml, "<item id='"), 3);
    assert_non_null(strstr(xml, "<count>10</count>"));
    world_say(w, s,
              "<iq type='get' id='i'><pubsub xmlns='" NS "'><items "
              "node='library' max_items='5'/></pubsub></iq>");
    xml = world_hear(w, s);
    assert_int_equal(count(xml, "<item id='"), 3);
    assert_non_null(strstr(xml, "<first index='7'>"));
    world_say(w, s,
              "<iq type='set' id='i'><query xmlns='urn:xmpp:mam:2'"
              " node='library'/></iq>");
    assert_int_equal(w->n_heard - w->at, 4);
    assert_null(strstr(w->heard[w->n_heard - 1].xml, "complete"));
    world_free(&w);
}

/* -- the archive ---------------------------------------------------------- */

static struct cnc__node *
view(struct world *w, uint32_t history)
{
    struct cnc__node_config cfg;
    cnc__node_config_default(&cfg);
    cfg.derived = true;
    cfg.durable = cfg.persist_items = false;
    cfg.history = history;
    return cnc__pubsub_declare(w->ps, "view:/", &cfg);
}

static void
emit(struct world *w, struct cnc__node *n, int i)
{
    char xml[64];
    int len = snprintf(xml, sizeof(xml), "<p xmlns='urn:p'>%d</p>", i);
    struct cnc_buf *b = cnc_buf_new(xml, (size_t)len);
    cnc__pubsub_emit(w->ps, n, b);
    cnc_buf_unref(&b);
}

static void
ask_after(struct world *w, struct cnc__session *s, const char *position)
{
    world_say(w, s,
              "<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'"
              " node='view:/'><set xmlns='" CNC__NS_RSM "'><after>%s"
              "</after></set></query></iq>",
              position);
}

/* Whoever comes back at any position gets exactly what it missed, or is told
 * that it cannot have it. */
static void
no_gap_and_no_duplicate(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = view(w, 50);
    struct cnc__session *s = world_session(w, "g@x", "r", true, false);
    char positions[121][40];
    cnc__node_position(n, positions[0]);
    for (int i = 1; i <= 120; i++) {
        emit(w, n, i);
        cnc__node_position(n, positions[i]);
    }
    for (int at = 0; at <= 120; at++) {
        world_deaf(w);
        ask_after(w, s, positions[at]);
        if (at < 70) {
            world_expect(w, s, "<item-not-found ");
            continue;
        }
        for (int i = at + 1; i <= 120; i++) {
            char part[64];
            snprintf(part, sizeof(part), "<p xmlns='urn:p'>%d</p>", i);
            world_expect(w, s, part);
        }
        world_expect(w, s, "complete='true'");
        world_silence(w);
    }
    world_free(&w);
}

static void
an_archive_of_another_epoch_has_nothing_for_you(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = view(w, 50);
    char position[40];
    emit(w, n, 1);
    cnc__node_position(n, position);
    world_restart(w);
    n = view(w, 50);
    emit(w, n, 1);
    struct cnc__session *s = world_session(w, "g@x", "r", true, false);
    ask_after(w, s, position);
    world_expect(w, s, "<item-not-found ");
    world_free(&w);
}

static void
a_page_of_the_archive_has_250_events(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = view(w, 1000);
    struct cnc__session *s = world_session(w, "g@x", "r", true, false);
    char position[40], last[64];
    cnc__node_position(n, position);
    for (int i = 1; i <= 600; i++) {
        emit(w, n, i);
    }
    snprintf(last, sizeof(last), "%s", position);
    size_t seen = 0;
    for (int page = 0; page < 3; page++) {
        world_deaf(w);
        ask_after(w, s, last);
        seen += w->n_heard - 1;
        const char *fin = w->heard[w->n_heard - 1].xml;
        assert_int_equal(strstr(fin, "complete='true'") != NULL, page == 2);
        get_last(last, fin);
    }
    assert_int_equal(seen, 600);
    world_free(&w);
}

static void
an_archive_of_nothing_is_complete(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = view(w, 0);
    struct cnc__session *s = world_session(w, "g@x", "r", true, false);
    char before[40], now[40];
    cnc__node_position(n, before);
    emit(w, n, 1);
    cnc__node_position(n, now);
    ask_after(w, s, now);
    world_expect(w, s, "complete='true'");
    ask_after(w, s, before);
    world_expect(w, s, "<item-not-found ");
    world_free(&w);
}

static void
the_order_is_right_after_any_changes(void **state)
{
    struct cnc__order o;
    struct cnc__item *model[512] = {NULL};
    size_t n = 0;
    uint64_t seq = 0;
    uint32_t dice = 1;
    cnc__order_init(&o);
    for (int step = 0; step < 20000; step++) {
        dice = dice * 1664525u + 1013904223u;
        unsigned roll = dice >> 16;
        if (n < 512 && (n == 0 || roll % 5 < (step / 2000 % 2 ? 2u : 3u))) {
            char id[16];
            snprintf(id, sizeof(id), "%d", step);
            struct cnc__item *item = cnc__item_new(id, "", 0);
            item->seq = seq += 1 + roll % 3;
            cnc__order_append(&o, item);
            model[n++] = item;
        } else {
            size_t at = roll % n;
            struct cnc__item *taken = cnc__order_take(&o, model[at]->id);
            assert_ptr_equal(taken, model[at]);
            cnc__item_unref(&taken);
            cnc__item_unref(&model[at]);
            memmove(&model[at], &model[at + 1], (--n - at) * sizeof(*model));
        }
        if (step % 37 == 0) {
            assert_int_equal(o.live, n);
            for (size_t i = 0; i < n; i++) {
                assert_ptr_equal(cnc__order_at(&o, i), model[i]);
                assert_int_equal(cnc__order_rank(&o, model[i]), i);
            }
            assert_null(cnc__order_at(&o, n));
        }
    }
    for (size_t i = 0; i < n; i++) {
        cnc__item_unref(&model[i]);
    }
    cnc__order_fini(&o);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_is_right_after_any_changes),
        cmocka_unit_test(a_hundred_thousand_items_are_paged_in_order),
        cmocka_unit_test(a_page_is_limited_in_bytes),
        cmocka_unit_test(no_gap_and_no_duplicate),
        cmocka_unit_test(an_archive_of_another_epoch_has_nothing_for_you),
        cmocka_unit_test(a_page_of_the_archive_has_250_events),
        cmocka_unit_test(an_archive_of_nothing_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
