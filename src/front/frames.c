/* SPDX-License-Identifier: MIT */
/*
 * frames.c -- XMPP of WebSocket and of TCP, one beside the other: what either
 * side is told, and how it ends.
 */
#include "../base/text.h"
#include "../xml/write.h"
#include "../xmpp/errors.h"
#include "frames-priv.h"

#define MAX_STANZA 262144u
#define MAX_ANSWER (16u << 20)

/* -- saying -------------------------------------------------------------- */

void
cnc__frames_tell_client(struct cnc__frames *f, const char *text)
{
    f->events.to_client(text, strlen(text), f->priv);
}

void
cnc__frames_tell_server(struct cnc__frames *f, const char *text)
{
    f->events.to_server(text, strlen(text), f->priv);
}

void
cnc__frames_say_open(struct cnc__frames *f)
{
    struct cnc__str xml = CNC__STR;
    char id[33];

    if (f->told_open) {
        return;
    }
    f->told_open = true;
    if (f->open != NULL) {
        cnc__frames_tell_client(f, f->open);
        return;
    }
    /* RFC 6120 4.9.1.2: an error needs a header before it. */
    cnc__random_hex(id, 16);
    cnc__xml_printf(&xml, "<open xmlns=\"" CNC__NS_FRAMING "\" id=\"%s\"", id);
    if (f->domain != NULL) {
        cnc__xml_printf(&xml, " from=\"%s\"", f->domain);
    }
    cnc__str_puts(&xml, " version=\"1.0\"/>");
    cnc__frames_tell_client(f, xml.data);
    cnc__str_fini(&xml);
}

/* As RFC 7395's examples have it: some clients compare the text. */
void
cnc__frames_say_close(struct cnc__frames *f)
{
    cnc__frames_tell_client(f, "<close xmlns=\"" CNC__NS_FRAMING "\" />");
}

bool
cnc__frames_server_hears(const struct cnc__frames *f)
{
    return f->state != CNC__FRAMES_NEW && f->state != CNC__FRAMES_PROCEED &&
           f->state != CNC__FRAMES_SECURING &&
           f->state != CNC__FRAMES_CLOSED && !f->client_closed &&
           !f->server_closed;
}

void
cnc__frames_become_closed(struct cnc__frames *f)
{
    f->state = CNC__FRAMES_CLOSED;
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
        cnc__frames_say_open(f);
        cnc__str_puts(&xml,
                      "<stream:error xmlns:stream=\"" CNC__NS_STREAMS "\">");
        cnc__stream_error_add(&xml, condition, text);
        cnc__str_puts(&xml, "</stream:error>");
        cnc__frames_tell_client(f, xml.data);
        cnc__str_fini(&xml);
    }
    if (!f->server_closed) {
        cnc__frames_say_close(f);
    }
    cnc__frames_become_closed(f);
}

void
cnc__frames_fail(struct cnc__frames *f, const char *condition,
                 const char *text)
{
    CNC_OBJ_CHECK(f, CNC__FRAMES_MAGIC);
    if (f->state == CNC__FRAMES_CLOSED) {
        return;
    }
    if (cnc__frames_server_hears(f)) {
        cnc__frames_tell_server(f, "</stream:stream>");
    }
    tell_error(f, condition, text);
}

/* RFC 6120 4.7.5: major 1 and up. */
bool
cnc__frames_is_version(const char *version)
{
    return version != NULL && version[0] >= '1' && version[0] <= '9' &&
           strspn(version, "0123456789.") == strlen(version) &&
           strchr(version, '.') != NULL;
}

void
cnc__frames_open_stream(struct cnc__frames *f)
{
    cnc_parser_reset(f->parser);
    cnc__free(f->open);
    f->open = NULL;
    f->told_open = false;
    f->state = CNC__FRAMES_HEADER;
    cnc__frames_tell_server(f, f->header);
}

/* -- life ---------------------------------------------------------------- */

struct cnc__frames *
cnc__frames_new(const struct cnc__frames_config *config,
                const struct cnc__frames_events *events, void *priv)
{
    static const struct cnc_parser_events parsed = {
        .on_open = cnc__frames_on_server_open,
        .on_stanza = cnc__frames_on_server_element,
        .on_close = cnc__frames_on_server_close,
    };
    struct cnc__frames *f = cnc__zalloc(sizeof(*f));
    struct cnc_xml_limits l = {.size = sizeof(l)};

    f->magic = CNC__FRAMES_MAGIC;
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
    CNC_OBJ_CHECK(f, CNC__FRAMES_MAGIC);
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
    CNC_OBJ_CHECK(f, CNC__FRAMES_MAGIC);
    if (f->state == CNC__FRAMES_CLOSED) {
        return;
    }
    CNC_CHECK(f->state == CNC__FRAMES_SECURING);
    f->settled = true;
    cnc__frames_open_stream(f);
}

void
cnc__frames_server_gone(struct cnc__frames *f, const char *condition,
                        const char *text)
{
    CNC_OBJ_CHECK(f, CNC__FRAMES_MAGIC);
    if (f->state == CNC__FRAMES_CLOSED) {
        return;
    }
    if (condition != NULL && !f->client_closed) {
        tell_error(f, condition, text);
        return;
    }
    if (f->state != CNC__FRAMES_NEW && !f->server_closed) {
        cnc__frames_say_open(f);
        cnc__frames_say_close(f);
    }
    cnc__frames_become_closed(f);
}

void
cnc__frames_client_gone(struct cnc__frames *f)
{
    CNC_OBJ_CHECK(f, CNC__FRAMES_MAGIC);
    cnc__frames_become_closed(f);
}

bool
cnc__frames_is_closed(const struct cnc__frames *f)
{
    return f->state == CNC__FRAMES_CLOSED;
}

bool
cnc__frames_is_closing(const struct cnc__frames *f)
{
    return f->state >= CNC__FRAMES_CLOSING;
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
