/* SPDX-License-Identifier: MIT */
/*
 * doctor-site.c -- the site that a web server is to have: its URL, taken
 * apart.
 */
#include <ctype.h>
#include <idn2.h>
#include <stdio.h>

#include "../base/text.h"
#include "doctor-proxy.h"

const char *const doctor_servers[DOCTOR_N_SERVERS] = {"nginx", "apache",
                                                      "caddy"};

/* As browsers send it: in A-labels, in small letters. */
static bool
take_host(char out[DOCTOR_NAME], const char *host, size_t len)
{
    char *text = cnc__strndup(host, len), *ascii = NULL;
    bool ok =
        len > 0 && len < DOCTOR_NAME && strpbrk(text, DOCTOR_NEVER) == NULL;

    if (ok && text[0] != '[') {
        ok = idn2_to_ascii_8z(text, &ascii, IDN2_NONTRANSITIONAL) == IDN2_OK &&
             strlen(ascii) < DOCTOR_NAME;
    }
    if (ok) {
        snprintf(out, DOCTOR_NAME, "%s", ascii == NULL ? text : ascii);
        for (char *c = out; *c != '\0'; c++) {
            *c = (char)tolower((unsigned char)*c);
        }
    }
    idn2_free(ascii);
    cnc__free(text);
    return ok;
}

bool
doctor_take_url(struct doctor_site *s, const char *url)
{
    bool secure = strncmp(url, "https://", 8) == 0;
    const char *host = url + (secure ? 8 : 7);
    char name[DOCTOR_NAME], digits[8] = "";
    struct cnc__str whole = CNC__STR;
    int64_t port = secure ? 443 : 80;
    size_t all, n;

    if (!secure && strncmp(url, "http://", 7) != 0) {
        return false;
    }
    all = strcspn(host, "/?#");
    n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");
    if (n > all || !take_host(name, host, n)) {
        return false;
    }
    if (n < all) {
        snprintf(digits, sizeof(digits), "%.*s", (int)(all - n - 1),
                 host + n + 1);
        if (host[n] != ':' || all - n > 6 ||
            !cnc__parse_int(&port, digits, 1, 65535)) {
            return false;
        }
    }
    /* A browser leaves the usual port out. */
    cnc__str_printf(&whole, "http%s://%s", secure ? "s" : "", name);
    if (port != (secure ? 443 : 80)) {
        cnc__str_printf(&whole, ":%d", (int)port);
    }
    memcpy(s->host, name, sizeof(name));
    s->port = (uint16_t)port;
    s->secure = secure;
    cnc__free(s->url);
    s->url = cnc__str_steal(&whole);
    return true;
}

void
doctor_site_fini(struct doctor_site *s)
{
    char **const all[] = {&s->domain, &s->prefix, &s->socket, &s->http,
                          &s->said,   &s->cert,   &s->key,    &s->url};

    for (size_t i = 0; i < CNC_N(all); i++) {
        cnc__free(*all[i]);
        *all[i] = NULL;
    }
}
