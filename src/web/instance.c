/* SPDX-License-Identifier: MIT */
/*
 * instance.c -- the pages of a path with parameters: one for each address that
 * somebody looks at.  Strangers choose the addresses, so there are at most
 * CNC__WEB_INSTANCES of a path and CNC__WEB_ALL_INSTANCES together: the one
 * that was asked for longest ago goes, if no browser follows it.  What has no
 * room is rendered once for each request.
 */
#include "web.h"

/* Being made together. */
#define MAX_MAKING 16

static void
unlink_instance(struct cnc__web_page *p)
{
    struct cnc__decl *d = p->decl;
    if (p->newer != NULL) {
        p->newer->older = p->older;
    } else {
        d->newest = p->older;
    }
    if (p->older != NULL) {
        p->older->newer = p->newer;
    } else {
        d->oldest = p->newer;
    }
    p->newer = p->older = NULL;
}

static void
link_instance(struct cnc__web_page *p)
{
    struct cnc__decl *d = p->decl;
    p->older = d->newest;
    if (d->newest != NULL) {
        d->newest->newer = p;
    } else {
        d->oldest = p;
    }
    d->newest = p;
}

void
cnc__instance_del(struct cnc__web_page *p)
{
    unlink_instance(p);
    p->decl->n_instances--;
    p->agent->n_instances--;
}

void
cnc__instance_used(struct cnc__web_page *p)
{
    if (p->decl->n_params > 0) {
        p->used = p->agent->ticks;
        unlink_instance(p);
        link_instance(p);
    }
}

/* Nobody follows it, nothing of it is under way. */
static bool
is_idle(const struct cnc__web_page *p)
{
    return p->refs == 1 && p->waiting == NULL &&
           cnc__node_n_subscribers(p->view) == 0;
}

static bool
make_room(struct cnc__decl *d)
{
    struct cnc__agent *a = d->agent;
    struct cnc__web_page *p = d->oldest;
    while (p != NULL && !is_idle(p)) {
        p = p->newer;
    }
    /* None of its own: the oldest of another. */
    for (size_t i = 0;
         p == NULL && d->n_instances < CNC__WEB_INSTANCES && i < a->n_decls;
         i++) {
        struct cnc__web_page *x = a->decls[i]->oldest;
        p = x != NULL && is_idle(x) ? x : NULL;
    }
    if (p != NULL) {
        cnc__page_end(p);
    }
    return p != NULL;
}

static bool
is_full(const struct cnc__decl *d)
{
    return d->n_instances >= CNC__WEB_INSTANCES ||
           d->agent->n_instances >= CNC__WEB_ALL_INSTANCES;
}

/* Those without a snapshot yet. */
static size_t
n_making(const struct cnc__decl *d)
{
    size_t n = 0;
    for (const struct cnc__web_page *p = d->newest;
         p != NULL && n < MAX_MAKING; p = p->older) {
        n += p->snapshot == NULL && p->busy;
    }
    return n;
}

struct cnc__web_page *
cnc__instance(struct cnc__decl *d, const char *lang, const char *path,
              char *values[CNC__WEB_MAX_PARTS])
{
    struct cnc__web_page *p = NULL;
    if (n_making(d) >= MAX_MAKING || (is_full(d) && !make_room(d)) ||
        cnc__page_make(&p, d, lang, path, values, NULL) != 0) {
        return NULL;
    }
    p->used = d->agent->ticks;
    return p;
}

void
cnc__instance_add(struct cnc__web_page *p)
{
    link_instance(p);
    p->decl->n_instances++;
    p->agent->n_instances++;
}

void
cnc__instance_tick(struct cnc__agent *a)
{
    a->ticks++;
    for (size_t i = 0; i < a->n_decls; i++) {
        struct cnc__web_page *p = a->decls[i]->oldest, *next;
        for (; p != NULL && a->ticks - p->used >= CNC__WEB_IDLE; p = next) {
            next = p->newer;
            if (is_idle(p)) {
                cnc__page_end(p);
            }
        }
    }
}
