/* SPDX-License-Identifier: MIT */
/*
 * subscribe.c -- who is notified.
 *
 * A subscription of a full JID lives with its session.  One of a bare JID is
 * kept with the node (psubs) and attaches each session of the account to the
 * node when it begins, so that fan-out only ever sees sessions.  Those of
 * other domains are all kept: far.c.  Adding and removing is O(1): a
 * subscription knows its place in the node's array.
 */
#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "impl.h"

struct cnc__account { /* a JID with kept subscriptions */
    struct cnc__node **nodes;
    size_t n, cap;
};

const char *
cnc__sub_state_name(enum cnc__sub_state s)
{
    return s == CNC__SUBSCRIBED ? "subscribed"
           : s == CNC__PENDING  ? "pending"
                                : "none";
}

/* -- sessions ------------------------------------------------------------- */

struct cnc__sub *
cnc__sub_find(const struct cnc__session *s, const struct cnc__node *n,
              bool bare)
{
    for (struct cnc__sub *sub = s->subs; sub != NULL; sub = sub->next) {
        if (sub->node == n && sub->bare == bare) {
            return sub;
        }
    }
    return NULL;
}

struct cnc__sub *
cnc__sub_add(struct cnc__node *n, struct cnc__session *s, bool bare,
             bool account)
{
    struct cnc__str to = CNC__STR;
    cnc__xml_escape(&to, s->jid, bare ? s->bare_len : strlen(s->jid));
    cnc__str_puts(&to, "'>");
    struct cnc__sub *sub = cnc__zalloc(sizeof(*sub) + to.len + 1);
    memcpy(sub->to, to.data, to.len);
    sub->to_len = to.len;
    cnc__str_fini(&to);
    sub->node = n;
    sub->session = s;
    sub->bare = bare;
    sub->account = account;
    sub->reads = cnc__sub_wants_body(sub);
    n->n_reading += sub->reads;
    n->subs = cnc__grow(n->subs, n->n_subs, &n->cap_subs, sizeof(*n->subs));
    sub->at = n->n_subs;
    n->subs[n->n_subs++] = sub;
    sub->next = s->subs;
    if (sub->next != NULL) {
        sub->next->prev = sub;
    }
    s->subs = sub;
    n->ps->root->stats.subscriptions += !account;
    return sub;
}

void
cnc__sub_del(struct cnc__sub *sub)
{
    struct cnc__node *n = sub->node;
    struct cnc__sub *last = n->subs[--n->n_subs];
    n->n_reading -= sub->reads;
    n->subs[sub->at] = last;
    last->at = sub->at;
    if (sub->prev != NULL) {
        sub->prev->next = sub->next;
    } else {
        sub->session->subs = sub->next;
    }
    if (sub->next != NULL) {
        sub->next->prev = sub->prev;
    }
    n->ps->root->stats.subscriptions -= !sub->account;
    if (sub->session->far_) {
        cnc__router_far_unref(&sub->session);
    }
    cnc__free(sub);
}

void
cnc__session_ended(struct cnc__session *s, void *priv)
{
    while (s->subs != NULL) {
        cnc__sub_del(s->subs);
    }
}

/* -- accounts ------------------------------------------------------------- */

static void
attach(struct cnc__node *n, struct cnc__session *s)
{
    struct cnc__actor who = cnc__session_actor(s);
    void *state = cnc__table_getn(n->psubs, s->jid, s->bare_len);
    if ((uintptr_t)state == CNC__SUBSCRIBED &&
        cnc__sub_find(s, n, true) == NULL &&
        cnc__pubsub_may(n->ps, &who, CNC__MAY_SEE, n, NULL) == 0) {
        cnc__sub_add(n, s, true, true);
    }
}

void
cnc__session_began(struct cnc__session *s, void *priv)
{
    struct cnc__pubsub *ps = priv;
    const struct cnc__account *a =
        cnc__table_getn(ps->root->accounts, s->jid, s->bare_len);
    for (size_t i = 0; a != NULL && i < a->n; i++) {
        attach(a->nodes[i], s);
    }
}

static bool
is_of(const struct cnc__session *s, const char *bare)
{
    return strlen(bare) == s->bare_len &&
           memcmp(bare, s->jid, s->bare_len) == 0;
}

static void
attach_all(struct cnc__node *n)
{
    size_t i = 0;
    struct cnc__session *s;
    if (cnc__table_len(n->psubs) == 0) {
        return;
    }
    cnc__far_attach_all(n);
    while ((s = cnc__router_next_session(n->ps->env.router, &i)) != NULL) {
        attach(n, s);
    }
}

void
cnc__account_attach(struct cnc__node *n, const char *jid)
{
    if (jid == NULL) {
        attach_all(n);
        return;
    }
    if (cnc__is_far(n->ps, jid)) {
        cnc__far_attach(n, jid);
        return;
    }
    for (struct cnc__session *s =
             cnc__router_sessions_of(n->ps->env.router, jid, strlen(jid));
         s != NULL; s = s->next_same) {
        attach(n, s);
    }
}

bool
cnc__sub_is_of(const struct cnc__sub *sub, const char *jid)
{
    return sub->account &&
           (sub->session->far_ ? strcmp(sub->session->jid, jid) == 0
                               : is_of(sub->session, jid));
}

void
cnc__account_detach(struct cnc__node *n, const char *jid)
{
    if (cnc__is_far(n->ps, jid)) {
        struct cnc__sub *sub = cnc__far_sub(n, jid);
        if (sub != NULL) {
            cnc__sub_del(sub);
        }
        return;
    }
    for (size_t i = n->n_subs; i-- > 0;) {
        if (cnc__sub_is_of(n->subs[i], jid)) {
            cnc__sub_del(n->subs[i]);
        }
    }
}

void
cnc__cut_sessions(struct cnc__node *n, const char *jid)
{
    for (size_t i = n->n_subs; i-- > 0;) {
        if (!n->subs[i]->session->far_ && is_of(n->subs[i]->session, jid)) {
            cnc__sub_del(n->subs[i]);
        }
    }
}

void
cnc__account_add(struct cnc__pubsub *ps, const char *jid, struct cnc__node *n)
{
    struct cnc__account *a = cnc__table_get(ps->root->accounts, jid);
    if (a == NULL) {
        a = cnc__zalloc(sizeof(*a));
        cnc__table_put(ps->root->accounts, jid, a);
    }
    a->nodes = cnc__grow(a->nodes, a->n, &a->cap, sizeof(*a->nodes));
    a->nodes[a->n++] = n;
}

static void
free_account(void *value)
{
    struct cnc__account *a = value;
    cnc__free(a->nodes);
    cnc__free(a);
}

void
cnc__account_del(struct cnc__pubsub *ps, const char *jid, struct cnc__node *n)
{
    struct cnc__account *a = cnc__table_get(ps->root->accounts, jid);
    for (size_t i = 0; a != NULL && i < a->n; i++) {
        if (a->nodes[i] == n) {
            a->nodes[i] = a->nodes[--a->n];
            break;
        }
    }
    if (a != NULL && a->n == 0) {
        cnc__table_del(ps->root->accounts, jid);
        free_account(a);
    }
}

void
cnc__accounts_free(struct cnc__pubsub *ps)
{
    cnc__table_free(&ps->root->accounts, free_account);
}

struct cnc__node *
cnc__account_node(struct cnc__pubsub *ps, const char *bare, size_t len,
                  size_t i)
{
    const struct cnc__account *a =
        cnc__table_getn(ps->root->accounts, bare, len);
    return a != NULL && i < a->n ? a->nodes[i] : NULL;
}

void
cnc__psub_set(struct cnc__node *n, const char *jid, enum cnc__sub_state state)
{
    void *before =
        state == 0 ? cnc__table_del(n->psubs, jid)
                   : cnc__table_put(n->psubs, jid, (void *)(uintptr_t)state);
    if (before == NULL && state != 0) {
        cnc__account_add(n->ps, jid, n);
        cnc__far_count(n, jid, 1);
        n->ps->root->stats.subscriptions++;
    } else if (before != NULL && state == 0) {
        cnc__account_del(n->ps, jid, n);
        cnc__far_count(n, jid, -1);
        n->ps->root->stats.subscriptions--;
    }
    if (state != CNC__SUBSCRIBED) {
        cnc__account_detach(n, jid);
    }
}

static enum cnc__sub_state
kept(const struct cnc__node *n, const char *jid)
{
    return (enum cnc__sub_state)(uintptr_t)cnc__table_get(n->psubs, jid);
}

/* -- a kept subscription changes ------------------------------------------ */

struct change {
    struct cnc__txn txn;
    char *jid, *asker; /* asker: full JID, for the last item; or NULL */
    enum cnc__sub_state before, after;
};

static void
write_subscription(struct cnc__str *out, const struct cnc__node *n,
                   const char *jid, size_t len, enum cnc__sub_state state)
{
    cnc__xml_printf(out,
                    "<subscription node='%s' jid='%.*s'"
                    " subscription='%s'/>",
                    n->name, (int)len, jid, cnc__sub_state_name(state));
}

static void
answer_subscribed(struct cnc__txn *t, const char *jid,
                  enum cnc__sub_state state)
{
    struct cnc__str xml = CNC__STR;
    cnc__str_puts(&xml, "<pubsub xmlns='" CNC__NS_PUBSUB "'>");
    write_subscription(&xml, t->node, jid, strlen(jid), state);
    cnc__str_puts(&xml, "</pubsub>");
    cnc__txn_answer(t, NULL, xml.data, xml.len);
    cnc__str_fini(&xml);
}

static void
change_finish(struct cnc__txn *t, const struct cnc_error *err)
{
    struct change *c = CNC_CONTAINER(t, struct change, txn);
    struct cnc__node *n = t->node;
    if (err != NULL) {
        cnc__psub_set(n, c->jid, c->before);
        cnc__account_attach(n, c->jid);
        cnc__txn_fail(t, err);
        return;
    }
    if (c->after == 0) {
        cnc__txn_answer(t, NULL, NULL, 0);
        return;
    }
    answer_subscribed(t, c->jid, c->after);
    cnc__account_attach(n, c->jid);
    struct cnc__session *s =
        cnc__router_session_by_jid(t->ps->env.router, c->asker);
    struct cnc__sub *sub = cnc__is_far(t->ps, c->jid) ? cnc__far_sub(n, c->jid)
                           : s == NULL                ? NULL
                                       : cnc__sub_find(s, n, true);
    if (sub != NULL) {
        cnc__notify_last(sub);
    }
}

static void
change_release(struct cnc__txn *t)
{
    struct change *c = CNC_CONTAINER(t, struct change, txn);
    cnc__free(c->jid);
    cnc__free(c->asker);
    cnc__free(c);
}

void
cnc__psub_write(struct cnc__txn *to, const char *jid)
{
    struct cnc__node *n = to->node;
    enum cnc__sub_state state = kept(n, jid);
    struct cnc_store_op *op = cnc__txn_op(
        to, state == 0 ? CNC_STORE_DEL : CNC_STORE_PUT, CNC_STORE_ITEM);

    op->entry.node = cnc__node_people(n);
    op->entry.id = jid;
    op->entry.value = cnc__sub_state_name(state);
    op->entry.len = strlen(op->entry.value);
}

/* The table's own keys may go before the store has read them. */
void
cnc__psubs_write(struct cnc__txn *to)
{
    for (struct cnc__table_iter i = {0};
         cnc__table_next(to->node->psubs, &i);) {
        to->jids =
            cnc__grow(to->jids, to->n_jids, &to->cap_jids, sizeof(*to->jids));
        to->jids[to->n_jids] = cnc__strdup(i.key);
        cnc__psub_write(to, to->jids[to->n_jids++]);
    }
}

static void
change_write(struct cnc__txn *t, struct cnc__txn *to)
{
    cnc__psub_write(to, CNC_CONTAINER(t, struct change, txn)->jid);
}

static int
change_apply(struct cnc__txn *t, struct cnc_error *err)
{
    struct change *c = CNC_CONTAINER(t, struct change, txn);
    struct cnc__node *n = t->node;
    if (cnc__table_len(n->psubs) >= CNC__MAX_JIDS && c->after != 0) {
        return cnc__ps_error(err, CNC_ELIMIT, "policy-violation",
                             "too-many-subscriptions",
                             "the node has too many subscribers");
    }
    c->before = kept(n, c->jid);
    if (c->before == 0 && c->after != 0) {
        int rc = cnc__far_room(n, c->jid, err);
        if (rc != 0) {
            return rc;
        }
    }
    cnc__psub_set(n, c->jid, c->after);
    return 0;
}

static struct change *
change_new(struct cnc__node *n, const char *jid, enum cnc__sub_state after)
{
    struct change *c = cnc__zalloc(sizeof(*c));
    cnc__txn_init(&c->txn, n, change_finish, change_release);
    c->jid = cnc__strdup(jid);
    c->after = after;
    c->txn.write = change_write;
    return c;
}

static void
change_kept(struct cnc__verb *v, const char *jid, enum cnc__sub_state after)
{
    struct change *c = change_new(v->node, jid, after);
    c->asker = cnc__strdup(v->request->from);
    cnc__far_forgive(v->ps, jid);
    cnc__verb_hand_over(v, &c->txn);
    cnc__txn_change(&c->txn, change_apply);
}

void
cnc__psub_end(struct cnc__node *n, const char *jid)
{
    cnc__txn_change(&change_new(n, jid, 0)->txn, change_apply);
}

void
cnc__subs_end(struct cnc__pubsub *ps, const char *jid)
{
    size_t len = strlen(jid), n = 0;
    struct cnc__node *node;
    while (cnc__account_node(ps, jid, len, n) != NULL) {
        n++;
    }
    /* From the last one: what is taken out moves the last into its place. */
    while (n-- > 0) {
        node = cnc__account_node(ps, jid, len, n);
        if (node != NULL) {
            cnc__psub_end(node, jid);
        }
    }
}

/* -- verbs (XEP-0060 6.1, 6.2) -------------------------------------------- */

/* The JID in the verb, prepared; it must be the asker's own. */
static int
own_jid(char jid[CNC__JID_MAX + 1], const struct cnc__verb *v,
        const char *condition, const char *specific, struct cnc_error *err)
{
    const char *s = cnc_element_attr(v->verb, NULL, "jid");
    if (s == NULL || *s == '\0') {
        return cnc__ps_error(err, CNC_EINVAL, "bad-request", "jid-required",
                             "the subscriber's JID is needed");
    }
    if (cnc__jid_prepare(jid, s, strlen(s), NULL) != 0) {
        return cnc__ps_error(err, CNC_EINVAL, "bad-request", "invalid-jid",
                             "the subscriber's JID is malformed");
    }
    if (!cnc__jid_same_bare(jid, v->request->from)) {
        return cnc__ps_error(err, CNC_EACCES, condition, specific,
                             "that is somebody else's JID");
    }
    return 0;
}

/* Asked for by another domain; its resources are not ours to know, so one
 * subscribes itself alone or its account. */
static int
subscribe_far(struct cnc__verb *v, const char *jid, struct cnc_error *err)
{
    if (cnc__jid_resource(jid) != NULL && strcmp(jid, v->request->from) != 0) {
        return cnc__ps_error(err, CNC_EINVAL, "bad-request", "invalid-jid",
                             "that is another resource's JID");
    }
    change_kept(v, jid, CNC__SUBSCRIBED);
    return 0;
}

static size_t
count_subs(const struct cnc__session *s)
{
    size_t n = 0;
    for (const struct cnc__sub *sub = s->subs; sub != NULL; sub = sub->next) {
        n++;
    }
    return n;
}

/* A session's own; also the bare JID of a guest, whose account ends with the
 * session. */
static int
subscribe_session(struct cnc__verb *v, const char *jid, bool bare,
                  struct cnc_error *err)
{
    struct cnc__session *s = cnc__router_session_by_jid(
        v->ps->env.router, bare ? v->request->from : jid);
    if (s == NULL) {
        return cnc__ps_error(err, CNC_EINVAL, "bad-request", "invalid-jid",
                             "there is no session with that JID");
    }
    struct cnc__sub *sub = cnc__sub_find(s, v->node, bare);
    if (sub == NULL && count_subs(s) >= CNC__MAX_SUBS) {
        return cnc__ps_error(
            err, CNC_ELIMIT, "policy-violation", "too-many-subscriptions",
            "a session has at most %d subscriptions", CNC__MAX_SUBS);
    }
    struct cnc__str xml = CNC__STR;
    cnc__str_puts(&xml, "<pubsub xmlns='" CNC__NS_PUBSUB "'>");
    write_subscription(&xml, v->node, jid, strlen(jid), CNC__SUBSCRIBED);
    cnc__str_puts(&xml, "</pubsub>");
    cnc__verb_result(v, &xml);
    if (sub == NULL) {
        sub = cnc__sub_add(v->node, s, bare, false);
    }
    cnc__notify_last(sub);
    return 0;
}

int
cnc__verb_subscribe(struct cnc__verb *v, struct cnc_error *err)
{
    char jid[CNC__JID_MAX + 1];
    int rc = own_jid(jid, v, "bad-request", "invalid-jid", err);
    if (rc != 0) {
        return rc;
    }
    if (cnc_element_child(v->pubsub, CNC__NS_PUBSUB, "options") != NULL) {
        return cnc__ps_unsupported(err,
                                   CNC__UNSUPPORTED("subscription-options"));
    }
    struct cnc__node *n = v->node;
    bool bare = cnc__jid_resource(jid) == NULL;
    bool far_ = cnc__is_far(v->ps, v->request->from);
    bool account = (bare && !v->actor.anonymous) || far_;
    rc = cnc__pubsub_may(v->ps, &v->actor, CNC__MAY_SEE, n, err);
    if (rc != 0) {
        /* 6.1.3.2 and 8.6: on an authorizing node, who is nobody yet waits
         * for the owner's word. */
        bool wait = account && n->cfg.access == CNC__ACCESS_AUTHORIZE &&
                    kept(n, jid) == 0 &&
                    cnc__node_affiliation(n, jid) == CNC__NONE;
        if (wait) {
            change_kept(v, jid, CNC__PENDING);
        }
        return wait ? 0 : rc;
    }
    if (far_) {
        return subscribe_far(v, jid, err);
    }
    if (!account) {
        return subscribe_session(v, jid, bare, err);
    }
    change_kept(v, jid, CNC__SUBSCRIBED);
    return 0;
}

int
cnc__verb_unsubscribe(struct cnc__verb *v, struct cnc_error *err)
{
    char jid[CNC__JID_MAX + 1];
    int rc = own_jid(jid, v, "forbidden", NULL, err);
    if (rc != 0) {
        return rc;
    }
    if (cnc_element_attr(v->verb, NULL, "subid") != NULL) {
        return cnc__ps_error(err, CNC_EINVAL, "not-acceptable",
                             "invalid-subid", "subscriptions have no ids");
    }
    bool bare = cnc__jid_resource(jid) == NULL;
    if (kept(v->node, jid) != 0) {
        change_kept(v, jid, 0);
        return 0;
    }
    struct cnc__session *s = cnc__router_session_by_jid(
        v->ps->env.router, bare ? v->request->from : jid);
    struct cnc__sub *sub = s == NULL ? NULL : cnc__sub_find(s, v->node, bare);
    if (sub == NULL) {
        return cnc__ps_error(err, CNC_ENOENT, "unexpected-request",
                             "not-subscribed", "%s is not subscribed", jid);
    }
    cnc__sub_del(sub);
    cnc__verb_result(v, NULL);
    return 0;
}
