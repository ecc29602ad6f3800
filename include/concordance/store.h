/* SPDX-License-Identifier: MIT */
/*
 * concordance/store.h -- what a store plug-in exports.
 *
 * The core keeps nodes and items in memory; a store makes them durable.  It
 * is one const struct of functions, all synchronous: the service calls
 * commit() from one writer thread of its own and gathers everything that
 * waits into one call (group commit), so a driver needs no threads or queues.
 * No two calls are ever under way at once, but for each_beside(): open, each
 * and get come before the first commit, close after the last.
 *
 * A driver is a shared object that exports `cnc_store_driver`.
 */
#ifndef CONCORDANCE_STORE_H
#define CONCORDANCE_STORE_H

#include <concordance/types.h>

CNC_BEGIN_DECLS

#define CNC_STORE_ABI 1u

/*
 * Everything durable is an entry.  Its key is (kind, node, id):
 *   NODE     node; value: XML of configuration, affiliations, subscriptions
 *   ITEM     node, id; value: the payload's XML
 *   HISTORY  node, seq; id: the item's; value: the payload's XML, or empty
 *            for a retraction.  Key is (node, seq).
 *   KEY      node is a name space ("account", "setting"), id the key; value:
 *            any bytes
 */
enum cnc_store_kind {
    CNC_STORE_NODE = 1,
    CNC_STORE_ITEM = 2,
    CNC_STORE_HISTORY = 3,
    CNC_STORE_KEY = 4
};

struct cnc_store_entry { /* strings and value borrowed for the call */
    enum cnc_store_kind kind;
    const char *node;
    const char *id;        /* "" for NODE */
    uint64_t seq;          /* the node's counter at this publish; else 0 */
    uint64_t created;      /* ITEM: seq of the item's first publish */
    int64_t published_ms;  /* Unix time; 0 when not an ITEM or HISTORY */
    const char *publisher; /* bare JID or "" */
    const char *value;     /* may hold NUL bytes for KEY */
    size_t len;
};

enum cnc_store_verb {
    CNC_STORE_PUT = 1,   /* insert or replace the entry */
    CNC_STORE_DEL = 2,   /* remove the entry; absent is fine */
    CNC_STORE_PURGE = 3, /* remove all ITEMs of node */
    CNC_STORE_DROP = 4,  /* remove NODE, all ITEMs and HISTORY of node */
    CNC_STORE_TRIM = 5   /* remove HISTORY of node with seq < entry.seq */
};

struct cnc_store_op {
    enum cnc_store_verb verb;
    struct cnc_store_entry entry;
};

struct cnc_store; /* the driver's own */

typedef int cnc_store_each_f(const struct cnc_store_entry *entry, void *priv);

struct cnc_store_driver {
    uint32_t abi;        /* CNC_STORE_ABI */
    uint32_t size;       /* sizeof(struct cnc_store_driver) */
    const char *name;    /* "sqlite": unique, [a-z0-9-] */
    const char *summary; /* one line */

    /* Open or make the store in the folder dir (it exists).  Migrates and
     * verifies its own schema.  CNC_ESTORE with a text that says what to do:
     * locked by another process, corrupt, full, newer schema. */
    int (*open)(struct cnc_store **out, const char *dir,
                struct cnc_error *err);
    /* Do all n ops in this order, all or none, and return when they are
     * durable.  CNC_ESTORE: nothing was kept. */
    int (*commit)(struct cnc_store *s, const struct cnc_store_op *ops,
                  size_t n, struct cnc_error *err);
    /* Every entry: NODEs first, then KEYs, then ITEMs and HISTORY in order
     * of (node, seq).  Stops when f returns not 0 and returns that. */
    int (*each)(struct cnc_store *s, cnc_store_each_f *f, void *priv,
                struct cnc_error *err);
    /* One entry by key, given to f; CNC_ENOENT. */
    int (*get)(struct cnc_store *s, enum cnc_store_kind kind, const char *node,
               const char *id, cnc_store_each_f *f, void *priv,
               struct cnc_error *err);
    void (*close)(struct cnc_store **sp);
    /* As each(), all of it as it is at one moment: from another thread, while
     * commits go on.  NULL: the store cannot, and they wait for each(). */
    int (*each_beside)(struct cnc_store *s, cnc_store_each_f *f, void *priv,
                       struct cnc_error *err);
};

#define CNC_STORE_SYMBOL "cnc_store_driver"

CNC_END_DECLS

#endif /* CONCORDANCE_STORE_H */
