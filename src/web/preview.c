/* SPDX-License-Identifier: MIT */
/*
 * preview.c -- a template before it is published: the pages that use it,
 * rendered with it and with the records of now, for whoever asked.
 *
 * Nothing is published and no page changes.  Each is kept for ten minutes
 * under an address that cannot be guessed, /_preview/TOKEN, and is shown to
 * whoever asked alone.  Its markup may be a stranger's: beside the allow-list
 * that all pages go through it is shut in by its CSP, has no script, sends no
 * form, stands in no frame, and is of no origin.
 */
#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "web.h"

#define PREFIX    "/_preview/"
#define LIFE      600u /* ticks */
#define MAX_KEPT  64u
#define MAX_BYTES ((size_t)32 << 20) /* of all that are kept */
#define MAX_PAGES 8u                 /* of one template */
#define TOKEN_LEN 32

/* No Cross-Origin-Opener-Policy: browsers refuse it beside "sandbox". */
static const char headers[] =
    "Cache-Control: private, no-store\r\n"
    "Vary: Cookie\r\n"
    "Content-Security-Policy: sandbox; default-src 'none'; "
    "style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Robots-Tag: noindex\r\n"
    "Referrer-Policy: no-referrer\r\n";

struct cnc__preview { /* kept; the newest first */
    struct cnc__preview *next;
    char token[TOKEN_LEN + 1];
    char *owner;
    struct cnc_buf *html;
    uint64_t until; /* tick */
};

/* -- what is kept --------------------------------------------------------- */

static void
forget(struct cnc__agent *a, struct cnc__preview **at)
{
    struct cnc__preview *p = *at;

    *at = p->next;
    a->n_previews--;
    a->preview_bytes -= cnc_buf_len(p->html);
    cnc_buf_unref(&p->html);
    cnc__free(p->owner);
    cnc__free(p);
}

static void
forget_last(struct cnc__agent *a)
{
    struct cnc__preview **at = &a->previews;

    while ((*at)->next != NULL) {
        at = &(*at)->next;
    }
    forget(a, at);
}

static void
keep(struct cnc__agent *a, const char *owner, const char *html, size_t len,
     char token[TOKEN_LEN + 1])
{
    struct cnc__preview *p = cnc__zalloc(sizeof(*p));

    cnc__random_hex(token, TOKEN_LEN / 2);
    memcpy(p->token, token, TOKEN_LEN + 1);
    p->owner = cnc__strdup(owner);
    p->html = cnc_buf_new(html, len);
    p->until = a->ticks + LIFE;
    p->next = a->previews;
    a->previews = p;
    a->n_previews++;
    a->preview_bytes += len;
    while (a->n_previews > MAX_KEPT ||
           (a->preview_bytes > MAX_BYTES && a->n_previews > 1)) {
        forget_last(a);
    }
}

void
cnc__preview_tick(struct cnc__agent *a)
{
    for (struct cnc__preview **at = &a->previews; *at != NULL;) {
        if ((*at)->until <= a->ticks) {
            forget(a, at);
        } else {
            at = &(*at)->next;
        }
    }
}

/* -- its address ---------------------------------------------------------- */

static const struct cnc__preview *
find(const struct cnc__agent *a, const char *token,
     const struct cnc__actor *who)
{
    size_t bare = cnc__jid_bare_len(who->jid);

    for (const struct cnc__preview *p = a->previews; p != NULL; p = p->next) {
        if (strcmp(p->token, token) == 0) {
            return !who->anonymous && strlen(p->owner) == bare &&
                           memcmp(p->owner, who->jid, bare) == 0
                       ? p
                       : NULL;
        }
    }
    return NULL;
}

bool
cnc__preview_answer(struct cnc__agent *a, struct cnc__http_request *r)
{
    const struct cnc__preview *p;
    struct cnc__web_caller w;

    if (strncmp(r->path, PREFIX, strlen(PREFIX)) != 0) {
        return false;
    }
    cnc__web_caller_init(&w, a, r);
    p = find(a, r->path + strlen(PREFIX), &w.caller.who);
    if (r->method != CNC__HTTP_GET && r->method != CNC__HTTP_HEAD) {
        cnc__answer_plain(a, r->responder, 405, "Allow: GET, HEAD\r\n",
                          "That cannot be done here",
                          "A preview can be looked at, and nothing else.");
    } else if (p == NULL) {
        cnc__answer_plain(a, r->responder, 404, NULL, "There is no preview",
                          "It is kept for ten minutes, for whoever asked for "
                          "it.");
    } else {
        cnc__answer_html(r->responder, 200, headers, cnc_buf_data(p->html),
                         cnc_buf_len(p->html));
    }
    cnc__web_caller_fini(&w);
    return true;
}

/* -- rendering ------------------------------------------------------------ */

struct one { /* page */
    struct cnc__previewing *job;
    char *path, *template_;
    char token[TOKEN_LEN + 1];
    char *error; /* or NULL: it is kept */
};

struct cnc__previewing {
    struct cnc__previewing *prev, *next;
    struct cnc__agent *agent;
    struct cnc__command_reply *reply;
    struct cnc__values *values; /* the reply's */
    char *id, *owner;
    const char *field; /* what is said to be wrong */
    struct cnc__sheet *sheet;
    bool stays; /* whoever asked: he has more to type */
    struct one all[MAX_PAGES];
    size_t n, waiting;
};

static void
free_job(struct cnc__previewing *j)
{
    if (j->prev != NULL) {
        j->prev->next = j->next;
    } else {
        j->agent->previewing = j->next;
    }
    if (j->next != NULL) {
        j->next->prev = j->prev;
    }
    for (size_t i = 0; i < j->n; i++) {
        cnc__free(j->all[i].path);
        cnc__free(j->all[i].template_);
        cnc__free(j->all[i].error);
    }
    cnc__sheet_unref(&j->sheet);
    cnc__free(j->id);
    cnc__free(j->owner);
    cnc__free(j);
}

void
cnc__preview_free(struct cnc__agent *a)
{
    struct cnc_error err = {0};

    cnc_error_set(&err, CNC_ECLOSED, "service-unavailable",
                  "the service ends");
    while (a->previewing != NULL) {
        struct cnc__command_reply *reply = a->previewing->reply;

        free_job(a->previewing);
        cnc__command_done(reply, &err, NULL, NULL);
    }
    while (a->previews != NULL) {
        forget(a, &a->previews);
    }
}

static void
write_rows(struct cnc__str *x, const struct cnc__previewing *j)
{
    cnc__xml_printf(
        x,
        "<x xmlns='jabber:x:data' type='result'><title>%s</title>"
        "<reported><field var='page' label='Page'/>"
        "<field var='address' label='Preview'>"
        "<validate xmlns='http://jabber.org/protocol/xdata-validate'"
        " datatype='xs:anyURI'/></field>"
        "<field var='error' label='What is wrong'/></reported>",
        j->id);
    for (size_t i = 0; i < j->n; i++) {
        const struct one *o = &j->all[i];

        cnc__xml_printf(x,
                        "<item><field var='page'><value>%s</value></field>"
                        "<field var='address'><value>%s%s</value></field>"
                        "<field var='error'><value>%s</value></field></item>",
                        o->path, o->error == NULL ? PREFIX : "",
                        o->error == NULL ? o->token : "",
                        o->error == NULL ? "" : o->error);
    }
    cnc__str_puts(x, "</x>");
}

static void
finish(struct cnc__previewing *j)
{
    struct cnc__command_reply *reply = j->reply;
    struct cnc__str x = CNC__STR, note = CNC__STR;
    size_t bad = 0;

    for (size_t i = 0; i < j->n; i++) {
        bad += j->all[i].error != NULL;
    }
    if (bad == j->n) {
        cnc__command_refuse(reply, j->values, j->field, j->all[0].error);
    } else {
        if (j->n == 1 && !j->stays) {
            cnc__str_printf(&note, PREFIX "%s", j->all[0].token);
            cnc__command_see(reply, note.data);
        }
        write_rows(&x, j);
        cnc__command_done(reply, NULL,
                          "Nothing is published. You alone see it, for ten "
                          "minutes.",
                          x.data);
    }
    cnc__str_fini(&x);
    cnc__str_fini(&note);
    free_job(j);
}

static void
step(struct cnc__previewing *j)
{
    if (--j->waiting == 0 && !j->agent->closed) {
        finish(j);
    }
}

/* "line 5: ..." is in the page's own template. */
static char *
whole_error(const struct one *o, const char *error)
{
    struct cnc__str s = CNC__STR;

    if (strncmp(error, "line ", 5) == 0) {
        cnc__str_printf(&s, "%s, ", o->template_);
    }
    cnc__str_puts(&s, error);
    return cnc__str_steal(&s);
}

static void
on_html(const char *html, size_t len, const char *error, void *priv)
{
    struct one *o = priv;
    struct cnc__previewing *j = o->job;

    if (html != NULL) {
        keep(j->agent, j->owner, html, len, o->token);
    } else {
        o->error = whole_error(o, error);
    }
    step(j);
}

static void
add_page(struct cnc__previewing *j, struct cnc__web_page *p,
         const struct cnc__caller *who)
{
    struct cnc__agent *a = j->agent;
    struct one *o = &j->all[j->n++];
    struct cnc__viewer viewer;
    bool uses = cnc__template_uses(a, p->template_, j->id);

    *o = (struct one){.job = j, .path = cnc__strdup(p->path)};
    o->template_ = cnc__strdup(uses ? p->template_ : j->id);
    cnc__viewer_init(&viewer, &who->who);
    j->waiting++;
    if (!cnc__once_try(p, &viewer, uses, j->id, j->sheet, on_html, o)) {
        j->waiting--;
        o->error = cnc__strdup("Too many pages are being made; please try "
                               "again in a moment.");
    }
    cnc__viewer_fini(&viewer);
}

/* In the language of whoever asks, if there is that one. */
static struct cnc__web_page *
in_language(struct cnc__agent *a, struct cnc__web_page *p,
            const struct cnc__caller *who)
{
    struct cnc__web_page *own =
        cnc__languages_get(a, cnc__page_lang(a, who), p->path);

    return own == NULL ? p : own;
}

static void
add_all(struct cnc__previewing *j, const struct cnc__caller *who)
{
    struct cnc__agent *a = j->agent;

    for (struct cnc__table_iter i = {0}; cnc__table_next(a->pages, &i);) {
        struct cnc__web_page *p = i.value;

        if (j->n < MAX_PAGES && strcmp(p->lang, "en") == 0 &&
            cnc__template_uses(a, p->template_, j->id)) {
            add_page(j, in_language(a, p, who), who);
        }
    }
}

/* The page of that address, whatever its template is; NULL, or why not. */
static const char *
add_named(struct cnc__previewing *j, const struct cnc__caller *who,
          const char *path)
{
    struct cnc__agent *a = j->agent;
    char *values[CNC__WEB_MAX_PARTS] = {NULL};
    struct cnc__web_page *p = cnc__page_get(a, path);
    struct cnc__decl *d;
    const char *wrong = NULL;

    if (p != NULL) {
        add_page(j, in_language(a, p, who), who);
        return NULL;
    }
    d = cnc__decl_find(a, path, values);
    if (d == NULL) {
        wrong = "There is no such page.";
    } else if (d->command[0] != '\0') {
        wrong = "That page shows commands, not records: it is made for each "
                "request.";
    } else if (cnc__page_new(&p, d, cnc__page_lang(a, who), path, values,
                             NULL) != 0) {
        wrong = "There is no such page.";
    } else {
        add_page(j, p, who);
        cnc__page_unref(&p);
    }
    cnc__decl_free_values(values);
    return wrong;
}

/* Nothing that stands there now uses it: which page could be named? */
static void
refuse_none(struct cnc__previewing *j)
{
    const struct cnc__agent *a = j->agent;
    struct cnc__str text = CNC__STR;

    cnc__str_puts(&text, "No page of records uses it just now. Say where you "
                         "want to see it");
    for (size_t i = 0; i < a->n_decls; i++) {
        const struct cnc__decl *d = a->decls[i];

        if (d->n_params > 0 && strcmp(d->template_, j->id) == 0) {
            cnc__str_printf(&text, ": an address like %s", d->path);
            break;
        }
    }
    cnc__str_puts(&text, ".");
    cnc__command_refuse(j->reply, j->values, "page", text.data);
    cnc__str_fini(&text);
}

void
cnc__preview(struct cnc__agent *a, struct cnc__command_reply *reply,
             const struct cnc__caller *who, struct cnc__values *v,
             const char *id, struct cnc__sheet *sheet, const char *field,
             bool stays)
{
    const char *page = cnc__values_get(v, "page", 0), *wrong = NULL;
    struct cnc__previewing *j = cnc__zalloc(sizeof(*j));

    j->agent = a;
    j->next = a->previewing;
    if (j->next != NULL) {
        j->next->prev = j;
    }
    a->previewing = j;
    j->reply = reply;
    j->values = v;
    j->id = cnc__strdup(id);
    j->owner = cnc__strndup(who->who.jid, cnc__jid_bare_len(who->who.jid));
    j->sheet = cnc__sheet_ref(sheet);
    j->field = field;
    j->stays = stays;
    j->waiting = 1; /* ours, until all are begun */
    if (page != NULL && page[0] != '\0') {
        wrong = add_named(j, who, page);
    } else {
        add_all(j, who);
    }
    if (wrong != NULL) {
        cnc__command_refuse(reply, v, "page", wrong);
        free_job(j);
    } else if (j->n == 0) {
        refuse_none(j);
        free_job(j);
    } else {
        step(j);
    }
}
