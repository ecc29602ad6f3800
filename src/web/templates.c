/* SPDX-License-Identifier: MIT */
/*
 * templates.c -- templates: items of the node `templates`, the files that were
 * their first versions, and the built-in one; and the check before one is
 * published.
 */
#include "../render/engine.h"
#include "../xml/write.h"
#include "default-xsl.h"
#include "do-xsl.h"
#include "web.h"

#define NS_XSL "http://www.w3.org/1999/XSL/Transform"
/* Records of a page that a new template is tried on. */
#define CHECK_RECORDS 1000
/* Pages of paths with parameters that it is tried on. */
#define MAX_TRIED 8

struct cnc__sheet *
cnc__sheet_new(const char *text, size_t len)
{
    struct cnc__sheet *s = cnc__zalloc(sizeof(*s));
    s->refs = 1;
    s->text = cnc__strndup(text, len);
    s->len = len;
    return s;
}

struct cnc__sheet *
cnc__sheet_ref(struct cnc__sheet *s)
{
    s->refs++;
    return s;
}

void
cnc__sheet_unref(struct cnc__sheet **sp)
{
    struct cnc__sheet *s = *sp;
    *sp = NULL;
    if (s != NULL && --s->refs == 0) {
        cnc__free(s->text);
        cnc__free(s);
    }
}

void
cnc__sheet_free(void *sheet)
{
    struct cnc__sheet *s = sheet;
    cnc__sheet_unref(&s);
}

/* -- an item's text ------------------------------------------------------ */

static int
sheet_text(struct cnc__str *out, const struct cnc_element *payload,
           struct cnc_error *err)
{
    if (cnc_element_is(payload, CNC__NS_TEMPLATE, "template")) {
        struct cnc_buf *text = cnc_element_string(payload);
        cnc__str_add(out, cnc_buf_data(text), cnc_buf_len(text));
        cnc_buf_unref(&text);
    } else if (cnc_element_is(payload, NS_XSL, "stylesheet") ||
               cnc_element_is(payload, NS_XSL, "transform")) {
        cnc__xml_write(out, payload, "", 0);
    } else {
        return cnc_error_set(
            err, CNC_EREFUSED, "not-acceptable",
            "a template is <template xmlns=\"" CNC__NS_TEMPLATE
            "\"> with the stylesheet as text, or <xsl:stylesheet>");
    }
    if (out->len > CNC__WEB_MAX_SHEET) {
        return cnc_error_set(err, CNC_ELIMIT, "not-acceptable",
                             "the template has %zu bytes; %zu are allowed",
                             out->len, CNC__WEB_MAX_SHEET);
    }
    return 0;
}

static struct cnc__sheet *
sheet_of_item(const struct cnc__item *item)
{
    static const struct cnc_xml_limits limits = {
        .size = sizeof(limits),
        .max_token = CNC__WEB_MAX_SHEET * 2,
        .max_stanza = CNC__WEB_MAX_SHEET * 8};
    struct cnc_element *e = NULL;
    struct cnc__str text = CNC__STR;
    struct cnc__sheet *s = NULL;
    if (item->payload == NULL) {
        return NULL;
    }
    if (cnc_xml_parse(&e, cnc_buf_data(item->payload),
                      cnc_buf_len(item->payload), 0, &limits, NULL) == 0 &&
        sheet_text(&text, e, NULL) == 0) {
        s = cnc__sheet_new(cnc__str_c(&text), text.len);
    } else {
        cnc__log(CNC_LOG_WARN, "template.unreadable", "id=%s", item->id);
    }
    cnc_element_unref(&e);
    cnc__str_fini(&text);
    return s;
}

void
cnc__templates_init(struct cnc__agent *a)
{
    struct cnc__node_config c;
    cnc__node_config_default(&c);
    char *title = c.title;
    char mine[] = "Templates of the pages";
    c.title = mine;
    c.access = CNC__ACCESS_WHITELIST;
    c.publish = CNC__BY_PUBLISHERS;
    c.persist_items = true;
    c.durable = true;
    c.max_payload = CNC__WEB_MAX_SHEET * 2;
    c.history = 1000;
    a->templates = cnc__pubsub_declare(a->env.pubsub, CNC__TEMPLATES, &c);
    cnc__free(title);
    a->builtin = cnc__sheet_new(cnc__default_xsl, cnc__default_xsl_len);
    a->builtin_do = cnc__sheet_new(cnc__do_xsl, cnc__do_xsl_len);
}

struct cnc__sheet *
cnc__sheet_of(struct cnc__agent *a, const char *id)
{
    if (id[0] == '\0') {
        return a->builtin;
    }
    struct cnc__sheet *s = cnc__table_get(a->sheets, id);
    if (s != NULL) {
        return s;
    }
    struct cnc__item *item =
        a->templates == NULL ? NULL : cnc__node_item(a->templates, id);
    s = item == NULL ? NULL : sheet_of_item(item);
    if (s != NULL) {
        cnc__table_put(a->sheets, id, s);
        return s;
    }
    s = cnc__table_get(a->files, id);
    return s != NULL ? s : a->builtin;
}

/* -- what happened to the node ------------------------------------------- */

static void
changed(struct cnc__agent *a, const char *id)
{
    for (struct cnc__table_iter i = {0}; cnc__table_next(a->pages, &i);) {
        struct cnc__web_page *p = i.value;
        if (id != NULL && strcmp(p->template_, id) != 0) {
            continue;
        }
        struct cnc__sheet *now = cnc__sheet_of(a, p->template_);
        if (p->sheet != NULL && p->sheet->len == now->len &&
            memcmp(p->sheet->text, now->text, now->len) == 0) {
            continue;
        }
        p->sheet_changed = true;
        p->events++;
        cnc__page_touch(p);
        cnc__live_flush(p);
    }
}

static void
forget(struct cnc__agent *a, const char *id)
{
    struct cnc__sheet *old = cnc__table_del(a->sheets, id);
    cnc__sheet_unref(&old);
}

void
cnc__templates_event(struct cnc__agent *a, enum cnc__event ev,
                     const struct cnc__item *item)
{
    switch (ev) {
    case CNC__EV_PUBLISH:
    case CNC__EV_RETRACT:
        if (item != NULL) {
            forget(a, item->id);
            changed(a, item->id);
        }
        break;
    case CNC__EV_DELETE:
    case CNC__EV_CREATE:
    case CNC__EV_PURGE:
        a->templates = ev == CNC__EV_DELETE
                           ? NULL
                           : cnc__pubsub_node(a->env.pubsub, CNC__TEMPLATES);
        cnc__table_free(&a->sheets, cnc__sheet_free);
        a->sheets = cnc__table_new();
        changed(a, NULL);
        break;
    case CNC__EV_CONFIGURE:
        break;
    }
}

/* -- the check ----------------------------------------------------------- */

struct cnc__check {
    struct cnc__check *prev, *next;
    struct cnc__agent *agent;
    struct cnc__publish *publish;
    char *id;
    size_t waiting;
    struct cnc_error err; /* the first fault */
};

static void
free_check(struct cnc__check *c)
{
    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else {
        c->agent->checks = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    cnc__free(c->id);
    cnc__free(c);
}

void
cnc__templates_free(struct cnc__agent *a)
{
    while (a->checks != NULL) {
        free_check(a->checks);
    }
}

static void
on_check(const struct cnc__render_message *reply, void *priv)
{
    struct cnc__check *c = priv;
    if ((reply == NULL || reply->type != CNC__R_OK) && c->err.code == 0) {
        struct cnc__str text = CNC__STR;
        unsigned line;
        cnc__web_reply_text(&text, &line, reply);
        cnc_error_set(&c->err, CNC_ERENDER, "not-acceptable",
                      "template %s, %s", c->id, cnc__str_c(&text));
        c->err.line = line;
        cnc__str_fini(&text);
    }
    if (--c->waiting > 0) {
        return;
    }
    bool bad = c->err.code != 0;
    if (bad) {
        c->agent->stats.refused_templates++;
        cnc__log(CNC_LOG_WARN, "template.refused", "%s", c->err.text);
    }
    cnc__pubsub_resume(c->publish, bad ? &c->err : NULL);
    free_check(c);
}

static void
send_check(struct cnc__check *c, unsigned worker, const struct cnc__str *sheet,
           const struct cnc__str *source)
{
    struct cnc__render_field f[] = {cnc__web_field_str(sheet),
                                    cnc__web_field_str(source)};
    cnc__web_call(c->agent, worker, CNC__R_CHECK, f, 2, on_check, c);
}

int
cnc__templates_check(struct cnc__agent *a, struct cnc__publish *publish,
                     const char *id, const struct cnc_element *payload,
                     struct cnc_error *err)
{
    struct cnc__str sheet = CNC__STR, source = CNC__STR;
    if (payload == NULL) {
        return cnc_error_set(err, CNC_EREFUSED, "not-acceptable",
                             "a template needs a payload");
    }
    int rc = sheet_text(&sheet, payload, err);
    if (rc != 0) {
        a->stats.refused_templates++;
        cnc__str_fini(&sheet);
        return rc;
    }
    struct cnc__check *c = cnc__zalloc(sizeof(*c));
    c->agent = a;
    c->next = a->checks;
    if (c->next != NULL) {
        c->next->prev = c;
    }
    a->checks = c;
    c->publish = publish;
    c->id = cnc__strdup(id ? id : "");
    c->waiting = 1; /* ours, until all are sent */
    size_t n = 0;
    for (struct cnc__table_iter i = {0}; cnc__table_next(a->pages, &i);) {
        const struct cnc__web_page *p = i.value;
        /* Of many addresses of one path some are enough. */
        bool tried = p->decl->n_params > 0 && n >= MAX_TRIED;
        if (!tried && strcmp(p->template_, c->id) == 0) {
            cnc__str_clear(&source);
            cnc__web_source(&source, p, NULL, CHECK_RECORDS);
            c->waiting++;
            n++;
            send_check(c, p->worker, &sheet, &source);
        }
    }
    if (n == 0) { /* no page uses it yet: it compiles, and runs on nothing */
        c->waiting++;
        cnc__str_clear(&source);
        cnc__str_puts(&source, "<page xmlns='" CNC__NS_PAGE "'/>");
        send_check(c, a->next_worker, &sheet, &source);
    }
    c->waiting--;
    cnc__str_fini(&sheet);
    cnc__str_fini(&source);
    return CNC_EAGAIN;
}
