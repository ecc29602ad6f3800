/* SPDX-License-Identifier: MIT */
/*
 * scram-keys.c -- stored keys of an account, and those of nobody.
 */
#include <gsasl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>

#include "../base/text.h"
#include "sasl.h"
#include "stream-priv.h"

/* RFC 5802 section 3:
 *   SaltedPassword = PBKDF2(password, salt, iterations)
 *   StoredKey = H(HMAC(SaltedPassword, "Client Key"))
 *   ServerKey = HMAC(SaltedPassword, "Server Key") */

#define N_SALT 16

void
cnc__scram_keys_of(struct cnc__scram_keys *io, const char *password,
                   size_t len, bool sha256)
{
    const EVP_MD *md = sha256 ? EVP_sha256() : EVP_sha1();
    unsigned char salted[32], client[32];
    unsigned n = (unsigned)EVP_MD_size(md);

    CNC_CHECK(PKCS5_PBKDF2_HMAC(password, (int)len, io->salt, (int)io->n_salt,
                                (int)io->iterations, md, (int)n, salted) == 1);
    CNC_CHECK(HMAC(md, salted, (int)n, (const unsigned char *)"Client Key", 10,
                   client, NULL) != NULL);
    CNC_CHECK(EVP_Digest(client, n, io->stored_key, NULL, md, NULL) == 1);
    CNC_CHECK(HMAC(md, salted, (int)n, (const unsigned char *)"Server Key", 10,
                   io->server_key, NULL) != NULL);
    io->n_key = n;
    OPENSSL_cleanse(salted, sizeof(salted));
    OPENSSL_cleanse(client, sizeof(client));
}

void
cnc__scram_derive(struct cnc__scram_keys *out, const char *password,
                  bool sha256, unsigned iterations)
{
    char *prepared = NULL;
    const char *use = password;

    *out =
        (struct cnc__scram_keys){.iterations = iterations, .n_salt = N_SALT};
    cnc__random(out->salt, N_SALT);
    /* RFC 5802 5.1 wants SASLprep.  What it forbids is taken as it is: no
     * client could use that password with SCRAM, but with PLAIN. */
    if (gsasl_saslprep(password, GSASL_ALLOW_UNASSIGNED, &prepared, NULL) ==
        GSASL_OK) {
        use = prepared;
    }
    cnc__scram_keys_of(out, use, strlen(use), sha256);
    if (prepared != NULL) {
        OPENSSL_cleanse(prepared, strlen(prepared));
        gsasl_free(prepared);
    }
}

bool
cnc__scram_check(const struct cnc__scram_keys *keys, const char *password,
                 bool sha256)
{
    struct cnc__scram_keys got = *keys;
    char *prepared = NULL;
    const char *use = password;
    bool same;

    if (gsasl_saslprep(password, GSASL_ALLOW_UNASSIGNED, &prepared, NULL) ==
        GSASL_OK) {
        use = prepared;
    }
    cnc__scram_keys_of(&got, use, strlen(use), sha256);
    same = cnc__equal_secret(got.stored_key, keys->stored_key, got.n_key);
    OPENSSL_cleanse(&got, sizeof(got));
    if (prepared != NULL) {
        OPENSSL_cleanse(prepared, strlen(prepared));
        gsasl_free(prepared);
    }
    return same;
}

static unsigned char own_secret[32]; /* when we were given none */
static pthread_once_t secret_once = PTHREAD_ONCE_INIT;

static void
make_secret(void)
{
    cnc__random(own_secret, sizeof(own_secret));
}

void
cnc__sasl_secret(uint8_t out[32], const struct cnc__stream *s,
                 const char *purpose, const char *text, size_t len)
{
    const uint8_t *secret = s->env->secret;
    struct cnc__str data = CNC__STR;

    pthread_once(&secret_once, make_secret);
    cnc__str_add(&data, purpose, strlen(purpose) + 1);
    cnc__str_add(&data, text, len);
    CNC_CHECK(HMAC(EVP_sha256(), secret == NULL ? own_secret : secret, 32,
                   (const unsigned char *)data.data, data.len, out,
                   NULL) != NULL);
    cnc__str_fini(&data);
}

/* The same salt for the same name as long as the secret is the same. */
static void
make_up(struct cnc__scram_keys *out, const struct cnc__stream *s,
        const char *account, bool sha256)
{
    uint8_t mac[32];

    cnc__sasl_secret(mac, s, "salt", account, strlen(account));
    *out = (struct cnc__scram_keys){.iterations = CNC__SCRAM_ITERATIONS,
                                    .n_salt = N_SALT,
                                    .n_key = sha256 ? 32 : 20};
    /* The two mechanisms of a real account have different salts too. */
    memcpy(out->salt, mac + (sha256 ? 0 : 16), N_SALT);
    cnc__random(out->stored_key, sizeof(out->stored_key));
    cnc__random(out->server_key, sizeof(out->server_key));
}

/* Names that EXTERNAL gives out: a password must not reach them. */
static bool
is_reserved(const char *user)
{
    return strcmp(user, "operator") == 0 || strncmp(user, "uid-", 4) == 0 ||
           strncmp(user, "anon-", 5) == 0;
}

bool
cnc__sasl_keys(struct cnc__scram_keys *out, const struct cnc__stream *s,
               const char *account, bool sha256)
{
    char *user = cnc__strndup(account, strcspn(account, "@"));
    struct cnc__scram_keys keys = {0};
    bool known;

    known = s->env->keys != NULL && !is_reserved(user) &&
            s->env->keys(&keys, user, sha256, s->env->priv) == 0;
    cnc__free(user);
    if (known) {
        *out = keys;
        OPENSSL_cleanse(&keys, sizeof(keys));
    } else {
        make_up(out, s, account, sha256);
    }
    return known;
}

bool
cnc__sasl_has_account(const struct cnc__stream *s, const char *account)
{
    struct cnc__scram_keys keys;
    bool known = cnc__sasl_keys(&keys, s, account, true) ||
                 cnc__sasl_keys(&keys, s, account, false);

    OPENSSL_cleanse(&keys, sizeof(keys));
    return known;
}
