/* SPDX-License-Identifier: MIT */
/*
 * doctor-proxy.h -- `concordctl doctor --nginx`: the configuration of a web
 * server in front of the service that runs, and whether one that is there
 * lets everything through.
 *
 *   doctor-proxy.c    the command; what the service says of itself
 *   doctor-site.c     a URL, taken apart
 *   doctor-conf.c     the configuration, and the line of it that mends what
 *                     was found; no network
 *   doctor-through.c  requests through the web server, ...
 *   doctor-socket.c   ... a WebSocket, ...
 *   doctor-http.c     ... and how one is sent
 *   doctor-verdict.c  what came, judged; no network
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
    char *said;                     /* the URL that the service knows */
    uint64_t max_upload;
    bool tls;         /* the service speaks TLS there */
    bool https;       /* its options say that browsers come by TLS */
    char *cert, *key; /* files of the web server */
    /* Of --url, or of the service's own. */
    char *url; /* "https://books.example", no path, no last slash */
    bool secure;
    char host[DOCTOR_NAME];
    uint16_t port;
};

int doctor_proxy(struct ctl *ctl, int argc, char **argv);

/* -- doctor-site.c -------------------------------------------------------- */

/* What no word of a configuration may have. */
#define DOCTOR_NEVER " \"'{};\\<>\r\n\t$^|"
/* The words of --nginx, ...: "nginx". */
extern const char *const doctor_servers[DOCTOR_N_SERVERS];
/* Of "https://host[:port]/..." the url, host, port and secure; false, and s is
 * as it was: it is none, or has characters that no configuration should. */
bool doctor_take_url(struct doctor_site *s, const char *url);
void doctor_site_fini(struct doctor_site *s);

/* -- doctor-conf.c -------------------------------------------------------- */

/* What a line is for. */
enum doctor_need {
    DOCTOR_NEED_LISTEN,
    DOCTOR_NEED_CERT,
    DOCTOR_NEED_PASS,
    DOCTOR_NEED_PATH, /* the whole one */
    DOCTOR_NEED_HOST,
    DOCTOR_NEED_FOR,
    DOCTOR_NEED_PROTO,
    DOCTOR_NEED_ORIGIN,
    DOCTOR_NEED_CODING,
    DOCTOR_NEED_ETAG,
    DOCTOR_NEED_BODY,
    DOCTOR_NEED_STREAM, /* bodies as they come */
    DOCTOR_NEED_SOCKET,
    DOCTOR_NEED_UPGRADE,
    DOCTOR_NEED_SOCKET_HOST,
    DOCTOR_NEED_SOCKET_PROTO,
    DOCTOR_NEED_IDLE,
    DOCTOR_NEED_META,
    DOCTOR_NEED_URL, /* of the service's own configuration */
    DOCTOR_N_NEEDS
};

void doctor_conf(struct cnc__str *out, const struct doctor_site *s);
/* The file and the place in it, ":", and the lines. */
void doctor_mend(struct cnc__str *out, const struct doctor_site *s,
                 enum doctor_need need);

/* -- doctor-http.c -------------------------------------------------------- */

struct doctor_answer {
    int status; /* 0: none */
    struct cnc__str head, body;
    char from[64]; /* this machine's address on that connection */
};

struct doctor_request {
    const char *method, *path;
    const char *more; /* further header lines, each with CR LF; or NULL */
    uint64_t len;     /* zeros that are the body of a POST */
    /* Half of them are sent; or NULL. */
    void (*half)(struct doctor_wire *w, void *priv);
    void *priv;
};

/* Of the answer at most 256 kB are kept. */
int doctor_ask(struct doctor_answer *out, const struct doctor_site *s,
               const struct doctor_request *q,
               const struct doctor_wire_options *o, struct cnc_error *err);
/* What is there of an answer: 1, it is whole; 0, more must come; CNC_EPROTO,
 * it is no HTTP.  ended: the connection is. */
int doctor_answer_read(struct doctor_answer *out, const char *data, size_t len,
                       bool ended);
void doctor_answer_fini(struct doctor_answer *a);
/* The value of a header, at most 255 bytes; "": there is none. */
const char *doctor_header(const struct doctor_answer *a, const char *name,
                          char out[256]);
bool doctor_answer_says(const struct doctor_answer *a, const char *words);
/* A connection to the site, with TLS when it has that. */
int doctor_reach(struct doctor_wire **out, const struct doctor_site *s,
                 const struct doctor_wire_options *o, char from[64],
                 struct cnc_error *err);

/* -- doctor-verdict.c ----------------------------------------------------- */

struct doctor_seen { /* what of a request has come to the service */
    bool came, begun, secure, outside, forwarded;
    char addr[64], host[256], path[256];
    uint64_t body;
};

void doctor_found(struct doctor_report *r, const struct doctor_site *s,
                  enum doctor_level level, const char *check,
                  enum doctor_need need, const char *fmt, ...)
    CNC_PRINTF(6, 7);
/* Is it the service that answers?  False: no more can be asked. */
bool doctor_judge_reach(struct doctor_report *r, const struct doctor_site *s,
                        const struct doctor_seen *seen,
                        const struct doctor_answer *a);
void doctor_judge_head(struct doctor_report *r, const struct doctor_site *s,
                       const struct doctor_seen *seen,
                       const struct doctor_answer *a);
/* A form of its own page; head: of the first request; rc and err: of sending
 * it. */
void doctor_judge_form(struct doctor_report *r, const struct doctor_site *s,
                       const struct doctor_seen *head,
                       const struct doctor_seen *seen,
                       const struct doctor_answer *a, int rc,
                       const struct cnc_error *err);
/* A body of len bytes. */
void doctor_judge_body(struct doctor_report *r, const struct doctor_site *s,
                       const struct doctor_seen *seen,
                       const struct doctor_answer *a, uint64_t len, int rc,
                       const struct cnc_error *err);
/* Does the service refuse the page's origin? */
bool doctor_is_stranger(const struct doctor_answer *a);
/* The answer to a WebSocket's opening; flipped: one of a page of the other
 * scheme is opened.  True: it is open. */
bool doctor_judge_upgrade(struct doctor_report *r, const struct doctor_site *s,
                          const struct doctor_answer *a, bool flipped);
void doctor_judge_site_cert(struct doctor_report *r,
                            const struct doctor_site *s,
                            const struct doctor_cert *c, int64_t now);

/* -- doctor-through.c, doctor-socket.c ------------------------------------ */

struct doctor_visit {
    struct doctor_report *r;
    struct cnc__client *client;
    const struct doctor_site *s;
    const struct doctor_wire_options *o;
    int idle_s;     /* how long a silent WebSocket is watched; 0: it is not */
    char token[40]; /* of the last probe */
    struct doctor_seen head, seen; /* what came of the first, of the last */
    struct cnc__str path;
    bool half_came;
};

/* Through the web server at s->url. */
void doctor_through(struct doctor_report *r, struct cnc__client *client,
                    const struct doctor_site *s, int idle_s,
                    const struct doctor_wire_options *o);
void doctor_socket(struct doctor_visit *v);

#endif /* CNC_CTL_DOCTOR_PROXY_H */
