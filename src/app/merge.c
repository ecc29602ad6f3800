/* SPDX-License-Identifier: MIT */
/*
 * merge.c -- the declaration of an app that is in effect: what it extends
 * below, its own above, all moved to its mount.
 *
 *   own (constant) + base's own + its base's own ... -> merge -> mount -> decl
 *
 * Lists are merged by key; the later entry takes the earlier one's place, so
 * that the order in which people see things stays.
 */
#include <stdio.h>

#include "private.h"

/* -- lists -----------------------------------------------------------------
 */

/* The key is the first member: a name; a handler's are its kinds, its
 * namespace and its name. */
static bool
is_end(const void *entry, bool handler)
{
    return handler ? ((const struct cnc_handler *)entry)->kinds == 0
                   : *(const char *const *)entry == NULL;
}

static bool
same_key(const void *a, const void *b, bool handler)
{
    const struct cnc_handler *x = a, *y = b;

    if (!handler) {
        return strcmp(*(const char *const *)a, *(const char *const *)b) == 0;
    }
    return (x->kinds & y->kinds) != 0 && x->ns != NULL && y->ns != NULL &&
           x->name != NULL && y->name != NULL && strcmp(x->ns, y->ns) == 0 &&
           strcmp(x->name, y->name) == 0;
}

static size_t
count(const void *list, size_t size, bool handler)
{
    const char *at = list;
    size_t n = 0;

    while (at != NULL && !is_end(at, handler)) {
        at += size;
        n++;
    }
    return n;
}

/* A new list in the arena; an entry that is twice in own stays so, and is
 * refused when it is declared. */
static void *
merge(struct cnc__arena *arena, const void *base, const void *own, size_t size,
      bool handler)
{
    size_t n = count(base, size, handler), n_own = count(own, size, handler);
    size_t n_base = n;
    char *out = cnc__arena_alloc(arena, (n + n_own + 1) * size);

    if (n > 0) {
        memcpy(out, base, n * size);
    }
    for (size_t i = 0; i < n_own; i++) {
        const char *entry = (const char *)own + i * size;
        size_t at = 0;

        while (at < n_base && !same_key(out + at * size, entry, handler)) {
            at++;
        }
        if (at == n_base) {
            at = n++;
        } else if (handler) {
            struct cnc_handler *old = (void *)(out + at * size);

            /* What the later one does not take, the earlier one keeps. */
            old->kinds &= ~((const struct cnc_handler *)(void *)entry)->kinds;
            at = old->kinds == 0 ? at : n++;
        }
        memcpy(out + at * size, entry, size);
    }
    return out;
}

#define MERGE(arena, base, own, list)                                         \
    merge(arena, (base) == NULL ? NULL : (base)->list, (own)->list,           \
          sizeof(*(own)->list), false)

static size_t
n_names(const char *const *list)
{
    size_t n = 0;

    while (list != NULL && list[n] != NULL) {
        n++;
    }
    return n;
}

static const char *const *
merge_names(struct cnc__arena *arena, const char *const *base,
            const char *const *own)
{
    size_t n = n_names(base), n_own = n_names(own);
    const char **out = cnc__arena_alloc(arena, (n + n_own + 1) * sizeof(*out));

    for (size_t i = 0; i < n; i++) {
        out[i] = base[i];
    }
    for (size_t i = 0; i < n_own; i++) {
        size_t at = 0;

        while (at < n && strcmp(out[at], own[i]) != 0) {
            at++;
        }
        out[at] = own[i];
        n += at == n;
    }
    return out;
}

static const struct cnc_record *
merge_record(struct cnc__arena *arena, const struct cnc_record *base,
             const struct cnc_record *own)
{
    struct cnc_record *out;

    if (base == NULL || own == NULL) {
        return own == NULL ? base : own;
    }
    out = cnc__arena_alloc(arena, sizeof(*out));
    out->name = own->name;
    out->fields = MERGE(arena, base, own, fields);
    return out;
}

static struct cnc_app *
merge_app(struct cnc__arena *arena, const struct cnc_app *base,
          const struct cnc_app *own)
{
    struct cnc_app *d = cnc__arena_alloc(arena, sizeof(*d));

    *d = *own;
    d->nodes = MERGE(arena, base, own, nodes);
    d->pages = MERGE(arena, base, own, pages);
    d->tasks = MERGE(arena, base, own, tasks);
    d->commands = MERGE(arena, base, own, commands);
    d->hooks = MERGE(arena, base, own, hooks);
    d->roles = MERGE(arena, base, own, roles);
    d->handlers = merge(arena, base == NULL ? NULL : base->handlers,
                        own->handlers, sizeof(*own->handlers), true);
    d->admin =
        merge_names(arena, base == NULL ? NULL : base->admin, own->admin);
    if (base == NULL) {
        return d;
    }
    d->settings = merge_record(arena, base->settings, own->settings);
    d->flags |= base->flags;
    d->xmlns = base->xmlns;
    d->title = own->title == NULL ? base->title : own->title;
    d->version = own->version == NULL ? base->version : own->version;
    d->needs = own->needs == NULL ? base->needs : own->needs;
    if (own->start == NULL) {
        d->start = base->start;
    }
    if (own->stop == NULL) {
        d->stop = base->stop;
    }
    if (own->start == NULL && own->stop == NULL) {
        d->priv = base->priv;
    }
    return d;
}

/* -- the mount --------------------------------------------------------------
 */

struct mount {
    struct cnc__arena *arena;
    const char *path;            /* "/wiki" */
    const struct cnc_app *names; /* before anything was moved */
};

static bool
has(const void *list, size_t size, const char *name, size_t len)
{
    for (const char *at = list; at != NULL && !is_end(at, false); at += size) {
        const char *key = *(const char *const *)(const void *)at;

        if (strncmp(key, name, len) == 0 && key[len] == '\0') {
            return true;
        }
    }
    return false;
}

static bool
has_node(const struct cnc_app *d, const char *name, size_t len)
{
    return has(d->nodes, sizeof(*d->nodes), name, len);
}

static bool
has_command(const struct cnc_app *d, const char *name, size_t len)
{
    return has(d->commands, sizeof(*d->commands), name, len) ||
           has_node(d, name, len); /* its form */
}

static const char *
move_name(const struct mount *m, const char *name)
{
    return cnc__arena_printf(m->arena, "%s/%s", m->path + 1, name);
}

static const char *
move_words(const struct mount *m, const char *words,
           bool (*is_own)(const struct cnc_app *d, const char *name,
                          size_t len))
{
    struct cnc__str out = CNC__STR;
    const char *moved;

    if (words == NULL) {
        return NULL;
    }
    while (*words != '\0') {
        size_t len = strcspn(words, " ");

        if (len > 0 && is_own(m->names, words, len)) {
            cnc__str_printf(&out, "%s/", m->path + 1);
        }
        cnc__str_add(&out, words, len);
        words += len;
        if (*words == ' ') {
            cnc__str_putc(&out, *words++);
        }
    }
    moved = cnc__arena_strndup(m->arena, cnc__str_c(&out), out.len);
    cnc__str_fini(&out);
    return moved;
}

/* Is this path (its query apart) that page's?  "{author}" is any one part. */
static bool
is_page(const char *page, const char *path, size_t len)
{
    const char *end = path + len;

    while (*page != '\0') {
        if (*page == '{' && strchr(page, '}') != NULL) {
            const char *part = path;

            while (path < end && *path != '/') {
                path++;
            }
            if (path == part) {
                return false;
            }
            page = strchr(page, '}') + 1;
        } else if (path == end || *page++ != *path++) {
            return false;
        }
    }
    return path == end;
}

static const char *
move_path(const struct mount *m, const char *path)
{
    return strcmp(path, "/") == 0
               ? m->path
               : cnc__arena_printf(m->arena, "%s%s", m->path, path);
}

/* Where a command leads to: a page of the app, or one of another. */
static const char *
move_see(const struct mount *m, const char *see)
{
    size_t len = see == NULL ? 0 : strcspn(see, "?#");

    for (const struct cnc_page *p = m->names->pages;
         see != NULL && p->path != NULL; p++) {
        if (is_page(p->path, see, len)) {
            return cnc__arena_printf(m->arena, "%s%s", m->path,
                                     len == 1 ? see + 1 : see);
        }
    }
    return see;
}

/* References name nodes. */
static const struct cnc_record *
move_record(const struct mount *m, const struct cnc_record *rec)
{
    struct cnc_record *out;
    struct cnc_field *fields;
    size_t n, n_moved = 0;

    if (rec == NULL) {
        return NULL;
    }
    n = count(rec->fields, sizeof(*rec->fields), false);
    fields = cnc__arena_alloc(m->arena, (n + 1) * sizeof(*fields));
    for (size_t i = 0; i < n; i++) {
        const char *node = rec->fields[i].node;

        fields[i] = rec->fields[i];
        if (node != NULL && has_node(m->names, node, strlen(node))) {
            fields[i].node = move_name(m, node);
            n_moved++;
        }
    }
    if (n_moved == 0) {
        return rec;
    }
    out = cnc__arena_alloc(m->arena, sizeof(*out));
    out->name = rec->name;
    out->fields = fields;
    return out;
}

static void
move_app(const struct mount *m, struct cnc_app *d)
{
    struct cnc_node *node = (struct cnc_node *)d->nodes;
    struct cnc_page *page = (struct cnc_page *)d->pages;
    struct cnc_command *cmd = (struct cnc_command *)d->commands;
    const char **admin = (const char **)d->admin;

    for (; node->name != NULL; node++) {
        node->record = move_record(m, node->record);
        if (node->source != NULL && node->source_node == NULL) {
            node->source_node = node->name; /* as it is called there */
        }
        node->title = node->title == NULL ? node->name : node->title;
        node->name = move_name(m, node->name);
    }
    for (; page->path != NULL; page++) {
        page->path = move_path(m, page->path);
        page->node = move_words(m, page->node, has_node);
        page->command = move_words(m, page->command, has_command);
    }
    for (; cmd->node != NULL; cmd++) {
        cmd->record = move_record(m, cmd->record);
        cmd->see = move_see(m, cmd->see);
        cmd->node = move_name(m, cmd->node);
    }
    d->settings = move_record(m, d->settings);
    for (; *admin != NULL; admin++) {
        if (has_node(m->names, *admin, strlen(*admin))) {
            *admin = move_name(m, *admin);
        }
    }
}

int
cnc__app_mount_check(const char *path, struct cnc_error *err)
{
    const char *s = path;

    while (*s == '/' && s[1] >= 'a' && s[1] <= 'z') {
        s += 2 + strspn(s + 2, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    }
    if (*s != '\0' || s == path || s - path > 128) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "\"%s\" is no place for an app: a mount is "
                             "/NAME or /NAME/NAME, of lower-case letters, "
                             "digits, _ and -",
                             path);
    }
    return 0;
}

/* -- one app ----------------------------------------------------------------
 */

static const struct cnc_app *
merge_layers(struct cnc__app *app, struct cnc__arena *arena,
             struct cnc_error *err)
{
    const struct cnc_app *base = NULL, *own = app->own;

    if (app->base != NULL) {
        base = merge_layers(app->base, arena, err);
        if (base == NULL) {
            return NULL;
        }
        if (own->xmlns != NULL && own->xmlns[0] != '\0' &&
            base->xmlns != NULL && strcmp(own->xmlns, base->xmlns) != 0) {
            cnc_error_set(err, CNC_EINVAL, NULL,
                          "app \"%s\" extends \"%s\", so its records are of "
                          "the namespace %s too: leave out .xmlns",
                          own->name, base->name, base->xmlns);
            return NULL;
        }
    }
    return merge_app(arena, base, own);
}

int
cnc__app_merge(struct cnc__app *app, struct cnc_error *err)
{
    struct mount m = {.arena = &app->arena, .path = app->mount};
    const struct cnc_app *d = merge_layers(app, &app->arena, err);
    struct cnc_app *moved;

    if (d == NULL) {
        return CNC_EINVAL;
    }
    if (app->mount != NULL) {
        m.names = d;
        moved = merge_app(&app->arena, NULL, d);
        move_app(&m, moved);
        d = moved;
    }
    app->decl = d;
    return 0;
}

/* -- names ------------------------------------------------------------------
 */

const char *
cnc__app_inner(const struct cnc__app *app, const char *name)
{
    size_t len;

    if (app->mount == NULL || name == NULL) {
        return name;
    }
    len = strlen(app->mount + 1);
    return strncmp(name, app->mount + 1, len) == 0 && name[len] == '/'
               ? name + len + 1
               : name;
}

const char *
cnc__app_outer(const struct cnc__app *app, const char *name,
               char out[CNC__APP_NAME])
{
    int len;

    if (app->mount == NULL) {
        return name;
    }
    len = snprintf(out, CNC__APP_NAME, "%s/%s", app->mount + 1, name);
    return len < CNC__APP_NAME && has_command(app->decl, out, (size_t)len)
               ? out
               : name;
}
