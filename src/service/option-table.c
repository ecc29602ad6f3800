/* SPDX-License-Identifier: MIT */
/*
 * option-table.c -- every option: an entry, in the order of --help, each
 * group's together.
 */
#include "options.h"

const char *const cnc__option_groups[CNC__N_GROUPS] = {
    [CNC__GROUP_FILE] = "The configuration file",
    [CNC__GROUP_PLACES] = "What is served, and where",
    [CNC__GROUP_TLS] = "TLS",
    [CNC__GROUP_ACCOUNTS] = "Accounts and people",
    [CNC__GROUP_LIMITS] = "Limits",
    [CNC__GROUP_FILES] = "Files that people send",
    [CNC__GROUP_NETWORK] = "The XMPP network",
    [CNC__GROUP_PROCESS] = "The process",
};

#define ADDRESS "an address and a port such as 127.0.0.1:8080"
#define PATTERN "a domain, or *.example for all below"

/* O: of the process.  D: a domain may have its own. */
#define O(name, kind, member)                                                 \
    name, CNC__OPTION_##kind, offsetof(struct cnc_service_options, member), 0
/* F: of the front end, and in no file. */
#define F(name) name, CNC__OPTION_FRONT, 0, 0
#define D(name, kind, member)                                                 \
    name, CNC__OPTION_##kind, offsetof(struct cnc_service_options, member),   \
        offsetof(struct cnc_service_domain, member)

const struct cnc__option cnc__options[] = {
    /* -- where the rest is ------------------------------------------------ */
    {F("config"), CNC__GROUP_FILE, "FILE",
     CNC_CONFIG_FILE " when there is no word at all",
     "read options and apps from this file; the command line overrules it"},
    {F("check"), CNC__GROUP_FILE, NULL, NULL,
     "judge the file and the command line, and start nothing"},
    {F("config-help"), CNC__GROUP_FILE, NULL, NULL,
     "print such a file, with every option explained"},

    /* -- places ----------------------------------------------------------- */
    {D("domain", TEXT, domain), CNC__GROUP_PLACES, "NAME", "localhost",
     "the XMPP domain to serve; again: see below", .good = cnc__is_domain,
     .wanted = "a host's name such as books.example",
     .example = "books.example"},
    {O("http", TEXT, http), CNC__GROUP_PLACES, "ADDR", "127.0.0.1:8080",
     "where pages and WebSocket are served, such as 127.0.0.1:8080, "
     "[::1]:8080 or *:8080; port 0 takes any free one; or unix:PATH, for a "
     "web server in front"},
    {O("http-proxy", LIST, http_proxy), CNC__GROUP_PLACES, "ADDR", NULL,
     "the same by a proxy that says whose each connection is (PROXY "
     "protocol, version 2)",
     .example = "127.0.0.1:8081"},
    {O("socket-group", TEXT, socket_group), CNC__GROUP_PLACES, "NAME",
     "the process's", "the group that may use the Unix sockets, of mode 0660",
     .example = "www-data"},
    {D("data", TEXT, data), CNC__GROUP_PLACES, "DIR", "data",
     "the folder for everything that is kept",
     .example = "/var/lib/concordance"},
    {O("store", TEXT, store), CNC__GROUP_PLACES, "NAME", "sqlite",
     "where things are kept: sqlite, or memory (nothing outlives the "
     "process)"},
    {D("www", TEXT, www), CNC__GROUP_PLACES, "DIR", "DATA/www",
     "the folder of page snapshots", .example = "/var/lib/concordance/www"},
    {O("link", TEXT, link), CNC__GROUP_PLACES, "PATH", "DATA/link",
     "the Unix socket for concordctl and web processes",
     .example = "/run/concordance/link"},
    {O("link-user", LIST, link_users), CNC__GROUP_PLACES, "USER", NULL,
     "this user's web processes may ask for browsers over the link",
     .live = true, .good = cnc__option_is_user,
     .wanted = "a user of this machine, by name or number",
     .example = "www-data"},
    {O("handoff", TEXT, handoff), CNC__GROUP_PLACES, "PATH", NULL,
     "the Unix socket where web servers give WebSockets away to the service",
     .example = "/run/concordance/handoff"},
    {D("files", TEXT, files), CNC__GROUP_PLACES, "DIR",
     "the folder the app is in",
     "the app's templates (*.xsl) and its folder assets/",
     .example = "/usr/share/bookcase"},
    {D("url", TEXT, url), CNC__GROUP_PLACES, "URL",
     "https://DOMAIN; of localhost: that of --http",
     "where people find the pages, for links in messages", .live = true,
     .good = cnc__option_is_url,
     .wanted =
         "a scheme and a host such as https://books.example (a path of it "
         "is --prefix)",
     .example = "https://books.example"},
    {D("prefix", TEXT, prefix), CNC__GROUP_PLACES, "PATH", NULL,
     "all addresses are below this path of a site, such as /books; apps go on "
     "writing /",
     .good = cnc__is_prefix,
     .wanted =
         "a path such as /books: it begins with /, ends without, and has "
         "letters, digits, - . _ ~ alone",
     .example = "/books"},
    {D("origin", LIST, origins), CNC__GROUP_PLACES, "URL", NULL,
     "also let pages of this origin connect", .live = true,
     .good = cnc__option_is_origin,
     .wanted = "a page's scheme and host such as https://books.example",
     .example = "https://www.books.example"},
    {D("no-console", FLAG, no_console), CNC__GROUP_PLACES, NULL, NULL,
     "no page /_console for raw XML", .live = true},

    /* -- TLS -------------------------------------------------------------- */
    {D("tls-cert", TEXT, tls_cert), CNC__GROUP_TLS, "FILE", NULL,
     "serve HTTPS with this PEM certificate chain",
     .example = "/etc/concordance/books.example.crt"},
    {D("tls-key", TEXT, tls_key), CNC__GROUP_TLS, "FILE", NULL,
     "the PEM key of --tls-cert",
     .example = "/etc/concordance/books.example.key"},
    {O("http-plain", FLAG, http_plain), CNC__GROUP_TLS, NULL, NULL,
     "HTTP without TLS though there is --tls-cert: a proxy does it"},
    {O("ca", TEXT, ca), CNC__GROUP_TLS, "FILE", "the system's alone",
     "further certificate authorities to trust",
     .example = "/etc/concordance/ca.pem"},

    /* -- accounts --------------------------------------------------------- */
    {D("operator", LIST, operators), CNC__GROUP_ACCOUNTS, "JID", NULL,
     "this account may do everything, from any client", .live = true,
     .example = "admin@books.example"},
    {D("registration", FLAG, registration), CNC__GROUP_ACCOUNTS, NULL, NULL,
     "strangers may make accounts (XEP-0077)"},
    {D("contact", LIST, contact), CNC__GROUP_ACCOUNTS, "URI", NULL,
     "whom people may write to (XEP-0157)", .live = true,
     .good = cnc__option_is_uri,
     .wanted = "a URI such as mailto:admin@books.example",
     .example = "mailto:admin@books.example"},
    {D("without", LIST, without), CNC__GROUP_ACCOUNTS, "NAME", NULL,
     "what accounts do not get: roster, offline, carbons, archive, blocking, "
     "vcard, private, pep, upload",
     .example = "archive"},
    {O("allow-plain", FLAG, allow_plain), CNC__GROUP_ACCOUNTS, NULL, NULL,
     "offer SASL PLAIN without TLS, to loopback only"},
    {O("max-resources", NUMBER, max_resources), CNC__GROUP_ACCOUNTS, "N", "50",
     "resources of one account", 1, 10000, .live = true},
    {O("resume", NUMBER, resume), CNC__GROUP_ACCOUNTS, "N", "300",
     "seconds a lost session waits for its client", 1, 86400, .live = true},

    /* -- limits ----------------------------------------------------------- */
    {O("max-stanza", NUMBER, max_stanza), CNC__GROUP_LIMITS, "N", "262144",
     "bytes of one stanza after log-in", 10000, 64 << 20, .live = true},
    {O("max-queue", NUMBER, max_queue), CNC__GROUP_LIMITS, "N", "1048576",
     "bytes that may wait for one slow client", 65536, 256 << 20,
     .live = true},
    {O("app-time", NUMBER, app_time), CNC__GROUP_LIMITS, "N", "30",
     "seconds that a handler of an app may take before the app is paused", 1,
     86400, .live = true},
    {O("app-flood", NUMBER, app_flood), CNC__GROUP_LIMITS, "N", "2000",
     "items a second that an app may publish, for ten seconds", 1, 1 << 30,
     .live = true},
    {O("app-memory", NUMBER, app_memory), CNC__GROUP_LIMITS, "N", "no limit",
     "MB that an app may take more than when it started", 1, 1 << 20,
     .live = true, .example = "512"},

    /* -- files ------------------------------------------------------------ */
    {O("max-upload", NUMBER, max_upload), CNC__GROUP_FILES, "N", "10485760",
     "bytes of a file that somebody sends", 1000, 1 << 30, .live = true},
    {O("upload-quota", NUMBER, upload_quota), CNC__GROUP_FILES, "N", "1000",
     "MB of files that one account may keep", 1, 1 << 30, .live = true},
    {O("upload-files", NUMBER, upload_files), CNC__GROUP_FILES, "N", "10000",
     "how many files one account may keep", 1, 1 << 30, .live = true},
    {O("upload-total", NUMBER, upload_total), CNC__GROUP_FILES, "N", "10000",
     "MB of files that all may keep", 1, 1 << 30, .live = true},
    {O("upload-days", NUMBER, upload_days), CNC__GROUP_FILES, "N", "never",
     "delete files after so many days", 1, 36500, .live = true,
     .example = "365"},
    {O("upload-guests", FLAG, upload_guests), CNC__GROUP_FILES, NULL, NULL,
     "let guests send files, too", .live = true},

    /* -- the XMPP network ------------------------------------------------- */
    {O("c2s", LIST, c2s), CNC__GROUP_NETWORK, "ADDR", NULL,
     "clients by TCP, such as *:5222; or unix:PATH, for a web server in "
     "front",
     .example = "*:5222"},
    {O("c2s-proxy", LIST, c2s_proxy), CNC__GROUP_NETWORK, "ADDR", NULL,
     "clients by a proxy that says whose each connection is (PROXY "
     "protocol, version 2)",
     .example = "unix:/run/concordance/c2s"},
    {O("c2s-tls", LIST, c2s_tls), CNC__GROUP_NETWORK, "ADDR", NULL,
     "clients by TLS from the first byte, such as *:5223",
     .example = "*:5223"},
    {O("s2s", LIST, s2s), CNC__GROUP_NETWORK, "ADDR", NULL,
     "other servers by TCP, such as *:5269", .example = "*:5269"},
    {O("s2s-tls", LIST, s2s_tls), CNC__GROUP_NETWORK, "ADDR", NULL,
     "other servers by TLS, such as *:5270", .example = "*:5270"},
    {O("dns", TEXT, dns), CNC__GROUP_NETWORK, "ADDR[@PORT]",
     "/etc/resolv.conf", "the DNS server to ask",
     .good = cnc__option_is_resolver,
     .wanted = "an address and perhaps a port, such as 192.0.2.53@53",
     .example = "192.0.2.53"},
    {O("trust-anchor", TEXT, trust_anchor), CNC__GROUP_NETWORK, "FILE",
     "the system's", "DNSSEC's root keys", .example = "/etc/unbound/root.key"},
    {O("s2s-cert", FLAG, s2s_cert), CNC__GROUP_NETWORK, NULL, NULL,
     "other servers need a trusted certificate"},
    {D("s2s-allow", LIST, s2s_allow), CNC__GROUP_NETWORK, "NAME", NULL,
     "talk to these domains alone; *.example too", .live = true,
     .good = cnc__option_is_pattern, .wanted = PATTERN,
     .example = "*.friends.example"},
    {D("s2s-deny", LIST, s2s_deny), CNC__GROUP_NETWORK, "NAME", NULL,
     "never talk to these domains", .live = true,
     .good = cnc__option_is_pattern, .wanted = PATTERN,
     .example = "spam.example"},
    {D("s2s-plain", LIST, s2s_plain), CNC__GROUP_NETWORK, "NAME", NULL,
     "these domains may do without TLS", .live = true,
     .good = cnc__option_is_pattern, .wanted = PATTERN,
     .example = "old.example"},
    {O("s2s-route", LIST, s2s_route), CNC__GROUP_NETWORK, "D=H:P", NULL,
     "reach domain D at host H, port P", .good = cnc__option_is_route,
     .wanted = "DOMAIN=HOST:PORT, such as capulet.example=127.0.0.1:5269",
     .example = "capulet.example=127.0.0.1:5269"},
    {O("s2s-wait", NUMBER, s2s_wait), CNC__GROUP_NETWORK, "N", "60",
     "seconds a stanza waits for another server", 1, 86400},
    {O("component", TEXT, component), CNC__GROUP_NETWORK, "ADDR",
     "127.0.0.1:5347", "where components connect"},
    {D("component-secret", LIST, components), CNC__GROUP_NETWORK, "NAME=FILE",
     NULL, "this component may connect, with the secret in FILE",
     .example = "shop.books.example=/etc/concordance/shop.secret"},
    {D("attach", TEXT, attach), CNC__GROUP_NETWORK, "HOST:PORT", NULL,
     "be a component (XEP-0114) of that server: no S2S",
     .good = cnc__option_is_host_port,
     .wanted = "HOST:PORT, such as 127.0.0.1:5347",
     .example = "127.0.0.1:5347"},
    {D("attach-secret", TEXT, attach_secret), CNC__GROUP_NETWORK, "FILE", NULL,
     "the secret for --attach is in this file",
     .example = "/etc/concordance/secret"},

    /* -- the process ------------------------------------------------------ */
    {O("renders", NUMBER, renders), CNC__GROUP_PROCESS, "N", "1",
     "processes that render pages", 1, 64},
    {O("log-level", TEXT, log_level), CNC__GROUP_PROCESS, "LEVEL", "info",
     "what the log has: debug, info, warn or error", .live = true,
     .good = cnc__option_is_level, .wanted = "debug, info, warn or error"},
    {O("log", TEXT, log), CNC__GROUP_PROCESS, "FILE",
     "standard error, or the journal",
     "write the log to this file, which a reload opens again", .live = true,
     .example = "/var/log/concordance/concordance.log"},
    {O("supervise", FLAG, supervise), CNC__GROUP_PROCESS, NULL, NULL,
     "start the service again when a crash ends it"},
};

const size_t cnc__n_options = CNC_N(cnc__options);
