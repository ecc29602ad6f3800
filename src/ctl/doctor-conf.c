/* SPDX-License-Identifier: MIT */
/*
 * doctor-conf.c -- the configuration of nginx, Apache or Caddy that fits the
 * service, and the lines of it that mend a finding.  In the texts stands
 *
 *   ^D domain    ^U URL     ^H host      ^T port   ^E certificate  ^K key
 *   ^P prefix    ^S path of the WebSocket          ^F bytes of a file
 *   ^M MB of a form with one
 *   ^N ^A ^W ^C  where the service is, as nginx, Apache (http, ws) and Caddy
 *                write it               ^^ itself
 */
#include <stdio.h>

#include "doctor-proxy.h"

#define UNIX "unix:"

static bool
is_unix(const struct doctor_site *s)
{
    return strncmp(s->http, UNIX, strlen(UNIX)) == 0;
}

/* -- where the service is ------------------------------------------------- */

static void
add_target(struct cnc__str *out, const struct doctor_site *s, char of)
{
    const char *scheme = of == 'W' ? "ws" : "http", *tls = s->tls ? "s" : "";

    if (of == 'C' && is_unix(s)) {
        cnc__str_printf(out, "%sunix/%s", s->tls ? "https://" : "",
                        s->http + strlen(UNIX));
    } else if (of == 'C') {
        cnc__str_printf(out, "%s%s", s->tls ? "https://" : "", s->http);
    } else if (of == 'N') {
        cnc__str_printf(out, "http%s://%s%s", tls, s->http,
                        is_unix(s) ? ":" : "");
    } else if (is_unix(s)) {
        cnc__str_printf(out, "%s|%s%s://localhost", s->http, scheme, tls);
    } else {
        cnc__str_printf(out, "%s%s://%s", scheme, tls, s->http);
    }
}

static void
add_word(struct cnc__str *out, const struct doctor_site *s, char of)
{
    switch (of) {
    case '^':
        cnc__str_putc(out, '^');
        break;
    case 'D':
        cnc__str_puts(out, s->domain);
        break;
    case 'U':
        cnc__str_puts(out, s->url);
        break;
    case 'H':
        cnc__str_puts(out, s->host);
        break;
    case 'T':
        cnc__str_printf(out, "%u", s->port);
        break;
    case 'E':
        cnc__str_puts(out, s->cert);
        break;
    case 'K':
        cnc__str_puts(out, s->key);
        break;
    case 'P':
        cnc__str_puts(out, s->prefix);
        break;
    case 'S':
        cnc__str_puts(out, s->socket);
        break;
    case 'F':
        cnc__str_printf(out, "%llu", (unsigned long long)s->max_upload);
        break;
    case 'M':
        cnc__str_printf(out, "%llu",
                        (unsigned long long)(s->max_upload / 1000000 + 2));
        break;
    default:
        add_target(out, s, of);
        break;
    }
}

/* Each line so far to the right. */
static void
fill(struct cnc__str *out, const struct doctor_site *s, int margin,
     const char *text)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");

        cnc__str_printf(out, "%*s", margin, "");
        for (size_t i = 0; i < n; i++) {
            if (text[i] == '^' && i + 1 < n) {
                add_word(out, s, text[++i]);
            } else {
                cnc__str_putc(out, text[i]);
            }
        }
        cnc__str_putc(out, '\n');
        text += n + (text[n] == '\n');
    }
}

/* -- lines ---------------------------------------------------------------- */

#define N_HOST  "proxy_set_header Host $http_host;\n"
#define N_FOR   "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n"
#define N_PROTO "proxy_set_header X-Forwarded-Proto $scheme;\n"
#define N_PASS                                                                \
    "proxy_pass ^N;\n"                                                        \
    "proxy_http_version 1.1;\n" N_HOST N_FOR N_PROTO
#define N_BODY   "client_max_body_size ^Mm;\n"
#define N_STREAM "proxy_request_buffering off;\n"
#define N_UPGRADE                                                             \
    "proxy_set_header Upgrade $http_upgrade;\n"                               \
    "proxy_set_header Connection \"upgrade\";\n"
#define N_IDLE                                                                \
    "proxy_read_timeout 1h;\n"                                                \
    "proxy_send_timeout 1h;\n"
#define N_LISTEN                                                              \
    "listen ^T;\n"                                                            \
    "listen [::]:^T;\n"
#define N_LISTEN_TLS                                                          \
    "listen ^T ssl http2;\n"                                                  \
    "listen [::]:^T ssl http2;\n"
#define N_CERT                                                                \
    "ssl_certificate ^E;\n"                                                   \
    "ssl_certificate_key ^K;\n"

#define A_PASS "ProxyPass \"^P/\" \"^A^P/\" nocanon\n"
#define A_HOST "ProxyPreserveHost On\n"
#define A_PROTO                                                               \
    "RequestHeader set X-Forwarded-Proto \"expr=%{REQUEST_SCHEME}\"\n"
#define A_SOCKET "ProxyPass \"^S\" \"^W^S\" timeout=3600 disablereuse=on\n"
#define A_META                                                                \
    "ProxyPass \"/.well-known/host-meta.json\" "                              \
    "\"^A/.well-known/host-meta.json\"\n"                                     \
    "ProxyPass \"/.well-known/host-meta\" \"^A/.well-known/host-meta\"\n"
#define A_CERT                                                                \
    "SSLCertificateFile ^E\n"                                                 \
    "SSLCertificateKeyFile ^K\n"

#define C_BODY                                                                \
    "request_body {\n"                                                        \
    "    max_size ^MMB\n"                                                     \
    "}\n"
#define C_CERT "tls ^E ^K\n"

#define SOCKET_WHY "# XMPP over WebSocket: silent for a minute at a time.\n"

/* -- nginx ---------------------------------------------------------------- */

static void
nginx_locations(struct cnc__str *out, const struct doctor_site *s, int margin)
{
    fill(out, s, margin, "location ^P/ {\n");
    fill(out, s, margin + 4,
         N_PASS "proxy_set_header Connection \"\";\n"
                "# Files of up to ^F bytes (max-upload), not kept here "
                "first.\n" N_BODY N_STREAM);
    fill(out, s, margin, "}\n" SOCKET_WHY "location = ^S {\n");
    fill(out, s, margin + 4, N_PASS N_UPGRADE N_IDLE);
    fill(out, s, margin, "}\n");
    if (s->prefix[0] != '\0') {
        fill(out, s, margin,
             "location = ^P { return 308 ^P/; }\n"
             "# Where clients that know the domain alone look (XEP-0156).\n"
             "location ^^~ /.well-known/host-meta {\n");
        fill(out, s, margin + 4, N_PASS);
        fill(out, s, margin, "}\n");
    }
}

static void
print_nginx(struct cnc__str *out, const struct doctor_site *s)
{
    if (s->prefix[0] != '\0') {
        fill(out, s, 0,
             "# Inside the server {} that has ^U. proxy_pass without a path:\n"
             "# the service wants all of it.\n");
        nginx_locations(out, s, 0);
        return;
    }
    fill(out, s, 0,
         "# /etc/nginx/conf.d/^D.conf; then nginx -t && nginx -s reload\n");
    if (s->secure && s->port == 443) {
        fill(out, s, 0,
             "server {\n"
             "    listen 80;\n"
             "    listen [::]:80;\n"
             "    server_name ^H;\n"
             "    return 308 https://$host$request_uri;\n"
             "}\n");
    }
    fill(out, s, 0, "server {\n");
    fill(out, s, 4, s->secure ? N_LISTEN_TLS N_CERT : N_LISTEN);
    fill(out, s, 4, "server_name ^H;\n");
    nginx_locations(out, s, 4);
    fill(out, s, 0, "}\n");
}

/* -- Apache --------------------------------------------------------------- */

static void
apache_body(struct cnc__str *out, const struct doctor_site *s)
{
    fill(out, s, 4,
         "ProxyRequests Off\n" A_HOST "AllowEncodedSlashes NoDecode\n");
    if (s->tls) { /* its certificate is the domain's, not the address's */
        fill(out, s, 4,
             "SSLProxyEngine On\n"
             "SSLProxyCheckPeerName Off\n");
    }
    /* host-meta is asked for beside the prefix. */
    fill(out, s, 4,
         s->prefix[0] == '\0'
             ? "<Location \"/\">\n"
             : "<LocationMatch \"^^(^P/|/\\.well-known/host-meta)\">\n");
    fill(out, s, 8, A_PROTO);
    fill(out, s, 4,
         s->prefix[0] == '\0' ? "</Location>\n" : "</LocationMatch>\n");
    fill(out, s, 4, SOCKET_WHY A_SOCKET);
    if (s->prefix[0] != '\0') {
        fill(out, s, 4,
             "RedirectMatch 308 \"^^^P$\" \"^P/\"\n"
             "# Where clients that know the domain alone look "
             "(XEP-0156).\n" A_META);
    }
    fill(out, s, 4, A_PASS);
}

static void
print_apache(struct cnc__str *out, const struct doctor_site *s)
{
    fill(out, s, 0,
         s->secure || s->tls
             ? "# a2enmod proxy proxy_http proxy_wstunnel headers alias ssl\n"
             : "# a2enmod proxy proxy_http proxy_wstunnel headers alias\n");
    if (s->prefix[0] != '\0') {
        fill(out, s, 0, "# Inside the <VirtualHost> that has ^U.\n");
        apache_body(out, s);
        return;
    }
    fill(out, s, 0,
         "# /etc/apache2/sites-available/^D.conf; then a2ensite ^D &&\n"
         "# apache2ctl configtest && systemctl reload apache2\n");
    if (s->port != 443 && s->port != 80) { /* ports.conf has those */
        fill(out, s, 0, "Listen ^T\n");
    }
    if (s->secure && s->port == 443) {
        fill(out, s, 0,
             "<VirtualHost *:80>\n"
             "    ServerName ^H\n"
             "    Redirect 308 \"/\" \"https://^H/\"\n"
             "</VirtualHost>\n");
    }
    fill(out, s, 0, "<VirtualHost *:^T>\n");
    fill(out, s, 4, "ServerName ^H\n");
    if (s->secure) {
        fill(out, s, 4, "SSLEngine On\n" A_CERT);
    }
    apache_body(out, s);
    fill(out, s, 0, "</VirtualHost>\n");
}

/* -- Caddy ---------------------------------------------------------------- */

static void
caddy_proxy(struct cnc__str *out, const struct doctor_site *s, int margin)
{
    if (!s->tls) {
        fill(out, s, margin, "reverse_proxy ^C\n");
        return;
    }
    fill(out, s, margin,
         "reverse_proxy ^C {\n"
         "    # Its certificate is the domain's, not the address's.\n"
         "    transport http {\n"
         "        tls_insecure_skip_verify\n"
         "    }\n"
         "}\n");
}

static void
print_caddy(struct cnc__str *out, const struct doctor_site *s)
{
    fill(out, s, 0,
         "# /etc/caddy/Caddyfile; then systemctl reload caddy. It passes\n"
         "# WebSockets and X-Forwarded-* on by itself.\n");
    if (s->prefix[0] != '\0') {
        fill(out, s, 0,
             "# Where ^U has a block already, the lines go into that.\n");
    }
    fill(out, s, 0, "^U {\n");
    if (s->secure && s->cert[0] != '\0') {
        fill(out, s, 4, C_CERT);
    } else if (s->secure) {
        fill(out, s, 4, "# Caddy gets the certificate by itself.\n");
    }
    if (s->prefix[0] == '\0') {
        fill(out, s, 4, "# Files of up to ^F bytes (max-upload).\n" C_BODY);
        caddy_proxy(out, s, 4);
    } else {
        fill(out, s, 4,
             "# handle, not handle_path: the service wants the whole path.\n"
             "redir ^P ^P/ 308\n"
             "handle ^P/* {\n");
        fill(out, s, 8, "# Files of up to ^F bytes (max-upload).\n" C_BODY);
        caddy_proxy(out, s, 8);
        fill(out, s, 4, "}\nhandle /.well-known/host-meta* {\n");
        caddy_proxy(out, s, 8);
        fill(out, s, 4, "}\n");
    }
    fill(out, s, 0, "}\n");
}

void
doctor_conf(struct cnc__str *out, const struct doctor_site *s)
{
    static void (*const print[])(struct cnc__str *,
                                 const struct doctor_site *) = {
        print_nginx, print_apache, print_caddy};

    cnc__str_printf(out, "# %s for %s, by concordctl doctor --%s\n",
                    s->server == DOCTOR_NGINX    ? "nginx"
                    : s->server == DOCTOR_APACHE ? "Apache"
                                                 : "Caddy",
                    s->domain, doctor_servers[s->server]);
    if (s->secure && !s->https) {
        fill(out, s, 0,
             "# The service does not know that browsers come by TLS: start "
             "it with\n# --url ^U\n");
    }
    if (s->tls) {
        fill(out, s, 0,
             "# The service speaks TLS itself there; with --http-plain it "
             "need not.\n");
    }
    print[s->server](out, s);
}

/* -- mending -------------------------------------------------------------- */

enum place { SITE, PAGES, SOCKET, SERVICE };

static void
add_place(struct cnc__str *out, const struct doctor_site *s, enum place place)
{
    static const char *const files[DOCTOR_N_SERVERS][2] = {
        {"/etc/nginx/conf.d/^D.conf", "/etc/nginx, server {} of ^H"},
        {"/etc/apache2/sites-available/^D.conf",
         "/etc/apache2, <VirtualHost> of ^H"},
        {"/etc/caddy/Caddyfile, ^U {}", "/etc/caddy/Caddyfile, ^U {}"}};
    struct cnc__str text = CNC__STR;

    if (place == SERVICE) {
        cnc__str_puts(&text,
                      "/etc/concordance/concordance.conf, [domain ^D]:");
    } else {
        cnc__str_puts(&text, files[s->server][s->prefix[0] != '\0']);
        if (s->server == DOCTOR_NGINX && place != SITE) {
            cnc__str_puts(&text, place == PAGES ? ", location ^P/ {}"
                                                : ", location = ^S {}");
        }
        cnc__str_puts(&text, ":");
    }
    fill(out, s, 0, text.data);
    cnc__str_fini(&text);
}

static const struct mend {
    enum place place;
    const char *lines[DOCTOR_N_SERVERS]; /* the first, where there is one */
} mends[DOCTOR_N_NEEDS] = {
    [DOCTOR_NEED_LISTEN] = {SITE,
                            {"server_name ^H;\n" N_LISTEN,
                             "<VirtualHost *:^T>\n"
                             "    ServerName ^H\n",
                             "^U {\n"}},
    [DOCTOR_NEED_CERT] = {SITE, {N_CERT, A_CERT, C_CERT}},
    [DOCTOR_NEED_PASS] = {PAGES,
                          {"proxy_pass ^N;\n", A_PASS, "reverse_proxy ^C\n"}},
    [DOCTOR_NEED_PATH] = {PAGES,
                          {"proxy_pass ^N;   # no path after it, no rewrite\n",
                           A_PASS,
                           "handle ^P/* {   # no handle_path, no uri\n"
                           "    reverse_proxy ^C\n"
                           "}\n"}},
    [DOCTOR_NEED_HOST] = {PAGES,
                          {N_HOST, A_HOST, "take out: header_up Host\n"}},
    [DOCTOR_NEED_FOR] = {PAGES,
                         {N_FOR, "take out: ProxyAddHeaders Off\n",
                          "take out: header_up X-Forwarded-For\n"}},
    [DOCTOR_NEED_PROTO] = {PAGES,
                           {N_PROTO, A_PROTO,
                            "take out: header_up X-Forwarded-Proto\n"}},
    [DOCTOR_NEED_ORIGIN] = {PAGES,
                            {"take out: proxy_set_header Origin, Referer and "
                             "Sec-Fetch-Site\n",
                             "take out: RequestHeader of Origin, Referer and "
                             "Sec-Fetch-Site\n",
                             "take out: header_up of Origin, Referer and "
                             "Sec-Fetch-Site\n"}},
    [DOCTOR_NEED_CODING] = {PAGES,
                            {"take out: proxy_set_header Accept-Encoding\n",
                             "take out: RequestHeader of Accept-Encoding\n",
                             "take out: header_up of Accept-Encoding\n"}},
    [DOCTOR_NEED_ETAG] =
        {PAGES,
         {"take out: sub_filter, proxy_hide_header ETag, proxy_set_header "
          "If-None-Match\n",
          "take out: filters of this path (Substitute), Header and "
          "RequestHeader of ETag and If-None-Match\n",
          "take out: header and header_up of ETag and If-None-Match\n"}},
    [DOCTOR_NEED_BODY] =
        {PAGES,
         {N_BODY,
          /* Its LimitRequestBody is not for what is passed on. */
          "take out: limits of modules and rules, such as "
          "SecRequestBodyLimit\n",
          C_BODY}},
    [DOCTOR_NEED_STREAM] = {PAGES,
                            {N_STREAM,
                             "take out: SetInputFilter BUFFER, SetEnv "
                             "proxy-sendcl\n",
                             "take out: buffer_requests, request_buffers\n"}},
    [DOCTOR_NEED_SOCKET] = {SOCKET,
                            {N_PASS N_UPGRADE N_IDLE,
                             A_SOCKET "above " A_PASS "a2enmod "
                                      "proxy_wstunnel\n",
                             "reverse_proxy ^C\n"}},
    [DOCTOR_NEED_UPGRADE] = {SOCKET,
                             {"proxy_http_version 1.1;\n" N_UPGRADE,
                              A_SOCKET "above " A_PASS "a2enmod "
                                       "proxy_wstunnel\n",
                              "take out: header_up of Upgrade, Connection and "
                              "Sec-WebSocket-*\n"}},
    [DOCTOR_NEED_SOCKET_HOST] = {SOCKET,
                                 {N_HOST, A_HOST,
                                  "take out: header_up Host\n"}},
    [DOCTOR_NEED_SOCKET_PROTO] = {SOCKET,
                                  {N_PROTO, A_PROTO,
                                   "take out: header_up X-Forwarded-Proto"
                                   "\n"}},
    [DOCTOR_NEED_IDLE] = {SOCKET,
                          {N_IDLE, A_SOCKET,
                           "take out: read_timeout, write_timeout and "
                           "stream_timeout\n"}},
    [DOCTOR_NEED_META] = {SITE,
                          {"location ^^~ /.well-known/host-meta {\n"
                           "    proxy_pass ^N;\n"
                           "    " N_HOST "    " N_FOR "    " N_PROTO "}\n",
                           A_META,
                           "handle /.well-known/host-meta* {\n"
                           "    reverse_proxy ^C\n"
                           "}\n"}},
    [DOCTOR_NEED_URL] = {SERVICE, {"url = ^U\n"}},
};

void
doctor_mend(struct cnc__str *out, const struct doctor_site *s,
            enum doctor_need need)
{
    const struct mend *m = &mends[need];
    const char *lines = m->lines[m->place == SERVICE ? 0 : s->server];

    if (need == DOCTOR_NEED_LISTEN && s->secure) {
        lines = s->server == DOCTOR_NGINX
                    ? "server_name ^H;\n" N_LISTEN_TLS N_CERT
                : s->server == DOCTOR_APACHE
                    ? "<VirtualHost *:^T>\n    ServerName ^H\n    SSLEngine "
                      "On\n"
                    : lines;
    }
    if (need == DOCTOR_NEED_CERT && s->server == DOCTOR_CADDY &&
        s->cert[0] == '\0') {
        lines = "take out: tls; Caddy then gets a certificate by itself\n";
    }
    add_place(out, s, m->place);
    fill(out, s, 4, lines);
}
