/* SPDX-License-Identifier: MIT */
/*
 * check.c -- what ends the process; memory; random bytes.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/random.h>

#include "check.h"
#include "heap.h"
#include "text.h"

void
cnc__panic(const char *file, int line, const char *what)
{
    fprintf(stderr, "concordance: bug or no memory: %s:%d: %s\n", file, line,
            what);
    fflush(stderr);
    abort();
}

void *
cnc__zalloc(size_t size)
{
    struct cnc__heap *h = cnc__heap_set(NULL); /* it is our own */
    void *p = calloc(1, size == 0 ? 1 : size);
    cnc__heap_set(h);
    if (p == NULL) {
        cnc__panic(__FILE__, __LINE__, "out of memory");
    }
    return p;
}

void *
cnc__realloc(void *p, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        cnc__panic(__FILE__, __LINE__, "size overflow");
    }
    /* realloc(p, 0) may free p and return NULL: never ask for it. */
    struct cnc__heap *h = cnc__heap_set(NULL);
    void *q = realloc(p, bytes == 0 ? 1 : bytes);
    cnc__heap_set(h);
    if (q == NULL) {
        cnc__panic(__FILE__, __LINE__, "out of memory");
    }
    return q;
}

void *
cnc__grow(void *p, size_t n, size_t *cap, size_t size)
{
    if (n < *cap) {
        return p;
    }
    *cap = *cap == 0 ? 8 : *cap * 2;
    return cnc__realloc(p, *cap, size);
}

char *
cnc__strdup(const char *s)
{
    return s == NULL ? NULL : cnc__strndup(s, strlen(s));
}

char *
cnc__strndup(const char *s, size_t len)
{
    CNC_CHECK(len < SIZE_MAX);
    char *copy = cnc__realloc(NULL, len + 1, 1);
    if (len > 0) {
        memcpy(copy, s, len);
    }
    copy[len] = '\0';
    return copy;
}

void
cnc__trim(void)
{
    malloc_trim(0);
}

void
cnc__free(void *p)
{
    struct cnc__heap *h = cnc__heap_set(NULL);
    free(p);
    cnc__heap_set(h);
}

void
cnc__wipe(void *p, size_t len)
{
    if (len > 0) {
        explicit_bzero(p, len);
    }
}

bool
cnc__equal_secret(const void *a, const void *b, size_t len)
{
    const volatile unsigned char *x = a, *y = b;
    unsigned diff = 0;
    for (size_t i = 0; i < len; i++) {
        diff |= (unsigned)(x[i] ^ y[i]);
    }
    return diff == 0;
}

void
cnc__random(void *out, size_t len)
{
    char *at = out;
    while (len > 0) {
        ssize_t n = getrandom(at, len, 0);
        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            cnc__panic(__FILE__, __LINE__, "getrandom failed");
        }
        at += n;
        len -= (size_t)n;
    }
}

void
cnc__random_hex(char *out, size_t n_bytes)
{
    unsigned char bytes[64];
    CNC_CHECK(n_bytes <= sizeof(bytes));
    cnc__random(bytes, n_bytes);
    cnc__hex(out, bytes, n_bytes);
}
