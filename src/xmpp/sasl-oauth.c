/* SPDX-License-Identifier: MIT */
/*
 * sasl-oauth.c -- OAUTHBEARER (RFC 7628) for the pages of this service: a page
 * shows a one-use token that its browser's log-in was given.
 *
 *   n,a=JID,\x01 KEY=VALUE \x01 ... \x01    auth=Bearer TOKEN is the one key
 *   that counts; host and port say nothing that we do not know.
 */
#include <strings.h>

#include "../base/text.h"
#include "jid.h"
#include "sasl.h"
#include "stream-priv.h"

#define KV '\x01'

/* RFC 7628 3.2.3: why, as JSON; the client answers with one KV, and only then
 * comes <failure/>. */
static enum cnc__sasl_result
refuse(struct cnc__sasl *x)
{
    cnc__str_puts(&x->out, "{\"status\":\"invalid_token\"}");
    x->has_out = true;
    x->priv = x; /* what comes next ends it */
    return CNC__SASL_MORE;
}

/* "=2C" and "=3D" (RFC 5801 section 4); false: another '='. */
static bool
saslname(struct cnc__str *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] != '=') {
            cnc__str_putc(out, s[i]);
        } else if (len - i > 2 && memcmp(s + i, "=2C", 3) == 0) {
            cnc__str_putc(out, ',');
            i += 2;
        } else if (len - i > 2 && memcmp(s + i, "=3D", 3) == 0) {
            cnc__str_putc(out, '=');
            i += 2;
        } else {
            return false;
        }
    }
    return true;
}

/* "n,a=JID," or "y,,": up to the first KV.  False: malformed. */
static bool
read_header(struct cnc__str *authzid, const char *in, size_t len)
{
    if (len < 3 || (in[0] != 'n' && in[0] != 'y') || in[1] != ',' ||
        in[len - 1] != ',') {
        return false;
    }
    if (len == 3) {
        return in[2] == ',';
    }
    return len > 5 && memcmp(in + 2, "a=", 2) == 0 &&
           memchr(in + 4, ',', len - 5) == NULL &&
           saslname(authzid, in + 4, len - 5);
}

/* The text behind "auth=Bearer " (the scheme's case does not matter); NULL:
 * none, or what is there is malformed. */
static const char *
find_token(const char *at, const char *end, size_t *len)
{
    static const char scheme[] = "auth=Bearer ";
    const size_t n = sizeof(scheme) - 1;
    const char *found = NULL;

    /* Pairs that end with KV each, then one KV more. */
    while (at < end && *at != KV) {
        const char *stop = memchr(at, KV, (size_t)(end - at));

        if (stop == NULL || memchr(at, '=', (size_t)(stop - at)) == NULL) {
            return NULL;
        }
        if ((size_t)(stop - at) > n && strncasecmp(at, scheme, n) == 0) {
            found = at + n;
            *len = (size_t)(stop - found);
        }
        at = stop + 1;
    }
    return at + 1 == end ? found : NULL;
}

/* authzid, when there is one, must be whose token it is. */
static enum cnc__sasl_result
take(struct cnc__stream *s, struct cnc__sasl *x, const char *token, size_t len,
     const struct cnc__str *authzid)
{
    char claim[CNC__JID_MAX + 1] = "", *account = NULL, *login = NULL;

    if (authzid->len > 0) {
        if (cnc__jid_prepare(claim, authzid->data, authzid->len, NULL) != 0) {
            return cnc__sasl_fail(x, "invalid-authzid");
        }
        x->account = cnc__strdup(claim);
        x->has_authzid = true;
        if (!cnc__sasl_may_try(s, x)) {
            return cnc__sasl_fail(x, "temporary-auth-failure");
        }
    }
    if (!s->env->bearer(&account, &login, token, len, s->env->priv)) {
        return refuse(x);
    }
    if (claim[0] != '\0' && strcmp(claim, account) != 0) {
        cnc__free(account);
        cnc__free(login);
        return cnc__sasl_fail(x, "invalid-authzid");
    }
    cnc__free(x->account);
    x->account = account;
    x->login = login;
    return CNC__SASL_DONE;
}

static enum cnc__sasl_result
oauth_step(struct cnc__stream *s, struct cnc__sasl *x, const char *in,
           size_t len)
{
    const char *body = memchr(in, KV, len), *token;
    struct cnc__str authzid = CNC__STR;
    enum cnc__sasl_result result;
    size_t token_len = 0;

    if (x->priv != NULL) {
        x->priv = NULL;
        return cnc__sasl_fail(x, "not-authorized");
    }
    if (body == NULL || !cnc__utf8_valid(in, len) ||
        !read_header(&authzid, in, (size_t)(body - in)) ||
        (token = find_token(body + 1, in + len, &token_len)) == NULL) {
        result = cnc__sasl_fail(x, "malformed-request");
    } else {
        result = take(s, x, token, token_len, &authzid);
    }
    cnc__str_fini(&authzid);
    return result;
}

static bool
oauth_offered(const struct cnc__stream *s)
{
    return s->framing == CNC__FRAMING_WS && s->env->bearer != NULL;
}

const struct cnc__mechanism cnc__sasl_oauthbearer = {
    .name = "OAUTHBEARER",
    .bit = CNC__SASL_OAUTHBEARER,
    .client_first = true,
    .offered = oauth_offered,
    .step = oauth_step,
};
