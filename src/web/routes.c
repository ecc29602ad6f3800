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

static void
answer_page(struct cnc__web_page *p, struct cnc__http_request *r)
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
    cnc__snapshot_answer(p->snapshot, r->responder,
                         cnc__http_header(r, "accept-encoding"),
                         cnc__http_header(r, "if-none-match"));
}

static void
page_request(struct cnc__web_page *p, struct cnc__http_request *r,
             const struct query *q)
{
    struct cnc__agent *a = p->agent;
    bool get = r->method == CNC__HTTP_GET || r->method == CNC__HTTP_HEAD;
    if (p->closed_) {
        cnc__answer_plain(a, r->responder, 403, NULL, "Not for guests",
                          "What this page shows is not open to everybody.");
    } else if (r->method == CNC__HTTP_POST && q->form != NULL) {
        cnc__submit_answer(p, q->form, r);
    } else if (!get) {
        answer_method(a, r, has_form(p));
    } else if (q->before != NULL && q->before[0] != '\0') {
        cnc__older_answer(p, q->before, r);
    } else {
        answer_page(p, r);
    }
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
    bool is_page = cnc__page_get(a, path) != NULL;
    if (is_page) {
        cnc__answer_see(r->responder, 308, path);
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

void
cnc__agent_http(struct cnc__agent *a, struct cnc__http_request *r)
{
    if (cnc__do_answer(a, r)) {
        return;
    }
    struct cnc__web_page *p = cnc__page_get(a, r->path);
    struct query q = {NULL, NULL};
    if (p != NULL) {
        /* A query that cannot be read is as good as none. */
        cnc__http_form_parse(r->query, strlen(r->query), MAX_PAIRS, on_pair,
                             &q);
        page_request(p, r, &q);
        cnc__free(q.before);
        cnc__free(q.form);
        return;
    }
    if (cnc__assets_answer(a, r) || redirect_slash(a, r)) {
        return;
    }
    if (r->method == CNC__HTTP_OTHER || r->method == CNC__HTTP_POST) {
        answer_method(a, r, false);
        return;
    }
    if (is_unasked(r)) {
        struct cnc__http_response none = {
            .status = 204, .headers = "Cache-Control: max-age=86400\r\n"};

        r->responder->respond(r->responder, &none);
        return;
    }
    cnc__answer_plain(a, r->responder, 404, NULL, "There is no such page",
                      "The address may be mistyped, or the page was moved.");
}
