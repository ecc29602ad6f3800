/* SPDX-License-Identifier: MIT */
/*
 * uploads.h -- files that people send (XEP-0363, and forms): what the files
 * uploads.c, upload-*.c share.  The core's thread, but for the jobs of
 * upload-write.c.
 *
 *   slot (iq) -> PUT -\
 *                      +-> DATA/files/ID.part -> fsync, rename ->
 * DATA/files/ID form (POST) ------/      -> KEY ("file", ID) in the store ->
 * 201 GET /_files/ID/NAME
 *
 * A file without its entry, or a part of one, is what a crash left: it is
 * removed at the next start.  An entry is never without its file.
 */
#ifndef CNC_SERVICE_UPLOADS_H
#define CNC_SERVICE_UPLOADS_H

#include "private.h"

#define CNC__NS_UPLOAD      "urn:xmpp:http:upload:0"
#define CNC__UPLOAD_PUT     "/_up/"    /* TOKEN/NAME */
#define CNC__UPLOAD_GET     "/_files/" /* ID/NAME */
#define CNC__UPLOAD_ID      32         /* hex digits */
#define CNC__UPLOAD_NAME    120        /* bytes, at most */
#define CNC__UPLOAD_TYPE    100
#define CNC__UPLOAD_SLOT_MS 300000 /* XEP-0363 section 8: about 300 s */
#define CNC__UPLOAD_SLOTS   20     /* open, of one account */

struct cnc__upload { /* a file; also one that is still to come */
    char id[CNC__UPLOAD_ID + 1];
    char *owner, *name, *type; /* owner: a bare JID */
    uint64_t bytes;
    char hash[65]; /* SHA-256 in hex; "" until it is here */
    int64_t since; /* Unix seconds */
};

struct cnc__uploads {
    unsigned magic;
    struct cnc_service *service;
    char *dir;
    struct cnc__table *files;  /* ID -> struct cnc__upload, kept */
    struct cnc__table *slots;  /* SHA-256 of TOKEN -> struct slot */
    struct cnc__table *owners; /* bare JID -> struct usage */
    uint64_t bytes;            /* of all, also promised ones */
    uint64_t n_kept, n_refused;
    uint64_t swept_ms;
    unsigned n_holds;
    char **held; /* paths of files that go when nobody holds them */
    size_t n_held, cap_held;
    bool off;
};
#define CNC__UPLOADS_MAGIC 0x55706c64u

/* -- upload-name.c: what strangers say of their files --------------------- */

/* A *new* name that is one part of a path and looks like what it is: without
 * folders, controls, and marks that turn the direction of writing; cut, with
 * its ending kept. */
char *cnc__upload_name(const char *name);
/* A *new* media type in lower case without parameters; NULL: it is none.
 * "": application/octet-stream. */
char *cnc__upload_type(const char *type);
/* May a browser show it in place of the page that links it? */
bool cnc__upload_is_inline(const char *type);
/* Percent-encode all but what is unreserved (RFC 3986 2.3). */
void cnc__upload_percent(struct cnc__str *out, const char *text);

/* -- uploads.c ------------------------------------------------------------ */

uint64_t cnc__uploads_max(const struct cnc__uploads *u);
/* Promise room for a file, which cnc__upload_forget() gives back: *new*.
 * CNC_EACCES, CNC_ELIMIT (too large), CNC_EREFUSED (a quota; *retry_ms Unix
 * time when there may be room, 0: not known).  name and type: as sent. */
int cnc__upload_promise(struct cnc__upload **out, struct cnc__uploads *u,
                        const char *owner, const char *name, const char *type,
                        uint64_t bytes, int64_t *retry_ms,
                        struct cnc_error *err);
/* It is so much larger than was promised: CNC_ELIMIT, CNC_EREFUSED. */
int cnc__upload_grow(struct cnc__uploads *u, struct cnc__upload *f,
                     uint64_t more, struct cnc_error *err);
void cnc__upload_forget(struct cnc__uploads *u, struct cnc__upload **fp);
/* It came to its place on the disk, and shall go: the file, and its room. */
void cnc__upload_discard(struct cnc__uploads *u, struct cnc__upload **fp);
/* It is on the disk: make its entry; done when that is durable, with NULL if
 * it could not be.  Takes f. */
typedef void cnc__upload_done_f(const struct cnc__upload *f, void *priv);
void cnc__upload_keep(struct cnc__uploads *u, struct cnc__upload *f,
                      cnc__upload_done_f *done, void *priv);
/* Entry first, then the file.  CNC_ENOENT. */
int cnc__upload_delete(struct cnc__uploads *u, const char *id,
                       const char *why);
/* The file's path; "" or ".part" behind it.  *new*. */
char *cnc__upload_path(const struct cnc__uploads *u, const char *id,
                       const char *suffix);
/* Its address, added to out. */
void cnc__upload_url(struct cnc__str *out, const struct cnc__uploads *u,
                     const struct cnc__upload *f);
/* While it is held no file that was kept is removed, though its entry is:
 * somebody reads them all.  Counted. */
void cnc__uploads_hold(struct cnc__uploads *u);
void cnc__uploads_release(struct cnc__uploads *u);
int cnc__uploads_commands(struct cnc__uploads *u, struct cnc_error *err);

/* -- upload-slot.c -------------------------------------------------------- */

int cnc__upload_slots_new(struct cnc__uploads *u, struct cnc_error *err);
void cnc__upload_slots_free(struct cnc__uploads *u);
/* owner NULL: those that are too old; else all of this one. */
void cnc__upload_slots_end(struct cnc__uploads *u, const char *owner,
                           uint64_t now_ms);
/* How many owner has, and when the first ends (Unix ms, 0: none). */
size_t cnc__upload_slots_of(const struct cnc__uploads *u, const char *owner,
                            int64_t *ends_ms);
/* The file promised to the slot of this path, which is used up; NULL: there is
 * none.  *typed: its type was said. */
struct cnc__upload *cnc__upload_slot_take(struct cnc__uploads *u,
                                          const char *path, bool *typed);

/* -- upload-write.c ------------------------------------------------------- */

/* A file under way to the disk.  done comes once, later: f is in its place and
 * yours, to keep or to discard; NULL: it could not be written, and its room is
 * given back. */
struct cnc__writing;
typedef void cnc__written_f(struct cnc__upload *f, void *priv);
/* Takes f.  resume: there is room again. */
struct cnc__writing *cnc__writing_new(struct cnc__uploads *u,
                                      struct cnc__upload *f,
                                      void (*resume)(void *priv),
                                      cnc__written_f *done, void *priv);
/* False: enough for now; resume is called.  Copies. */
bool cnc__writing_add(struct cnc__writing *w, const char *data, size_t len);
/* Bytes of it in memory. */
size_t cnc__writing_held(const struct cnc__writing *w);
/* All of it was added. */
void cnc__writing_end(struct cnc__writing *w);
/* Stop, before the end; done is not called. */
void cnc__writing_drop(struct cnc__writing *w);

/* -- upload-http.c -------------------------------------------------------- */

#endif /* CNC_SERVICE_UPLOADS_H */
