/* SPDX-License-Identifier: MIT */
/*
 * rules.c -- what names, passwords and paths may be; how often one may try;
 * and what is too small for a file.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "auth.h"

#define PASSWORD_MIN 8 /* code points */

/* -- paths ---------------------------------------------------------------- */

/* Browsers take "//host", "/\host" and a tab between them for another site. */
static bool
is_own_path(const char *path)
{
    if (path[0] != '/' || path[1] == '/' || strlen(path) > 1000) {
        return false;
    }
    for (const char *s = path; *s != '\0'; s++) {
        if ((unsigned char)*s <= 0x20 || *s == 0x7f || *s == '\\') {
            return false;
        }
    }
    return true;
}

const char *
auth_next(struct cnc_request *r, const char *path)
{
    const char *home = cnc_setting(r, "home");

    if (is_own_path(path)) {
        return path;
    }
    return is_own_path(home) ? home : "/";
}

int
auth_add_query(char *out, size_t size, const char *name, const char *text)
{
    size_t at = strlen(out);
    int n = snprintf(out + at, size - at,
                     "%c%s=", strchr(out, '?') == NULL ? '?' : '&', name);

    if (n < 0 || (size_t)n >= size - at) {
        return CNC_ELIMIT;
    }
    for (at += (size_t)n; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     (c >= '0' && c <= '9') || strchr("-._~", c) != NULL;

        if (size - at < 4) {
            return CNC_ELIMIT;
        }
        snprintf(out + at, size - at, plain ? "%c" : "%%%02X", c);
        at += plain ? 1 : 3;
    }
    return 0;
}

uint32_t
auth_number(const char *text)
{
    uint32_t n = 0;

    for (; *text >= '0' && *text <= '9' && n < 1000000; text++) {
        n = n * 10 + (uint32_t)(*text - '0');
    }
    return n;
}

/* -- passwords ------------------------------------------------------------ */

static size_t
n_chars(const char *s)
{
    size_t n = 0;

    for (; *s != '\0'; s++) {
        n += ((unsigned char)*s & 0xc0) != 0x80;
    }
    return n;
}

static bool
is_one_char(const char *s)
{
    size_t len = strcspn(s + 1, "\x80");

    return s[0] != '\0' && len == strlen(s) - 1 &&
           strspn(s, (char[]){s[0], '\0'}) == strlen(s);
}

/* "12345678", "abcdefgh", and back. */
static bool
is_sequence(const char *s)
{
    int step = s[1] - s[0];

    if (step != 1 && step != -1) {
        return false;
    }
    for (; s[1] != '\0'; s++) {
        if (s[1] - s[0] != step) {
            return false;
        }
    }
    return true;
}

/* What is tried first everywhere.  The limit on tries does the rest: a longer
 * list would only send people to the next one that is not on it. */
static bool
is_common(const char *s)
{
    static const char *const common[] = {
        "password",   "password1", "passw0rd", "qwertyui",  "qwertyuiop",
        "qwerty123",  "1q2w3e4r",  "iloveyou", "letmein1",  "11111111",
        "1234567890", "baseball",  "football", "sunshine",  "princess",
        "trustno1",   "welcome1",  "passwort", "passwort1", "concordance"};

    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
        if (strcasecmp(s, common[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The name itself, alone or with a little around it. */
static bool
is_made_of(const char *password, const char *name)
{
    size_t len = strlen(name);

    return len > 2 && strcasestr(password, name) != NULL &&
           n_chars(password) < n_chars(name) + 4;
}

int
auth_judge_password(struct cnc_request *r, const char *user,
                    const char *password, const char *again)
{
    char name[CNC_JID_SIZE];

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(user, "@"), user);
    if (n_chars(password) < PASSWORD_MIN) {
        cnc_refuse(r, "password",
                   "Please take at least %d characters. A few words that "
                   "have nothing to do with each other are good, and easy to "
                   "keep in mind.",
                   PASSWORD_MIN);
    } else if (is_made_of(password, name)) {
        cnc_refuse(r, "password",
                   "Whoever knows the name tries this first. Please take "
                   "something that has nothing to do with it.");
    } else if (is_common(password) || is_one_char(password) ||
               is_sequence(password)) {
        cnc_refuse(r, "password",
                   "This is among the first that strangers try. A few words "
                   "that have nothing to do with each other are good.");
    } else if (strcmp(password, again) != 0) {
        cnc_refuse(r, "again", "This is not the same password.");
    } else {
        return 0;
    }
    return CNC_EREFUSED;
}

/* -- whose addresses ------------------------------------------------------ */

bool
auth_is_ours(struct cnc_request *r, const char *jid)
{
    char bare[CNC_JID_SIZE];
    bool ours = false;

    return cnc_bare_jid(r, bare, jid, &ours) == 0 && ours;
}

/* Is host in the list, with its subdomains where it says "*.host"? */
static bool
is_listed(const char *host, const char *list)
{
    static const char blanks[] = " ,;\t\n";

    for (list += strspn(list, blanks); *list != '\0';
         list += strspn(list, blanks)) {
        size_t len = strcspn(list, blanks), have = strlen(host);
        bool below = len > 2 && list[0] == '*' && list[1] == '.';
        size_t skip = below ? 1 : 0; /* "*.host": ends with ".host" */

        if (below ? have > len - skip &&
                        strncasecmp(host + have - (len - skip), list + skip,
                                    len - skip) == 0
                  : have == len && strncasecmp(host, list, len) == 0) {
            return true;
        }
        list += len;
    }
    return false;
}

bool
auth_domain_may(struct cnc_request *r, const char *jid)
{
    const char *at = strchr(jid, '@');
    const char *list = cnc_setting(r, "far-domains");

    if (strcmp(cnc_setting(r, "far"), "true") != 0 || at == NULL) {
        return false;
    }
    return list[strspn(list, " ,;\t\n")] == '\0' || is_listed(at + 1, list);
}

/* -- small things --------------------------------------------------------- */

int
auth_not_now(struct cnc_request *r)
{
    return cnc_refuse(r, NULL,
                      "This cannot be checked just now. Please try again in "
                      "a few minutes.");
}

int
auth_add_child(struct cnc_element *e, const char *ns, const char *name,
               const char *text)
{
    struct cnc_element *child = NULL;
    int code = cnc_element_new(&child, ns, name, NULL);

    if (code == 0) {
        code = cnc_element_insert_text(child, 0, text, strlen(text), NULL);
    }
    if (code == 0) {
        code = cnc_element_insert(e, cnc_element_n_children(e), child, NULL);
    }
    cnc_element_unref(&child);
    return code;
}

void
auth_time(char out[AUTH_TIME_SIZE], int64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm;

    if (seconds <= 0 || gmtime_r(&t, &tm) == NULL ||
        strftime(out, AUTH_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        out[0] = '\0';
    }
}

/* -- how often ------------------------------------------------------------ */

int
auth_slow_down(struct cnc_request *r, const char *what, unsigned n,
               unsigned seconds)
{
    const char *addr = cnc_addr(r);
    char key[CNC_JID_SIZE + 64];

    /* Whoever comes from another server has no address here. */
    snprintf(key, sizeof(key), "%s %s", what,
             addr[0] == '\0' ? cnc_user(r) : addr);
    if (cnc_rate(r, key, n, seconds) == 0) {
        return 0;
    }
    return cnc_refuse(r, NULL,
                      "That was tried too often from here. Please wait %u "
                      "minutes.",
                      (seconds + 59) / 60);
}
