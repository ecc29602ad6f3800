/* SPDX-License-Identifier: MIT */
/*
 * bench.h -- an agent on a workbench: real pubsub, real forms, the real
 * engine behind the render protocol's bytes; the store, the render process
 * and other threads are queues that a test moves on by hand.
 */
#ifndef TEST_WEB_BENCH_H
#define TEST_WEB_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../src/render/engine.h"
#include "../../../src/web/web.h"

#define BOOK_NS "http://concordance-xmpp.org/apps/mybookcase"

struct answer { /* of an HTTP request */
    struct answer *next;
    struct cnc__http_responder responder;
    unsigned n;
    int status;
    char *head; /* header lines */
    char *body;
    size_t body_len;
    bool is_whole;
    /* The request, which lives until it is answered. */
    struct cnc__http_request request;
    struct cnc__http_header headers[8];
    char *copy, *path;
};

struct call; /* to the render process */
struct job;  /* offloaded */

struct bench {
    struct cnc__router *router;
    struct cnc__pubsub *pubsub;
    struct cnc__agent *agent;
    struct cnc__node *library;
    char www[64]; /* "" when no files are wanted */

    struct cnc__commit **commits;
    size_t n_commits;
    bool hold_commits;

    struct call *calls;
    size_t n_calls;
    bool hold_render; /* calls wait */
    bool die_on_check;
    struct cnc__table *docs; /* key -> struct cnc__page_doc */
    unsigned counts[32];     /* calls done, by type */

    struct job *jobs;
    bool hold_jobs;

    struct answer *answer; /* of the last request; older ones follow */
    bool started;
    unsigned submits;
    char *refuse_isbn; /* the app refuses this one */
    const char *jid;   /* who asks by HTTP; NULL: a guest */
    const char *role;  /* the one that he has, or NULL */
    struct cnc__commands *commands;
    char *submitter;
};

extern const struct cnc_app bench_app;
extern const struct cnc_page bench_page; /* "/", window 3 */

/* flags of bench_new */
#define BENCH_FILES    1u /* snapshots are written below a new folder */
#define BENCH_NO_START 2u
struct bench *bench_new(const struct cnc_page *page, unsigned flags);
void bench_free(struct bench *b);

/* Until nothing moves that is not held. */
void bench_run(struct bench *b);
/* The render process dies: its documents are gone, what waits is answered
 * with NULL, then it is there again. */
void bench_kill_render(struct bench *b);

/* What waits there is never answered: the service ends. */
void bench_drop_calls(struct bench *b);

void bench_publish(struct bench *b, const char *id, const char *title);
void bench_retract(struct bench *b, const char *id);
/* What pubsub said: 0 or the code; *err may be NULL. */
int bench_template(struct bench *b, const char *id, const char *sheet,
                   struct cnc_error *err);
/* A sheet that lists titles in <li id="{@c:id}">, and what extra is. */
char *bench_sheet(const char *heading, const char *extra);

/* Header lines end in \r\n; may be NULL. */
void bench_get(struct bench *b, const char *target, const char *headers);
void bench_head(struct bench *b, const char *target);
void bench_post(struct bench *b, const char *target, const char *type,
                const char *body);
/* A header of the answer, or NULL; static. */
const char *bench_header(struct bench *b, const char *name);
/* The page as the agent shows it. */
const char *bench_page_html(struct bench *b);
#define assert_has(text, part)                                                \
    do {                                                                      \
        if (strstr((text), (part)) == NULL) {                                 \
            fail_msg("\"%s\" is not in:\n%s", (part), (text));                \
        }                                                                     \
    } while (0)
#define assert_lacks(text, part)                                              \
    do {                                                                      \
        if (strstr((text), (part)) != NULL) {                                 \
            fail_msg("\"%s\" is in:\n%s", (part), (text));                    \
        }                                                                     \
    } while (0)

/* The same of another view. */
size_t bench_n_patches_of(struct bench *b, const char *view);
char *bench_patch_of(struct bench *b, const char *view, size_t i);
void bench_publish_by(struct bench *b, const char *id, const char *title,
                      const char *author);
/* Patches of the view "/": their number, one by its index (oldest first). */
size_t bench_n_patches(struct bench *b);
char *bench_patch(struct bench *b, size_t i, uint64_t *seq);

#endif /* TEST_WEB_BENCH_H */
