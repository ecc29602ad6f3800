/* SPDX-License-Identifier: MIT */
/*
 * csi.c -- client state (XEP-0352): while nobody looks at a client, presence
 * and typing wait, the latest of each contact alone, until something comes
 * that is worth waking it for, or it says that it is active.
 */
#include "sm-priv.h"

#define MAX_HELD       500 /* stanzas */
#define MAX_HELD_BYTES 65536
#define NS_CHATSTATES  "http://jabber.org/protocol/chatstates"

struct cnc__csi {
    struct cnc__table *held; /* what and of whom -> cnc_buf, a stanza */
    size_t bytes;
};

static void
unref(void *value)
{
    struct cnc_buf *buf = value;

    cnc_buf_unref(&buf);
}

void
cnc__csi_free(struct cnc__csi **cp)
{
    struct cnc__csi *c = *cp;

    if (c != NULL) {
        *cp = NULL;
        cnc__table_free(&c->held, unref);
        cnc__free(c);
    }
}

/* -- what may wait ---------------------------------------------------------
 */

static bool
is_typing(const struct cnc_element *message)
{
    struct cnc_element *child;
    bool typing = false;

    for (size_t i = 0;
         (child = cnc_element_next(message, &i, NULL, NULL)) != NULL;) {
        const char *ns = cnc_element_ns(child);

        if (strcmp(ns, NS_CHATSTATES) == 0) {
            typing = true;
        } else if (strcmp(ns, "urn:xmpp:hints") != 0 &&
                   strcmp(ns, "urn:xmpp:sid:0") != 0 &&
                   strcmp(cnc_element_name(child), "thread") != 0) {
            return false;
        }
    }
    return typing;
}

/* Requests about subscriptions, probes and errors are none. */
static bool
is_state(const struct cnc_element *presence)
{
    const char *type = cnc_element_attr(presence, NULL, "type");

    return type == NULL || strcmp(type, "unavailable") == 0;
}

/* A *new* key; NULL: it may not wait. */
static char *
key_of(const char *xml, size_t len)
{
    struct cnc_element *e;
    struct cnc__str key = CNC__STR;
    const char *from;
    bool presence;

    if (cnc_xml_parse(&e, xml, len, 0, NULL, NULL) != 0) {
        return NULL; /* it uses more than a stranger may */
    }
    from = cnc_element_attr(e, NULL, "from");
    presence = strcmp(cnc_element_name(e), "presence") == 0;
    if (from != NULL && (presence ? is_state(e) : is_typing(e))) {
        cnc__str_puts(&key, presence ? "p" : "m");
        cnc__str_puts(&key, from);
    }
    cnc_element_unref(&e);
    return key.len == 0 ? NULL : cnc__str_steal(&key);
}

/* Before anything is parsed. */
static bool
looks_idle(const char *xml, size_t len)
{
    return (len > 9 && memcmp(xml, "<presence", 9) == 0) ||
           (len > 8 && memcmp(xml, "<message", 8) == 0 &&
            memmem(xml, len, NS_CHATSTATES, sizeof(NS_CHATSTATES) - 1) !=
                NULL &&
            memmem(xml, len, "<body", 5) == NULL);
}

/* -- holding ---------------------------------------------------------------
 */

static void
let_go(struct cnc__session *s)
{
    struct cnc__csi *c = s->sm->csi;
    struct cnc__table *held = c->held;

    c->held = cnc__table_new();
    c->bytes = 0;
    for (struct cnc__table_iter i = {0}; cnc__table_next(held, &i);) {
        const struct cnc_buf *b = i.value;

        cnc__sm_pass(s, cnc_buf_data(b), cnc_buf_len(b), NULL);
    }
    cnc__table_free(&held, unref);
}

static void
hold(struct cnc__session *s, const char *key, const struct cnc__str *xml)
{
    struct cnc__csi *c = s->sm->csi;
    struct cnc_buf *old;

    old = cnc__table_put(c->held, key, cnc_buf_new(xml->data, xml->len));
    c->bytes += xml->len;
    if (old != NULL) {
        c->bytes -= cnc_buf_len(old);
        cnc_buf_unref(&old);
    }
    if (cnc__table_len(c->held) > MAX_HELD || c->bytes > MAX_HELD_BYTES) {
        let_go(s);
    }
}

bool
cnc__csi_holds(struct cnc__session *s, const char *head, size_t head_len,
               const struct cnc_buf *tail)
{
    struct cnc__str xml = CNC__STR;
    char *key = NULL;

    cnc__str_add(&xml, head, head_len);
    if (tail != NULL) {
        cnc__str_add(&xml, cnc_buf_data(tail), cnc_buf_len(tail));
    }
    if (looks_idle(xml.data, xml.len)) {
        key = key_of(xml.data, xml.len);
    }
    if (key != NULL) {
        hold(s, key, &xml);
    } else if (cnc__table_len(s->sm->csi->held) > 0) {
        let_go(s);
    }
    cnc__str_fini(&xml);
    cnc__free(key);
    return key != NULL;
}

void
cnc__csi_inactive(struct cnc__session *s)
{
    struct cnc__sm *m = s->sm != NULL ? s->sm : cnc__sm_new(s);

    if (m->csi == NULL) {
        m->csi = cnc__zalloc(sizeof(*m->csi));
        m->csi->held = cnc__table_new();
    }
}

void
cnc__csi_active(struct cnc__session *s)
{
    struct cnc__sm *m = s->sm;

    if (m == NULL || m->csi == NULL) {
        return;
    }
    let_go(s);
    cnc__csi_free(&m->csi);
    if (!m->on) {
        cnc__sm_free(&s->sm);
    }
}
