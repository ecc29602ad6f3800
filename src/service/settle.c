/* SPDX-License-Identifier: MIT */
/*
 * settle.c -- what the options come to: those of the process with their
 * defaults, and of each domain all that are its own.  Nothing is opened here:
 * a start, --check and a reload see the same.
 */
#include <unistd.h>

#include "../xmpp/jid.h"
#include "options.h"

void
cnc__set_log_level(const char *level)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};

    for (unsigned i = 0; i < CNC_N(levels); i++) {
        if (strcmp(levels[i], level == NULL ? "info" : level) == 0) {
            cnc__log_level((enum cnc_log_level)i);
        }
    }
}

/* A path under a folder; *new*. */
static char *
under(const char *dir, const char *name)
{
    struct cnc__str s = CNC__STR;

    cnc__str_printf(&s, "%s/%s", dir, name);
    return cnc__str_steal(&s);
}

int
cnc__plan_new(struct cnc__plan *p, const struct cnc_service_options *o,
              struct cnc_error *err)
{
    struct cnc_service_options *own = &p->o;
    const struct cnc_service_domain *d = o->domains;

    *p = (struct cnc__plan){0};
    if (o->size != sizeof(*o) ||
        (d != NULL && d->domain != NULL && d->size != sizeof(*d))) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "the options were made for another version of "
                             "Concordance");
    }
    *own = *o;
    own->http = o->http == NULL ? "127.0.0.1:8080" : o->http;
    own->store = o->store == NULL ? "sqlite" : o->store;
    own->data = o->data == NULL ? "data" : o->data;
    own->max_stanza = o->max_stanza == 0 ? 262144 : o->max_stanza;
    own->max_queue = o->max_queue == 0 ? 1 << 20 : o->max_queue;
    own->renders = o->renders == 0 ? 1 : o->renders;
    own->s2s_wait = o->s2s_wait == 0 ? 60 : o->s2s_wait;
    while (d != NULL && d[p->n_domains].domain != NULL) {
        p->n_domains++;
    }
    p->named = p->n_domains > 0 || o->domain != NULL;
    p->n_domains += p->n_domains == 0;
    if (p->n_domains == 1 && d != NULL && d->data != NULL) {
        own->data = d->data;
    }
    p->link =
        o->link == NULL ? under(own->data, "link") : cnc__strdup(o->link);
    return 0;
}

void
cnc__plan_fini(struct cnc__plan *p)
{
    cnc__free(p->link);
    p->link = NULL;
}

/* -- domains -------------------------------------------------------------- */

int
cnc__plan_blame(const struct cnc__plan *p, size_t i, int code,
                struct cnc_error *err)
{
    struct cnc_error cause;

    if (err != NULL && p->n_domains > 1) {
        cause = *err;
        cnc_error_set(err, code, cause.condition, "domain %s: %s",
                      p->o.domains[i].domain, cause.text);
    }
    return code;
}

/* Accounts that may do everything are each of one domain. */
static int
share_operators(struct cnc_service_options *o, const struct cnc__plan *p,
                struct cnc_error *err)
{
    const char **list = (const char **)o->operators;
    size_t n_all = 0, kept = 0;

    for (; p->o.operators != NULL && p->o.operators[n_all] != NULL; n_all++) {
    }
    for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
        bool here = cnc__is_account_of(list[i], o->domain), known = here;

        for (size_t k = 0; i < n_all && k < p->n_domains; k++) {
            known =
                known || cnc__is_account_of(list[i], p->o.domains[k].domain);
        }
        if (i < n_all && !known) {
            return cnc_error_set(err, CNC_EINVAL, NULL,
                                 "--operator is an account of one of the "
                                 "domains such as admin@%s, not \"%s\"",
                                 o->domain, list[i]);
        }
        if (here || i >= n_all) {
            list[kept++] = list[i];
        }
    }
    if (list != NULL) {
        list[kept] = NULL;
    }
    return 0;
}

/* What was kept while there was one domain, or several, must not seem to be
 * lost now. */
static int
check_moved(const struct cnc__plan *p, const char *domain, const char *data,
            struct cnc_error *err)
{
    static const char file[] = "concordance.db"; /* of the store sqlite */
    char *here = under(data, file), *there, *dir;
    int code = 0;

    dir = p->n_domains > 1 ? cnc__strdup(p->o.data) : under(data, domain);
    there = under(dir, file);
    if (strcmp(p->o.store, "sqlite") == 0 && access(here, F_OK) != 0 &&
        access(there, F_OK) == 0) {
        code = cnc_error_set(
            err, CNC_EINVAL, NULL,
            p->n_domains > 1
                ? "%s is the store of a service with one domain: move it, "
                  "and %s-wal, into the folder of its domain, such as %s; "
                  "or give that --domain its own --data"
                : "%s is this domain's store, from when it was one of "
                  "several: move it, and %s-wal, to %s; or say --data with "
                  "the folder where it is",
            there, there, data);
    }
    cnc__free(here);
    cnc__free(there);
    cnc__free(dir);
    return code;
}

static bool
is_repeated(const struct cnc__plan *p, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (cnc__is_same_domain(p->o.domains[k].domain,
                                p->o.domains[i].domain)) {
            return true;
        }
    }
    return false;
}

int
cnc__plan_domain(struct cnc__settled *out, const struct cnc__plan *p, size_t i,
                 struct cnc_error *err)
{
    const struct cnc_service_domain *d =
        p->o.domains == NULL || p->o.domains[0].domain == NULL
            ? NULL
            : &p->o.domains[i];
    struct cnc_service_options *o = &out->o;
    bool several = p->n_domains > 1;
    char name[CNC__JID_MAX + 1];
    int code = 0;

    *out = (struct cnc__settled){0};
    if (d != NULL && is_repeated(p, i)) { /* before two open one store */
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "--domain %s is there twice", d->domain);
    }
    cnc__options_of(o, &p->o, d);
    if (o->domain == NULL) {
        o->domain = "localhost";
    }
    /* One name however it was written; what is none is refused below. */
    if (cnc__jid_prepare(name, o->domain, strlen(o->domain), NULL) != 0) {
        name[0] = '\0';
    }
    if (several && d->data == NULL) {
        o->data = out->data = under(p->o.data, name);
    }
    if (several && d->www == NULL && o->www != NULL) {
        o->www = out->www = under(p->o.www, name);
    }
    if (several && o->components == NULL) {
        o->component = NULL; /* another one's may connect there */
    }
    if (several) {
        code = share_operators(o, p, err);
    }
    if (code == 0) {
        code = cnc__options_check(o, o->domain, err);
    }
    if (code == 0) {
        code = check_moved(p, name, o->data, err);
    }
    return code == 0 ? 0 : cnc__plan_blame(p, i, code, err);
}

void
cnc__settled_fini(struct cnc__settled *s)
{
    cnc_service_options_fini(&s->o);
    cnc__free(s->data);
    cnc__free(s->www);
    *s = (struct cnc__settled){0};
}
