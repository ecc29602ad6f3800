/* SPDX-License-Identifier: MIT */
/*
 * carbons.c -- copies of messages for an account's other resources (XEP-0280,
 * urn:xmpp:carbons:rules:0 but for errors).
 *
 * A copy comes from the account's own bare JID, which is what a client checks
 * (12); so what others send in the name of "sent" and "received" is never
 * copied on.
 */
#include "parts.h"

void
cnc__im_enable_carbons(struct cnc__im *im, struct cnc__session *s)
{
    if (cnc__im_has(im, "carbons") && cnc__im_user_of(im, s) != NULL) {
        cnc__im_state_make(s)->carbons = true;
    }
}

static void
on_set(struct cnc__request *q, void *priv)
{
    struct cnc__im *im = priv;
    struct cnc__session *s = cnc__router_session(im->router, q->session_id);

    if (s == NULL || cnc__im_user_of(im, s) == NULL) {
        cnc__request_refuse(&q, CNC_EACCES, "not-allowed",
                            "there is no account");
        return;
    }
    cnc__im_state_make(s)->carbons =
        strcmp(cnc_element_name(q->payload), "enable") == 0;
    cnc__request_result(&q, NULL, 0);
}

/* -- which (6.1) ---------------------------------------------------------- */

static bool
is_private(const struct cnc_element *m)
{
    return cnc_element_child(m, CNC__NS_CARBONS, NULL) != NULL ||
           cnc__im_hint(m, "no-copy");
}

/* XEP-0184, XEP-0085, XEP-0333 */
static bool
is_im_payload(const struct cnc_element *m)
{
    static const char *const all[] = {"urn:xmpp:receipts",
                                      "http://jabber.org/protocol/chatstates",
                                      "urn:xmpp:chat-markers:0"};

    for (size_t i = 0; i < CNC_N(all); i++) {
        if (cnc_element_child(m, all[i], NULL) != NULL) {
            return true;
        }
    }
    return false;
}

static bool
is_eligible(const struct cnc_element *m, const char *type, bool received)
{
    const struct cnc_element *room =
        cnc_element_child(m, CNC__NS_MUC_USER, "x");

    type = cnc__im_message_type(type);
    if (is_private(m) || strcmp(type, "groupchat") == 0 ||
        strcmp(type, "error") == 0 || strcmp(type, "headline") == 0) {
        return false;
    }
    if (cnc_element_child(m, "jabber:x:conference", "x") != NULL ||
        cnc_element_child(room, CNC__NS_MUC_USER, "invite") != NULL) {
        return true;
    }
    if (room != NULL && received) {
        return false; /* the room sends it to each of them */
    }
    return strcmp(type, "chat") == 0 || is_im_payload(m) ||
           cnc_element_child(m, CNC__NS_CLIENT, "body") != NULL;
}

/* -- copies --------------------------------------------------------------- */

static void
copy_to(const struct cnc__im_user *u, struct cnc__session *s, const char *verb,
        const char *type, const struct cnc_element *m)
{
    struct cnc__str xml = CNC__STR;

    cnc__xml_printf(&xml, "<message from='%s' to='%s'", u->bare, s->jid);
    if (type != NULL) {
        cnc__xml_printf(&xml, " type='%s'", type);
    }
    cnc__xml_printf(&xml, "><%s xmlns='" CNC__NS_CARBONS "'>", verb);
    cnc__im_forward(&xml, m, 0);
    cnc__xml_printf(&xml, "</%s></message>", verb);
    cnc__im_give(s, &xml);
}

static bool
anybody(const struct cnc__im_user *u, const struct cnc__session *but)
{
    for (const struct cnc__session *s = cnc__im_sessions(u); s != NULL;
         s = s->next_same) {
        if (s != but && cnc__im_state(s) != NULL &&
            cnc__im_state(s)->carbons) {
            return true;
        }
    }
    return false;
}

static void
delivered(struct cnc__im_in *in)
{
    const struct cnc__im_user *u = in->user;

    if (in->again || !anybody(u, NULL) ||
        !is_eligible(in->stanza, in->type, true)) {
        return;
    }
    for (struct cnc__session *s = cnc__im_sessions(u); s != NULL;
         s = s->next_same) {
        const struct cnc__im_session *state = cnc__im_state(s);

        if (state != NULL && state->carbons && state->reached != in->serial &&
            strcmp(s->jid, in->from) != 0) {
            copy_to(u, s, "received", in->type, in->stanza);
        }
    }
}

static bool
outbound(struct cnc__im_out *o)
{
    struct cnc_element *m;

    /* What one says to oneself is copied as it comes in. */
    if (o->kind != CNC__MESSAGE || o->to == NULL ||
        cnc__jid_same_bare(o->to, o->user->bare) ||
        !anybody(o->user, o->session) ||
        !is_eligible(o->stanza, o->type, false)) {
        return false;
    }
    m = cnc__mam_marked(o->user, o->stanza, o->session->jid, o->to,
                        o->archive_id);
    for (struct cnc__session *s = cnc__im_sessions(o->user); s != NULL;
         s = s->next_same) {
        if (s != o->session && cnc__im_state(s) != NULL &&
            cnc__im_state(s)->carbons) {
            copy_to(o->user, s, "sent", o->type, m);
        }
    }
    cnc_element_unref(&m);
    return false;
}

static void
init(struct cnc__im *im)
{
    const struct cnc__handler all[] = {
        {CNC__IQ_SET, CNC__NS_CARBONS, "enable", NULL, on_set, im, true,
         .only_account = true},
        {CNC__IQ_SET, CNC__NS_CARBONS, "disable", NULL, on_set, im, true,
         .only_account = true},
    };

    for (size_t i = 0; i < CNC_N(all); i++) {
        CNC_CHECK(cnc__router_handle(im->router, &all[i], NULL) == 0);
    }
}

const struct cnc__im_ext cnc__im_carbons = {
    .name = "carbons",
    .features = {CNC__NS_CARBONS},
    .account_features = {CNC__NS_CARBONS},
    .init = init,
    .outbound = outbound,
    .delivered = delivered,
};
