/* SPDX-License-Identifier: MIT */
/*
 * sasl-simple.c -- the two mechanisms without a secret.
 */
#include <unistd.h>

#include "../base/text.h"
#include "sasl.h"
#include "stream-priv.h"

/* XEP-0175, RFC 4505.  The trace is the visitor's word about itself: not kept,
 * since nothing follows from it. */
static enum cnc__sasl_result
anonymous_step(struct cnc__stream *s, struct cnc__sasl *x, const char *in,
               size_t len)
{
    char name[] = "anon-0123456789abcdef0123456789abcdef";

    if (!cnc__utf8_valid(in, len) || cnc__utf8_count(in, len) > 255) {
        return cnc__sasl_fail(x, "malformed-request");
    }
    cnc__random_hex(name + 5, 16);
    x->account = cnc__sasl_account(s, name, strlen(name));
    x->anonymous = true;
    return CNC__SASL_DONE;
}

const struct cnc__mechanism cnc__sasl_anonymous = {
    .name = "ANONYMOUS",
    .bit = CNC__SASL_ANONYMOUS,
    .step = anonymous_step,
};

static bool
external_offered(const struct cnc__stream *s)
{
    return s->uid >= 0;
}

/* RFC 4422 appendix A; the credential is the uid that the kernel gave for the
 * Unix socket's peer. */
static enum cnc__sasl_result
external_step(struct cnc__stream *s, struct cnc__sasl *x, const char *in,
              size_t len)
{
    struct cnc__str name = CNC__STR;

    x->operator_ = s->uid == 0 || s->uid == (int64_t)geteuid();
    if (x->operator_) {
        cnc__str_puts(&name, "operator");
    } else {
        cnc__str_printf(&name, "uid-%lld", (long long)s->uid);
    }
    x->account = cnc__sasl_account(s, name.data, name.len);
    cnc__str_fini(&name);
    if (!cnc__sasl_may_act_as(x->account, in, len)) {
        return cnc__sasl_fail(x, "invalid-authzid");
    }
    return CNC__SASL_DONE;
}

const struct cnc__mechanism cnc__sasl_external = {
    .name = "EXTERNAL",
    .bit = CNC__SASL_EXTERNAL,
    .client_first = true,
    .offered = external_offered,
    .step = external_step,
};
