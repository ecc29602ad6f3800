/* SPDX-License-Identifier: MIT */
/*
 * new.c -- `concordctl new`: a small working app with its test, from the
 * skeletons that are installed with the tool.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"

struct file {
    const char *from, *to; /* to: @name@ is replaced here too */
    bool executable;
};

static const struct file c_files[] = {
    {"c/app.c", "@name@.c", false},
    {"c/Makefile", "Makefile", false},
    {"c/test.c", "test_@name@.c", false},
    {"page.xsl", "@name@.xsl", false},
    {NULL, NULL, false},
};

static const struct file python_files[] = {
    {"python/app.py", "@name@.py", false},
    {"python/Makefile", "Makefile", false},
    {"python/test_app.py", "test_@name@.py", false},
    {"page.xsl", "@name@.xsl", false},
    {NULL, NULL, false},
};

struct site {
    const char *name; /* the app's */
    const char *apps; /* those beside it, blanks between */
};

/* @name@ is the app's name, @Name@ the same with a capital, @apps@ those that
 * run beside it. */
static void
fill(struct cnc__str *out, const char *text, const struct site *site)
{
    while (*text != '\0') {
        if (strncmp(text, "@name@", 6) == 0) {
            cnc__str_puts(out, site->name);
            text += 6;
        } else if (strncmp(text, "@Name@", 6) == 0) {
            cnc__str_putc(out, (char)toupper((unsigned char)site->name[0]));
            cnc__str_puts(out, site->name + 1);
            text += 6;
        } else if (strncmp(text, "@apps@", 6) == 0) {
            cnc__str_puts(out, site->apps);
            text += 6;
        } else {
            cnc__str_putc(out, *text++);
        }
    }
}

static int
write_file(const struct file *file, const char *skeletons,
           const struct site *site)
{
    struct cnc__str from = CNC__STR, to = CNC__STR, text = CNC__STR;
    size_t len = 0;
    char *raw;
    FILE *f;
    int code = 0;

    cnc__str_printf(&from, "%s/%s", skeletons, file->from);
    cnc__str_printf(&to, "%s/", site->name);
    fill(&to, file->to, site);
    raw = ctl_read(from.data, &len);
    f = raw == NULL ? NULL : fopen(to.data, "wx");
    if (f == NULL) {
        code = raw == NULL ? 1
                           : ctl_say(1, "cannot make %s: %s.", to.data,
                                     strerror(errno));
    } else {
        fill(&text, raw, site);
        fwrite(text.data, 1, text.len, f);
        if (fclose(f) != 0) {
            code =
                ctl_say(1, "cannot write %s: %s.", to.data, strerror(errno));
        } else if (file->executable) {
            chmod(to.data, 0755);
        }
    }
    cnc__free(raw);
    cnc__str_fini(&from);
    cnc__str_fini(&to);
    cnc__str_fini(&text);
    return code;
}

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789_"

static bool
good_name(const char *s)
{
    return s[0] >= 'a' && s[0] <= 'z' && strlen(s) <= 40 &&
           strspn(s, NAME_CHARS) == strlen(s);
}

/* Names of installed apps, blanks between, each perhaps with "=/mount": they
 * go into a Makefile as they are. */
static bool
good_apps(const char *s)
{
    return strlen(s) <= 400 && strspn(s, NAME_CHARS "-=/ ") == strlen(s) &&
           s[0] != '-' && strstr(s, " -") == NULL;
}

static bool
has_app(const char *apps, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = apps; (at = strstr(at, name)) != NULL; at += len) {
        if ((at == apps || at[-1] == ' ') &&
            strchr(" =", at[len]) != NULL) { /* also the end */
            return true;
        }
    }
    return false;
}

static int
make_site(const struct site *site, const char *skeletons,
          const struct file *files)
{
    int code = 0;

    if (mkdir(site->name, 0755) != 0) {
        return ctl_say(1, "cannot make the folder %s: %s.", site->name,
                       strerror(errno));
    }
    for (const struct file *f = files; code == 0 && f->from != NULL; f++) {
        code = write_file(f, skeletons, site);
    }
    if (code == 0) {
        printf("%s/ is ready. Next:\n  cd %s\n  make run      serve it, open "
               "the address it prints\n  make admin    meanwhile: an account "
               "for you%s\n  make check    its test\n",
               site->name, site->name,
               has_app(site->apps, "admin") ? "; then /admin is yours" : "");
    }
    return code;
}

/* The word of an option, "--name WORD" or "--name=WORD"; NULL: it is not
 * that one. */
static const char *
option(int *i, int argc, char **argv, const char *name)
{
    size_t len = strlen(name);

    if (strncmp(argv[*i], name, len) != 0) {
        return NULL;
    }
    if (argv[*i][len] == '=') {
        return argv[*i] + len + 1;
    }
    return argv[*i][len] == '\0' && *i + 1 < argc ? argv[++*i] : NULL;
}

static int
new_app(struct ctl *ctl, int argc, char **argv)
{
    struct site site = {.name = NULL, .apps = "auth admin"};
    const char *skeletons = getenv("CONCORDANCE_SKELETONS"), *lang = "c";

    for (int i = 0; i < argc; i++) {
        const char *word;

        if ((word = option(&i, argc, argv, "--lang")) != NULL) {
            lang = word;
        } else if ((word = option(&i, argc, argv, "--apps")) != NULL) {
            site.apps = word;
        } else if (site.name == NULL && argv[i][0] != '-') {
            site.name = argv[i];
        } else {
            return ctl_say(2, "`concordctl help new` says how that goes.");
        }
    }
    if (site.name == NULL || !good_name(site.name)) {
        return ctl_say(2, "an app's name is lower-case letters, digits and _, "
                          "and starts with a letter.");
    }
    if (strcmp(lang, "c") != 0 && strcmp(lang, "python") != 0) {
        return ctl_say(2, "--lang is c or python, not %s.", lang);
    }
    if (!good_apps(site.apps)) {
        return ctl_say(2,
                       "--apps is names of installed apps with blanks "
                       "between, such as \"auth admin\", not \"%s\".",
                       site.apps);
    }
    if (skeletons == NULL || skeletons[0] == '\0') {
        skeletons = CNC_DATADIR "/skeleton";
    }
    if (access(skeletons, R_OK | X_OK) != 0) {
        return ctl_say(1,
                       "the skeletons are not in %s: %s; install Concordance "
                       "whole, or set CONCORDANCE_SKELETONS.",
                       skeletons, strerror(errno));
    }
    return make_site(&site, skeletons,
                     lang[0] == 'c' ? c_files : python_files);
}

const struct ctl_command ctl_new[] = {
    {"new", "NAME [--lang c|python] [--apps NAMES]",
     "make a small working app",
     "Makes the folder NAME with the app, its page's template, its test and "
     "a Makefile\nthat serves it with log-in and the admin panel: --apps "
     "\"auth admin\".  Other\ninstalled apps run beside it by their names "
     "(\"auth admin wiki=/notes\");\n--apps \"\" serves it alone.\n",
     1, 5, true, new_app},
    {NULL, NULL, NULL, NULL, 0, 0, false, NULL},
};
