/* SPDX-License-Identifier: MIT */
/*
 * hostmeta.c -- where the WebSocket of this server is, for clients that know
 * the domain alone (XEP-0156, RFC 6415 and its JSON form).  For the whole
 * server, whatever its other handlers are.
 */
#include "mod_xmpp.h"

#include <apr_strings.h>

#include "../src/xml/write.h"

#define REL_WEBSOCKET "urn:xmpp:alt-connections:websocket"
#define XML_PATH      "/.well-known/host-meta"
#define JSON_PATH     "/.well-known/host-meta.json"
#define HANDLER       "xmpp-host-meta"

static const struct server_conf *
conf_of(request_rec *r)
{
    return ap_get_module_config(r->server->module_config, &xmpp_module);
}

static bool
is_mine(request_rec *r)
{
    return conf_of(r)->host_meta == 1 && r->uri != NULL &&
           (strcmp(r->uri, XML_PATH) == 0 || strcmp(r->uri, JSON_PATH) == 0);
}

int
hostmeta_translate(request_rec *r)
{
    if (!is_mine(r)) {
        return DECLINED;
    }
    r->filename = apr_pstrcat(r->pool, "xmpp:", r->uri, NULL);
    return OK;
}

/* It is no file: nothing of the file system is asked about it. */
int
hostmeta_map(request_rec *r)
{
    if (!is_mine(r) || r->filename == NULL ||
        strncmp(r->filename, "xmpp:", 5) != 0) {
        return DECLINED;
    }
    r->handler = HANDLER;
    return OK;
}

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

static const char *
url_of(request_rec *r)
{
    const struct server_conf *c = conf_of(r);
    const char *host = apr_table_get(r->headers_in, "Host");
    bool clear;

    if (c->ws_url != NULL) {
        return c->ws_url;
    }
    if (!is_host(host)) {
        host = ap_get_server_name_for_url(r);
    }
    /* Without TLS here, and not on this machine, a proxy does it: nobody is
     * sent to a socket in the clear. */
    clear = !ap_ssl_conn_is_ssl(r->connection) && is_loopback(host);
    return apr_pstrcat(r->pool, clear ? "ws://" : "wss://", host, c->ws_path,
                       NULL);
}

int
hostmeta_handler(request_rec *r)
{
    struct cnc__str text = CNC__STR;

    if (strcmp(r->handler, HANDLER) != 0 || !is_mine(r)) {
        return DECLINED;
    }
    if (r->method_number != M_GET) {
        apr_table_setn(r->err_headers_out, "Allow", "GET, HEAD");
        return HTTP_METHOD_NOT_ALLOWED;
    }
    if (strcmp(r->uri, JSON_PATH) == 0) {
        ap_set_content_type(r, "application/json");
        cnc__str_printf(&text,
                        "{\"links\":[{\"rel\":\"" REL_WEBSOCKET
                        "\",\"href\":\"%s\"}]}\n",
                        url_of(r));
    } else {
        ap_set_content_type(r, "application/xrd+xml; charset=utf-8");
        cnc__xml_printf(&text,
                        "<?xml version='1.0' encoding='utf-8'?>\n"
                        "<XRD xmlns='http://docs.oasis-open.org/ns/xri/"
                        "xrd-1.0'>\n  <Link rel='" REL_WEBSOCKET
                        "' href='%s'/>\n</XRD>\n",
                        url_of(r));
    }
    /* XEP-0156 section 3: scripts of any origin may read it. */
    apr_table_setn(r->headers_out, "Access-Control-Allow-Origin", "*");
    apr_table_setn(r->headers_out, "Cache-Control", "max-age=3600");
    apr_table_mergen(r->headers_out, "Vary", "Host");
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    ap_set_content_length(r, (apr_off_t)text.len);
    ap_rwrite(text.data, (int)text.len, r);
    cnc__str_fini(&text);
    return OK;
}
