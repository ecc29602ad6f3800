/* SPDX-License-Identifier: MIT */
/*
 * process.c -- what the domains of a process share: options, render
 * processes, listeners.
 *
 *   options -> domains (service.c) -> render processes -> apps -> listeners
 */
#include <sys/stat.h>

#include "private.h"

/* -- joints --------------------------------------------------------------- */

static void
on_render_restarted(unsigned worker, void *priv)
{
    struct cnc__process *p = priv;

    for (size_t i = 0; i < p->n_domains; i++) {
        cnc__agent_render_restarted(p->domains[i]->agent, worker);
    }
}

static void
on_http(struct cnc__http_request *r, void *priv)
{
    struct cnc__process *p = priv;

    cnc__domain_http(p->domains[0], r);
}

static struct cnc__stream *
on_stream(enum cnc__net_kind kind, const struct cnc__stream_peer *peer,
          const struct cnc__stream_events *events, void *events_priv,
          uint64_t now_ms, void *priv)
{
    struct cnc__process *p = priv;

    return cnc__network_stream(kind, peer, events, events_priv, now_ms,
                               p->domains[0]);
}

/* -- new ------------------------------------------------------------------ */

static int
set_log_level(const char *level, struct cnc_error *err)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};

    for (unsigned i = 0; level != NULL && i < CNC_N(levels); i++) {
        if (strcmp(levels[i], level) == 0) {
            cnc__log_level((enum cnc_log_level)i);
            return 0;
        }
    }
    return level == NULL
               ? 0
               : cnc_error_set(err, CNC_EINVAL, NULL,
                               "--log-level is debug, info, warn or error, "
                               "not \"%s\"",
                               level);
}

static int
take_options(struct cnc__process *p, const struct cnc_service_options *o,
             struct cnc_error *err)
{
    struct cnc_service_options *own = &p->o;
    struct cnc__str link = CNC__STR;

    if (o->size != sizeof(*o)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "the options were made for another version of "
                             "Concordance");
    }
    *own = *o;
    own->domain = o->domain == NULL ? "localhost" : o->domain;
    own->http = o->http == NULL ? "127.0.0.1:8080" : o->http;
    own->store = o->store == NULL ? "sqlite" : o->store;
    own->data = o->data == NULL ? "data" : o->data;
    own->max_stanza = o->max_stanza == 0 ? 262144 : o->max_stanza;
    own->max_queue = o->max_queue == 0 ? 1 << 20 : o->max_queue;
    own->renders = o->renders == 0 ? 1 : o->renders;
    own->s2s_wait = o->s2s_wait == 0 ? 60 : o->s2s_wait;
    if (o->link == NULL) {
        cnc__str_printf(&link, "%s/link", own->data);
    } else {
        cnc__str_puts(&link, o->link);
    }
    p->link = cnc__str_steal(&link);
    return set_log_level(o->log_level, err);
}

static int
make_domains(struct cnc__process *p, struct cnc_error *err)
{
    p->n_domains = 1;
    p->domains = cnc__zalloc(p->n_domains * sizeof(*p->domains));
    return cnc__domain_new(&p->domains[0], p, &p->o, err);
}

static int
start_renders(struct cnc__process *p, struct cnc_error *err)
{
    char *program = cnc__path_render();
    struct stat st;

    if (stat(program, &st) != 0 || (st.st_mode & S_IXUSR) == 0) {
        cnc_error_set(err, CNC_ESYS, NULL,
                      "the render program %s is missing; install Concordance "
                      "whole, or set CONCORDANCE_RENDER",
                      program);
        cnc__free(program);
        return CNC_ESYS;
    }
    p->renders = cnc__renders_new(&p->loop, program, p->o.renders,
                                  on_render_restarted, p);
    cnc__free(program);
    return 0;
}

static int
start_apps(struct cnc__process *p, struct cnc_error *err)
{
    int code = 0;

    for (size_t i = 0; code == 0 && i < p->n_domains; i++) {
        code = cnc__apps_start(p->domains[i]->apps, err);
    }
    return code;
}

static int
listen_all(struct cnc__process *p, struct cnc_error *err)
{
    struct cnc_service *first = p->domains[0];
    struct cnc__net_config config = {
        .web = &first->web_env,
        .link = &first->link_env,
        .http = on_http,
        .http_priv = p,
        .ws_path = CNC__WS_PATH,
        .stream = on_stream,
        .stream_priv = p,
        .dns = {.trust_anchor = p->o.trust_anchor, .forwarder = p->o.dns},
        .origins = p->o.origins};
    bool plain = p->o.http_plain;
    int code;

    p->net = cnc__net_new(&p->loop, &config);
    if ((code = cnc__net_listen(
             p->net, p->o.http, plain ? NULL : p->o.tls_cert,
             plain ? NULL : p->o.tls_key, &p->port, err)) != 0 ||
        (code = cnc__net_listen_link(p->net, p->link, err)) != 0) {
        return code;
    }
    return cnc__network_listen(first, err);
}

int
cnc_service_new(struct cnc_service **out, const struct cnc_service_options *o,
                struct cnc_error *err)
{
    struct cnc__process *p = cnc__zalloc(sizeof(*p));
    int code;

    p->magic = CNC__PROCESS_MAGIC;
    CNC_CHECK(uv_loop_init(&p->loop) == 0);
    cnc__process_handles(p);
    p->posts = cnc__posts_new(&p->loop);
    if ((code = take_options(p, o, err)) != 0 ||
        (code = make_domains(p, err)) != 0 ||
        (code = start_renders(p, err)) != 0 ||
        (code = start_apps(p, err)) != 0 || (code = listen_all(p, err)) != 0) {
        goto fail;
    }
    *out = p->domains[0];
    return 0;

fail:
    cnc__process_free(&p);
    return code;
}
