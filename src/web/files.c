/* SPDX-License-Identifier: MIT */
/*
 * files.c -- template files become items.  A file is taken when the node has
 * no item of its name, or one that came from a file and from another one: the
 * SHA-256 of that is an attribute of the version it became.  What somebody
 * published instead stays, also when the app has a newer file; that is told,
 * and he may take it.  One who publishes what the file is has not changed it.
 * What the commands publish says which file it stands for (over-sha256), so
 * that one who has seen the newer file is told no more.  A sheet that imports
 * another is taken after it; each is tried together with those that are still
 * to come, as they may have changed together.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../xml/write.h"
#include "web.h"

#define ATTR_HASH "file-sha256"
#define ATTR_OVER "over-sha256"
#define MAX_FILES 256

struct file {
    struct taking *of;
    char *name, *folder;
    char *text;
    size_t len;
    char hash[65];
    bool wanted, taken;
};

struct taking {
    struct cnc__agent *agent;
    char *dir;
    struct file *files;
    size_t n;
    struct cnc_error err; /* the first */
    size_t waiting;
    void (*done)(struct cnc_error *err, void *priv);
    void *priv;
};

/* -- on another thread --------------------------------------------------- */

static bool
is_template(const char *name)
{
    size_t len = strlen(name);
    return name[0] != '.' && len > 4 && len <= 200 &&
           cnc__utf8_valid(name, len) && strcmp(name + len - 4, ".xsl") == 0;
}

/* The place of a file of an earlier folder, or a new one. */
static struct file *
place_of(struct taking *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->files[i].name, name) == 0) {
            cnc__free(t->files[i].name);
            cnc__free(t->files[i].folder);
            cnc__free(t->files[i].text);
            return &t->files[i];
        }
    }
    return &t->files[t->n++];
}

static void
read_one(struct taking *t, const char *folder, int fd, const char *name)
{
    struct cnc__str text = CNC__STR;
    unsigned char hash[32];
    struct cnc_error err;
    int rc = cnc__disk_read(&text, fd, name, CNC__WEB_MAX_SHEET, &err);
    if (rc == 0 && !cnc__xml_chars_valid(cnc__str_c(&text), text.len)) {
        rc = cnc_error_set(&err, CNC_ESYNTAX, NULL,
                           "it is not UTF-8 text that XML allows");
    }
    if (rc != 0) {
        if (t->err.code == 0) {
            cnc_error_set(&t->err, rc, NULL, "template file %s/%s: %.300s",
                          folder, name, err.text);
        }
        cnc__str_fini(&text);
        return;
    }
    struct file *f = place_of(t, name);
    cnc__pack_sha256(hash, cnc__str_c(&text), text.len);
    cnc__hex(f->hash, hash, sizeof(hash));
    f->of = t;
    f->name = cnc__strdup(name);
    f->folder = cnc__strdup(folder);
    f->len = text.len;
    f->text = text.len > 0 ? cnc__str_steal(&text) : cnc__strdup("");
}

static void
read_folder(struct taking *t, const char *folder)
{
    struct dirent *e;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(dup(fd));
    if (dir == NULL) {
        if (errno != ENOENT && t->err.code == 0) {
            cnc_error_set(&t->err, CNC_ESYS, NULL,
                          "the folder %s cannot be read: %s", folder,
                          strerror(errno));
        }
    } else {
        while (t->n < MAX_FILES && (e = readdir(dir)) != NULL) {
            if (is_template(e->d_name)) {
                read_one(t, folder, fd, e->d_name);
            }
        }
        closedir(dir);
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void
read_files(void *arg)
{
    struct taking *t = arg;
    for (const char *s = t->dir; *s != '\0';) {
        size_t len = strcspn(s, "\n");
        char *folder = cnc__strndup(s, len);
        if (len > 0) {
            read_folder(t, folder);
        }
        cnc__free(folder);
        s += len + (s[len] == '\n');
    }
}

/* -- on the core's thread ------------------------------------------------ */

static void
finish(struct taking *t)
{
    struct cnc__agent *a = t->agent;
    if (a->closed && t->err.code == 0) {
        cnc_error_set(&t->err, CNC_ECLOSED, NULL, "the service is stopping");
    }
    if (t->done != NULL) {
        t->done(t->err.code != 0 ? &t->err : NULL, t->priv);
    }
    for (size_t i = 0; i < t->n; i++) {
        cnc__free(t->files[i].name);
        cnc__free(t->files[i].folder);
        cnc__free(t->files[i].text);
    }
    cnc__free(t->files);
    cnc__free(t->dir);
    cnc__free(t);
    cnc__agent_unref(a);
}

struct last_taken {
    const char *domain;
    char hash[65]; /* of the newest version that came from a file */
    char over[65]; /* the file that somebody's newest one stands for */
    size_t n;      /* versions that were looked at */
    bool ours;     /* the newest one came from a file */
};

static bool
copy_hash(char out[65], const struct cnc_element *x, const char *attr)
{
    const char *hash = cnc_element_attr(x, NULL, attr);
    bool found = hash != NULL && strlen(hash) == 64;
    if (found) {
        memcpy(out, hash, 65);
    }
    return found;
}

/* The newest version that came from a file: published by the domain itself
 * and marked; one that an operator put back is not. */
static int
on_version(const struct cnc_store_entry *e, void *priv)
{
    struct last_taken *l = priv;
    struct cnc_element *x = NULL;
    size_t n = strlen(l->domain);
    bool mine = strncmp(e->publisher, l->domain, n) == 0 &&
                (e->publisher[n] == '\0' || e->publisher[n] == '/');
    bool first = l->n++ == 0, found = false;
    if ((!mine && !first) || e->len == 0) {
        return 0;
    }
    const struct cnc_xml_limits limits = {.size = sizeof(limits),
                                          .max_token = CNC__WEB_MAX_SHEET * 2,
                                          .max_stanza =
                                              CNC__WEB_MAX_SHEET * 8};
    if (cnc_xml_parse(&x, e->value, e->len, 0, &limits, NULL) != 0) {
        return 0;
    }
    if (mine) {
        found = copy_hash(l->hash, x, ATTR_HASH);
        l->ours = first && found;
    } else {
        copy_hash(l->over, x, ATTR_OVER);
    }
    cnc_element_unref(&x);
    return found ? 1 : 0;
}

/* But for blanks at the end, which an editor adds. */
static bool
same_text(const struct cnc__sheet *s, const char *text, size_t len)
{
    size_t n = s == NULL ? 0 : s->len;
    while (n > 0 && strchr(" \t\r\n", s->text[n - 1]) != NULL) {
        n--;
    }
    while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL) {
        len--;
    }
    return s != NULL && n == len && memcmp(s->text, text, n) == 0;
}

/* The item is there. */
static enum cnc__own_file
state_of(struct cnc__agent *a, const char *id, const char *text, size_t len,
         const char *hash, struct last_taken *last)
{
    *last = (struct last_taken){.domain = a->domain};
    cnc__node_history(a->templates, id, on_version, last);
    if (last->ours || same_text(cnc__sheet_find(a, id), text, len)) {
        return CNC__FILE_USED;
    }
    const char *base = last->over[0] != '\0' ? last->over : last->hash;
    return base[0] != '\0' && strcmp(base, hash) != 0 ? CNC__FILE_NEWER
                                                      : CNC__FILE_CHANGED;
}

static void
hash_of(char out[65], const struct cnc__sheet *s)
{
    unsigned char hash[32];
    cnc__pack_sha256(hash, s->text, s->len);
    cnc__hex(out, hash, sizeof(hash));
}

enum cnc__own_file
cnc__template_file(struct cnc__agent *a, const char *id)
{
    const struct cnc__sheet *file = cnc__table_get(a->files, id);
    struct last_taken last;
    char hash[65];
    if (file == NULL) {
        return CNC__FILE_NONE;
    }
    if (a->templates == NULL || cnc__node_item(a->templates, id) == NULL) {
        return CNC__FILE_USED;
    }
    hash_of(hash, file);
    return state_of(a, id, file->text, file->len, hash, &last);
}

static bool
wanted(struct cnc__agent *a, const struct file *f)
{
    struct last_taken last;
    if (a->templates == NULL) {
        return false;
    }
    if (cnc__node_item(a->templates, f->name) == NULL) {
        return true;
    }
    switch (state_of(a, f->name, f->text, f->len, f->hash, &last)) {
    case CNC__FILE_NEWER:
        cnc__log(CNC_LOG_INFO, "template.newer",
                 "id=%s the app's file has changed; what was published "
                 "instead stays",
                 f->name);
        return false;
    case CNC__FILE_CHANGED:
        return false;
    default:
        return strcmp(last.hash, f->hash) != 0;
    }
}

/* What a page falls back to when the item is taken away. */
static void
keep(const struct file *f)
{
    struct cnc__sheet *old = cnc__table_put(f->of->agent->files, f->name,
                                            cnc__sheet_new(f->text, f->len));
    cnc__sheet_unref(&old);
}

/* All that will be published: what each is tried with. */
static void
announce(struct taking *t)
{
    for (size_t i = 0; i < t->n && !t->agent->closed; i++) {
        struct file *f = &t->files[i];
        f->wanted = wanted(t->agent, f);
        if (f->wanted) {
            struct cnc__sheet *old = cnc__table_put(
                t->agent->coming, f->name, cnc__sheet_new(f->text, f->len));
            cnc__sheet_unref(&old);
        }
    }
}

static void next(struct taking *t);

static void
on_published(const struct cnc_error *err, const char *id, void *priv)
{
    struct file *f = priv;
    struct taking *t = f->of;
    if (t->agent->closed) {
        next(t);
        return;
    }
    struct cnc__sheet *came = cnc__table_del(t->agent->coming, f->name);
    cnc__sheet_unref(&came);
    if (err == NULL) {
        keep(f);
    } else if (t->err.code == 0) {
        cnc_error_set(&t->err, err->code, err->condition,
                      "template file %s/%s: %.300s", f->folder, f->name,
                      err->text);
        t->err.line = err->line;
    }
    next(t);
}

static void
publish_as_file(struct cnc__agent *a, const char *id, const char *text,
                size_t len, const char *hash, cnc__done_f *done, void *priv)
{
    struct cnc__str jid = CNC__STR;
    struct cnc_element *e = NULL;
    cnc__str_printf(&jid, "%s/files", a->domain);
    struct cnc__actor me = {.jid = jid.data, .operator_ = true};
    CNC_CHECK(cnc_element_new(&e, CNC__NS_TEMPLATE, "template", NULL) == 0);
    cnc_element_set_attr(e, NULL, "type", "application/xslt+xml", NULL);
    cnc_element_set_attr(e, NULL, ATTR_HASH, hash, NULL);
    cnc_element_insert_text(e, 0, text, len, NULL);
    cnc__pubsub_publish(a->env.pubsub, &me, a->templates, id, e, false, done,
                        priv);
    cnc_element_unref(&e);
    cnc__str_fini(&jid);
}

static void
publish(struct file *f)
{
    f->of->waiting++;
    publish_as_file(f->of->agent, f->name, f->text, f->len, f->hash,
                    on_published, f);
}

void
cnc__template_take_file(struct cnc__agent *a, const char *id,
                        cnc__done_f *done, void *priv)
{
    const struct cnc__sheet *file = cnc__table_get(a->files, id);
    char hash[65];
    CNC_CHECK(file != NULL);
    hash_of(hash, file);
    publish_as_file(a, id, file->text, file->len, hash, done, priv);
}

void
cnc__template_mark(struct cnc__agent *a, const char *id, struct cnc_element *e)
{
    const struct cnc__sheet *file = cnc__table_get(a->files, id);
    char hash[65];
    if (file != NULL) {
        hash_of(hash, file);
        cnc_element_set_attr(e, NULL, ATTR_OVER, hash, NULL);
    }
}

/* Does the text of f name g as what it imports?  One that does so elsewhere
 * waits for it in vain. */
static bool
imports(const struct file *f, const struct file *g)
{
    struct cnc__str quoted = CNC__STR;
    bool found = false;
    if (f == g || strstr(f->text, ":import") == NULL) {
        return false;
    }
    for (const char *quote = "\"'"; *quote != '\0' && !found; quote++) {
        cnc__str_clear(&quoted);
        cnc__str_printf(&quoted, "%c%s%c", *quote, g->name, *quote);
        found = strstr(f->text, quoted.data) != NULL;
    }
    cnc__str_fini(&quoted);
    return found;
}

static bool
is_ready(const struct file *f, size_t n_open, struct file *const open[])
{
    for (size_t i = 0; i < n_open; i++) {
        if (imports(f, open[i])) {
            return false;
        }
    }
    return true;
}

static void
take(struct file *f)
{
    f->taken = true;
    if (f->wanted) {
        publish(f);
    } else {
        keep(f);
    }
}

/* Those that wait for no other; when there is none, those that are left import
 * each other in a circle, which they are told. */
static void
take_ready(struct taking *t)
{
    struct file *left[MAX_FILES];
    size_t n = 0, taken = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (!t->files[i].taken) {
            left[n++] = &t->files[i];
        }
    }
    t->waiting = 1; /* ours */
    for (size_t i = 0; i < n && !t->agent->closed; i++) {
        if (is_ready(left[i], n, left)) {
            take(left[i]);
            taken++;
        }
    }
    for (size_t i = 0; i < n && taken == 0 && !t->agent->closed; i++) {
        take(left[i]);
    }
    next(t);
}

/* One of this round is done, and with the last of it the round. */
static void
next(struct taking *t)
{
    bool left = false;
    if (--t->waiting > 0) {
        return;
    }
    for (size_t i = 0; i < t->n; i++) {
        left = left || !t->files[i].taken;
    }
    if (left && !t->agent->closed) {
        take_ready(t);
    } else {
        finish(t);
    }
}

static void
take_files(void *arg)
{
    announce(arg);
    take_ready(arg);
}

void
cnc__agent_template_files(struct cnc__agent *a, const char *dir,
                          void (*done)(struct cnc_error *err, void *priv),
                          void *priv)
{
    struct taking *t = cnc__zalloc(sizeof(*t));
    cnc__agent_ref(a);
    t->agent = a;
    t->dir = cnc__strdup(dir);
    t->files = cnc__zalloc(MAX_FILES * sizeof(*t->files));
    t->done = done;
    t->priv = priv;
    a->env.offload(read_files, take_files, t, a->env.priv);
}
