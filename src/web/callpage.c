/* SPDX-License-Identifier: MIT */
/*
 * callpage.c -- a page of commands (.command = "apps nodes"), made for each
 * request: docs/apps.md "What a page is given".  Each command that is safe is
 * run as the caller, with the parameters and the query as its values; one that
 * is not shows its form, which is posted to the page itself, as PATH?do=NODE.
 * That command is run first, and the others then see what it did.  When all
 * have answered, the template is run once.
 */
#include "web.h"

#define MAX_CALLS  16 /* commands of one page */
#define MAX_PAIRS  64
#define MAX_POSTED 256

struct call {
    struct cnc__callpage *page;
    char *node;
    int code;
    char *note, *x, *see;
    struct cnc__str fields, action; /* the form, for <c:form/> */
};

struct cnc__pair {
    char *name, *value;
};

struct cnc__callpage {
    struct cnc__callpage *prev, *next;
    struct cnc__agent *agent; /* NULL: it ended */
    struct cnc__decl *decl;
    struct cnc__http_request *request;
    struct cnc__web_caller who;
    struct cnc__pair pairs[CNC__WEB_MAX_PARTS + MAX_PAIRS];
    size_t n_pairs, n_params;
    struct call calls[MAX_CALLS];
    size_t n_calls, waiting;
    char *do_; /* the node that a POST names; or NULL */
    struct call *posted;
    struct cnc__form_files *files; /* that came with its form; or NULL */
    int status;
};

static void
free_callpage(struct cnc__callpage *c)
{
    cnc__form_files_end(&c->files, false, NULL);
    for (size_t i = 0; i < c->n_calls; i++) {
        struct call *k = &c->calls[i];
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
            free_callpage(c);
        }
    }
}

/* -- the answer ----------------------------------------------------------- */

static void
finish(struct cnc__callpage *c)
{
    unlink_callpage(c);
    free_callpage(c);
}

static void
on_html(const char *html, size_t len, const char *error, void *priv)
{
    struct cnc__callpage *c = priv;
    struct cnc__agent *a = c->agent;
    if (a == NULL || a->closed) {
        if (a == NULL) { /* it was let go of already */
            free_callpage(c);
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
    finish(c);
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
        const struct call *k = &c->calls[i];
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
    struct cnc__once_form forms[MAX_CALLS];
    size_t n = 0;
    struct cnc__str source = CNC__STR;
    for (size_t i = 0; i < c->n_calls; i++) {
        const struct call *k = &c->calls[i];
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
        finish(c);
    }
    cnc__str_fini(&source);
}

/* With the note, which is shown there. */
static void
go(struct cnc__callpage *c, const char *place, const char *note)
{
    if (note != NULL) {
        char *said =
            cnc__tr_sentence(cnc__caller_tr(c->agent, &c->who.caller), note);
        cnc__flash_put(c->agent, c->request, &c->who.call.headers, said);
        cnc__free(said);
    }
    cnc__web_go(c->request->responder, place,
                cnc__str_c(&c->who.call.headers));
    finish(c);
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
        finish(c);
    } else if (see != NULL && cnc__web_is_local(see) &&
               strcmp(see, c->request->path) != 0) {
        go(c, see, c->calls[0].note);
    } else {
        render(c);
    }
}

static void
step(struct cnc__callpage *c)
{
    if (--c->waiting > 0) {
        return;
    }
    if (c->agent == NULL) {
        free_callpage(c);
    } else {
        answer(c);
    }
}

/* -- one command ---------------------------------------------------------- */

/* The page itself, with what its query says. */
static void
write_action(struct call *k)
{
    const struct cnc__callpage *c = k->page;
    cnc__str_clear(&k->action);
    cnc__web_percent(&k->action, c->request->path, true);
    cnc__str_puts(&k->action, "?");
    for (size_t i = c->n_params; i < c->n_pairs; i++) {
        cnc__web_percent(&k->action, c->pairs[i].name, false);
        cnc__str_putc(&k->action, '=');
        cnc__web_percent(&k->action, c->pairs[i].value, false);
        cnc__str_putc(&k->action, '&');
    }
    cnc__str_puts(&k->action, "do=");
    cnc__web_percent(&k->action, k->node, false);
}

static void
write_form(struct call *k, const struct cnc__command *cmd,
           const struct cnc__values *v)
{
    static const struct cnc_field no_fields[] = {{.name = NULL}};
    static const struct cnc_record empty = {"empty", no_fields};
    const struct cnc__callpage *c = k->page;
    cnc__str_clear(&k->fields);
    char id[33];
    if (cmd->item_id) {
        cnc__random_hex(id, 16);
    }
    cnc__form_write_tr(&k->fields, cnc__caller_tr(c->agent, &c->who.caller),
                       cmd->refs, cmd->record != NULL ? cmd->record : &empty,
                       cmd->name, NULL, cmd->item_id ? id : NULL, v);
    write_action(k);
}

static const struct cnc__command *
command_of(const struct call *k)
{
    const struct cnc__agent *a = k->page->agent;
    return a == NULL || a->env.commands == NULL
               ? NULL
               : cnc__commands_get(a->env.commands, k->node);
}

/* What came of it; with_form: and the form with v in it. */
static void
keep_answer(struct call *k, const struct cnc__command_answer *answered,
            struct cnc__values *v, bool with_form)
{
    const struct cnc__command *cmd = command_of(k);
    struct cnc__str x = CNC__STR;
    k->code = answered->code;
    k->note = cnc__strdup(answered->text);
    k->see = cnc__strdup(answered->see);
    cnc__str_puts(&x, answered->result_xml ? answered->result_xml : "");
    if (with_form && cmd != NULL && k->code != CNC_EACCES) {
        if (k->code == CNC_EREFUSED && cnc__values_n_errors(v) == 0) {
            cnc__values_refuse(v, NULL, answered->text);
        }
        write_form(k, cmd, v);
        cnc__str_puts(&x, k->fields.data);
    }
    k->x = cnc__str_steal(&x);
}

static void
on_answered(const struct cnc__command_answer *answered, struct cnc__values *v,
            void *priv)
{
    struct call *k = priv;
    const struct cnc__command *cmd = command_of(k);
    /* What was found, and the form to look again. */
    keep_answer(k, answered, v, cmd != NULL && cmd->record != NULL);
    step(k->page);
}

static const struct cnc_field *
field_of(const struct cnc_record *r, const char *name)
{
    for (const struct cnc_field *f = r->fields; f != NULL && f->name != NULL;
         f++) {
        if (strcmp(f->name, name) == 0) {
            return f;
        }
    }
    return NULL;
}

static bool
in_path(const struct cnc__callpage *c, const char *name)
{
    for (size_t i = 0; i < c->n_params; i++) {
        if (strcmp(c->pairs[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Of the parameters and the query, what it has fields for. */
static struct cnc__values *
values_for(struct call *k, const struct cnc__command *cmd)
{
    const struct cnc__callpage *c = k->page;
    struct cnc__values *v = cnc__values_new();
    for (size_t i = 0; cmd->record != NULL && i < c->n_pairs; i++) {
        const struct cnc__pair *p = &c->pairs[i];
        bool of_path = i < c->n_params;
        const struct cnc_field *f = field_of(cmd->record, p->name);
        if (f == NULL || f->kind == CNC_FIELD_SECRET ||
            (!of_path &&
             (in_path(c, p->name) ||
              (f->kind != CNC_FIELD_MULTI && f->kind != CNC_FIELD_LINES &&
               cnc__values_get(v, p->name, 0) != NULL)))) {
            continue; /* the path's wins; no secret is in an address */
        }
        if (f->kind == CNC_FIELD_LINES) {
            cnc__web_add_lines(v, p->name, p->value, NULL);
        } else {
            cnc__values_add(v, p->name, p->value, NULL);
        }
    }
    cnc__do_defaults(v, cmd->record);
    return v;
}

/* Then it is no mistake yet: its form is shown. */
static bool
lacks_something(const struct cnc_record *r, const struct cnc__values *v)
{
    for (const struct cnc_field *f = r == NULL ? NULL : r->fields;
         f != NULL && f->name != NULL; f++) {
        const char *text = cnc__values_get(v, f->name, 0);
        if (f->required && (text == NULL || text[0] == '\0')) {
            return true;
        }
    }
    return false;
}

static void
run(struct call *k)
{
    struct cnc__callpage *c = k->page;
    struct cnc__agent *a = c->agent;
    const struct cnc__command *cmd = command_of(k);
    if (cmd == NULL ||
        !cnc__commands_may(a->env.commands, cmd, &c->who.caller.who)) {
        k->code = cmd == NULL ? CNC_ENOENT : CNC_EACCES;
        k->note = cnc__strdup(cmd == NULL ? "There is no such command."
                                          : "You may not do that.");
        step(c);
        return;
    }
    struct cnc__values *v = values_for(k, cmd);
    if (cmd->safe && !lacks_something(cmd->record, v)) {
        cnc__commands_call(a->env.commands, k->node, &c->who.caller, v,
                           on_answered, k);
        return;
    }
    if (cmd->fill != NULL) {
        cmd->fill(v, &c->who.caller, cmd->priv);
    }
    write_form(k, cmd, v);
    k->x = cnc__strdup(k->fields.data);
    cnc__values_free(&v);
    step(c);
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
                         MAX_PAIRS, on_pair, c);
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
         *s != '\0' && c->n_calls < MAX_CALLS;) {
        size_t n = strcspn(s, " ");
        if (n > 0) {
            struct call *k = &c->calls[c->n_calls++];
            k->page = c;
            k->node = expand(c, s, n);
        }
        s += n + (s[n] == ' ');
    }
}

/* -- a form that was posted ----------------------------------------------- */

static void
run_all(struct cnc__callpage *c)
{
    c->waiting = 1; /* ours, until all are begun */
    for (size_t i = 0; i < c->n_calls; i++) {
        if (&c->calls[i] != c->posted) {
            c->waiting++;
            run(&c->calls[i]);
        }
    }
    step(c);
}

/* Where the browser goes after it, or NULL: it stays.  An answer with more
 * than a note is to be seen. */
static const char *
place_after(const struct cnc__callpage *c,
            const struct cnc__command_answer *answered)
{
    if (answered->code != 0) {
        return NULL;
    }
    for (size_t i = c->n_params;
         i < c->n_pairs && answered->result_xml == NULL && !answered->chose;
         i++) {
        if (strcmp(c->pairs[i].name, "next") == 0 &&
            cnc__web_is_local(c->pairs[i].value)) {
            return c->pairs[i].value;
        }
    }
    return cnc__web_is_local(answered->see) ? answered->see : NULL;
}

static void
on_posted(const struct cnc__command_answer *answered, struct cnc__values *v,
          void *priv)
{
    struct call *k = priv;
    struct cnc__callpage *c = k->page;
    const struct cnc__command *cmd = command_of(k);
    cnc__form_files_end(&c->files, answered->code != 0, v);
    if (c->agent == NULL) {
        free_callpage(c);
    } else if (place_after(c, answered) != NULL) {
        go(c, place_after(c, answered), answered->text);
    } else {
        keep_answer(k, answered, v,
                    answered->code != 0 || answered->again ||
                        (cmd != NULL && cmd->safe));
        run_all(c);
    }
}

struct posting {
    struct cnc__callpage *page;
    struct cnc__values *v;
    const struct cnc_record *record;
};

static int
on_posted_pair(const char *name, const char *value, void *priv)
{
    struct posting *p = priv;
    const struct cnc_field *f =
        p->record == NULL ? NULL : field_of(p->record, name);
    return f != NULL && f->kind == CNC_FIELD_LINES
               ? cnc__web_add_lines(p->v, name, value, NULL)
               : cnc__values_add(p->v, name, value, NULL);
}

static void
refuse_post(struct cnc__callpage *c, int status, const char *title,
            const char *text)
{
    cnc__answer_plain(c->agent, c->request->responder, status,
                      status == 405 ? "Allow: GET, HEAD\r\n" : NULL, title,
                      text);
    finish(c);
}

/* The form is read. */
static void
on_read(int rc, struct cnc__form_files *files, void *priv)
{
    struct posting *p = priv;
    struct cnc__callpage *c = p->page;
    const struct cnc__command *cmd =
        c->agent == NULL ? NULL : command_of(c->posted);
    c->files = files;
    if (c->agent == NULL) { /* it was let go of meanwhile */
        cnc__values_free(&p->v);
        free_callpage(c);
    } else if (rc == CNC_EPROTO) {
        refuse_post(c, 415, "Not a form",
                    "Forms are sent as application/x-www-form-urlencoded or "
                    "multipart/form-data.");
    } else if (rc == CNC_ELIMIT) {
        refuse_post(c, 413, "Too much at once",
                    "The form may send 4096 lines and 256 kB.");
    } else if (rc != 0) {
        refuse_post(c, 400, "The form is damaged",
                    "What was sent cannot be read as a form.");
    } else if (cmd == NULL || !cnc__commands_may(c->agent->env.commands, cmd,
                                                 &c->who.caller.who)) {
        cnc__form_files_end(&c->files, true, NULL);
        c->posted = NULL; /* and it is told as of any that he may not run */
        run_all(c);
    } else {
        struct cnc__values *v = p->v;
        p->v = NULL;
        c->waiting = 1;
        cnc__form_files_tell(files, v);
        cnc__commands_call(c->agent->env.commands, c->posted->node,
                           &c->who.caller, v, on_posted, c->posted);
    }
    cnc__values_free(&p->v);
    cnc__free(p);
}

static void
post(struct cnc__callpage *c)
{
    for (size_t i = 0; c->do_ != NULL && i < c->n_calls; i++) {
        if (strcmp(c->calls[i].node, c->do_) == 0) {
            c->posted = &c->calls[i];
        }
    }
    if (c->posted == NULL) {
        refuse_post(c, 405, "That cannot be done here",
                    "This address can be read only; its forms say where they "
                    "are sent.");
        return;
    }
    const struct cnc__command *cmd = command_of(c->posted);
    struct posting *p = cnc__zalloc(sizeof(*p));
    p->page = c;
    p->v = cnc__values_new();
    p->record = cmd == NULL ? NULL : cmd->record;
    /* Those of the path are what the page is about. */
    for (size_t i = 0; p->record != NULL && i < c->n_params; i++) {
        if (field_of(p->record, c->pairs[i].name) != NULL) {
            cnc__values_add(p->v, c->pairs[i].name, c->pairs[i].value, NULL);
        }
    }
    c->waiting = 1; /* nobody frees it meanwhile */
    cnc__form_read(c->agent, c->request, p->record, MAX_POSTED, on_posted_pair,
                   p, on_read, p);
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
        finish(c);
        return;
    }
    read_pairs(c, values);
    read_commands(c);
    if (r->method == CNC__HTTP_POST) {
        post(c);
    } else {
        run_all(c);
    }
}
