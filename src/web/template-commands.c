/* SPDX-License-Identifier: MIT */
/*
 * template-commands.c -- an administrator's commands about templates: which
 * there are and which pages use them, what one was before and what changed,
 * a new version, an old one again.  A version is named by its position in the
 * node `templates`.  A new one goes the way of any publish: it is tried on the
 * pages that use it first.
 */
#include <stdio.h>

#include "../pubsub/result.h"
#include "../xml/write.h"
#include "web.h"

#define MAX_VERSIONS 1000

/* -- versions ----------------------------------------------------------------
 */

struct version {
    struct cnc__sheet *sheet;
    char position[40], publisher[256];
    int64_t ms;
    bool retracted;
};

struct versions {
    const struct cnc__node *node;
    const char *want; /* a position, or NULL: all */
    struct version *all;
    size_t n;
    char epoch[16];
};

static int
take_version(const struct cnc_store_entry *e, void *priv)
{
    struct versions *to = priv;
    struct version v = {.ms = e->published_ms};

    if (to->n == MAX_VERSIONS) {
        return 1;
    }
    snprintf(v.position, sizeof(v.position), "%s.%llu", to->epoch,
             (unsigned long long)e->seq);
    if (to->want != NULL && strcmp(to->want, v.position) != 0) {
        return 0;
    }
    snprintf(v.publisher, sizeof(v.publisher), "%s", e->publisher);
    v.sheet = cnc__sheet_of_xml(e->value, e->len);
    v.retracted = v.sheet == NULL;
    to->all = cnc__realloc(to->all, to->n + 1, sizeof(*to->all));
    to->all[to->n++] = v;
    return 0;
}

static void
versions_fini(struct versions *v)
{
    for (size_t i = 0; i < v->n; i++) {
        cnc__sheet_unref(&v->all[i].sheet);
    }
    cnc__free(v->all);
}

/* Newest first; want NULL: all of id. */
static void
versions_of(struct versions *out, struct cnc__agent *a, const char *id,
            const char *want)
{
    char position[40];

    *out = (struct versions){.node = a->templates, .want = want};
    cnc__node_position(a->templates, position);
    snprintf(out->epoch, sizeof(out->epoch), "%.*s",
             (int)strcspn(position, "."), position);
    cnc__node_history(a->templates, id, take_version, out);
}

/* The text of a version: "" is the newest, "file" the app's own file.  NULL
 * after a refusal at field. */
static struct cnc__sheet *
version_text(struct cnc__agent *a, struct cnc__command_reply *reply,
             struct cnc__values *v, const char *field)
{
    const char *id = cnc__values_text(v, "id"),
               *want = cnc__values_text(v, field);
    struct cnc__sheet *s = NULL;
    struct versions list;

    if (strcmp(want, "file") == 0) {
        s = cnc__table_get(a->files, id);
        s = s == NULL ? cnc__table_get(a->builtins, id) : s;
        s = s == NULL ? NULL : cnc__sheet_ref(s);
    } else if (want[0] == '\0') {
        s = cnc__sheet_find(a, id);
        s = s == NULL ? NULL : cnc__sheet_ref(s);
    } else {
        versions_of(&list, a, id, want);
        s = list.n == 0 || list.all[0].sheet == NULL
                ? NULL
                : cnc__sheet_ref(list.all[0].sheet);
        versions_fini(&list);
    }
    if (s == NULL) {
        cnc__command_refuse(reply, v, want[0] == '\0' ? "id" : field,
                            want[0] == '\0' ? "There is no such template."
                                            : "There is no such version.");
    }
    return s;
}

/* -- lists
 * ---------------------------------------------------------------------- */

static void
used_by(struct cnc__str *out, struct cnc__agent *a, const char *id)
{
    for (size_t i = 0; i < a->n_decls && out->len < 500; i++) {
        const struct cnc__decl *d = a->decls[i];

        if (cnc__template_uses(a, d->template_, id)) {
            cnc__str_printf(out, "%s%s", out->len > 0 ? " " : "", d->path);
        }
    }
}

static const char *const file_words[] = {
    [CNC__FILE_NONE] = "",
    [CNC__FILE_USED] = "used",
    [CNC__FILE_CHANGED] = "changed here",
    [CNC__FILE_NEWER] = "newer than the one that was changed here",
};

/* True: the app's file is newer than what somebody published instead. */
static bool
write_template(struct cnc__str *out, struct cnc__agent *a, const char *id)
{
    enum cnc__own_file own = cnc__template_file(a, id);
    const struct cnc__item *item =
        a->templates == NULL ? NULL : cnc__node_item(a->templates, id);
    const struct cnc__sheet *s = cnc__sheet_find(a, id);
    bool file = cnc__table_get(a->files, id) != NULL;
    struct cnc__str pages = CNC__STR;
    char when[32] = "";

    used_by(&pages, a, id);
    if (item != NULL) {
        cnc__datetime(when, item->published_ms);
    }
    cnc__str_puts(out, "<item>");
    cnc__result_cell(out, "id", id);
    cnc__result_cell(out, "pages", cnc__str_c(&pages));
    cnc__result_cell(out, "published", when);
    cnc__result_cell(out, "publisher",
                     item != NULL ? item->publisher
                     : file       ? "file"
                                  : "built in");
    cnc__result_count(out, "bytes", s == NULL ? 0 : s->len);
    cnc__result_cell(out, "file", file_words[own]);
    cnc__str_puts(out, "</item>");
    cnc__str_fini(&pages);
    return own == CNC__FILE_NEWER;
}

static int
by_id(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Those of a table that are in neither of the others. */
static size_t
add_ids(const char **ids, size_t n, const struct cnc__node *items,
        const struct cnc__table *table, const struct cnc__table *before)
{
    struct cnc__table_iter i = {0};

    while (cnc__table_next(table, &i)) {
        if ((items == NULL || cnc__node_item(items, i.key) == NULL) &&
            (before == NULL || cnc__table_get(before, i.key) == NULL)) {
            ids[n++] = i.key;
        }
    }
    return n;
}

static void
run_list(struct cnc__agent *a, struct cnc__command_reply *reply,
         const struct cnc__caller *who, struct cnc__values *v)
{
    const struct cnc__node *node = a->templates;
    size_t items = node == NULL ? 0 : cnc__node_n_items(node), n = 0;
    size_t max =
        items + cnc__table_len(a->files) + cnc__table_len(a->builtins);
    const char **ids = cnc__zalloc((max + 1) * sizeof(*ids));
    struct cnc__str form = CNC__STR, note = CNC__STR, newer = CNC__STR;

    for (; n < items; n++) {
        ids[n] = cnc__node_item_at(node, n)->id;
    }
    n = add_ids(ids, n, node, a->files, NULL);
    n = add_ids(ids, n, node, a->builtins, a->files);
    qsort(ids, n, sizeof(*ids), by_id);
    cnc__result_begin(&form, "Templates");
    cnc__str_puts(&form, "<reported><field var='id' label='Template'/>"
                         "<field var='pages' label='Pages'/>"
                         "<field var='published' label='Published'/>"
                         "<field var='publisher' label='By'/>"
                         "<field var='bytes' label='Bytes'/>"
                         "<field var='file' label='The app&#39;s file'/>"
                         "</reported>");
    for (size_t at = 0; at < n; at++) {
        if (write_template(&form, a, ids[at])) {
            cnc__str_printf(&newer, "%s%s", newer.len > 0 ? ", " : "",
                            ids[at]);
        }
    }
    if (newer.len > 0) {
        cnc__str_printf(&note,
                        "The app has a newer file than what was changed here: "
                        "%s. templates/diff (to=file) shows it, "
                        "templates/rollback (version=file) takes it.",
                        newer.data);
    }
    cnc__free(ids);
    cnc__result_done(reply, &form, note.data);
    cnc__str_fini(&note);
    cnc__str_fini(&newer);
}

static void
run_history(struct cnc__agent *a, struct cnc__command_reply *reply,
            const struct cnc__caller *who, struct cnc__values *v)
{
    struct cnc__str form = CNC__STR;
    struct versions list;

    versions_of(&list, a, cnc__values_text(v, "id"), NULL);
    cnc__result_begin(&form, cnc__values_text(v, "id"));
    cnc__str_puts(&form, "<reported><field var='position' label='Version'/>"
                         "<field var='published' label='Published'/>"
                         "<field var='publisher' label='By'/>"
                         "<field var='bytes' label='Bytes'/></reported>");
    for (size_t i = 0; i < list.n; i++) {
        const struct version *one = &list.all[i];
        char when[32];

        cnc__datetime(when, one->ms);
        cnc__str_puts(&form, "<item>");
        cnc__result_cell(&form, "position", one->position);
        cnc__result_cell(&form, "published", when);
        cnc__result_cell(&form, "publisher", one->publisher);
        cnc__result_count(&form, "bytes",
                          one->sheet == NULL ? 0 : one->sheet->len);
        cnc__str_puts(&form, "</item>");
    }
    cnc__result_done(reply, &form,
                     list.n == 0 ? "Nothing is kept of it." : NULL);
    versions_fini(&list);
}

static void
run_show(struct cnc__agent *a, struct cnc__command_reply *reply,
         const struct cnc__caller *who, struct cnc__values *v)
{
    struct cnc__sheet *s = version_text(a, reply, v, "version");
    struct cnc__str form = CNC__STR;

    if (s == NULL) {
        return;
    }
    cnc__result_begin(&form, cnc__values_text(v, "id"));
    cnc__result_lines(&form, "text", "Template", s->text);
    cnc__result_done(reply, &form, NULL);
    cnc__sheet_unref(&s);
}

/* -- what changed
 * --------------------------------------------------------------- */

static void
run_diff(struct cnc__agent *a, struct cnc__command_reply *reply,
         const struct cnc__caller *who, struct cnc__values *v)
{
    struct cnc__sheet *old = version_text(a, reply, v, "from"), *new;
    struct cnc__str form = CNC__STR, text = CNC__STR, note = CNC__STR;
    size_t n;

    if (old == NULL) {
        return;
    }
    new = version_text(a, reply, v, "to");
    if (new == NULL) {
        cnc__sheet_unref(&old);
        return;
    }
    n = cnc__sheet_diff(&text, old, new);
    cnc__str_printf(&note, n == 0 ? "They are the same." : "%zu lines differ.",
                    n);
    cnc__result_begin(&form, cnc__values_text(v, "id"));
    cnc__result_lines(&form, "diff", "What changed", cnc__str_c(&text));
    cnc__result_done(reply, &form, note.data);
    cnc__str_fini(&text);
    cnc__str_fini(&note);
    cnc__sheet_unref(&old);
    cnc__sheet_unref(&new);
}

/* -- new versions
 * ----------------------------------------------------------------- */

static void
on_published(const struct cnc_error *err, const char *id, void *priv)
{
    cnc__command_done(priv, err, "It is published; pages that use it change.",
                      NULL);
}

static void
publish(struct cnc__agent *a, struct cnc__command_reply *reply,
        const struct cnc__caller *who, const char *id, const char *text,
        bool mark)
{
    static const struct cnc_xml_limits limits = {
        .size = sizeof(limits),
        .max_token = CNC__WEB_MAX_SHEET * 2,
        .max_stanza = CNC__WEB_MAX_SHEET * 8};
    struct cnc__actor self = who->who;
    struct cnc__str xml = CNC__STR;
    struct cnc_element *e = NULL;
    struct cnc_error err = {0};

    self.operator_ = true; /* whoever may run the command may do it */
    cnc__xml_printf(&xml,
                    "<template xmlns='" CNC__NS_TEMPLATE
                    "' type='application/xslt+xml'>%s</template>",
                    text);
    if (cnc_xml_parse(&e, xml.data, xml.len, CNC_PARSE_THAW, &limits, &err) !=
        0) {
        cnc__command_done(reply, &err, NULL, NULL);
    } else {
        if (mark) { /* he has seen the app's own */
            cnc__template_mark(a, id, e);
        }
        cnc__pubsub_publish(a->env.pubsub, &self, a->templates, id, e, false,
                            on_published, reply);
    }
    cnc_element_unref(&e);
    cnc__str_fini(&xml);
}

static void
typed_text(struct cnc__str *out, struct cnc__values *v)
{
    const char *line;

    for (size_t i = 0; (line = cnc__values_get(v, "text", i)) != NULL; i++) {
        cnc__str_puts(out, line);
        cnc__str_putc(out, '\n');
    }
}

static void
run_put(struct cnc__agent *a, struct cnc__command_reply *reply,
        const struct cnc__caller *who, struct cnc__values *v)
{
    const char *look = cnc__values_text(v, "look");
    struct cnc__str text = CNC__STR;

    typed_text(&text, v);
    if (strcmp(look, "true") == 0 || strcmp(look, "1") == 0) {
        struct cnc__sheet *s = cnc__sheet_new(cnc__str_c(&text), text.len);

        cnc__command_again(reply);
        cnc__values_set(v, "look", NULL);
        cnc__preview(a, reply, who, v, cnc__values_text(v, "id"), s, "text",
                     true);
        cnc__sheet_unref(&s);
    } else {
        publish(a, reply, who, cnc__values_text(v, "id"), cnc__str_c(&text),
                true);
    }
    cnc__str_fini(&text);
}

static void
run_rollback(struct cnc__agent *a, struct cnc__command_reply *reply,
             const struct cnc__caller *who, struct cnc__values *v)
{
    struct cnc__sheet *s = version_text(a, reply, v, "version");
    const char *id = cnc__values_text(v, "id");

    if (s == NULL) {
        return;
    }
    if (s == cnc__table_get(a->files, id)) {
        /* It is the app's own from now on, and newer ones are taken. */
        cnc__template_take_file(a, id, on_published, reply);
    } else {
        publish(a, reply, who, id, s->text, false);
    }
    cnc__sheet_unref(&s);
}

/* What was typed, or a version that there is. */
static void
run_preview(struct cnc__agent *a, struct cnc__command_reply *reply,
            const struct cnc__caller *who, struct cnc__values *v)
{
    const char *field = "text";
    struct cnc__str text = CNC__STR;
    struct cnc__sheet *s;

    typed_text(&text, v);
    if (strspn(cnc__str_c(&text), " \t\r\n") < text.len) {
        s = cnc__sheet_new(text.data, text.len);
    } else {
        field = "version";
        s = version_text(a, reply, v, field);
    }
    if (s != NULL) {
        cnc__preview(a, reply, who, v, cnc__values_text(v, "id"), s, field,
                     false);
        cnc__sheet_unref(&s);
    }
    cnc__str_fini(&text);
}

/* -- all of them
 * --------------------------------------------------------------------- */

#define ID                                                                    \
    {                                                                         \
        "id", "Template", .required = true, .max_len = 256                    \
    }

static const struct cnc_record id_record = {"template", CNC_FIELDS(ID)};
static const struct cnc_record version_record = {
    "version",
    CNC_FIELDS(ID, {"version", "Version", .max_len = 40,
                    .help = "Of templates/history; empty: the newest; "
                            "\"file\": the app's own."})};
static const struct cnc_record rollback_record = {
    "rollback",
    CNC_FIELDS(ID, {"version", "Version", .required = true, .max_len = 40,
                    .help = "Of templates/history, or \"file\"."})};
static const struct cnc_record diff_record = {
    "diff", CNC_FIELDS(ID, {"from", "From version", .max_len = 40},
                       {"to", "To version", .max_len = 40,
                        .help = "Empty: the newest."})};
static const struct cnc_record put_record = {
    "put", CNC_FIELDS(ID,
                      {"text", "Stylesheet", CNC_FIELD_LINES, .required = true,
                       .max_len = 1000000},
                      {"page", "Page to look at", .max_len = 512,
                       .help = "Empty: those that use the template."},
                      {"look", "Look at it first", CNC_FIELD_BOOLEAN,
                       .help = "Publish nothing: say where it is to be "
                               "seen."})};

static const struct cnc_record preview_record = {
    "preview",
    CNC_FIELDS(ID,
               {"text", "Stylesheet", CNC_FIELD_LINES, .max_len = 1000000,
                .help = "Empty: the version that is named."},
               {"version", "Version", .max_len = 40,
                .help = "Of templates/history; empty: the newest; \"file\": "
                        "the app's own."},
               {"page", "Page", .max_len = 512,
                .help = "Its address, like /by/Austen. Empty: those that use "
                        "the template."})};

struct entry {
    const char *node, *name, *help;
    const struct cnc_record *record;
    bool safe;
    void (*run)(struct cnc__agent *, struct cnc__command_reply *,
                const struct cnc__caller *, struct cnc__values *);
};

static const struct entry entries[] = {
    {"templates/list", "Templates",
     "Which there are, and where they are used.", NULL, true, run_list},
    {"templates/show", "Show a template", "Its text, of any version.",
     &version_record, true, run_show},
    {"templates/history", "Versions of a template", "Newest first.",
     &id_record, true, run_history},
    {"templates/diff", "Compare versions of a template",
     "What changed between two versions.", &diff_record, true, run_diff},
    {"templates/put", "Publish a template",
     "A new version; it is tried on the pages that use it first.", &put_record,
     false, run_put},
    {"templates/preview", "Look at a template before it is published",
     "The pages that use it, with it and with the records that are there. "
     "Nothing changes; you alone see it.",
     &preview_record, true, run_preview},
    {"templates/rollback", "Publish an old version",
     "What it was, as its newest version.", &rollback_record, false,
     run_rollback},
};

struct cnc__template_runner {
    struct cnc__agent *agent;
    const struct entry *entry;
};

static void
run(struct cnc__command_reply *reply, const struct cnc__caller *who,
    struct cnc__values *v, void *priv)
{
    const struct cnc__template_runner *r = priv;
    struct cnc_element *form = NULL;
    struct cnc_error err = {0};
    int code = r->entry->record == NULL
                   ? 0
                   : cnc__record_build(&form, r->entry->record, "", v);

    cnc_element_unref(&form);
    if (code != 0) {
        cnc_error_set(&err, code, NULL, "Some fields need another look.");
        cnc__command_done(reply, &err, NULL, NULL);
        return;
    }
    r->entry->run(r->agent, reply, who, v);
}

int
cnc__agent_commands(struct cnc__agent *a, struct cnc_error *err)
{
    a->template_runners =
        cnc__zalloc(CNC_N(entries) * sizeof(*a->template_runners));
    for (size_t i = 0; i < CNC_N(entries); i++) {
        struct cnc__command cmd = {.node = (char *)entries[i].node,
                                   .name = (char *)entries[i].name,
                                   .help = (char *)entries[i].help,
                                   .record = entries[i].record,
                                   .safe = entries[i].safe,
                                   .who = CNC_ADMINS,
                                   .run = run,
                                   .priv = &a->template_runners[i]};
        int code;

        a->template_runners[i] = (struct cnc__template_runner){a, &entries[i]};
        code = cnc__commands_add(a->env.commands, &cmd, err);
        if (code != 0) {
            return code;
        }
    }
    return 0;
}

void
cnc__template_commands_end(struct cnc__agent *a)
{
    for (size_t i = 0; a->template_runners != NULL && i < CNC_N(entries);
         i++) {
        cnc__commands_remove(a->env.commands, entries[i].node);
    }
    cnc__free(a->template_runners);
    a->template_runners = NULL;
}
