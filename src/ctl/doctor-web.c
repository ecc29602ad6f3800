/* SPDX-License-Identifier: MIT */
/*
 * doctor-web.c -- host-meta and the WebSocket, asked for over HTTPS.
 */
#include <stdio.h>
#include <time.h>

#include "../base/text.h"
#include "doctor.h"

#define MAX_ANSWER ((size_t)128 << 10)

static int64_t
unix_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Send a request; read until it closes, or until the head is whole. */
static int
exchange(struct doctor_wire *w, struct cnc__str *out, const char *request,
         bool head_only, struct cnc_error *err)
{
    char chunk[4096];
    size_t len;
    int rc = doctor_wire_send(w, request, strlen(request), err);

    while (rc == 0 && out->len < MAX_ANSWER) {
        rc = doctor_wire_read(w, chunk, sizeof(chunk), &len, err);
        if (rc == CNC_ECLOSED && out->len > 0) {
            return 0;
        }
        if (rc == 0) {
            cnc__str_add(out, chunk, len);
            if (head_only && memmem(out->data, out->len, "\r\n\r\n", 4)) {
                return 0;
            }
        }
    }
    return rc;
}

/* What Host says: the port too, where it is not the usual one. */
static void
put_host(struct cnc__str *out, const char *host, uint16_t port)
{
    cnc__str_printf(out, port == 443 ? "Host: %s\r\n" : "Host: %s:%u\r\n",
                    host, port);
}

/* The first of the addresses that lets us in, with TLS. */
static int
open_any(struct doctor_wire **out, const char *host,
         const struct doctor_addrs *addrs, uint16_t port,
         const struct doctor_wire_options *o, struct cnc_error *err)
{
    int rc = cnc_error_set(err, CNC_ENOENT, NULL, "%s has no address", host);

    for (size_t i = 0; i < addrs->n; i++) {
        struct doctor_wire *w;
        struct doctor_cert cert;

        rc = doctor_wire_open(&w, &addrs->list[i], port, o, err);
        if (rc != 0) {
            continue;
        }
        rc = doctor_wire_tls(w, host, "http/1.1", err);
        if (rc == 0 && (!doctor_wire_cert(w, &cert, host, false) ||
                        !cert.covers || cert.verify[0] != '\0')) {
            rc = cnc_error_set(
                err, CNC_EAUTH, NULL, "a browser refuses its certificate: %s",
                cert.verify[0] == '\0' ? "it is another name's" : cert.verify);
        }
        if (rc == 0) {
            *out = w;
            return 0;
        }
        doctor_wire_close(&w);
    }
    return rc;
}

void
doctor_web_get(struct doctor_meta *m, const char *domain,
               const struct doctor_addrs *addrs, uint16_t port,
               const char *name, const struct doctor_wire_options *o)
{
    struct cnc__str request = CNC__STR, answer = CNC__STR;
    struct doctor_wire *w = NULL;
    struct cnc_error err = {0};
    size_t body;

    m->asked = true;
    /* 1.0: an answer in one piece. */
    cnc__str_printf(&request,
                    "GET /.well-known/%s HTTP/1.0\r\n"
                    "Origin: https://doctor.invalid\r\n"
                    "User-Agent: concordctl\r\n",
                    name);
    put_host(&request, domain, port);
    cnc__str_puts(&request, "\r\n");
    if (open_any(&w, domain, addrs, port, o, &err) != 0 ||
        exchange(w, &answer, request.data, false, &err) != 0) {
        snprintf(m->why, sizeof(m->why), "%.*s", (int)sizeof(m->why) - 1,
                 err.text);
    } else {
        body = doctor_meta_head(m, answer.data, answer.len, unix_ms());
        if (body == 0 || m->status == 0) {
            snprintf(m->why, sizeof(m->why), "what it says is no HTTP");
        } else if (m->status == 200 && strstr(name, ".json") != NULL) {
            doctor_meta_json(m, answer.data + body, answer.len - body);
        } else if (m->status == 200) {
            doctor_meta_xml(m, answer.data + body, answer.len - body);
        }
    }
    doctor_wire_close(&w);
    cnc__str_fini(&request);
    cnc__str_fini(&answer);
}

/* "wss://host[:port]/path" taken apart. */
static bool
split(const char *url, char host[DOCTOR_NAME], uint16_t *port,
      const char **path)
{
    size_t len;
    int64_t number = 443;

    url += 6;
    len = strcspn(url, ":/?#");
    if (len == 0 || len >= DOCTOR_NAME) {
        return false;
    }
    memcpy(host, url, len);
    host[len] = '\0';
    url += len;
    if (*url == ':') {
        char digits[8] = "";

        len = strcspn(url + 1, "/?#");
        snprintf(digits, sizeof(digits), "%.*s", len > 7 ? 7 : (int)len,
                 url + 1);
        if (!cnc__parse_int(&number, digits, 1, 65535)) {
            return false;
        }
        url += 1 + len;
    }
    *port = (uint16_t)number;
    *path = *url == '/' ? url : "/";
    return strpbrk(url, " \r\n") == NULL;
}

void
doctor_web_socket(struct doctor_report *r, struct doctor_dns *d,
                  const char *url, const struct doctor_wire_options *o)
{
    struct cnc__str request = CNC__STR, answer = CNC__STR;
    struct doctor_wire *w = NULL;
    struct doctor_addrs addrs;
    struct doctor_meta m = {0};
    struct cnc_error err = {0};
    char host[DOCTOR_NAME];
    const char *path;
    uint16_t port;

    if (!split(url, host, &port, &path)) {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_WEB, "web.websocket", NULL,
                   "%s is no address", url);
        return;
    }
    doctor_dns_addrs(d, &addrs, host);
    cnc__str_printf(&request,
                    "GET %s HTTP/1.1\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: Y29uY29yZGN0bCBkb2N0bw==\r\n"
                    "Sec-WebSocket-Protocol: xmpp\r\n",
                    path);
    put_host(&request, host, port);
    cnc__str_puts(&request, "\r\n");
    if (open_any(&w, host, &addrs, port, o, &err) != 0 ||
        exchange(w, &answer, request.data, true, &err) != 0) {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_WEB, "web.websocket", NULL, "%s: %s",
                   url, err.text);
    } else if (doctor_meta_head(&m, answer.data, answer.len, 0) == 0 ||
               m.status != 101) {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_WEB, "web.websocket", NULL,
                   "%s opens no WebSocket (HTTP %d)", url, m.status);
    } else {
        doctor_add(r, DOCTOR_OK, DOCTOR_WEB, "web.websocket", NULL, "%s opens",
                   url);
    }
    doctor_wire_close(&w);
    cnc__str_fini(&request);
    cnc__str_fini(&answer);
}
