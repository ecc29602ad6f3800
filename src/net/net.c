/* SPDX-License-Identifier: MIT */
/* The room's object: limits, the once-a-second timer, and the end of the
 * loop's turn, where everything that waits is sent. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "../base/log.h"
#include "../base/table.h"
#include "handed.h"

/* Memory is given back when so much was let go, and not more often. */
#define TRIM_MS    10000
#define TRIM_ENDED 1000 /* connections */
#define TRIM_BYTES ((uint64_t)16 << 20)

void
cnc__net_handle_opened(struct cnc__net *n)
{
    n->n_handles++;
}

void
cnc__net_handle_closed(struct cnc__net *n)
{
    CNC_OBJ_CHECK(n, CNC__NET_MAGIC);
    n->n_handles--;
    if (n->closing && n->n_handles == 0 && n->on_closed != NULL) {
        n->on_closed(n->on_closed_priv);
    }
}

void
cnc__net_warn(struct cnc__net *n, const char *event, const char *text)
{
    uint64_t now = cnc__net_now(n);

    if (n->last_refusal_ms == 0 || now - n->last_refusal_ms >= 1000) {
        n->last_refusal_ms = now == 0 ? 1 : now;
        cnc__log(CNC_LOG_WARN, event, "%s", text);
    }
}

void
cnc__net_dirty(struct cnc__conn *c)
{
    struct cnc__net *n = c->net;

    if (c->dirty || c->closed) {
        return;
    }
    cnc__link_del(&c->turn);
    cnc__link_add(&n->dirty, &c->turn);
    c->dirty = true;
}

static void
end_turn(struct cnc__net *n)
{
    while (n->dirty.next != &n->dirty) {
        struct cnc__conn *c =
            CNC_CONTAINER(n->dirty.next, struct cnc__conn, turn);

        cnc__link_del(&c->turn);
        c->dirty = false;
        cnc__conn_flush(c);
        cnc__conn_settle(c); /* at once, while it is in the cache */
    }
}

/* After the poll for what events caused, before it for what timers did. */
static void
on_check(uv_check_t *check)
{
    end_turn(check->data);
}

static void
on_prepare(uv_prepare_t *prepare)
{
    end_turn(prepare->data);
}

/* A crowd has gone: the allocator would keep what it took for ever. */
static void
give_memory_back(struct cnc__net *n)
{
    uint64_t now = cnc__net_now(n);

    if (now - n->trimmed_ms < TRIM_MS ||
        (n->n_ended < TRIM_ENDED && n->held_most - n->held < TRIM_BYTES)) {
        return;
    }
    cnc__trim();
    n->trimmed_ms = now;
    n->n_ended = 0;
    n->held_most = n->held;
}

bool
cnc__net_is_full(const struct cnc__net *n)
{
    return n->n_conns - n->n_kind[CNC__CONN_LINK] -
               n->n_kind[CNC__CONN_DIALLED] >=
           n->config.max_connections;
}

/* -- addresses ------------------------------------------------------------ */

struct cnc__net_addr *
cnc__addr_get(struct cnc__net *n, const char *text, bool loopback)
{
    struct cnc__net_addr *a = cnc__table_get(n->addrs, text);

    if (a == NULL) {
        a = cnc__zalloc(sizeof(*a));
        snprintf(a->text, sizeof(a->text), "%s", text);
        a->loopback = loopback;
        cnc__table_put(n->addrs, text, a);
    }
    return a;
}

void
cnc__addr_drop(struct cnc__net *n, struct cnc__net_addr *a)
{
    if (a->n_conns == 0) {
        cnc__table_del(n->addrs, a->text);
        cnc__free(a);
    }
}

bool
cnc__addr_has_room(const struct cnc__net *n, const struct cnc__net_addr *a)
{
    return a->loopback || a->n_unbound < n->config.max_per_addr;
}

/* -- time ----------------------------------------------------------------- */

static void
on_timer(uv_timer_t *timer)
{
    struct cnc__net *n = timer->data;
    struct cnc__net_link *l = n->conns.next, *next;

    for (; l != &n->conns; l = next) {
        struct cnc__conn *c = CNC_CONTAINER(l, struct cnc__conn, all);

        next = l->next;
        cnc__conn_tick(c);
    }
    give_memory_back(n);
}

static uint32_t
or_default(uint32_t value, uint32_t otherwise)
{
    return value == 0 ? otherwise : value;
}

static void
fill_defaults(struct cnc__net_config *c)
{
    c->ws_path = c->ws_path == NULL ? "/xmpp" : c->ws_path;
    c->max_connections = or_default(c->max_connections, 20000);
    c->max_per_addr = or_default(c->max_per_addr, 1000);
    c->max_held = c->max_held == 0 ? (uint64_t)512 << 20 : c->max_held;
    c->max_body = or_default(c->max_body, 1 << 20);
    c->head_ms = or_default(c->head_ms, 10000);
    c->keepalive_ms = or_default(c->keepalive_ms, 75000);
    CNC_CHECK(c->max_body <= CNC_BUF_MAX && c->http != NULL);
}

struct cnc__net *
cnc__net_new(uv_loop_t *loop, const struct cnc__net_config *config)
{
    struct cnc__net *n = cnc__zalloc(sizeof(*n));

    n->magic = CNC__NET_MAGIC;
    n->loop = loop;
    n->config = *config;
    fill_defaults(&n->config);
    cnc__link_init(&n->conns);
    cnc__link_init(&n->dirty);
    cnc__link_init(&n->orphans);
    cnc__link_init(&n->senders);
    cnc__link_init(&n->dials);
    n->addrs = cnc__table_new();
    n->dns = cnc__dns_new(loop, &n->config.dns);
    n->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CNC_CHECK(uv_timer_init(loop, &n->timer) == 0);
    CNC_CHECK(uv_prepare_init(loop, &n->prepare) == 0);
    CNC_CHECK(uv_check_init(loop, &n->check) == 0);
    n->timer.data = n->prepare.data = n->check.data = n;
    CNC_CHECK(uv_timer_start(&n->timer, on_timer, 1000, 1000) == 0);
    CNC_CHECK(uv_prepare_start(&n->prepare, on_prepare) == 0);
    CNC_CHECK(uv_check_start(&n->check, on_check) == 0);
    n->n_handles = 4; /* with the resolver */
    return n;
}

static void
on_handle_closed(uv_handle_t *handle)
{
    cnc__net_handle_closed(handle->data);
}

static void
on_dns_closed(void *priv)
{
    cnc__net_handle_closed(priv);
}

void
cnc__net_close(struct cnc__net *n, void (*on_closed)(void *), void *priv)
{
    struct cnc__net_link *l, *next;

    CNC_OBJ_CHECK(n, CNC__NET_MAGIC);
    CNC_CHECK(!n->closing);
    n->closing = true;
    n->on_closed = on_closed;
    n->on_closed_priv = priv;
    cnc__listeners_close(n);
    cnc__senders_close(n);
    for (l = n->conns.next; l != &n->conns; l = next) {
        struct cnc__conn *c = CNC_CONTAINER(l, struct cnc__conn, all);

        next = l->next;
        if (c->stream != NULL) {
            cnc__stream_close(c->stream, "system-shutdown", NULL);
        }
        cnc__conn_flush(c);
        cnc__conn_close(c);
    }
    cnc__dials_close(n);
    cnc__dns_close(n->dns, on_dns_closed, n);
    uv_close((uv_handle_t *)&n->timer, on_handle_closed);
    uv_close((uv_handle_t *)&n->prepare, on_handle_closed);
    uv_close((uv_handle_t *)&n->check, on_handle_closed);
}

void
cnc__net_free(struct cnc__net **np)
{
    struct cnc__net *n = *np;

    if (n == NULL) {
        return;
    }
    CNC_OBJ_CHECK(n, CNC__NET_MAGIC);
    CNC_CHECK(n->closing && n->n_handles == 0 && cnc__link_empty(&n->dials));
    cnc__dns_free(&n->dns);
    cnc__tls_ctx_unref(&n->no_cert);
    cnc__str_fini(&n->warm);
    while (n->pool != NULL) {
        struct cnc__http_call *call = n->pool;

        n->pool = call->next;
        cnc__http_call_free(&call);
    }
    while (n->orphans.next != &n->orphans) {
        struct cnc__http_call *call =
            CNC_CONTAINER(n->orphans.next, struct cnc__http_call, orphan);

        cnc__link_del(&call->orphan);
        cnc__http_call_free(&call);
    }
    cnc__listeners_free(n);
    cnc__table_free(&n->addrs, cnc__free);
    if (n->spare_fd >= 0) {
        close(n->spare_fd);
    }
    CNC_OBJ_FREE(n);
    *np = NULL;
}

void
cnc__net_stats(const struct cnc__net *n, struct cnc__net_stats *out)
{
    CNC_OBJ_CHECK(n, CNC__NET_MAGIC);
    *out = n->stats;
    out->connections =
        n->n_conns - n->n_kind[CNC__CONN_LINK] - n->n_kind[CNC__CONN_DIALLED];
    out->websockets = n->n_websockets;
    out->links = n->n_kind[CNC__CONN_LINK];
    out->c2s = n->n_kind[CNC__CONN_C2S];
    out->s2s = n->n_kind[CNC__CONN_S2S];
    out->components = n->n_kind[CNC__CONN_COMPONENT];
    out->dialled = n->n_kind[CNC__CONN_DIALLED];
}
