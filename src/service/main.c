/* SPDX-License-Identifier: MIT */
/*
 * main.c -- concordanced: load C apps and serve them.
 */
#include <signal.h>
#include <stdio.h>

#include <uv.h>

#include <concordance/service.h>

#include "../base/check.h"

#define MAX_APPS 256

static void
usage(FILE *out)
{
    fprintf(out,
            "Usage: concordanced [OPTION...] APP...\n"
            "       concordanced [OPTION...] --domain NAME [OPTION...] "
            "APP... --domain ...\n"
            "Serve apps: their pages, forms and PubSub nodes.\n\n%s"
            "  --help             this text\n"
            "  --version          the version\n\n"
            "An app is a module, ./wiki.so, that says CNC_APP(name, ...), or "
            "the name of an\ninstalled one (looked for in CONCORDANCE_APPS). "
            "./wiki.so=/wiki puts it below /wiki.\nWhat it needs is started "
            "first. `concordctl new "
            "shelf --lang c`\nmakes one to start from; `concordctl status` "
            "talks to a running service.\n",
            cnc_service_options_help());
}

static void
on_ready(struct cnc_service *s, const char *url, void *priv)
{
    printf("Ready. Open %s\n", url);
    fflush(stdout);
}

static int
fail(int status, const struct cnc_error *err)
{
    fprintf(stderr, "concordanced: %s.\n", err->text);
    return status;
}

struct words { /* the command line, read */
    /* Those of each domain are ended by one that is none. */
    struct cnc_service_app apps[MAX_APPS * 2 + 1];
    int n, n_entries;
    struct cnc_service_options options;
    struct cnc_service_words *line;
};

static int
add_app(struct words *w, const char *word, bool last)
{
    struct cnc_service_app *entry = &w->apps[w->n_entries];

    if (w->n == MAX_APPS) {
        fprintf(stderr, "concordanced: at most %d apps.\n", MAX_APPS);
        return 2;
    }
    entry->word = word;
    entry->files = last ? cnc_service_options_files(&w->options) : NULL;
    w->n++;
    w->n_entries++;
    return 0;
}

/* The apps from here to the next option; -1: go on; else the exit status. */
static int
read_apps(struct words *w, int argc, char **argv, int *i)
{
    int status = 0;

    cnc_service_options_apps(&w->options, &w->apps[w->n_entries]);
    for (; *i < argc && argv[*i][0] != '-'; ++*i) {
        status =
            add_app(w, argv[*i], *i + 1 == argc || argv[*i + 1][0] == '-');
        if (status != 0) {
            return status;
        }
    }
    w->n_entries++;
    if (*i < argc && strcmp(argv[*i], "--help") != 0 &&
        strcmp(argv[*i], "--version") != 0 &&
        strcmp(argv[*i], "--domain") != 0 &&
        strncmp(argv[*i], "--domain=", 9) != 0) {
        fprintf(stderr,
                "concordanced: %s comes after an app; options go before the "
                "apps, only --domain begins the next. --help lists them.\n",
                argv[*i]);
        return 2;
    }
    return -1;
}

/* -1: go on; else the exit status. */
static int
read_words(struct words *w, int argc, char **argv)
{
    struct cnc_error err = {0};

    for (int i = 0; i < argc;) {
        int used = 0, status;

        if (cnc_service_options_parse(&w->options, argc - i, argv + i, &used,
                                      &err) != 0) {
            return fail(2, &err);
        }
        i += used;
        if (i == argc) {
            break;
        }
        if (strcmp(argv[i], "--help") == 0) {
            usage(stdout);
            return 0;
        }
        if (strcmp(argv[i], "--version") == 0) {
            puts("concordanced " CNC_VERSION);
            return 0;
        }
        if (strcmp(argv[i], "--config-help") == 0) {
            fputs(cnc_service_options_file(), stdout);
            return 0;
        }
        if (argv[i][0] == '-') {
            fprintf(stderr,
                    "concordanced: there is no option %s; --help lists "
                    "them.\n",
                    argv[i]);
            return 2;
        }
        status = read_apps(w, argc, argv, &i);
        if (status >= 0) {
            return status;
        }
    }
    if (w->n == 0) {
        if (w->line->config != NULL) {
            fprintf(stderr,
                    "concordanced: %s names no app: a line such as app = "
                    "./bookcase.so. --config-help says more.\n",
                    w->line->config);
        } else {
            fprintf(stderr,
                    "concordanced: name at least one app, a module such as "
                    "./bookcase.so. --help says more.\n");
        }
        return 2;
    }
    return -1;
}

/* --check: what would keep it from starting. */
static int
judge(const struct words *w)
{
    struct cnc_error err = {0};

    if (cnc_service_check(&w->options, &err) != 0) {
        return fail(1, &err);
    }
    printf("%s is good: %d %s.\n",
           w->line->config == NULL ? "The command line" : w->line->config,
           w->n, w->n == 1 ? "app" : "apps");
    return 0;
}

static int
serve(const struct cnc_service_options *options)
{
    struct cnc_service *service = NULL;
    struct cnc_error err = {0};
    int code = cnc_service_new(&service, options, &err);

    if (code == 0) {
        code = cnc_service_run(service, &err);
    }
    cnc_service_free(&service);
    return code == 0 ? 0 : fail(1, &err);
}

/* Before any app is loaded: a new version of it is then loaded by the next
 * start, which reads the file again, too, unless that has an error now. */
static int
supervise(struct words *w)
{
    struct cnc_service_words *now = NULL;
    struct cnc_error err = {0};
    int i = 0;

    while (i < w->line->argc && strcmp(w->line->argv[i], "--supervise") != 0) {
        i++;
    }
    if (w->line->check || i == w->line->argc) {
        return -1;
    }
    if (cnc_supervise(&err) != 0) {
        return fail(1, &err);
    }
    if (cnc_service_words_new(&now, w->line->n_given, w->line->given, &err) !=
        0) {
        fail(1, &err);
        return -1;
    }
    cnc_service_words_free(&w->line);
    w->line = now;
    return -1;
}

int
main(int argc, char **argv)
{
    static struct words w;
    struct cnc_error err = {0};
    int status;

    /* A pipe whose reader has gone is an error of write(). */
    signal(SIGPIPE, SIG_IGN);
    if (cnc_service_words_new(&w.line, argc - 1, argv + 1, &err) != 0) {
        return fail(2, &err);
    }
    w.options.size = sizeof(w.options);
    w.options.on_ready = on_ready;
    status = supervise(&w);
    w.options.words = w.line;
    if (status < 0) {
        status = read_words(&w, w.line->argc, w.line->argv);
    }
    if (status < 0) {
        status = w.line->check ? judge(&w) : serve(&w.options);
    }
    /* The pool's threads end while OpenSSL can still clean up after them. */
    uv_library_shutdown();
    cnc_service_options_fini(&w.options);
    cnc_service_words_free(&w.line);
    return status;
}
