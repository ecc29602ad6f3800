/* SPDX-License-Identifier: MIT */
/*
 * agent.h -- pages: which nodes they show, their views, their snapshots; and
 * the HTTP face (pages, assets, form POST).  Makes no system call itself:
 * render processes, files and compression are reached through env.
 *
 *   pubsub event -> pages that show the node are dirty
 *     -> UPSERT/REMOVE... + RENDER to the page's render process (one under
 *        way per page; what arrives meanwhile is rendered together)
 *     -> PATCH: cnc__pubsub_emit() on the view node
 *     -> HTML: snapshot in memory (identity) -> offload: gzip, brotli, files
 *        by atomic rename -> snapshot in memory (all encodings)
 */
#ifndef CNC_WEB_AGENT_H
#define CNC_WEB_AGENT_H

#include <concordance/app.h>

#include "../pubsub/command.h"
#include "../pubsub/form.h"
#include "../pubsub/pubsub.h"
#include "../render/proto.h"
#include "http.h"

#define CNC__NS_TEMPLATE "http://concordance-xmpp.org/ns/template"
#define CNC__TEMPLATES   "templates" /* the node */

struct cnc__agent;

/* A reply from a render process, borrowed for the call; NULL: the process
 * died before it answered (it is being started again; the page's state there
 * is lost and on_render_restart() comes next). */
typedef void cnc__render_reply_f(const struct cnc__render_message *reply,
                                 void *priv);

struct cnc__submit_result { /* what became of a submitted form */
    int code;               /* 0, CNC_EREFUSED (errors in values), other */
    const char *text;       /* for the person; NULL when 0 */
    const char *id;         /* the item's */
};
/* v: borrowed for the call. */
typedef void cnc__submitted_f(const struct cnc__submit_result *r,
                              struct cnc__values *v, void *priv);

/* A file of a form on its way to the disk: the service's own. */
struct cnc__web_file;
/* Kept, durably: its address; or NULL, and what to tell the person. */
typedef void cnc__web_kept_f(const char *url, const char *why, void *priv);

/* Files of forms go to the disk as they come: open, add..., end, and then keep
 * or drop (which may come before end, too). */
struct cnc__web_files {
    /* name, type: as sent, "" if nothing.  NULL: refused, and why (for the
     * person) is added.  resume: there is room again after an add() that said
     * CNC_EAGAIN. */
    struct cnc__web_file *(*open)(const char *name, const char *type,
                                  const struct cnc__caller *who,
                                  void (*resume)(void *resume_priv),
                                  void *resume_priv, struct cnc__str *why,
                                  void *priv);
    /* *held: bytes of it in memory.  CNC_EAGAIN: taken, and enough for now;
     * any other code: not taken, it is too much, and why. */
    int (*add)(struct cnc__web_file *f, const char *data, size_t len,
               size_t *held, struct cnc__str *why);
    void (*end)(struct cnc__web_file *f);
    /* These take f.  done comes once, now or later. */
    void (*keep)(struct cnc__web_file *f, cnc__web_kept_f *done,
                 void *done_priv);
    void (*drop)(struct cnc__web_file *f);
    /* One that was kept is not wanted any more. */
    void (*forget)(const char *url, void *priv);
};

/* A page that is the same for all guests; borrowed. */
struct cnc__page_about {
    const char *key, *path, *lang, *etag, *position;
    bool personal; /* as in struct cnc__http_kept */
};

struct cnc__agent_env {
    struct cnc__pubsub *pubsub;
    const char *domain;
    const char *ws_path;
    const char *prefix; /* of all addresses, "/books"; NULL: none.  Requests
                           come without it */
    const char *www;    /* snapshots are written below it; NULL: none */
    unsigned n_workers; /* render processes; 0: not known, so that the
                           restart of one makes all pages be sent anew */
    /* Send m (call is set by callee) to render process worker % n; reply is
     * called once, later.  NULL reply: do not care. */
    void (*render)(unsigned worker, const struct cnc__render_message *m,
                   cnc__render_reply_f *reply, void *reply_priv, void *priv);
    /* work() on another thread, then done() on the core's. */
    void (*offload)(void (*work)(void *), void (*done)(void *), void *arg,
                    void *priv);
    /* A form was posted.  v: steals.  done sees it, with the errors; it may
     * come from inside the call. */
    void (*submit)(const char *node, const struct cnc__actor *who,
                   struct cnc__values *v, const char *id,
                   cnc__submitted_f *done, void *done_priv, void *priv);
    struct cnc__commands *commands;
    /* Who sent this request (by its cookie) and in which language he reads;
     * what out points to lives until the request is answered.  NULL: they are
     * all guests. */
    void (*caller)(struct cnc__caller *out, struct cnc__http_request *r,
                   void *priv);
    bool (*has_role)(const char *bare, const char *roles, void *priv);
    const struct cnc__web_files *files; /* NULL: none are kept */
    /* There is such a page, as this, from now on; or (its key alone) there is
     * none any more.  May be NULL. */
    void (*page)(const struct cnc__page_about *p, bool there, void *priv);
    void *priv;
};

/* What a call that came by HTTP may add to its answer. */
struct cnc__web_call {
    const struct cnc__http_request *request;
    struct cnc__str headers; /* Set-Cookie: ... lines, each with CR LF */
};

CNC_API struct cnc__agent *cnc__agent_new(const struct cnc__agent_env *env);
/* Replies of render processes must not come after.  Jobs that are offloaded
 * may still end later. */
CNC_API void cnc__agent_free(struct cnc__agent **ap);
/* Call once a second: a 303 does not wait for a snapshot for ever. */
CNC_API void cnc__agent_tick(struct cnc__agent *a);

/* A page of an app.  Declares the view node.  record/form of each node are
 * found through app->nodes.  CNC_EEXIST, CNC_EINVAL (unknown node). */
CNC_API int cnc__agent_page(struct cnc__agent *a, const struct cnc_app *app,
                            const struct cnc_page *page,
                            struct cnc_error *err);
/* Assets: all files of dir (no links, no dot files, at most 8 MB each) are
 * served at /assets/NAME (revalidated) and /assets/HASH/NAME (immutable); the
 * runtime's at /_c/HASH/NAME, and revalidated at /runtime/NAME.  The source
 * document's root has the immutable places as c:assets="/assets/HASH" and
 * c:runtime="/_c/HASH", so that a sheet can link what is below them.  Folders
 * of several apps are one set: CNC_EEXIST when two have a file of the same
 * name. */
CNC_API int cnc__agent_assets(struct cnc__agent *a, const char *dir,
                              struct cnc_error *err);
/* Those that came with dir are served no more. */
CNC_API void cnc__agent_assets_remove(struct cnc__agent *a, const char *dir);
CNC_API int cnc__agent_runtime(struct cnc__agent *a, const char *dir,
                               struct cnc_error *err);
/* Where the runtime's files are now, "/_c/HASH", added to out; and the header
 * lines that every page has: its policy among them.  Static. */
CNC_API void cnc__agent_runtime_base(struct cnc__str *out,
                                     const struct cnc__agent *a);
CNC_API const char *cnc__agent_page_headers(void);
/* Every asset and file of the runtime, by its address for good. */
typedef void cnc__agent_file_f(const char *path, const char *etag, void *priv);
CNC_API void cnc__agent_files(const struct cnc__agent *a, cnc__agent_file_f *f,
                              void *priv);
/* The catalogues of an app, all DIR/LL.po (locale.h), in place of those it
 * had; a fault is logged and leaves that file out.  dir NULL: it has none any
 * more.  Pages of this app are then there in each language of the domain. */
CNC_API void cnc__agent_locale(struct cnc__agent *a, const char *app,
                               const char *dir);
/* For cnc__commands_languages(): texts in a language, or NULL. */
CNC_API const struct cnc__tr *cnc__agent_tr(const char *lang, void *agent);
/* Templates from files (dir: a folder, or several, one a line; a file of a
 * later one stands for one of the same name): each *.xsl becomes the item when
 * there is none, or when it came from another file (its SHA-256 is kept with
 * the item's publisher "DOMAIN/files"); what somebody else published stays.
 * Goes through the same check as any publish; done when all are in or
 * refused, or with CNC_ECLOSED when the agent was freed before. */
CNC_API void cnc__agent_template_files(struct cnc__agent *a, const char *dir,
                                       void (*done)(struct cnc_error *err,
                                                    void *priv),
                                       void *priv);
/* All pages and templates are declared: render everything; done when each
 * page has a snapshot or an error page. */
CNC_API void cnc__agent_start(struct cnc__agent *a, void (*done)(void *priv),
                              void *priv);

/* The page is no more: its view ends, its files go. */
CNC_API void cnc__agent_page_remove(struct cnc__agent *a, const char *path);

/* The administrator's commands "templates/list", .../show, .../history,
 * .../diff, .../put, .../rollback; they end with the agent. */
CNC_API int cnc__agent_commands(struct cnc__agent *a, struct cnc_error *err);

/* pubsub's hooks: call these from the service's env for every node. */
CNC_API int cnc__agent_before_publish(struct cnc__agent *a,
                                      struct cnc__publish *p,
                                      struct cnc__node *node, const char *id,
                                      struct cnc_element *payload,
                                      struct cnc_error *err);
CNC_API void cnc__agent_after(struct cnc__agent *a, enum cnc__event ev,
                              struct cnc__node *node, struct cnc__item *item);
/* A render process was started again: send it its pages anew. */
CNC_API void cnc__agent_render_restarted(struct cnc__agent *a,
                                         unsigned worker);

/* Where the body of a form with files goes: its files to the disk, each judged
 * by its field before it does; then comes then(r), which gives the request to
 * cnc__agent_http().  NULL: it is no such body. */
CNC_API struct cnc__http_sink *cnc__agent_sink(struct cnc__agent *a,
                                               struct cnc__http_request *r,
                                               cnc__http_handler_f *then,
                                               void *then_priv);
/* GET/HEAD of pages, assets; POST of forms; 404, 405 with a plain page. */
CNC_API void cnc__agent_http(struct cnc__agent *a,
                             struct cnc__http_request *r);

/* Might something be done at this address?  False: a POST there is answered
 * with 405, whatever it is. */
CNC_API bool cnc__agent_knows(const struct cnc__agent *a, const char *path);

/* Call f once every change up to now is in the page's snapshot, or could not
 * be rendered; at once when it is so already, or there is no such page. */
CNC_API void cnc__agent_when_fresh(struct cnc__agent *a, const char *path,
                                   void (*f)(void *priv), void *priv);

struct cnc__agent_stats {
    uint64_t pages, renders, patches, patch_bytes, snapshots, resyncs,
        refused_templates, render_errors;
};
CNC_API void cnc__agent_stats(const struct cnc__agent *a,
                              struct cnc__agent_stats *out);

#endif /* CNC_WEB_AGENT_H */
