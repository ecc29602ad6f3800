/* SPDX-License-Identifier: MIT */
/*
 * verbs.c -- which request is which verb.
 */
#include "impl.h"

/* NEW_NODE: an account's own service makes it (XEP-0060 7.1.4). */
enum need { ANY_NODE, NODE, MAYBE, NEW_NODE };

static const struct verb {
    const char *ns;
    enum cnc__stanza kind;
    const char *name;
    enum need need;
    cnc__verb_f *f;
    const char *unsupported; /* instead of f */
} verbs[] = {
    {CNC__NS_PUBSUB, CNC__IQ_GET, "items", NODE, cnc__verb_items},
    {CNC__NS_PUBSUB, CNC__IQ_GET, "subscriptions", MAYBE,
     cnc__verb_subscriptions},
    {CNC__NS_PUBSUB, CNC__IQ_GET, "affiliations", MAYBE,
     cnc__verb_affiliations},
    {CNC__NS_PUBSUB, CNC__IQ_GET, "default", ANY_NODE, NULL,
     CNC__UNSUPPORTED("retrieve-default-sub")},
    {CNC__NS_PUBSUB, CNC__IQ_GET, "options", ANY_NODE, NULL,
     CNC__UNSUPPORTED("subscription-options")},
    {CNC__NS_PUBSUB, CNC__IQ_SET, "options", ANY_NODE, NULL,
     CNC__UNSUPPORTED("subscription-options")},
    {CNC__NS_PUBSUB, CNC__IQ_SET, "publish", NEW_NODE, cnc__verb_publish},
    {CNC__NS_PUBSUB, CNC__IQ_SET, "retract", NODE, cnc__verb_retract},
    {CNC__NS_PUBSUB, CNC__IQ_SET, "subscribe", NODE, cnc__verb_subscribe},
    {CNC__NS_PUBSUB, CNC__IQ_SET, "unsubscribe", NODE, cnc__verb_unsubscribe},
    {CNC__NS_PUBSUB, CNC__IQ_SET, "create", ANY_NODE, cnc__verb_create},
    {CNC__NS_OWNER, CNC__IQ_GET, "default", ANY_NODE, cnc__verb_default},
    {CNC__NS_OWNER, CNC__IQ_GET, "configure", NODE, cnc__verb_get_config},
    {CNC__NS_OWNER, CNC__IQ_SET, "configure", NODE, cnc__verb_set_config},
    {CNC__NS_OWNER, CNC__IQ_SET, "delete", NODE, cnc__verb_delete},
    {CNC__NS_OWNER, CNC__IQ_SET, "purge", NODE, cnc__verb_purge},
    {CNC__NS_OWNER, CNC__IQ_GET, "affiliations", NODE,
     cnc__verb_get_affiliations},
    {CNC__NS_OWNER, CNC__IQ_SET, "affiliations", NODE,
     cnc__verb_set_affiliations},
    {CNC__NS_OWNER, CNC__IQ_GET, "subscriptions", NODE,
     cnc__verb_get_subscriptions},
    {CNC__NS_OWNER, CNC__IQ_SET, "subscriptions", NODE,
     cnc__verb_set_subscriptions},
};

/* XEP-0060 10, what is done here and no more. */
static const char *const features[] = {
    "access-authorize",
    "access-open",
    "access-whitelist",
    "config-node",
    "config-node-max",
    "create-and-configure",
    "create-nodes",
    "delete-items",
    "delete-nodes",
    "instant-nodes",
    "item-ids",
    "last-published",
    "manage-subscriptions",
    "member-affiliation",
    "meta-data",
    "modify-affiliations",
    "multi-items",
    "outcast-affiliation",
    "persistent-items",
    "publish",
    "publish-only-affiliation",
    "publish-options",
    "publisher-affiliation",
    "purge-nodes",
    "retract-items",
    "retrieve-affiliations",
    "retrieve-default",
    "retrieve-items",
    "retrieve-subscriptions",
    "rsm",
    "subscribe",
};

static const struct verb *
find(const struct cnc__request *r, const char *ns, const char *name)
{
    for (size_t i = 0; i < CNC_N(verbs); i++) {
        if (verbs[i].kind == r->kind && strcmp(verbs[i].ns, ns) == 0 &&
            strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static int
find_node(struct cnc__verb *v, enum need need, struct cnc_error *err)
{
    const char *name = cnc_element_attr(v->verb, NULL, "node");
    v->node_name = name;
    if (name != NULL && need != ANY_NODE) {
        v->node = cnc__pubsub_node(v->ps, name);
    }
    if (name == NULL && (need == NODE || need == NEW_NODE)) {
        return cnc__ps_error(err, CNC_EINVAL, "bad-request", "nodeid-required",
                             "the node is not named");
    }
    bool make = need == NEW_NODE && cnc__is_owner(v->ps, v->actor.jid);
    if (name != NULL && need != ANY_NODE && v->node == NULL && !make) {
        return cnc__ps_error(err, CNC_ENOENT, "item-not-found", NULL,
                             "there is no node %s", name);
    }
    return 0;
}

/* Who may not know what the account has, or whether there is one, hears one
 * thing whatever it is. */
static int
check_stranger(const struct cnc__verb *v, struct cnc_error *err)
{
    struct cnc__node *n = v->node;
    if (!v->ps->pep || v->actor.operator_ ||
        cnc__pep_knows(v->ps, v->actor.jid)) {
        return 0;
    }
    if (n != NULL &&
        (cnc__pubsub_may(v->ps, &v->actor, CNC__MAY_SEE, n, NULL) == 0 ||
         (n->cfg.access == CNC__ACCESS_AUTHORIZE &&
          cnc__node_affiliation(n, v->actor.jid) == CNC__NONE &&
          !cnc__pep_blocks(v->ps, v->actor.jid)))) {
        return 0;
    }
    return cnc__pep_stranger(err);
}

static int
do_verb(struct cnc__verb *v, const char *ns, struct cnc_error *err)
{
    const struct verb *verb =
        v->verb == NULL ? NULL
                        : find(v->request, ns, cnc_element_name(v->verb));
    if (verb == NULL) {
        return cnc__ps_error(err, CNC_EPROTO, "bad-request", NULL,
                             "there is no such PubSub request");
    }
    if (verb->f == NULL) {
        return cnc__ps_unsupported(err, verb->unsupported);
    }
    int found = find_node(v, verb->need, err);
    int rc = check_stranger(v, err);
    rc = rc != 0 ? rc : found;
    return rc != 0 ? rc : verb->f(v, err);
}

/* An account that has published nothing yet, or is none. */
static int
no_service(const struct cnc__pubsub *root, const struct cnc__request *r,
           struct cnc_error *err)
{
    struct cnc__pubsub none = {
        .root = (void *)(uintptr_t)root, .pep = true, .jid = r->to};
    if (!cnc__pep_knows(&none, r->from)) {
        return cnc__pep_stranger(err);
    }
    return cnc__ps_error(err, CNC_ENOENT, "item-not-found", NULL,
                         "there is no such node");
}

static void
on_request(struct cnc__request *r, void *priv)
{
    const char *ns = cnc_element_ns(r->payload);
    struct cnc__pubsub *root = priv;
    struct cnc_error err = {0};
    if (strcmp(r->to, root->jid) != 0 &&
        (r->anonymous || root->people.subscribed == NULL)) {
        cnc__request_refuse(&r, CNC_ENOENT, "service-unavailable",
                            "there is no such service");
        return;
    }
    struct cnc__verb v = {
        .ps = cnc__pubsub_at(root, r->to, r->own),
        .request = r,
        .pubsub = r->payload,
        .verb = cnc_element_child(r->payload, ns, NULL),
        .actor = cnc__request_actor(r),
    };
    int rc = v.ps == NULL ? no_service(root, r, &err) : do_verb(&v, ns, &err);
    if (rc != 0) {
        root->stats.refused++;
        cnc__request_error(&v.request, &err);
    }
    CNC_CHECK(v.request == NULL); /* answered, or handed over */
}

void
cnc__verb_hand_over(struct cnc__verb *v, struct cnc__txn *t)
{
    t->request = v->request;
    v->request = NULL;
}

void
cnc__verb_result(struct cnc__verb *v, struct cnc__str *xml)
{
    cnc__request_result(&v->request, xml == NULL ? NULL : xml->data,
                        xml == NULL ? 0 : xml->len);
    if (xml != NULL) {
        cnc__str_fini(xml);
    }
}

void
cnc__verbs_register(struct cnc__pubsub *ps)
{
    struct cnc__router *router = ps->env.router;
    const struct cnc__handler handlers[] = {
        {.kinds = CNC__IQ_GET | CNC__IQ_SET,
         .ns = CNC__NS_PUBSUB,
         .name = "pubsub",
         .feature = CNC__NS_PUBSUB,
         .f = on_request,
         .priv = ps,
         .account = true,
         .anyone = true},
        {.kinds = CNC__IQ_GET | CNC__IQ_SET,
         .ns = CNC__NS_OWNER,
         .name = "pubsub",
         .f = on_request,
         .priv = ps,
         .account = true,
         .anyone = true},
    };
    for (size_t i = 0; i < CNC_N(handlers); i++) {
        CNC_CHECK(cnc__router_handle(router, &handlers[i], NULL) == 0);
    }
    struct cnc__str feature = CNC__STR;
    for (size_t i = 0; i < CNC_N(features); i++) {
        cnc__str_clear(&feature);
        cnc__str_printf(&feature, "%s#%s", CNC__NS_PUBSUB, features[i]);
        cnc__router_feature(router, feature.data);
    }
    cnc__str_fini(&feature);
    cnc__router_feature(router, CNC__NS_RSM);
    cnc__router_identity(router, "pubsub", "service", NULL);
}
