/* SPDX-License-Identifier: MIT */
/*
 * error.c -- an answer that says what is wrong, made by the item "error.xsl"
 * of the node `templates` when there is one.  Its source is
 *
 *   <page c:title="There is no such page" ...><viewer .../><menu>...</menu>
 *     <error code="404" href="/back">The address may be mistyped.</error>
 *   </page>
 *
 * When that sheet fails the plain page is sent; after MAX_FAILURES it is not
 * tried again until it changes, since whoever asks for nothing may ask often.
 */
#include "../xml/write.h"
#include "web.h"

#define SHEET        "error.xsl"
#define MAX_FAILURES 3
#define MAX_TOGETHER 4 /* of what may be rendered once together */

struct failing {
    struct cnc__agent *agent; /* its memory is ours until the end */
    struct cnc__http_responder *responder;
    struct cnc__sheet *sheet;
    int status;
    const char *lang;
    char *headers, *title, *text, *link;
};

static void
free_failing(struct failing *f)
{
    cnc__sheet_unref(&f->sheet);
    cnc__free(f->headers);
    cnc__free(f->title);
    cnc__free(f->text);
    cnc__free(f->link);
    cnc__agent_unref(f->agent);
    cnc__free(f);
}

static void
failed(struct failing *f, const char *error)
{
    struct cnc__agent *a = f->agent;
    if (a->error_sheet != f->sheet) {
        cnc__sheet_unref(&a->error_sheet);
        a->error_sheet = cnc__sheet_ref(f->sheet);
        a->error_failures = 0;
    }
    a->error_failures++;
    cnc__log(CNC_LOG_WARN, "page.error", "page=(%d) template=" SHEET " %s",
             f->status, error);
    cnc__answer_simple(a, f->responder, f->status, f->lang, f->headers,
                       f->title, f->text, f->link);
}

static void
on_html(const char *html, size_t len, const char *error, void *priv)
{
    struct failing *f = priv;
    f->agent->n_errors--;
    if (f->agent->closed) {
        free_failing(f);
        return;
    }
    if (html != NULL) {
        struct cnc__str lines = CNC__STR;
        cnc__str_printf(&lines, "%s%s", cnc__call_headers, f->headers);
        cnc__answer_html(f->responder, f->status, lines.data, html, len);
        cnc__str_fini(&lines);
    } else {
        failed(f, error);
    }
    free_failing(f);
}

static void
write_source(struct cnc__str *out, const struct failing *f,
             const struct cnc__caller *who, const char *at)
{
    struct cnc__agent *a = f->agent;
    struct cnc__str path = CNC__STR, href = CNC__STR;
    cnc__web_percent(&path, at, true);
    cnc__callsource_begin(out, a, who, f->title, cnc__str_c(&path));
    cnc__callsource_menu(out, a, who);
    cnc__xml_printf(out, "<error code='%d'", f->status);
    if (f->link != NULL) {
        cnc__web_percent(&href, f->link, true);
        cnc__xml_printf(out, " href='%s'", href.data);
    }
    cnc__xml_printf(out, ">%s</error>", f->text);
    cnc__callsource_end(out);
    cnc__str_fini(&path);
    cnc__str_fini(&href);
}

/* For whom: a guest when the request is gone. */
static bool
render(struct failing *f, const char *lang)
{
    struct cnc__agent *a = f->agent;
    struct cnc__http_request none = {.path = "", .query = ""}, *r = &none;
    struct cnc__web_caller w;
    struct cnc__str source = CNC__STR;
    if (a->visiting != NULL && a->visiting->responder == f->responder) {
        r = a->visiting;
    }
    cnc__web_caller_init(&w, a, r);
    write_source(&source, f, &w.caller, r->path);
    bool ok = cnc__once_source(a, &w.caller.who, f->sheet, lang, &source, NULL,
                               0, on_html, f);
    cnc__web_caller_fini(&w);
    cnc__str_fini(&source);
    return ok;
}

bool
cnc__error_page(struct cnc__agent *a, struct cnc__http_responder *responder,
                int status, const char *lang, const char *headers,
                const char *title, const char *text, const char *link)
{
    struct cnc__sheet *sheet = cnc__sheet_of(a, SHEET);
    bool bad = sheet == a->error_sheet && a->error_failures >= MAX_FAILURES;
    if (sheet == a->builtin || bad || a->closed || !a->started ||
        a->n_errors >= MAX_TOGETHER) {
        return false;
    }
    struct failing *f = cnc__zalloc(sizeof(*f));
    cnc__agent_ref(a);
    f->agent = a;
    f->responder = responder;
    f->sheet = cnc__sheet_ref(sheet);
    f->status = status;
    f->lang = lang;
    f->headers = cnc__strdup(headers != NULL ? headers : "");
    f->title = cnc__strdup(title);
    f->text = cnc__strdup(text);
    f->link = cnc__strdup(link);
    a->n_errors++;
    bool ok = render(f, lang);
    if (!ok) {
        a->n_errors--;
        free_failing(f);
    }
    return ok;
}
