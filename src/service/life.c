/* SPDX-License-Identifier: MIT */
/*
 * life.c -- the life of a service that was made:
 *
 *   run: templates from files -> every page rendered -> ready -> ... -> stop
 *   stop: no more sockets -> handlers end (5 s) -> pool jobs and commits end
 *   free: loop empty -> rooms, from the top down
 */
#include <stdio.h>

#include "private.h"

#define HANDLERS_MS 5000 /* what a handler may still take once we stop */

/* -- handles -------------------------------------------------------------- */

static void
on_tick(uv_timer_t *timer)
{
    struct cnc_service *s = timer->data;
    uint64_t now = uv_now(&s->loop);

    cnc__router_tick(s->router, now);
    cnc__network_tick(s, now);
    cnc__im_tick(s->im);
    cnc__traces_tick(s->traces);
    cnc__operator_tick(s->operator_, now);
    cnc__renders_tick(s->renders, now);
    cnc__agent_tick(s->agent);
    if (s->ready && !s->stop_asked) {
        cnc__pubsub_tick(s->pubsub, now);
        cnc__apps_tick(s->apps, now);
    }
}

static void
on_net_closed(void *priv)
{
    struct cnc_service *s = priv;

    s->net_closed = true;
}

static void
close_net(struct cnc_service *s)
{
    if (s->net != NULL && !s->net_closing) {
        s->net_closing = true;
        cnc__network_close(s);
        cnc__net_close(s->net, on_net_closed, s);
        cnc__sms_end_all(s->router);
    }
}

static void
on_stopping(uv_timer_t *timer)
{
    struct cnc_service *s = timer->data;
    bool idle = cnc__apps_stopping(s->apps);

    if ((s->net_closed && idle) || uv_now(&s->loop) > s->stop_deadline_ms) {
        uv_stop(&s->loop);
    }
}

static void
begin_stop(struct cnc_service *s)
{
    if (s->stop_asked) {
        uv_stop(&s->loop); /* asked twice: do not wait for anybody */
        return;
    }
    s->stop_asked = true;
    s->stop_deadline_ms = uv_now(&s->loop) + HANDLERS_MS;
    cnc__log(CNC_LOG_INFO, "service.stop", "sessions=%zu",
             cnc__router_n_sessions(s->router));
    close_net(s);
    uv_timer_start(&s->stopping, on_stopping, 0, 10);
}

static void
on_signal(uv_signal_t *handle, int sig)
{
    begin_stop(handle->data);
}

/* Certificates are renewed every few weeks; sessions stay. */
static void
on_sighup(uv_signal_t *handle, int sig)
{
    struct cnc_service *s = handle->data;
    struct cnc_error err = {0};
    int code = s->tls == NULL ? 0 : cnc__tls_ctx_reload(s->tls, &err);

    if (code == 0 && s->net != NULL) {
        code = cnc__net_reload_tls(s->net, &err);
    }
    if (code == 0) {
        cnc__log(CNC_LOG_INFO, "tls.reloaded", "cert=%s",
                 s->o.tls_cert == NULL ? "" : s->o.tls_cert);
    } else {
        cnc__log(CNC_LOG_ERROR, "tls.stale", "error=%s", err.text);
    }
}

static void
on_stop_async(uv_async_t *async)
{
    begin_stop(async->data);
}

void
cnc__service_handles(struct cnc_service *s)
{
    CNC_CHECK(uv_timer_init(&s->loop, &s->tick) == 0);
    CNC_CHECK(uv_timer_init(&s->loop, &s->stopping) == 0);
    CNC_CHECK(uv_signal_init(&s->loop, &s->sigint) == 0);
    CNC_CHECK(uv_signal_init(&s->loop, &s->sigterm) == 0);
    CNC_CHECK(uv_signal_init(&s->loop, &s->sighup) == 0);
    CNC_CHECK(uv_async_init(&s->loop, &s->stop_async, on_stop_async) == 0);
    s->tick.data = s->stopping.data = s->sigint.data = s->sigterm.data =
        s->sighup.data = s->stop_async.data = s;
}

/* -- run ------------------------------------------------------------------ */

static void
on_started(void *priv)
{
    struct cnc_service *s = priv;
    struct cnc__str url = CNC__STR;
    const char *colon = strrchr(s->o.http, ':');
    bool any = s->o.http[0] == '*';

    if (s->stop_asked) {
        return;
    }
    s->ready = true;
    cnc__str_printf(&url, "%s://%.*s:%u/",
                    s->o.tls_cert == NULL || s->o.http_plain ? "http"
                                                             : "https",
                    any ? 9 : (int)(colon - s->o.http),
                    any ? "localhost" : s->o.http, s->port);
    cnc__log(CNC_LOG_INFO, "service.ready", "url=%s domain=%s store=%s",
             url.data, s->o.domain, s->driver->name);
    if (s->o.on_ready != NULL) {
        s->o.on_ready(s, url.data, s->o.priv);
    }
    cnc__str_fini(&url);
}

static void load_templates(struct cnc_service *s);

static void
on_templates(struct cnc_error *err, void *priv)
{
    struct cnc_service *s = priv;

    if (s->stop_asked) {
        return; /* what was refused was refused because we stop */
    }
    if (err != NULL) {
        /* The page shows the last good template; the service is not worth
         * stopping for it. */
        cnc__log(CNC_LOG_ERROR, "template.file", "app=%s error=%s",
                 s->loading->app->name, err->text);
    }
    s->loading++;
    load_templates(s);
}

static void
load_templates(struct cnc_service *s)
{
    while (s->loading != NULL && s->loading->app != NULL) {
        if (s->loading->files != NULL) {
            cnc__agent_template_files(s->agent, s->loading->files,
                                      on_templates, s);
            return;
        }
        s->loading++;
    }
    cnc__agent_start(s->agent, on_started, s);
}

void
cnc_service_stop(struct cnc_service *s)
{
    CNC_OBJ_CHECK(s, CNC__SERVICE_MAGIC);
    uv_async_send(&s->stop_async);
}

int
cnc_service_run(struct cnc_service *s, struct cnc_error *err)
{
    struct sigaction old_int, old_term;

    CNC_OBJ_CHECK(s, CNC__SERVICE_MAGIC);
    CNC_CHECK(s->started_ms == 0);
    /* The loop's handlers leave the default behind; a host such as Python
     * has its own. */
    sigaction(SIGINT, NULL, &old_int);
    sigaction(SIGTERM, NULL, &old_term);
    uv_timer_start(&s->tick, on_tick, 1000, 1000);
    uv_signal_start(&s->sigint, on_signal, SIGINT);
    uv_signal_start(&s->sigterm, on_signal, SIGTERM);
    if (s->o.tls_cert != NULL) {
        uv_signal_start(&s->sighup, on_sighup, SIGHUP);
    }
    s->started_ms = uv_now(&s->loop);
    s->loading = s->o.apps;
    load_templates(s);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    s->stop_asked = true;
    uv_signal_stop(&s->sigint);
    uv_signal_stop(&s->sigterm);
    uv_signal_stop(&s->sighup);
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGTERM, &old_term, NULL);
    if (s->failure.code != 0) {
        if (err != NULL) {
            *err = s->failure;
        }
        return s->failure.code;
    }
    return 0;
}

/* -- free ----------------------------------------------------------------- */

static bool
work_is_left(struct cnc_service *s)
{
    return (s->net != NULL && !s->net_closed) || s->n_jobs > 0 ||
           (s->commits != NULL && cnc__commits_pending(s->commits) > 0);
}

/* Sockets first, so that nothing new begins; then what handlers, pool jobs
 * and commits still have to say, each of which may ask for more of the
 * others. */
static void
drain(struct cnc_service *s)
{
    s->stop_asked = true;
    close_net(s);
    if (s->apps != NULL) {
        cnc__apps_leave(s->apps);
        cnc__posts_run(s->posts);
    }
    while (work_is_left(s)) {
        uv_run(&s->loop, UV_RUN_ONCE);
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
end_loop(struct cnc_service *s)
{
    drain(s);
    if (s->commits != NULL) {
        cnc__commits_stop(s->commits);
    }
    uv_close((uv_handle_t *)&s->tick, NULL);
    uv_close((uv_handle_t *)&s->stopping, NULL);
    uv_close((uv_handle_t *)&s->sigint, NULL);
    uv_close((uv_handle_t *)&s->sigterm, NULL);
    uv_close((uv_handle_t *)&s->sighup, NULL);
    uv_close((uv_handle_t *)&s->stop_async, NULL);
    if (s->renders != NULL) {
        cnc__renders_close(s->renders);
    }
    if (s->posts != NULL) {
        cnc__posts_close(s->posts);
    }
    /* Children are reaped; then nothing may stay open. */
    uv_run(&s->loop, UV_RUN_DEFAULT);
    uv_walk(&s->loop, close_handle, NULL);
    uv_run(&s->loop, UV_RUN_DEFAULT);
}

static void
free_setting(void *value)
{
    struct cnc_buf *kept = value;

    cnc_buf_unref(&kept);
}

void
cnc_service_free(struct cnc_service **sp)
{
    struct cnc_service *s = *sp;

    if (s == NULL) {
        return;
    }
    CNC_OBJ_CHECK(s, CNC__SERVICE_MAGIC);
    *sp = NULL;
    end_loop(s);
    /* The agent refuses the templates it still judges, pubsub then answers
     * every publish that is left, and those answers go through the apps. */
    cnc__agent_free(&s->agent);
    cnc__pubsub_free(&s->pubsub);
    cnc__apps_free(&s->apps);
    cnc__network_free(s);
    cnc__net_free(&s->net);
    cnc__tls_ctx_unref(&s->tls);
    cnc__im_free(&s->im);
    cnc__logins_free(&s->accounts);
    cnc__tokens_free(s);
    cnc__commands_free(&s->commands);
    cnc__router_free(&s->router);
    cnc__traces_free(&s->traces);
    cnc__operator_free(&s->operator_);
    cnc__renders_free(&s->renders);
    cnc__commits_free(&s->commits);
    cnc__posts_free(&s->posts);
    if (s->store != NULL) {
        s->driver->close(&s->store);
    }
    CNC_CHECK(uv_loop_close(&s->loop) == 0);
    cnc__table_free(&s->settings, free_setting);
    cnc__free((char *)s->o.domain);
    cnc__free((char *)s->o.http);
    cnc__free((char *)s->o.store);
    cnc__free(s->data);
    cnc__free(s->www);
    cnc__free(s->link);
    CNC_OBJ_FREE(s);
}
