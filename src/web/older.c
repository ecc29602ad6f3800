/* SPDX-License-Identifier: MIT */
/*
 * older.c -- ?before=ID: the records before one, rendered when somebody asks,
 * kept while nothing of the page changes (at most MAX_OLDER), never live.
 */
#include "web.h"

#define MAX_OLDER  64
#define MAX_ASKERS 256 /* of one window that is being rendered */

struct asker {
    struct cnc__http_responder *responder;
    char *accept, *if_none_match;
    struct cnc__viewer who;
};

struct cnc__older {
    struct cnc__older *next;
    struct cnc__agent *agent;
    struct cnc__web_page *page;
    char *before;
    uint64_t events; /* of the page, when it was rendered */
    bool dropped;    /* out of the list; freed when it has answered */
    struct cnc__snapshot *snapshot; /* NULL: under way */
    struct asker *askers;
    size_t n_askers;
};

static void
free_older(struct cnc__older *o)
{
    cnc__snapshot_unref(&o->snapshot);
    cnc__page_unref(&o->page);
    for (size_t i = 0; i < o->n_askers; i++) {
        cnc__free(o->askers[i].accept);
        cnc__free(o->askers[i].if_none_match);
        cnc__viewer_fini(&o->askers[i].who);
    }
    cnc__free(o->askers);
    cnc__free(o->before);
    cnc__free(o);
}

/* Out of the list; what is under way still answers. */
static void
drop(struct cnc__agent *a, struct cnc__older **at)
{
    struct cnc__older *o = *at;
    *at = o->next;
    a->n_older--;
    o->dropped = true;
    if (o->snapshot != NULL) {
        free_older(o);
    }
}

void
cnc__older_free(struct cnc__agent *a)
{
    while (a->older != NULL) {
        drop(a, &a->older);
    }
}

static struct cnc__older *
find(struct cnc__agent *a, struct cnc__web_page *p, const char *before)
{
    struct cnc__older **at = &a->older;
    while (*at != NULL) {
        struct cnc__older *o = *at;
        if (o->page != p || strcmp(o->before, before) != 0) {
            at = &o->next;
        } else if (o->events != p->events) {
            drop(a, at);
        } else {
            *at = o->next; /* to the front */
            o->next = a->older;
            a->older = o;
            return o;
        }
    }
    return NULL;
}

static void
add(struct cnc__agent *a, struct cnc__older *o)
{
    o->next = a->older;
    a->older = o;
    if (++a->n_older > MAX_OLDER) {
        struct cnc__older **at = &a->older;
        while ((*at)->next != NULL) {
            at = &(*at)->next;
        }
        drop(a, at);
    }
}

static void
ask(struct cnc__older *o, const struct cnc__viewer *who,
    struct cnc__http_request *r)
{
    o->askers = cnc__realloc(o->askers, o->n_askers + 1, sizeof(*o->askers));
    struct asker *k = &o->askers[o->n_askers++];
    *k = (struct asker){.responder = r->responder};
    k->accept = cnc__strdup(cnc__http_header(r, "accept-encoding"));
    k->if_none_match = cnc__strdup(cnc__http_header(r, "if-none-match"));
    cnc__viewer_copy(&k->who, who);
}

static void
rendered(const char *html, size_t len, struct cnc__parts *parts,
         const char *error, void *priv)
{
    struct cnc__older *o = priv;
    struct cnc__agent *a = o->agent;
    if (a->closed) {
        cnc__parts_unref(&parts);
        free_older(o); /* dropped before */
        return;
    }
    if (html != NULL) {
        o->snapshot = cnc__snapshot_new(html, len, parts, NULL, o->page);
    } else {
        cnc__log(CNC_LOG_WARN, "page.error", "page=%s before=%s %s",
                 o->page->path, o->before, error);
    }
    for (size_t i = 0; i < o->n_askers; i++) {
        struct asker *k = &o->askers[i];
        if (html != NULL) {
            cnc__snapshot_answer(a, NULL, o->snapshot, &k->who, k->responder,
                                 k->accept, k->if_none_match);
        } else {
            cnc__answer_plain(a, k->responder, 503, "Retry-After: 5\r\n",
                              "This page cannot be shown just now",
                              "Its template failed. The service's log says "
                              "where.");
        }
        cnc__free(k->accept);
        cnc__free(k->if_none_match);
        cnc__viewer_fini(&k->who);
    }
    o->n_askers = 0;
    if (o->dropped) {
        free_older(o);
    } else if (html == NULL) {
        struct cnc__older **at = &a->older;
        while (*at != o) {
            at = &(*at)->next;
        }
        drop(a, at);
        free_older(o); /* without a snapshot drop() left it to us */
    } else {
        cnc__snapshot_pack(a, o->snapshot, NULL, NULL, NULL);
    }
}

static bool
find_record(struct cnc__web_page *p, const char *id,
            struct cnc__window *window)
{
    for (size_t i = 0; i < p->n_shown; i++) {
        const struct cnc__watch *w = p->shown[i].watch;
        struct cnc__item *item =
            w->node == NULL ? NULL : cnc__node_item(w->node, id);
        if (item != NULL &&
            cnc__shown_find(&p->shown[i], item->created, &window->at)) {
            window->shown = i;
            return true;
        }
    }
    return false;
}

void
cnc__older_answer(struct cnc__web_page *p, const char *before,
                  const struct cnc__viewer *who, struct cnc__http_request *r)
{
    struct cnc__agent *a = p->agent;
    struct cnc__window window;
    struct cnc__older *o = find(a, p, before);
    if (o != NULL && o->snapshot != NULL) {
        cnc__snapshot_answer(a, NULL, o->snapshot, who, r->responder,
                             cnc__http_header(r, "accept-encoding"),
                             cnc__http_header(r, "if-none-match"));
        return;
    }
    if (o != NULL && o->n_askers < MAX_ASKERS) {
        ask(o, who, r);
        return;
    }
    if (o == NULL && !find_record(p, before, &window)) {
        cnc__answer_back(a, r->responder, 404, "That record is gone",
                         "The records before it can be reached from the "
                         "page.",
                         p->path);
        return;
    }
    if (o == NULL) {
        o = cnc__zalloc(sizeof(*o));
        o->agent = a;
        o->page = cnc__page_ref(p);
        o->before = cnc__strdup(before);
        o->events = p->events;
        if (cnc__once_shared(p, &window, rendered, o)) {
            ask(o, who, r);
            add(a, o);
            return;
        }
        free_older(o);
    }
    cnc__answer_plain(a, r->responder, 503, "Retry-After: 1\r\n",
                      "Too many at once", "Please try again in a moment.");
}
