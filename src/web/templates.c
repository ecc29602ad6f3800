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
#include "theme-xsl.h"
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
    cnc__imports_scan(s);
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
        for (size_t i = 0; i < s->n_imports; i++) {
            cnc__free(s->imports[i]);
        }
        cnc__free(s->imports);
        for (size_t i = 0; i < s->n_texts; i++) {
            cnc__free(s->texts[i]);
        }
        cnc__free(s->texts);
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

struct cnc__sheet *
cnc__sheet_of_xml(const char *xml, size_t len)
{
    static const struct cnc_xml_limits limits = {
        .size = sizeof(limits),
        .max_token = CNC__WEB_MAX_SHEET * 2,
        .max_stanza = CNC__WEB_MAX_SHEET * 8};
    struct cnc_element *e = NULL;
    struct cnc__str text = CNC__STR;
    struct cnc__sheet *s = NULL;
    if (xml != NULL && cnc_xml_parse(&e, xml, len, 0, &limits, NULL) == 0 &&
        sheet_text(&text, e, NULL) == 0) {
        s = cnc__sheet_new(cnc__str_c(&text), text.len);
    }
    cnc_element_unref(&e);
    cnc__str_fini(&text);
    return s;
}

static struct cnc__sheet *
sheet_of_item(const struct cnc__item *item)
{
    struct cnc__sheet *s = NULL;
    if (item->payload != NULL) {
        s = cnc__sheet_of_xml(cnc_buf_data(item->payload),
                              cnc_buf_len(item->payload));
        if (s == NULL) {
            cnc__log(CNC_LOG_WARN, "template.unreadable", "id=%s", item->id);
        } else {
            s->seq = item->seq;
        }
    }
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
    a->builtins = cnc__table_new();
    cnc__table_put(a->builtins, "theme.xsl",
                   cnc__sheet_new(cnc__theme_xsl, cnc__theme_xsl_len));
}

static void
forget(struct cnc__agent *a, const char *id)
{
    struct cnc__sheet *old = cnc__table_del(a->sheets, id);
    cnc__sheet_unref(&old);
}

struct cnc__sheet *
cnc__sheet_find(struct cnc__agent *a, const char *id)
{
    struct cnc__sheet *s = a->trying ? cnc__table_get(a->coming, id) : NULL;
    if (s != NULL) {
        return s;
    }
    s = cnc__table_get(a->sheets, id);
    struct cnc__item *item =
        a->templates == NULL ? NULL : cnc__node_item(a->templates, id);
    /* Whoever published it is told before we are, and may go on at once. */
    if (s != NULL && item != NULL && s->seq == item->seq) {
        return s;
    }
    forget(a, id);
    s = item == NULL ? NULL : sheet_of_item(item);
    if (s != NULL) {
        cnc__table_put(a->sheets, id, s);
        return s;
    }
    s = cnc__table_get(a->files, id);
    return s != NULL ? s : cnc__table_get(a->builtins, id);
}

struct cnc__sheet *
cnc__sheet_of(struct cnc__agent *a, const char *id)
{
    struct cnc__sheet *s = id[0] == '\0' ? NULL : cnc__sheet_find(a, id);
    return s != NULL ? s : a->builtin;
}

/* -- what happened to the node ------------------------------------------- */

bool
cnc__template_uses(struct cnc__agent *a, const char *template_, const char *id)
{
    return strcmp(template_, id) == 0 ||
           cnc__imports_use(a, cnc__sheet_of(a, template_), id);
}

/* The sheet in the page's process, and all it imports, are those of now. */
static bool
same_sheet(const struct cnc__web_page *p)
{
    unsigned char sum[32];
    struct cnc__str imports = CNC__STR;
    const struct cnc__sheet *now = cnc__sheet_of(p->agent, p->template_);
    cnc__imports_pack(&imports, p->agent, now, NULL, NULL);
    cnc__imports_sum(sum, now, &imports);
    cnc__str_fini(&imports);
    return p->sheet != NULL && memcmp(sum, p->sheet_sum, sizeof(sum)) == 0;
}

static void
changed(struct cnc__agent *a, const char *id)
{
    for (struct cnc__table_iter i = {0}; cnc__table_next(a->pages, &i);) {
        struct cnc__web_page *p = i.value;
        if ((id != NULL && !cnc__template_uses(a, p->template_, id)) ||
            same_sheet(p)) {
            continue;
        }
        p->sheet_changed = true;
        p->events++;
        cnc__page_touch(p);
        cnc__live_flush(p);
    }
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
    struct cnc__sheet *sheet;
    size_t waiting;
    size_t mains;         /* pages of other templates that import it */
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
    cnc__sheet_unref(&c->sheet);
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

/* "line 5: ...", or "other.xsl, line 5: ..." when the fault is in a template
 * that works with this one. */
static void
say(struct cnc__check *c, const char *text)
{
    size_t n = strlen(c->id);
    bool mine = strncmp(text, c->id, n) == 0 && text[n] == ',';
    bool plain = strncmp(text, "line ", 5) == 0;
    if (mine) {
        cnc_error_set(&c->err, CNC_ERENDER, "not-acceptable", "template %s",
                      text);
    } else if (plain || c->mains == 0) {
        cnc_error_set(&c->err, CNC_ERENDER, "not-acceptable",
                      "template %s, %s", c->id, text);
    } else {
        cnc_error_set(&c->err, CNC_ERENDER, "not-acceptable",
                      "template %s: with it fails %s", c->id, text);
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
        say(c, cnc__str_c(&text));
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

/* Try it on source as the sheet of a page whose template is main. */
static void
send_check(struct cnc__check *c, unsigned worker, const char *main,
           const struct cnc__str *source)
{
    struct cnc__agent *a = c->agent;
    bool own = strcmp(main, c->id) == 0;
    const struct cnc__sheet *s = own ? c->sheet : cnc__sheet_of(a, main);
    struct cnc__str imports = CNC__STR;
    cnc__imports_pack(&imports, a, s, c->id, c->sheet);
    struct cnc__render_field f[] = {{s->text, s->len},
                                    cnc__web_field_str(source),
                                    cnc__web_field_str(&imports),
                                    cnc__web_field(own ? ""
                                                   : main[0] != '\0'
                                                       ? main
                                                       : "(built in)")};
    c->waiting++;
    c->mains += !own;
    cnc__web_call(a, worker, CNC__R_CHECK, f, CNC_N(f), on_check, c);
    cnc__str_fini(&imports);
}

/* On every page that uses it; on nothing when none does yet. */
static void
send_checks(struct cnc__check *c)
{
    struct cnc__agent *a = c->agent;
    struct cnc__str source = CNC__STR;
    size_t n = 0;
    a->trying = true;
    for (struct cnc__table_iter i = {0}; cnc__table_next(a->pages, &i);) {
        const struct cnc__web_page *p = i.value;
        /* Of many addresses of one path some are enough. */
        bool tried = (p->decl->n_params > 0 && n >= MAX_TRIED) ||
                     strcmp(p->lang, "en") != 0;
        if (!tried && cnc__template_uses(a, p->template_, c->id)) {
            cnc__str_clear(&source);
            cnc__web_source(&source, p, NULL, CHECK_RECORDS);
            send_check(c, p->worker, p->template_, &source);
            n++;
        }
    }
    if (n == 0) {
        cnc__str_clear(&source);
        cnc__str_puts(&source, "<page xmlns='" CNC__NS_PAGE "'/>");
        send_check(c, a->next_worker, c->id, &source);
    }
    a->trying = false;
    cnc__str_fini(&source);
}

int
cnc__templates_check(struct cnc__agent *a, struct cnc__publish *publish,
                     const char *id, const struct cnc_element *payload,
                     struct cnc_error *err)
{
    struct cnc__str sheet = CNC__STR;
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
    c->sheet = cnc__sheet_new(cnc__str_c(&sheet), sheet.len);
    c->waiting = 1; /* ours, until all are sent */
    send_checks(c);
    c->waiting--;
    cnc__str_fini(&sheet);
    return CNC_EAGAIN;
}
