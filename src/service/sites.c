/* SPDX-License-Identifier: MIT */
/*
 * sites.c -- which domain an HTTP request is for: by its Host header.
 *
 * A name that is nobody's is refused even where there is one domain alone: a
 * stranger's page whose name was made to lead here (DNS rebinding) would be
 * of our own origin for the browser, on this machine's loopback too.
 */
#include <arpa/inet.h>
#include <strings.h>

#include "../net/identity.h"
#include "private.h"

struct site {
    char *host; /* without port, as browsers send it */
    struct cnc_service *domain;
};

struct cnc__sites {
    struct site *list;
    size_t n;
    bool several; /* domains */
    bool any;     /* whatever the name */
};

/* Length of host in "host[:port]"; the brackets of an address are its own. */
static size_t
host_len(const char *host)
{
    return host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
}

static void
add(struct cnc__sites *sites, const char *host, size_t len,
    struct cnc_service *domain)
{
    sites->list =
        cnc__realloc(sites->list, sites->n + 1, sizeof(*sites->list));
    sites->list[sites->n++] =
        (struct site){.host = cnc__strndup(host, len), .domain = domain};
}

/* The host of "scheme://host[:port]..."; NULL: none. */
static void
add_url(struct cnc__sites *sites, const char *url, struct cnc_service *domain)
{
    const char *host = url == NULL ? NULL : strstr(url, "://");

    if (host != NULL) {
        size_t len = strcspn(host + 3, "/"), name = host_len(host + 3);

        add(sites, host + 3, name < len ? name : len, domain);
    }
}

static void
add_domain(struct cnc__sites *sites, struct cnc_service *s)
{
    const char *name = cnc__router_domain(s->router);
    char ascii[CNC__ASCII_DOMAIN];

    if (cnc__domain_to_ascii(ascii, name) == 0) {
        name = ascii;
    }
    add(sites, name, strlen(name), s);
    add_url(sites, s->o.url, s);
    for (const char *const *o = s->o.origins; o != NULL && *o != NULL; o++) {
        add_url(sites, *o, s);
    }
}

struct cnc__sites *
cnc__sites_new(const struct cnc__process *p, bool any)
{
    struct cnc__sites *sites = cnc__zalloc(sizeof(*sites));

    sites->several = p->n_domains > 1;
    sites->any = any && !sites->several;
    for (size_t i = 0; i < p->n_domains; i++) {
        add_domain(sites, p->domains[i]);
    }
    return sites;
}

void
cnc__sites_free(struct cnc__sites **sp)
{
    struct cnc__sites *sites = *sp;

    if (sites != NULL) {
        for (size_t i = 0; i < sites->n; i++) {
            cnc__free(sites->list[i].host);
        }
        cnc__free(sites->list);
        cnc__free(sites);
        *sp = NULL;
    }
}

/* Nobody can make such a name lead here who could not otherwise. */
static bool
is_own_name(const char *host, size_t len)
{
    static const char local[] = "localhost";
    size_t n = sizeof(local) - 1;
    char addr[64];
    struct in_addr in;

    if (len == 0 || host[0] == '[') {
        return true; /* HTTP/1.0; an address, as net has checked */
    }
    if (len >= n && strncasecmp(host + len - n, local, n) == 0 &&
        (len == n || host[len - n - 1] == '.')) {
        return true;
    }
    if (len >= sizeof(addr)) {
        return false;
    }
    memcpy(addr, host, len);
    addr[len] = '\0';
    return inet_pton(AF_INET, addr, &in) == 1;
}

bool
cnc__sites_names(const struct cnc__sites *sites, const char *host, size_t len,
                 const struct cnc_service *domain)
{
    for (size_t i = 0; i < sites->n; i++) {
        if (sites->list[i].domain == domain && len > 0 &&
            strncasecmp(sites->list[i].host, host, len) == 0 &&
            sites->list[i].host[len] == '\0') {
            return true;
        }
    }
    return false;
}

/* Of several domains at one name: the one whose prefix the path has, and the
 * longer one. */
static bool
is_better(const struct site *s, const struct site *than, const char *path)
{
    return path != NULL && cnc__prefix_has(s->domain, path) &&
           (!cnc__prefix_has(than->domain, path) ||
            strlen(cnc__prefix(s->domain)) >
                strlen(cnc__prefix(than->domain)));
}

bool
cnc__sites_find(const struct cnc__sites *sites, const char *host,
                const char *path, struct cnc_service **domain)
{
    const struct site *found = NULL;
    size_t len = host_len(host);

    if (len > 1 && host[len - 1] == '.') {
        len--; /* the DNS's root */
    }
    for (size_t i = 0; i < sites->n; i++) {
        const struct site *s = &sites->list[i];

        if (strncasecmp(s->host, host, len) == 0 && s->host[len] == '\0' &&
            len > 0 && (found == NULL || is_better(s, found, path))) {
            found = s;
        }
    }
    if (found != NULL) {
        *domain = found->domain;
        return true;
    }
    *domain = sites->several ? NULL : sites->list[0].domain;
    return sites->any || is_own_name(host, len);
}
