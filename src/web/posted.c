/* SPDX-License-Identifier: MIT */
/*
 * posted.c -- the body of a form that was posted, in either encoding: texts
 * are told as pairs; files are judged by their fields, kept (env.file_keep),
 * and their addresses are told as pairs, too.  A form that is refused in the
 * end keeps no file: its person has to choose it again, as browsers do not
 * fill in files.
 */
#include "../base/text.h"
#include "../pubsub/formimpl.h"
#include "web.h"

#define MAX_FORM_FILES 16

struct form_file {
    struct form_read *read;
    char *field, *url, *why; /* url NULL: it was not kept */
    struct cnc__web_file file;
};

struct cnc__form_files {
    struct cnc__agent *agent;
    size_t n;
    struct form_file all[MAX_FORM_FILES];
};

struct form_read {
    struct cnc__agent *agent;
    const struct cnc_record *record;
    cnc__http_pair_f *pair;
    void *pair_priv;
    cnc__form_read_f *done;
    void *done_priv;
    struct cnc__form_files *files;
    size_t waiting, text;
    int rc;
};

static const struct cnc_field *
field_of(const struct cnc_record *r, const char *name)
{
    for (const struct cnc_field *f = r == NULL ? NULL : r->fields;
         f != NULL && f->name != NULL; f++) {
        if (strcmp(f->name, name) == 0) {
            return f;
        }
    }
    return NULL;
}

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
        struct form_file *f = &files->all[i];
        if (drop && f->url != NULL && !a->closed) {
            a->env.file_drop(f->url, a->env.priv);
        }
        if (drop && v != NULL) {
            cnc__values_refuse(v, f->field, "Please choose the file again.");
        }
        cnc__free(f->field);
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
        const struct form_file *f = &r->files->all[i];
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
    struct form_file *f = priv;
    f->url = cnc__strdup(url);
    f->why = url != NULL ? NULL : cnc__strdup(why);
    step(f->read);
}

/* Why it is none for this field; NULL: it is. */
static char *
judge(const struct form_read *r, const struct cnc_field *f,
      const struct cnc__web_file *file)
{
    struct cnc__str why = CNC__STR;
    char *type = cnc__strndup(file->type, strcspn(file->type, "; \t"));
    for (char *c = type; *c != '\0'; c++) {
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    }
    if (r->agent->env.file_keep == NULL) {
        cnc__str_puts(&why, "No files are kept here.");
    } else if (f->max_len != 0 && file->len > f->max_len) {
        cnc__str_printf(&why, "%s must have at most %u bytes, not %zu.",
                        cnc__field_label(f), f->max_len, file->len);
    } else if (f->match != NULL && !cnc__pattern_matches(f->match, type)) {
        cnc__str_printf(&why, "%s",
                        f->error != NULL ? f->error
                                         : "A file of this type is not "
                                           "taken here.");
    }
    cnc__free(type);
    return why.data;
}

static int
add_file(struct form_read *r, const struct cnc_field *f,
         const struct cnc__multipart *p)
{
    if (p->filename[0] == '\0' && p->len == 0) {
        return 0; /* none was chosen */
    }
    if (r->files->n == MAX_FORM_FILES) {
        return CNC_ELIMIT;
    }
    struct form_file *to = &r->files->all[r->files->n++];
    to->read = r;
    to->field = cnc__strdup(f->name);
    /* Name and type go when this part is read: field, type and name are kept
     * as one of ours. */
    char *name = cnc__strdup(p->filename), *type = cnc__strdup(p->type);
    to->file = (struct cnc__web_file){name, type, p->data, p->len};
    to->why = judge(r, f, &to->file);
    return 0;
}

static int
on_part(const struct cnc__multipart *p, void *priv)
{
    struct form_read *r = priv;
    const struct cnc_field *f = field_of(r->record, p->name);
    if (p->filename != NULL) {
        return f != NULL && f->kind == CNC_FIELD_FILE ? add_file(r, f, p)
                                                      : CNC_ESYNTAX;
    }
    if (memchr(p->data, '\0', p->len) != NULL ||
        !cnc__utf8_valid(p->data, p->len)) {
        return CNC_ESYNTAX;
    }
    r->text += p->len;
    if (r->text > CNC__WEB_MAX_FORM) {
        return CNC_ELIMIT;
    }
    char *text = cnc__strndup(p->data, p->len);
    int rc = r->pair(p->name, text, r->pair_priv);
    explicit_bzero(text, p->len);
    cnc__free(text);
    return rc;
}

static void
keep_all(struct form_read *r, const struct cnc__caller *who)
{
    r->waiting = 1; /* ours */
    for (size_t i = 0; i < r->files->n; i++) {
        struct form_file *f = &r->files->all[i];
        if (r->rc == 0 && f->why == NULL) {
            r->waiting++;
            r->agent->env.file_keep(&f->file, who, on_kept, f,
                                    r->agent->env.priv);
        }
        cnc__free((char *)f->file.name);
        cnc__free((char *)f->file.type);
    }
    step(r);
}

void
cnc__form_read(struct cnc__agent *a, struct cnc__http_request *q,
               const struct cnc__caller *who, const struct cnc_record *record,
               size_t max, cnc__http_pair_f *pair, void *pair_priv,
               cnc__form_read_f *done, void *done_priv)
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
                            done_priv, NULL,   0,    0,         0};
    r->files = cnc__zalloc(sizeof(*r->files));
    r->files->agent = a;
    cnc__agent_ref(a); /* the files' */
    cnc__agent_ref(a);
    r->rc = cnc__multipart_parse(type, q->body, q->body_len, max, on_part, r);
    keep_all(r, who);
}
