/* SPDX-License-Identifier: MIT */
/*
 * doctor-proxy.c -- `concordctl doctor --nginx`, `--apache`, `--caddy`: asks
 * the service what it is, prints the configuration that fits (doctor-conf.c),
 * and asks through the web server that is there (doctor-through.c).
 */
#include <stdio.h>
#include <unistd.h>

#include "../base/text.h"
#include "doctor-proxy.h"

#define NS_WEB "http://concordance-xmpp.org/ns/web"

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

static int
ask_site(struct ctl *ctl, struct doctor_site *s)
{
    struct cnc_element *reply = NULL;
    const struct cnc_element *e;
    char *max;
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
    s->said = dup_attr(e, "url");
    doctor_take_url(s, s->said);
    cnc__free(max);
    cnc_element_unref(&reply);
    return 0;
}

/* -- the command ---------------------------------------------------------- */

struct words {
    const char *url, *http, *cert, *key, *ca, *timeout, *idle;
    bool check, print, json;
};

static bool
is_server(struct doctor_site *s, const char *word)
{
    for (int k = 0; k < DOCTOR_N_SERVERS; k++) {
        if (strncmp(word, "--", 2) == 0 &&
            strcmp(word + 2, doctor_servers[k]) == 0) {
            s->server = (enum doctor_server)k;
            return true;
        }
    }
    return false;
}

static bool
is_flag(struct words *w, const char *word)
{
    bool *flag = strcmp(word, "--check") == 0   ? &w->check
                 : strcmp(word, "--print") == 0 ? &w->print
                 : strcmp(word, "--json") == 0  ? &w->json
                                                : NULL;

    if (flag != NULL) {
        *flag = true;
    }
    return flag != NULL;
}

static int
read_words(struct words *w, struct doctor_site *s, int argc, char **argv)
{
    const struct {
        const char *name;
        const char **value;
    } options[] = {{"--url", &w->url},   {"--http", &w->http},
                   {"--cert", &w->cert}, {"--key", &w->key},
                   {"--ca", &w->ca},     {"--timeout", &w->timeout},
                   {"--idle", &w->idle}};
    int n_servers = 0;

    for (int i = 0; i < argc; i++) {
        size_t len = strcspn(argv[i], "="), k = 0;

        while (k < CNC_N(options) &&
               (strlen(options[k].name) != len ||
                memcmp(options[k].name, argv[i], len) != 0)) {
            k++;
        }
        if (is_server(s, argv[i])) {
            n_servers++;
        } else if (k < CNC_N(options) &&
                   (argv[i][len] == '=' || i + 1 < argc)) {
            *options[k].value =
                argv[i][len] == '=' ? argv[i] + len + 1 : argv[++i];
        } else if (!is_flag(w, argv[i])) {
            return ctl_say(2,
                           "doctor --%s: \"%s\" is not understood; "
                           "`concordctl help doctor` lists its words.",
                           doctor_servers[s->server], argv[i]);
        }
    }
    return n_servers > 1
               ? ctl_say(2, "one of --nginx, --apache and --caddy at a time.")
           : w->check && w->print
               ? ctl_say(2, "--check looks, --print does not: one of them.")
               : 0;
}

/* The certificate's files: those that were said, or where certbot has them;
 * Caddy has its own. */
static int
take_files(struct doctor_site *s, const struct words *w)
{
    struct cnc__str cert = CNC__STR, key = CNC__STR;

    if ((w->cert == NULL) != (w->key == NULL) ||
        (w->cert != NULL && (w->cert[0] != '/' || w->key[0] != '/' ||
                             strpbrk(w->cert, DOCTOR_NEVER) != NULL ||
                             strpbrk(w->key, DOCTOR_NEVER) != NULL))) {
        return ctl_say(2, "--cert and --key are the web server's files: both, "
                          "from / on, without blanks.");
    }
    if (w->cert != NULL) {
        cnc__str_puts(&cert, w->cert);
        cnc__str_puts(&key, w->key);
    } else if (s->server != DOCTOR_CADDY) {
        cnc__str_printf(&cert, "/etc/letsencrypt/live/%s/fullchain.pem",
                        s->host);
        cnc__str_printf(&key, "/etc/letsencrypt/live/%s/privkey.pem", s->host);
    }
    s->cert = cnc__strdup(cnc__str_c(&cert));
    s->key = cnc__strdup(cnc__str_c(&key));
    cnc__str_fini(&cert);
    cnc__str_fini(&key);
    return 0;
}

/* The service says where it listens itself when nobody told it a URL. */
static bool
is_own_port(const struct doctor_site *s)
{
    const char *colon = strrchr(s->http, ':');
    int64_t port;

    return !s->secure && colon != NULL &&
           cnc__parse_int(&port, colon + 1, 1, 65535) && port == s->port &&
           (strcmp(s->host, "localhost") == 0 || s->host[0] == '[' ||
            strncmp(s->host, "127.", 4) == 0);
}

static int
judge(const struct words *w, struct doctor_site *s)
{
    if (w->url != NULL && !doctor_take_url(s, w->url)) {
        return ctl_say(2,
                       "--url is what browsers write, such as "
                       "https://books.example, not \"%s\".",
                       w->url);
    }
    if (w->http != NULL) {
        cnc__free(s->http);
        s->http = cnc__strdup(w->http);
    }
    if (s->http[0] != '\0' && (strpbrk(s->http, DOCTOR_NEVER) != NULL ||
                               strchr(s->http, ':') == NULL)) {
        return ctl_say(2,
                       "--http is where the web server reaches the service, "
                       "such as 127.0.0.1:8080 or unix:/run/concordance/http, "
                       "not \"%s\".",
                       s->http);
    }
    if (s->http[0] == '\0') {
        return ctl_say(2, "say --http: the service listens for no web "
                          "server.");
    }
    if (s->url == NULL || (w->url == NULL && is_own_port(s))) {
        return ctl_say(2, "say --url, where browsers find it: the service "
                          "knows its own address alone.");
    }
    return take_files(s, w);
}

static int
check(struct ctl *ctl, const struct words *w, const struct doctor_site *s,
      FILE *out)
{
    struct doctor_report report = {0};
    struct doctor_wire_options wire = {.ca = w->ca};
    struct cnc__str json = CNC__STR;
    int64_t seconds = 10, idle = 0;
    int status;

    if ((w->timeout != NULL &&
         !cnc__parse_int(&seconds, w->timeout, 1, 300)) ||
        (w->idle != NULL && !cnc__parse_int(&idle, w->idle, 1, 7200))) {
        return ctl_say(2, "--timeout and --idle are seconds.");
    }
    if (w->ca != NULL && access(w->ca, R_OK) != 0) {
        return ctl_say(2, "cannot read %s.", w->ca);
    }
    wire.timeout_ms = (int)seconds * 1000;
    doctor_through(&report, ctl->client, s, (int)idle, &wire);
    status = doctor_worst(&report) == DOCTOR_FAIL ? 1 : 0;
    if (w->json) {
        doctor_json(&json, &report, s->domain);
        fputs(json.data, out);
        cnc__str_fini(&json);
    } else {
        doctor_print_to(out, &report, isatty(fileno(out)) != 0);
        if (status == 0 && idle == 0) {
            fputs("How long a silent WebSocket stays was not tried: --idle 70 "
                  "does.\n",
                  out);
        }
    }
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
        doctor_conf(&text, &s);
        fputs(text.data, stdout);
        fflush(stdout);
    }
    if (status == 0 && !w.print) {
        /* What goes into a file is the configuration alone. */
        status = check(ctl, &w, &s, w.check ? stdout : stderr);
    }
    cnc__str_fini(&text);
    doctor_site_fini(&s);
    return status;
}
