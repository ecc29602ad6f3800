/* SPDX-License-Identifier: MIT */
/*
 * doctor-proxy.c -- `concordctl doctor --nginx`, `--apache`, `--caddy`: asks
 * the service what it is, and writes the configuration that fits.
 */
#include <stdio.h>
#include <unistd.h>

#include "../base/text.h"
#include "doctor-proxy.h"

#define NS_WEB "http://concordance-xmpp.org/ns/web"
#define UNIX   "unix:"

const char *const doctor_servers[DOCTOR_N_SERVERS] = {"nginx", "apache",
                                                      "caddy"};

static bool
is_unix(const struct doctor_site *s)
{
    return strncmp(s->http, UNIX, strlen(UNIX)) == 0;
}

/* The service's own limit, and room for the rest of a form. */
static unsigned long long
body_mb(const struct doctor_site *s)
{
    return (unsigned long long)(s->max_upload / 1000000 + 2);
}

/* -- nginx ---------------------------------------------------------------- */

static void
nginx_pass(struct cnc__str *out, const struct doctor_site *s,
           const char *margin)
{
    cnc__str_printf(out,
                    "%sproxy_pass %s://%s%s;\n"
                    "%sproxy_http_version 1.1;\n"
                    "%sproxy_set_header Host $http_host;\n"
                    "%sproxy_set_header X-Forwarded-For "
                    "$proxy_add_x_forwarded_for;\n"
                    "%sproxy_set_header X-Forwarded-Proto $scheme;\n",
                    margin, s->tls ? "https" : "http", s->http,
                    is_unix(s) ? ":" : "", margin, margin, margin, margin);
}

static void
nginx_locations(struct cnc__str *out, const struct doctor_site *s,
                const char *margin)
{
    struct cnc__str in = CNC__STR;

    cnc__str_printf(&in, "%s    ", margin);
    cnc__str_printf(out, "%slocation %s/ {\n", margin, s->prefix);
    nginx_pass(out, s, in.data);
    cnc__str_printf(
        out,
        "%sproxy_set_header Connection \"\";\n"
        "%s# Files of up to %llu bytes (--max-upload), not kept here first.\n"
        "%sclient_max_body_size %llum;\n"
        "%sproxy_request_buffering off;\n%s}\n",
        in.data, in.data, (unsigned long long)s->max_upload, in.data,
        body_mb(s), in.data, margin);
    cnc__str_printf(out,
                    "%s# XMPP over WebSocket: silent for a minute at a time.\n"
                    "%slocation = %s {\n",
                    margin, margin, s->socket);
    nginx_pass(out, s, in.data);
    cnc__str_printf(out,
                    "%sproxy_set_header Upgrade $http_upgrade;\n"
                    "%sproxy_set_header Connection \"upgrade\";\n"
                    "%sproxy_read_timeout 1h;\n"
                    "%sproxy_send_timeout 1h;\n%s}\n",
                    in.data, in.data, in.data, in.data, margin);
    if (s->prefix[0] != '\0') {
        cnc__str_printf(
            out,
            "%slocation = %s { return 308 %s/; }\n"
            "%s# Where clients that know the domain alone look (XEP-0156).\n"
            "%slocation ^~ /.well-known/host-meta {\n",
            margin, s->prefix, s->prefix, margin, margin);
        nginx_pass(out, s, in.data);
        cnc__str_printf(out, "%s}\n", margin);
    }
    cnc__str_fini(&in);
}

static void
nginx_listen(struct cnc__str *out, const struct doctor_site *s)
{
    if (!s->secure) {
        cnc__str_printf(out, "    listen %u;\n", s->port);
        return;
    }
    cnc__str_printf(out,
                    "    listen %u ssl http2;\n"
                    "    listen [::]:%u ssl http2;\n"
                    "    ssl_certificate /etc/letsencrypt/live/%s/"
                    "fullchain.pem;\n"
                    "    ssl_certificate_key /etc/letsencrypt/live/%s/"
                    "privkey.pem;\n",
                    s->port, s->port, s->host, s->host);
}

static void
print_nginx(struct cnc__str *out, const struct doctor_site *s)
{
    if (s->prefix[0] != '\0') {
        cnc__str_printf(out,
                        "# Inside the server {} that has %s. proxy_pass "
                        "without a path:\n# the service wants all of it.\n",
                        s->url);
        nginx_locations(out, s, "");
        return;
    }
    cnc__str_printf(out,
                    "# /etc/nginx/conf.d/%s.conf (inside http {}); then nginx "
                    "-t && nginx -s reload\n",
                    s->domain);
    if (s->secure && s->port == 443) {
        cnc__str_printf(out,
                        "server {\n    listen 80;\n    listen [::]:80;\n"
                        "    server_name %s;\n"
                        "    return 308 https://$host$request_uri;\n}\n",
                        s->host);
    }
    cnc__str_puts(out, "server {\n");
    nginx_listen(out, s);
    cnc__str_printf(out, "    server_name %s;\n", s->host);
    nginx_locations(out, s, "    ");
    cnc__str_puts(out, "}\n");
}

/* -- Apache --------------------------------------------------------------- */

/* "http://127.0.0.1:8080/x", "unix:/run/x|http://localhost/x". */
static void
apache_target(struct cnc__str *out, const struct doctor_site *s,
              const char *scheme, const char *path)
{
    if (is_unix(s)) {
        cnc__str_printf(out, "%s|%s://localhost%s", s->http, scheme, path);
    } else {
        cnc__str_printf(out, "%s%s://%s%s", scheme, s->tls ? "s" : "", s->http,
                        path);
    }
}

static void
apache_pass(struct cnc__str *out, const struct doctor_site *s,
            const char *path, const char *scheme, const char *more)
{
    cnc__str_printf(out, "    ProxyPass \"%s\" \"", path);
    apache_target(out, s, scheme, path);
    cnc__str_printf(out, "\" %s\n", more);
}

static void
apache_body(struct cnc__str *out, const struct doctor_site *s)
{
    struct cnc__str below = CNC__STR;

    cnc__str_printf(&below, "%s/", s->prefix);
    cnc__str_puts(out, "    ProxyRequests Off\n"
                       "    ProxyPreserveHost On\n"
                       "    AllowEncodedSlashes NoDecode\n");
    cnc__str_printf(out,
                    "    <Location \"%s\">\n"
                    "        RequestHeader set X-Forwarded-Proto "
                    "\"expr=%%{REQUEST_SCHEME}\"\n"
                    "    </Location>\n",
                    below.data);
    cnc__str_puts(out, "    # XMPP over WebSocket: silent for a minute at a "
                       "time.\n");
    apache_pass(out, s, s->socket, "ws", "timeout=3600 disablereuse=on");
    if (s->prefix[0] != '\0') {
        cnc__str_printf(out, "    RedirectMatch 308 \"^%s$\" \"%s/\"\n",
                        s->prefix, s->prefix);
        apache_pass(out, s, "/.well-known/host-meta.json", "http", "");
        apache_pass(out, s, "/.well-known/host-meta", "http", "");
    }
    apache_pass(out, s, below.data, "http", "nocanon");
    cnc__str_fini(&below);
}

static void
print_apache(struct cnc__str *out, const struct doctor_site *s)
{
    cnc__str_printf(out,
                    "# a2enmod proxy proxy_http proxy_wstunnel headers%s\n",
                    s->secure ? " ssl" : "");
    if (s->prefix[0] != '\0') {
        cnc__str_printf(out, "# Inside the <VirtualHost> that has %s.\n",
                        s->url);
        apache_body(out, s);
        return;
    }
    cnc__str_printf(out,
                    "# /etc/apache2/sites-available/%s.conf; then a2ensite "
                    "%s && systemctl reload apache2\n",
                    s->domain, s->domain);
    if (s->secure && s->port == 443) {
        cnc__str_printf(out,
                        "<VirtualHost *:80>\n    ServerName %s\n"
                        "    Redirect permanent \"/\" \"https://%s/\"\n"
                        "</VirtualHost>\n",
                        s->host, s->host);
    }
    cnc__str_printf(out, "<VirtualHost *:%u>\n    ServerName %s\n", s->port,
                    s->host);
    if (s->secure) {
        cnc__str_printf(out,
                        "    SSLEngine on\n"
                        "    SSLCertificateFile "
                        "/etc/letsencrypt/live/%s/fullchain.pem\n"
                        "    SSLCertificateKeyFile "
                        "/etc/letsencrypt/live/%s/privkey.pem\n",
                        s->host, s->host);
    }
    apache_body(out, s);
    cnc__str_puts(out, "</VirtualHost>\n");
}

/* -- Caddy ---------------------------------------------------------------- */

static void
caddy_proxy(struct cnc__str *out, const struct doctor_site *s,
            const char *margin)
{
    cnc__str_printf(out, "%sreverse_proxy %s%s%s\n", margin,
                    is_unix(s) ? "unix/"
                    : s->tls   ? "https://"
                               : "",
                    s->http + (is_unix(s) ? strlen(UNIX) : 0), "");
}

static void
print_caddy(struct cnc__str *out, const struct doctor_site *s)
{
    cnc__str_printf(out,
                    "# /etc/caddy/Caddyfile; then caddy reload. Caddy gets "
                    "certificates by itself,\n# and passes WebSockets and "
                    "X-Forwarded-* on.\n");
    cnc__str_printf(out, "%s {\n", s->url);
    cnc__str_printf(out,
                    "    # Files of up to %llu bytes (--max-upload).\n"
                    "    request_body {\n        max_size %lluMB\n    }\n",
                    (unsigned long long)s->max_upload, body_mb(s));
    if (s->prefix[0] == '\0') {
        caddy_proxy(out, s, "    ");
    } else {
        cnc__str_printf(out,
                        "    # handle, not handle_path: the service wants the "
                        "whole path.\n"
                        "    redir %s %s/ 308\n"
                        "    handle %s/* {\n",
                        s->prefix, s->prefix, s->prefix);
        caddy_proxy(out, s, "        ");
        cnc__str_puts(out, "    }\n    handle /.well-known/host-meta* {\n");
        caddy_proxy(out, s, "        ");
        cnc__str_puts(out, "    }\n");
    }
    cnc__str_puts(out, "}\n");
}

void
doctor_proxy_print(struct cnc__str *out, const struct doctor_site *s)
{
    cnc__str_printf(out, "# %s for %s, by concordctl doctor --%s\n",
                    s->server == DOCTOR_NGINX    ? "nginx"
                    : s->server == DOCTOR_APACHE ? "Apache"
                                                 : "Caddy",
                    s->domain, doctor_servers[s->server]);
    if (s->secure && !s->https) {
        cnc__str_printf(out,
                        "# The service does not know that browsers come by "
                        "TLS: start it with\n# --url %s\n",
                        s->url);
    }
    if (s->tls) {
        cnc__str_puts(out, "# The service speaks TLS itself there; with "
                           "--http-plain it need not.\n");
    }
    if (s->server == DOCTOR_NGINX) {
        print_nginx(out, s);
    } else if (s->server == DOCTOR_APACHE) {
        print_apache(out, s);
    } else {
        print_caddy(out, s);
    }
}

/* -- the service ---------------------------------------------------------- */

static char *
dup_attr(const struct cnc_element *e, const char *name)
{
    const char *value = cnc_element_attr(e, NULL, name);

    return cnc__strdup(value == NULL ? "" : value);
}

static bool
is_true(const struct cnc_element *e, const char *name)
{
    const char *value = cnc_element_attr(e, NULL, name);

    return value != NULL && strcmp(value, "true") == 0;
}

/* "https://host[:port]"; what comes after is not looked at. */
static bool
take_url(struct doctor_site *s, const char *url)
{
    size_t scheme = strncmp(url, "https://", 8) == 0  ? 8
                    : strncmp(url, "http://", 7) == 0 ? 7
                                                      : 0;
    const char *host = url + scheme;
    size_t all = strcspn(host, "/?#"),
           n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");
    int64_t port = scheme == 8 ? 443 : 80;
    char digits[8] = "";

    if (scheme == 0 || n == 0 || n >= sizeof(s->host) || n > all ||
        strcspn(host, " \"'{};\\<>\r\n\t$") < all) {
        return false;
    }
    if (host[n] == ':') {
        snprintf(digits, sizeof(digits), "%.*s", (int)(all - n - 1),
                 host + n + 1);
        if (!cnc__parse_int(&port, digits, 1, 65535)) {
            return false;
        }
    }
    memcpy(s->host, host, n);
    s->host[n] = '\0';
    s->port = (uint16_t)port;
    s->secure = scheme == 8;
    cnc__free(s->url);
    s->url = cnc__strndup(url, scheme + all);
    return true;
}

static int
ask_site(struct ctl *ctl, struct doctor_site *s)
{
    struct cnc_element *reply = NULL;
    const struct cnc_element *e;
    char *max, *url;
    int64_t number = 0;

    if (ctl_iq(ctl, "get", "<site xmlns='" NS_WEB "'/>", &reply) != 0) {
        return 1;
    }
    e = cnc_element_child(reply, NS_WEB, "site");
    if (e == NULL) {
        cnc_element_unref(&reply);
        return ctl_say(1, "the service does not say where it is.");
    }
    s->domain = dup_attr(e, "domain");
    s->prefix = dup_attr(e, "prefix");
    s->socket = dup_attr(e, "socket");
    s->http = dup_attr(e, "http");
    s->tls = is_true(e, "tls");
    s->https = is_true(e, "https");
    max = dup_attr(e, "max-upload");
    cnc__parse_int(&number, max, 0, INT64_MAX);
    s->max_upload = (uint64_t)number;
    url = dup_attr(e, "url");
    take_url(s, url);
    cnc__free(max);
    cnc__free(url);
    cnc_element_unref(&reply);
    return 0;
}

/* -- the command ---------------------------------------------------------- */

struct words {
    const char *url, *http, *ca, *timeout, *idle;
    bool check, json;
};

static int
read_words(struct words *w, struct doctor_site *s, int argc, char **argv)
{
    const struct {
        const char *name;
        const char **value;
    } options[] = {{"--url", &w->url},
                   {"--http", &w->http},
                   {"--ca", &w->ca},
                   {"--timeout", &w->timeout},
                   {"--idle", &w->idle}};
    int n_servers = 0;

    for (int i = 0; i < argc; i++) {
        size_t len = strcspn(argv[i], "="), k = 0, server = 0;

        while (server < DOCTOR_N_SERVERS &&
               (strncmp(argv[i], "--", 2) != 0 ||
                strcmp(argv[i] + 2, doctor_servers[server]) != 0)) {
            server++;
        }
        while (k < CNC_N(options) &&
               (strlen(options[k].name) != len ||
                memcmp(options[k].name, argv[i], len) != 0)) {
            k++;
        }
        if (server < DOCTOR_N_SERVERS) {
            s->server = (enum doctor_server)server;
            n_servers++;
        } else if (strcmp(argv[i], "--check") == 0) {
            w->check = true;
        } else if (strcmp(argv[i], "--json") == 0) {
            w->json = true;
        } else if (k < CNC_N(options) &&
                   (argv[i][len] == '=' || i + 1 < argc)) {
            *options[k].value =
                argv[i][len] == '=' ? argv[i] + len + 1 : argv[++i];
        } else {
            return ctl_say(2,
                           "doctor --%s: \"%s\" is not understood; "
                           "`concordctl help doctor` lists its words.",
                           doctor_servers[s->server], argv[i]);
        }
    }
    return n_servers <= 1
               ? 0
               : ctl_say(2, "one of --nginx, --apache and --caddy at a time.");
}

static int
judge(const struct words *w, struct doctor_site *s)
{
    if (w->url != NULL && !take_url(s, w->url)) {
        return ctl_say(2,
                       "--url is what browsers write, such as "
                       "https://books.example, not \"%s\".",
                       w->url);
    }
    if (w->http != NULL) {
        if (w->http[0] == '\0' || strpbrk(w->http, " \"'{};\\<>\t$") != NULL ||
            (strchr(w->http, ':') == NULL)) {
            return ctl_say(2,
                           "--http is where the web server reaches the "
                           "service, such as 127.0.0.1:8080 or "
                           "unix:/run/concordance/http, not \"%s\".",
                           w->http);
        }
        cnc__free(s->http);
        s->http = cnc__strdup(w->http);
    }
    return s->url != NULL && s->http[0] != '\0'
               ? 0
               : ctl_say(2, "say --url, and --http: the service listens for "
                            "no web server.");
}

static int
check(struct ctl *ctl, const struct words *w, const struct doctor_site *s,
      FILE *out)
{
    struct doctor_report report = {0};
    struct doctor_wire_options wire = {.ca = w->ca, .timeout_ms = 10000};
    struct cnc__str json = CNC__STR;
    int64_t seconds = 10, idle = 0;
    int status;

    if ((w->timeout != NULL &&
         !cnc__parse_int(&seconds, w->timeout, 1, 300)) ||
        (w->idle != NULL && !cnc__parse_int(&idle, w->idle, 1, 7200))) {
        return ctl_say(2, "--timeout and --idle are seconds.");
    }
    wire.timeout_ms = (int)seconds * 1000;
    doctor_through(&report, ctl->client, s, (int)idle, &wire);
    if (w->json) {
        doctor_json(&json, &report, s->domain);
        fputs(json.data, out);
        cnc__str_fini(&json);
    } else {
        doctor_print_to(out, &report, isatty(fileno(out)) != 0);
    }
    status = doctor_worst(&report) == DOCTOR_FAIL ? 1 : 0;
    doctor_report_fini(&report);
    return status;
}

int
doctor_proxy(struct ctl *ctl, int argc, char **argv)
{
    struct doctor_site s = {.server = DOCTOR_NGINX};
    struct words w = {0};
    struct cnc__str text = CNC__STR;
    struct cnc_error err = {0};
    int status = read_words(&w, &s, argc, argv);

    if (status == 0 &&
        cnc__client_open(&ctl->client, ctl->link, ctl->domain, &err) != 0) {
        status = ctl_fail(&err);
    }
    status = status == 0 ? ask_site(ctl, &s) : status;
    status = status == 0 ? judge(&w, &s) : status;
    if (status == 0 && !w.check) {
        doctor_proxy_print(&text, &s);
        fputs(text.data, stdout);
        fflush(stdout);
    }
    if (status == 0 && (w.check || w.url != NULL)) {
        /* What goes into a file is the configuration alone. */
        status = check(ctl, &w, &s, w.check ? stdout : stderr);
    }
    cnc__str_fini(&text);
    cnc__free(s.domain);
    cnc__free(s.prefix);
    cnc__free(s.socket);
    cnc__free(s.http);
    cnc__free(s.url);
    return status;
}
