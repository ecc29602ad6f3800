/* SPDX-License-Identifier: MIT */
/*
 * upload-form.c -- files that come with forms: kept like those of slots.
 */
#include <strings.h>

#include "uploads.h"

struct filing {
    struct cnc__uploads *uploads;
    cnc__web_kept_f *done;
    void *priv;
};

static void
on_kept(const struct cnc__upload *f, void *priv)
{
    struct filing *w = priv;
    struct cnc__str url = CNC__STR;

    if (f != NULL) {
        cnc__upload_url(&url, w->uploads, f);
    }
    w->done(url.data,
            f != NULL ? NULL : "The file could not be kept; try again later.",
            w->priv);
    cnc__str_fini(&url);
    cnc__free(w);
}

void
cnc__uploads_form_file(const struct cnc__web_file *file,
                       const struct cnc__caller *who, cnc__web_kept_f *done,
                       void *done_priv, void *service)
{
    struct cnc_service *s = service;
    struct cnc__upload *f = NULL;
    struct cnc_error err = {0};
    struct filing *w;
    struct cnc__str why = CNC__STR;
    int64_t retry;

    if (who->who.anonymous && !s->o.upload_guests) {
        s->uploads->n_refused++;
        done(NULL, "Log in to send a file.", done_priv);
        return;
    }
    if (cnc__upload_promise(&f, s->uploads, who->who.jid, file->name,
                            file->type, file->len, &retry, &err) != 0) {
        cnc__str_printf(&why, "%s.", err.text);
        done(NULL, why.data, done_priv);
        cnc__str_fini(&why);
        return;
    }
    w = cnc__zalloc(sizeof(*w));
    *w = (struct filing){s->uploads, done, done_priv};
    cnc__writing_end(cnc__writing_new(s->uploads, f, NULL, on_kept, w),
                     file->data, file->len);
}

void
cnc__uploads_form_drop(const char *url, void *service)
{
    struct cnc_service *s = service;
    const char *at = strstr(url, CNC__UPLOAD_GET);
    char *id;

    if (at != NULL) {
        id = cnc__strndup(at + strlen(CNC__UPLOAD_GET), CNC__UPLOAD_ID);
        cnc__upload_delete(s->uploads, id, "form");
        cnc__free(id);
    }
}
