/* SPDX-License-Identifier: MIT */
/*
 * notify.c -- fan-out.  The event is serialized once, up to the end of the
 * message; for each subscriber only the start tag differs, and of it only the
 * address:
 *
 *   <message from='D' type='headline' id='EPOCH.SEQ' to='JID'>   head
 *   <event ...>...</event><stanza-id .../></message>             shared
 *
 * Nothing is allocated, looked up or parsed for a delivery.  What an account
 * publishes (pep.c) reaches a few, and there each is asked for.
 */
#include "../base/text.h"
#include "../xml/write.h"
#include "impl.h"

void
cnc__event_write(struct cnc__str *out, const struct cnc__node *n,
                 enum cnc__what what, const struct cnc__item *item,
                 bool with_payload)
{
    if (what == CNC__PURGED) {
        cnc__str_printf(out, "<purge node='%s'/>", n->escaped);
        return;
    }
    cnc__str_printf(out, "<items node='%s'>", n->escaped);
    if (item == NULL) { /* a node without items says that it happened */
    } else if (what == CNC__RETRACTED) {
        cnc__xml_printf(out, "<retract id='%s'/>", item->id);
    } else if (item->payload == NULL || !with_payload) {
        cnc__xml_printf(out, "<item id='%s'/>", item->id);
    } else {
        cnc__xml_printf(out, "<item id='%s'>%pB</item>", item->id,
                        (const void *)item->payload);
    }
    cnc__str_puts(out, "</items>");
}

/* <event> around children, and the end of the message.  position NULL: this
 * message is not in the archive. */
static struct cnc_buf *
make_tail(const struct cnc__node *n, const char *xml, size_t len,
          const char *position, const char *more)
{
    struct cnc__str out = CNC__STR;
    cnc__str_reserve(&out, len + 256);
    cnc__str_puts(&out, "<event xmlns='" CNC__NS_EVENT "'>");
    cnc__str_add(&out, xml, len);
    cnc__str_puts(&out, "</event>");
    cnc__str_puts(&out, more);
    if (position != NULL && n->archive.n > 0 && !n->ps->pep) {
        /* XEP-0313 3.1: what is archived carries its id (XEP-0359). */
        cnc__str_printf(&out,
                        "<stanza-id xmlns='urn:xmpp:sid:0' by='%s'"
                        " id='%s'/>",
                        n->ps->jid, position);
    }
    cnc__str_puts(&out, "</message>");
    struct cnc_buf *tail = cnc_buf_new(out.data, out.len);
    cnc__str_fini(&out);
    return tail;
}

/* The start tag up to the address. */
static void
start_head(struct cnc__pubsub *ps, const char *id)
{
    struct cnc__str *head = &ps->root->head;
    cnc__str_clear(head);
    if (!ps->pep) {
        cnc__str_printf(head, "<message from='%s'", ps->jid);
    } else {
        cnc__xml_printf(head, "<message from='%s'", ps->jid);
    }
    cnc__str_printf(head, " type='headline' id='%s' to='", id);
}

void
cnc__send_to(struct cnc__pubsub *ps, const char *jid, const char *head,
             size_t head_len, const struct cnc_buf *tail)
{
    struct cnc__session *s = cnc__router_session_by_jid(ps->env.router, jid);
    if (s != NULL) {
        cnc__session_send_shared(s, head, head_len, tail);
    } else {
        struct cnc__str xml = CNC__STR;
        cnc__str_add(&xml, head, head_len);
        cnc__str_add(&xml, cnc_buf_data(tail), cnc_buf_len(tail));
        cnc__router_send(ps->env.router, ps->jid, jid, xml.data, xml.len,
                         NULL);
        cnc__str_fini(&xml);
    }
    ps->root->stats.deliveries++;
}

void
cnc__notify_sub(struct cnc__sub *sub, size_t n_head,
                const struct cnc_buf *tail)
{
    struct cnc__pubsub *root = sub->node->ps->root;
    root->head.len = n_head;
    cnc__str_add(&root->head, sub->to, sub->to_len);
    if (sub->session->far_ && sub->node->ps->pep) {
        /* A far session speaks for the domain alone. */
        cnc__send_to(sub->node->ps, sub->session->jid, root->head.data,
                     root->head.len, tail);
        return;
    }
    cnc__session_send_shared(sub->session, root->head.data, root->head.len,
                             tail);
    root->stats.deliveries++;
}

/* for_people: the same with a body; NULL: nobody reads. */
static void
fan_out(struct cnc__node *n, const char *id, const struct cnc_buf *tail,
        const struct cnc_buf *for_people)
{
    start_head(n->ps, id);
    size_t n_head = n->ps->root->head.len;
    if (n->ps->pep) {
        cnc__pep_fan_out(n, n_head, tail);
        return;
    }
    for (size_t i = 0; i < n->n_subs; i++) {
        struct cnc__sub *sub = n->subs[i];

        cnc__notify_sub(sub, n_head,
                        sub->reads && for_people != NULL ? for_people : tail);
    }
}

/* Is there nobody to tell? */
static bool
is_silent(const struct cnc__node *n)
{
    return n->hidden || (n->n_subs == 0 && !n->ps->pep) ||
           !n->cfg.deliver_notifications;
}

void
cnc__notify_entry(struct cnc__node *n, enum cnc__what what,
                  struct cnc__item *item)
{
    if (is_silent(n)) {
        return;
    }
    char position[CNC__POSITION_LEN];
    cnc__position(position, n, item == NULL ? n->seq : item->seq);
    struct cnc__str xml = CNC__STR;
    cnc__event_write(&xml, n, what, item, n->cfg.deliver_payloads);
    const char *archived = item == NULL ? NULL : position;
    struct cnc_buf *tail = make_tail(n, xml.data, xml.len, archived, "");
    struct cnc_buf *for_people = NULL;
    struct cnc__str body = CNC__STR;
    if (what == CNC__PUBLISHED && n->n_reading > 0 &&
        cnc__body_write(&body, n, item)) {
        for_people = make_tail(n, xml.data, xml.len, archived, body.data);
    }
    fan_out(n, position, tail, for_people);
    cnc_buf_unref(&for_people);
    cnc_buf_unref(&tail);
    cnc__str_fini(&body);
    cnc__str_fini(&xml);
}

void
cnc__notify_all(struct cnc__node *n, const char *xml, size_t len)
{
    if (is_silent(n)) {
        return;
    }
    char id[17];
    cnc__random_hex(id, 8);
    struct cnc_buf *tail = make_tail(n, xml, len, NULL, "");
    fan_out(n, id, tail, NULL);
    cnc_buf_unref(&tail);
}

static void
send_one(struct cnc__sub *sub, const char *id, struct cnc_buf *tail)
{
    start_head(sub->node->ps, id);
    cnc__notify_sub(sub, sub->node->ps->root->head.len, tail);
    cnc_buf_unref(&tail);
}

void
cnc__notify_one(struct cnc__sub *sub, const char *xml, size_t len)
{
    char id[17];
    cnc__random_hex(id, 8);
    send_one(sub, id, make_tail(sub->node, xml, len, NULL, ""));
}

/* What the last item is told with; NULL: it is not. */
static struct cnc_buf *
last_tail(struct cnc__node *n, bool reads, char position[CNC__POSITION_LEN])
{
    if (n->cfg.send_last_item == CNC__LAST_NEVER ||
        !n->cfg.deliver_notifications || n->items.live == 0) {
        return NULL;
    }
    const struct cnc__item *item = cnc__order_at(&n->items, n->items.live - 1);
    char stamp[32];
    cnc__position(position, n, item->seq);
    cnc__datetime(stamp, item->published_ms);
    struct cnc__str xml = CNC__STR, more = CNC__STR;
    cnc__event_write(&xml, n, CNC__PUBLISHED, item, n->cfg.deliver_payloads);
    /* XEP-0060 6.1.7: old news says how old. */
    cnc__str_printf(&more, "<delay xmlns='urn:xmpp:delay' stamp='%s'/>",
                    stamp);
    if (reads) {
        cnc__body_write(&more, n, item);
    }
    struct cnc_buf *tail =
        make_tail(n, xml.data, xml.len, position, more.data);
    cnc__str_fini(&xml);
    cnc__str_fini(&more);
    return tail;
}

void
cnc__notify_last(struct cnc__sub *sub)
{
    char position[CNC__POSITION_LEN];
    struct cnc_buf *tail = last_tail(sub->node, sub->reads, position);
    if (tail != NULL) {
        send_one(sub, position, tail);
    }
}

void
cnc__notify_last_to(struct cnc__node *n, const char *jid)
{
    char position[CNC__POSITION_LEN];
    struct cnc_buf *tail = last_tail(n, false, position);
    if (tail == NULL) {
        return;
    }
    struct cnc__str *head = &n->ps->root->head;
    start_head(n->ps, position);
    cnc__xml_printf(head, "%s'>", jid);
    cnc__send_to(n->ps, jid, head->data, head->len, tail);
    cnc_buf_unref(&tail);
}
