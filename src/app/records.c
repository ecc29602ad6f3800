/* SPDX-License-Identifier: MIT */
/*
 * records.c -- the forms by which administrators add and edit the records of a
 * node: see records.h.
 */
#include "records.h"

#include <inttypes.h>
#include <stdio.h>

#include "../base/text.h"

#define CHANGED CNC__TEXT("Somebody has changed it meanwhile.")

/* The form's own fields, beside the record's. */
enum { F_ID, F_VERSION, F_NEXT, N_OWN };
static const char *const own_names[N_OWN] = {"id", "version", "next"};

struct forms {
    struct cnc__app_node *node;
    const char *names[N_OWN]; /* "record-id" when the record has an "id" */
    struct cnc_record edit, add;
};

/* -- values and records -----------------------------------------------------
 */

static void
add_lines(struct cnc__values *v, const char *name, const char *text)
{
    for (const char *end; *text != '\0'; text = *end == '\0' ? end : end + 1) {
        char *line;

        end = text + strcspn(text, "\n");
        line = cnc__strndup(text, (size_t)(end - text));
        cnc__values_add(v, name, line, NULL);
        cnc__free(line);
    }
}

const char *
cnc__records_name(const struct cnc_element *e, const struct cnc_field *f)
{
    return f->was != NULL && e != NULL &&
                   cnc_element_child(e, NULL, f->name) == NULL
               ? f->was
               : f->name;
}

void
cnc__records_read(struct cnc__values *v, const struct cnc_record *record,
                  const struct cnc_buf *payload)
{
    struct cnc_element *e = NULL, *child;
    const char *name;
    size_t i;

    if (payload == NULL ||
        cnc_xml_parse(&e, cnc_buf_data(payload), cnc_buf_len(payload), 0, NULL,
                      NULL) != 0) {
        return;
    }
    for (const struct cnc_field *f = record->fields; f->name != NULL; f++) {
        if (f->compute != NULL) {
            continue;
        }
        name = cnc__records_name(e, f);
        for (i = 0; (child = cnc_element_next(e, &i, NULL, name)) != NULL;) {
            const char *text = cnc_element_text(child);

            if (f->kind == CNC_FIELD_LINES) {
                add_lines(v, f->name, text);
            } else {
                cnc__values_add(v, f->name, text, NULL);
            }
        }
    }
    cnc_element_unref(&e);
}

struct cnc__values *
cnc__records_own(const struct cnc_record *record, const struct cnc__values *v)
{
    struct cnc__values *own = cnc__values_new();

    for (const struct cnc_field *f = record->fields; f->name != NULL; f++) {
        const char *text;

        for (size_t i = 0; (text = cnc__values_get(v, f->name, i)) != NULL;
             i++) {
            cnc__values_add(own, f->name, text, NULL);
        }
    }
    return own;
}

struct cnc__node *
cnc__records_node(struct cnc__apps *a, const char *name)
{
    struct cnc__node *node = cnc__pubsub_node(a->env.pubsub, name);
    struct cnc__app_node *own = node == NULL ? NULL : cnc__node_priv(node);

    if (own == NULL || !own->here || own->decl->record == NULL) {
        return NULL;
    }
    for (const char *const *n = own->app->decl->admin; *n != NULL; n++) {
        if (strcmp(*n, name) == 0) {
            return node;
        }
    }
    return NULL;
}

const struct cnc_record *
cnc__records_record(const struct cnc__node *node)
{
    const struct cnc__app_node *own = cnc__node_priv(node);

    return own->decl->record;
}

/* Whoever may run the command acts as the service does, in his own name. */
int
cnc__records_publish(struct cnc__node *node, const struct cnc__caller *who,
                     const char *id, struct cnc__values *v, bool if_new,
                     cnc__done_f *done, void *priv)
{
    struct cnc__app_node *own = cnc__node_priv(node);
    struct cnc__pubsub *ps = own->app->apps->env.pubsub;
    struct cnc__actor self = who->who;
    struct cnc_element *e = NULL;
    int code =
        cnc__record_build(&e, own->decl->record, own->app->decl->xmlns, v);

    if (code == 0) {
        code = cnc__record_refs(ps, own->decl->record, e, v, NULL);
    }
    if (code == 0) {
        self.operator_ = true;
        cnc__pubsub_publish(ps, &self, node, id, e, if_new, done, priv);
    }
    cnc_element_unref(&e);
    return code;
}

/* -- the forms
 * ----------------------------------------------------------------
 */

static void
saved(const struct cnc_error *err, const char *id, void *priv)
{
    struct cnc__str note = CNC__STR;

    cnc__str_printf(&note, "%s is saved.", id == NULL ? "It" : id);
    cnc__command_done(priv, err, err == NULL ? note.data : NULL, NULL);
    cnc__str_fini(&note);
}

static void
refuse_all(struct cnc__command_reply *reply, const char *text)
{
    struct cnc_error err = {0};

    cnc_error_set(&err, CNC_EREFUSED, NULL, "%s", text);
    cnc__command_done(reply, &err, NULL, NULL);
}

/* The errors of what was judged, to where they are shown. */
static void
carry(struct cnc__values *to, const struct cnc__values *from,
      const struct cnc_record *record)
{
    for (const struct cnc_field *f = record->fields; f->name != NULL; f++) {
        if (cnc__values_error(from, f->name) != NULL) {
            cnc__values_refuse(to, f->name, cnc__values_error(from, f->name));
        }
    }
    if (cnc__values_error(from, NULL) != NULL) {
        cnc__values_refuse(to, NULL, cnc__values_error(from, NULL));
    }
}

static void
save(struct forms *f, struct cnc__node *node, struct cnc__command_reply *reply,
     const struct cnc__caller *who, struct cnc__values *v, const char *id,
     bool if_new)
{
    const struct cnc_record *record = f->node->decl->record;
    struct cnc__values *own = cnc__records_own(record, v);
    const char *next = cnc__values_text(v, f->names[F_NEXT]);

    if (next[0] == '/') {
        cnc__command_see(reply, next);
    }
    if (cnc__records_publish(node, who, id, own, if_new, saved, reply) != 0) {
        carry(v, own, record);
        refuse_all(reply, "Some fields need another look.");
    }
    cnc__values_free(&own);
}

static struct cnc__node *
node_of(const struct forms *f, struct cnc__command_reply *reply)
{
    struct cnc__node *node =
        cnc__records_node(f->node->app->apps, f->node->decl->name);

    if (node == NULL) {
        refuse_all(reply, "There is no such node.");
    }
    return node;
}

static void
run_add(struct cnc__command_reply *reply, const struct cnc__caller *who,
        struct cnc__values *v, void *priv)
{
    struct forms *f = priv;
    struct cnc__node *node = node_of(f, reply);
    const char *id = cnc__values_text(v, f->names[F_ID]);
    struct cnc__item *item;

    if (node == NULL) {
        return;
    }
    item = id[0] == '\0' ? NULL : cnc__node_item_or_pending(node, id);
    if (item != NULL) {
        cnc__item_unref(&item);
        cnc__command_refuse(reply, v, f->names[F_ID],
                            "There is a record of this name already.");
        return;
    }
    save(f, node, reply, who, v, id[0] == '\0' ? NULL : id, true);
}

/* -- an edit
 * ------------------------------------------------------------------
 */

static void
version_of(char out[24], const struct cnc__item *item)
{
    snprintf(out, 24, "%" PRIu64, item->seq);
}

static void
fill_from(const struct forms *f, const struct cnc__item *item,
          struct cnc__values *v)
{
    char version[24];

    version_of(version, item);
    cnc__records_read(v, f->node->decl->record, item->payload);
    cnc__values_set(v, f->names[F_VERSION], version);
}

/* Nothing but the id: he asks for the form. */
static bool
asks(const struct forms *f, const struct cnc__values *v)
{
    for (const struct cnc_field *d = f->node->decl->record->fields;
         d->name != NULL; d++) {
        if (cnc__values_text(v, d->name)[0] != '\0' &&
            d->kind != CNC_FIELD_FIXED && d->kind != CNC_FIELD_HIDDEN &&
            d->kind != CNC_FIELD_BOOLEAN) {
            return false;
        }
    }
    return cnc__values_text(v, f->names[F_VERSION])[0] == '\0';
}

/* On a GET: what it is, unless the address says otherwise. */
static void
fill(struct cnc__values *v, const struct cnc__caller *who, void *priv)
{
    struct forms *f = priv;
    struct cnc__node *node =
        cnc__records_node(f->node->app->apps, f->node->decl->name);
    const char *id = cnc__values_text(v, f->names[F_ID]);
    struct cnc__item *item = node == NULL || id[0] == '\0'
                                 ? NULL
                                 : cnc__node_item_or_pending(node, id);

    if (item == NULL) {
        if (id[0] != '\0') {
            cnc__values_refuse(v, f->names[F_ID], "There is no such record.");
        }
        return;
    }
    if (cnc__values_text(v, f->names[F_VERSION])[0] == '\0') {
        const struct cnc_field *d = f->node->decl->record->fields;

        for (; d->name != NULL; d++) { /* defaults are not what it is */
            cnc__values_set(v, d->name, NULL);
        }
        fill_from(f, item, v);
    }
    cnc__item_unref(&item);
}

static void
join(struct cnc__str *out, const struct cnc__values *v, const char *field)
{
    const char *text;

    for (size_t i = 0; (text = cnc__values_get(v, field, i)) != NULL; i++) {
        cnc__str_printf(out, "%s%s", i > 0 ? "\n" : "", text);
    }
}

/* As the form shows it: a choice by its label, a record by its name. */
static void
show_value(struct cnc__str *out, struct cnc__pubsub *ps,
           const struct cnc_field *f, const char *text)
{
    for (const struct cnc_option *o = f->options;
         o != NULL && o->value != NULL; o++) {
        if (strcmp(o->value, text) == 0 && o->label != NULL) {
            text = o->label;
            break;
        }
    }
    if (f->kind != CNC_FIELD_REF || !cnc__ref_name(out, ps, f, text)) {
        cnc__str_puts(out, text);
    }
}

static void
say_now(struct cnc__str *out, struct cnc__pubsub *ps,
        const struct cnc_field *f, const struct cnc__values *now)
{
    struct cnc__str shown = CNC__STR;
    const char *text;

    for (size_t i = 0; (text = cnc__values_get(now, f->name, i)) != NULL;
         i++) {
        cnc__str_puts(&shown, i > 0 ? "\n" : "");
        show_value(&shown, ps, f, text);
    }
    if (shown.len > 0) {
        cnc__str_printf(out,
                        CNC__TEXT("Somebody has changed it meanwhile. It is "
                                  "now: %s"),
                        shown.data);
    } else {
        cnc__str_puts(out, CNC__TEXT("Somebody has changed it meanwhile. It "
                                     "is empty now."));
    }
    cnc__str_fini(&shown);
}

/* What differs from what he typed is said where he typed it; false: nothing
 * does. */
static bool
tell_changes(const struct forms *f, const struct cnc__item *item,
             struct cnc__values *v)
{
    const struct cnc_record *record = f->node->decl->record;
    struct cnc__values *now = cnc__values_new();
    bool differs = false;

    cnc__records_read(now, record, item->payload);
    for (const struct cnc_field *d = record->fields; d->name != NULL; d++) {
        struct cnc__str a = CNC__STR, b = CNC__STR, text = CNC__STR;

        join(&a, v, d->name);
        join(&b, now, d->name);
        if (d->compute == NULL && d->kind != CNC_FIELD_FIXED &&
            strcmp(cnc__str_c(&a), cnc__str_c(&b)) != 0) {
            say_now(&text, f->node->app->apps->env.pubsub, d, now);
            cnc__values_refuse(v, d->name, text.data);
            differs = true;
        }
        cnc__str_fini(&a);
        cnc__str_fini(&b);
        cnc__str_fini(&text);
    }
    cnc__values_free(&now);
    return differs;
}

/* His version is old: he sees both, and what he sends next is kept. */
static bool
is_stale(const struct forms *f, const struct cnc__item *item,
         struct cnc__values *v)
{
    char version[24];

    version_of(version, item);
    if (strcmp(version, cnc__values_text(v, f->names[F_VERSION])) == 0 ||
        !tell_changes(f, item, v)) {
        return false;
    }
    cnc__values_set(v, f->names[F_VERSION], version);
    cnc__values_refuse(v, NULL,
                       CNC__TEXT("Somebody has changed it meanwhile. What it "
                                 "is now stands below each field; send the "
                                 "form again to keep what is in it."));
    return true;
}

static void
run_edit(struct cnc__command_reply *reply, const struct cnc__caller *who,
         struct cnc__values *v, void *priv)
{
    struct forms *f = priv;
    struct cnc__node *node = node_of(f, reply);
    const char *id = cnc__values_text(v, f->names[F_ID]);
    struct cnc__item *item;

    if (node == NULL) {
        return;
    }
    item = cnc__node_item_or_pending(node, id);
    if (item == NULL) {
        cnc__command_refuse(reply, v, f->names[F_ID],
                            "There is no such record.");
        return;
    }
    if (asks(f, v)) {
        fill(v, who, f);
        refuse_all(reply, "This is what it is now.");
    } else if (is_stale(f, item, v)) {
        refuse_all(reply, CHANGED);
    } else {
        save(f, node, reply, who, v, id, false);
    }
    cnc__item_unref(&item);
}

/* -- what they are made of
 * ----------------------------------------------------
 */

static bool
has_field(const struct cnc_record *r, const char *name)
{
    for (const struct cnc_field *f = r->fields; f->name != NULL; f++) {
        if (strcmp(f->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static struct cnc_record
form_record(struct cnc__arena *arena, const struct forms *f, const char *name,
            bool edit)
{
    const struct cnc_field *own = f->node->decl->record->fields;
    size_t n = 0, k = 0;
    struct cnc_field *fields;

    while (own[n].name != NULL) {
        n++;
    }
    fields = cnc__arena_alloc(arena, (n + N_OWN + 1) * sizeof(*fields));
    memset(fields, 0, (n + N_OWN + 1) * sizeof(*fields));
    fields[k++] =
        (struct cnc_field){.name = f->names[F_ID],
                           .label = "Id",
                           .required = edit,
                           .max_len = 1023,
                           .help = edit ? NULL : "Empty: a new one."};
    for (size_t i = 0; i < n; i++) {
        if (own[i].compute == NULL) {
            fields[k++] = own[i];
        }
    }
    if (edit) {
        fields[k++] = (struct cnc_field){.name = f->names[F_VERSION],
                                         .kind = CNC_FIELD_HIDDEN,
                                         .max_len = 23};
    }
    fields[k] = (struct cnc_field){
        .name = f->names[F_NEXT], .kind = CNC_FIELD_HIDDEN, .max_len = 2000};
    return (struct cnc_record){.name = name, .fields = fields};
}

static struct forms *
forms_of(struct cnc__app *app, struct cnc__app_node *node)
{
    struct cnc__arena *arena = &app->arena;
    struct forms *f = cnc__arena_alloc(arena, sizeof(*f));

    memset(f, 0, sizeof(*f));
    f->node = node;
    for (size_t i = 0; i < N_OWN; i++) {
        f->names[i] = has_field(node->decl->record, own_names[i])
                          ? cnc__arena_printf(arena, "record-%s", own_names[i])
                          : own_names[i];
    }
    f->edit = form_record(arena, f, "edit", true);
    f->add = form_record(arena, f, "add", false);
    return f;
}

static int
add_command(struct cnc__app *app, struct forms *f, bool edit,
            struct cnc_error *err)
{
    const struct cnc_node *d = f->node->decl;
    struct cnc__str node = CNC__STR, title = CNC__STR;
    struct cnc__command cmd = {.record = edit ? &f->edit : &f->add,
                               .who = CNC_ADMINS,
                               .refs = app->apps->env.pubsub,
                               .run = edit ? run_edit : run_add,
                               .fill = edit ? fill : NULL,
                               .priv = f};
    int code;

    cnc__str_printf(&node, "records/%s/%s", d->name, edit ? "edit" : "add");
    cnc__str_printf(&title, "%s: %s", d->title == NULL ? d->name : d->title,
                    edit ? "edit a record" : "add a record");
    cmd.node = node.data;
    cmd.name = title.data;
    code = cnc__commands_add(app->apps->env.commands, &cmd, err);
    cnc__str_fini(&node);
    cnc__str_fini(&title);
    return code;
}

int
cnc__app_records_add(struct cnc__app *app, struct cnc_error *err)
{
    int code = 0;

    for (const char *const *n = app->decl->admin; code == 0 && *n != NULL;
         n++) {
        struct cnc__node *node = cnc__records_node(app->apps, *n);

        if (node == NULL) {
            return cnc_error_set(err, CNC_EINVAL, NULL,
                                 "app \"%s\": .admin names \"%s\", which is "
                                 "no node of it with a record",
                                 app->decl->name, *n);
        }
        struct forms *f = forms_of(app, cnc__node_priv(node));
        code = cnc__records_common(app->apps, err);
        for (int edit = 0; code == 0 && edit < 2; edit++) {
            code = add_command(app, f, edit == 1, err);
        }
    }
    return code;
}

void
cnc__app_records_remove(struct cnc__app *app)
{
    for (const char *const *n = app->decl->admin; *n != NULL; n++) {
        static const char *const what[] = {"add", "edit"};

        for (size_t i = 0; i < CNC_N(what); i++) {
            struct cnc__str node = CNC__STR;

            cnc__str_printf(&node, "records/%s/%s", *n, what[i]);
            cnc__commands_remove(app->apps->env.commands, node.data);
            cnc__str_fini(&node);
        }
    }
}
