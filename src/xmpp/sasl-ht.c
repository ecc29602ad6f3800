/* SPDX-License-Identifier: MIT */
/*
 * sasl-ht.c -- HT-SHA-256-EXPR, -ENDP and -NONE (draft-schmaus-kitten-sasl-ht
 * 09): one message with a token's proof.  Inside XEP-0388 alone, with <fast/>
 * (XEP-0484).
 *
 *   C: authcid NUL HMAC(token, "Initiator" channel binding)
 *   S: HMAC(token, "Responder" channel binding)
 *
 * All three are offered, because XEP-0484 wants one without a binding and
 * there are clients, browsers among them, that cannot see their TLS.  Which
 * one a token is good for is settled when it is given, inside a channel that
 * the password's mechanism may have bound; a proof for -NONE is worth nothing
 * to who has a token of another kind.
 */
#include "../base/text.h"
#include "jid.h"
#include "sasl.h"
#include "stream-priv.h"

static size_t
channel(const struct cnc__stream *s, enum cnc__fast_binding binding,
        uint8_t out[64])
{
    static const char *const names[] = {[CNC__FAST_EXPORTER] = "tls-exporter",
                                        [CNC__FAST_END_POINT] =
                                            "tls-server-end-point"};

    return binding == CNC__FAST_NONE
               ? 0
               : cnc__sasl_binding(s, names[binding], strlen(names[binding]),
                                   out);
}

/* XEP-0484 3.4: <fast/> must be there, its count a number. */
static bool
read_fast(struct cnc__fast_try *t, const struct cnc_element *request)
{
    const struct cnc_element *fast =
        cnc_element_child(request, CNC__NS_FAST, "fast");
    const char *count;

    t->count = -1;
    if (fast == NULL) {
        return false;
    }
    count = cnc_element_attr(fast, NULL, "count");
    return count == NULL || cnc__parse_int(&t->count, count, 1, INT32_MAX);
}

static enum cnc__sasl_result
verdict(struct cnc__sasl *x, int code, const struct cnc__fast_answer *answer)
{
    if (code != 0) {
        return cnc__sasl_fail(x, code == CNC_ECLOSED ? "credentials-expired"
                                                     : "not-authorized");
    }
    cnc__str_add(&x->out, answer->hash, sizeof(answer->hash));
    x->rotate = answer->rotate;
    x->tokens_changed = answer->changed;
    x->has_out = true;
    return CNC__SASL_DONE;
}

static enum cnc__sasl_result
ht_step(struct cnc__stream *s, struct cnc__sasl *x, const char *in, size_t len)
{
    const char *nul = memchr(in, '\0', len);
    struct cnc__fast_try t = {.binding = x->mechanism->binding};
    struct cnc__fast_answer answer;
    uint8_t data[64];
    char agent[37], *user;
    int code;

    if (nul == NULL || in + len - nul - 1 != CNC__FAST_HASH ||
        !cnc__utf8_valid(in, (size_t)(nul - in)) ||
        !read_fast(&t, x->request)) {
        return cnc__sasl_fail(x, "malformed-request");
    }
    x->account = cnc__sasl_account(s, in, (size_t)(nul - in));
    if (x->account == NULL || !cnc__sasl2_agent(agent, x)) {
        return cnc__sasl_fail(x, "not-authorized");
    }
    if (!cnc__sasl_may_try(s, x)) {
        return cnc__sasl_fail(x, "temporary-auth-failure");
    }
    user = cnc__strndup(x->account, strcspn(x->account, "@"));
    t.user = user;
    t.agent = agent;
    t.channel = data;
    t.n_channel = channel(s, t.binding, data);
    memcpy(t.hash, nul + 1, sizeof(t.hash));
    code = cnc__fast_check(s->env->fast, &t, &answer);
    cnc__free(user);
    return verdict(x, code, &answer);
}

static bool
ht_offered(const struct cnc__stream *s, enum cnc__fast_binding binding)
{
    uint8_t data[64];

    return s->env->fast != NULL && cnc__sasl2_offered(s) &&
           (binding == CNC__FAST_NONE || channel(s, binding, data) > 0);
}

static bool
expr_offered(const struct cnc__stream *s)
{
    return ht_offered(s, CNC__FAST_EXPORTER);
}

static bool
endp_offered(const struct cnc__stream *s)
{
    return ht_offered(s, CNC__FAST_END_POINT);
}

static bool
none_offered(const struct cnc__stream *s)
{
    return ht_offered(s, CNC__FAST_NONE);
}

#define HT(title, which, when)                                                \
    {                                                                         \
        .name = "HT-SHA-256-" title, .token = true, .client_first = true,     \
        .binding = which, .offered = when, .step = ht_step                    \
    }

const struct cnc__mechanism cnc__sasl_ht_expr =
                                HT("EXPR", CNC__FAST_EXPORTER, expr_offered),
                            cnc__sasl_ht_endp =
                                HT("ENDP", CNC__FAST_END_POINT, endp_offered),
                            cnc__sasl_ht_none =
                                HT("NONE", CNC__FAST_NONE, none_offered);
