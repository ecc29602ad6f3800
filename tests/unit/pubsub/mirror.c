/* SPDX-License-Identifier: MIT */
/*
 * Two services and a wire between them: ours, x.example, keeps a node of
 * books.example as well.  The wire is cut, stanzas are lost, we are killed; in
 * the end both have the same, and nothing was done twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../../src/base/log.h"
#include "../../../src/pubsub/pubsub.h"
#include "../../../src/xml/write.h"

#define NS     "http://jabber.org/protocol/pubsub"
#define OURS   "x.example"
#define SOURCE "books.example"

struct row {
    enum cnc_store_kind kind;
    char *node, *id, *publisher, *value;
    uint64_t seq, created;
    size_t len;
};

struct side {
    struct cnc__router *router;
    struct cnc__pubsub *ps;
    struct cnc__node *node;
    struct cnc__commit *waiting[4096];
    size_t n_waiting;
    struct row *rows;
    size_t n_rows, cap_rows;
};

struct wired {
    int to; /* which side */
    char *xml;
};

static struct {
    struct side side[2]; /* 0: ours, 1: the source */
    struct wired *wire;
    size_t n, cap;
    bool cut, lossy, no_archive, fail;
    uint64_t now_ms;
    size_t n_items, n_archive; /* how often it was asked for */
    size_t n_published, n_retracted, n_purged;
} t;

/* -- the store ------------------------------------------------------------ */

static void
row_fini(struct row *r)
{
    cnc__free(r->node);
    cnc__free(r->id);
    cnc__free(r->publisher);
    cnc__free(r->value);
}

static bool
hits(const struct cnc_store_op *op, const struct row *r)
{
    const struct cnc_store_entry *e = &op->entry;
    if (strcmp(e->node, r->node) != 0) {
        return false;
    }
    switch (op->verb) {
    case CNC_STORE_PUT:
    case CNC_STORE_DEL:
        return e->kind == r->kind &&
               (e->kind == CNC_STORE_HISTORY ? e->seq == r->seq
                                             : strcmp(e->id, r->id) == 0);
    case CNC_STORE_PURGE:
        return r->kind == CNC_STORE_ITEM;
    case CNC_STORE_DROP:
        return r->kind != CNC_STORE_KEY;
    case CNC_STORE_TRIM:
        return r->kind == CNC_STORE_HISTORY && r->seq < e->seq;
    }
    return false;
}

static void
keep(struct side *s, const struct cnc_store_op *op)
{
    for (size_t i = s->n_rows; i-- > 0;) {
        if (hits(op, &s->rows[i])) {
            row_fini(&s->rows[i]);
            s->rows[i] = s->rows[--s->n_rows];
        }
    }
    if (op->verb == CNC_STORE_PUT) {
        const struct cnc_store_entry *e = &op->entry;
        s->rows =
            cnc__grow(s->rows, s->n_rows, &s->cap_rows, sizeof(*s->rows));
        s->rows[s->n_rows++] = (struct row){e->kind,
                                            cnc__strdup(e->node),
                                            cnc__strdup(e->id),
                                            cnc__strdup(e->publisher),
                                            cnc__strndup(e->value, e->len),
                                            e->seq,
                                            e->created,
                                            e->len};
    }
}

static int
by_place(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int px = x->kind == CNC_STORE_NODE ? 0 : x->kind == CNC_STORE_KEY ? 1 : 2;
    int py = y->kind == CNC_STORE_NODE ? 0 : y->kind == CNC_STORE_KEY ? 1 : 2;
    int c = px != py ? px - py : strcmp(x->node, y->node);
    return c != 0 ? c : (x->seq > y->seq) - (x->seq < y->seq);
}

static void
on_commit(struct cnc__commit *c, void *priv)
{
    struct side *s = priv;
    assert_true(s->n_waiting < CNC_N(s->waiting));
    s->waiting[s->n_waiting++] = c;
}

static void
store(struct side *s, bool lose)
{
    while (s->n_waiting > 0) {
        struct cnc__commit *c = s->waiting[0];
        struct cnc_error err = {0};
        memmove(s->waiting, s->waiting + 1,
                --s->n_waiting * sizeof(*s->waiting));
        bool failed = lose || (t.fail && s == &t.side[0]);
        if (failed) {
            cnc_error_set(&err, CNC_ESTORE, NULL, "the disk is full");
        }
        for (size_t i = 0; !failed && i < c->n_ops; i++) {
            keep(s, &c->ops[i]);
        }
        c->done(c, failed ? &err : NULL);
    }
}

/* -- the wire ------------------------------------------------------------- */

static int
carry(const char *from, const char *to, const char *head, size_t head_len,
      const struct cnc_buf *tail, struct cnc_error *err, void *priv)
{
    int other = priv == &t.side[0] ? 1 : 0;
    struct cnc__str xml = CNC__STR;
    if (strcmp(to, other == 0 ? OURS : SOURCE) != 0 || t.cut) {
        return cnc_error_set(err, CNC_EACCES, "remote-server-timeout",
                             "the wire is cut");
    }
    cnc__str_add(&xml, head, head_len);
    if (tail != NULL) {
        cnc__str_add(&xml, cnc_buf_data(tail), cnc_buf_len(tail));
    }
    t.n_items += strstr(xml.data, "<items node=") != NULL &&
                 strstr(xml.data, "type='get'") != NULL;
    t.n_archive += strstr(xml.data, "<query xmlns='urn:xmpp:mam:2'") != NULL;
    t.wire = cnc__grow(t.wire, t.n, &t.cap, sizeof(*t.wire));
    t.wire[t.n++] = (struct wired){other, cnc__str_steal(&xml)};
    return 0;
}

static void
hand_over(struct side *s, const char *xml)
{
    struct cnc_element *e = NULL;
    struct cnc__str whole = CNC__STR;
    struct cnc_xml_limits limits = {.size = sizeof(limits),
                                    .max_stanza = CNC_BUF_MAX};
    size_t name = 1 + strcspn(xml + 1, " >/");
    cnc__str_add(&whole, xml, name);
    cnc__str_puts(&whole, " xmlns='jabber:client'");
    const char *rest = xml + name;
    /* A source that has no archive does not say so. */
    const char *mam = "<feature var='urn:xmpp:mam:2'/>";
    const char *at = t.no_archive ? strstr(rest, mam) : NULL;
    if (at != NULL) {
        cnc__str_add(&whole, rest, (size_t)(at - rest));
        rest = at + strlen(mam);
    }
    cnc__str_puts(&whole, rest);
    assert_int_equal(
        cnc_xml_parse(&e, whole.data, whole.len, 0, &limits, NULL), 0);
    assert_true(cnc__router_from_peer(s->router, e));
    cnc_element_unref(&e);
    cnc__str_fini(&whole);
}

static bool
pump_one(void)
{
    store(&t.side[0], false);
    store(&t.side[1], false);
    if (t.n == 0) {
        return false;
    }
    struct wired w = t.wire[0];
    memmove(t.wire, t.wire + 1, --t.n * sizeof(*t.wire));
    hand_over(&t.side[w.to], w.xml);
    cnc__free(w.xml);
    return true;
}

static void
pump(void)
{
    while (pump_one()) {
    }
}

static void
cut(bool yes)
{
    t.cut = yes;
    for (size_t i = 0; yes && i < t.n; i++) {
        cnc__free(t.wire[i].xml);
    }
    t.n = yes ? 0 : t.n;
}

static void
tick(unsigned s)
{
    for (unsigned i = 0; i < s; i++) {
        t.now_ms += 1000;
        for (int k = 0; k < 2; k++) {
            cnc__router_tick(t.side[k].router, t.now_ms);
            cnc__pubsub_tick(t.side[k].ps, t.now_ms);
        }
        pump();
    }
}

/* -- the sides ------------------------------------------------------------ */

static int64_t
on_now(void *priv)
{
    return (int64_t)t.now_ms;
}

static int
judge(struct cnc__publish *p, struct cnc__node *node,
      const struct cnc__actor *actor, const char *id,
      struct cnc_element *payload, struct cnc_error *err, void *priv)
{
    return priv == &t.side[0] && payload != NULL &&
                   strcmp(cnc_element_name(payload), "bad") == 0
               ? cnc_error_set(err, CNC_EREFUSED, NULL, "That is no book.")
               : 0;
}

static void
after(enum cnc__event ev, struct cnc__node *node, struct cnc__item *item,
      void *priv)
{
    if (priv == &t.side[0]) {
        t.n_published += ev == CNC__EV_PUBLISH;
        t.n_retracted += ev == CNC__EV_RETRACT;
        t.n_purged += ev == CNC__EV_PURGE;
    }
}

static void
start(int which, uint32_t history)
{
    struct side *s = &t.side[which];
    s->router = cnc__router_new(which == 0 ? OURS : SOURCE);
    cnc__router_tick(s->router, t.now_ms);
    cnc__router_carrier(s->router, false, carry, s);
    const struct cnc__pubsub_env env = {.router = s->router,
                                        .commit = on_commit,
                                        .now_ms = on_now,
                                        .before_publish = judge,
                                        .after = after,
                                        .priv = s};
    s->ps = cnc__pubsub_new(&env);
    if (s->n_rows > 0) {
        qsort(s->rows, s->n_rows, sizeof(*s->rows), by_place);
    }
    for (size_t i = 0; i < s->n_rows; i++) {
        const struct row *r = &s->rows[i];
        const struct cnc_store_entry e = {r->kind,      r->node,    r->id,
                                          r->seq,       r->created, 0,
                                          r->publisher, r->value,   r->len};
        assert_int_equal(cnc__pubsub_load(s->ps, &e, NULL), 0);
    }
    cnc__pubsub_load_done(s->ps);
    struct cnc__node_config cfg;
    cnc__node_config_default(&cfg);
    cfg.history = history;
    s->node =
        cnc__pubsub_declare(s->ps, which == 0 ? "copy" : "library", &cfg);
    if (which == 0) {
        assert_int_equal(
            cnc__pubsub_mirror(s->ps, s->node, SOURCE, "library", NULL), 0);
    }
    store(s, false);
}

static void
stop(int which)
{
    struct side *s = &t.side[which];
    cnc__pubsub_free(&s->ps);
    store(s, true);
    cnc__router_free(&s->router);
}

static void
begin(uint32_t history)
{
    memset(&t, 0, sizeof(t));
    t.now_ms = UINT64_C(1795383600000);
    start(1, history);
    start(0, 1000);
}

static void
end(void)
{
    stop(0);
    stop(1);
    cut(true);
    cnc__free(t.wire);
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < t.side[k].n_rows; i++) {
            row_fini(&t.side[k].rows[i]);
        }
        cnc__free(t.side[k].rows);
    }
}

static void
crash(void)
{
    stop(0);
    cut(true);
    cut(false);
    start(0, 1000);
}

static void
publish(const char *id, const char *title)
{
    const struct cnc__actor who = {.jid = "op@" SOURCE, .operator_ = true};
    struct cnc__str xml = CNC__STR;
    struct cnc_element *e = NULL;
    cnc__xml_printf(&xml, "<book xmlns='urn:b'><title>%s</title></book>",
                    title);
    if (strcmp(title, "bad") == 0) {
        cnc__str_clear(&xml);
        cnc__str_puts(&xml, "<bad xmlns='urn:b'/>");
    }
    assert_int_equal(cnc_xml_parse(&e, xml.data, xml.len, 0, NULL, NULL), 0);
    cnc__pubsub_publish(t.side[1].ps, &who, t.side[1].node, id, e, false, NULL,
                        NULL);
    cnc_element_unref(&e);
    cnc__str_fini(&xml);
    store(&t.side[1], false);
}

static void
retract(const char *id)
{
    const struct cnc__actor who = {.jid = "op@" SOURCE, .operator_ = true};
    cnc__pubsub_retract(t.side[1].ps, &who, t.side[1].node, id, NULL, NULL);
    store(&t.side[1], false);
}

static void
say(int which, bool operator_, const char *xml)
{
    struct cnc_element *e = NULL;
    struct cnc__session *s =
        cnc__router_bind(t.side[which].router, NULL,
                         which == 0 ? "op@" OURS : "op@" SOURCE, "r", 0);
    s->operator_ = operator_;
    assert_int_equal(cnc_xml_parse(&e, xml, strlen(xml), 0, NULL, NULL), 0);
    cnc__router_stanza(s, e);
    store(&t.side[which], false);
    cnc__router_unbind(&s);
    cnc_element_unref(&e);
}

static void
purge(void)
{
    say(1, true,
        "<iq xmlns='jabber:client' type='set' id='p' to='" SOURCE
        "'><pubsub xmlns='" NS "#owner'><purge node='library'/></pubsub>"
        "</iq>");
}

/* What a node has, and in which order. */
static char *
dump(const struct side *s, bool ordered)
{
    struct cnc__str out = CNC__STR;
    size_t n = cnc__node_n_items(s->node);
    if (ordered) {
        for (size_t i = 0; i < n; i++) {
            const struct cnc__item *item = cnc__node_item_at(s->node, i);
            cnc__str_printf(&out, "%s %s\n", item->id,
                            cnc_buf_data(item->payload));
        }
        return cnc__str_steal(&out);
    }
    cnc__str_printf(&out, "%zu\n", n);
    for (int i = 0; i < 400; i++) {
        char id[20];
        snprintf(id, sizeof(id), "%d", i);
        const struct cnc__item *item = cnc__node_item(s->node, id);
        if (item != NULL) {
            cnc__str_printf(&out, "%s %s\n", id, cnc_buf_data(item->payload));
        }
    }
    return cnc__str_steal(&out);
}

static void
assert_same(bool ordered)
{
    char *ours = dump(&t.side[0], ordered),
         *theirs = dump(&t.side[1], ordered);
    if (ours == NULL || theirs == NULL) {
        assert_ptr_equal(ours, theirs);
    } else {
        assert_string_equal(ours, theirs);
    }
    cnc__free(ours);
    cnc__free(theirs);
}

static void
publish_n(int from, int to, const char *title)
{
    char id[20];
    for (int i = from; i < to; i++) {
        snprintf(id, sizeof(id), "%d", i);
        publish(id, title);
    }
}

/* -- tests ---------------------------------------------------------------- */

static void
all_is_fetched_and_then_it_is_live(void **state)
{
    begin(1000);
    publish_n(0, 250, "First");
    tick(1);
    assert_same(true);
    assert_int_equal(t.n_published, 250);
    assert_int_equal(t.n_items, 3);
    publish("250", "New");
    publish("7", "Again");
    retract("9");
    pump();
    assert_same(true);
    assert_int_equal(t.n_published, 252);
    assert_int_equal(t.n_retracted, 1);
    purge();
    publish("251", "After");
    pump();
    assert_same(true);
    assert_int_equal(t.n_purged, 1);
    assert_int_equal(t.n_published, 253);
    /* Looking now and then changes nothing. */
    tick(1300);
    assert_int_equal(t.n_published, 253);
    assert_int_equal(t.n_items, 3);
    end();
}

static void
what_was_missed_comes_from_the_archive_once(void **state)
{
    begin(1000);
    publish_n(0, 10, "First");
    tick(1);
    cut(true);
    publish_n(5, 130, "Second");
    publish("5", "Third");
    retract("6");
    cut(false);
    size_t items = t.n_items;
    tick(60);
    assert_same(true);
    assert_int_equal(t.n_published, 10 + 125 + 1);
    assert_int_equal(t.n_retracted, 1);
    assert_int_equal(t.n_items, items);
    /* One event that is lost is noticed by the next. */
    cut(true);
    publish("200", "Lost");
    cut(false);
    publish("201", "Next");
    pump();
    tick(1);
    assert_same(true);
    assert_int_equal(t.n_published, 10 + 125 + 1 + 2);
    end();
}

static void
a_crash_goes_on_where_it_was(void **state)
{
    begin(1000);
    publish_n(0, 50, "First");
    tick(1);
    publish("50", "Live");
    pump();
    size_t items = t.n_items;
    stop(0);
    cut(true);
    publish_n(40, 60, "While away");
    purge();
    publish_n(60, 70, "After");
    cut(false);
    start(0, 1000);
    t.n_published = 0;
    tick(1);
    assert_same(true);
    assert_int_equal(t.n_items, items); /* not all of it again */
    assert_int_equal(t.n_published, 30);
    assert_int_equal(t.n_purged, 1);
    crash();
    t.n_published = 0;
    tick(1);
    assert_same(true);
    assert_int_equal(t.n_published, 0);
    end();
}

static void
an_archive_that_does_not_reach_back_is_no_gap(void **state)
{
    begin(10);
    publish_n(0, 50, "First");
    tick(1);
    assert_same(true);
    cut(true);
    publish_n(20, 80, "Second");
    retract("3");
    retract("30");
    cut(false);
    tick(60);
    assert_same(false);
    assert_int_equal(t.n_published, 50 + 60 - 1);
    end();
}

static void
a_source_without_an_archive_is_compared(void **state)
{
    begin(1000);
    t.no_archive = true;
    publish_n(0, 130, "First");
    tick(1);
    assert_same(true);
    assert_int_equal(t.n_archive, 0);
    publish("130", "Live");
    retract("4");
    pump();
    assert_same(true);
    assert_int_equal(t.n_published, 131);
    cut(true);
    publish("131", "Missed");
    retract("5");
    cut(false);
    tick(40); /* the newest is another one */
    assert_same(true);
    assert_int_equal(t.n_published, 132);
    cut(true);
    retract("7");
    cut(false);
    tick(700); /* a retraction alone takes until all is compared */
    assert_same(true);
    assert_int_equal(t.n_published, 132);
    crash();
    t.n_published = 0;
    tick(1);
    assert_same(true);
    assert_int_equal(t.n_published, 0);
    end();
}

static void
it_is_told_when_the_source_is_lost_and_back(void **state)
{
    begin(1000);
    cut(true);
    publish_n(0, 3, "First");
    tick(100);
    assert_int_equal(cnc__node_n_items(t.side[0].node), 0);
    cut(false);
    tick(400);
    assert_same(true);
    end();
}

static void
what_the_record_refuses_is_left_out(void **state)
{
    begin(1000);
    publish("1", "bad");
    publish("2", "good");
    tick(1);
    assert_int_equal(cnc__node_n_items(t.side[0].node), 1);
    publish("3", "bad");
    publish("4", "good");
    pump();
    assert_int_equal(cnc__node_n_items(t.side[0].node), 2);
    retract("3");
    retract("2");
    pump();
    assert_int_equal(cnc__node_n_items(t.side[0].node), 1);
    size_t asked = t.n_archive;
    tick(25);
    assert_int_equal(t.n_archive, asked); /* nobody runs in circles */
    end();
}

static void
only_the_source_is_believed(void **state)
{
    static const char *const froms[] = {"evil.example", "books.example.evil",
                                        "juliet@books.example",
                                        "books.example/x", "x.example"};
    begin(1000);
    publish("1", "True");
    tick(1);
    for (size_t i = 0; i < CNC_N(froms); i++) {
        struct cnc__str xml = CNC__STR;
        cnc__str_printf(
            &xml,
            "<message from='%s' to='" OURS
            "' type='headline'><event xmlns='" NS
            "#event'><items node='library'><item id='2'><book"
            " xmlns='urn:b'/></item><retract id='1'/></items></event>"
            "</message>",
            froms[i]);
        hand_over(&t.side[0], xml.data);
        cnc__str_clear(&xml);
        cnc__str_printf(&xml,
                        "<message from='%s' to='" OURS "'><event xmlns='" NS
                        "#event'><purge node='library'/></event></message>",
                        froms[i]);
        hand_over(&t.side[0], xml.data);
        cnc__str_fini(&xml);
    }
    /* The source, of another node; and to somebody else. */
    hand_over(&t.side[0],
              "<message from='" SOURCE "' to='" OURS "'><event xmlns='" NS
              "#event'><purge node='copy'/></event></message>");
    hand_over(&t.side[0],
              "<message from='" SOURCE "' to='op@" OURS "'><event xmlns='" NS
              "#event'><purge node='library'/></event></message>");
    say(0, true,
        "<message xmlns='jabber:client' to='" OURS "'><event xmlns='" NS
        "#event'><purge node='library'/></event></message>");
    store(&t.side[0], false);
    assert_same(true);
    end();
}

static void
nobody_else_writes_it(void **state)
{
    static const char *const verbs[] = {
        "'><publish node='copy'><item id='9'><book xmlns='urn:b'/></item>"
        "</publish>",
        "'><retract node='copy'><item id='1'/></retract>",
        "#owner'><purge node='copy'/>", "#owner'><delete node='copy'/>"};
    begin(1000);
    publish("1", "True");
    tick(1);
    for (size_t i = 0; i < CNC_N(verbs); i++) {
        struct cnc__str xml = CNC__STR;
        cnc__str_printf(&xml,
                        "<iq xmlns='jabber:client' type='set' id='w' to='" OURS
                        "'><pubsub xmlns='" NS "%s</pubsub></iq>",
                        verbs[i]);
        say(0, true, xml.data);
        cnc__str_fini(&xml);
    }
    assert_non_null(cnc__pubsub_node(t.side[0].ps, "copy"));
    assert_same(true);
    /* A publish by who has the right name and no more. */
    const struct cnc__actor who = {.jid = SOURCE};
    assert_int_equal(cnc__pubsub_may(t.side[0].ps, &who, CNC__MAY_PUBLISH,
                                     t.side[0].node, NULL),
                     CNC_EACCES);
    end();
}

static void
a_full_disk_is_made_good_later(void **state)
{
    begin(1000);
    publish_n(0, 5, "First");
    tick(1);
    t.fail = true;
    publish("5", "Lost here");
    retract("1");
    pump();
    t.fail = false;
    tick(5);
    publish("6", "Next");
    pump();
    tick(700);
    assert_same(false);
    end();
}

static uint32_t
dice(uint32_t *seed, uint32_t n)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % n;
}

static void
life(uint32_t seed, bool no_archive)
{
    static const char *const titles[] = {"a", "b", "c", "d", "e"};
    char id[20];
    begin(dice(&seed, 2) == 0 ? 15 : 1000);
    t.no_archive = no_archive;
    publish_n(0, (int)dice(&seed, 300), "First");
    for (int i = 0; i < 400; i++) {
        snprintf(id, sizeof(id), "%u", dice(&seed, 350));
        switch (dice(&seed, 12)) {
        case 0:
        case 1:
        case 2:
        case 3:
            publish(id, titles[dice(&seed, 5)]);
            break;
        case 4:
            retract(id);
            break;
        case 5:
            if (dice(&seed, 15) == 0) {
                purge();
            }
            break;
        case 6:
            cut(dice(&seed, 3) == 0);
            break;
        case 7:
            if (dice(&seed, 10) == 0) {
                crash();
            }
            break;
        case 8:
            t.now_ms += dice(&seed, 5000);
            cnc__router_tick(t.side[0].router, t.now_ms);
            cnc__pubsub_tick(t.side[0].ps, t.now_ms);
            break;
        default:
            for (uint32_t k = dice(&seed, 8); k > 0 && pump_one(); k--) {
            }
        }
    }
    cut(false);
    tick(1400);
    assert_same(false);
    /* And from then on in step. */
    size_t n = t.n_published;
    publish("399", "Last");
    pump();
    assert_same(false);
    assert_int_equal(t.n_published, n + 1);
    end();
}

static void
whatever_happens_both_have_the_same_in_the_end(void **state)
{
    cnc__log_level(CNC_LOG_ERROR);
    for (uint32_t seed = 1; seed <= 60; seed++) {
        life(seed, seed % 2 == 0);
    }
    cnc__log_level(CNC_LOG_INFO);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_fetched_and_then_it_is_live),
        cmocka_unit_test(what_was_missed_comes_from_the_archive_once),
        cmocka_unit_test(a_crash_goes_on_where_it_was),
        cmocka_unit_test(an_archive_that_does_not_reach_back_is_no_gap),
        cmocka_unit_test(a_source_without_an_archive_is_compared),
        cmocka_unit_test(it_is_told_when_the_source_is_lost_and_back),
        cmocka_unit_test(what_the_record_refuses_is_left_out),
        cmocka_unit_test(only_the_source_is_believed),
        cmocka_unit_test(nobody_else_writes_it),
        cmocka_unit_test(a_full_disk_is_made_good_later),
        cmocka_unit_test(whatever_happens_both_have_the_same_in_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
