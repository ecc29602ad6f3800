/* SPDX-License-Identifier: MIT */
/*
 * frames.c -- a client's WebSocket beside a server's stream, by scripts:
 *
 *   C: a message of the client's       c: the one that it gets next
 *   S: bytes of the server's           s: what it gets next
 *   T: the TLS handshake is done       t: it is asked for, for this domain
 *   G: the server is gone, and why     x: open, closing or closed
 *
 * Each script runs with the server's bytes whole, and cut at every byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../src/base/text.h"
#include "../../../src/front/frames.h"

#define FRAMING "urn:ietf:params:xml:ns:xmpp-framing"
#define OPEN_A  "C:<open xmlns='" FRAMING "' to='a.example' version='1.0'/>"
#define HEADER_A                                                              \
    "s:<?xml version='1.0'?><stream:stream xmlns='jabber:client'"             \
    " xmlns:stream='http://etherx.jabber.org/streams' version='1.0'"          \
    " to='a.example'>"
#define HEADER_S(id)                                                          \
    "S:<?xml version='1.0'?><stream:stream xmlns='jabber:client'"             \
    " xmlns:stream='http://etherx.jabber.org/streams' version='1.0'"          \
    " from='a.example' id='" id "' xml:lang='en'>"
#define OPEN_C(id)                                                            \
    "c:<open xmlns=\"" FRAMING "\" from=\"a.example\" id=\"" id               \
    "\" xml:lang=\"en\" version=\"1.0\"/>"
#define CLOSE_C "C:<close xmlns='" FRAMING "'/>"
#define CLOSE_S "c:<close xmlns=\"" FRAMING "\" />"
#define STREAMS " xmlns:stream=\"http://etherx.jabber.org/streams\""
#define CLIENT  " xmlns=\"jabber:client\""
#define SASL    "urn:ietf:params:xml:ns:xmpp-sasl"
#define TLS     "urn:ietf:params:xml:ns:xmpp-tls"
#define ERROR(condition)                                                      \
    "c:<stream:error" STREAMS "><" condition                                  \
    " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
#define ERROR_T(condition, text)                                              \
    "c:<stream:error" STREAMS "><" condition                                  \
    " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text"                     \
    " xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>" text        \
    "</text></stream:error>"
#define OWN_OPEN "c:<open xmlns=\"" FRAMING "\" id=\"*\" version=\"1.0\"/>"
#define OWN_OPEN_A                                                            \
    "c:<open xmlns=\"" FRAMING                                                \
    "\" id=\"*\" from=\"a.example\" version=\"1.0\"/>"
#define FAILED(text) ERROR_T("remote-connection-failed", text)

struct bed {
    struct cnc__frames *frames;
    struct cnc__str client; /* messages, each ended by '\n' */
    struct cnc__str server;
    struct cnc__str tls;
    size_t cut; /* bytes of the server's at once; 0: all */
};

static void
to_client(const char *data, size_t len, void *priv)
{
    struct bed *b = priv;
    struct cnc_element *e;

    /* RFC 7395 3.3: each message is one element that stands alone. */
    assert_int_equal(cnc_xml_parse(&e, data, len, 0, NULL, NULL), 0);
    cnc_element_unref(&e);
    cnc__str_add(&b->client, data, len);
    cnc__str_putc(&b->client, '\n');
}

static void
to_server(const char *data, size_t len, void *priv)
{
    struct bed *b = priv;

    cnc__str_add(&b->server, data, len);
}

static void
start_tls(const char *domain, void *priv)
{
    struct bed *b = priv;

    cnc__str_puts(&b->tls, domain);
}

static void
feed_server(struct bed *b, const char *bytes)
{
    size_t len = strlen(bytes);
    size_t step = b->cut == 0 ? len : b->cut;

    for (size_t i = 0; i < len; i += step) {
        size_t n = len - i < step ? len - i : step;
        char *piece = cnc__zalloc(n);

        memcpy(piece, bytes + i, n);
        if (b->tls.len == 0) { /* else it is for OpenSSL */
            cnc__frames_server(b->frames, piece, n);
        }
        cnc__free(piece);
    }
}

/* A '*' stands for an id. */
static void
expect(struct cnc__str *said, const char *want, const char *line)
{
    const char *p = cnc__str_c(said), *w = want;

    while (*w != '\0' && *p != '\0') {
        if (*w == '*') {
            p += strspn(p, "0123456789abcdef");
        } else if (*p++ != *w) {
            break;
        }
        w++;
    }
    if (*w != '\0') {
        fail_msg("%s\nis not what was said:\n%s", line, cnc__str_c(said));
    }
    cnc__str_drop(said, (size_t)(p - cnc__str_c(said)));
    if (said->len > 0 && said->data[0] == '\n') {
        cnc__str_drop(said, 1);
    }
}

static void
expect_state(struct bed *b, const char *state)
{
    bool closed = cnc__frames_is_closed(b->frames);
    bool closing = cnc__frames_is_closing(b->frames);

    assert_string_equal(closed    ? "closed"
                        : closing ? "closing"
                                  : "open",
                        state);
}

static void
line(struct bed *b, const char *l)
{
    switch (l[0]) {
    case 'C':
        cnc__frames_client(b->frames, l + 2, strlen(l + 2));
        break;
    case 'S':
        feed_server(b, l + 2);
        break;
    case 'T':
        cnc__str_clear(&b->tls);
        cnc__frames_secured(b->frames);
        break;
    case 'G':
        cnc__frames_server_gone(b->frames, l[2] == '\0' ? NULL : l + 2, NULL);
        break;
    case 'c':
        expect(&b->client, l + 2, l);
        break;
    case 's':
        expect(&b->server, l + 2, l);
        break;
    case 't':
        assert_string_equal(cnc__str_c(&b->tls), l + 2);
        break;
    default:
        expect_state(b, l + 2);
        break;
    }
}

static void
run_cut(enum cnc__frames_tls tls, const char *const *lines, size_t cut)
{
    static const struct cnc__frames_events events = {to_server, to_client,
                                                     start_tls};
    const struct cnc__frames_config config = {.tls = tls, .max_stanza = 4096};
    struct bed b = {.cut = cut};

    b.frames = cnc__frames_new(&config, &events, &b);
    for (size_t i = 0; lines[i] != NULL; i++) {
        line(&b, lines[i]);
    }
    assert_string_equal(cnc__str_c(&b.client), "");
    assert_string_equal(cnc__str_c(&b.server), "");
    cnc__frames_free(&b.frames);
    cnc__str_fini(&b.client);
    cnc__str_fini(&b.server);
    cnc__str_fini(&b.tls);
}

static void
run(enum cnc__frames_tls tls, const char *const *lines)
{
    static const size_t cuts[] = {0, 1, 2, 3, 7, 64};

    for (size_t i = 0; i < CNC_N(cuts); i++) {
        run_cut(tls, lines, cuts[i]);
    }
}

#define RUN(tls, ...)                                                         \
    run(CNC__FRAMES_TLS_##tls, (const char *const[]){__VA_ARGS__, NULL})
#define FEATURES "S:<stream:features><x xmlns='f'/></stream:features>"
#define FEATURES_C                                                            \
    "c:<stream:features" STREAMS "><x xmlns=\"f\"/></stream:features>"
#define BEGIN                                                                 \
    OPEN_A, HEADER_A, HEADER_S("1"), OPEN_C("1"), FEATURES, FEATURES_C

static void
stanzas_pass_both_ways_written_anew(void **state)
{
    RUN(NEVER, BEGIN,
        "C:<message xmlns='jabber:client' to='b'><body>a&#38;b</body>"
        "</message>",
        "s:<message to=\"b\"><body>a&amp;b</body></message>",
        "S:<iq type='result' id='1'/> \n<message><x xmlns='y'>&lt;"
        "<![CDATA[<z>]]></x></message>",
        "c:<iq" CLIENT STREAMS " type=\"result\" id=\"1\"/>",
        "c:<message" CLIENT STREAMS "><x xmlns=\"y\">&lt;&lt;z&gt;</x>"
        "</message>",
        "x:open");
}

static void
what_the_header_says_passes(void **state)
{
    RUN(NEVER,
        "C:<open xmlns='" FRAMING "' to='a.example' version='1.0'"
        " from='&lt;j@a.example' xml:lang='de'/>",
        "s:<?xml version='1.0'?><stream:stream xmlns='jabber:client'"
        " xmlns:stream='http://etherx.jabber.org/streams' version='1.0'"
        " to='a.example' from='&lt;j@a.example' xml:lang='de'>",
        "S:<stream:stream xmlns='jabber:client' version='1.1'"
        " xmlns:stream='http://etherx.jabber.org/streams' id='&quot;' to='j'>",
        "c:<open xmlns=\"" FRAMING "\" from=\"a.example\" id=\"&quot;\""
        " to=\"j\" version=\"1.0\"/>");
}

static void
after_sasl_both_open_anew(void **state)
{
    RUN(NEVER, BEGIN, "C:<auth xmlns='" SASL "' mechanism='X'>=</auth>",
        "s:<auth xmlns=\"" SASL "\" mechanism=\"X\">=</auth>",
        "S:<success xmlns='" SASL "'/>",
        "c:<success xmlns=\"" SASL "\"" STREAMS "/>", OPEN_A, HEADER_A,
        HEADER_S("2"), OPEN_C("2"), FEATURES, FEATURES_C,
        "C:<iq xmlns='jabber:client' id='1'/>", "s:<iq id=\"1\"/>");
}

static void
after_sasl_nothing_but_an_open_may_come(void **state)
{
    RUN(NEVER, BEGIN, "S:<success xmlns='" SASL "'/>",
        "c:<success xmlns=\"" SASL "\"" STREAMS "/>",
        "C:<iq xmlns='jabber:client' id='1'/>", "s:</stream:stream>",
        ERROR("invalid-namespace"), CLOSE_S, "x:closed");
}

static void
the_domain_stays_what_it_is(void **state)
{
    RUN(NEVER, BEGIN, "S:<success xmlns='" SASL "'/>",
        "c:<success xmlns=\"" SASL "\"" STREAMS "/>",
        "C:<open xmlns='" FRAMING "' to='b.example' version='1.0'/>",
        "s:</stream:stream>", ERROR("host-unknown"), CLOSE_S, "x:closed");
}

static void
a_server_may_end_it_after_sasl(void **state)
{
    RUN(NEVER, BEGIN, "S:<success xmlns='" SASL "'/>",
        "c:<success xmlns=\"" SASL "\"" STREAMS "/>", "S: </stream:stream>",
        "s:</stream:stream>", CLOSE_S, "x:closing", CLOSE_C, "x:closed");
}

#define STARTTLS                                                              \
    "S:<stream:features><starttls xmlns='" TLS "'><required/></starttls>"     \
    "</stream:features>"
#define ASK "s:<starttls xmlns='" TLS "'/>"

static void
tls_to_the_server_is_between_it_and_us(void **state)
{
    const char *const lines[] = {
        OPEN_A,
        HEADER_A,
        HEADER_S("1"),
        STARTTLS,
        ASK,
        "S:<proceed xmlns='" TLS "'/><message>injected</message>",
        "t:a.example",
        "T:",
        HEADER_A,
        HEADER_S("2"),
        OPEN_C("2"),
        FEATURES,
        FEATURES_C,
        "x:open",
        NULL};

    run(CNC__FRAMES_TLS_OFFERED, lines);
    run(CNC__FRAMES_TLS_REQUIRED, lines);
}

static void
without_tls_where_none_is_offered(void **state)
{
    RUN(OFFERED, OPEN_A, HEADER_A, HEADER_S("1"), FEATURES, OPEN_C("1"),
        FEATURES_C, "S:<success xmlns='" SASL "'/>",
        "c:<success xmlns=\"" SASL "\"" STREAMS "/>", OPEN_A, HEADER_A,
        HEADER_S("2"), OPEN_C("2"), STARTTLS, "s:</stream:stream>",
        FAILED("The server wants TLS, which is not used here"), CLOSE_S);
}

static void
tls_that_is_required_must_be_there(void **state)
{
    RUN(REQUIRED, OPEN_A, HEADER_A, HEADER_S("1"), FEATURES,
        "s:</stream:stream>", OPEN_C("1"), FAILED("The server offers no TLS"),
        CLOSE_S, "x:closed");
    RUN(REQUIRED, OPEN_A, HEADER_A, HEADER_S("1"), STARTTLS, ASK,
        "S:<failure xmlns='" TLS "'/></stream:stream>", OPEN_C("1"),
        FAILED("The server refuses TLS"), CLOSE_S, "x:closed");
    RUN(REQUIRED, OPEN_A, HEADER_A, HEADER_S("1"), STARTTLS, ASK,
        "S:</stream:stream>", OPEN_C("1"),
        FAILED("The server ended the stream"), CLOSE_S, "x:closed");
    RUN(REQUIRED, OPEN_A, HEADER_A, HEADER_S("1"), "S:<iq id='too early'/>",
        "s:</stream:stream>", OPEN_C("1"),
        FAILED("The server says what has no place here"), CLOSE_S);
}

static void
words_before_tls_are_not_passed_on(void **state)
{
    RUN(REQUIRED, OPEN_A, HEADER_A, HEADER_S("1"),
        "S:<stream:error><host-unknown"
        " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><lie xmlns='x'/>"
        "</stream:error>",
        "s:</stream:stream>", OPEN_C("1"),
        ERROR_T("host-unknown", "The server ended the stream"), CLOSE_S,
        "x:closed");
}

static void
tls_that_is_not_used_but_required(void **state)
{
    RUN(NEVER, OPEN_A, HEADER_A, HEADER_S("1"), OPEN_C("1"), STARTTLS,
        "s:</stream:stream>",
        FAILED("The server wants TLS, which is not used here"), CLOSE_S,
        "x:closed");
}

static void
features_lose_what_ends_here(void **state)
{
    RUN(NEVER, OPEN_A, HEADER_A, HEADER_S("1"), OPEN_C("1"),
        "S:<stream:features><starttls xmlns='" TLS "'/>"
        "<mechanisms xmlns='" SASL "'><mechanism>SCRAM-SHA-1-PLUS</mechanism>"
        "<mechanism>SCRAM-SHA-1</mechanism></mechanisms>"
        "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>"
        "<channel-binding type='tls-exporter'/></sasl-channel-binding>"
        "<authentication xmlns='urn:xmpp:sasl:2'>"
        "<mechanism> SCRAM-SHA-256-PLUS </mechanism>"
        "<mechanism>PLAIN</mechanism><inline>"
        "<fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-EXPR</mechanism>"
        "<mechanism>HT-SHA-256-NONE</mechanism></fast></inline>"
        "</authentication>"
        "<compression xmlns='http://jabber.org/features/compress'>"
        "<method>zlib</method></compression>"
        "<limits xmlns='urn:xmpp:stream-limits:0'>"
        "<max-bytes>262144</max-bytes></limits></stream:features>",
        "c:<stream:features" STREAMS ">"
        "<mechanisms xmlns=\"" SASL "\"><mechanism>SCRAM-SHA-1</mechanism>"
        "</mechanisms><authentication xmlns=\"urn:xmpp:sasl:2\">"
        "<mechanism>PLAIN</mechanism><inline>"
        "<fast xmlns=\"urn:xmpp:fast:0\"><mechanism>HT-SHA-256-NONE"
        "</mechanism></fast></inline></authentication>"
        "<limits xmlns=\"urn:xmpp:stream-limits:0\">"
        "<max-bytes>4096</max-bytes></limits></stream:features>");
}

static void
who_does_not_wait_is_heard_in_its_turn(void **state)
{
    RUN(REQUIRED, OPEN_A, "C:<iq xmlns='jabber:client' id='1'/>", HEADER_A,
        HEADER_S("1"), STARTTLS, ASK, "C:<iq xmlns='jabber:client' id='2'/>",
        "S:<proceed xmlns='" TLS "'/>", "t:a.example",
        "C:<iq xmlns='jabber:client' id='3'/>", "T:", HEADER_A, HEADER_S("2"),
        OPEN_C("2"), "s:<iq id=\"1\"/><iq id=\"2\"/><iq id=\"3\"/>", FEATURES,
        FEATURES_C);
}

static void
a_client_ends_it(void **state)
{
    RUN(NEVER, BEGIN, CLOSE_C, "s:</stream:stream>", "x:closing",
        "S:<iq id='late'/></stream:stream>",
        "c:<iq" CLIENT STREAMS " id=\"late\"/>", CLOSE_S, "x:closed");
    RUN(NEVER, BEGIN, CLOSE_C, "s:</stream:stream>", "G:", CLOSE_S,
        "x:closed");
    RUN(NEVER, OPEN_A, HEADER_A, CLOSE_C, "s:</stream:stream>", OWN_OPEN_A,
        CLOSE_S, "x:closed");
    RUN(NEVER, CLOSE_C, OWN_OPEN, CLOSE_S, "x:closed");
}

static void
a_server_ends_it(void **state)
{
    RUN(NEVER, BEGIN, "S:</stream:stream>", "s:</stream:stream>", CLOSE_S,
        "x:closing", "C:<iq xmlns='jabber:client'/>", CLOSE_C, "x:closed");
    RUN(NEVER, BEGIN,
        "S:<stream:error><conflict"
        " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
        "</stream:stream>",
        "s:</stream:stream>",
        "c:<stream:error" STREAMS "><conflict"
        " xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\"/></stream:error>",
        CLOSE_S, "x:closed");
}

static void
a_server_goes_without_a_word(void **state)
{
    RUN(NEVER, BEGIN, "G:system-shutdown", ERROR("system-shutdown"), CLOSE_S,
        "x:closed");
    RUN(NEVER, "G:remote-connection-failed", OWN_OPEN,
        ERROR("remote-connection-failed"), CLOSE_S, "x:closed");
    RUN(NEVER, BEGIN, "G:", CLOSE_S, "x:closed");
    RUN(NEVER, "G:", "x:closed");
}

static void
another_host_is_not_followed(void **state)
{
    RUN(NEVER, BEGIN,
        "S:<stream:error><see-other-host"
        " xmlns='urn:ietf:params:xml:ns:xmpp-streams'>evil.example"
        "</see-other-host></stream:error>",
        "s:</stream:stream>", FAILED("The server sends its clients elsewhere"),
        CLOSE_S, "x:closed");
}

static void
a_client_opens_as_it_should(void **state)
{
    static const struct {
        const char *message, *condition;
    } t[] = {
        {"C:<open xmlns='x' to='a' version='1.0'/>", "invalid-namespace"},
        {"C:<iq xmlns='jabber:client'/>", "invalid-namespace"},
        {"C:<x xmlns='" FRAMING "'/>", "bad-format"},
        {"C:<open xmlns='" FRAMING "' to='a'/>", "unsupported-version"},
        {"C:<open xmlns='" FRAMING "' to='a' version='0.9'/>",
         "unsupported-version"},
        {"C:<open xmlns='" FRAMING "' version='1.0'/>", "host-unknown"},
        {"C:<open xmlns='" FRAMING "' to='' version='1.0'/>", "host-unknown"},
        {"C:<open xmlns='" FRAMING "' to='j@a' version='1.0'/>",
         "host-unknown"},
    };

    for (size_t i = 0; i < CNC_N(t); i++) {
        struct cnc__str error = CNC__STR;

        cnc__str_printf(&error,
                        "c:<stream:error" STREAMS "><%s xmlns='urn:ietf:"
                        "params:xml:ns:xmpp-streams'/></stream:error>",
                        t[i].condition);
        RUN(NEVER, t[i].message, OWN_OPEN, error.data, CLOSE_S, "x:closed");
        cnc__str_fini(&error);
    }
}

static void
what_may_not_pass_ends_it(void **state)
{
    static const struct {
        const char *message, *condition;
    } t[] = {
        {"C:<starttls xmlns='" TLS "'/>", "unsupported-stanza-type"},
        {"C:<compress xmlns='http://jabber.org/protocol/compress'/>",
         "unsupported-stanza-type"},
        {OPEN_A, "unsupported-stanza-type"},
        {"C:<stream:stream xmlns:stream='http://etherx.jabber.org/streams'/>",
         "unsupported-stanza-type"},
        {"C:<message/>", "invalid-namespace"},
    };

    for (size_t i = 0; i < CNC_N(t); i++) {
        struct cnc__str error = CNC__STR;

        cnc__str_printf(&error,
                        "c:<stream:error" STREAMS "><%s xmlns='urn:ietf:"
                        "params:xml:ns:xmpp-streams'/></stream:error>",
                        t[i].condition);
        RUN(NEVER, BEGIN, t[i].message, "s:</stream:stream>", error.data,
            CLOSE_S, "x:closed");
        cnc__str_fini(&error);
    }
}

static int
say(struct bed *b, const char *message, size_t len)
{
    return cnc__frames_client(b->frames, message, len);
}

static void
begin(struct bed *b)
{
    static const struct cnc__frames_events events = {to_server, to_client,
                                                     start_tls};
    static const struct cnc__frames_config config = {.max_stanza = 1000,
                                                     .max_answer = 2000};
    static const char *const lines[] = {BEGIN};

    *b = (struct bed){.frames = cnc__frames_new(&config, &events, b)};
    for (size_t i = 0; i < CNC_N(lines); i++) {
        line(b, lines[i]);
    }
}

static void
end(struct bed *b)
{
    cnc__frames_free(&b->frames);
    cnc__str_fini(&b->client);
    cnc__str_fini(&b->server);
    cnc__str_fini(&b->tls);
}

static void
bad_xml_of_a_client_ends_it(void **state)
{
    static const struct {
        const char *message, *condition;
        int code;
    } t[] = {
        {"", "not-well-formed", CNC_ESYNTAX},
        {" <iq xmlns='jabber:client'/>", "not-well-formed", CNC_ESYNTAX},
        {"<iq", "not-well-formed", CNC_ESYNTAX},
        {"<iq xmlns='jabber:client'/><iq/>", "not-well-formed", CNC_ESYNTAX},
        {"<!DOCTYPE x><x/>", "restricted-xml", CNC_EPROTO},
        {"<iq xmlns='jabber:client'><!-- --></iq>", "restricted-xml",
         CNC_EPROTO},
        {"<iq xmlns='jabber:client'>&x;</iq>", "restricted-xml", CNC_EPROTO},
    };

    for (size_t i = 0; i < CNC_N(t); i++) {
        struct bed b;

        begin(&b);
        assert_int_equal(say(&b, t[i].message, strlen(t[i].message)),
                         t[i].code);
        assert_non_null(strstr(cnc__str_c(&b.client), t[i].condition));
        assert_non_null(strstr(cnc__frames_fault(b.frames), t[i].condition));
        assert_string_equal(cnc__str_c(&b.server), "</stream:stream>");
        assert_int_equal(say(&b, "<x/>", 4), CNC_ECLOSED);
        end(&b);
    }
}

static void
too_much_ends_it(void **state)
{
    struct cnc__str big = CNC__STR;
    struct bed b;

    cnc__str_puts(&big, "<iq xmlns='jabber:client'>");
    for (size_t i = 0; i < 2000; i++) {
        cnc__str_putc(&big, 'a');
    }
    begin(&b);
    assert_int_equal(say(&b, big.data, big.len), CNC_ELIMIT);
    assert_non_null(strstr(b.client.data, "policy-violation"));
    assert_true(cnc__frames_is_closed(b.frames));
    end(&b);
    begin(&b);
    assert_int_equal(cnc__frames_server(b.frames, big.data, big.len),
                     CNC_ELIMIT);
    assert_non_null(
        strstr(b.client.data, "The server says more than may pass here"));
    assert_true(cnc__frames_is_closed(b.frames));
    end(&b);
    cnc__str_fini(&big);
}

static void
too_much_before_the_server_is_there_ends_it(void **state)
{
    static const char iq[] = "<iq xmlns='jabber:client'>012345678</iq>";
    static const struct cnc__frames_events events = {to_server, to_client,
                                                     start_tls};
    static const struct cnc__frames_config config = {.max_stanza = 100};
    struct bed b = {0};
    int rc = 0;

    b.frames = cnc__frames_new(&config, &events, &b);
    line(&b, OPEN_A);
    for (size_t i = 0; i < 8 && rc == 0; i++) {
        rc = say(&b, iq, strlen(iq));
    }
    assert_int_equal(rc, CNC_ELIMIT);
    assert_non_null(strstr(b.client.data, "policy-violation"));
    end(&b);
}

static void
a_client_that_is_cut_off_may_come_back(void **state)
{
    struct bed b;

    begin(&b);
    cnc__frames_client_gone(b.frames);
    assert_true(cnc__frames_is_closed(b.frames));
    assert_string_equal(cnc__str_c(&b.server), "");
    assert_string_equal(cnc__str_c(&b.client), "");
    end(&b);
}

static void
what_is_no_xmpp_server_is_told(void **state)
{
    static const char *const said[] = {
        "S:HTTP/1.1 400 Bad Request\r\n",
        "S:<?xml version='1.0'?><stream:stream xmlns='jabber:server'"
        " xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
        "S:<html>",
        "S:<stream:stream xmlns='jabber:client'"
        " xmlns:stream='http://etherx.jabber.org/streams'>",
    };

    for (size_t i = 0; i < CNC_N(said); i++) {
        RUN(NEVER, OPEN_A, HEADER_A, said[i], "s:</stream:stream>", OWN_OPEN_A,
            i == 0 ? FAILED("The server&#39;s stream is malformed")
                   : FAILED("What answers is no XMPP server for clients"),
            CLOSE_S, "x:closed");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stanzas_pass_both_ways_written_anew),
        cmocka_unit_test(what_the_header_says_passes),
        cmocka_unit_test(after_sasl_both_open_anew),
        cmocka_unit_test(after_sasl_nothing_but_an_open_may_come),
        cmocka_unit_test(the_domain_stays_what_it_is),
        cmocka_unit_test(a_server_may_end_it_after_sasl),
        cmocka_unit_test(tls_to_the_server_is_between_it_and_us),
        cmocka_unit_test(without_tls_where_none_is_offered),
        cmocka_unit_test(tls_that_is_required_must_be_there),
        cmocka_unit_test(words_before_tls_are_not_passed_on),
        cmocka_unit_test(tls_that_is_not_used_but_required),
        cmocka_unit_test(features_lose_what_ends_here),
        cmocka_unit_test(who_does_not_wait_is_heard_in_its_turn),
        cmocka_unit_test(a_client_ends_it),
        cmocka_unit_test(a_server_ends_it),
        cmocka_unit_test(a_server_goes_without_a_word),
        cmocka_unit_test(another_host_is_not_followed),
        cmocka_unit_test(a_client_opens_as_it_should),
        cmocka_unit_test(what_may_not_pass_ends_it),
        cmocka_unit_test(bad_xml_of_a_client_ends_it),
        cmocka_unit_test(too_much_ends_it),
        cmocka_unit_test(too_much_before_the_server_is_there_ends_it),
        cmocka_unit_test(a_client_that_is_cut_off_may_come_back),
        cmocka_unit_test(what_is_no_xmpp_server_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
