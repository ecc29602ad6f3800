/* SPDX-License-Identifier: MIT */
/*
 * message.c -- where a message to an account goes (RFC 6121 8.5, table 1).
 *
 *            bare JID, or chat to a        full JID     full JID that is
 *            full one that is not there    of a session not there
 *   normal   most available | kept         it           ignored
 *   chat     most available | kept         it           as to the bare one
 *   group    refused                       it           refused
 *   headline all that are not negative     it           ignored
 *   error    ignored                       it           ignored
 *
 * "Most available": those of the highest priority, when it is not negative.
 * An account that is not there is treated as one that nobody is logged in to;
 * nobody can tell them apart.
 */
#include "parts.h"

static bool
can_have(const struct cnc__session *s)
{
    const struct cnc__im_session *state = cnc__im_state(s);

    return state != NULL && state->available && state->priority >= 0;
}

static void
give(struct cnc__im_in *in, struct cnc__session *s)
{
    if (cnc__im_state(s) != NULL) {
        cnc__im_state(s)->reached = in->serial;
    }
    cnc__session_deliver(s, in->stanza);
}

static void
delivered(struct cnc__im_in *in)
{
    const struct cnc__im *im = in->im;

    for (size_t i = 0; im->exts[i] != NULL; i++) {
        if (im->exts[i]->delivered != NULL) {
            im->exts[i]->delivered(in);
        }
    }
}

/* To those of the highest priority, or (all) whoever has none below zero. */
static bool
give_available(struct cnc__im_in *in, bool all)
{
    int best = -1;

    for (struct cnc__session *s = cnc__im_sessions(in->user); s != NULL;
         s = s->next_same) {
        if (can_have(s) && cnc__im_state(s)->priority > best) {
            best = cnc__im_state(s)->priority;
        }
    }
    for (struct cnc__session *s = cnc__im_sessions(in->user);
         best >= 0 && s != NULL; s = s->next_same) {
        if (can_have(s) && (all || cnc__im_state(s)->priority == best)) {
            give(in, s);
        }
    }
    return best >= 0;
}

static void
keep(struct cnc__im_in *in)
{
    const struct cnc__im *im = in->im;

    for (size_t i = 0; in->user != NULL && im->exts[i] != NULL; i++) {
        if (im->exts[i]->undelivered != NULL && im->exts[i]->undelivered(in)) {
            return;
        }
    }
    /* Where messages are kept, none is answered: neither for want of an
     * account nor else. */
    if (!cnc__im_has(im, "offline")) {
        cnc__im_refuse(in, CNC_ENOENT, "service-unavailable",
                       "nobody is there");
    }
}

void
cnc__im_message_bare(struct cnc__im_in *in)
{
    const char *type = cnc__im_message_type(in->type);

    if (strcmp(type, "groupchat") == 0) {
        cnc__im_refuse(in, CNC_ENOENT, "service-unavailable",
                       "an account is no room");
    } else if (strcmp(type, "headline") == 0) {
        if (in->user != NULL && give_available(in, true)) {
            delivered(in);
        }
    } else if (strcmp(type, "error") == 0) {
        return; /* 8.5.2.1: and copies that came back (XEP-0280 11.3) */
    } else if (in->user != NULL && give_available(in, false)) {
        delivered(in);
    } else {
        keep(in);
    }
}

bool
cnc__im_message_in(struct cnc__im_in *in)
{
    const char *type = cnc__im_message_type(in->type);

    in->im->n_messages++;
    if (in->where == CNC__TO_SESSION) {
        give(in, cnc__router_session_by_jid(in->im->router, in->to));
        delivered(in);
    } else if (in->where == CNC__TO_ACCOUNT || strcmp(type, "chat") == 0 ||
               strcmp(type, "groupchat") == 0) {
        cnc__im_message_bare(in);
    }
    return true;
}
