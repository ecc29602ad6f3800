/* SPDX-License-Identifier: MIT */
/*
 * web.h -- what the files of this room share: the agent, the nodes it
 * watches, its pages, sheets, snapshots and assets.
 *
 *   head.c       headers of a request; target.c, origin.c: head.h
 *   watch.c      a node's records in order of creation
 *   source.c     records -> source document
 *   address.c    paths with parameters: which page an address means
 *   choose.c     the records of a page that has .where or .sort
 *   refers.c     the pages whose forms offer a node's items
 *   pages.c      the page table; who may see a page; its end
 *   instance.c   pages of one address each, made on demand
 *   wait.c       what is dirty, and who waits for a snapshot
 *   live.c       one render under way per page
 *   once.c       a page rendered once for one answer (older ones, 422)
 *   callsource.c the source document of a page made for one caller
 *   do.c         commands: /_do, /_do/NODE
 *   templates.c  sheets; the check before one is published
 *   trial.c      what it is tried on where no records are
 *   imports.c    what a sheet imports
 *   locale.c     catalogues of all apps; po.c reads one
 *   languages.c  which language a request is answered in; a page in each
 *   files.c      template files -> items
 *   template-commands.c  what an administrator does with them
 *   template-diff.c      what changed from one version to another
 *   preview.c    ... before it is published
 *   views.c      the view node
 *   parts.c      what only some see of a page
 *   snapshot.c   a document and its compressed copies; whole answers
 *   disk.c       files by atomic rename
 *   routes.c     which address is what
 *   callpage.c   pages of commands: callrun.c, callpost.c, callpage.h
 *   older.c      ?before=ID
 *   submit.c     POST of forms
 *   assets.c     files served under hashed names
 *   error.c      what is wrong, said by error.xsl
 *   answer.c     encodings, plain pages, header lines
 */
#ifndef CNC_WEB_WEB_H
#define CNC_WEB_WEB_H

#include "../base/log.h"
#include "../base/str.h"
#include "../base/table.h"
#include "../base/text.h"
#include "../render/engine.h"
#include "agent.h"
#include "disk.h"
#include "locale.h"

#define CNC__WEB_WINDOW      1000u /* newest records shown, unless said */
#define CNC__WEB_MAX_SHOWN   16u   /* nodes of one page */
#define CNC__WEB_MAX_SHEET   ((size_t)1 << 20)
#define CNC__WEB_MAX_FORM    ((size_t)256 << 10) /* body of a POST */
#define CNC__WEB_MAX_ID      256u /* bytes of an item id from a form */
#define CNC__WEB_MAX_WORKERS 64u

/* -- records ------------------------------------------------------------- */

struct cnc__record {
    uint64_t created;       /* its place; never used again in the node */
    struct cnc__item *item; /* counted */
};

struct cnc__records {
    struct cnc__record *all;
    size_t n, cap;
};

struct cnc__watch { /* a node that pages show */
    unsigned magic;
    char *name;
    struct cnc__node *node;   /* NULL while it is deleted */
    struct cnc__records list; /* in order of creation */
    uint64_t seen;            /* seq of the newest item that came by */
    struct cnc__web_page **pages;
    size_t n_pages;
};

struct cnc__dirty { /* a record that came, changed or went */
    uint64_t created;
    struct cnc__item *item;
};

struct cnc__shown { /* one node on one page */
    struct cnc__watch *watch;
    const struct cnc_app *app;
    const struct cnc_node *decl;
    /* The page has .where or .sort: its own records, in order of creation
     * unless it is sorted. */
    bool chooses, sorted;
    struct cnc__records chosen;
    /* What the render process holds: records created in [low, high], and
     * the address of the older ones ("" for none). */
    uint64_t low, high;
    struct cnc__str older;
    struct cnc__dirty *dirty; /* since the last render */
    size_t n_dirty, cap_dirty;
};

/* -- parts.c -------------------------------------------------------------- */

struct cnc__viewer { /* who looks; all zero: a guest */
    char *bare, *name;
    char *note; /* what he is told this once, or NULL */
};
void cnc__viewer_init(struct cnc__viewer *v, const struct cnc__actor *who);
void cnc__viewer_copy(struct cnc__viewer *v, const struct cnc__viewer *from);
void cnc__viewer_fini(struct cnc__viewer *v);

struct cnc__page_part {
    size_t at;  /* where it belongs in the page's HTML */
    size_t cut; /* bytes that it takes the place of */
    char *for_; /* "users", "guests", "flash" or roles; one is enough */
    char *html;
    size_t len;
};
struct cnc__parts { /* counted; never changes; in the order of the page */
    unsigned refs;
    bool personal; /* some depend on who looks, not on a note alone */
    bool flash;    /* some are for a note */
    size_t n;
    struct cnc__page_part all[CNC__PARTS_MAX];
};
/* Of HTML_DONE; *new*, NULL: it has none. */
struct cnc__parts *cnc__parts_read(const struct cnc__render_message *reply);
struct cnc__parts *cnc__parts_ref(struct cnc__parts *p); /* NULL is fine */
void cnc__parts_unref(struct cnc__parts **pp);
/* Which of them are for v: bit 1 << i. */
uint32_t cnc__parts_of(const struct cnc__agent *a, const struct cnc__parts *p,
                       const struct cnc__viewer *v);
/* The page with these in it. */
void cnc__parts_put(struct cnc__str *out, const struct cnc__parts *p,
                    uint32_t mask, const struct cnc__viewer *v,
                    const char *html, size_t len);
/* SHA-256 of the page and of all of them. */
void cnc__parts_sum(unsigned char out[32], const struct cnc__parts *p,
                    const char *html, size_t len);

/* -- sheets, snapshots --------------------------------------------------- */

struct cnc__sheet { /* a stylesheet's text; counted, never changes */
    unsigned refs;
    uint64_t seq; /* of the item that it is; 0: of a file */
    char *text;
    size_t len;
    char **imports; /* names, each once; as written, found or not */
    size_t n_imports;
    char **texts; /* of its <c:text>, when they were asked for */
    size_t n_texts;
    bool scanned;
};

enum cnc__encoding { CNC__IDENTITY, CNC__GZIP, CNC__BROTLI, CNC__N_ENCODINGS };

struct cnc__snapshot { /* a page as answers; counted */
    unsigned refs;
    bool private_; /* for some only: no cache may keep it */
    bool varies;   /* the page is there in other languages */
    char etag[40]; /* of the identity body, without quotes */
    char position[40];
    /* As guests get it; an entry may not be made yet: NULL. */
    struct cnc_buf *whole[CNC__N_ENCODINGS];
    size_t head_len[CNC__N_ENCODINGS];
    /* Of a page that has parts; else NULL. */
    struct cnc__parts *parts;
    struct cnc_buf *bare;  /* the HTML without any of them */
    unsigned char sum[32]; /* of all that */
};

/* -- pages --------------------------------------------------------------- */

#define CNC__WEB_MAX_PATH      512u  /* bytes of an address */
#define CNC__WEB_MAX_PARTS     16u   /* of a path with parameters */
#define CNC__WEB_MAX_VALUE     256u  /* bytes of a parameter */
#define CNC__WEB_INSTANCES     256u  /* of one path with parameters */
#define CNC__WEB_ALL_INSTANCES 1024u /* of all of them */
#define CNC__WEB_IDLE          120u  /* ticks before nobody looks */

struct cnc__part { /* of a path, between slashes */
    char *text;    /* as it is, or the parameter's name */
    bool param;
};

/* A page as an app declares it, whatever addresses it has. */
struct cnc__decl {
    unsigned magic, refs;
    struct cnc__agent *agent;
    const struct cnc_app *app;
    char *app_name, *path, *title, *template_;
    char *node, *where, *sort, *command, *readers; /* "": none */
    uint32_t window;
    struct cnc__part parts[CNC__WEB_MAX_PARTS];
    size_t n_parts, n_params;
    struct cnc__query *query; /* or NULL */
    /* The query's i-th parameter is this one of the path. */
    size_t asks[CNC__WEB_MAX_PARTS];
    size_t n_asks;
    bool localized;                        /* its app has catalogues */
    struct cnc__web_page *newest, *oldest; /* instances, by use */
    size_t n_instances;
};

struct cnc__fresh { /* somebody who waits for a snapshot */
    struct cnc__fresh *next;
    uint64_t want; /* change number */
    void (*f)(void *priv);
    void *priv;
};

struct cnc__web_page {
    unsigned magic;
    /* The table's, the call under way, packing, and whoever answers later. */
    unsigned refs;
    bool gone; /* out of the table */
    struct cnc__agent *agent;
    struct cnc__decl *decl;
    char *values[CNC__WEB_MAX_PARTS];      /* of the path's parameters */
    const char *asked[CNC__WEB_MAX_PARTS]; /* of the query's */
    struct cnc__web_page *newer, *older;   /* instance, or gone: the list */
    uint64_t used;                         /* tick of the last request */
    char *path;
    const char *lang; /* of the agent's locale */
    char *key; /* its path; in other languages than English LANG:PATH, which no
                  path is */
    char *title;
    char *template_; /* "" for the built-in one */
    uint32_t window;
    unsigned worker;
    struct cnc__node *view;
    struct cnc__shown shown[CNC__WEB_MAX_SHOWN];
    size_t n_shown;
    bool closed_; /* a guest may not see one of its nodes */
    bool on_disk; /* or may be, from before: files to remove if closed */

    /* Changes are numbered: told of, rendered, in the snapshot. */
    uint64_t changed, rendered, snapped;
    uint64_t upto;   /* the render under way brings it to this */
    uint64_t events; /* anything that happened to its nodes at all */
    bool dirty;      /* something to render */
    bool busy;       /* a render or HTML call is under way */
    bool lost;       /* its process died; it is being restarted */
    bool loaded;     /* the process has sheet, source and forms */
    bool known;      /* ... and the tree that browsers have */
    bool sheet_changed, source_changed;
    bool forms_changed;       /* the choices of a REF are others */
    bool op_failed;           /* an operation before RENDER was refused */
    bool settled;             /* has a snapshot or an error: start waits */
    unsigned op_failures;     /* in a row */
    unsigned deaths;          /* renders in a row that killed their process */
    unsigned without_html;    /* renders since the last snapshot */
    uint64_t worker_epoch;    /* of the process the calls went to */
    struct cnc__sheet *sheet; /* the one in the process */
    unsigned char sheet_sum[32]; /* of it and what it imports */
    char *error;                 /* last render's, NULL when it was fine */
    char head_position[40];      /* of the HTML call under way */

    struct cnc__snapshot *snapshot; /* or NULL */
    bool parts_moved; /* the snapshot is old though the position is not */
    bool packing;     /* compression and files are under way */
    bool pack_again;  /* ... of an older snapshot than the newest */
    struct cnc__fresh *waiting;
};

/* Somebody who waits for an item to be told of, then for the snapshot. */
struct cnc__seen {
    struct cnc__seen *next;
    struct cnc__web_page *page;
    struct cnc__watch *watch;
    uint64_t seq;
    void (*f)(void *priv);
    void *priv;
};

struct cnc__asset {
    struct cnc_buf *body[CNC__N_ENCODINGS];
    const char *type;
    char etag[40];
    char *dir; /* the folder that it came with */
};

struct cnc__asset_set {
    struct cnc__table *files; /* NAME -> struct cnc__asset */
    char hash[17];            /* of all names and files; "" while empty */
    size_t total;             /* bytes */
};

struct cnc__posted;   /* submit.c */
struct cnc__older;    /* older.c */
struct cnc__once;     /* once.c */
struct cnc__check;    /* templates.c */
struct cnc__callpage; /* callpage.c */
struct cnc__preview;  /* preview.c */
struct cnc__previewing;

struct cnc__agent {
    unsigned magic, refs;
    bool closed; /* only its memory is left, for jobs on their way */
    bool started;
    struct cnc__agent_env env;
    char *domain, *ws_path, *www;
    char *prefix;             /* of addresses that leave; "": none */
    struct cnc__table *pages; /* path -> struct cnc__web_page */
    struct cnc__decl **decls; /* the more specific ones first */
    size_t n_decls;
    struct cnc__web_page *gone; /* and not yet let go */
    size_t n_instances;
    uint64_t ticks;
    struct cnc__http_request *visiting; /* the request being looked at */
    struct cnc__sheet *error_sheet;     /* the error.xsl that failed last */
    unsigned error_failures, n_errors;  /* its; under way */
    struct cnc__table *watches;         /* node -> struct cnc__watch */
    struct cnc__table *referred;        /* node -> pages: refers.c */
    struct cnc__node *templates;
    struct cnc__table *sheets; /* id -> struct cnc__sheet, from items */
    struct cnc__table *files;  /* id -> struct cnc__sheet, from files */
    struct cnc__table *coming; /* the same, of files that become items now */
    bool trying;               /* a template, together with those */
    struct cnc__sheet *builtin, *builtin_do;
    struct cnc__table *builtins; /* id -> struct cnc__sheet: theme.xsl */
    struct cnc__template_runner *template_runners; /* its commands */
    struct cnc__asset_set assets, runtime;
    struct cnc__locale *locale;
    struct cnc__table *roles;    /* names that apps declare -> not NULL */
    unsigned char flash_key[32]; /* of this start of the service */
    char *style_csp; /* CSP of plain pages, which have their style inside */

    unsigned next_worker;
    uint64_t next_key; /* of pages rendered once */
    unsigned n_once;   /* under way */
    size_t once_bytes; /* what they are made from */
    struct cnc__once *onces;
    struct cnc__callpage *callpages; /* under way */
    struct cnc__check *checks;
    struct cnc__preview *previews; /* kept; the newest first */
    struct cnc__previewing *previewing;
    size_t n_previews, preview_bytes;
    uint64_t epochs[CNC__WEB_MAX_WORKERS]; /* restarts of each process */
    bool died[CNC__WEB_MAX_WORKERS]; /* and its killer is known already */

    void (*start_done)(void *priv);
    void *start_priv;
    size_t unsettled;

    struct cnc__seen *seen_waiting;
    struct cnc__posted *posted; /* answers that wait for a snapshot */
    struct cnc__older *older;   /* newest first */
    unsigned n_older;
    struct cnc__agent_stats stats;
};

/* -- agent.c ------------------------------------------------------------- */

void cnc__agent_ref(struct cnc__agent *a);
void cnc__agent_unref(struct cnc__agent *a);

/* Call the render process of worker with n fields (data, len pairs given as
 * C strings or cnc__render_field). reply NULL: do not care. */
void cnc__web_call(struct cnc__agent *a, unsigned worker,
                   enum cnc__render_type type,
                   const struct cnc__render_field *fields, size_t n,
                   cnc__render_reply_f *reply, void *priv);
struct cnc__render_field cnc__web_field(const char *text);
struct cnc__render_field cnc__web_field_str(const struct cnc__str *s);
/* "line N: message" of a CNC__R_ERROR; NULL reply: the process ended. */
void cnc__web_reply_text(struct cnc__str *out, unsigned *line,
                         const struct cnc__render_message *reply);
/* The slot of a worker in epochs and died. */
unsigned cnc__web_slot(const struct cnc__agent *a, unsigned worker);

/* -- watch.c ------------------------------------------------------------- */

struct cnc__watch *cnc__watch_get(struct cnc__agent *a, const char *name);
void cnc__watch_free(void *watch);
/* Its node's items anew. */
void cnc__watch_load(struct cnc__watch *w);
/* Index of the record, or of where it would be, in a list by creation. */
size_t cnc__records_find(const struct cnc__records *l, uint64_t created,
                         bool *found);
void cnc__records_insert(struct cnc__records *l, size_t i,
                         struct cnc__item *item);
void cnc__records_remove(struct cnc__records *l, size_t i);
void cnc__records_replace(struct cnc__records *l, size_t i,
                          struct cnc__item *item);
void cnc__records_clear(struct cnc__records *l);
void cnc__records_fini(struct cnc__records *l);
/* Record i of a page's list, which is in order of creation, changed or is
 * new; or is about to go. */
void cnc__records_tell_put(struct cnc__web_page *p, struct cnc__shown *s,
                           const struct cnc__records *l, size_t i,
                           bool is_new);
void cnc__records_tell_drop(struct cnc__web_page *p, struct cnc__shown *s,
                            const struct cnc__records *l, size_t i);
/* An item came or went; tells the pages. */
void cnc__watch_put(struct cnc__watch *w, struct cnc__item *item);
void cnc__watch_drop(struct cnc__watch *w, struct cnc__item *item);
/* Index of the first record in a window of n that ends before end. */
static inline size_t
cnc__watch_start(size_t end, uint32_t n)
{
    return end > n ? end - n : 0;
}

/* -- refers.c ------------------------------------------------------------ */

void cnc__refers_add(struct cnc__web_page *p);
void cnc__refers_del(struct cnc__web_page *p);
/* An item of the node came or went: the forms that offer it are others. */
void cnc__refers_event(struct cnc__agent *a, const char *node);
void cnc__refers_free(struct cnc__agent *a);

/* -- choose.c ------------------------------------------------------------ */

/* What a page shows of a node. */
static inline const struct cnc__records *
cnc__shown_list(const struct cnc__shown *s)
{
    return s->chooses ? &s->chosen : &s->watch->list;
}
/* All of it anew. */
void cnc__choose_load(struct cnc__web_page *p, struct cnc__shown *s);
/* A record came (before NULL), changed, or went (after NULL). */
void cnc__choose_change(struct cnc__web_page *p, struct cnc__shown *s,
                        struct cnc__item *before, struct cnc__item *after);
/* Where a record is in what the page shows of the node; false: nowhere. */
bool cnc__shown_find(const struct cnc__shown *s, uint64_t created,
                     size_t *index);
struct cnc__window;
/* The records [*start, *end) of the list: the newest ones, or the first ones
 * of a sorted page; of an older window if that is not NULL. */
void cnc__shown_range(const struct cnc__web_page *p,
                      const struct cnc__shown *s,
                      const struct cnc__window *window, size_t *start,
                      size_t *end);
/* "?before=ID" of what comes after that window; nothing when none does. */
void cnc__shown_older(struct cnc__str *out, const struct cnc__shown *s,
                      size_t start, size_t end);

/* -- source.c ------------------------------------------------------------ */

/* What an older window shows of one node; live: the newest. */
struct cnc__window {
    size_t shown; /* index in page->shown; SIZE_MAX: none is cut */
    size_t at;    /* of the record before (in a sorted page, after) which */
};

/* One record with its c: attributes; nothing when it has no payload. */
void cnc__web_record(struct cnc__str *out, const struct cnc__item *item);
/* The whole source document. window NULL: the newest of every node. max: at
 * most so many records of a node, 0: the page's window. */
void cnc__web_source(struct cnc__str *out, const struct cnc__web_page *p,
                     const struct cnc__window *window, uint32_t max);
/* The path and "?form=NODE", percent-encoded. */
void cnc__web_action(struct cnc__str *out, const char *path, const char *node);
/* What every source says of its page: attributes of its root. */
void cnc__web_about(struct cnc__str *out, const struct cnc__agent *a,
                    const char *title, const char *path);

/* -- address.c ----------------------------------------------------------- */

/* What an app declares, checked; *new*. */
int cnc__decl_new(struct cnc__decl **out, struct cnc__agent *a,
                  const struct cnc_app *app, const struct cnc_page *page,
                  struct cnc_error *err);
void cnc__decl_unref(struct cnc__decl **dp);
/* Its place among the others; that place again. */
void cnc__decl_add(struct cnc__decl *d);
void cnc__decl_del(struct cnc__decl *d);
/* What from says now; from has what d said. */
void cnc__decl_take(struct cnc__decl *d, struct cnc__decl *from);
/* By its .readers alone. */
bool cnc__decl_may_read(const struct cnc__decl *d,
                        const struct cnc__actor *who);
/* One that has the same addresses, or NULL. */
struct cnc__decl *cnc__decl_same(const struct cnc__agent *a,
                                 const struct cnc__decl *d);
/* The one that an address means; values: *new*, as many as parameters. */
struct cnc__decl *cnc__decl_find(const struct cnc__agent *a, const char *path,
                                 char *values[CNC__WEB_MAX_PARTS]);
void cnc__decl_free_values(char *values[CNC__WEB_MAX_PARTS]);
/* text with {name} replaced; *new*. */
char *cnc__decl_expand(const struct cnc__decl *d, const char *text,
                       char *const values[CNC__WEB_MAX_PARTS]);

/* -- pages.c ------------------------------------------------------------- */

struct cnc__web_page *cnc__page_get(const struct cnc__agent *a,
                                    const char *path);
/* One page of d, in no table.  values: steals.  CNC_EINVAL. */
int cnc__page_new(struct cnc__web_page **out, struct cnc__decl *d,
                  const char *lang, const char *path,
                  char *values[CNC__WEB_MAX_PARTS], struct cnc_error *err);
/* The same, in the table, with its view. */
int cnc__page_make(struct cnc__web_page **out, struct cnc__decl *d,
                   const char *lang, const char *path,
                   char *values[CNC__WEB_MAX_PARTS], struct cnc_error *err);
struct cnc__web_page *cnc__page_ref(struct cnc__web_page *p);
void cnc__page_unref(struct cnc__web_page **pp);
/* Out of the table: its view ends, its files go, who waits goes on. */
void cnc__page_end(struct cnc__web_page *p);
/* May he see it? */
bool cnc__page_may(const struct cnc__web_page *p,
                   const struct cnc__actor *who);
/* Its snapshot may be a file. */
static inline bool
cnc__page_has_files(const struct cnc__web_page *p)
{
    return !p->closed_ && p->decl->n_params == 0;
}
void cnc__page_free(void *page);

/* -- instance.c ---------------------------------------------------------- */

/* The page of an address; values: steals.  NULL: too many are being made. */
struct cnc__web_page *cnc__instance(struct cnc__decl *d, const char *lang,
                                    const char *path,
                                    char *values[CNC__WEB_MAX_PARTS]);
/* Somebody looked. */
void cnc__instance_used(struct cnc__web_page *p);
void cnc__instance_add(struct cnc__web_page *p);
void cnc__instance_del(struct cnc__web_page *p);
void cnc__instance_tick(struct cnc__agent *a);

/* -- languages.c ---------------------------------------------------------- */

/* The languages that there are, "en de": the pages of a localized app are in
 * all of them.  Nothing when English is the only one. */
void cnc__languages_list(struct cnc__str *out, const struct cnc__agent *a);
/* The one that the request is answered in; asked: it says so itself
 * (?lang=de), and a cookie is to keep it.  NULL: there are no others than
 * English. */
const char *cnc__languages_choose(const struct cnc__agent *a,
                                  const struct cnc__http_request *r,
                                  bool *asked);
/* The header line that keeps it. */
void cnc__languages_keep(const struct cnc__agent *a, struct cnc__str *headers,
                         const struct cnc__http_request *r, const char *lang);
/* Is this page one of several, in a language each? */
bool cnc__languages_vary(const struct cnc__web_page *p);
/* The header lines of a page's answer. */
const char *cnc__page_lines(const struct cnc__web_page *p);
/* A static page of d in each language; those of a page that is gone. */
void cnc__languages_make(struct cnc__decl *d);
void cnc__languages_end(struct cnc__decl *d);
/* PATH or LANG:PATH; *new*. */
char *cnc__languages_key(const char *lang, const char *path);
struct cnc__web_page *cnc__languages_get(const struct cnc__agent *a,
                                         const char *lang, const char *path);
static inline const struct cnc__tr *
cnc__page_tr(const struct cnc__web_page *p)
{
    return cnc__locale_tr(p->agent->locale, p->lang);
}
/* What the <c:text> of a sheet and of all that it imports are, as
 * struct cnc__engine_sheet has it.  id, instead: as cnc__imports_pack(). */
void cnc__texts_pack(struct cnc__str *out, struct cnc__agent *a,
                     struct cnc__sheet *sheet, const char *lang,
                     const char *id, struct cnc__sheet *instead);

/* -- wait.c -------------------------------------------------------------- */

/* It has to be rendered. */
void cnc__page_touch(struct cnc__web_page *p);
/* A record of the page came, changed or went. */
void cnc__page_mark(struct cnc__web_page *p, struct cnc__shown *s,
                    uint64_t created, struct cnc__item *item);
void cnc__page_clear_dirty(struct cnc__shown *s);
/* Its whole source has to be sent again. */
void cnc__page_reload(struct cnc__web_page *p);
struct cnc__shown *cnc__page_shown(struct cnc__web_page *p, const char *node);
/* Whether a guest may see all of its nodes, asked anew. */
void cnc__page_access(struct cnc__web_page *p);
/* f once everything told of up to now is in its snapshot, or at once. */
void cnc__page_when(struct cnc__web_page *p, void (*f)(void *), void *priv);
/* f once item seq of the watched node is. */
void cnc__page_when_item(struct cnc__web_page *p, struct cnc__watch *w,
                         uint64_t seq, void (*f)(void *), void *priv);
/* After w->seen moved. */
void cnc__page_seen(struct cnc__agent *a, struct cnc__watch *w);
/* After p->snapped moved. */
void cnc__page_wake(struct cnc__web_page *p);
/* It is gone: nobody waits any longer. */
void cnc__page_wake_all(struct cnc__web_page *p);

/* -- live.c -------------------------------------------------------------- */

/* Render the page now if it is dirty and nothing is in the way. */
void cnc__live_flush(struct cnc__web_page *p);
void cnc__live_restarted(struct cnc__web_page *p);
/* Copies and files of the snapshot. */
void cnc__live_pack(struct cnc__web_page *p);

/* -- once.c -------------------------------------------------------------- */

/* html NULL: it failed, error says why (for the log); or the agent is closed,
 * then nobody is left to answer. */
typedef void cnc__once_f(const char *html, size_t len, const char *error,
                         void *priv);
/* Render the page for who with that template in the place of the one called
 * id, which the page uses; else as the page's own.  It is not made live: it
 * has nothing in its head but what the template says.  false: as above. */
bool cnc__once_try(struct cnc__web_page *p, const struct cnc__viewer *who,
                   bool uses, const char *id, struct cnc__sheet *sheet,
                   cnc__once_f *f, void *priv);
/* Render the page for who; values are shown in the form of node.  false: too
 * many are under way. */
bool cnc__once(struct cnc__web_page *p, const struct cnc__viewer *who,
               const char *node, const struct cnc__values *v,
               const char *item_id, cnc__once_f *f, void *priv);
/* The same of older records, for all who ask: parts (their own reference, or
 * NULL) are not in html. */
typedef void cnc__once_shared_f(const char *html, size_t len,
                                struct cnc__parts *parts, const char *error,
                                void *priv);
bool cnc__once_shared(struct cnc__web_page *p,
                      const struct cnc__window *window, cnc__once_shared_f *f,
                      void *priv);
/* The same of a whole source document, say of callsource.c.  forms are put in
 * at <c:form node="..."/>. */
struct cnc__once_form {
    const char *node;
    const struct cnc__str *x, *action;
};
bool cnc__once_source(struct cnc__agent *a, const struct cnc__actor *who,
                      struct cnc__sheet *sheet, const char *lang,
                      const struct cnc__str *source,
                      const struct cnc__once_form *forms, size_t n_forms,
                      cnc__once_f *f, void *priv);
/* The agent ends and replies will not come. */
void cnc__once_free(struct cnc__agent *a);

/* -- callsource.c ---------------------------------------------------------
 *
 * A page that is made for one request:
 *
 *   cnc__web_caller_init(&w, a, r)         who asks; lives until fini
 *   cnc__callsource_begin(&xml, ...)       <page ...><viewer/>
 *   cnc__callsource_param(&xml, ...)       each of the path, then the query
 *   cnc__callsource_flash(&xml, cnc__flash_take(a, r, &headers))
 *   cnc__callsource_menu(&xml, ...)        <menu/>: what he may run
 *   cnc__callsource_command(&xml, ...)     one for each command
 *   cnc__callsource_end(&xml)
 *   cnc__once_source(a, sheet, &xml, ...)  -> HTML
 */

struct cnc__web_caller {
    struct cnc__caller caller; /* .web is call */
    struct cnc__web_call call; /* headers: what the commands want to add */
    struct cnc__str guest;     /* a JID for one without */
};
/* r lives as long as w.  A guest unless env.caller knows better. */
void cnc__web_caller_init(struct cnc__web_caller *w, struct cnc__agent *a,
                          struct cnc__http_request *r);
void cnc__web_caller_fini(struct cnc__web_caller *w);
/* Texts in the caller's language, or NULL; what a page for him is in. */
const struct cnc__tr *cnc__caller_tr(const struct cnc__agent *a,
                                     const struct cnc__caller *who);
const char *cnc__page_lang(const struct cnc__agent *a,
                           const struct cnc__caller *who);

/* The roles that an app declares: <viewer roles=""/> tells which he has. */
void cnc__callsource_roles(struct cnc__agent *a, const struct cnc_app *app);
void cnc__callsource_begin(struct cnc__str *out, const struct cnc__agent *a,
                           const struct cnc__caller *who, const char *title,
                           const char *path);
void cnc__callsource_param(struct cnc__str *out, const char *name,
                           const char *value);
/* NULL, "": nothing. */
void cnc__callsource_flash(struct cnc__str *out, const char *text);
void cnc__callsource_menu(struct cnc__str *out, const struct cnc__agent *a,
                          const struct cnc__caller *who);
/* cmd NULL: there is none of that node.  action: where its form is posted, or
 * NULL.  x: <x xmlns="jabber:x:data"/> as it is, or NULL. */
void cnc__callsource_command(struct cnc__str *out, const struct cnc__tr *tr,
                             const struct cnc__command *cmd, const char *node,
                             const char *action, int code, const char *note,
                             const char *x);
void cnc__callsource_end(struct cnc__str *out);
/* The HTTP status of a command's code: 200, 403, 404, 422, ... */
int cnc__callsource_status(int code);

/* Is it a path (and query) of this site, whatever browsers make of it? */
bool cnc__web_is_local(const char *target);
/* 303 to a local target.  headers: more lines, or NULL. */
void cnc__web_go(const struct cnc__agent *a,
                 struct cnc__http_responder *responder, const char *target,
                 const char *headers);
/* The note of a command, for the next page (<flash/>): a header line more. */
void cnc__flash_put(struct cnc__agent *a, const struct cnc__http_request *r,
                    struct cnc__str *headers, const char *text);
/* *new*, or NULL; with the header line that forgets it. */
char *cnc__flash_take(struct cnc__agent *a, const struct cnc__http_request *r,
                      struct cnc__str *headers);

/* -- templates.c --------------------------------------------------------- */

struct cnc__sheet *cnc__sheet_new(const char *text, size_t len);
struct cnc__sheet *cnc__sheet_ref(struct cnc__sheet *s);
void cnc__sheet_unref(struct cnc__sheet **sp);
void cnc__sheet_free(void *sheet);
/* Of a template item's payload, *new*; NULL: it is none. */
struct cnc__sheet *cnc__sheet_of_xml(const char *xml, size_t len);
/* template-commands.c */
void cnc__template_commands_end(struct cnc__agent *a);
/* The sheet a page uses now: item, else file, else built in; *borrowed*. */
struct cnc__sheet *cnc__sheet_of(struct cnc__agent *a, const char *id);
/* The template of that name: item, else file, else built in, or NULL. */
struct cnc__sheet *cnc__sheet_find(struct cnc__agent *a, const char *id);

/* -- files.c: an app's own file of a template --------------------------- */

enum cnc__own_file {
    CNC__FILE_NONE,    /* no app has one */
    CNC__FILE_USED,    /* it is what pages have */
    CNC__FILE_CHANGED, /* somebody published something else instead */
    CNC__FILE_NEWER    /* and the app's has changed since */
};
enum cnc__own_file cnc__template_file(struct cnc__agent *a, const char *id);
/* Publish it, which there is: the template is the app's again. */
void cnc__template_take_file(struct cnc__agent *a, const char *id,
                             cnc__done_f *done, void *priv);
/* The template e stands for the file as it is now. */
void cnc__template_mark(struct cnc__agent *a, const char *id,
                        struct cnc_element *e);
void cnc__templates_init(struct cnc__agent *a);
void cnc__templates_event(struct cnc__agent *a, enum cnc__event ev,
                          const struct cnc__item *item);
/* Does a page with this template use the one called id? */
bool cnc__template_uses(struct cnc__agent *a, const char *template_,
                        const char *id);
int cnc__templates_check(struct cnc__agent *a, struct cnc__publish *publish,
                         const char *id, const struct cnc_element *payload,
                         struct cnc_error *err);
void cnc__templates_free(struct cnc__agent *a);

/* -- template-diff.c ----------------------------------------------------- */

/* Changed lines with some around them, "..." where others are left out;
 * returns how many changed. */
size_t cnc__sheet_diff(struct cnc__str *out, const struct cnc__sheet *old,
                       const struct cnc__sheet *new);

/* -- preview.c ----------------------------------------------------------- */

/* Answer with the addresses at which who sees the pages that use id, made
 * with sheet instead of it; of the page that v names alone.  What is wrong
 * with it is said at field.  stays: the browser does not go there. */
void cnc__preview(struct cnc__agent *a, struct cnc__command_reply *reply,
                  const struct cnc__caller *who, struct cnc__values *v,
                  const char *id, struct cnc__sheet *sheet, const char *field,
                  bool stays);
/* false: not an address of previews. */
bool cnc__preview_answer(struct cnc__agent *a, struct cnc__http_request *r);
void cnc__preview_tick(struct cnc__agent *a);
void cnc__preview_free(struct cnc__agent *a);

/* -- trial.c ------------------------------------------------------------- */

/* What a page that is made for one caller is tried on. */
enum cnc__trial {
    CNC__TRIAL_FORM,
    CNC__TRIAL_ANSWER,
    CNC__TRIAL_ERROR,
    CNC__TRIAL_LIST /* of do.xsl alone */
};
void cnc__trial_page(struct cnc__str *out, const struct cnc__decl *d,
                     const char *lang, enum cnc__trial kind);
void cnc__trial_do(struct cnc__str *out, const struct cnc__agent *a,
                   const char *lang, enum cnc__trial kind);
void cnc__trial_error(struct cnc__str *out, const struct cnc__agent *a,
                      const char *lang);

/* -- imports.c ----------------------------------------------------------- */

/* The entity or the reference to a character at s ('&') as the text that it
 * stands for; its length, 0: it is none. */
size_t cnc__imports_entity(struct cnc__str *out, const char *s, size_t len);
/* Fill s->imports. */
void cnc__imports_scan(struct cnc__sheet *s);
/* What main imports, and what those do, as the render process takes it.  id:
 * sheet stands for the template of that name; NULL: none. */
void cnc__imports_pack(struct cnc__str *out, struct cnc__agent *a,
                       const struct cnc__sheet *main, const char *id,
                       struct cnc__sheet *sheet);
/* main and all that it imports; how many.  id, sheet: as above. */
size_t cnc__imports_all(struct cnc__sheet *out[CNC__ENGINE_MAX_IMPORTS + 1],
                        struct cnc__agent *a, struct cnc__sheet *main,
                        const char *id, struct cnc__sheet *sheet);
/* Does main import id, or something that does? */
bool cnc__imports_use(struct cnc__agent *a, const struct cnc__sheet *main,
                      const char *id);
void cnc__imports_sum(unsigned char out[32], const struct cnc__sheet *main,
                      const struct cnc__str *imports);

/* -- views.c ------------------------------------------------------------- */

void cnc__view_declare(struct cnc__web_page *p);
void cnc__view_emit(struct cnc__web_page *p, const char *patch, size_t len);
void cnc__view_resync(struct cnc__web_page *p);
/* What the agent adds to <head> of a live page. */
void cnc__view_head(struct cnc__str *out, const struct cnc__web_page *p,
                    const char *position);

/* -- snapshot.c ---------------------------------------------------------- */

/* The page's own header lines, with CSP; no ETag or length.  private: of a
 * page that is not for everybody. */
extern const char cnc__page_headers[];
/* The same of a page that is made for one caller: nobody keeps it. */
extern const char cnc__call_headers[];

/* parts: its own reference, or NULL. */
struct cnc__snapshot *cnc__snapshot_new(const char *html, size_t len,
                                        struct cnc__parts *parts,
                                        const char *position,
                                        const struct cnc__web_page *p);
/* The same for others; *new*. */
struct cnc__snapshot *cnc__snapshot_again(const struct cnc__snapshot *s,
                                          const struct cnc__web_page *p);
struct cnc__snapshot *cnc__snapshot_ref(struct cnc__snapshot *s);
void cnc__snapshot_unref(struct cnc__snapshot **sp);
/* Make the compressed copies and, when key is not NULL, the files; done is
 * called on the core's thread unless the agent is gone by then. */
void cnc__snapshot_pack(struct cnc__agent *a, struct cnc__snapshot *s,
                        const char *key, void (*done)(void *priv), void *priv);
/* Remove the files. */
void cnc__snapshot_remove(struct cnc__agent *a, const char *key);
/* The page as who gets it. */
void cnc__snapshot_html(struct cnc__str *out, const struct cnc__agent *a,
                        const struct cnc__snapshot *s,
                        const struct cnc__viewer *who);
/* who: NULL is a guest, and enough for a page without parts.  p: the page of
 * the table that it is of; or NULL. */
void cnc__snapshot_answer(const struct cnc__agent *a,
                          const struct cnc__web_page *p,
                          const struct cnc__snapshot *s,
                          const struct cnc__viewer *who,
                          struct cnc__http_responder *responder,
                          const char *accept_encoding,
                          const char *if_none_match);

/* Tell env.page what this page is now, or that it is none for all guests. */
void cnc__snapshot_tell(const struct cnc__web_page *p);

/* -- pack.c, beside what is in disk.h ------------------------------------- */

/* SHA-256. */
void cnc__pack_sha256(unsigned char out[32], const void *data, size_t len);

/* -- answer.c ------------------------------------------------------------ */

/* The one to send of those that have: bit 1 << enum cnc__encoding. */
enum cnc__encoding cnc__answer_encoding(const char *accept_encoding,
                                        unsigned have);
/* If-None-Match names etag, in any encoding. */
bool cnc__answer_not_modified(const char *if_none_match, const char *etag);
const char *cnc__answer_suffix(enum cnc__encoding e); /* "", "-gz", "-br" */
/* The style of plain pages, which their policy names by its hash. */
extern const char cnc__answer_css[];
void cnc__answer_style(struct cnc__agent *a);
/* A plain page that says what is wrong; more: further HTML, or NULL. */
void cnc__answer_simple_html(struct cnc__str *out, int status,
                             const char *lang, const char *title,
                             const char *text, const char *more);
/* headers: further lines, each with its CR LF. */
void cnc__answer_html(struct cnc__http_responder *responder, int status,
                      const char *headers, const char *html, size_t len);
/* A page that says what is the matter, as it is in every service. */
void cnc__answer_simple(struct cnc__agent *a,
                        struct cnc__http_responder *responder, int status,
                        const char *lang, const char *headers,
                        const char *title, const char *text, const char *link);
/* The same by error.xsl; false: there is none that works. */
bool cnc__error_page(struct cnc__agent *a,
                     struct cnc__http_responder *responder, int status,
                     const char *lang, const char *headers, const char *title,
                     const char *text, const char *link);
/* Whichever of them.  headers: more lines or NULL. */
void cnc__answer_plain(struct cnc__agent *a,
                       struct cnc__http_responder *responder, int status,
                       const char *headers, const char *title,
                       const char *text);
/* The same, with a link to the page at path. */
void cnc__answer_back(struct cnc__agent *a,
                      struct cnc__http_responder *responder, int status,
                      const char *title, const char *text, const char *path);
/* location: a path of the domain, without the prefix. */
void cnc__answer_see(const struct cnc__agent *a,
                     struct cnc__http_responder *responder, int status,
                     const char *location);

/* -- do.c ---------------------------------------------------------------- */

/* The address of a command's page, percent-encoded: "/_do/NODE". */
void cnc__do_path(struct cnc__str *out, const char *node);
/* The fields that nothing was said of have their defaults. */
void cnc__do_defaults(struct cnc__values *v, const struct cnc_record *r);
/* A field that is required has nothing: no mistake yet, its form is shown. */
bool cnc__do_lacks(const struct cnc__values *v, const struct cnc_record *r);
/* false: not an address of commands. */
bool cnc__do_answer(struct cnc__agent *a, struct cnc__http_request *r);

/* -- older.c, submit.c, assets.c ----------------------------------------- */

/* The page that shows a command, else that command's own; false: none. */
bool cnc__web_command_path(struct cnc__str *out, const struct cnc__agent *a,
                           const char *node);
/* A guest goes to the log-in page; false: he is none, or there is none. */
bool cnc__web_login(struct cnc__agent *a, const struct cnc__http_request *r,
                    const struct cnc__caller *who);
/* Who may not see what is there: to the log-in page, or 403. */
void cnc__web_forbidden(struct cnc__agent *a,
                        const struct cnc__http_request *r,
                        const struct cnc__caller *who);
/* A page of commands, made for this request.  values: of the path's
 * parameters, borrowed. */
void cnc__callpage(struct cnc__decl *d, struct cnc__http_request *r,
                   char *const values[CNC__WEB_MAX_PARTS]);
void cnc__callpage_free(struct cnc__agent *a);

void cnc__older_answer(struct cnc__web_page *p, const char *before,
                       const struct cnc__viewer *who,
                       struct cnc__http_request *r);
void cnc__older_free(struct cnc__agent *a);
void cnc__submit_answer(struct cnc__web_page *p, const char *node,
                        const struct cnc__actor *who,
                        struct cnc__http_request *r);
/* A posted body is a form.  type: its Content-Type, or NULL. */
bool cnc__web_is_urlencoded(const char *type);

/* -- multipart.c ---------------------------------------------------------- */

struct cnc__multipart_part { /* borrowed for the call */
    const char *name;        /* UTF-8 */
    const char *filename;    /* NULL: a text */
    const char *type;        /* as sent; "" if nothing */
};
/* begin, data as it comes (perhaps never), end: of each part in turn.  What
 * one returns that is not 0 ends the reading. */
struct cnc__multipart_events {
    int (*begin)(const struct cnc__multipart_part *part, void *priv);
    int (*data)(const char *data, size_t len, void *priv);
    int (*end)(void *priv);
};
struct cnc__multipart;
CNC_API bool cnc__multipart_is(const char *content_type);
/* At most max parts.  NULL: the type has no good boundary. */
CNC_API struct cnc__multipart *
cnc__multipart_new(const char *content_type, size_t max,
                   const struct cnc__multipart_events *events, void *priv);
CNC_API void cnc__multipart_free(struct cnc__multipart **mp);
/* 0, CNC_ESYNTAX, CNC_ELIMIT, or what an event returned; from then on that. */
CNC_API int cnc__multipart_feed(struct cnc__multipart *m, const char *data,
                                size_t len);
/* That was all. */
CNC_API int cnc__multipart_finish(struct cnc__multipart *m);

/* -- spool.c, posted.c ----------------------------------------------------
 */

#define CNC__FORM_FILES 16  /* of one form */
#define CNC__FORM_PARTS 256 /* of one form, in multipart/form-data */

struct cnc__form_file {
    char *field, *type;
    uint64_t len;
    struct cnc__web_file *file; /* under way, or on the disk; NULL: neither */
    char *url, *why;            /* what became of it in the end */
    struct form_read *read;
};

/* The files of a form, until it is known what becomes of the form. */
struct cnc__form_files {
    struct cnc__agent *agent;
    size_t n;
    struct cnc__form_file all[CNC__FORM_FILES];
};

/* What was typed in such a form; its bytes are wiped. */
struct cnc__form_text {
    char *name;
    struct cnc__str value;
};

/* A body in parts: what is read of it so far, or all. */
struct cnc__form_body {
    struct cnc__http_made made;
    struct cnc__http_sink sink;
    struct cnc__agent *agent;
    struct cnc__http_request *request;
    cnc__http_handler_f *then;
    void *then_priv;
    struct cnc__multipart *parser;
    struct cnc__form_files *files;
    struct cnc__form_text *texts;
    size_t n_texts, cap_texts, text_len;
    int rc;
    /* The part that is being read. */
    enum { CNC__PART_TEXT, CNC__PART_FILE, CNC__PART_SKIPPED } part;
    char *filename, *type, *field;
    uint32_t max_len; /* of the file; 0: its field does not say */
    struct cnc__form_file *current; /* NULL: nothing came yet */
};

/* All of it is in memory already: read at once.  *new*. */
struct cnc__form_body *cnc__form_body_of(struct cnc__agent *a,
                                         struct cnc__http_request *r);
void cnc__form_body_free(struct cnc__form_body **bp);
/* The record of the form that this request posts, when who sent it may post
 * it; else NULL.  Borrowed, for now. */
const struct cnc_record *cnc__form_record(struct cnc__agent *a,
                                          struct cnc__http_request *r);
/* Why a file of this type, or of so many bytes, is none for this field; *new*,
 * NULL: it is one. */
char *cnc__form_judge_type(const struct cnc_field *f, const char *type);
char *cnc__form_judge_len(const struct cnc_field *f, uint64_t len);
/* The command of the page /_do/NODE, if who sent the request may run it. */
const struct cnc__command *cnc__do_command(struct cnc__agent *a,
                                           const struct cnc__http_request *r,
                                           const struct cnc__actor *who);
/* A node as the app declares it that has this page, if the page shows it. */
const struct cnc_node *cnc__decl_node(const struct cnc__decl *d,
                                      const char *name);

/* rc: 0, CNC_EPROTO (no form), CNC_ELIMIT, CNC_ESYNTAX, what pair returned.
 * files: *new*; or NULL.  Called once, now or later. */
typedef void cnc__form_read_f(int rc, struct cnc__form_files *files,
                              void *priv);
void cnc__form_read(struct cnc__agent *a, struct cnc__http_request *q,
                    const struct cnc_record *record, size_t max,
                    cnc__http_pair_f *pair, void *pair_priv,
                    cnc__form_read_f *done, void *done_priv);
/* Those that could not be kept are errors of their fields; NULL is fine. */
void cnc__form_files_tell(const struct cnc__form_files *files,
                          struct cnc__values *v);
/* drop: the form was refused, they are not kept, and v (or NULL) says so. */
void cnc__form_files_end(struct cnc__form_files **fp, bool drop,
                         struct cnc__values *v);

/* A <textarea>'s value: one a line.  As cnc__values_add(). */
int cnc__web_add_lines(struct cnc__values *v, const char *name,
                       const char *value, struct cnc_error *err);
void cnc__submit_tick(struct cnc__agent *a);
void cnc__submit_free(struct cnc__agent *a);

void cnc__assets_free(struct cnc__asset_set *set);
/* The address a page may use for good: "/assets/HASH" or "/_c/HASH". */
void cnc__assets_base(struct cnc__str *out, const struct cnc__agent *a,
                      bool runtime);
/* false: not an asset's address. */
bool cnc__assets_answer(struct cnc__agent *a, struct cnc__http_request *r);

#endif /* CNC_WEB_WEB_H */
