/* SPDX-License-Identifier: MIT */
/*
 * gate-pages.c -- the node service/pages: an item for each page that is the
 * same for all guests.  Whoever keeps such a page hears here that it is old.
 *
 * The item is published in the same turn in which the snapshot becomes the
 * one that is answered with, and the node is in memory alone, so that no
 * answer on a stream is older than what was said of its page before it.
 */
#include "../base/text.h"
#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "gate.h"

#define NODE "service/pages"
#define KEPT 100000u

/* An operator passes before. */
static bool
may_see(const struct cnc__actor *who, void *priv)
{
    struct cnc_service *s = priv;
    const struct cnc__session *session =
        cnc__router_session_by_jid(s->router, who->jid);
    char *bare;
    bool may;

    if (session != NULL && session->web) {
        return true;
    }
    bare = cnc__strndup(who->jid, cnc__jid_bare_len(who->jid));
    may = !who->anonymous && cnc__roles_has(bare, "admin", s->roles);
    cnc__free(bare);
    return may;
}

void
cnc__gate_pages_declare(struct cnc__gate *g)
{
    struct cnc_service *s = g->service;
    struct cnc__node_config config;
    char title[] = "Pages that are the same for all guests",
         ns[] = CNC__NS_WEB;
    char *unused_title, *unused_ns;

    cnc__node_config_default(&config);
    unused_title = config.title;
    unused_ns = config.payload_ns;
    config.title = title;
    config.payload_ns = ns;
    config.access = CNC__ACCESS_WHITELIST;
    config.publish = CNC__BY_PUBLISHERS;
    config.persist_items = true;
    config.send_last_item = CNC__LAST_NEVER;
    config.durable = false;
    config.derived = true;
    config.max_items = KEPT;
    config.history = 1000;
    g->pages = cnc__pubsub_declare(s->pubsub, NODE, &config);
    cnc__node_set_gate(g->pages, may_see, s);
    cnc__free(unused_title);
    cnc__free(unused_ns);
}

static void
publish(struct cnc_service *s, const struct cnc__page_about *p)
{
    const struct cnc__actor self = {.jid = cnc__router_domain(s->router),
                                    .operator_ = true};
    struct cnc_element *e = NULL;
    struct cnc__str xml = CNC__STR;

    cnc__xml_printf(&xml,
                    "<page xmlns='" CNC__NS_WEB "' path='%s' lang='%s' "
                    "etag='%s' position='%s' personal='%s'/>",
                    p->path, p->lang, p->etag, p->position,
                    p->personal ? "true" : "false");
    if (cnc_xml_parse(&e, xml.data, xml.len, 0, NULL, NULL) == 0) {
        cnc__pubsub_publish(s->pubsub, &self, s->gate->pages, p->key, e, false,
                            NULL, NULL);
    }
    cnc_element_unref(&e);
    cnc__str_fini(&xml);
}

void
cnc__gate_page(const struct cnc__page_about *p, bool there, void *service)
{
    struct cnc_service *s = service;
    const struct cnc__actor self = {.jid = cnc__router_domain(s->router),
                                    .operator_ = true};

    if (s->gate == NULL || !cnc__xml_chars_valid(p->key, strlen(p->key))) {
        return;
    }
    if (there) {
        publish(s, p);
    } else if (cnc__node_item(s->gate->pages, p->key) != NULL) {
        cnc__pubsub_retract(s->pubsub, &self, s->gate->pages, p->key, NULL,
                            NULL);
    }
}
