/* SPDX-License-Identifier: MIT */
/*
 * link.c -- one connection to the service for all threads of a process.
 */
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../base/log.h"
#include "../base/table.h"
#include "../client/client.h"
#include "../xml/write.h"
#include "../xmpp/errors.h"
#include "link.h"

#define LINK_MAGIC  0x4c494e4bu
#define OPEN_MS     10000
#define BACK_OFF_MS 100  /* after the first failure */
#define MAX_OFF_MS  1000 /* between two attempts: each is one connect() */
#define SAY_AGAIN_S 60   /* a failure that is the same as before is logged */

struct cnc__flink {
    unsigned magic;
    struct cnc__flink_config c;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* up, down, an attempt has failed */
    pthread_t thread;
    bool running, stop, up, tried, resting;
    int wake; /* eventfd: there is something to send, or to do */
    struct cnc__client *client, *forsaken; /* the parent's, before fork() */
    int fd;                                /* its socket, while up */
    char *domain;
    uint64_t made; /* times it was up */
    uint64_t n_iq, n_heard;
    unsigned n_waiting; /* for it to be up */
    int64_t down_since;
    struct cnc_error why; /* it is not up */
    struct cnc__table *asks, *inflows;
    struct cnc__str out; /* what the socket did not take yet */
    char said[sizeof(((struct cnc_error *)0)->text)]; /* logged last */
    int64_t said_ms;
};

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

static void
wake(struct cnc__flink *l)
{
    uint64_t one = 1;

    (void)!write(l->wake, &one, sizeof(one));
}

/* What the socket takes now.  A broken one is found by whoever reads. */
static void
flush(struct cnc__flink *l)
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

static void
say(struct cnc__flink *l, const char *xml, size_t len)
{
    bool idle = l->out.len == 0;

    cnc__str_add(&l->out, xml, len);
    if (idle) {
        flush(l);
        if (l->out.len > 0) {
            wake(l);
        }
    }
}

void
cnc__flink_say(struct cnc__flink *l, uint64_t made, const char *xml,
               size_t len)
{
    if (l->up && l->made == made) {
        say(l, xml, len);
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
    say(l, head.data, head.len);
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

/* -- what comes, on the link's thread, locked -----------------------------
 */

/* A body in blocks: the stream that will be opened is known from now on. */
static void
expect_blocks(struct cnc__flink *l, struct cnc__fask *a)
{
    const struct cnc_element *e = cnc_element_child(
        cnc_element_child(cnc_element_child(a->reply, CNC__NS_HTTP, "resp"),
                          CNC__NS_HTTP, "data"),
        CNC__NS_HTTP, "ibb");
    const char *sid = e == NULL ? NULL : cnc_element_attr(e, NULL, "sid");

    if (sid != NULL && cnc__table_get(l->inflows, sid) == NULL) {
        a->inflow = cnc__inflow_new(l, sid);
    }
}

static void
on_answer(struct cnc__flink *l, struct cnc_element *e)
{
    const char *id = cnc_element_attr(e, NULL, "id");
    const char *from = cnc_element_attr(e, NULL, "from");
    struct cnc__fask *a = id == NULL || !cnc__flink_is_service(l, from)
                              ? NULL
                              : cnc__table_del(l->asks, id);

    if (a != NULL && a->heard != NULL) {
        pthread_mutex_unlock(&l->lock);
        a->heard(a, e, l->c.priv);
        pthread_mutex_lock(&l->lock);
    } else if (a != NULL) {
        a->reply = cnc_element_ref(e);
        expect_blocks(l, a);
        a->done = true;
        pthread_cond_signal(&a->cond);
    }
}

static void
on_iq(struct cnc__flink *l, struct cnc_element *e)
{
    const char *type = cnc_element_attr(e, NULL, "type");
    struct cnc__str out = CNC__STR;

    pthread_mutex_lock(&l->lock);
    if (type != NULL &&
        (strcmp(type, "result") == 0 || strcmp(type, "error") == 0)) {
        on_answer(l, e);
    } else if (cnc__ibb_is(e)) {
        cnc__ibb_request(l, e, &out);
    } else {
        cnc__client_write_answer(l->client, e, &out);
    }
    say(l, cnc__str_c(&out), out.len);
    pthread_mutex_unlock(&l->lock);
    cnc__str_fini(&out);
}

static void
on_stanza(struct cnc__flink *l, struct cnc_element *e)
{
    if (cnc_element_is(e, CNC__NS_CLIENT, "iq")) {
        on_iq(l, e);
    } else if (cnc_element_is(e, CNC__NS_CLIENT, "message") &&
               cnc__flink_is_service(l, cnc_element_attr(e, NULL, "from"))) {
        l->c.message(e, l->c.priv);
    }
}

/* -- the connection -------------------------------------------------------
 */

static int
check_owner(int fd, const char *path, void *priv, struct cnc_error *err)
{
    const struct cnc__flink *l = priv;
    struct ucred who;
    socklen_t len = sizeof(who);
    char buf[1024];
    struct passwd pw, *found = NULL;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0) {
        return cnc_error_set(err, CNC_ESYS, NULL, "%s: SO_PEERCRED: %s", path,
                             strerror(errno));
    }
    if (who.uid == 0 || who.uid == geteuid() ||
        (l->c.owner >= 0 && (int64_t)who.uid == l->c.owner)) {
        return 0;
    }
    getpwuid_r(who.uid, &pw, buf, sizeof(buf), &found);
    return cnc_error_set(err, CNC_EACCES, NULL,
                         "%s belongs to a process of the user %s (uid %u), "
                         "and neither to root, nor to uid %u which runs this, "
                         "nor to the user that was named as its owner: no "
                         "word was said to it",
                         path, found == NULL ? "?" : found->pw_name,
                         (unsigned)who.uid, (unsigned)geteuid());
}

static void
drain(struct cnc__flink *l)
{
    uint64_t n;

    (void)!read(l->wake, &n, sizeof(n));
}

static void
went_up(struct cnc__flink *l, struct cnc__client *client)
{
    pthread_mutex_lock(&l->lock);
    l->client = client;
    l->fd = cnc__client_fd(client);
    cnc__free(l->domain);
    l->domain = cnc__strdup(cnc__client_domain(client));
    l->made++;
    l->up = l->tried = true;
    cnc__str_clear(&l->out);
    pthread_mutex_unlock(&l->lock);
    l->said[0] = '\0';
    cnc__log(CNC_LOG_INFO, "front.up", "link=%s domain=%s times=%llu",
             l->c.path, l->domain, (unsigned long long)l->made);
    l->c.up(l, l->c.priv);
    pthread_mutex_lock(&l->lock);
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

static void
fail_all(struct cnc__flink *l)
{
    for (struct cnc__table_iter i = {0}; cnc__table_next(l->asks, &i);) {
        struct cnc__fask *a = i.value;

        cnc__table_del(l->asks, i.key);
        if (a->heard == NULL) {
            a->code = CNC_ECLOSED;
            a->done = true;
            pthread_cond_signal(&a->cond);
        }
    }
    for (struct cnc__table_iter i = {0}; cnc__table_next(l->inflows, &i);) {
        struct cnc__inflow *f = i.value;

        cnc__table_del(l->inflows, i.key);
        cnc__inflow_broken(f);
    }
}

static void
went_down(struct cnc__flink *l, const struct cnc_error *why)
{
    struct cnc__client *client;
    bool was_up;

    pthread_mutex_lock(&l->lock);
    client = l->client;
    was_up = l->up;
    if (was_up || !l->tried) {
        l->down_since = cnc__flink_now();
    }
    l->client = NULL;
    l->fd = -1;
    l->up = false;
    l->tried = true;
    l->why = *why;
    cnc__str_fini(&l->out);
    fail_all(l);
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
    cnc__client_close(&client);
    if (was_up) {
        l->c.down(l->c.priv);
    }
}

static void
log_failure(struct cnc__flink *l, const struct cnc_error *why)
{
    int64_t now = cnc__flink_now();

    if (strcmp(l->said, why->text) == 0 &&
        now - l->said_ms < (int64_t)SAY_AGAIN_S * 1000) {
        return;
    }
    memcpy(l->said, why->text, sizeof(l->said));
    l->said_ms = now;
    cnc__log(CNC_LOG_WARN, "front.down", "link=%s %s", l->c.path, why->text);
}

/* All that has come; CNC_ECLOSED: and that was all. */
static int
hear(struct cnc__flink *l, struct cnc_error *err)
{
    struct cnc_element *e = NULL;
    int rc;

    while ((rc = cnc__client_any(l->client, &e, 0, err)) == 0) {
        l->n_heard++;
        on_stanza(l, e);
        cnc_element_unref(&e);
    }
    return rc == CNC_EAGAIN ? 0 : rc;
}

static int
wait_more(struct cnc__flink *l, int64_t until_ms)
{
    int64_t left = until_ms - cnc__flink_now();
    struct pollfd p[2] = {{.fd = l->fd, .events = POLLIN},
                          {.fd = l->wake, .events = POLLIN}};

    pthread_mutex_lock(&l->lock);
    flush(l);
    if (l->out.len > 0) {
        p[0].events |= POLLOUT;
    }
    pthread_mutex_unlock(&l->lock);
    int n = poll(p, 2, left < 0 ? 0 : (int)left);
    if (n > 0 && p[1].revents != 0) {
        drain(l);
    }
    return n > 0 && p[0].revents != 0;
}

static bool
is_stopped(struct cnc__flink *l)
{
    bool stop;

    pthread_mutex_lock(&l->lock);
    stop = l->stop;
    pthread_mutex_unlock(&l->lock);
    return stop;
}

static void
ping(struct cnc__flink *l)
{
    struct cnc__str xml = CNC__STR;

    pthread_mutex_lock(&l->lock);
    cnc__xml_printf(
        &xml,
        "<iq type='get' id='ping' to='%s'><ping xmlns='" CNC__NS_PING
        "'/></iq>",
        l->domain);
    say(l, xml.data, xml.len);
    pthread_mutex_unlock(&l->lock);
    cnc__str_fini(&xml);
}

/* As long as it lasts. */
static void
serve(struct cnc__flink *l, struct cnc_error *why)
{
    int64_t last = cnc__flink_now();
    uint64_t heard = l->n_heard;
    bool asked = false;

    while (!is_stopped(l)) {
        int64_t now = cnc__flink_now();

        if (heard != l->n_heard) {
            heard = l->n_heard;
            last = now;
            asked = false;
        } else if (asked && now - last >= 2 * (int64_t)l->c.ping_ms) {
            cnc_error_set(why, CNC_ECLOSED, NULL,
                          "the service at %s has not said a word for %lld "
                          "ms: it is taken for dead",
                          l->c.path, (long long)(now - last));
            return;
        } else if (!asked && now - last >= (int64_t)l->c.ping_ms) {
            ping(l);
            asked = true;
        }
        if (wait_more(l, last + (int64_t)l->c.ping_ms * (asked ? 2 : 1)) &&
            hear(l, why) != 0) {
            return;
        }
    }
    cnc_error_set(why, CNC_ECLOSED, NULL, "it was stopped");
}

/* A little, or until somebody needs it. */
static void
back_off(struct cnc__flink *l, unsigned *off_ms)
{
    int64_t begin = cnc__flink_now();
    struct pollfd p = {.fd = l->wake, .events = POLLIN};

    *off_ms = *off_ms == 0 ? BACK_OFF_MS : *off_ms * 2;
    *off_ms = *off_ms > MAX_OFF_MS ? MAX_OFF_MS : *off_ms;
    for (;;) {
        int64_t end = begin + *off_ms;
        bool stop;

        pthread_mutex_lock(&l->lock);
        stop = l->stop;
        if (l->n_waiting > 0) {
            end = begin + BACK_OFF_MS;
        }
        int64_t left = end - cnc__flink_now();
        l->resting = !stop && left > 0;
        pthread_mutex_unlock(&l->lock);
        if (stop || left <= 0) {
            return;
        }
        if (poll(&p, 1, (int)left) > 0) {
            drain(l);
        }
    }
}

static void *
run(void *arg)
{
    struct cnc__flink *l = arg;
    unsigned off_ms = 0;

    while (!is_stopped(l)) {
        struct cnc_error why = {0};
        struct cnc__client *client = NULL;
        struct cnc__client_how how = {.wait_ms = OPEN_MS,
                                      .stop_fd = l->wake,
                                      .check = check_owner,
                                      .priv = l};

        drain(l);
        if (is_stopped(l)) {
            break; /* its wake may have been drained */
        }
        if (cnc__client_open_how(&client, l->c.path, l->c.domain, &how,
                                 &why) == 0) {
            off_ms = 0;
            went_up(l, client);
            serve(l, &why);
        }
        if (!is_stopped(l)) {
            log_failure(l, &why);
        }
        went_down(l, &why);
        back_off(l, &off_ms);
    }
    return NULL;
}

/* -- waiting for it -------------------------------------------------------
 */

/* Locked. */
static void
begin(struct cnc__flink *l)
{
    pthread_attr_t attr;

    if (l->running) {
        return;
    }
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, (size_t)512 << 10);
    l->running = pthread_create(&l->thread, &attr, run, l) == 0;
    pthread_attr_destroy(&attr);
    if (!l->running) {
        cnc_error_set(&l->why, CNC_ESYS, NULL,
                      "the thread of the connection cannot begin: %s",
                      strerror(errno));
        l->tried = true;
    }
}

/* Until when one waits for it. */
static int64_t
patience(const struct cnc__flink *l, uint32_t retry_ms, bool patient)
{
    int64_t now = cnc__flink_now();

    if (!l->tried) { /* the first attempt ends by itself */
        return now + 2 * OPEN_MS;
    }
    return (patient ? now : l->down_since) + retry_ms;
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
        wake(l);
    }
    while (!l->up && !l->tried &&
           cnc__flink_cond_wait(l, &l->changed,
                                patience(l, retry_ms, patient)) == 0) {
    }
    for (int64_t until = patience(l, retry_ms, patient);
         !l->up && cnc__flink_now() < until;) {
        cnc__flink_cond_wait(l, &l->changed, until);
    }
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
    l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    l->fd = -1;
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

    *lp = NULL;
    CNC_OBJ_CHECK(l, LINK_MAGIC);
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    wake(l);
    pthread_mutex_unlock(&l->lock);
    if (l->running) {
        pthread_join(l->thread, NULL);
    }
    if (l->wake >= 0) {
        close(l->wake);
    }
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
    if (l->wake >= 0) {
        close(l->wake);
    }
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
