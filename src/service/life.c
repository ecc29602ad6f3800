/* SPDX-License-Identifier: MIT */
/*
 * life.c -- the life of a process that was made:
 *
 *   run: templates from files -> every page rendered -> ready -> ... -> stop
 *   stop: no more sockets -> handlers end (5 s) -> pool jobs and commits end
 *   free: loop empty -> rooms, from the top down
 *
 * Each step is done for all domains before the next.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "private.h"

#define HANDLERS_MS 5000 /* what a handler may still take once we stop */

/* -- handles -------------------------------------------------------------- */

static void
tick_domain(struct cnc_service *s, uint64_t now)
{
    cnc__router_tick(s->router, now);
    cnc__network_tick(s, now);
    cnc__im_tick(s->im);
    cnc__traces_tick(s->traces);
    cnc__operator_tick(s->operator_, now);
    cnc__weblogins_tick(s->weblogins, now);
    cnc__onetime_tick(s->onetime, now);
    cnc__uploads_tick(s->uploads, now);
    cnc__backup_tick(s);
    cnc__gate_tick(s->gate, now);
    cnc__confirms_tick(s->confirms, now);
    cnc__password_tick(s, now);
    cnc__agent_tick(s->agent);
    if (s->ready && !s->process->stop_asked) {
        cnc__pubsub_tick(s->pubsub, now);
        cnc__apps_tick(s->apps, now);
        if (s->observe != NULL) {
            cnc__observe_tick(s->observe);
        }
    }
}

static void
on_tick(uv_timer_t *timer)
{
    struct cnc__process *p = timer->data;
    uint64_t now = uv_now(&p->loop);

    cnc__renders_tick(p->renders, now);
    cnc__notify_tick(p);
    for (size_t i = 0; i < p->n_domains; i++) {
        const char *was =
            cnc__log_about(cnc__router_domain(p->domains[i]->router));

        tick_domain(p->domains[i], now);
        cnc__log_about(was);
    }
}

static void
on_net_closed(void *priv)
{
    struct cnc__process *p = priv;

    p->net_closed = true;
}

static void
close_net(struct cnc__process *p)
{
    if (p->net_closing) {
        return;
    }
    p->net_closing = true;
    for (size_t i = 0; i < p->n_domains; i++) {
        if (p->domains[i] != NULL) {     /* a start that failed */
            if (p->domains[i] != NULL) { /* a start that failed */
                cnc__backup_stop(p->domains[i]);
            }
        }
    }
    cnc__neighbours_close(p);
    if (p->net == NULL) {
        return; /* a start that failed */
    }
    for (size_t i = 0; i < p->n_domains; i++) {
        cnc__network_close(p->domains[i]);
    }
    cnc__net_close(p->net, on_net_closed, p);
    for (size_t i = 0; i < p->n_domains; i++) {
        cnc__sms_end_all(p->domains[i]->router);
    }
}

static void
on_stopping(uv_timer_t *timer)
{
    struct cnc__process *p = timer->data;
    bool idle = true;

    for (size_t i = 0; i < p->n_domains; i++) {
        idle = cnc__apps_stopping(p->domains[i]->apps) && idle;
    }
    if ((p->net_closed && idle) || uv_now(&p->loop) > p->stop_deadline_ms) {
        uv_stop(&p->loop);
    }
}

size_t
cnc__process_n_sessions(const struct cnc__process *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_domains; i++) {
        n += cnc__router_n_sessions(p->domains[i]->router);
    }
    return n;
}

static void
begin_stop(struct cnc__process *p)
{
    if (p->stop_asked) {
        uv_stop(&p->loop); /* asked twice: do not wait for anybody */
        return;
    }
    p->stop_asked = true;
    p->stop_deadline_ms = uv_now(&p->loop) + HANDLERS_MS;
    cnc__log(CNC_LOG_INFO, "service.stop", "sessions=%zu",
             cnc__process_n_sessions(p));
    cnc__notify_stopping(p);
    close_net(p);
    uv_timer_start(&p->stopping, on_stopping, 0, 10);
}

static void
on_signal(uv_signal_t *handle, int sig)
{
    begin_stop(handle->data);
}

static void
on_sighup(uv_signal_t *handle, int sig)
{
    cnc__reload_hup(handle->data);
}

/* Where there is nothing to read again and a terminal to be closed, SIGHUP
 * ends the service, as it does any program. */
static bool
hears_hup(const struct cnc__process *p)
{
    int tty = -1;

    if ((p->o.words != NULL && p->o.words->config != NULL) ||
        p->o.log != NULL || p->domains[0]->o.tls_cert != NULL) {
        return true;
    }
    tty = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
    if (tty >= 0) {
        close(tty);
    }
    return tty < 0;
}

static void
on_stop_async(uv_async_t *async)
{
    begin_stop(async->data);
}

void
cnc__process_handles(struct cnc__process *p)
{
    p->notify = cnc__notify_new(&p->loop);
    CNC_CHECK(uv_timer_init(&p->loop, &p->tick) == 0);
    CNC_CHECK(uv_timer_init(&p->loop, &p->stopping) == 0);
    CNC_CHECK(uv_signal_init(&p->loop, &p->sigint) == 0);
    CNC_CHECK(uv_signal_init(&p->loop, &p->sigterm) == 0);
    CNC_CHECK(uv_signal_init(&p->loop, &p->sighup) == 0);
    CNC_CHECK(uv_async_init(&p->loop, &p->stop_async, on_stop_async) == 0);
    p->tick.data = p->stopping.data = p->sigint.data = p->sigterm.data =
        p->sighup.data = p->stop_async.data = p;
}

/* -- run ------------------------------------------------------------------ */

/* Where pages are served, without the last slash. */
static void
add_http_url(struct cnc__str *out, const struct cnc_service *s)
{
    const struct cnc__process *p = s->process;
    const char *colon = strrchr(p->o.http, ':');
    const char *scheme =
        s->o.tls_cert == NULL || p->o.http_plain ? "http" : "https";

    if (p->port == 0 && s->o.url != NULL) {
        cnc__str_puts(out, s->o.url);
    } else if (p->port == 0) { /* a Unix socket, behind a web server */
        bool local = strcmp(s->o.domain, "localhost") == 0;

        cnc__str_printf(out, "%s://%s", local ? "http" : "https", s->o.domain);
    } else if (p->n_domains > 1) { /* by address it would be nobody's */
        cnc__str_printf(out, "%s://%s:%u", scheme, s->o.domain, p->port);
    } else if (p->o.http[0] == '*') {
        cnc__str_printf(out, "%s://localhost:%u", scheme, p->port);
    } else {
        cnc__str_printf(out, "%s://%.*s:%u", scheme, (int)(colon - p->o.http),
                        p->o.http, p->port);
    }
}

char *
cnc__service_url(void *service)
{
    const struct cnc_service *s = service;
    struct cnc__str url = CNC__STR;

    if (s->o.url != NULL) {
        cnc__str_puts(&url, s->o.url);
    } else if (strcmp(s->o.domain, "localhost") == 0) {
        add_http_url(&url, s);
    } else {
        cnc__str_printf(&url, "https://%s", s->o.domain);
    }
    cnc__str_puts(&url, cnc__prefix(s));
    return cnc__str_steal(&url);
}

static void
on_ready(struct cnc__process *p)
{
    struct cnc_service *s = p->domains[0];
    struct cnc__str url = CNC__STR;

    for (size_t i = p->n_domains; i-- > 0;) {
        cnc__str_clear(&url);
        add_http_url(&url, p->domains[i]);
        cnc__str_printf(&url, "%s/", cnc__prefix(p->domains[i]));
        cnc__log(CNC_LOG_INFO, "service.ready", "url=%s domain=%s store=%s",
                 url.data, p->domains[i]->o.domain,
                 p->domains[i]->driver->name);
    }
    cnc__net_begin(p->net);
    cnc__notify_ready(p);
    if (p->o.on_ready != NULL) {
        p->o.on_ready(s, url.data, p->o.priv);
    }
    cnc__str_fini(&url);
}

static void
on_started(void *priv)
{
    struct cnc_service *s = priv;
    struct cnc__process *p = s->process;

    if (p->stop_asked) {
        return;
    }
    s->ready = true;
    for (size_t i = 0; i < p->n_domains; i++) {
        if (!p->domains[i]->ready) {
            return;
        }
    }
    on_ready(p);
}

static void
on_templates(void *priv)
{
    struct cnc_service *s = priv;

    if (!s->process->stop_asked) {
        cnc__agent_start(s->agent, on_started, s);
    }
}

void
cnc_service_stop(struct cnc_service *s)
{
    CNC_OBJ_CHECK(s, CNC__SERVICE_MAGIC);
    uv_async_send(&s->process->stop_async);
}

static void
start(struct cnc__process *p)
{
    uv_timer_start(&p->tick, on_tick, 1000, 1000);
    uv_signal_start(&p->sigint, on_signal, SIGINT);
    uv_signal_start(&p->sigterm, on_signal, SIGTERM);
    if (hears_hup(p)) {
        uv_signal_start(&p->sighup, on_sighup, SIGHUP);
    }
    p->started_ms = uv_now(&p->loop);
    for (size_t i = 0; i < p->n_domains; i++) {
        /* What it asks before the first tick has its time, too. */
        cnc__router_tick(p->domains[i]->router, p->started_ms);
        cnc__apps_templates(p->domains[i]->apps, on_templates, p->domains[i]);
    }
}

int
cnc_service_run(struct cnc_service *s, struct cnc_error *err)
{
    struct sigaction old_int, old_term;
    struct cnc__process *p;

    CNC_OBJ_CHECK(s, CNC__SERVICE_MAGIC);
    p = s->process;
    CNC_CHECK(p->started_ms == 0);
    /* The loop's handlers leave the default behind; a host such as Python
     * has its own. */
    sigaction(SIGINT, NULL, &old_int);
    sigaction(SIGTERM, NULL, &old_term);
    start(p);
    uv_run(&p->loop, UV_RUN_DEFAULT);
    p->stop_asked = true;
    uv_signal_stop(&p->sigint);
    uv_signal_stop(&p->sigterm);
    uv_signal_stop(&p->sighup);
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGTERM, &old_term, NULL);
    if (p->failure.code != 0) {
        if (err != NULL) {
            *err = p->failure;
        }
        return p->failure.code;
    }
    return 0;
}

/* -- free ----------------------------------------------------------------- */

static bool
work_is_left(const struct cnc__process *p)
{
    if ((p->net != NULL && !p->net_closed) || p->n_jobs > 0) {
        return true;
    }
    for (size_t i = 0; i < p->n_domains; i++) {
        const struct cnc_service *s = p->domains[i];

        if (s != NULL && s->commits != NULL &&
            cnc__commits_pending(s->commits) > 0) {
            return true;
        }
    }
    return false;
}

/* Sockets first, so that nothing new begins; then what handlers, pool jobs
 * and commits still have to say, each of which may ask for more of the
 * others. */
static void
drain(struct cnc__process *p)
{
    p->stop_asked = true;
    close_net(p);
    for (size_t i = 0; i < p->n_domains; i++) {
        if (p->domains[i] != NULL && p->domains[i]->apps != NULL) {
            cnc__apps_leave(p->domains[i]->apps);
        }
    }
    cnc__posts_run(p->posts);
    while (work_is_left(p)) {
        uv_run(&p->loop, UV_RUN_ONCE);
    }
}

static void
close_handle(uv_handle_t *handle, void *priv)
{
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

static void
end_loop(struct cnc__process *p)
{
    drain(p);
    for (size_t i = 0; i < p->n_domains; i++) {
        if (p->domains[i] != NULL && p->domains[i]->commits != NULL) {
            cnc__commits_stop(p->domains[i]->commits);
        }
    }
    cnc__notify_close(p->notify);
    uv_close((uv_handle_t *)&p->tick, NULL);
    uv_close((uv_handle_t *)&p->stopping, NULL);
    uv_close((uv_handle_t *)&p->sigint, NULL);
    uv_close((uv_handle_t *)&p->sigterm, NULL);
    uv_close((uv_handle_t *)&p->sighup, NULL);
    uv_close((uv_handle_t *)&p->stop_async, NULL);
    if (p->renders != NULL) {
        cnc__renders_close(p->renders);
    }
    cnc__posts_close(p->posts);
    /* Children are reaped; then nothing may stay open. */
    uv_run(&p->loop, UV_RUN_DEFAULT);
    uv_walk(&p->loop, close_handle, NULL);
    uv_run(&p->loop, UV_RUN_DEFAULT);
}

void
cnc__process_free(struct cnc__process **pp)
{
    struct cnc__process *p = *pp;

    CNC_OBJ_CHECK(p, CNC__PROCESS_MAGIC);
    *pp = NULL;
    end_loop(p);
    /* The agent refuses the templates it still judges, pubsub then answers
     * every publish that is left, and those answers go through the apps. */
    for (size_t i = 0; i < p->n_domains; i++) {
        if (p->domains[i] != NULL) {
            /* Its catalogues go with it. */
            if (p->domains[i]->commands != NULL) {
                cnc__commands_languages(p->domains[i]->commands, NULL, NULL);
            }
            if (p->domains[i]->router != NULL) {
                cnc__router_set_tr(p->domains[i]->router, NULL, NULL);
            }
            cnc__agent_free(&p->domains[i]->agent);
            cnc__pubsub_free(&p->domains[i]->pubsub);
            cnc__apps_free(&p->domains[i]->apps);
        }
    }
    cnc__crash_unwatch();
    /* S2S and components end when their streams are gone, which are the
     * net's; what is dialled is theirs, and goes before it. */
    for (size_t i = 0; i < p->n_domains; i++) {
        if (p->domains[i] != NULL) {
            cnc__network_free(p->domains[i]);
            cnc__gate_end(p->domains[i]->gate);
        }
    }
    cnc__net_free(&p->net);
    for (size_t i = 0; i < p->n_domains; i++) {
        cnc__domain_free(&p->domains[i]);
    }
    cnc__free(p->domains);
    cnc__sites_free(&p->sites);
    cnc__renders_free(&p->renders);
    cnc__posts_free(&p->posts);
    CNC_CHECK(uv_loop_close(&p->loop) == 0);
    cnc__log_file(NULL, NULL);
    cnc__reload_free(p);
    cnc__free(p->link);
    cnc__free(p->http);
    cnc__inherited_free(&p->inherited);
    cnc__notify_free(&p->notify);
    CNC_OBJ_FREE(p);
}

void
cnc_service_free(struct cnc_service **sp)
{
    struct cnc_service *s = *sp;
    struct cnc__process *p;

    if (s != NULL) {
        CNC_OBJ_CHECK(s, CNC__SERVICE_MAGIC);
        *sp = NULL;
        p = s->process;
        cnc__process_free(&p);
    }
}
