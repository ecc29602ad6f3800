/* SPDX-License-Identifier: MIT */
/*
 * disco.c -- service discovery of the domain (XEP-0030).
 */
#include "../xml/write.h"
#include "router-priv.h"
#include "stream.h"

/* Service discovery, XEP-0030: what the handlers and providers make known. */

#define NS_INFO  "http://jabber.org/protocol/disco#info"
#define NS_ITEMS "http://jabber.org/protocol/disco#items"

/* The values of a feature: it is there whatever handlers there are, or because
 * of one. */
static char present, handled;

void
cnc__router_feature(struct cnc__router *r, const char *feature)
{
    cnc__table_put(r->features, feature, &present);
}

void
cnc__router_handled(struct cnc__router *r, const char *feature)
{
    if (cnc__table_get(r->features, feature) == NULL) {
        cnc__table_put(r->features, feature, &handled);
    }
}

void
cnc__router_unfeature(struct cnc__router *r, const char *feature)
{
    if (cnc__table_get(r->features, feature) == &handled) {
        cnc__table_del(r->features, feature);
    }
}

void
cnc__router_identity(struct cnc__router *r, const char *category,
                     const char *type, const char *name)
{
    struct cnc__identity *i = cnc__zalloc(sizeof(*i));
    struct cnc__identity **end = &r->identities;

    i->category = cnc__strdup(category);
    i->type = cnc__strdup(type);
    i->name = cnc__strdup(name);
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = i;
}

void
cnc__router_disco(struct cnc__router *r, cnc__disco_f *f, void *priv)
{
    struct cnc__provider *p = cnc__zalloc(sizeof(*p));
    struct cnc__provider **end = &r->providers;

    *p = (struct cnc__provider){f, priv, NULL};
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = p;
}

static void
add_identity(struct cnc__str *out, const char *category, const char *type,
             const char *name)
{
    cnc__xml_printf(out, "<identity category='%s' type='%s'", category, type);
    if (name != NULL) {
        cnc__xml_printf(out, " name='%s'", name);
    }
    cnc__str_puts(out, "/>");
}

static void
add_feature(struct cnc__str *out, const char *feature)
{
    cnc__xml_printf(out, "<feature var='%s'/>", feature);
}

static void
domain_info(struct cnc__str *out, const struct cnc__router *r)
{
    struct cnc__table_iter it = {0};

    if (r->identities == NULL) {
        add_identity(out, "server", "im", "Concordance");
    }
    for (const struct cnc__identity *i = r->identities; i != NULL;
         i = i->next) {
        add_identity(out, i->category, i->type, i->name);
    }
    while (cnc__table_next(r->features, &it)) {
        add_feature(out, it.key);
    }
}

/* The asker's own account; XEP-0030 section 3.1 by way of RFC 6120 10.3.3. */
static void
account_info(struct cnc__str *out, const struct cnc__request *q)
{
    add_identity(out, "account", q->anonymous ? "anonymous" : "registered",
                 NULL);
    add_feature(out, NS_INFO);
    add_feature(out, NS_ITEMS);
}

/* Providers say what an account has for this asker; one who is not its owner
 * and is told nothing hears what he would if there were none. */
static int
fill_account(struct cnc__str *out, bool items, const char *node,
             const struct cnc__request *q)
{
    int rc = node == NULL && q->own ? 0 : CNC_ENOENT;

    if (node == NULL && !items && q->own) {
        account_info(out, q);
    }
    for (const struct cnc__provider *p = q->router->providers; p != NULL;
         p = p->next) {
        if (p->f(out, items, node, q, p->priv) == 0) {
            rc = 0;
        }
    }
    return rc;
}

/* 0, or CNC_ENOENT: nobody knows the node. */
static int
fill(struct cnc__str *out, bool items, const char *node,
     const struct cnc__request *q)
{
    const struct cnc__router *r = q->router;
    int rc = node == NULL ? 0 : CNC_ENOENT;

    if (strcmp(q->to, r->domain) != 0) {
        return fill_account(out, items, node, q);
    }
    if (node == NULL && !items) {
        domain_info(out, r);
    }
    for (const struct cnc__provider *p = r->providers; p != NULL;
         p = p->next) {
        if (p->f(out, items, node, q, p->priv) == 0 && node != NULL) {
            return 0;
        }
    }
    return rc;
}

static void
answer(struct cnc__request *q, bool items)
{
    const char *node = cnc_element_attr(q->payload, NULL, "node");
    struct cnc__str out = CNC__STR;

    if (node != NULL && node[0] == '\0') {
        node = NULL;
    }
    cnc__xml_printf(&out, "<query xmlns='%s'", items ? NS_ITEMS : NS_INFO);
    if (node != NULL) {
        cnc__xml_printf(&out, " node='%s'", node);
    }
    cnc__str_putc(&out, '>');
    if (fill(&out, items, node, q) == 0) {
        cnc__str_puts(&out, "</query>");
        cnc__request_result(&q, out.data, out.len);
    } else if (!q->own && strcmp(q->to, q->router->domain) != 0) {
        cnc__request_refuse(&q, CNC_ENOENT, "service-unavailable",
                            "nobody here answers that");
    } else {
        cnc__request_refuse(&q, CNC_ENOENT, "item-not-found",
                            "there is no node %s", node);
    }
    cnc__str_fini(&out);
}

static void
on_info(struct cnc__request *q, void *priv)
{
    answer(q, false);
}

static void
on_items(struct cnc__request *q, void *priv)
{
    answer(q, true);
}

void
cnc__disco_register(struct cnc__router *r)
{
    static const struct cnc__handler handlers[] = {
        {CNC__IQ_GET, NS_INFO, "query", NS_INFO, on_info, NULL, true, true},
        {CNC__IQ_GET, NS_ITEMS, "query", NS_ITEMS, on_items, NULL, true, true},
    };

    for (size_t i = 0; i < CNC_N(handlers); i++) {
        CNC_CHECK(cnc__router_handle(r, &handlers[i], NULL) == 0);
    }
}
