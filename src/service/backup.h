/* SPDX-License-Identifier: MIT */
/*
 * backup.h -- everything that a store keeps, and people's files, as one XML
 * file (docs/backup.md).  Nothing of it is held in memory but one entry.
 */
#ifndef CNC_SERVICE_BACKUP_H
#define CNC_SERVICE_BACKUP_H

#include <openssl/evp.h>
#include <stdatomic.h>

#include "weblogin.h"

#define CNC__NS_BACKUP      "http://concordance-xmpp.org/ns/backup"
#define CNC__BACKUP_VERSION 2 /* 1: without files */

/* The checksum: of what the file says, not of how it says it. */
void cnc__backup_hash_text(EVP_MD_CTX *md, const char *text);
void cnc__backup_hash_entry(EVP_MD_CTX *md, const struct cnc_store_entry *e);
/* The name of a kind's element; of KEYs "key". */
const char *cnc__backup_kind(enum cnc_store_kind kind);

/* Where a backup comes from. */
struct cnc__backup_source {
    struct cnc_store *store;
    int (*each)(struct cnc_store *s, cnc_store_each_f *f, void *priv,
                struct cnc_error *err);
    const char *files; /* the folder of people's files */
    const char *domain;
};

/* How far it is: any thread. */
struct cnc__backup_progress {
    atomic_ullong entries, files, missing, bytes;
    atomic_bool stop; /* set: it ends, with CNC_ECLOSED */
};

/* Write all that the store has but log-ins and tokens, and the files that its
 * entries name, to the file, which must not be there, and make it durable.
 * Any thread that may call each(). */
int cnc__backup_write(const struct cnc__backup_source *source,
                      const char *path, struct cnc__backup_progress *progress,
                      struct cnc_error *err);

/* backup-file.c: a file of people's as entries of the backup's own kind, a
 * piece each: id, where it begins (seq), its bytes. */
#define CNC__BACKUP_FILE  ((enum cnc_store_kind)5)
#define CNC__BACKUP_PIECE (768u << 10) /* bytes; whole groups of base64 */
/* f gets each piece of the file that this entry ("file", ID) is about.  0;
 * CNC_ENOENT: it cannot be read, or is not what the entry says; or what f
 * returned. */
int cnc__backup_file_each(const char *folder, const struct cnc_store_entry *e,
                          cnc_store_each_f *f, void *priv);
/* Taking pieces again: each file whole, one after another.  folder NULL: they
 * are judged alone. */
struct cnc__backup_taker {
    const char *folder;
    int fd; /* -1: none */
    char id[33];
    uint64_t len;
};
/* CNC_EINVAL: it is no next piece; CNC_ESYS, with err. */
int cnc__backup_take(struct cnc__backup_taker *t,
                     const struct cnc_store_entry *piece,
                     struct cnc_error *err);
/* The last one was the end of its file, or of all; durable. */
int cnc__backup_taken(struct cnc__backup_taker *t, struct cnc_error *err);

/* backup-command.c */
int cnc__backup_command(struct cnc_service *s, struct cnc_error *err);

/* backup-list.c: the commands "backups", ...; and /_backup/NAME: true when it
 * answered r. */
int cnc__backup_list_commands(struct cnc_service *s, struct cnc_error *err);
bool cnc__backup_http(struct cnc_service *s, struct cnc__http_request *r);

#endif /* CNC_SERVICE_BACKUP_H */
