/* SPDX-License-Identifier: MIT */
/*
 * bind.c -- resource binding (RFC 6120 section 7).
 */
#include "../base/log.h"
#include "../xml/write.h"
#include "jid.h"
#include "precis.h"
#include "stream-priv.h"

/* 7.6.2.1, and an iq without an id, which has no answer to be told apart. */
static void
refuse(struct cnc__stream *s, const char *id, const char *condition,
       const char *text)
{
    struct cnc__str xml = CNC__STR;
    struct cnc_error err = {0};

    cnc_error_set(&err, CNC_EPROTO, condition, "%s", text);
    cnc__str_puts(&xml, "<iq type='error'");
    if (id != NULL) {
        cnc__xml_printf(&xml, " id='%s'", id);
    }
    cnc__str_putc(&xml, '>');
    cnc__stanza_error_add(&xml, &err);
    cnc__str_puts(&xml, "</iq>");
    cnc__stream_send(s, xml.data, xml.len, "", 0);
    cnc__str_fini(&xml);
}

static void
say_bound(struct cnc__stream *s, const char *id)
{
    struct cnc__str xml = CNC__STR;

    cnc__xml_printf(&xml,
                    "<iq type='result' id='%s'><bind xmlns='%s'><jid>%s"
                    "</jid></bind></iq>",
                    id, CNC__NS_BIND, s->session->jid);
    cnc__stream_send(s, xml.data, xml.len, "", 0);
    cnc__str_fini(&xml);
}

void
cnc__bind_element(struct cnc__stream *s, struct cnc_element *e)
{
    const struct cnc_element *bind =
        cnc_element_child(e, CNC__NS_BIND, "bind");
    const char *type = cnc_element_attr(e, NULL, "type");
    const char *id = cnc_element_attr(e, NULL, "id");
    const char *wish = cnc_element_child_text(bind, CNC__NS_BIND, "resource");
    struct cnc__str resource = CNC__STR;
    struct cnc__session *session;

    if (bind == NULL || strcmp(cnc_element_name(e), "iq") != 0 ||
        type == NULL || strcmp(type, "set") != 0) {
        /* 7.1: no stanza before a resource is bound. */
        cnc__stream_close(s, "not-authorized", "Bind a resource first");
        return;
    }
    if (id == NULL) {
        refuse(s, id, "bad-request", "an iq needs an id");
        return;
    }
    if (wish[0] != '\0' &&
        (cnc__precis_opaque(&resource, wish, strlen(wish)) != 0 ||
         resource.len > 1023)) {
        refuse(s, id, "bad-request", "the resource is not allowed");
        cnc__str_fini(&resource);
        return;
    }
    session = cnc__router_bind(s->env->router, s, s->account, resource.data,
                               (s->anonymous ? CNC__BIND_ANONYMOUS : 0) |
                                   (s->uid >= 0 ? CNC__BIND_UNLIMITED : 0));
    cnc__str_fini(&resource);
    if (session == NULL) {
        refuse(s, id, "resource-constraint",
               "the account has too many resources already");
        return;
    }
    cnc__stream_bound(s, session);
    cnc__log(CNC_LOG_DEBUG, "stream.bound", "peer=%s jid=%s", s->addr,
             s->session->jid);
    say_bound(s, id);
    /* Whoever has something for a new session speaks after our answer. */
    cnc__router_started(s->session);
}
