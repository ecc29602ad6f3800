/* SPDX-License-Identifier: MIT */
/*
 * doctor-socket.c -- a WebSocket through a web server, as a page opens it:
 * RFC 6455's handshake, RFC 7395's <open/>, and silence.
 */
#include <stdio.h>
#include <time.h>

#include "../xml/write.h"
#include "doctor-proxy.h"

#define NS_FRAME "urn:ietf:params:xml:ns:xmpp-framing"
#define NS_SASL  "urn:ietf:params:xml:ns:xmpp-sasl"
#define NS_BIND  "urn:ietf:params:xml:ns:xmpp-bind"
#define MAX_HEAD 65536
#define G        DOCTOR_PROXY

enum { OP_TEXT = 1, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

struct socket {
    struct doctor_visit *v;
    struct doctor_wire *w;
    struct cnc__str in;
    int64_t until_ms; /* of all that is read; 0: none, each read has its own */
};

static int64_t
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* -- frames (RFC 6455 5.2) ------------------------------------------------ */

static int
send_frame(struct socket *k, int op, const char *data, size_t len,
           struct cnc_error *err)
{
    /* The mask is zero. */
    unsigned char head[8] = {(unsigned char)(0x80 | op)};
    struct cnc__str frame = CNC__STR;
    int rc;

    head[1] = (unsigned char)(0x80 | (len < 126 ? len : 126));
    head[2] = (unsigned char)(len < 126 ? 0 : len >> 8);
    head[3] = (unsigned char)(len < 126 ? 0 : len);
    cnc__str_add(&frame, head, len < 126 ? 6 : 8);
    cnc__str_add(&frame, data, len);
    rc = doctor_wire_send(k->w, frame.data, frame.len, err);
    cnc__str_fini(&frame);
    return rc;
}

static int
send_text(struct socket *k, const char *text, struct cnc_error *err)
{
    return send_frame(k, OP_TEXT, text, strlen(text), err);
}

/* Takes a frame of at most 64 kB off what came; its opcode, 0: it is not
 * whole, or CNC_ELIMIT. */
static int
take_frame(struct socket *k, struct cnc__str *out)
{
    const unsigned char *b = (const unsigned char *)k->in.data;
    size_t at = 2, len = k->in.len < 2 ? 0 : b[1] & 127u;
    int op;

    if (k->in.len < 2 || (len >= 126 && k->in.len < 4)) {
        return 0;
    }
    if (len == 127) {
        return CNC_ELIMIT;
    }
    if (len == 126) {
        len = (size_t)b[2] << 8 | b[3];
        at = 4;
    }
    if (k->in.len - at < len) {
        return 0;
    }
    op = b[0] & 15;
    cnc__str_clear(out);
    cnc__str_add(out, k->in.data + at, len);
    cnc__str_drop(&k->in, at + len);
    return op;
}

static int
read_more(struct socket *k, struct cnc_error *err)
{
    char chunk[4096];
    size_t len;
    int rc;

    if (k->until_ms != 0) {
        int64_t left = k->until_ms - now_ms();

        doctor_wire_patience(k->w, left > 0 ? (int)left : 0);
    }
    rc = doctor_wire_read(k->w, chunk, sizeof(chunk), &len, err);
    if (rc == 0) {
        cnc__str_add(&k->in, chunk, len);
    }
    return rc;
}

/* The next text.  Pings are answered. */
static int
read_text(struct socket *k, struct cnc__str *out, struct cnc_error *err)
{
    int rc = 0;

    while (rc == 0) {
        int op = take_frame(k, out);

        if (op == OP_TEXT) {
            return 0;
        }
        if (op == OP_CLOSE) {
            return cnc_error_set(err, CNC_ECLOSED, NULL,
                                 "the WebSocket is closed (%.100s)",
                                 out->len > 2 ? out->data + 2 : "no reason");
        }
        if (op < 0) {
            return cnc_error_set(err, op, NULL, "a frame is too large");
        }
        rc = op == OP_PING && out->len < 126
                 ? send_frame(k, OP_PONG, cnc__str_c(out), out->len, err)
             : op == 0 ? read_more(k, err)
                       : 0;
    }
    return rc;
}

/* -- opening -------------------------------------------------------------- */

static int
ask(struct socket *k, const char *scheme, struct doctor_answer *a,
    struct cnc_error *err)
{
    const struct doctor_site *s = k->v->s;
    const char *host = strstr(s->url, "://") + 3;
    struct cnc__str q = CNC__STR;
    int rc, got = 0;

    cnc__str_printf(&q,
                    "GET %s HTTP/1.1\r\nHost: %s\r\nOrigin: %s://%s\r\n"
                    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                    "User-Agent: concordctl\r\n"
                    "Sec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: Y29uY29yZGN0bCBkb2N0bw==\r\n"
                    "Sec-WebSocket-Protocol: xmpp\r\n\r\n",
                    s->socket, host, scheme, host);
    rc = doctor_reach(&k->w, s, k->v->o, a->from, err);
    rc = rc == 0 ? doctor_wire_send(k->w, q.data, q.len, err) : rc;
    while (rc == 0 && got == 0 && k->in.len < MAX_HEAD) {
        rc = read_more(k, err);
        got = doctor_answer_read(a, cnc__str_c(&k->in), k->in.len, rc != 0);
    }
    cnc__str_fini(&q);
    if (got > 0 && a->status == 101) { /* what follows the head is frames */
        const char *end = memmem(k->in.data, k->in.len, "\r\n\r\n", 4);

        cnc__str_drop(&k->in, (size_t)(end - k->in.data) + 4);
    }
    return got > 0   ? 0
           : rc != 0 ? rc
                     : cnc_error_set(err, CNC_EPROTO, NULL,
                                     "what answers there does not speak HTTP");
}

static void
drop(struct socket *k)
{
    doctor_wire_close(&k->w);
    cnc__str_fini(&k->in);
}

/* Would it be opened to a page of the other scheme? */
static bool
flip(struct doctor_visit *v)
{
    struct socket k = {.v = v};
    struct doctor_answer a = {0};
    struct cnc_error err = {0};
    bool opens = ask(&k, v->s->secure ? "http" : "https", &a, &err) == 0 &&
                 a.status == 101;

    doctor_answer_fini(&a);
    drop(&k);
    return opens;
}

static bool
shake_hands(struct socket *k)
{
    struct doctor_visit *v = k->v;
    struct doctor_answer a = {0};
    struct cnc_error err = {0};
    bool open = false;

    if (ask(k, v->s->secure ? "https" : "http", &a, &err) != 0) {
        doctor_found(v->r, v->s, DOCTOR_FAIL, "proxy.websocket",
                     DOCTOR_NEED_SOCKET, "%s opens no WebSocket: %s",
                     v->s->socket, err.text);
    } else {
        open = doctor_judge_upgrade(v->r, v->s, &a,
                                    doctor_is_stranger(&a) && flip(v));
    }
    doctor_answer_fini(&a);
    return open;
}

/* -- XMPP ----------------------------------------------------------------- */

static bool
open_stream(struct socket *k, struct cnc__str *text, struct cnc_error *err)
{
    struct cnc__str open = CNC__STR;
    int rc;

    cnc__xml_printf(&open,
                    "<open xmlns='" NS_FRAME "' to='%s' version='1.0'/>",
                    k->v->s->domain);
    rc = send_text(k, open.data, err);
    rc = rc == 0 ? read_text(k, text, err) : rc;
    cnc__str_fini(&open);
    return rc == 0 && strstr(cnc__str_c(text), "<open") != NULL &&
           read_text(k, text, err) == 0; /* features */
}

/* A guest's session, for which nobody has a reason to close. */
static bool
log_in(struct socket *k, struct cnc__str *text, struct cnc_error *err)
{
    return send_text(k, "<auth xmlns='" NS_SASL "' mechanism='ANONYMOUS'/>",
                     err) == 0 &&
           read_text(k, text, err) == 0 &&
           strstr(cnc__str_c(text), "<success") != NULL &&
           open_stream(k, text, err) &&
           send_text(k,
                     "<iq xmlns='jabber:client' type='set' id='b'>"
                     "<bind xmlns='" NS_BIND "'/></iq>",
                     err) == 0 &&
           read_text(k, text, err) == 0;
}

/* The service pings after a minute: so long the web server must bear
 * silence. */
static void
watch(struct socket *k)
{
    struct doctor_visit *v = k->v;
    struct cnc__str text = CNC__STR;
    struct cnc_error err = {0};
    int64_t began = now_ms();
    int rc = 0;

    if (!log_in(k, &text, &err)) {
        doctor_add(v->r, DOCTOR_WARN, G, "proxy.idle", NULL,
                   "guests may not log in, so silence was not tried");
        cnc__str_fini(&text);
        return;
    }
    k->until_ms = began + (int64_t)v->idle_s * 1000;
    while (rc == 0) {
        rc = read_text(k, &text, &err);
    }
    if (rc == CNC_EAGAIN) {
        doctor_found(v->r, v->s, DOCTOR_OK, "proxy.idle", DOCTOR_NEED_IDLE,
                     "a silent WebSocket stays for %d s", v->idle_s);
    } else {
        doctor_found(v->r, v->s, DOCTOR_FAIL, "proxy.idle", DOCTOR_NEED_IDLE,
                     "a silent WebSocket is cut off after %lld s: %s; a "
                     "minute of silence is usual",
                     (long long)(now_ms() - began) / 1000, err.text);
    }
    cnc__str_fini(&text);
}

void
doctor_socket(struct doctor_visit *v)
{
    struct socket k = {.v = v};
    struct cnc__str text = CNC__STR;
    struct cnc_error err = {0};

    if (shake_hands(&k)) {
        if (!open_stream(&k, &text, &err)) {
            doctor_found(v->r, v->s, DOCTOR_FAIL, "proxy.websocket",
                         DOCTOR_NEED_SOCKET,
                         "the WebSocket opens, and no XMPP comes: %.300s",
                         err.text[0] == '\0' ? cnc__str_c(&text) : err.text);
        } else {
            doctor_found(v->r, v->s, DOCTOR_OK, "proxy.websocket",
                         DOCTOR_NEED_SOCKET,
                         "a WebSocket opens at %s, and the service speaks "
                         "XMPP on it",
                         v->s->socket);
            if (v->idle_s > 0) {
                watch(&k);
            }
        }
    }
    drop(&k);
    cnc__str_fini(&text);
}
