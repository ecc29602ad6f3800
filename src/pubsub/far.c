/* SPDX-License-Identifier: MIT */
/*
 * far.c -- subscribers of other domains.
 *
 * They are kept by exactly the JID they gave, bare or full, because we never
 * learn which resources a stranger has.  Each is one entry of the node's array
 * like any session, so fan-out does not know the difference.
 *
 * A domain may grow as many JIDs as it likes, so how many of them are kept is
 * counted: of one domain in a node and in the service, and of all strangers
 * in a node, which leaves room for our own accounts.
 */
#include "../base/log.h"
#include "../xmpp/jid.h"
#include "impl.h"

#define MAX_NODE        50000 /* strangers that follow one node */
#define MAX_DOMAIN_NODE 10000 /* of one domain */
#define MAX_DOMAIN      50000 /* of one domain, all nodes together */
#define MAX_RESOURCES   20    /* full JIDs of one account that follow a node */
#define BOUNCES         5
#define BOUNCING_MS     INT64_C(86400000)
#define MAX_BOUNCING    10000

struct bounces {
    int64_t first_ms;
    unsigned n;
};

bool
cnc__is_far(const struct cnc__pubsub *ps, const char *jid)
{
    return cnc__router_where(ps->env.router, jid) == CNC__TO_ELSEWHERE;
}

/* -- limits --------------------------------------------------------------- */

static uintptr_t
get(const struct cnc__table *t, const char *key, size_t len)
{
    return t == NULL ? 0 : (uintptr_t)cnc__table_getn(t, key, len);
}

static void
add(struct cnc__table **tp, const char *key, int delta)
{
    if (*tp == NULL) {
        *tp = cnc__table_new();
    }
    uintptr_t n = get(*tp, key, strlen(key)) + (uintptr_t)delta;
    if (n == 0) {
        cnc__table_del(*tp, key);
    } else {
        cnc__table_put(*tp, key, (void *)n);
    }
    if (cnc__table_len(*tp) == 0) {
        cnc__table_free(tp, NULL);
    }
}

void
cnc__far_count(struct cnc__node *n, const char *jid, int delta)
{
    if (!cnc__is_far(n->ps, jid)) {
        return;
    }
    size_t len;
    const char *at = cnc__jid_domain(jid, &len);
    char *domain = cnc__strndup(at, len);
    n->n_far += (size_t)delta;
    add(&n->far_domains, domain, delta);
    add(&n->ps->root->far_domains, domain, delta);
    if (cnc__jid_resource(jid) != NULL) {
        char *bare = cnc__strndup(jid, cnc__jid_bare_len(jid));
        add(&n->far_full, bare, delta);
        cnc__free(bare);
    }
    cnc__free(domain);
}

int
cnc__far_room(const struct cnc__node *n, const char *jid,
              struct cnc_error *err)
{
    if (!cnc__is_far(n->ps, jid)) {
        return 0;
    }
    size_t len;
    const char *domain = cnc__jid_domain(jid, &len);
    bool full = cnc__jid_resource(jid) != NULL &&
                get(n->far_full, jid, cnc__jid_bare_len(jid)) >= MAX_RESOURCES;
    if (full || n->n_far >= MAX_NODE ||
        get(n->far_domains, domain, len) >= MAX_DOMAIN_NODE ||
        get(n->ps->root->far_domains, domain, len) >= MAX_DOMAIN) {
        return cnc__ps_error(err, CNC_ELIMIT, "policy-violation",
                             "too-many-subscriptions",
                             full ? "you follow this node too often"
                                  : "too many of other domains follow this");
    }
    return 0;
}

/* -- who is notified ------------------------------------------------------ */

static struct cnc__actor
actor_of(const char *jid)
{
    return (struct cnc__actor){.jid = jid};
}

void
cnc__far_attach(struct cnc__node *n, const char *jid)
{
    struct cnc__actor who = actor_of(jid);
    void *state = cnc__table_get(n->psubs, jid);
    if ((uintptr_t)state != CNC__SUBSCRIBED ||
        cnc__pubsub_may(n->ps, &who, CNC__MAY_SEE, n, NULL) != 0) {
        return;
    }
    struct cnc__session *s = cnc__router_far(n->ps->env.router, jid);
    if (cnc__sub_find(s, n, false) == NULL) {
        cnc__sub_add(n, s, false, true); /* holds s */
    } else {
        cnc__router_far_unref(&s);
    }
}

void
cnc__far_attach_all(struct cnc__node *n)
{
    struct cnc__table_iter i = {0};
    while (n->n_far > 0 && cnc__table_next(n->psubs, &i)) {
        if (cnc__is_far(n->ps, i.key)) {
            cnc__far_attach(n, i.key);
        }
    }
}

struct cnc__sub *
cnc__far_sub(struct cnc__node *n, const char *jid)
{
    struct cnc__session *s = cnc__router_far(n->ps->env.router, jid);
    struct cnc__sub *sub = cnc__sub_find(s, n, false);
    cnc__router_far_unref(&s); /* sub holds it, if there is one */
    return sub;
}

/* -- who has gone --------------------------------------------------------- */

/*
 * What ends a subscription (XEP-0060 12.4, and what servers really say):
 *
 *   presence unavailable, full JID        that resource has left
 *   gone                                  said by the account's own server
 *   item-not-found                        there is no such account any more
 *   service-unavailable, full JID         RFC 6121 8.5.3: no such resource
 *   anything else that is not for now     after BOUNCES of them over a day
 *
 * What is for now never does: type "wait", and whatever says that a server
 * cannot be reached; an hour's outage must lose nobody.
 */
enum verdict { STAYS, BOUNCES_AGAIN, ENDS };

static enum verdict
judge_error(const struct cnc_element *error, bool full)
{
    static const char *const for_now[] = {
        "remote-server-not-found", "remote-server-timeout",
        "internal-server-error",   "resource-constraint",
        "recipient-unavailable",   NULL};
    const char *type =
        error == NULL ? NULL : cnc_element_attr(error, NULL, "type");
    const struct cnc_element *c =
        cnc_element_child(error, "urn:ietf:params:xml:ns:xmpp-stanzas", NULL);
    if (c == NULL) {
        return STAYS;
    }
    const char *condition = cnc_element_name(c);
    for (size_t i = 0; for_now[i] != NULL; i++) {
        if (strcmp(condition, for_now[i]) == 0) {
            return STAYS;
        }
    }
    if (strcmp(condition, "gone") == 0) {
        return ENDS;
    }
    if (type != NULL && strcmp(type, "wait") == 0) {
        return STAYS;
    }
    if (strcmp(condition, "item-not-found") == 0 ||
        (full && strcmp(condition, "service-unavailable") == 0)) {
        return ENDS;
    }
    return BOUNCES_AGAIN;
}

static enum verdict
judge(const char *jid, const struct cnc_element *stanza)
{
    bool full = cnc__jid_resource(jid) != NULL;
    const char *type = cnc_element_attr(stanza, NULL, "type");
    if (strcmp(type, "unavailable") == 0) {
        return full ? ENDS : STAYS;
    }
    /* An IQ's error answers somebody's question, not our news. */
    if (strcmp(cnc_element_name(stanza), "iq") == 0) {
        return STAYS;
    }
    return judge_error(cnc_element_child(stanza, NULL, "error"), full);
}

static bool
bounced_enough(struct cnc__pubsub *ps, const char *jid)
{
    struct bounces *b = cnc__table_get(ps->root->bounces, jid);
    int64_t now = cnc__pubsub_now(ps);
    if (b == NULL) {
        if (cnc__table_len(ps->root->bounces) >= MAX_BOUNCING) {
            return false;
        }
        b = cnc__zalloc(sizeof(*b));
        b->first_ms = now;
        cnc__table_put(ps->root->bounces, jid, b);
    }
    return ++b->n >= BOUNCES && now - b->first_ms >= BOUNCING_MS;
}

void
cnc__far_forgive(struct cnc__pubsub *ps, const char *jid)
{
    cnc__free(cnc__table_del(ps->root->bounces, jid));
}

void
cnc__far_gone(const char *jid, const struct cnc_element *stanza, void *priv)
{
    struct cnc__pubsub *ps = priv;
    if (cnc__account_node(ps, jid, strlen(jid), 0) == NULL ||
        !cnc__is_far(ps, jid)) {
        return;
    }
    enum verdict v = judge(jid, stanza);
    if (v == STAYS || (v == BOUNCES_AGAIN && !bounced_enough(ps, jid))) {
        return;
    }
    cnc__log(CNC_LOG_INFO, "pubsub.gone", "jid=%s", jid);
    cnc__far_forgive(ps, jid);
    cnc__subs_end(ps, jid);
}
