/* SPDX-License-Identifier: MIT */
/*
 * restore.c -- a backup becomes a folder of data: read once and judged whole,
 * then again into a store in a new folder, which takes its place at the end.
 *
 *   DATA.restoring  (the new store) --rename--> DATA
 *   DATA (with force) -------------- exchange --> DATA.before-restore
 *
 * So a restore that ends early, however it ends, has changed nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <concordance/xml.h>

#include "../base/arena.h"
#include "../base/text.h"
#include "backup.h"

#define MAX_ENTRY   (512u << 20)
#define BATCH       1000u
#define BATCH_BYTES (4u << 20)

struct reader {
    struct cnc_backup *about;
    EVP_MD_CTX *md;
    bool ended;
    uint64_t n, files;
    const char *path;
    struct cnc_error why;
    /* Of the second time. */
    const struct cnc_store_driver *driver;
    struct cnc_store *store;
    struct cnc__arena arena;
    struct cnc_store_op ops[BATCH];
    size_t n_ops;
    struct cnc__backup_taker taker; /* of people's files */
};

/* -- reading ---------------------------------------------------------------
 */

static int
wrong(struct reader *r, const char *what)
{
    return cnc_error_set(&r->why, CNC_EINVAL, NULL,
                         "%s is no backup that can be used: %s (after entry "
                         "%llu); nothing was changed",
                         r->path, what, (unsigned long long)r->n);
}

static int
on_open(struct cnc_element *root, void *priv)
{
    struct reader *r = priv;
    const char *version = cnc_element_attr(root, NULL, "version");
    const char *domain = cnc_element_attr(root, NULL, "domain");
    const char *time = cnc_element_attr(root, NULL, "time");
    int64_t n = 0;

    if (!cnc_element_is(root, CNC__NS_BACKUP, "backup") || version == NULL ||
        domain == NULL || time == NULL) {
        return wrong(r, "it begins otherwise");
    }
    if (!cnc__parse_int(&n, version, 1, INT64_MAX)) {
        return wrong(r, "it begins otherwise");
    }
    if (n > CNC__BACKUP_VERSION) {
        return wrong(r, "it was made by a newer version of Concordance");
    }
    snprintf(r->about->domain, sizeof(r->about->domain), "%s", domain);
    snprintf(r->about->time, sizeof(r->about->time), "%s", time);
    cnc__backup_hash_text(r->md, domain);
    cnc__backup_hash_text(r->md, time);
    return 0;
}

static int64_t
number(struct cnc_element *e, const char *name, bool *bad)
{
    const char *text = cnc_element_attr(e, NULL, name);
    int64_t n = 0;

    if (text != NULL && !cnc__parse_int(&n, text, INT64_MIN, INT64_MAX)) {
        *bad = true;
    }
    return n;
}

/* A copy of len bytes in the arena, with a NUL. */
static const char *
keep(struct reader *r, const char *s, size_t len)
{
    char *copy = cnc__arena_alloc(&r->arena, len + 1);

    memcpy(copy, s, len);
    return copy;
}

static const char *
decoded(struct reader *r, const char *text, size_t *len, bool *bad)
{
    struct cnc__str s = CNC__STR;
    const char *copy;

    if (cnc__base64_decode(&s, text, strlen(text)) != 0) {
        *bad = true;
    }
    copy = keep(r, cnc__str_c(&s), s.len);
    *len = s.len;
    if (s.data != NULL) {
        cnc__wipe(s.data, s.cap);
    }
    cnc__str_fini(&s);
    return copy;
}

static const char *
string(struct reader *r, struct cnc_element *e, const char *name, bool *bad)
{
    const char *text = cnc_element_attr(e, NULL, name);
    char name64[16];
    size_t len;

    if (text != NULL) {
        return keep(r, text, strlen(text));
    }
    snprintf(name64, sizeof(name64), "%s64", name);
    text = cnc_element_attr(e, NULL, name64);
    if (text == NULL) {
        return "";
    }
    text = decoded(r, text, &len, bad);
    if (strlen(text) != len) {
        *bad = true;
    }
    return text;
}

static int
read_entry(struct reader *r, struct cnc_element *e,
           struct cnc_store_entry *entry)
{
    const char *encoding = cnc_element_attr(e, NULL, "encoding");
    const char *text = cnc_element_text(e);
    bool bad = false;

    *entry = (struct cnc_store_entry){.kind = CNC_STORE_NODE};
    while (cnc__backup_kind(entry->kind) != NULL &&
           !cnc_element_is(e, CNC__NS_BACKUP, cnc__backup_kind(entry->kind))) {
        entry->kind++;
    }
    if (cnc__backup_kind(entry->kind) == NULL) {
        return wrong(r, "an element is not known");
    }
    entry->node = string(r, e, "node", &bad);
    entry->id = string(r, e, "id", &bad);
    entry->seq = (uint64_t)number(e, "seq", &bad);
    entry->created = (uint64_t)number(e, "first", &bad);
    entry->published_ms = number(e, "time", &bad);
    entry->publisher = string(r, e, "publisher", &bad);
    if (encoding == NULL) {
        entry->len = strlen(text);
        entry->value = keep(r, text, entry->len);
    } else if (strcmp(encoding, "base64") == 0) {
        entry->value = decoded(r, text, &entry->len, &bad);
    } else {
        bad = true;
    }
    return bad ? wrong(r, "an entry is damaged") : 0;
}

static int
flush(struct reader *r)
{
    int code = 0;

    if (r->n_ops > 0) {
        code = r->driver->commit(r->store, r->ops, r->n_ops, &r->why);
    }
    r->n_ops = 0;
    cnc__arena_fini(&r->arena);
    cnc__arena_init(&r->arena);
    return code;
}

static int
read_end(struct reader *r, struct cnc_element *e)
{
    unsigned char hash[32];
    const char *sum = cnc_element_attr(e, NULL, "sha256");
    bool bad = false;
    int64_t n = number(e, "entries", &bad);
    char hex[65];

    CNC_CHECK(EVP_DigestFinal_ex(r->md, hash, NULL) == 1);
    cnc__hex(hex, hash, sizeof(hash));
    r->ended = true;
    if (bad || sum == NULL || (uint64_t)n != r->n || strcmp(sum, hex) != 0) {
        return wrong(r, "its checksum does not fit");
    }
    return cnc__backup_taken(&r->taker, &r->why);
}

static int
on_stanza(struct cnc_element *e, void *priv)
{
    struct reader *r = priv;
    struct cnc_store_entry entry;
    int code;

    if (r->ended) {
        return wrong(r, "something comes after its end");
    }
    if (cnc_element_is(e, CNC__NS_BACKUP, "end")) {
        return read_end(r, e);
    }
    if ((code = read_entry(r, e, &entry)) != 0) {
        return code;
    }
    cnc__backup_hash_entry(r->md, &entry);
    r->n++;
    if (entry.kind == CNC__BACKUP_FILE) {
        code = cnc__backup_take(&r->taker, &entry, &r->why);
        if (code != 0) {
            return code == CNC_EINVAL
                       ? wrong(r, "a piece of a file is not in its place")
                       : code;
        }
        r->files += entry.seq == 0;
    } else if (r->driver != NULL) {
        r->ops[r->n_ops++] =
            (struct cnc_store_op){.verb = CNC_STORE_PUT, .entry = entry};
    }
    return r->n_ops == BATCH || r->arena.total > BATCH_BYTES ? flush(r) : 0;
}

static int
read_bytes(struct reader *r, FILE *f, struct cnc_parser *p)
{
    static const size_t chunk = 65536;
    char *bytes = cnc__zalloc(chunk);
    struct cnc_error err = {0};
    size_t n;
    int code = 0;

    while (code == 0 && (n = fread(bytes, 1, chunk, f)) > 0) {
        code = cnc_parser_feed(p, bytes, n, &err);
    }
    cnc__wipe(bytes, chunk);
    cnc__free(bytes);
    if (code == 0 && ferror(f)) {
        return cnc_error_set(&r->why, CNC_ESYS, NULL, "cannot read %s: %s",
                             r->path, strerror(errno));
    }
    if (code != 0) {
        return r->why.code != 0 ? r->why.code : wrong(r, err.text);
    }
    return r->ended ? flush(r) : wrong(r, "it is cut short");
}

/* Once; with a driver and a store every entry is put there. */
static int
read_all(struct reader *r, struct cnc_error *err)
{
    const struct cnc_xml_limits limits = {.size = sizeof(limits),
                                          .max_token = MAX_ENTRY,
                                          .max_stanza = MAX_ENTRY};
    const struct cnc_parser_events events = {.on_open = on_open,
                                             .on_stanza = on_stanza};
    struct cnc_parser *p;
    FILE *f = fopen(r->path, "re");
    int code;

    if (f == NULL) {
        return cnc_error_set(err, CNC_ESYS, NULL, "cannot read %s: %s",
                             r->path, strerror(errno));
    }
    r->md = EVP_MD_CTX_new();
    CNC_CHECK(r->md != NULL && EVP_DigestInit(r->md, EVP_sha256()) == 1);
    cnc__arena_init(&r->arena);
    r->taker.fd = -1;
    p = cnc_parser_new(CNC_PARSE_STREAM, 0, &limits, &events, r);
    code = read_bytes(r, f, p);
    cnc_parser_free(&p);
    cnc__backup_taken(&r->taker, NULL);
    cnc__arena_fini(&r->arena);
    EVP_MD_CTX_free(r->md);
    fclose(f);
    r->about->entries = r->n;
    r->about->files = r->files;
    if (code != 0 && err != NULL) {
        *err = r->why;
    }
    return code;
}

int
cnc_backup_check(struct cnc_backup *out, const char *file,
                 struct cnc_error *err)
{
    struct reader *r = cnc__zalloc(sizeof(*r));
    int code;

    r->path = file;
    r->about = out;
    code = read_all(r, err);
    cnc__free(r);
    return code;
}

/* -- the folder ------------------------------------------------------------
 */

static bool
is_empty(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *e;
    bool empty = true;

    while (dir != NULL && (e = readdir(dir)) != NULL) {
        empty = empty &&
                (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0);
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return empty;
}

static bool
is_served(const char *folder)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd,
        n = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/link", folder);
    bool served;

    if (n < 0 || (size_t)n >= sizeof(addr.sun_path)) {
        return false;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    served = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
    close(fd);
    return served;
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    return remove(path);
}

static int
may_replace(const char *data, bool force, struct cnc_error *err)
{
    if (is_served(data)) {
        return cnc_error_set(err, CNC_EEXIST, NULL,
                             "a service runs on %s; stop it first", data);
    }
    if (!force && !is_empty(data)) {
        return cnc_error_set(err, CNC_EEXIST, NULL,
                             "%s is not empty; name another folder, or "
                             "--force: what is there is then kept as "
                             "%s.before-restore",
                             data, data);
    }
    return 0;
}

/* The new folder takes the place of data; what was there is beside it. */
static int
put_in_place(const char *made, const char *data, struct cnc_error *err)
{
    struct cnc__str old = CNC__STR;
    int code = 0;

    if (rename(made, data) == 0) {
        return 0; /* there was none, or an empty one */
    }
    cnc__str_printf(&old, "%s.before-restore", data);
    if (errno != ENOTEMPTY && errno != EEXIST) {
        code = cnc_error_set(err, CNC_ESYS, NULL, "cannot make %s: %s", data,
                             strerror(errno));
    } else if (access(old.data, F_OK) == 0) {
        code = cnc_error_set(err, CNC_EEXIST, NULL,
                             "%s is still there from the last time; take it "
                             "away",
                             old.data);
    } else if (renameat2(AT_FDCWD, made, AT_FDCWD, data, RENAME_EXCHANGE) !=
                   0 ||
               rename(made, old.data) != 0) {
        code = cnc_error_set(err, CNC_ESYS, NULL, "cannot replace %s: %s",
                             data, strerror(errno));
    }
    cnc__str_fini(&old);
    return code;
}

static int
fill_folder(struct reader *r, const char *folder, struct cnc_error *err)
{
    struct cnc__str files = CNC__STR;
    int code;

    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (mkdir(folder, 0700) != 0) {
        return cnc_error_set(err, CNC_ESYS, NULL, "cannot make %s: %s", folder,
                             strerror(errno));
    }
    cnc__str_printf(&files, "%s/files", folder);
    code = r->driver->open(&r->store, folder, err);
    if (code == 0) {
        r->taker.folder = files.data;
        code = read_all(r, err);
        r->driver->close(&r->store);
    }
    cnc__str_fini(&files);
    return code;
}

static int
restore_into(struct reader *r, const char *folder, const char *store,
             struct cnc_error *err)
{
    int code = cnc__store_find(&r->driver, store, err);

    return code != 0 ? code : fill_folder(r, folder, err);
}

int
cnc_backup_restore(struct cnc_backup *out, const char *file, const char *data,
                   const char *store, const char *domain, bool force,
                   struct cnc_error *err)
{
    struct cnc__str made = CNC__STR;
    struct reader *r;
    int code = may_replace(data, force, err);

    if (code == 0) {
        code = cnc_backup_check(out, file, err);
    }
    if (code == 0 && domain != NULL && strcmp(domain, out->domain) != 0) {
        code = cnc_error_set(err, CNC_EINVAL, NULL,
                             "%s is a backup of %s, not of %s; nothing was "
                             "changed",
                             file, out->domain, domain);
    }
    if (code == 0 && strcmp(store, "memory") == 0) {
        code = cnc_error_set(err, CNC_EINVAL, NULL,
                             "the store memory keeps nothing");
    }
    if (code != 0) {
        return code;
    }
    cnc__str_printf(&made, "%s.restoring", data);
    r = cnc__zalloc(sizeof(*r));
    r->path = file;
    r->about = out;
    code = restore_into(r, made.data, store, err);
    cnc__free(r);
    if (code == 0) {
        code = put_in_place(made.data, data, err);
    }
    if (code != 0) {
        nftw(made.data, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
    cnc__str_fini(&made);
    return code;
}
