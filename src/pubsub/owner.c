/* SPDX-License-Identifier: MIT */
/*
 * owner.c -- making and configuring nodes (XEP-0060 8.1 - 8.3).
 */
#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "impl.h"

/* -- create --------------------------------------------------------------- */

static void
create_finish(struct cnc__txn *t, const struct cnc_error *err)
{
    struct cnc__node *n = t->node;
    struct cnc__pubsub *ps = t->ps;
    if (err != NULL) {
        cnc__txn_fail(t, err);
        if (n->creating) { /* else the app has declared it since */
            cnc__node_remove(n);
        }
        return;
    }
    n->creating = false;
    struct cnc__str xml = CNC__STR;
    cnc__str_printf(&xml,
                    "<pubsub xmlns='" CNC__NS_PUBSUB "'>"
                    "<create node='%s'/></pubsub>",
                    n->escaped);
    cnc__txn_answer(t, NULL, xml.data, xml.len);
    cnc__str_fini(&xml);
    if (ps->env.after != NULL) {
        ps->env.after(CNC__EV_CREATE, n, NULL, ps->env.priv);
    }
}

static void
plain_release(struct cnc__txn *t)
{
    cnc__free(t);
}

static int
check_name(struct cnc__pubsub *ps, const char *name, struct cnc_error *err)
{
    int rc = cnc__node_name_valid(name, err);
    if (rc == 0) {
        rc = cnc__pep_room(ps, 1, 0, err);
    }
    if (rc == 0 && !ps->pep && strncmp(name, "view:", 5) == 0) {
        rc = cnc__ps_error(err, CNC_EACCES, "not-allowed", NULL,
                           "views are made by the service");
    }
    if (rc == 0 && cnc__table_get(ps->nodes, name) != NULL) {
        rc = cnc__ps_error(err, CNC_EEXIST, "conflict", NULL,
                           "the node %s exists already", name);
    }
    return rc;
}

static void
config_default(const struct cnc__pubsub *ps, struct cnc__node_config *cfg)
{
    if (ps->pep) {
        cnc__pep_config_default(cfg);
    } else {
        cnc__node_config_default(cfg);
    }
}

int
cnc__verb_create(struct cnc__verb *v, struct cnc_error *err)
{
    char instant[33];
    const char *name = v->node_name;
    int rc = cnc__pubsub_may(v->ps, &v->actor, CNC__MAY_CREATE, NULL, err);
    if (rc != 0) {
        return rc;
    }
    if (name == NULL || *name == '\0') {
        cnc__random_hex(instant, 16);
        name = instant;
    }
    struct cnc__node_config cfg;
    config_default(v->ps, &cfg);
    const struct cnc_element *x = cnc_element_child(
        cnc_element_child(v->pubsub, CNC__NS_PUBSUB, "configure"),
        "jabber:x:data", "x");
    rc = check_name(v->ps, name, err);
    if (rc == 0 && x != NULL) {
        rc = cnc__config_submit(&cfg, x, err);
    }
    if (rc == 0) {
        struct cnc__node *n = cnc__node_new(v->ps, name, &cfg);
        size_t len = cnc__jid_bare_len(v->actor.jid);
        char *owner = cnc__strndup(v->actor.jid, len);
        if (!cnc__is_owner(v->ps, owner)) {
            cnc__table_put(n->affs, owner, (void *)(uintptr_t)CNC__OWNER);
        }
        cnc__free(owner);
        n->creating = true;
        cnc__table_put(v->ps->nodes, name, n);
        struct cnc__txn *t = cnc__zalloc(sizeof(*t));
        cnc__txn_init(t, n, create_finish, plain_release);
        cnc__txn_op_node(t);
        cnc__verb_hand_over(v, t);
        cnc__txn_submit(t);
    }
    cnc__node_config_fini(&cfg);
    return rc;
}

/* -- configure ------------------------------------------------------------ */

struct configure {
    struct cnc__txn txn;
    const struct cnc_element *form; /* in the request */
    struct cnc__node_config before;
};

/* Access that is withdrawn is withdrawn now, not when the store has it. */
static int
configure_apply(struct cnc__txn *t, struct cnc_error *err)
{
    struct configure *c = CNC_CONTAINER(t, struct configure, txn);
    struct cnc__node *n = t->node;
    struct cnc__node_config cfg;
    cnc__node_config_copy(&cfg, &n->cfg);
    int rc = cnc__config_submit(&cfg, c->form, err);
    if (rc != 0) {
        cnc__node_config_fini(&cfg);
        return rc;
    }
    c->before = n->cfg;
    n->cfg = cfg;
    cnc__access_changed(n);
    return 0;
}

static void
configure_finish(struct cnc__txn *t, const struct cnc_error *err)
{
    struct configure *c = CNC_CONTAINER(t, struct configure, txn);
    struct cnc__node *n = t->node;
    struct cnc__pubsub *ps = t->ps;
    if (err != NULL) {
        struct cnc__node_config failed = n->cfg;
        n->cfg = c->before;
        c->before = failed;
        cnc__access_changed(n);
        cnc__txn_fail(t, err);
        return;
    }
    cnc__txn_answer(t, NULL, NULL, 0);
    if (n->cfg.notify_config) {
        struct cnc__str xml = CNC__STR;
        cnc__str_printf(&xml, "<configuration node='%s'>", n->escaped);
        if (n->cfg.deliver_payloads) {
            cnc__config_form(&xml, &n->cfg, "result");
        }
        cnc__str_puts(&xml, "</configuration>");
        cnc__notify_all(n, xml.data, xml.len);
        cnc__str_fini(&xml);
    }
    if (ps->env.after != NULL) {
        ps->env.after(CNC__EV_CONFIGURE, n, NULL, ps->env.priv);
    }
    cnc__node_evict(n);
}

static void
configure_release(struct cnc__txn *t)
{
    struct configure *c = CNC_CONTAINER(t, struct configure, txn);
    cnc__node_config_fini(&c->before);
    cnc__free(c);
}

static int
need_owner(struct cnc__verb *v, struct cnc_error *err)
{
    return cnc__pubsub_may(v->ps, &v->actor, CNC__MAY_CONFIGURE, v->node, err);
}

int
cnc__verb_set_config(struct cnc__verb *v, struct cnc_error *err)
{
    struct cnc__node *n = v->node;
    int rc = need_owner(v, err);
    if (rc != 0) {
        return rc;
    }
    const struct cnc_element *x =
        cnc_element_child(v->verb, "jabber:x:data", "x");
    const char *type = x == NULL ? NULL : cnc_element_attr(x, NULL, "type");
    if (type != NULL && strcmp(type, "cancel") == 0) {
        cnc__verb_result(v, NULL); /* 8.2.4: all stays as it is */
        return 0;
    }
    struct configure *c = cnc__zalloc(sizeof(*c));
    cnc__txn_init(&c->txn, n, configure_finish, configure_release);
    c->form = x;
    cnc__verb_hand_over(v, &c->txn);
    cnc__txn_change(&c->txn, configure_apply);
    return 0;
}

static void
answer_form(struct cnc__verb *v, const char *verb,
            const struct cnc__node_config *cfg)
{
    struct cnc__str xml = CNC__STR;
    cnc__str_printf(&xml, "<pubsub xmlns='" CNC__NS_OWNER "'><%s", verb);
    if (v->node != NULL) {
        cnc__str_printf(&xml, " node='%s'", v->node->escaped);
    }
    cnc__str_putc(&xml, '>');
    cnc__config_form(&xml, cfg, "form");
    cnc__str_printf(&xml, "</%s></pubsub>", verb);
    cnc__verb_result(v, &xml);
}

int
cnc__verb_get_config(struct cnc__verb *v, struct cnc_error *err)
{
    int rc = need_owner(v, err);
    if (rc == 0) {
        answer_form(v, "configure", &v->node->cfg);
    }
    return rc;
}

int
cnc__verb_default(struct cnc__verb *v, struct cnc_error *err)
{
    struct cnc__node_config cfg;
    config_default(v->ps, &cfg);
    answer_form(v, "default", &cfg);
    cnc__node_config_fini(&cfg);
    return 0;
}
