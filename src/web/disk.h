/* SPDX-License-Identifier: MIT */
/*
 * disk.h -- pages and assets as files that a web server serves as they are.
 * The service keeps such a tree below --www, `concordctl agent` another one,
 * which may be on another disk or machine.
 *
 *   page "/"               index.html index.html.gz index.html.br
 *   page "/by/Austen"      by/Austen/index.html ...
 *   page "de:/by/Austen"   by/Austen/index.de.html ...
 *   asset                  assets/HASH/NAME ..., _c/HASH/NAME ...
 *
 * Whoever reads sees the old file or the new one, never a part of one: each is
 * written beside its place and renamed.  No fsync: after a crash all is
 * written anew.  A file whose content is the same stays, with its time, and
 * one that changes gets another time or another size: web servers make entity
 * tags of the two.  No link is followed below the root.  Any thread; one of
 * them for a file.
 */
#ifndef CNC_WEB_DISK_H
#define CNC_WEB_DISK_H

#include <concordance/buf.h>

#include "../base/str.h"

struct cnc__disk_file {
    const char *suffix; /* "", ".gz", ".br" */
    const char *data;   /* NULL: there is none, and none stays */
    size_t len;
};

/* The name of a page's file, by its key.  CNC_EINVAL: it cannot be one: a part
 * of the path begins with a dot, or is too long for a file. */
CNC_API int cnc__disk_name(struct cnc__str *out, const char *key,
                           struct cnc_error *err);
/* ROOT/NAME and its siblings.  *changed (may be NULL): one of them did.
 * CNC_ESYS. */
CNC_API int cnc__disk_put(const char *root, const char *name,
                          const struct cnc__disk_file *files, size_t n,
                          bool *changed, struct cnc_error *err);
/* All three; folders that are empty then go, too.  CNC_ESYS. */
CNC_API int cnc__disk_remove(const char *root, const char *name,
                             struct cnc_error *err);
/* Every folder of path that is missing.  CNC_ESYS. */
CNC_API int cnc__disk_folders(const char *path, struct cnc_error *err);
/* A regular file that is no link, at most max bytes.  CNC_ESYS, CNC_ELIMIT. */
CNC_API int cnc__disk_read(struct cnc__str *out, int dir_fd, const char *name,
                           size_t max, struct cnc_error *err);

/* -- pack.c -------------------------------------------------------------- */

/* A *new* buf, or NULL when it would not be smaller.  best: take the time. */
CNC_API struct cnc_buf *cnc__pack_gzip(const void *data, size_t len,
                                       bool best);
CNC_API struct cnc_buf *cnc__pack_brotli(const void *data, size_t len,
                                         bool best);

#endif /* CNC_WEB_DISK_H */
