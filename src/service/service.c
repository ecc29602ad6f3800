/* SPDX-License-Identifier: MIT */
/*
 * service.c -- joins the rooms into one running service.
 *
 *   new: store -> router, pubsub, commands, accounts, apps, agent -> listeners
 *   run: templates from files -> every page rendered -> ready -> ... -> stop
 */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "private.h"

#define WS_PATH "/xmpp"

/* -- joints: each room reaches the others through these ------------------- */

static void
env_commit(struct cnc__commit *c, void *priv)
{
    struct cnc_service *s = priv;

    cnc__commits_add(s->commits, c);
}

static int64_t
env_now_ms(void *priv)
{
    uv_timeval64_t now;

    uv_gettimeofday(&now);
    return now.tv_sec * 1000 + now.tv_usec / 1000;
}

static int
env_before_publish(struct cnc__publish *p, struct cnc__node *node,
                   const struct cnc__actor *actor, const char *id,
                   struct cnc_element *payload, struct cnc_error *err,
                   void *priv)
{
    struct cnc_service *s = priv;
    int code = cnc__apps_before_publish(s->apps, node, payload, err);

    return code != 0 ? code
                     : cnc__agent_before_publish(s->agent, p, node, id,
                                                 payload, err);
}

static void
env_after(enum cnc__event ev, struct cnc__node *node, struct cnc__item *item,
          void *priv)
{
    struct cnc_service *s = priv;

    if (s->agent != NULL) {
        cnc__agent_after(s->agent, ev, node, item);
    }
}

static void
env_render(unsigned worker, const struct cnc__render_message *m,
           cnc__render_reply_f *reply, void *reply_priv, void *priv)
{
    struct cnc_service *s = priv;

    cnc__renders_call(s->renders, worker, m, reply, reply_priv);
}

static void
env_render_restarted(unsigned worker, void *priv)
{
    struct cnc_service *s = priv;

    cnc__agent_render_restarted(s->agent, worker);
}

static void
env_submit(const char *node, const struct cnc__actor *who,
           struct cnc__values *v, const char *id, cnc__submitted_f *done,
           void *done_priv, void *priv)
{
    struct cnc_service *s = priv;

    cnc__apps_submit(s->apps, node, who, v, id, done, done_priv);
}

static void
env_post(void (*f)(void *arg), void *arg, void *priv)
{
    struct cnc_service *s = priv;

    cnc__post(s->posts, f, arg);
}

struct job {
    uv_work_t work;
    void (*run)(void *);
    void (*done)(void *);
    void *arg;
};

static void
job_run(uv_work_t *work)
{
    struct job *j = CNC_CONTAINER(work, struct job, work);

    j->run(j->arg);
}

static void
job_done(uv_work_t *work, int status)
{
    struct job *j = CNC_CONTAINER(work, struct job, work);

    j->done(j->arg);
    cnc__free(j);
}

void
cnc__service_offload(void (*work)(void *), void (*done)(void *), void *arg,
                     void *service)
{
    struct cnc_service *s = service;
    struct job *j = cnc__zalloc(sizeof(*j));

    j->run = work;
    j->done = done;
    j->arg = arg;
    CNC_CHECK(uv_queue_work(&s->loop, &j->work, job_run, job_done) == 0);
}

static void
on_http(struct cnc__http_request *r, void *priv)
{
    struct cnc_service *s = priv;

    if (!cnc__status_http(s, r)) {
        cnc__agent_http(s->agent, r);
    }
}

/* -- new --------------------------------------------------------------------
 */

static char *
under(const char *dir, const char *name)
{
    struct cnc__str s = CNC__STR;

    cnc__str_printf(&s, "%s/%s", dir, name);
    return cnc__str_steal(&s);
}

static int
take_options(struct cnc_service *s, const struct cnc_service_options *o,
             struct cnc_error *err)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    struct cnc_service_options *own = &s->o;

    if (o->size != sizeof(*o)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "the options were made for another version of "
                             "Concordance");
    }
    *own = *o;
    own->domain = cnc__strdup(o->domain == NULL ? "localhost" : o->domain);
    own->http = cnc__strdup(o->http == NULL ? "127.0.0.1:8080" : o->http);
    own->store = cnc__strdup(o->store == NULL ? "sqlite" : o->store);
    s->data = cnc__strdup(o->data == NULL ? "data" : o->data);
    s->www = o->www == NULL ? under(s->data, "www") : cnc__strdup(o->www);
    s->link = o->link == NULL ? under(s->data, "link") : cnc__strdup(o->link);
    own->max_stanza = o->max_stanza == 0 ? 262144 : o->max_stanza;
    own->max_queue = o->max_queue == 0 ? 1 << 20 : o->max_queue;
    own->renders = o->renders == 0 ? 1 : o->renders;
    if ((o->tls_cert == NULL) != (o->tls_key == NULL)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "--tls-cert and --tls-key go together");
    }
    for (unsigned i = 0; o->log_level != NULL; i++) {
        if (i == CNC_N(levels)) {
            return cnc_error_set(err, CNC_EINVAL, NULL,
                                 "--log-level is debug, info, warn or error, "
                                 "not \"%s\"",
                                 o->log_level);
        }
        if (strcmp(levels[i], o->log_level) == 0) {
            cnc__log_level((enum cnc_log_level)i);
            break;
        }
    }
    return 0;
}

static int
load_entry(const struct cnc_store_entry *e, void *priv)
{
    struct cnc_service *s = priv;

    if (e->kind == CNC_STORE_KEY) {
        if (strcmp(e->node, "account") == 0) {
            cnc__logins_load(s->accounts, e);
        }
        return 0; /* settings are read when their app is known */
    }
    return cnc__pubsub_load(s->pubsub, e, &s->failure);
}

static int
load_setting(const struct cnc_store_entry *e, void *priv)
{
    struct cnc_service *s = priv;

    cnc__apps_load(s->apps, e);
    return 0;
}

static int
open_store(struct cnc_service *s, struct cnc_error *err)
{
    int code;

    if ((code = cnc__make_dir(s->data, err)) != 0 ||
        (code = cnc__make_dir(s->www, err)) != 0 ||
        (code = cnc__store_find(&s->driver, s->o.store, err)) != 0) {
        return code;
    }
    return s->driver->open(&s->store, s->data, err);
}

static int
load_store(struct cnc_service *s, struct cnc_error *err)
{
    int code = s->driver->each(s->store, load_entry, s, err);

    if (code != 0 && s->failure.code != 0 && err != NULL) {
        *err = s->failure;
    }
    if (code == 0) {
        cnc__pubsub_load_done(s->pubsub);
    }
    return code;
}

static void
make_rooms(struct cnc_service *s)
{
    struct cnc__pubsub_env pubsub = {.commit = env_commit,
                                     .now_ms = env_now_ms,
                                     .before_publish = env_before_publish,
                                     .after = env_after,
                                     .priv = s};
    struct cnc__apps_env apps = {
        .commit = env_commit, .post = env_post, .priv = s};
    s->posts = cnc__posts_new(&s->loop);
    s->commits = cnc__commits_new(s->driver, s->store, s->posts);
    s->router = pubsub.router = apps.router = cnc__router_new(s->o.domain);
    s->pubsub = apps.pubsub = cnc__pubsub_new(&pubsub);
    s->commands = apps.commands = cnc__commands_new(s->router);
    s->accounts = cnc__logins_new(s);
    s->apps = cnc__apps_new(&apps);
}

/* After the store is loaded: the agent declares its node, and what is kept of
 * that node comes first. */
static void
make_agent(struct cnc_service *s)
{
    struct cnc__agent_env agent = {.pubsub = s->pubsub,
                                   .domain = s->o.domain,
                                   .ws_path = WS_PATH,
                                   .www = s->www,
                                   .n_workers = s->o.renders,
                                   .render = env_render,
                                   .offload = cnc__service_offload,
                                   .submit = env_submit,
                                   .priv = s};

    s->agent = cnc__agent_new(&agent);
}

static void
make_stream_envs(struct cnc_service *s)
{
    s->web_env = (struct cnc__stream_env){.router = s->router,
                                          .mechanisms = CNC__SASL_ANONYMOUS |
                                                        CNC__SASL_SCRAM_SHA1 |
                                                        CNC__SASL_SCRAM_SHA256,
                                          .max_before_auth = 10000,
                                          .max_stanza = s->o.max_stanza,
                                          .max_queue = s->o.max_queue,
                                          .auth_ms = 20000,
                                          .idle_ms = 60000,
                                          .keys = cnc__logins_keys,
                                          .offload = cnc__logins_offload,
                                          .priv = s->accounts};
    if (s->o.allow_plain || s->o.tls_cert != NULL) {
        s->web_env.mechanisms |= CNC__SASL_PLAIN;
    }
    s->link_env = s->web_env;
    /* A link belongs to a user of this machine: more may be asked of it. */
    s->link_env.mechanisms = CNC__SASL_EXTERNAL;
    s->link_env.max_stanza = 16 << 20;
    s->link_env.max_queue = 64 << 20;
}

static int
add_app(struct cnc_service *s, const struct cnc_service_app *a,
        struct cnc_error *err)
{
    int code = cnc__apps_add(s->apps, a->app, err);
    struct stat st;
    char *assets;

    if (code != 0) {
        return code;
    }
    code = s->driver->get(s->store, CNC_STORE_KEY, "setting", a->app->name,
                          load_setting, s, err);
    if (code != 0 && code != CNC_ENOENT) {
        return code;
    }
    code = 0;
    for (const struct cnc_page *p = a->app->pages;
         code == 0 && p != NULL && p->path != NULL; p++) {
        code = cnc__agent_page(s->agent, a->app, p, err);
    }
    if (code != 0 || a->files == NULL) {
        return code;
    }
    assets = under(a->files, "assets");
    if (stat(assets, &st) == 0 && S_ISDIR(st.st_mode)) {
        code = cnc__agent_assets(s->agent, assets, err);
    }
    cnc__free(assets);
    return code;
}

static int
add_apps(struct cnc_service *s, struct cnc_error *err)
{
    char *runtime = cnc__path_runtime();
    int code = cnc__agent_runtime(s->agent, runtime, err);

    cnc__free(runtime);
    if (code == 0) {
        code = cnc__logins_commands(s->accounts, s->commands, err);
    }
    if (code == 0) {
        code = cnc__status_command(s, err);
    }
    for (const struct cnc_service_app *a = s->o.apps;
         code == 0 && a != NULL && a->app != NULL; a++) {
        code = add_app(s, a, err);
    }
    return code;
}

static int
listen_all(struct cnc_service *s, struct cnc_error *err)
{
    struct cnc__net_config config = {.web = &s->web_env,
                                     .link = &s->link_env,
                                     .http = on_http,
                                     .http_priv = s,
                                     .ws_path = WS_PATH,
                                     .origins = s->o.origins};
    int code;

    make_stream_envs(s);
    s->net = cnc__net_new(&s->loop, &config);
    code = cnc__net_listen(s->net, s->o.http, s->o.tls_cert, s->o.tls_key,
                           &s->port, err);
    return code != 0 ? code : cnc__net_listen_link(s->net, s->link, err);
}

static int
start_renders(struct cnc_service *s, struct cnc_error *err)
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
    s->renders = cnc__renders_new(&s->loop, program, s->o.renders,
                                  env_render_restarted, s);
    cnc__free(program);
    return 0;
}

int
cnc_service_new(struct cnc_service **out, const struct cnc_service_options *o,
                struct cnc_error *err)
{
    struct cnc_service *s = cnc__zalloc(sizeof(*s));
    int code;

    s->magic = CNC__SERVICE_MAGIC;
    CNC_CHECK(uv_loop_init(&s->loop) == 0);
    if ((code = take_options(s, o, err)) != 0 ||
        (code = open_store(s, err)) != 0) {
        goto fail;
    }
    make_rooms(s);
    if ((code = load_store(s, err)) != 0) {
        goto fail;
    }
    make_agent(s);
    if ((code = add_apps(s, err)) != 0 ||
        (code = start_renders(s, err)) != 0 ||
        (code = cnc__apps_start(s->apps, err)) != 0 ||
        (code = listen_all(s, err)) != 0) {
        goto fail;
    }
    *out = s;
    return 0;

fail:
    cnc_service_free(&s);
    return code;
}

/* -- run --------------------------------------------------------------------
 */

static void
on_tick(uv_timer_t *timer)
{
    struct cnc_service *s = timer->data;
    uint64_t now = uv_now(&s->loop);

    cnc__renders_tick(s->renders, now);
    cnc__agent_tick(s->agent);
    if (s->ready) {
        cnc__apps_tick(s->apps, now);
    }
}

static void
on_started(void *priv)
{
    struct cnc_service *s = priv;
    struct cnc__str url = CNC__STR;
    const char *colon = strrchr(s->o.http, ':');
    int n = (int)(colon - s->o.http);

    s->ready = true;
    cnc__str_printf(&url, "%s://%.*s:%u/",
                    s->o.tls_cert == NULL ? "http" : "https",
                    s->o.http[0] == '*' ? 9 : n,
                    s->o.http[0] == '*' ? "localhost" : s->o.http, s->port);
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

static void
on_net_closed(void *priv)
{
    struct cnc_service *s = priv;

    s->net_closed = true;
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
    s->stop_deadline_ms = uv_now(&s->loop) + 5000;
    cnc__log(CNC_LOG_INFO, "service.stop", "sessions=%zu",
             cnc__router_n_sessions(s->router));
    cnc__net_close(s->net, on_net_closed, s);
    uv_timer_start(&s->stopping, on_stopping, 0, 10);
}

static void
on_signal(uv_signal_t *handle, int sig)
{
    begin_stop(handle->data);
}

static void
on_stop_async(uv_async_t *async)
{
    begin_stop(async->data);
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
    CNC_OBJ_CHECK(s, CNC__SERVICE_MAGIC);
    uv_timer_init(&s->loop, &s->tick);
    uv_timer_init(&s->loop, &s->stopping);
    uv_signal_init(&s->loop, &s->sigint);
    uv_signal_init(&s->loop, &s->sigterm);
    uv_async_init(&s->loop, &s->stop_async, on_stop_async);
    s->tick.data = s->stopping.data = s->sigint.data = s->sigterm.data =
        s->stop_async.data = s;
    uv_timer_start(&s->tick, on_tick, 1000, 1000);
    uv_signal_start(&s->sigint, on_signal, SIGINT);
    uv_signal_start(&s->sigterm, on_signal, SIGTERM);
    s->started_ms = uv_now(&s->loop);
    s->loading = s->o.apps;
    load_templates(s);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    if (s->failure.code != 0) {
        if (err != NULL) {
            *err = s->failure;
        }
        return s->failure.code;
    }
    return 0;
}

/* -- free -------------------------------------------------------------------
 */

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
    if (s->net != NULL && !s->stop_asked) {
        cnc__net_close(s->net, on_net_closed, s);
        while (!s->net_closed && uv_run(&s->loop, UV_RUN_ONCE) != 0) {
        }
    }
    if (s->commits != NULL) {
        cnc__commits_stop(s->commits);
        cnc__posts_run(s->posts);
    }
    if (s->renders != NULL) {
        cnc__renders_close(s->renders);
    }
    /* Children are reaped and pool jobs end; then nothing may stay open. */
    if (s->stop_asked) {
        uv_close((uv_handle_t *)&s->tick, NULL);
        uv_close((uv_handle_t *)&s->stopping, NULL);
        uv_close((uv_handle_t *)&s->sigint, NULL);
        uv_close((uv_handle_t *)&s->sigterm, NULL);
        uv_close((uv_handle_t *)&s->stop_async, NULL);
    }
    if (s->posts != NULL) {
        cnc__posts_close(s->posts);
    }
    uv_run(&s->loop, UV_RUN_DEFAULT);
    uv_walk(&s->loop, close_handle, NULL);
    uv_run(&s->loop, UV_RUN_DEFAULT);
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
    cnc__net_free(&s->net);
    cnc__apps_free(&s->apps);
    cnc__agent_free(&s->agent);
    cnc__logins_free(&s->accounts);
    cnc__commands_free(&s->commands);
    cnc__pubsub_free(&s->pubsub);
    cnc__router_free(&s->router);
    cnc__renders_free(&s->renders);
    cnc__commits_free(&s->commits);
    cnc__posts_free(&s->posts);
    if (s->store != NULL) {
        s->driver->close(&s->store);
    }
    uv_loop_close(&s->loop);
    cnc__free((char *)s->o.domain);
    cnc__free((char *)s->o.http);
    cnc__free((char *)s->o.store);
    cnc__free(s->data);
    cnc__free(s->www);
    cnc__free(s->link);
    CNC_OBJ_FREE(s);
}
