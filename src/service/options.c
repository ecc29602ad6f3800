/* SPDX-License-Identifier: MIT */
/*
 * options.c -- the words of the command line that every front end shares, and
 * what a domain makes of those for all and its own.  The table is in
 * option-table.c.
 */
#include "options.h"
#include "../base/text.h"

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
set(struct cnc_service_options *o, const struct cnc__option *opt,
    const char *value, struct cnc_error *err)
{
    struct cnc_service_domain *domain = last_domain(o);
    void *member = opt->own != 0 && domain != NULL ? (char *)domain + opt->own
                                                   : (char *)o + opt->offset;
    int64_t number = 0;
    int code;

    if (opt->offset == offsetof(struct cnc_service_options, domain)) {
        return begin_domain(o, value, err);
    }
    switch (opt->kind) {
    case CNC__OPTION_TEXT:
        *(const char **)member = value;
        return 0;
    case CNC__OPTION_FLAG:
        *(bool *)member = true;
        return 0;
    case CNC__OPTION_LIST:
        add_to_list(member, value);
        return 0;
    case CNC__OPTION_NUMBER:
        code = cnc__option_check(opt, "--", value, err);
        cnc__parse_int(&number, value, opt->min, opt->max);
        if (code == 0) {
            *(uint32_t *)member = (uint32_t)number;
        }
        return code;
    default:
        return CNC_EINVAL;
    }
}

const struct cnc__option *
cnc__option_find(const char *name, size_t len)
{
    for (size_t i = 0; i < cnc__n_options; i++) {
        if (strlen(cnc__options[i].name) == len &&
            memcmp(cnc__options[i].name, name, len) == 0) {
            return &cnc__options[i];
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

    for (size_t i = 0; i < cnc__n_options; i++) {
        if (cnc__options[i].kind != CNC__OPTION_LIST) {
            continue;
        }
        drop_list(o, cnc__options[i].offset);
        for (size_t k = 0; cnc__options[i].own != 0 && k < n; k++) {
            drop_list((void *)&o->domains[k], cnc__options[i].own);
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
    for (size_t i = 0; i < cnc__n_options; i++) {
        const void *all = (const char *)o + cnc__options[i].offset;
        void *member = (char *)out + cnc__options[i].offset;
        const void *own =
            domain == NULL || cnc__options[i].own == 0
                ? NULL
                : (const void *)((const char *)domain + cnc__options[i].own);

        if (cnc__options[i].kind == CNC__OPTION_LIST) {
            *(const char ***)member =
                join(*(const char *const *const *)all,
                     own == NULL ? NULL : *(const char *const *const *)own);
        } else if (own != NULL && cnc__options[i].kind == CNC__OPTION_TEXT &&
                   *(const char *const *)own != NULL) {
            *(const char **)member = *(const char *const *)own;
        } else if (own != NULL && cnc__options[i].kind == CNC__OPTION_FLAG) {
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
        const struct cnc__option *opt = cnc__option_find(word, len);
        const char *value = word[len] == '=' ? word + len + 1 : NULL;
        int code;

        if (word[0] == '\0' || strcmp(word, "help") == 0 ||
            strcmp(word, "version") == 0 ||
            (opt != NULL && opt->kind == CNC__OPTION_FRONT)) {
            break;
        }
        if (opt == NULL) {
            return cnc_error_set(err, CNC_EINVAL, NULL,
                                 "there is no option %s; --help lists them",
                                 argv[i]);
        }
        if (opt->kind == CNC__OPTION_FLAG && value != NULL) {
            return cnc_error_set(err, CNC_EINVAL, NULL, "--%s takes no value",
                                 opt->name);
        }
        if (opt->kind != CNC__OPTION_FLAG && value == NULL) {
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
