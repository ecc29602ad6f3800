/* SPDX-License-Identifier: MIT */
/*
 * gate.h -- HTTP over the link (docs/protocol.md): a process inside a web
 * server asks, in IQs, what browsers ask it.  A request is judged and answered
 * by the same code as one that came by a socket.
 *
 *   <req/> -> gate-read.c -> call -> on_http() of process.c -> respond()
 *          [-> gate-body.c: the blocks of its body]
 *          -> gate-write.c -> <resp/> [-> gate-send.c: blocks of its body]
 *
 *   gate.c        links, calls, who may
 *   gate-errand.c what the process does before it is answered
 *   gate-pages.c  the node service/pages
 *
 * A link is a session of the Unix socket that asks.  When it ends, what is
 * read is dropped, and what a handler has is answered to nobody.  Core's
 * thread.
 */
#ifndef CNC_SERVICE_GATE_H
#define CNC_SERVICE_GATE_H

#include "../web/head.h"
#include "private.h"

#define CNC__NS_HTTP "urn:xmpp:http"
#define CNC__NS_SHIM "http://jabber.org/protocol/shim"
#define CNC__NS_IBB  "http://jabber.org/protocol/ibb"
#define CNC__NS_WEB  "http://concordance-xmpp.org/ns/web"

#define CNC__GATE_CALLS    256u               /* of one link at once */
#define CNC__GATE_INLINE   32768u             /* bytes of a body in one IQ */
#define CNC__GATE_MAX_BODY ((size_t)1 << 20)  /* gathered in memory */
#define CNC__GATE_HELD     ((size_t)64 << 20) /* bodies of one link */
#define CNC__GATE_BLOCK    49152u             /* bytes that we send at once */
#define CNC__GATE_BLOCK_IN 65535u             /* that we take */
#define CNC__GATE_SID      128u               /* bytes of a stream's name */

struct cnc__gate_call;
struct cnc__gate_out;

struct cnc__gate_link {
    uint64_t session;
    char *jid;
    struct cnc__gate_call *calls;
    struct cnc__gate_out *outs; /* bodies of answers on their way */
    size_t n;                   /* of both */
    size_t held;                /* bytes of bodies */
};

struct cnc__gate {
    struct cnc_service *service;
    struct cnc__table *links;       /* id of the session -> link */
    struct cnc__gate_call *orphans; /* with a handler; their link has gone */
    struct cnc__node *pages;
    int64_t *uids;     /* of --link-user */
    uint32_t stall_ms; /* for the next block, or an errand */
    uint64_t warned_ms;
    struct cnc__gate_stats stats;
};

static inline uint64_t
cnc__gate_now(const struct cnc__gate *g)
{
    return uv_now(&g->service->process->loop);
}

struct cnc__gate_call { /* a request */
    unsigned magic;
#define CNC__GATE_CALL_MAGIC 0x67617465u
    struct cnc__gate *gate;
    struct cnc__gate_link *link; /* NULL: it has gone */
    struct cnc__gate_call *prev, *next;
    struct cnc__request *iq; /* that waits for the answer; or NULL */
    struct cnc__http_request request;
    struct cnc__http_header headers[CNC__HTTP_MAX_HEADERS];
    const char *host;
    struct cnc__str text; /* of the head */
    char *item, *apps;    /* the asker's */
    struct cnc__http_responder responder;
    struct cnc__http_asker asker;
    struct cnc__http_errand *errands;
    bool said; /* the first of them */
    bool with_handler, in_handler, answered;
    uint64_t deadline_ms; /* 0: none */
    /* Its body. */
    struct cnc__str body; /* gathered */
    uint64_t length;      /* as said; UINT64_MAX: not */
    uint64_t n_body;      /* came */
    uint64_t max_body;
    size_t held; /* of link->held */
    struct cnc__http_sink *sink;
    char *sid; /* blocks come; or NULL */
    bool opened;
    uint16_t seq;
    uint32_t block;
    struct cnc__request *block_iq; /* its answer waits for the sink */
};

/* -- gate.c -------------------------------------------------------------- */

struct cnc__gate_call *cnc__gate_call_new(struct cnc__gate *g,
                                          struct cnc__gate_link *link,
                                          struct cnc__request *iq);
/* Out of its list, its IQ unanswered. */
void cnc__gate_call_free(struct cnc__gate_call **cp);
/* Answer the IQ with an error of it, once, and let go of the call. */
void cnc__gate_refuse(struct cnc__gate_call *c, int code,
                      const char *condition, const char *why);
/* Answer with a line of text. */
void cnc__gate_say(struct cnc__gate_call *c, int status, const char *headers,
                   const char *why);
/* The head is there.  False: it was answered, and is gone. */
bool cnc__gate_may_go_on(struct cnc__gate_call *c);
/* A body comes: where does it go?  False: as above. */
bool cnc__gate_expect(struct cnc__gate_call *c);
/* All is there. */
void cnc__gate_dispatch(struct cnc__gate_call *c);
/* n more bytes of bodies, counted in *held too; false: that is too much for
 * this link. */
bool cnc__gate_hold(struct cnc__gate_link *link, size_t *held, size_t n);
/* One warning a second of what may come in floods. */
void cnc__gate_warn(struct cnc__gate *g, const char *event, const char *jid,
                    const char *why);
/* A link's list, made with its first use; NULL: not one that may. */
struct cnc__gate_link *cnc__gate_link_of(struct cnc__gate *g,
                                         uint64_t session);

/* -- gate-errand.c -------------------------------------------------------- */

void cnc__gate_errands_init(struct cnc__gate_call *c);
/* Nobody comes back with any of them; the call may be answered after, and is
 * there still. */
void cnc__gate_errands_end(struct cnc__gate_call *c);

/* -- gate-read.c ---------------------------------------------------------- */

/* The request that <req/> is; body: its bytes, or a sid, or neither.
 * CNC_EINVAL (bad-request), CNC_ELIMIT (policy-violation). */
int cnc__gate_read(struct cnc__gate_call *c, const struct cnc_element *req,
                   struct cnc_error *err);

/* -- gate-write.c --------------------------------------------------------- */

/* sid: of the stream that its body comes by; NULL: it is inside, all of body,
 * or there is none. */
void cnc__gate_write(struct cnc__str *out, const struct cnc__http_request *q,
                     const struct cnc__http_response *r, const char *sid);
/* The body that answers q; 0: there is none. */
uint64_t cnc__gate_body_len(const struct cnc__http_request *q,
                            const struct cnc__http_response *r);

/* -- gate-body.c ---------------------------------------------------------- */

int cnc__gate_body_handlers(struct cnc__gate *g, struct cnc_error *err);
/* The sink is not full any more. */
void cnc__gate_body_resume(struct cnc__gate_call *c);

/* -- gate-send.c ---------------------------------------------------------- */

/* The body of r, block by block, on a stream with this name.  Its file is
 * stolen. */
void cnc__gate_send(struct cnc__gate *g, struct cnc__gate_link *link,
                    const struct cnc__http_response *r, const char *sid);
/* The link has gone. */
void cnc__gate_send_end(struct cnc__gate_link *link);

/* -- gate-pages.c --------------------------------------------------------- */

void cnc__gate_pages_declare(struct cnc__gate *g);

#endif /* CNC_SERVICE_GATE_H */
