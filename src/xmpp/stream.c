/* SPDX-License-Identifier: MIT */
#include "stream-priv.h"

#include <unistd.h>

#include "../base/log.h"
#include "../xml/write.h"
#include "role.h"
#include "sasl.h"

#define STREAM_MAGIC   0x53545245u
#define CLOSE_WAIT_MS  5000u /* for the peer's </stream:stream> */
#define CLIENT_XMLNS   " xmlns='" CNC__NS_CLIENT "'"
#define N_CLIENT_XMLNS (sizeof(CLIENT_XMLNS) - 1)

/* -- saying -------------------------------------------------------------- */

/* After adding to out: tell the owner when there was nothing before. */
void
cnc__stream_touch(struct cnc__stream *s, size_t had)
{
    if (had == 0 && s->out.len > 0) {
        s->events->on_dirty(s->priv);
    }
}

void
cnc__stream_say(struct cnc__stream *s, const struct cnc__str *xml)
{
    size_t had = s->out.len;

    if (s->framing == CNC__FRAMING_WS) {
        cnc__ws_add_frame(&s->out, CNC__WS_TEXT, xml->data, xml->len);
    } else {
        cnc__str_add(&s->out, xml->data, xml->len);
    }
    cnc__stream_touch(s, had);
}

/* Everything is said.  The session stays until the owner frees the stream:
 * we may be in the middle of a loop over sessions. */
void
cnc__stream_become_closed(struct cnc__stream *s)
{
    s->state = CNC__STREAM_CLOSED;
    cnc__sasl_abandon(s);
    if (!s->told) {
        s->told = true;
        if (s->role->on_closed != NULL) {
            s->role->on_closed(s);
        }
    }
    s->events->on_dirty(s->priv);
}

const char *
cnc__stream_host(const struct cnc__stream *s)
{
    return s->host != NULL ? s->host : cnc__router_domain(s->env->router);
}

static void
say_close(struct cnc__stream *s)
{
    struct cnc__str xml = CNC__STR;

    if (s->framing == CNC__FRAMING_WS) {
        cnc__str_puts(&xml, "<close xmlns='" CNC__NS_FRAMING "'/>");
    } else {
        cnc__str_puts(&xml, "</stream:stream>");
    }
    cnc__stream_say(s, &xml);
    cnc__str_fini(&xml);
}

void
cnc__stream_say_ws_close(struct cnc__stream *s, unsigned code)
{
    size_t had = s->out.len;

    if (s->framing == CNC__FRAMING_WS) {
        cnc__ws_add_close(&s->out, code, NULL);
        cnc__stream_touch(s, had);
    }
}

/* RFC 6120 4.9: the error and the end, with a header before them if there was
 * none. */
void
cnc__stream_fail(struct cnc__stream *s, const char *condition,
                 const char *text, unsigned ws_code)
{
    cnc__stream_fail_with(s, condition, text, "", ws_code);
}

void
cnc__stream_fail_with(struct cnc__stream *s, const char *condition,
                      const char *text, const char *specific, unsigned ws_code)
{
    struct cnc__str xml = CNC__STR;

    cnc__log(CNC_LOG_INFO, "stream.error", "peer=%s condition=%s text=%s",
             s->addr, condition, text == NULL ? "" : text);
    if (s->state != CNC__STREAM_CLOSING) {
        cnc__stream_say_header(s, NULL);
        cnc__str_puts(&xml, "<stream:error");
        if (s->framing == CNC__FRAMING_WS) {
            cnc__str_puts(&xml, " xmlns:stream='" CNC__NS_STREAMS "'");
        }
        cnc__str_putc(&xml, '>');
        cnc__stream_error_add(&xml, condition, text);
        cnc__str_puts(&xml, specific);
        cnc__str_puts(&xml, "</stream:error>");
        cnc__stream_say(s, &xml);
        cnc__str_fini(&xml);
        say_close(s);
    }
    cnc__stream_say_ws_close(s, ws_code);
    cnc__stream_become_closed(s);
}

void
cnc__stream_close(struct cnc__stream *s, const char *condition,
                  const char *text)
{
    CNC_OBJ_CHECK(s, STREAM_MAGIC);
    if (s->state == CNC__STREAM_CLOSED) {
        return;
    }
    if (condition != NULL) {
        cnc__stream_fail(s, condition, text, 1000);
        return;
    }
    if (s->state == CNC__STREAM_CLOSING) {
        return;
    }
    if (!s->header_sent) {
        cnc__stream_say_ws_close(s, 1001);
        cnc__stream_become_closed(s);
        return;
    }
    say_close(s);
    cnc__sasl_abandon(s); /* its outcome would open the stream again */
    s->state = CNC__STREAM_CLOSING;
    s->began_ms = s->now_ms;
}

/* The peer's </stream:stream> or <close/>. */
void
cnc__stream_peer_closed(struct cnc__stream *s)
{
    if (s->state != CNC__STREAM_CLOSING) {
        cnc__stream_say_header(s, NULL);
        say_close(s);
    }
    cnc__stream_say_ws_close(s, 1000);
    cnc__stream_become_closed(s);
}

/*
 * In WebSocket framing each stanza stands alone, so it must say its namespace
 * (RFC 7395 3.3): put behind the element's name.  This is the fan-out path:
 * one reserve, then copies.  tail NULL: its bytes come later.
 */
static void
add_ws_stanza(struct cnc__stream *s, const char *head, size_t head_len,
              const char *tail, size_t tail_len)
{
    size_t name = 0;
    size_t len = head_len + N_CLIENT_XMLNS + tail_len;
    char *o;

    while (name < head_len && head[name] != ' ' && head[name] != '>' &&
           head[name] != '/') {
        name++;
    }
    cnc__str_reserve(&s->out, 10 + len - (tail == NULL ? tail_len : 0));
    o = s->out.data + s->out.len;
    o += cnc__ws_head((uint8_t *)o, CNC__WS_TEXT, len);
    o = mempcpy(o, head, name);
    o = mempcpy(o, CLIENT_XMLNS, N_CLIENT_XMLNS);
    o = mempcpy(o, head + name, head_len - name);
    if (tail != NULL) {
        o = mempcpy(o, tail, tail_len);
    }
    *o = '\0';
    s->out.len = (size_t)(o - s->out.data);
}

/* May that much more wait?  Else the stream has ended. */
static bool
has_room(struct cnc__stream *s, size_t len)
{
    size_t had = s->out.len + s->lazy_bytes;

    if (s->state >= CNC__STREAM_CLOSING) {
        return false;
    }
    if (len > s->env->max_queue || had > s->env->max_queue - len) {
        cnc__stream_fail(s, "policy-violation",
                         "Too much is waiting to be read", 1000);
        return false;
    }
    return true;
}

void
cnc__stream_send(struct cnc__stream *s, const char *head, size_t head_len,
                 const char *tail, size_t tail_len)
{
    size_t had = s->out.len;

    CNC_OBJ_CHECK(s, STREAM_MAGIC);
    if (!has_room(s, head_len + tail_len)) {
        return;
    }
    if (s->framing == CNC__FRAMING_WS) {
        add_ws_stanza(s, head, head_len, tail, tail_len);
    } else {
        cnc__str_reserve(&s->out, head_len + tail_len);
        cnc__str_add(&s->out, head, head_len);
        cnc__str_add(&s->out, tail, tail_len);
    }
    cnc__stream_touch(s, had);
}

void
cnc__stream_send_shared(struct cnc__stream *s, const char *head,
                        size_t head_len, const struct cnc_buf *tail)
{
    size_t had = s->out.len;

    CNC_OBJ_CHECK(s, STREAM_MAGIC);
    if (cnc_buf_len(tail) < CNC__STREAM_LAZY) {
        cnc__stream_send(s, head, head_len, cnc_buf_data(tail),
                         cnc_buf_len(tail));
        return;
    }
    if (!has_room(s, head_len + cnc_buf_len(tail))) {
        return;
    }
    if (s->framing == CNC__FRAMING_WS) {
        add_ws_stanza(s, head, head_len, NULL, cnc_buf_len(tail));
    } else {
        cnc__str_add(&s->out, head, head_len);
    }
    cnc__stream_lazy_add(s, tail);
    cnc__stream_touch(s, had);
}

/* -- states -------------------------------------------------------------- */

/* Before SASL a peer gets little room; nothing there is deep. */
struct cnc_xml_limits
cnc__stream_limits(const struct cnc__stream *s)
{
    uint32_t size =
        s->authenticated ? s->env->max_stanza : s->env->max_before_auth;

    return (struct cnc_xml_limits){
        .size = sizeof(struct cnc_xml_limits),
        .max_depth = s->authenticated ? 0 : 16,
        .max_attrs = s->authenticated ? 0 : 32,
        .max_token = size,
        .max_stanza = size,
    };
}

static void
start(struct cnc__stream *s)
{
    if (s->role->on_start != NULL) {
        s->role->on_start(s);
    } else {
        cnc__stream_say_header(s, NULL);
    }
}

/* The parser begins again with what comes next. */
static void
open_again(struct cnc__stream *s)
{
    struct cnc_xml_limits l = cnc__stream_limits(s);

    s->header_sent = false;
    s->state = CNC__STREAM_OPENING;
    if (s->framing == CNC__FRAMING_TCP) {
        if (s->feeding) {
            s->restart = true;
            return;
        }
        cnc_parser_reset(s->parser);
        cnc_parser_limit(s->parser, &l);
    }
}

void
cnc__stream_authenticated(struct cnc__stream *s)
{
    struct cnc_xml_limits l;

    s->authenticated = true;
    s->ws.max_message = s->env->max_stanza;
    s->state = CNC__STREAM_BINDING;
    if (s->framing == CNC__FRAMING_TCP) {
        l = cnc__stream_limits(s);
        cnc_parser_limit(s->parser, &l);
    }
}

void
cnc__stream_restart(struct cnc__stream *s)
{
    cnc__stream_authenticated(s);
    open_again(s);
    if (s->role->initiates) {
        start(s);
    }
}

bool
cnc__stream_can_secure(const struct cnc__stream *s)
{
    return !s->secure && s->framing == CNC__FRAMING_TCP &&
           s->events->on_starttls != NULL;
}

void
cnc__stream_go_secure(struct cnc__stream *s)
{
    CNC_CHECK(cnc__stream_can_secure(s));
    open_again(s);
    s->events->on_starttls(s->priv);
}

void
cnc__stream_secured(struct cnc__stream *s, uint64_t now_ms)
{
    CNC_OBJ_CHECK(s, STREAM_MAGIC);
    if (s->state == CNC__STREAM_CLOSED) {
        return;
    }
    s->secure = true;
    s->now_ms = now_ms;
    if (s->role->on_secured != NULL) {
        s->role->on_secured(s);
    }
    if (s->role->initiates) {
        start(s);
    }
}

static bool
is_web(const struct cnc__stream *s)
{
    bool web = s->uid == 0 || s->uid == (int64_t)geteuid();

    for (size_t i = 0; s->uid >= 0 && i < s->env->n_web_uids; i++) {
        web = web || s->env->web_uids[i] == s->uid;
    }
    return web;
}

void
cnc__stream_bound(struct cnc__stream *s, struct cnc__session *session)
{
    s->session = session;
    session->anonymous = s->anonymous;
    session->operator_ = s->operator_;
    session->web = is_web(s);
    cnc__free(session->login);
    session->login = s->login;
    s->login = NULL;
    s->state = CNC__STREAM_BOUND;
    s->bound_ms = s->now_ms;
    cnc__free(s->account);
    s->account = NULL;
    cnc__free(s->from);
    s->from = NULL;
}

void
cnc__stream_about(struct cnc__stream_about *out, const struct cnc__stream *s)
{
    CNC_OBJ_CHECK(s, STREAM_MAGIC);
    *out = (struct cnc__stream_about){.role = s->role->name,
                                      .addr = s->addr,
                                      .mechanism = s->mechanism,
                                      .framing = s->framing,
                                      .secure = s->secure,
                                      .bound_ms = s->bound_ms,
                                      .waiting = s->out.len + s->lazy_bytes};
    if (s->events->tls_info != NULL) {
        s->events->tls_info(&out->tls, s->priv);
    }
}

/* -- the owner's calls --------------------------------------------------- */

struct cnc__stream *
cnc__stream_new(const struct cnc__stream_env *env,
                const struct cnc__stream_peer *peer,
                const struct cnc__stream_events *events, void *priv,
                uint64_t now_ms)
{
    return cnc__stream_new_role(&cnc__role_c2s, NULL, env, peer, events, priv,
                                now_ms);
}

struct cnc__stream *
cnc__stream_new_role(const struct cnc__stream_role *role, void *role_priv,
                     const struct cnc__stream_env *env,
                     const struct cnc__stream_peer *peer,
                     const struct cnc__stream_events *events, void *priv,
                     uint64_t now_ms)
{
    struct cnc__stream *s = cnc__zalloc(sizeof(*s));
    struct cnc_xml_limits l;

    s->magic = STREAM_MAGIC;
    s->framing = (uint8_t)peer->framing;
    s->role = role;
    s->role_priv = role_priv;
    s->env = env;
    s->events = events;
    s->priv = priv;
    s->secure = peer->secure;
    s->loopback = peer->loopback;
    s->uid = peer->uid;
    s->addr = cnc__strndup(peer->addr, strnlen(peer->addr, 64));
    s->began_ms = s->last_in_ms = s->now_ms = now_ms;
    if (s->framing == CNC__FRAMING_WS) {
        cnc__ws_init(&s->ws, true, env->max_before_auth);
    } else {
        l = cnc__stream_limits(s);
        s->parser =
            cnc_parser_new(CNC_PARSE_STREAM, 0, &l, &cnc__hear_events, s);
        if (strcmp(role->content_ns, CNC__NS_CLIENT) != 0) {
            cnc_parser_alias(s->parser, role->content_ns, CNC__NS_CLIENT);
        }
    }
    if (role->initiates) {
        start(s);
    }
    return s;
}

void
cnc__stream_free(struct cnc__stream **sp)
{
    struct cnc__stream *s = *sp;

    if (s == NULL) {
        return;
    }
    CNC_OBJ_CHECK(s, STREAM_MAGIC);
    CNC_CHECK(!s->feeding);
    *sp = NULL;
    s->lost = s->lost || s->state < CNC__STREAM_CLOSING;
    s->state = CNC__STREAM_CLOSED;
    cnc__sasl_abandon(s);
    if (!s->told && s->role->on_closed != NULL) {
        s->told = true;
        s->role->on_closed(s);
    }
    if (s->role->fini != NULL) {
        s->role->fini(s);
    }
    cnc_parser_free(&s->parser);
    cnc__ws_fini(&s->ws);
    cnc__stream_lazy_fini(s);
    cnc__str_fini(&s->out);
    cnc__free(s->account);
    cnc__free(s->from);
    cnc__free(s->login);
    cnc__free(s->host);
    cnc__free(s->id);
    cnc__free(s->addr);
    CNC_OBJ_FREE(s);
}

bool
cnc__stream_is_full(const struct cnc__stream *s)
{
    return s->out.len + s->lazy_bytes >= s->env->max_queue / 4;
}

size_t
cnc__stream_held(const struct cnc__stream *s)
{
    return s->out.cap + s->ws.message.cap + s->cap_lazy * sizeof(*s->lazy);
}

size_t
cnc__stream_feed(struct cnc__stream *s, char *data, size_t len,
                 uint64_t now_ms)
{
    size_t used = len;

    CNC_OBJ_CHECK(s, STREAM_MAGIC);
    CNC_CHECK(!s->feeding);
    s->now_ms = s->last_in_ms = now_ms;
    s->pinged = false;
    if (s->state == CNC__STREAM_CLOSED || len == 0) {
        return len;
    }
    const struct cnc__router *r = s->env->router;
    const char *was = cnc__log_about(r == NULL ? NULL : cnc__router_domain(r));
    s->feeding = true;
    if (s->framing == CNC__FRAMING_WS) {
        used = cnc__hear_ws(s, data, len);
    } else {
        used = cnc__hear_tcp(s, data, len);
    }
    s->feeding = false;
    cnc__log_about(was);
    return used;
}

void
cnc__stream_eof(struct cnc__stream *s)
{
    CNC_OBJ_CHECK(s, STREAM_MAGIC);
    if (s->state != CNC__STREAM_CLOSED) {
        s->lost = s->state != CNC__STREAM_CLOSING;
        cnc__stream_become_closed(s);
    }
}

void
cnc__stream_tick(struct cnc__stream *s, uint64_t now_ms)
{
    CNC_OBJ_CHECK(s, STREAM_MAGIC);
    s->now_ms = now_ms;
    if (s->state == CNC__STREAM_CLOSED) {
        return;
    }
    if (s->state == CNC__STREAM_CLOSING) {
        if (now_ms - s->began_ms >= CLOSE_WAIT_MS) {
            cnc__stream_say_ws_close(s, 1000);
            cnc__stream_become_closed(s);
        }
        return;
    }
    if (s->state != CNC__STREAM_BOUND && s->env->auth_ms > 0 &&
        now_ms - s->began_ms >= s->env->auth_ms) {
        cnc__stream_fail(s, "connection-timeout",
                         "The stream was not ready in time", 1000);
        return;
    }
    if (s->role->on_tick != NULL) {
        s->role->on_tick(s);
    }
}

bool
cnc__stream_is_closed(const struct cnc__stream *s)
{
    return s->state == CNC__STREAM_CLOSED;
}

struct cnc__session *
cnc__stream_session(struct cnc__stream *s)
{
    return s->session;
}
