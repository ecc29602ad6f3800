/* SPDX-License-Identifier: MIT */
/*
 * answer.c -- which encoding, which entity tag, and plain pages that say what
 * is wrong.
 */
#include <strings.h>

#include "../xml/write.h"
#include "web.h"

/* -- Accept-Encoding (RFC 9110 12.5.3) ----------------------------------- */

/* Thousandths; 1000 when there is none, 0 when it makes no sense. */
static unsigned
q_value(const char *s, const char *end)
{
    while (s < end && (*s == ';' || *s == ' ' || *s == '\t')) {
        s++;
    }
    if (s == end) {
        return 1000;
    }
    if (end - s < 3 || (*s != 'q' && *s != 'Q') || s[1] != '=') {
        return 0;
    }
    s += 2;
    unsigned q = *s == '1' ? 1000 : 0, unit = 100;
    if (*s != '0' && *s != '1') {
        return 0;
    }
    s++;
    if (s < end && *s == '.') {
        for (s++; s < end && *s >= '0' && *s <= '9' && unit > 0; s++) {
            q += (unsigned)(*s - '0') * unit;
            unit /= 10;
        }
    }
    return q > 1000 ? 1000 : q;
}

static bool
token_is(const char *s, size_t n, const char *name)
{
    return strlen(name) == n && strncasecmp(s, name, n) == 0;
}

enum cnc__encoding
cnc__answer_encoding(const char *accept, unsigned have)
{
    /* Not named: unacceptable, but for identity; "*" is for the others. */
    int q[CNC__N_ENCODINGS] = {-1, -1, -1}, any = -1;
    for (const char *s = accept; s != NULL && *s != '\0';) {
        s += strspn(s, " \t,");
        size_t len = strcspn(s, ","), n = strcspn(s, " \t;,");
        const char *end = s + len;
        while (end > s + n && (end[-1] == ' ' || end[-1] == '\t')) {
            end--;
        }
        int value = (int)q_value(s + n, end);
        if (token_is(s, n, "gzip") || token_is(s, n, "x-gzip")) {
            q[CNC__GZIP] = value;
        } else if (token_is(s, n, "br")) {
            q[CNC__BROTLI] = value;
        } else if (token_is(s, n, "identity")) {
            q[CNC__IDENTITY] = value;
        } else if (token_is(s, n, "*")) {
            any = value;
        }
        s += len;
    }
    enum cnc__encoding best = CNC__IDENTITY;
    int best_q = 0;
    static const enum cnc__encoding order[] = {CNC__BROTLI, CNC__GZIP,
                                               CNC__IDENTITY};
    for (size_t i = 0; i < CNC_N(order); i++) {
        enum cnc__encoding e = order[i];
        int value = q[e] >= 0 ? q[e] : any >= 0 ? any : 0;
        if (e == CNC__IDENTITY && q[e] < 0 && any != 0) {
            value = 1; /* always there, last */
        }
        if ((have & 1u << e) != 0 && value > best_q) {
            best = e;
            best_q = value;
        }
    }
    return best;
}

const char *
cnc__answer_suffix(enum cnc__encoding e)
{
    static const char *const suffix[] = {"", "-gz", "-br"};
    return suffix[e];
}

/* A copy in another encoding is the same page: the comparison is weak
 * (RFC 9110 13.1.2), so the suffix does not count. */
bool
cnc__answer_not_modified(const char *if_none_match, const char *etag)
{
    const char *s = if_none_match;
    size_t n = strlen(etag);
    if (s == NULL || n == 0) {
        return false;
    }
    if (strcmp(s, "*") == 0) {
        return true;
    }
    while ((s = strstr(s, etag)) != NULL) {
        bool starts = s > if_none_match && s[-1] == '"';
        s += n;
        const char *rest = s;
        if (strncmp(rest, "-gz", 3) == 0 || strncmp(rest, "-br", 3) == 0) {
            rest += 3;
        }
        if (starts && *rest == '"') {
            return true;
        }
    }
    return false;
}

/* -- plain pages --------------------------------------------------------- */

const char cnc__answer_css[] =
    ":root{color-scheme:light dark}"
    "body{font:1.0625rem/1.6 system-ui,sans-serif;margin:0;min-height:100vh;"
    "display:grid;place-items:center;background:Canvas;color:CanvasText}"
    "main{max-width:34rem;padding:2rem}"
    "h1{font-size:1.75rem;line-height:1.2;margin:0 0 .75rem}"
    "p{margin:0 0 1rem}"
    ".code{font-size:.875rem;letter-spacing:.08em;margin:0 0 .5rem;"
    "opacity:.7}"
    "a{color:LinkText}"
    "label{display:block;font-size:.875rem;opacity:.8}"
    "label::first-letter{text-transform:uppercase}"
    "input:not([type=hidden]),textarea{font:inherit;width:100%;padding:.5rem;"
    "box-sizing:border-box;border:1px solid GrayText;border-radius:.375rem;"
    "background:Field;color:FieldText}"
    "button{font:inherit;padding:.5rem 1.25rem;border:0;border-radius:.375rem;"
    "background:Highlight;color:HighlightText}";

/* The pages' policy forbids inline style; this one names its hash. */
void
cnc__answer_style(struct cnc__agent *a)
{
    struct cnc__str s = CNC__STR;
    unsigned char hash[32];
    cnc__pack_sha256(hash, cnc__answer_css, sizeof(cnc__answer_css) - 1);
    cnc__str_puts(&s, "Content-Security-Policy: default-src 'none'; "
                      "style-src 'sha256-");
    cnc__base64_encode(&s, hash, sizeof(hash));
    cnc__str_puts(&s, "'; base-uri 'none'; form-action 'none'; "
                      "frame-ancestors 'none'\r\n");
    a->style_csp = cnc__str_steal(&s);
}

void
cnc__answer_html(struct cnc__http_responder *responder, int status,
                 const char *headers, const char *html, size_t len)
{
    struct cnc_buf *body = cnc_buf_new(html, len);
    struct cnc__http_response out = {.status = status,
                                     .content_type =
                                         "text/html; charset=utf-8",
                                     .headers = headers,
                                     .body = body};
    responder->respond(responder, &out);
    cnc_buf_unref(&body);
}

void
cnc__answer_simple_html(struct cnc__str *out, int status, const char *lang,
                        const char *title, const char *text, const char *more)
{
    cnc__xml_printf(out,
                    "<!DOCTYPE html><html lang=\"%s\"><head>"
                    "<meta charset=\"utf-8\"><meta name=\"viewport\" "
                    "content=\"width=device-width, initial-scale=1\">"
                    "<title>%s</title><style>%pR</style></head><body><main>"
                    "<p class=\"code\">%d</p><h1>%s</h1><p>%s</p>%pR"
                    "</main></body></html>\n",
                    lang, title, cnc__answer_css, status, title, text, more);
}

void
cnc__answer_simple(struct cnc__agent *a, struct cnc__http_responder *responder,
                   int status, const char *lang, const char *headers,
                   const char *title, const char *text, const char *link)
{
    struct cnc__str html = CNC__STR, lines = CNC__STR, href = CNC__STR;
    struct cnc__str more = CNC__STR;
    if (link != NULL) {
        cnc__web_percent(&href, link, true);
        cnc__xml_printf(
            &more, "<p><a href=\"%s%s\">%s</a></p>", a->prefix,
            cnc__str_c(&href),
            cnc__tr(cnc__locale_tr(a->locale, lang), "Back to the page"));
    }
    cnc__answer_simple_html(&html, status, lang, title, text, more.data);
    cnc__str_printf(&lines,
                    "Cache-Control: no-store\r\n%s"
                    "X-Content-Type-Options: nosniff\r\n"
                    "Referrer-Policy: same-origin\r\n%s",
                    a->style_csp, headers != NULL ? headers : "");
    cnc__answer_html(responder, status, lines.data, html.data, html.len);
    cnc__str_fini(&html);
    cnc__str_fini(&lines);
    cnc__str_fini(&href);
    cnc__str_fini(&more);
}

/* Of the request that is being looked at; of others, English. */
static const char *
lang_of(const struct cnc__agent *a, const struct cnc__http_responder *to)
{
    const struct cnc__http_request *r = a->visiting;
    bool asked;
    const char *lang = r == NULL || r->responder != to
                           ? NULL
                           : cnc__languages_choose(a, r, &asked);
    return lang == NULL ? "en" : lang;
}

static void
answer(struct cnc__agent *a, struct cnc__http_responder *responder, int status,
       const char *headers, const char *title, const char *text,
       const char *link)
{
    const char *lang = lang_of(a, responder);
    const struct cnc__tr *tr = cnc__locale_tr(a->locale, lang);
    char *said = cnc__tr_sentence(tr, text);
    title = cnc__tr(tr, title);
    if (!cnc__error_page(a, responder, status, lang, headers, title, said,
                         link)) {
        cnc__answer_simple(a, responder, status, lang, headers, title, said,
                           link);
    }
    cnc__free(said);
}

void
cnc__answer_plain(struct cnc__agent *a, struct cnc__http_responder *responder,
                  int status, const char *headers, const char *title,
                  const char *text)
{
    answer(a, responder, status, headers, title, text, NULL);
}

void
cnc__answer_back(struct cnc__agent *a, struct cnc__http_responder *responder,
                 int status, const char *title, const char *text,
                 const char *path)
{
    answer(a, responder, status, NULL, title, text, path);
}

void
cnc__answer_see(const struct cnc__agent *a,
                struct cnc__http_responder *responder, int status,
                const char *location)
{
    struct cnc__str lines = CNC__STR;
    struct cnc__http_response out = {.status = status};
    cnc__str_printf(&lines, "Location: %s", a->prefix);
    cnc__web_percent(&lines, location, true);
    cnc__str_puts(&lines, "\r\nCache-Control: no-store\r\n");
    out.headers = lines.data;
    responder->respond(responder, &out);
    cnc__str_fini(&lines);
}
