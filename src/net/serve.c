/* SPDX-License-Identifier: MIT */
/*
 * serve.c -- requests to the handler, answers back: one at a time for a
 * connection, in the order they came; what is pipelined waits in conn->in.
 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "conn.h"

#define POOL_MAX 64 /* requests kept for the next connection that has one */

/* -- the request's object ------------------------------------------------ */

#define BYTES_A_MS 8 /* a body that takes longer is cut off */

static void respond(struct cnc__http_responder *self,
                    const struct cnc__http_response *response);
static void resume(struct cnc__http_responder *self);

/* Who asks, and how they are answered. */
static void
introduce(const struct cnc__conn *c, struct cnc__http_call *call)
{
    cnc__http_introduce(c, &call->h1.request);
    call->h1.request.responder = &call->responder;
}

static void
place(const struct cnc__net *n, struct cnc__http_request *r)
{
    if (n->config.place != NULL && r->place == CNC__HTTP_UNPLACED) {
        n->config.place(r, n->config.site_priv);
    }
}

static uint32_t
larger(struct cnc__http1 *h)
{
    struct cnc__http_call *call = CNC_CONTAINER(h, struct cnc__http_call, h1);
    const struct cnc__net_config *config = &call->conn->net->config;

    introduce(call->conn, call);
    place(call->conn->net, &h->request);
    return config->larger == NULL
               ? 0
               : config->larger(&h->request, config->http_priv);
}

static struct cnc__http_call *
take_call(struct cnc__conn *c)
{
    struct cnc__net *n = c->net;
    struct cnc__http_call *call = n->pool;

    if (call == NULL) {
        call = cnc__zalloc(sizeof(*call));
        call->magic = CNC__CALL_MAGIC;
        call->responder.respond = respond;
        call->responder.resume = resume;
    } else {
        n->pool = call->next;
        n->n_pool--;
    }
    call->conn = c;
    call->with_handler = call->in_handler = call->answered = false;
    call->sink = NULL;
    cnc__http1_init(&call->h1, n->config.max_body);
    call->h1.larger = larger;
    return call;
}

/* What others hung on the request. */
static void
forget(struct cnc__http_request *r)
{
    struct cnc__http_made *made = r->made;

    cnc__free(r->caller);
    r->caller = NULL;
    r->made = NULL;
    if (made != NULL) {
        made->end(made);
    }
}

void
cnc__http_call_free(struct cnc__http_call **cp)
{
    struct cnc__http_call *call = *cp;

    if (call != NULL) {
        CNC_OBJ_CHECK(call, CNC__CALL_MAGIC);
        forget(&call->h1.request);
        cnc__http1_fini(&call->h1);
        CNC_OBJ_FREE(call);
        *cp = NULL;
    }
}

static void
give_call(struct cnc__net *n, struct cnc__http_call *call)
{
    if (n->n_pool >= POOL_MAX || call->h1.body.cap > 65536) {
        cnc__http_call_free(&call);
        return;
    }
    forget(&call->h1.request);
    call->next = n->pool;
    n->pool = call;
    n->n_pool++;
}

void
cnc__http_abandon(struct cnc__conn *c)
{
    struct cnc__http_call *call = c->call;

    if (call == NULL) {
        return;
    }
    c->call = NULL;
    call->conn = NULL;
    if (call->sink != NULL) {
        struct cnc__http_sink *sink = call->sink;

        call->sink = NULL;
        sink->gone(sink);
    }
    /* A handler that has it will still answer, and that frees it; or the
     * service ends first. */
    if (!call->with_handler) {
        give_call(c->net, call);
    } else if (!call->in_handler) {
        cnc__link_add(&c->net->orphans, &call->orphan);
    }
}

/* -- answers ------------------------------------------------------------- */

static void
add_date(struct cnc__net *n, struct cnc__str *out)
{
    struct timespec now;
    struct tm tm;

    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != n->date_s) {
        n->date_s = now.tv_sec;
        gmtime_r(&now.tv_sec, &tm);
        strftime(n->date, sizeof(n->date),
                 "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
    }
    cnc__str_puts(out, n->date);
}

static void
add_head(struct cnc__conn *c, const struct cnc__http1 *h,
         const struct cnc__http_response *r)
{
    struct cnc__str *out = &c->out;
    bool no_body = r->status == 204 || r->status == 304 || r->status < 200;

    cnc__str_puts(out, "HTTP/1.1 ");
    cnc__str_puts(out, cnc__http_status_text(r->status));
    cnc__str_puts(out, "\r\n");
    add_date(c->net, out);
    if (r->content_type != NULL) {
        cnc__str_printf(out, "Content-Type: %s\r\n", r->content_type);
    }
    if (r->headers != NULL) {
        cnc__str_puts(out, r->headers);
    }
    if (!no_body) {
        cnc__str_printf(out, "Content-Length: %llu\r\n",
                        r->file != NULL ? (unsigned long long)r->file->len
                        : r->body == NULL
                            ? 0
                            : (unsigned long long)cnc_buf_len(r->body));
    }
    if (c->close_after) {
        cnc__str_puts(out, "Connection: close\r\n");
    } else if (h != NULL && h->http10) {
        cnc__str_puts(out, "Connection: keep-alive\r\n");
    }
    cnc__str_puts(out, "\r\n");
}

static void
add_body(struct cnc__conn *c, struct cnc_buf *body)
{
    CNC_CHECK(c->ref == NULL); /* else we would not have read the request */
    if (cnc_buf_len(body) > CNC__NET_BY_REF) {
        c->ref = cnc_buf_ref(body);
        c->ref_off = 0;
    } else {
        cnc__str_add(&c->out, cnc_buf_data(body), cnc_buf_len(body));
    }
}

static void
add_file(struct cnc__conn *c, const struct cnc__http_file *file,
         bool head_only)
{
    CNC_CHECK(c->file_left == 0); /* as with ref */
    c->file = file->fd;
    c->file_off = file->offset;
    c->file_left = file->len;
    if (head_only || file->len == 0) {
        close(file->fd);
        c->file_left = 0;
    }
}

static void
write_response(struct cnc__conn *c, const struct cnc__http1 *h,
               const struct cnc__http_response *r)
{
    bool head_only = h != NULL && h->request.method == CNC__HTTP_HEAD;

    if (h == NULL || !h->keep_alive) {
        c->close_after = true;
    }
    c->deadline_ms = cnc__net_now(c->net) + c->net->config.keepalive_ms;
    if (r->whole != NULL) {
        CNC_CHECK(r->head_len <= cnc_buf_len(r->whole));
        if (head_only) {
            cnc__str_add(&c->out, cnc_buf_data(r->whole), r->head_len);
        } else {
            add_body(c, r->whole);
        }
        return;
    }
    add_head(c, h, r);
    head_only = head_only || r->status == 204 || r->status == 304;
    if (r->file != NULL) {
        add_file(c, r->file, head_only);
    } else if (r->body != NULL && !head_only) {
        add_body(c, r->body);
    }
}

void
cnc__http_refuse(struct cnc__conn *c, int status, const char *headers,
                 const char *why)
{
    struct cnc__http_response r = {.status = status,
                                   .content_type = "text/plain; charset=utf-8",
                                   .headers = headers};
    struct cnc__str text = CNC__STR;
    bool head_only = c->call != NULL &&
                     c->call->h1.request.method == CNC__HTTP_HEAD &&
                     c->call->h1.request.path != NULL;

    c->net->stats.refused++;
    cnc__str_printf(&text, "%s: %s.\n", cnc__http_status_text(status), why);
    r.body = cnc_buf_new(text.data, text.len);
    cnc__str_fini(&text);
    c->close_after = true;
    c->deadline_ms = cnc__net_now(c->net) + c->net->config.keepalive_ms;
    add_head(c, NULL, &r);
    if (!head_only) {
        add_body(c, r.body);
    }
    cnc_buf_unref(&r.body);
    cnc__http_abandon(c);
    cnc__net_dirty(c);
}

void
cnc__http_stranger(struct cnc__conn *c, const struct cnc__http1 *h)
{
    struct cnc__str text = CNC__STR;

    cnc__origin_tell(&text, &h->request, h->host);
    cnc__net_warn(c->net, "http.origin", cnc__str_c(&text));
    cnc__str_fini(&text);
}

/* May be called from anywhere, so it only queues; the end of the turn reads
 * the next request. */
static void
respond(struct cnc__http_responder *self,
        const struct cnc__http_response *response)
{
    struct cnc__http_call *call =
        CNC_CONTAINER(self, struct cnc__http_call, responder);
    struct cnc__conn *c = call->conn;

    CNC_OBJ_CHECK(call, CNC__CALL_MAGIC);
    CNC_CHECK(call->with_handler && !call->answered);
    call->answered = true;
    if (c == NULL) {
        if (response->file != NULL) {
            close(response->file->fd);
        }
        if (!call->in_handler) {
            cnc__link_del(&call->orphan);
            cnc__http_call_free(&call);
        }
        return;
    }
    write_response(c, &call->h1, response);
    cnc__net_dirty(c);
    if (!call->in_handler) {
        c->call = NULL;
        give_call(c->net, call);
    }
}

/* Asked for at the end of the turn: what is read then. */
static void
resume(struct cnc__http_responder *self)
{
    struct cnc__http_call *call =
        CNC_CONTAINER(self, struct cnc__http_call, responder);

    CNC_OBJ_CHECK(call, CNC__CALL_MAGIC);
    if (call->conn != NULL) {
        cnc__net_dirty(call->conn);
    }
}

/* -- requests ------------------------------------------------------------ */

bool
cnc__http_is_backed_up(struct cnc__conn *c)
{
    return c->ref != NULL || c->file_left > 0 || c->out.len > CNC__NET_BACKLOG;
}

bool
cnc__http_site(const struct cnc__net *n, const char *host,
               const char *const **origins)
{
    *origins = n->config.origins;
    return n->config.site == NULL ||
           n->config.site(host, origins, n->config.site_priv);
}

/* Asked with the head, so that nobody sends a body in vain. */
static bool
may_go_on(struct cnc__conn *c, struct cnc__http1 *h)
{
    struct cnc__http_request *r = &h->request;
    const char *const *origins;
    const char *why = NULL;
    int status;

    place(c->net, r);
    /* A page elsewhere whose name comes to lead here is of another origin,
     * and the browser does not know it (DNS rebinding). */
    if (!cnc__http_site(c->net, h->host, &origins)) {
        cnc__http_refuse(c, 421, NULL, "there is no such site here");
        return false;
    }
    status =
        cnc__origin_check(r, h->host, c->net->config.open_path, origins, &why);
    if (status != 0) {
        cnc__http_stranger(c, h);
        cnc__http_refuse(c, status, NULL, why);
        return false;
    }
    return true;
}

static void
on_body(const char *data, size_t len, void *priv)
{
    struct cnc__http_sink *sink = priv;

    sink->data(sink, data, len);
}

/* A body comes.  False: it was answered without it. */
static bool
expect_body(struct cnc__conn *c, struct cnc__http_call *call)
{
    struct cnc__net *n = c->net;
    struct cnc__http1 *h = &call->h1;

    if (n->config.sink != NULL) {
        call->with_handler = call->in_handler = true;
        c->close_after = true; /* should it answer now */
        call->sink =
            n->config.sink(&h->request, h->length, n->config.http_priv);
        call->in_handler = call->with_handler = false;
        if (call->answered) {
            CNC_CHECK(call->sink == NULL);
            c->call = NULL;
            give_call(n, call);
            return false;
        }
        c->close_after = false;
    }
    if (call->sink != NULL) {
        h->on_body = on_body;
        h->on_body_priv = call->sink;
    }
    if (h->length != CNC__HTTP1_NO_LENGTH &&
        h->max_body > n->config.max_body) {
        c->deadline_ms += h->length / BYTES_A_MS;
    }
    return true;
}

static void
dispatch(struct cnc__conn *c, struct cnc__http_call *call)
{
    struct cnc__http_request *r = &call->h1.request;
    struct cnc__net *n = c->net;

    n->stats.requests++;
    if (n->config.web != NULL && r->place != CNC__HTTP_OUTSIDE &&
        strcmp(r->path, n->config.ws_path) == 0 &&
        cnc__http_upgrade(c, &call->h1)) {
        cnc__http_abandon(c);
        return;
    }
    call->with_handler = call->in_handler = true;
    c->deadline_ms = 0; /* ours to keep, not the client's */
    if (call->sink != NULL) {
        struct cnc__http_sink *sink = call->sink;

        call->sink = NULL;
        sink->end(sink);
    } else {
        n->config.http(r, n->config.http_priv);
    }
    call->in_handler = false;
    if (call->answered) {
        c->call = NULL;
        give_call(n, call);
    } else if (call->conn == NULL) {
        cnc__link_add(&n->orphans, &call->orphan);
    }
}

/* One step; true when there may be another. */
static bool
step(struct cnc__conn *c, enum cnc__http1_step what)
{
    struct cnc__http_call *call = c->call;
    struct cnc__http1 *h = &call->h1;

    switch (what) {
    case CNC__HTTP1_MORE:
        return true;
    case CNC__HTTP1_HEAD:
        introduce(c, call);
        if (!may_go_on(c, h) || !expect_body(c, call)) {
            return false;
        }
        if (h->expect) {
            cnc__str_puts(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
            cnc__net_dirty(c);
        }
        return true;
    case CNC__HTTP1_DONE:
        introduce(c, call);
        if (h->body.len > 0 || h->in_body || may_go_on(c, h)) {
            dispatch(c, call);
            return true;
        }
        return false;
    case CNC__HTTP1_BAD:
        break;
    }
    cnc__http_refuse(c, h->status,
                     h->status == 405 ? "Allow: GET, HEAD, POST\r\n" : NULL,
                     h->why);
    return false;
}

void
cnc__http_feed(struct cnc__conn *c, const char *data, size_t len)
{
    while (len > 0 && c->state == CNC__CONN_HTTP && !c->close_after) {
        size_t used = 0;

        if (cnc__http_is_backed_up(c)) {
            cnc__conn_flush(c);
        }
        if ((c->call != NULL && c->call->with_handler) ||
            cnc__http_is_backed_up(c)) {
            cnc__str_add(&c->in, data, len);
            return;
        }
        if (c->call == NULL) {
            c->call = take_call(c);
            c->deadline_ms = cnc__net_now(c->net) + c->net->config.head_ms;
        }
        if (!step(c, cnc__http1_feed(&c->call->h1, data, len, &used))) {
            return;
        }
        data += used;
        len -= used;
    }
    if (len > 0 && c->state == CNC__CONN_STREAM) {
        /* A client may send its first frame right behind the handshake. */
        struct cnc__str rest = CNC__STR;

        cnc__str_add(&rest, data, len);
        cnc__conn_bytes(c, rest.data, rest.len);
        cnc__str_fini(&rest);
    }
}
