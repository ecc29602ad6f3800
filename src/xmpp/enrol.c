/* SPDX-License-Identifier: MIT */
/*
 * enrol.c -- making an account before there is one to log in to (XEP-0077
 * section 3.1).  The answer may come when the stream has gone.
 */
#include "role.h"

struct cnc__enrolment {
    struct cnc__stream *stream; /* NULL: gone */
};

static void
reply(const char *xml, size_t len, void *priv)
{
    struct cnc__enrolment *e = priv;

    if (e->stream != NULL) {
        e->stream->enrolment = NULL;
        cnc__stream_send(e->stream, xml, len, "", 0);
    }
    cnc__free(e);
}

bool
cnc__enrol_element(struct cnc__stream *s, struct cnc_element *iq)
{
    struct cnc__enrolment *e;

    if (s->env->enrol == NULL || !cnc_element_is(iq, CNC__NS_CLIENT, "iq") ||
        cnc_element_child(iq, CNC__NS_REGISTER, "query") == NULL) {
        return false;
    }
    if (s->enrolment != NULL) {
        cnc__stream_close(s, "policy-violation", "Wait for the answer");
        return true;
    }
    e = cnc__zalloc(sizeof(*e));
    e->stream = s;
    s->enrolment = e;
    s->env->enrol(s->addr, iq, reply, e, s->env->priv);
    return true;
}

void
cnc__enrol_abandon(struct cnc__stream *s)
{
    if (s->enrolment != NULL) {
        s->enrolment->stream = NULL;
        s->enrolment = NULL;
    }
}
