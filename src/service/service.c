/* SPDX-License-Identifier: MIT */
/*
 * service.c -- joins the rooms into one domain's service; process.c has what
 * all domains share, life.c runs it.
 *
 *   store -> router, pubsub, commands, accounts, apps, agent -> streams
 */
#include <sys/stat.h>

#include "../base/text.h"
#include "../xmpp/jid.h"
#include "backup.h"
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

static bool
env_has_role(const char *bare, const char *roles, void *priv)
{
    struct cnc_service *s = priv;

    return cnc__roles_has(bare, roles, s->roles);
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
    struct cnc__render_message own = *m;
    struct cnc__str page = CNC__STR;

    /* The processes are shared, and pages of two domains may have one path.
     */
    if (s->process->n_domains > 1 && m->type != CNC__R_CHECK) {
        cnc__str_printf(&page, "%s ", cnc__router_domain(s->router));
        cnc__str_add(&page, m->fields[0].data, m->fields[0].len);
        own.fields[0] = (struct cnc__render_field){page.data, page.len};
    }
    cnc__renders_call(s->process->renders, worker, &own, reply, reply_priv);
    cnc__str_fini(&page);
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

    cnc__post(s->process->posts, f, arg);
}

struct job {
    uv_work_t work;
    struct cnc__process *process;
    const char *domain; /* the log's */
    void (*run)(void *);
    void (*done)(void *);
    void *arg;
};

static void
job_run(uv_work_t *work)
{
    struct job *j = CNC_CONTAINER(work, struct job, work);
    const char *was = cnc__log_about(j->domain);

    j->run(j->arg);
    cnc__log_about(was);
}

static void
job_done(uv_work_t *work, int status)
{
    struct job *j = CNC_CONTAINER(work, struct job, work);
    const char *was = cnc__log_about(j->domain);

    j->process->n_jobs--;
    j->done(j->arg);
    cnc__log_about(was);
    cnc__free(j);
}

void
cnc__service_offload(void (*work)(void *), void (*done)(void *), void *arg,
                     void *service)
{
    struct cnc_service *s = service;
    struct job *j = cnc__zalloc(sizeof(*j));

    j->process = s->process;
    j->domain = cnc__router_domain(s->router);
    j->run = work;
    j->done = done;
    j->arg = arg;
    s->process->n_jobs++;
    CNC_CHECK(uv_queue_work(&s->process->loop, &j->work, job_run, job_done) ==
              0);
}

void
cnc__domain_http(struct cnc_service *s, struct cnc__http_request *r)
{
    const char *was = cnc__log_about(cnc__router_domain(s->router));

    s->n_requests++;
    cnc__prefix_place(s, r);
    if (cnc__probe_http(s, r)) {
        ;
    } else if (r->place == CNC__HTTP_OUTSIDE) {
        if (!cnc__hostmeta_http(s, r)) {
            cnc__prefix_refuse(s, r);
        }
    } else if (!cnc__uploads_http(s, r) && !cnc__hostmeta_http(s, r) &&
               !cnc__webconsole_http(s, r) && !cnc__weblogin_http(s, r) &&
               !cnc__backup_http(s, r)) {
        cnc__agent_http(s->agent, r);
    }
    cnc__log_about(was);
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
load_entry(const struct cnc_store_entry *e, void *priv)
{
    struct cnc_service *s = priv;

    if (++s->n_loaded % 1024 == 0) {
        cnc__notify_starting(s->process->notify, "loading", s->o.domain);
    }
    if (e->kind == CNC_STORE_KEY) {
        if (strcmp(e->node, "account") == 0) {
            cnc__logins_load(s->accounts, e);
        } else if (strcmp(e->node, "operator") == 0) {
            cnc__operator_load(s->operator_, e);
        } else if (strcmp(e->node, "setting") == 0 ||
                   strcmp(e->node, "setting-version") == 0 ||
                   strcmp(e->node, "app") == 0) {
            cnc__apps_load(s->apps, e);
        } else if (strcmp(e->node, "role") == 0) {
            cnc__roles_load(s->roles, e);
        } else if (strcmp(e->node, "onetime") == 0) {
            cnc__onetime_load(s->onetime, e);
        } else if (strcmp(e->node, "outside") == 0) {
            cnc__outside_load(s->outside, e);
        } else if (strcmp(e->node, "file") == 0) {
            cnc__uploads_load(s->uploads, e);
        } else if (strcmp(e->node, "weblogin") == 0) {
            cnc__weblogins_load(s->weblogins, e);
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

    code = s->driver->each(s->store, load_entry, s, err);

    if (code != 0 && s->failure.code != 0 && err != NULL) {
        *err = s->failure;
    }
    if (code == 0) {
        cnc__pubsub_load_done(s->pubsub);
        cnc__im_load_done(s->im);
        cnc__tokens_load_done(s);
        code = cnc__uploads_load_done(s->uploads, err);
    }
    return code;
}

static int env_load(char **name, const char *word, const char *mount,
                    struct cnc_error *err, void *priv);

struct cnc__apps_limits
cnc__service_limits(const struct cnc_service *s)
{
    const struct cnc_service_options *o = &s->process->o;
    const char *flood_s = getenv("CONCORDANCE_FLOOD_S"); /* for tests */
    int64_t n = 0;

    if (flood_s != NULL) {
        cnc__parse_int(&n, flood_s, 1, 50);
    }
    return (struct cnc__apps_limits){.handler_s = o->app_time,
                                     .flood_rate = o->app_flood,
                                     .memory = (uint64_t)o->app_memory << 20,
                                     .flood_s = (uint32_t)n};
}

static void
make_rooms(struct cnc_service *s)
{
    struct cnc__pubsub_env pubsub = {.commit = cnc__service_commit,
                                     .now_ms = cnc__service_now_ms,
                                     .before_publish = env_before_publish,
                                     .after = env_after,
                                     .has_role = env_has_role,
                                     .file = cnc__uploads_file,
                                     .priv = s};
    struct cnc__apps_env apps = {.commit = cnc__service_commit,
                                 .post = env_post,
                                 .url = cnc__service_url,
                                 .load_again = cnc__app_load_again,
                                 .installed = cnc__apps_installed,
                                 .load = env_load,
                                 .audit = cnc__audit_command,
                                 .has_role = env_has_role,
                                 .logins = &cnc__service_login_ops,
                                 .limits = cnc__service_limits(s),
                                 .priv = s};

    s->commits = cnc__commits_new(s->driver, s->store, s->process->posts);
    s->router = pubsub.router = apps.router = cnc__router_new(s->o.domain);
    cnc__commits_about(s->commits, s->o.domain);
    cnc__sm_configure(
        s->router, &(struct cnc__sm_config){.timeout_ms = s->o.resume * 1000});
    if (s->o.max_resources != 0) {
        cnc__router_max_resources(s->router, s->o.max_resources);
    }
    s->pubsub = apps.pubsub = cnc__pubsub_new(&pubsub);
    s->commands = apps.commands = cnc__commands_new(s->router);
    s->accounts = cnc__logins_new(s);
    s->roles = cnc__roles_new(s);
    cnc__commands_roles(s->commands, cnc__roles_has, s->roles);
    s->weblogins = cnc__weblogins_new(s);
    s->onetime = cnc__onetime_new(s);
    s->outside = cnc__outside_new(s);
    s->uploads = cnc__uploads_new(s);
    s->confirms = cnc__confirms_new(s);
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
                                   .prefix = s->o.prefix,
                                   .www = s->www,
                                   .n_workers = s->o.renders,
                                   .render = env_render,
                                   .offload = cnc__service_offload,
                                   .submit = env_submit,
                                   .commands = s->commands,
                                   .caller = cnc__weblogin_caller,
                                   .has_role = env_has_role,
                                   .files = &cnc__uploads_form_files,
                                   .page = cnc__gate_page,
                                   .priv = s};

    s->agent = cnc__agent_new(&agent);
    cnc__commands_languages(s->commands, cnc__agent_tr, s->agent);
    cnc__router_set_tr(s->router, cnc__agent_tr, s->agent);
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
                      CNC__SASL_SCRAM_SHA1 | CNC__SASL_SCRAM_SHA256 |
                      CNC__SASL_PLAIN | CNC__SASL_OAUTHBEARER,
        .max_before_auth = 10000,
        .max_stanza = s->o.max_stanza,
        .max_queue = s->o.max_queue,
        .loopback_plain = s->o.allow_plain,
        .auth_ms = 20000,
        .idle_ms = 60000,
        .keys = cnc__logins_keys,
        .is_operator = cnc__logins_is_operator,
        .bearer = cnc__weblogin_bearer,
        .offload = cnc__logins_offload,
        .ask_password = cnc__hook_password_sasl,
        .features = cnc__logins_features,
        .priv = s->accounts};
    if (s->o.registration) {
        s->web_env.enrol = cnc__messaging_enrol;
    }
    s->link_env = s->web_env;
    /* A link belongs to a user of this machine: more may be asked of it. */
    s->link_env.mechanisms = CNC__SASL_EXTERNAL;
    s->link_env.enrol = NULL;
    s->link_env.max_stanza = 16 << 20;
    /* Answers to browsers wait there, 256 at once of 48 kB blocks. */
    s->link_env.max_queue = 64 << 20;
    cnc__gate_users(s->gate, &s->link_env);
}

static int
add_app(struct cnc_service *s, const struct cnc_app *app, const char *mount,
        const char *file, const char *files, struct cnc_error *err)
{
    int code = cnc__apps_add(s->apps, app, err);

    return code != 0
               ? code
               : cnc__apps_place(s->apps, app->name, mount, file, files, err);
}

/* *new* name, when it is not NULL: whose it is. */
static int
add_module(struct cnc_service *s, char **name, const char *word,
           const char *mount, const char *files, struct cnc_error *err)
{
    char *file = NULL, *own_files = NULL;
    const struct cnc_app *app;
    int code = cnc__app_locate(&file, &own_files, word, err);

    if (code == 0) {
        code = cnc_app_load(&app, file, err);
    }
    if (code == 0) {
        code = add_app(s, app, mount, file, files != NULL ? files : own_files,
                       err);
    }
    if (code == 0 && name != NULL) {
        *name = cnc__strdup(app->name);
    }
    cnc__free(file);
    cnc__free(own_files);
    return code;
}

/* "auth", "./wiki.so=/wiki".  files: its folder, NULL: beside its module. */
static int
add_word(struct cnc_service *s, const char *word, const char *files,
         struct cnc_error *err)
{
    const char *mount = strrchr(word, '=');
    char *name;
    int code;

    if (mount != NULL && mount[1] != '/') {
        mount = NULL; /* a part of a path */
    }
    name = mount == NULL ? cnc__strdup(word)
                         : cnc__strndup(word, (size_t)(mount - word));
    code = add_module(s, NULL, name, mount == NULL ? NULL : mount + 1, files,
                      err);
    cnc__free(name);
    return code;
}

/* What they need and extend, found by name.  CNC_ENOENT and others: why not;
 * those that the operator added later may be what is missing. */
static int
add_needs(struct cnc_service *s, struct cnc_error *err)
{
    char *name, *last = NULL;
    int code = 0;

    while (code == 0 && (name = cnc__apps_missing(s->apps)) != NULL) {
        struct cnc_error why = {0};
        bool again = last != NULL && strcmp(name, last) == 0;

        cnc__free(last);
        last = name;
        code = again ? cnc_error_set(&why, CNC_EINVAL, NULL,
                                     "its module has an app of another name")
                     : add_word(s, name, NULL, &why);
        if (code != 0) {
            cnc__log(CNC_LOG_WARN, "app.missing", "app=%s error=%s", name,
                     why.text);
            cnc_error_set(err, code, NULL, "the app \"%s\" is needed: %.400s",
                          name, why.text);
        }
    }
    cnc__free(last);
    return code;
}

/* An app is added while the service runs. */
static int
env_load(char **name, const char *word, const char *mount,
         struct cnc_error *err, void *priv)
{
    struct cnc_service *s = priv;
    int code = add_module(s, name, word, mount, NULL, err);

    return code == 0 ? add_needs(s, err) : code;
}

static int
add_apps(struct cnc_service *s, struct cnc_error *err)
{
    struct cnc_error missing = {0};
    char *runtime = cnc__path_runtime();
    int code = cnc__agent_runtime(s->agent, runtime, err);

    cnc__free(runtime);
    if (code == 0) {
        code = cnc__logins_commands(s->accounts, s->commands, err);
    }
    if (code == 0) {
        code = cnc__roles_commands(s->roles, err);
    }
    if (code == 0) {
        code = cnc__weblogins_commands(s, err);
    }
    if (code == 0) {
        code = cnc__backup_command(s, err);
    }
    if (code == 0) {
        code = cnc__status_command(s, err);
    }
    if (code == 0) {
        code = cnc__browse_new(&s->browse, s->pubsub, s->commands, err);
    }
    if (code == 0) {
        code = cnc__agent_commands(s->agent, err);
    }
    if (code == 0) {
        code = cnc__operator_commands(s->operator_, err);
    }
    if (code == 0) {
        code = cnc__traces_command(s->traces, err);
    }
    if (code == 0) {
        code = cnc__site_new(s, err);
    }
    if (code == 0) {
        code = cnc__probes_new(s, err);
    }
    if (code == 0) {
        code = cnc__apps_commands(s->apps, err);
    }
    if (code == 0) {
        code = cnc__apps_web(s->apps, err);
    }
    for (const struct cnc_service_app *a = s->o.apps;
         code == 0 && a != NULL && (a->app != NULL || a->word != NULL); a++) {
        code = a->word != NULL
                   ? add_word(s, a->word, a->files, err)
                   : add_app(s, a->app, a->mount, a->file, a->files, err);
        if (code == 0 && a->again != NULL) {
            cnc__apps_again(s->apps, a->app->name, a->again, a->again_priv);
        }
    }
    if (code == 0) {
        add_needs(s, &missing);
        cnc__apps_agent(s->apps, s->agent);
        code = cnc__apps_restore(s->apps, err);
    }
    if (code == 0) {
        cnc__crash_judge(s);
        code = cnc__apps_declare(s->apps, err);
    }
    if (code == CNC_ENOENT && missing.code != 0) {
        *err = missing; /* says why it is nowhere */
    }
    return code;
}

int
cnc__domain_new(struct cnc_service **out, struct cnc__process *p,
                const struct cnc_service_options *o, struct cnc_error *err)
{
    struct cnc_service *s = *out = cnc__zalloc(sizeof(*s));
    int code;

    s->magic = CNC__SERVICE_MAGIC;
    s->process = p;
    s->o = *o;
    s->data = cnc__strdup(o->data);
    s->www = o->www == NULL ? under(s->data, "www") : cnc__strdup(o->www);
    s->o.data = s->data; /* what o has of them may go */
    s->o.www = o->www == NULL ? NULL : s->www;
    if ((code = open_store(s, err)) != 0) {
        return code;
    }
    make_rooms(s);
    if ((code = cnc__messaging_new(s, err)) != 0 ||
        (code = load_store(s, err)) != 0) {
        return code;
    }
    make_agent(s);
    cnc__audit_declare(s);
    cnc__commands_audit(s->commands, cnc__audit_command, s);
    s->observe = cnc__observe_new(s);
    if ((code = cnc__gate_new(s, err)) != 0 ||
        (code = add_apps(s, err)) != 0) {
        return code;
    }
    make_stream_envs(s);
    return cnc__network_new(s, err);
}

void
cnc__domain_free(struct cnc_service **sp)
{
    struct cnc_service *s = *sp;

    if (s == NULL) {
        return;
    }
    CNC_OBJ_CHECK(s, CNC__SERVICE_MAGIC);
    *sp = NULL;
    cnc__tls_ctx_unref(&s->tls);
    cnc__im_free(&s->im);
    cnc__logins_free(&s->accounts);
    cnc__weblogins_free(&s->weblogins);
    cnc__onetime_free(&s->onetime);
    cnc__outside_free(&s->outside);
    cnc__password_free(s);
    cnc__tokens_free(s);
    cnc__commands_free(&s->commands);
    cnc__router_free(&s->router);
    cnc__gate_free(&s->gate);
    cnc__confirms_free(&s->confirms);
    cnc__traces_free(&s->traces);
    cnc__observe_free(&s->observe);
    cnc__browse_free(&s->browse);
    cnc__operator_free(&s->operator_);
    cnc__commits_free(&s->commits);
    cnc__uploads_free(&s->uploads);
    cnc__roles_free(&s->roles);
    if (s->store != NULL) {
        s->driver->close(&s->store);
    }
    cnc__free(s->data);
    cnc__free(s->www);
    cnc__free(s->probes);
    cnc_service_options_fini(&s->o);
    CNC_OBJ_FREE(s);
}
