/* SPDX-License-Identifier: MIT */
/*
 * fake.h -- a service for a front to talk to: logs in whoever comes by its
 * Unix socket, gives the items of service/pages, and leaves each request of
 * HTTP to the test.  A thread of its own; what a test changes of it, it
 * changes with the lock held.
 */
#ifndef TEST_FAKE_H
#define TEST_FAKE_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../../src/base/str.h"
#include "../../../src/base/table.h"
#include "../../../src/front/front.h"
#include "../../../src/front/link.h"
#include "../../../src/xml/write.h"

#define FAKE_CONNS  16
#define FAKE_DOMAIN "books.example"

struct fake;

struct fake_conn {
    struct fake *fake;
    struct cnc_parser *parser;
    int fd;
    bool authenticated, restart, subscribed;
};

struct fake {
    char path[108];
    int listener, wake;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t happened; /* something: see n_... */
    bool running, stop;
    bool mute;                /* reads, and answers nothing */
    bool varies;              /* pages are others in other languages */
    bool no_pages;            /* nobody may see service/pages */
    struct cnc__table *pages; /* key -> etag */
    unsigned n_logins, n_requests, n_pings;
    struct fake_conn conns[FAKE_CONNS];
    /* A request, on the fake's thread, unlocked. */
    void (*on_request)(struct fake *f, struct fake_conn *c,
                       const struct cnc_element *iq, void *priv);
    /* Any other IQ: true: it was answered. */
    bool (*on_iq)(struct fake *f, struct fake_conn *c,
                  const struct cnc_element *iq, void *priv);
    void *priv;
};

/* A socket in a new folder; nobody listens yet. */
void fake_init(struct fake *f);
void fake_start(struct fake *f);
/* All its connections end. */
void fake_stop(struct fake *f);
void fake_fini(struct fake *f);
/* Break the connections that there are now. */
void fake_break(struct fake *f);

/* Any thread. */
void fake_say(struct fake_conn *c, const char *fmt, ...) CNC_PRINTF(2, 3);
/* The answer to a request; more: what stands in <resp/> beside its headers:
 * <data/>, <kept/>.  headers: "Name: value\n". */
void fake_answer(struct fake_conn *c, const struct cnc_element *iq, int status,
                 const char *headers, const char *more);
/* A page that may be kept. */
void fake_page(struct fake_conn *c, const struct cnc_element *iq,
               const char *key, const char *etag, const char *html);
/* The item changes (etag NULL: goes), and who subscribed is told. */
void fake_publish(struct fake *f, const char *key, const char *etag);
/* Waits until *n is at least that many. */
void fake_wait(struct fake *f, const unsigned *n, unsigned many);

/* -- a browser ------------------------------------------------------------
 */

/* Header lines: "Name: value\n". */
struct cnc__front_answer ask(struct cnc__front *f, const char *method,
                             const char *target, const char *headers,
                             const char *body);
const char *header_of(const struct cnc__front_answer *a, const char *name);
/* The whole body; *new*. */
char *body_of(struct cnc__front_answer *a);
void expect(struct cnc__front_answer *a, int status, const char *body);
/* The request's body, decoded; *new*. */
char *sent_body(const struct cnc_element *iq);
const struct cnc_element *req_of(const struct cnc_element *iq);

#endif /* TEST_FAKE_H */
