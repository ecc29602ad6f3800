/* SPDX-License-Identifier: MIT */
/*
 * dial.c -- target after target.  One timer carries every deadline, and what
 * is to be done next, so that nothing calls back from inside a call.
 */
#include <stdio.h>
#include <unistd.h>

#include "../base/log.h"
#include "../base/text.h"
#include "conn.h"
#include "dial.h"
#include "race.h"
#include "srv.h"

#define SERVER_PORT 5269
#define MAX_TARGETS 32
#define NEVER       UINT64_MAX

enum srv { DIRECT, STARTTLS, N_SRV };
enum family { V6, V4, N_FAMILIES };

struct cnc__dial {
    unsigned magic;
    struct cnc__net *net;
    struct cnc__net_link link;
    const struct cnc__dial_events *events;
    void *priv;
    char *domain;
    char ascii[CNC__ASCII_DOMAIN];
    struct cnc__tls_ctx *tls;
    bool no_tls, freed, connected;
    uint32_t target_ms, total_ms;

    /* Where the server is. */
    struct cnc__dns_query *srv[N_SRV];
    bool srv_secure[N_SRV], srv_exists; /* any record, or the lack's denial */
    bool dns_failed;                    /* it may be there another time */
    struct cnc__srv_target targets[MAX_TARGETS];
    size_t n_targets, at;

    /* The target under way. */
    struct cnc__dns_query *addrs[N_FAMILIES], *tlsa;
    bool secure; /* the SRV that led to it */
    bool tlsa_asked;
    bool tried; /* some address, of any target */
    struct cnc__race *race;
    struct cnc__remote *remote;
    int fd;                 /* connected; waits for TLSA */
    struct cnc__conn *conn; /* shaking hands */

    uint64_t step_ms, target_end_ms, total_end_ms;
    char target[CNC__DNS_NAME + 8], why[512];
    uv_timer_t timer;
};
#define DIAL_MAGIC 0x4469616cu

static void on_timer(uv_timer_t *timer);

/* -- time ---------------------------------------------------------------- */

static uint64_t
earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void
arm(struct cnc__dial *d)
{
    uint64_t now = cnc__net_now(d->net);
    uint64_t at =
        earlier(d->step_ms, earlier(d->target_end_ms, d->total_end_ms));

    if (d->freed || uv_is_closing((uv_handle_t *)&d->timer)) {
        return;
    }
    if (at == NEVER) {
        uv_timer_stop(&d->timer);
    } else {
        uv_timer_start(&d->timer, on_timer, at > now ? at - now : 0, 0);
    }
}

/* Go on from the loop. */
static void
step_soon(struct cnc__dial *d)
{
    d->step_ms = 0;
    d->target_end_ms = NEVER;
    arm(d);
}

/* -- what is under way --------------------------------------------------- */

static void
drop_target(struct cnc__dial *d)
{
    for (int i = 0; i < N_FAMILIES; i++) {
        cnc__dns_cancel(&d->addrs[i]);
    }
    cnc__dns_cancel(&d->tlsa);
    cnc__race_free(&d->race);
    cnc__remote_free(&d->remote);
    if (d->fd >= 0) {
        close(d->fd);
        d->fd = -1;
    }
    if (d->conn != NULL) {
        d->conn->dial = NULL;
        d->conn->broken = true; /* closed when it is settled */
        cnc__net_dirty(d->conn);
        d->conn = NULL;
    }
}

static void
drop_all(struct cnc__dial *d)
{
    for (int i = 0; i < N_SRV; i++) {
        cnc__dns_cancel(&d->srv[i]);
    }
    drop_target(d);
}

static void
say_failed(struct cnc__dial *d)
{
    bool later = d->tried || d->dns_failed;

    drop_all(d);
    d->step_ms = d->target_end_ms = d->total_end_ms = NEVER;
    arm(d);
    cnc__log(CNC_LOG_INFO, "dial.failed", "domain=%s reason=%s", d->domain,
             d->why);
    d->events->on_failed(
        d, later ? "remote-server-timeout" : "remote-server-not-found", d->why,
        d->priv);
}

/* The target is of no use. */
static void
give_up_target(struct cnc__dial *d, const char *why)
{
    snprintf(d->why, sizeof(d->why), "%s: %s", d->target, why);
    cnc__log(CNC_LOG_DEBUG, "dial.target", "domain=%s %s", d->domain, d->why);
    d->tried = d->tried || (d->race != NULL && cnc__race_tried(d->race));
    drop_target(d);
    step_soon(d);
}

/* -- TCP and TLS --------------------------------------------------------- */

static void
open_conn(struct cnc__dial *d)
{
    struct cnc__srv_target *t = &d->targets[d->at];
    struct cnc__conn_start start = {.fd = d->fd,
                                    .kind = CNC__CONN_DIALLED,
                                    .uid = -1,
                                    .tls_ctx = d->no_tls ? NULL : d->tls,
                                    .remote = d->remote,
                                    .dial = d};
    struct cnc__conn *c;

    if (t->direct_tls) {
        start.tls = cnc__tls_connect(d->tls, d->remote, true);
    }
    d->fd = -1;
    d->remote = NULL;
    c = cnc__conn_open(d->net, &start);
    if (!c->closed && c->dial == d) {
        d->conn = c;
    }
}

struct cnc__stream *
cnc__dial_stream(struct cnc__dial *d, const struct cnc__stream_peer *peer,
                 const struct cnc__stream_events *events, struct cnc__conn *c)
{
    CNC_OBJ_CHECK(d, DIAL_MAGIC);
    d->conn = NULL;
    c->dial = NULL;
    d->connected = true;
    d->step_ms = d->target_end_ms = d->total_end_ms = NEVER;
    arm(d);
    return d->events->on_connected(d, peer, events, c, cnc__net_now(d->net),
                                   d->priv);
}

void
cnc__dial_lost(struct cnc__dial *d, const char *why)
{
    CNC_OBJ_CHECK(d, DIAL_MAGIC);
    d->conn = NULL;
    if (!d->freed) {
        give_up_target(d, why);
    }
}

/* TCP is up and TLSA is known. */
static void
go_on(struct cnc__dial *d)
{
    if (d->fd >= 0 && d->tlsa == NULL) {
        open_conn(d);
    }
}

static void
on_won(int fd, const char *text, bool loopback, void *priv)
{
    struct cnc__dial *d = priv;

    CNC_OBJ_CHECK(d, DIAL_MAGIC);
    d->tried = true;
    d->fd = fd;
    snprintf(d->remote->addr, sizeof(d->remote->addr), "%s", text);
    d->remote->loopback = loopback;
    cnc__race_free(&d->race);
    cnc__dns_cancel(&d->addrs[V6]);
    cnc__dns_cancel(&d->addrs[V4]);
    go_on(d);
}

static void
on_lost(const char *why, void *priv)
{
    struct cnc__dial *d = priv;

    CNC_OBJ_CHECK(d, DIAL_MAGIC);
    give_up_target(d, why);
}

static const struct cnc__race_events race_events = {on_won, on_lost};

/* -- addresses and TLSA -------------------------------------------------- */

/* RFC 7673 3.4: who cannot say whether there is TLSA is not to be used, or an
 * attacker would only have to drop the answer. */
static void
on_tlsa(const struct cnc__dns_answer *a, void *priv)
{
    struct cnc__dial *d = priv;

    CNC_OBJ_CHECK(d, DIAL_MAGIC);
    d->tlsa = NULL;
    if (a->status == CNC__DNS_OK && a->secure) {
        for (size_t i = 0; i < a->n; i++) {
            cnc__remote_add_tlsa(d->remote, &a->tlsa[i]);
        }
    } else if (a->status != CNC__DNS_OK && a->status != CNC__DNS_NONE) {
        d->dns_failed = true;
        give_up_target(d, "its TLSA records cannot be had");
        return;
    }
    go_on(d);
}

static void
want_tlsa(struct cnc__dial *d)
{
    const struct cnc__srv_target *t = &d->targets[d->at];
    char name[CNC__DNS_NAME + 16];

    d->tlsa_asked = true;
    snprintf(name, sizeof(name), "_%u._tcp.%s", t->port, t->host);
    d->tlsa = cnc__dns_ask(d->net->dns, name, CNC__DNS_TLSA, on_tlsa, d);
}

static void
on_addrs(struct cnc__dial *d, enum family family,
         const struct cnc__dns_answer *a)
{
    CNC_OBJ_CHECK(d, DIAL_MAGIC);
    d->addrs[family] = NULL;
    if (a->status != CNC__DNS_OK && a->status != CNC__DNS_NONE) {
        d->dns_failed = d->dns_failed || a->status != CNC__DNS_BOGUS;
        snprintf(d->why, sizeof(d->why), "%s: %s", d->target, a->why);
    }
    if (d->secure && a->secure && a->status == CNC__DNS_OK && !d->tlsa_asked) {
        want_tlsa(d);
    }
    cnc__race_feed(d->race, family == V6 ? AF_INET6 : AF_INET, a->addr,
                   a->status == CNC__DNS_OK ? a->n : 0);
}

static void
on_aaaa(const struct cnc__dns_answer *a, void *priv)
{
    on_addrs(priv, V6, a);
}

static void
on_a(const struct cnc__dns_answer *a, void *priv)
{
    on_addrs(priv, V4, a);
}

static void
on_race_handle(int change, void *priv)
{
    if (change > 0) {
        cnc__net_handle_opened(priv);
    } else {
        cnc__net_handle_closed(priv);
    }
}

static void
begin_target(struct cnc__dial *d)
{
    const struct cnc__srv_target *t = &d->targets[d->at];
    uint8_t ip[1][16];
    int family = cnc__parse_ip(ip[0], t->host);

    snprintf(d->target, sizeof(d->target),
             strchr(t->host, ':') == NULL ? "%s:%u" : "[%s]:%u", t->host,
             t->port);
    d->target_end_ms = cnc__net_now(d->net) + d->target_ms;
    d->remote = cnc__zalloc(sizeof(*d->remote));
    d->remote->domain = cnc__strdup(d->domain);
    memcpy(d->remote->ascii, d->ascii, sizeof(d->ascii));
    snprintf(d->remote->host, sizeof(d->remote->host), "%s", t->host);
    d->race = cnc__race_new(d->net->loop, t->port, &race_events, d,
                            on_race_handle, d->net);
    if (family != 0) {
        d->secure = false;
        cnc__race_feed(d->race, family == AF_INET ? AF_INET6 : AF_INET, NULL,
                       0);
        cnc__race_feed(d->race, family, (const uint8_t(*)[16])ip, 1);
        return;
    }
    d->tlsa_asked = false;
    d->secure = d->srv_secure[t->direct_tls ? DIRECT : STARTTLS];
    d->addrs[V6] =
        cnc__dns_ask(d->net->dns, t->host, CNC__DNS_AAAA, on_aaaa, d);
    d->addrs[V4] = cnc__dns_ask(d->net->dns, t->host, CNC__DNS_A, on_a, d);
}

/* -- targets ------------------------------------------------------------- */

static void
add_target(struct cnc__dial *d, const char *host, uint16_t port, bool direct)
{
    struct cnc__srv_target *t;

    if (d->n_targets < MAX_TARGETS) {
        t = &d->targets[d->n_targets++];
        *t = (struct cnc__srv_target){.port = port, .direct_tls = direct};
        snprintf(t->host, sizeof(t->host), "%s", host);
    }
}

/* "host:port" or "[ip6]:port". */
static bool
add_route(struct cnc__dial *d, const char *route, bool direct)
{
    const char *colon = strrchr(route, ':');
    char host[CNC__DNS_NAME];
    size_t len;
    int64_t port;

    if (colon == NULL || !cnc__parse_int(&port, colon + 1, 1, 65535)) {
        return false;
    }
    len = (size_t)(colon - route);
    if (len > 2 && route[0] == '[' && route[len - 1] == ']') {
        route++;
        len -= 2;
    }
    if (len == 0 || len >= sizeof(host)) {
        return false;
    }
    memcpy(host, route, len);
    host[len] = '\0';
    add_target(d, host, (uint16_t)port, direct);
    return true;
}

/* An address instead of a name has no SRV. */
static bool
add_literal(struct cnc__dial *d)
{
    char host[64];
    uint8_t ip[16];
    size_t len = strlen(d->domain);

    if (d->domain[0] == '[' && len > 2 && len < sizeof(host)) {
        memcpy(host, d->domain + 1, len - 2);
        host[len - 2] = '\0';
    } else {
        snprintf(host, sizeof(host), "%s", d->domain);
    }
    if (cnc__parse_ip(ip, host) == 0) {
        return false;
    }
    snprintf(d->ascii, sizeof(d->ascii), "%s", host);
    add_target(d, host, SERVER_PORT, false);
    return true;
}

/* Both answers are there. */
static void
choose_targets(struct cnc__dial *d)
{
    if (d->n_targets == 0 && d->srv_exists) {
        snprintf(d->why, sizeof(d->why),
                 d->why[0] == '\0' ? "%s offers no XMPP to servers"
                                   : "%s: its server cannot be looked up",
                 d->domain);
    } else if (d->n_targets == 0) {
        add_target(d, d->ascii, SERVER_PORT, false);
    }
    cnc__srv_order(d->targets, d->n_targets, NULL);
    step_soon(d);
}

static void
on_srv(struct cnc__dial *d, enum srv which, const struct cnc__dns_answer *a)
{
    CNC_OBJ_CHECK(d, DIAL_MAGIC);
    d->srv[which] = NULL;
    d->srv_secure[which] = a->secure;
    switch (a->status) {
    case CNC__DNS_OK:
        d->srv_exists = true;
        for (size_t i = 0; i < a->n && d->n_targets < MAX_TARGETS; i++) {
            /* RFC 2782: "." is a service that is not offered. */
            if (a->srv[i].target[0] != '\0') {
                add_target(d, a->srv[i].target, a->srv[i].port,
                           which == DIRECT);
                d->targets[d->n_targets - 1].priority = a->srv[i].priority;
                d->targets[d->n_targets - 1].weight = a->srv[i].weight;
            }
        }
        break;
    case CNC__DNS_BOGUS: /* no way round it */
        d->srv_exists = true;
        snprintf(d->why, sizeof(d->why), "%s: %s", d->domain, a->why);
        break;
    case CNC__DNS_NONE:
        break;
    default: /* RFC 6120 3.2.1 item 10: fall back */
        d->dns_failed = true;
        break;
    }
    if (d->srv[DIRECT] == NULL && d->srv[STARTTLS] == NULL) {
        choose_targets(d);
    }
}

static void
on_srv_direct(const struct cnc__dns_answer *a, void *priv)
{
    on_srv(priv, DIRECT, a);
}

static void
on_srv_starttls(const struct cnc__dns_answer *a, void *priv)
{
    on_srv(priv, STARTTLS, a);
}

static void
ask_srv(struct cnc__dial *d, enum srv which, const char *service,
        cnc__dns_f *on_answer)
{
    char name[CNC__ASCII_DOMAIN + 32];

    snprintf(name, sizeof(name), "_%s._tcp.%s", service, d->ascii);
    d->srv[which] =
        cnc__dns_ask(d->net->dns, name, CNC__DNS_SRV, on_answer, d);
}

/* -- the timer ----------------------------------------------------------- */

static void
step(struct cnc__dial *d)
{
    d->step_ms = NEVER;
    if (d->target[0] != '\0') {
        d->at++;
    }
    if (d->at < d->n_targets) {
        begin_target(d);
        arm(d);
    } else {
        say_failed(d);
    }
}

static void
on_timer(uv_timer_t *timer)
{
    struct cnc__dial *d = timer->data;
    uint64_t now = cnc__net_now(d->net);

    CNC_OBJ_CHECK(d, DIAL_MAGIC);
    if (now >= d->total_end_ms) {
        d->tried = true;
        if (d->why[0] == '\0') {
            snprintf(d->why, sizeof(d->why), "%s: no answer in time",
                     d->target[0] == '\0' ? d->domain : d->target);
        }
        say_failed(d);
    } else if (now >= d->step_ms) {
        step(d);
    } else if (now >= d->target_end_ms) {
        d->tried = true;
        give_up_target(d, "no answer in time");
    } else {
        arm(d);
    }
}

/* -- begin and end ------------------------------------------------------- */

static void
begin(struct cnc__dial *d, const struct cnc__dial_options *o)
{
    if (o->route != NULL) {
        if (cnc__domain_to_ascii(d->ascii, d->domain) != 0) {
            d->ascii[0] = '\0'; /* an address: no SNI */
        }
        if (!add_route(d, o->route, o->direct_tls)) {
            snprintf(d->why, sizeof(d->why), "\"%s\" is not host:port",
                     o->route);
        }
        step_soon(d);
    } else if (add_literal(d)) {
        step_soon(d);
    } else if (cnc__domain_to_ascii(d->ascii, d->domain) != 0) {
        snprintf(d->why, sizeof(d->why), "%s is no name of the DNS",
                 d->domain);
        step_soon(d);
    } else {
        ask_srv(d, DIRECT, "xmpps-server", on_srv_direct);
        ask_srv(d, STARTTLS, "xmpp-server", on_srv_starttls);
        arm(d);
    }
}

struct cnc__dial *
cnc__net_dial(struct cnc__net *n, const struct cnc__dial_options *o,
              const struct cnc__dial_events *events, void *priv)
{
    struct cnc__dial *d = cnc__zalloc(sizeof(*d));

    CNC_OBJ_CHECK(n, CNC__NET_MAGIC);
    d->magic = DIAL_MAGIC;
    d->net = n;
    d->events = events;
    d->priv = priv;
    d->domain = cnc__strdup(o->domain);
    d->no_tls = o->no_tls;
    d->target_ms = o->target_ms == 0 ? 15000 : o->target_ms;
    d->total_ms = o->total_ms == 0 ? 60000 : o->total_ms;
    d->fd = -1;
    d->step_ms = d->target_end_ms = NEVER;
    d->total_end_ms = cnc__net_now(n) + d->total_ms;
    if (o->tls != NULL) {
        d->tls = cnc__tls_ctx_ref(o->tls);
    } else {
        if (n->no_cert == NULL) {
            struct cnc__tls_files none = {0};

            CNC_CHECK(cnc__tls_ctx_new(&n->no_cert, &none, NULL) == 0);
        }
        d->tls = cnc__tls_ctx_ref(n->no_cert);
    }
    cnc__link_add(&n->dials, &d->link);
    CNC_CHECK(uv_timer_init(n->loop, &d->timer) == 0);
    d->timer.data = d;
    cnc__net_handle_opened(n);
    if (!n->closing) {
        begin(d, o);
    } else {
        cnc__dials_close(n);
    }
    return d;
}

void
cnc__dial_next(struct cnc__dial *d)
{
    CNC_OBJ_CHECK(d, DIAL_MAGIC);
    CNC_CHECK(d->connected);
    d->connected = false;
    if (d->net->closing) {
        return;
    }
    snprintf(d->why, sizeof(d->why), "%s: the stream failed", d->target);
    d->total_end_ms = cnc__net_now(d->net) + d->total_ms;
    step_soon(d);
}

const char *
cnc__dial_target(const struct cnc__dial *d)
{
    CNC_OBJ_CHECK(d, DIAL_MAGIC);
    return d->target;
}

static void
on_timer_closed(uv_handle_t *handle)
{
    struct cnc__dial *d = handle->data;
    struct cnc__net *n = d->net;

    d->timer.data = NULL;
    if (d->freed) {
        CNC_OBJ_FREE(d);
    }
    cnc__net_handle_closed(n);
}

/* The room closes: fall silent.  The owner still frees them. */
void
cnc__dials_close(struct cnc__net *n)
{
    for (struct cnc__net_link *l = n->dials.next; l != &n->dials;
         l = l->next) {
        struct cnc__dial *d = CNC_CONTAINER(l, struct cnc__dial, link);

        drop_all(d);
        if (!uv_is_closing((uv_handle_t *)&d->timer)) {
            uv_close((uv_handle_t *)&d->timer, on_timer_closed);
        }
    }
}

void
cnc__dial_free(struct cnc__dial **dp)
{
    struct cnc__dial *d = *dp;

    if (d == NULL) {
        return;
    }
    CNC_OBJ_CHECK(d, DIAL_MAGIC);
    *dp = NULL;
    d->freed = true;
    drop_all(d);
    cnc__link_del(&d->link);
    cnc__free(d->domain);
    d->domain = NULL;
    cnc__tls_ctx_unref(&d->tls);
    if (d->timer.data == NULL) {
        CNC_OBJ_FREE(d); /* its room has closed it before */
    } else if (!uv_is_closing((uv_handle_t *)&d->timer)) {
        uv_close((uv_handle_t *)&d->timer, on_timer_closed);
    }
}
