/* SPDX-License-Identifier: MIT */
/*
 * upload-form.c -- files that come with forms: on the disk while the form
 * comes, kept like those of slots when it is whole.
 *
 *   open -> add ... -> end -> (written) -> keep -> done     any -> drop
 */
#include <stdio.h>
#include <strings.h>

#include "uploads.h"

struct cnc__web_file {
    struct cnc__uploads *uploads;
    struct cnc__upload *file;     /* NULL: it could not be written */
    struct cnc__writing *writing; /* NULL: it is in its place, or failed */
    void (*resume)(void *);
    void *resume_priv;
    cnc__web_kept_f *done; /* keep() waits for the writing */
    void *done_priv;
    bool ended, full, dropped;
};

static void
on_room(void *priv)
{
    struct cnc__web_file *w = priv;

    w->full = false;
    if (w->resume != NULL) {
        w->resume(w->resume_priv);
    }
}

static void
on_kept(const struct cnc__upload *f, void *priv)
{
    struct cnc__web_file *w = priv;
    struct cnc__str url = CNC__STR;

    if (f != NULL) {
        cnc__upload_url(&url, w->uploads, f);
    }
    w->done(url.data,
            f != NULL
                ? NULL
                : CNC__TEXT("The file could not be kept; try again later."),
            w->done_priv);
    cnc__str_fini(&url);
    cnc__free(w);
}

static void
keep_now(struct cnc__web_file *w)
{
    if (w->file == NULL) {
        on_kept(NULL, w);
    } else {
        cnc__upload_keep(w->uploads, w->file, on_kept, w);
    }
}

static void
drop_now(struct cnc__web_file *w)
{
    if (w->file != NULL) {
        cnc__upload_discard(w->uploads, &w->file);
    }
    cnc__free(w);
}

static void
on_written(struct cnc__upload *f, void *priv)
{
    struct cnc__web_file *w = priv;

    w->file = f;
    w->writing = NULL;
    if (w->dropped) {
        drop_now(w);
    } else if (w->done != NULL) {
        keep_now(w);
    } else if (w->full) {
        on_room(w);
    }
}

/* -- for the agent -------------------------------------------------------- */

static struct cnc__web_file *
open_file(const char *name, const char *type, const struct cnc__caller *who,
          void (*resume)(void *), void *resume_priv, struct cnc__str *why,
          void *service)
{
    struct cnc_service *s = service;
    struct cnc__upload *f = NULL;
    struct cnc_error err = {0};
    struct cnc__web_file *w;
    int64_t retry;

    if (who->who.anonymous && !s->o.upload_guests) {
        s->uploads->n_refused++;
        cnc__str_puts(why, CNC__TEXT("Log in to send a file."));
        return NULL;
    }
    if (cnc__upload_promise(&f, s->uploads, who->who.jid, name, type, 0,
                            &retry, &err) != 0) {
        cnc__str_printf(why, "%s.", err.text);
        return NULL;
    }
    w = cnc__zalloc(sizeof(*w));
    w->uploads = s->uploads;
    w->file = f;
    w->resume = resume;
    w->resume_priv = resume_priv;
    w->writing = cnc__writing_new(s->uploads, f, on_room, on_written, w);
    return w;
}

static int
add(struct cnc__web_file *w, const char *data, size_t len, size_t *held,
    struct cnc__str *why)
{
    struct cnc_error err = {0};
    int code = cnc__upload_grow(w->uploads, w->file, len, &err);

    if (code != 0) {
        cnc__str_printf(why, "%s.", err.text);
        return code;
    }
    w->full = !cnc__writing_add(w->writing, data, len);
    *held = cnc__writing_held(w->writing);
    return w->full ? CNC_EAGAIN : 0;
}

static void
end(struct cnc__web_file *w)
{
    w->ended = true;
    cnc__writing_end(w->writing);
}

static void
keep(struct cnc__web_file *w, cnc__web_kept_f *done, void *done_priv)
{
    w->resume = NULL;
    w->done = done;
    w->done_priv = done_priv;
    if (w->writing == NULL) {
        keep_now(w);
    }
}

static void
drop(struct cnc__web_file *w)
{
    w->resume = NULL;
    if (w->writing == NULL) {
        drop_now(w);
    } else if (w->ended) {
        w->dropped = true;
    } else {
        cnc__writing_drop(w->writing);
        cnc__free(w);
    }
}

static void
forget(const char *url, void *service)
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

const struct cnc__web_files cnc__uploads_form_files = {
    open_file, add, end, keep, drop, forget};

/* -- for records ---------------------------------------------------------- */

/* The path of an address of this domain: as they are written now, or at any
 * name of it without a port.  NULL: it is somebody else's. */
static const char *
own_path(struct cnc_service *s, const char *url)
{
    char *base = cnc__service_url(s);
    size_t len = strlen(base);
    const char *path = NULL,
               *host = strncasecmp(url, "https://", 8) == 0  ? url + 8
                       : strncasecmp(url, "http://", 7) == 0 ? url + 7
                                                             : NULL;

    if (strncasecmp(url, base, len) == 0 && url[len] == '/') {
        path = url + len;
    } else if (host != NULL && cnc__sites_names(s->process->sites, host,
                                                strcspn(host, "/?#"), s)) {
        path = cnc__prefix_skip(s, host + strcspn(host, "/?#"));
    }
    cnc__free(base);
    return path;
}

int
cnc__uploads_file(const char *url, struct cnc__file_info *out, void *service)
{
    static const size_t n = sizeof(CNC__UPLOAD_GET) - 1;
    struct cnc_service *s = service;
    const struct cnc__upload *f = NULL;
    struct cnc__str name = CNC__STR;
    const char *path = own_path(s, url);

    if (path == NULL) {
        return CNC_EACCES;
    }
    if (strncmp(path, CNC__UPLOAD_GET, n) == 0 &&
        strcspn(path + n, "/") == CNC__UPLOAD_ID) {
        f = cnc__table_getn(s->uploads->files, path + n, CNC__UPLOAD_ID);
    }
    if (f != NULL) {
        cnc__upload_percent(&name, f->name);
        if (strcmp(path + n + CNC__UPLOAD_ID + 1, name.data) != 0) {
            f = NULL;
        }
        cnc__str_fini(&name);
    }
    if (f == NULL) {
        return CNC_ENOENT;
    }
    snprintf(out->type, sizeof(out->type), "%s", f->type);
    out->len = f->bytes;
    return 0;
}
