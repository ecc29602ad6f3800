/* SPDX-License-Identifier: MIT */
/*
 * mirror.c -- how a mirror talks to its source; see mirror.h.
 */
#include "mirror.h"

#include "../base/log.h"
#include "../base/text.h"
#include "../xml/write.h"
#include "../xmpp/jid.h"

#define MIRROR_MAGIC 0x90B5301Eu
#define NS_INFO      "http://jabber.org/protocol/disco#info"
#define NS_SID       "urn:xmpp:sid:0"
#define PAGE         100
#define MAX_PAGES    100000
#define MAX_HEARD    10000 /* events that wait for the end of a round */
#define MAX_SINCE    50000 /* changes while all items were fetched */
#define MAX_RESTARTS 5     /* what a page hung on went: once more */
#define LOOK_MS      30000 /* did we miss something? */
#define FULL_MS      600000
#define BACKOFF_MS   2000
#define BACKOFF_MAX  300000

static void begin(struct cnc__mirror *m);
static void since(struct cnc__mirror *m);
static void ask_items(struct cnc__mirror *m);
static void ask_archive(struct cnc__mirror *m);

/* -- a round -------------------------------------------------------------- */

static void
set(char **text, const char *to)
{
    char *copy = cnc__strdup(to);
    cnc__free(*text);
    *text = copy;
}

static void
clear_round(struct cnc__mirror *m)
{
    set(&m->base, NULL);
    set(&m->after, NULL);
    m->queryid[0] = '\0';
    m->n_pages = 0;
    cnc__table_free(&m->there, NULL);
    cnc__table_free(&m->known, NULL);
    cnc__ops_fini(&m->since);
    for (size_t i = 0; i < m->n_heard; i++) {
        cnc_element_unref(&m->heard[i]);
    }
    cnc__free(m->heard);
    m->heard = NULL;
    m->n_heard = m->cap_heard = 0;
}

static void
start_round(struct cnc__mirror *m)
{
    clear_round(m);
    m->round++;
    m->restarts = 0;
    m->again = m->whole = false;
    m->state = CNC__MIRROR_ASKS;
    m->known = cnc__table_new();
}

static void
lost(struct cnc__mirror *m, const char *why)
{
    uint16_t dice;
    clear_round(m);
    m->round++;
    m->state = CNC__MIRROR_WAITS;
    m->backoff_ms = m->backoff_ms == 0 ? BACKOFF_MS : m->backoff_ms * 2;
    m->backoff_ms = m->backoff_ms > BACKOFF_MAX ? BACKOFF_MAX : m->backoff_ms;
    cnc__random(&dice, sizeof(dice));
    /* Not all at one moment, when a large service is back. */
    m->due_ms = m->now_ms + m->backoff_ms + dice % (m->backoff_ms / 4 + 1);
    if (!m->told_lost) {
        cnc__log(CNC_LOG_WARN, "mirror.lost", "node=%s source=%s error=%s",
                 m->node->name, m->source, why);
    }
    m->told_lost = true;
    m->told_ready = false;
}

static void
is_live(struct cnc__mirror *m)
{
    clear_round(m);
    m->state = CNC__MIRROR_LIVE;
    m->backoff_ms = 0;
    m->due_ms = m->now_ms + LOOK_MS;
    if (!m->told_ready) {
        cnc__log(CNC_LOG_INFO, "mirror.ready",
                 "node=%s source=%s items=%zu position=%s", m->node->name,
                 m->source, m->node->items.live,
                 m->position == NULL ? "" : m->position);
    }
    m->told_ready = true;
    m->told_lost = false;
}

/* -- asking --------------------------------------------------------------- */

typedef void heard_f(struct cnc__mirror *m, const struct cnc_element *iq);

struct asking {
    struct cnc__mirror *mirror; /* ref */
    unsigned round;
    heard_f *f;
};

static void
on_answer(const struct cnc_element *iq, void *priv)
{
    struct asking *a = priv;
    struct cnc__mirror *m = a->mirror;
    if (m->ps != NULL && a->round == m->round) {
        if (iq == NULL) {
            lost(m, "no answer");
        } else {
            a->f(m, iq);
        }
    }
    cnc__mirror_unref(&a->mirror);
    cnc__free(a);
}

static void
ask(struct cnc__mirror *m, const char *type, struct cnc__str *xml, heard_f *f)
{
    struct asking *a = cnc__zalloc(sizeof(*a));
    m->refs++;
    *a = (struct asking){m, m->round, f};
    cnc__router_ask(m->ps->env.router, NULL, m->source, type, xml->data,
                    xml->len, 0, on_answer, a);
    cnc__str_fini(xml);
}

static bool
is_error(const struct cnc_element *iq)
{
    const char *type = cnc_element_attr(iq, NULL, "type");
    return type == NULL || strcmp(type, "result") != 0;
}

static const char *
condition(const struct cnc_element *iq)
{
    const struct cnc_element *e =
        cnc_element_child(cnc_element_child(iq, NULL, "error"),
                          "urn:ietf:params:xml:ns:xmpp-stanzas", NULL);
    return e == NULL ? "undefined-condition" : cnc_element_name(e);
}

static bool
is_missing(const struct cnc_element *iq)
{
    return is_error(iq) && strcmp(condition(iq), "item-not-found") == 0;
}

/* -- 1: subscribe --------------------------------------------------------- */

static void
on_info(struct cnc__mirror *m, const struct cnc_element *iq)
{
    const struct cnc_element *e;
    const struct cnc_element *query =
        is_error(iq) ? NULL : cnc_element_child(iq, NS_INFO, "query");
    m->has_archive = false;
    for (size_t i = 0;
         query != NULL &&
         (e = cnc_element_next(query, &i, NS_INFO, "feature")) != NULL;) {
        const char *var = cnc_element_attr(e, NULL, "var");
        m->has_archive =
            m->has_archive || (var != NULL && strcmp(var, CNC__NS_MAM) == 0);
    }
    since(m);
}

static void
on_subscribed(struct cnc__mirror *m, const struct cnc_element *iq)
{
    const struct cnc_element *e =
        cnc_element_child(cnc_element_child(iq, CNC__NS_PUBSUB, "pubsub"),
                          CNC__NS_PUBSUB, "subscription");
    const char *is =
        e == NULL ? NULL : cnc_element_attr(e, NULL, "subscription");
    if (is_error(iq)) {
        lost(m, condition(iq));
    } else if (is != NULL && strcmp(is, "subscribed") != 0) {
        lost(m, "the source's owner has not approved");
    } else {
        struct cnc__str xml = CNC__STR;
        cnc__xml_printf(&xml, "<query xmlns='" NS_INFO "' node='%s'/>",
                        m->source_node);
        ask(m, "get", &xml, on_info);
    }
}

static void
begin(struct cnc__mirror *m)
{
    struct cnc__str xml = CNC__STR;
    start_round(m);
    m->full_ms = m->now_ms + FULL_MS;
    cnc__xml_printf(&xml,
                    "<pubsub xmlns='" CNC__NS_PUBSUB "'><subscribe node='%s'"
                    " jid='%s'/></pubsub>",
                    m->source_node, m->ps->jid);
    ask(m, "set", &xml, on_subscribed);
}

/* -- 2: everything, when we cannot know what came since --------------------
 */

static void
write_page(struct cnc__str *xml, const char *after)
{
    cnc__str_printf(xml, "<set xmlns='" CNC__NS_RSM "'><max>%d</max>", PAGE);
    if (after != NULL) {
        cnc__xml_printf(xml, "<after>%s</after>", after);
    }
    cnc__str_puts(xml, "</set>");
}

static const char *
text_of(const struct cnc_element *e, const char *ns, const char *name)
{
    const struct cnc_element *c = cnc_element_child(e, ns, name);
    const char *text = c == NULL ? NULL : cnc_element_text(c);
    return text == NULL || *text == '\0' ? NULL : text;
}

static void
on_newest(struct cnc__mirror *m, const struct cnc_element *iq)
{
    if (is_error(iq)) {
        lost(m, condition(iq));
        return;
    }
    set(&m->base,
        text_of(cnc_element_child(cnc_element_child(iq, CNC__NS_MAM, "fin"),
                                  CNC__NS_RSM, "set"),
                CNC__NS_RSM, "last"));
    set(&m->after, NULL);
    ask_items(m);
}

/* Where the archive ends before the items are read. */
static void
ask_newest(struct cnc__mirror *m)
{
    struct cnc__str xml = CNC__STR;
    m->whole = true;
    m->queryid[0] = '\0'; /* the event itself is not asked for */
    cnc__table_free(&m->there, NULL);
    cnc__ops_fini(&m->since);
    m->there = cnc__table_new();
    cnc__xml_printf(&xml,
                    "<query xmlns='" CNC__NS_MAM
                    "' node='%s'><set xmlns='" CNC__NS_RSM
                    "'><max>1</max><before/></set></query>",
                    m->source_node);
    ask(m, "set", &xml, on_newest);
}

static void
whole(struct cnc__mirror *m)
{
    if (m->restarts++ > MAX_RESTARTS) {
        lost(m, "the source changes faster than it can be read");
    } else if (m->has_archive) {
        ask_newest(m);
    } else {
        m->whole = true;
        cnc__table_free(&m->there, NULL);
        m->there = cnc__table_new();
        set(&m->after, NULL);
        ask_items(m);
    }
}

static void settle(struct cnc__mirror *m);

static void
items_done(struct cnc__mirror *m)
{
    cnc__reflect_rest(m);
    if (m->has_archive) {
        set(&m->after, m->base);
        ask_archive(m);
    } else {
        settle(m);
    }
}

/* Reads a page; how many items it had. */
static size_t
take_items(struct cnc__mirror *m, const struct cnc_element *items)
{
    size_t n = 0;
    const struct cnc_element *e;
    for (size_t i = 0;
         items != NULL &&
         (e = cnc_element_next(items, &i, CNC__NS_PUBSUB, "item")) != NULL;
         n++) {
        struct cnc_element *payload = cnc_element_child(e, NULL, NULL);
        struct cnc__op op = {
            .kind = CNC__OP_ITEM,
            .id = (char *)(uintptr_t)cnc_element_attr(e, NULL, "id"),
            .payload = payload};
        if (op.id != NULL && *op.id != '\0') {
            cnc__table_put(m->there, op.id, m);
            cnc__reflect(m, &op, NULL);
        }
    }
    return n;
}

static bool
is_last_page(const struct cnc_element *rsm, size_t n, const char *last)
{
    const struct cnc_element *first =
        cnc_element_child(rsm, CNC__NS_RSM, "first");
    const char *index =
        first == NULL ? NULL : cnc_element_attr(first, NULL, "index");
    const char *count = text_of(rsm, CNC__NS_RSM, "count");
    int64_t at, all;
    return n == 0 || last == NULL ||
           (index != NULL && count != NULL &&
            cnc__parse_int(&at, index, 0, INT32_MAX) &&
            cnc__parse_int(&all, count, 0, INT32_MAX) &&
            at + (int64_t)n >= all);
}

static void
on_items(struct cnc__mirror *m, const struct cnc_element *iq)
{
    if (is_missing(iq) && m->after != NULL) {
        whole(m); /* what the page hung on was taken away */
        return;
    }
    if (is_error(iq)) {
        lost(m, condition(iq));
        return;
    }
    const struct cnc_element *pubsub =
        cnc_element_child(iq, CNC__NS_PUBSUB, "pubsub");
    const struct cnc_element *rsm =
        cnc_element_child(pubsub, CNC__NS_RSM, "set");
    size_t n =
        take_items(m, cnc_element_child(pubsub, CNC__NS_PUBSUB, "items"));
    /* Without pages that was all. */
    const char *last = rsm == NULL ? NULL : text_of(rsm, CNC__NS_RSM, "last");
    bool stuck =
        last != NULL && m->after != NULL && strcmp(last, m->after) == 0;
    if (stuck || ++m->n_pages > MAX_PAGES || is_last_page(rsm, n, last)) {
        items_done(m);
    } else {
        set(&m->after, last);
        ask_items(m);
    }
}

static void
ask_items(struct cnc__mirror *m)
{
    struct cnc__str xml = CNC__STR;
    cnc__xml_printf(&xml,
                    "<pubsub xmlns='" CNC__NS_PUBSUB "'><items node='%s'/>",
                    m->source_node);
    write_page(&xml, m->after);
    cnc__str_puts(&xml, "</pubsub>");
    ask(m, "get", &xml, on_items);
}

/* -- 3: what came since, from the archive ----------------------------------
 */

static void
on_archive(struct cnc__mirror *m, const struct cnc_element *iq)
{
    if (is_missing(iq)) {
        /* It does not reach back so far, or the node is another one. */
        set(&m->position, NULL);
        whole(m);
        return;
    }
    const struct cnc_element *fin = cnc_element_child(iq, CNC__NS_MAM, "fin");
    if (is_error(iq) || fin == NULL) {
        lost(m, is_error(iq) ? condition(iq) : "no archive");
        return;
    }
    const char *complete = cnc_element_attr(fin, NULL, "complete");
    const char *last = text_of(cnc_element_child(fin, CNC__NS_RSM, "set"),
                               CNC__NS_RSM, "last");
    if ((complete != NULL &&
         (strcmp(complete, "true") == 0 || strcmp(complete, "1") == 0)) ||
        last == NULL || ++m->n_pages > MAX_PAGES) {
        settle(m);
    } else {
        set(&m->after, last);
        ask_archive(m);
    }
}

static void
ask_archive(struct cnc__mirror *m)
{
    struct cnc__str xml = CNC__STR;
    cnc__random_hex(m->queryid, 8);
    cnc__xml_printf(&xml,
                    "<query xmlns='" CNC__NS_MAM "' node='%s' queryid='%s'>",
                    m->source_node, m->queryid);
    write_page(&xml, m->after);
    cnc__str_puts(&xml, "</query>");
    ask(m, "set", &xml, on_archive);
}

static void
since(struct cnc__mirror *m)
{
    if (!m->has_archive || m->position == NULL || m->dirty) {
        m->dirty = false;
        whole(m);
    } else {
        set(&m->after, m->position);
        ask_archive(m);
    }
}

static void
move_ops(struct cnc__mirror *m, struct cnc__ops *ops)
{
    for (size_t i = 0; i < ops->n; i++) {
        if (m->since.n >= MAX_SINCE) {
            m->again = true;
            break;
        }
        m->since.all = cnc__grow(m->since.all, m->since.n, &m->since.cap,
                                 sizeof(*m->since.all));
        m->since.all[m->since.n++] = ops->all[i];
        ops->all[i] = (struct cnc__op){.kind = CNC__OP_PURGE};
    }
    cnc__ops_fini(ops);
}

static void
archived(struct cnc__mirror *m, const struct cnc_element *result)
{
    const struct cnc_element *event = cnc_element_child(
        cnc_element_child(
            cnc_element_child(result, "urn:xmpp:forward:0", "forwarded"), NULL,
            "message"),
        CNC__NS_EVENT, "event");
    const char *id = cnc_element_attr(result, NULL, "id");
    struct cnc__ops ops = {NULL, 0, 0};
    if (event == NULL || id == NULL || !cnc__ops_read(&ops, m, event)) {
        return;
    }
    cnc__table_put(m->known, id, m);
    if (m->whole) {
        set(&m->base, id);
        move_ops(m, &ops);
        return;
    }
    for (size_t i = 0; i < ops.n; i++) {
        cnc__reflect(m, &ops.all[i], i + 1 == ops.n ? id : NULL);
    }
    set(&m->position, id);
    cnc__ops_fini(&ops);
}

/* -- 4: what was told meanwhile ------------------------------------------- */

/* The archive id of an event, when the source gave it. */
static const char *
archive_id(const struct cnc__mirror *m, const struct cnc_element *message)
{
    const struct cnc_element *e;
    for (size_t i = 0;
         (e = cnc_element_next(message, &i, NS_SID, "stanza-id")) != NULL;) {
        const char *by = cnc_element_attr(e, NULL, "by");
        if (by != NULL && strcmp(by, m->source) == 0) {
            return cnc_element_attr(e, NULL, "id");
        }
    }
    return NULL;
}

/* The last item, for a new subscriber: old news. */
static bool
is_old(const struct cnc_element *message)
{
    return cnc_element_child(message, "urn:xmpp:delay", "delay") != NULL;
}

/* "EPOCH.SEQ", as ours are; other archives' ids say nothing. */
static bool
split(const char *id, int64_t *seq)
{
    return strlen(id) >= 10 && id[8] == '.' &&
           cnc__parse_int(seq, id + 9, 0, INT64_MAX);
}

enum step { OLD, NEXT, GAP };

static enum step
step_to(const char *from, const char *to)
{
    int64_t a, b;
    if (from == NULL || !split(from, &a) || !split(to, &b)) {
        return NEXT;
    }
    if (memcmp(from, to, 8) != 0) {
        return GAP; /* the node was made anew */
    }
    return b <= a ? OLD : b == a + 1 ? NEXT : GAP;
}

static void
apply(struct cnc__mirror *m, const struct cnc_element *message)
{
    const char *id = m->has_archive ? archive_id(m, message) : NULL;
    struct cnc__ops ops = {NULL, 0, 0};
    enum step step = id == NULL ? NEXT : step_to(m->position, id);
    if (m->has_archive && (is_old(message) || step == OLD)) {
        return;
    }
    if (step == GAP ||
        !cnc__ops_read(&ops, m,
                       cnc_element_child(message, CNC__NS_EVENT, "event"))) {
        m->again = m->again || step == GAP;
        return;
    }
    for (size_t i = 0; i < ops.n; i++) {
        if (ops.all[i].kind == CNC__OP_ITEM && ops.all[i].payload == NULL &&
            m->node->cfg.deliver_payloads) {
            m->again = true; /* it says that, not what */
            cnc__ops_fini(&ops);
            return;
        }
    }
    for (size_t i = 0; i < ops.n; i++) {
        cnc__reflect(m, &ops.all[i], i + 1 == ops.n ? id : NULL);
    }
    if (id != NULL) {
        set(&m->position, id);
    }
    cnc__ops_fini(&ops);
}

static bool
is_known(const struct cnc__mirror *m, const struct cnc_element *message)
{
    const char *id = archive_id(m, message);
    return id != NULL && cnc__table_get(m->known, id) != NULL;
}

/* All items are read, and then some: only results count, since nobody knows
 * which events the items had in them already. */
static void
settle_whole(struct cnc__mirror *m)
{
    size_t from = 0;
    for (size_t i = 0; m->base != NULL && i < m->n_heard; i++) {
        const char *id = archive_id(m, m->heard[i]);
        if (id != NULL && strcmp(id, m->base) == 0) {
            from = i + 1;
        }
    }
    for (size_t i = from; i < m->n_heard; i++) {
        const struct cnc_element *e = m->heard[i];
        const char *id = m->has_archive ? archive_id(m, e) : NULL;
        struct cnc__ops ops = {NULL, 0, 0};
        if (m->has_archive && (is_old(e) || is_known(m, e))) {
            continue;
        }
        if (cnc__ops_read(&ops, m,
                          cnc_element_child(e, CNC__NS_EVENT, "event"))) {
            move_ops(m, &ops);
            if (id != NULL) {
                set(&m->base, id);
            }
        }
    }
    cnc__reflect_result(m, &m->since);
    set(&m->position, m->has_archive ? m->base : NULL);
    cnc__reflect_mark(m);
}

static void
settle(struct cnc__mirror *m)
{
    bool told = m->n_heard > 0;
    if (m->whole) {
        settle_whole(m);
    } else {
        /* What the archive had and nobody told us: do we still follow? */
        if (cnc__table_len(m->known) > 0 && !told) {
            m->full_ms = m->now_ms;
        }
        for (size_t i = 0; i < m->n_heard; i++) {
            if (!is_known(m, m->heard[i])) {
                apply(m, m->heard[i]);
            }
        }
    }
    is_live(m);
}

/* -- what comes by itself ------------------------------------------------- */

static void
keep_heard(struct cnc__mirror *m, const struct cnc_element *message)
{
    if (m->n_heard >= MAX_HEARD) {
        m->again = true;
        return;
    }
    m->heard =
        cnc__grow(m->heard, m->n_heard, &m->cap_heard, sizeof(*m->heard));
    m->heard[m->n_heard++] = cnc_element_ref(message);
}

static void
told(struct cnc__mirror *m, const struct cnc_element *message,
     const struct cnc_element *what)
{
    const char *name = cnc_element_name(what);
    const char *is = cnc_element_attr(what, NULL, "subscription");
    if (strcmp(name, "delete") == 0) {
        set(&m->position, NULL);
        lost(m, "the source has deleted the node");
    } else if (strcmp(name, "subscription") == 0) {
        if (is != NULL && strcmp(is, "subscribed") == 0) {
            m->due_ms = m->state == CNC__MIRROR_WAITS ? 0 : m->due_ms;
        } else if (m->state == CNC__MIRROR_LIVE) {
            lost(m, "the source has ended the subscription");
        }
    } else if (m->state == CNC__MIRROR_LIVE) {
        apply(m, message);
    } else if (m->state == CNC__MIRROR_ASKS) {
        keep_heard(m, message);
    }
}

/* Only the source itself speaks of its node, and only to the domain. */
static void
on_event(struct cnc__request *r, void *priv)
{
    struct cnc__pubsub *ps = priv;
    const struct cnc_element *what = cnc_element_child(r->payload, NULL, NULL);
    const char *node =
        what == NULL ? NULL : cnc_element_attr(what, NULL, "node");
    for (struct cnc__mirror *m = ps->mirrors; node != NULL && m != NULL;
         m = m->next) {
        if (strcmp(m->source, r->from) == 0 &&
            strcmp(m->source_node, node) == 0) {
            told(m, r->stanza, what);
        }
    }
    cnc__request_free(&r);
}

static void
on_result(struct cnc__request *r, void *priv)
{
    struct cnc__pubsub *ps = priv;
    const char *id = cnc_element_attr(r->payload, NULL, "queryid");
    for (struct cnc__mirror *m = ps->mirrors; id != NULL && m != NULL;
         m = m->next) {
        if (m->state == CNC__MIRROR_ASKS && m->queryid[0] != '\0' &&
            strcmp(m->source, r->from) == 0 && strcmp(m->queryid, id) == 0) {
            archived(m, r->payload);
        }
    }
    cnc__request_free(&r);
}

/* -- now and then --------------------------------------------------------- */

static void
on_peek(struct cnc__mirror *m, const struct cnc_element *iq)
{
    const struct cnc_element *e = cnc_element_child(
        cnc_element_child(cnc_element_child(iq, CNC__NS_PUBSUB, "pubsub"),
                          CNC__NS_PUBSUB, "items"),
        CNC__NS_PUBSUB, "item");
    const char *id = e == NULL ? NULL : cnc_element_attr(e, NULL, "id");
    if (is_error(iq)) {
        lost(m, condition(iq));
    } else if (id == NULL ? m->node->items.live > 0
                          : !cnc__reflect_has(
                                m, id, cnc_element_child(e, NULL, NULL))) {
        m->again = true;
    }
}

/* Without an archive the newest item has to say whether something is new. */
static void
look(struct cnc__mirror *m)
{
    m->due_ms = m->now_ms + LOOK_MS;
    if (m->now_ms >= m->full_ms || (m->has_archive && m->position == NULL)) {
        begin(m);
    } else if (m->has_archive) {
        start_round(m);
        since(m);
    } else {
        struct cnc__str xml = CNC__STR;
        cnc__xml_printf(&xml,
                        "<pubsub xmlns='" CNC__NS_PUBSUB "'><items node='%s'"
                        " max_items='1'/></pubsub>",
                        m->source_node);
        ask(m, "get", &xml, on_peek);
    }
}

void
cnc__pubsub_tick(struct cnc__pubsub *ps, uint64_t now_ms)
{
    cnc__pubsub_check(ps);
    for (struct cnc__mirror *m = ps->mirrors; m != NULL; m = m->next) {
        m->now_ms = now_ms;
        if (m->state == CNC__MIRROR_WAITS && now_ms >= m->due_ms) {
            begin(m);
        } else if (m->state == CNC__MIRROR_LIVE && m->again) {
            begin(m);
        } else if (m->state == CNC__MIRROR_LIVE && now_ms >= m->due_ms) {
            look(m);
        }
    }
}

/* -- life ----------------------------------------------------------------- */

void
cnc__mirror_load(struct cnc__pubsub *root, const struct cnc_store_entry *e)
{
    if (strcmp(e->node, CNC__MIRROR_MARKS) == 0) {
        cnc__free(cnc__table_put(root->marks, e->id,
                                 cnc__strndup(e->value, e->len)));
    }
}

/* The position that was kept, when it was of this source. */
static void
find_mark(struct cnc__mirror *m)
{
    const char *mark = cnc__table_get(m->ps->marks, m->node->stored);
    size_t len = mark == NULL ? 0 : strcspn(mark, "\n");
    struct cnc__str of = CNC__STR;
    cnc__str_printf(&of, "\n%s\n%s", m->source, m->source_node);
    if (mark != NULL && strcmp(mark + len, of.data) == 0) {
        m->position = cnc__strndup(mark, len);
    }
    cnc__str_fini(&of);
}

int
cnc__pubsub_mirror(struct cnc__pubsub *ps, struct cnc__node *node,
                   const char *source, const char *source_node,
                   struct cnc_error *err)
{
    char jid[CNC__JID_MAX + 1];
    cnc__pubsub_check(ps);
    int rc = cnc__jid_prepare(jid, source, strlen(source), err);
    if (rc != 0) {
        return rc;
    }
    source_node = source_node == NULL ? node->name : source_node;
    if (node->mirror != NULL) { /* its app was stopped and starts again */
        return strcmp(node->mirror->source, jid) == 0 &&
                       strcmp(node->mirror->source_node, source_node) == 0
                   ? 0
                   : cnc_error_set(err, CNC_EEXIST, NULL,
                                   "the node %s follows %s until the service "
                                   "is started again",
                                   node->name, node->mirror->source);
    }
    struct cnc__mirror *m = cnc__zalloc(sizeof(*m));
    m->magic = MIRROR_MAGIC;
    m->refs = 1;
    m->ps = ps;
    m->node = cnc__node_ref(node);
    m->source = cnc__strdup(jid);
    m->source_node = cnc__strdup(source_node);
    m->next = ps->mirrors;
    ps->mirrors = m;
    node->mirror = m;
    find_mark(m);
    return 0;
}

void
cnc__mirror_unref(struct cnc__mirror **mp)
{
    struct cnc__mirror *m = *mp;
    *mp = NULL;
    CNC_OBJ_CHECK(m, MIRROR_MAGIC);
    if (--m->refs > 0) {
        return;
    }
    clear_round(m);
    cnc__node_unref(&m->node);
    cnc__free(m->source);
    cnc__free(m->source_node);
    cnc__free(m->position);
    CNC_OBJ_FREE(m);
}

void
cnc__mirrors_init(struct cnc__pubsub *root)
{
    const struct cnc__handler handlers[] = {
        {.kinds = CNC__MESSAGE,
         .ns = CNC__NS_EVENT,
         .name = "event",
         .f = on_event,
         .priv = root},
        {.kinds = CNC__MESSAGE,
         .ns = CNC__NS_MAM,
         .name = "result",
         .f = on_result,
         .priv = root},
    };
    for (size_t i = 0; i < CNC_N(handlers); i++) {
        CNC_CHECK(cnc__router_handle(root->env.router, &handlers[i], NULL) ==
                  0);
    }
    root->marks = cnc__table_new();
}

void
cnc__mirrors_fini(struct cnc__pubsub *root)
{
    for (struct cnc__mirror *m = root->mirrors, *next; m != NULL; m = next) {
        next = m->next;
        m->ps = NULL;
        m->node->mirror = NULL;
        /* Answers that are still awaited find nobody. */
        cnc__node_unref(&m->node);
        cnc__mirror_unref(&m);
    }
    root->mirrors = NULL;
    cnc__table_free(&root->marks, cnc__free);
}

/* -- who writes it, and what is said of it ---------------------------------
 */

bool
cnc__mirror_writes(const struct cnc__node *n, const struct cnc__actor *who)
{
    return who->operator_ && strcmp(who->jid, n->mirror->source) == 0;
}

int
cnc__mirror_refuse(const struct cnc__node *n, struct cnc_error *err)
{
    return cnc__ps_error(err, CNC_EACCES, "not-allowed", NULL,
                         "this node is kept by %.200s; change it there",
                         n->mirror->source);
}

void
cnc__mirror_meta(struct cnc__str *out, const struct cnc__node *n)
{
    if (n->mirror != NULL) {
        cnc__xml_printf(out,
                        "<field var='concordance#source'><value>%s</value>"
                        "</field><field var='concordance#source_node'>"
                        "<value>%s</value></field>",
                        n->mirror->source, n->mirror->source_node);
    }
}
