/* SPDX-License-Identifier: MIT */
/*
 * frames.c -- XMPP of WebSocket and of TCP, one beside the other.
 *
 *   NEW --<open/>--> HEADER --<stream:stream>--> FEATURES   (TLS is wanted)
 *                      ^                            | <starttls/>
 *                      |                         PROCEED -> TLS -> HEADER
 *                      v
 *                    OPEN  --<success/>--> RESTART --<open/>--> HEADER
 *   any --> CLOSING (one side has said its end) --> CLOSED
 */
#include "../base/text.h"
#include "../xml/write.h"
#include "../xmpp/errors.h"
#include "frames-priv.h"

#define FRAMES_MAGIC 0x4652414du
#define MAX_STANZA   262144u
#define MAX_ANSWER   (16u << 20)
#define MAX_DOMAIN   1023u
#define NS_COMPRESS  "http://jabber.org/protocol/compress"

enum state {
    NEW,      /* the client has said nothing */
    HEADER,   /* our header is out, the server's is not in */
    FEATURES, /* the client hears nothing until TLS is settled */
    PROCEED,  /* <starttls/> is out */
    TLS,      /* the owner does the handshake */
    OPEN,     /* stanzas pass */
    RESTART,  /* SASL is done: the client opens anew */
    CLOSING,  /* one side has said its end */
    CLOSED
};

struct cnc__frames {
    unsigned magic;
    uint8_t state;
    bool settled : 1;       /* no TLS will be started any more */
    bool told_open : 1;     /* the client has our <open/> of this stream */
    bool client_closed : 1; /* it said <close/> */
    bool server_closed : 1; /* it said </stream:stream> */
    bool failed : 1;        /* a stream error was passed on */
    bool was_open : 1;
    struct cnc__frames_config config;
    struct cnc__frames_events events;
    void *priv;
    struct cnc_parser *parser; /* of the server's stream */
    char *domain;
    char *header; /* ours to the server, said again after TLS */
    char *open;   /* the server's header, as <open/> */
    char *fault;
    struct cnc__str early; /* stanzas of a client that did not wait */
};

/* -- saying -------------------------------------------------------------- */

static void
to_client(struct cnc__frames *f, const char *text)
{
    f->events.to_client(text, strlen(text), f->priv);
}

static void
to_server(struct cnc__frames *f, const char *text)
{
    f->events.to_server(text, strlen(text), f->priv);
}

static void
say_open(struct cnc__frames *f)
{
    struct cnc__str xml = CNC__STR;
    char id[33];

    if (f->told_open) {
        return;
    }
    f->told_open = true;
    if (f->open != NULL) {
        to_client(f, f->open);
        return;
    }
    /* RFC 6120 4.9.1.2: an error needs a header before it. */
    cnc__random_hex(id, 16);
    cnc__xml_printf(&xml, "<open xmlns=\"" CNC__NS_FRAMING "\" id=\"%s\"", id);
    if (f->domain != NULL) {
        cnc__xml_printf(&xml, " from=\"%s\"", f->domain);
    }
    cnc__str_puts(&xml, " version=\"1.0\"/>");
    to_client(f, xml.data);
    cnc__str_fini(&xml);
}

/* As RFC 7395's examples have it: some clients compare the text. */
static void
say_close(struct cnc__frames *f)
{
    to_client(f, "<close xmlns=\"" CNC__NS_FRAMING "\" />");
}

/* Is there a stream to the server that words can be said on? */
static bool
server_hears(const struct cnc__frames *f)
{
    return f->state != NEW && f->state != PROCEED && f->state != TLS &&
           f->state != CLOSED && !f->client_closed && !f->server_closed;
}

static void
become_closed(struct cnc__frames *f)
{
    f->state = CLOSED;
    cnc__str_fini(&f->early);
}

/* A stream error to the client, and the end. */
static void
tell_error(struct cnc__frames *f, const char *condition, const char *text)
{
    struct cnc__str xml = CNC__STR;

    cnc__str_printf(&xml, "%s%s%s", condition, text == NULL ? "" : ": ",
                    text == NULL ? "" : text);
    cnc__free(f->fault);
    f->fault = cnc__str_steal(&xml);
    if (!f->failed && !(f->server_closed && !f->client_closed)) {
        say_open(f);
        cnc__str_puts(&xml,
                      "<stream:error xmlns:stream=\"" CNC__NS_STREAMS "\">");
        cnc__stream_error_add(&xml, condition, text);
        cnc__str_puts(&xml, "</stream:error>");
        to_client(f, xml.data);
        cnc__str_fini(&xml);
    }
    if (!f->server_closed) {
        say_close(f);
    }
    become_closed(f);
}

void
cnc__frames_fail(struct cnc__frames *f, const char *condition,
                 const char *text)
{
    CNC_OBJ_CHECK(f, FRAMES_MAGIC);
    if (f->state == CLOSED) {
        return;
    }
    if (server_hears(f)) {
        to_server(f, "</stream:stream>");
    }
    tell_error(f, condition, text);
}

static int
client_fault(struct cnc__frames *f, int code, const char *condition,
             const char *text)
{
    cnc__frames_fail(f, condition, text);
    return code;
}

/* What the server said makes no sense, or cannot be gone on with. */
static int
server_fault(struct cnc__frames *f, int code, const char *text)
{
    cnc__frames_fail(f, "remote-connection-failed", text);
    return code;
}

/* -- the client's <open/> ------------------------------------------------ */

/* RFC 6120 4.7.5: major 1 and up. */
static bool
version_is_ours(const char *version)
{
    return version != NULL && version[0] >= '1' && version[0] <= '9' &&
           strspn(version, "0123456789.") == strlen(version) &&
           strchr(version, '.') != NULL;
}

/* The same one each time: the server's certificate is for it. */
static bool
take_domain(struct cnc__frames *f, const char *to)
{
    if (f->domain != NULL) {
        return to == NULL || strcmp(to, f->domain) == 0;
    }
    if (to == NULL || to[0] == '\0' || strlen(to) > MAX_DOMAIN ||
        strpbrk(to, "@/ ") != NULL) {
        return false;
    }
    f->domain = cnc__strdup(to);
    return true;
}

static void
make_header(struct cnc__frames *f, const struct cnc_element *open)
{
    const char *from = cnc_element_attr(open, NULL, "from");
    const char *lang = cnc_element_attr(open, CNC__NS_XML, "lang");
    struct cnc__str xml = CNC__STR;

    cnc__xml_printf(&xml,
                    "<?xml version='1.0'?><stream:stream"
                    " xmlns='" CNC__NS_CLIENT
                    "' xmlns:stream='" CNC__NS_STREAMS
                    "' version='1.0' to='%s'",
                    f->domain);
    if (from != NULL) {
        cnc__xml_printf(&xml, " from='%s'", from);
    }
    if (lang != NULL) {
        cnc__xml_printf(&xml, " xml:lang='%s'", lang);
    }
    cnc__str_putc(&xml, '>');
    cnc__free(f->header);
    f->header = cnc__str_steal(&xml);
}

/* A new stream to the server: the first, after TLS, after SASL. */
static void
open_stream(struct cnc__frames *f)
{
    cnc_parser_reset(f->parser);
    cnc__free(f->open);
    f->open = NULL;
    f->told_open = false;
    f->state = HEADER;
    to_server(f, f->header);
}

static int
on_client_open(struct cnc__frames *f, const struct cnc_element *e)
{
    if (!cnc_element_is(e, CNC__NS_FRAMING, NULL)) {
        return client_fault(f, CNC_EPROTO, "invalid-namespace", NULL);
    }
    if (strcmp(cnc_element_name(e), "open") != 0) {
        return client_fault(f, CNC_EPROTO, "bad-format", NULL);
    }
    if (!version_is_ours(cnc_element_attr(e, NULL, "version"))) {
        return client_fault(f, CNC_EPROTO, "unsupported-version", NULL);
    }
    if (!take_domain(f, cnc_element_attr(e, NULL, "to"))) {
        return client_fault(f, CNC_EPROTO, "host-unknown", NULL);
    }
    make_header(f, e);
    open_stream(f);
    return 0;
}

/* -- what the client says ------------------------------------------------ */

/* Of NULL: it may pass.  What would change the framing of the stream to the
 * server, or is said outside of it, may not. */
static const char *
client_element_fault(const struct cnc_element *e)
{
    if (*cnc_element_ns(e) == '\0') {
        return "invalid-namespace"; /* RFC 7395 3.3 */
    }
    if (cnc_element_is(e, CNC__NS_FRAMING, NULL) ||
        cnc_element_is(e, CNC__NS_TLS, NULL) ||
        cnc_element_is(e, NS_COMPRESS, NULL) ||
        (cnc_element_is(e, CNC__NS_STREAMS, NULL) &&
         !cnc_element_is(e, CNC__NS_STREAMS, "error"))) {
        return "unsupported-stanza-type";
    }
    return NULL;
}

static int
pass_to_server(struct cnc__frames *f, const struct cnc_element *e)
{
    const char *fault = client_element_fault(e);
    struct cnc__str xml = CNC__STR;

    if (fault != NULL) {
        return client_fault(f, CNC_EPROTO, fault, NULL);
    }
    cnc__xml_write(&xml, e, CNC__NS_CLIENT, 0);
    if (f->state == OPEN) {
        f->events.to_server(xml.data, xml.len, f->priv);
    } else {
        cnc__str_add(&f->early, xml.data, xml.len);
    }
    cnc__str_fini(&xml);
    if (f->early.len > f->config.max_stanza) {
        return client_fault(f, CNC_ELIMIT, "policy-violation",
                            "Too much is said before the stream is open");
    }
    return 0;
}

static int
on_client_close(struct cnc__frames *f)
{
    bool waits = f->state == OPEN || f->state == RESTART;

    if (server_hears(f)) {
        to_server(f, "</stream:stream>");
    }
    f->client_closed = true;
    if (waits) {
        f->state = CLOSING; /* until the server has ended it too */
        return 0;
    }
    if (!f->server_closed) {
        say_open(f);
        say_close(f);
    }
    become_closed(f);
    return 0;
}

static int
on_client_element(struct cnc__frames *f, const struct cnc_element *e)
{
    if (f->client_closed) {
        return 0;
    }
    if (cnc_element_is(e, CNC__NS_FRAMING, "close")) {
        return on_client_close(f);
    }
    switch ((enum state)f->state) {
    case NEW:
    case RESTART:
        return on_client_open(f, e);
    case CLOSING:
    case CLOSED:
        return 0; /* the server has ended the stream */
    case HEADER:
    case FEATURES:
    case PROCEED:
    case TLS:
    case OPEN:
        break;
    }
    return pass_to_server(f, e);
}

int
cnc__frames_client(struct cnc__frames *f, const char *message, size_t len)
{
    struct cnc_xml_limits l = {.size = sizeof(l),
                               .max_token = f->config.max_stanza,
                               .max_stanza = f->config.max_stanza};
    struct cnc_element *e;
    struct cnc_error err = {0};
    int rc;

    CNC_OBJ_CHECK(f, FRAMES_MAGIC);
    if (f->state == CLOSED) {
        return CNC_ECLOSED;
    }
    if (len == 0 || message[0] != '<') {
        return client_fault(f, CNC_ESYNTAX, "not-well-formed",
                            "A message starts with '<'"); /* RFC 7395 3.3.3 */
    }
    rc = cnc_xml_parse(&e, message, len, 0, &l, &err);
    if (rc != 0) {
        return client_fault(
            f, rc, err.condition != NULL ? err.condition : "not-well-formed",
            err.text);
    }
    rc = on_client_element(f, e);
    cnc_element_unref(&e);
    return rc;
}

/* -- what the server says ------------------------------------------------ */

static void
pass_to_client(struct cnc__frames *f, const struct cnc_element *e)
{
    struct cnc__str xml = CNC__STR;

    cnc__xml_write(&xml, e, "", 0);
    f->events.to_client(xml.data, xml.len, f->priv);
    cnc__str_fini(&xml);
}

static void
keep_open(struct cnc__frames *f, const struct cnc_element *root)
{
    static const char *const names[] = {"id", "to"};
    const char *from = cnc_element_attr(root, NULL, "from");
    const char *lang = cnc_element_attr(root, CNC__NS_XML, "lang");
    struct cnc__str xml = CNC__STR;

    cnc__xml_printf(&xml, "<open xmlns=\"" CNC__NS_FRAMING "\" from=\"%s\"",
                    from == NULL ? f->domain : from);
    for (size_t i = 0; i < CNC_N(names); i++) {
        const char *value = cnc_element_attr(root, NULL, names[i]);

        if (value != NULL) {
            cnc__xml_printf(&xml, " %s=\"%s\"", names[i], value);
        }
    }
    if (lang != NULL) {
        cnc__xml_printf(&xml, " xml:lang=\"%s\"", lang);
    }
    cnc__str_puts(&xml, " version=\"1.0\"/>");
    cnc__free(f->open);
    f->open = cnc__str_steal(&xml);
}

static bool
declares_client(const struct cnc_element *root)
{
    const char *prefix, *ns;

    for (size_t i = 0; i < cnc_element_n_decls(root); i++) {
        cnc_element_decl_at(root, i, &prefix, &ns);
        if (*prefix == '\0') {
            return strcmp(ns, CNC__NS_CLIENT) == 0;
        }
    }
    return false;
}

/* Stanzas pass from now on; the client may not have waited for it. */
static void
begin(struct cnc__frames *f)
{
    f->settled = true;
    f->state = OPEN;
    say_open(f);
    if (f->early.len > 0) {
        f->events.to_server(f->early.data, f->early.len, f->priv);
        cnc__str_fini(&f->early);
    }
}

static int
on_server_open(struct cnc_element *root, void *priv)
{
    struct cnc__frames *f = priv;

    if (f->state != HEADER) { /* the server speaks before it is asked */
        return server_fault(f, CNC_EPROTO, "The server speaks out of turn");
    }
    if (!cnc_element_is(root, CNC__NS_STREAMS, "stream") ||
        !declares_client(root) ||
        !version_is_ours(cnc_element_attr(root, NULL, "version"))) {
        return server_fault(f, CNC_EPROTO,
                            "What answers is no XMPP server for clients");
    }
    keep_open(f, root);
    if (f->settled) {
        begin(f);
    } else {
        f->state = FEATURES;
    }
    return 0;
}

static int
on_error(struct cnc__frames *f, const struct cnc_element *e)
{
    const struct cnc_element *condition =
        cnc_element_child(e, CNC__NS_STREAM_ERROR, NULL);
    struct cnc__str why = CNC__STR;

    /* Where it sends a client is for TCP, and perhaps for nobody to see. */
    if (cnc_element_is(condition, NULL, "see-other-host")) {
        return server_fault(f, CNC_EPROTO,
                            "The server sends its clients elsewhere");
    }
    /* Who says it is not known before TLS: its own words are not passed on. */
    if (!f->settled) {
        cnc__frames_fail(f,
                         cnc_element_is(condition, NULL, "host-unknown")
                             ? "host-unknown"
                             : "remote-connection-failed",
                         "The server ended the stream");
        return CNC_EPROTO;
    }
    say_open(f);
    pass_to_client(f, e);
    f->failed = true;
    cnc__str_printf(&why, "the server: %s",
                    condition == NULL ? "" : cnc_element_name(condition));
    cnc__free(f->fault);
    f->fault = cnc__str_steal(&why);
    if (f->state != CLOSING) {
        if (server_hears(f)) {
            to_server(f, "</stream:stream>");
        }
        say_close(f);
        become_closed(f);
        return CNC_ECLOSED;
    }
    return 0;
}

static int
on_features(struct cnc__frames *f, const struct cnc_element *e)
{
    const struct cnc_element *tls =
        cnc_element_child(e, CNC__NS_TLS, "starttls");
    struct cnc_element *ours;

    if (f->state == FEATURES && tls != NULL) {
        f->state = PROCEED;
        to_server(f, "<starttls xmlns='" CNC__NS_TLS "'/>");
        return 0;
    }
    if (f->state == FEATURES && f->config.tls == CNC__FRAMES_TLS_REQUIRED) {
        return server_fault(f, CNC_EPROTO, "The server offers no TLS");
    }
    if (cnc_element_child(tls, CNC__NS_TLS, "required") != NULL) {
        return server_fault(f, CNC_EPROTO,
                            "The server wants TLS, which is not used here");
    }
    if (f->state == FEATURES) {
        begin(f);
    }
    ours = cnc__frames_features(e, f->config.max_stanza);
    pass_to_client(f, ours);
    cnc_element_unref(&ours);
    f->was_open = true;
    return 0;
}

static int
on_proceed(struct cnc__frames *f, const struct cnc_element *e)
{
    if (!cnc_element_is(e, CNC__NS_TLS, "proceed")) {
        return server_fault(f, CNC_EPROTO, "The server refuses TLS");
    }
    f->state = TLS;
    return CNC_ECLOSED; /* the parser stops: what follows is nobody's */
}

static int
on_server_element(struct cnc_element *e, void *priv)
{
    struct cnc__frames *f = priv;

    if (cnc_element_is(e, CNC__NS_STREAMS, "error")) {
        return on_error(f, e);
    }
    if (f->state == PROCEED) {
        return on_proceed(f, e);
    }
    if (cnc_element_is(e, CNC__NS_STREAMS, "features")) {
        return on_features(f, e);
    }
    if (f->state == FEATURES || f->state == RESTART ||
        cnc_element_is(e, CNC__NS_STREAMS, NULL) ||
        cnc_element_is(e, CNC__NS_FRAMING, NULL) ||
        cnc_element_is(e, CNC__NS_TLS, NULL) ||
        cnc_element_is(e, NS_COMPRESS, NULL)) {
        return server_fault(f, CNC_EPROTO,
                            "The server says what has no place here");
    }
    pass_to_client(f, e);
    if (f->state == OPEN && cnc_element_is(e, CNC__NS_SASL, "success")) {
        f->state = RESTART;
    }
    return 0;
}

static int
on_server_close(void *priv)
{
    struct cnc__frames *f = priv;
    bool done = f->client_closed || f->failed;

    if (f->state == FEATURES || f->state == PROCEED) {
        return server_fault(f, CNC_ECLOSED, "The server ended the stream");
    }
    if (server_hears(f)) {
        to_server(f, "</stream:stream>");
    }
    f->server_closed = true;
    say_close(f);
    f->state = CLOSING; /* until the client has said <close/> too */
    if (done) {
        become_closed(f);
    }
    return CNC_ECLOSED;
}

int
cnc__frames_server(struct cnc__frames *f, const char *data, size_t len)
{
    struct cnc_error err = {0};
    int rc;

    CNC_OBJ_CHECK(f, FRAMES_MAGIC);
    if (f->state == CLOSED || f->server_closed) {
        return CNC_ECLOSED;
    }
    if (f->state == NEW || f->state == TLS) {
        return server_fault(f, CNC_EPROTO, "The server speaks out of turn");
    }
    rc = cnc_parser_feed(f->parser, data, len, &err);
    if (f->state == TLS) {
        f->events.start_tls(f->domain, f->priv);
        return 0;
    }
    if (rc != 0 && rc != CNC_ECLOSED && f->state != CLOSED) {
        return server_fault(f, rc,
                            rc == CNC_ELIMIT
                                ? "The server says more than may pass here"
                                : "The server's stream is malformed");
    }
    return rc;
}

/* -- life ---------------------------------------------------------------- */

struct cnc__frames *
cnc__frames_new(const struct cnc__frames_config *config,
                const struct cnc__frames_events *events, void *priv)
{
    static const struct cnc_parser_events parsed = {
        .on_open = on_server_open,
        .on_stanza = on_server_element,
        .on_close = on_server_close,
    };
    struct cnc__frames *f = cnc__zalloc(sizeof(*f));
    struct cnc_xml_limits l = {.size = sizeof(l)};

    f->magic = FRAMES_MAGIC;
    if (config != NULL) {
        f->config = *config;
    }
    if (f->config.max_stanza == 0) {
        f->config.max_stanza = MAX_STANZA;
    }
    if (f->config.max_answer == 0) {
        f->config.max_answer = MAX_ANSWER;
    }
    f->events = *events;
    f->priv = priv;
    f->settled =
        f->config.tls == CNC__FRAMES_TLS_NEVER || events->start_tls == NULL;
    l.max_token = l.max_stanza = f->config.max_answer;
    f->parser = cnc_parser_new(CNC_PARSE_STREAM, 0, &l, &parsed, f);
    return f;
}

void
cnc__frames_free(struct cnc__frames **fp)
{
    struct cnc__frames *f = *fp;

    if (f == NULL) {
        return;
    }
    CNC_OBJ_CHECK(f, FRAMES_MAGIC);
    *fp = NULL;
    cnc_parser_free(&f->parser);
    cnc__free(f->domain);
    cnc__free(f->header);
    cnc__free(f->open);
    cnc__free(f->fault);
    cnc__str_fini(&f->early);
    CNC_OBJ_FREE(f);
}

void
cnc__frames_secured(struct cnc__frames *f)
{
    CNC_OBJ_CHECK(f, FRAMES_MAGIC);
    if (f->state == CLOSED) {
        return;
    }
    CNC_CHECK(f->state == TLS);
    f->settled = true;
    open_stream(f);
}

void
cnc__frames_server_gone(struct cnc__frames *f, const char *condition,
                        const char *text)
{
    CNC_OBJ_CHECK(f, FRAMES_MAGIC);
    if (f->state == CLOSED) {
        return;
    }
    if (condition != NULL && !f->client_closed) {
        tell_error(f, condition, text);
        return;
    }
    if (f->state != NEW && !f->server_closed) {
        say_open(f);
        say_close(f);
    }
    become_closed(f);
}

void
cnc__frames_client_gone(struct cnc__frames *f)
{
    CNC_OBJ_CHECK(f, FRAMES_MAGIC);
    become_closed(f);
}

bool
cnc__frames_is_closed(const struct cnc__frames *f)
{
    return f->state == CLOSED;
}

bool
cnc__frames_is_closing(const struct cnc__frames *f)
{
    return f->state >= CLOSING;
}

bool
cnc__frames_is_open(const struct cnc__frames *f)
{
    return f->was_open;
}

const char *
cnc__frames_fault(const struct cnc__frames *f)
{
    return f->fault;
}

const char *
cnc__frames_domain(const struct cnc__frames *f)
{
    return f->domain;
}
