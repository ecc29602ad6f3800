/* SPDX-License-Identifier: MIT */
/*
 * main.c -- concordctl: talk to a running service, or make a new app.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "ctl.h"

static const struct ctl_command *const groups[] = {
    ctl_pubsub, ctl_template, ctl_do,       ctl_app,    ctl_admin, ctl_new,
    ctl_doctor, ctl_console,  ctl_operator, ctl_backup, ctl_agent};

int
ctl_iq(struct ctl *ctl, const char *type, const char *payload,
       struct cnc_element **reply)
{
    struct cnc_error err = {0};
    struct cnc_element *answer = NULL;
    int code = cnc__client_iq(ctl->client, type, NULL, payload, &answer, &err);

    if (code == 0 && reply != NULL) {
        *reply = answer;
        return 0;
    }
    cnc_element_unref(&answer);
    return code == 0 ? 0 : ctl_fail(&err);
}

/* Once a second, on a terminal over the line before. */
static void
on_progress(const char *text, void *priv)
{
    struct cnc__str line = CNC__STR;

    for (const char *c = text; *c != '\0'; c++) {
        if (ctl_control(c) == 0) {
            cnc__str_putc(&line, *c);
        }
    }
    if (isatty(2)) {
        fprintf(stderr, "\r\033[K%s\r", cnc__str_c(&line));
    } else {
        fprintf(stderr, "%s\n", cnc__str_c(&line));
    }
    cnc__str_fini(&line);
}

static void
usage(FILE *out)
{
    fputs("Usage: concordctl [--link PATH] [--domain NAME] [--indent] COMMAND "
          "[WORD...]\n"
          "Talk to a running Concordance service, or make a new app.\n\n",
          out);
    for (size_t g = 0; g < CNC_N(groups); g++) {
        for (const struct ctl_command *c = groups[g]; c->name != NULL; c++) {
            fprintf(out, "  %-9s %-34s %s\n", c->name, c->args, c->what);
        }
    }
    fputs("\n  --link PATH  the service's socket [CONCORDANCE_LINK, or "
          "data/link]\n"
          "  --domain NAME\n"
          "               of a service with several domains, the one that is "
          "meant\n"
          "               [CONCORDANCE_DOMAIN, or its first]\n"
          "  --indent     print XML over several lines\n\n"
          "`concordctl help COMMAND` says more of one.\n",
          out);
}

static const struct ctl_command *
find(const char *name)
{
    for (size_t g = 0; g < CNC_N(groups); g++) {
        for (const struct ctl_command *c = groups[g]; c->name != NULL; c++) {
            if (strcmp(c->name, name) == 0) {
                return c;
            }
        }
    }
    return NULL;
}

static void
help(FILE *out, const struct ctl_command *c)
{
    fprintf(out, "Usage: concordctl %s %s\n%s.\n%s%s", c->name, c->args,
            c->what, c->more == NULL ? "" : "\n",
            c->more == NULL ? "" : c->more);
}

/* Anywhere: no name, id or field is called so. */
static bool
asks_help(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            return true;
        }
    }
    return false;
}

static int
run(struct ctl *ctl, const struct ctl_command *c, int argc, char **argv)
{
    struct cnc_error err = {0};
    int status;

    if (argc < c->min || (c->max >= 0 && argc > c->max)) {
        help(stderr, c);
        return 2;
    }
    if (!c->offline &&
        cnc__client_open(&ctl->client, ctl->link, ctl->domain, &err) != 0) {
        return ctl_fail(&err);
    }
    if (ctl->client != NULL) {
        cnc__client_progress(ctl->client, on_progress, NULL);
    }
    status = c->run(ctl, argc, argv);
    cnc__client_close(&ctl->client);
    if (fflush(stdout) != 0) {
        return ctl_say(1, "cannot write: %s.", strerror(errno));
    }
    return status;
}

int
main(int argc, char **argv)
{
    struct ctl ctl = {.link = getenv("CONCORDANCE_LINK"),
                      .domain = getenv("CONCORDANCE_DOMAIN")};
    const struct ctl_command *c;
    int i = 1;

    if (ctl.link == NULL || ctl.link[0] == '\0') {
        ctl.link = "data/link";
    }
    if (ctl.domain != NULL && ctl.domain[0] == '\0') {
        ctl.domain = NULL;
    }
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            usage(stdout);
            return 0;
        } else if (strcmp(argv[i], "--version") == 0) {
            printf("concordctl %s\n", cnc_version());
            return 0;
        } else if (strcmp(argv[i], "--indent") == 0) {
            ctl.indent = true;
        } else if (strcmp(argv[i], "--link") == 0 && i + 1 < argc) {
            ctl.link = argv[++i];
        } else if (strncmp(argv[i], "--link=", 7) == 0) {
            ctl.link = argv[i] + 7;
        } else if (strcmp(argv[i], "--domain") == 0 && i + 1 < argc) {
            ctl.domain = argv[++i];
        } else if (strncmp(argv[i], "--domain=", 9) == 0) {
            ctl.domain = argv[i] + 9;
        } else {
            return ctl_say(2, "there is no option %s; --help lists them.",
                           argv[i]);
        }
    }
    if (i == argc) {
        usage(stderr);
        return 2;
    }
    if (strcmp(argv[i], "help") == 0) {
        c = i + 1 < argc ? find(argv[i + 1]) : NULL;
        if (c == NULL) {
            usage(stdout);
        } else {
            help(stdout, c);
        }
        return 0;
    }
    c = find(argv[i]);
    if (c != NULL && asks_help(argc - i - 1, argv + i + 1)) {
        help(stdout, c);
        return 0;
    }
    if (c == NULL) {
        return ctl_say(2, "there is no command %s; --help lists them.",
                       argv[i]);
    }
    return run(&ctl, c, argc - i - 1, argv + i + 1);
}
