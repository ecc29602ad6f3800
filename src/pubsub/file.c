/* SPDX-License-Identifier: MIT */
/*
 * file.c -- fields that name a file: whatever way their record came, they are
 * judged by what the service keeps of that file, and not by what is said of
 * it.  Addresses of other services are taken where the field's options name
 * them: what is there may change at any time, and nobody here has seen it.
 */
#include <strings.h>

#include "formimpl.h"
#include "impl.h"

int
cnc__file_type_check(const struct cnc_field *f, const char *type,
                     struct cnc_error *err)
{
    if (f->match == NULL || cnc__pattern_matches(f->match, type)) {
        return 0;
    }
    return cnc_error_set(err, CNC_EREFUSED, "not-acceptable", "%s",
                         f->error != NULL
                             ? f->error
                             : "A file of this type is not taken here.");
}

int
cnc__file_len_check(const struct cnc_field *f, uint64_t len,
                    struct cnc_error *err)
{
    if (f->max_len == 0 || len <= f->max_len) {
        return 0;
    }
    return cnc_error_set(err, CNC_EREFUSED, "not-acceptable",
                         "%s must have at most %u bytes, not %zu.",
                         cnc__field_label(f), f->max_len, (size_t)len);
}

static bool
starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool
cnc__file_place_valid(const char *place)
{
    const char *host = strstr(place, "://");

    if (strcmp(place, "https:") == 0 || strcmp(place, "http:") == 0) {
        return true;
    }
    if (host == NULL ||
        !(starts_with(place, "https://") || starts_with(place, "http://"))) {
        return false;
    }
    host += 3;
    size_t len = strcspn(host, "/?#@\\");
    return len > 0 && host[len] == '/' && host[strlen(host) - 1] == '/';
}

/* Does the field take what is at this place? */
static bool
is_welcome(const struct cnc_field *f, const char *url)
{
    for (const struct cnc_option *o = f->options;
         o != NULL && o->value != NULL; o++) {
        if (starts_with(url, o->value)) {
            return true;
        }
    }
    return false;
}

static int
check(struct cnc__pubsub *ps, const struct cnc_field *f, const char *url,
      struct cnc_error *err)
{
    struct cnc__file_info file = {.len = 0};
    int code = ps->env.file(url, &file, ps->env.priv);

    if (code == CNC_ENOENT) {
        return cnc_error_set(err, CNC_EREFUSED, "not-acceptable",
                             "%s: there is no such file here.",
                             cnc__field_label(f));
    }
    if (code != 0) {
        return is_welcome(f, url)
                   ? 0
                   : cnc_error_set(err, CNC_EREFUSED, "not-acceptable",
                                   "%s: files of other services are not "
                                   "taken here.",
                                   cnc__field_label(f));
    }
    code = cnc__file_type_check(f, file.type, err);
    return code != 0 ? code : cnc__file_len_check(f, file.len, err);
}

int
cnc__record_files(struct cnc__pubsub *ps, const struct cnc_record *r,
                  const struct cnc_element *e, struct cnc__values *v,
                  struct cnc_error *err)
{
    int rc = 0;

    for (const struct cnc_field *f = r->fields;
         ps->env.file != NULL && f->name != NULL; f++) {
        const char *url = f->kind != CNC_FIELD_FILE
                              ? ""
                              : cnc_element_child_text(e, NULL, f->name);
        struct cnc_error why;
        int code = cnc__value_blank(url) ? 0 : check(ps, f, url, &why);

        if (code == 0) {
            continue;
        }
        if (rc == 0 && err != NULL) {
            *err = why;
        }
        if (v != NULL) {
            cnc__values_refuse(v, f->name, why.text);
        }
        rc = code;
    }
    return rc;
}
