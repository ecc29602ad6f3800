/* SPDX-License-Identifier: MIT */
/*
 * link-priv.h -- what link.c, whom all threads call, and dial.c, its own
 * thread, share.
 */
#ifndef CNC_FRONT_LINK_PRIV_H
#define CNC_FRONT_LINK_PRIV_H

#include "../base/table.h"
#include "../client/client.h"
#include "link.h"

#define CNC__FLINK_OPEN_MS     10000 /* an attempt ends by then */
#define CNC__FLINK_BACK_OFF_MS 100   /* after the first failure */

struct cnc__flink {
    unsigned magic;
    struct cnc__flink_config c;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* up, down, an attempt has failed */
    pthread_t thread;
    bool running, stop, up, tried, resting;
    int wake; /* eventfd, while running: there is something to do */
    struct cnc__client *client, *forsaken; /* the parent's, before fork() */
    int fd;                                /* its socket, while up */
    char *domain;
    uint64_t made; /* times it was up */
    uint64_t n_iq, n_heard;
    unsigned n_waiting;             /* for it to be up */
    int64_t down_since, attempt_ms; /* the last attempt failed */
    unsigned attempts;              /* that failed */
    struct cnc_error why;           /* it is not up */
    struct cnc__table *asks, *inflows;
    struct cnc__str out; /* what the socket did not take yet */
    char said[sizeof(((struct cnc_error *)0)->text)]; /* logged last */
    int64_t said_ms;
};

/* Locked. */
void cnc__flink_wake(struct cnc__flink *l);
void cnc__flink_flush(struct cnc__flink *l);
void cnc__flink_put(struct cnc__flink *l, const char *xml, size_t len);
/* The link's thread. */
void *cnc__flink_run(void *l);

#endif /* CNC_FRONT_LINK_PRIV_H */
