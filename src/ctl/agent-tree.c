/* SPDX-License-Identifier: MIT */
/*
 * agent-tree.c -- the files that the agent keeps, and the list of them.
 *
 *   concordance-agent 1
 *   p ETAG SECONDS KEY          one a line; keys are percent-encoded
 *   purge ADDRESS
 *
 * A thing is in the list before it is a file, so that nothing is forgotten
 * when the machine stops between the two.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../base/text.h"
#include "../web/disk.h"
#include "../web/http.h"
#include "agent.h"

#define LIST     ".concordance"
#define FIRST    "concordance-agent 1\n"
#define MAX_LIST ((size_t)64 << 20)
#define WEEK_S   (7 * 86400)
#define NONE     "-" /* no etag: it is being written */

static void
thing_free(void *value)
{
    struct tree_thing *x = value;

    cnc__free(x->name);
    cnc__free(x);
}

static void
name_of_thing(struct cnc__str *out, char kind, const char *key)
{
    cnc__str_clear(out);
    cnc__str_putc(out, kind);
    cnc__str_puts(out, key);
}

struct tree_thing *
tree_get(const struct tree *t, char kind, const char *key)
{
    struct cnc__str full = CNC__STR;
    struct tree_thing *x;

    name_of_thing(&full, kind, key);
    x = cnc__table_get(t->all, full.data);
    cnc__str_fini(&full);
    return x;
}

/* -- names of files -------------------------------------------------------
 */

static bool
is_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);

    return strncmp(path, folder, n) == 0 &&
           (path[n] == '/' || path[n] == '\0');
}

/* Pages that would stand among files of another kind, or a web server's own,
 * are none. */
static int
check_page(const char *key, struct cnc_error *err)
{
    const char *path = strchr(key, '/');
    static const char *const taken[] = {"/assets", "/_c", "/_errors",
                                        "/index.html"};

    for (size_t i = 0; path != NULL && i < CNC_N(taken); i++) {
        if (is_below(path, taken[i])) {
            return cnc_error_set(err, CNC_EINVAL, NULL,
                                 "%s: that place in the tree is for other "
                                 "files",
                                 key);
        }
    }
    return 0;
}

/* "/assets/HASH/img/a.png": "assets/HASH/img/a.png", if it is nothing else. */
static int
file_name(struct cnc__str *out, const char *path, struct cnc_error *err)
{
    const char *s = path;

    if (!is_below(path, "/assets") && !is_below(path, "/_c")) {
        s = "";
    }
    while (*s == '/') {
        size_t n = strcspn(++s, "/");

        if (n == 0 || n > 200 || s[0] == '.') {
            break;
        }
        s += n;
        if (*s == '\0') {
            cnc__str_clear(out);
            cnc__str_puts(out, path + 1);
            return 0;
        }
    }
    return cnc_error_set(err, CNC_EINVAL, NULL, "%s is no name of a file",
                         path);
}

static int
disk_name(struct cnc__str *out, char kind, const char *key,
          struct cnc_error *err)
{
    int rc;

    switch (kind) {
    case 'p':
        rc = check_page(key, err);
        return rc == 0 ? cnc__disk_name(out, key, err) : rc;
    case 'f':
        return file_name(out, key, err);
    case 'e':
        cnc__str_clear(out);
        if (strspn(key, "0123456789") != 3 || key[3] != '\0') {
            break;
        }
        cnc__str_printf(out, "_errors/%s.html", key);
        return 0;
    }
    return cnc_error_set(err, CNC_EINVAL, NULL, "%c%s is nothing", kind, key);
}

/* -- the list -------------------------------------------------------------
 */

static struct tree_thing *
add(struct tree *t, char kind, const char *key, const char *name,
    const char *etag)
{
    struct tree_thing *x = tree_get(t, kind, key);
    struct cnc__str full = CNC__STR;

    if (x == NULL) {
        x = cnc__zalloc(sizeof(*x));
        x->kind = kind;
        x->name = cnc__strdup(name);
        name_of_thing(&full, kind, key);
        cnc__table_put(t->all, full.data, x);
        cnc__str_fini(&full);
    }
    snprintf(x->etag, sizeof(x->etag), "%s", etag);
    x->listed = (int64_t)time(NULL);
    t->changed = true;
    return x;
}

static int
on_key(const char *name, const char *value, void *priv)
{
    *(char **)priv = cnc__strdup(name);
    return 0;
}

/* *new*, or NULL. */
static char *
decode(const char *s)
{
    char *out = NULL;

    cnc__http_form_parse(s, strlen(s), 1, on_key, &out);
    return out;
}

/* Lines that make no sense are left out: their files are not ours. */
static void
read_line(struct tree *t, char *line)
{
    char *etag = strchr(line, ' '), *seconds, *key;
    struct cnc__str name = CNC__STR;
    int64_t listed;

    if (strncmp(line, "purge ", 6) == 0) {
        cnc__table_put(t->purge, line + 6, t);
        return;
    }
    if (etag != line + 1 || (seconds = strchr(etag + 1, ' ')) == NULL ||
        (key = strchr(seconds + 1, ' ')) == NULL) {
        return;
    }
    *etag++ = *seconds++ = *key++ = '\0';
    key = decode(key);
    if (key != NULL && disk_name(&name, line[0], key, NULL) == 0 &&
        cnc__parse_int(&listed, seconds, 0, INT64_MAX)) {
        add(t, line[0], key, name.data, etag)->listed = listed;
    }
    cnc__free(key);
    cnc__str_fini(&name);
}

static int
read_list(struct tree *t, struct cnc_error *err)
{
    struct cnc__str text = CNC__STR;
    int dir = open(t->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = cnc__disk_read(&text, dir, LIST, MAX_LIST, err);
    char *line = text.data, *end;

    if (dir >= 0) {
        close(dir);
    }
    if (rc == 0 && text.len > 0 &&
        strncmp(text.data, FIRST, strlen(FIRST)) != 0) {
        rc = cnc_error_set(err, CNC_EINVAL, NULL,
                           "%s/" LIST " is not this program's list of files: "
                           "--www is a folder of its own",
                           t->dir);
    }
    for (; rc == 0 && line != NULL && (end = strchr(line, '\n')) != NULL;
         line = end + 1) {
        *end = '\0';
        read_line(t, line);
    }
    cnc__str_fini(&text);
    t->changed = false;
    return rc;
}

/* The lock is a file of its own, since the list is replaced. */
static int
lock(struct tree *t, struct cnc_error *err)
{
    struct cnc__str path = CNC__STR;
    struct stat st;

    cnc__str_printf(&path, "%s/" LIST ".lock", t->dir);
    t->lock = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (t->lock < 0) {
        cnc_error_set(err, CNC_ESYS, NULL, "cannot write %s: %s", path.data,
                      strerror(errno));
    } else if (flock(t->lock, LOCK_EX | LOCK_NB) != 0) {
        cnc_error_set(err, CNC_EEXIST, NULL,
                      "another agent keeps %s now; one is enough", t->dir);
        close(t->lock);
        t->lock = -1;
    } else {
        cnc__str_clear(&path);
        cnc__str_printf(&path, "%s/" LIST, t->dir);
        if (lstat(path.data, &st) != 0 && errno == ENOENT) {
            int fd = open(path.data, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

            if (fd >= 0) {
                close(fd);
            }
        }
    }
    cnc__str_fini(&path);
    return t->lock < 0 ? (err->code != 0 ? err->code : CNC_ESYS) : 0;
}

int
tree_open(struct tree *t, const char *dir, struct cnc_error *err)
{
    int rc;

    memset(t, 0, sizeof(*t));
    t->lock = -1;
    t->dir = cnc__strdup(dir);
    t->all = cnc__table_new();
    t->purge = cnc__table_new();
    if ((rc = cnc__disk_folders(dir, err)) != 0 || (rc = lock(t, err)) != 0 ||
        (rc = read_list(t, err)) != 0) {
        tree_close(t);
    }
    return rc;
}

void
tree_close(struct tree *t)
{
    if (t->lock >= 0) {
        close(t->lock);
    }
    cnc__table_free(&t->all, thing_free);
    cnc__table_free(&t->purge, NULL);
    cnc__free(t->dir);
    t->dir = NULL;
}

int
tree_save(struct tree *t, struct cnc_error *err)
{
    struct cnc__str text = CNC__STR;
    int rc;

    if (!t->changed) {
        return 0;
    }
    cnc__str_puts(&text, FIRST);
    for (struct cnc__table_iter i = {0}; cnc__table_next(t->all, &i);) {
        const struct tree_thing *x = i.value;

        cnc__str_printf(&text, "%c %s %lld ", x->kind, x->etag,
                        (long long)x->listed);
        cnc__web_percent(&text, i.key + 1, true);
        cnc__str_putc(&text, '\n');
    }
    for (struct cnc__table_iter i = {0}; cnc__table_next(t->purge, &i);) {
        cnc__str_printf(&text, "purge %s\n", i.key);
    }
    rc = cnc__disk_put(
        t->dir, LIST,
        &(struct cnc__disk_file){"", cnc__str_c(&text), text.len}, 1, NULL,
        err);
    t->changed = rc != 0;
    cnc__str_fini(&text);
    return rc;
}

/* -- files ----------------------------------------------------------------
 */

static void
add_copy(struct cnc__disk_file *f, const char *suffix, const struct cnc_buf *b)
{
    f->suffix = suffix;
    f->data = b == NULL ? NULL : cnc_buf_data(b);
    f->len = b == NULL ? 0 : cnc_buf_len(b);
}

int
tree_put(struct tree *t, char kind, const char *key, const char *etag,
         const char *data, size_t len, bool *changed, struct cnc_error *err)
{
    struct cnc__str name = CNC__STR;
    struct cnc_buf *gzip, *brotli;
    int rc = disk_name(&name, kind, key, err);

    *changed = false;
    if (rc == 0 && tree_get(t, kind, key) == NULL) {
        add(t, kind, key, name.data, NONE);
        rc = tree_save(t, err);
    }
    if (rc == 0) {
        struct cnc__disk_file f[3] = {{"", data, len}};

        gzip = cnc__pack_gzip(data, len, kind == 'f');
        brotli = cnc__pack_brotli(data, len, kind == 'f');
        add_copy(&f[1], ".gz", gzip);
        add_copy(&f[2], ".br", brotli);
        rc = cnc__disk_put(t->dir, name.data, f, 3, changed, err);
        cnc_buf_unref(&gzip);
        cnc_buf_unref(&brotli);
    }
    if (rc == 0) {
        add(t, kind, key, name.data, etag);
        t->n_written += *changed;
    }
    cnc__str_fini(&name);
    return rc;
}

int
tree_remove(struct tree *t, char kind, const char *key, struct cnc_error *err)
{
    struct tree_thing *x = tree_get(t, kind, key);
    struct cnc__str full = CNC__STR;
    int rc;

    if (x == NULL) {
        return 0;
    }
    rc = cnc__disk_remove(t->dir, x->name, err);
    if (rc == 0) {
        name_of_thing(&full, kind, key);
        cnc__table_del(t->all, full.data);
        cnc__str_fini(&full);
        thing_free(x);
        t->changed = true;
        t->n_removed++;
    }
    return rc;
}

void
tree_begin(struct tree *t)
{
    t->round++;
}

void
tree_name(struct tree *t, char kind, const char *key)
{
    struct tree_thing *x = tree_get(t, kind, key);
    int64_t now = (int64_t)time(NULL);

    if (x != NULL) {
        x->round = t->round;
        if (now - x->listed > 3600) {
            x->listed = now;
            t->changed = true;
        }
    }
}

int
tree_end(struct tree *t, char kind, void (*f)(const char *key, void *priv),
         void *priv, struct cnc_error *err)
{
    int64_t now = (int64_t)time(NULL);
    int rc = 0;

    for (struct cnc__table_iter i = {0};
         rc == 0 && cnc__table_next(t->all, &i);) {
        struct tree_thing *x = i.value;
        char *key;

        if (x->kind != kind || x->round == t->round ||
            (kind == 'f' && now - x->listed < WEEK_S)) {
            continue;
        }
        key = cnc__strdup(i.key + 1);
        rc = tree_remove(t, kind, key, err);
        if (rc == 0 && f != NULL) {
            f(key, priv);
        }
        cnc__free(key);
    }
    return rc;
}
