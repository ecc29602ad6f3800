/* SPDX-License-Identifier: MIT */
/*
 * frames-features.c -- what a server offers on a TCP stream and a client of a
 * WebSocket that ends here cannot use.
 */
#include <stdio.h>

#include "../base/text.h"
#include "../xmpp/errors.h"
#include "frames-priv.h"

#define NS_COMPRESSION "http://jabber.org/features/compress"

static bool
ends_with(const char *s, size_t len, const char *end)
{
    size_t n = strlen(end);

    return len >= n && memcmp(s + len - n, end, n) == 0;
}

/* Bound to a channel that the client does not have: SCRAM's -PLUS (RFC 5802),
 * and all of HT's but -NONE. */
static bool
is_bound(const struct cnc_element *mechanism)
{
    const char *name = cnc_element_text(mechanism);
    size_t len;

    name += strspn(name, " \t\r\n");
    len = strcspn(name, " \t\r\n");
    return ends_with(name, len, "-PLUS") ||
           (strncmp(name, "HT-", 3) == 0 && !ends_with(name, len, "-NONE"));
}

static bool
is_unusable(const struct cnc_element *e)
{
    return cnc_element_is(e, CNC__NS_TLS, "starttls") ||
           cnc_element_is(e, NS_COMPRESSION, "compression") ||
           cnc_element_is(e, CNC__NS_SASL_CB, NULL) ||
           (cnc_element_is(e, NULL, "mechanism") && is_bound(e));
}

/* Where mechanisms are named: SASL, SASL2 and FAST in it. */
static bool
has_mechanisms(const struct cnc_element *e)
{
    return cnc_element_is(e, CNC__NS_SASL, "mechanisms") ||
           cnc_element_is(e, CNC__NS_SASL2, "authentication") ||
           cnc_element_is(e, CNC__NS_SASL2, "inline") ||
           cnc_element_is(e, CNC__NS_FAST, "fast");
}

static void
lower_limit(struct cnc_element *limits, uint32_t max_stanza)
{
    struct cnc_element *max =
        cnc_element_child(limits, CNC__NS_LIMITS, "max-bytes");
    char text[16];
    int64_t now;

    if (max == NULL ||
        !cnc__parse_int(&now, cnc_element_text(max), 0, INT64_MAX)) {
        return;
    }
    if (now > max_stanza) {
        int n = snprintf(text, sizeof(text), "%u", max_stanza);

        CNC_CHECK(cnc_element_remove(max, 0, cnc_element_n_children(max),
                                     NULL) == 0 &&
                  cnc_element_insert_text(max, 0, text, (size_t)n, NULL) == 0);
    }
}

/* As deep as the names of the elements lead, and the parser lets a tree be. */
static void
strip(struct cnc_element *e, uint32_t max_stanza)
{
    for (size_t i = cnc_element_n_children(e); i-- > 0;) {
        struct cnc_element *child = cnc_element_child_at(e, i).element;

        if (child == NULL) {
            continue;
        }
        if (is_unusable(child)) {
            CNC_CHECK(cnc_element_remove(e, i, 1, NULL) == 0);
        } else if (has_mechanisms(child)) {
            strip(child, max_stanza);
        } else if (cnc_element_is(child, CNC__NS_LIMITS, "limits")) {
            lower_limit(child, max_stanza);
        }
    }
}

struct cnc_element *
cnc__frames_features(const struct cnc_element *features, uint32_t max_stanza)
{
    struct cnc_element *e = cnc_element_thaw(features);

    strip(e, max_stanza);
    /* Clients look for the prefix. */
    CNC_CHECK(cnc_element_set_prefix(e, "stream", NULL) == 0);
    return e;
}
