/* SPDX-License-Identifier: MIT */
/*
 * ports.c -- where the service listens: --http, --c2s and the others.
 */
#include "../net/bind.h"
#include "private.h"

bool
cnc__is_loopback(const char *addr)
{
    return strncmp(addr, "127.", 4) == 0 || strncmp(addr, "[::1]", 5) == 0 ||
           strncmp(addr, "localhost:", 10) == 0;
}

bool
cnc__is_unix(const char *addr)
{
    return strncmp(addr, "unix:", 5) == 0;
}

/* An option that says where one kind listens. */
struct port_option {
    const char *name; /* without the -- */
    enum cnc__net_kind kind;
    bool direct; /* TLS from the first byte */
    bool proxy;  /* the PROXY protocol */
    bool local;  /* a Unix socket may be */
};

static const struct port_option http = {"http", CNC__NET_WEB, .local = true},
                                http_proxy = {"http-proxy", CNC__NET_WEB,
                                              .proxy = true, .local = true},
                                c2s = {"c2s", CNC__NET_C2S, .local = true},
                                c2s_proxy = {"c2s-proxy", CNC__NET_C2S,
                                             .proxy = true, .local = true},
                                c2s_tls = {"c2s-tls", CNC__NET_C2S,
                                           .direct = true},
                                s2s = {"s2s", CNC__NET_S2S},
                                s2s_tls = {"s2s-tls", CNC__NET_S2S,
                                           .direct = true},
                                component = {"component", CNC__NET_COMPONENT};

/* What this port's TLS is made of; NULL: it has none. */
static struct cnc__tls_ctx *
tls_of(const struct cnc__process *p, const struct port_option *o,
       const char *addr)
{
    const struct cnc_service *s = p->domains[0];

    if (s->o.tls_cert == NULL || o->kind == CNC__NET_COMPONENT) {
        return NULL; /* XEP-0114 has none */
    }
    if (o->kind == CNC__NET_WEB &&
        (p->o.http_plain || o->proxy || cnc__is_unix(addr))) {
        return NULL; /* the web server's side has it */
    }
    return s->tls;
}

static int
check(const struct port_option *o, const char *addr, bool tls,
      struct cnc_error *err)
{
    if (cnc__is_unix(addr) && !o->local) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "--%s is an address and a port, not %s: a Unix "
                             "socket is for --http, --http-proxy, --c2s and "
                             "--c2s-proxy",
                             o->name, addr);
    }
    if (o->kind == CNC__NET_WEB || o->kind == CNC__NET_COMPONENT || tls ||
        (!o->direct && (cnc__is_loopback(addr) || cnc__is_unix(addr)))) {
        return 0;
    }
    /* RFC 7590: nobody's password crosses a network in the clear. */
    return cnc_error_set(err, CNC_EINVAL, NULL,
                         "--%s %s needs --tls-cert and --tls-key%s", o->name,
                         addr,
                         o->direct ? ""
                                   : ", or an address of this machine such "
                                     "as 127.0.0.1");
}

/* Says whose fault it is, when nobody gave us the socket. */
static int
listen_at(struct cnc__process *p, const struct cnc__net_port *np,
          const char *name, unsigned *number, struct cnc_error *err)
{
    int code = cnc__net_listen_port(p->net, np, number, err);
    struct cnc_error was;

    if (code != 0 && np->given == NULL) {
        was = *err;
        snprintf(err->text, sizeof(err->text), "--%s: %.480s", name, was.text);
    }
    return code;
}

static int
open_port(struct cnc__process *p, const struct port_option *o,
          const char *addr, struct cnc__given *given, struct cnc_error *err)
{
    struct cnc__net_port np = {.kind = o->kind,
                               .addr = addr,
                               .tls = tls_of(p, o, addr),
                               .proxy = o->proxy,
                               .given = given,
                               /* Who comes has waited for us anyway: let it
                                * be a page, not 503. */
                               .later =
                                   given != NULL && o->kind == CNC__NET_WEB};
    unsigned number = 0;
    int code = check(o, addr, np.tls != NULL, err);

    if (code != 0) {
        return code;
    }
    np.direct_tls = np.tls != NULL && (o->direct || o->kind == CNC__NET_WEB);
    code = listen_at(p, &np, o->name, &number, err);
    if (code != 0) {
        return code;
    }
    cnc__log(CNC_LOG_INFO, "listen.ready", "kind=%s addr=%s port=%u tls=%s",
             o->name, addr, number,
             np.direct_tls    ? "direct"
             : np.tls != NULL ? "starttls"
                              : "none");
    if (o == &http && p->port == 0) {
        p->port = number;
    }
    return 0;
}

/* What was inherited, and of the other kind, ports or Unix sockets, what the
 * option says: the manager's port for clients is not instead of our socket
 * for a web server. */
static int
open_list(struct cnc__process *p, const struct port_option *o,
          const char *const *list, struct cnc_error *err)
{
    struct cnc__given *g = cnc__inherited_next(p->inherited, o->name, NULL);
    bool have[2] = {false, false}; /* ports, Unix sockets */
    char where[160];
    int code = 0;

    for (; code == 0 && g != NULL;
         g = cnc__inherited_next(p->inherited, o->name, g)) {
        cnc__bind_text(where, g->fd);
        have[cnc__is_unix(where)] = true;
        code = open_port(p, o, where, g, err);
    }
    for (; code == 0 && list != NULL && *list != NULL; list++) {
        if (!have[cnc__is_unix(*list)]) {
            code = open_port(p, o, *list, NULL, err);
        }
    }
    return code;
}

static int
open_one(struct cnc__process *p, const struct port_option *o, const char *addr,
         struct cnc_error *err)
{
    return open_list(p, o, (const char *const[]){addr, NULL}, err);
}

void
cnc__ports_inherit(struct cnc__process *p)
{
    const struct cnc__given *g =
        cnc__inherited_next(p->inherited, http.name, NULL);
    char where[160];

    if (g != NULL) {
        cnc__bind_text(where, g->fd);
        p->o.http = p->http = cnc__strdup(where);
    }
}

bool
cnc__ports_have_s2s(const struct cnc__process *p)
{
    return p->o.s2s != NULL || p->o.s2s_tls != NULL ||
           cnc__inherited_next(p->inherited, s2s.name, NULL) != NULL ||
           cnc__inherited_next(p->inherited, s2s_tls.name, NULL) != NULL;
}

/* A Unix socket that has no address beside it. */
static int
open_near(struct cnc__process *p, const char *name, enum cnc__net_kind kind,
          const char *path, struct cnc_error *err)
{
    struct cnc__given *g = cnc__inherited_next(p->inherited, name, NULL);
    int code = 0;

    if (g == NULL) {
        return path == NULL ? 0
                            : listen_at(p,
                                        &(struct cnc__net_port){.kind = kind,
                                                                .addr = path},
                                        name, NULL, err);
    }
    for (; code == 0 && g != NULL;
         g = cnc__inherited_next(p->inherited, name, g)) {
        code = listen_at(p, &(struct cnc__net_port){.kind = kind, .given = g},
                         name, NULL, err);
    }
    return code;
}

int
cnc__ports_open(struct cnc__process *p, struct cnc_error *err)
{
    const struct cnc_service_options *o = &p->o;
    const struct cnc__given *left;
    int code;

    if ((code = open_one(p, &http, o->http, err)) != 0 ||
        (code = open_list(p, &http_proxy, o->http_proxy, err)) != 0 ||
        (code = open_near(p, "link", CNC__NET_LINK, p->link, err)) != 0 ||
        (code = open_near(p, "handoff", CNC__NET_HANDOFF, o->handoff, err)) !=
            0 ||
        (code = open_list(p, &c2s, o->c2s, err)) != 0 ||
        (code = open_list(p, &c2s_proxy, o->c2s_proxy, err)) != 0 ||
        (code = open_list(p, &c2s_tls, o->c2s_tls, err)) != 0 ||
        (code = open_list(p, &s2s, o->s2s, err)) != 0 ||
        (code = open_list(p, &s2s_tls, o->s2s_tls, err)) != 0) {
        return code;
    }
    if (cnc__network_takes(p, CNC__NET_COMPONENT) &&
        (code =
             open_one(p, &component,
                      o->component == NULL ? "127.0.0.1:5347" : o->component,
                      err)) != 0) {
        return code;
    }
    left = cnc__inherited_next(p->inherited, NULL, NULL);
    return left == NULL
               ? 0
               : cnc_error_set(err, CNC_EINVAL, NULL,
                               "the inherited socket %d, \"%s\", is for "
                               "nothing that is served here",
                               left->fd, left->name);
}
