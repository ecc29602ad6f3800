/* SPDX-License-Identifier: MIT */
/*
 * do-near.c -- the names that somebody may have meant.
 */
#include "do.h"

#define MAX_NAME 64
#define MAX_SAID 3

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters to put in, take out or change; Levenshtein's, a row at a time. */
static size_t
distance(const char *a, const char *b)
{
    size_t n_a = strlen(a), n_b = strlen(b), row[MAX_NAME + 1];

    if (n_a > MAX_NAME || n_b > MAX_NAME) {
        return MAX_NAME;
    }
    for (size_t k = 0; k <= n_b; k++) {
        row[k] = k;
    }
    for (size_t i = 1; i <= n_a; i++) {
        size_t corner = row[0];

        row[0] = i;
        for (size_t k = 1; k <= n_b; k++) {
            size_t above = row[k];
            size_t change = corner + (a[i - 1] != b[k - 1]);

            row[k] = least(change, least(above, row[k - 1]) + 1);
            corner = above;
        }
    }
    return row[n_b];
}

/* The smaller, the nearer; a name that holds what was typed is near, and so is
 * one whose last part it could be. */
static size_t
farness(const char *typed, const char *name)
{
    const char *slash = strrchr(name, '/'), *hash = strrchr(name, '#');
    size_t d = distance(typed, name);

    if (slash != NULL) {
        d = least(d, distance(typed, slash + 1) + 1);
    }
    if (hash != NULL) {
        d = least(d, distance(typed, hash + 1) + 1);
    }
    return strlen(typed) > 2 && strstr(name, typed) != NULL ? least(d, 1) : d;
}

void
do_near(struct cnc__str *out, const char *typed, const char *const *names,
        size_t n)
{
    size_t limit = 1 + strlen(typed) / 3, said = 0;

    /* All that are as near as the nearest one. */
    for (size_t d = 0; d <= limit && said == 0; d++) {
        for (size_t i = 0; i < n && said < MAX_SAID; i++) {
            if (farness(typed, names[i]) == d) {
                cnc__str_puts(out, said++ == 0 ? " Did you mean " : ", ");
                cnc__str_puts(out, names[i]);
            }
        }
    }
    cnc__str_puts(out, said == 0 ? "" : "?");
}
