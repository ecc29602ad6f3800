/* SPDX-License-Identifier: MIT */
/*
 * frames.c -- XMPP of WebSocket beside XMPP of TCP: however the server's
 * bytes are cut, the same comes out; each message to the client is one
 * element that stands alone, and what the server gets is a stream.
 *
 * The input: a byte that says how TLS is used, then lines: c and a message of
 * the client's, s and bytes of the server's, t TLS is done, g the server is
 * gone, f a fault.
 *
 * A libFuzzer target; xmpp/driver.c runs it on a corpus without libFuzzer.
 */
#include "../../src/front/frames.h"
#include "xmpp/fuzz.h"

#define MAX 2000

struct side {
    struct cnc__frames *frames;
    struct cnc__str said;         /* to both, in order within each */
    struct cnc__str client;       /* to the client */
    struct cnc_parser *listening; /* the server */
    bool wants_tls;
};

static void
to_client(const char *data, size_t len, void *priv)
{
    struct side *s = priv;
    struct cnc_element *e;

    CNC_CHECK(cnc_xml_parse(&e, data, len, 0, NULL, NULL) == 0);
    cnc_element_unref(&e);
    cnc__str_add(&s->client, data, len);
    cnc__str_putc(&s->client, '\n');
}

static void
to_server(const char *data, size_t len, void *priv)
{
    struct side *s = priv;

    CNC_CHECK(!s->wants_tls); /* it is OpenSSL's turn */
    if (len > 2 && memcmp(data, "<?", 2) == 0) {
        cnc_parser_reset(s->listening);
    }
    CNC_CHECK(cnc_parser_feed(s->listening, data, len, NULL) == 0);
    cnc__str_add(&s->said, data, len);
    cnc__str_putc(&s->said, '\n');
}

static void
start_tls(const char *domain, void *priv)
{
    struct side *s = priv;

    CNC_CHECK(!s->wants_tls && domain[0] != '\0');
    s->wants_tls = true;
}

static void
server(struct side *s, const char *data, size_t len, size_t step)
{
    for (size_t i = 0; i < len && !s->wants_tls; i += step) {
        size_t n = len - i < step ? len - i : step;
        char *piece = cnc__zalloc(n);

        memcpy(piece, data + i, n);
        cnc__frames_server(s->frames, piece, n);
        cnc__free(piece);
    }
}

static void
line(struct side *s, const char *data, size_t len, size_t step)
{
    switch (len == 0 ? '\0' : data[0]) {
    case 'c':
        cnc__frames_client(s->frames, data + 1, len - 1);
        break;
    case 's':
        server(s, data + 1, len - 1, step);
        break;
    case 't':
        if (s->wants_tls) {
            s->wants_tls = false;
            cnc__frames_secured(s->frames);
        }
        break;
    case 'g':
        cnc__frames_server_gone(s->frames, len == 1 ? NULL : "system-shutdown",
                                NULL);
        break;
    case 'f':
        cnc__frames_fail(s->frames, "policy-violation", "Too fast");
        break;
    default:
        break;
    }
}

static int
on_element(struct cnc_element *e, void *priv)
{
    return 0;
}

static int
on_close(void *priv)
{
    return 0;
}

/* Did it go without a fault? */
static bool
run(struct cnc__str *out, const char *data, size_t size, size_t step)
{
    static const struct cnc__frames_events events = {to_server, to_client,
                                                     start_tls};
    static const struct cnc_parser_events heard = {
        .on_open = on_element, .on_stanza = on_element, .on_close = on_close};
    struct cnc__frames_config config = {
        .tls = (uint8_t)data[0] % 3, .max_stanza = MAX, .max_answer = MAX};
    struct side s = {
        .listening = cnc_parser_new(CNC_PARSE_STREAM, 0, NULL, &heard, NULL)};
    const char *end = data + size, *at = data + 1;

    s.frames = cnc__frames_new(&config, &events, &s);
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));

        stop = stop == NULL ? end : stop;
        line(&s, at, (size_t)(stop - at), step == 0 ? size : step);
        at = stop + 1;
    }
    cnc__str_add(out, cnc__str_c(&s.client), s.client.len);
    cnc__str_add(out, cnc__str_c(&s.said), s.said.len);
    bool good = cnc__frames_fault(s.frames) == NULL;

    cnc__frames_free(&s.frames);
    cnc_parser_free(&s.listening);
    cnc__str_fini(&s.client);
    cnc__str_fini(&s.said);
    return good;
}

/* Ids of ours differ. */
static void
forget_ids(struct cnc__str *said)
{
    char *p = said->data;

    while (p != NULL && (p = strstr(p, "-framing\" id=\"")) != NULL) {
        p += strlen("-framing\" id=\"");
        memset(p, '0', strspn(p, "0123456789abcdef"));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = {1, 2, 7, 64};
    struct cnc__str whole = CNC__STR;

    if (size == 0 || size > 65536 || memchr(data, '\0', size) != NULL) {
        return 0;
    }
    bool good = run(&whole, (const char *)data, size, 0);

    forget_ids(&whole);
    for (size_t i = 0; i < CNC_N(steps); i++) {
        struct cnc__str cut = CNC__STR;

        bool too = run(&cut, (const char *)data, size, steps[i]);

        forget_ids(&cut);
        /* A mistake in a tag is told no earlier than its end has come: when
         * that is, depends on the cuts, and what is said before it too. */
        CNC_CHECK(
            !good || !too ||
            (cut.len == whole.len &&
             memcmp(cnc__str_c(&cut), cnc__str_c(&whole), cut.len) == 0));
        cnc__str_fini(&cut);
    }
    cnc__str_fini(&whole);
    return 0;
}
