/* SPDX-License-Identifier: MIT */
/*
 * down.c -- answers without the service.
 */
#include <stdio.h>

#include "../base/text.h"
#include "../web/locale.h"
#include "../web/web.h"
#include "../xml/write.h"
#include "impl.h"

/* Who asks chooses as the service's own pages have it. */
static const char *
lang_of(const struct cnc__exchange *x)
{
    const struct cnc__fseen *s = &x->s;
    const char *lang = NULL;

    if (s->cookie_lang != NULL) {
        lang =
            cnc__locale_find(x->f->locale, s->cookie_lang, s->cookie_lang_len);
    }
    if (lang == NULL) {
        lang = cnc__locale_accept(x->f->locale, s->accept_language);
    }
    return lang == NULL ? "en" : lang;
}

static const struct cnc__tr *
tr_of(const struct cnc__exchange *x)
{
    return cnc__locale_tr(x->f->locale, lang_of(x));
}

/* The policy allows the page's own style and, where there is one, its form. */
static void
add_headers(struct cnc__front_answer *out, bool form)
{
    struct cnc__str csp = CNC__STR;
    unsigned char hash[32];

    cnc__pack_sha256(hash, cnc__answer_css, strlen(cnc__answer_css));
    cnc__str_puts(&csp, "default-src 'none'; style-src 'sha256-");
    cnc__base64_encode(&csp, hash, sizeof(hash));
    cnc__str_printf(&csp,
                    "'; base-uri 'none'; form-action %s; "
                    "frame-ancestors 'none'",
                    form ? "'self'" : "'none'");
    cnc__fanswer_add(out, "Content-Type", "text/html; charset=utf-8");
    cnc__fanswer_add(out, "Cache-Control", "no-store");
    cnc__fanswer_add(out, "Content-Security-Policy", csp.data);
    cnc__fanswer_add(out, "X-Content-Type-Options", "nosniff");
    cnc__fanswer_add(out, "Referrer-Policy", "same-origin");
    if (out->status == 503) {
        cnc__fanswer_add(out, "Retry-After", "5");
    }
    cnc__str_fini(&csp);
}

/* more: further HTML, or NULL. */
static void
plain_page(struct cnc__front_answer *out, struct cnc__exchange *x, int status,
           const char *title, const char *text, const struct cnc__str *more)
{
    const struct cnc__tr *tr = tr_of(x);
    struct cnc__str html = CNC__STR;
    char *said = cnc__tr_sentence(tr, text);
    char len[24];

    cnc__fanswer_init(out, x->f, status);
    add_headers(out, more != NULL);
    cnc__answer_simple_html(&html, status, lang_of(x), cnc__tr(tr, title),
                            said, more == NULL ? NULL : cnc__str_c(more));
    snprintf(len, sizeof(len), "%zu", html.len);
    cnc__fanswer_add(out, "Content-Length", len);
    cnc__fanswer_body(out, x->s.head ? cnc_buf_ref(x->f->empty)
                                     : cnc_buf_new(html.data, html.len));
    cnc__str_fini(&html);
    cnc__free(said);
}

void
cnc__fdown_say(struct cnc__front_answer *out, struct cnc__exchange *x,
               int status, const char *title, const char *text)
{
    plain_page(out, x, status, title, text, NULL);
}

void
cnc__fdown_answer(struct cnc__front_answer *out, struct cnc__exchange *x,
                  const char *why)
{
    plain_page(
        out, x, 503, "The service is away",
        "It is being started again, or has stopped. Please try again in a "
        "moment.",
        NULL);
}
