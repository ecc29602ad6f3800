/* SPDX-License-Identifier: MIT */
/*
 * network.c -- clients and servers by TCP: joins src/net, which has the
 * sockets, to the streams of src/xmpp and src/s2s.
 *
 *   net accepts (ports.c) -> on_stream: a client's stream, or s2s's
 *   s2s dials   -> cnc__net_dial -> connected -> s2s makes the stream
 *
 * Components are streams of the same room; a service that is one itself dials
 * its server and has no S2S.
 */
#include <errno.h>
#include <stdio.h>

#include <openssl/crypto.h>

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
dial(struct cnc_service *s, const struct cnc__dial_options *o,
     const struct cnc__s2s_dial_events *events, void *dial_priv)
{
    static const struct cnc__dial_events joined = {on_connected, on_failed};
    struct dialling *own = cnc__zalloc(sizeof(*own));

    own->events = events;
    own->priv = dial_priv;
    own->dial = cnc__net_dial(s->process->net, o, &joined, own);
    return own;
}

static void *
env_dial(const char *domain, const struct cnc__s2s_dial_events *events,
         void *dial_priv, void *priv)
{
    struct cnc_service *s = priv;

    return dial(s,
                &(struct cnc__dial_options){.domain = domain,
                                            .route = route_of(s, domain),
                                            .tls = s->tls},
                events, dial_priv);
}

/* To the server whose component we are. */
static void *
env_dial_attach(const char *domain, const struct cnc__s2s_dial_events *events,
                void *dial_priv, void *priv)
{
    struct cnc_service *s = priv;

    return dial(s,
                &(struct cnc__dial_options){.domain = domain,
                                            .route = s->o.attach,
                                            .tls = s->tls,
                                            .no_tls = true},
                events, dial_priv);
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

/* Any domain that takes such a stream: its header says which one is meant. */
static struct cnc_service *
first_with(const struct cnc__process *p, enum cnc__net_kind kind)
{
    for (size_t i = 0; i < p->n_domains; i++) {
        struct cnc_service *s = p->domains[i];

        if (kind == CNC__NET_C2S || (kind == CNC__NET_S2S && s->s2s != NULL) ||
            (kind == CNC__NET_COMPONENT && s->components != NULL)) {
            return s;
        }
    }
    return NULL;
}

struct cnc__stream *
cnc__network_stream(enum cnc__net_kind kind,
                    const struct cnc__stream_peer *peer,
                    const struct cnc__stream_events *events, void *events_priv,
                    uint64_t now_ms, void *priv)
{
    struct cnc__process *p = priv;
    struct cnc_service *s = first_with(p, kind);

    if (s == NULL) {
        return NULL;
    }
    switch (kind) {
    case CNC__NET_C2S:
        return cnc__stream_new(&s->c2s_env, peer, events, events_priv, now_ms);
    case CNC__NET_S2S:
        return cnc__s2s_stream_in(s->s2s, peer, events, events_priv, now_ms);
    case CNC__NET_COMPONENT:
        return cnc__components_stream_in(s->components, peer, events,
                                         events_priv, now_ms);
    default:
        break; /* net's own */
    }
    return NULL;
}

bool
cnc__network_takes(const struct cnc__process *p, enum cnc__net_kind kind)
{
    return first_with(p, kind) != NULL;
}

/* -- life ----------------------------------------------------------------- */

static void
make_c2s_env(struct cnc_service *s)
{
    s->c2s_env = s->web_env;
    s->c2s_env.tls_required = s->o.tls_cert != NULL;
    s->c2s_env.loopback_plain = s->o.allow_plain;
}

static struct cnc__s2s *
room_of(const char *host, void *priv)
{
    struct cnc_service *s = priv;
    struct cnc_service *of = cnc__process_host(s->process, host);

    return of == NULL ? NULL : of->s2s;
}

static void
make_s2s(struct cnc_service *s)
{
    const struct cnc__s2s_env env = {.router = s->router,
                                     .is_host = cnc__neighbours_is_host,
                                     .is_neighbour = cnc__neighbours_are,
                                     .room = room_of,
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

    s->s2s = cnc__s2s_new(&env, &options, uv_now(&s->process->loop));
}

/* A secret from a file, its first line; *new*. */
static int
read_secret(char **out, const char *path, struct cnc_error *err)
{
    char line[512] = "";
    FILE *f = fopen(path, "re");
    size_t len;

    if (f == NULL) {
        return cnc_error_set(err, CNC_ESYS, NULL,
                             "cannot read the secret in %s: %s", path,
                             strerror(errno));
    }
    if (fgets(line, sizeof(line), f) == NULL) {
        line[0] = '\0';
    }
    fclose(f);
    len = strcspn(line, "\r\n");
    if (len == 0 || len == sizeof(line) - 1) {
        OPENSSL_cleanse(line, sizeof(line));
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "the first line of %s is the secret: 1 to %zu "
                             "bytes",
                             path, sizeof(line) - 2);
    }
    *out = cnc__strndup(line, len);
    OPENSSL_cleanse(line, sizeof(line));
    return 0;
}

static void
drop_secret(char *secret)
{
    if (secret != NULL) {
        OPENSSL_cleanse(secret, strlen(secret));
        cnc__free(secret);
    }
}

/* "NAME=FILE"; name and secret become *new*. */
static int
read_component(struct cnc__component_name *out, const char *option,
               struct cnc_error *err)
{
    const char *equals = strchr(option, '=');
    char *secret = NULL;
    int code;

    if (equals == NULL || equals == option || equals[1] == '\0') {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "--component-secret is NAME=FILE, such as "
                             "echo.%s=echo.secret, not \"%s\"",
                             "books.example", option);
    }
    code = read_secret(&secret, equals + 1, err);
    if (code == 0) {
        out->name = cnc__strndup(option, (size_t)(equals - option));
        out->secret = secret;
    }
    return code;
}

static int
make_components(struct cnc_service *s, struct cnc_error *err)
{
    struct cnc__component_name names[32] = {{0}};
    size_t n = 0;
    int code = 0;

    for (const char *const *c = s->o.components;
         code == 0 && c != NULL && *c != NULL; c++) {
        if (n == CNC_N(names)) {
            code = cnc_error_set(err, CNC_EINVAL, NULL,
                                 "at most %zu components", CNC_N(names));
        } else if ((code = read_component(&names[n], *c, err)) == 0) {
            n++;
        }
    }
    if (code == 0) {
        code = cnc__components_new(&s->components, s->router, names, n,
                                   s->o.max_stanza, err);
    }
    while (n-- > 0) {
        cnc__free((char *)names[n].name);
        drop_secret((char *)names[n].secret);
    }
    return code;
}

static int
make_attach(struct cnc_service *s, struct cnc_error *err)
{
    const struct cnc__s2s_env env = {.router = s->router,
                                     .dial = env_dial_attach,
                                     .dial_next = env_dial_next,
                                     .dial_free = env_dial_free,
                                     .priv = s};
    struct cnc__attach_options options = {.max_stanza = s->o.max_stanza,
                                          .wait_ms = s->o.s2s_wait * 1000};
    char *secret = NULL;
    int code;

    if (cnc__ports_have_s2s(s->process) && s->process->n_domains == 1) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "--attach and --s2s exclude each other: the "
                             "server that this is a component of reaches "
                             "other domains");
    }
    if (s->o.attach_secret == NULL) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "--attach needs --attach-secret FILE, with the "
                             "secret that the other server knows");
    }
    code = read_secret(&secret, s->o.attach_secret, err);
    if (code == 0) {
        options.secret = secret;
        s->attach = cnc__attach_new(&env, &options, uv_now(&s->process->loop));
        drop_secret(secret);
    }
    return code;
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
    cnc__neighbours_join(s);
    if (s->o.components != NULL && (code = make_components(s, err)) != 0) {
        return code;
    }
    if (s->o.attach != NULL) {
        return make_attach(s, err);
    }
    if (cnc__ports_have_s2s(s->process)) {
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
    if (s->attach != NULL) {
        cnc__attach_tick(s->attach, now_ms);
    }
}

void
cnc__network_close(struct cnc_service *s)
{
    if (s->s2s != NULL) {
        cnc__s2s_close(s->s2s);
    }
    if (s->attach != NULL) {
        cnc__attach_close(s->attach);
    }
    if (s->components != NULL) {
        cnc__components_close(s->components);
    }
}

void
cnc__network_free(struct cnc_service *s)
{
    cnc__s2s_free(&s->s2s);
    cnc__attach_free(&s->attach);
    cnc__components_free(&s->components);
}
