/* SPDX-License-Identifier: MIT */
/*
 * service.c -- joins the rooms into one service; life.c runs it.
 *
 *   store -> router, pubsub, commands, accounts, apps, agent -> listeners
 */
#include <sys/stat.h>

#include "../xmpp/jid.h"
#include "private.h"

/* -- joints: each room reaches the others through these ------------------- */

void
cnc__service_commit(struct cnc__commit *c, void *service)
{
    struct cnc_service *s = service;

    cnc__commits_add(s->commits, c);
}

int64_t
cnc__service_now_ms(void *service)
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
    struct cnc_service *service;
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

    j->service->n_jobs--;
    j->done(j->arg);
    cnc__free(j);
}

void
cnc__service_offload(void (*work)(void *), void (*done)(void *), void *arg,
                     void *service)
{
    struct cnc_service *s = service;
    struct job *j = cnc__zalloc(sizeof(*j));

    j->service = s;
    j->run = work;
    j->done = done;
    j->arg = arg;
    s->n_jobs++;
    CNC_CHECK(uv_queue_work(&s->loop, &j->work, job_run, job_done) == 0);
}

static void
on_http(struct cnc__http_request *r, void *priv)
{
    struct cnc_service *s = priv;

    if (!cnc__status_http(s, r) && !cnc__hostmeta_http(s, r) &&
        !cnc__webconsole_http(s, r)) {
        cnc__agent_http(s->agent, r);
    }
}

/* -- new ------------------------------------------------------------------ */

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
    int code;

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
    own->s2s_wait = o->s2s_wait == 0 ? 60 : o->s2s_wait;
    code = cnc__options_check(o, own->domain, err);
    if (code != 0) {
        return code;
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

/* The app it is for is not known yet, and the store cannot be asked for it
 * later: from the first commit on it belongs to the writer thread. */
static void
keep_setting(struct cnc_service *s, const struct cnc_store_entry *e)
{
    struct cnc_buf *old =
        cnc__table_put(s->settings, e->id, cnc_buf_new(e->value, e->len));

    cnc_buf_unref(&old);
}

static void
load_setting(struct cnc_service *s, const char *app)
{
    struct cnc_buf *kept = cnc__table_get(s->settings, app);

    if (kept != NULL) {
        struct cnc_store_entry e = {.kind = CNC_STORE_KEY,
                                    .node = "setting",
                                    .id = app,
                                    .publisher = "",
                                    .value = cnc_buf_data(kept),
                                    .len = cnc_buf_len(kept)};

        cnc__apps_load(s->apps, &e);
    }
}

static int
load_entry(const struct cnc_store_entry *e, void *priv)
{
    struct cnc_service *s = priv;

    if (e->kind == CNC_STORE_KEY) {
        if (strcmp(e->node, "account") == 0) {
            cnc__logins_load(s->accounts, e);
        } else if (strcmp(e->node, "operator") == 0) {
            cnc__operator_load(s->operator_, e);
        } else if (strcmp(e->node, "setting") == 0) {
            keep_setting(s, e);
        } else if (!cnc__tokens_load(s, e) && !cnc__im_load(s->im, e)) {
            return cnc__pubsub_load(s->pubsub, e, &s->failure);
        }
        return 0;
    }
    return cnc__pubsub_load(s->pubsub, e, &s->failure);
}

static int
open_store(struct cnc_service *s, struct cnc_error *err)
{
    int code;

    if ((code = cnc__make_dir(s->data, "--data", err)) != 0 ||
        (code = cnc__make_dir(s->www, "--www", err)) != 0 ||
        (code = cnc__store_find(&s->driver, s->o.store, err)) != 0) {
        return code;
    }
    return s->driver->open(&s->store, s->data, err);
}

static int
load_store(struct cnc_service *s, struct cnc_error *err)
{
    int code;

    s->settings = cnc__table_new();
    code = s->driver->each(s->store, load_entry, s, err);

    if (code != 0 && s->failure.code != 0 && err != NULL) {
        *err = s->failure;
    }
    if (code == 0) {
        cnc__pubsub_load_done(s->pubsub);
        cnc__im_load_done(s->im);
        cnc__tokens_load_done(s);
    }
    return code;
}

static void
make_rooms(struct cnc_service *s)
{
    struct cnc__pubsub_env pubsub = {.commit = cnc__service_commit,
                                     .now_ms = cnc__service_now_ms,
                                     .before_publish = env_before_publish,
                                     .after = env_after,
                                     .priv = s};
    struct cnc__apps_env apps = {
        .commit = cnc__service_commit, .post = env_post, .priv = s};

    s->posts = cnc__posts_new(&s->loop);
    s->commits = cnc__commits_new(s->driver, s->store, s->posts);
    s->router = pubsub.router = apps.router = cnc__router_new(s->o.domain);
    cnc__sm_configure(
        s->router, &(struct cnc__sm_config){.timeout_ms = s->o.resume * 1000});
    if (s->o.max_resources != 0) {
        cnc__router_max_resources(s->router, s->o.max_resources);
    }
    s->pubsub = apps.pubsub = cnc__pubsub_new(&pubsub);
    s->commands = apps.commands = cnc__commands_new(s->router);
    s->accounts = cnc__logins_new(s);
    s->operator_ = cnc__operator_new(s);
    s->traces = cnc__traces_new(s);
    cnc__tokens_new(s);
    s->apps = cnc__apps_new(&apps);
}

/* After the store is loaded: the agent declares its node, and what is kept of
 * that node comes first. */
static void
make_agent(struct cnc_service *s)
{
    struct cnc__agent_env agent = {.pubsub = s->pubsub,
                                   .domain = s->o.domain,
                                   .ws_path = CNC__WS_PATH,
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
    s->web_env = (struct cnc__stream_env){
        .router = s->router,
        .fast = s->fast,
        .guard = s->guard,
        .secret = s->secret,
        .mechanisms = CNC__SASL_ANONYMOUS | CNC__SASL_EXTERNAL |
                      CNC__SASL_SCRAM_SHA1 | CNC__SASL_SCRAM_SHA256,
        .max_before_auth = 10000,
        .max_stanza = s->o.max_stanza,
        .max_queue = s->o.max_queue,
        .loopback_plain = s->o.allow_plain,
        .auth_ms = 20000,
        .idle_ms = 60000,
        .keys = cnc__logins_keys,
        .is_operator = cnc__logins_is_operator,
        .offload = cnc__logins_offload,
        .features = cnc__logins_features,
        .priv = s->accounts};
    if (s->o.registration) {
        s->web_env.enrol = cnc__messaging_enrol;
    }
    if (s->o.allow_plain || s->o.tls_cert != NULL) {
        s->web_env.mechanisms |= CNC__SASL_PLAIN;
    }
    s->link_env = s->web_env;
    /* A link belongs to a user of this machine: more may be asked of it. */
    s->link_env.mechanisms = CNC__SASL_EXTERNAL;
    s->link_env.enrol = NULL;
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
    load_setting(s, a->app->name);
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
    if (code == 0) {
        code = cnc__operator_commands(s->operator_, err);
    }
    if (code == 0) {
        code = cnc__traces_command(s->traces, err);
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
    struct cnc__net_config config = {
        .web = &s->web_env,
        .link = &s->link_env,
        .http = on_http,
        .http_priv = s,
        .ws_path = CNC__WS_PATH,
        .stream = cnc__network_stream,
        .stream_priv = s,
        .dns = {.trust_anchor = s->o.trust_anchor, .forwarder = s->o.dns},
        .origins = s->o.origins};
    bool plain = s->o.http_plain;
    int code;

    make_stream_envs(s);
    if ((code = cnc__network_new(s, err)) != 0) {
        return code;
    }
    s->net = cnc__net_new(&s->loop, &config);
    if ((code = cnc__net_listen(
             s->net, s->o.http, plain ? NULL : s->o.tls_cert,
             plain ? NULL : s->o.tls_key, &s->port, err)) != 0 ||
        (code = cnc__net_listen_link(s->net, s->link, err)) != 0) {
        return code;
    }
    return cnc__network_listen(s, err);
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
    cnc__service_handles(s);
    if ((code = take_options(s, o, err)) != 0 ||
        (code = open_store(s, err)) != 0) {
        goto fail;
    }
    make_rooms(s);
    if ((code = cnc__messaging_new(s, err)) != 0 ||
        (code = load_store(s, err)) != 0) {
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
