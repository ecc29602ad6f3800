/* SPDX-License-Identifier: MIT */
/*
 * impl.h -- what the files of front share.  Names that other rooms have as
 * well begin with f here.
 *
 *   front.c  a front's life, fork(), and which way a request goes
 *   seen.c   what of a request matters here: its path, cookies, languages
 *   http.c   the request as an IQ, sent; the answer out of one
 *   page.c   a kept page
 *   kept.c   kept pages, and which of them are old
 *   answer.c answers in the making
 *   down.c   answers without the service
 *   old.c    pages as they were when it was there last
 *   typed.c  what was typed into a form, out of its body
 */
#ifndef CNC_FRONT_IMPL_H
#define CNC_FRONT_IMPL_H

#include <stdatomic.h>

#include "front.h"
#include "link.h"

#define CNC__FRONT_INLINE   ((size_t)32 << 10)  /* bytes of a body in an IQ */
#define CNC__FRONT_MAX_FORM ((size_t)256 << 10) /* of a form without files */
#define CNC__FRONT_UUID     37

struct cnc__fkept;
struct cnc__locale;

struct cnc__front {
    unsigned magic;
    struct cnc__front_config c;
    char *path, *domain, *www, *prefix, *apps; /* what c points to */
    struct cnc__flink *link;
    struct cnc__fkept *kept;
    struct cnc__locale *locale;
    struct cnc_buf *empty; /* the body of what has none */
    atomic_ullong asked, n_kept, n_stale, n_failed;
    atomic_llong refused_ms; /* when that was logged; 0: never */
    struct cnc__front *next; /* of all, for fork() */
};

/* -- seen.c ---------------------------------------------------------------
 */

struct cnc__fseen {
    const struct cnc__front_request *r;
    bool get, head, post;
    size_t path_len;   /* of r->target, up to '?' */
    const char *query; /* after it; "" if there is none */
    const char *host, *accept_encoding, *accept_language, *if_none_match;
    const char *cookie_lang; /* up to ';' */
    size_t cookie_lang_len;
    bool login, flash, fresh; /* cookies: logged in, a note to be shown, what
                                 he has just posted is to be seen */
    bool conditional;         /* If-... that front does not answer: Range */
};

void cnc__fseen_read(struct cnc__fseen *s, const struct cnc__front_request *r);
/* *borrowed* or NULL; name in lower case. */
const char *cnc__front_header(const struct cnc__front_request *r,
                              const char *name);
/* The query, as posted forms and commands are told apart by it, has NAME or
 * NAME=...? */
bool cnc__fseen_asks(const struct cnc__fseen *s, const char *name);
/* A command's form: doing it twice is not doing it once, and what its fields
 * hold may be a password. */
bool cnc__fseen_is_command(const struct cnc__fseen *s);
/* A form of a page, that may be sent twice with the same item's id. */
bool cnc__fseen_is_form(const struct cnc__fseen *s);

/* -- page.c ---------------------------------------------------------------
 */

/* An answer that does not change any more; counted. */
struct cnc__fpage {
    atomic_uint refs;
    struct cnc__front_header *headers, *brief; /* brief: of a 304 */
    size_t n_headers, n_brief;
    struct cnc_buf *body;
    char *key, *etag; /* as service/pages has them */
    bool personal;
    size_t bytes;
};

/* Copies everything but the body; headers: those of the answer. */
struct cnc__fpage *cnc__fpage_new(const struct cnc__front_header *headers,
                                  size_t n, struct cnc_buf *body,
                                  const char *key, const char *etag,
                                  bool personal);
struct cnc__fpage *cnc__fpage_ref(struct cnc__fpage *p);
void cnc__fpage_unref(struct cnc__fpage **pp);
const char *cnc__fpage_header(const struct cnc__fpage *p, const char *name);

/* -- kept.c ---------------------------------------------------------------
 */

struct cnc__fkept *cnc__fkept_new(size_t max_bytes);
void cnc__fkept_free(struct cnc__fkept **kp);
void cnc__fkept_fork_prepare(struct cnc__fkept *k);
void cnc__fkept_fork_parent(struct cnc__fkept *k);
void cnc__fkept_fork_child(struct cnc__fkept *k);
/* Could a kept page answer that? */
bool cnc__fkept_fits(const struct cnc__fseen *s);
/* A page that is as the service has it now, counted, or NULL. */
struct cnc__fpage *cnc__fkept_get(struct cnc__fkept *k,
                                  const struct cnc__fseen *s);
/* One that may be old; of several the one that fits best. */
struct cnc__fpage *cnc__fkept_get_old(struct cnc__fkept *k,
                                      const struct cnc__fseen *s);
/* Is there a page of that path, as service/pages has it? */
bool cnc__fkept_knows(struct cnc__fkept *k, const struct cnc__fseen *s,
                      const char *prefix);
/* It came by the connection that was the n-th. */
void cnc__fkept_put(struct cnc__fkept *k, const struct cnc__fseen *s,
                    struct cnc__fpage *p, uint64_t made);
void cnc__fkept_count(struct cnc__fkept *k, uint64_t *pages, uint64_t *bytes);
/* The link's events. */
void cnc__fkept_up(struct cnc__fkept *k, struct cnc__flink *l);
void cnc__fkept_down(struct cnc__fkept *k);
void cnc__fkept_message(struct cnc__fkept *k, const struct cnc_element *e);
void cnc__fkept_heard(struct cnc__fkept *k, struct cnc__fask *a,
                      const struct cnc_element *reply);

/* -- http.c ---------------------------------------------------------------
 */

struct cnc__exchange {
    struct cnc__front *f;
    const struct cnc__front_request *r;
    struct cnc__fseen s;
    char item[CNC__FRONT_UUID];
    struct cnc__str body; /* read so far, and not sent for good */
    struct cnc__str head; /* the first of it, when more was sent */
    uint64_t n_read;      /* bytes of it, all */
    bool whole;           /* that was all of it */
    bool gone;            /* whoever sends it has gone */
    bool streamed;        /* more was sent than is here */
    bool unconditional;   /* If-None-Match is answered here */
    bool sent;            /* the service may have done it */
};

/* 0: *out is the answer.  CNC_EAGAIN: none in time; CNC_ECLOSED: the
 * connection broke; CNC_ESYS: it was not sent; CNC_EREFUSED: no answer but an
 * error, its condition is in err; CNC_EPROTO. */
int cnc__exchange_try(struct cnc__exchange *x, struct cnc__front_answer *out,
                      struct cnc_error *err);
void cnc__exchange_read(struct cnc__exchange *x);

/* An answer in the making; own: what its texts are in. */
struct cnc__fown {
    struct cnc__fpage *page;    /* or NULL */
    struct cnc__inflow *inflow; /* or NULL */
    struct cnc_element *reply;  /* or NULL */
    struct cnc_buf *body;       /* or NULL */
    struct cnc__front_header *headers;
    char **texts; /* which headers point to */
    size_t n_texts;
    uint32_t wait_ms;
};

void cnc__fanswer_init(struct cnc__front_answer *a, struct cnc__front *f,
                       int status);
/* Copies both. */
void cnc__fanswer_add(struct cnc__front_answer *a, const char *name,
                      const char *value);
/* steals. */
void cnc__fanswer_body(struct cnc__front_answer *a, struct cnc_buf *body);
/* Out of what the service said; takes what ask has. */
int cnc__fanswer_take(struct cnc__front_answer *a, struct cnc__front *f,
                      struct cnc__fask *ask, struct cnc_error *err);
/* From a page that is kept; p: steals. */
void cnc__fanswer_page(struct cnc__front_answer *a, struct cnc__front *f,
                       struct cnc__fpage *p, const struct cnc__fseen *s);

/* -- down.c ---------------------------------------------------------------
 */

/* The service is not there: an older page, or 503. */
void cnc__fdown_answer(struct cnc__front_answer *out, struct cnc__exchange *x);
/* A page that says what is wrong; both English, as the catalogues know
 * them. */
void cnc__fdown_say(struct cnc__front_answer *out, struct cnc__exchange *x,
                    int status, const char *title, const char *text);
/* In which language whoever asks is answered; static. */
const char *cnc__fdown_lang(const struct cnc__exchange *x);
const struct cnc__tr *cnc__fdown_tr(const struct cnc__exchange *x);

/* -- old.c ----------------------------------------------------------------
 */

/* The page as it was, with a notice; false: there is none. */
bool cnc__fold_answer(struct cnc__front_answer *out, struct cnc__exchange *x);

/* -- typed.c --------------------------------------------------------------
 */

/* A form with what was typed; false: nothing could be read.  *files: there
 * were some, or may have been. */
bool cnc__ftyped_form(struct cnc__str *out, const struct cnc__exchange *x,
                      bool *files);

#endif /* CNC_FRONT_IMPL_H */
