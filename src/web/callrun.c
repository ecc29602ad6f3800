/* SPDX-License-Identifier: MIT */
/*
 * callrun.c -- one command of a page of commands: what it is given, and what
 * came of it.
 */
#include "callpage.h"

/* The page itself, with what its query says. */
static void
write_action(struct cnc__call *k)
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
write_form(struct cnc__call *k, const struct cnc__command *cmd,
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

const struct cnc__command *
cnc__call_command(const struct cnc__call *k)
{
    const struct cnc__agent *a = k->page->agent;
    return a == NULL || a->env.commands == NULL
               ? NULL
               : cnc__commands_get(a->env.commands, k->node);
}

/* What came of it; with_form: and the form with v in it. */
void
cnc__call_keep(struct cnc__call *k, const struct cnc__command_answer *answered,
               struct cnc__values *v, bool with_form)
{
    const struct cnc__command *cmd = cnc__call_command(k);
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
    struct cnc__call *k = priv;
    const struct cnc__command *cmd = cnc__call_command(k);
    /* What was found, and the form to look again. */
    cnc__call_keep(k, answered, v, cmd != NULL && cmd->record != NULL);
    cnc__callpage_step(k->page);
}

const struct cnc_field *
cnc__call_field(const struct cnc_record *r, const char *name)
{
    for (const struct cnc_field *f = r->fields; f != NULL && f->name != NULL;
         f++) {
        if (strcmp(f->name, name) == 0) {
            return f;
        }
    }
    return NULL;
}

bool
cnc__call_in_path(const struct cnc__callpage *c, const char *name)
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
values_for(struct cnc__call *k, const struct cnc__command *cmd)
{
    const struct cnc__callpage *c = k->page;
    struct cnc__values *v = cnc__values_new();
    for (size_t i = 0; cmd->record != NULL && i < c->n_pairs; i++) {
        const struct cnc__pair *p = &c->pairs[i];
        bool of_path = i < c->n_params;
        const struct cnc_field *f = cnc__call_field(cmd->record, p->name);
        if (f == NULL || f->kind == CNC_FIELD_SECRET ||
            (!of_path &&
             (cnc__call_in_path(c, p->name) ||
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

void
cnc__call_run(struct cnc__call *k)
{
    struct cnc__callpage *c = k->page;
    struct cnc__agent *a = c->agent;
    const struct cnc__command *cmd = cnc__call_command(k);
    if (cmd == NULL ||
        !cnc__commands_may(a->env.commands, cmd, &c->who.caller.who)) {
        k->code = cmd == NULL ? CNC_ENOENT : CNC_EACCES;
        k->note =
            cnc__strdup(cmd == NULL ? CNC__TEXT("There is no such command.")
                                    : CNC__TEXT("You may not do that."));
        cnc__callpage_step(c);
        return;
    }
    struct cnc__values *v = values_for(k, cmd);
    if (cmd->safe && !cnc__do_lacks(v, cmd->record)) {
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
    cnc__callpage_step(c);
}

void
cnc__call_run_all(struct cnc__callpage *c)
{
    c->waiting = 1; /* ours, until all are begun */
    for (size_t i = 0; i < c->n_calls; i++) {
        if (&c->calls[i] != c->posted) {
            c->waiting++;
            cnc__call_run(&c->calls[i]);
        }
    }
    cnc__callpage_step(c);
}
