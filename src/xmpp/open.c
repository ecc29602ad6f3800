/* SPDX-License-Identifier: MIT */
/*
 * open.c -- stream headers (RFC 6120 4.7, RFC 7395 3.4).
 */
#include "../base/text.h"
#include "../xml/write.h"
#include "role.h"

#define MAX_DECLARED 1024 /* bytes of namespaces and prefixes in a header */

void
cnc__stream_say_header(struct cnc__stream *s, const char *to)
{
    struct cnc__str xml = CNC__STR;
    char id[33];

    if (s->header_sent) {
        return;
    }
    s->header_sent = true;
    cnc__random_hex(id, 16);
    if (s->role->keeps_id) {
        cnc__free(s->id);
        s->id = cnc__strdup(id);
    }
    if (s->framing == CNC__FRAMING_WS) {
        cnc__str_puts(&xml, "<open xmlns='" CNC__NS_FRAMING "'");
    } else {
        cnc__str_printf(&xml,
                        "<?xml version='1.0'?><stream:stream xmlns='%s'"
                        " xmlns:stream='" CNC__NS_STREAMS "'%s",
                        s->role->content_ns,
                        s->role->header_ns == NULL ? "" : s->role->header_ns);
    }
    cnc__xml_printf(&xml, " from='%s'", cnc__stream_host(s));
    if (to != NULL) {
        cnc__xml_printf(&xml, " to='%s'", to);
    }
    if (!s->role->initiates) {
        cnc__xml_printf(&xml, " id='%s'", id);
    }
    if (!s->role->no_version) {
        cnc__str_puts(&xml, " version='1.0' xml:lang='en'");
    }
    cnc__str_puts(&xml, s->framing == CNC__FRAMING_WS ? "/>" : ">");
    cnc__stream_say(s, &xml);
    cnc__str_fini(&xml);
}

void
cnc__stream_say_features(struct cnc__stream *s, struct cnc__str *features)
{
    struct cnc__str xml = CNC__STR;

    cnc__str_puts(&xml, "<stream:features");
    if (s->framing == CNC__FRAMING_WS) {
        cnc__str_puts(&xml, " xmlns:stream='" CNC__NS_STREAMS "'");
    }
    cnc__str_putc(&xml, '>');
    cnc__str_add(&xml, cnc__str_c(features), features->len);
    cnc__str_puts(&xml, "</stream:features>");
    cnc__str_fini(features);
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

/* Every stanza is a tree of its own, with what the header has declared: a
 * long declaration would make a large stanza of each small one. */
static bool
declares_too_much(const struct cnc_element *root)
{
    const char *prefix, *ns;
    size_t len = 0;

    for (size_t i = 0; i < cnc_element_n_decls(root); i++) {
        cnc_element_decl_at(root, i, &prefix, &ns);
        len += strlen(prefix) + strlen(ns);
    }
    return len > MAX_DECLARED;
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
    if (!ws && strcmp(content_namespace(root), s->role->content_ns) != 0) {
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

void
cnc__stream_on_header(struct cnc__stream *s, struct cnc_element *root)
{
    const char *fault = namespace_fault(s, root);

    if (fault == NULL && !s->role->no_version &&
        !version_is_ours(cnc_element_attr(root, NULL, "version"))) {
        fault = "unsupported-version";
    }
    if (fault == NULL && declares_too_much(root)) {
        fault = "policy-violation";
    }
    if (fault != NULL) {
        cnc__stream_close(s, fault, NULL);
        return;
    }
    s->role->on_header(s, root);
}
