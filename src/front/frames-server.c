/* SPDX-License-Identifier: MIT */
/*
 * frames-server.c -- what a server says on its stream (RFC 6120), for the
 * client's WebSocket.
 */
#include "../xml/write.h"
#include "../xmpp/errors.h"
#include "frames-priv.h"

/* What the server said makes no sense, or cannot be gone on with. */
static int
server_fault(struct cnc__frames *f, int code, const char *text)
{
    cnc__frames_fail(f, "remote-connection-failed", text);
    return code;
}

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
    f->state = CNC__FRAMES_OPEN;
    cnc__frames_say_open(f);
    if (f->early.len > 0) {
        f->events.to_server(f->early.data, f->early.len, f->priv);
        cnc__str_fini(&f->early);
    }
}

int
cnc__frames_on_server_open(struct cnc_element *root, void *priv)
{
    struct cnc__frames *f = priv;

    if (f->state != CNC__FRAMES_HEADER) { /* it speaks before it is asked */
        return server_fault(f, CNC_EPROTO, "The server speaks out of turn");
    }
    if (!cnc_element_is(root, CNC__NS_STREAMS, "stream") ||
        !declares_client(root) ||
        !cnc__frames_is_version(cnc_element_attr(root, NULL, "version"))) {
        return server_fault(f, CNC_EPROTO,
                            "What answers is no XMPP server for clients");
    }
    keep_open(f, root);
    if (f->settled) {
        begin(f);
    } else {
        f->state = CNC__FRAMES_FEATURES;
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
    cnc__frames_say_open(f);
    pass_to_client(f, e);
    f->failed = true;
    cnc__str_printf(&why, "the server: %s",
                    condition == NULL ? "" : cnc_element_name(condition));
    cnc__free(f->fault);
    f->fault = cnc__str_steal(&why);
    if (f->state != CNC__FRAMES_CLOSING) {
        if (cnc__frames_server_hears(f)) {
            cnc__frames_tell_server(f, "</stream:stream>");
        }
        cnc__frames_say_close(f);
        cnc__frames_become_closed(f);
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

    if (f->state == CNC__FRAMES_FEATURES && tls != NULL) {
        f->state = CNC__FRAMES_PROCEED;
        cnc__frames_tell_server(f, "<starttls xmlns='" CNC__NS_TLS "'/>");
        return 0;
    }
    if (f->state == CNC__FRAMES_FEATURES &&
        f->config.tls == CNC__FRAMES_TLS_REQUIRED) {
        return server_fault(f, CNC_EPROTO, "The server offers no TLS");
    }
    if (cnc_element_child(tls, CNC__NS_TLS, "required") != NULL) {
        return server_fault(f, CNC_EPROTO,
                            "The server wants TLS, which is not used here");
    }
    if (f->state == CNC__FRAMES_FEATURES) {
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
    f->state = CNC__FRAMES_SECURING;
    return CNC_ECLOSED; /* the parser stops: what follows is nobody's */
}

int
cnc__frames_on_server_element(struct cnc_element *e, void *priv)
{
    struct cnc__frames *f = priv;

    if (cnc_element_is(e, CNC__NS_STREAMS, "error")) {
        return on_error(f, e);
    }
    if (f->state == CNC__FRAMES_PROCEED) {
        return on_proceed(f, e);
    }
    if (cnc_element_is(e, CNC__NS_STREAMS, "features")) {
        return on_features(f, e);
    }
    if (f->state == CNC__FRAMES_FEATURES || f->state == CNC__FRAMES_RESTART ||
        cnc_element_is(e, CNC__NS_STREAMS, NULL) ||
        cnc_element_is(e, CNC__NS_FRAMING, NULL) ||
        cnc_element_is(e, CNC__NS_TLS, NULL) ||
        cnc_element_is(e, CNC__FRAMES_NS_COMPRESS, NULL)) {
        return server_fault(f, CNC_EPROTO,
                            "The server says what has no place here");
    }
    pass_to_client(f, e);
    if (f->state == CNC__FRAMES_OPEN &&
        cnc_element_is(e, CNC__NS_SASL, "success")) {
        f->state = CNC__FRAMES_RESTART;
    }
    return 0;
}

int
cnc__frames_on_server_close(void *priv)
{
    struct cnc__frames *f = priv;
    bool done = f->client_closed || f->failed;

    if (f->state == CNC__FRAMES_FEATURES || f->state == CNC__FRAMES_PROCEED) {
        return server_fault(f, CNC_ECLOSED, "The server ended the stream");
    }
    if (cnc__frames_server_hears(f)) {
        cnc__frames_tell_server(f, "</stream:stream>");
    }
    f->server_closed = true;
    cnc__frames_say_close(f);
    f->state = CNC__FRAMES_CLOSING; /* until the client's <close/>, too */
    if (done) {
        cnc__frames_become_closed(f);
    }
    return CNC_ECLOSED;
}

int
cnc__frames_server(struct cnc__frames *f, const char *data, size_t len)
{
    struct cnc_error err = {0};
    int rc;

    CNC_OBJ_CHECK(f, CNC__FRAMES_MAGIC);
    if (f->state == CNC__FRAMES_CLOSED || f->server_closed) {
        return CNC_ECLOSED;
    }
    if (f->state == CNC__FRAMES_NEW || f->state == CNC__FRAMES_SECURING) {
        return server_fault(f, CNC_EPROTO, "The server speaks out of turn");
    }
    rc = cnc_parser_feed(f->parser, data, len, &err);
    if (f->state == CNC__FRAMES_SECURING) {
        f->events.start_tls(f->domain, f->priv);
        return 0;
    }
    if (rc != 0 && rc != CNC_ECLOSED && f->state != CNC__FRAMES_CLOSED) {
        return server_fault(f, rc,
                            rc == CNC_ELIMIT
                                ? "The server says more than may pass here"
                                : "The server's stream is malformed");
    }
    return rc;
}
