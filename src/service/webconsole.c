/* SPDX-License-Identifier: MIT */
/*
 * webconsole.c -- the page /_console: raw XML in a browser.
 *
 * The page is the same for everybody and knows nothing; its script logs in
 * over the WebSocket, and what it shows is that session's own.
 */
#include "../xml/write.h"
#include "console-html.h"
#include "private.h"

static void
put_value(struct cnc__str *out, const struct cnc_service *s, const char *name,
          size_t len)
{
    if (len == 4 && memcmp(name, "base", len) == 0) {
        cnc__agent_runtime_base(out, s->agent);
    } else if (len == 6 && memcmp(name, "domain", len) == 0) {
        cnc__xml_printf(out, "%s", cnc__router_domain(s->router));
    } else if (len == 6 && memcmp(name, "socket", len) == 0) {
        cnc__str_printf(out, "%s%s", cnc__prefix(s), CNC__WS_PATH);
    }
}

static void
make_page(struct cnc__str *out, const struct cnc_service *s)
{
    const char *at = console_html, *end = at + console_html_len;

    while (at < end) {
        size_t len = strcspn(at, "{");

        cnc__str_add(out, at, len);
        at += len;
        if (*at == '{') {
            len = strcspn(at, "}");
            put_value(out, s, at + 1, len - 1);
            at += len + 1;
        }
    }
}

bool
cnc__webconsole_http(struct cnc_service *s, struct cnc__http_request *r)
{
    struct cnc__http_response response = {
        .status = 200,
        .content_type = "text/html; charset=utf-8",
        .headers = cnc__agent_page_headers()};
    struct cnc__str page = CNC__STR;
    struct cnc_buf *body;

    if (s->o.no_console || strcmp(r->path, "/_console") != 0 ||
        (r->method != CNC__HTTP_GET && r->method != CNC__HTTP_HEAD)) {
        return false;
    }
    make_page(&page, s);
    body = response.body = cnc_buf_new(page.data, page.len);
    r->responder->respond(r->responder, &response);
    cnc_buf_unref(&body);
    cnc__str_fini(&page);
    return true;
}
