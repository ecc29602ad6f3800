/* SPDX-License-Identifier: MIT */
/*
 * store.c -- stores for tests, one source with several names: STRICT ends the
 * process when two calls are under way at once, or when it is read after the
 * first commit; BROKEN does not open; GARBAGE has an entry that is none; OLD
 * is of another version.
 */
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <concordance/store.h>

struct cnc_store {
    atomic_int inside, written;
};

static struct cnc_store the_store;

static void
enter(struct cnc_store *s)
{
    if (atomic_fetch_add(&s->inside, 1) != 0) {
        abort();
    }
}

static void
leave(struct cnc_store *s)
{
    atomic_fetch_sub(&s->inside, 1);
}

static int
open_store(struct cnc_store **out, const char *dir, struct cnc_error *err)
{
#ifdef BROKEN
    return cnc_error_set(err, CNC_ESTORE, NULL, "the store is broken");
#endif
    atomic_store(&the_store.inside, 0);
    atomic_store(&the_store.written, 0);
    *out = &the_store;
    return 0;
}

static int
commit(struct cnc_store *s, const struct cnc_store_op *ops, size_t n,
       struct cnc_error *err)
{
    enter(s);
    atomic_store(&s->written, 1);
    for (int i = 0; i < 2000; i++) {
        sched_yield(); /* long enough for somebody else to come */
    }
    leave(s);
    return 0;
}

static int
each(struct cnc_store *s, cnc_store_each_f *f, void *priv,
     struct cnc_error *err)
{
    static const char kept[] =
        "<settings xmlns='urn:example:notes'><size>42</size></settings>";
    struct cnc_store_entry e = {.kind = CNC_STORE_KEY,
                                .node = "setting",
                                .id = "notes",
                                .publisher = "",
                                .value = kept,
                                .len = sizeof(kept) - 1};
    int code;

    enter(s);
    if (atomic_load(&s->written)) {
        abort();
    }
    code = f(&e, priv);
#ifdef GARBAGE
    e.kind = CNC_STORE_NODE;
    e.node = "notes";
    e.id = "";
    e.value = "<nonsense";
    e.len = 9;
    code = f(&e, priv);
#endif
    leave(s);
    return code;
}

static int
get(struct cnc_store *s, enum cnc_store_kind kind, const char *node,
    const char *id, cnc_store_each_f *f, void *priv, struct cnc_error *err)
{
    enter(s);
    if (atomic_load(&s->written)) {
        abort();
    }
    leave(s);
    return CNC_ENOENT;
}

static void
close_store(struct cnc_store **sp)
{
    enter(*sp);
    leave(*sp);
    *sp = NULL;
}

CNC_API extern const struct cnc_store_driver cnc_store_driver;
const struct cnc_store_driver cnc_store_driver = {
#ifdef OLD
    .abi = 99,
#else
    .abi = CNC_STORE_ABI,
#endif
    .size = sizeof(struct cnc_store_driver),
    .name = "strict",
    .summary = "for tests",
    .open = open_store,
    .commit = commit,
    .each = each,
    .get = get,
    .close = close_store,
};
