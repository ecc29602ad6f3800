/* SPDX-License-Identifier: MIT */
/*
 * sasl.c -- the exchange (RFC 6120 section 6), whatever the mechanism.
 */
#include <openssl/crypto.h>

#include "sasl.h"

#include "../base/log.h"
#include "../base/text.h"
#include "../xml/write.h"
#include "jid.h"
#include "stream-priv.h"

#define MAX_TRIES 5 /* RFC 6120 6.4.5: between 2 and 5 */

/* Strongest first; a client takes the first it knows. */
static const struct cnc__mechanism *const mechanisms[] = {
    &cnc__sasl_external, &cnc__sasl_scram_sha256, &cnc__sasl_scram_sha1,
    &cnc__sasl_plain,    &cnc__sasl_anonymous,
};

static bool
is_offered(const struct cnc__stream *s, const struct cnc__mechanism *m)
{
    return (s->env->mechanisms & m->bit) != 0 &&
           (m->offered == NULL || m->offered(s));
}

void
cnc__sasl_add_mechanisms(struct cnc__str *out, const struct cnc__stream *s)
{
    cnc__xml_printf(out, "<mechanisms xmlns='%s'>", CNC__NS_SASL);
    for (size_t i = 0; i < CNC_N(mechanisms); i++) {
        if (is_offered(s, mechanisms[i])) {
            cnc__xml_printf(out, "<mechanism>%s</mechanism>",
                            mechanisms[i]->name);
        }
    }
    cnc__str_puts(out, "</mechanisms>");
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
    cnc__str_fini(&x->out);
    cnc__free(x->account);
    cnc__free(x);
}

/* <name>base64 of data</name>; empty data is "=" in <success/> (6.4.2). */
static void
say(struct cnc__stream *s, const char *name, const struct cnc__str *data,
    bool has_data)
{
    struct cnc__str xml = CNC__STR;

    cnc__xml_printf(&xml, "<%s xmlns='%s'>", name, CNC__NS_SASL);
    if (has_data && data->len == 0) {
        cnc__str_putc(&xml, '=');
    } else if (has_data) {
        cnc__base64_encode(&xml, data->data, data->len);
    }
    cnc__xml_printf(&xml, "</%s>", name);
    cnc__stream_say(s, &xml);
    cnc__str_fini(&xml);
}

static void
fail(struct cnc__stream *s, const char *condition)
{
    struct cnc__str xml = CNC__STR;

    cnc__log(CNC_LOG_INFO, "auth.failed", "peer=%s mechanism=%s condition=%s",
             s->addr, s->sasl == NULL ? "" : s->sasl->mechanism->name,
             condition);
    cnc__sasl_abandon(s);
    cnc__xml_printf(&xml, "<failure xmlns='%s'><%s/></failure>", CNC__NS_SASL,
                    condition);
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

    cnc__log(CNC_LOG_INFO, "auth.ok", "peer=%s mechanism=%s account=%s",
             s->addr, x->mechanism->name, x->account);
    s->account = x->account;
    x->account = NULL;
    s->anonymous = x->anonymous;
    s->operator_ = x->operator_;
    say(s, "success", &x->out, x->has_out);
    cnc__sasl_abandon(s);
    cnc__stream_restart(s);
}

void
cnc__sasl_finish(struct cnc__stream *s, enum cnc__sasl_result result)
{
    s->sasl->waiting = false;
    if (result == CNC__SASL_DONE) {
        succeed(s);
    } else if (result == CNC__SASL_FAIL) {
        fail(s, s->sasl->failure);
    } else if (result == CNC__SASL_MORE) {
        say(s, "challenge", &s->sasl->out, s->sasl->out.len > 0);
        cnc__str_fini(&s->sasl->out);
    }
}

/* in: base64 as it came, "=" for empty. */
static void
step(struct cnc__stream *s, const char *in)
{
    struct cnc__sasl *x = s->sasl;
    struct cnc__str data = CNC__STR;
    enum cnc__sasl_result result;

    if (strcmp(in, "=") != 0 &&
        cnc__base64_decode(&data, in, strlen(in)) != 0) {
        cnc__str_fini(&data);
        fail(s, "incorrect-encoding");
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

static void
on_auth(struct cnc__stream *s, struct cnc_element *e)
{
    const char *name = cnc_element_attr(e, NULL, "mechanism");
    const struct cnc__mechanism *m = NULL;

    if (s->sasl != NULL) {
        fail(s, "malformed-request"); /* one exchange at a time */
        return;
    }
    for (size_t i = 0; name != NULL && i < CNC_N(mechanisms); i++) {
        if (strcmp(mechanisms[i]->name, name) == 0 &&
            is_offered(s, mechanisms[i])) {
            m = mechanisms[i];
        }
    }
    if (m == NULL) {
        fail(s, "invalid-mechanism");
        return;
    }
    s->sasl = cnc__zalloc(sizeof(*s->sasl));
    s->sasl->mechanism = m;
    if (m->client_first && cnc_element_text(e)[0] == '\0') {
        say(s, "challenge", NULL, false);
        return;
    }
    step(s, cnc_element_text(e));
}

void
cnc__sasl_element(struct cnc__stream *s, struct cnc_element *e)
{
    const char *name = cnc_element_name(e);

    if (s->sasl != NULL && s->sasl->waiting) {
        cnc__stream_close(s, "policy-violation", "Wait for the answer");
    } else if (strcmp(name, "auth") == 0) {
        on_auth(s, e);
    } else if (strcmp(name, "abort") == 0) {
        fail(s, "aborted");
    } else if (strcmp(name, "response") == 0 && s->sasl != NULL) {
        step(s, cnc_element_text(e));
    } else {
        fail(s, "malformed-request");
    }
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
cnc__sasl_may_act_as(const char *account, const char *authzid, size_t len)
{
    char prepared[CNC__JID_MAX + 1];

    return len == 0 || (cnc__jid_prepare(prepared, authzid, len, NULL) == 0 &&
                        strcmp(prepared, account) == 0);
}
