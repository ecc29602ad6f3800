/* SPDX-License-Identifier: MIT */
/*
 * dns.c -- libunbound on our loop.  Its results are gathered first and handed
 * over when it has returned, so that a callback may ask, cancel or close.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <unbound.h>

#include "../base/log.h"
#include "dns.h"
#include "ring.h"

#define CLASS_IN       1
#define RCODE_NOERROR  0
#define RCODE_NXDOMAIN 3
#define TYPE_DNSKEY    48

/* Until DNSSEC is tried again with a name server that has spoilt it. */
#define SPOILT_MS 600000

struct stamp { /* of a file, to see that it has changed */
    ino_t ino;
    off_t size;
    struct timespec mtime;
};

struct cnc__dns {
    unsigned magic;
    uv_loop_t *loop;
    char *resolv_conf, *hosts, *anchor, *forwarder;
    uint32_t max_queries, timeout_ms;
    struct ub_ctx *ub; /* NULL until something is asked */
    bool started;      /* its thread */
    bool closing, no_anchor;
    bool lenient; /* do without DNSSEC rather than without names */
    bool probing; /* whether signatures come through; questions wait */
    bool probed, spoilt;
    uint64_t spoilt_ms;
    struct stamp stamps[2];
    uv_poll_t *poll; /* on ub's pipe */
    uv_timer_t timer;
    struct cnc__net_link waiting; /* for an answer, the oldest first */
    struct cnc__net_link done;    /* for their callback */
    size_t n_waiting, n_handles;
    void (*on_closed)(void *);
    void *on_closed_priv;
};
#define DNS_MAGIC 0x446e7320u

struct cnc__dns_query {
    unsigned magic;
    struct cnc__dns *dns;
    struct cnc__net_link link;
    enum cnc__dns_type type;
    enum cnc__dns_status status; /* when there is no result */
    const char *why;
    bool waiting, asked; /* for an answer; libunbound, by id */
    int id;
    char *name;
    uint64_t deadline_ms;
    struct ub_result *result;
    cnc__dns_f *on_answer;
    void *priv;
};
#define QUERY_MAGIC 0x44717279u

static void on_timer(uv_timer_t *timer);

/* -- libunbound's context ------------------------------------------------ */

static struct stamp
stamp_of(const char *path)
{
    struct stamp s = {0};
    struct stat st;

    if (path != NULL && stat(path, &st) == 0) {
        s = (struct stamp){st.st_ino, st.st_size, st.st_mtim};
    }
    return s;
}

static bool
same_stamp(const struct stamp *a, const struct stamp *b)
{
    return a->ino == b->ino && a->size == b->size &&
           a->mtime.tv_sec == b->mtime.tv_sec &&
           a->mtime.tv_nsec == b->mtime.tv_nsec;
}

/* The file with the root's key, or NULL. */
static const char *
find_anchor(const struct cnc__dns *d)
{
    static const char *const usual[] = {"/usr/share/dns/root.key",
                                        "/var/lib/unbound/root.key",
                                        "/etc/unbound/root.key"};

    if (d->anchor != NULL) {
        return access(d->anchor, R_OK) == 0 ? d->anchor : NULL;
    }
    for (size_t i = 0; i < CNC_N(usual); i++) {
        if (access(usual[i], R_OK) == 0) {
            return usual[i];
        }
    }
    return NULL;
}

static void
set_option(struct ub_ctx *ub, const char *name, const char *value)
{
    int code = ub_ctx_set_option(ub, name, value);

    if (code != 0) {
        cnc__log(CNC_LOG_WARN, "dns.option", "option=%s error=%s", name,
                 ub_strerror(code));
    }
}

static void
set_options(struct cnc__dns *d, struct ub_ctx *ub)
{
    char text[16];

    /* Resolvers on this machine are usual, and our own tests use them. */
    set_option(ub, "do-not-query-localhost:", "no");
    snprintf(text, sizeof(text), "%u", (unsigned)d->max_queries);
    set_option(ub, "num-queries-per-thread:", text);
    /* A record that an operator has just added, or a server that has come
     * back, should not stay unseen for an hour. */
    set_option(ub, "cache-max-negative-ttl:", "300");
    set_option(ub, "infra-host-ttl:", "30");
    ub_ctx_debugout(ub, NULL);
    ub_ctx_async(ub, 1);
    if (d->forwarder != NULL) {
        if (ub_ctx_set_fwd(ub, d->forwarder) != 0) {
            cnc__log(CNC_LOG_ERROR, "dns.forwarder", "\"%s\" is not ADDR@PORT",
                     d->forwarder);
        }
    } else if (ub_ctx_resolvconf(ub, d->resolv_conf) != 0) {
        cnc__log(CNC_LOG_WARN, "dns.resolv_conf",
                 "cannot read %s: the root servers are asked", d->resolv_conf);
    }
    ub_ctx_hosts(ub, d->hosts); /* there need not be any */
}

static void
set_anchor(struct cnc__dns *d, struct ub_ctx *ub)
{
    const char *file = find_anchor(d);

    if (d->spoilt || (d->anchor != NULL && d->anchor[0] == '\0')) {
        return;
    }
    d->probing = file != NULL && d->lenient;
    if (file == NULL || ub_ctx_add_ta_file(ub, file) != 0) {
        if (!d->no_anchor) {
            cnc__log(CNC_LOG_INFO, "dns.no_dnssec",
                     "there is no root key (package dns-root-data): DNSSEC "
                     "and DANE are not used");
        }
        d->no_anchor = true;
    }
}

static void
on_poll_closed(uv_handle_t *handle)
{
    struct cnc__dns *d = handle->data;

    cnc__free(handle);
    d->n_handles--;
    if (d->closing && d->n_handles == 0) {
        d->on_closed(d->on_closed_priv);
    }
}

static void
drop_ub(struct cnc__dns *d)
{
    if (d->ub == NULL) {
        return;
    }
    uv_close((uv_handle_t *)d->poll, on_poll_closed);
    d->poll = NULL;
    ub_ctx_delete(d->ub); /* its thread ends here */
    d->ub = NULL;
    d->started = d->probing = d->probed = false;
}

static void on_pipe(uv_poll_t *poll, int status, int events);

static bool
make_ub(struct cnc__dns *d)
{
    d->ub = ub_ctx_create();
    if (d->ub == NULL) {
        return false;
    }
    d->stamps[0] = stamp_of(d->resolv_conf);
    d->stamps[1] = stamp_of(d->hosts);
    set_options(d, d->ub);
    set_anchor(d, d->ub);
    d->poll = cnc__zalloc(sizeof(*d->poll));
    d->poll->data = d;
    CNC_CHECK(uv_poll_init(d->loop, d->poll, ub_fd(d->ub)) == 0);
    d->n_handles++;
    CNC_CHECK(uv_poll_start(d->poll, UV_READABLE, on_pipe) == 0);
    /* Names for tests and private networks (RFC 6761 6.2) are the name
     * server's business, not ours. */
    if (ub_ctx_zone_add(d->ub, "test.", "transparent") != 0) {
        cnc__log(CNC_LOG_ERROR, "dns.start",
                 "libunbound does not start: is the trust anchor a file of "
                 "DS or DNSKEY records?");
        drop_ub(d);
        return false;
    }
    return true;
}

static bool
is_stale(const struct cnc__dns *d)
{
    struct stamp now[2] = {stamp_of(d->resolv_conf), stamp_of(d->hosts)};

    return !same_stamp(&now[0], &d->stamps[0]) ||
           !same_stamp(&now[1], &d->stamps[1]) ||
           (d->spoilt && uv_now(d->loop) - d->spoilt_ms >= SPOILT_MS);
}

static void probe(struct cnc__dns *d);

/* A context for the next question. */
static bool
want_ub(struct cnc__dns *d)
{
    if (d->ub != NULL && d->n_waiting == 0 && is_stale(d)) {
        drop_ub(d);
        d->spoilt = false;
    }
    if (d->ub == NULL) {
        if (!make_ub(d)) {
            return false;
        }
        if (d->probing) {
            probe(d);
        }
    }
    return true;
}

/* -- answers ------------------------------------------------------------- */

/* A name of the wire as text; false: it is not one of a host. */
static bool
read_name(char out[CNC__DNS_NAME], const uint8_t *p, size_t len)
{
    size_t n = 0, i = 0;

    while (i < len && p[i] != 0) {
        size_t label = p[i++];

        if (label > 63 || i + label > len || n + label + 1 >= CNC__DNS_NAME) {
            return false;
        }
        if (n > 0) {
            out[n++] = '.';
        }
        for (; label > 0; label--, i++) {
            uint8_t c = p[i] >= 'A' && p[i] <= 'Z' ? p[i] | 0x20 : p[i];

            if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_')) {
                return false;
            }
            out[n++] = (char)c;
        }
    }
    out[n] = '\0';
    return i + 1 == len;
}

static uint16_t
read_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

union records {
    struct cnc__dns_srv srv[CNC__DNS_MAX];
    struct cnc__dns_tlsa tlsa[CNC__DNS_MAX];
    uint8_t addr[CNC__DNS_MAX][16];
};

/* One record's bytes as number i; false: it is not what it should be. */
static bool
read_record(union records *to, size_t i, enum cnc__dns_type type,
            const uint8_t *p, size_t len)
{
    struct cnc__dns_srv *srv = &to->srv[i];

    switch (type) {
    case CNC__DNS_A:
    case CNC__DNS_AAAA:
        if (len != (type == CNC__DNS_A ? 4 : 16)) {
            return false;
        }
        memcpy(to->addr[i], p, len);
        return true;
    case CNC__DNS_SRV:
        if (len < 7 || !read_name(srv->target, p + 6, len - 6)) {
            return false;
        }
        srv->priority = read_u16(p);
        srv->weight = read_u16(p + 2);
        srv->port = read_u16(p + 4);
        return true;
    case CNC__DNS_TLSA:
        if (len < 4) {
            return false;
        }
        to->tlsa[i] = (struct cnc__dns_tlsa){p[0], p[1], p[2], p + 3, len - 3};
        return true;
    }
    return false;
}

static void
read_result(struct cnc__dns_answer *a, union records *to,
            enum cnc__dns_type type, const struct ub_result *r)
{
    if (r->bogus) {
        a->status = CNC__DNS_BOGUS;
        a->why =
            r->why_bogus == NULL ? "DNSSEC validation failed" : r->why_bogus;
        return;
    }
    a->secure = r->secure;
    if (r->rcode != RCODE_NOERROR && r->rcode != RCODE_NXDOMAIN) {
        a->status = CNC__DNS_FAILED;
        a->why = "the name server failed";
        return;
    }
    for (size_t i = 0; r->havedata && r->data[i] != NULL; i++) {
        if (a->n < CNC__DNS_MAX && r->len[i] > 0 &&
            read_record(to, a->n, type, (const uint8_t *)r->data[i],
                        (size_t)r->len[i])) {
            a->n++;
        }
    }
    a->status = a->n > 0 ? CNC__DNS_OK : CNC__DNS_NONE;
    a->why = a->n > 0      ? NULL
             : r->nxdomain ? "there is no such name"
                           : "there is no such record";
}

static void
free_query(struct cnc__dns_query *q)
{
    cnc__link_del(&q->link);
    ub_resolve_free(q->result);
    cnc__free(q->name);
    CNC_OBJ_FREE(q);
}

static void
hand_over(struct cnc__dns_query *q)
{
    union records *records = cnc__zalloc(sizeof(*records));
    struct cnc__dns_answer a = {.status = q->status, .why = q->why};

    if (q->result != NULL) {
        read_result(&a, records, q->type, q->result);
    }
    switch (q->type) {
    case CNC__DNS_SRV:
        a.srv = records->srv;
        break;
    case CNC__DNS_TLSA:
        a.tlsa = records->tlsa;
        break;
    default:
        a.addr = (const uint8_t(*)[16])records->addr;
        break;
    }
    q->on_answer(&a, q->priv);
    cnc__free(records);
    free_query(q);
}

/* -- time ---------------------------------------------------------------- */

static void
arm(struct cnc__dns *d)
{
    uint64_t now = uv_now(d->loop), wait = 0;

    if (d->closing) {
        return;
    }
    if (cnc__link_empty(&d->done)) {
        const struct cnc__dns_query *q;

        if (cnc__link_empty(&d->waiting)) {
            uv_timer_stop(&d->timer);
            return;
        }
        q = CNC_CONTAINER(d->waiting.next, struct cnc__dns_query, link);
        wait = q->deadline_ms > now ? q->deadline_ms - now : 0;
    }
    CNC_CHECK(uv_timer_start(&d->timer, on_timer, wait, 0) == 0);
}

static void
deliver(struct cnc__dns *d)
{
    while (!d->closing && !cnc__link_empty(&d->done)) {
        struct cnc__dns_query *q =
            CNC_CONTAINER(d->done.next, struct cnc__dns_query, link);

        cnc__link_del(&q->link);
        hand_over(q);
    }
    arm(d);
}

/* The answer, or the lack of one, waits for its callback. */
static void
finish(struct cnc__dns_query *q, enum cnc__dns_status status, const char *why)
{
    struct cnc__dns *d = q->dns;

    q->status = status;
    q->why = why;
    if (q->waiting) {
        q->waiting = false;
        cnc__link_del(&q->link);
        d->n_waiting--;
    }
    cnc__link_add(&d->done, &q->link);
}

static void
on_timer(uv_timer_t *timer)
{
    struct cnc__dns *d = timer->data;
    uint64_t now = uv_now(d->loop);

    CNC_OBJ_CHECK(d, DNS_MAGIC);
    while (!cnc__link_empty(&d->waiting)) {
        struct cnc__dns_query *q =
            CNC_CONTAINER(d->waiting.next, struct cnc__dns_query, link);

        if (q->deadline_ms > now) {
            break;
        }
        if (q->asked) {
            ub_cancel(d->ub, q->id);
        }
        finish(q, CNC__DNS_TIMEOUT, "no name server has answered in time");
    }
    deliver(d);
}

static void after_probe(struct cnc__dns *d);

static void
on_pipe(uv_poll_t *poll, int status, int events)
{
    struct cnc__dns *d = poll->data;

    CNC_OBJ_CHECK(d, DNS_MAGIC);
    if (status == 0) {
        ub_process(d->ub);
        if (d->probed) {
            after_probe(d);
        }
        deliver(d);
    }
}

/* -- questions ----------------------------------------------------------- */

/* From ub_process(). */
static void
on_result(void *priv, int code, struct ub_result *result)
{
    struct cnc__dns_query *q = priv;

    CNC_OBJ_CHECK(q, QUERY_MAGIC);
    q->result = code == 0 ? result : NULL;
    finish(q, CNC__DNS_FAILED, code == 0 ? NULL : ub_strerror(code));
}

/* libunbound understands escapes that no host's name has, and never answers a
 * name with an empty label. */
static bool
is_name(const char *name)
{
    if (strlen(name) >= CNC__DNS_NAME) {
        return false;
    }
    for (;;) {
        size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

        if (n == 0 || n > 63 || (name[n] != '\0' && name[n] != '.')) {
            return false;
        }
        if (name[n] == '\0') {
            return true;
        }
        name += n + 1;
    }
}

/* Its thread is begun by the first question and takes our signal mask: no
 * signal of the process's may end up there. */
static int
resolve(struct cnc__dns *d, const char *name, int type, ub_callback_type f,
        void *priv, int *id)
{
    sigset_t all, before;
    int code;

    if (!d->started) {
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    code = ub_resolve_async(d->ub, name, type, CLASS_IN, priv, f, id);
    if (!d->started) {
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        d->started = true;
    }
    return code;
}

static void
start(struct cnc__dns_query *q)
{
    int code = resolve(q->dns, q->name, (int)q->type, on_result, q, &q->id);

    q->asked = code == 0;
    if (code != 0) {
        finish(q, CNC__DNS_FAILED, ub_strerror(code));
    }
}

/* -- do signatures come through? ----------------------------------------- */

/* From ub_process(). */
static void
on_probe(void *priv, int code, struct ub_result *result)
{
    struct cnc__dns *d = priv;

    CNC_OBJ_CHECK(d, DNS_MAGIC);
    d->probed = true;
    d->spoilt = code == 0 && result->bogus;
    if (code == 0) {
        ub_resolve_free(result);
    }
}

/* The root's keys: signed, if anything is. */
static void
probe(struct cnc__dns *d)
{
    if (resolve(d, ".", TYPE_DNSKEY, on_probe, d, NULL) != 0) {
        d->probing = false;
    }
}

/* No question has been asked yet: they have waited for this. */
static void
after_probe(struct cnc__dns *d)
{
    struct cnc__net_link *l, *next;

    d->probing = d->probed = false;
    if (d->spoilt) {
        cnc__log(CNC_LOG_WARN, "dns.no_dnssec",
                 "the name server drops signatures: DNSSEC and DANE are not "
                 "used; another one may do better");
        d->spoilt_ms = uv_now(d->loop);
        drop_ub(d);
        make_ub(d);
    }
    for (l = d->waiting.next; l != &d->waiting; l = next) {
        struct cnc__dns_query *q =
            CNC_CONTAINER(l, struct cnc__dns_query, link);

        next = l->next;
        if (d->ub == NULL) {
            finish(q, CNC__DNS_FAILED, "the resolver does not start");
        } else {
            start(q);
        }
    }
}

struct cnc__dns_query *
cnc__dns_ask(struct cnc__dns *d, const char *name, enum cnc__dns_type type,
             cnc__dns_f *on_answer, void *priv)
{
    struct cnc__dns_query *q = cnc__zalloc(sizeof(*q));

    CNC_OBJ_CHECK(d, DNS_MAGIC);
    CNC_CHECK(!d->closing);
    q->magic = QUERY_MAGIC;
    q->dns = d;
    q->type = type;
    q->name = cnc__strdup(name);
    q->on_answer = on_answer;
    q->priv = priv;
    q->deadline_ms = uv_now(d->loop) + d->timeout_ms;
    if (!is_name(name)) {
        finish(q, CNC__DNS_NONE, "that is no name of a host");
    } else if (d->n_waiting >= d->max_queries) {
        finish(q, CNC__DNS_FAILED, "too many names are being looked up");
    } else if (!want_ub(d)) {
        finish(q, CNC__DNS_FAILED, "the resolver does not start");
    } else {
        q->waiting = true;
        cnc__link_add(&d->waiting, &q->link);
        d->n_waiting++;
        if (!d->probing) {
            start(q);
        }
    }
    arm(d);
    return q;
}

void
cnc__dns_cancel(struct cnc__dns_query **qp)
{
    struct cnc__dns_query *q = *qp;

    if (q == NULL) {
        return;
    }
    CNC_OBJ_CHECK(q, QUERY_MAGIC);
    *qp = NULL;
    if (q->waiting) {
        if (q->asked) {
            ub_cancel(q->dns->ub, q->id);
        }
        q->dns->n_waiting--;
    }
    free_query(q);
}

/* -- begin and end ------------------------------------------------------- */

struct cnc__dns *
cnc__dns_new(uv_loop_t *loop, const struct cnc__dns_config *config)
{
    struct cnc__dns *d = cnc__zalloc(sizeof(*d));

    d->magic = DNS_MAGIC;
    d->loop = loop;
    d->resolv_conf =
        cnc__strdup(config->resolv_conf == NULL ? "/etc/resolv.conf"
                                                : config->resolv_conf);
    d->hosts =
        cnc__strdup(config->hosts == NULL ? "/etc/hosts" : config->hosts);
    d->anchor = cnc__strdup(config->trust_anchor);
    d->forwarder = cnc__strdup(config->forwarder);
    d->lenient = config->trust_anchor == NULL || config->anchor_optional;
    d->max_queries = config->max_queries == 0 ? 256 : config->max_queries;
    d->timeout_ms = config->timeout_ms == 0 ? 10000 : config->timeout_ms;
    cnc__link_init(&d->waiting);
    cnc__link_init(&d->done);
    CNC_CHECK(uv_timer_init(loop, &d->timer) == 0);
    d->timer.data = d;
    d->n_handles = 1;
    return d;
}

static void
forget_all(struct cnc__net_link *ring)
{
    while (!cnc__link_empty(ring)) {
        free_query(CNC_CONTAINER(ring->next, struct cnc__dns_query, link));
    }
}

static void
on_timer_closed(uv_handle_t *handle)
{
    struct cnc__dns *d = handle->data;

    d->n_handles--;
    if (d->n_handles == 0) {
        d->on_closed(d->on_closed_priv);
    }
}

void
cnc__dns_close(struct cnc__dns *d, void (*on_closed)(void *), void *priv)
{
    CNC_OBJ_CHECK(d, DNS_MAGIC);
    CNC_CHECK(!d->closing);
    d->closing = true;
    d->on_closed = on_closed;
    d->on_closed_priv = priv;
    drop_ub(d);
    forget_all(&d->waiting);
    forget_all(&d->done);
    uv_close((uv_handle_t *)&d->timer, on_timer_closed);
}

void
cnc__dns_free(struct cnc__dns **dp)
{
    struct cnc__dns *d = *dp;

    if (d == NULL) {
        return;
    }
    CNC_OBJ_CHECK(d, DNS_MAGIC);
    CNC_CHECK(d->closing && d->n_handles == 0);
    cnc__free(d->resolv_conf);
    cnc__free(d->hosts);
    cnc__free(d->anchor);
    cnc__free(d->forwarder);
    CNC_OBJ_FREE(d);
    *dp = NULL;
}
