/* SPDX-License-Identifier: MIT */
/*
 * s2s.c -- a stranger is another server, a component, or the server that we
 * are a component of.  Whatever is said, in whatever state: what we answer is
 * well-formed, what waits has an end, nothing is delivered in a name that was
 * not proved, nothing is sent before we are believed, and nothing is left.
 *
 * The first byte chooses who (its lowest two bits: a server that connects, one
 * that we dialled, a component, our server) and how far it has come (the next
 * two).  After it each line is said at once, but
 *
 *   @N   N seconds pass        >x   we have a message for it
 *   !    the connection ends
 *
 * A libFuzzer target; xmpp/driver.c runs it on a corpus without libFuzzer.
 */
#include <stdio.h>

#include "../../src/base/log.h"
#include "../../src/base/text.h"
#include "../../src/s2s/component.h"
#include "../../src/s2s/s2s.h"
#include "xmpp/fuzz.h"

#define MAX_QUEUE 6000
#define SECRET    "s3cret"
#define STREAM(ns, more)                                                      \
    "<stream:stream xmlns='" ns "' xmlns:db='jabber:server:dialback'"         \
    " xmlns:stream='http://etherx.jabber.org/streams' version='1.0' " more    \
    ">"
#define OPEN STREAM("jabber:server", "from='evil.example' to='b.example'")
#define REPLY                                                                 \
    STREAM("jabber:server", "from='evil.example' to='b.example' id='an-id'")
#define STARTTLS "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
#define FEATURES                                                              \
    "<stream:features>"                                                       \
    "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"                   \
    "<mechanism>EXTERNAL</mechanism></mechanisms>"                            \
    "<bidi xmlns='urn:xmpp:features:bidi'/>"                                  \
    "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>"       \
    "</stream:features>"

enum who { SERVER, DIALLED, COMPONENT, ATTACHED };

struct talk {
    enum who who;
    struct cnc__router *router;
    struct cnc__s2s *s2s;
    struct cnc__components *components;
    struct cnc__attach *attach;
    struct cnc__stream *stream;
    bool starttls, ended;
    uint64_t now_ms;
    struct cnc__str heard;
    /* A dialling under way; one at a time is enough. */
    const struct cnc__s2s_dial_events *dial_events;
    void *dial_priv;
    char domain[64];
    bool due;
    unsigned n_handles;
};

static void
no_log(enum cnc_log_level level, const char *event, const char *text,
       void *priv)
{
}

/* -- the owner's part ----------------------------------------------------- */

static void
on_dirty(void *priv)
{
}

static void
on_starttls(void *priv)
{
    struct talk *t = priv;

    t->starttls = true;
}

static bool
cert_matches(const char *domain, enum cnc__cert_use use, void *priv)
{
    return strcmp(domain, "evil.example") == 0;
}

static const struct cnc__stream_events events = {
    .on_dirty = on_dirty,
    .on_starttls = on_starttls,
    .cert_matches = cert_matches,
};
static const struct cnc__stream_peer peer = {
    .framing = CNC__FRAMING_TCP, .uid = -1, .addr = "fuzz"};

/* Who speaks here is believed in one name alone. */
static bool
inbound(struct cnc__router *r, enum cnc__where where, enum cnc__stanza kind,
        const char *from, const char *to, struct cnc_element *stanza,
        void *priv)
{
    const struct talk *t = priv;
    const char *type = cnc_element_attr(stanza, NULL, "type");
    const char *name = t->who == COMPONENT ? "app.example" : "evil.example";
    const char *at = strchr(from, '@');
    size_t len = strlen(name);

    at = at == NULL ? from : at + 1;
    /* Errors are our own too: what could not be brought. */
    CNC_CHECK(
        t->who == ATTACHED || (type != NULL && strcmp(type, "error") == 0) ||
        (strncmp(at, name, len) == 0 && (at[len] == '\0' || at[len] == '/')));
    return true;
}

static void *
dial(const char *domain, const struct cnc__s2s_dial_events *ev,
     void *dial_priv, void *priv)
{
    struct talk *t = priv;

    t->n_handles++;
    if (!t->due) {
        t->dial_events = ev;
        t->dial_priv = dial_priv;
        (void)snprintf(t->domain, sizeof(t->domain), "%s", domain);
        t->due = true;
    }
    return t;
}

static void
dial_next(void *handle, void *priv)
{
}

static void
dial_free(void *handle, void *priv)
{
    struct talk *t = priv;

    t->n_handles--;
    t->due = false;
}

static void
dial_now(struct talk *t)
{
    bool ours = strcmp(t->domain, "evil.example") == 0 || t->who == ATTACHED;

    if (!t->due) {
        return;
    }
    t->due = false;
    if (ours && t->stream == NULL) {
        t->stream = t->dial_events->on_connected(&peer, &events, t, t->now_ms,
                                                 t->dial_priv);
    } else {
        t->dial_events->on_failed("remote-server-not-found", "no such name",
                                  t->dial_priv);
    }
}

/* -- talking -------------------------------------------------------------- */

static void
hear(struct talk *t)
{
    struct cnc__str warm = CNC__STR, *out;

    if (t->stream == NULL) {
        return;
    }
    out = cnc__stream_gather(t->stream, &warm);
    /* One refusal over the limit. */
    CNC_CHECK(out->len <= MAX_QUEUE + 2000 || t->who >= COMPONENT);
    cnc__str_add(&t->heard, cnc__str_c(out), out->len);
    if (out != &warm) {
        cnc__str_fini(out);
    }
    cnc__str_fini(&warm);
}

static void
settle(struct talk *t)
{
    hear(t);
    if (t->starttls && t->stream != NULL) {
        t->starttls = false;
        cnc__stream_secured(t->stream, t->now_ms);
        hear(t);
    }
    if (t->stream != NULL && cnc__stream_is_closed(t->stream)) {
        cnc__stream_free(&t->stream);
        t->ended = true;
    }
}

static void
say(struct talk *t, const char *text, size_t len, bool bytewise)
{
    size_t step = bytewise ? 1 : len;

    for (size_t i = 0; i < len && t->stream != NULL; i += step) {
        char *piece = cnc__zalloc(step);

        memcpy(piece, text + i, step);
        cnc__stream_feed(t->stream, piece, step, t->now_ms);
        cnc__free(piece);
        settle(t);
    }
}

static void
says(struct talk *t, const char *text)
{
    say(t, text, strlen(text), false);
}

static void
want(struct talk *t)
{
    static const char xml[] =
        "<message from='romeo@b.example' to='x@evil.example'>"
        "<body>confidential</body></message>";

    cnc__router_send(t->router, "romeo@b.example", "x@evil.example", xml,
                     sizeof(xml) - 1, NULL);
    settle(t);
}

static void
pass(struct talk *t, const char *text, size_t len)
{
    char digits[8] = "";
    int64_t n;

    if (len == 0 || len >= sizeof(digits)) {
        return;
    }
    memcpy(digits, text, len);
    if (!cnc__parse_int(&n, digits, 0, 2000)) {
        return;
    }
    t->now_ms += (uint64_t)n * 1000;
    if (t->stream != NULL) {
        cnc__stream_tick(t->stream, t->now_ms);
        settle(t);
    }
    if (t->s2s != NULL) {
        cnc__s2s_tick(t->s2s, t->now_ms);
    }
    if (t->attach != NULL) {
        cnc__attach_tick(t->attach, t->now_ms);
    }
    settle(t);
}

/* -- how far it has come -------------------------------------------------- */

static void
shake(struct talk *t)
{
    const char *at = strstr(cnc__str_c(&t->heard), " id='");
    char id[33] = "", key[41];
    struct cnc__str xml = CNC__STR;

    CNC_CHECK(at != NULL);
    memcpy(id, at + 5, 32);
    cnc__component_key(key, id, SECRET);
    cnc__str_printf(&xml, "<handshake>%s</handshake>", key);
    says(t, xml.data);
    cnc__str_fini(&xml);
}

static void
come_far(struct talk *t, unsigned level)
{
    static const char *const steps[4][3][2] = {
        {{OPEN STARTTLS, OPEN},
         {"<bidi xmlns='urn:xmpp:bidi'/>"
          "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
          " mechanism='EXTERNAL'>=</auth>",
          NULL},
         {OPEN, NULL}},
        {{REPLY "<stream:features>" STARTTLS "</stream:features>",
          "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"},
         {REPLY FEATURES, NULL},
         {"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
          REPLY "<stream:features/>"}},
        {{STREAM("jabber:component:accept", "to='app.example'"), NULL},
         {NULL, NULL},
         {NULL, NULL}},
        {{STREAM("jabber:component:accept", "id='an-id'"), NULL},
         {"<handshake/>", NULL},
         {NULL, NULL}}};

    for (unsigned i = 0; i < level; i++) {
        for (unsigned k = 0; k < 2 && steps[t->who][i][k] != NULL; k++) {
            says(t, steps[t->who][i][k]);
        }
        if (t->who == COMPONENT && i == 1) {
            shake(t);
        }
    }
}

static void
begin(struct talk *t)
{
    struct cnc__s2s_env env = {.router = t->router,
                               .dial = dial,
                               .dial_next = dial_next,
                               .dial_free = dial_free,
                               .priv = t};
    struct cnc__s2s_options o = {.max_before_auth = 2000,
                                 .max_stanza = 4000,
                                 .max_queue = MAX_QUEUE,
                                 .pair_stanzas = 20,
                                 .max_asked = 3,
                                 .max_pairs = 5};
    struct cnc__component_name name = {"app.example", SECRET};

    if (t->who == ATTACHED) {
        t->attach = cnc__attach_new(
            &env, &(struct cnc__attach_options){.secret = SECRET}, t->now_ms);
        cnc__attach_tick(t->attach, t->now_ms);
        dial_now(t);
        return;
    }
    t->s2s = cnc__s2s_new(&env, &o, t->now_ms);
    if (t->who == SERVER) {
        t->stream = cnc__s2s_stream_in(t->s2s, &peer, &events, t, t->now_ms);
    } else if (t->who == DIALLED) {
        want(t);
        dial_now(t);
    } else {
        CNC_CHECK(cnc__components_new(&t->components, t->router, &name, 1,
                                      4000, NULL) == 0);
        t->stream = cnc__components_stream_in(t->components, &peer, &events, t,
                                              t->now_ms);
    }
}

/* Each opening is a document; every one must be well-formed, the last may be
 * unfinished. */
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
line(struct talk *t, const char *text, size_t len, bool bytewise)
{
    if (len > 0 && text[0] == '@') {
        pass(t, text + 1, len - 1);
    } else if (len > 0 && text[0] == '>') {
        want(t);
    } else if (len > 0 && text[0] == '!' && t->stream != NULL) {
        cnc__stream_eof(t->stream);
        settle(t);
    } else {
        say(t, text, len, bytewise);
    }
    dial_now(t);
}

static void
converse(const uint8_t *data, size_t size, bool bytewise)
{
    struct talk t = {.who = data[0] & 3u, .now_ms = 1000000};
    struct cnc__accounts_hooks hooks = {.inbound = inbound, .priv = &t};
    const char *at = (const char *)data + 1, *end = (const char *)data + size;

    t.router = cnc__router_new("b.example");
    cnc__router_accounts(t.router, &hooks);
    begin(&t);
    settle(&t);
    come_far(&t, (data[0] >> 2) & 3u);
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));

        stop = stop == NULL ? end : stop;
        line(&t, at, (size_t)(stop - at), bytewise);
        at = stop + 1;
    }
    if (!t.ended) {
        check_documents(&t.heard);
    }
    if (t.s2s != NULL) {
        cnc__s2s_close(t.s2s);
    }
    settle(&t);
    cnc__stream_free(&t.stream);
    cnc__s2s_free(&t.s2s);
    cnc__components_free(&t.components);
    cnc__attach_free(&t.attach);
    CNC_CHECK(t.n_handles == 0);
    cnc__router_free(&t.router);
    cnc__str_fini(&t.heard);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 8192) {
        return 0;
    }
    cnc__log_to(no_log, NULL);
    converse(data, size, false);
    converse(data, size, true);
    return 0;
}
