/* SPDX-License-Identifier: MIT */
/*
 * probe.c -- `concordctl doctor` asks through a web server, and then asks here
 * what of it has come: <probe/> of docs/protocol.md.
 *
 *   link: <probe/>            -> a token, good for a minute
 *   HTTP: .../_probe/TOKEN    -> "here"; what came is kept
 *   link: <probe token=""/>   -> whose address it was, which Host, ...
 *
 * A body is counted and dropped.  Whoever has no token learns nothing, not
 * even that there is such an address.
 */
#include <stdio.h>

#include <openssl/crypto.h>

#include "../base/text.h"
#include "../xml/write.h"
#include "uploads.h"

#define PLACE    "/_probe/"
#define TOKEN    32 /* hex digits */
#define N_PROBES 8
#define GOOD_MS  60000u

struct probe {
    char token[TOKEN + 1];
    uint64_t until_ms;
    bool begun, came, secure, outside, forwarded;
    char addr[64], host[256], path[256];
    uint64_t n_body;
};

struct cnc__probes {
    struct probe all[N_PROBES];
    size_t next;
};

struct counting { /* a body on its way */
    struct cnc__http_sink sink;
    struct cnc_service *service;
    struct cnc__http_request *request;
    uint64_t n;
};

static uint64_t
now_of(const struct cnc_service *s)
{
    return uv_now(&s->process->loop);
}

static struct probe *
find(const struct cnc_service *s, const char *token)
{
    for (size_t i = 0; s->probes != NULL && i < N_PROBES; i++) {
        struct probe *p = &s->probes->all[i];

        if (p->token[0] != '\0' && now_of(s) < p->until_ms &&
            strlen(token) == TOKEN &&
            CRYPTO_memcmp(p->token, token, TOKEN) == 0) {
            return p;
        }
    }
    return NULL;
}

static struct probe *
of_request(const struct cnc_service *s, const struct cnc__http_request *r)
{
    const char *at = strstr(r->path, PLACE);

    return at == NULL ? NULL : find(s, at + strlen(PLACE));
}

/* -- HTTP ----------------------------------------------------------------- */

static void
answer(struct cnc_service *s, struct cnc__http_request *r, uint64_t n_body)
{
    static const char text[] = "Here.\n";
    struct cnc_buf *body = cnc_buf_new(text, sizeof(text) - 1);
    struct cnc__http_response out = {.status = 200,
                                     .content_type =
                                         "text/plain; charset=utf-8",
                                     .headers = "Cache-Control: no-store\r\n",
                                     .body = body};
    struct probe *p = of_request(s, r);
    const char *host = cnc__http_header(r, "host");

    if (p != NULL) { /* not too late */
        p->came = true;
        p->secure = r->secure;
        p->outside = r->place == CNC__HTTP_OUTSIDE;
        p->forwarded = cnc__http_header(r, "x-forwarded-for") != NULL ||
                       cnc__http_header(r, "forwarded") != NULL;
        p->n_body = n_body;
        snprintf(p->addr, sizeof(p->addr), "%s", r->addr);
        snprintf(p->host, sizeof(p->host), "%s", host == NULL ? "" : host);
        snprintf(p->path, sizeof(p->path), "%s", r->path);
    }
    r->responder->respond(r->responder, &out);
    cnc_buf_unref(&body);
}

bool
cnc__probe_http(struct cnc_service *s, struct cnc__http_request *r)
{
    if (of_request(s, r) == NULL) {
        return false;
    }
    answer(s, r, r->body_len);
    return true;
}

uint32_t
cnc__probe_larger(struct cnc_service *s, const struct cnc__http_request *r)
{
    return of_request(s, r) == NULL
               ? 0
               : (uint32_t)cnc__uploads_max(s->uploads) + 65536u;
}

static void
on_data(struct cnc__http_sink *sink, const char *data, size_t len)
{
    struct counting *c = CNC_CONTAINER(sink, struct counting, sink);

    c->n += len;
}

static void
on_end(struct cnc__http_sink *sink)
{
    struct counting *c = CNC_CONTAINER(sink, struct counting, sink);

    answer(c->service, c->request, c->n);
    cnc__free(c);
}

static void
on_gone(struct cnc__http_sink *sink)
{
    cnc__free(CNC_CONTAINER(sink, struct counting, sink));
}

struct cnc__http_sink *
cnc__probe_sink(struct cnc_service *s, struct cnc__http_request *r)
{
    struct probe *p = of_request(s, r);
    struct counting *c;

    if (p == NULL) {
        return NULL;
    }
    p->begun = true;
    c = cnc__zalloc(sizeof(*c));
    c->sink.data = on_data;
    c->sink.end = on_end;
    c->sink.gone = on_gone;
    c->service = s;
    c->request = r;
    return &c->sink;
}

/* -- the link ------------------------------------------------------------- */

static void
begin(struct cnc_service *s, struct cnc__str *xml)
{
    struct probe *p;

    if (s->probes == NULL) {
        s->probes = cnc__zalloc(sizeof(*s->probes));
    }
    p = &s->probes->all[s->probes->next++ % N_PROBES];
    memset(p, 0, sizeof(*p));
    cnc__random_hex(p->token, TOKEN / 2);
    p->until_ms = now_of(s) + GOOD_MS;
    cnc__xml_printf(xml, "<probe xmlns='" CNC__NS_WEB "' token='%s'/>",
                    p->token);
}

static void
on_probe(struct cnc__request *q, void *priv)
{
    struct cnc_service *s = priv;
    const char *token = cnc_element_attr(q->payload, NULL, "token");
    const struct probe *p = token == NULL ? NULL : find(s, token);
    struct cnc__str xml = CNC__STR;

    if (!cnc__site_may_ask(q)) {
        cnc__request_refuse(&q, CNC_EACCES, "forbidden",
                            "this is for the service's own user");
        return;
    }
    if (token != NULL && p == NULL) {
        cnc__request_refuse(&q, CNC_ENOENT, "item-not-found",
                            "no such token, or its minute is over");
        return;
    }
    if (p == NULL) {
        begin(s, &xml);
    } else {
        cnc__xml_printf(
            &xml,
            "<probe xmlns='" CNC__NS_WEB
            "' token='%s' begun='%s' came='%s' addr='%s' "
            "secure='%s' host='%s' path='%s' outside='%s' forwarded='%s' "
            "body='%llu'/>",
            p->token, p->begun ? "true" : "false", p->came ? "true" : "false",
            p->addr, p->secure ? "true" : "false", p->host, p->path,
            p->outside ? "true" : "false", p->forwarded ? "true" : "false",
            (unsigned long long)p->n_body);
    }
    cnc__request_result(&q, xml.data, xml.len);
    cnc__str_fini(&xml);
}

int
cnc__probes_new(struct cnc_service *s, struct cnc_error *err)
{
    const struct cnc__handler handler = {.kinds = CNC__IQ_GET,
                                         .ns = CNC__NS_WEB,
                                         .name = "probe",
                                         .f = on_probe,
                                         .priv = s};

    return cnc__router_handle(s->router, &handler, err);
}
