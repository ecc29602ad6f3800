/* SPDX-License-Identifier: MIT */
/*
 * live.c -- a live page in its render process.  One render is under way at a
 * time; what changes meanwhile is rendered together afterwards.
 *
 *   dirty -> [SHEET] [SOURCE FORM.. | REMOVE.. UPSERT.. META..] RENDER
 *     PATCH -> emit on the view -> dirty again? render again (a few times)
 *           -> HTML -> snapshot
 *     ERROR -> the last good snapshot stays
 *     dead  -> wait for the restart, then all of it anew
 *
 * HTML follows the RENDER whose position it carries and nothing comes in
 * between: the snapshot's position is exactly the tree's.
 */
#include "web.h"

/* Renders in a row without a snapshot while changes keep coming. */
#define MAX_WITHOUT_HTML 4
/* A page that killed its process so often in a row rests until it changes. */
#define MAX_DEATHS 3

static struct cnc__render_field
field(const char *text)
{
    return cnc__web_field(text);
}

static void
call(struct cnc__web_page *p, enum cnc__render_type type,
     const struct cnc__render_field *fields, size_t n,
     cnc__render_reply_f *reply)
{
    cnc__web_call(p->agent, p->worker, type, fields, n, reply, p);
}

static void
fail(struct cnc__web_page *p, const char *text)
{
    if (p->error == NULL || strcmp(p->error, text) != 0) {
        cnc__log(CNC_LOG_WARN, "page.error", "page=%s template=%s %s", p->key,
                 p->template_[0] ? p->template_ : "(built in)", text);
        cnc__free(p->error);
        p->error = cnc__strdup(text);
    }
    p->agent->stats.render_errors++;
}

static void
fail_reply(struct cnc__web_page *p, const struct cnc__render_message *reply)
{
    struct cnc__str text = CNC__STR;
    unsigned line;
    cnc__web_reply_text(&text, &line, reply);
    fail(p, cnc__str_c(&text));
    cnc__str_fini(&text);
}

/* Nothing better will come for the changes up to here. */
static void
settle(struct cnc__web_page *p)
{
    struct cnc__agent *a = p->agent;
    p->snapped = p->upto;
    if (!p->settled) {
        p->settled = true;
        if (a->unsettled > 0 && --a->unsettled == 0 && a->start_done != NULL) {
            void (*done)(void *) = a->start_done;
            a->start_done = NULL;
            done(a->start_priv);
        }
    }
    cnc__page_wake(p);
}

/* -- calls ---------------------------------------------------------------- */

/* While a call is under way the page's memory stays. */
static void
begin(struct cnc__web_page *p)
{
    p->busy = true;
    cnc__page_ref(p);
}

/* Its answer is there.  Whoever hears of what follows may end the page. */
static void
end(struct cnc__web_page *p, const struct cnc__render_message *reply,
    void (*done)(struct cnc__web_page *, const struct cnc__render_message *))
{
    p->busy = false;
    if (!p->gone) {
        done(p, reply);
    }
    cnc__page_unref(&p);
}

/* -- the process died ---------------------------------------------------- */

static void
died(struct cnc__web_page *p)
{
    struct cnc__agent *a = p->agent;
    unsigned slot = cnc__web_slot(a, p->worker);
    bool waits = p->worker_epoch == a->epochs[slot];
    p->lost = waits;
    p->loaded = p->known = false;
    p->dirty = true;
    if (waits && !a->died[slot]) {
        /* Calls are answered in order: the first one that is not is the one
         * it died of. */
        a->died[slot] = true;
        p->deaths++;
    }
    if (p->deaths >= MAX_DEATHS) {
        p->deaths = MAX_DEATHS - 1; /* one more try when it changes */
        p->dirty = false;
        fail(p, "the render process ended each time it worked on this page; "
                "it takes too much memory or time");
        settle(p);
    }
    if (!waits) {
        cnc__live_flush(p);
    }
}

void
cnc__live_restarted(struct cnc__web_page *p)
{
    p->loaded = p->known = false;
    if (p->busy) {
        return; /* its calls are still to be answered with "died" */
    }
    p->lost = false;
    if (p->agent->started && (p->snapshot != NULL || p->dirty)) {
        p->dirty = p->dirty || p->error == NULL;
        cnc__live_flush(p);
    }
}

/* -- HTML ---------------------------------------------------------------- */

static void packed(void *priv);

static void
remove_files(struct cnc__web_page *p)
{
    p->on_disk = false;
    cnc__snapshot_remove(p->agent, p->key);
}

static void
pack_now(struct cnc__web_page *p)
{
    bool files = cnc__page_has_files(p);
    p->packing = true;
    p->on_disk = p->on_disk || files;
    cnc__page_ref(p);
    cnc__snapshot_pack(p->agent, p->snapshot, files ? p->key : NULL, packed,
                       p);
}

static void
packed(void *priv)
{
    struct cnc__web_page *p = priv;
    p->packing = false;
    if (p->on_disk && (p->gone || p->closed_)) {
        remove_files(p);
    }
    if (p->pack_again && !p->gone) {
        p->pack_again = false;
        pack_now(p);
    }
    cnc__page_unref(&p);
}

/* One packing under way per page, so that an older file never replaces a
 * newer one. */
void
cnc__live_pack(struct cnc__web_page *p)
{
    if (p->packing) {
        p->pack_again = true;
    } else {
        pack_now(p);
    }
}

static void
html_done(struct cnc__web_page *p, const struct cnc__render_message *reply)
{
    if (reply == NULL) {
        died(p);
        return;
    }
    p->deaths = 0;
    if (reply->type != CNC__R_HTML_DONE || reply->n_fields < 1) {
        fail_reply(p, reply);
    } else {
        cnc__snapshot_unref(&p->snapshot);
        p->snapshot =
            cnc__snapshot_new(reply->fields[0].data, reply->fields[0].len,
                              cnc__parts_read(reply), p->head_position, p);
        p->parts_moved = false;
        p->without_html = 0;
        p->agent->stats.snapshots++;
        cnc__snapshot_tell(p);
        cnc__live_pack(p);
    }
    settle(p);
    cnc__live_flush(p);
}

static void
on_html(const struct cnc__render_message *reply, void *priv)
{
    end(priv, reply, html_done);
}

static void
ask_html(struct cnc__web_page *p)
{
    struct cnc__str head = CNC__STR;
    cnc__node_position(p->view, p->head_position);
    cnc__view_head(&head, p, p->head_position);
    struct cnc__render_field f[] = {field(p->key), cnc__web_field_str(&head)};
    begin(p);
    call(p, CNC__R_HTML, f, 2, on_html);
    cnc__str_fini(&head);
}

/* -- RENDER -------------------------------------------------------------- */

static bool
is_forgotten(const struct cnc__render_message *reply)
{
    static const char code[] = "CNC_ENOENT";
    return reply->n_fields > 2 && reply->fields[2].len == sizeof(code) - 1 &&
           memcmp(reply->fields[2].data, code, sizeof(code) - 1) == 0;
}

static void
on_op(const struct cnc__render_message *reply, void *priv)
{
    struct cnc__web_page *p = priv;
    if (p->gone) {
        return;
    }
    if (reply == NULL) {
        /* RENDER's own answer says it too; here the blame is right. */
        unsigned slot = cnc__web_slot(p->agent, p->worker);
        if (!p->agent->died[slot] &&
            p->worker_epoch == p->agent->epochs[slot]) {
            p->agent->died[slot] = true;
            p->deaths++;
        }
        return;
    }
    if (reply->type == CNC__R_ERROR) {
        if (!is_forgotten(reply)) {
            fail_reply(p, reply);
        } else {
            /* Its process holds others now: the tree is not there to tell
             * what changes. */
            p->known = false;
        }
        p->op_failed = true;
    }
}

static void
on_patch(struct cnc__web_page *p, const struct cnc__render_field *patch)
{
    bool first = !p->known;
    if (patch->len > 0) {
        cnc__view_emit(p, patch->data, patch->len);
    } else if (first && p->snapshot != NULL && p->upto != p->rendered) {
        /* A new process cannot say what changed since the old one. */
        cnc__view_resync(p);
    }
    p->known = true;
    p->rendered = p->upto;
    if (!p->op_failed) {
        cnc__free(p->error);
        p->error = NULL;
    }
}

/* The tree is new: a snapshot of it, or the next changes first. */
static void
finish(struct cnc__web_page *p)
{
    char position[40];
    cnc__node_position(p->view, position);
    if (p->snapshot != NULL && !p->parts_moved &&
        strcmp(p->snapshot->position, position) == 0) {
        p->deaths = 0;
        settle(p); /* nothing that shows changed */
        cnc__live_flush(p);
        return;
    }
    if (p->dirty && ++p->without_html < MAX_WITHOUT_HTML) {
        cnc__live_flush(p);
        return;
    }
    ask_html(p);
}

static void
render_done(struct cnc__web_page *p, const struct cnc__render_message *reply)
{
    p->agent->stats.renders++;
    if (reply == NULL) {
        died(p);
        return;
    }
    bool ok = reply->type == CNC__R_PATCH && reply->n_fields >= 1;
    if (ok) {
        on_patch(p, &reply->fields[0]);
        p->parts_moved = p->parts_moved ||
                         (reply->n_fields > 1 && reply->fields[1].len > 0);
    }
    bool op_failed = p->op_failed;
    if (op_failed) {
        /* Its records are not what we think: send all, but not for ever. */
        p->op_failed = false;
        p->loaded = false;
        if (p->op_failures++ == 0) {
            p->dirty = true;
            cnc__live_flush(p);
            return;
        }
    } else {
        p->op_failures = 0;
    }
    if (!ok) {
        if (!op_failed) { /* else the cause was said already */
            fail_reply(p, reply);
        }
        settle(p);
        cnc__live_flush(p);
        return;
    }
    finish(p);
}

static void
on_render(const struct cnc__render_message *reply, void *priv)
{
    end(priv, reply, render_done);
}

/* -- what goes before RENDER --------------------------------------------- */

static void
send_sheet(struct cnc__web_page *p)
{
    struct cnc__sheet *sheet = cnc__sheet_of(p->agent, p->template_);
    cnc__sheet_ref(sheet);
    cnc__sheet_unref(&p->sheet);
    p->sheet = sheet;
    p->sheet_changed = false;
    struct cnc__str imports = CNC__STR;
    cnc__imports_pack(&imports, p->agent, sheet, NULL, NULL);
    cnc__imports_sum(p->sheet_sum, sheet, &imports);
    struct cnc__str texts = CNC__STR;
    cnc__texts_pack(&texts, p->agent, sheet, p->lang, NULL, NULL);
    struct cnc__render_field f[] = {field(p->key),
                                    {sheet->text, sheet->len},
                                    cnc__web_field_str(&imports),
                                    cnc__web_field_str(&texts),
                                    field(p->agent->prefix)};
    call(p, CNC__R_SHEET, f, CNC_N(f), on_op);
    cnc__str_fini(&imports);
    cnc__str_fini(&texts);
}

static void
set_bounds(struct cnc__web_page *p, struct cnc__shown *s)
{
    const struct cnc__records *l = cnc__shown_list(s);
    size_t start, end;
    cnc__shown_range(p, s, NULL, &start, &end);
    if (s->sorted) { /* what goes there is sent as a whole source */
        s->low = s->high = 0;
        return;
    }
    s->low = l->n == 0 ? UINT64_MAX : l->all[start].created;
    s->high = l->n == 0 ? 0 : l->all[end - 1].created;
}

static void
write_older(struct cnc__str *out, const struct cnc__web_page *p,
            const struct cnc__shown *s)
{
    size_t start, end;
    cnc__shown_range(p, s, NULL, &start, &end);
    cnc__shown_older(out, s, start, end);
}

static void
send_source(struct cnc__web_page *p)
{
    struct cnc__str xml = CNC__STR;
    cnc__web_source(&xml, p, NULL, 0);
    struct cnc__render_field f[] = {field(p->key), cnc__web_field_str(&xml)};
    call(p, CNC__R_SOURCE, f, 2, on_op);
    cnc__str_fini(&xml);
    p->source_changed = false;
    for (size_t i = 0; i < p->n_shown; i++) {
        struct cnc__shown *s = &p->shown[i];
        cnc__page_clear_dirty(s);
        set_bounds(p, s);
        cnc__str_clear(&s->older);
        write_older(&s->older, p, s);
    }
}

static void
send_forms(struct cnc__web_page *p)
{
    for (size_t i = 0; i < p->n_shown; i++) {
        const struct cnc_node *d = p->shown[i].decl;
        if (d->form == NULL || d->record == NULL) {
            continue;
        }
        struct cnc__str x = CNC__STR, action = CNC__STR;
        cnc__form_write_tr(&x, cnc__page_tr(p), p->agent->env.pubsub,
                           d->record, d->form, NULL, "", NULL);
        cnc__web_action(&action, p->path, d->name);
        struct cnc__render_field f[] = {field(p->key), field(d->name),
                                        cnc__web_field_str(&x),
                                        cnc__web_field_str(&action)};
        call(p, CNC__R_FORM, f, 4, on_op);
        cnc__str_fini(&x);
        cnc__str_fini(&action);
    }
}

static int
by_created(const void *a, const void *b)
{
    const struct cnc__dirty *x = a, *y = b;
    return x->created < y->created ? -1 : x->created > y->created;
}

static bool
inside(const struct cnc__web_page *p, const struct cnc__shown *s,
       uint64_t created, size_t *index)
{
    size_t start, end;
    cnc__shown_range(p, s, NULL, &start, &end);
    return cnc__shown_find(s, created, index) && *index >= start &&
           *index < end;
}

static void
send_removes(struct cnc__web_page *p, struct cnc__shown *s)
{
    size_t index;
    for (size_t i = 0; i < s->n_dirty; i++) {
        struct cnc__dirty *d = &s->dirty[i];
        bool again = i > 0 && s->dirty[i - 1].created == d->created;
        bool there = d->created >= s->low && d->created <= s->high;
        if (again || !there || inside(p, s, d->created, &index)) {
            continue;
        }
        struct cnc__render_field f[] = {field(p->key), field(s->watch->name),
                                        field(d->item->id)};
        call(p, CNC__R_REMOVE, f, 3, on_op);
    }
}

/* In order of creation, since the engine appends what is new to it. */
static void
send_upserts(struct cnc__web_page *p, struct cnc__shown *s)
{
    struct cnc__str xml = CNC__STR;
    size_t index;
    for (size_t i = 0; i < s->n_dirty; i++) {
        struct cnc__dirty *d = &s->dirty[i];
        bool again = i > 0 && s->dirty[i - 1].created == d->created;
        if (again || !inside(p, s, d->created, &index)) {
            continue;
        }
        const struct cnc__item *item = cnc__shown_list(s)->all[index].item;
        cnc__str_clear(&xml);
        cnc__web_record(&xml, item);
        struct cnc__render_field f[] = {field(p->key), field(s->watch->name),
                                        field(item->id),
                                        cnc__web_field_str(&xml)};
        call(p, CNC__R_UPSERT, f, 4, on_op);
    }
    cnc__str_fini(&xml);
}

static void
send_older(struct cnc__web_page *p, struct cnc__shown *s)
{
    struct cnc__str older = CNC__STR;
    write_older(&older, p, s);
    if (strcmp(cnc__str_c(&older), cnc__str_c(&s->older)) != 0) {
        struct cnc__render_field f[] = {field(p->key), field(s->watch->name),
                                        field("older"),
                                        cnc__web_field_str(&older)};
        /* No value: the attribute is removed. */
        call(p, CNC__R_META, f, older.len > 0 ? 4 : 3, on_op);
    }
    cnc__str_fini(&s->older);
    s->older = older;
}

static void
send_changes(struct cnc__web_page *p)
{
    for (size_t i = 0; i < p->n_shown; i++) {
        struct cnc__shown *s = &p->shown[i];
        if (s->n_dirty > 0) {
            qsort(s->dirty, s->n_dirty, sizeof(*s->dirty), by_created);
        }
        send_removes(p, s);
        send_upserts(p, s);
        send_older(p, s);
        cnc__page_clear_dirty(s);
        set_bounds(p, s);
    }
}

void
cnc__live_flush(struct cnc__web_page *p)
{
    struct cnc__agent *a = p->agent;
    if (!a->started || a->closed || p->gone || p->busy || p->lost ||
        !p->dirty) {
        return;
    }
    p->dirty = false;
    begin(p);
    p->upto = p->changed;
    p->worker_epoch = a->epochs[cnc__web_slot(a, p->worker)];
    if (!p->loaded) {
        send_sheet(p);
        send_source(p);
        send_forms(p);
        p->loaded = true;
    } else {
        if (p->forms_changed) {
            send_forms(p);
        }
        if (p->sheet_changed) {
            send_sheet(p);
        }
        if (p->source_changed) {
            send_source(p);
        } else {
            send_changes(p);
        }
    }
    p->forms_changed = false;
    struct cnc__render_field f[] = {field(p->key)};
    call(p, CNC__R_RENDER, f, 1, on_render);
}
