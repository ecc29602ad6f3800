/* SPDX-License-Identifier: MIT */
/*
 * network.c -- clients and servers by TCP: joins src/net, which has the
 * sockets, to the streams of src/xmpp and src/s2s.
 *
 *   net accepts -> on_stream: a client's stream, or s2s's
 *   s2s dials   -> cnc__net_dial -> connected -> s2s makes the stream
 */
#include "private.h"

#include "../net/dial.h"

/* -- dialling ------------------------------------------------------------- */

struct dialling {
    struct cnc__dial *dial;
    const struct cnc__s2s_dial_events *events;
    void *priv;
};

static struct cnc__stream *
on_connected(struct cnc__dial *d, const struct cnc__stream_peer *peer,
             const struct cnc__stream_events *events, void *events_priv,
             uint64_t now_ms, void *priv)
{
    struct dialling *own = priv;

    return own->events->on_connected(peer, events, events_priv, now_ms,
                                     own->priv);
}

static void
on_failed(struct cnc__dial *d, const char *condition, const char *text,
          void *priv)
{
    struct dialling *own = priv;

    own->events->on_failed(condition, text, own->priv);
}

/* The "HOST:PORT" of --s2s-route DOMAIN=HOST:PORT, or NULL: ask the DNS. */
static const char *
route_of(const struct cnc_service *s, const char *domain)
{
    size_t len = strlen(domain);

    for (const char *const *r = s->o.s2s_route; r != NULL && *r != NULL; r++) {
        if (strncmp(*r, domain, len) == 0 && (*r)[len] == '=') {
            return *r + len + 1;
        }
    }
    return NULL;
}

static void *
env_dial(const char *domain, const struct cnc__s2s_dial_events *events,
         void *dial_priv, void *priv)
{
    static const struct cnc__dial_events joined = {on_connected, on_failed};
    struct cnc_service *s = priv;
    struct dialling *own = cnc__zalloc(sizeof(*own));
    struct cnc__dial_options o = {
        .domain = domain, .route = route_of(s, domain), .tls = s->tls};

    own->events = events;
    own->priv = dial_priv;
    own->dial = cnc__net_dial(s->net, &o, &joined, own);
    return own;
}

static void
env_dial_next(void *handle, void *priv)
{
    struct dialling *own = handle;

    cnc__dial_next(own->dial);
}

static void
env_dial_free(void *handle, void *priv)
{
    struct dialling *own = handle;

    cnc__dial_free(&own->dial);
    cnc__free(own);
}

/* -- accepting ------------------------------------------------------------ */

struct cnc__stream *
cnc__network_stream(enum cnc__net_kind kind,
                    const struct cnc__stream_peer *peer,
                    const struct cnc__stream_events *events, void *events_priv,
                    uint64_t now_ms, void *priv)
{
    struct cnc_service *s = priv;

    switch (kind) {
    case CNC__NET_C2S:
        return cnc__stream_new(&s->c2s_env, peer, events, events_priv, now_ms);
    case CNC__NET_S2S:
        return cnc__s2s_stream_in(s->s2s, peer, events, events_priv, now_ms);
    case CNC__NET_COMPONENT:
        break;
    }
    return NULL;
}

static bool
is_loopback(const char *addr)
{
    return strncmp(addr, "127.", 4) == 0 || strncmp(addr, "[::1]", 5) == 0 ||
           strncmp(addr, "localhost:", 10) == 0;
}

static int
listen_list(struct cnc_service *s, const char *const *list,
            enum cnc__net_kind kind, bool direct_tls, const char *option,
            struct cnc_error *err)
{
    for (; list != NULL && *list != NULL; list++) {
        struct cnc__net_port port = {.kind = kind,
                                     .addr = *list,
                                     .tls =
                                         s->o.tls_cert == NULL ? NULL : s->tls,
                                     .direct_tls = direct_tls};
        unsigned number = 0;
        int code;

        /* RFC 7590: nobody's password crosses a network in the clear. */
        if (port.tls == NULL && (direct_tls || !is_loopback(*list))) {
            return cnc_error_set(err, CNC_EINVAL, NULL,
                                 "%s %s needs --tls-cert and --tls-key%s",
                                 option, *list,
                                 direct_tls ? ""
                                            : ", or an address of this "
                                              "machine such as 127.0.0.1");
        }
        code = cnc__net_listen_xmpp(s->net, &port, &number, err);
        if (code != 0) {
            return code;
        }
        cnc__log(CNC_LOG_INFO, "listen.ready",
                 "kind=%s addr=%s port=%u tls=%s", option + 2, *list, number,
                 direct_tls         ? "direct"
                 : port.tls != NULL ? "starttls"
                                    : "none");
    }
    return 0;
}

int
cnc__network_listen(struct cnc_service *s, struct cnc_error *err)
{
    int code;

    if ((code = listen_list(s, s->o.c2s, CNC__NET_C2S, false, "--c2s", err)) !=
            0 ||
        (code = listen_list(s, s->o.c2s_tls, CNC__NET_C2S, true, "--c2s-tls",
                            err)) != 0 ||
        (code = listen_list(s, s->o.s2s, CNC__NET_S2S, false, "--s2s", err)) !=
            0) {
        return code;
    }
    return listen_list(s, s->o.s2s_tls, CNC__NET_S2S, true, "--s2s-tls", err);
}

/* -- life ----------------------------------------------------------------- */

static void
make_c2s_env(struct cnc_service *s)
{
    s->c2s_env = s->web_env;
    s->c2s_env.tls_required = s->o.tls_cert != NULL;
    s->c2s_env.loopback_plain = s->o.allow_plain;
    if (s->o.tls_cert != NULL) {
        s->c2s_env.mechanisms |= CNC__SASL_PLAIN | CNC__SASL_EXTERNAL;
    }
}

static void
make_s2s(struct cnc_service *s)
{
    const struct cnc__s2s_env env = {.router = s->router,
                                     .dial = env_dial,
                                     .dial_next = env_dial_next,
                                     .dial_free = env_dial_free,
                                     .priv = s};
    const struct cnc__s2s_options options = {
        .allow = s->o.s2s_allow,
        .deny = s->o.s2s_deny,
        .plain = s->o.s2s_plain,
        .cert_required = s->o.s2s_cert,
        .max_stanza = s->o.max_stanza > 524288 ? s->o.max_stanza : 524288,
        .wait_ms = s->o.s2s_wait * 1000};

    s->s2s = cnc__s2s_new(&env, &options, uv_now(&s->loop));
}

int
cnc__network_new(struct cnc_service *s, struct cnc_error *err)
{
    const struct cnc__tls_files files = {
        .cert = s->o.tls_cert, .key = s->o.tls_key, .ca = s->o.ca};
    int code = cnc__tls_ctx_new(&s->tls, &files, err);

    if (code != 0) {
        return code;
    }
    make_c2s_env(s);
    if (s->o.s2s != NULL || s->o.s2s_tls != NULL) {
        make_s2s(s);
    }
    return 0;
}

void
cnc__network_tick(struct cnc_service *s, uint64_t now_ms)
{
    if (s->s2s != NULL) {
        cnc__s2s_tick(s->s2s, now_ms);
    }
}

void
cnc__network_close(struct cnc_service *s)
{
    if (s->s2s != NULL) {
        cnc__s2s_close(s->s2s);
    }
}

void
cnc__network_free(struct cnc_service *s)
{
    cnc__s2s_free(&s->s2s);
}
