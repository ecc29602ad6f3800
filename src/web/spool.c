/* SPDX-License-Identifier: MIT */
/*
 * spool.c -- the body of a form with files, as it comes: what was typed stays
 * in memory, 256 kB at most; a file goes to the disk (env.files), once its
 * field, its type and whoever sends it are judged, as long as it is not too
 * large.  What is refused is read to its end and kept nowhere.  Nothing stays
 * of a body that is damaged or cut.
 */
#include "../base/text.h"
#include "../pubsub/formimpl.h"
#include "web.h"

/* -- which form ------------------------------------------------------------
 */

struct asked {
    char *form, *do_;
};

static int
on_pair(const char *name, const char *value, void *priv)
{
    struct asked *q = priv;
    char **slot = strcmp(name, "form") == 0 ? &q->form
                  : strcmp(name, "do") == 0 ? &q->do_
                                            : NULL;
    if (slot != NULL && *slot == NULL) {
        *slot = cnc__strdup(value);
    }
    return 0;
}

static const struct cnc_record *
record_of_node(struct cnc__agent *a, const struct cnc__decl *d,
               const char *name, const struct cnc__actor *who)
{
    const struct cnc_node *decl = cnc__decl_node(d, name);
    struct cnc__node *node =
        decl == NULL ? NULL : cnc__pubsub_node(a->env.pubsub, name);
    bool may = node != NULL && decl->form != NULL &&
               cnc__decl_may_read(d, who) &&
               cnc__pubsub_may(a->env.pubsub, who,
                               decl->writers == NULL ? CNC__MAY_SEE
                                                     : CNC__MAY_PUBLISH,
                               node, NULL) == 0;
    return may ? decl->record : NULL;
}

static const struct cnc_record *
record_of_page(struct cnc__agent *a, const struct cnc__http_request *r,
               const struct cnc__actor *who)
{
    struct asked q = {NULL, NULL};
    char *values[CNC__WEB_MAX_PARTS];
    const struct cnc__decl *d = cnc__decl_find(a, r->path, values);
    const struct cnc__command *cmd = NULL;
    const struct cnc_record *record = NULL;
    cnc__http_form_parse(r->query, strlen(r->query), 64, on_pair, &q);
    if (d != NULL && d->command[0] != '\0' && q.do_ != NULL) {
        cmd = cnc__commands_get(a->env.commands, q.do_);
        record = cmd != NULL && cnc__commands_may(a->env.commands, cmd, who)
                     ? cmd->record
                     : NULL;
    } else if (d != NULL && q.form != NULL) {
        record = record_of_node(a, d, q.form, who);
    }
    cnc__decl_free_values(values);
    cnc__free(q.form);
    cnc__free(q.do_);
    return record;
}

const struct cnc_record *
cnc__form_record(struct cnc__agent *a, struct cnc__http_request *r)
{
    const struct cnc__command *cmd;
    const struct cnc_record *record;
    struct cnc__web_caller w;
    cnc__web_caller_init(&w, a, r);
    if (strncmp(r->path, "/_do", 4) == 0 &&
        (r->path[4] == '/' || r->path[4] == '\0')) {
        cmd = cnc__do_command(a, r, &w.caller.who);
        record = cmd == NULL ? NULL : cmd->record;
    } else {
        record = record_of_page(a, r, &w.caller.who);
    }
    cnc__web_caller_fini(&w);
    return record;
}

static const struct cnc_field *
field_of(const struct cnc_record *r, const char *name)
{
    return r == NULL ? NULL : cnc__record_field(r, name);
}

/* -- judging ---------------------------------------------------------------
 */

char *
cnc__form_judge_type(const struct cnc_field *f, const char *type)
{
    struct cnc_error err;
    char *media = cnc__strndup(type, strcspn(type, "; \t"));
    int code;
    for (char *c = media; *c != '\0'; c++) {
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    }
    code = cnc__file_type_check(f, media, &err);
    cnc__free(media);
    return code == 0 ? NULL : cnc__strdup(err.text);
}

char *
cnc__form_judge_len(const struct cnc_field *f, uint64_t len)
{
    struct cnc_error err;
    return cnc__file_len_check(f, len, &err) == 0 ? NULL
                                                  : cnc__strdup(err.text);
}

/* -- parts -----------------------------------------------------------------
 */

static void
clear_part(struct cnc__form_body *b)
{
    cnc__free(b->filename);
    cnc__free(b->type);
    cnc__free(b->field);
    b->filename = b->type = b->field = NULL;
    b->current = NULL;
}

static int
begin_text(struct cnc__form_body *b, const char *name)
{
    b->texts =
        cnc__grow(b->texts, b->n_texts, &b->cap_texts, sizeof(*b->texts));
    b->texts[b->n_texts++] =
        (struct cnc__form_text){cnc__strdup(name), CNC__STR};
    b->text_len += strlen(name);
    b->part = CNC__PART_TEXT;
    return b->text_len > CNC__WEB_MAX_FORM ? CNC_ELIMIT : 0;
}

static int
on_begin(const struct cnc__multipart_part *p, void *priv)
{
    struct cnc__form_body *b = priv;
    if (p->filename == NULL) {
        return begin_text(b, p->name);
    }
    const struct cnc_record *record = cnc__form_record(b->agent, b->request);
    const struct cnc_field *f = field_of(record, p->name);
    if (record != NULL && (f == NULL || f->kind != CNC_FIELD_FILE)) {
        return CNC_ESYNTAX;
    }
    b->part = record == NULL ? CNC__PART_SKIPPED : CNC__PART_FILE;
    if (record != NULL) {
        b->filename = cnc__strdup(p->filename);
        b->type = cnc__strdup(p->type);
        b->field = cnc__strdup(p->name);
        b->max_len = f->max_len;
    }
    return 0;
}

static void
on_room(void *priv)
{
    struct cnc__form_body *b = priv;
    if (b->sink.full) {
        b->sink.full = false;
        b->request->responder->resume(b->request->responder);
    }
}

static void
open_file(struct cnc__form_body *b, struct cnc__form_file *to,
          const struct cnc_field *f)
{
    const struct cnc__web_files *ops = b->agent->env.files;
    struct cnc__str why = CNC__STR;
    struct cnc__web_caller w;
    to->why = ops == NULL ? cnc__strdup(CNC__TEXT("No files are kept here."))
              : f == NULL ? cnc__strdup("Please choose the file again.")
                          : cnc__form_judge_type(f, b->type);
    if (to->why != NULL) {
        return;
    }
    cnc__web_caller_init(&w, b->agent, b->request);
    to->file = ops->open(b->filename, b->type, &w.caller, on_room, b, &why,
                         b->agent->env.priv);
    cnc__web_caller_fini(&w);
    to->why = to->file == NULL ? cnc__str_steal(&why) : NULL;
    cnc__str_fini(&why);
}

/* There is such a file: one was chosen. */
static int
begin_file(struct cnc__form_body *b)
{
    struct cnc__form_files *files = b->files;
    if (files->n == CNC__FORM_FILES) {
        return CNC_ELIMIT;
    }
    struct cnc__form_file *to = &files->all[files->n++];
    to->field = cnc__strdup(b->field);
    to->type = cnc__strdup(b->type);
    b->current = to;
    open_file(b, to,
              field_of(cnc__form_record(b->agent, b->request), b->field));
    return 0;
}

static void
drop_file(struct cnc__form_body *b, struct cnc__form_file *f)
{
    if (f->file != NULL) {
        b->agent->env.files->drop(f->file);
        f->file = NULL;
        b->sink.full = false; /* nobody says that there is room again */
    }
}

static void
add_to_file(struct cnc__form_body *b, const char *data, size_t len)
{
    struct cnc__form_file *f = b->current;
    struct cnc__str why = CNC__STR;
    size_t held = 0;
    f->len += len;
    if (f->file == NULL) {
        return;
    }
    if (b->max_len != 0 && f->len > b->max_len) {
        drop_file(b, f); /* how large it is will be said when it is known */
        return;
    }
    int code = b->agent->env.files->add(f->file, data, len, &held, &why);
    b->sink.full = b->sink.full || code == CNC_EAGAIN;
    b->sink.held = b->text_len + held;
    if (code != 0 && code != CNC_EAGAIN) {
        drop_file(b, f);
        f->why = cnc__str_steal(&why);
    }
    cnc__str_fini(&why);
}

static int
on_data(const char *data, size_t len, void *priv)
{
    struct cnc__form_body *b = priv;
    int rc = 0;
    if (b->part == CNC__PART_TEXT) {
        b->text_len += len;
        if (b->text_len > CNC__WEB_MAX_FORM) {
            return CNC_ELIMIT;
        }
        cnc__str_add(&b->texts[b->n_texts - 1].value, data, len);
    } else if (b->part == CNC__PART_FILE) {
        rc = b->current == NULL ? begin_file(b) : 0;
        if (rc == 0) {
            add_to_file(b, data, len);
        }
    }
    return rc;
}

static int
end_file(struct cnc__form_body *b)
{
    int rc = 0;
    if (b->current == NULL && b->filename[0] != '\0') {
        rc = begin_file(b); /* an empty one; without a name: none was chosen */
    }
    struct cnc__form_file *f = rc == 0 ? b->current : NULL;
    if (f != NULL && f->file != NULL) {
        b->agent->env.files->end(f->file);
    } else if (f != NULL && f->why == NULL) {
        const struct cnc_field limit = {.name = b->field,
                                        .max_len = b->max_len};
        const struct cnc_field *field =
            field_of(cnc__form_record(b->agent, b->request), b->field);
        f->why = cnc__form_judge_len(field == NULL ? &limit : field, f->len);
        if (f->why == NULL) {
            f->why = cnc__strdup("Please choose the file again.");
        }
    }
    clear_part(b);
    return rc;
}

static int
on_part_end(void *priv)
{
    struct cnc__form_body *b = priv;
    if (b->part == CNC__PART_TEXT) {
        const struct cnc__str *v = &b->texts[b->n_texts - 1].value;
        return v->len == 0 || (memchr(v->data, '\0', v->len) == NULL &&
                               cnc__utf8_valid(v->data, v->len))
                   ? 0
                   : CNC_ESYNTAX;
    }
    return b->part == CNC__PART_FILE ? end_file(b) : 0;
}

/* -- the body --------------------------------------------------------------
 */

static void
free_texts(struct cnc__form_body *b)
{
    for (size_t i = 0; i < b->n_texts; i++) {
        if (b->texts[i].value.data != NULL) {
            cnc__wipe(b->texts[i].value.data, b->texts[i].value.cap);
        }
        cnc__str_fini(&b->texts[i].value);
        cnc__free(b->texts[i].name);
    }
    cnc__free(b->texts);
    b->texts = NULL;
    b->n_texts = b->cap_texts = 0;
}

void
cnc__form_body_free(struct cnc__form_body **bp)
{
    struct cnc__form_body *b = *bp;
    if (b == NULL) {
        return;
    }
    *bp = NULL;
    clear_part(b);
    free_texts(b);
    cnc__form_files_end(&b->files, true, NULL);
    cnc__multipart_free(&b->parser);
    cnc__agent_unref(b->agent);
    cnc__free(b);
}

static void
made_end(struct cnc__http_made *made)
{
    struct cnc__form_body *b =
        CNC_CONTAINER(made, struct cnc__form_body, made);
    cnc__form_body_free(&b);
}

static void
sink_data(struct cnc__http_sink *sink, const char *data, size_t len)
{
    struct cnc__form_body *b =
        CNC_CONTAINER(sink, struct cnc__form_body, sink);
    if (b->rc == 0 && b->agent->closed) {
        b->rc = CNC_ECLOSED;
    }
    if (b->rc == 0) {
        b->rc = cnc__multipart_feed(b->parser, data, len);
    }
    if (b->rc != 0) {
        /* Nothing of it is wanted any more. */
        sink->full = false;
        sink->held = 0;
        clear_part(b);
        free_texts(b);
        cnc__form_files_end(&b->files, true, NULL);
    }
}

static void
sink_end(struct cnc__http_sink *sink)
{
    struct cnc__form_body *b =
        CNC_CONTAINER(sink, struct cnc__form_body, sink);
    struct cnc__http_request *r = b->request;
    if (b->rc == 0) {
        b->rc = cnc__multipart_finish(b->parser);
    }
    cnc__multipart_free(&b->parser);
    r->made = &b->made;
    b->then(r, b->then_priv);
}

static void
sink_gone(struct cnc__http_sink *sink)
{
    struct cnc__form_body *b =
        CNC_CONTAINER(sink, struct cnc__form_body, sink);
    cnc__form_body_free(&b);
}

static struct cnc__form_body *
body_new(struct cnc__agent *a, struct cnc__http_request *r)
{
    static const struct cnc__multipart_events events = {on_begin, on_data,
                                                        on_part_end};
    struct cnc__form_body *b = cnc__zalloc(sizeof(*b));
    b->made.end = made_end;
    b->sink =
        (struct cnc__http_sink){false, 0, sink_data, sink_end, sink_gone};
    b->agent = a;
    cnc__agent_ref(a);
    b->request = r;
    b->files = cnc__zalloc(sizeof(*b->files));
    b->files->agent = a;
    cnc__agent_ref(a); /* the files' */
    b->parser = cnc__multipart_new(cnc__http_header(r, "content-type"),
                                   CNC__FORM_PARTS, &events, b);
    b->rc = b->parser == NULL ? CNC_ESYNTAX : 0;
    return b;
}

struct cnc__form_body *
cnc__form_body_of(struct cnc__agent *a, struct cnc__http_request *r)
{
    struct cnc__form_body *b = body_new(a, r);
    sink_data(&b->sink, r->body, r->body_len);
    if (b->rc == 0) {
        b->rc = cnc__multipart_finish(b->parser);
    }
    return b;
}

struct cnc__http_sink *
cnc__agent_sink(struct cnc__agent *a, struct cnc__http_request *r,
                cnc__http_handler_f *then, void *then_priv)
{
    if (r->method != CNC__HTTP_POST ||
        !cnc__multipart_is(cnc__http_header(r, "content-type"))) {
        return NULL;
    }
    struct cnc__form_body *b = body_new(a, r);
    b->then = then;
    b->then_priv = then_priv;
    return &b->sink;
}
