/* SPDX-License-Identifier: MIT */
/*
 * request.c -- a request of FastCGI: its parameters (RFC 3875 4.1, and
 * REQUEST_URI, HTTPS as all web servers have them) as a request to the front,
 * the answer back.
 */
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>

#include "../base/text.h"
#include "fcgi.h"

#define MAX_HEADERS 128
#define BYTES       32768

struct asked {
    struct cnc__front_header headers[MAX_HEADERS];
    char *names[MAX_HEADERS]; /* *new* */
    struct cnc__str target;
    struct cnc__front_request r;
    FCGX_Request *fcgi;
    struct fcgi_bodies *bodies;
    uint64_t n_read;
    bool crowded; /* too many bodies are waited for */
};

/* -- what is asked --------------------------------------------------------
 */

/* HTTP_ACCEPT_LANGUAGE is Accept-Language. */
static char *
name_of(const char *param, size_t len)
{
    char *name = cnc__strndup(param, len);

    for (char *c = name; *c != '\0'; c++) {
        *c = *c == '_' ? '-' : *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
    }
    return name;
}

static void
add_header(struct asked *a, char *name, const char *value)
{
    if (a->r.n_headers == MAX_HEADERS) {
        cnc__free(name);
        return;
    }
    a->names[a->r.n_headers] = name;
    a->headers[a->r.n_headers++] = (struct cnc__front_header){name, value};
}

static void
read_headers(struct asked *a, char **params)
{
    for (char **p = params; *p != NULL; p++) {
        const char *eq = strchr(*p, '=');

        if (eq == NULL) {
            continue;
        }
        /* nginx says these twice. */
        if (strncmp(*p, "HTTP_CONTENT_LENGTH=", 20) == 0 ||
            strncmp(*p, "HTTP_CONTENT_TYPE=", 18) == 0) {
            continue;
        }
        if (strncmp(*p, "HTTP_", 5) == 0) {
            add_header(a, name_of(*p + 5, (size_t)(eq - *p) - 5), eq + 1);
        } else if (strncmp(*p, "CONTENT_TYPE=", 13) == 0 && eq[1] != '\0') {
            add_header(a, cnc__strdup("content-type"), eq + 1);
        }
    }
}

static const char *
param(const FCGX_Request *r, const char *name)
{
    const char *value = FCGX_GetParam(name, r->envp);

    return value == NULL ? "" : value;
}

/* As on the request line; put together where a web server does not say it. */
static void
read_target(struct cnc__str *out, const FCGX_Request *r)
{
    const char *uri = param(r, "REQUEST_URI"), *query;

    if (strncasecmp(uri, "http://", 7) == 0 ||
        strncasecmp(uri, "https://", 8) == 0) {
        uri = strstr(uri, "//") + 2;
        uri += strcspn(uri, "/?#");
        cnc__str_puts(out, *uri == '/' ? "" : "/");
    }
    if (uri[0] != '\0' || out->len > 0) {
        cnc__str_puts(out, uri);
        return;
    }
    query = param(r, "QUERY_STRING");
    cnc__str_printf(out, "%s%s%s%s", param(r, "SCRIPT_NAME"),
                    param(r, "PATH_INFO"), query[0] == '\0' ? "" : "?", query);
}

static bool
is_secure(const FCGX_Request *r)
{
    const char *https = param(r, "HTTPS");

    return strcasecmp(https, "on") == 0 || strcmp(https, "1") == 0 ||
           strcmp(param(r, "REQUEST_SCHEME"), "https") == 0;
}

static ssize_t
read_body(void *data, size_t size, void *priv)
{
    struct asked *a = priv;
    FCGX_Stream *in = a->fcgi->in;
    struct fcgi_body waits;
    int n;

    if (!fcgi_body_begin(a->bodies, &waits, a->fcgi->ipcFd, false)) {
        a->crowded = true;
        return -1;
    }
    n = FCGX_GetStr(data, size > BYTES ? BYTES : (int)size, in);
    fcgi_body_end(a->bodies, &waits);
    a->n_read += n > 0 ? (uint64_t)n : 0;
    return FCGX_GetError(in) != 0 ? -1 : n;
}

static void
read_request(struct asked *a, FCGX_Request *r)
{
    const char *length = param(r, "CONTENT_LENGTH");
    int64_t n;

    read_target(&a->target, r);
    read_headers(a, r->envp);
    a->r.method = param(r, "REQUEST_METHOD");
    a->r.target = cnc__str_c(&a->target);
    a->r.headers = a->headers;
    a->r.addr = param(r, "REMOTE_ADDR");
    a->r.secure = is_secure(r);
    a->r.priv = a;
    if (cnc__parse_int(&n, length, 0, INT64_MAX)) {
        a->r.length = (uint64_t)n;
        a->r.read = n == 0 ? NULL : read_body;
    } else {
        bool may = strcmp(a->r.method, "GET") != 0 &&
                   strcmp(a->r.method, "HEAD") != 0;

        a->r.length = UINT64_MAX;
        a->r.read = may ? read_body : NULL;
    }
}

/* -- the answer -----------------------------------------------------------
 */

static void
put(struct asked *a, const char *data, size_t len)
{
    bool more = true;

    while (len > 0 && more) {
        int n = len > BYTES ? BYTES : (int)len;
        struct fcgi_body waits;

        fcgi_body_begin(a->bodies, &waits, a->fcgi->ipcFd, true);
        more = FCGX_PutStr(data, n, a->fcgi->out) == n;
        fcgi_body_end(a->bodies, &waits);
        data += n;
        len -= (size_t)n;
    }
}

static void
write_head(struct asked *to, const struct cnc__front_answer *a)
{
    struct cnc__str head = CNC__STR;

    cnc__str_printf(&head, "Status: %d\r\n", a->status);
    for (size_t i = 0; i < a->n_headers; i++) {
        cnc__str_printf(&head, "%s: %s\r\n", a->headers[i].name,
                        a->headers[i].value);
    }
    cnc__str_puts(&head, "\r\n");
    put(to, head.data, head.len);
    cnc__str_fini(&head);
}

/* Broken off: the connection ends without the end of the answer, so that
 * nobody takes it for whole. */
static void
write_body(struct asked *to, struct cnc__front_answer *a)
{
    FCGX_Request *r = to->fcgi;
    char data[BYTES];
    ssize_t n = 0;

    if (a->body != NULL) {
        put(to, cnc_buf_data(a->body), cnc_buf_len(a->body));
        return;
    }
    while (FCGX_GetError(r->out) == 0 &&
           (n = cnc__front_read(a, data, sizeof(data))) > 0) {
        put(to, data, (size_t)n);
    }
    if (n < 0) {
        FCGX_FFlush(r->out);
        shutdown(r->ipcFd, SHUT_RDWR);
    }
}

static void
write_crowded(struct asked *a)
{
    static const char text[] =
        "Status: 503\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Cache-Control: no-store\r\nRetry-After: 5\r\n\r\n"
        "503 Service Unavailable: too many are sending at once.\n";

    put(a, text, sizeof(text) - 1);
}

/* What is left of a body would be read as the next request on a connection
 * that is kept: such a one ends. */
static void
end_input(struct asked *a)
{
    bool done = a->r.read == NULL || a->n_read == a->r.length ||
                FCGX_HasSeenEOF(a->fcgi->in) == EOF;
    char c;

    if (a->fcgi->keepConnection != 0 && (!done || read_body(&c, 1, a) != 0)) {
        a->fcgi->keepConnection = 0;
    }
}

void
fcgi_request(struct cnc__front *f, struct fcgi_bodies *bodies, FCGX_Request *r)
{
    struct asked *a = cnc__zalloc(sizeof(*a));
    struct cnc__front_answer answer;

    a->fcgi = r;
    a->bodies = bodies;
    read_request(a, r);
    cnc__front_ask(f, &answer, &a->r);
    if (a->crowded) {
        write_crowded(a);
    } else {
        write_head(a, &answer);
        write_body(a, &answer);
    }
    end_input(a);
    cnc__front_answer_fini(&answer);
    for (size_t i = 0; i < a->r.n_headers; i++) {
        cnc__free(a->names[i]);
    }
    cnc__str_fini(&a->target);
    cnc__free(a);
}
