/* SPDX-License-Identifier: MIT */
/*
 * txn.c -- transactions: what is durable goes to the store first.
 *
 * The operations borrow their strings from the node and the items the verb
 * holds, and from the transaction itself; all of them stay until release().
 */
#include "../base/log.h"
#include "impl.h"

#define TXN_MAGIC 0x7A2A5C01u

void
cnc__txn_init(struct cnc__txn *t, struct cnc__node *n,
              void (*finish)(struct cnc__txn *, const struct cnc_error *),
              void (*release)(struct cnc__txn *))
{
    t->magic = TXN_MAGIC;
    t->ps = n->ps;
    t->node = cnc__node_ref(n);
    t->mark = n->mark;
    n->mark = NULL;
    t->finish = finish;
    t->release = release;
}

struct cnc_store_op *
cnc__txn_op(struct cnc__txn *t, enum cnc_store_verb verb,
            enum cnc_store_kind kind)
{
    CNC_OBJ_CHECK(t, TXN_MAGIC);
    struct cnc__commit *c = &t->commit;
    c->ops = cnc__grow(c->ops, c->n_ops, &t->cap_ops, sizeof(*c->ops));
    struct cnc_store_op *op = &c->ops[c->n_ops++];
    *op = (struct cnc_store_op){
        .verb = verb,
        .entry = {.kind = kind,
                  .node = t->node->stored,
                  .id = "",
                  .publisher = "",
                  .value = ""},
    };
    return op;
}

void
cnc__txn_op_node(struct cnc__txn *t)
{
    if (t->node->unsaved || t->node->inline_subs) {
        cnc__psubs_write(t);
    }
    cnc__node_write(&t->value, t->node);
    struct cnc_store_op *op = cnc__txn_op(t, CNC_STORE_PUT, CNC_STORE_NODE);
    op->entry.seq = t->node->last_seq;
    op->entry.value = t->value.data;
    op->entry.len = t->value.len;
}

void
cnc__txn_op_gone(struct cnc__txn *t)
{
    struct cnc__node *n = t->node;
    if (n->n_gone == 0) {
        return;
    }
    t->ids = n->gone;
    t->n_ids = n->n_gone;
    n->gone = NULL;
    n->n_gone = n->cap_gone = 0;
    for (size_t i = 0; i < t->n_ids; i++) {
        const char *id = t->ids[i];
        /* It may have been published again since. */
        if (cnc__order_get(&n->items, id) == NULL &&
            cnc__pending_get(n, id) == NULL) {
            cnc__txn_op(t, CNC_STORE_DEL, CNC_STORE_ITEM)->entry.id = id;
        }
    }
}

/* -- on its way ----------------------------------------------------------- */

static void
let_go(struct cnc__txn *t)
{
    for (size_t i = 0; i < t->n_ids; i++) {
        cnc__free(t->ids[i]);
    }
    for (size_t i = 0; i < t->n_jids; i++) {
        cnc__free(t->jids[i]);
    }
    cnc__free(t->jids);
    cnc__free(t->ids);
    cnc__free(t->mark);
    cnc__free(t->commit.ops);
    cnc__str_fini(&t->value);
    cnc__node_unref(&t->node);
    t->magic = 0;
    t->release(t);
}

void
cnc__txn_drop(struct cnc__txn *t)
{
    CNC_OBJ_CHECK(t, TXN_MAGIC);
    CNC_CHECK(!t->flying);
    let_go(t);
}

static void
unlink_txn(struct cnc__txn *t)
{
    if (t->prev != NULL) {
        t->prev->next = t->next;
    } else {
        t->ps->txns = t->next;
    }
    if (t->next != NULL) {
        t->next->prev = t->prev;
    }
}

static void
finish(struct cnc__txn *t, const struct cnc_error *err)
{
    for (size_t i = 0; err != NULL && i < t->n_ids; i++) {
        cnc__node_forget(t->node, t->ids[i]); /* still in the store */
    }
    if (err == NULL && t->value.len > 0) {
        t->node->unsaved = false;
        t->node->inline_subs = false;
    }
    t->finish(t, err);
    CNC_CHECK(t->request == NULL && t->done == NULL);
}

static void
on_done(struct cnc__commit *c, const struct cnc_error *err)
{
    struct cnc__txn *t = CNC_CONTAINER(c, struct cnc__txn, commit);
    CNC_OBJ_CHECK(t, TXN_MAGIC);
    if (t->ps != NULL) {
        unlink_txn(t);
        finish(t, err);
    }
    let_go(t);
}

void
cnc__txn_submit(struct cnc__txn *t)
{
    CNC_OBJ_CHECK(t, TXN_MAGIC);
    struct cnc__pubsub *ps = t->ps;
    struct cnc__commit *c = &t->commit;
    bool drop = c->n_ops > 0 && c->ops[0].verb == CNC_STORE_DROP;
    struct cnc_error err = {0};
    if (!drop && cnc__node_is_going(t->node, &err)) {
        finish(t, &err);
        let_go(t);
        return;
    }
    if (t->mark != NULL) {
        struct cnc_store_op *op = cnc__txn_op(t, CNC_STORE_PUT, CNC_STORE_KEY);
        op->entry.node = CNC__MIRROR_MARKS;
        op->entry.id = t->node->stored;
        op->entry.value = t->mark;
        op->entry.len = strlen(t->mark);
    }
    if (!t->node->cfg.durable || c->n_ops == 0) {
        finish(t, NULL);
        let_go(t);
        return;
    }
    if (t->node->unsaved && !drop && t->value.len == 0) {
        /* Its own entry failed before: nothing of it is kept without. */
        cnc__txn_op_node(t);
    }
    c->done = on_done;
    c->priv = t;
    t->flying = true;
    t->next = ps->txns;
    if (t->next != NULL) {
        t->next->prev = t;
    }
    ps->txns = t;
    ps->env.commit(c, ps->env.priv);
}

void
cnc__txn_close_all(struct cnc__pubsub *ps)
{
    struct cnc_error err = {0};
    cnc_error_set(&err, CNC_ECLOSED, "service-unavailable",
                  "the service is stopping");
    while (ps->txns != NULL) {
        struct cnc__txn *t = ps->txns;
        unlink_txn(t);
        finish(t, &err);
        /* Memory stays until the store has answered; names of the node are
         * read until then, the service is not. */
        t->ps = NULL;
    }
}

/* -- answers -------------------------------------------------------------- */

void
cnc__txn_fail(struct cnc__txn *t, const struct cnc_error *err)
{
    t->ps->root->stats.refused++;
    if (t->request != NULL) {
        cnc__request_error(&t->request, err);
    }
    if (t->done != NULL) {
        cnc__done_f *done = t->done;
        t->done = NULL;
        done(err, NULL, t->done_priv);
    }
}

void
cnc__txn_answer(struct cnc__txn *t, const char *id, const char *xml,
                size_t len)
{
    if (t->request != NULL) {
        cnc__request_result(&t->request, xml, len);
    }
    if (t->done != NULL) {
        cnc__done_f *done = t->done;
        t->done = NULL;
        done(NULL, id, t->done_priv);
    }
}

/* -- changes of the node itself ------------------------------------------- */

struct batch {
    struct cnc__txn txn;
    struct cnc__txn *changes; /* in order, by next_change */
};

static void start_batch(struct cnc__node *n);

static void
free_txn(struct cnc__txn *t)
{
    cnc__free(t);
}

static struct cnc__txn *
reverse(struct cnc__txn *list)
{
    struct cnc__txn *out = NULL;
    for (struct cnc__txn *t = list, *next; t != NULL; t = next) {
        next = t->next_change;
        t->next_change = out;
        out = t;
    }
    return out;
}

static struct cnc__txn *
take_waiting(struct cnc__node *n)
{
    struct cnc__txn *all = n->changes;
    n->changes = NULL;
    n->changes_end = &n->changes;
    return all;
}

static void
batch_finish(struct cnc__txn *t, const struct cnc_error *err)
{
    struct batch *b = CNC_CONTAINER(t, struct batch, txn);
    struct cnc__node *n = t->node;
    struct cnc__txn *all = err == NULL ? b->changes : reverse(b->changes);
    for (struct cnc__txn *c = all, *next; c != NULL; c = next) {
        next = c->next_change;
        finish(c, err);
        let_go(c);
    }
    n->changing = false;
    if (t->ps->closing) {
        for (struct cnc__txn *c = take_waiting(n), *next; c != NULL;
             c = next) {
            next = c->next_change;
            cnc__txn_fail(c, err);
            let_go(c);
        }
    } else if (n->changes != NULL) {
        start_batch(n);
    }
}

/* The NODE entry holds all but subscriptions, each of which is an entry: one
 * more costs the same however many there are. */
static void
write_batch(struct batch *b)
{
    struct cnc__node *n = b->txn.node;
    bool whole = n->inline_subs || n->unsaved;

    cnc__txn_op_gone(&b->txn);
    for (struct cnc__txn *c = b->changes; c != NULL; c = c->next_change) {
        whole = whole || c->write == NULL;
        if (c->write != NULL) {
            c->write(c, &b->txn);
        }
    }
    if (whole) {
        cnc__txn_op_node(&b->txn);
    }
}

static void
start_batch(struct cnc__node *n)
{
    struct batch *b = cnc__zalloc(sizeof(*b));
    struct cnc__txn **end = &b->changes;
    cnc__txn_init(&b->txn, n, batch_finish, free_txn);
    n->changing = true;
    for (struct cnc__txn *c = take_waiting(n), *next; c != NULL; c = next) {
        struct cnc_error err = {0};
        next = c->next_change;
        c->next_change = NULL;
        if (c->apply(c, &err) != 0) {
            cnc__txn_fail(c, &err);
            let_go(c);
        } else {
            *end = c;
            end = &c->next_change;
        }
    }
    if (b->changes != NULL && n->cfg.durable) {
        write_batch(b);
    }
    cnc__txn_submit(&b->txn);
}

void
cnc__txn_change(struct cnc__txn *t,
                int (*apply)(struct cnc__txn *, struct cnc_error *))
{
    struct cnc__node *n = t->node;
    t->apply = apply;
    t->next_change = NULL;
    *n->changes_end = t;
    n->changes_end = &t->next_change;
    if (!n->changing) {
        start_batch(n);
    }
}

/* -- the node's own entry, with nobody waiting ---------------------------- */

static int
apply_nothing(struct cnc__txn *t, struct cnc_error *err)
{
    return 0;
}

static void
on_saved(struct cnc__txn *t, const struct cnc_error *err)
{
    if (err != NULL && !t->ps->closing && !t->node->dead) {
        cnc__log(CNC_LOG_ERROR, "pubsub.store", "node=%s error=%s",
                 t->node->name, err->text);
    }
}

void
cnc__node_save(struct cnc__node *n)
{
    struct cnc__txn *t = cnc__zalloc(sizeof(*t));
    cnc__txn_init(t, n, on_saved, free_txn);
    cnc__txn_change(t, apply_nothing);
}
