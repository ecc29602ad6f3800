/* SPDX-License-Identifier: MIT */
/*
 * callpage.c -- a page of commands (.command = "apps nodes"), made for each
 * request: docs/apps.md "What a page is given".  Each command that is safe is
 * run as the caller, with the parameters and the query as its values; one that
 * is not shows its form, which is posted to the page itself, as PATH?do=NODE.
 * That command is run first, and the others then see what it did.  When all
 * have answered, the template is run once.
 */
#include "callpage.h"

void
cnc__callpage_drop(struct cnc__callpage *c)
{
    cnc__form_files_end(&c->files, false, NULL);
    for (size_t i = 0; i < c->n_calls; i++) {
        struct cnc__call *k = &c->calls[i];
        cnc__free(k->node);
        cnc__free(k->note);
        cnc__free(k->x);
        cnc__free(k->see);
        cnc__str_fini(&k->fields);
        cnc__str_fini(&k->action);
    }
    for (size_t i = 0; i < c->n_pairs; i++) {
        cnc__free(c->pairs[i].name);
        cnc__free(c->pairs[i].value);
    }
    cnc__decl_unref(&c->decl);
    cnc__web_caller_fini(&c->who);
    cnc__free(c->do_);
    cnc__free(c);
}

static void
unlink_callpage(struct cnc__callpage *c)
{
    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else {
        c->agent->callpages = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
}

/* What still runs answers to nobody. */
void
cnc__callpage_free(struct cnc__agent *a)
{
    while (a->callpages != NULL) {
        struct cnc__callpage *c = a->callpages;
        unlink_callpage(c);
        c->agent = NULL;
        if (c->waiting == 0) {
            cnc__callpage_drop(c);
        }
    }
}

/* -- the answer ----------------------------------------------------------- */

void
cnc__callpage_end(struct cnc__callpage *c)
{
    unlink_callpage(c);
    cnc__callpage_drop(c);
}

static void
on_html(const char *html, size_t len, const char *error, void *priv)
{
    struct cnc__callpage *c = priv;
    struct cnc__agent *a = c->agent;
    if (a == NULL || a->closed) {
        if (a == NULL) { /* it was let go of already */
            cnc__callpage_drop(c);
        }
        return;
    }
    if (html != NULL) {
        struct cnc__str lines = CNC__STR;
        cnc__str_printf(&lines, "%s%s", cnc__call_headers,
                        cnc__str_c(&c->who.call.headers));
        cnc__answer_html(c->request->responder, c->status, lines.data, html,
                         len);
        cnc__str_fini(&lines);
    } else {
        cnc__log(CNC_LOG_WARN, "page.error", "page=%s template=%s %s",
                 c->decl->path, c->decl->template_, error);
        cnc__answer_plain(a, c->request->responder, 503, "Retry-After: 5\r\n",
                          "This page cannot be shown just now",
                          "Its template failed. The service's log says "
                          "where.");
    }
    cnc__callpage_end(c);
}

static void
write_source(struct cnc__str *out, struct cnc__callpage *c)
{
    struct cnc__agent *a = c->agent;
    char *values[CNC__WEB_MAX_PARTS] = {NULL};
    struct cnc__str path = CNC__STR;
    for (size_t i = 0; i < c->n_params; i++) {
        values[i] = c->pairs[i].value;
    }
    const struct cnc__tr *tr = cnc__caller_tr(a, &c->who.caller);
    char *title =
        cnc__decl_expand(c->decl, cnc__tr(tr, c->decl->title), values);
    char *flash = cnc__flash_take(a, c->request, &c->who.call.headers);
    cnc__web_percent(&path, c->request->path, true);
    cnc__callsource_begin(out, a, &c->who.caller, title, path.data);
    for (size_t i = 0; i < c->n_pairs; i++) {
        cnc__callsource_param(out, c->pairs[i].name, c->pairs[i].value);
    }
    cnc__callsource_flash(out, flash);
    cnc__callsource_menu(out, a, &c->who.caller);
    for (size_t i = 0; i < c->n_calls; i++) {
        const struct cnc__call *k = &c->calls[i];
        cnc__callsource_command(
            out, tr, cnc__commands_get(a->env.commands, k->node), k->node,
            cnc__str_c(&k->action), k->code, k->note, k->x);
    }
    cnc__callsource_end(out);
    cnc__str_fini(&path);
    cnc__free(title);
    cnc__free(flash);
}

static void
render(struct cnc__callpage *c)
{
    struct cnc__agent *a = c->agent;
    struct cnc__once_form forms[CNC__CALLPAGE_MAX];
    size_t n = 0;
    struct cnc__str source = CNC__STR;
    for (size_t i = 0; i < c->n_calls; i++) {
        const struct cnc__call *k = &c->calls[i];
        if (k->fields.len > 0) {
            forms[n++] =
                (struct cnc__once_form){k->node, &k->fields, &k->action};
        }
    }
    write_source(&source, c);
    if (!cnc__once_source(a, &c->who.caller.who,
                          cnc__sheet_of(a, c->decl->template_),
                          cnc__page_lang(a, &c->who.caller), &source, forms, n,
                          on_html, c)) {
        cnc__answer_plain(a, c->request->responder, 503, "Retry-After: 1\r\n",
                          "Too many at once", "Please try again in a moment.");
        cnc__callpage_end(c);
    }
    cnc__str_fini(&source);
}

void
cnc__callpage_go(struct cnc__callpage *c, const char *place, const char *note)
{
    if (note != NULL) {
        char *said =
            cnc__tr_sentence(cnc__caller_tr(c->agent, &c->who.caller), note);
        cnc__flash_put(c->agent, c->request, &c->who.call.headers, said);
        cnc__free(said);
    }
    cnc__web_go(c->agent, c->request->responder, place,
                cnc__str_c(&c->who.call.headers));
    cnc__callpage_end(c);
}

/* All have answered: what the page as a whole is. */
static void
answer(struct cnc__callpage *c)
{
    bool forbidden = false;
    for (size_t i = 0; i < c->n_calls; i++) {
        forbidden = forbidden || c->calls[i].code == CNC_EACCES;
        if (c->status == 200 && c->calls[i].code != 0) {
            c->status = cnc__callsource_status(c->calls[i].code);
        }
    }
    const char *see = c->n_calls == 1 ? c->calls[0].see : NULL;
    if (forbidden && c->who.caller.who.anonymous) {
        cnc__web_forbidden(c->agent, c->request, &c->who.caller);
        cnc__callpage_end(c);
    } else if (see != NULL && cnc__web_is_local(see) &&
               strcmp(see, c->request->path) != 0) {
        cnc__callpage_go(c, see, c->calls[0].note);
    } else {
        render(c);
    }
}

void
cnc__callpage_step(struct cnc__callpage *c)
{
    if (--c->waiting > 0) {
        return;
    }
    if (c->agent == NULL) {
        cnc__callpage_drop(c);
    } else {
        answer(c);
    }
}

/* -- reading -------------------------------------------------------------- */

static int
on_pair(const char *name, const char *value, void *priv)
{
    struct cnc__callpage *c = priv;
    if (strcmp(name, "do") == 0) { /* never a parameter: see write_action() */
        cnc__free(c->do_);
        c->do_ = cnc__strdup(value);
    } else if (cnc__xml_chars_valid(name, strlen(name)) &&
               cnc__xml_chars_valid(value, strlen(value))) {
        c->pairs[c->n_pairs++] =
            (struct cnc__pair){cnc__strdup(name), cnc__strdup(value)};
    }
    return 0;
}

static void
read_pairs(struct cnc__callpage *c, char *const values[CNC__WEB_MAX_PARTS])
{
    const struct cnc__decl *d = c->decl;
    for (size_t i = 0; i < d->n_parts; i++) {
        if (d->parts[i].param) {
            c->pairs[c->n_params] =
                (struct cnc__pair){cnc__strdup(d->parts[i].text),
                                   cnc__strdup(values[c->n_params])};
            c->n_params++;
        }
    }
    c->n_pairs = c->n_params;
    /* What cannot be read is as good as none. */
    cnc__http_form_parse(c->request->query, strlen(c->request->query),
                         CNC__CALLPAGE_PAIRS, on_pair, c);
}

/* "records/{node}/edit": what the address says.  It chooses among commands
 * that whoever looks may run anyway. */
static char *
expand(const struct cnc__callpage *c, const char *s, size_t n)
{
    const char *open = memchr(s, '{', n), *end;
    struct cnc__str out = CNC__STR;
    if (open == NULL ||
        (end = memchr(open, '}', n - (size_t)(open - s))) == NULL) {
        return cnc__strndup(s, n);
    }
    cnc__str_add(&out, s, (size_t)(open - s));
    for (size_t i = 0; i < c->n_pairs; i++) {
        const struct cnc__pair *p = &c->pairs[i];
        if (strlen(p->name) == (size_t)(end - open - 1) &&
            memcmp(p->name, open + 1, (size_t)(end - open - 1)) == 0) {
            cnc__str_puts(&out, p->value);
            break;
        }
    }
    cnc__str_add(&out, end + 1, n - (size_t)(end + 1 - s));
    return cnc__str_steal(&out);
}

static void
read_commands(struct cnc__callpage *c)
{
    for (const char *s = c->decl->command;
         *s != '\0' && c->n_calls < CNC__CALLPAGE_MAX;) {
        size_t n = strcspn(s, " ");
        if (n > 0) {
            struct cnc__call *k = &c->calls[c->n_calls++];
            k->page = c;
            k->node = expand(c, s, n);
        }
        s += n + (s[n] == ' ');
    }
}

void
cnc__callpage(struct cnc__decl *d, struct cnc__http_request *r,
              char *const values[CNC__WEB_MAX_PARTS])
{
    struct cnc__agent *a = d->agent;
    if (r->method == CNC__HTTP_OTHER) {
        cnc__answer_plain(a, r->responder, 405, "Allow: GET, HEAD, POST\r\n",
                          "That cannot be done here",
                          "This address can be read only; its forms say "
                          "where they are sent.");
        return;
    }
    struct cnc__callpage *c = cnc__zalloc(sizeof(*c));
    c->agent = a;
    c->decl = d;
    d->refs++;
    c->request = r;
    c->status = 200;
    c->next = a->callpages;
    if (c->next != NULL) {
        c->next->prev = c;
    }
    a->callpages = c;
    cnc__web_caller_init(&c->who, a, r);
    if (!cnc__decl_may_read(d, &c->who.caller.who)) {
        cnc__web_forbidden(a, r, &c->who.caller);
        cnc__callpage_end(c);
        return;
    }
    read_pairs(c, values);
    read_commands(c);
    if (r->method == CNC__HTTP_POST) {
        cnc__call_post(c);
    } else {
        cnc__call_run_all(c);
    }
}
