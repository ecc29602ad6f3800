/* SPDX-License-Identifier: MIT */
/*
 * watch.c -- the records of a node in order of creation.  Pubsub keeps items
 * in the order of their last publish; a page must not move a record because
 * its price changed.  `created` numbers grow, so that a new record goes to the
 * end and any other is found by bisection.
 */
#include "web.h"

#define WATCH_MAGIC 0x57544348u /* WTCH */

struct cnc__watch *
cnc__watch_get(struct cnc__agent *a, const char *name)
{
    struct cnc__watch *w = cnc__table_get(a->watches, name);
    if (w != NULL) {
        return w;
    }
    w = cnc__zalloc(sizeof(*w));
    w->magic = WATCH_MAGIC;
    w->name = cnc__strdup(name);
    w->node = cnc__pubsub_node(a->env.pubsub, name);
    cnc__table_put(a->watches, name, w);
    cnc__watch_load(w);
    return w;
}

static void
clear(struct cnc__watch *w)
{
    for (size_t i = 0; i < w->n_records; i++) {
        cnc__item_unref(&w->records[i].item);
    }
    w->n_records = 0;
}

void
cnc__watch_free(void *watch)
{
    struct cnc__watch *w = watch;
    CNC_OBJ_CHECK(w, WATCH_MAGIC);
    clear(w);
    cnc__free(w->records);
    cnc__free(w->pages);
    cnc__free(w->name);
    CNC_OBJ_FREE(w);
}

static int
by_created(const void *a, const void *b)
{
    const struct cnc__record *x = a, *y = b;
    return x->created < y->created ? -1 : x->created > y->created;
}

static void
make_room(struct cnc__watch *w, size_t n)
{
    if (n <= w->cap_records) {
        return;
    }
    size_t cap = w->cap_records == 0 ? 64 : w->cap_records;
    while (cap < n) {
        cap *= 2;
    }
    w->records = cnc__realloc(w->records, cap, sizeof(*w->records));
    w->cap_records = cap;
}

void
cnc__watch_load(struct cnc__watch *w)
{
    CNC_OBJ_CHECK(w, WATCH_MAGIC);
    clear(w);
    size_t n = w->node == NULL ? 0 : cnc__node_n_items(w->node);
    make_room(w, n);
    for (size_t i = 0; i < n; i++) {
        struct cnc__item *item = cnc__node_item_at(w->node, i);
        if (item->seq > w->seen) {
            w->seen = item->seq;
        }
        if (item->payload != NULL) {
            w->records[w->n_records++] =
                (struct cnc__record){item->created, cnc__item_ref(item)};
        }
    }
    if (w->n_records > 0) {
        qsort(w->records, w->n_records, sizeof(*w->records), by_created);
    }
    for (size_t i = 0; i < w->n_pages; i++) {
        cnc__page_reload(w->pages[i]);
    }
}

size_t
cnc__watch_find(const struct cnc__watch *w, uint64_t created, bool *found)
{
    size_t low = 0, high = w->n_records;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (w->records[mid].created < created) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    *found = low < w->n_records && w->records[low].created == created;
    return low;
}

static struct cnc__shown *
shown_of(struct cnc__web_page *p, const struct cnc__watch *w)
{
    for (size_t i = 0; i < p->n_shown; i++) {
        if (p->shown[i].watch == w) {
            return &p->shown[i];
        }
    }
    return NULL;
}

/* Record i changed, or is new; a new one may push the oldest out. */
static void
tell_put(struct cnc__watch *w, size_t i, bool is_new)
{
    for (size_t k = 0; k < w->n_pages; k++) {
        struct cnc__web_page *p = w->pages[k];
        struct cnc__shown *s = shown_of(p, w);
        size_t start = cnc__watch_start(w->n_records, p->window);
        if (i >= start) {
            cnc__page_mark(p, s, w->records[i].created, w->records[i].item);
        }
        if (is_new && start > 0) {
            const struct cnc__record *out = &w->records[start - 1];
            cnc__page_mark(p, s, out->created, out->item);
        }
        if (is_new && i + 1 != w->n_records) {
            cnc__page_reload(p); /* not at the end, where upsert puts it */
        }
    }
}

void
cnc__watch_put(struct cnc__watch *w, struct cnc__item *item)
{
    CNC_OBJ_CHECK(w, WATCH_MAGIC);
    bool found;
    size_t i = cnc__watch_find(w, item->created, &found);
    if (item->seq > w->seen) {
        w->seen = item->seq;
    }
    if (item->payload == NULL) {
        if (found) {
            cnc__watch_drop(w, item);
        }
        return;
    }
    if (found) {
        struct cnc__item *old = w->records[i].item;
        w->records[i].item = cnc__item_ref(item);
        cnc__item_unref(&old);
        tell_put(w, i, false);
        return;
    }
    make_room(w, w->n_records + 1);
    memmove(&w->records[i + 1], &w->records[i],
            (w->n_records - i) * sizeof(*w->records));
    w->n_records++;
    w->records[i] = (struct cnc__record){item->created, cnc__item_ref(item)};
    tell_put(w, i, true);
}

/* By its place, or by its id when the event does not say the place. */
static bool
find_item(const struct cnc__watch *w, const struct cnc__item *item,
          size_t *index)
{
    bool found;
    *index = cnc__watch_find(w, item->created, &found);
    if (found && strcmp(w->records[*index].item->id, item->id) == 0) {
        return true;
    }
    for (size_t i = w->n_records; i-- > 0;) {
        if (strcmp(w->records[i].item->id, item->id) == 0) {
            *index = i;
            return true;
        }
    }
    return false;
}

void
cnc__watch_drop(struct cnc__watch *w, struct cnc__item *item)
{
    CNC_OBJ_CHECK(w, WATCH_MAGIC);
    size_t i;
    if (!find_item(w, item, &i)) {
        return;
    }
    for (size_t k = 0; k < w->n_pages; k++) {
        struct cnc__web_page *p = w->pages[k];
        size_t start = cnc__watch_start(w->n_records, p->window);
        if (i >= start) {
            cnc__page_mark(p, shown_of(p, w), w->records[i].created,
                           w->records[i].item);
        }
        if (start > 0 && i >= start) {
            cnc__page_reload(p); /* an older one comes in, at the front */
        } else if (start == 1) {
            cnc__page_touch(p); /* the last older one: no link to it now */
        }
    }
    struct cnc__item *old = w->records[i].item;
    w->n_records--;
    memmove(&w->records[i], &w->records[i + 1],
            (w->n_records - i) * sizeof(*w->records));
    cnc__item_unref(&old);
}
