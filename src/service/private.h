/* SPDX-License-Identifier: MIT */
/*
 * private.h -- the parts of a running service.
 *
 *   core thread (uv loop): net, streams, router, pubsub, agent, apps
 *   writer thread: commits.c -> store driver
 *   pool threads (uv_queue_work): key derivation, compression, files
 *   app threads: src/app/thread.c
 *   children: renders.c -> concordance-render
 */
#ifndef CNC_SERVICE_PRIVATE_H
#define CNC_SERVICE_PRIVATE_H

#include <uv.h>

#include <concordance/login.h>
#include <concordance/service.h>
#include <concordance/store.h>

#include "../app/apps.h"
#include "../base/check.h"
#include "../base/log.h"
#include "../base/rate.h"
#include "../base/str.h"
#include "../base/table.h"
#include "../im/im.h"
#include "../net/net.h"
#include "../pubsub/browse.h"
#include "../pubsub/command.h"
#include "../s2s/component.h"
#include "../web/agent.h"
#include "../xmpp/fast.h"
#include "../xmpp/sm.h"

struct cnc__process;

/* -- paths.c: where the parts of an installation are ---------------------- */

/* Each: the environment variable when set (a build tree sets them), else the
 * installed place.  *new* string. */
char *cnc__path_render(void);  /* CONCORDANCE_RENDER: the program */
char *cnc__path_plugins(void); /* CONCORDANCE_PLUGINS: folder */
char *cnc__path_apps(void);    /* CONCORDANCE_APPS: folders, with ':' */
char *cnc__path_runtime(void); /* CONCORDANCE_RUNTIME: folder of browser
                                  modules */
/* mkdir -p with mode 0755; CNC_ESYS.  option: what chooses another folder. */
int cnc__make_dir(const char *path, const char *option, struct cnc_error *err);

/* -- plugins.c ------------------------------------------------------------ */

int cnc__store_find(const struct cnc_store_driver **out, const char *name,
                    struct cnc_error *err);
extern const struct cnc_store_driver cnc__store_memory;
/* The module that a word of the command line means ("./wiki.so", "wiki.so": a
 * path; "wiki": an installed app), and the folder of its templates; both
 * *new*, files NULL when it has none.  CNC_ENOENT says where it was looked
 * for. */
int cnc__app_locate(char **file, char **files, const char *word,
                    struct cnc_error *err);
/* The names by which installed apps are found; one may come twice. */
void cnc__apps_installed(void (*f)(const char *name, void *priv), void *priv);
/* The module as it is now, beside what was loaded of it before.  CNC_ESYS,
 * CNC_EINVAL. */
int cnc__app_load_again(const struct cnc_app **out, const char *path,
                        struct cnc_error *err);

/* -- posts.c: run a function on the core's thread, from any thread -------- */

struct cnc__posts;
struct cnc__posts *cnc__posts_new(uv_loop_t *loop);
void cnc__post(struct cnc__posts *p, void (*f)(void *arg), void *arg);
void cnc__posts_run(struct cnc__posts *p);   /* what waits, now */
void cnc__posts_close(struct cnc__posts *p); /* the handle; free after loop */
void cnc__posts_free(struct cnc__posts **pp);

/* -- commits.c: the writer thread ----------------------------------------- */

struct cnc__commits;
struct cnc__commits *cnc__commits_new(const struct cnc_store_driver *driver,
                                      struct cnc_store *store,
                                      struct cnc__posts *posts);
/* From the core's thread.  What comes after cnc__commits_stop() is refused,
 * when the commits are freed. */
void cnc__commits_add(struct cnc__commits *c, struct cnc__commit *commit);
/* Whose lines the log has from it; lives as long as c. */
void cnc__commits_about(struct cnc__commits *c, const char *domain);
/* Have the writer thread call run(driver, store, priv) between two groups,
 * then done(priv) on the core's.  Commits wait meanwhile. */
void cnc__commits_run(struct cnc__commits *c,
                      void (*run)(const struct cnc_store_driver *driver,
                                  struct cnc_store *store, void *priv),
                      void (*done)(void *priv), void *priv);
/* Commits and runs whose done() was not called yet. */
size_t cnc__commits_pending(const struct cnc__commits *c);
/* Finish what waits, join the thread; the dones are posted. */
void cnc__commits_stop(struct cnc__commits *c);
void cnc__commits_free(struct cnc__commits **cp);

struct cnc__commits_stats {
    uint64_t batches, commits, ops, failures, waiting;
};
void cnc__commits_stats(struct cnc__commits *c,
                        struct cnc__commits_stats *out);

/* -- renders.c: the render processes -------------------------------------- */

struct cnc__renders;
/* n processes running program; restarted(worker, priv) after one died and
 * runs again. */
struct cnc__renders *
cnc__renders_new(uv_loop_t *loop, const char *program, unsigned n,
                 void (*restarted)(unsigned worker, void *priv), void *priv);
void cnc__renders_call(struct cnc__renders *r, unsigned worker,
                       const struct cnc__render_message *m,
                       cnc__render_reply_f *reply, void *reply_priv);
void cnc__renders_tick(struct cnc__renders *r, uint64_t now_ms);
uint64_t cnc__renders_deaths(const struct cnc__renders *r);
/* Kill them and close the handles; free after the loop is done. */
void cnc__renders_close(struct cnc__renders *r);
void cnc__renders_free(struct cnc__renders **rp);

/* -- accounts.c: SCRAM keys, and the commands to manage them -------------- */

struct cnc__logins;
struct cnc__logins *cnc__logins_new(struct cnc_service *s);
void cnc__logins_free(struct cnc__logins **ap);
void cnc__logins_load(struct cnc__logins *a, const struct cnc_store_entry *e);
int cnc__logins_keys(struct cnc__scram_keys *out, const char *user,
                     bool sha256, void *accounts);
/* cnc__service_offload() with the accounts as priv, for streams. */
void cnc__logins_offload(void (*work)(void *), void (*done)(void *), void *arg,
                         void *accounts);
size_t cnc__logins_count(const struct cnc__logins *a);
/* Up to max names, in no order. */
void cnc__logins_each(const struct cnc__logins *a, size_t max,
                      void (*f)(const char *user, void *priv), void *priv);
struct cnc_service *cnc__logins_service(const struct cnc__logins *a);
/* --operator names it; for streams. */
bool cnc__logins_is_operator(const char *account, void *accounts);
/* Stream features that accounts bring, for streams. */
void cnc__logins_features(struct cnc__str *out, void *accounts);
int cnc__logins_commands(struct cnc__logins *a, struct cnc__commands *commands,
                         struct cnc_error *err);
/* For registration (XEP-0077), the operator and who keeps more of accounts.
 * user: a prepared local part.  Is there such an account? */
bool cnc__logins_exists(const struct cnc__logins *a, const char *user);
const char *cnc__logins_domain(const struct cnc__logins *a);
/* err NULL: it is done, and durable.  Called later, or now. */
typedef void cnc__login_done_f(const struct cnc_error *err, void *priv);
/* Make an account, or change its password, which ends its tokens and no
 * session.  CNC_EEXIST: it is there (must_be_new); CNC_ENOENT: it is not;
 * CNC_EINVAL: no such name or password may be; CNC_EREFUSED: it is being
 * changed already; CNC_ESTORE. */
void cnc__logins_set(struct cnc__logins *a, const char *user,
                     const char *password, bool must_be_new,
                     cnc__login_done_f *done, void *priv);
/* Its sessions and tokens end with it.  CNC_ENOENT, CNC_EREFUSED,
 * CNC_ESTORE. */
void cnc__logins_delete(struct cnc__logins *a, const char *user,
                        cnc__login_done_f *done, void *priv);

/* Names that the service gives out itself: nobody else's account. */
bool cnc__logins_is_reserved(const char *user);

/* -- outside.c: accounts that a directory outside has ---------------------
 */

struct cnc__outside;
struct cnc__outside *cnc__outside_new(struct cnc_service *s);
void cnc__outside_free(struct cnc__outside **op);
void cnc__outside_load(struct cnc__outside *o,
                       const struct cnc_store_entry *e);
/* Was it there when somebody asked last?  user: a prepared local part. */
bool cnc__outside_has(const struct cnc__outside *o, const char *user);
/* It is there. */
void cnc__outside_saw(struct cnc__outside *o, const char *user);
/* Is there such an account, kept here or outside?  0, CNC_ENOENT,
 * CNC_EREFUSED: it cannot be told now.  Of one that is gone all log-ins
 * end. */
void cnc__outside_find(struct cnc__outside *o, const char *user,
                       void (*done)(int code, void *arg), void *arg);
/* cnc__logins_set() of a new one, unless there is one outside. */
void cnc__outside_add(struct cnc__outside *o, const char *user,
                      const char *password, cnc__login_done_f *done,
                      void *priv);

/* -- tokens.c: tokens, the secret, the guard of a service ----------------- */

void cnc__tokens_new(struct cnc_service *s);
void cnc__tokens_free(struct cnc_service *s);
/* True when the entry was one of ours. */
bool cnc__tokens_load(struct cnc_service *s, const struct cnc_store_entry *e);
void cnc__tokens_load_done(struct cnc_service *s);
/* Keep KEY (node, id), or forget it when len is 0.  node is static; done (may
 * be NULL) comes later, with what became of it. */
void cnc__keep_key(struct cnc_service *s, const char *node, const char *id,
                   const char *value, size_t len,
                   void (*done)(void *arg, bool kept), void *arg);

/* Several things that are kept, told as one: done (NULL: nobody is) comes when
 * the last one is, with 0 or CNC_ESTORE.  NULL when done is. */
struct cnc__gather;
struct cnc__gather *cnc__gather_new(void (*done)(int code, void *arg),
                                    void *arg);
/* For one of them more: cnc__keep_key()'s done, with g; NULL without g. */
void (*cnc__gather_add(struct cnc__gather *g))(void *arg, bool kept);
/* There will be no more. */
void cnc__gather_end(struct cnc__gather *g);

/* -- roles.c: which bare JID has which role --------------------------------
 */

struct cnc__roles;
struct cnc__roles *cnc__roles_new(struct cnc_service *s);
void cnc__roles_free(struct cnc__roles **rp);
void cnc__roles_load(struct cnc__roles *r, const struct cnc_store_entry *e);
/* Has it one of these, "staff editors"?  An operator has "admin".  jid:
 * prepared.  For env.has_role of several rooms; priv: the roles. */
bool cnc__roles_has(const char *jid, const char *roles, void *priv);
/* All of them, with blanks between, added to out. */
void cnc__roles_of(const struct cnc__roles *r, struct cnc__str *out,
                   const char *bare);
/* done (may be NULL) comes later, when it is durable, or with CNC_ESTORE; the
 * role is there, or not, at once.  CNC_EINVAL at once and no done: jid is no
 * bare JID that may have one, or role is no name; CNC_ELIMIT. */
typedef void cnc__roles_done_f(int code, void *priv);
int cnc__roles_set(struct cnc__roles *r, const char *jid, const char *role,
                   bool has, cnc__roles_done_f *done, void *priv,
                   struct cnc_error *err);
/* All of this JID. */
void cnc__roles_forget(struct cnc__roles *r, const char *bare);
/* In the order of JIDs; stops when f returns not 0 and returns that. */
int cnc__roles_each(struct cnc__roles *r,
                    int (*f)(const char *jid, const char *role, void *priv),
                    void *priv);
int cnc__roles_commands(struct cnc__roles *r, struct cnc_error *err);

/* -- weblogin.c, webcookie.c, webtoken.c: who is logged in with a browser ---
 */

struct cnc__weblogins;
struct cnc__weblogins *cnc__weblogins_new(struct cnc_service *s);
void cnc__weblogins_free(struct cnc__weblogins **wp);
void cnc__weblogins_load(struct cnc__weblogins *w,
                         const struct cnc_store_entry *e);
void cnc__weblogins_tick(struct cnc__weblogins *w, uint64_t now_ms);
size_t cnc__weblogins_count(const struct cnc__weblogins *w);
/* The agent's env.caller. */
void cnc__weblogin_caller(struct cnc__caller *out, struct cnc__http_request *r,
                          void *service);
/* Do its options say that browsers come by TLS? */
bool cnc__weblogin_is_https(const struct cnc_service *s);
/* True when it answered r: /_token, and what comes with a log-in's cookie and
 * does not say from where. */
bool cnc__weblogin_http(struct cnc_service *s, struct cnc__http_request *r);
/* For streams: env.bearer. */
bool cnc__weblogin_bearer(char **account, char **login, const char *token,
                          size_t len, void *logins);
/* The browser behind a call is logged in, or out, when it gets the answer.
 * done (may be NULL) comes once, when that is durable, or with CNC_ESTORE.
 * CNC_EINVAL: jid is nobody's; CNC_EACCES: not without TLS. */
int cnc__weblogin_begin(struct cnc_service *s, struct cnc__web_call *web,
                        const char *jid, uint32_t seconds,
                        void (*done)(int code, void *arg), void *arg,
                        struct cnc_error *err);
void cnc__weblogin_logout(struct cnc_service *s, struct cnc__web_call *web,
                          void (*done)(int code, void *arg), void *arg);

/* jid NULL: all; newest first.  current: id of the log-in that asks, or NULL;
 * XMPP sessions are among them. */
int cnc__weblogins_list(struct cnc_service *s, const char *jid,
                        const char *current, uint64_t session, cnc_login_f *f,
                        void *priv);
/* id NULL: all of jid, its XMPP sessions and its clients' tokens too.  They
 * are over at once; done (may be NULL) comes once, when that is durable, or
 * with CNC_ESTORE.  CNC_ENOENT. */
int cnc__weblogins_end(struct cnc_service *s, const char *jid, const char *id,
                       void (*done)(int code, void *arg), void *arg);
/* login-commands.c: "logins", "logins/end". */
int cnc__weblogins_commands(struct cnc_service *s, struct cnc_error *err);

/* -- onetime.c: apps' one-use tokens -------------------------------------- */

struct cnc__onetime;
struct cnc__onetime *cnc__onetime_new(struct cnc_service *s);
void cnc__onetime_free(struct cnc__onetime **op);
void cnc__onetime_load(struct cnc__onetime *o,
                       const struct cnc_store_entry *e);
void cnc__onetime_tick(struct cnc__onetime *o, uint64_t now_ms);
/* seconds 0: a day.  done as cnc__keep_key()'s.  CNC_EINVAL, CNC_ELIMIT. */
int cnc__onetime_make(struct cnc__onetime *o, char secret[CNC_TOKEN_SIZE],
                      const char *purpose, const char *text, uint32_t seconds,
                      void (*done)(void *arg, bool kept), void *arg);
/* look: it stays, and done is not called.  CNC_EAUTH; CNC_ELIMIT: its text
 * has no room, nothing is taken. */
int cnc__onetime_take(struct cnc__onetime *o, const char *secret,
                      const char *purpose, bool look, char *text, size_t size,
                      void (*done)(void *arg, bool kept), void *arg);

/* -- uploads.c, upload-*.c: files that people send (XEP-0363) --------------
 */

struct cnc__uploads;
struct cnc__uploads *cnc__uploads_new(struct cnc_service *s);
/* After the commits, which may still tell of a file. */
void cnc__uploads_free(struct cnc__uploads **up);
void cnc__uploads_load(struct cnc__uploads *u,
                       const struct cnc_store_entry *e);
/* Handlers and commands too. */
int cnc__uploads_load_done(struct cnc__uploads *u, struct cnc_error *err);
void cnc__uploads_tick(struct cnc__uploads *u, uint64_t now_ms);
void cnc__uploads_account_deleted(struct cnc__uploads *u, const char *bare);
/* True when it answered r. */
bool cnc__uploads_http(struct cnc_service *s, struct cnc__http_request *r);
/* For net, of this domain's requests. */
#define CNC__UPLOADS_OPEN "/_up/"
uint32_t cnc__uploads_larger(struct cnc_service *s,
                             const struct cnc__http_request *r);
struct cnc__http_sink *cnc__uploads_sink(struct cnc_service *s,
                                         struct cnc__http_request *r,
                                         uint64_t length);
/* For the agent: files of forms. */
extern const struct cnc__web_files cnc__uploads_form_files;
/* What is kept at an address, for records that name it: cnc__pubsub_env. */
int cnc__uploads_file(const char *url, struct cnc__file_info *out,
                      void *service);
struct cnc__uploads_stats {
    uint64_t files, bytes, slots, kept, refused;
};
void cnc__uploads_stats(const struct cnc__uploads *u,
                        struct cnc__uploads_stats *out);

/* -- confirm.c: XEP-0070 ---------------------------------------------------
 */

struct cnc__confirms;
struct cnc__confirms *cnc__confirms_new(struct cnc_service *s);
/* After the router. */
void cnc__confirms_free(struct cnc__confirms **cp);
void cnc__confirms_tick(struct cnc__confirms *c, uint64_t now_ms);
/* 0, and done comes once (perhaps before this returns): 0, CNC_EACCES,
 * CNC_ENOENT, CNC_ECLOSED.  Else CNC_EINVAL, CNC_ELIMIT, CNC_ENOENT. */
int cnc__confirm(struct cnc__confirms *c, const char *jid, const char *id,
                 const char *url, void (*done)(int code, void *arg),
                 void *arg);
/* A stanza from the domain, to a prepared address anywhere. */
int cnc__service_say(struct cnc_service *s, const char *to, const char *xml,
                     size_t len);

/* -- hooks.c: what apps are asked ----------------------------------------- */

/* user: a local part.  CNC_ENOENT: no app knows, the kept keys do; 0: right;
 * else wrong. */
void cnc__hook_password(struct cnc_service *s, const char *user,
                        const char *password, cnc__hook_done_f *done,
                        void *arg);
/* The same, as streams ask it. */
void cnc__hook_password_sasl(const char *user, const char *password,
                             cnc__hook_done_f *done, void *arg, void *logins);
/* CNC_ENOENT: no app minds. */
/* Has somebody outside this account?  0, CNC_ENOENT, or it cannot be told. */
void cnc__hook_exists(struct cnc_service *s, const char *user,
                      cnc__hook_done_f *done, void *priv);
void cnc__hook_register(struct cnc_service *s, const char *user,
                        const char *addr, cnc__hook_done_f *done, void *priv);

/* -- password.c: is this the password? ------------------------------------ */

/* 0, CNC_EAUTH or CNC_ELIMIT, later, after as long a time whether there is
 * such an account or not.  user: as typed. */
void cnc__password_check(struct cnc_service *s, const char *user,
                         const char *password, const char *addr,
                         void (*done)(int code, void *arg), void *arg);
void cnc__password_tick(struct cnc_service *s, uint64_t now_ms);
void cnc__password_free(struct cnc_service *s);

/* -- login-ops.c: what apps ask of all this --------------------------------
 */

extern const struct cnc__login_ops cnc__service_login_ops;

/* -- status.c: /healthz, /metrics and the command "status" ---------------- */

/* True when it answered r, for all domains. */
/* domain: whose name was asked for; NULL: the machine's own. */
bool cnc__status_http(struct cnc__process *p, struct cnc_service *domain,
                      struct cnc__http_request *r);
int cnc__status_command(struct cnc_service *s, struct cnc_error *err);
struct cnc__figures { /* what is watched over time */
    uint64_t memory, sessions, connections, items, subscriptions,
        store_waiting;                                           /* now */
    uint64_t requests, published, deliveries, bytes_out, cpu_us; /* ever */
};
void cnc__status_figures(struct cnc_service *s, struct cnc__figures *out);
/* Of all domains together. */
void cnc__status_figures_all(const struct cnc__process *p,
                             struct cnc__figures *out);

/* -- crash.c: apps that end the service, or stop it -------------------------
 */

/* For the process; data: where the file is. */
void cnc__crash_watch(const char *data);
void cnc__crash_unwatch(void);
/* Pause the culprits; before the domain's apps are declared. */
void cnc__crash_judge(struct cnc_service *s);

/* -- backup-command.c ------------------------------------------------------
 */

struct cnc__backup;
/* Once a second: whoever asked for it is told how far it is. */
void cnc__backup_tick(struct cnc_service *s);
/* The service stops: it ends, and its file goes. */
void cnc__backup_stop(struct cnc_service *s);

/* -- observe.c: the nodes service/metrics and service/log ----------------- */

#define CNC__NS_SERVICE "http://concordance-xmpp.org/ns/service"

struct cnc__observe;
/* After pubsub was loaded. */
struct cnc__observe *cnc__observe_new(struct cnc_service *s);
void cnc__observe_free(struct cnc__observe **op);
/* Once a second. */
void cnc__observe_tick(struct cnc__observe *o);

/* -- messaging.c: what accounts have beside their log-in -------------------
 */

/* After pubsub and accounts, before the store is loaded. */
int cnc__messaging_new(struct cnc_service *s, struct cnc_error *err);
/* For streams: a stranger wants an account. */
void cnc__messaging_enrol(const char *addr, const struct cnc_element *iq,
                          void (*reply)(const char *xml, size_t len,
                                        void *priv),
                          void *reply_priv, void *logins);
/* It is gone from the store; its sessions are still there. */
void cnc__messaging_account_deleted(struct cnc_service *s, const char *user);

/* -- option-check.c ------------------------------------------------------- */

bool cnc__is_domain(const char *name);
/* The uid of a user by name or number; -1: there is none. */
int64_t cnc__user_find(const char *name);
bool cnc__is_same_domain(const char *a, const char *b);
/* Is this a bare JID at domain? */
bool cnc__is_account_of(const char *jid, const char *domain);
/* CNC_EINVAL or CNC_ESYS, with the option, what is wrong and what it takes.
 * domain: o->domain or its default. */
int cnc__options_check(const struct cnc_service_options *o, const char *domain,
                       struct cnc_error *err);

/* *out: what domain (NULL: the only one) makes of the options for all; its
 * lists are *new*, for cnc_service_options_fini(). */
void cnc__options_of(struct cnc_service_options *out,
                     const struct cnc_service_options *o,
                     const struct cnc_service_domain *domain);

/* -- settle.c: what the options come to ----------------------------------- */

struct cnc__plan {                /* of a process */
    struct cnc_service_options o; /* with defaults */
    char *link;
    size_t n_domains;
    bool named; /* by --domain */
};
/* CNC_EINVAL; fini also then. */
int cnc__plan_new(struct cnc__plan *p, const struct cnc_service_options *o,
                  struct cnc_error *err);
void cnc__plan_fini(struct cnc__plan *p);
struct cnc__settled {             /* of a domain */
    struct cnc_service_options o; /* all its own; its lists are *new* */
    char *data, *www;             /* where it has none of its own */
};
/* CNC_EINVAL, CNC_ESYS: what is wrong with it.  fini also then. */
int cnc__plan_domain(struct cnc__settled *out, const struct cnc__plan *p,
                     size_t i, struct cnc_error *err);
void cnc__settled_fini(struct cnc__settled *s);
/* Of several: says in err whose failure it is.  Returns code. */
int cnc__plan_blame(const struct cnc__plan *p, size_t i, int code,
                    struct cnc_error *err);
void cnc__set_log_level(const char *level); /* NULL: info; no such: nothing */

/* -- sites.c: HTTP's Host ------------------------------------------------- */

struct cnc__sites;
/* any: where there is one domain, whatever its name is. */
struct cnc__sites *cnc__sites_new(const struct cnc__process *p, bool any);
void cnc__sites_free(struct cnc__sites **sp);
/* Is this one of the domain's own names (len bytes, no port)? */
bool cnc__sites_names(const struct cnc__sites *sites, const char *host,
                      size_t len, const struct cnc_service *domain);
/* Is this Host header taken?  *domain: whose it is; NULL: the machine's own
 * name, where there are several domains.  path (NULL: not known): several may
 * be at one name, each below a prefix of its own. */
bool cnc__sites_find(const struct cnc__sites *sites, const char *host,
                     const char *path, struct cnc_service **domain);

/* -- site.c: what web servers in front of it must know ------------------- */

int cnc__site_new(struct cnc_service *s, struct cnc_error *err);
bool cnc__site_may_ask(const struct cnc__request *q);

/* -- probe.c: what has come of what was sent through them ----------------- */

struct cnc__probes;
int cnc__probes_new(struct cnc_service *s, struct cnc_error *err);
/* True: it was one, and is answered. */
bool cnc__probe_http(struct cnc_service *s, struct cnc__http_request *r);
uint32_t cnc__probe_larger(struct cnc_service *s,
                           const struct cnc__http_request *r);
struct cnc__http_sink *cnc__probe_sink(struct cnc_service *s,
                                       struct cnc__http_request *r);

/* -- prefix.c: a domain below a path of its site -------------------------- */

bool cnc__is_prefix(const char *s); /* of --prefix */
/* Before every address that begins with / and leaves; "": nothing. */
const char *cnc__prefix(const struct cnc_service *s);
/* Is the path below it? */
bool cnc__prefix_has(const struct cnc_service *s, const char *path);
/* The path without it, if it has it. */
const char *cnc__prefix_skip(const struct cnc_service *s, const char *path);
/* Takes it off the request's path, once: r->place. */
void cnc__prefix_place(struct cnc_service *s, struct cnc__http_request *r);
/* Answer one that is outside. */
void cnc__prefix_refuse(struct cnc_service *s, struct cnc__http_request *r);

/* -- neighbours.c: the domains of a process among themselves -------------- */

/* Whose domain, or component, it is; NULL: nobody's here. */
struct cnc_service *cnc__process_host(const struct cnc__process *p,
                                      const char *domain);
/* For S2S: is it this service's, another one's? */
bool cnc__neighbours_is_host(const char *domain, void *service);
bool cnc__neighbours_are(const char *domain, void *service);
/* Makes the service reach the others; before its other carriers' turn. */
void cnc__neighbours_join(struct cnc_service *s);
/* What is on its way is dropped. */
void cnc__neighbours_close(struct cnc__process *p);

/* -- gate*.c: HTTP over the link -------------------------------------------
 */

struct cnc__gate;
/* Before the apps are declared. */
int cnc__gate_new(struct cnc_service *s, struct cnc_error *err);
/* Who may ask; of the link. */
void cnc__gate_users(struct cnc__gate *g, struct cnc__stream_env *link);
/* No session is left, and no handler answers any more. */
void cnc__gate_end(struct cnc__gate *g);
/* After the router. */
void cnc__gate_free(struct cnc__gate **gp);
void cnc__gate_tick(struct cnc__gate *g, uint64_t now_ms);
/* The agent's env.page. */
void cnc__gate_page(const struct cnc__page_about *p, bool there,
                    void *service);
struct cnc__gate_stats {
    uint64_t links, under_way; /* now */
    uint64_t requests, answered, refused, errands, bytes_in, bytes_out;
};
void cnc__gate_stats(const struct cnc__gate *g, struct cnc__gate_stats *out);

/* -- network.c: clients and servers by TCP -------------------------------- */

/* After the stream envs, before net. */
int cnc__network_new(struct cnc_service *s, struct cnc_error *err);
/* Is there a domain that takes such streams? */
bool cnc__network_takes(const struct cnc__process *p, enum cnc__net_kind kind);
cnc__net_stream_f cnc__network_stream; /* priv: the process */
void cnc__network_tick(struct cnc_service *s, uint64_t now_ms);
/* No more streams to other domains; before net is closed. */
void cnc__network_close(struct cnc_service *s);
void cnc__network_free(struct cnc_service *s);

/* -- ports.c: where the service listens ------------------------------------
 */

bool cnc__is_loopback(const char *addr); /* of a listener */
bool cnc__is_unix(const char *addr);     /* "unix:PATH" */
/* Before there are domains: what inherited sockets say about HTTP. */
void cnc__ports_inherit(struct cnc__process *p);
/* Are there ports for other servers? */
bool cnc__ports_have_s2s(const struct cnc__process *p);
int cnc__ports_open(struct cnc__process *p, struct cnc_error *err);

/* -- inherit.c: sockets that systemd opened --------------------------------
 */

struct cnc__inherited;
/* *out is new in any case.  CNC_EINVAL: one has a name that says nothing. */
int cnc__inherit(struct cnc__inherited **out, struct cnc_error *err);
void cnc__inherited_free(struct cnc__inherited **ip);
/* The next of that name (NULL: that nobody has used); NULL: there is none. */
struct cnc__given *cnc__inherited_next(struct cnc__inherited *in,
                                       const char *name,
                                       struct cnc__given *after);

/* -- notify.c: what systemd is told ----------------------------------------
 */

struct cnc__notify;
struct cnc__notify *cnc__notify_new(uv_loop_t *loop);
void cnc__notify_close(struct cnc__notify *n); /* the handle */
void cnc__notify_free(struct cnc__notify **np);
/* A long start goes on: may be called often. */
void cnc__notify_starting(struct cnc__notify *n, const char *what,
                          const char *domain);
void cnc__notify_ready(struct cnc__process *p);
void cnc__notify_tick(struct cnc__process *p); /* once a second */
/* Around a reload; nothing is said before we are ready, or once we stop. */
void cnc__notify_reloading(struct cnc__process *p);
void cnc__notify_reloaded(struct cnc__process *p);
void cnc__notify_stopping(struct cnc__process *p);
size_t cnc__process_n_sessions(const struct cnc__process *p); /* life.c */

/* -- operator.c: commands about sessions and the service ------------------ */

struct cnc__operator;
struct cnc__operator *cnc__operator_new(struct cnc_service *s);
void cnc__operator_free(struct cnc__operator **op);
/* What is kept, before the start. */
void cnc__operator_load(struct cnc__operator *o,
                        const struct cnc_store_entry *e);
int cnc__operator_commands(struct cnc__operator *o, struct cnc_error *err);
void cnc__operator_tick(struct cnc__operator *o, uint64_t now_ms);

/* -- trace.c: copies of stanzas for an operator who looks on -------------- */

struct cnc__traces;
struct cnc__traces_stats {
    uint64_t watches, sent, dropped;
};
struct cnc__traces *cnc__traces_new(struct cnc_service *s);
/* After the router's sessions have ended. */
void cnc__traces_free(struct cnc__traces **tp);
int cnc__traces_command(struct cnc__traces *t, struct cnc_error *err);
void cnc__traces_tick(struct cnc__traces *t);
void cnc__traces_stats(const struct cnc__traces *t,
                       struct cnc__traces_stats *out);

/* -- hostmeta.c: /.well-known/host-meta and host-meta.json ---------------- */

#define CNC__WS_PATH "/xmpp"
/* True when it answered r. */
bool cnc__hostmeta_http(struct cnc_service *s, struct cnc__http_request *r);

/* -- webconsole.c: the page /_console --------------------------------------
 */

/* True when it answered r. */
bool cnc__webconsole_http(struct cnc_service *s, struct cnc__http_request *r);

/* -- reload.c: what is read again while the service runs ------------------ */

/* said: what was done and what needs a restart, a line each; failed: some of
 * it says why it could not be. */
typedef void cnc__reload_done_f(bool failed, const char *said, void *priv);
/* Begin; done (or NULL) comes now or later.  False: one is under way, or the
 * service stops. */
bool cnc__reload(struct cnc__process *p, cnc__reload_done_f *done, void *priv);
void cnc__reload_hup(struct cnc__process *p); /* SIGHUP */
/* By "service/reload"; it is answered. */
void cnc__reload_command(struct cnc__command_reply *reply,
                         struct cnc__process *p);
void cnc__reload_free(struct cnc__process *p);

/* -- audit.c: who changed what, in the node service/audit ----------------- */

/* After the store is loaded. */
void cnc__audit_declare(struct cnc_service *s);
/* A node of the service's own: readers see it, the service alone publishes. */
struct cnc__service_node {
    const char *name, *title, *ns;
    const char *readers; /* roles; "": operators alone */
    uint32_t max_items;
    bool durable;
};
struct cnc__node *cnc__service_node(struct cnc_service *s,
                                    const struct cnc__service_node *n);
/* detail holds no secrets. */
void cnc__audit(struct cnc_service *s, const char *who, const char *what,
                const char *detail);
/* The same, for env.audit of several rooms. */
void cnc__audit_command(const char *who, const char *node, const char *detail,
                        void *service);

/* -- process.c: requests of all its domains --------------------------------
 */

cnc__http_handler_f cnc__process_http;
void cnc__process_place(struct cnc__http_request *r, void *process);
uint32_t cnc__process_larger(const struct cnc__http_request *r, void *process);
struct cnc__http_sink *cnc__process_sink(struct cnc__http_request *r,
                                         uint64_t length, void *process);

/* -- life.c --------------------------------------------------------------- */

/* Make the handles that run() and stop() use, so that stopping is possible
 * from the first moment. */
void cnc__process_handles(struct cnc__process *p);
/* Also one that is half made. */
void cnc__process_free(struct cnc__process **pp);

/* -- service.c: one domain ------------------------------------------------ */

/* Its store is open and loaded, its rooms and apps are there; nothing runs or
 * listens yet.  Takes the lists of o.  *out is set also on failure: it is the
 * process's to free. */
int cnc__domain_new(struct cnc_service **out, struct cnc__process *p,
                    const struct cnc_service_options *o,
                    struct cnc_error *err);
/* After the loop has ended, its agent, pubsub, apps and network before it.
 */
void cnc__domain_free(struct cnc_service **sp);
/* A request for one of its pages. */
void cnc__domain_http(struct cnc_service *s, struct cnc__http_request *r);

/* -- the process ---------------------------------------------------------- */

/* What all domains of a process share. */
struct cnc__process {
    unsigned magic;
#define CNC__PROCESS_MAGIC 0x9e0ce551u
    struct cnc_service_options o; /* with defaults */
    char *link;
    uv_loop_t loop;
    uv_timer_t tick, stopping;
    uv_signal_t sigint, sigterm, sighup;
    uv_async_t stop_async;
    struct cnc__posts *posts;
    struct cnc__renders *renders;
    struct cnc__net *net;
    struct cnc__sites *sites;
    struct cnc__inherited *inherited;
    struct cnc__notify *notify;
    char *http;    /* where an inherited socket is, instead of o.http */
    unsigned port; /* of HTTP */
    uint64_t started_ms, stop_deadline_ms;
    size_t n_jobs; /* of the pool, whose done() was not called yet */
    bool stop_asked, net_closing, net_closed;
    struct cnc_error failure;     /* why run ends with an error */
    struct cnc_service **domains; /* NULL where one could not be made */
    size_t n_domains;
    bool named;                                       /* by --domain */
    struct cnc__crossing *crossings, **last_crossing; /* between domains */
    size_t crossing_bytes;
    struct cnc__observing *observing;   /* of all domains; or NULL */
    struct cnc__reload *reload;         /* under way; or NULL */
    bool reload_again;                  /* asked meanwhile */
    struct cnc__generation *generation; /* of options; NULL: the first */
};

/* -- the service: one domain ---------------------------------------------- */

/* The public handle is the first domain's. */
struct cnc_service {
    unsigned magic;
#define CNC__SERVICE_MAGIC 0x5e591ce1u
    struct cnc__process *process;
    struct cnc_service_options o; /* its own */
    char *www, *data;
    uint64_t n_loaded; /* entries of the store */
    const struct cnc_store_driver *driver;
    struct cnc_store *store;
    struct cnc__commits *commits;
    struct cnc__router *router;
    struct cnc__pubsub *pubsub;
    struct cnc__commands *commands;
    struct cnc__logins *accounts;
    struct cnc__roles *roles;
    struct cnc__weblogins *weblogins;
    struct cnc__onetime *onetime;
    struct cnc__outside *outside;
    struct cnc__uploads *uploads;
    struct cnc__confirms *confirms;
    struct cnc__password_late *late; /* answers that come later */
    struct cnc__fast *fast;
    struct cnc__guard *guard;
    uint8_t secret[32]; /* kept: the same after a restart */
    bool has_secret;
    struct cnc__im *im;
    struct cnc__operator *operator_;
    struct cnc__traces *traces;
    struct cnc__observe *observe;
    struct cnc__gate *gate;
    struct cnc__backup *backup; /* under way; or NULL */
    uint64_t n_requests;        /* HTTP */
    struct cnc__probes *probes; /* NULL: nobody asked yet */
    uint64_t outside_ms;        /* when the log spoke of http.outside last */
    uint64_t stranger_ms;       /* and of http.origin */
    struct cnc__browse *browse;
    struct cnc__apps *apps;
    const char *enrols; /* the address of a stranger while he is heard */
    struct cnc__agent *agent;
    struct cnc__components *components; /* NULL: none may connect */
    struct cnc__attach *attach;         /* NULL: we are no component */
    struct cnc__s2s *s2s;               /* NULL: no other domain is reached */
    struct cnc__tls_ctx *tls; /* the certificate for XMPP, and whom we trust */
    struct cnc__stream_env web_env, link_env, c2s_env;
    bool ready;
    struct cnc_error failure; /* why it could not be loaded */
};

/* The rooms' env functions that several of them are given. */
void cnc__service_commit(struct cnc__commit *c, void *service);
int64_t cnc__service_now_ms(void *service); /* Unix time */
struct cnc__apps_limits cnc__service_limits(const struct cnc_service *s);
/* Where people find the pages, "https://books.example"; a *new* text. */
char *cnc__service_url(void *service);
void cnc__service_offload(void (*work)(void *), void (*done)(void *),
                          void *arg, void *service);

#endif /* CNC_SERVICE_PRIVATE_H */
