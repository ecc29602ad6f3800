/* SPDX-License-Identifier: MIT */
/*
 * front.h -- the service's half that runs inside a web server: requests of
 * HTTP go to the service over the link, and come back as answers; pages that
 * are the same for everybody are kept, and answered from here.
 *
 *   WSGI, ASGI, FastCGI
 *     request -> kept page?  -> answer                   (no word on the link)
 *             -> link (XEP-0332 in an IQ) -> the service -> answer
 *             -> link is down: the last page that is kept, or the file of it,
 *                with a notice; forms: 503 with what was typed
 *
 *   link.c    one connection to the service for a process, any number of
 *             threads: each waits for the answer to its own IQ
 *   http.c    a request as an IQ, an answer out of one (docs/protocol.md, HTTP
 *             over the link); large bodies in blocks (XEP-0047)
 *   kept.c    the pages that are kept, and what the node service/pages says of
 *             them
 *   down.c    answers while the service is down
 *   frames*.c frames.h: XMPP of WebSocket (RFC 7395) and of TCP (RFC 6120)
 *
 * Nothing here knows Python or a web server.  Every function may be called
 * from any thread; a call waits.  The link's own thread begins with the first
 * request, and anew after a fork(): a front may be made before workers are.
 */
#ifndef CNC_FRONT_FRONT_H
#define CNC_FRONT_FRONT_H

#include <sys/types.h>

#include <concordance/buf.h>
#include <concordance/xml.h>

#include "../base/str.h"

struct cnc__front;

struct cnc__front_config { /* texts are copied */
    const char *link;      /* the service's Unix socket */
    const char *domain;    /* NULL: the service's first */
    const char *www;       /* its folder of snapshots, for when it is down and
                              this process has not seen a page; NULL: none */
    /* Who may own the service, beside root and who runs this; -1: nobody.
     * Another owner of the socket gets no word (CNC_EACCES). */
    int64_t owner;
    size_t max_kept;   /* bytes of pages that are kept [64 MB] */
    uint32_t wait_ms;  /* for an answer [30000]; then 504 */
    uint32_t retry_ms; /* for the service to come back, before a request is
                          answered without it [2000] */
    /* The service leaves the handler of a page to this process (<run/>,
     * docs/protocol.md): add what became of it to answer, the children of
     * <ran/>.  Called on the thread that asks.  NULL: it runs them itself. */
    void (*run)(struct cnc__str *answer, const struct cnc_element *run,
                void *priv);
    const char *apps; /* names of the apps whose handlers run here: "shelf
                         news"; NULL: none */
    void *priv;
    uint32_t ping_ms;   /* silence after which the service is asked whether it
                           lives [10000]; after twice that it is taken for
                           dead */
    const char *prefix; /* what the service has of --prefix, for the files of
                           www; NULL: nothing */
};

/* Connects to nothing yet.  CNC_EINVAL. */
CNC_API int cnc__front_new(struct cnc__front **out,
                           const struct cnc__front_config *config,
                           struct cnc_error *err);
/* No request may be under way. */
CNC_API void cnc__front_free(struct cnc__front **fp);

struct cnc__front_header {
    const char *name, *value; /* name as it came, or in any case */
};

struct cnc__front_request { /* borrowed for the call */
    const char *method;
    const char *target; /* as on the request line: "/books?before=7", with the
                           prefix that this is mounted at */
    const struct cnc__front_header *headers; /* Host among them */
    size_t n_headers;
    const char *addr; /* the client's; "" if it is not known */
    bool secure;      /* it came by HTTPS */
    uint64_t length;  /* of the body; UINT64_MAX: not said */
    /* Up to size bytes of the body: how many; 0: that was all; -1: whoever
     * sends it has gone.  NULL: there is none. */
    ssize_t (*read)(void *data, size_t size, void *priv);
    void *priv;
};

struct cnc__front_answer {
    int status;
    /* With Content-Type and the rest; Content-Length, if it is known, too. */
    struct cnc__front_header *headers;
    size_t n_headers;
    /* The whole body, counted, as long as the answer; NULL: read it with
     * cnc__front_read(). */
    const struct cnc_buf *body;
    bool not_ours; /* 404: no app of the domain has this address */
    void *own;     /* front's */
};

/* Ask and wait.  An answer comes always (503, 504 and so on, as pages).  HEAD
 * and 304 have no body.  Free it with cnc__front_answer_fini(). */
CNC_API void cnc__front_ask(struct cnc__front *f,
                            struct cnc__front_answer *out,
                            const struct cnc__front_request *request);
/* Up to size bytes of the body of an answer: how many, 0: that was all.
 * CNC_ECLOSED: the service went meanwhile, the client must not take it for
 * whole. */
CNC_API ssize_t cnc__front_read(struct cnc__front_answer *a, void *data,
                                size_t size);
CNC_API void cnc__front_answer_fini(struct cnc__front_answer *a);

/* An IQ to the domain (type "get" or "set") and its answer: *reply is a *new*
 * reference or NULL.  As cnc__client_iq().  CNC_EAGAIN: no service. */
CNC_API int cnc__front_iq(struct cnc__front *f, const char *type,
                          const char *payload_xml, struct cnc_element **reply,
                          struct cnc_error *err);

struct cnc__front_stats {
    uint64_t asked, kept, stale, failed; /* requests: all; answered from what
                                            is kept; from an older page while
                                            the service was down; 5xx */
    uint64_t connects, n_pages, n_bytes; /* times connected; pages kept now */
    bool up;
};
CNC_API void cnc__front_stats(struct cnc__front *f,
                              struct cnc__front_stats *out);

#endif /* CNC_FRONT_FRONT_H */
