/* SPDX-License-Identifier: MIT */
/*
 * doctor-verdict.c -- what came through a web server, and what came back,
 * judged.  The service's own refusals are known by their words: the web server
 * has the same numbers.
 */
#include <stdio.h>
#include <strings.h>

#include "doctor-proxy.h"

#define G             DOCTOR_PROXY
#define DAY           86400
#define NO_SITE       "there is no such site here"
#define NO_PREFIX     "all addresses of"
#define NO_FORM       "does not take requests from there"
#define NO_UPGRADE    "this address is for WebSocket connections"
#define NO_SUBPROTO   "the subprotocol xmpp is not offered"
#define IS_AWAY(code) ((code) == 502 || (code) == 503 || (code) == 504)

void
doctor_found(struct doctor_report *r, const struct doctor_site *s,
             enum doctor_level level, const char *check, enum doctor_need need,
             const char *fmt, ...)
{
    struct cnc__str fix = CNC__STR, text = CNC__STR;
    va_list ap;

    va_start(ap, fmt);
    cnc__str_vprintf(&text, fmt, ap);
    va_end(ap);
    if (level != DOCTOR_OK) {
        doctor_mend(&fix, s, need);
    }
    doctor_add(r, level, G, check, fix.data, "%s", cnc__str_c(&text));
    cnc__str_fini(&fix);
    cnc__str_fini(&text);
}

/* -- is it reached? ------------------------------------------------------- */

/* Its domain's name, or that of the URL it knows. */
static bool
is_known(const struct doctor_site *s)
{
    const char *own = strstr(s->said, "://");
    size_t n = strlen(s->host);

    return strcasecmp(s->host, s->domain) == 0 ||
           (own != NULL && strncasecmp(own + 3, s->host, n) == 0 &&
            strchr(":/", own[3 + n]) != NULL);
}

/* Its name came, or another. */
static void
judge_name(struct doctor_report *r, const struct doctor_site *s,
           const char *check, enum doctor_need need)
{
    if (is_known(s)) {
        doctor_found(r, s, DOCTOR_FAIL, check, need,
                     "the service is asked for a site that it does not have "
                     "(421): the web server changes Host");
    } else {
        doctor_found(r, s, DOCTOR_FAIL, check, DOCTOR_NEED_URL,
                     "%s is no name of the service (421), which is %s", s->url,
                     s->said);
    }
}

static void
judge_stranger(struct doctor_report *r, const struct doctor_site *s,
               const struct doctor_answer *a)
{
    char who[256], where[256];

    doctor_header(a, "Server", who);
    doctor_header(a, "Location", where);
    if (a->status >= 300 && a->status < 400) {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.reach", DOCTOR_NEED_PASS,
                     "it redirects to %.150s (%d); is --url right?", where,
                     a->status);
    } else if (a->status == 401 || a->status == 403) {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.reach", DOCTOR_NEED_PASS,
                     "the web server%s%.60s%s lets nobody in (%d)",
                     who[0] == '\0' ? "" : " (", who,
                     who[0] == '\0' ? "" : ")", a->status);
    } else {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.reach", DOCTOR_NEED_PASS,
                     "another one answers (%d%s%.60s), and not this service",
                     a->status, who[0] == '\0' ? "" : ", ", who);
    }
}

bool
doctor_judge_reach(struct doctor_report *r, const struct doctor_site *s,
                   const struct doctor_seen *seen,
                   const struct doctor_answer *a)
{
    if (seen->came && seen->outside) {
        doctor_found(
            r, s, DOCTOR_FAIL, "proxy.path", DOCTOR_NEED_PATH,
            "the service is asked for %.80s: the web server takes the "
            "prefix %s off, or puts something before it",
            seen->path, s->prefix);
    } else if (seen->came && a->status == 200) {
        doctor_found(r, s, DOCTOR_OK, "proxy.reach", DOCTOR_NEED_PASS,
                     "%s%s/ reaches %s", s->url, s->prefix, s->domain);
        return true;
    } else if (a->status == 421 && doctor_answer_says(a, NO_SITE)) {
        judge_name(r, s, "proxy.host", DOCTOR_NEED_HOST);
    } else if (doctor_answer_says(a, NO_PREFIX)) {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.path", DOCTOR_NEED_PATH,
                     "the service is asked without %s: the web server takes "
                     "it off",
                     s->prefix);
    } else if (IS_AWAY(a->status)) {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.reach", DOCTOR_NEED_PASS,
                     "the web server answers %d: it does not reach the "
                     "service at %s",
                     a->status, s->http);
    } else {
        judge_stranger(r, s, a);
    }
    return false;
}

/* -- what of the head has come -------------------------------------------- */

static void
judge_client(struct doctor_report *r, const struct doctor_site *s,
             const struct doctor_seen *seen, const char *from)
{
    if (!seen->forwarded) {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.client", DOCTOR_NEED_FOR,
                     "X-Forwarded-For does not come: all visitors are %s to "
                     "the service, and share the limits of one",
                     seen->addr);
    } else if (strcmp(seen->addr, from) == 0) {
        doctor_found(r, s, DOCTOR_OK, "proxy.client", DOCTOR_NEED_FOR,
                     "the service sees the client's address, %s", from);
    } else {
        doctor_found(r, s, DOCTOR_WARN, "proxy.client", DOCTOR_NEED_FOR,
                     "the service takes us for %s, and we are %s: fine behind "
                     "a NAT; else the web server is no proxy of this machine, "
                     "or not the only one",
                     seen->addr, from);
    }
}

void
doctor_judge_head(struct doctor_report *r, const struct doctor_site *s,
                  const struct doctor_seen *seen,
                  const struct doctor_answer *a)
{
    const char *host = strstr(s->url, "://") + 3;

    if (strcasecmp(seen->host, host) == 0) {
        doctor_found(r, s, DOCTOR_OK, "proxy.host", DOCTOR_NEED_HOST,
                     "Host comes as it was");
    } else {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.host", DOCTOR_NEED_HOST,
                     "Host comes as \"%.100s\", not %s: forms are refused",
                     seen->host, host);
    }
    judge_client(r, s, seen, a->from);
    if (seen->secure == s->secure) {
        doctor_found(r, s, DOCTOR_OK, "proxy.scheme", DOCTOR_NEED_PROTO,
                     "the service knows that it is asked by %s",
                     s->secure ? "HTTPS" : "HTTP");
    } else {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.scheme", DOCTOR_NEED_PROTO,
                     "the service takes this for %s: X-Forwarded-Proto is %s",
                     s->secure ? "HTTP" : "HTTPS",
                     s->secure ? "missing" : "wrong");
    }
}

/* -- bodies --------------------------------------------------------------- */

void
doctor_judge_form(struct doctor_report *r, const struct doctor_site *s,
                  const struct doctor_seen *head,
                  const struct doctor_seen *seen,
                  const struct doctor_answer *a, int rc,
                  const struct cnc_error *err)
{
    if (rc != 0) {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.form", DOCTOR_NEED_PASS,
                     "a form has no answer: %s", err->text);
    } else if (a->status == 200 && seen->came) {
        doctor_found(r, s, DOCTOR_OK, "proxy.form", DOCTOR_NEED_HOST,
                     "forms of its own pages are taken");
    } else if (doctor_answer_says(a, NO_FORM)) {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.form",
                     head->secure == s->secure ? DOCTOR_NEED_HOST
                                               : DOCTOR_NEED_PROTO,
                     "forms of its own pages are refused: the service takes "
                     "%s for a stranger's",
                     s->url);
    } else {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.form", DOCTOR_NEED_PASS,
                     "the web server answers a form with %d", a->status);
    }
}

void
doctor_judge_body(struct doctor_report *r, const struct doctor_site *s,
                  const struct doctor_seen *seen,
                  const struct doctor_answer *a, uint64_t len, int rc,
                  const struct cnc_error *err)
{
    unsigned long long n = len;

    if (rc == 0 && a->status == 200 && seen->body == len) {
        doctor_found(r, s, DOCTOR_OK, "proxy.body", DOCTOR_NEED_BODY,
                     "%llu bytes of a file come through%s", n,
                     len < s->max_upload ? "; more was not tried" : "");
    } else if (rc == 0) {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.body", DOCTOR_NEED_BODY,
                     "the web server answers a file of %llu bytes "
                     "(max-upload) with %d",
                     n, a->status);
    } else {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.body", DOCTOR_NEED_BODY,
                     "the web server refuses a file of %llu bytes "
                     "(max-upload): %s",
                     n, err->text);
    }
}

/* -- the WebSocket -------------------------------------------------------- */

bool
doctor_is_stranger(const struct doctor_answer *a)
{
    return a->status == 403 && doctor_answer_says(a, "may not connect here");
}

static void
judge_opened(struct doctor_report *r, const struct doctor_site *s,
             const struct doctor_answer *a, bool *open)
{
    char protocol[256];

    *open = strcmp(doctor_header(a, "Sec-WebSocket-Protocol", protocol),
                   "xmpp") == 0;
    if (!*open) {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.websocket", DOCTOR_NEED_UPGRADE,
                     "the WebSocket opens without its subprotocol xmpp: "
                     "browsers close it");
    }
}

/* The service has been asked, and refuses. */
static bool
judge_own_refusal(struct doctor_report *r, const struct doctor_site *s,
                  const struct doctor_answer *a, bool flipped)
{
    if (a->status == 421 && doctor_answer_says(a, NO_SITE)) {
        judge_name(r, s, "proxy.websocket", DOCTOR_NEED_SOCKET_HOST);
    } else if (doctor_is_stranger(a)) {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.websocket",
                     flipped ? DOCTOR_NEED_SOCKET_PROTO
                             : DOCTOR_NEED_SOCKET_HOST,
                     "the service refuses the WebSocket (403) and takes %s "
                     "for a stranger's page: %s",
                     s->url,
                     flipped ? "X-Forwarded-Proto does not come as it is"
                             : "the web server changes Host");
    } else if (doctor_answer_says(a, NO_UPGRADE)) {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.websocket", DOCTOR_NEED_UPGRADE,
                     "%s opens no WebSocket (%d): the headers Upgrade and "
                     "Connection do not reach the service",
                     s->socket, a->status);
    } else if (doctor_answer_says(a, NO_SUBPROTO)) {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.websocket", DOCTOR_NEED_UPGRADE,
                     "%s opens no WebSocket (%d): Sec-WebSocket-Protocol does "
                     "not reach the service",
                     s->socket, a->status);
    } else if (doctor_answer_says(a, NO_PREFIX)) {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.websocket", DOCTOR_NEED_SOCKET,
                     "%s opens no WebSocket (%d): the web server takes %s off",
                     s->socket, a->status, s->prefix);
    } else {
        return false;
    }
    return true;
}

bool
doctor_judge_upgrade(struct doctor_report *r, const struct doctor_site *s,
                     const struct doctor_answer *a, bool flipped)
{
    char where[256];
    bool open = false;

    if (a->status == 101) {
        judge_opened(r, s, a, &open);
    } else if (judge_own_refusal(r, s, a, flipped)) {
        ;
    } else if (IS_AWAY(a->status)) {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.websocket", DOCTOR_NEED_SOCKET,
                     "%s opens no WebSocket: the web server answers %d, it "
                     "does not reach the service there",
                     s->socket, a->status);
    } else if (a->status == 401 || a->status == 403 || a->status == 421) {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.websocket", DOCTOR_NEED_SOCKET,
                     "%s opens no WebSocket: the web server itself refuses "
                     "it (%d)",
                     s->socket, a->status);
    } else if (a->status >= 300 && a->status < 400) {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.websocket", DOCTOR_NEED_SOCKET,
                     "%s opens no WebSocket: the web server redirects it to "
                     "%.150s (%d)",
                     s->socket, doctor_header(a, "Location", where),
                     a->status);
    } else {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.websocket", DOCTOR_NEED_SOCKET,
                     "%s opens no WebSocket (%d): it does not lead to the "
                     "service",
                     s->socket, a->status);
    }
    return open;
}

/* -- the certificate ------------------------------------------------------ */

void
doctor_judge_site_cert(struct doctor_report *r, const struct doctor_site *s,
                       const struct doctor_cert *c, int64_t now)
{
    long long days = (long long)((c->not_after - now) / DAY);

    if (!c->covers) {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.certificate", DOCTOR_NEED_CERT,
                     "browsers refuse the certificate: it is of %.200s, not "
                     "%s",
                     c->names[0] == '\0' ? "no name" : c->names, s->host);
    } else if (now >= c->not_after || now < c->not_before) {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.certificate", DOCTOR_NEED_CERT,
                     "browsers refuse the certificate of %s: it %s", s->host,
                     now < c->not_before ? "is not valid yet" : "has expired");
    } else if (c->verify[0] != '\0') {
        doctor_found(r, s, DOCTOR_FAIL, "proxy.certificate", DOCTOR_NEED_CERT,
                     "browsers refuse the certificate of %s: %s%s", s->host,
                     c->verify,
                     strstr(c->verify, "self-signed") != NULL
                         ? " (--ca FILE trusts it here)"
                         : "; are its issuers in the file, too?");
    } else if (days < 14) {
        doctor_found(r, s, DOCTOR_WARN, "proxy.certificate", DOCTOR_NEED_CERT,
                     "the certificate of %s ends in %lld days", s->host, days);
    } else {
        doctor_found(r, s, DOCTOR_OK, "proxy.certificate", DOCTOR_NEED_CERT,
                     "the certificate is good for %s", s->host);
    }
}
