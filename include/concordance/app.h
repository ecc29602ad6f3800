/* SPDX-License-Identifier: MIT */
/*
 * concordance/app.h -- what an app declares, and what its handlers may call.
 *
 * An app is constant data: loading it has no side effect.  Everything here is
 * a transparent struct whose zero means "the usual"; structs only grow at
 * their end.  Arrays end with an all-zero entry, which the CNC_FIELDS,
 * CNC_NODES, ... macros add.
 *
 * Name once: the node "library" is also the element that wraps its items in a
 * page's source; record "book" is <book>; field "title" is the form field,
 * the child element and the key.
 */
#ifndef CONCORDANCE_APP_H
#define CONCORDANCE_APP_H

#include <concordance/types.h>
#include <concordance/xml.h>

CNC_BEGIN_DECLS

/* Raised whenever one of the structs here changes: a module that was built for
 * another number is refused, and has to be built again.  A unit test pins the
 * layout to the number. */
#define CNC_APP_ABI 5u

struct cnc_request;

/* -- records and fields -------------------------------------------------- */

/* XEP-0004 field type and XEP-0122 datatype in brackets. */
enum cnc_field_kind {
    CNC_FIELD_TEXT = 0, /* one line [text-single, xs:string] */
    CNC_FIELD_LINES,    /* many lines, kept as one text with \n [text-multi] */
    CNC_FIELD_INTEGER,  /* [text-single, xs:integer] 64 bit */
    CNC_FIELD_DECIMAL,  /* [text-single, xs:decimal] */
    CNC_FIELD_BOOLEAN,  /* [boolean] "true" or "false" in the record */
    CNC_FIELD_DATE,     /* [text-single, xs:date] */
    CNC_FIELD_DATETIME, /* [text-single, xs:dateTime] XEP-0082 */
    CNC_FIELD_URL,    /* [text-single, xs:anyURI] http, https, xmpp, mailto */
    CNC_FIELD_JID,    /* [jid-single] */
    CNC_FIELD_LIST,   /* one of .options [list-single] */
    CNC_FIELD_MULTI,  /* some of .options [list-multi]: one child element
                         for each */
    CNC_FIELD_HIDDEN, /* [hidden] .value unless the submitter sent one */
    CNC_FIELD_FIXED,  /* [fixed] text shown in the form, not in the record */
    CNC_FIELD_SECRET, /* [text-private] a password: in a command's form alone;
                         never shown again, never in a record of a node */
    CNC_FIELD_REF,    /* [list-single] the id of an item of .node */
    CNC_FIELD_FILE    /* [text-single, xs:anyURI] a file kept by the service
                         (XEP-0363): its address; a browser sends the file.
                         .match is about its media type, .max_len in bytes;
                         .options are places of other services, such as
                         "https://pictures.example/" (or "https:", any): what
                         is there is taken unseen; else only our own files */
};

struct cnc_option {
    const char *value, *label; /* label NULL: the value */
};

struct cnc_field {
    const char *name;  /* an NCName; unique in the record */
    const char *label; /* for people; NULL: the name */
    enum cnc_field_kind kind;
    bool required;
    const char *match;         /* POSIX extended expression the whole text must
                                  match */
    const char *value;         /* default; what FIXED and HIDDEN hold */
    const char *help;          /* one line under the field [<desc/>] */
    uint32_t min_len, max_len; /* code points; 0: none, and 10000 */
    const char *min, *max;     /* inclusive, in the kind's own lexical form:
                                  INTEGER, DECIMAL, DATE, DATETIME */
    const struct cnc_option *options;
    const char *error; /* said when match fails; NULL: a general text */
    bool index;        /* cnc_query() by it does not read every record */
    const char *node;  /* REF: the app's node whose items it names */
    const char *show;  /* REF: the field of those that people see; NULL: the
                          first one */
    /* Not typed but made from the rest of the record (its computed fields are
     * not in it), whenever one is built: at most size bytes of UTF-8, ended by
     * NUL; "" is none.  0, or CNC_EREFUSED.  The same record gives the same
     * text; runs on the service's own thread and must be quick. */
    int (*compute)(const struct cnc_element *record, char *out, size_t size,
                   void *priv);
    void *priv; /* compute's */
    /* Its name in older versions of the app: what is kept by that name is
     * read as this field (settings, items of nodes). */
    const char *was;
};

struct cnc_record {
    const char *name; /* an NCName: the payload's element in the app's xmlns */
    const struct cnc_field *fields;
};

#define CNC_FIELDS(...)                                                       \
    ((const struct cnc_field[]){__VA_ARGS__, {.name = NULL}})
#define CNC_OPTIONS(...)                                                      \
    ((const struct cnc_option[]){__VA_ARGS__, {.value = NULL}})

/* -- nodes and pages ----------------------------------------------------- */

/* Called for each valid submit of the node's form, before it is published.
 * record: the record as it will be published (frozen, borrowed).
 * Return 0 to publish it (or what cnc_replace() put in its place), or what
 * cnc_refuse() returned.  Any other negative code is an internal error: it is
 * logged and the submitter gets a plain message. */
typedef int cnc_submit_f(struct cnc_request *r, struct cnc_element *record);

/* Who may subscribe and retrieve: XEP-0060 4.5. */
enum cnc_access { CNC_ACCESS_OPEN = 0, CNC_ACCESS_WHITELIST };

/* Who may <publish/> directly: XEP-0060 16.4.4; the form is open to whoever
 * has access. */
enum cnc_publish_model { CNC_PUBLISHERS = 0, CNC_SUBSCRIBERS, CNC_ANYBODY };

struct cnc_node {
    const char *name;                /* unique in the app */
    const struct cnc_record *record; /* what each item is; NULL: any XML */
    const char *form;                /* the form's title; NULL: no form */
    cnc_submit_f *submit;            /* or NULL */
    const char *title;               /* pubsub#title; NULL: the name */
    enum cnc_access access;
    enum cnc_publish_model publish;
    uint32_t max_items; /* 0: 1,000,000 */
    uint32_t history;   /* versions kept for XEP-0313; 0: 1000 */
    void *priv;         /* cnc_priv() in its handlers */
    /* Keep a node of another XMPP service here as well: what is there is here,
     * live, and may only be changed there.  A JID: "books.example.org".  NULL:
     * the node is our own. */
    const char *source;
    const char *source_node; /* its name there; NULL: the same */
    /* Roles, "staff editors": whoever has one of them is a member of the node,
     * or a publisher, or an owner (XEP-0060 4.1), as long as he has it.  With
     * readers or writers the access model is whitelist. */
    const char *readers, *writers, *owners;
};

struct cnc_page {
    const char *path;      /* "/", "/books": starts with '/'; "/by/{author}"
                              has a parameter: one part of the path, any text */
    const char *node;      /* a node of the app; several: "library authors" */
    const char *template_; /* item id in the node `templates`; a file of that
                              name in the app's folder is its first version */
    const char *title;     /* <c:title> for the template; NULL: app's title */
    uint32_t window;       /* newest items shown; 0: 1000; older ones are at
                              ?before=ID */
    /* Which records of the first node, and in what order.  "author={author}":
     * a field, = != < <= > >= or ~ (contains, any case), and a text that may
     * be a parameter; several with spaces between.  "-year title": fields,
     * newest or greatest first with '-'. */
    const char *where, *sort;
    /* Instead of a node: what these commands (of any app, or the service's)
     * answer to whoever looks.  Parameters and the query are their fields.
     * Such a page is made for each request. */
    const char *command;
    const char *readers; /* roles; NULL: whoever may see its nodes, or may run
                            its commands */
};

#define CNC_NODES(...) ((const struct cnc_node[]){__VA_ARGS__, {.name = NULL}})
#define CNC_PAGES(...) ((const struct cnc_page[]){__VA_ARGS__, {.path = NULL}})

/* -- raw stanzas and tasks ----------------------------------------------- */

enum cnc_stanza_kind {
    CNC_IQ_GET = 1,
    CNC_IQ_SET = 2,
    CNC_MESSAGE = 4,
    CNC_PRESENCE = 8
};

/* payload: the stanza's first child (frozen, borrowed).  For an IQ: call
 * cnc_reply() for a result with a payload, return 0 (an empty result when
 * nothing was said), or a negative code from cnc_refuse() and friends. */
typedef int cnc_stanza_f(struct cnc_request *r, struct cnc_element *payload);

struct cnc_handler { /* its feature (the namespace) is advertised */
    unsigned kinds;  /* enum cnc_stanza_kind bits */
    const char *ns, *name;
    cnc_stanza_f *handle;
    void *priv;
};
#define CNC_HANDLERS(...)                                                     \
    ((const struct cnc_handler[]){__VA_ARGS__, {.kinds = 0}})

struct cnc_task { /* run by itself, first after one period */
    const char *name;
    uint32_t every_s;
    int (*run)(struct cnc_request *r);
    void *priv;
};
#define CNC_TASKS(...) ((const struct cnc_task[]){__VA_ARGS__, {.name = NULL}})

/* -- commands ------------------------------------------------------------ */

/* One declaration, three faces: an ad-hoc command (XEP-0050), a web page
 * without JavaScript (/_do/NODE), a line of the terminal (concordctl do NODE).
 *
 * form: what was typed, a valid record of .record (frozen, borrowed; NULL
 * without one).  Return 0, what cnc_refuse() returned, CNC_ENOENT, CNC_EACCES
 * and so on; or CNC_EAGAIN and call cnc_finish(r, code) later, from the same
 * thread. */
typedef int cnc_command_f(struct cnc_request *r, struct cnc_element *form);

enum cnc_who { /* who may run it */
               CNC_ADMINS =
                   0,     /* the service's operators, and the role "admin" */
               CNC_USERS, /* whoever is logged in */
               CNC_ANYBODY_RUNS /* guests too */
};

struct cnc_command {
    const char *node;  /* "apps/enable": unique in the domain; a mounted app's
                          are below its mount */
    const char *title; /* for people */
    const struct cnc_record *record; /* what it asks; NULL: nothing */
    cnc_command_f *run;
    enum cnc_who who;
    const char *roles; /* whoever has one of these too: "staff editors" */
    bool safe;         /* changes nothing: a GET may run it */
    const char *see;   /* the page to go to after it on the web; NULL: stay */
    const char *help;  /* a sentence for people: what it does */
    void *priv;
    /* Safe, and its handler only reads: a page of commands may have it run in
     * the web server's process.  cnc_publish(), cnc_retract() and whatever
     * else changes something return CNC_EACCES. */
    bool reads;
};
#define CNC_COMMANDS(...)                                                     \
    ((const struct cnc_command[]){__VA_ARGS__, {.node = NULL}})

/* -- hooks ---------------------------------------------------------------- */

/* A question that an app asks and whoever extends it may answer: called by
 * cnc_hook(), or by the service (those are listed in docs/apps.md:
 * "check-password", "may-register").  in: the question (frozen, borrowed).
 * Runs where the app's handlers run. */
typedef int cnc_hook_f(struct cnc_request *r, struct cnc_element *in);

struct cnc_hook {
    const char *name;
    cnc_hook_f *f;
    void *priv;
};
#define CNC_HOOKS(...) ((const struct cnc_hook[]){__VA_ARGS__, {.name = NULL}})

struct cnc_role { /* beside "admin", which is there */
    const char *name, *title;
};
#define CNC_ROLES(...) ((const struct cnc_role[]){__VA_ARGS__, {.name = NULL}})
/* Lists of names: "auth", "auth>=1.2". */
#define CNC_NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* -- the app ------------------------------------------------------------- */

/* Handlers may be slow: run them on a thread of the app, one at a time. */
#define CNC_APP_THREADED (1u << 0)

struct cnc_app {
    uint32_t abi;      /* CNC_APP_ABI */
    uint32_t size;     /* sizeof(struct cnc_app) */
    const char *name;  /* [a-z][a-z0-9_-]* */
    const char *title; /* for people; NULL: the name */
    const char *xmlns; /* of the records; required */
    unsigned flags;    /* CNC_APP_... */
    const struct cnc_node *nodes;
    const struct cnc_page *pages;
    const struct cnc_handler *handlers;
    const struct cnc_task *tasks;
    const struct cnc_record *settings;   /* values by cnc_setting(); the
                                            operator's form is the command
                                            "settings" */
    int (*start)(struct cnc_request *r); /* nodes are there, nobody is served
                                            yet; not 0 refuses the app */
    void (*stop)(void *priv);
    void *priv;
    const char *version; /* "1.2.3"; NULL: "0" */
    /* Apps that run before this one and are stopped after it.  An app that has
     * needs and nothing else is a *suite*. */
    const char *const *needs;
    /* Take everything from that app, which then runs as this one (and as what
     * others need): entries merge by key (node's name, page's path, command's
     * node, hook's and task's name, {ns}name, setting's field), the later one
     * wins.  name, title, version, needs, start and stop are this one's if it
     * has them. */
    const char *extends;
    const struct cnc_command *commands;
    const struct cnc_hook *hooks;
    const struct cnc_role *roles;
    const char *const *admin; /* nodes that the admin panel lists, searches
                                 and edits */
};

/* The module's one entry. */
#define CNC_APP_SYMBOL "cnc_app_entry"
#define CNC_APP(name_, ...)                                                   \
    CNC_API extern const struct cnc_app cnc_app_entry;                        \
    const struct cnc_app cnc_app_entry = {.abi = CNC_APP_ABI,                 \
                                          .size = sizeof(struct cnc_app),     \
                                          .name = #name_,                     \
                                          __VA_ARGS__}

/* -- what handlers may call: from the handler's own thread, while it runs - */

/* The submitter's bare JID; the domain itself in a task or start.  A guest
 * (SASL ANONYMOUS, HTTP without log-in): see cnc_is_guest(). */
CNC_API const char *cnc_user(const struct cnc_request *r);
CNC_API bool cnc_is_guest(const struct cnc_request *r);
CNC_API void *cnc_priv(const struct cnc_request *r);
CNC_API const char *cnc_node_name(const struct cnc_request *r);
/* The item id chosen for this submit. */
CNC_API const char *cnc_item_id(const struct cnc_request *r);

/* Text of the child element called name, any namespace; "" if none. */
CNC_API const char *cnc_text(const struct cnc_element *record,
                             const char *name);

/* Refuse: field NULL is the whole form.  May be called for several fields.
 * Returns CNC_EREFUSED, to be returned. */
CNC_API int cnc_refuse(struct cnc_request *r, const char *field,
                       const char *fmt, ...) CNC_PRINTF(3, 4);
/* Publish this instead; it must still be a valid record. */
CNC_API int cnc_replace(struct cnc_request *r, struct cnc_element *record);
/* The IQ result's payload, by the escaping printf of the library: %s %d ...
 * are escaped. */
CNC_API int cnc_reply(struct cnc_request *r, const char *fmt, ...)
    CNC_PRINTF(2, 3);

/* Items of a node, also those being stored just now. */
CNC_API bool cnc_find(struct cnc_request *r, const char *node,
                      const char *field, const char *value);
/* *out: a *new* reference.  CNC_ENOENT. */
CNC_API int cnc_get(struct cnc_request *r, struct cnc_element **out,
                    const char *node, const char *id);
typedef int cnc_each_f(const char *id, struct cnc_element *record, void *priv);
/* Oldest first; stops when f returns not 0 and returns that. */
CNC_API int cnc_each(struct cnc_request *r, const char *node, cnc_each_f *f,
                     void *priv);
/* As the app itself.  id NULL: the service chooses one.  Returns when the
 * publish is on its way.  Whoever waits for what the handler says hears it
 * when it is durable; a failure is logged, and told as CNC_ESTORE. */
CNC_API int cnc_publish(struct cnc_request *r, const char *node,
                        const char *id, const struct cnc_element *record,
                        struct cnc_error *err);
CNC_API int cnc_retract(struct cnc_request *r, const char *node,
                        const char *id, struct cnc_error *err);
/* Records of a node that match, in order.  where, sort: as of a page; values
 * with blanks stand in quotes.  What a person typed goes in by a parameter,
 * never by printf.  search: a text that some field contains, any case; NULL:
 * all.  Items being stored just now are not seen. */
struct cnc_query {
    const char *where, *sort, *search;
    size_t offset, limit;      /* limit 0: 100 */
    const char *const *params; /* "who", "Jane Austen", ..., NULL: what {who}
                                  in where is; NULL: there are none */
};
/* q NULL: all of them, as they were published.  f (may be NULL) as
 * cnc_each()'s. *total (may be NULL): how many match in all.  CNC_EINVAL names
 * the word that is wrong. */
CNC_API int cnc_query(struct cnc_request *r, const char *node,
                      const struct cnc_query *q, cnc_each_f *f, void *priv,
                      size_t *total, struct cnc_error *err);

/* -- what a command answers ---------------------------------------------- */

/* A sentence for the person, by the plain printf. */
CNC_API void cnc_note(struct cnc_request *r, const char *fmt, ...)
    CNC_PRINTF(2, 3);
/* A table (XEP-0004 3.4): columns first, then each row's cells, ended by
 * cnc_row(); values of none are empty. */
CNC_API void cnc_column(struct cnc_request *r, const char *name,
                        const char *label);
CNC_API void cnc_cell(struct cnc_request *r, const char *name, const char *fmt,
                      ...) CNC_PRINTF(3, 4);
CNC_API void cnc_row(struct cnc_request *r);
/* Or single values. */
CNC_API void cnc_value(struct cnc_request *r, const char *name,
                       const char *label, const char *fmt, ...)
    CNC_PRINTF(4, 5);
/* On the web, go there after it instead of to .see: a path of this domain. */
CNC_API void cnc_see(struct cnc_request *r, const char *path);
/* The handler returned CNC_EAGAIN: now it is done. */
CNC_API void cnc_finish(struct cnc_request *r, int code);
/* What was typed, for whoever goes on with a command that returned CNC_EAGAIN:
 * *borrowed* until cnc_finish(); NULL without a record. */
CNC_API struct cnc_element *cnc_form(const struct cnc_request *r);

/* -- who asks --------------------------------------------------------------
 */

CNC_API bool cnc_has_role(const struct cnc_request *r, const char *role);
/* The language that the person reads, "en"; never NULL. */
CNC_API const char *cnc_lang(const struct cnc_request *r);
/* Ask the hook of this app, or of the one that extends it: what it returned,
 * CNC_ENOENT when nobody has it.  A hook may call cnc_super(). */
CNC_API int cnc_hook(struct cnc_request *r, const char *name,
                     struct cnc_element *in);
/* In a handler, command or hook that stands for the one of the app that is
 * extended: run that one. */
CNC_API int cnc_super(struct cnc_request *r);

/* The value of a setting, or its default, or ""; borrowed until the handler
 * returns. */
CNC_API const char *cnc_setting(struct cnc_request *r, const char *name);
/* What was kept of a setting and does not fit what this version of the app
 * declares, so that cnc_setting() is its default: borrowed as that; NULL: it
 * fits.  It is there until the operator changes the settings: a start() may
 * make something of it. */
CNC_API const char *cnc_setting_lost(struct cnc_request *r, const char *name);
/* The address of a path of this domain as people see it, for messages:
 * "https://books.example/login".  Never made of what a request calls its host:
 * a stranger could have links to a host of his sent out.  CNC_ELIMIT: longer
 * than size. */
CNC_API int cnc_url(struct cnc_request *r, char *out, size_t size,
                    const char *path);
/* Something went wrong that is nobody's fault but the app's: the text is for
 * the operator, who sees it as the app's last error; whoever asked is told
 * plainly that it did not work.  Returns CNC_ESYS, to be returned. */
CNC_API int cnc_fault(struct cnc_request *r, const char *fmt, ...)
    CNC_PRINTF(2, 3);
/* A line in the service's log. */
CNC_API void cnc_log(struct cnc_request *r, const char *fmt, ...)
    CNC_PRINTF(2, 3);

CNC_END_DECLS

#endif /* CONCORDANCE_APP_H */
