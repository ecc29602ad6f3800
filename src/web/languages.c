/* SPDX-License-Identifier: MIT */
/*
 * languages.c -- which language a request is answered in, and the pages of
 * apps that have catalogues: one in each language of the domain, rendered from
 * the same records with the sheet's texts in it.
 *
 *   ?lang=de, which leaves a cookie > the cookie > Accept-Language > English
 *
 * A page in another language than English has the key "LANG:PATH" in the
 * table, in the render process and in the name of its view: strangers choose
 * parameters of paths, and no path begins like that.
 */
#include "head.h"
#include "web.h"

#define COOKIE_S  31536000 /* a year */
#define MAX_PAIRS 64
#define MAX_TEXTS 1024 /* of a sheet */
#define MAX_TEXT  8192 /* bytes */

static const char english[] = "en";

static bool
is_english(const char *lang)
{
    return strcmp(lang, english) == 0;
}

char *
cnc__languages_key(const char *lang, const char *path)
{
    struct cnc__str s = CNC__STR;
    if (!is_english(lang)) {
        cnc__str_printf(&s, "%s:", lang);
    }
    cnc__str_puts(&s, path);
    return cnc__str_steal(&s);
}

struct cnc__web_page *
cnc__languages_get(const struct cnc__agent *a, const char *lang,
                   const char *path)
{
    char *key = cnc__languages_key(lang, path);
    struct cnc__web_page *p = cnc__page_get(a, key);
    cnc__free(key);
    return p;
}

void
cnc__languages_list(struct cnc__str *out, const struct cnc__agent *a)
{
    const char *langs[CNC__LOCALE_MAX_LANGS];
    size_t n = cnc__locale_langs(a->locale, langs);
    for (size_t i = 0; n > 1 && i < n; i++) {
        cnc__str_printf(out, "%s%s", i > 0 ? " " : "", langs[i]);
    }
}

bool
cnc__languages_vary(const struct cnc__web_page *p)
{
    return p->decl->localized;
}

/* -- a request's ---------------------------------------------------------- */

struct asked {
    const struct cnc__agent *agent;
    const char *lang;
};

static int
on_pair(const char *name, const char *value, void *priv)
{
    struct asked *k = priv;
    if (strcmp(name, "lang") == 0) {
        k->lang = cnc__locale_find(k->agent->locale, value, strlen(value));
    }
    return 0;
}

static const char *
of_cookie(const struct cnc__agent *a, const struct cnc__http_request *r)
{
    size_t len = 0;
    const char *lang = cnc__http_cookie(r, CNC__COOKIE_LANG, &len);
    return lang == NULL ? NULL : cnc__locale_find(a->locale, lang, len);
}

const char *
cnc__languages_choose(const struct cnc__agent *a,
                      const struct cnc__http_request *r, bool *asked)
{
    const char *langs[CNC__LOCALE_MAX_LANGS];
    struct asked k = {a, NULL};
    *asked = false;
    if (cnc__locale_langs(a->locale, langs) < 2) {
        return NULL;
    }
    if (strstr(r->query, "lang") != NULL) {
        cnc__http_form_parse(r->query, strlen(r->query), MAX_PAIRS, on_pair,
                             &k);
        *asked = k.lang != NULL;
    }
    if (k.lang == NULL) {
        k.lang = of_cookie(a, r);
    }
    if (k.lang == NULL) {
        k.lang = cnc__locale_accept(a->locale,
                                    cnc__http_header(r, "accept-language"));
    }
    return k.lang != NULL ? k.lang : english;
}

void
cnc__languages_keep(const struct cnc__agent *a, struct cnc__str *headers,
                    const struct cnc__http_request *r, const char *lang)
{
    cnc__str_printf(headers,
                    "Set-Cookie: " CNC__COOKIE_LANG
                    "=%s; Path=%s/; Max-Age=%d; "
                    "SameSite=Lax%s\r\n",
                    lang, a->prefix, COOKIE_S, r->secure ? "; Secure" : "");
}

/* -- pages ---------------------------------------------------------------- */

void
cnc__languages_make(struct cnc__decl *d)
{
    struct cnc__agent *a = d->agent;
    const char *langs[CNC__LOCALE_MAX_LANGS];
    char *none[CNC__WEB_MAX_PARTS] = {NULL};
    size_t n = cnc__locale_langs(a->locale, langs);
    d->localized = n > 1 && cnc__locale_has(a->locale, d->app_name);
    for (size_t i = 1; d->localized && i < n; i++) {
        struct cnc__web_page *p = cnc__languages_get(a, langs[i], d->path);
        if (p != NULL && p->decl != d) {
            cnc__page_end(p); /* of a path with parameters: less specific */
            p = NULL;
        }
        if (d->node[0] != '\0' && d->n_params == 0 && p == NULL) {
            cnc__page_make(&p, d, langs[i], d->path, none, NULL);
        }
    }
}

static bool
is_wanted(const struct cnc__web_page *p)
{
    const char *langs[CNC__LOCALE_MAX_LANGS];
    size_t n = cnc__locale_langs(p->agent->locale, langs);
    bool there = false;
    for (size_t i = 0; i < n; i++) {
        there = there || strcmp(langs[i], p->lang) == 0;
    }
    return there && (is_english(p->lang) || p->decl->localized);
}

struct ending {
    struct cnc__web_page **all;
    size_t n;
};

/* What ends may make others wake up, which may make pages: first all are
 * found, then they end. */
static void
end_pages(struct cnc__agent *a, const struct cnc__decl *d)
{
    struct ending e = {NULL, 0};
    for (struct cnc__table_iter i = {0}; cnc__table_next(a->pages, &i);) {
        struct cnc__web_page *p = i.value;
        if (d != NULL ? p->decl == d && !is_english(p->lang) : !is_wanted(p)) {
            e.all =
                cnc__realloc(e.all, e.n + 1, sizeof(struct cnc__web_page *));
            e.all[e.n++] = cnc__page_ref(p);
        }
    }
    for (size_t i = 0; i < e.n; i++) {
        if (!e.all[i]->gone) {
            cnc__page_end(e.all[i]);
        }
        cnc__page_unref(&e.all[i]);
    }
    cnc__free(e.all);
}

void
cnc__languages_end(struct cnc__decl *d)
{
    end_pages(d->agent, d);
}

/* Its texts are others now. */
static void
renew(struct cnc__web_page *p)
{
    struct cnc__decl *d = p->decl;
    cnc__free(p->title);
    p->title =
        cnc__decl_expand(d, cnc__tr(cnc__page_tr(p), d->title), p->values);
    p->sheet_changed = p->forms_changed = true;
    p->events++;
    if (p->snapshot != NULL && p->snapshot->varies != cnc__languages_vary(p)) {
        struct cnc__snapshot *old = p->snapshot;
        p->snapshot = cnc__snapshot_again(old, p);
        cnc__snapshot_unref(&old);
        cnc__snapshot_tell(p);
        cnc__live_pack(p);
    }
    cnc__page_reload(p);
}

static void
sync(struct cnc__agent *a)
{
    const char *langs[CNC__LOCALE_MAX_LANGS];
    bool many = cnc__locale_langs(a->locale, langs) > 1;
    struct cnc__table *was = cnc__table_new();
    for (size_t i = 0; i < a->n_decls; i++) {
        struct cnc__decl *d = a->decls[i];
        if (d->localized) {
            cnc__table_put(was, d->path, d);
        }
        d->localized = many && cnc__locale_has(a->locale, d->app_name);
    }
    end_pages(a, NULL);
    for (struct cnc__table_iter i = {0}; cnc__table_next(a->pages, &i);) {
        struct cnc__web_page *p = i.value;
        if (p->decl->localized || cnc__table_get(was, p->decl->path) != NULL) {
            renew(p);
        }
    }
    for (size_t i = 0; i < a->n_decls; i++) {
        cnc__languages_make(a->decls[i]);
    }
    for (struct cnc__table_iter i = {0}; cnc__table_next(a->pages, &i);) {
        cnc__live_flush(i.value);
    }
    cnc__table_free(&was, NULL);
}

void
cnc__agent_locale(struct cnc__agent *a, const char *app, const char *dir)
{
    bool had = cnc__locale_has(a->locale, app);
    cnc__locale_load(a->locale, app, dir);
    if (had || cnc__locale_has(a->locale, app)) {
        sync(a);
    }
}

const struct cnc__tr *
cnc__agent_tr(const char *lang, void *agent)
{
    const struct cnc__agent *a = agent;
    return cnc__locale_tr(a->locale, lang);
}

/* -- the texts of a sheet ------------------------------------------------- */

/* A template is scanned, not parsed (imports.c): what is found too much is
 * looked up in vain. */

/* As the render process has it: entities replaced, blanks squeezed. */
static void
add_text(struct cnc__sheet *sheet, const char *s, size_t len)
{
    struct cnc__str out = CNC__STR;
    size_t used;
    for (size_t i = 0; i < len; i += used) {
        used = s[i] == '&' ? cnc__imports_entity(&out, s + i, len - i) : 0;
        if (used == 0 && strchr(" \t\r\n", s[i]) == NULL) {
            cnc__str_putc(&out, s[i]);
        } else if (used == 0 && out.len > 0 && out.data[out.len - 1] != ' ') {
            cnc__str_putc(&out, ' ');
        }
        used = used == 0 ? 1 : used;
    }
    if (out.len > 0 && out.data[out.len - 1] == ' ') {
        out.data[--out.len] = '\0';
    }
    if (out.len == 0) {
        cnc__str_fini(&out);
        return;
    }
    sheet->texts =
        cnc__realloc(sheet->texts, sheet->n_texts + 1, sizeof(*sheet->texts));
    sheet->texts[sheet->n_texts++] = cnc__str_steal(&out);
}

/* After ":text": an attribute's value, or what stands in the element. */
static void
scan_one(struct cnc__sheet *sheet, const char *s, const char *end)
{
    static const char cdata[] = "<![CDATA[";
    s += strspn(s, " \t\r\n");
    if (*s == '=') {
        s += 1 + strspn(s + 1, " \t\r\n");
        const char *close = *s == '"' || *s == '\'' ? strchr(s + 1, *s) : NULL;
        if (close != NULL && close - s <= MAX_TEXT) {
            add_text(sheet, s + 1, (size_t)(close - s - 1));
        }
        return;
    }
    s = memchr(s, '>', (size_t)(end - s));
    if (s == NULL || s[-1] == '/') {
        return;
    }
    s++;
    const char *stop = "<";
    if (strncmp(s, cdata, sizeof(cdata) - 1) == 0) {
        s += sizeof(cdata) - 1;
        stop = "]]>";
    }
    const char *close = strstr(s, stop);
    if (close != NULL && close - s <= MAX_TEXT) {
        add_text(sheet, s, (size_t)(close - s));
    }
}

static void
scan(struct cnc__sheet *sheet)
{
    static const char word[] = ":text";
    const char *s = sheet->text, *end = s + sheet->len;
    sheet->scanned = true;
    while (sheet->n_texts < MAX_TEXTS &&
           (s = memmem(s, (size_t)(end - s), word, sizeof(word) - 1)) !=
               NULL) {
        s += sizeof(word) - 1;
        if (strchr(" \t\r\n=>", *s) != NULL) {
            scan_one(sheet, s, end);
        }
    }
}

void
cnc__texts_pack(struct cnc__str *out, struct cnc__agent *a,
                struct cnc__sheet *sheet, const char *lang, const char *id,
                struct cnc__sheet *instead)
{
    const struct cnc__tr *tr = cnc__locale_tr(a->locale, lang);
    struct cnc__sheet *all[CNC__ENGINE_MAX_IMPORTS + 1];
    size_t n = tr == NULL ? 0 : cnc__imports_all(all, a, sheet, id, instead);
    for (size_t i = 0; i < n; i++) {
        if (!all[i]->scanned) {
            scan(all[i]);
        }
        for (size_t k = 0; k < all[i]->n_texts; k++) {
            const char *from = all[i]->texts[k], *to = cnc__tr(tr, from);
            if (to != from) {
                cnc__render_pack(out, from, strlen(from));
                cnc__render_pack(out, to, strlen(to));
            }
        }
    }
}
