/* SPDX-License-Identifier: MIT */
/*
 * trial.c -- documents that a new template is tried on where the page is made
 * for one caller: pages of commands, do.xsl, error.xsl.  Nobody can know what
 * commands will answer, so there is one document for each thing that can
 * happen: forms to be filled in; notes, values and tables; refusals, with what
 * is wrong at the fields.  The viewer is an administrator, who sees all.
 */
#include "../xml/write.h"
#include "web.h"

#define SAMPLE "example" /* the value of each parameter */

/* What stands in for a command that only a parameter names. */
static const struct cnc_record any_record = {
    "any", CNC_FIELDS({"id", "Id", .kind = CNC_FIELD_HIDDEN},
                      {"title", "Title", .required = true},
                      {"notes", "Notes", .kind = CNC_FIELD_LINES},
                      {"pages", "Pages", .kind = CNC_FIELD_INTEGER, .min = "1",
                       .max = "10"},
                      {"read", "Read", .kind = CNC_FIELD_BOOLEAN},
                      {"shelf", "Shelf", .kind = CNC_FIELD_LIST,
                       .options = CNC_OPTIONS({"top", "Top"}, {"low", "Low"})},
                      {"password", "Password", .kind = CNC_FIELD_SECRET})};

struct trial {
    const struct cnc__agent *agent;
    struct cnc__caller who;
    const struct cnc__tr *tr;
    struct cnc__str jid;
    enum cnc__trial kind;
};

static void
begin(struct trial *t, const struct cnc__agent *a, const char *lang,
      enum cnc__trial kind)
{
    memset(t, 0, sizeof(*t));
    t->agent = a;
    t->kind = kind;
    cnc__str_printf(&t->jid, "operator@%s", a->domain);
    t->who =
        (struct cnc__caller){.who = {.jid = t->jid.data, .operator_ = true},
                             .lang = lang,
                             .addr = ""};
    t->tr = cnc__locale_tr(a->locale, lang);
}

static void
end(struct trial *t, struct cnc__str *out)
{
    cnc__callsource_end(out);
    cnc__str_fini(&t->jid);
}

/* -- one command ---------------------------------------------------------- */

static void
write_form(struct cnc__str *out, const struct trial *t,
           const struct cnc__command *cmd, const struct cnc_record *r)
{
    struct cnc__values *v = cnc__values_new();
    cnc__do_defaults(v, r);
    for (const struct cnc_field *f = r->fields;
         t->kind == CNC__TRIAL_ERROR && f != NULL && f->name != NULL; f++) {
        struct cnc__str text = CNC__STR;
        cnc__str_printf(&text, "%s is needed.",
                        f->label != NULL ? f->label : f->name);
        cnc__values_refuse(v, f->name, text.data);
        cnc__str_fini(&text);
    }
    if (t->kind == CNC__TRIAL_ERROR) {
        cnc__values_refuse(v, NULL, "It was refused.");
    }
    cnc__form_write_tr(out, t->tr, cmd == NULL ? NULL : cmd->refs, r,
                       cmd == NULL ? "Example" : cmd->name, NULL, NULL, v);
    cnc__values_free(&v);
}

static void
write_answer(struct cnc__str *out)
{
    cnc__str_puts(
        out,
        "<x xmlns='jabber:x:data' type='result'><title>Example</title>"
        "<field var='id' label='Id'><value>example</value></field>"
        "<field var='text' label='Text' type='text-multi'><value>one</value>"
        "<value>two</value></field>"
        "<reported><field var='id' label='Id'/>"
        "<field var='title' label='Title'/></reported>"
        "<item><field var='id'><value>example</value></field>"
        "<field var='title'><value>&lt;Example&gt; &amp; more</value></field>"
        "</item><item><field var='id'><value>2</value></field>"
        "<field var='title'><value/></field></item></x>");
}

static void
write_command(struct cnc__str *out, const struct trial *t, const char *node)
{
    const struct cnc__commands *all = t->agent->env.commands;
    const struct cnc__command *cmd =
        all == NULL ? NULL : cnc__commands_get(all, node);
    const struct cnc_record *r = cmd == NULL ? &any_record : cmd->record;
    struct cnc__str x = CNC__STR, action = CNC__STR;
    int code = t->kind == CNC__TRIAL_ERROR ? CNC_EREFUSED : 0;
    const char *note = t->kind == CNC__TRIAL_ERROR    ? "It was refused."
                       : t->kind == CNC__TRIAL_ANSWER ? "It is done."
                                                      : NULL;
    if (t->kind == CNC__TRIAL_ANSWER) {
        write_answer(&x);
    } else if (r != NULL) {
        write_form(&x, t, cmd, r);
        cnc__do_path(&action, node);
    }
    cnc__callsource_command(out, t->tr, cmd, node, cnc__str_c(&action), code,
                            note, cnc__str_c(&x));
    cnc__str_fini(&x);
    cnc__str_fini(&action);
}

/* "records/{node}/edit" with the sample in it. */
static void
expand(struct cnc__str *out, const char *s, size_t n)
{
    const char *end = s + n;
    while (s < end) {
        const char *open = memchr(s, '{', (size_t)(end - s));
        const char *close =
            open == NULL ? NULL : memchr(open, '}', (size_t)(end - open));
        if (close == NULL) {
            cnc__str_add(out, s, (size_t)(end - s));
            return;
        }
        cnc__str_add(out, s, (size_t)(open - s));
        cnc__str_puts(out, SAMPLE);
        s = close + 1;
    }
}

/* -- documents ------------------------------------------------------------ */

void
cnc__trial_page(struct cnc__str *out, const struct cnc__decl *d,
                const char *lang, enum cnc__trial kind)
{
    char *values[CNC__WEB_MAX_PARTS] = {NULL}, sample[] = SAMPLE;
    struct cnc__str path = CNC__STR, node = CNC__STR;
    struct trial t;
    begin(&t, d->agent, lang, kind);
    for (size_t i = 0; i < d->n_params; i++) {
        values[i] = sample;
    }
    char *title = cnc__decl_expand(d, cnc__tr(t.tr, d->title), values);
    expand(&path, d->path, strlen(d->path));
    cnc__callsource_begin(out, d->agent, &t.who, title, cnc__str_c(&path));
    for (size_t i = 0; i < d->n_parts; i++) {
        if (d->parts[i].param) {
            cnc__callsource_param(out, d->parts[i].text, SAMPLE);
        }
    }
    cnc__callsource_flash(out, kind == CNC__TRIAL_ANSWER ? "It is done." : "");
    cnc__callsource_menu(out, d->agent, &t.who);
    for (const char *s = d->command; *s != '\0';) {
        size_t n = strcspn(s, " ");
        if (n > 0) {
            cnc__str_clear(&node);
            expand(&node, s, n);
            write_command(out, &t, cnc__str_c(&node));
        }
        s += n + (s[n] == ' ');
    }
    end(&t, out);
    cnc__free(title);
    cnc__str_fini(&path);
    cnc__str_fini(&node);
}

void
cnc__trial_do(struct cnc__str *out, const struct cnc__agent *a,
              const char *lang, enum cnc__trial kind)
{
    struct trial t;
    begin(&t, a, lang, kind);
    cnc__callsource_begin(out, a, &t.who, cnc__tr(t.tr, "Command"),
                          kind == CNC__TRIAL_LIST ? "/_do" : "/_do/example");
    cnc__callsource_menu(out, a, &t.who);
    if (kind != CNC__TRIAL_LIST) {
        write_command(out, &t, SAMPLE);
    }
    end(&t, out);
}

void
cnc__trial_error(struct cnc__str *out, const struct cnc__agent *a,
                 const char *lang)
{
    struct trial t;
    begin(&t, a, lang, CNC__TRIAL_ERROR);
    cnc__callsource_begin(out, a, &t.who,
                          cnc__tr(t.tr, "There is no such page"), "/nowhere");
    cnc__callsource_menu(out, a, &t.who);
    cnc__xml_printf(out, "<error code='404' href='/'>%s</error>",
                    cnc__tr(t.tr, "The address may be mistyped, or the page "
                                  "was moved."));
    end(&t, out);
}
