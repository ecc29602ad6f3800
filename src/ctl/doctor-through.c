/* SPDX-License-Identifier: MIT */
/*
 * doctor-through.c -- does a web server let everything through?  Each question
 * is a real request to it, and the service says what of it has come
 * (<probe/>), so that what is missing is named, with the line that brings it.
 */
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "../base/text.h"
#include "../xml/write.h"
#include "doctor-proxy.h"

#define NS_WEB   "http://concordance-xmpp.org/ns/web"
#define MAX_SENT ((uint64_t)32 << 20)
/* A web server keeps some of a body in memory in any case. */
#define MIN_HALF ((uint64_t)256 << 10)
#define HALF_MS  2000
#define G        DOCTOR_PROXY

/* -- probes --------------------------------------------------------------- */

static const char *
attr_of(const struct cnc_element *e, const char *name)
{
    const char *value = e == NULL ? NULL : cnc_element_attr(e, NULL, name);

    return value == NULL ? "" : value;
}

static bool
is_true(const struct cnc_element *e, const char *name)
{
    return strcmp(attr_of(e, name), "true") == 0;
}

/* The service is asked: for a token, or what came with it.  *new*, or NULL. */
static struct cnc_element *
ask_probe(struct doctor_visit *v, const char *token)
{
    struct cnc__str xml = CNC__STR;
    struct cnc_element *reply = NULL, *probe = NULL;
    struct cnc_error err = {0};

    cnc__xml_printf(&xml, "<probe xmlns='" NS_WEB "'");
    if (token != NULL) {
        cnc__xml_printf(&xml, " token='%s'", token);
    }
    cnc__str_puts(&xml, "/>");
    if (cnc__client_iq(v->client, "get", NULL, xml.data, &reply, &err) == 0) {
        probe = cnc_element_ref(cnc_element_child(reply, NS_WEB, "probe"));
    } else {
        doctor_add(v->r, DOCTOR_FAIL, G, "proxy.link", NULL,
                   "the service does not say what came: %s", err.text);
    }
    cnc_element_unref(&reply);
    cnc__str_fini(&xml);
    return probe;
}

static bool
new_token(struct doctor_visit *v)
{
    struct cnc_element *p = ask_probe(v, NULL);

    snprintf(v->token, sizeof(v->token), "%s", attr_of(p, "token"));
    cnc_element_unref(&p);
    cnc__str_clear(&v->path);
    cnc__str_printf(&v->path, "%s/_probe/%s", v->s->prefix, v->token);
    return v->token[0] != '\0';
}

static void
look(struct doctor_visit *v)
{
    struct cnc_element *p = ask_probe(v, v->token);
    struct doctor_seen *seen = &v->seen;
    int64_t body = 0;

    *seen = (struct doctor_seen){.came = is_true(p, "came"),
                                 .begun = is_true(p, "begun"),
                                 .secure = is_true(p, "secure"),
                                 .outside = is_true(p, "outside"),
                                 .forwarded = is_true(p, "forwarded")};
    snprintf(seen->addr, sizeof(seen->addr), "%s", attr_of(p, "addr"));
    snprintf(seen->host, sizeof(seen->host), "%s", attr_of(p, "host"));
    snprintf(seen->path, sizeof(seen->path), "%s", attr_of(p, "path"));
    cnc__parse_int(&body, attr_of(p, "body"), 0, INT64_MAX);
    seen->body = (uint64_t)body;
    cnc_element_unref(&p);
}

/* A request with a new token; v->seen is what came of it. */
static int
probe(struct doctor_visit *v, struct doctor_answer *a,
      const struct doctor_request *how, struct cnc_error *err)
{
    struct doctor_request q = *how;
    int rc;

    memset(a, 0, sizeof(*a));
    memset(&v->seen, 0, sizeof(v->seen));
    if (!new_token(v)) {
        return cnc_error_set(err, CNC_EPROTO, NULL, "no token");
    }
    q.path = v->path.data;
    rc = doctor_ask(a, v->s, &q, v->o, err);
    look(v);
    return rc;
}

static int
get(struct doctor_visit *v, struct doctor_answer *a, const char *path,
    const char *more, struct cnc_error *err)
{
    const struct doctor_request q = {
        .method = "GET", .path = path, .more = more};

    return doctor_ask(a, v->s, &q, v->o, err);
}

/* What a browser would say of it. */
static void
certificate(struct doctor_visit *v)
{
    struct doctor_wire *w = NULL;
    struct doctor_cert cert;
    struct cnc_error err = {0};
    char from[64];

    if (v->s->secure && doctor_reach(&w, v->s, v->o, from, &err) == 0 &&
        doctor_wire_cert(w, &cert, v->s->host, false)) {
        doctor_judge_site_cert(v->r, v->s, &cert, time(NULL));
    }
    doctor_wire_close(&w);
}

/* False: no more can be asked. */
static bool
reach(struct doctor_visit *v)
{
    const struct doctor_request q = {.method = "GET"};
    struct doctor_answer a;
    struct cnc_error err = {0};
    bool ok = false;
    int rc = probe(v, &a, &q, &err);

    if (rc == CNC_ENOENT) {
        doctor_add(v->r, DOCTOR_FAIL, G, "proxy.connect",
                   "an A or AAAA record of it, or a line of /etc/hosts", "%s",
                   err.text);
    } else if (rc != 0 && v->token[0] != '\0') {
        doctor_found(v->r, v->s, DOCTOR_FAIL, "proxy.connect",
                     DOCTOR_NEED_LISTEN,
                     "%s: %s; does the web server run, with this "
                     "configuration?",
                     v->s->url, err.text);
    } else if (rc == 0) {
        certificate(v);
        ok = doctor_judge_reach(v->r, v->s, &v->seen, &a);
    }
    if (ok) {
        v->head = v->seen;
        doctor_judge_head(v->r, v->s, &v->head, &a);
    }
    doctor_answer_fini(&a);
    return ok;
}

/* -- pages ---------------------------------------------------------------- */

static void
judge_copy(struct doctor_visit *v, const struct doctor_answer *a,
           const char *path)
{
    char tag[256], coding[256], more[400];
    struct doctor_answer again = {0};
    struct cnc_error err = {0};

    doctor_header(a, "ETag", tag);
    doctor_header(a, "Content-Encoding", coding);
    if (strcmp(coding, "gzip") == 0) {
        doctor_found(v->r, v->s, DOCTOR_OK, "proxy.gzip", DOCTOR_NEED_CODING,
                     "pages come compressed");
    } else {
        doctor_found(v->r, v->s, DOCTOR_WARN, "proxy.gzip", DOCTOR_NEED_CODING,
                     "pages come uncompressed: Accept-Encoding does not reach "
                     "the service");
    }
    snprintf(more, sizeof(more),
             "Accept-Encoding: gzip\r\nIf-None-Match: %s\r\n", tag);
    if (tag[0] == '\0') {
        doctor_found(v->r, v->s, DOCTOR_WARN, "proxy.etag", DOCTOR_NEED_ETAG,
                     "the web server takes the ETag away: each visit fetches "
                     "all of a page");
    } else if (get(v, &again, path, more, &err) == 0 && again.status == 304) {
        doctor_found(v->r, v->s, DOCTOR_OK, "proxy.etag", DOCTOR_NEED_ETAG,
                     "a page that is known comes as 304");
    } else {
        doctor_found(v->r, v->s, DOCTOR_WARN, "proxy.etag", DOCTOR_NEED_ETAG,
                     "If-None-Match is answered with %d, not 304",
                     again.status);
    }
    doctor_answer_fini(&again);
}

static void
page(struct doctor_visit *v)
{
    struct cnc__str path = CNC__STR;
    struct doctor_answer a;
    struct cnc_error err = {0};

    cnc__str_printf(&path, "%s/", v->s->prefix);
    if (get(v, &a, path.data, "Accept-Encoding: gzip\r\n", &err) != 0) {
        doctor_found(v->r, v->s, DOCTOR_FAIL, "proxy.page", DOCTOR_NEED_PASS,
                     "%s: %s", path.data, err.text);
    } else if (a.status == 200) {
        doctor_found(v->r, v->s, DOCTOR_OK, "proxy.page", DOCTOR_NEED_PASS,
                     "the page %s comes", path.data);
        judge_copy(v, &a, path.data);
    } else { /* an app without one, or for people who are logged in */
        doctor_found(v->r, v->s, DOCTOR_OK, "proxy.page", DOCTOR_NEED_PASS,
                     "the page %s answers %d, so its copies were not looked "
                     "at",
                     path.data, a.status);
    }
    doctor_answer_fini(&a);
    cnc__str_fini(&path);
}

static void
asset(struct doctor_visit *v)
{
    struct cnc__str path = CNC__STR;
    struct doctor_answer a;
    struct cnc_error err = {0};
    char type[256] = "";

    cnc__str_printf(&path, "%s/runtime/concordance.js", v->s->prefix);
    if (get(v, &a, path.data, NULL, &err) == 0 && a.status == 200 &&
        strstr(doctor_header(&a, "Content-Type", type), "javascript") !=
            NULL) {
        doctor_found(v->r, v->s, DOCTOR_OK, "proxy.asset", DOCTOR_NEED_PASS,
                     "files come through");
    } else {
        doctor_found(v->r, v->s, DOCTOR_FAIL, "proxy.asset", DOCTOR_NEED_PASS,
                     "%s is answered with %d%s%.100s: no page is live",
                     path.data, a.status, type[0] == '\0' ? "" : ", ",
                     type[0] == '\0' ? err.text : type);
    }
    doctor_answer_fini(&a);
    cnc__str_fini(&path);
}

/* -- forms ---------------------------------------------------------------- */

static void
forms(struct doctor_visit *v)
{
    struct doctor_request q = {.method = "POST"};
    struct doctor_answer a;
    struct cnc_error err = {0};
    char more[400];
    int rc;

    snprintf(more, sizeof(more), "Origin: %.300s\r\n", v->s->url);
    q.more = more;
    rc = probe(v, &a, &q, &err);
    doctor_judge_form(v->r, v->s, &v->head, &v->seen, &a, rc, &err);
    doctor_answer_fini(&a);
    q.more = "Origin: https://doctor.invalid\r\n";
    rc = probe(v, &a, &q, &err);
    if (v->seen.came) {
        doctor_found(v->r, v->s, DOCTOR_FAIL, "proxy.origin",
                     DOCTOR_NEED_ORIGIN,
                     "forms of strangers' pages are taken: the web server "
                     "takes Origin away");
    } else if (rc == 0) {
        doctor_found(v->r, v->s, DOCTOR_OK, "proxy.origin", DOCTOR_NEED_ORIGIN,
                     "forms of strangers' pages are refused");
    }
    doctor_answer_fini(&a);
}

static int64_t
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Half of a body is sent: has it begun to come?  Who refuses it answers
 * already. */
static void
half(struct doctor_wire *w, void *priv)
{
    struct doctor_visit *v = priv;
    int64_t until_ms = now_ms() + HALF_MS;

    look(v);
    while (!v->seen.begun && !doctor_wire_has(w) && now_ms() < until_ms) {
        poll(NULL, 0, 20);
        look(v);
    }
    v->half_came = v->seen.begun;
}

static void
body(struct doctor_visit *v)
{
    uint64_t max = v->s->max_upload, len = max < MAX_SENT ? max : MAX_SENT;
    struct doctor_request q = {.method = "POST", .len = len, .priv = v};
    struct doctor_answer a;
    struct cnc_error err = {0};
    int rc;

    q.half = len / 2 >= MIN_HALF ? half : NULL;
    rc = probe(v, &a, &q, &err);
    doctor_judge_body(v->r, v->s, &v->seen, &a, len, rc, &err);
    if (q.half != NULL && v->seen.body == len && !v->half_came) {
        doctor_found(v->r, v->s, DOCTOR_WARN, "proxy.buffer",
                     DOCTOR_NEED_STREAM,
                     "the web server keeps a file until it is whole, and then "
                     "sends it on: people wait twice, its disk is written");
    }
    doctor_answer_fini(&a);
}

/* -- host-meta (XEP-0156) ------------------------------------------------- */

static void
host_meta(struct doctor_visit *v)
{
    const struct doctor_site *s = v->s;
    struct doctor_answer a;
    struct doctor_meta m = {0};
    struct cnc_error err = {0};
    struct cnc__str want = CNC__STR;
    int rc = get(v, &a, "/.well-known/host-meta.json", NULL, &err);

    cnc__str_printf(&want, "%s%s%s", s->secure ? "wss" : "ws",
                    strstr(s->url, "://"), s->socket);
    if (rc == 0 && a.status == 200) {
        doctor_meta_json(&m, cnc__str_c(&a.body), a.body.len);
    }
    if (strcmp(m.websocket, want.data) == 0 ||
        /* Off this machine nobody is sent to a socket in the clear. */
        (!s->secure && strncmp(m.websocket, "wss", 3) == 0)) {
        doctor_found(v->r, s, DOCTOR_OK, "proxy.host-meta", DOCTOR_NEED_META,
                     "host-meta leads clients to %s", m.websocket);
    } else if (m.websocket[0] != '\0') {
        doctor_found(v->r, s, DOCTOR_WARN, "proxy.host-meta", DOCTOR_NEED_URL,
                     "host-meta leads clients to %s, not to %s", m.websocket,
                     want.data);
    } else {
        doctor_found(v->r, s, DOCTOR_WARN, "proxy.host-meta", DOCTOR_NEED_META,
                     "/.well-known/host-meta.json is answered with %d: "
                     "clients that know %s alone do not find it",
                     a.status, s->domain);
    }
    doctor_answer_fini(&a);
    cnc__str_fini(&want);
}

void
doctor_through(struct doctor_report *r, struct cnc__client *client,
               const struct doctor_site *s, int idle_s,
               const struct doctor_wire_options *o)
{
    struct doctor_visit v = {
        .r = r, .client = client, .s = s, .o = o, .idle_s = idle_s};

    if (s->secure && !s->https) {
        doctor_found(r, s, DOCTOR_WARN, "proxy.url", DOCTOR_NEED_URL,
                     "the service does not know that browsers come by TLS");
    }
    if (reach(&v)) {
        page(&v);
        asset(&v);
        forms(&v);
        body(&v);
        doctor_socket(&v);
        host_meta(&v);
    }
    cnc__str_fini(&v.path);
}
