/* SPDX-License-Identifier: MIT */
/*
 * views.c -- the view node of a page: each event is the patch from one tree to
 * the next, made once and sent to everybody.
 */
#include "../render/engine.h"
#include "../xml/write.h"
#include "web.h"

#define HISTORY 1000 /* patches a browser may be behind */

static bool
may_see(const struct cnc__actor *who, void *priv)
{
    return cnc__page_may(priv, who);
}

void
cnc__view_declare(struct cnc__web_page *p)
{
    struct cnc__str name = CNC__STR, title = CNC__STR;
    struct cnc__node_config c;
    cnc__node_config_default(&c);
    char *unused_title = c.title, *unused_ns = c.payload_ns;
    char ns[] = CNC__NS_VIEW;
    cnc__str_printf(&name, "view:%s", p->key);
    cnc__str_printf(&title, "%s", p->title);
    c.title = title.data;
    c.payload_ns = ns;
    c.access = p->closed_ ? CNC__ACCESS_WHITELIST : CNC__ACCESS_OPEN;
    c.publish = CNC__BY_PUBLISHERS;
    c.persist_items = false;
    c.send_last_item = false;
    c.durable = false;
    c.derived = true;
    c.history = HISTORY;
    p->view = cnc__pubsub_declare(p->agent->env.pubsub, name.data, &c);
    cnc__node_set_gate(p->view, p->closed_ ? may_see : NULL, p);
    cnc__free(unused_title);
    cnc__free(unused_ns);
    cnc__str_fini(&name);
    cnc__str_fini(&title);
}

void
cnc__view_emit(struct cnc__web_page *p, const char *patch, size_t len)
{
    struct cnc__agent *a = p->agent;
    struct cnc_buf *buf = cnc_buf_new(patch, len);
    a->stats.patches++;
    a->stats.patch_bytes += len;
    cnc__pubsub_emit(a->env.pubsub, p->view, buf);
    cnc_buf_unref(&buf);
}

void
cnc__view_resync(struct cnc__web_page *p)
{
    static const char resync[] =
        "<patch xmlns=\"" CNC__NS_VIEW "\"><resync/></patch>";
    p->agent->stats.resyncs++;
    cnc__view_emit(p, resync, sizeof(resync) - 1);
}

/* A page without a position is never live: no metadata, no script. */
void
cnc__view_head(struct cnc__str *out, const struct cnc__web_page *p,
               const char *position)
{
    const struct cnc__agent *a = p->agent;
    if (position == NULL) {
        return;
    }
    cnc__xml_printf(out,
                    "<meta name=\"concordance\" content=\"%s\" "
                    "data-position=\"%s\" data-service=\"%s\" "
                    "data-socket=\"%s%s\">",
                    cnc__node_name(p->view), position, a->domain, a->prefix,
                    a->ws_path ? a->ws_path : "");
    if (cnc__table_get(a->runtime.files, "concordance.js") != NULL) {
        struct cnc__str base = CNC__STR;
        cnc__assets_base(&base, a, true);
        cnc__xml_printf(out,
                        "<script type=\"module\" src=\"%s%s/concordance.js\">"
                        "</script>",
                        a->prefix, cnc__str_c(&base));
        cnc__str_fini(&base);
    }
}
