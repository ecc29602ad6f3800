/* SPDX-License-Identifier: MIT */
/*
 * sqlite.h -- what the files of the SQLite store share.
 *
 *   DIR/concordance.db       the database: WAL, synchronous=FULL, mode 0600
 *   DIR/concordance.lock     flock()ed while a process has the store open
 *
 * The lock is a file of its own, not SQLite's exclusive mode, so that the
 * operator may read and back up the database while the service runs.
 */
#ifndef CNC_STORE_SQLITE_H
#define CNC_STORE_SQLITE_H

#include <sqlite3.h>

#include <concordance/store.h>

#include "../../src/base/check.h"

#define CNC__SQLITE_APP_ID 0x434e4353 /* "CNCS" in the file's header */
#define CNC__SQLITE_SCHEMA 1

/* One list makes the enum and the statements.  Rowid tables with a UNIQUE
 * key: a WITHOUT ROWID table that holds the payload appends 4 times slower. */
#define CNC__SQLITE_MAP(X)                                                    \
    X(BEGIN, "BEGIN IMMEDIATE")                                               \
    X(COMMIT, "COMMIT")                                                       \
    X(ROLLBACK, "ROLLBACK")                                                   \
    X(PUT_NODE, "INSERT INTO node (node, seq, value) VALUES (?1, ?3, ?7) "    \
                "ON CONFLICT (node) DO UPDATE SET seq = excluded.seq, "       \
                "value = excluded.value")                                     \
    X(PUT_ITEM,                                                               \
      "INSERT INTO item (node, id, seq, created, published_ms, publisher, "   \
      "value) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (node, id) "    \
      "DO UPDATE SET seq = excluded.seq, created = excluded.created, "        \
      "published_ms = excluded.published_ms, "                                \
      "publisher = excluded.publisher, value = excluded.value")               \
    X(PUT_HISTORY,                                                            \
      "INSERT INTO history (node, id, seq, created, published_ms, "           \
      "publisher, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) "                \
      "ON CONFLICT (node, seq) DO UPDATE SET id = excluded.id, "              \
      "created = excluded.created, published_ms = excluded.published_ms, "    \
      "publisher = excluded.publisher, value = excluded.value")               \
    X(PUT_KEY, "INSERT INTO key (space, id, seq, value) "                     \
               "VALUES (?1, ?2, ?3, ?7) ON CONFLICT (space, id) "             \
               "DO UPDATE SET seq = excluded.seq, value = excluded.value")    \
    X(DEL_NODE, "DELETE FROM node WHERE node = ?1")                           \
    X(DEL_ITEM, "DELETE FROM item WHERE node = ?1 AND id = ?2")               \
    X(DEL_HISTORY, "DELETE FROM history WHERE node = ?1 AND seq = ?3")        \
    X(DEL_KEY, "DELETE FROM key WHERE space = ?1 AND id = ?2")                \
    X(PURGE, "DELETE FROM item WHERE node = ?1")                              \
    X(DROP_HISTORY, "DELETE FROM history WHERE node = ?1")                    \
    X(TRIM, "DELETE FROM history WHERE node = ?1 AND seq < ?3")               \
    X(GET_NODE, "SELECT node, '', seq, 0, 0, '', value FROM node "            \
                "WHERE node = ?1")                                            \
    X(GET_ITEM, "SELECT node, id, seq, created, published_ms, publisher, "    \
                "value FROM item WHERE node = ?1 AND id = ?2")                \
    X(GET_HISTORY,                                                            \
      "SELECT node, id, seq, created, published_ms, publisher, value "        \
      "FROM history WHERE node = ?1 AND id = ?2 ORDER BY seq DESC LIMIT 1")   \
    X(GET_KEY, "SELECT space, id, seq, 0, 0, '', value FROM key "             \
               "WHERE space = ?1 AND id = ?2")                                \
    X(ALL_NODES, "SELECT node, '', seq, 0, 0, '', value FROM node "           \
                 "ORDER BY node")                                             \
    X(ALL_KEYS, "SELECT space, id, seq, 0, 0, '', value FROM key "            \
                "ORDER BY space, id")                                         \
    X(ALL_ITEMS, "SELECT rowid, node, seq FROM item ORDER BY node, seq")      \
    X(ITEM_AT, "SELECT node, id, seq, created, published_ms, publisher, "     \
               "value FROM item WHERE rowid = ?1")                            \
    X(ALL_HISTORY,                                                            \
      "SELECT node, id, seq, created, published_ms, publisher, value "        \
      "FROM history ORDER BY node, seq")

enum cnc__sqlite_stmt {
#define X(name, sql) CNC__SQLITE_##name,
    CNC__SQLITE_MAP(X)
#undef X
        CNC__SQLITE_N_STMTS
};

struct cnc_store {
    unsigned magic;
    int lock_fd;
    sqlite3 *db;
    sqlite3_stmt *stmts[CNC__SQLITE_N_STMTS];
    char *path; /* of the database */
};
#define CNC__SQLITE_MAGIC 0x5173746fu

int cnc__sqlite_open(struct cnc_store **out, const char *dir,
                     struct cnc_error *err);
/* A second connection to the database of another, which reads alone. */
int cnc__sqlite_open_beside(struct cnc_store **out, const struct cnc_store *of,
                            struct cnc_error *err);
void cnc__sqlite_close(struct cnc_store **sp);
/* Turn SQLite's code into CNC_ESTORE and a text that says what to do; doing
 * is "open", "write" or "read". */
int cnc__sqlite_error(struct cnc_store *s, int rc, const char *doing,
                      struct cnc_error *err);

#endif /* CNC_STORE_SQLITE_H */
