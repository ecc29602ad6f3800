/* SPDX-License-Identifier: MIT */
/*
 * doctor-dns.c -- ask a resolver, through libunbound.
 *
 * Two resolvers: one believes what it is told, as most of the network does;
 * the other validates, so that a zone whose signatures do not hold is told
 * apart from one that is not there.
 */
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>
#include <unbound.h>
#include <unistd.h>

#include "../base/text.h"
#include "doctor.h"

#define WAIT_MS 8000

struct doctor_dns {
    struct ub_ctx *plain, *strict; /* strict: NULL without an anchor */
};

/* Debian's: of unbound, which renews it, and of dns-root-data. */
static const char *const anchors[] = {"/var/lib/unbound/root.key",
                                      "/usr/share/dns/root.key"};

/* "192.0.2.1:53", "[::1]:53" or without a port, as libunbound writes it. */
static int
forward(struct cnc__str *out, const char *server, struct cnc_error *err)
{
    char host[64];
    unsigned char bytes[16];
    const char *port = NULL;
    size_t len = strlen(server);
    int64_t number = 53;

    if (server[0] == '[') {
        server++;
        len = strcspn(server, "]");
        port = server[len] == ']' && server[len + 1] == ':' ? server + len + 2
                                                            : NULL;
    } else if (strchr(server, ':') == strrchr(server, ':')) {
        len = strcspn(server, ":");
        port = server[len] == ':' ? server + len + 1 : NULL;
    }
    if (len < sizeof(host)) {
        memcpy(host, server, len);
        host[len] = '\0';
        if ((inet_pton(AF_INET, host, bytes) == 1 ||
             inet_pton(AF_INET6, host, bytes) == 1) &&
            (port == NULL || cnc__parse_int(&number, port, 1, 65535))) {
            cnc__str_printf(out, "%s@%lld", host, (long long)number);
            return 0;
        }
    }
    return cnc_error_set(err, CNC_EINVAL, NULL,
                         "--dns takes an address and perhaps a port, such as "
                         "192.0.2.53:53");
}

static struct ub_ctx *
resolver(const char *server)
{
    struct ub_ctx *ctx = ub_ctx_create();

    CNC_CHECK(ctx != NULL);
    ub_ctx_async(ctx, 1); /* a thread, no process */
    /* A resolver of this machine is as good as any. */
    ub_ctx_set_option(ctx, "do-not-query-localhost:", "no");
    /* Names of RFC 6761 and private nets: what the resolver says of them. */
    ub_ctx_set_option(ctx, "unblock-lan-zones:", "yes");
    ub_ctx_set_option(ctx, "insecure-lan-zones:", "yes");
    if (server != NULL) {
        ub_ctx_set_fwd(ctx, server);
    } else {
        ub_ctx_resolvconf(ctx, NULL);
    }
    return ctx;
}

int
doctor_dns_open(struct doctor_dns **out, const char *server,
                const char *anchor, struct cnc_error *err)
{
    struct cnc__str fwd = CNC__STR;
    struct doctor_dns *d;
    int rc = 0;

    if (anchor != NULL && access(anchor, R_OK) != 0) {
        return cnc_error_set(err, CNC_ESYS, NULL, "cannot read %s: %s", anchor,
                             strerror(errno));
    }
    for (size_t i = 0; anchor == NULL && i < CNC_N(anchors); i++) {
        anchor = access(anchors[i], R_OK) == 0 ? anchors[i] : NULL;
    }
    if (server != NULL && (rc = forward(&fwd, server, err)) != 0) {
        cnc__str_fini(&fwd);
        return rc;
    }
    d = cnc__zalloc(sizeof(*d));
    d->plain = resolver(fwd.data);
    if (anchor != NULL) {
        d->strict = resolver(fwd.data);
        rc = ub_ctx_add_ta_file(d->strict, anchor);
    }
    cnc__str_fini(&fwd);
    if (rc != 0) {
        rc = cnc_error_set(err, CNC_ESYS, NULL, "%s: %s", anchor,
                           ub_strerror(rc));
        doctor_dns_close(&d);
        return rc;
    }
    *out = d;
    return 0;
}

void
doctor_dns_close(struct doctor_dns **dp)
{
    struct doctor_dns *d = *dp;

    if (d == NULL) {
        return;
    }
    *dp = NULL;
    ub_ctx_delete(d->plain);
    if (d->strict != NULL) {
        ub_ctx_delete(d->strict);
    }
    cnc__free(d);
}

/* -- one question -----------------------------------------------------------
 */

struct question {
    bool done;
    struct ub_result *result;
};

static void
on_answer(void *priv, int err, struct ub_result *result)
{
    struct question *q = priv;

    q->done = true;
    q->result = err == 0 ? result : NULL;
}

static int64_t
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The answer, or NULL when none came; ub_resolve_free() takes it. */
static struct ub_result *
ask(struct ub_ctx *ctx, const char *name, int type)
{
    struct question q = {0};
    int64_t until_ms = now_ms() + WAIT_MS;
    int id = 0;

    if (ub_resolve_async(ctx, name, type, ns_c_in, &q, on_answer, &id) != 0) {
        return NULL;
    }
    while (!q.done) {
        struct pollfd p = {.fd = ub_fd(ctx), .events = POLLIN};
        int64_t left = until_ms - now_ms();

        if (left <= 0) {
            ub_cancel(ctx, id);
            return NULL;
        }
        if (poll(&p, 1, (int)left) > 0 && ub_process(ctx) != 0) {
            ub_cancel(ctx, id);
            return NULL;
        }
    }
    return q.result;
}

static enum doctor_found
found(const struct ub_result *r)
{
    return r == NULL                                    ? DOCTOR_NO_ANSWER
           : r->havedata                                ? DOCTOR_FOUND
           : r->rcode == 0 || r->rcode == ns_r_nxdomain ? DOCTOR_NONE
                                                        : DOCTOR_NO_ANSWER;
}

/* A name's own spelling: no dot at its end. */
static void
spell(char out[DOCTOR_NAME], const char *name)
{
    size_t len = strlen(name);

    len -= len > 1 && name[len - 1] == '.';
    len = len < DOCTOR_NAME ? len : DOCTOR_NAME - 1;
    memcpy(out, name, len);
    out[len] = '\0';
}

static void
add_addrs(struct doctor_dns *d, struct doctor_addrs *out, const char *name,
          int type)
{
    struct ub_result *r = ask(d->plain, name, type);
    enum doctor_found f = found(r);
    size_t len = type == ns_t_a ? 4 : 16;

    out->found = f == DOCTOR_FOUND || out->found == DOCTOR_FOUND ? DOCTOR_FOUND
                 : f == DOCTOR_NO_ANSWER ? DOCTOR_NO_ANSWER
                                         : out->found;
    if (f == DOCTOR_FOUND && r->canonname != NULL) {
        char canonical[DOCTOR_NAME];

        spell(canonical, r->canonname);
        if (strcasecmp(canonical, name) != 0) {
            memcpy(out->alias, canonical, sizeof(canonical));
        }
    }
    for (int i = 0; r != NULL && r->data[i] != NULL; i++) {
        if ((size_t)r->len[i] == len && out->n < DOCTOR_MAX_RECORDS) {
            struct doctor_addr *a = &out->list[out->n++];

            a->family = type == ns_t_a ? AF_INET : AF_INET6;
            memcpy(a->bytes, r->data[i], len);
        }
    }
    ub_resolve_free(r);
}

void
doctor_dns_addrs(struct doctor_dns *d, struct doctor_addrs *out,
                 const char *name)
{
    memset(out, 0, sizeof(*out));
    out->found = DOCTOR_NONE;
    add_addrs(d, out, name, ns_t_a);
    add_addrs(d, out, name, ns_t_aaaa);
}

/* Only what the zone's signatures prove (RFC 6698 4.1). */
static void
ask_tlsa(struct doctor_dns *d, struct doctor_tlsas *out, const char *host,
         unsigned port)
{
    struct ub_result *r;
    char name[DOCTOR_NAME + 16];

    memset(out, 0, sizeof(*out));
    if (d->strict == NULL) {
        return;
    }
    snprintf(name, sizeof(name), "_%u._tcp.%s", port, host);
    r = ask(d->strict, name, ns_t_tlsa);
    out->found = found(r);
    for (int i = 0; r != NULL && r->secure && r->data[i] != NULL; i++) {
        if (out->n < DOCTOR_MAX_RECORDS &&
            doctor_read_tlsa(&out->list[out->n],
                             (const unsigned char *)r->data[i],
                             (size_t)r->len[i]) == 0) {
            out->n++;
        }
    }
    ub_resolve_free(r);
}

static int
by_priority(const void *a, const void *b)
{
    const struct doctor_srv *x = a, *y = b;

    return (x->priority > y->priority) - (x->priority < y->priority);
}

static void
ask_srv(struct doctor_dns *d, struct doctor_srvs *out, const char *service,
        const char *domain)
{
    char name[DOCTOR_NAME + 32];
    struct ub_result *r;

    memset(out, 0, sizeof(*out));
    snprintf(name, sizeof(name), "_%s._tcp.%s", service, domain);
    r = ask(d->plain, name, ns_t_srv);
    out->found = found(r);
    for (int i = 0; r != NULL && r->data[i] != NULL; i++) {
        if (out->n < DOCTOR_MAX_RECORDS &&
            doctor_read_srv(&out->list[out->n],
                            (const unsigned char *)r->data[i],
                            (size_t)r->len[i]) == 0) {
            out->n++;
        }
    }
    ub_resolve_free(r);
    qsort(out->list, out->n, sizeof(out->list[0]), by_priority);
    for (size_t i = 0; i < out->n; i++) {
        struct doctor_srv *srv = &out->list[i];

        if (strcmp(srv->target, ".") != 0) {
            doctor_dns_addrs(d, &srv->addrs, srv->target);
            ask_tlsa(d, &srv->tlsa, srv->target, srv->port);
        }
    }
}

static void
ask_caa(struct doctor_dns *d, struct doctor_zone *z)
{
    struct ub_result *r = ask(d->plain, z->domain, 257);
    struct cnc__str text = CNC__STR;

    z->caa = found(r);
    for (int i = 0; r != NULL && r->data[i] != NULL && i < 8; i++) {
        doctor_read_caa(&text, (const unsigned char *)r->data[i],
                        (size_t)r->len[i]);
    }
    snprintf(z->caa_text, sizeof(z->caa_text), "%s", cnc__str_c(&text));
    cnc__str_fini(&text);
    ub_resolve_free(r);
}

/* What the signatures say of one name; the worst of all names counts. */
static void
validate(struct doctor_dns *d, struct doctor_zone *z, const char *name,
         int type)
{
    struct ub_result *r, *root;
    enum doctor_dnssec state;

    if (z->dnssec == DOCTOR_DNSSEC_STRIPPED) {
        return;
    }
    r = ask(d->strict, name, type);
    if (r == NULL) {
        state = DOCTOR_DNSSEC_STRIPPED;
    } else if (!r->bogus) {
        state = r->secure ? DOCTOR_DNSSEC_SECURE : DOCTOR_DNSSEC_INSECURE;
    } else {
        /* Whose fault?  Where the root itself does not hold, it is the
         * resolver's on the way. */
        root = ask(d->strict, ".", ns_t_soa);
        state = root == NULL || root->bogus ? DOCTOR_DNSSEC_STRIPPED
                                            : DOCTOR_DNSSEC_BOGUS;
        snprintf(z->bogus, sizeof(z->bogus), "%s",
                 r->why_bogus == NULL ? "" : r->why_bogus);
        ub_resolve_free(root);
    }
    ub_resolve_free(r);
    if (state == DOCTOR_DNSSEC_STRIPPED || z->dnssec != DOCTOR_DNSSEC_BOGUS) {
        z->dnssec = state;
    }
}

static void
ask_dnssec(struct doctor_dns *d, struct doctor_zone *z)
{
    char name[DOCTOR_NAME + 32];

    if (d->strict == NULL) {
        z->dnssec = DOCTOR_DNSSEC_UNKNOWN;
        return;
    }
    validate(d, z, z->domain, ns_t_aaaa);
    validate(d, z, z->domain, ns_t_a);
    for (int kind = 0; kind < DOCTOR_N_KINDS; kind++) {
        snprintf(name, sizeof(name), "_%s._tcp.%s", doctor_services[kind].name,
                 z->domain);
        validate(d, z, name, ns_t_srv);
    }
    validate(d, z, z->domain, ns_t_soa);
}

void
doctor_dns_zone(struct doctor_dns *d, struct doctor_zone *z)
{
    doctor_dns_addrs(d, &z->own, z->domain);
    for (int kind = 0; kind < DOCTOR_N_KINDS; kind++) {
        ask_srv(d, &z->srv[kind], doctor_services[kind].name, z->domain);
    }
    ask_caa(d, z);
    ask_dnssec(d, z);
}
