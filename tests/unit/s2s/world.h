/* SPDX-License-Identifier: MIT */
/*
 * world.h -- a few servers in one process, joined by pipes of memory: names,
 * dialling, TLS and certificates are make-believe, all else is the real
 * thing.  A server may also be raw: what it hears is kept, what it says is the
 * test's.
 */
#ifndef CNC_TESTS_S2S_WORLD_H
#define CNC_TESTS_S2S_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../src/base/log.h"
#include "../../../src/s2s/component.h"
#include "../../../src/s2s/s2s.h"

#define MAX_SERVERS 4

struct world;
struct pipe;

struct server {
    struct world *world;
    const char *domain;
    const char *hosts[4]; /* further domains of it */
    bool raw;
    bool as_component;   /* raw: its connections are a component's */
    const char *cert[4]; /* the names in its certificate */
    bool trusted;        /* by everybody */
    bool direct_tls;     /* TLS from the first byte */
    bool no_tls;         /* it cannot */
    bool unreachable;    /* the name is known, nobody answers */
    unsigned n_dialled;  /* how often others have dialled it */
    struct cnc__router *router;
    struct cnc__s2s *s2s;
    struct cnc__s2s_options options;
    struct cnc__component_name names[2]; /* of its components */
    struct cnc__components *components;  /* when it has any */
    const char *attached_to;             /* it is a component of that server */
    const char *secret;
    struct cnc__attach *attach;
    struct cnc__str got; /* what its accounts got, one line each */
};

struct end {
    struct pipe *pipe;
    struct server *server;
    struct cnc__stream *stream; /* NULL: raw, or gone */
    bool starttls;
    struct cnc__str heard; /* raw */
    struct end *other;
};

struct pipe {
    struct pipe *next;
    struct end from, to; /* who dialled, who was */
    bool cut;
};

struct dialling;

struct world {
    struct server servers[MAX_SERVERS];
    size_t n_servers;
    struct pipe *pipes;
    struct dialling *diallings;
    uint64_t now_ms;
    struct cnc__str wire; /* all that was said by all */
};

int world_set_up(void **state);
int world_tear_down(void **state);
/* Before start(): add a server.  Its certificate names it and is trusted. */
struct server *server_add(struct world *w, const char *domain);
void start(struct world *w);
/* Let everything happen that can without time going on. */
void settle(struct world *w);
/* Time goes on in steps of a second. */
void pass(struct world *w, uint64_t ms);
/* A message from juliet at one to romeo at the other; what the router said. */
int tell(struct server *from, const char *from_jid, const char *to_jid,
         const char *body);
/* A raw end of its own: a connection to the server. */
struct end *connect_raw(struct world *w, struct server *raw,
                        struct server *to);
/* The newest pipe's end at that raw server. */
struct end *raw_end(struct world *w, const struct server *raw);
void say(struct end *e, const char *text);
/* The raw end does its part of TLS. */
void go_secure(struct end *e);
/* Neither cut nor closed by the other side. */
bool is_open(const struct end *e);
/* Break every pipe without a word. */
void cut_all(struct world *w);
bool has(const struct cnc__str *text, const char *part);
size_t n_of(const struct cnc__str *text, const char *part);
void forget(struct cnc__str *text);

#endif /* CNC_TESTS_S2S_WORLD_H */
