/* SPDX-License-Identifier: MIT */
/*
 * backup-file.c -- people's files in a backup: pieces of their own kind, right
 * behind the entry that says whose they are, and back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/text.h"
#include "backup.h"
#include "uploads.h"

static bool
is_id(const char *id)
{
    return strlen(id) == CNC__UPLOAD_ID &&
           strspn(id, "0123456789abcdef") == CNC__UPLOAD_ID;
}

static int
open_in(const char *folder, const char *id, int flags)
{
    struct cnc__str path = CNC__STR;
    int fd;

    cnc__str_printf(&path, "%s/%s", folder, id);
    fd = open(path.data, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    cnc__str_fini(&path);
    return fd;
}

/* -- out ------------------------------------------------------------------ */

/* The SHA-256 that its entry says, on the line behind the fourth; or "". */
static void
said_hash(char out[65], const struct cnc_store_entry *e)
{
    const char *s = e->value, *end = e->value + e->len;

    out[0] = '\0';
    for (int i = 0; i < 4 && s != NULL; i++) {
        s = memchr(s, '\n', (size_t)(end - s));
        s = s == NULL ? NULL : s + 1;
    }
    if (s != NULL && end - s > 64) {
        snprintf(out, 65, "%.64s", s);
    }
}

/* Up to a piece's bytes; -1 with errno. */
static ssize_t
read_piece(int fd, char *bytes)
{
    size_t len = 0;

    while (len < CNC__BACKUP_PIECE) {
        ssize_t n = read(fd, bytes + len, CNC__BACKUP_PIECE - len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        if (n == 0) {
            break;
        }
        len += (size_t)n;
    }
    return (ssize_t)len;
}

static int
give_pieces(int fd, const char *id, const char *hash, cnc_store_each_f *f,
            void *priv)
{
    struct cnc_store_entry piece = {
        .kind = CNC__BACKUP_FILE, .node = "", .id = id, .publisher = ""};
    char *bytes = cnc__zalloc(CNC__BACKUP_PIECE);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char sum[32];
    char hex[65];
    ssize_t n;
    int code = 0;

    CNC_CHECK(md != NULL && EVP_DigestInit(md, EVP_sha256()) == 1);
    /* One that is empty has a piece, too. */
    while (code == 0 && (n = read_piece(fd, bytes)) >= 0 &&
           (n > 0 || piece.seq == 0)) {
        piece.value = bytes;
        piece.len = (size_t)n;
        CNC_CHECK(EVP_DigestUpdate(md, bytes, piece.len) == 1);
        code = f(&piece, priv);
        piece.seq += piece.len;
        if (n == 0) {
            break;
        }
    }
    CNC_CHECK(EVP_DigestFinal_ex(md, sum, NULL) == 1);
    EVP_MD_CTX_free(md);
    cnc__wipe(bytes, CNC__BACKUP_PIECE);
    cnc__free(bytes);
    cnc__hex(hex, sum, sizeof(sum));
    return code != 0 ? code : n < 0 || strcmp(hex, hash) != 0 ? CNC_ENOENT : 0;
}

int
cnc__backup_file_each(const char *folder, const struct cnc_store_entry *e,
                      cnc_store_each_f *f, void *priv)
{
    char hash[65], id[CNC__UPLOAD_ID + 1];
    int fd = is_id(e->id) ? open_in(folder, e->id, O_RDONLY) : -1, code;

    if (fd < 0) {
        cnc__log(CNC_LOG_ERROR, "backup.file", "id=%s error=%s", e->id,
                 strerror(errno));
        return CNC_ENOENT;
    }
    said_hash(hash, e);
    snprintf(id, sizeof(id), "%s", e->id);
    code = give_pieces(fd, id, hash, f, priv);
    close(fd);
    if (code == CNC_ENOENT) {
        cnc__log(CNC_LOG_ERROR, "backup.file",
                 "id=%s error=it is damaged, and in the backup as it is", id);
    }
    return code;
}

/* -- in ------------------------------------------------------------------- */

int
cnc__backup_taken(struct cnc__backup_taker *t, struct cnc_error *err)
{
    int fd = t->fd, code = 0;

    t->fd = -1;
    t->id[0] = '\0';
    if (fd >= 0) {
        code = fsync(fd) != 0 ? errno : 0;
        code = close(fd) != 0 && code == 0 ? errno : code;
    }
    return code == 0 ? 0
                     : cnc_error_set(err, CNC_ESYS, NULL,
                                     "cannot write a file of people: %s",
                                     strerror(code));
}

static int
begin(struct cnc__backup_taker *t, const char *id, struct cnc_error *err)
{
    int code = cnc__backup_taken(t, err);

    if (code != 0) {
        return code;
    }
    snprintf(t->id, sizeof(t->id), "%s", id);
    t->len = 0;
    if (t->folder == NULL) {
        return 0;
    }
    if (mkdir(t->folder, 0700) != 0 && errno != EEXIST) {
        return cnc_error_set(err, CNC_ESYS, NULL, "cannot make %s: %s",
                             t->folder, strerror(errno));
    }
    t->fd = open_in(t->folder, id, O_WRONLY | O_CREAT | O_EXCL);
    if (t->fd < 0) {
        return cnc_error_set(err, CNC_ESYS, NULL, "cannot make %s/%s: %s",
                             t->folder, id, strerror(errno));
    }
    return 0;
}

int
cnc__backup_take(struct cnc__backup_taker *t,
                 const struct cnc_store_entry *piece, struct cnc_error *err)
{
    int code = 0;

    if (!is_id(piece->id) || piece->node[0] != '\0' ||
        (piece->seq != 0 &&
         (strcmp(piece->id, t->id) != 0 || piece->seq != t->len))) {
        return CNC_EINVAL;
    }
    if (piece->seq == 0) {
        code = begin(t, piece->id, err);
    }
    for (size_t at = 0; code == 0 && t->fd >= 0 && at < piece->len;) {
        ssize_t n = write(t->fd, piece->value + at, piece->len - at);

        if (n < 0 && errno != EINTR) {
            code = cnc_error_set(err, CNC_ESYS, NULL, "cannot write %s/%s: %s",
                                 t->folder, t->id, strerror(errno));
        }
        at += n > 0 ? (size_t)n : 0;
    }
    t->len += piece->len;
    return code;
}
