/* SPDX-License-Identifier: MIT */
/*
 * publish.c -- publishing.  Each node has a queue, because a hook may hold a
 * publish (a template is tried out in another process) and those behind it
 * must not overtake it.  Usually the queue is empty and a publish goes
 * straight through:
 *
 *   start -> rules -> hook -> store -> visible -> answer -> notify -> after
 *                      |
 *                      +-- CNC_EAGAIN: held until cnc__pubsub_resume()
 */
#include "../base/text.h"
#include "../xml/write.h"
#include "impl.h"

#define PUBLISH_MAGIC 0x90B11501u
#define TRIM_EVERY    64 /* events */

/* Stands in the history for a payload that there was not, because an empty
 * value there means that the item was taken away. */
static const char no_payload[] = "<none xmlns=\"" CNC__NS_STORE "\"/>";

/* -- life ----------------------------------------------------------------- */

static void
release(struct cnc__txn *t)
{
    struct cnc__publish *p = CNC_CONTAINER(t, struct cnc__publish, txn);
    for (size_t i = 0; i < p->n; i++) {
        cnc__free(p->items[i].id);
        cnc_element_unref(&p->items[i].payload);
        cnc__item_unref(&p->items[i].item);
    }
    cnc__free(p->items);
    cnc_element_unref(&p->options);
    cnc__who_fini(&p->who);
    CNC_OBJ_FREE(p);
}

static void finish(struct cnc__txn *t, const struct cnc_error *err);

struct cnc__publish *
cnc__publish_new(struct cnc__node *n, const struct cnc__actor *actor,
                 size_t n_items)
{
    struct cnc__publish *p = cnc__zalloc(sizeof(*p));
    p->magic = PUBLISH_MAGIC;
    p->n = n_items;
    p->items = cnc__zalloc((n_items + 1) * sizeof(*p->items));
    for (size_t i = 0; i < n_items; i++) {
        p->items[i].publish = p;
    }
    cnc__who_init(&p->who, actor);
    cnc__txn_init(&p->txn, n, finish, release);
    return p;
}

/* It never goes to the store: answer, and let go. */
static void
refuse(struct cnc__publish *p, const struct cnc_error *err)
{
    cnc__txn_fail(&p->txn, err);
    cnc__txn_drop(&p->txn);
}

static void
answer(struct cnc__publish *p)
{
    const char *id = p->n == 0 ? NULL : p->items[0].id;
    struct cnc__str xml = CNC__STR;
    if (p->txn.request != NULL) {
        cnc__str_printf(&xml,
                        "<pubsub xmlns='" CNC__NS_PUBSUB "'>"
                        "<publish node='%s'>",
                        p->txn.node->escaped);
        for (size_t i = 0; i < p->n; i++) {
            cnc__xml_printf(&xml, "<item id='%s'/>", p->items[i].id);
        }
        cnc__str_puts(&xml, "</publish></pubsub>");
    }
    cnc__txn_answer(&p->txn, id, xml.data, xml.len);
    cnc__str_fini(&xml);
}

/* -- rules (XEP-0060 7.1.3) ----------------------------------------------- */

static int
check_payload(struct cnc__publish *p, struct cnc__pub_item *i,
              struct cnc_error *err)
{
    const struct cnc__node_config *c = &p->txn.node->cfg;
    if (i->payload == NULL) {
        if (c->deliver_payloads) {
            return cnc__ps_error(err, CNC_EINVAL, "bad-request",
                                 "payload-required",
                                 "this node's items have a payload");
        }
        return 0;
    }
    const char *ns = cnc_element_ns(i->payload);
    /* In no name space, or in the one it got from <item/> by mistake. */
    if (*ns == '\0' || strcmp(ns, CNC__NS_PUBSUB) == 0) {
        return cnc__ps_error(err, CNC_EINVAL, "bad-request", "invalid-payload",
                             "the payload needs an XML namespace of its own");
    }
    if (c->payload_ns != NULL && strcmp(ns, c->payload_ns) != 0) {
        return cnc__ps_error(err, CNC_EINVAL, "bad-request", "invalid-payload",
                             "this node's payloads are in namespace %s",
                             c->payload_ns);
    }
    i->item->payload = cnc_element_write(i->payload, 0);
    if (cnc_buf_len(i->item->payload) > c->max_payload) {
        return cnc__ps_error(err, CNC_ELIMIT, "not-acceptable",
                             "payload-too-big",
                             "a payload has at most %u bytes, not %zu",
                             c->max_payload, cnc_buf_len(i->item->payload));
    }
    return 0;
}

static int
check_id(struct cnc__pub_item *i, struct cnc_error *err)
{
    if (i->id == NULL || *i->id == '\0') {
        char id[33];
        cnc__random_hex(id, 8);
        cnc__free(i->id);
        i->id = cnc__strdup(id);
        return 0;
    }
    size_t len = strlen(i->id);
    if (len > CNC__MAX_ID || !cnc__xml_chars_valid(i->id, len)) {
        return cnc__ps_error(err, CNC_EINVAL, "not-acceptable", NULL,
                             "an item's id has at most %d bytes of text",
                             CNC__MAX_ID);
    }
    return 0;
}

/* What one account keeps is limited as a whole, on its way or not. */
static int
pep_check(const struct cnc__publish *p, struct cnc_error *err)
{
    const struct cnc__node *n = p->txn.node;
    size_t bytes = 0;
    for (struct cnc__table_iter i = {0}; cnc__table_next(n->pending, &i);) {
        const struct cnc__pending *there = i.value;
        bytes += there->item == NULL || there->item->item->payload == NULL
                     ? 0
                     : cnc_buf_len(there->item->item->payload);
    }
    return cnc__pep_room(n->ps, 0, bytes, err);
}

static int
check(struct cnc__publish *p, struct cnc_error *err)
{
    struct cnc__node *n = p->txn.node;
    const struct cnc__node_config *c = &n->cfg;
    struct cnc__actor who = cnc__who_actor(&p->who);
    int rc = cnc__pubsub_may(n->ps, &who, CNC__MAY_PUBLISH, n, err);
    if (rc == 0 && p->options != NULL) {
        rc = cnc__config_holds(c, p->options, err);
    }
    if (rc != 0) {
        return rc;
    }
    bool plain = !c->persist_items && !c->deliver_payloads;
    if (p->n == 0 && !plain) {
        return cnc__ps_error(err, CNC_EINVAL, "bad-request", "item-required",
                             "there is no item to publish");
    }
    if (p->n > 0 && plain) {
        return cnc__ps_error(err, CNC_EINVAL, "bad-request", "item-forbidden",
                             "this node has no items");
    }
    if (n->ps->pep) {
        rc = pep_check(p, err);
        if (rc != 0) {
            return rc;
        }
    }
    if (p->n > 1 && c->persist_items && p->n > c->max_items) {
        return cnc__ps_error(err, CNC_ELIMIT, "not-allowed",
                             "max-items-exceeded", "this node keeps %u items",
                             c->max_items);
    }
    for (size_t i = 0; i < p->n && rc == 0; i++) {
        struct cnc__pub_item *one = &p->items[i];
        rc = check_id(one, err);
        if (rc == 0) {
            one->item = cnc__item_new(one->id, p->who.jid, p->who.bare_len);
            rc = check_payload(p, one, err);
        }
    }
    return rc;
}

/* -- a repeated submit ---------------------------------------------------- */

static bool
same_publisher(const struct cnc__item *item, const struct cnc__who *who)
{
    return strlen(item->publisher) == who->bare_len &&
           memcmp(item->publisher, who->jid, who->bare_len) == 0;
}

/* The id is taken: by the same one, then this is the same submit again, or by
 * somebody else.  Answers p, now or with the first one. */
static void
repeat(struct cnc__publish *p, const struct cnc__item *item)
{
    struct cnc__node *n = p->txn.node;
    if (!same_publisher(item, &p->who)) {
        struct cnc_error err = {0};
        cnc__ps_error(&err, CNC_EEXIST, "conflict", NULL,
                      "another item has the id %s", item->id);
        refuse(p, &err);
        return;
    }
    const struct cnc__pending *on_its_way = cnc__pending_get(n, item->id);
    if (on_its_way != NULL) {
        /* Acknowledged when the first one is kept, not before. */
        struct cnc__publish *first = on_its_way->item->publish;
        p->next = first->waiters;
        first->waiters = p;
        return;
    }
    answer(p);
    cnc__txn_drop(&p->txn);
}

/* -- to the store --------------------------------------------------------- */

static void
add_ops(struct cnc__publish *p)
{
    struct cnc__node *n = p->txn.node;
    cnc__txn_op_gone(&p->txn);
    for (size_t i = 0; i < p->n; i++) {
        const struct cnc__item *item = p->items[i].item;
        struct cnc_store_entry e = {
            .node = n->stored,
            .id = item->id,
            .seq = item->seq,
            .created = item->created,
            .published_ms = item->published_ms,
            .publisher = item->publisher,
            .value = "",
        };
        if (item->payload != NULL) {
            e.value = cnc_buf_data(item->payload);
            e.len = cnc_buf_len(item->payload);
        }
        if (n->cfg.persist_items) {
            e.kind = CNC_STORE_ITEM;
            cnc__txn_op(&p->txn, CNC_STORE_PUT, e.kind)->entry = e;
        }
        e.kind = CNC_STORE_HISTORY;
        if (item->payload == NULL) {
            e.value = no_payload;
            e.len = sizeof(no_payload) - 1;
        }
        cnc__txn_op(&p->txn, CNC_STORE_PUT, e.kind)->entry = e;
    }
    cnc__txn_op_trim(&p->txn);
}

void
cnc__txn_op_trim(struct cnc__txn *t)
{
    struct cnc__node *n = t->node;
    uint64_t keep = n->archive.lost + 1;
    if (keep >= n->trimmed + TRIM_EVERY) {
        cnc__txn_op(t, CNC_STORE_TRIM, CNC_STORE_HISTORY)->entry.seq = keep;
        n->trimmed = keep;
    }
}

static void
submit(struct cnc__publish *p)
{
    struct cnc__node *n = p->txn.node;
    struct cnc_error err = {0};
    if (cnc__node_is_going(n, &err)) {
        /* Before it enters the overlay, which is left in order alone. */
        refuse(p, &err);
        return;
    }
    int64_t now = cnc__pubsub_now(n->ps);
    for (size_t i = 0; i < p->n; i++) {
        struct cnc__item *item = p->items[i].item;
        const struct cnc__item *before = cnc__node_there(n, item->id);
        item->seq = ++n->last_seq;
        item->created = before != NULL ? before->created : item->seq;
        item->published_ms = now;
        cnc__pending_enter(n, item->id, &p->items[i]);
        cnc__index_add(n, item);
    }
    if (n->cfg.durable) {
        add_ops(p);
    }
    p->txn.publish = true;
    cnc__txn_submit(&p->txn);
}

/* -- it is kept ----------------------------------------------------------- */

static void
answer_all(struct cnc__publish *p, const struct cnc_error *err)
{
    if (err != NULL) {
        cnc__txn_fail(&p->txn, err);
    } else {
        answer(p);
    }
    for (struct cnc__publish *w = p->waiters, *next; w != NULL; w = next) {
        next = w->next;
        if (err != NULL) {
            cnc__txn_fail(&w->txn, err);
        } else {
            answer(w);
        }
        cnc__txn_drop(&w->txn);
    }
    p->waiters = NULL;
}

static void
make_visible(struct cnc__node *n, struct cnc__item *item)
{
    if (n->cfg.persist_items) {
        struct cnc__item *old = cnc__order_take(&n->items, item->id);
        if (old != NULL) {
            cnc__index_del(n, old);
            cnc__sorted_del(n, old);
            cnc__item_unref(&old);
        } else {
            n->ps->root->stats.items++;
        }
        cnc__order_append(&n->items, item);
        cnc__sorted_add(n, item);
    } else {
        cnc__index_del(n, item);
    }
    n->seq = item->seq;
    cnc__archive_push(&n->archive, CNC__PUBLISHED, item,
                      cnc__node_history_max(n));
    n->ps->root->stats.published++;
}

static void
finish(struct cnc__txn *t, const struct cnc_error *err)
{
    struct cnc__publish *p = CNC_CONTAINER(t, struct cnc__publish, txn);
    struct cnc__node *n = t->node;
    struct cnc__pubsub *ps = t->ps;
    for (size_t i = 0; i < p->n; i++) {
        cnc__pending_leave(n, p->items[i].id);
        if (err != NULL) {
            cnc__index_del(n, p->items[i].item);
        }
    }
    for (size_t i = 0; err == NULL && i < p->n; i++) {
        make_visible(n, p->items[i].item);
    }
    /* XEP-0060 7.1.2: the publisher is told before anybody is notified. */
    answer_all(p, err);
    if (err != NULL) {
        cnc__node_drop_fresh(n);
        return;
    }
    n->fresh = false;
    if (p->n == 0) {
        cnc__notify_entry(n, CNC__PUBLISHED, NULL);
    }
    for (size_t i = 0; i < p->n; i++) {
        cnc__notify_entry(n, CNC__PUBLISHED, p->items[i].item);
    }
    for (size_t i = 0; i < p->n && ps->env.after != NULL; i++) {
        ps->env.after(CNC__EV_PUBLISH, n, p->items[i].item, ps->env.priv);
    }
    if (n->cfg.persist_items && !n->dead) {
        cnc__node_evict(n);
    }
}

/* -- the queue ------------------------------------------------------------ */

/* Ask the hook about the items that it has not seen.  0, CNC_EAGAIN, or a
 * refusal. */
static int
ask_hook(struct cnc__publish *p, struct cnc_error *err)
{
    struct cnc__node *n = p->txn.node;
    struct cnc__pubsub *ps = n->ps;
    struct cnc__actor who = cnc__who_actor(&p->who);
    while (ps->env.before_publish != NULL && p->at < p->n) {
        struct cnc__pub_item *i = &p->items[p->at];
        int rc = ps->env.before_publish(p, n, &who, i->id, i->payload, err,
                                        ps->env.priv);
        if (rc != 0) {
            return rc;
        }
        p->at++;
    }
    return 0;
}

static void
dequeue(struct cnc__node *n)
{
    struct cnc__publish *p = n->queue;
    n->queue = p->next;
    p->next = NULL;
    if (n->queue == NULL) {
        n->queue_end = &n->queue;
    }
}

/* The first of the queue: false when it is held. */
static bool
advance(struct cnc__node *n)
{
    struct cnc__publish *p = n->queue;
    struct cnc_error err = {0};
    int rc = 0;
    if (!p->checked) {
        p->checked = true;
        rc = check(p, &err);
        const struct cnc__item *item =
            rc == 0 && p->if_new ? cnc__node_there(n, p->items[0].id) : NULL;
        if (item != NULL) {
            dequeue(n);
            repeat(p, item);
            return true;
        }
    }
    if (rc == 0) {
        rc = ask_hook(p, &err);
    }
    if (rc == CNC_EAGAIN) {
        p->held = true;
        return false;
    }
    dequeue(n);
    if (rc != 0) {
        err.code = rc;
        refuse(p, &err);
    } else {
        submit(p);
    }
    return true;
}

static void
run(struct cnc__node *n)
{
    if (n->running) {
        return;
    }
    cnc__node_ref(n);
    n->running = true;
    while (n->queue != NULL && !n->queue->held && advance(n)) {
    }
    n->running = false;
    cnc__node_drop_fresh(n);
    cnc__node_unref(&n);
}

void
cnc__publish_start(struct cnc__publish *p)
{
    CNC_OBJ_CHECK(p, PUBLISH_MAGIC);
    struct cnc__node *n = p->txn.node;
    *n->queue_end = p;
    n->queue_end = &p->next;
    run(n);
}

void
cnc__pubsub_resume(struct cnc__publish *p, const struct cnc_error *err)
{
    CNC_OBJ_CHECK(p, PUBLISH_MAGIC);
    struct cnc__node *n = p->txn.node;
    CNC_CHECK(p->held);
    if (p->answered) { /* the node went in the meantime */
        cnc__txn_drop(&p->txn);
        return;
    }
    CNC_CHECK(n->queue == p);
    p->held = false;
    p->at++;
    cnc__node_ref(n);
    /* He may have lost the right to it in the meantime. */
    struct cnc__actor who = cnc__who_actor(&p->who);
    struct cnc_error lost = {0};
    int rc = cnc__pubsub_may(n->ps, &who, CNC__MAY_PUBLISH, n, &lost);
    if (err == NULL && rc != 0) {
        lost.code = rc;
        err = &lost;
    }
    if (err != NULL) {
        dequeue(n);
        refuse(p, err);
    }
    run(n);
    cnc__node_unref(&n);
}

void
cnc__publish_drain(struct cnc__node *n)
{
    struct cnc_error err = {0};
    (void)cnc__node_is_going(n, &err);
    while (n->queue != NULL) {
        struct cnc__publish *p = n->queue;
        dequeue(n);
        cnc__txn_fail(&p->txn, &err);
        if (p->held && !n->ps->closing) {
            p->answered = true; /* resume() lets it go */
        } else {
            cnc__txn_drop(&p->txn);
        }
    }
}

/* -- verbs ---------------------------------------------------------------- */

void
cnc__pubsub_publish(struct cnc__pubsub *ps, const struct cnc__actor *actor,
                    struct cnc__node *node, const char *id,
                    const struct cnc_element *payload, bool if_new,
                    cnc__done_f *done, void *priv)
{
    cnc__pubsub_check(ps);
    cnc__node_check(node);
    bool none = id == NULL && payload == NULL && !node->cfg.persist_items &&
                !node->cfg.deliver_payloads;
    struct cnc__publish *p = cnc__publish_new(node, actor, none ? 0 : 1);
    p->txn.done = done;
    p->txn.done_priv = priv;
    p->if_new = if_new && id != NULL;
    if (!none) {
        p->items[0].id = cnc__strdup(id);
        p->items[0].payload = payload == NULL ? NULL
                              : cnc_element_is_frozen(payload)
                                  ? cnc_element_ref(payload)
                                  : cnc_element_freeze(payload);
    }
    cnc__publish_start(p);
}

/* XEP-0060 7.1.3: what an <item/> may hold. */
static int
read_item(struct cnc__pub_item *out, const struct cnc_element *item,
          struct cnc_error *err)
{
    out->id = cnc__strdup(cnc_element_attr(item, NULL, "id"));
    for (size_t i = 0; i < cnc_element_n_children(item); i++) {
        struct cnc_child c = cnc_element_child_at(item, i);
        bool blank =
            c.kind == CNC_TEXT && c.text[strspn(c.text, " \t\r\n")] == '\0';
        if (!blank && (c.kind != CNC_ELEMENT || out->payload != NULL)) {
            return cnc__ps_error(err, CNC_EINVAL, "bad-request",
                                 "invalid-payload",
                                 "an item holds one element");
        }
        if (!blank) {
            out->payload = cnc_element_ref(c.element);
        }
    }
    return 0;
}

int
cnc__verb_publish(struct cnc__verb *v, struct cnc_error *err)
{
    size_t n = 0;
    struct cnc_element *e;
    const struct cnc_element *options = cnc_element_child(
        cnc_element_child(v->pubsub, CNC__NS_PUBSUB, "publish-options"),
        "jabber:x:data", "x");
    bool made = v->node == NULL;
    if (made) {
        int rc = cnc__pep_create(&v->node, v->ps, v->node_name, options, err);
        if (rc != 0) {
            return rc;
        }
    }
    for (size_t i = 0; (e = cnc_element_next(v->verb, &i, CNC__NS_PUBSUB,
                                             "item")) != NULL;) {
        n++;
    }
    struct cnc__publish *p = cnc__publish_new(v->node, &v->actor, n);
    int rc = 0;
    n = 0;
    for (size_t i = 0;
         rc == 0 && (e = cnc_element_next(v->verb, &i, CNC__NS_PUBSUB,
                                          "item")) != NULL;) {
        rc = read_item(&p->items[n++], e, err);
    }
    p->options = options == NULL || made ? NULL : cnc_element_ref(options);
    if (rc != 0) {
        cnc__txn_drop(&p->txn);
        cnc__node_drop_fresh(v->node);
        return rc;
    }
    cnc__verb_hand_over(v, &p->txn);
    cnc__publish_start(p);
    return 0;
}

void
cnc__pubsub_emit(struct cnc__pubsub *ps, struct cnc__node *n,
                 struct cnc_buf *payload)
{
    cnc__pubsub_check(ps);
    cnc__node_check(n);
    CNC_CHECK(n->cfg.derived && !n->cfg.persist_items && !n->cfg.durable);
    char id[CNC__POSITION_LEN];
    cnc__position(id, n, ++n->last_seq);
    struct cnc__item *item = cnc__item_new(id, ps->jid, strlen(ps->jid));
    item->seq = item->created = n->seq = n->last_seq;
    item->published_ms = cnc__pubsub_now(ps);
    item->payload = cnc_buf_ref(payload);
    cnc__archive_push(&n->archive, CNC__PUBLISHED, item,
                      cnc__node_history_max(n));
    ps->root->stats.published++;
    cnc__notify_entry(n, CNC__PUBLISHED, item);
    cnc__item_unref(&item);
}
