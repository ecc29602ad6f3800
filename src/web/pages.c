/* SPDX-License-Identifier: MIT */
/*
 * pages.c -- the page table: what each page shows, what of it is dirty, and
 * who waits for its snapshot.
 */
#include "web.h"

#define PAGE_MAGIC 0x50414745u /* PAGE */
/* More changed records than this are sent as a whole source. */
#define MAX_DIRTY 1024

static bool
path_ok(const char *path)
{
    size_t len = strlen(path);
    if (path[0] != '/' || len > 512 || !cnc__utf8_valid(path, len) ||
        strpbrk(path, "?#\\") != NULL) {
        return false;
    }
    if (len == 1) {
        return true;
    }
    for (const char *s = path; *s != '\0'; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f) {
            return false;
        }
        /* No empty segment, none that starts with a dot: they are folders
         * below www. */
        if (*s == '/' && (s[1] == '/' || s[1] == '.' || s[1] == '\0')) {
            return false;
        }
    }
    return true;
}

static const struct cnc_node *
node_decl(const struct cnc_app *app, const char *name)
{
    for (const struct cnc_node *n = app->nodes; n != NULL && n->name != NULL;
         n++) {
        if (strcmp(n->name, name) == 0) {
            return n;
        }
    }
    return NULL;
}

static int
add_shown(struct cnc__web_page *p, const struct cnc_app *app, const char *name,
          struct cnc_error *err)
{
    struct cnc__agent *a = p->agent;
    const struct cnc_node *decl = node_decl(app, name);
    if (decl == NULL || cnc__pubsub_node(a->env.pubsub, name) == NULL) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "page %s shows the node %s, which app %s does "
                             "not declare",
                             p->path, name, app->name);
    }
    if (cnc__page_shown(p, name) != NULL) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "page %s names the node %s twice", p->path, name);
    }
    if (p->n_shown == CNC__WEB_MAX_SHOWN) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "page %s shows more than %u nodes", p->path,
                             CNC__WEB_MAX_SHOWN);
    }
    struct cnc__shown *s = &p->shown[p->n_shown++];
    s->app = app;
    s->decl = decl;
    s->watch = cnc__watch_get(a, name);
    return 0;
}

static int
add_nodes(struct cnc__web_page *p, const struct cnc_app *app,
          const char *names, struct cnc_error *err)
{
    while (names != NULL && *names != '\0') {
        size_t n = strcspn(names, " ");
        if (n > 0) {
            char *name = cnc__strndup(names, n);
            int rc = add_shown(p, app, name, err);
            cnc__free(name);
            if (rc != 0) {
                return rc;
            }
        }
        names += n + (names[n] == ' ');
    }
    if (p->n_shown == 0) {
        return cnc_error_set(err, CNC_EINVAL, NULL, "page %s shows no node",
                             p->path);
    }
    return 0;
}

static void
watch_pages(struct cnc__web_page *p)
{
    for (size_t i = 0; i < p->n_shown; i++) {
        struct cnc__watch *w = p->shown[i].watch;
        w->pages = cnc__realloc(w->pages, w->n_pages + 1, sizeof(*w->pages));
        w->pages[w->n_pages++] = p;
    }
}

int
cnc__agent_page(struct cnc__agent *a, const struct cnc_app *app,
                const struct cnc_page *page, struct cnc_error *err)
{
    if (page->path == NULL || !path_ok(page->path)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "app %s: \"%s\" is no path of a page (it starts "
                             "with / and has no empty or dotted part)",
                             app->name, page->path ? page->path : "");
    }
    if (cnc__page_get(a, page->path) != NULL) {
        return cnc_error_set(err, CNC_EEXIST, NULL,
                             "two pages claim the path %s", page->path);
    }
    struct cnc__web_page *p = cnc__zalloc(sizeof(*p));
    const char *title = page->title ? page->title : app->title;
    p->magic = PAGE_MAGIC;
    p->agent = a;
    p->path = cnc__strdup(page->path);
    p->title = cnc__strdup(title ? title : app->name);
    p->template_ = cnc__strdup(page->template_ ? page->template_ : "");
    p->window = page->window ? page->window : CNC__WEB_WINDOW;
    cnc__callsource_roles(a, app);
    p->worker = a->next_worker++;
    p->on_disk = true;
    int rc = add_nodes(p, app, page->node, err);
    if (rc != 0) {
        cnc__page_free(p);
        return rc;
    }
    watch_pages(p);
    cnc__table_put(a->pages, p->path, p);
    cnc__page_access(p);
    if (a->started) {
        cnc__page_touch(p);
        cnc__live_flush(p);
    }
    return 0;
}

void
cnc__page_free(void *page)
{
    struct cnc__web_page *p = page;
    CNC_OBJ_CHECK(p, PAGE_MAGIC);
    for (size_t i = 0; i < p->n_shown; i++) {
        cnc__page_clear_dirty(&p->shown[i]);
        cnc__free(p->shown[i].dirty);
        cnc__str_fini(&p->shown[i].older);
    }
    while (p->waiting != NULL) {
        struct cnc__fresh *f = p->waiting;
        p->waiting = f->next;
        cnc__free(f);
    }
    cnc__sheet_unref(&p->sheet);
    cnc__snapshot_unref(&p->snapshot);
    cnc__free(p->error);
    cnc__free(p->path);
    cnc__free(p->title);
    cnc__free(p->template_);
    CNC_OBJ_FREE(p);
}

struct cnc__web_page *
cnc__page_get(const struct cnc__agent *a, const char *path)
{
    return cnc__table_get(a->pages, path);
}

struct cnc__shown *
cnc__page_shown(struct cnc__web_page *p, const char *node)
{
    for (size_t i = 0; i < p->n_shown; i++) {
        if (strcmp(p->shown[i].watch->name, node) == 0) {
            return &p->shown[i];
        }
    }
    return NULL;
}

/* A page that shows a closed node is itself closed: it is never written to
 * disk, and its view is not open either. */
void
cnc__page_access(struct cnc__web_page *p)
{
    struct cnc__agent *a = p->agent;
    struct cnc__str jid = CNC__STR;
    cnc__str_printf(&jid, "guest@%s", a->domain);
    struct cnc__actor guest = {.jid = jid.data, .anonymous = true};
    p->closed_ = false;
    for (size_t i = 0; i < p->n_shown; i++) {
        struct cnc__node *n = p->shown[i].watch->node;
        if (n != NULL && cnc__pubsub_may(a->env.pubsub, &guest, CNC__MAY_SEE,
                                         n, NULL) != 0) {
            p->closed_ = true;
        }
    }
    cnc__str_fini(&jid);
    if (p->closed_ && p->on_disk && !p->packing && a->started) {
        p->on_disk = false;
        cnc__snapshot_remove(a, p->path);
    }
    cnc__view_declare(p);
}

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
    if (p->snapped >= p->changed || !p->agent->started) {
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
cnc__page_when_item(struct cnc__web_page *p, struct cnc__watch *w,
                    uint64_t seq, void (*f)(void *), void *priv)
{
    if (w->seen >= seq) {
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
