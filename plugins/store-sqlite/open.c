/* SPDX-License-Identifier: MIT */
/*
 * open.c -- opening: take the lock, open the file, look whose it is, bring the
 * schema up to date, check every page.  A file that fails any of this is left
 * as it was, and the text says what the operator can do.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "sqlite.h"

/* Step n brings schema n to n + 1; each runs in one transaction.  Steps are
 * never edited once released: add one and raise CNC__SQLITE_SCHEMA. */
static const char *const steps[CNC__SQLITE_SCHEMA] = {
    "CREATE TABLE node (node TEXT NOT NULL UNIQUE, seq INTEGER NOT NULL,"
    " value BLOB NOT NULL);"
    "CREATE TABLE key (space TEXT NOT NULL, id TEXT NOT NULL,"
    " seq INTEGER NOT NULL, value BLOB NOT NULL, UNIQUE (space, id));"
    "CREATE TABLE item (node TEXT NOT NULL, id TEXT NOT NULL,"
    " seq INTEGER NOT NULL, created INTEGER NOT NULL,"
    " published_ms INTEGER NOT NULL, publisher TEXT NOT NULL,"
    " value BLOB NOT NULL, UNIQUE (node, id));"
    "CREATE TABLE history (node TEXT NOT NULL, id TEXT NOT NULL,"
    " seq INTEGER NOT NULL, created INTEGER NOT NULL,"
    " published_ms INTEGER NOT NULL, publisher TEXT NOT NULL,"
    " value BLOB NOT NULL, UNIQUE (node, seq));",
};

static const char *const sqls[CNC__SQLITE_N_STMTS] = {
#define X(name, sql) sql,
    CNC__SQLITE_MAP(X)
#undef X
};

static bool
is_full(struct cnc_store *s, int rc)
{
    int e = sqlite3_system_errno(s->db);

    return (rc & 0xff) == SQLITE_FULL ||
           ((rc & 0xff) == SQLITE_IOERR &&
            (e == ENOSPC || e == EDQUOT || e == EFBIG));
}

int
cnc__sqlite_error(struct cnc_store *s, int rc, const char *doing,
                  struct cnc_error *err)
{
    if (is_full(s, rc)) {
        return cnc_error_set(err, CNC_ESTORE, "resource-constraint",
                             "cannot %s %s: the disk is full; free some "
                             "space, nothing of this was kept",
                             doing, s->path);
    }
    switch (rc & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return cnc_error_set(
            err, CNC_ESTORE, "internal-server-error",
            "%s is damaged (%s); put a backup in its place, or save what is "
            "readable with: sqlite3 %s .recover | sqlite3 new.db",
            s->path, sqlite3_errmsg(s->db), s->path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return cnc_error_set(err, CNC_ESTORE, "resource-constraint",
                             "cannot %s %s: another program has held it "
                             "locked for 5 seconds; close that program",
                             doing, s->path);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return cnc_error_set(err, CNC_ESTORE, "internal-server-error",
                             "cannot %s %s (%s); check the owner and the "
                             "permissions of the file and its folder",
                             doing, s->path, sqlite3_errmsg(s->db));
    case SQLITE_IOERR:
        return cnc_error_set(err, CNC_ESTORE, "internal-server-error",
                             "cannot %s %s: %s (%s); check the disk", doing,
                             s->path, sqlite3_errmsg(s->db),
                             strerror(sqlite3_system_errno(s->db)));
    default:
        return cnc_error_set(err, CNC_ESTORE, "internal-server-error",
                             "cannot %s %s: %s", doing, s->path,
                             sqlite3_errmsg(s->db));
    }
}

static int
refuse_lock(const char *path, int fd, struct cnc_error *err)
{
    char pid[24] = "";
    ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

    if (n <= 0 || strspn(pid, "0123456789") == 0) {
        return cnc_error_set(err, CNC_ESTORE, "conflict",
                             "%s is held by another process: a service "
                             "runs on this data folder already; stop it or "
                             "choose another folder",
                             path);
    }
    return cnc_error_set(err, CNC_ESTORE, "conflict",
                         "%s is held by process %.*s: a service runs on "
                         "this data folder already; stop it or choose "
                         "another folder",
                         path, (int)strspn(pid, "0123456789"), pid);
}

/* flock() follows the descriptor, so a killed service leaves nothing behind
 * that must be cleaned up; the pid in the file is only for the message. */
static int
take_lock(struct cnc_store *s, const char *dir, struct cnc_error *err)
{
    char path[4096], pid[24];
    int n;

    snprintf(path, sizeof(path), "%s/concordance.lock", dir);
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0) {
        return cnc_error_set(
            err, CNC_ESTORE, "internal-server-error",
            "cannot open %s: %s; check that the folder exists, is writable "
            "and its disk is neither full nor mounted read-only",
            path, strerror(errno));
    }
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        return refuse_lock(path, s->lock_fd, err);
    }
    n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    if (ftruncate(s->lock_fd, 0) < 0 || pwrite(s->lock_fd, pid, n, 0) < 0) {
        /* Only the message of a second service is poorer for it. */
        errno = 0;
    }
    return 0;
}

/* The file holds the accounts' keys: nobody else reads it.  SQLite gives
 * -wal and -shm the mode of the database. */
static int
make_file(struct cnc_store *s, const char *dir, struct cnc_error *err)
{
    int fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int dir_fd;

    if (fd < 0) {
        return cnc_error_set(err, CNC_ESTORE, "internal-server-error",
                             "cannot open %s: %s; check the owner and the "
                             "permissions of the file and its folder",
                             s->path, strerror(errno));
    }
    close(fd);
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd >= 0) {
        fsync(dir_fd); /* the name must outlive a power cut, too */
        close(dir_fd);
    }
    return 0;
}

static int
pragma_int(struct cnc_store *s, const char *sql, int64_t *out)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW) {
            *out = sqlite3_column_int64(stmt, 0);
            rc = SQLITE_OK;
        }
    }
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Whose file is it?  An empty one is ours to fill. */
static int
check_owner(struct cnc_store *s, int64_t *version, struct cnc_error *err)
{
    int64_t app_id = 0, n_tables = 0;
    int rc = pragma_int(s, "PRAGMA application_id", &app_id);

    if (rc == SQLITE_OK) {
        rc = pragma_int(s, "PRAGMA user_version", version);
    }
    if (rc == SQLITE_OK) {
        rc = pragma_int(s, "SELECT count(*) FROM sqlite_schema", &n_tables);
    }
    if (rc != SQLITE_OK) {
        return cnc__sqlite_error(s, rc, "open", err);
    }
    if (app_id != CNC__SQLITE_APP_ID && (app_id != 0 || n_tables != 0)) {
        return cnc_error_set(err, CNC_ESTORE, "internal-server-error",
                             "%s is another program's database; move it "
                             "away or choose another data folder",
                             s->path);
    }
    if (*version > CNC__SQLITE_SCHEMA || *version < 0) {
        return cnc_error_set(
            err, CNC_ESTORE, "internal-server-error",
            "%s was written by a newer version (schema %lld, this one knows "
            "%d); install that version, or restore the backup made before "
            "the upgrade",
            s->path, (long long)*version, CNC__SQLITE_SCHEMA);
    }
    return 0;
}

static int
migrate(struct cnc_store *s, int64_t version, struct cnc_error *err)
{
    for (; version < CNC__SQLITE_SCHEMA; version++) {
        char *sql = sqlite3_mprintf("BEGIN IMMEDIATE; %s"
                                    "PRAGMA application_id = %d;"
                                    "PRAGMA user_version = %lld; COMMIT",
                                    steps[version], CNC__SQLITE_APP_ID,
                                    (long long)version + 1);
        int rc;

        CNC_CHECK(sql != NULL);
        rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
        sqlite3_free(sql);
        if (rc != SQLITE_OK) {
            cnc__sqlite_error(s, rc, "write", err);
            sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
            return CNC_ESTORE;
        }
    }
    return 0;
}

static int
prepare(struct cnc_store *s, struct cnc_error *err)
{
    for (int i = 0; i < CNC__SQLITE_N_STMTS; i++) {
        int rc = sqlite3_prepare_v3(
            s->db, sqls[i], -1, SQLITE_PREPARE_PERSISTENT, &s->stmts[i], NULL);
        if (rc != SQLITE_OK) {
            return cnc_error_set(
                err, CNC_ESTORE, "internal-server-error",
                "%s does not have the tables it should (%s); put a backup "
                "in its place",
                s->path, sqlite3_errmsg(s->db));
        }
    }
    return 0;
}

/* quick_check reads every page; preparing every statement proves that the
 * tables and columns are there. */
static int
verify(struct cnc_store *s, struct cnc_error *err)
{
    sqlite3_stmt *check = NULL;
    int rc =
        sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &check, NULL);

    if (rc == SQLITE_OK && (rc = sqlite3_step(check)) == SQLITE_ROW) {
        const char *said = (const char *)sqlite3_column_text(check, 0);

        rc = SQLITE_OK;
        if (said == NULL || strcmp(said, "ok") != 0) {
            cnc_error_set(err, CNC_ESTORE, "internal-server-error",
                          "%s is damaged (%.200s); put a backup in its "
                          "place, or save what is readable with: "
                          "sqlite3 %s .recover | sqlite3 new.db",
                          s->path, said == NULL ? "no answer" : said, s->path);
            sqlite3_finalize(check);
            return CNC_ESTORE;
        }
    }
    if (rc != SQLITE_OK) {
        cnc__sqlite_error(s, rc, "read", err);
        sqlite3_finalize(check);
        return CNC_ESTORE;
    }
    sqlite3_finalize(check);
    return prepare(s, err);
}

static int
open_database(struct cnc_store *s, struct cnc_error *err)
{
    int64_t version = 0;
    int rc = sqlite3_open_v2(
        s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

    if (rc != SQLITE_OK) {
        return cnc__sqlite_error(s, rc, "open", err);
    }
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, 5000);
    if (sqlite3_db_readonly(s->db, "main") == 1) {
        return cnc__sqlite_error(s, SQLITE_READONLY, "write", err);
    }
    if (check_owner(s, &version, err) != 0) {
        return CNC_ESTORE;
    }
    rc = sqlite3_exec(s->db,
                      "PRAGMA journal_mode = WAL;"
                      "PRAGMA synchronous = FULL;"
                      "PRAGMA trusted_schema = OFF;"
                      "PRAGMA cell_size_check = ON;"
                      "PRAGMA cache_size = -16384;" /* KiB */
                      "PRAGMA wal_autocheckpoint = 4000;"
                      "PRAGMA journal_size_limit = 67108864;",
                      NULL, NULL, NULL);
    if (rc != SQLITE_OK) {
        return cnc__sqlite_error(s, rc, "write", err);
    }
    if (migrate(s, version, err) != 0) {
        return CNC_ESTORE;
    }
    return verify(s, err);
}

int
cnc__sqlite_open(struct cnc_store **out, const char *dir,
                 struct cnc_error *err)
{
    struct cnc_store *s = cnc__zalloc(sizeof(*s));
    size_t room = strlen(dir) + sizeof("/concordance.db");

    s->magic = CNC__SQLITE_MAGIC;
    s->lock_fd = -1;
    s->path = cnc__zalloc(room);
    snprintf(s->path, room, "%s/concordance.db", dir);
    if (take_lock(s, dir, err) != 0 || make_file(s, dir, err) != 0 ||
        open_database(s, err) != 0) {
        cnc__sqlite_close(&s);
        return CNC_ESTORE;
    }
    *out = s;
    return 0;
}

int
cnc__sqlite_open_beside(struct cnc_store **out, const struct cnc_store *of,
                        struct cnc_error *err)
{
    struct cnc_store *s = cnc__zalloc(sizeof(*s));
    size_t len = strlen(of->path) + 1;
    int rc;

    s->magic = CNC__SQLITE_MAGIC;
    s->lock_fd = -1;
    s->path = memcpy(cnc__zalloc(len), of->path, len);
    rc = sqlite3_open_v2(s->path, &s->db,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_extended_result_codes(s->db, 1);
        sqlite3_busy_timeout(s->db, 5000);
        rc = sqlite3_exec(s->db,
                          "PRAGMA query_only = ON;"
                          "PRAGMA trusted_schema = OFF;"
                          "PRAGMA cache_size = -4096;",
                          NULL, NULL, NULL);
    }
    if (rc != SQLITE_OK) {
        cnc__sqlite_error(s, rc, "open", err);
    }
    if (rc != SQLITE_OK || prepare(s, err) != 0) {
        cnc__sqlite_close(&s);
        return CNC_ESTORE;
    }
    *out = s;
    return 0;
}

void
cnc__sqlite_close(struct cnc_store **sp)
{
    struct cnc_store *s = *sp;

    if (s == NULL) {
        return;
    }
    CNC_OBJ_CHECK(s, CNC__SQLITE_MAGIC);
    for (int i = 0; i < CNC__SQLITE_N_STMTS; i++) {
        sqlite3_finalize(s->stmts[i]);
    }
    CNC_CHECK(sqlite3_close(s->db) == SQLITE_OK);
    if (s->lock_fd >= 0) {
        close(s->lock_fd); /* last: SQLite's final checkpoint is done */
    }
    cnc__free(s->path);
    CNC_OBJ_FREE(s);
    *sp = NULL;
}
