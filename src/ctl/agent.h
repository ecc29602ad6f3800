/* SPDX-License-Identifier: MIT */
/*
 * agent.h -- `concordctl agent`: a tree of files for a web server, which
 * serves it with everything of ours stopped.
 *
 *   service/pages --items, events--> agent.c --what is old--> agent-fetch.c
 *                                       |     --whole pages-> agent-tree.c
 *                                       +-----addresses-----> agent-purge.c
 *
 *   agent.c        the command; what is to be done, connections
 *   agent-fetch.c  a page, a file, by HTTP over the link
 *   agent-tree.c   the files, and the list of those that are ours
 *   agent-purge.c  tells caches
 *
 * The tree is that of the service (../web/disk.h), with the assets and error
 * pages in it.  What is ours is in the list DIR/.concordance, nothing else is
 * ever touched.
 */
#ifndef CNC_CTL_AGENT_H
#define CNC_CTL_AGENT_H

#include "../base/table.h"
#include "../front/front.h"
#include "ctl.h"

#define NS_WEB "http://concordance-xmpp.org/ns/web"

/* -- agent-tree.c ---------------------------------------------------------
 *
 * A thing is 'p', a page by its key, 'f', a file by its address, or 'e', the
 * page of an error by its status.
 */

struct tree_thing {
    char kind;
    char *name; /* of its file */
    char etag[80];
    int64_t listed; /* Unix seconds, of a file: when it was needed last */
    uint64_t round; /* of tree_begin() that named it last */
};

struct tree {
    char *dir;
    int lock;                 /* the list's descriptor, locked */
    struct cnc__table *all;   /* kind and key -> struct tree_thing */
    struct cnc__table *purge; /* addresses that caches must hear of */
    uint64_t round;
    bool changed;
    uint64_t n_written, n_removed;
};

/* Makes the folder, takes its list; CNC_EEXIST: another agent has it. */
int tree_open(struct tree *t, const char *dir, struct cnc_error *err);
void tree_close(struct tree *t);
/* The list, on the disk.  CNC_ESYS. */
int tree_save(struct tree *t, struct cnc_error *err);
/* *borrowed*; NULL: it is not there. */
struct tree_thing *tree_get(const struct tree *t, char kind, const char *key);
/* Write it with its copies.  *changed: it is another now.  CNC_EINVAL: such a
 * name can be no file; CNC_ESYS. */
int tree_put(struct tree *t, char kind, const char *key, const char *etag,
             const char *data, size_t len, bool *changed,
             struct cnc_error *err);
int tree_remove(struct tree *t, char kind, const char *key,
                struct cnc_error *err);
/* Name all that is there now; then what was not named goes, pages at once,
 * files when nobody has needed them for a week: f hears of each page. */
void tree_begin(struct tree *t);
void tree_name(struct tree *t, char kind, const char *key);
int tree_end(struct tree *t, char kind, void (*f)(const char *key, void *priv),
             void *priv, struct cnc_error *err);

/* -- agent-fetch.c -------------------------------------------------------- */

struct fetched {
    struct cnc__front_answer answer;
    int status;
    bool everybodys; /* 200, and no cache is kept from it */
    char etag[80];   /* without quotes and suffix */
    struct cnc__str body;
};

/* lang "": whatever.  CNC_EAGAIN: the service is away, or says so (5xx). */
int fetch(struct fetched *out, struct cnc__front *front, const char *domain,
          const char *target, const char *lang, struct cnc_error *err);
void fetched_fini(struct fetched *f);

/* -- agent-purge.c --------------------------------------------------------
 */

struct purge {
    char **commands;
    size_t n;
    uint64_t wait_ms, next_ms; /* after a failure */
};

/* 0: nothing is waiting any more.  1: some failed, and wait. */
int purge_run(struct purge *p, struct tree *t, uint64_t now_ms);
/* What is wrong with a command, or NULL. */
const char *purge_check(const char *command);

#endif /* CNC_CTL_AGENT_H */
