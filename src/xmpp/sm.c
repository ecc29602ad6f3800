/* SPDX-License-Identifier: MIT */
/*
 * sm.c -- XEP-0198 on a stream: counting, asking, answering, resuming.
 */
#include "sm-priv.h"

#include "../base/log.h"
#include "../base/text.h"
#include "../xml/write.h"

#define TIMEOUT_MS     300000u
#define MAX_STANZAS    10000u
#define MAX_BYTES      (2u << 20)
#define MAX_ALL        ((uint64_t)256 << 20)
#define MAX_WAITING    10000u
#define MAX_WAITING_OF 10u
#define ASK_STANZAS    10u
#define ASK_BYTES      (32u << 10)
#define HELD           16384 /* bytes any session may hold, whatever others do */
#define SHARE          512 /* from here on output and queue share the bytes */
#define SHARE_HEAD     16  /* the element's name is in it */

/* -- of a router -----------------------------------------------------------
 */

static uint32_t
or_default(uint32_t value, uint32_t otherwise)
{
    return value == 0 ? otherwise : value;
}

static void
configure(struct cnc__sms *sms, const struct cnc__sm_config *config)
{
    struct cnc__sm_config *c = &sms->config;

    *c = *config;
    c->timeout_ms = or_default(c->timeout_ms, TIMEOUT_MS);
    c->max_stanzas = or_default(c->max_stanzas, MAX_STANZAS);
    c->max_bytes = or_default(c->max_bytes, MAX_BYTES);
    c->max_all = c->max_all == 0 ? MAX_ALL : c->max_all;
    c->max_waiting = or_default(c->max_waiting, MAX_WAITING);
    c->max_waiting_of = or_default(c->max_waiting_of, MAX_WAITING_OF);
    c->ask_stanzas = or_default(c->ask_stanzas, ASK_STANZAS);
    c->ask_bytes = or_default(c->ask_bytes, ASK_BYTES);
    /* Twice of it must be countable. */
    CNC_CHECK(c->max_bytes <= CNC_BUF_MAX && c->max_stanzas <= 1u << 30);
}

struct cnc__sms *
cnc__sms_new(void)
{
    static const struct cnc__sm_config defaults;
    struct cnc__sms *sms = cnc__zalloc(sizeof(*sms));

    configure(sms, &defaults);
    sms->ids = cnc__table_new();
    return sms;
}

void
cnc__sms_free(struct cnc__sms **sp)
{
    struct cnc__sms *sms = *sp;

    if (sms == NULL) {
        return;
    }
    *sp = NULL;
    CNC_CHECK(sms->head == NULL && cnc__table_len(sms->ids) == 0);
    for (size_t i = 0; sms->tombs != NULL && i < CNC__SM_TOMBS; i++) {
        cnc__free(sms->tombs[i].id);
        cnc__free(sms->tombs[i].bare);
    }
    cnc__free(sms->tombs);
    cnc__table_free(&sms->ids, NULL);
    cnc__free(sms);
}

void
cnc__sm_configure(struct cnc__router *r, const struct cnc__sm_config *config)
{
    configure(r->sms, config);
}

void
cnc__sm_stats(const struct cnc__router *r, struct cnc__sm_stats *out)
{
    *out = r->sms->stats;
}

void
cnc__sm_on_return(struct cnc__router *r, cnc__sm_return_f *f, void *priv)
{
    r->sms->on_return = f;
    r->sms->on_return_priv = priv;
}

/* -- of a session ----------------------------------------------------------
 */

struct cnc__sm *
cnc__sm_new(struct cnc__session *s)
{
    struct cnc__sm *m = cnc__zalloc(sizeof(*m));

    m->magic = CNC__SM_MAGIC;
    m->session = s;
    s->sm = m;
    return m;
}

void
cnc__sm_free(struct cnc__sm **mp)
{
    struct cnc__sm *m = *mp;

    CNC_OBJ_CHECK(m, CNC__SM_MAGIC);
    CNC_CHECK(!m->waits && m->id == NULL);
    *mp = NULL;
    cnc__sm_drop(m, cnc__keep_n(&m->keep));
    cnc__keep_fini(&m->keep);
    cnc__csi_free(&m->csi);
    CNC_OBJ_FREE(m);
}

bool
cnc__sm_is_on(const struct cnc__session *s)
{
    return s->sm != NULL && s->sm->on;
}

bool
cnc__sm_is_inactive(const struct cnc__session *s)
{
    return s->sm != NULL && s->sm->csi != NULL;
}

bool
cnc__sm_is_resumable(const struct cnc__session *s)
{
    return s->sm != NULL && s->sm->id != NULL;
}

void
cnc__sm_count_in(struct cnc__session *s)
{
    s->sm->in++; /* 2^32 - 1 is followed by 0, as section 4 has it */
}

void
cnc__sm_drop(struct cnc__sm *m, size_t n)
{
    struct cnc__sm_stats *stats = &m->session->router->sms->stats;

    stats->bytes -= m->keep.own;
    cnc__keep_drop(&m->keep, n);
    stats->bytes += m->keep.own;
}

/* -- sending ---------------------------------------------------------------
 */

static void
say(struct cnc__stream *s, const char *fmt, ...)
{
    struct cnc__str xml = CNC__STR;
    va_list ap;

    va_start(ap, fmt);
    cnc__xml_vprintf(&xml, fmt, ap);
    va_end(ap);
    cnc__stream_say(s, &xml);
    cnc__str_fini(&xml);
}

static void
ask(struct cnc__sm *m)
{
    m->asked = true;
    m->n_unasked = m->unasked = 0;
    say(m->session->stream, "<r xmlns='" CNC__NS_SM "'/>");
}

static bool
may_send(const struct cnc__stream *s)
{
    return s != NULL && s->state == CNC__STREAM_BOUND;
}

void
cnc__sm_more(struct cnc__sm *m)
{
    const struct cnc__sm_config *c = &m->session->router->sms->config;
    struct cnc__stream *s = m->session->stream;
    const struct cnc__kept *e;
    const char *head;

    while (may_send(s) && !cnc__stream_is_full(s) &&
           (e = cnc__keep_unsent(&m->keep, &head)) != NULL) {
        m->n_unasked++;
        m->unasked += e->len;
        if (e->tail == NULL) {
            cnc__stream_send(s, head, e->len, "", 0);
        } else {
            m->unasked += (uint32_t)cnc_buf_len(e->tail);
            cnc__stream_send_shared(s, head, e->len, e->tail);
        }
        cnc__keep_sent(&m->keep);
    }
    if (may_send(s) && !m->asked && m->keep.n_sent > 0 &&
        (m->n_unasked >= c->ask_stanzas || m->unasked >= c->ask_bytes ||
         m->keep.n_sent < cnc__keep_n(&m->keep))) {
        ask(m);
    }
}

static bool
is_too_much(const struct cnc__sm *m, unsigned times)
{
    const struct cnc__sms *sms = m->session->router->sms;
    const struct cnc__sm_config *c = &sms->config;
    size_t n = cnc__keep_n(&m->keep);

    return n > (size_t)c->max_stanzas * times ||
           m->keep.bytes > (size_t)c->max_bytes * times ||
           (sms->stats.bytes > c->max_all && m->keep.own > HELD * times);
}

bool
cnc__sm_has_room(const struct cnc__sm *m)
{
    const struct cnc__sm_config *c = &m->session->router->sms->config;

    return cnc__keep_n(&m->keep) <= c->max_stanzas / 4 &&
           m->keep.bytes <= c->max_bytes / 4;
}

/* The session ends, soon: what is sent to it until then goes back to the
 * router with the rest. */
static void
overflow(struct cnc__sm *m)
{
    struct cnc__session *s = m->session;

    cnc__log(CNC_LOG_INFO, "sm.overflow", "jid=%s stanzas=%zu bytes=%zu",
             s->jid, cnc__keep_n(&m->keep), m->keep.bytes);
    if (s->stream == NULL) {
        cnc__sm_end(s);
        return;
    }
    m->ending = true;
    cnc__sm_forget(m);
    cnc__stream_close(s->stream, "policy-violation",
                      "Too much is not acknowledged");
}

static void
keep(struct cnc__sm *m, const char *head, size_t head_len,
     const struct cnc_buf *tail, bool shared)
{
    struct cnc__sm_stats *stats = &m->session->router->sms->stats;

    if (m->ending && is_too_much(m, 2)) {
        return; /* in one turn of the loop: nobody has that much to say */
    }
    stats->bytes -= m->keep.own;
    cnc__keep_add(&m->keep, head, head_len, tail, shared);
    stats->bytes += m->keep.own;
    if (m->ending) {
        return;
    }
    if (is_too_much(m, 1)) {
        overflow(m);
    } else {
        cnc__sm_more(m);
    }
}

void
cnc__sm_pass(struct cnc__session *s, const char *head, size_t head_len,
             const struct cnc_buf *tail)
{
    struct cnc__sm *m = s->sm;
    struct cnc_buf *rest;

    if (!m->on) {
        if (tail != NULL) {
            cnc__stream_send_shared(s->stream, head, head_len, tail);
        } else {
            cnc__stream_send(s->stream, head, head_len, "", 0);
        }
    } else if (tail == NULL && head_len >= SHARE) {
        rest = cnc_buf_new(head + SHARE_HEAD, head_len - SHARE_HEAD);
        keep(m, head, SHARE_HEAD, rest, false);
        cnc_buf_unref(&rest);
    } else {
        keep(m, head, head_len, tail, true);
    }
}

void
cnc__sm_send(struct cnc__session *s, const char *head, size_t head_len,
             const struct cnc_buf *tail)
{
    CNC_OBJ_CHECK(s->sm, CNC__SM_MAGIC);
    if (s->sm->csi == NULL || !cnc__csi_holds(s, head, head_len, tail)) {
        cnc__sm_pass(s, head, head_len, tail);
    }
}

void
cnc__sm_stream_tick(struct cnc__stream *s)
{
    struct cnc__sm *m = s->session->sm;

    if (m->on) {
        cnc__sm_more(m);
        if (may_send(s) && !m->asked && m->keep.n_sent > 0) {
            ask(m);
        }
    }
}

bool
cnc__sm_ping(struct cnc__stream *s)
{
    if (!cnc__sm_is_on(s->session)) {
        return false;
    }
    ask(s->session->sm);
    return true;
}

/* -- enabling --------------------------------------------------------------
 */

static void
add_failed(struct cnc__str *out, const char *condition)
{
    cnc__xml_printf(out, "<failed xmlns='%s'><%s xmlns='%s'/></failed>",
                    CNC__NS_SM, condition, CNC__NS_STANZA_ERROR);
}

static bool
is_true(const char *value)
{
    return value != NULL &&
           (strcmp(value, "true") == 0 || strcmp(value, "1") == 0);
}

/* The client may want less time than we give. */
static uint32_t
time_to_wait(const struct cnc__sm_config *c, const char *max)
{
    int64_t seconds;

    if (max != NULL && cnc__parse_int(&seconds, max, 1, UINT32_MAX) &&
        (uint64_t)seconds * 1000 < c->timeout_ms) {
        return (uint32_t)seconds * 1000;
    }
    return c->timeout_ms;
}

bool
cnc__sm_enable(struct cnc__stream *s, const struct cnc_element *enable,
               struct cnc__str *out)
{
    struct cnc__session *session = s->session;
    const struct cnc__sm_config *c;
    struct cnc__sm *m;
    char id[33];

    if (session == NULL || cnc__sm_is_on(session)) {
        add_failed(out, "unexpected-request");
        return false;
    }
    c = &session->router->sms->config;
    m = session->sm != NULL ? session->sm : cnc__sm_new(session);
    m->on = true;
    m->in = m->acked = c->first;
    cnc__xml_printf(out, "<enabled xmlns='%s'", CNC__NS_SM);
    if (!c->no_resumption &&
        is_true(cnc_element_attr(enable, NULL, "resume"))) {
        cnc__random_hex(id, 16);
        m->id = cnc__strdup(id);
        m->max_ms = time_to_wait(c, cnc_element_attr(enable, NULL, "max"));
        cnc__table_put(session->router->sms->ids, id, m);
        cnc__xml_printf(out, " id='%s' resume='true' max='%u'", id,
                        (m->max_ms + 999) / 1000);
    }
    cnc__str_puts(out, "/>");
    return true;
}

/* -- resuming --------------------------------------------------------------
 */

static bool
get_h(uint32_t *h, const struct cnc_element *e)
{
    const char *text = cnc_element_attr(e, NULL, "h");
    int64_t number;

    if (text == NULL || !cnc__parse_int(&number, text, 0, UINT32_MAX)) {
        return false;
    }
    *h = (uint32_t)number;
    return true;
}

static void
too_high(struct cnc__stream *s, const struct cnc__sm *m, uint32_t h)
{
    struct cnc__str specific = CNC__STR;
    uint32_t sent = m->acked + (uint32_t)m->keep.n_sent;

    cnc__xml_printf(&specific,
                    "<handled-count-too-high xmlns='%s' h='%u'"
                    " send-count='%u'/>",
                    CNC__NS_SM, h, sent);
    cnc__stream_fail_with(s, "undefined-condition",
                          "You acknowledged more than you were sent",
                          specific.data, 1000);
    cnc__str_fini(&specific);
}

/* Anonymous visitors: see sm.h. */
static bool
may_resume(const struct cnc__stream *s, const struct cnc__sm *m)
{
    const struct cnc__session *of = m->session;

    if (of->anonymous || s->anonymous) {
        return of->anonymous && s->anonymous;
    }
    return of->operator_ == s->operator_ &&
           strlen(s->account) == of->bare_len &&
           memcmp(s->account, of->jid, of->bare_len) == 0;
}

/* The session that previd names and s may have; NULL: none. */
static struct cnc__sm *
find(const struct cnc__stream *s, const char *previd)
{
    struct cnc__sm *m = cnc__table_get(s->env->router->sms->ids, previd);
    const struct cnc__stream *of = m == NULL ? NULL : m->session->stream;

    if (m == NULL || !may_resume(s, m) ||
        (of != NULL && of->state != CNC__STREAM_BOUND)) {
        return NULL;
    }
    return m;
}

static void
add_not_found(struct cnc__stream *s, const char *previd, struct cnc__str *out)
{
    const struct cnc__sm_tomb *tomb = cnc__sm_tomb(
        s->env->router->sms, previd, s->anonymous ? NULL : s->account);

    cnc__xml_printf(out, "<failed xmlns='%s'", CNC__NS_SM);
    if (tomb != NULL) {
        cnc__xml_printf(out, " h='%u'", tomb->in);
    }
    cnc__xml_printf(out, "><item-not-found xmlns='%s'/></failed>",
                    CNC__NS_STANZA_ERROR);
}

/* The session leaves its older stream, if it still has one. */
static void
take_over(struct cnc__sm *m, struct cnc__stream *s)
{
    struct cnc__session *session = m->session;
    struct cnc__stream *old = session->stream;

    if (m->waits) {
        cnc__sm_unwait(m);
    }
    session->stream = s;
    if (old != NULL) {
        old->session = NULL;
        cnc__stream_close(old, "conflict", "Resumed by a new connection");
    }
    cnc__stream_bound(s, session);
}

bool
cnc__sm_resume(struct cnc__stream *s, const struct cnc_element *resume,
               struct cnc__str *out)
{
    const char *previd = cnc_element_attr(resume, NULL, "previd");
    struct cnc__sm *m;
    uint32_t h, newly;

    if (s->session != NULL || s->account == NULL) {
        add_failed(out, "unexpected-request");
        return false;
    }
    if (previd == NULL || !get_h(&h, resume)) {
        add_failed(out, "bad-request");
        return false;
    }
    m = find(s, previd);
    newly = m == NULL ? 0 : h - m->acked;
    if (m != NULL && newly <= INT32_MAX && newly > m->keep.n_sent) {
        too_high(s, m, h);
        return false;
    }
    /* What it has acknowledged once is gone: one that forgot has nothing to
     * go on from. */
    if (m == NULL || newly > INT32_MAX) {
        add_not_found(s, previd, out);
        return false;
    }
    take_over(m, s);
    cnc__sm_drop(m, newly);
    m->acked = h;
    m->keep.n_sent = m->keep.heads_sent = 0;
    m->asked = false;
    m->session->router->sms->stats.resumed++;
    cnc__log(CNC_LOG_DEBUG, "sm.resumed", "peer=%s jid=%s again=%zu", s->addr,
             m->session->jid, cnc__keep_n(&m->keep));
    cnc__xml_printf(out, "<resumed xmlns='%s' previd='%s' h='%u'/>",
                    CNC__NS_SM, m->id, m->in);
    return true;
}

void
cnc__sm_resumed(struct cnc__stream *s)
{
    struct cnc__session *session = s->session;

    session->sm->n_unasked = session->sm->unasked = 0;
    cnc__sm_more(session->sm);
    cnc__csi_active(session); /* XEP-0352 section 5 */
}

/* -- elements --------------------------------------------------------------
 */

static void
refuse(struct cnc__stream *s, const char *condition)
{
    struct cnc__str xml = CNC__STR;

    add_failed(&xml, condition);
    cnc__stream_say(s, &xml);
    cnc__str_fini(&xml);
}

static void
on_enable(struct cnc__stream *s, const struct cnc_element *e)
{
    struct cnc__str xml = CNC__STR;
    bool again = s->session != NULL && cnc__sm_is_on(s->session);

    cnc__sm_enable(s, e, &xml);
    cnc__stream_say(s, &xml);
    cnc__str_fini(&xml);
    if (again) { /* section 3 */
        cnc__stream_close(s, "policy-violation",
                          "Stream management is on already");
    }
}

static void
on_resume(struct cnc__stream *s, const struct cnc_element *e)
{
    struct cnc__str xml = CNC__STR;
    bool resumed = cnc__sm_resume(s, e, &xml);

    if (xml.len > 0) {
        cnc__stream_say(s, &xml);
    }
    cnc__str_fini(&xml);
    if (resumed) {
        cnc__sm_resumed(s);
    }
}

static void
on_ack(struct cnc__stream *s, struct cnc__sm *m, const struct cnc_element *e)
{
    uint32_t h, newly;

    if (!get_h(&h, e)) {
        refuse(s, "bad-request");
        return;
    }
    newly = h - m->acked;
    if (newly > INT32_MAX) {
        return; /* older than what it said before */
    }
    if (newly > m->keep.n_sent) {
        too_high(s, m, h);
        return;
    }
    m->asked = false;
    m->acked = h;
    cnc__sm_drop(m, newly);
    cnc__sm_more(m);
}

static void
on_sm(struct cnc__stream *s, const struct cnc_element *e)
{
    const char *name = cnc_element_name(e);
    bool on = s->session != NULL && cnc__sm_is_on(s->session);

    if (strcmp(name, "enable") == 0) {
        on_enable(s, e);
    } else if (strcmp(name, "resume") == 0) {
        on_resume(s, e);
    } else if (!on) {
        refuse(s, "unexpected-request");
    } else if (strcmp(name, "r") == 0) {
        say(s, "<a xmlns='" CNC__NS_SM "' h='%u'/>", s->session->sm->in);
    } else if (strcmp(name, "a") == 0) {
        on_ack(s, s->session->sm, e);
    } else {
        refuse(s, "feature-not-implemented");
    }
}

bool
cnc__sm_element(struct cnc__stream *s, const struct cnc_element *e)
{
    if (cnc_element_is(e, CNC__NS_SM, NULL)) {
        on_sm(s, e);
        return true;
    }
    if (s->session == NULL || !cnc_element_is(e, CNC__NS_CSI, NULL)) {
        return false;
    }
    if (strcmp(cnc_element_name(e), "inactive") == 0) {
        cnc__csi_inactive(s->session);
    } else if (strcmp(cnc_element_name(e), "active") == 0) {
        cnc__csi_active(s->session);
    }
    return true;
}

void
cnc__sm_add_features(struct cnc__str *out)
{
    cnc__str_puts(out, "<sm xmlns='" CNC__NS_SM "'/><csi xmlns='" CNC__NS_CSI
                       "'/>");
}
