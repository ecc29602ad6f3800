/* SPDX-License-Identifier: MIT */
/*
 * callpost.c -- a form that was posted to a page of commands: its command is
 * run first, then the others see what it did.
 */
#include "callpage.h"

#define MAX_POSTED 256 /* pairs */

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
    struct cnc__call *k = priv;
    struct cnc__callpage *c = k->page;
    const struct cnc__command *cmd = cnc__call_command(k);
    cnc__form_files_end(&c->files, answered->code != 0, v);
    if (c->agent == NULL) {
        cnc__callpage_drop(c);
    } else if (place_after(c, answered) != NULL) {
        cnc__callpage_go(c, place_after(c, answered), answered->text);
    } else {
        cnc__call_keep(k, answered, v,
                       answered->code != 0 || answered->again ||
                           (cmd != NULL && cmd->safe));
        cnc__call_run_all(c);
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
        p->record == NULL ? NULL : cnc__call_field(p->record, name);
    if (f != NULL && cnc__call_in_path(p->page, name)) {
        return 0;
    }
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
    cnc__callpage_end(c);
}

/* The form is read. */
static void
on_read(int rc, struct cnc__form_files *files, void *priv)
{
    struct posting *p = priv;
    struct cnc__callpage *c = p->page;
    const struct cnc__command *cmd =
        c->agent == NULL ? NULL : cnc__call_command(c->posted);
    c->files = files;
    if (c->agent == NULL) { /* it was let go of meanwhile */
        cnc__values_free(&p->v);
        cnc__callpage_drop(c);
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
        cnc__call_run_all(c);
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

void
cnc__call_post(struct cnc__callpage *c)
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
    const struct cnc__command *cmd = cnc__call_command(c->posted);
    struct posting *p = cnc__zalloc(sizeof(*p));
    p->page = c;
    p->v = cnc__values_new();
    p->record = cmd == NULL ? NULL : cmd->record;
    for (size_t i = 0; p->record != NULL && i < c->n_params; i++) {
        if (cnc__call_field(p->record, c->pairs[i].name) != NULL) {
            cnc__values_add(p->v, c->pairs[i].name, c->pairs[i].value, NULL);
        }
    }
    c->waiting = 1; /* nobody frees it meanwhile */
    cnc__form_read(c->agent, c->request, p->record, MAX_POSTED, on_posted_pair,
                   p, on_read, p);
}
