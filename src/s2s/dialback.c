/* SPDX-License-Identifier: MIT */
/*
 * dialback.c -- XEP-0220: who says that it is a domain is asked for a key,
 * and the domain's own server, found by the DNS, is asked whether it made it.
 *
 * An answer counts only when it is to a question of ours, on the stream that
 * the question took, in its direction (3.1; the fault of 2012, CVE-2012-3525,
 * was to take others).
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#include "s2s-priv.h"

/* -- keys (XEP-0185) ------------------------------------------------------ */

void
cnc__dialback_key(char out[65], const char *secret, const char *receiving,
                  const char *originating, const char *id)
{
    uint8_t digest[32];
    char hashed[65];
    struct cnc__str text = CNC__STR;
    unsigned len = sizeof(digest);

    CNC_CHECK(EVP_Digest(secret, strlen(secret), digest, NULL, EVP_sha256(),
                         NULL) == 1);
    cnc__hex(hashed, digest, sizeof(digest));
    cnc__str_printf(&text, "%s %s %s", receiving, originating, id);
    CNC_CHECK(HMAC(EVP_sha256(), hashed, 64, (const uint8_t *)text.data,
                   text.len, digest, &len) != NULL);
    cnc__hex(out, digest, sizeof(digest));
    cnc__wipe(hashed, sizeof(hashed));
    cnc__wipe(digest, sizeof(digest));
    cnc__str_fini(&text);
}

/* The text of an element without the white space that some put around. */
static char *
dup_trimmed(const char *text)
{
    size_t len;

    text += strspn(text, " \t\r\n");
    len = strlen(text);
    while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL) {
        len--;
    }
    return cnc__strndup(text, len);
}

/* -- saying --------------------------------------------------------------- */

static void
answer(struct cnc__s2s_stream *st, const char *name, const char *from,
       const char *to, const char *id, const char *type, const char *condition)
{
    struct cnc__str xml = CNC__STR;

    cnc__xml_printf(&xml, "<db:%s from='%s' to='%s'", name, from, to);
    if (id != NULL) {
        cnc__xml_printf(&xml, " id='%s'", id);
    }
    cnc__xml_printf(&xml, " type='%s'", type);
    if (condition == NULL) {
        cnc__str_puts(&xml, "/>");
    } else {
        cnc__str_putc(&xml, '>');
        cnc__stanza_error_add(&xml,
                              &(struct cnc_error){.condition = condition});
        cnc__xml_printf(&xml, "</db:%s>", name);
    }
    cnc__s2s_say(st, &xml);
}

/* -- what they want to prove ---------------------------------------------- */

static void
grant_key(struct cnc__str *out, const char *domain, const char *host)
{
    cnc__str_printf(out, "%s %s", domain, host);
}

static struct cnc__s2s_grant *
grant_of(const struct cnc__s2s_stream *st, const char *domain,
         const char *host)
{
    struct cnc__str key = CNC__STR;
    struct cnc__s2s_grant *g;

    if (st->grants == NULL) {
        return NULL;
    }
    grant_key(&key, domain, host);
    g = cnc__table_get(st->grants, key.data);
    cnc__str_fini(&key);
    return g;
}

bool
cnc__s2s_granted(const struct cnc__s2s_stream *st, const char *domain,
                 const char *host)
{
    const struct cnc__s2s_grant *g = grant_of(st, domain, host);
    const struct cnc__s2s_pair *p;

    if (g != NULL && g->verify == NULL) {
        return true;
    }
    if (!st->out) {
        return st->external && strcmp(st->domain, domain) == 0;
    }
    /* Bidi: the other way of what they have believed us. */
    p = st->bidi ? cnc__s2s_pair_find(st->s2s, host, domain) : NULL;
    return p != NULL && p->stream == st;
}

static struct cnc__s2s_grant *
grant_add(struct cnc__s2s_stream *st, const char *domain, const char *host)
{
    struct cnc__s2s_grant *g = cnc__zalloc(sizeof(*g));
    struct cnc__str key = CNC__STR;

    if (st->grants == NULL) {
        st->grants = cnc__table_new();
    }
    grant_key(&key, domain, host);
    g->since_ms = st->s2s->now_ms;
    CNC_CHECK(cnc__table_put(st->grants, key.data, g) == NULL);
    cnc__str_fini(&key);
    return g;
}

/* It is what it says. */
static void
prove(struct cnc__s2s_stream *st, struct cnc__s2s_grant *g, const char *domain,
      const char *host)
{
    struct cnc__s2s *s = st->s2s;
    struct cnc__s2s_pair *p;

    g->verify = NULL;
    st->n_grants++;
    if (!cnc__s2s_bound(st, domain)) {
        return;
    }
    cnc__log(CNC_LOG_INFO, "s2s.in.ready",
             "domain=%s host=%s auth=dialback tls=%s cert=%d bidi=%d peer=%s",
             domain, host, st->tls, st->cert, st->bidi, st->s->addr);
    answer(st, "result", host, domain, NULL, "valid", NULL);
    if (st->bidi && !st->out && st->s->state == CNC__STREAM_BOUND &&
        (p = cnc__s2s_pair_get(s, host, domain)) != NULL) {
        cnc__s2s_pair_ready(s, p, st);
    }
}

/* -- asking whether it is true (2.1.2) ------------------------------------ */

static void
verify_unlink(struct cnc__s2s *s, struct cnc__s2s_verify *v)
{
    struct cnc__s2s_verify **at = &v->pair->verifies;

    while (*at != v) {
        at = &(*at)->next;
    }
    *at = v->next;
    v->from->n_asked--;
    s->n_asked--;
}

static void
verify_free(struct cnc__s2s_verify *v)
{
    cnc__free(v->id);
    cnc__free(v->key);
    cnc__free(v);
}

static void
ungrant(struct cnc__s2s_stream *st, const struct cnc__s2s_pair *p)
{
    struct cnc__str key = CNC__STR;

    grant_key(&key, p->domain->name, p->host);
    cnc__free(cnc__table_del(st->grants, key.data));
    cnc__str_fini(&key);
}

void
cnc__s2s_verify_drop(struct cnc__s2s *s, struct cnc__s2s_verify *v)
{
    verify_unlink(s, v);
    ungrant(v->from, v->pair);
    verify_free(v);
}

void
cnc__s2s_verify_end(struct cnc__s2s *s, struct cnc__s2s_verify *v,
                    const char *type, const char *condition)
{
    struct cnc__s2s_stream *st = v->from;
    struct cnc__s2s_pair *p = v->pair;
    const char *domain = p->domain->name;

    verify_unlink(s, v);
    verify_free(v);
    if (strcmp(type, "valid") == 0) {
        prove(st, grant_of(st, domain, p->host), domain, p->host);
        return;
    }
    ungrant(st, p);
    s->stats.refused++;
    cnc__log(CNC_LOG_WARN, "s2s.refused",
             "domain=%s host=%s dialback=%s condition=%s peer=%s", domain,
             p->host, type, condition == NULL ? "" : condition, st->s->addr);
    if (strcmp(type, "error") == 0) {
        answer(st, "result", p->host, domain, NULL, "error", condition);
    } else if (st->s->state == CNC__STREAM_BOUND) {
        /* 2.2.1: what else the stream has proved stays. */
        answer(st, "result", p->host, domain, NULL, "error", "forbidden");
    } else {
        answer(st, "result", p->host, domain, NULL, "invalid", NULL);
        cnc__s2s_end(st, NULL, "a wrong dialback key");
        cnc__stream_eof(st->s); /* nothing it says is worth waiting for */
    }
}

void
cnc__s2s_verify_send(struct cnc__s2s_pair *p, struct cnc__s2s_stream *st)
{
    for (struct cnc__s2s_verify *v = p->verifies, *next; v; v = next) {
        struct cnc__str xml = CNC__STR;

        next = v->next;
        if (v->via != NULL || v->from == st) {
            continue;
        }
        v->via = st;
        st->used_ms = st->s2s->now_ms;
        cnc__xml_printf(&xml,
                        "<db:verify from='%s' to='%s' id='%s'>%s</db:verify>",
                        p->host, p->domain->name, v->id, v->key);
        cnc__s2s_say(st, &xml);
        if (p->out != st) {
            return; /* it has ended */
        }
    }
}

/* -- they ask us ---------------------------------------------------------- */

/* Why a key is not even looked at; NULL: nothing. */
static const char *
fault_of(const struct cnc__s2s_stream *st, const char *domain,
         const char *host)
{
    const struct cnc__s2s *s = st->s2s;

    if (!cnc__s2s_is_host(s, host)) {
        return "item-not-found";
    }
    if (!st->s->secure && cnc__s2s_needs_tls(s, domain)) {
        return "policy-violation";
    }
    if (!cnc__s2s_may(s, domain) || cnc__s2s_is_ours(s, domain)) {
        return "not-allowed";
    }
    if (cnc__s2s_needs_cert(s, domain) && !cnc__s2s_cert_names(st, domain)) {
        return "not-authorized";
    }
    if (st->n_asked >= s->o.max_asked || s->n_asked >= s->o.max_asked_all ||
        st->n_grants + st->n_asked >= s->o.max_pairs) {
        return "resource-constraint";
    }
    return NULL;
}

static void
ask_about(struct cnc__s2s_stream *st, const char *domain, const char *host,
          char *key)
{
    struct cnc__s2s *s = st->s2s;
    struct cnc__s2s_pair *p = cnc__s2s_pair_get(s, host, domain);
    struct cnc__s2s_verify *v;

    if (p == NULL) {
        cnc__free(key);
        answer(st, "result", host, domain, NULL, "error",
               "resource-constraint");
        return;
    }
    v = cnc__zalloc(sizeof(*v));
    v->pair = p;
    v->from = st;
    /* Before the stream's own time is over, so that it is told. */
    v->until_ms = s->now_ms + s->o.auth_ms - s->o.auth_ms / 3;
    v->id = cnc__strdup(st->out ? st->peer_id : st->s->id);
    v->key = key;
    v->next = p->verifies;
    p->verifies = v;
    st->n_asked++;
    s->n_asked++;
    grant_add(st, domain, host)->verify = v;
    cnc__s2s_pair_go(s, p);
}

/* 2.2.1 */
static void
on_key(struct cnc__s2s_stream *st, const char *domain, const char *host,
       const struct cnc_element *e)
{
    const struct cnc__s2s_grant *g = grant_of(st, domain, host);
    const char *fault;
    char *key;

    if (g != NULL && g->verify != NULL) {
        return; /* it is being asked */
    }
    if (cnc__s2s_granted(st, domain, host)) {
        answer(st, "result", host, domain, NULL, "valid", NULL);
        return;
    }
    fault = fault_of(st, domain, host);
    if (fault != NULL) {
        st->s2s->stats.refused++;
        cnc__log(CNC_LOG_INFO, "s2s.refused",
                 "domain=%s host=%s condition=%s peer=%s", domain, host, fault,
                 st->s->addr);
        answer(st, "result", host, domain, NULL, "error", fault);
        return;
    }
    /* A certificate says it better than the DNS could. */
    if (cnc__s2s_cert_names(st, domain)) {
        st->cert = true;
        prove(st, grant_add(st, domain, host), domain, host);
        return;
    }
    key = dup_trimmed(cnc_element_text(e));
    if (key[0] == '\0' || strlen(key) > CNC__S2S_KEY_MAX) {
        cnc__free(key);
        answer(st, "result", host, domain, NULL, "error", "not-acceptable");
        return;
    }
    ask_about(st, domain, host, key);
}

/* 2.2.2: did we make that key? */
static void
on_question(struct cnc__s2s_stream *st, const char *domain, const char *host,
            const struct cnc_element *e)
{
    const char *id = cnc_element_attr(e, NULL, "id");
    char key[65], *given;
    bool valid;

    if (id == NULL || strlen(id) > CNC__S2S_ID_MAX) {
        cnc__s2s_end(st, "bad-format", "a dialback question needs an id");
        return;
    }
    if (!cnc__s2s_is_host(st->s2s, host)) {
        answer(st, "verify", host, domain, id, "error", "item-not-found");
        return;
    }
    if (!st->s->secure && cnc__s2s_needs_tls(st->s2s, domain)) {
        answer(st, "verify", host, domain, id, "error", "policy-violation");
        return;
    }
    given = dup_trimmed(cnc_element_text(e));
    cnc__dialback_key(key, st->s2s->secret, domain, host, id);
    valid = strlen(given) == 64 && cnc__equal_secret(given, key, 64);
    cnc__wipe(key, sizeof(key));
    cnc__free(given);
    answer(st, "verify", host, domain, id, valid ? "valid" : "invalid", NULL);
}

/* -- they answer us ------------------------------------------------------- */

static void
unsolicited(const struct cnc__s2s_stream *st, const struct cnc_element *e,
            const char *domain, const char *host)
{
    st->s2s->stats.refused++;
    cnc__log(CNC_LOG_WARN, "s2s.unsolicited",
             "domain=%s host=%s element=%s peer=%s", domain, host,
             cnc_element_name(e), st->s->addr);
}

/* The condition inside an error, for a person to read. */
static const char *
said_condition(const struct cnc_element *e)
{
    const struct cnc_element *c = cnc_element_child(
        cnc_element_child(e, NULL, "error"), CNC__NS_STANZA_ERROR, NULL);

    return c == NULL ? "no reason given" : cnc_element_name(c);
}

/* 2.1.1: refused.  What waits goes back, but one that only shared the stream
 * may try one of its own. */
static void
not_believed(struct cnc__s2s_stream *st, struct cnc__s2s_pair *p,
             const char *condition, const char *why)
{
    struct cnc__s2s *s = st->s2s;
    struct cnc__str text = CNC__STR;

    cnc__s2s_pair_detach(p, st);
    if (st->dialled_for != p && !p->own) {
        p->own = true;
        cnc__s2s_pair_go(s, p);
        return;
    }
    cnc__str_printf(&text, "%s does not believe us: %s", p->domain->name, why);
    cnc__s2s_pair_failed(s, p, false, condition, text.data);
    cnc__s2s_pair_bounce(s, p, condition, text.data);
    cnc__s2s_end_unused(st, text.data);
    cnc__str_fini(&text);
}

static void
on_result_answer(struct cnc__s2s_stream *st, const char *domain,
                 const char *host, const char *type,
                 const struct cnc_element *e)
{
    struct cnc__s2s *s = st->s2s;
    struct cnc__s2s_pair *p = cnc__s2s_pair_find(s, host, domain);

    if (p == NULL || p->out != st || !p->asked) {
        unsolicited(st, e, domain, host);
    } else if (strcmp(type, "valid") == 0) {
        if (cnc__s2s_bound(st, NULL)) {
            cnc__s2s_pair_ready(s, p, st);
        }
    } else if (strcmp(type, "error") == 0) {
        not_believed(st, p, "remote-server-timeout", said_condition(e));
    } else {
        not_believed(st, p, "internal-server-error", "the key is invalid");
    }
}

static void
on_verify_answer(struct cnc__s2s_stream *st, const char *domain,
                 const char *host, const char *type,
                 const struct cnc_element *e)
{
    struct cnc__s2s *s = st->s2s;
    const struct cnc__s2s_pair *p = cnc__s2s_pair_find(s, host, domain);
    const char *id = cnc_element_attr(e, NULL, "id");

    for (struct cnc__s2s_verify *v = p == NULL ? NULL : p->verifies;
         v != NULL && id != NULL; v = v->next) {
        if (v->via == st && strcmp(v->id, id) == 0) {
            if (strcmp(type, "valid") == 0 || strcmp(type, "invalid") == 0) {
                cnc__s2s_verify_end(s, v, type, NULL);
            } else {
                cnc__s2s_verify_end(s, v, "error", "remote-server-not-found");
            }
            return;
        }
    }
    unsolicited(st, e, domain, host);
}

/* -- what comes ----------------------------------------------------------- */

void
cnc__s2s_dialback(struct cnc__s2s_stream *st, struct cnc_element *e)
{
    const char *type = cnc_element_attr(e, NULL, "type");
    bool verify = cnc_element_is(e, NULL, "verify");
    char domain[CNC__JID_MAX + 1], host[CNC__JID_MAX + 1];

    if (!verify && !cnc_element_is(e, NULL, "result")) {
        cnc__s2s_end(st, "unsupported-stanza-type", NULL);
        return;
    }
    if (!cnc__s2s_domain_of(domain, cnc_element_attr(e, NULL, "from")) ||
        !cnc__s2s_domain_of(host, cnc_element_attr(e, NULL, "to"))) {
        cnc__s2s_end(st, "improper-addressing", NULL);
        return;
    }
    if (type == NULL && st->out && !st->bidi) {
        /* 2.1: on a stream of ours they answer, they do not ask. */
        unsolicited(st, e, domain, host);
    } else if (type != NULL) {
        (verify ? on_verify_answer : on_result_answer)(st, domain, host, type,
                                                       e);
    } else {
        (verify ? on_question : on_key)(st, domain, host, e);
    }
}
