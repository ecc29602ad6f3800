/* SPDX-License-Identifier: MIT */
/*
 * c2s.c -- a client's stream: features, STARTTLS, SASL, a resource, stanzas.
 */
#include "../xml/write.h"
#include "jid.h"
#include "role.h"
#include "sasl.h"
#include "sm.h"

/* -- opening -------------------------------------------------------------- */

/* May it log in as it is?  RFC 7590: not in the clear. */
static bool
may_authenticate(const struct cnc__stream *s)
{
    return s->secure || s->framing == CNC__FRAMING_WS ||
           !s->env->tls_required || (s->loopback && s->env->loopback_plain);
}

/* XEP-0478: what ends a stream here, and when silence is looked into. */
static void
add_limits(struct cnc__str *out, const struct cnc__stream *s)
{
    const struct cnc__stream_env *env = s->env;
    uint32_t idle_ms = s->authenticated ? env->idle_ms : env->auth_ms;

    cnc__xml_printf(out,
                    "<limits xmlns='" CNC__NS_LIMITS "'><max-bytes>%u"
                    "</max-bytes>",
                    s->authenticated ? env->max_stanza : env->max_before_auth);
    if (idle_ms > 0) {
        cnc__xml_printf(out, "<idle-seconds>%u</idle-seconds>",
                        idle_ms / 1000);
    }
    cnc__str_puts(out, "</limits>");
}

void
cnc__c2s_say_features(struct cnc__stream *s)
{
    struct cnc__str xml = CNC__STR;

    if (s->authenticated) {
        if (s->state != CNC__STREAM_BOUND) {
            cnc__str_puts(&xml, "<bind xmlns='" CNC__NS_BIND "'/>"
                                "<session xmlns='" CNC__NS_SESSION
                                "'><optional/></session>");
        }
        cnc__sm_add_features(&xml);
        if (s->env->features != NULL) {
            s->env->features(&xml, s->env->priv);
        }
    } else {
        if (cnc__stream_can_secure(s)) {
            cnc__str_puts(&xml, "<starttls xmlns='" CNC__NS_TLS "'");
            cnc__str_puts(
                &xml, may_authenticate(s) ? "/>" : "><required/></starttls>");
        }
        if (may_authenticate(s)) {
            cnc__sasl_add_bindings(&xml, s);
            cnc__sasl_add_mechanisms(&xml, s);
            cnc__sasl2_add_feature(&xml, s);
            if (s->env->enrol != NULL) {
                cnc__str_puts(&xml, "<register xmlns='http://jabber.org/"
                                    "features/iq-register'/>");
            }
        }
    }
    add_limits(&xml, s);
    cnc__stream_say_features(s, &xml);
}

/* `to` names the domain, of several perhaps; after log-in it stays what it is.
 * On the link it may be left out: the peer learns the domain from our header.
 */
static bool
take_to(struct cnc__stream *s, const char *to)
{
    const struct cnc__stream_env *env = s->env;
    char prepared[CNC__JID_MAX + 1];

    if (to == NULL) {
        return s->uid >= 0;
    }
    if (cnc__jid_prepare(prepared, to, strlen(to), NULL) != 0) {
        return false;
    }
    do {
        if (strcmp(prepared, cnc__router_domain(env->router)) == 0) {
            s->env = env;
            return true;
        }
        env = s->authenticated ? NULL : env->next;
    } while (env != NULL && env != s->env);
    return false;
}

/* Whom the header says it comes from: its bare JID, or nothing when that is
 * no JID.  XEP-0388 3.1: it is one of ours. */
static bool
take_from(struct cnc__stream *s, const char *from)
{
    char jid[CNC__JID_MAX + 1];

    cnc__free(s->from);
    s->from = NULL;
    if (from == NULL || cnc__jid_prepare(jid, from, strlen(from), NULL) != 0) {
        return true;
    }
    s->from = cnc__strndup(jid, cnc__jid_bare_len(jid));
    return !cnc__sasl2_offered(s) || cnc__jid_is_at(jid, cnc__stream_host(s));
}

static void
on_header(struct cnc__stream *s, struct cnc_element *root)
{
    const char *from = cnc_element_attr(root, NULL, "from");
    char to[CNC__JID_MAX + 1];

    if (!take_to(s, cnc_element_attr(root, NULL, "to"))) {
        cnc__stream_close(s, "host-unknown", NULL);
        return;
    }
    /* 4.7.2: who said who it is, is addressed. */
    if (from != NULL && cnc__jid_prepare(to, from, strlen(from), NULL) != 0) {
        from = NULL;
    }
    cnc__stream_say_header(s, from == NULL ? NULL : to);
    if (!take_from(s, from)) {
        cnc__stream_close(s, "invalid-from", NULL);
        return;
    }
    s->state = s->authenticated ? CNC__STREAM_BINDING : CNC__STREAM_SASL;
    cnc__c2s_say_features(s);
}

/* -- elements ------------------------------------------------------------- */

static void
on_unknown(struct cnc__stream *s, const struct cnc_element *e)
{
    if (cnc__is_stanza_name(e)) {
        cnc__stream_close(s, "invalid-namespace",
                          "Stanzas are in the namespace jabber:client");
    } else {
        cnc__stream_close(s, "unsupported-stanza-type", NULL);
    }
}

static void
on_starttls(struct cnc__stream *s)
{
    struct cnc__str xml = CNC__STR;

    if (!cnc__stream_can_secure(s) || s->sasl != NULL) {
        cnc__str_puts(&xml, "<failure xmlns='" CNC__NS_TLS "'/>");
        cnc__stream_say(s, &xml);
        cnc__str_fini(&xml);
        cnc__stream_close(s, NULL, NULL); /* RFC 6120 5.4.2.2 */
        return;
    }
    cnc__str_puts(&xml, "<proceed xmlns='" CNC__NS_TLS "'/>");
    cnc__stream_say(s, &xml);
    cnc__str_fini(&xml);
    cnc__stream_go_secure(s);
}

/* Before authentication. */
static void
on_early(struct cnc__stream *s, struct cnc_element *e)
{
    bool two = cnc_element_is(e, CNC__NS_SASL2, NULL);

    if (cnc_element_is(e, CNC__NS_TLS, "starttls")) {
        on_starttls(s);
    } else if (may_authenticate(s) && cnc__enrol_element(s, e)) {
        return;
    } else if (!cnc_element_is(e, CNC__NS_SASL, NULL) &&
               !(two && cnc__sasl2_offered(s))) {
        cnc__stream_close(s, "not-authorized", NULL);
    } else if (!may_authenticate(s)) {
        cnc__sasl_refuse(s, CNC__NS_SASL, "encryption-required");
    } else {
        cnc__sasl_element(s, e);
    }
}

static void
on_element(struct cnc__stream *s, struct cnc_element *e)
{
    bool stanza =
        cnc_element_is(e, CNC__NS_CLIENT, NULL) && cnc__is_stanza_name(e);

    if (s->sasl != NULL && s->sasl->request != NULL &&
        !cnc_element_is(e, CNC__NS_SASL2, NULL)) {
        /* XEP-0388 2.4: nothing else meanwhile. */
        cnc__stream_close(s, "policy-violation", "Not while authenticating");
        return;
    }
    if (cnc__sm_element(s, e)) {
        return;
    }
    if (s->state == CNC__STREAM_SASL) {
        on_early(s, e);
    } else if (!stanza) {
        on_unknown(s, e);
    } else if (s->state == CNC__STREAM_BINDING) {
        cnc__bind_element(s, e);
    } else {
        if (s->session->sm != NULL) {
            cnc__sm_count_in(s->session);
        }
        cnc__router_stanza(s->session, e);
    }
}

/* -- silence -------------------------------------------------------------- */

static void
ping(struct cnc__stream *s)
{
    struct cnc__str xml = CNC__STR;
    size_t had = s->out.len;
    char id[17];

    s->pinged = true;
    if (cnc__sm_ping(s)) {
        return;
    }
    if (s->framing == CNC__FRAMING_WS) {
        cnc__ws_add_frame(&s->out, CNC__WS_PING, "", 0);
        cnc__stream_touch(s, had);
        return;
    }
    cnc__random_hex(id, 8);
    cnc__xml_printf(&xml,
                    "<iq type='get' id='%s' from='%s' to='%s'>"
                    "<ping xmlns='%s'/></iq>",
                    id, cnc__router_domain(s->env->router), s->session->jid,
                    CNC__NS_PING);
    cnc__stream_send(s, xml.data, xml.len, "", 0);
    cnc__str_fini(&xml);
}

static void
on_tick(struct cnc__stream *s)
{
    uint64_t silent = s->now_ms - s->last_in_ms;
    uint64_t idle_ms = s->env->idle_ms;

    if (s->state != CNC__STREAM_BOUND) {
        cnc__sasl_tick(s);
        return;
    }
    if (s->session->sm != NULL) {
        cnc__sm_stream_tick(s);
    }
    if (idle_ms == 0 || s->state != CNC__STREAM_BOUND) {
        return;
    }
    if (silent >= 2 * idle_ms) {
        s->lost = true;
        cnc__stream_fail(s, "connection-timeout", "No answer to a ping", 1000);
    } else if (silent >= idle_ms && !s->pinged) {
        ping(s);
    }
}

static void
on_closed(struct cnc__stream *s)
{
    cnc__sm_closed(s, s->lost);
}

/* A stream that was lost may have left its session behind. */
static void
fini(struct cnc__stream *s)
{
    cnc__enrol_abandon(s);
    cnc__router_unbind(&s->session);
}

const struct cnc__stream_role cnc__role_c2s = {
    .name = "c2s",
    .content_ns = CNC__NS_CLIENT,
    .on_header = on_header,
    .on_element = on_element,
    .on_tick = on_tick,
    .on_closed = on_closed,
    .fini = fini,
};
