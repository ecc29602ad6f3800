/* SPDX-License-Identifier: MIT */
/*
 * world.h -- a domain's accounts with nothing around them: sessions that are
 * only names, peers of other domains behind a carrier that only notes, a store
 * in memory that fails or waits when the test says so, and everything anybody
 * hears, each in the order it was sent to him.
 */
#ifndef TESTS_IM_WORLD_H
#define TESTS_IM_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../src/im/impl.h"

#define DOMAIN "capulet.lit"

struct heard {
    char *who; /* full JID of a session; of another domain: as addressed */
    char *xml;
};

struct world {
    struct cnc__router *router;
    struct cnc__im *im;
    int64_t now_ms;
    struct cnc__table *accounts; /* local parts */
    struct cnc__im_limits limits;
    const char *without[8];
    size_t n_without;
    bool register_open;
    char registered[128]; /* "USER PASSWORD" of the last account_set */
    /* the store */
    struct cnc__table *rows; /* "NODE\nID" -> cnc_buf */
    struct cnc__commit **waiting;
    size_t n_waiting, cap_waiting, n_commits;
    bool hold, fail; /* commits wait for world_flush(); they fail */
    /* what was heard and not yet asked for */
    struct heard *heard;
    size_t n_heard, cap_heard;
    char events[8192]; /* of availability: "+owner full first; " */
};

struct world *world_new(void);
void world_free(struct world **wp);
/* The service dies and starts again with what the store has; sessions end
 * without a word.  Also after limits or without were changed. */
void world_restart(struct world *w);

void world_account(struct world *w, const char *user);
void world_delete(struct world *w, const char *user);
struct cnc__session *world_session(struct world *w, const char *full);
void world_end(struct world *w, struct cnc__session *s);

/* A session, or (s NULL) somebody of another domain, sends a stanza; what the
 * store was given is then kept, unless it holds. */
void world_say(struct world *w, struct cnc__session *s, const char *from,
               const char *xml);
void world_flush(struct world *w);
/* The next thing who heard, a *new* string; NULL: nothing. */
char *world_hear(struct world *w, const char *who);
/* Nothing more was heard by anybody. */
void world_silence(struct world *w);
void world_deaf(struct world *w);
/* who hears next something that holds this text. */
void world_expect(struct world *w, const char *who, const char *part);
/* Time goes on. */
void world_wait(struct world *w, int64_t ms);

#endif /* TESTS_IM_WORLD_H */
