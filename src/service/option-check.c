/* SPDX-License-Identifier: MIT */
/*
 * option-check.c -- what is given must be able to mean something: a route
 * that is misspelt would be no route, and nobody would be told.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/text.h"
#include "../xmpp/jid.h"
#include "options.h"

bool
cnc__is_domain(const char *name)
{
    char prepared[CNC__JID_MAX + 1];

    return cnc__jid_prepare(prepared, name, strlen(name), NULL) == 0 &&
           !cnc__jid_has_local(prepared) &&
           cnc__jid_resource(prepared) == NULL;
}

bool
cnc__is_same_domain(const char *a, const char *b)
{
    char x[CNC__JID_MAX + 1], y[CNC__JID_MAX + 1];

    return cnc__jid_prepare(x, a, strlen(a), NULL) == 0 &&
           cnc__jid_prepare(y, b, strlen(b), NULL) == 0 && strcmp(x, y) == 0;
}

bool
cnc__is_account_of(const char *jid, const char *domain)
{
    char prepared[CNC__JID_MAX + 1];
    size_t len;

    return cnc__jid_prepare(prepared, jid, strlen(jid), NULL) == 0 &&
           cnc__jid_has_local(prepared) &&
           cnc__jid_resource(prepared) == NULL &&
           cnc__is_same_domain(cnc__jid_domain(prepared, &len), domain);
}

/* A domain, "*.domain" or "*" (s2s/policy.c). */
bool
cnc__option_is_pattern(const char *s)
{
    return strcmp(s, "*") == 0 ||
           cnc__is_domain(strncmp(s, "*.", 2) == 0 ? s + 2 : s);
}

static bool
is_port(const char *s)
{
    int64_t port;

    return cnc__parse_int(&port, s, 1, 65535);
}

bool
cnc__option_is_host_port(const char *s)
{
    const char *colon = strrchr(s, ':');

    return colon != NULL && colon != s && is_port(colon + 1);
}

bool
cnc__option_is_route(const char *s)
{
    const char *equals = strchr(s, '=');
    char *domain;
    bool good;

    if (equals == NULL || !cnc__option_is_host_port(equals + 1)) {
        return false;
    }
    domain = cnc__strndup(s, (size_t)(equals - s));
    good = cnc__is_domain(domain);
    cnc__free(domain);
    return good;
}

bool
cnc__option_is_resolver(const char *s)
{
    size_t len = strcspn(s, "@");
    char *addr = cnc__strndup(s, len);
    unsigned char bytes[16];
    bool good = inet_pton(AF_INET, addr, bytes) == 1 ||
                inet_pton(AF_INET6, addr, bytes) == 1;

    cnc__free(addr);
    return good && (s[len] == '\0' || is_port(s + len + 1));
}

bool
cnc__option_is_origin(const char *s)
{
    const char *host = strstr(s, "://");

    return host != NULL && host[3] != '\0' && strchr(host + 3, '/') == NULL;
}

bool
cnc__option_is_url(const char *s)
{
    return cnc__option_is_origin(s) &&
           (strncmp(s, "https://", 8) == 0 || strncmp(s, "http://", 7) == 0);
}

bool
cnc__option_is_uri(const char *s)
{
    size_t len = strcspn(s, ":");

    return len > 0 && s[len] == ':' && s[len + 1] != '\0';
}

int64_t
cnc__user_find(const char *name)
{
    const struct passwd *user;
    int64_t uid;

    if (cnc__parse_int(&uid, name, 0, UINT32_MAX - 1)) {
        return uid;
    }
    user = getpwnam(name);
    return user == NULL ? -1 : (int64_t)user->pw_uid;
}

bool
cnc__option_is_user(const char *s)
{
    return cnc__user_find(s) >= 0;
}

bool
cnc__option_is_level(const char *s)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};

    for (size_t i = 0; i < CNC_N(levels); i++) {
        if (strcmp(levels[i], s) == 0) {
            return true;
        }
    }
    return false;
}

int
cnc__option_check(const struct cnc__option *opt, const char *dashes,
                  const char *value, struct cnc_error *err)
{
    int64_t number;

    if (opt->kind == CNC__OPTION_NUMBER &&
        !cnc__parse_int(&number, value, opt->min, opt->max)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "%s%s needs a number from %lld to %lld, \"%s\" "
                             "is none",
                             dashes, opt->name, (long long)opt->min,
                             (long long)opt->max, value);
    }
    if (opt->good != NULL && !opt->good(value)) {
        return cnc_error_set(err, CNC_EINVAL, NULL, "%s%s is %s, not \"%s\"",
                             dashes, opt->name, opt->wanted, value);
    }
    return 0;
}

static int
check_one(const struct cnc_service_options *o, const struct cnc__option *opt,
          struct cnc_error *err)
{
    const void *member = (const char *)o + opt->offset;
    const char *text;
    int code = 0;

    if (opt->kind == CNC__OPTION_TEXT) {
        text = *(const char *const *)member;
        return text == NULL ? 0 : cnc__option_check(opt, "--", text, err);
    }
    for (const char *const *v = *(const char *const *const *)member;
         code == 0 && v != NULL && *v != NULL; v++) {
        code = cnc__option_check(opt, "--", *v, err);
    }
    return code;
}

int
cnc__options_check_each(const struct cnc_service_options *o,
                        struct cnc_error *err)
{
    int code = 0;

    for (size_t i = 0; code == 0 && i < cnc__n_options; i++) {
        if (cnc__options[i].good != NULL) {
            code = check_one(o, &cnc__options[i], err);
        }
    }
    return code;
}

static int
check_operators(const struct cnc_service_options *o, const char *domain,
                struct cnc_error *err)
{
    for (const char *const *v = o->operators; v != NULL && *v != NULL; v++) {
        if (!cnc__is_account_of(*v, domain)) {
            return cnc_error_set(err, CNC_EINVAL, NULL,
                                 "--operator is an account of this domain "
                                 "such as admin@%s, not \"%s\"",
                                 domain, *v);
        }
    }
    return 0;
}

/* What says nothing without another option. */
static int
check_pairs(const struct cnc_service_options *o, struct cnc_error *err)
{
    const char *alone = NULL, *needs = NULL;

    if ((o->tls_cert == NULL) != (o->tls_key == NULL)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "--tls-cert and --tls-key go together");
    }
    if (o->attach_secret != NULL && o->attach == NULL) {
        alone = "--attach-secret";
        needs = "--attach HOST:PORT";
    } else if (o->component != NULL && o->components == NULL) {
        alone = "--component";
        needs = "--component-secret NAME=FILE";
    }
    return alone == NULL ? 0
                         : cnc_error_set(err, CNC_EINVAL, NULL, "%s needs %s",
                                         alone, needs);
}

static int
check_files(const struct cnc_service_options *o, struct cnc_error *err)
{
    struct stat st;

    if (o->files != NULL &&
        (stat(o->files, &st) != 0 || !S_ISDIR(st.st_mode))) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "--files is the folder of the app's templates; "
                             "there is no folder %s",
                             o->files);
    }
    if (o->trust_anchor != NULL && o->trust_anchor[0] != '\0' &&
        access(o->trust_anchor, R_OK) != 0) {
        return cnc_error_set(err, CNC_ESYS, NULL,
                             "cannot read the trust anchor %s: %s",
                             o->trust_anchor, strerror(errno));
    }
    return 0;
}

int
cnc__options_check(const struct cnc_service_options *o, const char *domain,
                   struct cnc_error *err)
{
    int code = cnc__options_check_each(o, err);

    if (code == 0) {
        code = check_pairs(o, err);
    }
    if (code == 0) {
        code = check_files(o, err);
    }
    return code == 0 ? check_operators(o, domain, err) : code;
}
