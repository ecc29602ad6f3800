/* SPDX-License-Identifier: MIT */
/*
 * app-commands.c -- the operator's commands about apps: which there are and
 * how they are, start, stop, add, remove.
 *
 * A change runs by env.post, never within the call that asks for it: the
 * panel is an app, too, and may be stopping itself.
 */
#include <limits.h>
#include <stdlib.h>

#include "../pubsub/result.h"
#include "../xml/write.h"
#include "private.h"

static const char *const state_names[] = {
    [CNC__APP_STOPPED] = "stopped",
    [CNC__APP_RUNNING] = "running",
    [CNC__APP_PAUSED] = "paused",
    [CNC__APP_REFUSED] = "refused",
};

const char *
cnc__app_state_name(enum cnc__app_state state)
{
    return state_names[state];
}

/* -- which there are --------------------------------------------------------
 */

static const struct {
    const char *name, *label;
} columns[] = {
    {"name", "Name"},
    {"title", "Title"},
    {"version", "Version"},
    {"state", "State"},
    {"needs", "Needs"},
    {"extends", "Extends"},
    {"mount", "Mount"},
    {"error", "Error"},
    {"items", "Items"},
    {"bytes", "Bytes"},
    {"memory", "Memory"},
    {"submits", "Submits"},
    {"refused", "Refused"},
    {"faults", "Faults"},
    {"published_s", "Published a second"},
    {"threads", "Threads"},
    {"needed_by", "Needed by"},
    {"module", "Can be reloaded"},
};

struct installed {
    const struct cnc__apps *apps;
    struct cnc__table *names;
};

static void
add_installed(const char *name, void *priv)
{
    struct installed *to = priv;

    if (cnc__app_find(to->apps, name) == NULL) {
        cnc__table_put(to->names, name, to);
    }
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Of the installed apps those that could be added: "desk shelf". */
static void
write_installed(struct cnc__str *out, const struct cnc__apps *a)
{
    struct installed to = {a, cnc__table_new()};
    const char **names;
    size_t n = 0;

    if (a->env.installed != NULL) {
        a->env.installed(add_installed, &to);
    }
    names = cnc__zalloc((cnc__table_len(to.names) + 1) * sizeof(*names));
    for (struct cnc__table_iter i = {0}; cnc__table_next(to.names, &i);) {
        names[n++] = i.key;
    }
    if (n > 1) {
        qsort(names, n, sizeof(*names), by_name);
    }
    for (size_t i = 0; i < n; i++) {
        cnc__str_printf(out, "%s%s", i == 0 ? "" : " ", names[i]);
    }
    cnc__free(names);
    cnc__table_free(&to.names, NULL);
}

struct table {
    const char *name; /* of one alone, or NULL */
    struct cnc__str rows;
    size_t n, n_running;
};

static void
needs_cell(struct cnc__str *out, const char *const *needs)
{
    struct cnc__str text = CNC__STR;

    for (; needs != NULL && *needs != NULL; needs++) {
        cnc__str_printf(&text, "%s%s", text.len == 0 ? "" : " ", *needs);
    }
    cnc__result_cell(out, "needs", cnc__str_c(&text));
    cnc__str_fini(&text);
}

static void
add_row(const struct cnc__app_info *app, void *priv)
{
    struct table *t = priv;
    struct cnc__str rate = CNC__STR;

    if (t->name != NULL && strcmp(t->name, app->name) != 0) {
        return;
    }
    t->n++;
    t->n_running += app->state == CNC__APP_RUNNING;
    cnc__str_puts(&t->rows, "<item>");
    cnc__result_cell(&t->rows, "name", app->name);
    cnc__result_cell(&t->rows, "title", app->title);
    cnc__result_cell(&t->rows, "version", app->version);
    cnc__result_cell(&t->rows, "state", state_names[app->state]);
    needs_cell(&t->rows, app->needs);
    cnc__result_cell(&t->rows, "extends", app->extends);
    cnc__result_cell(&t->rows, "mount", app->mount);
    cnc__result_cell(&t->rows, "error", app->error);
    cnc__result_count(&t->rows, "items", app->items);
    cnc__result_count(&t->rows, "bytes", app->bytes);
    cnc__result_count(&t->rows, "memory", app->memory);
    cnc__result_count(&t->rows, "submits", app->submits);
    cnc__result_count(&t->rows, "refused", app->refused);
    cnc__result_count(&t->rows, "faults", app->faults);
    cnc__str_printf(&rate, "%.2f", app->published_s);
    cnc__result_cell(&t->rows, "published_s", rate.data);
    cnc__result_count(&t->rows, "threads", app->threads);
    cnc__result_cell(&t->rows, "needed_by", app->needed_by);
    cnc__result_cell(&t->rows, "module", app->reloads ? "true" : "false");
    cnc__str_puts(&t->rows, "</item>");
    cnc__str_fini(&rate);
}

static const struct cnc_record list_record = {
    "apps", CNC_FIELDS({"name", "This one alone", .max_len = 64})};

static void
run_list(struct cnc__command_reply *reply, const struct cnc__caller *who,
         struct cnc__values *v, void *priv)
{
    const char *name = cnc__values_get(v, "name", 0);
    struct table t = {.name = name == NULL || *name == '\0' ? NULL : name,
                      .rows = CNC__STR};
    struct cnc__str form = CNC__STR, note = CNC__STR, more = CNC__STR;

    cnc__apps_each(priv, add_row, &t);
    if (t.name != NULL && t.n == 0) {
        struct cnc_error err = {0};

        cnc_error_set(&err, CNC_ENOENT, "item-not-found",
                      "There is no app \"%.64s\".", t.name);
        cnc__command_done(reply, &err, NULL, NULL);
        cnc__str_fini(&t.rows);
        return;
    }
    write_installed(&more, priv);
    cnc__xml_printf(&form,
                    "<x xmlns='jabber:x:data' type='result'>"
                    "<title>Apps</title><field var='installed' "
                    "label='Installed, not added'><value>%s</value></field>"
                    "<reported>",
                    cnc__str_c(&more));
    cnc__str_fini(&more);
    for (size_t i = 0; i < CNC_N(columns); i++) {
        cnc__xml_printf(&form, "<field var='%s' label='%s'/>", columns[i].name,
                        columns[i].label);
    }
    cnc__str_printf(&form, "</reported>%s</x>", cnc__str_c(&t.rows));
    cnc__str_printf(&note, "%zu apps, %zu running.", t.n, t.n_running);
    cnc__command_done(reply, NULL, note.data, form.data);
    cnc__str_fini(&t.rows);
    cnc__str_fini(&form);
    cnc__str_fini(&note);
}

/* -- a change ---------------------------------------------------------------
 */

enum verb { START, STOP, ADD, REMOVE };

static const struct {
    const char *node, *done, *with; /* with: and the others */
} verbs[] = {
    [START] = {"apps/start", "%s runs.", "%s runs. Started with it: %s."},
    [STOP] = {"apps/stop", "%s is stopped.",
              "%s is stopped. Stopped with it: %s."},
    [ADD] = {"apps/add", "%s is there and runs.",
             "%s is there and runs. Started with it: %s."},
    [REMOVE] = {"apps/remove", "%s is removed; what it published is kept.",
                "%s is removed; what it published is kept. Stopped with it: "
                "%s."},
};

struct op {
    struct cnc__apps *apps;
    struct cnc__command_reply *reply;
    enum verb verb;
    char *name, *who, *mount;
    char *word;   /* by which it was added */
    bool began;   /* to add it: what is fresh came with it */
    char *others; /* what went or came with it */
};

static void
op_free(struct op *op)
{
    cnc__free(op->name);
    cnc__free(op->who);
    cnc__free(op->mount);
    cnc__free(op->word);
    cnc__free(op->others);
    cnc__free(op);
}

static void
op_answer(const struct cnc_error *err, void *priv)
{
    struct op *op = priv;
    struct cnc__str note = CNC__STR;

    if (err == NULL) {
        cnc__str_printf(&note,
                        op->others == NULL ? verbs[op->verb].done
                                           : verbs[op->verb].with,
                        op->name, op->others);
    }
    cnc__command_done(op->reply, err, note.data, NULL);
    cnc__str_fini(&note);
    op_free(op);
}

/* What came with it comes back when the service starts again, by its own
 * name; of one that could not start nothing stays. */
static void
end_add(struct op *op, bool there)
{
    for (struct cnc__app *app = op->apps->first; app != NULL;
         app = app->next) {
        if (!app->fresh) {
            continue;
        }
        app->fresh = false;
        if (!there) {
            app->settled = false;
        } else if (op->word != NULL && strcmp(app->own->name, op->name) == 0) {
            app->word = op->word;
            op->word = NULL;
        } else {
            app->word = cnc__strdup(app->own->name);
        }
    }
    if (!there) {
        cnc__apps_unsettle(op->apps);
    }
}

static void
op_done(const struct cnc_error *err, const char *text, void *priv)
{
    struct op *op = priv;

    if (op->began && !op->apps->leaving) {
        end_add(op, err == NULL);
    }
    if (err != NULL) {
        /* Some of those that go with it may have changed before. */
        if (!op->apps->leaving) {
            cnc__apps_keep(op->apps, NULL, NULL);
        }
        op_answer(err, op);
        return;
    }
    op->others = text == NULL ? NULL : cnc__strdup(text);
    cnc__apps_keep(op->apps, op_answer, op);
}

static void
op_fail(struct op *op, int code, const char *condition, const char *text)
{
    struct cnc_error err = {0};

    cnc_error_set(&err, code, condition, "%s", text);
    op_done(&err, NULL, op);
}

static void
op_add(struct op *op)
{
    struct cnc__apps *a = op->apps;
    struct cnc_error err = {0};
    char *name = NULL;

    if (a->env.load == NULL) {
        op_fail(op, CNC_EPROTO, "feature-not-implemented",
                "no apps can be added to this service");
        return;
    }
    if (a->busy) {
        op_fail(op, CNC_EEXIST, "conflict", CNC__APP_BUSY);
        return;
    }
    for (struct cnc__app *app = a->first; app != NULL; app = app->next) {
        app->fresh = false;
    }
    op->began = true;
    if (a->env.load(&name, op->name, op->mount, &err, a->env.priv) != 0 ||
        cnc__apps_settle(a, &err) != 0) {
        cnc__free(name);
        op_done(&err, NULL, op);
        return;
    }
    op->word = op->name;
    op->name = name;
    cnc__app_start(a, name, op_done, op);
}

static void
op_run(void *arg)
{
    struct op *op = arg;

    if (op->apps->leaving) {
        op_fail(op, CNC_ECLOSED, "service-unavailable",
                "the service is stopping");
        return;
    }
    switch (op->verb) {
    case START:
        cnc__app_start(op->apps, op->name, op_done, op);
        break;
    case STOP:
        cnc__app_stop(op->apps, op->name, op_done, op);
        break;
    case ADD:
        op_add(op);
        break;
    case REMOVE:
        cnc__app_remove(op->apps, op->name, op_done, op);
        break;
    }
}

static void
op_begin(struct cnc__command_reply *reply, const struct cnc__caller *who,
         const char *name, const char *mount, enum verb verb, void *priv)
{
    struct op *op = cnc__zalloc(sizeof(*op));

    op->apps = priv;
    op->reply = reply;
    op->verb = verb;
    op->name = cnc__strdup(name);
    op->who = cnc__strdup(who->who.jid);
    op->mount = mount == NULL || *mount == '\0' ? NULL : cnc__strdup(mount);
    op->apps->env.post(op_run, op, op->apps->env.priv);
}

static void
run_named(struct cnc__command_reply *reply, const struct cnc__caller *who,
          struct cnc__values *v, enum verb verb, struct cnc__apps *a)
{
    const char *name = cnc__values_text(v, "name");
    struct cnc__str text = CNC__STR;

    if (cnc__app_find(a, name) == NULL) {
        cnc__str_printf(&text, CNC__TEXT("There is no app \"%s\"."), name);
        cnc__command_refuse(reply, v, "name", text.data);
        cnc__str_fini(&text);
        return;
    }
    op_begin(reply, who, name, NULL, verb, a);
}

static void
run_start(struct cnc__command_reply *reply, const struct cnc__caller *who,
          struct cnc__values *v, void *priv)
{
    run_named(reply, who, v, START, priv);
}

static void
run_stop(struct cnc__command_reply *reply, const struct cnc__caller *who,
         struct cnc__values *v, void *priv)
{
    run_named(reply, who, v, STOP, priv);
}

static void
run_remove(struct cnc__command_reply *reply, const struct cnc__caller *who,
           struct cnc__values *v, void *priv)
{
    run_named(reply, who, v, REMOVE, priv);
}

/* A module runs as the service itself.  Whoever may start those that somebody
 * installed may not therefore start any file that is on this machine. */
static void
run_add(struct cnc__command_reply *reply, const struct cnc__caller *who,
        struct cnc__values *v, void *priv)
{
    const char *word = cnc__values_text(v, "app"),
               *mount = cnc__values_text(v, "mount");
    struct cnc_error err = {0};
    char path[PATH_MAX];

    if (*word == '\0') {
        cnc__command_refuse(reply, v, "app", "Which app?");
        return;
    }
    if (!who->who.operator_ &&
        word[strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_-")] != '\0') {
        cnc__command_refuse(reply, v, "app",
                            "The name of an installed app; a path is for "
                            "operators.");
        return;
    }
    if (*mount != '\0' && cnc__app_mount_check(mount, &err) != 0) {
        cnc__command_refuse(reply, v, "mount", err.text);
        return;
    }
    /* It is to be found also when the service is started elsewhere. */
    if (strchr(word, '/') != NULL && realpath(word, path) != NULL) {
        word = path;
    }
    op_begin(reply, who, word, mount, ADD, priv);
}

static const struct cnc_record name_record = {
    "app", CNC_FIELDS({"name", "The app", .required = true, .max_len = 64})};
static const struct cnc_record add_record = {
    "app",
    CNC_FIELDS({"app", "The app", .required = true, .max_len = 4096,
                .help = "The name of an installed one, or a module's path"},
               {"mount", "Mounted at", .max_len = 256,
                .help = "\"/wiki\"; nothing: where the app says"})};

int
cnc__apps_commands(struct cnc__apps *a, struct cnc_error *err)
{
    const struct cnc__command all[] = {
        {.node = (char *)"apps",
         .name = (char *)"Apps",
         .help = (char *)"Which apps there are, and how they are.",
         .record = &list_record,
         .safe = true,
         .run = run_list},
        {.node = (char *)verbs[START].node,
         .name = (char *)"Start an app",
         .help = (char *)"What it needs is started first.",
         .record = &name_record,
         .see = (char *)"/_do/apps",
         .run = run_start},
        {.node = (char *)verbs[STOP].node,
         .name = (char *)"Stop an app",
         .help = (char *)"Those that need it are stopped first.  It stays "
                         "stopped until it is started again; what it "
                         "published is kept, and seen by nobody.",
         .record = &name_record,
         .see = (char *)"/_do/apps",
         .run = run_stop},
        {.node = (char *)verbs[ADD].node,
         .name = (char *)"Add an app",
         .help = (char *)"It is found with what it needs, started, and comes "
                         "back when the service starts again.",
         .record = &add_record,
         .see = (char *)"/_do/apps",
         .run = run_add},
        {.node = (char *)verbs[REMOVE].node,
         .name = (char *)"Remove an app",
         .help = (char *)"It is stopped and forgotten; what it published is "
                         "kept, and there again when the app is.",
         .record = &name_record,
         .see = (char *)"/_do/apps",
         .run = run_remove},
    };
    int code = 0;

    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    for (size_t i = 0; code == 0 && i < CNC_N(all); i++) {
        struct cnc__command c = all[i];

        c.who = CNC_ADMINS;
        c.priv = a;
        code = cnc__commands_add(a->env.commands, &c, err);
    }
    if (code == 0) {
        code = cnc__apps_several_command(a, err);
    }
    return code == 0 ? cnc__apps_reload_command(a, err) : code;
}
