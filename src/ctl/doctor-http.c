/* SPDX-License-Identifier: MIT */
/*
 * doctor-http.c -- one request to a web server, as a browser would send it.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <strings.h>

#include "../base/text.h"
#include "doctor-proxy.h"

#define MAX_KEPT ((size_t)256 << 10)

/* As this machine knows the name: its hosts file counts. */
static int
resolve(struct doctor_addrs *out, const struct doctor_site *s,
        struct cnc_error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    char *host = cnc__strdup(s->host + (s->host[0] == '['));
    int code;

    host[strcspn(host, "]")] = '\0';
    memset(out, 0, sizeof(*out));
    code = getaddrinfo(host, NULL, &hints, &list);
    for (const struct addrinfo *i = list;
         i != NULL && out->n < DOCTOR_MAX_RECORDS; i = i->ai_next) {
        struct doctor_addr *a = &out->list[out->n];

        if (i->ai_family == AF_INET) {
            memcpy(a->bytes, &((struct sockaddr_in *)i->ai_addr)->sin_addr, 4);
        } else if (i->ai_family == AF_INET6) {
            memcpy(a->bytes, &((struct sockaddr_in6 *)i->ai_addr)->sin6_addr,
                   16);
        } else {
            continue;
        }
        a->family = i->ai_family;
        out->n++;
    }
    if (list != NULL) {
        freeaddrinfo(list);
    }
    cnc__free(host);
    return out->n > 0 ? 0
                      : cnc_error_set(err, CNC_ENOENT, NULL,
                                      "%s has no address here: %s", s->host,
                                      code == 0 ? "none" : gai_strerror(code));
}

int
doctor_reach(struct doctor_wire **out, const struct doctor_site *s,
             const struct doctor_wire_options *o, char from[64],
             struct cnc_error *err)
{
    struct doctor_addrs addrs;
    int rc = resolve(&addrs, s, err);

    for (size_t i = 0; i < addrs.n; i++) {
        struct doctor_wire *w;

        rc = doctor_wire_open(&w, &addrs.list[i], s->port, o, err);
        if (rc != 0) {
            continue;
        }
        doctor_wire_from(w, from);
        rc = s->secure ? doctor_wire_tls(w, s->host, "http/1.1", err) : 0;
        if (rc == 0) {
            *out = w;
            return 0;
        }
        cnc_error_set(err, rc, NULL, "no TLS there: %s", err->text);
        doctor_wire_close(&w);
    }
    return rc;
}

/* -- an answer ------------------------------------------------------------ */

/* The status of "HTTP/1.1 200 OK"; 0: it is none. */
static int
status_of(const char *head)
{
    int status = 0;

    if (strncmp(head, "HTTP/1.", 7) != 0 || head[7] < '0' || head[7] > '9' ||
        head[8] != ' ') {
        return 0;
    }
    for (int i = 9; i < 12; i++) {
        if (head[i] < '0' || head[i] > '9') {
            return 0;
        }
        status = status * 10 + (head[i] - '0');
    }
    return status >= 100 ? status : 0;
}

/* RFC 9112 7.1.  The body without its chunks' heads; true: the last was
 * there. */
static bool
unchunk(struct cnc__str *out, const char *data, size_t len)
{
    size_t at = 0;

    while (at < len) {
        const char *end = memchr(data + at, '\n', len - at);
        size_t n = 0, digits = 0;

        for (; end != NULL && data + at + digits < end && digits < 8;
             digits++) {
            char c = data[at + digits];
            const char *all = "0123456789abcdef",
                       *hit = c == '\0' ? NULL : strchr(all, c | 32);

            if (hit == NULL || (c < '0')) {
                break;
            }
            n = n * 16 + (size_t)(hit - all);
        }
        if (end == NULL || digits == 0) {
            return false;
        }
        at = (size_t)(end - data) + 1;
        if (n == 0) {
            return true;
        }
        if (n > len - at) {
            cnc__str_add(out, data + at, len - at);
            return false;
        }
        cnc__str_add(out, data + at, n);
        at += n;
        at += at < len && data[at] == '\r';
        at += at < len && data[at] == '\n';
    }
    return false;
}

/* The body, of which all that has come is data.  True: it is whole. */
static bool
read_body(struct doctor_answer *out, const char *data, size_t len)
{
    char value[256];
    int64_t length;

    if (out->status == 101 || out->status == 204 || out->status == 304) {
        return true;
    }
    if (strcasecmp(doctor_header(out, "Transfer-Encoding", value),
                   "chunked") == 0) {
        return unchunk(&out->body, data, len);
    }
    cnc__str_add(&out->body, data, len);
    return cnc__parse_int(&length, doctor_header(out, "Content-Length", value),
                          0, INT64_MAX) &&
           len >= (uint64_t)length;
}

int
doctor_answer_read(struct doctor_answer *out, const char *data, size_t len,
                   bool ended)
{
    for (;;) {
        const char *end = len == 0 ? NULL : memmem(data, len, "\r\n\r\n", 4);
        size_t head;

        if (end == NULL) {
            return ended ? CNC_EPROTO : 0;
        }
        head = (size_t)(end - data) + 4;
        cnc__str_clear(&out->head);
        cnc__str_clear(&out->body);
        cnc__str_add(&out->head, data, head - 2);
        out->status = status_of(out->head.data);
        if (out->status == 0) {
            return CNC_EPROTO;
        }
        data += head;
        len -= head;
        if (out->status >= 200 || out->status == 101) {
            return read_body(out, data, len) || ended ? 1 : 0;
        }
        out->status = 0; /* 100, 103: the answer comes after it */
    }
}

static int
read_answer(struct doctor_answer *out, struct doctor_wire *w,
            struct cnc_error *err)
{
    struct cnc__str all = CNC__STR;
    char chunk[16384];
    size_t len;
    int rc, got = 0;

    while (got == 0 && all.len < MAX_KEPT &&
           (rc = doctor_wire_read(w, chunk, sizeof(chunk), &len, err)) == 0) {
        cnc__str_add(&all, chunk, len);
        got = doctor_answer_read(out, all.data, all.len, false);
    }
    if (got == 0) {
        got = doctor_answer_read(out, cnc__str_c(&all), all.len, true);
    }
    cnc__str_fini(&all);
    if (got > 0) {
        return 0;
    }
    /* Why nothing more came is known; that it is no HTTP is not, yet. */
    return err->text[0] != '\0'
               ? err->code
               : cnc_error_set(err, CNC_EPROTO, NULL,
                               "what answers there does not speak HTTP");
}

/* -- a question ----------------------------------------------------------- */

static int
send_zeros(struct doctor_wire *w, const struct doctor_request *q,
           struct cnc_error *err)
{
    static const char zeros[65536];
    uint64_t left = q->len;
    int rc = 0;

    while (rc == 0 && left > 0) {
        uint64_t to = left > q->len / 2 ? q->len / 2 : 0;
        size_t n =
            left - to < sizeof(zeros) ? (size_t)(left - to) : sizeof(zeros);

        rc = doctor_wire_send(w, zeros, n, err);
        left -= n;
        if (rc == 0 && q->half != NULL && left > 0 && left == to) {
            q->half(w, q->priv);
        }
    }
    return rc;
}

static int
send_head(struct doctor_wire *w, const struct doctor_site *s,
          const struct doctor_request *q, struct cnc_error *err)
{
    struct cnc__str head = CNC__STR;
    int rc;

    cnc__str_printf(&head,
                    "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n"
                    "User-Agent: concordctl\r\n%s",
                    q->method, q->path, strstr(s->url, "://") + 3,
                    q->more == NULL ? "" : q->more);
    if (strcmp(q->method, "POST") == 0) {
        cnc__str_printf(&head,
                        "Content-Type: application/octet-stream\r\n"
                        "Content-Length: %llu\r\n",
                        (unsigned long long)q->len);
    }
    cnc__str_puts(&head, "\r\n");
    rc = doctor_wire_send(w, head.data, head.len, err);
    cnc__str_fini(&head);
    return rc;
}

int
doctor_ask(struct doctor_answer *out, const struct doctor_site *s,
           const struct doctor_request *q, const struct doctor_wire_options *o,
           struct cnc_error *err)
{
    struct doctor_wire *w = NULL;
    struct cnc_error late = {0};
    int rc;

    memset(out, 0, sizeof(*out));
    memset(err, 0, sizeof(*err));
    rc = doctor_reach(&w, s, o, out->from, err);
    rc = rc == 0 ? send_head(w, s, q, err) : rc;
    if (rc == 0) {
        /* Who refuses a body answers before its end. */
        int sent = send_zeros(w, q, &late);

        rc = read_answer(out, w, err);
        if (rc != 0 && sent != 0) {
            *err = late;
        }
    }
    doctor_wire_close(&w);
    return rc;
}

void
doctor_answer_fini(struct doctor_answer *a)
{
    cnc__str_fini(&a->head);
    cnc__str_fini(&a->body);
}

bool
doctor_answer_says(const struct doctor_answer *a, const char *words)
{
    return a->body.len > 0 &&
           memmem(a->body.data, a->body.len, words, strlen(words)) != NULL;
}

const char *
doctor_header(const struct doctor_answer *a, const char *name, char out[256])
{
    size_t n = strlen(name);

    out[0] = '\0';
    for (const char *s = cnc__str_c(&a->head);
         (s = strchr(s, '\n')) != NULL;) {
        s++;
        if (strncasecmp(s, name, n) == 0 && s[n] == ':') {
            const char *value = s + n + 1 + strspn(s + n + 1, " \t");

            snprintf(out, 256, "%.*s", (int)strcspn(value, "\r\n"), value);
            break;
        }
    }
    return out;
}
