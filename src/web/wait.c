/* SPDX-License-Identifier: MIT */
/*
 * wait.c -- what of a page is dirty, and who waits for its snapshot.
 */
#include "web.h"

/* More changed records than this are sent as a whole source. */
#define MAX_DIRTY 1024

/* -- dirt ---------------------------------------------------------------- */

void
cnc__page_touch(struct cnc__web_page *p)
{
    p->changed++;
    p->dirty = true;
}

void
cnc__page_clear_dirty(struct cnc__shown *s)
{
    for (size_t i = 0; i < s->n_dirty; i++) {
        cnc__item_unref(&s->dirty[i].item);
    }
    s->n_dirty = 0;
}

void
cnc__page_reload(struct cnc__web_page *p)
{
    p->source_changed = true;
    for (size_t i = 0; i < p->n_shown; i++) {
        cnc__page_clear_dirty(&p->shown[i]);
    }
    cnc__page_touch(p);
}

void
cnc__page_mark(struct cnc__web_page *p, struct cnc__shown *s, uint64_t created,
               struct cnc__item *item)
{
    cnc__page_touch(p);
    if (p->source_changed || !p->loaded) {
        return; /* all of it is sent anyway */
    }
    if (s->n_dirty > 0 && s->dirty[s->n_dirty - 1].created == created) {
        return;
    }
    if (s->n_dirty == MAX_DIRTY) {
        cnc__page_reload(p);
        return;
    }
    s->dirty =
        cnc__grow(s->dirty, s->n_dirty, &s->cap_dirty, sizeof(*s->dirty));
    s->dirty[s->n_dirty++] = (struct cnc__dirty){created, cnc__item_ref(item)};
}

/* -- who waits ----------------------------------------------------------- */

void
cnc__page_when(struct cnc__web_page *p, void (*f)(void *), void *priv)
{
    if (p->snapped >= p->changed || !p->agent->started || p->gone) {
        f(priv);
        return;
    }
    struct cnc__fresh *w = cnc__zalloc(sizeof(*w));
    struct cnc__fresh **at = &p->waiting;
    *w = (struct cnc__fresh){NULL, p->changed, f, priv};
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = w;
}

void
cnc__page_wake(struct cnc__web_page *p)
{
    while (p->waiting != NULL && p->waiting->want <= p->snapped) {
        struct cnc__fresh *w = p->waiting;
        p->waiting = w->next;
        w->f(w->priv);
        cnc__free(w);
    }
}

void
cnc__page_wake_all(struct cnc__web_page *p)
{
    struct cnc__seen **at = &p->agent->seen_waiting;
    p->snapped = p->changed;
    cnc__page_wake(p);
    while (*at != NULL) {
        struct cnc__seen *s = *at;
        if (s->page != p) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        s->f(s->priv);
        cnc__free(s);
        at = &p->agent->seen_waiting; /* f may have changed the list */
    }
}

void
cnc__page_when_item(struct cnc__web_page *p, struct cnc__watch *w,
                    uint64_t seq, void (*f)(void *), void *priv)
{
    if (w->seen >= seq || p->gone) {
        cnc__page_when(p, f, priv);
        return;
    }
    struct cnc__seen *s = cnc__zalloc(sizeof(*s));
    *s = (struct cnc__seen){p->agent->seen_waiting, p, w, seq, f, priv};
    p->agent->seen_waiting = s;
}

void
cnc__page_seen(struct cnc__agent *a, struct cnc__watch *w)
{
    struct cnc__seen **at = &a->seen_waiting;
    while (*at != NULL) {
        struct cnc__seen *s = *at;
        if (s->watch != w || w->seen < s->seq) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        cnc__page_when(s->page, s->f, s->priv);
        cnc__free(s);
        at = &a->seen_waiting; /* f may have changed the list */
    }
}

void
cnc__agent_when_fresh(struct cnc__agent *a, const char *path,
                      void (*f)(void *priv), void *priv)
{
    struct cnc__web_page *p = cnc__page_get(a, path);
    if (p == NULL) {
        f(priv);
        return;
    }
    cnc__page_when(p, f, priv);
}
