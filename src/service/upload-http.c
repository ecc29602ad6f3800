/* SPDX-License-Identifier: MIT */
/*
 * upload-http.c -- PUT of a slot's file, GET of what is kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <strings.h>
#include <unistd.h>

#include "../base/text.h"
#include "uploads.h"

/* Pages of any origin may send to a slot and read what they know the address
 * of: no cookie is asked here. */
#define OPEN_HEADERS "Access-Control-Allow-Origin: *\r\n"
/* A file is never a page of ours: it runs no script, and is not taken for
 * anything but what it says (nosniff). */
#define FILE_HEADERS                                                          \
    OPEN_HEADERS                                                              \
    "X-Content-Type-Options: nosniff\r\n"                                     \
    "Content-Security-Policy: default-src 'none'; sandbox\r\n"                \
    "Cross-Origin-Resource-Policy: cross-origin\r\n"                          \
    "Referrer-Policy: no-referrer\r\n"

static void
say(struct cnc__http_responder *responder, int status, const char *headers,
    const char *text)
{
    struct cnc_buf *body = cnc_buf_new(text, strlen(text));
    struct cnc__str all = CNC__STR;

    cnc__str_puts(&all, OPEN_HEADERS "Cache-Control: no-store\r\n"
                                     "X-Content-Type-Options: nosniff\r\n");
    cnc__str_puts(&all, headers);
    struct cnc__http_response r = {.status = status,
                                   .content_type = "text/plain; charset=utf-8",
                                   .headers = all.data,
                                   .body = body};
    responder->respond(responder, &r);
    cnc_buf_unref(&body);
    cnc__str_fini(&all);
}

static bool
is_below(const char *path, const char *place)
{
    return strncmp(path, place, strlen(place)) == 0;
}

/* -- PUT ------------------------------------------------------------------ */

struct putting {
    struct cnc__http_sink sink;
    struct cnc__http_responder *responder;
    struct cnc__uploads *uploads;
    struct cnc__writing *writing;
};

static void
on_room(void *priv)
{
    struct putting *p = priv;

    p->sink.full = false;
    p->responder->resume(p->responder);
}

static void
on_data(struct cnc__http_sink *sink, const char *data, size_t len)
{
    struct putting *p = CNC_CONTAINER(sink, struct putting, sink);

    sink->full = !cnc__writing_add(p->writing, data, len);
    sink->held = cnc__writing_held(p->writing);
}

static void
on_end(struct cnc__http_sink *sink)
{
    struct putting *p = CNC_CONTAINER(sink, struct putting, sink);

    cnc__writing_end(p->writing);
}

static void
on_gone(struct cnc__http_sink *sink)
{
    struct putting *p = CNC_CONTAINER(sink, struct putting, sink);

    cnc__writing_drop(p->writing);
    cnc__free(p);
}

static void
on_put(const struct cnc__upload *f, void *priv)
{
    struct putting *p = priv;
    struct cnc__str where = CNC__STR;

    if (f == NULL) {
        say(p->responder, 503, "", "The file could not be kept.\n");
    } else {
        cnc__str_puts(&where, "Location: ");
        cnc__upload_url(&where, p->uploads, f);
        cnc__str_puts(&where, "\r\n");
        say(p->responder, 201, where.data, "It is kept.\n");
    }
    cnc__str_fini(&where);
    cnc__free(p);
}

static void
on_written(struct cnc__upload *f, void *priv)
{
    struct putting *p = priv;

    if (f == NULL) {
        on_put(NULL, p);
    } else {
        cnc__upload_keep(p->uploads, f, on_put, p);
    }
}

/* XEP-0363 section 7: 0, or the status. */
static int
judge(const struct cnc__upload *f, const struct cnc__http_request *r,
      uint64_t length, bool typed)
{
    const char *said = cnc__http_header(r, "content-type");
    char *type = cnc__upload_type(said == NULL ? "" : said);
    bool same = !typed || (type != NULL && strcmp(type, f->type) == 0);

    cnc__free(type);
    return length == UINT64_MAX ? 411
           : length > f->bytes  ? 413
           : length < f->bytes  ? 400
           : !same              ? 415
                                : 0;
}

/* A form with files has come whole. */
static void
on_form(struct cnc__http_request *r, void *service)
{
    cnc__domain_http(service, r);
}

struct cnc__http_sink *
cnc__uploads_sink(struct cnc_service *s, struct cnc__http_request *r,
                  uint64_t length)
{
    struct cnc__upload *f;
    struct putting *p;
    bool typed = false;
    int status;

    if (r->method != CNC__HTTP_PUT || !is_below(r->path, CNC__UPLOAD_PUT)) {
        return cnc__agent_sink(s->agent, r, on_form, s);
    }
    f = cnc__upload_slot_take(s->uploads, r->path, &typed);
    if (f == NULL) {
        say(r->responder, 404, "", "There is no such slot any more.\n");
        return NULL;
    }
    status = judge(f, r, length, typed);
    if (status != 0) {
        s->uploads->n_refused++;
        cnc__upload_forget(s->uploads, &f);
        say(r->responder, status, "",
            status == 415 ? "The Content-Type is not that of the slot.\n"
                          : "The Content-Length is not that of the slot.\n");
        return NULL;
    }
    p = cnc__zalloc(sizeof(*p));
    p->sink = (struct cnc__http_sink){false, 0, on_data, on_end, on_gone};
    p->responder = r->responder;
    p->uploads = s->uploads;
    p->writing = cnc__writing_new(s->uploads, f, on_room, on_written, p);
    return &p->sink;
}

uint32_t
cnc__uploads_larger(struct cnc_service *s, const struct cnc__http_request *r)
{
    uint32_t max = (uint32_t)cnc__uploads_max(s->uploads);
    const char *type = cnc__http_header(r, "content-type");
    struct cnc__caller who = {.who = {.anonymous = true}};

    if (s->uploads->off) {
        return 0;
    }
    if (r->method == CNC__HTTP_PUT && is_below(r->path, CNC__UPLOAD_PUT)) {
        return max;
    }
    if (r->method != CNC__HTTP_POST || type == NULL ||
        strncasecmp(type, "multipart/form-data", 19) != 0) {
        return 0;
    }
    cnc__weblogin_caller(&who, (struct cnc__http_request *)r, s);
    return !who.who.anonymous || s->o.upload_guests ? max + (1 << 20) : 0;
}

/* -- GET ------------------------------------------------------------------ */

struct range {
    uint64_t first, len;
    int status; /* 200, 206, 416 */
};

static const char *
digits(uint64_t *out, const char *s)
{
    int64_t n = 0;
    size_t len = strspn(s, "0123456789");
    char *text = cnc__strndup(s, len);
    bool ok = len > 0 && len < 19 && cnc__parse_int(&n, text, 0, INT64_MAX);

    cnc__free(text);
    *out = (uint64_t)n;
    return ok ? s + len : NULL;
}

/* RFC 9110 14.2: what is no single range of bytes is not heard. */
static struct range
range_of(const char *header, uint64_t size)
{
    struct range whole = {0, size, 200}, r = {0, 0, 206};
    const char *s = header, *end;
    uint64_t a = 0, b = 0;

    if (s == NULL || strncasecmp(s, "bytes=", 6) != 0) {
        return whole;
    }
    s += 6;
    if (*s == '-') {
        end = digits(&b, s + 1);
        if (end == NULL || *end != '\0') {
            return whole;
        }
        r.len = b < size ? b : size;
        r.first = size - r.len;
        r.status = r.len == 0 ? 416 : 206;
        return r;
    }
    end = digits(&a, s);
    if (end == NULL || *end != '-') {
        return whole;
    }
    b = size - 1;
    if (end[1] != '\0' &&
        ((end = digits(&b, end + 1)) == NULL || *end != '\0' || b < a)) {
        return whole;
    }
    if (a >= size) {
        r.status = 416;
        return r;
    }
    r.first = a;
    r.len = (b < size ? b : size - 1) - a + 1;
    return r;
}

static void
send_file(struct cnc__uploads *u, const struct cnc__upload *f,
          struct cnc__http_request *r)
{
    struct cnc__str headers = CNC__STR, type = CNC__STR;
    const char *known = cnc__http_header(r, "if-none-match");
    const char *if_range = cnc__http_header(r, "if-range");
    char etag[36];
    struct range range;
    char *path = cnc__upload_path(u, f->id, "");
    struct cnc__http_file file = {.fd = -1};
    struct cnc__http_response a = {0};

    snprintf(etag, sizeof(etag), "\"%.32s\"", f->hash);
    range = range_of(if_range == NULL || strcmp(if_range, etag) == 0
                         ? cnc__http_header(r, "range")
                         : NULL,
                     f->bytes);
    cnc__str_printf(&headers,
                    FILE_HEADERS "ETag: %s\r\nAccept-Ranges: bytes\r\n"
                                 "Cache-Control: private, max-age=86400\r\n",
                    etag);
    cnc__str_printf(&headers, "Content-Disposition: %s; filename*=UTF-8''",
                    cnc__upload_is_inline(f->type) ? "inline" : "attachment");
    cnc__upload_percent(&headers, f->name);
    cnc__str_puts(&headers, "\r\n");
    cnc__str_printf(&type, "%s%s", f->type,
                    strcmp(f->type, "text/plain") == 0 ? "; charset=utf-8"
                                                       : "");
    a.status = range.status;
    a.content_type = type.data;
    if (known != NULL && strstr(known, etag) != NULL) {
        a.status = 304;
    } else if (range.status == 416) {
        cnc__str_printf(&headers, "Content-Range: bytes */%llu\r\n",
                        (unsigned long long)f->bytes);
    } else {
        file = (struct cnc__http_file){open(path, O_RDONLY | O_CLOEXEC),
                                       range.first, range.len};
        if (file.fd < 0) {
            cnc__log(CNC_LOG_ERROR, "upload.missing", "id=%s error=%s", f->id,
                     strerror(errno));
            a.status = 503;
        }
    }
    if (a.status == 206) {
        cnc__str_printf(&headers, "Content-Range: bytes %llu-%llu/%llu\r\n",
                        (unsigned long long)range.first,
                        (unsigned long long)(range.first + range.len - 1),
                        (unsigned long long)f->bytes);
    }
    a.headers = headers.data;
    a.file = file.fd < 0 ? NULL : &file;
    r->responder->respond(r->responder, &a);
    cnc__str_fini(&headers);
    cnc__str_fini(&type);
    cnc__free(path);
}

static void
get(struct cnc__uploads *u, struct cnc__http_request *r)
{
    const char *id = r->path + strlen(CNC__UPLOAD_GET);
    const struct cnc__upload *f =
        strcspn(id, "/") == CNC__UPLOAD_ID
            ? cnc__table_getn(u->files, id, CNC__UPLOAD_ID)
            : NULL;

    if (f == NULL || id[CNC__UPLOAD_ID] != '/' ||
        strcmp(id + CNC__UPLOAD_ID + 1, f->name) != 0) {
        say(r->responder, 404, "", "There is no such file.\n");
    } else {
        send_file(u, f, r);
    }
}

bool
cnc__uploads_http(struct cnc_service *s, struct cnc__http_request *r)
{
    bool up = is_below(r->path, CNC__UPLOAD_PUT);
    bool down = is_below(r->path, CNC__UPLOAD_GET);
    bool reads = r->method == CNC__HTTP_GET || r->method == CNC__HTTP_HEAD;

    if (s->uploads->off || (!up && !down)) {
        if (r->method == CNC__HTTP_PUT || r->method == CNC__HTTP_OPTIONS) {
            r->method = CNC__HTTP_OTHER; /* to all others */
        }
        return false;
    }
    if (down && reads) {
        get(s->uploads, r);
    } else if (r->method == CNC__HTTP_OPTIONS) { /* the Fetch standard's */
        struct cnc__http_response a = {
            .status = 204,
            .headers = OPEN_HEADERS
            "Access-Control-Allow-Methods: GET, HEAD, PUT\r\n"
            "Access-Control-Allow-Headers: Content-Type, Range\r\n"
            "Access-Control-Max-Age: 86400\r\n"};

        r->responder->respond(r->responder, &a);
    } else if (up && r->method == CNC__HTTP_PUT) {
        say(r->responder, 400, "", "There is nothing in it.\n");
    } else {
        say(r->responder, 405,
            up ? "Allow: PUT, OPTIONS\r\n" : "Allow: GET, HEAD, OPTIONS\r\n",
            "That cannot be done here.\n");
    }
    return true;
}
