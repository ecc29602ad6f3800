/* SPDX-License-Identifier: MIT */
/*
 * reflect.c -- what a mirror does to our node.  Every change passes the rules
 * and the app's record like anybody's; what does not pass is left out.
 */
#include "../base/log.h"
#include "mirror.h"

/* -- what an event says --------------------------------------------------- */

void
cnc__ops_fini(struct cnc__ops *ops)
{
    for (size_t i = 0; i < ops->n; i++) {
        cnc__free(ops->all[i].id);
        cnc_element_unref(&ops->all[i].payload);
    }
    cnc__free(ops->all);
    *ops = (struct cnc__ops){NULL, 0, 0};
}

static void
add(struct cnc__ops *ops, enum cnc__op_kind kind, const char *id,
    const struct cnc_element *payload)
{
    ops->all = cnc__grow(ops->all, ops->n, &ops->cap, sizeof(*ops->all));
    ops->all[ops->n++] =
        (struct cnc__op){kind, cnc__strdup(id),
                         payload == NULL ? NULL : cnc_element_ref(payload)};
}

static void
read_items(struct cnc__ops *out, const struct cnc_element *items)
{
    const struct cnc_element *e;
    for (size_t i = 0;
         (e = cnc_element_next(items, &i, CNC__NS_EVENT, NULL)) != NULL;) {
        const char *id = cnc_element_attr(e, NULL, "id");
        if (id == NULL || *id == '\0') {
            continue;
        }
        if (strcmp(cnc_element_name(e), "item") == 0) {
            add(out, CNC__OP_ITEM, id, cnc_element_child(e, NULL, NULL));
        } else if (strcmp(cnc_element_name(e), "retract") == 0) {
            add(out, CNC__OP_RETRACT, id, NULL);
        }
    }
}

bool
cnc__ops_read(struct cnc__ops *out, const struct cnc__mirror *m,
              const struct cnc_element *event)
{
    const struct cnc_element *e = cnc_element_child(event, NULL, NULL);
    const char *node = e == NULL ? NULL : cnc_element_attr(e, NULL, "node");
    if (node == NULL || strcmp(node, m->source_node) != 0) {
        return false;
    }
    if (cnc_element_is(e, CNC__NS_EVENT, "items")) {
        read_items(out, e);
    } else if (cnc_element_is(e, CNC__NS_EVENT, "purge")) {
        add(out, CNC__OP_PURGE, NULL, NULL);
    }
    return true;
}

/* -- doing it ------------------------------------------------------------- */

struct doing {
    struct cnc__mirror *mirror; /* ref */
    char *id;
};

static void
on_done(const struct cnc_error *err, const char *id, void *priv)
{
    struct doing *d = priv;
    struct cnc__mirror *m = d->mirror;
    if (err != NULL && m->ps != NULL) {
        /* A retraction may find nothing, when its item did not pass. */
        if (err->code == CNC_ESTORE || err->code == CNC_ECLOSED) {
            m->again = m->dirty = true;
        } else if (err->code != CNC_ENOENT) {
            cnc__log(CNC_LOG_WARN, "mirror.skip",
                     "node=%s source=%s item=%.100s error=%s", m->node->name,
                     m->source, d->id, err->text);
        }
    }
    cnc__mirror_unref(&d->mirror);
    cnc__free(d->id);
    cnc__free(d);
}

static struct doing *
doing_new(struct cnc__mirror *m, const char *id)
{
    struct doing *d = cnc__zalloc(sizeof(*d));
    m->refs++;
    d->mirror = m;
    d->id = cnc__strdup(id);
    return d;
}

static struct cnc__actor
self(const struct cnc__mirror *m)
{
    return (struct cnc__actor){.jid = m->source, .operator_ = true};
}

static bool
is_same(const struct cnc__item *item, const struct cnc_element *payload)
{
    if (item == NULL || (item->payload == NULL) != (payload == NULL)) {
        return false;
    }
    if (payload == NULL) {
        return true;
    }
    struct cnc_buf *xml = cnc_element_write(payload, 0);
    bool same = cnc_buf_len(xml) == cnc_buf_len(item->payload) &&
                memcmp(cnc_buf_data(xml), cnc_buf_data(item->payload),
                       cnc_buf_len(xml)) == 0;
    cnc_buf_unref(&xml);
    return same;
}

bool
cnc__reflect_has(const struct cnc__mirror *m, const char *id,
                 const struct cnc_element *payload)
{
    return is_same(cnc__node_there(m->node, id), payload);
}

/* What is kept says of what it is the position: the app may name another
 * source one day. */
static char *
mark_text(const struct cnc__mirror *m, const char *at)
{
    struct cnc__str s = CNC__STR;
    cnc__str_printf(&s, "%s\n%s\n%s", at, m->source, m->source_node);
    return cnc__str_steal(&s);
}

static void
set_mark(struct cnc__mirror *m, const char *at)
{
    cnc__free(m->node->mark);
    m->node->mark = at == NULL || m->dirty ? NULL : mark_text(m, at);
}

void
cnc__reflect(struct cnc__mirror *m, const struct cnc__op *op, const char *at)
{
    struct cnc__node *n = m->node;
    struct cnc__actor who = self(m);
    switch (op->kind) {
    case CNC__OP_ITEM:
        if (is_same(cnc__node_there(n, op->id), op->payload)) {
            return;
        }
        set_mark(m, at);
        cnc__pubsub_publish(m->ps, &who, n, op->id, op->payload, false,
                            on_done, doing_new(m, op->id));
        break;
    case CNC__OP_RETRACT:
        if (cnc__node_there(n, op->id) == NULL) {
            return;
        }
        set_mark(m, at);
        cnc__pubsub_retract(m->ps, &who, n, op->id, on_done,
                            doing_new(m, op->id));
        break;
    case CNC__OP_PURGE:
        set_mark(m, at);
        cnc__node_purge(n, &who, on_done, doing_new(m, ""));
        break;
    }
    set_mark(m, NULL); /* whoever changes the node next is not it */
}

static void
retract_all_but(struct cnc__mirror *m, const struct cnc__table *keep)
{
    struct cnc__node *n = m->node;
    struct cnc__ops gone = {NULL, 0, 0};
    for (size_t i = 0; i < n->items.live; i++) {
        const char *id = cnc__order_at(&n->items, i)->id;
        if (cnc__table_get(keep, id) == NULL) {
            add(&gone, CNC__OP_RETRACT, id, NULL);
        }
    }
    for (size_t i = 0; i < gone.n; i++) {
        cnc__reflect(m, &gone.all[i], NULL);
    }
    cnc__ops_fini(&gone);
}

void
cnc__reflect_rest(struct cnc__mirror *m)
{
    retract_all_but(m, m->there);
}

void
cnc__reflect_result(struct cnc__mirror *m, const struct cnc__ops *ops)
{
    /* The items were read at some moment among these events: only what each
     * id is in the end is sure not to be older than what was read. */
    struct cnc__table *last = cnc__table_new(), *kept = cnc__table_new();
    size_t purge = SIZE_MAX;
    for (size_t i = 0; i < ops->n; i++) {
        const struct cnc__op *op = &ops->all[i];
        if (op->kind == CNC__OP_PURGE) {
            purge = i;
        } else {
            cnc__table_put(last, op->id, (void *)(uintptr_t)(i + 1));
        }
    }
    for (struct cnc__table_iter i = {0}; cnc__table_next(last, &i);) {
        size_t at = (uintptr_t)i.value - 1;
        if (purge == SIZE_MAX || at > purge) {
            cnc__table_put(kept, i.key, i.value);
        }
    }
    if (purge != SIZE_MAX) {
        retract_all_but(m, kept);
    }
    for (size_t i = 0; i < ops->n; i++) {
        const struct cnc__op *op = &ops->all[i];
        if (op->kind != CNC__OP_PURGE &&
            (uintptr_t)cnc__table_get(kept, op->id) == i + 1) {
            cnc__reflect(m, op, NULL);
        }
    }
    cnc__table_free(&last, NULL);
    cnc__table_free(&kept, NULL);
}

/* -- the position alone --------------------------------------------------- */

static void
on_marked(struct cnc__txn *t, const struct cnc_error *err)
{
    /* Not kept: after a restart more is asked for than needed. */
}

static void
free_mark(struct cnc__txn *t)
{
    cnc__free(t);
}

void
cnc__reflect_mark(struct cnc__mirror *m)
{
    if (m->position == NULL) {
        return;
    }
    struct cnc__txn *t = cnc__zalloc(sizeof(*t));
    set_mark(m, m->position);
    cnc__txn_init(t, m->node, on_marked, free_mark);
    cnc__txn_submit(t);
}
