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

struct cnc_service_app {
    const struct cnc_app *app; /* outlives the service */
    const char *files;         /* folder of its templates and assets/ */
};

/* Zero: the default in brackets.  Strings and apps stay the caller's and
 * outlive the service. */
struct cnc_service_options {
    uint32_t size;      /* sizeof(struct cnc_service_options) */
    const char *domain; /* XMPP domain [localhost] */
    const char *http;   /* address of pages and WebSocket
                           [127.0.0.1:8080]; port 0: any */
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
    const struct cnc_service_app *apps; /* ends with .app == NULL */
    uint32_t max_stanza;                /* bytes, authenticated [262144] */
    uint32_t max_queue; /* bytes waiting for one client [1 MB] */
    uint32_t renders;   /* render processes [1] */
    /* Everything listens; url is the page to open.  May be NULL. */
    void (*on_ready)(struct cnc_service *s, const char *url, void *priv);
    void *priv;
};

/* Parse the options every front end shares: `--domain books.example`,
 * `--http=ADDR`, ... and fill o; strings point into argv.  Stops at the first
 * word that is no option; *used is how many words were taken.  o->origins
 * must be NULL before.  CNC_EINVAL with a text that names the word and the
 * next step; call fini also then. */
CNC_API int cnc_service_options_parse(struct cnc_service_options *o, int argc,
                                      char *const *argv, int *used,
                                      struct cnc_error *err);
/* Give back what parse allocated: the list of origins. */
CNC_API void cnc_service_options_fini(struct cnc_service_options *o);
/* The `--help` text of those options, static. */
CNC_API const char *cnc_service_options_help(void);

/* Make, run until SIGINT/SIGTERM or cnc_service_stop(), free.  new: opens the
 * store, checks the apps, binds the listeners; every failure says what to do.
 */
CNC_API int cnc_service_new(struct cnc_service **out,
                            const struct cnc_service_options *o,
                            struct cnc_error *err);
CNC_API int cnc_service_run(struct cnc_service *s, struct cnc_error *err);
CNC_API void cnc_service_stop(struct cnc_service *s); /* any thread, signal */
CNC_API void cnc_service_free(struct cnc_service **sp);

/* Load a C app's module.  CNC_EINVAL: not an app, other ABI, missing. */
CNC_API int cnc_app_load(const struct cnc_app **out, const char *path,
                         struct cnc_error *err);

CNC_END_DECLS

#endif /* CONCORDANCE_SERVICE_H */
