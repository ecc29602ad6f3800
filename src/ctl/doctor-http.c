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
        doctor_wire_close(&w);
    }
    return rc;
}

static int
send_zeros(struct doctor_wire *w, uint64_t len, struct cnc_error *err)
{
    static const char zeros[65536];
    int rc = 0;

    while (rc == 0 && len > 0) {
        size_t n = len < sizeof(zeros) ? (size_t)len : sizeof(zeros);

        rc = doctor_wire_send(w, zeros, n, err);
        len -= n;
    }
    return rc;
}

/* Until it closes. */
static int
read_answer(struct doctor_answer *out, struct doctor_wire *w,
            struct cnc_error *err)
{
    struct cnc__str all = CNC__STR;
    char chunk[16384];
    size_t len;
    const char *end;
    int rc;

    while ((rc = doctor_wire_read(w, chunk, sizeof(chunk), &len, err)) == 0 &&
           all.len < MAX_KEPT) {
        cnc__str_add(&all, chunk, len);
    }
    end = all.len == 0 ? NULL : memmem(all.data, all.len, "\r\n\r\n", 4);
    if (end == NULL) {
        rc = rc == CNC_ECLOSED || rc == 0
                 ? cnc_error_set(err, CNC_ECLOSED, NULL,
                                 "it closes the connection without an answer")
                 : rc;
    } else {
        size_t head = (size_t)(end - all.data) + 2;

        cnc__str_add(&out->head, all.data, head);
        cnc__str_add(&out->body, all.data + head + 2, all.len - head - 2);
        rc =
            sscanf(cnc__str_c(&out->head), "HTTP/1.%*1d %d", &out->status) == 1
                ? 0
                : cnc_error_set(err, CNC_EPROTO, NULL,
                                "what it says is no HTTP");
    }
    cnc__str_fini(&all);
    return rc;
}

int
doctor_ask(struct doctor_answer *out, const struct doctor_site *s,
           const char *method, const char *path, const char *more,
           uint64_t len, const struct doctor_wire_options *o,
           struct cnc_error *err)
{
    struct cnc__str q = CNC__STR;
    struct doctor_wire *w = NULL;
    struct cnc_error late = {0};
    int rc;

    memset(out, 0, sizeof(*out));
    rc = doctor_reach(&w, s, o, out->from, err);
    if (rc == 0) {
        cnc__str_printf(&q,
                        "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n"
                        "User-Agent: concordctl\r\n%s",
                        method, path, strstr(s->url, "://") + 3, more);
        if (strcmp(method, "POST") == 0) {
            cnc__str_printf(&q,
                            "Content-Type: application/octet-stream\r\n"
                            "Content-Length: %llu\r\n",
                            (unsigned long long)len);
        }
        cnc__str_puts(&q, "\r\n");
        rc = doctor_wire_send(w, q.data, q.len, err);
    }
    if (rc == 0) {
        /* Who refuses a body answers before its end. */
        int sent = send_zeros(w, len, &late);

        rc = read_answer(out, w, err);
        if (rc != 0 && sent != 0) {
            *err = late;
        }
    }
    doctor_wire_close(&w);
    cnc__str_fini(&q);
    return rc;
}

void
doctor_answer_fini(struct doctor_answer *a)
{
    cnc__str_fini(&a->head);
    cnc__str_fini(&a->body);
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
