/* SPDX-License-Identifier: MIT */
/*
 * once.c -- a page rendered once, for one answer: older records, or a form
 * that was refused.  It has a key of its own in the render process and is
 * forgotten there at once; it is never live.
 */
#include "web.h"

/* Under way together, most of them in the pipe to a render process, which
 * takes one after the other.  Strangers, who may ask as often as they like,
 * leave room for whoever is logged in. */
#define MAX_ONCE       256
#define MAX_BYTES      (32u << 20) /* of what they are made from */
#define STRANGERS(max) ((max) / 4 * 3)

struct cnc__once {
    struct cnc__once *prev, *next;
    struct cnc__agent *agent;
    unsigned worker;
    size_t bytes;
    char *key;
    struct cnc__str error; /* the first one */
    struct cnc__viewer who;
    cnc__once_f *f;
    cnc__once_shared_f *shared; /* instead of f, for whoever asks */
    void *priv;
};

static void
note(struct cnc__once *o, const struct cnc__render_message *reply)
{
    unsigned line;
    if (o->error.len == 0) {
        cnc__web_reply_text(&o->error, &line, reply);
    }
}

static void
on_step(const struct cnc__render_message *reply, void *priv)
{
    if (reply == NULL || reply->type == CNC__R_ERROR) {
        note(priv, reply);
    }
}

static void
free_once(struct cnc__once *o)
{
    struct cnc__agent *a = o->agent;
    if (o->prev != NULL) {
        o->prev->next = o->next;
    } else {
        a->onces = o->next;
    }
    if (o->next != NULL) {
        o->next->prev = o->prev;
    }
    a->n_once--;
    a->once_bytes -= o->bytes;
    cnc__str_fini(&o->error);
    cnc__viewer_fini(&o->who);
    cnc__free(o->key);
    cnc__free(o);
}

static void
failed(struct cnc__once *o, const char *error)
{
    if (o->shared != NULL) {
        o->shared(NULL, 0, NULL, error, o->priv);
    } else {
        o->f(NULL, 0, error, o->priv);
    }
}

void
cnc__once_free(struct cnc__agent *a)
{
    while (a->onces != NULL) {
        failed(a->onces, "the service ends");
        free_once(a->onces);
    }
}

static void
made(struct cnc__once *o, const struct cnc__render_message *reply)
{
    struct cnc__parts *parts = cnc__parts_read(reply);
    const struct cnc__render_field *html = &reply->fields[0];
    struct cnc__str whole = CNC__STR;
    if (o->shared != NULL) {
        o->shared(html->data, html->len, parts, NULL, o->priv);
        return;
    }
    cnc__parts_put(&whole, parts, cnc__parts_of(o->agent, parts, &o->who),
                   &o->who, html->data, html->len);
    o->f(cnc__str_c(&whole), whole.len, NULL, o->priv);
    cnc__str_fini(&whole);
    cnc__parts_unref(&parts);
}

static void
on_html(const struct cnc__render_message *reply, void *priv)
{
    struct cnc__once *o = priv;
    bool ok = reply != NULL && reply->type == CNC__R_HTML_DONE &&
              reply->n_fields >= 1;
    if (!ok) {
        note(o, reply);
    }
    /* A sheet that failed leaves an empty tree, which HTML gives as well. */
    if (o->error.len > 0) {
        failed(o, o->error.data);
    } else {
        made(o, reply);
    }
    free_once(o);
}

static void
send_forms(struct cnc__once *o, const struct cnc__web_page *p,
           const char *node, const struct cnc__values *v, const char *item_id)
{
    for (size_t i = 0; i < p->n_shown; i++) {
        const struct cnc_node *d = p->shown[i].decl;
        if (d->form == NULL || d->record == NULL) {
            continue;
        }
        bool this = node != NULL && strcmp(node, d->name) == 0;
        struct cnc__str x = CNC__STR, action = CNC__STR;
        cnc__form_write_tr(&x, cnc__page_tr(p), o->agent->env.pubsub,
                           d->record, d->form, NULL, this ? item_id : "",
                           this ? v : NULL);
        cnc__web_action(&action, p->path, d->name);
        struct cnc__render_field f[] = {
            cnc__web_field(o->key), cnc__web_field(d->name),
            cnc__web_field_str(&x), cnc__web_field_str(&action)};
        cnc__web_call(o->agent, o->worker, CNC__R_FORM, f, 4, on_step, o);
        cnc__str_fini(&x);
        cnc__str_fini(&action);
    }
}

static bool
has_room(const struct cnc__agent *a, bool stranger)
{
    return stranger ? a->n_once < STRANGERS(MAX_ONCE) &&
                          a->once_bytes < STRANGERS(MAX_BYTES)
                    : a->n_once < MAX_ONCE && a->once_bytes < MAX_BYTES;
}

static struct cnc__once *
begin_with(struct cnc__agent *a, unsigned worker, struct cnc__sheet *sheet,
           const char *id, struct cnc__sheet *instead, const char *lang,
           const struct cnc__str *source, void *priv)
{
    struct cnc__once *o = cnc__zalloc(sizeof(*o));
    struct cnc__str text = CNC__STR;
    a->n_once++;
    cnc__str_printf(&text, "once-%llu", (unsigned long long)++a->next_key);
    o->agent = a;
    o->next = a->onces;
    if (o->next != NULL) {
        o->next->prev = o;
    }
    a->onces = o;
    o->worker = worker;
    o->key = cnc__str_steal(&text);
    o->priv = priv;
    struct cnc__render_field key = cnc__web_field(o->key);
    cnc__imports_pack(&text, a, sheet, id, instead);
    struct cnc__str texts = CNC__STR;
    cnc__texts_pack(&texts, a, sheet, lang, NULL, NULL);
    struct cnc__render_field s[] = {key,
                                    {sheet->text, sheet->len},
                                    cnc__web_field_str(&text),
                                    cnc__web_field_str(&texts),
                                    cnc__web_field(a->prefix)};
    cnc__web_call(a, o->worker, CNC__R_SHEET, s, CNC_N(s), on_step, o);
    cnc__str_fini(&texts);
    cnc__str_fini(&text);
    o->bytes = source->len;
    for (size_t i = 0; i < CNC_N(s); i++) {
        o->bytes += s[i].len;
    }
    a->once_bytes += o->bytes;
    struct cnc__render_field x[] = {key, cnc__web_field_str(source)};
    cnc__web_call(a, o->worker, CNC__R_SOURCE, x, 2, on_step, o);
    return o;
}

static struct cnc__once *
begin(struct cnc__agent *a, unsigned worker, struct cnc__sheet *sheet,
      const char *lang, const struct cnc__str *source, void *priv)
{
    return begin_with(a, worker, sheet, NULL, NULL, lang, source, priv);
}

static void
end(struct cnc__once *o, const struct cnc__str *head)
{
    struct cnc__agent *a = o->agent;
    struct cnc__render_field key = cnc__web_field(o->key);
    struct cnc__render_field h[] = {key, cnc__web_field_str(head)};
    cnc__web_call(a, o->worker, CNC__R_RENDER, &key, 1, on_step, o);
    cnc__web_call(a, o->worker, CNC__R_HTML, h, 2, on_html, o);
    cnc__web_call(a, o->worker, CNC__R_CLOSE, &key, 1, NULL, NULL);
}

static struct cnc__once *
begin_page(struct cnc__web_page *p, const struct cnc__window *window,
           void *priv)
{
    struct cnc__str text = CNC__STR;
    cnc__web_source(&text, p, window, 0);
    struct cnc__once *o =
        begin(p->agent, p->worker, cnc__sheet_of(p->agent, p->template_),
              p->lang, &text, priv);
    cnc__str_fini(&text);
    return o;
}

static void
end_page(struct cnc__once *o, struct cnc__web_page *p, const char *node,
         const struct cnc__values *v, const char *item_id)
{
    struct cnc__str head = CNC__STR;
    send_forms(o, p, node, v, item_id);
    cnc__view_head(&head, p, NULL);
    end(o, &head);
    cnc__str_fini(&head);
}

bool
cnc__once_try(struct cnc__web_page *p, const struct cnc__viewer *who,
              bool uses, const char *id, struct cnc__sheet *sheet,
              cnc__once_f *f, void *priv)
{
    static const struct cnc__str none = CNC__STR;
    struct cnc__agent *a = p->agent;
    bool own = !uses || strcmp(p->template_, id) == 0;
    struct cnc__str text = CNC__STR;
    if (!has_room(a, who->bare == NULL)) {
        return false;
    }
    cnc__web_source(&text, p, NULL, 0);
    struct cnc__once *o = begin_with(
        a, a->next_worker++, own ? sheet : cnc__sheet_of(a, p->template_), id,
        sheet, p->lang, &text, priv);
    cnc__str_fini(&text);
    o->f = f;
    cnc__viewer_copy(&o->who, who);
    send_forms(o, p, NULL, NULL, NULL);
    end(o, &none);
    return true;
}

bool
cnc__once(struct cnc__web_page *p, const struct cnc__viewer *who,
          const char *node, const struct cnc__values *v, const char *item_id,
          cnc__once_f *f, void *priv)
{
    if (!has_room(p->agent, who->bare == NULL)) {
        return false;
    }
    struct cnc__once *o = begin_page(p, NULL, priv);
    o->f = f;
    cnc__viewer_copy(&o->who, who);
    end_page(o, p, node, v, item_id);
    return true;
}

bool
cnc__once_shared(struct cnc__web_page *p, const struct cnc__window *window,
                 cnc__once_shared_f *f, void *priv)
{
    if (!has_room(p->agent, true)) { /* strangers may ask for it as well */
        return false;
    }
    struct cnc__once *o = begin_page(p, window, priv);
    o->shared = f;
    end_page(o, p, NULL, NULL, NULL);
    return true;
}

bool
cnc__once_source(struct cnc__agent *a, const struct cnc__actor *who,
                 struct cnc__sheet *sheet, const char *lang,
                 const struct cnc__str *source,
                 const struct cnc__once_form *forms, size_t n_forms,
                 cnc__once_f *f, void *priv)
{
    static const struct cnc__str none = CNC__STR;
    if (!has_room(a, who->anonymous)) {
        return false;
    }
    struct cnc__once *o =
        begin(a, a->next_worker++, sheet, lang, source, priv);
    o->f = f;
    cnc__viewer_init(&o->who, who);
    for (size_t i = 0; i < n_forms; i++) {
        struct cnc__render_field call[] = {
            cnc__web_field(o->key), cnc__web_field(forms[i].node),
            cnc__web_field_str(forms[i].x),
            cnc__web_field_str(forms[i].action)};
        cnc__web_call(a, o->worker, CNC__R_FORM, call, 4, on_step, o);
    }
    end(o, &none);
    return true;
}
