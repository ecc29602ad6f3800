/* SPDX-License-Identifier: MIT */
/*
 * node.c -- a node: its life, its positions, what leaves it.
 */
#include "../base/log.h"
#include "../base/text.h"
#include "../xml/write.h"
#include "impl.h"

#define NODE_MAGIC 0x4E0DE001u

/* -- life ---------------------------------------------------------------- */

static char *
stored_name(const struct cnc__pubsub *ps, const char *name)
{
    struct cnc__str s = CNC__STR;
    if (ps->pep) {
        cnc__str_printf(&s, "\x1f%.*s\x1f", (int)strcspn(ps->jid, "@"),
                        ps->jid);
    }
    cnc__str_puts(&s, name);
    return cnc__str_steal(&s);
}

const char *
cnc__node_people(struct cnc__node *n)
{
    if (n->people == NULL) {
        struct cnc__str s = CNC__STR;
        cnc__str_putc(&s, CNC__SUBS_PREFIX);
        cnc__str_puts(&s, n->stored);
        n->people = cnc__str_steal(&s);
    }
    return n->people;
}

struct cnc__node *
cnc__node_new(struct cnc__pubsub *ps, const char *name,
              const struct cnc__node_config *cfg)
{
    struct cnc__node *n = cnc__zalloc(sizeof(*n));
    n->magic = NODE_MAGIC;
    n->refs = 1;
    n->ps = ps;
    n->name = cnc__strdup(name);
    struct cnc__str escaped = CNC__STR;
    cnc__xml_escape(&escaped, name, strlen(name));
    n->escaped = cnc__str_steal(&escaped);
    n->stored = stored_name(ps, name);
    cnc__node_config_copy(&n->cfg, cfg);
    cnc__random_hex(n->epoch, 4);
    n->created_ms = cnc__pubsub_now(ps);
    cnc__order_init(&n->items);
    n->pending = cnc__table_new();
    n->affs = cnc__table_new();
    n->psubs = cnc__table_new();
    n->queue_end = &n->queue;
    n->changes_end = &n->changes;
    ps->root->stats.nodes++;
    return n;
}

void
cnc__node_check(const struct cnc__node *n)
{
    CNC_OBJ_CHECK(n, NODE_MAGIC);
}

struct cnc__node *
cnc__node_ref(struct cnc__node *n)
{
    CNC_OBJ_CHECK(n, NODE_MAGIC);
    n->refs++;
    return n;
}

void
cnc__node_unref(struct cnc__node **np)
{
    struct cnc__node *n = *np;
    if (n == NULL) {
        return;
    }
    *np = NULL;
    CNC_OBJ_CHECK(n, NODE_MAGIC);
    if (--n->refs > 0) {
        return;
    }
    CNC_CHECK(n->n_subs == 0 && n->queue == NULL && n->changes == NULL);
    cnc__index_free(n);
    cnc__sorted_free(n);
    cnc__order_fini(&n->items);
    cnc__archive_fini(&n->archive);
    cnc__table_free(&n->pending, cnc__free);
    cnc__table_free(&n->affs, NULL);
    cnc__table_free(&n->psubs, NULL);
    cnc__table_free(&n->far_domains, NULL);
    cnc__table_free(&n->far_full, NULL);
    cnc__node_config_fini(&n->cfg);
    for (size_t i = 0; i < n->n_gone; i++) {
        cnc__free(n->gone[i]);
    }
    cnc__free(n->gone);
    cnc__free(n->subs);
    cnc__free(n->name);
    cnc__free(n->escaped);
    cnc__free(n->stored);
    cnc__free(n->people);
    cnc__free(n->mark);
    CNC_OBJ_FREE(n);
}

void
cnc__node_remove(struct cnc__node *n)
{
    CNC_OBJ_CHECK(n, NODE_MAGIC);
    struct cnc__pubsub *ps = n->ps;
    n->dead = true;
    while (n->n_subs > 0) {
        cnc__sub_del(n->subs[n->n_subs - 1]);
    }
    struct cnc__table_iter i = {0};
    while (cnc__table_next(n->psubs, &i)) {
        cnc__account_del(ps, i.key, n);
        cnc__far_count(n, i.key, -1);
        ps->root->stats.subscriptions--;
    }
    cnc__publish_drain(n);
    ps->root->stats.nodes--;
    ps->root->stats.items -= n->items.live;
    cnc__table_del(ps->nodes, n->name);
    cnc__node_unref(&n);
}

void
cnc__node_drop_fresh(struct cnc__node *n)
{
    if (n->fresh && !n->dead && n->seq == 0 && n->queue == NULL &&
        cnc__table_len(n->pending) == 0) {
        cnc__node_remove(n);
    }
}

bool
cnc__node_is_going(const struct cnc__node *n, struct cnc_error *err)
{
    if (n->dead || n->deleting) {
        cnc_error_set(err, CNC_ENOENT, "item-not-found",
                      "the node was deleted");
        return true;
    }
    return false;
}

int
cnc__node_name_valid(const char *name, struct cnc_error *err)
{
    size_t len = strlen(name);
    if (len == 0 || len > CNC__MAX_NODE || !cnc__xml_chars_valid(name, len)) {
        return cnc_error_set(err, CNC_EINVAL, "not-acceptable",
                             "a node's name has 1 to %d bytes of text",
                             CNC__MAX_NODE);
    }
    return 0;
}

struct cnc__node *
cnc__pubsub_node(struct cnc__pubsub *ps, const char *name)
{
    cnc__pubsub_check(ps);
    struct cnc__node *n = cnc__table_get(ps->nodes, name);
    return n == NULL || n->creating || n->deleting ? NULL : n;
}

static bool
same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool
same_roles(const struct cnc__node_config *a, const struct cnc__node_config *b)
{
    return same_text(a->readers, b->readers) &&
           same_text(a->writers, b->writers) &&
           same_text(a->owners, b->owners);
}

/* What the app declares again after it changed: the same node, new rules. */
static void
redeclare(struct cnc__node *n, const struct cnc__node_config *c)
{
    if (cnc__node_config_equal(&n->cfg, c)) {
        if (!same_roles(&n->cfg, c)) { /* nothing of the store's */
            struct cnc__node_config before = n->cfg;
            cnc__node_config_copy(&n->cfg, c);
            cnc__node_config_fini(&before);
            cnc__access_changed(n);
        }
        return;
    }
    bool was_durable = n->cfg.durable;
    struct cnc__node_config old = n->cfg;
    cnc__node_config_copy(&n->cfg, c);
    cnc__node_config_fini(&old);
    cnc__access_changed(n);
    cnc__node_evict(n);
    cnc__archive_trim(&n->archive, cnc__node_history_max(n));
    if (was_durable && !c->durable) {
        cnc__log(CNC_LOG_WARN, "pubsub.node",
                 "node=%s is not kept any more; its old items stay in the "
                 "store",
                 n->name);
    }
    n->unsaved = n->unsaved || (c->durable && !was_durable);
    cnc__node_save(n);
}

struct cnc__node *
cnc__pubsub_declare(struct cnc__pubsub *ps, const char *name,
                    const struct cnc__node_config *c)
{
    cnc__pubsub_check(ps);
    struct cnc__node *n = cnc__table_get(ps->nodes, name);
    if (n != NULL) {
        /* A stranger's create or delete of the same name under way does not
         * win against the app. */
        n->creating = false;
        redeclare(n, c);
        return n;
    }
    CNC_CHECK(cnc__node_name_valid(name, NULL) == 0);
    n = cnc__node_new(ps, name, c);
    n->unsaved = c->durable;
    cnc__table_put(ps->nodes, name, n);
    cnc__node_save(n);
    return n;
}

/* -- what it is ---------------------------------------------------------- */

const char *
cnc__node_name(const struct cnc__node *n)
{
    CNC_OBJ_CHECK(n, NODE_MAGIC);
    return n->name;
}

const struct cnc__node_config *
cnc__node_config(const struct cnc__node *n)
{
    CNC_OBJ_CHECK(n, NODE_MAGIC);
    return &n->cfg;
}

void
cnc__node_set_priv(struct cnc__node *n, void *priv)
{
    CNC_OBJ_CHECK(n, NODE_MAGIC);
    n->priv = priv;
}

void *
cnc__node_priv(const struct cnc__node *n)
{
    CNC_OBJ_CHECK(n, NODE_MAGIC);
    return n->priv;
}

size_t
cnc__node_n_items(const struct cnc__node *n)
{
    CNC_OBJ_CHECK(n, NODE_MAGIC);
    return n->items.live;
}

size_t
cnc__node_n_subscribers(const struct cnc__node *n)
{
    CNC_OBJ_CHECK(n, NODE_MAGIC);
    return n->n_subs;
}

struct cnc__item *
cnc__node_item_at(const struct cnc__node *n, size_t i)
{
    CNC_OBJ_CHECK(n, NODE_MAGIC);
    return cnc__order_at(&n->items, i);
}

struct cnc__item *
cnc__node_item(const struct cnc__node *n, const char *id)
{
    CNC_OBJ_CHECK(n, NODE_MAGIC);
    return cnc__order_get(&n->items, id);
}

size_t
cnc__node_history_max(const struct cnc__node *n)
{
    /* The newest event is what seq is found from after a restart. */
    return n->cfg.durable && n->cfg.history == 0 ? 1 : n->cfg.history;
}

/* -- positions ------------------------------------------------------------ */

void
cnc__position(char out[CNC__POSITION_LEN], const struct cnc__node *n,
              uint64_t seq)
{
    char digits[21], *d = digits + sizeof(digits) - 1;
    *d = '\0';
    do {
        *--d = (char)('0' + seq % 10);
        seq /= 10;
    } while (seq > 0);
    memcpy(out, n->epoch, 8);
    out[8] = '.';
    memcpy(out + 9, d, strlen(d) + 1);
}

int
cnc__position_parse(uint64_t *seq, const struct cnc__node *n, const char *text)
{
    int64_t v;
    if (strlen(text) < 10 || memcmp(text, n->epoch, 8) != 0 ||
        text[8] != '.' || !cnc__parse_int(&v, text + 9, 0, INT64_MAX) ||
        (uint64_t)v > n->seq) {
        return CNC_ENOENT;
    }
    *seq = (uint64_t)v;
    return 0;
}

void
cnc__node_position(const struct cnc__node *n, char out[40])
{
    CNC_OBJ_CHECK(n, NODE_MAGIC);
    cnc__position(out, n, n->seq);
}

/* -- what leaves ---------------------------------------------------------- */

void
cnc__node_forget(struct cnc__node *n, const char *id)
{
    if (!n->cfg.durable) {
        return;
    }
    n->gone = cnc__grow(n->gone, n->n_gone, &n->cap_gone, sizeof(*n->gone));
    n->gone[n->n_gone++] = cnc__strdup(id);
}

void
cnc__node_evict(struct cnc__node *n)
{
    while (n->items.live > n->cfg.max_items) {
        struct cnc__item *old = cnc__order_at(&n->items, 0);
        old = cnc__order_take(&n->items, old->id);
        cnc__index_del(n, old);
        cnc__sorted_del(n, old);
        cnc__node_forget(n, old->id);
        n->ps->root->stats.items--;
        if (n->ps->env.after != NULL && !n->ps->loading) {
            n->ps->env.after(CNC__EV_RETRACT, n, old, n->ps->env.priv);
        }
        cnc__item_unref(&old);
    }
}

/* -- versions ------------------------------------------------------------- */

int
cnc__node_history(struct cnc__node *n, const char *id, cnc_store_each_f *f,
                  void *priv)
{
    CNC_OBJ_CHECK(n, NODE_MAGIC);
    for (size_t i = n->archive.n; i-- > 0;) {
        const struct cnc__entry *e = cnc__archive_at(&n->archive, i);
        if (id != NULL && strcmp(id, e->item->id) != 0) {
            continue;
        }
        bool empty = e->item->payload == NULL;
        struct cnc_store_entry entry = {
            .kind = CNC_STORE_HISTORY,
            .node = n->name,
            .id = e->item->id,
            .seq = e->item->seq,
            .created = e->item->created,
            .published_ms = e->item->published_ms,
            .publisher = e->item->publisher,
            .value = empty ? "" : cnc_buf_data(e->item->payload),
            .len = empty ? 0 : cnc_buf_len(e->item->payload),
        };
        int rc = f(&entry, priv);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}
