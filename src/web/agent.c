/* SPDX-License-Identifier: MIT */
/*
 * agent.c -- the agent's life, the hooks of pubsub, and calls to the render
 * process.
 */
#include "web.h"

#define AGENT_MAGIC 0x41474e54u /* AGNT */

struct cnc__agent *
cnc__agent_new(const struct cnc__agent_env *env)
{
    struct cnc__agent *a = cnc__zalloc(sizeof(*a));
    a->magic = AGENT_MAGIC;
    a->refs = 1;
    a->env = *env;
    a->domain = cnc__strdup(env->domain);
    a->ws_path = cnc__strdup(env->ws_path);
    a->prefix = cnc__strdup(env->prefix == NULL ? "" : env->prefix);
    a->env.prefix = a->prefix;
    a->www = cnc__strdup(env->www);
    a->env.domain = a->domain;
    a->env.ws_path = a->ws_path;
    a->env.www = a->www;
    a->pages = cnc__table_new();
    a->watches = cnc__table_new();
    a->referred = cnc__table_new();
    a->sheets = cnc__table_new();
    a->coming = cnc__table_new();
    a->files = cnc__table_new();
    a->assets.files = cnc__table_new();
    a->runtime.files = cnc__table_new();
    a->roles = cnc__table_new();
    a->locale = cnc__locale_new();
    cnc__random(a->flash_key, sizeof(a->flash_key));
    cnc__answer_style(a);
    cnc__templates_init(a);
    return a;
}

void
cnc__agent_ref(struct cnc__agent *a)
{
    a->refs++;
}

void
cnc__agent_unref(struct cnc__agent *a)
{
    CNC_OBJ_CHECK(a, AGENT_MAGIC);
    if (--a->refs == 0) {
        CNC_OBJ_FREE(a);
    }
}

static void
free_pages(struct cnc__agent *a)
{
    for (struct cnc__table_iter i = {0}; cnc__table_next(a->pages, &i);) {
        cnc__node_set_gate(((struct cnc__web_page *)i.value)->view, NULL,
                           NULL);
    }
    cnc__table_free(&a->pages, cnc__page_free);
    while (a->gone != NULL) {
        struct cnc__web_page *p = a->gone;
        a->gone = p->older;
        cnc__page_free(p);
    }
    for (size_t i = 0; i < a->n_decls; i++) {
        cnc__decl_unref(&a->decls[i]);
    }
    cnc__free(a->decls);
}

/* What is on its way in other threads holds the agent's memory alone. */
void
cnc__agent_free(struct cnc__agent **ap)
{
    struct cnc__agent *a = *ap;
    if (a == NULL) {
        return;
    }
    CNC_OBJ_CHECK(a, AGENT_MAGIC);
    *ap = NULL;
    a->closed = true;
    cnc__older_free(a);
    cnc__once_free(a);
    cnc__callpage_free(a);
    cnc__preview_free(a);
    cnc__submit_free(a);
    cnc__template_commands_end(a);
    cnc__templates_free(a);
    while (a->seen_waiting != NULL) {
        struct cnc__seen *s = a->seen_waiting;
        a->seen_waiting = s->next;
        cnc__free(s);
    }
    free_pages(a);
    cnc__table_free(&a->watches, cnc__watch_free);
    cnc__refers_free(a);
    cnc__table_free(&a->sheets, cnc__sheet_free);
    cnc__table_free(&a->coming, cnc__sheet_free);
    cnc__table_free(&a->files, cnc__sheet_free);
    cnc__table_free(&a->builtins, cnc__sheet_free);
    cnc__sheet_unref(&a->builtin);
    cnc__sheet_unref(&a->error_sheet);
    cnc__sheet_unref(&a->builtin_do);
    cnc__table_free(&a->roles, NULL);
    cnc__locale_free(&a->locale);
    cnc__assets_free(&a->assets);
    cnc__assets_free(&a->runtime);
    cnc__free(a->style_csp);
    cnc__free(a->domain);
    cnc__free(a->ws_path);
    cnc__free(a->prefix);
    cnc__free(a->www);
    cnc__agent_unref(a);
}

void
cnc__agent_start(struct cnc__agent *a, void (*done)(void *priv), void *priv)
{
    CNC_OBJ_CHECK(a, AGENT_MAGIC);
    CNC_CHECK(!a->started);
    a->started = true;
    a->start_done = done;
    a->start_priv = priv;
    a->unsettled = cnc__table_len(a->pages);
    if (a->unsettled == 0) {
        a->start_done = NULL;
        if (done != NULL) {
            done(priv);
        }
        return;
    }
    for (struct cnc__table_iter i = {0}; cnc__table_next(a->pages, &i);) {
        cnc__page_touch(i.value);
        cnc__live_flush(i.value);
    }
}

/* -- hooks of pubsub ----------------------------------------------------- */

int
cnc__agent_before_publish(struct cnc__agent *a, struct cnc__publish *p,
                          struct cnc__node *node, const char *id,
                          struct cnc_element *payload, struct cnc_error *err)
{
    CNC_OBJ_CHECK(a, AGENT_MAGIC);
    if (strcmp(cnc__node_name(node), CNC__TEMPLATES) != 0) {
        return 0;
    }
    return cnc__templates_check(a, p, id, payload, err);
}

static void
watched_event(struct cnc__watch *w, enum cnc__event ev, struct cnc__node *node,
              struct cnc__item *item)
{
    switch (ev) {
    case CNC__EV_PUBLISH:
        cnc__watch_put(w, item);
        break;
    case CNC__EV_RETRACT:
        cnc__watch_drop(w, item);
        break;
    case CNC__EV_CREATE:
    case CNC__EV_PURGE:
        w->node = node;
        cnc__watch_load(w);
        break;
    case CNC__EV_DELETE:
        w->node = NULL;
        cnc__watch_load(w);
        break;
    case CNC__EV_CONFIGURE:
        break;
    }
}

void
cnc__agent_after(struct cnc__agent *a, enum cnc__event ev,
                 struct cnc__node *node, struct cnc__item *item)
{
    CNC_OBJ_CHECK(a, AGENT_MAGIC);
    const char *name = cnc__node_name(node);
    if (strcmp(name, CNC__TEMPLATES) == 0) {
        cnc__templates_event(a, ev, item);
        return;
    }
    cnc__refers_event(a, name);
    struct cnc__watch *w = cnc__table_get(a->watches, name);
    if (w == NULL ||
        (item == NULL && (ev == CNC__EV_PUBLISH || ev == CNC__EV_RETRACT))) {
        return;
    }
    watched_event(w, ev, node, item);
    for (size_t i = 0; i < w->n_pages; i++) {
        w->pages[i]->events++;
        if (ev == CNC__EV_CONFIGURE || ev == CNC__EV_CREATE ||
            ev == CNC__EV_DELETE) {
            cnc__page_access(w->pages[i]);
        }
    }
    cnc__page_seen(a, w);
    for (size_t i = 0; i < w->n_pages; i++) {
        cnc__live_flush(w->pages[i]);
    }
}

/* -- calls --------------------------------------------------------------- */

static void
ignore_reply(const struct cnc__render_message *reply, void *priv)
{
}

void
cnc__web_call(struct cnc__agent *a, unsigned worker,
              enum cnc__render_type type,
              const struct cnc__render_field *fields, size_t n,
              cnc__render_reply_f *reply, void *priv)
{
    struct cnc__render_message m = {.type = (uint8_t)type, .n_fields = n};
    CNC_CHECK(n <= CNC__RENDER_MAX_FIELDS);
    for (size_t i = 0; i < n; i++) {
        m.fields[i] = fields[i];
    }
    a->env.render(worker, &m, reply != NULL ? reply : ignore_reply, priv,
                  a->env.priv);
}

struct cnc__render_field
cnc__web_field(const char *text)
{
    return (struct cnc__render_field){text, strlen(text)};
}

struct cnc__render_field
cnc__web_field_str(const struct cnc__str *s)
{
    return (struct cnc__render_field){cnc__str_c(s), s->len};
}

void
cnc__web_reply_text(struct cnc__str *out, unsigned *line,
                    const struct cnc__render_message *reply)
{
    *line = 0;
    if (reply == NULL) {
        cnc__str_puts(out, "the render process ended while it worked on it; "
                           "it takes too much memory or time");
        return;
    }
    if (reply->type != CNC__R_ERROR || reply->n_fields < 2) {
        cnc__str_puts(out, "the render process gave no reason");
        return;
    }
    char number[16] = "";
    const struct cnc__render_field *f = reply->fields;
    int64_t n;
    if (f[0].len < sizeof(number)) {
        memcpy(number, f[0].data, f[0].len);
    }
    if (cnc__parse_int(&n, number, 1, INT32_MAX)) {
        *line = (unsigned)n;
        cnc__str_printf(out, "line %u: ", *line);
    }
    cnc__str_add(out, f[1].data, f[1].len);
}

unsigned
cnc__web_slot(const struct cnc__agent *a, unsigned worker)
{
    unsigned n = a->env.n_workers;
    return n == 0 ? 0 : worker % n % CNC__WEB_MAX_WORKERS;
}

void
cnc__agent_render_restarted(struct cnc__agent *a, unsigned worker)
{
    CNC_OBJ_CHECK(a, AGENT_MAGIC);
    unsigned slot = cnc__web_slot(a, worker);
    a->epochs[slot]++;
    a->died[slot] = false;
    for (struct cnc__table_iter i = {0}; cnc__table_next(a->pages, &i);) {
        struct cnc__web_page *p = i.value;
        if (cnc__web_slot(a, p->worker) == slot) {
            cnc__live_restarted(p);
        }
    }
}

void
cnc__agent_tick(struct cnc__agent *a)
{
    CNC_OBJ_CHECK(a, AGENT_MAGIC);
    cnc__submit_tick(a);
    cnc__preview_tick(a);
    cnc__instance_tick(a);
}

void
cnc__agent_stats(const struct cnc__agent *a, struct cnc__agent_stats *out)
{
    CNC_OBJ_CHECK(a, AGENT_MAGIC);
    *out = a->stats;
    out->pages = cnc__table_len(a->pages);
}
