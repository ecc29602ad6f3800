/* SPDX-License-Identifier: MIT */
/*
 * assets.c -- files served from memory: the apps' assets and the browser's
 * runtime.  One hash covers all files of a set, because modules import each
 * other by relative names: below /assets/HASH/ or /_c/HASH/ they never change.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "web.h"

#define MAX_FILE  ((size_t)8 << 20)
#define MAX_TOTAL ((size_t)128 << 20)
#define MAX_FILES 4096
#define MAX_DEPTH 8

static const struct {
    const char *suffix, *type;
} types[] = {
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".html", "text/html; charset=utf-8"},
    {".txt", "text/plain; charset=utf-8"},
    {".xml", "application/xml"},
    {".xsl", "application/xslt+xml"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".gif", "image/gif"},
    {".webp", "image/webp"},
    {".avif", "image/avif"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".woff", "font/woff"},
    {".ttf", "font/ttf"},
    {".mp3", "audio/mpeg"},
    {".ogg", "audio/ogg"},
    {".mp4", "video/mp4"},
    {".webm", "video/webm"},
    {".pdf", "application/pdf"},
    {".wasm", "application/wasm"},
};

static const char *
type_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < CNC_N(types); i++) {
        if (strcmp(dot, types[i].suffix) == 0) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

static void
free_asset(void *asset)
{
    struct cnc__asset *f = asset;
    for (size_t i = 0; i < CNC__N_ENCODINGS; i++) {
        cnc_buf_unref(&f->body[i]);
    }
    cnc__free(f->dir);
    cnc__free(f);
}

void
cnc__assets_free(struct cnc__asset_set *set)
{
    cnc__table_free(&set->files, free_asset);
}

/* -- reading ------------------------------------------------------------- */

struct folder {
    struct folder *next;
    unsigned depth;
    char *prefix; /* "" or "img/" */
};

struct walk {
    struct cnc__asset_set *set;
    const char *dir;
    struct folder *todo;
};

static void
add_folder(struct walk *w, const char *prefix, const char *name,
           unsigned depth)
{
    struct folder *f = cnc__zalloc(sizeof(*f));
    struct cnc__str s = CNC__STR;
    cnc__str_printf(&s, "%s%s%s", prefix, name, name[0] ? "/" : "");
    f->depth = depth;
    f->prefix = s.data != NULL ? cnc__str_steal(&s) : cnc__strdup("");
    f->next = w->todo;
    w->todo = f;
}

static int
add_file(struct walk *w, const struct folder *at, int fd, const char *name,
         struct cnc_error *err)
{
    struct cnc__asset_set *set = w->set;
    struct cnc__str path = CNC__STR, body = CNC__STR;
    struct cnc_error why;
    cnc__str_printf(&path, "%s%s", at->prefix, name);
    int rc = cnc__disk_read(&body, fd, name, MAX_FILE, &why);
    if (rc != 0) {
        cnc_error_set(err, rc, NULL, "asset %s/%s: %.300s", w->dir, path.data,
                      why.text);
    } else if (cnc__table_get(set->files, path.data) != NULL) {
        rc = cnc_error_set(err, CNC_EEXIST, NULL, "two apps have an asset %s",
                           path.data);
    } else if (set->total + body.len > MAX_TOTAL ||
               cnc__table_len(set->files) >= MAX_FILES) {
        rc = cnc_error_set(err, CNC_ELIMIT, NULL,
                           "the assets are more than %zu MB or %d files",
                           MAX_TOTAL >> 20, MAX_FILES);
    } else {
        struct cnc__asset *f = cnc__zalloc(sizeof(*f));
        unsigned char hash[32];
        cnc__pack_sha256(hash, cnc__str_c(&body), body.len);
        cnc__hex(f->etag, hash, 16);
        f->type = type_of(name);
        f->dir = cnc__strdup(w->dir);
        f->body[CNC__IDENTITY] = cnc_buf_new(cnc__str_c(&body), body.len);
        cnc__table_put(set->files, path.data, f);
        set->total += body.len;
    }
    cnc__str_fini(&path);
    cnc__str_fini(&body);
    return rc;
}

static int
read_folder(struct walk *w, const struct folder *at, struct cnc_error *err)
{
    struct cnc__str path = CNC__STR;
    struct dirent *e;
    int rc = 0;
    cnc__str_printf(&path, "%s/%s", w->dir, at->prefix);
    int fd = open(path.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        rc = cnc_error_set(err, CNC_ESYS, NULL,
                           "the folder %s cannot be read: %s", path.data,
                           strerror(errno));
    }
    while (rc == 0 && (e = readdir(dir)) != NULL) {
        struct stat st;
        const char *name = e->d_name;
        if (name[0] == '.' || !cnc__utf8_valid(name, strlen(name)) ||
            fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            continue;
        }
        if (S_ISDIR(st.st_mode) && at->depth < MAX_DEPTH) {
            add_folder(w, at->prefix, name, at->depth + 1);
        } else if (S_ISREG(st.st_mode)) {
            rc = add_file(w, at, fd, name, err);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    } else if (fd >= 0) {
        close(fd);
    }
    cnc__str_fini(&path);
    return rc;
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The same files give the same hash, in whatever order they were read. */
static void
make_hash(struct cnc__asset_set *set)
{
    size_t n = 0, len = cnc__table_len(set->files);
    const char **names = cnc__zalloc((len + 1) * sizeof(*names));
    struct cnc__str all = CNC__STR;
    unsigned char hash[32];
    for (struct cnc__table_iter i = {0}; cnc__table_next(set->files, &i);) {
        names[n++] = i.key;
    }
    qsort(names, n, sizeof(*names), by_name);
    for (size_t i = 0; i < n; i++) {
        const struct cnc__asset *f = cnc__table_get(set->files, names[i]);
        cnc__str_printf(&all, "%s %s\n", f->etag, names[i]);
    }
    set->hash[0] = '\0';
    if (n > 0) {
        cnc__pack_sha256(hash, all.data, all.len);
        cnc__hex(set->hash, hash, 8);
    }
    cnc__str_fini(&all);
    cnc__free(names);
}

/* -- compression, once --------------------------------------------------- */

struct packing {
    struct cnc__agent *agent;
    struct cnc__asset_set *set;
    char *name;
    struct cnc_buf *body, *gzip, *brotli;
};

static void
pack_work(void *arg)
{
    struct packing *k = arg;
    const char *data = cnc_buf_data(k->body);
    size_t len = cnc_buf_len(k->body);
    k->gzip = cnc__pack_gzip(data, len, true);
    k->brotli = cnc__pack_brotli(data, len, true);
}

static void
pack_done(void *arg)
{
    struct packing *k = arg;
    struct cnc__agent *a = k->agent;
    struct cnc__asset *f =
        a->closed ? NULL : cnc__table_get(k->set->files, k->name);
    /* It may be another file of that name by now. */
    if (f != NULL && f->body[CNC__IDENTITY] == k->body &&
        f->body[CNC__GZIP] == NULL) {
        f->body[CNC__GZIP] = k->gzip;
        f->body[CNC__BROTLI] = k->brotli;
        k->gzip = k->brotli = NULL;
    }
    cnc_buf_unref(&k->gzip);
    cnc_buf_unref(&k->brotli);
    cnc_buf_unref(&k->body);
    cnc__free(k->name);
    cnc__free(k);
    cnc__agent_unref(a);
}

/* Images, sounds and fonts are compressed by themselves. */
static bool
is_packable(const struct cnc__asset *f)
{
    return strncmp(f->type, "text/", 5) == 0 ||
           strncmp(f->type, "application/", 12) == 0 ||
           strcmp(f->type, "image/svg+xml") == 0;
}

static void
pack_all(struct cnc__agent *a, struct cnc__asset_set *set)
{
    for (struct cnc__table_iter i = {0}; cnc__table_next(set->files, &i);) {
        struct cnc__asset *f = i.value;
        if (f->body[CNC__GZIP] != NULL || !is_packable(f)) {
            continue;
        }
        struct packing *k = cnc__zalloc(sizeof(*k));
        cnc__agent_ref(a);
        k->agent = a;
        k->set = set;
        k->name = cnc__strdup(i.key);
        k->body = cnc_buf_ref(f->body[CNC__IDENTITY]);
        a->env.offload(pack_work, pack_done, k, a->env.priv);
    }
}

static int
load(struct cnc__agent *a, struct cnc__asset_set *set, const char *dir,
     struct cnc_error *err)
{
    struct walk w = {.set = set, .dir = dir};
    int rc = 0;
    add_folder(&w, "", "", 0);
    while (w.todo != NULL) {
        struct folder *f = w.todo;
        w.todo = f->next;
        if (rc == 0) {
            rc = read_folder(&w, f, err);
        }
        cnc__free(f->prefix);
        cnc__free(f);
    }
    make_hash(set);
    pack_all(a, set);
    return rc;
}

int
cnc__agent_assets(struct cnc__agent *a, const char *dir, struct cnc_error *err)
{
    return load(a, &a->assets, dir, err);
}

/* One that came with dir, or NULL. */
static const char *
asset_of(struct cnc__asset_set *set, const char *dir)
{
    for (struct cnc__table_iter i = {0}; cnc__table_next(set->files, &i);) {
        const struct cnc__asset *f = i.value;
        if (strcmp(f->dir, dir) == 0) {
            return i.key;
        }
    }
    return NULL;
}

void
cnc__agent_assets_remove(struct cnc__agent *a, const char *dir)
{
    struct cnc__asset_set *set = &a->assets;
    const char *name;
    while ((name = asset_of(set, dir)) != NULL) {
        struct cnc__asset *f = cnc__table_del(set->files, name);
        set->total -= cnc_buf_len(f->body[CNC__IDENTITY]);
        free_asset(f);
    }
    make_hash(set);
}

int
cnc__agent_runtime(struct cnc__agent *a, const char *dir,
                   struct cnc_error *err)
{
    return load(a, &a->runtime, dir, err);
}

/* -- serving ------------------------------------------------------------- */

void
cnc__assets_base(struct cnc__str *out, const struct cnc__agent *a,
                 bool runtime)
{
    const struct cnc__asset_set *set = runtime ? &a->runtime : &a->assets;
    if (set->hash[0] == '\0') {
        cnc__str_puts(out, runtime ? "/runtime" : "/assets");
    } else {
        cnc__str_printf(out, "%s/%s", runtime ? "/_c" : "/assets", set->hash);
    }
}

void
cnc__agent_runtime_base(struct cnc__str *out, const struct cnc__agent *a)
{
    cnc__str_puts(out, a->prefix);
    cnc__assets_base(out, a, true);
}

void
cnc__agent_files(const struct cnc__agent *a, cnc__agent_file_f *f, void *priv)
{
    for (int i = 0; i < 2; i++) {
        const struct cnc__asset_set *set = i == 0 ? &a->runtime : &a->assets;
        struct cnc__str path = CNC__STR;
        for (struct cnc__table_iter k = {0};
             cnc__table_next(set->files, &k);) {
            const struct cnc__asset *file = k.value;
            cnc__str_clear(&path);
            cnc__assets_base(&path, a, i == 0);
            cnc__str_printf(&path, "/%s", k.key);
            f(path.data, file->etag, priv);
        }
        cnc__str_fini(&path);
    }
}

const char *
cnc__agent_page_headers(void)
{
    return cnc__page_headers;
}

static bool
is_hash(const char *s)
{
    return strspn(s, "0123456789abcdef") == 16 && s[16] == '/';
}

static void
respond(const struct cnc__asset *f, struct cnc__http_request *r,
        bool immutable, bool runtime)
{
    unsigned have = 0;
    for (unsigned i = 0; i < CNC__N_ENCODINGS; i++) {
        have |= f->body[i] != NULL ? 1u << i : 0;
    }
    enum cnc__encoding e =
        cnc__answer_encoding(cnc__http_header(r, "accept-encoding"), have);
    struct cnc__str lines = CNC__STR;
    struct cnc__http_response out = {.status = 200};
    cnc__str_printf(&lines,
                    "ETag: \"%s%s\"\r\nCache-Control: %s\r\n"
                    "Vary: Accept-Encoding\r\n"
                    "X-Content-Type-Options: nosniff\r\n"
                    "Cross-Origin-Resource-Policy: same-origin\r\n",
                    f->etag, cnc__answer_suffix(e),
                    immutable ? "public, max-age=31536000, immutable"
                              : "no-cache");
    if (cnc__answer_not_modified(cnc__http_header(r, "if-none-match"),
                                 f->etag)) {
        out.status = 304;
    } else {
        out.content_type = f->type;
        out.body = f->body[e];
        cnc__str_puts(&lines, e == CNC__GZIP     ? "Content-Encoding: gzip\r\n"
                              : e == CNC__BROTLI ? "Content-Encoding: br\r\n"
                                                 : "");
        /* A worker's policy is that of its own script: the runtime's loads
         * its modules and connects.  An SVG or HTML asset is a document of
         * its own. */
        cnc__str_puts(&lines, runtime
                                  ? "Content-Security-Policy: default-src "
                                    "'none'; script-src 'self'; connect-src "
                                    "'self'\r\n"
                                  : "Content-Security-Policy: default-src "
                                    "'none'; style-src 'self'; img-src 'self' "
                                    "data:; sandbox\r\n");
    }
    out.headers = lines.data;
    r->responder->respond(r->responder, &out);
    cnc__str_fini(&lines);
}

bool
cnc__assets_answer(struct cnc__agent *a, struct cnc__http_request *r)
{
    static const struct {
        const char *prefix;
        bool runtime;
    } places[] = {{"/_c/", true}, {"/runtime/", true}, {"/assets/", false}};
    for (size_t i = 0; i < CNC_N(places); i++) {
        size_t n = strlen(places[i].prefix);
        if (strncmp(r->path, places[i].prefix, n) != 0) {
            continue;
        }
        const struct cnc__asset_set *set =
            places[i].runtime ? &a->runtime : &a->assets;
        const char *name = r->path + n;
        /* A page that is still open after a restart may ask below an older
         * hash: it gets the file, but not for ever. */
        bool hashed = is_hash(name);
        bool current = hashed && strncmp(name, set->hash, 16) == 0;
        const struct cnc__asset *f =
            cnc__table_get(set->files, hashed ? name + 17 : name);
        if (f == NULL) {
            return false;
        }
        if (r->method != CNC__HTTP_GET && r->method != CNC__HTTP_HEAD) {
            cnc__answer_plain(a, r->responder, 405, "Allow: GET, HEAD\r\n",
                              "That cannot be done here",
                              "This file can be read only.");
            return true;
        }
        respond(f, r, current, places[i].runtime);
        return true;
    }
    return false;
}
