/* SPDX-License-Identifier: MIT */
/*
 * stream.c -- a stranger talks to a stream.  Whatever is said, what the
 * service answers is well-formed, its queue has an end, a stream that is
 * closed stays closed, no session outlives its stream; and however the bytes
 * are cut, the answer is the same.
 *
 * The first byte chooses framing and peer, whether the channel can be bound,
 * the client has a certificate and tokens are given, and whether somebody has
 * guessed before; after it, each line is said at
 * once: in TCP framing as it is, in WebSocket framing as one text message, or
 * as raw bytes behind a '!'.
 *
 * A libFuzzer target; xmpp/driver.c runs it on a corpus without libFuzzer.
 */
#include <ctype.h>
#include <stdio.h>

#include "../../src/base/log.h"
#include "../../src/base/text.h"
#include "../../src/xmpp/fast.h"
#include "../../src/xmpp/sm.h"
#include "../../src/xmpp/ws.h"
#include "xmpp/fuzz.h"

#define MAX_QUEUE 4000

struct talk {
    struct cnc__str heard; /* texts with ids blotted out */
    bool ws;
    bool restarted; /* a <success/> was heard */
    struct cnc__ws receiver;
};

static void
no_log(enum cnc_log_level level, const char *event, const char *text,
       void *priv)
{
}

static void
on_dirty(void *priv)
{
}

static int
keys(struct cnc__scram_keys *out, const char *user, bool sha256, void *priv)
{
    if (strcmp(user, "juliet") != 0) {
        return CNC_ENOENT;
    }
    cnc__scram_derive(out, "pencil", sha256, 2);
    return 0;
}

static size_t
channel_binding(uint8_t out[64], enum cnc__binding type, void *priv)
{
    size_t n = *(bool *)priv ? 32 : 0;

    memset(out, (int)type, n);
    return n;
}

static char *
cert_jids(void *priv)
{
    return *(bool *)priv
               ? cnc__strdup("juliet@d.example\n@\njuliet@e.example\n")
               : NULL;
}

static int64_t
now_ms(void *priv)
{
    return 1000;
}

static void
keep(const char *id, const char *value, size_t len,
     void (*done)(void *arg, bool kept), void *arg, void *priv)
{
    if (done != NULL) {
        done(arg, true);
    }
}

/* Tokens, and one that the corpus knows. */
static struct cnc__fast *
make_tokens(void)
{
    static const struct cnc__fast_env env = {now_ms, keep, NULL};
    static const char kept[] = "2 0 99999 0 token\n2 0 0 0 -\n";
    struct cnc__fast *f = cnc__fast_new(&env);

    CNC_CHECK(cnc__fast_load(f, "juliet/d4565fa7-4d72-4749-b3d3-740edbf87770",
                             kept, sizeof(kept) - 1));
    return f;
}

/* What is random, ids and nonces, is a long run of base64; the time may be
 * another second. */
static void
hear_text(struct talk *t, const char *data, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = 0;

        while (i + n < len && (isalnum((unsigned char)data[i + n]) ||
                               data[i + n] == '+' || data[i + n] == '/')) {
            n++;
        }
        if (len - i > 25 && memcmp(data + i, "utc>20", 6) == 0) {
            cnc__str_puts(&t->heard, "utc>");
            n = 24; /* 2026-11-22T21:40:00Z */
        } else if (n >= 16) {
            cnc__str_putc(&t->heard, '#');
        } else {
            n = n == 0 ? 1 : n;
            cnc__str_add(&t->heard, data + i, n);
        }
        i += n;
    }
    t->restarted = t->restarted || memmem(data, len, "<success", 8) != NULL;
}

static int
on_text(const char *data, size_t len, void *priv)
{
    struct cnc_element *e = NULL;

    CNC_CHECK(cnc_xml_parse(&e, data, len, 0, NULL, NULL) == 0);
    cnc_element_unref(&e);
    hear_text(priv, data, len);
    return 0;
}

static int
on_ping(const char *data, size_t len, void *priv)
{
    return 0;
}

static int
on_pong(void *priv)
{
    return 0;
}

static int
on_close(unsigned code, void *priv)
{
    struct talk *t = priv;

    cnc__str_printf(&t->heard, "close %u", code);
    return 0;
}

static void
hear(struct talk *t, struct cnc__stream *s)
{
    static const struct cnc__ws_events events = {on_text, on_ping, on_pong,
                                                 on_close};
    struct cnc__str *out = cnc__stream_out(s);

    /* One refusal over the limit, and one frame that was under it. */
    CNC_CHECK(out->len <= MAX_QUEUE + 1000);
    if (t->ws) {
        CNC_CHECK(cnc__ws_feed(&t->receiver, out->data, out->len, &events, t,
                               NULL) == 0);
    } else {
        hear_text(t, cnc__str_c(out), out->len);
    }
    cnc__str_fini(out);
}

/* Masked with nothing: after half a frame, what is heard must not depend on a
 * random key. */
static void
add_frame(struct cnc__str *wire, const char *line, size_t len)
{
    uint8_t head[10];
    size_t n = cnc__ws_head(head, CNC__WS_TEXT, len);

    head[1] |= 0x80;
    cnc__str_add(wire, head, n);
    cnc__str_add(wire, "\0\0\0\0", 4);
    cnc__str_add(wire, line, len);
}

static void
say(struct talk *t, struct cnc__stream *s, const char *line, size_t len,
    bool bytewise)
{
    struct cnc__str wire = CNC__STR;
    size_t step;

    if (!t->ws) {
        cnc__str_add(&wire, line, len);
    } else if (len > 0 && line[0] == '!') {
        cnc__str_add(&wire, line + 1, len - 1);
    } else {
        add_frame(&wire, line, len);
    }
    step = bytewise ? 1 : wire.len;
    for (size_t i = 0; i < wire.len; i += step) {
        bool closed = cnc__stream_is_closed(s);
        char *piece = cnc__zalloc(step);

        memcpy(piece, wire.data + i, step);
        cnc__stream_feed(s, piece, step, 0);
        cnc__free(piece);
        CNC_CHECK(!closed || cnc__stream_out(s)->len == 0);
        hear(t, s);
    }
    cnc__str_fini(&wire);
}

/* TCP: each opening is a document; every one must be well-formed, the last
 * may be unfinished. */
static void
check_documents(const struct cnc__str *heard)
{
    static const char head[] = "<?xml version='1.0'?>";
    static const struct cnc_parser_events none = {0};
    const char *at = cnc__str_c(heard);

    while (*at != '\0') {
        const char *end = strstr(at + 1, head);
        size_t len = end == NULL ? strlen(at) : (size_t)(end - at);
        struct cnc_parser *p =
            cnc_parser_new(CNC_PARSE_STREAM, 0, NULL, &none, NULL);

        CNC_CHECK(cnc_parser_feed(p, at, len, NULL) == 0);
        cnc_parser_free(&p);
        at += len;
    }
}

static void
converse(struct talk *t, const uint8_t *data, size_t size, bool bytewise)
{
    static const struct cnc__stream_events events = {.on_dirty = on_dirty,
                                                     .channel_binding =
                                                         channel_binding,
                                                     .cert_jids = cert_jids};
    static const uint8_t secret[32];
    bool more = (data[0] & 8) != 0;
    struct cnc__stream_env env = {
        .secret = secret,
        .mechanisms = 31,
        .max_before_auth = 1000,
        .max_stanza = 2000,
        .max_queue = MAX_QUEUE,
        .keys = keys,
    };
    struct cnc__stream_peer peer = {
        .framing = (data[0] & 1) != 0 ? CNC__FRAMING_WS : CNC__FRAMING_TCP,
        .secure = (data[0] & 2) != 0,
        .uid = (data[0] & 4) != 0 ? 4242 : -1,
        .addr = "fuzz"};
    struct cnc__stream *s;
    const char *at = (const char *)data + 1, *end = (const char *)data + size;

    t->ws = peer.framing == CNC__FRAMING_WS;
    cnc__ws_init(&t->receiver, false, 1u << 20);
    env.router = cnc__router_new("d.example");
    env.fast = more ? make_tokens() : NULL;
    env.guard = (data[0] & 128) != 0 ? cnc__guard_new() : NULL;
    for (int i = 0; env.guard != NULL && i < 100; i++) {
        cnc__guard_failed(env.guard, "elsewhere", "juliet@d.example", 0);
    }
    s = cnc__stream_new(&env, &peer, &events, &more, 0);
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));

        stop = stop == NULL ? end : stop;
        say(t, s, at, (size_t)(stop - at), bytewise);
        at = stop + 1;
    }
    cnc__stream_tick(s, 1u << 30);
    hear(t, s);
    if (!t->ws) {
        check_documents(&t->heard);
    }
    cnc__ws_fini(&t->receiver);
    cnc__stream_free(&s);
    cnc__sms_end_all(env.router);
    CNC_CHECK(cnc__router_n_sessions(env.router) == 0);
    cnc__fast_free(&env.fast);
    cnc__guard_free(&env.guard);
    cnc__router_free(&env.router);
}

/* A mistake in something that never ends, a tag or an instruction, may be seen
 * sooner in one way than in the other: then less was said. */
static void
compare(const struct talk *whole, const struct talk *cut)
{
    const char *a = cnc__str_c(&whole->heard), *b = cnc__str_c(&cut->heard);
    size_t len =
        cut->heard.len < whole->heard.len ? cut->heard.len : whole->heard.len;

    if ((whole->ws && cut->heard.len != whole->heard.len) ||
        memcmp(a, b, len) != 0) {
        fprintf(stderr, "whole: %s\ncut: %s\n", a, b);
        CNC_CHECK(!"the same however it is cut");
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct talk whole = {0}, cut = {0};

    if (size == 0 || size > 8192) {
        return 0;
    }
    cnc__log_to(no_log, NULL);
    converse(&whole, data, size, false);
    converse(&cut, data, size, true);
    /* What follows the end of SASL in the same breath is dropped by design,
     * so there the cut matters. */
    if (whole.ws || (!whole.restarted && !cut.restarted)) {
        compare(&whole, &cut);
    }
    cnc__str_fini(&whole.heard);
    cnc__str_fini(&cut.heard);
    return 0;
}
