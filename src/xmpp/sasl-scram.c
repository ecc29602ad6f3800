/* SPDX-License-Identifier: MIT */
/*
 * sasl-scram.c -- SCRAM-SHA-1 and SCRAM-SHA-256 (RFC 5802, RFC 7677) by GNU
 * SASL, which gets stored keys and never a password.
 */
#include <gsasl.h>
#include <openssl/crypto.h>

#include "../base/text.h"
#include "sasl.h"
#include "stream-priv.h"

struct scram {
    Gsasl *context; /* its own: exchanges are rare, globals are for ever */
    Gsasl_session *session;
    const struct cnc__stream *stream;
    bool sha256;
    bool asked; /* the keys were looked up */
    bool known; /* and are an account's */
    char *account;
    struct cnc__scram_keys keys;
};

static int
set_base64(Gsasl_session *session, Gsasl_property property, const void *data,
           size_t len)
{
    struct cnc__str text = CNC__STR;
    int rc;

    cnc__base64_encode(&text, data, len);
    rc = gsasl_property_set(session, property, text.data);
    OPENSSL_cleanse(text.data, text.len);
    cnc__str_fini(&text);
    return rc;
}

static int
look_up(struct scram *x)
{
    const char *user = gsasl_property_fast(x->session, GSASL_AUTHID);

    if (x->asked) {
        return GSASL_OK;
    }
    x->asked = true;
    x->account =
        user == NULL ? NULL : cnc__sasl_account(x->stream, user, strlen(user));
    if (x->account == NULL) {
        return GSASL_AUTHENTICATION_ERROR;
    }
    x->known = cnc__sasl_keys(&x->keys, x->stream, x->account, x->sha256);
    return GSASL_OK;
}

static int
on_property(Gsasl *context, Gsasl_session *session, Gsasl_property property)
{
    struct scram *x = gsasl_session_hook_get(session);
    char iterations[16];

    switch (property) {
    case GSASL_SCRAM_ITER:
        if (look_up(x) != GSASL_OK) {
            return GSASL_AUTHENTICATION_ERROR;
        }
        snprintf(iterations, sizeof(iterations), "%u", x->keys.iterations);
        return gsasl_property_set(session, property, iterations);
    case GSASL_SCRAM_SALT:
        return set_base64(session, property, x->keys.salt, x->keys.n_salt);
    case GSASL_SCRAM_STOREDKEY:
        return set_base64(session, property, x->keys.stored_key,
                          x->keys.n_key);
    case GSASL_SCRAM_SERVERKEY:
        return set_base64(session, property, x->keys.server_key,
                          x->keys.n_key);
    default:
        return GSASL_NO_CALLBACK;
    }
}

static void
scram_abandon(struct cnc__sasl *sasl)
{
    struct scram *x = sasl->priv;

    if (x == NULL) {
        return;
    }
    gsasl_finish(x->session);
    gsasl_done(x->context);
    cnc__free(x->account);
    OPENSSL_cleanse(x, sizeof(*x));
    cnc__free(x);
    sasl->priv = NULL;
}

static bool
begin(struct cnc__stream *s, struct cnc__sasl *sasl)
{
    struct scram *x = cnc__zalloc(sizeof(*x));

    x->stream = s;
    x->sha256 = sasl->mechanism == &cnc__sasl_scram_sha256;
    if (gsasl_init(&x->context) != GSASL_OK) {
        cnc__free(x);
        return false;
    }
    gsasl_callback_set(x->context, on_property);
    if (gsasl_server_start(x->context, sasl->mechanism->name, &x->session) !=
        GSASL_OK) {
        gsasl_done(x->context);
        cnc__free(x);
        return false;
    }
    gsasl_session_hook_set(x->session, x);
    sasl->priv = x;
    return true;
}

static enum cnc__sasl_result
finish(struct cnc__sasl *sasl)
{
    struct scram *x = sasl->priv;
    const char *authzid = gsasl_property_fast(x->session, GSASL_AUTHZID);

    if (!x->known) {
        return cnc__sasl_fail(sasl, "not-authorized");
    }
    if (authzid != NULL &&
        !cnc__sasl_may_act_as(x->account, authzid, strlen(authzid))) {
        return cnc__sasl_fail(sasl, "invalid-authzid");
    }
    sasl->account = x->account;
    x->account = NULL;
    return CNC__SASL_DONE;
}

static enum cnc__sasl_result
scram_step(struct cnc__stream *s, struct cnc__sasl *sasl, const char *in,
           size_t len)
{
    struct scram *x;
    char *out = NULL;
    size_t n_out = 0;
    int rc;

    if (sasl->priv == NULL && !begin(s, sasl)) {
        return cnc__sasl_fail(sasl, "temporary-auth-failure");
    }
    x = sasl->priv;
    rc = gsasl_step(x->session, in, len, &out, &n_out);
    if (rc == GSASL_OK || rc == GSASL_NEEDS_MORE) {
        cnc__str_add(&sasl->out, out, n_out);
        sasl->has_out = true;
    }
    gsasl_free(out);
    switch (rc) {
    case GSASL_NEEDS_MORE:
        /* A name that is no local part cannot be an account. */
        return x->account == NULL ? cnc__sasl_fail(sasl, "not-authorized")
                                  : CNC__SASL_MORE;
    case GSASL_OK:
        return finish(sasl);
    case GSASL_MECHANISM_PARSE_ERROR:
        return cnc__sasl_fail(sasl, "malformed-request");
    default:
        return cnc__sasl_fail(sasl, "not-authorized");
    }
}

static bool
has_keys(const struct cnc__stream *s)
{
    return s->env->keys != NULL;
}

const struct cnc__mechanism cnc__sasl_scram_sha1 = {
    .name = "SCRAM-SHA-1",
    .bit = CNC__SASL_SCRAM_SHA1,
    .client_first = true,
    .offered = has_keys,
    .step = scram_step,
    .abandon = scram_abandon,
};

const struct cnc__mechanism cnc__sasl_scram_sha256 = {
    .name = "SCRAM-SHA-256",
    .bit = CNC__SASL_SCRAM_SHA256,
    .client_first = true,
    .offered = has_keys,
    .step = scram_step,
    .abandon = scram_abandon,
};
