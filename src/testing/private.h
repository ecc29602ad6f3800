/* SPDX-License-Identifier: MIT */
/*
 * private.h -- what the files of the test kit share.
 */
#ifndef CNC_TESTING_PRIVATE_H
#define CNC_TESTING_PRIVATE_H

#include <pthread.h>

#include <concordance/service.h>
#include <concordance/testing.h>

#include "../base/arena.h"
#include "../base/str.h"
#include "../client/client.h"

struct stanza { /* kept until the end: answers are borrowed of it */
    struct cnc_element *e;
    struct stanza *next;
};

struct cookie {
    char *name, *value;
    struct cookie *next;
};

struct cnc_test {
    struct cnc_service_options options;
    struct cnc_service_app app[2];
    struct cnc_service *service;
    pthread_t thread;
    /* Of both threads. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char *url; /* NULL: it is not served yet */
    bool ended;
    struct cnc_error err;
    /* The test's own. */
    struct cnc__arena arena;
    struct stanza *stanzas;
    struct cnc__client *client;
    struct cnc_element *event; /* whose items come one by one */
    size_t event_at;
    struct cookie *cookies;
    char folder[4096];
};

/* Say what is wrong and end the process; the folder goes, too. */
_Noreturn void cnc__test_die(struct cnc_test *t, const char *fmt, ...)
    CNC_PRINTF(2, 3);
/* Milliseconds that anything may take. */
int cnc__test_limit_ms(void);
/* A copy in the arena. */
const char *cnc__test_keep(struct cnc_test *t, const char *s, size_t len);

#endif /* CNC_TESTING_PRIVATE_H */
