/* SPDX-License-Identifier: MIT */
/*
 * neighbours.c -- the domains of one process talk to each other as if each
 * were another server's, without a network between them.
 *
 *   router of a -carrier-> queue -next turn of the loop-> router of b
 *
 * The rules are those of S2S: who is allowed, addresses that are one's own,
 * what has no room goes back to its sender, what waits at the end is gone.  A
 * stanza crosses as text: the router that gives it may be in the middle of a
 * loop over sessions that the other one's answer would change.
 */
#include "../xmpp/jid.h"
#include "private.h"

#define MAX_WAITING ((size_t)64 << 20) /* bytes, of all domains */

struct cnc__crossing {
    struct cnc_service *to;
    struct cnc__crossing *next;
    size_t len;
    char xml[];
};

static bool
is_host_of(const struct cnc_service *s, const char *domain)
{
    return strcmp(domain, cnc__router_domain(s->router)) == 0 ||
           (s->components != NULL &&
            cnc__components_is_host(s->components, domain));
}

struct cnc_service *
cnc__process_host(const struct cnc__process *p, const char *domain)
{
    for (size_t i = 0; i < p->n_domains; i++) {
        struct cnc_service *s = p->domains[i];

        /* While they are made, not all are there. */
        if (s != NULL && s->router != NULL && is_host_of(s, domain)) {
            return s;
        }
    }
    return NULL;
}

bool
cnc__neighbours_is_host(const char *domain, void *service)
{
    return is_host_of(service, domain);
}

bool
cnc__neighbours_are(const char *domain, void *service)
{
    struct cnc_service *s = service;
    struct cnc_service *of = cnc__process_host(s->process, domain);

    return of != NULL && of != s;
}

/* -- crossing ------------------------------------------------------------- */

static void
deliver(void *arg)
{
    struct cnc__process *p = arg;
    struct cnc__crossing *c = p->crossings;

    p->crossings = NULL;
    p->last_crossing = &p->crossings;
    p->crossing_bytes = 0;
    while (c != NULL) {
        struct cnc__crossing *next = c->next;
        struct cnc_element *stanza = cnc__router_parse(c->xml, c->len);

        if (stanza != NULL) {
            cnc__router_from_peer(c->to->router, stanza);
            cnc_element_unref(&stanza);
        }
        cnc__free(c);
        c = next;
    }
}

static void
queue(struct cnc__process *p, struct cnc_service *to, const char *head,
      size_t head_len, const char *tail, size_t tail_len)
{
    size_t len = head_len + tail_len;
    struct cnc__crossing *c = cnc__zalloc(sizeof(*c) + len);

    c->to = to;
    c->len = len;
    memcpy(c->xml, head, head_len);
    if (tail_len > 0) {
        memcpy(c->xml + head_len, tail, tail_len);
    }
    if (p->crossings == NULL) {
        p->last_crossing = &p->crossings;
        cnc__post(p->posts, deliver, p);
    }
    *p->last_crossing = c;
    p->last_crossing = &c->next;
    p->crossing_bytes += len;
}

static int
check(const struct cnc_service *s, const struct cnc_service *to,
      const char *host, const char *domain, struct cnc_error *err)
{
    if (!is_host_of(s, host)) {
        return cnc_error_set(err, CNC_EACCES, "not-allowed", "%s is not ours",
                             host);
    }
    if (!cnc__s2s_listed(s->o.s2s_allow, s->o.s2s_deny, domain) ||
        !cnc__s2s_listed(to->o.s2s_allow, to->o.s2s_deny, host)) {
        return cnc_error_set(err, CNC_EACCES, "not-allowed",
                             "%s and %s do not talk to each other", host,
                             domain);
    }
    return 0;
}

static int
carry(const char *from, const char *to, const char *head, size_t head_len,
      const struct cnc_buf *tail, struct cnc_error *err, void *priv)
{
    struct cnc_service *s = priv, *other;
    struct cnc__process *p = s->process;
    size_t tail_len = tail == NULL ? 0 : cnc_buf_len(tail), len;
    const char *part = cnc__jid_domain(to, &len);
    char *domain = cnc__strndup(part, len), *host;
    int code = CNC_ENOENT;

    other = cnc__process_host(p, domain);
    part = cnc__jid_domain(from, &len);
    host = cnc__strndup(part, len);
    if (other != NULL && other != s && !p->net_closing) {
        code = check(s, other, host, domain, err);
        if (code == 0 &&
            p->crossing_bytes + head_len + tail_len > MAX_WAITING) {
            code = cnc_error_set(err, CNC_ESTORE, "resource-constraint",
                                 "too much waits for %s already", domain);
        }
        if (code == 0) {
            queue(p, other, head, head_len,
                  tail == NULL ? NULL : cnc_buf_data(tail), tail_len);
        }
    }
    cnc__free(domain);
    cnc__free(host);
    return code;
}

void
cnc__neighbours_join(struct cnc_service *s)
{
    if (s->process->n_domains > 1) {
        cnc__router_carrier(s->router, true, carry, s);
    }
}

void
cnc__neighbours_close(struct cnc__process *p)
{
    while (p->crossings != NULL) {
        struct cnc__crossing *c = p->crossings;

        p->crossings = c->next;
        cnc__free(c);
    }
    p->last_crossing = &p->crossings;
    p->crossing_bytes = 0;
}
