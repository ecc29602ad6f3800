/* SPDX-License-Identifier: MIT */
/*
 * sasl.c -- the exchange (RFC 6120 section 6, XEP-0388), whatever the
 * mechanism.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "sasl.h"

#include "../base/log.h"
#include "../base/text.h"
#include "../xml/write.h"
#include "jid.h"
#include "stream-priv.h"

#define MAX_TRIES 5 /* RFC 6120 6.4.5: between 2 and 5 */

/* Strongest first; a client takes the first it knows. */
static const struct cnc__mechanism *const mechanisms[] = {
    &cnc__sasl_external,        &cnc__sasl_scram_sha256_plus,
    &cnc__sasl_scram_sha1_plus, &cnc__sasl_scram_sha256,
    &cnc__sasl_scram_sha1,      &cnc__sasl_plain,
    &cnc__sasl_oauthbearer,     &cnc__sasl_anonymous,
    &cnc__sasl_ht_expr,         &cnc__sasl_ht_endp,
    &cnc__sasl_ht_none,
};

static bool
is_offered(const struct cnc__stream *s, const struct cnc__mechanism *m)
{
    return (m->token || (s->env->mechanisms & m->bit) != 0) &&
           (m->offered == NULL || m->offered(s));
}

const struct cnc__mechanism *
cnc__sasl_find(const struct cnc__stream *s, const char *name, bool token)
{
    for (size_t i = 0; name != NULL && i < CNC_N(mechanisms); i++) {
        const struct cnc__mechanism *m = mechanisms[i];

        if (m->token == token && strcmp(m->name, name) == 0 &&
            is_offered(s, m)) {
            return m;
        }
    }
    return NULL;
}

void
cnc__sasl_add_list(struct cnc__str *out, const struct cnc__stream *s,
                   bool tokens)
{
    for (size_t i = 0; i < CNC_N(mechanisms); i++) {
        if (mechanisms[i]->token == tokens && is_offered(s, mechanisms[i])) {
            cnc__xml_printf(out, "<mechanism>%s</mechanism>",
                            mechanisms[i]->name);
        }
    }
}

void
cnc__sasl_add_mechanisms(struct cnc__str *out, const struct cnc__stream *s)
{
    cnc__str_puts(out, "<mechanisms xmlns='" CNC__NS_SASL "'>");
    cnc__sasl_add_list(out, s, false);
    cnc__str_puts(out, "</mechanisms>");
}

static int
by_octets(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
add_sorted(struct cnc__str *out, const char **names, size_t n)
{
    qsort(names, n, sizeof(names[0]), by_octets);
    for (size_t i = 0; i < n; i++) {
        cnc__str_printf(out, "%s%s", i == 0 ? "" : "\x1e", names[i]);
    }
}

/* XEP-0474 5.1 */
void
cnc__sasl_add_offer_hash(struct cnc__str *out, const struct cnc__stream *s,
                         bool sha256)
{
    const char *names[CNC_N(mechanisms)];
    struct cnc__str text = CNC__STR;
    unsigned char hash[32];
    unsigned len;
    size_t n = 0;

    for (size_t i = 0; i < CNC_N(mechanisms); i++) {
        if (!mechanisms[i]->token && is_offered(s, mechanisms[i])) {
            names[n++] = mechanisms[i]->name;
        }
    }
    add_sorted(&text, names, n);
    n = cnc__sasl_bindings(s, names);
    if (n > 0) {
        cnc__str_putc(&text, '\x1f');
        add_sorted(&text, names, n);
    }
    CNC_CHECK(EVP_Digest(text.data, text.len, hash, &len,
                         sha256 ? EVP_sha256() : EVP_sha1(), NULL) == 1);
    cnc__str_puts(out, ",h=");
    cnc__base64_encode(out, hash, len);
    cnc__str_fini(&text);
}

void
cnc__sasl_abandon(struct cnc__stream *s)
{
    struct cnc__sasl *x = s->sasl;

    if (x == NULL) {
        return;
    }
    s->sasl = NULL;
    if (x->mechanism->abandon != NULL) {
        x->mechanism->abandon(x);
    }
    cnc__sasl2_forget(x);
    cnc_element_unref(&x->request);
    cnc__str_fini(&x->out);
    cnc__free(x->account);
    cnc__free(x->login);
    cnc__free(x);
}

static const char *
namespace_of(const struct cnc__sasl *x)
{
    return x->request == NULL ? CNC__NS_SASL : CNC__NS_SASL2;
}

/* <name>base64 of data</name>.  RFC 6120 6.4.2 has "=" for empty data in
 * <success/>, and XEP-0388 has <additional-data/> there. */
static void
say(struct cnc__stream *s, const char *name, const struct cnc__str *data,
    bool has_data)
{
    struct cnc__str xml = CNC__STR;

    cnc__xml_printf(&xml, "<%s xmlns='%s'>", name, namespace_of(s->sasl));
    if (has_data && data->len == 0) {
        cnc__str_putc(&xml, '=');
    } else if (has_data) {
        cnc__base64_encode(&xml, data->data, data->len);
    }
    cnc__xml_printf(&xml, "</%s>", name);
    cnc__stream_say(s, &xml);
    cnc__str_fini(&xml);
}

void
cnc__sasl_refuse(struct cnc__stream *s, const char *ns, const char *condition)
{
    const struct cnc__sasl *x = s->sasl;
    struct cnc__str xml = CNC__STR;

    cnc__log(CNC_LOG_INFO, "auth.failed",
             "peer=%s mechanism=%s account=%s condition=%s%s%s", s->addr,
             x == NULL ? "" : x->mechanism->name,
             x == NULL || x->account == NULL ? "" : x->account, condition,
             x == NULL || x->why == NULL ? "" : " why=",
             x == NULL || x->why == NULL ? "" : x->why);
    cnc__sasl_abandon(s);
    cnc__xml_printf(&xml, "<failure xmlns='%s'><%s", ns, condition);
    if (strcmp(ns, CNC__NS_SASL2) == 0) {
        cnc__str_puts(&xml, " xmlns='" CNC__NS_SASL "'");
    }
    cnc__str_puts(&xml, "/></failure>");
    cnc__stream_say(s, &xml);
    cnc__str_fini(&xml);
    if (++s->tries >= MAX_TRIES) {
        cnc__stream_close(s, "policy-violation", "Too many failed tries");
    }
}

static void
succeed(struct cnc__stream *s)
{
    struct cnc__sasl *x = s->sasl;

    /* XEP-0388 2.2: who names an identity twice names the same. */
    if (x->request != NULL && x->has_authzid && s->from != NULL &&
        strcmp(s->from, x->account) != 0) {
        cnc__sasl_refuse(s, CNC__NS_SASL2, "invalid-authzid");
        return;
    }
    cnc__log(CNC_LOG_INFO, "auth.ok", "peer=%s mechanism=%s account=%s",
             s->addr, x->mechanism->name, x->account);
    s->mechanism = x->mechanism->name;
    if (x->request != NULL) {
        cnc__sasl2_succeed(s);
        return;
    }
    s->account = x->account;
    x->account = NULL;
    s->login = x->login;
    x->login = NULL;
    s->anonymous = x->anonymous;
    s->operator_ = x->operator_ || cnc__sasl_is_operator(s);
    say(s, "success", &x->out, x->has_out);
    cnc__sasl_abandon(s);
    cnc__stream_restart(s);
}

/* Both outcomes alike, or the time would tell. */
static bool
comes_later(struct cnc__stream *s, enum cnc__sasl_result result)
{
    struct cnc__sasl *x = s->sasl;

    if (x->delay_ms == 0 || result == CNC__SASL_MORE) {
        return false;
    }
    x->waiting = true;
    x->held = result;
    x->since_ms = s->now_ms;
    return true;
}

static void
answer(struct cnc__stream *s, enum cnc__sasl_result result)
{
    struct cnc__sasl *x = s->sasl;
    struct cnc__guard *guard = s->env->guard;

    x->waiting = false;
    if (result == CNC__SASL_DONE) {
        if (guard != NULL && !x->anonymous && s->uid < 0) {
            cnc__guard_succeeded(guard, s->addr, x->account);
        }
        succeed(s);
    } else if (result == CNC__SASL_FAIL) {
        if (guard != NULL && x->account != NULL &&
            strcmp(x->failure, "not-authorized") == 0) {
            cnc__guard_failed(guard, s->addr, x->account, s->now_ms);
        }
        cnc__sasl_refuse(s, namespace_of(x), x->failure);
    } else if (result == CNC__SASL_MORE) {
        say(s, "challenge", &x->out, x->out.len > 0);
        cnc__str_fini(&x->out);
    }
}

void
cnc__sasl_finish(struct cnc__stream *s, enum cnc__sasl_result result)
{
    if (!comes_later(s, result)) {
        answer(s, result);
    }
}

void
cnc__sasl_tick(struct cnc__stream *s)
{
    struct cnc__sasl *x = s->sasl;

    if (x != NULL && x->delay_ms > 0 && x->waiting && x->since_ms > 0 &&
        s->now_ms - x->since_ms >= x->delay_ms) {
        x->since_ms = 0;
        answer(s, x->held);
    }
}

bool
cnc__sasl_may_try(struct cnc__stream *s, struct cnc__sasl *x)
{
    if (s->env->guard == NULL || s->uid >= 0 ||
        cnc__guard_may_try(s->env->guard, s->addr, s->loopback, x->account,
                           s->now_ms, &x->delay_ms)) {
        return true;
    }
    x->why = "too many failures from this address";
    return false;
}

/* in: base64 as it came; "=" stands for empty in RFC 6120 alone. */
static void
step(struct cnc__stream *s, const char *in)
{
    struct cnc__sasl *x = s->sasl;
    struct cnc__str data = CNC__STR;
    enum cnc__sasl_result result;

    if ((x->request != NULL || strcmp(in, "=") != 0) &&
        cnc__base64_decode(&data, in, strlen(in)) != 0) {
        cnc__str_fini(&data);
        cnc__sasl_refuse(s, namespace_of(x), "incorrect-encoding");
        return;
    }
    result = x->mechanism->step(s, x, cnc__str_c(&data), data.len);
    if (data.data != NULL) {
        OPENSSL_cleanse(data.data, data.len); /* it may be a password */
    }
    cnc__str_fini(&data);
    if (result != CNC__SASL_WAIT) {
        cnc__sasl_finish(s, result);
    }
}

void
cnc__sasl_begin(struct cnc__stream *s, const struct cnc__mechanism *m,
                const char *in, struct cnc_element *request)
{
    s->sasl = cnc__zalloc(sizeof(*s->sasl));
    s->sasl->mechanism = m;
    s->sasl->request = request == NULL ? NULL : cnc_element_ref(request);
    if (in == NULL && m->client_first) {
        say(s, "challenge", NULL, false);
        return;
    }
    step(s, in == NULL ? "" : in);
}

/* RFC 6120 6.5.4 and 6.5.7: it is here, but not in the clear; or not at all.
 */
static const char *
why_not(const struct cnc__stream *s, const char *name)
{
    return name != NULL && strcmp(name, cnc__sasl_plain.name) == 0 &&
                   (s->env->mechanisms & CNC__SASL_PLAIN) != 0 && !s->secure
               ? "encryption-required"
               : "invalid-mechanism";
}

static void
on_auth(struct cnc__stream *s, struct cnc_element *e)
{
    const char *name = cnc_element_attr(e, NULL, "mechanism");
    const struct cnc__mechanism *m = cnc__sasl_find(s, name, false);
    const char *in = cnc_element_text(e);

    if (s->sasl != NULL) { /* one exchange at a time */
        cnc__sasl_refuse(s, CNC__NS_SASL, "malformed-request");
    } else if (m == NULL) {
        cnc__sasl_refuse(s, CNC__NS_SASL, why_not(s, name));
    } else {
        cnc__sasl_begin(s, m, in[0] == '\0' ? NULL : in, NULL);
    }
}

void
cnc__sasl_element(struct cnc__stream *s, struct cnc_element *e)
{
    bool two = cnc_element_is(e, CNC__NS_SASL2, NULL);
    const char *ns = two ? CNC__NS_SASL2 : CNC__NS_SASL;
    const char *name = cnc_element_name(e);

    if (s->sasl != NULL && s->sasl->waiting) {
        cnc__stream_close(s, "policy-violation", "Wait for the answer");
    } else if (s->sasl != NULL && strcmp(ns, namespace_of(s->sasl)) != 0) {
        cnc__stream_close(s, "policy-violation",
                          "Another exchange is under way");
    } else if (strcmp(name, two ? "authenticate" : "auth") == 0) {
        if (two) {
            cnc__sasl2_authenticate(s, e);
        } else {
            on_auth(s, e);
        }
    } else if (strcmp(name, "abort") == 0) {
        cnc__sasl_refuse(s, ns, "aborted");
    } else if (strcmp(name, "response") == 0 && s->sasl != NULL) {
        step(s, cnc_element_text(e));
    } else {
        cnc__sasl_refuse(s, ns, "malformed-request");
    }
}

bool
cnc__sasl_is_operator(const struct cnc__stream *s)
{
    return !s->anonymous && s->env->is_operator != NULL &&
           s->env->is_operator(s->account, s->env->priv);
}

char *
cnc__sasl_account(const struct cnc__stream *s, const char *user, size_t len)
{
    struct cnc__str jid = CNC__STR;
    char prepared[CNC__JID_MAX + 1];
    int rc = CNC_ESYNTAX;

    if (len > 0 && memchr(user, '@', len) == NULL &&
        memchr(user, '/', len) == NULL) {
        cnc__str_add(&jid, user, len);
        cnc__str_printf(&jid, "@%s", cnc__router_domain(s->env->router));
        rc = cnc__jid_prepare(prepared, jid.data, jid.len, NULL);
    }
    cnc__str_fini(&jid);
    return rc == 0 ? cnc__strdup(prepared) : NULL;
}

bool
cnc__sasl_may_act_as(struct cnc__sasl *x, const char *authzid, size_t len)
{
    char prepared[CNC__JID_MAX + 1];

    x->has_authzid = len > 0;
    return len == 0 || (cnc__jid_prepare(prepared, authzid, len, NULL) == 0 &&
                        strcmp(prepared, x->account) == 0);
}
