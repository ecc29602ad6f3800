/* SPDX-License-Identifier: MIT */
/*
 * sasl-simple.c -- the two mechanisms without a secret.
 */
#include <unistd.h>

#include "../base/text.h"
#include "jid.h"
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

/* -- EXTERNAL (RFC 4422 appendix A) --------------------------------------- */

/* The credential is the uid that the kernel gave for the Unix socket's peer.
 */
static enum cnc__sasl_result
by_uid(struct cnc__stream *s, struct cnc__sasl *x, const char *in, size_t len)
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
    if (!cnc__sasl_may_act_as(x, in, len)) {
        return cnc__sasl_fail(x, "invalid-authzid");
    }
    return CNC__SASL_DONE;
}

/* The next name of the certificate that is somebody's here, prepared. */
static bool
next_name(char jid[CNC__JID_MAX + 1], const char **at,
          const struct cnc__stream *s)
{
    while (**at != '\0') {
        const char *name = *at, *end = strchr(name, '\n');

        *at = end + 1;
        if (cnc__jid_prepare(jid, name, (size_t)(end - name), NULL) != 0 ||
            !cnc__jid_has_local(jid) || cnc__jid_resource(jid) != NULL) {
            continue;
        }
        if (cnc__jid_is_at(jid, cnc__stream_host(s))) {
            return true;
        }
    }
    return false;
}

/* XEP-0178 section 2, step 11: one name with an account needs no authzid; of
 * several it chooses one. */
static enum cnc__sasl_result
by_names(struct cnc__stream *s, struct cnc__sasl *x, const char *names,
         const char *in, size_t len)
{
    char jid[CNC__JID_MAX + 1], wish[CNC__JID_MAX + 1] = "";
    size_t n = 0;
    bool named = false;

    if (len > 0 && cnc__jid_prepare(wish, in, len, NULL) != 0) {
        return cnc__sasl_fail(x, "invalid-authzid");
    }
    while (next_name(jid, &names, s)) {
        named = named || strcmp(jid, wish) == 0;
        if (cnc__sasl_has_account(s, jid)) {
            n++;
            if (x->account == NULL || strcmp(jid, wish) == 0) {
                cnc__free(x->account);
                x->account = cnc__strdup(jid);
            }
        }
    }
    if (len > 0 && !named) {
        return cnc__sasl_fail(x, "invalid-authzid");
    }
    if (n == 0 || (len > 0 && strcmp(x->account, wish) != 0)) {
        return cnc__sasl_fail(x, "not-authorized");
    }
    if (n > 1 && len == 0) {
        x->why = "the certificate names several accounts";
        return cnc__sasl_fail(x, "invalid-authzid");
    }
    x->has_authzid = len > 0;
    return CNC__SASL_DONE;
}

static enum cnc__sasl_result
external_step(struct cnc__stream *s, struct cnc__sasl *x, const char *in,
              size_t len)
{
    enum cnc__sasl_result result;
    char *names;

    if (s->uid >= 0) {
        return by_uid(s, x, in, len);
    }
    names = s->events->cert_jids(s->priv);
    result = by_names(s, x, names == NULL ? "" : names, in, len);
    cnc__free(names);
    return result;
}

/* RFC 6120 6.3.4: not to who cannot use it. */
static bool
external_offered(const struct cnc__stream *s)
{
    char jid[CNC__JID_MAX + 1], *names;
    const char *at;
    bool any;

    if (s->uid >= 0 || !s->secure || s->events->cert_jids == NULL) {
        return s->uid >= 0;
    }
    names = s->events->cert_jids(s->priv);
    at = names == NULL ? "" : names;
    any = next_name(jid, &at, s);
    cnc__free(names);
    return any;
}

const struct cnc__mechanism cnc__sasl_external = {
    .name = "EXTERNAL",
    .bit = CNC__SASL_EXTERNAL,
    .client_first = true,
    .offered = external_offered,
    .step = external_step,
};
