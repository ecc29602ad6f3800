/* SPDX-License-Identifier: MIT */
/*
 * link.c -- one connection to the service for all threads of a process: what
 * they call.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../xml/write.h"
#include "../xmpp/errors.h"
#include "link-priv.h"

#define LINK_MAGIC 0x4c494e4bu
#define TRY_MS     200

/* -- clock and conditions -------------------------------------------------
 */

int64_t
cnc__flink_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
cnc__flink_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

/* 0, or CNC_EAGAIN when it is until_ms. */
int
cnc__flink_cond_wait(struct cnc__flink *l, pthread_cond_t *cond,
                     int64_t until_ms)
{
    struct timespec t = {.tv_sec = until_ms / 1000,
                         .tv_nsec = until_ms % 1000 * 1000000};

    return pthread_cond_timedwait(cond, &l->lock, &t) == ETIMEDOUT ? CNC_EAGAIN
                                                                   : 0;
}

void
cnc__flink_lock(struct cnc__flink *l)
{
    pthread_mutex_lock(&l->lock);
}

void
cnc__flink_unlock(struct cnc__flink *l)
{
    pthread_mutex_unlock(&l->lock);
}

struct cnc__table *
cnc__flink_inflows(struct cnc__flink *l)
{
    return l->inflows;
}

uint64_t
cnc__flink_made(const struct cnc__flink *l)
{
    return l->made;
}

const char *
cnc__flink_name(const struct cnc__flink *l)
{
    return l->domain;
}

const char *
cnc__flink_jid(const struct cnc__flink *l)
{
    return cnc__client_jid(l->client);
}

bool
cnc__flink_is_service(const struct cnc__flink *l, const char *from)
{
    return from == NULL || strcmp(from, l->domain) == 0;
}

/* -- sending, locked ------------------------------------------------------
 */

void
cnc__flink_wake(struct cnc__flink *l)
{
    uint64_t one = 1;

    if (l->wake >= 0) {
        (void)!write(l->wake, &one, sizeof(one));
    }
}

/* What the socket takes now.  A broken one is found by whoever reads. */
void
cnc__flink_flush(struct cnc__flink *l)
{
    size_t done = 0;

    while (done < l->out.len) {
        ssize_t n = send(l->fd, l->out.data + done, l->out.len - done,
                         MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n > 0) {
            done += (size_t)n;
        } else if (n < 0 && errno != EINTR) {
            break;
        }
    }
    cnc__str_drop(&l->out, done);
}

void
cnc__flink_put(struct cnc__flink *l, const char *xml, size_t len)
{
    bool idle = l->out.len == 0;

    cnc__str_add(&l->out, xml, len);
    if (idle) {
        cnc__flink_flush(l);
        if (l->out.len > 0) {
            cnc__flink_wake(l);
        }
    }
}

void
cnc__flink_say(struct cnc__flink *l, uint64_t made, const char *xml,
               size_t len)
{
    if (l->up && l->made == made) {
        cnc__flink_put(l, xml, len);
    }
}

/* -- asking ---------------------------------------------------------------
 */

void
cnc__fask_fini(struct cnc__fask *a)
{
    cnc_element_unref(&a->reply);
    if (a->inflow != NULL) {
        cnc__inflow_end(&a->inflow);
    }
}

int
cnc__flink_send(struct cnc__flink *l, struct cnc__fask *a, uint64_t made,
                const char *type, const char *payload, size_t len)
{
    struct cnc__str head = CNC__STR;

    CNC_OBJ_CHECK(l, LINK_MAGIC);
    pthread_mutex_lock(&l->lock);
    if (!l->up || (made != 0 && made != l->made)) {
        pthread_mutex_unlock(&l->lock);
        return CNC_EAGAIN;
    }
    if (a->heard == NULL) {
        cnc__flink_cond_init(&a->cond);
    }
    a->made = l->made;
    snprintf(a->id, sizeof(a->id), "w%llu", (unsigned long long)++l->n_iq);
    cnc__table_put(l->asks, a->id, a);
    cnc__xml_printf(&head, "<iq type='%s' id='%s' to='%s'>", type, a->id,
                    l->domain);
    cnc__str_reserve(&head, len + 8);
    cnc__str_add(&head, payload, len);
    cnc__str_puts(&head, "</iq>");
    cnc__flink_put(l, head.data, head.len);
    pthread_mutex_unlock(&l->lock);
    cnc__str_fini(&head);
    return 0;
}

bool
cnc__flink_is_done(struct cnc__flink *l, struct cnc__fask *a)
{
    bool done;

    pthread_mutex_lock(&l->lock);
    done = a->done;
    pthread_mutex_unlock(&l->lock);
    return done;
}

int
cnc__flink_wait(struct cnc__flink *l, struct cnc__fask *a, int64_t until_ms,
                struct cnc_error *err)
{
    const char *type;

    pthread_mutex_lock(&l->lock);
    while (!a->done && cnc__flink_cond_wait(l, &a->cond, until_ms) == 0) {
    }
    if (!a->done) {
        cnc__table_del(l->asks, a->id);
    }
    pthread_mutex_unlock(&l->lock);
    pthread_cond_destroy(&a->cond);
    if (!a->done) {
        return cnc_error_set(err, CNC_EAGAIN, NULL,
                             "the service did not answer in time");
    }
    if (a->code != 0) {
        return cnc_error_set(err, a->code, NULL,
                             "the connection to the service broke");
    }
    type = cnc_element_attr(a->reply, NULL, "type");
    return type != NULL && strcmp(type, "result") == 0
               ? 0
               : cnc__stanza_error_read(err, a->reply);
}

/* -- waiting for it -------------------------------------------------------
 */

/* Signals are the web server's: one that came to the link's thread would not
 * wake the one that waits for it. */
static int
begin_thread(struct cnc__flink *l)
{
    pthread_attr_t attr;
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, (size_t)512 << 10);
    rc = pthread_create(&l->thread, &attr, cnc__flink_run, l);
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static void
close_wake(struct cnc__flink *l)
{
    if (l->wake >= 0) {
        close(l->wake);
    }
    l->wake = -1;
}

/* Locked.  No descriptor is held before: a child of fork() may close those
 * that it does not know, and what has their numbers then is not ours. */
static void
begin(struct cnc__flink *l)
{
    int rc;

    if (l->running) {
        return;
    }
    l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    rc = l->wake < 0 ? errno : begin_thread(l);
    l->running = rc == 0;
    if (rc != 0) {
        close_wake(l);
        cnc_error_set(&l->why, CNC_ESYS, NULL,
                      "the thread of the connection cannot begin: %s",
                      strerror(rc));
        l->tried = true;
    }
}

/* Until when one waits for it. */
static int64_t
patience(const struct cnc__flink *l, uint32_t retry_ms, bool patient)
{
    int64_t now = cnc__flink_now();

    if (!l->tried) { /* the first attempt ends by itself */
        return now + 2 * CNC__FLINK_OPEN_MS;
    }
    return (patient ? now : l->down_since) + retry_ms;
}

/* It has been away for a while, and nobody waits for it any more; but it may
 * have come back just now, and finding out takes next to no time. */
static void
try_now(struct cnc__flink *l)
{
    int64_t now = cnc__flink_now();
    unsigned attempts = l->attempts;

    if (l->up || now - l->attempt_ms < CNC__FLINK_BACK_OFF_MS) {
        return;
    }
    if (l->resting) {
        cnc__flink_wake(l);
    }
    while (!l->up && l->attempts == attempts &&
           cnc__flink_cond_wait(l, &l->changed, now + TRY_MS) == 0) {
    }
}

int
cnc__flink_up(struct cnc__flink *l, uint32_t retry_ms, bool patient,
              struct cnc_error *err)
{
    int rc = 0;

    CNC_OBJ_CHECK(l, LINK_MAGIC);
    pthread_mutex_lock(&l->lock);
    begin(l);
    l->n_waiting++;
    if (!l->up && l->resting) {
        cnc__flink_wake(l);
    }
    while (!l->up && !l->tried &&
           cnc__flink_cond_wait(l, &l->changed,
                                patience(l, retry_ms, patient)) == 0) {
    }
    for (int64_t until = patience(l, retry_ms, patient);
         !l->up && cnc__flink_now() < until;) {
        cnc__flink_cond_wait(l, &l->changed, until);
    }
    try_now(l);
    l->n_waiting--;
    if (!l->up) {
        rc = l->why.code != 0 ? l->why.code : CNC_EAGAIN;
        if (err != NULL) {
            *err = l->why;
        }
    }
    pthread_mutex_unlock(&l->lock);
    return rc;
}

int64_t
cnc__flink_away_ms(struct cnc__flink *l)
{
    int64_t ms;

    pthread_mutex_lock(&l->lock);
    ms = l->up || !l->tried ? 0 : cnc__flink_now() - l->down_since;
    pthread_mutex_unlock(&l->lock);
    return ms;
}

bool
cnc__flink_is_up(struct cnc__flink *l, uint64_t *made)
{
    bool up;

    pthread_mutex_lock(&l->lock);
    up = l->up;
    *made = l->made;
    pthread_mutex_unlock(&l->lock);
    return up;
}

/* -- life -----------------------------------------------------------------
 */

static void
init(struct cnc__flink *l)
{
    pthread_mutex_init(&l->lock, NULL);
    cnc__flink_cond_init(&l->changed);
    l->wake = l->fd = -1;
    l->asks = cnc__table_new();
    l->inflows = cnc__table_new();
}

struct cnc__flink *
cnc__flink_new(const struct cnc__flink_config *config)
{
    struct cnc__flink *l = cnc__zalloc(sizeof(*l));

    l->magic = LINK_MAGIC;
    l->c = *config;
    init(l);
    return l;
}

void
cnc__flink_free(struct cnc__flink **lp)
{
    struct cnc__flink *l = *lp;

    CNC_OBJ_CHECK(l, LINK_MAGIC);
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    cnc__flink_wake(l);
    pthread_mutex_unlock(&l->lock);
    if (l->running) {
        pthread_join(l->thread, NULL);
    }
    *lp = NULL; /* what the thread calls has looked there until now */
    close_wake(l);
    cnc__table_free(&l->asks, NULL);
    cnc__table_free(&l->inflows, NULL);
    cnc__str_fini(&l->out);
    cnc__free(l->domain);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    CNC_OBJ_FREE(l);
}

/* -- fork -----------------------------------------------------------------
 */

void
cnc__flink_fork_prepare(struct cnc__flink *l)
{
    pthread_mutex_lock(&l->lock);
}

void
cnc__flink_fork_parent(struct cnc__flink *l)
{
    pthread_mutex_unlock(&l->lock);
}

/* The thread, the connection and those who wait are the parent's. */
void
cnc__flink_fork_child(struct cnc__flink *l)
{
    if (l->client != NULL) {
        cnc__client_forsake(l->client);
        l->forsaken = l->client;
    }
    close_wake(l);
    for (struct cnc__table_iter i = {0}; cnc__table_next(l->inflows, &i);) {
        cnc__inflow_broken(i.value);
    }
    cnc__table_free(&l->asks, NULL);
    cnc__table_free(&l->inflows, NULL);
    cnc__str_fini(&l->out);
    l->client = NULL;
    l->running = l->up = l->tried = l->stop = false;
    l->n_waiting = 0;
    l->said[0] = '\0';
    init(l);
}
