/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "peers.h"

#define TLS_NS "urn:ietf:params:xml:ns:xmpp-tls"

struct cnc__stream_env peer_env;

static void
speak(struct cnc__stream *s, const char *text)
{
    struct cnc__str xml = CNC__STR;

    cnc__str_puts(&xml, text);
    cnc__stream_say(s, &xml);
    cnc__str_fini(&xml);
}

/* What the owner of the connection says about TLS. */
static void
look(struct cnc__stream *s)
{
    struct peer *p = s->role_priv;
    const struct cnc__stream_events *e = s->events;

    e->tls_info(&p->info, s->priv);
    p->matches = e->cert_matches(p->domain, CNC__CERT_SERVER, s->priv);
    cnc__free(p->jids);
    p->jids = e->cert_jids(s->priv);
    p->n_exporter =
        e->channel_binding(p->exporter, CNC__BINDING_EXPORTER, s->priv);
    p->n_end_point = e->channel_binding(
        p->end_point, CNC__BINDING_SERVER_END_POINT, s->priv);
}

static void
on_start(struct cnc__stream *s)
{
    cnc__stream_say_header(s, ((struct peer *)s->role_priv)->domain);
}

static void
on_header(struct cnc__stream *s, struct cnc_element *root)
{
    struct peer *p = s->role_priv;
    struct cnc__str features = CNC__STR;

    p->n_headers++;
    if (!s->role->initiates) {
        cnc__stream_say_header(s, NULL);
        if (cnc__stream_can_secure(s)) {
            cnc__str_puts(&features, "<starttls xmlns='" TLS_NS "'/>");
        }
        cnc__stream_say_features(s, &features);
    }
    s->state = CNC__STREAM_SASL;
}

static void
on_element(struct cnc__stream *s, struct cnc_element *e)
{
    struct peer *p = s->role_priv;
    const char *name = cnc_element_name(e);

    cnc__str_puts(&p->heard, name);
    cnc__str_putc(&p->heard, ' ');
    if (strcmp(name, "features") == 0 && p->starttls &&
        cnc__stream_can_secure(s)) {
        speak(s, "<starttls xmlns='" TLS_NS "'/>");
    } else if (strcmp(name, "starttls") == 0) {
        speak(s, "<proceed xmlns='" TLS_NS "'/>");
        cnc__stream_go_secure(s);
    } else if (strcmp(name, "proceed") == 0) {
        cnc__stream_go_secure(s);
    }
}

static void
on_secured(struct cnc__stream *s)
{
    ((struct peer *)s->role_priv)->n_secured++;
    look(s);
}

static void
on_closed(struct cnc__stream *s)
{
    ((struct peer *)s->role_priv)->n_closed++;
}

static void
fini(struct cnc__stream *s)
{
    struct peer *p = s->role_priv;

    if (p->stream == s) {
        p->stream = NULL;
    }
}

#define COMMON                                                                \
    .name = "peer", .content_ns = CNC__NS_CLIENT, .on_header = on_header,     \
    .on_element = on_element, .on_secured = on_secured,                       \
    .on_closed = on_closed, .fini = fini

const struct cnc__stream_role peer_calls = {COMMON, .initiates = true,
                                            .on_start = on_start};
const struct cnc__stream_role peer_answers = {COMMON};

static struct cnc__stream *
make(const struct cnc__stream_role *role, struct peer *p,
     const struct cnc__stream_peer *peer,
     const struct cnc__stream_events *events, void *events_priv,
     uint64_t now_ms)
{
    p->n_streams++;
    p->secure = peer->secure;
    snprintf(p->addr, sizeof(p->addr), "%s", peer->addr);
    p->stream = cnc__stream_new_role(role, p, &peer_env, peer, events,
                                     events_priv, now_ms);
    look(p->stream);
    return p->stream;
}

struct cnc__stream *
peer_accept(enum cnc__net_kind kind, const struct cnc__stream_peer *peer,
            const struct cnc__stream_events *events, void *events_priv,
            uint64_t now_ms, void *priv)
{
    struct peer *p = priv;

    p->kind = kind;
    return make(&peer_answers, p, peer, events, events_priv, now_ms);
}

struct cnc__stream *
peer_call(struct peer *p, const struct cnc__stream_peer *peer,
          const struct cnc__stream_events *events, void *events_priv,
          uint64_t now_ms)
{
    return make(&peer_calls, p, peer, events, events_priv, now_ms);
}

void
peer_fini(struct peer *p)
{
    cnc__str_fini(&p->heard);
    cnc__free(p->jids);
}
