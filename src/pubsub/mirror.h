/* SPDX-License-Identifier: MIT */
/*
 * mirror.h -- a node of another service, kept here as well.
 *
 *   WAITS --due--> ASKS: subscribe -> archive? -> what came since
 *     ^              |                 \-> all items -> what came meanwhile
 *     |              v
 *     +---lost---- LIVE: events as they come, a look now and then
 *
 * First we subscribe, then we fetch, and what is told meanwhile waits: so
 * there is no gap.  Where the source has an archive (XEP-0313), its ids say
 * what we have, and they are kept in the same transaction as the item: so
 * nothing is done twice, after a crash either.  Where it has none, items are
 * compared.
 *
 * mirror.c talks to the source; reflect.c changes our node.
 */
#ifndef CNC_PUBSUB_MIRROR_H
#define CNC_PUBSUB_MIRROR_H

#include "impl.h"

enum cnc__mirror_state {
    CNC__MIRROR_WAITS,
    CNC__MIRROR_ASKS,
    CNC__MIRROR_LIVE
};

enum cnc__op_kind { CNC__OP_ITEM, CNC__OP_RETRACT, CNC__OP_PURGE };

struct cnc__op { /* one change of the source */
    enum cnc__op_kind kind;
    char *id;
    struct cnc_element *payload; /* ref or NULL */
};

struct cnc__ops {
    struct cnc__op *all;
    size_t n, cap;
};

struct cnc__mirror {
    unsigned magic, refs;
    struct cnc__mirror *next;
    struct cnc__pubsub *ps; /* NULL: it has ended */
    struct cnc__node *node; /* ref */
    char *source, *source_node;
    enum cnc__mirror_state state;
    unsigned round; /* answers to an earlier one are not heard */
    uint64_t now_ms, due_ms, full_ms;
    uint32_t backoff_ms;
    bool has_archive, told_lost, told_ready;
    bool again; /* something was missed: ask as soon as possible */
    bool dirty; /* our store has refused something: the position says too much
                   and all is compared */
    /* The source's archive id of the newest event that is done; NULL: none is
     * known. */
    char *position;
    /* of one round: */
    bool whole; /* all items are fetched, and then what came since base */
    char *base, *after;
    char queryid[17];
    unsigned restarts;
    size_t n_pages;
    struct cnc__table *there;   /* ids of all items */
    struct cnc__table *known;   /* archive ids that the pages had */
    struct cnc__ops since;      /* what to do after all items */
    struct cnc_element **heard; /* events meanwhile: refs to the messages */
    size_t n_heard, cap_heard;
};

/* reflect.c.  at: the archive id to keep with it, or NULL. */

/* The children of <event/>; false: it names something else's node. */
bool cnc__ops_read(struct cnc__ops *out, const struct cnc__mirror *m,
                   const struct cnc_element *event);
void cnc__ops_fini(struct cnc__ops *ops);
void cnc__reflect(struct cnc__mirror *m, const struct cnc__op *op,
                  const char *at);
/* Only what the end result needs, in order. */
void cnc__reflect_result(struct cnc__mirror *m, const struct cnc__ops *ops);
/* Take away what is not in m->there. */
void cnc__reflect_rest(struct cnc__mirror *m);
/* Keep m->position now. */
void cnc__reflect_mark(struct cnc__mirror *m);
/* Is our newest item this one? */
bool cnc__reflect_has(const struct cnc__mirror *m, const char *id,
                      const struct cnc_element *payload);
void cnc__mirror_unref(struct cnc__mirror **mp);

#endif /* CNC_PUBSUB_MIRROR_H */
