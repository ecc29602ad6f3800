/* SPDX-License-Identifier: MIT */
/*
 * routes.c -- which address is what: assets, pages, older records, forms.
 */
#include "web.h"

#define MAX_PAIRS 64

struct query {
    char *before, *form;
};

static int
on_pair(const char *name, const char *value, void *priv)
{
    struct query *q = priv;
    char **slot = strcmp(name, "before") == 0 ? &q->before
                  : strcmp(name, "form") == 0 ? &q->form
                                              : NULL;
    if (slot != NULL && *slot == NULL) {
        *slot = cnc__strdup(value);
    }
    return 0;
}

static bool
has_form(const struct cnc__web_page *p)
{
    for (size_t i = 0; i < p->n_shown; i++) {
        if (p->shown[i].decl->form != NULL) {
            return true;
        }
    }
    return false;
}

static void
answer_method(struct cnc__agent *a, struct cnc__http_request *r, bool post)
{
    cnc__answer_plain(a, r->responder, 405,
                      post ? "Allow: GET, HEAD, POST\r\n"
                           : "Allow: GET, HEAD\r\n",
                      "That cannot be done here",
                      "This address can be read only, or has a form that "
                      "says where it is sent.");
}

/* -- who may not ---------------------------------------------------------- */

static bool
names(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *s = list; *s != '\0'; s += strspn(s, " ")) {
        size_t n = strcspn(s, " ");
        if (n == len && memcmp(s, word, n) == 0) {
            return true;
        }
        s += n;
    }
    return false;
}

bool
cnc__web_command_path(struct cnc__str *out, const struct cnc__agent *a,
                      const char *node)
{
    for (size_t i = 0; i < a->n_decls; i++) {
        const struct cnc__decl *d = a->decls[i];
        if (d->n_params == 0 && d->readers[0] == '\0' &&
            names(d->command, node)) {
            cnc__web_percent(out, d->path, true);
            return true;
        }
    }
    if (a->env.commands != NULL &&
        cnc__commands_get(a->env.commands, node) != NULL) {
        cnc__do_path(out, node);
        return true;
    }
    return false;
}

bool
cnc__web_login(struct cnc__agent *a, const struct cnc__http_request *r,
               const struct cnc__caller *who)
{
    struct cnc__str to = CNC__STR, next = CNC__STR, here = CNC__STR;
    cnc__web_percent(&here, r->path, true);
    /* The log-in page itself may be closed: no circle. */
    bool ok = who->who.anonymous && cnc__web_command_path(&to, a, "login") &&
              strcmp(to.data, here.data) != 0;
    if (ok) {
        cnc__str_puts(&next, here.data);
        if (r->query[0] != '\0' && r->method != CNC__HTTP_POST) {
            cnc__str_printf(&next, "?%s", r->query);
        }
        cnc__str_puts(&to, "?next=");
        cnc__web_percent(&to, next.data, false);
        cnc__web_go(a, r->responder, to.data, NULL);
    }
    cnc__str_fini(&to);
    cnc__str_fini(&next);
    cnc__str_fini(&here);
    return ok;
}

void
cnc__web_forbidden(struct cnc__agent *a, const struct cnc__http_request *r,
                   const struct cnc__caller *who)
{
    bool guest = who->who.anonymous;
    if (cnc__web_login(a, r, who)) {
        return;
    }
    cnc__answer_plain(a, r->responder, 403, NULL,
                      guest ? "Not for guests" : "Not for you",
                      guest ? "What this page shows is not open to everybody."
                            : "What this page shows is for others.");
}

/* -- one page ------------------------------------------------------------- */

/* With the cookie that keeps the language: made for this request. */
static void
answer_kept(struct cnc__web_page *p, const struct cnc__viewer *viewer,
            struct cnc__http_request *r)
{
    struct cnc__str lines = CNC__STR, html = CNC__STR;
    cnc__snapshot_html(&html, p->agent, p->snapshot, viewer);
    cnc__str_puts(&lines, viewer->bare != NULL ? cnc__call_headers
                                               : cnc__page_lines(p));
    cnc__languages_keep(p->agent, &lines, r, p->lang);
    cnc__answer_html(r->responder, 200, lines.data, cnc__str_c(&html),
                     html.len);
    cnc__str_fini(&html);
    cnc__str_fini(&lines);
}

/* The note of the command before, once, where the page has a place for it. */
static bool
answer_flash(struct cnc__web_page *p, struct cnc__viewer *viewer,
             struct cnc__http_request *r)
{
    struct cnc__str lines = CNC__STR, html = CNC__STR;
    if (p->snapshot->parts == NULL || !p->snapshot->parts->flash ||
        r->method != CNC__HTTP_GET) {
        return false;
    }
    viewer->note = cnc__flash_take(p->agent, r, &lines);
    if (viewer->note != NULL) {
        cnc__snapshot_html(&html, p->agent, p->snapshot, viewer);
        cnc__str_puts(&lines, cnc__call_headers);
        cnc__answer_html(r->responder, 200, lines.data, cnc__str_c(&html),
                         html.len);
    }
    cnc__str_fini(&html);
    cnc__str_fini(&lines);
    return viewer->note != NULL;
}

static void
answer_page(struct cnc__web_page *p, struct cnc__viewer *viewer,
            struct cnc__http_request *r)
{
    if (p->snapshot == NULL) {
        cnc__answer_plain(p->agent, r->responder, 503, "Retry-After: 5\r\n",
                          "This page cannot be shown just now",
                          p->error != NULL
                              ? "Its template has an error. The service's "
                                "log says where."
                              : "It is being made. Please try again in a "
                                "moment.");
        return;
    }
    bool asked = false;
    if (cnc__languages_vary(p)) {
        cnc__languages_choose(p->agent, r, &asked);
    }
    if (asked) {
        answer_kept(p, viewer, r);
        return;
    }
    if (answer_flash(p, viewer, r)) {
        return;
    }
    cnc__snapshot_answer(p->agent, p, p->snapshot, viewer, r->responder,
                         cnc__http_header(r, "accept-encoding"),
                         cnc__http_header(r, "if-none-match"));
}

static void
page_request(struct cnc__web_page *p, struct cnc__http_request *r,
             const struct query *q, const struct cnc__caller *who)
{
    struct cnc__agent *a = p->agent;
    struct cnc__viewer viewer;
    cnc__viewer_init(&viewer, who == NULL ? NULL : &who->who);
    bool get = r->method == CNC__HTTP_GET || r->method == CNC__HTTP_HEAD;
    if (p->closed_ && !cnc__page_may(p, &who->who)) {
        cnc__web_forbidden(a, r, who);
    } else if (r->method == CNC__HTTP_POST && q->form != NULL) {
        cnc__submit_answer(p, q->form, &who->who, r);
    } else if (!get) {
        answer_method(a, r, has_form(p));
    } else if (q->before != NULL && q->before[0] != '\0') {
        cnc__older_answer(p, q->before, &viewer, r);
    } else {
        answer_page(p, &viewer, r);
    }
    cnc__viewer_fini(&viewer);
}

static void
open_page(struct cnc__web_page *p, struct cnc__http_request *r)
{
    struct cnc__agent *a = p->agent;
    struct query q = {NULL, NULL};
    struct cnc__web_caller w;
    /* Everybody sees the same of an open page without parts: who asks is not
     * looked up. */
    bool known = p->closed_ || r->method == CNC__HTTP_POST ||
                 (p->snapshot != NULL && p->snapshot->parts != NULL &&
                  p->snapshot->parts->personal);
    cnc__instance_used(p);
    if (known) {
        cnc__web_caller_init(&w, a, r);
    }
    /* A query that cannot be read is as good as none. */
    cnc__http_form_parse(r->query, strlen(r->query), MAX_PAIRS, on_pair, &q);
    page_request(p, r, &q, known ? &w.caller : NULL);
    cnc__free(q.before);
    cnc__free(q.form);
    if (known) {
        cnc__web_caller_fini(&w);
    }
}

/* -- a path with parameters ----------------------------------------------- */

struct visit { /* of a page that is being made */
    struct cnc__agent *agent;
    struct cnc__web_page *page;
    struct cnc__http_request *request;
};

static void
not_found(struct cnc__agent *a, struct cnc__http_request *r)
{
    cnc__answer_plain(a, r->responder, 404, NULL, "There is no such page",
                      "The address may be mistyped, or the page was moved.");
}

static void
on_made(void *priv)
{
    struct visit *v = priv;
    if (v->page->gone) {
        not_found(v->agent, v->request);
    } else {
        open_page(v->page, v->request);
    }
    cnc__page_unref(&v->page);
    cnc__free(v);
}

static void
on_once(const char *html, size_t len, const char *error, void *priv)
{
    struct visit *v = priv;
    struct cnc__agent *a = v->agent;
    if (!a->closed && html != NULL) {
        cnc__answer_html(v->request->responder, 200, cnc__page_lines(v->page),
                         html, len);
    } else if (!a->closed) {
        cnc__log(CNC_LOG_WARN, "page.error", "page=%s %s", v->page->path,
                 error);
        cnc__answer_plain(a, v->request->responder, 503, "Retry-After: 5\r\n",
                          "This page cannot be shown just now",
                          "Its template failed. The service's log says "
                          "where.");
    }
    cnc__page_unref(&v->page);
    cnc__free(v);
}

static bool
once(struct cnc__web_page *p, const struct cnc__actor *who, struct visit *v)
{
    struct cnc__viewer viewer;
    cnc__viewer_init(&viewer, who);
    bool ok = cnc__once(p, &viewer, NULL, NULL, NULL, on_once, v);
    cnc__viewer_fini(&viewer);
    return ok;
}

static struct visit *
visit_new(struct cnc__web_page *p, struct cnc__http_request *r)
{
    struct visit *v = cnc__zalloc(sizeof(*v));
    *v = (struct visit){p->agent, cnc__page_ref(p), r};
    return v;
}

/* There is no room for one that stays: rendered for this request. */
static void
answer_once(struct cnc__decl *d, const char *lang, struct cnc__http_request *r,
            char *values[CNC__WEB_MAX_PARTS])
{
    struct cnc__agent *a = d->agent;
    struct cnc__web_page *p = NULL;
    struct cnc__web_caller w;
    if (r->method != CNC__HTTP_GET && r->method != CNC__HTTP_HEAD) {
        answer_method(a, r, false);
        return;
    }
    if (values[0] == NULL ||
        cnc__page_new(&p, d, lang, r->path, values, NULL) != 0) {
        not_found(a, r);
        return;
    }
    cnc__web_caller_init(&w, a, r);
    p->closed_ = true;
    struct visit *v = visit_new(p, r);
    if (!cnc__page_may(p, &w.caller.who)) {
        cnc__web_forbidden(a, r, &w.caller);
        cnc__page_unref(&v->page);
        cnc__free(v);
    } else if (!once(p, &w.caller.who, v)) {
        cnc__answer_plain(a, r->responder, 503, "Retry-After: 1\r\n",
                          "Too many at once", "Please try again in a moment.");
        cnc__page_unref(&v->page);
        cnc__free(v);
    }
    cnc__web_caller_fini(&w);
    cnc__page_unref(&p);
}

static void
open_instance(struct cnc__decl *d, const char *lang,
              struct cnc__http_request *r, char *values[CNC__WEB_MAX_PARTS])
{
    struct cnc__web_page *p = cnc__instance(d, lang, r->path, values);
    if (p == NULL) {
        answer_once(d, lang, r, values);
    } else if (p->snapshot == NULL && p->error == NULL) {
        cnc__page_when(p, on_made, visit_new(p, r));
    } else {
        open_page(p, r);
    }
}

/* A page of the table that has no snapshot yet is waited for when it is of a
 * path with parameters: others are made before anybody can ask. */
static void
open_listed(struct cnc__web_page *p, struct cnc__http_request *r)
{
    if (p->decl->n_params > 0 && p->snapshot == NULL && p->error == NULL &&
        p->agent->started) {
        cnc__page_when(p, on_made, visit_new(p, r));
    } else {
        open_page(p, r);
    }
}

static bool
open_declared(struct cnc__agent *a, const char *lang,
              struct cnc__http_request *r)
{
    char *values[CNC__WEB_MAX_PARTS];
    struct cnc__decl *d = cnc__decl_find(a, r->path, values);
    if (d != NULL && d->command[0] != '\0') {
        cnc__callpage(d, r, values);
    } else if (d != NULL) {
        open_instance(d, d->localized ? lang : "en", r, values);
    }
    cnc__decl_free_values(values);
    return d != NULL;
}

bool
cnc__agent_knows(const struct cnc__agent *a, const char *path)
{
    char *values[CNC__WEB_MAX_PARTS] = {NULL};
    bool knows = strncmp(path, "/_", 2) == 0 ||
                 strncmp(path, "/.well-known/", 13) == 0 ||
                 cnc__decl_find(a, path, values) != NULL;
    cnc__decl_free_values(values);
    return knows;
}

/* "/books/" is "/books". */
static bool
redirect_slash(struct cnc__agent *a, struct cnc__http_request *r)
{
    size_t len = strlen(r->path);
    if (len < 2 || r->path[len - 1] != '/' || r->method == CNC__HTTP_OTHER ||
        r->method == CNC__HTTP_POST) {
        return false;
    }
    char *path = cnc__strndup(r->path, len - 1);
    char *values[CNC__WEB_MAX_PARTS];
    bool is_page = cnc__decl_find(a, path, values) != NULL;
    cnc__decl_free_values(values);
    if (is_page) {
        cnc__answer_see(a, r->responder, 308, path);
    }
    cnc__free(path);
    return is_page;
}

/* Browsers ask for it unasked; an app that has one names it in its sheet. */
static bool
is_unasked(const struct cnc__http_request *r)
{
    return strcmp(r->path, "/favicon.ico") == 0;
}

/* In that language; a page of an app without catalogues is there once. */
static struct cnc__web_page *
find_page(struct cnc__agent *a, const char *lang, const char *path)
{
    struct cnc__web_page *p = cnc__languages_get(a, lang, path);
    if (p == NULL && strcmp(lang, "en") != 0) {
        p = cnc__page_get(a, path);
        p = p != NULL && p->decl->localized && p->decl->n_params > 0 ? NULL
                                                                     : p;
    }
    return p;
}

static void
route(struct cnc__agent *a, struct cnc__http_request *r)
{
    if (cnc__do_answer(a, r) || cnc__preview_answer(a, r)) {
        return;
    }
    bool asked;
    const char *lang = cnc__languages_choose(a, r, &asked);
    lang = lang == NULL ? "en" : lang;
    struct cnc__web_page *p = find_page(a, lang, r->path);
    if (p != NULL) {
        open_listed(p, r);
        return;
    }
    if (cnc__assets_answer(a, r)) {
        return;
    }
    if (is_unasked(r) && r->method != CNC__HTTP_POST) {
        struct cnc__http_response none = {
            .status = 204, .headers = "Cache-Control: max-age=86400\r\n"};

        r->unknown = true;
        r->responder->respond(r->responder, &none);
        return;
    }
    if (open_declared(a, lang, r) || redirect_slash(a, r)) {
        return;
    }
    r->unknown = true;
    if (r->method == CNC__HTTP_OTHER || r->method == CNC__HTTP_POST) {
        answer_method(a, r, false);
        return;
    }
    not_found(a, r);
}

void
cnc__agent_http(struct cnc__agent *a, struct cnc__http_request *r)
{
    struct cnc__http_request *before = a->visiting;
    a->visiting = r;
    route(a, r);
    a->visiting = before;
}
