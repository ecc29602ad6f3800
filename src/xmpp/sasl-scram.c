/* SPDX-License-Identifier: MIT */
/*
 * sasl-scram.c -- SCRAM-SHA-1 and SCRAM-SHA-256, with and without -PLUS
 * (RFC 5802, RFC 7677), the server's half.
 *
 *   C: gs2-header n=user,r=nonce          gs2-header: flag,[a=authzid],
 *   S: r=nonce+ours,s=salt,i=count,h=...  h: XEP-0474
 *   C: c=base64(gs2-header binding),r=nonce+ours,p=proof
 *   S: v=signature
 *
 * GNU SASL 2.2 has neither tls-server-end-point, which XEP-0440 demands of
 * every server, nor XEP-0474; so it prepares passwords for us (SASLprep) and
 * is the client in our tests, where the two must agree.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "../base/text.h"
#include "sasl.h"
#include "stream-priv.h"

#define MAX_NONCE 512 /* bytes of the client's */

struct scram {
    bool sha256;
    bool known;          /* the keys are an account's */
    struct cnc__str c;   /* what c= must hold: gs2-header and binding */
    struct cnc__str all; /* AuthMessage (RFC 5802 section 3) as it grows */
    char *nonce;         /* both halves */
    char *authzid;       /* NULL: none */
    struct cnc__scram_keys keys;
};

/* What is left of a message. */
struct reader {
    const char *at, *end;
};

static bool
takes(struct reader *r, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0) {
        return false;
    }
    r->at += len;
    return true;
}

/* Up to the next comma or the end; not empty. */
static bool
takes_value(struct reader *r, const char **value, size_t *len)
{
    const char *comma = memchr(r->at, ',', (size_t)(r->end - r->at));

    *value = r->at;
    r->at = comma == NULL ? r->end : comma;
    *len = (size_t)(r->at - *value);
    return *len > 0;
}

/* RFC 5802 section 7, saslname: "=2C" is a comma, "=3D" an equals sign. */
static char *
read_name(const char *s, size_t len)
{
    struct cnc__str name = CNC__STR;

    for (size_t i = 0; i < len; i++) {
        if (s[i] != '=') {
            cnc__str_putc(&name, s[i]);
        } else if (len - i >= 3 && memcmp(s + i, "=2C", 3) == 0) {
            cnc__str_putc(&name, ',');
            i += 2;
        } else if (len - i >= 3 && memcmp(s + i, "=3D", 3) == 0) {
            cnc__str_putc(&name, '=');
            i += 2;
        } else {
            cnc__str_fini(&name);
            return NULL;
        }
    }
    return cnc__str_steal(&name);
}

static bool
takes_name(struct reader *r, char **out)
{
    const char *value;
    size_t len;

    if (!takes_value(r, &value, &len)) {
        return false;
    }
    *out = read_name(value, len);
    return *out != NULL;
}

static bool
takes_nonce(struct reader *r, const char **nonce, size_t *len)
{
    if (!takes(r, "r=") || !takes_value(r, nonce, len)) {
        return false;
    }
    for (size_t i = 0; i < *len; i++) {
        if ((*nonce)[i] < 0x21 || (*nonce)[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

/* -- the first message ---------------------------------------------------- */

/* RFC 5802 section 6.  The flag must be what the mechanism's name says, and
 * who knows bindings but saw none offered was lied to in between.  NULL:
 * nothing wrong. */
static const char *
read_flag(struct reader *r, struct cnc__stream *s, struct cnc__sasl *sasl,
          struct scram *x, const char *start)
{
    bool plus = sasl->mechanism->binds;
    uint8_t binding[64];
    const char *name;
    size_t len, n = 0;

    if (takes(r, "p=")) {
        if (!plus || !takes_value(r, &name, &len)) {
            return "malformed-request";
        }
        n = cnc__sasl_binding(s, name, len, binding);
        if (n == 0) {
            sasl->why = "unknown channel binding";
            return "not-authorized";
        }
    } else if (plus || (!takes(r, "n") && !takes(r, "y"))) {
        return "malformed-request";
    } else if (start[0] == 'y' && cnc__sasl_can_bind(s)) {
        sasl->why = "the offer of channel binding was hidden from the client";
        return "not-authorized";
    }
    if (!takes(r, ",") || (takes(r, "a=") && !takes_name(r, &x->authzid)) ||
        !takes(r, ",")) {
        return "malformed-request";
    }
    cnc__str_add(&x->c, start, (size_t)(r->at - start));
    cnc__str_add(&x->c, binding, n);
    return NULL;
}

/* n=user,r=nonce and what we need not understand. */
static const char *
read_bare(struct reader *r, struct cnc__stream *s, struct cnc__sasl *sasl,
          struct scram *x)
{
    const char *start = r->at, *nonce;
    struct cnc__str whole = CNC__STR;
    char *user = NULL;
    uint8_t random[18];
    size_t len;

    if (!takes(r, "n=") || !takes_name(r, &user) || !takes(r, ",") ||
        !takes_nonce(r, &nonce, &len) || len > MAX_NONCE) {
        cnc__free(user);
        return "malformed-request";
    }
    sasl->account = cnc__sasl_account(s, user, strlen(user));
    cnc__free(user);
    if (sasl->account == NULL) {
        return "not-authorized"; /* no local part is no account */
    }
    if (!cnc__sasl_may_try(s, sasl)) {
        return "temporary-auth-failure";
    }
    cnc__random(random, sizeof(random));
    cnc__str_add(&whole, nonce, len);
    cnc__base64_encode(&whole, random, sizeof(random));
    x->nonce = cnc__str_steal(&whole);
    cnc__str_add(&x->all, start, (size_t)(r->end - start));
    return NULL;
}

static enum cnc__sasl_result
first(struct cnc__stream *s, struct cnc__sasl *sasl, const char *in,
      size_t len)
{
    struct scram *x = sasl->priv = cnc__zalloc(sizeof(*x));
    struct reader r = {in, in + len};
    const char *fault = "malformed-request";

    x->sha256 = (sasl->mechanism->bit & CNC__SASL_SCRAM_SHA256) != 0;
    if (memchr(in, '\0', len) == NULL && cnc__utf8_valid(in, len)) {
        fault = read_flag(&r, s, sasl, x, in);
    }
    if (fault == NULL) {
        fault = read_bare(&r, s, sasl, x);
    }
    if (fault != NULL) {
        return cnc__sasl_fail(sasl, fault);
    }
    x->known = cnc__sasl_keys(&x->keys, s, sasl->account, x->sha256);
    cnc__str_printf(&sasl->out, "r=%s,s=", x->nonce);
    cnc__base64_encode(&sasl->out, x->keys.salt, x->keys.n_salt);
    cnc__str_printf(&sasl->out, ",i=%u", x->keys.iterations);
    cnc__sasl_add_offer_hash(&sasl->out, s, x->sha256);
    cnc__str_printf(&x->all, ",%s,", sasl->out.data);
    return CNC__SASL_MORE;
}

/* -- the last ------------------------------------------------------------- */

static bool
is_base64_of(const char *s, size_t len, const struct cnc__str *want)
{
    struct cnc__str got = CNC__STR;
    bool same = cnc__base64_decode(&got, s, len) == 0 &&
                got.len == want->len &&
                cnc__equal_secret(got.data, want->data, want->len);

    cnc__str_fini(&got);
    return same;
}

/* H(ClientProof XOR HMAC(StoredKey, AuthMessage)) is StoredKey. */
static bool
proves(const struct scram *x, const struct cnc__str *proof)
{
    const EVP_MD *md = x->sha256 ? EVP_sha256() : EVP_sha1();
    unsigned char key[32], hash[32];
    bool same;

    if (proof->len != x->keys.n_key) {
        return false;
    }
    CNC_CHECK(HMAC(md, x->keys.stored_key, (int)x->keys.n_key,
                   (const unsigned char *)x->all.data, x->all.len, key,
                   NULL) != NULL);
    for (size_t i = 0; i < x->keys.n_key; i++) {
        key[i] ^= (unsigned char)proof->data[i];
    }
    CNC_CHECK(EVP_Digest(key, x->keys.n_key, hash, NULL, md, NULL) == 1);
    same = cnc__equal_secret(hash, x->keys.stored_key, x->keys.n_key);
    OPENSSL_cleanse(key, sizeof(key));
    return same && x->known;
}

static void
sign(struct cnc__str *out, const struct scram *x)
{
    unsigned char mac[32];

    CNC_CHECK(HMAC(x->sha256 ? EVP_sha256() : EVP_sha1(), x->keys.server_key,
                   (int)x->keys.n_key, (const unsigned char *)x->all.data,
                   x->all.len, mac, NULL) != NULL);
    cnc__str_puts(out, "v=");
    cnc__base64_encode(out, mac, x->keys.n_key);
}

/* The last attribute: the rest of r, from the last ",p=" on. */
static const char *
find_proof(const struct reader *r)
{
    const char *at = memrchr(r->at, ',', (size_t)(r->end - r->at));

    return at != NULL && r->end - at > 3 && memcmp(at, ",p=", 3) == 0 ? at
                                                                      : NULL;
}

static enum cnc__sasl_result
last(struct cnc__sasl *sasl, const char *in, size_t len)
{
    struct scram *x = sasl->priv;
    struct reader r = {in, in + len};
    const char *binding, *nonce, *p = find_proof(&r);
    struct cnc__str proof = CNC__STR;
    size_t n_binding, n_nonce;
    bool ok;

    if (p == NULL || !takes(&r, "c=") ||
        !takes_value(&r, &binding, &n_binding) || !takes(&r, ",") ||
        !takes_nonce(&r, &nonce, &n_nonce) ||
        cnc__base64_decode(&proof, p + 3, (size_t)(r.end - p) - 3) != 0) {
        cnc__str_fini(&proof);
        return cnc__sasl_fail(sasl, "malformed-request");
    }
    cnc__str_add(&x->all, in, (size_t)(p - in));
    ok = proves(x, &proof);
    cnc__str_fini(&proof);
    if (!ok || n_nonce != strlen(x->nonce) ||
        memcmp(nonce, x->nonce, n_nonce) != 0) {
        return cnc__sasl_fail(sasl, "not-authorized");
    }
    if (!is_base64_of(binding, n_binding, &x->c)) {
        sasl->why = "the channel's two ends are not the same";
        return cnc__sasl_fail(sasl, "not-authorized");
    }
    if (x->authzid != NULL &&
        !cnc__sasl_may_act_as(sasl, x->authzid, strlen(x->authzid))) {
        return cnc__sasl_fail(sasl, "invalid-authzid");
    }
    sign(&sasl->out, x);
    sasl->has_out = true;
    return CNC__SASL_DONE;
}

static enum cnc__sasl_result
scram_step(struct cnc__stream *s, struct cnc__sasl *sasl, const char *in,
           size_t len)
{
    return sasl->priv == NULL ? first(s, sasl, in, len) : last(sasl, in, len);
}

static void
scram_abandon(struct cnc__sasl *sasl)
{
    struct scram *x = sasl->priv;

    if (x != NULL) {
        cnc__str_fini(&x->c);
        cnc__str_fini(&x->all);
        cnc__free(x->nonce);
        cnc__free(x->authzid);
        OPENSSL_cleanse(x, sizeof(*x));
        cnc__free(x);
        sasl->priv = NULL;
    }
}

static bool
has_keys(const struct cnc__stream *s)
{
    return s->env->keys != NULL;
}

static bool
has_keys_and_binding(const struct cnc__stream *s)
{
    return has_keys(s) && cnc__sasl_can_bind(s);
}

#define SCRAM(title, which, plus, when)                                       \
    {                                                                         \
        .name = title, .bit = which, .client_first = true, .binds = plus,     \
        .offered = when, .step = scram_step, .abandon = scram_abandon         \
    }

const struct cnc__mechanism cnc__sasl_scram_sha1 =
                                SCRAM("SCRAM-SHA-1", CNC__SASL_SCRAM_SHA1,
                                      false, has_keys),
                            cnc__sasl_scram_sha1_plus =
                                SCRAM("SCRAM-SHA-1-PLUS", CNC__SASL_SCRAM_SHA1,
                                      true, has_keys_and_binding),
                            cnc__sasl_scram_sha256 =
                                SCRAM("SCRAM-SHA-256", CNC__SASL_SCRAM_SHA256,
                                      false, has_keys),
                            cnc__sasl_scram_sha256_plus = SCRAM(
                                "SCRAM-SHA-256-PLUS", CNC__SASL_SCRAM_SHA256,
                                true, has_keys_and_binding);
