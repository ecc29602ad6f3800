/* SPDX-License-Identifier: MIT */
/*
 * http1.c -- a request out of bytes: llhttp, and limits of ours.
 */
#include <strings.h>

#include "../base/text.h"
#include "http1.h"

/* Bytes a body may take on the wire beyond twice its content: chunk heads
 * and trailers are the sender's to choose. */
#define BODY_SLACK 65536

static int
on_url(llhttp_t *p, const char *at, size_t len)
{
    struct cnc__http1 *h = p->data;

    if (h->target == NULL) {
        h->target = at;
    }
    h->target_len += len;
    return 0;
}

static int
refuse(struct cnc__http1 *h, int status, const char *why)
{
    if (h->status == 0) {
        h->status = status;
        h->why = why;
    }
    return -1;
}

static int
on_headers_complete(llhttp_t *p)
{
    struct cnc__http1 *h = p->data;

    if (p->http_major != 1 || p->http_minor > 1) {
        return refuse(h, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    }
    h->http10 = p->http_minor == 0;
    h->keep_alive = llhttp_should_keep_alive(p) != 0;
    h->chunked = (p->flags & F_CHUNKED) != 0;
    h->length = h->chunked ? CNC__HTTP1_NO_LENGTH : p->content_length;
    /* An Upgrade is ours to take or to leave; llhttp would stop at any. */
    p->upgrade = 0;
    return 0;
}

static int
on_body(llhttp_t *p, const char *at, size_t len)
{
    struct cnc__http1 *h = p->data;

    if (len > h->max_body - h->n_body) {
        return refuse(h, 413, "the body is too large");
    }
    h->n_body += len;
    if (h->on_body != NULL) {
        h->on_body(at, len, h->on_body_priv);
    } else {
        cnc__str_add(&h->body, at, len);
    }
    return 0;
}

static int
on_message_complete(llhttp_t *p)
{
    struct cnc__http1 *h = p->data;

    h->complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void
cnc__http1_init(struct cnc__http1 *h, uint32_t max_body)
{
    llhttp_init(&h->llhttp, HTTP_REQUEST, &settings);
    h->llhttp.data = h;
    memset(&h->request, 0, sizeof(h->request));
    h->request.query = "";
    h->request.headers = h->headers;
    h->host = "";
    h->status = 0;
    h->why = "";
    h->max_body = max_body;
    h->length = 0;
    h->larger = NULL;
    h->on_body = NULL;
    h->keep_alive = h->http10 = h->expect = false;
    h->in_body = h->complete = h->chunked = false;
    h->n_blank = 0;
    h->scanned = h->line = h->start = h->raw_body = h->n_body = 0;
    h->target = NULL;
    h->target_len = 0;
    cnc__str_clear(&h->head);
    cnc__str_clear(&h->text);
    cnc__str_clear(&h->body);
}

void
cnc__http1_fini(struct cnc__http1 *h)
{
    cnc__str_fini(&h->head);
    cnc__str_fini(&h->text);
    cnc__str_fini(&h->body);
}

/* Look for the empty line that ends the head in p[0..len), from where the
 * last call stopped.  1: *end is one past it; 0: more; -1: refused. */
static int
scan_head(struct cnc__http1 *h, const char *p, size_t len, size_t *end)
{
    const char *lf;

    while ((lf = memchr(p + h->scanned, '\n', len - h->scanned)) != NULL) {
        size_t at = (size_t)(lf - p);

        if (at == 0 || p[at - 1] != '\r') {
            return refuse(h, 400, "a line ends in LF without CR");
        }
        h->scanned = at + 1;
        if (at - 1 == h->line) {
            if (h->line != h->start) {
                *end = at + 1;
                break;
            }
            /* RFC 9112 2.2: an empty line before the request. */
            if (++h->n_blank > 2) {
                return refuse(h, 400, "empty lines before the request");
            }
            h->start = at + 1;
        } else if (h->line == h->start && at - h->line > CNC__HTTP_MAX_LINE) {
            return refuse(h, 414, "the address is too long");
        }
        h->line = at + 1;
    }
    if (lf == NULL) {
        h->scanned = len;
        *end = len;
    }
    /* A TLS client's hello may hold no line end at all. */
    if (h->start < len && p[h->start] != '\r' &&
        cnc__http_tchar(p[h->start]) == 0) {
        return refuse(h, 400, "this is not HTTP; https is not spoken here");
    }
    if (*end - h->start > CNC__HTTP_MAX_HEAD) {
        return h->line == h->start
                   ? refuse(h, 414, "the address is too long")
                   : refuse(h, 431, "the head of the request is too large");
    }
    return lf != NULL;
}

/* The text was given room for the whole head before, so it does not move. */
static int
add_header(struct cnc__http1 *h, const char *p, size_t len)
{
    const char *why = NULL;
    size_t n = 0;
    int status;

    while (n < len && cnc__http_tchar(p[n]) != 0) {
        n++;
    }
    if (n == len || p[n] != ':') {
        return refuse(h, 400, "a header line is malformed");
    }
    status = cnc__http_add_header(&h->request, h->headers, &h->text, p, n,
                                  p + n + 1, len - n - 1, &why);
    return status == 0 ? 0 : refuse(h, status, why);
}

static int
split_lines(struct cnc__http1 *h, const char *p, size_t len)
{
    const char *end = p + len - 2; /* before the empty line */
    const char *lf = memchr(p, '\n', len);

    for (const char *c = p; c < lf - 1; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            return refuse(h, 400, "the request line is malformed");
        }
    }
    for (p = lf + 1; p < end; p = lf + 1) {
        lf = memchr(p, '\n', (size_t)(end - p));
        if (add_header(h, p, (size_t)(lf - 1 - p)) != 0) {
            return -1;
        }
    }
    return 0;
}

static int
check_framing(struct cnc__http1 *h)
{
    const char *te = cnc__http_header(&h->request, "transfer-encoding");
    const char *length = cnc__http_header(&h->request, "content-length");
    const char *expect = cnc__http_header(&h->request, "expect");

    if (te != NULL && (length != NULL || h->http10)) {
        return refuse(h, 400, "the body's length is said in two ways");
    }
    if (te != NULL && strcasecmp(te, "chunked") != 0) {
        return refuse(h, 501, "only the transfer encoding chunked is known");
    }
    if (length != NULL &&
        (*length == '\0' || length[strspn(length, "0123456789")] != '\0')) {
        return refuse(h, 400, "the body's length is not a number");
    }
    if (expect != NULL) {
        if (strcasecmp(expect, "100-continue") != 0) {
            return refuse(h, 417, "only 100-continue can be expected");
        }
        h->expect = !h->http10;
    }
    return 0;
}

static int
refuse_llhttp(struct cnc__http1 *h, llhttp_errno_t rc)
{
    switch (rc) {
    case HPE_INVALID_METHOD:
        return refuse(h, 501, "the method is not known");
    case HPE_INVALID_VERSION:
        return refuse(h, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    case HPE_INVALID_TRANSFER_ENCODING:
        return refuse(h, 501, "only the transfer encoding chunked is known");
    default:
        return refuse(h, 400, "the request is malformed");
    }
}

static enum cnc__http_method
method_of(const llhttp_t *p)
{
    switch (p->method) {
    case HTTP_GET:
        return CNC__HTTP_GET;
    case HTTP_HEAD:
        return CNC__HTTP_HEAD;
    case HTTP_POST:
        return CNC__HTTP_POST;
    case HTTP_PUT:
        return CNC__HTTP_PUT;
    case HTTP_OPTIONS:
        return CNC__HTTP_OPTIONS;
    default:
        return CNC__HTTP_OTHER;
    }
}

static int
check_host(struct cnc__http1 *h)
{
    const char *host = cnc__http_header(&h->request, "host");

    if (host == NULL) {
        return h->http10 ? 0 : refuse(h, 400, "the Host header is missing");
    }
    h->host = host;
    return cnc__http_host_valid(host)
               ? 0
               : refuse(h, 400, "the Host header is malformed");
}

static int
check_length(struct cnc__http1 *h)
{
    if (h->length != CNC__HTTP1_NO_LENGTH && h->length > h->max_body) {
        uint32_t larger = h->larger == NULL ? 0 : h->larger(h);

        h->max_body = larger > h->max_body ? larger : h->max_body;
        if (h->length > h->max_body) {
            return refuse(h, 413, "the body is too large");
        }
    }
    return 0;
}

static int
read_head(struct cnc__http1 *h, const char *p, size_t len)
{
    const char *why = NULL;
    llhttp_errno_t rc;
    int status;

    /* Names, values, path and query with their NULs are shorter than the
     * lines they came from; a little more for "/" of an empty path. */
    cnc__str_reserve(&h->text, len + 16);
    if (split_lines(h, p, len) != 0) {
        return -1;
    }
    if ((status = cnc__http_check_singles(&h->request, &why)) != 0) {
        return refuse(h, status, why);
    }
    rc = llhttp_execute(&h->llhttp, p, len);
    if (rc != HPE_OK && rc != HPE_PAUSED) {
        return refuse_llhttp(h, rc);
    }
    if (rc == HPE_PAUSED && llhttp_get_error_pos(&h->llhttp) != p + len) {
        return refuse(h, 400, "the request is malformed");
    }
    h->request.method = method_of(&h->llhttp);
    if (h->llhttp.method == HTTP_CONNECT || h->llhttp.method == HTTP_TRACE) {
        return refuse(h, 405, "the method is not allowed");
    }
    if (check_framing(h) != 0 || check_host(h) != 0) {
        return -1;
    }
    status = cnc__http_target(&h->request, &h->text, h->host, h->target,
                              h->target_len, &why);
    h->target = NULL; /* the bytes are the caller's */
    return status == 0 ? check_length(h) : refuse(h, status, why);
}

static enum cnc__http1_step
finish(struct cnc__http1 *h)
{
    h->request.body = cnc__str_c(&h->body);
    h->request.body_len = h->body.len;
    return CNC__HTTP1_DONE;
}

static enum cnc__http1_step
feed_head(struct cnc__http1 *h, const char *data, size_t len, size_t *used)
{
    size_t before = h->head.len, end = 0;
    const char *p = data;
    size_t n = len;
    int found;

    if (before > 0) {
        /* One head at most: what follows it stays the caller's. */
        n = CNC__HTTP_MAX_HEAD + 8 > before ? CNC__HTTP_MAX_HEAD + 8 - before
                                            : 1;
        n = n < len ? n : len;
        cnc__str_add(&h->head, data, n);
        p = h->head.data;
        n = h->head.len;
    }
    found = scan_head(h, p, n, &end);
    if (found < 0) {
        return CNC__HTTP1_BAD;
    }
    *used = end - before;
    if (found == 0) {
        if (before == 0) {
            cnc__str_add(&h->head, data, n);
        }
        return CNC__HTTP1_MORE;
    }
    if (read_head(h, p + h->start, end - h->start) != 0) {
        return CNC__HTTP1_BAD;
    }
    cnc__str_clear(&h->head);
    if (h->complete) {
        return finish(h);
    }
    h->in_body = true;
    return CNC__HTTP1_HEAD;
}

enum cnc__http1_step
cnc__http1_feed(struct cnc__http1 *h, const char *data, size_t len,
                size_t *used)
{
    llhttp_errno_t rc;

    *used = len;
    if (len == 0) {
        return CNC__HTTP1_MORE;
    }
    if (!h->in_body) {
        return feed_head(h, data, len, used);
    }
    rc = llhttp_execute(&h->llhttp, data, len);
    if (rc != HPE_OK && rc != HPE_PAUSED) {
        refuse_llhttp(h, rc);
        return CNC__HTTP1_BAD;
    }
    if (rc == HPE_PAUSED) {
        *used = (size_t)(llhttp_get_error_pos(&h->llhttp) - data);
    }
    h->raw_body += *used;
    if (h->raw_body > 2 * (size_t)h->max_body + BODY_SLACK) {
        refuse(h, 413, "the body is too large");
        return CNC__HTTP1_BAD;
    }
    return rc == HPE_PAUSED ? finish(h) : CNC__HTTP1_MORE;
}
