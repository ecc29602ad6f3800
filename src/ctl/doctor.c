/* SPDX-License-Identifier: MIT */
/*
 * doctor.c -- `concordctl doctor DOMAIN`: options, and the order of questions.
 */
#include <errno.h>
#include <idn2.h>
#include <stdio.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "../base/text.h"
#include "ctl.h"
#include "doctor-proxy.h"

#define MAX_DIALS 32

struct visit {
    const char *domain; /* as it was written */
    const char *dns, *anchor, *cert, *key;
    struct doctor_wire_options wire;
    uint16_t https;
    bool json;
    struct doctor_report report;
    struct doctor_zone zone;
    struct doctor_dns *resolver;
    struct doctor_dial *dials;
    size_t n_dials;
};

/* -- ports and certificates
 * ---------------------------------------------------- */

/* Each address of a target; returns how many were dialled. */
static size_t
dial_target(struct visit *v, enum doctor_kind kind,
            const struct doctor_srv *srv)
{
    size_t n = 0;

    for (size_t i = 0; i < srv->addrs.n && v->n_dials < MAX_DIALS; i++) {
        struct doctor_dial *d = &v->dials[v->n_dials++];

        d->kind = kind;
        doctor_dial(d, &srv->addrs.list[i], srv, v->zone.domain, v->domain,
                    doctor_wants(&v->report, DOCTOR_S2S), &v->wire);
        n++;
    }
    return n;
}

static void
dial_kind(struct visit *v, enum doctor_kind kind)
{
    const struct doctor_srvs *srvs = &v->zone.srv[kind];
    const struct doctor_service *s = &doctor_services[kind];
    size_t first = v->n_dials, n = 0;

    if (srvs->n > 0 && strcmp(srvs->list[0].target, ".") == 0) {
        return;
    }
    for (size_t i = 0; i < srvs->n; i++) {
        n += dial_target(v, kind, &srvs->list[i]);
    }
    if (srvs->n == 0 && !s->direct) { /* RFC 6120 3.2.2 */
        struct doctor_srv fallback = {.port = s->port, .addrs = v->zone.own};

        memcpy(fallback.target, v->zone.domain, sizeof(fallback.target));
        n = dial_target(v, kind, &fallback);
    }
    doctor_judge_ports(&v->report, kind, v->dials + first, n);
    if (s->server) {
        doctor_judge_dialback(&v->report, v->dials + first, n);
    }
}

/* Each certificate once: many addresses show the same. */
static void
judge_certs(struct visit *v)
{
    for (size_t i = 0; i < v->n_dials; i++) {
        const struct doctor_dial *d = &v->dials[i];
        bool seen = !d->has_cert;

        for (size_t k = 0; k < i && !seen; k++) {
            seen = v->dials[k].has_cert &&
                   strcmp(v->dials[k].cert.print, d->cert.print) == 0 &&
                   v->dials[k].cert.covers == d->cert.covers;
        }
        if (!seen) {
            doctor_judge_cert(&v->report, &d->cert, v->domain, d->where,
                              time(NULL));
        }
    }
    doctor_judge_tlsa(&v->report, &v->zone, v->dials, v->n_dials);
}

static void
visit_ports(struct visit *v)
{
    v->dials = cnc__zalloc(MAX_DIALS * sizeof(*v->dials));
    for (int kind = 0; kind < DOCTOR_N_KINDS; kind++) {
        dial_kind(v, (enum doctor_kind)kind);
    }
    judge_certs(v);
}

/* -- the web and the clock
 * ------------------------------------------------------- */

static int
synced(void)
{
    struct timex t = {0};
    int state = adjtimex(&t);

    return state < 0 ? -1 : state == TIME_ERROR ? 0 : 1;
}

static void
visit_web(struct visit *v)
{
    struct doctor_meta xml = {0}, json = {0};
    const struct doctor_meta *dated;
    const char *url;

    doctor_web_get(&xml, v->zone.domain, &v->zone.own, v->https, "host-meta",
                   &v->wire);
    doctor_web_get(&json, v->zone.domain, &v->zone.own, v->https,
                   "host-meta.json", &v->wire);
    doctor_judge_meta(&v->report, v->zone.domain, &xml, &json);
    url = xml.websocket[0] != '\0' ? xml.websocket : json.websocket;
    if (strncmp(url, "wss://", 6) == 0 &&
        doctor_wants(&v->report, DOCTOR_WEB)) {
        doctor_web_socket(&v->report, v->resolver, url, &v->wire);
    }
    dated = xml.has_date ? &xml : &json;
    doctor_judge_clock(&v->report, dated->has_date, dated->offset_ms,
                       synced());
}

/* -- options
 * ---------------------------------------------------------------------- */

static bool
read_groups(struct doctor_report *r, const char *list)
{
    while (*list != '\0') {
        size_t len = strcspn(list, ",");
        int g = 0;

        while (g < DOCTOR_PROXY && /* it is no group of a domain */
               (strlen(doctor_groups[g]) != len ||
                memcmp(doctor_groups[g], list, len) != 0)) {
            g++;
        }
        if (g == DOCTOR_PROXY) {
            return false;
        }
        r->only |= 1u << g;
        list += len + (list[len] == ',');
    }
    return r->only != 0;
}

static int
read_options(struct visit *v, int argc, char **argv)
{
    const char *only = NULL, *https = NULL, *timeout = NULL;
    const struct {
        const char *name;
        const char **value;
    } options[] = {{"--dns", &v->dns},       {"--ca", &v->wire.ca},
                   {"--only", &only},        {"--anchor", &v->anchor},
                   {"--cert", &v->cert},     {"--key", &v->key},
                   {"--https-port", &https}, {"--timeout", &timeout}};
    const char *const *const files[] = {&v->wire.ca, &v->anchor};
    int64_t number = 443, seconds = 10;

    for (int i = 0; i < argc; i++) {
        size_t len = strcspn(argv[i], "="), k = 0;

        if (strcmp(argv[i], "--json") == 0) {
            v->json = true;
            continue;
        }
        if (argv[i][0] != '-') {
            if (v->domain != NULL) {
                return ctl_say(2, "one domain at a time.");
            }
            v->domain = argv[i];
            continue;
        }
        while (k < CNC_N(options) &&
               (strlen(options[k].name) != len ||
                memcmp(options[k].name, argv[i], len) != 0)) {
            k++;
        }
        if (k == CNC_N(options) || (argv[i][len] == '\0' && i + 1 == argc)) {
            return ctl_say(2, "`concordctl help doctor` says how that goes.");
        }
        *options[k].value =
            argv[i][len] == '=' ? argv[i] + len + 1 : argv[++i];
    }
    if (v->domain == NULL || (v->key != NULL && v->cert == NULL) ||
        (https != NULL && !cnc__parse_int(&number, https, 1, 65535)) ||
        (timeout != NULL && !cnc__parse_int(&seconds, timeout, 1, 300))) {
        return ctl_say(2, "`concordctl help doctor` says how that goes.");
    }
    if (only != NULL && !read_groups(&v->report, only)) {
        return ctl_say(2, "--only takes words of dns, web, ports, certs, "
                          "s2s, clock, with commas between.");
    }
    for (size_t i = 0; i < CNC_N(files); i++) {
        if (*files[i] != NULL && access(*files[i], R_OK) != 0) {
            return ctl_say(2, "cannot read %s: %s.", *files[i],
                           strerror(errno));
        }
    }
    v->https = (uint16_t)number;
    v->wire.timeout_ms = (int)seconds * 1000;
    return 0;
}

/* As DNS spells it. */
static int
read_domain(struct visit *v)
{
    char *ascii = NULL;
    int rc = idn2_to_ascii_8z(v->domain, &ascii,
                              IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);

    if (rc != IDN2_OK || strpbrk(ascii, " @/:") != NULL || ascii[0] == '\0' ||
        strlen(ascii) >= sizeof(v->zone.domain)) {
        idn2_free(ascii);
        return ctl_say(2, "%s is no domain%s%s.", v->domain,
                       rc == IDN2_OK ? "" : ": ",
                       rc == IDN2_OK ? "" : idn2_strerror(rc));
    }
    memcpy(v->zone.domain, ascii, strlen(ascii) + 1);
    idn2_free(ascii);
    return 0;
}

static int
tell(struct visit *v)
{
    struct cnc__str out = CNC__STR;
    const char *plain = getenv("NO_COLOR");

    if (v->json) {
        doctor_json(&out, &v->report, v->domain);
        fputs(out.data, stdout);
        cnc__str_fini(&out);
    } else {
        doctor_print(&v->report,
                     isatty(1) && (plain == NULL || plain[0] == '\0'));
    }
    return doctor_worst(&v->report) == DOCTOR_FAIL ? 1 : 0;
}

/* A web server is meant, not a domain. */
static bool
is_proxy(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        for (int k = 0; k < DOCTOR_N_SERVERS; k++) {
            if (strncmp(argv[i], "--", 2) == 0 &&
                strcmp(argv[i] + 2, doctor_servers[k]) == 0) {
                return true;
            }
        }
    }
    return false;
}

static int
doctor(struct ctl *ctl, int argc, char **argv)
{
    struct visit *v;
    struct doctor_report *r;
    struct cnc_error err = {0};
    int code;

    if (is_proxy(argc, argv)) {
        return doctor_proxy(ctl, argc, argv);
    }
    v = cnc__zalloc(sizeof(*v));
    r = &v->report;
    code = read_options(v, argc, argv);

    if (code == 0) {
        code = read_domain(v);
    }
    if (code == 0 &&
        doctor_dns_open(&v->resolver, v->dns, v->anchor, &err) != 0) {
        code = ctl_fail(&err);
    }
    if (code == 0) {
        doctor_dns_zone(v->resolver, &v->zone);
        doctor_judge_zone(r, &v->zone);
        if (doctor_wants(r, DOCTOR_WEB) || doctor_wants(r, DOCTOR_CLOCK)) {
            visit_web(v);
        }
        if (doctor_wants(r, DOCTOR_PORTS) || doctor_wants(r, DOCTOR_CERTS) ||
            doctor_wants(r, DOCTOR_S2S)) {
            visit_ports(v);
        }
        if (v->cert != NULL) {
            doctor_files(r, v->cert, v->key, v->wire.ca, v->zone.domain,
                         time(NULL));
        }
        code = tell(v);
    }
    doctor_dns_close(&v->resolver);
    doctor_report_fini(r);
    cnc__free(v->dials);
    cnc__free(v);
    return code;
}

const struct ctl_command ctl_doctor[] = {
    {"doctor", "DOMAIN|--nginx|--apache|--caddy [OPTION...]",
     "see what a domain shows the network",
     "Asks DNS, connects to every port it names, and says what is wrong and "
     "which\nlines mend it. Needs no service on this machine. Ends with 1 "
     "when something\nFAILs.\n"
     "  --dns ADDR[:PORT]  ask this resolver\n"
     "  --only GROUPS      of dns, web, ports, certs, s2s, clock\n"
     "  --json             findings as JSON\n"
     "  --ca FILE          roots to trust instead of the machine's\n"
     "  --cert FILE, --key FILE\n"
     "                     look at these files too\n"
     "  --anchor FILE      DNSSEC trust anchors instead of the machine's\n"
     "  --https-port N     where HTTPS is, while it is not at 443\n"
     "  --timeout N        seconds to wait for each answer [10]\n"
     "With --nginx, --apache or --caddy instead of the domain: prints the "
     "configuration\nof that web server in front of the service that runs, "
     "which is asked over its\nsocket, and then asks through the web server "
     "that is there, by real requests and\na real WebSocket: what does not "
     "come through is said with the line that mends\nit, to standard error.\n"
     "  --url URL          where browsers find it [the service's --url]\n"
     "  --http ADDR        where the web server reaches the service, "
     "unix:PATH too\n                     [the service's --http]\n"
     "  --cert FILE --key FILE\n"
     "                     the web server's certificate [where certbot has "
     "it]\n"
     "  --print            only print the configuration\n"
     "  --check            only ask, to standard output\n"
     "  --idle N           watch a silent WebSocket for so many seconds\n"
     "  --json, --ca, --timeout\n"
     "                     as above\n",
     1, -1, true, doctor},
    {NULL, NULL, NULL, NULL, 0, 0, false, NULL},
};
