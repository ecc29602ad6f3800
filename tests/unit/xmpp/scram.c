/* SPDX-License-Identifier: MIT */
/* SCRAM's keys against the RFCs' own examples, computed apart from the
 * library that serves the exchange. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "../../../src/base/text.h"
#include "../../../src/xmpp/sasl.h"

struct example {
    bool sha256;
    const char *salt, *auth_message, *proof, *signature;
};

static const struct example rfc5802 = {
    false, "QSXCR+Q6sek8bf92",
    "n=user,r=fyko+d2lbbFgONRv9qkxdawL,"
    "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,"
    "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
    "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "rmF9pqV8S7suAoZWja4dJRkFsKQ="};

static const struct example rfc7677 = {
    true, "W22ZaJ0SNY7soEsUEjb6gQ==",
    "n=user,r=rOprNGfwEbeRWgbNEkqO,"
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="};

/* The proof must open the stored key, the server key must sign. */
static void
check(const struct example *x)
{
    const EVP_MD *md = x->sha256 ? EVP_sha256() : EVP_sha1();
    struct cnc__scram_keys keys = {.iterations = 4096};
    struct cnc__str salt = CNC__STR, proof = CNC__STR, signature = CNC__STR;
    unsigned char mac[32], key[32];

    assert_int_equal(cnc__base64_decode(&salt, x->salt, strlen(x->salt)), 0);
    memcpy(keys.salt, salt.data, salt.len);
    keys.n_salt = salt.len;
    cnc__scram_keys_of(&keys, "pencil", 6, x->sha256);
    assert_int_equal(keys.n_key, x->sha256 ? 32 : 20);

    assert_int_equal(cnc__base64_decode(&proof, x->proof, strlen(x->proof)),
                     0);
    assert_int_equal(proof.len, keys.n_key);
    HMAC(md, keys.stored_key, (int)keys.n_key,
         (const unsigned char *)x->auth_message, strlen(x->auth_message), mac,
         NULL);
    for (size_t i = 0; i < keys.n_key; i++) {
        mac[i] ^= (unsigned char)proof.data[i];
    }
    EVP_Digest(mac, keys.n_key, key, NULL, md, NULL);
    assert_memory_equal(key, keys.stored_key, keys.n_key);

    HMAC(md, keys.server_key, (int)keys.n_key,
         (const unsigned char *)x->auth_message, strlen(x->auth_message), mac,
         NULL);
    cnc__base64_encode(&signature, mac, keys.n_key);
    assert_string_equal(signature.data, x->signature);
    cnc__str_fini(&salt);
    cnc__str_fini(&proof);
    cnc__str_fini(&signature);
}

static void
the_example_of_rfc_5802_comes_out(void **state)
{
    check(&rfc5802);
}

static void
the_example_of_rfc_7677_comes_out(void **state)
{
    check(&rfc7677);
}

static void
passwords_are_prepared_with_saslprep(void **state)
{
    struct cnc__scram_keys keys, again;

    /* RFC 4013 section 3: I<U+00AD>X is IX, U+2168 is IX. */
    cnc__scram_derive(&keys, "I\xc2\xadX", true, 8);
    again = keys;
    cnc__scram_keys_of(&again, "IX", 2, true);
    assert_memory_equal(again.stored_key, keys.stored_key, 32);
    cnc__scram_derive(&keys, "\xe2\x85\xa8", true, 8);
    again = keys;
    cnc__scram_keys_of(&again, "IX", 2, true);
    assert_memory_equal(again.stored_key, keys.stored_key, 32);
}

static void
every_account_has_its_own_salt(void **state)
{
    struct cnc__scram_keys a, b;

    cnc__scram_derive(&a, "pencil", true, 8);
    cnc__scram_derive(&b, "pencil", true, 8);
    assert_int_equal(a.n_salt, 16);
    assert_memory_not_equal(a.salt, b.salt, 16);
    assert_memory_not_equal(a.stored_key, b.stored_key, 32);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_rfc_5802_comes_out),
        cmocka_unit_test(the_example_of_rfc_7677_comes_out),
        cmocka_unit_test(passwords_are_prepared_with_saslprep),
        cmocka_unit_test(every_account_has_its_own_salt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
