/* SPDX-License-Identifier: MIT */
/*
 * down.c -- answers without the service: an older page, what was typed to be
 * sent again, or a page that says what is wrong.
 */
#include <stdio.h>

#include "../base/text.h"
#include "../web/locale.h"
#include "../web/web.h"
#include "../xml/write.h"
#include "impl.h"

/* Who asks chooses as the service's own pages have it. */
const char *
cnc__fdown_lang(const struct cnc__exchange *x)
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

const struct cnc__tr *
cnc__fdown_tr(const struct cnc__exchange *x)
{
    return cnc__locale_tr(x->f->locale, cnc__fdown_lang(x));
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
    const struct cnc__tr *tr = cnc__fdown_tr(x);
    struct cnc__str html = CNC__STR;
    char *said = cnc__tr_sentence(tr, text);
    char len[24];

    cnc__fanswer_init(out, x->f, status);
    add_headers(out, more != NULL);
    cnc__answer_simple_html(&html, status, cnc__fdown_lang(x),
                            cnc__tr(tr, title), said,
                            more == NULL ? NULL : cnc__str_c(more));
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

/* What a person has filled in is not lost: it is there to be sent again, and
 * what was sent twice is one item by its id. */
static void
answer_form(struct cnc__front_answer *out, struct cnc__exchange *x)
{
    const struct cnc__tr *tr = cnc__fdown_tr(x);
    struct cnc__str more = CNC__STR, form = CNC__STR;
    bool files = false, typed = cnc__ftyped_form(&form, x, &files);

    if (files) {
        cnc__xml_printf(&more, "<p>%s</p>",
                        cnc__tr(tr, "Files could not be kept: please choose "
                                    "them again."));
    }
    cnc__str_add(&more, form.data, form.len);
    plain_page(out, x, 503, "It could not be sent",
               typed ? CNC__TEXT("The service is away just now. What you "
                                 "typed is kept here: please send it again "
                                 "in a moment.")
                     : CNC__TEXT("The service is away just now. Please go "
                                 "back, and send it again in a moment."),
               &more);
    cnc__str_fini(&more);
    cnc__str_fini(&form);
}

void
cnc__fdown_answer(struct cnc__front_answer *out, struct cnc__exchange *x)
{
    if (cnc__fseen_is_command(&x->s)) {
        plain_page(out, x, 503, "It could not be sent",
                   x->sent
                       ? CNC__TEXT("The service went away meanwhile: it may "
                                   "have been done, or not. What you typed "
                                   "is not shown again, since it may be a "
                                   "password.")
                       : CNC__TEXT("The service is away just now. What you "
                                   "typed is not shown again, since it may "
                                   "be a password: please go back, and send "
                                   "it again in a moment."),
                   NULL);
    } else if (x->s.post) {
        answer_form(out, x);
    } else if (!cnc__fold_answer(out, x)) {
        plain_page(out, x, 503, "The service is away",
                   "It is being started again, or has stopped. Please try "
                   "again in a moment.",
                   NULL);
    }
}
