/* SPDX-License-Identifier: MIT */
/*
 * sasl-plain.c -- PLAIN (RFC 4616): the password is run through the account's
 * SCRAM keys, away from the core's thread because PBKDF2 is slow on purpose.
 */
#include <gsasl.h>
#include <openssl/crypto.h>

#include "../base/text.h"
#include "sasl.h"
#include "stream-priv.h"

struct job {
    struct cnc__stream *stream; /* NULL: the exchange was abandoned */
    struct cnc__str password;
    struct cnc__scram_keys keys;
    bool known, sha256, ok, unsure;
};

static void
job_free(struct job *job)
{
    if (job->password.data != NULL) {
        OPENSSL_cleanse(job->password.data, job->password.len);
    }
    cnc__str_fini(&job->password);
    OPENSSL_cleanse(job, sizeof(*job));
    cnc__free(job);
}

static void
work(void *arg)
{
    struct job *job = arg;
    struct cnc__scram_keys got = job->keys;

    cnc__scram_keys_of(&got, job->password.data, job->password.len,
                       job->sha256);
    /* Unknown users cost the same and end here too. */
    job->ok = cnc__equal_secret(got.stored_key, job->keys.stored_key,
                                job->keys.n_key) &&
              job->known;
    OPENSSL_cleanse(&got, sizeof(got));
}

static enum cnc__sasl_result
verdict(struct cnc__sasl *x, bool ok)
{
    return ok ? CNC__SASL_DONE : cnc__sasl_fail(x, "not-authorized");
}

static void
done(void *arg)
{
    struct job *job = arg;
    struct cnc__stream *s = job->stream;
    bool ok = job->ok, unsure = job->unsure;

    job_free(job);
    if (s != NULL) {
        s->sasl->priv = NULL;
        cnc__sasl_finish(
            s, unsure ? cnc__sasl_fail(s->sasl, "temporary-auth-failure")
                      : verdict(s->sasl, ok));
    }
}

static void
work_is_done(void *arg)
{
}

/* What somebody else than the keys says; perhaps at once, and the verdict is
 * still to come after this step. */
static void
on_asked(int code, const char *text, void *arg)
{
    struct job *job = arg;
    struct cnc__stream *s = job->stream;

    job->ok = code == 0;
    job->unsure = code != 0 && code != CNC_ENOENT && code != CNC_EAUTH;
    /* As slow when they say no as for a name that nobody has. */
    job->known = job->known && code != CNC_EAUTH;
    if (s == NULL) {
        job_free(job);
    } else {
        s->env->offload(job->ok || job->unsure ? work_is_done : work, done,
                        job, s->env->priv);
    }
}

/* SASLprep, as the keys were made (see cnc__scram_derive). */
static void
take_password(struct job *job, const char *password, size_t len)
{
    char *raw = cnc__strndup(password, len), *prepared = NULL;

    if (gsasl_saslprep(raw, GSASL_ALLOW_UNASSIGNED, &prepared, NULL) ==
        GSASL_OK) {
        cnc__str_puts(&job->password, prepared);
        OPENSSL_cleanse(prepared, strlen(prepared));
        gsasl_free(prepared);
    } else {
        cnc__str_add(&job->password, password, len);
    }
    OPENSSL_cleanse(raw, len);
    cnc__free(raw);
}

static enum cnc__sasl_result
verify(struct cnc__stream *s, struct cnc__sasl *x, const char *password,
       size_t len)
{
    struct job *job = cnc__zalloc(sizeof(*job));

    job->stream = s;
    take_password(job, password, len);
    job->sha256 = true;
    job->known = cnc__sasl_keys(&job->keys, s, x->account, true);
    if (!job->known) {
        struct cnc__scram_keys sha1;

        if (cnc__sasl_keys(&sha1, s, x->account, false)) {
            job->keys = sha1;
            job->sha256 = false;
            job->known = true;
        }
        OPENSSL_cleanse(&sha1, sizeof(sha1));
    }
    if (s->env->offload == NULL) {
        bool ok;

        work(job);
        ok = job->ok;
        job_free(job);
        return verdict(x, ok);
    }
    x->priv = job;
    x->waiting = true;
    if (s->env->ask_password == NULL) {
        s->env->offload(work, done, job, s->env->priv);
    } else {
        char *user = cnc__strndup(x->account, strcspn(x->account, "@"));

        s->env->ask_password(user, job->password.data, on_asked, job,
                             s->env->priv);
        cnc__free(user);
    }
    return CNC__SASL_WAIT;
}

/* [authzid] NUL authcid NUL password */
static enum cnc__sasl_result
plain_step(struct cnc__stream *s, struct cnc__sasl *x, const char *in,
           size_t len)
{
    const char *end = in + len;
    const char *user = memchr(in, '\0', len), *password;

    user = user == NULL ? end : user + 1;
    password = memchr(user, '\0', (size_t)(end - user));
    if (password == NULL || password == user || password + 1 == end ||
        memchr(password + 1, '\0', (size_t)(end - password - 1)) != NULL ||
        !cnc__utf8_valid(in, len)) {
        return cnc__sasl_fail(x, "malformed-request");
    }
    password++;
    x->account = cnc__sasl_account(s, user, (size_t)(password - 1 - user));
    if (x->account == NULL) {
        return cnc__sasl_fail(x, "not-authorized");
    }
    if (!cnc__sasl_may_act_as(x, in, (size_t)(user - 1 - in))) {
        return cnc__sasl_fail(x, "invalid-authzid");
    }
    if (!cnc__sasl_may_try(s, x)) {
        return cnc__sasl_fail(x, "temporary-auth-failure");
    }
    return verify(s, x, password, (size_t)(end - password));
}

static void
plain_abandon(struct cnc__sasl *x)
{
    struct job *job = x->priv;

    if (job != NULL) {
        job->stream = NULL; /* done() frees it */
    }
}

/* RFC 6120 13.8.1: never in the clear over a network, and on this machine
 * only for who asked for it. */
static bool
plain_offered(const struct cnc__stream *s)
{
    return (s->secure || (s->loopback && s->env->loopback_plain)) &&
           s->env->keys != NULL;
}

const struct cnc__mechanism cnc__sasl_plain = {
    .name = "PLAIN",
    .bit = CNC__SASL_PLAIN,
    .client_first = true,
    .offered = plain_offered,
    .step = plain_step,
    .abandon = plain_abandon,
};
