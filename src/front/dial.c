/* SPDX-License-Identifier: MIT */
/*
 * dial.c -- the link's own thread: connects, hears, answers pings, notices
 * when the service is dead, and tries again.
 */
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/log.h"
#include "../xml/write.h"
#include "../xmpp/errors.h"
#include "link-priv.h"

#define MAX_OFF_MS  1000 /* between two attempts: each is one connect() */
#define SAY_AGAIN_S 60   /* a failure that is the same as before is logged */

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
    cnc__flink_put(l, cnc__str_c(&out), out.len);
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
    l->attempts++;
    l->attempt_ms = cnc__flink_now();
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
    cnc__flink_flush(l);
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
    cnc__flink_put(l, xml.data, xml.len);
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

    *off_ms = *off_ms == 0 ? CNC__FLINK_BACK_OFF_MS : *off_ms * 2;
    *off_ms = *off_ms > MAX_OFF_MS ? MAX_OFF_MS : *off_ms;
    for (;;) {
        int64_t end = begin + *off_ms;
        bool stop;

        pthread_mutex_lock(&l->lock);
        stop = l->stop;
        if (l->n_waiting > 0) {
            end = begin + CNC__FLINK_BACK_OFF_MS;
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

void *
cnc__flink_run(void *arg)
{
    struct cnc__flink *l = arg;
    unsigned off_ms = 0;

    while (!is_stopped(l)) {
        struct cnc_error why = {0};
        struct cnc__client *client = NULL;
        struct cnc__client_how how = {.wait_ms = CNC__FLINK_OPEN_MS,
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
