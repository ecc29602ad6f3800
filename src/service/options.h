/* SPDX-License-Identifier: MIT */
/*
 * options.h -- what is known of every option, in one table: --help,
 * --config-help, the command line, the configuration file, the judgement of
 * values and a reload are all made from it.
 *
 * A new option is one entry of option-table.c, a member of struct
 * cnc_service_options (and of struct cnc_service_domain when a domain may
 * have its own), and a paragraph of man/concordanced.1.
 */
#ifndef CNC_SERVICE_OPTIONS_H
#define CNC_SERVICE_OPTIONS_H

#include "private.h"

enum cnc__option_kind {
    CNC__OPTION_TEXT,
    CNC__OPTION_NUMBER,
    CNC__OPTION_FLAG,
    CNC__OPTION_LIST,
    CNC__OPTION_FRONT /* of a front end: no member, in no file */
};

enum cnc__option_group {
    CNC__GROUP_FILE,
    CNC__GROUP_PLACES,
    CNC__GROUP_TLS,
    CNC__GROUP_ACCOUNTS,
    CNC__GROUP_LIMITS,
    CNC__GROUP_FILES,
    CNC__GROUP_NETWORK,
    CNC__GROUP_PROCESS,
    CNC__N_GROUPS
};

struct cnc__option {
    const char *name;
    enum cnc__option_kind kind;
    size_t offset; /* in struct cnc_service_options */
    size_t own;    /* in struct cnc_service_domain; 0: not there */
    enum cnc__option_group group;
    const char *value;    /* what --help calls its value; NULL: a flag */
    const char *standard; /* without it, in words; NULL: nothing */
    const char *help;
    int64_t min, max; /* of a number */
    bool live;        /* a reload may change it */
    /* Of a text, or of each of a list; NULL: anything. */
    bool (*good)(const char *value);
    const char *wanted; /* what it is then */
    const char *example;
};

extern const struct cnc__option cnc__options[];
extern const size_t cnc__n_options;
extern const char *const cnc__option_groups[CNC__N_GROUPS];

/* NULL: there is none of this name. */
const struct cnc__option *cnc__option_find(const char *name, size_t len);
/* Can value be one of it?  CNC_EINVAL says why; dashes: what the name is
 * written with, "--" or "". */
int cnc__option_check(const struct cnc__option *opt, const char *dashes,
                      const char *value, struct cnc_error *err);
/* Judge every text and list of o. */
int cnc__options_check_each(const struct cnc_service_options *o,
                            struct cnc_error *err);

/* -- option-check.c: what values can be ----------------------------------- */

bool cnc__option_is_pattern(const char *s); /* example, *.example, * */
bool cnc__option_is_host_port(const char *s);
bool cnc__option_is_route(const char *s);    /* DOMAIN=HOST:PORT */
bool cnc__option_is_resolver(const char *s); /* ADDR[@PORT] */
bool cnc__option_is_origin(const char *s);
bool cnc__option_is_url(const char *s);
bool cnc__option_is_uri(const char *s);
bool cnc__option_is_user(const char *s);
bool cnc__option_is_level(const char *s); /* of the log */

#endif /* CNC_SERVICE_OPTIONS_H */
