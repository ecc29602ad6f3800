/* SPDX-License-Identifier: MIT */
/*
 * open.c -- stream headers (RFC 6120 4.7, RFC 7395 3.4) and what follows ours:
 * the features.
 */
#include "../base/text.h"
#include "../xml/write.h"
#include "jid.h"
#include "sasl.h"
#include "stream-priv.h"

void
cnc__stream_say_header(struct cnc__stream *s, const char *to)
{
    const char *domain = cnc__router_domain(s->env->router);
    struct cnc__str xml = CNC__STR;
    char id[33];

    if (s->header_sent) {
        return;
    }
    s->header_sent = true;
    cnc__random_hex(id, 16);
    if (s->framing == CNC__FRAMING_WS) {
        cnc__str_puts(&xml, "<open xmlns='" CNC__NS_FRAMING "'");
    } else {
        cnc__str_puts(&xml, "<?xml version='1.0'?><stream:stream"
                            " xmlns='" CNC__NS_CLIENT
                            "' xmlns:stream='" CNC__NS_STREAMS "'");
    }
    cnc__xml_printf(&xml, " from='%s'", domain);
    if (to != NULL) {
        cnc__xml_printf(&xml, " to='%s'", to);
    }
    cnc__xml_printf(&xml, " id='%s' version='1.0' xml:lang='en'%pR", id,
                    s->framing == CNC__FRAMING_WS ? "/>" : ">");
    cnc__stream_say(s, &xml);
    cnc__str_fini(&xml);
}

static void
say_features(struct cnc__stream *s)
{
    struct cnc__str xml = CNC__STR;

    cnc__str_puts(&xml, "<stream:features");
    if (s->framing == CNC__FRAMING_WS) {
        cnc__str_puts(&xml, " xmlns:stream='" CNC__NS_STREAMS "'");
    }
    cnc__str_putc(&xml, '>');
    if (s->authenticated) {
        cnc__str_puts(&xml, "<bind xmlns='" CNC__NS_BIND "'/>"
                            "<session xmlns='" CNC__NS_SESSION
                            "'><optional/></session>");
    } else {
        cnc__sasl_add_mechanisms(&xml, s);
    }
    cnc__str_puts(&xml, "</stream:features>");
    cnc__stream_say(s, &xml);
    cnc__str_fini(&xml);
}

/* The default namespace a TCP header declares; "" if none. */
static const char *
content_namespace(const struct cnc_element *root)
{
    const char *prefix, *ns;

    for (size_t i = 0; i < cnc_element_n_decls(root); i++) {
        cnc_element_decl_at(root, i, &prefix, &ns);
        if (prefix[0] == '\0') {
            return ns;
        }
    }
    return "";
}

/* 4.8: the header's namespaces and name.  NULL: nothing wrong. */
static const char *
namespace_fault(const struct cnc__stream *s, const struct cnc_element *root)
{
    bool ws = s->framing == CNC__FRAMING_WS;

    if (!cnc_element_is(root, ws ? CNC__NS_FRAMING : CNC__NS_STREAMS, NULL)) {
        return "invalid-namespace";
    }
    if (strcmp(cnc_element_name(root), ws ? "open" : "stream") != 0) {
        return "bad-format";
    }
    if (!ws && strcmp(content_namespace(root), CNC__NS_CLIENT) != 0) {
        return "invalid-namespace";
    }
    return NULL;
}

/* 4.7.5: "major.minor", numbers; a higher major than ours is answered with
 * ours, a lower one we do not speak. */
static bool
version_is_ours(const char *version)
{
    const char *dot = version == NULL ? NULL : strchr(version, '.');
    char major[8];
    int64_t number;

    if (dot == NULL || dot == version ||
        (size_t)(dot - version) >= sizeof(major)) {
        return false;
    }
    memcpy(major, version, (size_t)(dot - version));
    major[dot - version] = '\0';
    return cnc__parse_int(&number, major, 1, 9999999) == true &&
           cnc__parse_int(&number, dot + 1, 0, 9999999) == true;
}

/* `to` names the domain.  On the link it may be left out: the peer learns the
 * domain from our header. */
static bool
to_is_ours(const struct cnc__stream *s, const char *to)
{
    char prepared[CNC__JID_MAX + 1];

    if (to == NULL) {
        return s->uid >= 0;
    }
    return cnc__jid_prepare(prepared, to, strlen(to), NULL) == 0 &&
           strcmp(prepared, cnc__router_domain(s->env->router)) == 0;
}

void
cnc__stream_on_header(struct cnc__stream *s, struct cnc_element *root)
{
    const char *from = cnc_element_attr(root, NULL, "from");
    const char *fault = namespace_fault(s, root);
    char to[CNC__JID_MAX + 1];

    if (fault != NULL) {
        cnc__stream_close(s, fault, NULL);
        return;
    }
    if (!to_is_ours(s, cnc_element_attr(root, NULL, "to"))) {
        cnc__stream_close(s, "host-unknown", NULL);
        return;
    }
    if (!version_is_ours(cnc_element_attr(root, NULL, "version"))) {
        cnc__stream_close(s, "unsupported-version", NULL);
        return;
    }
    /* 4.7.2: who said who it is, is addressed. */
    if (from != NULL && cnc__jid_prepare(to, from, strlen(from), NULL) != 0) {
        from = NULL;
    }
    cnc__stream_say_header(s, from == NULL ? NULL : to);
    s->state = s->authenticated ? CNC__STREAM_BINDING : CNC__STREAM_SASL;
    say_features(s);
}
