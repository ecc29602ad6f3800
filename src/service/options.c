/* SPDX-License-Identifier: MIT */
/*
 * options.c -- the words of the command line that every front end shares, and
 * what a domain makes of those for all and its own.
 */
#include <stdio.h>

#include "../base/text.h"
#include "private.h"

static const char help[] =
    "  --domain NAME      the XMPP domain to serve [localhost]; again: see\n"
    "                     below\n"
    "  --http ADDR        where pages and WebSocket are served, such as\n"
    "                     127.0.0.1:8080, [::1]:8080 or *:8080; port 0 takes\n"
    "                     any free one [127.0.0.1:8080]\n"
    "  --data DIR         the folder for everything that is kept [data]\n"
    "  --store NAME       sqlite, or memory (nothing outlives the process)\n"
    "                     [sqlite]\n"
    "  --www DIR          the folder of page snapshots [DATA/www]\n"
    "  --link PATH        the Unix socket for concordctl and web processes\n"
    "                     [DATA/link]\n"
    "  --files DIR        the app's templates (*.xsl) and its folder assets/\n"
    "                     [the folder the app is in]\n"
    "  --tls-cert FILE    serve HTTPS with this PEM certificate chain\n"
    "  --tls-key FILE     and this PEM key\n"
    "  --url URL          where people find the pages, for links in messages\n"
    "                     [https://DOMAIN; of localhost: that of --http]\n"
    "  --origin URL       also let pages of this origin connect; may be "
    "given\n"
    "                     again\n"
    "  --allow-plain      offer SASL PLAIN without TLS, to loopback only\n"
    "  --max-stanza N     bytes of one stanza after log-in [262144]\n"
    "  --max-queue N      bytes that may wait for one slow client [1048576]\n"
    "  --renders N        render processes [1]\n"
    "  --log-level LEVEL  debug, info, warn or error [info]\n"
    "  --no-console       no page /_console for raw XML\n"
    "  --supervise        start the service again when a crash ends it\n"
    "  --max-upload N     bytes of a file that somebody sends [10485760]\n"
    "  --upload-quota N   MB of files that one account may keep [1000]\n"
    "  --upload-files N   and how many [10000]\n"
    "  --upload-total N   MB of files that all may keep [10000]\n"
    "  --upload-days N    delete files after so many days [never]\n"
    "  --upload-guests    let guests send files, too\n"
    "  --app-time N       seconds that a handler of an app may take before "
    "the\n"
    "                     app is paused [30]\n"
    "  --app-flood N      items a second that an app may publish, for ten\n"
    "                     seconds [2000]\n"
    "  --app-memory N     MB that an app may take more than when it started\n"
    "                     [no limit]\n"
    "\n"
    "The XMPP network (LIST: may be given again):\n"
    "  --c2s ADDR         LIST clients by TCP, such as *:5222\n"
    "  --c2s-tls ADDR     LIST clients by TLS from the first byte, such as\n"
    "                     *:5223\n"
    "  --s2s ADDR         LIST other servers by TCP, such as *:5269\n"
    "  --s2s-tls ADDR     LIST other servers by TLS, such as *:5270\n"
    "  --http-plain       HTTP without TLS though there is --tls-cert: a "
    "proxy\n"
    "                     does it\n"
    "  --ca FILE          further certificate authorities to trust\n"
    "  --dns ADDR[@PORT]  the DNS server to ask [/etc/resolv.conf]\n"
    "  --trust-anchor F   DNSSEC's root keys [the system's]\n"
    "  --s2s-cert         other servers need a trusted certificate\n"
    "  --s2s-allow NAME   LIST talk to these domains alone; *.example too\n"
    "  --s2s-deny NAME    LIST never talk to these\n"
    "  --s2s-plain NAME   LIST these may do without TLS\n"
    "  --s2s-route D=H:P  LIST reach domain D at host H, port P\n"
    "  --s2s-wait N       seconds a stanza waits for another server [60]\n"
    "  --component ADDR   where components connect [127.0.0.1:5347]\n"
    "  --component-secret NAME=FILE\n"
    "                     LIST this component may, with the secret in FILE\n"
    "  --attach HOST:PORT be a component (XEP-0114) of that server: no S2S\n"
    "  --attach-secret F  with the secret in this file\n"
    "  --without NAME     LIST what accounts do not get: roster, offline,\n"
    "                     carbons, archive, blocking, vcard, private, "
    "pep,\n"
    "                     upload\n"
    "  --registration     strangers may make accounts (XEP-0077)\n"
    "  --operator JID     LIST this account may do everything, from any "
    "client\n"
    "  --contact URI      LIST whom people may write to (XEP-0157)\n"
    "  --max-resources N  resources of one account [50]\n"
    "  --resume N         seconds a lost session waits for its client "
    "[300]\n"
    "\n"
    "Several domains: each --domain begins one, and its apps come after it.\n"
    "Options before the first are for all of them. After it, these are that\n"
    "domain's own: data, www, files, url, tls-cert, tls-key, origin, "
    "s2s-allow,\n"
    "s2s-deny, s2s-plain, component-secret, attach, attach-secret, without,\n"
    "registration, contact, operator, no-console.\n";

const char *
cnc_service_options_help(void)
{
    return help;
}

enum kind { TEXT, NUMBER, FLAG, LIST };

/* O: of the process.  D: a domain may have its own. */
static const struct option {
    const char *name;
    enum kind kind;
    size_t offset;
    int64_t min, max;
    size_t own; /* offset in struct cnc_service_domain; 0: not there */
} options[] = {
#define O(name, kind, member, ...)                                            \
    {                                                                         \
        name, kind, offsetof(struct cnc_service_options, member), __VA_ARGS__ \
    }
#define D(name, kind, member)                                                 \
    O(name, kind, member, 0, 0, offsetof(struct cnc_service_domain, member))
    D("domain", TEXT, domain),
    O("http", TEXT, http, 0, 0),
    D("data", TEXT, data),
    O("store", TEXT, store, 0, 0),
    D("www", TEXT, www),
    O("link", TEXT, link, 0, 0),
    D("files", TEXT, files),
    D("tls-cert", TEXT, tls_cert),
    D("tls-key", TEXT, tls_key),
    D("url", TEXT, url),
    D("origin", LIST, origins),
    O("allow-plain", FLAG, allow_plain, 0, 0),
    O("max-stanza", NUMBER, max_stanza, 10000, 64 << 20),
    O("max-queue", NUMBER, max_queue, 65536, 256 << 20),
    O("renders", NUMBER, renders, 1, 64),
    O("log-level", TEXT, log_level, 0, 0),
    O("c2s", LIST, c2s, 0, 0),
    O("c2s-tls", LIST, c2s_tls, 0, 0),
    O("s2s", LIST, s2s, 0, 0),
    O("s2s-tls", LIST, s2s_tls, 0, 0),
    O("http-plain", FLAG, http_plain, 0, 0),
    O("ca", TEXT, ca, 0, 0),
    O("dns", TEXT, dns, 0, 0),
    O("trust-anchor", TEXT, trust_anchor, 0, 0),
    O("s2s-cert", FLAG, s2s_cert, 0, 0),
    D("s2s-allow", LIST, s2s_allow),
    D("s2s-deny", LIST, s2s_deny),
    D("s2s-plain", LIST, s2s_plain),
    O("s2s-route", LIST, s2s_route, 0, 0),
    O("s2s-wait", NUMBER, s2s_wait, 1, 86400),
    O("component", TEXT, component, 0, 0),
    D("component-secret", LIST, components),
    D("attach", TEXT, attach),
    D("attach-secret", TEXT, attach_secret),
    D("without", LIST, without),
    D("registration", FLAG, registration),
    D("contact", LIST, contact),
    D("operator", LIST, operators),
    D("no-console", FLAG, no_console),
    O("max-resources", NUMBER, max_resources, 1, 10000),
    O("resume", NUMBER, resume, 1, 86400),
    O("supervise", FLAG, supervise, 0, 0),
    O("max-upload", NUMBER, max_upload, 1000, 1 << 30),
    O("upload-quota", NUMBER, upload_quota, 1, 1 << 30),
    O("upload-files", NUMBER, upload_files, 1, 1 << 30),
    O("upload-total", NUMBER, upload_total, 1, 1 << 30),
    O("upload-days", NUMBER, upload_days, 1, 36500),
    O("upload-guests", FLAG, upload_guests, 0, 0),
    O("app-time", NUMBER, app_time, 1, 86400),
    O("app-flood", NUMBER, app_flood, 1, 1 << 30),
    O("app-memory", NUMBER, app_memory, 1, 1 << 20),
#undef D
#undef O
};

/* The list grows by one; the old one is given back. */
static void
add_to_list(const char ***list, const char *value)
{
    size_t n = 0;

    while (*list != NULL && (*list)[n] != NULL) {
        n++;
    }
    *list = cnc__realloc((void *)*list, n + 2, sizeof(**list));
    (*list)[n] = value;
    (*list)[n + 1] = NULL;
}

static size_t
count_domains(const struct cnc_service_options *o)
{
    size_t n = 0;

    while (o->domains != NULL && o->domains[n].domain != NULL) {
        n++;
    }
    return n;
}

/* What was named last; NULL: none. */
static struct cnc_service_domain *
last_domain(const struct cnc_service_options *o)
{
    size_t n = count_domains(o);

    return n == 0 ? NULL : (struct cnc_service_domain *)&o->domains[n - 1];
}

static int
begin_domain(struct cnc_service_options *o, const char *name,
             struct cnc_error *err)
{
    size_t n = count_domains(o);
    struct cnc_service_domain *list;

    if (o->apps != NULL) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "--domain %s comes after an app that has no "
                             "domain; name the app after its own --domain",
                             name);
    }
    list = cnc__realloc((void *)o->domains, n + 2, sizeof(*list));
    list[n] =
        (struct cnc_service_domain){.size = sizeof(*list), .domain = name};
    list[n + 1] = (struct cnc_service_domain){0};
    o->domains = list;
    return 0;
}

static int
set(struct cnc_service_options *o, const struct option *opt, const char *value,
    struct cnc_error *err)
{
    struct cnc_service_domain *domain = last_domain(o);
    void *member = opt->own != 0 && domain != NULL ? (char *)domain + opt->own
                                                   : (char *)o + opt->offset;
    int64_t number;

    if (opt->offset == offsetof(struct cnc_service_options, domain)) {
        return begin_domain(o, value, err);
    }

    switch (opt->kind) {
    case TEXT:
        *(const char **)member = value;
        return 0;
    case FLAG:
        *(bool *)member = true;
        return 0;
    case LIST:
        add_to_list(member, value);
        return 0;
    case NUMBER:
        if (!cnc__parse_int(&number, value, opt->min, opt->max)) {
            return cnc_error_set(err, CNC_EINVAL, NULL,
                                 "--%s needs a number from %lld to %lld, "
                                 "\"%s\" is none",
                                 opt->name, (long long)opt->min,
                                 (long long)opt->max, value);
        }
        *(uint32_t *)member = (uint32_t)number;
        return 0;
    }
    return CNC_EINVAL;
}

static const struct option *
find(const char *word, size_t len)
{
    for (size_t i = 0; i < CNC_N(options); i++) {
        if (strlen(options[i].name) == len &&
            memcmp(options[i].name, word, len) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

static void
drop_list(void *object, size_t offset)
{
    void **list = (void **)((char *)object + offset);

    cnc__free(*list);
    *list = NULL;
}

void
cnc_service_options_fini(struct cnc_service_options *o)
{
    size_t n = count_domains(o);

    for (size_t i = 0; i < CNC_N(options); i++) {
        if (options[i].kind != LIST) {
            continue;
        }
        drop_list(o, options[i].offset);
        for (size_t k = 0; options[i].own != 0 && k < n; k++) {
            drop_list((void *)&o->domains[k], options[i].own);
        }
    }
    cnc__free((void *)o->domains);
    o->domains = NULL;
}

void
cnc_service_options_apps(struct cnc_service_options *o,
                         const struct cnc_service_app *apps)
{
    struct cnc_service_domain *domain = last_domain(o);

    *(domain == NULL ? &o->apps : &domain->apps) = apps;
}

const char *
cnc_service_options_files(const struct cnc_service_options *o)
{
    const struct cnc_service_domain *domain = last_domain(o);

    return domain != NULL && domain->files != NULL ? domain->files : o->files;
}

/* -- what a domain makes of them ------------------------------------------ */

/* A *new* list of both, NULL when there is nothing. */
static const char **
join(const char *const *all, const char *const *own)
{
    const char **list = NULL;

    for (; all != NULL && *all != NULL; all++) {
        add_to_list(&list, *all);
    }
    for (; own != NULL && *own != NULL; own++) {
        add_to_list(&list, *own);
    }
    return list;
}

void
cnc__options_of(struct cnc_service_options *out,
                const struct cnc_service_options *o,
                const struct cnc_service_domain *domain)
{
    *out = *o;
    out->domains = NULL;
    for (size_t i = 0; i < CNC_N(options); i++) {
        const void *all = (const char *)o + options[i].offset;
        void *member = (char *)out + options[i].offset;
        const void *own =
            domain == NULL || options[i].own == 0
                ? NULL
                : (const void *)((const char *)domain + options[i].own);

        if (options[i].kind == LIST) {
            *(const char ***)member =
                join(*(const char *const *const *)all,
                     own == NULL ? NULL : *(const char *const *const *)own);
        } else if (own != NULL && options[i].kind == TEXT &&
                   *(const char *const *)own != NULL) {
            *(const char **)member = *(const char *const *)own;
        } else if (own != NULL && options[i].kind == FLAG) {
            *(bool *)member = *(const bool *)all || *(const bool *)own;
        }
    }
    if (domain != NULL) {
        out->apps = domain->apps;
    }
}

int
cnc_service_options_parse(struct cnc_service_options *o, int argc,
                          char *const *argv, int *used, struct cnc_error *err)
{
    int i = 0;

    while (i < argc && argv[i][0] == '-' && argv[i][1] == '-') {
        const char *word = argv[i] + 2;
        size_t len = strcspn(word, "=");
        const struct option *opt = find(word, len);
        const char *value = word[len] == '=' ? word + len + 1 : NULL;
        int code;

        if (word[0] == '\0' || strcmp(word, "help") == 0 ||
            strcmp(word, "version") == 0) {
            break;
        }
        if (opt == NULL) {
            return cnc_error_set(err, CNC_EINVAL, NULL,
                                 "there is no option %s; --help lists them",
                                 argv[i]);
        }
        if (opt->kind == FLAG && value != NULL) {
            return cnc_error_set(err, CNC_EINVAL, NULL, "--%s takes no value",
                                 opt->name);
        }
        if (opt->kind != FLAG && value == NULL) {
            if (++i == argc) {
                return cnc_error_set(err, CNC_EINVAL, NULL,
                                     "--%s needs a value; --help says which",
                                     opt->name);
            }
            value = argv[i];
        }
        code = set(o, opt, value, err);
        if (code != 0) {
            return code;
        }
        i++;
    }
    *used = i;
    return 0;
}
