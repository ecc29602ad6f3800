/* SPDX-License-Identifier: MIT */
/*
 * introduce.c -- for whom a proxy speaks: what it says in the head of a
 * request, or before the connection's first byte.
 */
#include <stdio.h>

#include "conn.h"
#include "proxy.h"

bool
cnc__conn_is_of(struct cnc__conn *c, const char *addr, bool loopback)
{
    struct cnc__net_addr *a = cnc__addr_get(c->net, addr, loopback);

    if (a == c->addr) {
        return true;
    }
    if (!cnc__addr_has_room(c->net, a)) {
        cnc__addr_drop(c->net, a);
        return false;
    }
    a->n_conns++;
    a->n_unbound += c->unbound;
    c->addr->n_unbound -= c->unbound;
    c->addr->n_conns--;
    cnc__addr_drop(c->net, c->addr);
    c->addr = a;
    return true;
}

/* -- X-Forwarded-For, X-Forwarded-Proto ----------------------------------- */

/* A proxy on this machine says for whom it asks: the last address is the one
 * that it saw itself, those before it are what others claim.  From elsewhere
 * nobody is believed.  X-Forwarded-Host is not read: a proxy keeps Host, and a
 * second name for a site would be one more that somebody else can choose. */
static void
look_behind_proxy(struct cnc__http_request *r)
{
    const char *from = NULL, *proto = cnc__http_header(r, "x-forwarded-proto");
    char text[64];
    bool loopback;

    for (size_t i = 0; i < r->n_headers; i++) {
        if (strcmp(r->headers[i].name, "x-forwarded-for") == 0) {
            from = r->headers[i].value;
        }
    }
    if (from != NULL && strrchr(from, ',') != NULL) {
        from = strrchr(from, ',') + 1;
    }
    if (from != NULL) {
        snprintf(text, sizeof(text), "%s", from + strspn(from, " \t"));
        cnc__addr_read(r->addr, &loopback, text);
    }
    r->secure = r->secure || (proto != NULL && strcmp(proto, "https") == 0);
}

void
cnc__http_introduce(const struct cnc__conn *c, struct cnc__http_request *r)
{
    r->secure = c->secure;
    memcpy(r->addr, c->addr->text, sizeof(r->addr));
    if (c->addr->loopback) {
        look_behind_proxy(r);
    }
}

/* -- the PROXY protocol --------------------------------------------------- */

void
cnc__conn_not_introduced(struct cnc__conn *c, const char *why)
{
    char text[200];

    c->broken = true;
    c->net->stats.refused++;
    snprintf(text, sizeof(text), "peer=%s %s", cnc__conn_addr(c), why);
    cnc__net_warn(c->net, "proxy.bad", text);
}

/* What it begins with, now that we know whose it is. */
static void
go_on(struct cnc__conn *c)
{
    if (c->kind == CNC__CONN_WEB) {
        c->state = CNC__CONN_HTTP;
        c->deadline_ms = cnc__net_now(c->net) + c->net->config.head_ms;
        return;
    }
    if (c->secure) {
        cnc__tls_ctx_unref(&c->tls_ctx); /* no STARTTLS inside of TLS */
    }
    cnc__conn_start_stream(c);
}

static void
believe(struct cnc__conn *c, const struct cnc__proxy *p)
{
    if (p->known && p->loopback && !c->addr->loopback) {
        /* What this machine may do, nobody is given from elsewhere. */
        cnc__conn_not_introduced(c, "it says that the client is here");
        return;
    }
    if (p->known && !cnc__conn_is_of(c, p->addr, p->loopback)) {
        c->broken = true;
        c->net->stats.refused++;
        cnc__net_warn(c->net, "net.refused", "reason=max_per_addr");
        return;
    }
    c->secure = p->tls;
    go_on(c);
}

void
cnc__conn_introduced(struct cnc__conn *c, char *data, size_t len)
{
    struct cnc__str all = c->in;
    struct cnc__proxy p;
    const char *why;
    int used;

    c->in = (struct cnc__str)CNC__STR;
    cnc__str_add(&all, data, len);
    used = cnc__proxy_read(&p, all.data, all.len, &why);
    if (used == 0) {
        c->in = all;
        return;
    }
    if (used < 0) {
        cnc__conn_not_introduced(c, why);
    } else {
        believe(c, &p);
    }
    if (!c->broken && all.len > (size_t)used) {
        cnc__conn_bytes(c, all.data + used, all.len - (size_t)used);
    }
    cnc__str_fini(&all);
}
