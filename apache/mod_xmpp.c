/* SPDX-License-Identifier: MIT */
/*
 * mod_xmpp.c -- directives, hooks, and the request: see mod_xmpp.h.
 */
#include "mod_xmpp.h"

#include <ap_mpm.h>
#include <apr_strings.h>
#include <mod_status.h>
#include <mpm_common.h>

#include "../src/base/text.h"

struct xmpp_global xmpp_global;

/* -- configuration -------------------------------------------------------- */

static void *
new_dir(apr_pool_t *p, char *path)
{
    struct dir_conf *d = apr_pcalloc(p, sizeof(*d));

    d->path = path;
    d->tls = d->proxy = d->ping_s = d->timeout_s = -1;
    d->max_frame = d->rate = -1;
    return d;
}

static void *
merge_dir(apr_pool_t *p, void *base, void *own)
{
    struct dir_conf *b = base, *o = own, *d = apr_pmemdup(p, o, sizeof(*o));

    d->backend = o->backend != NULL ? o->backend : b->backend;
    d->handoff = o->handoff != NULL ? o->handoff : b->handoff;
    d->origins = o->origins != NULL ? o->origins : b->origins;
    d->ctx = o->ctx != NULL ? o->ctx : b->ctx;
    d->tls = o->tls >= 0 ? o->tls : b->tls;
    d->proxy = o->proxy >= 0 ? o->proxy : b->proxy;
    d->ping_s = o->ping_s >= 0 ? o->ping_s : b->ping_s;
    d->timeout_s = o->timeout_s >= 0 ? o->timeout_s : b->timeout_s;
    d->max_frame = o->max_frame >= 0 ? o->max_frame : b->max_frame;
    d->rate = o->rate >= 0 ? o->rate : b->rate;
    return d;
}

static void *
new_server(apr_pool_t *p, server_rec *s)
{
    struct server_conf *c = apr_pcalloc(p, sizeof(*c));

    c->host_meta = -1;
    return c;
}

static void *
merge_server(apr_pool_t *p, void *base, void *own)
{
    struct server_conf *b = base, *o = own, *c = apr_pmemdup(p, o, sizeof(*o));

    c->host_meta = o->host_meta >= 0 ? o->host_meta : b->host_meta;
    c->ws_path = o->ws_path != NULL ? o->ws_path : b->ws_path;
    c->ws_url = o->ws_url != NULL ? o->ws_url : b->ws_url;
    return c;
}

/* The server's own conf learns where the WebSocket is. */
static void
note_path(cmd_parms *cmd)
{
    struct server_conf *c =
        ap_get_module_config(cmd->server->module_config, &xmpp_module);

    if (c->ws_path == NULL && cmd->path != NULL && cmd->path[0] == '/' &&
        strpbrk(cmd->path, "^$*?()[]|\\") == NULL) {
        c->ws_path = cmd->path;
    }
}

/* XMPPServer and XMPPHandoff. */
static const char *
set_server(cmd_parms *cmd, void *conf, const char *where, const char *user)
{
    const char *name = cmd->cmd->name;
    struct dir_conf *d = conf;
    struct backend_conf *b;
    const char *why = backend_parse(&b, cmd->pool, name, where);
    apr_uid_t uid;
    apr_gid_t gid;

    if (why != NULL) {
        return why;
    }
    if (user != NULL) {
        if (strncmp(user, "user=", 5) != 0 || b->kind != BACKEND_UNIX) {
            return apr_psprintf(cmd->pool,
                                "%s: after unix:PATH comes user=NAME or "
                                "nothing",
                                name);
        }
        if (apr_uid_get(&uid, &gid, user + 5, cmd->temp_pool) != APR_SUCCESS) {
            return apr_psprintf(cmd->pool, "%s: no user is called %s", name,
                                user + 5);
        }
        b->owner = uid;
    }
    if (cmd->info != NULL) {
        d->handoff = b;
    } else {
        d->backend = b;
    }
    note_path(cmd);
    return NULL;
}

/* "scheme://host" or "scheme://host:port", as a browser writes it. */
static bool
is_origin(const char *text)
{
    const char *host = strstr(text, "://");

    return host != NULL && host > text && host[3] != '\0' &&
           strpbrk(host + 3, "/?#@ ") == NULL;
}

static const char *
add_origin(cmd_parms *cmd, void *conf, const char *origin)
{
    struct dir_conf *d = conf;

    if (!is_origin(origin)) {
        return apr_psprintf(cmd->pool,
                            "XMPPOrigin: %s is no origin, which is like "
                            "https://books.example.org, without a path",
                            origin);
    }
    if (d->origins == NULL) {
        d->origins = apr_array_make(cmd->pool, 4, sizeof(char *));
    } else {
        apr_array_pop(d->origins); /* the NULL at its end */
    }
    APR_ARRAY_PUSH(d->origins, const char *) = origin;
    APR_ARRAY_PUSH(d->origins, const char *) = NULL;
    return NULL;
}

static const char *
set_tls(cmd_parms *cmd, void *conf, const char *word)
{
    static const char *const words[] = {"never", "offered", "required"};
    struct dir_conf *d = conf;

    for (int i = 0; i < 3; i++) {
        if (ap_cstr_casecmp(word, words[i]) == 0) {
            d->tls = i;
            return NULL;
        }
    }
    return "XMPPTLS is never, offered or required";
}

static const char *
set_ca(cmd_parms *cmd, void *conf, const char *file)
{
    struct dir_conf *d = conf;
    const char *why;

    file = ap_server_root_relative(cmd->pool, file);
    d->ctx = backend_ctx(cmd->pool, file, &why);
    return d->ctx != NULL
               ? NULL
               : apr_psprintf(cmd->pool, "XMPPCAFile %s: %s", file, why);
}

static const char *
set_proxy(cmd_parms *cmd, void *conf, int on)
{
    ((struct dir_conf *)conf)->proxy = on;
    return NULL;
}

static const char *
number(cmd_parms *cmd, int64_t *out, const char *text, int64_t min,
       int64_t max)
{
    if (!cnc__parse_int(out, text, min, max)) {
        return apr_psprintf(
            cmd->pool,
            "%s is a number from %" APR_INT64_T_FMT " to %" APR_INT64_T_FMT,
            cmd->cmd->name, (apr_int64_t)min, (apr_int64_t)max);
    }
    return NULL;
}

static const char *
set_max_frame(cmd_parms *cmd, void *conf, const char *text)
{
    return number(cmd, &((struct dir_conf *)conf)->max_frame, text, 10000,
                  64 << 20);
}

static const char *
set_rate(cmd_parms *cmd, void *conf, const char *text)
{
    return number(cmd, &((struct dir_conf *)conf)->rate, text, 0, 1 << 30);
}

static const char *
set_ping(cmd_parms *cmd, void *conf, const char *text)
{
    int64_t n;
    const char *why = number(cmd, &n, text, 0, 86400);

    if (why == NULL) {
        ((struct dir_conf *)conf)->ping_s = (int)n;
    }
    return why;
}

static const char *
set_timeout(cmd_parms *cmd, void *conf, const char *text)
{
    int64_t n;
    const char *why = number(cmd, &n, text, 1, 3600);

    if (why == NULL) {
        ((struct dir_conf *)conf)->timeout_s = (int)n;
    }
    return why;
}

static const char *
set_max(cmd_parms *cmd, void *conf, const char *text)
{
    const char *why = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    int64_t n;

    if (why == NULL && (why = number(cmd, &n, text, 1, 10000000)) == NULL) {
        xmpp_global.max_connections = (int)n;
    }
    return why;
}

static const char *
set_host_meta(cmd_parms *cmd, void *conf, const char *word)
{
    struct server_conf *c =
        ap_get_module_config(cmd->server->module_config, &xmpp_module);

    if (strncmp(word, "wss://", 6) == 0 || strncmp(word, "ws://", 5) == 0) {
        c->host_meta = 1;
        c->ws_url = word;
        return NULL;
    }
    c->host_meta = ap_cstr_casecmp(word, "on") == 0;
    if (!c->host_meta && ap_cstr_casecmp(word, "off") != 0) {
        return "XMPPHostMeta is on, off, or the WebSocket's URL";
    }
    return NULL;
}

static const command_rec directives[] = {
    AP_INIT_TAKE12("XMPPServer", set_server, NULL, ACCESS_CONF,
                   "unix:PATH [user=NAME] or tcp://HOST:PORT: the XMPP "
                   "server, where its clients connect"),
    AP_INIT_TAKE12("XMPPHandoff", set_server, &xmpp_global, ACCESS_CONF,
                   "unix:PATH [user=NAME]: the service to which sockets in "
                   "the clear are given"),
    AP_INIT_ITERATE("XMPPOrigin", add_origin, NULL, ACCESS_CONF,
                    "origins whose pages may connect, beside this one"),
    AP_INIT_TAKE1("XMPPTLS", set_tls, NULL, ACCESS_CONF,
                  "never, offered or required: STARTTLS to the server"),
    AP_INIT_TAKE1("XMPPCAFile", set_ca, NULL, ACCESS_CONF,
                  "who signs the server's certificate, PEM"),
    AP_INIT_FLAG("XMPPProxyProtocol", set_proxy, NULL, ACCESS_CONF,
                 "tell the server the client's address by PROXY v2"),
    AP_INIT_TAKE1("XMPPMaxFrame", set_max_frame, NULL, ACCESS_CONF,
                  "bytes of a client's message"),
    AP_INIT_TAKE1("XMPPRate", set_rate, NULL, ACCESS_CONF,
                  "bytes a second that a client may say; 0: any"),
    AP_INIT_TAKE1("XMPPPing", set_ping, NULL, ACCESS_CONF,
                  "seconds of silence until a client is pinged; 0: never"),
    AP_INIT_TAKE1("XMPPTimeout", set_timeout, NULL, ACCESS_CONF,
                  "seconds for the server to answer, and for a client to "
                  "open its stream"),
    AP_INIT_TAKE1("XMPPMaxConnections", set_max, NULL, RSRC_CONF,
                  "WebSockets of one child process"),
    AP_INIT_TAKE1("XMPPHostMeta", set_host_meta, NULL, RSRC_CONF,
                  "answer /.well-known/host-meta: on, off or a URL"),
    {NULL},
};

/* -- the request -----------------------------------------------------------
 */

static int
refuse(request_rec *r, int status, const char *why)
{
    int level = status == HTTP_FORBIDDEN               ? APLOG_WARNING
                : status >= HTTP_INTERNAL_SERVER_ERROR ? APLOG_ERR
                                                       : APLOG_INFO;
    const char *origin = apr_table_get(r->headers_in, "Origin");

    __atomic_add_fetch(&status_own->refused, 1, __ATOMIC_RELAXED);
    ap_log_rerror(APLOG_MARK, level, 0, r, "xmpp: refused with %d: %s%s%s",
                  status, why, origin == NULL ? "" : "; origin ",
                  origin == NULL ? "" : origin);
    /* What follows such a request on its connection is nobody's. */
    r->connection->keepalive = AP_CONN_CLOSE;
    r->status = status;
    apr_table_mergen(r->headers_out, "Cache-Control", "no-store");
    if (status == HTTP_SERVICE_UNAVAILABLE) {
        apr_table_setn(r->headers_out, "Retry-After", "5");
    }
    ap_set_content_type(r, "text/plain; charset=utf-8");
    ap_rprintf(r, "%s\n", why);
    return OK;
}

static int
handler(request_rec *r)
{
    const struct dir_conf *d =
        ap_get_module_config(r->per_dir_config, &xmpp_module);
    const char *why = NULL;
    char accept[29];
    struct sock *s;
    int status;

    if (strcmp(r->handler, "xmpp") != 0) {
        return hostmeta_handler(r);
    }
    if (d->backend == NULL && d->handoff == NULL) {
        return refuse(r, HTTP_INTERNAL_SERVER_ERROR,
                      "SetHandler xmpp is here, but no XMPPServer");
    }
    status = handshake_check(r, d, accept, &why);
    if (status != 0) {
        return refuse(r, status, why);
    }
    if (pump_is_stopping()) {
        return refuse(r, HTTP_SERVICE_UNAVAILABLE,
                      "this process is about to end: try again");
    }
    if (__atomic_load_n(&status_own->open, __ATOMIC_RELAXED) >=
        (uint64_t)xmpp_global.max_connections) {
        return refuse(r, HTTP_SERVICE_UNAVAILABLE,
                      "there are too many WebSockets: try again later");
    }
    s = sock_new(r, d, accept, &why);
    if (s == NULL) {
        return refuse(r, HTTP_SERVICE_UNAVAILABLE, why);
    }
    if (!xmpp_global.async) {
        pump_run_alone(s);
        return OK;
    }
    ap_set_module_config(r->connection->conn_config, &xmpp_module, s);
    return SUSPENDED;
}

/* Also called when the MPM itself waits for a connection, or closes it. */
static void
on_suspend(conn_rec *c, request_rec *r)
{
    struct sock *s = ap_get_module_config(c->conn_config, &xmpp_module);

    if (s != NULL && c->cs != NULL && c->cs->state == CONN_STATE_SUSPENDED) {
        ap_set_module_config(c->conn_config, &xmpp_module, NULL);
        pump_add(s);
    }
}

/* -- hooks -----------------------------------------------------------------
 */

static int
pre_config(apr_pool_t *p, apr_pool_t *log, apr_pool_t *temp)
{
    xmpp_global.max_connections = DEFAULT_MAX;
    APR_OPTIONAL_HOOK(ap, status_hook, status_hook, NULL, NULL,
                      APR_HOOK_MIDDLE);
    return OK;
}

static int
post_config(apr_pool_t *p, apr_pool_t *log, apr_pool_t *temp, server_rec *s)
{
    const char *why;
    int async = 0;

    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    ap_mpm_query(AP_MPMQ_IS_ASYNC, &async);
    xmpp_global.async = async > 0;
    xmpp_global.ctx = backend_ctx(p, NULL, &why);
    if (xmpp_global.ctx == NULL) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "xmpp: OpenSSL: %s", why);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    for (server_rec *v = s; v != NULL; v = v->next) {
        const struct server_conf *c =
            ap_get_module_config(v->module_config, &xmpp_module);

        if (c->host_meta == 1 && c->ws_url == NULL && c->ws_path == NULL) {
            ap_log_error(APLOG_MARK, APLOG_CRIT, 0, v,
                         "XMPPHostMeta on: no <Location> of this server has "
                         "an XMPPServer; say the WebSocket's URL instead of "
                         "on");
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    if (!xmpp_global.async) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     "xmpp: this MPM cannot put a request aside: each "
                     "WebSocket holds one of its threads or processes; use "
                     "mpm_event");
    }
    return status_open(s->process->pool, s);
}

static void
child_init(apr_pool_t *p, server_rec *s)
{
    status_child();
    if (xmpp_global.async) {
        pump_start(p, s);
    }
}

static void
child_stopping(apr_pool_t *p, int graceful)
{
    pump_stopping();
}

static void
register_hooks(apr_pool_t *p)
{
    ap_hook_pre_config(pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_stopping(child_stopping, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_translate_name(hostmeta_translate, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_map_to_storage(hostmeta_map, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_suspend_connection(on_suspend, NULL, NULL, APR_HOOK_LAST);
}

module AP_MODULE_DECLARE_DATA xmpp_module = {
    STANDARD20_MODULE_STUFF,
    new_dir,
    merge_dir,
    new_server,
    merge_server,
    directives,
    register_hooks,
};
