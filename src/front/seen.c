/* SPDX-License-Identifier: MIT */
/*
 * seen.c -- what of a request says which page it asks for.
 */
#include <strings.h>

#include "../web/head.h"
#include "impl.h"

const char *
cnc__front_header(const struct cnc__front_request *r, const char *name)
{
    for (size_t i = 0; i < r->n_headers; i++) {
        if (strcasecmp(r->headers[i].name, name) == 0) {
            return r->headers[i].value;
        }
    }
    return NULL;
}

static bool
has_cookie(const char *cookies, const char *name)
{
    size_t len = 0;

    return cnc__cookie_find(cookies, name, &len) != NULL && len > 0;
}

static void
see_cookies(struct cnc__fseen *s, const char *cookies)
{
    size_t len = 0;
    const char *lang = cnc__cookie_find(cookies, CNC__COOKIE_LANG, &len);

    s->login |= has_cookie(cookies, CNC__COOKIE_LOGIN) ||
                has_cookie(cookies, CNC__COOKIE_LOGIN_HOST) ||
                has_cookie(cookies, CNC__COOKIE_LOGIN_BELOW);
    s->flash |= has_cookie(cookies, CNC__COOKIE_FLASH);
    s->fresh |= has_cookie(cookies, CNC__COOKIE_NEW);
    if (lang != NULL && s->cookie_lang == NULL) {
        s->cookie_lang = lang;
        s->cookie_lang_len = len;
    }
}

/* Of several the service reads the first, too. */
static void
first(const char **to, const char *value)
{
    *to = *to == NULL ? value : *to;
}

void
cnc__fseen_read(struct cnc__fseen *s, const struct cnc__front_request *r)
{
    const char *q = strchr(r->target, '?');

    memset(s, 0, sizeof(*s));
    s->r = r;
    s->get = strcmp(r->method, "GET") == 0;
    s->head = strcmp(r->method, "HEAD") == 0;
    s->post = strcmp(r->method, "POST") == 0;
    s->path_len = q == NULL ? strlen(r->target) : (size_t)(q - r->target);
    s->query = q == NULL ? "" : q + 1;
    for (size_t i = 0; i < r->n_headers; i++) {
        const char *name = r->headers[i].name, *value = r->headers[i].value;

        if (strcasecmp(name, "cookie") == 0) {
            see_cookies(s, value);
        } else if (strcasecmp(name, "host") == 0) {
            s->host = value;
        } else if (strcasecmp(name, "accept-encoding") == 0) {
            first(&s->accept_encoding, value);
        } else if (strcasecmp(name, "accept-language") == 0) {
            first(&s->accept_language, value);
        } else if (strcasecmp(name, "if-none-match") == 0) {
            first(&s->if_none_match, value);
        } else if (strcasecmp(name, "range") == 0 ||
                   strcasecmp(name, "authorization") == 0 ||
                   strcasecmp(name, "if-match") == 0 ||
                   strcasecmp(name, "if-unmodified-since") == 0) {
            s->conditional = true;
        }
    }
}

bool
cnc__fseen_asks(const struct cnc__fseen *s, const char *name)
{
    size_t n = strlen(name);

    for (const char *q = s->query; *q != '\0'; q += *q == '&') {
        size_t len = strcspn(q, "&");

        if (len >= n && memcmp(q, name, n) == 0 && (len == n || q[n] == '=')) {
            return true;
        }
        q += len;
    }
    return false;
}

/* Wherever the service is mounted: what is taken for one and is none is not
 * sent twice, no more. */
bool
cnc__fseen_is_command(const struct cnc__fseen *s)
{
    const char *path = memmem(s->r->target, s->path_len, "/_do", 4);

    return s->post && ((path != NULL && (path[4] == '/' || path[4] == '?' ||
                                         path[4] == '\0')) ||
                       cnc__fseen_asks(s, "do"));
}

bool
cnc__fseen_is_form(const struct cnc__fseen *s)
{
    return s->post && cnc__fseen_asks(s, "form") && !cnc__fseen_is_command(s);
}
