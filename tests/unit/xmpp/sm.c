/* SPDX-License-Identifier: MIT */
/*
 * Stream management against a model of a client, over connections that are cut
 * after every number of bytes: nothing is lost, nothing comes twice, order is
 * kept.  And what waiting and fan-out cost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <malloc.h>

#include "../../../src/base/log.h"
#include "../../../src/base/text.h"
#include "../../../src/xml/parser.h"
#include "../../../src/xmpp/errors.h"
#include "../../../src/xmpp/sm.h"
#include "../../../src/xmpp/ws.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#define STANZAS 10000u /* each way, at least */
#define SWEEP   4500u  /* connections: the n-th is cut after n bytes */

/* One of the client's connections, with the bytes that are under way. */
struct line {
    struct cnc__stream *stream; /* NULL: cut */
    struct cnc__str up, down;
};

struct world {
    struct cnc__router *router;
    struct cnc__stream_env env;
    struct cnc__stream_peer peer;
    uint64_t random;
    struct line line, old; /* old: the service has not noticed its end */
    size_t budget;         /* bytes until the cut */
    /* the service's */
    uint32_t heard, told; /* stanzas: taken from, given to the session */
    /* the client's */
    struct cnc_parser *parser;
    struct cnc__ws ws;
    bool authenticated, again, ready;
    char id[64], jid[200];
    uint32_t first;
    uint32_t said, acked; /* stanzas that it made, that the service has */
    uint32_t taken;       /* of the service's */
    unsigned n_resumed;
};

static uint32_t
pick(struct world *w, uint32_t n)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (uint32_t)(w->random >> 33) % n;
}

/* -- the service -----------------------------------------------------------
 */

static void
on_note(struct cnc__request *r, void *priv)
{
    struct world *w = priv;
    int64_t n;

    assert_true(cnc__parse_int(&n, r->id, 0, UINT32_MAX));
    assert_int_equal(n, w->heard);
    w->heard++;
    cnc__request_free(&r);
}

/* Small, large, with a tail of its own or one that others have too. */
static void
tell(struct world *w)
{
    struct cnc__session *s = cnc__router_session_by_jid(w->router, w->jid);
    struct cnc__str xml = CNC__STR;
    struct cnc_buf *tail;
    uint32_t kind = pick(w, 8);

    assert_non_null(s);
    cnc__str_printf(&xml, "<message id='%u'>", w->told++);
    if (kind == 0) {
        tail = cnc_buf_new("<a/></message>", 14);
        cnc__session_send_shared(s, xml.data, xml.len, tail);
        cnc_buf_unref(&tail);
    } else if (kind == 1) {
        struct cnc__str long_ = CNC__STR;

        cnc__str_printf(&long_, "<body>%0200d</body></message>", 1);
        tail = cnc_buf_new(long_.data, long_.len);
        cnc__session_send_shared(s, xml.data, xml.len, tail);
        cnc_buf_unref(&tail);
        cnc__str_fini(&long_);
    } else {
        cnc__str_printf(&xml, "<body>%0*d</body></message>",
                        kind == 2 ? 600 : 3, 1);
        cnc__session_send(s, xml.data, xml.len);
    }
    cnc__str_fini(&xml);
}

static void
on_dirty(void *priv)
{
}

static void
collect(struct line *l)
{
    struct cnc__str *out;

    if (l->stream != NULL) {
        out = cnc__stream_out(l->stream);
        cnc__str_add(&l->down, cnc__str_c(out), out->len);
        cnc__str_fini(out);
    }
}

/* -- the client ------------------------------------------------------------
 */

static void
say(struct world *w, const char *xml)
{
    if (w->peer.framing == CNC__FRAMING_WS) {
        cnc__ws_add_masked(&w->line.up, CNC__WS_TEXT, xml, strlen(xml));
    } else {
        cnc__str_puts(&w->line.up, xml);
    }
}

static void
sayf(struct world *w, const char *fmt, ...)
{
    struct cnc__str xml = CNC__STR;
    va_list ap;

    va_start(ap, fmt);
    cnc__str_vprintf(&xml, fmt, ap);
    va_end(ap);
    say(w, xml.data);
    cnc__str_fini(&xml);
}

static void
say_open(struct world *w)
{
    say(w, w->peer.framing == CNC__FRAMING_WS
               ? "<open xmlns='" CNC__NS_FRAMING
                 "' to='im.example.com' version='1.0'/>"
               : "<stream:stream xmlns='jabber:client' "
                 "xmlns:stream='" CNC__NS_STREAMS
                 "' to='im.example.com' version='1.0'>");
}

static void
say_note(struct world *w, uint32_t n)
{
    sayf(w,
         "<message xmlns='jabber:client' to='im.example.com' id='%u'>"
         "<note xmlns='urn:example:note'/></message>",
         n);
}

static void
say_ack(struct world *w)
{
    sayf(w, "<a xmlns='urn:xmpp:sm:3' h='%u'/>", w->first + w->taken);
}

static uint32_t
h_of(const struct cnc_element *e)
{
    int64_t h;

    assert_true(
        cnc__parse_int(&h, cnc_element_attr(e, NULL, "h"), 0, UINT32_MAX));
    return (uint32_t)h;
}

static void
on_features(struct world *w)
{
    if (!w->authenticated) {
        say(w, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
               " mechanism='ANONYMOUS'/>");
    } else if (w->id[0] != '\0') {
        sayf(w, "<resume xmlns='urn:xmpp:sm:3' previd='%s' h='%u'/>", w->id,
             w->first + w->taken);
    } else {
        say(w, "<iq xmlns='jabber:client' type='set' id='b'>"
               "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    }
}

static void
on_sm(struct world *w, const struct cnc_element *e)
{
    const char *name = cnc_element_name(e);

    if (strcmp(name, "enabled") == 0) {
        snprintf(w->id, sizeof(w->id), "%s", cnc_element_attr(e, NULL, "id"));
        w->ready = true;
    } else if (strcmp(name, "resumed") == 0) {
        assert_string_equal(cnc_element_attr(e, NULL, "previd"), w->id);
        w->acked = h_of(e) - w->first;
        for (uint32_t i = w->acked; i < w->said; i++) {
            say_note(w, i);
        }
        w->ready = true;
        w->n_resumed++;
    } else if (strcmp(name, "r") == 0) {
        say_ack(w);
    } else if (strcmp(name, "a") == 0) {
        w->acked = h_of(e) - w->first;
        assert_true(w->acked <= w->said);
    } else {
        fail_msg("the service says <%s/>", name);
    }
}

static int
client_hears(struct world *w, struct cnc_element *e)
{
    int64_t n;

    if (cnc_element_is(e, CNC__NS_STREAMS, "features")) {
        on_features(w);
    } else if (cnc_element_is(e, CNC__NS_SASL, "success")) {
        w->authenticated = w->again = true;
        say_open(w);
    } else if (cnc_element_is(e, CNC__NS_SM, NULL)) {
        on_sm(w, e);
    } else if (cnc_element_is(e, CNC__NS_CLIENT, "iq")) {
        const struct cnc_element *bind = cnc_element_child(e, NULL, "bind");

        snprintf(w->jid, sizeof(w->jid), "%s",
                 cnc_element_child_text(bind, NULL, "jid"));
        say(w, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    } else if (cnc_element_is(e, CNC__NS_CLIENT, "message")) {
        assert_true(w->ready);
        assert_true(cnc__parse_int(&n, cnc_element_attr(e, NULL, "id"), 0,
                                   UINT32_MAX));
        assert_int_equal(n, w->taken);
        w->taken++;
    } else if (!cnc_element_is(e, CNC__NS_FRAMING, "open")) {
        fail_msg("the service says <%s/>", cnc_element_name(e));
    }
    return 0;
}

static int
tcp_open(struct cnc_element *root, void *priv)
{
    return 0;
}

static int
tcp_stanza(struct cnc_element *e, void *priv)
{
    struct world *w = priv;

    client_hears(w, e);
    if (w->again) {
        w->again = false;
        cnc_parser_reset(w->parser);
    }
    return 0;
}

static int
tcp_close(void *priv)
{
    fail_msg("the service ended the stream");
    return 0;
}

static int
ws_text(const char *data, size_t len, void *priv)
{
    struct cnc_element *e;

    assert_int_equal(cnc_xml_parse(&e, data, len, 0, NULL, NULL), 0);
    client_hears(priv, e);
    cnc_element_unref(&e);
    return 0;
}

static int
ws_ping(const char *data, size_t len, void *priv)
{
    return 0;
}

static int
ws_pong(void *priv)
{
    return 0;
}

static int
ws_close(unsigned code, void *priv)
{
    fail_msg("the service closed the WebSocket: %u", code);
    return 0;
}

static void
feed_client(struct world *w, char *data, size_t len)
{
    static const struct cnc__ws_events events = {ws_text, ws_ping, ws_pong,
                                                 ws_close};

    if (w->peer.framing == CNC__FRAMING_WS) {
        assert_int_equal(
            cnc__ws_feed(&w->ws, data, len, &events, w, &(unsigned){0}), 0);
    } else {
        assert_int_equal(cnc_parser_feed(w->parser, data, len, NULL), 0);
    }
}

/* -- between them ----------------------------------------------------------
 */

static void
connect_(struct world *w, size_t budget)
{
    static const struct cnc__stream_events events = {on_dirty};
    static const struct cnc_parser_events parser = {
        .on_open = tcp_open, .on_stanza = tcp_stanza, .on_close = tcp_close};

    w->line.stream = cnc__stream_new(&w->env, &w->peer, &events, NULL, 1000);
    w->budget = budget;
    w->authenticated = w->again = w->ready = false;
    cnc__ws_fini(&w->ws);
    cnc__ws_init(&w->ws, false, 1u << 20);
    cnc_parser_free(&w->parser);
    w->parser = cnc_parser_new(CNC_PARSE_STREAM, 0, NULL, &parser, w);
    say_open(w);
}

static void
end_line(struct line *l)
{
    cnc__stream_free(&l->stream);
    cnc__str_fini(&l->up);
    cnc__str_fini(&l->down);
}

/* The client has lost its connection.  The service may learn it now, or
 * later, with some of what was under way. */
static void
cut(struct world *w)
{
    end_line(&w->old);
    if (pick(w, 3) == 0) {
        w->old = w->line;
        w->line = (struct line){0};
    } else if (pick(w, 2) == 0) {
        cnc__stream_eof(w->line.stream);
    }
    end_line(&w->line);
}

/* Some bytes arrive; they are of memory of their own, so that reading past
 * their end shows. */
static size_t
take(struct world *w, struct cnc__str *pipe, char **piece, size_t most)
{
    size_t n = pipe->len < most ? pipe->len : most;

    n = n == 0 ? 0 : 1 + pick(w, (uint32_t)n);
    *piece = cnc__zalloc(n + 1);
    memcpy(*piece, cnc__str_c(pipe), n);
    cnc__str_drop(pipe, n);
    return n;
}

static void
feed_service(struct world *w, struct line *l, size_t most)
{
    char *piece;
    size_t n = take(w, &l->up, &piece, most), used = n;

    if (n > 0 && l->stream != NULL) {
        used = cnc__stream_feed(l->stream, piece, n, 1000);
        collect(l);
    }
    if (used < n) { /* it is full: later */
        struct cnc__str rest = CNC__STR;

        cnc__str_add(&rest, piece + used, n - used);
        cnc__str_add(&rest, cnc__str_c(&l->up), l->up.len);
        cnc__str_fini(&l->up);
        l->up = rest;
    }
    cnc__free(piece);
}

/* Either way; false: the connection has had its bytes. */
static bool
move(struct world *w)
{
    size_t most = w->budget < 300 ? w->budget : 300;
    size_t before, n;
    char *piece;

    if (w->budget == 0) {
        return false;
    }
    collect(&w->line);
    if (pick(w, 2) == 0) {
        before = w->line.up.len;
        feed_service(w, &w->line, most);
        w->budget -= before - w->line.up.len;
    } else {
        n = take(w, &w->line.down, &piece, most);
        w->budget -= n;
        if (n > 0) {
            feed_client(w, piece, n);
        }
        cnc__free(piece);
    }
    return true;
}

static void
act(struct world *w, bool more)
{
    switch (pick(w, 16)) {
    case 0:
    case 1:
        if (w->ready && more) {
            say_note(w, w->said++);
        }
        break;
    case 2:
    case 3:
        if (more && w->told - w->taken < 500) {
            tell(w);
        }
        break;
    case 4:
        if (w->ready && pick(w, 8) == 0) {
            say(w, "<r xmlns='urn:xmpp:sm:3'/>");
        }
        break;
    case 5:
        if (w->ready && pick(w, 8) == 0) {
            say_ack(w);
        }
        break;
    case 6:
        if (w->old.stream != NULL) {
            feed_service(w, &w->old, 200);
        }
        break;
    case 7:
        if (w->line.stream != NULL && pick(w, 50) == 0) {
            cnc__stream_tick(w->line.stream, 1000);
        }
        break;
    default:
        break;
    }
}

static bool
all_said(const struct world *w)
{
    return w->heard == w->said && w->taken == w->told;
}

static void
run(enum cnc__framing framing, uint64_t seed, uint32_t first)
{
    static const struct cnc__handler note = {.kinds = CNC__MESSAGE,
                                             .ns = "urn:example:note",
                                             .name = "note",
                                             .f = on_note};
    struct world w = {.random = seed, .first = first};
    struct cnc__handler h = note;
    struct cnc__sm_stats stats;
    size_t n = 0;

    h.priv = &w;
    w.router = cnc__router_new("im.example.com");
    assert_int_equal(cnc__router_handle(w.router, &h, NULL), 0);
    cnc__sm_configure(w.router, &(struct cnc__sm_config){.first = first});
    w.env = (struct cnc__stream_env){.router = w.router,
                                     .mechanisms = CNC__SASL_ANONYMOUS,
                                     .max_before_auth = 10000,
                                     .max_stanza = 100000,
                                     .max_queue = 8000};
    w.peer = (struct cnc__stream_peer){
        .framing = framing, .uid = -1, .secure = true, .addr = "test"};
    connect_(&w, 100000);
    while (!w.ready) {
        assert_true(move(&w));
    }
    while (n < SWEEP || w.told < STANZAS || w.said < STANZAS) {
        act(&w, true);
        if (!move(&w)) {
            cut(&w);
            n++;
            connect_(&w, n % SWEEP);
        }
    }
    cut(&w);
    connect_(&w, SIZE_MAX);
    while (!all_said(&w)) {
        act(&w, false);
        assert_true(move(&w));
    }
    say_ack(&w);
    while (w.line.up.len > 0) {
        assert_true(move(&w));
    }
    cnc__sm_stats(w.router, &stats);
    print_message("%u up, %u down, %u resumed of %zu\n", w.said, w.told,
                  w.n_resumed, n);
    assert_true(w.n_resumed > SWEEP / 10);
    assert_int_equal(stats.bytes, 0);
    assert_int_equal(stats.waiting, 0);
    assert_int_equal(stats.returned, 0);
    end_line(&w.old);
    end_line(&w.line);
    cnc__ws_fini(&w.ws);
    cnc_parser_free(&w.parser);
    cnc__router_free(&w.router);
}

static void
nothing_is_lost_or_twice_over_websocket_however_it_is_cut(void **state)
{
    run(CNC__FRAMING_WS, 0x9e3779b97f4a7c15u, 0);
}

static void
nothing_is_lost_or_twice_over_tcp_however_it_is_cut(void **state)
{
    run(CNC__FRAMING_TCP, 0xc0ffee123456789u, 0);
}

static void
nothing_is_lost_or_twice_where_the_counts_begin_again(void **state)
{
    run(CNC__FRAMING_WS, 0xdeadbeefcafef00du, UINT32_MAX - 5000);
}

/* -- what it costs ---------------------------------------------------------
 */

enum { CROWD = 500, EVENTS = 100 };

static struct world *
crowd(struct cnc__stream **streams)
{
    static const char open[] =
        "<open xmlns='" CNC__NS_FRAMING "' to='im.example.com'"
        " version='1.0'/>";
    static const struct cnc__stream_events events = {on_dirty};
    struct world *w = cnc__zalloc(sizeof(*w));

    w->router = cnc__router_new("im.example.com");
    w->env = (struct cnc__stream_env){.router = w->router,
                                      .mechanisms = CNC__SASL_ANONYMOUS,
                                      .max_before_auth = 10000,
                                      .max_stanza = 100000,
                                      .max_queue = 1000000};
    w->peer = (struct cnc__stream_peer){
        .framing = CNC__FRAMING_WS, .uid = -1, .addr = "test"};
    for (size_t i = 0; i < CROWD; i++) {
        static const char *const lines[] = {
            open,
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
            " mechanism='ANONYMOUS'/>",
            open,
            "<iq xmlns='jabber:client' type='set' id='b'>"
            "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
            "<enable xmlns='urn:xmpp:sm:3' resume='true'/>"};

        streams[i] = cnc__stream_new(&w->env, &w->peer, &events, NULL, 0);
        for (size_t k = 0; k < CNC_N(lines); k++) {
            struct cnc__str wire = CNC__STR;

            cnc__ws_add_masked(&wire, CNC__WS_TEXT, lines[k],
                               strlen(lines[k]));
            cnc__stream_feed(streams[i], wire.data, wire.len, 0);
            cnc__str_fini(&wire);
        }
        assert_true(cnc__sm_is_resumable(cnc__stream_session(streams[i])));
        cnc__str_fini(cnc__stream_out(streams[i]));
    }
    return w;
}

static void
disperse(struct world *w)
{
    cnc__router_free(&w->router);
    cnc__free(w);
}

static void
what_many_have_not_acknowledged_is_there_once(void **state)
{
    static struct cnc__stream *streams[CROWD];
    static const char head[] = "<message from='im.example.com' type='headline'"
                               " id='0123456789abcdef.12' to='somebody'>";
    struct world *w = crowd(streams);
    struct cnc__str body = CNC__STR, warm = CNC__STR;
    struct mallinfo2 before = mallinfo2(), after;
    struct cnc__sm_stats stats;
    size_t each;

    cnc__str_printf(&body, "<body>%04000d</body></message>", 1);
    for (size_t k = 0; k < EVENTS; k++) {
        struct cnc_buf *tail = cnc_buf_new(body.data, body.len);

        for (size_t i = 0; i < CROWD; i++) {
            struct cnc__session *s = cnc__stream_session(streams[i]);

            cnc__session_send_shared(s, head, sizeof(head) - 1, tail);
            cnc__str_clear(cnc__stream_gather(streams[i], &warm));
        }
        cnc_buf_unref(&tail);
    }
    cnc__str_fini(&warm);
    cnc__str_fini(&body);
    after = mallinfo2();
    each = (after.uordblks - before.uordblks) / CROWD;
    cnc__sm_stats(w->router, &stats);
    assert_int_equal(stats.bytes,
                     (size_t)CROWD * EVENTS * (sizeof(head) - 1 + 16));
    if (!SANITIZED) { /* whose malloc does not count */
        print_message("%zu bytes each\n", each);
        assert_in_range(each, EVENTS * sizeof(head), 20000);
    }
    /* All lose their connections, and then their time is over: fan-out is
     * nobody's any more. */
    for (size_t i = 0; i < CROWD; i++) {
        cnc__stream_free(&streams[i]);
    }
    cnc__sm_stats(w->router, &stats);
    assert_int_equal(stats.waiting, CROWD);
    cnc__router_tick(w->router, 299999);
    assert_int_equal(cnc__router_n_sessions(w->router), CROWD);
    cnc__router_tick(w->router, 300000);
    cnc__sm_stats(w->router, &stats);
    assert_int_equal(cnc__router_n_sessions(w->router), 0);
    assert_int_equal(stats.waiting, 0);
    assert_int_equal(stats.expired, CROWD);
    assert_int_equal(stats.returned, 0);
    assert_int_equal(stats.bytes, 0);
    disperse(w);
}

static void
acks_free_what_they_acknowledge(void **state)
{
    static struct cnc__stream *streams[CROWD];
    struct world *w = crowd(streams);
    struct cnc__session *s = cnc__stream_session(streams[0]);
    struct cnc__sm_stats stats;
    struct cnc__str wire = CNC__STR;
    uint64_t had = 0;

    for (unsigned i = 1; i <= 100; i++) {
        cnc__session_send(s, "<message/>", 10);
        cnc__sm_stats(w->router, &stats);
        assert_true(stats.bytes > had);
        had = stats.bytes;
    }
    for (unsigned i = 1; i <= 100; i++) {
        char ack[64];

        snprintf(ack, sizeof(ack), "<a xmlns='urn:xmpp:sm:3' h='%u'/>", i);
        cnc__ws_add_masked(&wire, CNC__WS_TEXT, ack, strlen(ack));
        cnc__stream_feed(streams[0], wire.data, wire.len, 0);
        cnc__str_fini(&wire);
        cnc__sm_stats(w->router, &stats);
        assert_int_equal(stats.bytes, (100 - i) * 26);
    }
    for (size_t i = 0; i < CROWD; i++) {
        cnc__stream_free(&streams[i]);
    }
    /* A service that stops does not wait for them. */
    cnc__sms_end_all(w->router);
    assert_int_equal(cnc__router_n_sessions(w->router), 0);
    disperse(w);
}

/* Whoever holds little is not ended because others hold much. */
static void
all_together_may_hold_only_so_much(void **state)
{
    static struct cnc__stream *streams[CROWD];
    struct world *w = crowd(streams);
    struct cnc__sm_stats stats;
    char large[20000];

    memset(large, 'x', sizeof(large));
    memcpy(large, "<message id='", 13);
    memcpy(large + sizeof(large) - 3, "'/>", 3);
    cnc__sm_configure(w->router, &(struct cnc__sm_config){.max_all = 500000});
    for (size_t i = 0; i < CROWD; i++) {
        if (i % 2 == 0) {
            cnc__session_send(cnc__stream_session(streams[i]), large,
                              sizeof(large));
        }
        cnc__session_send(cnc__stream_session(streams[i]), "<message/>", 10);
    }
    cnc__sm_stats(w->router, &stats);
    assert_true(stats.bytes > 500000);
    for (size_t i = 0; i < CROWD; i++) {
        assert_int_equal(cnc__stream_is_closed(streams[i]),
                         i % 2 == 0 && i >= 48);
        cnc__stream_free(&streams[i]);
    }
    cnc__router_tick(w->router, 300000);
    cnc__sm_stats(w->router, &stats);
    assert_int_equal(stats.bytes, 0);
    disperse(w);
}

static size_t
n_waiting(struct cnc__stream *s)
{
    return cnc__stream_out(s)->len;
}

static void
an_inactive_client_is_told_when_too_much_waits(void **state)
{
    static struct cnc__stream *streams[CROWD];
    struct world *w = crowd(streams);
    struct cnc__session *s = cnc__stream_session(streams[0]);
    static const char inactive[] = "<inactive xmlns='urn:xmpp:csi:0'/>";
    struct cnc__str wire = CNC__STR;
    char presence[200];

    cnc__ws_add_masked(&wire, CNC__WS_TEXT, inactive, sizeof(inactive) - 1);
    cnc__stream_feed(streams[0], wire.data, wire.len, 0);
    cnc__str_fini(&wire);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 500; i++) {
            int n = snprintf(presence, sizeof(presence),
                             "<presence from='u%u@example.net/x'/>", i);

            cnc__session_send(s, presence, (size_t)n);
        }
        assert_int_equal(n_waiting(streams[0]), 0);
    }
    cnc__session_send(s, "<presence from='one@more.example/x'/>", 37);
    assert_true(n_waiting(streams[0]) > 501 * 35);
    for (size_t i = 0; i < CROWD; i++) {
        cnc__stream_free(&streams[i]);
    }
    cnc__sms_end_all(w->router);
    disperse(w);
}

/* -- who else may take what comes back -------------------------------------
 */

static void
on_return(const char *full, const char *xml, size_t len, int64_t sent_ms,
          void *priv)
{
    struct world *w = priv;

    /* Nobody finds it any more. */
    assert_null(cnc__router_session_by_jid(w->router, full));
    assert_int_equal(strlen(xml), len);
    assert_non_null(strstr(xml, "<body>a &lt; b</body></message>"));
    assert_true(sent_ms > (int64_t)1700000000 * 1000);
    w->heard++;
}

static void
a_message_that_was_not_received_is_given_back_once(void **state)
{
    static struct cnc__stream *streams[CROWD];
    struct world *w = crowd(streams);
    struct cnc__sm_stats stats;

    cnc__sm_on_return(w->router, on_return, w);
    for (size_t i = 0; i < CROWD; i++) {
        struct cnc__session *s = cnc__stream_session(streams[i]);
        struct cnc__str xml = CNC__STR;

        s->anonymous = i % 2 != 0; /* nobody stands in for visitors */
        cnc__str_printf(&xml,
                        "<message from='romeo@example.net/o' to='%s'>"
                        "<body>a &lt; b</body></message>",
                        s->jid);
        cnc__session_send(s, xml.data, xml.len);
        cnc__str_fini(&xml);
        cnc__session_send(s, "<presence from='romeo@example.net/o'/>", 38);
        cnc__stream_free(&streams[i]);
    }
    cnc__router_tick(w->router, 300000);
    cnc__sm_stats(w->router, &stats);
    assert_int_equal(stats.returned, CROWD);
    assert_int_equal(w->heard, CROWD / 2);
    disperse(w);
}

static void
no_log(enum cnc_log_level level, const char *event, const char *text,
       void *priv)
{
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            nothing_is_lost_or_twice_over_websocket_however_it_is_cut),
        cmocka_unit_test(nothing_is_lost_or_twice_over_tcp_however_it_is_cut),
        cmocka_unit_test(
            nothing_is_lost_or_twice_where_the_counts_begin_again),
        cmocka_unit_test(what_many_have_not_acknowledged_is_there_once),
        cmocka_unit_test(all_together_may_hold_only_so_much),
        cmocka_unit_test(an_inactive_client_is_told_when_too_much_waits),
        cmocka_unit_test(acks_free_what_they_acknowledge),
        cmocka_unit_test(a_message_that_was_not_received_is_given_back_once),
    };

    cnc__log_to(no_log, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
