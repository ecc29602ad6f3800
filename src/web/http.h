/* SPDX-License-Identifier: MIT */
/*
 * http.h -- an HTTP request and its answer, without sockets.  What src/net
 * read from a connection on one side, what src/web answers on the other.
 */
#ifndef CNC_WEB_HTTP_H
#define CNC_WEB_HTTP_H

#include <concordance/buf.h>

#include "../base/str.h"

/* What the service and a process inside a web server tell each other. */
#define CNC__NS_WEB "http://concordance-xmpp.org/ns/web"

struct cnc__request; /* src/xmpp: an IQ that waits for its answer */

enum cnc__http_method {
    CNC__HTTP_GET,
    CNC__HTTP_HEAD,
    CNC__HTTP_POST,
    CNC__HTTP_OTHER,
    CNC__HTTP_PUT,    /* these two are known where files are sent; others */
    CNC__HTTP_OPTIONS /* are given them as CNC__HTTP_OTHER */
};

enum cnc__http_place {
    CNC__HTTP_UNPLACED,
    CNC__HTTP_STRANGE, /* no site of ours */
    CNC__HTTP_OUTSIDE, /* the site's, but not below its prefix: path is all */
    CNC__HTTP_PLACED   /* path begins after the prefix, with its slash */
};

struct cnc__http_header {
    const char *name;  /* lower case */
    const char *value; /* trimmed */
};

struct cnc__http_request { /* everything borrowed until answered */
    enum cnc__http_method method;
    const char *path;  /* percent-decoded, starts with '/', valid UTF-8,
                          no "." or ".." segment, no NUL */
    const char *query; /* after '?', not decoded; "" if none */
    const struct cnc__http_header *headers;
    size_t n_headers;
    /* Found once, with the head, by whoever knows the sites (the config's
     * place of net.h): whose it is, and what of the path is before it. */
    enum cnc__http_place place;
    void *site;
    const char *body;
    size_t body_len;
    bool secure;
    char addr[64];
    struct cnc__http_responder *responder;
    /* Of whoever found out who asks: freed with cnc__free() once it is
     * answered.  NULL: nobody has asked yet. */
    void *caller;
    /* What the body's sink made of it, for the handler; its end() comes
     * once it is answered.  NULL: it is in body. */
    struct cnc__http_made *made;
    /* The process inside a web server that asks for a browser, over the link;
     * NULL: it came by a socket.  There until it is answered. */
    struct cnc__http_asker *asker;
    /* Found out: nothing of ours has this address, whatever the answer is. */
    bool unknown;
};

struct cnc__http_made {
    void (*end)(struct cnc__http_made *self);
};

/*
 * Who asks by the gate (src/service/gate.c).  It can be sent away with an
 * errand before it is answered: handlers of pages run there (docs/protocol.md,
 * HTTP over the link).
 *
 *   <req/> -> handler -> say(<run/>): the answer of that IQ
 *   <ran/> in another IQ of the same session -> go_on() with it
 *     -> say() once more, or the responder's respond(): the answer of this IQ
 */
struct cnc__http_errand { /* whoever sent it away: zeroed, from say() on */
    /* The asker's session has ended, or it did not come back in time: there
     * will be no go_on().  Not called after go_on(), nor after drop(). */
    void (*gone)(struct cnc__http_errand *self);
    struct cnc__http_errand *next; /* the gate's */
    char *xml;
};

struct cnc__http_asker {
    const char *apps; /* whose handlers run there, "shelf news"; "": none */
    const char *item; /* the item's id, for a form that says none; or NULL */
    uint64_t session; /* of the link: struct cnc__session's id */
    /* Answer the IQ that waits with this element.  Of several at once each
     * waits for the IQ after the one before.  e stays the caller's, there
     * until go_on(), gone() or drop(). */
    void (*say)(struct cnc__http_asker *self, struct cnc__http_errand *e,
                const char *xml, size_t len);
    /* What came of e is in iq, which is the one that waits now: *iq is taken,
     * and NULL.  False: it is another session's, or e was not said yet; iq
     * stays. */
    bool (*go_on)(struct cnc__http_asker *self, struct cnc__http_errand *e,
                  struct cnc__request **iq);
    /* Nobody waits for e any more. */
    void (*drop)(struct cnc__http_asker *self, struct cnc__http_errand *e);
};

/* *borrowed*, or NULL. name in lower case. */
CNC_API const char *cnc__http_header(const struct cnc__http_request *r,
                                     const char *name);

/* A page as every guest gets it; borrowed. */
struct cnc__http_kept {
    const char *key;  /* of the item in service/pages: "/books", "de:/books" */
    const char *etag; /* of the plain document, without quotes */
    bool personal;    /* who sends a cookie of ours may get another one */
};

struct cnc__http_response {
    int status;               /* 200, 303, 304, 404, ... */
    const char *content_type; /* or NULL */
    const char *headers;      /* more lines, each ending in \r\n; or NULL */
    struct cnc_buf *body;     /* borrowed; or NULL */
    /* Instead of all the above: the whole answer, head and body, made once
     * for many (HTTP/1.1 keep-alive); head_len bytes of it answer HEAD. */
    struct cnc_buf *whole;
    size_t head_len;
    /* Instead of body: a part of a file, read as the client takes it.  NULL:
     * none. */
    const struct cnc__http_file *file;
    const struct cnc__http_kept *kept; /* it is this; or NULL */
};

struct cnc__http_file {
    int fd; /* steals, whatever becomes of the answer */
    uint64_t offset, len;
};

/* Answer exactly once, now or later, from the core's thread.  The responder
 * is gone after; the client may have gone before, that is fine. */
struct cnc__http_responder {
    void (*respond)(struct cnc__http_responder *self,
                    const struct cnc__http_response *response);
    /* The sink of this request's body is not full any more. */
    void (*resume)(struct cnc__http_responder *self);
};

/*
 * Where a body goes that is not gathered in memory.  data() takes what came;
 * when that was enough it sets full, and no more is read until it has cleared
 * that and called the responder's resume().  Then one of end(): the body is
 * whole, answer as a handler would; or gone(): nobody is left to answer.
 */
struct cnc__http_sink {
    bool full;
    size_t held; /* bytes of memory that it has now, for the limit of all */
    void (*data)(struct cnc__http_sink *self, const char *data, size_t len);
    void (*end)(struct cnc__http_sink *self);
    void (*gone)(struct cnc__http_sink *self);
};

typedef void cnc__http_handler_f(struct cnc__http_request *r, void *priv);

/* Percent-encoded; path: all but its slashes. */
CNC_API void cnc__web_percent(struct cnc__str *out, const char *s, bool path);
/* "200 OK" and so on, never NULL. */
CNC_API const char *cnc__http_status_text(int status);

/* application/x-www-form-urlencoded and query strings.  Calls f for each
 * pair, decoded, valid UTF-8 without NUL; at most max pairs.
 * CNC_ESYNTAX, CNC_ELIMIT. */
typedef int cnc__http_pair_f(const char *name, const char *value, void *priv);
CNC_API int cnc__http_form_parse(const char *s, size_t len, size_t max,
                                 cnc__http_pair_f *f, void *priv);

#endif /* CNC_WEB_HTTP_H */
