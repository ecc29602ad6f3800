/* SPDX-License-Identifier: MIT */
/*
 * browser.c -- requests as a web server would ask them of a front.
 */
#include <strings.h>

#include "../../../src/base/text.h"
#include "fake.h"

#define MAX_HEADERS 16

struct body {
    const char *at;
    size_t left;
};

static ssize_t
read_body(void *data, size_t size, void *priv)
{
    struct body *b = priv;
    size_t n = size < b->left ? size : b->left;

    memcpy(data, b->at, n);
    b->at += n;
    b->left -= n;
    return (ssize_t)n;
}

struct cnc__front_answer
ask(struct cnc__front *f, const char *method, const char *target,
    const char *headers, const char *body)
{
    struct cnc__front_header all[MAX_HEADERS] = {{"Host", FAKE_DOMAIN}};
    struct body b = {body, body == NULL ? 0 : strlen(body)};
    struct cnc__front_request r = {.method = method,
                                   .target = target,
                                   .headers = all,
                                   .n_headers = 1,
                                   .addr = "192.0.2.7",
                                   .length = b.left,
                                   .read = body == NULL ? NULL : read_body,
                                   .priv = &b};
    struct cnc__front_answer a;
    char *copy = cnc__strdup(headers);

    for (char *h = copy; h != NULL && *h != '\0';) {
        char *colon = strchr(h, ':'), *end = strchr(h, '\n');

        *colon = *end = '\0';
        assert_true(r.n_headers < MAX_HEADERS);
        all[r.n_headers++] = (struct cnc__front_header){h, colon + 2};
        h = end + 1;
    }
    cnc__front_ask(f, &a, &r);
    cnc__free(copy);
    return a;
}

const char *
header_of(const struct cnc__front_answer *a, const char *name)
{
    for (size_t i = 0; i < a->n_headers; i++) {
        if (strcasecmp(a->headers[i].name, name) == 0) {
            return a->headers[i].value;
        }
    }
    return NULL;
}

char *
body_of(struct cnc__front_answer *a)
{
    struct cnc__str s = CNC__STR;
    char bytes[5000];
    ssize_t n;

    if (a->body != NULL) {
        return cnc__strndup(cnc_buf_data(a->body), cnc_buf_len(a->body));
    }
    while ((n = cnc__front_read(a, bytes, sizeof(bytes))) > 0) {
        cnc__str_add(&s, bytes, (size_t)n);
    }
    assert_int_equal(n, 0);
    return s.data == NULL ? cnc__strdup("") : cnc__str_steal(&s);
}

void
expect(struct cnc__front_answer *a, int status, const char *body)
{
    char *got = body_of(a);

    assert_int_equal(a->status, status);
    if (body != NULL) {
        assert_string_equal(got, body);
    }
    cnc__free(got);
    cnc__front_answer_fini(a);
}

const struct cnc_element *
req_of(const struct cnc_element *iq)
{
    return cnc_element_child(iq, CNC__NS_HTTP, "req");
}

char *
sent_body(const struct cnc_element *iq)
{
    const char *text = cnc_element_child_text(
        cnc_element_child(req_of(iq), CNC__NS_HTTP, "data"), CNC__NS_HTTP,
        "base64");
    struct cnc__str s = CNC__STR;

    assert_int_equal(cnc__base64_decode(&s, text, strlen(text)), 0);
    return s.data == NULL ? cnc__strdup("") : cnc__str_steal(&s);
}
