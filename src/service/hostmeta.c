/* SPDX-License-Identifier: MIT */
/*
 * hostmeta.c -- where the WebSocket of this domain is, for clients that know
 * the domain alone (XEP-0156; RFC 6415's host-meta and its JSON form).
 */
#include "../xml/write.h"
#include "private.h"

#define REL_WEBSOCKET "urn:xmpp:alt-connections:websocket"

/* Host as the client sent it goes back to it: only what a host can be, since
 * it stands in an answer that a cache may keep. */
static bool
is_host(const char *host)
{
    return host != NULL && host[0] != '\0' && strlen(host) < 256 &&
           strspn(host,
                  "abcdefghijklmnopqrstuvwxyz"
                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]") == strlen(host);
}

static bool
is_loopback(const char *host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};

    for (size_t i = 0; i < CNC_N(names); i++) {
        size_t len = strlen(names[i]);

        if (strncmp(host, names[i], len) == 0 &&
            (host[len] == '\0' || host[len] == ':')) {
            return true;
        }
    }
    return false;
}

static void
add_url(struct cnc__str *out, const struct cnc_service *s,
        const struct cnc__http_request *r)
{
    const char *host = cnc__http_header(r, "host");

    if (!is_host(host)) {
        host = s->o.domain;
    }
    /* Without TLS here, and not on this machine, a proxy does it: nobody is
     * sent to a socket in the clear. */
    cnc__str_printf(out, "%s://%s%s%s",
                    !r->secure && is_loopback(host) ? "ws" : "wss", host,
                    cnc__prefix(s), CNC__WS_PATH);
}

bool
cnc__hostmeta_http(struct cnc_service *s, struct cnc__http_request *r)
{
    struct cnc__str url = CNC__STR, text = CNC__STR;
    bool json = strcmp(r->path, "/.well-known/host-meta.json") == 0;
    struct cnc__http_response response = {
        .status = 200,
        /* XEP-0156 section 3: scripts of any origin may read it. */
        .headers = "Access-Control-Allow-Origin: *\r\n"
                   "Cache-Control: max-age=3600\r\nVary: Host\r\n"
                   "X-Content-Type-Options: nosniff\r\n"};
    struct cnc_buf *body;

    if ((!json && strcmp(r->path, "/.well-known/host-meta") != 0) ||
        (r->method != CNC__HTTP_GET && r->method != CNC__HTTP_HEAD)) {
        return false;
    }
    add_url(&url, s, r);
    if (json) {
        response.content_type = "application/json";
        cnc__str_printf(&text,
                        "{\"links\":[{\"rel\":\"" REL_WEBSOCKET
                        "\",\"href\":\"%s\"}]}\n",
                        url.data);
    } else {
        response.content_type = "application/xrd+xml; charset=utf-8";
        cnc__xml_printf(&text,
                        "<?xml version='1.0' encoding='utf-8'?>\n"
                        "<XRD xmlns='http://docs.oasis-open.org/ns/xri/"
                        "xrd-1.0'>\n  <Link rel='" REL_WEBSOCKET
                        "' href='%s'/>\n</XRD>\n",
                        url.data);
    }
    body = response.body = cnc_buf_new(text.data, text.len);
    r->responder->respond(r->responder, &response);
    cnc_buf_unref(&body);
    cnc__str_fini(&text);
    cnc__str_fini(&url);
    return true;
}
