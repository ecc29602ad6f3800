/* SPDX-License-Identifier: MIT */
/*
 * choose.c -- the records of a page that has .where or .sort.  It keeps a list
 * of its own: in order of creation, as the node's is, or sorted; then equal
 * ones by creation.
 *
 * A page in order of creation shows the newest records, at the end of its
 * list, and new ones are appended.  A sorted one shows the first ones; what
 * moves in it is sent as a whole source, and the patch says what moved.
 */
#include "web.h"

static bool
matches(const struct cnc__web_page *p, const struct cnc__item *item)
{
    return item != NULL && item->payload != NULL &&
           cnc__query_matches(p->decl->query, p->asked, NULL, item);
}

/* -- places --------------------------------------------------------------- */

static int
by_creation(const struct cnc__item *a, const struct cnc__item *b)
{
    return a->created < b->created ? -1 : a->created > b->created;
}

static int
compare(const struct cnc__web_page *p, const struct cnc__shown *s,
        const struct cnc__item *a, const struct cnc__item *b)
{
    int c = s->sorted ? cnc__query_compare(p->decl->query, a, b) : 0;
    return c != 0 ? c : by_creation(a, b);
}

/* Where item is or would be. */
static size_t
place(const struct cnc__web_page *p, const struct cnc__shown *s,
      const struct cnc__item *item)
{
    const struct cnc__records *l = &s->chosen;
    size_t low = 0, high = l->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (compare(p, s, l->all[mid].item, item) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static bool
is_at(const struct cnc__records *l, size_t i, const struct cnc__item *item)
{
    return i < l->n && l->all[i].created == item->created;
}

bool
cnc__shown_find(const struct cnc__shown *s, uint64_t created, size_t *index)
{
    const struct cnc__records *l = cnc__shown_list(s);
    bool found;
    if (!s->sorted) {
        *index = cnc__records_find(l, created, &found);
        return found;
    }
    for (*index = 0; *index < l->n; (*index)++) {
        if (l->all[*index].created == created) {
            return true;
        }
    }
    return false;
}

/* -- the part that is shown ----------------------------------------------- */

void
cnc__shown_range(const struct cnc__web_page *p, const struct cnc__shown *s,
                 const struct cnc__window *window, size_t *start, size_t *end)
{
    size_t n = cnc__shown_list(s)->n;
    if (s->sorted) {
        *start = window == NULL ? 0 : window->at + 1;
        *start = *start < n ? *start : n;
        *end = n - *start > p->window ? *start + p->window : n;
    } else {
        *end = window == NULL ? n : window->at;
        *start = cnc__watch_start(*end, p->window);
    }
}

void
cnc__shown_older(struct cnc__str *out, const struct cnc__shown *s,
                 size_t start, size_t end)
{
    const struct cnc__records *l = cnc__shown_list(s);
    const struct cnc__item *last = NULL;
    if (s->sorted && end > 0 && end < l->n) {
        last = l->all[end - 1].item;
    } else if (!s->sorted && start > 0 && start < l->n) {
        last = l->all[start].item;
    }
    if (last != NULL) {
        cnc__str_puts(out, "?before=");
        cnc__web_percent(out, last->id, false);
    }
}

/* -- what happens --------------------------------------------------------- */

struct order {
    const struct cnc__web_page *page;
    const struct cnc__shown *shown;
};

static int
in_order(const void *a, const void *b, void *priv)
{
    const struct cnc__record *x = a, *y = b;
    const struct order *o = priv;
    return compare(o->page, o->shown, x->item, y->item);
}

void
cnc__choose_load(struct cnc__web_page *p, struct cnc__shown *s)
{
    struct cnc__records *l = &s->chosen;
    struct cnc__item **items = NULL;
    size_t n = 0;
    cnc__records_clear(l);
    if (s->watch->node == NULL) {
        return;
    }
    cnc__query_run(p->decl->query, s->watch->node, p->asked, NULL, 0, 0,
                   &items, &n, NULL);
    for (size_t i = 0; i < n; i++) {
        if (items[i]->payload != NULL) {
            cnc__records_insert(l, l->n, items[i]);
        }
    }
    cnc__free(items);
    if (l->n > 0) {
        struct order o = {p, s};
        qsort_r(l->all, l->n, sizeof(*l->all), in_order, &o);
    }
}

/* In a list by creation it is as in the node's own. */
static void
change_plain(struct cnc__web_page *p, struct cnc__shown *s,
             struct cnc__item *before, struct cnc__item *after)
{
    struct cnc__records *l = &s->chosen;
    const struct cnc__item *any = after != NULL ? after : before;
    size_t i = place(p, s, any);
    bool was = is_at(l, i, any), is = matches(p, after);
    if (was && !is) {
        cnc__records_tell_drop(p, s, l, i);
        cnc__records_remove(l, i);
    } else if (was) {
        cnc__records_replace(l, i, after);
        cnc__records_tell_put(p, s, l, i, false);
    } else if (is) {
        cnc__records_insert(l, i, after);
        cnc__records_tell_put(p, s, l, i, true);
    }
}

static void
change_sorted(struct cnc__web_page *p, struct cnc__shown *s,
              struct cnc__item *before, struct cnc__item *after)
{
    struct cnc__records *l = &s->chosen;
    size_t from = before != NULL ? place(p, s, before) : 0, to;
    bool was = before != NULL && is_at(l, from, before);
    bool is = matches(p, after);
    size_t n = l->n, max = p->window;
    if (was) {
        cnc__records_remove(l, from);
    }
    if (!is && was) {
        if (from < max) {
            cnc__page_reload(p);
        } else if (n == max + 1) {
            cnc__page_touch(p); /* no more that are not shown: no link */
        }
    }
    if (!is) {
        return;
    }
    to = place(p, s, after);
    cnc__records_insert(l, to, after);
    if (was && from == to && to < max) {
        cnc__page_mark(p, s, after->created, after);
    } else if (!was && to == n && to < max) {
        cnc__page_mark(p, s, after->created, after); /* appended */
    } else if (to < max || (was && from < max)) {
        cnc__page_reload(p);
    } else if (n == max) {
        cnc__page_touch(p);
    }
}

void
cnc__choose_change(struct cnc__web_page *p, struct cnc__shown *s,
                   struct cnc__item *before, struct cnc__item *after)
{
    if (s->sorted) {
        change_sorted(p, s, before, after);
    } else {
        change_plain(p, s, before, after);
    }
}
