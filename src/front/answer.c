/* SPDX-License-Identifier: MIT */
/*
 * answer.c -- an answer in the making, out of a kept page or of what the
 * service said (XEP-0332).
 */
#include <stdio.h>
#include <strings.h>

#include "../base/text.h"
#include "../web/web.h"
#include "impl.h"

void
cnc__fanswer_init(struct cnc__front_answer *a, struct cnc__front *f,
                  int status)
{
    struct cnc__fown *own = cnc__zalloc(sizeof(*own));

    memset(a, 0, sizeof(*a));
    own->wait_ms = f->c.wait_ms;
    a->status = status;
    a->own = own;
}

static const char *
keep_text(struct cnc__fown *own, const char *text)
{
    own->texts =
        cnc__realloc(own->texts, own->n_texts + 1, sizeof(*own->texts));
    own->texts[own->n_texts] = cnc__strdup(text);
    return own->texts[own->n_texts++];
}

/* Both borrowed as long as the answer. */
static void
add(struct cnc__front_answer *a, const char *name, const char *value)
{
    struct cnc__fown *own = a->own;

    own->headers =
        cnc__realloc(own->headers, a->n_headers + 1, sizeof(*own->headers));
    own->headers[a->n_headers++] = (struct cnc__front_header){name, value};
    a->headers = own->headers;
}

void
cnc__fanswer_add(struct cnc__front_answer *a, const char *name,
                 const char *value)
{
    const char *n = keep_text(a->own, name);

    add(a, n, keep_text(a->own, value));
}

void
cnc__fanswer_body(struct cnc__front_answer *a, struct cnc_buf *body)
{
    struct cnc__fown *own = a->own;

    cnc_buf_unref(&own->body);
    own->body = body;
    a->body = body;
}

void
cnc__fanswer_page(struct cnc__front_answer *a, struct cnc__front *f,
                  struct cnc__fpage *p, const struct cnc__fseen *s)
{
    bool same = cnc__answer_not_modified(s->if_none_match, p->etag);
    struct cnc__fown *own;

    cnc__fanswer_init(a, f, same ? 304 : 200);
    own = a->own;
    own->page = p;
    a->headers = same ? p->brief : p->headers;
    a->n_headers = same ? p->n_brief : p->n_headers;
    a->body = same || s->head ? f->empty : p->body;
}

/* -- out of <resp/> -------------------------------------------------------
 */

/* A header's name or value that a web server can pass on. */
static bool
is_header(const char *name, const char *value)
{
    return name != NULL && name[0] != '\0' &&
           strpbrk(name, " \t\r\n:") == NULL && strpbrk(value, "\r\n") == NULL;
}

static void
take_headers(struct cnc__front_answer *a, const struct cnc_element *resp)
{
    const struct cnc_element *list =
        cnc_element_child(resp, CNC__NS_SHIM, "headers");
    const struct cnc_element *h;

    for (size_t i = 0;
         list != NULL &&
         (h = cnc_element_next(list, &i, CNC__NS_SHIM, "header")) != NULL;) {
        const char *name = cnc_element_attr(h, NULL, "name");
        const char *value = cnc_element_text(h);

        if (is_header(name, value)) {
            add(a, name, value);
        }
    }
}

static int
take_body(struct cnc__front_answer *a, const struct cnc_element *resp,
          struct cnc__fask *ask, struct cnc_error *err)
{
    const struct cnc_element *data =
        cnc_element_child(resp, CNC__NS_HTTP, "data");
    const struct cnc_element *e = cnc_element_child(data, NULL, NULL);
    struct cnc__fown *own = a->own;
    struct cnc__str bytes = CNC__STR;
    const char *text = cnc_element_text(e);
    int rc = 0;

    if (ask->inflow != NULL) {
        own->inflow = ask->inflow;
        ask->inflow = NULL;
        return 0;
    }
    if (cnc_element_is(e, CNC__NS_HTTP, "base64")) {
        rc = cnc__base64_decode(&bytes, text, strlen(text));
    } else if (cnc_element_is(e, CNC__NS_HTTP, "text")) {
        cnc__str_puts(&bytes, text);
    } else if (e != NULL) {
        rc = CNC_EPROTO;
    }
    if (rc == 0) {
        cnc__fanswer_body(a, cnc_buf_new(bytes.data, bytes.len));
    } else {
        rc = cnc_error_set(err, CNC_EPROTO, NULL,
                           "the service's answer has a body that makes no "
                           "sense");
    }
    cnc__str_fini(&bytes);
    return rc;
}

int
cnc__fanswer_take(struct cnc__front_answer *a, struct cnc__front *f,
                  struct cnc__fask *ask, struct cnc_error *err)
{
    const struct cnc_element *resp =
        cnc_element_child(ask->reply, CNC__NS_HTTP, "resp");
    const char *status =
        resp == NULL ? NULL : cnc_element_attr(resp, NULL, "statusCode");
    const char *unknown =
        resp == NULL ? NULL : cnc_element_attr(resp, CNC__NS_WEB, "unknown");
    struct cnc__fown *own;
    int64_t code;
    int rc;

    if (status == NULL || !cnc__parse_int(&code, status, 200, 599)) {
        return cnc_error_set(err, CNC_EPROTO, NULL,
                             "the service's answer is none of HTTP");
    }
    cnc__fanswer_init(a, f, (int)code);
    own = a->own;
    own->reply = cnc_element_ref(ask->reply);
    a->not_ours = unknown != NULL && strcmp(unknown, "true") == 0;
    take_headers(a, resp);
    if ((rc = take_body(a, resp, ask, err)) != 0) {
        cnc__front_answer_fini(a);
    }
    return rc;
}

/* -- its reader -----------------------------------------------------------
 */

ssize_t
cnc__front_read(struct cnc__front_answer *a, void *data, size_t size)
{
    struct cnc__fown *own = a->own;

    return own == NULL || own->inflow == NULL
               ? 0
               : cnc__inflow_read(own->inflow, data, size, own->wait_ms);
}

void
cnc__front_answer_fini(struct cnc__front_answer *a)
{
    struct cnc__fown *own = a->own;

    if (own != NULL) {
        cnc__fpage_unref(&own->page);
        if (own->inflow != NULL) {
            cnc__inflow_end(&own->inflow);
        }
        cnc_element_unref(&own->reply);
        cnc_buf_unref(&own->body);
        for (size_t i = 0; i < own->n_texts; i++) {
            cnc__free(own->texts[i]);
        }
        cnc__free(own->texts);
        cnc__free(own->headers);
        cnc__free(own);
    }
    memset(a, 0, sizeof(*a));
}
