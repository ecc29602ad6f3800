/* SPDX-License-Identifier: MIT */
/*
 * upgrade.c -- RFC 6455 4.2: the opening handshake, and RFC 7395 3.1:
 * subprotocol xmpp.
 */
#include "../xmpp/ws.h"
#include "conn.h"

/* Subprotocol names are compared as they are (RFC 6455 4.1). */
static bool
offers_xmpp(const struct cnc__http_request *r)
{
    for (size_t i = 0; i < r->n_headers; i++) {
        const char *p = r->headers[i].value;

        if (strcmp(r->headers[i].name, "sec-websocket-protocol") != 0) {
            continue;
        }
        while (*p != '\0') {
            size_t n;

            p += strspn(p, " \t,");
            n = strcspn(p, " \t,");
            if (n == 4 && memcmp(p, "xmpp", 4) == 0) {
                return true;
            }
            p += n;
        }
    }
    return false;
}

/* From here on it is the client's, not the proxy's; limits are by address.
 * False: it has too many. */
static bool
become_client(struct cnc__conn *c, const struct cnc__http_request *r)
{
    char text[64];
    bool loopback = true;

    if (strcmp(r->addr, c->addr->text) != 0 &&
        cnc__addr_read(text, &loopback, r->addr) &&
        !cnc__conn_is_of(c, text, loopback)) {
        return false;
    }
    c->secure = r->secure;
    return true;
}

/* 0, or the status of the refusal. */
static int
check(struct cnc__conn *c, struct cnc__http1 *h, char accept[29],
      const char **headers, const char **why)
{
    const struct cnc__http_request *r = &h->request;
    const char *version = cnc__http_header(r, "sec-websocket-version");
    const char *key = cnc__http_header(r, "sec-websocket-key");
    const char *origin = cnc__http_header(r, "origin");
    const char *const *origins;

    if (r->method != CNC__HTTP_GET) {
        *headers = "Allow: GET\r\n";
        *why = "this address is for WebSocket connections";
        return 405;
    }
    if (h->http10 || !cnc__http_has_token(r, "upgrade", "websocket") ||
        !cnc__http_has_token(r, "connection", "upgrade") || version == NULL ||
        strcmp(version, "13") != 0) {
        *headers = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
        *why = "this address is for WebSocket connections, version 13";
        return 426;
    }
    cnc__http_site(c->net, h->host, &origins);
    if (origin != NULL &&
        !cnc__origin_allowed(origin, h->host, r->secure, origins)) {
        cnc__http_stranger(c, h);
        *why = "pages of that origin may not connect here";
        return 403;
    }
    if (key == NULL || cnc__ws_accept(accept, key) != 0) {
        *why = "Sec-WebSocket-Key is missing or malformed";
        return 400;
    }
    if (!offers_xmpp(r)) {
        *why = "the subprotocol xmpp is not offered";
        return 400;
    }
    if (h->in_body) {
        *why = "a WebSocket handshake has no body";
        return 400;
    }
    if (!become_client(c, r)) {
        *headers = "Retry-After: 10\r\n";
        *why = "too many connections of this address";
        return 503;
    }
    return 0;
}

void
cnc__http_switch(struct cnc__conn *c, const char *accept)
{
    cnc__str_printf(&c->out,
                    "HTTP/1.1 101 Switching Protocols\r\n"
                    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Accept: %s\r\n"
                    "Sec-WebSocket-Protocol: xmpp\r\n\r\n",
                    accept);
}

bool
cnc__http_upgrade(struct cnc__conn *c, struct cnc__http1 *h)
{
    const char *headers = NULL, *why = NULL;
    char accept[29];
    int status = check(c, h, accept, &headers, &why);

    if (status != 0) {
        cnc__http_refuse(c, status, headers, why);
        return true;
    }
    cnc__http_switch(c, accept);
    cnc__conn_start_stream(c);
    cnc__net_dirty(c);
    return true;
}
