/* SPDX-License-Identifier: MIT */
/*
 * webcookie.c -- a browser's cookie (RFC 6265) and who it stands for.
 *
 * __Host- (a browser takes it over TLS alone, for this host alone, never from
 * a neighbour) wherever the browser comes by TLS; on a loopback address
 * without it, a plain name, since some browsers take none that is Secure
 * there. Below a prefix it is __Secure-, which may have a path: the site's
 * neighbours do not get it.  A second cookie, which scripts may read, says
 * that there is one, no more.
 */
#include <strings.h>

#include "../web/head.h"
#include "../xmpp/jid.h"
#include "weblogin.h"

#define MARK     "concordance-user"
#define MAX_LANG 35 /* RFC 5646 4.4.1 */

bool
cnc__weblogin_is_https(const struct cnc_service *s)
{
    for (const char *const *o = s->o.origins; o != NULL && *o != NULL; o++) {
        if (strncasecmp(*o, "https://", 8) == 0) {
            return true;
        }
    }
    return s->o.tls_cert != NULL ||
           (s->o.url != NULL && strncasecmp(s->o.url, "https://", 8) == 0);
}

/* Is the browser's end of it TLS?  A proxy's is, when an origin says so. */
static bool
is_https(const struct cnc_service *s, const struct cnc__http_request *r)
{
    return r->secure || cnc__weblogin_is_https(s);
}

static bool
is_loopback(const char *addr)
{
    return strncmp(addr, "127.", 4) == 0 || strcmp(addr, "::1") == 0 ||
           strncmp(addr, "::ffff:127.", 11) == 0;
}

static const char *
name_of(const struct cnc_service *s, bool https)
{
    return !https                      ? CNC__COOKIE_LOGIN
           : cnc__prefix(s)[0] == '\0' ? CNC__COOKIE_LOGIN_HOST
                                       : CNC__COOKIE_LOGIN_BELOW;
}

static void
add_cookies(struct cnc__str *out, const struct cnc_service *s, bool https,
            const char *value, long long max_age)
{
    const char *secure = https ? "; Secure" : "", *prefix = cnc__prefix(s);

    cnc__str_printf(out,
                    "Set-Cookie: %s=%s; Path=%s/; Max-Age=%lld; HttpOnly; "
                    "SameSite=Lax%s\r\n"
                    "Set-Cookie: " MARK "=%s; Path=%s/; Max-Age=%lld; "
                    "SameSite=Lax%s\r\n",
                    name_of(s, https), value, prefix, max_age, secure,
                    max_age > 0 ? "1" : "", prefix, max_age, secure);
}

void
cnc__webcookie_clear(struct cnc__str *out, const struct cnc__weblogins *w,
                     const struct cnc__http_request *r)
{
    add_cookies(out, w->service, is_https(w->service, r), "", 0);
}

struct cnc__weblogin *
cnc__webcookie_login(struct cnc__weblogins *w,
                     const struct cnc__http_request *r, bool *sent)
{
    const char *name = name_of(w->service, is_https(w->service, r));
    size_t len = 0;
    const char *value = cnc__http_cookie(r, name, &len);

    *sent = value != NULL;
    return value == NULL ? NULL : cnc__weblogin_by_secret(w, value, len);
}

/* -- who asks --------------------------------------------------------------
 */

/* r->caller: what a struct cnc__caller points to, as long as the request. */
struct known {
    char lang[MAX_LANG + 1];
    char login[CNC__WEBLOGIN_ID + 1]; /* "": a guest */
    bool operator_;
    char jid[];
};

static bool
is_lang(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool alpha = (s[i] | 0x20) >= 'a' && (s[i] | 0x20) <= 'z';

        if (!alpha &&
            (i == 0 || (s[i] != '-' && (s[i] < '0' || s[i] > '9')))) {
            return false;
        }
    }
    return len > 0 && len <= MAX_LANG;
}

static int
on_lang(const char *name, const char *value, void *priv)
{
    if (strcmp(name, "lang") == 0 && is_lang(value, strlen(value))) {
        memcpy(priv, value, strlen(value) + 1);
    }
    return 0;
}

/* What was asked for last, else what the browser likes best: whoever has texts
 * in some languages only chooses among those himself. */
static void
read_lang(char out[MAX_LANG + 1], const struct cnc__http_request *r)
{
    const char *accept = cnc__http_header(r, "accept-language");
    size_t len = 0;
    const char *cookie = cnc__http_cookie(r, CNC__COOKIE_LANG, &len);

    if (cookie != NULL && is_lang(cookie, len)) {
        memcpy(out, cookie, len);
    } else if (accept != NULL &&
               is_lang(accept, len = strcspn(accept, ",; "))) {
        memcpy(out, accept, len);
    } else {
        memcpy(out, "en", 3);
    }
    if (r->query[0] != '\0') {
        cnc__http_form_parse(r->query, strlen(r->query), 64, on_lang, out);
    }
}

static struct known *
find_out(struct cnc__weblogins *w, const struct cnc__http_request *r)
{
    bool sent;
    const struct cnc__weblogin *l = cnc__webcookie_login(w, r, &sent);
    const char *jid = l == NULL ? w->guest : l->jid;
    struct known *k = cnc__zalloc(sizeof(*k) + strlen(jid) + 1);

    memcpy(k->jid, jid, strlen(jid) + 1);
    if (l != NULL) {
        memcpy(k->login, l->id, sizeof(k->login));
        k->operator_ = cnc__logins_is_operator(jid, w->service->accounts);
    }
    read_lang(k->lang, r);
    return k;
}

void
cnc__weblogin_caller(struct cnc__caller *out, struct cnc__http_request *r,
                     void *service)
{
    struct cnc_service *s = service;
    const struct known *k;

    if (r->caller == NULL) {
        r->caller = find_out(s->weblogins, r);
    }
    k = r->caller;
    *out =
        (struct cnc__caller){.who = {.jid = k->jid,
                                     .anonymous = k->login[0] == '\0',
                                     .operator_ = k->operator_},
                             .lang = k->lang,
                             .addr = r->addr,
                             .login = k->login[0] == '\0' ? NULL : k->login};
}

/* -- log in, log out -------------------------------------------------------
 */

static int
begin(struct cnc_service *s, struct cnc__web_call *web, const char *jid,
      uint32_t seconds, struct cnc__gather *g, struct cnc_error *err)
{
    struct cnc__weblogins *w = s->weblogins;
    const struct cnc__http_request *r = web->request;
    char prepared[CNC__JID_MAX + 1], secret[CNC__WEBLOGIN_SECRET + 1];
    struct cnc__weblogin *old, *l;
    bool sent, https = is_https(s, r);

    if (cnc__jid_prepare(prepared, jid, strlen(jid), NULL) != 0 ||
        cnc__jid_resource(prepared) != NULL || !cnc__jid_has_local(prepared)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "\"%s\" is no bare Jabber ID of somebody", jid);
    }
    if (!https && !is_loopback(r->addr)) {
        cnc__log(CNC_LOG_WARN, "weblogin.insecure",
                 "peer=%s a cookie is not sent in the clear: use --tls-cert, "
                 "or --origin https://... behind a proxy",
                 r->addr);
        return cnc_error_set(err, CNC_EACCES, NULL,
                             "nobody logs in without TLS over a network");
    }
    if ((old = cnc__webcookie_login(w, r, &sent)) != NULL) {
        cnc__weblogin_end(w, old, "another log-in", g);
    }
    l = cnc__weblogin_new(w, prepared, seconds,
                          cnc__http_header(r, "user-agent"), r->addr, secret,
                          g);
    add_cookies(&web->headers, s, https, secret,
                (long long)(l->expires - l->since));
    cnc__wipe(secret, sizeof(secret));
    return 0;
}

int
cnc__weblogin_begin(struct cnc_service *s, struct cnc__web_call *web,
                    const char *jid, uint32_t seconds,
                    void (*done)(int code, void *arg), void *arg,
                    struct cnc_error *err)
{
    struct cnc__gather *g = cnc__gather_new(done, arg);
    int code = begin(s, web, jid, seconds, g, err);

    cnc__gather_end(g);
    return code;
}

void
cnc__weblogin_logout(struct cnc_service *s, struct cnc__web_call *web,
                     void (*done)(int code, void *arg), void *arg)
{
    struct cnc__gather *g = cnc__gather_new(done, arg);
    bool sent;
    struct cnc__weblogin *l =
        cnc__webcookie_login(s->weblogins, web->request, &sent);

    if (l != NULL) {
        cnc__weblogin_end(s->weblogins, l, "log-out", g);
    }
    cnc__webcookie_clear(&web->headers, s->weblogins, web->request);
    cnc__gather_end(g);
}

/* -- requests --------------------------------------------------------------
 */

static void
answer_text(struct cnc__http_request *r, int status, const char *headers,
            const char *text)
{
    struct cnc_buf *body = cnc_buf_new(text, strlen(text));
    struct cnc__http_response a = {.status = status,
                                   .content_type = "text/plain; charset=utf-8",
                                   .headers = headers,
                                   .body = body};

    r->responder->respond(r->responder, &a);
    cnc_buf_unref(&body);
}

/* A foreign Origin or Referer is refused before; a browser that sends neither
 * with its cookie has been told to hide where the form was. */
static bool
hides_its_origin(const struct cnc__http_request *r)
{
    const char *site = cnc__http_header(r, "sec-fetch-site");

    return (r->method == CNC__HTTP_POST || r->method == CNC__HTTP_OTHER) &&
           cnc__http_header(r, "origin") == NULL &&
           cnc__http_header(r, "referer") == NULL &&
           (site == NULL || strcmp(site, "same-origin") != 0);
}

static void
on_token(struct cnc__weblogins *w, struct cnc__http_request *r,
         struct cnc__weblogin *l)
{
    struct cnc__str headers = CNC__STR;

    cnc__str_puts(&headers, "Cache-Control: no-store\r\n");
    if (r->method != CNC__HTTP_POST) {
        cnc__str_puts(&headers, "Allow: POST\r\n");
        answer_text(r, 405, headers.data, "A token is asked for by POST.\n");
    } else if (l == NULL) {
        cnc__webcookie_clear(&headers, w, r);
        answer_text(r, 401, headers.data, "Nobody is logged in.\n");
    } else {
        cnc__webtoken_answer(w, l, r);
    }
    cnc__str_fini(&headers);
}

bool
cnc__weblogin_http(struct cnc_service *s, struct cnc__http_request *r)
{
    bool sent;
    struct cnc__weblogin *l = cnc__webcookie_login(s->weblogins, r, &sent);

    if (sent && hides_its_origin(r)) {
        cnc__log(CNC_LOG_WARN, "weblogin.origin", "peer=%s path=%s", r->addr,
                 r->path);
        answer_text(r, 403, NULL,
                    "A form that is sent with a log-in says from which page "
                    "it comes (Origin or Referer).\n");
        return true;
    }
    if (strcmp(r->path, "/_token") != 0) {
        return false;
    }
    on_token(s->weblogins, r, l);
    return true;
}
