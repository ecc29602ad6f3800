/* SPDX-License-Identifier: MIT */
/*
 * backup.h -- everything that a store keeps, as one XML file
 * (docs/backup.md).  Nothing of it is held in memory but one entry.
 */
#ifndef CNC_SERVICE_BACKUP_H
#define CNC_SERVICE_BACKUP_H

#include <openssl/evp.h>

#include "weblogin.h"

#define CNC__NS_BACKUP      "http://concordance-xmpp.org/ns/backup"
#define CNC__BACKUP_VERSION 1

/* The checksum: of what the file says, not of how it says it. */
void cnc__backup_hash_text(EVP_MD_CTX *md, const char *text);
void cnc__backup_hash_entry(EVP_MD_CTX *md, const struct cnc_store_entry *e);
/* The name of a kind's element; of KEYs "key". */
const char *cnc__backup_kind(enum cnc_store_kind kind);

/* Write all that the store has but log-ins and tokens to the file, which must
 * not be there, and make it durable.  Any thread that may call the store. */
int cnc__backup_write(const struct cnc_store_driver *driver,
                      struct cnc_store *store, const char *domain,
                      const char *path, uint64_t *n_entries,
                      struct cnc_error *err);

/* backup-command.c */
int cnc__backup_command(struct cnc_service *s, struct cnc_error *err);

/* backup-list.c: the commands "backups", ...; and /_backup/NAME: true when it
 * answered r. */
int cnc__backup_list_commands(struct cnc_service *s, struct cnc_error *err);
bool cnc__backup_http(struct cnc_service *s, struct cnc__http_request *r);

#endif /* CNC_SERVICE_BACKUP_H */
