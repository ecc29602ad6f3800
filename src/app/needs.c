/* SPDX-License-Identifier: MIT */
/*
 * needs.c -- which apps there must be before which: what they extend, what
 * they need; versions; circles, named.
 */
#include "private.h"

/* -- words ------------------------------------------------------------------
 */

#define NAME_CHARS    "abcdefghijklmnopqrstuvwxyz0123456789_-"
#define VERSION_CHARS "0123456789."

struct need { /* "auth>=1.2", read */
    const char *name;
    size_t len;
    const char *version; /* or NULL */
};

static int
read_need(struct need *out, const char *app, const char *text,
          struct cnc_error *err)
{
    const char *rest;

    out->name = text;
    out->len = strspn(text, NAME_CHARS);
    rest = text + out->len;
    out->version = strncmp(rest, ">=", 2) == 0 ? rest + 2 : NULL;
    if (out->version != NULL) {
        rest = out->version + strspn(out->version, VERSION_CHARS);
    }
    if (out->len == 0 || *rest != '\0' ||
        (out->version != NULL && *out->version == '\0')) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "app \"%s\" needs \"%s\", which is no app: write "
                             "\"auth\" or \"auth>=1.2\"",
                             app, text);
    }
    return 0;
}

/* <0, 0, >0; what is missing is 0: "1.2" is "1.2.0".  Numbers of any length.
 */
int
cnc__version_compare(const char *a, const char *b)
{
    while (*a != '\0' || *b != '\0') {
        size_t n_a, n_b;
        int c;

        a += strspn(a, "0");
        b += strspn(b, "0");
        n_a = strspn(a, "123456789"
                        "0");
        n_b = strspn(b, "123456789"
                        "0");
        c = n_a != n_b ? (n_a < n_b ? -1 : 1) : memcmp(a, b, n_a);
        if (c != 0) {
            return c;
        }
        a += n_a + (a[n_a] != '\0');
        b += n_b + (b[n_b] != '\0');
    }
    return 0;
}

bool
cnc__version_valid(const char *s)
{
    return *s != '\0' && strspn(s, VERSION_CHARS) == strlen(s);
}

/* -- finding ----------------------------------------------------------------
 */

static struct cnc__app *
find_n(const struct cnc__apps *a, const char *name, size_t len)
{
    for (struct cnc__app *app = a->first; app != NULL; app = app->next) {
        if (strncmp(app->own->name, name, len) == 0 &&
            app->own->name[len] == '\0') {
            return app;
        }
    }
    return NULL;
}

struct cnc__app *
cnc__app_find(const struct cnc__apps *a, const char *name)
{
    return find_n(a, name, strlen(name));
}

static struct cnc__app *
top_of(struct cnc__app *app)
{
    while (app != NULL && app->by != NULL) {
        app = app->by;
    }
    return app;
}

struct cnc__app *
cnc__app_running_as(const struct cnc__apps *a, const char *name)
{
    return top_of(cnc__app_find(a, name));
}

/* The needs of an app before it is merged: its own, or its base's. */
static const char *const *
needs_of(const struct cnc__app *app)
{
    while (app->own->needs == NULL && app->base != NULL) {
        app = app->base;
    }
    return app->own->needs;
}

bool
cnc__app_needs(const struct cnc__app *app, const struct cnc__app *other)
{
    const char *const *list = needs_of(app);
    struct need need;

    for (; list != NULL && *list != NULL; list++) {
        if (read_need(&need, app->own->name, *list, NULL) == 0 &&
            top_of(find_n(app->apps, need.name, need.len)) == other) {
            return true;
        }
    }
    return false;
}

char *
cnc__apps_missing(struct cnc__apps *a)
{
    for (struct cnc__app *app = a->first; app != NULL; app = app->next) {
        const char *const *list = app->own->needs;
        struct need need;

        if (app->own->extends != NULL &&
            cnc__app_find(a, app->own->extends) == NULL) {
            return cnc__strdup(app->own->extends);
        }
        for (; list != NULL && *list != NULL; list++) {
            if (read_need(&need, app->own->name, *list, NULL) == 0 &&
                find_n(a, need.name, need.len) == NULL) {
                return cnc__strndup(need.name, need.len);
            }
        }
    }
    return NULL;
}

/* -- the graph --------------------------------------------------------------
 */

enum { WHITE, GREY, BLACK };

struct walk {
    struct cnc__app **path; /* from the first on, for the circle's names */
    size_t n;
    struct cnc__app **order;
    size_t n_ordered;
};

static int
circle(const struct walk *w, const struct cnc__app *again,
       struct cnc_error *err)
{
    struct cnc__str names = CNC__STR;
    size_t i = 0;

    while (w->path[i] != again) {
        i++;
    }
    for (; i < w->n; i++) {
        cnc__str_printf(&names, "%s -> ", w->path[i]->own->name);
    }
    cnc_error_set(err, CNC_EINVAL, NULL, "the apps need each other: %s%s",
                  cnc__str_c(&names), again->own->name);
    cnc__str_fini(&names);
    return CNC_EINVAL;
}

static int visit(struct walk *w, struct cnc__app *app, struct cnc_error *err);

static int
visit_need(struct walk *w, struct cnc__app *app, const char *text,
           struct cnc_error *err)
{
    struct cnc__app *other;
    struct need need;
    const char *version;
    int code = read_need(&need, app->own->name, text, err);

    if (code != 0) {
        return code;
    }
    other = find_n(app->apps, need.name, need.len);
    if (other == NULL) {
        return cnc_error_set(err, CNC_ENOENT, NULL,
                             "app \"%s\" needs \"%.*s\", which is nowhere",
                             app->own->name, (int)need.len, need.name);
    }
    version = other->own->version == NULL ? "0" : other->own->version;
    if (need.version != NULL &&
        cnc__version_compare(version, need.version) < 0) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "app \"%s\" needs \"%s\", but there is \"%s\" "
                             "%s",
                             app->own->name, text, other->own->name, version);
    }
    return visit(w, top_of(other), err);
}

static int
visit(struct walk *w, struct cnc__app *app, struct cnc_error *err)
{
    const char *const *list = needs_of(app);
    int code = 0;

    if (app->mark == BLACK) {
        return 0;
    }
    if (app->mark == GREY) {
        return circle(w, app, err);
    }
    app->mark = GREY;
    w->path[w->n++] = app;
    for (; code == 0 && list != NULL && *list != NULL; list++) {
        code = visit_need(w, app, *list, err);
    }
    w->n--;
    app->mark = BLACK;
    if (code == 0) {
        w->order[w->n_ordered++] = app;
    }
    return code;
}

static int
join(struct cnc__app *app, struct cnc_error *err)
{
    const char *name = app->own->extends;
    struct cnc__app *base =
        name == NULL ? NULL : cnc__app_find(app->apps, name);

    if (name == NULL) {
        return 0;
    }
    if (base == NULL) {
        return cnc_error_set(err, CNC_ENOENT, NULL,
                             "app \"%s\" extends \"%s\", which is nowhere",
                             app->own->name, name);
    }
    if (base->by != NULL) {
        return cnc_error_set(err, CNC_EEXIST, NULL,
                             "apps \"%s\" and \"%s\" both extend \"%s\"; one "
                             "may",
                             base->by->own->name, app->own->name, name);
    }
    for (struct cnc__app *b = base; b != NULL; b = b->base) {
        if (b == app) {
            return cnc_error_set(err, CNC_EINVAL, NULL,
                                 "the apps extend each other: %s -> %s",
                                 app->own->name, name);
        }
    }
    app->base = base;
    base->by = app;
    return 0;
}

/* Forget what was joined, and make the list's links those of order. */
static void
link_all(struct cnc__apps *a, struct cnc__app **order, size_t n)
{
    struct cnc__app **last = &a->first;

    for (size_t i = 0; i < n; i++) {
        *last = order[i];
        last = &order[i]->next;
    }
    *last = NULL;
}

static int
walk(struct walk *w, struct cnc__app **all, size_t n, struct cnc_error *err)
{
    int code = 0;

    for (size_t i = 0; i < n; i++) {
        all[i]->base = all[i]->by = NULL;
        all[i]->mark = WHITE;
    }
    for (size_t i = 0; code == 0 && i < n; i++) {
        code = join(all[i], err);
    }
    /* What runs, in order; then what others are made of. */
    for (size_t i = 0; code == 0 && i < n; i++) {
        code = all[i]->by == NULL ? visit(w, all[i], err) : 0;
    }
    for (size_t i = 0; code == 0 && i < n; i++) {
        if (all[i]->by != NULL) {
            w->order[w->n_ordered++] = all[i];
        }
    }
    return code;
}

int
cnc__apps_order(struct cnc__apps *a, struct cnc_error *err)
{
    struct cnc__app **all = NULL;
    struct walk w = {0};
    size_t n = 0, cap = 0;
    int code;

    for (struct cnc__app *app = a->first; app != NULL; app = app->next) {
        all = cnc__grow(all, n, &cap, sizeof(struct cnc__app *));
        all[n++] = app;
    }
    w.path = cnc__zalloc((n + 1) * sizeof(*w.path));
    w.order = cnc__zalloc((n + 1) * sizeof(*w.order));
    code = walk(&w, all, n, err);
    if (code == 0) {
        link_all(a, w.order, n);
    }
    for (size_t i = 0; code == 0 && i < n; i++) {
        if (!all[i]->declared && all[i]->by == NULL) {
            code = cnc__app_merge(all[i], err);
        }
    }
    cnc__free(all);
    cnc__free(w.path);
    cnc__free(w.order);
    return code;
}
