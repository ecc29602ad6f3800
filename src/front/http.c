/* SPDX-License-Identifier: MIT */
/*
 * http.c -- a request over the link and the answer to it (docs/protocol.md,
 * "HTTP over the link").
 */
#include <arpa/inet.h>
#include <strings.h>

#include "../base/text.h"
#include "../web/web.h"
#include "../xml/write.h"
#include "impl.h"

#define READ ((size_t)16 << 10) /* bytes of a body at a time */
#define MAX_RUNS                                                              \
    16 /* handlers that one request is left to us for: of all                 \
          commands that a page may have */

/* -- the body -------------------------------------------------------------
 */

/* Up to max bytes are here; less: that is all. */
static void
read_up_to(struct cnc__exchange *x, size_t max)
{
    while (!x->whole && !x->gone && x->body.len < max) {
        size_t room = max - x->body.len;
        ssize_t n;

        room = room > READ ? READ : room;
        cnc__str_reserve(&x->body, room);
        n = x->r->read(x->body.data + x->body.len, room, x->r->priv);
        if (n > 0) {
            x->body.len += (size_t)n;
            x->body.data[x->body.len] = '\0';
            x->n_read += (uint64_t)n;
        } else {
            x->whole = n == 0;
            x->gone = n < 0;
        }
    }
    if (x->whole && x->r->length != UINT64_MAX && x->n_read < x->r->length) {
        x->gone = true;
    }
}

void
cnc__exchange_read(struct cnc__exchange *x)
{
    if (x->r->read == NULL || x->r->length == 0) {
        x->whole = true;
        return;
    }
    /* A form is here as a whole: it may have to be sent again. */
    read_up_to(x,
               cnc__web_is_urlencoded(cnc__front_header(x->r, "content-type"))
                   ? CNC__FRONT_MAX_FORM + 1
                   : CNC__FRONT_INLINE + 1);
}

/* -- the request ----------------------------------------------------------
 */

/* Of this hop alone (RFC 9110 7.6.1), or said otherwise here. */
static bool
stays_here(const struct cnc__exchange *x, const char *name)
{
    static const char *const all[] = {"connection",       "content-length",
                                      "expect",           "http2-settings",
                                      "keep-alive",       "proxy",
                                      "proxy-connection", "te",
                                      "trailer",          "transfer-encoding",
                                      "upgrade"};

    for (size_t i = 0; i < CNC_N(all); i++) {
        if (strcasecmp(name, all[i]) == 0) {
            return true;
        }
    }
    return x->unconditional && (strcasecmp(name, "if-none-match") == 0 ||
                                strcasecmp(name, "if-modified-since") == 0);
}

static void
write_headers(struct cnc__str *out, const struct cnc__exchange *x)
{
    cnc__str_puts(out, "<headers xmlns='" CNC__NS_SHIM "'>");
    for (size_t i = 0; i < x->r->n_headers; i++) {
        const struct cnc__front_header *h = &x->r->headers[i];

        if (!stays_here(x, h->name)) {
            cnc__xml_printf(out, "<header name='%s'>%s</header>", h->name,
                            h->value);
        }
    }
    if (x->r->read != NULL && x->r->length != UINT64_MAX) {
        cnc__xml_printf(out, "<header name='Content-Length'>%llu</header>",
                        (unsigned long long)x->r->length);
    }
    cnc__str_puts(out, "</headers>");
}

static bool
is_inline(const struct cnc__exchange *x)
{
    return x->whole && x->body.len <= CNC__FRONT_INLINE;
}

/* The client's address; "": what the web server says is none, as "unix:" of
 * nginx's own socket.  The zone of fe80::1%eth0 is of this machine. */
static void
read_addr(char out[INET6_ADDRSTRLEN], const char *said)
{
    size_t n = strcspn(said, "%");
    unsigned char bytes[16];

    out[0] = '\0';
    if (n < INET6_ADDRSTRLEN) {
        memcpy(out, said, n);
        out[n] = '\0';
    }
    if (inet_pton(AF_INET, out, bytes) != 1 &&
        inet_pton(AF_INET6, out, bytes) != 1) {
        out[0] = '\0';
    }
}

static void
write_request(struct cnc__str *out, const struct cnc__exchange *x,
              const char *sid)
{
    const struct cnc__front_request *r = x->r;
    char addr[INET6_ADDRSTRLEN];

    read_addr(addr, r->addr);
    cnc__xml_printf(out,
                    "<req xmlns='" CNC__NS_HTTP
                    "' version='1.1' method='%s' resource='%s'>",
                    r->method, r->target);
    write_headers(out, x);
    if (!is_inline(x)) {
        cnc__xml_printf(out, "<data><ibb sid='%s'/></data>", sid);
    } else if (x->body.len > 0) {
        cnc__str_puts(out, "<data><base64>");
        cnc__base64_encode(out, x->body.data, x->body.len);
        cnc__str_puts(out, "</base64></data>");
    }
    cnc__xml_printf(
        out, "<client xmlns='" CNC__NS_WEB "' addr='%s' secure='%s' item='%s'",
        addr, r->secure ? "true" : "false", x->item);
    if (x->f->apps != NULL) {
        cnc__xml_printf(out, " apps='%s'", x->f->apps);
    }
    cnc__str_puts(out, "/></req>");
}

/* -- a body in blocks -----------------------------------------------------
 */

/* One IQ of the stream; 0: the service has it. */
static int
tell(struct cnc__exchange *x, uint64_t made, const struct cnc__str *xml,
     struct cnc_error *err)
{
    struct cnc__fask a = {0};
    struct cnc__flink *l = x->f->link;
    int rc = cnc__flink_send(l, &a, made, "set", xml->data, xml->len);

    if (rc == 0) {
        rc = cnc__flink_wait(l, &a, cnc__flink_now() + x->f->c.wait_ms, err);
    }
    cnc__fask_fini(&a);
    return rc;
}

static int
send_block(struct cnc__exchange *x, uint64_t made, const char *sid,
           uint16_t seq, const char *data, size_t len, struct cnc_error *err)
{
    struct cnc__str xml = CNC__STR;
    int rc;

    cnc__xml_printf(&xml, "<data xmlns='" CNC__NS_IBB "' sid='%s' seq='%u'>",
                    sid, (unsigned)seq);
    cnc__base64_encode(&xml, data, len);
    cnc__str_puts(&xml, "</data>");
    rc = tell(x, made, &xml, err);
    cnc__str_fini(&xml);
    return rc;
}

/* What is here, then what is still to come, block after block. */
static int
send_blocks(struct cnc__exchange *x, const struct cnc__fask *main,
            const char *sid, struct cnc_error *err)
{
    size_t at = 0;
    int rc = 0;

    for (uint16_t seq = 0; rc == 0; seq++) {
        size_t len = x->body.len - at;

        if (len < CNC__IBB_BLOCK && !x->whole) {
            if (!x->streamed) {
                cnc__str_add(&x->head, x->body.data, x->body.len);
                x->streamed = true;
            }
            cnc__str_drop(&x->body, at);
            at = 0;
            read_up_to(x, CNC__IBB_BLOCK);
            len = x->body.len;
        }
        if (x->gone || len == 0) {
            return x->gone ? CNC_ESYS : 0;
        }
        len = len > CNC__IBB_BLOCK ? CNC__IBB_BLOCK : len;
        rc = send_block(x, main->made, sid, seq, x->body.data + at, len, err);
        at += len;
    }
    return rc;
}

/* A service that wants no more of it says so in its answer: the stream's
 * errors are no failure of the request. */
static int
send_body(struct cnc__exchange *x, const struct cnc__fask *main,
          const char *sid)
{
    struct cnc__str xml = CNC__STR;
    struct cnc_error err = {0};
    int rc;

    cnc__xml_printf(&xml,
                    "<open xmlns='" CNC__NS_IBB
                    "' sid='%s' block-size='%u' stanza='iq'/>",
                    sid, CNC__IBB_BLOCK);
    rc = tell(x, main->made, &xml, &err);
    if (rc == 0) {
        rc = send_blocks(x, main, sid, &err);
    }
    if (rc == 0 || x->gone) {
        cnc__str_clear(&xml);
        /* Cut short: it must not be taken for whole. */
        cnc__xml_printf(&xml, "<close xmlns='" CNC__NS_IBB "' sid='%s'", sid);
        cnc__str_puts(&xml, x->gone ? " xmlns:w='" CNC__NS_WEB
                                      "' w:broken='true'/>"
                                    : "/>");
        tell(x, main->made, &xml, &err);
    }
    cnc__str_fini(&xml);
    return x->gone ? CNC_ESYS : 0;
}

/* -- the answer -----------------------------------------------------------
 */

/* The service leaves a handler to us: what comes of it is the next question,
 * *ask its answer. */
static int
run_handler(struct cnc__exchange *x, struct cnc__fask *ask,
            const struct cnc_element *run, struct cnc_error *err)
{
    const char *call = cnc_element_attr(run, NULL, "call");
    struct cnc__front *f = x->f;
    struct cnc__str xml = CNC__STR;
    uint64_t made = ask->made;
    int rc;

    cnc__xml_printf(&xml, "<ran xmlns='" CNC__NS_WEB "' call='%s'>", call);
    if (f->c.run != NULL) {
        f->c.run(&xml, run, f->c.priv);
    } else {
        cnc__str_puts(&xml, "<fault>no handlers run here</fault>");
    }
    cnc__str_puts(&xml, "</ran>");
    cnc__fask_fini(ask);
    memset(ask, 0, sizeof(*ask));
    rc = cnc__flink_send(f->link, ask, made, "set", xml.data, xml.len);
    if (rc == 0) {
        rc = cnc__flink_wait(f->link, ask, cnc__flink_now() + f->c.wait_ms,
                             err);
    } else {
        rc = CNC_ECLOSED;
    }
    cnc__str_fini(&xml);
    return rc != 0 && ask->reply != NULL ? CNC_EREFUSED : rc;
}

static int
exchange(struct cnc__exchange *x, struct cnc__fask *ask, struct cnc_error *err)
{
    struct cnc__str xml = CNC__STR;
    struct cnc__flink *l = x->f->link;
    const struct cnc_element *run;
    char sid[33];
    int rc;

    cnc__random_hex(sid, 16);
    write_request(&xml, x, sid);
    rc = cnc__flink_send(l, ask, 0, "set", xml.data, xml.len);
    cnc__str_fini(&xml);
    if (rc != 0) {
        return CNC_ESYS;
    }
    x->sent = true;
    rc = is_inline(x) ? 0 : send_body(x, ask, sid);
    if (rc != 0) {
        cnc__flink_wait(l, ask, 0, err);
        return rc;
    }
    rc = cnc__flink_wait(l, ask, cnc__flink_now() + x->f->c.wait_ms, err);
    rc = rc != 0 && ask->reply != NULL ? CNC_EREFUSED : rc;
    for (int i = 0;
         rc == 0 && i < MAX_RUNS &&
         (run = cnc_element_child(ask->reply, CNC__NS_WEB, "run")) != NULL;
         i++) {
        rc = run_handler(x, ask, run, err);
    }
    return rc;
}

/* -- what is kept of it ---------------------------------------------------
 */

/* All of a body that is to be kept, if it is not too large for that. */
static int
gather(struct cnc__front_answer *a, size_t max)
{
    struct cnc__fown *own = a->own;
    struct cnc__str body = CNC__STR;
    int64_t len = -1;
    ssize_t n = 1;

    for (size_t i = 0; i < a->n_headers; i++) {
        if (strcasecmp(a->headers[i].name, "content-length") == 0 &&
            !cnc__parse_int(&len, a->headers[i].value, 0, (int64_t)max)) {
            len = -1;
        }
    }
    if (len < 0) {
        return 0;
    }
    while (n > 0) {
        cnc__str_reserve(&body, CNC__IBB_BLOCK);
        n = cnc__inflow_read(own->inflow, body.data + body.len, CNC__IBB_BLOCK,
                             own->wait_ms);
        if (n > 0) {
            body.len += (size_t)n;
            body.data[body.len] = '\0';
            n = body.len > max ? CNC_EPROTO : n;
        }
    }
    if (n == 0) {
        cnc__inflow_end(&own->inflow);
        cnc__fanswer_body(a, cnc_buf_new(body.data, body.len));
    }
    cnc__str_fini(&body);
    return (int)n;
}

static bool
may_be_kept(const struct cnc__front_answer *a)
{
    for (size_t i = 0; i < a->n_headers; i++) {
        if (strcasecmp(a->headers[i].name, "set-cookie") == 0 ||
            (strcasecmp(a->headers[i].name, "cache-control") == 0 &&
             strstr(a->headers[i].value, "no-store") != NULL)) {
            return false;
        }
    }
    return a->status == 200;
}

static const char *
header_of(const struct cnc__front_answer *a, const char *name)
{
    for (size_t i = 0; i < a->n_headers; i++) {
        if (strcasecmp(a->headers[i].name, name) == 0) {
            return a->headers[i].value;
        }
    }
    return NULL;
}

/* As service/pages would have it: an entity tag without quotes, and without
 * the encoding. */
static char *
bare_etag(const char *header)
{
    size_t n = header == NULL ? 0 : strlen(header);

    if (n < 2 || header[0] != '"' || header[n - 1] != '"') {
        return cnc__strdup("");
    }
    n -= 2;
    n -= n > 3 && (strncmp(header + 1 + n - 3, "-gz", 3) == 0 ||
                   strncmp(header + 1 + n - 3, "-br", 3) == 0)
             ? 3
             : 0;
    return cnc__strndup(header + 1, n);
}

/* What the service says of a page, or what an asset says of itself. */
struct about {
    const char *key; /* "": it never changes */
    char *etag;      /* new; NULL: it is not to be kept */
    bool personal;
};

static void
read_about(struct about *out, const struct cnc__fask *ask,
           const struct cnc__front_answer *a)
{
    const struct cnc_element *kept =
        cnc_element_child(cnc_element_child(ask->reply, CNC__NS_HTTP, "resp"),
                          CNC__NS_WEB, "kept");
    const char *control = header_of(a, "cache-control");

    memset(out, 0, sizeof(*out));
    if (kept != NULL) {
        const char *personal = cnc_element_attr(kept, NULL, "personal");

        out->key = cnc_element_attr(kept, NULL, "key");
        out->personal = personal != NULL && strcmp(personal, "true") == 0;
        out->etag = out->key == NULL || out->key[0] == '\0'
                        ? NULL
                        : cnc__strdup(cnc_element_attr(kept, NULL, "etag"));
    } else if (control != NULL && strstr(control, "public") != NULL &&
               strstr(control, "immutable") != NULL) {
        out->key = "";
        out->etag = bare_etag(header_of(a, "etag"));
    }
}

static int
keep(struct cnc__exchange *x, struct cnc__front_answer *out,
     const struct cnc__fask *ask)
{
    struct cnc__fown *own = out->own;
    struct about about;
    struct cnc__fpage *p;
    int rc = 0;

    if (!x->s.get || !may_be_kept(out) || !cnc__fkept_fits(&x->s)) {
        return 0;
    }
    read_about(&about, ask, out);
    if (about.etag != NULL && own->inflow != NULL) {
        rc = gather(out, x->f->c.max_kept / 8);
    }
    if (rc == 0 && about.etag != NULL && out->body != NULL &&
        !(x->s.login && about.personal)) {
        p = cnc__fpage_new(out->headers, out->n_headers, own->body, about.key,
                           about.etag, about.personal);
        cnc__fkept_put(x->f->kept, &x->s, p, ask->made);
        cnc__front_answer_fini(out);
        cnc__fanswer_page(out, x->f, p, &x->s);
    }
    cnc__free(about.etag);
    return rc;
}

/* -- */

int
cnc__exchange_try(struct cnc__exchange *x, struct cnc__front_answer *out,
                  struct cnc_error *err)
{
    struct cnc__fask ask = {0};
    int rc = exchange(x, &ask, err);

    if (rc == 0) {
        rc = cnc__fanswer_take(out, x->f, &ask, err);
        if (rc == 0 && (rc = keep(x, out, &ask)) != 0) {
            cnc__front_answer_fini(out);
            rc = CNC_ECLOSED;
        }
    }
    cnc__fask_fini(&ask);
    return rc;
}
