/* SPDX-License-Identifier: MIT */
/*
 * head.h -- what the head of an HTTP request may say, whichever way it came:
 * from a socket (src/net/http1.c), or over the link (src/service/gate.c).
 * Whoever answers must never have to wonder what it means, so everything that
 * could mean two things is refused.
 *
 * What returns a status returns 0 when all is well; else *why is one line for
 * a person, static.
 */
#ifndef CNC_WEB_HEAD_H
#define CNC_WEB_HEAD_H

#include "http.h"

#define CNC__HTTP_MAX_HEAD    16384 /* bytes of a head */
#define CNC__HTTP_MAX_LINE    8192  /* bytes of a request line */
#define CNC__HTTP_MAX_HEADERS 64

/* -- head.c --------------------------------------------------------------- */

/* A byte of a name (tchar, RFC 9110 5.6.2) in lower case; 0: it is none. */
CNC_API char cnc__http_tchar(char c);
/* One header more to r->headers, which are these.  name in any case; value
 * with blanks around it or without.  Copies of both go to text, which must
 * have room for them and their ends: it may not move while r is there. */
CNC_API int
cnc__http_add_header(struct cnc__http_request *r,
                     struct cnc__http_header headers[CNC__HTTP_MAX_HEADERS],
                     struct cnc__str *text, const char *name, size_t name_len,
                     const char *value, size_t value_len, const char **why);
/* Those that must not come twice did not. */
CNC_API int cnc__http_check_singles(const struct cnc__http_request *r,
                                    const char **why);
/* Does a list header (all its lines) hold token, in any case? */
CNC_API bool cnc__http_has_token(const struct cnc__http_request *r,
                                 const char *name, const char *token);

/* The value of a cookie (RFC 6265 4.2.1) in a Cookie header's value: len
 * bytes, *borrowed*; NULL: it is not there. */
CNC_API const char *cnc__cookie_find(const char *cookies, const char *name,
                                     size_t *len);
/* The same, in whichever Cookie header: by HTTP/2 there may be several (RFC
 * 9113 8.2.3). */
CNC_API const char *cnc__http_cookie(const struct cnc__http_request *r,
                                     const char *name, size_t *len);

/* Ours. */
#define CNC__COOKIE_LOGIN       "concordance"
#define CNC__COOKIE_LOGIN_HOST  "__Host-concordance"
#define CNC__COOKIE_LOGIN_BELOW "__Secure-concordance"
#define CNC__COOKIE_LANG        "concordance-lang"
#define CNC__COOKIE_FLASH       "cnc-flash"       /* a note, to be shown */
#define CNC__COOKIE_NEW         "concordance-new" /* has just posted something */

/* -- target.c ------------------------------------------------------------- */

/* r->path and r->query out of a request target (origin or absolute form) into
 * text, which must have room for len + 2 bytes.  host: what the Host header
 * says. */
CNC_API int cnc__http_target(struct cnc__http_request *r,
                             struct cnc__str *text, const char *host,
                             const char *s, size_t len, const char **why);
/* host [":" port] as browsers send it. */
CNC_API bool cnc__http_host_valid(const char *host);

/* -- origin.c ------------------------------------------------------------- */

/* May a page of this origin use the service?  origin "null" never.
 *   list  allowed origins, NULL-terminated; may be NULL */
CNC_API bool cnc__origin_allowed(const char *origin, const char *host,
                                 bool secure, const char *const *list);
/* The same question for a request that changes something; what old browsers
 * leave out is looked up in Sec-Fetch-Site and Referer. */
CNC_API bool cnc__origin_may_post(const struct cnc__http_request *r,
                                  const char *host, bool secure,
                                  const char *const *list);
/* May this be done, wherever the page is that asks for it?  A status: 403 when
 * it changes something and comes from elsewhere; whatever is below open (NULL:
 * nothing) any page may ask for. */
CNC_API int cnc__origin_check(const struct cnc__http_request *r,
                              const char *host, const char *open,
                              const char *const *list, const char **why);
/* Who was refused, for the log: what the request says of its page's origin,
 * and what would have been its own. */
CNC_API void cnc__origin_tell(struct cnc__str *out,
                              const struct cnc__http_request *r,
                              const char *host);

#endif /* CNC_WEB_HEAD_H */
