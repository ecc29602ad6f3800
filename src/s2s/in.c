/* SPDX-License-Identifier: MIT */
/*
 * in.c -- a stream that a server opened to us.
 *
 *   header -> features [-> STARTTLS -> header -> features]
 *          -> EXTERNAL -> header -> features -> bound
 *          -> <db:result/>... -> bound, with the first that is proved
 *          -> <db:verify/>...  at any time
 */
#include "s2s-priv.h"

#define MAX_TRIES 3u /* at EXTERNAL */

static void
replace(char **at, const char *text)
{
    char *copy = cnc__strdup(text);

    cnc__free(*at);
    *at = copy;
}

/* -- the header ----------------------------------------------------------- */

static bool
may_go_on(const struct cnc__s2s_stream *st)
{
    return st->s->secure || !cnc__s2s_needs_tls(st->s2s, st->domain);
}

static void
say_features(struct cnc__s2s_stream *st)
{
    struct cnc__s2s *s = st->s2s;
    struct cnc__str xml = CNC__STR;

    if (cnc__stream_can_secure(st->s)) {
        cnc__str_puts(&xml, "<starttls xmlns='" CNC__NS_TLS "'");
        cnc__str_puts(&xml, may_go_on(st) ? "/>" : "><required/></starttls>");
    }
    if (may_go_on(st) && !st->external) {
        if (st->cert) {
            cnc__str_puts(&xml, "<mechanisms xmlns='" CNC__NS_SASL
                                "'><mechanism>EXTERNAL</mechanism>"
                                "</mechanisms>");
        }
        if (!s->o.no_bidi) {
            cnc__str_puts(&xml,
                          "<bidi xmlns='" CNC__S2S_NS_BIDI_FEATURE "'/>");
        }
    }
    if (may_go_on(st)) {
        cnc__str_puts(&xml, "<dialback xmlns='" CNC__S2S_NS_DB_FEATURE
                            "'><errors/></dialback>");
    }
    cnc__s2s_add_limits(&xml, s);
    cnc__stream_say_features(st->s, &xml);
}

/* Who they say they are, and to whom they talk.  NULL: nothing wrong. */
static const char *
note_header(struct cnc__s2s_stream *st, const struct cnc_element *root)
{
    const char *from = cnc_element_attr(root, NULL, "from");
    char name[CNC__JID_MAX + 1];

    if (!cnc__s2s_domain_of(name, cnc_element_attr(root, NULL, "to"))) {
        return "host-unknown";
    }
    if (!cnc__s2s_is_host(st->s2s, name)) {
        cnc__s2s_stream_move(st, name);
    }
    if (!cnc__s2s_is_host(st->s2s, name)) {
        return "host-unknown";
    }
    replace(&st->host, name);
    replace(&st->s->host, name);
    if (from == NULL) {
        return st->external ? "invalid-from" : NULL;
    }
    if (!cnc__s2s_domain_of(name, from)) {
        return "improper-addressing";
    }
    if (st->external && strcmp(st->domain, name) != 0) {
        return "invalid-from"; /* not who was authenticated */
    }
    replace(&st->domain, name);
    return cnc__s2s_is_ours(st->s2s, name) ? "invalid-from" : NULL;
}

static void
on_header(struct cnc__stream *s, struct cnc_element *root)
{
    struct cnc__s2s_stream *st = s->role_priv;
    const char *fault = note_header(st, root);

    if (fault == NULL && st->domain != NULL &&
        !cnc__s2s_may(st->s2s, st->domain)) {
        st->s2s->stats.refused++;
        cnc__log(CNC_LOG_INFO, "s2s.refused",
                 "domain=%s host=%s condition=policy-violation peer=%s",
                 st->domain, st->host, s->addr);
        fault = "policy-violation";
    }
    if (fault != NULL) {
        cnc__s2s_end(st, fault, NULL);
        return;
    }
    cnc__s2s_note_tls(st);
    cnc__stream_say_header(s, st->domain);
    s->state = CNC__STREAM_SASL;
    if (st->external && !cnc__s2s_bound(st, st->domain)) {
        return;
    }
    say_features(st);
    if (st->external) {
        struct cnc__s2s_pair *p = NULL;

        cnc__log(CNC_LOG_INFO, "s2s.in.ready",
                 "domain=%s host=%s auth=external tls=%s cert=1 bidi=%d "
                 "peer=%s",
                 st->domain, st->host, st->tls, st->bidi, s->addr);
        if (st->bidi) {
            p = cnc__s2s_pair_get(st->s2s, st->host, st->domain);
        }
        if (p != NULL) {
            cnc__s2s_pair_ready(st->s2s, p, st);
        }
    }
}

/* -- STARTTLS (RFC 6120 5.4) ---------------------------------------------- */

static void
say_one(struct cnc__s2s_stream *st, const char *name, const char *ns,
        const char *inside)
{
    struct cnc__str xml = CNC__STR;

    cnc__str_printf(&xml, "<%s xmlns='%s'", name, ns);
    if (inside == NULL) {
        cnc__str_puts(&xml, "/>");
    } else {
        cnc__str_printf(&xml, "><%s/></%s>", inside, name);
    }
    cnc__s2s_say(st, &xml);
}

static void
on_starttls(struct cnc__s2s_stream *st)
{
    /* Nor while a key is asked about: the answer would make ready a stream
     * whose header has not come. */
    if (!cnc__stream_can_secure(st->s) || st->s->state == CNC__STREAM_BOUND ||
        st->n_asked > 0) {
        say_one(st, "failure", CNC__NS_TLS, NULL);
        cnc__s2s_end(st, NULL, "STARTTLS out of order"); /* 5.4.2.2 */
        return;
    }
    say_one(st, "proceed", CNC__NS_TLS, NULL);
    /* What was said in the clear counts no more. */
    st->bidi = false;
    cnc__stream_go_secure(st->s);
}

/* -- EXTERNAL (XEP-0178 section 3) ---------------------------------------- */

static void
refuse_auth(struct cnc__s2s_stream *st, const char *condition)
{
    st->s2s->stats.refused++;
    st->challenged = false;
    cnc__log(CNC_LOG_WARN, "s2s.refused",
             "domain=%s host=%s auth=external condition=%s peer=%s",
             st->domain == NULL ? "" : st->domain, st->host, condition,
             st->s->addr);
    say_one(st, "failure", CNC__NS_SASL, condition);
    if (++st->tries >= MAX_TRIES) {
        cnc__s2s_end(st, "policy-violation", "too many failures");
    }
}

/* The authorization identity: nothing, or who the header said it is.  "=" is
 * nothing too (RFC 6120 6.4.2). */
static const char *
authzid_fault(const struct cnc__s2s_stream *st, const char *text)
{
    struct cnc__str id = CNC__STR;
    char name[CNC__JID_MAX + 1];
    const char *fault = NULL;

    if (strcmp(text, "=") == 0 || text[0] == '\0') {
        return NULL;
    }
    if (cnc__base64_decode(&id, text, strlen(text)) != 0) {
        fault = "incorrect-encoding";
    } else if (id.len > 0 && (strlen(id.data) != id.len ||
                              !cnc__s2s_domain_of(name, id.data) ||
                              strcmp(name, st->domain) != 0)) {
        fault = "invalid-authzid";
    }
    cnc__str_fini(&id);
    return fault;
}

static void
finish_auth(struct cnc__s2s_stream *st, const char *text)
{
    const char *fault;

    st->challenged = false;
    st->cert = st->domain != NULL && cnc__s2s_cert_names(st, st->domain);
    fault = st->domain == NULL ? "not-authorized" : authzid_fault(st, text);
    if (fault == NULL && !st->cert) {
        fault = "not-authorized";
    }
    if (fault != NULL) {
        refuse_auth(st, fault);
        return;
    }
    st->external = true;
    say_one(st, "success", CNC__NS_SASL, NULL);
    cnc__stream_restart(st->s);
}

static void
on_sasl(struct cnc__s2s_stream *st, const struct cnc_element *e)
{
    const char *mechanism = cnc_element_attr(e, NULL, "mechanism");
    const char *text = cnc_element_text(e);

    if (st->s->state == CNC__STREAM_BOUND || st->external) {
        cnc__s2s_end(st, "policy-violation", "authenticated already");
    } else if (cnc_element_is(e, NULL, "abort")) {
        refuse_auth(st, "aborted");
    } else if (cnc_element_is(e, NULL, "response") && st->challenged) {
        finish_auth(st, text);
    } else if (!cnc_element_is(e, NULL, "auth") || st->challenged) {
        refuse_auth(st, "malformed-request");
    } else if (mechanism == NULL || strcmp(mechanism, "EXTERNAL") != 0) {
        refuse_auth(st, "invalid-mechanism");
    } else if (text[0] == '\0') {
        st->challenged = true;
        say_one(st, "challenge", CNC__NS_SASL, NULL);
    } else {
        finish_auth(st, text);
    }
}

/* -- elements ------------------------------------------------------------- */

static void
on_bidi(struct cnc__s2s_stream *st, const struct cnc_element *e)
{
    /* XEP-0288 2.2: before it is believed. */
    if (st->s2s->o.no_bidi || st->s->state == CNC__STREAM_BOUND) {
        return;
    }
    st->bidi = true;
    cnc__s2s_note_limits(st, e);
}

static void
on_element(struct cnc__stream *s, struct cnc_element *e)
{
    struct cnc__s2s_stream *st = s->role_priv;

    if (cnc_element_is(e, CNC__NS_TLS, "starttls")) {
        on_starttls(st);
    } else if (cnc_element_is(e, CNC__NS_DIALBACK, NULL)) {
        cnc__s2s_dialback(st, e); /* it says itself what it needs */
    } else if (cnc_element_is(e, CNC__NS_STREAMS, "error")) {
        cnc__s2s_element(st, e);
    } else if (!may_go_on(st)) {
        cnc__s2s_end(
            st, cnc__is_stanza_name(e) ? "not-authorized" : "policy-violation",
            "STARTTLS comes first");
    } else if (cnc_element_is(e, CNC__NS_SASL, NULL)) {
        on_sasl(st, e);
    } else if (cnc_element_is(e, CNC__S2S_NS_BIDI, "bidi")) {
        on_bidi(st, e);
    } else {
        cnc__s2s_element(st, e);
    }
}

const struct cnc__stream_role cnc__role_s2s_in = {
    .name = "s2s-in",
    .content_ns = CNC__NS_SERVER,
    .header_ns = " xmlns:db='" CNC__NS_DIALBACK "'",
    .keeps_id = true,
    .on_header = on_header,
    .on_element = on_element,
    .on_tick = cnc__s2s_tick_stream,
    .on_closed = cnc__s2s_closed,
    .fini = cnc__s2s_fini_stream,
};
