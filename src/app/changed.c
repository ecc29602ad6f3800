/* SPDX-License-Identifier: MIT */
/*
 * changed.c -- which apps are no more what they were when they were read, and
 * a reload of all of those, one after the other.
 *
 * What counts: the module; in the folder of the files templates and Python
 * (*.xsl, *.py), and everything in its assets/ and locale/.  Names, sizes and
 * times are compared, not bytes: what is touched is read again.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "private.h"

#define MAX_FILES 10000 /* looked at of one app */
#define MAX_DEPTH 4

struct look {
    uint64_t sum;
    unsigned n;
};

static uint64_t
mix(uint64_t sum, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        sum = (sum ^ ((value >> (8 * i)) & 0xFF)) * UINT64_C(1099511628211);
    }
    return sum;
}

static uint64_t
sum_of(const char *name, const struct stat *st)
{
    uint64_t sum = UINT64_C(14695981039346656037);

    for (; *name != '\0'; name++) {
        sum = mix(sum, (unsigned char)*name);
    }
    sum = mix(sum, (uint64_t)st->st_size);
    sum = mix(sum, (uint64_t)st->st_ino);
    sum = mix(sum, (uint64_t)st->st_mtim.tv_sec);
    return mix(sum, (uint64_t)st->st_mtim.tv_nsec);
}

static bool
ends_with(const char *name, const char *end)
{
    size_t len = strlen(name), n = strlen(end);

    return len > n && strcmp(name + len - n, end) == 0;
}

/* all: also what is no template. */
static void
look_into(struct look *l, const char *path, bool all, unsigned depth)
{
    DIR *dir = depth > MAX_DEPTH ? NULL : opendir(path);
    const struct dirent *e;

    while (dir != NULL && l->n < MAX_FILES && (e = readdir(dir)) != NULL) {
        struct cnc__str at = CNC__STR;
        struct stat st;

        if (e->d_name[0] == '.') {
            continue;
        }
        cnc__str_printf(&at, "%s/%s", path, e->d_name);
        l->n++;
        if (stat(at.data, &st) != 0) {
            /* gone meanwhile */
        } else if (S_ISREG(st.st_mode)) {
            if (all || ends_with(e->d_name, ".xsl") ||
                ends_with(e->d_name, ".py")) {
                l->sum += sum_of(at.data, &st); /* in any order */
            }
        } else if (S_ISDIR(st.st_mode) &&
                   (all || strcmp(e->d_name, "assets") == 0 ||
                    strcmp(e->d_name, "locale") == 0)) {
            look_into(l, at.data, true, depth + 1);
        }
        cnc__str_fini(&at);
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

uint64_t
cnc__app_stamp(const struct cnc__app *app)
{
    struct look l = {0};
    struct stat st;

    if (app->file != NULL && stat(app->file, &st) == 0) {
        l.sum += sum_of(app->file, &st);
    }
    if (app->files != NULL) {
        look_into(&l, app->files, false, 0);
    }
    return l.sum;
}

/* -- all of them ------------------------------------------------------------
 */

struct batch {
    struct cnc__apps *apps;
    char *names[256];
    size_t n, next;
    struct cnc__str said;
    bool failed;
    cnc__apps_changed_f *done;
    void *priv;
};

static void reload_next(struct batch *b);

static void
reloaded(const struct cnc_error *err, const char *text, void *priv)
{
    struct batch *b = priv;
    const char *name = b->names[b->next - 1];

    if (err != NULL) {
        b->failed = true;
        cnc__str_printf(&b->said, "%s: %s\n", name, err->text);
    } else {
        cnc__str_printf(&b->said, "%s: a new version\n", name);
    }
    reload_next(b);
}

static void
reload_next(struct batch *b)
{
    if (b->next < b->n) {
        cnc__app_reload(b->apps, b->names[b->next++], reloaded, b);
        return;
    }
    b->done(b->failed, cnc__str_c(&b->said), b->priv);
    for (size_t i = 0; i < b->n; i++) {
        cnc__free(b->names[i]);
    }
    cnc__str_fini(&b->said);
    cnc__free(b);
}

static void
begin(void *arg)
{
    reload_next(arg);
}

void
cnc__apps_reload_changed(struct cnc__apps *a, cnc__apps_changed_f *done,
                         void *priv)
{
    struct batch *b = cnc__zalloc(sizeof(*b));

    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    b->apps = a;
    b->done = done;
    b->priv = priv;
    for (struct cnc__app *app = a->first; app != NULL; app = app->next) {
        if (!app->removed && b->n < CNC_N(b->names) &&
            (app->again != NULL || app->file != NULL) &&
            cnc__app_stamp(app) != app->stamp) {
            b->names[b->n++] = cnc__strdup(app->own->name);
        }
    }
    a->env.post(begin, b, a->env.priv);
}
