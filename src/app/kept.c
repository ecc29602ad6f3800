/* SPDX-License-Identifier: MIT */
/*
 * kept.c -- what the operator made of the apps, over restarts: the KEY ("app",
 * its name) of each that is stopped, paused, added to those of the command
 * line, or removed.
 *
 *   <app state="stopped" word="wiki" mount="/w"><error>...</error></app>
 *   <app state="removed"><node>articles</node>...</app>
 *
 * Of the others there is none.  The nodes of a removed app are hidden as long
 * as no app declares them.
 */
#include <stdlib.h>

#include "../xml/write.h"
#include "private.h"

struct keeping {
    struct cnc__commit commit;
    struct cnc_store_op *ops;
    char **names, **values; /* value NULL: forgotten */
    size_t n;
    void (*done)(const struct cnc_error *err, void *priv);
    void *priv;
};

/* -- what is to be kept -----------------------------------------------------
 */

/* *new*; NULL: nothing. */
static char *
record_of(const struct cnc__app *app)
{
    struct cnc__str xml = CNC__STR;
    const char *state = app->held && app->by == NULL
                            ? cnc__app_state_name(app->state)
                            : "running";

    if (app->word == NULL && !(app->held && app->by == NULL)) {
        return NULL;
    }
    cnc__xml_printf(&xml, "<app state='%s'", state);
    if (app->word != NULL) {
        cnc__xml_printf(&xml, " word='%s'", app->word);
    }
    if (app->word != NULL && app->mount != NULL) {
        cnc__xml_printf(&xml, " mount='%s'", app->mount);
    }
    cnc__str_puts(&xml, ">");
    if (app->held && app->error != NULL) {
        cnc__xml_printf(&xml, "<error>%s</error>", app->error);
    }
    cnc__str_puts(&xml, "</app>");
    return cnc__str_steal(&xml);
}

static char *
record_of_removed(const struct cnc__app *app)
{
    struct cnc__str xml = CNC__STR;

    cnc__str_puts(&xml, "<app state='removed'>");
    for (const struct cnc_node *d = app->decl->nodes;
         d != NULL && d->name != NULL; d++) {
        cnc__xml_printf(&xml, "<node>%s</node>", d->name);
    }
    cnc__str_puts(&xml, "</app>");
    return cnc__str_steal(&xml);
}

/* -- keeping it -------------------------------------------------------------
 */

static void
kept(struct cnc__commit *commit, const struct cnc_error *err)
{
    struct keeping *k = commit->priv;

    if (err != NULL) {
        cnc__log(CNC_LOG_ERROR, "app.kept",
                 "what became of the apps could not be kept: %s", err->text);
    }
    if (k->done != NULL) {
        k->done(err, k->priv);
    }
    for (size_t i = 0; i < k->n; i++) {
        cnc__free(k->names[i]);
        cnc__free(k->values[i]);
    }
    cnc__free(k->names);
    cnc__free(k->values);
    cnc__free(k->ops);
    cnc__free(k);
}

/* Steals value. */
static void
add(struct keeping *k, struct cnc__apps *a, const char *name, char *value)
{
    const char *now = cnc__table_get(a->states, name);

    if ((now == NULL && value == NULL) ||
        (now != NULL && value != NULL && strcmp(now, value) == 0)) {
        cnc__free(value);
        return;
    }
    cnc__free(value == NULL
                  ? cnc__table_del(a->states, name)
                  : cnc__table_put(a->states, name, cnc__strdup(value)));
    k->names = cnc__realloc(k->names, k->n + 1, sizeof(*k->names));
    k->values = cnc__realloc(k->values, k->n + 1, sizeof(*k->values));
    k->names[k->n] = cnc__strdup(name);
    k->values[k->n++] = value;
}

void
cnc__apps_keep(struct cnc__apps *a,
               void (*done)(const struct cnc_error *err, void *priv),
               void *priv)
{
    struct keeping *k = cnc__zalloc(sizeof(*k));

    for (struct cnc__app *app = a->gone; app != NULL; app = app->next) {
        if (app->forget) {
            app->forget = false;
            add(k, a, app->own->name, record_of_removed(app));
        }
    }
    for (const struct cnc__app *app = a->first; app != NULL; app = app->next) {
        add(k, a, app->own->name, record_of(app));
    }
    k->ops = cnc__zalloc((k->n + 1) * sizeof(*k->ops));
    for (size_t i = 0; i < k->n; i++) {
        size_t len = k->values[i] == NULL ? 0 : strlen(k->values[i]);

        k->ops[i].verb = len == 0 ? CNC_STORE_DEL : CNC_STORE_PUT;
        k->ops[i].entry = (struct cnc_store_entry){.kind = CNC_STORE_KEY,
                                                   .node = "app",
                                                   .id = k->names[i],
                                                   .publisher = "",
                                                   .value = k->values[i],
                                                   .len = len};
    }
    k->done = done;
    k->priv = priv;
    k->commit = (struct cnc__commit){
        .ops = k->ops, .n_ops = k->n, .done = kept, .priv = k};
    if (k->n == 0) {
        kept(&k->commit, NULL);
    } else {
        a->env.commit(&k->commit, a->env.priv);
    }
}

void
cnc__apps_kept_load(struct cnc__apps *a, const struct cnc_store_entry *e)
{
    cnc__free(
        cnc__table_put(a->states, e->id, cnc__strndup(e->value, e->len)));
}

/* -- when the service starts ------------------------------------------------
 */

static struct cnc_element *
parse(const char *name, const char *xml)
{
    struct cnc_element *e = NULL;
    struct cnc_error err = {0};

    if (cnc_xml_parse(&e, xml, strlen(xml), 0, NULL, &err) != 0) {
        cnc__log(CNC_LOG_WARN, "app.kept",
                 "app=%s what was kept of it cannot be read: %s", name,
                 err.text);
        return NULL;
    }
    return e;
}

static void
bring_back(struct cnc__apps *a, const char *name, const struct cnc_element *e)
{
    const char *word = cnc_element_attr(e, NULL, "word");
    struct cnc_error err = {0};
    struct cnc__app *app;
    char *found = NULL;

    app = cnc__app_find(a, name);
    if (app != NULL && app->fresh && app->word == NULL && word != NULL) {
        app->word = cnc__strdup(word); /* one before needs it, too */
    }
    if (word == NULL || app != NULL || a->env.load == NULL) {
        return;
    }
    if (a->env.load(&found, word, cnc_element_attr(e, NULL, "mount"), &err,
                    a->env.priv) != 0 ||
        cnc__apps_settle(a, &err) != 0) {
        cnc__apps_unsettle(a);
        cnc__log(CNC_LOG_ERROR, "app.missing", "app=%s error=%s", name,
                 err.text);
    } else {
        app = cnc__app_find(a, found);
        app->word = cnc__strdup(word);
    }
    cnc__free(found);
}

static void
put_back(struct cnc__app *app, const struct cnc_element *e)
{
    const char *state = cnc_element_attr(e, NULL, "state");
    const struct cnc_element *error = cnc_element_child(e, NULL, "error");

    if (state == NULL || app->declared) {
        return;
    }
    if (strcmp(state, "stopped") == 0 || strcmp(state, "paused") == 0) {
        app->held = true;
        app->state = state[0] == 's' ? CNC__APP_STOPPED : CNC__APP_PAUSED;
        app->error =
            error == NULL ? NULL : cnc__strdup(cnc_element_text(error));
    }
}

int
cnc__apps_restore(struct cnc__apps *a, struct cnc_error *err)
{
    int code;

    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    code = cnc__apps_settle(a, err);
    for (struct cnc__app *app = a->first; app != NULL; app = app->next) {
        app->fresh = false; /* of the command line */
    }
    for (struct cnc__table_iter i = {0};
         code == 0 && cnc__table_next(a->states, &i);) {
        struct cnc_element *e = parse(i.key, i.value);

        if (e != NULL) {
            bring_back(a, i.key, e);
        }
        cnc_element_unref(&e);
    }
    for (struct cnc__app *app = a->first; code == 0 && app != NULL;
         app = app->next) {
        const char *xml = cnc__table_get(a->states, app->own->name);
        struct cnc_element *e =
            xml == NULL ? NULL : parse(app->own->name, xml);

        if (e != NULL) {
            put_back(app, e);
        }
        cnc_element_unref(&e);
    }
    return code;
}

static void
hide_nodes(struct cnc__apps *a, const struct cnc_element *e)
{
    struct cnc_element *n;

    for (size_t i = 0; (n = cnc_element_next(e, &i, NULL, "node")) != NULL;) {
        struct cnc__node *node =
            cnc__pubsub_node(a->env.pubsub, cnc_element_text(n));

        if (node != NULL && cnc__node_priv(node) == NULL) {
            cnc__node_hide(node, true);
        }
    }
}

void
cnc__apps_hide_removed(struct cnc__apps *a)
{
    for (struct cnc__table_iter i = {0}; cnc__table_next(a->states, &i);) {
        struct cnc_element *e =
            cnc__app_find(a, i.key) != NULL ? NULL : parse(i.key, i.value);
        const char *state =
            e == NULL ? NULL : cnc_element_attr(e, NULL, "state");

        if (state != NULL && strcmp(state, "removed") == 0) {
            hide_nodes(a, e);
        }
        cnc_element_unref(&e);
    }
}
