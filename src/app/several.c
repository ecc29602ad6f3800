/* SPDX-License-Identifier: MIT */
/*
 * several.c -- the command "apps/set": several apps are started or stopped at
 * once, and with them what they alone need, so that a suite goes as a whole.
 *
 * It is one change after the other, in the order in which apps start, or the
 * other way round.  When one fails, what was done before stays, and the answer
 * says what that is.
 */
#include "private.h"

#define MAX_NAMES 200

struct one {
    char *name;
    bool ran, chosen;
};

struct several {
    struct cnc__apps *apps;
    struct cnc__command_reply *reply;
    bool start;
    struct one *all; /* in the order of their start */
    size_t n, left;  /* left: of a stop, those before; of a start, after */
    struct cnc_error err;
};

static void
several_free(struct several *s)
{
    for (size_t i = 0; i < s->n; i++) {
        cnc__free(s->all[i].name);
    }
    cnc__free(s->all);
    cnc__free(s);
}

static bool
runs(const struct several *s, const char *name)
{
    const struct cnc__app *app = cnc__app_running_as(s->apps, name);

    return app != NULL && app->state == CNC__APP_RUNNING;
}

/* "Stopped: desk, shelf." */
static void
write_changes(struct cnc__str *out, const struct several *s)
{
    struct cnc__str names = CNC__STR;

    for (size_t i = 0; i < s->n; i++) {
        if (s->all[i].ran != s->start && runs(s, s->all[i].name) == s->start) {
            cnc__str_printf(&names, "%s%s", names.len > 0 ? ", " : "",
                            s->all[i].name);
        }
    }
    if (names.len > 0) {
        cnc__str_printf(out,
                        s->start ? CNC__TEXT("Started: %s.")
                                 : CNC__TEXT("Stopped: %s."),
                        names.data);
    } else {
        cnc__str_puts(out, s->start ? CNC__TEXT("They run already.")
                                    : CNC__TEXT("They are stopped already."));
    }
    cnc__str_fini(&names);
}

static void
several_answer(const struct cnc_error *err, void *priv)
{
    struct several *s = priv;
    struct cnc__str text = CNC__STR;
    struct cnc_error both = {0};

    write_changes(&text, s);
    if (s->err.code != 0) {
        cnc_error_set(&both, s->err.code, s->err.condition, "%.300s. %.180s",
                      s->err.text, text.data);
        err = &both;
    }
    cnc__command_done(s->reply, err, text.data, NULL);
    cnc__str_fini(&text);
    several_free(s);
}

static void several_next(void *priv);

static void
several_done(const struct cnc_error *err, const char *text, void *priv)
{
    struct several *s = priv;

    if (err != NULL) {
        s->err = *err;
        s->left = 0;
    }
    /* Not within the call: the list of apps may have changed. */
    s->apps->env.post(several_next, s, s->apps->env.priv);
}

/* The next that is not yet as it shall be, or NULL. */
static const char *
next_of(struct several *s)
{
    while (s->left > 0) {
        const struct one *o = &s->all[s->start ? s->n - s->left : s->left - 1];

        s->left--;
        if (o->chosen && runs(s, o->name) != s->start) {
            return o->name;
        }
    }
    return NULL;
}

static void
several_next(void *priv)
{
    struct several *s = priv;
    const char *name = s->apps->leaving ? NULL : next_of(s);

    if (s->apps->leaving) {
        struct cnc_error err = {0};

        cnc_error_set(&err, CNC_ECLOSED, "service-unavailable",
                      "the service is stopping");
        cnc__command_done(s->reply, &err, NULL, NULL);
        several_free(s);
    } else if (name == NULL) {
        cnc__apps_keep(s->apps, several_answer, s);
    } else if (s->start) {
        cnc__app_start(s->apps, name, several_done, s);
    } else {
        cnc__app_stop(s->apps, name, several_done, s);
    }
}

/* -- which ------------------------------------------------------------------
 */

static struct one *
find(const struct several *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->all[i].name, name) == 0) {
            return &s->all[i];
        }
    }
    return NULL;
}

static void
list_apps(struct several *s)
{
    size_t cap = 0;

    for (struct cnc__app *app = s->apps->first; app != NULL; app = app->next) {
        if (app->by == NULL) {
            s->all = cnc__grow(s->all, s->n, &cap, sizeof(*s->all));
            s->all[s->n++] =
                (struct one){.name = cnc__strdup(app->own->name),
                             .ran = app->state == CNC__APP_RUNNING};
        }
    }
}

/* Is it needed by some that go, and by none that stay? */
static bool
is_theirs(const struct several *s, size_t which)
{
    const struct cnc__app *app =
        cnc__app_running_as(s->apps, s->all[which].name);
    bool some = false;

    for (size_t i = which + 1; i < s->n; i++) {
        const struct cnc__app *o =
            cnc__app_running_as(s->apps, s->all[i].name);

        if (cnc__app_needs(o, app)) {
            if (!s->all[i].chosen && s->all[i].ran) {
                return false;
            }
            some = some || s->all[i].chosen;
        }
    }
    return some;
}

/* What is needed stands before whoever needs it: one way back is enough. */
static void
choose_needs(struct several *s)
{
    for (size_t i = s->n; i-- > 0;) {
        s->all[i].chosen = s->all[i].chosen || is_theirs(s, i);
    }
}

/* False after a refusal. */
static bool
choose(struct several *s, struct cnc__values *v)
{
    const char *name;
    size_t n = 0;

    for (size_t i = 0; (name = cnc__values_get(v, "names", i)) != NULL; i++) {
        struct one *o = find(s, name);

        if (name[0] != '\0' && o == NULL) {
            struct cnc__str text = CNC__STR;

            cnc__str_printf(&text, "There is no app \"%.64s\".", name);
            cnc__command_refuse(s->reply, v, "names", text.data);
            cnc__str_fini(&text);
            return false;
        }
        if (o != NULL) {
            o->chosen = true;
            n++;
        }
    }
    if (n == 0) {
        cnc__command_refuse(s->reply, v, "names", "Please choose some.");
    }
    return n > 0;
}

static void
write_detail(struct several *s, const char *state)
{
    struct cnc__str text = CNC__STR;

    cnc__str_puts(&text, "names=");
    for (size_t i = 0, n = 0; i < s->n && text.len < 500; i++) {
        if (s->all[i].chosen) {
            cnc__str_printf(&text, "%s%s", n++ > 0 ? "," : "", s->all[i].name);
        }
    }
    cnc__str_printf(&text, " state=%s", state);
    cnc__command_detail(s->reply, text.data);
    cnc__str_fini(&text);
}

static void
run_set(struct cnc__command_reply *reply, const struct cnc__caller *who,
        struct cnc__values *v, void *priv)
{
    struct several *s = cnc__zalloc(sizeof(*s));
    const char *state = cnc__values_get(v, "state", 0);
    const char *needs = cnc__values_get(v, "needs", 0);

    if (state == NULL ||
        (strcmp(state, "running") != 0 && strcmp(state, "stopped") != 0)) {
        cnc__command_refuse(reply, v, "state",
                            "They can be running or stopped.");
        cnc__free(s);
        return;
    }
    s->apps = priv;
    s->reply = reply;
    s->start = strcmp(state, "running") == 0;
    list_apps(s);
    if (!choose(s, v)) {
        several_free(s);
        return;
    }
    if (!s->start && needs != NULL &&
        (strcmp(needs, "true") == 0 || strcmp(needs, "1") == 0)) {
        choose_needs(s);
    }
    write_detail(s, state);
    s->left = s->n;
    s->apps->env.post(several_next, s, s->apps->env.priv);
}

static const struct cnc_record set_record = {
    "set",
    CNC_FIELDS({"names", "The apps, one a line", CNC_FIELD_LINES,
                .required = true, .max_len = MAX_NAMES * 65},
               {"state", "They shall be", CNC_FIELD_LIST, .required = true,
                .options = CNC_OPTIONS({"running", "Running"},
                                       {"stopped", "Stopped"})},
               {"needs", "And what they alone need", CNC_FIELD_BOOLEAN,
                .help = "Of those that are stopped; what is started starts "
                        "what it needs."})};

int
cnc__apps_several_command(struct cnc__apps *a, struct cnc_error *err)
{
    const struct cnc__command c = {
        .node = (char *)"apps/set",
        .name = (char *)"Start or stop several apps",
        .help = (char *)"Those that need one that is stopped are stopped, "
                        "too.",
        .record = &set_record,
        .see = (char *)"/_do/apps",
        .who = CNC_ADMINS,
        .run = run_set,
        .priv = a};

    return cnc__commands_add(a->env.commands, &c, err);
}
