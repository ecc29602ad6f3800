/* SPDX-License-Identifier: MIT */
/*
 * pump.c -- one thread and one epoll set for all WebSockets of a child.
 *
 * An MPM without suspended requests has no such thread: there each socket is
 * pumped alone, by the thread that has its request.
 */
#include "mod_xmpp.h"

#include <ap_mpm.h>
#include <errno.h>
#include <pthread.h>
#include <scoreboard.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define N_EVENTS 256
#define TICK_MS  1000u
#define SOON_MS  50u
#define N_STOP   200u  /* sockets that are told to go, in each SOON_MS */
#define QUIT_MS  1500u /* for the last words when the child ends at once */

struct pump {
    int ep, wake;
    pthread_t thread;
    pthread_mutex_t lock;
    struct sock *fresh; /* under lock: given, not taken yet */
    struct sock *first; /* all */
    struct sock *dead;  /* by next_new; they are in the list above too */
    bool soon;          /* somebody waits for less than a tick */
    bool alone;
    int quit; /* atomic: the pool goes */
    uint64_t ticked_ms, quit_ms;
    int generation;
    char room[PUMP_ROOM];
};

static struct pump *the_pump; /* of this child */
static int stopping;          /* atomic */

uint64_t
pump_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

char *
pump_room(struct sock *s)
{
    return s->pump->room;
}

/* -- descriptors -----------------------------------------------------------
 */

static void
watch(struct pump *p, struct watch *w, int fd, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = w};

    if (fd < 0 || events == w->events) {
        return;
    }
    /* Out of the set: else its end would be told on and on. */
    epoll_ctl(p->ep,
              events == 0      ? EPOLL_CTL_DEL
              : w->events == 0 ? EPOLL_CTL_ADD
                               : EPOLL_CTL_MOD,
              fd, &e);
    w->events = events;
}

void
pump_watch(struct sock *s, uint32_t client, uint32_t back)
{
    watch(s->pump, &s->client, s->client_fd, client);
    watch(s->pump, &s->back, s->back_fd, back);
}

void
pump_forget_back(struct sock *s)
{
    if (s->pump != NULL) {
        watch(s->pump, &s->back, s->back_fd, 0);
    }
}

static void
wake(struct pump *p)
{
    uint64_t one = 1;

    (void)!write(p->wake, &one, sizeof(one));
}

/* -- sockets come and go ----------------------------------------------------
 */

void
pump_add(struct sock *s)
{
    struct pump *p = the_pump;

    s->handed_ms = pump_now_ms();
    pthread_mutex_lock(&p->lock);
    s->next_new = p->fresh;
    p->fresh = s;
    pthread_mutex_unlock(&p->lock);
    wake(p);
}

static void
begin(struct pump *p, struct sock *s)
{
    s->pump = p;
    s->prev = NULL;
    s->next = p->first;
    if (p->first != NULL) {
        p->first->prev = s;
    }
    p->first = s;
    sock_settle(s);
}

static void
take_fresh(struct pump *p)
{
    struct sock *s, *next;

    pthread_mutex_lock(&p->lock);
    s = p->fresh;
    p->fresh = NULL;
    pthread_mutex_unlock(&p->lock);
    for (; s != NULL; s = next) {
        next = s->next_new;
        begin(p, s);
    }
}

void
pump_bury(struct sock *s)
{
    if (!s->buried) {
        s->buried = true;
        pump_watch(s, 0, 0);
        s->next_new = s->pump->dead;
        s->pump->dead = s;
    }
}

static void
unlist(struct pump *p, struct sock *s)
{
    if (s->prev != NULL) {
        s->prev->next = s->next;
    } else {
        p->first = s->next;
    }
    if (s->next != NULL) {
        s->next->prev = s->prev;
    }
}

/* Nothing of this turn's events is about them any more. */
static void
free_dead(struct pump *p, uint64_t now_ms)
{
    struct sock *s = p->dead, *next;

    p->dead = NULL;
    for (; s != NULL; s = next) {
        next = s->next_new;
        if (!sock_may_end(s, now_ms)) {
            s->next_new = p->dead;
            p->dead = s;
            p->soon = true;
            continue;
        }
        unlist(p, s);
        sock_log_end(s);
        if (!p->alone) {
            apr_pool_destroy(s->c->pool); /* and s with it */
        }
    }
}

/* -- turns ------------------------------------------------------------------
 */

static void
dispatch(struct pump *p, struct epoll_event *events, int n)
{
    for (int i = 0; i < n; i++) {
        struct watch *w = events[i].data.ptr;
        uint64_t count;

        if (w == NULL) {
            (void)!read(p->wake, &count, sizeof(count));
            continue;
        }
        if (w->sock->buried) {
            continue;
        }
        if (w == &w->sock->client) {
            sock_client_event(w->sock, events[i].events);
        } else {
            sock_back_event(w->sock, events[i].events);
        }
        sock_settle(w->sock);
    }
}

static void
tick(struct pump *p, uint64_t now_ms)
{
    bool soon = false;

    p->ticked_ms = now_ms;
    for (struct sock *s = p->first; s != NULL; s = s->next) {
        if (!s->buried) {
            soon = sock_tick(s, now_ms) || soon;
        }
    }
    p->soon = soon;
}

/* So that they do not all come back in the same moment. */
static void
stop_some(struct pump *p, bool all)
{
    unsigned n = 0;

    for (struct sock *s = p->first; s != NULL && (all || n < N_STOP);
         s = s->next) {
        if (!s->stopped && !s->buried) {
            n++;
            sock_stop(s);
            sock_settle(s);
        }
    }
    p->soon = p->soon || p->first != NULL;
}

/* Not every MPM says so by a hook. */
static void
look_around(struct pump *p)
{
    int state = 0, now = 0;

    if (ap_mpm_query(AP_MPMQ_MPM_STATE, &state) == APR_SUCCESS &&
        state == AP_MPMQ_STOPPING) {
        pump_stopping();
    }
    if (ap_scoreboard_image != NULL) {
        now = ap_scoreboard_image->global->running_generation;
    }
    if (now != p->generation) {
        pump_stopping();
    }
}

static void
turn(struct pump *p)
{
    struct epoll_event events[N_EVENTS];
    int n = epoll_wait(p->ep, events, N_EVENTS, p->soon ? SOON_MS : TICK_MS);
    bool quit = __atomic_load_n(&p->quit, __ATOMIC_ACQUIRE) != 0;
    uint64_t now_ms;

    dispatch(p, events, n);
    take_fresh(p);
    now_ms = pump_now_ms();
    if (now_ms - p->ticked_ms >= (p->soon ? SOON_MS : TICK_MS)) {
        tick(p, now_ms);
        look_around(p);
        if (pump_is_stopping()) {
            stop_some(p, false);
        }
    }
    if (quit) {
        stop_some(p, true);
    }
    free_dead(p, now_ms);
}

/* Has everybody heard that this is the end? */
static bool
all_told(const struct pump *p)
{
    for (const struct sock *s = p->first; s != NULL; s = s->next) {
        if (s->phase < SOCK_LINGER) {
            return false;
        }
    }
    return true;
}

static void *
run(void *priv)
{
    struct pump *p = priv;

    for (;;) {
        turn(p);
        if (__atomic_load_n(&p->quit, __ATOMIC_ACQUIRE) == 0) {
            continue;
        }
        if (p->quit_ms == 0) {
            p->quit_ms = pump_now_ms();
        }
        if (all_told(p) || pump_now_ms() - p->quit_ms > QUIT_MS) {
            return NULL; /* the process ends: what is left goes with it */
        }
    }
}

/* -- life -------------------------------------------------------------------
 */

static void
init(struct pump *p)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};

    pthread_mutex_init(&p->lock, NULL);
    p->ep = epoll_create1(EPOLL_CLOEXEC);
    p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CNC_CHECK(p->ep >= 0 && p->wake >= 0);
    CNC_CHECK(epoll_ctl(p->ep, EPOLL_CTL_ADD, p->wake, &e) == 0);
    p->ticked_ms = pump_now_ms();
    ap_mpm_query(AP_MPMQ_GENERATION, &p->generation);
}

static void
fini(struct pump *p)
{
    close(p->ep);
    close(p->wake);
    pthread_mutex_destroy(&p->lock);
}

static apr_status_t
stop(void *priv)
{
    struct pump *p = priv;

    pump_stopping();
    __atomic_store_n(&p->quit, 1, __ATOMIC_RELEASE);
    wake(p);
    pthread_join(p->thread, NULL);
    if (p->first == NULL) {
        fini(p);
    }
    return APR_SUCCESS;
}

void
pump_start(apr_pool_t *pchild, server_rec *s)
{
    struct pump *p = apr_pcalloc(pchild, sizeof(*p));
    sigset_t all, old;

    init(p);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* they are for the MPM */
    CNC_CHECK(pthread_create(&p->thread, NULL, run, p) == 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    the_pump = p;
    apr_pool_pre_cleanup_register(pchild, p, stop);
}

void
pump_run_alone(struct sock *s)
{
    struct pump *p = apr_pcalloc(s->r->pool, sizeof(*p));

    init(p);
    p->alone = s->alone = true;
    begin(p, s);
    while (p->first != NULL) {
        turn(p);
    }
    fini(p);
    s->pump = NULL;
}

void
pump_stopping(void)
{
    if (__atomic_exchange_n(&stopping, 1, __ATOMIC_ACQ_REL) == 0 &&
        the_pump != NULL) {
        wake(the_pump);
    }
}

bool
pump_is_stopping(void)
{
    return __atomic_load_n(&stopping, __ATOMIC_ACQUIRE) != 0;
}
