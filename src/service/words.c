/* SPDX-License-Identifier: MIT */
/*
 * words.c -- the words of a command line, with those of its configuration
 * file among them:
 *
 *   its options before the first --domain; what the file says and the
 *   command line does not; its apps; its --domains
 *
 * so that whatever reads a command line reads a file, too.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "config-file.h"

/* What is being put together. */
struct making {
    struct cnc_service_words *out;
    size_t cap;
    struct cnc__config_file file;
    bool all[128], named[128]; /* is this option there: for all; anywhere */
    bool domains;              /* the command line has a --domain */
    int n_apps;                /* of it, before that */
};

static void
add(struct making *m, char *word)
{
    struct cnc_service_words *w = m->out;

    if ((size_t)w->argc + 2 > m->cap) {
        m->cap = m->cap == 0 ? 32 : m->cap * 2;
        w->argv = cnc__realloc((void *)w->argv, m->cap, sizeof(*w->argv));
    }
    w->argv[w->argc++] = word;
    w->argv[w->argc] = NULL;
}

/* How many words it is, and which option (NULL: of another kind). */
static int
words_of(const struct cnc__option **opt, const char **value, char *const *argv,
         int left)
{
    const char *word = argv[0] + 2;
    size_t len;

    *opt = NULL;
    *value = NULL;
    if (argv[0][0] != '-' || argv[0][1] != '-') {
        return 1;
    }
    len = strcspn(word, "=");
    *opt = cnc__option_find(word, len);
    if (word[len] == '=') {
        *value = word + len + 1;
        return 1;
    }
    if (*opt == NULL || (*opt)->value == NULL || left < 2) {
        return 1;
    }
    *value = argv[1];
    return 2;
}

static bool
is_domain(const struct cnc__option *opt)
{
    return opt != NULL && strcmp(opt->name, "domain") == 0;
}

/* What is given where. */
static int
look(struct making *m, int argc, char *const *argv, struct cnc_error *err)
{
    const struct cnc__option *opt;
    const char *value;
    int n;

    CNC_CHECK(cnc__n_options <= CNC_N(m->all));
    for (int i = 0; i < argc; i += n) {
        n = words_of(&opt, &value, argv + i, argc - i);
        if (opt == NULL) {
            m->n_apps += !m->domains && argv[i][0] != '-';
        } else if (strcmp(opt->name, "config") == 0) {
            if (value == NULL || m->out->config != NULL) {
                return cnc_error_set(err, CNC_EINVAL, NULL,
                                     value == NULL
                                         ? "--config needs a file's name"
                                         : "--config is there twice; one "
                                           "file says everything");
            }
            m->out->config = cnc__strdup(value);
        } else if (strcmp(opt->name, "check") == 0) {
            m->out->check = true;
        } else {
            m->domains = m->domains || is_domain(opt);
            m->named[opt - cnc__options] = true;
            m->all[opt - cnc__options] =
                m->all[opt - cnc__options] || !m->domains;
        }
    }
    return 0;
}

/* Those words that are of this part: options before the first --domain, apps
 * before it, or all from there on. */
enum part { OPTIONS, APPS, DOMAINS };

static void
copy(struct making *m, enum part part, int argc, char *const *argv)
{
    const struct cnc__option *opt;
    const char *value;
    bool domains = false;
    int n;

    for (int i = 0; i < argc; i += n) {
        bool app;

        n = words_of(&opt, &value, argv + i, argc - i);
        domains = domains || is_domain(opt);
        app = opt == NULL && argv[i][0] != '-';
        if ((opt != NULL && opt->kind == CNC__OPTION_FRONT &&
             strcmp(opt->name, "config-help") != 0) ||
            part != (domains ? DOMAINS
                     : app   ? APPS
                             : OPTIONS)) {
            continue;
        }
        for (int k = 0; k < n; k++) {
            add(m, cnc__strdup(argv[i + k]));
        }
    }
}

/* Does the command line say it instead? */
static bool
is_overruled(const struct making *m, const struct cnc__config_file_line *l)
{
    size_t i;

    if (m->domains && l->section != 0) {
        return true;
    }
    if (l->opt == NULL) {
        return m->domains || m->n_apps > 0;
    }
    i = (size_t)(l->opt - cnc__options);
    return m->all[i] || (m->named[i] && l->opt->own == 0);
}

/* Of each section the options, then the apps, however they are mixed. */
static void
copy_section(struct making *m, unsigned section, bool apps)
{
    for (size_t i = 0; i < m->file.n; i++) {
        const struct cnc__config_file_line *l = &m->file.lines[i];
        struct cnc__str word = CNC__STR;

        if (l->section != section || (l->opt == NULL) != apps ||
            is_overruled(m, l)) {
            continue;
        }
        if (l->opt == NULL) {
            cnc__str_puts(&word, l->value);
        } else if (l->opt->kind == CNC__OPTION_FLAG) {
            cnc__str_printf(&word, "--%s", l->opt->name);
        } else {
            cnc__str_printf(&word, "--%s=%s", l->opt->name, l->value);
        }
        add(m, cnc__str_steal(&word));
    }
}

static int
read_file(struct making *m, struct cnc_error *err)
{
    const char *name = m->out->config;
    struct cnc__str text = CNC__STR;
    FILE *f = fopen(name, "re");
    char part[8192];
    size_t n;
    int code = 0;

    if (f == NULL) {
        return cnc_error_set(err, CNC_ESYS, NULL,
                             "cannot read the configuration file %s: %s", name,
                             strerror(errno));
    }
    while (text.len <= CNC__CONFIG_FILE_MAX &&
           (n = fread(part, 1, sizeof(part), f)) > 0) {
        cnc__str_add(&text, part, n);
    }
    if (ferror(f)) {
        code = cnc_error_set(err, CNC_ESYS, NULL,
                             "cannot read the configuration file %s: %s", name,
                             strerror(errno));
    }
    fclose(f);
    if (code == 0) {
        code = cnc__config_file_read(&m->file, name, cnc__str_c(&text),
                                     text.len, err);
    }
    cnc__str_fini(&text);
    if (code == 0 && m->n_apps > 0 && !m->domains && m->file.n_sections > 1) {
        code = cnc_error_set(err, CNC_EINVAL, NULL,
                             "%s has several domains: an app of the command "
                             "line comes after its own --domain there",
                             name);
    }
    return code;
}

int
cnc_service_words_new(struct cnc_service_words **out, int argc,
                      char *const *argv, struct cnc_error *err)
{
    struct making m = {0};
    int code;

    *out = m.out = cnc__zalloc(sizeof(*m.out));
    m.out->size = sizeof(*m.out);
    code = look(&m, argc, argv, err);
    if (code == 0 && argc == (m.out->check ? 1 : 0) &&
        access(CNC_CONFIG_FILE, F_OK) == 0) {
        m.out->config = cnc__strdup(CNC_CONFIG_FILE);
    }
    if (code == 0 && m.out->config != NULL) {
        code = read_file(&m, err);
    }
    if (code == 0 && m.out->config == NULL) {
        for (int i = 0; i < argc; i++) {
            if (strcmp(argv[i], "--check") != 0) {
                add(&m, cnc__strdup(argv[i]));
            }
        }
    } else if (code == 0) {
        copy(&m, OPTIONS, argc, argv);
        for (unsigned i = 0; i <= m.file.n_sections; i++) {
            copy_section(&m, i, false);
            copy_section(&m, i, true);
        }
        copy(&m, APPS, argc, argv);
        copy(&m, DOMAINS, argc, argv);
    }
    m.out->given = cnc__zalloc(((size_t)argc + 1) * sizeof(char *));
    while (m.out->n_given < argc) {
        m.out->given[m.out->n_given] = cnc__strdup(argv[m.out->n_given]);
        m.out->n_given++;
    }
    cnc__config_file_fini(&m.file);
    if (code != 0) {
        cnc_service_words_free(out);
    }
    return code;
}

void
cnc_service_words_free(struct cnc_service_words **wp)
{
    struct cnc_service_words *w = *wp;

    *wp = NULL;
    if (w == NULL) {
        return;
    }
    for (int i = 0; i < w->argc; i++) {
        cnc__free(w->argv[i]);
    }
    for (int i = 0; i < w->n_given; i++) {
        cnc__free(w->given[i]);
    }
    cnc__free((void *)w->argv);
    cnc__free((void *)w->given);
    cnc__free(w->config);
    cnc__free(w);
}
