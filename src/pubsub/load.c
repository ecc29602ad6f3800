/* SPDX-License-Identifier: MIT */
/*
 * load.c -- from the store into memory at start-up, and the NODE entry both
 * ways:
 *
 *   <node xmlns="http://concordance-xmpp.org/ns/store" epoch="8 hex" seq="N"
 *         created="Unix ms">
 *     <config .../> <affiliation jid="" is="owner"/>
 *     <subscription jid="" is="subscribed"/>
 *   </node>
 *
 * seq here is a lower bound alone: it is written when the node changes, not
 * with each event.  The newest event is always in the history, so the highest
 * seq of all entries is the node's, and it never goes back.
 */
#include "../base/text.h"
#include "../xml/write.h"
#include "impl.h"

/* -- NODE ----------------------------------------------------------------- */

void
cnc__node_write(struct cnc__str *out, const struct cnc__node *n)
{
    cnc__xml_printf(out,
                    "<node xmlns=\"" CNC__NS_STORE "\" epoch=\"%s\""
                    " seq=\"%llu\" created=\"%lld\"><config",
                    n->epoch, (unsigned long long)n->last_seq,
                    (long long)n->created_ms);
    cnc__config_attrs(out, &n->cfg);
    cnc__str_puts(out, "/>");
    struct cnc__table_iter i = {0};
    while (cnc__table_next(n->affs, &i)) {
        cnc__xml_printf(
            out, "<affiliation jid=\"%s\" is=\"%s\"/>", i.key,
            cnc__affiliation_name((enum cnc__affiliation)(uintptr_t)i.value));
    }
    cnc__str_puts(out, "</node>");
}

static enum cnc__sub_state
read_state(const char *is)
{
    return strcmp(is, "pending") == 0 ? CNC__PENDING : CNC__SUBSCRIBED;
}

static int
read_person(struct cnc__node *n, const struct cnc_element *e)
{
    const char *jid = cnc_element_attr(e, NULL, "jid");
    const char *is = cnc_element_attr(e, NULL, "is");
    if (jid == NULL || is == NULL) {
        return CNC_ESTORE;
    }
    if (strcmp(cnc_element_name(e), "affiliation") == 0) {
        enum cnc__affiliation a;
        if (cnc__affiliation_parse(&a, is) != 0) {
            return CNC_ESTORE;
        }
        cnc__table_put(n->affs, jid, (void *)(uintptr_t)a);
    } else {
        cnc__psub_set(n, jid, read_state(is));
        n->inline_subs = true;
    }
    return 0;
}

int
cnc__node_read(struct cnc__node *n, const struct cnc_element *e,
               struct cnc_error *err)
{
    const char *epoch = cnc_element_attr(e, NULL, "epoch");
    const char *seq = cnc_element_attr(e, NULL, "seq");
    const char *created = cnc_element_attr(e, NULL, "created");
    int64_t number;
    if (!cnc_element_is(e, CNC__NS_STORE, "node") || epoch == NULL ||
        strlen(epoch) != 8 || strspn(epoch, "0123456789abcdef") != 8 ||
        seq == NULL || !cnc__parse_int(&number, seq, 0, INT64_MAX)) {
        return CNC_ESTORE;
    }
    memcpy(n->epoch, epoch, 9);
    n->last_seq = n->seq = (uint64_t)number;
    n->created_ms = 0;
    if (created != NULL &&
        !cnc__parse_int(&n->created_ms, created, 0, INT64_MAX)) {
        return CNC_ESTORE;
    }
    int rc = 0;
    const struct cnc_element *c;
    for (size_t i = 0; rc == 0 && (c = cnc_element_next(e, &i, CNC__NS_STORE,
                                                        NULL)) != NULL;) {
        rc = strcmp(cnc_element_name(c), "config") == 0
                 ? cnc__config_read(&n->cfg, c)
                 : read_person(n, c);
    }
    return rc;
}

/* -- entries -------------------------------------------------------------- */

static int
nonsense(struct cnc_error *err, const struct cnc_store_entry *e,
         const char *why)
{
    return cnc_error_set(err, CNC_ESTORE, NULL,
                         "the store is damaged: node %.100s, item %.100s, "
                         "number %llu: %s",
                         e->node, e->id, (unsigned long long)e->seq, why);
}

static int
load_node(struct cnc__pubsub *ps, const struct cnc_store_entry *e,
          struct cnc_error *err)
{
    struct cnc_xml_limits limits = {
        .size = sizeof(limits),
        .max_stanza = CNC_BUF_MAX,
        .max_children = 2 * CNC__MAX_JIDS + 16,
    };
    struct cnc_element *xml = NULL;
    const char *name = e->node;
    ps = cnc__pubsub_stored(ps, &name);
    if (ps == NULL || cnc__node_name_valid(name, NULL) != 0 ||
        cnc__table_get(ps->nodes, name) != NULL ||
        cnc_xml_parse(&xml, e->value, e->len, 0, &limits, NULL) != 0) {
        return nonsense(err, e, "no such node can be");
    }
    struct cnc__node_config cfg;
    cnc__node_config_default(&cfg);
    struct cnc__node *n = cnc__node_new(ps, name, &cfg);
    cnc__node_config_fini(&cfg);
    cnc__table_put(ps->nodes, name, n);
    int rc = cnc__node_read(n, xml, err);
    cnc_element_unref(&xml);
    return rc == 0 ? 0 : nonsense(err, e, "its configuration is not ours");
}

static int
load_subscription(struct cnc__pubsub *ps, const struct cnc_store_entry *e,
                  struct cnc_error *err)
{
    const char *name = e->node + 1;
    ps = cnc__pubsub_stored(ps, &name);
    struct cnc__node *n = ps == NULL ? NULL : cnc__table_get(ps->nodes, name);
    if (n == NULL || *e->id == '\0') {
        return nonsense(err, e, "there is no such node");
    }
    char *is = cnc__strndup(e->value, e->len);
    cnc__psub_set(n, e->id, read_state(is));
    cnc__free(is);
    return 0;
}

static int
load_payload(struct cnc__item *item, const struct cnc_store_entry *e)
{
    struct cnc_element *xml = NULL;
    if (e->len == 0) {
        return 0;
    }
    /* Written by us, but it goes out as it is: look once. */
    struct cnc_xml_limits limits = {.size = sizeof(limits),
                                    .max_stanza = CNC_BUF_MAX,
                                    .max_token = CNC_BUF_MAX,
                                    .max_children = UINT32_MAX};
    if (cnc_xml_parse(&xml, e->value, e->len, 0, &limits, NULL) != 0) {
        return CNC_ESTORE;
    }
    if (!cnc_element_is(xml, CNC__NS_STORE, "none")) {
        item->payload = cnc_buf_new(e->value, e->len);
    }
    cnc_element_unref(&xml);
    return 0;
}

/* An item and its newest event are one: whichever comes second finds it. */
static struct cnc__item *
twin(struct cnc__node *n, const struct cnc_store_entry *e)
{
    struct cnc__item *item = NULL;
    if (e->kind == CNC_STORE_ITEM && n->archive.n > 0) {
        item = cnc__archive_at(&n->archive, n->archive.n - 1)->item;
    } else if (e->kind == CNC_STORE_HISTORY) {
        item = cnc__order_get(&n->items, e->id);
    }
    return item != NULL && item->seq == e->seq && strcmp(item->id, e->id) == 0
               ? cnc__item_ref(item)
               : NULL;
}

static bool
in_order(const struct cnc__node *n, const struct cnc_store_entry *e)
{
    if (e->kind == CNC_STORE_ITEM) {
        return cnc__order_get(&n->items, e->id) == NULL &&
               (n->items.used == 0 ||
                n->items.slots[n->items.used - 1].seq < e->seq);
    }
    return n->archive.n == 0 ||
           n->archive.all[n->archive.first + n->archive.n - 1].item->seq <
               e->seq;
}

static int
load_event(struct cnc__pubsub *ps, const struct cnc_store_entry *e,
           struct cnc_error *err)
{
    const char *name = e->node;
    ps = cnc__pubsub_stored(ps, &name);
    struct cnc__node *n = ps == NULL ? NULL : cnc__table_get(ps->nodes, name);
    if (n == NULL) {
        return nonsense(err, e, "there is no such node");
    }
    if (e->seq == 0 || e->seq > INT64_MAX || !in_order(n, e)) {
        return nonsense(err, e, "the numbers are out of order");
    }
    struct cnc__item *item = twin(n, e);
    if (item == NULL) {
        item = cnc__item_new(e->id, e->publisher, strlen(e->publisher));
        item->seq = e->seq;
        item->published_ms = e->published_ms;
        if (load_payload(item, e) != 0) {
            cnc__item_unref(&item);
            return nonsense(err, e, "its payload is no XML");
        }
    }
    if (e->kind == CNC_STORE_ITEM) {
        item->created = e->created == 0 ? e->seq : e->created;
        cnc__order_append(&n->items, item);
        cnc__sorted_add(n, item);
        ps->root->stats.items++;
    } else {
        enum cnc__what what = e->len > 0       ? CNC__PUBLISHED
                              : *e->id != '\0' ? CNC__RETRACTED
                                               : CNC__PURGED;
        if (n->archive.n == 0) {
            n->archive.lost = e->seq - 1;
        }
        cnc__archive_push(&n->archive, what, item, SIZE_MAX);
    }
    cnc__item_unref(&item);
    if (e->seq > n->last_seq) {
        n->last_seq = n->seq = e->seq;
    }
    return 0;
}

int
cnc__pubsub_load(struct cnc__pubsub *ps, const struct cnc_store_entry *e,
                 struct cnc_error *err)
{
    cnc__pubsub_check(ps);
    ps->loading = true;
    switch (e->kind) {
    case CNC_STORE_NODE:
        return load_node(ps, e, err);
    case CNC_STORE_ITEM:
        if (e->node[0] == CNC__SUBS_PREFIX) {
            return load_subscription(ps, e, err);
        }
        return load_event(ps, e, err);
    case CNC_STORE_HISTORY:
        return load_event(ps, e, err);
    case CNC_STORE_KEY:
        cnc__mirror_load(ps, e);
        return 0;
    }
    return nonsense(err, e, "this kind of entry is unknown");
}

static void
load_done(struct cnc__pubsub *ps)
{
    ps->loading = true;
    struct cnc__table_iter i = {0};
    while (cnc__table_next(ps->nodes, &i)) {
        struct cnc__node *n = i.value;
        if (n->archive.n == 0) {
            n->archive.lost = n->seq;
        }
        cnc__archive_trim(&n->archive, cnc__node_history_max(n));
        /* What leaves here leaves the store with the node's next commit. */
        cnc__node_evict(n);
        cnc__far_attach_all(n);
    }
    ps->loading = false;
}

void
cnc__pubsub_load_done(struct cnc__pubsub *ps)
{
    cnc__pubsub_check(ps);
    load_done(ps);
    for (struct cnc__table_iter i = {0}; cnc__table_next(ps->peps, &i);) {
        load_done(i.value);
    }
}
