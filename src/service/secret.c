/* SPDX-License-Identifier: MIT */
/*
 * secret.c -- what cookies and tokens are made of, and the clock by which they
 * end.
 */
#include <openssl/evp.h>
#include <time.h>

#include "../base/text.h"
#include "weblogin.h"

int64_t
cnc__unix_s(void)
{
    return (int64_t)time(NULL);
}

void
cnc__secret_new(char out[CNC__WEBLOGIN_SECRET + 1])
{
    struct cnc__str text = CNC__STR;
    unsigned char raw[32];

    cnc__random(raw, sizeof(raw));
    cnc__base64_encode(&text, raw, sizeof(raw));
    for (size_t i = 0; i < CNC__WEBLOGIN_SECRET; i++) {
        char c = text.data[i];

        out[i] = c == '+' ? '-' : c == '/' ? '_' : c;
    }
    out[CNC__WEBLOGIN_SECRET] = '\0';
    cnc__wipe(raw, sizeof(raw));
    cnc__wipe(text.data, text.len);
    cnc__str_fini(&text);
}

void
cnc__secret_hash(char out[65], const char *secret, size_t len)
{
    unsigned char hash[32];

    CNC_CHECK(EVP_Digest(secret, len, hash, NULL, EVP_sha256(), NULL) == 1);
    cnc__hex(out, hash, sizeof(hash));
}
