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

static void
on_place(struct cnc__http_request *r, void *priv)
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

static void
on_http(struct cnc__http_request *r, void *priv)
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

static uint32_t
on_larger(const struct cnc__http_request *r, void *priv)
{
    return takes_files(r) ? cnc__uploads_larger(r->site, r) : 0;
}

static struct cnc__http_sink *
on_sink(struct cnc__http_request *r, uint64_t length, void *priv)
{
    return takes_files(r) ? cnc__uploads_sink(r->site, r, length) : NULL;
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

/* A path under a folder; *new*. */
static char *
under(const char *dir, const char *name)
{
    struct cnc__str s = CNC__STR;

    cnc__str_printf(&s, "%s/%s", dir, name);
    return cnc__str_steal(&s);
}

static int
take_options(struct cnc__process *p, const struct cnc_service_options *o,
             struct cnc_error *err)
{
    struct cnc_service_options *own = &p->o;
    const struct cnc_service_domain *d = o->domains;

    if (o->size != sizeof(*o) ||
        (d != NULL && d->domain != NULL && d->size != sizeof(*d))) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "the options were made for another version of "
                             "Concordance");
    }
    *own = *o;
    own->http = o->http == NULL ? "127.0.0.1:8080" : o->http;
    own->store = o->store == NULL ? "sqlite" : o->store;
    own->data = o->data == NULL ? "data" : o->data;
    own->max_stanza = o->max_stanza == 0 ? 262144 : o->max_stanza;
    own->max_queue = o->max_queue == 0 ? 1 << 20 : o->max_queue;
    own->renders = o->renders == 0 ? 1 : o->renders;
    own->s2s_wait = o->s2s_wait == 0 ? 60 : o->s2s_wait;
    while (d != NULL && d[p->n_domains].domain != NULL) {
        p->n_domains++;
    }
    p->named = p->n_domains > 0 || o->domain != NULL;
    p->n_domains += p->n_domains == 0;
    p->domains = cnc__zalloc(p->n_domains * sizeof(struct cnc_service *));
    if (p->n_domains == 1 && d != NULL && d->data != NULL) {
        own->data = d->data;
    }
    p->link =
        o->link == NULL ? under(own->data, "link") : cnc__strdup(o->link);
    return set_log_level(o->log_level, err);
}

/* -- domains -------------------------------------------------------------- */

/* Of several: whose failure it is. */
static int
name_domain(const char *domain, int code, struct cnc_error *err)
{
    struct cnc_error cause;

    if (err != NULL) {
        cause = *err;
        cnc_error_set(err, code, cause.condition, "domain %s: %s", domain,
                      cause.text);
    }
    return code;
}

/* Accounts that may do everything are each of one domain. */
static int
share_operators(struct cnc_service_options *o, const struct cnc__process *p,
                struct cnc_error *err)
{
    const char **list = (const char **)o->operators;
    size_t n_all = 0, kept = 0;

    for (; p->o.operators != NULL && p->o.operators[n_all] != NULL; n_all++) {
    }
    for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
        bool here = cnc__is_account_of(list[i], o->domain), known = here;

        for (size_t k = 0; i < n_all && k < p->n_domains; k++) {
            known =
                known || cnc__is_account_of(list[i], p->o.domains[k].domain);
        }
        if (i < n_all && !known) {
            return cnc_error_set(err, CNC_EINVAL, NULL,
                                 "--operator is an account of one of the "
                                 "domains such as admin@%s, not \"%s\"",
                                 o->domain, list[i]);
        }
        if (here || i >= n_all) {
            list[kept++] = list[i];
        }
    }
    if (list != NULL) {
        list[kept] = NULL;
    }
    return 0;
}

/* What was kept while there was one domain, or several, must not seem to be
 * lost now. */
static int
check_moved(const struct cnc__process *p, const char *domain, const char *data,
            struct cnc_error *err)
{
    static const char file[] = "concordance.db"; /* of the store sqlite */
    char *here = under(data, file), *there, *dir;
    int code = 0;

    dir = p->n_domains > 1 ? cnc__strdup(p->o.data) : under(data, domain);
    there = under(dir, file);
    if (strcmp(p->o.store, "sqlite") == 0 && access(here, F_OK) != 0 &&
        access(there, F_OK) == 0) {
        code = cnc_error_set(
            err, CNC_EINVAL, NULL,
            p->n_domains > 1
                ? "%s is the store of a service with one domain: move it, "
                  "and %s-wal, into the folder of its domain, such as %s; "
                  "or give that --domain its own --data"
                : "%s is this domain's store, from when it was one of "
                  "several: move it, and %s-wal, to %s; or say --data with "
                  "the folder where it is",
            there, there, data);
    }
    cnc__free(here);
    cnc__free(there);
    cnc__free(dir);
    return code;
}

static int
make_domain(struct cnc__process *p, size_t i, struct cnc_error *err)
{
    const struct cnc_service_domain *d =
        p->o.domains == NULL || p->o.domains[0].domain == NULL
            ? NULL
            : &p->o.domains[i];
    bool several = p->n_domains > 1;
    struct cnc_service_options o;
    char *data = NULL, *www = NULL, name[CNC__JID_MAX + 1];
    int code = 0;

    cnc__options_of(&o, &p->o, d);
    if (o.domain == NULL) {
        o.domain = "localhost";
    }
    /* One name however it was written; what is none is refused below. */
    if (cnc__jid_prepare(name, o.domain, strlen(o.domain), NULL) != 0) {
        name[0] = '\0';
    }
    if (several && d->data == NULL) {
        o.data = data = under(p->o.data, name);
    }
    if (several && d->www == NULL && o.www != NULL) {
        o.www = www = under(p->o.www, name);
    }
    if (several && o.components == NULL) {
        o.component = NULL; /* another one's may connect there */
    }
    if (several) {
        code = share_operators(&o, p, err);
    }
    if (code == 0) {
        code = cnc__options_check(&o, o.domain, err);
    }
    if (code == 0) {
        code = check_moved(p, name, o.data, err);
    }
    if (code == 0) {
        code = cnc__domain_new(&p->domains[i], p, &o, err);
    } else {
        cnc_service_options_fini(&o);
    }
    cnc__free(data);
    cnc__free(www);
    return code == 0 || !several ? code : name_domain(d->domain, code, err);
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

static bool
is_repeated(const struct cnc__process *p, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (cnc__is_same_domain(p->o.domains[k].domain,
                                p->o.domains[i].domain)) {
            return true;
        }
    }
    return false;
}

static int
make_domains(struct cnc__process *p, struct cnc_error *err)
{
    int code = 0;

    for (size_t i = 0; code == 0 && i < p->n_domains; i++) {
        /* Before two open one store. */
        code = is_repeated(p, i) ? cnc_error_set(err, CNC_EINVAL, NULL,
                                                 "--domain %s is there twice",
                                                 p->o.domains[i].domain)
                                 : make_domain(p, i, err);
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

static int
listen_all(struct cnc__process *p, struct cnc_error *err)
{
    struct cnc_service *first = p->domains[0];
    struct cnc__net_config config = {
        .web = &first->web_env,
        .link = &first->link_env,
        .http = on_http,
        .http_priv = p,
        .larger = on_larger,
        .sink = on_sink,
        .open_path = CNC__UPLOADS_OPEN,
        .ws_path = CNC__WS_PATH,
        .stream = cnc__network_stream,
        .stream_priv = p,
        .dns = {.trust_anchor = p->o.trust_anchor, .forwarder = p->o.dns},
        .site = on_site,
        .place = on_place,
        .site_priv = p};
    bool tls = first->o.tls_cert != NULL && !p->o.http_plain;
    int code;

    p->net = cnc__net_new(&p->loop, &config);
    join_domains(p);
    if ((code = cnc__net_listen_web(p->net, p->o.http, tls ? first->tls : NULL,
                                    &p->port, err)) != 0 ||
        (code = cnc__net_listen_link(p->net, p->link, err)) != 0) {
        return code;
    }
    return cnc__network_listen(p, err);
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
