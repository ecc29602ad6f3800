/* SPDX-License-Identifier: MIT */
/*
 * access.c -- who may do what.  One gate, cnc__pubsub_may(), asked by every
 * verb alike.  Fan-out does not ask it for each delivery: instead whatever
 * changes an answer (affiliations, access model, approvals) cuts at once the
 * subscriptions that would not be granted any more.
 */
#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "impl.h"

/* -- actors --------------------------------------------------------------- */

void
cnc__who_init(struct cnc__who *w, const struct cnc__actor *a)
{
    *w = (struct cnc__who){
        .jid = cnc__strdup(a->jid),
        .bare_len = cnc__jid_bare_len(a->jid),
        .anonymous = a->anonymous,
        .operator_ = a->operator_,
    };
}

void
cnc__who_fini(struct cnc__who *w)
{
    cnc__free(w->jid);
    w->jid = NULL;
}

struct cnc__actor
cnc__who_actor(const struct cnc__who *w)
{
    return (struct cnc__actor){w->jid, w->anonymous, w->operator_};
}

struct cnc__actor
cnc__request_actor(const struct cnc__request *r)
{
    return (struct cnc__actor){r->from, r->anonymous, r->operator_};
}

struct cnc__actor
cnc__session_actor(const struct cnc__session *s)
{
    return (struct cnc__actor){s->jid, s->anonymous, s->operator_};
}

/* -- affiliations --------------------------------------------------------- */

static const char *const names[] = {
    [CNC__NONE] = "none",           [CNC__OWNER] = "owner",
    [CNC__PUBLISHER] = "publisher", [CNC__PUBLISH_ONLY] = "publish-only",
    [CNC__MEMBER] = "member",       [CNC__OUTCAST] = "outcast",
};

const char *
cnc__affiliation_name(enum cnc__affiliation a)
{
    return names[a];
}

int
cnc__affiliation_parse(enum cnc__affiliation *out, const char *s)
{
    for (size_t i = 0; i < CNC_N(names); i++) {
        if (strcmp(names[i], s) == 0) {
            *out = (enum cnc__affiliation)i;
            return 0;
        }
    }
    return CNC_ENOENT;
}

enum cnc__affiliation
cnc__node_kept_affiliation(const struct cnc__node *n, const char *jid)
{
    if (cnc__is_owner(n->ps, jid)) {
        return CNC__OWNER;
    }
    return (enum cnc__affiliation)(uintptr_t)cnc__table_getn(
        n->affs, jid, cnc__jid_bare_len(jid));
}

static bool
has_role(const struct cnc__node *n, const char *bare, const char *roles)
{
    const struct cnc__pubsub_env *env = &n->ps->root->env;
    return roles != NULL && env->has_role != NULL &&
           env->has_role(bare, roles, env->priv);
}

bool
cnc__node_has_roles(const struct cnc__node *n)
{
    return n->cfg.readers != NULL || n->cfg.writers != NULL ||
           n->cfg.owners != NULL;
}

/* What a role gives is added to what is kept; an outcast stays one. */
enum cnc__affiliation
cnc__node_affiliation(const struct cnc__node *n, const char *jid)
{
    enum cnc__affiliation a = cnc__node_kept_affiliation(n, jid);
    if (a == CNC__OUTCAST || a == CNC__OWNER || !cnc__node_has_roles(n)) {
        return a;
    }
    char *bare = cnc__strndup(jid, cnc__jid_bare_len(jid));
    if (has_role(n, bare, n->cfg.owners)) {
        a = CNC__OWNER;
    } else if (a == CNC__PUBLISHER || has_role(n, bare, n->cfg.writers)) {
        a = CNC__PUBLISHER;
    } else if (has_role(n, bare, n->cfg.readers)) {
        a = a == CNC__PUBLISH_ONLY ? CNC__PUBLISHER : CNC__MEMBER;
    }
    cnc__free(bare);
    return a;
}

/* -- the gate ------------------------------------------------------------- */

static enum cnc__sub_state
kept_state(const struct cnc__node *n, const char *jid)
{
    /* A stranger may be kept by its full JID. */
    void *state = cnc__table_get(n->psubs, jid);
    if ((uintptr_t)state != CNC__SUBSCRIBED) {
        void *by_bare = cnc__table_getn(n->psubs, jid, cnc__jid_bare_len(jid));
        state = by_bare == NULL ? state : by_bare;
    }
    return (enum cnc__sub_state)(uintptr_t)state;
}

static int
may_see(const struct cnc__node *n, const struct cnc__actor *who,
        enum cnc__affiliation a, struct cnc_error *err)
{
    if (cnc__pep_blocks(n->ps, who->jid)) {
        return cnc__pep_stranger(err);
    }
    if (a == CNC__OUTCAST || a == CNC__PUBLISH_ONLY) {
        return cnc__ps_error(err, CNC_EACCES, "forbidden", NULL,
                             "you may not read this node");
    }
    if (a != CNC__NONE || n->cfg.access == CNC__ACCESS_OPEN) {
        return 0;
    }
    switch (n->cfg.access) {
    case CNC__ACCESS_OPEN:
        break;
    case CNC__ACCESS_WHITELIST:
        return cnc__ps_error(err, CNC_EACCES, "not-allowed", "closed-node",
                             "this node is for its members");
    case CNC__ACCESS_AUTHORIZE:
        if (kept_state(n, who->jid) == CNC__SUBSCRIBED) {
            return 0;
        }
        if (kept_state(n, who->jid) == CNC__PENDING) {
            return cnc__ps_error(err, CNC_EACCES, "not-authorized",
                                 "pending-subscription",
                                 "the node's owner has not approved yet");
        }
        return cnc__ps_error(err, CNC_EACCES, "not-authorized",
                             "not-subscribed",
                             "the node's owner approves subscribers");
    case CNC__ACCESS_PRESENCE:
        if (n->ps->pep) {
            return cnc__pep_may_see(n, who->jid, err);
        }
        return cnc__ps_error(err, CNC_EACCES, "not-authorized",
                             "presence-subscription-required",
                             "this node is for its owner's contacts");
    case CNC__ACCESS_ROSTER:
        if (n->ps->pep) {
            return cnc__pep_may_see(n, who->jid, err);
        }
        return cnc__ps_error(err, CNC_EACCES, "not-authorized",
                             "not-in-roster-group",
                             "this node is for a group of its owner's");
    }
    return 0;
}

static bool
is_subscriber(const struct cnc__node *n, const struct cnc__actor *who)
{
    if (kept_state(n, who->jid) == CNC__SUBSCRIBED) {
        return true;
    }
    struct cnc__session *s =
        cnc__router_session_by_jid(n->ps->env.router, who->jid);
    return s != NULL && (cnc__sub_find(s, n, false) != NULL ||
                         cnc__sub_find(s, n, true) != NULL);
}

static bool
may_publish(const struct cnc__node *n, const struct cnc__actor *who,
            enum cnc__affiliation a)
{
    if (a == CNC__OWNER || a == CNC__PUBLISHER || a == CNC__PUBLISH_ONLY) {
        return true;
    }
    switch (n->cfg.publish) {
    case CNC__BY_ANYBODY:
        return a != CNC__OUTCAST;
    case CNC__BY_SUBSCRIBERS:
        return may_see(n, who, a, NULL) == 0 && is_subscriber(n, who);
    case CNC__BY_PUBLISHERS:
        break;
    }
    return false;
}

int
cnc__pubsub_may(struct cnc__pubsub *ps, const struct cnc__actor *who,
                enum cnc__action what, struct cnc__node *node,
                struct cnc_error *err)
{
    cnc__pubsub_check(ps);
    if (node != NULL && node->cfg.derived && what != CNC__MAY_SEE &&
        strcmp(who->jid, ps->jid) != 0) {
        return cnc__ps_error(err, CNC_EACCES, "not-allowed", NULL,
                             "the service alone writes this node");
    }
    if (node != NULL && node->mirror != NULL &&
        (what == CNC__MAY_PUBLISH || what == CNC__MAY_RETRACT)) {
        return cnc__mirror_writes(node, who) ? 0
                                             : cnc__mirror_refuse(node, err);
    }
    if (who->operator_) {
        return 0;
    }
    if (node != NULL && node->hidden) {
        return cnc__ps_error(err, CNC_ENOENT, "item-not-found", NULL,
                             "there is no such node");
    }
    if (node != NULL && node->gate != NULL) {
        return node->gate(who, node->gate_priv)
                   ? 0
                   : cnc__ps_error(err, CNC_EACCES, "not-allowed",
                                   "closed-node",
                                   "what this node shows is not for you");
    }
    if (what == CNC__MAY_CREATE && cnc__is_owner(ps, who->jid)) {
        return 0;
    }
    if (what == CNC__MAY_CREATE) {
        return cnc__ps_error(err, CNC_EACCES, "forbidden", NULL,
                             "the operator alone makes nodes here");
    }
    /* A guest's name is nobody's, and has no roles. */
    enum cnc__affiliation a = who->anonymous
                                  ? cnc__node_kept_affiliation(node, who->jid)
                                  : cnc__node_affiliation(node, who->jid);
    switch (what) {
    case CNC__MAY_SEE:
        return may_see(node, who, a, err);
    case CNC__MAY_PUBLISH:
    case CNC__MAY_RETRACT:
        if (may_publish(node, who, a)) {
            return 0;
        }
        break;
    case CNC__MAY_CONFIGURE:
        if (a == CNC__OWNER) {
            return 0;
        }
        break;
    case CNC__MAY_CREATE:
        break;
    }
    return cnc__ps_error(err, CNC_EACCES, "forbidden", NULL,
                         what == CNC__MAY_CONFIGURE
                             ? "the node's owner alone may do that"
                             : "you may not publish to this node");
}

void
cnc__node_set_gate(struct cnc__node *n, cnc__node_gate_f *f, void *priv)
{
    CNC_CHECK(n->cfg.derived);
    n->gate = f;
    n->gate_priv = priv;
}

/* -- changes -------------------------------------------------------------- */

/* XEP-0060 8.8.4: who is cut is told. */
static void
say_cut(struct cnc__sub *sub)
{
    struct cnc__str xml = CNC__STR;
    const struct cnc__session *s = sub->session;
    cnc__xml_printf(&xml,
                    "<subscription node='%s' jid='%.*s'"
                    " subscription='none'/>",
                    sub->node->name,
                    (int)(sub->bare ? s->bare_len : strlen(s->jid)), s->jid);
    cnc__notify_one(sub, xml.data, xml.len);
    cnc__str_fini(&xml);
}

/* bare NULL: everybody. */
static void
cut(struct cnc__node *n, const char *bare)
{
    if (n->hidden) {
        return; /* judged when it is seen again */
    }
    for (size_t i = n->n_subs; i-- > 0;) {
        struct cnc__sub *sub = n->subs[i];
        struct cnc__actor who = cnc__session_actor(sub->session);
        if ((bare == NULL || cnc__jid_same_bare(who.jid, bare)) &&
            cnc__pubsub_may(n->ps, &who, CNC__MAY_SEE, n, NULL) != 0) {
            say_cut(sub);
            cnc__sub_del(sub);
        }
    }
}

void
cnc__access_changed(struct cnc__node *n)
{
    cut(n, NULL);
    /* A kept subscription stays (on an authorizing node it may wait for
     * approval); its sessions are attached again when they may see. */
    cnc__account_attach(n, NULL);
    /* Views of what this node holds are for whoever may see it. */
    for (struct cnc__table_iter i = {0};
         !n->cfg.derived && cnc__table_next(n->ps->nodes, &i);) {
        struct cnc__node *view = i.value;
        if (view->gate != NULL) {
            cut(view, NULL);
        }
    }
}

/* End what is kept for one JID if it may not see the node any more, else let
 * its sessions hear. */
static void
judge_kept(struct cnc__node *n, const char *jid)
{
    struct cnc__actor who = {.jid = jid};
    if (cnc__pubsub_may(n->ps, &who, CNC__MAY_SEE, n, NULL) == 0) {
        cnc__account_attach(n, jid);
    } else if (cnc__table_get(n->psubs, jid) != NULL) {
        cnc__psub_end(n, jid);
    }
}

static void
roles_changed(struct cnc__node *n, const char *bare)
{
    char **far_ = NULL;
    size_t n_far = 0, cap = 0;
    cut(n, bare);
    /* Those of another domain are kept by the JID they gave. */
    for (struct cnc__table_iter i = {0};
         cnc__is_far(n->ps, bare) && cnc__table_next(n->psubs, &i);) {
        if (strcmp(i.key, bare) != 0 && cnc__jid_same_bare(i.key, bare)) {
            far_ = cnc__grow(far_, n_far, &cap, sizeof(*far_));
            far_[n_far++] = cnc__strdup(i.key);
        }
    }
    judge_kept(n, bare);
    for (size_t i = 0; i < n_far; i++) {
        judge_kept(n, far_[i]);
        cnc__free(far_[i]);
    }
    cnc__free(far_);
}

void
cnc__pubsub_roles_changed(struct cnc__pubsub *ps, const char *bare)
{
    cnc__pubsub_check(ps);
    for (struct cnc__table_iter i = {0}; cnc__table_next(ps->nodes, &i);) {
        struct cnc__node *n = i.value;
        if ((cnc__node_has_roles(n) || n->gate != NULL) && !n->deleting &&
            !n->hidden) {
            roles_changed(n, bare);
        }
    }
}

void
cnc__node_gate_changed(struct cnc__node *n)
{
    cnc__access_changed(n);
}

void
cnc__node_hide(struct cnc__node *n, bool hidden)
{
    if (n->hidden != hidden) {
        n->hidden = hidden;
        cnc__access_changed(n);
    }
}

bool
cnc__node_hidden(const struct cnc__node *n)
{
    return n->hidden;
}
