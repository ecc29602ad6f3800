/* SPDX-License-Identifier: MIT */
/*
 * source.c -- records into the source document of a page: see render/engine.h.
 */
#include "../render/engine.h"
#include "../xml/write.h"
#include "web.h"

/* Unreserved characters of RFC 3986, and "/" in a path. */
void
cnc__web_percent(struct cnc__str *out, const char *s, bool path)
{
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            (c >= '0' && c <= '9') || strchr("-._~", c) != NULL ||
            (path && c == '/')) {
            cnc__str_putc(out, (char)c);
        } else {
            cnc__str_printf(out, "%%%02X", c);
        }
    }
}

void
cnc__web_action(struct cnc__str *out, const char *path, const char *node)
{
    cnc__web_percent(out, path, true);
    cnc__str_puts(out, "?form=");
    cnc__web_percent(out, node, false);
}

/* A payload that speaks our namespace itself could pose as another record:
 * its root's attributes of that namespace are taken off first. */
static void
write_suspicious(struct cnc__str *out, const struct cnc__item *item,
                 const char *published)
{
    struct cnc_element *frozen = NULL, *e;
    if (cnc_xml_parse(&frozen, cnc_buf_data(item->payload),
                      cnc_buf_len(item->payload), 0, NULL, NULL) != 0) {
        return;
    }
    e = cnc_element_thaw(frozen);
    for (size_t i = cnc_element_n_attrs(frozen); i-- > 0;) {
        struct cnc_attr at = cnc_element_attr_at(frozen, i);
        if (strcmp(at.ns, CNC__NS_PAGE) == 0) {
            cnc_element_set_attr(e, at.ns, at.name, NULL, NULL);
        }
    }
    cnc_element_set_attr(e, CNC__NS_PAGE, "id", item->id, NULL);
    cnc_element_set_attr(e, CNC__NS_PAGE, "published", published, NULL);
    cnc_element_set_attr(e, CNC__NS_PAGE, "publisher", item->publisher, NULL);
    cnc__xml_write(out, e, "", 0);
    cnc_element_unref(&e);
    cnc_element_unref(&frozen);
}

void
cnc__web_record(struct cnc__str *out, const struct cnc__item *item)
{
    if (item->payload == NULL) {
        return;
    }
    const char *xml = cnc_buf_data(item->payload);
    size_t len = cnc_buf_len(item->payload);
    char published[32];
    cnc__datetime(published, item->published_ms);
    if (memmem(xml, len, CNC__NS_PAGE, strlen(CNC__NS_PAGE)) != NULL ||
        memmem(xml, len, "xmlns:c=", 8) != NULL) {
        write_suspicious(out, item, published);
        return;
    }
    size_t name = strcspn(xml, " />");
    cnc__str_add(out, xml, name);
    cnc__xml_printf(out,
                    " xmlns:c='" CNC__NS_PAGE "' c:id='%s' "
                    "c:published='%s' c:publisher='%s'",
                    item->id, published, item->publisher);
    cnc__str_add(out, xml + name, len - name);
}

/* The element's name is the last part of the node's. */
static const char *
wrapper_name(const char *node)
{
    const char *slash = strrchr(node, '/');
    return slash == NULL || slash[1] == '\0' ? node : slash + 1;
}

/* c:param-author="Austen" */
static void
write_params(struct cnc__str *out, const struct cnc__web_page *p)
{
    const struct cnc__decl *d = p->decl;
    for (size_t i = 0, n = 0; i < d->n_parts; i++) {
        if (d->parts[i].param) {
            cnc__xml_printf(out, " c:param-%s='%s'", d->parts[i].text,
                            p->values[n++]);
        }
    }
}

/* Where somebody logs in and out and sees his account, where that can be. */
static void
write_commands(struct cnc__str *out, const struct cnc__agent *a)
{
    static const char *const nodes[] = {"login", "logout", "account"};
    for (size_t i = 0; i < CNC_N(nodes); i++) {
        struct cnc__str path = CNC__STR;
        if (cnc__web_command_path(&path, a, nodes[i])) {
            cnc__xml_printf(out, " c:%s='%s'", nodes[i], path.data);
        }
        cnc__str_fini(&path);
    }
}

void
cnc__web_about(struct cnc__str *out, const struct cnc__agent *a,
               const char *title, const char *path)
{
    struct cnc__str assets = CNC__STR, runtime = CNC__STR;
    cnc__assets_base(&assets, a, false);
    cnc__assets_base(&runtime, a, true);
    cnc__xml_printf(out,
                    " c:title='%s' c:path='%s' c:assets='%s' c:runtime='%s'"
                    " c:site='%s'",
                    title, path, cnc__str_c(&assets), cnc__str_c(&runtime),
                    a->domain);
    cnc__str_fini(&assets);
    cnc__str_fini(&runtime);
}

static void
write_meta(struct cnc__str *out, const struct cnc__web_page *p)
{
    struct cnc__str path = CNC__STR;
    cnc__web_percent(&path, p->path, true);
    cnc__web_about(out, p->agent, p->title,
                   p->decl->n_params > 0 ? path.data : p->path);
    if (cnc__languages_vary(p)) {
        struct cnc__str langs = CNC__STR;
        cnc__languages_list(&langs, p->agent);
        cnc__xml_printf(out, " c:languages='%s'", cnc__str_c(&langs));
        cnc__str_fini(&langs);
    }
    cnc__xml_printf(out, " xml:lang='%s'", p->lang);
    write_params(out, p);
    write_commands(out, p->agent);
    cnc__str_fini(&path);
}

static void
write_node(struct cnc__str *out, const struct cnc__web_page *p, size_t which,
           const struct cnc__window *window, uint32_t max)
{
    const struct cnc__shown *s = &p->shown[which];
    const struct cnc__watch *w = s->watch;
    const struct cnc__records *l = cnc__shown_list(s);
    bool cut = window != NULL && window->shown == which;
    size_t start, end;
    struct cnc__str older = CNC__STR, newer = CNC__STR;
    cnc__shown_range(p, s, cut ? window : NULL, &start, &end);
    cnc__shown_older(&older, s, start, end);
    if (max > 0 && end - start > max) {
        start = end - max;
    }
    cnc__xml_printf(out,
                    "<%s xmlns='%s' xmlns:c='" CNC__NS_PAGE "'"
                    " c:node='%s'",
                    wrapper_name(w->name), s->app->xmlns, w->name);
    if (p->n_shown == 1) {
        write_meta(out, p);
    }
    if (older.len > 0) {
        cnc__xml_printf(out, " c:older='%s'", cnc__str_c(&older));
    }
    if (cut) {
        cnc__web_percent(&newer, p->path, true);
        cnc__xml_printf(out, " c:newer='%s'", newer.data);
    }
    cnc__str_putc(out, '>');
    for (size_t i = start; i < end; i++) {
        cnc__web_record(out, l->all[i].item);
    }
    cnc__xml_printf(out, "</%s>", wrapper_name(w->name));
    cnc__str_fini(&older);
    cnc__str_fini(&newer);
}

void
cnc__web_source(struct cnc__str *out, const struct cnc__web_page *p,
                const struct cnc__window *window, uint32_t max)
{
    if (p->n_shown > 1) {
        cnc__str_puts(out, "<page xmlns='" CNC__NS_PAGE
                           "' xmlns:c='" CNC__NS_PAGE "'");
        write_meta(out, p);
        cnc__str_putc(out, '>');
    }
    for (size_t i = 0; i < p->n_shown; i++) {
        write_node(out, p, i, window, max);
    }
    if (p->n_shown > 1) {
        cnc__str_puts(out, "</page>");
    }
}
