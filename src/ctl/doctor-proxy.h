/* SPDX-License-Identifier: MIT */
/*
 * doctor-proxy.h -- `concordctl doctor --nginx`: the configuration of a web
 * server in front of the service that runs, and whether one that is there
 * lets everything through.
 *
 *   doctor-proxy.c    the command; what the service says of itself; printing
 *   doctor-through.c  requests through the web server, and findings
 *   doctor-http.c     one request and its answer
 */
#ifndef CNC_CTL_DOCTOR_PROXY_H
#define CNC_CTL_DOCTOR_PROXY_H

#include "ctl.h"
#include "doctor.h"

enum doctor_server {
    DOCTOR_NGINX,
    DOCTOR_APACHE,
    DOCTOR_CADDY,
    DOCTOR_N_SERVERS
};

struct doctor_site { /* what is to be let through, and where */
    enum doctor_server server;
    char *domain, *prefix, *socket; /* "/books", "/books/xmpp" */
    char *http;                     /* "127.0.0.1:8080", "unix:/run/x" */
    uint64_t max_upload;
    bool tls;   /* the service speaks TLS there */
    bool https; /* its options say that browsers come by TLS */
    /* Of --url, or of the service's own. */
    char *url; /* "https://books.example", no path, no last slash */
    bool secure;
    char host[DOCTOR_NAME];
    uint16_t port;
};

int doctor_proxy(struct ctl *ctl, int argc, char **argv);
/* The words of --nginx, ...: "nginx". */
extern const char *const doctor_servers[DOCTOR_N_SERVERS];

void doctor_proxy_print(struct cnc__str *out, const struct doctor_site *s);
/* Through the web server at s->url.  idle_s: how long a silent WebSocket is
 * watched; 0: it is not. */
void doctor_through(struct doctor_report *r, struct cnc__client *client,
                    const struct doctor_site *s, int idle_s,
                    const struct doctor_wire_options *o);

/* -- doctor-http.c -------------------------------------------------------- */

struct doctor_answer {
    int status; /* 0: none */
    struct cnc__str head, body;
    char from[64]; /* this machine's address on that connection */
};

/* more: further header lines, each with CR LF.  len bytes of zeros are sent as
 * body of a POST.  Of the answer at most 256 kB are kept. */
int doctor_ask(struct doctor_answer *out, const struct doctor_site *s,
               const char *method, const char *path, const char *more,
               uint64_t len, const struct doctor_wire_options *o,
               struct cnc_error *err);
void doctor_answer_fini(struct doctor_answer *a);
/* The value of a header, at most 255 bytes; "": there is none. */
const char *doctor_header(const struct doctor_answer *a, const char *name,
                          char out[256]);
/* A connection to the site, with TLS when it has that. */
int doctor_reach(struct doctor_wire **out, const struct doctor_site *s,
                 const struct doctor_wire_options *o, char from[64],
                 struct cnc_error *err);

#endif /* CNC_CTL_DOCTOR_PROXY_H */
