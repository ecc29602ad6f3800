/* SPDX-License-Identifier: MIT */
/*
 * driver.c -- the store's verbs on SQLite.  commit() is one transaction: its
 * COMMIT returns after the write-ahead log is on the disk (synchronous=FULL),
 * so whoever gathers many publishes into one call pays for one fsync.
 */
#include "sqlite.h"

static int
bind(sqlite3_stmt *stmt, const struct cnc_store_entry *e)
{
    static const char empty[1] = "";
    int n = sqlite3_bind_parameter_count(stmt);
    int rc = sqlite3_bind_text(stmt, 1, e->node, -1, SQLITE_STATIC);

    if (n >= 2 && rc == SQLITE_OK) {
        rc = sqlite3_bind_text(stmt, 2, e->id == NULL ? empty : e->id, -1,
                               SQLITE_STATIC);
    }
    if (n >= 3 && rc == SQLITE_OK) {
        rc = sqlite3_bind_int64(stmt, 3, (sqlite3_int64)e->seq);
    }
    if (n < 7 || rc != SQLITE_OK) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 4, (sqlite3_int64)e->created);
    sqlite3_bind_int64(stmt, 5, e->published_ms);
    rc =
        sqlite3_bind_text(stmt, 6, e->publisher == NULL ? empty : e->publisher,
                          -1, SQLITE_STATIC);
    if (rc != SQLITE_OK) {
        return rc;
    }
    /* A NULL pointer would be SQL's NULL, not an empty blob. */
    return sqlite3_bind_blob64(stmt, 7, e->len == 0 ? empty : e->value, e->len,
                               SQLITE_STATIC);
}

/* Run a statement that gives no rows. */
static int
run(struct cnc_store *s, enum cnc__sqlite_stmt which,
    const struct cnc_store_entry *e)
{
    sqlite3_stmt *stmt = s->stmts[which];
    int rc = e == NULL ? SQLITE_OK : bind(stmt, e);

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
    }
    sqlite3_reset(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static bool
is_kind(enum cnc_store_kind kind)
{
    return kind >= CNC_STORE_NODE && kind <= CNC_STORE_KEY;
}

static bool
op_is_sound(const struct cnc_store_op *op)
{
    const struct cnc_store_entry *e = &op->entry;

    return e->node != NULL && e->seq <= INT64_MAX && e->created <= INT64_MAX &&
           (e->len == 0 || e->value != NULL) && op->verb >= CNC_STORE_PUT &&
           op->verb <= CNC_STORE_TRIM &&
           (op->verb > CNC_STORE_DEL || is_kind(e->kind));
}

static int
run_op(struct cnc_store *s, const struct cnc_store_op *op)
{
    static const enum cnc__sqlite_stmt puts[] = {
        [CNC_STORE_NODE] = CNC__SQLITE_PUT_NODE,
        [CNC_STORE_ITEM] = CNC__SQLITE_PUT_ITEM,
        [CNC_STORE_HISTORY] = CNC__SQLITE_PUT_HISTORY,
        [CNC_STORE_KEY] = CNC__SQLITE_PUT_KEY,
    };
    static const enum cnc__sqlite_stmt dels[] = {
        [CNC_STORE_NODE] = CNC__SQLITE_DEL_NODE,
        [CNC_STORE_ITEM] = CNC__SQLITE_DEL_ITEM,
        [CNC_STORE_HISTORY] = CNC__SQLITE_DEL_HISTORY,
        [CNC_STORE_KEY] = CNC__SQLITE_DEL_KEY,
    };
    const struct cnc_store_entry *e = &op->entry;
    int rc;

    switch (op->verb) {
    case CNC_STORE_PUT:
        return run(s, puts[e->kind], e);
    case CNC_STORE_DEL:
        return run(s, dels[e->kind], e);
    case CNC_STORE_PURGE:
        return run(s, CNC__SQLITE_PURGE, e);
    case CNC_STORE_DROP:
        rc = run(s, CNC__SQLITE_DEL_NODE, e);
        if (rc == SQLITE_OK) {
            rc = run(s, CNC__SQLITE_PURGE, e);
        }
        return rc != SQLITE_OK ? rc : run(s, CNC__SQLITE_DROP_HISTORY, e);
    case CNC_STORE_TRIM:
        return run(s, CNC__SQLITE_TRIM, e);
    }
    return SQLITE_MISUSE;
}

/* SQLite goes on writing to a file whose name is gone, and all of it would
 * be lost with the process: what is not at its path is not kept. */
static int
check_path(struct cnc_store *s, struct cnc_error *err)
{
    int moved = 0;

    if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) ==
            SQLITE_OK &&
        moved != 0) {
        return cnc_error_set(err, CNC_ESTORE, "internal-server-error",
                             "%s was moved or deleted while the service ran; "
                             "stop the service, put the file back, start "
                             "again",
                             s->path);
    }
    return 0;
}

static int
commit(struct cnc_store *s, const struct cnc_store_op *ops, size_t n,
       struct cnc_error *err)
{
    int rc;

    CNC_OBJ_CHECK(s, CNC__SQLITE_MAGIC);
    for (size_t i = 0; i < n; i++) {
        if (!op_is_sound(&ops[i])) {
            return cnc_error_set(err, CNC_EINVAL, "internal-server-error",
                                 "operation %zu for the store is not well "
                                 "formed",
                                 i);
        }
    }
    if (n == 0) {
        return 0;
    }
    if (check_path(s, err) != 0) {
        return CNC_ESTORE;
    }
    rc = run(s, CNC__SQLITE_BEGIN, NULL);
    for (size_t i = 0; i < n && rc == SQLITE_OK; i++) {
        rc = run_op(s, &ops[i]);
    }
    if (rc == SQLITE_OK) {
        rc = run(s, CNC__SQLITE_COMMIT, NULL);
    }
    if (rc == SQLITE_OK) {
        return 0;
    }
    cnc__sqlite_error(s, rc, "write", err);
    /* Some errors have rolled back by themselves. */
    if (sqlite3_get_autocommit(s->db) == 0) {
        run(s, CNC__SQLITE_ROLLBACK, NULL);
    }
    return CNC_ESTORE;
}

static void
read_row(struct cnc_store_entry *e, enum cnc_store_kind kind,
         sqlite3_stmt *stmt)
{
    e->kind = kind;
    e->node = (const char *)sqlite3_column_text(stmt, 0);
    e->id = (const char *)sqlite3_column_text(stmt, 1);
    e->seq = (uint64_t)sqlite3_column_int64(stmt, 2);
    e->created = (uint64_t)sqlite3_column_int64(stmt, 3);
    e->published_ms = sqlite3_column_int64(stmt, 4);
    e->publisher = (const char *)sqlite3_column_text(stmt, 5);
    e->value = sqlite3_column_blob(stmt, 6);
    e->len = (size_t)sqlite3_column_bytes(stmt, 6);
    CNC_CHECK(e->node != NULL && e->id != NULL && e->publisher != NULL);
    if (e->value == NULL) {
        e->value = "";
    }
}

/* Give every row of a statement to f.  *stop is what f returned. */
static int
each_row(struct cnc_store *s, enum cnc__sqlite_stmt which,
         enum cnc_store_kind kind, cnc_store_each_f *f, void *priv, int *stop)
{
    sqlite3_stmt *stmt = s->stmts[which];
    struct cnc_store_entry e;
    int rc;

    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        read_row(&e, kind, stmt);
        *stop = f(&e, priv);
        if (*stop != 0) {
            rc = SQLITE_DONE;
            break;
        }
    }
    sqlite3_reset(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int
give_item(struct cnc_store *s, sqlite3_int64 rowid, cnc_store_each_f *f,
          void *priv, int *stop)
{
    sqlite3_stmt *stmt = s->stmts[CNC__SQLITE_ITEM_AT];
    struct cnc_store_entry e;
    int rc;

    sqlite3_bind_int64(stmt, 1, rowid);
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        read_row(&e, CNC_STORE_ITEM, stmt);
        *stop = f(&e, priv);
        rc = SQLITE_OK;
    }
    sqlite3_reset(stmt);
    return rc;
}

/* Does the item's row come before (or with) the history's? */
static bool
item_first(sqlite3_stmt *item, sqlite3_stmt *history)
{
    int c = strcmp((const char *)sqlite3_column_text(item, 1),
                   (const char *)sqlite3_column_text(history, 0));

    return c < 0 || (c == 0 && sqlite3_column_int64(item, 2) <=
                                   sqlite3_column_int64(history, 2));
}

/* Items and history merged by (node, seq).  Items have no index in that
 * order, which would slow every publish: (node, seq, rowid) is sorted once
 * here and the payloads are fetched one by one. */
static int
each_publish(struct cnc_store *s, cnc_store_each_f *f, void *priv, int *stop)
{
    sqlite3_stmt *item = s->stmts[CNC__SQLITE_ALL_ITEMS];
    sqlite3_stmt *history = s->stmts[CNC__SQLITE_ALL_HISTORY];
    int rc_item = sqlite3_step(item), rc_history = sqlite3_step(history);
    int rc = SQLITE_OK;

    while (rc == SQLITE_OK && *stop == 0 &&
           (rc_item == SQLITE_ROW || rc_history == SQLITE_ROW)) {
        struct cnc_store_entry e;

        if (rc_item == SQLITE_ROW &&
            (rc_history != SQLITE_ROW || item_first(item, history))) {
            rc = give_item(s, sqlite3_column_int64(item, 0), f, priv, stop);
            rc_item = sqlite3_step(item);
        } else {
            read_row(&e, CNC_STORE_HISTORY, history);
            *stop = f(&e, priv);
            rc_history = sqlite3_step(history);
        }
        if (rc == SQLITE_OK && rc_item != SQLITE_ROW &&
            rc_item != SQLITE_DONE) {
            rc = rc_item;
        }
        if (rc == SQLITE_OK && rc_history != SQLITE_ROW &&
            rc_history != SQLITE_DONE) {
            rc = rc_history;
        }
    }
    sqlite3_reset(item);
    sqlite3_reset(history);
    return rc;
}

static int
each(struct cnc_store *s, cnc_store_each_f *f, void *priv,
     struct cnc_error *err)
{
    int stop = 0, rc;

    CNC_OBJ_CHECK(s, CNC__SQLITE_MAGIC);
    rc = each_row(s, CNC__SQLITE_ALL_NODES, CNC_STORE_NODE, f, priv, &stop);
    if (rc == SQLITE_OK && stop == 0) {
        rc = each_row(s, CNC__SQLITE_ALL_KEYS, CNC_STORE_KEY, f, priv, &stop);
    }
    if (rc == SQLITE_OK && stop == 0) {
        rc = each_publish(s, f, priv, &stop);
    }
    if (rc != SQLITE_OK) {
        return cnc__sqlite_error(s, rc, "read", err);
    }
    return stop;
}

/* A connection of its own: in WAL mode its first read sets the moment that it
 * sees, and it keeps nobody from writing.  What is written meanwhile stays in
 * the log until it has ended. */
static int
each_beside(struct cnc_store *s, cnc_store_each_f *f, void *priv,
            struct cnc_error *err)
{
    struct cnc_store *beside;
    int code = cnc__sqlite_open_beside(&beside, s, err);
    int rc;

    if (code != 0) {
        return code;
    }
    rc = sqlite3_exec(beside->db, "BEGIN", NULL, NULL, NULL);
    code = rc == SQLITE_OK ? each(beside, f, priv, err)
                           : cnc__sqlite_error(beside, rc, "read", err);
    sqlite3_exec(beside->db, "ROLLBACK", NULL, NULL, NULL);
    cnc__sqlite_close(&beside);
    return code;
}

/* HISTORY's key is (node, seq); asked by id, the newest entry is given. */
static int
get(struct cnc_store *s, enum cnc_store_kind kind, const char *node,
    const char *id, cnc_store_each_f *f, void *priv, struct cnc_error *err)
{
    static const enum cnc__sqlite_stmt gets[] = {
        [CNC_STORE_NODE] = CNC__SQLITE_GET_NODE,
        [CNC_STORE_ITEM] = CNC__SQLITE_GET_ITEM,
        [CNC_STORE_HISTORY] = CNC__SQLITE_GET_HISTORY,
        [CNC_STORE_KEY] = CNC__SQLITE_GET_KEY,
    };
    struct cnc_store_entry e = {.node = node, .id = id};
    sqlite3_stmt *stmt;
    int rc, result = 0;

    CNC_OBJ_CHECK(s, CNC__SQLITE_MAGIC);
    if (!is_kind(kind) || node == NULL) {
        return cnc_error_set(err, CNC_EINVAL, "internal-server-error",
                             "the store has no such kind of entry");
    }
    stmt = s->stmts[gets[kind]];
    rc = bind(stmt, &e);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
    }
    if (rc == SQLITE_ROW) {
        read_row(&e, kind, stmt);
        result = f(&e, priv);
    } else if (rc == SQLITE_DONE) {
        result = cnc_error_set(err, CNC_ENOENT, "item-not-found",
                               "the store has no such entry");
    } else {
        result = cnc__sqlite_error(s, rc, "read", err);
    }
    sqlite3_reset(stmt);
    return result;
}

CNC_API extern const struct cnc_store_driver cnc_store_driver;
const struct cnc_store_driver cnc_store_driver = {
    .abi = CNC_STORE_ABI,
    .size = sizeof(struct cnc_store_driver),
    .name = "sqlite",
    .summary = "one SQLite file, durable before it answers",
    .open = cnc__sqlite_open,
    .commit = commit,
    .each = each,
    .get = get,
    .close = cnc__sqlite_close,
    .each_beside = each_beside,
};
