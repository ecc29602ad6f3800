/* SPDX-License-Identifier: MIT */
/*
 * apps.c -- the registry: checks an app's declarations and joins them to the
 * rooms below.
 */
#include <sys/stat.h>

#include "private.h"
#include "settings.h"
#include "stanza.h"

static void
or_usual(uint32_t *limit, uint32_t usual)
{
    *limit = *limit == 0 ? usual : *limit;
}

static void
take_limits(struct cnc__apps *a)
{
    or_usual(&a->env.limits.handler_s, 30);
    or_usual(&a->env.limits.flood_rate, 2000);
    or_usual(&a->env.limits.flood_s, 10);
}

struct cnc__apps *
cnc__apps_new(const struct cnc__apps_env *env)
{
    struct cnc__apps *a = cnc__zalloc(sizeof(*a));
    struct cnc__str guest = CNC__STR;

    a->magic = CNC__APPS_MAGIC;
    a->env = *env;
    take_limits(a);
    a->kept = cnc__table_new();
    a->states = cnc__table_new();
    cnc__str_printf(&guest, "guest@%s", cnc__router_domain(env->router));
    a->guest = cnc__str_steal(&guest);
    a->rate = cnc__rate_new();
    a->errands = cnc__table_new();
    return a;
}

static void
app_free(struct cnc__app *app)
{
    if (app->left) {
        return; /* its handler still runs: nothing of it may go */
    }
    cnc__app_thread_free(&app->thread);
    if (app->started && app->decl->stop != NULL) {
        app->decl->stop(app->decl->priv);
    }
    cnc__app_waiting_end(app);
    cnc__app_commands_free(app);
    cnc__free(app->mount);
    cnc__free(app->file);
    cnc__free(app->files);
    cnc__free(app->assets);
    cnc__free(app->word);
    cnc__free(app->harm);
    cnc__free(app->error);
    cnc__arena_fini(&app->arena);
    while (app->nodes != NULL) {
        struct cnc__app_node *n = app->nodes;

        app->nodes = n->next;
        cnc__free(n);
    }
    while (app->handlers != NULL) {
        struct cnc__app_handler *h = app->handlers;

        app->handlers = h->next;
        cnc__free(h);
    }
    while (app->tasks != NULL) {
        struct cnc__app_task *t = app->tasks;

        app->tasks = t->next;
        cnc__free(t);
    }
    cnc_element_unref(&app->settings);
    cnc__values_free(&app->misfits);
    cnc__free(app);
}

static bool
free_all(struct cnc__app **list)
{
    bool left = false;

    while (*list != NULL) {
        struct cnc__app *app = *list;

        *list = app->next;
        left = left || app->left;
        app_free(app);
    }
    return left;
}

static void
reverse(struct cnc__app **list)
{
    struct cnc__app *out = NULL;

    while (*list != NULL) {
        struct cnc__app *app = *list;

        *list = app->next;
        app->next = out;
        out = app;
    }
    *list = out;
}

void
cnc__apps_free(struct cnc__apps **ap)
{
    struct cnc__apps *a = *ap;
    bool left = false;

    if (a == NULL) {
        return;
    }
    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    *ap = NULL;
    cnc__app_errands_free(a);
    cnc__app_threads_free(a);
    left = free_all(&a->gone);
    /* What was started last is stopped first. */
    reverse(&a->first);
    left = free_all(&a->first) || left;
    if (!left) {
        cnc__table_free(&a->kept, cnc__settings_free);
        cnc__table_free(&a->states, cnc__free);
        cnc__free(a->guest);
        cnc__rate_free(&a->rate);
        CNC_OBJ_FREE(a);
    }
}

void
cnc__apps_leave(struct cnc__apps *a)
{
    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    a->leaving = true;
    cnc__app_threads_leave(a);
    for (struct cnc__app *app = a->first; app != NULL; app = app->next) {
        if (app->thread != NULL && cnc__app_thread_leave(app->thread)) {
            app->left = true;
            cnc__log(CNC_LOG_WARN, "app.stuck",
                     "app=%s a handler did not return in time; left behind",
                     app->decl->name);
        }
    }
}

bool
cnc__apps_stopping(struct cnc__apps *a)
{
    bool idle = true;

    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    a->leaving = true;
    for (struct cnc__app *app = a->first; app != NULL; app = app->next) {
        if (app->thread != NULL && !cnc__app_thread_stop(app->thread)) {
            idle = false;
        }
    }
    return idle;
}

static bool
valid_name(const char *s)
{
    if (s == NULL || s[0] < 'a' || s[0] > 'z') {
        return false;
    }
    return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(s);
}

/* Needs and nothing else: it has no records, so no namespace of them. */
static bool
is_suite(const struct cnc_app *d)
{
    return d->needs != NULL && d->needs[0] != NULL &&
           (d->nodes == NULL || d->nodes->name == NULL) &&
           (d->commands == NULL || d->commands->node == NULL) &&
           d->settings == NULL;
}

int
cnc__app_abi_check(const struct cnc_app *d, const char *what,
                   struct cnc_error *err)
{
    if (d->abi == CNC_APP_ABI && d->size >= sizeof(struct cnc_app)) {
        return 0;
    }
    return cnc_error_set(
        err, CNC_EINVAL, NULL,
        "%s was built for another version of Concordance (app ABI %u, this "
        "one has %u): build it again with the headers of this one%s",
        what, d->abi, CNC_APP_ABI,
        d->abi > CNC_APP_ABI ? ", or run it with a newer one" : "");
}

int
cnc__app_check(const struct cnc_app *d, struct cnc_error *err)
{
    if (cnc__app_abi_check(d, "the app", err) != 0) {
        return CNC_EINVAL;
    }
    if (!valid_name(d->name)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "an app's name is lower-case letters, digits, "
                             "_ and -, and starts with a letter; \"%s\" is "
                             "not one",
                             d->name == NULL ? "" : d->name);
    }
    if (d->extends == NULL && !is_suite(d) &&
        (d->xmlns == NULL || d->xmlns[0] == '\0')) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "app \"%s\" has no .xmlns: name the namespace "
                             "of its records",
                             d->name);
    }
    if (d->version != NULL && !cnc__version_valid(d->version)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "app \"%s\": a version is numbers between dots, "
                             "\"1.2.3\"; \"%s\" is none",
                             d->name, d->version);
    }
    if (d->extends != NULL && strcmp(d->extends, d->name) == 0) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "app \"%s\" extends itself", d->name);
    }
    return 0;
}

int
cnc__apps_add(struct cnc__apps *a, const struct cnc_app *decl,
              struct cnc_error *err)
{
    struct cnc__app *app, **last = &a->first;
    int code;

    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    code = cnc__app_check(decl, err);
    if (code != 0) {
        return code;
    }
    if (cnc__app_find(a, decl->name) != NULL) {
        return cnc_error_set(err, CNC_EEXIST, NULL,
                             "there are two apps called \"%s\"", decl->name);
    }
    app = cnc__zalloc(sizeof(*app));
    app->apps = a;
    app->own = app->decl = decl;
    app->heap = cnc__heap_new();
    app->fresh = true;
    cnc__arena_init(&app->arena);
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = app;
    return 0;
}

void
cnc__apps_set_limits(struct cnc__apps *a,
                     const struct cnc__apps_limits *limits)
{
    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    a->env.limits = *limits;
    take_limits(a);
}

static void
set_text(char **at, const char *text)
{
    cnc__free(*at);
    *at = cnc__strdup(text);
}

int
cnc__apps_place(struct cnc__apps *a, const char *name, const char *mount,
                const char *file, const char *files, struct cnc_error *err)
{
    struct cnc__app *app = cnc__app_find(a, name);
    int code = mount == NULL ? 0 : cnc__app_mount_check(mount, err);

    CNC_CHECK(app != NULL);
    if (code == 0) {
        set_text(&app->mount, mount);
        set_text(&app->file, file);
        set_text(&app->files, files);
        app->stamp = cnc__app_stamp(app);
    }
    return code;
}

void
cnc__apps_again(struct cnc__apps *a, const char *name, cnc_app_again_f *again,
                void *priv)
{
    struct cnc__app *app = cnc__app_find(a, name);

    CNC_CHECK(app != NULL);
    app->again = again;
    app->again_priv = priv;
}

void
cnc__apps_agent(struct cnc__apps *a, struct cnc__agent *agent)
{
    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    a->agent = agent;
}

char *
cnc__app_assets(const struct cnc__app *app)
{
    struct cnc__str path = CNC__STR;
    struct stat st;

    cnc__str_printf(&path, "%s/assets", app->files);
    if (stat(path.data, &st) != 0 || !S_ISDIR(st.st_mode)) {
        cnc__str_fini(&path);
        return NULL;
    }
    return cnc__str_steal(&path);
}

char *
cnc__app_folders(const struct cnc__app *app)
{
    struct cnc__str all = CNC__STR, rest = CNC__STR;

    cnc__str_puts(&all, app->files == NULL ? "" : app->files);
    for (const struct cnc__app *b = app->base; b != NULL; b = b->base) {
        if (b->files != NULL) {
            cnc__str_clear(&rest);
            cnc__str_add(&rest, cnc__str_c(&all), all.len);
            cnc__str_clear(&all);
            cnc__str_printf(&all, "%s\n%s", b->files, cnc__str_c(&rest));
        }
    }
    cnc__str_fini(&rest);
    if (all.len == 0) {
        cnc__str_fini(&all);
        return cnc__strdup("");
    }
    return cnc__str_steal(&all);
}

void
cnc__apps_tick(struct cnc__apps *a, uint64_t now_ms)
{
    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    a->now_ms = now_ms;
    cnc__app_threads_reap(a);
    cnc__app_errands_tick(a);
    for (struct cnc__app *app = a->first; app != NULL; app = app->next) {
        cnc__app_tasks_tick(app, now_ms);
    }
    for (struct cnc__app *app = a->first, *next; app != NULL; app = next) {
        next = app->next;
        cnc__app_sample(app);
    }
}

void
cnc__apps_stats(const struct cnc__apps *a, struct cnc__apps_stats *out)
{
    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    *out = a->stats;
}
