/* SPDX-License-Identifier: MIT */
/*
 * upload-write.c -- bytes to the disk, on threads of the pool: one job of a
 * file at a time, what comes meanwhile waits in memory, and when that is much
 * the sender does.
 *
 *   add, add, ... -> jobs: write, hash -> end -> fsync, rename, fsync of the
 *   folder -> done -> the entry (uploads.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>

#include "../base/text.h"
#include "uploads.h"

#define WAITING_MAX 262144u /* bytes; past it: enough */

struct cnc__writing {
    struct cnc__uploads *uploads;
    struct cnc__upload *file;
    void (*resume)(void *priv);
    cnc__written_f *done;
    void *priv;
    struct cnc__str waiting; /* for the next job */
    bool working, ended, dropped, full;
    /* The job's. */
    struct cnc__str writing;
    char *part, *path, *dir;
    int fd, error;
    EVP_MD_CTX *md;
    uint64_t bytes;
    bool last, drop;
};

struct cnc__writing *
cnc__writing_new(struct cnc__uploads *u, struct cnc__upload *f,
                 void (*resume)(void *), cnc__written_f *done, void *priv)
{
    struct cnc__writing *w = cnc__zalloc(sizeof(*w));

    w->uploads = u;
    w->file = f;
    w->resume = resume;
    w->done = done;
    w->priv = priv;
    w->part = cnc__upload_path(u, f->id, ".part");
    w->path = cnc__upload_path(u, f->id, "");
    w->dir = cnc__strdup(u->dir);
    w->fd = -1;
    w->md = EVP_MD_CTX_new();
    CNC_CHECK(w->md != NULL && EVP_DigestInit(w->md, EVP_sha256()) == 1);
    return w;
}

static void
writing_free(struct cnc__writing *w)
{
    EVP_MD_CTX_free(w->md);
    cnc__str_fini(&w->waiting);
    cnc__str_fini(&w->writing);
    cnc__free(w->part);
    cnc__free(w->path);
    cnc__free(w->dir);
    cnc__free(w);
}

/* -- on another thread ---------------------------------------------------- */

static void
put(struct cnc__writing *w, const char *data, size_t len)
{
    CNC_CHECK(EVP_DigestUpdate(w->md, data, len) == 1);
    w->bytes += len;
    while (len > 0 && w->error == 0) {
        ssize_t n = write(w->fd, data, len);

        if (n < 0 && errno != EINTR) {
            w->error = errno;
        } else if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
}

static void
sync_folder(struct cnc__writing *w)
{
    int fd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0) {
        w->error = errno;
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void
put_in_place(struct cnc__writing *w)
{
    if (w->error == 0 && fsync(w->fd) != 0) {
        w->error = errno;
    }
    if (w->error == 0 && rename(w->part, w->path) != 0) {
        w->error = errno;
    }
    if (w->error == 0) {
        sync_folder(w);
    }
}

static void
work(void *arg)
{
    struct cnc__writing *w = arg;

    if (w->fd < 0 && w->error == 0 && !w->drop) {
        w->fd = open(w->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        w->error = w->fd < 0 ? errno : 0;
    }
    if (!w->drop) {
        put(w, cnc__str_c(&w->writing), w->writing.len);
    }
    if (w->last) {
        put_in_place(w);
    }
    if (w->fd >= 0 && (w->last || w->drop)) {
        close(w->fd);
        w->fd = -1;
        if (w->drop || w->error != 0) {
            unlink(w->part);
        }
    }
}

/* -- on the core's -------------------------------------------------------- */

static void next(struct cnc__writing *w);

static void
finish(struct cnc__writing *w)
{
    struct cnc__upload *f = w->file;
    unsigned char hash[32];

    if (w->error == 0 && w->bytes == f->bytes) {
        CNC_CHECK(EVP_DigestFinal_ex(w->md, hash, NULL) == 1);
        cnc__hex(f->hash, hash, sizeof(hash));
        w->done(f, w->priv);
    } else {
        cnc__log(CNC_LOG_ERROR, "upload.failed", "owner=%s id=%s error=%s",
                 f->owner, f->id, strerror(w->error));
        cnc__upload_forget(w->uploads, &f);
        w->done(NULL, w->priv);
    }
    writing_free(w);
}

static void
worked(void *arg)
{
    struct cnc__writing *w = arg;

    w->working = false;
    cnc__str_clear(&w->writing);
    if (w->drop) {
        cnc__upload_forget(w->uploads, &w->file);
        writing_free(w);
    } else if (w->last) {
        finish(w);
    } else {
        next(w);
    }
}

static void
next(struct cnc__writing *w)
{
    struct cnc__str swap = w->writing;

    if (w->working || (w->waiting.len == 0 && !w->ended && !w->dropped)) {
        return;
    }
    w->writing = w->waiting;
    w->waiting = swap;
    w->last = w->ended && !w->dropped;
    w->drop = w->dropped;
    w->working = true;
    cnc__service_offload(work, worked, w, w->uploads->service);
    if (w->full && !w->ended && !w->dropped) {
        w->full = false;
        w->resume(w->priv);
    }
}

bool
cnc__writing_add(struct cnc__writing *w, const char *data, size_t len)
{
    cnc__str_add(&w->waiting, data, len);
    next(w);
    w->full = w->waiting.len >= WAITING_MAX;
    return !w->full;
}

size_t
cnc__writing_held(const struct cnc__writing *w)
{
    return w->waiting.cap + w->writing.cap;
}

void
cnc__writing_end(struct cnc__writing *w)
{
    w->ended = true;
    next(w);
}

void
cnc__writing_drop(struct cnc__writing *w)
{
    if (w->uploads->service->agent == NULL && !w->working) {
        /* The service ends: no more jobs.  The next start sweeps. */
        if (w->fd >= 0) {
            close(w->fd);
        }
        cnc__upload_forget(w->uploads, &w->file);
        writing_free(w);
        return;
    }
    w->dropped = true;
    next(w);
}
