/* SPDX-License-Identifier: MIT */
/*
 * agent-fetch.c -- a page or a file, as a guest gets it.
 */
#include <strings.h>

#include "../web/head.h"
#include "agent.h"

#define MAX_BODY ((size_t)128 << 20)

static const char *
header_of(const struct cnc__front_answer *a, const char *name)
{
    for (size_t i = 0; i < a->n_headers; i++) {
        if (strcasecmp(a->headers[i].name, name) == 0) {
            return a->headers[i].value;
        }
    }
    return "";
}

static void
take_etag(char out[80], const char *value)
{
    const char *s = strchr(value, '"'), *end = s ? strchr(s + 1, '"') : NULL;
    size_t n = end != NULL ? (size_t)(end - s - 1) : 0;

    if (n < 80) {
        memcpy(out, s + (n > 0), n);
        out[n] = '\0';
    }
}

static int
read_body(struct fetched *out, struct cnc_error *err)
{
    struct cnc__front_answer *a = &out->answer;
    char part[16384];
    ssize_t n;

    if (a->body != NULL) {
        cnc__str_add(&out->body, cnc_buf_data(a->body), cnc_buf_len(a->body));
        return 0;
    }
    while ((n = cnc__front_read(a, part, sizeof(part))) > 0) {
        cnc__str_add(&out->body, part, (size_t)n);
        if (out->body.len > MAX_BODY) {
            return cnc_error_set(err, CNC_ELIMIT, NULL,
                                 "it has more than %zu bytes", MAX_BODY);
        }
    }
    return n == 0 ? 0
                  : cnc_error_set(err, CNC_EAGAIN, NULL,
                                  "the service went while it sent it");
}

int
fetch(struct fetched *out, struct cnc__front *front, const char *domain,
      const char *target, const char *lang, struct cnc_error *err)
{
    /* As who has just posted something: from the service itself, not from
     * what is kept here. */
    const struct cnc__front_header headers[] = {
        {"Host", domain},
        {"Accept-Encoding", "identity"},
        {"Cookie", CNC__COOKIE_NEW "=1"},
        {"Accept-Language", lang}};
    const struct cnc__front_request request = {.method = "GET",
                                               .target = target,
                                               .headers = headers,
                                               .n_headers = CNC_N(headers) -
                                                            (lang[0] == '\0'),
                                               .addr = "",
                                               .secure = true};
    const char *cache;
    int rc;

    memset(out, 0, sizeof(*out));
    cnc__front_ask(front, &out->answer, &request);
    out->status = out->answer.status;
    if (out->status >= 500) {
        return cnc_error_set(err, CNC_EAGAIN, NULL, "the service answers %d",
                             out->status);
    }
    take_etag(out->etag, header_of(&out->answer, "ETag"));
    cache = header_of(&out->answer, "Cache-Control");
    out->everybodys = out->status == 200 && out->etag[0] != '\0' &&
                      strstr(cache, "private") == NULL &&
                      strstr(cache, "no-store") == NULL;
    rc = read_body(out, err);
    return rc;
}

void
fetched_fini(struct fetched *f)
{
    cnc__front_answer_fini(&f->answer);
    cnc__str_fini(&f->body);
}
