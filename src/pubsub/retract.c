/* SPDX-License-Identifier: MIT */
/*
 * retract.c -- what takes items or whole nodes away: retract, purge, delete.
 */
#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "impl.h"

/* -- retract (XEP-0060 7.2) ----------------------------------------------- */

struct retract {
    struct cnc__txn txn;
    struct cnc__item **marks; /* what the archive keeps of each */
    size_t n;
    bool notify;
};

static struct cnc_store_op *
add_mark_op(struct cnc__txn *t, const struct cnc__item *mark)
{
    struct cnc_store_op *op = cnc__txn_op(t, CNC_STORE_PUT, CNC_STORE_HISTORY);
    op->entry.id = mark->id;
    op->entry.seq = mark->seq;
    op->entry.published_ms = mark->published_ms;
    op->entry.publisher = mark->publisher;
    return op;
}

static struct cnc__item *
new_mark(struct cnc__node *n, const char *id, const struct cnc__actor *who)
{
    struct cnc__item *mark =
        cnc__item_new(id, who->jid, cnc__jid_bare_len(who->jid));
    mark->seq = ++n->last_seq;
    mark->published_ms = cnc__pubsub_now(n->ps);
    return mark;
}

static void
retract_finish(struct cnc__txn *t, const struct cnc_error *err)
{
    struct retract *r = CNC_CONTAINER(t, struct retract, txn);
    struct cnc__node *n = t->node;
    struct cnc__pubsub *ps = t->ps;
    struct cnc_error gone = {0};
    for (size_t i = 0; i < r->n; i++) {
        cnc__pending_leave(n, r->marks[i]->id);
    }
    struct cnc__item **taken = cnc__zalloc(r->n * sizeof(*taken));
    for (size_t i = 0; err == NULL && i < r->n; i++) {
        taken[i] = cnc__order_take(&n->items, r->marks[i]->id);
        if (taken[i] == NULL) {
            continue; /* its publish failed after we were asked */
        }
        cnc__index_del(n, taken[i]);
        cnc__sorted_del(n, taken[i]);
        ps->root->stats.items--;
        n->seq = r->marks[i]->seq;
        cnc__archive_push(&n->archive, CNC__RETRACTED, r->marks[i],
                          cnc__node_history_max(n));
    }
    if (err == NULL && r->n == 1 && taken[0] == NULL) {
        cnc_error_set(&gone, CNC_ENOENT, "item-not-found",
                      "there is no item %s", r->marks[0]->id);
        err = &gone;
    }
    if (err != NULL) {
        cnc__txn_fail(t, err);
    } else {
        cnc__txn_answer(t, r->marks[0]->id, NULL, 0);
    }
    for (size_t i = 0; i < r->n; i++) {
        if (taken[i] != NULL && (r->notify || n->cfg.notify_retract)) {
            cnc__notify_entry(n, CNC__RETRACTED, r->marks[i]);
        }
    }
    for (size_t i = 0; i < r->n; i++) {
        if (taken[i] != NULL && ps->env.after != NULL) {
            ps->env.after(CNC__EV_RETRACT, n, taken[i], ps->env.priv);
        }
        cnc__item_unref(&taken[i]);
    }
    cnc__free(taken);
}

static void
retract_release(struct cnc__txn *t)
{
    struct retract *r = CNC_CONTAINER(t, struct retract, txn);
    for (size_t i = 0; i < r->n; i++) {
        cnc__item_unref(&r->marks[i]);
    }
    cnc__free(r->marks);
    cnc__free(r);
}

/* Owners take away any item, others their own. */
static int
may_retract(struct cnc__node *n, const struct cnc__actor *who, const char *id,
            struct cnc_error *err)
{
    struct cnc__item *item = cnc__node_item_or_pending(n, id);
    if (item == NULL) {
        return cnc__ps_error(err, CNC_ENOENT, "item-not-found", NULL,
                             "there is no item %s", id);
    }
    int rc = cnc__pubsub_may(n->ps, who, CNC__MAY_RETRACT, n, err);
    size_t len = strlen(item->publisher);
    bool own = len == cnc__jid_bare_len(who->jid) &&
               memcmp(item->publisher, who->jid, len) == 0;
    if (rc == 0 && !own && !who->operator_ &&
        cnc__node_affiliation(n, who->jid) != CNC__OWNER) {
        rc = cnc__ps_error(err, CNC_EACCES, "forbidden", NULL,
                           "you may not take away somebody else's item");
    }
    cnc__item_unref(&item);
    return rc;
}

static struct retract *
retract_new(struct cnc__node *n)
{
    struct retract *r = cnc__zalloc(sizeof(*r));
    cnc__txn_init(&r->txn, n, retract_finish, retract_release);
    return r;
}

static void
retract_add(struct retract *r, const char *id, const struct cnc__actor *who)
{
    struct cnc__node *n = r->txn.node;
    struct cnc__item *mark = new_mark(n, id, who);
    r->marks = cnc__realloc(r->marks, r->n + 1, sizeof(*r->marks));
    r->marks[r->n++] = mark;
    if (n->cfg.durable) {
        cnc__txn_op(&r->txn, CNC_STORE_DEL, CNC_STORE_ITEM)->entry.id =
            mark->id;
        add_mark_op(&r->txn, mark);
    }
    cnc__pending_enter(n, mark->id, NULL);
}

static void
retract_submit(struct retract *r)
{
    /* What was crowded out before must not come back when a restart finds
     * room again: it leaves the store no later than what makes the room. */
    cnc__txn_op_gone(&r->txn);
    cnc__txn_submit(&r->txn);
}

void
cnc__pubsub_retract(struct cnc__pubsub *ps, const struct cnc__actor *actor,
                    struct cnc__node *node, const char *id, cnc__done_f *done,
                    void *priv)
{
    cnc__pubsub_check(ps);
    struct cnc_error err = {0};
    struct retract *r = retract_new(node);
    r->txn.done = done;
    r->txn.done_priv = priv;
    if (cnc__node_is_going(node, &err) ||
        may_retract(node, actor, id, &err) != 0) {
        cnc__txn_fail(&r->txn, &err);
        cnc__txn_drop(&r->txn);
        return;
    }
    retract_add(r, id, actor);
    retract_submit(r);
}

static bool
is_true(const char *s)
{
    return s != NULL && (strcmp(s, "true") == 0 || strcmp(s, "1") == 0);
}

int
cnc__verb_retract(struct cnc__verb *v, struct cnc_error *err)
{
    if (!v->node->cfg.persist_items) {
        return cnc__ps_unsupported(err, CNC__UNSUPPORTED("persistent-items"));
    }
    /* All of them are checked before the first is touched. */
    const struct cnc_element *e;
    size_t n = 0;
    for (size_t i = 0; (e = cnc_element_next(v->verb, &i, CNC__NS_PUBSUB,
                                             "item")) != NULL;) {
        const char *id = cnc_element_attr(e, NULL, "id");
        if (id == NULL || *id == '\0') {
            n = 0;
            break;
        }
        int rc = may_retract(v->node, &v->actor, id, err);
        if (rc != 0) {
            return rc;
        }
        n++;
    }
    if (n == 0) {
        return cnc__ps_error(err, CNC_EINVAL, "bad-request", "item-required",
                             "retract names the items by id");
    }
    struct retract *r = retract_new(v->node);
    r->notify = is_true(cnc_element_attr(v->verb, NULL, "notify"));
    cnc__verb_hand_over(v, &r->txn);
    for (size_t i = 0; (e = cnc_element_next(v->verb, &i, CNC__NS_PUBSUB,
                                             "item")) != NULL;) {
        const char *id = cnc_element_attr(e, NULL, "id");
        struct cnc__item *item = cnc__node_item_or_pending(v->node, id);
        if (item != NULL) { /* not named twice */
            retract_add(r, id, &v->actor);
            cnc__item_unref(&item);
        }
    }
    retract_submit(r);
    return 0;
}

/* -- purge (8.5) ---------------------------------------------------------- */

struct purge {
    struct cnc__txn txn;
    struct cnc__item *mark;
};

static void
purge_finish(struct cnc__txn *t, const struct cnc_error *err)
{
    struct purge *p = CNC_CONTAINER(t, struct purge, txn);
    struct cnc__node *n = t->node;
    struct cnc__pubsub *ps = t->ps;
    if (err != NULL) {
        cnc__txn_fail(t, err);
        return;
    }
    while (n->items.live > 0) {
        struct cnc__item *item = cnc__order_at(&n->items, 0);
        item = cnc__order_take(&n->items, item->id);
        cnc__index_del(n, item);
        cnc__sorted_del(n, item);
        cnc__item_unref(&item);
        ps->root->stats.items--;
    }
    n->seq = p->mark->seq;
    cnc__archive_push(&n->archive, CNC__PURGED, p->mark,
                      cnc__node_history_max(n));
    cnc__txn_answer(t, NULL, NULL, 0);
    if (n->cfg.notify_retract) {
        cnc__notify_entry(n, CNC__PURGED, p->mark);
    }
    if (ps->env.after != NULL) {
        ps->env.after(CNC__EV_PURGE, n, NULL, ps->env.priv);
    }
}

static void
purge_release(struct cnc__txn *t)
{
    struct purge *p = CNC_CONTAINER(t, struct purge, txn);
    cnc__item_unref(&p->mark);
    cnc__free(p);
}

static struct purge *
purge_new(struct cnc__node *n, const struct cnc__actor *who)
{
    struct purge *p = cnc__zalloc(sizeof(*p));
    cnc__txn_init(&p->txn, n, purge_finish, purge_release);
    p->mark = new_mark(n, "", who);
    return p;
}

static void
purge_submit(struct purge *p)
{
    if (p->txn.node->cfg.durable) {
        cnc__txn_op(&p->txn, CNC_STORE_PURGE, CNC_STORE_ITEM);
        add_mark_op(&p->txn, p->mark);
    }
    cnc__txn_submit(&p->txn);
}

void
cnc__node_purge(struct cnc__node *n, const struct cnc__actor *who,
                cnc__done_f *done, void *priv)
{
    struct purge *p = purge_new(n, who);
    p->txn.done = done;
    p->txn.done_priv = priv;
    purge_submit(p);
}

int
cnc__verb_purge(struct cnc__verb *v, struct cnc_error *err)
{
    struct cnc__node *n = v->node;
    int rc = cnc__pubsub_may(v->ps, &v->actor, CNC__MAY_CONFIGURE, n, err);
    if (rc == 0 && n->mirror != NULL) {
        rc = cnc__mirror_refuse(n, err);
    }
    if (rc != 0) {
        return rc;
    }
    if (!n->cfg.persist_items) {
        return cnc__ps_unsupported(err, CNC__UNSUPPORTED("persistent-items"));
    }
    struct purge *p = purge_new(n, &v->actor);
    cnc__verb_hand_over(v, &p->txn);
    purge_submit(p);
    return 0;
}

/* -- delete (8.4) --------------------------------------------------------- */

struct delete
{
    struct cnc__txn txn;
    char *redirect; /* xmpp: URI of the node that takes its place */
};

static void
delete_finish(struct cnc__txn *t, const struct cnc_error *err)
{
    struct delete *d = CNC_CONTAINER(t, struct delete, txn);
    struct cnc__node *n = t->node;
    struct cnc__pubsub *ps = t->ps;
    n->deleting = false;
    if (err != NULL) {
        cnc__txn_fail(t, err);
        return;
    }
    cnc__txn_answer(t, NULL, NULL, 0);
    if (n->cfg.notify_delete) {
        struct cnc__str xml = CNC__STR;
        cnc__xml_printf(&xml, "<delete node='%s'>", n->name);
        if (d->redirect != NULL) {
            cnc__xml_printf(&xml, "<redirect uri='%s'/>", d->redirect);
        }
        cnc__str_puts(&xml, "</delete>");
        cnc__notify_all(n, xml.data, xml.len);
        cnc__str_fini(&xml);
    }
    if (ps->env.after != NULL) {
        ps->env.after(CNC__EV_DELETE, n, NULL, ps->env.priv);
    }
    cnc__node_remove(n);
}

static void
delete_release(struct cnc__txn *t)
{
    struct delete *d = CNC_CONTAINER(t, struct delete, txn);
    cnc__free(d->redirect);
    cnc__free(d);
}

/* Its entries and those of its subscriptions. */
static void
drop_all(struct cnc__txn *t)
{
    cnc__txn_op(t, CNC_STORE_DROP, CNC_STORE_NODE);
    cnc__txn_op(t, CNC_STORE_DROP, CNC_STORE_NODE)->entry.node =
        cnc__node_people(t->node);
}

void
cnc__node_delete(struct cnc__node *n)
{
    struct delete *d = cnc__zalloc(sizeof(*d));
    cnc__txn_init(&d->txn, n, delete_finish, delete_release);
    if (n->cfg.durable) {
        drop_all(&d->txn);
    }
    n->deleting = n->cfg.durable;
    cnc__txn_submit(&d->txn);
}

void
cnc__node_end(struct cnc__node *n)
{
    CNC_CHECK(n->cfg.derived && !n->cfg.durable);
    cnc__node_delete(n);
}

int
cnc__verb_delete(struct cnc__verb *v, struct cnc_error *err)
{
    struct cnc__node *n = v->node;
    int rc = cnc__pubsub_may(v->ps, &v->actor, CNC__MAY_CONFIGURE, n, err);
    if (rc == 0 && n->mirror != NULL) {
        rc = cnc__mirror_refuse(n, err);
    }
    if (rc != 0) {
        return rc;
    }
    const struct cnc_element *redirect =
        cnc_element_child(v->verb, CNC__NS_OWNER, "redirect");
    struct delete *d = cnc__zalloc(sizeof(*d));
    cnc__txn_init(&d->txn, n, delete_finish, delete_release);
    if (redirect != NULL) {
        d->redirect = cnc__strdup(cnc_element_attr(redirect, NULL, "uri"));
    }
    if (n->cfg.durable) {
        drop_all(&d->txn);
    }
    cnc__verb_hand_over(v, &d->txn);
    n->deleting = n->cfg.durable; /* from now on it takes nothing */
    cnc__txn_submit(&d->txn);
    return 0;
}
