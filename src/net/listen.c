/* SPDX-License-Identifier: MIT */
/*
 * listen.c -- the ports.
 */
#include "listen.h"

/* Takes over what is bound. */
static struct cnc__listener *
listener_new(struct cnc__net *n, const struct cnc__bound *bound,
             enum cnc__conn_kind kind)
{
    struct cnc__listener *l = cnc__zalloc(sizeof(*l));

    l->magic = CNC__LISTENER_MAGIC;
    l->net = n;
    l->bound = *bound;
    l->kind = kind;
    CNC_CHECK(uv_poll_init(n->loop, &l->poll, bound->fd) == 0);
    l->poll.data = l;
    cnc__net_handle_opened(n);
    l->next = n->listeners;
    n->listeners = l;
    return l;
}

static void
begin(struct cnc__listener *l)
{
    CNC_CHECK(uv_poll_start(&l->poll, UV_READABLE, cnc__on_acceptable) == 0);
}

void
cnc__net_begin(struct cnc__net *n)
{
    CNC_OBJ_CHECK(n, CNC__NET_MAGIC);
    for (struct cnc__listener *l = n->listeners; l != NULL; l = l->next) {
        begin(l);
    }
}

static int
bind_port(struct cnc__bound *out, const struct cnc__net *n,
          const struct cnc__net_port *p, struct cnc_error *err)
{
    int type = p->kind == CNC__NET_HANDOFF ? SOCK_SEQPACKET : SOCK_STREAM;
    int fd;

    if (p->given == NULL) {
        return p->kind == CNC__NET_HANDOFF || p->kind == CNC__NET_LINK
                   ? cnc__bind_unix(out, p->addr, type, n->config.socket_group,
                                    err)
                   : cnc__bind(out, p->addr, n->config.socket_group, err);
    }
    fd = p->given->fd;
    p->given->fd = -1;
    return cnc__bind_given(out, fd, p->given->name, type,
                           p->kind == CNC__NET_LINK, err);
}

int
cnc__net_listen_port(struct cnc__net *n, const struct cnc__net_port *p,
                     unsigned *port, struct cnc_error *err)
{
    static const enum cnc__conn_kind kinds[] = {
        [CNC__NET_C2S] = CNC__CONN_C2S,
        [CNC__NET_S2S] = CNC__CONN_S2S,
        [CNC__NET_COMPONENT] = CNC__CONN_COMPONENT,
        [CNC__NET_WEB] = CNC__CONN_WEB,
        [CNC__NET_LINK] = CNC__CONN_LINK,
        [CNC__NET_HANDOFF] = CNC__CONN_WEB};
    enum cnc__conn_kind kind = kinds[p->kind];
    struct cnc__bound bound;
    struct cnc__listener *l;

    CNC_OBJ_CHECK(n, CNC__NET_MAGIC);
    CNC_CHECK(!n->closing);
    CNC_CHECK(p->kind == CNC__NET_WEB || p->kind == CNC__NET_HANDOFF ||
              (p->kind == CNC__NET_LINK ? n->config.link != NULL
                                        : n->config.stream != NULL));
    CNC_CHECK(!p->direct_tls || (p->tls != NULL && !p->proxy));
    if (bind_port(&bound, n, p, err) != 0) {
        return CNC_ESYS;
    }
    l = listener_new(n, &bound, kind);
    l->tls = p->tls == NULL ? NULL : cnc__tls_ctx_ref(p->tls);
    l->direct = p->direct_tls;
    l->proxy = p->proxy;
    l->handoff = p->kind == CNC__NET_HANDOFF;
    if (!p->later) {
        begin(l);
    }
    n->serves[kind] = true;
    if (port != NULL) {
        *port = bound.port;
    }
    return 0;
}

int
cnc__net_listen(struct cnc__net *n, const char *addr, const char *cert,
                const char *key, unsigned *port, struct cnc_error *err)
{
    struct cnc__tls_files files = {.cert = cert, .key = key};
    struct cnc__tls_ctx *tls = NULL;
    int code;

    if ((cert != NULL || key != NULL) &&
        cnc__tls_ctx_new(&tls, &files, err) != 0) {
        return CNC_ESYS;
    }
    code = cnc__net_listen_web(n, addr, tls, port, err);
    cnc__tls_ctx_unref(&tls);
    return code;
}

int
cnc__net_listen_web(struct cnc__net *n, const char *addr,
                    struct cnc__tls_ctx *tls, unsigned *port,
                    struct cnc_error *err)
{
    return cnc__net_listen_port(
        n,
        &(struct cnc__net_port){.kind = CNC__NET_WEB,
                                .addr = addr,
                                .tls = tls,
                                .direct_tls = tls != NULL},
        port, err);
}

int
cnc__net_listen_link(struct cnc__net *n, const char *path,
                     struct cnc_error *err)
{
    return cnc__net_listen_port(
        n, &(struct cnc__net_port){.kind = CNC__NET_LINK, .addr = path}, NULL,
        err);
}

int
cnc__net_reload_tls(struct cnc__net *n, struct cnc_error *err)
{
    int code = 0;

    CNC_OBJ_CHECK(n, CNC__NET_MAGIC);
    for (struct cnc__listener *l = n->listeners; l != NULL && code == 0;
         l = l->next) {
        code = l->tls == NULL ? 0 : cnc__tls_ctx_reload(l->tls, err);
    }
    return code;
}

/* -- end ----------------------------------------------------------------- */

static void
on_listener_closed(uv_handle_t *handle)
{
    struct cnc__listener *l = handle->data;

    cnc__net_handle_closed(l->net);
}

void
cnc__listeners_close(struct cnc__net *n)
{
    for (struct cnc__listener *l = n->listeners; l != NULL; l = l->next) {
        uv_close((uv_handle_t *)&l->poll, on_listener_closed);
        cnc__unbind(&l->bound);
    }
}

void
cnc__listeners_free(struct cnc__net *n)
{
    while (n->listeners != NULL) {
        struct cnc__listener *l = n->listeners;

        n->listeners = l->next;
        cnc__tls_ctx_unref(&l->tls);
        CNC_OBJ_FREE(l);
    }
}
