/* SPDX-License-Identifier: MIT */
/*
 * options.c -- the words of the command line that every front end shares.
 */
#include <stdio.h>

#include "../base/text.h"
#include "private.h"

static const char help[] =
    "  --domain NAME      the XMPP domain to serve [localhost]\n"
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
    "  --origin URL       also let pages of this origin connect; may be "
    "given\n"
    "                     again\n"
    "  --allow-plain      offer SASL PLAIN without TLS, to loopback only\n"
    "  --max-stanza N     bytes of one stanza after log-in [262144]\n"
    "  --max-queue N      bytes that may wait for one slow client [1048576]\n"
    "  --renders N        render processes [1]\n"
    "  --log-level LEVEL  debug, info, warn or error [info]\n";

const char *
cnc_service_options_help(void)
{
    return help;
}

enum kind { TEXT, NUMBER, FLAG, ORIGIN };

static const struct option {
    const char *name;
    enum kind kind;
    size_t offset;
    int64_t min, max;
} options[] = {
#define O(name, kind, member, ...)                                            \
    {                                                                         \
        name, kind, offsetof(struct cnc_service_options, member), __VA_ARGS__ \
    }
    O("domain", TEXT, domain, 0, 0),
    O("http", TEXT, http, 0, 0),
    O("data", TEXT, data, 0, 0),
    O("store", TEXT, store, 0, 0),
    O("www", TEXT, www, 0, 0),
    O("link", TEXT, link, 0, 0),
    O("files", TEXT, files, 0, 0),
    O("tls-cert", TEXT, tls_cert, 0, 0),
    O("tls-key", TEXT, tls_key, 0, 0),
    O("origin", ORIGIN, origins, 0, 0),
    O("allow-plain", FLAG, allow_plain, 0, 0),
    O("max-stanza", NUMBER, max_stanza, 10000, 64 << 20),
    O("max-queue", NUMBER, max_queue, 65536, 256 << 20),
    O("renders", NUMBER, renders, 1, 64),
    O("log-level", TEXT, log_level, 0, 0),
#undef O
};

/* The list grows by one; the old one is given back. */
static void
add_origin(struct cnc_service_options *o, const char *origin)
{
    size_t n = 0;
    const char **list;

    while (o->origins != NULL && o->origins[n] != NULL) {
        n++;
    }
    list = cnc__realloc((void *)o->origins, n + 2, sizeof(*list));
    list[n] = origin;
    list[n + 1] = NULL;
    o->origins = list;
}

static int
set(struct cnc_service_options *o, const struct option *opt, const char *value,
    struct cnc_error *err)
{
    void *member = (char *)o + opt->offset;
    int64_t number;

    switch (opt->kind) {
    case TEXT:
        *(const char **)member = value;
        return 0;
    case FLAG:
        *(bool *)member = true;
        return 0;
    case ORIGIN:
        add_origin(o, value);
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

void
cnc_service_options_fini(struct cnc_service_options *o)
{
    cnc__free((void *)o->origins);
    o->origins = NULL;
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
