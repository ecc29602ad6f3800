/* SPDX-License-Identifier: MIT */
/*
 * doctor-dial.c -- open a stream as a client or a server would, up to where a
 * login would begin (RFC 6120 4 and 5, XEP-0368, XEP-0220).
 */
#include <stdio.h>
#include <time.h>

#include <concordance/xml.h>

#include "../xml/write.h"
#include "doctor.h"

#define NS_STREAMS      "http://etherx.jabber.org/streams"
#define NS_STREAM_ERROR "urn:ietf:params:xml:ns:xmpp-streams"
#define NS_TLS          "urn:ietf:params:xml:ns:xmpp-tls"
#define NS_SASL         "urn:ietf:params:xml:ns:xmpp-sasl"
#define NS_DB           "jabber:server:dialback"
#define NS_DB_FEATURE   "urn:xmpp:features:dialback"

#define MAX_WAITING 8

/* Who we say we are to a server.  Not the domain itself: a server that knows
 * its own name refuses that, rightly.  This one cannot exist (RFC 6761 6.4),
 * so nobody who looks for it can find it. */
#define FROM "doctor.invalid"

struct talk {
    struct doctor_wire *wire;
    struct doctor_dial *d;
    const char *domain;
    struct cnc_parser *parser;
    struct cnc_element *waiting[MAX_WAITING]; /* heard and not taken */
    size_t n;
    bool closed;
};

static int
on_open(struct cnc_element *root, void *priv)
{
    struct talk *t = priv;

    t->d->stream = true;
    return 0;
}

static int
on_stanza(struct cnc_element *e, void *priv)
{
    struct talk *t = priv;

    if (t->n == MAX_WAITING) {
        return CNC_ELIMIT;
    }
    t->waiting[t->n++] = cnc_element_ref(e);
    /* After <proceed/> nothing in the clear is believed. */
    return cnc_element_is(e, NS_TLS, "proceed") ? CNC_ECLOSED : 0;
}

static int
on_close(void *priv)
{
    struct talk *t = priv;

    t->closed = true;
    return CNC_ECLOSED;
}

/* Why it went no further, the first reason; false, so that `return
 * failed(...)` reads well. */
static bool CNC_PRINTF(2, 3)
    failed(struct doctor_dial *d, const char *fmt, ...)
{
    va_list ap;

    if (d->why[0] == '\0') {
        va_start(ap, fmt);
        vsnprintf(d->why, sizeof(d->why), fmt, ap);
        va_end(ap);
    }
    return false;
}

/* The next child of the stream, *new*; NULL after why is told. */
static struct cnc_element *
hear(struct talk *t)
{
    struct cnc_error err = {0};
    struct cnc_element *e;
    char bytes[4096];
    size_t len;
    int rc;

    while (t->n == 0) {
        if (t->closed) {
            failed(t->d, "it ended the stream");
            return NULL;
        }
        if (doctor_wire_read(t->wire, bytes, sizeof(bytes), &len, &err) != 0) {
            failed(t->d, "%s", err.text);
            return NULL;
        }
        rc = cnc_parser_feed(t->parser, bytes, len, &err);
        if (rc != 0 && t->n == 0 && !t->closed) {
            failed(t->d, "%s",
                   rc == CNC_ELIMIT ? "it says too much"
                                    : "what it says is no XMPP");
            return NULL;
        }
    }
    e = t->waiting[0];
    memmove(t->waiting, t->waiting + 1, --t->n * sizeof(t->waiting[0]));
    if (cnc_element_is(e, NS_STREAMS, "error")) {
        const struct cnc_element *c =
            cnc_element_child(e, NS_STREAM_ERROR, NULL);
        const char *text = cnc_element_child_text(e, NS_STREAM_ERROR, "text");

        failed(t->d, "it ends the stream: %s%s%s",
               c == NULL ? "" : cnc_element_name(c),
               text[0] == '\0' ? "" : ": ", text);
        cnc_element_unref(&e);
        t->closed = true;
    }
    return e;
}

static bool
say(struct talk *t, struct cnc__str *xml)
{
    struct cnc_error err = {0};
    int rc = doctor_wire_send(t->wire, xml->data, xml->len, &err);

    cnc__str_fini(xml);
    return rc == 0 || failed(t->d, "%s", err.text);
}

/* A new stream, and what it offers. */
static struct cnc_element *
features(struct talk *t)
{
    bool server = doctor_services[t->d->kind].server;
    struct cnc__str xml = CNC__STR;
    struct cnc_element *e;

    cnc_parser_reset(t->parser);
    t->d->stream = false;
    cnc__xml_printf(&xml,
                    "<?xml version='1.0'?><stream:stream xmlns='%s' "
                    "xmlns:stream='" NS_STREAMS "'%pR to='%s' version='1.0'",
                    server ? "jabber:server" : "jabber:client",
                    server ? " xmlns:db='" NS_DB "'" : "", t->domain);
    if (server) {
        cnc__str_puts(&xml, " from='" FROM "'");
    }
    cnc__str_putc(&xml, '>');
    if (!say(t, &xml)) {
        return NULL;
    }
    e = hear(t);
    if (e != NULL && !cnc_element_is(e, NS_STREAMS, "features")) {
        failed(t->d, "no features come after its header");
        cnc_element_unref(&e);
    }
    return e;
}

static bool
offers(const struct cnc_element *f, const char *a, const char *b)
{
    const struct cnc_element *list =
        cnc_element_child(f, NS_SASL, "mechanisms");
    struct cnc_element *m;

    for (size_t i = 0;
         (m = cnc_element_next(list, &i, NS_SASL, "mechanism")) != NULL;) {
        if (a == NULL || strcmp(cnc_element_text(m), a) == 0 ||
            (b != NULL && strcmp(cnc_element_text(m), b) == 0)) {
            return true;
        }
    }
    return false;
}

static bool
start_tls(struct talk *t)
{
    struct cnc__str xml = CNC__STR;
    struct cnc_element *f = features(t), *e;
    struct doctor_dial *d = t->d;
    const struct cnc_element *tls;

    if (f == NULL) {
        return false;
    }
    tls = cnc_element_child(f, NS_TLS, "starttls");
    d->starttls = tls != NULL;
    d->required = cnc_element_child(tls, NS_TLS, "required") != NULL;
    d->plain = offers(f, "PLAIN", "LOGIN");
    cnc_element_unref(&f);
    if (!d->starttls) {
        return failed(d, "STARTTLS is not offered");
    }
    cnc__str_puts(&xml, "<starttls xmlns='" NS_TLS "'/>");
    if (!say(t, &xml) || (e = hear(t)) == NULL) {
        return false;
    }
    if (!cnc_element_is(e, NS_TLS, "proceed")) {
        failed(d, "STARTTLS is refused");
        cnc_element_unref(&e);
        return false;
    }
    cnc_element_unref(&e);
    return true;
}

/* A key that was made up must not be believed (XEP-0220 2.4). */
static void
try_dialback(struct talk *t)
{
    struct doctor_dial *d = t->d;
    struct cnc__str xml = CNC__STR;
    struct cnc_element *e = NULL;
    char key[33], why[sizeof(d->why)];
    const char *type;

    cnc__random_hex(key, 16);
    cnc__xml_printf(&xml, "<db:result from='" FROM "' to='%s'>%s</db:result>",
                    t->domain, key);
    memcpy(why, d->why, sizeof(why));
    if (say(t, &xml)) {
        e = hear(t);
    }
    if (e == NULL) {
        snprintf(d->answer, sizeof(d->answer), "%s",
                 t->closed ? "stream-error" : "silence");
    } else if (cnc_element_is(e, NS_DB, "result")) {
        type = cnc_element_attr(e, NULL, "type");
        snprintf(d->answer, sizeof(d->answer), "%s", type == NULL ? "" : type);
    } else {
        snprintf(d->answer, sizeof(d->answer), "unexpected");
    }
    cnc_element_unref(&e);
    memcpy(d->why, why, sizeof(why)); /* an answer's end is no fault */
}

static bool
go_tls(struct talk *t, const struct doctor_srv *srv, const char *ascii)
{
    const struct doctor_service *s = &doctor_services[t->d->kind];
    struct doctor_dial *d = t->d;
    struct cnc_error err = {0};

    if (doctor_wire_tls(t->wire, ascii,
                        s->direct ? s->server ? "xmpp-server" : "xmpp-client"
                                  : NULL,
                        &err) != 0) {
        return failed(d, "TLS fails: %s", err.text);
    }
    d->tls = true;
    snprintf(d->version, sizeof(d->version), "%s",
             doctor_wire_version(t->wire));
    snprintf(d->alpn, sizeof(d->alpn), "%s", doctor_wire_alpn(t->wire));
    d->has_cert = doctor_wire_cert(t->wire, &d->cert, ascii, s->server);
    d->n_tlsa = srv->tlsa.n;
    d->tlsa_matches = d->has_cert && doctor_wire_tlsa(t->wire, &srv->tlsa);
    return true;
}

static void
converse(struct talk *t, const struct doctor_srv *srv, const char *ascii,
         bool ask_dialback)
{
    struct doctor_dial *d = t->d;
    struct cnc_element *f;

    if (!doctor_services[d->kind].direct && !start_tls(t)) {
        return;
    }
    if (!go_tls(t, srv, ascii) || (f = features(t)) == NULL) {
        return;
    }
    d->mechanisms = offers(f, NULL, NULL);
    d->external = offers(f, "EXTERNAL", NULL);
    d->dialback = cnc_element_child(f, NS_DB_FEATURE, "dialback") != NULL;
    cnc_element_unref(&f);
    if (ask_dialback && d->dialback) {
        try_dialback(t);
    }
}

void
doctor_dial(struct doctor_dial *d, const struct doctor_addr *a,
            const struct doctor_srv *srv, const char *domain,
            const char *xmpp_domain, bool ask_dialback,
            const struct doctor_wire_options *o)
{
    static const struct cnc_parser_events events = {on_open, on_stanza,
                                                    on_close};
    struct cnc_error err = {0};
    struct talk t = {.d = d, .domain = xmpp_domain};

    snprintf(d->host, sizeof(d->host), "%s", srv->target);
    doctor_addr_port(d->where, a, srv->port);
    d->family = a->family;
    if (doctor_wire_open(&t.wire, a, srv->port, o, &err) != 0) {
        failed(d, "%s", err.text);
        return;
    }
    d->connected = true;
    t.parser = cnc_parser_new(CNC_PARSE_STREAM, 0, NULL, &events, &t);
    converse(&t, srv, domain, ask_dialback);
    for (size_t i = 0; i < t.n; i++) {
        cnc_element_unref(&t.waiting[i]);
    }
    cnc_parser_free(&t.parser);
    doctor_wire_close(&t.wire);
}
