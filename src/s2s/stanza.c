/* SPDX-License-Identifier: MIT */
/*
 * stanza.c -- stanzas that come in, and what streams of both directions have
 * in common: their end, silence, what is noted about them.
 */
#include "s2s-priv.h"

#define UNUSED_MS 10000u /* a stream that was dialled to ask one question */

/* -- saying --------------------------------------------------------------- */

void
cnc__s2s_say(struct cnc__s2s_stream *st, struct cnc__str *xml)
{
    cnc__stream_send(st->s, cnc__str_c(xml), xml->len, "", 0);
    cnc__str_fini(xml);
}

void
cnc__s2s_add_limits(struct cnc__str *out, const struct cnc__s2s *s)
{
    cnc__str_printf(
        out,
        "<limits xmlns='" CNC__S2S_NS_LIMITS "'><max-bytes>%u</max-bytes>"
        "<idle-seconds>%u</idle-seconds></limits>",
        (unsigned)s->o.max_stanza, (unsigned)(s->o.silent_ms / 1000));
}

void
cnc__s2s_note_limits(struct cnc__s2s_stream *st, const struct cnc_element *e)
{
    const struct cnc_element *l =
        cnc_element_child(e, CNC__S2S_NS_LIMITS, "limits");
    int64_t n;

    if (cnc__parse_int(&n, cnc_element_child_text(l, NULL, "max-bytes"), 1,
                       UINT32_MAX)) {
        st->peer_max = (uint32_t)n;
    }
}

void
cnc__s2s_note_tls(struct cnc__s2s_stream *st)
{
    const struct cnc__stream_events *ev = st->s->events;
    struct cnc__tls_info info = {0};

    if (st->s->secure && ev->tls_info != NULL) {
        ev->tls_info(&info, st->s->priv);
        memcpy(st->tls, info.version, sizeof(st->tls));
        st->tls[sizeof(st->tls) - 1] = '\0';
    }
    if (st->domain != NULL) {
        st->cert = cnc__s2s_cert_names(st, st->domain);
    }
}

/* -- believing ------------------------------------------------------------ */

static bool
count_in(struct cnc__s2s_stream *st, const char *domain)
{
    struct cnc__s2s *s = st->s2s;
    uintptr_t n = (uintptr_t)cnc__table_get(s->n_in, domain);

    if (n >= s->o.max_in) {
        return false;
    }
    cnc__table_put(s->n_in, domain, (void *)(n + 1));
    st->counted = cnc__strdup(domain);
    return true;
}

static void
uncount_in(struct cnc__s2s_stream *st)
{
    struct cnc__s2s *s = st->s2s;
    uintptr_t n;

    if (st->counted == NULL) {
        return;
    }
    n = (uintptr_t)cnc__table_get(s->n_in, st->counted) - 1;
    if (n == 0) {
        cnc__table_del(s->n_in, st->counted);
    } else {
        cnc__table_put(s->n_in, st->counted, (void *)n);
    }
    cnc__free(st->counted);
    st->counted = NULL;
}

bool
cnc__s2s_bound(struct cnc__s2s_stream *st, const char *domain)
{
    struct cnc_xml_limits l;

    if (st->s->state >= CNC__STREAM_CLOSING) {
        return false;
    }
    if (!st->out && st->counted == NULL && !count_in(st, domain)) {
        cnc__s2s_end(st, "resource-constraint", "too many streams");
        return false;
    }
    st->s->state = CNC__STREAM_BOUND;
    if (!st->s->authenticated) {
        st->s->authenticated = true;
        l = cnc__stream_limits(st->s);
        cnc_parser_limit(st->s->parser, &l);
    }
    return true;
}

/* -- stanzas -------------------------------------------------------------- */

/* RFC 6120 8.1.1.2, 8.1.2.2, 4.9.3: the stream error for these addresses;
 * NULL: none. */
static const char *
address_fault(const struct cnc__s2s_stream *st, const struct cnc_element *e)
{
    const char *from = cnc_element_attr(e, NULL, "from");
    const char *to = cnc_element_attr(e, NULL, "to");
    char who[CNC__JID_MAX + 1], whom[CNC__JID_MAX + 1];
    char *domain, *host;
    const char *part, *fault = NULL;
    size_t len;

    if (from == NULL || to == NULL ||
        cnc__jid_prepare(who, from, strlen(from), NULL) != 0 ||
        cnc__jid_prepare(whom, to, strlen(to), NULL) != 0) {
        return "improper-addressing";
    }
    part = cnc__jid_domain(who, &len);
    domain = cnc__strndup(part, len);
    part = cnc__jid_domain(whom, &len);
    host = cnc__strndup(part, len);
    if (!cnc__s2s_is_host(st->s2s, host)) {
        fault = "host-unknown";
    } else if (!cnc__s2s_granted(st, domain, host)) {
        fault = "invalid-from";
    }
    cnc__free(domain);
    cnc__free(host);
    return fault;
}

/* Does it count as use?  Pings keep no stream alive that nobody needs. */
static bool
is_use(const struct cnc_element *e)
{
    const char *type = cnc_element_attr(e, NULL, "type");

    return strcmp(cnc_element_name(e), "iq") != 0 ||
           (type != NULL && strcmp(type, "result") != 0 &&
            cnc_element_child(e, CNC__NS_PING, "ping") == NULL);
}

static void
on_stanza(struct cnc__s2s_stream *st, struct cnc_element *e)
{
    struct cnc__s2s *s = st->s2s;
    const char *fault;

    if (st->s->state != CNC__STREAM_BOUND || (st->out && !st->bidi)) {
        cnc__s2s_end(st, "not-authorized", NULL);
        return;
    }
    fault = address_fault(st, e);
    if (fault != NULL) {
        s->stats.refused++;
        cnc__s2s_end(st, fault, NULL);
        return;
    }
    s->stats.received++;
    if (is_use(e)) {
        st->used_ms = st->s->now_ms;
    }
    cnc__router_from_peer(s->env.router, e);
}

/* RFC 6120 4.9: the peer ends it, and says why. */
static void
on_stream_error(struct cnc__s2s_stream *st, const struct cnc_element *e)
{
    const struct cnc_element *c =
        cnc_element_child(e, CNC__NS_STREAM_ERROR, NULL);
    const char *text = cnc_element_child_text(e, CNC__NS_STREAM_ERROR, "text");
    struct cnc__str why = CNC__STR;

    cnc__str_printf(&why, "%s%s%.200s",
                    c == NULL ? "undefined-condition" : cnc_element_name(c),
                    text[0] == '\0' ? "" : ": ", text);
    if (st->out && c != NULL && st->s->state != CNC__STREAM_BOUND &&
        cnc_element_is(c, NULL, "host-unknown")) {
        st->definite = "remote-server-not-found";
    }
    cnc__s2s_end(st, NULL, why.data);
    cnc__str_fini(&why);
}

void
cnc__s2s_element(struct cnc__s2s_stream *st, struct cnc_element *e)
{
    if (cnc_element_is(e, CNC__NS_CLIENT, NULL) && cnc__is_stanza_name(e)) {
        on_stanza(st, e);
    } else if (cnc_element_is(e, CNC__NS_DIALBACK, NULL)) {
        cnc__s2s_dialback(st, e);
    } else if (cnc_element_is(e, CNC__NS_STREAMS, "error")) {
        on_stream_error(st, e);
    } else if (st->s->state != CNC__STREAM_BOUND) {
        cnc__s2s_end(st, "not-authorized", NULL);
    } else {
        cnc__s2s_end(st, "unsupported-stanza-type", NULL);
    }
}

/* -- silence -------------------------------------------------------------- */

static void
ping(struct cnc__s2s_stream *st)
{
    struct cnc__str xml = CNC__STR;
    char id[17];

    st->pinged_ms = st->s->now_ms;
    if (!st->bidi) {
        /* The answer would come by another stream, or by none: RFC 6120
         * 4.6.1 then has white space, which finds a dead connection too. */
        cnc__str_putc(&xml, ' ');
    } else {
        cnc__random_hex(id, 8);
        cnc__xml_printf(&xml,
                        "<iq type='get' id='%s' from='%s' to='%s'>"
                        "<ping xmlns='%s'/></iq>",
                        id, st->host, st->domain, CNC__NS_PING);
    }
    cnc__s2s_say(st, &xml);
}

/* Does anybody need it, or wait for something on it? */
static bool
is_busy(const struct cnc__s2s_stream *st, bool ready_too)
{
    const struct cnc__s2s_domain *d =
        st->domain == NULL ? NULL
                           : cnc__table_get(st->s2s->domains, st->domain);

    for (const struct cnc__s2s_pair *p = d == NULL ? NULL : d->pairs; p;
         p = p->next) {
        if (p->out != st && p->stream != st) {
            continue;
        }
        if (p->asked || p->queue.n > 0 || p->verifies != NULL ||
            (ready_too && p->stream == st)) {
            return true;
        }
    }
    return st->n_asked > 0;
}

void
cnc__s2s_end_unused(struct cnc__s2s_stream *st, const char *why)
{
    if (!is_busy(st, true)) {
        cnc__s2s_end(st, NULL, why);
    }
}

/* Two clocks meet here, the room's and the stream's: one may be behind. */
static uint64_t
since(const struct cnc__stream *s, uint64_t then_ms)
{
    return s->now_ms > then_ms ? s->now_ms - then_ms : 0;
}

void
cnc__s2s_tick_stream(struct cnc__stream *s)
{
    struct cnc__s2s_stream *st = s->role_priv;
    const struct cnc__s2s_options *o = &st->s2s->o;
    uint64_t silent = since(s, s->last_in_ms);
    uint64_t unused = since(s, st->used_ms);
    uint64_t quiet = since(s, st->pinged_ms);

    quiet = quiet < unused ? quiet : unused;
    if (s->state != CNC__STREAM_BOUND) {
        if (st->open && unused >= UNUSED_MS) {
            cnc__s2s_end_unused(st, "not needed any more");
        }
    } else if (st->bidi && silent >= 2 * (uint64_t)o->ping_ms) {
        cnc__s2s_end(st, "connection-timeout", "No answer to a ping");
    } else if (st->out && unused >= o->idle_ms && !is_busy(st, false)) {
        cnc__s2s_end(st, NULL, "idle");
    } else if (!st->out && !st->bidi && silent >= o->silent_ms) {
        cnc__s2s_end(st, NULL, "silent");
    } else if ((st->out || st->bidi) &&
               (st->bidi ? silent : quiet) >= o->ping_ms &&
               quiet >= o->ping_ms) {
        ping(st);
    }
}

/* -- the end -------------------------------------------------------------- */

/* Those whose way it was. */
static void
lose_pairs(struct cnc__s2s_stream *st)
{
    struct cnc__s2s *s = st->s2s;
    struct cnc__s2s_pair **all;
    size_t n = 0;

    if (st->n_pairs == 0) {
        return;
    }
    all = cnc__realloc(NULL, st->n_pairs, sizeof(struct cnc__s2s_pair *));
    for (struct cnc__table_iter i = {0}; cnc__table_next(s->domains, &i);) {
        struct cnc__s2s_domain *d = i.value;

        for (struct cnc__s2s_pair *p = d->pairs; p != NULL; p = p->next) {
            if (p->out == st || p->stream == st) {
                all[n++] = p;
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        cnc__s2s_pair_lost(s, all[i], st);
    }
    cnc__free(all);
}

static void
release(struct cnc__s2s_stream *st)
{
    struct cnc__table_iter i = {0};

    while (st->grants != NULL && cnc__table_next(st->grants, &i)) {
        struct cnc__s2s_grant *g = i.value;

        if (g->verify != NULL) {
            cnc__s2s_verify_drop(st->s2s, g->verify);
        }
    }
    lose_pairs(st);
    uncount_in(st);
}

void
cnc__s2s_end(struct cnc__s2s_stream *st, const char *condition,
             const char *text)
{
    if (st->s->state >= CNC__STREAM_CLOSING) {
        return;
    }
    if (st->error == NULL) {
        st->error = cnc__strdup(text != NULL ? text : condition);
    }
    cnc__log(CNC_LOG_INFO, "s2s.end",
             "direction=%s domain=%s host=%s condition=%s peer=%s text=%s",
             st->out ? "out" : "in", st->domain == NULL ? "" : st->domain,
             st->host == NULL ? "" : st->host,
             condition == NULL ? "" : condition, st->s->addr, st->error);
    cnc__stream_close(st->s, condition, condition == NULL ? NULL : text);
    release(st);
}

void
cnc__s2s_closed(struct cnc__stream *s)
{
    release(s->role_priv);
}

void
cnc__s2s_fini_stream(struct cnc__stream *s)
{
    struct cnc__s2s_stream *st = s->role_priv;

    CNC_OBJ_CHECK(st, CNC__S2S_STREAM_MAGIC);
    *(st->prev == NULL ? &st->s2s->streams : &st->prev->next) = st->next;
    if (st->next != NULL) {
        st->next->prev = st->prev;
    }
    *(st->out ? &st->s2s->stats.n_out : &st->s2s->stats.n_in) -= 1;
    cnc__table_free(&st->grants, cnc__free);
    cnc__free(st->domain);
    cnc__free(st->host);
    cnc__free(st->peer_id);
    cnc__free(st->error);
    CNC_OBJ_FREE(st);
}
