/* SPDX-License-Identifier: MIT */
/*
 * certs.h -- certificates for tests: made in memory, P-256, valid from an hour
 * ago for an hour.
 */
#ifndef CNC_TESTS_CERTS_H
#define CNC_TESTS_CERTS_H

#include <stdbool.h>

#include <openssl/x509.h>

struct pair {
    X509 *cert;
    EVP_PKEY *key;
};

struct pair_options {
    const char *cn;            /* ["concordance test"] */
    const char *san;           /* as in openssl.cnf; NULL: none */
    const char *usage;         /* extendedKeyUsage; NULL: none */
    const struct pair *issuer; /* NULL: itself */
    bool ca, expired;
};

struct pair make_pair(struct pair_options o);
void free_pair(struct pair *p);
/* PEM files; key may be NULL. */
void write_pair_files(const struct pair *p, const char *cert, const char *key);

#endif /* CNC_TESTS_CERTS_H */
