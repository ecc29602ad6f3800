/* SPDX-License-Identifier: MIT */
/*
 * do.c -- commands as pages that need no JavaScript:
 *
 *   GET  /_do              what the caller may run
 *   GET  /_do/NODE?F=V     its form, filled in from the query; a safe command
 *                          that lacks nothing runs
 *   POST /_do/NODE         runs it: 303 to where it says, with its note, or
 *                          a page with its answer; 422 with the errors and
 *                          what was typed
 *
 * A node that is no path (XEP-0133's are addresses) is at /_do?node=NODE.
 * Whether the form was sent from a page of ours is judged before (net).
 */
#include "../xml/write.h"
#include "web.h"

#define MAX_PAIRS 256
#define SHEET     "do.xsl" /* the item that replaces the built-in one */
#define SEE_MAX   2000     /* bytes of an address */

struct doing {
    struct cnc__agent *agent; /* its memory is ours until the end */
    struct cnc__http_request *request;
    struct cnc__web_caller who;
    char *node; /* NULL: the list */
    char *item_id;
    struct cnc__form_files *files; /* that came with the form, or NULL */
    struct cnc__str params, headers;
    /* The page, kept for a second try with the built-in sheet. */
    int status;
    struct cnc__str source, x, action;
    bool has_form, builtin;
};

static void
doing_free(struct doing *d)
{
    cnc__web_caller_fini(&d->who);
    cnc__free(d->node);
    cnc__free(d->item_id);
    cnc__form_files_end(&d->files, false, NULL);
    cnc__str_fini(&d->params);
    cnc__str_fini(&d->headers);
    cnc__str_fini(&d->source);
    cnc__str_fini(&d->x);
    cnc__str_fini(&d->action);
    cnc__agent_unref(d->agent);
    cnc__free(d);
}

static const struct cnc__command *
command_of(const struct doing *d)
{
    return d->node == NULL || d->agent->env.commands == NULL
               ? NULL
               : cnc__commands_get(d->agent->env.commands, d->node);
}

static const struct cnc__tr *
tr_of(const struct doing *d)
{
    return cnc__caller_tr(d->agent, &d->who.caller);
}

static bool
may(const struct doing *d, const struct cnc__command *cmd)
{
    return cnc__commands_may(d->agent->env.commands, cmd, &d->who.caller.who);
}

/* -- addresses ------------------------------------------------------------ */

/* No address has an empty part, or dots alone, in its path. */
static bool
is_path(const char *node)
{
    for (const char *s = node; strchr(node, '\\') == NULL; s++) {
        size_t n = strcspn(s, "/");

        if (n == 0 || strspn(s, ".") == n) {
            return false;
        }
        s += n;
        if (*s == '\0') {
            return true;
        }
    }
    return false;
}

void
cnc__do_path(struct cnc__str *out, const char *node)
{
    bool path = is_path(node);

    cnc__str_puts(out, path ? "/_do/" : "/_do?node=");
    cnc__web_percent(out, node, path);
}

/* -- the page ------------------------------------------------------------- */

static void render(struct doing *d);

static void
say(struct doing *d, int status, const char *title, const char *text)
{
    struct cnc__http_request *before = d->agent->visiting;

    d->agent->visiting = d->request;
    cnc__answer_plain(d->agent, d->request->responder, status,
                      cnc__str_c(&d->headers), title, text);
    d->agent->visiting = before;
    doing_free(d);
}

static void
on_html(const char *html, size_t len, const char *error, void *priv)
{
    struct doing *d = priv;

    if (d->agent->closed) {
        doing_free(d); /* nobody is left to answer */
    } else if (html != NULL) {
        cnc__str_puts(&d->headers, cnc__call_headers);
        cnc__answer_html(d->request->responder, d->status, d->headers.data,
                         html, len);
        doing_free(d);
    } else {
        cnc__log(CNC_LOG_WARN, "page.error", "page=/_do command=%s %s",
                 d->node == NULL ? "" : d->node, error);
        if (d->builtin) {
            say(d, 500, "This page cannot be shown",
                "The answer cannot be made into a page. The service's log "
                "says why.");
        } else {
            d->builtin = true; /* an operator's sheet has an error */
            render(d);
        }
    }
}

static void
render(struct doing *d)
{
    struct cnc__agent *a = d->agent;
    struct cnc__once_form form = {d->node, &d->x, &d->action};
    struct cnc__sheet *sheet = cnc__sheet_of(a, SHEET);

    if (d->builtin || sheet == a->builtin) {
        sheet = a->builtin_do;
        d->builtin = true;
    }
    if (!cnc__once_source(a, &d->who.caller.who, sheet,
                          cnc__page_lang(a, &d->who.caller), &d->source, &form,
                          d->has_form, on_html, d)) {
        cnc__str_puts(&d->headers, "Retry-After: 1\r\n");
        say(d, 503, "Too many at once",
            "The service is busy. What you asked for may have been done; "
            "please look before you try again.");
    }
}

/* The form of cmd with what was typed in it. */
static void
write_form(struct doing *d, const struct cnc__command *cmd,
           const struct cnc__values *v)
{
    static const struct cnc_field no_fields[] = {{.name = NULL}};
    static const struct cnc_record empty = {"empty", no_fields};

    if (cmd->item_id && d->item_id == NULL) {
        char id[33];

        cnc__random_hex(id, 16);
        d->item_id = cnc__strdup(id);
    }
    cnc__form_write_tr(&d->x, tr_of(d), cmd->refs,
                       cmd->record == NULL ? &empty : cmd->record, cmd->name,
                       NULL, d->item_id, v);
    cnc__do_path(&d->action, cmd->node);
    d->has_form = true;
}

/* code, note, result: what the command says; with_form: to be filled in, with
 * v in it. */
static void
show(struct doing *d, int status, int code, const char *note,
     const char *result, bool with_form, const struct cnc__values *v)
{
    const struct cnc__command *cmd = command_of(d);
    struct cnc__str path = CNC__STR, x = CNC__STR;
    char *flash = cnc__flash_take(d->agent, d->request, &d->headers);

    d->status = status;
    if (cmd != NULL && !may(d, cmd)) {
        cmd = NULL; /* not even its title */
    }
    if (with_form && cmd != NULL) {
        write_form(d, cmd, v);
    }
    if (d->node == NULL) {
        cnc__str_puts(&path, "/_do");
    } else {
        cnc__do_path(&path, d->node);
    }
    cnc__callsource_begin(&d->source, d->agent, &d->who.caller,
                          cnc__tr(tr_of(d), d->node == NULL ? "Commands"
                                            : cmd == NULL   ? "Command"
                                                            : cmd->name),
                          path.data);
    cnc__str_puts(&d->source, cnc__str_c(&d->params));
    cnc__callsource_flash(&d->source, flash);
    cnc__callsource_menu(&d->source, d->agent, &d->who.caller);
    if (d->node != NULL) {
        cnc__str_puts(&x, result == NULL ? "" : result);
        cnc__str_puts(&x, cnc__str_c(&d->x));
        cnc__callsource_command(&d->source, tr_of(d), cmd, d->node,
                                cnc__str_c(&d->action), code, note,
                                cnc__str_c(&x));
    }
    cnc__callsource_end(&d->source);
    cnc__str_puts(&d->headers, cnc__str_c(&d->who.call.headers));
    cnc__free(flash);
    cnc__str_fini(&path);
    cnc__str_fini(&x);
    render(d);
}

/* -- running -------------------------------------------------------------- */

static bool
can_go(const struct doing *d, const char *see)
{
    if (see == NULL) {
        return false;
    }
    if (cnc__web_is_local(see) && strlen(see) <= SEE_MAX) {
        return true;
    }
    cnc__log(CNC_LOG_WARN, "command.see",
             "command=%s \"%s\" is no path of this domain", d->node, see);
    return false;
}

static int
on_next(const char *name, const char *value, void *priv)
{
    char **next = priv;
    if (strcmp(name, "next") == 0 && *next == NULL &&
        cnc__web_is_local(value) && strlen(value) <= SEE_MAX) {
        *next = cnc__strdup(value);
    }
    return 0;
}

/* The page that the form stood on; *new*, or NULL. */
static char *
next_of(const struct doing *d)
{
    const struct cnc__http_request *r = d->request;
    char *next = NULL;

    cnc__http_form_parse(r->query, strlen(r->query), MAX_PAIRS, on_next,
                         &next);
    return next;
}

static void
go(struct doing *d, const char *see, const struct cnc__command_answer *a)
{
    cnc__str_puts(&d->headers, cnc__str_c(&d->who.call.headers));
    if (a->text != NULL) {
        char *said = cnc__tr_sentence(tr_of(d), a->text);

        cnc__flash_put(d->agent, d->request, &d->headers, said);
        cnc__free(said);
    }
    cnc__web_go(d->agent, d->request->responder, see, cnc__str_c(&d->headers));
    doing_free(d);
}

static void
on_answer(const struct cnc__command_answer *a, struct cnc__values *v,
          void *priv)
{
    struct doing *d = priv;
    int status = cnc__callsource_status(a->code);
    char *next = NULL;

    cnc__form_files_end(&d->files, a->code != 0, v);
    if (a->code == 0 && !a->chose && a->result_xml == NULL &&
        !d->agent->closed && d->request->method == CNC__HTTP_POST) {
        next = next_of(d); /* nothing is lost but the note, which goes too */
    }

    if (d->agent->closed) {
        doing_free(d); /* the service ends, and the request is gone */
    } else if (next != NULL) {
        go(d, next, a); /* where he was is nearer than where .see is */
    } else if (a->code == 0 && d->request->method == CNC__HTTP_POST &&
               can_go(d, a->see)) {
        go(d, a->see, a);
    } else if (a->code == 0) {
        const struct cnc__command *cmd = command_of(d);

        /* What a search found, and its form to search again. */
        show(d, 200, 0, a->text, a->result_xml,
             cmd != NULL && (cmd->safe || a->again) && cmd->record != NULL, v);
    } else {
        if (a->code == CNC_EREFUSED && cnc__values_n_errors(v) == 0) {
            cnc__values_refuse(v, NULL, a->text);
        }
        show(d, status, a->code, a->text, NULL,
             a->code != CNC_EACCES && a->code != CNC_ENOENT, v);
    }
    cnc__free(next);
}

/* -- asking --------------------------------------------------------------- */

struct reading {
    struct doing *doing;
    const struct cnc_record *record;
    struct cnc__values *v;
    bool query, first;
    struct cnc_error err;
};

static const struct cnc_field *
field_of(const struct cnc_record *r, const char *name)
{
    for (const struct cnc_field *f = r == NULL ? NULL : r->fields;
         f != NULL && f->name != NULL; f++) {
        if (strcmp(f->name, name) == 0) {
            return f;
        }
    }
    return NULL;
}

/* A query may say anything, and what is no field is a parameter of the page;
 * a password in an address is in every log. */
static int
on_pair(const char *name, const char *value, void *priv)
{
    struct reading *rd = priv;
    const struct cnc_field *f = field_of(rd->record, name);
    bool first = rd->first;

    rd->first = false;
    if (rd->query) {
        if (first && strcmp(name, "node") == 0 &&
            strcmp(rd->doing->request->path, "/_do") == 0) {
            return 0;
        }
        if (f != NULL && f->kind == CNC_FIELD_SECRET) {
            return 0;
        }
        cnc__callsource_param(&rd->doing->params, name, value);
        if (f == NULL) {
            return 0;
        }
    } else if (strcmp(name, CNC__FORM_ID) == 0) {
        if (strlen(value) > CNC__WEB_MAX_ID) {
            return CNC_ELIMIT;
        }
        cnc__free(rd->doing->item_id);
        rd->doing->item_id = cnc__strdup(value);
    }
    return f != NULL && f->kind == CNC_FIELD_LINES
               ? cnc__web_add_lines(rd->v, name, value, &rd->err)
               : cnc__values_add(rd->v, name, value, &rd->err);
}

void
cnc__do_defaults(struct cnc__values *v, const struct cnc_record *r)
{
    for (const struct cnc_field *f = r == NULL ? NULL : r->fields;
         f != NULL && f->name != NULL; f++) {
        if (f->value != NULL && f->kind != CNC_FIELD_FIXED &&
            f->kind != CNC_FIELD_HIDDEN &&
            cnc__values_get(v, f->name, 0) == NULL) {
            cnc__values_add(v, f->name, f->value, NULL);
        }
    }
}

bool
cnc__do_lacks(const struct cnc__values *v, const struct cnc_record *r)
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
get(struct doing *d, const struct cnc__command *cmd)
{
    const struct cnc__http_request *r = d->request;
    struct reading rd = {.doing = d,
                         .record = cmd->record,
                         .v = cnc__values_new(),
                         .query = true,
                         .first = true};
    int rc = cnc__http_form_parse(r->query, strlen(r->query), MAX_PAIRS,
                                  on_pair, &rd);

    cnc__do_defaults(rd.v, cmd->record);
    if (rc != 0) {
        cnc__values_free(&rd.v);
        say(d, 400, "The address is damaged",
            "What follows the question mark cannot be read.");
    } else if (cmd->safe && !cnc__do_lacks(rd.v, cmd->record)) {
        cnc__commands_call(d->agent->env.commands, d->node, &d->who.caller,
                           rd.v, on_answer, d);
    } else {
        if (cmd->fill != NULL) {
            cmd->fill(rd.v, &d->who.caller, cmd->priv);
        }
        show(d, 200, 0, NULL, NULL, true, rd.v);
        cnc__values_free(&rd.v);
    }
}

static void
on_read(int rc, struct cnc__form_files *files, void *priv)
{
    struct reading *rd = priv;
    struct doing *d = rd->doing;

    d->files = files;
    if (d->agent->closed) {
        cnc__values_free(&rd->v);
        doing_free(d);
    } else if (rc == 0) {
        cnc__form_files_tell(files, rd->v);
        cnc__commands_call(d->agent->env.commands, d->node, &d->who.caller,
                           rd->v, on_answer, d);
    } else {
        cnc__values_free(&rd->v);
        if (rc == CNC_EPROTO) {
            say(d, 415, "Not a form",
                "Forms are sent as application/x-www-form-urlencoded or "
                "multipart/form-data.");
        } else if (rc == CNC_ELIMIT) {
            say(d, 413, "Too much at once",
                "The form may send 4096 lines and 256 kB.");
        } else {
            say(d, 400, "The form is damaged",
                "What was sent cannot be read as a form.");
        }
    }
    cnc__free(rd);
}

static void
post(struct doing *d, const struct cnc__command *cmd)
{
    struct reading *rd = cnc__zalloc(sizeof(*rd));

    rd->doing = d;
    rd->record = cmd->record;
    rd->v = cnc__values_new();
    cnc__form_read(d->agent, d->request, cmd->record, MAX_PAIRS, on_pair, rd,
                   on_read, rd);
}

/* -- routes --------------------------------------------------------------- */

static int
on_node(const char *name, const char *value, void *priv)
{
    if (strcmp(name, "node") == 0 && value[0] != '\0') {
        *(char **)priv = cnc__strdup(value);
    }
    return CNC_EAGAIN; /* the first one alone */
}

/* NULL: none, the list. */
static char *
node_of(const struct cnc__http_request *r)
{
    char *node = NULL;

    if (r->path[4] == '/') {
        return cnc__strdup(r->path + 5);
    }
    cnc__http_form_parse(r->query, strlen(r->query), MAX_PAIRS, on_node,
                         &node);
    return node;
}

const struct cnc__command *
cnc__do_command(struct cnc__agent *a, const struct cnc__http_request *r,
                const struct cnc__actor *who)
{
    char *node = node_of(r);
    const struct cnc__command *cmd =
        node == NULL || a->env.commands == NULL
            ? NULL
            : cnc__commands_get(a->env.commands, node);

    cnc__free(node);
    return cmd != NULL && cnc__commands_may(a->env.commands, cmd, who) ? cmd
                                                                       : NULL;
}

static void
one_command(struct doing *d)
{
    const struct cnc__command *cmd = command_of(d);

    if (cmd == NULL) {
        show(d, 404, CNC_ENOENT, "There is no such command.", NULL, false,
             NULL);
    } else if (!may(d, cmd) && d->who.caller.who.anonymous) {
        cnc__web_forbidden(d->agent, d->request, &d->who.caller);
        doing_free(d);
    } else if (!may(d, cmd) &&
               cnc__web_login(d->agent, d->request, &d->who.caller)) {
        doing_free(d);
    } else if (!may(d, cmd)) {
        show(d, 403, CNC_EACCES, "You may not do that.", NULL, false, NULL);
    } else if (d->request->method == CNC__HTTP_POST) {
        post(d, cmd);
    } else {
        get(d, cmd);
    }
}

bool
cnc__do_answer(struct cnc__agent *a, struct cnc__http_request *r)
{
    struct doing *d;

    if (strncmp(r->path, "/_do", 4) != 0 ||
        (r->path[4] != '/' && r->path[4] != '\0')) {
        return false;
    }
    if (strcmp(r->path, "/_do/") == 0) {
        cnc__answer_see(a, r->responder, 308, "/_do");
        return true;
    }
    d = cnc__zalloc(sizeof(*d));
    cnc__agent_ref(a);
    d->agent = a;
    d->request = r;
    d->node = node_of(r);
    cnc__web_caller_init(&d->who, a, r);
    if (r->method == CNC__HTTP_OTHER ||
        (r->method == CNC__HTTP_POST && d->node == NULL)) {
        cnc__str_puts(&d->headers, "Allow: GET, HEAD, POST\r\n");
        say(d, 405, "That cannot be done here",
            "This address can be read, or takes a form.");
    } else if (d->node == NULL) {
        show(d, 200, 0, NULL, NULL, false, NULL);
    } else {
        one_command(d);
    }
    return true;
}
