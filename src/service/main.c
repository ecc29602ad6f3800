/* SPDX-License-Identifier: MIT */
/*
 * main.c -- concordanced: load C apps and serve them.
 */
#include <libgen.h>
#include <stdio.h>

#include <concordance/service.h>

#include "../base/check.h"

#define MAX_APPS 32

static void
usage(FILE *out)
{
    fprintf(out,
            "Usage: concordanced [OPTION...] APP.so...\n"
            "Serve apps: their pages, forms and PubSub nodes.\n\n%s"
            "  --help             this text\n"
            "  --version          the version\n\n"
            "An app is a module that says CNC_APP(name, ...). `concordctl new "
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
fail(const struct cnc_error *err)
{
    fprintf(stderr, "concordanced: %s.\n", err->text);
    return 1;
}

int
main(int argc, char **argv)
{
    static struct cnc_service_app apps[MAX_APPS + 1];
    struct cnc_service_options options = {
        .size = sizeof(options), .apps = apps, .on_ready = on_ready};
    struct cnc_service *service = NULL;
    struct cnc_error err = {0};
    int used = 0, n = 0, code;

    if (cnc_service_options_parse(&options, argc - 1, argv + 1, &used, &err) !=
        0) {
        fprintf(stderr, "concordanced: %s.\n", err.text);
        return 2;
    }
    for (int i = 1 + used; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            usage(stdout);
            return 0;
        }
        if (strcmp(argv[i], "--version") == 0) {
            puts("concordanced " CNC_VERSION);
            return 0;
        }
        if (argv[i][0] == '-') {
            fprintf(stderr,
                    "concordanced: %s comes after an app; options go "
                    "first. --help lists them.\n",
                    argv[i]);
            return 2;
        }
        if (n == MAX_APPS) {
            fprintf(stderr, "concordanced: at most %d apps.\n", MAX_APPS);
            return 2;
        }
        if (cnc_app_load(&apps[n].app, argv[i], &err) != 0) {
            return fail(&err);
        }
        apps[n].files = options.files;
        if (apps[n].files == NULL) {
            apps[n].files = dirname(cnc__strdup(argv[i]));
        }
        n++;
    }
    if (n == 0) {
        fprintf(stderr, "concordanced: name at least one app, a module such "
                        "as ./bookcase.so. --help says more.\n");
        return 2;
    }
    code = cnc_service_new(&service, &options, &err);
    if (code == 0) {
        code = cnc_service_run(service, &err);
    }
    cnc_service_free(&service);
    return code == 0 ? 0 : fail(&err);
}
