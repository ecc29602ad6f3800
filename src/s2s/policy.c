/* SPDX-License-Identifier: MIT */
/*
 * policy.c -- with whom we talk, and what they must prove.
 */
#include "s2s-priv.h"

/* "*.example.com" is what is below example.com, not itself. */
static bool
matches(const char *pattern, const char *domain)
{
    size_t n_pattern = strlen(pattern), n_domain = strlen(domain);

    if (strcmp(pattern, "*") == 0) {
        return true;
    }
    if (pattern[0] != '*' || pattern[1] != '.') {
        return strcmp(pattern, domain) == 0;
    }
    return n_domain > n_pattern - 1 &&
           strcmp(domain + n_domain - (n_pattern - 1), pattern + 1) == 0;
}

static bool
is_listed(const char *const *list, const char *domain)
{
    for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
        if (matches(list[i], domain)) {
            return true;
        }
    }
    return false;
}

bool
cnc__s2s_listed(const char *const *allow, const char *const *deny,
                const char *domain)
{
    return !is_listed(deny, domain) &&
           (allow == NULL || is_listed(allow, domain));
}

bool
cnc__s2s_may(const struct cnc__s2s *s, const char *domain)
{
    return cnc__s2s_listed(s->o.allow, s->o.deny, domain);
}

bool
cnc__s2s_needs_tls(const struct cnc__s2s *s, const char *domain)
{
    return domain == NULL || !is_listed(s->o.plain, domain) ||
           cnc__s2s_needs_cert(s, domain);
}

bool
cnc__s2s_needs_cert(const struct cnc__s2s *s, const char *domain)
{
    return s->o.cert_required || is_listed(s->o.certs, domain);
}

void
cnc__s2s_set_lists(struct cnc__s2s *s, const char *const *allow,
                   const char *const *deny, const char *const *plain)
{
    s->o.allow = allow;
    s->o.deny = deny;
    s->o.plain = plain;
}

bool
cnc__s2s_domain_of(char out[CNC__JID_MAX + 1], const char *text)
{
    return text != NULL &&
           cnc__jid_prepare(out, text, strlen(text), NULL) == 0 &&
           !cnc__jid_has_local(out) && cnc__jid_resource(out) == NULL;
}

bool
cnc__s2s_cert_names(const struct cnc__s2s_stream *st, const char *domain)
{
    const struct cnc__stream_events *ev = st->s->events;

    /* Who connects is a server too: the same names prove it. */
    return st->s->secure && ev->cert_matches != NULL &&
           ev->cert_matches(domain, CNC__CERT_SERVER, st->s->priv);
}
