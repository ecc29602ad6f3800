/* SPDX-License-Identifier: MIT */
/*
 * posted.c -- the body of a form that was posted, in either encoding: texts
 * are told as pairs; files, which are on the disk by then (spool.c), are
 * judged by their fields once more and kept, and their addresses are told as
 * pairs, too.  A form that is refused in the end keeps no file: its person has
 * to choose it again, as browsers do not fill in files.
 */
#include "../base/text.h"
#include "../pubsub/formimpl.h"
#include "web.h"

struct form_read {
    struct cnc__agent *agent;
    const struct cnc_record *record;
    cnc__http_pair_f *pair;
    void *pair_priv;
    cnc__form_read_f *done;
    void *done_priv;
    struct cnc__form_files *files;
    size_t waiting;
    int rc;
};

/* -- what became of them ---------------------------------------------------
 */

void
cnc__form_files_tell(const struct cnc__form_files *files,
                     struct cnc__values *v)
{
    for (size_t i = 0; files != NULL && i < files->n; i++) {
        if (files->all[i].why != NULL) {
            cnc__values_refuse(v, files->all[i].field, files->all[i].why);
        }
    }
}

void
cnc__form_files_end(struct cnc__form_files **fp, bool drop,
                    struct cnc__values *v)
{
    struct cnc__form_files *files = *fp;
    if (files == NULL) {
        return;
    }
    *fp = NULL;
    struct cnc__agent *a = files->agent;
    for (size_t i = 0; i < files->n; i++) {
        struct cnc__form_file *f = &files->all[i];
        if (f->file != NULL) {
            a->env.files->drop(f->file);
        }
        if (drop && f->url != NULL && !a->closed) {
            a->env.files->forget(f->url, a->env.priv);
        }
        if (drop && v != NULL) {
            cnc__values_refuse(v, f->field, "Please choose the file again.");
        }
        cnc__free(f->field);
        cnc__free(f->type);
        cnc__free(f->url);
        cnc__free(f->why);
    }
    cnc__free(files);
    cnc__agent_unref(a);
}

/* -- reading ---------------------------------------------------------------
 */

static void
finish(struct form_read *r)
{
    for (size_t i = 0; r->rc == 0 && i < r->files->n; i++) {
        const struct cnc__form_file *f = &r->files->all[i];
        if (f->url != NULL) {
            r->rc = r->pair(f->field, f->url, r->pair_priv);
        }
    }
    if (r->rc != 0) {
        cnc__form_files_end(&r->files, true, NULL);
    }
    r->done(r->rc, r->files, r->done_priv);
    cnc__agent_unref(r->agent);
    cnc__free(r);
}

static void
step(struct form_read *r)
{
    if (--r->waiting == 0) {
        finish(r);
    }
}

static void
on_kept(const char *url, const char *why, void *priv)
{
    struct cnc__form_file *f = priv;
    f->url = cnc__strdup(url);
    f->why = url != NULL ? NULL : cnc__strdup(why);
    step(f->read);
}

/* By the fields that the form has now: its app may be another one since. */
static int
judge(struct form_read *r, struct cnc__form_file *f)
{
    const struct cnc_field *field =
        r->record == NULL ? NULL : cnc__record_field(r->record, f->field);
    if (field == NULL || field->kind != CNC_FIELD_FILE) {
        return CNC_ESYNTAX;
    }
    if (f->file != NULL && f->why == NULL) {
        f->why = cnc__form_judge_type(field, f->type);
    }
    if (f->file != NULL && f->why == NULL) {
        f->why = cnc__form_judge_len(field, f->len);
    }
    return 0;
}

static int
tell_texts(struct form_read *r, const struct cnc__form_body *b, size_t max)
{
    int rc = b->n_texts > max ? CNC_ELIMIT : 0;
    for (size_t i = 0; rc == 0 && i < b->n_texts; i++) {
        rc = r->pair(b->texts[i].name, cnc__str_c(&b->texts[i].value),
                     r->pair_priv);
    }
    return rc;
}

static void
keep_all(struct form_read *r)
{
    r->waiting = 1; /* ours */
    for (size_t i = 0; r->rc == 0 && i < r->files->n; i++) {
        struct cnc__form_file *f = &r->files->all[i];
        struct cnc__web_file *file = f->file;
        f->read = r;
        if (file != NULL && f->why == NULL) {
            r->waiting++;
            f->file = NULL;
            r->agent->env.files->keep(file, on_kept, f);
        }
    }
    step(r);
}

static struct cnc__form_body *
take_body(struct cnc__agent *a, struct cnc__http_request *q)
{
    struct cnc__form_body *b;
    if (q->made == NULL) {
        return cnc__form_body_of(a, q);
    }
    b = CNC_CONTAINER(q->made, struct cnc__form_body, made);
    q->made = NULL;
    return b;
}

static void
read_parts(struct form_read *r, struct cnc__http_request *q, size_t max)
{
    struct cnc__form_body *b = take_body(r->agent, q);
    r->files = b->files;
    b->files = NULL;
    r->rc = b->rc;
    if (r->rc == 0) {
        r->rc = tell_texts(r, b, max);
    }
    cnc__form_body_free(&b);
    for (size_t i = 0; r->rc == 0 && i < r->files->n; i++) {
        r->rc = judge(r, &r->files->all[i]);
    }
    keep_all(r);
}

void
cnc__form_read(struct cnc__agent *a, struct cnc__http_request *q,
               const struct cnc_record *record, size_t max,
               cnc__http_pair_f *pair, void *pair_priv, cnc__form_read_f *done,
               void *done_priv)
{
    const char *type = cnc__http_header(q, "content-type");
    struct form_read *r;
    if (!cnc__multipart_is(type)) {
        done(!cnc__web_is_urlencoded(type) ? CNC_EPROTO
             : q->body_len > CNC__WEB_MAX_FORM
                 ? CNC_ELIMIT
                 : cnc__http_form_parse(q->body, q->body_len, max, pair,
                                        pair_priv),
             NULL, done_priv);
        return;
    }
    r = cnc__zalloc(sizeof(*r));
    *r = (struct form_read){a,         record, pair, pair_priv, done,
                            done_priv, NULL,   0,    0};
    cnc__agent_ref(a);
    read_parts(r, q, max);
}
