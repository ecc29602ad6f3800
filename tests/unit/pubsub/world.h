/* SPDX-License-Identifier: MIT */
/*
 * world.h -- a PubSub service with nothing around it: sessions that are only
 * names, people of other domains, a store in memory that fails or waits when
 * the test says so, and everything anybody hears, in the order it was sent.
 */
#ifndef TESTS_PUBSUB_WORLD_H
#define TESTS_PUBSUB_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../src/pubsub/command.h"
#include "../../../src/pubsub/pubsub.h"

#ifndef DOMAIN
#define DOMAIN "x"
#endif

struct heard {
    char *who; /* full JID of the session, or where it was carried to */
    char *xml;
};

enum judge { ACCEPT, REFUSE, HOLD };

struct world {
    struct cnc__router *router;
    struct cnc__pubsub *ps;
    struct cnc__commands *commands;
    int64_t now_ms;
    /* the store */
    struct cnc__table *rows;
    struct cnc__commit **waiting;
    size_t first_waiting, n_waiting, cap_waiting, n_commits;
    bool hold, fail; /* commits wait for world_flush(); they fail */
    /* what was heard and not yet asked for */
    struct heard *heard;
    size_t n_heard, cap_heard, at;
    bool quiet; /* count alone */
    uint64_t n_delivered;
    /* hooks */
    enum judge judge;
    struct cnc__publish *held;
    struct cnc__table *roles; /* bare JID -> "staff editors" */
    char after[4096];         /* "publish library 1 | ..." */
};

struct world *world_new(void);
void world_free(struct world **wp);
/* The service dies and starts again with what the store has; sessions end. */
void world_restart(struct world *w);
void world_crash(struct world *w); /* the same, waiting commits are lost */

struct cnc__session *world_session(struct world *w, const char *bare,
                                   const char *resource, bool guest,
                                   bool operator_);
void world_end(struct world *w, struct cnc__session *s);

/* A session sends a stanza (to the domain unless it says otherwise); what the
 * store was given is then kept, unless it holds. */
void world_say(struct world *w, struct cnc__session *s, const char *fmt, ...)
    CNC_PRINTF(3, 4);
/* The same from somebody of another domain, by a peer that vouches for it. */
void world_far(struct world *w, const char *jid, const char *fmt, ...)
    CNC_PRINTF(3, 4);
/* Answer all waiting commits in order. */
void world_flush(struct world *w);
/* The next thing heard by s, or fails; s NULL: by anybody. Borrowed. */
const char *world_hear(struct world *w, struct cnc__session *s);
/* The next thing heard, by this JID. */
const char *world_hear_jid(struct world *w, const char *jid);
/* Nothing more was heard. */
void world_silence(struct world *w);
/* Forget what was heard. */
void world_deaf(struct world *w);
/* The answer holds this text. */
void world_expect(struct world *w, struct cnc__session *s, const char *part);
void world_expect_jid(struct world *w, const char *jid, const char *part);

/* From now on this bare JID has these roles alone; NULL: none. */
void world_roles(struct world *w, const char *bare, const char *roles);

/* Shorthands for the operator's verbs in C tests. */
struct cnc__node *world_node(struct world *w, const char *name);
struct cnc_element *world_xml(const char *fmt, ...) CNC_PRINTF(1, 2);
struct cnc__actor world_operator(void);
/* Publish as the operator; flushes unless it holds. */
void world_publish(struct world *w, struct cnc__node *n, const char *id,
                   const char *title);
/* Every row of the store as text, sorted: to compare two states. */
char *world_dump_store(struct world *w);
/* An entry as if it had been kept. */
void world_put(struct world *w, const struct cnc_store_entry *e);
/* All nodes with items, in order, as text. */
char *world_dump(struct world *w);

#endif /* TESTS_PUBSUB_WORLD_H */
