/* SPDX-License-Identifier: MIT */
/*
 * network.c -- clients by TCP: joins src/net, which has the sockets, to the
 * streams of src/xmpp.
 */
#include "private.h"

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
                                     .tls = s->o.tls_cert == NULL ? NULL
                                                                  : s->tls,
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
        cnc__log(CNC_LOG_INFO, "listen.ready", "kind=%s addr=%s port=%u tls=%s",
                 option + 2, *list, number,
                 direct_tls            ? "direct"
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
                            err)) != 0) {
        return code;
    }
    return 0;
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
    return 0;
}

void
cnc__network_free(struct cnc_service *s)
{
    cnc__tls_ctx_unref(&s->tls);
}
