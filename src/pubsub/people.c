/* SPDX-License-Identifier: MIT */
/*
 * people.c -- affiliations and subscriptions: what an entity asks about itself
 * (XEP-0060 5.6, 5.7) and what an owner sees and sets (8.8, 8.9).
 */
#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "impl.h"

/* -- one's own ------------------------------------------------------------ */

static void
write_sub(struct cnc__str *out, const char *node, const char *jid, size_t len,
          enum cnc__sub_state state)
{
    cnc__str_puts(out, "<subscription");
    if (node != NULL) {
        cnc__xml_printf(out, " node='%s'", node);
    }
    cnc__xml_printf(out, " jid='%.*s' subscription='%s'/>", (int)len, jid,
                    cnc__sub_state_name(state));
}

static void
write_kept(struct cnc__str *out, const struct cnc__verb *v, const char *jid,
           size_t len)
{
    struct cnc__node *n;
    for (size_t i = 0; (n = cnc__account_node(v->ps, jid, len, i)) != NULL;
         i++) {
        if (n->ps == v->ps && (v->node == NULL || v->node == n)) {
            void *state = cnc__table_getn(n->psubs, jid, len);
            write_sub(out, n->name, jid, len,
                      (enum cnc__sub_state)(uintptr_t)state);
        }
    }
}

int
cnc__verb_subscriptions(struct cnc__verb *v, struct cnc_error *err)
{
    const char *jid = v->actor.jid;
    size_t bare = cnc__jid_bare_len(jid);
    const struct cnc__session *s =
        cnc__router_session_by_jid(v->ps->env.router, jid);
    struct cnc__str xml = CNC__STR;
    cnc__str_puts(&xml, "<pubsub xmlns='" CNC__NS_PUBSUB "'>"
                        "<subscriptions");
    if (v->node != NULL) {
        cnc__str_printf(&xml, " node='%s'", v->node->escaped);
    }
    cnc__str_putc(&xml, '>');
    for (const struct cnc__sub *sub = s == NULL ? NULL : s->subs; sub != NULL;
         sub = sub->next) {
        if (!sub->account && sub->node->ps == v->ps &&
            (v->node == NULL || v->node == sub->node)) {
            write_sub(&xml, sub->node->name, jid,
                      sub->bare ? bare : strlen(jid), CNC__SUBSCRIBED);
        }
    }
    write_kept(&xml, v, jid, bare);
    if (bare < strlen(jid)) {
        write_kept(&xml, v, jid, strlen(jid)); /* of another domain */
    }
    cnc__str_puts(&xml, "</subscriptions></pubsub>");
    cnc__verb_result(v, &xml);
    return 0;
}

int
cnc__verb_affiliations(struct cnc__verb *v, struct cnc_error *err)
{
    struct cnc__str xml = CNC__STR;
    struct cnc__table_iter i = {0};
    cnc__str_puts(&xml, "<pubsub xmlns='" CNC__NS_PUBSUB "'>"
                        "<affiliations");
    if (v->node != NULL) {
        cnc__str_printf(&xml, " node='%s'", v->node->escaped);
    }
    cnc__str_putc(&xml, '>');
    while (cnc__table_next(v->ps->nodes, &i)) {
        const struct cnc__node *n = i.value;
        enum cnc__affiliation a = cnc__node_affiliation(n, v->actor.jid);
        if (a != CNC__NONE && !n->creating && !n->deleting &&
            (v->node == NULL || v->node == n)) {
            cnc__xml_printf(&xml,
                            "<affiliation node='%s'"
                            " affiliation='%s'/>",
                            n->name, cnc__affiliation_name(a));
        }
    }
    cnc__str_puts(&xml, "</affiliations></pubsub>");
    cnc__verb_result(v, &xml);
    return 0;
}

/* -- what the owner sees -------------------------------------------------- */

static int
need_owner(struct cnc__verb *v, struct cnc_error *err)
{
    return cnc__pubsub_may(v->ps, &v->actor, CNC__MAY_CONFIGURE, v->node, err);
}

int
cnc__verb_get_affiliations(struct cnc__verb *v, struct cnc_error *err)
{
    int rc = need_owner(v, err);
    if (rc != 0) {
        return rc;
    }
    struct cnc__str xml = CNC__STR;
    struct cnc__table_iter i = {0};
    cnc__str_printf(&xml,
                    "<pubsub xmlns='" CNC__NS_OWNER "'>"
                    "<affiliations node='%s'>",
                    v->node->escaped);
    if (v->ps->pep) {
        cnc__xml_printf(&xml, "<affiliation jid='%s' affiliation='owner'/>",
                        v->ps->jid);
    }
    while (cnc__table_next(v->node->affs, &i)) {
        cnc__xml_printf(
            &xml, "<affiliation jid='%s' affiliation='%s'/>", i.key,
            cnc__affiliation_name((enum cnc__affiliation)(uintptr_t)i.value));
    }
    cnc__str_puts(&xml, "</affiliations></pubsub>");
    cnc__verb_result(v, &xml);
    return 0;
}

int
cnc__verb_get_subscriptions(struct cnc__verb *v, struct cnc_error *err)
{
    int rc = need_owner(v, err);
    if (rc != 0) {
        return rc;
    }
    const struct cnc__node *n = v->node;
    struct cnc__str xml = CNC__STR;
    struct cnc__table_iter i = {0};
    cnc__str_printf(&xml,
                    "<pubsub xmlns='" CNC__NS_OWNER "'>"
                    "<subscriptions node='%s'>",
                    n->escaped);
    while (cnc__table_next(n->psubs, &i)) {
        write_sub(&xml, NULL, i.key, strlen(i.key),
                  (enum cnc__sub_state)(uintptr_t)i.value);
    }
    for (size_t k = 0; k < n->n_subs; k++) {
        const struct cnc__sub *sub = n->subs[k];
        const struct cnc__session *s = sub->session;
        if (!sub->account) {
            write_sub(&xml, NULL, s->jid,
                      sub->bare ? s->bare_len : strlen(s->jid),
                      CNC__SUBSCRIBED);
        }
    }
    cnc__str_puts(&xml, "</subscriptions></pubsub>");
    cnc__verb_result(v, &xml);
    return 0;
}

/* -- what the owner sets -------------------------------------------------- */

struct one { /* a JID's value before and after */
    char *jid;
    unsigned before, after;
};

struct change {
    struct cnc__txn txn;
    const struct cnc_element *verb; /* in the request, or own */
    struct cnc_element *own;        /* ref; NULL: there is a request */
    struct one *all;
    size_t n;
};

static void
change_release(struct cnc__txn *t)
{
    struct change *c = CNC_CONTAINER(t, struct change, txn);
    for (size_t i = 0; i < c->n; i++) {
        cnc__free(c->all[i].jid);
    }
    cnc__free(c->all);
    cnc_element_unref(&c->own);
    cnc__free(c);
}

static void
set_affiliation(struct cnc__node *n, const char *jid, unsigned value)
{
    if (value == CNC__NONE) {
        cnc__table_del(n->affs, jid);
    } else {
        cnc__table_put(n->affs, jid, (void *)(uintptr_t)value);
    }
}

static void
affiliations_finish(struct cnc__txn *t, const struct cnc_error *err)
{
    struct change *c = CNC_CONTAINER(t, struct change, txn);
    if (err == NULL) {
        cnc__txn_answer(t, NULL, NULL, 0);
        return;
    }
    for (size_t i = c->n; i-- > 0;) {
        set_affiliation(t->node, c->all[i].jid, c->all[i].before);
    }
    cnc__access_changed(t->node);
    cnc__txn_fail(t, err);
}

static void
subscriptions_finish(struct cnc__txn *t, const struct cnc_error *err)
{
    struct change *c = CNC_CONTAINER(t, struct change, txn);
    struct cnc__node *n = t->node;
    for (size_t i = c->n; err != NULL && i-- > 0;) {
        cnc__psub_set(n, c->all[i].jid, (enum cnc__sub_state)c->all[i].before);
    }
    if (err != NULL) {
        cnc__txn_fail(t, err);
    } else {
        cnc__txn_answer(t, NULL, NULL, 0);
    }
    cnc__account_attach(n, NULL);
    struct cnc__str xml = CNC__STR;
    for (size_t i = 0; err == NULL && i < c->n; i++) {
        /* 8.6: who waited is told. */
        struct one *o = &c->all[i];
        cnc__str_clear(&xml);
        write_sub(&xml, n->name, o->jid, strlen(o->jid), CNC__SUBSCRIBED);
        for (size_t k = 0; o->after == CNC__SUBSCRIBED &&
                           o->before != o->after && k < n->n_subs;
             k++) {
            struct cnc__sub *sub = n->subs[k];
            if (cnc__sub_is_of(sub, o->jid)) {
                cnc__notify_one(sub, xml.data, xml.len);
            }
        }
    }
    cnc__str_fini(&xml);
}

/* The jid attribute, prepared, and bare unless full says that one of another
 * domain may be full. */
static int
read_jid(char jid[CNC__JID_MAX + 1], const struct change *c,
         const struct cnc_element *e, bool full, struct cnc_error *err)
{
    const char *s = cnc_element_attr(e, NULL, "jid");
    if (s == NULL || cnc__jid_prepare(jid, s, strlen(s), NULL) != 0 ||
        (cnc__jid_resource(jid) != NULL &&
         !(full && cnc__is_far(c->txn.ps, jid)))) {
        return cnc__ps_error(err, CNC_EINVAL, "not-acceptable", "invalid-jid",
                             "\"%.200s\" is no bare JID", s == NULL ? "" : s);
    }
    return 0;
}

static void
push(struct change *c, const char *jid, unsigned before, unsigned after)
{
    c->all = cnc__realloc(c->all, c->n + 1, sizeof(*c->all));
    c->all[c->n++] = (struct one){cnc__strdup(jid), before, after};
}

static int
read_affiliations(struct change *c, struct cnc_error *err)
{
    char jid[CNC__JID_MAX + 1];
    const struct cnc_element *e;
    for (size_t i = 0; (e = cnc_element_next(c->verb, &i, CNC__NS_OWNER,
                                             "affiliation")) != NULL;) {
        const char *word = cnc_element_attr(e, NULL, "affiliation");
        enum cnc__affiliation a;
        int rc = read_jid(jid, c, e, false, err);
        if (rc == 0 && (word == NULL || cnc__affiliation_parse(&a, word))) {
            rc = cnc__ps_error(err, CNC_EINVAL, "not-acceptable", NULL,
                               "there is no affiliation \"%.40s\"",
                               word == NULL ? "" : word);
        }
        if (rc != 0) {
            return rc;
        }
        push(c, jid, 0, a);
    }
    return 0;
}

/* 8.9.2.4: a node keeps an owner. */
static bool
owner_left(const struct cnc__node *n)
{
    if (n->ps->pep) {
        return true; /* the account itself */
    }
    struct cnc__table_iter i = {0};
    while (cnc__table_next(n->affs, &i)) {
        if ((uintptr_t)i.value == CNC__OWNER) {
            return true;
        }
    }
    return false;
}

static int
affiliations_apply(struct cnc__txn *t, struct cnc_error *err)
{
    struct change *c = CNC_CONTAINER(t, struct change, txn);
    struct cnc__node *n = t->node;
    bool had_owner = owner_left(n);
    int rc = read_affiliations(c, err);
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < c->n; i++) {
        c->all[i].before = cnc__node_kept_affiliation(n, c->all[i].jid);
        set_affiliation(n, c->all[i].jid, c->all[i].after);
    }
    bool too_many = cnc__table_len(n->affs) > CNC__MAX_JIDS;
    if (too_many || (had_owner && !owner_left(n))) {
        for (size_t i = c->n; i-- > 0;) {
            set_affiliation(n, c->all[i].jid, c->all[i].before);
        }
        return cnc__ps_error(err, CNC_EINVAL, "not-acceptable", NULL,
                             too_many ? "the node has too many affiliations"
                                      : "the node would have no owner");
    }
    cnc__access_changed(n);
    return 0;
}

static int
start(struct cnc__verb *v,
      void (*finish)(struct cnc__txn *, const struct cnc_error *),
      int (*apply)(struct cnc__txn *, struct cnc_error *),
      void (*write)(struct cnc__txn *, struct cnc__txn *),
      struct cnc_error *err)
{
    int rc = need_owner(v, err);
    if (rc != 0) {
        return rc;
    }
    struct change *c = cnc__zalloc(sizeof(*c));
    cnc__txn_init(&c->txn, v->node, finish, change_release);
    c->verb = v->verb;
    c->txn.write = write;
    cnc__verb_hand_over(v, &c->txn);
    cnc__txn_change(&c->txn, apply);
    return 0;
}

int
cnc__verb_set_affiliations(struct cnc__verb *v, struct cnc_error *err)
{
    return start(v, affiliations_finish, affiliations_apply, NULL, err);
}

void
cnc__node_affiliate(struct cnc__node *n, const char *jid,
                    const char *affiliation, cnc__done_f *done, void *priv)
{
    struct change *c = cnc__zalloc(sizeof(*c));
    struct cnc__str xml = CNC__STR;

    cnc__xml_printf(&xml,
                    "<affiliations xmlns='" CNC__NS_OWNER "'>"
                    "<affiliation jid='%s' affiliation='%s'/></affiliations>",
                    jid, affiliation);
    CNC_CHECK(cnc_xml_parse(&c->own, xml.data, xml.len, 0, NULL, NULL) == 0);
    cnc__str_fini(&xml);
    c->verb = c->own;
    cnc__txn_init(&c->txn, n, affiliations_finish, change_release);
    c->txn.done = done;
    c->txn.done_priv = priv;
    cnc__txn_change(&c->txn, affiliations_apply);
}

static int
read_subscriptions(struct change *c, struct cnc_error *err)
{
    char jid[CNC__JID_MAX + 1];
    const struct cnc_element *e;
    for (size_t i = 0; (e = cnc_element_next(c->verb, &i, CNC__NS_OWNER,
                                             "subscription")) != NULL;) {
        const char *word = cnc_element_attr(e, NULL, "subscription");
        int rc = read_jid(jid, c, e, true, err);
        if (rc != 0) {
            return rc;
        }
        unsigned after = 0;
        if (word != NULL && strcmp(word, "subscribed") == 0) {
            after = CNC__SUBSCRIBED;
        } else if (word != NULL && strcmp(word, "pending") == 0) {
            after = CNC__PENDING;
        } else if (word == NULL || strcmp(word, "none") != 0) {
            return cnc__ps_error(err, CNC_EINVAL, "not-acceptable", NULL,
                                 "there is no subscription state \"%.40s\"",
                                 word == NULL ? "" : word);
        }
        push(c, jid, 0, after);
    }
    return 0;
}

static int
subscriptions_apply(struct cnc__txn *t, struct cnc_error *err)
{
    struct change *c = CNC_CONTAINER(t, struct change, txn);
    struct cnc__node *n = t->node;
    int rc = read_subscriptions(c, err);
    if (rc != 0) {
        return rc;
    }
    if (cnc__table_len(n->psubs) + c->n > CNC__MAX_JIDS) {
        return cnc__ps_error(err, CNC_ELIMIT, "policy-violation",
                             "too-many-subscriptions",
                             "the node has too many subscribers");
    }
    for (size_t i = 0; i < c->n; i++) {
        struct one *o = &c->all[i];
        o->before = (unsigned)(uintptr_t)cnc__table_get(n->psubs, o->jid);
        if (o->before == 0 && o->after != 0 &&
            (rc = cnc__far_room(n, o->jid, err)) != 0) {
            while (i-- > 0) {
                o = &c->all[i];
                cnc__psub_set(n, o->jid, (enum cnc__sub_state)o->before);
            }
            cnc__account_attach(n, NULL);
            return rc;
        }
        cnc__psub_set(n, o->jid, (enum cnc__sub_state)o->after);
        if (o->after == 0) { /* a session's own, too */
            cnc__cut_sessions(n, o->jid);
        }
    }
    return 0;
}

static void
subscriptions_write(struct cnc__txn *t, struct cnc__txn *to)
{
    struct change *c = CNC_CONTAINER(t, struct change, txn);

    for (size_t i = 0; i < c->n; i++) {
        cnc__psub_write(to, c->all[i].jid);
    }
}

int
cnc__verb_set_subscriptions(struct cnc__verb *v, struct cnc_error *err)
{
    return start(v, subscriptions_finish, subscriptions_apply,
                 subscriptions_write, err);
}
