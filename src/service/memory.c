/* SPDX-License-Identifier: MIT */
/*
 * memory.c -- the store that keeps nothing: items live in the core's memory
 * and are gone with the process.  For tests, and for what may be lost.
 */
#include "private.h"

struct cnc_store {
    int unused;
};

static int
memory_open(struct cnc_store **out, const char *dir, struct cnc_error *err)
{
    *out = cnc__zalloc(sizeof(**out));
    return 0;
}

static int
memory_commit(struct cnc_store *s, const struct cnc_store_op *ops, size_t n,
              struct cnc_error *err)
{
    return 0;
}

static int
memory_each(struct cnc_store *s, cnc_store_each_f *f, void *priv,
            struct cnc_error *err)
{
    return 0;
}

static int
memory_get(struct cnc_store *s, enum cnc_store_kind kind, const char *node,
           const char *id, cnc_store_each_f *f, void *priv,
           struct cnc_error *err)
{
    return CNC_ENOENT;
}

static void
memory_close(struct cnc_store **sp)
{
    cnc__free(*sp);
    *sp = NULL;
}

const struct cnc_store_driver cnc__store_memory = {
    .abi = CNC_STORE_ABI,
    .size = sizeof(struct cnc_store_driver),
    .name = "memory",
    .summary = "keeps nothing past the process",
    .open = memory_open,
    .commit = memory_commit,
    .each = memory_each,
    .get = memory_get,
    .close = memory_close,
};
