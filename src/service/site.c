/* SPDX-License-Identifier: MIT */
/*
 * site.c -- what whoever stands in front of the service, or serves its files
 * for it, must know: <site/> of docs/protocol.md, "HTTP over the link".
 */
#include <limits.h>
#include <stdlib.h>

#include "../xml/write.h"
#include "uploads.h"

/* Its own user and root, and whoever speaks for browsers. */
bool
cnc__site_may_ask(const struct cnc__request *q)
{
    const struct cnc__session *session =
        cnc__router_session(q->router, q->session_id);

    return session != NULL && (session->operator_ || session->web);
}

static void
add_file(const char *path, const char *etag, void *priv)
{
    cnc__xml_printf(priv, "<file path='%s' etag='%s'/>", path, etag);
}

static void
add_origins(struct cnc__str *out, const struct cnc_service *s)
{
    for (const char *const *o = s->o.origins; o != NULL && *o != NULL; o++) {
        cnc__xml_printf(out, "<origin>%s</origin>", *o);
    }
}

/* Where a web server on this machine reaches it: "127.0.0.1:8080",
 * "unix:/run/concordance/http". */
static void
add_http(struct cnc__str *out, const struct cnc__process *p)
{
    const char *http = p->o.http, *colon = strrchr(http, ':');
    char path[PATH_MAX];

    if (p->port != 0) {
        bool any = http[0] == '*';

        cnc__str_printf(out, "%.*s:%u", any ? 9 : (int)(colon - http),
                        any ? "127.0.0.1" : http, p->port);
    } else if (strncmp(http, "unix:", 5) == 0) {
        cnc__str_printf(out, "unix:%s",
                        realpath(http + 5, path) == NULL ? http + 5 : path);
    }
}

static void
on_site(struct cnc__request *q, void *priv)
{
    struct cnc_service *s = priv;
    const char *files = cnc_element_attr(q->payload, NULL, "files");
    struct cnc__str xml = CNC__STR, http = CNC__STR;
    char *url;

    if (!cnc__site_may_ask(q)) {
        cnc__request_refuse(&q, CNC_EACCES, "forbidden",
                            "this is for the service's own user");
        return;
    }
    url = cnc__service_url(s);
    add_http(&http, s->process);
    cnc__xml_printf(
        &xml,
        "<site xmlns='" CNC__NS_WEB "' domain='%s' url='%s' http='%s' "
        "prefix='%s' socket='%s%s' max-upload='%llu' "
        "https='%s' tls='%s'>",
        cnc__router_domain(s->router), url, cnc__str_c(&http), cnc__prefix(s),
        cnc__prefix(s), CNC__WS_PATH,
        (unsigned long long)cnc__uploads_max(s->uploads),
        cnc__weblogin_is_https(s) ? "true" : "false",
        s->o.tls_cert != NULL && !s->process->o.http_plain ? "true" : "false");
    add_origins(&xml, s);
    if (files != NULL && strcmp(files, "true") == 0) {
        cnc__agent_files(s->agent, add_file, &xml);
    }
    cnc__str_puts(&xml, "</site>");
    cnc__request_result(&q, xml.data, xml.len);
    cnc__free(url);
    cnc__str_fini(&http);
    cnc__str_fini(&xml);
}

int
cnc__site_new(struct cnc_service *s, struct cnc_error *err)
{
    const struct cnc__handler handler = {.kinds = CNC__IQ_GET,
                                         .ns = CNC__NS_WEB,
                                         .name = "site",
                                         .f = on_site,
                                         .priv = s};

    return cnc__router_handle(s->router, &handler, err);
}
