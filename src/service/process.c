/* SPDX-License-Identifier: MIT */
/*
 * process.c -- what the domains of a process share: options, render
 * processes, listeners.
 *
 *   options -> domains (service.c) -> render processes -> apps -> listeners
 */
#include <sys/stat.h>
#include <unistd.h>

#include "../xmpp/jid.h"
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
refuse(struct cnc__http_request *r)
{
    static const char text[] =
        "421 Misdirected Request: there is no such site here.\n";
    struct cnc__http_response response = {
        .status = 421,
        .content_type = "text/plain; charset=utf-8",
        .body = cnc_buf_new(text, sizeof(text) - 1)};
    struct cnc_buf *body = response.body;

    r->responder->respond(r->responder, &response);
    cnc_buf_unref(&body);
}

void
cnc__process_place(struct cnc__http_request *r, void *priv)
{
    struct cnc__process *p = priv;
    const char *host = cnc__http_header(r, "host");
    struct cnc_service *domain = NULL;

    if (!cnc__sites_find(p->sites, host == NULL ? "" : host, r->path,
                         &domain)) {
        r->place = CNC__HTTP_STRANGE;
    } else if (domain != NULL) {
        cnc__prefix_place(domain, r);
    } else {
        r->place = CNC__HTTP_PLACED; /* the machine's own name */
    }
}

void
cnc__process_http(struct cnc__http_request *r, void *priv)
{
    struct cnc__process *p = priv;

    if (r->place == CNC__HTTP_STRANGE) {
        refuse(r);
    } else if (!cnc__status_http(p, r->site, r)) {
        if (r->site == NULL) {
            refuse(r);
        } else {
            cnc__domain_http(r->site, r);
        }
    }
}

/* Files are sent to a domain, below its prefix. */
static bool
takes_files(const struct cnc__http_request *r)
{
    return r->place == CNC__HTTP_PLACED && r->site != NULL;
}

uint32_t
cnc__process_larger(const struct cnc__http_request *r, void *priv)
{
    uint32_t n = r->site == NULL ? 0 : cnc__probe_larger(r->site, r);

    return n > 0 || !takes_files(r) ? n : cnc__uploads_larger(r->site, r);
}

struct cnc__http_sink *
cnc__process_sink(struct cnc__http_request *r, uint64_t length, void *priv)
{
    struct cnc__http_sink *sink =
        r->site == NULL ? NULL : cnc__probe_sink(r->site, r);

    return sink != NULL || !takes_files(r)
               ? sink
               : cnc__uploads_sink(r->site, r, length);
}

static bool
on_site(const char *host, const char *const **origins, void *priv)
{
    struct cnc__process *p = priv;
    struct cnc_service *domain = NULL;

    if (!cnc__sites_find(p->sites, host, NULL, &domain)) {
        return false;
    }
    *origins = domain == NULL ? NULL : domain->o.origins;
    return true;
}

/* -- domains -------------------------------------------------------------- */

static int
make_domain(struct cnc__process *p, const struct cnc__plan *plan, size_t i,
            struct cnc_error *err)
{
    struct cnc__settled of;
    int code = cnc__plan_domain(&of, plan, i, err);

    if (code == 0) {
        code = cnc__domain_new(&p->domains[i], p, &of.o, err);
        of.o = (struct cnc_service_options){0}; /* its lists are taken */
        if (code != 0) {
            cnc__plan_blame(plan, i, code, err);
        }
    }
    cnc__settled_fini(&of);
    return code;
}

/* Do two of them want the same? */
static int
check_pair(const struct cnc_service *a, const struct cnc_service *b,
           struct cnc_error *err)
{
    const char *name = cnc__router_domain(b->router);

    if (strcmp(cnc__router_domain(a->router), name) == 0) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "--domain %s is there twice", name);
    }
    if (a->components != NULL &&
        cnc__components_is_host(a->components, name)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "%s is a domain, and a component of %s", name,
                             cnc__router_domain(a->router));
    }
    if ((a->o.tls_cert == NULL) != (b->o.tls_cert == NULL)) {
        return cnc_error_set(
            err, CNC_EINVAL, NULL,
            "the domain %s has no --tls-cert and another one has: a port is "
            "for all; give each its own, or one before the first --domain",
            a->o.tls_cert == NULL ? a->o.domain : b->o.domain);
    }
    return 0;
}

static int
make_domains(struct cnc__process *p, const struct cnc__plan *plan,
             struct cnc_error *err)
{
    int code = 0;

    p->o = plan->o;
    p->named = plan->named;
    p->n_domains = plan->n_domains;
    p->domains = cnc__zalloc(p->n_domains * sizeof(struct cnc_service *));
    p->link = cnc__strdup(plan->link);
    cnc__ports_inherit(p);
    for (size_t i = 0; code == 0 && i < p->n_domains; i++) {
        code = make_domain(p, plan, i, err);
    }
    for (size_t i = 0; code == 0 && i < p->n_domains; i++) {
        for (size_t k = 0; code == 0 && k < p->n_domains; k++) {
            code = i == k ? 0 : check_pair(p->domains[i], p->domains[k], err);
        }
    }
    return code;
}

/* Whoever connects says in his header, or before that by SNI, whom he means:
 * listeners know the first, and by it the others. */
static void
join_domains(struct cnc__process *p)
{
    struct cnc_service *first = p->domains[0], *components = NULL;

    for (size_t i = 0; i < p->n_domains && p->n_domains > 1; i++) {
        struct cnc_service *s = p->domains[i];
        struct cnc_service *next = p->domains[(i + 1) % p->n_domains];

        s->web_env.next = &next->web_env;
        s->link_env.next = &next->link_env;
        s->c2s_env.next = &next->c2s_env;
        cnc__tls_ctx_join(first->tls, s->tls, cnc__router_domain(s->router));
        if (s->components != NULL && components != NULL) {
            cnc__components_join(components->components, s->components);
        }
        components = s->components != NULL ? s : components;
    }
    p->sites = cnc__sites_new(p, !p->named && !cnc__is_loopback(p->o.http));
}

/* -- the rest ------------------------------------------------------------- */

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

    cnc__crash_watch(p->o.data);
    for (size_t i = 0; code == 0 && i < p->n_domains; i++) {
        code = cnc__apps_start(p->domains[i]->apps, err);
    }
    return code;
}

/* --link-user, who may speak for browsers, may bring them as well. */
static bool
may_hand(int64_t uid, void *priv)
{
    const struct cnc__process *p = priv;
    const struct cnc__stream_env *link = &p->domains[0]->link_env;

    for (size_t i = 0; i < link->n_web_uids; i++) {
        if (link->web_uids[i] == uid) {
            return true;
        }
    }
    return false;
}

static int
listen_all(struct cnc__process *p, struct cnc_error *err)
{
    struct cnc_service *first = p->domains[0];
    struct cnc__net_config config = {
        .web = &first->web_env,
        .link = &first->link_env,
        .http = cnc__process_http,
        .http_priv = p,
        .larger = cnc__process_larger,
        .sink = cnc__process_sink,
        .open_path = CNC__UPLOADS_OPEN,
        .ws_path = CNC__WS_PATH,
        .stream = cnc__network_stream,
        .stream_priv = p,
        .dns = {.trust_anchor = p->o.trust_anchor, .forwarder = p->o.dns},
        .site = on_site,
        .place = cnc__process_place,
        .site_priv = p,
        .may_hand = may_hand,
        .socket_group = p->o.socket_group};

    p->net = cnc__net_new(&p->loop, &config);
    join_domains(p);
    return cnc__ports_open(p, err);
}

int
cnc_service_new(struct cnc_service **out, const struct cnc_service_options *o,
                struct cnc_error *err)
{
    struct cnc__process *p = cnc__zalloc(sizeof(*p));
    struct cnc__plan plan;
    int code;

    p->magic = CNC__PROCESS_MAGIC;
    CNC_CHECK(uv_loop_init(&p->loop) == 0);
    cnc__process_handles(p);
    cnc__set_log_level(o->log_level);
    p->posts = cnc__posts_new(&p->loop);
    if ((code = cnc__plan_new(&plan, o, err)) != 0 ||
        (code = cnc__log_file(o->log, err)) != 0 ||
        (code = cnc__inherit(&p->inherited, err)) != 0 ||
        (code = make_domains(p, &plan, err)) != 0 ||
        (code = start_renders(p, err)) != 0 ||
        (code = start_apps(p, err)) != 0 || (code = listen_all(p, err)) != 0) {
        goto fail;
    }
    cnc__plan_fini(&plan);
    *out = p->domains[0];
    return 0;

fail:
    cnc__plan_fini(&plan);
    cnc__process_free(&p);
    return code;
}
