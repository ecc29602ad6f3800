/* SPDX-License-Identifier: MIT */
/*
 * commands.c -- an app's commands: what was typed becomes a record, the
 * handler runs where the app's handlers run, and what it said goes to whoever
 * asked, by whichever face.
 *
 *   run() -> record -> handler --0, refused--------------> after() -> answer
 *                        |                                   ^
 *                        +--CNC_EAGAIN ... cnc_finish()------+
 *
 * Who asked may be gone meanwhile, and the command with its app: the answer
 * then goes to nobody.
 */
#include <stdio.h>

#include "../xmpp/jid.h"
#include "private.h"

struct cnc__app_command {
    struct cnc__app *app;
    const struct cnc_command *decl;
    struct cnc__app_command *next;
};

struct command_call {
    struct cnc_request call;
    const struct cnc_command *decl;
    struct cnc__command_reply *reply;
    struct cnc__values *typed; /* borrowed until the reply is done */
    struct cnc__caller caller; /* its texts are ours */
    struct cnc__answer answer;
    char *user, *jid, *lang, *addr, *login;
};

/* -- secrets -------------------------------------------------------------- */

/* The handler is done: what it kept of the form holds no password. */
static void
wipe(const struct cnc_record *record, struct cnc_element *form)
{
    for (const struct cnc_field *f = record == NULL ? NULL : record->fields;
         form != NULL && f != NULL && f->name != NULL; f++) {
        if (f->kind == CNC_FIELD_SECRET) {
            char *text = (char *)cnc_text(form, f->name);

            explicit_bzero(text, strlen(text));
        }
    }
}

static void
call_free(struct command_call *c)
{
    wipe(c->decl->record, c->call.form);
    cnc_element_unref(&c->call.form);
    cnc__values_free(&c->call.values);
    cnc__answer_fini(&c->answer);
    cnc__request_call_fini(&c->call);
    cnc__free(c->user);
    cnc__free(c->jid);
    cnc__free(c->lang);
    cnc__free(c->addr);
    cnc__free(c->login);
    cnc__free(c);
}

/* -- the answer ----------------------------------------------------------- */

/* What a handler may return on purpose, in words for people. */
static const char *
words(int code)
{
    switch (code) {
    case CNC_ENOENT:
        return CNC__TEXT("That is not there.");
    case CNC_EACCES:
        return CNC__TEXT("You may not do that.");
    case CNC_EEXIST:
        return CNC__TEXT("That is there already.");
    case CNC_ELIMIT:
        return CNC__TEXT(
            "That was too much or too often. Please try again later.");
    case CNC_EAUTH:
        return CNC__TEXT("The name or the password is wrong.");
    case CNC_EPROTO:
        return CNC__TEXT("That cannot be done in this way.");
    case CNC_ESTORE:
        return CNC__TEXT("It could not be kept. Please try again later.");
    case CNC_ECLOSED:
        return CNC__TEXT("The service is stopping.");
    case CNC_EAGAIN: /* it ran in the web server's process */
        return CNC__TEXT("It took too long. Please try again later.");
    default:
        return NULL;
    }
}

static void
fault(const struct command_call *c, int code)
{
    cnc__log(CNC_LOG_ERROR, "app.handler", "app=%s command=%s error=%s %s",
             c->call.app->decl->name, c->decl->node, cnc_err_name(code),
             c->call.fault);
}

static void
failed(struct command_call *c, int code)
{
    /* What the handler said before the store failed is not so. */
    const char *text = c->answer.note.len > 0 && !c->call.not_kept
                           ? c->answer.note.data
                           : words(code);
    struct cnc_error err = {0};

    if (words(code) == NULL || code == CNC_EAGAIN) {
        fault(c, code);
    }
    if (words(code) == NULL) {
        code = CNC_ESYS;
        text = CNC__TEXT(
            "Something went wrong on our side. Please try again later.");
    }
    cnc_error_set(&err, code, NULL, "%s", text);
    cnc__command_done(c->reply, &err, NULL, NULL);
}

static void
refused(struct command_call *c)
{
    struct cnc_error err = {0};

    cnc__request_refusals(&c->call, c->decl->record, c->typed);
    c->call.app->apps->stats.refused++;
    c->call.app->counts.refused++;
    cnc_error_set(&err, CNC_EREFUSED, NULL, "%s",
                  c->call.refused ? c->call.refusal : "It was refused.");
    cnc__command_done(c->reply, &err, NULL, NULL);
}

static void
done(struct command_call *c)
{
    const struct cnc_command *d = c->decl;
    struct cnc__str x = CNC__STR, note = CNC__STR;

    cnc__answer_write(
        &x, &c->answer,
        cnc__commands_tr(c->call.app->apps->env.commands, c->lang),
        d->title == NULL ? d->node : d->title);
    cnc__answer_note(&note, &c->answer);
    if (x.len == 0 && note.len == 0 && !d->reads) {
        cnc__str_puts(&note, "It is done.");
    }
    if (c->answer.see != NULL) {
        cnc__command_see(c->reply, c->answer.see);
    }
    cnc__command_done(c->reply, NULL, note.len == 0 ? NULL : note.data,
                      x.len == 0 ? NULL : x.data);
    cnc__str_fini(&x);
    cnc__str_fini(&note);
}

static void
after_command(struct cnc_request *r, int code)
{
    struct command_call *c = CNC_CONTAINER(r, struct command_call, call);

    cnc__app_judge(r, code);
    if (r->refused || code == CNC_EREFUSED) {
        refused(c);
    } else if (code != 0) {
        failed(c, code);
    } else {
        done(c);
    }
    call_free(c);
}

/* The handler does not return; all but reply and typed is its own. */
static void
give_up(struct cnc_request *r, const char *why)
{
    struct command_call *c = CNC_CONTAINER(r, struct command_call, call);
    struct cnc__command_reply *reply = c->reply;
    struct cnc_error err = {0};

    c->reply = r->command = NULL;
    c->typed = NULL;
    cnc_error_set(&err, CNC_ESYS, NULL, "%s", why);
    cnc__command_done(reply, &err, NULL, NULL);
}

static void
drop(struct cnc_request *r)
{
    call_free(CNC_CONTAINER(r, struct command_call, call));
}

/* -- running -------------------------------------------------------------- */

static int
run_command(struct cnc_request *r)
{
    struct command_call *c = CNC_CONTAINER(r, struct command_call, call);

    return c->decl->run(r, c->call.form);
}

static char *
copy(const char *s)
{
    return s == NULL ? NULL : cnc__strdup(s);
}

/* The handler may run when whoever asked is gone. */
static void
keep_caller(struct command_call *c, const struct cnc__caller *who,
            const char *guest)
{
    c->caller = *who;
    c->caller.who.jid = c->jid = cnc__strdup(who->who.jid);
    c->caller.lang = c->lang = cnc__strdup(who->lang);
    c->caller.addr = c->addr = cnc__strdup(who->addr);
    c->caller.login = c->login = copy(who->login);
    c->user = who->who.anonymous
                  ? cnc__strdup(guest)
                  : cnc__strndup(c->jid, cnc__jid_bare_len(c->jid));
}

static void
run(struct cnc__command_reply *reply, const struct cnc__caller *who,
    struct cnc__values *v, void *priv)
{
    const struct cnc__app_command *command = priv;
    struct cnc__app *app = command->app;
    const struct cnc_command *d = command->decl;
    struct cnc_element *form = NULL;
    struct command_call *c;

    app->apps->stats.submits++;
    app->counts.submits++;
    if (d->record != NULL &&
        (cnc__record_build(&form, d->record, app->decl->xmlns, v) != 0 ||
         cnc__record_refs(app->apps->env.pubsub, d->record, form, v, NULL) !=
             0)) {
        struct cnc_error err = {0};

        cnc_element_unref(&form);
        app->apps->stats.refused++;
        app->counts.refused++;
        cnc_error_set(&err, CNC_EREFUSED, NULL,
                      "Some fields need another look.");
        cnc__command_done(reply, &err, NULL, NULL);
        return;
    }
    c = cnc__zalloc(sizeof(*c));
    c->decl = d;
    c->reply = reply;
    c->typed = v;
    c->call.form = form;
    keep_caller(c, who, app->apps->guest);
    c->call.app = app;
    c->call.user = c->user;
    c->call.guest = who->who.anonymous;
    c->call.operator_ = who->who.operator_;
    c->call.reads = d->reads;
    c->call.caller = &c->caller;
    c->call.command = reply;
    c->call.answer = &c->answer;
    c->call.priv = d->priv;
    c->call.node = cnc__app_inner(app, d->node);
    cnc__request_entry(&c->call, CNC__ENTRY_COMMAND, d->node, form);
    /* Its own: the core may show those that were typed at any time. */
    c->call.values = cnc__values_new();
    c->call.may_wait = true;
    c->call.run = run_command;
    c->call.after = after_command;
    c->call.give_up = give_up;
    c->call.drop = drop;
    if (!cnc__app_errand(&c->call)) {
        cnc__app_call(&c->call);
    }
}

struct cnc__web_call *
cnc__request_web(const struct cnc_request *r)
{
    return r->caller == NULL || r->command == NULL ||
                   !cnc__command_is_open(r->command)
               ? NULL
               : r->caller->web;
}

/* -- declarations --------------------------------------------------------- */

static int
wrong(struct cnc_error *err, const struct cnc__app *app,
      const struct cnc_command *d, const char *what)
{
    return cnc_error_set(err, CNC_EINVAL, NULL,
                         "app \"%s\": command \"%s\" %s", app->decl->name,
                         d->node, what);
}

static int
check(const struct cnc__app *app, const struct cnc_command *d,
      struct cnc_error *err)
{
    if (d->node[0] == '\0' || strpbrk(d->node, " \t\r\n") != NULL) {
        return wrong(err, app, d, "needs a name without blanks");
    }
    if (d->run == NULL) {
        return wrong(err, app, d, "has no .run");
    }
    if ((unsigned)d->who > CNC_ANYBODY_RUNS) {
        return wrong(err, app, d, "is for nobody that there is (.who)");
    }
    if (d->see != NULL && d->see[0] != '/') {
        return wrong(err, app, d, "has a .see that is no path");
    }
    return d->record == NULL ? 0 : cnc__record_check(d->record, err);
}

static int
add(struct cnc__app *app, const struct cnc_command *d, struct cnc_error *err)
{
    struct cnc__app_command *c = cnc__zalloc(sizeof(*c));
    struct cnc__command cmd = {.node = (char *)d->node,
                               .name = (char *)d->title,
                               .record = d->record,
                               .help = (char *)d->help,
                               .who = d->who,
                               .roles = (char *)d->roles,
                               .safe = d->safe || d->reads,
                               .see = (char *)d->see,
                               .refs = app->apps->env.pubsub,
                               .run = run,
                               .priv = c};
    int code;

    c->app = app;
    c->decl = d;
    code = check(app, d, err);
    if (code == 0 &&
        cnc__commands_add(app->apps->env.commands, &cmd, NULL) != 0) {
        code = cnc_error_set(err, CNC_EEXIST, NULL,
                             "app \"%s\": there is a command \"%s\" already",
                             app->decl->name, d->node);
    }
    if (code != 0) {
        cnc__free(c);
        return code;
    }
    c->next = app->commands;
    app->commands = c;
    return 0;
}

int
cnc__app_commands_add(struct cnc__app *app, struct cnc_error *err)
{
    const struct cnc_command *d = app->decl->commands;
    int code = 0;

    for (; code == 0 && d != NULL && d->node != NULL; d++) {
        code = add(app, d, err);
    }
    if (code != 0) {
        cnc__app_commands_remove(app);
    }
    return code;
}

void
cnc__app_commands_remove(struct cnc__app *app)
{
    while (app->commands != NULL) {
        struct cnc__app_command *c = app->commands;

        app->commands = c->next;
        cnc__commands_remove(app->apps->env.commands, c->decl->node);
        cnc__free(c);
    }
}

void
cnc__app_commands_free(struct cnc__app *app)
{
    while (app->commands != NULL) {
        struct cnc__app_command *c = app->commands;

        app->commands = c->next;
        cnc__free(c);
    }
}
