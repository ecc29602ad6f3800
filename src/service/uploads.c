/* SPDX-License-Identifier: MIT */
/*
 * uploads.c -- the files that are kept: whose they are, how much room they
 * take, how they come and go.
 */
#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "../base/text.h"
#include "../xmpp/jid.h"
#include "uploads.h"
#include "weblogin.h"

#define SWEEP_MS    60000u
#define VALUE_LINES 6
#define MB          ((uint64_t)1 << 20)

struct usage {
    uint64_t bytes;
    uint32_t files;
};

struct cnc__uploads *
cnc__uploads_new(struct cnc_service *s)
{
    struct cnc__uploads *u = cnc__zalloc(sizeof(*u));
    struct cnc__str dir = CNC__STR;

    u->magic = CNC__UPLOADS_MAGIC;
    u->service = s;
    u->files = cnc__table_new();
    u->owners = cnc__table_new();
    u->slots = cnc__table_new();
    cnc__str_printf(&dir, "%s/files", s->data);
    u->dir = cnc__str_steal(&dir);
    for (const char *const *w = s->o.without; w != NULL && *w != NULL; w++) {
        u->off = u->off || strcmp(*w, "upload") == 0;
    }
    return u;
}

static void
file_free(void *value)
{
    struct cnc__upload *f = value;

    cnc__free(f->owner);
    cnc__free(f->name);
    cnc__free(f->type);
    cnc__free(f);
}

void
cnc__uploads_free(struct cnc__uploads **up)
{
    struct cnc__uploads *u = *up;

    if (u != NULL) {
        CNC_OBJ_CHECK(u, CNC__UPLOADS_MAGIC);
        *up = NULL;
        cnc__upload_slots_free(u);
        cnc__table_free(&u->files, file_free);
        cnc__table_free(&u->owners, cnc__free);
        for (size_t i = 0; i < u->n_held; i++) {
            cnc__free(u->held[i]); /* the next start sweeps */
        }
        cnc__free(u->held);
        cnc__free(u->dir);
        CNC_OBJ_FREE(u);
    }
}

char *
cnc__upload_path(const struct cnc__uploads *u, const char *id,
                 const char *suffix)
{
    struct cnc__str path = CNC__STR;

    cnc__str_printf(&path, "%s/%s%s", u->dir, id, suffix);
    return cnc__str_steal(&path);
}

void
cnc__upload_url(struct cnc__str *out, const struct cnc__uploads *u,
                const struct cnc__upload *f)
{
    char *base = cnc__service_url(u->service);

    cnc__str_printf(out, "%s" CNC__UPLOAD_GET "%s/", base, f->id);
    cnc__upload_percent(out, f->name);
    cnc__free(base);
}

/* -- room ----------------------------------------------------------------- */

uint64_t
cnc__uploads_max(const struct cnc__uploads *u)
{
    uint32_t max = u->service->o.max_upload;

    return max == 0 ? 10 * MB : max;
}

static void
count(struct cnc__uploads *u, const struct cnc__upload *f)
{
    struct usage *of = cnc__table_get(u->owners, f->owner);

    if (of == NULL) {
        of = cnc__zalloc(sizeof(*of));
        cnc__table_put(u->owners, f->owner, of);
    }
    of->bytes += f->bytes;
    of->files++;
    u->bytes += f->bytes;
}

void
cnc__upload_forget(struct cnc__uploads *u, struct cnc__upload **fp)
{
    struct cnc__upload *f = *fp;
    struct usage *of = f == NULL ? NULL : cnc__table_get(u->owners, f->owner);

    if (f == NULL) {
        return;
    }
    *fp = NULL;
    CNC_CHECK(of != NULL && of->files > 0);
    of->bytes -= f->bytes;
    u->bytes -= f->bytes;
    if (--of->files == 0) {
        cnc__free(cnc__table_del(u->owners, f->owner));
    }
    file_free(f);
}

/* When something of this owner's goes by itself. */
static int64_t
room_again(const struct cnc__uploads *u, const char *owner)
{
    int64_t ends, days = u->service->o.upload_days;

    cnc__upload_slots_of(u, owner, &ends);
    for (struct cnc__table_iter i = {0};
         days > 0 && cnc__table_next(u->files, &i);) {
        const struct cnc__upload *f = i.value;
        int64_t then = (f->since + days * 86400) * 1000;

        if (strcmp(f->owner, owner) == 0 && (ends == 0 || then < ends)) {
            ends = then;
        }
    }
    return ends;
}

static int
check_room(struct cnc__uploads *u, const char *owner, uint64_t bytes,
           int64_t *retry_ms, struct cnc_error *err)
{
    const struct cnc_service_options *o = &u->service->o;
    const struct usage *of = cnc__table_get(u->owners, owner);
    uint64_t used = of == NULL ? 0 : of->bytes;
    uint32_t n = of == NULL ? 0 : of->files;
    uint64_t quota = (o->upload_quota == 0 ? 1000 : o->upload_quota) * MB;
    uint64_t total = (o->upload_total == 0 ? 10000 : o->upload_total) * MB;
    uint32_t files = o->upload_files == 0 ? 10000 : o->upload_files;

    *retry_ms = 0;
    if (bytes > cnc__uploads_max(u)) {
        return cnc_error_set(err, CNC_ELIMIT, "not-acceptable",
                             "The file is too large: at most %llu bytes",
                             (unsigned long long)cnc__uploads_max(u));
    }
    if (used + bytes > quota || n >= files) {
        *retry_ms = room_again(u, owner);
        return n >= files
                   ? cnc_error_set(err, CNC_EREFUSED, "resource-constraint",
                                   "You may keep %u files here", files)
                   : cnc_error_set(err, CNC_EREFUSED, "resource-constraint",
                                   "You may keep %llu MB of files here",
                                   (unsigned long long)(quota / MB));
    }
    if (u->bytes + bytes > total) {
        return cnc_error_set(err, CNC_EREFUSED, "resource-constraint",
                             "There is no room for more files here");
    }
    return 0;
}

int
cnc__upload_grow(struct cnc__uploads *u, struct cnc__upload *f, uint64_t more,
                 struct cnc_error *err)
{
    struct usage *of = cnc__table_get(u->owners, f->owner);
    uint64_t max = cnc__uploads_max(u);
    int64_t retry;
    int code;

    CNC_CHECK(of != NULL);
    if (more > max || f->bytes > max - more) {
        more = max + 1; /* says so */
    }
    of->files--; /* this one is counted already */
    code = check_room(u, f->owner, more, &retry, err);
    of->files++;
    if (code != 0) {
        u->n_refused++;
        return code;
    }
    f->bytes += more;
    of->bytes += more;
    u->bytes += more;
    return 0;
}

int
cnc__upload_promise(struct cnc__upload **out, struct cnc__uploads *u,
                    const char *owner, const char *name, const char *type,
                    uint64_t bytes, int64_t *retry_ms, struct cnc_error *err)
{
    char *media = cnc__upload_type(type), *bare;
    struct cnc__upload *f;
    int code = 0;

    CNC_OBJ_CHECK(u, CNC__UPLOADS_MAGIC);
    *retry_ms = 0;
    bare = cnc__strndup(owner, cnc__jid_bare_len(owner));
    if (u->off) {
        code = cnc_error_set(err, CNC_EACCES, "forbidden",
                             "No files are kept here");
    } else if (media == NULL) {
        code = cnc_error_set(err, CNC_EINVAL, "bad-request",
                             "The content-type is none");
    } else {
        code = check_room(u, bare, bytes, retry_ms, err);
    }
    if (code != 0) {
        u->n_refused++;
        cnc__free(media);
        cnc__free(bare);
        return code;
    }
    f = cnc__zalloc(sizeof(*f));
    cnc__random_hex(f->id, CNC__UPLOAD_ID / 2);
    f->owner = bare;
    f->name = cnc__upload_name(name);
    f->type = media;
    f->bytes = bytes;
    count(u, f);
    *out = f;
    return 0;
}

/* -- keeping -------------------------------------------------------------- */

struct keeping {
    struct cnc__uploads *uploads;
    struct cnc__upload *file;
    cnc__upload_done_f *done;
    void *priv;
};

static void
unlink_work(void *arg)
{
    unlink(arg);
}

static void
remove_file(struct cnc__uploads *u, const char *id)
{
    char *path = cnc__upload_path(u, id, "");

    if (u->n_holds > 0) {
        u->held =
            cnc__grow(u->held, u->n_held, &u->cap_held, sizeof(*u->held));
        u->held[u->n_held++] = path;
    } else {
        cnc__service_offload(unlink_work, cnc__free, path, u->service);
    }
}

void
cnc__uploads_hold(struct cnc__uploads *u)
{
    u->n_holds++;
}

void
cnc__uploads_release(struct cnc__uploads *u)
{
    CNC_CHECK(u->n_holds > 0);
    if (--u->n_holds > 0) {
        return;
    }
    for (size_t i = 0; i < u->n_held; i++) {
        cnc__service_offload(unlink_work, cnc__free, u->held[i], u->service);
    }
    u->n_held = 0;
}

void
cnc__upload_discard(struct cnc__uploads *u, struct cnc__upload **fp)
{
    if (u->service->agent != NULL) { /* else the next start sweeps */
        remove_file(u, (*fp)->id);
    }
    cnc__upload_forget(u, fp);
}

static void
on_kept(void *arg, bool kept)
{
    struct keeping *k = arg;
    struct cnc__uploads *u = k->uploads;
    struct cnc__upload *f = k->file;

    if (kept) {
        cnc__table_put(u->files, f->id, f);
        u->n_kept++;
        cnc__log(CNC_LOG_INFO, "upload.kept", "owner=%s id=%s bytes=%llu",
                 f->owner, f->id, (unsigned long long)f->bytes);
    } else {
        remove_file(u, f->id);
        cnc__upload_forget(u, &f);
    }
    k->done(f, k->priv);
    cnc__free(k);
}

void
cnc__upload_keep(struct cnc__uploads *u, struct cnc__upload *f,
                 cnc__upload_done_f *done, void *priv)
{
    struct keeping *k = cnc__zalloc(sizeof(*k));
    struct cnc__str value = CNC__STR;

    *k = (struct keeping){u, f, done, priv};
    f->since = cnc__unix_s();
    cnc__str_printf(&value, "%s\n%s\n%s\n%llu\n%s\n%lld\n", f->owner, f->name,
                    f->type, (unsigned long long)f->bytes, f->hash,
                    (long long)f->since);
    cnc__keep_key(u->service, "file", f->id, value.data, value.len, on_kept,
                  k);
    cnc__str_fini(&value);
}

struct removal {
    struct cnc__uploads *uploads;
    char id[CNC__UPLOAD_ID + 1];
};

static void
on_entry_gone(void *arg, bool kept)
{
    struct removal *r = arg;

    if (kept) { /* else the next start finds both, as before */
        remove_file(r->uploads, r->id);
    }
    cnc__free(r);
}

int
cnc__upload_delete(struct cnc__uploads *u, const char *id, const char *why)
{
    struct cnc__upload *f = cnc__table_del(u->files, id);
    struct removal *r;

    if (f == NULL) {
        return CNC_ENOENT;
    }
    r = cnc__zalloc(sizeof(*r));
    r->uploads = u;
    memcpy(r->id, f->id, sizeof(r->id));
    cnc__keep_key(u->service, "file", f->id, "", 0, on_entry_gone, r);
    cnc__log(CNC_LOG_INFO, "upload.deleted", "owner=%s id=%s why=%s", f->owner,
             f->id, why);
    cnc__upload_forget(u, &f);
    return 0;
}

void
cnc__uploads_account_deleted(struct cnc__uploads *u, const char *bare)
{
    cnc__upload_slots_end(u, bare, 0);
    for (struct cnc__table_iter i = {0}; cnc__table_next(u->files, &i);) {
        const struct cnc__upload *f = i.value;

        if (strcmp(f->owner, bare) == 0) {
            cnc__upload_delete(u, f->id, "account");
        }
    }
}

void
cnc__uploads_tick(struct cnc__uploads *u, uint64_t now_ms)
{
    int64_t days = u->service->o.upload_days;

    CNC_OBJ_CHECK(u, CNC__UPLOADS_MAGIC);
    cnc__upload_slots_end(u, NULL, now_ms);
    if (days == 0 || now_ms - u->swept_ms < SWEEP_MS) {
        return;
    }
    u->swept_ms = now_ms;
    for (struct cnc__table_iter i = {0}; cnc__table_next(u->files, &i);) {
        const struct cnc__upload *f = i.value;

        if (cnc__unix_s() - f->since >= days * 86400) {
            cnc__upload_delete(u, f->id, "old");
        }
    }
}

/* -- the start ------------------------------------------------------------ */

static bool
parse(struct cnc__upload *f, char *text)
{
    char *line[VALUE_LINES];
    int64_t bytes;

    for (size_t i = 0; i < VALUE_LINES; i++) {
        char *end = strchr(text, '\n');

        if (end == NULL) {
            return false;
        }
        *end = '\0';
        line[i] = text;
        text = end + 1;
    }
    if (strlen(line[4]) != 64 ||
        !cnc__parse_int(&bytes, line[3], 0, INT64_MAX) ||
        !cnc__parse_int(&f->since, line[5], 0, INT64_MAX)) {
        return false;
    }
    f->bytes = (uint64_t)bytes;
    memcpy(f->hash, line[4], sizeof(f->hash));
    f->owner = cnc__strdup(line[0]);
    f->name = cnc__strdup(line[1]);
    f->type = cnc__strdup(line[2]);
    return true;
}

void
cnc__uploads_load(struct cnc__uploads *u, const struct cnc_store_entry *e)
{
    struct cnc__upload *f = cnc__zalloc(sizeof(*f));
    char *text = cnc__strndup(e->value, e->len);

    CNC_OBJ_CHECK(u, CNC__UPLOADS_MAGIC);
    if (strlen(e->id) == CNC__UPLOAD_ID && parse(f, text)) {
        memcpy(f->id, e->id, sizeof(f->id));
        count(u, f);
        cnc__table_put(u->files, f->id, f);
    } else {
        cnc__log(CNC_LOG_ERROR, "upload.load",
                 "id=%s the entry of a file cannot be read", e->id);
        file_free(f);
    }
    cnc__free(text);
}

/* What a crash left: parts, and files that were never promised to anybody. */
int
cnc__uploads_load_done(struct cnc__uploads *u, struct cnc_error *err)
{
    int code = u->off ? 0 : cnc__make_dir(u->dir, "--data", err);
    DIR *dir = code != 0 ? NULL : opendir(u->dir);
    struct dirent *e;
    size_t n = 0;

    while (dir != NULL && (e = readdir(dir)) != NULL) {
        if (e->d_name[0] != '.' &&
            cnc__table_get(u->files, e->d_name) == NULL) {
            n += unlinkat(dirfd(dir), e->d_name, 0) == 0;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    if (n > 0) {
        cnc__log(CNC_LOG_INFO, "upload.swept", "files=%zu", n);
    }
    if (code == 0) {
        code = cnc__upload_slots_new(u, err);
    }
    return code != 0 ? code : cnc__uploads_commands(u, err);
}

void
cnc__uploads_stats(const struct cnc__uploads *u,
                   struct cnc__uploads_stats *out)
{
    *out = (struct cnc__uploads_stats){
        .files = cnc__table_len(u->files),
        .bytes = u->bytes,
        .slots = cnc__table_len(u->slots),
        .kept = u->n_kept,
        .refused = u->n_refused,
    };
}
