/* SPDX-License-Identifier: MIT */
/*
 * settings-log.c -- the versions of an app's settings: kept with the record in
 * one commit, so that there is never one without the other; the oldest go when
 * they are too many.
 *
 *   <version at="2026-11-23T08:00:00Z" who="anna@books.example"
 *            secrets="password"><change>color: red -> blue</change>
 *     <settings xmlns="...">...</settings></version>
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "../base/text.h"
#include "../pubsub/result.h"
#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "settings.h"

#define KEY         "setting"
#define KEY_VERSION "setting-version"
#define MAX_SHOWN   60 /* bytes of a value in what changed */

/* -- of one app -------------------------------------------------------------
 */

struct cnc__settings *
cnc__settings_of(struct cnc__apps *a, const char *app)
{
    struct cnc__settings *s = cnc__table_get(a->kept, app);

    if (s == NULL) {
        s = cnc__zalloc(sizeof(*s));
        cnc__table_put(a->kept, app, s);
    }
    return s;
}

static void
version_fini(struct cnc__setting_version *v)
{
    cnc__free(v->who);
    cnc__free(v->change);
    cnc__free(v->secrets);
    cnc_buf_unref(&v->xml);
}

void
cnc__settings_free(void *settings)
{
    struct cnc__settings *s = settings;

    for (size_t i = 0; i < s->n; i++) {
        version_fini(&s->all[i]);
    }
    cnc__free(s->all);
    cnc_buf_unref(&s->now);
    cnc__free(s);
}

uint64_t
cnc__settings_version(const struct cnc__settings *s)
{
    if (s->n > 0) {
        return s->all[s->n - 1].n;
    }
    return s->now == NULL ? 0 : 1; /* kept before there were versions */
}

const struct cnc__setting_version *
cnc__settings_find(const struct cnc__settings *s, uint64_t n)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->all[i].n == n) {
            return &s->all[i];
        }
    }
    return NULL;
}

/* In order, whichever way they come. */
static void
insert(struct cnc__settings *s, const struct cnc__setting_version *v)
{
    size_t at = s->n;

    s->all = cnc__grow(s->all, s->n, &s->cap, sizeof(*s->all));
    while (at > 0 && s->all[at - 1].n > v->n) {
        s->all[at] = s->all[at - 1];
        at--;
    }
    s->all[at] = *v;
    s->n++;
}

/* -- loading ----------------------------------------------------------------
 */

static void
load_version(struct cnc__settings *s, uint64_t n,
             const struct cnc_store_entry *e)
{
    struct cnc__setting_version v = {.n = n};
    struct cnc_element *x = NULL, *record;
    const char *at, *who, *secrets;

    if (cnc__settings_find(s, n) != NULL ||
        cnc__settings_parse(&x, e->value, e->len, NULL) != 0) {
        return;
    }
    at = cnc_element_attr(x, NULL, "at");
    who = cnc_element_attr(x, NULL, "who");
    secrets = cnc_element_attr(x, NULL, "secrets");
    for (size_t i = 0;
         (record = cnc_element_next(x, &i, NULL, NULL)) != NULL;) {
        if (!cnc_element_is(record, "", "change")) {
            v.xml = cnc_element_write(record, 0);
        }
    }
    if (v.xml != NULL) {
        if (at != NULL) {
            cnc__parse_datetime(&v.ms, at);
        }
        v.who = cnc__strdup(who == NULL ? "" : who);
        v.secrets = cnc__strdup(secrets == NULL ? "" : secrets);
        v.change = cnc__strdup(cnc_element_child_text(x, "", "change"));
        insert(s, &v);
    }
    cnc_element_unref(&x);
}

void
cnc__settings_load(struct cnc__apps *a, const struct cnc_store_entry *e)
{
    const char *slash = strchr(e->id, '/');
    int64_t n;

    if (strcmp(e->node, KEY) == 0) {
        struct cnc__settings *s = cnc__settings_of(a, e->id);

        cnc_buf_unref(&s->now);
        s->now = cnc_buf_new(e->value, e->len);
    } else if (slash != NULL && cnc__parse_int(&n, slash + 1, 1, INT64_MAX)) {
        char *app = cnc__strndup(e->id, (size_t)(slash - e->id));

        load_version(cnc__settings_of(a, app), (uint64_t)n, e);
        cnc__free(app);
    }
}

/* -- what changed -----------------------------------------------------------
 */

/* Whole characters, and no lines of its own. */
static void
show(struct cnc__str *out, const char *text)
{
    size_t len = strlen(text), n = len > MAX_SHOWN ? MAX_SHOWN : len;

    while (n < len && n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80) {
        n--;
    }
    if (len == 0) {
        cnc__str_puts(out, "nothing");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        cnc__str_putc(out, text[i] == '\n' ? ' ' : text[i]);
    }
    cnc__str_puts(out, n < len ? "..." : "");
}

/* False: nothing did. */
static bool
describe(struct cnc__str *change, struct cnc__str *secrets,
         const struct cnc_record *r, const struct cnc_element *old,
         const struct cnc_element *new)
{
    size_t from = change->len;

    for (const struct cnc_field *f = r->fields; f->name != NULL; f++) {
        struct cnc__str a = CNC__STR, b = CNC__STR;

        cnc__settings_text(&a, old, f);
        cnc__settings_text(&b, new, f);
        if (strcmp(cnc__str_c(&a), cnc__str_c(&b)) != 0) {
            cnc__str_printf(change, "%s%s", change->len > from ? "; " : "",
                            f->name);
            if (f->kind == CNC_FIELD_SECRET) {
                cnc__str_puts(change, " changed");
                cnc__str_printf(secrets, "%s%s", secrets->len > 0 ? " " : "",
                                f->name);
            } else {
                cnc__str_puts(change, ": ");
                show(change, cnc__str_c(&a));
                cnc__str_puts(change, " -> ");
                show(change, cnc__str_c(&b));
            }
        }
        if (f->kind == CNC_FIELD_SECRET && a.data != NULL) {
            explicit_bzero(a.data, a.len);
        }
        if (f->kind == CNC_FIELD_SECRET && b.data != NULL) {
            explicit_bzero(b.data, b.len);
        }
        cnc__str_fini(&a);
        cnc__str_fini(&b);
    }
    return change->len > from;
}

/* The record as it may be shown: a *new* one. */
static struct cnc_buf *
without_secrets(const struct cnc__app *app, const struct cnc_element *record)
{
    const struct cnc_record *r = app->decl->settings;
    struct cnc__str xml = CNC__STR;
    struct cnc_buf *out;

    cnc__xml_printf(&xml, "<%s xmlns='%s'>", r->name, app->decl->xmlns);
    for (const struct cnc_field *f = r->fields; f->name != NULL; f++) {
        struct cnc_element *e;

        for (size_t i = 0;
             (e = cnc_element_next(record, &i, NULL, f->name)) != NULL;) {
            cnc__xml_printf(&xml, "<%s>%s</%s>", f->name,
                            f->kind == CNC_FIELD_SECRET ? ""
                                                        : cnc_element_text(e),
                            f->name);
        }
    }
    cnc__xml_printf(&xml, "</%s>", r->name);
    out = cnc_buf_new(xml.data, xml.len);
    cnc__str_fini(&xml);
    return out;
}

/* -- keeping one ------------------------------------------------------------
 */

#define MAX_NEW 2 /* versions: the one from before there were any, and one */

struct keeping {
    struct cnc__commit commit;
    struct cnc_store_op ops[1 + MAX_NEW + CNC__SETTING_VERSIONS];
    char *ids[MAX_NEW + CNC__SETTING_VERSIONS];
    struct cnc__str xml[MAX_NEW];
    struct cnc__setting_version new[MAX_NEW];
    size_t n_new, n_old; /* n_old: so many of the oldest go */
    struct cnc__setting_change *change;
    struct cnc__settings *settings;
    char *name, *note;
    struct cnc_buf *now;
};

static int64_t
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
add_op(struct keeping *k, int verb, const char *node, const char *id,
       const void *value, size_t len)
{
    size_t i = k->commit.n_ops++;

    k->ops[i].verb = verb;
    k->ops[i].entry = (struct cnc_store_entry){.kind = CNC_STORE_KEY,
                                               .node = node,
                                               .id = id,
                                               .publisher = "",
                                               .value = value,
                                               .len = len};
}

static const char *
add_id(struct keeping *k, size_t i, uint64_t n)
{
    struct cnc__str id = CNC__STR;

    cnc__str_printf(&id, "%s/%" PRIu64, k->name, n);
    return k->ids[i] = cnc__str_steal(&id);
}

/* Steals the texts and xml. */
static void
add_version(struct keeping *k, struct cnc__setting_version v)
{
    size_t i = k->n_new++;
    char at[32] = "";

    k->new[i] = v;
    if (v.ms != 0) {
        cnc__datetime(at, v.ms);
    }
    cnc__xml_printf(&k->xml[i],
                    "<version at='%s' who='%s' secrets='%s'>"
                    "<change>%s</change>%pB</version>",
                    at, v.who, v.secrets, v.change, v.xml);
    add_op(k, CNC_STORE_PUT, KEY_VERSION, add_id(k, i, v.n), k->xml[i].data,
           k->xml[i].len);
}

/* Which of the oldest have to go. */
static void
drop_oldest(struct keeping *k)
{
    const struct cnc__settings *s = k->settings;
    size_t bytes = 0, n = s->n + k->n_new;

    for (size_t i = 0; i < s->n; i++) {
        bytes += cnc_buf_len(s->all[i].xml);
    }
    for (size_t i = 0; i < k->n_new; i++) {
        bytes += cnc_buf_len(k->new[i].xml);
    }
    while (
        k->n_old < s->n &&
        (n - k->n_old > CNC__SETTING_VERSIONS || bytes > CNC__SETTING_BYTES) &&
        k->n_old < CNC__SETTING_VERSIONS) {
        const struct cnc__setting_version *v = &s->all[k->n_old];

        bytes -= cnc_buf_len(v->xml);
        add_op(k, CNC_STORE_DEL, KEY_VERSION,
               add_id(k, MAX_NEW + k->n_old, v->n), NULL, 0);
        k->n_old++;
    }
}

static void
forget_oldest(struct cnc__settings *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        version_fini(&s->all[i]);
    }
    if (n > 0) { /* else there may be no list at all */
        memmove(s->all, s->all + n, (s->n - n) * sizeof(*s->all));
    }
    s->n -= n;
}

static void
keeping_free(struct keeping *k)
{
    for (size_t i = 0; i < CNC_N(k->ids); i++) {
        cnc__free(k->ids[i]);
    }
    for (size_t i = 0; i < MAX_NEW; i++) {
        cnc__str_fini(&k->xml[i]);
    }
    cnc__free(k->name);
    cnc__free(k->note);
    cnc_buf_unref(&k->now);
    cnc__free(k);
}

static void
kept(struct cnc__commit *commit, const struct cnc_error *err)
{
    struct keeping *k = commit->priv;
    struct cnc__setting_change *c = k->change;
    struct cnc__settings *s = k->settings;

    if (err == NULL) {
        cnc_buf_unref(&s->now);
        s->now = k->now;
        k->now = NULL;
        forget_oldest(s, k->n_old);
        cnc__app_settings_take(c->app);
        cnc__log(CNC_LOG_INFO, "app.settings", "app=%s version=%" PRIu64,
                 k->name, k->new[k->n_new - 1].n);
    }
    for (size_t i = 0; i < k->n_new; i++) {
        if (err == NULL) {
            insert(s, &k->new[i]);
        } else {
            version_fini(&k->new[i]);
        }
    }
    cnc__command_done(c->reply, err, k->note, NULL);
    keeping_free(k);
    cnc__settings_end(c);
}

/* What was kept before there were versions is the first one. */
static void
add_first(struct keeping *k, const struct cnc__app *app,
          const struct cnc_element *now)
{
    if (k->settings->n == 0 && k->settings->now != NULL) {
        add_version(k, (struct cnc__setting_version){
                           .n = 1,
                           .who = cnc__strdup(""),
                           .change = cnc__strdup("set before"),
                           .secrets = cnc__strdup(""),
                           .xml = without_secrets(app, now)});
    }
}

void
cnc__settings_keep(struct cnc__setting_change *c,
                   const struct cnc_element *record, const char *prefix,
                   const char *note)
{
    struct cnc__app *app = c->app;
    struct cnc_element *now = cnc__settings_now(app);
    struct cnc__str change = CNC__STR, secrets = CNC__STR;
    struct keeping *k;

    cnc__str_puts(&change, prefix == NULL ? "" : prefix);
    if (!describe(&change, &secrets, app->decl->settings, now, record) &&
        app->misfits == NULL) {
        cnc__command_done(c->reply, NULL, "Nothing is different.", NULL);
        cnc__str_fini(&change);
        cnc_element_unref(&now);
        cnc__settings_end(c);
        return;
    }
    cnc__command_detail(c->reply, cnc__str_c(&change));
    k = cnc__zalloc(sizeof(*k));
    k->change = c;
    k->settings = cnc__settings_of(app->apps, app->decl->name);
    k->name = cnc__strdup(app->decl->name);
    k->note = cnc__strdup(note);
    k->now = cnc_element_write(record, 0);
    add_op(k, CNC_STORE_PUT, KEY, k->name, cnc_buf_data(k->now),
           cnc_buf_len(k->now));
    add_first(k, app, now);
    add_version(k, (struct cnc__setting_version){
                       .n = cnc__settings_version(k->settings) + 1,
                       .ms = now_ms(),
                       .who = cnc__strdup(c->who),
                       .change = cnc__strdup(cnc__str_c(&change)),
                       .secrets = cnc__strdup(cnc__str_c(&secrets)),
                       .xml = without_secrets(app, record)});
    drop_oldest(k);
    k->commit.ops = k->ops;
    k->commit.done = kept;
    k->commit.priv = k;
    cnc__str_fini(&change);
    cnc__str_fini(&secrets);
    cnc_element_unref(&now);
    app->apps->env.commit(&k->commit, app->apps->env.priv);
}

/* -- one after the other ----------------------------------------------------
 */

static void
next(struct cnc__settings *s)
{
    struct cnc__setting_change *c = s->waiting;

    if (!s->busy && c != NULL) {
        s->busy = true;
        s->waiting = c->next;
        c->begin(c);
    }
}

void
cnc__settings_end(struct cnc__setting_change *c)
{
    struct cnc__settings *s =
        cnc__settings_of(c->app->apps, c->app->decl->name);

    cnc__free(c->who);
    cnc__free(c);
    s->busy = false;
    next(s);
}

void
cnc__settings_change(struct cnc__app *app, struct cnc__command_reply *reply,
                     const struct cnc__caller *who, struct cnc__values *v,
                     void (*begin)(struct cnc__setting_change *c))
{
    struct cnc__settings *s = cnc__settings_of(app->apps, app->decl->name);
    struct cnc__setting_change *c = cnc__zalloc(sizeof(*c)), **last;

    c->app = app;
    c->reply = reply;
    c->v = v;
    c->who = cnc__strndup(who->who.jid, cnc__jid_bare_len(who->who.jid));
    c->begin = begin;
    for (last = &s->waiting; *last != NULL; last = &(*last)->next) {
    }
    *last = c;
    next(s);
}

/* -- the command "settings/APP/history" -------------------------------------
 */

void
cnc__settings_history(struct cnc__command_reply *reply,
                      const struct cnc__caller *who, struct cnc__values *v,
                      void *priv)
{
    const struct cnc__app *app = priv;
    const struct cnc__settings *s =
        cnc__settings_of(app->apps, app->decl->name);
    struct cnc__str form = CNC__STR;

    cnc__result_begin(&form, "Versions of the settings");
    cnc__str_puts(&form, "<reported><field var='version' label='Version'/>"
                         "<field var='at' label='When'/>"
                         "<field var='who' label='Who'/>"
                         "<field var='change' label='What changed'/>"
                         "</reported>");
    for (size_t i = s->n; i-- > 0;) {
        const struct cnc__setting_version *one = &s->all[i];
        char at[32] = "";

        if (one->ms != 0) {
            cnc__datetime(at, one->ms);
        }
        cnc__str_puts(&form, "<item>");
        cnc__result_count(&form, "version", one->n);
        cnc__result_cell(&form, "at", at);
        cnc__result_cell(&form, "who", one->who);
        cnc__result_cell(&form, "change", one->change);
        cnc__str_puts(&form, "</item>");
    }
    cnc__result_done(reply, &form,
                     s->n == 0 ? "Nothing was changed yet." : NULL);
}
