/* SPDX-License-Identifier: MIT */
/*
 * hear.c -- what the peer says: bytes of either framing to elements, elements
 * to the role.
 */
#include "../base/log.h"
#include "role.h"

bool
cnc__is_stanza_name(const struct cnc_element *e)
{
    const char *name = cnc_element_name(e);

    return strcmp(name, "iq") == 0 || strcmp(name, "message") == 0 ||
           strcmp(name, "presence") == 0;
}

static void
on_element(struct cnc__stream *s, struct cnc_element *e)
{
    /* Closing: only the peer's own end counts. */
    if (s->state != CNC__STREAM_OPENING && s->state < CNC__STREAM_CLOSING) {
        s->role->on_element(s, e);
    }
}

/* -- TCP framing --------------------------------------------------------- */

/* What a parser's callback returns: stop when the parser must not go on. */
static int
go_on(const struct cnc__stream *s)
{
    return s->restart || s->state == CNC__STREAM_CLOSED ? CNC_ECLOSED : 0;
}

static int
tcp_on_open(struct cnc_element *root, void *priv)
{
    struct cnc__stream *s = priv;

    if (s->state == CNC__STREAM_OPENING) {
        cnc__stream_on_header(s, root);
    }
    return go_on(s);
}

static int
tcp_on_stanza(struct cnc_element *e, void *priv)
{
    struct cnc__stream *s = priv;

    on_element(s, e);
    if (go_on(s) == 0 && cnc__stream_is_full(s)) {
        cnc_parser_pause(s->parser);
    }
    return go_on(s);
}

static int
tcp_on_close(void *priv)
{
    cnc__stream_peer_closed(priv);
    return CNC_ECLOSED;
}

const struct cnc_parser_events cnc__hear_events = {
    .on_open = tcp_on_open,
    .on_stanza = tcp_on_stanza,
    .on_close = tcp_on_close,
};

/* The rest waits when many answers do: see ws_go_on(). */
size_t
cnc__hear_tcp(struct cnc__stream *s, const char *data, size_t len)
{
    struct cnc_error err = {0};
    struct cnc_xml_limits l;
    int rc = cnc_parser_feed(s->parser, data, len, &err);

    if (s->state == CNC__STREAM_CLOSED) {
        return len;
    }
    if (s->restart) {
        /* RFC 6120 6.4.6: the peer waits for <success/>, so what came in the
         * same breath as its last answer is nobody's and is dropped; and so
         * it is with <starttls/> (5.4.3.3), where it would be an injection. */
        s->restart = false;
        l = cnc__stream_limits(s);
        cnc_parser_reset(s->parser);
        cnc_parser_limit(s->parser, &l);
    } else if (rc != 0) {
        cnc__stream_fail(
            s, err.condition != NULL ? err.condition : "not-well-formed",
            err.text, 1000);
    } else {
        return len - cnc_parser_left(s->parser);
    }
    return len;
}

/* -- WebSocket framing --------------------------------------------------- */

static void
ws_element(struct cnc__stream *s, struct cnc_element *e)
{
    if (cnc_element_is(e, CNC__NS_FRAMING, "close")) {
        cnc__stream_peer_closed(s);
    } else if (s->state == CNC__STREAM_OPENING) {
        cnc__stream_on_header(s, e);
    } else {
        on_element(s, e);
    }
}

/* What a callback returns: the rest waits when many answers do, else a peer
 * that asks much at once would fill the queue that it is about to read. */
static int
ws_go_on(const struct cnc__stream *s)
{
    return s->state == CNC__STREAM_CLOSED ? CNC_ECLOSED
           : cnc__stream_is_full(s)       ? CNC_EAGAIN
                                          : 0;
}

/* RFC 7395 3.3: one message, one element.  The parser lives for this call, so
 * a silent stream owns none. */
static int
ws_on_text(const char *data, size_t len, void *priv)
{
    struct cnc__stream *s = priv;
    struct cnc_xml_limits l = cnc__stream_limits(s);
    struct cnc_element *e;
    struct cnc_error err = {0};
    int rc;

    if (len == 0 || data[0] != '<') {
        cnc__stream_fail(s, "not-well-formed", "A message starts with '<'",
                         1000);
        return CNC_ECLOSED;
    }
    rc = cnc_xml_parse(&e, data, len, 0, &l, &err);
    if (rc != 0) {
        cnc__stream_fail(
            s, err.condition != NULL ? err.condition : "not-well-formed",
            err.text, 1000);
        return CNC_ECLOSED;
    }
    ws_element(s, e);
    cnc_element_unref(&e);
    return ws_go_on(s);
}

static int
ws_on_ping(const char *data, size_t len, void *priv)
{
    struct cnc__stream *s = priv;
    size_t had = s->out.len;

    /* A peer that pings and never reads must not fill our memory. */
    if (had > s->env->max_queue) {
        cnc__stream_fail(s, "policy-violation",
                         "Too much is waiting to be read", 1000);
        return CNC_ECLOSED;
    }
    cnc__ws_add_frame(&s->out, CNC__WS_PONG, data, len);
    cnc__stream_touch(s, had);
    return ws_go_on(s);
}

static int
ws_on_pong(void *priv)
{
    return 0;
}

static int
ws_on_close(unsigned code, void *priv)
{
    struct cnc__stream *s = priv;

    /* RFC 7395 3.6: the WebSocket has ended, not the stream. */
    s->lost = s->state != CNC__STREAM_CLOSING;
    cnc__stream_say_ws_close(s, code == 1005 ? 1000 : code);
    cnc__stream_become_closed(s);
    return CNC_ECLOSED;
}

size_t
cnc__hear_ws(struct cnc__stream *s, char *data, size_t len)
{
    static const struct cnc__ws_events events = {ws_on_text, ws_on_ping,
                                                 ws_on_pong, ws_on_close};
    unsigned code = 0;
    size_t used = len;
    int rc = cnc__ws_feed_some(&s->ws, data, len, &used, &events, s, &code);

    if (rc == CNC_EAGAIN) {
        return used;
    }
    if (rc == 0 || s->state == CNC__STREAM_CLOSED) {
        return len;
    }
    if (rc == CNC_ELIMIT) {
        cnc__stream_fail(s, "policy-violation", "The message is too large",
                         code);
        return len;
    }
    /* The framing itself is broken: there is nobody to talk XMPP to. */
    cnc__log(CNC_LOG_INFO, "ws.error", "peer=%s code=%u", s->addr, code);
    cnc__stream_say_ws_close(s, code);
    cnc__stream_become_closed(s);
    return len;
}
