/* SPDX-License-Identifier: MIT */
/*
 * weblogin.h -- who is logged in with a browser: what weblogin.c (who, kept),
 * webcookie.c (by which cookie) and webtoken.c (one-use tokens for streams)
 * share.
 *
 *   cookie -SHA-256-> log-in -token, 60 s-> stream (session.login)
 *
 * The cookie's text is nowhere but in the browser.  The core's thread alone.
 */
#ifndef CNC_SERVICE_WEBLOGIN_H
#define CNC_SERVICE_WEBLOGIN_H

#include <concordance/login.h>

#include "private.h"

#define CNC__WEBLOGIN_SECRET   43  /* characters of 256 random bits */
#define CNC__WEBLOGIN_ID       32  /* hex digits */
#define CNC__WEBLOGIN_DAYS     30u /* at most, unless said */
#define CNC__WEBLOGIN_IDLE_S   (7 * 86400)
#define CNC__WEBLOGIN_MAX_S    (400u * 86400) /* what browsers keep */
#define CNC__WEBLOGINS_PER_JID 50u
#define CNC__WEBLOGINS_MAX     100000u

struct cnc__weblogin {
    char id[CNC__WEBLOGIN_ID + 1];
    char hash[65]; /* of the cookie */
    char *jid;     /* bare, prepared, of any domain */
    char *agent, *addr;
    int64_t since, seen, expires; /* Unix seconds */
    int64_t kept_seen;            /* what the store has */
    struct cnc__weblogin *next;   /* of the same JID */
};

struct cnc__weblogins {
    unsigned magic;
#define CNC__WEBLOGINS_MAGIC 0x57656c6fu
    struct cnc_service *service;
    struct cnc__table *by_id, *by_hash; /* struct cnc__weblogin */
    struct cnc__table *by_jid;          /* the first of them */
    struct cnc__table *tokens;          /* hash -> struct, webtoken.c */
    char *guest;                        /* "guest@DOMAIN" */
    uint64_t swept_ms;
};

/* -- secret.c --------------------------------------------------------------
 */

/* 43 characters that fit in a URL and a cookie: 256 random bits. */
void cnc__secret_new(char out[CNC__WEBLOGIN_SECRET + 1]);
/* SHA-256, in hex, of a text. */
void cnc__secret_hash(char out[65], const char *secret, size_t len);
int64_t cnc__unix_s(void);

/* -- weblogin.c ------------------------------------------------------------
 */

/* A new one; secret is what the cookie shall be.  One that cannot be kept
 * ends.  g (may be NULL): what is kept for it. */
struct cnc__weblogin *cnc__weblogin_new(struct cnc__weblogins *w,
                                        const char *jid, uint32_t seconds,
                                        const char *agent, const char *addr,
                                        char secret[CNC__WEBLOGIN_SECRET + 1],
                                        struct cnc__gather *g);
/* One that is good now, by its cookie or its id; it was used just now.  NULL:
 * there is none. */
struct cnc__weblogin *cnc__weblogin_by_secret(struct cnc__weblogins *w,
                                              const char *secret, size_t len);
struct cnc__weblogin *cnc__weblogin_by_id(struct cnc__weblogins *w,
                                          const char *id);
/* It and the streams that its tokens opened.  g (may be NULL): for when that
 * is durable. */
void cnc__weblogin_end(struct cnc__weblogins *w, struct cnc__weblogin *l,
                       const char *why, struct cnc__gather *g);

/* -- webcookie.c -----------------------------------------------------------
 */

/* Added to out: the lines that take the cookies back. */
void cnc__webcookie_clear(struct cnc__str *out, const struct cnc__weblogins *w,
                          const struct cnc__http_request *r);
/* The log-in whose cookie came with this request, or NULL.  *sent: there was
 * a cookie of that name, good or not. */
struct cnc__weblogin *cnc__webcookie_login(struct cnc__weblogins *w,
                                           const struct cnc__http_request *r,
                                           bool *sent);

/* -- webtoken.c ------------------------------------------------------------
 */

/* POST /_token, from this log-in. */
void cnc__webtoken_answer(struct cnc__weblogins *w, struct cnc__weblogin *l,
                          struct cnc__http_request *r);
void cnc__webtoken_sweep(struct cnc__weblogins *w);

#endif /* CNC_SERVICE_WEBLOGIN_H */
