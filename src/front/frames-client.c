/* SPDX-License-Identifier: MIT */
/*
 * frames-client.c -- what a client says by WebSocket (RFC 7395), for the
 * server's stream.
 */
#include "../xml/write.h"
#include "../xmpp/errors.h"
#include "frames-priv.h"

#define MAX_DOMAIN 1023u

static int
client_fault(struct cnc__frames *f, int code, const char *condition,
             const char *text)
{
    cnc__frames_fail(f, condition, text);
    return code;
}

/* -- <open/> ------------------------------------------------------------- */

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

static int
on_client_open(struct cnc__frames *f, const struct cnc_element *e)
{
    if (!cnc_element_is(e, CNC__NS_FRAMING, NULL)) {
        return client_fault(f, CNC_EPROTO, "invalid-namespace", NULL);
    }
    if (strcmp(cnc_element_name(e), "open") != 0) {
        return client_fault(f, CNC_EPROTO, "bad-format", NULL);
    }
    if (!cnc__frames_is_version(cnc_element_attr(e, NULL, "version"))) {
        return client_fault(f, CNC_EPROTO, "unsupported-version", NULL);
    }
    if (!take_domain(f, cnc_element_attr(e, NULL, "to"))) {
        return client_fault(f, CNC_EPROTO, "host-unknown", NULL);
    }
    make_header(f, e);
    cnc__frames_open_stream(f);
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
        cnc_element_is(e, CNC__FRAMES_NS_COMPRESS, NULL) ||
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
    if (f->state == CNC__FRAMES_OPEN) {
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
    bool waits =
        f->state == CNC__FRAMES_OPEN || f->state == CNC__FRAMES_RESTART;

    if (cnc__frames_server_hears(f)) {
        cnc__frames_tell_server(f, "</stream:stream>");
    }
    f->client_closed = true;
    if (waits) {
        f->state = CNC__FRAMES_CLOSING; /* until the server has ended it too */
        return 0;
    }
    if (!f->server_closed) {
        cnc__frames_say_open(f);
        cnc__frames_say_close(f);
    }
    cnc__frames_become_closed(f);
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
    switch ((enum cnc__frames_state)f->state) {
    case CNC__FRAMES_NEW:
    case CNC__FRAMES_RESTART:
        return on_client_open(f, e);
    case CNC__FRAMES_CLOSING:
    case CNC__FRAMES_CLOSED:
        return 0; /* the server has ended the stream */
    case CNC__FRAMES_HEADER:
    case CNC__FRAMES_FEATURES:
    case CNC__FRAMES_PROCEED:
    case CNC__FRAMES_SECURING:
    case CNC__FRAMES_OPEN:
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

    CNC_OBJ_CHECK(f, CNC__FRAMES_MAGIC);
    if (f->state == CNC__FRAMES_CLOSED) {
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
