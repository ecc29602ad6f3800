/* SPDX-License-Identifier: MIT */
/*
 * world.h -- the apps of one domain on a real router, pubsub and commands.  A
 * queue stands for the store, another for the core's loop, and a session is a
 * name whose last stanza is kept.
 */
#ifndef TESTS_APP_WORLD_H
#define TESTS_APP_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../src/app/apps.h"
#include "../../../src/base/text.h"

#define NS "urn:example:shelf"

struct world;

struct world *world_new(void);
/* Ends the apps' threads first: what they still posted is run. */
void world_free(struct world **wp);

struct cnc__apps *world_apps(struct world *w);
struct cnc__pubsub *world_pubsub(struct world *w);
struct cnc__commands *world_commands(struct world *w);
/* For a registry of apps of one's own. */
const struct cnc__apps_env *world_env(struct world *w);
/* Add an app and answer the commits it caused; the test fails with it. */
void world_add(struct world *w, const struct cnc_app *app);

/* Add and declare it: 0, or what is wrong with it. */
int world_try(struct world *w, const struct cnc_app *app,
              struct cnc_error *err);

/* Answer every waiting commit in order, with an error when text is given. */
void world_flush(struct world *w, const char *fails);
/* Run what was posted to the core, until f(arg) is true; fails after 30 s. */
void world_pump(struct world *w, bool (*f)(void *arg), void *arg);
/* As the service does at its end; the rooms stay. */
void world_leave(struct world *w);

struct answer {
    unsigned n; /* how often it came */
    int code;
    char text[256], id[64];
    char form[256], title[256]; /* the errors of the form and of a field */
};

/* Fill in the form of node: pairs of name and value, NULL-ended. */
void world_submit(struct world *w, struct answer *a, const char *node,
                  const struct cnc__actor *who, const char *id, ...);
size_t world_n_items(struct world *w, const char *node);
/* The XML of an item; borrowed. */
const char *world_item(struct world *w, const char *node, const char *id);

struct cnc__session *world_session(struct world *w, const char *bare,
                                   bool operator_);
/* A session sends this stanza's inside: <iq type='set' id='1' ...>. */
void world_say(struct cnc__session *s, const char *xml);
/* The last stanza that any session heard, or "". */
const char *world_heard(void);

#endif /* TESTS_APP_WORLD_H */
