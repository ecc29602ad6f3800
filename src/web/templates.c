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
/* Documents that it is tried on: a theme is used by all pages there are. */
#define MAX_TRIALS 256

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

struct tried { /* one page, in one language */
    struct tried *next;
    struct cnc__check *check;
    char *page;
};

struct cnc__check {
    struct cnc__check *prev, *next;
    struct cnc__agent *agent;
    struct cnc__publish *publish;
    char *id;
    struct cnc__sheet *sheet;
    struct tried *tried;
    size_t waiting, n;
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
    while (c->tried != NULL) {
        struct tried *t = c->tried;
        c->tried = t->next;
        cnc__free(t->page);
        cnc__free(t);
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
 * that works with this one; on which page. */
static void
say(struct cnc__check *c, const char *text, const char *page)
{
    size_t n = strlen(c->id);
    bool mine = strncmp(text, c->id, n) == 0 && text[n] == ',';
    bool plain = strncmp(text, "line ", 5) == 0;
    const char *before = mine                     ? " "
                         : plain || c->mains == 0 ? ", "
                                                  : ": with it fails ";
    cnc_error_set(&c->err, CNC_ERENDER, "not-acceptable",
                  "template %s%s%.360s%s", mine ? "" : c->id,
                  mine ? "" : before, text, page);
}

static void
on_check(const struct cnc__render_message *reply, void *priv)
{
    struct tried *t = priv;
    struct cnc__check *c = t->check;
    if ((reply == NULL || reply->type != CNC__R_OK) && c->err.code == 0) {
        struct cnc__str text = CNC__STR;
        unsigned line;
        cnc__web_reply_text(&text, &line, reply);
        say(c, cnc__str_c(&text), t->page);
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

/* What a page is tried as. */
struct as {
    unsigned worker;
    const char *main;         /* its template */
    struct cnc__sheet *sheet; /* what that is now */
    const char *path, *lang;  /* NULL: of no page */
};

static void
send_check(struct cnc__check *c, const struct as *as,
           const struct cnc__str *source)
{
    struct cnc__agent *a = c->agent;
    bool own = strcmp(as->main, c->id) == 0;
    struct cnc__sheet *s = own ? c->sheet : as->sheet;
    struct cnc__str imports = CNC__STR, texts = CNC__STR, page = CNC__STR;
    struct tried *t = cnc__zalloc(sizeof(*t));
    if (as->path != NULL) {
        cnc__str_printf(&page, " (page %.100s", as->path);
        if (strcmp(as->lang, "en") != 0) {
            cnc__str_printf(&page, " in %s", as->lang);
        }
        cnc__str_putc(&page, ')');
        cnc__texts_pack(&texts, a, s, as->lang, c->id, c->sheet);
    }
    *t = (struct tried){c->tried, c, cnc__strdup(cnc__str_c(&page))};
    c->tried = t;
    cnc__imports_pack(&imports, a, s, c->id, c->sheet);
    struct cnc__render_field f[] = {{s->text, s->len},
                                    cnc__web_field_str(source),
                                    cnc__web_field_str(&imports),
                                    cnc__web_field(own ? ""
                                                   : as->main[0] != '\0'
                                                       ? as->main
                                                       : "(built in)"),
                                    cnc__web_field_str(&texts)};
    c->waiting++;
    c->n++;
    c->mains += !own;
    cnc__web_call(a, as->worker, CNC__R_CHECK, f, CNC_N(f), on_check, t);
    cnc__str_fini(&imports);
    cnc__str_fini(&texts);
    cnc__str_fini(&page);
}

/* Pages of nodes, with their records. */
static void
try_pages(struct cnc__check *c)
{
    struct cnc__agent *a = c->agent;
    struct cnc__str source = CNC__STR;
    size_t n = 0;
    a->trying = true;
    for (struct cnc__table_iter i = {0}; cnc__table_next(a->pages, &i);) {
        const struct cnc__web_page *p = i.value;
        /* Of many addresses of one path some are enough. */
        if (p->decl->n_params > 0 && n >= MAX_TRIED) {
            continue;
        }
        if (cnc__template_uses(a, p->template_, c->id)) {
            struct as as = {p->worker, p->template_,
                            cnc__sheet_of(a, p->template_), p->path, p->lang};
            cnc__str_clear(&source);
            cnc__web_source(&source, p, NULL, CHECK_RECORDS);
            send_check(c, &as, &source);
            n += p->decl->n_params > 0;
        }
    }
    cnc__str_fini(&source);
}

/* Pages of commands, do.xsl, error.xsl: made for one caller. */
static void
try_made(struct cnc__check *c, const char *lang)
{
    struct cnc__agent *a = c->agent;
    struct cnc__str source = CNC__STR;
    for (size_t i = 0; i < a->n_decls && c->n < MAX_TRIALS; i++) {
        const struct cnc__decl *d = a->decls[i];
        struct as as = {a->next_worker++, d->template_,
                        cnc__sheet_of(a, d->template_), d->path, lang};
        for (int k = CNC__TRIAL_FORM;
             d->command[0] != '\0' && k <= CNC__TRIAL_ERROR &&
             cnc__template_uses(a, d->template_, c->id);
             k++) {
            cnc__str_clear(&source);
            cnc__trial_page(&source, d, lang, (enum cnc__trial)k);
            send_check(c, &as, &source);
        }
    }
    struct cnc__sheet *s = cnc__sheet_find(a, "do.xsl");
    struct as as = {a->next_worker++, "do.xsl", s == NULL ? a->builtin_do : s,
                    "/_do", lang};
    bool used =
        strcmp(c->id, "do.xsl") == 0 || cnc__imports_use(a, as.sheet, c->id);
    for (int k = CNC__TRIAL_FORM; used && k <= CNC__TRIAL_LIST; k++) {
        cnc__str_clear(&source);
        cnc__trial_do(&source, a, lang, (enum cnc__trial)k);
        send_check(c, &as, &source);
    }
    s = cnc__sheet_find(a, "error.xsl");
    if (strcmp(c->id, "error.xsl") == 0 ||
        (s != NULL && cnc__imports_use(a, s, c->id))) {
        as = (struct as){a->next_worker++, "error.xsl", s, "(404)", lang};
        cnc__str_clear(&source);
        cnc__trial_error(&source, a, lang);
        send_check(c, &as, &source);
    }
    a->trying = false;
    cnc__str_fini(&source);
}

/* On every page that uses it, in each language; on nothing when none does
 * yet. */
static void
send_checks(struct cnc__check *c)
{
    struct cnc__agent *a = c->agent;
    const char *langs[CNC__LOCALE_MAX_LANGS];
    size_t n = cnc__locale_langs(a->locale, langs);
    try_pages(c);
    for (size_t i = 0; i < n && c->n < MAX_TRIALS; i++) {
        try_made(c, langs[i]);
    }
    if (c->n == 0) {
        struct as as = {a->next_worker, c->id, c->sheet, NULL, "en"};
        struct cnc__str source = CNC__STR;
        cnc__str_puts(&source, "<page xmlns='" CNC__NS_PAGE "'/>");
        send_check(c, &as, &source);
        cnc__str_fini(&source);
    }
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
