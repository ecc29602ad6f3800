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

/* @name@ is the app's name, @Name@ the same with a capital. */
static void
fill(struct cnc__str *out, const char *text, const char *name)
{
    while (*text != '\0') {
        if (strncmp(text, "@name@", 6) == 0) {
            cnc__str_puts(out, name);
            text += 6;
        } else if (strncmp(text, "@Name@", 6) == 0) {
            cnc__str_putc(out, (char)toupper((unsigned char)name[0]));
            cnc__str_puts(out, name + 1);
            text += 6;
        } else {
            cnc__str_putc(out, *text++);
        }
    }
}

static int
write_file(const struct file *file, const char *skeletons, const char *name)
{
    struct cnc__str from = CNC__STR, to = CNC__STR, text = CNC__STR;
    size_t len = 0;
    char *raw;
    FILE *f;
    int code = 0;

    cnc__str_printf(&from, "%s/%s", skeletons, file->from);
    cnc__str_printf(&to, "%s/", name);
    fill(&to, file->to, name);
    raw = ctl_read(from.data, &len);
    f = raw == NULL ? NULL : fopen(to.data, "wx");
    if (f == NULL) {
        code = raw == NULL ? 1
                           : ctl_say(1, "cannot make %s: %s.", to.data,
                                     strerror(errno));
    } else {
        fill(&text, raw, name);
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

static bool
good_name(const char *s)
{
    return s[0] >= 'a' && s[0] <= 'z' && strlen(s) <= 40 &&
           strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(s);
}

static int
new_app(struct ctl *ctl, int argc, char **argv)
{
    const char *name = NULL, *lang = "c";
    const char *skeletons = getenv("CONCORDANCE_SKELETONS");
    const struct file *files;
    int code = 0;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--lang") == 0 && i + 1 < argc) {
            lang = argv[++i];
        } else if (strncmp(argv[i], "--lang=", 7) == 0) {
            lang = argv[i] + 7;
        } else if (name == NULL && argv[i][0] != '-') {
            name = argv[i];
        } else {
            return ctl_say(2, "`concordctl help new` says how that goes.");
        }
    }
    if (name == NULL || !good_name(name)) {
        return ctl_say(2, "an app's name is lower-case letters, digits and _, "
                          "and starts with a letter.");
    }
    if (strcmp(lang, "c") != 0 && strcmp(lang, "python") != 0) {
        return ctl_say(2, "--lang is c or python, not %s.", lang);
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
    if (mkdir(name, 0755) != 0) {
        return ctl_say(1, "cannot make the folder %s: %s.", name,
                       strerror(errno));
    }
    files = lang[0] == 'c' ? c_files : python_files;
    for (const struct file *f = files; code == 0 && f->from != NULL; f++) {
        code = write_file(f, skeletons, name);
    }
    if (code == 0) {
        printf("%s/ is ready. Next:\n  cd %s\n  make run      serve it, open "
               "the address it prints\n  make admin    meanwhile: an account "
               "for you; then /admin is yours\n  make check    its test\n",
               name, name);
    }
    return code;
}

const struct ctl_command ctl_new[] = {
    {"new", "NAME [--lang c|python]", "make a small working app",
     "Makes the folder NAME with the app, its page's template, its test and "
     "a Makefile\nthat serves it with log-in and the admin panel.\n",
     1, 3, true, new_app},
    {NULL, NULL, NULL, NULL, 0, 0, false, NULL},
};
