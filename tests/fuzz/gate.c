/* SPDX-License-Identifier: MIT */
/*
 * gate.c -- what <req/> may be (HTTP over the link): any XML is read as a
 * request or refused with a condition; what is read holds to what is promised
 * of a request, whoever asks.
 *
 * A libFuzzer target; the driver beside those of xmpp/ runs a corpus and
 * seeded mutations of it.
 */
#include "../../src/service/gate.h"
#include "../../src/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_path(const char *path)
{
    CNC_CHECK(path[0] == '/' && cnc__utf8_valid(path, strlen(path)));
    for (const char *p = path; *p != '\0'; p++) {
        CNC_CHECK((unsigned char)*p >= 0x20 && *p != '\\');
        if (*p == '/') {
            size_t n = strcspn(p + 1, "/");

            CNC_CHECK(n > 0 || p[1] == '\0');
            CNC_CHECK(n > 2 || strncmp(p + 1, "..", n) != 0 || n == 0);
        }
    }
}

static void
check(const struct cnc__gate_call *c)
{
    const struct cnc__http_request *r = &c->request;

    check_path(r->path);
    CNC_CHECK(cnc__http_host_valid(c->host));
    CNC_CHECK(r->n_headers <= CNC__HTTP_MAX_HEADERS);
    for (size_t i = 0; i < r->n_headers; i++) {
        const char *name = r->headers[i].name, *value = r->headers[i].value;

        for (; *name != '\0'; name++) {
            CNC_CHECK(cnc__http_tchar(*name) == *name);
        }
        CNC_CHECK(value[strcspn(value, "\r\n")] == '\0');
        CNC_CHECK(strncmp(r->headers[i].name, "x-forwarded-", 12) != 0);
    }
    CNC_CHECK(cnc__http_header(r, "transfer-encoding") == NULL);
    CNC_CHECK(c->sid == NULL || c->body.len == 0);
    CNC_CHECK(c->body.len <= (size_t)2 * CNC__GATE_INLINE);
    CNC_CHECK(strlen(r->addr) < sizeof(r->addr));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cnc__gate gate = {.stall_ms = 1};
    struct cnc__gate_link link = {.session = 1};
    struct cnc_element *e = NULL;
    struct cnc_error err = {0};
    struct cnc__gate_call *c;

    if (cnc_xml_parse(&e, (const char *)data, size, 0, NULL, NULL) != 0) {
        return 0;
    }
    c = cnc__gate_call_new(&gate, &link, NULL);
    if (cnc__gate_read(c, e, &err) == 0) {
        check(c);
    } else {
        CNC_CHECK(err.condition != NULL && err.text[0] != '\0');
    }
    cnc__gate_call_free(&c);
    CNC_CHECK(link.n == 0);
    cnc_element_unref(&e);
    return 0;
}
