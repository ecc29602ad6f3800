/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "jid.h"
#include "router-priv.h"
#include "sm.h"

#define ROUTER_MAGIC 0x524f5554u
#define KEY_MAX      512 /* bytes of a handler's key */

/* -- life ---------------------------------------------------------------- */

struct cnc__router *
cnc__router_new(const char *domain)
{
    struct cnc__router *r = cnc__zalloc(sizeof(*r));
    char prepared[CNC__JID_MAX + 1];

    CNC_CHECK(cnc__jid_prepare(prepared, domain, strlen(domain), NULL) == 0);
    r->magic = ROUTER_MAGIC;
    r->domain = cnc__strdup(prepared);
    r->handlers = cnc__table_new();
    r->features = cnc__table_new();
    r->by_jid = cnc__table_new();
    r->by_bare = cnc__table_new();
    r->far_ = cnc__table_new();
    r->asked = cnc__table_new();
    r->sms = cnc__sms_new();
    r->max_resources = 50;
    r->serial = 1;
    cnc__disco_register(r);
    cnc__stock_register(r);
    return r;
}

void
cnc__router_free(struct cnc__router **rp)
{
    struct cnc__router *r = *rp;

    if (r == NULL) {
        return;
    }
    CNC_OBJ_CHECK(r, ROUTER_MAGIC);
    *rp = NULL;
    cnc__sms_end_all(r);
    CNC_CHECK(r->n_sessions == 0); /* streams end before their router */
    CNC_CHECK(cnc__table_len(r->far_) == 0);
    cnc__ask_end(r);
    cnc__sms_free(&r->sms);
    cnc__table_free(&r->asked, NULL);
    cnc__table_free(&r->by_bare, NULL);
    cnc__table_free(&r->far_, NULL);
    cnc__table_free(&r->handlers, cnc__free);
    cnc__table_free(&r->features, NULL);
    cnc__table_free(&r->by_jid, NULL);
    for (struct cnc__identity *i = r->identities, *next; i; i = next) {
        next = i->next;
        cnc__free(i->category);
        cnc__free(i->type);
        cnc__free(i->name);
        cnc__free(i);
    }
    for (struct cnc__provider *p = r->providers, *next; p; p = next) {
        next = p->next;
        cnc__free(p);
    }
    for (struct cnc__ender *e = r->enders, *next; e; e = next) {
        next = e->next;
        cnc__free(e);
    }
    for (struct cnc__inliner *i = r->inliners, *next; i; i = next) {
        next = i->next;
        cnc__free(i);
    }
    for (struct cnc__starter *i = r->starters, *next; i; i = next) {
        next = i->next;
        cnc__free(i);
    }
    for (struct cnc__carrier *i = r->carriers, *next; i; i = next) {
        next = i->next;
        cnc__free(i);
    }
    for (struct cnc__gone *i = r->gone, *next; i; i = next) {
        next = i->next;
        cnc__free(i);
    }
    cnc__free(r->slots);
    cnc__free(r->free_slots);
    cnc__free(r->domain);
    CNC_OBJ_FREE(r);
}

const char *
cnc__router_domain(const struct cnc__router *r)
{
    return r->domain;
}

/* -- handlers ------------------------------------------------------------ */

/* Requests to the domain and requests to accounts are two spaces of keys, so
 * that an archive of either kind may answer the same payload. */
#define SPACE_DOMAIN  'd'
#define SPACE_ACCOUNT 'a'

/* "d2urn:x}name"; false when it is longer than any handler's can be. */
static bool
make_key(char key[KEY_MAX], char space, enum cnc__stanza kind, const char *ns,
         const char *name)
{
    int len = snprintf(key, KEY_MAX, "%c%d%s}%s", space, (int)kind, ns, name);

    return len > 0 && len < KEY_MAX;
}

struct place { /* of a handler */
    char key[KEY_MAX];
};

/* Where h goes; up to 8. */
static size_t
places(struct place out[8], const struct cnc__handler *h)
{
    static const enum cnc__stanza all[] = {CNC__IQ_GET, CNC__IQ_SET,
                                           CNC__MESSAGE, CNC__PRESENCE};
    const char *name = h->name == NULL ? "*" : h->name;
    bool account = h->account || h->anyone || h->only_account;
    size_t n = 0;

    for (size_t i = 0; i < CNC_N(all); i++) {
        if ((h->kinds & all[i]) == 0) {
            continue;
        }
        if (!h->only_account) {
            CNC_CHECK(
                make_key(out[n++].key, SPACE_DOMAIN, all[i], h->ns, name));
        }
        if (account) {
            CNC_CHECK(
                make_key(out[n++].key, SPACE_ACCOUNT, all[i], h->ns, name));
        }
    }
    return n;
}

int
cnc__router_handle(struct cnc__router *r, const struct cnc__handler *h,
                   struct cnc_error *err)
{
    struct place place[8];
    size_t n = places(place, h);

    CNC_OBJ_CHECK(r, ROUTER_MAGIC);
    for (size_t i = 0; i < n; i++) {
        if (cnc__table_get(r->handlers, place[i].key) != NULL) {
            return cnc_error_set(err, CNC_EEXIST, NULL,
                                 "a handler for {%s}%s exists already", h->ns,
                                 h->name == NULL ? "*" : h->name);
        }
    }
    for (size_t i = 0; i < n; i++) {
        struct cnc__handler *copy = cnc__zalloc(sizeof(*copy));

        *copy = *h;
        cnc__table_put(r->handlers, place[i].key, copy);
    }
    if (h->feature != NULL) {
        cnc__router_handled(r, h->feature);
    }
    return 0;
}

static bool
has_feature(const struct cnc__router *r, const char *feature)
{
    struct cnc__table_iter i = {0};

    while (cnc__table_next(r->handlers, &i)) {
        const struct cnc__handler *h = i.value;

        if (h->feature != NULL && strcmp(h->feature, feature) == 0) {
            return true;
        }
    }
    return false;
}

void
cnc__router_unhandle(struct cnc__router *r, const struct cnc__handler *h)
{
    struct place place[8];
    size_t n = places(place, h);

    CNC_OBJ_CHECK(r, ROUTER_MAGIC);
    for (size_t i = 0; i < n; i++) {
        cnc__free(cnc__table_del(r->handlers, place[i].key));
    }
    if (h->feature != NULL && !has_feature(r, h->feature)) {
        cnc__router_unfeature(r, h->feature);
    }
}

const struct cnc__handler *
cnc__router_find(const struct cnc__router *r, bool account,
                 enum cnc__stanza kind, const struct cnc_element *payload)
{
    char space = account ? SPACE_ACCOUNT : SPACE_DOMAIN;
    const struct cnc__handler *h = NULL;
    char key[KEY_MAX];

    if (payload == NULL) {
        return NULL;
    }
    if (make_key(key, space, kind, cnc_element_ns(payload),
                 cnc_element_name(payload))) {
        h = cnc__table_get(r->handlers, key);
    }
    if (h == NULL &&
        make_key(key, space, kind, cnc_element_ns(payload), "*")) {
        h = cnc__table_get(r->handlers, key);
    }
    return h;
}

void
cnc__router_on_session_end(struct cnc__router *r, cnc__session_end_f *f,
                           void *priv)
{
    struct cnc__ender *e = cnc__zalloc(sizeof(*e));

    *e = (struct cnc__ender){f, priv, r->enders};
    r->enders = e;
}

void
cnc__router_on_session_start(struct cnc__router *r, cnc__session_start_f *f,
                             void *priv)
{
    struct cnc__starter *i = cnc__zalloc(sizeof(*i));

    *i = (struct cnc__starter){f, priv, r->starters};
    r->starters = i;
}

void
cnc__router_on_bind2(struct cnc__router *r, const char *feature,
                     cnc__bind2_f *f, void *priv)
{
    struct cnc__inliner *i = cnc__zalloc(sizeof(*i));

    *i = (struct cnc__inliner){f, priv, feature, r->inliners};
    r->inliners = i;
}

/* -- hooks --------------------------------------------------------------- */

void
cnc__router_accounts(struct cnc__router *r,
                     const struct cnc__accounts_hooks *hooks)
{
    CNC_OBJ_CHECK(r, ROUTER_MAGIC);
    r->accounts = *hooks;
}

void
cnc__router_on_message(struct cnc__router *r, cnc__message_f *f, void *priv)
{
    r->on_message = f;
    r->message_priv = priv;
}

void
cnc__router_carrier(struct cnc__router *r, bool first, cnc__carrier_f *f,
                    void *priv)
{
    struct cnc__carrier *c = cnc__zalloc(sizeof(*c));
    struct cnc__carrier **at = &r->carriers;

    while (!first && *at != NULL) {
        at = &(*at)->next;
    }
    *c = (struct cnc__carrier){f, priv, *at};
    *at = c;
}

void
cnc__router_on_gone(struct cnc__router *r, cnc__gone_f *f, void *priv)
{
    struct cnc__gone *g = cnc__zalloc(sizeof(*g));

    *g = (struct cnc__gone){f, priv, r->gone};
    r->gone = g;
}

void
cnc__router_trace(struct cnc__router *r, cnc__trace_f *f, void *priv)
{
    r->trace = f;
    r->trace_priv = priv;
}

void
cnc__router_max_resources(struct cnc__router *r, uint32_t n)
{
    r->max_resources = n;
}

void
cnc__router_tick(struct cnc__router *r, uint64_t now_ms)
{
    CNC_OBJ_CHECK(r, ROUTER_MAGIC);
    r->now_ms = now_ms;
    cnc__ask_tick(r);
    cnc__sms_tick(r);
}
