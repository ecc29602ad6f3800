/* SPDX-License-Identifier: MIT */
/*
 * undelivered.c -- what a lost session never had (XEP-0198 5).
 */
#include "parts.h"

/* Copies and pages of an archive are of no use to anybody else. */
static bool
is_copy(const struct cnc_element *m)
{
    return cnc_element_child(m, CNC__NS_CARBONS, "sent") != NULL ||
           cnc_element_child(m, CNC__NS_CARBONS, "received") != NULL ||
           cnc_element_child(m, "urn:xmpp:mam:2", "result") != NULL;
}

/* To the others that took no copy when it was given to the lost one; true:
 * somebody has it. */
static bool
somebody_has_it(struct cnc__im_in *in)
{
    bool any = false;

    for (struct cnc__session *s = cnc__im_sessions(in->user); s != NULL;
         s = s->next_same) {
        const struct cnc__im_session *state = cnc__im_state(s);

        if (state != NULL && state->available && state->priority >= 0) {
            any = true;
            if (!state->carbons) {
                cnc__session_deliver(s, in->stanza);
            }
        }
    }
    return any;
}

static void
message(struct cnc__im_in *in)
{
    const struct cnc__im *im = in->im;
    const char *type = cnc__im_message_type(in->type);

    if ((strcmp(type, "normal") != 0 && strcmp(type, "chat") != 0) ||
        is_copy(in->stanza)) {
        return;
    }
    if (cnc_element_child(in->stanza, CNC__NS_DELAY, "delay") == NULL) {
        struct cnc_element *late =
            cnc__im_delayed(in->stanza, im->domain, in->stamp_ms);

        cnc_element_unref(&in->stanza);
        in->stanza = late;
    }
    if (somebody_has_it(in)) {
        return;
    }
    for (size_t i = 0; im->exts[i] != NULL; i++) {
        if (im->exts[i]->undelivered != NULL && im->exts[i]->undelivered(in)) {
            return;
        }
    }
    cnc__im_refuse(in, CNC_ECLOSED, "recipient-unavailable",
                   "the resource is gone");
}

void
cnc__im_undelivered(struct cnc__im *im, const char *full, const char *xml,
                    size_t len, int64_t sent_ms)
{
    struct cnc_element *stanza = cnc__router_parse(xml, len);
    const char *name = stanza == NULL ? "" : cnc_element_name(stanza);
    const char *from =
        stanza == NULL ? NULL : cnc_element_attr(stanza, NULL, "from");
    struct cnc__im_in in = {.im = im,
                            .where = CNC__TO_ACCOUNT,
                            .from = from,
                            .to = full,
                            .stanza = stanza,
                            .again = true,
                            .stamp_ms = sent_ms};

    in.user = cnc__im_user_make(im, full, cnc__jid_bare_len(full));
    if (in.user != NULL && from != NULL) {
        char *who = cnc__strdup(from);

        in.type = cnc_element_attr(stanza, NULL, "type");
        in.from = who;
        if (strcmp(name, "message") == 0) {
            char *type = cnc__strdup(in.type);

            in.type = type;
            message(&in);
            cnc__free(type);
        } else if (strcmp(name, "iq") == 0 && in.type != NULL &&
                   (strcmp(in.type, "get") == 0 ||
                    strcmp(in.type, "set") == 0)) {
            in.kind = CNC__IQ_GET;
            cnc__im_refuse(&in, CNC_ECLOSED, "recipient-unavailable",
                           "the resource is gone");
        }
        cnc__free(who);
    }
    cnc_element_unref(&in.stanza);
}
