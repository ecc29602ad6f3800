/* SPDX-License-Identifier: MIT */
/*
 * bind.c -- resource binding (RFC 6120 section 7, XEP-0386).
 */
#include "../base/log.h"
#include "../base/text.h"
#include "../xml/write.h"
#include "jid.h"
#include "precis.h"
#include "router-priv.h"
#include "sasl.h"
#include "sm.h"
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

/* NULL: the service chooses. */
static bool
bind_to(struct cnc__stream *s, const char *resource)
{
    struct cnc__session *session =
        cnc__router_bind(s->env->router, s, s->account, resource,
                         (s->anonymous ? CNC__BIND_ANONYMOUS : 0) |
                             (s->uid >= 0 ? CNC__BIND_UNLIMITED : 0));

    if (session == NULL) {
        return false;
    }
    cnc__stream_bound(s, session);
    cnc__log(CNC_LOG_DEBUG, "stream.bound", "peer=%s jid=%s", s->addr,
             s->session->jid);
    return true;
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
    bool bound;

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
    bound = bind_to(s, resource.data);
    cnc__str_fini(&resource);
    if (!bound) {
        refuse(s, id, "resource-constraint",
               "the account has too many resources already");
        return;
    }
    say_bound(s, id);
    /* Whoever has something for a new session speaks after our answer. */
    cnc__router_started(s->session);
}

/* -- Bind 2 --------------------------------------------------------------- */

#define MAX_TAG 200 /* bytes of a client's name for itself */

void
cnc__bind2_add_feature(struct cnc__str *out, const struct cnc__stream *s)
{
    cnc__str_puts(out, "<bind xmlns='" CNC__NS_BIND2 "'><inline>"
                       "<feature var='" CNC__NS_SM "'/>"
                       "<feature var='" CNC__NS_CSI "'/>");
    for (const struct cnc__inliner *i = s->env->router->inliners; i != NULL;
         i = i->next) {
        if (i->feature != NULL) {
            cnc__xml_printf(out, "<feature var='%s'/>", i->feature);
        }
    }
    cnc__str_puts(out, "</inline></bind>");
}

/* Stream management and client state; the rest is others'. */
static void
enable(struct cnc__stream *s, const struct cnc_element *bind,
       struct cnc__str *out)
{
    const struct cnc_element *sm =
        cnc_element_child(bind, CNC__NS_SM, "enable");
    const struct cnc_element *csi = cnc_element_child(bind, CNC__NS_CSI, NULL);

    if (sm != NULL) {
        cnc__sm_enable(s, sm, out);
    }
    if (csi != NULL) {
        cnc__sm_element(s, csi);
    }
    for (const struct cnc__inliner *i = s->env->router->inliners; i != NULL;
         i = i->next) {
        i->f(s->session, bind, out, i->priv);
    }
}

/* The same client binds the same resource, which so replaces the session that
 * it may have left (section 3.2); nobody can tell its id from that.  A client
 * without an id is another one each time. */
static void
choose_resource(struct cnc__str *out, const struct cnc__stream *s,
                const char *tag, const char *agent)
{
    struct cnc__str who = CNC__STR;
    uint8_t mac[32];
    char id[17];

    if (tag[0] != '\0' && (strlen(tag) > MAX_TAG ||
                           cnc__precis_opaque(out, tag, strlen(tag)) != 0)) {
        cnc__str_clear(out);
    }
    if (agent == NULL) {
        cnc__random_hex(id, 8);
    } else {
        cnc__str_printf(&who, "%s/%s/%s", s->account, agent, tag);
        cnc__sasl_secret(mac, s, "resource", who.data, who.len);
        cnc__hex(id, mac, 8);
        cnc__str_fini(&who);
    }
    cnc__str_printf(out, "%s%s", out->len > 0 ? "/" : "", id);
}

bool
cnc__bind2(struct cnc__stream *s, const struct cnc_element *bind,
           const char *agent, struct cnc__str *out)
{
    const char *tag = cnc_element_child_text(bind, CNC__NS_BIND2, "tag");
    struct cnc__str resource = CNC__STR, answers = CNC__STR;
    bool bound;

    choose_resource(&resource, s, tag, agent);
    bound = bind_to(s, resource.data);
    cnc__str_fini(&resource);
    if (!bound) {
        return false;
    }
    enable(s, bind, &answers);
    cnc__xml_printf(out, "<bound xmlns='" CNC__NS_BIND2 "'>%pR</bound>",
                    answers.data);
    cnc__str_fini(&answers);
    return true;
}
