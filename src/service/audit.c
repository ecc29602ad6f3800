/* SPDX-License-Identifier: MIT */
/*
 * audit.c -- who changed what: an item of the node "service/audit" for each
 * command of the administrator that changed something.  Whoever has the role
 * admin reads it, also live; only the service publishes to it.
 */
#include "../xml/write.h"
#include "private.h"

#define NODE "service/audit"
#define NS   "http://concordance-xmpp.org/ns/audit"
#define KEPT 10000 /* entries */

struct cnc__node *
cnc__service_node(struct cnc_service *s, const struct cnc__service_node *n)
{
    struct cnc__node_config config;

    cnc__node_config_default(&config);
    config.title = (char *)n->title;
    config.access = CNC__ACCESS_WHITELIST;
    config.readers = (char *)n->readers;
    config.publish = CNC__BY_PUBLISHERS;
    config.persist_items = true;
    config.durable = n->durable;
    config.max_items = n->max_items;
    config.history = n->max_items;
    config.payload_ns = (char *)n->ns;
    return cnc__pubsub_declare(s->pubsub, n->name, &config);
}

void
cnc__audit_declare(struct cnc_service *s)
{
    cnc__service_node(s,
                      &(struct cnc__service_node){.name = NODE,
                                                  .title = "Who changed what",
                                                  .readers = "admin",
                                                  .ns = NS,
                                                  .max_items = KEPT,
                                                  .durable = true});
}

static void
kept(const struct cnc_error *err, const char *id, void *priv)
{
    if (err != NULL) {
        cnc__log(CNC_LOG_ERROR, "audit.lost", "error=%s", err->text);
    }
}

void
cnc__audit(struct cnc_service *s, const char *who, const char *what,
           const char *detail)
{
    struct cnc__node *node =
        s->pubsub == NULL ? NULL : cnc__pubsub_node(s->pubsub, NODE);
    struct cnc__actor actor = {.jid = cnc__router_domain(s->router),
                               .operator_ = true};
    struct cnc_element *e = NULL;
    struct cnc__str xml = CNC__STR;

    cnc__xml_printf(&xml,
                    "<entry xmlns='" NS "'><who>%s</who><what>%s</what>"
                    "<detail>%s</detail></entry>",
                    who, what, detail);
    if (node != NULL &&
        cnc_xml_parse(&e, xml.data, xml.len, 0, NULL, NULL) == 0) {
        cnc__pubsub_publish(s->pubsub, &actor, node, NULL, e, false, kept, s);
    }
    cnc_element_unref(&e);
    cnc__str_fini(&xml);
}

void
cnc__audit_command(const char *who, const char *node, const char *detail,
                   void *service)
{
    cnc__audit(service, who, node, detail);
}
