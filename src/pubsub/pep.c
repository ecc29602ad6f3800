/* SPDX-License-Identifier: MIT */
/*
 * pep.c -- every account is a PubSub service (XEP-0163): the domain's code
 * with another JID.  Its nodes are made by publishing, seen by whom the
 * owner's roster says, and told to the resources whose capabilities ask for
 * it.
 *
 * Rosters and presence are src/im's, above this room; it is asked by
 * struct cnc__pep_env, at each event: an account's events reach a few, and who
 * was removed a moment ago must not be among them.
 *
 * A stranger hears the same of an account that is not there, of one without
 * nodes, and of one whose nodes he may not see.
 */
#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "impl.h"

#define MAX_NODES 500         /* of one account */
#define MAX_BYTES (16u << 20) /* of all its items */
#define WANTS     "+notify"   /* XEP-0060 9.2 */

/* -- which one ------------------------------------------------------------ */

void
cnc__pep_init(struct cnc__pubsub *root)
{
    root->peps = cnc__table_new();
}

static void
free_pep(void *value)
{
    struct cnc__pubsub *ps = value;
    cnc__pubsub_end(ps);
}

void
cnc__pep_fini(struct cnc__pubsub *root)
{
    cnc__table_free(&root->peps, free_pep);
}

void
cnc__pep_start(struct cnc__pubsub *ps, const struct cnc__pep_env *env)
{
    cnc__pubsub_check(ps);
    ps->people = *env;
    for (struct cnc__table_iter i = {0}; cnc__table_next(ps->peps, &i);) {
        cnc__pep_roster_changed(ps, i.key);
    }
}

struct cnc__pubsub *
cnc__pubsub_at(struct cnc__pubsub *root, const char *to, bool make)
{
    if (strcmp(to, root->jid) == 0) {
        return root;
    }
    struct cnc__pubsub *ps = cnc__table_get(root->peps, to);
    if (ps == NULL && make) {
        ps = cnc__pubsub_begin(root, to);
        cnc__table_put(root->peps, to, ps);
    }
    return ps;
}

struct cnc__pubsub *
cnc__pubsub_stored(struct cnc__pubsub *root, const char **name)
{
    if (**name != '\x1f') {
        return root;
    }
    const char *user = *name + 1, *end = strchr(user, '\x1f');
    if (end == NULL) {
        return NULL;
    }
    struct cnc__str jid = CNC__STR;
    cnc__str_printf(&jid, "%.*s@%s", (int)(end - user), user, root->jid);
    struct cnc__pubsub *ps = cnc__pubsub_at(root, jid.data, true);
    cnc__str_fini(&jid);
    *name = end + 1;
    return ps;
}

/* -- who may -------------------------------------------------------------- */

bool
cnc__is_owner(const struct cnc__pubsub *ps, const char *jid)
{
    return ps->pep && cnc__jid_same_bare(ps->jid, jid);
}

static void
bare_of(char bare[CNC__JID_MAX + 1], const char *jid)
{
    size_t len = cnc__jid_bare_len(jid);
    memcpy(bare, jid, len);
    bare[len] = '\0';
}

static bool
is_contact(const struct cnc__pubsub *root, const char *owner, const char *jid)
{
    const struct cnc__pep_env *p = &root->people;
    char bare[CNC__JID_MAX + 1];
    bare_of(bare, jid);
    return p->subscribed != NULL && p->subscribed(owner, bare, p->priv);
}

bool
cnc__pep_blocks(const struct cnc__pubsub *ps, const char *jid)
{
    const struct cnc__pep_env *p = &ps->root->people;
    return ps->pep && p->blocks != NULL && !cnc__is_owner(ps, jid) &&
           p->blocks(ps->jid, jid, p->priv);
}

bool
cnc__pep_knows(const struct cnc__pubsub *ps, const char *jid)
{
    return cnc__is_owner(ps, jid) || is_contact(ps->root, ps->jid, jid);
}

int
cnc__pep_stranger(struct cnc_error *err)
{
    return cnc__ps_error(err, CNC_EACCES, "not-authorized",
                         "presence-subscription-required",
                         "this is for its owner's contacts");
}

static bool
in_groups(const struct cnc__node *n, const char *jid)
{
    const struct cnc__pep_env *p = &n->ps->root->people;
    char bare[CNC__JID_MAX + 1];
    bare_of(bare, jid);
    for (const char *g = n->cfg.groups; g != NULL && *g != '\0';) {
        size_t len = strcspn(g, "\n");
        char *group = cnc__strndup(g, len);
        bool is_in = p->in_group(n->ps->jid, bare, group, p->priv);
        cnc__free(group);
        if (is_in) {
            return true;
        }
        g += len + (g[len] == '\n');
    }
    return false;
}

int
cnc__pep_may_see(const struct cnc__node *n, const char *jid,
                 struct cnc_error *err)
{
    if (!is_contact(n->ps->root, n->ps->jid, jid)) {
        return cnc__pep_stranger(err);
    }
    if (n->cfg.access == CNC__ACCESS_ROSTER && !in_groups(n, jid)) {
        return cnc__ps_error(err, CNC_EACCES, "not-authorized",
                             "not-in-roster-group",
                             "this node is for a group of its owner's");
    }
    return 0;
}

static bool
may_see(struct cnc__node *n, const struct cnc__actor *who)
{
    return cnc__pubsub_may(n->ps, who, CNC__MAY_SEE, n, NULL) == 0;
}

int
cnc__pep_room(const struct cnc__pubsub *ps, size_t nodes, size_t bytes,
              struct cnc_error *err)
{
    if (!ps->pep) {
        return 0;
    }
    for (struct cnc__table_iter i = {0}; cnc__table_next(ps->nodes, &i);) {
        const struct cnc__node *n = i.value;
        bytes += n->items.bytes;
        nodes++;
    }
    if (nodes > MAX_NODES) {
        return cnc__ps_error(err, CNC_ELIMIT, "policy-violation",
                             "max-nodes-exceeded",
                             "an account has at most %d nodes", MAX_NODES);
    }
    if (bytes > MAX_BYTES) {
        return cnc__ps_error(err, CNC_ELIMIT, "policy-violation",
                             "max-items-exceeded",
                             "an account keeps at most %u bytes", MAX_BYTES);
    }
    return 0;
}

/* -- making nodes --------------------------------------------------------- */

void
cnc__pep_config_default(struct cnc__node_config *c)
{
    cnc__node_config_default(c);
    c->access = CNC__ACCESS_PRESENCE;
    c->max_items = 1;
    c->send_last_item = CNC__LAST_ON_PRESENCE;
    c->history = 0;
}

int
cnc__pep_create(struct cnc__node **out, struct cnc__pubsub *ps,
                const char *name, const struct cnc_element *options,
                struct cnc_error *err)
{
    struct cnc__node_config cfg;
    cnc__pep_config_default(&cfg);
    int rc = cnc__node_name_valid(name, err);
    if (rc == 0 && cnc__table_get(ps->nodes, name) != NULL) {
        /* On its way in or out, by another resource. */
        rc = cnc__ps_error(err, CNC_EAGAIN, "resource-constraint", NULL,
                           "the node %.100s is changing; try again", name);
    }
    if (rc == 0) {
        rc = cnc__pep_room(ps, 1, 0, err);
    }
    if (rc == 0 && options != NULL) {
        rc = cnc__config_options(&cfg, options, err);
    }
    if (rc == 0) {
        *out = cnc__node_new(ps, name, &cfg);
        /* Its entry goes to the store with the first item's, or not at all. */
        (*out)->fresh = (*out)->unsaved = true;
        cnc__table_put(ps->nodes, name, *out);
    }
    cnc__node_config_fini(&cfg);
    return rc;
}

/* -- telling -------------------------------------------------------------- */

struct crowd {
    char **all;
    size_t n, cap;
};

static void
gather(const char *full, void *priv)
{
    struct crowd *c = priv;
    c->all = cnc__grow(c->all, c->n, &c->cap, sizeof(*c->all));
    c->all[c->n++] = cnc__strdup(full);
}

/* Who subscribed is told for that. */
static bool
is_subscribed(const struct cnc__node *n, const char *full)
{
    void *whole = cnc__table_get(n->psubs, full);
    void *bare = cnc__table_getn(n->psubs, full, cnc__jid_bare_len(full));
    const struct cnc__session *s =
        cnc__router_session_by_jid(n->ps->env.router, full);
    return (uintptr_t)whole == CNC__SUBSCRIBED ||
           (uintptr_t)bare == CNC__SUBSCRIBED ||
           (s != NULL && cnc__sub_find(s, n, false) != NULL);
}

static bool
wants(const struct cnc__node *n, const char *full)
{
    const struct cnc__pep_env *p = &n->ps->root->people;
    struct cnc__str feature = CNC__STR;
    cnc__str_puts(&feature, n->name);
    cnc__str_puts(&feature, WANTS);
    bool yes = p->wants(full, feature.data, p->priv);
    cnc__str_fini(&feature);
    return yes;
}

void
cnc__pep_fan_out(struct cnc__node *n, size_t n_head,
                 const struct cnc_buf *tail)
{
    const struct cnc__pep_env *p = &n->ps->root->people;
    struct cnc__str *head = &n->ps->root->head;
    struct crowd crowd = {NULL, 0, 0};
    for (size_t i = 0; i < n->n_subs; i++) {
        struct cnc__actor who = cnc__session_actor(n->subs[i]->session);
        if (may_see(n, &who)) {
            cnc__notify_sub(n->subs[i], n_head, tail);
        }
    }
    if (p->each_available != NULL) {
        p->each_available(n->ps->jid, gather, &crowd, p->priv);
    }
    for (size_t i = 0; i < crowd.n; i++) {
        const char *full = crowd.all[i];
        struct cnc__actor who = {.jid = full};
        if (!is_subscribed(n, full) && wants(n, full) && may_see(n, &who)) {
            head->len = n_head;
            cnc__xml_printf(head, "%s'>", full);
            cnc__send_to(n->ps, full, head->data, head->len, tail);
        }
        cnc__free(crowd.all[i]);
    }
    cnc__free(crowd.all);
}

void
cnc__pep_available(struct cnc__pubsub *root, const char *owner,
                   const char *full)
{
    cnc__pubsub_check(root);
    struct cnc__pubsub *ps = cnc__table_get(root->peps, owner);
    struct cnc__actor who = {.jid = full};
    if (ps == NULL || root->people.wants == NULL) {
        return;
    }
    for (struct cnc__table_iter i = {0}; cnc__table_next(ps->nodes, &i);) {
        struct cnc__node *n = i.value;
        if (n->cfg.send_last_item == CNC__LAST_ON_PRESENCE &&
            n->items.live > 0 && !n->deleting && wants(n, full) &&
            may_see(n, &who)) {
            cnc__notify_last_to(n, full);
        }
    }
}

/* -- what changes around it ----------------------------------------------- */

void
cnc__pep_roster_changed(struct cnc__pubsub *root, const char *owner)
{
    cnc__pubsub_check(root);
    struct cnc__pubsub *ps = cnc__table_get(root->peps, owner);
    if (ps == NULL) {
        return;
    }
    for (struct cnc__table_iter i = {0}; cnc__table_next(ps->nodes, &i);) {
        cnc__access_changed(i.value);
    }
}

void
cnc__pep_account_deleted(struct cnc__pubsub *root, const char *owner)
{
    cnc__pubsub_check(root);
    struct cnc__pubsub *ps = cnc__table_get(root->peps, owner);
    if (ps == NULL) {
        return;
    }
    for (struct cnc__table_iter i = {0}; cnc__table_next(ps->nodes, &i);) {
        struct cnc__node *n = i.value;
        if (!n->deleting) {
            cnc__node_delete(n); /* takes out the one at hand, if any */
        }
    }
}

/* -- discovery ------------------------------------------------------------ */

static const char *const features[] = {
    "access-authorize",
    "access-open",
    "access-presence",
    "access-roster",
    "access-whitelist",
    "auto-create",
    "auto-subscribe",
    "config-node",
    "config-node-max",
    "create-and-configure",
    "create-nodes",
    "delete-items",
    "delete-nodes",
    "filtered-notifications",
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
    "presence-notifications",
    "presence-subscribe",
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

static void
describe(struct cnc__str *out)
{
    cnc__str_puts(out, "<identity category='pubsub' type='pep'/>"
                       "<feature var='" CNC__NS_PUBSUB "'/>");
    for (size_t i = 0; i < CNC_N(features); i++) {
        cnc__str_printf(out, "<feature var='" CNC__NS_PUBSUB "#%s'/>",
                        features[i]);
    }
}

int
cnc__pep_disco(struct cnc__pubsub *root, struct cnc__str *out, bool items,
               const char *node, const struct cnc__request *q)
{
    cnc__pubsub_check(root);
    struct cnc__actor who = cnc__request_actor(q);
    char owner[CNC__JID_MAX + 1];
    bare_of(owner, q->to);
    struct cnc__pubsub *ps = cnc__table_get(root->peps, owner);
    if (who.anonymous || root->people.subscribed == NULL) {
        return CNC_ENOENT;
    }
    if (node != NULL) {
        struct cnc__node *n = ps == NULL ? NULL : cnc__pubsub_node(ps, node);
        return n == NULL || !may_see(n, &who)
                   ? CNC_ENOENT
                   : cnc__disco_of_node(out, n, items, q);
    }
    bool knows =
        cnc__jid_same_bare(owner, q->from) || is_contact(root, owner, q->from);
    struct cnc__str list = CNC__STR;
    size_t n = ps == NULL ? 0 : cnc__disco_nodes(&list, ps, q);
    if (n == 0 && !knows) {
        cnc__str_fini(&list);
        return CNC_ENOENT;
    }
    if (items) {
        cnc__str_puts(out, cnc__str_c(&list));
    } else {
        describe(out);
    }
    cnc__str_fini(&list);
    return 0;
}
