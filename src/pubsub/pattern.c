/* SPDX-License-Identifier: MIT */
/*
 * pattern.c -- expressions of the apps' fields, compiled once.  Only
 * declarations add to the table, so it is as large as the apps are.  regexec()
 * may be called by several threads on one expression.
 */
#include <pthread.h>
#include <regex.h>

#include "../base/table.h"
#include "formimpl.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct cnc__table *compiled; /* pattern -> regex_t */

static int
compile(regex_t *re, const char *pattern, int flags, struct cnc_error *err)
{
    int rc = regcomp(re, pattern, REG_EXTENDED | flags);
    if (rc != 0) {
        char why[128];
        regerror(rc, re, why, sizeof(why));
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "the expression \"%s\" is wrong: %s", pattern,
                             why);
    }
    return 0;
}

static int
get(const regex_t **out, const char *pattern, struct cnc_error *err)
{
    pthread_mutex_lock(&lock);
    if (compiled == NULL) {
        compiled = cnc__table_new();
    }
    regex_t *re = cnc__table_get(compiled, pattern);
    int rc = 0;
    if (re == NULL) {
        struct cnc__str whole = CNC__STR;
        cnc__str_printf(&whole, "^(%s)$", pattern);
        re = cnc__zalloc(sizeof(*re));
        rc = compile(re, whole.data, REG_NOSUB, err);
        cnc__str_fini(&whole);
        if (rc == 0) {
            cnc__table_put(compiled, pattern, re);
        } else {
            cnc__free(re);
        }
    }
    pthread_mutex_unlock(&lock);
    if (rc == 0) {
        *out = re;
    }
    return rc;
}

/* A back-reference makes the matcher's time exponential in the text, and
 * texts are strangers'. */
static bool
has_back_reference(const char *pattern)
{
    for (; *pattern != '\0'; pattern++) {
        if (*pattern == '\\') {
            pattern++;
            if (*pattern >= '1' && *pattern <= '9') {
                return true;
            }
            if (*pattern == '\0') {
                break;
            }
        }
    }
    return false;
}

int
cnc__pattern_check(const char *pattern, struct cnc_error *err)
{
    if (has_back_reference(pattern)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "the expression \"%s\" has a back-reference",
                             pattern);
    }
    /* Alone first: "a)(b" would be right between our own brackets. */
    regex_t re;
    int rc = compile(&re, pattern, REG_NOSUB, err);
    if (rc != 0) {
        return rc;
    }
    regfree(&re);
    const regex_t *whole;
    return get(&whole, pattern, err);
}

bool
cnc__pattern_matches(const char *pattern, const char *text)
{
    const regex_t *re;
    return get(&re, pattern, NULL) == 0 && regexec(re, text, 0, NULL, 0) == 0;
}
