/* SPDX-License-Identifier: MIT */
/*
 * gate-read.c -- <req/> as a request.  Whoever sends it is trusted to say who
 * the browser is, and nothing else: the browser chose the rest.
 */
#include <arpa/inet.h>

#include "../base/text.h"
#include "gate.h"

static int
bad(struct cnc_error *err, const char *what)
{
    return cnc_error_set(err, CNC_EINVAL, "bad-request", "%s", what);
}

/* NULL: e or it is not there. */
static const char *
attr(const struct cnc_element *e, const char *name)
{
    return e == NULL ? NULL : cnc_element_attr(e, NULL, name);
}

/* -- method, address -------------------------------------------------------
 */

static int
read_method(struct cnc__http_request *r, const char *name,
            struct cnc_error *err)
{
    static const struct {
        const char *name;
        enum cnc__http_method method;
    } known[] = {{"GET", CNC__HTTP_GET},
                 {"HEAD", CNC__HTTP_HEAD},
                 {"POST", CNC__HTTP_POST},
                 {"PUT", CNC__HTTP_PUT},
                 {"OPTIONS", CNC__HTTP_OPTIONS}};
    size_t len = name == NULL ? 0 : strlen(name);

    r->method = CNC__HTTP_OTHER;
    for (size_t i = 0; i < len; i++) {
        if ((name[i] < 'A' || name[i] > 'Z') && name[i] != '-') {
            len = 0;
        }
    }
    if (len == 0 || len > 24 || strcmp(name, "CONNECT") == 0 ||
        strcmp(name, "TRACE") == 0) {
        return bad(err, "there is no such method");
    }
    for (size_t i = 0; i < CNC_N(known); i++) {
        if (strcmp(known[i].name, name) == 0) {
            r->method = known[i].method;
        }
    }
    return 0;
}

/* -- headers ---------------------------------------------------------------
 */

/* Of one connection alone, or said by <client/>. */
static bool
is_passed_over(const char *name)
{
    static const char *const names[] = {
        "connection", "keep-alive",    "te",        "trailer",
        "upgrade",    "expect",        "forwarded", "transfer-encoding",
        "x-real-ip",  "http2-settings"};

    for (size_t i = 0; i < CNC_N(names); i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return strncmp(name, "proxy-", 6) == 0 ||
           strncmp(name, "x-forwarded-", 12) == 0;
}

/* What Connection names is of one connection as well (RFC 9110 7.6.1). */
static void
drop_passed_over(struct cnc__gate_call *c)
{
    const struct cnc__http_request all = c->request;
    struct cnc__http_header kept[CNC__HTTP_MAX_HEADERS];
    size_t n = 0;

    for (size_t i = 0; i < all.n_headers; i++) {
        const struct cnc__http_header *h = &c->headers[i];
        bool named = strcmp(h->name, "host") != 0 &&
                     cnc__http_has_token(&all, "connection", h->name);

        if (!named && !is_passed_over(h->name)) {
            kept[n++] = *h;
        }
    }
    memcpy(c->headers, kept, n * sizeof(kept[0]));
    c->request.n_headers = n;
}

static size_t
headers_len(const struct cnc_element *headers, size_t *n)
{
    const struct cnc_element *e;
    size_t len = 0;

    *n = 0;
    for (size_t i = 0;
         (e = cnc_element_next(headers, &i, CNC__NS_SHIM, "header")) != NULL;
         ++*n) {
        const char *name = cnc_element_attr(e, NULL, "name");

        len += (name == NULL ? 0 : strlen(name)) + 4 +
               strlen(cnc_element_text(e));
    }
    return len;
}

static int
refused(int status, const char *why, struct cnc_error *err)
{
    return status == 0 ? 0
           : status == 431
               ? cnc_error_set(err, CNC_ELIMIT, "policy-violation", "%s", why)
               : bad(err, why);
}

static int
read_headers(struct cnc__gate_call *c, const struct cnc_element *headers,
             struct cnc_error *err)
{
    struct cnc__http_request *r = &c->request;
    const struct cnc_element *e;
    const char *why = NULL;
    int status = 0;

    r->headers = c->headers;
    for (size_t i = 0; status == 0 && headers != NULL &&
                       (e = cnc_element_next(headers, &i, CNC__NS_SHIM,
                                             "header")) != NULL;) {
        const char *name = cnc_element_attr(e, NULL, "name");
        const char *value = cnc_element_text(e);

        name = name == NULL ? "" : name;
        status =
            cnc__http_add_header(r, c->headers, &c->text, name, strlen(name),
                                 value, strlen(value), &why);
    }
    if (status == 0) {
        status = cnc__http_check_singles(r, &why);
    }
    return refused(status, why, err);
}

static int
read_length(struct cnc__gate_call *c, struct cnc_error *err)
{
    const char *said = cnc__http_header(&c->request, "content-length");
    int64_t n;

    c->length = UINT64_MAX;
    if (said == NULL) {
        return 0;
    }
    if (!cnc__parse_int(&n, said, 0, INT64_MAX)) {
        return bad(err, "the body's length is not a number");
    }
    c->length = (uint64_t)n;
    return 0;
}

static int
read_head(struct cnc__gate_call *c, const struct cnc_element *req,
          struct cnc_error *err)
{
    const struct cnc_element *headers =
        cnc_element_child(req, CNC__NS_SHIM, "headers");
    const char *target = cnc_element_attr(req, NULL, "resource");
    const char *why = NULL;
    size_t n, len = headers_len(headers, &n);
    int status, code = read_method(&c->request,
                                   cnc_element_attr(req, NULL, "method"), err);

    if (code != 0) {
        return code;
    }
    target = target == NULL ? "" : target;
    if (strlen(target) > CNC__HTTP_MAX_LINE ||
        len + strlen(target) > CNC__HTTP_MAX_HEAD ||
        n > CNC__HTTP_MAX_HEADERS) {
        return refused(431, "the head of the request is too large", err);
    }
    cnc__str_reserve(&c->text, len + strlen(target) + 16);
    if ((code = read_headers(c, headers, err)) != 0) {
        return code;
    }
    c->host = cnc__http_header(&c->request, "host");
    if (c->host == NULL || !cnc__http_host_valid(c->host)) {
        return bad(err, c->host == NULL ? "the Host header is missing"
                                        : "the Host header is malformed");
    }
    drop_passed_over(c);
    if (target[0] != '/') {
        return bad(err, "the address is not a path");
    }
    status = cnc__http_target(&c->request, &c->text, c->host, target,
                              strlen(target), &why);
    code = refused(status, why, err);
    return code != 0 ? code : read_length(c, err);
}

/* -- who -------------------------------------------------------------------
 */

static bool
is_addr(const char *s)
{
    unsigned char bytes[16];

    return strlen(s) < sizeof(((struct cnc__http_request *)NULL)->addr) &&
           (s[0] == '\0' || inet_pton(AF_INET, s, bytes) == 1 ||
            inet_pton(AF_INET6, s, bytes) == 1);
}

static bool
is_item(const char *s)
{
    size_t len = strlen(s);

    return len > 0 && len <= 256 && cnc__xml_chars_valid(s, len);
}

static int
read_client(struct cnc__gate_call *c, const struct cnc_element *client,
            struct cnc_error *err)
{
    const char *addr = attr(client, "addr");
    const char *secure = attr(client, "secure");
    const char *item = attr(client, "item");
    const char *apps = attr(client, "apps");

    if (addr != NULL && !is_addr(addr)) {
        return bad(err, "addr is an IP address");
    }
    if (item != NULL && !is_item(item)) {
        return bad(err, "item is an id of 1 to 256 bytes");
    }
    if (addr != NULL) {
        memcpy(c->request.addr, addr, strlen(addr) + 1);
    }
    c->request.secure = secure != NULL && (strcmp(secure, "true") == 0 ||
                                           strcmp(secure, "1") == 0);
    /* The IQ may be answered before the request is. */
    c->asker.item = c->item = cnc__strdup(item);
    c->asker.apps = c->apps = cnc__strdup(apps == NULL ? "" : apps);
    return 0;
}

/* -- body ------------------------------------------------------------------
 */

static int
read_data(struct cnc__gate_call *c, const struct cnc_element *data,
          struct cnc_error *err)
{
    const struct cnc_element *base64 =
        cnc_element_child(data, CNC__NS_HTTP, "base64");
    const struct cnc_element *text =
        cnc_element_child(data, CNC__NS_HTTP, "text");
    const struct cnc_element *ibb =
        cnc_element_child(data, CNC__NS_HTTP, "ibb");
    const char *s = cnc_element_text(base64 != NULL ? base64 : text);
    const char *sid = attr(ibb, "sid");

    if (data == NULL) {
        return c->length == 0 || c->length == UINT64_MAX
                   ? 0
                   : bad(err, "the body is not there");
    }
    if (ibb != NULL) {
        if (sid == NULL || sid[0] == '\0' || strlen(sid) > CNC__GATE_SID) {
            return bad(err, "sid is a name of 1 to 128 bytes");
        }
        c->sid = cnc__strdup(sid);
        return 0;
    }
    if (base64 == NULL && text == NULL) {
        return bad(err, "a body is <base64/>, <text/> or <ibb/>");
    }
    if (strlen(s) > (size_t)2 * CNC__GATE_INLINE) {
        return cnc_error_set(err, CNC_ELIMIT, "policy-violation",
                             "a body past %u bytes comes by <ibb/>",
                             CNC__GATE_INLINE);
    }
    if (base64 == NULL) {
        cnc__str_puts(&c->body, s);
    } else if (cnc__base64_decode(&c->body, s, strlen(s)) != 0) {
        return bad(err, "the body is not base64");
    }
    return c->length == UINT64_MAX || c->length == c->body.len
               ? 0
               : bad(err, "the body is not as long as Content-Length says");
}

int
cnc__gate_read(struct cnc__gate_call *c, const struct cnc_element *req,
               struct cnc_error *err)
{
    const struct cnc_element *client =
        cnc_element_child(req, CNC__NS_WEB, "client");
    int code = read_head(c, req, err);

    if (code == 0) {
        code = read_client(c, client, err);
    }
    return code != 0
               ? code
               : read_data(c, cnc_element_child(req, CNC__NS_HTTP, "data"),
                           err);
}
