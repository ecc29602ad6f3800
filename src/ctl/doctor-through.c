/* SPDX-License-Identifier: MIT */
/*
 * doctor-through.c -- does a web server let everything through?  Each question
 * is a real request to it, and the service says what of it has come
 * (<probe/>), so that what is missing is named, with the line that brings it.
 */
#include <stdio.h>
#include <strings.h>
#include <time.h>

#include "../xml/write.h"
#include "doctor-proxy.h"

#define NS_WEB   "http://concordance-xmpp.org/ns/web"
#define NS_FRAME "urn:ietf:params:xml:ns:xmpp-framing"
#define MAX_SENT ((uint64_t)32 << 20)
#define G        DOCTOR_PROXY

/* What a line is for. */
enum need {
    NEED_PASS,
    NEED_HOST,
    NEED_FOR,
    NEED_PROTO,
    NEED_BODY,
    NEED_UPGRADE,
    NEED_IDLE,
    NEED_META,
    N_NEEDS
};

struct visit {
    struct doctor_report *r;
    struct cnc__client *client;
    const struct doctor_site *s;
    const struct doctor_wire_options *o;
    char token[40];
    struct cnc_element *seen; /* <probe/> after the last one */
    struct cnc__str path;     /* of the probe */
};

/* -- the lines that mend ---------------------------------------------------
 */

static void
write_fix(struct cnc__str *out, const struct doctor_site *s, enum need need)
{
    static const char *const lines[N_NEEDS][DOCTOR_N_SERVERS] = {
        [NEED_HOST] = {"proxy_set_header Host $http_host;",
                       "ProxyPreserveHost On",
                       "take header_up Host out of reverse_proxy"},
        [NEED_FOR] = {"proxy_set_header X-Forwarded-For "
                      "$proxy_add_x_forwarded_for;",
                      "no ProxyAddHeaders Off",
                      "take header_up -X-Forwarded-For out of reverse_proxy"},
        [NEED_PROTO] = {"proxy_set_header X-Forwarded-Proto $scheme;",
                        "RequestHeader set X-Forwarded-Proto "
                        "\"expr=%{REQUEST_SCHEME}\"",
                        "take header_up X-Forwarded-Proto out of "
                        "reverse_proxy"},
        [NEED_IDLE] = {"proxy_read_timeout 1h;\nproxy_send_timeout 1h;",
                       "timeout=3600 at the ProxyPass of the WebSocket",
                       "take the transport's read_timeout out"}};

    if (lines[need][s->server] != NULL) {
        cnc__str_puts(out, lines[need][s->server]);
    } else if (need == NEED_BODY && s->server == DOCTOR_NGINX) {
        cnc__str_printf(out, "client_max_body_size %llum;",
                        (unsigned long long)(s->max_upload / 1000000 + 2));
    } else if (need == NEED_BODY && s->server == DOCTOR_APACHE) {
        cnc__str_puts(out, "no module that limits bodies on this path");
    } else if (need == NEED_BODY) {
        cnc__str_printf(out, "request_body { max_size %lluMB }",
                        (unsigned long long)(s->max_upload / 1000000 + 2));
    } else if (need == NEED_UPGRADE && s->server == DOCTOR_NGINX) {
        cnc__str_printf(out,
                        "location = %s {\n"
                        "    proxy_http_version 1.1;\n"
                        "    proxy_set_header Upgrade $http_upgrade;\n"
                        "    proxy_set_header Connection \"upgrade\";",
                        s->socket);
    } else if (need == NEED_UPGRADE && s->server == DOCTOR_APACHE) {
        cnc__str_printf(out,
                        "a2enmod proxy_wstunnel, and before the ProxyPass of "
                        "\"%s/\":\nProxyPass \"%s\" \"ws://%s%s\"",
                        s->prefix, s->socket, s->http, s->socket);
    } else if (need == NEED_META) {
        cnc__str_printf(out,
                        "pass /.well-known/host-meta and host-meta.json on "
                        "to %s",
                        s->http);
    } else {
        cnc__str_printf(out,
                        "what passes %s/ on leads to %s, with the whole "
                        "path;\n`concordctl doctor --%s` prints it",
                        s->prefix, s->http, doctor_servers[s->server]);
    }
}

static void CNC_PRINTF(5, 6)
    found(struct visit *v, enum doctor_level level, const char *check,
          enum need need, const char *fmt, ...)
{
    struct cnc__str fix = CNC__STR, text = CNC__STR;
    va_list ap;

    va_start(ap, fmt);
    cnc__str_vprintf(&text, fmt, ap);
    va_end(ap);
    if (level != DOCTOR_OK) {
        write_fix(&fix, v->s, need);
    }
    doctor_add(v->r, level, G, check, fix.data, "%s", cnc__str_c(&text));
    cnc__str_fini(&fix);
    cnc__str_fini(&text);
}

/* -- probes ---------------------------------------------------------------
 */

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
ask_probe(struct visit *v, const char *token)
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
new_token(struct visit *v)
{
    struct cnc_element *p = ask_probe(v, NULL);

    snprintf(v->token, sizeof(v->token), "%s", attr_of(p, "token"));
    cnc_element_unref(&p);
    cnc__str_clear(&v->path);
    cnc__str_printf(&v->path, "%s/_probe/%s", v->s->prefix, v->token);
    return v->token[0] != '\0';
}

/* A request with a new token; v->seen is what came of it. */
static int
probe(struct visit *v, struct doctor_answer *a, const char *method,
      const char *more, uint64_t len, struct cnc_error *err)
{
    int rc;

    memset(a, 0, sizeof(*a));
    cnc_element_unref(&v->seen);
    if (!new_token(v)) {
        return cnc_error_set(err, CNC_EPROTO, NULL, "no token");
    }
    rc = doctor_ask(a, v->s, method, v->path.data, more, len, v->o, err);
    v->seen = ask_probe(v, v->token);
    return rc;
}

/* -- is it reached? -------------------------------------------------------
 */

static bool
says(const struct doctor_answer *a, const char *words)
{
    return a->body.len > 0 &&
           memmem(a->body.data, a->body.len, words, strlen(words)) != NULL;
}

static bool
judge_reach(struct visit *v, const struct doctor_answer *a)
{
    const struct doctor_site *s = v->s;

    if (is_true(v->seen, "came") && is_true(v->seen, "outside")) {
        found(v, DOCTOR_FAIL, "proxy.path", NEED_PASS,
              "the service is asked for %.80s: the web server takes the "
              "prefix %s off, or puts something before it",
              attr_of(v->seen, "path"), s->prefix);
        return false;
    }
    if (is_true(v->seen, "came") && a->status == 200) {
        found(v, DOCTOR_OK, "proxy.reach", NEED_PASS, "%s%s/ reaches %s",
              s->url, s->prefix, s->domain);
        return true;
    }
    if (a->status == 421) {
        found(v, DOCTOR_FAIL, "proxy.host", NEED_HOST,
              "the service knows no site of the name that it is asked for: "
              "the web server changes Host, or %s is not --url",
              s->url);
    } else if (a->status == 502 || a->status == 503 || a->status == 504) {
        found(v, DOCTOR_FAIL, "proxy.reach", NEED_PASS,
              "the web server answers %d: it does not reach the service",
              a->status);
    } else if (says(a, "all addresses of")) {
        found(v, DOCTOR_FAIL, "proxy.path", NEED_PASS,
              "the service is asked without %s: the web server takes it off",
              s->prefix);
    } else {
        found(v, DOCTOR_FAIL, "proxy.reach", NEED_PASS,
              "another one answers (%d), and not this service", a->status);
    }
    return false;
}

static void
judge_head(struct visit *v, const struct doctor_answer *a)
{
    const struct doctor_site *s = v->s;
    const char *host = strstr(s->url, "://") + 3;

    if (strcasecmp(attr_of(v->seen, "host"), host) == 0) {
        found(v, DOCTOR_OK, "proxy.host", NEED_HOST, "Host comes as it was");
    } else {
        found(v, DOCTOR_FAIL, "proxy.host", NEED_HOST,
              "Host comes as \"%.100s\", not %s: forms are refused",
              attr_of(v->seen, "host"), host);
    }
    if (!is_true(v->seen, "forwarded")) {
        found(v, DOCTOR_FAIL, "proxy.client", NEED_FOR,
              "X-Forwarded-For does not come: all visitors are %s to the "
              "service, and share the limits of one",
              attr_of(v->seen, "addr"));
    } else if (strcmp(attr_of(v->seen, "addr"), a->from) == 0) {
        found(v, DOCTOR_OK, "proxy.client", NEED_FOR,
              "the service sees the client's address, %s", a->from);
    } else {
        found(v, DOCTOR_WARN, "proxy.client", NEED_FOR,
              "the service takes us for %s, and we are %s: fine behind a NAT; "
              "else the web server is no proxy of this machine, or not the "
              "only one",
              attr_of(v->seen, "addr"), a->from);
    }
    if (is_true(v->seen, "secure") == s->secure) {
        found(v, DOCTOR_OK, "proxy.scheme", NEED_PROTO,
              "the service knows that it is asked by %s",
              s->secure ? "HTTPS" : "HTTP");
    } else {
        found(v, DOCTOR_FAIL, "proxy.scheme", NEED_PROTO,
              "the service takes this for %s: X-Forwarded-Proto is %s",
              s->secure ? "HTTP" : "HTTPS", s->secure ? "missing" : "wrong");
    }
}

/* False: no more can be asked. */
static bool
reach(struct visit *v)
{
    struct doctor_answer a;
    struct cnc_error err = {0};
    bool ok = false;

    if (probe(v, &a, "GET", "", 0, &err) != 0) {
        found(v, DOCTOR_FAIL, "proxy.connect", NEED_PASS,
              "%s: %s; does the web server run, and listen there?", v->s->url,
              err.text);
    } else if ((ok = judge_reach(v, &a))) {
        judge_head(v, &a);
    }
    doctor_answer_fini(&a);
    return ok;
}

/* -- pages ----------------------------------------------------------------
 */

static void
judge_copy(struct visit *v, const struct doctor_answer *a, const char *path)
{
    char tag[256], coding[256], more[400];
    struct doctor_answer again;
    struct cnc_error err = {0};

    doctor_header(a, "ETag", tag);
    doctor_header(a, "Content-Encoding", coding);
    if (strcmp(coding, "gzip") == 0) {
        found(v, DOCTOR_OK, "proxy.gzip", NEED_PASS, "pages come compressed");
    } else {
        doctor_add(v->r, DOCTOR_WARN, G, "proxy.gzip",
                   "let Accept-Encoding through",
                   "pages come uncompressed: Accept-Encoding does not reach "
                   "the service");
    }
    if (tag[0] == '\0') {
        doctor_add(v->r, DOCTOR_WARN, G, "proxy.etag",
                   "no filter that changes pages",
                   "the web server takes the ETag away: each visit fetches "
                   "all of a page");
        return;
    }
    snprintf(more, sizeof(more),
             "Accept-Encoding: gzip\r\nIf-None-Match: %s\r\n", tag);
    if (doctor_ask(&again, v->s, "GET", path, more, 0, v->o, &err) == 0 &&
        again.status == 304) {
        found(v, DOCTOR_OK, "proxy.etag", NEED_PASS,
              "a page that is known comes as 304");
    } else {
        doctor_add(v->r, DOCTOR_WARN, G, "proxy.etag",
                   "no filter that changes pages",
                   "If-None-Match is answered %d, not 304", again.status);
    }
    doctor_answer_fini(&again);
}

static void
judge_asset(struct visit *v)
{
    struct cnc__str path = CNC__STR;
    struct doctor_answer a;
    struct cnc_error err = {0};
    char type[256];

    cnc__str_printf(&path, "%s/runtime/concordance.js", v->s->prefix);
    if (doctor_ask(&a, v->s, "GET", path.data, "", 0, v->o, &err) == 0 &&
        a.status == 200 &&
        strstr(doctor_header(&a, "Content-Type", type), "javascript") !=
            NULL) {
        found(v, DOCTOR_OK, "proxy.asset", NEED_PASS, "files come through");
    } else {
        found(v, DOCTOR_FAIL, "proxy.asset", NEED_PASS,
              "%s comes as %d (%s): no page is live", path.data, a.status,
              type[0] == '\0' ? err.text : type);
    }
    doctor_answer_fini(&a);
    cnc__str_fini(&path);
}

static void
pages(struct visit *v)
{
    struct cnc__str path = CNC__STR;
    struct doctor_answer a;
    struct cnc_error err = {0};

    cnc__str_printf(&path, "%s/", v->s->prefix);
    if (doctor_ask(&a, v->s, "GET", path.data, "Accept-Encoding: gzip\r\n", 0,
                   v->o, &err) != 0) {
        found(v, DOCTOR_FAIL, "proxy.page", NEED_PASS, "%s: %s", path.data,
              err.text);
    } else if (a.status == 200) {
        found(v, DOCTOR_OK, "proxy.page", NEED_PASS, "the page %s comes",
              path.data);
        judge_copy(v, &a, path.data);
    } else {
        found(v, DOCTOR_OK, "proxy.page", NEED_PASS,
              "the page %s answers %d, so its copies were not looked at",
              path.data, a.status);
    }
    doctor_answer_fini(&a);
    judge_asset(v);
    cnc__str_fini(&path);
}

/* -- forms ----------------------------------------------------------------
 */

static void
origins(struct visit *v)
{
    struct doctor_answer a;
    struct cnc_error err = {0};
    char more[400];
    int rc;

    snprintf(more, sizeof(more), "Origin: %.300s\r\n", v->s->url);
    rc = probe(v, &a, "POST", more, 0, &err);
    if (rc == 0 && a.status == 200 && is_true(v->seen, "came")) {
        found(v, DOCTOR_OK, "proxy.form", NEED_HOST,
              "forms of its own pages are taken");
    } else if (rc == 0 && a.status == 403) {
        found(v, DOCTOR_FAIL, "proxy.form",
              v->s->secure ? NEED_PROTO : NEED_HOST,
              "forms of its own pages are refused: the service takes %s for a "
              "stranger's",
              v->s->url);
    } else {
        found(v, DOCTOR_FAIL, "proxy.form", NEED_PASS,
              "a form is answered %d%s%s", a.status, rc == 0 ? "" : ": ",
              rc == 0 ? "" : err.text);
    }
    doctor_answer_fini(&a);
    rc = probe(v, &a, "POST", "Origin: https://doctor.invalid\r\n", 0, &err);
    if (rc == 0 && !is_true(v->seen, "came")) {
        found(v, DOCTOR_OK, "proxy.origin", NEED_PASS,
              "forms of strangers' pages are refused");
    } else {
        doctor_add(v->r, DOCTOR_FAIL, G, "proxy.origin",
                   "let Origin and Referer through as they come",
                   "forms of strangers' pages are taken: the web server takes "
                   "Origin away");
    }
    doctor_answer_fini(&a);
}

static void
sizes(struct visit *v)
{
    uint64_t max = v->s->max_upload;
    uint64_t len = max < MAX_SENT ? max : MAX_SENT;
    struct doctor_answer a;
    struct cnc_error err = {0};
    int rc = probe(v, &a, "POST", "", len, &err);
    char came[32];

    snprintf(came, sizeof(came), "%llu", (unsigned long long)len);
    if (rc == 0 && a.status == 200 &&
        strcmp(attr_of(v->seen, "body"), came) == 0) {
        found(v, DOCTOR_OK, "proxy.body", NEED_BODY,
              "%llu bytes of a file come through%s", (unsigned long long)len,
              len < max ? "; more was not tried" : "");
    } else if (rc != 0 || a.status == 413) {
        found(v, DOCTOR_FAIL, "proxy.body", NEED_BODY,
              "a file of %llu bytes (--max-upload) is refused by the web "
              "server%s%s",
              (unsigned long long)len, rc == 0 ? " with 413" : ": ",
              rc == 0 ? "" : err.text);
    } else {
        found(v, DOCTOR_FAIL, "proxy.body", NEED_BODY,
              "a file of %llu bytes is answered %d", (unsigned long long)len,
              a.status);
    }
    doctor_answer_fini(&a);
}

/* -- the WebSocket --------------------------------------------------------
 */

struct socket {
    struct visit *v;
    struct doctor_wire *w;
    struct cnc__str in;
};

static int
more_of(struct socket *k, struct cnc_error *err)
{
    char chunk[4096];
    size_t len;
    int rc = doctor_wire_read(k->w, chunk, sizeof(chunk), &len, err);

    if (rc == 0) {
        cnc__str_add(&k->in, chunk, len);
    }
    return rc;
}

static int
send_text(struct socket *k, const char *text, struct cnc_error *err)
{
    size_t len = strlen(text);
    unsigned char head[8] = {0x81}; /* the mask is zero */
    struct cnc__str frame = CNC__STR;
    int rc;

    head[1] = (unsigned char)(0x80 | (len < 126 ? len : 126));
    head[2] = (unsigned char)(len < 126 ? 0 : len >> 8);
    head[3] = (unsigned char)(len < 126 ? 0 : len);
    cnc__str_add(&frame, head, len < 126 ? 6 : 8);
    cnc__str_add(&frame, text, len);
    rc = doctor_wire_send(k->w, frame.data, frame.len, err);
    cnc__str_fini(&frame);
    return rc;
}

/* The next text message, at most 64 kB.  CNC_ECLOSED: a close came. */
static int
read_text(struct socket *k, struct cnc__str *out, struct cnc_error *err)
{
    for (;;) {
        const unsigned char *b = (const unsigned char *)k->in.data;
        size_t at = 2, len = k->in.len >= 2 ? b[1] & 127u : 0;

        if (k->in.len >= 4 && len == 126) {
            len = (size_t)b[2] << 8 | b[3];
            at = 4;
        } else if (len >= 126 && k->in.len >= 4) {
            return cnc_error_set(err, CNC_ELIMIT, NULL, "it says too much");
        }
        if (k->in.len >= at && k->in.len >= 2 && k->in.len - at >= len &&
            (len < 126 || at == 4)) {
            unsigned op = b[0] & 15u;

            cnc__str_clear(out);
            cnc__str_add(out, k->in.data + at, len);
            cnc__str_drop(&k->in, at + len);
            if (op == 1) {
                return 0;
            }
            if (op == 8) {
                return cnc_error_set(err, CNC_ECLOSED, NULL,
                                     "the WebSocket is closed");
            }
            continue;
        }
        int rc = more_of(k, err);
        if (rc != 0) {
            return rc;
        }
    }
}

static void
judge_refusal(struct visit *v, const struct doctor_answer *a)
{
    if (a->status == 403) {
        found(v, DOCTOR_FAIL, "proxy.websocket",
              v->s->secure ? NEED_PROTO : NEED_HOST,
              "the WebSocket is refused (403): the service takes %s for a "
              "stranger's page",
              v->s->url);
    } else if (a->status == 426 || a->status == 400 || a->status == 404 ||
               a->status == 500 || a->status == 200) {
        found(v, DOCTOR_FAIL, "proxy.websocket", NEED_UPGRADE,
              "%s opens no WebSocket (%d): the headers Upgrade and Connection "
              "do not reach the service",
              v->s->socket, a->status);
    } else {
        found(v, DOCTOR_FAIL, "proxy.websocket", NEED_UPGRADE,
              "%s opens no WebSocket (%d)", v->s->socket, a->status);
    }
}

/* The head of the answer; true: a WebSocket is open. */
static bool
shake_hands(struct socket *k)
{
    struct visit *v = k->v;
    struct doctor_answer a = {0};
    struct cnc__str q = CNC__STR;
    struct cnc_error err = {0};
    const char *end = NULL;
    char from[64], protocol[256];
    int rc;
    bool ok = false;

    cnc__str_printf(&q,
                    "GET %s HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\n"
                    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: Y29uY29yZGN0bCBkb2N0bw==\r\n"
                    "Sec-WebSocket-Protocol: xmpp\r\n\r\n",
                    v->s->socket, strstr(v->s->url, "://") + 3, v->s->url);
    rc = doctor_reach(&k->w, v->s, v->o, from, &err);
    rc = rc == 0 ? doctor_wire_send(k->w, q.data, q.len, &err) : rc;
    while (rc == 0 && k->in.len < 65536 &&
           (end = k->in.len == 0 ? NULL
                                 : memmem(k->in.data, k->in.len, "\r\n\r\n",
                                          4)) == NULL) {
        rc = more_of(k, &err);
    }
    if (end == NULL) {
        found(v, DOCTOR_FAIL, "proxy.websocket", NEED_UPGRADE, "%s: %s",
              v->s->socket, err.text);
    } else {
        size_t head = (size_t)(end - k->in.data) + 4;

        cnc__str_add(&a.head, k->in.data, head - 2);
        cnc__str_drop(&k->in, head);
        if (sscanf(a.head.data, "HTTP/1.%*1d %d", &a.status) != 1 ||
            a.status != 101) {
            judge_refusal(v, &a);
        } else if (strcmp(
                       doctor_header(&a, "Sec-WebSocket-Protocol", protocol),
                       "xmpp") != 0) {
            found(v, DOCTOR_FAIL, "proxy.websocket", NEED_UPGRADE,
                  "the WebSocket opens without its subprotocol xmpp: browsers "
                  "close it");
        } else {
            ok = true;
        }
    }
    doctor_answer_fini(&a);
    cnc__str_fini(&q);
    return ok;
}

static bool
open_stream(struct socket *k, struct cnc__str *text, struct cnc_error *err)
{
    struct cnc__str open = CNC__STR;
    int rc;

    cnc__xml_printf(&open,
                    "<open xmlns='" NS_FRAME "' to='%s' version='1.0'/>",
                    k->v->s->domain);
    rc = send_text(k, open.data, err);
    rc = rc == 0 ? read_text(k, text, err) : rc;
    cnc__str_fini(&open);
    return rc == 0 && strstr(cnc__str_c(text), "<open") != NULL &&
           read_text(k, text, err) == 0; /* features */
}

/* A guest's session, for which nobody has a reason to close. */
static bool
log_in(struct socket *k, struct cnc__str *text, struct cnc_error *err)
{
    return send_text(k,
                     "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
                     "mechanism='ANONYMOUS'/>",
                     err) == 0 &&
           read_text(k, text, err) == 0 &&
           strstr(cnc__str_c(text), "<success") != NULL &&
           open_stream(k, text, err) &&
           send_text(k,
                     "<iq xmlns='jabber:client' type='set' id='b'><bind "
                     "xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
                     err) == 0 &&
           read_text(k, text, err) == 0;
}

static int64_t
now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

/* Pings of the service are answered: it is silence of a minute that the web
 * server must bear. */
static void
watch(struct socket *k, int idle_s)
{
    struct cnc__str text = CNC__STR;
    struct cnc_error err = {0};
    int64_t began = now_s();
    int rc = log_in(k, &text, &err) ? CNC_EAGAIN : CNC_ECLOSED;

    if (rc == CNC_ECLOSED) {
        doctor_add(k->v->r, DOCTOR_WARN, G, "proxy.idle", NULL,
                   "guests may not log in, so silence was not tried");
        cnc__str_fini(&text);
        return;
    }
    while (rc == CNC_EAGAIN && now_s() - began < idle_s) {
        doctor_wire_patience(k->w, 1000);
        rc = read_text(k, &text, &err);
        if (rc == 0) {
            const char *id = strstr(cnc__str_c(&text), " id=");
            char answer[200];

            snprintf(answer, sizeof(answer),
                     "<iq xmlns='jabber:client' type='result'%.*s/>",
                     id == NULL ? 0 : (int)strcspn(id + 5, "\"'") + 6,
                     id == NULL ? "" : id);
            rc = send_text(k, answer, &err) == 0 ? CNC_EAGAIN : CNC_ECLOSED;
        }
    }
    if (rc == CNC_EAGAIN) {
        found(k->v, DOCTOR_OK, "proxy.idle", NEED_IDLE,
              "a silent WebSocket stays for %d s", idle_s);
    } else {
        found(k->v, DOCTOR_FAIL, "proxy.idle", NEED_IDLE,
              "a silent WebSocket is cut off after %lld s; a minute of "
              "silence is usual",
              (long long)(now_s() - began));
    }
    cnc__str_fini(&text);
}

static void
websocket(struct visit *v, int idle_s)
{
    struct socket k = {.v = v};
    struct cnc__str text = CNC__STR;
    struct cnc_error err = {0};

    if (shake_hands(&k)) {
        if (open_stream(&k, &text, &err)) {
            found(v, DOCTOR_OK, "proxy.websocket", NEED_UPGRADE,
                  "a WebSocket opens at %s, and the service speaks XMPP on "
                  "it",
                  v->s->socket);
            if (idle_s > 0) {
                watch(&k, idle_s);
            } else {
                doctor_add(v->r, DOCTOR_OK, G, "proxy.idle", NULL,
                           "how long a silent WebSocket stays was not tried: "
                           "--idle 70");
            }
        } else {
            found(v, DOCTOR_FAIL, "proxy.websocket", NEED_UPGRADE,
                  "the WebSocket opens, and no XMPP comes: %s",
                  err.text[0] == '\0' ? cnc__str_c(&text) : err.text);
        }
    }
    doctor_wire_close(&k.w);
    cnc__str_fini(&k.in);
    cnc__str_fini(&text);
}

/* -- host-meta ------------------------------------------------------------
 */

static void
host_meta(struct visit *v)
{
    const struct doctor_site *s = v->s;
    struct doctor_answer a;
    struct doctor_meta m = {0};
    struct cnc_error err = {0};
    struct cnc__str want = CNC__STR;
    int rc = doctor_ask(&a, s, "GET", "/.well-known/host-meta.json", "", 0,
                        v->o, &err);

    cnc__str_printf(&want, "%s%s%s", s->secure ? "wss" : "ws",
                    strstr(s->url, "://"), s->socket);
    if (rc == 0 && a.status == 200) {
        doctor_meta_json(&m, cnc__str_c(&a.body), a.body.len);
    }
    if (strcmp(m.websocket, want.data) == 0 ||
        /* Off this machine nobody is sent to a socket in the clear. */
        (!s->secure && strncmp(m.websocket, "wss", 3) == 0)) {
        found(v, DOCTOR_OK, "proxy.host-meta", NEED_META,
              "host-meta leads clients to %s", m.websocket);
    } else if (m.websocket[0] != '\0') {
        found(v, DOCTOR_WARN, "proxy.host-meta", NEED_PROTO,
              "host-meta leads clients to %s, not to %s", m.websocket,
              want.data);
    } else {
        found(v, DOCTOR_WARN, "proxy.host-meta", NEED_META,
              "/.well-known/host-meta.json answers %d: clients that know %s "
              "alone do not find it",
              a.status, s->domain);
    }
    doctor_answer_fini(&a);
    cnc__str_fini(&want);
}

/* What a browser would say of the certificate. */
static void
certificate(struct visit *v)
{
    struct doctor_wire *w = NULL;
    struct doctor_cert cert;
    struct cnc_error err = {0};
    char from[64];

    if (!v->s->secure || doctor_reach(&w, v->s, v->o, from, &err) != 0) {
        return;
    }
    if (!doctor_wire_cert(w, &cert, v->s->host, false) || !cert.covers ||
        cert.verify[0] != '\0') {
        doctor_add(v->r, DOCTOR_FAIL, G, "proxy.certificate",
                   "a certificate for the name, with its whole chain",
                   "a browser refuses the certificate of %s: %s", v->s->host,
                   cert.verify[0] == '\0' ? "it is another name's"
                                          : cert.verify);
    } else {
        doctor_add(v->r, DOCTOR_OK, G, "proxy.certificate", NULL,
                   "the certificate is good for %s", v->s->host);
    }
    doctor_wire_close(&w);
}

void
doctor_through(struct doctor_report *r, struct cnc__client *client,
               const struct doctor_site *s, int idle_s,
               const struct doctor_wire_options *o)
{
    struct visit v = {.r = r, .client = client, .s = s, .o = o};

    if (s->secure && !s->https) {
        doctor_add(r, DOCTOR_WARN, G, "proxy.url", NULL,
                   "the service does not know that browsers come by TLS: "
                   "start it with --url %s",
                   s->url);
    }
    if (reach(&v)) {
        certificate(&v);
        pages(&v);
        origins(&v);
        sizes(&v);
        websocket(&v, idle_s);
        host_meta(&v);
    }
    cnc_element_unref(&v.seen);
    cnc__str_fini(&v.path);
}
