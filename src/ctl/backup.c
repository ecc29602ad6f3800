/* SPDX-License-Identifier: MIT */
/*
 * backup.c -- all that a domain keeps as one file, and back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <concordance/service.h>

#include "ctl.h"

/* Everything of from, made durable when it is a file. */
static int
copy(int from, int to, const char *name)
{
    char bytes[65536];
    ssize_t n, done;

    while ((n = read(from, bytes, sizeof(bytes))) > 0) {
        for (ssize_t at = 0; at < n; at += done) {
            done = write(to, bytes + at, (size_t)(n - at));
            if (done < 0) {
                return ctl_say(1, "cannot write %s: %s.", name,
                               strerror(errno));
            }
        }
    }
    if (n < 0) {
        return ctl_say(1, "cannot read the backup: %s.", strerror(errno));
    }
    if (to != 1 && fsync(to) != 0) {
        return ctl_say(1, "cannot write %s: %s.", name, strerror(errno));
    }
    return 0;
}

/* What the service wrote to made goes to the file, and from there. */
static int
take(const char *made, const char *file)
{
    bool out = strcmp(file, "-") == 0;
    int from = open(made, O_RDONLY | O_CLOEXEC), to, code;

    if (from < 0) {
        return ctl_say(1, "cannot read %s: %s; it is complete and stays there",
                       made, strerror(errno));
    }
    to = out ? 1 : open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0) {
        code = ctl_say(1, "cannot make %s: %s.", file, strerror(errno));
    } else {
        code = copy(from, to, file);
    }
    if (!out && to >= 0 && close(to) != 0 && code == 0) {
        code = ctl_say(1, "cannot write %s: %s.", file, strerror(errno));
    }
    if (!out && to >= 0 && code != 0) {
        unlink(file);
    }
    close(from);
    if (code != 0) {
        return ctl_say(1, "%s is complete and stays there.", made);
    }
    unlink(made);
    return 0;
}

static int
backup(struct ctl *ctl, int argc, char **argv)
{
    const char *file = argc == 0 ? "-" : argv[0];
    struct cnc_element *reply = NULL;
    const struct cnc_element *x;
    struct stat st;
    int code;

    if (argc > 0 && strcmp(file, "-") != 0 && stat(file, &st) == 0) {
        return ctl_say(1, "%s is there already.", file);
    }
    code = ctl_iq(ctl, "set",
                  "<command xmlns='" NS_COMMANDS
                  "' node='backup' action='execute'/>",
                  &reply);
    if (code == 0 && (code = ctl_outcome(reply)) == 0) {
        x = cnc_element_child(cnc_element_child(reply, NS_COMMANDS, "command"),
                              NS_DATA, "x");
        code = take(ctl_value_of(x, "file"), file);
        if (code == 0 && strcmp(file, "-") != 0) {
            printf("%s entries and %s files are in %s.\n",
                   ctl_value_of(x, "entries"), ctl_value_of(x, "files"), file);
        }
        if (code == 0 && strcmp(ctl_value_of(x, "missing"), "0") != 0) {
            ctl_say(0,
                    "%s files of people could not be read; the log names "
                    "them.",
                    ctl_value_of(x, "missing"));
        }
    }
    cnc_element_unref(&reply);
    return code;
}

static int
restore(struct ctl *ctl, int argc, char **argv)
{
    const char *file = NULL, *data = "data", *store = "sqlite";
    struct cnc_backup about = {.entries = 0};
    struct cnc_error err = {0};
    bool force = false, check = false;
    int code;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--force") == 0) {
            force = true;
        } else if (strcmp(argv[i], "--check") == 0) {
            check = true;
        } else if (strcmp(argv[i], "--data") == 0 && i + 1 < argc) {
            data = argv[++i];
        } else if (strcmp(argv[i], "--store") == 0 && i + 1 < argc) {
            store = argv[++i];
        } else if (argv[i][0] == '-' || file != NULL) {
            return ctl_say(2, "%s is not understood here.", argv[i]);
        } else {
            file = argv[i];
        }
    }
    if (file == NULL) {
        return ctl_say(2, "name the file of the backup.");
    }
    code = check ? cnc_backup_check(&about, file, &err)
                 : cnc_backup_restore(&about, file, data, store, ctl->domain,
                                      force, &err);
    if (code != 0) {
        return ctl_fail(&err);
    }
    printf("%s is a backup of %s of %s: %llu entries, %llu files%s%s.\n", file,
           about.domain, about.time, (unsigned long long)about.entries,
           (unsigned long long)about.files, check ? ", whole" : ", now in ",
           check ? "" : data);
    return 0;
}

const struct ctl_command ctl_backup[] = {
    {"backup", "[FILE]", "save all that the domain keeps in one file",
     "Without FILE it goes to standard output.  The files that people sent "
     "are "
     "in it;\nlog-ins and tokens are left out.  The service goes on "
     "meanwhile, "
     "and says how far\nit is on standard error.\n",
     0, 1, false, backup},
    {"restore", "[--check] [--data DIR] [--store NAME] [--force] FILE",
     "make a data folder of a backup",
     "For a service that does not run.  The file is read and judged whole "
     "before anything\nis changed; --check does no more.  DIR [data] has to "
     "be empty, or --force: what is\nthere is kept as DIR.before-restore.  "
     "With --domain it has to be a backup of that\ndomain.\n",
     1, -1, true, restore},
    {NULL, NULL, NULL, NULL, 0, 0, false, NULL},
};
