/* SPDX-License-Identifier: MIT */
/*
 * known.c -- namespace names that most stanzas carry.  They cost a stanza no
 * memory; all others live in the stanza's own block, so that nothing a peer
 * sends outlives the stanza it came in.  Element names are short, and copying
 * one is cheaper than looking it up.
 */
#include "tree.h"

/* clang-format off */
#define KNOWN(X)                                                              \
    X("xml")                                                                  \
    X(CNC__NS_XML)                                                            \
    X("")                                                                     \
    X("jabber:client")                                                        \
    X("jabber:server")                                                        \
    X("jabber:component:accept")                                              \
    X("jabber:x:data")                                                        \
    X("jabber:iq:roster")                                                     \
    X("jabber:iq:register")                                                   \
    X("jabber:iq:version")                                                    \
    X("http://etherx.jabber.org/streams")                                     \
    X("urn:ietf:params:xml:ns:xmpp-framing")                                  \
    X("urn:ietf:params:xml:ns:xmpp-streams")                                  \
    X("urn:ietf:params:xml:ns:xmpp-stanzas")                                  \
    X("urn:ietf:params:xml:ns:xmpp-sasl")                                     \
    X("urn:ietf:params:xml:ns:xmpp-tls")                                      \
    X("urn:ietf:params:xml:ns:xmpp-bind")                                     \
    X("urn:ietf:params:xml:ns:xmpp-session")                                  \
    X("http://jabber.org/protocol/disco#info")                                \
    X("http://jabber.org/protocol/disco#items")                               \
    X("http://jabber.org/protocol/pubsub")                                    \
    X("http://jabber.org/protocol/pubsub#errors")                             \
    X("http://jabber.org/protocol/pubsub#event")                              \
    X("http://jabber.org/protocol/pubsub#owner")                              \
    X("http://jabber.org/protocol/commands")                                  \
    X("http://jabber.org/protocol/caps")                                      \
    X("http://jabber.org/protocol/chatstates")                                \
    X("http://jabber.org/protocol/rsm")                                       \
    X("http://jabber.org/protocol/shim")                                      \
    X("http://jabber.org/protocol/xdata-validate")                            \
    X("urn:xmpp:ping")                                                        \
    X("urn:xmpp:time")                                                        \
    X("urn:xmpp:delay")                                                       \
    X("urn:xmpp:forward:0")                                                   \
    X("urn:xmpp:carbons:2")                                                   \
    X("urn:xmpp:mam:2")                                                       \
    X("urn:xmpp:sid:0")                                                       \
    X("urn:xmpp:sm:3")                                                        \
    X("urn:xmpp:receipts")                                                    \
    X("vcard-temp:x:update")                                                  \
    X("http://www.w3.org/1999/xhtml")                                         \
    X("http://www.w3.org/1999/XSL/Transform")                                 \
    X("http://www.w3.org/2005/Atom")                                          \
    X("http://www.w3.org/2000/svg")
/* clang-format on */

const char *const cnc__known[] = {
#define X(text) text,
    KNOWN(X)
#undef X
};

static const uint8_t known_len[] = {
#define X(text) sizeof(text) - 1,
    KNOWN(X)
#undef X
};

/* slots[] is filled from cnc__known at load, before any thread. */
#define N_SLOTS 256
static uint8_t slots[N_SLOTS];

/* Length, the last bytes and one from the middle tell the known ones apart
 * well; none is shorter than three but "", which is entry 2. */
static unsigned
slot_of(const char *s, size_t len)
{
    const unsigned char *u = (const unsigned char *)s;
    return (unsigned)(len * 7 + u[len - 1] * (size_t)31 +
                      u[len - 3] * (size_t)5 + u[len / 2] * (size_t)13) %
           N_SLOTS;
}

__attribute__((constructor)) static void
fill_slots(void)
{
    _Static_assert(CNC_N(cnc__known) < N_SLOTS / 2, "room to probe");
    for (size_t i = 1; i < CNC_N(cnc__known); i++) {
        if (known_len[i] < 3) {
            continue;
        }
        unsigned at = slot_of(cnc__known[i], known_len[i]);
        while (slots[at] != 0) {
            at = (at + 1) % N_SLOTS;
        }
        slots[at] = (uint8_t)i;
    }
}

uint32_t
cnc__known_find(const char *s, size_t len)
{
    if (len < 3) {
        return len == 0 ? CNC__KNOWN_BIT | 2 : 0;
    }
    for (unsigned at = slot_of(s, len); slots[at] != 0;
         at = (at + 1) % N_SLOTS) {
        unsigned i = slots[at];
        if (known_len[i] == len && memcmp(cnc__known[i], s, len) == 0) {
            return CNC__KNOWN_BIT | i;
        }
    }
    return 0;
}

const char *
cnc__ns_hold(const char *ns)
{
    if (ns == NULL) {
        ns = "";
    }
    size_t len = strlen(ns);
    uint32_t known = cnc__known_find(ns, len);
    return known != 0 ? cnc__known[known & ~CNC__KNOWN_BIT]
                      : cnc__strndup(ns, len);
}

void
cnc__ns_drop(const char *ns)
{
    if (ns == NULL) {
        return;
    }
    uint32_t known = cnc__known_find(ns, strlen(ns));
    if (known == 0) {
        cnc__free((char *)ns);
    }
}
