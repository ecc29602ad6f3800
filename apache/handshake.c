/* SPDX-License-Identifier: MIT */
/*
 * handshake.c -- RFC 6455 4.2, RFC 7395 3.1: the same rules, in the same
 * order, as src/net/upgrade.c has.
 */
#include "mod_xmpp.h"

#include <apr_strings.h>

#include "../src/net/http1.h"

/* Is the token in this list of them?  Case does not matter for headers of
 * HTTP, but for names of subprotocols (RFC 6455 4.1). */
static bool
has_token(const char *list, const char *token, bool exact)
{
    size_t len = strlen(token);

    while (list != NULL && *list != '\0') {
        size_t n;

        list += strspn(list, " \t,");
        n = strcspn(list, " \t,");
        if (n == len && (exact ? memcmp(list, token, n) == 0
                               : strncasecmp(list, token, n) == 0)) {
            return true;
        }
        list += n;
    }
    return false;
}

bool
handshake_is_secure(request_rec *r)
{
    const char *https = apr_table_get(r->subprocess_env, "HTTPS");

    return ap_ssl_conn_is_ssl(r->connection) != 0 ||
           (https != NULL && ap_cstr_casecmp(https, "on") == 0);
}

static bool
origin_allowed(request_rec *r, const struct dir_conf *conf, const char *origin)
{
    const char *host = apr_table_get(r->headers_in, "Host");
    const char *const *list = NULL;

    if (conf->origins != NULL) {
        list = (const char *const *)conf->origins->elts; /* NULL at its end */
    }
    return cnc__origin_allowed(origin, host == NULL ? "" : host,
                               handshake_is_secure(r), list);
}

/* More than one of what there must be one of: whoever looks after us may take
 * the other. */
static bool
is_twice(const char *value)
{
    return value != NULL && strchr(value, ',') != NULL;
}

static bool
has_body(request_rec *r)
{
    const char *length = apr_table_get(r->headers_in, "Content-Length");

    return apr_table_get(r->headers_in, "Transfer-Encoding") != NULL ||
           (length != NULL && strcmp(length, "0") != 0);
}

int
handshake_check(request_rec *r, const struct dir_conf *conf, char accept[29],
                const char **why)
{
    const char *version =
        apr_table_get(r->headers_in, "Sec-WebSocket-Version");
    const char *key = apr_table_get(r->headers_in, "Sec-WebSocket-Key");
    const char *origin = apr_table_get(r->headers_in, "Origin");

    if (r->method_number != M_GET || r->header_only) {
        apr_table_setn(r->err_headers_out, "Allow", "GET");
        *why = "this address is for WebSocket connections";
        return HTTP_METHOD_NOT_ALLOWED;
    }
    if (r->connection->master != NULL || r->proto_num < HTTP_VERSION(1, 1) ||
        !has_token(apr_table_get(r->headers_in, "Upgrade"), "websocket",
                   false) ||
        !has_token(apr_table_get(r->headers_in, "Connection"), "upgrade",
                   false) ||
        version == NULL || strcmp(version, "13") != 0) {
        apr_table_setn(r->err_headers_out, "Upgrade", "websocket");
        apr_table_setn(r->err_headers_out, "Sec-WebSocket-Version", "13");
        *why = "this address is for WebSocket connections, version 13";
        return HTTP_UPGRADE_REQUIRED;
    }
    if (origin != NULL && !origin_allowed(r, conf, origin)) {
        *why = "pages of that origin may not connect here";
        return HTTP_FORBIDDEN;
    }
    if (key == NULL || is_twice(key) || cnc__ws_accept(accept, key) != 0) {
        *why = "Sec-WebSocket-Key is missing or malformed";
        return HTTP_BAD_REQUEST;
    }
    if (!has_token(apr_table_get(r->headers_in, "Sec-WebSocket-Protocol"),
                   "xmpp", true)) {
        *why = "the subprotocol xmpp is not offered";
        return HTTP_BAD_REQUEST;
    }
    if (has_body(r)) {
        *why = "a WebSocket handshake has no body";
        return HTTP_BAD_REQUEST;
    }
    return 0;
}
