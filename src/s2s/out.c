/* SPDX-License-Identifier: MIT */
/*
 * out.c -- a stream that we opened to a server.
 *
 *   our header -> theirs -> features [-> STARTTLS -> again]
 *     -> open: questions about keys go at once
 *     -> <bidi/>, then <auth/> EXTERNAL -> again -> ready
 *        or <db:result/> for each host of ours -> ready, each for itself
 */
#include "s2s-priv.h"

/* -- dialling ------------------------------------------------------------- */

static struct cnc__stream *
on_connected(const struct cnc__stream_peer *peer,
             const struct cnc__stream_events *ev, void *ev_priv,
             uint64_t now_ms, void *priv)
{
    struct cnc__s2s_pair *p = priv;
    struct cnc__s2s *s = p->s2s;
    struct cnc__s2s_stream *st;

    if (p->out != NULL || s->closed) {
        return NULL;
    }
    s->now_ms = now_ms > s->now_ms ? now_ms : s->now_ms;
    st = cnc__s2s_stream_add(s, true);
    st->domain = cnc__strdup(p->domain->name);
    st->host = cnc__strdup(p->host);
    st->dialled_for = p;
    st->n_pairs++;
    p->out = st;
    p->since_ms = s->now_ms;
    st->s = cnc__stream_new_role(&cnc__role_s2s_out, st, &s->stream_env, peer,
                                 ev, ev_priv, now_ms);
    return st->s;
}

static void
on_failed(const char *condition, const char *text, void *priv)
{
    struct cnc__s2s_pair *p = priv;

    cnc__s2s_pair_failed(p->s2s, p,
                         strcmp(condition, "remote-server-not-found") == 0,
                         condition, text);
}

const struct cnc__s2s_dial_events cnc__s2s_dial_events = {on_connected,
                                                          on_failed};

/* -- headers and features ------------------------------------------------- */

static void
on_start(struct cnc__stream *s)
{
    struct cnc__s2s_stream *st = s->role_priv;

    st->s = s; /* the first time, new_role() has not returned yet */
    if (s->host == NULL) {
        s->host = cnc__strdup(st->host);
    }
    cnc__stream_say_header(s, st->domain);
}

static void
on_header(struct cnc__stream *s, struct cnc_element *root)
{
    struct cnc__s2s_stream *st = s->role_priv;
    const char *id = cnc_element_attr(root, NULL, "id");
    const char *prefix, *ns;

    if (id == NULL || id[0] == '\0' || strlen(id) > CNC__S2S_ID_MAX) {
        cnc__s2s_end(st, "bad-format", "the header has no id");
        return;
    }
    cnc__free(st->peer_id);
    st->peer_id = cnc__strdup(id);
    st->declares_dialback = false;
    for (size_t i = 0; i < cnc_element_n_decls(root); i++) {
        cnc_element_decl_at(root, i, &prefix, &ns);
        if (strcmp(ns, CNC__NS_DIALBACK) == 0) {
            st->declares_dialback = true;
        }
    }
    s->state = CNC__STREAM_SASL;
}

static bool
offers_external(const struct cnc_element *features)
{
    const struct cnc_element *list =
        cnc_element_child(features, CNC__NS_SASL, "mechanisms");
    const struct cnc_element *m;

    for (size_t i = 0; list != NULL &&
                       (m = cnc_element_next(list, &i, NULL, "mechanism"));) {
        if (strcmp(cnc_element_text(m), "EXTERNAL") == 0) {
            return true;
        }
    }
    return false;
}

/* What no trying again mends: tell all who wait. */
static void
give_up(struct cnc__s2s_stream *st, const char *text)
{
    st->s2s->stats.refused++;
    cnc__log(CNC_LOG_WARN, "s2s.refused", "domain=%s host=%s peer=%s text=%s",
             st->domain, st->host, st->s->addr, text);
    /* 8.3.3.17: found, but a stream cannot be had for TLS, SASL, dialback. */
    st->definite = "remote-server-timeout";
    cnc__s2s_end(st, NULL, text);
}

static bool
is_believable(struct cnc__s2s_stream *st)
{
    struct cnc__tls_info info = {0};
    struct cnc__str text = CNC__STR;

    if (st->cert || !cnc__s2s_needs_cert(st->s2s, st->domain)) {
        return true;
    }
    if (st->s->secure && st->s->events->tls_info != NULL) {
        st->s->events->tls_info(&info, st->s->priv);
    }
    cnc__str_printf(&text, "the certificate of %s is not good: %.95s",
                    st->domain,
                    info.reason[0] != '\0' ? info.reason : "it names others");
    give_up(st, text.data);
    cnc__str_fini(&text);
    return false;
}

/* -- to be believed ------------------------------------------------------- */

static void
say_auth(struct cnc__s2s_pair *p, struct cnc__s2s_stream *st)
{
    struct cnc__str xml = CNC__STR;

    /* XEP-0178 section 3: with the identity, which older ones want. */
    cnc__str_puts(&xml,
                  "<auth xmlns='" CNC__NS_SASL "' mechanism='EXTERNAL'>");
    cnc__base64_encode(&xml, p->host, strlen(p->host));
    cnc__str_puts(&xml, "</auth>");
    st->auth_said = true;
    cnc__s2s_say(st, &xml);
}

static void
say_key(struct cnc__s2s_pair *p, struct cnc__s2s_stream *st)
{
    struct cnc__str xml = CNC__STR;
    char key[65];

    cnc__dialback_key(key, st->s2s->secret, st->domain, p->host, st->peer_id);
    cnc__xml_printf(&xml, "<db:result from='%s' to='%s'>%s</db:result>",
                    p->host, st->domain, key);
    cnc__wipe(key, sizeof(key));
    cnc__s2s_say(st, &xml);
}

void
cnc__s2s_out_ask(struct cnc__s2s *s, struct cnc__s2s_pair *p,
                 struct cnc__s2s_stream *st)
{
    if (st->auth_said && !st->external) {
        return; /* one thing at a time */
    }
    p->asked_ms = st->used_ms = s->now_ms;
    if (p == st->dialled_for && st->offers_external && !p->no_external &&
        !st->external && st->s->state != CNC__STREAM_BOUND) {
        p->asked = true;
        say_auth(p, st);
    } else if (st->offers_dialback || st->declares_dialback) {
        p->asked = true;
        say_key(p, st);
    } else if (p == st->dialled_for) {
        give_up(st, "it offers no way to be believed");
    } else {
        p->own = true;
        cnc__s2s_pair_detach(p, st);
        cnc__s2s_pair_go(s, p);
    }
}

/* Everybody who uses the stream may ask now. */
static void
ask_all(struct cnc__s2s_stream *st)
{
    struct cnc__s2s_domain *d = cnc__table_get(st->s2s->domains, st->domain);

    for (struct cnc__s2s_pair *p = d == NULL ? NULL : d->pairs; p;
         p = p->next) {
        if (p->out == st) {
            cnc__s2s_pair_go(st->s2s, p);
        }
    }
}

static void
say_bidi(struct cnc__s2s_stream *st)
{
    struct cnc__str xml = CNC__STR;

    st->bidi = true;
    cnc__str_puts(&xml, "<bidi xmlns='" CNC__S2S_NS_BIDI "'>");
    cnc__s2s_add_limits(&xml, st->s2s);
    cnc__str_puts(&xml, "</bidi>");
    cnc__s2s_say(st, &xml);
}

static void
note_features(struct cnc__s2s_stream *st, const struct cnc_element *e)
{
    st->offers_external = st->s->secure && offers_external(e);
    st->offers_dialback =
        cnc_element_child(e, CNC__S2S_NS_DB_FEATURE, "dialback") != NULL;
    st->offers_bidi =
        cnc_element_child(e, CNC__S2S_NS_BIDI_FEATURE, "bidi") != NULL;
    cnc__s2s_note_limits(st, e);
    cnc__s2s_note_tls(st);
}

static void
open_stream(struct cnc__s2s_stream *st)
{
    struct cnc__s2s_pair *p = st->dialled_for;

    st->open = true;
    st->used_ms = st->s->now_ms;
    if (st->external) {
        if (p != NULL && cnc__s2s_bound(st, NULL)) {
            cnc__s2s_pair_ready(st->s2s, p, st);
        }
    } else if (st->offers_bidi && !st->s2s->o.no_bidi) {
        say_bidi(st);
    }
    ask_all(st);
}

static void
on_features(struct cnc__s2s_stream *st, const struct cnc_element *e)
{
    struct cnc__str xml = CNC__STR;

    if (st->open && !st->external) {
        cnc__s2s_end(st, "policy-violation", "features said twice");
        return;
    }
    note_features(st, e);
    if (cnc__stream_can_secure(st->s) &&
        cnc_element_child(e, CNC__NS_TLS, "starttls") != NULL) {
        st->tls_said = true;
        cnc__str_puts(&xml, "<starttls xmlns='" CNC__NS_TLS "'/>");
        cnc__s2s_say(st, &xml);
    } else if (!st->s->secure && cnc__s2s_needs_tls(st->s2s, st->domain)) {
        give_up(st, "it offers no TLS");
    } else if (is_believable(st)) {
        open_stream(st);
    }
}

/* -- elements ------------------------------------------------------------- */

static void
on_tls(struct cnc__s2s_stream *st, const struct cnc_element *e)
{
    if (!st->tls_said || st->s->secure) {
        cnc__s2s_end(st, "policy-violation", "TLS out of order");
    } else if (cnc_element_is(e, NULL, "proceed")) {
        st->tls_said = false;
        cnc__stream_go_secure(st->s);
    } else {
        cnc__s2s_end(st, NULL, "it refused STARTTLS");
    }
}

static void
on_sasl(struct cnc__s2s_stream *st, const struct cnc_element *e)
{
    struct cnc__s2s_pair *p = st->dialled_for;
    struct cnc__str xml = CNC__STR;

    if (!st->auth_said || st->external) {
        cnc__s2s_end(st, "policy-violation", "SASL out of order");
    } else if (cnc_element_is(e, NULL, "success")) {
        st->external = true;
        cnc__stream_restart(st->s);
    } else if (cnc_element_is(e, NULL, "challenge")) {
        /* There is nothing more to say. */
        cnc__str_puts(&xml, "<response xmlns='" CNC__NS_SASL "'/>");
        cnc__s2s_say(st, &xml);
    } else {
        st->auth_said = false;
        if (p == NULL) {
            return;
        }
        p->asked = false;
        p->no_external = true;
        cnc__log(CNC_LOG_INFO, "s2s.refused",
                 "domain=%s host=%s auth=external by=peer", st->domain,
                 st->host);
        ask_all(st);
    }
}

static void
on_element(struct cnc__stream *s, struct cnc_element *e)
{
    struct cnc__s2s_stream *st = s->role_priv;

    if (cnc_element_is(e, CNC__NS_STREAMS, "features")) {
        on_features(st, e);
    } else if (cnc_element_is(e, CNC__NS_TLS, NULL)) {
        on_tls(st, e);
    } else if (cnc_element_is(e, CNC__NS_SASL, NULL)) {
        on_sasl(st, e);
    } else {
        cnc__s2s_element(st, e);
    }
}

const struct cnc__stream_role cnc__role_s2s_out = {
    .name = "s2s-out",
    .content_ns = CNC__NS_SERVER,
    .header_ns = " xmlns:db='" CNC__NS_DIALBACK "'",
    .initiates = true,
    .on_start = on_start,
    .on_header = on_header,
    .on_element = on_element,
    .on_tick = cnc__s2s_tick_stream,
    .on_closed = cnc__s2s_closed,
    .fini = cnc__s2s_fini_stream,
};
