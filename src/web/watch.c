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

/* -- a list ----------------------------------------------------------------
 */

void
cnc__records_clear(struct cnc__records *l)
{
    for (size_t i = 0; i < l->n; i++) {
        cnc__item_unref(&l->all[i].item);
    }
    l->n = 0;
}

void
cnc__records_fini(struct cnc__records *l)
{
    cnc__records_clear(l);
    cnc__free(l->all);
    l->all = NULL;
    l->cap = 0;
}

void
cnc__records_insert(struct cnc__records *l, size_t i, struct cnc__item *item)
{
    if (l->n == l->cap) {
        l->all = cnc__grow(l->all, l->n, &l->cap, sizeof(*l->all));
    }
    memmove(&l->all[i + 1], &l->all[i], (l->n - i) * sizeof(*l->all));
    l->n++;
    l->all[i] = (struct cnc__record){item->created, cnc__item_ref(item)};
}

void
cnc__records_remove(struct cnc__records *l, size_t i)
{
    struct cnc__item *old = l->all[i].item;
    l->n--;
    memmove(&l->all[i], &l->all[i + 1], (l->n - i) * sizeof(*l->all));
    cnc__item_unref(&old);
}

void
cnc__records_replace(struct cnc__records *l, size_t i, struct cnc__item *item)
{
    struct cnc__item *old = l->all[i].item;
    l->all[i].item = cnc__item_ref(item);
    cnc__item_unref(&old);
}

size_t
cnc__records_find(const struct cnc__records *l, uint64_t created, bool *found)
{
    size_t low = 0, high = l->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (l->all[mid].created < created) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    *found = low < l->n && l->all[low].created == created;
    return low;
}

/* -- a node ----------------------------------------------------------------
 */

void
cnc__watch_free(void *watch)
{
    struct cnc__watch *w = watch;
    CNC_OBJ_CHECK(w, WATCH_MAGIC);
    cnc__records_fini(&w->list);
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

void
cnc__watch_load(struct cnc__watch *w)
{
    CNC_OBJ_CHECK(w, WATCH_MAGIC);
    struct cnc__records *l = &w->list;
    cnc__records_clear(l);
    size_t n = w->node == NULL ? 0 : cnc__node_n_items(w->node);
    for (size_t i = 0; i < n; i++) {
        struct cnc__item *item = cnc__node_item_at(w->node, i);
        if (item->seq > w->seen) {
            w->seen = item->seq;
        }
        if (item->payload != NULL) {
            cnc__records_insert(l, l->n, item);
        }
    }
    if (l->n > 0) {
        qsort(l->all, l->n, sizeof(*l->all), by_created);
    }
    for (size_t i = 0; i < w->n_pages; i++) {
        struct cnc__shown *s = cnc__page_shown(w->pages[i], w->name);
        if (s->chooses) {
            cnc__choose_load(w->pages[i], s);
        }
        cnc__page_reload(w->pages[i]);
    }
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

/* A new one may push the oldest out. */
void
cnc__records_tell_put(struct cnc__web_page *p, struct cnc__shown *s,
                      const struct cnc__records *l, size_t i, bool is_new)
{
    size_t start = cnc__watch_start(l->n, p->window);
    if (i >= start) {
        cnc__page_mark(p, s, l->all[i].created, l->all[i].item);
    }
    if (is_new && start > 0) {
        const struct cnc__record *out = &l->all[start - 1];
        cnc__page_mark(p, s, out->created, out->item);
    }
    if (is_new && i + 1 != l->n) {
        cnc__page_reload(p); /* not at the end, where upsert puts it */
    }
}

void
cnc__records_tell_drop(struct cnc__web_page *p, struct cnc__shown *s,
                       const struct cnc__records *l, size_t i)
{
    size_t start = cnc__watch_start(l->n, p->window);
    if (i >= start) {
        cnc__page_mark(p, s, l->all[i].created, l->all[i].item);
    }
    if (start > 0 && i >= start) {
        cnc__page_reload(p); /* an older one comes in, at the front */
    } else if (start == 1) {
        cnc__page_touch(p); /* the last older one: no link to it now */
    }
}

void
cnc__watch_put(struct cnc__watch *w, struct cnc__item *item)
{
    CNC_OBJ_CHECK(w, WATCH_MAGIC);
    struct cnc__records *l = &w->list;
    struct cnc__item *old = NULL;
    bool found;
    size_t i = cnc__records_find(l, item->created, &found);
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
        old = cnc__item_ref(l->all[i].item);
        cnc__records_replace(l, i, item);
    } else {
        cnc__records_insert(l, i, item);
    }
    for (size_t k = 0; k < w->n_pages; k++) {
        struct cnc__web_page *p = w->pages[k];
        struct cnc__shown *s = shown_of(p, w);
        if (s->chooses) {
            cnc__choose_change(p, s, old, item);
        } else {
            cnc__records_tell_put(p, s, l, i, !found);
        }
    }
    cnc__item_unref(&old);
}

/* By its place, or by its id when the event does not say the place. */
static bool
find_item(const struct cnc__watch *w, const struct cnc__item *item,
          size_t *index)
{
    const struct cnc__records *l = &w->list;
    bool found;
    *index = cnc__records_find(l, item->created, &found);
    if (found && strcmp(l->all[*index].item->id, item->id) == 0) {
        return true;
    }
    for (size_t i = l->n; i-- > 0;) {
        if (strcmp(l->all[i].item->id, item->id) == 0) {
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
        struct cnc__shown *s = shown_of(p, w);
        if (s->chooses) {
            cnc__choose_change(p, s, w->list.all[i].item, NULL);
        } else {
            cnc__records_tell_drop(p, s, &w->list, i);
        }
    }
    cnc__records_remove(&w->list, i);
}
