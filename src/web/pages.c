/* SPDX-License-Identifier: MIT */
/*
 * pages.c -- the page table: what each page shows, who may see it, and its
 * end.
 */
#include "web.h"

#define PAGE_MAGIC 0x50414745u /* PAGE */

/* What the service itself has: any app's page may show it to whoever may see
 * it.  None of them has a form. */
static const struct cnc_node own_nodes[] = {
    {.name = "service/log"},
    {.name = "service/metrics"},
    {.name = "service/audit"},
    {.name = "templates"},
    {.name = NULL},
};

static const struct cnc_node *
find_node(const struct cnc_node *nodes, const char *name)
{
    for (const struct cnc_node *n = nodes; n != NULL && n->name != NULL; n++) {
        if (strcmp(n->name, name) == 0) {
            return n;
        }
    }
    return NULL;
}

static const struct cnc_node *
node_decl(const struct cnc_app *app, const char *name)
{
    const struct cnc_node *n = find_node(app->nodes, name);
    return n != NULL ? n : find_node(own_nodes, name);
}

const struct cnc_node *
cnc__decl_node(const struct cnc__decl *d, const char *name)
{
    size_t len = strlen(name);
    for (const char *s = d->node; *s != '\0'; s += strspn(s, " ")) {
        size_t n = strcspn(s, " ");
        if (n == len && memcmp(s, name, n) == 0) {
            return node_decl(d->app, name);
        }
        s += n;
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
    cnc__refers_add(p);
}

static void
unwatch_pages(struct cnc__web_page *p)
{
    for (size_t i = 0; i < p->n_shown; i++) {
        struct cnc__watch *w = p->shown[i].watch;
        size_t n = 0;
        for (size_t k = 0; k < w->n_pages; k++) {
            if (w->pages[k] != p) {
                w->pages[n++] = w->pages[k];
            }
        }
        w->n_pages = n;
    }
    cnc__refers_del(p);
}

static void
choose(struct cnc__web_page *p)
{
    struct cnc__decl *d = p->decl;
    for (size_t i = 0; i < d->n_asks; i++) {
        p->asked[i] = p->values[d->asks[i]];
    }
    if (d->query != NULL) {
        p->shown[0].chooses = true;
        p->shown[0].sorted = d->sort[0] != '\0';
        cnc__choose_load(p, &p->shown[0]);
    }
}

int
cnc__page_new(struct cnc__web_page **out, struct cnc__decl *d,
              const char *lang, const char *path,
              char *values[CNC__WEB_MAX_PARTS], struct cnc_error *err)
{
    struct cnc__agent *a = d->agent;
    struct cnc__web_page *p = cnc__zalloc(sizeof(*p));
    p->magic = PAGE_MAGIC;
    p->refs = 1;
    p->agent = a;
    p->decl = d;
    d->refs++;
    for (size_t i = 0; i < d->n_params; i++) {
        p->values[i] = values[i];
        values[i] = NULL;
    }
    p->path = cnc__strdup(path);
    p->lang = lang;
    p->key = cnc__languages_key(lang, path);
    p->title =
        cnc__decl_expand(d, cnc__tr(cnc__page_tr(p), d->title), p->values);
    p->template_ = cnc__strdup(d->template_);
    p->window = d->window;
    p->worker = a->next_worker++;
    p->on_disk = d->n_params == 0;
    p->settled = a->started;
    int rc = add_nodes(p, d->app, d->node, err);
    if (rc != 0) {
        cnc__page_unref(&p);
        return rc;
    }
    choose(p);
    *out = p;
    return 0;
}

int
cnc__page_make(struct cnc__web_page **out, struct cnc__decl *d,
               const char *lang, const char *path,
               char *values[CNC__WEB_MAX_PARTS], struct cnc_error *err)
{
    struct cnc__agent *a = d->agent;
    struct cnc__web_page *p = NULL;
    int rc = cnc__page_new(&p, d, lang, path, values, err);
    if (rc != 0) {
        return rc;
    }
    watch_pages(p);
    cnc__table_put(a->pages, p->key, p);
    if (d->n_params > 0) {
        cnc__instance_add(p);
    }
    cnc__page_access(p);
    if (a->started) {
        cnc__page_touch(p);
        cnc__live_flush(p);
    }
    *out = p;
    return 0;
}

/* -- an app's declarations ------------------------------------------------ */

static bool
same_text(const struct cnc__decl *a, const struct cnc__decl *b)
{
    return strcmp(a->path, b->path) == 0 && strcmp(a->node, b->node) == 0 &&
           strcmp(a->where, b->where) == 0 && strcmp(a->sort, b->sort) == 0 &&
           strcmp(a->command, b->command) == 0;
}

/* The app was loaded again: its pages stay, and are made anew from what it
 * says now. */
static void
renew(struct cnc__decl *old, struct cnc__decl *d)
{
    struct cnc__agent *a = old->agent;
    for (struct cnc__table_iter i = {0}; cnc__table_next(a->pages, &i);) {
        struct cnc__web_page *p = i.value;
        if (p->decl == old) {
            for (size_t k = 0; k < p->n_shown; k++) {
                p->shown[k].app = d->app;
                p->shown[k].decl = node_decl(d->app, p->shown[k].watch->name);
            }
            cnc__refers_del(p);
            cnc__refers_add(p);
            cnc__free(p->title);
            cnc__free(p->template_);
            p->title = cnc__decl_expand(d, cnc__tr(cnc__page_tr(p), d->title),
                                        p->values);
            p->template_ = cnc__strdup(d->template_);
            p->window = d->window;
            p->loaded = false;
            p->events++;
        }
    }
    /* The old one keeps its place and takes what the new one has. */
    cnc__decl_take(old, d);
    for (struct cnc__table_iter i = {0}; cnc__table_next(a->pages, &i);) {
        struct cnc__web_page *p = i.value;
        if (p->decl == old) {
            if (old->query != NULL) {
                cnc__choose_load(p, &p->shown[0]);
            }
            cnc__page_access(p);
            cnc__page_reload(p);
            cnc__live_flush(p);
        }
    }
}

/* The nodes of a page that is made later. */
static int
check_nodes(struct cnc__decl *d, struct cnc_error *err)
{
    struct cnc__web_page *p = cnc__zalloc(sizeof(*p));
    p->magic = PAGE_MAGIC;
    p->refs = 1;
    p->agent = d->agent;
    p->path = cnc__strdup(d->path);
    int rc = add_nodes(p, d->app, d->node, err);
    cnc__page_unref(&p);
    return rc;
}

/* Instances whose addresses are d's now. */
static void
end_hidden(struct cnc__decl *d)
{
    struct cnc__agent *a = d->agent;
    char *values[CNC__WEB_MAX_PARTS];
    for (size_t i = 0; i < a->n_decls; i++) {
        struct cnc__web_page *p = a->decls[i]->newest, *next;
        for (; p != NULL; p = next) {
            next = p->older;
            if (cnc__decl_find(a, p->path, values) == d && p->decl != d) {
                cnc__page_end(p);
            }
            cnc__decl_free_values(values);
        }
    }
}

/* d: steals. */
static int
add(struct cnc__decl *d, struct cnc_error *err)
{
    struct cnc__agent *a = d->agent;
    char *none[CNC__WEB_MAX_PARTS] = {NULL};
    struct cnc__web_page *p = cnc__page_get(a, d->path);
    int rc = 0;
    if (p != NULL && p->decl->n_params > 0) {
        cnc__page_end(p); /* of a path with parameters: less specific */
    }
    if (d->node[0] != '\0' && d->n_params == 0) {
        rc = cnc__page_make(&p, d, "en", d->path, none, err);
    } else if (d->node[0] != '\0') {
        rc = check_nodes(d, err);
    }
    if (rc != 0) {
        cnc__decl_unref(&d);
        return rc;
    }
    cnc__decl_add(d);
    end_hidden(d);
    cnc__languages_make(d);
    return 0;
}

int
cnc__agent_page(struct cnc__agent *a, const struct cnc_app *app,
                const struct cnc_page *page, struct cnc_error *err)
{
    struct cnc__decl *d = NULL, *old;
    int rc = cnc__decl_new(&d, a, app, page, err);
    if (rc != 0) {
        return rc;
    }
    cnc__callsource_roles(a, app);
    old = cnc__decl_same(a, d);
    if (old != NULL &&
        (old->app == app || strcmp(old->app_name, app->name) != 0)) {
        rc = cnc_error_set(err, CNC_EEXIST, NULL,
                           "two pages claim the path %s (%s of app %s)",
                           page->path, old->path, old->app_name);
        cnc__decl_unref(&d);
        return rc;
    }
    if (old != NULL && same_text(old, d)) {
        renew(old, d);
        cnc__decl_unref(&d);
        return 0;
    }
    if (old != NULL) {
        cnc__agent_page_remove(a, old->path);
    }
    return add(d, err);
}

/* -- the end of a page ---------------------------------------------------- */

struct cnc__web_page *
cnc__page_ref(struct cnc__web_page *p)
{
    CNC_OBJ_CHECK(p, PAGE_MAGIC);
    p->refs++;
    return p;
}

void
cnc__page_unref(struct cnc__web_page **pp)
{
    struct cnc__web_page *p = *pp;
    *pp = NULL;
    if (p == NULL) {
        return;
    }
    CNC_OBJ_CHECK(p, PAGE_MAGIC);
    if (--p->refs > 0) {
        return;
    }
    if (p->gone) {
        struct cnc__web_page **at = &p->agent->gone;
        while (*at != p) {
            at = &(*at)->older;
        }
        *at = p->older;
    }
    cnc__page_free(p);
}

/* It counted for the start: that waits for it no more. */
static void
unsettle(struct cnc__web_page *p)
{
    struct cnc__agent *a = p->agent;
    if (p->settled) {
        return;
    }
    p->settled = true;
    if (a->started && a->unsettled > 0 && --a->unsettled == 0 &&
        a->start_done != NULL) {
        void (*done)(void *) = a->start_done;
        a->start_done = NULL;
        done(a->start_priv);
    }
}

void
cnc__page_end(struct cnc__web_page *p)
{
    struct cnc__agent *a = p->agent;
    struct cnc__render_field key = cnc__web_field(p->key);
    CNC_OBJ_CHECK(p, PAGE_MAGIC);
    cnc__table_del(a->pages, p->key);
    if (p->decl->n_params > 0) {
        cnc__instance_del(p);
    }
    unwatch_pages(p);
    p->gone = true;
    cnc__snapshot_tell(p);
    p->older = a->gone;
    a->gone = p;
    cnc__node_set_gate(p->view, NULL, NULL);
    cnc__node_end(p->view);
    p->view = NULL;
    if (a->started) {
        cnc__web_call(a, p->worker, CNC__R_CLOSE, &key, 1, NULL, NULL);
    }
    if (p->on_disk && !p->packing) {
        p->on_disk = false;
        cnc__snapshot_remove(a, p->key);
    }
    cnc__page_wake_all(p);
    unsettle(p);
    cnc__page_unref(&p);
}

void
cnc__agent_page_remove(struct cnc__agent *a, const char *path)
{
    struct cnc__decl *d = NULL;
    struct cnc__web_page *p;
    for (size_t i = 0; i < a->n_decls; i++) {
        if (strcmp(a->decls[i]->path, path) == 0) {
            d = a->decls[i];
        }
    }
    if (d == NULL) {
        return;
    }
    while (d->newest != NULL) {
        cnc__page_end(d->newest);
    }
    cnc__languages_end(d);
    p = cnc__page_get(a, path);
    if (p != NULL && p->decl == d) {
        cnc__page_end(p);
    }
    cnc__decl_del(d);
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
        cnc__records_fini(&p->shown[i].chosen);
    }
    while (p->waiting != NULL) {
        struct cnc__fresh *f = p->waiting;
        p->waiting = f->next;
        cnc__free(f);
    }
    cnc__sheet_unref(&p->sheet);
    cnc__snapshot_unref(&p->snapshot);
    cnc__decl_free_values(p->values);
    cnc__decl_unref(&p->decl);
    cnc__free(p->error);
    cnc__free(p->path);
    cnc__free(p->key);
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

/* -- who may see it ------------------------------------------------------- */

bool
cnc__page_may(const struct cnc__web_page *p, const struct cnc__actor *who)
{
    struct cnc__agent *a = p->agent;
    if (who->operator_) {
        return true;
    }
    if (!cnc__decl_may_read(p->decl, who)) {
        return false;
    }
    for (size_t i = 0; i < p->n_shown; i++) {
        struct cnc__node *n = p->shown[i].watch->node;
        if (n != NULL &&
            cnc__pubsub_may(a->env.pubsub, who, CNC__MAY_SEE, n, NULL) != 0) {
            return false;
        }
    }
    return true;
}

/* A page that shows a closed node is itself closed: it is never written to
 * disk, and its view is not open either. */
void
cnc__page_access(struct cnc__web_page *p)
{
    struct cnc__agent *a = p->agent;
    struct cnc__str jid = CNC__STR;
    bool was = p->closed_;
    cnc__str_printf(&jid, "guest@%s", a->domain);
    struct cnc__actor guest = {.jid = jid.data, .anonymous = true};
    p->closed_ = !cnc__page_may(p, &guest);
    cnc__str_fini(&jid);
    if (p->closed_ && p->on_disk && !p->packing && a->started) {
        p->on_disk = false;
        cnc__snapshot_remove(a, p->key);
    }
    cnc__view_declare(p);
    if (p->snapshot != NULL && was != p->closed_) {
        struct cnc__snapshot *old = p->snapshot;
        p->snapshot = cnc__snapshot_again(old, p);
        cnc__snapshot_unref(&old);
        cnc__snapshot_tell(p);
        cnc__live_pack(p);
    }
    if (p->closed_) {
        cnc__node_gate_changed(p->view);
    }
}
