/* SPDX-License-Identifier: MIT */
/*
 * concordance/service.h -- run a service: domain, apps, listeners, store,
 * agent, render processes.  What `concordanced` and `python3 -m concordance
 * run` are made of.
 */
#ifndef CONCORDANCE_SERVICE_H
#define CONCORDANCE_SERVICE_H

#include <concordance/app.h>
#include <concordance/types.h>

CNC_BEGIN_DECLS

struct cnc_service;

/* Make an app anew, of its code as it is now: *out outlives the service, and
 * so does what was there before.  err: why that cannot be.  On the app's
 * thread (CNC_APP_THREADED), else on the service's own. */
typedef int cnc_app_again_f(const struct cnc_app **out, void *priv,
                            struct cnc_error *err);

struct cnc_service_app {
    const struct cnc_app *app; /* outlives the service */
    const char *files;         /* folder of its templates and assets/ */
    const char *mount;         /* "/wiki": where it is; NULL: where it says */
    const char *file;          /* its module; NULL: none */
    /* Instead of app, mount and file: the service finds and loads it.
     * "./wiki.so", "auth" (in CONCORDANCE_APPS or the library's folder),
     * "auth=/accounts".  files NULL: what is beside its module. */
    const char *word;
    /* Of an app that has no module: what "apps/reload" does; or NULL. */
    cnc_app_again_f *again;
    void *again_priv;
};

/*
 * One of several domains, and what it has of its own; the members are those
 * of struct cnc_service_options.  Zero: what the options say for all.  A list
 * is added to theirs.
 */
struct cnc_service_domain {
    uint32_t size; /* sizeof(struct cnc_service_domain) */
    const char *domain;
    const struct cnc_service_app *apps; /* ends with neither app nor word */
    const char *data; /* [one domain: the options'; else DATA/DOMAIN] */
    const char *www;  /* [one domain: the options'; else WWW/DOMAIN] */
    const char *files;
    const char *tls_cert, *tls_key;
    const char *const *origins;
    const char *const *s2s_allow, *const *s2s_deny, *const *s2s_plain;
    const char *const *components;
    const char *attach, *attach_secret;
    const char *const *without;
    bool registration;
    const char *const *contact;
    const char *const *operators;
    bool no_console;
    const char *url;
    const char *prefix;
};

/* Zero: the default in brackets.  Strings and apps stay the caller's and
 * outlive the service. */
struct cnc_service_options {
    uint32_t size;      /* sizeof(struct cnc_service_options) */
    const char *domain; /* XMPP domain [localhost] */
    const char *http;   /* address of pages and WebSocket
                           [127.0.0.1:8080]; port 0: any; "unix:PATH" */
    const char *data;   /* folder for everything kept [data] */
    const char *store;  /* "memory", or a plug-in's name [sqlite] */
    const char *www;    /* folder of snapshots [DATA/www] */
    const char *link;   /* path of the Unix socket [DATA/link] */
    const char *files;  /* for a front end: the app's folder [where the
                           app is]; the service itself reads apps[].files */
    const char *tls_cert, *tls_key; /* PEM files; both or none */
    const char *const *origins;     /* further allowed Origins, NULL-ended */
    bool allow_plain;      /* SASL PLAIN also without TLS, on loopback */
    const char *log_level; /* debug, info, warn, error [info] */
    const struct cnc_service_app *apps; /* ends with neither app nor word */
    uint32_t max_stanza;                /* bytes, authenticated [262144] */
    uint32_t max_queue; /* bytes waiting for one client [1 MB] */
    uint32_t renders;   /* render processes [1] */
    /* Everything listens; url is the page to open.  May be NULL. */
    void (*on_ready)(struct cnc_service *s, const char *url, void *priv);
    void *priv;
    /* The XMPP network.  Lists end with NULL; addresses as for http. */
    const char *const *c2s;     /* clients: TCP with STARTTLS */
    const char *const *c2s_tls; /* clients: TLS from the first byte (0368) */
    const char *const *s2s;     /* servers: TCP with STARTTLS */
    const char *const *s2s_tls; /* servers: TLS from the first byte */
    bool http_plain;            /* no TLS for http though there is tls_cert: a
                                   proxy does it */
    const char *ca;           /* PEM file of further anchors [the system's] */
    const char *dns;          /* "ADDR" or "ADDR@PORT" to ask
                                 [/etc/resolv.conf] */
    const char *trust_anchor; /* DNSSEC's root keys [the system's] */
    bool s2s_cert; /* other servers need a trusted certificate: dialback alone
                      is not enough */
    const char *const *s2s_allow;  /* only these domains, "*.example" too */
    const char *const *s2s_deny;   /* not these */
    const char *const *s2s_plain;  /* these may do without TLS */
    const char *const *s2s_route;  /* "DOMAIN=HOST:PORT": instead of DNS */
    uint32_t s2s_wait;             /* seconds a stanza waits for its server
                                      [60] */
    const char *const *components; /* "NAME=FILE": may connect, with the
                                      secret in the file */
    const char *component;         /* where they connect; XEP-0114 has no
                                      TLS [127.0.0.1:5347] */
    const char *attach; /* "HOST:PORT" of the server whose component this
                           service is, instead of s2s */
    const char *attach_secret;    /* the file with its secret */
    const char *const *without;   /* names of what accounts do not get: roster,
                                     offline, carbons, archive, ... */
    bool registration;            /* strangers may make accounts (XEP-0077) */
    const char *const *contact;   /* addresses for people (XEP-0157), URIs */
    const char *const *operators; /* accounts of the domain that may do
                                     everything, as by the link */
    bool no_console;              /* no page /_console */
    uint32_t max_resources;       /* of one account [50] */
    uint32_t resume;              /* seconds a lost session waits (XEP-0198)
                                     [300] */
    const char *url; /* where people find the pages, "https://books.example"
                        [https:// and the domain; localhost: http's] */
    /* The domains of this process, ended by .domain == NULL; with them domain
     * and apps are NULL.  NULL: one domain, which is domain and apps above. */
    const struct cnc_service_domain *domains;
    bool supervise; /* the front end has called cnc_supervise() */
    /* Files that people send (XEP-0363). */
    uint32_t max_upload;   /* bytes of one [10 MB] */
    uint32_t upload_quota; /* MB of one account [1000] */
    uint32_t upload_files; /* how many of one account [10000] */
    uint32_t upload_total; /* MB in all [10000] */
    uint32_t upload_days;  /* then they are deleted; 0: they stay */
    bool upload_guests;    /* guests may send some */
    /* What an app may do before it is paused. */
    uint32_t app_time;   /* seconds of a threaded app's handler [30] */
    uint32_t app_flood;  /* items a second, for ten seconds [2000] */
    uint32_t app_memory; /* MB more than when it started [no limit] */
    /* All addresses of a domain are below this path of its site, "/books":
     * pages, files, the WebSocket.  Apps go on writing "/". [none] */
    const char *prefix;
    /* What a reload reads again; NULL: nothing.  The caller's, and outlives
     * the service. */
    const struct cnc_service_words *words;
    /* Behind web servers: http and c2s may be "unix:PATH", too. */
    const char *socket_group;      /* of all Unix sockets [the process's] */
    const char *const *c2s_proxy;  /* clients by a proxy that says whose each
                                      connection is (PROXY protocol 2) */
    const char *const *http_proxy; /* the same for HTTP */
    const char *handoff;           /* path of the Unix socket where they give
                                      us sockets of WebSockets [none] */
    const char *log;               /* file of the log, added to [stderr] */
    const char *const *link_users; /* whose processes may ask for browsers over
                                      the link, beside root and our own user:
                                      names or numbers */
};

/* Parse the options every front end shares: `--domain books.example`,
 * `--http=ADDR`, ... and fill o; strings point into argv.  Stops at the first
 * word that is no option, which is an app perhaps; *used is how many words
 * were taken.  May be called again for what comes after it: --domain begins
 * another of o->domains, and what a domain can have of its own is then that
 * one's.  The lists and domains must be NULL before the first call.
 * CNC_EINVAL with a text that names the word and the next step; call fini also
 * then. */
CNC_API int cnc_service_options_parse(struct cnc_service_options *o, int argc,
                                      char *const *argv, int *used,
                                      struct cnc_error *err);
/* After parse: the apps (ended by .app == NULL) of the domain that was named
 * last; of the only one when none was named.  And the folder of their files
 * that was given; NULL: none. */
CNC_API void cnc_service_options_apps(struct cnc_service_options *o,
                                      const struct cnc_service_app *apps);
CNC_API const char *
cnc_service_options_files(const struct cnc_service_options *o);
/* Give back what parse allocated: the lists and domains. */
CNC_API void cnc_service_options_fini(struct cnc_service_options *o);
/* The `--help` text of those options, static. */
CNC_API const char *cnc_service_options_help(void);
/* A configuration file in which every option is explained, static. */
CNC_API const char *cnc_service_options_file(void);

/* A command line with what its configuration file says among it. */
struct cnc_service_words {
    uint32_t size; /* sizeof(struct cnc_service_words) */
    int argc;      /* for cnc_service_options_parse() */
    char **argv;   /* ended by NULL */
    char *config;  /* the file; NULL: there is none */
    bool check;    /* --check: the caller judges, and starts nothing */
    int n_given;   /* the command line itself, of which a reload makes the
                      words again */
    char **given;
};
/* argv: without the program's name.  Where it says --config FILE the words of
 * the file take its place: options that the command line gives before its
 * first --domain are not taken from the file, nor are the file's apps where
 * it names some, nor its domains where it names any.  No word at all: the
 * file is /etc/concordance/concordance.conf (of this installation) when that
 * is there.  CNC_EINVAL with FILE:LINE, CNC_ESYS. */
CNC_API int cnc_service_words_new(struct cnc_service_words **out, int argc,
                                  char *const *argv, struct cnc_error *err);
CNC_API void cnc_service_words_free(struct cnc_service_words **wp);
/* Could a service be made of these options?  Judges them, the certificates,
 * the store's name and the apps that are named by a word; opens no store and
 * no socket. */
CNC_API int cnc_service_check(const struct cnc_service_options *o,
                              struct cnc_error *err);

/* Make, run until SIGINT/SIGTERM or cnc_service_stop(), free; all domains at
 * once.  new: opens the stores, checks the apps, binds the listeners; every
 * failure says what to do, and of which domain it is where there are several.
 */
CNC_API int cnc_service_new(struct cnc_service **out,
                            const struct cnc_service_options *o,
                            struct cnc_error *err);
CNC_API int cnc_service_run(struct cnc_service *s, struct cnc_error *err);
CNC_API void cnc_service_stop(struct cnc_service *s); /* any thread, signal */
CNC_API void cnc_service_free(struct cnc_service **sp);

/* -- backups (docs/backup.md) ----------------------------------------------
 */

struct cnc_backup { /* what a file says of itself */
    char domain[1024];
    char time[64]; /* XEP-0082 */
    uint64_t entries;
    uint64_t files; /* of people */
};

/* Read a whole backup and judge it.  CNC_EINVAL: it is damaged, cut short, or
 * of a newer version; CNC_ESYS. */
CNC_API int cnc_backup_check(struct cnc_backup *out, const char *file,
                             struct cnc_error *err);
/* Make the folder data, with the store of that name ("sqlite"), of a backup.
 * domain: of which it has to be, or NULL.  Nothing may be in the folder; with
 * force what is there is kept beside it, as DATA.before-restore.  No service
 * may run on it.  Whatever goes wrong, data is as it was.  CNC_EEXIST, and
 * what cnc_backup_check() says. */
CNC_API int cnc_backup_restore(struct cnc_backup *out, const char *file,
                               const char *data, const char *store,
                               const char *domain, bool force,
                               struct cnc_error *err);

/* Go on in a child that is started again when a signal ends it: call first,
 * before there are threads, and go on as if nothing were; the parent never
 * returns.  CNC_ESYS: there is no child. */
CNC_API int cnc_supervise(struct cnc_error *err);

/* Load a C app's module.  CNC_EINVAL: not an app, other ABI, missing. */
CNC_API int cnc_app_load(const struct cnc_app **out, const char *path,
                         struct cnc_error *err);
/* The same for a path or the name of an installed app ("auth"): looked for in
 * CONCORDANCE_APPS, then in the library's folder.  CNC_ENOENT: it is in none
 * of them. */
CNC_API int cnc_app_find(const struct cnc_app **out, const char *word,
                         struct cnc_error *err);

CNC_END_DECLS

#endif /* CONCORDANCE_SERVICE_H */
