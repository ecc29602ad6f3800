/* SPDX-License-Identifier: MIT */
/*
 * backup.c -- writing a backup: an element for each entry of the store.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "../base/text.h"
#include "backup.h"

static void
put_number(unsigned char *out, uint64_t n)
{
    for (int i = 0; i < 8; i++) {
        out[i] = (unsigned char)(n >> (8 * i));
    }
}

static void
hash(EVP_MD_CTX *md, const void *data, size_t len)
{
    CNC_CHECK(EVP_DigestUpdate(md, data, len) == 1);
}

void
cnc__backup_hash_text(EVP_MD_CTX *md, const char *text)
{
    hash(md, text, strlen(text) + 1);
}

void
cnc__backup_hash_entry(EVP_MD_CTX *md, const struct cnc_store_entry *e)
{
    unsigned char numbers[24], n[8];

    put_number(n, e->kind);
    hash(md, n, sizeof(n));
    cnc__backup_hash_text(md, e->node);
    cnc__backup_hash_text(md, e->id);
    put_number(numbers, e->seq);
    put_number(numbers + 8, e->created);
    put_number(numbers + 16, (uint64_t)e->published_ms);
    hash(md, numbers, sizeof(numbers));
    cnc__backup_hash_text(md, e->publisher);
    put_number(n, e->len);
    hash(md, n, sizeof(n));
    hash(md, e->value, e->len);
}

const char *
cnc__backup_kind(enum cnc_store_kind kind)
{
    static const char *const names[] = {[CNC_STORE_NODE] = "node",
                                        [CNC_STORE_ITEM] = "item",
                                        [CNC_STORE_HISTORY] = "history",
                                        [CNC_STORE_KEY] = "key",
                                        [CNC__BACKUP_FILE] = "file"};

    return kind >= CNC_STORE_NODE && kind <= CNC__BACKUP_FILE ? names[kind]
                                                              : NULL;
}

/* -- writing ---------------------------------------------------------------
 */

struct writer {
    FILE *file;
    EVP_MD_CTX *md;
    struct cnc__str line;
    const char *files;
    struct cnc__backup_progress *progress;
};

/* Exactly what a parser gives back: blanks other than the space as
 * references, too, which attributes would lose. */
static void
escape(struct cnc__str *out, const char *s, size_t len)
{
    size_t from = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c > '>' ||
            (c >= ' ' && c != '&' && c != '<' && c != '>' && c != '"')) {
            continue;
        }
        cnc__str_add(out, s + from, i - from);
        from = i + 1;
        cnc__str_puts(out, c == '&'    ? "&amp;"
                           : c == '<'  ? "&lt;"
                           : c == '>'  ? "&gt;"
                           : c == '"'  ? "&quot;"
                           : c == '\t' ? "&#9;"
                           : c == '\n' ? "&#10;"
                                       : "&#13;");
    }
    cnc__str_add(out, s + from, len - from);
}

static void
attr(struct cnc__str *out, const char *name, const char *value)
{
    size_t len = strlen(value);
    bool plain = cnc__xml_chars_valid(value, len);

    if (len == 0) {
        return;
    }
    cnc__str_printf(out, " %s%s=\"", name, plain ? "" : "64");
    if (plain) {
        escape(out, value, len);
    } else {
        cnc__base64_encode(out, value, len);
    }
    cnc__str_putc(out, '"');
}

static void
number(struct cnc__str *out, const char *name, int64_t n)
{
    if (n != 0) {
        cnc__str_printf(out, " %s=\"%lld\"", name, (long long)n);
    }
}

/* What lets somebody in without a password ends with the service: a copy of
 * it that lies about would go on doing so. */
static bool
is_login(const struct cnc_store_entry *e)
{
    return e->kind == CNC_STORE_KEY &&
           (strcmp(e->node, "weblogin") == 0 ||
            strcmp(e->node, "token") == 0 || strcmp(e->node, "onetime") == 0);
}

static int
put_entry(const struct cnc_store_entry *e, void *priv)
{
    struct writer *w = priv;
    struct cnc__str *line = &w->line;
    const char *kind = cnc__backup_kind(e->kind);
    bool plain =
        e->kind != CNC__BACKUP_FILE && cnc__xml_chars_valid(e->value, e->len);

    if (atomic_load(&w->progress->stop)) {
        return CNC_ECLOSED;
    }
    cnc__str_clear(line);
    cnc__str_printf(line, "<%s", kind);
    attr(line, "node", e->node);
    attr(line, "id", e->id);
    number(line, "seq", (int64_t)e->seq);
    number(line, "first", (int64_t)e->created);
    number(line, "time", e->published_ms);
    attr(line, "publisher", e->publisher);
    cnc__str_puts(line, plain ? ">" : " encoding=\"base64\">");
    if (plain) {
        escape(line, e->value, e->len);
    } else {
        cnc__base64_encode(line, e->value, e->len);
    }
    cnc__str_printf(line, "</%s>\n", kind);
    cnc__backup_hash_entry(w->md, e);
    atomic_fetch_add(&w->progress->entries, 1);
    atomic_fetch_add(&w->progress->bytes, line->len);
    return fwrite(line->data, 1, line->len, w->file) == line->len ? 0
                                                                  : CNC_ESYS;
}

static int
write_entry(const struct cnc_store_entry *e, void *priv)
{
    struct writer *w = priv;
    int code;

    if (cnc__backup_kind(e->kind) == NULL || is_login(e)) {
        return 0;
    }
    code = put_entry(e, w);
    if (code != 0 || e->kind != CNC_STORE_KEY ||
        strcmp(e->node, "file") != 0) {
        return code;
    }
    code = cnc__backup_file_each(w->files, e, put_entry, w);
    if (code == CNC_ENOENT) {
        atomic_fetch_add(&w->progress->missing, 1);
        return 0;
    }
    atomic_fetch_add(&w->progress->files, code == 0);
    return code;
}

static void
write_head(struct writer *w, const char *domain)
{
    char now[32];

    cnc__datetime(now, cnc__unix_s() * 1000);
    cnc__str_puts(&w->line, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                            "<backup xmlns=\"" CNC__NS_BACKUP "\"");
    number(&w->line, "version", CNC__BACKUP_VERSION);
    attr(&w->line, "domain", domain);
    attr(&w->line, "time", now);
    attr(&w->line, "software", CNC_VERSION);
    cnc__str_puts(&w->line, ">\n");
    fwrite(w->line.data, 1, w->line.len, w->file);
    cnc__backup_hash_text(w->md, domain);
    cnc__backup_hash_text(w->md, now);
}

static void
write_end(struct writer *w)
{
    unsigned char sum[32];
    char hex[65];

    CNC_CHECK(EVP_DigestFinal_ex(w->md, sum, NULL) == 1);
    cnc__hex(hex, sum, sizeof(sum));
    fprintf(w->file, "<end entries=\"%llu\" sha256=\"%s\"/>\n</backup>\n",
            (unsigned long long)atomic_load(&w->progress->entries), hex);
}

/* Everything there is to write; what is wrong with the file shows later. */
static int
write_all(struct writer *w, const struct cnc__backup_source *source,
          struct cnc_error *err)
{
    int code;

    setvbuf(w->file, NULL, _IOFBF, 1 << 18);
    write_head(w, source->domain);
    code = source->each(source->store, write_entry, w, err);
    if (code == CNC_ECLOSED) {
        cnc_error_set(err, code, "service-unavailable",
                      "the service is stopping");
    }
    write_end(w);
    return code;
}

int
cnc__backup_write(const struct cnc__backup_source *source, const char *path,
                  struct cnc__backup_progress *progress, struct cnc_error *err)
{
    struct writer w = {
        .line = CNC__STR, .files = source->files, .progress = progress};
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int code, broken;

    if (fd < 0) {
        return cnc_error_set(err, CNC_ESYS, NULL, "cannot make %s: %s", path,
                             strerror(errno));
    }
    w.file = fdopen(fd, "w");
    w.md = EVP_MD_CTX_new();
    CNC_CHECK(w.file != NULL && w.md != NULL &&
              EVP_DigestInit(w.md, EVP_sha256()) == 1);
    code = write_all(&w, source, err);
    broken = fflush(w.file) != 0 || (code == 0 && fsync(fd) != 0) ? errno : 0;
    broken = fclose(w.file) != 0 && broken == 0 ? errno : broken;
    EVP_MD_CTX_free(w.md);
    if (w.line.data != NULL) {
        cnc__wipe(w.line.data, w.line.cap);
    }
    cnc__str_fini(&w.line);
    if (code == 0 && broken == 0) {
        return 0;
    }
    unlink(path);
    return broken == 0
               ? code
               : cnc_error_set(err, CNC_ESYS, NULL, "cannot write %s: %s",
                               path, strerror(broken));
}
