/* SPDX-License-Identifier: MIT */
/*
 * page.c -- an answer that does not change any more, as many hold it.
 */
#include <strings.h>

#include "impl.h"

static size_t
measure(const struct cnc__front_header *h, size_t n)
{
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++) {
        bytes += strlen(h[i].name) + strlen(h[i].value) + 2 + 2 * sizeof(*h);
    }
    return bytes;
}

/* Those that a 304 repeats (RFC 9110 15.4.5). */
static bool
is_brief(const char *name)
{
    static const char *const all[] = {"etag", "cache-control", "vary",
                                      "content-location", "expires"};

    for (size_t i = 0; i < CNC_N(all); i++) {
        if (strcasecmp(name, all[i]) == 0) {
            return true;
        }
    }
    return false;
}

struct cnc__fpage *
cnc__fpage_new(const struct cnc__front_header *headers, size_t n,
               struct cnc_buf *body, const char *key, const char *etag,
               bool personal)
{
    struct cnc__fpage *p = cnc__zalloc(sizeof(*p));

    atomic_init(&p->refs, 1);
    p->headers = cnc__realloc(NULL, n + 1, sizeof(*p->headers));
    p->brief = cnc__realloc(NULL, n + 1, sizeof(*p->brief));
    for (size_t i = 0; i < n; i++) {
        struct cnc__front_header h = {cnc__strdup(headers[i].name),
                                      cnc__strdup(headers[i].value)};

        p->headers[p->n_headers++] = h;
        if (is_brief(h.name)) {
            p->brief[p->n_brief++] = h;
        }
    }
    p->body = cnc_buf_ref(body);
    p->key = cnc__strdup(key);
    p->etag = cnc__strdup(etag);
    p->personal = personal;
    p->bytes = sizeof(*p) + measure(headers, n) + cnc_buf_len(body);
    return p;
}

void
cnc__fpage_unref(struct cnc__fpage **pp)
{
    struct cnc__fpage *p = *pp;

    *pp = NULL;
    if (p == NULL || atomic_fetch_sub(&p->refs, 1) > 1) {
        return;
    }
    for (size_t i = 0; i < p->n_headers; i++) {
        cnc__free((void *)p->headers[i].name);
        cnc__free((void *)p->headers[i].value);
    }
    cnc__free(p->headers);
    cnc__free(p->brief);
    cnc_buf_unref(&p->body);
    cnc__free(p->key);
    cnc__free(p->etag);
    cnc__free(p);
}

const char *
cnc__fpage_header(const struct cnc__fpage *p, const char *name)
{
    for (size_t i = 0; i < p->n_headers; i++) {
        if (strcasecmp(p->headers[i].name, name) == 0) {
            return p->headers[i].value;
        }
    }
    return NULL;
}

struct cnc__fpage *
cnc__fpage_ref(struct cnc__fpage *p)
{
    atomic_fetch_add(&p->refs, 1);
    return p;
}
